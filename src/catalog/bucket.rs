//! A catalog in a bucket that several machines share, and its copy on this machine.
//!
//! In: the objects of a bucket. Out: a folder with the same files: those of devices, and the changelogs below
//! `changelogs/`. romfeed reads this copy like any other catalog, and asks the bucket for objects that changed alone.
//!
//! A file is written there under the condition that it is as it was when the change began, and then in the copy.
//! An object is never deleted, as few stores have conditions for that: a device without records has an empty catalog,
//! and an empty object stands for a changelog that is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::device_file::ENDING;
use super::{Catalog, file};
use crate::files::{Disk, Place, list_folder, overtaken, read_text, write_atomically};
use crate::model::build::filename_fault;
use crate::model::config::CHANGELOGS_DIR;
use crate::source::s3::{Condition, Listed, Objects};

/// The shortest time between two looks of one that asks all the time; each costs a request per 1,000 objects.
const POLL: Duration = Duration::from_secs(15);
/// The number of objects that are read at once.
const NUM_READERS: usize = 16;
/// The file with the state of the copy, and its greatest length in bytes.
const STATE: &str = ".state.json";
const MAX_STATE: u64 = 256 << 20;
/// The file whose lock keeps other programs on this machine from the copy.
const LOCK: &str = ".lock";

/// What the copy is of.
#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    /// The address of the bucket with its prefix.
    address: String,
    /// Whether the store heeds conditions.
    is_probed: bool,
    /// The `ETag` of each object whose copy is whole.
    tags: BTreeMap<String, String>,
}

/// What this program has seen of the bucket.
#[derive(Debug, Default)]
struct Seen {
    /// The `ETag` of each object when the change began.
    begun: BTreeMap<String, String>,
    /// When it looked for changes.
    looked: Option<Instant>,
}

/// A catalog in a bucket.
#[derive(Debug)]
pub struct Bucket {
    objects: Objects,
    folder: PathBuf,
    seen: Mutex<Seen>,
}

impl Bucket {
    /// Uses these objects, and this folder for their copies.
    #[must_use]
    pub fn new(objects: Objects, folder: PathBuf) -> Bucket {
        Bucket {
            objects,
            folder,
            seen: Mutex::default(),
        }
    }

    /// Makes the copy equal to the bucket, and returns the `ETag` of each object.
    fn copy(&self) -> io::Result<BTreeMap<String, String>> {
        let _lock = self.lock()?;
        let mut state = self.state();
        let mut listed = BTreeMap::new();
        for object in self.objects.list().map_err(io::Error::other)? {
            if is_ours(&object.name) {
                listed.insert(object.name.clone(), object);
            }
        }
        self.refuse_twins(listed.keys())?;
        leave_out_twins(&mut listed);
        self.remove_others(&listed)?;
        let is_changed = |object: &&Listed| {
            let is_copied = object.is_text_gone() || self.folder.join(&object.name).is_file();
            !is_copied || state.tags.get(&object.name) != Some(&object.tag)
        };
        let changed: Vec<&Listed> = listed.values().filter(is_changed).collect();
        let len = state.tags.len();
        state.tags.retain(|name, _| listed.contains_key(name));
        if changed.is_empty() {
            if state.tags.len() != len {
                self.store(&state)?;
            }
            return Ok(state.tags);
        }
        // A run that is killed from here on leaves copies that count as old.
        for object in &changed {
            state.tags.remove(&object.name);
        }
        self.store(&state)?;
        state.tags.extend(self.read_all(&changed)?);
        self.store(&state)?;
        Ok(state.tags)
    }

    /// Copies objects, several at once; returns the `ETag` of each that is still there.
    fn read_all(&self, changed: &[&Listed]) -> io::Result<Vec<(String, String)>> {
        let size = changed.len().div_ceil(NUM_READERS).max(1);
        std::thread::scope(|scope| {
            let readers = changed.chunks(size).map(|part| {
                scope.spawn(move || {
                    let read = part
                        .iter()
                        .filter_map(|object| self.read(object).transpose());
                    read.collect::<io::Result<Vec<_>>>()
                })
            });
            let readers: Vec<_> = readers.collect();
            let mut tags = Vec::new();
            for reader in readers {
                let panicked = |_| io::Error::other("reading the bucket was stopped");
                tags.extend(reader.join().map_err(panicked)??);
            }
            Ok(tags)
        })
    }

    /// Copies an object; `None` if it is gone.
    fn read(&self, object: &Listed) -> io::Result<Option<(String, String)>> {
        let file = self.folder.join(&object.name);
        if object.is_text_gone() {
            remove_if_there(&file)?;
            return Ok(Some((object.name.clone(), object.tag.clone())));
        }
        match self.objects.read(&object.name).map_err(io::Error::other)? {
            None => Ok(None),
            Some((bytes, tag)) => {
                write_copy(&file, &bytes)?;
                Ok(Some((object.name.clone(), tag)))
            }
        }
    }

    /// Removes the copies of objects that are not there.
    fn remove_others(&self, listed: &BTreeMap<String, Listed>) -> io::Result<()> {
        let mut files = list_folder(&self.folder)?;
        files.extend(list_folder(&self.folder.join(CHANGELOGS_DIR))?);
        for file in files {
            let name = self.name(&file);
            if name.is_some_and(|name| !listed.contains_key(&name)) {
                fs::remove_file(&file)?;
            }
        }
        Ok(())
    }

    /// Refuses files of devices whose names are one where letter case does not count.
    fn refuse_twins<'a>(&self, names: impl Iterator<Item = &'a String>) -> io::Result<()> {
        let mut lower = BTreeSet::new();
        for name in names.filter(|name| !name.contains('/')) {
            if !lower.insert(name.to_lowercase()) {
                let address = self.objects.address();
                let name = name.escape_debug();
                return Err(io::Error::other(format!(
                    "{address} has two objects whose names differ from `{name}` in letter case alone; romfeed writes \
                     names of devices in lower case: delete the other one, after `romfeed catalog add` for builds \
                     that are only there"
                )));
            }
        }
        Ok(())
    }

    /// Returns the name of the object for a file of the copy; `None` for other files.
    fn name(&self, file: &Path) -> Option<String> {
        let name = file.strip_prefix(&self.folder).ok()?;
        let parts: Option<Vec<&str>> = name.iter().map(|part| part.to_str()).collect();
        let name = parts?.join("/");
        is_ours(&name).then_some(name)
    }

    fn write_object(&self, name: &str, file: &Path, bytes: &[u8]) -> io::Result<()> {
        let _lock = self.lock()?;
        let mut state = self.state();
        if !state.is_probed {
            self.objects.probe().map_err(io::Error::other)?;
            state.is_probed = true;
        }
        // A run that is killed from here on leaves a copy that counts as old.
        state.tags.remove(name);
        self.store(&state)?;
        let tag = self.seen().begun.get(name).cloned();
        let condition = match &tag {
            // Each comes from one package, and machines that have the package have the same text.
            _ if name.contains('/') => Condition::Any,
            None => Condition::New,
            Some(tag) => Condition::Is(tag),
        };
        let written = self.objects.write(name, bytes, condition);
        let Some(tag) = written.map_err(io::Error::other)? else {
            return Err(overtaken());
        };
        match bytes {
            [] => remove_if_there(file)?,
            _ => write_copy(file, bytes)?,
        }
        self.seen().begun.insert(name.to_owned(), tag.clone());
        state.tags.insert(name.to_owned(), tag);
        self.store(&state)
    }

    /// Keeps other programs on this machine from the copy.
    fn lock(&self) -> io::Result<File> {
        fs::create_dir_all(&self.folder)?;
        let file = File::create(self.folder.join(LOCK))?;
        file.lock()?;
        Ok(file)
    }

    /// Reads the state of the copy; that of another bucket, or a damaged one, counts as none.
    fn state(&self) -> State {
        let address = self.objects.address();
        let text = read_text(&self.folder.join(STATE), MAX_STATE).ok();
        let state: Option<State> = text.and_then(|text| serde_json::from_str(&text).ok());
        let state = state.filter(|state| state.address == address);
        state.unwrap_or_else(|| State {
            address,
            ..State::default()
        })
    }

    fn store(&self, state: &State) -> io::Result<()> {
        write_atomically(&self.folder.join(STATE), &serde_json::to_vec(state)?)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place for Bucket {
    fn address(&self) -> Option<String> {
        Some(self.objects.address())
    }

    fn update(&self) -> io::Result<()> {
        self.copy()?;
        self.seen().looked = Some(Instant::now());
        Ok(())
    }

    fn poll(&self) -> io::Result<()> {
        let looked = self.seen().looked;
        match looked.is_some_and(|looked| looked.elapsed() < POLL) {
            true => Ok(()),
            false => {
                // Errors are not repeated sooner either.
                self.seen().looked = Some(Instant::now());
                self.update()
            }
        }
    }

    fn begin(&self) -> io::Result<()> {
        let tags = self.copy()?;
        self.seen().begun = tags;
        Ok(())
    }

    fn write(&self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        match self.name(file) {
            None => Disk.write(file, bytes),
            Some(name) => self.write_object(&name, file, bytes),
        }
    }

    fn remove(&self, file: &Path) -> io::Result<()> {
        let Some(name) = self.name(file) else {
            return Disk.remove(file);
        };
        if name.contains('/') {
            return self.write_object(&name, file, &[]);
        }
        let empty = file::render(&Catalog::default());
        match fs::read(file)? == empty {
            true => Ok(()),
            false => self.write_object(&name, file, &empty),
        }
    }
}

impl Listed {
    /// Returns whether the object stands for a changelog that was removed.
    fn is_text_gone(&self) -> bool {
        self.is_empty && self.name.contains('/')
    }
}

/// Leaves out changelogs whose names are that of another where letter case does not count. The first that is not gone
/// stays, so that all machines have the same one.
fn leave_out_twins(listed: &mut BTreeMap<String, Listed>) {
    let changelogs = listed.values().filter(|object| object.name.contains('/'));
    let mut changelogs: Vec<&Listed> = changelogs.collect();
    changelogs.sort_by_key(|object| object.is_text_gone());
    let mut lower = BTreeSet::new();
    let is_twin = |object: &&Listed| !lower.insert(object.name.to_lowercase());
    let twins = changelogs.into_iter().filter(is_twin);
    let twins: Vec<String> = twins.map(|object| object.name.clone()).collect();
    for name in twins {
        listed.remove(&name);
    }
}

/// Returns whether an object belongs to the catalog: the file of a device, or a changelog.
fn is_ours(name: &str) -> bool {
    let is_usable = |name: &str| !name.starts_with('.') && filename_fault(name).is_none();
    match name.split_once('/') {
        None => is_usable(name) && Path::new(name).extension().is_some_and(|end| end == ENDING),
        Some((folder, name)) => folder == CHANGELOGS_DIR && is_usable(name),
    }
}

/// Writes a copy, and names it in errors, unlike objects of the bucket.
fn write_copy(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let named = |error: io::Error| {
        let reason = format!("cannot write the copy {}: {error}", file.display());
        io::Error::new(error.kind(), reason)
    };
    write_atomically(file, bytes).map_err(named)
}

fn remove_if_there(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::fetch::{Fault, Fetch, Request, Response};
    use crate::model::source;

    /// A store with no objects, or one that cannot be reached; counts its lists.
    #[derive(Default)]
    struct Empty {
        is_away: bool,
        num_lists: AtomicUsize,
    }

    impl Fetch for Empty {
        fn fetch(&self, request: &Request<'_>) -> Result<Response, Fault> {
            self.num_lists.fetch_add(1, Ordering::Relaxed);
            match self.is_away {
                true => Err(Fault::Name {
                    host: "s3.example.org".to_owned(),
                }),
                false => Ok(Response {
                    url: request.url.to_owned(),
                    status: 200,
                    body: b"<ListBucketResult/>".to_vec(),
                    ..Response::default()
                }),
            }
        }
    }

    #[test]
    fn bucket_is_asked_for_changes_now_and_then_also_if_it_does_not_answer() {
        for is_away in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            let store = Arc::new(Empty {
                is_away,
                ..Empty::default()
            });
            let bucket = source::Bucket {
                url: "https://s3.example.org/roms".to_owned(),
                region: "us-east-1".to_owned(),
                prefix: String::new(),
                keys: None,
            };
            let fetch: Arc<dyn Fetch> = Arc::<Empty>::clone(&store);
            let objects = Objects::new(bucket, fetch, || 0);
            let bucket = Bucket::new(objects, dir.path().to_owned());
            assert_eq!(bucket.poll().is_err(), is_away);
            bucket.poll().unwrap();
            assert_eq!(store.num_lists.load(Ordering::Relaxed), 1);
            assert_eq!(bucket.update().is_err(), is_away);
            assert_eq!(store.num_lists.load(Ordering::Relaxed), 2);
        }
    }
}
