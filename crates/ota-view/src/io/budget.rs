//! The budget of a package: what reading it may cost, and has cost so far.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::scratch::Scratch;
use super::{Exceeded, ReadAt, ReadError};

/// Most decoded bytes per byte of the package. Real packages decode to about ten times their size,
/// counting each of three layers of compression.
const MAX_RATIO: u64 = 64;
/// Bytes that a package may decode to however small it is.
const MIN_DECODED: u64 = 256 << 20;
/// Most bytes of temporary files of all packages of a run; the largest `super` images have about
/// 10 GB.
const MAX_SCRATCH: u64 = 12 << 30;

/// Most time for all packages of a run, added up: 144 packages that use up their own limit, or
/// 17,000 of five seconds. It stops a folder of slow packages from keeping a processor busy for
/// longer than a day.
const MAX_RUN_TIME: Duration = Duration::from_secs(24 * 60 * 60);

/// The limits of one package, and what all packages of a run share.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Decoded bytes of all its streams together.
    pub decoded: u64,
    /// Time since it was opened.
    pub time: Duration,
    /// Time of all packages of a run together.
    pub run_time: Duration,
    /// How much of it the run has used; `None` outside of runs.
    pub run: Option<Arc<RunTime>>,
    /// Where decoded streams are stored that do not fit in memory.
    pub scratch: Arc<Scratch>,
    /// The clock.
    pub now: fn() -> Instant,
    /// Uncompressed data of a payload is used without checking its hash, so that only the needed bytes are
    /// read and not the whole operation. For packages on other hosts, where every byte takes time.
    pub skips_hashes: bool,
}

impl Limits {
    /// Creates limits that no real package exceeds: the largest system images decode to about 6 GB,
    /// at 50 MB/s if they are one `xz` stream. Temporary files go to `folder`.
    #[must_use]
    pub fn new(folder: PathBuf, now: fn() -> Instant) -> Limits {
        Limits::in_folders([folder], now)
    }

    /// As [`Limits::new`], with temporary files in the first folder that accepts one.
    #[must_use]
    pub fn in_folders(folders: impl IntoIterator<Item = PathBuf>, now: fn() -> Instant) -> Limits {
        Limits {
            decoded: 32 << 30,
            time: Duration::from_secs(600),
            run_time: MAX_RUN_TIME,
            run: None,
            scratch: Arc::new(Scratch::new(folders, MAX_SCRATCH)),
            now,
            skips_hashes: false,
        }
    }

    /// Returns the same limits for a new run of many packages.
    #[must_use]
    pub fn for_run(&self) -> Limits {
        Limits {
            run: Some(Arc::default()),
            ..self.clone()
        }
    }

    /// Returns the limits of a package of `size` bytes.
    #[must_use]
    pub fn for_package(&self, size: u64) -> Limits {
        let decoded = size.saturating_mul(MAX_RATIO).max(MIN_DECODED);
        Limits {
            decoded: decoded.min(self.decoded),
            ..self.clone()
        }
    }
}

/// Temporary files go to the system's folder for them.
impl Default for Limits {
    fn default() -> Limits {
        Limits::new(std::env::temp_dir(), Instant::now)
    }
}

/// Nanoseconds that a run has spent on packages that are closed.
#[derive(Debug, Default)]
pub struct RunTime(AtomicU64);

impl RunTime {
    fn get(&self) -> Duration {
        Duration::from_nanos(self.0.load(Relaxed))
    }

    fn add(&self, time: Duration) {
        let time = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_add(time, Relaxed);
    }
}

/// The budget of one package, shared by all layers that read it.
#[derive(Debug)]
pub struct Budget {
    limits: Limits,
    began: Instant,
    cancelled: AtomicBool,
    bytes_read: AtomicU64,
    decoded: AtomicU64,
    operations: AtomicU64,
    /// Bytes of temporary files reserved for the package.
    pub(super) reserved: AtomicU64,
    /// Bytes of memory that the package's streams use.
    pub(super) memory: AtomicU64,
}

/// What reading a package has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Bytes read from the file.
    pub bytes_read: u64,
    /// Bytes decoded.
    pub bytes_decoded: u64,
    /// Payload operations that were decoded at least in part.
    pub operations: u64,
}

impl Budget {
    /// Starts counting; the time limit begins now.
    #[must_use]
    pub fn new(limits: Limits) -> Budget {
        Budget {
            began: (limits.now)(),
            limits,
            cancelled: AtomicBool::new(false),
            bytes_read: AtomicU64::new(0),
            decoded: AtomicU64::new(0),
            operations: AtomicU64::new(0),
            reserved: AtomicU64::new(0),
            memory: AtomicU64::new(0),
        }
    }

    /// Returns the limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns what has been used.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters {
            bytes_read: self.bytes_read.load(Relaxed),
            bytes_decoded: self.decoded.load(Relaxed),
            operations: self.operations.load(Relaxed),
        }
    }

    /// Cancels the package: all later reads fail.
    pub fn cancel(&self) {
        self.cancelled.store(true, Relaxed);
    }

    /// Checks that the package may be read further.
    ///
    /// # Errors
    /// [`Exceeded`] if its time or that of the run is over, or it was cancelled.
    pub fn check(&self) -> Result<(), Exceeded> {
        if self.cancelled.load(Relaxed) {
            return Err(Exceeded::Cancelled);
        }
        let elapsed = self.elapsed();
        let limit = self.limits.time;
        if elapsed > limit {
            return Err(Exceeded::Time { limit });
        }
        let limit = self.limits.run_time;
        let of_run = self.limits.run.as_ref();
        match of_run.is_some_and(|run| run.get().saturating_add(elapsed) > limit) {
            true => Err(Exceeded::RunTime { limit }),
            false => Ok(()),
        }
    }

    fn elapsed(&self) -> Duration {
        (self.limits.now)().saturating_duration_since(self.began)
    }

    /// Counts decoded bytes.
    ///
    /// # Errors
    /// [`Exceeded`] if there are too many, or as [`Budget::check`].
    pub fn charge_decoded(&self, num_bytes: u64) -> Result<(), Exceeded> {
        let before = self.decoded.fetch_add(num_bytes, Relaxed);
        let limit = self.limits.decoded;
        if before.saturating_add(num_bytes) > limit {
            return Err(Exceeded::Decoded { limit });
        }
        self.check()
    }

    /// Counts a payload operation that has to be decoded.
    pub fn count_operation(&self) {
        self.operations.fetch_add(1, Relaxed);
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        if let Some(run) = &self.limits.run {
            run.add(self.elapsed());
        }
    }
}

/// A source whose reads are counted, and refused when the budget is used up.
pub struct Counted<S> {
    source: S,
    budget: Arc<Budget>,
}

impl<S: ReadAt> Counted<S> {
    /// Counts the reads of `source`.
    pub fn new(source: S, budget: Arc<Budget>) -> Counted<S> {
        Counted { source, budget }
    }
}

impl<S: ReadAt> ReadAt for Counted<S> {
    fn size(&self) -> u64 {
        self.source.size()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        self.budget.check()?;
        self.budget.bytes_read.fetch_add(buf.len() as u64, Relaxed);
        self.source.read_exact_at(offset, buf)
    }
}

/// A source whose reads are refused when the budget is used up, even if they touch no file.
pub struct Checked {
    source: Arc<dyn ReadAt>,
    budget: Arc<Budget>,
}

impl Checked {
    /// Checks the reads of `source`.
    #[must_use]
    pub fn new(source: Arc<dyn ReadAt>, budget: Arc<Budget>) -> Checked {
        Checked { source, budget }
    }
}

impl ReadAt for Checked {
    fn size(&self) -> u64 {
        self.source.size()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        self.budget.check()?;
        self.source.read_exact_at(offset, buf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_kind::ErrorKind;

    fn limits() -> Limits {
        Limits {
            decoded: 100,
            ..Limits::new(PathBuf::new(), Instant::now)
        }
    }

    #[test]
    fn decoded_bytes_are_counted_and_limited() {
        let budget = Budget::new(limits());
        budget.charge_decoded(60).unwrap();
        budget.charge_decoded(40).unwrap();
        assert_eq!(
            budget.charge_decoded(1),
            Err(Exceeded::Decoded { limit: 100 })
        );
        assert_eq!(budget.counters().bytes_decoded, 101);
        assert!(budget.charge_decoded(u64::MAX).is_err());
    }

    #[test]
    fn small_package_may_decode_to_a_floor_and_a_large_one_in_proportion() {
        let limits = Limits::new(PathBuf::new(), Instant::now);
        let decoded = |size| limits.for_package(size).decoded;
        assert_eq!(decoded(1500), 256 << 20);
        assert_eq!(decoded(100 << 20), 6400 << 20);
        assert_eq!(decoded(u64::MAX), 32 << 30);
    }

    #[test]
    fn source_is_not_read_after_its_time_limit() {
        let budget = Arc::new(Budget::new(Limits {
            time: Duration::ZERO,
            ..limits()
        }));
        std::thread::sleep(Duration::from_millis(2));
        let source = Counted::new(vec![1u8; 10], Arc::clone(&budget));
        let error = source.read_exact_at(0, &mut [0; 4]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert_eq!(budget.counters().bytes_read, 0);
    }

    #[test]
    fn slow_packages_together_stop_at_the_time_limit_of_the_run() {
        thread_local! {
            static SECONDS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
            static BEGIN: Instant = Instant::now();
        }
        // Each look at the clock takes a second.
        fn now() -> Instant {
            SECONDS.set(SECONDS.get() + 1);
            BEGIN.with(|begin| *begin + Duration::from_secs(SECONDS.get()))
        }
        let limits = Limits {
            time: Duration::from_secs(10),
            run_time: Duration::from_secs(35),
            now,
            ..limits()
        };
        let read_all = |limits: &Limits| {
            let mut num_reads = 0;
            let mut last = Ok(());
            for _ in 0..20 {
                let budget = Arc::new(Budget::new(limits.clone()));
                let source = Counted::new(vec![1u8; 10], Arc::clone(&budget));
                last = loop {
                    match source.read_exact_at(0, &mut [0; 4]) {
                        Ok(()) => num_reads += 1,
                        Err(error) => break Err(error),
                    }
                };
            }
            (num_reads, last.unwrap_err().to_string())
        };
        let (num_reads, error) = read_all(&limits.for_run());
        assert!((30..=35).contains(&num_reads), "{num_reads}");
        assert!(error.contains("packages of this run"), "{error}");
        // Another run has time of its own, and single packages only their own.
        assert!(read_all(&limits.for_run()).0 >= 30);
        assert_eq!(read_all(&limits).0, 20 * 10);
    }

    #[test]
    fn cancelled_package_is_not_read_further() {
        let budget = Arc::new(Budget::new(limits()));
        let source = Counted::new(vec![1u8; 10], Arc::clone(&budget));
        source.read_exact_at(0, &mut [0; 4]).unwrap();
        budget.cancel();
        assert!(source.read_exact_at(0, &mut [0; 4]).is_err());
        assert_eq!(budget.counters().bytes_read, 4);
    }
}
