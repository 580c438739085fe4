//! Simulates a phone's check for updates, to explain why the phone sees an update or not.
//!
//! In: a [`Subject`], which describes the phone; a [`Site`], which describes what is published; the
//! generations of updaters to try. Out: a [`Simulation`] for each generation, and [`Advice`] on what to
//! change. All rules come from [`updaters`](crate::clients::updaters).
//!
//! Left out: the download and the steps after it.

mod advice;
mod generations;
mod infer;
mod phone;
mod props;
pub mod prose;
mod recommended;
mod site;
mod update_check;

use crate::clients::updaters::{Generation, Phone};
use recommended::{Recommended, property};
use update_check::{PostAsFiles, check, refuses_post};

pub use advice::{Advice, advise};
pub use generations::{Grounds, candidates};
pub use infer::{Unclear, complete};
pub use phone::{Missing, PhoneOverrides, Subject, UriSource};
pub use props::{Error, MAX_PROPS, parse_props};
pub use site::{Site, list_paths};
pub use update_check::{Check, DeltaResponse, Outcome, ResponseHead};

/// What a second check changes, if the first one found no list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instead {
    /// The phone has the recommended address.
    Recommended,
    /// The host answers a POST with the site's files.
    PostAnswered,
}

impl Instead {
    /// Returns the name in `--json`, which is part of the documented schema.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Instead::Recommended => "recommended",
            Instead::PostAnswered => "post-answered",
        }
    }
}

/// The simulated check of one generation of updaters.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// The generation.
    pub generation: Generation,
    /// The phone, as this generation sees it.
    pub phone: Phone,
    /// The property or the resource that holds the address; empty if the user enters it.
    pub property: &'static str,
    /// The source of the address.
    pub source: UriSource,
    /// The check with that address.
    pub check: Check,
    /// A second check under better conditions, if the first one found no list.
    pub instead: Option<(Instead, Check)>,
}

/// Simulates a check of one generation; `previous` is the body of the phone's last check.
#[must_use]
pub fn simulate(
    generation: Generation,
    subject: &Subject,
    site: &Site<'_>,
    previous: Option<&[u8]>,
) -> Simulation {
    let phone = subject.phone(generation);
    let property = property(generation);
    let rom = Recommended::new(generation, &phone, site);
    let recommended = rom.value();
    let (value, source) = match subject.uri(generation) {
        Some((uri, source)) => (uri, source),
        None => (&*recommended, UriSource::Recommended),
    };
    let play = |value: &str, site: &Site<'_>| match value == recommended && !rom.is_complete() {
        true => Check::with_unknown_address(value),
        false => check(generation, value, &phone, site, previous),
    };
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
