//! Conditional and partial requests.
//!
//! In: the headers of a request, and tag, time and size of the file. Out: whether to send it, and
//! which part. Source: RFC 9110, sections 13 and 14. A request for several ranges gets the whole
//! file, as section 14 allows: no updater asks for more than one.

use hyper::HeaderMap;
use hyper::header::{self, HeaderName, HeaderValue};

/// The facts about a file that are known without reading it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'a> {
    /// Its strong entity tag, in quotes.
    pub(super) etag: &'a HeaderValue,
    /// The time of its last change, in seconds since the epoch.
    pub(super) modified: Option<u64>,
    /// Its length in bytes.
    pub(super) size: u64,
}

/// The part of a file to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Send {
    /// All of it.
    Whole,
    /// The bytes from the first to the last of these.
    Range(u64, u64),
    /// Nothing: the client has it.
    NotModified,
    /// Nothing: the file has no such bytes.
    Unsatisfiable,
}

/// Decides which part to send.
pub(super) fn decide(headers: &HeaderMap, facts: Facts<'_>) -> Send {
    if is_known(headers, facts) {
        return Send::NotModified;
    }
    match text(headers, header::RANGE) {
        Some(range) if holds(headers, facts) => parse_range(range, facts.size),
        _ => Send::Whole,
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Evaluates `If-None-Match`, or `If-Modified-Since` if that is missing.
fn is_known(headers: &HeaderMap, facts: Facts<'_>) -> bool {
    if let Some(tags) = text(headers, header::IF_NONE_MATCH) {
        let mut tags = tags.split(',').map(str::trim);
        return tags.any(|tag| tag == "*" || tag.trim_start_matches("W/") == *facts.etag);
    }
    let since = text(headers, header::IF_MODIFIED_SINCE).and_then(parse_date);
    matches!((facts.modified, since), (Some(modified), Some(since)) if modified <= since)
}

/// Evaluates `If-Range`: whether the client has the rest of this version of the file.
fn holds(headers: &HeaderMap, facts: Facts<'_>) -> bool {
    match text(headers, header::IF_RANGE) {
        None => !headers.contains_key(header::IF_RANGE),
        // A date may also begin with W.
        Some(tag) if tag.starts_with('"') || tag.starts_with("W/\"") => tag == *facts.etag,
        Some(date) => facts.modified.is_some() && parse_date(date) == facts.modified,
    }
}

fn parse_date(text: &str) -> Option<u64> {
    let time = httpdate::parse_http_date(text).ok()?;
    let since = time.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(since.as_secs())
}

/// Parses a range; one that cannot be parsed is ignored.
fn parse_range(range: &str, size: u64) -> Send {
    let number = |digits: &str| {
        let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        // A number that is too large is beyond the end of any file.
        is_number.then(|| digits.parse::<u64>().unwrap_or(u64::MAX))
    };
    // The names of units are case-insensitive (RFC 9110, 14.1).
    let byte_range = range.split_once('=');
    let byte_range = byte_range.filter(|(unit, _)| unit.eq_ignore_ascii_case("bytes"));
    let Some((first, last)) = byte_range.and_then(|(_, range)| range.trim().split_once('-')) else {
        return Send::Whole;
    };
    let (first, last) = match (number(first), number(last)) {
        (Some(first), None) if last.is_empty() => (first, u64::MAX),
        (Some(first), Some(last)) if first <= last => (first, last),
        (None, Some(0)) if first.is_empty() => return Send::Unsatisfiable,
        (None, Some(len)) if first.is_empty() => (size.saturating_sub(len), u64::MAX),
        _ => return Send::Whole,
    };
    match size.checked_sub(1) {
        Some(end) if first <= end => Send::Range(first, last.min(end)),
        _ => Send::Unsatisfiable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    fn sent(headers: &[(HeaderName, &str)]) -> Send {
        sent_of(784_111_777, headers)
    }

    fn sent_of(modified: u64, headers: &[(HeaderName, &str)]) -> Send {
        let headers = headers.iter();
        let headers = headers.map(|(name, value)| {
            let value = HeaderValue::from_str(value).unwrap();
            (name.clone(), value)
        });
        let facts = Facts {
            etag: &HeaderValue::from_static("\"a\""),
            modified: Some(modified),
            size: 10,
        };
        decide(&headers.collect(), facts)
    }

    #[test]
    fn ranges_are_cut_to_the_file() {
        for (range, expected) in [
            ("bytes=0-0", Send::Range(0, 0)),
            ("bytes=2-", Send::Range(2, 9)),
            ("bytes=2-99999999999999999999", Send::Range(2, 9)),
            ("bytes=-3", Send::Range(7, 9)),
            ("bytes=-30", Send::Range(0, 9)),
            ("bytes=10-", Send::Unsatisfiable),
            ("bytes=99999999999999999999-", Send::Unsatisfiable),
            ("bytes=-0", Send::Unsatisfiable),
            ("bytes=3-2", Send::Whole),
            ("bytes=0-1,4-5", Send::Whole),
            ("bytes=-", Send::Whole),
            ("bytes=+1-2", Send::Whole),
            ("lines=0-1", Send::Whole),
            ("Bytes=2-3", Send::Range(2, 3)),
        ] {
            assert_eq!(sent(&[(header::RANGE, range)]), expected, "{range}");
        }
        assert_eq!(parse_range("bytes=0-", 0), Send::Unsatisfiable);
    }

    #[test]
    fn a_file_that_the_client_has_is_not_sent_again() {
        use header::{IF_MODIFIED_SINCE, IF_NONE_MATCH};
        let later = "Mon, 07 Nov 1994 08:49:37 GMT";
        let earlier = "Sun, 06 Nov 1994 08:49:36 GMT";
        for (headers, expected) in [
            (vec![(IF_NONE_MATCH, "\"a\"")], Send::NotModified),
            (vec![(IF_NONE_MATCH, "\"b\", W/\"a\"")], Send::NotModified),
            (vec![(IF_NONE_MATCH, "*")], Send::NotModified),
            (vec![(IF_NONE_MATCH, "\"b\"")], Send::Whole),
            (vec![(IF_MODIFIED_SINCE, DATE)], Send::NotModified),
            (vec![(IF_MODIFIED_SINCE, later)], Send::NotModified),
            (vec![(IF_MODIFIED_SINCE, earlier)], Send::Whole),
            (vec![(IF_MODIFIED_SINCE, "yesterday")], Send::Whole),
            (
                vec![(IF_NONE_MATCH, "\"b\""), (IF_MODIFIED_SINCE, later)],
                Send::Whole,
            ),
        ] {
            assert_eq!(sent(&headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_part_of_a_changed_file_is_not_sent() {
        let range = (header::RANGE, "bytes=1-2");
        let part = Send::Range(1, 2);
        for (if_range, expected) in [
            ("\"a\"", part),
            (DATE, part),
            ("\"b\"", Send::Whole),
            ("W/\"a\"", Send::Whole),
            ("Mon, 07 Nov 1994 08:49:37 GMT", Send::Whole),
        ] {
            let headers = [range.clone(), (header::IF_RANGE, if_range)];
            assert_eq!(sent(&headers), expected, "{if_range}");
        }
        let wednesday = "Wed, 09 Nov 1994 08:49:37 GMT";
        let headers = [range, (header::IF_RANGE, wednesday)];
        assert_eq!(sent_of(784_370_977, &headers), part);
    }
}
