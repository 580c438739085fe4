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
            match self.seconds_to_wait(&response) {
                Some(seconds) if seconds <= MAX_WAIT && !waited => {
                    waited = true;
                    thread::sleep(Duration::from_secs(seconds));
                }
                Some(seconds) => {
                    return Err(Error::RateLimited {
                        host: origin(url).unwrap_or_else(|| url.to_owned()),
                        seconds,
                        hint: match self.token {
                            None => "; a token in the environment raises its limit",
                            Some(_) => "",
                        },
                    });
                }
                None if response.status != 200 => {
                    return Err(Error::Status {
                        url: url.to_owned(),
                        status: response.status,
                        message: message(&response),
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
            reason: crate::files::json_message(&error),
        })?;
        Ok((value, response))
    }

    /// Returns the number of seconds until the host accepts requests again, if it refused this one for
    /// their number. Sources: GitHub, GitLab and RFC 9110, 10.2.3.
    fn seconds_to_wait(&self, response: &Response) -> Option<u64> {
        let number = |name: &str| response.header(name)?.trim().parse::<i64>().ok();
        let first = |names: [&str; 2]| names.into_iter().find_map(number);
        let is_used_up = first(["x-ratelimit-remaining", "ratelimit-remaining"]) == Some(0);
        if response.status != 429
            && !(response.status == 403 && (is_used_up || number("retry-after").is_some()))
        {
            return None;
        }
        let until = first(["x-ratelimit-reset", "ratelimit-reset"]).map(|at| at - self.now);
        let seconds = number("retry-after").or(until).unwrap_or(MAX_WAIT as i64);
        Some(u64::try_from(seconds.max(1)).unwrap_or(1))
    }
}

/// Returns the host's own message: that of an API's JSON.
fn message(response: &Response) -> String {
    let value: Option<serde_json::Value> = serde_json::from_slice(&response.body).ok();
    let text = value
        .as_ref()
        .and_then(|value| value.get("message")?.as_str());
    text.unwrap_or_default().chars().take(MAX_MESSAGE).collect()
}
