//! Lists that are made for one request.
//!
//! In: what is offered, and what a client asks for. Out: JSON. Sources: `/api` and `/api/v1/…`
//! of LineageOTA, 2024; `/api/v1/<device>/<romtype>/<incr>` with `after` and `version` of
//! lineageos-infra/updater, 2026.

use hyper::StatusCode;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::answer::{self, Answer};
use super::site::Current;
use crate::catalog::lanes::{LaneKey, Offer};
use crate::feed::lineageota::{self, Listed};
use crate::feed::{cm, v1};
use crate::generate::{OwnedLane, OwnedOffer};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// What a client asks for by its path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// The tree of feeds.
    pub(super) variant: Option<&'a str>,
    /// The device, exactly.
    pub(super) device: &'a str,
    /// The release type, in any case.
    pub(super) romtype: Option<&'a str>,
}

impl Wanted<'_> {
    fn covers(&self, key: &LaneKey) -> bool {
        let is_type = |romtype: &str| romtype.to_lowercase() == key.romtype;
        is_of_tree(self.variant, key)
            && key.device.as_str() == self.device
            && self.romtype.is_none_or(is_type)
    }

    fn offers<'c>(&self, current: &'c Current) -> Vec<&'c OwnedOffer> {
        let lanes = current.snapshot.lanes.iter();
        let lanes = lanes.filter(|(key, _)| self.covers(key));
        newest_first(lanes.flat_map(|(_, lane)| &lane.offers).collect())
    }
}

fn is_of_tree(variant: Option<&str>, key: &LaneKey) -> bool {
    key.variant.as_ref().map(|variant| variant.as_str()) == variant
}

fn newest_first(mut offers: Vec<&OwnedOffer>) -> Vec<&OwnedOffer> {
    offers.sort_by(|a, b| {
        let newness = b.build.timestamp.cmp(&a.build.timestamp);
        newness.then_with(|| a.build.filename.cmp(&b.build.filename))
    });
    offers
}

fn listed<'c>(offers: &[&'c OwnedOffer]) -> Vec<Listed<'c>> {
    let listed = offers.iter().map(|offer| Listed {
        build: &offer.build,
        url: &offer.url,
        changes: &offer.changes,
    });
    listed.collect()
}

/// The list by POST, for CMUpdater. Without `params` it has all builds.
pub(super) fn by_post(current: &Current, variant: Option<&str>, body: &[u8]) -> Answer {
    let asked = match parse(body) {
        Ok(asked) => asked,
        Err(refused) => return *refused,
    };
    let params = &asked["params"];
    let device = params["device"].as_str();
    let channels = params["channels"].as_array();
    let channels: Option<Vec<&str>> =
        channels.map(|channels| channels.iter().filter_map(Value::as_str).collect());
    // A device with several names stands in a lane under each.
    let is_lane = |key: &LaneKey, lane: &OwnedLane| match device {
        Some(device) => key.device.as_str() == device,
        None => lane.offers.iter().all(|o| o.build.device == key.device),
    };
    let is_channel = |offer: &&OwnedOffer| {
        let is_it = |channel: &&str| lineageota::is_of_channel(&offer.build, channel);
        channels
            .as_ref()
            .is_none_or(|channels| channels.iter().any(is_it))
    };
    let lanes = current.snapshot.lanes.iter();
    let lanes = lanes.filter(|(key, lane)| is_of_tree(variant, key) && is_lane(key, lane));
    let offers = lanes.flat_map(|(_, lane)| &lane.offers).filter(is_channel);
    let offers = newest_first(offers.collect());
    answer::json(lineageota::render_result(&listed(&offers)))
}

/// The list of the lane that a phone's own address names, whatever it sends along.
pub(super) fn of_lane(current: &Current, wanted: Wanted<'_>) -> Answer {
    let offers = wanted.offers(current);
    answer::json(lineageota::render_result(&listed(&offers)))
}

/// The delta between two builds, or that there is none.
pub(super) fn delta(current: &Current, body: &[u8]) -> Answer {
    let asked = match parse(body) {
        Ok(asked) => asked,
        Err(refused) => return *refused,
    };
    let text = |key: &str| {
        let value = asked[key]
            .as_str()
            .or_else(|| asked["params"][key].as_str());
        value.unwrap_or_default().to_owned()
    };
    let ends = (text("source_incremental"), text("target_incremental"));
    let known = current.snapshot.deltas.get(&ends);
    answer::json(known.map_or_else(|| cm::NO_DELTA.to_vec(), Clone::clone))
}

/// Nothing at all asks for everything, as LineageOTA has it.
fn parse(body: &[u8]) -> Result<Value, Box<Answer>> {
    if body.trim_ascii().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body).map_err(|error| {
        let message = format!("the body is no JSON: {error}");
        Box::new(answer::error(StatusCode::BAD_REQUEST, &message))
    })
}

/// The list by GET in the form of the official backend.
pub(super) fn by_get(current: &Current, wanted: Wanted<'_>, query: &str) -> Answer {
    let filter = match Filter::parse(query) {
        Ok(filter) => filter,
        Err(message) => return answer::error(StatusCode::BAD_REQUEST, &message),
    };
    let offers = wanted.offers(current).into_iter();
    let offers = offers.filter(|offer| filter.takes(offer));
    let offers: Vec<Offer<'_>> = offers
        .map(|offer| Offer {
            build: &offer.build,
            url: &offer.url,
        })
        .collect();
    answer::json(v1::render(&offers))
}

/// The list by GET in the form of LineageOTA, for CMUpdater.
///
/// `page` is the list for the phone's own incremental, where that is known: then what is in it
/// is answered, since the phone would take a build of another version for an update.
pub(super) fn for_cmupdater(current: &Current, wanted: Wanted<'_>, page: Option<&[u8]>) -> Answer {
    let mut offers = wanted.offers(current);
    if let Some(page) = page {
        let ids = ids(page);
        let lanes = current.snapshot.lanes.iter();
        let lanes = lanes.filter(|(key, _)| wanted.covers(key));
        offers.extend(lanes.flat_map(|(_, lane)| &lane.deltas));
        offers.retain(|offer| ids.iter().any(|id| id == offer.build.phone_id()));
        offers = newest_first(offers);
    }
    answer::json(lineageota::render_response(&listed(&offers)))
}

fn ids(page: &[u8]) -> Vec<String> {
    let list: Value = serde_json::from_slice(page).unwrap_or_default();
    let entries = list["response"].as_array().cloned().unwrap_or_default();
    let ids = entries.iter().filter_map(|entry| entry["id"].as_str());
    ids.map(str::to_owned).collect()
}

/// What `?after=&version=` leaves of a list.
#[derive(Debug, Default)]
struct Filter {
    /// The first second that is late enough.
    since: Option<i64>,
    version: Option<String>,
}

impl Filter {
    fn parse(query: &str) -> Result<Filter, String> {
        let mut filter = Filter::default();
        for pair in query.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8_lossy();
            match key {
                "after" if !value.is_empty() => filter.since = Some(parse_after(&value)?),
                "version" if !value.is_empty() => filter.version = Some(value.into_owned()),
                _ => {}
            }
        }
        Ok(filter)
    }

    fn takes(&self, offer: &OwnedOffer) -> bool {
        let build = &offer.build;
        self.since.is_none_or(|since| build.timestamp >= since)
            && self.version.as_ref().is_none_or(|v| *v == build.version)
    }
}

/// The second after a Unix time, or the day after a date: the official backend compares days.
fn parse_after(after: &str) -> Result<i64, String> {
    if let Ok(time) = after.parse::<i64>() {
        return Ok(time.saturating_add(1));
    }
    let date = after.get(..10).unwrap_or(after);
    let Ok(date) = chrono::NaiveDate::parse_from_str(date, "%Y-%m-%d") else {
        let after = after.escape_debug();
        return Err(format!(
            "after `{after}` is no date as 2026-05-01 and no Unix time"
        ));
    };
    let midnight = date.and_time(chrono::NaiveTime::MIN).and_utc();
    Ok(midnight.timestamp().saturating_add(DAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_is_a_date_or_a_time() {
        assert_eq!(parse_after("1700000000"), Ok(1_700_000_001));
        assert_eq!(parse_after("1970-01-02"), Ok(2 * DAY));
        assert_eq!(parse_after("1970-01-02T10:00:00"), Ok(2 * DAY));
        assert!(parse_after("soon").is_err());
        assert!(parse_after("2026-13-01").is_err());
        let filter = Filter::parse("version=21%2E0&after=&x").unwrap();
        assert_eq!(filter.version.as_deref(), Some("21.0"));
        assert_eq!(filter.since, None);
    }
}
