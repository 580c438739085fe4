//! Packages whose file name a published build has.

use super::report::Fault;
use crate::model::build::{Build, Device};
use crate::model::fault_kind::FaultKind;

/// A package that cannot be published under its file name, because a published build has it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is for {device}, and a published build of {owner} has its file name `{}`", .filename.escape_debug())]
pub struct NameTaken {
    path: String,
    filename: String,
    device: Device,
    owner: Device,
}

impl NameTaken {
    /// Describes a package, and the published build that has its name.
    pub(super) fn new(build: &Build, owner: &Build) -> NameTaken {
        NameTaken {
            path: build.path.clone(),
            filename: build.filename.clone(),
            device: build.device.clone(),
            owner: owner.device.clone(),
        }
    }
}

impl From<NameTaken> for Fault {
    fn from(taken: NameTaken) -> Fault {
        Fault {
            path: taken.path.clone(),
            kind: FaultKind::Conflict,
            error: taken.into(),
        }
    }
}
