//! The site that an address shows, known by its manifest.

use std::path::Path;

use romfeed::fetch::{Fetch, Reach, Request, follow};
use romfeed::publish::writer::{self, MAX_PUBLISHED_MANIFEST};

use crate::cli::args::LiveArgs;
use crate::cli::http;

/// The path of the manifest below a site.
pub(super) const MANIFEST: &str = ".romfeed/manifest.json";
/// Most redirects on the way to the manifest.
const MAX_REDIRECTS: usize = 20;

/// Returns the manifest of the site of romfeed at an address. There is none if the host does not answer, if it hides the
/// file, as some do, or if it shows something else.
pub(super) fn manifest(base: &str, args: &LiveArgs) -> Option<Vec<u8>> {
    let http = http::connect(args.ca.as_deref(), args.timeout, Reach::Any).ok()?;
    let http: &dyn Fetch = &http;
    let url = format!("{base}/{MANIFEST}");
    let request = Request::get(&url, MAX_PUBLISHED_MANIFEST);
    let answer = follow(http, &request, MAX_REDIRECTS)
        .ok()?
        .into_iter()
        .next_back()?;
    let is_whole = answer.status == 200 && !answer.is_cut;
    let files = writer::published_files(&answer.body, Path::new(MANIFEST)).ok()?;
    (is_whole && !files.is_empty()).then_some(answer.body)
}
