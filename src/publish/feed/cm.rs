//! The answers for the updaters of CyanogenMod 10.1 to 12.1, which ask by POST.
//!
//! Read by `UpdateCheckService.parseUpdateJSONObject` of
//! CyanogenMod/android_packages_apps_CMUpdater, branches cm-10.2 to cm-12.1: eight keys, all
//! required, and one bad entry makes the list invalid.
//!
//! A static host does not answer a POST by itself, so the files are where a rewrite rule can find
//! them: for a `cm.updater.uri` of `…/legacy/{device}/{romtype}`, `index.json` in that folder; for
//! `…/v1/build/get_delta`, the file of that name, which says that there is no delta, so that the
//! full build is downloaded.

use std::collections::BTreeMap;

use serde::Serialize;

use super::list::render_list;
use super::{Feeds, prefix};
use crate::catalog::channels::{Channel, ChannelKey, Offer};
use crate::markup::changelog::{Rendered, Shown};
use crate::markup::template::json;
use crate::model::address::encode_path;
use crate::model::config::Config;

/// Highest API level that is offered to phones with this updater: that of CyanogenMod 14.1.
const LAST_SDK: u32 = 25;
/// Longest list, in bytes. No client is known to have a limit, but all run on slow phones.
const MAX_SIZE: usize = 32 << 10;
/// The text before and after the entries.
const FRAME: [&str; 2] = ["{\"id\":null,\"result\":[", "],\"error\":null}"];
/// Longest name of a package to which an extension can be added, in bytes.
const MAX_NAME_LEN: usize = 250;
/// Folder of the changelogs of single builds.
const CHANGES: &str = "changes";
/// The answer if there is no delta.
pub const NO_DELTA: &[u8] = b"{\"errors\":{\"message\":\"Unable to find delta\"}}\n";

#[derive(Serialize)]
struct BuildJson<'a> {
    incremental: &'a str,
    api_level: u32,
    url: &'a str,
    timestamp: i64,
    md5sum: &'a str,
    changes: &'a str,
    channel: &'a str,
    filename: &'a str,
}

/// A delta in the answer of `get_delta`.
#[derive(Serialize)]
struct DeltaJson<'a> {
    date_created_unix: i64,
    filename: &'a str,
    download_url: &'a str,
    api_level: u32,
    md5sum: &'a str,
    incremental: &'a str,
}

/// Renders the answers for a channel, if phones with that updater may run its builds.
pub(super) fn render(
    key: &ChannelKey,
    channel: &Channel<'_>,
    config: &Config,
    changelogs: &Rendered,
    feeds: &mut Feeds,
) {
    // These updaters treat a page that is not found as an error.
    let Some(base) = config
        .base_url
        .as_ref()
        .filter(|_| channel.has_post_updaters)
    else {
        return;
    };
    let folder = format!(
        "{}legacy/{}/{}",
        prefix(key.variant.as_ref()),
        key.device,
        key.romtype
    );
    let all_changes = format!("{base}/{folder}/changes.txt");
    let changelog = |offer: &Offer<'_>| {
        let filename = &offer.build.filename;
        let shown = changelogs.get(filename)?;
        (filename.len() <= MAX_NAME_LEN).then_some(shown)
    };
    let changes = |offer: &Offer<'_>| match changelog(offer).is_some() {
        true => format!("{base}/{}", encode_path(&changes_path(&folder, offer))),
        false => all_changes.clone(),
    };
    let is_whole = |offer: &&Offer<'_>| entry(offer, &all_changes).is_some();
    let offers: Vec<Offer<'_>> = channel.offers.iter().filter(is_whole).copied().collect();
    let list = render_list(&offers, MAX_SIZE, FRAME, &|offer| {
        let changes = changes(offer);
        entry(offer, &changes).map_or_else(String::new, |entry| json::to_ascii(&entry))
    });
    // Packages with the same name have the same changelog.
    let text = |offer| Some((changes_path(&folder, offer), changelog(offer)?));
    let texts: BTreeMap<String, &Shown> = offers.iter().filter_map(text).collect();
    for (path, changelog) in texts {
        feeds.push(path, changelog.text.as_bytes());
    }
    feeds.push(format!("{folder}/index.json"), list);
    feeds.push(format!("{folder}/v1/build/get_delta"), NO_DELTA);
    feeds.push(format!("{folder}/changes.txt"), render_changes(&offers));
}

/// Returns `None` for a build that lacks a key which the client requires, or that is too new for it.
fn entry<'a>(offer: &Offer<'a>, changes: &'a str) -> Option<BuildJson<'a>> {
    let build = offer.build;
    Some(BuildJson {
        incremental: build.incremental.as_deref()?,
        api_level: build.sdk_level.filter(|sdk| *sdk <= LAST_SDK)?,
        url: offer.url,
        timestamp: build.timestamp,
        md5sum: build.md5.as_deref()?,
        changes,
        channel: build.romtype.as_str(),
        filename: &build.filename,
    })
}

/// Returns the path of the changelog of a build.
fn changes_path(folder: &str, offer: &Offer<'_>) -> String {
    format!("{folder}/{CHANGES}/{}.txt", offer.build.filename)
}

/// Renders the changelog of builds without one: their names.
fn render_changes(offers: &[Offer<'_>]) -> Vec<u8> {
    let lines = offers
        .iter()
        .map(|offer| format!("{}\n", offer.build.filename));
    lines.collect::<String>().into_bytes()
}

/// Renders the answer to `get_delta` for a phone that runs the incremental `source` and is about to
/// download `target`.
#[must_use]
pub fn render_delta(channel: &Channel<'_>, source: &str, target: &str) -> Vec<u8> {
    let fits = |incremental: &Option<String>| incremental.as_deref() == Some(target);
    let mut deltas = channel.deltas.iter();
    let found = deltas.find(|d| d.source == source && fits(&d.target.build.incremental));
    let answer = || {
        let offer = found?.offer;
        Some(DeltaJson {
            date_created_unix: offer.build.timestamp,
            filename: &offer.build.filename,
            download_url: offer.url,
            api_level: offer.build.sdk_level?,
            md5sum: offer.build.md5.as_deref()?,
            incremental: target,
        })
    };
    match answer() {
        Some(delta) => format!("{}\n", json::to_ascii(&delta)).into_bytes(),
        None => NO_DELTA.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::time::Instant;

    use super::*;
    use crate::catalog::{channels, file};
    use ota_view::io::Limits;

    #[test]
    fn deltas_are_offered_only_to_phones_that_can_apply_them() {
        let record = |name: &str, datetime: i64, more: &str| {
            format!(
                r#"{{"device":"mako","romtype":"NIGHTLY","version":"12.1","datetime":{datetime},"path":"{name}.zip",
                "sdk_level":22,"size":1,"md5":"{}","sha256":"{}",{more}}}"#,
                format!("{datetime:x}").repeat(4),
                format!("{datetime:x}").repeat(8),
            )
        };
        let catalog = format!(
            r#"{{"schema":1,"builds":[{},{},{}]}}"#,
            record("old", 1_440_000_000, r#""kind":"full","incremental":"a""#),
            record("new", 1_440_000_001, r#""kind":"full","incremental":"b""#),
            record(
                "delta",
                1_440_000_001,
                r#""kind":"delta","incremental":"b","source_incremental":"a","block_based":true"#
            )
            .replace(&"55d4a801".repeat(8), &"f".repeat(64))
        );
        let catalog = file::parse(catalog.as_bytes(), "catalog.json").unwrap();
        let mut config = Config::for_folder(
            Path::new(""),
            Limits::new(std::env::temp_dir(), Instant::now),
        );
        config.block_deltas = true;
        let urls: BTreeMap<&str, String> = catalog
            .builds
            .iter()
            .map(|(key, record)| (key, format!("https://h/{}", record.build.path)))
            .collect();
        let channels = channels::Channels::new(&catalog, &config, &urls, 0).channels;
        let channel = channels.values().next().unwrap();
        let answer =
            |source, target| String::from_utf8(render_delta(channel, source, target)).unwrap();
        assert_eq!(
            answer("a", "b"),
            format!(
                "{{\"date_created_unix\":1440000001,\"filename\":\"delta.zip\",\"download_url\":\"https://h/delta.zip\",\
                 \"api_level\":22,\"md5sum\":\"{}\",\"incremental\":\"b\"}}\n",
                "55d4a801".repeat(4)
            )
        );
        for (source, target) in [("b", "a"), ("a", "a"), ("", "b"), ("x", "b")] {
            assert_eq!(answer(source, target).as_bytes(), NO_DELTA);
        }
    }
}
