//! `build.prop` text to properties, with Android's own grammar and precedence.
//!
//! In: the bytes of one `build.prop`. Out: a [`PropertyMap`] of exact keys.
//! Source: AOSP `init/property_service.cpp` (`LoadProperties`), Android 4 to 15.
//! `import` lines name files on the phone and are left out on purpose.

use std::collections::BTreeMap;

/// First API level where the last definition of a key wins for `ro.` keys too
/// (Android 10 collects into a map before it sets anything).
const LAST_WINS_SDK: u32 = 29;

/// Properties by exact key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertyMap {
    values: BTreeMap<String, String>,
}

impl PropertyMap {
    /// Parses one `build.prop`.
    ///
    /// Lines are trimmed, `#` begins a comment line, the first `=` splits, and
    /// both sides are trimmed; a line without `=` is ignored. Up to Android 9 the
    /// first definition of an `ro.` key holds, from Android 10 the last; the era
    /// is read off `ro.build.version.sdk` of the same text. Invalid UTF-8 becomes
    /// U+FFFD. Never fails and never panics.
    #[must_use]
    pub fn parse(text: &[u8]) -> PropertyMap {
        let text = String::from_utf8_lossy(text);
        let lines: Vec<(&str, &str)> = text.lines().filter_map(parse_line).collect();
        let sdk = lines
            .iter()
            .find(|(key, _)| *key == "ro.build.version.sdk")
            .and_then(|(_, value)| value.parse::<u32>().ok());
        let last_wins = sdk.is_some_and(|sdk| sdk >= LAST_WINS_SDK);
        let mut values = BTreeMap::new();
        for (key, value) in lines {
            if !last_wins && key.starts_with("ro.") && values.contains_key(key) {
                continue;
            }
            values.insert(key.to_owned(), value.to_owned());
        }
        PropertyMap { values }
    }

    /// The value of exactly this key; an empty value counts as absent.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values
            .get(key)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// All definitions, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

/// Splits one line into key and value, or `None` if it defines nothing.
fn parse_line(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    if line.starts_with('#') || line.starts_with("import ") {
        return None;
    }
    let (key, value) = line.split_once('=')?;
    // An optional assignment (`k?=v`) that survived the build defines `k`.
    let key = key.trim_end();
    let key = key.strip_suffix('?').unwrap_or(key).trim_end();
    (!key.is_empty()).then(|| (key, value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_are_exact_and_values_may_hold_equal_signs() {
        let props = PropertyMap::parse(
            b"# ro.build.version.sdk=9\r\nro.build.version.sdk_minor=4\r\n ro.url = a=b=c \r\nnoise\r\nimport /x=y\n=v\n",
        );
        assert_eq!(props.get("ro.build.version.sdk"), None);
        assert_eq!(props.get("ro.url"), Some("a=b=c"));
        assert_eq!(props.iter().count(), 2);
    }

    #[test]
    fn first_ro_definition_wins_up_to_android_9() {
        let props = PropertyMap::parse(b"ro.a=1\nro.a=2\nb=1\nb=2\nro.build.version.sdk=28\n");
        assert_eq!(props.get("ro.a"), Some("1"));
        assert_eq!(props.get("b"), Some("2"));
    }

    #[test]
    fn last_definition_wins_from_android_10() {
        let props = PropertyMap::parse(b"ro.a=1\nro.build.version.sdk=29\nro.a=2\n");
        assert_eq!(props.get("ro.a"), Some("2"));
    }

    #[test]
    fn optional_assignment_defines_its_key_and_empty_is_absent() {
        let props = PropertyMap::parse(b"ro.a?=1\nro.b=\n");
        assert_eq!(props.get("ro.a"), Some("1"));
        assert_eq!(props.get("ro.b"), None);
    }

    proptest! {
        #[test]
        fn parse_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = PropertyMap::parse(&bytes);
        }

        #[test]
        fn a_written_pair_is_read_back(key in "[a-z][a-z0-9._]{0,20}", value in "[!-~]([ -~]{0,30}[!-~])?") {
            let props = PropertyMap::parse(format!("{key}={value}\n").as_bytes());
            prop_assert_eq!(props.get(&key), Some(value.as_str()));
        }
    }
}
