//! Where phones download a build: URL templates and their precedence.
//!
//! In: a [`Build`] and the configured templates. Out: one absolute https URL,
//! percent-encoded. Update clients refuse plain http and use the address as it
//! is.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::model::build::Build;

/// Everything but the unreserved characters of RFC 3986, 2.3.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// As [`SEGMENT`], but leaves the slashes of a path.
const PATH: &AsciiSet = &SEGMENT.remove(b'/');

/// The facts a template may name.
pub const PLACEHOLDERS: [&str; 15] = [
    "device",
    "variant",
    "romtype",
    "version",
    "datetime",
    "incremental",
    "source_incremental",
    "sdk_level",
    "security_patch",
    "kind",
    "size",
    "md5",
    "sha256",
    "filename",
    "path",
];

/// An address that phones refuse, of the site or of a zip.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a usable address: {reason}", .url.escape_debug())]
pub struct BadUrl {
    /// The address or template.
    pub url: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Longest address, in bytes: what every server should take (RFC 9110, 4.1).
const MAX_LEN: usize = 8000;

/// Checks that a URL is absolute, https and already percent-encoded.
///
/// # Errors
/// [`BadUrl`] with the reason.
pub fn check_https(url: &str) -> Result<(), BadUrl> {
    let bad = |reason: &str| {
        Err(BadUrl {
            url: url.to_owned(),
            reason: reason.to_owned(),
        })
    };
    let Some(rest) = url.strip_prefix("https://") else {
        return bad("it must begin with https:// (phones refuse plain http)");
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.contains('@') {
        return bad("it carries a user name");
    }
    // Within `[` and `]` is an IPv6 address, whose colons begin no port.
    let (host_name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port),
        _ => (host, ""),
    };
    if host_name.is_empty() {
        return bad("it names no host");
    }
    let is_port = |port: &str| {
        port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    if !port.is_empty() && !is_port(port) {
        return bad("its port is not a number from 1 to 65535");
    }
    if url.len() > MAX_LEN {
        return bad("it is longer than 8000 bytes, which servers may refuse");
    }
    if url.contains('#') {
        return bad("it has a fragment (#)");
    }
    let is_raw = |byte: u8| {
        matches!(
            byte,
            0..=b' ' | 0x7f..=0xff | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}'
        )
    };
    if url.bytes().any(is_raw) {
        return bad("it holds characters that must be percent-encoded");
    }
    let is_encoded = |after: &str| {
        let digits = after.as_bytes().first_chunk::<2>();
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !url.split('%').skip(1).all(is_encoded) {
        return bad("a % in it is not followed by two hex digits");
    }
    Ok(())
}

/// A download address with placeholders, for example `https://host/{device}/{filename}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlTemplate {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Fact(&'static str),
}

impl UrlTemplate {
    /// Parses a template.
    ///
    /// # Errors
    /// [`BadUrl`] if it is not an https address, has an unknown placeholder, or would
    /// give every build the same address.
    pub fn parse(text: &str) -> Result<UrlTemplate, BadUrl> {
        let bad = |reason: String| BadUrl {
            url: text.to_owned(),
            reason,
        };
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| bad("a `{` is never closed".to_owned()))?;
            let fact = PLACEHOLDERS
                .iter()
                .find(|known| **known == name)
                .ok_or_else(|| {
                    bad(format!(
                        "`{{{name}}}` is unknown; there are {{{}}}",
                        PLACEHOLDERS.join("}, {")
                    ))
                })?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Fact(fact));
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        let names_build = parts.iter().any(|part| {
            matches!(
                part,
                Part::Fact("filename" | "path" | "sha256" | "md5" | "datetime")
            )
        });
        if !names_build {
            return Err(bad(
                "it gives every build the same address; add {filename} or {path}".to_owned(),
            ));
        }
        let sample: String = parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.as_str(),
                Part::Fact(_) => "x",
            })
            .collect();
        check_https(&sample).map_err(|error| bad(error.reason))?;
        Ok(UrlTemplate { parts })
    }

    /// Returns whether the template has a placeholder, named without its braces.
    #[must_use]
    pub fn names(&self, placeholder: &str) -> bool {
        self.parts
            .iter()
            .any(|part| matches!(part, Part::Fact(name) if *name == placeholder))
    }

    /// Returns whether an address that begins like this can come from the template.
    #[must_use]
    pub fn can_begin_with(&self, begin: &str) -> bool {
        let Some(Part::Text(start)) = self.parts.first() else {
            return true;
        };
        let len = start.len().min(begin.len());
        start.as_bytes()[..len].eq_ignore_ascii_case(&begin.as_bytes()[..len])
    }

    /// Fills in the facts of a build; `None` if the build lacks one of them.
    #[must_use]
    pub fn render(&self, build: &Build) -> Option<String> {
        let mut address = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => address.push_str(text),
                Part::Fact("path") => address.extend(utf8_percent_encode(&build.path, PATH)),
                Part::Fact(name) => {
                    let fact = fact(build, name)?;
                    address.extend(utf8_percent_encode(&fact, SEGMENT));
                }
            }
        }
        Some(address)
    }
}

/// A path with each segment percent-encoded.
#[must_use]
pub fn encode_path(path: &str) -> String {
    utf8_percent_encode(path, PATH).to_string()
}

/// Returns the name of a file at its address: the last part of the path, decoded; none if it is not a name.
#[must_use]
pub fn name_at(url: &str) -> Option<String> {
    let path = url.split('?').next()?;
    let name = percent_decode_str(path.rsplit('/').next()?).decode_utf8();
    let is_name = |name: &str| {
        !["", ".", ".."].contains(&name)
            && !name.contains(['/', '\\'])
            && !name.contains(char::is_control)
    };
    let name = name.ok().filter(|name| is_name(name))?;
    Some(name.into_owned())
}

fn fact(build: &Build, name: &str) -> Option<String> {
    match name {
        "device" => Some(build.device.to_string()),
        "variant" => build.variant.as_ref().map(ToString::to_string),
        "romtype" => Some(build.romtype.to_string()),
        "version" => Some(build.version.clone()),
        "datetime" => Some(build.timestamp.to_string()),
        "incremental" => build.incremental.clone(),
        "source_incremental" => build.kind.source_incremental().map(str::to_owned),
        "sdk_level" => build.sdk_level.map(|sdk| sdk.to_string()),
        "security_patch" => build.security_patch.clone(),
        "kind" => Some(build.kind.as_str().to_owned()),
        "size" => Some(build.size.to_string()),
        // A build that is not hashed yet will have one.
        "md5" | "sha256" if build.identity().is_empty() => Some(String::new()),
        "md5" => build.md5.clone(),
        "sha256" => build.sha256.clone(),
        "filename" => Some(build.filename.clone()),
        _ => None,
    }
}

/// The path of an address, without a closing slash.
#[must_use]
pub fn path_of(base_url: &str) -> String {
    let after_scheme = base_url
        .split_once("://")
        .map_or(base_url, |(_, rest)| rest);
    let path = after_scheme.find('/').map(|at| &after_scheme[at..]);
    path.unwrap_or_default().trim_end_matches('/').to_owned()
}

/// Checks the address the site is published at, and drops a closing slash.
///
/// # Errors
/// [`BadUrl`] with the reason.
pub fn parse_base(url: &str) -> Result<String, BadUrl> {
    check_https(url)?;
    if url.contains('?') {
        return Err(BadUrl {
            url: url.to_owned(),
            reason: "a base address has no query (?)".to_owned(),
        });
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// Checks the address of romfeed's own server, which may be plain http: old phones use http, and a
/// proxy or tunnel may add https.
///
/// # Errors
/// [`BadUrl`] with the reason.
pub fn parse_server(url: &str) -> Result<String, BadUrl> {
    let Some(rest) = url.strip_prefix("http://") else {
        if !url.starts_with("https://") {
            return Err(BadUrl {
                url: url.to_owned(),
                reason: "it must begin with https://, or with http:// for phones that take it"
                    .to_owned(),
            });
        }
        return parse_base(url);
    };
    match parse_base(&format!("https://{rest}")) {
        Ok(base) => Ok(base.replacen("https://", "http://", 1)),
        Err(error) => Err(BadUrl {
            url: url.to_owned(),
            reason: error.reason,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_an_address() {
        for (url, path) in [
            ("https://h", ""),
            ("https://h/", ""),
            ("https://h:1/ota/x", "/ota/x"),
            ("http://[::1]:80", ""),
            ("", ""),
        ] {
            assert_eq!(path_of(url), path);
        }
    }
    use crate::model::build::{Device, Romtype};

    fn build(path: &str) -> Build {
        Build {
            sha256: Some("s".into()),
            ..Build::new(
                Device::parse("bacon").unwrap(),
                Romtype::parse("NIGHTLY").unwrap(),
                "21.0".into(),
                1_700_000_000,
                path.to_owned(),
                1,
            )
        }
    }

    #[test]
    fn values_are_percent_encoded_and_paths_keep_their_slashes() {
        let template = UrlTemplate::parse("https://h/{device}/{filename}").unwrap();
        assert_eq!(
            template.render(&build("a b/c?#% ü.zip")).unwrap(),
            "https://h/bacon/c%3F%23%25%20%C3%BC.zip"
        );
        let template = UrlTemplate::parse("https://h/{path}?t={datetime}").unwrap();
        assert_eq!(
            template.render(&build("a b/c+d.zip")).unwrap(),
            "https://h/a%20b/c%2Bd.zip?t=1700000000"
        );
        // A fact that is absent leaves no hole in an address.
        let template = UrlTemplate::parse("https://h/{incremental}/{path}").unwrap();
        assert_eq!(template.render(&build("a.zip")), None);
        assert!(UrlTemplate::parse("https://h/100%/{path}").is_err());
    }

    #[test]
    fn the_name_at_an_address_is_decoded() {
        for (url, name) in [
            ("https://h/a/x%20y.img?raw=1", Some("x y.img")),
            ("https://h/a/", None),
            ("https://h/a/..", None),
            ("https://h/a%2Fb", None),
            ("https://h/%ff", None),
            ("https://h/a%0Ab", None),
        ] {
            assert_eq!(name_at(url).as_deref(), name, "{url}");
        }
    }

    #[test]
    fn templates_no_phone_would_take_are_refused() {
        for (text, word) in [
            ("http://h/{filename}", "https"),
            ("https://{filename", "closed"),
            ("https:///{filename}", "host"),
            ("https://h/{file}", "{filename}"),
            ("https://h/{device}", "same address"),
            ("https://h/a b/{filename}", "percent-encoded"),
            ("https://h/{filename}#x", "fragment"),
            ("https://u:p@h/{filename}", "user name"),
        ] {
            let error = UrlTemplate::parse(text).unwrap_err();
            assert!(error.to_string().contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn base_address_loses_its_closing_slash() {
        assert_eq!(
            parse_base("https://h:8443/ota/").unwrap(),
            "https://h:8443/ota"
        );
        assert!(parse_base("https://h/?x=1").is_err());
        assert!(parse_base("ftp://h").is_err());
        assert!(parse_base("https://h/{device}").is_err());
    }
    #[test]
    fn addresses_that_no_phone_can_ask_are_refused() {
        let long = |len: usize| format!("https://h/{}", "a".repeat(len - 10));
        for url in [
            "https://h:1/x",
            "https://h:65535/x",
            "https://h:/x",
            "https://[::1]:8443/x",
        ] {
            check_https(url).unwrap();
        }
        check_https("https://[2001:db8::1]/x").unwrap();
        check_https(&long(8000)).unwrap();
        for (url, reason) in [
            ("https://h:0/x".to_owned(), "port"),
            ("https://h:65536/x".to_owned(), "port"),
            ("https://h:+80/x".to_owned(), "port"),
            ("https://[::1]:x/x".to_owned(), "port"),
            ("https://:443/x".to_owned(), "names no host"),
            ("https://a:b@h/x".to_owned(), "user name"),
            (long(8001), "8000 bytes"),
        ] {
            let error = check_https(&url).unwrap_err();
            assert!(error.reason.contains(reason), "{url}: {error}");
        }
    }
}
