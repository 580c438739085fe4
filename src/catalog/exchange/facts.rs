//! What an entry of any format tells, and the build it is.

use super::Options;
use crate::build::{self, Build, Device, Kind, Romtype};
use crate::catalog::file;
use crate::entry_rules::{self, ListedBuild};
use crate::names;

/// What an entry tells; `None` is what it does not.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) filename: Option<String>,
    pub(super) device: Option<String>,
    pub(super) version: Option<String>,
    pub(super) romtype: Option<String>,
    /// The romtype is for people, and may be set from outside.
    pub(super) is_romtype_weak: bool,
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
    /// Checks all facts, and adds what the feed left to the caller.
    pub(super) fn into_build(
        self,
        options: Options<'_>,
        notes: &mut Vec<String>,
    ) -> Result<Build, String> {
        let told = |what: &str| format!("it tells no {what}");
        let filename = self.filename.clone().ok_or_else(|| told("filename"))?;
        if let Some(reason) = build::filename_fault(&filename) {
            return Err(format!("file name `{}` {reason}", filename.escape_debug()));
        }
        let device = self.find_device(&filename, options)?;
        let romtype = self.find_romtype(options)?;
        let timestamp = self.timestamp.ok_or_else(|| told("datetime"))?;
        self.judge(options, notes)?;
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
        let of_settings = (options.variant_of)(&filename);
        if let (Some(set), Some(asked)) = (&of_settings, options.variant)
            && set != asked
        {
            notes.push(format!(
                "the settings put it into variant {set}, whatever --variant says"
            ));
        }
        let build = Build {
            device,
            variant: of_settings.or_else(|| options.variant.cloned()),
            romtype,
            version: self.version.ok_or_else(|| told("version"))?,
            timestamp,
            incremental: self.incremental,
            kind: match self.is_delta {
                false => Kind::Full,
                true => Kind::Delta {
                    source_incremental: self.source_incremental,
                    // Only clients of `update_engine` read deltas from feeds.
                    is_block_based: false,
                },
            },
            sdk_level: self.sdk_level,
            security_patch: self.security_patch,
            path: filename.clone(),
            filename,
            size: self.size.ok_or_else(|| told("size"))?,
            // Phones go by the text: one that differs in the case of a digit is
            // another key.
            id: self.id.filter(|id| self.sha256.as_ref() != Some(id)),
            sha256: self.sha256,
            md5: self.md5,
            url: Some(self.url.ok_or_else(|| told("url"))?),
            ota_url: None,
            property_files: self.property_files,
            signer: None,
            next_device: None,
            csig: None,
            images: Vec::new(),
        };
        file::check(&build)?;
        if let Some(reason) = build::version_number_fault(&build.version) {
            let version = build.version.escape_debug();
            notes.push(format!("version `{version}` {reason}"));
        }
        Ok(build)
    }

    /// The device that the feed tells, or the caller, or the file name; where that
    /// tells none, the feed's own name, if it is a device known elsewhere.
    fn find_device(&self, filename: &str, options: Options<'_>) -> Result<Device, String> {
        if let Some(device) = &self.device {
            return Device::parse(device).map_err(|error| error.to_string());
        }
        if let Some(device) = options.device {
            return Ok(device.clone());
        }
        let in_name = |known: &[String]| names::parse(filename, known)?.device;
        let known = options.known_devices;
        let feed_name = options.feed_name;
        // Where the name ends in the feed's own name, that is where to cut it.
        let own = feed_name.filter(|name| {
            let is_own = || in_name(&[(*name).to_owned()]).as_deref() == Some(name);
            ends_in(filename, name) && is_own()
        });
        let known_feed_name = feed_name.filter(|name| known.iter().any(|device| device == name));
        let found = match (own, in_name(known), known_feed_name) {
            (Some(own), ..) => own.to_owned(),
            (None, Some(device), None) => device,
            (None, None, Some(feed_name)) => feed_name.to_owned(),
            (None, Some(device), Some(feed_name)) if device == feed_name => device,
            (None, Some(device), Some(feed_name)) => {
                return Err(format!(
                    "its file name is of device `{}`, the feed's name is `{}`; add --device",
                    device.escape_debug(),
                    feed_name.escape_debug()
                ));
            }
            (None, None, None) => {
                return Err(
                    "neither the feed nor the file name tells its device; add --device".to_owned(),
                );
            }
        };
        Device::parse(&found).map_err(|error| format!("{error}; add --device"))
    }

    /// Holds the entry to the rules that all entries keep: what is wrong beyond doubt is an error,
    /// the rest a note.
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

    fn find_romtype(&self, options: Options<'_>) -> Result<Romtype, String> {
        let asked = options.romtype.cloned();
        match (&self.romtype, asked) {
            (Some(_), Some(asked)) if self.is_romtype_weak => Ok(asked),
            (Some(told), _) => Romtype::parse(told).map_err(|error| error.to_string()),
            (None, Some(asked)) => Ok(asked),
            (None, None) => Err("it tells no romtype; add --romtype".to_owned()),
        }
    }
}

/// Whether a package's name ends in a codename of its own.
fn ends_in(filename: &str, device: &str) -> bool {
    let stem = filename.rsplit_once('.').map_or(filename, |(stem, _)| stem);
    let stem = stem.strip_suffix("-signed").unwrap_or(stem);
    let before = stem.strip_suffix(device);
    before.is_some_and(|before| before.ends_with('-'))
}
