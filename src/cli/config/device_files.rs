//! `devices.d/CODENAME.toml`: the settings of one device in a file of its own, so that each maintainer
//! of a project has one.

use std::path::{Path, PathBuf};

use romfeed::files::{list_folder, read_text};
use romfeed::model::build::Device;

use super::super::nearest::nearest;
use super::file::{ConfigError, FileConfig, FileDevice, MAX_FILE_SIZE, Origin, parse_device};

/// The folder, next to the settings file.
const FOLDER: &str = "devices.d";
/// The ending of its files.
const ENDING: &str = "toml";

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
        let set = parse_device(&text, &name, &origin.name)?;
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

/// Lists files in the folder next to a settings file that are not read, and whose ending is nearly that of settings:
/// `bacon.tml`, `bacon.toml.txt`.
pub(crate) fn misnamed(settings: &Path) -> Vec<PathBuf> {
    let folder = settings.parent().unwrap_or(Path::new("")).join(FOLDER);
    // A folder that cannot be read has been reported before.
    let files = entries(&folder).unwrap_or_default().into_iter();
    files
        .filter(|file| !is_settings(file) && is_nearly_settings(file))
        .collect()
}

fn is_settings(file: &Path) -> bool {
    file.extension().is_some_and(|end| end == ENDING)
}

fn is_nearly_settings(file: &Path) -> bool {
    let ending = |path: &Path| {
        path.extension()
            .map(|end| end.to_string_lossy().into_owned())
    };
    // Some editors add `.txt`, and hide it.
    let inner = match ending(file) {
        Some(end) if end.eq_ignore_ascii_case("txt") => file.file_stem().map(Path::new),
        _ => Some(file),
    };
    let end = inner.and_then(ending);
    end.is_some_and(|end| nearest(&end, [ENDING]).is_some())
}

/// Lists the files with settings, sorted; a missing folder has none.
fn list(folder: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let mut files = entries(folder)?;
    files.retain(|file| is_settings(file));
    Ok(files)
}

/// Lists all files that are not hidden, sorted; a missing folder has none.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    list_folder(folder)
        .map_err(|error| ConfigError::new(format!("cannot read {}: {error}", folder.display())))
}
