//! Size and digests of whole files, from one read of each.
//!
//! In: paths and the stamps they had when they were examined. Out: their digests, in
//! lower-case hex. Several files are taken side by side: [`lanes`] has kernels that advance
//! up to sixteen of them at once, `reader` fills their lanes, `streams` keeps the states and
//! `engine` shares the work among threads. Memory is a few megabytes, whatever the sizes
//! and numbers of files. [`sidecar`] reads the digests that are published beside files.

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
pub use stamp::Stamp;

/// What files are digested with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// 32 hex digits; RFC 1321.
    Md5,
    /// 40 hex digits; FIPS 180-4.
    Sha1,
    /// 64 hex digits; FIPS 180-4.
    Sha256,
}

/// A file to be digested.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Where it is.
    pub path: &'a Path,
    /// Its state when it was examined.
    pub stamp: Stamp,
}

/// What digesting may take of the machine.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Threads, of which no more are used than files make sense of.
    pub threads: usize,
    /// Most bytes to be read in a second, if there is a limit.
    pub bytes_per_second: Option<NonZeroU64>,
}

/// Whoever wants to know how far it is.
pub trait Watch: Sync {
    /// So many more bytes were read.
    fn read(&self, _num_bytes: u64) {}
    /// Whether the rest is wanted still; files that are not done by then are
    /// [stopped](Error::Stopped).
    fn goes_on(&self) -> bool {
        true
    }
    /// A file is done: which, and its digests in the order of the algorithms.
    fn done(&self, _index: usize, _result: &Result<Vec<String>, Error>) {}
}

impl Watch for () {}

/// Why a file has no digest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is not the one that was examined.
    #[error("the file changed while it was read; is it still being written?")]
    Changed,
    /// The file ended before its own length.
    #[error("the file ends after {read} of {size} bytes")]
    Short {
        /// Bytes that could be read.
        read: u64,
        /// Bytes it should have.
        size: u64,
    },
    /// The file goes on after its own length.
    #[error("the file goes on after the {size} bytes that the system tells of")]
    Long {
        /// Bytes it should have.
        size: u64,
    },
    /// The system refused to read.
    #[error("cannot read the file")]
    Io(#[from] io::Error),
    /// Whoever watches does not want the rest.
    #[error("stopped before its end")]
    Stopped,
}

/// Reads each file once and returns its digests: of each file, in the order of the
/// algorithms.
///
/// # Errors
/// [`Error::Changed`] for a file whose stamp is not the expected one before or after the
/// read, [`Error::Short`] for one that ends early, [`Error::Long`] for one that does not end.
pub fn digest_files(
    files: &[Source<'_>],
    algorithms: &[Algorithm],
    options: &Options,
    watch: &dyn Watch,
) -> Vec<Result<Vec<String>, Error>> {
    digest_files_by(Tuning::default(), files, algorithms, options, watch)
}

/// By what means files are digested. The digests are the same by any.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// What of the processor is made use of.
    pub kernels: Kernels,
    /// Bytes that are read at a time, of all files that are side by side.
    pub batch_len: usize,
}

impl Default for Tuning {
    /// The best that this processor has.
    fn default() -> Tuning {
        Tuning {
            kernels: Kernels::detect(),
            batch_len: reader::BATCH_LEN,
        }
    }
}

/// [`digest_files`] by means of choice: for comparing them.
pub fn digest_files_by(
    tuning: Tuning,
    files: &[Source<'_>],
    algorithms: &[Algorithm],
    options: &Options,
    watch: &dyn Watch,
) -> Vec<Result<Vec<String>, Error>> {
    if algorithms.is_empty() {
        return files.iter().map(|_| Ok(Vec::new())).collect();
    }
    let verdicts = Verdicts::new(files.len(), algorithms.len(), watch);
    engine::run(files, algorithms, tuning, options, &verdicts);
    verdicts.into_results()
}

/// What is known of the files so far.
///
/// A file has a result when its reader has failed, or when all its digests are there: its
/// last piece is given out only if the file was the same to its end.
struct Verdicts<'a> {
    files: Mutex<Vec<Verdict>>,
    watch: &'a dyn Watch,
}

#[derive(Default)]
struct Verdict {
    digests: Vec<Option<String>>,
    result: Option<Result<Vec<String>, Error>>,
}

impl<'a> Verdicts<'a> {
    fn new(num_files: usize, num_algorithms: usize, watch: &'a dyn Watch) -> Verdicts<'a> {
        let verdict = || Verdict {
            digests: vec![None; num_algorithms],
            result: None,
        };
        let files = std::iter::repeat_with(verdict).take(num_files).collect();
        Verdicts {
            files: Mutex::new(files),
            watch,
        }
    }

    /// A file has one digest more.
    fn tell(&self, file: usize, algorithm: usize, digest: String) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let verdict = &mut files[file];
        verdict.digests[algorithm] = Some(digest);
        if verdict.digests.iter().all(Option::is_some) {
            let digests = verdict.digests.drain(..).flatten().collect();
            let result = verdict.result.insert(Ok(digests));
            self.watch.done(file, result);
        }
    }

    /// A file has no digests.
    fn fail(&self, file: usize, error: Error) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let result = files[file].result.insert(Err(error));
        self.watch.done(file, result);
    }

    fn into_results(self) -> Vec<Result<Vec<String>, Error>> {
        let files = self.files.into_inner();
        let files = files.unwrap_or_else(PoisonError::into_inner).into_iter();
        files
            .map(|verdict| verdict.result.expect("every file is read to its end"))
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

    /// Little, so that short files have many pieces too.
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
            let results = digest_files_by(tuning, &sources, &wanted, &options, &());
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
    fn lanes_go_on_with_the_next_file_when_one_ends() {
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
    fn no_files_have_no_digests() {
        assert!(digest_files(&[], &BOTH, &TWO_THREADS, &()).is_empty());
    }

    #[test]
    fn a_faulty_file_leaves_the_others_alone() {
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

    /// Does something to a file as soon as some of it was read.
    struct Meddler<F>(F);

    impl<F: Fn() + Sync> Watch for Meddler<F> {
        fn read(&self, _: u64) {
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
    fn a_file_that_changes_while_it_is_read_is_refused() {
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
        fn read(&self, num_bytes: u64) {
            self.reads.lock().unwrap().push(num_bytes);
        }
        fn goes_on(&self) -> bool {
            self.reads.lock().unwrap().iter().sum::<u64>() < self.num_bytes
        }
    }

    #[test]
    fn nothing_more_is_read_when_nobody_wants_it() {
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
    fn a_limit_on_reading_holds_for_a_tenth_of_a_second_too() {
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
    fn no_algorithms_have_no_digests() {
        let dir = tempfile::tempdir().unwrap();
        let paths = files(dir.path(), &[1]);
        let results = digest_files(&sources(&paths), &[], &TWO_THREADS, &());
        assert!(results[0].as_ref().unwrap().is_empty());
    }

    #[test]
    fn whoever_watches_is_told_every_byte_and_every_file_once() {
        #[derive(Default)]
        struct Log(Mutex<(u64, Vec<usize>)>);
        impl Watch for Log {
            fn read(&self, num_bytes: u64) {
                self.0.lock().unwrap().0 += num_bytes;
            }
            fn done(&self, index: usize, result: &Result<Vec<String>, Error>) {
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
    fn a_limit_of_bytes_a_second_is_kept() {
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
        digest_files_by(tuning, &sources(&paths), &BOTH, &options, &());
        // The last piece is read when those before have taken their time.
        let shortest = (40_000 - BATCH_LEN as u64) * 1000 / 100_000;
        assert!(begin.elapsed().as_millis() as u64 >= shortest);
    }

    #[test]
    #[should_panic = "panicked"]
    fn a_panic_of_one_thread_is_not_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let paths = files(dir.path(), &[300_000; 5]);
        // Of another thread it would be told that it has panicked, and no more.
        let watch = Meddler(|| panic!("whoever watches has panicked"));
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
