//! Scheduling: which thread reads and which hashes.
//!
//! A group of lanes shares a ring of a few batches. Readers fill the batches in turn, each
//! reader its own lanes. Each algorithm then consumes the batches in turn, and a batch is
//! free again when all algorithms are done with it. A thread always takes the task that is
//! farthest behind, so reading and hashing are shared evenly by any number of threads.
//! Memory is the size of the ring, whatever the sizes and numbers of files.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;

use super::reader::{Batch, Lane, Queue, RateLimiter, Reader};
use super::streams::{Streams, streams};
use super::{Algorithm, Options, Results, Source, Tuning};

/// Batches in a ring: one being filled, and one in work for each algorithm.
const NUM_BATCHES: usize = 3;
/// Threads and readers of a group. There are as many readers as threads, so that no thread
/// waits for another to read.
const GROUP_THREADS: usize = 2;
/// The most threads in all: disks become slow when more files are read at once.
const MAX_THREADS: usize = 16;

/// Reads all files and reports their digests to `results`.
pub(super) fn run(
    files: &[Source<'_>],
    algorithms: &[Algorithm],
    tuning: Tuning,
    options: &Options,
    results: &Results<'_>,
) {
    let queue = Queue::new(files);
    let limiter = RateLimiter::new(options.bytes_per_second);
    let num_threads = options.threads.clamp(1, MAX_THREADS);
    let num_groups = num_threads.div_ceil(GROUP_THREADS).min(files.len()).max(1);
    let num_lanes = num_lanes(files.len().div_ceil(num_groups), tuning.kernels.num_lanes());
    let parts = parts(num_lanes);
    let lane_len = tuning.batch_len / num_lanes;
    let groups: Vec<Group<'_>> = (0..num_groups)
        .map(|_| Group {
            readers: parts
                .iter()
                .map(|part| Mutex::new(Reader::new(&queue, &limiter, results, *part)))
                .collect(),
            algorithms: algorithms
                .iter()
                .map(|algorithm| Mutex::new(streams(*algorithm, tuning.kernels, num_lanes)))
                .collect(),
            ring: (0..NUM_BATCHES)
                .map(|_| {
                    let batch = |part: &usize| RwLock::new(Batch::new(*part, lane_len));
                    parts.iter().map(batch).collect()
                })
                .collect(),
            progress: Mutex::new(Progress::new(parts.len(), algorithms.len())),
            changed: Condvar::new(),
            results,
        })
        .collect();
    thread::scope(|scope| {
        // The calling thread works, too.
        for index in 1..num_threads.min(GROUP_THREADS * num_groups) {
            let group = &groups[index % num_groups];
            // If the system refuses a thread, the others do its share.
            let _ = thread::Builder::new().spawn_scoped(scope, || group.work());
        }
        groups.iter().for_each(Group::work);
    });
}

/// Returns how many files a group hashes at a time: at most `most`, and as evenly spread
/// over the rounds as possible.
fn num_lanes(num_files: usize, most: usize) -> usize {
    let num_rounds = num_files.div_ceil(most).max(1);
    num_files.div_ceil(num_rounds).max(1)
}

/// Returns how many lanes each reader fills.
fn parts(num_lanes: usize) -> Vec<usize> {
    let num_readers = GROUP_THREADS.min(num_lanes);
    let part = |index| (num_lanes + index) / num_readers;
    (0..num_readers).map(part).collect()
}

/// Lanes that share a ring of batches.
struct Group<'a> {
    readers: Vec<Mutex<Reader<'a>>>,
    algorithms: Vec<Mutex<Box<dyn Streams>>>,
    /// For each place in the ring, the batch of each reader.
    ring: Vec<Vec<RwLock<Batch>>>,
    progress: Mutex<Progress>,
    changed: Condvar,
    results: &'a Results<'a>,
}

/// The progress of a group, in batches since the beginning.
struct Progress {
    readers: Vec<Done>,
    algorithms: Vec<Done>,
    /// A thread has panicked, so the others must not wait for it.
    is_broken: bool,
}

/// The progress of one reader or algorithm.
#[derive(Clone, Copy, Default)]
struct Done {
    num_batches: usize,
    is_busy: bool,
    /// All its files are read.
    is_ended: bool,
}

/// The next task of a thread.
enum Task {
    /// Let this reader fill its next batch.
    Read(usize),
    /// Let this algorithm consume its next batch.
    Take(usize),
    Wait,
    End,
}

impl Progress {
    fn new(num_readers: usize, num_algorithms: usize) -> Progress {
        Progress {
            readers: vec![Done::default(); num_readers],
            algorithms: vec![Done::default(); num_algorithms],
            is_broken: false,
        }
    }

    /// Returns the number of batches that all readers have filled; readers without files do not
    /// count.
    fn num_read(&self) -> usize {
        let reading = self.readers.iter().filter(|reader| !reader.is_ended);
        let least = reading.map(|reader| reader.num_batches).min();
        let all = self.readers.iter().map(|reader| reader.num_batches);
        least.unwrap_or_else(|| all.max().unwrap_or(0))
    }

    /// Returns the number of batches that all algorithms have consumed.
    fn num_taken(&self) -> usize {
        let taken = self.algorithms.iter().map(|taken| taken.num_batches);
        taken.min().unwrap_or_else(|| self.num_read())
    }

    fn next(&self) -> Task {
        let (num_read, num_taken) = (self.num_read(), self.num_taken());
        let ready = |done: &Done| !done.is_busy && done.num_batches < num_read;
        let free = |done: &Done| {
            !done.is_busy && !done.is_ended && done.num_batches < num_taken + NUM_BATCHES
        };
        let behind = |all: &[Done], may: &dyn Fn(&Done) -> bool| {
            let all = all.iter().enumerate().filter(|(_, done)| may(done));
            all.min_by_key(|(_, done)| done.num_batches)
                .map(|(index, _)| index)
        };
        let is_all_read = self.readers.iter().all(|reader| reader.is_ended);
        if self.is_broken || (is_all_read && num_taken == num_read) {
            Task::End
        } else if let Some(algorithm) = behind(&self.algorithms, &ready) {
            Task::Take(algorithm)
        } else if let Some(reader) = behind(&self.readers, &free) {
            Task::Read(reader)
        } else {
            Task::Wait
        }
    }
}

impl Group<'_> {
    /// Works until all files are hashed.
    fn work(&self) {
        let _alarm = Alarm(self);
        let mut progress = self.lock();
        loop {
            match progress.next() {
                Task::Read(reader) => progress = self.read(progress, reader),
                Task::Take(algorithm) => progress = self.take(progress, algorithm),
                Task::Wait => {
                    let woken = self.changed.wait(progress);
                    progress = woken.unwrap_or_else(PoisonError::into_inner);
                }
                Task::End => break,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<'g>(
        &'g self,
        mut progress: MutexGuard<'g, Progress>,
        reader: usize,
    ) -> MutexGuard<'g, Progress> {
        let done = &mut progress.readers[reader];
        done.is_busy = true;
        let index = done.num_batches % self.ring.len();
        drop(progress);
        let is_more = {
            let mut batch = self.ring[index][reader].write().expect(UNBROKEN);
            let mut reader = self.readers[reader].lock().expect(UNBROKEN);
            reader.fill(&mut batch)
        };
        let mut progress = self.lock();
        let done = &mut progress.readers[reader];
        done.is_busy = false;
        match is_more {
            true => done.num_batches += 1,
            false => done.is_ended = true,
        }
        self.changed.notify_all();
        progress
    }

    fn take<'g>(
        &'g self,
        mut progress: MutexGuard<'g, Progress>,
        algorithm: usize,
    ) -> MutexGuard<'g, Progress> {
        let done = &mut progress.algorithms[algorithm];
        done.is_busy = true;
        let nth = done.num_batches;
        let readers = progress.readers.iter();
        let is_filled: Vec<bool> = readers.map(|reader| nth < reader.num_batches).collect();
        drop(progress);
        {
            let parts = self.ring[nth % self.ring.len()].iter();
            let parts: Vec<_> = parts.map(|part| part.read().expect(UNBROKEN)).collect();
            // A reader without files leaves old bytes in its batch.
            let lanes = parts.iter().zip(is_filled).flat_map(|(part, is_filled)| {
                let lane = move |lane| is_filled.then_some(lane);
                part.lanes.iter().map(lane)
            });
            let lanes: Vec<Option<&Lane>> = lanes.collect();
            let mut streams = self.algorithms[algorithm].lock().expect(UNBROKEN);
            let mut on_digest = |file, digest| self.results.add(file, algorithm, digest);
            streams.take(&lanes, &mut on_digest);
        }
        let mut progress = self.lock();
        let done = &mut progress.algorithms[algorithm];
        done.is_busy = false;
        done.num_batches += 1;
        self.changed.notify_all();
        progress
    }
}

/// Why these locks are never poisoned: only the thread with the task locks them, and after a
/// panic no other thread gets the task.
const UNBROKEN: &str = "no task is continued after a panic";

/// Wakes the other threads of a group when one panics, so that they do not wait for it.
struct Alarm<'g, 'a>(&'g Group<'a>);

impl Drop for Alarm<'_, '_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.lock().is_broken = true;
            self.0.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lane_has_one_reader() {
        assert_eq!(parts(1), [1]);
        assert_eq!(parts(2), [1, 1]);
        assert_eq!(parts(7), [3, 4]);
        assert_eq!(parts(16), [8, 8]);
    }

    #[test]
    fn files_are_spread_evenly_over_rounds() {
        assert_eq!(num_lanes(0, 8), 1);
        assert_eq!(num_lanes(1, 8), 1);
        assert_eq!(num_lanes(8, 8), 8);
        assert_eq!(num_lanes(9, 8), 5);
        assert_eq!(num_lanes(20, 16), 10);
        assert_eq!(num_lanes(5, 1), 1);
    }
}
