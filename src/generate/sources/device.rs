//! Keeps the packages of a device's source to that device, so that its maintainer cannot publish for
//! the phones of others.

use super::super::draft::Draft;
use super::super::report::{Fault, Log};
use crate::model::build::Device;
use crate::model::config::Config;
use crate::model::fault_kind::FaultKind;

/// A package that is not for the device of its source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is for `{device}`, and the source `{}` is only for `{expected}`", .source_name.escape_debug())]
pub struct OtherDevice {
    /// The device of the package.
    pub device: Device,
    /// The source.
    pub source_name: String,
    /// The device of the source.
    pub expected: Device,
}

/// Rejects drafts of other devices than the one that their source is for, or whose phones ask for
/// another. Aliases are other names of a device.
pub(in crate::generate) fn keep_own_devices(config: &Config, drafts: &mut Vec<Draft>) -> Log {
    let mut log = Log::default();
    drafts.retain(|draft| {
        let Some(origin) = &draft.build.origin else {
            return true;
        };
        let mut sources = config.sources.iter();
        let source = sources.find(|source| source.name == origin.source);
        let Some(expected) = source.and_then(|source| source.device.as_ref()) else {
            return true;
        };
        let build = &draft.build;
        let mut names = std::iter::once(&build.device).chain(&build.next_device);
        let other = names.find(|name| *name != expected && !is_alias(config, expected, name));
        if let Some(device) = other {
            let error = OtherDevice {
                device: device.clone(),
                source_name: origin.source.clone(),
                expected: expected.clone(),
            };
            log.faults.push(Fault {
                path: draft.build.path.clone(),
                kind: FaultKind::Conflict,
                error: error.into(),
            });
        }
        other.is_none()
    });
    log
}

/// Returns whether a name is an alias of a device, and not a device with settings of its own.
fn is_alias(config: &Config, device: &Device, alias: &Device) -> bool {
    let set = config.devices.get(device.as_str());
    set.is_some_and(|set| set.aliases.contains(alias))
        && !config.devices.contains_key(alias.as_str())
}
