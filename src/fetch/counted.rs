//! What a source's hosts have sent.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Fault, Fetch, Request, Response, Traffic};

/// Counts the requests that pass through it, and the bytes of their responses.
pub struct Counted {
    fetch: Arc<dyn Fetch>,
    num_requests: AtomicU64,
    num_bytes: AtomicU64,
}

impl Counted {
    /// Makes a counter in front of what connects.
    #[must_use]
    pub fn new(fetch: Arc<dyn Fetch>) -> Counted {
        Counted {
            fetch,
            num_requests: AtomicU64::new(0),
            num_bytes: AtomicU64::new(0),
        }
    }

    /// Returns the number of requests so far, with those that failed, and the size of all bodies.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        Traffic {
            num_requests: self.num_requests.load(Ordering::Relaxed),
            num_bytes: self.num_bytes.load(Ordering::Relaxed),
        }
    }
}

impl Fetch for Counted {
    fn fetch(&self, request: &Request<'_>) -> Result<Response, Fault> {
        self.num_requests.fetch_add(1, Ordering::Relaxed);
        let response = self.fetch.fetch(request)?;
        let num_bytes = response.body.len() as u64;
        self.num_bytes.fetch_add(num_bytes, Ordering::Relaxed);
        Ok(response)
    }

    fn file(&self, url: &str) -> Option<PathBuf> {
        self.fetch.file(url)
    }

    fn pause(&self, duration: Duration) {
        self.fetch.pause(duration);
    }
}
