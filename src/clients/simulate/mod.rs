//! Why a phone sees an update, or does not: every step of its updater's check, with reasons.
//!
//! In: a [`Subject`], the phone; a [`Site`], what is published; the generations of updaters to
//! try. Out: a [`Simulation`] for each, and [`Advice`] on what to change. The rules are those of
//! [`updater`]; nothing here judges a list by itself.
//!
//! Left out: the download and what follows it.

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
pub use update_check::{Check, DeltaAnswer, Outcome, ResponseHead};

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
