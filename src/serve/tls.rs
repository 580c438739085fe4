//! Certificate and key for https.
//!
//! In: two PEM files. Out: an acceptor for TLS connections; or the file that cannot be used, why, and
//! what to do about it. The files are trusted: the person who starts the server names them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig, crypto};

use super::error::Error;

const NO_CERTIFICATE: &str = "name the file that begins with -----BEGIN CERTIFICATE-----; from Let's Encrypt, it is fullchain.pem";
const NO_KEY: &str = "name the file that begins with -----BEGIN PRIVATE KEY-----; from Let's Encrypt, it is privkey.pem";
const UNREADABLE: &str = "check the name of the file and its permissions";

/// Certificate and key for https.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The certificate and its chain, as PEM.
    pub cert: PathBuf,
    /// Its private key, as PEM.
    pub key: PathBuf,
}

impl Tls {
    /// Reads both files.
    pub(super) fn acceptor(&self) -> Result<TlsAcceptor, Error> {
        let certs = CertificateDer::pem_file_iter(&self.cert)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| pem_error(&self.cert, &error, NO_CERTIFICATE))?;
        if certs.is_empty() {
            let reason = "there is no certificate in it";
            return Err(tls_error(&self.cert, &reason, NO_CERTIFICATE));
        }
        let key =
            PrivateKeyDer::from_pem_file(&self.key).map_err(|error| self.key_error(&error))?;
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(|error| self.pair_error(&error))?
                .with_no_client_auth()
                .with_single_cert(certs, key)
                .map_err(|error| self.pair_error(&error))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    fn key_error(&self, error: &pem::Error) -> Error {
        if !matches!(error, pem::Error::NoItemsFound) {
            return pem_error(&self.key, error, NO_KEY);
        }
        // The file has just been read, and it is short.
        let text = std::fs::read_to_string(&self.key).unwrap_or_default();
        match text.contains("ENCRYPTED PRIVATE KEY") {
            true => tls_error(
                &self.key,
                &"the key in it is encrypted with a password",
                "remove the password: openssl pkey -in locked.pem -out privkey.pem",
            ),
            false => tls_error(&self.key, &"there is no private key in it", NO_KEY),
        }
    }

    /// Describes why certificate and key cannot be used together.
    fn pair_error(&self, error: &rustls::Error) -> Error {
        match error {
            rustls::Error::InconsistentKeys(_) => tls_error(
                &self.key,
                &format!("it is not the key of {}", self.cert.display()),
                "name the two files that were made together",
            ),
            rustls::Error::InvalidCertificate(_) => tls_error(
                &self.cert,
                &"the certificate in it is damaged",
                NO_CERTIFICATE,
            ),
            // The file has a key, but the library does not support its kind.
            rustls::Error::General(_) => tls_error(
                &self.key,
                &"the key in it is damaged, or its kind is not supported",
                "make a key for RSA with 2048 to 4096 bits, ECDSA with P-256 or P-384, or Ed25519",
            ),
            error => tls_error(&self.key, error, NO_KEY),
        }
    }
}

fn pem_error(file: &Path, error: &pem::Error, fix: &'static str) -> Error {
    match error {
        pem::Error::Io(error) => tls_error(file, error, UNREADABLE),
        _ => tls_error(file, &"it is damaged, or not a PEM file", fix),
    }
}

fn tls_error(file: &Path, reason: &dyn fmt::Display, fix: &'static str) -> Error {
    Error::Tls {
        file: file.to_owned(),
        reason: reason.to_string(),
        fix,
    }
}
