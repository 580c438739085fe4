//! The template engine: what templates may do, how values are printed, and how pages are checked.
//!
//! In: the texts of templates, the language, and the values of a page. Out: the page's bytes, or an error with its
//! position in the template or in the page. The engine reads no files, has no clock, and stops at
//! the limits below. Syntax: that of the library `minijinja`, without what could grow without bound.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io;
use std::iter;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{AutoEscape, Environment, ErrorKind, Output, State, UndefinedBehavior};

use super::{Format, json, xml};
use crate::markup::strings::{Piece, Strings, pieces};
use ota_view::catch_panic::catch_panic;

/// Longest page, in bytes; a list of all builds of a large site is shorter.
pub const MAX_PAGE_SIZE: usize = 4 << 20;
/// Length of most pages, in bytes.
const PAGE_LEN: usize = 16 << 10;
/// Most steps for a page: a hundred for each of a hundred thousand builds. More means a loop without
/// end.
const MAX_STEPS: u64 = 10_000_000;
/// Deepest nesting of macros and recursive loops; each level uses some of the thread's stack.
const MAX_RECURSION: usize = 64;
/// Deepest nesting of a value that is printed.
const MAX_DEPTH: usize = 64;
/// Length of the excerpt of a page that is shown around an error, in characters.
const EXCERPT_LEN: usize = 60;

/// An error in a template, or in the page it made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TemplateError {
    /// The template, if it is known which one is wrong.
    pub(crate) file: Option<String>,
    /// The line in the template, counted from 1, if it is known which one is wrong.
    pub(crate) line: Option<usize>,
    /// What is wrong, in one line.
    pub(crate) message: String,
    /// The field that has no value, for example `build.md5`, if that is the error.
    pub(crate) missing: Option<String>,
}

impl TemplateError {
    /// Converts a panic of the engine in the template of this name.
    fn from_panic(name: &str, message: String) -> TemplateError {
        TemplateError {
            file: Some(name.to_owned()),
            message,
            ..TemplateError::default()
        }
    }

    fn new(error: &minijinja::Error) -> TemplateError {
        let inner = std::error::Error::source(error).and_then(|e| e.downcast_ref());
        if let (ErrorKind::BadInclude, Some(inner)) = (error.kind(), inner) {
            // The fault is in the template that is included.
            return TemplateError::new(inner);
        }
        let mut message = match error.kind() {
            ErrorKind::UnknownMethod => format!(
                "{}; what took the place of macros that are gone is in the book, under Upgrading",
                error.detail().unwrap_or("there is no such method")
            ),
            ErrorKind::UndefinedError => error
                .detail()
                .map_or_else(|| "a value is undefined".to_owned(), str::to_owned),
            ErrorKind::OutOfFuel => format!(
                "the page takes more than {MAX_STEPS} steps; is there a loop that does not end?"
            ),
            kind => match error.detail() {
                Some(detail) if detail.starts_with(&kind.to_string()) => detail.to_owned(),
                Some(detail) => format!("{kind}: {detail}"),
                None => kind.to_string(),
            },
        };
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            let _ = write!(message, ": {error}");
            cause = error.source();
        }
        if let Some(TooLarge) = find_cause(error) {
            message = TooLarge.to_string();
        }
        let undefined = message.split_once('`').and_then(|(_, rest)| {
            let (name, rest) = rest.split_once('`')?;
            rest.starts_with(" is undefined").then(|| name.to_owned())
        });
        TemplateError {
            file: error.name().map(str::to_owned),
            line: error.line(),
            message: message.replace(['\n', '\r'], " "),
            missing: undefined,
        }
    }
}

/// Finds a cause of this type in an error.
fn find_cause<'e, T: std::error::Error + 'static>(
    error: &'e (dyn std::error::Error + 'static),
) -> Option<&'e T> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        // `source` of an `io::Error` skips the error inside it.
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        let found = error
            .downcast_ref()
            .or(inner.and_then(|inner| inner.downcast_ref()));
        if found.is_some() {
            return found;
        }
        cause = error.source();
    }
    None
}

/// The error with which `skip()` ends a page.
#[derive(Debug, thiserror::Error)]
#[error("the template makes no page")]
struct Skip;

#[derive(Debug, thiserror::Error)]
#[error("the page is longer than {MAX_PAGE_SIZE} bytes")]
struct TooLarge;

/// Compiled templates of one format, which may extend and include each other.
#[derive(Debug)]
pub(crate) struct Engine<'a> {
    environment: Environment<'a>,
    format: Format,
}

impl<'a> Engine<'a> {
    /// Creates an engine without templates.
    ///
    /// # Errors
    /// None in practice: the syntax is fixed.
    pub(crate) fn new(format: Format, strings: &Arc<Strings>) -> Result<Engine<'a>, TemplateError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        // Makes errors name the field that has no value.
        environment.set_debug(true);
        environment.set_fuel(Some(MAX_STEPS));
        environment.set_recursion_limit(MAX_RECURSION);
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build();
        environment.set_syntax(syntax.map_err(|error| TemplateError::new(&error))?);
        environment.set_auto_escape_callback(move |_| match format {
            Format::Json => AutoEscape::Custom("json".into()),
            Format::Xml => AutoEscape::Custom("xml".into()),
            Format::Html => AutoEscape::Html,
            Format::Text => AutoEscape::None,
        });
        environment.set_formatter(move |out, state, value| print(out, state, value, format));
        // Values that grow in a loop could fill the memory, or nest too deep to be dropped; and
        // widths have no limit.
        for name in ["namespace", "debug"] {
            environment.remove_global(name);
        }
        for name in ["format", "indent", "batch", "slice", "pprint"] {
            environment.remove_filter(name);
        }
        for name in ["e", "escape"] {
            environment.add_filter(name, |value: &str| {
                Value::from_safe_string(xml::escape(value).into_owned())
            });
        }
        environment.add_filter("tojson", |value: &Value| {
            to_json(value, 0).map(Value::from_safe_string)
        });
        add_language(&mut environment, format, strings);
        environment.add_filter("rfc3339", |time: i64| {
            Ok(date(time)?.to_rfc3339_opts(SecondsFormat::Secs, true))
        });
        environment.add_function("skip", || -> Result<Value, minijinja::Error> {
            let error = minijinja::Error::new(ErrorKind::InvalidOperation, "skip");
            Err(error.with_source(Skip))
        });
        Ok(Engine {
            environment,
            format,
        })
    }

    /// Compiles a template; messages and other templates refer to it by `name`.
    ///
    /// # Errors
    /// [`TemplateError`] with the line.
    pub(crate) fn add(&mut self, name: &'a str, text: &'a str) -> Result<(), TemplateError> {
        let added = catch_panic(|| self.environment.add_template(name, text));
        let added = added.map_err(|panic| {
            let hint = "does it use a value such as `true` as a name?";
            TemplateError::from_panic(name, format!("{panic}; {hint}"))
        })?;
        added.map_err(|error| TemplateError::new(&error))
    }

    /// Renders a page with the template of this name; `None` if the template makes none.
    ///
    /// # Errors
    /// [`TemplateError`]: a field without a value, a limit, or a page that is not of its format.
    pub(crate) fn render(
        &self,
        name: &str,
        values: Value,
    ) -> Result<Option<Vec<u8>>, TemplateError> {
        let mut page = PageBuffer(Vec::with_capacity(PAGE_LEN));
        let template = self.environment.get_template(name);
        let rendered = catch_panic(|| {
            template.and_then(|template| template.render_captured_to(values, &mut page).map(drop))
        });
        let rendered = rendered.map_err(|panic| TemplateError::from_panic(name, panic))?;
        if let Err(error) = rendered {
            return match find_cause::<Skip>(&error) {
                Some(_) => Ok(None),
                None => Err(TemplateError::new(&error)),
            };
        }
        let mut text = String::from_utf8(page.0).map_err(|_| TemplateError {
            message: "the page is not UTF-8 text".to_owned(),
            ..TemplateError::default()
        })?;
        // Blocks leave empty lines.
        text.truncate(text.trim_end().len());
        text.drain(..text.len() - text.trim_start().len());
        match self.format {
            Format::Json => {
                check_json(&text)?;
                text = escape_beyond_ascii(&text);
            }
            Format::Xml => xml::check(&text).map_err(|(at, what)| {
                let before = text.get(..at).unwrap_or_default();
                let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
                in_page(
                    "XML",
                    &text,
                    before.matches('\n').count() + 1,
                    column,
                    &what,
                )
            })?,
            Format::Text | Format::Html => {}
        }
        text.push('\n');
        Ok(Some(text.into_bytes()))
    }
}

/// The output of a page, up to its limit.
struct PageBuffer(Vec<u8>);

impl io::Write for PageBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > MAX_PAGE_SIZE.saturating_sub(self.0.len()) {
            return Err(io::Error::other(TooLarge));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn check_json(text: &str) -> Result<(), TemplateError> {
    let parsed: Result<serde::de::IgnoredAny, _> = serde_json::from_str(text);
    parsed.map(drop).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let what = error.to_string();
        let what = what.split(" at line ").next().unwrap_or_default();
        // serde_json counts columns in bytes.
        let line_text = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
        let before = line_text
            .get(..column.saturating_sub(1))
            .unwrap_or(line_text);
        in_page("JSON", text, line, before.chars().count() + 1, what)
    })
}

/// Describes an error in a rendered page, with an excerpt around it.
fn in_page(format: &str, text: &str, line: usize, column: usize, what: &str) -> TemplateError {
    let line_text = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let start = column.saturating_sub(EXCERPT_LEN / 2);
    let excerpt: String = line_text.chars().skip(start).take(EXCERPT_LEN).collect();
    let excerpt = excerpt.trim().escape_debug().to_string();
    TemplateError {
        message: format!(
            "the page is not valid {format}: {what} at line {line}, column {column} of the page: {excerpt}"
        ),
        ..TemplateError::default()
    }
}

/// Escapes characters beyond ASCII, which JSON has only in strings: an early client decodes every
/// body as Latin-1.
fn escape_beyond_ascii(json: &str) -> String {
    let mut ascii = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() && c != '\x7f' {
            ascii.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(ascii, "\\u{unit:04x}");
            }
        }
    }
    ascii
}

/// Number of bytes printed for a page so far; the result of a macro counts twice.
struct Printed(usize);

/// Prints a value in the format of the page.
fn print(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
    format: Format,
) -> Result<(), minijinja::Error> {
    let text = match (format, value.as_str()) {
        (_, Some(text)) if value.is_safe() => Cow::Borrowed(text),
        (Format::Json, _) => to_json(value, 0)?.into(),
        (Format::Xml | Format::Html, Some(text)) => xml::escape(text),
        (Format::Text, Some(text)) => Cow::Borrowed(text),
        (_, None) => match value.kind() {
            ValueKind::Number | ValueKind::Bool => to_json(value, 0)?.into(),
            kind => {
                let hint = "print one of its fields, or use a loop, | join or | tojson";
                return Err(invalid(format!("a {kind} cannot be printed; {hint}")));
            }
        },
    };
    let printed = state.get_or_insert_extension_with(|| Printed(0));
    printed.0 = printed.0.saturating_add(text.len());
    if printed.0 > MAX_PAGE_SIZE {
        return Err(invalid(TooLarge.to_string()).with_source(TooLarge));
    }
    out.write_str(&text).map_err(minijinja::Error::from)
}

fn invalid(message: String) -> minijinja::Error {
    minijinja::Error::new(ErrorKind::InvalidOperation, message)
}

/// Renders a value as JSON; an undefined value inside it is an error, not `null`.
fn to_json(value: &Value, depth: usize) -> Result<String, minijinja::Error> {
    if depth > MAX_DEPTH {
        return Err(invalid(format!(
            "a value is nested deeper than {MAX_DEPTH}"
        )));
    }
    let text = match value.kind() {
        ValueKind::None => "null".to_owned(),
        ValueKind::String | ValueKind::Bool => json::to_ascii(value),
        ValueKind::Number if value.is_integer() => value.to_string(),
        ValueKind::Number => match f64::try_from(value.clone()) {
            Ok(number) if number.is_finite() => json::to_ascii(&number),
            _ => return Err(invalid(format!("{value} is not a number in JSON"))),
        },
        ValueKind::Seq | ValueKind::Iterable => {
            let mut items = Vec::new();
            for item in value.try_iter()? {
                items.push(to_json(&item, depth + 1)?);
                if items.len() > MAX_PAGE_SIZE {
                    return Err(invalid(TooLarge.to_string()).with_source(TooLarge));
                }
            }
            format!("[{}]", items.join(","))
        }
        ValueKind::Map => {
            let mut items = Vec::new();
            for key in value.try_iter()? {
                let inner = value.get_item(&key)?;
                if inner.is_undefined() {
                    return Err(invalid(format!("the value of `{key}` is undefined")));
                }
                let key = json::to_ascii(&key.to_string());
                items.push(format!("{key}:{}", to_json(&inner, depth + 1)?));
            }
            format!("{{{}}}", items.join(","))
        }
        ValueKind::Undefined => {
            return Err(minijinja::Error::new(
                ErrorKind::UndefinedError,
                "an element of a list is undefined",
            ));
        }
        kind => return Err(invalid(format!("a {kind} cannot be printed as JSON"))),
    };
    Ok(text)
}

fn date(time: i64) -> Result<DateTime<chrono::Utc>, minijinja::Error> {
    DateTime::from_timestamp(time, 0)
        .ok_or_else(|| invalid(format!("{time} is not a time in seconds since 1970")))
}

/// Adds what depends on the language: the function `t`, and the filters for dates and sizes.
fn add_language(environment: &mut Environment<'_>, format: Format, strings: &Arc<Strings>) {
    let fixed = strings.fixed().map(|(key, text)| {
        let text = in_format(text, format);
        (key.to_owned(), text_value(text.into_owned(), format))
    });
    let fixed: HashMap<String, Value> = fixed.collect();
    let texts = Arc::clone(strings);
    environment.add_function("t", move |key: &str, values: Option<Kwargs>| {
        if let Some(text) = fixed.get(key) {
            return Ok(text.clone());
        }
        let values = values.unwrap_or_else(|| iter::empty::<(&str, Value)>().collect());
        let number = || values.peek("n").ok();
        let text = texts.get(key, number).map_err(invalid)?;
        fill(key, text, &values, format)
    });
    let texts = Arc::clone(strings);
    environment.add_filter("date", move |time: i64, format: &str| {
        format_date(time, format, &texts)
    });
    for (name, key) in [("day", "format.day"), ("month", "format.month")] {
        let texts = Arc::clone(strings);
        let shown = move |time: i64| format_date(time, texts.text(key), &texts);
        environment.add_filter(name, shown.clone());
        if format == Format::Html {
            let element = move |time: i64| time_element(time, name, &shown(time)?);
            environment.add_filter(format!("{name}_html"), element);
        }
    }
    if format == Format::Html {
        environment.add_filter("code_html", |text: &Value| {
            let text = text.as_str().ok_or_else(|| {
                invalid(format!(
                    "code_html takes a text, not a value that is {}",
                    text.kind()
                ))
            })?;
            let code = format!("<code>{}</code>", xml::escape(text));
            Ok(Value::from_safe_string(code))
        });
    }
    let texts = Arc::clone(strings);
    environment.add_filter("filesize", move |bytes: u64| filesize(bytes, &texts));
}

/// Marks up a time that is shown as its day, or as its month.
fn time_element(time: i64, precision: &str, shown: &str) -> Result<Value, minijinja::Error> {
    let mut value = date(time)?.date_naive().to_string();
    if precision == "month" {
        value.truncate(value.len().saturating_sub("-01".len()));
    }
    let shown = xml::escape(shown);
    Ok(Value::from_safe_string(format!(
        "<time datetime=\"{value}\">{shown}</time>"
    )))
}

/// Fills values into the text of this key, which becomes markup if pages of this format are.
fn fill(key: &str, text: &str, values: &Kwargs, format: Format) -> Result<Value, minijinja::Error> {
    let mut filled = String::with_capacity(2 * text.len());
    for piece in pieces(text) {
        match piece.map_err(invalid)? {
            Piece::Text(text) => filled.push_str(&in_format(text, format)),
            Piece::Value(name) => {
                let value: &Value = values
                    .peek(name)
                    .map_err(|_| invalid(format!("the text `{key}` needs a value: {name} = …")))?;
                match value.as_str() {
                    None if value.is_undefined() => {
                        let message = format!("`{name}` is undefined, in the text `{key}`");
                        return Err(minijinja::Error::new(ErrorKind::UndefinedError, message));
                    }
                    Some(text) if value.is_safe() => filled.push_str(text),
                    Some(text) => filled.push_str(&in_format(text, format)),
                    None => filled.push_str(&in_format(&value.to_string(), format)),
                }
            }
        }
    }
    Ok(text_value(filled, format))
}

/// Escapes a text if pages of this format are markup.
fn in_format(text: &str, format: Format) -> Cow<'_, str> {
    match format {
        Format::Xml | Format::Html => xml::escape(text),
        Format::Json | Format::Text => Cow::Borrowed(text),
    }
}

/// Makes a value of a text that is escaped already.
fn text_value(text: String, format: Format) -> Value {
    match format {
        Format::Xml | Format::Html => Value::from_safe_string(text),
        Format::Json | Format::Text => Value::from(text),
    }
}

/// Formats a number of bytes for people, in decimal units.
fn filesize(bytes: u64, strings: &Strings) -> String {
    let point = strings.text("format.decimal");
    let units = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)];
    match units.into_iter().find(|(_, size)| bytes >= *size) {
        None => strings
            .text("format.bytes")
            .replace("{n}", &bytes.to_string()),
        Some((unit, size)) => {
            let hundredths = u128::from(bytes) * 100 / u128::from(size);
            match hundredths {
                0..1000 => format!("{}{point}{:02} {unit}", hundredths / 100, hundredths % 100),
                1000..10_000 => {
                    format!("{}{point}{} {unit}", hundredths / 100, hundredths / 10 % 10)
                }
                _ => format!("{} {unit}", hundredths / 100),
            }
        }
    }
}

fn format_date(time: i64, format: &str, strings: &Strings) -> Result<String, minijinja::Error> {
    strings.date(date(time)?, format).ok_or_else(|| {
        let format = format.escape_debug();
        invalid(format!("`{format}` is not a date format such as %Y-%m-%d"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(text: &str, format: Format) -> Result<Option<String>, TemplateError> {
        let mut engine = Engine::new(format, &Strings::english())?;
        engine.add("x.j2", text)?;
        let values = Value::from_pairs([
            ("text", Value::from("<\u{e4}&\">")),
            ("time", Value::from(1_700_000_000)),
        ]);
        let page = engine.render("x.j2", values)?;
        Ok(page.map(|bytes| String::from_utf8(bytes).unwrap()))
    }

    #[test]
    fn values_are_escaped_for_their_format() {
        let page = |text, format| render(text, format).unwrap().unwrap();
        assert_eq!(page("{{ text }}", Format::Text), "<\u{e4}&\">\n");
        let json = page("\n\n{{ text }}\n\n", Format::Json);
        assert_eq!(json, "\"<\\u00e4&\\\">\"\n");
        let xml = page("<a b=\"{{ text }}\">{{ text }}</a>", Format::Xml);
        let escaped = "&lt;\u{e4}&amp;&quot;&gt;";
        assert_eq!(xml, format!("<a b=\"{escaped}\">{escaped}</a>\n"));
        let json = page("{{ [text, true, none, 2.5, {}] | tojson }}", Format::Text);
        assert_eq!(json, "[\"<\\u00e4&\\\">\",true,null,2.5,{}]\n");
        let dates = page(
            "{{ time | rfc3339 }} {{ time | date('%d %b %Y') }}",
            Format::Text,
        );
        assert_eq!(dates, "2023-11-14T22:13:20Z 14 Nov 2023\n");
    }

    #[test]
    fn filters_of_pages_mark_up_what_they_print() {
        let text = "{{ time | day }} {{ time | month }}";
        for format in [Format::Text, Format::Html] {
            let page = render(text, format).unwrap().unwrap();
            assert_eq!(page, "14 November 2023 November 2023\n");
        }
        let text = "{{ time | day_html }}\n{{ time | month_html }}\n{{ text | code_html }}";
        let page = render(text, Format::Html).unwrap().unwrap();
        let lines = [
            "<time datetime=\"2023-11-14\">14 November 2023</time>",
            "<time datetime=\"2023-11\">November 2023</time>",
            "<code>&lt;\u{e4}&amp;&quot;&gt;</code>\n",
        ];
        assert_eq!(page, lines.join("\n"));
        assert!(render(text, Format::Text).is_err());
    }

    #[test]
    fn templates_may_skip_a_page_even_inside_a_macro() {
        assert_eq!(render("a{{ skip() }}", Format::Json), Ok(None));
        let inner = "{% macro m() %}{{ skip() }}{% endmacro %}{{ m() }}";
        assert_eq!(render(inner, Format::Text), Ok(None));
    }

    #[test]
    fn texts_take_no_unknown_values() {
        let fault = |text: &str| render(text, Format::Html).unwrap_err();
        let unknown = fault("\n{{ t('build.newer', title=text.titel) }}");
        assert_eq!(
            (unknown.line, unknown.missing.as_deref()),
            (Some(2), Some("title")),
            "{unknown:?}"
        );
        for (text, message) in [
            (
                "{{ t('build.newer') }}",
                "the text `build.newer` needs a value: title = …",
            ),
            (
                "{{ text.name | code_html }}",
                "code_html takes a text, not a value that is undefined",
            ),
            ("{{ text.day(1) }}", "under Upgrading"),
        ] {
            let fault = fault(text);
            assert!(fault.message.contains(message), "{fault:?}");
        }
    }

    #[test]
    fn errors_name_the_template_that_is_included() {
        let mut engine = Engine::new(Format::Html, &Strings::english()).unwrap();
        engine.add("page", "{% include 'middle' %}").unwrap();
        engine.add("middle", "\n{% include 'part' %}").unwrap();
        engine.add("part", "\n\n{{ nothing }}").unwrap();
        let fault = engine.render("page", Value::from(())).unwrap_err();
        let place = (fault.file.as_deref(), fault.line);
        assert_eq!(place, (Some("part"), Some(3)), "{fault:?}");
        assert_eq!(fault.missing.as_deref(), Some("nothing"));
    }

    #[test]
    fn panics_of_the_engine_are_reported_as_template_errors() {
        let text = "{% import 'parts.html' as False %}";
        let fault = render(text, Format::Html).unwrap_err();
        assert_eq!(fault.file.as_deref(), Some("x.j2"));
        assert!(fault.message.contains("as a name?"), "{fault:?}");
    }

    #[test]
    fn values_cannot_grow_without_bound() {
        for text in [
            "{% set x = namespace(y=[]) %}",
            "{{ '%1000000000d' | format(1) }}",
            "{{ 'x' | indent(1000000000) }}",
            "{% for a in range(9) %}{% set x = x ~ 'x' %}{% endfor %}",
            "{% set x %}{% for a in range(9) %}{{ 'x' * 1000000 }}{% endfor %}{% endset %}",
        ] {
            assert!(render(text, Format::Text).is_err(), "{text}");
        }
    }
}
