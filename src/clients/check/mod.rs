//! Whether phones can read a site and download from it, judged before they try.
//!
//! In: a [`Task`], which names the feeds and who answers for them: a folder, or a live host. Out: a
//! [`Report`] with a [`Finding`] for each [rule](rules) that is broken. What clients do is asked of
//! [`client`](crate::clients::updaters); what hosts do is seen by asking them.

mod discover;
mod expected;
mod feed;
pub mod fixes;
mod hosts;
mod portable;
mod published;
mod required_files;
pub mod rules;
mod sound;
mod strict_json;
pub mod target;
mod zips;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use rayon::prelude::*;

use crate::clients::updaters::{Generation, read};
use crate::fetch::{Fetch, Folder, Request, follow};
use crate::model::rom_settings;
use feed::{Judged, Listed, MAX_REDIRECTS};
use ota_view::finding::Finding;
use target::{Feed, Kind};

pub use discover::{of_folder, of_site};
pub use expected::{Installed, Known, addresses, expected, known, lists};
pub use feed::{entry_problems, json_tree};
pub use published::compare;

/// What romfeed asks for to see how a host answers for what is not there.
const NO_SUCH_PAGE: &str = "romfeed-asks-for-what-is-not-there.json";
const NO_SUCH_INCREMENTAL: &str = "romfeed.asks.for.no.build";

/// What to judge.
pub struct Task<'a> {
    /// Where the site is published, without a closing slash.
    pub base: &'a str,
    /// The value that the ROM has for its updater; none for those that romfeed recommends.
    pub value: Option<&'a str>,
    /// The lists.
    pub feeds: Vec<Feed>,
    /// Who answers for them.
    pub site: Arc<dyn Fetch>,
    /// Who answers for packages; none is to leave them.
    pub zips: Option<Arc<dyn Fetch>>,
    /// The folder a live site should be the same as; none for the folder itself.
    pub local: Option<&'a Folder>,
    /// The files of the site's folder, by their paths; none if it is not at hand.
    pub paths: &'a [String],
    /// Lists that must be there, by path, with the build of the phones that ask for it if known.
    pub expected: BTreeMap<String, Option<Installed>>,
    /// Other files that must be there, by path: what romfeed wrote, and all lists of the catalog.
    pub required: Vec<String>,
    /// What the catalog has of packages, by file name.
    pub known: BTreeMap<String, Known>,
    /// The site is live: its host is judged too.
    pub is_live: bool,
    /// The time, in seconds since the epoch.
    pub now: i64,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Errors first, each finding once.
    pub findings: Vec<Finding>,
    /// Lists that were judged.
    pub num_feeds: usize,
    /// Packages that were asked for.
    pub num_zips: usize,
    /// Packages that lie elsewhere, and were not asked for.
    pub num_elsewhere: usize,
}

/// Judges a site. Requests are made in parallel, as many as the thread pool has threads.
#[must_use]
pub fn check(task: &Task<'_>) -> Report {
    let mut findings = judge_address(task);
    let is_for_phones = |feed: &Feed| !matches!(feed.kind, Kind::Sound(_));
    if !task.feeds.iter().any(is_for_phones) {
        findings.push(Finding::new(
            &rules::SITE_EMPTY,
            task.base,
            "no feed is known there",
        ));
    }
    let judged: Vec<Judged> = task
        .feeds
        .par_iter()
        .map(|feed| judge_feed(task, feed))
        .collect();
    let mut listed = BTreeMap::new();
    for one in judged {
        findings.extend(one.findings);
        zips::collect(&mut listed, one.listed);
    }
    findings.extend(missing(task));
    findings.extend(required_files::judge(task));
    findings.extend(portable::judge(task.paths));
    if task.is_live {
        findings.extend(judge_unknown(task));
    }
    let mut report = Report {
        num_feeds: task.feeds.len(),
        ..Report::default()
    };
    let zips: Vec<Vec<Listed>> = listed
        .into_values()
        .map(|zip| zip.into_values().collect())
        .collect();
    match &task.zips {
        None => {
            report.num_elsewhere = zips.len();
            findings.extend(zips.iter().flatten().flat_map(hosts::of_zip));
        }
        Some(fetch) => {
            let judge = |zip: &Vec<Listed>| zips::judge(zip, fetch, &task.known);
            let outcomes: Vec<_> = zips.par_iter().map(judge).collect();
            for outcome in outcomes {
                let (more, count) = match outcome {
                    zips::Outcome::Judged(more) => (more, &mut report.num_zips),
                    zips::Outcome::Elsewhere(more) => (more, &mut report.num_elsewhere),
                };
                *count += 1;
                findings.extend(more);
            }
        }
    }
    report.findings = sorted(findings);
    report
}

fn judge_feed(task: &Task<'_>, feed: &Feed) -> Judged {
    let installed = task.expected.get(&feed.path).and_then(Option::as_ref);
    let mut judged = feed::judge(feed, &*task.site, installed, task.now);
    if judged.body.is_none()
        && let Some(found) = target::in_other_case(task.paths, &feed.path)
    {
        judged.findings.push(other_case(&feed.path, found));
    }
    let is_unreachable = |found: &Finding| *found.rule == rules::FEED_UNREACHABLE;
    let is_there = !judged.findings.iter().any(is_unreachable);
    if task.is_live && is_there && feed.kind == Kind::Legacy {
        judged.findings.extend(feed::judge_post(feed, &*task.site));
    }
    if let (Some(local), Some(body)) = (task.local, &judged.body) {
        let url = format!(
            "{}/{}",
            local.base,
            crate::model::address::encode_path(&feed.path)
        );
        let published = local.fetch(&Request::get(&url, body.len()));
        let is_same = published.is_ok_and(|file| file.body == *body && !file.is_cut);
        if !is_same {
            let message = "it differs from the one in the folder";
            let finding = Finding::new(&rules::FEED_STALE, feed.path.clone(), message);
            judged.findings.push(finding);
        }
    }
    judged
}

/// The base address, and the values that ROMs get from it.
fn judge_address(task: &Task<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !task.base.starts_with("https://") {
        let message = "phones refuse anything but https://";
        findings.push(Finding::new(&rules::SITE_NOT_HTTPS, task.base, message));
    }
    let mut judge = |value: &str| {
        if let Some(message) = rom_settings::length_fault(value) {
            findings.push(Finding::new(&rules::PROPERTY_TOO_LONG, value, message));
        }
    };
    if let Some(value) = task.value {
        judge(value);
        return findings;
    }
    let variants: BTreeSet<&str> = task
        .feeds
        .iter()
        .filter(|feed| !matches!(feed.kind, Kind::Template(_) | Kind::Sound(_)))
        .map(|feed| feed.path.split("api/").next().unwrap_or_default())
        .filter(|prefix| prefix.ends_with('/') || prefix.is_empty())
        .collect();
    for prefix in variants {
        for path in [
            "api/v1/{device}/{type}.json",
            "api/v2/devices/{device}/builds.json",
        ] {
            judge(&format!("{}/{prefix}{path}", task.base));
        }
    }
    findings
}

/// The lists that should be there, and were not among those judged: asked for now.
fn missing(task: &Task<'_>) -> Vec<Finding> {
    let known: BTreeSet<&str> = task.feeds.iter().map(|feed| feed.path.as_str()).collect();
    let absent = task
        .expected
        .keys()
        .filter(|path| !known.contains(path.as_str()));
    let absent: Vec<&String> = absent.collect();
    let is_missing = |path: &&&String| {
        let url = format!("{}/{}", task.base, crate::model::address::encode_path(path));
        let answers = follow(&*task.site, &Request::get(&url, 1), MAX_REDIRECTS + 1);
        !answers.is_ok_and(|answers| feed::is_taken(&answers))
    };
    let missing = absent.par_iter().filter(is_missing).flat_map_iter(|path| {
        let message = "phones that run this build get an error, not a list";
        let missing = Finding::new(&rules::FEED_INCREMENTAL_MISSING, (*path).clone(), message);
        let found = target::in_other_case(task.paths, path);
        [missing]
            .into_iter()
            .chain(found.map(|found| other_case(path, found)))
    });
    missing.collect()
}

fn other_case(path: &str, found: &str) -> Finding {
    let message = format!("it is there as {found}, which no phone asks for");
    Finding::new(&rules::FEED_CASE, path, message)
}

/// How the host answers for what is not there.
fn judge_unknown(task: &Task<'_>) -> Option<Finding> {
    let mut urls = vec![format!("{}/{NO_SUCH_PAGE}", task.base)];
    let of_lane = task
        .feeds
        .iter()
        .find(|feed| feed.kind == Kind::V1Incremental);
    if let Some((folder, _)) = of_lane.and_then(|feed| feed.url.rsplit_once('/')) {
        urls.push(format!("{folder}/{NO_SUCH_INCREMENTAL}"));
    }
    urls.into_iter().find_map(|url| {
        let ask = Request::get(&url, 64 << 10);
        // Most clients go along redirects, and keep the page these end with as well.
        let answers = follow(&*task.site, &ask, MAX_REDIRECTS + 1).ok()?;
        let last = answers.last()?;
        // A server may answer for any incremental; then it is a list.
        let is_list = read(Generation::Java22, &last.body).is_ok();
        let is_trap = feed::is_taken(&answers) && !is_list;
        let way = match answers.len() {
            1 => String::new(),
            _ => format!("leads to {}, which ", last.url),
        };
        let message = format!("it {way}answers with status {} and no list", last.status);
        is_trap.then(|| Finding::new(&rules::SITE_UNKNOWN_ANSWERED, url, message))
    })
}

/// Errors first, and each finding once.
fn sorted(findings: Vec<Finding>) -> Vec<Finding> {
    let mut seen = HashSet::new();
    let mut sorted: Vec<Finding> = findings
        .into_iter()
        .filter(|finding| seen.insert((finding.rule.id, finding.place.clone(), finding.text())))
        .collect();
    sorted.sort_by_key(|finding| std::cmp::Reverse(finding.rule.severity));
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_distinct_and_of_one_form() {
        let ids: BTreeSet<&str> = rules::ALL.iter().map(|rule| rule.id).collect();
        assert_eq!(ids.len(), rules::ALL.len());
        let is_plain = |id: &&str| id.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        assert!(ids.iter().all(is_plain), "{ids:?}");
    }

    #[test]
    fn errors_come_first_and_each_finding_once() {
        let find = |rule, place: &str| Finding::new(rule, place, "x");
        let sorted = sorted(vec![
            find(&rules::FEED_STALE, "a"),
            find(&rules::FEED_STALE, "b"),
            find(&rules::FEED_STALE, "a"),
            find(&rules::FEED_STATUS, "c"),
        ]);
        let lines = sorted
            .iter()
            .map(|found| (found.rule.id, found.place.as_str()));
        let lines: Vec<_> = lines.collect();
        assert_eq!(
            lines,
            [
                ("feed-status", "c"),
                ("feed-stale", "a"),
                ("feed-stale", "b")
            ]
        );
    }
}
