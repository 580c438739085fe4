//! Reading: fills one buffer per lane from a queue of files.
//!
//! In: the queue. Out: [`Batch`]es, in which each lane holds the next bytes of its file. When a
//! file ends, the next one from the queue continues in the same lane, so no lane is empty while
//! files wait. Each file is read once, from begin to end. A file that changed meanwhile gets an
//! error instead of a digest.

use std::fs::File;
use std::io::{self, Read};
use std::num::NonZeroU64;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::Stamp;
use super::{Error, Results, Source};

/// Bytes of a batch, all lanes together: large enough that passing it on costs little, and
/// small enough to stay in the cache of a core.
pub(super) const BATCH_LEN: usize = 1 << 20;
/// Pieces begin at multiples of this, so that only the last piece of a file has a partial
/// block.
const ALIGNMENT: usize = 64;
/// The most files that end in one lane of one batch; more small files take more batches.
const MAX_PIECES: usize = 64;
/// The fewest bytes read at once, however low the rate limit: a page of memory.
const MIN_STEP: usize = 4096;
/// Bytes of each file that the system is asked to read ahead: long runs, because a disk has
/// to move between several files.
#[cfg(target_os = "linux")]
const AHEAD_LEN: u64 = 4 << 20;

/// The files still to be read, the longest first.
pub(super) struct Queue<'a> {
    files: &'a [Source<'a>],
    order: Vec<usize>,
    next: AtomicUsize,
}

impl<'a> Queue<'a> {
    pub(super) fn new(files: &'a [Source<'a>]) -> Queue<'a> {
        let mut order: Vec<usize> = (0..files.len()).collect();
        // A long file that began last would be hashed alone at the end.
        order.sort_by_key(|&index| std::cmp::Reverse(files[index].stamp.size));
        Queue {
            files,
            order,
            next: AtomicUsize::new(0),
        }
    }

    fn next(&self) -> Option<(usize, &'a Source<'a>)> {
        let index = *self.order.get(self.next.fetch_add(1, Ordering::Relaxed))?;
        Some((index, &self.files[index]))
    }
}

/// The next bytes of several lanes.
pub(super) struct Batch {
    pub(super) lanes: Vec<Lane>,
}

/// The bytes of one lane: parts of one file after the other.
pub(super) struct Lane {
    buffer: Vec<u8>,
    pub(super) pieces: Vec<Piece>,
}

/// A part of one file.
pub(super) struct Piece {
    /// The index of the file.
    pub(super) file: usize,
    /// The bytes in the lane: whole blocks, unless this is the last piece of the file.
    range: Range<usize>,
    /// The size of the whole file, if this is its last piece.
    pub(super) end: Option<u64>,
}

impl Batch {
    /// Creates `num_lanes` lanes of `lane_len` bytes, rounded up to whole blocks.
    pub(super) fn new(num_lanes: usize, lane_len: usize) -> Batch {
        let lane = || Lane {
            buffer: vec![0; lane_len.next_multiple_of(ALIGNMENT).max(ALIGNMENT)],
            pieces: Vec::new(),
        };
        Batch {
            lanes: std::iter::repeat_with(lane).take(num_lanes).collect(),
        }
    }
}

impl Lane {
    pub(super) fn bytes(&self, piece: &Piece) -> &[u8] {
        &self.buffer[piece.range.clone()]
    }
}

/// Limits the bytes per second of several readers together.
#[derive(Debug)]
pub struct RateLimiter {
    bytes_per_second: Option<NonZeroU64>,
    /// When the next bytes may be read.
    free: Mutex<Instant>,
}

impl RateLimiter {
    /// Creates a limiter; without a limit it never waits.
    #[must_use]
    pub fn new(bytes_per_second: Option<NonZeroU64>) -> RateLimiter {
        RateLimiter {
            bytes_per_second,
            free: Mutex::new(Instant::now()),
        }
    }

    /// Returns the most bytes to read at once: a tenth of a second's worth, to avoid bursts.
    fn step(&self) -> usize {
        self.bytes_per_second.map_or(usize::MAX, |rate| {
            let step = usize::try_from(rate.get() / 10).unwrap_or(usize::MAX);
            step.max(MIN_STEP)
        })
    }

    /// Waits until `num_bytes` more are within the limit.
    pub fn wait(&self, num_bytes: u64) {
        let Some(rate) = self.bytes_per_second else {
            return;
        };
        let now = Instant::now();
        let begin = {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            let begin = now.max(*free);
            *free = begin + Duration::from_secs_f64(num_bytes as f64 / rate.get() as f64);
            begin
        };
        thread::sleep(begin.saturating_duration_since(now));
    }
}

/// A file that is being read.
struct Open<'a> {
    index: usize,
    source: &'a Source<'a>,
    file: File,
    offset: u64,
}

/// Reads the files of one group of lanes.
pub(super) struct Reader<'a> {
    queue: &'a Queue<'a>,
    limiter: &'a RateLimiter,
    results: &'a Results<'a>,
    lanes: Vec<Option<Open<'a>>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        queue: &'a Queue<'a>,
        limiter: &'a RateLimiter,
        results: &'a Results<'a>,
        num_lanes: usize,
    ) -> Reader<'a> {
        Reader {
            queue,
            limiter,
            results,
            lanes: std::iter::repeat_with(|| None).take(num_lanes).collect(),
        }
    }

    /// Fills a batch with the next bytes; returns false when all files are read.
    pub(super) fn fill(&mut self, batch: &mut Batch) -> bool {
        let mut is_any = false;
        for (open, lane) in self.lanes.iter_mut().zip(&mut batch.lanes) {
            lane.pieces.clear();
            let mut at = 0;
            while at < lane.buffer.len() && lane.pieces.len() < MAX_PIECES {
                if open.is_none() {
                    *open = next(self.queue, self.limiter, self.results);
                }
                let Some(file) = open else { break };
                match file.read(&mut lane.buffer[at..], self.limiter, self.results) {
                    Err(error) => {
                        self.results.fail(file.index, error);
                        *open = None;
                    }
                    Ok((len, end)) => {
                        let range = at..at + len;
                        at = range.end.next_multiple_of(ALIGNMENT);
                        lane.pieces.push(Piece {
                            file: file.index,
                            range,
                            end,
                        });
                        if end.is_some() {
                            *open = None;
                        }
                    }
                }
            }
            is_any |= !lane.pieces.is_empty();
        }
        is_any
    }
}

/// Opens the next file of the queue, skipping those that cannot be opened.
fn next<'a>(queue: &Queue<'a>, limiter: &RateLimiter, results: &Results<'_>) -> Option<Open<'a>> {
    loop {
        let (index, source) = queue.next()?;
        match Open::new(index, source, limiter) {
            Ok(open) => return Some(open),
            Err(error) => results.fail(index, error),
        }
    }
}

impl<'a> Open<'a> {
    fn new(index: usize, source: &'a Source<'a>, limiter: &RateLimiter) -> Result<Open<'a>, Error> {
        let open = Open {
            index,
            source,
            file: File::open(source.path)?,
            offset: 0,
        };
        open.require_unchanged()?;
        if limiter.bytes_per_second.is_none() {
            open.announce();
        }
        Ok(open)
    }

    /// Advises the system that the file will be read from begin to end.
    #[cfg(target_os = "linux")]
    fn announce(&self) {
        // Only advice: errors do not matter.
        let _ = rustix::fs::fadvise(&self.file, 0, None, rustix::fs::Advice::Sequential);
    }

    #[cfg(not(target_os = "linux"))]
    fn announce(&self) {}

    fn require_unchanged(&self) -> Result<(), Error> {
        // The path is checked too: another file may have been renamed over this one.
        let is_same = Stamp::of(&self.file.metadata()?) == self.source.stamp
            && Stamp::of(&std::fs::metadata(self.source.path)?) == self.source.stamp;
        match is_same {
            true => Ok(()),
            false => Err(Error::Changed),
        }
    }

    /// Fills the buffer from the file. Returns the number of bytes, and at the end of the file
    /// its size.
    fn read(
        &mut self,
        buffer: &mut [u8],
        limiter: &RateLimiter,
        results: &Results<'_>,
    ) -> Result<(usize, Option<u64>), Error> {
        let size = self.source.stamp.size;
        let left = size - self.offset;
        let len = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        // Reading ahead would ignore the rate limit.
        if limiter.bytes_per_second.is_none() {
            self.ask_ahead();
        }
        let mut filled = 0;
        while filled < len {
            if !results.watch.keep_going() {
                return Err(Error::Stopped);
            }
            let step = limiter.step().min(len - filled);
            limiter.wait(step as u64);
            match self.file.read(&mut buffer[filled..filled + step]) {
                Ok(0) => {
                    let read = self.offset + filled as u64;
                    return Err(Error::Short { read, size });
                }
                Ok(num_bytes) => {
                    results.watch.on_read(num_bytes as u64);
                    filled += num_bytes;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.offset += len as u64;
        let is_end = self.offset == size;
        if is_end {
            self.require_unchanged()?;
            self.require_end()?;
        }
        Ok((len, is_end.then_some(size)))
    }

    /// Checks that the file ends here: some file systems report no sizes, or old ones.
    fn require_end(&mut self) -> Result<(), Error> {
        loop {
            match self.file.read(&mut [0]) {
                Ok(0) => return Ok(()),
                Ok(_) => return Err(Error::Long { size: self.offset }),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Asks the system to read the next run ahead, when the last one is about to end.
    #[cfg(target_os = "linux")]
    fn ask_ahead(&self) {
        if self.offset.is_multiple_of(AHEAD_LEN) {
            let len = NonZeroU64::new(2 * AHEAD_LEN);
            let advice = rustix::fs::Advice::WillNeed;
            // Only advice: errors do not matter.
            let _ = rustix::fs::fadvise(&self.file, self.offset, len, advice);
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn ask_ahead(&self) {}
}
