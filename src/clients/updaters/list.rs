//! Reads the list in a body as each generation does.
//!
//! In: the bytes of a body. Out: its entries, and the entries that the updater drops with the reason;
//! or the fault that makes the updater refuse the whole list.
//!
//! Sources: `UpdateCheckService.parseJSON` of CMUpdater, `Utils.parseJson` of Updater and of the
//! forks in Java; the revisions in Kotlin are in [`kotlin`], the line of GrapheneOS in [`line`].
//!
//! Malformed UTF-8 becomes U+FFFD, though not always as many as on a phone. CMUpdater's HTTP
//! library takes the encoding from the `Content-Type`; this module assumes UTF-8.

use super::keys::{self, Keys};
use super::orgjson::{self, ParseFault};
use super::value::{Object, Value};
use super::{Dropped, Entry, EntryFault, Generation, List, ListFault, kotlin, line};

/// Reads a body as this generation does.
///
/// Safe on untrusted input: no panic, bounded recursion, memory in proportion to the body.
///
/// # Errors
/// [`ListFault`], if the updater reads nothing from the body.
pub fn read(generation: Generation, body: &[u8]) -> Result<List, ListFault> {
    let text = String::from_utf8_lossy(body);
    match generation {
        // This one parses the body once.
        Generation::Cm10 => read_list(generation, parse(&text)?),
        // The HTTP library parses the body and writes it as text, which the updater parses again.
        Generation::Cm11 | Generation::Cm12 | Generation::Cm14 => {
            let document = parse(&text)?;
            if !matches!(document, Value::Object(_)) {
                return Err(not_object(&document));
            }
            read_list(generation, document.reparsed().ok_or(ListFault::Crash)?)
        }
        Generation::KotlinV1
        | Generation::KotlinVersion
        | Generation::Kotlin23
        | Generation::CrDroid16
        | Generation::PixelOs17
        | Generation::DerpFest16 => kotlin::read(generation, &text),
        Generation::Custota => kotlin::read_custota(&text),
        Generation::GrapheneOs => line::read(&text),
        // T6: the lines are joined without their line breaks.
        _ => {
            let document = parse(&text.replace(['\r', '\n'], ""))?;
            match generation {
                Generation::PixelOs14 => read_one(generation, &document),
                _ => read_list(generation, document),
            }
        }
    }
}

/// Returns the keys of an updater that uses `org.json`, except CMUpdater with POST requests.
fn keys(generation: Generation) -> &'static Keys {
    match generation {
        Generation::Cm14 => &keys::V1_WITHOUT_ID,
        Generation::First15 => &keys::V1_WITHOUT_SIZE,
        Generation::CrDroid14 => &keys::CRDROID,
        Generation::EvolutionX14 => &keys::EVOLUTION_X_14,
        Generation::EvolutionX15 => &keys::EVOLUTION_X_15,
        Generation::Voltage14 => &keys::VOLTAGE,
        Generation::PixelOs14 => &keys::PIXELOS,
        _ => &keys::V1,
    }
}

fn parse(text: &str) -> Result<Value, ListFault> {
    orgjson::parse(text).map_err(|fault| match fault {
        ParseFault::Syntax(problem) => ListFault::Json { problem },
        ParseFault::TooDeep => ListFault::TooDeep {
            limit: orgjson::MAX_DEPTH,
        },
    })
}

fn not_object(document: &Value) -> ListFault {
    ListFault::Frame {
        found: document.kind(),
        expected: "an object",
    }
}

/// Reads a body that is one build; a faulty one is dropped.
fn read_one(generation: Generation, document: &Value) -> Result<List, ListFault> {
    let Value::Object(object) = document else {
        return Err(not_object(document));
    };
    let mut list = List::default();
    match parse_keys(keys(generation), object) {
        Ok(entry) => list.entries.push(entry),
        Err(fault) => list.dropped.push(Dropped { index: 0, fault }),
    }
    Ok(list)
}

/// Reads a body with a list below a key (P1, E1).
fn read_list(generation: Generation, document: Value) -> Result<List, ListFault> {
    let Value::Object(document) = &document else {
        return Err(not_object(&document));
    };
    let key = match generation.is_post() {
        true => "result",
        false => "response",
    };
    let values = match document.get(key) {
        Some(Value::Array(values)) => values,
        Some(other) => {
            let found = other.kind();
            return Err(ListFault::NotList { key, found });
        }
        None => return Err(ListFault::NoList { key }),
    };
    let mut list = List::default();
    let mut cut = None;
    for (index, value) in values.iter().enumerate() {
        let entry = match (cut, value) {
            (Some(index), _) => Err(EntryFault::AfterCut { index }),
            (None, Value::Null) => Err(EntryFault::Null),
            (None, Value::Object(object)) if generation.is_post() => parse_post(generation, object),
            (None, Value::Object(object)) => parse_keys(keys(generation), object),
            (None, other) => Err(EntryFault::NotObject {
                found: other.kind(),
            }),
        };
        match entry {
            Ok(entry) => list.entries.push(Entry { index, ..entry }),
            Err(fault) => {
                if generation.is_cmupdater() && cut.is_none() && fault != EntryFault::Null {
                    cut = Some(index);
                }
                list.dropped.push(Dropped { index, fault });
            }
        }
    }
    Ok(list)
}

fn parse_keys(keys: &Keys, object: &Object) -> Result<Entry, EntryFault> {
    let entry = Entry {
        datetime: long(object, keys.datetime)?,
        filename: text(object, keys.filename)?,
        id: text(object, keys.id)?,
        romtype: keys
            .romtype
            .map_or(Ok(String::new()), |key| text(object, key))?,
        size: keys.size.map(|key| long(object, key)).transpose()?,
        url: text(object, keys.url)?,
        version: text(object, keys.version)?,
        ..Entry::default()
    };
    for key in keys.others {
        text(object, key)?;
    }
    Ok(entry)
}

fn parse_post(generation: Generation, object: &Object) -> Result<Entry, EntryFault> {
    let filename = text(object, "filename")?;
    let entry = Entry {
        id: filename.clone(),
        filename,
        url: text(object, "url")?,
        changes: match generation {
            // Read only for a newer build whose changelog is not stored yet.
            Generation::Cm10 => object.get("changes").map(Value::to_text),
            _ => Some(text(object, "changes")?),
        },
        datetime: long(object, "timestamp")?,
        romtype: text(object, "channel")?,
        incremental: Some(text(object, "incremental")?),
        sdk_level: Some(int(object, "api_level")?),
        ..Entry::default()
    };
    // Compared only after the download, so any text is accepted here.
    text(object, "md5sum")?;
    Ok(entry)
}

fn text(object: &Object, key: &'static str) -> Result<String, EntryFault> {
    let value = object.get(key).ok_or(EntryFault::Missing { key })?;
    Ok(value.to_text())
}

fn long(object: &Object, key: &'static str) -> Result<i64, EntryFault> {
    let value = object.get(key).ok_or(EntryFault::Missing { key })?;
    value.to_long().ok_or_else(|| not_number(key, value))
}

fn int(object: &Object, key: &'static str) -> Result<i32, EntryFault> {
    let value = object.get(key).ok_or(EntryFault::Missing { key })?;
    value.to_int().ok_or_else(|| not_number(key, value))
}

fn not_number(key: &'static str, value: &Value) -> EntryFault {
    EntryFault::Value {
        key,
        found: match value {
            Value::Text(text) => format!("`{text}`"),
            other => other.kind().to_owned(),
        },
        expected: "a number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = "{datetime:1,filename:f,id:i,romtype:r,size:2,url:u,version:v}";

    fn list(generation: Generation, entries: &str) -> List {
        read(generation, format!("{{response:[{entries}]}}").as_bytes()).unwrap()
    }

    fn indexes(list: &List) -> Vec<usize> {
        list.entries.iter().map(|entry| entry.index).collect()
    }

    #[test]
    fn updater_drops_a_bad_entry_and_cmupdater_also_the_rest() {
        let entries = format!("{ENTRY},{{}},null,{ENTRY}");
        let updater = list(Generation::Java22, &entries);
        assert_eq!(indexes(&updater), [0, 3]);
        let missing = EntryFault::Missing { key: "datetime" };
        assert_eq!(updater.dropped[0].fault, missing);
        assert_eq!(updater.dropped[1].fault, EntryFault::Null);
        let cmupdater = list(Generation::Cm14, &entries);
        assert_eq!(indexes(&cmupdater), [0]);
        assert_eq!(cmupdater.dropped[0].fault, missing);
        assert_eq!(
            cmupdater.dropped[2].to_string(),
            "entry 3: it comes after entry 1, where the updater stops reading"
        );
    }

    #[test]
    fn null_alone_does_not_cut_the_list() {
        let cmupdater = list(Generation::Cm14, &format!("null,{ENTRY},"));
        assert_eq!(indexes(&cmupdater), [1]);
        assert_eq!(cmupdater.dropped.len(), 2);
    }

    #[test]
    fn each_generation_requires_its_own_keys() {
        let without_size = ENTRY.replace("size", "was");
        let without_id = ENTRY.replace("id:", "was:");
        for (generation, sizeless, idless) in [
            (Generation::Cm14, 1, 1),
            (Generation::First15, 1, 0),
            (Generation::Template14, 0, 0),
            (Generation::Java22, 0, 0),
        ] {
            assert_eq!(list(generation, &without_size).entries.len(), sizeless);
            assert_eq!(list(generation, &without_id).entries.len(), idless);
        }
        assert_eq!(list(Generation::First15, ENTRY).entries[0].size, None);
        assert_eq!(list(Generation::Java22, ENTRY).entries[0].size, Some(2));
        assert_eq!(list(Generation::Cm14, ENTRY).entries[0].id, "f");
    }

    #[test]
    fn the_oldest_client_wants_eight_keys() {
        let entry = "{incremental:i,api_level:'22',url:u,timestamp:'5',md5sum:m,changes:c,channel:nightly,filename:f}";
        let read = |entry: &str| {
            let body = format!("{{id:null,result:[{entry}],error:null}}");
            super::read(Generation::Cm12, body.as_bytes()).unwrap()
        };
        let list = read(entry);
        let expected = Entry {
            id: "f".to_owned(),
            filename: "f".to_owned(),
            url: "u".to_owned(),
            romtype: "nightly".to_owned(),
            datetime: 5,
            sdk_level: Some(22),
            incremental: Some("i".to_owned()),
            changes: Some("c".to_owned()),
            ..Entry::default()
        };
        assert_eq!(list.entries, [expected]);
        for key in [
            "incremental",
            "api_level",
            "url",
            "timestamp",
            "md5sum",
            "changes",
            "channel",
            "filename",
        ] {
            let without = entry.replace(&format!("{key}:"), "was:");
            let list = read(&format!("{without},{entry}"));
            assert!(list.entries.is_empty());
            assert_eq!(list.dropped[0].fault, EntryFault::Missing { key });
        }
    }

    #[test]
    fn faults_name_what_was_found() {
        let fault = |generation, body: &str| read(generation, body.as_bytes()).unwrap_err();
        for (body, message) in [
            (
                "",
                "the body is not JSON: the text ends where a value should be",
            ),
            ("[]", "the body is an array, not an object"),
            ("{}", "the body has no `response`"),
            ("{response:1}", "`response` is a number, not an array"),
        ] {
            assert_eq!(fault(Generation::Java22, body).to_string(), message);
        }
        assert_eq!(fault(Generation::Cm14, "{a:[NaN]}"), ListFault::Crash);
        let dropped = list(Generation::Java22, &ENTRY.replace(":1,", ":'1 May',")).dropped;
        assert_eq!(
            dropped[0].to_string(),
            "entry 0: its `datetime` is `1 May`, not a number"
        );
    }

    #[test]
    fn only_the_updater_joins_lines() {
        let body = format!("// builds\n{{response:[{ENTRY}]}}");
        assert!(read(Generation::Cm14, body.as_bytes()).is_ok());
        assert!(read(Generation::Java22, body.as_bytes()).is_err());
        let split = format!("{{response:[{}]}}", ENTRY.replace("url:u", "url:'u\r\nv'"));
        let list = read(Generation::Java22, split.as_bytes()).unwrap();
        assert_eq!(list.entries[0].url, "uv");
    }
}
