//! Pages to files: only what changed, in an order that never leaves a feed
//! naming something that is not there.
//!
//! In: all pages of a site and the folder it is kept in. Out: first a [`Plan`]
//! that touches nothing, then its execution. The manifest in the folder lists the
//! files romfeed wrote; anything else there belongs to somebody else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::feed::Page;
use crate::io::{Durability, replace};

/// romfeed's own folder inside the site.
const STATE_DIR: &str = ".romfeed";
const MANIFEST: &str = "manifest.json";
/// Schema of the manifest.
const SCHEMA: u32 = 1;

/// Why a site cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder holds files and romfeed has never written there.
    #[error("{} is not empty and was not made by romfeed (it holds {}, for one)", .out.display(), .example.escape_debug())]
    NotOurs {
        /// The folder.
        out: PathBuf,
        /// One of its files.
        example: String,
    },
    /// The manifest cannot be understood.
    #[error("{} cannot be read", .file.display())]
    Manifest {
        /// The manifest.
        file: PathBuf,
        /// The reason.
        #[source]
        source: serde_json::Error,
    },
    /// The manifest is a later romfeed's.
    #[error("{} has schema {found}, this romfeed reads schema {SCHEMA}", .file.display())]
    ManifestSchema {
        /// The manifest.
        file: PathBuf,
        /// The schema found.
        found: u32,
    },
    /// Another run holds the lock.
    #[error("another romfeed is at work here (it holds {})", .file.display())]
    Locked {
        /// The lock.
        file: PathBuf,
    },
    /// Two pages cannot both be files: one's path leads through the other.
    #[error("`{shorter}` would have to be both a file and the folder of `{longer}`")]
    Prefix {
        /// The page in the way.
        shorter: String,
        /// The page behind it.
        longer: String,
    },
    /// The system refused.
    #[error("cannot {verb} {}", .file.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// With which file.
        file: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
}

fn io_error<'a>(verb: &'static str, file: &'a Path) -> impl FnOnce(io::Error) -> Error + 'a {
    move |source| Error::Io {
        verb,
        file: file.to_owned(),
        source,
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    schema: u32,
    files: BTreeSet<String>,
}

/// A lock that lasts until it is dropped, or until the process dies.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Keeps other runs away from a folder.
///
/// # Errors
/// [`Error::Locked`] if another run holds it, [`Error::Io`] otherwise.
pub fn lock(folder: &Path) -> Result<Lock, Error> {
    let path = folder.join("lock");
    fs::create_dir_all(folder).map_err(io_error("create", folder))?;
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(io_error("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { _file: file }),
        Err(fs::TryLockError::WouldBlock) => Err(Error::Locked { file: path }),
        Err(fs::TryLockError::Error(source)) => Err(io_error("lock", &path)(source)),
    }
}

/// Keeps other runs away from a site, from before its plan until after its
/// execution.
///
/// # Errors
/// [`Error::NotOurs`] if romfeed has never written there and `adopt` is not set,
/// [`Error::Locked`], or [`Error::Io`].
pub fn open(out: &Path, adopt: bool) -> Result<Lock, Error> {
    if !adopt && read_manifest(out)?.is_none() {
        refuse_foreign_folder(out)?;
    }
    lock(&out.join(STATE_DIR))
}

/// What a run would do to a folder.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Files to create, in writing order.
    pub created: Vec<String>,
    /// Files whose contents change, in writing order.
    pub changed: Vec<String>,
    /// romfeed's own files that the site has no more, in removing order.
    pub removed: Vec<String>,
    /// Files of somebody else that stand where a page belongs; left alone.
    pub foreign: Vec<String>,
    /// Number of files that are as they should be.
    pub num_unchanged: usize,
    /// The manifest is absent or lists other files.
    manifest_changed: bool,
    owned: BTreeSet<String>,
    known: BTreeSet<String>,
}

impl Plan {
    /// Whether the folder already is what it should be.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.created.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// Compares the pages with the folder and touches nothing.
///
/// `adopt` takes over a folder, or files in it, that romfeed did not write.
///
/// # Errors
/// [`Error::NotOurs`], [`Error::Manifest`], [`Error::Prefix`] or [`Error::Io`].
pub fn plan(out: &Path, pages: &[Page], adopt: bool) -> Result<Plan, Error> {
    check_prefixes(pages)?;
    let manifest = read_manifest(out)?;
    if manifest.is_none() && !adopt {
        refuse_foreign_folder(out)?;
    }
    let known = manifest.clone().unwrap_or_default();
    let mut plan = Plan::default();
    // Referenced files first, feeds after them.
    let mut ordered: Vec<&Page> = pages.iter().collect();
    ordered.sort_by_key(|page| (page.is_feed, &page.path));
    for page in ordered {
        let path = page.path.clone();
        let file = out.join(&path);
        match read_if_file(&file).map_err(io_error("read", &file))? {
            Existing::Nothing => plan.created.push(path.clone()),
            Existing::Bytes(bytes) if bytes == page.bytes => plan.num_unchanged += 1,
            Existing::Bytes(_) if known.contains(&path) || adopt => plan.changed.push(path.clone()),
            _ => {
                plan.foreign.push(path);
                continue;
            }
        }
        plan.owned.insert(path);
    }
    plan.removed = known
        .difference(&plan.owned)
        .filter(|path| is_inside(path) && out.join(path).symlink_metadata().is_ok())
        .cloned()
        .collect();
    plan.manifest_changed = manifest.as_ref() != Some(&plan.owned);
    plan.known = known;
    Ok(plan)
}

/// Carries a plan out: pages, then feeds, then removals. The manifest lists old
/// and new files while the work goes on, so that an interrupted run is mended by
/// the next.
///
/// # Errors
/// [`Error::Io`]; what was written until then is whole and stays.
pub fn execute(out: &Path, pages: &[Page], plan: &Plan, _lock: &Lock) -> Result<(), Error> {
    let state = out.join(STATE_DIR);
    let temporary = state.join("tmp");
    let manifest = state.join(MANIFEST);
    let write_manifest = |files: BTreeSet<String>| {
        let bytes = render_manifest(files);
        replace(&temporary, &manifest, &bytes, Durability::Synced)
            .map_err(io_error("write", &manifest))
    };
    if !plan.owned.is_subset(&plan.known) {
        write_manifest(plan.owned.union(&plan.known).cloned().collect())?;
    }
    let by_path: BTreeMap<&str, &Page> = pages
        .iter()
        .map(|page| (page.path.as_str(), page))
        .collect();
    let mut paths: Vec<&String> = plan.created.iter().chain(&plan.changed).collect();
    paths.sort_by_key(|path| (by_path[path.as_str()].is_feed, path.as_str()));
    // A file that a folder must replace goes first.
    let (blocking, stale): (Vec<&String>, Vec<&String>) = plan.removed.iter().partition(|old| {
        let folder = format!("{old}/");
        paths.iter().any(|path| path.starts_with(&folder))
    });
    for path in blocking {
        remove(out, path)?;
    }
    for path in paths {
        let file = out.join(path);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(io_error("create", folder))?;
        }
        replace(
            &temporary,
            &file,
            &by_path[path.as_str()].bytes,
            Durability::Cached,
        )
        .map_err(io_error("write", &file))?;
    }
    for path in stale {
        remove(out, path)?;
    }
    if plan.manifest_changed {
        write_manifest(plan.owned.clone())?;
    }
    Ok(())
}

/// Removes one of our files and the folders it leaves empty.
fn remove(out: &Path, path: &str) -> Result<(), Error> {
    let file = out.join(path);
    match fs::remove_file(&file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(io_error("remove", &file)(error));
        }
        _ => {}
    }
    let mut folder = file.parent();
    while let Some(empty) = folder.filter(|folder| *folder != out && fs::remove_dir(folder).is_ok())
    {
        folder = empty.parent();
    }
    Ok(())
}

/// A path from the manifest that stays inside the site.
fn is_inside(path: &str) -> bool {
    !path.is_empty() && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

fn render_manifest(files: BTreeSet<String>) -> Vec<u8> {
    let manifest = Manifest {
        schema: SCHEMA,
        files,
    };
    let mut bytes = serde_json::to_vec_pretty(&manifest).expect("strings always become JSON");
    bytes.push(b'\n');
    bytes
}

fn read_manifest(out: &Path) -> Result<Option<BTreeSet<String>>, Error> {
    let file = out.join(STATE_DIR).join(MANIFEST);
    let bytes = match fs::read(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(io_error("read", &file))?,
    };
    match serde_json::from_slice::<Manifest>(&bytes) {
        Ok(manifest) if manifest.schema != SCHEMA => Err(Error::ManifestSchema {
            file,
            found: manifest.schema,
        }),
        Ok(manifest) => Ok(Some(manifest.files)),
        Err(source) => Err(Error::Manifest { file, source }),
    }
}

/// Hidden files do not count: a checkout of a pages branch holds `.git`.
fn refuse_foreign_folder(out: &Path) -> Result<(), Error> {
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

/// No page may be a folder on the way to another. Paths sorted segment by
/// segment put a folder's pages right behind the page of its name.
fn check_prefixes(pages: &[Page]) -> Result<(), Error> {
    let mut paths: Vec<Vec<&str>> = pages.iter().map(|p| p.path.split('/').collect()).collect();
    paths.sort_unstable();
    for pair in paths.windows(2) {
        let [shorter, longer] = pair else { continue };
        if longer.starts_with(shorter) {
            return Err(Error::Prefix {
                shorter: shorter.join("/"),
                longer: longer.join("/"),
            });
        }
    }
    Ok(())
}

enum Existing {
    Nothing,
    Bytes(Vec<u8>),
    /// A folder, or a file on the way to the path.
    InTheWay,
}

fn read_if_file(file: &Path) -> io::Result<Existing> {
    match fs::metadata(file) {
        Ok(metadata) if metadata.is_file() => fs::read(file).map(Existing::Bytes),
        Ok(_) => Ok(Existing::InTheWay),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(Existing::Nothing)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(path: &str, text: &str) -> Page {
        Page {
            path: path.to_owned(),
            bytes: text.as_bytes().to_vec(),
            is_feed: !path.ends_with(".html"),
        }
    }

    fn write(out: &Path, pages: &[Page], adopt: bool) -> Result<Plan, Error> {
        let lock = open(out, adopt)?;
        let plan = plan(out, pages, adopt)?;
        execute(out, pages, &plan, &lock)?;
        Ok(plan)
    }

    #[test]
    fn unchanged_files_are_left_and_stale_ones_removed() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        write(&out, &[page("a/b", "1"), page("a/c/d", "2")], false).unwrap();
        fs::write(out.join("a/mine"), "foreign").unwrap();
        let before = fs::metadata(out.join("a/b")).unwrap().modified().unwrap();
        let plan = write(&out, &[page("a/b", "1"), page("e", "3")], false).unwrap();
        assert_eq!(
            (plan.created, plan.removed),
            (vec!["e".to_owned()], vec!["a/c/d".to_owned()])
        );
        assert_eq!(
            fs::metadata(out.join("a/b")).unwrap().modified().unwrap(),
            before
        );
        assert!(!out.join("a/c").exists());
        assert_eq!(fs::read(out.join("a/mine")).unwrap(), b"foreign");
        let again = write(&out, &[page("a/b", "1"), page("e", "3")], false).unwrap();
        assert!(again.is_empty() && !again.manifest_changed);
    }

    #[test]
    fn foreign_folder_is_refused_unless_adopted() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(".git")).unwrap();
        assert!(plan(dir.path(), &[page("a", "1")], false).is_ok());
        fs::write(dir.path().join("a"), "theirs").unwrap();
        assert!(matches!(
            plan(dir.path(), &[page("a", "1")], false),
            Err(Error::NotOurs { .. })
        ));
        let plan = write(dir.path(), &[page("a", "1")], true).unwrap();
        assert_eq!(plan.changed, ["a"]);
    }

    #[test]
    fn foreign_file_in_a_pages_place_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &[page("a", "1")], false).unwrap();
        fs::write(dir.path().join("404.html"), "theirs").unwrap();
        let plan = write(
            dir.path(),
            &[page("a", "1"), page("404.html", "ours")],
            false,
        )
        .unwrap();
        assert_eq!(plan.foreign, ["404.html"]);
        assert_eq!(fs::read(dir.path().join("404.html")).unwrap(), b"theirs");
        let plan = write(dir.path(), &[page("a", "1")], false).unwrap();
        assert!(plan.removed.is_empty());
    }

    #[test]
    fn no_page_is_a_folder_of_another() {
        let pages = [page("a/b", ""), page("a/b-c", ""), page("a/b/c", "")];
        assert!(matches!(
            plan(Path::new("none"), &pages, false),
            Err(Error::Prefix { .. })
        ));
        assert!(check_prefixes(&[page("a.json", ""), page("a/b", "")]).is_ok());
    }

    #[test]
    fn a_file_that_becomes_a_folder_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &[page("a", "1")], false).unwrap();
        write(dir.path(), &[page("a/b", "1")], false).unwrap();
        assert_eq!(fs::read(dir.path().join("a/b")).unwrap(), b"1");
        // The other way round takes two runs: the folder has to be emptied first.
        let plan = write(dir.path(), &[page("a", "1")], false).unwrap();
        assert_eq!(
            (plan.foreign, plan.removed),
            (vec!["a".to_owned()], vec!["a/b".to_owned()])
        );
        write(dir.path(), &[page("a", "1")], false).unwrap();
        assert_eq!(fs::read(dir.path().join("a")).unwrap(), b"1");
    }

    #[test]
    fn second_lock_is_refused_until_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let first = lock(dir.path()).unwrap();
        assert!(matches!(lock(dir.path()), Err(Error::Locked { .. })));
        drop(first);
        lock(dir.path()).unwrap();
    }

    #[test]
    fn a_manifest_cannot_name_files_outside() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        fs::write(dir.path().join("victim"), "x").unwrap();
        fs::create_dir_all(out.join(STATE_DIR)).unwrap();
        let bytes = render_manifest(BTreeSet::from([
            "../victim".to_owned(),
            "/etc/hosts".to_owned(),
        ]));
        fs::write(out.join(STATE_DIR).join(MANIFEST), bytes).unwrap();
        let plan = write(&out, &[page("a", "1")], false).unwrap();
        assert!(plan.removed.is_empty());
        assert!(dir.path().join("victim").exists());
    }
}
