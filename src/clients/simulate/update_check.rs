//! One check for updates: the request, the responses, and what the updater reads from them.
//!
//! In: the value of the address property, the phone and the site. Out: a [`Check`].

use std::collections::{BTreeMap, BTreeSet};

use super::Site;
use crate::clients::check::{MAX_FEED, entry_problems, json_tree};
use crate::clients::updaters::{
    self, Entry, Generation, ListFault, Listing, MAX_REDIRECTS, Phone, TransportFault,
    UpdaterRequest, UpdaterResponse, UrlFault, accept, assess,
};
use crate::fetch::{Fault, Fetch, Request, Response, follow};
use crate::model::entry_rules::Problem;

/// The file with which a host answers a POST to its folder.
const INDEX: &str = "index.json";

/// One check for updates.
#[derive(Clone, Debug)]
pub struct Check {
    /// The value of the address property.
    pub value: String,
    /// The request; `None` if the updater sends none.
    pub request: Option<UpdaterRequest>,
    /// The responses, redirects first.
    pub responses: Vec<ResponseHead>,
    /// The outcome.
    pub outcome: Outcome,
    /// The problems that entries have for every updater, by their place in the list.
    pub problems: BTreeMap<usize, Vec<Problem>>,
    /// The entries that install only over one build, by their place in the list.
    pub deltas: BTreeSet<usize>,
    /// The response to the request for a delta, if this updater sends one before a download.
    pub delta: Option<DeltaResponse>,
}

/// A response without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// The requested address.
    pub url: String,
    /// The status.
    pub status: u16,
    /// The `Content-Type`.
    pub content_type: Option<String>,
    /// The length of the part of the body that was read, in bytes.
    pub body_len: usize,
    /// The `Location` of a redirect.
    pub location: Option<String>,
}

/// How a check ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The updater sends no request.
    NoRequest(UrlFault),
    /// The address names the device and the release type, and one of them is unknown.
    UnknownAddress,
    /// The updater sends its request to an address that is not part of the site.
    Elsewhere,
    /// There was no response.
    NoResponse(Fault),
    /// The updater does not read the body of the response.
    Refused(TransportFault),
    /// The list is longer than [`MAX_FEED`].
    TooLong,
    /// The updater reads nothing from the body.
    Unreadable(ListFault),
    /// The updater reads a list.
    Listed {
        /// The list.
        listing: Listing,
        /// Whether a background check notifies the user; `None` if the previous body is unknown.
        notifies: Option<Result<bool, ListFault>>,
    },
}

impl Outcome {
    /// Returns the name in `--json`, which is part of the documented schema.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Outcome::NoRequest(_) | Outcome::UnknownAddress => "no-request",
            Outcome::Elsewhere => "elsewhere",
            Outcome::NoResponse(_) => "no-answer",
            Outcome::Refused(_) => "refused",
            Outcome::TooLong => "too-long",
            Outcome::Unreadable(_) => "unreadable",
            Outcome::Listed { .. } => "list",
        }
    }
}

/// The response to the oldest updater's request for a delta.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeltaResponse {
    /// The address.
    pub url: String,
    /// The status of the last response.
    pub status: Result<u16, Fault>,
    /// Whether a download starts, of a delta or of the whole package.
    pub starts: bool,
}

impl Check {
    /// Returns a check that has not begun.
    fn new(value: &str) -> Check {
        Check {
            value: value.to_owned(),
            request: None,
            responses: Vec::new(),
            outcome: Outcome::Elsewhere,
            problems: BTreeMap::new(),
            deltas: BTreeSet::new(),
            delta: None,
        }
    }

    /// Returns a check with an address that cannot be completed.
    pub(super) fn with_unknown_address(value: &str) -> Check {
        Check {
            outcome: Outcome::UnknownAddress,
            ..Check::new(value)
        }
    }

    /// Returns the list, if the updater reads one.
    #[must_use]
    pub fn listing(&self) -> Option<&Listing> {
        match &self.outcome {
            Outcome::Listed { listing, .. } => Some(listing),
            _ => None,
        }
    }

    /// Returns what is wrong with the stored body of the last check, if it makes every check fail.
    #[must_use]
    pub fn stored_body_fault(&self) -> Option<&ListFault> {
        match &self.outcome {
            Outcome::Listed {
                notifies: Some(Err(fault)),
                ..
            } => Some(fault),
            _ => None,
        }
    }

    /// Returns whether the updater reads a list, even an empty one.
    #[must_use]
    pub fn succeeds(&self) -> bool {
        self.listing().is_some() && self.stored_body_fault().is_none()
    }
}

/// Returns whether a host refuses the POST of the oldest updater: with 405, or on some hosts 403 or 501.
pub(super) fn refuses_post(generation: Generation, fault: &TransportFault) -> bool {
    let is_refusal = matches!(
        fault,
        TransportFault::Status {
            found: 403 | 405 | 501
        }
    );
    generation.is_post() && is_refusal
}

pub(super) fn check(
    generation: Generation,
    value: &str,
    phone: &Phone,
    site: &Site<'_>,
    previous: Option<&[u8]>,
) -> Check {
    let mut check = Check::new(value);
    let request = match updaters::request(generation, value, phone) {
        Ok(request) => check.request.insert(request).clone(),
        Err(fault) => {
            check.outcome = Outcome::NoRequest(fault);
            return check;
        }
    };
    if site.path(&request.url).is_none() {
        return check;
    }
    let responses = match send(site.fetch, &request.url, request.body.as_deref()) {
        Ok(responses) => responses,
        Err(fault) => {
            check.outcome = Outcome::NoResponse(fault);
            return check;
        }
    };
    check.responses = responses.iter().map(response_head).collect();
    check.outcome = read(generation, &responses, phone, previous);
    if let (Some(listing), Some(last)) = (check.listing(), responses.last()) {
        let problems = problems(generation, listing, &last.body, site.now);
        check.deltas = deltas(listing, site);
        check.problems = problems;
    }
    let is_shown = |listing: &Listing| listing.rows.iter().any(|row| row.verdict.is_shown());
    if check.listing().is_some_and(is_shown)
        && let Some(url) = &request.delta_url
    {
        check.delta = Some(ask_delta(site.fetch, url, phone, check.listing()));
    }
    check
}

/// Returns the problems that entries have for every updater, by their place in the list.
fn problems(
    generation: Generation,
    listing: &Listing,
    body: &[u8],
    now: i64,
) -> BTreeMap<usize, Vec<Problem>> {
    let tree = json_tree(body);
    let problems = listing.rows.iter().map(|row| {
        let problems = entry_problems(generation, &row.entry, &tree, now);
        (row.entry.index, problems)
    });
    problems.filter(|(_, found)| !found.is_empty()).collect()
}

/// Returns the places of entries that the catalog or the list itself calls deltas.
fn deltas(listing: &Listing, site: &Site<'_>) -> BTreeSet<usize> {
    let is_delta =
        |entry: &Entry| entry.source_digest.is_some() || site.deltas.contains(&entry.filename);
    let entries = listing.rows.iter().map(|row| &row.entry);
    let deltas = entries.filter(|entry| is_delta(entry));
    deltas.map(|entry| entry.index).collect()
}

fn send(fetch: &dyn Fetch, url: &str, post: Option<&str>) -> Result<Vec<Response>, Fault> {
    let request = Request {
        post,
        ..Request::get(url, MAX_FEED)
    };
    // One more than any updater follows, so that it is reported.
    follow(fetch, &request, MAX_REDIRECTS + 1)
}

fn response_head(response: &Response) -> ResponseHead {
    ResponseHead {
        url: response.url.clone(),
        status: response.status,
        content_type: response.header("content-type").map(str::to_owned),
        body_len: response.body.len(),
        location: response.location().map(str::to_owned),
    }
}

fn read(
    generation: Generation,
    responses: &[Response],
    phone: &Phone,
    previous: Option<&[u8]>,
) -> Outcome {
    let urls: Vec<&str> = responses
        .iter()
        .map(|response| response.url.as_str())
        .collect();
    let last = responses
        .last()
        .expect("`follow` gives at least one response");
    let response = UpdaterResponse {
        urls: &urls,
        status: last.status,
        content_type: last.header("content-type"),
        body_len: last.body.len(),
    };
    if let Err(fault) = accept(generation, &response) {
        return Outcome::Refused(fault);
    }
    if last.is_cut {
        return Outcome::TooLong;
    }
    match assess(generation, &last.body, phone) {
        Ok(listing) => Outcome::Listed {
            listing,
            notifies: previous
                .map(|old| updaters::notifies(generation, Some(old), &last.body, phone)),
        },
        Err(fault) => Outcome::Unreadable(fault),
    }
}

/// Requests a delta, as `DownloadService` of CMUpdater does before it downloads the first shown build.
fn ask_delta(
    fetch: &dyn Fetch,
    url: &str,
    phone: &Phone,
    listing: Option<&Listing>,
) -> DeltaResponse {
    let rows = listing.map(|listing| &listing.rows[..]).unwrap_or_default();
    let shown = rows.iter().find(|row| row.verdict.is_shown());
    let target = shown.and_then(|row| row.entry.incremental.as_deref());
    let body = serde_json::json!({
        "source_incremental": phone.incremental,
        "target_incremental": target.unwrap_or_default(),
    });
    let response = send(fetch, url, Some(&body.to_string()));
    let response = response.map(|mut responses| responses.pop().unwrap_or_default());
    let is_object = |body: &[u8]| {
        serde_json::from_slice::<serde_json::Value>(body).is_ok_and(|value| value.is_object())
    };
    DeltaResponse {
        url: url.to_owned(),
        starts: matches!(&response, Ok(response) if (200..300).contains(&response.status) && is_object(&response.body)),
        status: response.map(|response| response.status),
    }
}

/// A host that answers a POST with a file of the site: `index.json` below the address, or the file at
/// the address itself.
pub(super) struct PostAsFiles<'a>(pub(super) &'a dyn Fetch);

impl Fetch for PostAsFiles<'_> {
    fn fetch(&self, request: &Request<'_>) -> Result<Response, Fault> {
        if request.post.is_none() {
            return self.0.fetch(request);
        }
        let index = format!("{}/{INDEX}", request.url);
        let get = |url| Request {
            url,
            post: None,
            ..*request
        };
        let response = self.0.fetch(&get(&index))?;
        let response = match response.status {
            404 => self.0.fetch(&get(request.url))?,
            _ => response,
        };
        Ok(Response {
            url: request.url.to_owned(),
            ..response
        })
    }
}
