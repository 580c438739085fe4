//! Lenient reading of values in feeds: numbers written as text, text written as numbers, `""` and
//! `null` for unknown values.
//!
//! The structs of the formats hold each value unparsed, so that an error can name its key.

use chrono::NaiveDate;
use serde_json::Value;

use crate::files::json_message;

/// Reads a text; a number becomes its digits, an empty text `None`.
pub(super) fn text(key: &str, value: &Value) -> Result<Option<String>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        // Clients accept a number where they expect text.
        Value::Number(number) => Ok(Some(number.to_string())),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            Err(format!("{key} is {}, not text", kind(value)))
        }
    }
}

/// Reads a whole number, also if written as text.
pub(super) fn number(key: &str, value: &Value) -> Result<Option<i64>, String> {
    let bad = |found: &str| {
        format!(
            "{key} `{}` is not a whole number",
            shorten(found).escape_debug()
        )
    };
    match value {
        Value::Null => Ok(None),
        Value::Number(number) => {
            let whole = number.as_i64().or_else(|| whole(number.as_f64()?));
            whole.map(Some).ok_or_else(|| bad(&number.to_string()))
        }
        Value::String(text) if text.trim().is_empty() => Ok(None),
        Value::String(text) => text.trim().parse().map(Some).map_err(|_| bad(text)),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            Err(format!("{key} is {}, not a number", kind(value)))
        }
    }
}

/// Reads a day such as `20230113` as the second at which it begins.
pub(super) fn day(
    key: &str,
    value: &Value,
    notes: &mut Vec<String>,
) -> Result<Option<i64>, String> {
    let Some(text) = text(key, value)? else {
        return Ok(None);
    };
    let day = NaiveDate::parse_from_str(text.trim(), "%Y%m%d").map_err(|_| {
        let text = shorten(&text).escape_debug();
        format!("{key} `{text}` is not a day such as 20230113")
    })?;
    let midnight = day.and_time(chrono::NaiveTime::MIN).and_utc();
    notes.push(format!("{key} is only a day; its midnight in UTC is used"));
    Ok(Some(midnight.timestamp()))
}

/// Reads a size in bytes.
pub(super) fn size(value: &Value) -> Result<Option<u64>, String> {
    let to_size = |size: i64| u64::try_from(size).map_err(|_| format!("size `{size}` is negative"));
    number("size", value)?.map(to_size).transpose()
}

/// Reads an API level.
pub(super) fn sdk_level(key: &str, value: &Value) -> Result<Option<u32>, String> {
    let to_level = |level: i64| {
        u32::try_from(level).map_err(|_| format!("{key} `{level}` is not an API level"))
    };
    number(key, value)?.map(to_level).transpose()
}

/// Reads a digest, in lower case; feeds use either case.
pub(super) fn digest(key: &str, value: &Value) -> Result<Option<String>, String> {
    Ok(text(key, value)?.map(|digest| digest.to_ascii_lowercase()))
}

/// Reads an `ota-property-files` list; the metadata pads it with spaces.
pub(super) fn property_files(value: &Value) -> Result<Option<String>, String> {
    let files = text("ota_property_files", value)?;
    Ok(files
        .map(|files| files.trim_end().to_owned())
        .filter(|files| !files.is_empty()))
}

/// Converts a float to a whole number; some scripts write dates as floats.
fn whole(number: f64) -> Option<i64> {
    /// Up to here floats represent each whole number exactly.
    const MAX: f64 = 9_007_199_254_740_992.0;
    let is_whole = number.fract() == 0.0 && number.abs() < MAX;
    // Exact by the check before it.
    is_whole.then_some(number as i64)
}

/// Shortens a value for a message.
pub(super) fn shorten(text: &str) -> &str {
    let end = text
        .char_indices()
        .nth(255)
        .map_or(text.len(), |(at, _)| at);
    &text[..end]
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Reads a struct from a value that is known to be an object.
pub(super) fn parse<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, String> {
    serde_json::from_value(value.clone()).map_err(|error| json_message(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_and_text_are_interchangeable() {
        assert_eq!(number("size", &json!("123")), Ok(Some(123)));
        assert_eq!(number("size", &json!(" 123 ")), Ok(Some(123)));
        assert_eq!(number("size", &json!(1.7e9)), Ok(Some(1_700_000_000)));
        assert_eq!(number("size", &json!("")), Ok(None));
        assert_eq!(text("version", &json!(21.0)), Ok(Some("21.0".to_owned())));
        assert_eq!(text("id", &json!("")), Ok(None));
        assert_eq!(sdk_level("api_level", &json!("34")), Ok(Some(34)));
    }

    #[test]
    fn wrong_values_are_reported_with_their_key() {
        for (value, message) in [
            (
                json!("2024-08-01"),
                "size `2024-08-01` is not a whole number",
            ),
            (json!(1.5), "size `1.5` is not a whole number"),
            (json!(1e300), "size `1e+300` is not a whole number"),
            (
                json!(u64::MAX),
                "size `18446744073709551615` is not a whole number",
            ),
            (json!(-1), "size `-1` is negative"),
            (json!([1]), "size is a list, not a number"),
            (json!(true), "size is true or false, not a number"),
            (
                json!("\u{1b}[31m"),
                "size `\\u{1b}[31m` is not a whole number",
            ),
        ] {
            assert_eq!(size(&value), Err(message.to_owned()));
        }
        assert_eq!(
            text("id", &json!({})),
            Err("id is an object, not text".to_owned())
        );
        assert_eq!(
            sdk_level("os_sdk_level", &json!(-3)),
            Err("os_sdk_level `-3` is not an API level".to_owned())
        );
    }
}
