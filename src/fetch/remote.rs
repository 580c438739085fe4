//! A file on a live host, read in parts.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Ask, Fetch, follow};
use crate::io::{ReadAt, ReadError};

/// Bytes asked for at a time: a whole comment of a zip, and its directory behind it.
const BLOCK_LEN: u64 = 128 << 10;
/// Most requests for one file; a package's facts take three or four.
const MAX_REQUESTS: usize = 64;
/// Most redirects on the way to it.
const MAX_REDIRECTS: usize = 20;

/// A file on a host that answers in parts; what was read is kept.
pub struct Remote {
    fetch: Arc<dyn Fetch>,
    url: String,
    size: u64,
    blocks: Mutex<BTreeMap<u64, Arc<[u8]>>>,
}

impl Remote {
    /// The file of this size, in bytes, at an address.
    #[must_use]
    pub fn new(fetch: Arc<dyn Fetch>, url: &str, size: u64) -> Remote {
        Remote {
            fetch,
            url: url.to_owned(),
            size,
            blocks: Mutex::default(),
        }
    }

    /// The block with this number, from 0.
    fn block(&self, index: u64) -> io::Result<Arc<[u8]>> {
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(block) = blocks.get(&index) {
            return Ok(Arc::clone(block));
        }
        if blocks.len() >= MAX_REQUESTS {
            return Err(io::Error::other("it takes too many requests to read"));
        }
        let first = index * BLOCK_LEN;
        let last = first.saturating_add(BLOCK_LEN).min(self.size) - 1;
        let len = usize::try_from(last - first + 1).unwrap_or(usize::MAX);
        let ask = Ask {
            range: Some((first, last)),
            ..Ask::get(&self.url, len)
        };
        let answers = follow(&*self.fetch, &ask, MAX_REDIRECTS).map_err(io::Error::other)?;
        let answer = answers.into_iter().next_back().unwrap_or_default();
        if answer.status != 206 || answer.body.len() != len || answer.is_cut {
            let message = format!("status {}, {} bytes", answer.status, answer.body.len());
            return Err(io::Error::other(message));
        }
        let block: Arc<[u8]> = answer.body.into();
        blocks.insert(index, Arc::clone(&block));
        Ok(block)
    }
}

impl ReadAt for Remote {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let len = u64::try_from(buf.len()).unwrap_or(u64::MAX);
        let end = offset.checked_add(len).filter(|end| *end <= self.size);
        let Some(end) = end else {
            return Err(ReadError::OutOfBounds {
                offset,
                end: offset.saturating_add(len),
                size: self.size,
            });
        };
        let (mut at, mut rest) = (offset, buf);
        while at < end {
            let fail = |source| ReadError::Io {
                offset: at,
                source: Arc::new(source),
            };
            let block = self.block(at / BLOCK_LEN).map_err(fail)?;
            let skip = usize::try_from(at % BLOCK_LEN).unwrap_or(usize::MAX);
            let part = block.get(skip..).unwrap_or_default();
            let part = &part[..part.len().min(rest.len())];
            let (now, later) = rest.split_at_mut(part.len());
            now.copy_from_slice(part);
            at += u64::try_from(part.len()).unwrap_or(u64::MAX);
            rest = later;
        }
        Ok(())
    }
}
