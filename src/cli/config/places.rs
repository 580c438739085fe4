//! The files and folders of a run: from flags or the environment, the settings and defaults.

use std::path::{Path, PathBuf};
use std::time::Instant;

use ota_view::io::Limits;
use romfeed::files::behind_links;
use romfeed::model::config::{CHANGELOGS_DIR, Config, STATE_DIR};

use super::super::args::Places;
use super::super::devices::{self, Devices};
use super::file::{ConfigError, FileConfig, OneOrMany, Origin};

/// Returns a configuration in which only files and folders are set.
pub(super) fn resolve(
    flags: &Places,
    settings: &FileConfig,
    origin: &Origin,
) -> Result<Config, ConfigError> {
    let folder = &origin.folder;
    let catalogs = resolve_catalogs(&flags.catalog, settings.catalog.as_ref(), origin)?;
    let limits = Limits::in_folders(temporary_folders(&catalogs[0]), Instant::now);
    let defaults = Config::for_folder(folder, limits);
    let place = |flag: &Option<PathBuf>, set: &Option<PathBuf>, default: &Path| {
        let set = set.as_ref().map(|path| folder.join(path));
        flag.clone().or(set).unwrap_or_else(|| default.to_owned())
    };
    let changelogs = catalogs[0].with_file_name(CHANGELOGS_DIR);
    Ok(Config {
        builds: place(&flags.builds, &settings.builds, &defaults.builds),
        out: place(&flags.out, &settings.out, &defaults.out),
        changelogs: place(&flags.changelogs, &settings.changelogs, &changelogs),
        // There is one lock, even if links lead to the same catalog.
        state: behind_links(&catalogs[0]).with_file_name(STATE_DIR),
        devices_local: devices::local(&devices_file(settings, origin)),
        catalogs,
        ..defaults
    })
}

/// Reads the devices that the settings name, or those in `devices.json`.
pub(super) fn load_devices(settings: &FileConfig, origin: &Origin) -> Devices {
    devices::load(&devices_file(settings, origin), settings.devices.is_some())
}

fn devices_file(settings: &FileConfig, origin: &Origin) -> PathBuf {
    let set = settings.devices.as_deref();
    origin.folder.join(set.unwrap_or(Path::new("devices.json")))
}

fn resolve_catalogs(
    flags: &[PathBuf],
    set: Option<&OneOrMany>,
    origin: &Origin,
) -> Result<Vec<PathBuf>, ConfigError> {
    let catalogs = match (flags, set) {
        ([_, ..], _) => flags.to_vec(),
        ([], Some(paths)) => paths.in_folder(&origin.folder),
        ([], None) => vec![origin.folder.join("catalog.json")],
    };
    match catalogs.is_empty() {
        true => Err(origin.error("catalog", &"the list is empty")),
        false => Ok(catalogs),
    }
}

/// Returns the folders for temporary files, in the order in which they are tried: the folder in
/// `TMPDIR`, the folder of the state, and the default of the system.
fn temporary_folders(catalog: &Path) -> Vec<PathBuf> {
    let near_state = std::path::absolute(catalog).unwrap_or_else(|_| catalog.to_owned());
    let near_state = near_state.ancestors().skip(1).find(|path| path.is_dir());
    let mut folders = vec![std::env::temp_dir()];
    if let Some(folder) = near_state {
        let is_named = std::env::var_os("TMPDIR").is_some_and(|folder| !folder.is_empty());
        folders.insert(usize::from(is_named), folder.to_owned());
    }
    folders
}
