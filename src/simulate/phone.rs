//! A phone out of its properties.
//!
//! In: the text of `adb shell getprop`, or of `build.prop` files, and what the caller says
//! instead. Out: a [`Phone`] for each generation of clients, since they keep the same facts in
//! different properties.
//!
//! Sources: `Constants` of LineageOS/android_packages_apps_Updater and `Utils` of
//! LineageOS/android_packages_apps_CMUpdater for the keys; AOSP `toolbox/getprop.c` for the
//! form `[key]: [value]`.

use thiserror::Error;

use crate::client::{Generation, Phone};
use crate::family::{self, NEXT_DEVICE};
use crate::props::{Era, PropertyFile, PropertyMap};

/// Longest text of properties, in bytes; those of phones have less than 200 KiB.
pub const MAX_PROPS: usize = 4 << 20;

/// Why a text gives no properties.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// More than is read.
    #[error("it has more than {MAX_PROPS} bytes, which no list of properties has")]
    TooLong,
    /// Bytes that no text has.
    #[error("it is no text")]
    Binary,
    /// Text without a line that sets a property.
    #[error("no line of it is a property, as `key=value` or `[key]: [value]`")]
    Empty,
}

/// Reads the output of `getprop`, or a `build.prop`, whichever it is.
///
/// Text in UTF-16, as Windows PowerShell redirects it, is read too.
///
/// # Errors
/// [`enum@Error`], if there is not one property in it.
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
    Ok(PropertyFile::of(place, definitions))
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

/// The definitions of a `getprop`; a value goes on over lines until one ends with `]`.
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

/// What the caller says of a phone, whatever its properties are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The codename.
    pub device: Option<String>,
    /// The name it asks for instead.
    pub next_device: Option<String>,
    /// The release type.
    pub romtype: Option<String>,
    /// The version.
    pub version: Option<String>,
    /// The incremental.
    pub incremental: Option<String>,
    /// The build date, in seconds since the epoch.
    pub datetime: Option<i64>,
    /// The API level.
    pub sdk: Option<u32>,
    /// The value of the property with the address.
    pub uri: Option<String>,
    /// It has A/B partitions.
    pub is_ab: bool,
    /// It takes older builds.
    pub allow_downgrading: bool,
    /// It takes builds of newer Android.
    pub allow_major_upgrades: bool,
}

/// A phone, as its properties and the caller describe it.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// Its properties; none if there is only what the caller says.
    pub props: Option<PropertyMap>,
    /// What the caller says, which goes before them.
    pub said: Said,
    /// The name of the package it runs, if known.
    pub filename: Option<String>,
}

/// Property names, CyanogenMod's and LineageOS's.
type Keys = [&'static str; 2];

const DEVICE: Keys = ["ro.cm.device", "ro.lineage.device"];
const ROMTYPE: Keys = ["ro.cm.releasetype", "ro.lineage.releasetype"];
const VERSION: Keys = ["ro.cm.build.version", "ro.lineage.build.version"];
const URI: Keys = ["cm.updater.uri", "lineage.updater.uri"];
const DOWNGRADING: Keys = [
    "cm.updater.allow_downgrading",
    "lineage.updater.allow_downgrading",
];
const UPGRADES: &str = "lineage.updater.allow_major_upgrades";
/// CMUpdater takes the start of it.
const CM_VERSION: &str = "ro.cm.version";

impl Subject {
    fn get(&self, key: &str) -> Option<&str> {
        self.props.as_ref()?.get(key)
    }

    /// The first of the two that is set, looked for in the order of the generation.
    fn either(&self, generation: Generation, keys: Keys) -> Option<&str> {
        let [cm, lineage] = keys;
        let is_cm = generation <= Generation::Cm14;
        let order = if is_cm { [cm, lineage] } else { [lineage, cm] };
        order.into_iter().find_map(|key| self.get(key))
    }

    /// What a client of this generation finds on the phone; what is not known is empty or 0.
    #[must_use]
    pub fn phone(&self, generation: Generation) -> Phone {
        let said = &self.said;
        let text = |said: &Option<String>, found: Option<&str>| {
            said.as_deref().or(found).unwrap_or_default().to_owned()
        };
        let is_true =
            |value: Option<&str>| matches!(value, Some("true" | "1" | "y" | "yes" | "on"));
        let version = match generation {
            Generation::Cm12 | Generation::Cm14 => self.get(CM_VERSION),
            _ => None,
        };
        let version = version
            .or_else(|| self.either(generation, VERSION))
            .or_else(|| self.get(CM_VERSION)?.split('-').next());
        let date = self
            .get("ro.build.date.utc")
            .and_then(|date| date.trim().parse().ok());
        let sdk = self
            .get("ro.build.version.sdk")
            .and_then(|sdk| sdk.trim().parse().ok());
        Phone {
            device: text(&said.device, self.either(generation, DEVICE)),
            next_device: said
                .next_device
                .clone()
                .or_else(|| Some(self.get(NEXT_DEVICE)?.to_owned())),
            release_type: text(&said.romtype, self.either(generation, ROMTYPE)),
            version: text(&said.version, version),
            incremental: text(&said.incremental, self.get("ro.build.version.incremental")),
            datetime: said.datetime.or(date).unwrap_or_default(),
            sdk: said.sdk.or(sdk).unwrap_or_default(),
            allow_downgrading: said.allow_downgrading
                || is_true(self.either(generation, DOWNGRADING)),
            allow_major_upgrades: said.allow_major_upgrades || is_true(self.get(UPGRADES)),
            is_ab: said.is_ab || is_true(self.get("ro.build.ab_update")),
            flavour: String::new(),
            branch: String::new(),
            vbmeta_digest: String::new(),
        }
    }

    /// The value of the address property, as the caller or the phone has it.
    #[must_use]
    pub fn uri(&self, generation: Generation) -> Option<(&str, UriSource)> {
        let said = self.said.uri.as_deref().map(|uri| (uri, UriSource::Said));
        said.or_else(|| Some((self.either(generation, URI)?, UriSource::Phone)))
    }

    /// The ROM family by its properties, if it is one whose updater is not LineageOS's or
    /// CyanogenMod's.
    #[must_use]
    pub fn other_family(&self) -> Option<String> {
        let props = self.props.as_ref()?;
        let family = &family::detect(props, &[]).name;
        let is_simulated = ["LineageOS", "CyanogenMod", "unknown family"].contains(&&**family);
        (!is_simulated).then(|| family.to_string())
    }

    /// Whether anything tells this phone from another: the part of a ROM's properties that is in
    /// one of its partitions may not.
    #[must_use]
    pub fn is_described(&self) -> bool {
        let phone = self.phone(Generation::Java22);
        let texts = [&phone.device, &phone.version, &phone.incremental];
        phone.next_device.is_some() || texts.iter().any(|text| !text.is_empty())
    }

    /// The facts no client can do without and that are not known, by what they are called.
    #[must_use]
    pub fn missing(&self, generation: Generation) -> Vec<&'static str> {
        let phone = self.phone(generation);
        let is_cm = generation <= Generation::Cm14;
        let [of_device, of_type] = [DEVICE, ROMTYPE].map(|keys| keys[usize::from(!is_cm)]);
        [
            (phone.device.is_empty(), of_device),
            (phone.release_type.is_empty() && !is_cm, of_type),
            (
                phone.version.is_empty() && generation != Generation::Cm12,
                if is_cm { CM_VERSION } else { VERSION[1] },
            ),
            (phone.incremental.is_empty(), "ro.build.version.incremental"),
            (phone.datetime == 0, "ro.build.date.utc"),
            (
                phone.sdk == 0 && [Generation::Cm12, Generation::Kotlin23].contains(&generation),
                "ro.build.version.sdk",
            ),
        ]
        .into_iter()
        .filter_map(|(is_missing, key)| is_missing.then_some(key))
        .collect()
    }
}

/// Where the value of the address property is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UriSource {
    /// The caller.
    Said,
    /// The properties of the phone.
    Phone,
    /// Neither: it is what the site recommends.
    Recommended,
}

impl UriSource {
    /// The name in `--json`; part of the documented schema.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            UriSource::Said => "flag",
            UriSource::Phone => "phone",
            UriSource::Recommended => "recommended",
        }
    }
}

// When the updater of a branch changed, in seconds since the epoch: the dates of CMUpdater 6e2947a5,
// of the first Updater in cm-14.1, and of Updater e930cf7.
const APRIL_2018: i64 = 1_522_886_400;
const JULY_2017: i64 = 1_498_953_600;
const JANUARY_2017: i64 = 1_484_092_800;

/// The generations a ROM of this version, or else of this API level, may have; all of them where
/// neither is known. A ROM of a time of change has what was there on its date.
#[must_use]
pub fn candidates(subject: &Subject) -> Vec<Generation> {
    use Generation::{Cm12, Cm14, First15, Java22, Kotlin23, KotlinV1, Template14};
    let phone = subject.phone(Java22);
    let date = phone.datetime;
    let is_before = |limit: i64| date != 0 && date < limit;
    match release(&phone) {
        None => Generation::ALL.to_vec(),
        Some((0..=12, _)) => vec![Cm12],
        Some((13, _)) if is_before(JANUARY_2017) => vec![Cm12],
        Some((13, _)) => vec![Cm14],
        Some((14, _)) if is_before(JANUARY_2017) => vec![Cm12],
        Some((14, _)) if is_before(JULY_2017) => vec![Cm14],
        Some((14, _)) if is_before(APRIL_2018) => vec![First15],
        Some((14, _)) => vec![Template14],
        Some((15, 0)) => vec![First15],
        Some((15, _)) if is_before(APRIL_2018) => vec![First15],
        Some((15, _)) => vec![Template14],
        Some((16..=22, _)) => vec![Java22],
        Some((23, 0 | 1)) => vec![Java22, KotlinV1],
        Some((23.., _)) => vec![Kotlin23],
    }
}

/// The version of LineageOS, by name or by the Android it is made of.
fn release(phone: &Phone) -> Option<(u32, u32)> {
    let mut numbers = phone
        .version
        .split(['.', '-'])
        .map(|part| part.parse::<u32>().ok());
    match numbers.next().flatten() {
        Some(major) => Some((major, numbers.next().flatten().unwrap_or(0))),
        None => match phone.sdk {
            0 => None,
            1..=22 => Some((12, 1)),
            23 => Some((13, 0)),
            24 | 25 => Some((14, 1)),
            26 => Some((15, 0)),
            27 => Some((15, 1)),
            28..=35 => Some((16, 0)),
            36.. => Some((23, 2)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(text: &str) -> Subject {
        let file = parse_props("p", text.as_bytes()).unwrap();
        Subject {
            props: Some(PropertyMap::merge([file], Era::LastWins)),
            ..Subject::default()
        }
    }

    #[test]
    fn getprop_has_brackets_and_values_of_several_lines() {
        let text = "* daemon started successfully\r\n[ro.build.version.incremental]: [eng.1]\r\n\
                    [a]: [one\r\ntwo]\r\n[ro.build.date.utc]: [1700000000]\r\n[empty]: []\r\n[cut]: [x";
        let subject = subject(text);
        let props = subject.props.as_ref().unwrap();
        assert_eq!(props.get("a"), Some("one\ntwo"));
        assert_eq!(props.get("empty"), None);
        assert_eq!(props.get("cut"), Some("x"));
        let phone = subject.phone(Generation::Java22);
        assert_eq!(
            (&*phone.incremental, phone.datetime),
            ("eng.1", 1_700_000_000)
        );
    }

    #[test]
    fn text_may_be_utf16_and_must_be_text() {
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

    #[test]
    fn each_generation_finds_its_facts_in_its_own_properties() {
        let subject = subject(
            "ro.cm.device=X\nro.cm.version=14.1-20181003-UNOFFICIAL-X\nro.cm.build.version=14.1\n\
             ro.cm.releasetype=UNOFFICIAL\nro.lineage.device=Y\ncm.updater.uri=https://cm\n\
             lineage.updater.allow_downgrading=true\nro.build.version.sdk= 25",
        );
        let cm = subject.phone(Generation::Cm14);
        assert_eq!(
            (&*cm.device, &*cm.version),
            ("X", "14.1-20181003-UNOFFICIAL-X")
        );
        let updater = subject.phone(Generation::Template14);
        assert_eq!((&*updater.device, &*updater.version), ("Y", "14.1"));
        assert_eq!(updater.release_type, "UNOFFICIAL");
        assert!(updater.allow_downgrading && updater.sdk == 25);
        let uri = subject.uri(Generation::Template14);
        assert_eq!(uri, Some(("https://cm", UriSource::Phone)));
        assert_eq!(
            subject.missing(Generation::Template14),
            ["ro.build.version.incremental", "ro.build.date.utc"]
        );
    }

    #[test]
    fn what_is_said_goes_before_what_the_phone_has() {
        let mut subject = subject("ro.lineage.device=Y\nlineage.updater.uri=https://a\n");
        subject.said = Said {
            device: Some("Z".to_owned()),
            uri: Some(String::new()),
            ..Said::default()
        };
        assert_eq!(subject.phone(Generation::Java22).device, "Z");
        assert_eq!(subject.uri(Generation::Java22), Some(("", UriSource::Said)));
    }

    #[test]
    fn the_version_and_the_date_tell_the_updater() {
        use Generation::{Cm12, Cm14, First15, Java22, Kotlin23, KotlinV1, Template14};
        for (version, sdk, date, expected) in [
            ("11-20160603-UNOFFICIAL-x", 19, 0, vec![Cm12]),
            ("13.0", 23, 0, vec![Cm14]),
            ("14.1", 25, 1_483_228_800, vec![Cm12]),
            ("14.1", 25, 1_490_000_000, vec![Cm14]),
            ("14.1", 25, 1_510_000_000, vec![First15]),
            ("14.1", 25, 0, vec![Template14]),
            ("15.0", 26, 0, vec![First15]),
            ("15.1", 27, 1_600_000_000, vec![Template14]),
            ("21.0", 34, 0, vec![Java22]),
            ("23.0", 36, 0, vec![Java22, KotlinV1]),
            ("23.2", 36, 0, vec![Kotlin23]),
            ("", 34, 0, vec![Java22]),
            ("Banana", 36, 0, vec![Kotlin23]),
            ("", 0, 0, Generation::ALL.to_vec()),
        ] {
            let said = Said {
                version: Some(version.to_owned()),
                sdk: Some(sdk),
                datetime: Some(date),
                ..Said::default()
            };
            let subject = Subject {
                said,
                ..Subject::default()
            };
            assert_eq!(candidates(&subject), expected, "{version} {date}");
        }
    }

    #[test]
    fn families_with_updaters_of_their_own_are_named() {
        let crdroid = subject("ro.crdroid.device=komodo\nro.crdroid.display.version=v11.3-2025\n");
        assert_eq!(crdroid.other_family().as_deref(), Some("crDroid"));
        let lineage = subject("ro.lineage.device=x\n");
        assert_eq!(lineage.other_family(), None);
    }
}
