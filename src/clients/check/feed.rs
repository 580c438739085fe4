//! One list of builds, judged as each updater that reads it would.
//!
//! In: a [`Feed`] and the host that serves it. Out: findings, and the [`Listed`] packages.

use super::entries::{self, Find, entry_problems, json_tree};
use super::listed::Listed;
use super::target::{Feed, Kind};
use super::{Installed, fixes, hosts, required_files, rules, sound, strict_json, transport};
use crate::clients::updaters::{self, Entry, Generation, MAX_REDIRECTS, read};
use crate::fetch::{Fault, Fetch, Request, Response, follow, is_absolute, resolve};
use crate::model::entry_rules::Problem;
use ota_view::finding::{Finding, Rule};

/// Maximum size of a list that is read, in bytes.
///
/// Updaters of LineageOS 23 stop at 32 KiB, others hold the list in memory; servers that list
/// everything send less than one MiB.
pub const MAX_FEED: usize = 4 << 20;

/// The result of judging one list.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) findings: Vec<Finding>,
    pub(super) listed: Vec<Listed>,
    /// The body, if there is one that updaters read.
    pub(super) body: Option<Vec<u8>>,
}

/// Fetches a list and judges it; `now` is in seconds since the epoch.
pub(super) fn judge(
    feed: &Feed,
    fetch: &dyn Fetch,
    installed: Option<&Installed>,
    now: i64,
) -> Judged {
    let mut judged = Judged::default();
    judged.findings.extend(hosts::judge_feed(feed));
    let file = fetch.file(&feed.url);
    if let Some(file) = &file
        && let Some(missing) =
            required_files::judge_file(file, &feed.path, &rules::SITE_FILE_MISSING)
    {
        judged.findings.push(missing);
        return judged;
    }
    let responses = match follow(fetch, &Request::get(&feed.url, MAX_FEED), MAX_REDIRECTS + 1) {
        Ok(responses) => responses,
        Err(fault) => {
            let finding = fixes::unreachable(&rules::FEED_UNREACHABLE, &feed.path, &fault);
            judged.findings.push(finding);
            return judged;
        }
    };
    let mut find = |rule: &'static Rule, entry: Option<String>, message: String| {
        let mut finding = Finding::new(rule, feed.path.clone(), message);
        finding.entry = entry;
        judged
            .findings
            .push(match file.is_some() && is_about_text(rule) {
                true => finding.with_fix(rules::SITE_FILE_MISSING.fix),
                false => finding,
            });
    };
    let Some(last) = responses.last() else {
        return judged;
    };
    let Some(accepting) = judge_head(feed, fetch, &responses, last, &mut find) else {
        return judged;
    };
    if let Kind::Sound(format) = feed.kind {
        if let Some(fault) = sound::fault(format, &last.body) {
            find(&rules::FEED_UNREADABLE, None, fault);
        }
    } else {
        let entries = judge_body(feed, &last.body, &accepting, now, &mut find);
        entries::judge(feed, &entries, installed, &mut find);
        // A host serves the zips next to the file of GrapheneOS; the local folder may not have them there.
        let is_elsewhere = |reader: &Generation| is_line(reader) && file.is_some();
        judged.listed = entries
            .iter()
            .filter(|(generation, _)| !is_elsewhere(generation))
            .map(|(generation, entry)| listed(feed, *generation, entry))
            .collect();
    }
    judged.body = Some(last.body.clone());
    judged
}

/// Judges everything but the body; returns the generations that read the body, `None` if it is not
/// worth reading.
fn judge_head(
    feed: &Feed,
    fetch: &dyn Fetch,
    responses: &[Response],
    last: &Response,
    find: &mut Find<'_>,
) -> Option<Vec<Generation>> {
    let (accepting, faults) = transport::judge(feed.readers(&last.body), responses);
    for (rule, message) in faults {
        find(rule, None, message);
    }
    if !(200..300).contains(&last.status) {
        if let Some(message) = other_case(feed, fetch) {
            find(&rules::FEED_CASE, None, message);
        }
        return None;
    }
    let has_capitals = |romtype: &&String| romtype.chars().any(|c| c.is_ascii_uppercase());
    if let Some(romtype) = feed.romtype.as_ref().filter(has_capitals) {
        let message = format!("phones ask for `{}`", romtype.to_ascii_lowercase());
        find(&rules::FEED_CASE, None, message);
    }
    if last.is_cut {
        let message = format!("it has more than {MAX_FEED} bytes");
        find(&rules::FEED_TOO_LONG, None, message);
        return None;
    }
    Some(accepting)
}

/// Judges the body and each entry by itself; returns the entries.
fn judge_body(
    feed: &Feed,
    body: &[u8],
    accepting: &[Generation],
    now: i64,
    find: &mut Find<'_>,
) -> Vec<(Generation, Entry)> {
    let readers = feed.readers(body);
    let is_new = |reader: &Generation| *reader >= Generation::KotlinV1;
    let fault = match () {
        () if readers.iter().all(is_line) => None,
        // These read all of Unicode.
        () if readers.iter().all(is_new) => strict_json::fault(body),
        () => strict_json::fault_for_old_updaters(body),
    };
    if let Some(fault) = fault {
        find(&rules::FEED_NOT_STRICT, None, fault);
    }
    let entries = entries::read_all(accepting, body, find);
    let tree = json_tree(body);
    for (generation, entry) in &entries {
        for problem in entry_problems(*generation, entry, &tree, now) {
            let rule = match problem {
                Problem::OtherName { .. } => &rules::ENTRY_URL_NAME,
                _ => &rules::ENTRY_FIELD,
            };
            find(rule, Some(entry.filename.clone()), problem.to_string());
        }
    }
    entries
}

/// Returns whether an updater reads a line of text instead of JSON.
fn is_line(reader: &Generation) -> bool {
    *reader == Generation::GrapheneOs
}

/// Returns whether a rule is about the text of a feed, which `romfeed generate` rewrites in a local
/// folder.
fn is_about_text(rule: &Rule) -> bool {
    let about_text = [
        &rules::FEED_UNREADABLE,
        &rules::FEED_NOT_STRICT,
        &rules::FEED_ENTRY_DROPPED,
    ];
    about_text.contains(&rule)
}

fn listed(feed: &Feed, generation: Generation, entry: &Entry) -> Listed {
    // Custota and GrapheneOS resolve addresses against that of their feed.
    let url = match is_absolute(&entry.url) {
        true => None,
        false => resolve(&feed.url, &entry.url).filter(|_| feed.is_of_template()),
    };
    Listed {
        url: url.unwrap_or_else(|| entry.url.clone()),
        filename: entry.filename.clone(),
        size: entry.size,
        datetime: generation.reads_date().then_some(entry.datetime),
        device: feed.device.clone().or_else(|| entry.device.clone()),
        path: feed.path.clone(),
    }
}

/// Looks for the list under its release type in capitals, which no phone asks for.
fn other_case(feed: &Feed, fetch: &dyn Fetch) -> Option<String> {
    let romtype = feed.romtype.as_ref()?;
    let capitals = romtype.to_ascii_uppercase();
    let device = feed.device.as_ref()?;
    let [from, to] = [romtype, &capitals].map(|romtype| format!("/{device}/{romtype}"));
    let at = feed.url.rfind(&from).filter(|_| *romtype != capitals)?;
    let url = format!("{}{to}{}", &feed.url[..at], &feed.url[at + from.len()..]);
    let response = fetch.fetch(&Request::get(&url, 1)).ok()?;
    (response.status == 200).then(|| format!("the file there is {url}, which no phone asks for"))
}

/// Requests the list of a phone of the CyanogenMod era by POST, as that phone does.
pub(super) fn judge_post(feed: &Feed, fetch: &dyn Fetch) -> Option<Finding> {
    let url = feed.url.strip_suffix("/index.json")?;
    let phone = updaters::Phone {
        device: feed.device.clone().unwrap_or_default(),
        ..updaters::Phone::default()
    };
    let sent = updaters::request(Generation::Cm12, url, &phone).ok()?;
    let request = Request {
        post: sent.body.as_deref(),
        ..Request::get(url, MAX_FEED)
    };
    let fault = match fetch.fetch(&request) {
        Ok(response) if !(200..300).contains(&response.status) => {
            format!("a POST to it gets status {}", response.status)
        }
        Ok(response) => read(Generation::Cm12, &response.body).err()?.to_string(),
        Err(fault @ Fault::Elsewhere { .. }) => fault.to_string(),
        Err(fault) => format!("a POST to it fails: {fault}"),
    };
    Some(Finding::new(&rules::FEED_POST, feed.path.clone(), fault))
}
