//! Lists the objects of a bucket in a store with the API of Amazon S3, and signs requests for them.
//!
//! In: a bucket, and the keys for it. Out: the objects below its prefix, at their plain addresses; what reads them
//! asks a [`Store`] for a signed address when it begins, since such an address is good for some hours only.
//!
//! Requests are `ListObjectsV2`, `GetObject` and `HeadObject` (Amazon S3 API Reference, 2006-03-01), signed in the
//! query (AWS Signature Version 4). Without keys they are not signed, which is enough for a public bucket.
//!
//! `ETag` tells versions apart and nothing else. It is an MD5 only if an object was stored in one piece, and
//! neither with a key of the customer nor with one of KMS nor in a directory bucket; a list does not say so. The
//! digests that a store vouches for are in the headers of each object.

mod objects;
mod page;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant, UNIX_EPOCH};

use base16ct::lower::encode_string as hex;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rusty_s3::Method;
use rusty_s3::signing::sign;

pub use self::objects::{Condition, Listed, Objects};
use self::page::{Object, Page};
use super::builder::{Builder, Offer, parse_date};
use super::folders::is_usable;
use super::{Client, Error, Listing, RemoteFile, Store};
use crate::fetch::{Fetch, Request};
use crate::model::address::encode_path;
use crate::model::source::Bucket;

/// Maximum number of pages; each has up to 1,000 objects, also of other kinds than files.
const MAX_PAGES: usize = 1_000;
/// How long a signed address is good for, in seconds: reading the largest package takes less.
const MAX_AGE: u64 = 12 * 60 * 60;
/// The page, in messages.
const WANTED: &str = "a list of objects (XML)";
/// The header that requests digests.
const CHECKSUMS: (&str, &str) = ("x-amz-checksum-mode", "ENABLED");

/// Lists all objects below the prefix of a bucket.
pub(super) fn list(client: &Client<'_>, bucket: &Bucket) -> Result<Listing, Error> {
    let mut builder = Builder::new(&bucket.url);
    let signer = Signer::new(bucket, client.now);
    signer.each_object(client, |object| add(&mut builder, bucket, object))?;
    Ok(builder.finish())
}

/// Adds an object, unless it stands for a folder.
fn add(builder: &mut Builder, bucket: &Bucket, object: &Object) -> Result<(), Error> {
    let path = object.key.strip_prefix(&bucket.prefix).unwrap_or_default();
    if path.is_empty() || path.ends_with('/') {
        return Ok(());
    }
    let names: Vec<&str> = path.split('/').collect();
    if !names.iter().all(|name| is_usable(name, path, builder)) {
        return Ok(());
    }
    let (name, folders) = names.split_last().unwrap_or((&"", &[]));
    let tag = match object.etag.as_str() {
        "" => &object.modified,
        etag => etag,
    };
    builder.add(Offer {
        folders: folders.to_vec(),
        name,
        id: path.to_owned(),
        size: object.size.as_ref(),
        tag: tag.to_owned(),
        date: parse_date(&object.modified),
        url: &address(bucket, path),
        ..Offer::default()
    })
}

/// Returns the plain address of an object.
fn address(bucket: &Bucket, path: &str) -> String {
    let key = format!("{}{path}", bucket.prefix);
    format!("{}/{}", bucket.url, encode_path(&key))
}

/// Signs requests for a bucket.
pub(super) struct Signer {
    bucket: Bucket,
    /// The time of `begun`, in seconds since the epoch.
    now: i64,
    begun: Instant,
    /// Whether objects are written, too.
    writes: bool,
}

impl Signer {
    pub(super) fn new(bucket: &Bucket, now: i64) -> Signer {
        Signer {
            bucket: bucket.clone(),
            now,
            begun: Instant::now(),
            writes: false,
        }
    }

    /// Reads the list, page by page.
    fn each_object(
        &self,
        client: &Client<'_>,
        mut add: impl FnMut(&Object) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut token: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let page = self.page(client, token.as_deref())?;
            page.objects.iter().try_for_each(&mut add)?;
            if page.next.is_none() {
                return Ok(());
            }
            token = page.next;
        }
        Err(Error::TooMany {
            url: self.bucket.url.clone(),
            limit: MAX_PAGES,
            what: "pages",
        })
    }

    /// Reads a page of the list.
    fn page(&self, client: &Client<'_>, token: Option<&str>) -> Result<Page, Error> {
        // Sorted by name, as signing wants them.
        let mut query = Vec::from_iter(token.map(|token| ("continuation-token", token)));
        query.extend([("encoding-type", "url"), ("list-type", "2")]);
        query.push(("prefix", &self.bucket.prefix));
        let plain = format!("{}/", self.bucket.url);
        let url = self.sign(Method::Get, &plain, &query, None);
        let response = client
            .get(&url, None)
            .map_err(|error| self.explain(error))?;
        page::parse(&response.body)
            .and_then(|page| match &page.next {
                Some(next) if Some(next.as_str()) == token => {
                    Err("its next page is itself".to_owned())
                }
                _ => Ok(page),
            })
            .map_err(|reason| Error::Format {
                url: plain,
                wanted: WANTED,
                reason,
            })
    }

    /// Signs an address with this query and header; without keys, or if the address cannot be one, the result is
    /// not signed.
    fn sign(
        &self,
        method: Method,
        plain: &str,
        query: &[(&str, &str)],
        header: Option<(&str, &str)>,
    ) -> String {
        let now = u64::try_from(self.now).unwrap_or_default();
        let time = UNIX_EPOCH + Duration::from_secs(now) + self.begun.elapsed();
        let signed = self.bucket.keys.as_ref().and_then(|keys| {
            let url = sign(
                &time.try_into().ok()?,
                method,
                plain.parse().ok()?,
                &keys.id,
                keys.secret.reveal(),
                keys.session.as_ref().map(|session| session.reveal()),
                &self.bucket.region,
                MAX_AGE,
                query.iter().copied(),
                header.into_iter(),
            );
            Some(String::from(url))
        });
        signed.unwrap_or_else(|| {
            let query: Vec<String> = query
                .iter()
                .map(|(name, value)| format!("{name}={}", encode_path(value)))
                .collect();
            match query.is_empty() {
                true => plain.to_owned(),
                false => format!("{plain}?{}", query.join("&")),
            }
        })
    }

    /// Removes the signed query from an error, and adds what to do.
    fn explain(&self, error: Error) -> Error {
        let url = self.bucket.url.clone();
        match error {
            Error::Fetch { fault, .. } => Error::Fetch { url, fault },
            Error::Format { wanted, reason, .. } => Error::Format {
                url,
                wanted,
                reason,
            },
            Error::TooMany { limit, what, .. } => Error::TooMany { url, limit, what },
            Error::RateLimited { host, seconds, .. } => Error::RateLimited {
                host,
                seconds,
                hint: "",
            },
            Error::Status {
                status, message, ..
            } => {
                let parts = [message.trim_end_matches('.'), self.hint(status, &message)];
                let parts = parts.into_iter().filter(|part| !part.is_empty());
                Error::Status {
                    url,
                    status,
                    message: Vec::from_iter(parts).join("; "),
                }
            }
            error => error,
        }
    }

    /// Returns what to do about an error with this status and message, which begins with a code. Source: Amazon S3
    /// API Reference, Error Responses.
    fn hint(&self, status: u16, message: &str) -> &'static str {
        match (message.split(':').next().unwrap_or_default(), status) {
            ("NoSuchBucket", _) => "check the name of the bucket, `endpoint` and `region`",
            ("QuotaExceeded" | "XMinioStorageFull" | "InsufficientStorage", _) | (_, 507) => {
                "free space in the bucket, or raise its quota"
            }
            ("RequestTimeTooSkewed", _) => "set the clock of this machine right",
            ("ExpiredToken" | "InvalidToken", _) => {
                "set AWS_SESSION_TOKEN to that of a session that has not ended"
            }
            ("InvalidAccessKeyId" | "SignatureDoesNotMatch", _) => {
                "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            }
            (
                "AuthorizationHeaderMalformed"
                | "AuthorizationQueryParametersError"
                | "PermanentRedirect",
                _,
            )
            | (_, 301) => "set `region`, and `endpoint` if there is one, to those of the bucket",
            // A signature too old or too new.
            ("AccessDenied", _)
                if message.contains("expired") || message.contains("not yet valid") =>
            {
                "set the clock of this machine right"
            }
            (_, 401 | 403) => match self.bucket.keys {
                None if self.writes => "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
                None => {
                    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or let everyone list the bucket"
                }
                Some(_) if self.writes => {
                    "the key must be allowed to list the bucket, and to read and write its objects"
                }
                Some(_) => "the key must be allowed to list the bucket and to read its objects",
            },
            _ => "",
        }
    }
}

impl Store for Signer {
    fn address(&self, file: &RemoteFile) -> String {
        self.sign(Method::Get, &file.url, &[], None)
    }

    /// The store's SHA-256 counts if it is that of the whole object, and the MD5 that rclone stores with large
    /// objects.
    fn with_digests(&self, fetch: &dyn Fetch, mut file: RemoteFile) -> RemoteFile {
        let url = self.sign(Method::Head, &file.url, &[], Some(CHECKSUMS));
        let response = fetch.fetch(&Request {
            head: true,
            header: Some(CHECKSUMS),
            redirected_from: Some(&self.bucket.url),
            ..Request::get(&url, 0)
        });
        let Ok(response) = response else { return file };
        let etag = response.header("etag").map(|etag| etag.trim_matches('"'));
        if response.status != 200 || etag != Some(&file.tag) {
            return file;
        }
        let digest = |name, len| {
            let bytes = BASE64.decode(response.header(name)?).ok()?;
            (bytes.len() == len).then(|| hex(&bytes))
        };
        // Some stores do not send the type; the tag of an object in parts ends in their number.
        let is_whole = match response.header("x-amz-checksum-type") {
            Some(kind) => kind == "FULL_OBJECT",
            None => !file.tag.contains('-'),
        };
        if is_whole {
            file.sha256 = digest("x-amz-checksum-sha256", 32);
        }
        file.md5 = digest("x-amz-meta-md5chksum", 16);
        file
    }
}
