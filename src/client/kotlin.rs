//! The list in a body, as the revisions in Kotlin read it (V2-3, V2-4).
//!
//! In: text. Out: a [`List`] without dropped entries, since one bad entry fails it whole.
//! Sources: `NetworkUpdate.kt` of a973e5b3 for the body `{"response":[…]}`, of 022b56cb and
//! later revisions for the array; kotlinx.serialization 1.9 for what counts as a number.
//!
//! Stricter than kotlinx in what no writer of JSON produces: raw control characters and
//! halves of surrogate pairs in text, zeros before a number, numbers with an exponent, and
//! disorder within the values of unknown keys.

use serde_json::{Map, Value};

use super::Generation;
use super::entry::{Entry, EntryFault, List, ListFault};

type Object = Map<String, Value>;
type Parse = fn(&Object) -> Result<Entry, EntryFault>;

/// The keys of the first revisions, which refuse any other.
const V1_KEYS: [&str; 7] = [
    "datetime", "filename", "id", "romtype", "size", "url", "version",
];

/// The entries of a payload that lie in known ranges when it can be streamed.
const PAYLOAD_NAMES: [&str; 3] = [
    "payload_metadata.bin",
    "payload.bin",
    "payload_properties.txt",
];

pub(super) fn read(generation: Generation, text: &str) -> Result<List, ListFault> {
    // The newest revision lets its HTTP library make text of the bytes, which drops the mark.
    let text = match generation {
        Generation::Kotlin23 => text.strip_prefix('\u{feff}').unwrap_or(text),
        _ => text,
    };
    let document: Value = serde_json::from_str(text).map_err(|error| ListFault::Json {
        problem: error.to_string(),
    })?;
    let (values, parse): (_, Parse) = match generation {
        Generation::KotlinV1 => (v1_list(&document)?, parse_v1),
        _ => (
            document.as_array().ok_or(frame(&document, "an array"))?,
            parse_v2,
        ),
    };
    let mut list = List::default();
    for (index, value) in values.iter().enumerate() {
        let object = value
            .as_object()
            .ok_or(EntryFault::NotObject { found: kind(value) });
        let entry = object.and_then(parse);
        let entry = entry.map_err(|fault| ListFault::Entry { index, fault })?;
        list.entries.push(Entry { index, ..entry });
    }
    Ok(list)
}

fn v1_list(document: &Value) -> Result<&Vec<Value>, ListFault> {
    let object = document.as_object().ok_or(frame(document, "an object"))?;
    let key = "response";
    let values = match object.get(key) {
        Some(Value::Array(values)) => values,
        Some(other) => {
            let found = kind(other);
            return Err(ListFault::NotList { key, found });
        }
        None => return Err(ListFault::NoList { key }),
    };
    match object.keys().find(|name| *name != key) {
        Some(key) => Err(ListFault::UnknownKey { key: key.clone() }),
        None => Ok(values),
    }
}

fn parse_v1(object: &Object) -> Result<Entry, EntryFault> {
    if let Some(key) = object.keys().find(|key| !V1_KEYS.contains(&key.as_str())) {
        return Err(EntryFault::UnknownKey { key: key.clone() });
    }
    Ok(Entry {
        id: text(object, "id")?,
        filename: text(object, "filename")?,
        url: text(object, "url")?,
        version: text(object, "version")?,
        romtype: text(object, "romtype")?,
        datetime: long(object, "datetime")?,
        size: Some(long(object, "size")?),
        ..Entry::default()
    })
}

fn parse_v2(object: &Object) -> Result<Entry, EntryFault> {
    let datetime = long(object, "datetime")?;
    let (version, romtype) = (text(object, "version")?, text(object, "type")?);
    let files = required(object, "files")?;
    let files = files
        .as_array()
        .ok_or_else(|| wrong("files", files, "an array"))?;
    let mut entries = Vec::new();
    for file in files {
        let file = file
            .as_object()
            .ok_or_else(|| wrong("files", file, "a list of objects"))?;
        entries.push((file, parse_file(file)?));
    }
    let (file, entry) = entries.into_iter().next().ok_or(EntryFault::NoFiles)?;
    let ranges = optional(file, "ota_property_files", text)?;
    let ranges = ranges.as_deref().map(parse_property_files).transpose()?;
    let ranges = ranges.unwrap_or_default();
    let has = |wanted: &&str| ranges.iter().any(|(name, _)| name == wanted);
    Ok(Entry {
        version,
        romtype,
        datetime,
        property_files_end: ranges.iter().map(|(_, end)| *end).max(),
        has_payload_ranges: PAYLOAD_NAMES.iter().all(has),
        ..entry
    })
}

/// A file; those after the first have to be sound too.
fn parse_file(file: &Object) -> Result<Entry, EntryFault> {
    optional(file, "os_patch_level", text)?;
    optional(file, "ota_property_files", text)?;
    Ok(Entry {
        id: text(file, "sha256")?,
        filename: text(file, "filename")?,
        url: text(file, "url")?,
        size: Some(long(file, "size")?),
        sdk_level: optional(file, "os_sdk_level", int)?,
        ..Entry::default()
    })
}

/// Each name with the end of its range; blanks around the parts are dropped (V2-4).
fn parse_property_files(ranges: &str) -> Result<Vec<(&str, i64)>, EntryFault> {
    let parse = |token| {
        let mut parts = str::split(token, ':').map(str::trim);
        let name = parts.next()?;
        let offset: i64 = parts.next()?.parse().ok()?;
        let size: i64 = parts.next()?.parse().ok()?;
        Some((name, offset.saturating_add(size)))
    };
    let tokens = ranges.split(',');
    let parsed = tokens.map(|token| {
        parse(token).ok_or_else(|| EntryFault::PropertyFiles {
            token: token.trim().to_owned(),
        })
    });
    parsed.collect()
}

fn required<'a>(object: &'a Object, key: &'static str) -> Result<&'a Value, EntryFault> {
    object.get(key).ok_or(EntryFault::Missing { key })
}

fn text(object: &Object, key: &'static str) -> Result<String, EntryFault> {
    let value = required(object, key)?;
    let text = value.as_str().ok_or_else(|| wrong(key, value, "text"))?;
    Ok(text.to_owned())
}

/// A whole number, in quotes or without.
fn long(object: &Object, key: &'static str) -> Result<i64, EntryFault> {
    let value = required(object, key)?;
    let long = match value {
        Value::Number(number) => number.as_i64(),
        // A plus sign is not taken, unlike in `ota_property_files`.
        Value::String(digits) if !digits.starts_with('+') => digits.parse().ok(),
        _ => None,
    };
    long.ok_or_else(|| wrong(key, value, "a whole number of 64 bits"))
}

fn int(object: &Object, key: &'static str) -> Result<i32, EntryFault> {
    let long = long(object, key)?;
    i32::try_from(long).map_err(|_| EntryFault::Value {
        key,
        found: long.to_string(),
        expected: "a whole number of 32 bits",
    })
}

/// The value of a key that may be absent or null; otherwise it has to be right.
fn optional<T>(
    object: &Object,
    key: &'static str,
    parse: fn(&Object, &'static str) -> Result<T, EntryFault>,
) -> Result<Option<T>, EntryFault> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(_) => parse(object, key).map(Some),
    }
}

fn wrong(key: &'static str, value: &Value, expected: &'static str) -> EntryFault {
    EntryFault::Value {
        key,
        found: match value {
            Value::String(text) => format!("`{text}`"),
            Value::Number(number) => number.to_string(),
            other => kind(other).to_owned(),
        },
        expected,
    }
}

fn frame(document: &Value, expected: &'static str) -> ListFault {
    ListFault::Frame {
        found: kind(document),
        expected,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = r#"{"response":[{"datetime":1,"filename":"f","id":"i","romtype":"r","size":2,"url":"u","version":"23.0"}]}"#;
    const V2: &str = r#"[{"datetime":1,"files":[{"filename":"f","os_sdk_level":36,"sha256":"s","size":2,"url":"u"}],"type":"t","version":"23.2"}]"#;

    fn fault(generation: Generation, body: &str) -> String {
        read(generation, body).unwrap_err().to_string()
    }

    #[test]
    fn the_first_revisions_refuse_unknown_keys() {
        let list = read(Generation::KotlinV1, V1).unwrap();
        assert_eq!(list.entries[0].size, Some(2));
        let beside = V1.replacen('{', r#"{"id":null,"#, 1);
        assert_eq!(
            fault(Generation::KotlinV1, &beside),
            "the body has the key `id`, which the client does not know"
        );
        let within = V1.replace(r#""id""#, r#""device":"d","id""#);
        assert_eq!(
            fault(Generation::KotlinV1, &within),
            "entry 0 makes the client refuse the whole list: it has the key `device`, which the \
             client does not know"
        );
        let ignored = V2.replace(r#""type""#, r#""sha1":"","type""#);
        assert!(read(Generation::Kotlin23, &ignored).is_ok());
    }

    #[test]
    fn numbers_may_be_in_quotes_and_text_may_not_be_without() {
        let quoted = V2.replace(":2,", r#":"2","#).replace(":36", r#":"36""#);
        let list = read(Generation::Kotlin23, &quoted).unwrap();
        assert_eq!(list.entries[0].sdk_level, Some(36));
        for (from, to) in [
            (r#""23.2""#, "23.2"),
            (":2,", ":2.0,"),
            (":2,", r#":"+2","#),
            (":2,", ":9223372036854775808,"),
            (":36", ":3000000000"),
            (r#""s""#, "null"),
        ] {
            assert!(read(Generation::Kotlin23, &V2.replace(from, to)).is_err());
        }
        let null = V2.replace(":36", ":null");
        let list = read(Generation::Kotlin23, &null).unwrap();
        assert_eq!(list.entries[0].sdk_level, None);
    }

    #[test]
    fn one_bad_entry_fails_the_list() {
        let two = format!("{},null]", V2.trim_end_matches(']'));
        assert_eq!(
            fault(Generation::Kotlin23, &two),
            "entry 1 makes the client refuse the whole list: it is null, not an object"
        );
        let empty = r#"[{"datetime":1,"files":[],"type":"t","version":"v"}]"#;
        assert_eq!(
            fault(Generation::KotlinVersion, empty),
            "entry 0 makes the client refuse the whole list: its `files` is empty"
        );
        assert_eq!(
            fault(Generation::Kotlin23, "{}"),
            "the body is an object, not an array"
        );
        assert!(fault(Generation::Kotlin23, "").starts_with("the body is not JSON: EOF"));
    }

    #[test]
    fn ranges_are_split_and_trimmed() {
        assert_eq!(
            parse_property_files("payload.bin:+1:2, metadata : 3 : 4 :x  "),
            Ok(vec![("payload.bin", 3), ("metadata", 7)])
        );
        for (ranges, token) in [
            ("", ""),
            ("a:1", "a:1"),
            ("a:1:2,", ""),
            ("a:b:1", "a:b:1"),
            ("a:1:9223372036854775808", "a:1:9223372036854775808"),
        ] {
            let token = token.to_owned();
            assert_eq!(
                parse_property_files(ranges),
                Err(EntryFault::PropertyFiles { token })
            );
        }
        let ranges = "payload_metadata.bin:1:1,payload.bin:1:9,payload_properties.txt:20:5";
        let key = format!(r#""ota_property_files":"{ranges}","sha256""#);
        let list = read(Generation::Kotlin23, &V2.replace(r#""sha256""#, &key)).unwrap();
        assert!(list.entries[0].has_payload_ranges);
        assert_eq!(list.entries[0].property_files_end, Some(25));
    }

    #[test]
    fn the_mark_is_dropped_by_the_newest_alone() {
        let marked = format!("\u{feff}{V2}");
        assert!(read(Generation::Kotlin23, &marked).is_ok());
        assert!(read(Generation::KotlinVersion, &marked).is_err());
    }
}
