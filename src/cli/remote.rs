//! Packages in files or on hosts.
//!
//! In: a path or an address. Out: an open package. Of an address, only the needed parts are read.

use std::io;
use std::path::Path;
use std::sync::Arc;

use ota_view::io::{Budget, Limits};
use ota_view::package::Package;
use romfeed::fetch::{Reach, Remote, is_askable};
use romfeed::generate::edit::path_in_builds;
use romfeed::ingest::{self, Context, Error, Examined, RemotePackage};
use romfeed::model::config::Config;

use super::http;

/// Longest wait for one response, in seconds: a part has up to 8 MiB.
pub(crate) const TIMEOUT: u16 = 60;
/// The hint for a package that cannot be read from its host.
pub(crate) const HINT: &str =
    "check the address with `curl -I`; the host must support requests for a part of a file";

/// Returns the address of a package; none for a path.
pub(crate) fn address(zip: &Path) -> Option<&str> {
    let text = zip.to_str()?;
    let (scheme, _) = text.split_once("://")?;
    ["http", "https"]
        .iter()
        .any(|s| scheme.eq_ignore_ascii_case(s))
        .then_some(text)
}

/// Returns the file name in an address.
pub(crate) fn filename(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    path.rsplit('/').next().unwrap_or(path)
}

/// Opens a file on a host to read parts of it; requests its start.
pub(crate) fn open(url: &str) -> Result<Arc<Remote>, Error> {
    connect(url, None).map(Arc::new).map_err(Error::Open)
}

/// As [`open`], to read the whole file, and parts of it twice.
pub(crate) fn open_whole(url: &str, ca: Option<&Path>) -> io::Result<Arc<Remote>> {
    Ok(Arc::new(connect(url, ca)?.with_max_bytes(u64::MAX)))
}

/// Examines a package by its path, or on its host, where it is open already.
pub(crate) fn examine(
    zip: &Path,
    remote: Option<&Arc<Remote>>,
    config: &Config,
) -> Result<Examined, Error> {
    let context = Context::new(config);
    let (Some(remote), Some(url)) = (remote, address(zip)) else {
        return ingest::examine(zip, &path_in_builds(zip, &config.builds), context);
    };
    let package = RemotePackage {
        source: Arc::clone(remote),
        known_as: None,
        path: filename(url),
        place: None,
    };
    ingest::examine_remote(package, context)
}

fn connect(url: &str, ca: Option<&Path>) -> io::Result<Remote> {
    if !is_askable(url) {
        let reason = "it must begin with https://; http:// is only for addresses of this machine";
        return Err(io::Error::other(reason));
    }
    let http = http::connect(ca, TIMEOUT, Reach::Any).map_err(io::Error::other)?;
    Remote::open(Arc::new(http), url).map_err(io::Error::other)
}

/// An open package, and its host if it is not on this machine.
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
