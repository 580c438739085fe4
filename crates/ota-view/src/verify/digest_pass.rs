//! Computes all digests of a file in one pass.
//!
//! In: a source, and lists of pieces with an algorithm for each list. Out: the digest of each
//! piece. The file is read once from beginning to end; each list has its own thread, because
//! hashing is slower than reading. Memory is a few buffers, regardless of the file's size.

use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use crc32fast::Hasher as Crc32;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::OnRead;
use crate::io::{ReadAt, ReadError};
use crate::package::signature::DigestAlgorithm;

/// Bytes read at a time: large enough that passing them between threads costs little.
const BUFFER_LEN: u64 = 1 << 20;
/// Most buffers waiting for a slow list.
const MAX_WAITING: usize = 4;

/// A digest algorithm for pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// Four bytes, big-endian.
    Crc32,
    Md5,
    Digest(DigestAlgorithm),
}

/// A digest in progress.
pub(super) enum Hasher {
    Crc32(Crc32),
    Md5(Md5),
    Sha1(Sha1),
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl Hasher {
    pub(super) fn new(algorithm: Algorithm) -> Hasher {
        match algorithm {
            Algorithm::Crc32 => Hasher::Crc32(Crc32::new()),
            Algorithm::Md5 => Hasher::Md5(Md5::new()),
            Algorithm::Digest(DigestAlgorithm::Sha1) => Hasher::Sha1(Sha1::new()),
            Algorithm::Digest(DigestAlgorithm::Sha256) => Hasher::Sha256(Sha256::new()),
            Algorithm::Digest(DigestAlgorithm::Sha384) => Hasher::Sha384(Sha384::new()),
            Algorithm::Digest(DigestAlgorithm::Sha512) => Hasher::Sha512(Sha512::new()),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Hasher::Crc32(hasher) => hasher.update(bytes),
            Hasher::Md5(hasher) => hasher.update(bytes),
            Hasher::Sha1(hasher) => hasher.update(bytes),
            Hasher::Sha256(hasher) => hasher.update(bytes),
            Hasher::Sha384(hasher) => hasher.update(bytes),
            Hasher::Sha512(hasher) => hasher.update(bytes),
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        match self {
            Hasher::Crc32(hasher) => hasher.finalize().to_be_bytes().to_vec(),
            Hasher::Md5(hasher) => hasher.finalize().to_vec(),
            Hasher::Sha1(hasher) => hasher.finalize().to_vec(),
            Hasher::Sha256(hasher) => hasher.finalize().to_vec(),
            Hasher::Sha384(hasher) => hasher.finalize().to_vec(),
            Hasher::Sha512(hasher) => hasher.finalize().to_vec(),
        }
    }
}

/// Pieces of a file in order, without overlap, and their algorithm.
#[derive(Debug)]
pub(super) struct Pieces {
    algorithm: Algorithm,
    ranges: Vec<Range<u64>>,
}

impl Pieces {
    /// Creates an empty list.
    pub(super) fn new(algorithm: Algorithm) -> Pieces {
        Pieces {
            algorithm,
            ranges: Vec::new(),
        }
    }

    /// Adds a piece and returns its index; `None` if it begins before the end of the last piece.
    pub(super) fn push(&mut self, range: Range<u64>) -> Option<usize> {
        let end = self.ranges.last().map_or(0, |last| last.end);
        if range.start < end || range.end < range.start {
            return None;
        }
        self.ranges.push(range);
        self.ranges.len().checked_sub(1)
    }

    /// Digests the pieces while the chunks of the file arrive in order.
    fn digest(self, chunks: &Receiver<Arc<FileChunk>>) -> Vec<Vec<u8>> {
        let mut digests = Vec::with_capacity(self.ranges.len());
        let mut ranges = self.ranges.into_iter();
        let mut next = ranges.next();
        let mut hasher = Hasher::new(self.algorithm);
        for chunk in chunks {
            while let Some(range) = &next {
                hasher.update(chunk.part(range));
                if range.end > chunk.end() {
                    break;
                }
                let done = std::mem::replace(&mut hasher, Hasher::new(self.algorithm));
                digests.push(done.finish());
                next = ranges.next();
            }
        }
        digests
    }
}

/// Bytes of the file.
struct FileChunk {
    offset: u64,
    bytes: Vec<u8>,
}

impl FileChunk {
    fn end(&self) -> u64 {
        self.offset.saturating_add(self.bytes.len() as u64)
    }

    /// Returns the part of a range that is in the chunk.
    fn part(&self, range: &Range<u64>) -> &[u8] {
        let place = |at: u64| {
            let at = at.saturating_sub(self.offset);
            usize::try_from(at).map_or(self.bytes.len(), |at| at.min(self.bytes.len()))
        };
        &self.bytes[place(range.start)..place(range.end)]
    }
}

/// Reads the whole source once, and returns for each list the digests of its pieces that are in the
/// source. `on_read` is called before each read, with the number of bytes.
///
/// # Errors
/// The error of the source.
pub(super) fn read(
    source: &dyn ReadAt,
    lists: Vec<Pieces>,
    on_read: &OnRead<'_>,
) -> Result<Vec<Vec<Vec<u8>>>, ReadError> {
    thread::scope(|scope| {
        let mut senders = Vec::new();
        let mut threads = Vec::new();
        for list in lists {
            let (sender, receiver) = sync_channel(MAX_WAITING);
            senders.push(sender);
            threads.push(scope.spawn(move || list.digest(&receiver)));
        }
        let mut offset = 0;
        while offset < source.size() {
            let len = source.size().saturating_sub(offset).min(BUFFER_LEN);
            on_read(len);
            let mut bytes = vec![0; usize::try_from(len).expect("at most a buffer")];
            source.read_exact_at(offset, &mut bytes)?;
            let chunk = Arc::new(FileChunk { offset, bytes });
            for sender in &senders {
                // A thread that ended early has panicked; joining it reports that.
                let _ = sender.send(Arc::clone(&chunk));
            }
            offset = offset.saturating_add(len);
        }
        drop(senders);
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        Ok(threads.into_iter().map(join).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_across_buffers_have_the_digests_of_their_bytes() {
        let file = testkit::noise(1, (BUFFER_LEN as usize) * 2 + 77);
        let size = file.len() as u64;
        let sha256 = || Algorithm::Digest(DigestAlgorithm::Sha256);
        let mut whole = Pieces::new(sha256());
        whole.push(0..size).unwrap();
        let mut parts = Pieces::new(sha256());
        let ranges = [
            0..0,
            0..10,
            10..BUFFER_LEN,
            BUFFER_LEN..BUFFER_LEN,
            BUFFER_LEN + 3..size - 1,
            size - 1..size,
        ];
        for range in ranges.clone() {
            parts.push(range).unwrap();
        }
        assert_eq!(parts.push(5..20), None);
        assert_eq!(parts.push(size..size - 1), None);
        let mut crc = Pieces::new(Algorithm::Crc32);
        crc.push(1..100).unwrap();
        let digests = read(&file, vec![whole, parts, crc], &|_| ()).unwrap();
        assert_eq!(digests[0], [Sha256::digest(&file).to_vec()]);
        for (range, digest) in ranges.into_iter().zip(&digests[1]) {
            let part = &file[range.start as usize..range.end as usize];
            assert_eq!(*digest, Sha256::digest(part).to_vec(), "{range:?}");
        }
        assert_eq!(digests[1].len(), 6);
        let crc = crc32fast::hash(&file[1..100]).to_be_bytes();
        assert_eq!(digests[2], [crc.to_vec()]);
    }
}
