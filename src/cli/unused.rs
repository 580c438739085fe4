//! Settings that have no effect: tables and patterns for builds that do not exist, and a `keep` below
//! what always stays.
//!
//! In: the settings, and the report of a run. Out: one line for each such setting. They may have been
//! written before the first build, so they are only warned about.

use std::collections::BTreeSet;

use globset::GlobBuilder;
use romfeed::catalog::Catalogs;
use romfeed::generate::{Event, Report};
use romfeed::model::config::{Config, PathPattern, Retention};

use super::nearest::nearest;

/// Builds of each version that stay listed whatever `keep` is.
const LEAST_KEPT: usize = 2;

/// The devices, release types and paths of all builds, published or left out.
pub(crate) struct Known {
    devices: BTreeSet<String>,
    romtypes: BTreeSet<String>,
    pub(crate) paths: BTreeSet<String>,
}

/// Describes the settings that have no effect.
pub(crate) fn warnings(config: &Config, report: &Report) -> Vec<String> {
    let mut warnings = low_keeps(config);
    let has_rules = !config.variants.is_empty() || !config.overrides.is_empty();
    if has_rules || !config.devices.is_empty() || !config.romtypes.is_empty() {
        let known = Known::new(config, report);
        if !known.paths.is_empty() {
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
        // Errors of catalogs have been reported before.
        if let Ok(catalogs) = Catalogs::load(&config.catalogs)
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
fn low_keeps(config: &Config) -> Vec<String> {
    let is_low = |retention: &Retention| retention.keep.is_some_and(|keep| keep < LEAST_KEPT);
    let all = std::iter::once(("keep".to_owned(), &config.retention));
    let of_romtypes = config.romtypes.iter();
    let of_romtypes = of_romtypes.map(|(name, kept)| (format!("[romtype.{name}] keep"), kept));
    let of_devices = config.devices.iter().flat_map(|(device, set)| {
        let of_device = (format!("[device.{device}] keep"), &set.retention);
        let of_romtypes = set.romtypes.iter();
        let of_romtypes = of_romtypes
            .map(move |(name, kept)| (format!("[device.{device}.romtype.{name}] keep"), kept));
        std::iter::once(of_device).chain(of_romtypes)
    });
    let low = all.chain(of_romtypes).chain(of_devices);
    low.filter(|(_, retention)| is_low(retention))
        .map(|(key, retention)| {
            let keep = retention.keep.unwrap_or_default();
            format!("{key} = {keep}: the two newest builds of each version stay listed in any case")
        })
        .collect()
}

/// Describes each `[device.NAME]` of which there is no build and that `devices.json` does not list.
fn unused_devices(config: &Config, known: &Known) -> Vec<String> {
    let owners = known.devices.iter().filter_map(|name| config.owner(name));
    let owners: BTreeSet<&str> = owners.map(|(owner, _)| owner).collect();
    let is_known = |name: &str| owners.contains(name) || config.known_devices.contains_key(name);
    let unused = config.devices.keys().filter(|name| !is_known(name));
    unused
        .map(|name| {
            let near = nearest(name, known.devices.iter().map(String::as_str));
            let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            format!("[device.{name}]: no build is for this device{near}")
        })
        .collect()
}

/// Describes each `[romtype.NAME]`, of all devices or of one, of which there is no build.
fn unused_romtypes(config: &Config, known: &Known) -> Vec<String> {
    let of_all = config.romtypes.keys().map(|name| (String::new(), name));
    let of_devices = config.devices.iter().flat_map(|(device, set)| {
        let names = set.romtypes.keys();
        names.map(move |name| (format!("device.{device}."), name))
    });
    // Without a build, there is no release type either.
    let is_unused = |name: &str| !known.romtypes.is_empty() && !known.romtypes.contains(name);
    let unused = of_all.chain(of_devices).filter(|(_, name)| is_unused(name));
    unused
        .map(|(table, name)| {
            let near = nearest(name, known.romtypes.iter().map(String::as_str));
            let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            format!("[{table}romtype.{name}]: no build is of this release type{near}")
        })
        .collect()
}

/// Describes each pattern of `[[variant]]` and `[[override]]` that matches no package.
fn unused_patterns(config: &Config, known: &Known) -> Vec<String> {
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
            format!("{table}: the pattern `{text}` matches no package{near}")
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
