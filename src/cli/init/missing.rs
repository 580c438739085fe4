//! Lines that `romfeed.toml` lacks.

use std::path::Path;

use romfeed::hosting::{Base, SETTINGS, Site};
use romfeed::model::config::{Config, DeviceFeed};

use super::{plain, plain_anywhere, plain_catalog, read_text};
use crate::cli::args::Places;
use crate::cli::config::{self, Flags};

/// Lines to add to the settings, or to change there.
pub(super) enum Missing {
    /// A key at the top level, and the number of the line that has it now.
    Key { line: String, number: Option<usize> },
    /// The lines of a `[[source]]`, without the heading.
    Source(Vec<String>),
}

impl Missing {
    /// Describes what the file lacks, as a part of a sentence.
    pub(super) fn lack(&self) -> String {
        match self {
            Missing::Key { line, number } => match number {
                None => format!("it lacks `{line}`"),
                Some(number) => format!("line {number} has to be `{line}`"),
            },
            Missing::Source(lines) => {
                format!("it lacks `[[source]]` with `{}`", lines.join("`, `"))
            }
        }
    }

    /// Returns what the user has to do.
    pub(super) fn step(&self) -> String {
        match self {
            Missing::Key { line, number } => match number {
                None => format!("put this line at the top of {SETTINGS}: {line}"),
                Some(number) => format!("change line {number} of {SETTINGS} to: {line}"),
            },
            Missing::Source(lines) => format!(
                "put these lines at the end of {SETTINGS}:\n    [[source]]\n    {}",
                lines.join("\n    ")
            ),
        }
    }
}

/// Resolves the settings in the file alone, without flags and environment; none if that fails.
pub(super) fn settings() -> Option<Config> {
    let places = Places::default();
    let resolved = config::resolve(None, Flags::new(&places)).ok()?;
    Some(resolved.config)
}

/// Returns what the settings in the file lack for a site.
pub(super) fn find(site: &Site) -> Vec<Missing> {
    let Some(config) = settings() else {
        return Vec::new();
    };
    let text = read_text(Path::new(SETTINGS))
        .ok()
        .flatten()
        .unwrap_or_default();
    let key = |key: &str, value: &str| Missing::Key {
        line: format!("{key} = \"{value}\""),
        number: find_line(&text, key),
    };
    let base = site.base.as_ref().map(Base::as_str);
    let mut missing = Vec::new();
    if let Some(base) = base.filter(|base| config.base_url.as_deref() != Some(base)) {
        missing.push(key("base_url", base));
    }
    if let Some(url) = site.zips.url().filter(|_| config.url.is_none()) {
        missing.push(key("url", &url));
    }
    let places = [
        ("builds", &site.builds, plain_anywhere(&config.builds)),
        ("out", &site.out, plain(&config.out)),
        ("catalog", &site.catalog, plain_catalog(&config.catalogs[0])),
        ("changelogs", &site.changelogs, plain(&config.changelogs)),
    ];
    for (name, wanted, set) in places {
        if set.as_ref() != Ok(wanted) {
            missing.push(key(name, wanted.as_str()));
        }
    }
    let is_default = config.device_feed == DeviceFeed::default();
    if let Some(feed) = site.device_feed.as_ref().filter(|_| is_default) {
        missing.push(key("device_feed", feed));
    }
    let listed = site.zips.listed();
    if let Some(listed) = listed.filter(|listed| !listed.is_in(&config.sources)) {
        missing.push(Missing::Source(listed.lines()));
    }
    missing
}

/// Returns the number of the line that sets a key at the top level, or that shows it as a comment.
fn find_line(text: &str, key: &str) -> Option<usize> {
    let is_key = |line: &str| {
        let name = line.split_once('=').map(|(name, _)| name.trim());
        name == Some(key)
    };
    let top = || {
        let lines = text.lines().map(str::trim).zip(1..);
        lines.take_while(|(line, _)| !line.starts_with('['))
    };
    let set = top().find(|(line, _)| is_key(line));
    let shown = || top().find(|(line, _)| line.strip_prefix('#').is_some_and(is_key));
    set.or_else(shown).map(|(_, number)| number)
}

#[cfg(test)]
mod tests {
    use super::find_line;

    #[test]
    fn a_line_that_sets_a_key_is_preferred_to_an_example_of_it() {
        let text = "# base_url = \"x\"\nurl=\"y\"\nbase_url = \"z\"\n[a]\nout = \"o\"\n";
        assert_eq!(find_line(text, "base_url"), Some(3));
        assert_eq!(find_line(text, "url"), Some(2));
        assert_eq!(find_line(text, "out"), None);
        assert_eq!(find_line("# base_url = \"x\"\n", "base_url"), Some(1));
    }
}
