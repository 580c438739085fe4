//! Lists of releases on other hosts: any bytes as the answers.

use std::sync::Mutex;

use romfeed::fetch::{Fault, Fetch, Request, Response};
use romfeed::model::source::{HashPolicy, Host, SourceConfig};
use romfeed::source::{Client, list};

const SITE: &str = "https://example.org";

/// The answers to all requests in turn, separated by zero bytes, of a GitHub API.
pub(super) fn github(data: &[u8]) {
    read(
        data,
        Host::GitHub {
            api: SITE.to_owned(),
            repo: "o/r".to_owned(),
            prereleases: true,
        },
    );
}

/// The same for a Forgejo site.
pub(super) fn forgejo(data: &[u8]) {
    read(
        data,
        Host::Forgejo {
            site: SITE.to_owned(),
            repo: "o/r".to_owned(),
            prereleases: false,
        },
    );
}

/// The same for a GitLab site, whose answer about the project is given.
pub(super) fn gitlab(data: &[u8]) {
    read(
        &[&br#"{"id": 42}"#[..], &[0], data].concat(),
        Host::GitLab {
            site: SITE.to_owned(),
            project: "o/r".to_owned(),
        },
    );
}

/// A host with these answers, in reverse; after them, the lists end.
struct Answers(Mutex<Vec<Vec<u8>>>);

impl Fetch for Answers {
    fn fetch(&self, request: &Request<'_>) -> Result<Response, Fault> {
        let next = self.0.lock().expect("no thread panics").pop();
        let link = ("link".to_owned(), "<https://h>; rel=\"next\"".to_owned());
        Ok(Response {
            url: request.url.to_owned(),
            status: 200,
            headers: vec![link],
            body: next.unwrap_or_else(|| b"[]".to_vec()),
            ..Response::default()
        })
    }
}

fn read(data: &[u8], host: Host) {
    let mut answers: Vec<Vec<u8>> = data.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
    answers.reverse();
    let client = Client {
        fetch: &Answers(Mutex::new(answers)),
        token: None,
        now: 1_780_000_000,
    };
    let source = SourceConfig {
        device: None,
        name: "s".to_owned(),
        host,
        newest: None,
        max_age: None,
        hash: HashPolicy::Auto,
        url: None,
        token: None,
    };
    let Ok(listing) = list(&client, &source) else {
        return;
    };
    let paths: Vec<&str> = listing.files.iter().map(|file| &*file.path).collect();
    assert!(paths.is_sorted_by(|a, b| a < b), "{paths:?}");
    for file in &listing.files {
        let is_name = |part: &str| !part.is_empty() && !part.starts_with('.');
        assert!(file.path.split('/').all(is_name), "{}", file.path);
        assert!(!file.path.contains(char::is_control), "{}", file.path);
        assert!(file.url.starts_with("https://"), "{}", file.url);
        let is_hex = |digest: &Option<String>, len| {
            let is_digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
            let digest = digest.as_deref();
            digest.is_none_or(|hex| hex.len() == len && hex.bytes().all(is_digit))
        };
        assert!(
            is_hex(&file.sha256, 64) && is_hex(&file.md5, 32),
            "{file:?}"
        );
    }
    for warning in &listing.warnings {
        assert!(!warning.contains(char::is_control), "{warning}");
        assert!(warning.len() < 1 << 14, "{warning}");
    }
}
