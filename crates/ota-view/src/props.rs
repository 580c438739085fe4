//! Parses and merges `build.prop` files, with Android's grammar and precedence.
//!
//! In: the bytes of one or several `build.prop` files. Out: a [`PropertyMap`] of
//! exact keys, each with the file that decided it.
//! Source: AOSP `init/property_service.cpp` (`LoadProperties`,
//! `property_initialize_ro_product_props`), Android 4 to 16.
//! `import` lines name files on the phone and are left out on purpose.

use std::collections::BTreeMap;

/// First API level where the last definition of a key wins for `ro.` keys too
/// (Android 10 collects into a map before it sets anything).
const LAST_WINS_SDK: u32 = 29;
/// The parts of the product name that Android 10 and later derive from properties of the
/// partitions.
const PRODUCT_PARTS: [&str; 5] = ["brand", "device", "manufacturer", "model", "name"];
/// `ro.product.property_source_order`, where a build sets none.
const SOURCE_ORDER: &str = "product,odm,vendor,system_ext,system";

/// The rule that decides between several definitions of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// Up to Android 9: the first definition of an `ro.` key, the last of any other key.
    FirstWins,
    /// From Android 10: the last definition.
    LastWins,
}

impl Era {
    /// Returns the era of an API level; an unknown level counts as Android 9 or older.
    #[must_use]
    pub fn from_sdk(sdk: Option<u32>) -> Era {
        match sdk.is_some_and(|sdk| sdk >= LAST_WINS_SDK) {
            true => Era::LastWins,
            false => Era::FirstWins,
        }
    }
}

/// One file of properties, in the order the phone loads them.
#[derive(Clone, Debug)]
pub struct PropertyFile {
    /// Its name in messages.
    pub place: String,
    /// The file is from a vendor partition, which may not override `ro.build.` properties of the
    /// system.
    pub is_vendor: bool,
    lines: Vec<(String, String)>,
}

impl PropertyFile {
    /// Parses a file.
    ///
    /// Lines are trimmed, `#` begins a comment line, the first `=` splits, and
    /// both sides are trimmed; a line without `=` is ignored. Invalid UTF-8
    /// becomes U+FFFD. Never fails and never panics.
    #[must_use]
    pub fn parse(place: impl Into<String>, text: &[u8]) -> PropertyFile {
        let text = String::from_utf8_lossy(text);
        let own = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        PropertyFile {
            place: place.into(),
            is_vendor: false,
            lines: text.lines().filter_map(parse_line).map(own).collect(),
        }
    }

    /// Creates a file from definitions.
    pub fn from_definitions(
        place: impl Into<String>,
        definitions: impl IntoIterator<Item = (String, String)>,
    ) -> PropertyFile {
        PropertyFile {
            place: place.into(),
            is_vendor: false,
            lines: definitions.into_iter().collect(),
        }
    }

    /// Whether the file defines any `ro.` property, as every real `build.prop` does.
    #[must_use]
    pub fn has_read_only(&self) -> bool {
        self.lines.iter().any(|(key, _)| key.starts_with("ro."))
    }

    /// Returns the API level that the file states.
    #[must_use]
    pub fn sdk(&self) -> Option<u32> {
        ["ro.build.version.sdk", "ro.system.build.version.sdk"]
            .iter()
            .find_map(|key| self.lines.iter().find(|(found, _)| found == key))
            .and_then(|(_, value)| value.parse().ok())
    }
}

/// Properties by exact key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertyMap {
    /// Values, each with the index of its file in `places`.
    values: BTreeMap<String, (String, usize)>,
    places: Vec<String>,
}

impl PropertyMap {
    /// Parses one `build.prop`; its API level decides the era.
    #[must_use]
    pub fn parse(text: &[u8]) -> PropertyMap {
        let file = PropertyFile::parse(String::new(), text);
        let era = Era::from_sdk(file.sdk());
        let mut map = PropertyMap::merge([file], era);
        map.derive_product(era);
        map
    }

    /// Merges files in their order, as the phone does.
    #[must_use]
    pub fn merge(files: impl IntoIterator<Item = PropertyFile>, era: Era) -> PropertyMap {
        let mut map = PropertyMap::default();
        for file in files {
            let place = map.places.len();
            map.places.push(file.place);
            for (key, value) in file.lines {
                let is_defined = map.values.contains_key(&key);
                let first_holds = match era {
                    Era::FirstWins => key.starts_with("ro."),
                    Era::LastWins => file.is_vendor && key.starts_with("ro.build."),
                };
                if !(is_defined && first_holds) {
                    map.values.insert(key, (value, place));
                }
            }
        }
        map
    }

    /// Adds the `ro.product.` properties that no file defines and that Android 10 and later derive
    /// from properties of the partitions.
    pub fn derive_product(&mut self, era: Era) {
        if era != Era::LastWins {
            return;
        }
        let order = self
            .get("ro.product.property_source_order")
            .unwrap_or(SOURCE_ORDER)
            .to_owned();
        for part in PRODUCT_PARTS {
            let key = format!("ro.product.{part}");
            if self.get(&key).is_some() {
                continue;
            }
            let derived = order.split(',').find_map(|partition| {
                let key = format!("ro.product.{}.{part}", partition.trim());
                self.values.get(&key).filter(|(value, _)| !value.is_empty())
            });
            if let Some(derived) = derived.cloned() {
                self.values.insert(key, derived);
            }
        }
    }

    /// Returns the value of a key; an empty value counts as absent.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values
            .get(key)
            .map(|(value, _)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// Returns the name of the file that decided a key.
    #[must_use]
    pub fn place(&self, key: &str) -> Option<&str> {
        let (_, place) = self.values.get(key)?;
        self.places.get(*place).map(String::as_str)
    }

    /// Iterates over all keys and values, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values
            .iter()
            .map(|(key, (value, _))| (key.as_str(), value.as_str()))
    }
}

/// Splits a line into key and value; `None` if it defines nothing.
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

    fn merge(era: Era, files: &[&str]) -> PropertyMap {
        let files = files
            .iter()
            .enumerate()
            .map(|(index, text)| PropertyFile::parse(format!("file {index}"), text.as_bytes()));
        PropertyMap::merge(files, era)
    }

    #[test]
    fn files_are_merged_by_the_rule_of_their_era() {
        let files = ["ro.a=1\nb=1\n", "ro.a=2\nb=2\nro.c=2\n"];
        let old = merge(Era::FirstWins, &files);
        assert_eq!((old.get("ro.a"), old.get("b")), (Some("1"), Some("2")));
        assert_eq!(old.place("ro.a"), Some("file 0"));
        let new = merge(Era::LastWins, &files);
        assert_eq!(
            (new.get("ro.a"), new.place("ro.a")),
            (Some("2"), Some("file 1"))
        );
        assert_eq!(new.place("ro.c"), Some("file 1"));
        assert_eq!(new.place("none"), None);
        assert_eq!(Era::from_sdk(Some(28)), Era::FirstWins);
        assert_eq!(Era::from_sdk(Some(29)), Era::LastWins);
        assert_eq!(Era::from_sdk(None), Era::FirstWins);
    }

    #[test]
    fn vendor_partitions_cannot_override_the_build_date() {
        let system = PropertyFile::parse("system", b"ro.build.date.utc=1\nro.x=1\n");
        let vendor = PropertyFile {
            is_vendor: true,
            ..PropertyFile::parse("vendor", b"ro.build.date.utc=2\nro.x=2\nro.build.y=2\n")
        };
        let map = PropertyMap::merge([system, vendor], Era::LastWins);
        assert_eq!(map.get("ro.build.date.utc"), Some("1"));
        assert_eq!(map.get("ro.x"), Some("2"));
        assert_eq!(map.get("ro.build.y"), Some("2"));
    }

    #[test]
    fn product_properties_are_derived_as_init_does() {
        let text = "ro.product.system.device=generic\nro.product.odm.device=\nro.product.vendor.device=fog\nro.product.model=Set\nro.product.product.model=Other\n";
        let mut map = merge(Era::LastWins, &[text]);
        map.derive_product(Era::LastWins);
        assert_eq!(map.get("ro.product.device"), Some("fog"));
        assert_eq!(map.get("ro.product.model"), Some("Set"));
        assert_eq!(map.get("ro.product.brand"), None);
        let mut map = merge(
            Era::LastWins,
            &[text, "ro.product.property_source_order=system, vendor\n"],
        );
        map.derive_product(Era::LastWins);
        assert_eq!(map.get("ro.product.device"), Some("generic"));
        assert_eq!(map.place("ro.product.device"), Some("file 0"));
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
