//! The JSON reader of Android 10, `org.json`, with what it accepts beyond JSON.
//!
//! In: text. Out: a [`Value`]. The rules are those of `JSONTokener` and of `JSONObject.put`.
//!
//! Safe on untrusted input: no panic, memory in proportion to the text, and recursion to
//! [`MAX_DEPTH`] (a phone goes on until its stack is full).
//!
//! Left out: what Android before 7 does with a malformed `\u` (it crashes), and surrogates
//! without a partner, which become U+FFFD here.

use std::collections::BTreeMap;

use super::java;
use super::value::{Object, Value};

/// Maximum nesting of arrays and objects; feeds have three levels.
pub(super) const MAX_DEPTH: usize = 128;

/// The characters that end a word without quotes, including line breaks.
const ENDS: &[u8] = b"{}[]/\\:,=;# \t\x0c\r\n";

/// Why a text cannot be parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ParseFault {
    Syntax(String),
    TooDeep,
}

/// `new JSONTokener(text).nextValue()`: ignores everything after the value (P2).
///
/// # Errors
/// [`ParseFault`], if the tokener throws, or beyond [`MAX_DEPTH`].
pub(super) fn parse(text: &str) -> Result<Value, ParseFault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Tokener { text, position: 0 }.value(0)
}

struct Tokener<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Tokener<'a> {
    fn value(&mut self, depth: usize) -> Result<Value, ParseFault> {
        match self.next_clean()? {
            None => Err(syntax("the text ends where a value should be")),
            Some(b'{' | b'[') if depth == MAX_DEPTH => Err(ParseFault::TooDeep),
            Some(b'{') => self.object(depth).map(Value::Object),
            Some(b'[') => self.array(depth).map(Value::Array),
            Some(quote @ (b'"' | b'\'')) => self.string(quote).map(Value::Text),
            Some(_) => {
                self.position -= 1;
                self.literal()
            }
        }
    }

    /// Reads the next byte that is neither blank nor in a comment.
    fn next_clean(&mut self) -> Result<Option<u8>, ParseFault> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.position).copied() {
            self.position += 1;
            match (byte, bytes.get(self.position)) {
                (b'\t' | b' ' | b'\n' | b'\r', _) => {}
                (b'/', Some(b'*')) => {
                    let start = self.position + 1;
                    let end = self.text.get(start..).and_then(|rest| rest.find("*/"));
                    let end = end.ok_or_else(|| syntax("a comment does not end"))?;
                    self.position = start + end + 2;
                }
                (b'/', Some(b'/')) | (b'#', _) => self.skip_line(),
                _ => return Ok(Some(byte)),
            }
        }
        Ok(None)
    }

    fn skip_line(&mut self) {
        let rest = self.text.get(self.position..).unwrap_or_default();
        let line = rest.find(['\r', '\n']);
        self.position += line.map_or(rest.len(), |end| end + 1);
    }

    fn object(&mut self, depth: usize) -> Result<Object, ParseFault> {
        let mut object = Object::default();
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        match self.next_clean()? {
            Some(b'}') => return Ok(object),
            Some(_) => self.position -= 1,
            None => {}
        }
        loop {
            let Value::Text(name) = self.value(depth + 1)? else {
                return Err(syntax("a key is not text"));
            };
            if !matches!(self.next_clean()?, Some(b':' | b'=')) {
                return Err(syntax(&format!("no `:` follows the key `{name}`")));
            }
            // `=>` is a separator as well, and so is `:>`.
            if self.text.as_bytes().get(self.position) == Some(&b'>') {
                self.position += 1;
            }
            let value = self.value(depth + 1)?;
            if let Value::Double(number) = value
                && !number.is_finite()
            {
                return Err(syntax(&format!("`{name}` is not a finite number")));
            }
            match places.get(&name).and_then(|place| object.0.get_mut(*place)) {
                Some(field) => field.1 = value,
                None => {
                    places.insert(name.clone(), object.0.len());
                    object.0.push((name, value));
                }
            }
            match self.next_clean()? {
                Some(b'}') => return Ok(object),
                Some(b',' | b';') => {}
                _ => return Err(syntax("an object does not end")),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Vec<Value>, ParseFault> {
        let mut array = Vec::new();
        let mut is_after_separator = false;
        loop {
            match self.next_clean()? {
                None => return Err(syntax("an array does not end")),
                Some(b']') => {
                    if is_after_separator {
                        array.push(Value::Null);
                    }
                    return Ok(array);
                }
                Some(b',' | b';') => {
                    array.push(Value::Null);
                    is_after_separator = true;
                    continue;
                }
                Some(_) => self.position -= 1,
            }
            array.push(self.value(depth + 1)?);
            match self.next_clean()? {
                Some(b']') => return Ok(array),
                Some(b',' | b';') => is_after_separator = true,
                _ => return Err(syntax("an array does not end")),
            }
        }
    }

    fn string(&mut self, quote: u8) -> Result<String, ParseFault> {
        let mut units = Vec::new();
        let mut text = String::new();
        let mut rest = self.text.get(self.position..).unwrap_or_default().chars();
        while let Some(c) = rest.next() {
            let escaped = match c {
                '\\' => unescape(&mut rest)?,
                _ if c == char::from(quote) => {
                    flush(&mut units, &mut text);
                    self.position = self.text.len() - rest.as_str().len();
                    return Ok(text);
                }
                _ => Escaped::Char(c),
            };
            match escaped {
                // Two of these in a row may be the halves of one character.
                Escaped::Unit(unit) => units.push(unit),
                Escaped::Char(c) => {
                    flush(&mut units, &mut text);
                    text.push(c);
                }
            }
        }
        Err(syntax("a string does not end"))
    }

    /// Reads a word without quotes: a constant, a number, or otherwise text.
    fn literal(&mut self) -> Result<Value, ParseFault> {
        let rest = self.text.get(self.position..).unwrap_or_default();
        let end = rest.bytes().position(|byte| ENDS.contains(&byte));
        let (word, _) = rest.split_at(end.unwrap_or(rest.len()));
        self.position += word.len();
        let constants = [
            ("null", Value::Null),
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
        ];
        if word.is_empty() {
            return Err(syntax("a character where a value should be"));
        }
        for (constant, value) in constants {
            if word.eq_ignore_ascii_case(constant) {
                return Ok(value);
            }
        }
        if let Some(integer) = parse_integer(word) {
            return Ok(Value::Integer(integer));
        }
        Ok(match java::parse_double(word) {
            Some(number) => Value::Double(number),
            None => Value::Text(word.to_owned()),
        })
    }
}

/// Parses decimal digits, hexadecimal digits after `0x`, or octal digits after `0`.
fn parse_integer(word: &str) -> Option<i64> {
    let hex = word.strip_prefix("0x").or(word.strip_prefix("0X"));
    match (hex, word.strip_prefix('0')) {
        (Some(digits), _) => i64::from_str_radix(digits, 16).ok(),
        (None, Some(digits)) if !digits.is_empty() => i64::from_str_radix(digits, 8).ok(),
        _ => word.parse().ok(),
    }
}

enum Escaped {
    Char(char),
    /// A unit of UTF-16, which may be half a character.
    Unit(u16),
}

fn unescape(rest: &mut std::str::Chars<'_>) -> Result<Escaped, ParseFault> {
    let c = rest
        .next()
        .ok_or_else(|| syntax("an escape does not end"))?;
    Ok(Escaped::Char(match c {
        'u' => {
            let digits: String = rest.by_ref().take(4).collect();
            // Java accepts digits with a sign.
            let unit = match digits.chars().count() {
                4 => i32::from_str_radix(&digits, 16).ok(),
                _ => None,
            };
            let unit = unit.ok_or_else(|| syntax("an escape is malformed"))?;
            let [low, high, ..] = unit.to_le_bytes();
            return Ok(Escaped::Unit(u16::from_le_bytes([low, high])));
        }
        't' => '\t',
        'b' => '\u{8}',
        'n' => '\n',
        'r' => '\r',
        'f' => '\u{c}',
        other => other,
    }))
}

fn flush(units: &mut Vec<u16>, text: &mut String) {
    text.push_str(&String::from_utf16_lossy(units));
    units.clear();
}

fn syntax(problem: &str) -> ParseFault {
    ParseFault::Syntax(problem.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::collection::{hash_map, vec};
    use proptest::prelude::*;

    use super::*;

    /// Parses a text and writes the value as `toString` does.
    fn json(text: &str) -> Result<String, ParseFault> {
        parse(text).map(|value| value.to_json())
    }

    #[test]
    fn much_beyond_json_is_accepted() {
        for (text, value) in [
            ("{}", "{}"),
            ("\u{feff}[]", "[]"),
            (" \t\r\n[ 1 , 2 ]", "[1,2]"),
            ("{'a':'b'}", r#"{"a":"b"}"#),
            ("{a:b}", r#"{"a":"b"}"#),
            ("{a=1;b=>2;c:>3}", r#"{"a":1,"b":2,"c":3}"#),
            ("[1,]", "[1,null]"),
            ("[,]", "[null,null]"),
            ("[;]", "[null,null]"),
            ("[1;2]", "[1,2]"),
            ("{a:1,b:2,a:3}", r#"{"a":3,"b":2}"#),
            ("[NULL,True,fAlSe]", "[null,true,false]"),
            ("[010,0x10,0X1f,09,0]", "[8,16,31,9,0]"),
            ("[1.5,1e3,1.0,-2]", "[1.5,1000,1,-2]"),
            ("[9223372036854775808]", "[9223372036854775807]"),
            ("[1]garbage", "[1]"),
            ("[1]\0", "[1]"),
            ("// a\n[1]", "[1]"),
            ("# a\r[1]", "[1]"),
            ("[/* , */1]", "[1]"),
            (r#"["\u00fc\n\q\/"]"#, "[\"ü\\nq\\/\"]"),
            (r#"["\ud83d\ude00"]"#, "[\"\u{1f600}\"]"),
            (r#"["\ud83d"]"#, "[\"\u{fffd}\"]"),
            ("[\"a\nb\"]", r#"["a\nb"]"#),
            ("[a\u{fc}]", "[\"a\u{fc}\"]"),
            (r#""text""#, r#""text""#),
        ] {
            assert_eq!(json(text).as_deref(), Ok(value), "{text}");
        }
    }

    #[test]
    fn malformed_text_is_refused() {
        for text in [
            "",
            "// only a comment",
            "[1",
            "[1 2]",
            "{",
            "{a",
            "{a:",
            "{a:}",
            "{a:1",
            "{a:1,}",
            "{a:1,,b:2}",
            "{1:2}",
            "{null:2}",
            "{[]:2}",
            "{a:NaN}",
            "{a:-Infinity}",
            "[/*]",
            "\"",
            "'a\"",
            "\"\\",
            "\"\\u12\"",
            "\"\\uzzzz\"",
            "\"\\u",
            "}",
            ":",
            "/",
            "{a 1}",
        ] {
            assert!(matches!(parse(text), Err(ParseFault::Syntax(_))), "{text}");
        }
    }

    /// Generates nested JSON documents with whole numbers.
    fn documents() -> impl Strategy<Value = serde_json::Value> {
        use serde_json::Value;
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..6).prop_map(Value::from),
                hash_map(any::<String>(), inner, 0..6)
                    .prop_map(|fields| fields.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn valid_json_is_read_unchanged(document in documents(), is_pretty in any::<bool>()) {
            let text = match is_pretty {
                true => serde_json::to_string_pretty(&document),
                false => serde_json::to_string(&document),
            };
            let value = parse(&text.unwrap()).unwrap();
            let again: serde_json::Value = serde_json::from_str(&value.to_json()).unwrap();
            prop_assert_eq!(again, document);
            let twice = value.clone().reparsed();
            prop_assert_eq!(twice, Some(value));
        }
    }

    #[test]
    fn nesting_is_limited() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(parse(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(parse(&nested(MAX_DEPTH + 1)), Err(ParseFault::TooDeep));
        assert_eq!(parse(&"[".repeat(1_000_000)), Err(ParseFault::TooDeep));
        assert_eq!(parse(&"{a:".repeat(1_000_000)), Err(ParseFault::TooDeep));
    }
}
