//! How the update clients on phones read a published feed.
//!
//! The clients' rules are in [`romfeed::clients::updaters`], as lenient as the clients themselves;
//! `rules.rs` compares them with the observed behaviour of the clients. romfeed's feeds must not
//! rely on leniency: [`read`] fails on byte order marks, numbers in quotes, unknown keys and other
//! things that some client accepts, and [`check`] says why.
//!
//! The letters and numbers in the comments group the rules: P for the list, E for entries, V2 for
//! the client in Kotlin.

mod forks;
mod random;
mod rules;
mod tests;

use std::collections::BTreeSet;

use romfeed::clients::check::entry_problems;
pub(crate) use romfeed::clients::updaters::{Generation, Phone, Verdict};
use romfeed::clients::updaters::{Row, assess, request, warnings};
use serde_json::{Map, Value};

/// Longest body, in bytes, that every revision in Kotlin reads (V2-2).
const MAX_V1_LEN: usize = 4 << 10;
const MAX_V2_LEN: usize = 32 << 10;

/// Returns the URL that the client requests for this value of its URI property.
///
/// # Errors
/// Where the client throws, or refuses to connect.
pub(crate) fn url(generation: Generation, property: &str, phone: &Phone) -> Result<String, String> {
    let request = request(generation, property, phone).map_err(|fault| fault.to_string())?;
    Ok(request.url)
}

/// Reads the body of a feed as the client does, and judges each entry; in the order of the phone's
/// screen, including hidden entries.
///
/// # Errors
/// Where the client fails the whole list, or the body relies on leniency.
pub(crate) fn read(generation: Generation, body: &[u8], phone: &Phone) -> Result<Vec<Row>, String> {
    check(generation, body)?;
    let listing = assess(generation, body, phone).map_err(|fault| fault.to_string())?;
    match listing.dropped.first() {
        Some(dropped) => Err(dropped.to_string()),
        None => Ok(listing.rows),
    }
}

/// Returns the ids of the entries that can be downloaded, in the order of the phone's screen.
pub(crate) fn offered(
    generation: Generation,
    body: &[u8],
    phone: &Phone,
) -> Result<Vec<String>, String> {
    let mut rows = read(generation, body, phone)?;
    rows.retain(|row| row.verdict == Verdict::Offered);
    Ok(rows.into_iter().map(|row| row.entry.id).collect())
}

/// The expected type of a value.
#[derive(Clone, Copy)]
enum Kind {
    /// A number without fraction or sign.
    Number,
    /// Text without spaces around it.
    Text,
    /// Ranges in a package.
    Ranges,
    /// An array of one file.
    Files,
}

/// A key, the type of its value, and whether it may be absent.
type Key = (&'static str, Kind, bool);

const CM12_KEYS: &[Key] = &[
    ("api_level", Kind::Number, false),
    ("changes", Kind::Text, false),
    ("channel", Kind::Text, false),
    ("filename", Kind::Text, false),
    ("incremental", Kind::Text, false),
    ("md5sum", Kind::Text, false),
    ("timestamp", Kind::Number, false),
    ("url", Kind::Text, false),
];

const V1_KEYS: &[Key] = &[
    ("datetime", Kind::Number, false),
    ("filename", Kind::Text, false),
    ("id", Kind::Text, false),
    ("romtype", Kind::Text, false),
    ("size", Kind::Number, false),
    ("url", Kind::Text, false),
    ("version", Kind::Text, false),
];

const V2_KEYS: &[Key] = &[
    ("datetime", Kind::Number, false),
    ("files", Kind::Files, false),
    ("type", Kind::Text, false),
    ("version", Kind::Text, false),
];

/// Keys that only forks of a client read; other clients ignore unknown keys.
const FORK_KEYS: &[Key] = &[("incremental", Kind::Files, true)];

const FILE_KEYS: &[Key] = &[
    ("filename", Kind::Text, false),
    ("os_patch_level", Kind::Text, true),
    ("os_sdk_level", Kind::Number, true),
    ("ota_property_files", Kind::Ranges, true),
    ("sha256", Kind::Text, false),
    ("size", Kind::Number, false),
    ("url", Kind::Text, false),
];

/// Checks that every client of this generation's format reads the body alike: strict JSON in ASCII,
/// exactly the keys, no repeated id, no warnings.
///
/// # Errors
/// What the body relies on.
fn check(generation: Generation, body: &[u8]) -> Result<(), String> {
    let is_v2 = matches!(generation, Generation::KotlinVersion | Generation::Kotlin23);
    // The strictest client of the format.
    let (limit, keys, strictest) = match generation {
        _ if generation.is_post() => (usize::MAX, CM12_KEYS, Generation::Cm12),
        _ if is_v2 => (MAX_V2_LEN, V2_KEYS, Generation::Kotlin23),
        _ => (MAX_V1_LEN, V1_KEYS, Generation::KotlinV1),
    };
    if body.len() > limit {
        return Err(format!("{} bytes, at most {limit}", body.len()));
    }
    let document = parse_strictly(body)?;
    let entries = match generation {
        _ if generation.is_post() => list_of(&document, &["error", "id", "result"], "result")?,
        _ if is_v2 => document.as_array().ok_or("not an array")?,
        _ => list_of(&document, &["response"], "response")?,
    };
    for (index, entry) in entries.iter().enumerate() {
        let fork_keys = if is_v2 { FORK_KEYS } else { &[] };
        let keys = [keys, fork_keys].concat();
        check_object(entry, &keys).map_err(|fault| format!("entry {index}: {fault}"))?;
    }
    let list =
        romfeed::clients::updaters::read(strictest, body).map_err(|fault| fault.to_string())?;
    let mut ids = BTreeSet::new();
    for entry in list.entries {
        if let Some(warning) = warnings(strictest, &entry).first() {
            return Err(format!("entry {}: {warning}", entry.index));
        }
        let problems = entry_problems(strictest, &entry, &document, i64::MAX);
        if let Some(problem) = problems.iter().find(|problem| problem.is_error()) {
            return Err(format!("entry {}: {problem}", entry.index));
        }
        // E6, E9
        if !ids.insert(entry.id.clone()) {
            return Err(format!("id `{}` occurs twice", entry.id));
        }
    }
    Ok(())
}

/// P1: an object with these keys, one of which holds an array.
fn list_of<'a>(document: &'a Value, keys: &[&str], list: &str) -> Result<&'a Vec<Value>, String> {
    let object = document.as_object().ok_or("not an object")?;
    if let Some(other) = object.keys().find(|key| !keys.contains(&key.as_str())) {
        return Err(format!("unknown key `{other}` next to the list"));
    }
    let values = object.get(list).and_then(Value::as_array);
    values.ok_or(format!("no array `{list}`"))
}

/// E1, E2, V2-3: exactly these keys, each with its type.
fn check_object(value: &Value, keys: &[Key]) -> Result<(), String> {
    let object = value.as_object().ok_or("not an object")?;
    let is_known = |key: &String| keys.iter().any(|(known, _, _)| known == key);
    if let Some(other) = object.keys().find(|key| !is_known(key)) {
        return Err(format!("unknown key `{other}`"));
    }
    for (key, kind, is_optional) in keys {
        match object.get(*key) {
            None if *is_optional => {}
            None => return Err(format!("no `{key}`")),
            Some(value) if fits(value, *kind, object)? => {}
            Some(value) => return Err(format!("`{key}` is {value}")),
        }
    }
    Ok(())
}

fn fits(value: &Value, kind: Kind, object: &Map<String, Value>) -> Result<bool, String> {
    Ok(match (kind, value) {
        (Kind::Number, Value::Number(number)) => number.as_i64().is_some_and(|number| number >= 0),
        (Kind::Text, Value::String(text)) => text.trim() == text,
        (Kind::Ranges, Value::String(ranges)) => {
            let size = object.get("size").and_then(Value::as_u64);
            check_property_files(ranges, size.unwrap_or(0))?;
            true
        }
        (Kind::Files, Value::Array(files)) => match &files[..] {
            [file] => {
                check_object(file, FILE_KEYS)?;
                true
            }
            _ => false,
        },
        _ => false,
    })
}

/// V2-4: `name:offset:size` separated by commas, spaces after the last one only.
fn check_property_files(files: &str, package_size: u64) -> Result<(), String> {
    let number = |digits: &str| {
        // `parse` alone would take a plus sign.
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| digits.parse::<u64>().ok()).flatten()
    };
    for token in files.trim_end_matches(' ').split(',') {
        let parts: Vec<&str> = token.split(':').collect();
        let range = match parts[..] {
            [name, offset, size] if !name.is_empty() && !name.contains(' ') => {
                number(offset).zip(number(size))
            }
            _ => None,
        };
        let (offset, size) = range.ok_or(format!("malformed token `{token}` in `{files}`"))?;
        if offset
            .checked_add(size)
            .is_none_or(|end| end > package_size)
        {
            return Err(format!("`{token}` ends beyond {package_size} bytes"));
        }
    }
    Ok(())
}

/// P2 to P6: strict JSON in ASCII, without a byte order mark, no repeated key in an object.
fn parse_strictly(body: &[u8]) -> Result<Value, String> {
    if let Some(offset) = body.iter().position(|byte| !byte.is_ascii()) {
        return Err(format!("byte {offset} is not ASCII"));
    }
    let document = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    check_keys(body)?;
    Ok(document)
}

/// Finds a repeated key in an object of this well-formed JSON.
///
/// `serde_json` silently keeps the last one.
fn check_keys(json: &[u8]) -> Result<(), String> {
    let mut open: Vec<BTreeSet<String>> = Vec::new();
    let mut rest = json;
    while let [byte, after @ ..] = rest {
        match byte {
            b'{' | b'[' => open.push(BTreeSet::new()),
            b'}' | b']' => drop(open.pop()),
            b'"' => {
                // Reads one string, unescaped: `\u0069d` and `id` are the same key.
                let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<String>();
                let key = values.next().and_then(Result::ok).unwrap_or_default();
                rest = &rest[values.byte_offset()..];
                if rest.trim_ascii_start().starts_with(b":")
                    && open
                        .last_mut()
                        .is_some_and(|keys| !keys.insert(key.clone()))
                {
                    return Err(format!("key `{key}` occurs twice in one object"));
                }
                continue;
            }
            _ => {}
        }
        rest = after;
    }
    Ok(())
}
