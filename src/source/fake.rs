//! A host in memory for tests of lists.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use super::{Client, RemoteFile};
use crate::fetch::{Fault, Fetch, Request, Response};
use crate::model::source::Token;

/// The time at which tests ask for lists.
pub(super) const NOW: i64 = 1_780_000_000;

/// A host with an answer for each address; status 404 for all others.
#[derive(Debug, Default)]
pub(super) struct Host {
    answers: BTreeMap<String, Vec<Response>>,
    /// The addresses that were requested, with the token.
    requests: Mutex<Vec<(String, Option<String>)>>,
    /// How long the client waited between requests.
    pauses: Mutex<Vec<Duration>>,
}

impl Host {
    /// Adds an answer; those for one address are given in turn, the last one again and again.
    pub(super) fn with(mut self, url: &str, answer: Response) -> Host {
        self.answers.entry(url.to_owned()).or_default().push(answer);
        self
    }

    /// Adds JSON with status 200.
    pub(super) fn json(self, url: &str, body: &str) -> Host {
        self.with(url, answer(200, &[], body))
    }

    /// Returns a client of the host.
    pub(super) fn client<'a>(&'a self, token: Option<&'a Token>) -> Client<'a> {
        Client {
            fetch: self,
            token,
            now: NOW,
        }
    }

    /// Returns the addresses that were requested, in order.
    pub(super) fn requests(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests.iter().map(|(url, _)| url.clone()).collect()
    }

    /// Returns how long the client waited between requests, in milliseconds.
    pub(super) fn pauses(&self) -> Vec<u128> {
        let pauses = self.pauses.lock().unwrap();
        pauses.iter().map(Duration::as_millis).collect()
    }

    /// Returns the addresses that were requested with a token.
    pub(super) fn with_token(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        let requests = requests.iter().filter(|(_, token)| token.is_some());
        requests.map(|(url, _)| url.clone()).collect()
    }
}

impl Fetch for Host {
    fn fetch(&self, request: &Request<'_>) -> Result<Response, Fault> {
        let mut requests = self.requests.lock().unwrap();
        let before = requests.iter().filter(|(url, _)| url == request.url);
        let num_before = before.count();
        let token = request.token.map(str::to_owned);
        requests.push((request.url.to_owned(), token));
        let answers = self.answers.get(request.url);
        let answer = answers.and_then(|all| all.get(num_before).or(all.last()));
        Ok(Response {
            url: request.url.to_owned(),
            ..answer.cloned().unwrap_or_else(missing)
        })
    }

    fn pause(&self, duration: Duration) {
        self.pauses.lock().unwrap().push(duration);
    }
}

fn missing() -> Response {
    answer(404, &[], r#"{"message": "Not Found", "status": "404"}"#)
}

/// Makes an answer.
pub(super) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
    let headers = headers.iter();
    Response {
        status,
        headers: headers
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: body.as_bytes().to_vec(),
        ..Response::default()
    }
}

/// Returns the paths of files.
pub(super) fn paths(files: &[RemoteFile]) -> Vec<&str> {
    files.iter().map(|file| &*file.path).collect()
}
