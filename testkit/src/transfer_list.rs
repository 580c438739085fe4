//! `X.transfer.list` and `X.new.dat`, the two halves of a block-based image.
//!
//! In: an image, or commands by hand. Out: the list as text and the data it refers to. Format: AOSP
//! `bootable/recovery/updater/blockimg.cpp`, list versions 1 to 4. A list built by hand also knows
//! its data and the image it makes, whatever the order of its commands. Patches are left out;
//! [`TransferList::command`] writes any line.

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
    declared_total: Option<u64>,
    line_end: &'static str,
    data: Vec<u8>,
    image: Vec<u8>,
}

impl TransferList {
    /// Starts an empty list of this version; 1 has no stash lines.
    pub fn new(version: u32) -> Self {
        Self {
            version,
            total: 0,
            stash: (0, 0),
            commands: Vec::new(),
            declared_total: None,
            line_end: "\n",
            data: Vec::new(),
            image: Vec::new(),
        }
    }

    /// Describes an image as a version 4 list, and returns its data too.
    ///
    /// # Panics
    /// When the image is not a whole number of 4096-byte blocks.
    pub fn from_image(image: &[u8]) -> (String, Vec<u8>) {
        Self::from_image_version(image, 4)
    }

    /// Describes an image as a list of the given version, and returns its data too.
    ///
    /// # Panics
    /// When the image is not a whole number of 4096-byte blocks.
    pub fn from_image_version(image: &[u8], version: u32) -> (String, Vec<u8>) {
        let (list, data) = Self::describe(image, version);
        (list.text(), data)
    }

    /// Describes an image by commands out of order, of which later ones overwrite earlier ones:
    /// wrong blocks at every place first, then the true ones, the last run first. Returns the list
    /// and its data.
    ///
    /// # Panics
    /// When the image is not a whole number of 4096-byte blocks.
    pub fn from_image_shuffled(image: &[u8], version: u32) -> (String, Vec<u8>) {
        let num_blocks = whole_blocks(image);
        let mut list = Self::new(version);
        if num_blocks > 0 {
            let wrong = vec![0xa5; image.len()];
            let half = num_blocks / 2;
            let mut ranges = vec![(0, half), (half, num_blocks)];
            ranges.retain(|(first, end)| first < end);
            list = list.write_blocks(&ranges, wrong);
        }
        for (is_hole, range) in runs(image).into_iter().rev() {
            list = if is_hole {
                list.zero(&[range])
            } else {
                list.write_blocks(&[range], &image[bytes(range)])
            };
        }
        (list.text(), list.data)
    }

    pub(crate) fn describe(image: &[u8], version: u32) -> (Self, Vec<u8>) {
        whole_blocks(image);
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
                data.extend_from_slice(&image[bytes((first, end))]);
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

    /// Adds `new`: the caller has the data of these blocks.
    pub fn write(self, ranges: &[Range]) -> Self {
        self.counted("new", ranges)
    }

    /// Adds `new` for these blocks, and their content to [`TransferList::data`].
    ///
    /// # Panics
    /// When the content is not as long as the ranges.
    pub fn write_blocks(mut self, ranges: &[Range], blocks: impl AsRef<[u8]>) -> Self {
        let blocks = blocks.as_ref();
        assert_eq!(
            num_blocks(ranges) * BLOCK_SIZE as u64,
            blocks.len() as u64,
            "ranges and their content have one length"
        );
        let mut rest = blocks;
        for &range in ranges {
            let place = bytes(range);
            let part = rest
                .split_off(..place.len())
                .expect("the lengths are equal");
            self.reach(place.end);
            self.image[place].copy_from_slice(part);
        }
        self.data.extend_from_slice(blocks);
        self.counted("new", ranges)
    }

    /// Adds `zero`: these blocks become zeros.
    pub fn zero(mut self, ranges: &[Range]) -> Self {
        self.clear(ranges);
        self.counted("zero", ranges)
    }

    /// Adds `erase`: the content of these blocks does not matter.
    pub fn erase(mut self, ranges: &[Range]) -> Self {
        self.clear(ranges);
        let line = format!("erase {}", range_text(ranges));
        self.command(&line)
    }

    /// Adds `compute_hash_tree` (version 4): the updater writes a tree of SHA-256 hashes over
    /// `source` to `tree`. Salt and root are hexadecimal. These blocks are not counted.
    pub fn compute_hash_tree(
        self,
        tree: &[Range],
        source: &[Range],
        salt: &str,
        root: &str,
    ) -> Self {
        let (tree, source) = (range_text(tree), range_text(source));
        self.command(&format!(
            "compute_hash_tree {tree} {source} sha256 {salt} {root}"
        ))
    }

    /// Adds a command line unchanged, without counting the blocks it writes.
    pub fn command(mut self, line: &str) -> Self {
        self.commands.push(line.to_owned());
        self
    }

    /// Adds to the total of written blocks, for commands written by hand.
    pub fn add_total(mut self, blocks: u64) -> Self {
        self.total += blocks;
        self
    }

    /// States a total of written blocks other than the true one.
    pub fn declared_total(mut self, blocks: u64) -> Self {
        self.declared_total = Some(blocks);
        self
    }

    /// Ends lines with CR and LF.
    pub fn crlf(mut self) -> Self {
        self.line_end = "\r\n";
        self
    }

    /// Returns the data file, as far as [`TransferList::write_blocks`] knows it.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Returns the image up to its last block with known content: what
    /// [`TransferList::write_blocks`] wrote, and zeros elsewhere.
    pub fn image(&self) -> &[u8] {
        &self.image
    }

    /// Returns the list as text.
    pub fn text(&self) -> String {
        let total = self.declared_total.unwrap_or(self.total);
        let mut lines = vec![self.version.to_string(), total.to_string()];
        if self.version >= 2 {
            lines.extend([self.stash.0.to_string(), self.stash.1.to_string()]);
        }
        lines.extend_from_slice(&self.commands);
        lines
            .iter()
            .flat_map(|line| [line, self.line_end])
            .collect()
    }

    fn counted(mut self, verb: &str, ranges: &[Range]) -> Self {
        self.total += num_blocks(ranges);
        let line = format!("{verb} {}", range_text(ranges));
        self.command(&line)
    }

    /// Fills blocks of the known image with zeros. Blocks after its end are zero anyway, so hostile
    /// ranges take no memory.
    fn clear(&mut self, ranges: &[Range]) {
        let known = (self.image.len() / BLOCK_SIZE) as u64;
        for &(first, end) in ranges {
            if first < end.min(known) {
                self.image[bytes((first, end.min(known)))].fill(0);
            }
        }
    }

    fn reach(&mut self, len: usize) {
        if self.image.len() < len {
            self.image.resize(len, 0);
        }
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

/// Returns the byte range of blocks in an image.
fn bytes((first, end): Range) -> std::ops::Range<usize> {
    first as usize * BLOCK_SIZE..end as usize * BLOCK_SIZE
}

fn num_blocks(ranges: &[Range]) -> u64 {
    // A hostile range may end before it starts.
    let lens = ranges.iter().map(|(first, end)| end.saturating_sub(*first));
    lens.fold(0, u64::saturating_add)
}

fn whole_blocks(image: &[u8]) -> u64 {
    assert_eq!(
        image.len() % BLOCK_SIZE,
        0,
        "an image is a whole number of blocks"
    );
    (image.len() / BLOCK_SIZE) as u64
}

/// Returns runs of blocks that are all zeros, or all not.
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
    fn holes_have_no_data() {
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

    #[test]
    fn later_commands_overwrite_earlier_ones() {
        let list = TransferList::new(4)
            .write_blocks(&[(4, 5), (1, 3)], image(&[1, 2, 3]))
            .zero(&[(2, 4)])
            .write_blocks(&[(0, 2)], image(&[4, 5]))
            .erase(&[(4, 9)]);
        assert_eq!(list.image(), image(&[4, 5, 0, 0, 0]));
        assert_eq!(list.data(), image(&[1, 2, 3, 4, 5]));
        assert_eq!(
            list.text(),
            "4\n7\n0\n0\nnew 4,4,5,1,3\nzero 2,2,4\nnew 2,0,2\nerase 2,4,9\n"
        );
    }

    #[test]
    fn shuffled_lists_write_wrong_blocks_first_and_the_last_run_next() {
        let (text, data) = TransferList::from_image_shuffled(&image(&[1, 0, 2, 3]), 3);
        assert_eq!(
            text,
            "3\n8\n0\n0\nnew 4,0,2,2,4\nnew 2,2,4\nzero 2,1,2\nnew 2,0,1\n"
        );
        assert_eq!(data, image(&[0xa5, 0xa5, 0xa5, 0xa5, 2, 3, 1]));
    }

    #[test]
    fn versions_from_two_have_stash_lines() {
        for version in 2..=4 {
            let list = TransferList::new(version).stash(3, 40).zero(&[(0, 2)]);
            assert_eq!(list.text(), format!("{version}\n2\n3\n40\nzero 2,0,2\n"));
        }
    }

    #[test]
    fn hash_trees_are_not_counted() {
        let list = TransferList::new(4).write(&[(0, 8)]).compute_hash_tree(
            &[(8, 9)],
            &[(0, 8)],
            "aa",
            "bb",
        );
        assert_eq!(
            list.text(),
            "4\n8\n0\n0\nnew 2,0,8\ncompute_hash_tree 2,8,9 2,0,8 sha256 aa bb\n"
        );
    }

    #[test]
    fn lines_and_totals_can_be_wrong() {
        let list = TransferList::new(1).write(&[(5, 3)]).declared_total(77);
        assert_eq!(list.crlf().text(), "1\r\n77\r\nnew 2,5,3\r\n");
    }
}
