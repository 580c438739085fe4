//! Who does what when: reading, and each algorithm's work on what was read.
//!
//! A group of lanes has a few batches of buffers in a ring. Reading fills one after the
//! other, each algorithm takes one after the other, and a batch is free again when all
//! have taken it. Any thread does whatever can be done and is farthest behind; so the
//! threads share reading and algorithms among them as evenly as these allow, be there one
//! thread or several. Memory is the ring, whatever the sizes and numbers of files.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;

use super::reader::{Batch, Pace, Queue, Reader};
use super::streams::{Streams, streams};
use super::{Algorithm, Means, Options, Source, Verdicts};

/// Batches of a ring: one being read, one in work for each algorithm.
const NUM_BATCHES: usize = 3;
/// Threads that work on a group; there are no more things to do at a time than two
/// algorithms.
const GROUP_THREADS: usize = 2;
/// Most threads in all. More files at a time would be more than disks bear.
const MAX_THREADS: usize = 16;

/// Reads all files and tells their digests to `verdicts`.
pub(super) fn run(
    files: &[Source<'_>],
    algorithms: &[Algorithm],
    means: Means,
    options: &Options,
    verdicts: &Verdicts<'_>,
) {
    let queue = Queue::new(files);
    let pace = Pace::new(options.bytes_per_second);
    let num_threads = options.threads.clamp(1, MAX_THREADS);
    let num_groups = num_threads.div_ceil(GROUP_THREADS).min(files.len()).max(1);
    let num_lanes = num_lanes(files.len().div_ceil(num_groups), means.kernels.num_lanes());
    let groups: Vec<Group<'_>> = (0..num_groups)
        .map(|_| Group {
            reader: Mutex::new(Reader::new(&queue, &pace, verdicts, num_lanes)),
            algorithms: algorithms
                .iter()
                .map(|algorithm| Mutex::new(streams(*algorithm, means.kernels, num_lanes)))
                .collect(),
            ring: std::iter::repeat_with(|| RwLock::new(Batch::new(num_lanes, means.lane_len)))
                .take(NUM_BATCHES)
                .collect(),
            progress: Mutex::new(Progress::new(algorithms.len())),
            changed: Condvar::new(),
            verdicts,
        })
        .collect();
    thread::scope(|scope| {
        // The thread that asks is one of them.
        for index in 1..num_threads.min(GROUP_THREADS * num_groups) {
            let group = &groups[index % num_groups];
            scope.spawn(|| group.work());
        }
        groups[0].work();
    });
}

/// How many files a group takes at a time: as many as there are lanes, or rather so many
/// that each round has as many as the last one.
fn num_lanes(num_files: usize, most: usize) -> usize {
    let num_rounds = num_files.div_ceil(most).max(1);
    num_files.div_ceil(num_rounds).max(1)
}

/// Lanes with a ring of batches.
struct Group<'a> {
    reader: Mutex<Reader<'a>>,
    algorithms: Vec<Mutex<Box<dyn Streams>>>,
    ring: Vec<RwLock<Batch>>,
    progress: Mutex<Progress>,
    changed: Condvar,
    verdicts: &'a Verdicts<'a>,
}

/// How far a group is, in batches since the beginning.
struct Progress {
    num_read: usize,
    is_reading: bool,
    is_all_read: bool,
    algorithms: Vec<Taken>,
    /// A thread has panicked; the others have nothing more to wait for.
    is_broken: bool,
}

#[derive(Clone, Copy, Default)]
struct Taken {
    num_batches: usize,
    is_busy: bool,
}

/// What a thread may do now.
enum Task {
    Read,
    /// The work of one algorithm on its next batch.
    Take(usize),
    Wait,
    End,
}

impl Progress {
    fn new(num_algorithms: usize) -> Progress {
        Progress {
            num_read: 0,
            is_reading: false,
            is_all_read: false,
            algorithms: vec![Taken::default(); num_algorithms],
            is_broken: false,
        }
    }

    fn next(&self) -> Task {
        let is_ready = |taken: &Taken| !taken.is_busy && taken.num_batches < self.num_read;
        let ready = self.algorithms.iter().enumerate();
        let behind = ready
            .filter(|(_, taken)| is_ready(taken))
            .min_by_key(|(_, taken)| taken.num_batches);
        let last = self.algorithms.iter().map(|taken| taken.num_batches).min();
        let last = last.unwrap_or(self.num_read);
        match behind {
            _ if self.is_broken => Task::End,
            Some((algorithm, _)) => Task::Take(algorithm),
            None if self.is_all_read && last == self.num_read => Task::End,
            None if self.is_all_read || self.is_reading => Task::Wait,
            None if self.num_read - last >= NUM_BATCHES => Task::Wait,
            None => Task::Read,
        }
    }
}

impl Group<'_> {
    /// Does what there is to do until all is done.
    fn work(&self) {
        let _alarm = Alarm(self);
        let mut progress = self.lock();
        loop {
            match progress.next() {
                Task::Read => progress = self.read(progress),
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

    fn read<'g>(&'g self, mut progress: MutexGuard<'g, Progress>) -> MutexGuard<'g, Progress> {
        progress.is_reading = true;
        let index = progress.num_read % self.ring.len();
        drop(progress);
        let is_more = {
            let mut batch = self.ring[index].write().expect(UNBROKEN);
            self.reader.lock().expect(UNBROKEN).fill(&mut batch)
        };
        let mut progress = self.lock();
        progress.is_reading = false;
        match is_more {
            true => progress.num_read += 1,
            false => progress.is_all_read = true,
        }
        self.changed.notify_all();
        progress
    }

    fn take<'g>(
        &'g self,
        mut progress: MutexGuard<'g, Progress>,
        algorithm: usize,
    ) -> MutexGuard<'g, Progress> {
        let taken = &mut progress.algorithms[algorithm];
        taken.is_busy = true;
        let index = taken.num_batches % self.ring.len();
        drop(progress);
        {
            let batch = self.ring[index].read().expect(UNBROKEN);
            let mut streams = self.algorithms[algorithm].lock().expect(UNBROKEN);
            let mut tell = |file, digest| self.verdicts.tell(file, algorithm, digest);
            streams.take(&batch, &mut tell);
        }
        let mut progress = self.lock();
        let taken = &mut progress.algorithms[algorithm];
        taken.is_busy = false;
        taken.num_batches += 1;
        self.changed.notify_all();
        progress
    }
}

/// Why a lock is not poisoned: only the thread that has the task takes it, and if that
/// panics, no other gets the task.
const UNBROKEN: &str = "nothing is taken up again after a panic";

/// Tells the other threads of a group when one panics, so that none waits for it.
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
    fn files_are_spread_evenly_over_rounds() {
        assert_eq!(num_lanes(0, 8), 1);
        assert_eq!(num_lanes(1, 8), 1);
        assert_eq!(num_lanes(8, 8), 8);
        assert_eq!(num_lanes(9, 8), 5);
        assert_eq!(num_lanes(20, 16), 10);
        assert_eq!(num_lanes(5, 1), 1);
    }
}
