//! Certificates of private certificate authorities.
//!
//! In: a PEM file. Out: its certificates as DER, for [`Settings`](super::Settings).

use thiserror::Error;
use ureq::tls::{PemItem, parse_pem};

/// Why no certificates can be read from a file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RootsError {
    /// The file is not PEM, or a part of it is damaged.
    #[error("it is not a PEM file: {}", .0.escape_debug())]
    Pem(String),
    /// The file is PEM without a certificate.
    #[error("it has no certificate (`-----BEGIN CERTIFICATE-----`)")]
    Empty,
}

/// Reads the certificates of a PEM file and skips the keys in it.
///
/// # Errors
/// [`RootsError`], if there is no certificate.
pub fn parse_roots(pem: &[u8]) -> Result<Vec<Vec<u8>>, RootsError> {
    let mut roots = Vec::new();
    for item in parse_pem(pem) {
        let item = item.map_err(|error| RootsError::Pem(error.to_string()))?;
        if let PemItem::Certificate(certificate) = item {
            roots.push(certificate.der().to_vec());
        }
    }
    match roots.is_empty() {
        true => Err(RootsError::Empty),
        false => Ok(roots),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_read_from_pem() {
        let pem = b"# mine\n-----BEGIN CERTIFICATE-----\nAAECAw==\n-----END CERTIFICATE-----\n";
        assert_eq!(parse_roots(pem), Ok(vec![vec![0, 1, 2, 3]]));
        assert_eq!(parse_roots(b"hello"), Err(RootsError::Empty));
        let broken = b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
        assert!(matches!(parse_roots(broken), Err(RootsError::Pem(_))));
    }
}
