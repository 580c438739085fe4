//! Published files as phones and checks see them: any bytes at any address.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, LazyLock};

use ota_view::props::{Era, PropertyMap};
use percent_encoding::percent_decode_str;
use romfeed::catalog::channels;
use romfeed::clients::check::{self, Task, target};
use romfeed::clients::simulate::{self, Site, Subject, prose};
use romfeed::clients::updaters::{self, Generation, Phone};
use romfeed::fetch::{Fault, Fetch, Request, Response};
use romfeed::publish::writer::published_files;

use super::site::{self, BASE_URL, NOW, SITE, settings};
use super::text;

/// Most files of a site.
const MAX_PAGES: usize = 16;

/// The value of a phone's property, the phone's properties, then path and contents of each file,
/// all separated by zero bytes.
pub(super) fn feeds(data: &[u8]) {
    let mut parts = data.split(|byte| *byte == 0);
    let value = text(parts.next().unwrap_or_default());
    let props = parts.next().unwrap_or_default();
    let parts: Vec<&[u8]> = parts.collect();
    let pages = parts.chunks_exact(2).take(MAX_PAGES);
    let host = Host {
        pages: pages
            .map(|page| (text(page[0]), page[1].to_vec()))
            .collect(),
    };
    let subject = subject(&value, props);
    for generation in Generation::ALL {
        let phone = subject.phone(generation);
        let _ = updaters::request(generation, &value, &phone);
        for body in host.pages.values() {
            read(generation, body, &phone);
        }
    }
    for body in host.pages.values() {
        read_manifest(body);
    }
    judge(&host);
    play(&host, &subject);
}

/// Reads a body as the manifest of a published site, which decides what files are removed.
fn read_manifest(body: &[u8]) {
    for file in published_files(body, Path::new("manifest.json")).unwrap_or_default() {
        let is_name = |part: &str| !["", ".", ".."].contains(&part);
        assert!(file.split('/').all(is_name), "{file}");
        assert!(!file.contains(char::is_control), "{file}");
    }
}

fn subject(value: &str, props: &[u8]) -> Subject {
    let mut subject = Subject::default();
    if let Ok(file) = simulate::parse_props("phone", props) {
        subject.props = Some(PropertyMap::merge([file], Era::FirstWins));
    }
    subject.overrides.device = Some("bacon".to_owned());
    subject.overrides.romtype = Some("nightly".to_owned());
    subject.overrides.uri = Some(value.to_owned()).filter(|value| !value.is_empty());
    subject
}

/// Reads a body as one generation of clients does.
fn read(generation: Generation, body: &[u8], phone: &Phone) {
    let Ok(list) = updaters::read(generation, body) else {
        return;
    };
    for entry in &list.entries {
        let _ = updaters::judge(generation, entry, phone);
        let _ = updaters::can_stream(generation, entry, phone);
        let _ = updaters::warnings(generation, entry);
    }
    let listing = updaters::assess(generation, body, phone).expect("it was read");
    assert!(listing.rows.len() <= list.entries.len());
    assert_eq!(listing.dropped, list.dropped);
    let known = updaters::notifies(generation, Some(body), body, phone);
    assert!(
        generation <= Generation::Cm14 || known == Ok(false),
        "{generation}"
    );
}

/// Returns the catalog's facts about the site: lists with the builds of phones, files, packages.
struct Own {
    expected: BTreeMap<String, Option<check::Installed>>,
    required: Vec<String>,
    known: BTreeMap<String, check::CatalogFacts>,
}

static OWN: LazyLock<Own> = LazyLock::new(|| {
    let config = settings();
    let urls = site::addresses(&SITE, &config);
    let channels = channels::Channels::new(&SITE, &config, &urls, NOW);
    Own {
        expected: check::expected(&channels),
        required: check::lists(&channels, &config)
            .expect("no template is set")
            .iter()
            .map(|(path, _)| path.to_owned())
            .collect(),
        known: check::catalog_facts(&SITE, &config),
    }
});

/// Judges the site, as a folder and as a live site.
fn judge(host: &Host) {
    let paths: Vec<String> = host.pages.keys().cloned().collect();
    let site: Arc<dyn Fetch> = Arc::new(host.clone());
    for is_live in [false, true] {
        let report = check::check(&Task {
            base: BASE_URL,
            value: None,
            feeds: target::feeds(BASE_URL, &paths, None),
            site: Arc::clone(&site),
            zips: Some(Arc::clone(&site)),
            local: None,
            paths: &paths,
            expected: OWN.expected.clone(),
            required: OWN.required.clone(),
            catalog_facts: OWN.known.clone(),
            listed_by: BTreeMap::new(),
            images: Vec::new(),
            is_live,
            now: NOW,
        });
        for finding in &report.findings {
            assert!(check::rules::ALL.contains(&finding.rule));
            assert!(finding.message.len() < 1 << 20);
        }
    }
    let _ = check::files_of_site(BASE_URL, &*site);
}

/// Simulates the phone, with its advice.
fn play(host: &Host, subject: &Subject) {
    let paths = host.pages.keys().cloned().collect();
    let (config, incrementals) = (settings(), BTreeSet::new());
    let site = Site {
        base: BASE_URL,
        variant: None,
        fetch: host,
        is_live: false,
        paths: Some(&paths),
        now: NOW,
        config: &config,
        incrementals: &incrementals,
        deltas: &incrementals,
        families: &BTreeMap::new(),
    };
    let previous = host.pages.values().next().map(|body| &body[..]);
    for generation in simulate::candidates(subject).0 {
        let simulation = simulate::simulate(generation, subject, &site, previous);
        let advice = simulate::advise(&simulation, subject, &site);
        assert!(advice.len() < 100, "{advice:?}");
        let said = prose::verdict(&simulation);
        assert!(!said.contains(char::is_control), "{said:?}");
    }
    let mut described = Subject::default();
    described.overrides.device = Some("bacon".to_owned());
    let _ = simulate::complete(&mut described, &site, false);
}

/// A web host. A file that begins with `!` is a complete answer: status and headers, then an empty
/// line and the body.
#[derive(Clone)]
struct Host {
    pages: BTreeMap<String, Vec<u8>>,
}

impl Fetch for Host {
    fn fetch(&self, ask: &Request<'_>) -> Result<Response, Fault> {
        let path = ask.url.strip_prefix(BASE_URL).unwrap_or(ask.url);
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let path = percent_decode_str(path.trim_start_matches('/')).decode_utf8_lossy();
        let mut answer = match self.pages.get(&*path) {
            Some(page) => answer(page, ask),
            None => Response {
                status: 404,
                ..Response::default()
            },
        };
        answer.url = ask.url.to_owned();
        answer.is_cut = answer.body.len() > ask.max_body;
        answer.body.truncate(ask.max_body);
        Ok(answer)
    }
}

fn answer(page: &[u8], ask: &Request<'_>) -> Response {
    if let Some(page) = page.strip_prefix(b"!") {
        return parse(page);
    }
    let header = |name: &str, value: String| (name.to_owned(), value);
    let json = header("content-type", "application/json".to_owned());
    let size = page.len() as u64;
    match ask.range {
        _ if ask.post.is_some() => Response {
            status: 405,
            ..Response::default()
        },
        Some((first, last)) if first < size => {
            let end = last.min(size - 1);
            let range = format!("bytes {first}-{end}/{size}");
            Response {
                status: 206,
                headers: vec![header("content-range", range)],
                body: page[first as usize..=end as usize].to_vec(),
                ..Response::default()
            }
        }
        Some(_) => Response {
            status: 416,
            ..Response::default()
        },
        None => Response {
            status: 200,
            headers: vec![json, header("content-length", size.to_string())],
            body: page.to_vec(),
            ..Response::default()
        },
    }
}

fn parse(page: &[u8]) -> Response {
    let end = page.windows(2).position(|end| end == b"\n\n");
    let (head, body) = page.split_at(end.unwrap_or(page.len()));
    let head = text(head);
    let mut lines = head.lines();
    let status = lines.next().and_then(|status| status.parse().ok());
    let headers = lines.filter_map(|line| line.split_once(": "));
    Response {
        status: status.unwrap_or(200),
        headers: headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect(),
        body: body.get(2..).unwrap_or_default().to_vec(),
        ..Response::default()
    }
}
