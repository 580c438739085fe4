//! `X.transfer.list` and `X.new.dat`, the two halves of a block-based image.
//!
//! Goes in: an image, or commands by hand. Comes out: the list as text and the data it
//! refers to. Format: AOSP `bootable/recovery/updater/blockimg.cpp`, list versions 1 to 4.
//! Hash trees and patches are left out; [`TransferList::command`] writes any line.

use crate::BLOCK_SIZE;

/// Most blocks that one `new` command of a real full package writes.
const BLOCKS_PER_COMMAND: u64 = 1024;

/// Blocks at the start of a hole that are written as zeros; the rest of it is erased.
/// Real lists use 512. Four lets a small image show both.
const ZEROED_BLOCKS: u64 = 4;

/// A half-open range of blocks, `(first, end)`.
pub type Range = (u64, u64);

/// A transfer list under construction.
#[derive(Clone, Debug)]
pub struct TransferList {
    version: u32,
    total: u64,
    stash: (u64, u64),
    commands: Vec<String>,
}

impl TransferList {
    /// Starts an empty list of this version; 1 has no stash lines.
    pub fn new(version: u32) -> Self {
        Self {
            version,
            total: 0,
            stash: (0, 0),
            commands: Vec::new(),
        }
    }

    /// Describes an image as a version 4 list, and gives the data beside it.
    ///
    /// # Panics
    /// When the image is not a whole number of 4096-byte blocks.
    pub fn from_image(image: &[u8]) -> (String, Vec<u8>) {
        Self::from_image_version(image, 4)
    }

    /// Describes an image as a list of the given version, and gives the data beside it.
    ///
    /// # Panics
    /// When the image is not a whole number of 4096-byte blocks.
    pub fn from_image_version(image: &[u8], version: u32) -> (String, Vec<u8>) {
        let (list, data) = Self::describe(image, version);
        (list.text(), data)
    }

    pub(crate) fn describe(image: &[u8], version: u32) -> (Self, Vec<u8>) {
        assert_eq!(
            image.len() % BLOCK_SIZE,
            0,
            "an image is a whole number of blocks"
        );
        let mut written = Vec::new();
        let mut zeroed = Vec::new();
        let mut erased = Vec::new();
        let mut data = Vec::new();
        for (is_hole, (first, end)) in runs(image) {
            if is_hole {
                let middle = end.min(first + ZEROED_BLOCKS);
                zeroed.push((first, middle));
                if middle < end {
                    erased.push((middle, end));
                }
            } else {
                written.push((first, end));
                data.extend_from_slice(
                    &image[first as usize * BLOCK_SIZE..end as usize * BLOCK_SIZE],
                );
            }
        }
        let mut list = Self::new(version);
        if !erased.is_empty() {
            list = list.erase(&erased);
        }
        for part in parts(&written) {
            list = list.write(&part);
        }
        for part in parts(&zeroed) {
            list = list.zero(&part);
        }
        (list, data)
    }

    /// Sets the two stash lines: most entries at once, most blocks at once.
    pub fn stash(mut self, entries: u64, blocks: u64) -> Self {
        self.stash = (entries, blocks);
        self
    }

    /// Adds `new`: these blocks come from the data file.
    pub fn write(self, ranges: &[Range]) -> Self {
        self.counted("new", ranges)
    }

    /// Adds `zero`: these blocks become zeros.
    pub fn zero(self, ranges: &[Range]) -> Self {
        self.counted("zero", ranges)
    }

    /// Adds `erase`: the content of these blocks does not matter.
    pub fn erase(self, ranges: &[Range]) -> Self {
        let line = format!("erase {}", range_text(ranges));
        self.command(&line)
    }

    /// Adds a command line as it is, without counting the blocks it writes.
    pub fn command(mut self, line: &str) -> Self {
        self.commands.push(line.to_owned());
        self
    }

    /// Adds to the total of written blocks, or states a wrong one.
    pub fn add_total(mut self, blocks: u64) -> Self {
        self.total += blocks;
        self
    }

    /// The list as text.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n{}\n", self.version, self.total);
        if self.version >= 2 {
            text += &format!("{}\n{}\n", self.stash.0, self.stash.1);
        }
        for command in &self.commands {
            text += command;
            text.push('\n');
        }
        text
    }

    fn counted(mut self, verb: &str, ranges: &[Range]) -> Self {
        self.total += ranges.iter().map(|(first, end)| end - first).sum::<u64>();
        let line = format!("{verb} {}", range_text(ranges));
        self.command(&line)
    }
}

/// A set of ranges as commands spell it: the count of numbers, then the numbers.
pub fn range_text(ranges: &[Range]) -> String {
    let mut text = (ranges.len() * 2).to_string();
    for (first, end) in ranges {
        text += &format!(",{first},{end}");
    }
    text
}

/// Runs of blocks that are all zeros, or all not.
fn runs(image: &[u8]) -> Vec<(bool, Range)> {
    let mut runs: Vec<(bool, Range)> = Vec::new();
    for (index, block) in (0u64..).zip(image.chunks(BLOCK_SIZE)) {
        let is_hole = block.iter().all(|&byte| byte == 0);
        match runs.last_mut() {
            Some((kind, (_, end))) if *kind == is_hole => *end = index + 1,
            _ => runs.push((is_hole, (index, index + 1))),
        }
    }
    runs
}

/// Cuts a set of ranges into sets of at most [`BLOCKS_PER_COMMAND`] blocks.
fn parts(ranges: &[Range]) -> Vec<Vec<Range>> {
    let mut parts = Vec::new();
    let mut part = Vec::new();
    let mut room = BLOCKS_PER_COMMAND;
    for &(mut first, end) in ranges {
        while first < end {
            let middle = end.min(first + room);
            part.push((first, middle));
            room -= middle - first;
            first = middle;
            if room == 0 {
                parts.push(std::mem::take(&mut part));
                room = BLOCKS_PER_COMMAND;
            }
        }
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(blocks: &[u8]) -> Vec<u8> {
        blocks.iter().flat_map(|&byte| [byte; BLOCK_SIZE]).collect()
    }

    #[test]
    fn holes_are_left_out_of_the_data() {
        let (text, data) = TransferList::from_image(&image(&[1, 0, 2, 0, 0, 0, 0, 0, 0, 3]));
        assert_eq!(
            text,
            "4\n8\n0\n0\nerase 2,7,9\nnew 6,0,1,2,3,9,10\nzero 4,1,2,3,7\n"
        );
        assert_eq!(data, image(&[1, 2, 3]));
    }

    #[test]
    fn version_one_has_no_stash_lines() {
        let (text, _) = TransferList::from_image_version(&image(&[1]), 1);
        assert_eq!(text, "1\n1\nnew 2,0,1\n");
    }

    #[test]
    fn commands_write_at_most_1024_blocks() {
        let (text, data) = TransferList::from_image(&vec![1; 1500 * BLOCK_SIZE]);
        assert_eq!(text, "4\n1500\n0\n0\nnew 2,0,1024\nnew 2,1024,1500\n");
        assert_eq!(data.len(), 1500 * BLOCK_SIZE);
    }
}
