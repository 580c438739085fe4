//! The fuzz targets of romfeed itself, run by the test suite and under `fuzz/`.
//!
//! In: any bytes. Out: nothing, and no panic; where the same input can be read in two ways,
//! the results are compared. Each target stays within a few seconds and some hundred MiB, whatever
//! its input.

mod feeds;
mod folders;
#[cfg(feature = "serve")]
mod http;
mod releases;
mod settings;
mod site;
mod texts;

use testkit::fuzz::Target;

/// All targets.
pub(crate) const TARGETS: [Target; 17] = [
    ("manifest", texts::manifest),
    ("catalog", site::catalog),
    ("conflict", site::conflict),
    ("config", settings::config),
    ("http", http),
    ("changelog", texts::changelog),
    ("names", texts::names),
    ("feeds", feeds::feeds),
    ("exchange", site::exchange),
    ("template", site::template),
    ("github", releases::github),
    ("forgejo", releases::forgejo),
    ("gitlab", releases::gitlab),
    ("listing", folders::listing),
    ("sourceforge", folders::sourceforge),
    ("file_list", folders::file_list),
    ("s3", folders::s3),
];

/// A request to the server, if it was built in.
fn http(data: &[u8]) {
    #[cfg(feature = "serve")]
    http::http(data);
    #[cfg(not(feature = "serve"))]
    let _ = data;
}

/// Returns bytes as text, with replacements where they are not.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
