//! The paths of a template's pages: a path with placeholders.
//!
//! In: a pattern such as `crdroid/{device}.json`, and the values of a page. Out: a path that stays
//! inside the site for all values.

use super::front_matter::Scope;
use crate::model::build::{path_fault, portable_fault};

/// Longest segment, in bytes: the longest name on common file systems.
const MAX_SEGMENT_LEN: usize = 255;

/// A path with placeholders that its scope defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Fact(&'static str),
}

impl Pattern {
    /// Checks a pattern.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str, scope: Scope) -> Result<Pattern, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                return Err("a { has no } behind it".to_owned());
            };
            let known = scope.placeholders();
            let Some(name) = known.iter().find(|known| **known == name) else {
                let name = name.escape_debug();
                return Err(format!(
                    "a template of scope {} has no {{{name}}}; there are {{{}}}",
                    scope.as_str(),
                    known.join("}, {")
                ));
            };
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Fact(name));
            rest = after;
        }
        if rest.contains('}') {
            return Err("a } has no { before it".to_owned());
        }
        parts.push(Part::Text(rest.to_owned()));
        let pattern = Pattern(parts);
        // With a valid value in each placeholder, only the text can be wrong.
        let path = pattern.fill(&|_| "x".to_owned());
        check(&path)?;
        // Only the text is checked: builds that were published under such a name stay published.
        let reserved = path
            .split('/')
            .find_map(|part| Some((part, portable_fault(part)?)));
        match reserved {
            Some((part, reason)) => Err(format!("`{part}` {reason}")),
            None => Ok(pattern),
        }
    }

    /// Whether the pattern has a placeholder for this fact.
    pub(super) fn names(&self, fact: &str) -> bool {
        let is_it = |part: &Part| matches!(part, Part::Fact(name) if *name == fact);
        self.0.iter().any(is_it)
    }

    fn fill(&self, value: &dyn Fn(&str) -> String) -> String {
        let text = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Fact(name) => value(name),
        };
        self.0.iter().map(text).collect()
    }

    /// Renders the path of a page.
    ///
    /// # Errors
    /// One line on a value that is missing or cannot be part of a path.
    pub(super) fn render(&self, value: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
        for part in &self.0 {
            let Part::Fact(name) = part else { continue };
            let Some(value) = value(name) else {
                return Err(format!("{{{name}}} is not known"));
            };
            if let Some(reason) = path_fault(&value) {
                let value = value.escape_debug();
                return Err(format!(
                    "{{{name}}} is `{value}`, which cannot be part of a path: {reason}"
                ));
            }
        }
        let path = self.fill(&|name| value(name).unwrap_or_default());
        check(&path)?;
        Ok(path)
    }
}

/// Checks that a path stays inside the site, outside of romfeed's own folder, and means the same on
/// all hosts and clients.
fn check(path: &str) -> Result<(), String> {
    let bad = |reason: &str| Err(format!("`{}` {reason}", path.escape_debug()));
    if path.is_empty() {
        return Err("it is empty".to_owned());
    }
    if path.starts_with('/') {
        return bad("begins with a slash; it is relative to the site");
    }
    if path.starts_with("builds/") {
        return bad("is in builds/, where the zips are");
    }
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "/._~+@-".contains(c);
    if let Some(c) = path.chars().find(|c| !is_safe(*c)) {
        let c = c.escape_debug();
        return bad(&format!(
            "holds `{c}`; only letters, digits and / . _ ~ + @ - are allowed"
        ));
    }
    for segment in path.split('/') {
        match segment {
            "" => return bad("has an empty part between slashes, or ends with one"),
            "." | ".." => return bad("has a part . or .."),
            ".well-known" => {}
            _ if segment.starts_with('.') => {
                return bad("has a hidden part, which begins with a dot");
            }
            _ if segment.ends_with('.') => return bad("has a part that ends with a dot"),
            _ if segment.len() > MAX_SEGMENT_LEN => {
                return bad("has a part that is longer than a file name can be");
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_may_only_use_placeholders_of_their_scope() {
        let pattern = Pattern::parse("a/{device}_{romtype}.json", Scope::Romtype).unwrap();
        let value = |name: &str| Some(format!("<{name}>").replace(['<', '>'], "-"));
        assert_eq!(pattern.render(&value).unwrap(), "a/-device-_-romtype-.json");
        assert!(pattern.names("device") && !pattern.names("version"));
        for (text, scope, message) in [
            (
                "{device}.json",
                Scope::Site,
                "scope site has no {device}; there are {variant}",
            ),
            ("{romtyp}", Scope::Romtype, "{device}, {romtype}"),
            ("{device", Scope::Device, "no }"),
            ("device}", Scope::Device, "no {"),
            ("", Scope::Site, "empty"),
            ("/etc/x", Scope::Site, "slash"),
            ("a//b", Scope::Site, "empty part"),
            ("a/", Scope::Site, "empty part"),
            ("../x", Scope::Site, ".."),
            ("a/./b", Scope::Site, "."),
            (".romfeed/manifest.json", Scope::Site, "hidden"),
            ("a/.{device}", Scope::Device, "hidden"),
            ("a\\b", Scope::Site, "holds `\\\\`"),
            ("a b", Scope::Site, "holds ` `"),
            ("a\nb", Scope::Site, "holds `\\n`"),
            ("c:x", Scope::Site, "holds `:`"),
            ("a./b", Scope::Site, "dot"),
            (
                "CON/{device}.json",
                Scope::Device,
                "`CON` is a name that Windows reserves",
            ),
            (
                "x/aux.{device}",
                Scope::Device,
                "`aux.x` is a name that Windows reserves",
            ),
            (
                "lpt1.json",
                Scope::Site,
                "`lpt1.json` is a name that Windows reserves",
            ),
        ] {
            let error = Pattern::parse(text, scope).unwrap_err();
            assert!(error.contains(message), "{text:?}: {error}");
            assert!(!error.contains('\n'), "{error:?}");
        }
        assert!(Pattern::parse(".well-known/x", Scope::Site).is_ok());
        assert!(Pattern::parse("console/x{device}", Scope::Device).is_ok());
    }

    #[test]
    fn values_cannot_change_the_folder() {
        let pattern = Pattern::parse("x/{version}", Scope::Build).unwrap();
        for bad in [
            "", ".", "..", "../y", "a/b", "a\\b", "a b", "käse", "\u{1b}",
        ] {
            let error = pattern.render(&|_| Some(bad.to_owned())).unwrap_err();
            assert!(error.contains("{version}"), "{bad:?}: {error}");
        }
        assert_eq!(
            pattern.render(&|_| None).unwrap_err(),
            "{version} is not known"
        );
    }
}
