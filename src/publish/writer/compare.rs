//! Compares pages with the files in their places, and keeps only the contents that differ.
//!
//! Pages of one part of a site after the other pass here, so that the contents of the whole site are never in
//! memory at once. What differs waits in files of romfeed's own folder until the whole site is planned.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

use super::Error;
use super::lock::SiteLock;
use super::manifest::OwnFile;
use super::paths::NameRules;
use super::stage::{NewFolder, Stage, Staged};
use crate::files::{Durability, Readers, replace, stamp, stamp_of};
use crate::publish::page::{Maker, Page};

/// A page, and what is in its place.
#[derive(Debug)]
pub struct Compared {
    /// Path below the site's root, with `/` between folders.
    pub path: String,
    /// What makes it.
    pub maker: Maker,
    /// Its template and its subject, for messages; `None` for files of romfeed itself.
    pub origin: Option<Arc<str>>,
    /// The stamp of its file, if that has the contents of the page.
    pub stamp: OnceLock<u64>,
    pub(super) existing: io::Result<Existing>,
    contents: Option<Contents>,
}

/// What is in the place of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Existing {
    Nothing,
    /// A file with the bytes of the page.
    Same,
    /// A file with other bytes.
    Different,
    /// A symbolic link.
    Link,
    /// A folder, or something else that is not a file.
    InTheWay,
}

/// Where the contents of a page are.
#[derive(Debug)]
enum Contents {
    Memory(Arc<[u8]>),
    Staged(Staged),
}

impl Compared {
    fn new(
        page: Page,
        compared: io::Result<(Existing, Option<u64>)>,
        contents: Option<Contents>,
    ) -> Compared {
        let stamp = compared.as_ref().ok().and_then(|(_, stamp)| *stamp);
        Compared {
            path: page.path,
            maker: page.maker,
            origin: page.origin,
            stamp: stamp.map_or_else(OnceLock::new, OnceLock::from),
            existing: compared.map(|(existing, _)| existing),
            contents,
        }
    }

    /// Returns a page that is known to be in its place.
    #[must_use]
    pub fn unchanged(path: String, maker: Maker, stamp: u64) -> Compared {
        Compared {
            path,
            maker,
            origin: None,
            stamp: stamp.into(),
            existing: Ok(Existing::Same),
            contents: None,
        }
    }

    /// Returns path and origin.
    #[must_use]
    pub fn names(&self) -> (&str, &Option<Arc<str>>) {
        (&self.path, &self.origin)
    }

    /// Returns path and maker.
    pub(super) fn own_file(&self) -> OwnFile<'_> {
        (&self.path, &self.maker)
    }

    /// Reads the contents that the page is to have; none if they are those of its file.
    ///
    /// # Errors
    /// Whatever the system reports.
    pub fn read(&self) -> io::Result<Option<Vec<u8>>> {
        match &self.contents {
            None => Ok(None),
            Some(Contents::Memory(bytes)) => Ok(Some(bytes.to_vec())),
            Some(Contents::Staged(staged)) => {
                fs::read(staged.file(Path::new(&self.path))).map(Some)
            }
        }
    }

    /// Returns the page, if its contents are in memory.
    #[must_use]
    pub fn into_page(self) -> Option<Page> {
        let Some(Contents::Memory(bytes)) = self.contents else {
            return None;
        };
        Some(Page {
            path: self.path,
            bytes,
            maker: self.maker,
            origin: self.origin,
        })
    }

    /// Puts the page in its place, whose folder is there.
    pub(super) fn write(&self, temporary: &Path, file: &Path) -> io::Result<()> {
        match &self.contents {
            // Its file was compared in this run.
            None => return Ok(()),
            Some(Contents::Staged(staged)) => fs::rename(staged.file(file), file)?,
            Some(Contents::Memory(bytes)) => replace(
                temporary,
                file,
                bytes,
                Durability::Cached,
                Readers::Everyone,
            )?,
        }
        self.set_stamp(file);
        Ok(())
    }

    /// Returns the new folder that the page waits in under its own name.
    pub(super) fn new_folder(&self) -> Option<&Arc<NewFolder>> {
        match &self.contents {
            Some(Contents::Staged(Staged::Named(folder, _))) => Some(folder),
            _ => None,
        }
    }

    /// Notes that the page has come to its place with its folder.
    pub(super) fn set_moved(&self, file: &Path) {
        match &self.contents {
            // Elsewhere the system may set the times of a file when it is closed.
            Some(Contents::Staged(Staged::Named(_, stamp))) if cfg!(unix) => {
                let _ = self.stamp.set(*stamp);
            }
            _ => self.set_stamp(file),
        }
    }

    fn set_stamp(&self, file: &Path) {
        // Taken at once, so that it is outdated if the file changes later.
        if let Some(stamp) = stamp(file) {
            let _ = self.stamp.set(stamp);
        }
    }
}

/// Compares pages with the files of a site.
#[derive(Debug)]
pub struct Comparer {
    out: PathBuf,
    /// Whether contents are kept even if they are those of the file.
    keeps_all: bool,
    stage: Option<Stage>,
}

impl Comparer {
    /// Compares without writing anything: contents stay in memory.
    #[must_use]
    pub fn in_memory(out: &Path) -> Comparer {
        Comparer {
            out: out.to_owned(),
            keeps_all: true,
            stage: None,
        }
    }

    /// Keeps contents that differ in files of romfeed's own folder in the site, which goes with this value.
    #[must_use]
    pub fn staged(out: &Path, _lock: &SiteLock) -> Comparer {
        Comparer {
            out: out.to_owned(),
            // A file may have the bytes of a page, but another name.
            keeps_all: NameRules::probe_case(out),
            stage: Some(Stage::new(out)),
        }
    }

    /// Compares pages with the files in their places.
    ///
    /// # Errors
    /// [`Error::Io`] if contents cannot be kept.
    pub fn compare(&self, pages: Vec<Page>) -> Result<Vec<Compared>, Error> {
        pages
            .into_par_iter()
            .map_init(Vec::new, |buffer, page| self.compare_page(page, buffer))
            .collect()
    }

    fn compare_page(&self, page: Page, buffer: &mut Vec<u8>) -> Result<Compared, Error> {
        let stage = self.stage.as_ref();
        if let Some(staged) = stage.and_then(|stage| stage.keep_in_new_folder(&page)) {
            let contents = Some(Contents::Staged(staged));
            return Ok(Compared::new(page, Ok((Existing::Nothing, None)), contents));
        }
        let compared = compare(&self.out.join(&page.path), &page.bytes, buffer);
        let is_same = matches!(compared, Ok((Existing::Same, _)));
        let contents = match stage {
            _ if is_same && !self.keeps_all => None,
            None => Some(Contents::Memory(Arc::clone(&page.bytes))),
            Some(stage) => Some(Contents::Staged(stage.keep(&page)?)),
        };
        Ok(Compared::new(page, compared, contents))
    }
}

/// Compares what is in the place of a page with the bytes it should have; returns the stamp of a file that has them,
/// too. `buffer` is reused for reading.
fn compare(file: &Path, bytes: &[u8], buffer: &mut Vec<u8>) -> io::Result<(Existing, Option<u64>)> {
    // Asked before the file is opened: opening a pipe would wait for a writer. And before it is read, so that the stamp
    // is outdated if the file changes meanwhile.
    let metadata = match file.symlink_metadata() {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok((Existing::Nothing, None));
        }
        metadata => metadata?,
    };
    let existing = match metadata {
        _ if metadata.is_symlink() => Existing::Link,
        _ if !metadata.is_file() => Existing::InTheWay,
        _ if metadata.len() == bytes.len() as u64 && has_bytes(file, bytes, buffer)? => {
            return Ok((Existing::Same, Some(stamp_of(&metadata))));
        }
        _ => Existing::Different,
    };
    Ok((existing, None))
}

/// Whether a file begins with these bytes.
fn has_bytes(file: &Path, bytes: &[u8], buffer: &mut Vec<u8>) -> io::Result<bool> {
    buffer.resize(bytes.len(), 0);
    match File::open(file)?.read_exact(buffer) {
        Ok(()) => Ok(*buffer == bytes),
        // The file became shorter meanwhile.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
