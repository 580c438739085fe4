//! What the update clients on phones do with a site: the rules of each generation.
//!
//! In: a [`Phone`], the value of its URI property, and published bytes. Out: the request a
//! client sends ([`request()`]), whether it takes the answer ([`accept`]), the entries it
//! reads out of a body ([`read`]), its [`Verdict`] on each with the [`Reason`] ([`judge`]),
//! and all of that in the order of the phone's screen ([`assess`]).
//!
//! The rules are those of the clients, lenient where they are lenient, and use nothing else
//! of romfeed: a feed that the writer and the reader misunderstand alike would look fine.
//!
//! Sources, of the repositories CyanogenMod/android_packages_apps_CMUpdater,
//! LineageOS/android_packages_apps_CMUpdater and LineageOS/android_packages_apps_Updater:
//!
//! - [`Generation::Cm10`], [`Generation::Cm11`]: CMUpdater, branches cm-10.2 and cm-11.0;
//! - [`Generation::Cm12`]: CMUpdater, branch cm-12.1, `UpdateCheckService` of 53348d48;
//! - [`Generation::Cm14`]: CMUpdater, branch cm-14.1 from 6e2947a5 on;
//! - [`Generation::First15`]: Updater, branch lineage-15.0;
//! - [`Generation::Template14`]: Updater, branch cm-14.1 from 6b44a77 on;
//! - [`Generation::Java22`]: Updater, branches lineage-16.0 to lineage-22.0;
//! - [`Generation::Java23`]: Updater, lineage-22.1 to the last revision in Java, `Utils.canInstall`
//!   as changed on 2024-12-24 and 2025-02-18;
//! - [`Generation::KotlinV1`]: Updater, `UpdatesNetworkDataSource` of a973e5b3;
//! - [`Generation::KotlinVersion`]: the same of 0e7af6f8, with `UpdatesRepository` of 2d441e8b;
//! - [`Generation::Kotlin23`]: Updater, LineageOS 23.2, whose `UpdatesRepository` compares
//!   `os_sdk_level`.
//!
//! Forks, of their repositories of the updater: crDroid 14.0 and its `NetworkUpdate.kt` of
//! 2026; Evolution X udc and vic; VoltageOS 14, Matrixx 14.0, Infinity X 15; PixelOS fourteen and
//! its `NetworkUpdate.kt` of 2026; DerpFest 16; AxionOS of 2026; LMODroid fourteen. Others:
//! `UpdaterThread.kt` of Custota 6.4, `Service.java` of GrapheneOS 14.
//!
//! Letters and numbers in comments group the rules: U for URLs, T for transport, P for the
//! list, E for entries, F for filters, V2 for the Kotlin client.
//!
//! Left out: what follows the choice of a build (download, signature, installation), the
//! checks for deltas of some forks, and checks of a romtype other than the phone's. RisingOS's
//! comparison of the maintainer's name with one that is built in.

mod entry;
mod java;
mod keys;
mod kotlin;
mod kotlinx;
mod line;
mod list;
mod listing;
mod orgjson;
mod reason;
mod request;
mod response;
mod uri;
mod value;
mod verdict;
mod warning;

pub use entry::{Dropped, Entry, EntryFault, List, ListFault};
pub use list::read;
pub use listing::{Listing, Row, assess, notifies};
pub use reason::Reason;
pub use request::{Method, UpdaterRequest, UrlFault, request};
pub use response::{MAX_REDIRECTS, TransportFault, UpdaterResponse, accept};
pub use verdict::{Verdict, can_stream, judge};
pub use warning::{Warning, warnings};

use std::fmt;

/// A generation of an update client, of LineageOS's own updaters or of a fork's: what reads and
/// judges a list by the same rules. LineageOS's come first, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Generation {
    /// CMUpdater of 10.2: sends POST requests, reads `result`, and needs `changes` late.
    Cm10,
    /// CMUpdater of 11: the same, and shows older builds as well.
    Cm11,
    /// CMUpdater before January 2017: sends POST requests and reads `result`.
    Cm12,
    /// CMUpdater from January 2017 on: appends a path to a base and reads `response`.
    Cm14,
    /// The first Updater: still appends a path, compares with `>=`, needs no `size`.
    First15,
    /// The Updater that fills in a template, from April 2018 on.
    Template14,
    /// The Updater that also compares versions, as text, and installs only its own.
    Java22,
    /// The Updater that installs newer minor versions, from December 2024 on.
    Java23,
    /// The Updater in Kotlin while it still read `response`, and nothing but its seven keys.
    KotlinV1,
    /// The Updater in Kotlin that reads an array and compares versions, as numbers.
    KotlinVersion,
    /// The Updater in Kotlin that reads an array and compares SDK levels.
    Kotlin23,
    /// crDroid's, in Java: keys of its own, dates alone.
    CrDroid14,
    /// crDroid's, in Kotlin: the digest is SHA-256, and less is required.
    CrDroid16,
    /// Evolution X's of Android 14, a relative of crDroid's.
    EvolutionX14,
    /// Evolution X's of Android 15, which no longer reads `buildtype`.
    EvolutionX15,
    /// VoltageOS's, Matrixx's and Infinity X's: no more than the core of crDroid's keys.
    Voltage14,
    /// PixelOS's of Android 14: the body is the newest build.
    PixelOs14,
    /// PixelOS's of Android 17: LineageOS's array, strictly read.
    PixelOs17,
    /// DerpFest's, in Kotlin: LineageOS's older keys, dates alone.
    DerpFest16,
    /// AxionOS's: [`Java23`](Generation::Java23) with `{variant}` in its address.
    Axion,
    /// LMODroid's: the first number of the version decides.
    LmoDroid14,
    /// Custota: the body names one package, and deltas by what they apply to.
    Custota,
    /// GrapheneOS's: a line for each channel.
    GrapheneOs,
}

/// Where a client has its address from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// This property, or a resource of the updater where it is not set.
    Property(&'static str),
    /// A resource of the updater.
    BuiltIn,
    /// A setting that the user fills in.
    Setting,
}

impl Generation {
    /// Those of CyanogenMod and LineageOS, oldest first.
    pub const LINEAGE: [Generation; 11] = [
        Generation::Cm10,
        Generation::Cm11,
        Generation::Cm12,
        Generation::Cm14,
        Generation::First15,
        Generation::Template14,
        Generation::Java22,
        Generation::Java23,
        Generation::KotlinV1,
        Generation::KotlinVersion,
        Generation::Kotlin23,
    ];

    /// All generations: LineageOS's, then those of forks and other projects.
    pub const ALL: [Generation; 23] = [
        Generation::Cm10,
        Generation::Cm11,
        Generation::Cm12,
        Generation::Cm14,
        Generation::First15,
        Generation::Template14,
        Generation::Java22,
        Generation::Java23,
        Generation::KotlinV1,
        Generation::KotlinVersion,
        Generation::Kotlin23,
        Generation::CrDroid14,
        Generation::CrDroid16,
        Generation::EvolutionX14,
        Generation::EvolutionX15,
        Generation::Voltage14,
        Generation::PixelOs14,
        Generation::PixelOs17,
        Generation::DerpFest16,
        Generation::Axion,
        Generation::LmoDroid14,
        Generation::Custota,
        Generation::GrapheneOs,
    ];

    /// A short name for command lines and `--json`.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Generation::Cm10 => "cm10",
            Generation::Cm11 => "cm11",
            Generation::Cm12 => "cm12",
            Generation::Cm14 => "cm14",
            Generation::First15 => "15.0",
            Generation::Template14 => "15.1",
            Generation::Java22 => "22",
            Generation::Java23 => "22.1",
            Generation::KotlinV1 => "23-v1",
            Generation::KotlinVersion => "23-version",
            Generation::Kotlin23 => "23",
            Generation::CrDroid14 => "crdroid-14",
            Generation::CrDroid16 => "crdroid-16",
            Generation::EvolutionX14 => "evolution-x-14",
            Generation::EvolutionX15 => "evolution-x-15",
            Generation::Voltage14 => "voltage-14",
            Generation::PixelOs14 => "pixelos-14",
            Generation::PixelOs17 => "pixelos-17",
            Generation::DerpFest16 => "derpfest-16",
            Generation::Axion => "axion",
            Generation::LmoDroid14 => "lmodroid-14",
            Generation::Custota => "custota",
            Generation::GrapheneOs => "grapheneos",
        }
    }

    /// The generation with this [`id`](Generation::id).
    #[must_use]
    pub fn from_id(id: &str) -> Option<Generation> {
        Generation::ALL.into_iter().find(|one| one.id() == id)
    }

    /// The releases that came with it, as people call them.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Generation::Cm10 => "CyanogenMod 10.2",
            Generation::Cm11 => "CyanogenMod 11",
            Generation::Cm12 => "CyanogenMod 12.0 and 12.1, and early 13.0 and 14.1",
            Generation::Cm14 => "LineageOS 13.0 and early 14.1",
            Generation::First15 => "LineageOS 15.0 and early 15.1",
            Generation::Template14 => "LineageOS 14.1 and 15.1",
            Generation::Java22 => "LineageOS 16.0 to 22.0",
            Generation::Java23 => "LineageOS 22.1 to 23.0",
            Generation::KotlinV1 => "LineageOS 23, first revisions in Kotlin",
            Generation::KotlinVersion => "LineageOS 23, revisions that compare versions",
            Generation::Kotlin23 => "LineageOS 23.2",
            Generation::CrDroid14 => "crDroid 14",
            Generation::CrDroid16 => "crDroid 16",
            Generation::EvolutionX14 => "Evolution X of Android 14",
            Generation::EvolutionX15 => "Evolution X of Android 15",
            Generation::Voltage14 => "VoltageOS 14, Matrixx 14 and Infinity X 15",
            Generation::PixelOs14 => "PixelOS 14",
            Generation::PixelOs17 => "PixelOS 17",
            Generation::DerpFest16 => "DerpFest 16",
            Generation::Axion => "AxionOS",
            Generation::LmoDroid14 => "LMODroid 14",
            Generation::Custota => "Custota",
            Generation::GrapheneOs => "GrapheneOS",
        }
    }

    /// Where it has its address from.
    #[must_use]
    pub fn address(self) -> Address {
        match self {
            Generation::Cm10 | Generation::Cm11 | Generation::Cm12 | Generation::Cm14 => {
                Address::Property("cm.updater.uri")
            }
            Generation::First15
            | Generation::Template14
            | Generation::Java22
            | Generation::Java23
            | Generation::KotlinV1
            | Generation::KotlinVersion
            | Generation::Kotlin23
            | Generation::Axion => Address::Property("lineage.updater.uri"),
            Generation::LmoDroid14 => Address::Property("lmodroid.updater.uri"),
            Generation::Custota => Address::Setting,
            _ => Address::BuiltIn,
        }
    }

    /// Whether its list says when each build was made.
    #[must_use]
    pub fn reads_date(self) -> bool {
        self != Generation::Custota
    }

    /// Whether it asks or compares with the phone's release type.
    #[must_use]
    pub fn compares_type(self) -> bool {
        match self {
            Generation::Axion | Generation::LmoDroid14 | Generation::GrapheneOs => true,
            _ => Generation::First15 <= self && self <= Generation::Kotlin23,
        }
    }

    /// Whether it compares with the phone's version.
    #[must_use]
    pub fn compares_version(self) -> bool {
        match self {
            Generation::Axion | Generation::LmoDroid14 => true,
            _ => Generation::Cm14 <= self && self <= Generation::Kotlin23,
        }
    }

    /// Whether it compares with the phone's API level.
    #[must_use]
    pub fn compares_sdk(self) -> bool {
        self.is_post() || [Generation::Kotlin23, Generation::PixelOs17].contains(&self)
    }

    /// Whether its list says how large each package is.
    #[must_use]
    pub fn reads_size(self) -> bool {
        self > Generation::First15 && !self.is_no_list()
    }

    /// Whether this is CMUpdater that asks by POST.
    #[must_use]
    pub fn is_post(self) -> bool {
        matches!(self, Generation::Cm10 | Generation::Cm11 | Generation::Cm12)
    }

    /// Whether this is CMUpdater and not the Updater that followed it.
    fn is_cmupdater(self) -> bool {
        self.is_post() || self == Generation::Cm14
    }

    /// Whether this is one of the revisions in Kotlin of LineageOS's Updater, or a fork of one.
    fn is_kotlin(self) -> bool {
        matches!(
            self,
            Generation::KotlinV1
                | Generation::KotlinVersion
                | Generation::Kotlin23
                | Generation::CrDroid16
                | Generation::PixelOs17
                | Generation::DerpFest16
        )
    }

    /// Whether it takes nothing over plain http (T1); Custota's users may.
    fn refuses_cleartext(self) -> bool {
        self >= Generation::Java22 && self != Generation::Custota
    }

    /// Whether it looks at the phone's next device (U7).
    fn asks_for_next_device(self) -> bool {
        let is_without = matches!(
            self,
            Generation::Voltage14 | Generation::PixelOs14 | Generation::PixelOs17
        );
        !self.is_cmupdater() && !is_without && !self.is_no_list()
    }

    /// Whether its body is not a list of builds, but names one.
    fn is_no_list(self) -> bool {
        matches!(self, Generation::Custota | Generation::GrapheneOs)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The properties of a phone that its client looks at; a property not set is empty or 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phone {
    /// `ro.lineage.device`, or `ro.cm.device` before LineageOS 15.
    pub device: String,
    /// `ro.updater.next_device`, which takes the place of the device (U7).
    pub next_device: Option<String>,
    /// `ro.lineage.releasetype`, or `ro.cm.releasetype`, in the case it has there.
    pub release_type: String,
    /// `ro.lineage.build.version`; for CMUpdater `ro.cm.version`, or the start of it.
    pub version: String,
    /// `ro.build.version.incremental`.
    pub incremental: String,
    /// `ro.build.date.utc`, in seconds.
    pub datetime: i64,
    /// `ro.build.version.sdk`.
    pub sdk: u32,
    /// `lineage.updater.allow_downgrading`, or `cm.updater.allow_downgrading`.
    pub allow_downgrading: bool,
    /// `lineage.updater.allow_major_upgrades`, which those from LineageOS 22.1 on look at.
    pub allow_major_upgrades: bool,
    /// `ro.build.ab_update`; only such phones install without downloading first.
    pub is_ab: bool,
    /// The flavour that [`Generation::Axion`] fills in: `VANILLA`, or else `GMS`.
    pub flavour: String,
    /// `net.pixelos.version`, which [`Generation::PixelOs17`] fills in.
    pub branch: String,
    /// `ro.boot.vbmeta.digest`, by which [`Generation::Custota`] chooses a delta.
    pub vbmeta_digest: String,
}

impl Phone {
    /// What this generation puts into the URL as the device (U7).
    fn asked_device(&self, generation: Generation) -> &str {
        match &self.next_device {
            Some(next) if generation.asks_for_next_device() && !next.is_empty() => next,
            _ => &self.device,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_distinct_and_lead_back() {
        for generation in Generation::ALL {
            assert_eq!(Generation::from_id(generation.id()), Some(generation));
            assert!(generation.to_string().contains(generation.name()));
        }
        assert!(Generation::ALL.is_sorted());
        assert_eq!(Generation::from_id(""), None);
    }

    #[test]
    fn the_next_device_counts_unless_empty_and_only_for_the_updater() {
        let mut phone = Phone {
            device: "old".to_owned(),
            next_device: Some("new".to_owned()),
            ..Phone::default()
        };
        assert_eq!(phone.asked_device(Generation::Java22), "new");
        assert_eq!(phone.asked_device(Generation::Cm14), "old");
        phone.next_device = Some(String::new());
        assert_eq!(phone.asked_device(Generation::Java22), "old");
    }
}
