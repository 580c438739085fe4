//! The sources of all settings: those of all devices, and those of single ones.

use std::collections::BTreeMap;

use romfeed::model::build::Device;
use romfeed::model::source::SourceConfig;

use super::file::{ConfigError, FileConfig, Origin};

/// Checks the tables of all devices and those of single ones.
///
/// # Errors
/// One line on the first table that cannot be used.
pub(super) fn parse(
    settings: &FileConfig,
    origin: &Origin,
) -> Result<Vec<SourceConfig>, ConfigError> {
    let mut sources: Vec<SourceConfig> = Vec::new();
    let mut places: BTreeMap<String, String> = BTreeMap::new();
    let of_all = (
        None,
        false,
        format!("{}: [[source]]", origin.name),
        &settings.sources,
    );
    let of_devices = settings.device.iter().map(|(device, set)| {
        let place = match &set.file {
            Some(file) => format!("{file}: [[source]]"),
            None => format!("{}: [[device.{device}.source]]", origin.name),
        };
        let has_file = set.file.is_some();
        (Device::parse(device).ok(), has_file, place, &set.sources)
    });
    for (device, has_file, place, tables) in std::iter::once(of_all).chain(of_devices) {
        let error = |reason: String| ConfigError::new(format!("{place}: {reason}"));
        for table in tables {
            for table in table.repositories(&origin.folder).map_err(error)? {
                let source = table
                    .resolve(&origin.folder, device.as_ref(), has_file)
                    .map_err(error)?;
                if let Some(first) = places.insert(source.name.to_lowercase(), place.clone()) {
                    let name = source.name.escape_debug();
                    let reason = format!("the name `{name}` is that of another source, in {first}");
                    let hint = "give one of them another `name`".to_owned();
                    return Err(error(reason).with_hint(hint));
                }
                sources.push(source);
            }
        }
    }
    Ok(sources)
}
