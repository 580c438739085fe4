//! `romfeed hash`: digests of files, in lines that md5sum, sha1sum and sha256sum check.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use digest_lanes::Stamp;
use digest_lanes::{Algorithm, Error, Options, Source, Watch};
use romfeed::generate::Observer;
use romfeed::ingest::digests::FEEDS;

use super::args::HashArgs;
use super::config::default_jobs;
use super::escape::{harmless, shown};
use super::outcome::Outcome;
use super::progress::Progress;
use super::report::{Terminal, chain};

/// Prints a line for each file and algorithm, in the order of the files.
pub(crate) fn run(args: &HashArgs, terminal: Terminal) -> io::Result<Outcome> {
    let mut lines = Lines::new(args, terminal);
    let stamps: Vec<io::Result<Stamp>> = args.files.iter().map(|file| stamp(file)).collect();
    let mut sources = Vec::new();
    for (place, (path, stamp)) in args.files.iter().zip(stamps).enumerate() {
        match stamp {
            Err(error) => lines.fail(place, &Error::from(error)),
            Ok(stamp) => {
                lines.places.push(place);
                sources.push(Source { path, stamp });
            }
        }
    }
    let options = Options {
        threads: args.jobs.map_or_else(default_jobs, usize::from),
        bytes_per_second: args.io_limit.map(|rate| rate.0),
    };
    let num_bytes = sources.iter().map(|source| source.stamp.size).sum();
    lines.progress.hashing(sources.len(), num_bytes);
    digest_lanes::digest_files(&sources, &lines.algorithms, &options, &lines);
    lines.progress.hashing_done();
    let printed = lines.printed.into_inner();
    let printed = printed.unwrap_or_else(PoisonError::into_inner);
    printed
        .result
        .map(|()| Outcome::from_success(printed.num_failed == 0))
}

fn stamp(file: &Path) -> io::Result<Stamp> {
    if file == Path::new("-") {
        let message = "standard input is not supported; for a file of this name, write ./-";
        return Err(io::Error::other(message));
    }
    let metadata = std::fs::metadata(file)?;
    match metadata.is_file() {
        true => Ok(Stamp::of(&metadata)),
        false => Err(io::Error::other("not a regular file")),
    }
}

/// Prints the digests of each file once those of all files before it are printed.
struct Lines<'a> {
    files: &'a [PathBuf],
    algorithms: Vec<Algorithm>,
    /// The index of the file of each source.
    places: Vec<usize>,
    progress: Progress,
    terminal: Terminal,
    printed: Mutex<Printed>,
    /// Set once standard output is closed.
    is_over: AtomicBool,
}

struct Printed {
    /// The number of files that are printed or have failed.
    num_files: usize,
    /// The digests of files that wait for others; an empty list for a file that failed.
    waiting: BTreeMap<usize, Vec<String>>,
    num_failed: usize,
    result: io::Result<()>,
}

impl<'a> Lines<'a> {
    fn new(args: &'a HashArgs, terminal: Terminal) -> Lines<'a> {
        let chosen = [
            (args.md5, Algorithm::Md5),
            (args.sha1, Algorithm::Sha1),
            (args.sha256, Algorithm::Sha256),
        ];
        let chosen = chosen.into_iter().filter(|(is_chosen, _)| *is_chosen);
        let mut algorithms: Vec<Algorithm> = chosen.map(|(_, algorithm)| algorithm).collect();
        if algorithms.is_empty() {
            algorithms.extend(FEEDS);
        }
        Lines {
            files: &args.files,
            algorithms,
            places: Vec::new(),
            progress: Progress::new(terminal),
            terminal,
            printed: Mutex::new(Printed {
                num_files: 0,
                waiting: BTreeMap::new(),
                num_failed: 0,
                result: Ok(()),
            }),
            is_over: AtomicBool::new(false),
        }
    }

    fn fail(&self, place: usize, error: &Error) {
        let message = format!("{}: {}", shown(&self.files[place]), chain(error));
        self.progress.pause(|| self.terminal.error(&message, None));
        self.add(place, Vec::new());
        self.printed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .num_failed += 1;
    }

    fn add(&self, place: usize, digests: Vec<String>) {
        let mut printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        let printed = &mut *printed;
        printed.waiting.insert(place, digests);
        while let Some(digests) = printed.waiting.remove(&printed.num_files) {
            let file = &self.files[printed.num_files];
            printed.num_files += 1;
            if printed.result.is_ok() {
                let lines: Vec<u8> = digests.iter().flat_map(|d| line(d, file)).collect();
                let mut stdout = io::stdout();
                let print = || match stdout.is_terminal() {
                    true => stdout.write_all(harmless(&String::from_utf8_lossy(&lines)).as_bytes()),
                    false => stdout.write_all(&lines),
                };
                printed.result = self.progress.pause(print);
                self.is_over
                    .store(printed.result.is_err(), Ordering::Relaxed);
            }
        }
    }
}

impl Watch for Lines<'_> {
    fn on_read(&self, num_bytes: u64) {
        self.progress.hashed(num_bytes);
    }

    fn keep_going(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed)
    }

    fn on_done(&self, index: usize, result: &Result<Vec<String>, Error>) {
        let place = self.places[index];
        match result {
            Err(Error::Stopped) => {}
            Ok(digests) => self.add(place, digests.clone()),
            Err(error) => self.fail(place, error),
        }
    }
}

/// Formats a line as the GNU tools write and check it: if it begins with a backslash, backslashes and
/// line breaks in the name are escaped.
fn line(digest: &str, file: &Path) -> Vec<u8> {
    let name = file.as_os_str().as_encoded_bytes();
    let is_escaped = name
        .iter()
        .any(|byte| matches!(byte, b'\\' | b'\n' | b'\r'));
    let mut line = Vec::new();
    if is_escaped {
        line.push(b'\\');
    }
    line.extend_from_slice(digest.as_bytes());
    line.extend_from_slice(b"  ");
    for &byte in name {
        match byte {
            b'\\' => line.extend_from_slice(b"\\\\"),
            b'\n' => line.extend_from_slice(b"\\n"),
            b'\r' => line.extend_from_slice(b"\\r"),
            byte => line.push(byte),
        }
    }
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_break_lines_are_escaped_as_gnu_tools_do() {
        assert_eq!(line("ab", Path::new("a b.zip")), b"ab  a b.zip\n");
        assert_eq!(line("ab", Path::new("a\\b\nc")), b"\\ab  a\\\\b\\nc\n");
    }
}
