//! A list of builds, and what can be wrong with one.
//!
//! [`read`](super::read) makes them; this is how they look.

use std::fmt;

use thiserror::Error;

/// One build in a list, as the client understands it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    /// Its place in the list, from 0.
    pub index: usize,
    /// What the client tells builds apart by: CMUpdater takes the filename, the array of
    /// LineageOS 23.2 and crDroid have a digest in this place.
    pub id: String,
    /// The name under which the client stores the package.
    pub filename: String,
    /// Where the package is.
    pub url: String,
    /// The version; empty where the list has none.
    pub version: String,
    /// The romtype, which [`Cm12`](super::Generation::Cm12) calls `channel`, and crDroid
    /// `buildtype`; empty where the client does not read it.
    pub romtype: String,
    /// When it was built, in seconds; 0 for [`Custota`](super::Generation::Custota), which does
    /// not read it.
    pub datetime: i64,
    /// In bytes; `None` where the client does not read it.
    pub size: Option<i64>,
    /// `os_sdk_level`, or `api_level` for [`Cm12`](super::Generation::Cm12), where present
    /// and read.
    pub sdk_level: Option<i32>,
    /// The incremental, which only [`Cm12`](super::Generation::Cm12) reads, to ask for a delta,
    /// and [`GrapheneOs`](super::Generation::GrapheneOs).
    pub incremental: Option<String>,
    /// Where the changelog is; only [`Cm12`](super::Generation::Cm12) reads it. It is fetched
    /// when the user asks for it: an address that does not answer shows "no changelog", no
    /// more.
    pub changes: Option<String>,
    /// Where the last range of `ota_property_files` ends, in bytes, if the client reads them.
    pub property_files_end: Option<i64>,
    /// Whether the ranges needed to install without downloading first are given.
    pub has_payload_ranges: bool,
    /// The codename, which only [`GrapheneOs`](super::Generation::GrapheneOs) compares.
    pub device: Option<String>,
    /// The vbmeta digest of the build that this delta applies to; for
    /// [`Custota`](super::Generation::Custota).
    pub source_digest: Option<String>,
    /// Where the signature is that [`Custota`](super::Generation::Custota) downloads first.
    pub csig_url: Option<String>,
}

/// What a client makes of a body.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct List {
    /// The entries it reads, in the order of the body.
    pub entries: Vec<Entry>,
    /// The entries it drops, in the order of the body.
    pub dropped: Vec<Dropped>,
}

/// An entry that the client leaves out, without a word to its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Its place in the list, from 0.
    pub index: usize,
    /// Why.
    pub fault: EntryFault,
}

/// What is wrong with an entry.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EntryFault {
    /// The entry is null, as after a comma at the end of the list.
    #[error("it is null")]
    Null,
    /// The entry is a number, text or the like.
    #[error("it is {found}, not an object")]
    NotObject {
        /// What it is.
        found: &'static str,
    },
    /// A required key is not there.
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
        /// The value, or what kind it is.
        found: String,
        /// What the client wants.
        expected: &'static str,
    },
    /// A key that the client does not know, where it wants none such.
    #[error("it has the key `{key}`, which the client does not know")]
    UnknownKey {
        /// The key.
        key: String,
    },
    /// A list of files without a first one.
    #[error("its `files` is empty")]
    NoFiles,
    /// A part of `ota_property_files` that is not name, offset and size.
    #[error("its `ota_property_files` has `{token}`, which is not a name, an offset and a size")]
    PropertyFiles {
        /// The part.
        token: String,
    },
    /// The ranges of `ota_property_files` lack one that is needed.
    #[error("its `ota_property_files` has no `{missing}`")]
    PropertyFile {
        /// The name of what is in no range.
        missing: &'static str,
    },
    /// The client stopped reading at an earlier entry.
    #[error("it comes after entry {index}, at which the client stops reading")]
    AfterCut {
        /// The place of that entry, from 0.
        index: usize,
    },
}

/// Why a client takes nothing from a body: a failed check to its user, or an empty list.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ListFault {
    /// The body is no JSON, not even to this client.
    #[error("the body is not JSON: {problem}")]
    Json {
        /// What is wrong, and where as far as known.
        problem: String,
    },
    /// Arrays or objects within each other, deeper than is read here.
    #[error("the body nests deeper than {limit} levels")]
    TooDeep {
        /// How many are read.
        limit: usize,
    },
    /// The outermost value is of the wrong kind.
    #[error("the body is {found}, not {expected}")]
    Frame {
        /// What it is.
        found: &'static str,
        /// What the client wants.
        expected: &'static str,
    },
    /// The key of the list is not there.
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
        /// What it is.
        found: &'static str,
    },
    /// A key beside the list, to a client that wants none such.
    #[error("the body has the key `{key}`, which the client does not know")]
    UnknownKey {
        /// The key.
        key: String,
    },
    /// An entry for which the client refuses all of them.
    #[error("entry {index} makes the client refuse the whole list: {fault}")]
    Entry {
        /// Its place, from 0.
        index: usize,
        /// What is wrong with it.
        fault: EntryFault,
    },
    /// The body, which names one build, is wrong.
    #[error("the client refuses the body: {fault}")]
    Body {
        /// What is wrong with it.
        fault: EntryFault,
    },
    /// The first line is not what the client wants.
    #[error(
        "the first line is `{line}`, not an incremental, a date in seconds, a device and a channel"
    )]
    Line {
        /// The line.
        line: String,
    },
    /// The client ends with an exception that nothing catches.
    #[error("a number in an array is not finite, at which the client crashes")]
    Crash,
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {}: {}", self.index, self.fault)
    }
}
