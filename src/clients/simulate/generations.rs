//! The generation of updaters that a phone has.
//!
//! In: a [`Subject`]. Out: the generations that it may have, and the [`Grounds`] for that.

use super::Subject;
use crate::clients::updaters::Generation;
use crate::model::era::{self, Facts};

/// Returns the generations that a phone may have, and the grounds for that.
///
/// A family with its own updater has that one. All others have LineageOS's, chosen by the version of the
/// ROM if it fits API level and date, else by API level, else by date. If nothing is known, all of
/// LineageOS's generations are returned.
#[must_use]
pub fn candidates(subject: &Subject) -> (Vec<Generation>, Grounds) {
    if let Some(own) = subject.own_generations() {
        return (own, Grounds::Family);
    }
    let facts = subject.facts();
    let generations = of_version(&facts)
        .or_else(|| of_sdk(&facts))
        .or_else(|| of_date(&facts));
    match generations {
        Some(generations) => (generations, Grounds::Era),
        None => (Generation::LINEAGE.to_vec(), Grounds::Nothing),
    }
}

/// The grounds for the choice of an updater.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grounds {
    /// The family of the ROM.
    Family,
    /// API level, date and version.
    Era,
    /// No fact is known.
    Nothing,
}

fn of_version(facts: &Facts<'_>) -> Option<Vec<Generation>> {
    use Generation::{Cm10, Cm11, Cm12, First15, Java22, Java23, Kotlin23, KotlinV1};
    Some(match facts.lineage_version()? {
        (..=10, _) => vec![Cm10],
        (11, _) => vec![Cm11],
        (12, _) => vec![Cm12],
        (13, _) => of_13(facts),
        (14, _) => of_14(facts),
        (15, 0) => vec![First15],
        (15, _) => of_15_1(facts),
        (16..=21, _) | (22, 0) => vec![Java22],
        (22, _) => vec![Java23],
        (23, 0 | 1) => vec![Java23, KotlinV1],
        (23.., _) => vec![Kotlin23],
    })
}

fn of_sdk(facts: &Facts<'_>) -> Option<Vec<Generation>> {
    use Generation::{Cm10, Cm11, Cm12, First15, Java22, Java23, Kotlin23};
    Some(match facts.sdk? {
        ..=18 => vec![Cm10],
        19 | 20 => vec![Cm11],
        21 | 22 => vec![Cm12],
        23 => of_13(facts),
        24 | 25 => of_14(facts),
        26 => vec![First15],
        27 => of_15_1(facts),
        28..=34 => vec![Java22],
        35 => match facts.date {
            None => vec![Java22, Java23],
            Some(date) if date < era::DECEMBER_2024 => vec![Java22],
            Some(_) => vec![Java23],
        },
        36 if facts.date.is_some_and(|date| date < era::JUNE_2026) => vec![Java23, Kotlin23],
        36.. => vec![Kotlin23],
    })
}

/// Returns the newest generation of that time.
fn of_date(facts: &Facts<'_>) -> Option<Vec<Generation>> {
    let date = facts.date?;
    let newest = [
        (era::JANUARY_2017, Generation::Cm12),
        (era::JULY_2017, Generation::Cm14),
        (era::APRIL_2018, Generation::First15),
        (era::MARCH_2019, Generation::Template14),
        (era::DECEMBER_2024, Generation::Java22),
        (era::JUNE_2026, Generation::Java23),
    ];
    let newest = newest.into_iter().find(|(end, _)| date < *end);
    Some(vec![newest.map_or(Generation::Kotlin23, |(_, one)| one)])
}

fn of_13(facts: &Facts<'_>) -> Vec<Generation> {
    vec![match facts.date {
        Some(date) if date < era::JANUARY_2017 => Generation::Cm12,
        _ => Generation::Cm14,
    }]
}

fn of_14(facts: &Facts<'_>) -> Vec<Generation> {
    vec![match facts.date {
        Some(date) if date < era::JANUARY_2017 => Generation::Cm12,
        Some(date) if date < era::JULY_2017 => Generation::Cm14,
        Some(date) if date < era::APRIL_2018 => Generation::First15,
        _ => Generation::Template14,
    }]
}

fn of_15_1(facts: &Facts<'_>) -> Vec<Generation> {
    vec![match facts.date {
        Some(date) if date < era::APRIL_2018 => Generation::First15,
        _ => Generation::Template14,
    }]
}

/// Returns the generations of a family's own updater, if it has one with known rules.
pub(super) fn own_generations(family: &str, sdk: Option<u32>) -> Option<Vec<Generation>> {
    use Generation::{
        Axion, CrDroid14, CrDroid16, DerpFest16, EvolutionX14, EvolutionX15, Java22, LmoDroid14,
        PixelOs14, PixelOs17, Voltage14,
    };
    let since = |level: u32, older, newer| match sdk {
        None => vec![older, newer],
        Some(sdk) if sdk < level => vec![older],
        Some(_) => vec![newer],
    };
    Some(match family {
        "crDroid" => since(36, CrDroid14, CrDroid16),
        "Evolution X" if sdk.is_some_and(|sdk| sdk < 34) => return None,
        "Evolution X" => since(35, EvolutionX14, EvolutionX15),
        "PixelOS" => since(36, PixelOs14, PixelOs17),
        "VoltageOS" | "Matrixx" | "Infinity-X" => vec![Voltage14],
        // Its feeds of 2026 have crDroid's keys.
        "RisingOS" => vec![CrDroid14],
        "DerpFest" => vec![DerpFest16],
        "AxionOS" => vec![Axion],
        "LMODroid" => vec![LmoDroid14],
        "ro.rom" | "UN1CA" => vec![Java22],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::PhoneOverrides;
    use super::*;

    /// Returns the generations of a phone with these facts; 0 and empty text mean unknown.
    fn generations(version: &str, sdk: u32, datetime: i64) -> Vec<Generation> {
        let overrides = PhoneOverrides {
            version: Some(version.to_owned()),
            sdk: Some(sdk),
            datetime: Some(datetime),
            ..PhoneOverrides::default()
        };
        let subject = Subject {
            overrides,
            ..Subject::default()
        };
        candidates(&subject).0
    }

    #[test]
    fn updater_follows_from_version_api_level_and_date() {
        use Generation::{
            Cm10, Cm11, Cm12, Cm14, First15, Java22, Java23, Kotlin23, KotlinV1, Template14,
        };
        for (version, sdk, date, expected) in [
            ("10.2", 18, 0, vec![Cm10]),
            ("11-20160603-UNOFFICIAL-x", 19, 0, vec![Cm11]),
            ("12.1", 0, 0, vec![Cm12]),
            ("13.0", 23, 0, vec![Cm14]),
            ("14.1", 25, 1_483_228_800, vec![Cm12]),
            ("14.1", 25, 1_490_000_000, vec![Cm14]),
            ("14.1", 25, 1_510_000_000, vec![First15]),
            ("14.1", 25, 0, vec![Template14]),
            ("15.0", 26, 0, vec![First15]),
            ("15.1", 27, 1_600_000_000, vec![Template14]),
            ("21.0", 34, 0, vec![Java22]),
            ("22.0", 35, 0, vec![Java22]),
            ("22.1", 35, 0, vec![Java23]),
            ("23.0", 36, 0, vec![Java23, KotlinV1]),
            ("23.2", 36, 0, vec![Kotlin23]),
            ("", 34, 0, vec![Java22]),
            ("", 35, 0, vec![Java22, Java23]),
            ("Banana", 36, 0, vec![Kotlin23]),
            ("", 0, 0, Generation::LINEAGE.to_vec()),
            // Numbers of other ROMs.
            ("10.9", 34, 1_729_000_000, vec![Java22]),
            ("10.1", 34, 1_729_000_000, vec![Java22]),
            ("2.7", 34, 1_729_000_000, vec![Java22]),
            ("9.5", 35, 1_745_323_616, vec![Java23]),
            ("11.4", 35, 1_745_323_616, vec![Java23]),
            ("11.4", 0, 1_729_000_000, vec![Java22]),
            ("11.0", 0, 1_745_323_616, vec![Java23]),
            ("12.1", 0, 1_790_000_000, vec![Kotlin23]),
            ("2.7", 0, 0, Generation::LINEAGE.to_vec()),
        ] {
            let found = generations(version, sdk, date);
            assert_eq!(found, expected, "{version} {sdk} {date}");
        }
    }
}
