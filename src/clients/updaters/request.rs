//! The request that an updater sends (U1 to U7, T1, V2-1).
//!
//! In: the value of the address property and the phone. Out: an [`UpdaterRequest`]. Sources:
//! `UpdateCheckService.getServerURI` and `DownloadService.buildRequest` of CMUpdater,
//! `Utils.getServerURL` of Updater, `UpdatesNetworkDataSource.serverUrl` in Kotlin.

use thiserror::Error;

use super::verdict::is_snapshot;
use super::{Generation, Phone, java, uri, value};

/// The addresses of the official servers, for updaters whose property is not set.
const OFFICIAL_CM12: &str = "https://download.cyanogenmod.org/api";
const OFFICIAL_BASE: &str = "https://download.lineageos.org/api";
const OFFICIAL_V1: &str = "https://download.lineageos.org/api/v1/{device}/{type}/{incr}";
const OFFICIAL_V2: &str = "https://download.lineageos.org/api/v2/devices/{device}/builds";

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`, which any static host answers.
    Get,
    /// `POST`, which most static hosts refuse to answer.
    Post,
}

/// A request for a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdaterRequest {
    /// The method.
    pub method: Method,
    /// The address, exactly as the updater sends it.
    pub url: String,
    /// The JSON body for [`Method::Post`].
    pub body: Option<String>,
    /// The address where [`Generation::Cm11`] and [`Generation::Cm12`] request a delta before they
    /// download anything. A response with a key `errors` makes them download the whole package;
    /// without a response of status 2xx, the download does not start.
    pub delta_url: Option<String>,
}

/// Why an updater sends no request.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UrlFault {
    /// `URI.create` throws, for example because of braces or blanks.
    #[error("`{url}` has characters that are not allowed in an address, or is malformed")]
    NotUri {
        /// The address.
        url: String,
    },
    /// The address is not a web address.
    #[error("`{url}` begins with neither https:// nor http://")]
    NotHttp {
        /// The address.
        url: String,
    },
    /// The address is plain http, which this updater may not use.
    #[error("`{url}` is not https, and the updater refuses plain http")]
    Cleartext {
        /// The address.
        url: String,
    },
    /// The address does not begin with these lower-case characters, which the revisions in Kotlin check.
    #[error("`{url}` does not begin with https://")]
    NotHttps {
        /// The value of the property.
        url: String,
    },
}

/// Returns the request that this generation sends if its address property has this value.
///
/// # Errors
/// [`UrlFault`], if the updater throws or refuses to connect.
pub fn request(
    generation: Generation,
    property: &str,
    phone: &Phone,
) -> Result<UpdaterRequest, UrlFault> {
    let property = or_official(generation, property);
    let request = match generation {
        Generation::Cm10 => UpdaterRequest {
            method: Method::Post,
            url: to_ascii(property)?,
            body: Some(cm10_body(phone)),
            // It always downloads the whole package.
            delta_url: None,
        },
        Generation::Cm11 | Generation::Cm12 => UpdaterRequest {
            method: Method::Post,
            url: to_ascii(property)?,
            body: Some(cm12_body(phone)),
            delta_url: Some(to_ascii(&format!("{property}/v1/build/get_delta"))?),
        },
        Generation::Cm14 => get(to_ascii(&appended(generation, property, phone))?),
        Generation::First15 => get(appended(generation, property, phone)),
        Generation::Custota => get(below(property, &format!("{}.json", phone.device))),
        Generation::GrapheneOs => {
            let (device, channel) = (&phone.device, &phone.release_type);
            get(below(property, &format!("{device}-{channel}")))
        }
        _ if generation.is_kotlin() => {
            let template = property.trim();
            if !template.starts_with("https://") {
                let url = template.to_owned();
                return Err(UrlFault::NotHttps { url });
            }
            get(filled_in(generation, template, phone))
        }
        _ => get(filled_in(generation, property, phone)),
    };
    check_scheme(generation, &request.url)?;
    Ok(request)
}

/// Returns the official address in place of a property that is empty, or blank for the Updater (U1).
fn or_official(generation: Generation, property: &str) -> &str {
    let is_unset = match generation {
        _ if generation.is_cmupdater() => property.is_empty(),
        _ if generation.is_kotlin() => property.trim().is_empty(),
        _ => java::trim(property).is_empty(),
    };
    match generation {
        _ if !is_unset => property,
        Generation::Cm10 | Generation::Cm11 | Generation::Cm12 => OFFICIAL_CM12,
        Generation::Cm14 | Generation::First15 => OFFICIAL_BASE,
        Generation::KotlinVersion | Generation::Kotlin23 => OFFICIAL_V2,
        _ if generation <= Generation::Kotlin23 => OFFICIAL_V1,
        // Each fork has its own server; which one does not matter here.
        _ => property,
    }
}

/// Appends a path to the property, in which braces have no meaning (U3).
fn appended(generation: Generation, base: &str, phone: &Phone) -> String {
    let romtype = match phone.release_type.to_lowercase() {
        // U6
        romtype if romtype.is_empty() && generation == Generation::Cm14 => "unofficial".to_owned(),
        romtype => romtype,
    };
    let device = phone.asked_device(generation);
    format!("{base}/v1/{device}/{romtype}/{}", phone.incremental)
}

/// Replaces placeholders one after the other, wherever they occur and only in lower case (U2), by values
/// without escapes (U5).
///
/// Forks with a built-in address replace fewer placeholders.
fn filled_in(generation: Generation, template: &str, phone: &Phone) -> String {
    let mut url = template.replace("{device}", phone.asked_device(generation));
    for placeholder in placeholders(generation) {
        let value = match *placeholder {
            "{variant}" => &phone.variant,
            "{branch}" => &phone.branch,
            "{incr}" => &phone.incremental,
            _ if generation == Generation::PixelOs17 => &phone.release_type,
            _ => &phone.release_type.to_lowercase(),
        };
        url = url.replace(placeholder, value);
    }
    // `new URL` trims.
    java::trim(&url).to_owned()
}

/// Returns the placeholders that an updater replaces besides `{device}`.
fn placeholders(generation: Generation) -> &'static [&'static str] {
    match generation {
        Generation::Cm10
        | Generation::Cm11
        | Generation::Cm12
        | Generation::Cm14
        | Generation::First15
        | Generation::CrDroid14
        | Generation::CrDroid16
        | Generation::EvolutionX14
        | Generation::EvolutionX15
        | Generation::Voltage14
        | Generation::PixelOs14
        | Generation::DerpFest16
        | Generation::Custota
        | Generation::GrapheneOs => &[],
        Generation::Axion => &["{variant}"],
        Generation::PixelOs17 => &["{branch}", "{type}"],
        _ => &["{type}", "{incr}"],
    }
}

/// Returns whether an updater replaces this placeholder in its address, besides `{device}`.
#[must_use]
pub fn replaces(generation: Generation, placeholder: &str) -> bool {
    placeholders(generation).contains(&placeholder)
}

/// Returns the address of a file in a folder, whose address may lack the closing slash.
fn below(folder: &str, name: &str) -> String {
    let folder = folder.trim_end_matches('/');
    format!("{folder}/{name}")
}

fn get(url: String) -> UpdaterRequest {
    UpdaterRequest {
        method: Method::Get,
        url,
        body: None,
        delta_url: None,
    }
}

/// Returns the body of a phone whose user has chosen nightlies.
fn cm10_body(phone: &Phone) -> String {
    let device = value::quote(&phone.device);
    format!(
        r#"{{"method":"get_all_builds","params":{{"device":{device},"channels":["stable","snapshot","RC","nightly"]}}}}"#
    )
}

/// Returns the body of this updater, for which every build except a snapshot is a nightly.
fn cm12_body(phone: &Phone) -> String {
    let channel = match is_snapshot(phone) {
        true => "snapshot",
        false => "nightly",
    };
    let [device, incremental] = [&phone.device, &phone.incremental].map(|text| value::quote(text));
    format!(
        r#"{{"method":"get_all_builds","params":{{"device":{device},"channels":["{channel}"],"source_incremental":{incremental}}}}}"#
    )
}

/// Checks the scheme (T1); plain http is refused from LineageOS 16.0 on.
fn check_scheme(generation: Generation, url: &str) -> Result<(), UrlFault> {
    let has = |scheme: &str| {
        let start = url.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    let url = || url.to_owned();
    match (has("https://"), has("http://")) {
        (true, _) => Ok(()),
        (false, true) if generation.refuses_cleartext() => Err(UrlFault::Cleartext { url: url() }),
        (false, true) => Ok(()),
        (false, false) => Err(UrlFault::NotHttp { url: url() }),
    }
}

fn to_ascii(url: &str) -> Result<String, UrlFault> {
    let ascii = uri::to_ascii(url);
    ascii.ok_or_else(|| UrlFault::NotUri {
        url: url.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone() -> Phone {
        Phone {
            device: "Dev".to_owned(),
            next_device: Some("next".to_owned()),
            release_type: "Nightly".to_owned(),
            incremental: "Eng.1".to_owned(),
            ..Phone::default()
        }
    }

    fn url(generation: Generation, property: &str) -> Result<String, UrlFault> {
        request(generation, property, &phone()).map(|request| request.url)
    }

    #[test]
    fn oldest_updater_posts_to_the_property_itself() {
        let request = request(Generation::Cm12, "http://h/api", &phone()).unwrap();
        assert_eq!(
            (request.method, &*request.url),
            (Method::Post, "http://h/api")
        );
        assert_eq!(
            request.body.as_deref(),
            Some(
                r#"{"method":"get_all_builds","params":{"device":"Dev","channels":["nightly"],"source_incremental":"Eng.1"}}"#
            )
        );
        assert_eq!(
            request.delta_url.as_deref(),
            Some("http://h/api/v1/build/get_delta")
        );
        let snapshot = Phone {
            release_type: "SNAPSHOT".to_owned(),
            ..phone()
        };
        assert!(cm12_body(&snapshot).contains(r#"["snapshot"]"#));
        assert!(url(Generation::Cm12, "https://h/{device}").is_err());
    }

    #[test]
    fn updater_requests_the_list_of_the_next_device() {
        let template = "https://h/{device}/{device}?{type}#{incr}";
        let new = "https://h/next/next?nightly#Eng.1";
        assert_eq!(url(Generation::Java22, template).as_deref(), Ok(new));
        let first = "https://h/v1/next/nightly/Eng.1";
        assert_eq!(url(Generation::First15, "https://h").as_deref(), Ok(first));
        let old = "https://h/v1/Dev/nightly/Eng.1";
        assert_eq!(url(Generation::Cm14, "https://h").as_deref(), Ok(old));
    }

    #[test]
    fn blank_property_is_unset_for_the_updater_and_malformed_for_cmupdater() {
        for generation in Generation::LINEAGE {
            let blank = url(generation, " \t");
            assert_eq!(blank.is_err(), generation.is_cmupdater(), "{generation}");
            assert!(
                url(generation, "")
                    .unwrap()
                    .starts_with("https://download.")
            );
        }
        // Blank for Kotlin, but not for `String.trim` of Java.
        assert!(url(Generation::Java22, "\u{a0}").is_err());
        assert!(url(Generation::Kotlin23, "\u{a0}").is_ok());
    }

    #[test]
    fn new_updaters_refuse_plain_http() {
        for generation in Generation::ALL {
            assert!(url(generation, "ftp://h").is_err());
            assert!(url(generation, "h/api").is_err());
            assert_eq!(
                url(generation, "http://h").is_ok(),
                generation < Generation::Java22 || generation == Generation::Custota
            );
            assert_eq!(
                url(generation, "HTTPS://h").is_ok(),
                !generation.is_kotlin()
            );
        }
        assert_eq!(
            url(Generation::Java22, "http://h").unwrap_err().to_string(),
            "`http://h` is not https, and the updater refuses plain http"
        );
    }
}
