//! A static web host with https in this process, with the certificate of the tests.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

const CERT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tls/cert.pem");
const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tls/key.pem");

/// Serves a folder until the tests end; returns its address. Clients have to trust [`authority`].
pub(crate) fn serve(folder: PathBuf) -> String {
    let certs: Result<Vec<_>, _> = CertificateDer::pem_file_iter(CERT).unwrap().collect();
    let key = PrivateKeyDer::from_pem_file(KEY).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certs.unwrap(), key);
    let config = Arc::new(config.unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr: SocketAddr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (folder, config) = (folder.clone(), Arc::clone(&config));
            // A client may close the connection early.
            std::thread::spawn(move || stream.and_then(|stream| talk(stream, &folder, config)));
        }
    });
    format!("https://{addr}")
}

/// Returns the file for `--ca` and `ROMFEED_CA`.
pub(crate) fn authority() -> &'static str {
    CERT
}

/// Answers requests until the client closes the connection.
fn talk(stream: TcpStream, folder: &Path, config: Arc<ServerConfig>) -> std::io::Result<()> {
    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if stream.by_ref().take(1 << 16).read_until(b'\n', &mut head)? == 0 {
                return Ok(());
            }
        }
        let head = String::from_utf8_lossy(&head);
        let answer = answer(&head, folder);
        stream.get_mut().write_all(&answer)?;
        stream.get_mut().flush()?;
    }
}

/// Returns the answer to a request.
fn answer(head: &str, folder: &Path) -> Vec<u8> {
    let mut words = head.split_whitespace();
    let (method, path) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let path = percent_encoding::percent_decode_str(path.trim_start_matches('/'));
    let path = path.decode_utf8_lossy().into_owned();
    let Ok(file) = std::fs::read(folder.join(&path)) else {
        return b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec();
    };
    let content_type = match path.rsplit_once('.') {
        Some((_, "zip")) => "application/zip",
        Some((_, "html")) => "text/html",
        Some((_, "atom")) => "application/atom+xml",
        Some((_, "css")) => "text/css",
        _ => "application/json",
    };
    let lower = head.to_lowercase();
    let range = lower
        .lines()
        .find_map(|line| line.strip_prefix("range: bytes="));
    let range = range.and_then(|range| {
        let (first, last) = range.split_once('-')?;
        let last = last
            .parse()
            .unwrap_or(usize::MAX)
            .min(file.len().checked_sub(1)?);
        Some((first.parse().ok()?, last))
    });
    let (status, body) = match range {
        Some((first, last)) if first <= last => {
            let range = format!(
                "206 Partial Content\r\ncontent-range: bytes {first}-{last}/{}",
                file.len()
            );
            (range, &file[first..=last])
        }
        _ => ("200 OK".to_owned(), &file[..]),
    };
    let mut answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\
         accept-ranges: bytes\r\ncache-control: max-age=60\r\n\r\n",
        body.len()
    )
    .into_bytes();
    if method != "HEAD" {
        answer.extend(body);
    }
    answer
}
