//! Pages that reload themselves in the browser while someone edits their templates.
//!
//! In: the pages of a site that is watched. Out: the same pages, each with a script that asks every
//! second whether anything changed, and the two files that the script needs. None of this is written
//! to the folder of the site.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::publish::page::{Maker, Page};

const SCRIPT: &[u8] = include_bytes!("reload.js");
/// Next to what pages load; no page of a site has these names.
const SCRIPT_PATH: &str = "assets/reload.js";
const VERSION_PATH: &str = "assets/version";

/// Returns whether a request comes from the script; such requests come every second and are not
/// logged.
pub(super) fn is_poll(path: &str) -> bool {
    path.ends_with(VERSION_PATH)
}

/// Adds the script to a page; `base_path` is the path of the server's address.
pub(super) fn add_script(page: &mut Page, base_path: &str) {
    if page.path.ends_with(".html") {
        let tag = format!("<script src=\"{base_path}/{SCRIPT_PATH}\" defer></script>\n");
        let bytes = [&page.bytes[..], tag.as_bytes()].concat();
        page.bytes = bytes.into();
    }
}

/// Returns the files that the script needs, given path and entity tag of each page.
pub(super) fn files<'p>(pages: impl Iterator<Item = (&'p str, &'p [u8])>) -> [Page; 2] {
    let mut version = Sha256::new();
    for (path, etag) in pages {
        version.update(path.as_bytes());
        version.update(etag);
    }
    let version = base16ct::lower::encode_string(&version.finalize());
    let files = [(SCRIPT_PATH, SCRIPT), (VERSION_PATH, version.as_bytes())];
    files.map(|(path, bytes)| Page {
        path: path.to_owned(),
        bytes: Arc::from(bytes),
        maker: Maker::Page,
        origin: None,
    })
}
