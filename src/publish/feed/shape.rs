//! Recognises which clients a published file is for, by its contents.

use std::fmt;

use serde_json::Value;

/// The clients that a file is for, as its contents show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// An object with `response`, for LineageOS 15.1 to 22.x.
    V1,
    /// A top-level array, for LineageOS 23.2 on.
    V2,
    /// Something else, described.
    Other(String),
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shape::V1 => f.write_str("a list for LineageOS 15.1 to 22.x"),
            Shape::V2 => f.write_str("an array for LineageOS 23.2 on"),
            Shape::Other(description) => f.write_str(description),
        }
    }
}

/// Recognises the clients that a file is for; `None` if its contents do not show it.
#[must_use]
pub fn shape(bytes: &[u8]) -> Option<Shape> {
    let keys = |object: &serde_json::Map<String, Value>| {
        let mut keys: Vec<&str> = object.keys().map(String::as_str).collect();
        keys.sort_unstable();
        keys.join(", ").escape_debug().to_string()
    };
    if bytes.trim_ascii_start().starts_with(b"<") {
        return Some(Shape::Other("XML".to_owned()));
    }
    match serde_json::from_slice(bytes).ok()? {
        Value::Array(list) => match list.first() {
            Some(entry) if entry.get("files").is_none() => {
                Some(Shape::Other("another array".to_owned()))
            }
            _ => Some(Shape::V2),
        },
        Value::Object(object) => match object.get("response").and_then(Value::as_array) {
            Some(list) => match list.first()?.as_object()? {
                entry if entry.contains_key("romtype") && entry.contains_key("id") => {
                    Some(Shape::V1)
                }
                entry => Some(Shape::Other(format!("a list of {}", keys(entry)))),
            },
            None => Some(Shape::Other(format!("an object with {}", keys(&object)))),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_recognised_by_the_keys_that_clients_read() {
        let keys = |text: &str| Some(Shape::Other(text.to_owned()));
        for (text, expected) in [
            (
                r#"{"response":[{"id":"a","romtype":"x"}]}"#,
                Some(Shape::V1),
            ),
            (
                r#"{"response":[{"md5":"a","filename":"x"}]}"#,
                keys("a list of filename, md5"),
            ),
            (
                r#"{"url":"","datetime":5}"#,
                keys("an object with datetime, url"),
            ),
            ("[]", Some(Shape::V2)),
            // Nothing to recognise.
            (r#"{"response":[]}"#, None),
            ("", None),
            ("<?xml?>", keys("XML")),
            ("[{\"a\":1}]", keys("another array")),
            ("5", None),
        ] {
            assert_eq!(shape(text.as_bytes()), expected, "{text}");
        }
    }
}
