//! The extra checks of PixelOS's updater for Android 17.

use super::super::entry::{Entry, EntryFault};
use super::super::uri;
use super::record::{FieldValue, Record, number, wrong_value};
use super::v2::{PAYLOAD_NAMES, build_v2, parse_property_files};

/// `NetworkUpdate.validate`: makes an entry of a record with exactly one valid file.
pub(super) fn build_pixelos(record: Record) -> Result<Entry, EntryFault> {
    for key in ["files", "incremental"] {
        match record.get(key) {
            Some(FieldValue::Files(files)) => match &files[..] {
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
        return Err(wrong_value(&record, "datetime", "above 0"));
    }
    if is_blank(&record, "version") {
        return Err(wrong_value(&record, "version", "a text that is not blank"));
    }
    build_v2(record)
}

fn validate_file(file: &Record) -> Result<(), EntryFault> {
    for key in ["filename", "os_patch_level"] {
        if is_blank(file, key) {
            return Err(wrong_value(file, key, "a text that is not blank"));
        }
    }
    for key in ["os_sdk_level", "size"] {
        if number(file, key).is_none_or(|number| number <= 0) {
            return Err(wrong_value(file, key, "above 0"));
        }
    }
    let is = |key, test: fn(&str) -> bool| match file.get(key) {
        Some(FieldValue::Text(text)) => test(text),
        _ => false,
    };
    if !is("sha256", is_digest) {
        let expected = "64 hexadecimal digits in lower case";
        return Err(wrong_value(file, "sha256", expected));
    }
    let is_https = |url: &str| {
        let scheme = url.split_once(':').map(|(scheme, _)| scheme);
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
            && uri::to_ascii(url).is_some()
    };
    if !is("url", is_https) {
        return Err(wrong_value(file, "url", "an https address"));
    }
    let Some(FieldValue::Text(ranges)) = file.get("ota_property_files") else {
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
        Some(FieldValue::Text(text)) => text.trim().is_empty(),
        _ => true,
    }
}

fn is_digest(id: &str) -> bool {
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    id.len() == 64 && id.bytes().all(is_digit)
}
