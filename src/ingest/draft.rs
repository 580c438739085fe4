//! Makes a build of an examined package.
//!
//! In: an [`Examined`] package and the settings. Out: a [`Build`] without digests, or why phones
//! could not use it.

use super::{DEFAULT_ROMTYPE, Error, Examined};
use crate::model::build::{self, Build, Device, Kind, Romtype, Variant};
use crate::model::config::Config;
use crate::model::entry_rules::CLOCK_SLACK;
use crate::model::facts::Fact;
use crate::model::family;

/// Why an incremental is refused: updaters insert it into addresses without escaping.
const NOT_AN_ADDRESS: &str =
    "cannot be part of a feed's address: only letters, digits and . _ ~ + @ - are allowed";

impl Examined {
    /// Returns whether this is a delta and `full` is the build it produces.
    #[must_use]
    pub fn leads_to(&self, full: &Build) -> bool {
        let is_same = |fact, value: &str| self.facts.value(fact) == Some(value);
        let incremental = full.incremental.as_deref().unwrap_or_default();
        let device = full.device.as_str();
        self.kind != Kind::Full
            && full.kind == Kind::Full
            && is_same(Fact::Incremental, incremental)
            && is_same(Fact::Datetime, &full.timestamp.to_string())
            && (is_same(Fact::Device, device) || self.facts.devices.iter().any(|d| d == device))
    }

    /// Takes device, version and romtype from the full build: a delta has no properties, so its own
    /// values come from its file name only.
    pub fn take_facts_of(&mut self, full: &Build) {
        let place = format!("its full build {}", full.filename.escape_debug());
        for (fact, value) in [
            (Fact::Device, full.device.as_str()),
            (Fact::Version, &full.version),
            (Fact::Romtype, full.romtype.as_str()),
        ] {
            self.facts.set(fact, value, &place);
        }
    }

    /// Makes the build of this package, without digests. `now` is in seconds since the epoch.
    ///
    /// A build without a romtype, of a family whose updater does not compare it, gets
    /// [`DEFAULT_ROMTYPE`], with a warning among the facts.
    ///
    /// # Errors
    /// [`Error::NotInstallable`], [`Error::Missing`], [`Error::NotAPath`], [`Error::BadFact`],
    /// [`Error::BadName`] or [`Error::Future`].
    pub fn draft(&mut self, config: &Config, now: i64) -> Result<Build, Error> {
        if let Some(obstacle) = self.obstacle {
            return Err(Error::NotInstallable(obstacle));
        }
        let needs_default = self.facts.get(Fact::Romtype).is_none() && !self.compares_romtype;
        self.require_facts(needs_default)?;
        let version = self.required(Fact::Version);
        validate("version", &version, build::version_fault(&version))?;
        self.validate_path()?;
        let timestamp = self.timestamp(now)?;
        self.validate_incrementals()?;
        self.variant = self.find_variant(config);
        let device = Device::parse(&self.required(Fact::Device))?;
        let romtype = match needs_default {
            true => Romtype::parse(DEFAULT_ROMTYPE)?,
            false => Romtype::parse(&self.required(Fact::Romtype))?,
        };
        let build = Build {
            variant: self.variant.clone(),
            incremental: self.facts.value(Fact::Incremental).map(str::to_owned),
            kind: self.kind.clone(),
            sdk_level: self.facts.number(Fact::SdkLevel),
            security_patch: self.facts.value(Fact::SecurityPatch).map(str::to_owned),
            ota_url: self.ota_url.clone(),
            property_files: self.property_files.clone(),
            signer: self
                .signer
                .as_ref()
                .map(|signer| signer.fingerprint.clone()),
            next_device: self.next_device.clone(),
            csig: self.csig.clone(),
            family: self
                .family
                .clone()
                .filter(|name| family::has_own_updater(name)),
            ..Build::new(
                device,
                romtype,
                version,
                timestamp,
                self.path.clone(),
                self.stamp.size,
            )
        };
        self.warn_of_gaps(&build, needs_default);
        Ok(build)
    }

    /// Returns the value of a fact that [`Examined::require_facts`] requires.
    fn required(&self, fact: Fact) -> String {
        self.facts.value(fact).unwrap_or_default().to_owned()
    }

    /// Requires the facts that every feed needs; the romtype unless there is a default for it.
    fn require_facts(&self, has_default_romtype: bool) -> Result<(), Error> {
        let missing: Vec<&'static str> =
            [Fact::Device, Fact::Version, Fact::Romtype, Fact::Datetime]
                .into_iter()
                .filter(|fact| self.facts.get(*fact).is_none())
                .filter(|fact| *fact != Fact::Romtype || !has_default_romtype)
                .map(Fact::as_str)
                .collect();
        match missing.is_empty() {
            true => Ok(()),
            false => Err(Error::Missing {
                facts: missing,
                why: self.device_props.warnings.first().cloned(),
            }),
        }
    }

    /// Refuses file and folder names that phones or hosts could not use.
    fn validate_path(&self) -> Result<(), Error> {
        for part in self.path.split('/') {
            if let Some(reason) = build::filename_fault(part) {
                return Err(Error::BadName {
                    what: match part == self.filename {
                        true => "file name",
                        false => "folder name",
                    },
                    value: part.to_owned(),
                    reason,
                });
            }
        }
        Ok(())
    }

    /// Returns the date of the build, in seconds since the epoch; refuses one in the future.
    fn timestamp(&self, now: i64) -> Result<i64, Error> {
        let datetime = self.required(Fact::Datetime);
        let Ok(timestamp) = datetime.parse() else {
            let reason = "is not a number of seconds";
            return Err(Error::BadFact {
                what: "datetime",
                value: datetime,
                reason,
            });
        };
        validate("datetime", &datetime, build::timestamp_fault(timestamp))?;
        match timestamp > now.saturating_add(CLOCK_SLACK) {
            true => Err(Error::Future(timestamp)),
            false => Ok(timestamp),
        }
    }

    fn validate_incrementals(&self) -> Result<(), Error> {
        for (what, fact) in [
            ("incremental", Fact::Incremental),
            ("source incremental", Fact::SourceIncremental),
        ] {
            if let Some(incremental) = self.facts.value(fact) {
                let fault = build::path_fault(incremental);
                validate(what, incremental, fault.map(|_| NOT_AN_ADDRESS))?;
            }
        }
        Ok(())
    }

    /// Returns the variant that the settings give the package.
    fn find_variant(&self, config: &Config) -> Option<Variant> {
        let property = |key: &str| {
            let found = self.variant_props.iter().find(|(known, _)| known == key);
            found.map(|(_, value)| value.clone())
        };
        config.variant(&self.path, &property).cloned()
    }

    /// Warns of facts that the build lacks, though it can be published without them.
    fn warn_of_gaps(&mut self, build: &Build, has_default_romtype: bool) {
        for (is_unknown, what) in [
            (
                build.incremental.is_none(),
                "incremental; phones that run it and ask with {incr} get an error",
            ),
            (
                build.sdk_level.is_none(),
                "API level; LineageOS 23.2 on does not show it",
            ),
        ] {
            if is_unknown {
                self.facts
                    .warnings
                    .push(format!("no source has its {what}"));
            }
        }
        if has_default_romtype {
            self.facts.warnings.push(format!(
                "it has no romtype; it is published as `{DEFAULT_ROMTYPE}`, which its updater does not compare"
            ));
        }
    }
}

/// Refuses a value with a fault.
fn validate(what: &'static str, value: &str, fault: Option<&'static str>) -> Result<(), Error> {
    match fault {
        None => Ok(()),
        Some(reason) => Err(Error::BadFact {
            what,
            value: value.to_owned(),
            reason,
        }),
    }
}
