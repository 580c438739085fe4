//! What changes on disk while the server runs.
//!
//! In: the catalogs, the changelogs kept beside them and, where that is asked for, the folders of packages and templates. Out: the
//! site made anew. Names, lengths and times are looked at every second: that works on every file
//! system, costs milliseconds for thousands of packages, and needs no library, of which each
//! system would want another.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use walkdir::WalkDir;

use super::Hooks;
use super::site::Site;

/// Time between two looks.
const PAUSE: Duration = Duration::from_secs(1);
/// Deepest folder looked into, as for packages.
const MAX_DEPTH: usize = 16;
/// A site with a build that is held back is made anew this often at most, in seconds.
const MIN_AGE_STEP: i64 = 60;

/// Length and time of files, by path.
type Look = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

/// The thread that looks.
#[derive(Debug)]
pub(super) struct Watcher {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Watcher {
    /// Ends the thread, unless it is at work: then it ends with the process.
    pub(super) fn stop(self) {
        drop(self.stop);
        if self.thread.is_finished() {
            let _ = self.thread.join();
        }
    }
}

/// Begins to look.
pub(super) fn start(site: Arc<Site>, hooks: Arc<dyn Hooks>, folders: Vec<PathBuf>) -> Watcher {
    let (stop, stopped) = channel();
    let thread = std::thread::spawn(move || watch(&site, &*hooks, &folders, &stopped));
    Watcher { stop, thread }
}

fn watch(site: &Site, hooks: &dyn Hooks, folders: &[PathBuf], stopped: &Receiver<()>) {
    let catalogs = || {
        let config = &site.current().config;
        let mut look = look_at_files(&config.catalogs);
        look.extend(files(&config.changelogs));
        look
    };
    let (mut known_catalogs, mut known) = (catalogs(), look_into(folders));
    let mut changing: Option<Look> = None;
    let mut not_before = 0;
    while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
        let seen = look_into(folders);
        // A package that is being copied changes from look to look.
        if seen != known && changing.as_ref() == Some(&seen) {
            (known, changing) = (seen, None);
            if let Some(config) = hooks.changed() {
                tell(hooks, site.reconfigure(config));
            }
            known_catalogs = catalogs();
            continue;
        }
        changing = (seen != known).then_some(seen);
        let now = (site.clock)();
        let seen = catalogs();
        let next = site.current().snapshot.next_change;
        let is_due = next.is_some_and(|next| next <= now) && now >= not_before;
        if seen != known_catalogs || is_due {
            (known_catalogs, not_before) = (seen, now.saturating_add(MIN_AGE_STEP));
            tell(hooks, site.refresh());
        }
    }
}

fn tell(hooks: &dyn Hooks, done: Result<(), crate::generate::Error>) {
    match done {
        Ok(()) => hooks.refreshed(),
        Err(error) => hooks.failed(&error),
    }
}

fn look_at_files(files: &[PathBuf]) -> Look {
    let look = |file: &PathBuf| Some((file.clone(), facts(&file.metadata().ok()?)));
    files.iter().filter_map(look).collect()
}

fn look_into(folders: &[PathBuf]) -> Look {
    folders.iter().flat_map(|folder| files(folder)).collect()
}

fn files(folder: &Path) -> impl Iterator<Item = (PathBuf, (u64, Option<SystemTime>))> {
    let is_shown = |entry: &walkdir::DirEntry| {
        entry.depth() == 0 || !entry.file_name().as_encoded_bytes().starts_with(b".")
    };
    let walk = WalkDir::new(folder).follow_links(true).max_depth(MAX_DEPTH);
    let entries = walk.into_iter().filter_entry(is_shown).flatten();
    entries.filter_map(|entry| {
        let metadata = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
        Some((entry.into_path(), facts(&metadata)))
    })
}

fn facts(metadata: &std::fs::Metadata) -> (u64, Option<SystemTime>) {
    (metadata.len(), metadata.modified().ok())
}
