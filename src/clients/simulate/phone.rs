//! The phone that is simulated.
//!
//! In: its properties, and the values that the caller gives instead. Out: a [`Phone`] for each
//! generation of updaters, because generations read the same facts from different properties; the
//! updater of a ROM family reads those of the family.
//!
//! Sources: `Constants` of LineageOS/android_packages_apps_Updater and `Utils` of
//! LineageOS/android_packages_apps_CMUpdater for the keys.

use super::generations::{candidates, own_generations};
use crate::clients::updaters::{Address, Generation, Phone};
use crate::model::era::Facts;
use crate::model::family::{self, Family, Found, NEXT_DEVICE, Rule};
use ota_view::props::PropertyMap;

/// Facts about a phone from the caller, which take precedence over its properties.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PhoneOverrides {
    /// The name of the ROM family.
    pub family: Option<String>,
    /// The codename.
    pub device: Option<String>,
    /// The device name that it requests instead.
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
    /// It accepts older builds.
    pub allow_downgrading: bool,
    /// It accepts builds of newer Android.
    pub allow_major_upgrades: bool,
}

/// A phone, as its properties and the caller describe it.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// Its properties; `None` if only the caller describes it.
    pub props: Option<PropertyMap>,
    /// Facts from the caller, which take precedence over the properties.
    pub overrides: PhoneOverrides,
    /// The file name of the package it runs, if known.
    pub filename: Option<String>,
}

/// Two property names, of CyanogenMod and of LineageOS.
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
/// CMUpdater reads the start of its value as the version.
const CM_VERSION: &str = "ro.cm.version";

fn is_true(value: &str) -> bool {
    matches!(value, "true" | "1" | "y" | "yes" | "on")
}

fn is_fork(generation: Generation) -> bool {
    !Generation::LINEAGE.contains(&generation)
}

impl Subject {
    fn get(&self, key: &str) -> Option<&str> {
        self.props.as_ref()?.get(key)
    }

    /// Returns the value of the first key that is set, in the order of the generation.
    fn either(&self, generation: Generation, keys: Keys) -> Option<&str> {
        let [cm, lineage] = keys;
        let is_cm = generation <= Generation::Cm14;
        let order = if is_cm { [cm, lineage] } else { [lineage, cm] };
        order.into_iter().find_map(|key| self.get(key))
    }

    /// Returns the phone as an updater of this generation sees it; unknown facts are empty or 0.
    #[must_use]
    pub fn phone(&self, generation: Generation) -> Phone {
        let overrides = &self.overrides;
        let text = |overrides: &Option<String>, found: Option<&str>| {
            overrides
                .as_deref()
                .or(found)
                .unwrap_or_default()
                .to_owned()
        };
        let family = self.family_of(generation).zip(self.props.as_ref());
        let find = |find: fn(&Family, &PropertyMap) -> Option<Found>, lineage: Option<&str>| {
            match family {
                Some((family, props)) => find(family, props).map(|(value, _)| value),
                None => lineage.map(str::to_owned),
            }
        };
        let device = find(Family::find_device, self.either(generation, DEVICE));
        let romtype = find(Family::find_romtype, self.either(generation, ROMTYPE));
        let version = find(Family::find_version, self.lineage_version(generation));
        let date = find(Family::find_datetime, self.get("ro.build.date.utc"));
        let date = date.and_then(|date| date.trim().parse().ok());
        let is_fork = is_fork(generation);
        let allows_downgrading = match is_fork {
            true => self.has_switch(".updater.allow_downgrading"),
            false => self.either(generation, DOWNGRADING).is_some_and(is_true),
        };
        let allows_upgrades = match is_fork {
            true => [
                ".updater.allow_major_upgrades",
                ".updater.allow_major_update",
            ]
            .into_iter()
            .any(|name| self.has_switch(name)),
            false => self.get(UPGRADES).is_some_and(is_true),
        };
        Phone {
            device: text(&overrides.device, device.as_deref()),
            next_device: overrides
                .next_device
                .clone()
                .or_else(|| Some(self.get(NEXT_DEVICE)?.to_owned())),
            release_type: text(&overrides.romtype, romtype.as_deref()),
            version: text(&overrides.version, version.as_deref()),
            incremental: text(
                &overrides.incremental,
                self.get("ro.build.version.incremental"),
            ),
            datetime: overrides.datetime.or(date).unwrap_or_default(),
            sdk: self.sdk().unwrap_or_default(),
            allow_downgrading: overrides.allow_downgrading || allows_downgrading,
            allow_major_upgrades: overrides.allow_major_upgrades || allows_upgrades,
            is_ab: overrides.is_ab || self.get("ro.build.ab_update").is_some_and(is_true),
            variant: self.axion_variant(),
            branch: text(&None, self.get("net.pixelos.version")),
            vbmeta_digest: text(&None, self.get("ro.boot.vbmeta.digest")),
        }
    }

    /// Returns the version from the properties that LineageOS's updaters read.
    fn lineage_version(&self, generation: Generation) -> Option<&str> {
        let is_cm = generation <= Generation::Cm14;
        self.get(CM_VERSION)
            .filter(|_| is_cm)
            .or_else(|| self.either(generation, VERSION))
            .or_else(|| self.get(CM_VERSION)?.split('-').next())
    }

    /// Returns the text that AxionOS's updater puts in place of `{variant}`.
    fn axion_variant(&self) -> String {
        let version = self.get("ro.axion.display.version").unwrap_or_default();
        match version.to_lowercase().contains("vanilla") {
            true => "VANILLA".to_owned(),
            false => "GMS".to_owned(),
        }
    }

    /// Returns the value of the address property, from the caller or the phone.
    #[must_use]
    pub fn uri(&self, generation: Generation) -> Option<(&str, UriSource)> {
        let overrides = self
            .overrides
            .uri
            .as_deref()
            .map(|uri| (uri, UriSource::Given));
        let found = || match generation.address() {
            Address::Property(key) if !URI.contains(&key) => self.get(key),
            Address::Property(_) => self.either(generation, URI),
            Address::BuiltIn | Address::Setting => None,
        };
        overrides.or_else(|| Some((found()?, UriSource::Phone)))
    }

    /// Returns the ROM family, by the properties if there are any.
    fn family(&self) -> Option<&'static Family> {
        match &self.props {
            Some(props) => Some(family::detect(props, &[])),
            None => family::find(self.overrides.family.as_deref()?),
        }
    }

    /// Returns the generations of the family's own updater, if it has one with known rules.
    pub(super) fn own_generations(&self) -> Option<Vec<Generation>> {
        own_generations(&self.family()?.name, self.sdk())
    }

    /// Returns the family whose properties this generation reads; `None` if it reads LineageOS's.
    fn family_of(&self, generation: Generation) -> Option<&'static Family> {
        let is_own = || {
            let own = self.own_generations();
            own.is_some_and(|own| own.contains(&generation))
        };
        self.family().filter(|_| is_fork(generation) || is_own())
    }

    /// Returns the facts that determine the updater.
    pub(super) fn facts(&self) -> Facts<'_> {
        let version = self.overrides.version.as_deref();
        let version = version
            .or_else(|| self.either(Generation::Java22, VERSION))
            .or_else(|| self.get(CM_VERSION));
        Facts {
            version: version.filter(|version| !version.is_empty()),
            sdk: self.sdk(),
            date: self
                .overrides
                .datetime
                .or_else(|| self.number("ro.build.date.utc"))
                .filter(|date| *date > 0),
        }
    }

    fn sdk(&self) -> Option<u32> {
        let sdk = self
            .overrides
            .sdk
            .or_else(|| self.number("ro.build.version.sdk"));
        sdk.filter(|sdk| *sdk > 0)
    }

    fn number<T: std::str::FromStr>(&self, key: &str) -> Option<T> {
        self.get(key)?.trim().parse().ok()
    }

    /// Returns whether a switch of any fork's updater is on.
    fn has_switch(&self, name: &str) -> bool {
        let props = self.props.iter().flat_map(PropertyMap::iter);
        let mut switches = props.filter(|(key, _)| key.ends_with(name));
        switches.any(|(_, value)| is_true(value))
    }

    /// Returns the name of the ROM family, if it has its own updater whose rules are not known here.
    #[must_use]
    pub fn unknown_family(&self) -> Option<String> {
        let family = &self.family()?.name;
        let has_lineages = ["LineageOS", "CyanogenMod", "unknown family"].contains(&&**family);
        let is_known = has_lineages || self.own_generations().is_some();
        (!is_known).then(|| family.to_string())
    }

    /// Returns whether there is any fact about this phone.
    ///
    /// The properties of a single partition may have none.
    #[must_use]
    pub fn is_described(&self) -> bool {
        let (generations, _) = candidates(self);
        let phone = self.phone(generations.first().copied().unwrap_or(Generation::Java22));
        let texts = [&phone.device, &phone.version, &phone.incremental];
        phone.next_device.is_some() || texts.iter().any(|text| !text.is_empty())
    }

    /// Returns the unknown facts that this generation sends or compares.
    #[must_use]
    pub fn missing(&self, generation: Generation) -> Vec<Missing> {
        let phone = self.phone(generation);
        let is_cm = generation <= Generation::Cm14;
        let of_lineage = |keys: Keys| keys[usize::from(!is_cm)];
        let family = self.family_of(generation);
        let key = |rules: fn(&Family) -> &Vec<Rule>, lineage: &str| {
            let own = family.and_then(|family| rules(family).first());
            own.map_or(lineage, Rule::key).to_owned()
        };
        let compares_version = generation.compares_version();
        let version = if is_cm { CM_VERSION } else { VERSION[1] };
        let asks_incremental = !is_fork(generation) || generation == Generation::LmoDroid14;
        [
            (
                phone.device.is_empty(),
                key(|family| &family.device, of_lineage(DEVICE)),
                "--device",
            ),
            (
                phone.release_type.is_empty() && generation.compares_type(),
                key(|family| &family.romtype, of_lineage(ROMTYPE)),
                "--type",
            ),
            (
                phone.version.is_empty() && compares_version,
                key(|family| &family.version, version),
                "--version",
            ),
            (
                phone.incremental.is_empty() && asks_incremental,
                "ro.build.version.incremental".to_owned(),
                "--incr",
            ),
            (
                phone.datetime == 0 && generation.reads_date(),
                key(|family| &family.datetime, "ro.build.date.utc"),
                "--date",
            ),
            (
                phone.sdk == 0 && generation.compares_sdk(),
                "ro.build.version.sdk".to_owned(),
                "--sdk",
            ),
        ]
        .into_iter()
        .filter(|(is_missing, _, _)| *is_missing)
        .map(|(_, key, flag)| Missing { key, flag })
        .collect()
    }
}

/// An unknown fact about a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The property that holds it.
    pub key: String,
    /// The flag that gives it instead.
    pub flag: &'static str,
}

/// The source of the value of the address property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UriSource {
    /// The caller.
    Given,
    /// The properties of the phone.
    Phone,
    /// The recommendation of the site.
    Recommended,
}

impl UriSource {
    /// Returns the name in `--json`, which is part of the documented schema.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            UriSource::Given => "flag",
            UriSource::Phone => "phone",
            UriSource::Recommended => "recommended",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Grounds, parse_props};
    use super::*;
    use ota_view::props::Era;

    fn subject(text: &str) -> Subject {
        let file = parse_props("p", text.as_bytes()).unwrap();
        Subject {
            props: Some(PropertyMap::merge([file], Era::LastWins)),
            ..Subject::default()
        }
    }

    #[test]
    fn each_generation_reads_its_own_properties() {
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
        let missing = subject.missing(Generation::Template14);
        let missing: Vec<&str> = missing.iter().map(|one| &*one.key).collect();
        assert_eq!(
            missing,
            ["ro.build.version.incremental", "ro.build.date.utc"]
        );
    }

    #[test]
    fn facts_from_the_caller_take_precedence() {
        let mut subject = subject("ro.lineage.device=Y\nlineage.updater.uri=https://a\n");
        subject.overrides = PhoneOverrides {
            device: Some("Z".to_owned()),
            uri: Some(String::new()),
            ..PhoneOverrides::default()
        };
        assert_eq!(subject.phone(Generation::Java22).device, "Z");
        assert_eq!(
            subject.uri(Generation::Java22),
            Some(("", UriSource::Given))
        );
    }

    #[test]
    fn families_with_their_own_updater_have_their_own_properties() {
        use Generation::{
            Axion, CrDroid14, CrDroid16, DerpFest16, EvolutionX15, Java22, LmoDroid14, PixelOs14,
            PixelOs17, Voltage14,
        };
        let of_lineage = "ro.lineage.device=wrong\nro.lineage.build.version=wrong\n\
                          ro.lineage.releasetype=wrong\nro.build.date.utc=1700000000\n";
        for (text, expected, facts) in [
            (
                "ro.crdroid.device=komodo\nro.crdroid.display.version=v11.3-2025\nro.build.version.sdk=35\ncrdroid.updater.allow_downgrading=1",
                vec![CrDroid14],
                ["komodo", "11.3", ""],
            ),
            (
                "ro.crdroid.device=komodo\nro.crdroid.build.version=12.9\nro.build.version.sdk=36",
                vec![CrDroid16],
                ["komodo", "12.9", ""],
            ),
            (
                "org.evolution.device=fuxi\norg.evolution.build_version=10.5\nro.build.version.sdk=35",
                vec![EvolutionX15],
                ["fuxi", "10.5", ""],
            ),
            (
                "ro.voltage.device=r5x\norg.voltage.version=3.2\nro.voltage.buildtype=OFFICIAL",
                vec![Voltage14],
                ["r5x", "3.2", "OFFICIAL"],
            ),
            (
                "ro.rom.device=r8q\nro.rom.build.version=2.7\nro.rom.releasetype=OFFICIAL",
                vec![Java22],
                ["r8q", "2.7", "OFFICIAL"],
            ),
            (
                "ro.custom.device=fuxi\nro.build.version.release=14\nro.build.version.sdk=34",
                vec![PixelOs14],
                ["fuxi", "14", ""],
            ),
            (
                "ro.custom.device=fuxi\nro.build.version.release=17\nro.build.version.sdk=37\nnet.pixelos.version=seventeen\nnet.pixelos.build_type=ci",
                vec![PixelOs17],
                ["fuxi", "17", "ci"],
            ),
            (
                "ro.derpfest.device=fuxi\nro.derpfest.version=16.2\nro.derpfest.releasetype=Community",
                vec![DerpFest16],
                ["fuxi", "16.2", "Community"],
            ),
            (
                "ro.axion.device=fuxi\nro.axion.build.version=2.3\nro.axion.releasetype=OFFICIAL\nro.axion.display.version=2.3-VANILLA",
                vec![Axion],
                ["fuxi", "2.3", "OFFICIAL"],
            ),
            (
                "ro.lmodroid.device=sake\nro.lmodroid.version=4.2\nro.lmodroid.build_type=RELEASE\nlmodroid.updater.uri=https://h",
                vec![LmoDroid14],
                ["sake", "4.2", "RELEASE"],
            ),
        ] {
            // `ro.custom.` marks PixelOS only where nothing of LineageOS is.
            let prefix = match text.starts_with("ro.custom.") {
                true => "ro.build.date.utc=1700000000\n",
                false => of_lineage,
            };
            let subject = subject(&format!("{prefix}{text}"));
            let (found, grounds) = candidates(&subject);
            assert_eq!(
                (found, grounds),
                (expected.clone(), Grounds::Family),
                "{text}"
            );
            let phone = subject.phone(expected[0]);
            let found = [&phone.device, &phone.version, &phone.release_type];
            assert_eq!(found.map(|fact| &**fact), facts, "{text}");
            assert_eq!(phone.datetime, 1_700_000_000);
            assert_eq!(subject.unknown_family(), None);
            assert_eq!(phone.allow_downgrading, text.contains("downgrading"));
            assert_eq!(phone.variant == "VANILLA", text.contains("VANILLA"));
            assert_eq!(phone.branch == "seventeen", text.contains("seventeen"));
            let uri = subject.uri(expected[0]);
            assert_eq!(uri.is_some(), text.contains("updater.uri"), "{text}");
        }
    }

    #[test]
    fn families_with_unknown_updaters_are_named() {
        let paranoid = subject("ro.aospa.device=x\nro.aospa.version=15\n");
        assert_eq!(
            paranoid.unknown_family().as_deref(),
            Some("Paranoid Android")
        );
        let lineage = subject("ro.lineage.device=x\n");
        assert_eq!(lineage.unknown_family(), None);
    }
}
