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
//! - [`Generation::Cm12`]: CMUpdater, branch cm-12.1, `UpdateCheckService` of 53348d48;
//! - [`Generation::Cm14`]: CMUpdater, branch cm-14.1 from 6e2947a5 on;
//! - [`Generation::First15`]: Updater, branch lineage-15.0;
//! - [`Generation::Template14`]: Updater, branch cm-14.1 from 6b44a77 on;
//! - [`Generation::Java22`]: Updater, branches lineage-16.0 to lineage-22.0;
//! - [`Generation::KotlinV1`]: Updater, `UpdatesNetworkDataSource` of a973e5b3;
//! - [`Generation::KotlinVersion`]: the same of 0e7af6f8, with `UpdatesRepository` of 2d441e8b;
//! - [`Generation::Kotlin23`]: Updater, LineageOS 23.2, whose `UpdatesRepository` compares
//!   `os_sdk_level`.
//!
//! Letters and numbers in comments group the rules: U for URLs, T for transport, P for the
//! list, E for entries, F for filters, V2 for the Kotlin client.
//!
//! Left out: what follows the choice of a build (download, signature, installation), the
//! checks for deltas of some forks, and checks of a romtype other than the phone's.

mod entry;
mod java;
mod kotlin;
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
pub use request::{Method, Request, UrlFault, request};
pub use response::{Response, TransportFault, accept};
pub use verdict::{Verdict, can_stream, judge};
pub use warning::{Warning, warnings};

use std::fmt;

/// A generation of update clients; the order is that of their release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Generation {
    /// CMUpdater before January 2017: sends POST requests and reads `result`.
    Cm12,
    /// CMUpdater from January 2017 on: appends a path to a base and reads `response`.
    Cm14,
    /// The first Updater: still appends a path, compares with `>=`, needs no `size`.
    First15,
    /// The Updater that fills in a template, from April 2018 on.
    Template14,
    /// The Updater that also compares versions, as text.
    Java22,
    /// The Updater in Kotlin while it still read `response`, and nothing but its seven keys.
    KotlinV1,
    /// The Updater in Kotlin that reads an array and compares versions, as numbers.
    KotlinVersion,
    /// The Updater in Kotlin that reads an array and compares SDK levels.
    Kotlin23,
}

impl Generation {
    /// All generations, oldest first.
    pub const ALL: [Generation; 8] = [
        Generation::Cm12,
        Generation::Cm14,
        Generation::First15,
        Generation::Template14,
        Generation::Java22,
        Generation::KotlinV1,
        Generation::KotlinVersion,
        Generation::Kotlin23,
    ];

    /// A short name for command lines and `--json`.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Generation::Cm12 => "cm12",
            Generation::Cm14 => "cm14",
            Generation::First15 => "15.0",
            Generation::Template14 => "15.1",
            Generation::Java22 => "22",
            Generation::KotlinV1 => "23-v1",
            Generation::KotlinVersion => "23-version",
            Generation::Kotlin23 => "23",
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
            Generation::Cm12 => "CyanogenMod 10.1 to 12.1 and early 13.0 and 14.1",
            Generation::Cm14 => "LineageOS 13.0 and early 14.1",
            Generation::First15 => "LineageOS 15.0 and early 15.1",
            Generation::Template14 => "LineageOS 14.1 and 15.1",
            Generation::Java22 => "LineageOS 16.0 to 22.x",
            Generation::KotlinV1 => "LineageOS 23, first revisions in Kotlin",
            Generation::KotlinVersion => "LineageOS 23, revisions that compare versions",
            Generation::Kotlin23 => "LineageOS 23.2",
        }
    }

    /// Whether this is CMUpdater and not the Updater that followed it.
    fn is_cmupdater(self) -> bool {
        matches!(self, Generation::Cm12 | Generation::Cm14)
    }

    /// Whether this is one of the revisions in Kotlin.
    fn is_kotlin(self) -> bool {
        matches!(
            self,
            Generation::KotlinV1 | Generation::KotlinVersion | Generation::Kotlin23
        )
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
    /// `lineage.updater.allow_major_upgrades`, which the revisions in Kotlin look at.
    pub allow_major_upgrades: bool,
    /// `ro.build.ab_update`; only such phones install without downloading first.
    pub is_ab: bool,
}

impl Phone {
    /// What this generation puts into the URL as the device (U7).
    fn asked_device(&self, generation: Generation) -> &str {
        match &self.next_device {
            Some(next) if !generation.is_cmupdater() && !next.is_empty() => next,
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
