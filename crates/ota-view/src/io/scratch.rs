//! Temporary files and memory, limited for all packages of a run together.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Exceeded, ReadError};

/// Most bytes of memory for the decoders of a run and for what they decode, together: enough for
/// five partitions in zstd with its largest window, or twenty in brotli.
const MAX_MEMORY: u64 = 768 << 20;
/// Memory is counted in steps of this many bytes.
const MEMORY_STEP: u64 = 1 << 20;
/// Bytes to leave free in the temporary folder.
const MIN_FREE: u64 = 256 << 20;

/// Space for decoded bytes that do not fit in memory.
#[derive(Debug)]
pub struct Scratch {
    folders: Vec<PathBuf>,
    /// Most bytes of all files together.
    max: u64,
    /// Most bytes of memory of all streams together.
    max_memory: u64,
    state: Mutex<ScratchState>,
}

#[derive(Debug, Default)]
struct ScratchState {
    /// Bytes reserved for files.
    reserved: u64,
    /// Bytes written to files.
    written: u64,
    /// Bytes of memory in use.
    memory: u64,
}

/// A nameless file in a [`Scratch`], and the space reserved for it.
#[derive(Debug)]
pub(super) struct ScratchFile {
    pub(super) file: File,
    pub(super) folder: PathBuf,
    scratch: Arc<Scratch>,
    reserved: u64,
    written: u64,
}

impl Scratch {
    /// Creates files in the first of `folders` that accepts one, of at most `max` bytes together.
    #[must_use]
    pub fn new(folders: impl IntoIterator<Item = PathBuf>, max: u64) -> Scratch {
        Scratch {
            folders: folders.into_iter().collect(),
            max,
            max_memory: MAX_MEMORY,
            state: Mutex::default(),
        }
    }

    /// Replaces the memory limit.
    #[must_use]
    pub fn with_memory(self, max_memory: u64) -> Scratch {
        Scratch { max_memory, ..self }
    }

    /// Sets the memory reserved for a stream to at least `in_use` bytes; `of_package` is the total of
    /// the package's streams.
    ///
    /// # Errors
    /// [`Exceeded::Memory`], or [`Exceeded::Contended`] if other packages use memory too.
    pub(super) fn hold(
        &self,
        held: &mut u64,
        in_use: u64,
        of_package: &AtomicU64,
    ) -> Result<(), Exceeded> {
        let wanted = in_use.next_multiple_of(MEMORY_STEP);
        if wanted == *held {
            return Ok(());
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let others = state.memory.saturating_sub(of_package.load(Relaxed));
        let total = state.memory.saturating_sub(*held).saturating_add(wanted);
        let limit = self.max_memory;
        if wanted > *held && total > limit {
            return Err(match others > 0 {
                true => Exceeded::Contended,
                false => Exceeded::Memory { limit },
            });
        }
        state.memory = total;
        of_package.fetch_sub(*held, Relaxed);
        of_package.fetch_add(wanted, Relaxed);
        *held = wanted;
        Ok(())
    }

    /// Creates an empty file.
    pub(super) fn open(self: &Arc<Scratch>) -> Result<ScratchFile, ReadError> {
        let mut failed = (PathBuf::new(), io::Error::from(io::ErrorKind::NotFound));
        for folder in &self.folders {
            match tempfile::tempfile_in(folder) {
                Ok(file) => {
                    return Ok(ScratchFile {
                        file,
                        folder: folder.clone(),
                        scratch: Arc::clone(self),
                        reserved: 0,
                        written: 0,
                    });
                }
                Err(error) => failed = (folder.clone(), error),
            }
        }
        let (folder, error) = failed;
        Err(ReadError::Store {
            folder,
            source: Arc::new(error),
        })
    }
}

impl ScratchFile {
    /// Returns the bytes reserved for the file.
    pub(super) fn reserved(&self) -> u64 {
        self.reserved
    }

    /// Reserves more bytes; `of_package` is the total of the package's files.
    ///
    /// # Errors
    /// [`Exceeded::Scratch`] or [`Exceeded::Space`], or [`Exceeded::Contended`] if other packages have
    /// files too.
    pub(super) fn reserve(
        &mut self,
        num_bytes: u64,
        of_package: &AtomicU64,
    ) -> Result<(), Exceeded> {
        let scratch = &self.scratch;
        let mut state = scratch.state.lock().unwrap_or_else(PoisonError::into_inner);
        let own = of_package.load(Relaxed);
        let is_shared = state.reserved > own;
        let limit = scratch.max;
        if state.reserved.saturating_add(num_bytes) > limit {
            return Err(match is_shared {
                true => Exceeded::Contended,
                false => Exceeded::Scratch { limit },
            });
        }
        let pending = state.reserved.saturating_sub(state.written);
        let needed = pending.saturating_add(num_bytes).saturating_add(MIN_FREE);
        if let Some(free) = free_space(&self.folder).filter(|free| *free < needed) {
            return Err(match is_shared {
                true => Exceeded::Contended,
                false => Exceeded::Space {
                    folder: self.folder.clone(),
                    free,
                    needed,
                },
            });
        }
        state.reserved = state.reserved.saturating_add(num_bytes);
        of_package.fetch_add(num_bytes, Relaxed);
        self.reserved = self.reserved.saturating_add(num_bytes);
        Ok(())
    }

    /// Records that reserved bytes have been written.
    pub(super) fn note_written(&mut self, num_bytes: u64) {
        let state = self.scratch.state.lock();
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.written = state.written.saturating_add(num_bytes);
        self.written = self.written.saturating_add(num_bytes);
    }

    /// Returns the reserved space to the run and the package.
    pub(super) fn release(&mut self, of_package: &AtomicU64) {
        let state = self.scratch.state.lock();
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.reserved = state.reserved.saturating_sub(self.reserved);
        state.written = state.written.saturating_sub(self.written);
        of_package.fetch_sub(self.reserved, Relaxed);
        (self.reserved, self.written) = (0, 0);
    }
}

/// Returns the free bytes of a folder; `None` if the system does not report them, and then a
/// full disk shows when writing.
#[cfg(unix)]
fn free_space(folder: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(not(unix))]
fn free_space(_folder: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(max: u64) -> Arc<Scratch> {
        Arc::new(Scratch::new([std::env::temp_dir()], max))
    }

    #[test]
    fn space_is_shared_by_all_packages_and_returned() {
        let scratch = scratch(100);
        let (one, two) = (AtomicU64::new(0), AtomicU64::new(0));
        let mut first = scratch.open().unwrap();
        let mut second = scratch.open().unwrap();
        first.reserve(60, &one).unwrap();
        second.reserve(40, &two).unwrap();
        assert_eq!(second.reserve(1, &two), Err(Exceeded::Contended));
        first.release(&one);
        second.reserve(60, &two).unwrap();
        assert_eq!(
            second.reserve(1, &two),
            Err(Exceeded::Scratch { limit: 100 })
        );
        assert_eq!((second.reserved(), two.load(Relaxed)), (100, 100));
        second.release(&two);
        assert_eq!(two.load(Relaxed), 0);
        first.reserve(100, &one).unwrap();
        first.release(&one);
    }

    #[test]
    fn disk_is_not_filled_completely() {
        let scratch = scratch(u64::MAX);
        let mut file = scratch.open().unwrap();
        let Some(free) = free_space(&std::env::temp_dir()) else {
            return;
        };
        let error = file.reserve(free, &AtomicU64::new(0)).unwrap_err();
        assert!(matches!(error, Exceeded::Space { .. }), "{error}");
    }

    #[test]
    fn first_writable_folder_is_used() {
        let folders = ["/nowhere/at/all".into(), std::env::temp_dir()];
        let file = Arc::new(Scratch::new(folders, 1)).open().unwrap();
        assert_eq!(file.folder, std::env::temp_dir());
    }
}
