//! Whether a client takes an answer, before it looks at the body (T2 to T4, V2-2).
//!
//! In: what is known of the answer once redirects were followed. Out: the [`TransportFault`]
//! that shows a failed check to the user. Sources: `HttpURLConnectionClient` of Updater,
//! `BasicNetwork` of Volley for CMUpdater, `UpdatesNetworkDataSource` in Kotlin.
//!
//! Left out: time limits, certificates, and what becomes of a POST that is redirected.

use thiserror::Error;

use super::Generation;

/// Maximum number of redirects that Android follows.
pub const MAX_REDIRECTS: usize = 20;

/// An answer to the request for a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdaterResponse<'a> {
    /// The address asked for, then each one redirected to, absolute and in order.
    pub urls: &'a [&'a str],
    /// The status of the last answer.
    pub status: u16,
    /// The `Content-Type` of the last answer.
    pub content_type: Option<&'a str>,
    /// The length of the body, in bytes.
    pub body_len: usize,
}

/// Why a client does not look at the body of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TransportFault {
    /// The revisions in Kotlin follow no redirect.
    #[error("it is a redirect to `{to}`, and the client follows none")]
    Redirect {
        /// Where it leads.
        to: String,
    },
    /// More redirects than the client follows.
    #[error("there are {found} redirects, and the client follows {MAX_REDIRECTS}")]
    TooManyRedirects {
        /// How many there are.
        found: usize,
    },
    /// A redirect from https to http or back.
    #[error("`{from}` redirects to `{to}`, and the client follows none to another scheme")]
    OtherScheme {
        /// Where it comes from.
        from: String,
        /// Where it leads.
        to: String,
    },
    /// Any status but 2xx; 404 is no empty list.
    #[error("its status is {found}, not 2xx")]
    Status {
        /// The status.
        found: u16,
    },
    /// No JSON, going by the header.
    #[error("its content type is {found}, not application/json")]
    ContentType {
        /// The header, or that there is none.
        found: String,
    },
    /// More bytes than the client reads.
    #[error("it has {found} bytes, and the client reads {limit}")]
    TooLong {
        /// How many it has.
        found: usize,
        /// How many the client reads.
        limit: usize,
    },
}

/// Whether this generation goes on to read the body of an answer.
///
/// A 204 passes (T3): its empty body then fails to be read.
///
/// # Errors
/// Why it does not.
pub fn accept(
    generation: Generation,
    response: &UpdaterResponse<'_>,
) -> Result<(), TransportFault> {
    check_redirects(generation, response.urls)?;
    if !(200..300).contains(&response.status) {
        let found = response.status;
        return Err(TransportFault::Status { found });
    }
    let (wants_json, limit) = match generation {
        Generation::KotlinV1 => (true, 4 << 10),
        Generation::KotlinVersion => (true, 32 << 10),
        Generation::PixelOs17 => (false, 1 << 20),
        _ => (false, usize::MAX),
    };
    if wants_json && !response.content_type.is_some_and(is_json) {
        let found = response.content_type.unwrap_or("missing").to_owned();
        return Err(TransportFault::ContentType { found });
    }
    match response.body_len {
        found if found > limit => Err(TransportFault::TooLong { found, limit }),
        _ => Ok(()),
    }
}

fn check_redirects(generation: Generation, urls: &[&str]) -> Result<(), TransportFault> {
    if generation.is_kotlin()
        && let Some(to) = urls.get(1)
    {
        let to = (*to).to_owned();
        return Err(TransportFault::Redirect { to });
    }
    for pair in urls.windows(2) {
        if let [from, to] = pair
            && !scheme(from).eq_ignore_ascii_case(scheme(to))
        {
            let [from, to] = [from, to].map(|url| (*url).to_owned());
            return Err(TransportFault::OtherScheme { from, to });
        }
    }
    match urls.len().saturating_sub(1) {
        found if found > MAX_REDIRECTS => Err(TransportFault::TooManyRedirects { found }),
        _ => Ok(()),
    }
}

fn scheme(url: &str) -> &str {
    url.split(':').next().unwrap_or_default()
}

/// The parameters, such as the character set, do not count.
fn is_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: UpdaterResponse<'_> = UpdaterResponse {
        urls: &["https://h/a"],
        status: 200,
        content_type: Some("application/json; charset=utf-8"),
        body_len: 100,
    };

    /// The generations that take it.
    fn takers(response: &UpdaterResponse<'_>) -> usize {
        let is_taken = |generation: &Generation| accept(*generation, response).is_ok();
        Generation::LINEAGE
            .iter()
            .filter(|one| is_taken(one))
            .count()
    }

    #[test]
    fn any_2xx_passes_and_nothing_else() {
        for (status, count) in [
            (200, 11),
            (204, 11),
            (299, 11),
            (304, 0),
            (404, 0),
            (500, 0),
        ] {
            assert_eq!(takers(&UpdaterResponse { status, ..GOOD }), count);
        }
        let missing = UpdaterResponse {
            status: 404,
            ..GOOD
        };
        assert_eq!(
            accept(Generation::Java22, &missing)
                .unwrap_err()
                .to_string(),
            "its status is 404, not 2xx"
        );
    }

    #[test]
    fn redirects_are_followed_within_a_scheme_before_kotlin() {
        let redirected = |urls| takers(&UpdaterResponse { urls, ..GOOD });
        assert_eq!(redirected(&["https://h/a", "https://i/a"]), 8);
        assert_eq!(redirected(&["https://h/a", "HTTPS://i/a"]), 8);
        assert_eq!(redirected(&["http://h/a", "https://h/a"]), 0);
        assert_eq!(redirected(&["https://h/a"; 21]), 8);
        assert_eq!(redirected(&["https://h/a"; 22]), 0);
    }

    #[test]
    fn type_and_length_matter_to_early_revisions_in_kotlin() {
        for content_type in [None, Some("text/plain"), Some("application/octet-stream")] {
            let response = UpdaterResponse {
                content_type,
                ..GOOD
            };
            assert_eq!(takers(&response), 9);
        }
        for (body_len, count) in [(4096, 11), (4097, 10), (32 << 10, 10), ((32 << 10) + 1, 9)] {
            assert_eq!(takers(&UpdaterResponse { body_len, ..GOOD }), count);
        }
    }
}
