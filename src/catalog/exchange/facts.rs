//! The facts in an entry of any format, and the build they make.

use super::{Options, device};
use crate::catalog::file;
use crate::ingest::DEFAULT_ROMTYPE;
use crate::model::build::{self, Build, Kind, Romtype, Variant};
use crate::model::entry_rules::{self, ListedBuild};
use crate::model::family;
use crate::model::names;

/// The facts of an entry; `None` for what it leaves out.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) filename: Option<String>,
    /// The codename, from a key that always holds one.
    pub(super) codename: Option<String>,
    /// The device, from a key that may hold a marketing name.
    pub(super) device: Option<String>,
    pub(super) version: Option<String>,
    pub(super) romtype: Option<String>,
    /// Whether the romtype is only for people, so that the caller may replace it.
    pub(super) is_romtype_weak: bool,
    /// Whether its updater compares version and romtype like that of LineageOS.
    pub(super) is_lineage: bool,
    pub(super) timestamp: Option<i64>,
    pub(super) size: Option<u64>,
    pub(super) url: Option<String>,
    pub(super) id: Option<String>,
    pub(super) sha256: Option<String>,
    pub(super) md5: Option<String>,
    pub(super) incremental: Option<String>,
    pub(super) sdk_level: Option<u32>,
    pub(super) security_patch: Option<String>,
    pub(super) property_files: Option<String>,
    pub(super) is_delta: bool,
    pub(super) source_incremental: Option<String>,
}

impl Facts {
    /// Checks all facts, and adds those that the caller knows.
    ///
    /// # Errors
    /// One line on the first fact that is missing or wrong.
    pub(super) fn into_build(
        self,
        options: Options<'_>,
        notes: &mut Vec<String>,
    ) -> Result<Build, String> {
        let missing = |what: &str| format!("it has no {what}");
        let filename = self.filename.clone().ok_or_else(|| missing("filename"))?;
        if let Some(reason) = build::filename_fault(&filename) {
            return Err(format!("file name `{}` {reason}", filename.escape_debug()));
        }
        let device = device::find(
            &filename,
            self.codename.as_deref(),
            self.device.as_deref(),
            options,
            notes,
        )?;
        let romtype = self.find_romtype(&filename, options, notes)?;
        let timestamp = self.timestamp.ok_or_else(|| missing("datetime"))?;
        self.judge(options, notes)?;
        self.validate_incrementals()?;
        let variant = find_variant(&filename, options, notes);
        // The updater of LineageOS reads feeds with its keys in its format, whatever the file name.
        let family = match self.is_lineage {
            true => None,
            false => family::from_filename(&filename).map(str::to_owned),
        };
        let version = self.version.or_else(|| options.version.map(str::to_owned));
        let version = version.ok_or_else(|| format!("{}; add --version", missing("version")))?;
        let size = self.size.ok_or_else(|| missing("size"))?;
        let url = self
            .url
            .ok_or_else(|| format!("{}; add --url-base", missing("url")))?;
        let build = Build {
            variant,
            incremental: self.incremental,
            kind: match self.is_delta {
                false => Kind::Full,
                true => Kind::Delta {
                    source_incremental: self.source_incremental,
                    // Only clients with `update_engine` read deltas from feeds.
                    is_block_based: false,
                },
            },
            sdk_level: self.sdk_level,
            security_patch: self.security_patch,
            // Phones compare the text: an id that differs in case is another id.
            id: self.id.filter(|id| self.sha256.as_ref() != Some(id)),
            sha256: self.sha256,
            md5: self.md5,
            url: Some(url),
            property_files: self.property_files,
            family,
            ..Build::new(device, romtype, version, timestamp, filename, size)
        };
        validate(&build, self.is_lineage, notes)?;
        Ok(build)
    }

    /// Checks that incrementals can be part of an address.
    fn validate_incrementals(&self) -> Result<(), String> {
        for (what, value) in [
            ("incremental", &self.incremental),
            ("source incremental", &self.source_incremental),
        ] {
            let fault = value.as_deref().and_then(build::path_fault);
            if let (Some(value), Some(reason)) = (value, fault) {
                return Err(format!(
                    "{what} `{}` cannot be part of a feed's address: {reason}",
                    value.escape_debug()
                ));
            }
        }
        Ok(())
    }

    /// Checks the entry by the rules for all entries; a certain fault is an error, the rest are notes.
    fn judge(&self, options: Options<'_>, notes: &mut Vec<String>) -> Result<(), String> {
        let entry = ListedBuild {
            filename: self.filename.as_deref(),
            url: self.url.as_deref(),
            version: self.version.as_deref(),
            romtype: self.romtype.as_deref(),
            timestamp: self.timestamp,
            size: self
                .size
                .map(|size| i64::try_from(size).unwrap_or(i64::MAX)),
        };
        for problem in entry_rules::judge(&entry, options.now) {
            match problem.is_error() {
                true => return Err(problem.to_string()),
                false => notes.push(problem.to_string()),
            }
        }
        if let (Some(found), Some(asked)) = (&self.romtype, options.romtype)
            && !self.is_romtype_weak
        {
            let problem = entry_rules::romtype_problem(found, asked.as_str());
            notes.extend(problem.map(|problem| problem.to_string()));
        }
        Ok(())
    }

    /// Finds the romtype; if no updater compares it, the one in the file name or the default will do.
    fn find_romtype(
        &self,
        filename: &str,
        options: Options<'_>,
        notes: &mut Vec<String>,
    ) -> Result<Romtype, String> {
        match (&self.romtype, options.romtype) {
            (Some(_), Some(asked)) if self.is_romtype_weak => return Ok(asked.clone()),
            (Some(romtype), _) => match Romtype::parse(romtype) {
                Err(_) if self.is_romtype_weak => {}
                parsed => return parsed.map_err(|error| error.to_string()),
            },
            (None, Some(asked)) => return Ok(asked.clone()),
            (None, None) => {}
        }
        let name = names::parse(filename, options.known_devices);
        if self.is_lineage && name.as_ref().is_none_or(|name| name.compares_romtype) {
            return Err("it has no romtype; add --romtype".to_owned());
        }
        let named = name.and_then(|name| Romtype::parse(&name.romtype?).ok());
        if let Some(romtype) = named {
            return Ok(romtype);
        }
        notes.push(format!(
            "it has no romtype; `{DEFAULT_ROMTYPE}` is used, which its updater does not compare"
        ));
        Romtype::parse(DEFAULT_ROMTYPE).map_err(|error| error.to_string())
    }
}

/// Checks a build by the rules for all builds, and notes a version that the updater cannot compare.
fn validate(build: &Build, is_lineage: bool, notes: &mut Vec<String>) -> Result<(), String> {
    file::validate_build(build)?;
    if let Some((what, value, reason)) = build.unportable() {
        return Err(format!("{what} `{}` {reason}", value.escape_debug()));
    }
    if let (true, Some(reason)) = (is_lineage, build::version_number_fault(&build.version)) {
        let version = build.version.escape_debug();
        notes.push(format!("version `{version}` {reason}"));
    }
    Ok(())
}

/// Returns the variant of a file name: that of the settings, else the one that the caller gives.
fn find_variant(filename: &str, options: Options<'_>, notes: &mut Vec<String>) -> Option<Variant> {
    let configured = (options.variant_of)(filename);
    if let (Some(set), Some(asked)) = (&configured, options.variant)
        && set != asked
    {
        notes.push(format!(
            "the settings put it into variant {set}, which takes precedence over --variant"
        ));
    }
    configured.or_else(|| options.variant.cloned())
}
