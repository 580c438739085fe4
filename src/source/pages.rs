//! Reads lists that come in pages of JSON.

use serde::de::DeserializeOwned;

use super::{Client, Error};
use crate::fetch::Response;

/// Maximum number of pages of one list; GitHub answers 100.
const MAX_PAGES: usize = 1000;
/// Maximum size of all pages of a source, in bytes; a release with 20 files has 40 KiB.
const MAX_BYTES: usize = 256 << 20;
/// Maximum time to wait for the host's limit while a source is listed, in seconds.
const MAX_WAIT: u64 = 600;

/// Reads the pages of a source.
pub(super) struct Pages<'a> {
    client: &'a Client<'a>,
    /// The media type to ask for.
    accept: &'static str,
    /// The last response, without its body.
    last: Option<Response>,
    num_bytes: usize,
    /// How long the host's limit was waited for, in seconds.
    num_seconds: u64,
}

impl<'a> Pages<'a> {
    pub(super) fn new(client: &'a Client<'a>, accept: &'static str) -> Pages<'a> {
        Pages {
            client,
            accept,
            last: None,
            num_bytes: 0,
            num_seconds: 0,
        }
    }

    /// Reads one page; `wanted` is what it contains, with its article.
    ///
    /// # Errors
    /// As for [`Client::get_json`], and if the pages are too large.
    pub(super) fn get<T: DeserializeOwned>(
        &mut self,
        url: &str,
        wanted: &'static str,
    ) -> Result<T, Error> {
        if let Some(last) = &self.last {
            let most = MAX_WAIT - self.num_seconds;
            self.num_seconds += self.client.wait_for_limit(last, most)?;
        }
        let (value, mut response) = self.client.get_json(url, self.accept, wanted)?;
        self.num_bytes += std::mem::take(&mut response.body).len();
        self.last = Some(response);
        match self.num_bytes <= MAX_BYTES {
            true => Ok(value),
            false => Err(Error::TooMany {
                url: url.to_owned(),
                limit: MAX_BYTES,
                what: "bytes",
            }),
        }
    }

    /// Reads all pages of a list, whose address has a query, and passes on their items.
    ///
    /// Pages are requested by number: the addresses in `Link` may name another host, or another
    /// repository after a redirect. A host with smaller pages than `per_page` shows that there are
    /// more of them by `Link` or `X-Next-Page`.
    ///
    /// # Errors
    /// As for [`get`](Pages::get), if the list has too many pages, and those of `take`.
    pub(super) fn for_each<T: DeserializeOwned>(
        &mut self,
        url: &str,
        per_page: usize,
        wanted: &'static str,
        mut take: impl FnMut(T) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for page in 1..=MAX_PAGES {
            let items: Vec<T> = self.get(&format!("{url}&page={page}"), wanted)?;
            let num_items = items.len();
            items.into_iter().try_for_each(&mut take)?;
            if num_items == 0 || !self.has_next(num_items >= per_page) {
                return Ok(());
            }
        }
        Err(Error::TooMany {
            url: url.to_owned(),
            limit: MAX_PAGES,
            what: "pages",
        })
    }

    /// Returns whether there is another page after the last one.
    fn has_next(&self, is_full: bool) -> bool {
        let Some(last) = &self.last else { return false };
        if let Some(next) = last.header("x-next-page") {
            return !next.trim().is_empty();
        }
        let mut links = last.headers.iter().filter(|(name, _)| name == "link");
        match last.header("link") {
            Some(_) => links.any(|(_, value)| is_next(value)),
            None => is_full,
        }
    }
}

/// Returns whether a `Link` header leads to a next page (RFC 8288).
fn is_next(link: &str) -> bool {
    link.split([';', ',']).any(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or_default();
        let value = value.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("rel") && value.eq_ignore_ascii_case("next")
    })
}

/// Explains status 404, which hosts also send for what a request may not see; `what` is the repository
/// or project.
pub(super) fn explain_missing(error: Error, what: &str, client: &Client<'_>) -> Error {
    let hint = match client.token {
        None => "check its name, or set a token that may read it",
        Some(_) => "check its name, and what the token may read",
    };
    match error {
        Error::Status {
            url, status: 404, ..
        } => Error::Status {
            url,
            status: 404,
            message: format!("`{what}` is private, empty or misspelt; {hint}"),
        },
        error => error,
    }
}
