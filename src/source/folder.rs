//! Folders of packages, on this machine or on another host, and the files next to the packages.
//!
//! In: a folder on disk, or the [`Listing`] of a source. Out: the names in each subfolder, and the bytes of small
//! files. Paths have `/` between folders and are below the folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ota_view::io::ReadAt;

use super::{Listing, RemoteFile};
use crate::fetch::{Fetch, Remote, RemoteError};
use crate::files::{open_below, open_regular, read_head};

/// The names in a folder.
pub type Names = Arc<BTreeSet<String>>;

/// A folder of packages and of the files next to them.
pub trait Folder: Send + Sync {
    /// Returns the names of the visible files and folders in a subfolder, without packages; none if it cannot be
    /// read. `""` is the folder itself.
    fn names(&self, folder: &str) -> Names;

    /// Reads the first `limit` bytes of a file, and one more if there are more.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if there is no such file; whatever else keeps it from being read.
    fn read(&self, path: &str, limit: u64) -> io::Result<Vec<u8>>;

    /// Returns what the host's list says about a file; `None` on this machine.
    fn listed(&self, _path: &str) -> Option<&RemoteFile> {
        None
    }
}

/// A folder on this machine.
pub struct LocalFolder {
    root: PathBuf,
    follows_links: bool,
    names: Mutex<BTreeMap<String, Names>>,
}

impl LocalFolder {
    /// Creates the folder at a path; files behind links to folders are read only if `follows_links`. Each
    /// subfolder is listed once.
    #[must_use]
    pub fn new(root: &Path, follows_links: bool) -> LocalFolder {
        LocalFolder {
            root: root.to_owned(),
            follows_links,
            names: Mutex::default(),
        }
    }

    /// Returns the folder of a file, and the file's name in it; `None` for a name that is not UTF-8.
    #[must_use]
    pub fn of_file(file: &Path) -> Option<(LocalFolder, &str)> {
        let folder = file.parent().unwrap_or(Path::new(""));
        let name = file.file_name()?.to_str()?;
        Some((LocalFolder::new(folder, true), name))
    }

    /// Returns the path for opening a file.
    #[must_use]
    pub fn file(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Opens a file.
    ///
    /// # Errors
    /// If it is not a regular file there, or a link.
    pub fn open(&self, path: &str) -> io::Result<File> {
        match self.follows_links {
            true => open_regular(&self.file(path)),
            false => open_below(&self.root, Path::new(path)),
        }
    }

    fn is_behind_link(&self, folder: &str) -> bool {
        let folders = Path::new(folder).ancestors();
        let mut folders = folders.filter(|folder| !folder.as_os_str().is_empty());
        !self.follows_links && folders.any(|folder| self.root.join(folder).is_symlink())
    }
}

impl Folder for LocalFolder {
    fn names(&self, folder: &str) -> Names {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let listed = names.entry(folder.to_owned()).or_insert_with(|| {
            let listed = match self.is_behind_link(folder) {
                true => BTreeSet::new(),
                false => list(&self.root.join(folder)).unwrap_or_default(),
            };
            Arc::new(listed)
        });
        Arc::clone(listed)
    }

    fn read(&self, path: &str, limit: u64) -> io::Result<Vec<u8>> {
        read_head(self.open(path)?, limit)
    }
}

/// Lists the visible names in a folder, without packages. A name that is not UTF-8 is ignored.
///
/// # Errors
/// Whatever the system reports.
pub fn list(folder: &Path) -> io::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder)? {
        if let Ok(name) = entry?.file_name().into_string()
            && is_visible(&name)
        {
            names.insert(name);
        }
    }
    Ok(names)
}

fn is_visible(name: &str) -> bool {
    !name.starts_with('.') && !is_zip(name)
}

/// Returns whether a file is named like a package.
#[must_use]
pub fn is_zip(path: impl AsRef<Path>) -> bool {
    path.as_ref()
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("zip"))
}

/// A host that wants more than the address of a file.
pub trait Store: Send + Sync {
    /// Returns an address to begin to read a file from now.
    fn address(&self, file: &RemoteFile) -> String;

    /// Adds the digests that the host has of a file, and does not list.
    fn with_digests(&self, fetch: &dyn Fetch, file: RemoteFile) -> RemoteFile;
}

/// The files of a source, read from its host.
pub struct RemoteFolder {
    fetch: Arc<dyn Fetch>,
    /// The address of the source itself. What it lists may lead to private hosts only if it is on one.
    origin: String,
    files: BTreeMap<String, RemoteFile>,
    names: BTreeMap<String, Names>,
    store: Option<Box<dyn Store>>,
    /// How many files in a row could not be opened because the host did not answer.
    num_silent: AtomicUsize,
}

/// After this number of files without an answer, a host is not asked for others: each takes up to three
/// timeouts.
const MAX_SILENT: usize = 8;

impl RemoteFolder {
    /// Creates the folder of a listing; `origin` is the address of the source.
    #[must_use]
    pub fn new(fetch: Arc<dyn Fetch>, origin: &str, listing: Listing) -> RemoteFolder {
        let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for file in &listing.files {
            let (folder, name) = split(&file.path);
            if is_visible(name) {
                let names = names.entry(folder.to_owned()).or_default();
                names.insert(name.to_owned());
            }
        }
        let files = listing.files.into_iter();
        RemoteFolder {
            fetch,
            origin: origin.to_owned(),
            files: files.map(|file| (file.path.clone(), file)).collect(),
            names: names
                .into_iter()
                .map(|(folder, names)| (folder, Arc::new(names)))
                .collect(),
            store: None,
            num_silent: AtomicUsize::new(0),
        }
    }

    /// Sets what the files are asked for with, instead of their addresses.
    #[must_use]
    pub fn with_store(self, store: Option<Box<dyn Store>>) -> RemoteFolder {
        RemoteFolder { store, ..self }
    }

    /// Returns a file with all digests that its host has.
    #[must_use]
    pub fn with_digests(&self, file: &RemoteFile) -> RemoteFile {
        match &self.store {
            Some(store) => store.with_digests(&*self.fetch, file.clone()),
            None => file.clone(),
        }
    }

    /// Iterates over all files, by path.
    pub fn files(&self) -> impl Iterator<Item = &RemoteFile> {
        self.files.values()
    }

    /// Opens a file for reading by range.
    ///
    /// # Errors
    /// [`RemoteError`], if the host does not send the start of the file, or did not answer for many others.
    pub fn open(&self, file: &RemoteFile) -> Result<Remote, RemoteError> {
        let address = self.store.as_ref().map(|store| store.address(file));
        let address = address.as_deref().unwrap_or(&file.url);
        let num_silent = self.num_silent.load(Ordering::Relaxed);
        if num_silent >= MAX_SILENT {
            return Err(RemoteError::NotAsked(num_silent));
        }
        let opened = Remote::open_listed(Arc::clone(&self.fetch), address, &self.origin);
        match opened.as_ref().is_err_and(RemoteError::is_silence) {
            true => self.num_silent.fetch_add(1, Ordering::Relaxed),
            false => self.num_silent.swap(0, Ordering::Relaxed),
        };
        opened
    }
}

impl Folder for RemoteFolder {
    fn names(&self, folder: &str) -> Names {
        self.names.get(folder).cloned().unwrap_or_default()
    }

    fn read(&self, path: &str, limit: u64) -> io::Result<Vec<u8>> {
        let file = self.listed(path).ok_or(io::ErrorKind::NotFound)?;
        let remote = self.open(file).map_err(io::Error::other)?;
        let len = remote.size().min(limit.saturating_add(1));
        let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
        let read = remote.read_exact_at(0, &mut bytes);
        read.map_err(io::Error::other).map(|()| bytes)
    }

    fn listed(&self, path: &str) -> Option<&RemoteFile> {
        self.files.get(path)
    }
}

/// Splits a path into folder and name.
#[must_use]
pub fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Joins a folder and a name to a path.
#[must_use]
pub fn join(folder: &str, name: &str) -> String {
    match folder {
        "" => name.to_owned(),
        folder => format!("{folder}/{name}"),
    }
}
