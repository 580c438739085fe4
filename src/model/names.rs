//! File names of ROM packages: what can be read from one when nothing better is
//! there.
//!
//! In: a file name and the codenames already known. Out: [`NameFacts`]. A name is cut into fields,
//! and each is recognised by itself: version, date, time, release type, variant and the like. What
//! remains are words, one of them the codename; the row of `GRAMMARS` for the ROM says which one.
//! Where more words remain than the row distinguishes, the codename is unknown: no guess is better
//! than a wrong one. Source: the `version.mk` and packaging rules of the families, and names in
//! their published feeds.

use std::collections::BTreeSet;

use chrono::{NaiveDate, NaiveTime};

use crate::model::family::{best_romtype, is_romtype, version_number};

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

/// Which of the words that are nothing else is the codename.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The only one there is.
    Only,
    /// The first; signers and variants may follow.
    First,
    /// The last; the name of the release comes before it.
    Last,
    /// The last, and what comes before it is the release type, if that is none of the known ones.
    LastAfterType,
}

/// How one ROM names its packages.
struct Grammar {
    /// What the names begin with, in any case, up to a `-` or `_`.
    prefix: &'static str,
    place: Place,
}

const fn named(prefix: &'static str, place: Place) -> Grammar {
    Grammar { prefix, place }
}

/// The names of ROMs whose form is known.
const GRAMMARS: [Grammar; 59] = [
    // `lineage-21.0-20240801[_123456]-UNOFFICIAL[-extra]-bacon`, `cm-10.2.1-mako`
    named("lineage", Place::LastAfterType),
    named("cm", Place::LastAfterType),
    // `iode-5.0-20240201-FP4`, `e-2.8-u-20250219470166-official-FP4`
    named("iode", Place::Only),
    named("e", Place::Last),
    named("IMG-e", Place::Last),
    // `crDroidAndroid-15.0-20250214-komodo-v11.2[-TYPE]`
    named("crDroidAndroid", Place::First),
    named("crDroid", Place::First),
    // `EvolutionX-15.0-20250510-laurel_sprout-10.6-Official`, `EvolutionX_4.1_bacon-…`
    named("EvolutionX", Place::First),
    named("AlphaDroid", Place::First),
    // `PixelOS_r5x-12.1-20220505-1108`, `PixelExperience_Plus_daisy-10.0-…-OFFICIAL`
    named("PixelOS", Place::First),
    named("PixelExperience", Place::First),
    named("PixelProject", Place::First),
    named("PixelBuilds", Place::First),
    named("syberia", Place::First),
    named("Vortex-OS", Place::First),
    // `ProjectElixir_4.1_bacon-14.0-20240111-2101-OFFICIAL`
    named("ProjectElixir", Place::First),
    named("PixelPlusUI", Place::Only),
    named("HyconOS", Place::First),
    named("aosPB", Place::First),
    // `ShapeShiftOS_Magikarp-1.0.3_laurel_sprout-10.0-20200618-1006-OFFICIAL`
    named("ShapeShiftOS", Place::Last),
    // `UN1CA_2.5.6-136e700c_20250408_b0q-sign`
    named("UN1CA", Place::Only),
    // `Arrow-v12.0-bacon-OFFICIAL-20220313-VANILLA`
    named("Arrow", Place::First),
    named("Matrixx", Place::First),
    named("Project_Infinity-X", Place::First),
    named("Lunaris-AOSP", Place::First),
    named("Viper", Place::First),
    named("ColtOS", Place::First),
    named("Spark", Place::First),
    named("FlamingoOS", Place::First),
    named("Bliss", Place::First),
    named("AospExtended", Place::First),
    named("Nusantara", Place::First),
    named("voltage", Place::Last),
    // `Havoc-OS-v3.12-20201221-bacon-Official[-GApps]`
    named("Havoc-OS", Place::First),
    named("Cherish-OS", Place::First),
    // `dotOS-R-v5.1.3-RMX1921-OFFICIAL-20210810-0447`
    named("dotOS", Place::First),
    named("RR", Place::First),
    named("TitaniumOS", Place::First),
    // `RisingOS_Revived-8.1.1-251108-1337-GAPPS-OFFICIAL-dodge-ota-signed`
    named("RisingOS_Revived", Place::Last),
    named("RisingOS", Place::Last),
    named("Kraken", Place::Last),
    named("AOSPK", Place::Last),
    named("LMODroid", Place::Last),
    named("XPerience", Place::Last),
    // `axion-2.7-PROXIMA_BETA-20260606-OFFICIAL-GMS-begonia`
    named("axion", Place::Last),
    // `aospa-topaz-1.1-vayu-20230518`
    named("aospa", Place::Last),
    named("pa", Place::Last),
    // `DerpFest-13-Official-Tango-spartan-20230702-0900`
    named("DerpFest", Place::Last),
    // `SuperiorOS-Xcalibur-bacon-OFFICIAL-20210911-0908`
    named("SuperiorOS", Place::Last),
    named("BananaDroid", Place::Last),
    named("Fluid", Place::Last),
    named("FluidOS", Place::Last),
    named("awaken", Place::Last),
    named("pixelstar", Place::Last),
    named("MistOS", Place::Last),
    named("omni", Place::Last),
    named("ResurrectionRemix", Place::First),
    named("Corvus", Place::First),
    named("Octavi", Place::First),
];

/// The release type of LineageOS for microG, and a variant of other ROMs.
const MICROG: &str = "microg";

/// Words other than release types that are not codenames, in lower case: variants, stages of a
/// release, kinds of files, processors, and Android's own names.
const OTHER_WORDS: [&str; 73] = [
    "gapps",
    "gapped",
    "gms",
    "vanilla",
    "core",
    "coregapps",
    "core_gapps",
    "full_gapps",
    "foss",
    "pico",
    "nano",
    "mini",
    "stock",
    "nogapps",
    "omni",
    "go",
    "plus",
    "caf",
    "aosp",
    "beta",
    "alpha",
    "test",
    "testing",
    "dev",
    "final",
    "eol",
    "security",
    "hotfix",
    "fix",
    "fixup",
    "rc",
    "pre",
    "update",
    "old",
    "latest",
    "new",
    "personal",
    "private",
    "public",
    "initial",
    "signed",
    "unsigned",
    "sign",
    "ota",
    "full",
    "incremental",
    "delta",
    "img",
    "image",
    "images",
    "fastboot",
    "recovery",
    "rom",
    "zip",
    "user",
    "userdebug",
    "eng",
    "ext4",
    "f2fs",
    "erofs",
    "arm",
    "arm64",
    "x86",
    "x86_64",
    "pie",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
];

/// Reads a file name, or `None` if its form is not known.
///
/// `known_devices` are codenames from better sources; they decide where an
/// ambiguous name is cut.
#[must_use]
pub fn parse(filename: &str, known_devices: &[String]) -> Option<NameFacts> {
    let stem = strip_suffix_ignore_case(filename, ".zip")?;
    let stem = stem.strip_suffix("-signed").unwrap_or(stem);
    let rows = GRAMMARS.iter().filter_map(|grammar| {
        let rest = strip_prefix_ignore_case(stem, grammar.prefix)?;
        rest.starts_with(['-', '_']).then_some((grammar, rest))
    });
    if let Some(facts) = parse_ota_package(stem) {
        return Some(facts);
    }
    match rows.max_by_key(|(grammar, _)| grammar.prefix.len()) {
        Some((grammar, rest)) => parse_named(grammar.place, rest, known_devices),
        None => parse_other(stem),
    }
}

fn strip_suffix_ignore_case<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let at = text.len().checked_sub(suffix.len())?;
    let (head, tail) = text.split_at_checked(at)?;
    tail.eq_ignore_ascii_case(suffix).then_some(head)
}

fn strip_prefix_ignore_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, tail) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(tail)
}

/// The fields of a name after the name of the ROM.
#[derive(Debug, Default)]
struct Fields<'a> {
    versions: Vec<&'a str>,
    timestamp: Option<i64>,
    romtype: Option<&'a str>,
    /// The others: codenames, and release types that are not among the known ones.
    words: Vec<&'a str>,
}

impl<'a> Fields<'a> {
    /// Reads `_4.1_bacon-14.0-20240111-2101-OFFICIAL`.
    fn read(text: &'a str) -> Fields<'a> {
        let mut fields = Fields::default();
        let mut parts = text.split('-').filter(|part| !part.is_empty()).peekable();
        let mut is_first = true;
        while let Some(part) = parts.next() {
            // A delta's source: `bacon-from-20250517`.
            if part == "from" {
                break;
            }
            let time = parts
                .peek()
                .copied()
                .filter(|next| matches!(next.len(), 4 | 6));
            if let Some(stamp) = parse_stamp(part, time) {
                fields.timestamp = fields.timestamp.or(Some(stamp));
            } else if is_first || is_several(part) {
                fields.read_parts(part, is_first);
            } else {
                fields.read_word(part);
            }
            is_first = false;
        }
        fields
    }

    /// Reads the parts of `4.1_bacon`, of `136e700c_20250408_b0q`, or of the first field, whose
    /// parts may also be a plain number or the variant of the ROM.
    fn read_parts(&mut self, field: &'a str, is_first: bool) {
        let mut rest = field.trim_start_matches('_');
        let mut word_start = rest;
        while !rest.is_empty() {
            let (part, after) = rest.split_once('_').unwrap_or((rest, ""));
            let at_start = word_start.len() == rest.len();
            let is_number = || is_digits(part, 1) || is_digits(part, 2);
            let stamp = parse_stamp(part, None);
            if let Some(stamp) = stamp {
                self.timestamp = self.timestamp.or(Some(stamp));
            } else if at_start && (is_version(part) || is_first && is_number()) {
                self.versions.extend(version_number(part));
            } else if at_start && is_romtype(part) {
                self.read_word(part);
            } else if !(at_start && is_first && !after.is_empty() && is_other_word(part)) {
                rest = after;
                continue;
            }
            let word = &word_start[..word_start.len() - rest.len()];
            self.read_word(word.trim_end_matches('_'));
            word_start = after;
            rest = after;
        }
        self.read_word(word_start);
    }

    fn read_word(&mut self, word: &'a str) {
        if is_version(word) {
            self.versions.extend(version_number(word));
        } else if is_romtype(word) {
            self.romtype = best_romtype(self.romtype.into_iter().chain([word]));
        } else if !is_other_word(word) && word.bytes().any(|b| b.is_ascii_alphabetic()) {
            self.words.push(word);
        }
    }
}

/// Whether a field begins with a version or a release type, or holds a date, and something else.
fn is_several(field: &str) -> bool {
    let begins = field
        .split_once('_')
        .is_some_and(|(part, _)| is_version(part) || is_romtype(part));
    begins
        || field.contains('_')
            && field
                .split('_')
                .any(|part| parse_stamp(part, None).is_some())
}

/// Whether a word looks like a codename: it does not begin like a version or a date, and is not
/// known to mean something else.
#[must_use]
pub fn is_codename(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    let begins_like_version = || {
        let number = lower.strip_prefix('v').unwrap_or(&lower);
        let after = number.trim_start_matches(|c: char| c.is_ascii_digit());
        after.len() < number.len() && after.starts_with('_')
    };
    let is_hash = || {
        lower.len() >= 6
            && lower.bytes().all(|b| b.is_ascii_hexdigit())
            && lower.bytes().any(|b| b.is_ascii_digit())
    };
    lower.len() > 1
        && lower
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_+".contains(c))
        && lower.starts_with(|c: char| c.is_ascii_alphanumeric())
        && lower.chars().any(|c| c.is_ascii_alphabetic())
        && !begins_like_version()
        && !is_hash()
        && !is_romtype(word)
        && !is_other_word(word)
        && lower != MICROG
        && !is_numbered(&lower)
}

fn is_other_word(word: &str) -> bool {
    OTHER_WORDS
        .iter()
        .any(|other| other.eq_ignore_ascii_case(word))
}

/// `build2`, `beta3`, `rc1`.
fn is_numbered(word: &str) -> bool {
    let digits = word.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let letters = &word[..word.len() - digits.len()];
    !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit())
        && (letters == "rc" || NUMBERED.contains(&letters))
}

fn parse_named(place: Place, rest: &str, known_devices: &[String]) -> Option<NameFacts> {
    let known = find_known(rest, known_devices);
    let text = known.map_or(rest, |(at, _)| &rest[..at]);
    let head = Fields::read(text);
    let fields = Fields::read(rest);
    if fields.versions.is_empty() && fields.timestamp.is_none() {
        return None;
    }
    let is_typed = place == Place::LastAfterType;
    let is_device = |index: &usize| is_codename(head.words[*index]);
    let mut words = 0..head.words.len();
    let at = match place {
        Place::First => words.find(is_device),
        // What comes before it is never the device, even if it cannot be either.
        Place::Last | Place::LastAfterType => words.next_back().filter(is_device),
        Place::Only => words
            .find(is_device)
            .filter(|_| words.find(is_device).is_none()),
    };
    let (device, before) = match (known, at) {
        (Some((_, device)), _) => (Some(device), &head.words[..]),
        (None, Some(at)) => (Some(head.words[at]), &head.words[..at]),
        (None, None) => (None, &[][..]),
    };
    let romtype = match fields.romtype {
        Some(known) => Some(known.to_owned()),
        None if is_typed && !before.is_empty() => Some(before.join("-")),
        // Only a release may leave out both date and romtype.
        None if is_typed && device.is_some() && fields.timestamp.is_none() => {
            Some("RELEASE".to_owned())
        }
        None => None,
    };
    let version = match is_typed {
        true => Some(*fields.versions.first()?),
        false => fields.versions.last().copied(),
    };
    // Letter case matters to phones, and better sources know it.
    let is_same = |known: &&String| device.is_some_and(|d| known.eq_ignore_ascii_case(d));
    let known_devices = known_devices.iter().filter(is_same);
    let spelled = known_devices.max_by_key(|known| Some(known.as_str()) == device);
    Some(NameFacts {
        device: spelled.map(String::as_str).or(device).map(str::to_owned),
        version: version.map(str::to_owned),
        romtype,
        timestamp: fields.timestamp,
        incremental: None,
        compares_romtype: is_typed,
    })
}

/// The last place where a known codename stands between dashes, and the codename. What follows it,
/// as in `bacon-from-20240801`, belongs to no fact.
fn find_known<'a>(text: &'a str, known_devices: &[String]) -> Option<(usize, &'a str)> {
    let is_cut = |at: usize, len: usize| {
        let (before, after) = (&text[..at], &text[at + len..]);
        before.ends_with('-') && (after.is_empty() || after.starts_with('-'))
    };
    known_devices
        .iter()
        .filter(|device| !device.is_empty())
        .flat_map(|device| text.match_indices(device.as_str()))
        .filter(|(at, device)| is_cut(*at, device.len()))
        .max_by_key(|(at, device)| (at + device.len(), device.len()))
}

/// AOSP's own `lineage_bacon-ota-eng.user`, the form with facts behind it,
/// `lineage_bacon-ota-14.1-UNOFFICIAL-abcdef`, and `bramble-ota_update-2024080100`.
fn parse_ota_package(stem: &str) -> Option<NameFacts> {
    if let Some((device, number)) = stem.split_once("-ota_update-")
        && is_codename(device)
        && number.bytes().all(|b| b.is_ascii_digit())
    {
        return Some(NameFacts {
            device: Some(device.to_owned()),
            ..NameFacts::default()
        });
    }
    let (product, build) = stem.split_once("-ota-")?;
    let (family, device) = product.split_once('_')?;
    if !is_codename(device) || !family.chars().all(|c| c.is_ascii_alphanumeric()) {
        return None;
    }
    let mut facts = NameFacts {
        device: Some(device.to_owned()),
        compares_romtype: matches!(family, "lineage" | "cm"),
        ..NameFacts::default()
    };
    if let Some((version, rest)) = build.split_once('-')
        && let Some(version) = version_number(version)
        && let Some((romtype, incremental)) = rest.rsplit_once('-')
    {
        facts.version = Some(version.to_owned());
        facts.romtype = Some(romtype.to_owned());
        facts.incremental = Some(incremental.to_owned());
    }
    Some(facts)
}

/// `AnyROM_bacon-14.0-20240111-2101-OFFICIAL`, `AnyROM_4.1_bacon-14.0-…`: many ROMs name their
/// packages as PixelExperience does.
fn parse_other(stem: &str) -> Option<NameFacts> {
    let (product, build) = stem.split_once('-')?;
    let (family, device) = product.split_once('_')?;
    let (version, date) = build.split_once('-')?;
    let date = date.split('-').next()?;
    let is_likely = family.len() > 1
        && family.chars().all(|c| c.is_ascii_alphanumeric())
        && version_number(version).is_some()
        && parse_stamp(date, None).is_some()
        && !Fields::read(device).words.is_empty();
    is_likely.then(|| parse_named(Place::First, &stem[family.len()..], &[]))?
}

/// Words that do not name a variant: signers and people add them.
const PASSING_WORDS: [&str; 3] = ["signed", "old", "latest"];

/// Returns the words of a file name that may distinguish variants of a ROM, in
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

/// The words before the number of a test release.
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

/// Words for a variant in names of packages, folders and feeds, and the variant.
const VARIANT_WORDS: [(&str, &str); 10] = [
    ("core", "core"),
    ("foss", "foss"),
    ("gapped", "gapps"),
    ("gapps", "gapps"),
    ("gappless", "vanilla"),
    ("gms", "gapps"),
    ("microg", "microg"),
    ("nogapps", "vanilla"),
    ("nogms", "vanilla"),
    ("vanilla", "vanilla"),
];

/// The variant that a name states with a word of its own: `gapps`, `vanilla`.
#[must_use]
pub fn stated_variant(name: &str) -> Option<&'static str> {
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .find_map(|word| {
            let mut all = VARIANT_WORDS.iter();
            let known = all.find(|(known, _)| word.eq_ignore_ascii_case(known));
            known.map(|(_, variant)| *variant)
        })
}

/// Returns the variant in the name of a folder or of the file, in an address or a path.
#[must_use]
pub fn variant_in_path(path: &str) -> Option<&'static str> {
    let path = match path.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        None => path,
    };
    path.split(['/', '\\']).find_map(stated_variant)
}

fn is_digits(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|b| b.is_ascii_digit())
}

/// `21.0`, `10.2.1`, `v9`; not a plain number, which may be a time, nor a codename like `v500`.
fn is_version(text: &str) -> bool {
    let is_marked = |number: &str| number.len() < text.len() && number.len() <= 2;
    version_number(text).is_some_and(|number| number.contains('.') || is_marked(number))
}

/// `20240801`, `20240801_123456`, `2024080112`, `202408011234` or `20240801123456`, read as UTC;
/// `time` is the field behind it, and counts if it is one.
fn parse_stamp(text: &str, time: Option<&str>) -> Option<i64> {
    let (date, rest) = text.split_at_checked(8)?;
    let rest = rest.strip_prefix('_').unwrap_or(rest);
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(date) || !is_number(rest) || rest.len() > 6 {
        return None;
    }
    let date = NaiveDate::parse_from_str(date, "%Y%m%d").ok()?;
    let parse_time = |text: &str| {
        let padded = format!("{text:0<6}");
        let is_time = is_number(text) && matches!(text.len(), 2 | 4 | 6);
        NaiveTime::parse_from_str(&padded, "%H%M%S")
            .ok()
            .filter(|_| is_time)
    };
    let time = match rest {
        "" => time.and_then(parse_time),
        rest => parse_time(rest),
    };
    Some(
        date.and_time(time.unwrap_or(NaiveTime::MIN))
            .and_utc()
            .timestamp(),
    )
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

    /// Codename by file name: the shapes of names that ROMs publish, one or more of each family.
    #[test]
    fn each_rom_names_its_device_in_its_own_place() {
        for (name, device) in [
            (
                "ExampleOS_4.1_bacon-14.0-20240111-2101-OFFICIAL.zip",
                "bacon",
            ),
            (
                "ProjectElixir_4.1_bacon-14.0-20240111-2101-BETA-OFFICIAL.zip",
                "bacon",
            ),
            (
                "PixelPlusUI_1.5.1_laurel_sprout-10.0-20200613-1133-OFFICIAL.zip",
                "laurel_sprout",
            ),
            (
                "PixelPlusUI_4.7-Pre-release_mojito-12.1-20220626-0832-OFFICIAL.zip",
                "mojito",
            ),
            (
                "HyconOS_4.5.1_X01BD-11.0-20210909-0605-OFFICIAL.zip",
                "X01BD",
            ),
            (
                "EvolutionX_4.1_bacon-10-20200503-1200-OFFICIAL.zip",
                "bacon",
            ),
            (
                "EvolutionX-14.0-20240810_fixup-davinci-v9.3-Official.zip",
                "davinci",
            ),
            (
                "EvolutionX-16.0-20260101-fuxi-11.5-Vanilla-Official.zip",
                "fuxi",
            ),
            (
                "PixelExperience_caf_bacon-8.1.0-20180913-1422-OFFICIAL.zip",
                "bacon",
            ),
            (
                "PixelExperience_go_condor-8.1-20180913-1422-OFFICIAL.zip",
                "condor",
            ),
            (
                "ShapeShiftOS_Magikarp-1.0.3_laurel_sprout-10.0-20200618-1006-OFFICIAL.zip",
                "laurel_sprout",
            ),
            ("UN1CA_2.5.6-136e700c_20250408_b0q-sign.zip", "b0q"),
            (
                "crDroidAndroid-12.1-20220328-walleye-GMS-v8.3.zip",
                "walleye",
            ),
            (
                "crDroidAndroid-10.0-20200502-phoenix-v6.5-build2.zip",
                "phoenix",
            ),
            (
                "AlphaDroid-13.0-20230214-apollo-full_gapps-v1.2.zip",
                "apollo",
            ),
            ("Arrow-v12.0-bacon-OFFICIAL-20220313-VANILLA.zip", "bacon"),
            (
                "Matrixx-v10.2.0-Official-lemonadep-Vanila-20240111.zip",
                "lemonadep",
            ),
            (
                "Project_Infinity-X-2.8-bacon-20250601-1200-GAPPS-OFFICIAL.zip",
                "bacon",
            ),
            ("Lunaris-AOSP-onyx-OFFICIAL-3.6-Omni-2026011010.zip", "onyx"),
            ("Viper-bacon-20190902-v6.7-OFFICIAL.zip", "bacon"),
            (
                "ColtOS-11.0-v7.3.MARTINI-phoenix-OFFICIAL-20210911-0908.zip",
                "phoenix",
            ),
            ("ColtOS-v3.4Smokey-bacon-20201019-Official.zip", "bacon"),
            ("Spark-13.5.5-OFFICIAL-venus-20230321-gapps.zip", "venus"),
            (
                "FlamingoOS-v2.2-oneplus7-user-Official-GApps-20221119-0430-full.zip",
                "oneplus7",
            ),
            (
                "Bliss-v14.4-bullhead-OFFICIAL-gapps-20200408.zip",
                "bullhead",
            ),
            (
                "AospExtended-v5.8-rolex-20181219-1253-OFFICIAL.zip",
                "rolex",
            ),
            ("Nusantara_v2.9-bacon-15102020-OFFICIAL-1648.zip", "bacon"),
            (
                "voltage-2.8-EOL-munch-20231001-1234-UNOFFICIAL.zip",
                "munch",
            ),
            ("Havoc-OS-v3.12-20201221-bacon-OFFICIAL-GApps.zip", "bacon"),
            (
                "Cherish-OS-v2.7-20210714-1935-lavender-OFFICIAL-Gapps.zip",
                "lavender",
            ),
            (
                "dotOS-R-v5.1.3-RMX1921-OFFICIAL-20210810-0447.zip",
                "RMX1921",
            ),
            (
                "TitaniumOS-10-v1.1-OFFICIAL-GApps-raphael-20200327-1108.zip",
                "raphael",
            ),
            (
                "RisingOS-2.0-BETA-20231217-CORE-COMMUNITY-lavender.zip",
                "lavender",
            ),
            (
                "RisingOS_Revived-6.2.1-STABLE-25021214-GAPPS-OFFICIAL-Pong-ota-signed.zip",
                "Pong",
            ),
            ("Kraken-11-Vanilla-20210207-0503-joyeuse.zip", "joyeuse"),
            (
                "axion-2.7-PROXIMA_BETA-20260708034246-OFFICIAL-VANILLA-S666LN.zip",
                "S666LN",
            ),
            ("aospa-topaz-beta-2-oriole-20221119-image.zip", "oriole"),
            (
                "aospa-sapphire-2-oneplus9pro-alpha-20211213-img.zip",
                "oneplus9pro",
            ),
            (
                "DerpFest-13-Official-Tango-spartan-20230702-0900.zip",
                "spartan",
            ),
            ("DerpFest-v16.2-20260301-fuxi-Official-Stable.zip", "fuxi"),
            (
                "SuperiorOS-Thirteen-Alpha-bacon-GAPPS-RELEASE-20230922-0726.zip",
                "bacon",
            ),
            (
                "BananaDroid-Tanduk-FrEeRuNnEr4EvEr-river-OFFICIAL-20220101-Vanilla.zip",
                "river",
            ),
            ("Fluid-1.4-Rum-OFFICIAL-bacon-20210101-gapped.zip", "bacon"),
            (
                "awaken-3.2-triton_void-bacon-official-1756-20221114.zip",
                "bacon",
            ),
            (
                "MistOS-2.9.1-EOL-garnet-OFFICIAL-GAPPS-1228-20240915.zip",
                "garnet",
            ),
            ("LMODroid-3.0-20230101-1234-UNOFFICIAL-bacon.zip", "bacon"),
            ("XPerience-17.0.0-20221214-NIGHTLY-davinci.zip", "davinci"),
            ("e-1.20-t-20240224382344-dev-FP3.zip", "FP3"),
            ("IMG-e-2.0-t-20240514401453-stable-FP4.zip", "FP4"),
            ("iode-2.5-20220411-klte.zip", "klte"),
            ("bramble-ota_update-2024080100.zip", "bramble"),
            ("lineage-14.1-20181201-nightly-v500.zip", "v500"),
            (
                "lineage-22.2-20250614-UNOFFICIAL-bacon-from-20250517.zip",
                "bacon",
            ),
            ("lineage-21.0-20240801-bacon-UNOFFICIAL.zip", "bacon"),
            ("cm-12.1-20151116-SNAPSHOT-YOG7DAO1JN-i9100.zip", "i9100"),
            ("BananaDroid-Tanduk-G-OFFICIAL-20230508-GApps.zip", "-"),
        ] {
            assert_eq!(read(name, &[]).unwrap().0, device, "{name}");
        }
    }

    #[test]
    fn a_variant_or_a_stage_is_not_a_romtype() {
        for (name, romtype) in [
            (
                "lineage-20.0-20230101-gapps-UNOFFICIAL-RMX2001.zip",
                "UNOFFICIAL",
            ),
            ("lineage-20.0-20230101-GAPPS-bacon.zip", "-"),
            ("lineage-20.0-20230101-microG-bacon.zip", "microG"),
            ("RisingOS_Revived-7.1-250617-2138-MICROG-ginkgo.zip", "-"),
            ("lineage-20.0-20230101-homemade-bacon.zip", "homemade"),
            (
                "Project_Infinity-X-2.8-bacon-20250601-1200-GAPPS-OFFICIAL.zip",
                "OFFICIAL",
            ),
            (
                "axion-1.5-NIGHTLY-20250608-OFFICIAL-VANILLA-tangorpro.zip",
                "OFFICIAL",
            ),
            (
                "RisingOS_Revived-6.2.1-STABLE-25021214-GAPPS-OFFICIAL-Pong-ota.zip",
                "OFFICIAL",
            ),
            (
                "Arrow-v12.0-bacon-OFFICIAL-20220313-VANILLA.zip",
                "OFFICIAL",
            ),
            ("dotOS-R-v5.1.2-tissot-GAPPS-20210719-0124.zip", "-"),
            ("crDroidAndroid-14.0-20231211-channel-v10.0-BETA.zip", "-"),
        ] {
            assert_eq!(read(name, &[]).unwrap().2, romtype, "{name}");
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
        let name = "PixelPlusUI_3.2_rmx2020-11.0-20210228-1403-OFFICIAL.zip";
        assert_eq!(read(name, &["RMX2020"]).unwrap().0, "RMX2020");
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
            "MindTheGapps-13.0.0-arm64-20230922_081122.zip",
            "Magisk-v25.2.zip",
            "AnyROM-Falcon-14.0-20240101.zip",
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
        fn a_guess_is_a_codename_or_nothing(name in "[A-Za-z]{2,9}[-_]([a-z0-9.]{1,8}[-_]){0,6}[A-Za-z0-9]{1,9}") {
            for prefix in ["", "lineage-", "axion-", "ExampleOS_"] {
                if let Some((device, _, romtype, _)) = read(&format!("{prefix}{name}.zip"), &[]) {
                    prop_assert!(device == "-" || is_codename(&device), "{}", device);
                    prop_assert!(romtype == "-" || romtype != device, "{}", romtype);
                }
            }
        }

        #[test]
        fn every_lineage_name_is_read_back(
            device in "[g-z][a-zA-Z0-9_]{2,11}",
            version in "[1-9][0-9]?\\.[0-9]",
            romtype in "[g-z]{2,8}(-[g-z]{2,8})?",
        ) {
            prop_assume!(is_codename(&device) && romtype.split('-').all(is_codename));
            // After a word that is not a known release type, `v500` may as well be a version.
            prop_assume!(version_number(&device).is_none());
            let name = format!("lineage-{version}-20240801-{romtype}-{device}.zip");
            prop_assert_eq!(read(&name, &[]), Some((device, version, romtype, 1_722_470_400)));
        }
    }
}
