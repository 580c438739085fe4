//! Checks that a file which no known updater reads is well-formed.

use serde::de::IgnoredAny;

use crate::files::json_message;
use crate::markup::template::{Format, xml};

/// Returns what is wrong with a file of this format, as a fragment of a sentence.
#[must_use]
pub(super) fn fault(format: Format, body: &[u8]) -> Option<String> {
    let Ok(text) = std::str::from_utf8(body) else {
        return Some("it is not UTF-8 text".to_owned());
    };
    match format {
        Format::Json => {
            let parsed: Result<IgnoredAny, _> = serde_json::from_str(text);
            parsed
                .err()
                .map(|error| format!("it is not JSON: {}", json_message(&error)))
        }
        Format::Xml => {
            let (at, what) = xml::check(text).err()?;
            Some(format!("it is not XML: at byte {at}, {what}"))
        }
        Format::Text | Format::Html => None,
    }
}

/// Returns the format that the extension of a file stands for; text if it is unknown.
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
    fn malformed_json_xml_and_text_are_reported() {
        for (format, sound, broken, message) in [
            (
                Format::Json,
                r#"{"a":1,"a":2}"#,
                r#"{"a":1"#,
                "it is not JSON: the text ends in the middle of an object",
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
    fn format_depends_on_the_extension() {
        assert_eq!(format_of("a.b/c.JSON"), Format::Json);
        assert_eq!(format_of("a.json/c"), Format::Text);
        assert_eq!(format_of("builds.atom"), Format::Xml);
    }
}
