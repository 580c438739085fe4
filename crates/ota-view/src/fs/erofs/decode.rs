//! Decodes the physical clusters of compressed files.
//!
//! In: an extent. Out: its bytes. A cluster may hold more than the extent, if files share data;
//! the rest is not decoded.
//! Source: Linux `fs/erofs/decompressor*.c` for what precedes and follows the
//! streams; the LZ4 block format description, 1.6.3; the XZ project's MicroLZMA.

use std::io::Read;

use flate2::{Decompress, FlushDecompress, Status};
use lzma_rust2::LzmaReader;
use ruzstd::decoding::StreamingDecoder;

use super::extent::{Extent, Storage};
use super::fault::{corrupt, unsupported};
use super::image::Erofs;
use super::inode::Inode;
use super::superblock::FEATURE_LZ4_0PADDING;
use crate::fs::Error;

const LZ4: u8 = 0;
const MICROLZMA: u8 = 1;
const DEFLATE: u8 = 2;
const ZSTD: u8 = 3;
/// Largest window of a zstd frame, in bytes (`Z_EROFS_ZSTD_MAX_DICT_SIZE`, 1 MiB,
/// with room for frames that only state more).
const MAX_CLUSTER_WINDOW: u64 = 8 << 20;

/// Decodes an extent that is compressed or interlaced.
pub(super) fn decode(erofs: &Erofs, inode: &Inode, extent: &Extent) -> Result<Vec<u8>, Error> {
    let output_len = extent.end.saturating_sub(extent.start);
    let output_len = usize::try_from(output_len).expect("at most 12 MiB");
    let (offset, len, in_metadata) = match extent.storage {
        Storage::Interlaced { offset, len } => (offset, len, false),
        Storage::Encoded {
            offset,
            len,
            in_metadata,
            ..
        } => (offset, len, in_metadata),
        _ => return Err(corrupt("an extent without a cluster")),
    };
    let mut input = vec![0; usize::try_from(len).expect("at most 1 MiB")];
    match in_metadata {
        true => erofs.read_metadata(inode.nid, offset, &mut input)?,
        false => erofs.read_image(offset, &mut input)?,
    }
    let Storage::Encoded { algorithm, .. } = extent.storage else {
        let within = extent.start & erofs.block_size().saturating_sub(1);
        return rotate(&input, usize::try_from(within).unwrap_or(0), output_len)
            .ok_or_else(|| corrupt(format!("interlaced cluster at byte {offset:#x}")));
    };
    // Streams end with their cluster; zeros fill its beginning.
    let is_padded = algorithm != LZ4 || erofs.superblock.features & FEATURE_LZ4_0PADDING != 0;
    let start = match is_padded {
        true => input.iter().position(|&byte| byte != 0).unwrap_or(0),
        false => 0,
    };
    let (_, stream) = input.split_at(start);
    let mut output = vec![0; output_len];
    let (name, result) = match algorithm {
        LZ4 => ("lz4", decode_lz4(stream, &mut output)),
        MICROLZMA => ("MicroLZMA", decode_microlzma(stream, &mut output)),
        DEFLATE => ("deflate", decode_deflate(stream, &mut output)),
        ZSTD => ("zstd", decode_zstd(stream, &mut output)),
        other => return Err(unsupported(format!("compression algorithm {other}"))),
    };
    result.ok_or_else(|| {
        corrupt(format!(
            "{name} cluster of {len} bytes at byte {offset:#x} does not decode to {output_len} bytes"
        ))
    })?;
    Ok(output)
}

/// Undoes the rotation of an interlaced cluster: data has the same offset in it as in the file's
/// block, and wraps around at the end.
fn rotate(cluster: &[u8], start: usize, len: usize) -> Option<Vec<u8>> {
    let (wrapped, first) = cluster.split_at_checked(start)?;
    let first = first.get(..len.min(first.len()))?;
    let rest = wrapped.get(..len.checked_sub(first.len())?)?;
    Some([first, rest].concat())
}

/// Decodes an LZ4 block until `output` is full.
fn decode_lz4(mut input: &[u8], output: &mut [u8]) -> Option<()> {
    /// A length: four bits, and bytes after them while these are 255.
    fn length(input: &mut &[u8], nibble: u8) -> Option<usize> {
        let mut length = usize::from(nibble);
        if nibble == 15 {
            loop {
                let (&byte, rest) = input.split_first()?;
                *input = rest;
                length = length.checked_add(byte.into())?;
                if byte != 255 {
                    break;
                }
            }
        }
        Some(length)
    }
    let mut at = 0;
    while at < output.len() {
        let (&token, rest) = input.split_first()?;
        input = rest;
        let left = output.len().saturating_sub(at);
        let literals = length(&mut input, token >> 4)?.min(left);
        let (bytes, rest) = input.split_at_checked(literals)?;
        output
            .get_mut(at..)?
            .get_mut(..literals)?
            .copy_from_slice(bytes);
        input = rest;
        at = at.checked_add(literals)?;
        if at == output.len() {
            break;
        }
        let (&distance, rest) = input.split_first_chunk()?;
        input = rest;
        let distance = usize::from(u16::from_le_bytes(distance));
        let left = output.len().saturating_sub(at);
        let count = length(&mut input, token & 15)?.checked_add(4)?.min(left);
        let from = at.checked_sub(distance).filter(|_| distance > 0)?;
        let end = at.checked_add(count)?;
        // The source may overlap the output: copy what exists, which doubles each time.
        while at < end {
            let len = end.saturating_sub(at).min(at.saturating_sub(from));
            output.copy_within(from..from.checked_add(len)?, at);
            at = at.checked_add(len)?;
        }
    }
    Some(())
}

/// Decodes MicroLZMA: LZMA whose first byte, always zero, is the inverted
/// properties instead, without a mark at its end.
fn decode_microlzma(stream: &[u8], output: &mut [u8]) -> Option<()> {
    let (&properties, rest) = stream.split_first()?;
    // No distance reaches beyond the output, so it bounds the dictionary.
    let dictionary = u32::try_from(output.len().max(4096)).ok()?;
    let input = [0].chain(rest).chain(std::io::repeat(0));
    let mut decoder =
        LzmaReader::new_with_props(input, u64::MAX, !properties, dictionary, None).ok()?;
    decoder.read_exact(output).ok()
}

fn decode_deflate(stream: &[u8], output: &mut [u8]) -> Option<()> {
    let mut decoder = Decompress::new(false);
    let status = decoder
        .decompress(stream, output, FlushDecompress::Finish)
        .ok()?;
    let is_full = usize::try_from(decoder.total_out()) == Ok(output.len());
    (is_full && matches!(status, Status::StreamEnd | Status::Ok | Status::BufError)).then_some(())
}

fn decode_zstd(stream: &[u8], output: &mut [u8]) -> Option<()> {
    let mut decoder =
        StreamingDecoder::new_with_max_window_size(stream, MAX_CLUSTER_WINDOW).ok()?;
    decoder.read_exact(output).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lz4(input: &[u8], len: usize) -> Option<Vec<u8>> {
        let mut output = vec![0; len];
        decode_lz4(input, &mut output).map(|()| output)
    }

    #[test]
    fn lz4_is_decoded_as_far_as_requested() {
        // "abc", then nine bytes from three before, then "!".
        let block = [0x35, b'a', b'b', b'c', 3, 0, 0x10, b'!'];
        let whole = b"abcabcabcabc!";
        for len in 0..=whole.len() {
            assert_eq!(lz4(&block, len).as_deref(), Some(&whole[..len]), "{len}");
        }
        assert_eq!(lz4(&block, whole.len() + 1), None);
        // A run of one byte: 1 + 4 + 15 + 255 + 10.
        let run = [0x1f, b'x', 1, 0, 255, 10];
        assert_eq!(lz4(&run, 285), Some(vec![b'x'; 285]));
        assert_eq!(lz4(&run, 286), None);
    }

    #[test]
    fn lz4_distance_before_the_beginning_is_refused() {
        assert_eq!(lz4(&[0x10, b'a', 2, 0, 0], 6), None);
        assert_eq!(lz4(&[0x10, b'a', 0, 0, 0], 6), None);
        assert_eq!(lz4(&[0xf0, 255, 255], 600), None);
        assert_eq!(lz4(&[], 1), None);
    }

    #[test]
    fn interlaced_cluster_is_rotated_back() {
        assert_eq!(rotate(b"56781234", 4, 8).unwrap(), b"12345678");
        assert_eq!(rotate(b"56781234", 4, 3).unwrap(), b"123");
        assert_eq!(rotate(b"12345678", 0, 8).unwrap(), b"12345678");
        assert_eq!(rotate(b"56781234", 4, 9), None);
        assert_eq!(rotate(b"56781234", 9, 1), None);
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), len in 0usize..5000) {
            let mut output = vec![0; len];
            for decode in [decode_lz4, decode_microlzma, decode_deflate, decode_zstd] {
                let _ = decode(&bytes, &mut output);
            }
        }

        #[test]
        fn deflate_is_decoded_completely_and_in_part(text in "[a-c]{1,2000}", part in 1usize..2000) {
            let mut encoder =
                flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
            std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
            let stream = encoder.finish().unwrap();
            for len in [text.len(), part.min(text.len())] {
                let mut output = vec![0; len];
                prop_assert!(decode_deflate(&stream, &mut output).is_some());
                prop_assert_eq!(&output[..], &text.as_bytes()[..len]);
            }
            prop_assert!(decode_deflate(&stream, &mut vec![0; text.len() + 1]).is_none());
        }
    }
}
