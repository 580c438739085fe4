//! The official backend's `builds.json`, for a team that moves to that server.
//!
//! Source: `api_common.py` and `api_v2.py` of lineageos-infra/updater, 2023 to
//! June 2026. Of a build it reads `date`, `datetime`, `files`, `type` and `version`,
//! and since 2026 it takes out `os_patch_level`, `os_sdk_level` and
//! `ota_property_files`; of a file `filename`, `filepath`, `sha256` and `size`.
//! Whatever of these is absent makes its answer an error 500, so an unknown `os_…`
//! is written as null, which the client of 23.2 reads as unknown. `sha1` it only
//! hands on.
//!
//! The address of a file is `DOWNLOAD_BASE_URL` and `filepath`, joined as they
//! are. Clients ask for their romtype in lower case and the backend compares it
//! as it is, so it is written in lower case. Variants, deltas, ids other than the
//! SHA-256 and a second name of a device have no place in the format.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::catalog::Catalog;
use crate::model::address::encode_path;
use crate::model::build::{Build, Kind, Variant};

#[derive(Serialize)]
struct WireBuild<'a> {
    date: String,
    datetime: i64,
    files: [WireFile<'a>; 1],
    os_patch_level: Option<&'a str>,
    os_sdk_level: Option<u32>,
    ota_property_files: Option<&'a str>,
    #[serde(rename = "type")]
    romtype: String,
    version: &'a str,
}

#[derive(Serialize)]
struct WireFile<'a> {
    filename: &'a str,
    filepath: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha1: Option<String>,
    sha256: &'a str,
    size: u64,
}

/// Tells the SHA-1 of a build's package, or in one line why it cannot.
pub type Sha1<'a> = &'a dyn Fn(&Build) -> Result<String, String>;

/// What to write, and how.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Tells where phones download a build now.
    pub address: &'a dyn Fn(&Build) -> Option<String>,
    /// The variant to write; none is the builds without one.
    pub variant: Option<&'a Variant>,
    /// The server's `DOWNLOAD_BASE_URL`, without a closing slash; without it, paths
    /// are those under `builds/`.
    pub url_base: Option<&'a str>,
    /// Where `sha1` comes from, if it is to be written.
    pub sha1: Option<Sha1<'a>>,
}

/// A `builds.json` and what is not in it.
#[derive(Clone, Debug)]
pub struct Export {
    /// Its text, ending in a line break.
    pub json: Vec<u8>,
    /// Builds in it.
    pub num_builds: usize,
    /// File name and reason of each build that should be in it and cannot.
    pub left_out: Vec<(String, String)>,
    /// File names, and what their phones lose.
    pub notes: Vec<(String, String)>,
    /// Deltas, which have no place in it.
    pub num_deltas: usize,
    /// Builds of other variants, which have no place beside these.
    pub num_other_variants: usize,
    /// Those variants; none is the builds without one.
    pub other_variants: BTreeSet<Option<Variant>>,
}

/// Writes the full builds that are offered, by device and date.
///
/// # Panics
/// Never: text, numbers and lists always become JSON.
#[must_use]
pub fn render(catalog: &Catalog, options: Options<'_>) -> Export {
    let mut export = Export {
        json: Vec::new(),
        num_builds: 0,
        left_out: Vec::new(),
        notes: Vec::new(),
        num_deltas: 0,
        num_other_variants: 0,
        other_variants: BTreeSet::new(),
    };
    let offered = catalog.builds.values().filter(|record| record.is_offered());
    let mut builds: Vec<&Build> = offered.map(|record| &record.build).collect();
    builds.sort_by_key(|build| (build.timestamp, &build.filename));
    let mut by_device: BTreeMap<&str, Vec<WireBuild<'_>>> = BTreeMap::new();
    for build in builds {
        if build.kind != Kind::Full {
            export.num_deltas += 1;
            continue;
        }
        if build.variant.as_ref() != options.variant {
            export.num_other_variants += 1;
            export.other_variants.insert(build.variant.clone());
            continue;
        }
        match to_wire(build, options) {
            Ok(wire) => {
                let device = by_device.entry(build.device.as_str()).or_default();
                device.push(wire);
                export.num_builds += 1;
                let notes = notes(build).into_iter();
                let filename = &build.filename;
                export
                    .notes
                    .extend(notes.map(|note| (filename.clone(), note)));
            }
            Err(reason) => export.left_out.push((build.filename.clone(), reason)),
        }
    }
    let json = serde_json::to_vec_pretty(&by_device);
    export.json = json.expect("text, numbers and lists always become JSON");
    export.json.push(b'\n');
    export
}

fn to_wire<'a>(build: &'a Build, options: Options<'_>) -> Result<WireBuild<'a>, String> {
    let Some(sha256) = &build.sha256 else {
        return Err(
            "its sha256 is not known; put its zip into the builds folder and run romfeed generate"
                .to_owned(),
        );
    };
    let filepath = filepath(build, options)?;
    let date = chrono::DateTime::from_timestamp(build.timestamp, 0).unwrap_or_default();
    let sha1 = options.sha1.map(|sha1| sha1(build)).transpose()?;
    Ok(WireBuild {
        date: date.format("%Y-%m-%d").to_string(),
        datetime: build.timestamp,
        files: [WireFile {
            filename: &build.filename,
            filepath,
            sha1,
            sha256,
            size: build.size,
        }],
        os_patch_level: build.security_patch.as_deref(),
        os_sdk_level: build.sdk_level,
        ota_property_files: build.property_files.as_deref(),
        romtype: build.romtype.to_path(),
        version: &build.version,
    })
}

fn filepath(build: &Build, options: Options<'_>) -> Result<String, String> {
    let url = (options.address)(build);
    let Some(base) = options.url_base else {
        let path = format!("/{}", encode_path(&build.path));
        return match url {
            Some(url) if !url.ends_with(&path) => Err(format!(
                "its address {url} does not end in its path under builds; name with --url-base what it lies below"
            )),
            _ => Ok(path),
        };
    };
    let Some(url) = url else {
        return Err("no setting gives it a download address".to_owned());
    };
    let path = url.strip_prefix(base).filter(|path| path.starts_with('/'));
    path.map(str::to_owned)
        .ok_or_else(|| format!("its address {url} is not below {base}"))
}

/// What the format cannot say of a build.
fn notes(build: &Build) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(id) = &build.id {
        notes.push(format!(
            "phones know it as `{}`; that server will tell them its sha256",
            id.escape_debug()
        ));
    }
    if build.sdk_level.is_none() {
        notes.push("its API level is not known, so LineageOS 23.2 on will not show it".to_owned());
    }
    if let Some(next) = &build.next_device {
        notes.push(format!(
            "its phones ask for {next}, which that server does not have"
        ));
    }
    notes
}
