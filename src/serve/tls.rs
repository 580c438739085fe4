//! Certificate and key for https.
//!
//! In: two PEM files. Out: what makes TLS of a connection, or what is wrong with which file and what
//! to do about it, in words. Files are those of the person who starts the server.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig, crypto};

use super::Error;

const NO_CERTIFICATE: &str =
    "name the file that begins with -----BEGIN CERTIFICATE-----; of Let's Encrypt, fullchain.pem";
const NO_KEY: &str =
    "name the file that begins with -----BEGIN PRIVATE KEY-----; of Let's Encrypt, privkey.pem";
const UNREADABLE: &str = "check the name of the file and its permissions";

/// Certificate and key for https.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The certificate and those it leads to, as PEM.
    pub cert: PathBuf,
    /// Its private key, as PEM.
    pub key: PathBuf,
}

impl Tls {
    /// Reads both.
    pub(super) fn acceptor(&self) -> Result<TlsAcceptor, Error> {
        let certs = CertificateDer::pem_file_iter(&self.cert)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| of_pem(&self.cert, &error, NO_CERTIFICATE))?;
        if certs.is_empty() {
            let reason = "there is no certificate in it";
            return Err(fault(&self.cert, &reason, NO_CERTIFICATE));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| self.of_key(&error))?;
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(|error| self.of_pair(&error))?
                .with_no_client_auth()
                .with_single_cert(certs, key)
                .map_err(|error| self.of_pair(&error))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    fn of_key(&self, error: &pem::Error) -> Error {
        if !matches!(error, pem::Error::NoItemsFound) {
            return of_pem(&self.key, error, NO_KEY);
        }
        // The file has just been read, and is a short one.
        let text = std::fs::read_to_string(&self.key).unwrap_or_default();
        match text.contains("ENCRYPTED PRIVATE KEY") {
            true => fault(
                &self.key,
                &"the key in it is locked with a password",
                "take the password off: openssl pkey -in locked.pem -out privkey.pem",
            ),
            false => fault(&self.key, &"there is no private key in it", NO_KEY),
        }
    }

    /// Why the two cannot be used together.
    fn of_pair(&self, error: &rustls::Error) -> Error {
        match error {
            rustls::Error::InconsistentKeys(_) => fault(
                &self.key,
                &format!("it is not the key of {}", self.cert.display()),
                "name the two files that were made together",
            ),
            rustls::Error::InvalidCertificate(_) => fault(
                &self.cert,
                &"the certificate in it is damaged",
                NO_CERTIFICATE,
            ),
            // There is a key, but none that the library knows.
            rustls::Error::General(_) => fault(
                &self.key,
                &"the key in it is damaged, or of a kind that is not supported",
                "make one of RSA with 2048 to 4096 bits, of ECDSA with P-256 or P-384, or of Ed25519",
            ),
            error => fault(&self.key, error, NO_KEY),
        }
    }
}

fn of_pem(file: &Path, error: &pem::Error, fix: &'static str) -> Error {
    match error {
        pem::Error::Io(error) => fault(file, error, UNREADABLE),
        _ => fault(file, &"it is damaged, or no PEM file", fix),
    }
}

fn fault(file: &Path, reason: &dyn fmt::Display, fix: &'static str) -> Error {
    Error::Tls {
        file: file.to_owned(),
        reason: reason.to_string(),
        fix,
    }
}
