//! The site beyond the feeds, and the writer that puts it on disk.

pub mod writer;

use crate::feed::Page;

/// What a host answers for an unknown path. Hosts that answer 200 instead leave
/// phones with a cache they cannot read any more.
const NOT_FOUND: &str = include_str!("../../templates/404.html");

/// The pages that do not depend on any build, sorted by path.
///
/// `.nojekyll` keeps GitHub Pages from hiding and rewriting files.
#[must_use]
pub fn fixed_pages() -> Vec<Page> {
    [(".nojekyll", ""), ("404.html", NOT_FOUND)]
        .map(|(path, text)| Page {
            path: path.to_owned(),
            bytes: text.as_bytes().into(),
            is_feed: false,
            origin: None,
        })
        .into()
}
