//! One list of builds, judged as each client that reads it would.
//!
//! In: a [`Feed`] and what the host answered. Out: findings, and the [`Listed`] packages.

use std::collections::BTreeMap;

use serde_json::Value;

use super::rules;
use super::strict_json;
use super::target::{Feed, Kind};
use super::{Installed, fixes, hosts, required_files, sound};
use crate::clients::updaters::{
    self, Entry, Generation, ListFault, TransportFault, UpdaterResponse, Warning, accept, read,
};
use crate::fetch::{Fault, Fetch, Request, Response, follow, is_absolute, resolve};
use crate::model::entry_rules::{self, ListedBuild, Problem};
use ota_view::finding::{Finding, Rule};

/// Longest list read, in bytes; clients of 23 stop at 32 KiB, and others hold it in memory.
const MAX_FEED: usize = 4 << 20;
/// Most redirects that Android follows.
pub(super) const MAX_REDIRECTS: usize = 20;

/// Longest list that is held as a tree of JSON values, in bytes; those take up to 25 times as much.
const MAX_TREE: usize = 1 << 20;

/// Takes a finding: the rule, the entry that breaks it if it is one, and the message.
type Find<'f> = dyn FnMut(&'static Rule, Option<String>, String) + 'f;

/// A package that a list offers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Listed {
    pub(super) url: String,
    pub(super) filename: String,
    /// In bytes, where the list has it.
    pub(super) size: Option<i64>,
    /// In seconds, where the list has it.
    pub(super) datetime: Option<i64>,
    /// Whose list it is, if the list's address tells.
    pub(super) device: Option<String>,
    /// The list, for messages.
    pub(super) path: String,
}

/// What became of one list.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) findings: Vec<Finding>,
    pub(super) listed: Vec<Listed>,
    /// The body, where there was one to read.
    pub(super) body: Option<Vec<u8>>,
}

/// Asks for a list and judges it; `now` is in seconds since the epoch.
pub(super) fn judge(
    feed: &Feed,
    fetch: &dyn Fetch,
    installed: Option<&Installed>,
    now: i64,
) -> Judged {
    let mut judged = Judged::default();
    judged.findings.extend(hosts::of_feed(feed));
    let file = fetch.file(&feed.url);
    if let Some(file) = &file
        && let Some(missing) =
            required_files::fault_of_file(file, &feed.path, &rules::SITE_FILE_MISSING)
    {
        judged.findings.push(missing);
        return judged;
    }
    let answers = match follow(fetch, &Request::get(&feed.url, MAX_FEED), MAX_REDIRECTS + 1) {
        Ok(answers) => answers,
        Err(fault) => {
            let finding = fixes::find(&rules::FEED_UNREACHABLE, &feed.path, &fault);
            judged.findings.push(finding);
            return judged;
        }
    };
    let mut find = |rule: &'static Rule, entry: Option<String>, message: String| {
        let mut finding = Finding::new(rule, feed.path.clone(), message);
        finding.entry = entry;
        judged
            .findings
            .push(match file.is_some() && is_of_text(rule) {
                true => finding.with_fix(rules::SITE_FILE_MISSING.fix),
                false => finding,
            });
    };
    let Some(last) = answers.last() else {
        return judged;
    };
    let readers = feed.readers(&last.body);
    let (accepting, faults) = transport(readers, &answers);
    for (rule, message) in faults {
        find(rule, None, message);
    }
    if !(200..300).contains(&last.status) {
        if let Some(message) = other_case(feed, fetch) {
            find(&rules::FEED_CASE, None, message);
        }
        return judged;
    }
    let has_capitals = |romtype: &String| romtype.chars().any(|c| c.is_ascii_uppercase());
    if let Some(romtype) = feed
        .romtype
        .as_ref()
        .filter(|romtype| has_capitals(romtype))
    {
        let message = format!("phones ask for `{}`", romtype.to_ascii_lowercase());
        find(&rules::FEED_CASE, None, message);
    }
    if last.is_cut {
        find(
            &rules::FEED_TOO_LONG,
            None,
            format!("it has more than {MAX_FEED} bytes"),
        );
        return judged;
    }
    if let Kind::Sound(format) = feed.kind {
        if let Some(fault) = sound::fault(format, &last.body) {
            find(&rules::FEED_UNREADABLE, None, fault);
        }
        judged.body = Some(last.body.clone());
        return judged;
    }
    let is_line = |reader: &Generation| *reader == Generation::GrapheneOs;
    let is_new = |reader: &Generation| *reader >= Generation::KotlinV1;
    let fault = match () {
        () if readers.iter().all(is_line) => None,
        // They take the whole of Unicode.
        () if readers.iter().all(is_new) => strict_json::fault(&last.body),
        () => strict_json::fault_for_old(&last.body),
    };
    if let Some(fault) = fault {
        find(&rules::FEED_NOT_STRICT, None, fault);
    }
    let entries = read_all(&accepting, &last.body, &mut find);
    let tree = json_tree(&last.body);
    for (generation, entry) in &entries {
        for problem in entry_problems(*generation, entry, &tree, now) {
            let rule = match problem {
                Problem::OtherName { .. } => &rules::ENTRY_URL_NAME,
                _ => &rules::ENTRY_FIELD,
            };
            find(rule, Some(entry.filename.clone()), problem.to_string());
        }
    }
    judge_entries(feed, &entries, installed, &mut find);
    // The host brings zips next to a line of GrapheneOS; the folder here need not have them there.
    let is_elsewhere = |reader: &Generation| is_line(reader) && file.is_some();
    judged.listed = entries
        .iter()
        .filter(|(generation, _)| !is_elsewhere(generation))
        .map(|(generation, entry)| listed(feed, *generation, entry))
        .collect();
    judged.body = Some(last.body.clone());
    judged
}

/// Whether a rule is about the text of a feed, which romfeed writes anew in one's own folder.
fn is_of_text(rule: &Rule) -> bool {
    let of_text = [
        &rules::FEED_UNREADABLE,
        &rules::FEED_NOT_STRICT,
        &rules::FEED_ENTRY_DROPPED,
    ];
    of_text.contains(&rule)
}

fn listed(feed: &Feed, generation: Generation, entry: &Entry) -> Listed {
    // Custota and GrapheneOS take addresses relative to their feed's.
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

/// A fault with the generations it is one for, unless it is for all that read the list.
fn for_whom(fault: String, generations: &[Generation], readers: &[Generation]) -> String {
    if generations.len() == readers.len() {
        return fault;
    }
    let names: Vec<&str> = generations.iter().map(|one| one.name()).collect();
    format!("{fault} ({})", names.join(", "))
}

/// Whether most phones, which go along redirects, look at the body these answers end with.
pub(super) fn is_taken(answers: &[Response]) -> bool {
    let (accepting, _) = transport(&[Generation::Java22], answers);
    !accepting.is_empty()
}

/// Who looks at the body, and what keeps others from it, each fault once.
fn transport(
    readers: &[Generation],
    answers: &[Response],
) -> (Vec<Generation>, Vec<(&'static Rule, String)>) {
    let urls: Vec<&str> = answers.iter().map(|answer| answer.url.as_str()).collect();
    let Some(last) = answers.last() else {
        return (Vec::new(), Vec::new());
    };
    let mut accepting = Vec::new();
    let response = UpdaterResponse {
        urls: &urls,
        status: last.status,
        content_type: last.header("content-type"),
        body_len: last.body.len(),
    };
    let mut faults: BTreeMap<String, (&'static Rule, Vec<Generation>)> = BTreeMap::new();
    for generation in readers {
        let Err(fault) = accept(*generation, &response) else {
            accepting.push(*generation);
            continue;
        };
        let rule = match fault {
            TransportFault::Redirect { .. } | TransportFault::TooManyRedirects { .. } => {
                &rules::FEED_REDIRECT
            }
            TransportFault::OtherScheme { .. } => &rules::FEED_SCHEME,
            TransportFault::Status { .. } => &rules::FEED_STATUS,
            TransportFault::ContentType { .. } => &rules::FEED_CONTENT_TYPE,
            TransportFault::TooLong { .. } => &rules::FEED_TOO_LONG,
        };
        let (_, generations) = faults
            .entry(words(fault, urls[0]))
            .or_insert((rule, Vec::new()));
        generations.push(*generation);
    }
    let faults = faults.into_iter();
    let faults = faults.map(|(fault, (rule, of))| (rule, for_whom(fault, &of, readers)));
    (accepting, faults.collect())
}

/// A fault without what is only this list's, so that the same fault of many is one finding.
fn words(fault: TransportFault, asked: &str) -> String {
    match fault {
        TransportFault::Redirect { to } => {
            let [_, to] = without_common_end(asked, &to);
            TransportFault::Redirect { to }.to_string()
        }
        TransportFault::OtherScheme { from, to } => {
            let [from, to] = without_common_end(&from, &to);
            TransportFault::OtherScheme { from, to }.to_string()
        }
        fault => fault.to_string(),
    }
}

/// Two addresses, with `…` in place of the folders and the name at the end of both.
fn without_common_end(a: &str, b: &str) -> [String; 2] {
    let paths = [a, b].map(|url| url.splitn(4, '/').nth(3).unwrap_or_default());
    let [of_a, of_b] = paths.map(|path| path.rsplit('/'));
    let common = of_a.zip(of_b).take_while(|(one, other)| one == other);
    let common_len: usize = common.map(|(part, _)| part.len() + 1).sum();
    [a, b].map(|url| match url.len().checked_sub(common_len) {
        Some(len) if common_len > 0 => format!("{}/…", &url[..len]),
        _ => url.to_owned(),
    })
}

/// Whether the host has the release type in capitals, which no client asks for.
fn other_case(feed: &Feed, fetch: &dyn Fetch) -> Option<String> {
    let romtype = feed.romtype.as_ref()?;
    let capitals = romtype.to_ascii_uppercase();
    let device = feed.device.as_ref()?;
    let [from, to] = [romtype, &capitals].map(|romtype| format!("/{device}/{romtype}"));
    let at = feed.url.rfind(&from).filter(|_| *romtype != capitals)?;
    let url = format!("{}{to}{}", &feed.url[..at], &feed.url[at + from.len()..]);
    let answer = fetch.fetch(&Request::get(&url, 1)).ok()?;
    (answer.status == 200).then(|| format!("it is there as {url}, which no phone asks for"))
}

/// The entries each generation reads, each once: with the last generation that reads it.
fn read_all(readers: &[Generation], body: &[u8], find: &mut Find<'_>) -> Vec<(Generation, Entry)> {
    let mut entries: BTreeMap<usize, (Generation, Entry)> = BTreeMap::new();
    type Fault = (Option<usize>, String);
    let mut faults: BTreeMap<Fault, (&'static Rule, Vec<Generation>)> = BTreeMap::new();
    let mut add = |rule, index: Option<usize>, text: String, generation| {
        let (_, generations) = faults.entry((index, text)).or_insert((rule, Vec::new()));
        generations.push(generation);
    };
    for generation in readers {
        match read(*generation, body) {
            Ok(list) => {
                for dropped in list.dropped {
                    let (index, fault) = (Some(dropped.index), dropped.fault.to_string());
                    add(&rules::FEED_ENTRY_DROPPED, index, fault, *generation);
                }
                let read = list.entries.into_iter();
                entries.extend(read.map(|entry| (entry.index, (*generation, entry))));
            }
            Err(fault) => {
                let fault: ListFault = fault;
                add(
                    &rules::FEED_UNREADABLE,
                    None,
                    fault.to_string(),
                    *generation,
                );
            }
        }
    }
    for ((index, fault), (rule, generations)) in faults {
        let entry = index.map(|index| format!("entry {index}"));
        find(rule, entry, for_whom(fault, &generations, readers));
    }
    entries.into_values().collect()
}

fn judge_entries(
    feed: &Feed,
    entries: &[(Generation, Entry)],
    installed: Option<&Installed>,
    find: &mut Find<'_>,
) {
    // A list with entries of all types has some for other phones.
    let is_of_one_type = |romtype: &String| {
        let is_it = |entry: &Entry| entry_rules::romtype_problem(&entry.romtype, romtype).is_none();
        !matches!(feed.kind, Kind::Device)
            || feed.path.contains(&**romtype)
            || !entries.iter().any(|(_, entry)| is_it(entry))
    };
    let romtype = feed.romtype.as_ref();
    let romtype = romtype.filter(|romtype| feed.kind != Kind::Legacy && is_of_one_type(romtype));
    let mut ids: BTreeMap<&str, &Entry> = BTreeMap::new();
    for (generation, entry) in entries {
        let name = &entry.filename;
        let mut find = |rule, message| find(rule, Some(name.clone()), message);
        for warning in updaters::warnings(*generation, entry) {
            if let Some(rule) = rule_of(&warning) {
                find(rule, warning.to_string());
            }
        }
        if let Some(first) = ids.insert(&entry.id, entry)
            && first.url != entry.url
            && feed.kind != Kind::Legacy
        {
            let message = format!("{} has its id too: `{}`", first.filename, entry.id);
            find(&rules::ENTRY_DUPLICATE_ID, message);
        }
        if *generation == Generation::Kotlin23 && entry.sdk_level.is_none() {
            find(&rules::ENTRY_SDK, "it has no os_sdk_level".to_owned());
        }
        if let Some(romtype) = romtype
            && let Some(problem) = entry_rules::romtype_problem(&entry.romtype, romtype)
        {
            find(&rules::ENTRY_ROMTYPE, problem.to_string());
        }
        if let Some(installed) = installed
            && *name == installed.filename
            && entry.datetime > installed.timestamp
        {
            let message = format!(
                "it is offered to itself: its datetime is {}, its own date {}",
                entry.datetime, installed.timestamp
            );
            find(&rules::FEED_OFFERS_INSTALLED, message);
        }
    }
}

impl<'a> From<&'a Entry> for ListedBuild<'a> {
    /// What a client made of an entry.
    fn from(entry: &'a Entry) -> ListedBuild<'a> {
        // What a client does not read is empty.
        let read = |text: &'a str| Some(text).filter(|text| !text.is_empty());
        ListedBuild {
            filename: read(&entry.filename),
            url: read(&entry.url),
            version: read(&entry.version),
            romtype: read(&entry.romtype),
            timestamp: Some(entry.datetime),
            size: entry.size,
        }
    }
}

/// A body as a tree of JSON values; null if it is none, or too long for that.
#[must_use]
pub fn json_tree(body: &[u8]) -> Value {
    match body.len() > MAX_TREE {
        true => Value::Null,
        false => serde_json::from_slice(body).unwrap_or_default(),
    }
}

/// Returns what is wrong with an entry for every reader; `tree` is the body that it is from, `now` in
/// seconds since the epoch.
#[must_use]
pub fn entry_problems(
    generation: Generation,
    entry: &Entry,
    tree: &Value,
    now: i64,
) -> Vec<Problem> {
    // What a client does not read is empty.
    let read = |text| Some(text).filter(|text: &&str| !text.is_empty());
    // Custota reads an address and nothing else.
    let is_dated = generation.reads_date();
    let listed = ListedBuild {
        filename: read(&*entry.filename).filter(|_| is_dated),
        url: read(&*entry.url),
        version: read(&*entry.version),
        romtype: read(&*entry.romtype),
        timestamp: is_dated.then_some(entry.datetime),
        size: entry.size,
    };
    let mut problems = entry_rules::judge(&listed, now);
    // Clients that read an array refuse it for a number where they want text.
    let written = &tree["response"][entry.index];
    problems.extend(entry_rules::number_problems(written));
    problems
}

fn rule_of(warning: &Warning) -> Option<&'static Rule> {
    Some(match warning {
        Warning::RelativeUrl { .. }
        | Warning::CleartextUrl { .. }
        | Warning::UnescapedUrl { .. } => &rules::ENTRY_URL,
        Warning::Digest { .. } => &rules::ENTRY_DIGEST,
        // Judged across entries.
        Warning::RepeatedId { .. } => return None,
        _ => &rules::ENTRY_FIELD,
    })
}

/// Asks for the list of a phone of the CyanogenMod era by POST, as that phone does.
pub(super) fn judge_post(feed: &Feed, fetch: &dyn Fetch) -> Option<Finding> {
    let url = feed.url.strip_suffix("/index.json")?;
    let phone = updaters::Phone {
        device: feed.device.clone().unwrap_or_default(),
        ..updaters::Phone::default()
    };
    let request = updaters::request(Generation::Cm12, url, &phone).ok()?;
    let ask = Request {
        post: request.body.as_deref(),
        ..Request::get(url, MAX_FEED)
    };
    let fault = match fetch.fetch(&ask) {
        Ok(answer) if !(200..300).contains(&answer.status) => {
            format!("a POST to it gets status {}", answer.status)
        }
        Ok(answer) => read(Generation::Cm12, &answer.body).err()?.to_string(),
        Err(fault @ Fault::Elsewhere { .. }) => fault.to_string(),
        Err(fault) => format!("a POST to it fails: {fault}"),
    };
    Some(Finding::new(&rules::FEED_POST, feed.path.clone(), fault))
}
