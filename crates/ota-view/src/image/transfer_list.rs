//! The `*.transfer.list` of block-based packages, and the image that it makes of `*.new.dat`.
//!
//! In: the text, and a source over the data. Out: whether the old partition is needed; if not,
//! the new partition as a [`ReadAt`].
//! Source: AOSP `bootable/recovery/updater/blockimg.cpp` and
//! `otautil/rangeset.cpp`, list versions 1 to 4 (Android 5 to 16).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::mapped::{Mapped, Run};
use crate::error_kind::ErrorKind;
use crate::io::ReadAt;

/// Longest list read, in bytes; real ones have 0.3 to 300 KiB.
pub const MAX_SIZE: u64 = 16 << 20;
/// The entry with the sizes of the logical partitions on the phone.
pub(crate) const OP_LIST: &str = "dynamic_partitions_op_list";
/// Bytes in a block, on every phone.
const BLOCK_SIZE: u64 = 4096;
/// Largest block number; recoveries read a C `int`.
const MAX_BLOCK: u64 = 0x7fff_ffff;
/// Most ranges of one list; real ones have up to a few thousand.
const MAX_RANGES: usize = 1 << 20;

/// Why a transfer list cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A version that recoveries do not know.
    #[error("transfer list version `{}`, expected 1 to 4", .found.escape_debug())]
    BadVersion {
        /// Its first line.
        found: String,
    },
    /// A malformed line.
    #[error("transfer list line {line}: {fault}")]
    BadLine {
        /// Line number, from 1.
        line: usize,
        /// What is wrong.
        fault: &'static str,
    },
    /// A command that reads the old partition, or is unknown.
    #[error("transfer list line {line}: command `{}` cannot be carried out here", .command.escape_debug())]
    Command {
        /// Line number, from 1.
        line: usize,
        /// The command.
        command: String,
    },
    /// Too many ranges.
    #[error("transfer list: more than {MAX_RANGES} ranges")]
    TooManyRanges,
    /// The data is shorter than the commands need. Longer data is accepted: some tools pad it.
    #[error("transfer list: writes {expected} bytes of new data, but there are {found}")]
    BadLength {
        /// Bytes that the commands need.
        expected: u64,
        /// Bytes of data.
        found: u64,
    },
}

impl Error {
    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::BadLine { .. } | Error::BadLength { .. } => ErrorKind::Corrupt,
            Error::BadVersion { .. } | Error::Command { .. } => ErrorKind::Unsupported,
            Error::TooManyRanges => ErrorKind::Limit,
        }
    }
}

/// Whether any command reads the old partition.
///
/// Unknown commands are reported by [`TransferList::parse`]. Never fails.
#[must_use]
pub fn needs_source(list: &[u8]) -> bool {
    let text = String::from_utf8_lossy(list);
    text.lines()
        .filter_map(|line| line.split_ascii_whitespace().next())
        .any(|command| matches!(command, "move" | "bsdiff" | "imgdiff" | "stash"))
}

/// Returns the bytes of new data that the commands need, for full packages and deltas.
///
/// # Errors
/// Kind `Corrupt` if a line is malformed, `Unsupported` for another version.
pub fn new_data_len(list: &[u8]) -> Result<u64, Error> {
    let text = String::from_utf8_lossy(list);
    let mut data_len = 0u64;
    for (index, line) in parse_header(&text)? {
        let mut words = line.split_ascii_whitespace();
        if words.next() == Some("new") {
            let bad = |fault| Error::BadLine {
                line: index.saturating_add(1),
                fault,
            };
            for (first, end) in parse_ranges(words.next()).map_err(bad)? {
                let num_blocks = end.saturating_sub(first);
                data_len = data_len.saturating_add(num_blocks.saturating_mul(BLOCK_SIZE));
            }
        }
    }
    Ok(data_len)
}

/// Checks the lines of numbers at the beginning of a list, and returns its commands, each with its
/// line number from 0.
fn parse_header(text: &str) -> Result<impl Iterator<Item = (usize, &str)>, Error> {
    let mut lines = text.lines().map(str::trim_end).enumerate();
    let version = lines.next().map(|(_, line)| line).unwrap_or_default();
    let num_header_lines = match version {
        "1" => 1,
        "2" | "3" | "4" => 3,
        found => {
            return Err(Error::BadVersion {
                found: found.chars().take(20).collect(),
            });
        }
    };
    for _ in 0..num_header_lines {
        let (index, line) = lines.next().unwrap_or((1, ""));
        if line.parse::<u64>().is_err() {
            return Err(Error::BadLine {
                line: index.saturating_add(1),
                fault: "expected a number",
            });
        }
    }
    Ok(lines)
}

/// A parsed transfer list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferList {
    /// Runs of new data and of zeros, sorted, without overlap.
    runs: Vec<Run>,
    /// Bytes of new data that the commands need.
    pub data_len: u64,
    /// End of the last byte that is written.
    pub image_len: u64,
}

impl TransferList {
    /// Parses a list.
    ///
    /// If commands write a block twice, the later one counts. Safe on untrusted input: the largest
    /// list needs some hundred MiB of memory, real ones a few KiB.
    ///
    /// # Errors
    /// Kind `Corrupt`, `Limit`, or `Unsupported` if the old partition is needed.
    pub fn parse(list: &[u8]) -> Result<TransferList, Error> {
        let text = String::from_utf8_lossy(list);
        let lines = parse_header(&text)?;
        let mut runs = Runs::default();
        let mut data_len = 0u64;
        for (index, line) in lines {
            let line_number = index.saturating_add(1);
            let bad = |fault| Error::BadLine {
                line: line_number,
                fault,
            };
            let mut words = line.split_ascii_whitespace();
            let Some(command) = words.next() else {
                continue;
            };
            match command {
                "new" | "zero" | "erase" => {
                    for (first, end) in parse_ranges(words.next()).map_err(bad)? {
                        let start = first.saturating_mul(BLOCK_SIZE);
                        let end = end.saturating_mul(BLOCK_SIZE);
                        let offset = (command == "new").then_some(data_len);
                        if offset.is_some() {
                            data_len = data_len.saturating_add(end.saturating_sub(start));
                        }
                        runs.write(Run { start, end, offset })?;
                    }
                }
                // Neither writes data.
                "free" | "compute_hash_tree" => {}
                command => {
                    return Err(Error::Command {
                        line: line_number,
                        command: command.chars().take(20).collect(),
                    });
                }
            }
        }
        let runs: Vec<Run> = runs.by_start.into_values().collect();
        Ok(TransferList {
            image_len: runs.last().map_or(0, |run| run.end),
            runs,
            data_len,
        })
    }

    /// Opens the partition, of at least `size` bytes; bytes that are not written are zero.
    ///
    /// # Errors
    /// [`Error::BadLength`] if the data is known to be too short.
    pub fn image(self, data: Arc<dyn ReadAt>, size: u64) -> Result<Box<dyn ReadAt>, Error> {
        let found = data.size();
        if found < self.data_len {
            return Err(Error::BadLength {
                expected: self.data_len,
                found,
            });
        }
        let size = size.max(self.image_len);
        Ok(Box::new(Mapped::new(data, self.runs, size)))
    }
}

/// Runs by their start, without overlap.
#[derive(Default)]
struct Runs {
    by_start: BTreeMap<u64, Run>,
}

impl Runs {
    /// Adds a run, overwriting earlier runs.
    fn write(&mut self, run: Run) -> Result<(), Error> {
        let before = self.by_start.range(..run.start).next_back();
        if let Some((_, &before)) = before.filter(|(_, before)| before.end > run.start) {
            let head = Run {
                end: run.start,
                ..before
            };
            self.by_start.insert(head.start, head);
            self.keep_tail(before, run.end);
        }
        while let Some((&start, &covered)) = self.by_start.range(run.start..run.end).next() {
            self.by_start.remove(&start);
            self.keep_tail(covered, run.end);
        }
        if self.by_start.len() >= MAX_RANGES {
            return Err(Error::TooManyRanges);
        }
        self.by_start.insert(run.start, run);
        Ok(())
    }

    /// Keeps the part of `run` from `start` on.
    fn keep_tail(&mut self, run: Run, start: u64) {
        if run.end > start {
            let skipped = start.saturating_sub(run.start);
            let tail = Run {
                start,
                end: run.end,
                offset: run.offset.map(|offset| offset.saturating_add(skipped)),
            };
            self.by_start.insert(start, tail);
        }
    }
}

/// Parses `N,a0,b0,a1,b1,…`: the number of numbers that follow, then half-open ranges.
fn parse_ranges(
    text: Option<&str>,
) -> Result<impl Iterator<Item = (u64, u64)> + use<>, &'static str> {
    let mut numbers = text.unwrap_or_default().split(',').map(str::parse::<u64>);
    let Some(Ok(count)) = numbers.next() else {
        return Err("expected ranges of blocks");
    };
    let numbers: Vec<u64> = numbers
        .collect::<Result<_, _>>()
        .map_err(|_| "a block number is malformed")?;
    if u64::try_from(numbers.len()) != Ok(count) || numbers.is_empty() {
        return Err("the count is not that of the block numbers after it");
    }
    let (pairs, rest) = numbers.as_chunks::<2>();
    if !rest.is_empty() {
        return Err("a range lacks its end");
    }
    if pairs
        .iter()
        .any(|[start, end]| start >= end || *end > MAX_BLOCK)
    {
        return Err("a range ends before it begins, or beyond every partition");
    }
    let pairs: Vec<(u64, u64)> = pairs.iter().map(|&[start, end]| (start, end)).collect();
    Ok(pairs.into_iter())
}

/// Parses the sizes of partitions in `dynamic_partitions_op_list`, in bytes.
///
/// Reads lines `resize NAME BYTES` and ignores all others. Never fails.
#[must_use]
pub fn parse_op_list(text: &[u8]) -> BTreeMap<String, u64> {
    let text = String::from_utf8_lossy(text);
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            let is_resize = words.next() == Some("resize");
            let (name, size) = (words.next()?, words.next()?.parse().ok()?);
            is_resize.then(|| (name.to_owned(), size))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn list_with_a_command_that_reads_the_old_partition_is_a_delta() {
        let full = "4\n12\n0\n0\nerase 2,0,100\nnew 4,0,10,12,14\nzero 2,14,100\n";
        assert!(!needs_source(full.as_bytes()));
        for command in [
            "move 2,0,1 1 2,5,6",
            "bsdiff 0 9 a b",
            "imgdiff 0 9 a b",
            "stash x 2,0,1",
        ] {
            assert!(
                needs_source(format!("{full}{command}\r\n").as_bytes()),
                "{command}"
            );
        }
    }

    fn image(list: &str, data: &[u8]) -> Vec<u8> {
        let list = TransferList::parse(list.as_bytes()).unwrap();
        let image = list.image(Arc::new(data.to_vec()), 0).unwrap();
        let mut bytes = vec![0xaa; usize::try_from(image.size()).unwrap()];
        image.read_exact_at(0, &mut bytes).unwrap();
        bytes
    }

    /// Blocks whose every byte is the block's number.
    fn blocks(numbers: &[u8]) -> Vec<u8> {
        numbers.iter().flat_map(|&n| [n; 4096]).collect()
    }

    #[test]
    fn data_is_taken_in_the_order_of_commands_and_ranges() {
        let list = "1\n4\nnew 4,3,4,0,1\nzero 2,1,2\nnew 2,4,6\n";
        assert_eq!(
            image(list, &blocks(&[1, 2, 3, 4])),
            blocks(&[2, 0, 0, 1, 3, 4])
        );
        let list = "4\r\n4\r\n0\r\n0\r\nerase 2,0,6\r\nnew 2,0,2\r\n\r\n";
        assert_eq!(image(list, &blocks(&[1, 2])), blocks(&[1, 2, 0, 0, 0, 0]));
    }

    #[test]
    fn later_command_overwrites_an_earlier_one() {
        let list = "3\n9\n0\n0\nnew 2,0,5\nzero 2,1,3\nnew 2,2,4\n";
        assert_eq!(
            image(list, &blocks(&[1, 2, 3, 4, 5, 6, 7])),
            blocks(&[1, 0, 6, 7, 5])
        );
    }

    #[test]
    fn malformed_lists_are_refused_with_their_line() {
        for (list, line) in [
            ("4\nx\n0\n0\n", 2),
            ("4\n1\n0\n", 2),
            ("2\n1\n0\n0\nnew 3,0,1\n", 5),
            ("2\n1\n0\n0\nnew 3,0,1,2\n", 5),
            ("2\n1\n0\n0\nnew 2,5,5\n", 5),
            ("2\n1\n0\n0\nnew 2,5,4\n", 5),
            ("2\n1\n0\n0\nnew 2,0,2147483648\n", 5),
            ("2\n1\n0\n0\nnew 2,0,99999999999999999999\n", 5),
            ("2\n1\n0\n0\nnew\n", 5),
        ] {
            let error = TransferList::parse(list.as_bytes()).unwrap_err();
            assert!(
                matches!(error, Error::BadLine { line: found, .. } if found == line),
                "{list}: {error}"
            );
        }
        for list in [
            "",
            "5\n0\n0\n0\n",
            "0\n",
            "4\n1\n0\n0\nmove a\n",
            "4\n1\n0\n0\nabort\n",
        ] {
            let error = TransferList::parse(list.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{list}");
        }
        let list = TransferList::parse(b"1\n1\nnew 2,0,2\n").unwrap();
        let error = list.image(Arc::new(vec![0; 4096]), 0).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn sizes_are_read_from_the_op_list() {
        let sizes =
            parse_op_list(b"# x\nremove_all_groups\nresize system 1391595520\r\nresize odm x\n");
        assert_eq!(sizes.get("system"), Some(&1_391_595_520));
        assert_eq!(sizes.len(), 1);
    }

    proptest! {
        #[test]
        fn any_order_of_writes_gives_what_a_block_device_would_hold(
            commands in proptest::collection::vec((any::<bool>(), 0u64..20, 1u64..6), 1..12)
        ) {
            let mut list = "2\n1\n0\n0\n".to_owned();
            let mut data = Vec::new();
            let mut device = vec![0u8; 26];
            for (index, (is_new, start, len)) in commands.into_iter().enumerate() {
                let end = start + len;
                let name = if is_new { "new" } else { "zero" };
                list.push_str(&format!("{name} 2,{start},{end}\n"));
                for block in start..end {
                    let value = if is_new { index as u8 + 1 } else { 0 };
                    device[block as usize] = value;
                    if is_new {
                        data.push(value);
                    }
                }
            }
            let image = image(&list, &blocks(&data));
            let expected = blocks(&device);
            prop_assert_eq!(&image[..], &expected[..image.len()]);
            prop_assert!(expected[image.len()..].iter().all(|&byte| byte == 0));
        }

        #[test]
        fn parse_never_panics(text in "[0-9a-z, \n]{0,200}") {
            let _ = TransferList::parse(text.as_bytes());
            let _ = TransferList::parse(format!("4\n0\n0\n0\n{text}").as_bytes());
        }
    }
}
