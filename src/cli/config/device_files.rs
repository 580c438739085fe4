//! `devices.d/CODENAME.toml`: the settings of one device in a file of its own, so that each maintainer
//! of a project has one.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use romfeed::files::read_text;
use romfeed::model::build::Device;

use super::file::{ConfigError, FileConfig, FileDevice, MAX_FILE_SIZE, Origin, parse};

/// The folder, next to the settings file.
const FOLDER: &str = "devices.d";

/// Adds the settings of all files in the folder.
///
/// # Errors
/// [`ConfigError`] if a file cannot be read or parsed, is not named after a device, or is not the only
/// place with settings of its device.
pub(super) fn add(settings: &mut FileConfig, origin: &Origin) -> Result<(), ConfigError> {
    for file in list(&origin.folder.join(FOLDER))? {
        let name = file.display().to_string();
        let stem = file.file_stem().and_then(|stem| stem.to_str());
        let device = stem.and_then(|stem| Device::parse(stem).ok());
        let Some(device) = device else {
            let error = ConfigError::new(format!("{name} is not named after a device"));
            return Err(error.with_hint("name it CODENAME.toml".to_owned()));
        };
        let text = read_text(&file, MAX_FILE_SIZE)
            .map_err(|error| ConfigError::new(format!("cannot read {name}: {error}")))?;
        let set: FileDevice = parse(&text, &name)?;
        let is_same = |other: &&String| other.eq_ignore_ascii_case(device.as_str());
        if let Some(other) = settings.device.keys().find(is_same) {
            let place = match settings.device.get(other).and_then(|set| set.file.as_ref()) {
                Some(file) => file.clone(),
                None => format!("[device.{other}] in {}", origin.name),
            };
            let error = ConfigError::new(format!("{name} and {place} are for the same device"));
            return Err(error.with_hint("keep the settings in one of them".to_owned()));
        }
        let set = FileDevice {
            file: Some(name),
            ..set
        };
        settings.device.insert(device.as_str().to_owned(), set);
    }
    Ok(())
}

/// Lists the files, sorted; a missing folder has none.
fn list(folder: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let read_error = |error: std::io::Error| {
        ConfigError::new(format!("cannot read {}: {error}", folder.display()))
    };
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(read_error)?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let file = entry.map_err(read_error)?.path();
        let is_hidden = file
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !is_hidden && file.extension().is_some_and(|end| end == "toml") {
            files.push(file);
        }
    }
    files.sort_unstable();
    Ok(files)
}
