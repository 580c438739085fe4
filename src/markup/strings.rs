//! The texts of pages in the language of the site.
//!
//! In: the files of romfeed in `templates/strings/`, and one of the user's. Out: [`Strings`]. English
//! stands in for what another language lacks. Plural forms and dates: the section `[format]` of a file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::iter;
use std::sync::{Arc, LazyLock};

use chrono::format::{Fixed, Item, StrftimeItems};
use chrono::{DateTime, Datelike, Utc};
use minijinja::{Environment, Value};
use ota_view::catch_panic::catch_panic;
use serde::Deserialize;

/// The language whose texts stand in for those of others.
pub const ENGLISH: &str = "en";
/// Longest name of a language, in bytes.
const MAX_LANG_LEN: usize = 35;
/// Rules for plural forms look at the last two digits, and at numbers below a hundred.
const NUM_NUMBERS: u64 = 200;
/// The form that every text with plural forms has; for numbers without a form of their own.
const OTHER: &str = "other";
/// The section with rules.
const FORMAT: &str = "format";

macro_rules! shipped {
    ($($lang:literal),* $(,)?) => {
        [$(($lang, include_str!(concat!("../../templates/strings/", $lang, ".toml")))),*]
    };
}

/// The texts that come with romfeed, by language.
pub const SHIPPED: [(&str, &str); 2] = shipped!["de", "en"];

static DEFAULT: LazyLock<Arc<Strings>> =
    LazyLock::new(|| Arc::new(Strings::new(ENGLISH, None).expect("a test reads the file")));

/// The texts of one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strings {
    lang: String,
    /// The texts by section and key, with a dot between.
    texts: BTreeMap<String, Text>,
    /// The names of the months, from January.
    months: Vec<String>,
    /// The plural form of each number below [`NUM_NUMBERS`].
    forms: Vec<String>,
    /// The keys that the language lacks.
    missing: Vec<String>,
}

/// A text, which may have plural forms.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Text {
    One(String),
    Forms(BTreeMap<String, String>),
    List(Vec<String>),
}

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    /// It stands as it is.
    Text(&'t str),
    /// The name of a value.
    Value(&'t str),
}

impl Strings {
    /// Returns the English texts.
    #[must_use]
    pub fn english() -> Arc<Strings> {
        Arc::clone(&DEFAULT)
    }

    /// Reads the texts of a language; those in `own`, the text of a user's file, take precedence.
    ///
    /// # Errors
    /// One line: the language is unknown, or what is wrong in the file.
    pub fn new(lang: &str, own: Option<&str>) -> Result<Strings, String> {
        let shipped = |lang: &str| SHIPPED.iter().find(|(known, _)| *known == lang);
        let language = lang.split('-').next().unwrap_or_default();
        let known = shipped(lang).or_else(|| shipped(language));
        let english = shipped(ENGLISH).map_or("", |(_, text)| *text);
        let mut strings = Strings {
            lang: lang.to_owned(),
            texts: BTreeMap::new(),
            months: Vec::new(),
            forms: Vec::new(),
            missing: Vec::new(),
        };
        strings.add(english)?;
        let all: BTreeSet<String> = strings.texts.keys().cloned().collect();
        let mut found = BTreeSet::new();
        for text in known.map(|(_, text)| *text).into_iter().chain(own) {
            found.extend(strings.add(text)?);
        }
        if lang != ENGLISH {
            strings.missing = all.difference(&found).cloned().collect();
        }
        Ok(strings)
    }

    /// Whether romfeed itself has texts in a language.
    #[must_use]
    pub fn is_shipped(lang: &str) -> bool {
        let language = lang.split('-').next();
        SHIPPED.iter().any(|(known, _)| Some(*known) == language)
    }

    /// Whether a text can be the name of a language, as in HTML; such a name is also safe in a path.
    #[must_use]
    pub fn is_lang(lang: &str) -> bool {
        let is_part = |part: &str| {
            !part.is_empty() && part.len() <= 8 && part.chars().all(|c| c.is_ascii_alphanumeric())
        };
        lang.len() <= MAX_LANG_LEN && lang.split('-').all(is_part)
    }

    /// The name of the language, for example `pt-BR`.
    #[must_use]
    pub fn lang(&self) -> &str {
        &self.lang
    }

    /// The keys of the texts that are English for lack of others.
    #[must_use]
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Returns a text without values; the key if there is none.
    #[must_use]
    pub fn text<'a>(&'a self, key: &'a str) -> &'a str {
        self.get(key, || None).unwrap_or(key)
    }

    /// Returns the texts that are the same wherever they stand, since they have no values.
    pub(crate) fn fixed(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().filter_map(|(key, text)| match text {
            Text::One(text) if !text.contains('{') => Some((key.as_str(), text.as_str())),
            _ => None,
        })
    }

    /// Returns a text in the form for a number, if it has such forms.
    ///
    /// # Errors
    /// One line if there is no such text, or it needs a number.
    pub(crate) fn get(
        &self,
        key: &str,
        number: impl FnOnce() -> Option<u64>,
    ) -> Result<&str, String> {
        match self.texts.get(key) {
            Some(Text::One(text)) => Ok(text),
            Some(Text::Forms(forms)) => {
                let number = number().ok_or_else(|| {
                    let key = key.escape_debug();
                    format!("the text `{key}` needs a number: n = …")
                })?;
                let form = forms.get(self.form(number)).or_else(|| forms.get(OTHER));
                Ok(form.map_or("", String::as_str))
            }
            Some(Text::List(_)) | None => Err(format!(
                "there is no text `{}` in templates/strings/{}.toml, nor in romfeed",
                key.escape_debug(),
                self.lang
            )),
        }
    }

    fn form(&self, number: u64) -> &str {
        let half = NUM_NUMBERS / 2;
        let index = match number {
            number if number < NUM_NUMBERS => number,
            number => half + number % half,
        };
        let form = usize::try_from(index)
            .ok()
            .and_then(|at| self.forms.get(at));
        form.map_or(OTHER, String::as_str)
    }

    /// Formats a date, with the names of months in this language; none if that is not a date format.
    pub(crate) fn date(&self, date: DateTime<Utc>, format: &str) -> Option<String> {
        let month = usize::try_from(date.month0()).ok();
        let month = month.and_then(|at| self.months.get(at));
        let items = StrftimeItems::new(format).map(|item| match (item, month) {
            (Item::Fixed(Fixed::LongMonthName), Some(name)) => Item::Literal(name),
            (item, _) => item,
        });
        let mut text = String::new();
        // chrono reports a wrong format only when it writes.
        write!(text, "{}", date.format_with_items(items)).ok()?;
        Some(text)
    }

    /// Adds the texts of a file, and returns their keys.
    fn add(&mut self, file: &str) -> Result<Vec<String>, String> {
        type Sections = BTreeMap<String, BTreeMap<String, Text>>;
        let sections: Sections = toml::from_str(file).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = 1 + file.get(..start).unwrap_or(file).matches('\n').count();
            let message = error.message().trim().replace('\n', " ");
            match message.contains("untagged") || message.contains("invalid type") {
                true => format!(
                    "line {line}: texts are in sections, each in quotes: [home] empty = \"…\""
                ),
                false => format!("line {line}: {message}"),
            }
        })?;
        let mut keys = Vec::new();
        for (section, texts) in sections {
            for (key, text) in texts {
                let key = format!("{section}.{key}");
                self.insert(&key, text)
                    .map_err(|reason| format!("`{key}`: {reason}"))?;
                keys.push(key);
            }
        }
        Ok(keys)
    }

    fn insert(&mut self, key: &str, text: Text) -> Result<(), String> {
        match (key.strip_prefix(FORMAT).unwrap_or_default(), &text) {
            (".plural", Text::One(rule)) => self.forms = forms_by(rule)?,
            (".months", Text::List(months)) if months.len() == 12 => {
                self.months.clone_from(months);
            }
            (".months", _) => return Err("it is not a list of twelve names".to_owned()),
            (_, Text::List(_)) => return Err("it is a list, not a text".to_owned()),
            (_, Text::Forms(forms)) if !forms.contains_key(OTHER) => {
                return Err("it has no form `other`".to_owned());
            }
            _ => {}
        }
        let names = names_in(&text)?;
        if let Some(known) = self.texts.get(key) {
            let expected = names_in(known)?;
            if let Some(strange) = names.difference(&expected).next() {
                return Err(match expected.iter().next() {
                    None => format!("{{{strange}}} is unknown; this text has no values"),
                    Some(_) => format!(
                        "{{{strange}}} is unknown; its values are {}",
                        in_braces(&expected)
                    ),
                });
            }
            if matches!((known, &text), (Text::One(_), Text::Forms(_))) && !expected.contains("n") {
                return Err("it has plural forms, and no number".to_owned());
            }
        }
        self.texts.insert(key.to_owned(), text);
        Ok(())
    }
}

fn in_braces(names: &BTreeSet<String>) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("{{{name}}}")).collect();
    names.join(", ")
}

/// Returns the names of the values in a text, in all of its forms.
fn names_in(text: &Text) -> Result<BTreeSet<String>, String> {
    let texts: Vec<&String> = match text {
        Text::One(text) => vec![text],
        Text::Forms(forms) => forms.values().collect(),
        Text::List(_) => Vec::new(),
    };
    let mut names = BTreeSet::new();
    for text in texts {
        for piece in pieces(text) {
            if let Piece::Value(name) = piece? {
                names.insert(name.to_owned());
            }
        }
    }
    Ok(names)
}

/// Splits a text at its values.
///
/// # Errors
/// One line as the last piece if a brace has no partner.
pub(crate) fn pieces(text: &str) -> impl Iterator<Item = Result<Piece<'_>, String>> {
    let mut rest = text;
    iter::from_fn(move || {
        let at = rest.find('{').unwrap_or(rest.len());
        let (text, value) = rest.split_at(at);
        if !text.is_empty() {
            rest = value;
            return Some(Ok(Piece::Text(text)));
        }
        let value = value.strip_prefix('{')?;
        let split = value.split_once('}');
        rest = split.map_or("", |(_, after)| after);
        let name = split.map(|(name, _)| Piece::Value(name));
        Some(name.ok_or_else(|| "a { has no }".to_owned()))
    })
}

/// Returns the plural form of each number below [`NUM_NUMBERS`] by a rule, an expression of Jinja.
fn forms_by(rule: &str) -> Result<Vec<String>, String> {
    let forms = catch_panic(|| {
        let mut environment = Environment::new();
        environment.set_fuel(Some(10_000));
        let rule = environment.compile_expression(rule)?;
        let form = |n: u64| Ok(rule.eval(Value::from_pairs([("n", n)]))?.to_string());
        (0..NUM_NUMBERS).map(form).collect()
    });
    let forms: Result<Vec<String>, minijinja::Error> = forms.map_err(|panic| panic.to_string())?;
    forms.map_err(|error| {
        let why = error.detail().unwrap_or("it is not an expression");
        format!("{why}; for example \"'one' if n == 1 else 'other'\"")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plural_forms_follow_the_rule_of_the_language() {
        let russian = r#"
            [format]
            plural = "'one' if n % 10 == 1 and n % 100 != 11 else 'few' if n % 10 in [2, 3, 4] and n % 100 not in [12, 13, 14] else 'other'"
            [device]
            builds = { one = "{n} сборка", few = "{n} сборки", other = "{n} сборок" }
        "#;
        let strings = Strings::new("ru", Some(russian)).unwrap();
        for (n, form) in [
            (0, "сборок"),
            (1, "сборка"),
            (2, "сборки"),
            (11, "сборок"),
            (21, "сборка"),
            (111, "сборок"),
            (201, "сборка"),
            (1_000_011, "сборок"),
            (u64::MAX, "сборок"),
        ] {
            let text = strings.get("device.builds", || Some(n)).unwrap();
            assert_eq!(text, format!("{{n}} {form}"), "{n}");
        }
        // English stands in for the rest, in the form that it has.
        assert_eq!(strings.get("device.deltas", || Some(3)), Ok("{n} deltas"));
        assert!(strings.missing().contains(&"device.deltas".to_owned()));
        assert!(!strings.missing().contains(&"device.builds".to_owned()));
        assert!(strings.get("device.builds", || None).is_err());
    }

    #[test]
    fn errors_in_a_file_name_the_text() {
        for (file, message) in [
            ("[home]\nempty = 5", "line 2: texts are in sections"),
            ("empty = \"x\"", "line 1: texts are in sections"),
            ("[home]\nempty = \"x", "line 2: "),
            (
                "[home]\nempty = \"{x}\"",
                "`home.empty`: {x} is unknown; this text has no values",
            ),
            (
                "[device]\nbuilds = \"{x}\"",
                "`device.builds`: {x} is unknown; its values are {n}",
            ),
            ("[device]\nbuilds = \"{n\"", "`device.builds`: a { has no }"),
            (
                "[device]\nbuilds = { one = \"1\" }",
                "`device.builds`: it has no form `other`",
            ),
            (
                "[home]\nempty = { other = \"1\" }",
                "`home.empty`: it has plural forms, and no number",
            ),
            (
                "[home]\nempty = [\"1\"]",
                "`home.empty`: it is a list, not a text",
            ),
            (
                "[format]\nmonths = [\"1\"]",
                "`format.months`: it is not a list of twelve names",
            ),
            ("[format]\nplural = \"n ==\"", "`format.plural`: "),
            (
                "[format]\nplural = \"range(n * 10000) | list\"",
                "`format.plural`: ",
            ),
        ] {
            let error = Strings::new("en", Some(file)).unwrap_err();
            assert!(error.contains(message), "{file}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn names_of_languages_are_safe_in_paths() {
        for good in ["en", "de", "pt-BR", "zh-Hant-TW", "sr-Latn"] {
            assert!(Strings::is_lang(good), "{good}");
        }
        for bad in ["", "-", "de_DE", "../x", "de-", "a b", "\"", "deutschland1"] {
            assert!(!Strings::is_lang(bad), "{bad}");
        }
    }

    #[test]
    fn months_are_named_in_the_language() {
        let strings = Strings::new("de-AT", None).unwrap();
        let date = DateTime::from_timestamp(1_741_000_000, 0).unwrap();
        let march = strings.date(date, "%-d. %B %%B %Y");
        assert_eq!(march.as_deref(), Some("3. März %B 2025"));
        assert_eq!(strings.date(date, "%Q"), None);
        assert!(strings.missing().is_empty());
    }
}
