//! The files and folders of a run: from flags or the environment, the settings and defaults.

use std::path::{Path, PathBuf};
use std::time::Instant;

use ota_view::io::Limits;
use romfeed::catalog::store;
use romfeed::files::behind_links;
use romfeed::model::config::{CHANGELOGS_DIR, Config, STATE_DIR};

use super::super::args::Places;
use super::super::devices::{self, Devices};
use super::super::escape::shown;
use super::bucket::{self, CatalogBucket};
use super::file::{ConfigError, FileConfig, OneOrMany, Origin, flag_error};

/// Returns a configuration in which only files and folders are set, and the bucket that has the catalog, if one does.
pub(super) fn resolve(
    flags: &Places,
    settings: &FileConfig,
    origin: &Origin,
) -> Result<(Config, Option<CatalogBucket>), ConfigError> {
    let folder = &origin.folder;
    let set = settings.catalog.as_ref();
    let shared = bucket::resolve(&flags.catalog, set, settings.s3.as_ref(), origin)?;
    let catalogs = match &shared {
        None => resolve_catalogs(&flags.catalog, set, origin)?,
        Some(shared) => vec![shared.folder.clone()],
    };
    let limits = Limits::in_folders(temporary_folders(&catalogs[0]), Instant::now);
    let defaults = Config::for_folder(folder, limits);
    let place = |flag: &Option<PathBuf>, set: &Option<PathBuf>, default: &Path| {
        let set = set.as_ref().map(|path| folder.join(path));
        flag.clone().or(set).unwrap_or_else(|| default.to_owned())
    };
    // There is one lock, even if links lead to the same catalog.
    let beside = behind_links(without_slash(&catalogs[0]));
    let (changelogs, state) = match &shared {
        None => (
            catalogs[0].with_file_name(CHANGELOGS_DIR),
            beside.with_file_name(STATE_DIR),
        ),
        Some(shared) => (shared.folder.join(CHANGELOGS_DIR), folder.join(STATE_DIR)),
    };
    check_folder("out", flags.out.as_deref(), settings.out.as_deref(), origin)?;
    let [flag, set] = [&flags.changelogs, &settings.changelogs].map(Option::as_deref);
    check_folder("changelogs", flag, set, origin)?;
    let config = Config {
        builds: place(&flags.builds, &settings.builds, &defaults.builds),
        out: place(&flags.out, &settings.out, &defaults.out),
        changelogs: place(&flags.changelogs, &settings.changelogs, &changelogs),
        state,
        devices_local: devices::local(&devices_file(settings, origin)),
        catalogs,
        ..defaults
    };
    check_catalogs(&config, &flags.catalog, origin)?;
    Ok((config, shared.map(|shared| shared.bucket)))
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
    if catalogs.is_empty() {
        return Err(origin.error("catalog", &"the list is empty"));
    }
    let is_file = |path: &&PathBuf| store::is_folder(path) && without_slash(path).is_file();
    if let Some(file) = catalogs.iter().find(is_file) {
        let what = format!("`{}` is a file, not a folder", shown(file));
        let error = origin.catalog_error(flags, &what);
        return Err(error.with_hint("name it without `/` at its end".to_owned()));
    }
    // A path with `/` at its end has one file for each device.
    let with_slash = |path: PathBuf| match path.is_dir() {
        true => path.join(""),
        false => path,
    };
    Ok(catalogs.into_iter().map(with_slash).collect())
}

/// Refuses the folder of zips as a folder of catalogs.
fn check_catalogs(config: &Config, flags: &[PathBuf], origin: &Origin) -> Result<(), ConfigError> {
    let builds = config.builds.canonicalize().ok();
    let is_builds = |path: &&PathBuf| builds.is_some() && path.canonicalize().ok() == builds;
    match config.catalogs.iter().find(is_builds) {
        None => Ok(()),
        Some(path) => {
            let what = format!("`{}` is the folder of zips", shown(path));
            let error = origin.catalog_error(flags, &what);
            Err(error.with_hint("name a file, or a folder of its own".to_owned()))
        }
    }
}

fn without_slash(path: &Path) -> &Path {
    path.components().as_path()
}

/// Checks that a folder from a flag or from the settings is not another kind of file.
fn check_folder(
    key: &str,
    flag: Option<&Path>,
    set: Option<&Path>,
    origin: &Origin,
) -> Result<(), ConfigError> {
    let is_file = |path: &Path| path.metadata().is_ok_and(|found| !found.is_dir());
    let what = |path: &Path| format!("`{}` is a file, not a folder", shown(path));
    let error = match (flag, set) {
        (Some(path), _) if is_file(path) => flag_error(key, &what(path)),
        (None, Some(path)) if is_file(&origin.folder.join(path)) => origin.error(key, &what(path)),
        _ => return Ok(()),
    };
    Err(error.with_hint("name a folder; it need not exist yet".to_owned()))
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
