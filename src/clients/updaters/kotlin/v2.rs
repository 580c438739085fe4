//! Entries of the list for LineageOS 23.2, which other updaters in Kotlin read, too.

use super::super::entry::{Entry, EntryFault};
use super::record::{FieldValue, Record, number, text};

/// The names of the ranges that are needed to stream a payload.
pub(super) const PAYLOAD_NAMES: [&str; 3] = [
    "payload_metadata.bin",
    "payload.bin",
    "payload_properties.txt",
];

pub(super) fn sdk_level(record: &Record) -> Option<i32> {
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
