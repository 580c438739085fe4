//! Zips that change while they are read.
//!
//! A run may publish the zip as it was or as it became, or leave it out; never a mixture. Once the
//! changes end, the site offers only what is in the folder.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Site, Tree};
use crate::{noise, package::Package, payload::sha256, props::Props, zip::Entry};

/// The zip that is changed, in the site's folder.
pub const ZIP: &str = "builds/lineage-21.0-20231114-nightly-changed.zip";
/// A zip that is never changed.
const UNCHANGED_ZIP: &str = "builds/lineage-21.0-20231114-nightly-unchanged.zip";
/// Length of the zip, in bytes: hashing it takes long enough for a change in the middle.
const LEN: usize = 4 << 20;

/// A change to the zip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZipChange {
    /// Cuts it short.
    Truncate,
    /// Renames another zip over it.
    Replace,
    /// Append bytes.
    Append,
    /// Overwrites it with other bytes of the same length.
    Rewrite,
    /// Remove it.
    Remove,
}

impl ZipChange {
    /// Returns all changes.
    pub const ALL: [Self; 5] = [
        Self::Truncate,
        Self::Replace,
        Self::Append,
        Self::Rewrite,
        Self::Remove,
    ];

    /// Makes the change.
    pub fn apply(self, site: &Site) -> io::Result<()> {
        let file = site.path(ZIP);
        let open = || File::options().write(true).open(&file);
        match self {
            Self::Truncate => open()?.set_len(LEN as u64 / 2),
            Self::Replace => {
                let copy = site.path("builds/.copying");
                std::fs::write(&copy, package(2))?;
                std::fs::rename(copy, file)
            }
            Self::Append => {
                let mut file = open()?;
                file.seek(SeekFrom::End(0))?;
                file.write_all(&noise(3, 100_000))
            }
            Self::Rewrite => open()?.write_all(&package(2)),
            Self::Remove => std::fs::remove_file(file),
        }
    }
}

/// Writes the original zip to the folder, with another next to it: an empty folder would retire
/// nothing.
pub fn write(site: &Site) -> io::Result<()> {
    let props = props("unchanged");
    site.put(UNCHANGED_ZIP, Package::files(props).build())?;
    site.put(ZIP, package(1))
}

/// Returns one of two packages of the same length.
fn package(salt: u64) -> Vec<u8> {
    let props = props("changed");
    let entry = Entry::stored("system/app", noise(salt, LEN));
    Package::files(props).add(entry).build()
}

fn props(device: &str) -> Props {
    Props::lineage(
        "21.0",
        "nightly",
        device,
        1_700_000_000,
        "h.1",
        34,
        "2023-11-05",
    )
}

/// Returns what the catalog offers that was in the folder neither before the run nor after it.
pub fn mixtures(site: &Site, before: &[u8]) -> io::Result<Vec<String>> {
    let now = std::fs::read(site.path(ZIP)).unwrap_or_default();
    let whole = [hex(before), hex(&now)];
    let offered = offered(&site.outputs()?)?.into_iter();
    let is_mixture = |(path, sha256): &(PathBuf, String)| {
        site.folder().join("builds").join(path) == site.path(ZIP) && !whole.contains(sha256)
    };
    let describe = |(path, sha256): (PathBuf, String)| {
        format!(
            "{} is offered with {sha256}, which it never had",
            path.display()
        )
    };
    Ok(offered.filter(is_mixture).map(describe).collect())
}

/// Returns what the catalog offers that is not in the folder with these bytes, and the zip that is
/// never changed if the catalog lacks it.
pub fn wrong_offers(site: &Site) -> io::Result<Vec<String>> {
    let mut wrong = Vec::new();
    let offered = offered(&site.outputs()?)?;
    let of = |path: &Path| site.path("builds").join(path);
    if !offered
        .iter()
        .any(|(path, _)| of(path) == site.path(UNCHANGED_ZIP))
    {
        wrong.push(format!("{UNCHANGED_ZIP} is not offered"));
    }
    for (path, sha256) in offered {
        let bytes = std::fs::read(of(&path)).unwrap_or_default();
        if hex(&bytes) != sha256 {
            wrong.push(format!("{} is offered with {sha256}", path.display()));
        }
    }
    Ok(wrong)
}

/// Returns the builds that the catalog offers: path and SHA-256.
fn offered(outputs: &Tree) -> io::Result<Vec<(PathBuf, String)>> {
    let Some(catalog) = outputs.get("catalog.json") else {
        return Ok(Vec::new());
    };
    let catalog: Value = serde_json::from_slice(catalog)?;
    let builds = catalog["builds"].as_array().into_iter().flatten();
    let is_offered = |build: &&Value| build["retired"] != true && build["yanked"].is_null();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let pair = |build: &Value| {
        (
            Path::new(&text(&build["path"])).into(),
            text(&build["sha256"]),
        )
    };
    Ok(builds.filter(is_offered).map(pair).collect())
}

fn hex(bytes: &[u8]) -> String {
    sha256(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
