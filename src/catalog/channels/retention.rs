//! The order of builds in a list, and which of them stay in it.

use super::Offer;
use crate::model::build::{Build, Kind};

/// Number of the newest builds of each device, variant, romtype and version that stay in every list.
///
/// The newest client deletes a half-downloaded build that disappears from its feed, so a new build
/// must not replace the one before at once.
pub const NUM_PROTECTED: usize = 2;

/// Shortens a list, sorted newest first, to its newest `keep` builds and the protected ones.
#[must_use]
pub fn shorten<'a>(offers: &[Offer<'a>], keep: usize) -> Vec<Offer<'a>> {
    split(offers, keep).0
}

/// Splits a list, sorted newest first, into what stays if it is shortened, and the others.
pub(super) fn split<'a>(offers: &[Offer<'a>], keep: usize) -> (Vec<Offer<'a>>, Vec<Offer<'a>>) {
    let protected = protected(offers);
    let numbered = offers.iter().copied().enumerate();
    let (listed, others): (Vec<_>, Vec<_>) =
        numbered.partition(|(index, _)| *index < keep || protected[*index]);
    let offers = |numbered: Vec<(usize, Offer<'a>)>| numbered.into_iter().map(|(_, o)| o).collect();
    (offers(listed), offers(others))
}

/// Marks the builds of a list, sorted newest first, that stay in it despite any limit: deltas, and
/// the newest full builds of each romtype and version.
#[must_use]
pub fn protected<'a>(offers: &[Offer<'a>]) -> Vec<bool> {
    let mut num_full: Vec<(&'a Build, usize)> = Vec::new();
    let is_protected = |offer: &Offer<'a>| {
        let build = offer.build;
        if build.kind != Kind::Full {
            return true;
        }
        let same = |(known, _): &(&Build, usize)| {
            let (a, b) = (known.romtype.as_str(), build.romtype.as_str());
            known.version == build.version && a.eq_ignore_ascii_case(b)
        };
        let group = num_full.iter().position(same).unwrap_or_else(|| {
            num_full.push((build, 0));
            num_full.len() - 1
        });
        num_full[group].1 += 1;
        num_full[group].1 <= NUM_PROTECTED
    };
    offers.iter().map(is_protected).collect()
}

/// Orders builds newest first; builds of one second by file name, so that the order is stable.
#[must_use]
pub fn newest_first(a: &Offer<'_>, b: &Offer<'_>) -> std::cmp::Ordering {
    let newness = b.build.timestamp.cmp(&a.build.timestamp);
    newness.then_with(|| a.build.filename.cmp(&b.build.filename))
}
