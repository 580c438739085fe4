//! The commands of a block-based package's `*.transfer.list`.
//!
//! In: the text. Out: whether it needs the partition it overwrites.
//! Source: AOSP `bootable/recovery/updater/blockimg.cpp`, list versions 1 to 4.

/// Longest list read, in bytes; real ones take 0.3 to 300 KiB.
pub const MAX_SIZE: u64 = 16 << 20;

/// Whether any command reads the partition that is being replaced.
///
/// The header lines hold numbers only, so they need no special care. Unknown
/// commands are left to the reader of the image. Never fails.
#[must_use]
pub fn needs_source(list: &[u8]) -> bool {
    let text = String::from_utf8_lossy(list);
    text.lines()
        .filter_map(|line| line.split_ascii_whitespace().next())
        .any(|command| matches!(command, "move" | "bsdiff" | "imgdiff" | "stash"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_commands_that_read_the_old_partition_make_a_delta() {
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
}
