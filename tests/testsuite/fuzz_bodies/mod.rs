//! The bodies of the fuzz targets, run by the test suite and under `fuzz/`.
//!
//! In: any bytes. Out: nothing, and no panic; where a parser's answer can be computed in two ways,
//! the answers are compared. Each body stays within a few seconds and some hundred MiB, whatever
//! its input.

mod digests;
mod feeds;
#[cfg(feature = "serve")]
mod http;
mod packages;
mod settings;
mod site;
mod texts;

/// A name, and the function behind it.
type Body = (&'static str, fn(&[u8]));

/// All bodies, by the names of their targets.
pub(crate) const ALL: [Body; 24] = [
    ("package", packages::package),
    ("zip", packages::zip),
    ("payload", packages::payload),
    ("transfer_list", packages::transfer_list),
    ("sparse", packages::sparse),
    ("super_image", packages::super_image),
    ("ext4", packages::file_system),
    ("erofs", packages::file_system),
    ("props", packages::props),
    ("metadata", packages::metadata),
    ("codec", packages::codec),
    ("signature", packages::signature),
    ("verify", packages::verify),
    ("manifest", packages::manifest),
    ("catalog", site::catalog),
    ("conflict", site::conflict),
    ("config", settings::config),
    ("http", http),
    ("changelog", texts::changelog),
    ("names", texts::names),
    ("feeds", feeds::feeds),
    ("exchange", site::exchange),
    ("template", site::template),
    ("lanes", digests::lanes),
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
