//! Contents of pages that are not in their place yet, in files of romfeed's own folder.
//!
//! Pages of a folder that the site does not have yet wait in a folder under their own names, so that all of them can be
//! moved to their place in one step. The files of all others have numbers.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::paths::{is_reserved, may_be_part};
use super::{Error, STAGE, STATE_DIR, io_error};
use crate::files::{Readers, create_new_public_folder, stamp_of, write_new};
use crate::publish::page::{Page, writing_order};

/// Where the contents of a page wait.
#[derive(Debug)]
pub(super) enum Staged {
    /// In the file with this number in the folder.
    Numbered(Arc<Path>, u32),
    /// In a new folder under the name of the page; with the stamp of the file.
    Named(Arc<NewFolder>, u64),
}

impl Staged {
    /// Returns the file with the contents of the page that will be in this place.
    pub(super) fn file(&self, place: &Path) -> PathBuf {
        match self {
            Staged::Numbered(folder, number) => folder.join(number.to_string()),
            Staged::Named(folder, _) => folder.path.join(place.file_name().unwrap_or_default()),
        }
    }
}

/// A folder for pages of one folder that the site does not have yet, and of one stage of writing.
#[derive(Debug)]
pub(super) struct NewFolder {
    pub(super) path: PathBuf,
    /// The number of pages that were assigned to it. It is moved as a whole only if all of them go to its place.
    num_pages: AtomicUsize,
}

impl NewFolder {
    /// Whether this is the number of pages that were assigned to it.
    pub(super) fn has_only(&self, num_pages: usize) -> bool {
        self.num_pages.load(Ordering::Relaxed) == num_pages
    }
}

/// The new folders of one stage of writing, by their places; none for a folder that the site has.
type NewFolders = HashMap<String, Option<Arc<NewFolder>>>;

/// The folder with contents that are not in their place yet. It is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Stage {
    out: PathBuf,
    folder: Arc<Path>,
    /// The next number of a file or folder.
    next: AtomicU32,
    /// The new folders, by stage of writing.
    new_folders: Mutex<HashMap<(bool, u8), NewFolders>>,
}

impl Stage {
    pub(super) fn new(out: &Path) -> Stage {
        Stage {
            out: out.to_owned(),
            folder: out.join(STATE_DIR).join(STAGE).into(),
            next: AtomicU32::new(0),
            new_folders: Mutex::default(),
        }
    }

    /// Keeps the contents of a page whose folder is new; returns none if it is not, or if they cannot be kept under the
    /// name of the page.
    pub(super) fn keep_in_new_folder(&self, page: &Page) -> Option<Staged> {
        // A page in the top folder, which is there, has no folder. Paths are not checked yet.
        let (folder, name) = page.path.rsplit_once('/')?;
        let folder = self
            .new_folder(folder, page)
            .filter(|_| may_be_part(name) && !is_reserved(name))?;
        folder.num_pages.fetch_add(1, Ordering::Relaxed);
        let written = write_new(&folder.path.join(name), &page.bytes, Readers::Everyone);
        let metadata = written.ok()?;
        Some(Staged::Named(folder, stamp_of(&metadata)))
    }

    /// Keeps the contents of a page in a file with a number.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn keep(&self, page: &Page) -> Result<Staged, Error> {
        let mut has_folder = false;
        loop {
            let number = self.next_number();
            let file = self.folder.join(number.to_string());
            let error = match write_new(&file, &page.bytes, Readers::Everyone) {
                Ok(_) => return Ok(Staged::Numbered(Arc::clone(&self.folder), number)),
                Err(error) => error,
            };
            match error.kind() {
                io::ErrorKind::NotFound if !has_folder => {
                    fs::create_dir_all(&self.folder).map_err(io_error("make", &self.folder))?;
                    has_folder = true;
                }
                // A killed run left it, and it could not be removed.
                io::ErrorKind::AlreadyExists => {}
                _ => return Err(io_error("prepare", &file)(error)),
            }
        }
    }

    fn new_folder(&self, folder: &str, page: &Page) -> Option<Arc<NewFolder>> {
        let (is_feed, rank, _) = writing_order(&page.path, &page.maker);
        let mut known = self
            .new_folders
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let known = known.entry((is_feed, rank)).or_default();
        if let Some(known) = known.get(folder) {
            return known.clone();
        }
        let place = self.out.join(folder);
        let made = match is_missing(&place) && !passes_group_on(&place) {
            // If this fails, numbered files fail too, and that is reported.
            true => self.make_folder().ok().map(Arc::new),
            false => None,
        };
        known.insert(folder.to_owned(), made.clone());
        made
    }

    fn make_folder(&self) -> io::Result<NewFolder> {
        let path = self.folder.join(self.next_number().to_string());
        match create_new_public_folder(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(&self.folder)?;
                create_new_public_folder(&path)?;
            }
            made => made?,
        }
        Ok(NewFolder {
            path,
            num_pages: AtomicUsize::new(0),
        })
    }

    fn next_number(&self) -> u32 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // The next run removes what is left.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Whether a folder made in a place would get the group of the folder above it, as on web servers that several people
/// write to; one that is moved there keeps its own.
fn passes_group_on(place: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        const SET_GROUP: u32 = 0o2000;
        let mut above = place.ancestors().skip(1);
        let above = above.find_map(|folder| folder.metadata().ok());
        above.is_some_and(|folder| folder.mode() & SET_GROUP != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = place;
        false
    }
}

/// Whether nothing is in a place, so that nothing is below it either.
pub(super) fn is_missing(place: &Path) -> bool {
    place.symlink_metadata().is_err_and(|error| {
        matches!(
            error.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
        )
    })
}
