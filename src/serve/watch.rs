//! Changes on disk while the server runs.
//!
//! In: the catalogs, the changelogs stored next to them and, with `--watch`, the folders of packages
//! and templates. Out: a new site after each change. A catalog that several machines share is watched in its copy, which
//! is brought up to date now and then. Names, lengths and times are compared every
//! second: that works on every file system and costs milliseconds for thousands of packages, while
//! the events of the system differ from system to system and fail on network file systems. After an
//! error, the change is tried again, at growing intervals.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use walkdir::WalkDir;

use super::hooks::Hooks;
use super::site::Site;
use crate::catalog::{file, store};
use crate::ingest::scan::{Link, Links, is_in_product_folder};
use crate::model::config::Config;

/// Deepest folder that is read, as for packages.
const MAX_DEPTH: usize = 16;
/// Least time between two new sites that only the passing of time causes, in seconds: a build that
/// was held back is old enough.
const MIN_AGE_STEP: i64 = 60;

/// Most looks between two tries after errors: a minute at one look a second.
const MAX_BACKOFF: u32 = 60;

/// Length and time of files, by path.
type FileStates = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

/// The thread that watches.
#[derive(Debug)]
pub(super) struct Watcher {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Watcher {
    /// Ends the thread, unless it is making a site: then it ends with the process.
    pub(super) fn stop(self) {
        drop(self.stop);
        if self.thread.is_finished() {
            let _ = self.thread.join();
        }
    }
}

/// Folders and files that are watched, and their first states.
#[derive(Debug, Default)]
pub struct Watched {
    folders: Vec<PathBuf>,
    follow_links: bool,
    states: FileStates,
}

impl Watched {
    /// Reads the states of all files in these folders, also behind links to other folders if those
    /// are followed. Must be called before the packages are read, so that no change is missed in
    /// between.
    #[must_use]
    pub fn new(folders: Vec<PathBuf>, follow_links: bool) -> Watched {
        Watched {
            states: read_folders(&folders, follow_links),
            follow_links,
            folders,
        }
    }

    /// Returns whether anything is watched.
    #[must_use]
    pub(super) fn is_any(&self) -> bool {
        !self.folders.is_empty()
    }

    /// Forgets the states, so that every file counts as changed: the packages could not be read.
    pub fn forget(&mut self) {
        self.states.clear();
    }
}

/// The states that the current site was made from.
#[derive(Debug)]
pub(super) struct Known {
    catalogs: FileStates,
    watched: Watched,
}

impl Known {
    /// Reads the states of the catalogs. Must be called before the site is made, as
    /// [`Watched::new`].
    pub(super) fn new(config: &Config, watched: Watched) -> Known {
        Known {
            catalogs: read_catalogs(config),
            watched,
        }
    }
}

/// Starts the thread, which compares the states after each interval.
pub(super) fn start(
    site: Arc<Site>,
    hooks: Arc<dyn Hooks>,
    known: Known,
    interval: Duration,
) -> Watcher {
    let (stop, stopped) = channel();
    let mut watch = Watch {
        site,
        hooks,
        known,
        interval,
        changing: None,
        not_before: 0,
        backoff: Backoff::default(),
        has_failed: false,
    };
    let thread = std::thread::spawn(move || watch.run(&stopped));
    Watcher { stop, thread }
}

struct Watch {
    site: Arc<Site>,
    hooks: Arc<dyn Hooks>,
    known: Known,
    /// Time between two looks.
    interval: Duration,
    /// The states at the last look, if they differ from the known ones.
    changing: Option<FileStates>,
    /// The earliest time at which the passing of time alone causes a new site.
    not_before: i64,
    backoff: Backoff,
    /// Whether the last try failed.
    has_failed: bool,
}

impl Watch {
    fn run(&mut self, stopped: &Receiver<()>) {
        while stopped.recv_timeout(self.interval) == Err(RecvTimeoutError::Timeout) {
            let watched = &self.known.watched;
            let seen = read_folders(&watched.folders, watched.follow_links);
            let is_changed = seen != self.known.watched.states;
            // A package that is being copied changes between two looks.
            let is_settled = self.changing.as_ref() == Some(&seen);
            if is_changed && !is_settled {
                self.backoff = Backoff::default();
            }
            self.changing = is_changed.then(|| seen.clone());
            if self.backoff.is_over() {
                let is_reloaded = !(is_changed && is_settled) || self.reload(seen);
                let is_refreshed = self.refresh();
                let is_done = is_reloaded && is_refreshed;
                self.backoff.record(is_done);
                if !is_done {
                    self.has_failed = true;
                } else if self.has_failed && !is_changed {
                    // The file that caused the error has its former contents again.
                    self.succeed();
                }
            }
        }
    }

    /// Makes the site from changed packages or templates; returns whether that worked. After an
    /// error, the known states stay as they were, so the change is tried again.
    fn reload(&mut self, states: FileStates) -> bool {
        let Some(config) = self.hooks.changed() else {
            return false;
        };
        let catalogs = read_catalogs(&config);
        let done = self.report(self.site.reconfigure(config));
        if done {
            self.known.catalogs = catalogs;
            self.known.watched.states = states;
            self.changing = None;
        }
        done
    }

    /// Makes a new site if the catalogs changed or a build is no longer held back; returns whether
    /// that worked.
    fn refresh(&mut self) -> bool {
        let current = self.site.current();
        if let Err(error) = current.config.place.poll() {
            return self.report(Err(file::Error::Shared(error).into()));
        }
        let catalogs = read_catalogs(&current.config);
        let now = (self.site.clock)();
        let next = current.snapshot.next_change;
        let is_due = next.is_some_and(|next| next <= now) && now >= self.not_before;
        if catalogs == self.known.catalogs && !is_due {
            return true;
        }
        self.not_before = now.saturating_add(MIN_AGE_STEP);
        let done = self.report(self.site.refresh());
        if done {
            self.known.catalogs = catalogs;
        }
        done
    }

    fn report(&mut self, done: Result<(), crate::generate::Error>) -> bool {
        match &done {
            Ok(()) => self.succeed(),
            Err(error) => self.hooks.failed(error),
        }
        done.is_ok()
    }

    fn succeed(&mut self) {
        self.has_failed = false;
        self.hooks.refreshed();
    }
}

/// The number of looks to skip after errors.
#[derive(Debug, Default)]
struct Backoff {
    left: u32,
    last: u32,
}

impl Backoff {
    /// Counts a look; returns whether it is time to try.
    fn is_over(&mut self) -> bool {
        let is_over = self.left == 0;
        self.left = self.left.saturating_sub(1);
        is_over
    }

    /// Doubles the interval after an error, and ends it after a success.
    fn record(&mut self, done: bool) {
        self.last = match done {
            true => 0,
            false => self.last.saturating_mul(2).clamp(1, MAX_BACKOFF),
        };
        self.left = self.last;
    }
}

/// Reads the states of the catalogs and of the changelogs next to them.
fn read_catalogs(config: &Config) -> FileStates {
    let state = |file: PathBuf| Some((file.clone(), state(&file.metadata().ok()?)));
    let catalogs = config.catalogs.iter();
    let catalogs = catalogs.flat_map(|path| store::files(path).unwrap_or_default());
    let catalogs = catalogs.filter_map(state);
    catalogs.chain(files(&config.changelogs, false)).collect()
}

fn read_folders(folders: &[PathBuf], follow_links: bool) -> FileStates {
    let files = |folder: &PathBuf| files(folder, follow_links);
    folders.iter().flat_map(files).collect()
}

fn files(
    folder: &Path,
    follow_links: bool,
) -> impl Iterator<Item = (PathBuf, (u64, Option<SystemTime>))> + use<> {
    let mut links = Links::new(folder);
    let is_shown = move |entry: &walkdir::DirEntry| {
        let is_link_to_folder = entry.path_is_symlink() && entry.file_type().is_dir();
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let mut is_followed = || !is_link_to_folder || links.judge(entry.path()) == Link::Follow;
        let is_skipped = is_hidden || is_in_product_folder(entry);
        entry.depth() == 0 || !is_skipped && is_followed()
    };
    let walk = WalkDir::new(folder).follow_links(follow_links);
    let entries = walk.max_depth(MAX_DEPTH).into_iter();
    let entries = entries.filter_entry(is_shown).flatten();
    // Packages may be links: length and time are those of the target.
    entries.filter_map(|entry| {
        let metadata = entry.path().metadata().ok();
        let metadata = metadata.filter(std::fs::Metadata::is_file)?;
        Some((entry.into_path(), state(&metadata)))
    })
}

fn state(metadata: &std::fs::Metadata) -> (u64, Option<SystemTime>) {
    (metadata.len(), metadata.modified().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_tried_again_at_growing_intervals() {
        let mut backoff = Backoff::default();
        let mut tries = Vec::new();
        for look in 0..200 {
            if backoff.is_over() {
                tries.push(look);
                backoff.record(false);
            }
        }
        assert_eq!(tries, [0, 2, 5, 10, 19, 36, 69, 130, 191]);
        backoff.record(true);
        assert!(backoff.is_over() && backoff.is_over());
    }
}
