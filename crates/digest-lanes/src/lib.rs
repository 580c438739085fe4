//! MD5, SHA-1 and SHA-256 of many files at once, from one read of each.
//!
//! One stream of MD5 or SHA-256 cannot use vector instructions, because each step waits for the
//! one before. Several streams can: this crate hashes up to sixteen files side by side, one in
//! each lane of a vector (AVX2 or AVX-512), and shares reading and hashing among threads. On
//! processors without these instructions it falls back to the crates `md-5` and `sha2`,
//! which are also the reference that all kernels are tested against.
//!
//! In: paths and the [`Stamp`]s that the files had when they were listed. Out: the digests in
//! lower-case hex, or for each file the reason why it has none: a file that changes while it is
//! read never gets a digest. Memory is a few megabytes, whatever the sizes and numbers of files.
//!
//! [`checksum_file`] reads `.sha256sum` and `.md5sum` files. [`lanes`] has the kernels
//! themselves, behind a safe interface.
//!
//! ```
//! use digest_lanes::{Algorithm, Options, Source, Stamp, digest_files};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! let path = dir.path().join("abc.txt");
//! std::fs::write(&path, "abc")?;
//! let stamp = Stamp::of(&std::fs::metadata(&path)?);
//! let files = [Source { path: &path, stamp }];
//! let options = Options { threads: 2, bytes_per_second: None };
//! let results = digest_files(&files, &[Algorithm::Md5], &options, &());
//! assert_eq!(results[0].as_ref().unwrap()[0], "900150983cd24fb0d6963f7d28e17f72");
//! # Ok(())
//! # }
//! ```
//!
//! Left out on purpose: other algorithms, and hashing of data that is not in files.

pub mod checksum_file;
mod engine;
pub mod lanes;
mod reader;
mod stamp;
mod streams;

use std::io;
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

pub(crate) use base16ct::lower::encode_string as hex;
use lanes::Kernels;
pub use reader::RateLimiter;
pub use stamp::Stamp;

/// A hash algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// 32 hex digits; RFC 1321.
    Md5,
    /// 40 hex digits; FIPS 180-4.
    Sha1,
    /// 64 hex digits; FIPS 180-4.
    Sha256,
}

/// A file to hash.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The path of the file.
    pub path: &'a Path,
    /// Its state when it was listed.
    pub stamp: Stamp,
}

/// How much of the machine to use.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The most threads; fewer are used for few files.
    pub threads: usize,
    /// The most bytes read per second, if there is a limit.
    pub bytes_per_second: Option<NonZeroU64>,
}

/// Observes the progress of [`digest_files`].
pub trait Watch: Sync {
    /// Called when `num_bytes` more were read.
    fn on_read(&self, _num_bytes: u64) {}
    /// Returns whether to continue. After `false`, unfinished files end with
    /// [`Error::Stopped`].
    fn keep_going(&self) -> bool {
        true
    }
    /// Called when a file is done, with its index and its digests in the order of the
    /// algorithms.
    fn on_done(&self, _index: usize, _result: &Result<Vec<String>, Error>) {}
}

impl Watch for () {}

/// Why a file has no digest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is not the one that was listed.
    #[error("the file changed while it was read; is it still being written?")]
    Changed,
    /// The file ends before the size that the system reports.
    #[error("the file ends after {read} of {size} bytes")]
    Short {
        /// Bytes read.
        read: u64,
        /// The reported size in bytes.
        size: u64,
    },
    /// The file continues after the size that the system reports.
    #[error("the file continues after the {size} bytes that the system reports")]
    Long {
        /// The reported size in bytes.
        size: u64,
    },
    /// The system refused to read.
    #[error("cannot read the file")]
    Io(#[from] io::Error),
    /// [`Watch::keep_going`] returned `false`.
    #[error("stopped before its end")]
    Stopped,
}

/// Reads each file once and returns its digests, in the order of the algorithms.
///
/// # Errors
/// For each file: [`Error::Changed`] if its stamp differs before or after reading,
/// [`Error::Short`] or [`Error::Long`] if its size is not the reported one, [`Error::Io`] if it
/// cannot be read.
pub fn digest_files(
    files: &[Source<'_>],
    algorithms: &[Algorithm],
    options: &Options,
    watch: &dyn Watch,
) -> Vec<Result<Vec<String>, Error>> {
    digest_files_with(Tuning::default(), files, algorithms, options, watch)
}

/// Kernels and buffer sizes, for tests and benchmarks. The digests do not depend on them.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// The vector instructions to use.
    pub kernels: Kernels,
    /// Bytes of a batch, all lanes together.
    pub batch_len: usize,
}

impl Default for Tuning {
    /// Returns the best tuning for this processor.
    fn default() -> Tuning {
        Tuning {
            kernels: Kernels::detect(),
            batch_len: reader::BATCH_LEN,
        }
    }
}

/// As [`digest_files`], with a tuning of choice.
pub fn digest_files_with(
    tuning: Tuning,
    files: &[Source<'_>],
    algorithms: &[Algorithm],
    options: &Options,
    watch: &dyn Watch,
) -> Vec<Result<Vec<String>, Error>> {
    if algorithms.is_empty() {
        return files.iter().map(|_| Ok(Vec::new())).collect();
    }
    let results = Results::new(files.len(), algorithms.len(), watch);
    engine::run(files, algorithms, tuning, options, &results);
    results.into_results()
}

/// The results so far.
///
/// A file has a result when reading it failed, or when all its digests are there. The last
/// piece of a file is passed on only after the check that the file did not change.
struct Results<'a> {
    files: Mutex<Vec<FileResult>>,
    watch: &'a dyn Watch,
}

/// The result of one file.
#[derive(Default)]
struct FileResult {
    /// Those that are known, until all are.
    digests: Vec<Option<String>>,
    result: Option<Result<Vec<String>, Error>>,
}

impl<'a> Results<'a> {
    fn new(num_files: usize, num_algorithms: usize, watch: &'a dyn Watch) -> Results<'a> {
        let empty = || FileResult {
            digests: vec![None; num_algorithms],
            result: None,
        };
        let files = std::iter::repeat_with(empty).take(num_files).collect();
        Results {
            files: Mutex::new(files),
            watch,
        }
    }

    /// Adds a digest of a file.
    fn add(&self, file: usize, algorithm: usize, digest: String) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let so_far = &mut files[file];
        so_far.digests[algorithm] = Some(digest);
        if so_far.digests.iter().all(Option::is_some) {
            let digests = so_far.digests.drain(..).flatten().collect();
            let result = so_far.result.insert(Ok(digests));
            self.watch.on_done(file, result);
        }
    }

    /// Ends a file with an error.
    fn fail(&self, file: usize, error: Error) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let result = files[file].result.insert(Err(error));
        self.watch.on_done(file, result);
    }

    fn into_results(self) -> Vec<Result<Vec<String>, Error>> {
        let files = self.files.into_inner();
        let files = files.unwrap_or_else(PoisonError::into_inner).into_iter();
        files
            .map(|file| file.result.expect("every file is read to its end"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::PathBuf;

    use proptest::prelude::*;
    use sha1::Sha1;
    use sha2::{Digest, Sha256};

    use super::*;

    /// Small, so that short files have many pieces, too.
    const BATCH_LEN: usize = 4_096;
    const BOTH: [Algorithm; 2] = [Algorithm::Md5, Algorithm::Sha256];
    const TWO_THREADS: Options = Options {
        threads: 2,
        bytes_per_second: None,
    };

    fn stamp(path: &Path) -> Stamp {
        Stamp::of(&std::fs::metadata(path).unwrap())
    }

    /// Writes a file for each size.
    fn files(dir: &Path, sizes: &[usize]) -> Vec<PathBuf> {
        let write = |(index, size): (usize, &usize)| {
            let path = dir.join(index.to_string());
            let bytes: Vec<u8> = (0..*size).map(|at| (at * (index + 3) / 7) as u8).collect();
            std::fs::write(&path, bytes).unwrap();
            path
        };
        sizes.iter().enumerate().map(write).collect()
    }

    fn sources(paths: &[PathBuf]) -> Vec<Source<'_>> {
        paths
            .iter()
            .map(|path| Source {
                path,
                stamp: stamp(path),
            })
            .collect()
    }

    /// Digests all files with all kernels, and compares with the reference.
    fn compare(sizes: &[usize], threads: usize) {
        let dir = tempfile::tempdir().unwrap();
        let paths = files(dir.path(), sizes);
        let wanted = [Algorithm::Sha256, Algorithm::Md5, Algorithm::Sha1];
        let options = Options {
            threads,
            bytes_per_second: None,
        };
        for (name, kernels) in Kernels::detect().subsets() {
            let tuning = Tuning {
                kernels,
                batch_len: BATCH_LEN,
            };
            let sources = sources(&paths);
            let results = digest_files_with(tuning, &sources, &wanted, &options, &());
            assert_eq!(results.len(), paths.len());
            for (path, result) in paths.iter().zip(results) {
                let bytes = std::fs::read(path).unwrap();
                let expected = [
                    hex(&Sha256::digest(&bytes)),
                    hex(&md5::Md5::digest(&bytes)),
                    hex(&Sha1::digest(&bytes)),
                ];
                let size = bytes.len();
                assert_eq!(
                    result.unwrap(),
                    expected,
                    "{name}, {size} bytes, {threads} threads"
                );
            }
        }
    }

    #[test]
    fn files_that_end_anywhere_in_a_block_have_the_reference_digests() {
        let sizes: Vec<usize> = (0..200).collect();
        compare(&sizes, 2);
        compare(&[0], 1);
    }

    #[test]
    fn lane_continues_with_the_next_file_when_one_ends() {
        let lane = BATCH_LEN / 8;
        let mut sizes = vec![
            0,
            1,
            lane - 1,
            lane,
            lane + 1,
            2 * lane + 65,
            5 * lane,
            64,
            0,
        ];
        sizes.extend((0..40).map(|index| index * 97));
        for threads in [1, 2, 3, 8] {
            compare(&sizes, threads);
        }
    }

    #[test]
    fn no_files_give_no_results() {
        assert!(digest_files(&[], &BOTH, &TWO_THREADS, &()).is_empty());
    }

    #[test]
    fn faulty_file_does_not_affect_the_others() {
        let dir = tempfile::tempdir().unwrap();
        let lane = 64 << 10;
        let paths = files(dir.path(), &[3 * lane, 100, 4 * lane + 1, 2 * lane, 7]);
        let mut sources = sources(&paths);
        std::fs::remove_file(&paths[1]).unwrap();
        sources[2].stamp.size -= 5;
        let results = digest_files(&sources, &BOTH, &TWO_THREADS, &());
        assert!(matches!(results[1], Err(Error::Io(_))));
        assert!(matches!(results[2], Err(Error::Changed)));
        for index in [0, 3, 4] {
            let bytes = std::fs::read(&paths[index]).unwrap();
            let expected = [hex(&md5::Md5::digest(&bytes)), hex(&Sha256::digest(&bytes))];
            assert_eq!(results[index].as_ref().unwrap()[..], expected);
        }
    }

    /// Changes a file as soon as some of it was read.
    struct Meddler<F>(F);

    impl<F: Fn() + Sync> Watch for Meddler<F> {
        fn on_read(&self, _: u64) {
            (self.0)();
        }
    }

    fn meddled(meddle: impl Fn(&Path) + Sync) -> Error {
        let dir = tempfile::tempdir().unwrap();
        let paths = files(dir.path(), &[2 * reader::BATCH_LEN + 9]);
        let sources = sources(&paths);
        let watch = Meddler(|| meddle(&paths[0]));
        let mut results = digest_files(&sources, &BOTH, &TWO_THREADS, &watch);
        results.pop().unwrap().unwrap_err()
    }

    #[test]
    fn file_that_changes_while_it_is_read_is_refused() {
        let grow = |path: &Path| {
            let mut file = std::fs::File::options().append(true).open(path).unwrap();
            file.write_all(b"more").unwrap();
        };
        assert!(matches!(meddled(grow), Error::Changed));
        let replace = |path: &Path| {
            let other = path.with_extension("new");
            std::fs::write(&other, vec![7; 2 * reader::BATCH_LEN + 9]).unwrap();
            std::fs::rename(&other, path).unwrap();
        };
        assert!(matches!(meddled(replace), Error::Changed));
        let cut = |path: &Path| {
            let file = std::fs::File::options().write(true).open(path).unwrap();
            file.set_len(reader::BATCH_LEN as u64 + 1).unwrap();
        };
        assert!(matches!(meddled(cut), Error::Short { .. }));
    }

    /// Notes what is read at once, and wants no more than some bytes.
    struct Wants {
        num_bytes: u64,
        reads: Mutex<Vec<u64>>,
    }

    impl Watch for Wants {
        fn on_read(&self, num_bytes: u64) {
            self.reads.lock().unwrap().push(num_bytes);
        }
        fn keep_going(&self) -> bool {
            self.reads.lock().unwrap().iter().sum::<u64>() < self.num_bytes
        }
    }

    #[test]
    fn nothing_more_is_read_after_a_stop() {
        let dir = tempfile::tempdir().unwrap();
        let paths = files(dir.path(), &[4 * reader::BATCH_LEN; 3]);
        let watch = Wants {
            num_bytes: 1,
            reads: Mutex::default(),
        };
        let results = digest_files(&sources(&paths), &BOTH, &TWO_THREADS, &watch);
        let is_stopped = |result: &Result<_, _>| matches!(result, Err(Error::Stopped));
        assert!(results.iter().all(is_stopped));
        let num_read: u64 = watch.reads.lock().unwrap().iter().sum();
        assert!(num_read <= reader::BATCH_LEN as u64, "{num_read}");
    }

    #[test]
    fn rate_limit_allows_no_bursts() {
        let dir = tempfile::tempdir().unwrap();
        let paths = files(dir.path(), &[100_000, 100_000]);
        let watch = Wants {
            num_bytes: u64::MAX,
            reads: Mutex::default(),
        };
        let limited = |rate| Options {
            threads: 2,
            bytes_per_second: NonZeroU64::new(rate),
        };
        let begun = std::time::Instant::now();
        let results = digest_files(&sources(&paths), &BOTH, &limited(500_000), &watch);
        // The first piece does not wait.
        assert!(begun.elapsed().as_secs_f64() > 0.28);
        assert!(results.iter().all(Result::is_ok));
        let reads = watch.reads.into_inner().unwrap();
        assert!(reads.iter().all(|read| *read <= 50_000), "{reads:?}");
        assert_eq!(reads.iter().sum::<u64>(), 200_000);
    }

    #[test]
    fn no_algorithms_give_empty_results() {
        let dir = tempfile::tempdir().unwrap();
        let paths = files(dir.path(), &[1]);
        let results = digest_files(&sources(&paths), &[], &TWO_THREADS, &());
        assert!(results[0].as_ref().unwrap().is_empty());
    }

    #[test]
    fn every_byte_and_every_file_is_reported_once() {
        #[derive(Default)]
        struct Log(Mutex<(u64, Vec<usize>)>);
        impl Watch for Log {
            fn on_read(&self, num_bytes: u64) {
                self.0.lock().unwrap().0 += num_bytes;
            }
            fn on_done(&self, index: usize, result: &Result<Vec<String>, Error>) {
                assert_eq!(result.as_ref().unwrap().len(), BOTH.len());
                self.0.lock().unwrap().1.push(index);
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let sizes: Vec<usize> = (0..30).map(|index| index * 7_001).collect();
        let paths = files(dir.path(), &sizes);
        let log = Log::default();
        digest_files(&sources(&paths), &BOTH, &TWO_THREADS, &log);
        let (num_bytes, mut done) = log.0.into_inner().unwrap();
        assert_eq!(num_bytes, sizes.iter().sum::<usize>() as u64);
        done.sort_unstable();
        assert_eq!(done, Vec::from_iter(0..30));
    }

    #[test]
    fn rate_limit_is_respected() {
        let dir = tempfile::tempdir().unwrap();
        let paths = files(dir.path(), &[20_000, 20_000]);
        let options = Options {
            threads: 2,
            bytes_per_second: NonZeroU64::new(100_000),
        };
        let tuning = Tuning {
            batch_len: BATCH_LEN,
            ..Tuning::default()
        };
        let begin = std::time::Instant::now();
        digest_files_with(tuning, &sources(&paths), &BOTH, &options, &());
        // The last piece is read when those before have taken their time.
        let shortest = (40_000 - BATCH_LEN as u64) * 1000 / 100_000;
        assert!(begin.elapsed().as_millis() as u64 >= shortest);
    }

    #[test]
    #[should_panic = "panicked"]
    fn panic_of_one_thread_ends_the_others() {
        let dir = tempfile::tempdir().unwrap();
        let paths = files(dir.path(), &[300_000; 5]);
        // The panic of another thread would be reported without its message.
        let watch = Meddler(|| panic!("the watcher has panicked"));
        digest_files(&sources(&paths), &BOTH, &TWO_THREADS, &watch);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_files_have_the_reference_digests(
            sizes in prop::collection::vec(0_usize..4_000, 0..24),
            threads in 1_usize..6,
        ) {
            compare(&sizes, threads);
        }
    }
}
