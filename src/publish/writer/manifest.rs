//! The manifest of a site: which files romfeed wrote there, what made them, and from which builds.
//!
//! A JSON object of romfeed's own, schema 1, in romfeed's folder inside the site.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, Serializer};

use super::paths::is_inside;
use super::{Error, SCHEMA, STATE_DIR, io_error};
use crate::files::read_file;
use crate::publish::makers::{self, Made, MadeRef, Makers};
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

/// A manifest to be written.
#[derive(Serialize)]
struct ManifestRef<'a> {
    schema: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    base_url: Option<&'a str>,
    files: Paths<'a>,
    made_by: Vec<MadeRef<'a>>,
    builds: &'a TextList,
}

/// A file of a site: its path, and what makes it.
pub(super) type OwnFile<'a> = (&'a str, &'a Maker);

/// The paths of files.
struct Paths<'a>(&'a [OwnFile<'a>]);

impl Serialize for Paths<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(path, _)| path))
    }
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
    /// Returns the files, sorted.
    pub(super) fn own_files(&self) -> impl Iterator<Item = OwnFile<'_>> {
        let mut lookup = self.lookup();
        let files = self.files.iter();
        files.map(move |path| (path, lookup.maker(path).unwrap_or(&Maker::Page)))
    }

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
    let files = files.iter().filter(|path| is_sound(path));
    Ok(files.map(str::to_owned).collect())
}

/// Whether a path in an untrusted manifest can be that of a file of the site.
fn is_sound(path: &str) -> bool {
    is_inside(path) && !path.contains(char::is_control)
}

/// Returns the manifest to publish before the site of a folder: it lists all files in the manifest of
/// the published site, and those that are to come. So even if the publication breaks off, the next
/// one knows each file.
///
/// # Errors
/// Those of [`published_files`] and [`read_manifest`].
pub fn joint_manifest(out: &Path, published: &[u8], source: &Path) -> Result<Vec<u8>, Error> {
    let own = read_manifest(out)?.unwrap_or_default();
    let published = match published.is_empty() {
        true => Manifest::default(),
        false => parse_manifest(published, source.to_owned())?,
    };
    let live = published.own_files().filter(|(path, _)| is_sound(path));
    let mut bytes = Vec::new();
    let files = joined(live, own.own_files());
    let builds = own.builds.union(&published.builds);
    let base_url = own.base_url.as_deref().or(published.base_url.as_deref());
    write_manifest(&mut bytes, &files, &builds, base_url).map_err(io_error("write", source))?;
    Ok(bytes)
}

/// Returns the files of two sorted lists, sorted. What the later list says of a file takes precedence.
pub(super) fn joined<'a>(
    earlier: impl Iterator<Item = OwnFile<'a>>,
    later: impl Iterator<Item = OwnFile<'a>>,
) -> Vec<OwnFile<'a>> {
    let mut files: Vec<OwnFile<'_>> = earlier.chain(later).collect();
    // The sort is stable, and quick for two sorted lists.
    files.sort_by_key(|(path, _)| *path);
    files.dedup_by(|next, kept| {
        let is_same = next.0 == kept.0;
        if is_same {
            *kept = *next;
        }
        is_same
    });
    files
}

/// Writes a manifest, piece by piece; `files` are sorted.
///
/// # Errors
/// Those of `file`.
pub(super) fn write_manifest(
    file: &mut impl Write,
    files: &[OwnFile<'_>],
    builds: &TextList,
    base_url: Option<&str>,
) -> io::Result<()> {
    let manifest = ManifestRef {
        schema: SCHEMA,
        base_url,
        files: Paths(files),
        made_by: makers::to_manifest(files),
        builds,
    };
    let mut file = BufWriter::new(file);
    serde_json::to_writer_pretty(&mut file, &manifest)?;
    file.write_all(b"\n")?;
    file.flush()
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
