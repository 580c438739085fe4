//! The HTTP client, with the settings of the flags.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use romfeed::fetch::{Http, Reach, Settings, parse_roots};

use super::escape::shown;

/// The user agent of all requests.
const USER_AGENT: &str = concat!("romfeed/", env!("CARGO_PKG_VERSION"));
/// Longest wait of the server for another host, in seconds: its own client waits meanwhile.
#[cfg(feature = "serve")]
pub(crate) const SERVER_TIMEOUT: u16 = 30;
/// Largest `--ca` file that is read, in bytes; the certificates that browsers trust have 250 KiB.
const MAX_CA: u64 = 4 << 20;

/// Makes a client with these [settings].
pub(crate) fn connect(ca: Option<&Path>, seconds: u16, reach: Reach) -> Result<Http, String> {
    settings(ca, seconds, reach).map(|settings| Http::new(&settings))
}

/// As [`connect`], with the certificates that this setting names.
#[cfg(feature = "s3")]
pub(crate) fn connect_as(
    setting: &str,
    ca: Option<&Path>,
    seconds: u16,
    reach: Reach,
) -> Result<Http, String> {
    settings_as(setting, ca, seconds, reach).map(|settings| Http::new(&settings))
}

/// Makes settings: the certificates to trust, from this PEM file or those that browsers trust, and the
/// longest wait for a response in seconds.
pub(crate) fn settings(ca: Option<&Path>, seconds: u16, reach: Reach) -> Result<Settings, String> {
    settings_as("--ca", ca, seconds, reach)
}

fn settings_as(
    setting: &str,
    ca: Option<&Path>,
    seconds: u16,
    reach: Reach,
) -> Result<Settings, String> {
    let roots = match ca {
        None => Vec::new(),
        Some(file) => {
            read_roots(file).map_err(|reason| format!("{setting} {}: {reason}", shown(file)))?
        }
    };
    Ok(Settings {
        timeout: Duration::from_secs(seconds.into()),
        user_agent: USER_AGENT.to_owned(),
        roots,
        reach,
    })
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
