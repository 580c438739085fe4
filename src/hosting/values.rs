//! Values that are safe in scripts and configurations without quotes: they have no quotes and blanks,
//! do not begin like an option and do not lead out of a folder.

/// A value that is not safe in scripts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} `{}` {reason}", .value.escape_debug())]
pub struct BadValue {
    /// What the value is for.
    pub what: &'static str,
    /// The value.
    pub value: String,
    /// What is wrong with it, as the end of a sentence about the value.
    pub reason: &'static str,
}

pub(super) fn bad<T>(what: &'static str, value: &str, reason: &'static str) -> Result<T, BadValue> {
    Err(BadValue {
        what,
        value: value.to_owned(),
        reason,
    })
}

/// Returns whether a value is one segment of a path and not an option: letters, digits and `. _ - ~`,
/// without `-` or `~` at its beginning.
pub(super) fn is_segment(value: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-~".contains(c);
    !value.is_empty()
        && !matches!(value, "." | "..")
        && !value.starts_with(['-', '~'])
        && value.chars().all(is_plain)
}

/// Returns whether a value is the name of a host: at least two labels of letters, digits and `-`.
pub(super) fn is_domain(value: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    value.len() <= 253 && value.contains('.') && value.split('.').all(is_label)
}

/// The address of a site: https, a host, optionally a port and a path of plain segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    url: String,
    host_len: usize,
}

const SCHEME: &str = "https://";
/// The port of https.
const HTTPS_PORT: &str = "443";

impl Base {
    /// Checks an address from [`crate::model::address::parse_base`].
    ///
    /// # Errors
    /// [`BadValue`] with the reason.
    pub fn parse(url: &str) -> Result<Base, BadValue> {
        let what = "the address";
        let Some(rest) = url.strip_prefix(SCHEME) else {
            return bad(what, url, "does not begin with https://");
        };
        let host = rest.split('/').next().unwrap_or_default();
        let (domain, port) = host.split_once(':').unwrap_or((host, HTTPS_PORT));
        if !(is_domain(domain) || domain == "localhost") || port.parse::<u16>().is_err() {
            return bad(
                what,
                url,
                "has a host with characters other than letters, digits, - and .",
            );
        }
        let mut segments = rest.split('/').skip(1);
        if !segments.all(is_segment) {
            return bad(
                what,
                url,
                "has a path with characters other than letters, digits and . _ - ~",
            );
        }
        Ok(Base {
            url: url.to_owned(),
            host_len: host.len(),
        })
    }

    /// Returns the whole address, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// Returns the host, with the port if there is one.
    #[must_use]
    pub fn host(&self) -> &str {
        let rest = self.url.get(SCHEME.len()..).unwrap_or_default();
        rest.get(..self.host_len).unwrap_or_default()
    }

    /// Returns the name of the host.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.host().split(':').next().unwrap_or_default()
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> &str {
        let port = self.host().split_once(':');
        port.map_or(HTTPS_PORT, |(_, port)| port)
    }

    /// Returns the path: empty, or with a slash before each segment.
    #[must_use]
    pub fn prefix(&self) -> &str {
        let start = SCHEME.len().saturating_add(self.host_len);
        self.url.get(start..).unwrap_or_default()
    }
}

/// A path of plain segments: below the maintainer's folder, or for packages anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainPath(String);

impl PlainPath {
    /// Checks a path with `/` between its segments.
    ///
    /// # Errors
    /// [`BadValue`] with the reason.
    pub fn parse(value: &str) -> Result<PlainPath, BadValue> {
        match value.split('/').all(is_segment) {
            true => Ok(PlainPath(value.to_owned())),
            false => bad(
                "the path",
                value,
                "is not below this folder, or has characters other than letters, digits and . _ - ~",
            ),
        }
    }

    /// Checks the path of a catalog, which ends in `/` if it is a folder.
    ///
    /// # Errors
    /// [`BadValue`] with the reason.
    pub fn parse_catalog(value: &str) -> Result<PlainPath, BadValue> {
        PlainPath::parse(value.strip_suffix('/').unwrap_or(value))?;
        Ok(PlainPath(value.to_owned()))
    }

    /// Checks a path that may also begin with `/` or with `../`.
    ///
    /// # Errors
    /// [`BadValue`] with the reason.
    pub fn parse_anywhere(value: &str) -> Result<PlainPath, BadValue> {
        let is_plain = match value.strip_prefix('/') {
            Some(below) => below.split('/').all(is_segment),
            None => {
                let mut segments = value.split('/').skip_while(|segment| *segment == "..");
                !value.is_empty() && segments.all(is_segment)
            }
        };
        match is_plain {
            true => Ok(PlainPath(value.to_owned())),
            false => bad(
                "the path",
                value,
                "has characters other than letters, digits and . _ - ~",
            ),
        }
    }

    /// Returns the path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether the path leads out of the maintainer's folder.
    #[must_use]
    pub fn is_outside(&self) -> bool {
        self.0.starts_with('/') || self.0.split('/').next() == Some("..")
    }

    /// Returns the pattern of the files of a catalog, for `.gitattributes` and GitLab's `exists`. Neither of them
    /// takes the name of a folder for the files in it.
    #[must_use]
    pub fn catalog_files(&self) -> String {
        match self.0.ends_with('/') {
            true => format!("{}*.json", self.0),
            false => self.0.clone(),
        }
    }

    /// Returns the path of another file in the same folder.
    #[must_use]
    pub fn sibling(&self, name: &str) -> String {
        match self.0.trim_end_matches('/').rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{name}"),
            None => name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_split_into_their_parts() {
        let base = Base::parse("https://h.example:8443/a/b.c").unwrap();
        assert_eq!(
            (base.host(), base.domain(), base.port(), base.prefix()),
            ("h.example:8443", "h.example", "8443", "/a/b.c")
        );
        let base = Base::parse("https://h.example").unwrap();
        assert_eq!((base.port(), base.prefix()), ("443", ""));
    }

    #[test]
    fn values_with_a_meaning_for_shells_or_hosts_are_refused() {
        for url in [
            "http://h.example",
            "https://h.example/$(id)",
            "https://h.example/a b",
            "https://h.example/a//b",
            "https://h.example/../b",
            "https://h.example/a;b",
            "https://h.example/a'b",
            "https://h.example/-rf",
            "https://-h.example",
            "https://h.example:x",
            "https://h",
            "https://h.example/a\nb",
        ] {
            assert!(Base::parse(url).is_err(), "{url}");
        }
        for path in [
            "", "/a", "a/", "../a", "a b", "-a", "~a", "a'b", "a\nb", "a\\b",
        ] {
            assert!(PlainPath::parse(path).is_err(), "{path}");
        }
        assert_eq!(PlainPath::parse("a/.b").unwrap().sibling("c"), "a/c");
    }

    #[test]
    fn a_catalog_may_be_a_folder() {
        for (path, files, sibling) in [
            ("a/b.json", "a/b.json", "a/c"),
            ("a/b/", "a/b/*.json", "a/c"),
            ("b/", "b/*.json", "c"),
        ] {
            let catalog = PlainPath::parse_catalog(path).unwrap();
            assert_eq!(catalog.as_str(), path);
            assert_eq!(catalog.catalog_files(), files);
            assert_eq!(catalog.sibling("c"), sibling);
        }
        for path in ["", "/", "//", "a//", "../a/", "a b/", "-a/"] {
            assert!(PlainPath::parse_catalog(path).is_err(), "{path}");
        }
    }

    #[test]
    fn packages_may_be_outside_the_folder() {
        for (path, is_outside) in [
            ("a/b", false),
            ("/mnt/roms", true),
            ("../roms", true),
            ("../../a.b/c", true),
            ("..", true),
            ("..a", false),
        ] {
            let parsed = PlainPath::parse_anywhere(path).unwrap();
            assert_eq!(parsed.is_outside(), is_outside, "{path}");
        }
        for path in [
            "", "/", "/..", "/../a", "a/../b", "../a b", "/a/$(id)", "//a", "../",
        ] {
            assert!(PlainPath::parse_anywhere(path).is_err(), "{path}");
        }
    }
}
