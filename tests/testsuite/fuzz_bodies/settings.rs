//! The maintainer's files: settings, devices, and files that the settings name.
//!
//! The command line reads them, and it is not a library: its files are compiled here too.

#[path = "../../../src/cli/config/mod.rs"]
mod config;
#[path = "../../../src/cli/devices.rs"]
mod devices;
#[path = "../../../src/cli/escape.rs"]
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "settings need only a part of it")
)]
mod escape;
#[path = "../../../src/cli/nearest.rs"]
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "settings need only a part of it")
)]
mod nearest;
#[path = "../../../src/cli/position.rs"]
mod position;
#[path = "../../../src/cli/rate.rs"]
mod rate;
#[path = "../../../src/cli/theme.rs"]
mod theme;

/// The flags that the settings depend on.
mod args {
    use std::path::PathBuf;

    pub(crate) const MAX_JOBS: u16 = 256;

    /// Returns the state without flags.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Places {
        pub(crate) builds: Option<PathBuf>,
        pub(crate) out: Option<PathBuf>,
        pub(crate) catalog: Vec<PathBuf>,
        pub(crate) changelogs: Option<PathBuf>,
        pub(crate) base_url: Option<String>,
    }
}

mod report {
    pub(crate) use ota_view::error_kind::chain;
}

use std::path::Path;

use romfeed::model::config::Config;

use super::site::{self, SITE};

/// The files in the folder, in this order in the input, separated by zero bytes.
const FILES: [&str; 6] = [
    config::FILE_NAME,
    "devices.json",
    "devices_local.json",
    "device_deps.json",
    "install.md",
    "templates/feeds/own.j2",
];

thread_local! {
    static FOLDER: tempfile::TempDir = make_folder();
}

fn make_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    std::fs::create_dir_all(folder.path().join("templates/feeds")).expect("the folder is writable");
    folder
}

/// A folder of settings, and the site that they make from some builds.
pub(super) fn config(data: &[u8]) {
    let resolved = FOLDER.with(|folder| resolve(folder.path(), data));
    let Some(config) = resolved else {
        return;
    };
    for record in SITE.builds.values() {
        let path = &record.build.path;
        let _ = config.variant(path, &|_| Some("x".to_owned()));
        let _ = config.exclude.is_match(path);
        for set in &config.overrides {
            let _ = set.pattern.matches(path);
        }
    }
    let _ = site::publish(&SITE, &config);
}

/// Writes the files to the folder and reads them, if they can be read.
fn resolve(folder: &Path, data: &[u8]) -> Option<Config> {
    let mut parts = data.split(|byte| *byte == 0);
    for name in FILES {
        let file = folder.join(name);
        match parts.next() {
            Some(bytes) => std::fs::write(file, bytes).expect("the folder is writable"),
            None => drop(std::fs::remove_file(file)),
        }
    }
    let places = args::Places::default();
    let file = folder.join(config::FILE_NAME);
    assert!(config::misnamed(&file).is_empty());
    let resolved = config::resolve(Some(&file), config::Flags::new(&places)).ok()?;
    if let Some((bucket, ca)) = &resolved.bucket {
        assert!(bucket.url.contains("://"), "{bucket:?}");
        assert!(ca.as_ref().is_none_or(|file| file.is_absolute()));
    }
    for error in resolved.devices_errors.iter().chain(&resolved.unused) {
        assert!(!error.contains('\n'), "{error}");
    }
    Some(resolved.config)
}
