//! Decoders of the compression formats in packages.
//!
//! In: a compressed stream. Out: a decoder whose memory is bounded, whatever the stream declares.
//! The caller limits how much is decoded.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bzip2::read::MultiBzDecoder;
use flate2::read::{DeflateDecoder, MultiGzDecoder};
use lzma_rust2::{LzmaReader, XzReader};
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::catch_panic::catch_panic;
use crate::io::ReadError;

/// Memory an LZMA decoder may use, in KiB: a dictionary of 64 MiB, as `xz -9`
/// makes it, and the decoder's own state.
const MAX_LZMA_MEMORY: u32 = 66 << 10;
/// Largest window of a zstd frame, in bytes; `zstd -19` uses 8 MiB, `--ultra`
/// 128 MiB.
const MAX_ZSTD_WINDOW: u64 = 128 << 20;
/// Length of the input buffer, in bytes.
const INPUT_LEN: usize = 256 << 10;

/// A kind of compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Raw deflate, as in zip entries.
    Deflate,
    /// `.gz`.
    Gzip,
    /// `.br`, windows up to 16 MiB.
    Brotli,
    /// `.xz`.
    Xz,
    /// `.lzma`, the format before xz.
    Lzma,
    /// `.zst`.
    Zstd,
    /// `.bz2`.
    Bzip2,
}

impl Codec {
    /// Finds the codec of a file name extension: `br` in `system.new.dat.br`.
    #[must_use]
    pub fn from_extension(extension: &str) -> Option<Codec> {
        Some(match extension {
            "gz" => Codec::Gzip,
            "br" => Codec::Brotli,
            "xz" => Codec::Xz,
            "lzma" => Codec::Lzma,
            "zst" | "zstd" => Codec::Zstd,
            "bz2" => Codec::Bzip2,
            _ => return None,
        })
    }

    /// The name used in messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Codec::Deflate => "deflate",
            Codec::Gzip => "gzip",
            Codec::Brotli => "brotli",
            Codec::Xz => "xz",
            Codec::Lzma => "lzma",
            Codec::Zstd => "zstd",
            Codec::Bzip2 => "bzip2",
        }
    }

    /// Returns the most decoded bytes that a decoder keeps in memory.
    #[must_use]
    pub fn max_window(self) -> u64 {
        match self {
            Codec::Deflate | Codec::Gzip => 32 << 10,
            Codec::Brotli => 16 << 20,
            Codec::Xz | Codec::Lzma => u64::from(MAX_LZMA_MEMORY) << 10,
            Codec::Zstd => MAX_ZSTD_WINDOW,
            // Blocks of 900 KB, with four bytes for each byte.
            Codec::Bzip2 => 4 << 20,
        }
    }

    /// Creates a decoder of `input`.
    ///
    /// Safe on untrusted input: errors instead of panics, and at most about 130 MiB of memory. The
    /// input is not touched before the first read, which also reports a damaged header.
    #[must_use]
    pub fn decode(self, input: impl Read + Send + 'static) -> Box<dyn Read + Send> {
        let state = Arc::new(InputState::default());
        let input = TrackedInput {
            input,
            state: Arc::clone(&state),
        };
        let input = BufReader::with_capacity(INPUT_LEN, input);
        let decoder: Box<dyn Read + Send> = match self {
            Codec::Deflate => Box::new(DeflateDecoder::new(input)),
            Codec::Gzip => Box::new(MultiGzDecoder::new(input)),
            // This decoder buffers its input itself.
            Codec::Brotli => {
                let input = input.into_inner();
                Box::new(brotli_decompressor::Decompressor::new(input, INPUT_LEN))
            }
            Codec::Xz => Box::new(XzReader::new_mem_limit(input, true, MAX_LZMA_MEMORY)),
            Codec::Lzma => Box::new(LazyDecoder::new(input, |input| {
                LzmaReader::new_mem_limit(input, MAX_LZMA_MEMORY, None)
            })),
            Codec::Zstd => Box::new(ZstdFrames::new(input)),
            Codec::Bzip2 => Box::new(MultiBzDecoder::new(input)),
        };
        Box::new(CatchPanics {
            decoder: Some(decoder),
            state,
        })
    }
}

/// The state of a decoder's input.
#[derive(Default)]
struct InputState {
    /// The input has ended.
    ended: AtomicBool,
    /// Why the input could not be read.
    fault: Mutex<Option<ReadError>>,
}

/// An input that records its end and its read error.
struct TrackedInput<R> {
    input: R,
    state: Arc<InputState>,
}

impl<R: Read> Read for TrackedInput<R> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let read = self.input.read(buf).inspect_err(|error| {
            let fault = self.state.fault.lock();
            let mut fault = fault.unwrap_or_else(PoisonError::into_inner);
            *fault = ReadError::inside(error);
        })?;
        if read == 0 && !buf.is_empty() {
            self.state.ended.store(true, Ordering::Relaxed);
        }
        Ok(read)
    }
}

/// A decoder whose panics become errors. An error of the input takes precedence over the
/// decoder's, and an error after the end of the input means that the input is too short.
struct CatchPanics {
    decoder: Option<Box<dyn Read + Send>>,
    state: Arc<InputState>,
}

impl Read for CatchPanics {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let Some(decoder) = &mut self.decoder else {
            return Err(ErrorKind::InvalidData.into());
        };
        let result = catch_panic(|| decoder.read(buf))
            .unwrap_or_else(|message| Err(Error::new(ErrorKind::InvalidData, message)));
        if let Err(error) = &result
            && error.kind() != ErrorKind::Interrupted
        {
            // Some decoders loop for ever if they are read again after an error.
            self.decoder = None;
            let fault = self.state.fault.lock();
            let mut fault = fault.unwrap_or_else(PoisonError::into_inner);
            if let Some(fault) = fault.take() {
                return Err(Error::other(fault));
            }
        }
        result.map_err(|error| match error.kind() {
            // Not every decoder distinguishes bad input from missing input.
            ErrorKind::InvalidData | ErrorKind::Other
                if self.state.ended.load(Ordering::Relaxed) =>
            {
                Error::new(ErrorKind::UnexpectedEof, error)
            }
            _ => error,
        })
    }
}

/// A decoder of zstd streams: frames one after another, each checked against its checksum.
struct ZstdFrames<R> {
    input: R,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: BufRead> ZstdFrames<R> {
    fn new(input: R) -> ZstdFrames<R> {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(MAX_ZSTD_WINDOW);
        ZstdFrames {
            input,
            decoder,
            in_frame: false,
        }
    }

    /// Begins the next frame, skipping frames without data; `false` at the end of the input.
    fn begin(&mut self) -> std::io::Result<bool> {
        while !self.input.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.input) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let mut skipped = self.input.by_ref().take(length.into());
                    std::io::copy(&mut skipped, &mut std::io::sink())?;
                }
                Err(error) => return Err(Error::other(error)),
            }
        }
        Ok(false)
    }

    fn end(&self) -> std::io::Result<()> {
        let stated = self.decoder.get_checksum_from_data();
        match stated.is_some() && stated != self.decoder.get_calculated_checksum() {
            true => Err(Error::new(
                ErrorKind::InvalidData,
                "the checksum of a frame is wrong",
            )),
            false => Ok(()),
        }
    }
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        while !buf.is_empty() {
            if !self.in_frame && !self.begin()? {
                break;
            }
            self.in_frame = true;
            while self.decoder.can_collect() < buf.len() && !self.decoder.is_finished() {
                let wanted = buf.len() - self.decoder.can_collect();
                self.decoder
                    .decode_blocks(&mut self.input, BlockDecodingStrategy::UptoBytes(wanted))
                    .map_err(Error::other)?;
            }
            let read = self.decoder.read(buf)?;
            if read > 0 {
                return Ok(read);
            }
            self.end()?;
            self.in_frame = false;
        }
        Ok(0)
    }
}

/// A decoder that is created at the first read, because creating it reads the header.
enum LazyDecoder<I, D, F> {
    Before(Option<(I, F)>),
    After(D),
}

impl<I, D, F: FnOnce(I) -> std::io::Result<D>> LazyDecoder<I, D, F> {
    fn new(input: I, make: F) -> LazyDecoder<I, D, F> {
        LazyDecoder::Before(Some((input, make)))
    }
}

impl<I, D: Read, F: FnOnce(I) -> std::io::Result<D>> Read for LazyDecoder<I, D, F> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        if let LazyDecoder::Before(parts) = self {
            let Some((input, make)) = parts.take() else {
                return Err(ErrorKind::InvalidData.into());
            };
            *self = LazyDecoder::After(make(input)?);
        }
        match self {
            LazyDecoder::After(decoder) => decoder.read(buf),
            LazyDecoder::Before(_) => unreachable!("replaced above"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::{Cursor, Write};

    const ALL: [Codec; 7] = [
        Codec::Deflate,
        Codec::Gzip,
        Codec::Brotli,
        Codec::Xz,
        Codec::Lzma,
        Codec::Zstd,
        Codec::Bzip2,
    ];

    #[test]
    fn gzip_stream_of_two_members_is_read_to_its_end() {
        let member = |text: &str| {
            let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gz.write_all(text.as_bytes()).unwrap();
            gz.finish().unwrap()
        };
        let both = [member("one "), member("two")].concat();
        let mut text = String::new();
        let mut decoder = Codec::Gzip.decode(Cursor::new(both));
        decoder.read_to_string(&mut text).unwrap();
        assert_eq!(text, "one two");
    }

    /// A zstd frame of one raw block, without a checksum.
    fn frame(text: &str) -> Vec<u8> {
        let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x20, text.len() as u8];
        frame.extend(&(((text.len() as u32) << 3) | 1).to_le_bytes()[..3]);
        frame.extend(text.bytes());
        frame
    }

    #[test]
    fn zstd_frames_are_concatenated_and_skippable_frames_ignored() {
        let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"xyz"].concat();
        let all = [frame("one "), skipped, frame(""), frame("two")].concat();
        let mut text = String::new();
        let mut decoder = Codec::Zstd.decode(Cursor::new(all.clone()));
        decoder.read_to_string(&mut text).unwrap();
        assert_eq!(text, "one two");
        let cut = all[..all.len() - 1].to_vec();
        let error = Codec::Zstd
            .decode(Cursor::new(cut))
            .read_to_string(&mut text)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{error}");
    }

    #[test]
    fn zstd_frame_is_checked_against_its_checksum() {
        let mut frame = frame("text");
        // Content_Checksum_flag; the low bytes of XXH64 of "text" are not 1.
        frame[4] |= 4;
        frame.extend([1, 0, 0, 0]);
        let error = Codec::Zstd
            .decode(Cursor::new(frame))
            .read_to_end(&mut Vec::new())
            .unwrap_err();
        assert!(error.to_string().contains("checksum"), "{error}");
    }

    #[test]
    fn decoder_is_not_read_again_after_an_error() {
        for codec in [Codec::Gzip, Codec::Xz, Codec::Zstd, Codec::Bzip2] {
            let mut decoder = codec.decode(Cursor::new(b"anything but that".to_vec()));
            for _ in 0..2 {
                assert!(decoder.read(&mut [0; 10]).is_err(), "{codec:?}");
            }
        }
    }

    #[test]
    fn input_error_keeps_its_kind_through_every_decoder() {
        /// The beginning of a stream, then a disk that fails.
        struct Failing(Cursor<Vec<u8>>);
        impl Read for Failing {
            fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
                match self.0.read(buf)? {
                    0 => Err(Error::other(ReadError::Io {
                        offset: 7,
                        source: Arc::new(Error::from_raw_os_error(5)),
                    })),
                    read => Ok(read),
                }
            }
        }
        let lzma = [&[0x5d, 0, 0, 1, 0][..], &[0xff; 8], &[0; 6]].concat();
        let begun: [(Codec, &[u8]); 7] = [
            (Codec::Deflate, &[0x4b]),
            (Codec::Gzip, &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]),
            (Codec::Brotli, &[0x5b]),
            (Codec::Xz, b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4\x46"),
            (Codec::Lzma, &lzma),
            (Codec::Zstd, &[0x28, 0xb5, 0x2f, 0xfd, 0x20]),
            (Codec::Bzip2, b"BZh9\x31\x41\x59"),
        ];
        for (codec, begun) in begun {
            for len in 0..=begun.len() {
                let input = Failing(Cursor::new(begun[..len].to_vec()));
                let error = codec.decode(input).read(&mut [0; 10]).unwrap_err();
                let fault = ReadError::inside(&error).map(|fault| fault.kind());
                assert_eq!(
                    fault,
                    Some(crate::error_kind::ErrorKind::Io),
                    "{codec:?} {len}: {error}"
                );
            }
        }
    }

    #[test]
    fn dictionary_above_the_limit_is_refused_before_allocation() {
        // lc/lp/pb, a dictionary of 2 GiB, unknown size; then nothing.
        let mut header = vec![0x5d, 0, 0, 0, 0x80];
        header.extend([0xff; 8]);
        header.push(0);
        let error = Codec::Lzma
            .decode(Cursor::new(header))
            .read(&mut [0; 10])
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error}");
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            for codec in ALL {
                let decoder = codec.decode(Cursor::new(bytes.clone()));
                let _ = decoder.take(1 << 20).read_to_end(&mut Vec::new());
            }
        }
    }
}
