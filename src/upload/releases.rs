//! Titles and notes for releases.
//!
//! In: the offered builds of the catalog, and the folder with their changelogs. Out: for each tag what people read, for
//! example `LineageOS 21 for Pixel 7a, 17 June 2024` and the changelog.

use std::collections::BTreeMap;
use std::path::Path;

use crate::catalog::Catalog;
use crate::files::read_file;
use crate::markup::changelog::{self, Format};
use crate::model::build::{Build, Kind, stem};
use crate::model::config::Config;
use crate::publish::feed::template::context::rom_title;

/// Longest notes in bytes; GitHub takes 125,000 characters.
const MAX_NOTES: usize = 100_000;

/// What people read about a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its title, one line.
    pub title: String,
    /// Its notes, in Markdown; may be empty.
    pub notes: String,
}

/// The releases by tag.
pub type Releases = BTreeMap<String, Release>;

/// Describes the releases of the offered builds whose addresses are like those of GitHub: `…/releases/download/TAG/NAME`.
#[must_use]
pub fn releases(catalog: &Catalog, config: &Config) -> Releases {
    let mut by_tag: BTreeMap<String, Vec<&Build>> = BTreeMap::new();
    for record in catalog.builds.values().filter(|record| record.is_offered()) {
        let url = config.address(&record.build).map(|(url, _)| url);
        let tag = url.as_deref().and_then(|url| {
            let (_, rest) = url.split_once("/releases/download/")?;
            Some(rest.split_once('/')?.0.to_owned())
        });
        if let Some(tag) = tag {
            by_tag.entry(tag).or_default().push(&record.build);
        }
    }
    by_tag
        .into_iter()
        .map(|(tag, builds)| {
            let release = describe(&tag, &builds, config);
            (tag, release)
        })
        .collect()
}

fn describe(tag: &str, builds: &[&Build], config: &Config) -> Release {
    // A delta is next to the full build that it leads to.
    let full: Vec<&&Build> = builds.iter().filter(|b| b.kind == Kind::Full).collect();
    match full[..] {
        [build] => Release {
            title: title(build, config),
            notes: notes(build, &config.changelogs),
        },
        _ => {
            let lines = full
                .iter()
                .map(|build| format!("- {}\n", title(build, config)));
            Release {
                title: tag.to_owned(),
                notes: lines.collect(),
            }
        }
    }
}

/// Returns the ROM, the device, the variant and the day of a build.
fn title(build: &Build, config: &Config) -> String {
    let device = build.device.as_str();
    let known = config.known_devices.get(device);
    let name = known
        .map(|known| known.name.as_str())
        .filter(|name| !name.is_empty());
    let variant = build.variant.as_ref();
    let variant = variant
        .map(|variant| format!(" ({variant})"))
        .unwrap_or_default();
    let day = chrono::DateTime::from_timestamp(build.timestamp, 0);
    let day = day
        .map(|day| day.format(", %-d %B %Y").to_string())
        .unwrap_or_default();
    let title = format!(
        "{} for {}{variant}{day}",
        rom_title(build),
        name.unwrap_or(device)
    );
    title.chars().filter(|c| !c.is_control()).collect()
}

/// Returns the stored changelog of a build.
fn notes(build: &Build, folder: &Path) -> String {
    let read = |format: &Format| {
        let file = folder.join(format!("{}.{}", stem(&build.filename), format.extension()));
        let limit = u64::try_from(changelog::MAX_SIZE).ok()?;
        let bytes = read_file(&file, limit).ok()?;
        Some(changelog::decode(&bytes, *format).text)
    };
    let mut notes = Format::ALL.iter().find_map(read).unwrap_or_default();
    notes.truncate(notes.floor_char_boundary(MAX_NOTES));
    notes
}
