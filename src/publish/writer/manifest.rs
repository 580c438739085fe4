//! The manifest of a site: which files romfeed wrote there, what made them, and from which builds.
//!
//! A JSON object of romfeed's own, schema 1, in romfeed's folder inside the site.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::paths::is_inside;
use super::{Error, SCHEMA, STATE_DIR, io_error};
use crate::files::read_file;
use crate::publish::makers::{self, Made, Makers};
use crate::publish::page::Maker;
use crate::publish::text_list::{Finder, TextList};

pub(super) const MANIFEST: &str = "manifest.json";

/// Longest manifest that is read, in bytes: about two million files.
const MAX_MANIFEST_SIZE: u64 = 256 << 20;

/// Longest manifest of a published site that is read, in bytes: about 200,000 files with their makers.
pub const MAX_PUBLISHED_MANIFEST: usize = 64 << 20;

/// The manifest of a site.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "ManifestJson")]
pub struct Manifest {
    /// Paths of the files, sorted.
    pub files: TextList,
    /// The makers of the feeds among them; `None` in manifests of earlier versions.
    pub makers: Option<Makers>,
    /// Identities of all builds and tombstones in the catalog, sorted; empty in manifests of earlier
    /// versions. File names are left out, since they would reveal builds that are held back.
    pub builds: TextList,
    /// The address of the site when it was last written; `None` if it is unknown.
    pub base_url: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ManifestJson {
    schema: u32,
    files: TextList,
    made_by: Option<Vec<Made>>,
    #[serde(default)]
    builds: TextList,
    base_url: Option<String>,
}

#[derive(Serialize)]
struct ManifestRef<'a> {
    schema: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    base_url: Option<&'a str>,
    files: &'a TextList,
    made_by: Vec<Made>,
    builds: &'a TextList,
}

impl From<ManifestJson> for Manifest {
    fn from(wire: ManifestJson) -> Manifest {
        Manifest {
            // The file may have been edited by hand, or merged by git.
            files: wire.files.sorted(),
            makers: wire.made_by.map(makers::from_manifest),
            builds: wire.builds.sorted(),
            base_url: wire.base_url,
        }
    }
}

impl Manifest {
    /// Begins to look files up.
    #[must_use]
    pub fn lookup(&self) -> Lookup<'_> {
        Lookup {
            files: Finder::new(&self.files),
            feeds: self
                .makers
                .as_ref()
                .map(|makers| (Finder::new(&makers.paths), makers)),
        }
    }
}

/// Looks files of a site up, one after the other: quickly if they are in the order of their paths.
#[derive(Clone, Debug)]
pub struct Lookup<'m> {
    files: Finder<'m>,
    feeds: Option<(Finder<'m>, &'m Makers)>,
}

impl<'m> Lookup<'m> {
    /// Returns what made a file; `None` if romfeed did not write it.
    pub fn maker(&mut self, path: &str) -> Option<&'m Maker> {
        self.files.find(path)?;
        let feed = self
            .feeds
            .as_mut()
            .and_then(|(paths, makers)| makers.at(paths.find(path)?));
        Some(feed.unwrap_or(&Maker::Page))
    }
}

/// Returns the identities of the builds that a site was made from; none if there is no manifest.
///
/// # Errors
/// [`Error::Manifest`], [`Error::ManifestSchema`] or [`Error::Io`].
pub fn published_builds(out: &Path) -> Result<Vec<String>, Error> {
    /// The part of a manifest with its builds.
    #[derive(Deserialize)]
    struct BuildsJson {
        schema: u32,
        #[serde(default)]
        builds: Vec<String>,
    }
    let Some((file, bytes)) = read_bytes(out)? else {
        return Ok(Vec::new());
    };
    match serde_json::from_slice::<BuildsJson>(&bytes) {
        Ok(wire) if wire.schema != SCHEMA => Err(Error::ManifestSchema {
            file,
            found: wire.schema,
        }),
        Ok(wire) => Ok(wire.builds),
        Err(source) => Err(Error::Manifest {
            file,
            source: source.into(),
        }),
    }
}

/// Returns the files of a site that romfeed wrote, sorted; none if there is no manifest.
///
/// # Errors
/// [`Error::Manifest`], [`Error::ManifestSchema`] or [`Error::Io`].
pub fn own_files(out: &Path) -> Result<Vec<String>, Error> {
    let manifest = read_manifest(out)?.unwrap_or_default();
    Ok(manifest.files.iter().map(str::to_owned).collect())
}

/// Returns the files in the manifest of a published site, which is untrusted: only paths inside the
/// site without control characters. An empty manifest stands for a site that is not published yet.
///
/// # Errors
/// [`Error::Manifest`] or [`Error::ManifestSchema`], with `source` as its file.
pub fn published_files(bytes: &[u8], source: &Path) -> Result<Vec<String>, Error> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let files = parse_manifest(bytes, source.to_owned())?.files;
    let is_sound = |path: &&str| is_inside(path) && !path.contains(char::is_control);
    Ok(files.iter().filter(is_sound).map(str::to_owned).collect())
}

/// Returns the manifest to publish before the site of a folder: it lists all files in the manifest of
/// the published site, and those that are to come. So even if the publication breaks off, the next
/// one knows each file.
///
/// # Errors
/// Those of [`published_files`] and [`read_manifest`].
pub fn joint_manifest(out: &Path, published: &[u8], source: &Path) -> Result<Vec<u8>, Error> {
    let own = read_manifest(out)?.unwrap_or_default();
    let before = match published.is_empty() {
        true => Manifest::default(),
        false => parse_manifest(published, source.to_owned())?,
    };
    let published = published_files(published, source)?;
    let files = own.files.union(&published.into_iter().collect());
    let makers = before.makers.unwrap_or_default();
    let makers = makers.union(&own.makers.unwrap_or_default());
    let builds = own.builds.union(&before.builds);
    let base_url = own.base_url.or(before.base_url);
    Ok(render_manifest(
        &files,
        &makers,
        &builds,
        base_url.as_deref(),
    ))
}

pub(super) fn render_manifest(
    files: &TextList,
    makers: &Makers,
    builds: &TextList,
    base_url: Option<&str>,
) -> Vec<u8> {
    let manifest = ManifestRef {
        schema: SCHEMA,
        base_url,
        files,
        made_by: makers::to_manifest(makers),
        builds,
    };
    // It is long, so its memory is not doubled again and again.
    let lists = [files, &makers.paths, builds];
    let mut bytes = Vec::with_capacity(lists.map(TextList::json_len).iter().sum::<usize>() + 4096);
    serde_json::to_writer_pretty(&mut bytes, &manifest).expect("strings always become JSON");
    bytes.push(b'\n');
    bytes
}

/// Reads the manifest of a site, with its lists sorted and without duplicates; `None` if there is no
/// manifest.
///
/// # Errors
/// [`Error::Manifest`], [`Error::ManifestSchema`] or [`Error::Io`].
pub fn read_manifest(out: &Path) -> Result<Option<Manifest>, Error> {
    match read_bytes(out)? {
        None => Ok(None),
        Some((file, bytes)) => parse_manifest(&bytes, file).map(Some),
    }
}

/// Reads the file of the manifest.
fn read_bytes(out: &Path) -> Result<Option<(PathBuf, Vec<u8>)>, Error> {
    let file = out.join(STATE_DIR).join(MANIFEST);
    match read_file(&file, MAX_MANIFEST_SIZE) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => {
            let bytes = read.map_err(io_error("read", &file))?;
            Ok(Some((file, bytes)))
        }
    }
}

fn parse_manifest(bytes: &[u8], file: PathBuf) -> Result<Manifest, Error> {
    match serde_json::from_slice::<ManifestJson>(bytes) {
        Ok(wire) if wire.schema != SCHEMA => Err(Error::ManifestSchema {
            file,
            found: wire.schema,
        }),
        Ok(wire) => Ok(Manifest::from(wire)),
        Err(source) => Err(Error::Manifest {
            file,
            source: source.into(),
        }),
    }
}

/// Whether a folder has files but no manifest, so that it is unknown what was published there.
///
/// # Errors
/// Those of [`read_manifest`], and [`Error::Io`].
pub fn lacks_manifest(out: &Path) -> Result<bool, Error> {
    if read_manifest(out)?.is_some() {
        return Ok(false);
    }
    match refuse_foreign_folder(out) {
        Err(Error::NotOurs { .. }) => Ok(true),
        other => other.map(|()| false),
    }
}

/// Refuses a folder with files, except hidden ones: a checkout of a pages branch has `.git`.
pub(super) fn refuse_foreign_folder(out: &Path) -> Result<(), Error> {
    let entries = match fs::read_dir(out) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(io_error("read", out))?,
    };
    let example = entries
        .filter_map(Result::ok)
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.'))
        .min();
    match example {
        None => Ok(()),
        Some(example) => Err(Error::NotOurs {
            out: out.to_owned(),
            example,
        }),
    }
}
