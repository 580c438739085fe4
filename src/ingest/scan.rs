//! Finds the zip files in a folder.
//!
//! The folder itself and packages in it may be symbolic links, so that builds may be on another
//! disk. Links to folders inside it are followed if the settings say so, each folder once, but no
//! link that leads upwards or into the folder itself. Hidden files and folders are skipped: tools
//! that copy files write to such names first. Of a product folder of Android's build system, only
//! the files directly in it are looked at.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use globset::GlobSet;
use walkdir::{DirEntry, WalkDir};

use crate::source::is_zip;

/// Deepest folder that is searched, counted from the top.
const MAX_DEPTH: usize = 16;
/// The folder of intermediate files in a product folder, `out/target/product/DEVICE`, of Android's build system.
const INTERMEDIATES: &str = "obj";
/// Other names in a product folder; which of them are there depends on the version and the device.
/// Source: build/make, `core/main.mk` and `core/Makefile`.
const PRODUCT_NAMES: [&str; 6] = [
    "android-info.txt",
    "build_fingerprint.txt",
    "module-info.json",
    "root",
    "symbols",
    "system",
];

/// A zip file found under the scanned folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// Path under the scanned folder, with `/` between folders.
    pub path: String,
    /// Path for opening it.
    pub file: PathBuf,
    /// Whether the file itself is a symbolic link, as `latest.zip` often is.
    pub is_link: bool,
}

/// Why something under the folder could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A link that would be followed without end.
    #[error("a symbolic link leads back to a folder above it; not followed")]
    Loop,
    /// Published builds are behind a link that is not followed.
    #[error("a link that is not followed, with {} behind it", if *.0 == 1 { "a published build".to_owned() } else { format!("{} published builds", .0) })]
    NotFollowed(usize),
    /// A folder too deep to be searched.
    #[error("folders more than {MAX_DEPTH} deep are not searched")]
    TooDeep,
    /// A name that cannot be written into a feed.
    #[error("its name is not valid UTF-8, so feeds cannot contain it")]
    NotUtf8,
    /// The system refused; the text is its message.
    #[error("cannot be read: {0}")]
    Unreadable(String),
}

impl Problem {
    fn from_walk(error: &walkdir::Error) -> Problem {
        match error.io_error() {
            _ if error.loop_ancestor().is_some() => Problem::Loop,
            Some(error) => Problem::Unreadable(error.to_string()),
            None => Problem::Unreadable(error.to_string()),
        }
    }
}

/// Something under the folder that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanFault {
    /// Path under the scanned folder, or of that folder itself; for display.
    pub path: String,
    /// What is wrong.
    pub problem: Problem,
    /// Whether there may be packages behind it that the scan could not see.
    pub hides_packages: bool,
}

/// The result of a scan.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    /// Zip files, sorted by path.
    pub packages: Vec<Found>,
    /// Folders and names that could not be read.
    pub faults: Vec<ScanFault>,
    /// Links that may lead to folders and were not followed, as paths under the folder.
    pub links: Vec<String>,
}

/// Finds all zip files under `root`. A folder that does not exist is empty.
#[must_use]
pub fn scan(root: &Path, follow_links: bool, exclude: &GlobSet) -> Scan {
    let mut scan = Scan::default();
    if !root.exists() {
        return scan;
    }
    let mut links = Links::new(root);
    let mut loops = Vec::new();
    let walk = WalkDir::new(root)
        .follow_links(follow_links)
        .max_depth(MAX_DEPTH)
        .sort_by_file_name()
        .into_iter();
    let walk = walk.filter_entry(|entry| {
        let is_link_to_folder = entry.path_is_symlink() && entry.file_type().is_dir();
        match entry.depth() {
            0 => true,
            _ if is_hidden(entry) => false,
            _ if is_in_product_folder(entry) => false,
            _ if !is_link_to_folder => true,
            _ => {
                let link = links.judge(entry.path());
                loops.extend((link == Link::Loop).then(|| under(root, entry.path())));
                link == Link::Follow
            }
        }
    });
    for entry in walk {
        match entry {
            Ok(entry) if entry.depth() > 0 && entry.file_type().is_symlink() => {
                scan.add_link(&entry, root, exclude);
            }
            Err(error) => {
                let path = error.path().unwrap_or(root);
                let problem = Problem::from_walk(&error);
                scan.faults.push(ScanFault {
                    path: under(root, path),
                    hides_packages: problem != Problem::Loop,
                    problem,
                });
            }
            Ok(entry) if entry.depth() == MAX_DEPTH && entry.file_type().is_dir() => {
                scan.faults.push(ScanFault {
                    path: under(root, entry.path()),
                    problem: Problem::TooDeep,
                    hides_packages: true,
                });
            }
            Ok(entry) => scan.add(&entry, root, exclude),
        }
    }
    scan.faults.extend(loops.into_iter().map(|path| ScanFault {
        path,
        problem: Problem::Loop,
        hides_packages: false,
    }));
    scan.packages.sort();
    scan
}

impl Scan {
    /// Adds the target of a link that the walk did not follow: a package, or else the link itself.
    fn add_link(&mut self, entry: &DirEntry, root: &Path, exclude: &GlobSet) {
        match entry.path().metadata() {
            Ok(metadata) if !metadata.is_dir() => self.add(entry, root, exclude),
            // It may be a package on a disk that is not mounted.
            Err(error) if is_zip(entry.path()) => self.faults.push(ScanFault {
                path: under(root, entry.path()),
                problem: Problem::Unreadable(error.to_string()),
                hides_packages: true,
            }),
            _ => self.links.push(under(root, entry.path())),
        }
    }

    fn add(&mut self, entry: &DirEntry, root: &Path, exclude: &GlobSet) {
        if !is_zip(entry.path()) || entry.file_type().is_dir() {
            return;
        }
        let relative = entry.path().strip_prefix(root).unwrap_or(entry.path());
        let parts: Option<Vec<&str>> = relative.iter().map(|part| part.to_str()).collect();
        let Some(path) = parts.map(|parts| parts.join("/")) else {
            self.faults.push(ScanFault {
                path: under(root, entry.path()),
                problem: Problem::NotUtf8,
                hides_packages: false,
            });
            return;
        };
        let filename = entry.file_name();
        if exclude.is_match(&path) || exclude.is_match(filename) {
            return;
        }
        self.packages.push(Found {
            path,
            file: entry.path().to_owned(),
            is_link: entry.path_is_symlink(),
        });
    }
}

/// Decides which links to folders a walk follows.
#[derive(Debug)]
pub(crate) struct Links {
    root: Option<PathBuf>,
    followed: HashSet<PathBuf>,
}

/// How a link to a folder is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    Follow,
    /// The walk reaches the folder without this link.
    Known,
    /// It leads to a folder that contains the walked one, such as `/`.
    Loop,
}

impl Links {
    pub(crate) fn new(root: &Path) -> Links {
        Links {
            root: root.canonicalize().ok(),
            followed: HashSet::new(),
        }
    }

    pub(crate) fn judge(&mut self, link: &Path) -> Link {
        let (Some(root), Ok(target)) = (&self.root, link.canonicalize()) else {
            return Link::Known;
        };
        match () {
            () if root.starts_with(&target) => Link::Loop,
            () if target.starts_with(root) || !self.followed.insert(target) => Link::Known,
            () => Link::Follow,
        }
    }
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// Returns whether this is a folder in a product folder of Android's build system. Such folders hold no packages for
/// phones, but hundreds of thousands of other files.
pub(crate) fn is_in_product_folder(entry: &DirEntry) -> bool {
    let parent = entry.path().parent().filter(|_| entry.file_type().is_dir());
    parent.is_some_and(|parent| {
        let is_product_name = |name: &&str| parent.join(name).exists();
        parent.join(INTERMEDIATES).is_dir() && PRODUCT_NAMES.iter().any(is_product_name)
    })
}

/// Returns the path under `root` for display; for `root` itself, its own path.
fn under(root: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(root).unwrap_or(path);
    let shown = match relative.as_os_str().is_empty() {
        true => root,
        false => relative,
    };
    shown.to_string_lossy().into_owned()
}
