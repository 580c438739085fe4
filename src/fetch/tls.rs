//! Explains TLS errors.
//!
//! In: an error of `rustls`. Out: a [`TlsFault`], with a variant for each problem that a maintainer
//! can fix.
//!
//! Source: RFC 5280, 4.2.1.9 (`basicConstraints`), 4.1.2.5 (validity), 4.2.1.6 (names).

use chrono::DateTime;
use rustls::{CertificateError, Error as RustlsError};
use thiserror::Error;

/// The name of a `webpki` error: an authority's certificate is used for a host. `rustls` has no variant
/// for it and passes it on.
const AUTHORITY: &str = "CaUsedAsEndEntity";

/// Why TLS failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TlsFault {
    /// The host uses an authority's certificate, which `openssl req -x509` makes by default.
    #[error(
        "the host's certificate is marked as an authority (CA:TRUE), which is not allowed for a host"
    )]
    Authority,
    /// No trusted authority signed the certificate, or an intermediate certificate is missing.
    #[error("no trusted authority has signed the host's certificate")]
    UnknownIssuer,
    /// The certificate has expired.
    #[error("the host's certificate expired on {date}")]
    Expired {
        /// The day, in UTC.
        date: String,
    },
    /// The certificate is not yet valid, or a clock is wrong.
    #[error("the host's certificate is not valid before {date}")]
    NotYetValid {
        /// The day, in UTC.
        date: String,
    },
    /// The certificate is for another host.
    #[error("the host's certificate is for {}, not for this name", .names.escape_debug())]
    Name {
        /// The names in the certificate.
        names: String,
    },
    /// The server does not use TLS.
    #[error("the server does not use TLS; is it plain http?")]
    NoTls,
    /// Any other error.
    #[error("TLS failed: {}", .reason.escape_debug())]
    Other {
        /// What is wrong.
        reason: String,
    },
}

impl TlsFault {
    /// Translates an error of `rustls`.
    pub(super) fn from_rustls(error: &RustlsError) -> TlsFault {
        match error {
            RustlsError::InvalidCertificate(error) => TlsFault::from_certificate(error),
            RustlsError::InvalidMessage(_) => TlsFault::NoTls,
            error => TlsFault::Other {
                reason: error.to_string(),
            },
        }
    }

    fn from_certificate(error: &CertificateError) -> TlsFault {
        match error {
            CertificateError::Other(other) if other.to_string() == AUTHORITY => TlsFault::Authority,
            CertificateError::Other(other) => TlsFault::Other {
                reason: other.to_string(),
            },
            CertificateError::UnknownIssuer => TlsFault::UnknownIssuer,
            CertificateError::ExpiredContext { not_after, .. } => TlsFault::Expired {
                date: day(not_after.as_secs()),
            },
            CertificateError::NotValidYetContext { not_before, .. } => TlsFault::NotYetValid {
                date: day(not_before.as_secs()),
            },
            CertificateError::NotValidForNameContext { presented, .. } => TlsFault::Name {
                names: names(presented),
            },
            error => TlsFault::Other {
                reason: error.to_string(),
            },
        }
    }
}

/// Formats the day of a time in seconds since the epoch.
fn day(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok();
    let time = time.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    time.map_or_else(
        || "a date out of range".to_owned(),
        |time| time.format("%Y-%m-%d").to_string(),
    )
}

/// Lists names without the form in which `rustls` shows them, such as `DnsName("example.org")`.
fn names(presented: &[String]) -> String {
    let bare = |name: &String| {
        let inner = name.split_once('(').map(|(_, rest)| rest);
        let inner = inner.and_then(|rest| rest.strip_suffix(')'));
        inner.unwrap_or(name).trim_matches('"').to_owned()
    };
    match presented {
        [] => "no name at all (it has no subjectAltName)".to_owned(),
        names => names.iter().map(bare).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::{ServerName, UnixTime};

    use super::*;

    fn message(error: CertificateError) -> String {
        TlsFault::from_rustls(&RustlsError::InvalidCertificate(error)).to_string()
    }

    #[test]
    fn certificate_errors_are_explained() {
        let at = |seconds| UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let expired = CertificateError::ExpiredContext {
            time: at(1_700_000_000),
            not_after: at(1_600_000_000),
        };
        assert_eq!(
            message(expired),
            "the host's certificate expired on 2020-09-13"
        );
        let early = CertificateError::NotValidYetContext {
            time: at(1_600_000_000),
            not_before: at(1_700_000_000),
        };
        assert_eq!(
            message(early),
            "the host's certificate is not valid before 2023-11-14"
        );
        let other = |presented: &[&str]| {
            message(CertificateError::NotValidForNameContext {
                expected: ServerName::try_from("h.example").unwrap(),
                presented: presented.iter().map(|name| (*name).to_owned()).collect(),
            })
        };
        assert_eq!(
            other(&["DnsName(\"a.example\")", "IpAddress(127.0.0.1)"]),
            "the host's certificate is for a.example, 127.0.0.1, not for this name"
        );
        assert!(other(&[]).contains("no subjectAltName"));
        let unsigned = message(CertificateError::UnknownIssuer);
        assert!(unsigned.starts_with("no trusted authority"));
    }
}
