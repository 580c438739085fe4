//! Describes a simulation in words.
//!
//! In: the results of [`simulate`](super::simulate()). Out: fragments of sentences, in which text from
//! servers and phones is escaped for terminals.

use crate::clients::check::MAX_FEED;
use crate::clients::updaters::{Reason, Row, TransportFault, Verdict};

use super::{Check, Instead, Outcome, Simulation, UriSource};

/// Maximum length of untrusted text in a message, in characters.
const MAX_SHOWN: usize = 300;

/// Escapes untrusted text for terminals, and shortens it.
#[must_use]
pub fn shown(text: &str) -> String {
    let is_unsafe =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut shown: String = text
        .chars()
        .take(MAX_SHOWN)
        .map(|c| if is_unsafe(c) { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(MAX_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// Formats a time in UTC, to the minute; `None` beyond the year 9999.
#[must_use]
pub fn date(seconds: i64) -> Option<String> {
    // Larger numbers are milliseconds or mistakes.
    let time =
        chrono::DateTime::from_timestamp(seconds, 0).filter(|_| seconds < 253_402_300_800)?;
    Some(time.format("%Y-%m-%d %H:%M UTC").to_string())
}

/// Formats a number of seconds with the time that it stands for.
#[must_use]
pub fn moment(seconds: i64) -> String {
    match date(seconds) {
        Some(date) => format!("{seconds} ({date})"),
        None => seconds.to_string(),
    }
}

/// Formats the day of a time in UTC.
#[must_use]
pub fn day(seconds: i64) -> String {
    let date = date(seconds);
    date.and_then(|date| Some(date.split(' ').next()?.to_owned()))
        .unwrap_or_else(|| seconds.to_string())
}

/// Describes an updater's reason, with a date after each time in seconds.
#[must_use]
pub fn reason(reason: &Reason) -> String {
    match reason {
        Reason::NotLater { entry, phone } if entry == phone => {
            format!("its datetime {} is the same as the phone's", moment(*entry))
        }
        Reason::NotLater { entry, phone } => format!(
            "its datetime {} is not later than the phone's {}",
            moment(*entry),
            moment(*phone)
        ),
        Reason::Earlier { entry, phone } => format!(
            "its datetime {} is earlier than the phone's {}",
            moment(*entry),
            moment(*phone)
        ),
        other => shown(&other.to_string()),
    }
}

/// Returns `offered`, `blocked` or `hidden`, which are part of the documented schema.
#[must_use]
pub fn verdict_word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Offered => "offered",
        Verdict::Blocked(_) => "blocked",
        Verdict::Hidden(_) => "hidden",
    }
}

/// Describes why an entry is not offered; `None` if it is.
#[must_use]
pub fn verdict_reason(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Offered => None,
        Verdict::Blocked(why) | Verdict::Hidden(why) => Some(reason(why)),
    }
}

/// Describes why a check found no list; `None` if it found one.
#[must_use]
pub fn fault(check: &Check) -> Option<String> {
    Some(shown(&match &check.outcome {
        Outcome::Listed { .. } => return None,
        Outcome::NoRequest(fault) => format!("it sends no request: {fault}"),
        Outcome::UnknownAddress => {
            "its address names the device and the release type, and they are not known".to_owned()
        }
        Outcome::Elsewhere => {
            let url = check.request.as_ref().map_or("", |request| &request.url);
            format!("it does not ask this site, but {}", host(url))
        }
        Outcome::NoResponse(fault) => format!("there was no response: {fault}"),
        Outcome::Refused(TransportFault::Status { found: 404 }) => {
            "the check fails: nothing is published at that address (404)".to_owned()
        }
        Outcome::Refused(fault) => format!("the check fails: {fault}"),
        Outcome::TooLong => format!("the list has more than {} bytes", MAX_FEED),
        Outcome::Unreadable(fault) => format!("the check fails: {fault}"),
    }))
}

/// Returns the scheme and host of an address.
fn host(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let len = url.get(start..).unwrap_or_default().find(['/', '?', '#']);
    len.and_then(|len| url.get(..start + len)).unwrap_or(url)
}

/// Describes in one line what a phone with this generation sees.
#[must_use]
pub fn verdict(simulation: &Simulation) -> String {
    let name = simulation.generation.name();
    let own = sees(&simulation.check);
    let instead = simulation.instead.as_ref().map(|(what, check)| {
        let what = match what {
            Instead::Recommended => "with the recommended address",
            Instead::PostAnswered => "if the host answered the POST with its files",
        };
        format!("; {what} it {}", sees(check))
    });
    let assumed = match simulation.source {
        UriSource::Recommended => " (if it asks the recommended address)",
        _ => "",
    };
    format!("{name}: {own}{}{assumed}", instead.unwrap_or_default())
}

/// Describes what a check shows on the phone: `sees 1 update: …`, or `sees nothing, because …`.
fn sees(check: &Check) -> String {
    let Some(listing) = check.listing() else {
        return format!("sees nothing, because {}", fault(check).unwrap_or_default());
    };
    if check.stored_body_fault().is_some() {
        return "sees nothing new, because the stored body of its last check cannot be read"
            .to_owned();
    }
    let shown: Vec<&Row> = listing
        .rows
        .iter()
        .filter(|row| row.verdict.is_shown())
        .collect();
    let names: Vec<String> = shown.iter().take(3).map(|row| name(check, row)).collect();
    let more = match shown.len().saturating_sub(3) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    let starts = check.delta.as_ref().is_none_or(|delta| delta.starts);
    let can_install = shown.iter().any(|row| row.verdict == Verdict::Offered);
    let stuck = match (can_install, starts) {
        (false, _) => ", which it cannot install",
        (true, true) => "",
        (true, false) => ", but no download starts",
    };
    match (shown.len(), listing.rows.len() + listing.dropped.len()) {
        (0, 0) => "sees nothing, because the list is empty: \"no updates\"".to_owned(),
        (0, n) => format!(
            "sees nothing, because {}",
            reason_for_none(check, n).unwrap_or_default()
        ),
        (1, _) => format!("sees 1 update: {}{stuck}", names.join(", ")),
        (n, _) => format!("sees {n} updates: {}{more}{stuck}", names.join(", ")),
    }
}

/// Describes why none of `n` entries is shown, by the reason of the newest.
fn reason_for_none(check: &Check, n: usize) -> Option<String> {
    let listing = check.listing()?;
    let Some(row) = newest(&listing.rows) else {
        let first = listing.dropped.first()?;
        return Some(format!(
            "no listed build can be read: {}",
            shown(&first.to_string())
        ));
    };
    Some(match &row.verdict {
        Verdict::Hidden(Reason::NotLater { entry, phone }) if entry == phone => {
            format!("it runs the newest build listed, of {}", day(*entry))
        }
        Verdict::Hidden(Reason::NotLater { entry, .. } | Reason::Earlier { entry, .. }) => {
            format!(
                "all listed builds are older than its own, the newest of {}",
                day(*entry)
            )
        }
        other => {
            let reason = verdict_reason(other)?;
            let newest = if n == 1 {
                "the build listed"
            } else {
                "the newest build listed"
            };
            format!("{newest}, {}, is hidden: {reason}", name_of(row))
        }
    })
}

/// Returns the newest of some rows.
#[must_use]
pub fn newest(rows: &[Row]) -> Option<&Row> {
    rows.iter().max_by_key(|row| row.entry.datetime)
}

/// Describes a row with its verdict: `21.0 of 2024-08-01 (offered)`.
fn name(check: &Check, row: &Row) -> String {
    let delta = match check.deltas.contains(&row.entry.index) {
        true => "delta, ",
        false => "",
    };
    format!("{} ({delta}{})", name_of(row), verdict_word(&row.verdict))
}

/// Describes a row: `21.0 of 2024-08-01`.
fn name_of(row: &Row) -> String {
    let version = match row.entry.version.as_str() {
        "" => row.entry.filename.as_str(),
        version => version,
    };
    match row.entry.datetime {
        // The list has no dates.
        0 => shown(version),
        datetime => format!("{} of {}", shown(version), day(datetime)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_with_their_dates() {
        assert_eq!(moment(1_700_000_000), "1700000000 (2023-11-14 22:13 UTC)");
        assert_eq!(moment(1_700_000_000_000), "1700000000000");
        assert_eq!(day(i64::MIN), i64::MIN.to_string());
        let same = Reason::NotLater { entry: 0, phone: 0 };
        assert_eq!(
            reason(&same),
            "its datetime 0 (1970-01-01 00:00 UTC) is the same as the phone's"
        );
    }

    #[test]
    fn control_characters_are_replaced() {
        assert_eq!(shown("a\x1b[31m\u{202e}b"), "a\u{fffd}[31m\u{fffd}b");
        assert_eq!(shown(&"a".repeat(400)).chars().count(), 301);
    }
}
