//! A list of builds as an updater reads it, and the faults that a list can have.
//!
//! [`read`](super::read) makes these values.

use std::fmt;

use thiserror::Error;

/// One build in a list, as the updater reads it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    /// Its place in the list, from 0.
    pub index: usize,
    /// The id by which the updater distinguishes builds: the filename for CMUpdater, a digest for
    /// LineageOS 23.2 and crDroid.
    pub id: String,
    /// The name under which the updater stores the package.
    pub filename: String,
    /// The address of the package.
    pub url: String,
    /// The version; empty if the list has none.
    pub version: String,
    /// The romtype, which [`Cm12`](super::Generation::Cm12) calls `channel`, and crDroid
    /// `buildtype`; empty if the updater does not read it.
    pub romtype: String,
    /// The build date, in seconds; 0 for [`Custota`](super::Generation::Custota), which does
    /// not read it.
    pub datetime: i64,
    /// The size in bytes; `None` if the updater does not read it.
    pub size: Option<i64>,
    /// `os_sdk_level`, or `api_level` for [`Cm12`](super::Generation::Cm12); `None` if it is missing
    /// or the updater does not read it.
    pub sdk_level: Option<i32>,
    /// The incremental. Only [`Cm12`](super::Generation::Cm12), to request a delta, and
    /// [`GrapheneOs`](super::Generation::GrapheneOs) read it.
    pub incremental: Option<String>,
    /// The address of the changelog, which only [`Cm12`](super::Generation::Cm12) reads. It is fetched
    /// when the user opens it; if that fails, the user sees "no changelog".
    pub changes: Option<String>,
    /// The end of the last range in `ota_property_files`, in bytes, if the updater reads them.
    pub property_files_end: Option<i64>,
    /// The list has the ranges that are needed to install without downloading first.
    pub has_payload_ranges: bool,
    /// The codename, which only [`GrapheneOs`](super::Generation::GrapheneOs) compares.
    pub device: Option<String>,
    /// The vbmeta digest of the build that this delta applies to; only for
    /// [`Custota`](super::Generation::Custota).
    pub source_digest: Option<String>,
    /// The address of the signature, which [`Custota`](super::Generation::Custota) downloads first.
    pub csig_url: Option<String>,
}

/// The entries that an updater reads from a body.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct List {
    /// The entries it reads, in the order of the body.
    pub entries: Vec<Entry>,
    /// The entries it drops, in the order of the body.
    pub dropped: Vec<Dropped>,
}

/// An entry that the updater leaves out silently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Its place in the list, from 0.
    pub index: usize,
    /// The reason.
    pub fault: EntryFault,
}

/// What is wrong with an entry.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EntryFault {
    /// The entry is null, as after a comma at the end of the list.
    #[error("it is null")]
    Null,
    /// The entry is a number, text or similar.
    #[error("it is {found}, not an object")]
    NotObject {
        /// The kind of value.
        found: &'static str,
    },
    /// A required key is missing.
    #[error("it has no `{key}`")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// A value cannot be converted.
    #[error("its `{key}` is {found}, not {expected}")]
    Value {
        /// The key.
        key: &'static str,
        /// The value, or its kind.
        found: String,
        /// The value that the updater expects.
        expected: &'static str,
    },
    /// A key is unknown to an updater that refuses unknown keys.
    #[error("it has the key `{key}`, which the updater does not know")]
    UnknownKey {
        /// The key.
        key: String,
    },
    /// The list of files is empty.
    #[error("its `files` is empty")]
    NoFiles,
    /// A part of `ota_property_files` is not a name, an offset and a size.
    #[error("its `ota_property_files` has `{token}`, which is not a name, an offset and a size")]
    PropertyFiles {
        /// The part.
        token: String,
    },
    /// The ranges of `ota_property_files` lack one that is needed.
    #[error("its `ota_property_files` has no `{missing}`")]
    PropertyFile {
        /// The name of the missing range.
        missing: &'static str,
    },
    /// The updater stopped reading at an earlier entry.
    #[error("it comes after entry {index}, where the updater stops reading")]
    AfterCut {
        /// The place of that entry, from 0.
        index: usize,
    },
}

/// Why an updater reads nothing from a body; its user sees a failed check, or an empty list.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ListFault {
    /// The body is not JSON, not even by the rules of this updater.
    #[error("the body is not JSON: {problem}")]
    Json {
        /// What is wrong, and where if known.
        problem: String,
    },
    /// Arrays or objects are nested deeper than romfeed reads.
    #[error("the body nests deeper than {limit} levels")]
    TooDeep {
        /// The number of levels that are read.
        limit: usize,
    },
    /// The outermost value is of the wrong kind.
    #[error("the body is {found}, not {expected}")]
    Frame {
        /// The kind of the value.
        found: &'static str,
        /// The kind that the updater expects.
        expected: &'static str,
    },
    /// The key of the list is missing.
    #[error("the body has no `{key}`")]
    NoList {
        /// The key.
        key: &'static str,
    },
    /// The list is of the wrong kind.
    #[error("`{key}` is {found}, not an array")]
    NotList {
        /// The key.
        key: &'static str,
        /// The kind of the value.
        found: &'static str,
    },
    /// A key next to the list is unknown to an updater that refuses unknown keys.
    #[error("the body has the key `{key}`, which the updater does not know")]
    UnknownKey {
        /// The key.
        key: String,
    },
    /// An entry makes the updater refuse the whole list.
    #[error("entry {index} makes the updater refuse the whole list: {fault}")]
    Entry {
        /// Its place, from 0.
        index: usize,
        /// What is wrong with it.
        fault: EntryFault,
    },
    /// The body, which names one build, is faulty.
    #[error("the updater refuses the body: {fault}")]
    Body {
        /// What is wrong with it.
        fault: EntryFault,
    },
    /// The first line is not what the updater expects.
    #[error(
        "the first line is `{line}`, not an incremental, a date in seconds, a device and a channel"
    )]
    Line {
        /// The line.
        line: String,
    },
    /// The updater crashes with an uncaught exception.
    #[error("a number in an array is not finite, so the updater crashes")]
    Crash,
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {}: {}", self.index, self.fault)
    }
}
