//! Infers facts about a phone from what the site publishes for its device.
//!
//! In: a [`Subject`] without properties, and the [`Site`]. Out: the subject with the release type, the
//! version and the API level that all builds for the device have in common. If there are several release
//! types or versions, the caller must choose.

use std::collections::BTreeSet;

use serde_json::Value;
use thiserror::Error;

use super::prose::shown;
use super::{Grounds, Site, Subject, candidates};
use crate::clients::check::MAX_FEED;
use crate::clients::updaters::Generation;
use crate::fetch::fetch_json;

/// A fact that cannot be inferred, because the published builds differ in it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{flag} is not given: {} are published for {device}", .published.join(", "))]
pub struct Unclear {
    /// The flag that gives the fact.
    pub flag: &'static str,
    /// The device.
    pub device: String,
    /// The published values, escaped for a terminal.
    pub published: Vec<String>,
}

/// Adds the family from the catalog and other facts from the site; returns the flags of inferred facts.
///
/// If `has_updater`, the updater is given, and the version may stay unknown.
///
/// # Errors
/// [`Unclear`], if the published builds differ in a fact that is needed.
pub fn complete(
    subject: &mut Subject,
    site: &Site<'_>,
    has_updater: bool,
) -> Result<Vec<&'static str>, Unclear> {
    let mut inferred = Vec::new();
    let phone = subject.phone(Generation::Java22);
    let device = phone.next_device.unwrap_or(phone.device);
    if subject.props.is_some() || device.is_empty() {
        return Ok(inferred);
    }
    let key = (device.clone(), site.variant.map(str::to_owned));
    let family = site.families.get(&key).map(|family| family.name.clone());
    subject.overrides.family = family;
    let has_updater = has_updater || candidates(subject).1 == Grounds::Family;
    if subject.overrides.romtype.is_none() {
        let published = published_types(site, &device);
        subject.overrides.romtype = only("--type", &device, published)?;
        inferred.extend(subject.overrides.romtype.as_ref().map(|_| "--type"));
    }
    let is_known = subject.overrides.version.is_some() || subject.overrides.sdk.is_some();
    if let Some(romtype) = subject.overrides.romtype.as_ref().filter(|_| !is_known) {
        match only("--version", &device, versions(site, &device, romtype)) {
            Err(_) if has_updater => {}
            found => subject.overrides.version = found?,
        }
        inferred.extend(subject.overrides.version.as_ref().map(|_| "--version"));
    }
    let overrides = &mut subject.overrides;
    if let (None, Some(romtype), Some(version)) =
        (overrides.sdk, &overrides.romtype, &overrides.version)
    {
        let levels = sdk_levels(site, &device, romtype, version);
        overrides.sdk = levels.first().copied().filter(|_| levels.len() == 1);
        inferred.extend(overrides.sdk.map(|_| "--sdk"));
    }
    Ok(inferred)
}

/// Returns the only published value; `None` if there is none.
fn only(
    flag: &'static str,
    device: &str,
    published: BTreeSet<String>,
) -> Result<Option<String>, Unclear> {
    match published.len() {
        0 | 1 => Ok(published.into_iter().next()),
        _ => Err(Unclear {
            flag,
            device: shown(device),
            published: published.iter().map(|one| shown(one)).collect(),
        }),
    }
}

fn published_types(site: &Site<'_>, device: &str) -> BTreeSet<String> {
    texts(site, &format!("types/{device}.json"), Value::as_str)
}

fn versions(site: &Site<'_>, device: &str, romtype: &str) -> BTreeSet<String> {
    let path = format!("{device}/{}.json", romtype.to_lowercase());
    texts(site, &path, |entry| entry["version"].as_str())
}

/// Returns the API levels of the builds of a version; empty if the list of updater 23 cannot be read.
fn sdk_levels(site: &Site<'_>, device: &str, romtype: &str, version: &str) -> BTreeSet<u32> {
    let builds = fetch(site, &format!("v2/devices/{device}/builds.json"));
    let is_same = |build: &&Value| {
        let is = |key: &str, wanted: &str| {
            let found = build[key].as_str();
            found.is_some_and(|found| found.eq_ignore_ascii_case(wanted))
        };
        is("type", romtype) && is("version", version)
    };
    let builds = builds.as_array().into_iter().flatten().filter(is_same);
    let files = builds.flat_map(|build| build["files"].as_array().into_iter().flatten());
    let levels = files.filter_map(|file| file["os_sdk_level"].as_u64());
    levels.filter_map(|sdk| sdk.try_into().ok()).collect()
}

/// Returns a text of each element of a list below `api/v1/`; empty if it cannot be read.
fn texts(site: &Site<'_>, path: &str, text: fn(&Value) -> Option<&str>) -> BTreeSet<String> {
    let list = fetch(site, &format!("v1/{path}"));
    let list = list["response"].as_array().into_iter().flatten();
    list.filter_map(text).map(str::to_owned).collect()
}

/// Fetches a file below `api/`; null if it cannot be read.
fn fetch(site: &Site<'_>, path: &str) -> Value {
    let url = format!("{}/{}api/{path}", site.base, site.tree());
    let found: Option<Value> = fetch_json(site.fetch, &url, MAX_FEED).unwrap_or_default();
    found.unwrap_or_default()
}
