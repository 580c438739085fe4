//! Turns a zip into a build: opens the package, reads its partitions, properties and name, and
//! weighs the facts.
//!
//! In: a file. Out: an [`Examined`] package with its facts and their sources, and
//! from that, with the file's digests, a [`Build`](crate::model::build::Build). A package that fails
//! is an [`Error`] of its own and does not stop the others.

pub mod cache;
mod claims;
mod context;
pub mod digests;
mod draft;
mod error;
mod examine;
mod metadata;
mod partitions;
pub mod projects;
mod reading;
pub mod scan;
mod sidecars;

pub use context::Context;
pub use error::Error;
pub use examine::{Examined, RemotePackage, examine, examine_remote, open, open_source};
pub use reading::Unpublished;
pub use sidecars::{Stated, stated, verify};

/// The place of facts that are read from the package's name only.
pub const FILE_NAME: &str = "file name";
/// The romtype under which a build without one is published; the default of CyanogenMod's updater.
pub const DEFAULT_ROMTYPE: &str = "UNOFFICIAL";
