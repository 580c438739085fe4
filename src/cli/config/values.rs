//! The tables of the settings file, checked one by one.
//!
//! In: values as the file has them. Out: values of the model, or the reason why one is wrong.

use std::collections::BTreeMap;

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use romfeed::model::build::{self, Device, Romtype, Variant};
use romfeed::model::config::{DeviceConfig, KnownIncremental, Override, PathPattern, VariantRule};
use romfeed::model::facts::Fact;
use romfeed::model::family::{FAMILIES, Family, Rule};

use super::file::{
    ConfigError, FileDevice, FileFamily, FileKnown, FileOverride, FileVariant, Origin,
};

/// Checks the settings of a device, except for those that need files.
pub(super) fn resolve_device(name: &str, set: &FileDevice) -> Result<DeviceConfig, String> {
    Device::parse(name).map_err(|e| e.to_string())?;
    let parse = |alias: &String| Device::parse(alias).map_err(|e| e.to_string());
    let mut known_incrementals = BTreeMap::new();
    for (romtype, known) in &set.known_incrementals {
        let romtype = Romtype::parse(romtype).map_err(|e| e.to_string())?;
        let known = known.iter().map(resolve_known);
        let known: Vec<KnownIncremental> = known.collect::<Result<_, _>>()?;
        let all: &mut Vec<_> = known_incrementals.entry(romtype.to_path()).or_default();
        all.extend(known);
    }
    let mut romtypes = BTreeMap::new();
    for (romtype, retention) in &set.romtype {
        romtypes.insert(romtype.to_ascii_lowercase(), retention.resolve()?);
    }
    let info = |(key, value): (&String, &toml::Value)| match serde_json::to_value(value) {
        Ok(value) => Ok((key.clone(), value)),
        Err(error) => Err(format!("info.{key}: {error}")),
    };
    Ok(DeviceConfig {
        url: None,
        mirrors: None,
        device_feed: None,
        install: None,
        certificates: Vec::new(),
        retention: set.retention()?,
        romtypes,
        major_upgrades: set.major_upgrades.map(Into::into),
        block_deltas: set.block_deltas,
        same_lane: set.same_lane,
        aliases: set.aliases.iter().map(parse).collect::<Result<_, _>>()?,
        family: set.family.clone(),
        known_incrementals,
        info: set.info.iter().map(info).collect::<Result<_, _>>()?,
        file: set.file.clone(),
    })
}

fn resolve_known(known: &FileKnown) -> Result<KnownIncremental, String> {
    let known = match known {
        FileKnown::Incremental(incremental) => KnownIncremental {
            incremental: incremental.clone(),
            version: None,
            timestamp: None,
        },
        FileKnown::Build(build) => KnownIncremental {
            incremental: build.incremental.clone(),
            version: build.version.clone(),
            timestamp: build.datetime,
        },
    };
    let bad = |what: &str, value: &str, reason: &str| {
        Err(format!(
            "known_incrementals: {what} `{}` {reason}",
            value.escape_debug()
        ))
    };
    if let Some(reason) = build::path_fault(&known.incremental) {
        return bad(
            "incremental",
            &known.incremental,
            &format!("cannot be a file: {reason}"),
        );
    }
    if let Some((version, reason)) = known
        .version
        .as_ref()
        .and_then(|version| Some((version, build::version_fault(version)?)))
    {
        return bad("version", version, reason);
    }
    match known.timestamp.map(|t| (t, build::timestamp_fault(t))) {
        Some((timestamp, Some(reason))) => bad("datetime", &timestamp.to_string(), reason),
        _ => Ok(known),
    }
}

/// Checks that each alias belongs to one device.
pub(super) fn check_aliases(
    devices: &BTreeMap<String, DeviceConfig>,
    origin: &Origin,
) -> Result<(), ConfigError> {
    let place = |device: &str, config: &DeviceConfig| match &config.file {
        Some(file) => file.clone(),
        None => format!("[device.{device}] in {}", origin.name),
    };
    let mut places: BTreeMap<&str, String> = BTreeMap::new();
    for (device, config) in devices {
        let here = place(device, config);
        for alias in &config.aliases {
            if alias.as_str() == device {
                let message = format!("{here}: aliases: `{alias}` is the device itself");
                return Err(ConfigError::new(message));
            }
            if let Some(first) = places.insert(alias.as_str(), here.clone()) {
                let error = format!("the alias `{alias}` is in both {first} and {here}");
                let hint = format!(
                    "take it out of one of them: phones that ask for {alias} are offered the builds of one device"
                );
                return Err(ConfigError::new(error).with_hint(hint));
            }
        }
    }
    Ok(())
}

/// Checks that the families that devices name are known.
pub(super) fn check_families(
    devices: &BTreeMap<String, DeviceConfig>,
    of_settings: &[Family],
) -> Result<(), String> {
    let names: Vec<&str> = of_settings
        .iter()
        .chain(FAMILIES.iter())
        .map(|family| &*family.name)
        .collect();
    let mut set = devices
        .values()
        .filter_map(|device| device.family.as_deref());
    match set.find(|name| !names.contains(name)) {
        None => Ok(()),
        Some(name) => Err(format!(
            "`{}` is not a known ROM family; known are {}",
            name.escape_debug(),
            names.join(", ")
        )),
    }
}

pub(super) fn parse_variants(entries: &[FileVariant]) -> Result<Vec<VariantRule>, String> {
    let parse = |entry: &FileVariant| {
        let pattern = entry.package.as_deref().map(glob).transpose();
        let pattern = pattern.map_err(|e| e.to_string())?;
        let property = entry
            .property
            .as_ref()
            .map(|text| match text.split_once('=') {
                Some((key, value)) => (key.trim().to_owned(), Some(value.trim().to_owned())),
                None => (text.clone(), None),
            });
        if pattern.is_none() && property.is_none() {
            return Err(format!(
                "`{}` needs a package pattern or a property",
                entry.name
            ));
        }
        Ok(VariantRule {
            variant: Variant::parse(&entry.name).map_err(|e| e.to_string())?,
            pattern: pattern.map(|glob| PathPattern::new(glob.compile_matcher())),
            property,
        })
    };
    entries.iter().map(parse).collect()
}

/// Parses fingerprints, with or without colons and of at least 8 digits, and file names.
pub(super) fn parse_signers(entries: &[String]) -> Result<Vec<String>, String> {
    let parse = |entry: &String| {
        let digits = entry.replace(':', "").to_ascii_lowercase();
        let is_fingerprint = digits.bytes().all(|b| b.is_ascii_hexdigit());
        match is_fingerprint {
            true if (8..=64).contains(&digits.len()) => Ok(digits),
            true => Err(format!(
                "`{entry}` is not a SHA-256 fingerprint; write 8 to 64 of its digits"
            )),
            false => Ok(entry.clone()),
        }
    };
    entries.iter().map(parse).collect()
}

pub(super) fn parse_overrides(entries: &[FileOverride]) -> Result<Vec<Override>, globset::Error> {
    let parse = |entry: &FileOverride| {
        Ok(Override {
            pattern: PathPattern::new(glob(&entry.package)?.compile_matcher()),
            values: entry.values().collect(),
        })
    };
    entries.iter().map(parse).collect()
}

impl FileOverride {
    fn values(&self) -> impl Iterator<Item = (Fact, String)> {
        let values = [
            (Fact::Device, self.device.clone()),
            (Fact::Version, self.version.clone()),
            (Fact::Romtype, self.romtype.clone()),
            (Fact::Datetime, self.datetime.map(|n| n.to_string())),
            (Fact::Incremental, self.incremental.clone()),
            (Fact::SdkLevel, self.sdk_level.map(|n| n.to_string())),
            (Fact::SecurityPatch, self.security_patch.clone()),
        ];
        values
            .into_iter()
            .filter_map(|(fact, value)| Some((fact, value?)))
    }
}

pub(super) fn parse_families(entries: &[FileFamily]) -> Result<Vec<Family>, String> {
    entries.iter().map(parse_family).collect()
}

fn parse_family(entry: &FileFamily) -> Result<Family, String> {
    let is_own = |rule: &String| entry.markers.iter().any(|mark| rule.starts_with(mark));
    let rule_lists = [&entry.device, &entry.version, &entry.romtype];
    let has_own = rule_lists.into_iter().flatten().any(is_own);
    if entry.name.is_empty() {
        return Err("a family needs a name".to_owned());
    }
    if !has_own {
        return Err(format!(
            "`{}` needs a device, version or romtype that begins with one of its markers",
            entry.name
        ));
    }
    if entry.markers.iter().any(String::is_empty) || entry.markers.is_empty() {
        return Err(format!(
            "`{}` needs markers: how its properties begin",
            entry.name
        ));
    }
    let mut datetime = parse_rules(&entry.datetime)?;
    datetime.push(Rule::Whole("ro.build.date.utc".into()));
    Ok(Family {
        name: entry.name.clone().into(),
        markers: entry.markers.iter().cloned().map(Into::into).collect(),
        device: parse_rules(&entry.device)?,
        version: parse_rules(&entry.version)?,
        romtype: parse_rules(&entry.romtype)?,
        datetime,
        compares_romtype: entry.compares_romtype,
    })
}

fn parse_rules(texts: &[String]) -> Result<Vec<Rule>, String> {
    let parse = |text: &String| {
        Rule::parse(text).ok_or_else(|| {
            format!(
                "`{text}` is neither a property nor a field of one, for example ro.my.version[0]"
            )
        })
    };
    texts.iter().map(parse).collect()
}

pub(super) fn parse_globs(patterns: &[String]) -> Result<GlobSet, globset::Error> {
    let mut globs = GlobSetBuilder::new();
    for pattern in patterns {
        globs.add(glob(pattern)?);
    }
    globs.build()
}

/// Parses a pattern in which `*` does not match `/`, and `**` does.
fn glob(pattern: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(pattern).literal_separator(true).build()
}
