//! What went wrong between a client and a host's certificate, in words.
//!
//! In: an error of `rustls`, which tells certificates apart by names of its own. Out: a
//! [`TlsFault`], as far as a maintainer can do something about it.
//!
//! Source: RFC 5280, 4.2.1.9 (`basicConstraints`), 4.1.2.5 (validity), 4.2.1.6 (names).

use chrono::DateTime;
use rustls::{CertificateError, Error as RustlsError};
use thiserror::Error;

/// What `webpki` calls an authority's certificate that is used as a host's. `rustls` has no variant
/// for it, and passes it on.
const AUTHORITY: &str = "CaUsedAsEndEntity";

/// Why TLS failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TlsFault {
    /// Its own certificate is that of an authority: the default of `openssl req -x509`.
    #[error("the host's certificate is marked as an authority (CA:TRUE), which no host may be")]
    Authority,
    /// Nobody who is trusted signed it, or a certificate between is missing.
    #[error("nobody who is trusted has signed the host's certificate")]
    UnknownIssuer,
    /// It is over.
    #[error("the host's certificate expired on {date}")]
    Expired {
        /// The day, in UTC.
        date: String,
    },
    /// It is not yet valid, or a clock is wrong.
    #[error("the host's certificate is valid from {date} on only")]
    NotYetValid {
        /// The day, in UTC.
        date: String,
    },
    /// It is another host's.
    #[error("the host's certificate is for {}, not for this name", .names.escape_debug())]
    Name {
        /// The names it is for.
        names: String,
    },
    /// What answers is no TLS.
    #[error("what answers there does not speak TLS; is it plain http?")]
    NoTls,
    /// Anything else.
    #[error("TLS failed: {}", .reason.escape_debug())]
    Other {
        /// What is wrong.
        reason: String,
    },
}

impl TlsFault {
    /// The fault that an error of `rustls` stands for.
    pub(super) fn of(error: &RustlsError) -> TlsFault {
        match error {
            RustlsError::InvalidCertificate(error) => TlsFault::of_certificate(error),
            RustlsError::InvalidMessage(_) => TlsFault::NoTls,
            error => TlsFault::Other {
                reason: error.to_string(),
            },
        }
    }

    fn of_certificate(error: &CertificateError) -> TlsFault {
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

/// A day, from seconds since 1970.
fn day(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok();
    let time = time.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    time.map_or_else(
        || "a day beyond all calendars".to_owned(),
        |time| time.format("%Y-%m-%d").to_string(),
    )
}

/// Names as `rustls` shows them: `DnsName("example.org")`, `IpAddress(127.0.0.1)`.
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

    fn said(error: CertificateError) -> String {
        TlsFault::of(&RustlsError::InvalidCertificate(error)).to_string()
    }

    #[test]
    fn what_is_wrong_with_a_certificate_is_said_in_words() {
        let at = |seconds| UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let expired = CertificateError::ExpiredContext {
            time: at(1_700_000_000),
            not_after: at(1_600_000_000),
        };
        assert_eq!(
            said(expired),
            "the host's certificate expired on 2020-09-13"
        );
        let early = CertificateError::NotValidYetContext {
            time: at(1_600_000_000),
            not_before: at(1_700_000_000),
        };
        assert_eq!(
            said(early),
            "the host's certificate is valid from 2023-11-14 on only"
        );
        let other = |presented: &[&str]| {
            said(CertificateError::NotValidForNameContext {
                expected: ServerName::try_from("h.example").unwrap(),
                presented: presented.iter().map(|name| (*name).to_owned()).collect(),
            })
        };
        assert_eq!(
            other(&["DnsName(\"a.example\")", "IpAddress(127.0.0.1)"]),
            "the host's certificate is for a.example, 127.0.0.1, not for this name"
        );
        assert!(other(&[]).contains("no subjectAltName"));
        let of_nobody = said(CertificateError::UnknownIssuer);
        assert!(of_nobody.starts_with("nobody who is trusted"));
    }
}
