//! Packages whose file name a published build has.

use super::report::Fault;
use crate::model::build::{Build, Device};
use crate::model::fault_kind::FaultKind;

/// A package that cannot be published under its file name, because a published build has it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} has its file name `{}`", describe_owner(.device, .owner), .filename.escape_debug())]
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

/// Names the build that has the name, and both devices if they differ.
fn describe_owner(device: &Device, owner: &Device) -> String {
    match device == owner {
        true => "another published build".to_owned(),
        false => format!("it is for {device}, and a published build of {owner}"),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_named_only_if_they_differ() {
        let [bacon, mako] = ["bacon", "mako"].map(|name| Device::parse(name).unwrap());
        let describe = |owner| NameTaken {
            path: "x/rom.zip".to_owned(),
            filename: "rom.zip".to_owned(),
            device: mako.clone(),
            owner,
        };
        assert_eq!(
            describe(mako.clone()).to_string(),
            "another published build has its file name `rom.zip`"
        );
        assert_eq!(
            describe(bacon).to_string(),
            "it is for mako, and a published build of bacon has its file name `rom.zip`"
        );
    }
}
