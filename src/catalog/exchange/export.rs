//! Exports `builds.json` of the official backend, for a team that moves to that server.
//!
//! Source: `api_common.py` and `api_v2.py` of lineageos-infra/updater, 2023 to June 2026. Of a build
//! the backend reads `date`, `datetime`, `files`, `type` and `version`, and since 2026 also
//! `os_patch_level`, `os_sdk_level` and `ota_property_files`; of a file `filename`, `filepath`,
//! `sha256` and `size`. If one of these keys is absent it answers with error 500, so an unknown
//! `os_…` is written as null, which the client of 23.2 reads as unknown. It passes `sha1` on without
//! use.
//!
//! The address of a file is `DOWNLOAD_BASE_URL` followed by `filepath`. Clients ask for their romtype
//! in lower case and the backend compares case, so the romtype is written in lower case. The format
//! has no variants, no deltas, no ids other than the SHA-256 and no second name of a device.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::catalog::Catalog;
use crate::model::address::encode_path;
use crate::model::build::{Build, Kind, Variant};

#[derive(Serialize)]
struct BuildJson<'a> {
    date: String,
    datetime: i64,
    files: [FileJson<'a>; 1],
    os_patch_level: Option<&'a str>,
    os_sdk_level: Option<u32>,
    ota_property_files: Option<&'a str>,
    #[serde(rename = "type")]
    romtype: String,
    version: &'a str,
}

#[derive(Serialize)]
struct FileJson<'a> {
    filename: &'a str,
    filepath: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha1: Option<String>,
    sha256: &'a str,
    size: u64,
}

/// Returns the SHA-1 of a build's package, or one line on why it cannot.
pub type Sha1<'a> = &'a dyn Fn(&Build) -> Result<String, String>;

/// What an export contains.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Returns the current download address of a build.
    pub address: &'a dyn Fn(&Build) -> Option<String>,
    /// The variant to write; `None` for the builds without one.
    pub variant: Option<&'a Variant>,
    /// The server's `DOWNLOAD_BASE_URL`, without a slash at its end; if `None`, paths are those under
    /// `builds/`.
    pub url_base: Option<&'a str>,
    /// The source of `sha1`, if it is to be written.
    pub sha1: Option<Sha1<'a>>,
}

/// A `builds.json`, and what is not in it.
#[derive(Clone, Debug)]
pub struct Export {
    /// Its text, ending in a line break.
    pub json: Vec<u8>,
    /// Number of builds in it.
    pub num_builds: usize,
    /// File name and reason for each build that should be in it and cannot be.
    pub left_out: Vec<(String, String)>,
    /// File names, and what is lost for their phones.
    pub notes: Vec<(String, String)>,
    /// Number of deltas, which the format does not have.
    pub num_deltas: usize,
    /// Number of builds of other variants, which cannot be in the same file.
    pub num_other_variants: usize,
    /// Those variants; `None` for the builds without one.
    pub other_variants: BTreeSet<Option<Variant>>,
}

/// Renders the full builds that are offered, by device and date.
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
    let mut by_device: BTreeMap<&str, Vec<BuildJson<'_>>> = BTreeMap::new();
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
        match to_json(build, options) {
            Ok(json) => {
                let device = by_device.entry(build.device.as_str()).or_default();
                device.push(json);
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

fn to_json<'a>(build: &'a Build, options: Options<'_>) -> Result<BuildJson<'a>, String> {
    let Some(sha256) = &build.sha256 else {
        return Err(
            "its sha256 is not known; put its zip into the builds folder and run romfeed generate"
                .to_owned(),
        );
    };
    let filepath = filepath(build, options)?;
    let date = chrono::DateTime::from_timestamp(build.timestamp, 0).unwrap_or_default();
    let sha1 = options.sha1.map(|sha1| sha1(build)).transpose()?;
    Ok(BuildJson {
        date: date.format("%Y-%m-%d").to_string(),
        datetime: build.timestamp,
        files: [FileJson {
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
                "its address {url} does not end in its path under builds; add --url-base with the address of the folder above it"
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

/// Returns what the format cannot express about a build.
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
