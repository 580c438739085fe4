//! Checks whether phones can read a site and download from it.
//!
//! In: a [`Task`], which names the feeds and where to fetch them: from a folder, or from a live host.
//! Out: a [`Report`] with a [`Finding`] for each broken [rule](rules). What updaters do with a response
//! is decided in [`updaters`](crate::clients::updaters); what a host does is found out by requests.

mod discover;
mod entries;
mod expected;
mod feed;
pub mod fixes;
mod hosts;
mod images;
mod listed;
mod portable;
mod published;
mod required_files;
pub mod rules;
mod sound;
mod strict_json;
pub mod target;
mod transport;
mod zips;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use rayon::prelude::*;

use crate::clients::updaters::{Generation, MAX_REDIRECTS, read};
use crate::fetch::{Fetch, Folder, Request, follow};
use crate::model::rom_settings;
use feed::Judged;
use listed::Listed;
use ota_view::finding::Finding;
use target::{Feed, Kind};

pub use discover::{files_in_folder, files_of_site};
pub use entries::{entry_problems, json_tree};
pub use expected::{
    CatalogFacts, Installed, addresses, catalog_facts, expected, linked_images, listed_by_sources,
    lists,
};
pub use feed::MAX_FEED;
pub use images::LinkedImage;
pub use published::compare;

/// Names of files that no site has, to see how a host answers for an unknown address.
const NO_SUCH_PAGE: &str = "romfeed-asks-for-what-is-not-there.json";
const NO_SUCH_INCREMENTAL: &str = "romfeed.asks.for.no.build";

/// A site to check.
pub struct Task<'a> {
    /// The address of the site, without a closing slash.
    pub base: &'a str,
    /// The value of the ROM's address property; if `None`, the ones that romfeed recommends are judged.
    pub value: Option<&'a str>,
    /// The lists to judge.
    pub feeds: Vec<Feed>,
    /// Where to fetch the lists.
    pub site: Arc<dyn Fetch>,
    /// Where to fetch packages; if `None`, they are not judged.
    pub zips: Option<Arc<dyn Fetch>>,
    /// The folder that the live site is compared with; `None` if the folder itself is judged.
    pub local: Option<&'a Folder>,
    /// The paths of the files in the site's folder; empty if there is no folder.
    pub paths: &'a [String],
    /// Lists that must exist, by path, with the build of the phones that ask for it if known.
    pub expected: BTreeMap<String, Option<Installed>>,
    /// Other files that must exist, by path: those that romfeed wrote, and all lists of the catalog.
    pub required: Vec<String>,
    /// The catalog's facts about packages, by file name.
    pub catalog_facts: BTreeMap<String, CatalogFacts>,
    /// Addresses of packages and images that a source of the settings lists, with its name. Before the site is live, what is
    /// wrong with these is only a warning.
    pub listed_by: BTreeMap<String, String>,
    /// The images that pages link to.
    pub images: Vec<LinkedImage>,
    /// The site is live, so its host is judged too.
    pub is_live: bool,
    /// The time, in seconds since the epoch.
    pub now: i64,
}

/// The result of a check.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Errors first, each finding once.
    pub findings: Vec<Finding>,
    /// The number of lists that were judged.
    pub num_feeds: usize,
    /// The number of packages that were fetched.
    pub num_zips: usize,
    /// The number of images that were fetched.
    pub num_images: usize,
    /// The number of packages on other hosts, which were not fetched.
    pub num_elsewhere: usize,
}

/// Judges a site. Requests run in parallel, one for each thread of the thread pool.
#[must_use]
pub fn check(task: &Task<'_>) -> Report {
    let mut findings = judge_address(task);
    let is_for_phones = |feed: &Feed| !matches!(feed.kind, Kind::Sound(_));
    if !task.feeds.iter().any(is_for_phones) {
        findings.push(Finding::new(
            &rules::SITE_EMPTY,
            task.base,
            "no feed was found there",
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
    findings.extend(missing_lists(task));
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
    findings.extend(judge_zips(task, &zips, &mut report));
    findings.extend(judge_images(task, &mut report));
    report.findings = sorted(findings);
    report
}

/// Judges packages, each by all that lists say about its address, and counts them.
fn judge_zips(task: &Task<'_>, zips: &[Vec<Listed>], report: &mut Report) -> Vec<Finding> {
    let Some(fetch) = &task.zips else {
        report.num_elsewhere = zips.len();
        return zips.iter().flatten().flat_map(hosts::judge_zip).collect();
    };
    let judge = |zip: &Vec<Listed>| {
        let outcome = zips::judge(zip, fetch, &task.catalog_facts);
        let url = zip.first().map_or("", |zip| &zip.url);
        soften(task, url, outcome)
    };
    let outcomes: Vec<_> = zips.par_iter().map(judge).collect();
    let mut findings = Vec::new();
    for outcome in outcomes {
        let (more, count) = match outcome {
            zips::Outcome::Judged(more) => (more, &mut report.num_zips),
            zips::Outcome::Elsewhere(more) => (more, &mut report.num_elsewhere),
        };
        *count += 1;
        findings.extend(more);
    }
    findings
}

/// Judges images, and counts them.
fn judge_images(task: &Task<'_>, report: &mut Report) -> Vec<Finding> {
    let Some(fetch) = &task.zips else {
        return Vec::new();
    };
    let judge = |image: &LinkedImage| soften(task, &image.url, images::judge(image, &**fetch));
    let judged: Vec<_> = task.images.par_iter().map(judge).collect();
    let findings = judged.into_iter().filter_map(|outcome| match outcome {
        zips::Outcome::Judged(findings) => Some(findings),
        zips::Outcome::Elsewhere(_) => None,
    });
    let findings: Vec<Vec<Finding>> = findings.collect();
    report.num_images = findings.len();
    findings.concat()
}

/// Turns errors about what a source lists into warnings, unless the site is live.
fn soften(task: &Task<'_>, url: &str, outcome: zips::Outcome) -> zips::Outcome {
    let source = task.listed_by.get(url).filter(|_| !task.is_live);
    match source {
        Some(source) => outcome.weakened(source),
        None => outcome,
    }
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
            let message = "it differs from the file in the folder";
            let finding = Finding::new(&rules::FEED_STALE, feed.path.clone(), message);
            judged.findings.push(finding);
        }
    }
    judged
}

/// Judges the base address, and the property values that ROMs get from it.
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

/// Fetches the expected lists that were not judged, and reports those that do not exist.
fn missing_lists(task: &Task<'_>) -> Vec<Finding> {
    let judged: BTreeSet<&str> = task.feeds.iter().map(|feed| feed.path.as_str()).collect();
    let absent = task
        .expected
        .keys()
        .filter(|path| !judged.contains(path.as_str()));
    let absent: Vec<&String> = absent.collect();
    let is_missing = |path: &&&String| {
        let url = format!("{}/{}", task.base, crate::model::address::encode_path(path));
        let responses = follow(&*task.site, &Request::get(&url, 1), MAX_REDIRECTS + 1);
        !responses.is_ok_and(|responses| transport::is_accepted(&responses))
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
    let message = format!("the file there is {found}, which no phone asks for");
    Finding::new(&rules::FEED_CASE, path, message)
}

/// Judges how the host answers for an unknown address.
fn judge_unknown(task: &Task<'_>) -> Option<Finding> {
    let mut urls = vec![format!("{}/{NO_SUCH_PAGE}", task.base)];
    let list = task
        .feeds
        .iter()
        .find(|feed| feed.kind == Kind::V1Incremental);
    if let Some((folder, _)) = list.and_then(|feed| feed.url.rsplit_once('/')) {
        urls.push(format!("{folder}/{NO_SUCH_INCREMENTAL}"));
    }
    urls.into_iter().find_map(|url| {
        let request = Request::get(&url, 64 << 10);
        // Most updaters follow redirects, and store the page at the end as well.
        let responses = follow(&*task.site, &request, MAX_REDIRECTS + 1).ok()?;
        let last = responses.last()?;
        // A server may have a list for any incremental.
        let is_list = read(Generation::Java22, &last.body).is_ok();
        let is_trap = transport::is_accepted(&responses) && !is_list;
        let redirect = match responses.len() {
            1 => String::new(),
            _ => format!("leads to {}, which ", last.url),
        };
        let message = format!(
            "it {redirect}answers with status {} and no list",
            last.status
        );
        is_trap.then(|| Finding::new(&rules::SITE_UNKNOWN_ANSWERED, url, message))
    })
}

/// Sorts errors to the front and removes repeated findings.
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
    fn rule_ids_are_distinct_lower_case_words() {
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
