//! The clock, and times as people read them.

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns the current time in nanoseconds since the epoch.
pub(crate) fn now_ns() -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(now.as_nanos()).unwrap_or(i64::MAX)
}

/// Returns the current time in seconds since the epoch.
pub(crate) fn now() -> i64 {
    now_ns().div_euclid(1_000_000_000)
}

/// Formats a time in UTC; one that no calendar has stays a number.
pub(crate) fn format_time(seconds: i64) -> String {
    match chrono::DateTime::from_timestamp(seconds, 0) {
        Some(time) => time.format("%Y-%m-%d %H:%M UTC").to_string(),
        None => seconds.to_string(),
    }
}
