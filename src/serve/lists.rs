//! Lists that are made for one request.
//!
//! In: the offered builds, and the request of a client. Out: JSON. Sources: `/api` and `/api/v1/…`
//! of LineageOTA, 2024; `/api/v1/<device>/<romtype>/<incr>` with `after` and `version` of
//! lineageos-infra/updater, 2026.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use tokio::task::spawn_blocking;

use super::response::{self, Response};
use super::site::{Current, Site};
use crate::catalog::channels::{ChannelKey, Offer};
use crate::files::json_message;
use crate::generate::{OwnedChannel, OwnedOffer};
use crate::publish::feed::lineageota::{self, Listed};
use crate::publish::feed::{cm, v1};

/// Seconds of a day.
const DAY: i64 = 86_400;
/// Longest wait until a list can be made.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// A request for a list.
#[derive(Debug)]
pub(super) enum ListRequest {
    /// By POST, for CMUpdater; without `params` in the body, the list has all builds.
    Post {
        variant: Option<String>,
        body: Bytes,
    },
    /// The list of the channel that the phone's address names; the body is ignored.
    Channel(ChannelRequest),
    /// By GET, in the form of the official backend.
    Get {
        wanted: ChannelRequest,
        query: String,
    },
    /// By GET, in the form of LineageOTA, for CMUpdater.
    CmUpdater {
        wanted: ChannelRequest,
        page: Option<Bytes>,
    },
}

/// A list, or the response that refuses it.
enum RenderedList {
    /// A list that all connections share.
    Shared(Bytes),
    /// A list for this request.
    Own(Vec<u8>),
    Refused(Box<Response>),
}

impl ListRequest {
    fn make(&self, current: &Current) -> RenderedList {
        match self {
            ListRequest::Post { variant, body } => by_post(current, variant.as_deref(), body),
            ListRequest::Channel(wanted) => {
                let offers = wanted.offers(current);
                RenderedList::Own(lineageota::render_result(&listed(&offers)))
            }
            ListRequest::Get { wanted, query } => by_get(current, wanted, query),
            ListRequest::CmUpdater { wanted, page } => {
                RenderedList::Own(for_cmupdater(current, wanted, page.as_deref()))
            }
        }
    }
}

/// Answers with a list, which is made on a thread that may block.
pub(super) async fn answer(site: &Site, current: Arc<Current>, request: ListRequest) -> Response {
    let making = site.lists.making.acquire();
    let Ok(Ok(_making)) = tokio::time::timeout(MAX_WAIT, making).await else {
        return busy();
    };
    match spawn_blocking(move || request.make(&current)).await {
        Ok(RenderedList::Shared(bytes)) => response::json(bytes),
        Ok(RenderedList::Own(bytes)) => site.lists.hold(bytes).map_or_else(busy, response::json),
        Ok(RenderedList::Refused(refused)) => *refused,
        Err(_) => response::failure(),
    }
}

fn busy() -> Response {
    let message = "the server is making lists for others; try again";
    let mut response = response::error(StatusCode::SERVICE_UNAVAILABLE, message);
    response::set(&mut response, header::RETRY_AFTER, "5");
    response
}

/// The channels that the path of a request names.
#[derive(Clone, Debug)]
pub(super) struct ChannelRequest {
    /// The variant whose tree of feeds the path is in.
    variant: Option<String>,
    /// The device, in this spelling.
    device: String,
    /// The release type, in lower case.
    romtype: Option<String>,
}

impl ChannelRequest {
    pub(super) fn new(
        variant: Option<&str>,
        device: &str,
        romtype: Option<&str>,
    ) -> ChannelRequest {
        ChannelRequest {
            variant: variant.map(str::to_owned),
            device: device.to_owned(),
            romtype: romtype.map(str::to_lowercase),
        }
    }

    fn covers(&self, key: &ChannelKey) -> bool {
        is_of_tree(self.variant.as_deref(), key)
            && key.device.as_str() == self.device
            && self
                .romtype
                .as_ref()
                .is_none_or(|romtype| *romtype == key.romtype)
    }

    fn offers<'c>(&self, current: &'c Current) -> Vec<&'c OwnedOffer> {
        let channels = current.snapshot.channels.iter();
        let channels = channels.filter(|(key, _)| self.covers(key));
        newest_first(channels.flat_map(|(_, channel)| &channel.offers).collect())
    }
}

fn is_of_tree(variant: Option<&str>, key: &ChannelKey) -> bool {
    key.variant.as_ref().map(|variant| variant.as_str()) == variant
}

fn newest_first(mut offers: Vec<&OwnedOffer>) -> Vec<&OwnedOffer> {
    offers.sort_by(|a, b| {
        let newness = b.build().timestamp.cmp(&a.build().timestamp);
        newness.then_with(|| a.build().filename.cmp(&b.build().filename))
    });
    offers
}

fn listed<'c>(offers: &[&'c OwnedOffer]) -> Vec<Listed<'c>> {
    let listed = offers.iter().map(|offer| Listed {
        build: offer.build(),
        url: &offer.url,
        changes: &offer.changes,
    });
    listed.collect()
}

/// Makes the list by POST, for CMUpdater. Without `params`, it has all builds.
fn by_post(current: &Current, variant: Option<&str>, body: &[u8]) -> RenderedList {
    let asked = match parse(body) {
        Ok(asked) => asked,
        Err(refused) => return RenderedList::Refused(refused),
    };
    let params = &asked["params"];
    let device = params["device"].as_str();
    let channels = params["channels"].as_array();
    let channels: Option<Vec<&str>> =
        channels.map(|channels| channels.iter().filter_map(Value::as_str).collect());
    let make = || render_all(current, variant, device, channels.as_deref());
    let full = current.full.get(&variant.map(str::to_owned));
    match full.filter(|_| device.is_none() && channels.is_none()) {
        Some(full) => RenderedList::Shared(full.get_or_init(|| make().into()).clone()),
        None => RenderedList::Own(make()),
    }
}

/// Lists the builds of one device or of all, and of some channels or of all.
fn render_all(
    current: &Current,
    variant: Option<&str>,
    device: Option<&str>,
    channels: Option<&[&str]>,
) -> Vec<u8> {
    // A device with several names has a channel for each.
    let is_of_device = |key: &ChannelKey, channel: &OwnedChannel| match device {
        Some(device) => key.device.as_str() == device,
        None => channel
            .offers
            .iter()
            .all(|o| o.build().device == key.device),
    };
    let is_channel = |offer: &&OwnedOffer| {
        let is_it = |channel: &&str| lineageota::is_of_channel(offer.build(), channel);
        channels.is_none_or(|channels| channels.iter().any(is_it))
    };
    let channels = current.snapshot.channels.iter();
    let channels =
        channels.filter(|(key, channel)| is_of_tree(variant, key) && is_of_device(key, channel));
    let offers = channels
        .flat_map(|(_, channel)| &channel.offers)
        .filter(is_channel);
    let offers = newest_first(offers.collect());
    lineageota::render_result(&listed(&offers))
}

/// Answers with the delta between two builds, or that there is none.
pub(super) fn delta(current: &Current, body: &[u8]) -> Response {
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
    response::json(known.map_or_else(|| cm::NO_DELTA.to_vec(), Clone::clone))
}

/// Parses a body; an empty one asks for all builds, as in LineageOTA.
fn parse(body: &[u8]) -> Result<Value, Box<Response>> {
    if body.trim_ascii().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body).map_err(|error| {
        let message = format!("the body is not JSON: {}", json_message(&error));
        Box::new(response::error(StatusCode::BAD_REQUEST, &message))
    })
}

/// Makes the list by GET, in the form of the official backend.
fn by_get(current: &Current, wanted: &ChannelRequest, query: &str) -> RenderedList {
    let filter = match Filter::parse(query) {
        Ok(filter) => filter,
        Err(message) => {
            return RenderedList::Refused(Box::new(response::error(
                StatusCode::BAD_REQUEST,
                &message,
            )));
        }
    };
    let offers = wanted.offers(current).into_iter();
    let offers = offers.filter(|offer| filter.accepts(offer));
    let offers: Vec<Offer<'_>> = offers
        .map(|offer| Offer {
            build: offer.build(),
            url: &offer.url,
        })
        .collect();
    RenderedList::Own(v1::render(&offers))
}

/// Makes the list by GET in the form of LineageOTA, for CMUpdater.
///
/// `page` is the list for the phone's own incremental, if that is known. Then only its builds are
/// listed, since the phone would install a build of another version as an update.
fn for_cmupdater(current: &Current, wanted: &ChannelRequest, page: Option<&[u8]>) -> Vec<u8> {
    let mut offers = wanted.offers(current);
    if let Some(page) = page {
        let ids = ids(page);
        let channels = current.snapshot.channels.iter();
        let channels = channels.filter(|(key, _)| wanted.covers(key));
        offers.extend(channels.flat_map(|(_, channel)| &channel.deltas));
        offers.retain(|offer| ids.iter().any(|id| id == offer.build().phone_id()));
        offers = newest_first(offers);
    }
    lineageota::render_response(&listed(&offers))
}

fn ids(page: &[u8]) -> Vec<String> {
    let list: Value = serde_json::from_slice(page).unwrap_or_default();
    let entries = list["response"].as_array().cloned().unwrap_or_default();
    let ids = entries.iter().filter_map(|entry| entry["id"].as_str());
    ids.map(str::to_owned).collect()
}

/// The filter `?after=&version=` of a list.
#[derive(Debug, Default)]
struct Filter {
    /// The first second that passes the filter.
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

    fn accepts(&self, offer: &OwnedOffer) -> bool {
        let build = offer.build();
        self.since.is_none_or(|since| build.timestamp >= since)
            && self.version.as_ref().is_none_or(|v| *v == build.version)
    }
}

/// Returns the second after a Unix time, or the start of the day after a date: the official backend
/// compares days.
fn parse_after(after: &str) -> Result<i64, String> {
    if let Ok(time) = after.parse::<i64>() {
        return Ok(time.saturating_add(1));
    }
    let date = after.get(..10).unwrap_or(after);
    let Ok(date) = chrono::NaiveDate::parse_from_str(date, "%Y-%m-%d") else {
        let after = after.escape_debug();
        return Err(format!(
            "after `{after}` is neither a date, for example 2026-05-01, nor a Unix time"
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
