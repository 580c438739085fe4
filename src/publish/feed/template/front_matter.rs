//! The head of a feed template: a comment of TOML, as
//!
//! ```text
//! {#
//! scope = "device"
//! path = "crdroid/{device}.json"
//! format = "json"
//! #}
//! ```
//!
//! In: a template's text. Out: [`FrontMatter`], or the line of what is wrong.

use serde::Deserialize;
use toml::Spanned;

use super::context::BuildValues;
use crate::markup::template::Format;

/// How many pages a template makes, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// One for each full build.
    Build,
    /// One for each device.
    Device,
    /// One for each device and release type.
    Romtype,
    /// One for each incremental that phones of a device and release type may run.
    Incremental,
    /// One.
    Site,
}

impl Scope {
    /// As it stands in a template.
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

    /// What a path may name.
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

/// What becomes of a page that no build belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Empty {
    /// It is not made.
    Skip,
    /// It is made, with an empty list of builds.
    #[default]
    Render,
}

/// A list of romfeed's own, in place of a template's text.
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
struct Wire {
    scope: Scope,
    path: Spanned<String>,
    #[serde(default)]
    format: Format,
    #[serde(default)]
    empty: Empty,
    #[serde(default)]
    requires: Vec<Spanned<String>>,
    list: Option<Spanned<List>>,
}

/// What the head of a template says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrontMatter {
    /// What a page is about.
    pub scope: Scope,
    /// Where pages lie.
    pub path: String,
    /// The line of `path`.
    pub path_line: usize,
    /// How they are written.
    pub format: Format,
    /// Whether there are pages without builds.
    pub empty: Empty,
    /// The facts of [`BuildValues::OPTIONAL`] that its clients need: builds without them are left out.
    pub requires: Vec<&'static str>,
    /// The list that its pages are; with it, the template has no text.
    pub list: Option<List>,
}

/// A head that cannot be understood: the line, counted from 1, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// Reads the head of a template.
///
/// # Errors
/// [`Fault`] with the line.
pub fn parse(text: &str) -> Result<FrontMatter, Fault> {
    let missing = |message: &str| Fault {
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
    let fault = |offset: usize, message: String| Fault {
        line: line_of(offset),
        message,
    };
    let wire = toml::from_str::<Wire>(head).map_err(|error| {
        // A key that is missing is missing from the whole.
        let start = error.span().map_or(0, |span| span.start);
        fault(start, error.message().trim().replace('\n', " "))
    })?;
    let requires = wire.requires.iter().map(|name| {
        let known = BuildValues::OPTIONAL;
        let found = known.into_iter().find(|fact| *fact == name.get_ref());
        found.ok_or_else(|| {
            let name_text = name.get_ref().escape_debug();
            let message = format!(
                "requires `{name_text}`, which is not a fact that may be unknown; those are {}",
                known.join(", ")
            );
            fault(name.span().start, message)
        })
    });
    let requires = requires.collect::<Result<_, _>>()?;
    if let Some(list) = &wire.list {
        let message = match wire.scope {
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
    Ok(FrontMatter {
        scope: wire.scope,
        path_line: line_of(wire.path.span().start),
        path: wire.path.into_inner(),
        format: wire.format,
        empty: wire.empty,
        requires,
        list: wire.list.map(Spanned::into_inner),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_and_its_faults_have_a_line() {
        let front = parse("{#\nscope = \"device\"\npath = \"{device}.x\"\n#}\n{}").unwrap();
        let expected = FrontMatter {
            scope: Scope::Device,
            path: "{device}.x".into(),
            path_line: 3,
            format: Format::Json,
            empty: Empty::Render,
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
                "`md6`, which is not a fact",
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
            ("{#\nscope = 'device'\npath = 'x'\nlist = 'v3'\n#}", 4, "v3"),
        ] {
            let fault = parse(text).unwrap_err();
            assert_eq!(fault.line, line, "{text}: {fault:?}");
            assert!(fault.message.contains(message), "{text}: {fault:?}");
            assert!(!fault.message.contains('\n'), "{fault:?}");
        }
    }
}
