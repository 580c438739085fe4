//! Limits on the lists that are made for single requests.
//!
//! In: finished lists. Out: the same bytes, counted for as long as a connection holds them; and a
//! semaphore for the lists in the making.

use std::sync::Arc;

use hyper::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Most lists that are made at a time: each uses a processor and several times its own length.
const MAX_MAKING: usize = 2;
/// Most bytes of lists for single requests that all connections together hold.
const MAX_HELD: usize = 64 << 20;
/// The number of bytes that count as one unit of the semaphore.
const UNIT: usize = 1 << 10;

/// Limits on the lists that are made for single requests.
#[derive(Debug)]
pub(super) struct ListBounds {
    pub(super) making: Semaphore,
    held: Arc<Semaphore>,
}

impl Default for ListBounds {
    fn default() -> ListBounds {
        ListBounds {
            making: Semaphore::new(MAX_MAKING),
            held: Arc::new(Semaphore::new(MAX_HELD / UNIT)),
        }
    }
}

/// A list that counts as long as a connection holds it.
struct CountedList {
    bytes: Vec<u8>,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for CountedList {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl ListBounds {
    /// Counts a list; none if connections hold too many bytes.
    pub(super) fn hold(&self, bytes: Vec<u8>) -> Option<Bytes> {
        // A list that is longer than the limit uses all of it.
        let num_units = bytes.len().div_ceil(UNIT).clamp(1, MAX_HELD / UNIT);
        let num_units = u32::try_from(num_units).ok()?;
        let permit = Arc::clone(&self.held)
            .try_acquire_many_owned(num_units)
            .ok()?;
        Some(Bytes::from_owner(CountedList {
            bytes,
            _permit: permit,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_all_connections_together_are_limited() {
        let bounds = ListBounds::default();
        let list = |len: usize| bounds.hold(vec![0; len]);
        let held = list(MAX_HELD / 2 + 1).unwrap();
        assert!(list(MAX_HELD / 2).is_none());
        let small = list(1).unwrap();
        drop((held, small));
        // A list that is longer than the limit goes to one client at a time.
        let long = list(MAX_HELD + 1).unwrap();
        assert!(list(1).is_none());
        drop(long);
        assert!(list(MAX_HELD).is_some());
    }
}
