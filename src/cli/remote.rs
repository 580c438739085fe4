//! Packages by path or by address.

use std::io;
use std::path::Path;
use std::sync::Arc;

use ota_view::io::{Budget, Limits};
use ota_view::package::Package;
use romfeed::fetch::{Reach, Remote};
use romfeed::ingest::{self, Error};

use super::http;

/// Longest wait for one answer, in seconds: a part has up to 8 MiB.
pub(crate) const TIMEOUT: u16 = 60;
/// What to do about a package that its host does not give.
pub(crate) const HINT: &str =
    "check the address with `curl -I`; the host has to answer requests for a part of a file";

/// The address of a package, if this is one and not a path.
pub(crate) fn address(zip: &Path) -> Option<&str> {
    let text = zip.to_str()?;
    let (scheme, _) = text.split_once("://")?;
    ["http", "https"]
        .iter()
        .any(|s| scheme.eq_ignore_ascii_case(s))
        .then_some(text)
}

/// The file name in an address.
pub(crate) fn filename(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    path.rsplit('/').next().unwrap_or(path)
}

/// Asks the host at an address for the start of its file, of which parts are to be read.
pub(crate) fn open(url: &str) -> Result<Arc<Remote>, Error> {
    connect(url, None).map(Arc::new).map_err(Error::Open)
}

/// As [`open`], where all of the file is to be read, parts of it twice.
pub(crate) fn open_whole(url: &str, ca: Option<&Path>) -> io::Result<Arc<Remote>> {
    Ok(Arc::new(connect(url, ca)?.with_max_bytes(u64::MAX)))
}

fn connect(url: &str, ca: Option<&Path>) -> io::Result<Remote> {
    if !http::is_askable(url) {
        let reason = "it has to be https; only this machine is asked by http";
        return Err(io::Error::other(reason));
    }
    let http = http::connect(ca, TIMEOUT, Reach::Any).map_err(io::Error::other)?;
    Remote::open(Arc::new(http), url).map_err(io::Error::other)
}

/// A package that was opened, and where it is if that is not this machine.
pub(crate) struct Opened {
    pub(crate) package: Package,
    pub(crate) budget: Arc<Budget>,
    pub(crate) size: u64,
    pub(crate) remote: Option<Arc<Remote>>,
}

/// Opens a package by its path or address.
pub(crate) fn open_package(zip: &Path, limits: &Limits) -> Result<Opened, Error> {
    let Some(url) = address(zip) else {
        let (package, budget, stamp) = ingest::open(zip, limits)?;
        return Ok(Opened {
            package,
            budget,
            size: stamp.size,
            remote: None,
        });
    };
    let remote = open(url)?;
    let (package, budget) = ingest::open_source(Arc::clone(&remote), limits)?;
    Ok(Opened {
        size: package.size(),
        package,
        budget,
        remote: Some(remote),
    })
}
