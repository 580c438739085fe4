//! Reads the list in a body as the revisions in Kotlin and their forks do (V2-3, V2-4).
//!
//! In: text. Out: a [`List`] without dropped entries, because one bad entry fails the whole list.
//! Sources: `NetworkUpdate.kt` of a973e5b3 for the body `{"response":[…]}`, of 022b56cb and
//! later revisions for the array; of crDroid, DerpFest and PixelOS, each of 2026. The rules for JSON are
//! in [`kotlinx`](super::kotlinx).

mod custota;
mod fields;
mod formats;
mod pixelos;
mod record;
mod v2;

use super::Generation;
use super::entry::{Entry, EntryFault, List, ListFault};
use super::kotlinx::{Lexer, Next, Syntax};
use formats::{Format, format};
use record::{NO_VALUE, ReadFault, kind, read_record};

pub(super) use custota::read as read_custota;

pub(super) fn read(generation: Generation, text: &str) -> Result<List, ListFault> {
    // Their HTTP library converts the bytes to text and drops a byte order mark.
    let text = match generation {
        Generation::Kotlin23 | Generation::CrDroid16 | Generation::DerpFest16 => {
            text.strip_prefix('\u{feff}').unwrap_or(text)
        }
        _ => text,
    };
    let mut lexer = Lexer::new(text);
    let mut list = List::default();
    match read_document(&mut lexer, &format(generation), &mut list) {
        Ok(()) => Ok(list),
        Err(ReadFault::Syntax(syntax)) => Err(syntax_fault(text, syntax)),
        Err(ReadFault::List(fault)) => Err(fault),
        Err(ReadFault::Entry(fault)) => Err(ListFault::Entry {
            index: list.entries.len(),
            fault,
        }),
    }
}

fn syntax_fault(text: &str, Syntax { problem, at }: Syntax) -> ListFault {
    ListFault::Json {
        problem: format!("{problem}, {}", place(text, at)),
    }
}

fn read_document(lexer: &mut Lexer<'_>, format: &Format, list: &mut List) -> Result<(), ReadFault> {
    let frame = |lexer: &mut Lexer<'_>, wanted: Next<'_>, expected| match lexer.next() {
        found if found == wanted => Ok(()),
        found => match kind(&found) {
            Some(found) => Err(ReadFault::List(ListFault::Frame { found, expected })),
            None => Err(lexer.fault(NO_VALUE).into()),
        },
    };
    let Some(is_response_required) = format.response else {
        frame(lexer, Next::Array, "an array")?;
        read_entries(lexer, format, list)?;
        return Ok(lexer.end()?);
    };
    frame(lexer, Next::Object, "an object")?;
    let mut has_response = false;
    lexer.object(|lexer, key| {
        if key != "response" {
            return match format.refuses_unknown {
                true => Err(ReadFault::List(ListFault::UnknownKey { key })),
                false => Ok(false),
            };
        }
        has_response = true;
        let found = lexer.next();
        if found != Next::Array {
            let key = "response";
            return Err(match kind(&found) {
                Some(found) => ReadFault::List(ListFault::NotList { key, found }),
                None => lexer.fault(NO_VALUE).into(),
            });
        }
        // If the key occurs twice, the last one counts.
        list.entries.clear();
        read_entries(lexer, format, list)?;
        Ok(true)
    })?;
    lexer.end()?;
    match is_response_required && !has_response {
        true => Err(ReadFault::List(ListFault::NoList { key: "response" })),
        false => Ok(()),
    }
}

fn read_entries(lexer: &mut Lexer<'_>, format: &Format, list: &mut List) -> Result<(), ReadFault> {
    lexer.array(|lexer, index| {
        let found = lexer.next();
        if found != Next::Object {
            return Err(match kind(&found) {
                Some(found) => EntryFault::NotObject { found }.into(),
                None => lexer.fault(NO_VALUE).into(),
            });
        }
        let record = read_record(lexer, format.fields, format.refuses_unknown)?;
        let entry = (format.build)(record)?;
        list.entries.push(Entry { index, ..entry });
        Ok(())
    })
}

/// `line 3, column 5`, counted from 1, the column in characters.
fn place(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    format!("line {line}, column {column}")
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
    fn first_revisions_refuse_unknown_keys() {
        let list = read(Generation::KotlinV1, V1).unwrap();
        assert_eq!(list.entries[0].size, Some(2));
        let beside = V1.replacen('{', r#"{"id":null,"#, 1);
        assert_eq!(
            fault(Generation::KotlinV1, &beside),
            "the body has the key `id`, which the updater does not know"
        );
        let within = V1.replace(r#""id""#, r#""device":"d","id""#);
        assert_eq!(
            fault(Generation::KotlinV1, &within),
            "entry 0 makes the updater refuse the whole list: it has the key `device`, which the \
             updater does not know"
        );
        let ignored = V2.replace(r#""type""#, r#""sha1":"","type""#);
        assert!(read(Generation::Kotlin23, &ignored).is_ok());
    }

    #[test]
    fn numbers_may_be_quoted_and_text_must_be() {
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
            "entry 1 makes the updater refuse the whole list: it is null, not an object"
        );
        let empty = r#"[{"datetime":1,"files":[],"type":"t","version":"v"}]"#;
        assert_eq!(
            fault(Generation::KotlinVersion, empty),
            "entry 0 makes the updater refuse the whole list: its `files` is empty"
        );
        assert_eq!(
            fault(Generation::Kotlin23, "{}"),
            "the body is an object, not an array"
        );
        assert_eq!(
            fault(Generation::Kotlin23, ""),
            "the body is not JSON: a value is missing, line 1, column 1"
        );
    }

    #[test]
    fn payload_ranges_are_found() {
        let ranges = "payload_metadata.bin:1:1,payload.bin:1:9,payload_properties.txt:20:5";
        let key = format!(r#""ota_property_files":"{ranges}","sha256""#);
        let list = read(Generation::Kotlin23, &V2.replace(r#""sha256""#, &key)).unwrap();
        assert!(list.entries[0].has_payload_ranges);
        assert_eq!(list.entries[0].property_files_end, Some(25));
    }

    #[test]
    fn only_the_newest_revision_accepts_a_byte_order_mark() {
        let marked = format!("\u{feff}{V2}");
        assert!(read(Generation::Kotlin23, &marked).is_ok());
        assert!(read(Generation::KotlinVersion, &marked).is_err());
    }
}
