//! The list in a body, as the revisions in Kotlin read it (V2-3, V2-4), and forks of them.
//!
//! In: text. Out: a [`List`] without dropped entries, since one bad entry fails it whole.
//! Sources: `NetworkUpdate.kt` of a973e5b3 for the body `{"response":[…]}`, of 022b56cb and
//! later revisions for the array; of crDroid, DerpFest and PixelOS, each of 2026. What counts as
//! JSON is in [`kotlinx`].

use std::collections::BTreeMap;

use super::Generation;
use super::entry::{Entry, EntryFault, List, ListFault};
use super::kotlinx::{Lexer, Next, Syntax};

/// A property of a Kotlin class.
struct Field {
    key: &'static str,
    kind: Kind,
    is_required: bool,
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Long,
    Int,
    /// A list of packages with these fields.
    Files(&'static [Field]),
    /// One object with these fields.
    Object(&'static [Field]),
    /// A map to objects with these fields.
    Map(&'static [Field]),
}

/// What was found for the keys of a class.
type Record = BTreeMap<&'static str, Found>;

enum Found {
    Text(String),
    Number(i64),
    Files(Vec<Record>),
    Object(Record),
    Map(Vec<(String, Record)>),
}

enum Fault {
    Syntax(Syntax),
    Entry(EntryFault),
    List(ListFault),
}

impl From<Syntax> for Fault {
    fn from(syntax: Syntax) -> Fault {
        Fault::Syntax(syntax)
    }
}

impl From<EntryFault> for Fault {
    fn from(fault: EntryFault) -> Fault {
        Fault::Entry(fault)
    }
}

/// What a revision looks for.
struct Format {
    /// The list is below `response`; `Some(true)` if that has to be there.
    response: Option<bool>,
    fields: &'static [Field],
    /// No other key may be there.
    refuses_unknown: bool,
    build: fn(Record) -> Result<Entry, EntryFault>,
}

const fn required(key: &'static str, kind: Kind) -> Field {
    Field {
        key,
        kind,
        is_required: true,
    }
}

/// A key that may be absent or null; otherwise it has to be of the right kind.
const fn optional(key: &'static str, kind: Kind) -> Field {
    Field {
        key,
        kind,
        is_required: false,
    }
}

const V1: &[Field] = &[
    required("datetime", Kind::Long),
    required("filename", Kind::Text),
    required("id", Kind::Text),
    required("romtype", Kind::Text),
    required("size", Kind::Long),
    required("url", Kind::Text),
    required("version", Kind::Text),
];

const V2: &[Field] = &[
    required("datetime", Kind::Long),
    required("files", Kind::Files(FILE)),
    required("type", Kind::Text),
    required("version", Kind::Text),
];

/// The revision between had moved these to the files, and still read them here.
const V2_VERSION: &[Field] = &[
    required("datetime", Kind::Long),
    required("files", Kind::Files(FILE)),
    optional("os_patch_level", Kind::Text),
    optional("os_sdk_level", Kind::Int),
    required("type", Kind::Text),
    required("version", Kind::Text),
];

const FILE: &[Field] = &[
    required("filename", Kind::Text),
    optional("os_patch_level", Kind::Text),
    optional("os_sdk_level", Kind::Int),
    optional("ota_property_files", Kind::Text),
    required("sha256", Kind::Text),
    required("size", Kind::Long),
    required("url", Kind::Text),
];

const PIXELOS: &[Field] = &[
    required("datetime", Kind::Long),
    required("files", Kind::Files(PIXELOS_FILE)),
    optional("incremental", Kind::Files(PIXELOS_FILE)),
    required("version", Kind::Text),
];

const PIXELOS_FILE: &[Field] = &[
    required("filename", Kind::Text),
    required("os_patch_level", Kind::Text),
    required("os_sdk_level", Kind::Int),
    optional("ota_property_files", Kind::Text),
    required("sha256", Kind::Text),
    required("size", Kind::Long),
    required("url", Kind::Text),
];

const DERPFEST: &[Field] = &[
    required("datetime", Kind::Long),
    required("filename", Kind::Text),
    required("id", Kind::Text),
    optional("romtype", Kind::Text),
    required("size", Kind::Long),
    required("url", Kind::Text),
    required("version", Kind::Text),
];

const CRDROID: &[Field] = &[
    required("filename", Kind::Text),
    required("download", Kind::Text),
    required("timestamp", Kind::Long),
    required("sha256", Kind::Text),
    required("size", Kind::Long),
    required("version", Kind::Text),
    optional("md5", Kind::Text),
    optional("buildtype", Kind::Text),
    optional("maintainer", Kind::Text),
    optional("oem", Kind::Text),
    optional("device", Kind::Text),
    optional("forum", Kind::Text),
    optional("gapps", Kind::Text),
    optional("firmware", Kind::Text),
    optional("modem", Kind::Text),
    optional("bootloader", Kind::Text),
    optional("recovery", Kind::Text),
    optional("paypal", Kind::Text),
    optional("telegram", Kind::Text),
    optional("os_patch_level", Kind::Text),
    optional("os_sdk_level", Kind::Int),
    optional("ota_property_files", Kind::Text),
];

const UPDATE_INFO: &[Field] = &[
    required("version", Kind::Int),
    required("full", Kind::Object(LOCATION)),
    optional("incremental", Kind::Map(LOCATION)),
];

const LOCATION: &[Field] = &[
    required("location_ota", Kind::Text),
    required("location_csig", Kind::Text),
];

/// The only version of the form that Custota reads.
const CUSTOTA_VERSION: i64 = 2;

/// The entries of a payload that lie in known ranges when it can be streamed.
const PAYLOAD_NAMES: [&str; 3] = [
    "payload_metadata.bin",
    "payload.bin",
    "payload_properties.txt",
];

pub(super) fn read(generation: Generation, text: &str) -> Result<List, ListFault> {
    // These let their HTTP library make text of the bytes, which drops the mark.
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
        Err(Fault::Syntax(syntax)) => Err(syntax_fault(text, syntax)),
        Err(Fault::List(fault)) => Err(fault),
        Err(Fault::Entry(fault)) => Err(ListFault::Entry {
            index: list.entries.len(),
            fault,
        }),
    }
}

/// `UpdateInfo` of Custota: the full package first, then those that apply to one build each.
pub(super) fn read_custota(text: &str) -> Result<List, ListFault> {
    let mut lexer = Lexer::new(text);
    let document = match lexer.next() {
        Next::Object => read_record(&mut lexer, UPDATE_INFO, false),
        found => Err(match kind(&found) {
            Some(found) => Fault::List(ListFault::Frame {
                found,
                expected: "an object",
            }),
            None => lexer.fault(NO_VALUE).into(),
        }),
    };
    let document = document.and_then(|document| {
        lexer.end()?;
        Ok(document)
    });
    let mut document = document.map_err(|fault| match fault {
        Fault::Syntax(syntax) => syntax_fault(text, syntax),
        Fault::Entry(fault) => ListFault::Body { fault },
        Fault::List(fault) => fault,
    })?;
    if number(&document, "version") != Some(CUSTOTA_VERSION) {
        let fault = rule(&document, "version", "2");
        return Err(ListFault::Body { fault });
    }
    let mut list = List::default();
    if let Some(Found::Object(full)) = document.remove("full") {
        list.entries.push(build_custota(full, None));
    }
    if let Some(Found::Map(deltas)) = document.remove("incremental") {
        let deltas = deltas.into_iter();
        let deltas = deltas.map(|(source, delta)| build_custota(delta, Some(source)));
        list.entries.extend(deltas);
    }
    for (index, entry) in list.entries.iter_mut().enumerate() {
        entry.index = index;
    }
    Ok(list)
}

fn build_custota(mut location: Record, source_digest: Option<String>) -> Entry {
    let url = text(&mut location, "location_ota");
    let path = url.split(['?', '#']).next().unwrap_or_default();
    Entry {
        filename: path.rsplit('/').next().unwrap_or_default().to_owned(),
        id: url.clone(),
        csig_url: Some(text(&mut location, "location_csig")),
        source_digest,
        url,
        ..Entry::default()
    }
}

fn syntax_fault(text: &str, Syntax { problem, at }: Syntax) -> ListFault {
    ListFault::Json {
        problem: format!("{problem}, {}", place(text, at)),
    }
}

fn format(generation: Generation) -> Format {
    let array = |fields, build| Format {
        response: None,
        fields,
        refuses_unknown: false,
        build,
    };
    match generation {
        Generation::KotlinV1 => Format {
            response: Some(true),
            fields: V1,
            refuses_unknown: true,
            build: build_v1,
        },
        Generation::CrDroid16 => Format {
            response: Some(false),
            ..array(CRDROID, build_crdroid)
        },
        Generation::DerpFest16 => Format {
            response: Some(false),
            ..array(DERPFEST, build_v1)
        },
        Generation::PixelOs17 => array(PIXELOS, build_pixelos),
        Generation::KotlinVersion => array(V2_VERSION, build_v2),
        _ => array(V2, build_v2),
    }
}

fn read_document(lexer: &mut Lexer<'_>, format: &Format, list: &mut List) -> Result<(), Fault> {
    let frame = |lexer: &mut Lexer<'_>, wanted: Next<'_>, expected| match lexer.next() {
        found if found == wanted => Ok(()),
        found => match kind(&found) {
            Some(found) => Err(Fault::List(ListFault::Frame { found, expected })),
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
                true => Err(Fault::List(ListFault::UnknownKey { key })),
                false => Ok(false),
            };
        }
        has_response = true;
        let found = lexer.next();
        if found != Next::Array {
            let key = "response";
            return Err(match kind(&found) {
                Some(found) => Fault::List(ListFault::NotList { key, found }),
                None => lexer.fault(NO_VALUE).into(),
            });
        }
        // Of a key that is there twice, the last one counts.
        list.entries.clear();
        read_entries(lexer, format, list)?;
        Ok(true)
    })?;
    lexer.end()?;
    match is_response_required && !has_response {
        true => Err(Fault::List(ListFault::NoList { key: "response" })),
        false => Ok(()),
    }
}

fn read_entries(lexer: &mut Lexer<'_>, format: &Format, list: &mut List) -> Result<(), Fault> {
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

fn read_record(
    lexer: &mut Lexer<'_>,
    fields: &'static [Field],
    refuses_unknown: bool,
) -> Result<Record, Fault> {
    let mut record = Record::new();
    lexer.object(|lexer, key| {
        let Some(field) = fields.iter().find(|field| field.key == key) else {
            return match refuses_unknown {
                true => Err(EntryFault::UnknownKey { key }.into()),
                false => Ok(false),
            };
        };
        match !field.is_required && lexer.null() {
            true => record.remove(field.key),
            false => record.insert(field.key, read_value(lexer, field)?),
        };
        Ok::<_, Fault>(true)
    })?;
    let is_missing = |field: &&Field| field.is_required && !record.contains_key(field.key);
    match fields.iter().find(is_missing) {
        Some(Field { key, .. }) => Err(EntryFault::Missing { key }.into()),
        None => Ok(record),
    }
}

fn read_value(lexer: &mut Lexer<'_>, field: &Field) -> Result<Found, Fault> {
    let key = field.key;
    let found = lexer.next();
    match (field.kind, &found) {
        (Kind::Text, Next::Text) => return Ok(Found::Text(lexer.string()?)),
        (Kind::Long | Kind::Int, Next::Text | Next::Word(_)) => {
            if let Some(number) = lexer.long() {
                return match field.kind {
                    Kind::Int if i32::try_from(number).is_err() => Err(EntryFault::Value {
                        key,
                        found: number.to_string(),
                        expected: "a whole number of 32 bits",
                    }
                    .into()),
                    _ => Ok(Found::Number(number)),
                };
            }
        }
        (Kind::Files(fields), Next::Array) => {
            let mut files = Vec::new();
            lexer.array(|lexer, _| {
                if lexer.next() != Next::Object {
                    return Err(wrong(lexer, key, "a list of objects"));
                }
                files.push(read_record(lexer, fields, false)?);
                Ok(())
            })?;
            return Ok(Found::Files(files));
        }
        (Kind::Object(fields), Next::Object) => {
            return Ok(Found::Object(read_record(lexer, fields, false)?));
        }
        (Kind::Map(fields), Next::Object) => {
            let mut members = BTreeMap::new();
            lexer.map(|lexer, name| {
                if lexer.next() != Next::Object {
                    return Err(wrong(lexer, key, "an object of objects"));
                }
                members.insert(name, read_record(lexer, fields, false)?);
                Ok(())
            })?;
            return Ok(Found::Map(members.into_iter().collect()));
        }
        _ => {}
    }
    Err(wrong(
        lexer,
        key,
        match field.kind {
            Kind::Text => "text",
            Kind::Long | Kind::Int => "a whole number of 64 bits",
            Kind::Files(_) => "an array",
            Kind::Object(_) | Kind::Map(_) => "an object",
        },
    ))
}

const NO_VALUE: &str = "no value where one should be";

fn wrong(lexer: &mut Lexer<'_>, key: &'static str, expected: &'static str) -> Fault {
    let found = match lexer.next() {
        Next::Word(word) if word.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => {
            word.to_owned()
        }
        Next::Text => match lexer.string() {
            Ok(text) => format!("`{text}`"),
            Err(syntax) => return syntax.into(),
        },
        found => match kind(&found) {
            Some(kind) => kind.to_owned(),
            None => return lexer.fault(NO_VALUE).into(),
        },
    };
    EntryFault::Value {
        key,
        found,
        expected,
    }
    .into()
}

fn kind(found: &Next<'_>) -> Option<&'static str> {
    Some(match found {
        Next::Null => "null",
        Next::Bool => "true or false",
        Next::Text => "text",
        Next::Array => "an array",
        Next::Object => "an object",
        Next::Word(word) if word.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
            "a number"
        }
        Next::Word(_) | Next::Other | Next::End => return None,
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

fn text(record: &mut Record, key: &'static str) -> String {
    match record.remove(key) {
        Some(Found::Text(text)) => text,
        _ => String::new(),
    }
}

fn number(record: &Record, key: &'static str) -> Option<i64> {
    match record.get(key) {
        Some(Found::Number(number)) => Some(*number),
        _ => None,
    }
}

fn build_v1(mut record: Record) -> Result<Entry, EntryFault> {
    Ok(Entry {
        datetime: number(&record, "datetime").unwrap_or_default(),
        size: number(&record, "size"),
        id: text(&mut record, "id"),
        filename: text(&mut record, "filename"),
        url: text(&mut record, "url"),
        version: text(&mut record, "version"),
        romtype: text(&mut record, "romtype"),
        ..Entry::default()
    })
}

fn build_crdroid(mut record: Record) -> Result<Entry, EntryFault> {
    Ok(Entry {
        datetime: number(&record, "timestamp").unwrap_or_default(),
        size: number(&record, "size"),
        sdk_level: sdk_level(&record),
        id: text(&mut record, "sha256"),
        filename: text(&mut record, "filename"),
        url: text(&mut record, "download"),
        version: text(&mut record, "version"),
        romtype: text(&mut record, "buildtype"),
        ..Entry::default()
    })
}

fn sdk_level(record: &Record) -> Option<i32> {
    number(record, "os_sdk_level").and_then(|level| level.try_into().ok())
}

fn build_v2(mut record: Record) -> Result<Entry, EntryFault> {
    let mut files = match record.remove("files") {
        Some(Found::Files(files)) => files.into_iter(),
        _ => return Err(EntryFault::NoFiles),
    };
    let mut file = files.next().ok_or(EntryFault::NoFiles)?;
    let ranges = match file.get("ota_property_files") {
        Some(Found::Text(ranges)) => parse_property_files(ranges)?,
        _ => Vec::new(),
    };
    let property_files_end = ranges
        .iter()
        .map(|(_, offset, size)| offset.saturating_add(*size))
        .max();
    let has = |wanted: &&str| ranges.iter().any(|(name, _, _)| name == wanted);
    let has_payload_ranges = PAYLOAD_NAMES.iter().all(has);
    Ok(Entry {
        datetime: number(&record, "datetime").unwrap_or_default(),
        version: text(&mut record, "version"),
        romtype: text(&mut record, "type"),
        size: number(&file, "size"),
        sdk_level: sdk_level(&file),
        id: text(&mut file, "sha256"),
        filename: text(&mut file, "filename"),
        url: text(&mut file, "url"),
        property_files_end,
        has_payload_ranges,
        ..Entry::default()
    })
}

/// `NetworkUpdate.validate`.
fn build_pixelos(record: Record) -> Result<Entry, EntryFault> {
    for key in ["files", "incremental"] {
        match record.get(key) {
            Some(Found::Files(files)) => match &files[..] {
                [file] => validate_file(file)?,
                files => {
                    return Err(EntryFault::Value {
                        key,
                        found: format!("a list of {}", files.len()),
                        expected: "a list of exactly one",
                    });
                }
            },
            _ => continue,
        }
    }
    if number(&record, "datetime").is_none_or(|datetime| datetime <= 0) {
        return Err(rule(&record, "datetime", "above 0"));
    }
    if is_blank(&record, "version") {
        return Err(rule(&record, "version", "a text that is not blank"));
    }
    build_v2(record)
}

fn validate_file(file: &Record) -> Result<(), EntryFault> {
    for key in ["filename", "os_patch_level"] {
        if is_blank(file, key) {
            return Err(rule(file, key, "a text that is not blank"));
        }
    }
    for key in ["os_sdk_level", "size"] {
        if number(file, key).is_none_or(|number| number <= 0) {
            return Err(rule(file, key, "above 0"));
        }
    }
    let is = |key, test: fn(&str) -> bool| match file.get(key) {
        Some(Found::Text(text)) => test(text),
        _ => false,
    };
    if !is("sha256", is_digest) {
        let expected = "64 hexadecimal digits in lower case";
        return Err(rule(file, "sha256", expected));
    }
    let is_https = |url: &str| {
        let scheme = url.split_once(':').map(|(scheme, _)| scheme);
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
            && super::uri::to_ascii(url).is_some()
    };
    if !is("url", is_https) {
        return Err(rule(file, "url", "an https address"));
    }
    let Some(Found::Text(ranges)) = file.get("ota_property_files") else {
        return Ok(());
    };
    let size = number(file, "size").unwrap_or_default();
    let ranges = parse_property_files(ranges)?;
    let is_inside = |(name, offset, len): &&(&str, i64, i64)| {
        let end = offset.checked_add(*len);
        !name.is_empty() && *offset >= 0 && *len > 0 && end.is_some_and(|end| end <= size)
    };
    if let Some((name, offset, len)) = ranges.iter().find(|range| !is_inside(range)) {
        return Err(EntryFault::Value {
            key: "ota_property_files",
            found: format!("`{name}:{offset}:{len}`"),
            expected: "a range within the package",
        });
    }
    let has = |wanted: &&&str| ranges.iter().any(|(name, _, _)| name == *wanted);
    match PAYLOAD_NAMES.iter().find(|wanted| !has(wanted)) {
        Some(missing) => Err(EntryFault::PropertyFile { missing }),
        None => Ok(()),
    }
}

fn is_blank(record: &Record, key: &str) -> bool {
    match record.get(key) {
        Some(Found::Text(text)) => text.trim().is_empty(),
        _ => true,
    }
}

fn is_digest(id: &str) -> bool {
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    id.len() == 64 && id.bytes().all(is_digit)
}

fn rule(record: &Record, key: &'static str, expected: &'static str) -> EntryFault {
    EntryFault::Value {
        key,
        found: match record.get(key) {
            Some(Found::Text(text)) => format!("`{text}`"),
            Some(Found::Number(number)) => number.to_string(),
            _ => "a list".to_owned(),
        },
        expected,
    }
}

/// Each name with its offset and size; blanks around the parts are dropped (V2-4).
fn parse_property_files(ranges: &str) -> Result<Vec<(&str, i64, i64)>, EntryFault> {
    let parse = |token| {
        let mut parts = str::split(token, ':').map(str::trim);
        let name = parts.next()?;
        let offset: i64 = parts.next()?.parse().ok()?;
        let size: i64 = parts.next()?.parse().ok()?;
        Some((name, offset, size))
    };
    let tokens = ranges.split(',');
    let parsed = tokens.map(|token| {
        parse(token).ok_or_else(|| EntryFault::PropertyFiles {
            token: token.trim().to_owned(),
        })
    });
    parsed.collect()
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
        assert_eq!(
            fault(Generation::Kotlin23, ""),
            "the body is not JSON: no value where one should be, line 1, column 1"
        );
    }

    #[test]
    fn ranges_are_split_and_trimmed() {
        assert_eq!(
            parse_property_files("payload.bin:+1:2, metadata : 3 : 4 :x  "),
            Ok(vec![("payload.bin", 1, 2), ("metadata", 3, 4)])
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
