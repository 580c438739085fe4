//! Requests for lists: with the token, within the host's limits, and with its own words on errors.

use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use super::Error;
use crate::fetch::{Fetch, Request, Response, follow, origin};
use crate::model::source::Token;

/// Maximum size of a page of a list, in bytes; 100 releases of 50 assets have 12 MiB.
const MAX_PAGE: usize = 32 << 20;
/// Maximum number of redirects of a list.
const MAX_REDIRECTS: usize = 5;
/// A host that accepts requests again after at most this number of seconds is waited for.
const MAX_WAIT: u64 = 60;
/// How often a request waits for that: other sources of the host may use up what it accepts again.
const MAX_WAITS: usize = 3;
/// The pauses before a request is repeated. A host that is out of order for longer is left to the next run.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];
/// No request is repeated later than this after the first one.
const MAX_REPEAT_TIME: Duration = Duration::from_secs(90);
/// Longest part of a host's own message that is shown, in characters.
const MAX_MESSAGE: usize = 200;

/// Asks hosts for lists.
pub struct Client<'a> {
    /// What connects.
    pub fetch: &'a dyn Fetch,
    /// The token, sent to the host that is asked and to no other.
    pub token: Option<&'a Token>,
    /// The time in seconds since the epoch, to understand when a limit ends.
    pub now: i64,
}

impl Client<'_> {
    /// Fetches one page of a list and follows redirects.
    ///
    /// A host whose limit ends within a minute is waited for, once. A request that fails for a passing reason is
    /// repeated twice.
    ///
    /// # Errors
    /// [`Error`], if the last response is not 200 or is cut.
    pub fn get(&self, url: &str, accept: Option<&str>) -> Result<Response, Error> {
        self.repeat(|| self.get_once(url, accept))
    }

    /// Sends a request for a file, not a list, and waits and repeats as [`get`](Client::get) does. Redirects are not
    /// followed.
    ///
    /// # Errors
    /// [`Error`], if the last response has none of the `expected` statuses or is cut.
    #[cfg(feature = "s3")]
    pub(super) fn send(&self, request: &Request<'_>, expected: &[u16]) -> Result<Response, Error> {
        let url = request.url;
        self.repeat(|| {
            let response = self.fetch.fetch(request).map_err(|fault| Error::Fetch {
                url: url.to_owned(),
                fault,
            })?;
            match expected.contains(&response.status) {
                true if response.is_cut => Err(Error::TooMany {
                    url: url.to_owned(),
                    limit: request.max_body,
                    what: "bytes in one file",
                }),
                true => Ok(response),
                false => Err(self.refusal(url, &response)),
            }
        })
    }

    /// Repeats a request that fails for a passing reason.
    fn repeat(&self, once: impl Fn() -> Result<Response, Error>) -> Result<Response, Error> {
        let begin = Instant::now();
        let (mut num_waits, mut pauses) = (0, PAUSES.into_iter());
        loop {
            let error = match once() {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            let pause = match &error {
                Error::RateLimited { seconds, .. }
                    if *seconds <= MAX_WAIT && num_waits < MAX_WAITS =>
                {
                    num_waits += 1;
                    Some(Duration::from_secs(*seconds))
                }
                error if error.may_pass() && begin.elapsed() < MAX_REPEAT_TIME => pauses.next(),
                _ => None,
            };
            let Some(pause) = pause else {
                return Err(error);
            };
            self.fetch.pause(pause);
        }
    }

    fn get_once(&self, url: &str, accept: Option<&str>) -> Result<Response, Error> {
        let request = Request {
            accept,
            token: self.token.map(Token::reveal),
            ..Request::get(url, MAX_PAGE)
        };
        let responses = follow(self.fetch, &request, MAX_REDIRECTS);
        let mut responses = responses.map_err(|fault| Error::Fetch {
            url: url.to_owned(),
            fault,
        })?;
        let response = responses.pop().unwrap_or_default();
        // Others can tamper with what comes over plain http.
        if url.starts_with("https://") && !response.url.starts_with("https://") {
            return Err(Error::Format {
                url: url.to_owned(),
                wanted: "a list",
                reason: "it redirects from https to another scheme".to_owned(),
            });
        }
        match response.status {
            200 if response.is_cut => Err(Error::TooMany {
                url: url.to_owned(),
                limit: MAX_PAGE,
                what: "bytes in one page",
            }),
            200 => Ok(response),
            _ => Err(self.refusal(url, &response)),
        }
    }

    /// Returns the error for a response with another status than was hoped for.
    fn refusal(&self, url: &str, response: &Response) -> Error {
        match self.seconds_to_wait(response) {
            Some(seconds) => self.rate_limited(url, seconds),
            None => Error::Status {
                url: url.to_owned(),
                status: response.status,
                message: self.message(response),
            },
        }
    }

    /// Fetches one page of a list as JSON.
    ///
    /// # Errors
    /// As for [`get`](Client::get), and [`Error::Format`].
    pub fn get_json<T: DeserializeOwned>(
        &self,
        url: &str,
        accept: &str,
        wanted: &'static str,
    ) -> Result<(T, Response), Error> {
        let response = self.get(url, Some(accept))?;
        let value = serde_json::from_slice(&response.body).map_err(|error| Error::Format {
            url: url.to_owned(),
            wanted,
            reason: match response.body.trim_ascii_start().starts_with(b"<") {
                true => "it answers with a web page".to_owned(),
                false => crate::files::json_message(&error),
            },
        })?;
        Ok((value, response))
    }

    /// Waits until the host accepts requests again, if `response` used up its limit, and returns the
    /// number of seconds; `most` is how long to wait at most.
    ///
    /// # Errors
    /// [`Error::RateLimited`], if that takes longer than `most` or a minute.
    pub fn wait_for_limit(&self, response: &Response, most: u64) -> Result<u64, Error> {
        if !is_used_up(response) {
            return Ok(0);
        }
        let seconds = self.seconds_to_reset(response);
        if seconds > most.min(MAX_WAIT) {
            return Err(self.rate_limited(&response.url, seconds));
        }
        self.fetch.pause(Duration::from_secs(seconds));
        Ok(seconds)
    }

    fn rate_limited(&self, url: &str, seconds: u64) -> Error {
        Error::RateLimited {
            host: origin(url).unwrap_or_else(|| url.to_owned()),
            seconds,
            hint: match self.token {
                None => "; a token in the environment raises its limit",
                Some(_) => "",
            },
        }
    }

    /// Returns the host's own message: that of an API's JSON, or the code and the message of a store's XML, without the
    /// token if the host repeats it; and what to do about the token.
    fn message(&self, response: &Response) -> String {
        let value: Option<serde_json::Value> = serde_json::from_slice(&response.body).ok();
        let text = match &value {
            Some(value) => value
                .get("message")
                .and_then(|text| text.as_str())
                .map(str::to_owned),
            None => xml_message(&String::from_utf8_lossy(&response.body)),
        };
        let text = text.unwrap_or_default();
        let text = match self.token.map(Token::reveal) {
            Some(token) if !token.is_empty() => text.replace(token, "…"),
            _ => text,
        };
        let text: String = text.chars().take(MAX_MESSAGE).collect();
        match self.token {
            Some(_) if [401, 403].contains(&response.status) => {
                let reason = "check the token, and what it may read";
                [text.trim_end_matches('.'), reason]
                    .into_iter()
                    .filter(|part| !part.is_empty())
                    .collect::<Vec<_>>()
                    .join("; ")
            }
            _ => text,
        }
    }

    /// Returns the number of seconds until the host accepts requests again, if it refused this one for
    /// their number or because it is busy.
    fn seconds_to_wait(&self, response: &Response) -> Option<u64> {
        let has_time = response.header("retry-after").is_some();
        let is_refused = match response.status {
            403 => has_time || is_used_up(response),
            429 => true,
            503 => has_time,
            _ => false,
        };
        is_refused.then(|| self.seconds_to_reset(response))
    }

    /// Returns the number of seconds until the host accepts requests again. Sources: GitHub, GitLab and
    /// RFC 9110, 10.2.3.
    fn seconds_to_reset(&self, response: &Response) -> u64 {
        let until = number(response, &["x-ratelimit-reset", "ratelimit-reset"]);
        let until = until.map(|at| at.saturating_sub(self.now));
        let seconds = number(response, &["retry-after"]).or(until);
        seconds.map_or(MAX_WAIT, |seconds| {
            u64::try_from(seconds).unwrap_or(0).max(1)
        })
    }
}

/// Returns whether the host accepts no request after this one for now.
fn is_used_up(response: &Response) -> bool {
    number(response, &["x-ratelimit-remaining", "ratelimit-remaining"]) == Some(0)
}

/// Returns the first of these headers that is a number.
fn number(response: &Response, names: &[&str]) -> Option<i64> {
    let mut headers = names.iter().filter_map(|name| response.header(name));
    headers.find_map(|value| value.trim().parse().ok())
}

/// Returns code and message of the XML `Error` (Amazon S3 API Reference, Error Responses).
fn xml_message(body: &str) -> Option<String> {
    let (_, error) = body.split_once("<Error>")?;
    let text = |name: &str| {
        let (_, rest) = error.split_once(&format!("<{name}>"))?;
        let (text, _) = rest.split_once(&format!("</{name}>"))?;
        Some(text)
    };
    let code = text("Code")?;
    match text("Message") {
        Some(message) if !message.is_empty() => Some(format!("{code}: {message}")),
        _ => Some(code.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Host, answer};
    use super::*;

    const URL: &str = "https://h/list";

    #[test]
    fn passing_errors_are_repeated_twice_and_busy_hosts_are_waited_for() {
        let ok = || answer(200, &[], "list");
        let busy = |seconds| answer(503, &[("retry-after", seconds)], "");
        for (answers, pauses, expected) in [
            (vec![answer(502, &[], ""), ok()], vec![250], "list"),
            (
                vec![answer(500, &[], ""), answer(503, &[], ""), ok()],
                vec![250, 1_000],
                "list",
            ),
            (
                vec![answer(502, &[], "")],
                vec![250, 1_000],
                "https://h/list answers with status 502",
            ),
            (vec![busy("7"), ok()], vec![7_000], "list"),
            (
                vec![busy("7"), answer(500, &[], ""), ok()],
                vec![7_000, 250],
                "list",
            ),
            (
                vec![busy("7")],
                vec![7_000; MAX_WAITS],
                "https://h accepts no more requests for 7 s; a token in the environment raises its limit",
            ),
            (
                vec![busy("61")],
                vec![],
                "https://h accepts no more requests for 61 s; a token in the environment raises its limit",
            ),
            (
                vec![answer(404, &[], "")],
                vec![],
                "https://h/list answers with status 404",
            ),
        ] {
            let answers = answers.into_iter();
            let host = answers.fold(Host::default(), |host, answer| host.with(URL, answer));
            let result = match host.client(None).get(URL, None) {
                Ok(response) => String::from_utf8(response.body).unwrap(),
                Err(error) => error.to_string(),
            };
            assert_eq!(result, expected);
            assert_eq!(host.pauses(), pauses, "{expected}");
        }
    }

    #[test]
    fn refused_token_is_named() {
        let token = Token::new("secret".to_owned());
        for (body, expected) in [
            (
                r#"{"message": "Bad credentials"}"#,
                ": Bad credentials; check the token, and what it may read",
            ),
            ("", ": check the token, and what it may read"),
        ] {
            let host = Host::default().with(URL, answer(401, &[], body));
            let error = host.client(Some(&token)).get(URL, None).unwrap_err();
            let expected = format!("https://h/list answers with status 401{expected}");
            assert_eq!(error.to_string(), expected);
        }
    }
}
