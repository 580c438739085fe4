//! The addresses in the settings: of the site, and of the zips on other hosts.

use romfeed::model::address::{self, BadUrl, UrlTemplate};

use super::file::{ConfigError, FileConfig, FileDevice, Origin, flag_error};

/// Parses the address of the site.
pub(super) fn base_url(
    flag: Option<String>,
    settings: &FileConfig,
    origin: &Origin,
) -> Result<Option<String>, ConfigError> {
    if let Some(url) = flag.filter(|url| !url.is_empty()) {
        let parsed = address::parse_base(&url).map(Some);
        return parsed.map_err(|e| flag_error("base-url", &e));
    }
    let set = settings.base_url.as_deref();
    let parsed = set.map(address::parse_base).transpose();
    parsed.map_err(|e| origin.error("base_url", &e))
}

/// Parses the address of all zips.
pub(super) fn url(
    flag: Option<String>,
    settings: &FileConfig,
    origin: &Origin,
) -> Result<Option<UrlTemplate>, ConfigError> {
    if let Some(url) = flag.filter(|url| !url.is_empty()) {
        let parsed = UrlTemplate::parse(&url).map(Some);
        return parsed.map_err(|e| flag_error("url", &e));
    }
    let set = settings.url.as_deref();
    let parsed = set.map(UrlTemplate::parse).transpose();
    parsed.map_err(|e| origin.error("url", &e))
}

/// Parses the addresses of all zips on mirrors.
pub(super) fn mirrors(
    settings: &FileConfig,
    origin: &Origin,
) -> Result<Vec<UrlTemplate>, ConfigError> {
    parse_mirrors(&settings.mirrors).map_err(|e| origin.error("mirrors", &e))
}

/// Parses the addresses of the zips of one device on mirrors.
pub(super) fn device_mirrors(
    table: &str,
    set: &FileDevice,
    origin: &Origin,
) -> Result<Option<Vec<UrlTemplate>>, ConfigError> {
    let parsed = set.mirrors.as_deref().map(parse_mirrors).transpose();
    parsed.map_err(|e| origin.error(&format!("{table} mirrors"), &e))
}

fn parse_mirrors(mirrors: &[String]) -> Result<Vec<UrlTemplate>, BadUrl> {
    mirrors
        .iter()
        .map(|text| UrlTemplate::parse(text))
        .collect()
}

/// Parses the address of the zips of one device.
pub(super) fn device_url(
    table: &str,
    set: &FileDevice,
    origin: &Origin,
) -> Result<Option<UrlTemplate>, ConfigError> {
    let parsed = set.url.as_deref().map(UrlTemplate::parse).transpose();
    parsed.map_err(|e| origin.error(&format!("{table} url"), &e))
}
