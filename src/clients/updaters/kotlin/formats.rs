//! The formats that updaters in Kotlin read, and how each makes an entry of a record.

use super::super::Generation;
use super::super::entry::{Entry, EntryFault};
use super::fields::{CRDROID, DERPFEST, Field, PIXELOS, V1, V2, V2_VERSION};
use super::pixelos::build_pixelos;
use super::record::{FieldValue, Record, number, text};

/// The format that an updater reads.
pub(super) struct Format {
    /// If the list is below `response`, whether that key is required.
    pub(super) response: Option<bool>,
    pub(super) fields: &'static [Field],
    /// Other keys are refused.
    pub(super) refuses_unknown: bool,
    pub(super) build: fn(Record) -> Result<Entry, EntryFault>,
}

/// The names of the ranges that are needed to stream a payload.
pub(super) const PAYLOAD_NAMES: [&str; 3] = [
    "payload_metadata.bin",
    "payload.bin",
    "payload_properties.txt",
];

pub(super) fn format(generation: Generation) -> Format {
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

pub(super) fn build_v2(mut record: Record) -> Result<Entry, EntryFault> {
    let mut files = match record.remove("files") {
        Some(FieldValue::Files(files)) => files.into_iter(),
        _ => return Err(EntryFault::NoFiles),
    };
    let mut file = files.next().ok_or(EntryFault::NoFiles)?;
    let ranges = match file.get("ota_property_files") {
        Some(FieldValue::Text(ranges)) => parse_property_files(ranges)?,
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

/// Parses names with their offsets and sizes, and drops blanks around the parts (V2-4).
pub(super) fn parse_property_files(ranges: &str) -> Result<Vec<(&str, i64, i64)>, EntryFault> {
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
    }
}
