//! Facts about a build that a person or a program gives.

use std::path::PathBuf;

use chrono::{DateTime, NaiveDateTime};
use percent_encoding::percent_decode_str;

use super::EditError;
use crate::model::build::{self, Variant};
use crate::model::facts::Fact;

/// Facts about a build given by a person or a program. What is `None` is read from the package.
#[derive(Clone, Debug, Default)]
pub struct StatedFacts {
    /// The package on this machine; if absent, it is searched for in the folder of builds.
    pub zip: Option<PathBuf>,
    /// File name of the package; if absent, that of `zip` or of `url`.
    pub filename: Option<String>,
    /// Codename.
    pub device: Option<String>,
    /// Variant; the settings take precedence.
    pub variant: Option<Variant>,
    /// Release type.
    pub romtype: Option<String>,
    /// Version.
    pub version: Option<String>,
    /// Seconds since the epoch.
    pub timestamp: Option<i64>,
    /// Length in bytes.
    pub size: Option<u64>,
    /// SHA-256, hex digits in any case.
    pub sha256: Option<String>,
    /// MD5, hex digits in any case.
    pub md5: Option<String>,
    /// Incremental.
    pub incremental: Option<String>,
    /// API level.
    pub sdk_level: Option<u32>,
    /// Security patch level.
    pub security_patch: Option<String>,
    /// Download address.
    pub url: Option<String>,
}

impl StatedFacts {
    /// Returns the given value of a fact, as text.
    pub(super) fn fact(&self, fact: Fact) -> Option<String> {
        match fact {
            Fact::Device => self.device.clone(),
            Fact::Version => self.version.clone(),
            Fact::Romtype => self.romtype.clone(),
            Fact::Datetime => self.timestamp.map(|timestamp| timestamp.to_string()),
            Fact::Incremental => self.incremental.clone(),
            Fact::SdkLevel => self.sdk_level.map(|level| level.to_string()),
            Fact::SecurityPatch => self.security_patch.clone(),
            Fact::SourceIncremental => None,
        }
    }

    /// Returns whether facts that every feed needs must be read from the package.
    pub(super) fn lacks_facts(&self) -> bool {
        [&self.device, &self.version, &self.romtype]
            .iter()
            .any(|value| value.is_none())
            || self.timestamp.is_none()
            || self.size.is_none()
    }

    /// Drops empty values, and writes digests in lower case.
    pub(super) fn normalized(self) -> StatedFacts {
        StatedFacts {
            url: self.url.filter(|url| !url.is_empty()),
            incremental: self
                .incremental
                .filter(|incremental| !incremental.is_empty()),
            sha256: self.sha256.map(|digest| digest.to_ascii_lowercase()),
            md5: self.md5.map(|digest| digest.to_ascii_lowercase()),
            ..self
        }
    }
}

/// Parses a time: Unix seconds, or a date and time such as `2017-01-14 13:59:25`, in UTC unless it
/// names another zone, as in `2017-01-14T13:59:25+02:00`.
///
/// # Errors
/// One line that shows the accepted form.
pub fn parse_time(text: &str) -> Result<i64, String> {
    let trimmed = text.trim();
    if let Ok(seconds) = trimmed.parse() {
        return Ok(seconds);
    }
    let zoned = DateTime::parse_from_rfc3339(trimmed).map(|time| time.timestamp());
    zoned
        .or_else(|_| {
            let text = trimmed.replacen('T', " ", 1);
            let time = NaiveDateTime::parse_from_str(&text, "%Y-%m-%d %H:%M:%S%.f");
            time.map(|time| time.and_utc().timestamp())
        })
        .map_err(|_| {
            format!(
                "`{}` is not a date; write it as `2017-01-14 13:59:25` (UTC) or in Unix seconds",
                text.escape_debug()
            )
        })
}

/// Returns the file name of the package: the given one, or that of the file, or the last part of its
/// address.
pub(super) fn find_filename(stated: &StatedFacts) -> Result<String, EditError> {
    let of_zip = || {
        Some(
            stated
                .zip
                .as_ref()?
                .file_name()?
                .to_string_lossy()
                .into_owned(),
        )
    };
    let of_url = || {
        let path = stated.url.as_ref()?.split(['?', '#']).next()?;
        let (_, name) = path.split_once("://")?.1.rsplit_once('/')?;
        let name = percent_decode_str(name).decode_utf8().ok()?;
        Some(name.into_owned()).filter(|name| !name.is_empty())
    };
    let given = stated.filename.clone();
    let filename = given.or_else(of_zip).or_else(of_url);
    let filename = filename.ok_or(EditError::Missing {
        key: "filename",
        reason: None,
    })?;
    let fault = build::filename_fault(&filename).or_else(|| {
        let is_zip = build::stem(&filename).len() < filename.len();
        (!is_zip).then_some("does not end in `.zip`, so no phone will install it")
    });
    match fault {
        None => Ok(filename),
        Some(fault) => Err(format!("file name `{}` {fault}", filename.escape_debug()).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_text_or_unix_seconds() {
        for text in [
            "2017-01-14 13:59:25",
            " 2017-01-14 13:59:25 ",
            "2017-01-14T13:59:25",
            "2017-01-14T13:59:25Z",
            "2017-01-14 13:59:25.123456",
            "2017-01-14T15:59:25+02:00",
            "1484402365",
        ] {
            assert_eq!(parse_time(text), Ok(1_484_402_365), "{text}");
        }
        assert_eq!(parse_time("-5"), Ok(-5));
        for text in [
            "",
            "soon",
            "2017-01-14",
            "2017-01-14 13:59",
            "2017-02-30 13:59:25",
        ] {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_name_comes_from_the_file_or_its_address() {
        let name = |zip: &str, url: &str| {
            find_filename(&StatedFacts {
                zip: (!zip.is_empty()).then(|| zip.into()),
                url: Some(url.to_owned()),
                ..StatedFacts::default()
            })
        };
        assert_eq!(name("a/b.zip", "https://h/c.zip").unwrap(), "b.zip");
        assert_eq!(
            name("", "https://h/d/c%20c.ZIP?x=/y.zip#z").unwrap(),
            "c c.ZIP"
        );
        for url in [
            "https://h",
            "https://h/",
            "https://h/a.img",
            "https://h/a%2fb.zip",
            "https://h/.zip",
        ] {
            assert!(name("", url).is_err(), "{url}");
        }
    }
}
