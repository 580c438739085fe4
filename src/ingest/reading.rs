//! Chooses the ROM family whose properties are used for a package.
//!
//! In: the properties of a package, the settings, and how its device was published before. Out: a
//! family, and the reading of the detected one where another is used.

use std::borrow::Cow;

use ota_view::props::PropertyMap;

use super::Context;
use crate::model::family::{self, Family};

/// How a build would be published if its device had not been published differently before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpublished {
    /// Name of the family.
    pub family: String,
    /// Codename, version and romtype, as far as they are known.
    pub facts: [Option<String>; 3],
}

/// Chooses the ROM family whose properties are used for a package: the one the settings name for its
/// device, or the one its device was published under before, or else the detected one. In the
/// second case, also returns the reading of the detected family.
pub(super) fn choose_family<'a>(
    filename: &str,
    props: &PropertyMap,
    context: Context<'a>,
) -> (Cow<'a, Family>, Option<Unpublished>) {
    let readings = family::readings(props, context.families);
    let [detected, _, ..] = &readings[..] else {
        return (Cow::Borrowed(family::detect(props, context.families)), None);
    };
    let devices = readings
        .iter()
        .filter_map(|reading| reading.device.as_ref());
    let set = devices
        .filter_map(|device| context.devices.get(device)?.family.as_ref())
        .find_map(|name| {
            readings
                .iter()
                .find(|reading| reading.family.name == **name)
        });
    if let Some(set) = set {
        return (set.family.clone(), None);
    }
    match (context.published)(filename, &readings) {
        None | Some(0) => (detected.family.clone(), None),
        Some(index) => {
            let facts = [&detected.device, &detected.version, &detected.romtype];
            let unpublished = Unpublished {
                family: detected.family.name.to_string(),
                facts: facts.map(Clone::clone),
            };
            (readings[index].family.clone(), Some(unpublished))
        }
    }
}
