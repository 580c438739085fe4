//! A client of live hosts, as flags want it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use romfeed::fetch::{Http, Settings, parse_roots};

use super::tame::shown;

/// How live hosts know who asks.
const USER_AGENT: &str = concat!("romfeed/", env!("CARGO_PKG_VERSION"));
/// Longest `--ca` file read, in bytes; all certificates that browsers trust have 250 KiB.
const MAX_CA: u64 = 4 << 20;

/// A client that trusts the certificates of this PEM file, or else those browsers trust, and
/// waits so many seconds for an answer.
pub(crate) fn connect(ca: Option<&Path>, seconds: u16) -> Result<Http, String> {
    let roots = match ca {
        None => Vec::new(),
        Some(file) => {
            read_roots(file).map_err(|reason| format!("--ca {}: {reason}", shown(file)))?
        }
    };
    Ok(Http::new(&Settings {
        timeout: Duration::from_secs(seconds.into()),
        user_agent: USER_AGENT.to_owned(),
        roots,
    }))
}

fn read_roots(file: &Path) -> Result<Vec<Vec<u8>>, String> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(file)?.take(MAX_CA).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|error| error.to_string())?;
    parse_roots(&bytes).map_err(|error| error.to_string())
}
