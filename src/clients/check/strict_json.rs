//! JSON as the strictest updater requires it.
//!
//! In: the body of a feed. Out: what some updater may refuse.

use std::collections::BTreeSet;
use std::fmt;

use crate::files::json_message;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};

/// Returns what some updater may refuse in a feed, as a fragment of a sentence.
#[must_use]
pub(super) fn fault(body: &[u8]) -> Option<String> {
    if body.starts_with(b"\xef\xbb\xbf") {
        return Some("it begins with a byte order mark".to_owned());
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let result = DeserializeSeed::deserialize(Distinct, &mut reader).and_then(|_| reader.end());
    match result {
        Err(error) => Some(format!("it is not strict JSON: {}", json_message(&error))),
        Ok(()) => odd_number(body).map(|number| {
            format!(
                "the number `{number}` is not written with digits alone, which all updaters can read"
            )
        }),
    }
}

/// Returns the first number with an exponent, or zero with a sign: not all updaters read these.
///
/// `body` is valid JSON.
fn odd_number(body: &[u8]) -> Option<String> {
    let mut rest = body;
    while let Some((first, after)) = rest.split_first() {
        let is_number = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
        rest = match first {
            b'"' => after_text(after),
            b'-' | b'0'..=b'9' => {
                let len = rest.iter().position(|byte| !is_number(byte));
                let (number, after) = rest.split_at(len.unwrap_or(rest.len()));
                if number == b"-0" || number.iter().any(|byte| b"eE".contains(byte)) {
                    return Some(String::from_utf8_lossy(number).into_owned());
                }
                after
            }
            _ => after,
        };
    }
    None
}

/// Returns the bytes after a string; `text` begins after its opening quote.
fn after_text(text: &[u8]) -> &[u8] {
    let mut rest = text;
    loop {
        rest = match rest {
            [b'\\', _, after @ ..] => after,
            [b'"', after @ ..] => return after,
            [_, after @ ..] => after,
            [] => return rest,
        };
    }
}

/// Returns what old updaters may refuse in a feed; some of them read bytes as Latin-1.
#[must_use]
pub(super) fn fault_for_old_updaters(body: &[u8]) -> Option<String> {
    let beyond_ascii = || {
        let at = body.iter().position(|byte| !byte.is_ascii())?;
        Some(format!("byte {at} is not ASCII"))
    };
    fault(body).or_else(beyond_ascii)
}

/// A JSON value without repeated keys.
struct Distinct;

impl<'de> DeserializeSeed<'de> for Distinct {
    type Value = Distinct;
    fn deserialize<D: de::Deserializer<'de>>(self, reader: D) -> Result<Distinct, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Distinct {
    type Value = Distinct;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Distinct, E> {
        Ok(Distinct)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Distinct, E> {
        Ok(Distinct)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Distinct, E> {
        Ok(Distinct)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Distinct, E> {
        Ok(Distinct)
    }

    fn visit_str<E>(self, _: &str) -> Result<Distinct, E> {
        Ok(Distinct)
    }

    fn visit_unit<E>(self) -> Result<Distinct, E> {
        Ok(Distinct)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Distinct, A::Error> {
        while items.next_element_seed(Distinct)?.is_some() {}
        Ok(Distinct)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Distinct, A::Error> {
        let mut keys = BTreeSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            entries.next_value_seed(Distinct)?;
            if !keys.insert(key.clone()) {
                return Err(de::Error::custom(format!("key `{key}` occurs twice")));
            }
        }
        Ok(Distinct)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_strict_json_is_accepted() {
        for good in [
            r#"{"a":[1,-2,0.5,null,true,"x",{"a":1}]}"#,
            r#"{"\"1e5":"-0","b":[10,-10]}"#,
            "[]\n",
        ] {
            assert_eq!(fault(good.as_bytes()), None, "{good}");
        }
        for (bad, part) in [
            ("\u{feff}[]", "byte order mark"),
            ("[1,]", "not strict"),
            (r#"{"a":1,"a":2}"#, "`a` occurs twice"),
            ("[] x", "not strict"),
            ("", "not strict"),
            (
                "[17000001E2]",
                "`17000001E2` is not written with digits alone",
            ),
            (r#"{"1e5":[1,-0]}"#, "`-0` is not written"),
            ("[017]", "not strict"),
            ("[NaN]", "not strict"),
            ("[\"a\u{1}\"]", "not strict"),
            ("[bare]", "not strict"),
        ] {
            let fault = fault(bad.as_bytes()).unwrap_or_default();
            assert!(fault.contains(part), "{bad}: {fault}");
        }
        let umlaut = "[\"ü\"]".as_bytes();
        assert_eq!(fault(umlaut), None);
        assert_eq!(
            fault_for_old_updaters(umlaut).as_deref(),
            Some("byte 2 is not ASCII")
        );
        assert!(fault(b"[\"\xff\"]").is_some());
        let deep = "[".repeat(100_000);
        assert!(fault(deep.as_bytes()).is_some());
    }
}
