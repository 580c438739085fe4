//! Objects that several machines read and write: each write has a condition, so that none is lost.
//!
//! In: a bucket, and the keys for it. Out: its objects with their `ETag`, which a later write names. Requests are
//! `ListObjectsV2`, `GetObject` and `PutObject` with `If-Match` or `If-None-Match` (Amazon S3 API Reference, 2006-03-01).
//! Nothing is deleted: not all stores have conditions for that.

use std::fmt;
use std::sync::Arc;

use rusty_s3::Method;

use super::{Signer, address};
use crate::fetch::{Fetch, Request};
use crate::model::source::Bucket;
use crate::source::{Client, Error};

/// Longest object that is read, in bytes, as for catalogs on this machine.
const MAX_SIZE: usize = 256 << 20;
/// Longest answer to a write that is read, in bytes.
const MAX_ANSWER: usize = 64 << 10;
/// Statuses of a write whose condition is not met. Amazon answers 409 if two writes meet, and 404 if the object is gone.
const UNMET: [u16; 2] = [409, 412];
/// Name and content of the object that shows whether a store heeds conditions.
const PROBE: &str = ".romfeed-probe";
const PROBE_TEXT: &[u8] =
    b"romfeed writes this object to see whether the store heeds If-Match and If-None-Match.\n";
/// The most times that it is written with its own `ETag`.
const MAX_PROBES: usize = 16;
/// An `ETag` that no object has.
const NO_TAG: &str = "00000000000000000000000000000000";

/// An object below the prefix of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key without the prefix.
    pub name: String,
    /// Its `ETag`, without quotes.
    pub tag: String,
    /// Whether it has no bytes.
    pub is_empty: bool,
}

/// What has to hold for an object to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition<'a> {
    /// Nothing: the last write counts.
    Any,
    /// There is none of this name.
    New,
    /// It has this `ETag`.
    Is(&'a str),
}

/// What a store did with an object.
#[derive(Debug, PartialEq, Eq)]
enum Put {
    /// It wrote it, and may have sent its `ETag`.
    Written(Option<String>),
    /// The condition is not met.
    Unmet,
}

/// The objects below the prefix of a bucket.
pub struct Objects {
    bucket: Bucket,
    fetch: Arc<dyn Fetch>,
    clock: fn() -> i64,
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects")
            .field("bucket", &self.bucket)
            .finish_non_exhaustive()
    }
}

impl Objects {
    /// Uses this bucket; `clock` returns seconds since the epoch.
    #[must_use]
    pub fn new(bucket: Bucket, fetch: Arc<dyn Fetch>, clock: fn() -> i64) -> Objects {
        Objects {
            bucket,
            fetch,
            clock,
        }
    }

    /// Returns the address of the bucket with its prefix.
    #[must_use]
    pub fn address(&self) -> String {
        address(&self.bucket, "")
    }

    /// Lists all objects.
    ///
    /// # Errors
    /// [`Error`], if the list is not complete.
    pub fn list(&self) -> Result<Vec<Listed>, Error> {
        let mut listed = Vec::new();
        let (client, signer) = (self.client(), self.signer());
        signer.each_object(&client, |object| {
            let name = object.key.strip_prefix(&self.bucket.prefix);
            listed.extend(name.map(|name| Listed {
                name: name.to_owned(),
                tag: object.etag.clone(),
                is_empty: object.size.as_ref().and_then(serde_json::Number::as_u64) == Some(0),
            }));
            Ok(())
        })?;
        Ok(listed)
    }

    /// Reads an object and its `ETag`; `None` if there is none of this name.
    ///
    /// # Errors
    /// [`Error`], also if it has no `ETag` that a condition can name.
    pub fn read(&self, name: &str) -> Result<Option<(Vec<u8>, String)>, Error> {
        let signer = self.signer();
        let url = signer.sign(Method::Get, &address(&self.bucket, name), &[], None);
        let response = self
            .client()
            .send(&Request::get(&url, MAX_SIZE), &[200, 404])
            .map_err(|error| signer.explain(error))?;
        if response.status == 404 {
            return Ok(None);
        }
        let tag = tag(response.header("etag")).ok_or_else(|| self.untagged())?;
        Ok(Some((response.body, tag)))
    }

    /// Writes an object, and returns its `ETag`; `None` if the condition is not met, and the object has other bytes.
    ///
    /// # Errors
    /// [`Error`]; the object may be written nevertheless.
    pub fn write(
        &self,
        name: &str,
        bytes: &[u8],
        condition: Condition<'_>,
    ) -> Result<Option<String>, Error> {
        if let Put::Written(Some(tag)) = self.put(name, bytes, condition)? {
            return Ok(Some(tag));
        }
        // A condition is not met either if the object was written, but the answer to that was lost.
        let read = self.read(name)?;
        Ok(read.and_then(|(there, tag)| (there == bytes).then_some(tag)))
    }

    fn put(&self, name: &str, bytes: &[u8], condition: Condition<'_>) -> Result<Put, Error> {
        let signer = self.signer();
        let url = signer.sign(Method::Put, &address(&self.bucket, name), &[], None);
        let quoted;
        let header = match condition {
            Condition::Any => None,
            Condition::New => Some(("if-none-match", "*")),
            Condition::Is(tag) => {
                quoted = format!("\"{tag}\"");
                Some(("if-match", &*quoted))
            }
        };
        let request = Request {
            put: Some(bytes),
            header,
            ..Request::get(&url, MAX_ANSWER)
        };
        let sent = self.client().send(&request, &[200, 201, 204, 409, 412]);
        match sent.map_err(|error| signer.explain(error)) {
            Ok(response) if UNMET.contains(&response.status) => Ok(Put::Unmet),
            Ok(response) => Ok(Put::Written(tag(response.header("etag")))),
            Err(Error::Status {
                status: 404,
                message,
                ..
            }) if message.starts_with("NoSuchKey") => Ok(Put::Unmet),
            Err(error) => Err(error),
        }
    }

    /// Checks that the store heeds conditions, by writes of an object that nothing else reads.
    ///
    /// # Errors
    /// [`Error::Unconditional`], [`Error::Untagged`], or why an object cannot be written.
    pub fn probe(&self) -> Result<(), Error> {
        let ignored = |header| Error::Unconditional {
            url: self.bucket.url.clone(),
            header,
        };
        let put = |condition: Condition<'_>, header| match self.put(PROBE, PROBE_TEXT, condition) {
            Err(Error::Status { status: 501, .. }) => Err(ignored(header)),
            put => put,
        };
        // It may be there from an earlier time.
        put(Condition::New, "If-None-Match")?;
        if put(Condition::New, "If-None-Match")? != Put::Unmet {
            return Err(ignored("If-None-Match"));
        }
        if put(Condition::Is(NO_TAG), "If-Match")? != Put::Unmet {
            return Err(ignored("If-Match"));
        }
        // Other machines may be writing it as well.
        for _ in 0..MAX_PROBES {
            if let Some((_, tag)) = self.read(PROBE)?
                && put(Condition::Is(&tag), "If-Match")? != Put::Unmet
            {
                return Ok(());
            }
        }
        Err(self.untagged())
    }

    fn untagged(&self) -> Error {
        Error::Untagged {
            url: self.bucket.url.clone(),
        }
    }

    fn client(&self) -> Client<'_> {
        Client {
            fetch: &*self.fetch,
            token: None,
            now: (self.clock)(),
        }
    }

    fn signer(&self) -> Signer {
        Signer {
            writes: true,
            ..Signer::new(&self.bucket, (self.clock)())
        }
    }
}

/// Returns an `ETag` without its quotes; none for a weak one, which no condition can name.
fn tag(header: Option<&str>) -> Option<String> {
    let tag = header?.trim_matches('"');
    (!tag.is_empty() && !tag.starts_with("W/")).then(|| tag.to_owned())
}
