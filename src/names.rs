//! File names of ROM packages: what can be read from one when nothing better is
//! there.
//!
//! In: a file name and the codenames already known. Out: [`NameFacts`], by the
//! first grammar that fits. Source: the `version.mk` and packaging rules of
//! CyanogenMod, LineageOS, crDroid, Evolution X, PixelExperience and AOSP.
//!
//! A name is cut from both ends, since romtypes may hold dashes and codenames
//! may hold dashes, underscores and capitals.

use std::collections::BTreeSet;

use chrono::{NaiveDate, NaiveTime};

/// Romtypes that the LineageOS build system knows. What follows one of them in a
/// name is a build's nickname and not part of `ro.lineage.releasetype`.
const STANDARD_ROMTYPES: [&str; 5] = [
    "RELEASE",
    "NIGHTLY",
    "SNAPSHOT",
    "EXPERIMENTAL",
    "UNOFFICIAL",
];

/// Facts read from a file name; all of them are guesses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameFacts {
    /// Codename.
    pub device: Option<String>,
    /// Version as the family's updater compares it.
    pub version: Option<String>,
    /// Romtype, verbatim.
    pub romtype: Option<String>,
    /// The date in the name at midnight UTC (or at the time given), seconds
    /// since the epoch.
    pub timestamp: Option<i64>,
    /// Incremental, in the rare grammars that carry it.
    pub incremental: Option<String>,
    /// The family's updater compares the romtype.
    pub compares_romtype: bool,
}

/// Reads a file name by the first grammar that fits, or `None`.
///
/// `known_devices` are codenames from better sources; they decide where an
/// ambiguous name is cut.
#[must_use]
pub fn parse(filename: &str, known_devices: &[String]) -> Option<NameFacts> {
    let stem = strip_suffix_ignore_case(filename, ".zip")?;
    let stem = stem.strip_suffix("-signed").unwrap_or(stem);
    parse_lineage(stem, known_devices)
        .or_else(|| parse_crdroid(stem))
        .or_else(|| parse_evolution(stem))
        .or_else(|| parse_ota_package(stem))
        .or_else(|| parse_pixel(stem))
}

fn strip_suffix_ignore_case<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let at = text.len().checked_sub(suffix.len())?;
    let (head, tail) = text.split_at_checked(at)?;
    tail.eq_ignore_ascii_case(suffix).then_some(head)
}

/// `lineage-21.0-20240801[_123456]-UNOFFICIAL[-extra]-bacon`, `cm-11-…`, and the
/// release form without a date, `cm-10.2.1-mako`.
fn parse_lineage(stem: &str, known_devices: &[String]) -> Option<NameFacts> {
    let rest = stem
        .strip_prefix("lineage-")
        .or_else(|| stem.strip_prefix("cm-"))?;
    let (version, rest) = rest.split_once('-').filter(|(v, _)| is_version(v))?;
    let (timestamp, rest) = match rest.split_once('-') {
        Some((date, tail)) if parse_stamp(date).is_some() => (parse_stamp(date), tail),
        _ => (None, rest),
    };
    let (romtype, device) = split_device(rest, known_devices);
    let romtype = match romtype {
        Some(romtype) => Some(drop_nickname(romtype).to_owned()),
        // Only a release may leave out both date and romtype.
        None if timestamp.is_none() => Some("RELEASE".to_owned()),
        None => None,
    };
    Some(NameFacts {
        device: Some(device.to_owned()),
        version: Some(version.to_owned()),
        romtype,
        timestamp,
        incremental: None,
        compares_romtype: true,
    })
}

/// Cuts `TYPE[-EXTRA]-device` at the last place where a known codename stands
/// between dashes, or else before the last dash. What follows a known codename,
/// as in `bacon-from-20240801`, belongs to no fact.
fn split_device<'a>(text: &'a str, known_devices: &[String]) -> (Option<&'a str>, &'a str) {
    let is_cut = |at: usize, len: usize| {
        let (before, after) = (&text[..at], &text[at + len..]);
        (before.is_empty() || before.ends_with('-')) && (after.is_empty() || after.starts_with('-'))
    };
    let known = known_devices
        .iter()
        .filter(|device| !device.is_empty())
        .flat_map(|device| text.match_indices(device.as_str()))
        .filter(|(at, device)| is_cut(*at, device.len()))
        .max_by_key(|(at, device)| (at + device.len(), device.len()));
    let (at, device) = known.unwrap_or_else(|| {
        let device = text.rsplit('-').next().unwrap_or(text);
        (text.len() - device.len(), device)
    });
    let head = text[..at].strip_suffix('-').filter(|head| !head.is_empty());
    (head, device)
}

fn drop_nickname(romtype: &str) -> &str {
    match romtype.split_once('-') {
        Some((standard, _)) if STANDARD_ROMTYPES.contains(&standard) => standard,
        _ => romtype,
    }
}

/// `crDroidAndroid-15.0-20250214-komodo-v11.2[-TYPE]`.
fn parse_crdroid(stem: &str) -> Option<NameFacts> {
    parse_with_version_behind(stem.strip_prefix("crDroidAndroid-")?)
}

/// `EvolutionX-14.0-20241013-akita-v9.5-Official`, since 10 without the `v`.
fn parse_evolution(stem: &str) -> Option<NameFacts> {
    parse_with_version_behind(stem.strip_prefix("EvolutionX-")?)
}

/// `ANDROID-DATE-device-VERSION[-TYPE]`: the version is the last field that looks
/// like one, so that codenames may hold dashes.
fn parse_with_version_behind(rest: &str) -> Option<NameFacts> {
    let (_android, rest) = rest.split_once('-').filter(|(v, _)| is_version(v))?;
    let (date, rest) = rest.split_once('-')?;
    let fields: Vec<&str> = rest.split('-').collect();
    let number = |field: &str| {
        let number = field.strip_prefix('v').unwrap_or(field);
        is_version(number).then(|| number.to_owned())
    };
    let at = (1..fields.len()).rfind(|&at| number(fields[at]).is_some())?;
    let romtype = fields[at + 1..].join("-");
    Some(NameFacts {
        device: Some(fields[..at].join("-")),
        version: number(fields[at]),
        romtype: Some(romtype).filter(|text| !text.is_empty()),
        timestamp: Some(parse_stamp(date)?),
        ..NameFacts::default()
    })
}

/// AOSP's own `lineage_bacon-ota-eng.user`, and the form with facts behind it,
/// `lineage_bacon-ota-14.1-UNOFFICIAL-abcdef`.
fn parse_ota_package(stem: &str) -> Option<NameFacts> {
    let (product, build) = stem.split_once("-ota-")?;
    let (family, device) = product.split_once('_')?;
    if device.is_empty() || !family.chars().all(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    let mut facts = NameFacts {
        device: Some(device.to_owned()),
        compares_romtype: matches!(family, "lineage" | "cm"),
        ..NameFacts::default()
    };
    if let Some((version, rest)) = build.split_once('-').filter(|(v, _)| is_version(v))
        && let Some((romtype, incremental)) = rest.rsplit_once('-')
    {
        facts.version = Some(version.to_owned());
        facts.romtype = Some(romtype.to_owned());
        facts.incremental = Some(incremental.to_owned());
    }
    Some(facts)
}

/// `PixelOS_r5x-12.1-20220505-1108`, `PixelExperience_Plus_daisy-10.0-…-OFFICIAL`.
fn parse_pixel(stem: &str) -> Option<NameFacts> {
    let (family, rest) = stem.split_once('_')?;
    if family.is_empty() || !family.chars().all(|c| c.is_ascii_alphabetic()) {
        return None;
    }
    let rest = rest.strip_prefix("Plus_").unwrap_or(rest);
    let fields: Vec<&str> = rest.split('-').collect();
    let at = (1..fields.len()).find(|&at| is_version(fields[at]))?;
    let date = fields.get(at + 1)?;
    let time = fields.get(at + 2).filter(|text| is_digits(text, 4));
    let timestamp = match time {
        Some(time) => parse_stamp(&format!("{date}_{time}00"))?,
        None => parse_stamp(date)?,
    };
    let romtype = fields[at + 2 + usize::from(time.is_some())..].join("-");
    Some(NameFacts {
        device: Some(fields[..at].join("-")),
        version: Some(fields[at].to_owned()),
        romtype: Some(romtype).filter(|text| !text.is_empty()),
        timestamp: Some(timestamp),
        ..NameFacts::default()
    })
}

/// Words that tell of no flavour: signers and people add them.
const PASSING_WORDS: [&str; 3] = ["signed", "old", "latest"];

/// The words of a file name that may tell one flavour of a ROM from another, in
/// lower case: all but dates, times, numbers and what is `known` to change with
/// each build.
#[must_use]
pub fn words(filename: &str, known: &[&String]) -> BTreeSet<String> {
    let stem = filename.rsplit_once('.').map_or(filename, |(stem, _)| stem);
    let mut stem = stem.to_owned();
    for changing in known.iter().filter(|text| text.len() > 2) {
        stem = stem.replace(changing.as_str(), "-");
    }
    stem.split(|c: char| !c.is_alphanumeric() && c != '.')
        .filter(|word| !is_number(word) && !is_build_id(word))
        .map(|word| without_dates(word).to_lowercase())
        .filter(|word| !PASSING_WORDS.contains(&word.as_str()))
        .collect()
}

/// What stands before the number of a test release.
const NUMBERED: [&str; 5] = ["alpha", "beta", "build", "qpr", "rev"];

/// `20240801`, `21.0`, and with one or two letters before: `v10.7`, `M8`, `RC1`.
fn is_number(word: &str) -> bool {
    let digits = word.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let letters = word[..word.len() - digits.len()].to_ascii_lowercase();
    (letters.len() <= 2 || NUMBERED.contains(&letters.as_str()))
        && digits.chars().all(|c| c.is_ascii_digit() || c == '.')
        && (!digits.is_empty() || word.is_empty())
}

/// `TQ3A.230805.001`, `BP2A.250605.031.A2`: what AOSP calls a build, with a date in
/// its second part; and CyanogenMod's `YOG4PAO237`.
fn is_build_id(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    let is_plain = |c: char| c.is_ascii_alphanumeric();
    match parts[..] {
        [branch, date, _, ..] => branch.len() <= 5 && is_digits(date, 6),
        [id] => {
            id.len() == 10
                && id.chars().filter(char::is_ascii_digit).count() >= 3
                && id.chars().all(|c| is_plain(c) && !c.is_ascii_lowercase())
        }
        _ => false,
    }
}

/// `eng.me.20240801.120000` without its numbers, which change with each build.
fn without_dates(word: &str) -> String {
    let parts: Vec<&str> = word.split('.').filter(|part| !is_number(part)).collect();
    parts.join(".")
}

fn is_digits(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|b| b.is_ascii_digit())
}

/// `11`, `21.0`, `10.2.1`, but not a date.
fn is_version(text: &str) -> bool {
    text.len() <= 12
        && !is_digits(text, 8)
        && text
            .split('.')
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

/// `20240801` or `20240801_123456`, read as UTC.
fn parse_stamp(text: &str) -> Option<i64> {
    let (date, time) = match text.split_once('_') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    if !is_digits(date, 8) {
        return None;
    }
    let date = NaiveDate::parse_from_str(date, "%Y%m%d").ok()?;
    let time = match time {
        Some(time) if is_digits(time, 6) => NaiveTime::parse_from_str(time, "%H%M%S").ok()?,
        Some(_) => return None,
        None => NaiveTime::MIN,
    };
    Some(date.and_time(time).and_utc().timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Device, version, romtype and timestamp, with `-` for what is absent.
    fn read(name: &str, known: &[&str]) -> Option<(String, String, String, i64)> {
        let known: Vec<String> = known.iter().map(|&d| d.to_owned()).collect();
        let facts = parse(name, &known)?;
        let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        Some((
            or_dash(facts.device),
            or_dash(facts.version),
            or_dash(facts.romtype),
            facts.timestamp.unwrap_or(0),
        ))
    }

    #[test]
    fn words_are_what_does_not_change_from_build_to_build() {
        let words = |name: &str, known: &[&str]| {
            let known: Vec<String> = known.iter().map(|&text| text.to_owned()).collect();
            let words = words(name, &known.iter().collect::<Vec<_>>());
            words.into_iter().collect::<Vec<_>>().join(" ")
        };
        for (name, known, expected) in [
            (
                "lineage-21.0-20240801-nightly-bacon-signed.zip",
                &["21.0"][..],
                "bacon lineage nightly",
            ),
            (
                "lineage-21.0-20240801_1234-Nightly-bacon.ZIP",
                &[],
                "bacon lineage nightly",
            ),
            (
                "crDroidAndroid-15.0-20250214-komodo-v11.2.zip",
                &[],
                "crdroidandroid komodo",
            ),
            (
                "cm-11-20140608-SNAPSHOT-M8-bacon.zip",
                &[],
                "bacon cm snapshot",
            ),
            (
                "lineage_bacon-ota-eng.me.20240801.zip",
                &["eng.me.20240801"],
                "bacon lineage ota",
            ),
            (
                "lineage_bacon-ota-8faea5e644.zip",
                &["8faea5e644"],
                "bacon lineage ota",
            ),
            ("rom-ext4-gapps-bacon.zip", &[], "bacon ext4 gapps rom"),
            ("rom-f2fs-bacon.zip", &["f2"], "bacon f2fs rom"),
            ("20240801.zip", &[], ""),
        ] {
            assert_eq!(words(name, known), expected, "{name}");
        }
    }

    #[test]
    fn grammars_of_the_field_are_read() {
        for (name, device, version, romtype, timestamp) in [
            (
                "lineage-21.0-20240801-nightly-bacon-signed.zip",
                "bacon",
                "21.0",
                "nightly",
                1_722_470_400,
            ),
            (
                "lineage-22.2-20250214_123456-UNOFFICIAL-X00TD.ZIP",
                "X00TD",
                "22.2",
                "UNOFFICIAL",
                1_739_536_496,
            ),
            (
                "lineage-18.1-20210626-microg-tduboys-akari.zip",
                "akari",
                "18.1",
                "microg-tduboys",
                1_624_665_600,
            ),
            (
                "lineage-18.1-20210626-UNOFFICIAL-poplar_dsds.zip",
                "poplar_dsds",
                "18.1",
                "UNOFFICIAL",
                1_624_665_600,
            ),
            (
                "lineage-20.0-20230101-UNOFFICIAL-gapps-RMX2001.zip",
                "RMX2001",
                "20.0",
                "UNOFFICIAL",
                1_672_531_200,
            ),
            (
                "cm-11-20140708-NIGHTLY-i9100.zip",
                "i9100",
                "11",
                "NIGHTLY",
                1_404_777_600,
            ),
            (
                "cm-11-20140609-SNAPSHOT-M7-bacon.zip",
                "bacon",
                "11",
                "SNAPSHOT",
                1_402_272_000,
            ),
            ("cm-10.2.1-mako.zip", "mako", "10.2.1", "RELEASE", 0),
            ("lineage_mako-ota-eng.user.zip", "mako", "-", "-", 0),
            (
                "lineage_poplar_dsds-ota-eng.user.20200101.120000.zip",
                "poplar_dsds",
                "-",
                "-",
                0,
            ),
            (
                "lineage_mako-ota-14.1-UNOFFICIAL-0f1e2d3c4b.zip",
                "mako",
                "14.1",
                "UNOFFICIAL",
                0,
            ),
            (
                "crDroidAndroid-15.0-20250214-komodo-v11.2.zip",
                "komodo",
                "11.2",
                "-",
                1_739_491_200,
            ),
            (
                "EvolutionX-14.0-20241013-akita-v9.5-Official.zip",
                "akita",
                "9.5",
                "Official",
                1_728_777_600,
            ),
            (
                "EvolutionX-15.0-20250510-laurel_sprout-10.6-Official.zip",
                "laurel_sprout",
                "10.6",
                "Official",
                1_746_835_200,
            ),
            (
                "crDroidAndroid-11.0-20210301-raphael-v7.2-UNOFFICIAL.zip",
                "raphael",
                "7.2",
                "UNOFFICIAL",
                1_614_556_800,
            ),
            (
                "evolution_bacon-ota-tq3a.230805.001-08151234.zip",
                "bacon",
                "-",
                "-",
                0,
            ),
            (
                "PixelOS_r5x-12.1-20220505-1108.zip",
                "r5x",
                "12.1",
                "-",
                1_651_748_880,
            ),
            (
                "PixelExperience_Plus_daisy-10.0-20200917-0652-OFFICIAL.zip",
                "daisy",
                "10.0",
                "OFFICIAL",
                1_600_325_520,
            ),
        ] {
            assert_eq!(
                read(name, &[]),
                Some((
                    device.to_owned(),
                    version.to_owned(),
                    romtype.to_owned(),
                    timestamp
                )),
                "{name}"
            );
        }
    }

    #[test]
    fn known_codenames_decide_where_a_name_is_cut() {
        let name = "lineage-17.1-20200202-UNOFFICIAL-foo-bar-baz.zip";
        assert_eq!(read(name, &["bar-baz"]).unwrap().0, "bar-baz");
        assert_eq!(
            read(name, &["baz", "foo-bar-baz"]).unwrap().0,
            "foo-bar-baz"
        );
        assert_eq!(read(name, &["az"]).unwrap().0, "baz");
        let delta = "lineage-22.2-20250614-UNOFFICIAL-bacon-from-20250517.zip";
        assert_eq!(read(delta, &["bacon"]).unwrap().0, "bacon");
        assert_eq!(read(delta, &["bacon"]).unwrap().2, "UNOFFICIAL");
    }

    #[test]
    fn other_names_are_left_alone() {
        for name in [
            "update.zip",
            "lineage.zip",
            "open_gapps-arm64-10.0-pico-20200202.zip",
            "lineage-21.0-20241399-nightly-.tar",
            "-ota-.zip",
            ".zip",
        ] {
            assert_eq!(read(name, &[]), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn parse_never_panics(name in "\\PC{0,60}(\\.zip)?", device in "\\PC{0,6}") {
            let _ = parse(&name, &[device]);
        }

        #[test]
        fn every_lineage_name_is_read_back(
            device in "[a-zA-Z0-9_]{1,12}",
            version in "[1-9][0-9]?\\.[0-9]",
            romtype in "[a-zA-Z]{2,8}(-[a-z]{2,8})?",
        ) {
            prop_assume!(!STANDARD_ROMTYPES.iter().any(|s| romtype.starts_with(s)));
            let name = format!("lineage-{version}-20240801-{romtype}-{device}.zip");
            prop_assert_eq!(read(&name, &[]), Some((device, version, romtype, 1_722_470_400)));
        }
    }
}
