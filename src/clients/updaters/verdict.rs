//! Whether an updater shows an entry and allows its installation (F1 to F5, V2-5, V2-6).
//!
//! In: an [`Entry`] and the [`Phone`]. Out: a [`Verdict`]. Sources:
//! `UpdateInfo.isNewerThanInstalled` and `isCompatible` of CMUpdater, `Utils.isCompatible` and
//! `canInstall` of Updater and of its forks, `UpdatesRepository.filterUpdates`, `Utils.compareVersions` and
//! `InstallUtils` of the revisions in Kotlin.
//!
//! Only GrapheneOS's updater compares the device (F5). For all others, the address of the list must
//! keep builds of other devices away.

use std::cmp::Ordering;

use super::{Entry, Generation, Phone, Reason, java};

/// What an updater does with an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Shown with a download button.
    Offered,
    /// Shown without a download button.
    Blocked(Reason),
    /// Not shown.
    Hidden(Reason),
}

/// Returns what this generation does with an entry that is alone in the list.
#[must_use]
pub fn judge(generation: Generation, entry: &Entry, phone: &Phone) -> Verdict {
    match reason_to_hide(generation, entry, phone) {
        Some(reason) => Verdict::Hidden(reason),
        None => {
            reason_to_block(generation, entry, phone).map_or(Verdict::Offered, Verdict::Blocked)
        }
    }
}

/// Returns whether this generation can install the entry without downloading it first.
#[must_use]
pub fn can_stream(generation: Generation, entry: &Entry, phone: &Phone) -> bool {
    [Generation::Kotlin23, Generation::PixelOs17].contains(&generation)
        && phone.is_ab
        && entry.has_payload_ranges
        && judge(generation, entry, phone) == Verdict::Offered
}

/// Returns the first reason for which the updater does not show an entry.
fn reason_to_hide(generation: Generation, entry: &Entry, phone: &Phone) -> Option<Reason> {
    let other_type = || other_type(entry, phone);
    let not_later = || not_later(entry, phone);
    let not_later_unless_allowed = || not_later_unless_allowed(entry, phone);
    match generation {
        Generation::Cm10 | Generation::Cm12 => not_newer_than_api_level(entry, phone),
        // Shows all builds of the channel, except on phones with a snapshot.
        Generation::Cm11 if !is_snapshot(phone) => None,
        Generation::Cm11 => not_newer_than_api_level(entry, phone),
        Generation::Cm14 | Generation::Voltage14 | Generation::PixelOs14 => not_later(),
        Generation::First15 => earlier(entry, phone).or_else(other_type),
        Generation::Template14 => not_later_unless_allowed().or_else(other_type),
        Generation::Java22 | Generation::Java23 | Generation::Axion => {
            version_sorts_before(entry, phone)
                .or_else(not_later_unless_allowed)
                .or_else(other_type)
        }
        Generation::KotlinV1 | Generation::KotlinVersion => not_later_unless_allowed()
            .or_else(|| version_out_of_reach(entry, phone))
            .or_else(other_type),
        Generation::Kotlin23 => not_later_unless_allowed()
            .or_else(|| lower_sdk(entry, phone))
            .or_else(other_type),
        Generation::CrDroid14
        | Generation::CrDroid16
        | Generation::EvolutionX14
        | Generation::EvolutionX15
        | Generation::DerpFest16 => not_later_unless_allowed(),
        Generation::PixelOs17 => not_later().or_else(|| lower_sdk(entry, phone)),
        Generation::LmoDroid14 => lower_major(entry, phone)
            .or_else(not_later_unless_allowed)
            .or_else(other_type),
        Generation::Custota => other_source(entry, phone),
        Generation::GrapheneOs => not_later()
            .or_else(|| other_device(entry, phone))
            .or_else(|| other_channel(entry, phone)),
    }
}

/// Returns the reason for which a shown entry cannot be installed.
fn reason_to_block(generation: Generation, entry: &Entry, phone: &Phone) -> Option<Reason> {
    let other_version = |installed: &str| Reason::OtherVersion {
        entry: entry.version.clone(),
        phone: installed.to_owned(),
    };
    match generation {
        Generation::Cm14 => {
            // F4: only the start of `14.1-20170203-NIGHTLY-dev` is compared.
            let installed = phone.version.to_lowercase();
            let installed = installed.split('-').next().unwrap_or_default();
            (entry.version != installed).then(|| other_version(installed))
        }
        Generation::First15 | Generation::Template14 | Generation::Java22 => {
            let is_same = java::equals_ignore_case(&entry.version, &phone.version);
            (!is_same).then(|| other_version(&phone.version))
        }
        Generation::Java23 | Generation::Axion => version_out_of_reach(entry, phone),
        Generation::LmoDroid14 => {
            let is_same = parse_major(&entry.version) == parse_major(&phone.version);
            (!is_same && !phone.allow_major_upgrades).then(|| other_version(&phone.version))
        }
        Generation::Kotlin23 => match entry.sdk_level {
            None => Some(Reason::NoSdk),
            Some(level) if i64::from(level) > i64::from(phone.sdk) => (!phone.allow_major_upgrades)
                .then_some(Reason::HigherSdk {
                    entry: level,
                    phone: phone.sdk,
                }),
            Some(_) => None,
        },
        _ => None,
    }
}

/// Compares the times (F1).
fn not_later(entry: &Entry, phone: &Phone) -> Option<Reason> {
    (entry.datetime <= phone.datetime).then_some(Reason::NotLater {
        entry: entry.datetime,
        phone: phone.datetime,
    })
}

fn not_later_unless_allowed(entry: &Entry, phone: &Phone) -> Option<Reason> {
    not_later(entry, phone).filter(|_| !phone.allow_downgrading)
}

/// Compares the times as the first Updater does, which offers the installed build again (F1).
fn earlier(entry: &Entry, phone: &Phone) -> Option<Reason> {
    (entry.datetime < phone.datetime).then_some(Reason::Earlier {
        entry: entry.datetime,
        phone: phone.datetime,
    })
}

/// Compares the API levels; the time decides if they are equal, or if the entry's is missing or below 1.
fn not_newer_than_api_level(entry: &Entry, phone: &Phone) -> Option<Reason> {
    match entry.sdk_level {
        Some(level) if level > 0 => match i64::from(level).cmp(&i64::from(phone.sdk)) {
            Ordering::Less => Some(Reason::LowerSdk {
                entry: Some(level),
                phone: phone.sdk,
            }),
            Ordering::Equal => not_later(entry, phone),
            Ordering::Greater => None,
        },
        _ => not_later(entry, phone),
    }
}

/// Compares the romtypes, including blanks (F2, E8).
fn other_type(entry: &Entry, phone: &Phone) -> Option<Reason> {
    let is_same = java::equals_ignore_case(&entry.romtype, &phone.release_type);
    (!is_same).then(|| Reason::OtherType {
        entry: entry.romtype.clone(),
        phone: phone.release_type.clone(),
    })
}

/// Compares the versions as text (F3).
fn version_sorts_before(entry: &Entry, phone: &Phone) -> Option<Reason> {
    let order = java::compare(&entry.version, &phone.version);
    order.is_lt().then(|| Reason::VersionSortsBefore {
        entry: entry.version.clone(),
        phone: phone.version.clone(),
    })
}

/// Compares the versions as numbers (V2-5 in early revisions, F4 in the last revisions in Java).
fn version_out_of_reach(entry: &Entry, phone: &Phone) -> Option<Reason> {
    let no_number = |version: &str| Reason::NoVersionNumber {
        version: version.to_owned(),
    };
    let Some((major, minor)) = parse_version(&entry.version) else {
        return Some(no_number(&entry.version));
    };
    let Some((phone_major, phone_minor)) = parse_version(&phone.version) else {
        return Some(no_number(&phone.version));
    };
    let is_in_reach = (phone.allow_major_upgrades && major > phone_major)
        || (major == phone_major && minor >= phone_minor);
    (!is_in_reach).then(|| Reason::VersionOutOfReach {
        entry: entry.version.clone(),
        phone: phone.version.clone(),
    })
}

/// Parses the first two numbers, and ignores the text after a second dot.
fn parse_version(version: &str) -> Option<(i32, i32)> {
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    numbers.next().flatten().zip(numbers.next().flatten())
}

/// Compares the first numbers of the versions; the updater crashes if there is none.
fn lower_major(entry: &Entry, phone: &Phone) -> Option<Reason> {
    let no_number = |version: &str| Reason::NoMajorVersion {
        version: version.to_owned(),
    };
    let Some(major) = parse_major(&entry.version) else {
        return Some(no_number(&entry.version));
    };
    let Some(phone_major) = parse_major(&phone.version) else {
        return Some(no_number(&phone.version));
    };
    (major < phone_major).then(|| Reason::VersionOutOfReach {
        entry: entry.version.clone(),
        phone: phone.version.clone(),
    })
}

fn parse_major(version: &str) -> Option<i32> {
    version.split('.').next()?.parse().ok()
}

/// Checks that a delta applies to the phone's build; for a full package, its contents decide later.
fn other_source(entry: &Entry, phone: &Phone) -> Option<Reason> {
    let source = entry.source_digest.as_ref()?;
    (*source != phone.vbmeta_digest).then(|| Reason::OtherSource {
        entry: source.clone(),
        phone: phone.vbmeta_digest.clone(),
    })
}

fn other_device(entry: &Entry, phone: &Phone) -> Option<Reason> {
    let device = entry.device.as_ref()?;
    (*device != phone.device).then(|| Reason::OtherDevice {
        entry: device.clone(),
        phone: phone.device.clone(),
    })
}

/// Compares the channels, including letter case.
fn other_channel(entry: &Entry, phone: &Phone) -> Option<Reason> {
    (entry.romtype != phone.release_type).then(|| Reason::OtherType {
        entry: entry.romtype.clone(),
        phone: phone.release_type.clone(),
    })
}

/// Compares the SDK levels; a missing one counts as 0 (V2-5).
fn lower_sdk(entry: &Entry, phone: &Phone) -> Option<Reason> {
    let level = i64::from(entry.sdk_level.unwrap_or(0));
    (level < i64::from(phone.sdk)).then_some(Reason::LowerSdk {
        entry: entry.sdk_level,
        phone: phone.sdk,
    })
}

/// Returns whether CMUpdater offers this phone snapshots instead of nightlies.
pub(super) fn is_snapshot(phone: &Phone) -> bool {
    phone.release_type == "SNAPSHOT"
}

impl Verdict {
    /// Returns whether the entry is on the screen.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        !matches!(self, Verdict::Hidden(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone() -> Phone {
        Phone {
            release_type: "nightly".to_owned(),
            version: "21.0".to_owned(),
            datetime: 1_700_000_000,
            sdk: 34,
            ..Phone::default()
        }
    }

    fn entry() -> Entry {
        Entry {
            romtype: "nightly".to_owned(),
            version: "21.0".to_owned(),
            datetime: 1_700_000_100,
            sdk_level: Some(34),
            has_payload_ranges: true,
            ..Entry::default()
        }
    }

    fn reason(generation: Generation, entry: &Entry, phone: &Phone) -> String {
        match judge(generation, entry, phone) {
            Verdict::Offered => "offered".to_owned(),
            Verdict::Blocked(reason) => format!("blocked: {reason}"),
            Verdict::Hidden(reason) => format!("hidden: {reason}"),
        }
    }

    #[test]
    fn reasons_name_both_values() {
        for (generation, entry, expected) in [
            (
                Generation::Java22,
                Entry {
                    datetime: 1_700_000_000,
                    ..entry()
                },
                "hidden: its datetime 1700000000 is not later than the phone's 1700000000",
            ),
            (
                Generation::First15,
                Entry {
                    datetime: 5,
                    ..entry()
                },
                "hidden: its datetime 5 is earlier than the phone's 1700000000",
            ),
            (
                Generation::Java22,
                Entry {
                    romtype: "weekly".to_owned(),
                    ..entry()
                },
                "hidden: its romtype `weekly` is not the phone's `nightly`",
            ),
            (
                Generation::Java22,
                Entry {
                    version: "20.0".to_owned(),
                    ..entry()
                },
                "hidden: its version `20.0` sorts, as text, before the phone's `21.0`",
            ),
            (
                Generation::Java22,
                Entry {
                    version: "22.0".to_owned(),
                    ..entry()
                },
                "blocked: its version `22.0` is not the phone's `21.0`",
            ),
            (
                Generation::KotlinVersion,
                Entry {
                    version: "22.0".to_owned(),
                    ..entry()
                },
                "hidden: its version `22.0` is not a permitted upgrade of the phone's `21.0`",
            ),
            (
                Generation::KotlinVersion,
                Entry {
                    version: "21".to_owned(),
                    ..entry()
                },
                "hidden: the version `21` is not two numbers separated by a dot",
            ),
            (
                Generation::Kotlin23,
                Entry {
                    sdk_level: Some(33),
                    ..entry()
                },
                "hidden: its SDK level 33 is lower than the phone's 34",
            ),
            (
                Generation::Kotlin23,
                Entry {
                    sdk_level: None,
                    ..entry()
                },
                "hidden: it has no SDK level, which counts as lower than the phone's 34",
            ),
            (
                Generation::Kotlin23,
                Entry {
                    sdk_level: Some(35),
                    ..entry()
                },
                "blocked: its SDK level 35 is higher than the phone's 34, and the phone does not \
                 allow major upgrades",
            ),
        ] {
            assert_eq!(reason(generation, &entry, &phone()), expected);
        }
        let unknown = Phone { sdk: 0, ..phone() };
        let without = Entry {
            sdk_level: None,
            ..entry()
        };
        assert_eq!(
            reason(Generation::Kotlin23, &without, &unknown),
            "blocked: it has no SDK level"
        );
    }

    #[test]
    fn oldest_updater_compares_the_api_level_before_the_time() {
        let old = Entry {
            datetime: 1,
            sdk_level: Some(35),
            ..entry()
        };
        assert_eq!(judge(Generation::Cm12, &old, &phone()), Verdict::Offered);
        let lower = Entry {
            sdk_level: Some(33),
            ..entry()
        };
        assert!(!judge(Generation::Cm12, &lower, &phone()).is_shown());
        for level in [0, -1, 34] {
            let same = Entry {
                sdk_level: Some(level),
                ..entry()
            };
            assert_eq!(judge(Generation::Cm12, &same, &phone()), Verdict::Offered);
            let equal = Entry {
                datetime: 1_700_000_000,
                ..same
            };
            assert!(!judge(Generation::Cm12, &equal, &phone()).is_shown());
        }
        // Neither channel nor version is compared.
        let other = Entry {
            romtype: "weekly".to_owned(),
            version: String::new(),
            ..entry()
        };
        assert_eq!(judge(Generation::Cm12, &other, &phone()), Verdict::Offered);
    }

    #[test]
    fn permissions_of_the_phone_show_more_entries() {
        let older = Entry {
            datetime: 1,
            ..entry()
        };
        let downgrading = Phone {
            allow_downgrading: true,
            ..phone()
        };
        for generation in Generation::LINEAGE {
            let is_shown = judge(generation, &older, &downgrading).is_shown();
            let is_expected =
                generation >= Generation::Template14 || generation == Generation::Cm11;
            assert_eq!(is_shown, is_expected, "{generation}");
        }
        let newer = Entry {
            version: "22.1".to_owned(),
            sdk_level: Some(35),
            ..entry()
        };
        let upgrading = Phone {
            allow_major_upgrades: true,
            ..phone()
        };
        for generation in Generation::LINEAGE {
            let is_offered = judge(generation, &newer, &upgrading) == Verdict::Offered;
            let is_expected = generation.is_post() || generation >= Generation::Java23;
            assert_eq!(is_offered, is_expected, "{generation}");
        }
    }

    #[test]
    fn early_revisions_in_kotlin_compare_versions_as_numbers() {
        for (version, is_shown) in [
            ("21.0", true),
            ("21.1", true),
            ("21.10.5", true),
            ("+21.0", true),
            ("20.9", false),
            ("22.0", false),
            ("100.0", false),
            ("21", false),
            ("21.", false),
            ("21.x", false),
            ("", false),
        ] {
            let entry = Entry {
                version: version.to_owned(),
                ..entry()
            };
            let verdict = judge(Generation::KotlinVersion, &entry, &phone());
            assert_eq!(verdict.is_shown(), is_shown, "{version}");
        }
        let odd = Phone {
            version: "Banana".to_owned(),
            ..phone()
        };
        assert_eq!(
            reason(Generation::KotlinV1, &entry(), &odd),
            "hidden: the version `Banana` is not two numbers separated by a dot"
        );
    }

    #[test]
    fn phones_with_slots_can_stream_offered_entries() {
        let slots = Phone {
            is_ab: true,
            ..phone()
        };
        assert!(can_stream(Generation::Kotlin23, &entry(), &slots));
        assert!(!can_stream(Generation::Kotlin23, &entry(), &phone()));
        assert!(!can_stream(Generation::Java22, &entry(), &slots));
        let older = Entry {
            datetime: 1,
            ..entry()
        };
        assert!(!can_stream(Generation::Kotlin23, &older, &slots));
    }
}
