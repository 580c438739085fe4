//! Why a source cannot be listed.

use std::path::PathBuf;

use crate::fetch::Fault;
use crate::model::fault_kind::FaultKind;

/// Why a source cannot be listed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no response.
    #[error("`{}` cannot be read: {fault}", .url.escape_debug())]
    Fetch {
        /// The address.
        url: String,
        /// Why.
        fault: Fault,
    },
    /// The host refuses the request.
    #[error("{} answers with status {status}{}", .url.escape_debug(), reason(.message))]
    Status {
        /// The address.
        url: String,
        /// The status.
        status: u16,
        /// The host's own message; may be empty.
        message: String,
    },
    /// The host accepts no more requests for now.
    #[error("{} accepts no more requests for {seconds} s{hint}", .host.escape_debug())]
    RateLimited {
        /// The host.
        host: String,
        /// The number of seconds until it accepts requests again.
        seconds: u64,
        /// What raises the limit, beginning with `; `; may be empty.
        hint: &'static str,
    },
    /// The response is not the list that was asked for.
    #[error("{} does not answer with {wanted}: {}", .url.escape_debug(), .reason.escape_debug())]
    Format {
        /// The address.
        url: String,
        /// What was asked for, with its article.
        wanted: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The list is longer than any real one.
    #[error("{} lists more than {limit} {what}", .url.escape_debug())]
    TooMany {
        /// The address.
        url: String,
        /// The limit.
        limit: usize,
        /// What is counted, in the plural.
        what: &'static str,
    },
    /// The store writes an object although it is not as the request demands.
    #[error(
        "{} writes objects whatever `{header}` demands, so two machines could overwrite each other's builds; use a \
         store that heeds it, such as Amazon S3, Cloudflare R2, MinIO or SeaweedFS, or a catalog in a folder",
        .url.escape_debug()
    )]
    Unconditional {
        /// The address of the bucket.
        url: String,
        /// The header that the store ignores.
        header: &'static str,
    },
    /// The store does not say which version of an object it sends.
    #[error(
        "{} sends no strong `ETag` that `If-Match` takes, without which two machines could overwrite each other's builds; \
         if a proxy stands before the store, make it pass `ETag` on, and compress nothing",
        .url.escape_debug()
    )]
    Untagged {
        /// The address of the bucket.
        url: String,
    },
    /// The source is a bucket, and the program was built without them.
    #[error(
        "this romfeed was built without S3; use a release of romfeed, build it with `--features s3`, or use `files` with what `rclone lsjson` prints"
    )]
    WithoutS3,
    /// A list on this machine cannot be read.
    #[error("{} cannot be read: {reason}", .file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
}

fn reason(message: &str) -> String {
    match message.trim() {
        "" => String::new(),
        message => format!(": {}", message.escape_debug()),
    }
}

impl Error {
    /// Removes advice about tokens, for a host that takes none.
    pub(super) fn without_token(self) -> Error {
        match self {
            Error::RateLimited { host, seconds, .. } => Error::RateLimited {
                host,
                seconds,
                hint: "",
            },
            error => error,
        }
    }

    /// Returns whether the same request may succeed a little later.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Error::Fetch { fault, .. } => fault.is_silence(),
            Error::Status { status, .. } => *status >= 500,
            _ => false,
        }
    }

    /// Returns the kind of fault.
    #[must_use]
    pub fn kind(&self) -> FaultKind {
        match self {
            Error::Format { .. } => FaultKind::Corrupt,
            Error::TooMany { .. } => FaultKind::Limit,
            Error::WithoutS3 | Error::Unconditional { .. } | Error::Untagged { .. } => {
                FaultKind::Unsupported
            }
            Error::Fetch { .. }
            | Error::Status { .. }
            | Error::RateLimited { .. }
            | Error::File { .. } => FaultKind::Io,
        }
    }
}
