//! The head of a feed template: a comment with TOML, for example
//!
//! ```text
//! {#
//! scope = "device"
//! path = "crdroid/{device}.json"
//! format = "json"
//! #}
//! ```
//!
//! In: the text of a template. Out: [`FrontMatter`], or an error with its line.

use std::num::NonZeroUsize;

use serde::Deserialize;
use toml::Spanned;

use super::context::BuildValues;
use crate::files::plain_types;
use crate::markup::template::Format;

/// What each page of a template is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// A page for each full build.
    Build,
    /// A page for each device.
    Device,
    /// A page for each device and release type.
    Romtype,
    /// A page for each incremental that phones of a device and release type may run.
    Incremental,
    /// One page.
    Site,
}

impl Scope {
    /// Returns its name in templates.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Build => "build",
            Scope::Device => "device",
            Scope::Romtype => "romtype",
            Scope::Incremental => "incremental",
            Scope::Site => "site",
        }
    }

    /// Returns the placeholders that a path may have.
    #[must_use]
    pub fn placeholders(self) -> &'static [&'static str] {
        match self {
            Scope::Build => &[
                "device",
                "romtype",
                "incremental",
                "version",
                "datetime",
                "filename",
                "sha256",
                "id",
                "variant",
            ],
            Scope::Device => &["device", "version", "variant"],
            Scope::Romtype => &["device", "romtype", "version", "variant"],
            Scope::Incremental => &["device", "romtype", "incremental", "variant"],
            Scope::Site => &["variant"],
        }
    }
}

/// Whether a page without builds is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Empty {
    /// It is not made.
    Skip,
    /// It is made, with an empty list of builds.
    #[default]
    Render,
}

/// A built-in list, in place of a template's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum List {
    /// `{"response":[…]}`, for LineageOS 15.1 to 22.x.
    V1,
    /// A top-level array, for LineageOS 23.2 on.
    V2,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadToml {
    scope: Scope,
    path: Spanned<String>,
    #[serde(default)]
    format: Format,
    #[serde(default)]
    empty: Empty,
    #[serde(default)]
    requires: Vec<Spanned<String>>,
    list: Option<Spanned<List>>,
    limit: Option<Spanned<NonZeroUsize>>,
}

/// The settings in the head of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrontMatter {
    /// What a page is about.
    pub scope: Scope,
    /// The path of a page.
    pub path: String,
    /// The line of `path`.
    pub path_line: usize,
    /// The format of pages.
    pub format: Format,
    /// Whether pages without builds are made.
    pub empty: Empty,
    /// The facts of [`BuildValues::OPTIONAL`] that its clients need; builds without them are left out.
    pub requires: Vec<&'static str>,
    /// The built-in list that makes its pages, if the template has no text.
    pub list: Option<List>,
    /// Most builds on a page about all devices, the newest.
    pub limit: Option<usize>,
}

/// An error in the head of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// Reads the head of a template.
///
/// # Errors
/// [`HeadError`] with the line.
pub fn parse(text: &str) -> Result<FrontMatter, HeadError> {
    let missing = |message: &str| HeadError {
        line: 1,
        message: message.to_owned(),
    };
    let rest = text.strip_prefix("{#").ok_or_else(|| {
        missing("a feed template begins with {# and its settings: scope = …, path = …, format = …")
    })?;
    let (head, body) = rest
        .split_once("#}")
        .ok_or_else(|| missing("the comment with the settings does not end: no #}"))?;
    // `{#-` and `-#}` are comments as well.
    let head = head.strip_prefix('-').unwrap_or(head);
    let head = head.strip_suffix('-').unwrap_or(head);
    let line_of = |offset: usize| 1 + head.get(..offset).unwrap_or(head).matches('\n').count();
    let fault = |offset: usize, message: String| HeadError {
        line: line_of(offset),
        message,
    };
    let toml = toml::from_str::<HeadToml>(head).map_err(|error| {
        // The error of a missing key has no position.
        let start = error.span().map_or(0, |span| span.start);
        let message = error.message().trim().replace('\n', " ");
        fault(start, plain_types(&message, "a table"))
    })?;
    let requires = toml.requires.iter().map(|name| {
        let known = BuildValues::OPTIONAL;
        let found = known.into_iter().find(|fact| *fact == name.get_ref());
        found.ok_or_else(|| {
            let name_text = name.get_ref().escape_debug();
            let message = format!(
                "requires `{name_text}`, which is not an optional fact; the optional facts are {}",
                known.join(", ")
            );
            fault(name.span().start, message)
        })
    });
    let requires = requires.collect::<Result<_, _>>()?;
    if let Some(list) = &toml.list {
        let message = match toml.scope {
            Scope::Device | Scope::Romtype if body.trim().is_empty() => None,
            Scope::Device | Scope::Romtype => {
                Some("a template with a `list` has no text of its own")
            }
            _ => Some("a `list` needs the scope device or romtype"),
        };
        if let Some(message) = message {
            return Err(fault(list.span().start, message.to_owned()));
        }
    }
    if let Some(limit) = toml.limit.as_ref().filter(|_| toml.scope != Scope::Site) {
        let message = "a `limit` needs the scope site".to_owned();
        return Err(fault(limit.span().start, message));
    }
    Ok(FrontMatter {
        scope: toml.scope,
        path_line: line_of(toml.path.span().start),
        path: toml.path.into_inner(),
        format: toml.format,
        empty: toml.empty,
        requires,
        list: toml.list.map(Spanned::into_inner),
        limit: toml.limit.map(|limit| limit.into_inner().get()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_and_errors_have_a_line() {
        let front = parse("{#\nscope = \"device\"\npath = \"{device}.x\"\n#}\n{}").unwrap();
        let expected = FrontMatter {
            scope: Scope::Device,
            path: "{device}.x".into(),
            path_line: 3,
            format: Format::Json,
            empty: Empty::Render,
            limit: None,
            requires: Vec::new(),
            list: None,
        };
        assert_eq!(front, expected);
        assert!(parse("{#- scope = 'site'\npath = 'x' -#}").is_ok());
        let list = "{#\nscope = 'device'\npath = 'x'\nlist = 'v2'\nrequires = ['sha256']\n#}\n";
        let front = parse(list).unwrap();
        assert_eq!(
            (front.list, front.requires),
            (Some(List::V2), vec!["sha256"])
        );
        for (text, line, message) in [
            ("", 1, "begins with {#"),
            ("{# scope = 'site'", 1, "does not end"),
            ("{#\nscope = 'site'\n#}", 1, "path"),
            ("{#\nscope = 'site'\npaht = 'x'\n#}", 3, "paht"),
            ("{#\nscope = 'phone'\npath = 'x'\n#}", 2, "phone"),
            ("{#\nscope = 'site'\npath = \n#}", 3, ""),
            ("{#\npath = 'x'\nscope = 'site'\nempty = 'no'\n#}", 4, "no"),
            (
                "{#\nscope = 'site'\npath = 'x'\nrequires = ['md5', 'md6']\n#}",
                4,
                "`md6`, which is not an optional fact",
            ),
            (
                "{#\nscope = 'device'\npath = 'x'\nlist = 'v1'\n#}\n[]",
                4,
                "no text",
            ),
            (
                "{#\nscope = 'site'\npath = 'x'\nlist = 'v1'\n#}",
                4,
                "device or romtype",
            ),
            (
                "{#\nscope = 'device'\npath = 'x'\nrequires = 'md5'\n#}",
                4,
                "the text \"md5\", expected a list",
            ),
            ("{#\nscope = 'device'\npath = 'x'\nlist = 'v3'\n#}", 4, "v3"),
        ] {
            let fault = parse(text).unwrap_err();
            assert_eq!(fault.line, line, "{text}: {fault:?}");
            assert!(fault.message.contains(message), "{text}: {fault:?}");
            assert!(!fault.message.contains('\n'), "{fault:?}");
        }
    }
}
