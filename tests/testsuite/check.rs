//! `check`: each rule is broken once, on simulated hosts; and the program over real sockets.

mod downloads;
mod hosts;
mod lists;
mod program;
mod templates;

use std::collections::BTreeMap;
use std::sync::Arc;

use romfeed::clients::check::target::feeds;
use romfeed::clients::check::{self, Report, Task, rules};
use romfeed::fetch::{Fault, Fetch, Folder, Request, Response};
use testkit::package::Package;
use testkit::props::Props;

use crate::support::RomDir;

const BASE: &str = "https://h";

const ZIP_URL: &str = "https://h/builds/a.zip";

const PATHS: [&str; 3] = [
    "api/v1/dev/nightly.json",
    "api/v1/dev/nightly/eng.1",
    "api/v2/devices/dev/builds.json",
];

const DATE: i64 = 1_700_000_000;

/// The answer of a host for a missing path.
type Other = fn(&Request<'_>) -> Response;

/// A host in memory: static, apart from the answers that a test sets.
struct Host {
    files: BTreeMap<String, Vec<u8>>,
    set: BTreeMap<String, Result<Response, Fault>>,
    other: Other,
}

fn answer(url: &str, status: u16, headers: &[(&str, &str)], body: &[u8]) -> Response {
    let headers = headers.iter();
    Response {
        url: url.to_owned(),
        status,
        headers: headers
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
        body: body.to_owned(),
        is_cut: false,
    }
}

impl Fetch for Host {
    fn fetch(&self, ask: &Request<'_>) -> Result<Response, Fault> {
        if let Some(set) = self.set.get(ask.url) {
            return set.clone();
        }
        if ask.post.is_some() {
            return Ok(answer(ask.url, 405, &[], b""));
        }
        let Some(bytes) = self.files.get(ask.url) else {
            return Ok((self.other)(ask));
        };
        let kind = match ask.url.ends_with(".json") {
            true => "application/json",
            false => "application/octet-stream",
        };
        let Some((first, last)) = ask.range else {
            let mut whole = answer(ask.url, 200, &[("content-type", kind)], bytes);
            whole.is_cut = whole.body.len() > ask.max_body;
            whole.body.truncate(ask.max_body);
            return Ok(whole);
        };
        let size = u64::try_from(bytes.len()).unwrap();
        let last = last.min(size - 1);
        let range = format!("bytes {first}-{last}/{size}");
        let [from, to] = [first, last + 1].map(|at| usize::try_from(at).unwrap());
        Ok(answer(
            ask.url,
            206,
            &[("content-range", &range)],
            &bytes[from..to],
        ))
    }
}

fn package() -> Vec<u8> {
    let props = Props::lineage("21.0", "nightly", "dev", DATE, "eng.2", 34, "2023-11-05");
    Package::files(props).build()
}

/// An entry of `{type}.json`.
fn v1(change: impl Fn(&mut serde_json::Value)) -> Vec<u8> {
    let mut entry = serde_json::json!({
        "datetime": DATE, "filename": "a.zip", "id": "1", "romtype": "nightly",
        "size": package().len(), "url": ZIP_URL, "version": "21.0",
    });
    change(&mut entry);
    serde_json::json!({ "response": [entry] })
        .to_string()
        .into_bytes()
}

fn v2(change: impl Fn(&mut serde_json::Value)) -> Vec<u8> {
    let mut file = serde_json::json!({
        "filename": "a.zip", "sha256": "0".repeat(64), "size": package().len(),
        "url": ZIP_URL, "os_sdk_level": 34,
    });
    change(&mut file);
    let build = serde_json::json!({
        "datetime": DATE, "files": [file], "type": "nightly", "version": "21.0",
    });
    serde_json::json!([build]).to_string().into_bytes()
}

fn url(path: &str) -> String {
    format!("{BASE}/{path}")
}

impl Host {
    fn sound() -> Host {
        let files = [
            (url(PATHS[0]), v1(|_| ())),
            (url(PATHS[1]), v1(|_| ())),
            (url(PATHS[2]), v2(|_| ())),
            (ZIP_URL.to_owned(), package()),
        ];
        Host {
            files: files.into(),
            set: BTreeMap::new(),
            other: |ask| answer(ask.url, 404, &[], b"gone"),
        }
    }

    fn file(mut self, path: &str, bytes: impl Into<Vec<u8>>) -> Host {
        self.files.insert(url(path), bytes.into());
        self
    }

    fn answers(mut self, url: &str, status: u16, headers: &[(&str, &str)], body: &[u8]) -> Host {
        self.set
            .insert(url.to_owned(), Ok(answer(url, status, headers, body)));
        self
    }

    fn fails(mut self, url: &str, fault: Fault) -> Host {
        self.set.insert(url.to_owned(), Err(fault));
        self
    }

    fn check_with<'a>(self, change: impl FnOnce(&mut Task<'a>)) -> Report {
        let host: Arc<dyn Fetch> = Arc::new(self);
        let mut task = Task {
            base: BASE,
            value: None,
            feeds: feeds(BASE, &PATHS.map(str::to_owned), None),
            site: Arc::clone(&host),
            zips: Some(host),
            local: None,
            paths: &[],
            expected: BTreeMap::new(),
            required: Vec::new(),
            catalog_facts: BTreeMap::new(),
            listed_by: BTreeMap::new(),
            images: Vec::new(),
            is_live: true,
            now: DATE + 86_400,
        };
        change(&mut task);
        check::check(&task)
    }

    fn check(self) -> Report {
        self.check_with(|_| ())
    }
}

fn ids(report: &Report) -> Vec<&'static str> {
    let mut ids: Vec<_> = report.findings.iter().map(|found| found.rule.id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// The findings of a test as `check` prints them, for a snapshot.
#[derive(Default)]
struct Findings(String);

impl Findings {
    /// Fails unless all findings in the report are of this rule.
    #[track_caller]
    fn only(&mut self, report: &Report, id: &str) {
        assert_eq!(ids(report), [id], "{:#?}", report.findings);
        for found in &report.findings {
            let place = [Some(&found.place), found.entry.as_ref()];
            let place: Vec<&str> = place.into_iter().flatten().map(String::as_str).collect();
            let (place, message, fix) = (place.join(": "), &found.message, found.fix());
            self.0
                .push_str(&format!("{id} {place}: {message}\n  fix: {fix}\n"));
        }
    }
}

#[test]
fn every_rule_has_a_test() {
    let tests = concat!(
        include_str!("check/downloads.rs"),
        include_str!("check/hosts.rs"),
        include_str!("check/lists.rs"),
        include_str!("check/program.rs"),
        include_str!("check/templates.rs"),
        include_str!("sources_online.rs"),
    );
    for rule in rules::ALL {
        assert!(tests.contains(&format!("\"{}\"", rule.id)), "{}", rule.id);
    }
}

fn site() -> RomDir {
    let dir = RomDir::new().file("builds/lineage-21.0-20231114-nightly-dev.zip", package());
    dir.generate().expect(0);
    dir
}
