//! What changes on disk while the server runs.
//!
//! In: the catalogs, the changelogs kept beside them and, where that is asked for, the folders of
//! packages and templates. Out: the site made anew. Names, lengths and times are looked at every second: that works on every file
//! system, costs milliseconds for thousands of packages, and needs no library, of which each
//! system would want another. What could not be taken over is tried again, ever more rarely.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use walkdir::WalkDir;

use super::Hooks;
use super::site::Site;
use crate::ingest::scan::{Link, Links};
use crate::model::config::Config;

/// Deepest folder looked into, as for packages.
const MAX_DEPTH: usize = 16;
/// A site with a build that is held back is made anew this often at most, in seconds.
const MIN_AGE_STEP: i64 = 60;

/// Most looks between two tries of what fails: a minute at one a second.
const MAX_REST: u32 = 60;

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

/// Folders and files whose changes are followed, and how they were at first.
#[derive(Debug, Default)]
pub struct Watched {
    folders: Vec<PathBuf>,
    follow_links: bool,
    look: Look,
}

impl Watched {
    /// Looks at folders, and through links to others if those of packages are followed; to be called before their packages are read, so that no change comes
    /// between the two.
    #[must_use]
    pub fn look(folders: Vec<PathBuf>, follow_links: bool) -> Watched {
        Watched {
            look: look_into(&folders, follow_links),
            follow_links,
            folders,
        }
    }

    /// Whether anything is followed.
    #[must_use]
    pub(super) fn is_any(&self) -> bool {
        !self.folders.is_empty()
    }

    /// Forgets what was seen, so that all of it is new once more: it could not be read.
    pub fn forget(&mut self) {
        self.look.clear();
    }
}

/// What was last taken over into the site.
#[derive(Debug)]
pub(super) struct Known {
    catalogs: Look,
    watched: Watched,
}

impl Known {
    /// Looks before the site is made, as [`Watched::look`].
    pub(super) fn look(config: &Config, watched: Watched) -> Known {
        Known {
            catalogs: look_at_records(config),
            watched,
        }
    }
}

/// Begins to look, and looks again after each interval.
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
        rest: Rest::default(),
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
    /// How the folders were at the last look, if that is not what is known.
    changing: Option<Look>,
    /// When the passing of time alone may be a reason again.
    not_before: i64,
    rest: Rest,
}

impl Watch {
    fn run(&mut self, stopped: &Receiver<()>) {
        while stopped.recv_timeout(self.interval) == Err(RecvTimeoutError::Timeout) {
            let watched = &self.known.watched;
            let seen = look_into(&watched.folders, watched.follow_links);
            let is_changed = seen != self.known.watched.look;
            // A package that is being copied changes from look to look.
            let is_settled = self.changing.as_ref() == Some(&seen);
            if is_changed && !is_settled {
                self.rest = Rest::default();
            }
            self.changing = is_changed.then(|| seen.clone());
            if self.rest.is_over() {
                let is_taken = !(is_changed && is_settled) || self.take_over(seen);
                let is_followed = self.follow_catalog();
                self.rest.after(is_taken && is_followed);
            }
        }
    }

    /// Packages or templates changed. What fails stays unknown, and so is tried again.
    fn take_over(&mut self, look: Look) -> bool {
        let Some(config) = self.hooks.changed() else {
            return false;
        };
        let catalogs = look_at_records(&config);
        let done = self.tell(self.site.reconfigure(config));
        if done {
            self.known.catalogs = catalogs;
            self.known.watched.look = look;
            self.changing = None;
        }
        done
    }

    /// Makes the site anew if its catalogs changed, or a build is held back no longer.
    fn follow_catalog(&mut self) -> bool {
        let current = self.site.current();
        let catalogs = look_at_records(&current.config);
        let now = (self.site.clock)();
        let next = current.snapshot.next_change;
        let is_due = next.is_some_and(|next| next <= now) && now >= self.not_before;
        if catalogs == self.known.catalogs && !is_due {
            return true;
        }
        self.not_before = now.saturating_add(MIN_AGE_STEP);
        let done = self.tell(self.site.refresh());
        if done {
            self.known.catalogs = catalogs;
        }
        done
    }

    fn tell(&self, done: Result<(), crate::generate::Error>) -> bool {
        match &done {
            Ok(()) => self.hooks.refreshed(),
            Err(error) => self.hooks.failed(error),
        }
        done.is_ok()
    }
}

/// Looks to let pass after what failed.
#[derive(Debug, Default)]
struct Rest {
    left: u32,
    last: u32,
}

impl Rest {
    /// Counts a look; answers whether it is time to try.
    fn is_over(&mut self) -> bool {
        let is_over = self.left == 0;
        self.left = self.left.saturating_sub(1);
        is_over
    }

    /// Twice as long after each failure, and none after a success.
    fn after(&mut self, done: bool) {
        self.last = match done {
            true => 0,
            false => self.last.saturating_mul(2).clamp(1, MAX_REST),
        };
        self.left = self.last;
    }
}

/// The catalogs, and the changelogs kept beside them.
fn look_at_records(config: &Config) -> Look {
    let mut look = look_at_files(&config.catalogs);
    look.extend(files(&config.changelogs, false));
    look
}

fn look_at_files(files: &[PathBuf]) -> Look {
    let look = |file: &PathBuf| Some((file.clone(), facts(&file.metadata().ok()?)));
    files.iter().filter_map(look).collect()
}

fn look_into(folders: &[PathBuf], follow_links: bool) -> Look {
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
        entry.depth() == 0 || !is_hidden && is_followed()
    };
    let walk = WalkDir::new(folder).follow_links(follow_links);
    let entries = walk.max_depth(MAX_DEPTH).into_iter();
    let entries = entries.filter_entry(is_shown).flatten();
    // Packages may be links, so theirs are the length and time of what they lead to.
    entries.filter_map(|entry| {
        let metadata = entry.path().metadata().ok();
        let metadata = metadata.filter(std::fs::Metadata::is_file)?;
        Some((entry.into_path(), facts(&metadata)))
    })
}

fn facts(metadata: &std::fs::Metadata) -> (u64, Option<SystemTime>) {
    (metadata.len(), metadata.modified().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_is_tried_ever_more_rarely() {
        let mut rest = Rest::default();
        let mut tries = Vec::new();
        for look in 0..200 {
            if rest.is_over() {
                tries.push(look);
                rest.after(false);
            }
        }
        assert_eq!(tries, [0, 2, 5, 10, 19, 36, 69, 130, 191]);
        rest.after(true);
        assert!(rest.is_over() && rest.is_over());
    }
}
