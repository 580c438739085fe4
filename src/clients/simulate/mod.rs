//! Why a phone sees an update, or does not: every step of its updater's check, with reasons.
//!
//! In: a [`Subject`], the phone; a [`Site`], what is published; the generations of updaters to
//! try. Out: a [`Simulation`] for each, and [`Advice`] on what to change. The rules are those of
//! [`updater`]; nothing here judges a list by itself.
//!
//! Left out: the download and what follows it.

mod advice;
mod infer;
mod phone;
pub mod prose;
mod site;

use std::collections::BTreeMap;

use crate::clients::check::{entry_problems, json_tree};
use crate::clients::updaters::{
    self, Address, Generation, ListFault, Listing, Phone, TransportFault, UpdaterRequest,
    UpdaterResponse, UrlFault, accept, assess,
};
use crate::fetch::{Fault, Fetch, Request, Response, follow};
use crate::model::entry_rules::Problem;
use crate::model::rom_settings::{RomSide, Updater};

pub use advice::{Advice, advise};
pub use infer::{Unclear, complete};
pub use phone::{
    Error, Grounds, MAX_PROPS, Missing, PhoneOverrides, Subject, UriSource, candidates, parse_props,
};
pub use site::{Site, list_paths};

/// Longest list that is read, in bytes; the largest updaters read have 32 KiB, and those of
/// servers that list everything less than one MiB.
pub const MAX_BODY: usize = 4 << 20;
/// Redirects followed: one more than any updater does, so that it shows.
const MAX_REDIRECTS: usize = 21;
/// What answers with files where a POST is refused look for.
const INDEX: &str = "index.json";

/// One check for updates.
#[derive(Clone, Debug)]
pub struct Check {
    /// The value of the address property.
    pub value: String,
    /// What was asked; none if the updater asks nothing.
    pub request: Option<UpdaterRequest>,
    /// The answers, redirects first.
    pub answers: Vec<Answered>,
    /// What came of it.
    pub outcome: Outcome,
    /// What is wrong with entries for every reader, by their place in the list.
    pub problems: BTreeMap<usize, Vec<Problem>>,
    /// Whether the download of what is offered starts, where the updater asks that of the host.
    pub delta: Option<DeltaAnswer>,
}

/// An answer without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The address asked.
    pub url: String,
    /// The status.
    pub status: u16,
    /// Its `Content-Type`.
    pub content_type: Option<String>,
    /// The length of the body, in bytes, as far as it was read.
    pub body_len: usize,
    /// Its `Location`.
    pub location: Option<String>,
}

/// How a check ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The updater asks nothing.
    NoRequest(UrlFault),
    /// The updater asks a host or folder that is not the site.
    Elsewhere,
    /// No answer came.
    NoAnswer(Fault),
    /// The updater does not look at the answer's body.
    Refused(TransportFault),
    /// The list is longer than is read here.
    TooLong,
    /// The updater takes nothing from the body.
    Unreadable(ListFault),
    /// The updater reads a list.
    Listed {
        /// The list.
        listing: Listing,
        /// Whether a check in the background tells the user; none if the last list is not
        /// known.
        notifies: Option<Result<bool, ListFault>>,
    },
}

impl Outcome {
    /// The name in `--json`; part of the documented schema.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Outcome::NoRequest(_) => "no-request",
            Outcome::Elsewhere => "elsewhere",
            Outcome::NoAnswer(_) => "no-answer",
            Outcome::Refused(_) => "refused",
            Outcome::TooLong => "too-long",
            Outcome::Unreadable(_) => "unreadable",
            Outcome::Listed { .. } => "list",
        }
    }
}

/// What the oldest updater gets when it asks for a delta.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeltaAnswer {
    /// The address.
    pub url: String,
    /// The status of the last answer, if one came.
    pub status: Result<u16, Fault>,
    /// Whether a download starts, be it of a delta or of the whole package.
    pub starts: bool,
}

/// What was changed for a second check, where the first one led to no list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instead {
    /// The value that the site recommends.
    Recommended,
    /// A host that answers a POST with the site's files.
    PostAnswered,
}

impl Instead {
    /// The name in `--json`; part of the documented schema.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Instead::Recommended => "recommended",
            Instead::PostAnswered => "post-answered",
        }
    }
}

/// What one generation of updaters makes of the site on a phone.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// The generation.
    pub generation: Generation,
    /// The phone as it sees it.
    pub phone: Phone,
    /// The property with the address, or the resource it is built in as; empty if the user says it.
    pub property: &'static str,
    /// Where its value is from.
    pub source: UriSource,
    /// Its check.
    pub check: Check,
    /// A check under better conditions, where its own led to no list.
    pub instead: Option<(Instead, Check)>,
}

impl Check {
    /// The list, if the updater reads one.
    #[must_use]
    pub fn listing(&self) -> Option<&Listing> {
        match &self.outcome {
            Outcome::Listed { listing, .. } => Some(listing),
            _ => None,
        }
    }

    /// What is wrong with the body the updater keeps of its last check, if all later ones fail of it.
    #[must_use]
    pub fn poison(&self) -> Option<&ListFault> {
        match &self.outcome {
            Outcome::Listed {
                notifies: Some(Err(fault)),
                ..
            } => Some(fault),
            _ => None,
        }
    }

    /// Whether the updater comes to a list, be it an empty one.
    #[must_use]
    pub fn succeeds(&self) -> bool {
        self.listing().is_some() && self.poison().is_none()
    }
}

/// Plays a check of one generation; `previous` is the body of the phone's last one.
#[must_use]
pub fn simulate(
    generation: Generation,
    subject: &Subject,
    site: &Site<'_>,
    previous: Option<&[u8]>,
) -> Simulation {
    let phone = subject.phone(generation);
    let property = property(generation);
    let recommended = Recommended::new(generation, &phone, site).value();
    let (value, source) = match subject.uri(generation) {
        Some((uri, source)) => (uri, source),
        None => (&*recommended, UriSource::Recommended),
    };
    let play = |value: &str, site: &Site<'_>| check(generation, value, &phone, site, previous);
    let check = play(value, site);
    let is_refused = |check: &Check| match &check.outcome {
        Outcome::Refused(fault) => refuses_post(generation, fault),
        _ => false,
    };
    let answering = |value: &str| {
        let files = PostAsFiles(site.fetch);
        let site = Site {
            fetch: &files,
            ..*site
        };
        Some((Instead::PostAnswered, play(value, &site)))
    };
    let fallback = || {
        if is_refused(&check) {
            return answering(value);
        }
        if value == recommended {
            return None;
        }
        match play(&recommended, site) {
            check if is_refused(&check) => answering(&recommended),
            check => Some((Instead::Recommended, check)),
        }
    };
    let instead = match check.outcome {
        Outcome::Listed { .. } => None,
        _ => fallback(),
    };
    Simulation {
        generation,
        property,
        source,
        check,
        instead,
        phone,
    }
}

/// Whether a host refuses the POST of the oldest updater: with 405, or as some do, with 403 or 501.
fn refuses_post(generation: Generation, fault: &TransportFault) -> bool {
    let is_refusal = matches!(
        fault,
        TransportFault::Status {
            found: 403 | 405 | 501
        }
    );
    generation.is_post() && is_refusal
}

/// What the ROM of a phone is to contain, as the site recommends it.
#[derive(Clone, Debug)]
enum Recommended<'a> {
    /// What LineageOS's updaters read.
    Lineage(RomSide<'a>),
    /// The address for the updater of a fork.
    Fork {
        /// Where it is set.
        address: Address,
        /// The address.
        value: String,
    },
}

impl<'a> Recommended<'a> {
    fn new(generation: Generation, phone: &'a Phone, site: &Site<'a>) -> Recommended<'a> {
        let is_cm = phone.version.starts_with("14.");
        let updater = match generation {
            Generation::Cm10 | Generation::Cm11 | Generation::Cm12 => Updater::Post,
            Generation::Cm14 => Updater::CmBase,
            Generation::First15 if is_cm => Updater::CmBase,
            Generation::First15 => Updater::Base,
            Generation::Template14 if is_cm => Updater::CmTemplate,
            Generation::Template14
            | Generation::Java22
            | Generation::Java23
            | Generation::KotlinV1 => Updater::Template,
            Generation::KotlinVersion | Generation::Kotlin23 => Updater::Array,
            fork => {
                return Recommended::Fork {
                    address: fork.address(),
                    value: site.fork_address(fork, phone),
                };
            }
        };
        let is_known = !phone.device.is_empty() && !phone.release_type.is_empty();
        Recommended::Lineage(RomSide {
            variant: site.variant,
            sdk: Some(phone.sdk).filter(|sdk| *sdk > 0),
            lane: is_known.then_some((&*phone.device, &*phone.release_type)),
            ..RomSide::new(site.base, updater)
        })
    }

    /// The address.
    fn value(&self) -> String {
        match self {
            Recommended::Lineage(rom) => rom.value(),
            Recommended::Fork { value, .. } => value.clone(),
        }
    }

    /// What is to be set, and to what.
    fn property_line(&self) -> String {
        match self {
            Recommended::Lineage(rom) => rom.property_line(),
            Recommended::Fork { value, .. } => value.clone(),
        }
    }

    /// The lines to put into the ROM's sources.
    fn lines(&self) -> Vec<String> {
        match self {
            Recommended::Lineage(rom) => rom.makefile_lines(),
            Recommended::Fork { address, value } => vec![match address {
                Address::Property(key) => format!("{key}={value}"),
                Address::BuiltIn => {
                    format!(r#"<string name="{RESOURCE}" translatable="false">{value}</string>"#)
                }
                Address::Setting => value.clone(),
            }],
        }
    }
}

/// The resource of the updater's sources that forks keep the address in.
const RESOURCE: &str = "updater_server_url";

/// The name of what holds the address; empty if the user says it.
fn property(generation: Generation) -> &'static str {
    match generation.address() {
        Address::Property(key) => key,
        Address::BuiltIn => RESOURCE,
        Address::Setting => "",
    }
}

fn check(
    generation: Generation,
    value: &str,
    phone: &Phone,
    site: &Site<'_>,
    previous: Option<&[u8]>,
) -> Check {
    let mut check = Check {
        value: value.to_owned(),
        request: None,
        answers: Vec::new(),
        outcome: Outcome::Elsewhere,
        problems: BTreeMap::new(),
        delta: None,
    };
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
    let answers = match ask(site.fetch, &request.url, request.body.as_deref()) {
        Ok(answers) => answers,
        Err(fault) => {
            check.outcome = Outcome::NoAnswer(fault);
            return check;
        }
    };
    check.answers = answers.iter().map(answered).collect();
    check.outcome = read(generation, &answers, phone, previous);
    if let (Some(listing), Some(last)) = (check.listing(), answers.last()) {
        let tree = json_tree(&last.body);
        let problems = listing.rows.iter().map(|row| {
            let problems = entry_problems(generation, &row.entry, &tree, site.now);
            (row.entry.index, problems)
        });
        check.problems = problems.filter(|(_, found)| !found.is_empty()).collect();
    }
    let is_shown = |listing: &Listing| listing.rows.iter().any(|row| row.verdict.is_shown());
    if check.listing().is_some_and(is_shown)
        && let Some(url) = &request.delta_url
    {
        check.delta = Some(ask_delta(site.fetch, url, phone, check.listing()));
    }
    check
}

fn ask(fetch: &dyn Fetch, url: &str, post: Option<&str>) -> Result<Vec<Response>, Fault> {
    let ask = Request {
        post,
        ..Request::get(url, MAX_BODY)
    };
    follow(fetch, &ask, MAX_REDIRECTS)
}

fn answered(answer: &Response) -> Answered {
    Answered {
        url: answer.url.clone(),
        status: answer.status,
        content_type: answer.header("content-type").map(str::to_owned),
        body_len: answer.body.len(),
        location: answer.location().map(str::to_owned),
    }
}

fn read(
    generation: Generation,
    answers: &[Response],
    phone: &Phone,
    previous: Option<&[u8]>,
) -> Outcome {
    let urls: Vec<&str> = answers.iter().map(|answer| answer.url.as_str()).collect();
    let last = answers.last().expect("`follow` gives at least one answer");
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

/// Asks as `DownloadService` of CMUpdater does before it downloads the first build shown.
fn ask_delta(
    fetch: &dyn Fetch,
    url: &str,
    phone: &Phone,
    listing: Option<&Listing>,
) -> DeltaAnswer {
    let rows = listing.map(|listing| &listing.rows[..]).unwrap_or_default();
    let shown = rows.iter().find(|row| row.verdict.is_shown());
    let target = shown.and_then(|row| row.entry.incremental.as_deref());
    let body = serde_json::json!({
        "source_incremental": phone.incremental,
        "target_incremental": target.unwrap_or_default(),
    });
    let answer = ask(fetch, url, Some(&body.to_string()));
    let answer = answer.map(|mut answers| answers.pop().unwrap_or_default());
    let is_object = |body: &[u8]| {
        serde_json::from_slice::<serde_json::Value>(body).is_ok_and(|value| value.is_object())
    };
    DeltaAnswer {
        url: url.to_owned(),
        starts: matches!(&answer, Ok(answer) if (200..300).contains(&answer.status) && is_object(&answer.body)),
        status: answer.map(|answer| answer.status),
    }
}

/// A host that answers a POST with the file a GET would give: the address itself, or the
/// `index.json` in it.
struct PostAsFiles<'a>(&'a dyn Fetch);

impl Fetch for PostAsFiles<'_> {
    fn fetch(&self, ask: &Request<'_>) -> Result<Response, Fault> {
        if ask.post.is_none() {
            return self.0.fetch(ask);
        }
        let index = format!("{}/{INDEX}", ask.url);
        let get = |url| Request {
            url,
            post: None,
            ..*ask
        };
        let answer = self.0.fetch(&get(&index))?;
        let answer = match answer.status {
            404 => self.0.fetch(&get(ask.url))?,
            _ => answer,
        };
        Ok(Response {
            url: ask.url.to_owned(),
            ..answer
        })
    }
}
