//! The properties of a phone, from text.
//!
//! In: the output of `adb shell getprop`, or the text of `build.prop` files. Out: a [`PropertyFile`].
//!
//! Source: AOSP `toolbox/getprop.c` for the form `[key]: [value]`.

use thiserror::Error;

use ota_view::props::{Era, PropertyFile, PropertyMap};

/// Maximum size of a text of properties, in bytes; those of phones have less than 200 KiB.
pub const MAX_PROPS: usize = 4 << 20;

/// Why a text cannot be read as properties.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// It is longer than [`MAX_PROPS`].
    #[error("it has more than {MAX_PROPS} bytes, too many for a list of properties")]
    TooLong,
    /// It has bytes that text cannot have.
    #[error("it is not text")]
    Binary,
    /// No line sets a property.
    #[error("it has no line with a property, in the form `key=value` or `[key]: [value]`")]
    Empty,
}

/// Parses the output of `getprop` or the text of a `build.prop`.
///
/// UTF-16 is accepted too, because Windows PowerShell writes redirected output so.
///
/// # Errors
/// [`enum@Error`], if the text has no property.
pub fn parse_props(place: &str, bytes: &[u8]) -> Result<PropertyFile, Error> {
    if bytes.len() > MAX_PROPS {
        return Err(Error::TooLong);
    }
    let text = decode(bytes)?;
    let is_getprop = |line: &str| line.starts_with('[') && line.contains("]: [");
    let definitions = match text.lines().any(is_getprop) {
        true => parse_getprop(&text),
        false => {
            let map = PropertyMap::merge(
                [PropertyFile::parse(place, text.as_bytes())],
                Era::FirstWins,
            );
            let is_key = |key: &str| !key.contains(char::is_whitespace);
            if !map.iter().any(|(key, _)| is_key(key)) {
                return Err(Error::Empty);
            }
            return Ok(PropertyFile::parse(place, text.as_bytes()));
        }
    };
    Ok(PropertyFile::from_definitions(place, definitions))
}

fn decode(bytes: &[u8]) -> Result<String, Error> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.as_chunks::<2>().0.iter();
        let units: Vec<u16> = units.map(|pair| unit(*pair)).collect();
        String::from_utf16_lossy(&units)
    };
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    };
    match text.contains('\0') {
        true => Err(Error::Binary),
        false => Ok(text),
    }
}

/// Parses the output of `getprop`; a value continues over lines until one ends with `]`.
fn parse_getprop(text: &str) -> Vec<(String, String)> {
    let mut definitions = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let start = line
            .strip_prefix('[')
            .and_then(|line| line.split_once("]: ["));
        let Some((key, start)) = start else { continue };
        let mut value = start.trim_end_matches('\r').to_owned();
        while !value.ends_with(']') {
            let Some(line) = lines.next() else { break };
            value.push('\n');
            value.push_str(line.trim_end_matches('\r'));
        }
        let value = value.strip_suffix(']').unwrap_or(&value).to_owned();
        definitions.push((key.to_owned(), value));
    }
    definitions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn getprop_values_may_have_several_lines() {
        let text = "* daemon started successfully\r\n[ro.build.version.incremental]: [eng.1]\r\n\
                    [a]: [one\r\ntwo]\r\n[ro.build.date.utc]: [1700000000]\r\n[empty]: []\r\n[cut]: [x";
        let file = parse_props("p", text.as_bytes()).unwrap();
        let props = PropertyMap::merge([file], Era::LastWins);
        assert_eq!(props.get("a"), Some("one\ntwo"));
        assert_eq!(props.get("empty"), None);
        assert_eq!(props.get("cut"), Some("x"));
        let [incremental, date] = ["ro.build.version.incremental", "ro.build.date.utc"];
        assert_eq!(props.get(incremental), Some("eng.1"));
        assert_eq!(props.get(date), Some("1700000000"));
    }

    #[test]
    fn utf16_is_read_and_binary_data_refused() {
        let text = "[ro.lineage.device]: [bacon]\r\n";
        let mut wide = vec![0xff, 0xfe];
        wide.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        let file = parse_props("p", &wide).unwrap();
        let props = PropertyMap::merge([file], Era::LastWins);
        assert_eq!(props.get("ro.lineage.device"), Some("bacon"));
        for (bytes, error) in [
            (&b"PK\x03\x04\0\0a=b"[..], Error::Binary),
            (b"<!doctype html>", Error::Empty),
            (b"", Error::Empty),
            (b"error: no devices/emulators found", Error::Empty),
            (&vec![b'a'; MAX_PROPS + 1], Error::TooLong),
        ] {
            assert_eq!(parse_props("p", bytes).err(), Some(error));
        }
    }
}
