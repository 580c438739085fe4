//! Images composed of runs of another source and zeros, and sources joined into one.

use std::sync::Arc;

use crate::io::{ReadAt, ReadError, check_bounds, len_of};

/// A run of an image's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// First byte of the image.
    pub(crate) start: u64,
    /// One past its last byte.
    pub(crate) end: u64,
    /// Offset of the bytes in the source; `None` for zeros.
    pub(crate) offset: Option<u64>,
}

/// An image of zeros, except for runs of `source`.
pub(crate) struct Mapped {
    source: Arc<dyn ReadAt>,
    /// Sorted, without overlap.
    runs: Vec<Run>,
    size: u64,
}

impl Mapped {
    /// Creates an image of `size` bytes; `runs` are sorted and do not overlap.
    pub(crate) fn new(source: Arc<dyn ReadAt>, runs: Vec<Run>, size: u64) -> Mapped {
        Mapped { source, runs, size }
    }
}

impl ReadAt for Mapped {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        check_bounds(offset, buf.len(), self.size)?;
        let mut at = offset;
        let mut rest = buf;
        while !rest.is_empty() {
            let next = self.runs.partition_point(|run| run.end <= at);
            let run = self.runs.get(next);
            // Up to the end of this run, or of the gap before the next.
            let (until, from) = match run {
                Some(run) if run.start <= at => {
                    let skipped = at.saturating_sub(run.start);
                    (run.end, run.offset.map(|from| from.saturating_add(skipped)))
                }
                Some(run) => (run.start, None),
                None => (u64::MAX, None),
            };
            let len = usize::try_from(until.saturating_sub(at))
                .unwrap_or(usize::MAX)
                .min(rest.len());
            let (part, after) = rest.split_at_mut(len);
            match from {
                Some(from) => self.source.read_exact_at(from, part)?,
                None => part.fill(0),
            }
            at = at.saturating_add(len_of(part));
            rest = after;
        }
        Ok(())
    }
}

/// Several sources, one after another.
pub(crate) struct Joined {
    sources: Vec<Arc<dyn ReadAt>>,
}

impl Joined {
    pub(crate) fn new(sources: Vec<Arc<dyn ReadAt>>) -> Joined {
        Joined { sources }
    }
}

impl ReadAt for Joined {
    fn size(&self) -> u64 {
        let sizes = self.sources.iter().map(|source| source.size());
        sizes.fold(0, u64::saturating_add)
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        check_bounds(offset, buf.len(), self.size())?;
        let mut at = offset;
        let mut rest = buf;
        for source in &self.sources {
            let size = source.size();
            if at < size {
                let left = usize::try_from(size.saturating_sub(at)).unwrap_or(usize::MAX);
                let (part, after) = rest.split_at_mut(left.min(rest.len()));
                source.read_exact_at(at, part)?;
                rest = after;
                at = 0;
            } else {
                at = at.saturating_sub(size);
            }
            if rest.is_empty() {
                break;
            }
        }
        Ok(())
    }
}
