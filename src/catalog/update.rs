//! Changes of a catalog that several processes write at once.
//!
//! A process that changes a catalog reads it, finds out what is to change, which may take hours, and only then calls
//! [`update`] or [`Held::lock`]: that locks the catalog, reads it again if it has changed since, and writes the files
//! that differ. The lock is held for no longer than that, so that processes wait for one another only for a moment,
//! whichever devices they work on; a run for the site holds it until it has made the pages. One lock for all files, because most of what a change must respect is in the files
//! of other devices: no build, file name or `id` may be in two of them, and a build whose device is corrected moves.
//! Machines that share a place have no lock in common: each reads again what it has written, and takes it back if another
//! wrote the same build, file name or `id` into another file.
//!
//! The lock lies in the folder of the catalog, since that is what processes on several machines share; a lock of the
//! system, so that it ends with its process.

use std::collections::BTreeSet;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::{Catalog, Catalogs, LeftOut, file, file_name, save, store};
use crate::files::{
    Lock, Place, behind_links, create_ignored_folder, is_overtaken, lock_file, overtaken,
};
use crate::model::config::{Config, STATE_DIR};

/// The most times that a change of the catalog is made because other machines change it, too.
const MAX_TRIES: u32 = 20;
/// How much longer the longest pause gets after each try, and its limit.
const STEP: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// Why a catalog was not changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// It cannot be read.
    #[error(transparent)]
    Catalog(#[from] file::Error),
    /// Another process writes it, and did not end in time.
    #[error("another romfeed is writing the catalog (it holds {})", .file.display())]
    Locked {
        /// The lock.
        file: PathBuf,
    },
    /// It cannot be written; files written before stay.
    #[error("cannot write {}", .file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
}

impl UpdateError {
    /// Returns whether another program or machine changed the catalog while this one was about to.
    fn is_overtaken(&self) -> bool {
        matches!(self, UpdateError::Write { source, .. } if is_overtaken(source))
    }
}

/// A catalog that no other process can write, until this is dropped.
#[derive(Debug)]
pub struct Held {
    path: PathBuf,
    place: Arc<dyn Place>,
    _lock: Lock,
}

/// Changes the catalog that this machine writes, the first of the settings, while no other process can.
///
/// If it has changed since `catalogs` were loaded, it is read again first. `edit` gets the identities of the builds and
/// tombstones that other processes have changed since then. It may be called several times, each time with the
/// catalogs as they then are, so what it does besides must be right if it is done again.
///
/// # Errors
/// [`UpdateError`], or the error of `edit`; then nothing is written.
///
/// # Panics
/// If the settings name no catalog.
pub fn update<T, E: From<UpdateError>>(
    catalogs: &mut Catalogs,
    config: &Config,
    wait: Duration,
    mut edit: impl FnMut(&mut Catalogs, &BTreeSet<String>) -> Result<T, E>,
) -> Result<T, E> {
    let path = config.catalogs.first();
    let path = path.expect("the settings name a catalog");
    let held = Held::lock(&config.place, path, wait)?;
    let mut changed = BTreeSet::new();
    let mut overtaken = None;
    until_written(UpdateError::is_overtaken, || {
        if let Some(before) = overtaken.take() {
            // The edit is made again, in the catalog as another machine has left it.
            catalogs.own = before;
            held.place.begin().map_err(file::Error::Shared)?;
        }
        changed.extend(held.refresh(catalogs)?);
        let before = catalogs.own.clone();
        let done = edit(catalogs, &changed);
        let saved = match done {
            Ok(_) => held.save(Some(&before), catalogs),
            Err(_) => Ok(()),
        };
        overtaken = Some(before);
        saved.map(|()| done)
    })?
}

impl Held {
    /// Locks the catalog at this path, and waits up to `wait` for other processes. Half-written files of killed ones are
    /// removed. If several machines share its place, its copy here is brought up to date.
    ///
    /// # Errors
    /// [`UpdateError::Locked`]; [`UpdateError::Write`] if the lock cannot be made; [`UpdateError::Catalog`] if the place
    /// cannot be read.
    pub fn lock(place: &Arc<dyn Place>, path: &Path, wait: Duration) -> Result<Held, UpdateError> {
        let folder = state_folder(path);
        create_ignored_folder(&folder).map_err(write_error(&folder))?;
        let file = folder.join(lock_name(path));
        let lock = lock_file(&file, wait).map_err(write_error(&file))?;
        let lock = lock.ok_or(UpdateError::Locked { file })?;
        // Of a shared place, other processes may be bringing the copy up to date.
        if place.address().is_none() {
            save::remove_leftovers(path);
        }
        place.begin().map_err(file::Error::Shared)?;
        Ok(Held {
            path: path.to_owned(),
            place: Arc::clone(place),
            _lock: lock,
        })
    }

    /// Returns where the catalog is written, and the files that go with it.
    #[must_use]
    pub fn place(&self) -> &dyn Place {
        &*self.place
    }

    /// Reads the catalog again if its files have changed since; returns the identities of the builds and tombstones that
    /// changed.
    ///
    /// # Errors
    /// [`UpdateError::Catalog`]: the catalog cannot be read.
    pub fn refresh(&self, catalogs: &mut Catalogs) -> Result<BTreeSet<String>, UpdateError> {
        if catalogs.own_files.are_current(&self.path) {
            return Ok(BTreeSet::new());
        }
        let (own, files) = match &catalogs.own_files.only {
            None => store::load_with_files(&self.path, catalogs.skips_unreadable, None)?,
            Some(names) => store::load_only(&self.path, names)?,
        };
        let before = std::mem::replace(&mut catalogs.own, own);
        catalogs.own_files = files;
        Ok(changed_identities(&before, &catalogs.own))
    }

    /// Writes the files in which the catalog differs from `before`; without that, none but those that hold former
    /// records of moved builds, and a catalog file that is not there yet. In a place that several machines share, they
    /// are written back if the catalog is refused together with what another machine wrote meanwhile.
    ///
    /// # Errors
    /// [`UpdateError::Write`], also if another program has changed one of these files; [`UpdateError::Catalog`] if one of
    /// them could not be read.
    pub fn save(&self, before: Option<&Catalog>, catalogs: &Catalogs) -> Result<(), UpdateError> {
        let (own, files) = (&catalogs.own, &catalogs.own_files);
        let mut names = files.outdated.clone();
        names.extend(
            before
                .into_iter()
                .flat_map(|before| changed_files(before, own)),
        );
        if let Some((name, reason)) = files.left_out.iter().find(|(n, _)| names.contains(*n)) {
            let error = file::Error::Io {
                file: self.path.join(name).display().to_string(),
                source: io::Error::other(reason.to_string()),
            };
            return Err(error.into());
        }
        let is_new_file = !store::is_folder(&self.path) && !self.path.exists();
        if names.is_empty() && !is_new_file {
            return Ok(());
        }
        // Another process may have made the file of a device that had none when the files were chosen.
        let is_unread = |name: &&String| files.only.as_ref().is_some_and(|o| !o.contains(*name));
        let mut unread = names
            .iter()
            .filter(is_unread)
            .map(|name| self.path.join(name));
        if let Some(file) = unread.find(|file| file.exists()) {
            let source = overtaken();
            return Err(UpdateError::Write { file, source });
        }
        // Programs that know of no lock, such as git and editors, may have changed a file.
        let overtaken_file = match self.place.address() {
            None => files.first_changed(&self.path, &names),
            Some(_) => None,
        };
        if let Some(file) = overtaken_file {
            let source = overtaken();
            return Err(UpdateError::Write { file, source });
        }
        let saved = self.write(own, &names);
        let is_read_again = self.place.address().is_some()
            && saved.as_ref().err().is_none_or(UpdateError::is_overtaken);
        if let Some(before) = before.filter(|_| is_read_again) {
            self.take_back_if_refused(before, &names)?;
        }
        saved
    }

    /// Takes a change back if other machines have changed files meanwhile with which the catalog is refused: a build, a
    /// file name or an `id` is then in two of them, and the conditions of a shared place are for one file each. Whoever
    /// writes the last of these files sees all of them here.
    fn take_back_if_refused(
        &self,
        before: &Catalog,
        names: &BTreeSet<String>,
    ) -> Result<(), UpdateError> {
        self.place.update().map_err(write_error(&self.path))?;
        let loaded = store::load_with_files(&self.path, true, None);
        let is_refused = loaded.is_ok_and(|(_, files)| {
            let mut reasons = names.iter().filter_map(|name| files.left_out.get(name));
            reasons.any(|reason| matches!(reason, LeftOut::Contradicts { .. }))
        });
        // The next to read it reports anything else.
        if !is_refused {
            return Ok(());
        }
        self.write(before, names)?;
        Err(write_error(&self.path)(overtaken()))
    }

    fn write(&self, catalog: &Catalog, names: &BTreeSet<String>) -> Result<(), UpdateError> {
        save::save_files(&*self.place, &self.path, catalog, names)
            .map_err(|(file, source)| UpdateError::Write { file, source })
    }
}

/// Makes a change of the catalog, and makes it again from its beginning if another machine has changed the catalog
/// meanwhile.
///
/// # Errors
/// Those of `change`.
pub fn until_written<T, E>(
    is_overtaken: impl Fn(&E) -> bool,
    mut change: impl FnMut() -> Result<T, E>,
) -> Result<T, E> {
    for number in 1..MAX_TRIES {
        match change() {
            Err(error) if is_overtaken(&error) => std::thread::sleep(pause(number)),
            done => return done,
        }
    }
    change()
}

/// Returns how long to wait after this number of tries: at random, so that two machines do not meet again.
fn pause(number: u32) -> Duration {
    let longest = STEP.saturating_mul(number).min(MAX_PAUSE);
    // Each has keys of its own, which are random.
    let random = RandomState::new().build_hasher().finish();
    let millis = u64::try_from(longest.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(random % millis.max(1))
}

fn write_error(file: &Path) -> impl FnOnce(io::Error) -> UpdateError {
    let file = file.to_owned();
    |source| UpdateError::Write { file, source }
}

/// Returns romfeed's folder next to the files of a catalog: inside its folder, since a machine may share nothing else
/// with others.
fn state_folder(path: &Path) -> PathBuf {
    match store::is_folder(path) {
        true => path.join(STATE_DIR),
        false => behind_links(path).with_file_name(STATE_DIR),
    }
}

/// Returns the name of a catalog's lock there; the file of another site may lie next to it.
fn lock_name(path: &Path) -> PathBuf {
    let file = behind_links(path);
    let name = match store::is_folder(path) {
        true => None,
        false => file.file_name(),
    };
    let mut name = name.unwrap_or("catalog".as_ref()).to_owned();
    name.push(".lock");
    name.into()
}

/// Removes the folder of a catalog that was made for its lock alone.
pub fn remove_empty_folder(path: &Path) {
    if store::is_folder(path) && !store::is_there(path) {
        // What stays does no harm.
        let _ = remove_lock(path);
        let _ = std::fs::remove_dir(path);
    }
}

/// Removes the lock of a catalog that is not there, or no longer, with romfeed's folder; not if other files are in it.
///
/// # Errors
/// Whatever the system reports.
pub fn remove_lock(path: &Path) -> io::Result<()> {
    let folder = path.join(STATE_DIR);
    let own = [lock_name(path), PathBuf::from(".gitignore")];
    let entries = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    let names: Vec<PathBuf> = entries
        .map(|entry| Ok(entry?.file_name().into()))
        .collect::<io::Result<_>>()?;
    match names.iter().all(|name| own.contains(name)) {
        true => std::fs::remove_dir_all(&folder),
        false => Ok(()),
    }
}

/// Returns the identities of all builds and tombstones that are not the same in both catalogs.
fn changed_identities(before: &Catalog, after: &Catalog) -> BTreeSet<String> {
    let all = [before, after].into_iter();
    let all = all.flat_map(|catalog| {
        let stones = catalog.tombstones.keys().map(String::as_str);
        catalog.builds.keys().chain(stones)
    });
    let is_changed = |identity: &&str| {
        before.builds.get(identity) != after.builds.get(identity)
            || before.tombstones.get(*identity) != after.tombstones.get(*identity)
    };
    all.filter(is_changed).map(str::to_owned).collect()
}

/// Returns the names of the files in a folder in which two catalogs differ.
fn changed_files(before: &Catalog, after: &Catalog) -> BTreeSet<String> {
    let mut devices = BTreeSet::new();
    for identity in &changed_identities(before, after) {
        for catalog in [before, after] {
            let build = catalog.builds.get(identity);
            devices.extend(build.map(|record| &record.build.device));
            let stone = catalog.tombstones.get(identity);
            devices.extend(stone.map(|stone| &stone.device));
        }
    }
    let aliases = before.aliases.keys().chain(after.aliases.keys());
    devices.extend(aliases.filter(|d| before.aliases.get(*d) != after.aliases.get(*d)));
    devices.into_iter().map(file_name).collect()
}
