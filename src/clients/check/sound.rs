//! Whether a file that no client is known to read is at least sound.

use serde::de::IgnoredAny;

use crate::markup::template::{Format, xml};

/// What is wrong with a file of this format, as a fragment of a sentence; none if nothing.
#[must_use]
pub(super) fn fault(format: Format, body: &[u8]) -> Option<String> {
    let Ok(text) = std::str::from_utf8(body) else {
        return Some("it is not UTF-8 text".to_owned());
    };
    match format {
        Format::Json => {
            let parsed: Result<IgnoredAny, _> = serde_json::from_str(text);
            parsed.err().map(|error| format!("it is not JSON: {error}"))
        }
        Format::Xml => {
            let (at, what) = xml::check(text).err()?;
            Some(format!("it is not XML: at byte {at}, {what}"))
        }
        Format::Text | Format::Html => None,
    }
}

/// The format that a file's name tells; text where it tells none.
#[must_use]
pub(super) fn format_of(path: &str) -> Format {
    let name = path.rsplit('/').next().unwrap_or_default();
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending.to_ascii_lowercase().as_str() {
        "json" => Format::Json,
        "xml" | "atom" | "rss" => Format::Xml,
        _ => Format::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_format_has_its_faults() {
        for (format, sound, broken, message) in [
            (
                Format::Json,
                r#"{"a":1,"a":2}"#,
                r#"{"a":1"#,
                "it is not JSON: EOF",
            ),
            (
                Format::Xml,
                "<a><b/></a>",
                "<a><b></a>",
                "it is not XML: at byte 6",
            ),
        ] {
            assert_eq!(fault(format, sound.as_bytes()), None);
            let found = fault(format, broken.as_bytes()).unwrap_or_default();
            assert!(found.starts_with(message), "{found}");
        }
        assert_eq!(fault(Format::Text, b"<a"), None);
        assert!(fault(Format::Text, b"\xff").is_some());
    }

    #[test]
    fn a_name_tells_its_format() {
        assert_eq!(format_of("a.b/c.JSON"), Format::Json);
        assert_eq!(format_of("a.json/c"), Format::Text);
        assert_eq!(format_of("builds.atom"), Format::Xml);
    }
}
