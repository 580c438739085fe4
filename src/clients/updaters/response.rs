//! Whether an updater accepts a response, before it reads the body (T2 to T4, V2-2).
//!
//! In: the addresses of all redirects, and the head of the last response. Out: a [`TransportFault`], if
//! the user sees a failed check. Sources: `HttpURLConnectionClient` of Updater, `BasicNetwork` of
//! Volley for CMUpdater, `UpdatesNetworkDataSource` in Kotlin.
//!
//! Left out: time limits, certificates, and redirects of a POST.

use thiserror::Error;

use super::Generation;

/// Maximum number of redirects that Android follows.
pub const MAX_REDIRECTS: usize = 20;

/// A response to the request for a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdaterResponse<'a> {
    /// The requested address, then the address of each redirect, absolute and in order.
    pub urls: &'a [&'a str],
    /// The status of the last response.
    pub status: u16,
    /// The `Content-Type` of the last response.
    pub content_type: Option<&'a str>,
    /// The length of the body, in bytes.
    pub body_len: usize,
}

/// Why an updater does not read the body of a response.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TransportFault {
    /// There is a redirect, which the revisions in Kotlin do not follow.
    #[error("it redirects to `{to}`, and the updater follows no redirect")]
    Redirect {
        /// The address that it leads to.
        to: String,
    },
    /// There are more redirects than the updater follows.
    #[error("there are {found} redirects, and the updater follows at most {MAX_REDIRECTS}")]
    TooManyRedirects {
        /// The number of redirects.
        found: usize,
    },
    /// A redirect leads from https to http or back.
    #[error("`{from}` redirects to `{to}`, and the updater follows no redirect to another scheme")]
    OtherScheme {
        /// The address that redirects.
        from: String,
        /// The address that it leads to.
        to: String,
    },
    /// The status is not 2xx; a 404 is not an empty list.
    #[error("its status is {found}, not 2xx")]
    Status {
        /// The status.
        found: u16,
    },
    /// The `Content-Type` is not that of JSON.
    #[error("its content type is {found}, not application/json")]
    ContentType {
        /// The header, or `missing`.
        found: String,
    },
    /// The body is longer than the updater reads.
    #[error("it has {found} bytes, and the updater reads at most {limit}")]
    TooLong {
        /// The length of the body, in bytes.
        found: usize,
        /// The number of bytes that the updater reads.
        limit: usize,
    },
}

/// Checks whether this generation reads the body of a response.
///
/// A 204 is accepted (T3); reading its empty body fails later.
///
/// # Errors
/// [`TransportFault`], if it does not.
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

/// Returns whether a content type is that of JSON, without its parameters.
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

    /// Counts the generations that accept a response.
    fn num_accepting(response: &UpdaterResponse<'_>) -> usize {
        let accepts = |generation: &Generation| accept(*generation, response).is_ok();
        Generation::LINEAGE
            .iter()
            .filter(|one| accepts(one))
            .count()
    }

    #[test]
    fn only_status_2xx_is_accepted() {
        for (status, count) in [
            (200, 11),
            (204, 11),
            (299, 11),
            (304, 0),
            (404, 0),
            (500, 0),
        ] {
            assert_eq!(num_accepting(&UpdaterResponse { status, ..GOOD }), count);
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
    fn updaters_in_java_follow_redirects_within_a_scheme() {
        let redirected = |urls| num_accepting(&UpdaterResponse { urls, ..GOOD });
        assert_eq!(redirected(&["https://h/a", "https://i/a"]), 8);
        assert_eq!(redirected(&["https://h/a", "HTTPS://i/a"]), 8);
        assert_eq!(redirected(&["http://h/a", "https://h/a"]), 0);
        assert_eq!(redirected(&["https://h/a"; 21]), 8);
        assert_eq!(redirected(&["https://h/a"; 22]), 0);
    }

    #[test]
    fn early_revisions_in_kotlin_check_type_and_length() {
        for content_type in [None, Some("text/plain"), Some("application/octet-stream")] {
            let response = UpdaterResponse {
                content_type,
                ..GOOD
            };
            assert_eq!(num_accepting(&response), 9);
        }
        for (body_len, count) in [(4096, 11), (4097, 10), (32 << 10, 10), ((32 << 10) + 1, 9)] {
            assert_eq!(num_accepting(&UpdaterResponse { body_len, ..GOOD }), count);
        }
    }
}
