//! Several sources, one truth: which value of each fact holds, and why.
//!
//! In: the [`Claims`] of every source, best first. Out: [`Facts`] with the place
//! each came from, a warning for each disagreement, and a [`Conflict`] where only
//! weak sources speak and they contradict each other.

use std::collections::BTreeMap;

/// How far a file name's date may lie from the build's own, in seconds: builders
/// sit in every time zone and builds run over midnight.
const NAME_DATE_SLACK: i64 = 2 * 86_400;

/// Where a claim comes from, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// `[[override]]` in the configuration.
    Override,
    /// `build.prop` inside the package.
    BuildProp,
    /// `<zip>.prop` next to the package.
    Sidecar,
    /// `META-INF/com/android/metadata.pb`.
    MetadataPb,
    /// `META-INF/com/android/metadata`.
    Metadata,
    /// The file name.
    FileName,
}

impl Source {
    /// The source is a `build.prop`: what the phone itself compares with.
    fn is_build_prop(self) -> bool {
        matches!(self, Source::BuildProp | Source::Sidecar)
    }
}

/// The facts about a build that are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    /// Codename.
    Device,
    /// The string the updater compares.
    Version,
    /// Release type, verbatim.
    Romtype,
    /// `ro.build.date.utc`, seconds since the epoch.
    Datetime,
    /// `ro.build.version.incremental`.
    Incremental,
    /// The incremental a delta starts from.
    SourceIncremental,
    /// API level.
    SdkLevel,
    /// Security patch level.
    SecurityPatch,
}

impl Fact {
    /// All facts, in the order people read them.
    pub const ALL: [Fact; 8] = [
        Fact::Device,
        Fact::Version,
        Fact::Romtype,
        Fact::Datetime,
        Fact::Incremental,
        Fact::SourceIncremental,
        Fact::SdkLevel,
        Fact::SecurityPatch,
    ];

    /// The name used in `--json`, in the configuration and in messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Fact::Device => "device",
            Fact::Version => "version",
            Fact::Romtype => "romtype",
            Fact::Datetime => "datetime",
            Fact::Incremental => "incremental",
            Fact::SourceIncremental => "source_incremental",
            Fact::SdkLevel => "sdk_level",
            Fact::SecurityPatch => "security_patch",
        }
    }
}

/// What a source says of one fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The value.
    pub value: String,
    /// The property it was read from, if the source has properties.
    pub key: Option<String>,
    /// The file it was read from, if the source has several.
    pub place: Option<String>,
}

/// What one source says.
#[derive(Clone, Debug)]
pub struct Claims {
    /// Kind of source.
    pub source: Source,
    /// Its name: an entry of the package, a file, `romfeed.toml`, `file name`.
    pub place: String,
    /// What it says of each fact.
    pub values: BTreeMap<Fact, Claim>,
    /// The devices the source allows, if it lists several.
    pub devices: Vec<String>,
    /// The source's version and romtype are those a LineageOS-like updater
    /// compares, so that they can be compared with those of another source.
    pub comparable: bool,
}

impl Claims {
    /// A source that says nothing yet.
    #[must_use]
    pub fn new(source: Source, place: impl Into<String>) -> Claims {
        Claims {
            source,
            place: place.into(),
            values: BTreeMap::new(),
            devices: Vec::new(),
            comparable: true,
        }
    }

    /// Adds a fact, unless it is absent or empty.
    pub fn set(&mut self, fact: Fact, value: Option<String>) {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            let claim = Claim {
                value,
                key: None,
                place: None,
            };
            self.values.insert(fact, claim);
        }
    }

    fn get(&self, fact: Fact) -> Option<&str> {
        self.values.get(&fact).map(|claim| claim.value.as_str())
    }
}

/// A value and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced {
    /// The value as text; a datetime is decimal seconds.
    pub value: String,
    /// Name of the source.
    pub place: String,
    /// The property, where the source has properties.
    pub key: Option<String>,
}

/// What holds about a package.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    values: BTreeMap<Fact, Sourced>,
    /// Devices the package allows, from META-INF.
    pub devices: Vec<String>,
    /// One line per disagreement or weak source.
    pub warnings: Vec<String>,
}

impl Facts {
    /// A fact with its place.
    #[must_use]
    pub fn get(&self, fact: Fact) -> Option<&Sourced> {
        self.values.get(&fact)
    }

    /// Sets a fact that is known from elsewhere.
    pub fn set(&mut self, fact: Fact, value: &str, place: &str) {
        let sourced = Sourced {
            value: value.to_owned(),
            place: place.to_owned(),
            key: None,
        };
        self.values.insert(fact, sourced);
    }

    /// A fact's value.
    #[must_use]
    pub fn value(&self, fact: Fact) -> Option<&str> {
        self.get(fact).map(|sourced| sourced.value.as_str())
    }

    /// A fact that is a number.
    #[must_use]
    pub fn number<T: std::str::FromStr>(&self, fact: Fact) -> Option<T> {
        self.value(fact)?.parse().ok()
    }
}

/// Weak sources that contradict each other on a fact that must be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{fact} is `{}` by {} and `{}` by {}, and no build.prop decides",
    .better.value.escape_debug(), .better.place, .weaker.value.escape_debug(), .weaker.place,
    fact = .fact.as_str()
)]
pub struct Conflict {
    /// The fact.
    pub fact: Fact,
    /// The better source's value.
    pub better: Sourced,
    /// The weaker source's value.
    pub weaker: Sourced,
}

/// Weighs the claims of all sources, given best first.
///
/// The best source that knows a fact decides it. Membership in a list of devices
/// is agreement, and a file name's date agrees within two days.
///
/// # Errors
/// [`Conflict`] if neither an override nor a build.prop decides device or
/// datetime and the other sources contradict each other.
pub fn weigh(claims: &[Claims]) -> Result<Facts, Box<Conflict>> {
    let mut facts = Facts {
        devices: claims
            .iter()
            .find(|claims| !claims.devices.is_empty())
            .map(|claims| claims.devices.clone())
            .unwrap_or_default(),
        ..Facts::default()
    };
    for fact in Fact::ALL {
        let speaks = claims
            .iter()
            .any(|c| c.source.is_build_prop() && c.get(fact).is_some());
        let mut voices = claims.iter().filter(|c| c.get(fact).is_some());
        let Some(mut best) = voices.next() else {
            continue;
        };
        // A list of devices decides less than a name that is one of them.
        if fact == Fact::Device && best.devices.len() > 1 {
            let member = claims.iter().find(|c| {
                c.devices.len() <= 1 && c.get(fact).is_some_and(|name| lists(best, name))
            });
            if member.is_none() {
                facts.warnings.push(format!(
                    "{} allows {}, and nothing else tells which of them it is for; the first is taken",
                    best.place,
                    best.devices.join(", ").escape_debug()
                ));
            }
            best = member.unwrap_or(best);
        }
        let chosen = sourced(best, fact);
        let mut said = Vec::new();
        for weaker in claims.iter().filter(|c| c.get(fact).is_some()) {
            let other = sourced(weaker, fact);
            if agree(fact, best, weaker) || said.contains(&other.value) {
                continue;
            }
            let decisive = matches!(fact, Fact::Device | Fact::Datetime);
            if decisive && !speaks && best.source != Source::Override {
                return Err(Box::new(Conflict {
                    fact,
                    better: chosen,
                    weaker: other,
                }));
            }
            facts.warnings.push(format!(
                "{} is `{}` by {}, though {} says `{}`",
                fact.as_str(),
                chosen.value.escape_debug(),
                chosen.place,
                other.place,
                other.value.escape_debug(),
            ));
            said.push(other.value);
        }
        if fact == Fact::Datetime && best.source == Source::FileName {
            facts.warnings.push(format!(
                "datetime {} is only the date in the file name; a phone that runs this build may be \
                 offered it again, and a second build of the same day is not told apart",
                chosen.value
            ));
        }
        facts.values.insert(fact, chosen);
    }
    Ok(facts)
}

fn sourced(claims: &Claims, fact: Fact) -> Sourced {
    let claim = claims.values[&fact].clone();
    Sourced {
        value: claim.value,
        place: claim.place.unwrap_or_else(|| claims.place.clone()),
        key: claim.key,
    }
}

fn lists(claims: &Claims, name: &str) -> bool {
    claims.devices.iter().any(|d| d.eq_ignore_ascii_case(name))
}

fn agree(fact: Fact, best: &Claims, weaker: &Claims) -> bool {
    let (Some(a), Some(b)) = (best.get(fact), weaker.get(fact)) else {
        return true;
    };
    match fact {
        Fact::Device => a.eq_ignore_ascii_case(b) || lists(weaker, a) || lists(best, b),
        Fact::Datetime if best.source == Source::FileName || weaker.source == Source::FileName => {
            match (a.parse::<i64>(), b.parse::<i64>()) {
                (Ok(a), Ok(b)) => a.abs_diff(b) < NAME_DATE_SLACK.unsigned_abs(),
                _ => false,
            }
        }
        // A nickname in a file name may follow the romtype.
        Fact::Romtype | Fact::Version if best.source != Source::Override => {
            a.eq_ignore_ascii_case(b) || !(best.comparable && weaker.comparable)
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(source: Source, values: &[(Fact, &str)]) -> Claims {
        let mut claims = Claims::new(source, format!("{source:?}"));
        for (fact, value) in values {
            claims.set(*fact, Some((*value).to_owned()));
        }
        claims
    }

    fn listing(source: Source, devices: &[&str]) -> Claims {
        let mut claims = claims(source, &[(Fact::Device, devices[0])]);
        claims.devices = devices.iter().map(|&d| d.to_owned()).collect();
        claims
    }

    #[test]
    fn better_source_wins_and_the_disagreement_is_reported() {
        let facts = weigh(&[
            claims(
                Source::BuildProp,
                &[(Fact::Datetime, "1700000000"), (Fact::Device, "bacon")],
            ),
            claims(
                Source::Metadata,
                &[(Fact::Datetime, "1700000005"), (Fact::Device, "m7")],
            ),
        ])
        .unwrap();
        assert_eq!(facts.value(Fact::Datetime), Some("1700000000"));
        assert_eq!(facts.value(Fact::Device), Some("bacon"));
        assert_eq!(facts.warnings.len(), 2, "{:?}", facts.warnings);
        assert!(facts.warnings[1].contains("1700000005"));
    }

    #[test]
    fn weak_sources_that_contradict_are_a_conflict_only_without_build_prop() {
        let metadata = listing(Source::Metadata, &["m7"]);
        let name = claims(Source::FileName, &[(Fact::Device, "t6ul")]);
        let conflict = weigh(&[metadata.clone(), name.clone()]).unwrap_err();
        assert_eq!(conflict.fact, Fact::Device);
        let sidecar = claims(Source::Sidecar, &[(Fact::Device, "t6ul")]);
        assert!(weigh(&[sidecar, metadata.clone(), name.clone()]).is_ok());
        let set = claims(Source::Override, &[(Fact::Device, "t6ul")]);
        assert_eq!(
            weigh(&[set, metadata, name]).unwrap().value(Fact::Device),
            Some("t6ul")
        );
    }

    #[test]
    fn membership_in_a_device_list_is_agreement() {
        let list = listing(Source::MetadataPb, &["fog", "wind", "rain"]);
        let name = claims(Source::FileName, &[(Fact::Device, "wind")]);
        let facts = weigh(&[list.clone(), name]).unwrap();
        assert_eq!(facts.value(Fact::Device), Some("wind"));
        assert!(facts.warnings.is_empty());
        assert_eq!(facts.devices, ["fog", "wind", "rain"]);
        let facts = weigh(std::slice::from_ref(&list)).unwrap();
        assert_eq!(facts.value(Fact::Device), Some("fog"));
        assert!(facts.warnings[0].contains("fog, wind, rain"));
        // A build.prop that does not know the device decides nothing.
        let silent = claims(Source::Sidecar, &[(Fact::Version, "1")]);
        let metadata = listing(Source::Metadata, &["m7"]);
        let other = claims(Source::FileName, &[(Fact::Device, "t6ul")]);
        assert!(weigh(&[silent, metadata, other]).is_err());
        let prop = claims(Source::BuildProp, &[(Fact::Device, "rain")]);
        assert!(weigh(&[prop, list]).unwrap().warnings.is_empty());
    }

    #[test]
    fn name_dates_agree_within_two_days() {
        let at = |source, time: i64| claims(source, &[(Fact::Datetime, &time.to_string())]);
        let day = 86_400;
        let near = [
            at(Source::Metadata, 1_700_000_000),
            at(Source::FileName, 1_700_000_000 - 2 * day + 1),
        ];
        assert!(weigh(&near).unwrap().warnings.is_empty());
        let far = [
            at(Source::Metadata, 1_700_000_000),
            at(Source::FileName, 1_700_000_000 - 2 * day),
        ];
        assert_eq!(weigh(&far).unwrap_err().fact, Fact::Datetime);
    }

    #[test]
    fn a_date_from_the_file_name_alone_is_warned_about() {
        let facts = weigh(&[claims(Source::FileName, &[(Fact::Datetime, "1700000000")])]).unwrap();
        assert!(facts.warnings[0].contains("file name"));
    }

    #[test]
    fn an_override_wins_and_says_so() {
        let facts = weigh(&[
            claims(Source::Override, &[(Fact::Romtype, "nightly")]),
            claims(Source::BuildProp, &[(Fact::Romtype, "UNOFFICIAL")]),
        ])
        .unwrap();
        assert_eq!(facts.value(Fact::Romtype), Some("nightly"));
        assert_eq!(facts.warnings.len(), 1);
    }
}
