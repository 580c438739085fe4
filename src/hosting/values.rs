//! Values that scripts and settings of hosts may hold as they are: no quotes, no blanks, nothing
//! that begins an option or leads out of a folder.

/// A value that a kit cannot hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} `{}` {reason}", .value.escape_debug())]
pub struct BadValue {
    /// What it was to be.
    pub what: &'static str,
    /// The value.
    pub value: String,
    /// What is wrong with it, as a fragment of a sentence on the value.
    pub reason: &'static str,
}

fn bad<T>(what: &'static str, value: &str, reason: &'static str) -> Result<T, BadValue> {
    Err(BadValue {
        what,
        value: value.to_owned(),
        reason,
    })
}

/// Whether a value is one segment of a path, and no option: letters, digits and `. _ - ~`, and it
/// begins with none of `- ~`.
pub(super) fn is_segment(value: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-~".contains(c);
    !value.is_empty()
        && !matches!(value, "." | "..")
        && !value.starts_with(['-', '~'])
        && value.chars().all(is_plain)
}

/// Whether a value is the name of a host: labels of letters, digits and `-`, at least two.
pub(super) fn is_domain(value: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    value.len() <= 253 && value.contains('.') && value.split('.').all(is_label)
}

/// The address of a site: https, a host, perhaps a port, perhaps a path of plain segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    url: String,
    host_len: usize,
}

const SCHEME: &str = "https://";

impl Base {
    /// Checks an address that [`crate::model::address::parse_base`] gave.
    ///
    /// # Errors
    /// [`BadValue`] with the reason.
    pub fn parse(url: &str) -> Result<Base, BadValue> {
        let what = "the address";
        let Some(rest) = url.strip_prefix(SCHEME) else {
            return bad(what, url, "does not begin with https://");
        };
        let host = rest.split('/').next().unwrap_or_default();
        let (domain, port) = host.split_once(':').unwrap_or((host, "443"));
        if !(is_domain(domain) || domain == "localhost") || port.parse::<u16>().is_err() {
            return bad(what, url, "has no host of letters, digits, - and .");
        }
        let mut segments = rest.split('/').skip(1);
        if !segments.all(is_segment) {
            return bad(
                what,
                url,
                "has a path of more than letters, digits and . _ - ~",
            );
        }
        Ok(Base {
            url: url.to_owned(),
            host_len: host.len(),
        })
    }

    /// All of it, without a closing slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// The host, with the port if there is one.
    #[must_use]
    pub fn host(&self) -> &str {
        let rest = self.url.get(SCHEME.len()..).unwrap_or_default();
        rest.get(..self.host_len).unwrap_or_default()
    }

    /// The host's name.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.host().split(':').next().unwrap_or_default()
    }

    /// The path: empty, or with a slash before each segment.
    #[must_use]
    pub fn prefix(&self) -> &str {
        let start = SCHEME.len().saturating_add(self.host_len);
        self.url.get(start..).unwrap_or_default()
    }
}

/// A path below the maintainer's folder, of plain segments.
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
                "is not below this folder, or has more in it than letters, digits and . _ - ~",
            ),
        }
    }

    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path of what lies beside it.
    #[must_use]
    pub fn beside(&self, name: &str) -> String {
        match self.0.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{name}"),
            None => name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let base = Base::parse("https://h.example:8443/a/b.c").unwrap();
        assert_eq!(
            (base.host(), base.domain(), base.prefix()),
            ("h.example:8443", "h.example", "/a/b.c")
        );
        assert_eq!(Base::parse("https://h.example").unwrap().prefix(), "");
    }

    #[test]
    fn what_a_shell_or_a_host_would_take_for_its_own_is_refused() {
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
        assert_eq!(PlainPath::parse("a/.b").unwrap().beside("c"), "a/c");
    }
}
