//! A package in a list of builds, as the rules for hosts and zips see it.

/// A package that a list offers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Listed {
    pub(super) url: String,
    pub(super) filename: String,
    /// In bytes; `None` if the list does not have it.
    pub(super) size: Option<i64>,
    /// In seconds since the epoch; `None` if the list does not have it.
    pub(super) datetime: Option<i64>,
    /// The device of the list, if the list or its address names one.
    pub(super) device: Option<String>,
    /// The path of the list, for messages.
    pub(super) path: String,
}
