//! Requests for lists: with the token, within the host's limits, and with its own words on errors.

use std::thread;
use std::time::Duration;

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
    /// A host whose limit ends within a minute is waited for, once.
    ///
    /// # Errors
    /// [`Error`], if the last response is not 200 or is cut.
    pub fn get(&self, url: &str, accept: Option<&str>) -> Result<Response, Error> {
        let mut waited = false;
        loop {
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
            match self.seconds_to_wait(&response) {
                Some(seconds) if seconds <= MAX_WAIT && !waited => {
                    waited = true;
                    thread::sleep(Duration::from_secs(seconds));
                }
                Some(seconds) => {
                    return Err(self.rate_limited(url, seconds));
                }
                None if response.status != 200 => {
                    return Err(Error::Status {
                        url: url.to_owned(),
                        status: response.status,
                        message: self.message(&response),
                    });
                }
                None if response.is_cut => {
                    return Err(Error::TooMany {
                        url: url.to_owned(),
                        limit: MAX_PAGE,
                        what: "bytes in one page",
                    });
                }
                None => return Ok(response),
            }
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
        thread::sleep(Duration::from_secs(seconds));
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
    /// token if the host repeats it.
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
        text.chars().take(MAX_MESSAGE).collect()
    }

    /// Returns the number of seconds until the host accepts requests again, if it refused this one for
    /// their number.
    fn seconds_to_wait(&self, response: &Response) -> Option<u64> {
        let is_limit = is_used_up(response) || response.header("retry-after").is_some();
        let is_refused = response.status == 429 || response.status == 403 && is_limit;
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
