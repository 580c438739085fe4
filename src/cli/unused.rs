//! Settings that have no effect: tables and patterns for builds that do not exist, and a `keep` below
//! what always stays.
//!
//! In: the settings, and the report of a run. Out: one line for each such setting, and the file that has it. They may
//! have been written before the first build, so they are only warned about.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use globset::GlobBuilder;
use romfeed::catalog::Catalogs;
use romfeed::generate::{Event, Report};
use romfeed::model::config::{Config, DeviceConfig, PathPattern};

use super::escape;
use super::nearest::nearest;

/// Builds of each version that stay listed whatever `keep` is.
const LEAST_KEPT: usize = 2;

/// The devices and release types of all builds, and the paths of packages, as far as settings have patterns for these.
pub(crate) struct Known {
    devices: BTreeSet<String>,
    romtypes: BTreeSet<String>,
    pub(crate) paths: BTreeSet<String>,
}

/// A setting that has no effect.
pub(crate) struct Unused {
    /// The settings file.
    pub(crate) file: String,
    pub(crate) message: String,
}

/// Describes the settings that have no effect. `file` is the settings file for all devices, and `misnamed` are files that
/// were not read.
pub(crate) fn warnings(
    config: &Config,
    report: &Report,
    file: &Path,
    misnamed: &[PathBuf],
) -> Vec<Unused> {
    let misnamed = misnamed.iter().map(|file| Unused {
        file: escape::shown(file),
        message: "this file is not read, as its name does not end in .toml; rename it".to_owned(),
    });
    let unused = of_settings(config, report);
    let unused = unused.into_iter().map(|(place, message)| Unused {
        file: match place.file {
            Some(file) => escape::escape(file),
            None => escape::shown(file),
        },
        message: format!("{}{message}", place.table),
    });
    misnamed.chain(unused).collect()
}

/// The place of a setting.
struct Place<'c> {
    /// The file of its device, if it has one of its own.
    file: Option<&'c str>,
    /// The table, up to the key: `[device.bacon] `.
    table: String,
}

impl Place<'_> {
    /// Returns the place of a table in the file for all devices.
    fn main(table: String) -> Place<'static> {
        Place { file: None, table }
    }

    /// Returns the place of the settings of a device, or of a table in them.
    fn device<'c>(device: &str, set: &'c DeviceConfig, table: Option<&str>) -> Place<'c> {
        let file = set.file.as_deref();
        let table = match (file, table) {
            (None, None) => format!("[device.{device}]"),
            (None, Some(table)) => format!("[device.{device}.{table}]"),
            (Some(_), None) => String::new(),
            (Some(_), Some(table)) => format!("[{table}]"),
        };
        Place { file, table }
    }

    /// Adds what stands between the table and the message, if there is a table.
    fn with_end(self, end: &str) -> Self {
        match self.table.is_empty() {
            true => self,
            false => Self {
                table: self.table + end,
                ..self
            },
        }
    }
}

fn of_settings<'c>(config: &'c Config, report: &Report) -> Vec<(Place<'c>, String)> {
    let mut warnings = low_keeps(config);
    let has_rules = !config.variants.is_empty() || !config.overrides.is_empty();
    if has_rules || !config.devices.is_empty() || !config.romtypes.is_empty() {
        let known = Known::new(config, report);
        if !known.devices.is_empty() || !known.paths.is_empty() {
            warnings.extend(unused_devices(config, &known));
            warnings.extend(unused_romtypes(config, &known));
            warnings.extend(unused_patterns(config, &known));
        }
    }
    warnings
}

impl Known {
    /// Collects them from the catalogs and the report of a run.
    pub(crate) fn new(config: &Config, report: &Report) -> Known {
        let mut known = Known {
            devices: report.devices.clone(),
            romtypes: BTreeSet::new(),
            paths: report.events.iter().filter_map(path_of).collect(),
        };
        known
            .paths
            .extend(report.faults.iter().map(|fault| fault.path.clone()));
        known.devices.extend(report.known_devices.iter().cloned());
        known.romtypes.extend(report.known_romtypes.iter().cloned());
        let has_patterns = !config.variants.is_empty() || !config.overrides.is_empty();
        if !has_patterns && !report.known_devices.is_empty() {
            return known;
        }
        // Errors of catalogs have been reported before.
        if let Ok(catalogs) = Catalogs::load(config)
            && let Ok(catalog) = catalogs.merged()
        {
            for record in catalog.builds.values() {
                known.devices.insert(record.build.device.to_string());
                let romtype = record.build.romtype.to_string();
                known.romtypes.insert(romtype.to_ascii_lowercase());
                known.paths.insert(record.build.path.clone());
            }
        }
        known
    }
}

/// Returns the package of an event about a build.
fn path_of(event: &Event) -> Option<String> {
    match event {
        Event::Added(path)
        | Event::Updated { path, .. }
        | Event::Moved { path, .. }
        | Event::Returned(path)
        | Event::Superseded(path)
        | Event::Retired { path, .. }
        | Event::Remote(path)
        | Event::Buried(path)
        | Event::SameBytes { path, .. }
        | Event::Held { path, .. } => Some(path.clone()),
        Event::NotAnUpdate { .. }
        | Event::ChangelogsKept(_)
        | Event::ProjectsKept(_)
        | Event::Warning { .. } => None,
    }
}

/// Describes each `keep` below the number of builds that always stay.
fn low_keeps(config: &Config) -> Vec<(Place<'_>, String)> {
    let all = std::iter::once((Place::main(String::new()), &config.retention));
    let of_romtypes = config.romtypes.iter();
    let of_romtypes =
        of_romtypes.map(|(name, kept)| (Place::main(format!("[romtype.{name}]")), kept));
    let of_devices = config.devices.iter().flat_map(|(device, set)| {
        let of_device = (Place::device(device, set, None), &set.retention);
        let of_romtypes = set.romtypes.iter().map(move |(name, kept)| {
            let table = format!("romtype.{name}");
            (Place::device(device, set, Some(&table)), kept)
        });
        std::iter::once(of_device).chain(of_romtypes)
    });
    let all = all.chain(of_romtypes).chain(of_devices);
    let low = all.filter_map(|(place, retention)| {
        let keep = retention.keep.filter(|keep| *keep < LEAST_KEPT)?;
        let message =
            format!("keep = {keep}: the two newest builds of each version stay listed in any case");
        Some((place.with_end(" "), message))
    });
    low.collect()
}

/// Describes each `[device.NAME]` of which there is no build and that `devices.json` does not list.
fn unused_devices<'c>(config: &'c Config, known: &Known) -> Vec<(Place<'c>, String)> {
    let owners = known.devices.iter().filter_map(|name| config.owner(name));
    let owners: BTreeSet<&str> = owners.map(|(owner, _)| owner).collect();
    let is_known = |name: &str| owners.contains(name) || config.known_devices.contains_key(name);
    let unused = config.devices.iter().filter(|(name, _)| !is_known(name));
    unused
        .map(|(name, set)| {
            let near = nearest(name, known.devices.iter().map(String::as_str));
            let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            let message = format!("no build is for this device{near}");
            (Place::device(name, set, None).with_end(": "), message)
        })
        .collect()
}

/// Describes each `[romtype.NAME]`, of all devices or of one, of which there is no build.
fn unused_romtypes<'c>(config: &'c Config, known: &Known) -> Vec<(Place<'c>, String)> {
    let of_all = config.romtypes.keys();
    let of_all = of_all.map(|name| (Place::main(format!("[romtype.{name}]")), name));
    let of_devices = config.devices.iter().flat_map(|(device, set)| {
        let names = set.romtypes.keys();
        names.map(move |name| {
            let table = format!("romtype.{name}");
            (Place::device(device, set, Some(&table)), name)
        })
    });
    // Without a build, there is no release type either.
    let is_unused = |name: &str| !known.romtypes.is_empty() && !known.romtypes.contains(name);
    let unused = of_all.chain(of_devices).filter(|(_, name)| is_unused(name));
    unused
        .map(|(place, name)| {
            let near = nearest(name, known.romtypes.iter().map(String::as_str));
            let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            let message = format!("no build is of this release type{near}");
            (place.with_end(": "), message)
        })
        .collect()
}

/// Describes each pattern of `[[variant]]` and `[[override]]` that matches no package.
fn unused_patterns(config: &Config, known: &Known) -> Vec<(Place<'static>, String)> {
    let of_variants = config.variants.iter().filter_map(|rule| {
        let table = format!("[[variant]] {}", rule.variant);
        Some((table, rule.pattern.as_ref()?))
    });
    let of_overrides = config.overrides.iter();
    let of_overrides = of_overrides.map(|set| ("[[override]]".to_owned(), &set.pattern));
    let is_unused = |pattern: &PathPattern| !known.paths.iter().any(|path| pattern.matches(path));
    of_variants
        .chain(of_overrides)
        .filter(|(_, pattern)| is_unused(pattern))
        .map(|(table, pattern)| {
            let text = pattern.as_str().escape_debug();
            let near = match matches_in_another_case(pattern, known) {
                Some(path) => format!(
                    "; `{}` differs only in upper and lower case",
                    path.escape_debug()
                ),
                None => match nearest_word(pattern, known) {
                    Some(near) => format!("; did you mean `{near}`?"),
                    None => String::new(),
                },
            };
            let message = format!("the pattern `{text}` matches no package{near}");
            (Place::main(table).with_end(": "), message)
        })
        .collect()
}

/// Returns the word in the paths of packages that is most like the longest word of a pattern.
fn nearest_word<'k>(pattern: &PathPattern, known: &'k Known) -> Option<&'k str> {
    let split = |c: char| !c.is_alphanumeric();
    let longest = pattern
        .as_str()
        .split(split)
        .max_by_key(|word| word.len())?;
    let words = known.paths.iter().flat_map(|path| path.split(split));
    let near = nearest(longest, words.filter(|word| !word.is_empty()))?;
    (near != longest).then_some(near)
}

/// Returns a package that a pattern would match if the case of letters did not matter.
fn matches_in_another_case<'k>(pattern: &PathPattern, known: &'k Known) -> Option<&'k str> {
    let pattern = GlobBuilder::new(pattern.as_str())
        .literal_separator(true)
        .case_insensitive(true)
        .build();
    let pattern = PathPattern::new(pattern.ok()?.compile_matcher());
    let mut paths = known.paths.iter().map(String::as_str);
    paths.find(|path| pattern.matches(path))
}
