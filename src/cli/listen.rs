//! The value of `serve --listen`.

use std::net::SocketAddr;

/// Parses an address with a port, or a port of this machine alone.
///
/// # Errors
/// One line with examples.
pub(crate) fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    let port = match text.rsplit_once(':') {
        None => Some(text),
        Some(("" | "localhost", port)) => Some(port),
        Some(_) => None,
    };
    let port = port.and_then(|port| port.parse::<u16>().ok());
    let local = port.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    local.or_else(|| text.parse().ok()).ok_or_else(|| {
        "write it as 127.0.0.1:8080 or 8080 (this machine alone), 0.0.0.0:8080 or [::]:8080 (all networks)"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_means_this_machine() {
        for text in ["8080", ":8080", "localhost:8080", "127.0.0.1:8080"] {
            let expected = SocketAddr::from(([127, 0, 0, 1], 8080));
            assert_eq!(parse_listen(text), Ok(expected), "{text}");
        }
        assert!(parse_listen("[::]:80").unwrap().ip().is_unspecified());
        for text in ["", ":", "host:80", "localhost:", "[::]", "65536"] {
            assert!(parse_listen(text).is_err(), "{text}");
        }
    }
}
