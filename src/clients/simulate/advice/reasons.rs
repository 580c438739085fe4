//! Advice on the reasons for which an updater does not offer an entry.

use super::super::prose::{date, day, moment, newest, shown};
use super::list::DAY;
use super::{Advice, Case};
use crate::clients::updaters::{Reason, Row};
use crate::model::era::parse_version;

impl Case<'_> {
    /// Advises on the reason for which an entry of some rows is not offered.
    pub(super) fn on_reason(&self, row: &Row, reason: &Reason, rows: &[Row]) -> Advice {
        let filename = shown(&row.entry.filename);
        match reason {
            Reason::NotLater { entry, phone } if entry == phone => Advice::new(
                "installed",
                format!("{filename} is the build the phone runs: publish a newer one"),
            ),
            Reason::NotLater { entry, phone } | Reason::Earlier { entry, phone } => {
                on_older(rows, *entry, *phone)
            }
            Reason::OtherType { entry, phone } => on_other_type(&filename, entry, phone),
            Reason::OtherDevice { entry, phone } => on_other_device(entry, phone),
            Reason::OtherSource { .. } => Advice::new(
                "other-source",
                format!(
                    "{filename} is a delta for another build than the phone's, which takes the full package \
                     instead",
                ),
            ),
            Reason::VersionSortsBefore { entry, phone } => on_text_before(&filename, entry, phone),
            Reason::OtherVersion { entry, phone } => on_other_version(&filename, entry, phone),
            Reason::NoVersionNumber { version } => {
                on_no_number(version, "must be two numbers, such as 23.0")
            }
            Reason::NoMajorVersion { version } => {
                on_no_number(version, "must begin with a whole number, such as 14.0")
            }
            Reason::VersionOutOfReach { entry, phone } if is_older(entry, phone) => {
                on_older_version(&filename, entry, phone)
            }
            Reason::VersionOutOfReach { .. } | Reason::HigherSdk { .. } => Advice::new(
                "major-upgrade",
                format!(
                    "{filename} is of another version, which the phone does not accept. If it is newer and \
                     phones should install it, the ROM needs lineage.updater.allow_major_upgrades=true",
                ),
            ),
            Reason::LowerSdk { entry: Some(_), .. } => Advice::new(
                "older-android",
                format!(
                    "{filename} is of an older Android than the phone's: publish a build of the same Android"
                ),
            ),
            Reason::LowerSdk { entry: None, .. } | Reason::NoSdk => on_no_sdk(&filename),
            Reason::SameId { .. } => Advice::new(
                "same-id",
                format!("{filename} has the id of another entry: each build needs its own"),
            ),
        }
    }
}

fn on_other_type(filename: &str, entry: &str, phone: &str) -> Advice {
    Advice::new(
        "other-type",
        format!(
            "{filename} says romtype `{}`, and the phone's release type is `{}`: an updater shows only builds of \
             its own type. Build both with the same one (RELEASE_TYPE), or set `romtype` of the build under \
             [[override]]",
            shown(entry),
            shown(phone)
        ),
    )
}

fn on_other_device(entry: &str, phone: &str) -> Advice {
    Advice::new(
        "unknown-device",
        format!(
            "the file is for `{}`, the phone is a `{}`: the file's name and the device in it must be the phone's \
             ro.product.device",
            shown(entry),
            shown(phone)
        ),
    )
}

fn on_text_before(filename: &str, entry: &str, phone: &str) -> Advice {
    Advice::new(
        "version-before",
        format!(
            "{filename} says version `{}`, which as text comes before the phone's `{}`: the version must be \
             exactly ro.lineage.build.version of the build, such as 21.0",
            shown(entry),
            shown(phone)
        ),
    )
}

fn on_other_version(filename: &str, entry: &str, phone: &str) -> Advice {
    Advice::new(
        "other-version",
        format!(
            "{filename} is of version `{}`, the phone of `{}`: this updater installs only its own version. Phones \
             reach another version by hand, or through a last build of the old version",
            shown(entry),
            shown(phone)
        ),
    )
}

fn on_no_number(version: &str, must: &str) -> Advice {
    let version = shown(version);
    Advice::new(
        "no-version-number",
        format!("the version `{version}` {must}"),
    )
}

fn on_older_version(filename: &str, entry: &str, phone: &str) -> Advice {
    Advice::new(
        "older-version",
        format!(
            "{filename} is of version `{}`, older than the phone's `{}`: publish a build of that version or of a \
             newer minor version",
            shown(entry),
            shown(phone)
        ),
    )
}

fn on_no_sdk(filename: &str) -> Advice {
    Advice::new(
        "no-sdk-level",
        format!(
            "{filename} has no os_sdk_level in the list, so phones treat it as too old: set `sdk_level` of the \
             build under [[override]], or give --sdk-level to `romfeed catalog add`"
        ),
    )
}

/// Advises on a list in which all builds are older than the installed one.
fn on_older(rows: &[Row], entry: i64, phone: i64) -> Advice {
    let entry = newest(rows).map_or(entry, |row| row.entry.datetime);
    let is_midnight = entry.rem_euclid(DAY) == 0 && day(entry) == day(phone);
    match is_midnight {
        true => Advice::new(
            "midnight",
            format!(
                "the newest build listed says {}: a date from a file name, without the time, so builds of \
                 one day hide each other. Use ro.build.date.utc of its zip",
                moment(entry)
            ),
        ),
        false => Advice::new(
            "older",
            format!(
                "the phone's build is of {}, and all listed builds are of {} or earlier: publish a newer \
                 build. If a listed build is in fact newer, its datetime is wrong: it must be the build's \
                 own ro.build.date.utc",
                date(phone).unwrap_or_else(|| phone.to_string()),
                date(entry).unwrap_or_else(|| entry.to_string())
            ),
        ),
    }
}

/// Returns whether a version is older than another, number by number.
fn is_older(version: &str, other: &str) -> bool {
    let [version, other] = [version, other].map(parse_version);
    version.zip(other).is_some_and(|(a, b)| a < b)
}
