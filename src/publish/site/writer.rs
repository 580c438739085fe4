//! Pages to files: only what changed, in an order that never leaves a feed
//! naming something that is not there.
//!
//! In: all pages of a site and the folder it is kept in. Out: first a [`Plan`]
//! that touches nothing, then its execution. The manifest in the folder lists the
//! files romfeed wrote; anything else there belongs to somebody else.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::made_by::{self, Made, MadeBy, made_by_of};
use crate::files::{Durability, JsonError, read_file, replace};
use crate::model::build::portable_fault;
use crate::publish::feed::{Page, official};

/// romfeed's own folder inside the site.
const STATE_DIR: &str = ".romfeed";
const MANIFEST: &str = "manifest.json";
const LOCK: &str = "lock";
/// Time between two tries for a lock.
const LOCK_STEP: Duration = Duration::from_millis(10);
/// A page until it is whole.
const TEMPORARY: &str = "tmp";
/// Schema of the manifest.
const SCHEMA: u32 = 1;
/// Longest manifest read, in bytes: some two million files.
const MAX_MANIFEST_SIZE: u64 = 256 << 20;
/// Longest manifest of a published site read, in bytes: some 200,000 files and what made them.
pub const MAX_PUBLISHED_MANIFEST: usize = 64 << 20;

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
        source: JsonError,
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
    /// A page would be written outside the site, or among what romfeed keeps there.
    #[error("`{}` cannot be a page: its path leads out of the site", .path.escape_debug())]
    Outside {
        /// The path.
        path: String,
    },
    /// Two pages cannot both be files: one's path leads through the other.
    #[error("`{shorter}` would have to be both a file and the folder of `{longer}`{makers}")]
    Prefix {
        /// The page in the way.
        shorter: String,
        /// The page behind it.
        longer: String,
        /// What makes them, in this order.
        makers: PageOrigins,
    },
    /// Two pages have one path.
    #[error("`{path}` would have to be two pages at once{makers}")]
    Duplicate {
        /// The path.
        path: String,
        /// What makes them.
        makers: PageOrigins,
    },
    /// Two pages would be one file.
    #[error("`{first}` and `{second}` differ only in the case of letters, and {} does not tell them apart", .out.display())]
    Case {
        /// A path, or the folder at its beginning.
        first: String,
        /// Another.
        second: String,
        /// The folder.
        out: PathBuf,
    },
    /// The system refused.
    #[error("cannot {verb} {}", .file.display())]
    Io {
        /// What was tried; to `create`, `write` and `remove` is tried when some pages may be
        /// written already, all else before that.
        verb: &'static str,
        /// With which file.
        file: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
}

/// What makes each of two pages; romfeed itself if it is no template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageOrigins([Option<Arc<str>>; 2]);

impl fmt::Display for PageOrigins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own: Arc<str> = "romfeed itself".into();
        let [first, second] = &self.0;
        if first.is_none() && second.is_none() {
            return Ok(());
        }
        let [first, second] = [first, second].map(|maker| maker.as_ref().unwrap_or(&own));
        write!(f, ": one is made by {first}, the other by {second}")
    }
}

fn io_error<'a>(verb: &'static str, file: &'a Path) -> impl FnOnce(io::Error) -> Error + 'a {
    move |source| Error::Io {
        verb,
        file: file.to_owned(),
        source,
    }
}

/// The manifest of a site: what romfeed wrote there, what made it, and from which builds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Wire")]
pub struct Manifest {
    /// Paths of the files, sorted.
    pub files: Vec<String>,
    /// What made the feeds among them; none in manifests of earlier versions.
    pub makers: Option<MadeBy>,
    /// Identities of all builds and tombstones the catalog had, sorted; empty in manifests of
    /// earlier versions. Names are left out: they would give away builds that are held back.
    pub builds: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Wire {
    schema: u32,
    files: Vec<String>,
    made_by: Option<Vec<Made>>,
    #[serde(default)]
    builds: Vec<String>,
}

#[derive(Serialize)]
struct WireRef<'a> {
    schema: u32,
    files: &'a [&'a str],
    made_by: Vec<Made>,
    builds: &'a [String],
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
    let path = folder.join(LOCK);
    fs::create_dir_all(folder).map_err(io_error("make", folder))?;
    // To open a pipe would wait for its reader.
    if fs::metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
        let not_regular = io::Error::other("not a regular file");
        return Err(io_error("open", &path)(not_regular));
    }
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

/// As [`lock`], but waits as long as `wait` for another run to end.
///
/// # Errors
/// As [`lock`].
pub fn lock_within(folder: &Path, wait: Duration) -> Result<Lock, Error> {
    let mut rest = wait;
    loop {
        match lock(folder) {
            Err(Error::Locked { .. }) if !rest.is_zero() => {
                let step = LOCK_STEP.min(rest);
                std::thread::sleep(step);
                rest -= step;
            }
            locked => return locked,
        }
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
    let state = out.join(STATE_DIR);
    let lock = lock(&state)?;
    // A run that was killed may have left it; nobody else is at work here.
    let _ = fs::remove_file(state.join(TEMPORARY));
    Ok(lock)
}

/// The files of a site that romfeed wrote, sorted; none where it never did.
///
/// # Errors
/// [`Error::Manifest`], [`Error::ManifestSchema`] or [`Error::Io`].
pub fn own_files(out: &Path) -> Result<Vec<String>, Error> {
    Ok(read_manifest(out)?.unwrap_or_default().files)
}

/// The files that the manifest of a published site lists, which is untrusted: only paths that
/// stay inside the site, one line each. An empty manifest is that of a site that was not published.
///
/// # Errors
/// [`Error::Manifest`] or [`Error::ManifestSchema`], with `source` as its file.
pub fn published_files(bytes: &[u8], source: &Path) -> Result<Vec<String>, Error> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let mut files = parse_manifest(bytes, source.to_owned())?.files;
    files.retain(|path| is_inside(path) && !path.contains(char::is_control));
    Ok(files)
}

/// The manifest to publish before the site of a folder: it lists all that the manifest of the published
/// site lists, and what is to come. So whatever becomes of the publication, each file is known to the next.
///
/// # Errors
/// As [`published_files`] and [`read_manifest`].
pub fn joint_manifest(out: &Path, published: &[u8], source: &Path) -> Result<Vec<u8>, Error> {
    let own = read_manifest(out)?.unwrap_or_default();
    let before = match published.is_empty() {
        true => Manifest::default(),
        false => parse_manifest(published, source.to_owned())?,
    };
    let published = published_files(published, source)?;
    let union = |one: &[String], other: &[String]| -> Vec<String> {
        let all: BTreeSet<&String> = one.iter().chain(other).collect();
        all.into_iter().cloned().collect()
    };
    let files = union(&own.files, &published);
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let mut makers = before.makers.unwrap_or_default();
    makers.extend(own.makers.unwrap_or_default());
    let builds = union(&own.builds, &before.builds);
    Ok(render_manifest(&files, &makers, &builds))
}

/// What a run would do to a folder.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Files to create, in writing order.
    pub created: Vec<String>,
    /// Files whose contents change, in writing order.
    pub changed: Vec<String>,
    /// romfeed's own files that the site has no more, in removing order: feeds before the
    /// pages that they lead to.
    pub removed: Vec<String>,
    /// Pages whose names the file system reserves; left out.
    pub reserved: Vec<String>,
    /// Files of somebody else that stand where a page belongs; left alone.
    pub foreign: Vec<String>,
    /// Number of files that are as they should be.
    pub num_unchanged: usize,
    /// The manifest is absent, or lists other files, makers or builds.
    manifest_changed: bool,
    /// What makes the feeds, and what made those before.
    made_by: MadeBy,
    known_made_by: MadeBy,
    /// Identities of the builds the site is made from, sorted.
    builds: Vec<String>,
    /// Those of `removed` whose place a page takes that differs from them in case only.
    renamed: Vec<String>,
    /// What is romfeed's own after the run, and what was before it; both sorted.
    owned: Vec<String>,
    known: Vec<String>,
}

impl Plan {
    /// Whether the folder already is what it should be.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.created.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// What a file system does with names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NameRules {
    /// Names that differ only in the case of letters are one.
    pub ignores_case: bool,
    /// Names that Windows reserves, and those that end in a dot, cannot be files.
    pub reserves_names: bool,
}

impl NameRules {
    /// Finds the rules that matter to these pages by trying them in romfeed's own folder.
    fn probe(out: &Path, pages: &[Page]) -> NameRules {
        let has_reserved = || pages.iter().any(|page| is_reserved(&page.path));
        NameRules {
            ignores_case: ignores_case(out),
            reserves_names: has_reserved() && reserves_names(out),
        }
    }
}

/// Whether a part of a path is a name that Windows reserves.
fn is_reserved(path: &str) -> bool {
    path.split('/').any(|name| portable_fault(name).is_some())
}

/// Compares the pages, whose paths were [checked](check_paths), with the folder and
/// touches nothing. `builds` are the identities of all builds that are known, sorted.
///
/// Every file is read, so that one edited or removed by hand is made good. `adopt`
/// takes over a folder, or files in it, that romfeed did not write.
///
/// # Errors
/// [`Error::NotOurs`], [`Error::Case`], [`Error::Manifest`] or [`Error::Io`].
pub fn plan(out: &Path, pages: &[Page], builds: Vec<String>, adopt: bool) -> Result<Plan, Error> {
    plan_by_rules(out, pages, builds, adopt, NameRules::probe(out, pages))
}

/// As [`plan`], for a file system of these rules.
///
/// # Errors
/// As [`plan`].
pub fn plan_by_rules(
    out: &Path,
    pages: &[Page],
    builds: Vec<String>,
    adopt: bool,
    rules: NameRules,
) -> Result<Plan, Error> {
    let manifest = read_manifest(out)?;
    if manifest.is_none() && !adopt {
        refuse_foreign_folder(out)?;
    }
    let is_new_site = manifest.is_none();
    let manifest = manifest.unwrap_or_default();
    let known = manifest.files;
    let is_known = |path: &String| known.binary_search(path).is_ok();
    if rules.ignores_case
        && let Some((first, second)) = alike(pages.iter().map(|p| &*p.path)).pop()
    {
        return Err(Error::Case {
            first: first.to_owned(),
            second: second.to_owned(),
            out: out.to_owned(),
        });
    }
    // A file that is to be called otherwise in nothing but case must make way for it.
    let known_folded: HashMap<String, &String> = match rules.ignores_case {
        true => known
            .iter()
            .map(|path| (path.to_lowercase(), path))
            .collect(),
        false => HashMap::new(),
    };
    let ordered = writing_order(pages.iter().collect());
    let found: Vec<Result<Existing, Error>> = ordered
        .par_iter()
        .map_init(Vec::new, |buffer, page| {
            let file = out.join(&page.path);
            compare(&file, &page.bytes, buffer).map_err(io_error("read", &file))
        })
        .collect();
    let mut plan = Plan::default();
    let mut strange = ForeignPaths::new(out, &known);
    for (page, existing) in ordered.into_iter().zip(found) {
        let path = page.path.clone();
        if strange.is_on_the_way_to(&path) {
            plan.foreign.push(path);
            continue;
        }
        if rules.reserves_names && is_reserved(&path) {
            plan.reserved.push(path);
            continue;
        }
        let old_case = known_folded.get(&path.to_lowercase());
        let old_case = old_case.filter(|known| ***known != path);
        let existing = match old_case {
            Some(_) => Existing::Nothing,
            None => existing?,
        };
        plan.renamed.extend(old_case.map(|path| path.to_string()));
        match existing {
            Existing::Nothing => plan.created.push(path.clone()),
            Existing::Same => plan.num_unchanged += 1,
            Existing::Different if is_known(&path) || adopt => plan.changed.push(path.clone()),
            Existing::Link if adopt => plan.changed.push(path.clone()),
            Existing::Different | Existing::Link | Existing::InTheWay => {
                plan.foreign.push(path);
                continue;
            }
        }
        plan.owned.push(path);
    }
    plan.owned.sort_unstable();
    plan.removed = known
        .iter()
        .filter(|path| plan.owned.binary_search(path).is_err())
        .filter(|path| is_inside(path) && may_be_file(&out.join(path)))
        .filter(|path| !strange.is_on_the_way_to(path))
        .cloned()
        .collect();
    plan.removed
        .sort_by_key(|path| (path.ends_with(".html"), Reverse(official::rank(path))));
    plan.made_by = made_by_of(pages);
    // Files of somebody else are not the site's.
    plan.made_by
        .retain(|path, _| plan.owned.binary_search(path).is_ok());
    let is_same_made = manifest.makers.as_ref() == Some(&plan.made_by);
    let is_same = known == plan.owned && is_same_made && manifest.builds == builds;
    plan.manifest_changed = is_new_site || !is_same;
    plan.known_made_by = manifest.makers.unwrap_or_default();
    plan.known = known;
    plan.builds = builds;
    Ok(plan)
}

/// What stands in the place of a site's folders and is none of romfeed's: links to
/// folders elsewhere, and files that somebody else put there.
struct ForeignPaths<'o> {
    out: &'o Path,
    /// romfeed's own files, sorted; one in the place of a folder makes way.
    own: &'o [String],
    known: HashMap<String, bool>,
}

impl<'o> ForeignPaths<'o> {
    fn new(out: &'o Path, own: &'o [String]) -> ForeignPaths<'o> {
        ForeignPaths {
            out,
            own,
            known: HashMap::new(),
        }
    }

    /// Whether a page of this path would lie behind such a thing.
    fn is_on_the_way_to(&mut self, path: &str) -> bool {
        let Some((folder, _)) = path.rsplit_once('/') else {
            return false;
        };
        if let Some(known) = self.known.get(folder) {
            return *known;
        }
        let is_strange = self.is_strange(folder) || self.is_on_the_way_to(folder);
        self.known.insert(folder.to_owned(), is_strange);
        is_strange
    }

    fn is_strange(&self, folder: &str) -> bool {
        let is_own = |folder: &str| self.own.binary_search_by(|own| (**own).cmp(folder)).is_ok();
        match self.out.join(folder).symlink_metadata() {
            Ok(metadata) if metadata.is_symlink() => true,
            Ok(metadata) if metadata.is_file() => !is_own(folder),
            Ok(metadata) => !metadata.is_dir(),
            Err(_) => false,
        }
    }
}

/// Whether a file is there that romfeed may have written; links, pipes and folders are from others.
/// What cannot be looked at counts too, as romfeed would never remove a file that it forgot.
fn may_be_file(path: &Path) -> bool {
    match path.symlink_metadata() {
        Ok(metadata) => metadata.is_file(),
        Err(error) => !matches!(
            error.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
        ),
    }
}

/// Referenced files first, feeds after them, then what names feeds; within these, folder by
/// folder.
fn writing_order(mut pages: Vec<&Page>) -> Vec<&Page> {
    pages.sort_by_key(|page| (page.is_feed(), official::rank(&page.path), &page.path));
    pages
}

/// Carries a plan out: pages, then feeds, then removals. The manifest lists old
/// and new files while the work goes on, so that an interrupted run is mended by
/// the next.
///
/// # Errors
/// [`Error::Io`]; what was written until then is whole and stays.
pub fn execute(out: &Path, pages: &[Page], plan: &Plan, _lock: &Lock) -> Result<(), Error> {
    let state = out.join(STATE_DIR);
    let temporary = state.join(TEMPORARY);
    let manifest = state.join(MANIFEST);
    let write_manifest = |files: Vec<&str>, makers: &MadeBy| {
        let bytes = render_manifest(&files, makers, &plan.builds);
        replace(&temporary, &manifest, &bytes, Durability::Synced)
            .map_err(io_error("write", &manifest))
    };
    if plan.manifest_changed {
        let both: Vec<&str> = union(&plan.owned, &plan.known);
        if both.len() > plan.known.len() {
            let mut makers = plan.known_made_by.clone();
            makers.extend(plan.made_by.clone());
            write_manifest(both, &makers)?;
        }
    }
    let to_write = pages_to_write(pages, plan);
    // A file that a folder must replace goes first.
    let mut sorted: Vec<&str> = to_write.iter().map(|page| page.path.as_str()).collect();
    sorted.sort_unstable();
    let (blocking, stale): (Vec<&String>, Vec<&String>) = plan
        .removed
        .iter()
        .partition(|old| has_folder(&sorted, old) || plan.renamed.contains(old));
    for path in blocking {
        remove(out, path)?;
    }
    let mut last_folder = PathBuf::new();
    for page in to_write {
        let file = out.join(&page.path);
        if let Some(folder) = file.parent().filter(|folder| **folder != *last_folder) {
            fs::create_dir_all(folder).map_err(io_error("create", folder))?;
            folder.clone_into(&mut last_folder);
        }
        replace(&temporary, &file, &page.bytes, Durability::Cached)
            .map_err(io_error("write", &file))?;
    }
    for path in stale {
        remove(out, path)?;
    }
    if plan.manifest_changed {
        let owned = plan.owned.iter().map(String::as_str).collect();
        write_manifest(owned, &plan.made_by)?;
    }
    Ok(())
}

/// The pages that a plan creates or changes, in writing order.
fn pages_to_write<'a>(pages: &'a [Page], plan: &Plan) -> Vec<&'a Page> {
    // Most runs write few of many pages.
    let wanted: HashSet<&str> = plan
        .created
        .iter()
        .chain(&plan.changed)
        .map(String::as_str)
        .collect();
    let is_wanted = |page: &&Page| wanted.contains(page.path.as_str());
    match wanted.is_empty() {
        true => Vec::new(),
        false => writing_order(pages.iter().filter(is_wanted).collect()),
    }
}

/// Whether one of these paths, which are sorted, leads through a folder of this
/// name.
fn has_folder(sorted: &[&str], name: &str) -> bool {
    let folder = format!("{name}/");
    let at = sorted.partition_point(|path| *path < folder.as_str());
    sorted.get(at).is_some_and(|path| path.starts_with(&folder))
}

/// The members of two sorted lists, sorted, each once.
fn union<'a>(a: &'a [String], b: &'a [String]) -> Vec<&'a str> {
    let mut both: Vec<&str> = a.iter().chain(b).map(String::as_str).collect();
    both.sort_unstable();
    both.dedup();
    both
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

/// A path that stays inside the site and out of romfeed's own folder there, on every platform.
fn is_inside(path: &str) -> bool {
    let is_name = |part: &str| {
        let mut parts = Path::new(part).components();
        let is_one = matches!(parts.next(), Some(Component::Normal(name)) if name == part);
        is_one && parts.next().is_none()
    };
    path.split('/').all(is_name) && path.split('/').next() != Some(STATE_DIR)
}

fn render_manifest(files: &[&str], makers: &MadeBy, builds: &[String]) -> Vec<u8> {
    let manifest = WireRef {
        schema: SCHEMA,
        files,
        made_by: made_by::to_manifest(makers),
        builds,
    };
    let mut bytes = serde_json::to_vec_pretty(&manifest).expect("strings always become JSON");
    bytes.push(b'\n');
    bytes
}

/// Reads the manifest of a site, its lists sorted, each entry once; none where romfeed never wrote.
///
/// # Errors
/// [`Error::Manifest`], [`Error::ManifestSchema`] or [`Error::Io`].
pub fn read_manifest(out: &Path) -> Result<Option<Manifest>, Error> {
    let file = out.join(STATE_DIR).join(MANIFEST);
    let bytes = match read_file(&file, MAX_MANIFEST_SIZE) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(io_error("read", &file))?,
    };
    parse_manifest(&bytes, file).map(Some)
}

fn parse_manifest(bytes: &[u8], file: PathBuf) -> Result<Manifest, Error> {
    match serde_json::from_slice::<Wire>(bytes) {
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

impl From<Wire> for Manifest {
    fn from(wire: Wire) -> Manifest {
        // It may have been edited by hand, or merged by git.
        let sorted = |mut list: Vec<String>| {
            list.sort_unstable();
            list.dedup();
            list
        };
        Manifest {
            files: sorted(wire.files),
            makers: wire.made_by.map(made_by::from_manifest),
            builds: sorted(wire.builds),
        }
    }
}

/// Whether a folder holds files and no manifest, so that nothing tells what was published there.
///
/// # Errors
/// As [`read_manifest`], and [`Error::Io`].
pub fn lacks_manifest(out: &Path) -> Result<bool, Error> {
    if read_manifest(out)?.is_some() {
        return Ok(false);
    }
    match refuse_foreign_folder(out) {
        Err(Error::NotOurs { .. }) => Ok(true),
        looked_at => looked_at.map(|()| false),
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

/// Pairs of paths, or of the folders at their beginnings, that differ only in the case of letters.
#[must_use]
pub fn alike<'p>(paths: impl Iterator<Item = &'p str>) -> Vec<(&'p str, &'p str)> {
    let mut known: HashMap<String, &str> = HashMap::new();
    let mut pairs = BTreeSet::new();
    for path in paths {
        let folders = path.match_indices('/').map(|(at, _)| &path[..at]);
        // Below folders that are alike, all would be.
        for part in folders.chain([path]) {
            let known = *known.entry(part.to_lowercase()).or_insert(part);
            if known != part {
                pairs.insert((known, part));
                break;
            }
        }
    }
    pairs.into_iter().collect()
}

/// Whether the file system of a site takes names that differ in case for one; not known before
/// romfeed's own folder is there.
fn ignores_case(out: &Path) -> bool {
    let other_case = [STATE_DIR, LOCK].map(str::to_ascii_uppercase);
    let there = out.join(STATE_DIR).join(LOCK);
    let found = out.join(&other_case[0]).join(&other_case[1]);
    there.exists() && found.exists()
}

/// Whether the file system of a site refuses the names that Windows reserves.
fn reserves_names(out: &Path) -> bool {
    let state = out.join(STATE_DIR);
    if cfg!(windows) || !state.exists() {
        return cfg!(windows);
    }
    let probe = state.join("aux");
    let created = File::create_new(&probe);
    // A run that was killed may have left it.
    let _ = fs::remove_file(probe);
    created.is_err_and(|error| error.kind() == io::ErrorKind::InvalidInput)
}

/// Whether all pages can be files of one site: each has a path of its own inside it, and
/// none is a folder on the way to another. Paths sorted segment by segment put a
/// folder's pages right behind the page of its name.
///
/// # Errors
/// [`Error::Outside`]; [`Error::Duplicate`] or [`Error::Prefix`], with the templates that
/// make them.
pub fn check_paths(pages: &[Page]) -> Result<(), Error> {
    // Whoever makes pages sees to it; this is the last place that can.
    if let Some(page) = pages.iter().find(|page| !is_inside(&page.path)) {
        let path = page.path.clone();
        return Err(Error::Outside { path });
    }
    let mut sorted: Vec<&Page> = pages.iter().collect();
    // Stable sorting is the quicker one of pages that are nearly in order.
    sorted.sort_by(|a, b| {
        let order = by_segment(&a.path).cmp(by_segment(&b.path));
        order.then_with(|| a.origin.cmp(&b.origin))
    });
    for pair in sorted.windows(2) {
        let [first, second] = pair else { continue };
        let makers = || PageOrigins([first.origin.clone(), second.origin.clone()]);
        let rest = second.path.strip_prefix(&first.path);
        if rest.is_some_and(str::is_empty) {
            return Err(Error::Duplicate {
                path: first.path.clone(),
                makers: makers(),
            });
        }
        if rest.is_some_and(|rest| rest.starts_with('/')) {
            return Err(Error::Prefix {
                shorter: first.path.clone(),
                longer: second.path.clone(),
                makers: makers(),
            });
        }
    }
    Ok(())
}

/// A path's bytes with the end of a segment before any other, which makes the
/// order of paths that of their segments.
fn by_segment(path: &str) -> impl Iterator<Item = u16> + '_ {
    path.bytes().map(|byte| match byte {
        b'/' => 0,
        byte => u16::from(byte) + 1,
    })
}

/// What stands where a page belongs.
enum Existing {
    Nothing,
    /// A file with the page's bytes.
    Same,
    /// A file with others.
    Different,
    /// A link, wherever it leads.
    Link,
    /// A folder, or something else that is no file.
    InTheWay,
}

/// Compares a file with what it should hold; `buffer` is for reading.
fn compare(file: &Path, bytes: &[u8], buffer: &mut Vec<u8>) -> io::Result<Existing> {
    // Asked for before it is opened: a pipe would wait for a writer.
    match file.symlink_metadata() {
        Ok(metadata) if metadata.is_symlink() => Ok(Existing::Link),
        Ok(metadata) if !metadata.is_file() => Ok(Existing::InTheWay),
        Ok(metadata) if metadata.len() != bytes.len() as u64 => Ok(Existing::Different),
        Ok(_) => {
            buffer.resize(bytes.len(), 0);
            match File::open(file)?.read_exact(buffer) {
                Ok(()) if *buffer == bytes => Ok(Existing::Same),
                Ok(()) => Ok(Existing::Different),
                // It was cut short since.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    Ok(Existing::Different)
                }
                Err(error) => Err(error),
            }
        }
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
    use crate::publish::feed::Maker;

    fn page(path: &str, text: &str) -> Page {
        Page {
            path: path.to_owned(),
            bytes: text.as_bytes().into(),
            maker: match path.ends_with(".html") {
                true => Maker::Page,
                false => Maker::LineageOs,
            },
            origin: None,
        }
    }

    fn write(out: &Path, pages: &[Page], adopt: bool) -> Result<Plan, Error> {
        let lock = open(out, adopt)?;
        let plan = plan(out, pages, Vec::new(), adopt)?;
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
    fn files_edited_or_removed_by_hand_are_made_good() {
        let dir = tempfile::tempdir().unwrap();
        let pages = ["a", "b/c", "d", "e"].map(|path| page(path, "12"));
        write(dir.path(), &pages, false).unwrap();
        fs::write(dir.path().join("a"), "13").unwrap();
        fs::write(dir.path().join("d"), "123").unwrap();
        fs::write(dir.path().join("e"), "").unwrap();
        fs::remove_dir_all(dir.path().join("b")).unwrap();
        let plan = write(dir.path(), &pages, false).unwrap();
        assert_eq!(plan.changed, ["a", "d", "e"]);
        assert_eq!(plan.created, ["b/c"]);
        for page in &pages {
            assert_eq!(fs::read(dir.path().join(&page.path)).unwrap(), b"12");
        }
    }

    #[test]
    fn paths_that_differ_only_in_case_are_found() {
        let alike = |paths: &[&'static str]| alike(paths.iter().copied());
        assert_eq!(
            alike(&["Index.html", "a/B/c", "a/b/c", "a/b/d", "index.html", "x"]),
            [("Index.html", "index.html"), ("a/B", "a/b")]
        );
        assert_eq!(alike(&["a/b", "a.b", "ab"]), []);
    }

    /// What a file system that ignores case would answer.
    #[cfg(unix)]
    fn ignore_case(out: &Path) {
        use std::os::unix::fs::symlink;
        drop(open(out, false).unwrap());
        symlink(STATE_DIR, out.join(STATE_DIR.to_ascii_uppercase())).unwrap();
        symlink(LOCK, out.join(STATE_DIR).join(LOCK.to_ascii_uppercase())).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn pages_that_would_be_one_file_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        ignore_case(dir.path());
        let pages = [page("Index.html", "1"), page("index.html", "2")];
        let error = write(dir.path(), &pages, false).unwrap_err();
        assert!(matches!(error, Error::Case { .. }), "{error}");
        assert!(!dir.path().join("index.html").exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_page_takes_its_place_under_a_name_of_other_case() {
        let dir = tempfile::tempdir().unwrap();
        ignore_case(dir.path());
        write(dir.path(), &[page("a/Foo", "1"), page("b", "2")], false).unwrap();
        let plan = write(dir.path(), &[page("A/foo", "1"), page("b", "2")], false).unwrap();
        assert_eq!(
            (plan.created, plan.removed),
            (vec!["A/foo".into()], vec!["a/Foo".into()])
        );
        assert!(dir.path().join("A/foo").exists() && !dir.path().join("a").exists());
    }

    #[test]
    fn folders_are_found_among_paths_sorted_by_bytes() {
        let sorted = ["a-b", "a.c", "a/b", "ab"];
        assert!(has_folder(&sorted, "a"));
        assert!(!has_folder(&sorted, "ab") && !has_folder(&sorted, "a/b"));
        assert!(!has_folder(&[], "a"));
    }

    #[test]
    fn foreign_folder_is_refused_unless_adopted() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(".git")).unwrap();
        assert!(plan(dir.path(), &[page("a", "1")], Vec::new(), false).is_ok());
        fs::write(dir.path().join("a"), "theirs").unwrap();
        assert!(matches!(
            plan(dir.path(), &[page("a", "1")], Vec::new(), false),
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
        assert!(matches!(check_paths(&pages), Err(Error::Prefix { .. })));
        assert!(check_paths(&[page("a.json", ""), page("a/b", "")]).is_ok());
    }

    #[test]
    fn no_two_pages_have_one_path() {
        let made = Page {
            origin: Some("x.j2 for the site".into()),
            ..page("a/b", "")
        };
        let error = check_paths(&[made.clone(), page("a/c", ""), page("a/b", "")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`a/b` would have to be two pages at once: one is made by romfeed itself, the \
             other by x.j2 for the site"
        );
        let error = check_paths(&[page("a/b/c", ""), made]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`a/b` would have to be both a file and the folder of `a/b/c`: one is made by \
             x.j2 for the site, the other by romfeed itself"
        );
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
    fn the_manifest_records_what_made_each_feed() {
        let dir = tempfile::tempdir().unwrap();
        let crdroid = || Maker::Shipped("crdroid".to_owned());
        let made = |maker: Maker| Page {
            maker,
            ..page("a.json", "1")
        };
        let makers = || read_manifest(dir.path()).unwrap().unwrap().makers;
        let expected = |maker: Maker| Some(MadeBy::from([("a.json".to_owned(), maker)]));
        write(dir.path(), &[made(crdroid()), page("b.html", "")], false).unwrap();
        assert_eq!(makers(), expected(crdroid()));
        // The same bytes by another maker are no change but in the manifest.
        let pages = [made(Maker::LineageOs), page("b.html", "")];
        let plan = write(dir.path(), &pages, false).unwrap();
        assert!(plan.is_empty() && plan.manifest_changed);
        assert_eq!(makers(), expected(Maker::LineageOs));
        // A file that others put in its place is not made by romfeed.
        fs::write(dir.path().join("c.json"), "theirs").unwrap();
        let pages = [made(Maker::LineageOs), page("c.json", "ours")];
        write(dir.path(), &pages, false).unwrap();
        assert_eq!(makers(), expected(Maker::LineageOs));
    }

    #[test]
    fn a_manifest_of_an_earlier_version_is_read_and_completed() {
        let dir = tempfile::tempdir().unwrap();
        let pages = [page("a.json", "1")];
        write(dir.path(), &pages, false).unwrap();
        let old = r#"{"schema":1,"files":["b","a.json","b"]}"#;
        fs::write(dir.path().join(STATE_DIR).join(MANIFEST), old).unwrap();
        let read = read_manifest(dir.path()).unwrap().unwrap();
        assert_eq!((read.files.len(), read.makers), (2, None));
        let plan = write(dir.path(), &pages, false).unwrap();
        assert!(plan.is_empty());
        let read = read_manifest(dir.path()).unwrap().unwrap();
        assert_eq!(read.files, ["a.json"]);
        assert!(read.makers.is_some_and(|makers| makers.len() == 1));
        assert!(!write(dir.path(), &pages, false).unwrap().manifest_changed);
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
        let bytes = render_manifest(&["../victim", "/etc/hosts"], &MadeBy::new(), &[]);
        fs::write(out.join(STATE_DIR).join(MANIFEST), bytes).unwrap();
        let plan = write(&out, &[page("a", "1")], false).unwrap();
        assert!(plan.removed.is_empty());
        assert!(dir.path().join("victim").exists());
    }

    #[test]
    fn no_page_leads_out_of_the_site() {
        for path in [
            "../a",
            "a/../../b",
            "/etc/a",
            "a//b",
            "",
            "a/.",
            ".romfeed/manifest.json",
        ] {
            let error = check_paths(&[page("a", ""), page(path, "")]).unwrap_err();
            assert!(matches!(error, Error::Outside { .. }), "{path}: {error}");
        }
        assert!(check_paths(&[page("a..b/.c", ""), page("romfeed/x", "")]).is_ok());
    }

    #[test]
    fn a_folder_in_a_pages_place_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let pages = [page("a/b", "1"), page("c", "1")];
        write(dir.path(), &pages, false).unwrap();
        fs::remove_file(dir.path().join("a/b")).unwrap();
        fs::create_dir_all(dir.path().join("a/b/theirs")).unwrap();
        for _ in 0..2 {
            let plan = write(dir.path(), &pages, false).unwrap();
            assert_eq!(
                (plan.foreign, plan.removed),
                (vec!["a/b".to_owned()], vec![])
            );
        }
        fs::remove_dir_all(dir.path().join("a/b")).unwrap();
        assert_eq!(write(dir.path(), &pages, false).unwrap().created, ["a/b"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_and_pipes_in_a_pages_place_are_left_alone_and_named() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("out");
        let elsewhere = dir.path().join("elsewhere");
        fs::write(&elsewhere, "1").unwrap();
        let paths = ["a", "b", "c", "d/e"];
        let pages = paths.map(|path| page(path, "1"));
        write(&out, &pages, false).unwrap();
        for path in paths {
            fs::remove_file(out.join(path)).unwrap();
        }
        // To the right bytes, to a folder, to nothing, and a pipe.
        symlink(&elsewhere, out.join("a")).unwrap();
        symlink(dir.path(), out.join("b")).unwrap();
        symlink("nothing", out.join("c")).unwrap();
        let pipe = out.join("d/e");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let is_left = || {
            let is_link = |path: &str| out.join(path).is_symlink();
            ["a", "b", "c"].into_iter().all(is_link) && pipe.exists() && !pipe.is_file()
        };
        for _ in 0..2 {
            let plan = write(&out, &pages, false).unwrap();
            assert_eq!(
                (plan.foreign, plan.removed),
                (paths.map(str::to_owned).to_vec(), vec![])
            );
            assert!(is_left());
        }
        // Nor are they removed when the site no longer has their pages.
        let known = render_manifest(&paths, &MadeBy::new(), &[]);
        fs::write(out.join(STATE_DIR).join(MANIFEST), known).unwrap();
        assert!(
            write(&out, &[page("d/e/f", "1")], false)
                .unwrap()
                .removed
                .is_empty()
        );
        assert!(is_left());
        // Links are replaced when the folder is taken over; what they lead to is not.
        write(&out, &pages, true).unwrap();
        assert!(!out.join("a").is_symlink() && !out.join("b").is_symlink());
        assert_eq!(fs::read(&elsewhere).unwrap(), b"1");
    }

    #[test]
    fn a_file_in_a_folders_place_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let pages = [page("a/b/c", "1"), page("d", "1")];
        write(dir.path(), &pages, false).unwrap();
        fs::remove_dir_all(dir.path().join("a")).unwrap();
        fs::write(dir.path().join("a"), "theirs").unwrap();
        let pages = [page("a/b/c", "2"), page("d", "2")];
        for changed in [vec!["d".to_owned()], vec![]] {
            let plan = write(dir.path(), &pages, false).unwrap();
            assert_eq!(
                (plan.foreign, plan.changed),
                (vec!["a/b/c".to_owned()], changed)
            );
        }
        assert_eq!(fs::read(dir.path().join("a")).unwrap(), b"theirs");
        fs::remove_file(dir.path().join("a")).unwrap();
        assert_eq!(write(dir.path(), &pages, false).unwrap().created, ["a/b/c"]);
    }

    #[test]
    fn what_a_killed_run_left_half_written_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &[page("a", "1")], false).unwrap();
        let left = dir.path().join(STATE_DIR).join(TEMPORARY);
        fs::write(&left, "half").unwrap();
        write(dir.path(), &[page("a", "1")], false).unwrap();
        assert!(!left.exists());
    }

    #[test]
    fn feeds_go_before_the_pages_that_they_lead_to() {
        let dir = tempfile::tempdir().unwrap();
        let old = ["a.html", "b.atom", "c/d.html", "e.json", "f"].map(|path| page(path, ""));
        write(dir.path(), &old, false).unwrap();
        let plan = write(dir.path(), &[page("f", "")], false).unwrap();
        assert_eq!(plan.removed, ["b.atom", "e.json", "a.html", "c/d.html"]);
    }
}
