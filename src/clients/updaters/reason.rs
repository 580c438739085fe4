//! The reasons for which an updater does not offer an entry.

use std::fmt;

/// Why an updater does not offer an entry; as text, a fragment of a sentence on the entry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Its time is not later than that of the installed build.
    NotLater {
        /// Of the entry, in seconds.
        entry: i64,
        /// Of the phone, in seconds.
        phone: i64,
    },
    /// Its time is earlier than that of the installed build.
    Earlier {
        /// Of the entry, in seconds.
        entry: i64,
        /// Of the phone, in seconds.
        phone: i64,
    },
    /// Its romtype is another one.
    OtherType {
        /// Of the entry.
        entry: String,
        /// Of the phone.
        phone: String,
    },
    /// Its version comes before the phone's, letter by letter.
    VersionSortsBefore {
        /// Of the entry.
        entry: String,
        /// Of the phone.
        phone: String,
    },
    /// Its version is not the phone's.
    OtherVersion {
        /// Of the entry.
        entry: String,
        /// Of the phone.
        phone: String,
    },
    /// The version of the entry or the phone is not two numbers separated by a dot.
    NoVersionNumber {
        /// The version.
        version: String,
    },
    /// The version of the entry or the phone does not begin with a whole number.
    NoMajorVersion {
        /// The version.
        version: String,
    },
    /// It is for another device.
    OtherDevice {
        /// Of the entry.
        entry: String,
        /// Of the phone.
        phone: String,
    },
    /// It is a delta for another build.
    OtherSource {
        /// The vbmeta digest of the build that it applies to.
        entry: String,
        /// Of the phone.
        phone: String,
    },
    /// Its version is lower, number by number, or of another major version.
    VersionOutOfReach {
        /// Of the entry.
        entry: String,
        /// Of the phone.
        phone: String,
    },
    /// Its Android is older.
    LowerSdk {
        /// Of the entry; `None` counts as 0.
        entry: Option<i32>,
        /// Of the phone.
        phone: u32,
    },
    /// Its Android is newer, and major upgrades are not allowed.
    HigherSdk {
        /// Of the entry.
        entry: i32,
        /// Of the phone.
        phone: u32,
    },
    /// It has no SDK level.
    NoSdk,
    /// Another entry with the same id replaces it.
    SameId {
        /// The id.
        id: String,
        /// The place of the other one in the list, from 0.
        index: usize,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::NotLater { entry, phone } => {
                write!(
                    f,
                    "its datetime {entry} is not later than the phone's {phone}"
                )
            }
            Reason::Earlier { entry, phone } => {
                write!(
                    f,
                    "its datetime {entry} is earlier than the phone's {phone}"
                )
            }
            Reason::OtherType { entry, phone } => {
                write!(f, "its romtype `{entry}` is not the phone's `{phone}`")
            }
            Reason::VersionSortsBefore { entry, phone } => {
                write!(
                    f,
                    "its version `{entry}` sorts, as text, before the phone's `{phone}`"
                )
            }
            Reason::OtherVersion { entry, phone } => {
                write!(f, "its version `{entry}` is not the phone's `{phone}`")
            }
            Reason::NoVersionNumber { version } => {
                write!(
                    f,
                    "the version `{version}` is not two numbers separated by a dot"
                )
            }
            Reason::NoMajorVersion { version } => {
                write!(
                    f,
                    "the version `{version}` does not begin with a whole number, so the updater \
                     crashes"
                )
            }
            Reason::OtherDevice { entry, phone } => {
                write!(f, "its device `{entry}` is not the phone's `{phone}`")
            }
            Reason::OtherSource { entry, phone } => {
                write!(
                    f,
                    "it is a delta for the vbmeta digest `{entry}`, and the phone's is `{phone}`"
                )
            }
            Reason::VersionOutOfReach { entry, phone } => {
                write!(
                    f,
                    "its version `{entry}` is not a permitted upgrade of the phone's `{phone}`"
                )
            }
            Reason::LowerSdk {
                entry: Some(entry),
                phone,
            } => {
                write!(f, "its SDK level {entry} is lower than the phone's {phone}")
            }
            Reason::LowerSdk { entry: None, phone } => {
                write!(
                    f,
                    "it has no SDK level, which counts as lower than the phone's {phone}"
                )
            }
            Reason::HigherSdk { entry, phone } => write!(
                f,
                "its SDK level {entry} is higher than the phone's {phone}, and the phone does \
                 not allow major upgrades"
            ),
            Reason::NoSdk => f.write_str("it has no SDK level"),
            Reason::SameId { id, index } => {
                write!(f, "entry {index} has the same id `{id}` and replaces it")
            }
        }
    }
}
