//! The words of a file name that can tell variants of a ROM apart.
//!
//! In: the file names of two builds that claim to be of one device and one release type. Out: the words that
//! only one of them has and that may mean another variant. Release types, the codename, other spellings of
//! the ROM's name, dates, counters and stages of a release change from build to build without meaning one.

use std::collections::BTreeMap;

use super::family::is_romtype;
use super::names;

/// Words of no meaning for phones: how far a release is, how it was made, and what its maintainer calls it.
const PASSING_WORDS: [&str; 41] = [
    "alpha",
    "beta",
    "bugfix",
    "build",
    "copy",
    "dev",
    "eng",
    "eol",
    "final",
    "fix",
    "fixed",
    "fixes",
    "fixup",
    "full",
    "hotfix",
    "initial",
    "new",
    "ota",
    "patch",
    "patched",
    "pre",
    "prerelease",
    "preview",
    "rc",
    "rebuild",
    "rebuilt",
    "release",
    "repack",
    "respin",
    "reupload",
    "rom",
    "security",
    "sign",
    "test",
    "testing",
    "unsigned",
    "update",
    "updated",
    "user",
    "userdebug",
    "ver",
];

/// Words that stand before a counter, as in `test3` and `android15`, besides those above.
const COUNTED_WORDS: [&str; 6] = ["android", "no", "nr", "part", "qpr", "version"];

/// The names of months, as far as they are told apart.
const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// Endings with and without which people write the name of a ROM: `lineage` and `LineageOS`.
const NAME_ENDINGS: [&str; 3] = ["os", "android", "rom"];

/// Other spellings of the names of ROMs.
const SPELLINGS: [(&str, &str); 6] = [
    ("cyanogenmod", "cm"),
    ("evox", "evolutionx"),
    ("evolution", "evolutionx"),
    ("los", "lineage"),
    ("pixelexperience", "pe"),
    ("resurrectionremix", "rr"),
];

/// Returns the words of a file name that can mean a variant, as they are compared, each with its spelling in the
/// name. `known` are texts that change with each build; `device` is the codename.
#[must_use]
pub fn variant_words(filename: &str, known: &[&String], device: &str) -> BTreeMap<String, String> {
    let is_of_device = |word: &str| {
        let mut parts = device.split(|c: char| !c.is_alphanumeric());
        parts.any(|part| part.eq_ignore_ascii_case(word))
    };
    let words = names::words(filename, known).into_iter();
    let words = words.filter(|word| !is_of_device(word) && !is_passing(word));
    words
        .map(|word| {
            let spelled = spelling_in(filename, &word).unwrap_or(&word).to_owned();
            (common_spelling(&word).to_owned(), spelled)
        })
        .collect()
}

/// Finds a word of a name in the case in which it stands there.
fn spelling_in<'a>(filename: &'a str, word: &str) -> Option<&'a str> {
    let mut words = filename.split(|c: char| !c.is_alphanumeric());
    words.find(|other| other.to_lowercase() == *word)
}

/// Returns whether a word in lower case means no variant.
fn is_passing(word: &str) -> bool {
    let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
    let is_counted = || PASSING_WORDS.contains(&letters) || COUNTED_WORDS.contains(&letters);
    let is_counter = letters.len() < word.len() && is_counted();
    // The letter of an Android version, as in `dotOS-R`.
    word.chars().count() == 1
        || PASSING_WORDS.contains(&word)
        || is_counter
        || is_romtype(letters)
        || is_month(word)
        || is_date(word)
}

fn is_month(word: &str) -> bool {
    const LONG: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    MONTHS.contains(&word) || LONG.contains(&word) || word == "sept"
}

/// `20240801t1200z`, `20240801a`, `01aug2024`, `24w31`, `1st`: digits, and what belongs to a date.
fn is_date(word: &str) -> bool {
    let num_digits = word.bytes().filter(u8::is_ascii_digit).count();
    let rest: String = word.chars().filter(|c| !c.is_ascii_digit()).collect();
    let begins_with_digit = word.starts_with(|c: char| c.is_ascii_digit());
    match rest.as_str() {
        "st" | "nd" | "rd" | "th" => num_digits <= 2 && begins_with_digit,
        "w" | "kw" => (3..=6).contains(&num_digits) && begins_with_digit,
        "t" | "z" | "tz" | "utc" | "tutc" => num_digits >= 6,
        rest if is_month(rest) => num_digits >= 1,
        rest => num_digits >= 6 && rest.len() <= 1 && begins_with_digit,
    }
}

/// Returns one spelling for all spellings of the name of a ROM, and other words as they are.
fn common_spelling(word: &str) -> &str {
    let base = NAME_ENDINGS.iter().find_map(|ending| {
        let base = word.strip_suffix(ending)?;
        (base.len() >= 2).then_some(base)
    });
    let base = base.unwrap_or(word);
    let mut spellings = SPELLINGS.iter();
    let known = spellings.find(|(other, _)| *other == word || *other == base);
    known.map_or(base, |(_, common)| common)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the words that only one of two names of builds for `bacon` has.
    fn difference(one: &str, other: &str) -> Vec<String> {
        let version = "21.0".to_owned();
        let words = |name: &str| variant_words(name, &[&version], "bacon");
        let (one, other) = (words(one), words(other));
        let only = one.keys().filter(|word| !other.contains_key(*word));
        let only_other = other.keys().filter(|word| !one.contains_key(*word));
        only.chain(only_other).cloned().collect()
    }

    #[test]
    fn false_friends_are_no_variants() {
        let name = "lineage-21.0-20240801-UNOFFICIAL-bacon.zip";
        for other in [
            "LineageOS-21.0-20240802-UNOFFICIAL-bacon.zip",
            "los-21.0-20240802-UNOFFICIAL-bacon.zip",
            "lineage-21.0-20240802-bacon.zip",
            "lineage-21.0-20240802-Unofficial.zip",
            "lineage-21.0-20240802-Unofficial2-bacon.zip",
            "lineage-21.0-2024-08-02-UNOFFICIAL-bacon.zip",
            "lineage-21.0-02Aug2024-UNOFFICIAL-bacon.zip",
            "lineage-21.0-August-2-UNOFFICIAL-bacon.zip",
            "lineage-21.0-20240802T101112Z-UNOFFICIAL-bacon.zip",
            "lineage-21.0-20240802b-UNOFFICIAL-bacon.zip",
            "lineage-21.0-24w31-UNOFFICIAL-bacon (2).zip",
            "lineage-21.0-20240802-UNOFFICIAL-bacon-test3.zip",
            "lineage-21.0-20240802-UNOFFICIAL-bacon-hotfix.zip",
            "lineage-21.0-android14-UNOFFICIAL-bacon-r2-final-userdebug.zip",
        ] {
            assert_eq!(difference(name, other), [""; 0], "{other}");
        }
        for (one, other) in [
            (
                "crDroidAndroid-15.0-20250214-bacon.zip",
                "crDroid-15.0-20250215-bacon.zip",
            ),
            (
                "EvolutionX-15.0-20250214-bacon.zip",
                "EvoX-15.0-20250215-bacon.zip",
            ),
            ("dotOS-R-v5.1.3-bacon.zip", "dotOS-S-v6.0-bacon.zip"),
        ] {
            assert_eq!(difference(one, other), [""; 0], "{other}");
        }
    }

    #[test]
    fn real_variants_are_still_told_apart() {
        let name = "lineage-21.0-20240801-UNOFFICIAL-bacon.zip";
        for (other, word) in [
            ("lineage-21.0-20240802-UNOFFICIAL-bacon-GAPPS.zip", "gapps"),
            (
                "lineage-21.0-20240802-UNOFFICIAL-microG-bacon.zip",
                "microg",
            ),
            ("lineage-21.0-20240802-UNOFFICIAL-bacon-f2fs.zip", "f2fs"),
            ("lineage-21.0-20240802-UNOFFICIAL-bacon-plus.zip", "plus"),
            (
                "lineage-21.0-20240802-UNOFFICIAL-bacon-foss-fix2.zip",
                "foss",
            ),
            ("lineage-21.0-20240802-UNOFFICIAL-bacon-4g.zip", "4g"),
        ] {
            assert_eq!(difference(name, other), [word], "{other}");
        }
    }

    #[test]
    fn words_have_the_spelling_of_the_name() {
        let words = variant_words("LineageOS-21.0-GApps-bacon.zip", &[], "bacon");
        let words: Vec<(&str, &str)> = words.iter().map(|(key, text)| (&**key, &**text)).collect();
        assert_eq!(words, [("gapps", "GApps"), ("lineage", "LineageOS")]);
    }
}
