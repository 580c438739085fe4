//! Hashing: the states of one algorithm for all lanes.
//!
//! In: the batches, in the order in which they were read. Out: the digest of each file, as soon
//! as its last piece is hashed. All lanes advance together by the length of the shortest piece.

use sha1::Sha1;
use sha2::Digest;

use super::lanes::{Block, Kernels, MAX_LANES, MD5_INIT, SHA256_INIT};
use super::reader::Lane;
use super::{Algorithm, hex};

/// Called for each digest: the index of the file, and the digest in lower-case hex.
pub(super) type OnDigest<'a> = &'a mut dyn FnMut(usize, String);

/// The hash states of one algorithm for all lanes.
pub(super) trait Streams: Send {
    /// Hashes the next bytes of each lane that has any.
    fn take(&mut self, lanes: &[Option<&Lane>], on_digest: OnDigest<'_>);
}

/// Creates the states of an algorithm for `num_lanes` lanes.
pub(super) fn streams(
    algorithm: Algorithm,
    kernels: Kernels,
    num_lanes: usize,
) -> Box<dyn Streams> {
    match algorithm {
        Algorithm::Md5 => Box::new(MultiBuffer::new(&MD5, kernels, num_lanes)),
        // A single file cannot use vector lanes.
        Algorithm::Sha256 if num_lanes == 1 && kernels.is_slow_alone() => {
            Box::new(Separate::<ring::digest::Context>::new(num_lanes))
        }
        Algorithm::Sha256 => Box::new(MultiBuffer::new(&SHA256, kernels, num_lanes)),
        Algorithm::Sha1 => Box::new(Separate::<Sha1>::new(num_lanes)),
    }
}

/// Hashes the blocks of each input into the state at the same index.
type Compress<const WORDS: usize> = fn(Kernels, &mut [[u32; WORDS]], &[&[Block]]);

/// A hash algorithm with a state of `WORDS` words. All of them end with the same padding: a set
/// bit, zeros, and the number of bits (RFC 1321, 3.1 and 3.2; FIPS 180-4, 5.1.1).
struct Compression<const WORDS: usize> {
    init: [u32; WORDS],
    compress: Compress<WORDS>,
    /// The byte order of words.
    word: fn(u32) -> [u8; 4],
    /// The byte order of the number of bits.
    bit_len: fn(u64) -> [u8; 8],
}

const MD5: Compression<4> = Compression {
    init: MD5_INIT,
    compress: Kernels::md5,
    word: u32::to_le_bytes,
    bit_len: u64::to_le_bytes,
};

const SHA256: Compression<8> = Compression {
    init: SHA256_INIT,
    compress: Kernels::sha256,
    word: u32::to_be_bytes,
    bit_len: u64::to_be_bytes,
};

impl<const WORDS: usize> Compression<WORDS> {
    /// Returns the digest of a file of `size` bytes; `rest` is its last partial block.
    fn finish(&self, kernels: Kernels, state: [u32; WORDS], rest: &[u8], size: u64) -> String {
        let mut padded = [0; 2 * size_of::<Block>()];
        padded[..rest.len()].copy_from_slice(rest);
        padded[rest.len()] = 0x80;
        let len = (rest.len() + 1 + size_of::<u64>()).next_multiple_of(size_of::<Block>());
        let bit_len = (self.bit_len)(size.wrapping_mul(8));
        padded[len - bit_len.len()..len].copy_from_slice(&bit_len);
        let mut states = [state];
        (self.compress)(kernels, &mut states, &[padded[..len].as_chunks().0]);
        let bytes: Vec<u8> = states[0].into_iter().flat_map(self.word).collect();
        hex(&bytes)
    }
}

/// Lanes that advance together in vector instructions.
struct MultiBuffer<const WORDS: usize> {
    compression: &'static Compression<WORDS>,
    kernels: Kernels,
    lanes: Vec<Stream<[u32; WORDS]>>,
}

/// One lane: the file being hashed, and its state.
struct Stream<S> {
    file: Option<usize>,
    state: S,
}

/// The position of a lane within a batch.
#[derive(Clone, Copy, Default)]
struct Position {
    piece: usize,
    offset: usize,
}

impl Position {
    /// Returns the rest of the current piece, if there is one.
    fn rest(self, lane: &Lane) -> Option<&[u8]> {
        let piece = lane.pieces.get(self.piece)?;
        Some(&lane.bytes(piece)[self.offset..])
    }
}

impl<const WORDS: usize> MultiBuffer<WORDS> {
    fn new(
        compression: &'static Compression<WORDS>,
        kernels: Kernels,
        num_lanes: usize,
    ) -> MultiBuffer<WORDS> {
        let stream = || Stream {
            file: None,
            state: compression.init,
        };
        MultiBuffer {
            compression,
            kernels,
            lanes: std::iter::repeat_with(stream).take(num_lanes).collect(),
        }
    }

    /// Moves on to the next piece with a whole block, finishing the files that end before it.
    fn skip_to_block(
        &mut self,
        index: usize,
        lane: &Lane,
        position: &mut Position,
        on_digest: OnDigest<'_>,
    ) {
        let stream = &mut self.lanes[index];
        while let Some(piece) = lane.pieces.get(position.piece) {
            if stream.file != Some(piece.file) {
                // The file before was given up in the middle.
                *stream = Stream {
                    file: Some(piece.file),
                    state: self.compression.init,
                };
            }
            let rest = &lane.bytes(piece)[position.offset..];
            if rest.len() >= size_of::<Block>() {
                return;
            }
            if let Some(size) = piece.end {
                let digest = self
                    .compression
                    .finish(self.kernels, stream.state, rest, size);
                on_digest(piece.file, digest);
                stream.file = None;
            }
            *position = Position {
                piece: position.piece + 1,
                offset: 0,
            };
        }
    }
}

impl<const WORDS: usize> Streams for MultiBuffer<WORDS> {
    fn take(&mut self, lanes: &[Option<&Lane>], on_digest: OnDigest<'_>) {
        let mut positions = [Position::default(); MAX_LANES];
        loop {
            let mut active = Vec::with_capacity(MAX_LANES);
            let mut inputs: Vec<&[Block]> = Vec::with_capacity(MAX_LANES);
            for (index, lane) in lanes.iter().enumerate() {
                let Some(lane) = lane else { continue };
                self.skip_to_block(index, lane, &mut positions[index], on_digest);
                if let Some(rest) = positions[index].rest(lane) {
                    active.push(index);
                    inputs.push(rest.as_chunks().0);
                }
            }
            let Some(num_blocks) = inputs.iter().map(|blocks| blocks.len()).min() else {
                return;
            };
            for blocks in &mut inputs {
                *blocks = &blocks[..num_blocks];
            }
            let mut states: Vec<_> = active.iter().map(|&lane| self.lanes[lane].state).collect();
            (self.compression.compress)(self.kernels, &mut states, &inputs);
            for (&lane, state) in active.iter().zip(states) {
                self.lanes[lane].state = state;
                positions[lane].offset += num_blocks * size_of::<Block>();
            }
        }
    }
}

/// A hasher of one stream at a time.
trait Hasher: Send {
    fn begin() -> Self;
    fn update(&mut self, bytes: &[u8]);
    fn finish(self) -> String;
}

impl Hasher for Sha1 {
    fn begin() -> Self {
        Sha1::new()
    }
    fn update(&mut self, bytes: &[u8]) {
        Digest::update(self, bytes);
    }
    fn finish(self) -> String {
        hex(&self.finalize())
    }
}

impl Hasher for ring::digest::Context {
    fn begin() -> Self {
        ring::digest::Context::new(&ring::digest::SHA256)
    }
    fn update(&mut self, bytes: &[u8]) {
        ring::digest::Context::update(self, bytes);
    }
    fn finish(self) -> String {
        hex(ring::digest::Context::finish(self).as_ref())
    }
}

/// Lanes that are hashed one after the other.
struct Separate<H> {
    lanes: Vec<Option<(usize, H)>>,
}

impl<H: Hasher> Separate<H> {
    fn new(num_lanes: usize) -> Separate<H> {
        Separate {
            lanes: std::iter::repeat_with(|| None).take(num_lanes).collect(),
        }
    }
}

impl<H: Hasher> Streams for Separate<H> {
    fn take(&mut self, lanes: &[Option<&Lane>], on_digest: OnDigest<'_>) {
        for (stream, lane) in self.lanes.iter_mut().zip(lanes) {
            let Some(lane) = lane else { continue };
            for piece in &lane.pieces {
                let (file, mut hasher) = match stream.take() {
                    Some((file, hasher)) if file == piece.file => (file, hasher),
                    _ => (piece.file, H::begin()),
                };
                hasher.update(lane.bytes(piece));
                match piece.end {
                    Some(_) => on_digest(file, hasher.finish()),
                    None => *stream = Some((file, hasher)),
                }
            }
        }
    }
}
