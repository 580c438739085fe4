//! The rules that every entry of a list of builds must keep.
//!
//! In: the facts in an entry ([`ListedBuild`]), and the time. Out: [`Problem`]s, in a
//! fixed order. Import, `catalog add`, `add_build`, `check` and `simulate` all ask this module, so
//! that none of them accepts what another refuses.
//!
//! Left out: what a single client cannot read, which that client's rules cover.

use std::fmt;

use chrono::{DateTime, NaiveDateTime};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::model::build;

/// How far a build's date may lie ahead of this machine's clock, in seconds.
pub const CLOCK_SLACK: i64 = 86_400;

/// Keys whose text phones compare with a property of theirs.
const COMPARED_TEXTS: [&str; 4] = ["version", "romtype", "type", "channel"];

/// The facts in an entry; `None` if the entry has no such key, or its client does not read it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListedBuild<'a> {
    /// The name under which phones store the package.
    pub filename: Option<&'a str>,
    /// The download address.
    pub url: Option<&'a str>,
    /// The version.
    pub version: Option<&'a str>,
    /// The release type.
    pub romtype: Option<&'a str>,
    /// The date, which should be in seconds since the epoch.
    pub timestamp: Option<i64>,
    /// The length of the package, which should be in bytes.
    pub size: Option<i64>,
}

/// Something that keeps phones from an update; as text, one line on the entry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The date is 0 or less.
    NoDate {
        /// The date.
        timestamp: i64,
    },
    /// The date is a calendar date written as digits.
    CalendarDate {
        /// The digits.
        timestamp: i64,
        /// The same moment in seconds since the epoch, if the date is in UTC.
        seconds: i64,
    },
    /// The date is in milliseconds.
    Milliseconds {
        /// The date.
        timestamp: i64,
    },
    /// The date is one that no Android build has.
    OutOfRange {
        /// The date, in seconds.
        timestamp: i64,
        /// Why, as a fragment of a sentence on the date.
        reason: &'static str,
    },
    /// The date lies ahead of the clock.
    Future {
        /// The date, in seconds.
        timestamp: i64,
    },
    /// A text begins or ends with a blank.
    Padded {
        /// Its key.
        key: &'static str,
        /// The text.
        text: String,
    },
    /// A text is written as a whole number.
    NumberForText {
        /// Its key.
        key: &'static str,
        /// The number.
        number: i64,
    },
    /// The release type is not that of the phones that read the list.
    OtherRomtype {
        /// The entry's.
        found: String,
        /// The phones'.
        expected: String,
    },
    /// The size is 0 or less.
    NoSize {
        /// The size.
        size: i64,
    },
    /// The last part of the address is not the file name.
    OtherName {
        /// The last part of the address, decoded.
        in_url: String,
        /// The file name.
        filename: String,
    },
}

impl Problem {
    /// Whether phones certainly cannot update by this entry.
    #[must_use]
    pub fn is_error(&self) -> bool {
        !matches!(self, Problem::OtherName { .. })
    }
}

/// Judges an entry; `now` is in seconds since the epoch.
#[must_use]
pub fn judge(entry: &ListedBuild<'_>, now: i64) -> Vec<Problem> {
    let mut problems = Vec::new();
    problems.extend(entry.timestamp.and_then(|date| date_problem(date, now)));
    for (key, text) in [
        ("version", entry.version),
        ("romtype", entry.romtype),
        ("filename", entry.filename),
    ] {
        if let Some(text) = text.filter(|text| text.trim() != *text) {
            let text = text.to_owned();
            problems.push(Problem::Padded { key, text });
        }
    }
    if let Some(size) = entry.size.filter(|size| *size <= 0) {
        problems.push(Problem::NoSize { size });
    }
    if let (Some(filename), Some(url)) = (entry.filename, entry.url)
        && let Some(in_url) = other_name(url, filename.trim())
    {
        let filename = filename.to_owned();
        problems.push(Problem::OtherName { in_url, filename });
    }
    problems
}

/// What is wrong with a date as the one of a build; `now` is in seconds since the epoch.
#[must_use]
pub fn date_problem(timestamp: i64, now: i64) -> Option<Problem> {
    let is_date = |seconds: i64| build::timestamp_fault(seconds).is_none();
    if timestamp <= 0 {
        return Some(Problem::NoDate { timestamp });
    }
    if let Some(seconds) = calendar_seconds(timestamp).filter(|seconds| is_date(*seconds)) {
        return Some(Problem::CalendarDate { timestamp, seconds });
    }
    match build::timestamp_fault(timestamp) {
        Some(_) if is_date(timestamp / 1000) => Some(Problem::Milliseconds { timestamp }),
        Some(reason) => Some(Problem::OutOfRange { timestamp, reason }),
        None if timestamp > now.saturating_add(CLOCK_SLACK) => Some(Problem::Future { timestamp }),
        None => None,
    }
}

/// Parses a date such as `20240214`, `202402141530` or `20240214153000` into seconds; `None` if the
/// digits are not such a date.
fn calendar_seconds(digits: i64) -> Option<i64> {
    let text = digits.to_string();
    let midnight = match text.len() {
        8 => "000000",
        12 => "00",
        14 => "",
        _ => return None,
    };
    let time = NaiveDateTime::parse_from_str(&format!("{text}{midnight}"), "%Y%m%d%H%M%S").ok()?;
    Some(time.and_utc().timestamp())
}

/// Whether the release type of an entry is another than that of the phones that read its list.
#[must_use]
pub fn romtype_problem(found: &str, expected: &str) -> Option<Problem> {
    // Blanks around it are a problem of their own.
    let is_same = found.trim().eq_ignore_ascii_case(expected.trim());
    (!is_same).then(|| Problem::OtherRomtype {
        found: found.to_owned(),
        expected: expected.to_owned(),
    })
}

/// The texts of an entry that are written as whole numbers: phones read the version `21`, which
/// sorts before their own `21.0`.
#[must_use]
pub fn number_problems(entry: &Value) -> Vec<Problem> {
    let problem = |key: &'static str| {
        let number = entry.get(key)?.as_i64()?;
        Some(Problem::NumberForText { key, number })
    };
    COMPARED_TEXTS.into_iter().filter_map(problem).collect()
}

/// Returns the last part of an address that does not lead to a file of this name; none if it does,
/// as far as the address shows.
fn other_name(url: &str, filename: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let rest = rest.split('#').next().unwrap_or_default();
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let decode = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    let parts: Vec<String> = path
        .split('/')
        .skip(1)
        .filter(|part| !part.is_empty())
        .map(decode)
        .collect();
    let mut values = query
        .split('&')
        .filter_map(|pair| pair.split_once('=').map(|(_, value)| decode(value)));
    // Some hosts add `/download`, others take the name as a value.
    if parts.iter().any(|part| part == filename) || values.any(|value| value == filename) {
        return None;
    }
    match &parts[..] {
        [.., file, last] if last == "download" => Some(file.clone()),
        [.., last] => Some(last.clone()),
        [] => None,
    }
}

/// Returns the day of a moment in UTC, in seconds since 1970, for example `2025-06-14`.
#[must_use]
pub fn day(seconds: i64) -> String {
    DateTime::from_timestamp(seconds, 0).map_or_else(
        || seconds.to_string(),
        |time| time.format("%Y-%m-%d").to_string(),
    )
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::NoDate { timestamp } => write!(
                f,
                "datetime `{timestamp}` is not a date, so no phone takes the build for a newer one"
            ),
            Problem::CalendarDate { timestamp, seconds } => write!(
                f,
                "datetime `{timestamp}` is a calendar date, and phones want seconds since 1970: \
                 {seconds}, if it is in UTC"
            ),
            Problem::Milliseconds { timestamp } => write!(
                f,
                "datetime `{timestamp}` is in milliseconds, so the build is offered forever; in \
                 seconds it is {}",
                timestamp / 1000
            ),
            Problem::OutOfRange { timestamp, reason } => {
                write!(f, "datetime `{timestamp}` {reason}")
            }
            Problem::Future { timestamp } => write!(
                f,
                "datetime `{timestamp}` is in the future ({}), so the build is offered forever; \
                 check the clock of the machine that built it, and of this one",
                day(*timestamp)
            ),
            Problem::Padded { key, text } => write!(
                f,
                "{key} `{}` begins or ends with a blank, and phones compare blanks too",
                text.escape_debug()
            ),
            Problem::NumberForText { key, number } => write!(
                f,
                "{key} is the number {number}, and phones want text in quotes, for example \
                 \"21.0\""
            ),
            Problem::OtherRomtype { found, expected } => write!(
                f,
                "romtype `{}` is not `{}`, the release type of the phones that ask",
                found.escape_debug(),
                expected.escape_debug()
            ),
            Problem::NoSize { size } => write!(f, "size `{size}` is not the length of a package"),
            Problem::OtherName { in_url, filename } => write!(
                f,
                "url ends in `{}`, and filename is `{}`: check that phones download this build \
                 there",
                in_url.escape_debug(),
                filename.escape_debug()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: i64 = 1_780_000_000;

    #[test]
    fn dates_that_no_phone_can_use_are_problems() {
        for (timestamp, expected) in [
            (1_710_779_489, None),
            (NOW + CLOCK_SLACK, None),
            (0, Some("is not a date")),
            (-5, Some("is not a date")),
            (
                20_240_214,
                Some(
                    "a calendar date, and phones want seconds since 1970: 1707868800, if it is in UTC",
                ),
            ),
            (202_402_141_530, Some("1707924600, if it is in UTC")),
            (20_240_214_153_000, Some("1707924600, if it is in UTC")),
            // Digits that are not a date.
            (20_241_314, Some("is before the first Android phone")),
            (
                1_710_779_489_000,
                Some(
                    "is in milliseconds, so the build is offered forever; in seconds it is 1710779489",
                ),
            ),
            (i64::MAX, Some("is beyond the year 2100")),
            (i64::MIN, Some("is not a date")),
            (4_070_908_800, Some("is in the future (2099-01-01)")),
            (NOW + CLOCK_SLACK + 1, Some("is in the future")),
        ] {
            let problem = date_problem(timestamp, NOW).map(|problem| problem.to_string());
            match (&problem, expected) {
                (None, None) => {}
                (Some(text), Some(part)) => assert!(text.contains(part), "{text}"),
                _ => panic!("{timestamp}: {problem:?}"),
            }
        }
    }

    #[test]
    fn blanks_around_texts_and_sizes_of_nothing_are_problems() {
        let sound = ListedBuild {
            filename: Some("a.zip"),
            url: Some("https://h/a.zip"),
            version: Some("21.0"),
            romtype: Some("UNOFFICIAL"),
            timestamp: Some(1_710_779_489),
            size: Some(5),
        };
        assert_eq!(judge(&sound, NOW), []);
        assert_eq!(judge(&ListedBuild::default(), NOW), []);
        for (entry, expected) in [
            (
                ListedBuild {
                    version: Some("21.0 "),
                    ..sound
                },
                "version `21.0 ` begins or ends with a blank",
            ),
            (
                ListedBuild {
                    romtype: Some("\tUNOFFICIAL"),
                    ..sound
                },
                "romtype `\\tUNOFFICIAL` begins or ends with a blank",
            ),
            (
                ListedBuild {
                    filename: Some("a.zip "),
                    ..sound
                },
                "filename `a.zip ` begins or ends with a blank",
            ),
            (
                ListedBuild {
                    size: Some(0),
                    ..sound
                },
                "size `0` is not the length",
            ),
            (
                ListedBuild {
                    size: Some(-1),
                    ..sound
                },
                "size `-1` is not the length",
            ),
        ] {
            let problems = judge(&entry, NOW);
            let [problem] = &problems[..] else {
                panic!("{problems:?}");
            };
            assert!(problem.is_error(), "{problem}");
            assert!(problem.to_string().starts_with(expected), "{problem}");
        }
    }

    #[test]
    fn an_address_must_lead_to_the_file_name() {
        let filename = "lineage-21.0 é.zip";
        let in_url = |url: &str| other_name(url, filename);
        for url in [
            "https://h/lineage-21.0%20%C3%A9.zip",
            "https://h/a/lineage-21.0%20%c3%a9.zip?download=1#x",
            "https://h/files/lineage-21.0%20%C3%A9.zip/download",
            "https://h/get.php?d=1&file=lineage-21.0%20%C3%A9.zip",
            // Not an address, which other rules report.
            "lineage-20.0.zip",
            "https://h",
            "https://h/",
        ] {
            assert_eq!(in_url(url), None, "{url}");
        }
        for (url, found) in [
            ("https://h/lineage-20.0.zip", "lineage-20.0.zip"),
            ("https://h/a/lineage-20.0.zip/download", "lineage-20.0.zip"),
            ("https://h/get.php?id=5", "get.php"),
            ("https://h/LINEAGE-21.0%20%C3%A9.zip", "LINEAGE-21.0 é.zip"),
        ] {
            assert_eq!(in_url(url).as_deref(), Some(found), "{url}");
        }
        let entry = ListedBuild {
            filename: Some("b.zip"),
            url: Some("https://h/a.zip"),
            ..ListedBuild::default()
        };
        let problem = judge(&entry, NOW).remove(0);
        assert!(!problem.is_error());
        let text = problem.to_string();
        assert!(
            text.starts_with("url ends in `a.zip`, and filename is `b.zip`"),
            "{text}"
        );
    }

    #[test]
    fn release_types_are_compared_as_phones_do() {
        assert_eq!(romtype_problem("NIGHTLY", "nightly"), None);
        assert_eq!(romtype_problem("NIGHTLY ", "nightly"), None);
        let text = romtype_problem("gapps", "unofficial").unwrap().to_string();
        assert!(
            text.starts_with("romtype `gapps` is not `unofficial`"),
            "{text}"
        );
    }

    #[test]
    fn numbers_in_place_of_text_are_problems() {
        let problems = |entry: Value| -> Vec<String> {
            let problems = number_problems(&entry).into_iter();
            problems.map(|problem| problem.to_string()).collect()
        };
        let found = problems(json!({"version": 21, "romtype": "x", "size": 5}));
        assert_eq!(
            found,
            ["version is the number 21, and phones want text in quotes, for example \"21.0\""]
        );
        // It reads as `21.0`.
        assert_eq!(problems(json!({"version": 21.0})), [""; 0]);
        assert_eq!(problems(json!([])), [""; 0]);
    }
}
