//! The generations of updaters, and the simple facts in which they differ.

use std::fmt;

/// A generation of updaters: revisions of LineageOS's updater, or of a fork's, that read and judge a
/// list by the same rules.
///
/// LineageOS's come first, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Generation {
    /// CMUpdater of 10.2: sends POST requests, reads `result`, and needs `changes` late.
    Cm10,
    /// CMUpdater of 11: the same, and also shows older builds.
    Cm11,
    /// CMUpdater before January 2017: sends POST requests and reads `result`.
    Cm12,
    /// CMUpdater from January 2017 on: appends a path to a base and reads `response`.
    Cm14,
    /// The first Updater: still appends a path, compares with `>=`, needs no `size`.
    First15,
    /// The Updater that fills in a template, from April 2018 on.
    Template14,
    /// The Updater that also compares versions, as text, and installs only the same version.
    Java22,
    /// The Updater that installs newer minor versions, from December 2024 on.
    Java23,
    /// The Updater in Kotlin while it still read `response`, and nothing but its seven keys.
    KotlinV1,
    /// The Updater in Kotlin that reads an array and compares versions, as numbers.
    KotlinVersion,
    /// The Updater in Kotlin that reads an array and compares SDK levels.
    Kotlin23,
    /// crDroid's, in Java: reads different keys and compares only dates.
    CrDroid14,
    /// crDroid's, in Kotlin: the digest is SHA-256, and less is required.
    CrDroid16,
    /// Evolution X's of Android 14, a relative of crDroid's.
    EvolutionX14,
    /// Evolution X's of Android 15, which no longer reads `buildtype`.
    EvolutionX15,
    /// VoltageOS's, Matrixx's and Infinity X's: only the core of crDroid's keys.
    Voltage14,
    /// PixelOS's of Android 14: the body is the newest build.
    PixelOs14,
    /// PixelOS's of Android 17: LineageOS's array, read strictly.
    PixelOs17,
    /// DerpFest's, in Kotlin: reads LineageOS's older keys and compares only dates.
    DerpFest16,
    /// AxionOS's: [`Java23`](Generation::Java23) with `{variant}` in its address.
    Axion,
    /// LMODroid's: the first number of the version decides.
    LmoDroid14,
    /// Custota: the body names one package, and deltas by the build they apply to.
    Custota,
    /// GrapheneOS's: one line of text for each channel.
    GrapheneOs,
}

/// Where an updater has its address from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// From this property, or if it is not set, from a resource of the updater.
    Property(&'static str),
    /// From a resource of the updater.
    BuiltIn,
    /// From a setting that the user enters.
    Setting,
}

impl Generation {
    /// The generations of CyanogenMod and LineageOS, oldest first.
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

    /// Returns the short name for command lines and `--json`.
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

    /// Returns the generation with this [`id`](Generation::id).
    #[must_use]
    pub fn from_id(id: &str) -> Option<Generation> {
        Generation::ALL.into_iter().find(|one| one.id() == id)
    }

    /// Returns the releases that came with it, as people call them.
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

    /// Returns where it has its address from.
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

    /// Returns whether its list has the date of each build.
    #[must_use]
    pub fn reads_date(self) -> bool {
        self != Generation::Custota
    }

    /// Returns whether it sends or compares the phone's release type.
    #[must_use]
    pub fn compares_type(self) -> bool {
        match self {
            Generation::Axion | Generation::LmoDroid14 | Generation::GrapheneOs => true,
            _ => Generation::First15 <= self && self <= Generation::Kotlin23,
        }
    }

    /// Returns whether it compares the phone's version.
    #[must_use]
    pub fn compares_version(self) -> bool {
        match self {
            Generation::Axion | Generation::LmoDroid14 => true,
            _ => Generation::Cm14 <= self && self <= Generation::Kotlin23,
        }
    }

    /// Returns whether it compares the phone's API level.
    #[must_use]
    pub fn compares_sdk(self) -> bool {
        self.is_post() || [Generation::Kotlin23, Generation::PixelOs17].contains(&self)
    }

    /// Returns whether its list has the size of each package.
    #[must_use]
    pub fn reads_size(self) -> bool {
        self > Generation::First15 && !self.is_no_list()
    }

    /// Returns whether it is a CMUpdater that sends POST requests.
    #[must_use]
    pub fn is_post(self) -> bool {
        matches!(self, Generation::Cm10 | Generation::Cm11 | Generation::Cm12)
    }

    /// Returns whether it is CMUpdater, and not the Updater that followed it.
    pub(super) fn is_cmupdater(self) -> bool {
        self.is_post() || self == Generation::Cm14
    }

    /// Returns whether it is a revision in Kotlin of LineageOS's Updater, or a fork of one.
    pub(super) fn is_kotlin(self) -> bool {
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

    /// Returns whether it refuses plain http (T1); Custota allows it.
    pub(super) fn refuses_cleartext(self) -> bool {
        self >= Generation::Java22 && self != Generation::Custota
    }

    /// Returns whether it uses the phone's next device (U7).
    pub(super) fn asks_for_next_device(self) -> bool {
        let is_without = matches!(
            self,
            Generation::Voltage14 | Generation::PixelOs14 | Generation::PixelOs17
        );
        !self.is_cmupdater() && !is_without && !self.is_no_list()
    }

    /// Returns whether its body names one build instead of a list of builds.
    pub(super) fn is_no_list(self) -> bool {
        matches!(self, Generation::Custota | Generation::GrapheneOs)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_generation_is_found_by_its_id() {
        for generation in Generation::ALL {
            assert_eq!(Generation::from_id(generation.id()), Some(generation));
            assert!(generation.to_string().contains(generation.name()));
        }
        assert!(Generation::ALL.is_sorted());
        assert_eq!(Generation::from_id(""), None);
    }
}
