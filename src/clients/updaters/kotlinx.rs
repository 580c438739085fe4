//! The JSON reader of kotlinx.serialization 1.9, with what it accepts beyond JSON.
//!
//! In: text. Out: the values of the keys that the caller asks for, one after the other, as the
//! generated code of a Kotlin class reads them. Source: `StreamingJsonDecoder` and
//! `AbstractJsonLexer`.
//!
//! Accepted beyond JSON: raw control characters in text, numbers such as `017`, `-0`, `17E2` or in
//! quotes, no comma between the members of an object, and below an unknown key, anything whose
//! brackets and quotes match.
//!
//! Safe on untrusted input: no panic, no recursion except the caller's, memory in proportion to
//! the text.

/// A syntax error, which ends the reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Syntax {
    /// What is wrong.
    pub(super) problem: String,
    /// The position, in bytes from the start.
    pub(super) at: usize,
}

/// The kind of the next value, judged by its first characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next<'a> {
    Null,
    Bool,
    Text,
    Array,
    Object,
    /// A number, or any other word without quotes.
    Word(&'a str),
    /// A character with which no value begins.
    Other,
    End,
}

/// A text and the position up to which it has been read.
pub(super) struct Lexer<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Lexer<'a> {
        Lexer { text, position: 0 }
    }

    /// `decodeObjectIndex`: calls `field` for each key. It reads the value, or returns `false` for an
    /// unknown key, whose value is then skipped.
    pub(super) fn object<E: From<Syntax>>(
        &mut self,
        field: impl FnMut(&mut Self, String) -> Result<bool, E>,
    ) -> Result<(), E> {
        self.members(false, field)
    }

    /// `decodeMapIndex`: the same for a map, whose members have commas between them.
    pub(super) fn map<E: From<Syntax>>(
        &mut self,
        mut member: impl FnMut(&mut Self, String) -> Result<(), E>,
    ) -> Result<(), E> {
        self.members(true, |lexer, key| member(lexer, key).map(|()| true))
    }

    fn members<E: From<Syntax>>(
        &mut self,
        needs_comma: bool,
        mut field: impl FnMut(&mut Self, String) -> Result<bool, E>,
    ) -> Result<(), E> {
        self.expect(b'{', "an object")?;
        if self.peek() == Some(b',') {
            return Err(self.fault("a comma before the first key").into());
        }
        for index in 0.. {
            let has_comma = self.comma();
            if !self.has_value() {
                if has_comma {
                    return Err(self.fault("a comma after the last key").into());
                }
                break;
            }
            if needs_comma && index > 0 && !has_comma {
                return Err(self.fault("no comma between two keys").into());
            }
            let key = self.string()?;
            self.expect(b':', "`:` after a key")?;
            if !field(self, key)? {
                self.skip()?;
            }
        }
        Ok(self.expect(b'}', "`}` or another key")?)
    }

    /// `decodeListIndex`: calls `element` with the index of each element, which it reads.
    pub(super) fn array<E: From<Syntax>>(
        &mut self,
        mut element: impl FnMut(&mut Self, usize) -> Result<(), E>,
    ) -> Result<(), E> {
        self.expect(b'[', "an array")?;
        if self.peek() == Some(b',') {
            return Err(self.fault("a comma before the first element").into());
        }
        for index in 0.. {
            let has_comma = self.comma();
            if !self.has_value() {
                if has_comma {
                    return Err(self.fault("a comma after the last element").into());
                }
                break;
            }
            if index > 0 && !has_comma {
                return Err(self.fault("no comma between two elements").into());
            }
            element(self, index)?;
        }
        Ok(self.expect(b']', "`]` or another element")?)
    }

    /// `consumeString`: reads a string, in which raw control characters are allowed.
    pub(super) fn string(&mut self) -> Result<String, Syntax> {
        self.expect(b'"', "text in quotes")?;
        let mut units = Vec::new();
        let mut text = String::new();
        let mut rest = self.rest().chars();
        while let Some(c) = rest.next() {
            let unit = match c {
                '"' => {
                    text.push_str(&String::from_utf16_lossy(&units));
                    self.position = self.text.len() - rest.as_str().len();
                    return Ok(text);
                }
                '\\' => unescape(&mut rest),
                _ => {
                    text.push_str(&String::from_utf16_lossy(&units));
                    units.clear();
                    text.push(c);
                    continue;
                }
            };
            let at = self.text.len() - rest.as_str().len();
            let problem = || "an unknown escape".to_owned();
            // Two of these in a row may be the halves of one character.
            units.push(unit.ok_or_else(|| Syntax {
                problem: problem(),
                at,
            })?);
        }
        self.position = self.text.len();
        Err(self.fault("an unterminated string"))
    }

    /// `consumeNumericLiteral`; `None` if it fails, and then the position does not change.
    pub(super) fn long(&mut self) -> Option<i64> {
        self.skip_blanks();
        let rest = self.rest();
        let unquoted = rest.strip_prefix('"');
        let digits = unquoted.unwrap_or(rest);
        let len = digits.bytes().position(|byte| !is_other(byte));
        let (word, after) = digits.split_at(len.unwrap_or(digits.len()));
        let number = parse_long(word)?;
        let after = match unquoted {
            Some(_) => after.strip_prefix('"')?,
            None => after,
        };
        self.position = self.text.len() - after.len();
        Some(number)
    }

    /// `tryConsumeNull`: reads `null`, and returns whether there was one.
    pub(super) fn null(&mut self) -> bool {
        self.skip_blanks();
        let is_null = self.rest().strip_prefix("null").is_some_and(|after| {
            let next = after.bytes().next();
            !next.is_some_and(is_other)
        });
        if is_null {
            self.position += "null".len();
        }
        is_null
    }

    /// Returns the kind of the next value, without reading it.
    pub(super) fn next(&mut self) -> Next<'a> {
        let Some(byte) = self.peek() else {
            return Next::End;
        };
        let rest = self.rest();
        let len = rest.bytes().position(|byte| !is_other(byte));
        match byte {
            b'{' => Next::Object,
            b'[' => Next::Array,
            b'"' => Next::Text,
            byte if !is_other(byte) => Next::Other,
            _ => match &rest[..len.unwrap_or(rest.len())] {
                "null" => Next::Null,
                "true" | "false" => Next::Bool,
                word => Next::Word(word),
            },
        }
    }

    /// Checks that nothing follows.
    pub(super) fn end(&mut self) -> Result<(), Syntax> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.fault("something after the end")),
        }
    }

    pub(super) fn fault(&self, problem: &str) -> Syntax {
        Syntax {
            problem: problem.to_owned(),
            at: self.position,
        }
    }

    /// `skipElement`: skips a value, in which only quotes and brackets must match.
    fn skip(&mut self) -> Result<(), Syntax> {
        let mut open = Vec::new();
        loop {
            match self.peek() {
                None => return Err(self.fault("the text ends too early")),
                Some(b'"') => {
                    self.string()?;
                }
                Some(byte @ (b'{' | b'[')) => {
                    open.push(byte);
                    self.position += 1;
                }
                Some(byte @ (b'}' | b']')) => {
                    let opened = if byte == b'}' { b'{' } else { b'[' };
                    if open.pop() != Some(opened) {
                        return Err(self.fault("a bracket that does not match"));
                    }
                    self.position += 1;
                }
                Some(byte) if open.is_empty() && !is_other(byte) => {
                    return Err(self.fault("a character where a value should be"));
                }
                Some(byte) => {
                    let rest = self.rest();
                    let len = rest.bytes().position(|byte| !is_other(byte));
                    self.position += match is_other(byte) {
                        true => len.unwrap_or(rest.len()),
                        false => 1,
                    };
                }
            }
            if open.is_empty() {
                return Ok(());
            }
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
        self.position += blanks;
    }

    fn peek(&mut self) -> Option<u8> {
        self.skip_blanks();
        self.rest().bytes().next()
    }

    fn comma(&mut self) -> bool {
        let is_comma = self.peek() == Some(b',');
        self.position += usize::from(is_comma);
        is_comma
    }

    /// `canConsumeValue`.
    fn has_value(&mut self) -> bool {
        self.peek().is_some_and(|byte| !b"}]:,".contains(&byte))
    }

    fn expect(&mut self, expected: u8, what: &str) -> Result<(), Syntax> {
        match self.peek() {
            Some(byte) if byte == expected => {
                self.position += 1;
                Ok(())
            }
            Some(_) => Err(self.fault(&format!("expected {what}"))),
            None => Err(self.fault("the text ends too early")),
        }
    }
}

/// `TC_OTHER`: returns whether a byte is part of a word without quotes.
fn is_other(byte: u8) -> bool {
    byte > b' ' && !b"{}[]:,\"\\".contains(&byte)
}

/// `consumeNumericLiteral`: parses the characters of one word.
fn parse_long(word: &str) -> Option<i64> {
    let mut mantissa = 0_i64;
    let mut exponent: Option<i64> = None;
    let (mut is_negative, mut is_exponent_negative) = (false, false);
    for (index, byte) in word.bytes().enumerate() {
        match (byte, exponent) {
            (b'e' | b'E', None) if index > 0 => exponent = Some(0),
            (b'-', Some(_)) => is_exponent_negative = true,
            (b'+', Some(_)) => is_exponent_negative = false,
            (b'-', None) if index == 0 => is_negative = true,
            (b'0'..=b'9', None) => {
                // Summed up below zero, because the smallest number has no positive counterpart.
                let digit = i64::from(byte - b'0');
                mantissa = mantissa.wrapping_mul(10).wrapping_sub(digit);
                if mantissa > 0 {
                    return None;
                }
            }
            (b'0'..=b'9', Some(sum)) => {
                let digit = i64::from(byte - b'0');
                exponent = Some(sum.wrapping_mul(10).wrapping_add(digit));
            }
            _ => return None,
        }
    }
    if word.is_empty() || word == "-" {
        return None;
    }
    if let Some(exponent) = exponent {
        let exponent = exponent as f64;
        let exponent = if is_exponent_negative {
            -exponent
        } else {
            exponent
        };
        let number = mantissa as f64 * 10_f64.powf(exponent);
        let is_in_range = (i64::MIN as f64..=i64::MAX as f64).contains(&number);
        if !is_in_range || number.floor() != number {
            return None;
        }
        mantissa = number as i64;
    }
    match is_negative {
        true => Some(mantissa),
        false => mantissa.checked_neg(),
    }
}

/// Reads an escape as a unit of UTF-16, which may be half a character; `None` if it is unknown.
fn unescape(rest: &mut std::str::Chars<'_>) -> Option<u16> {
    let c = match rest.next()? {
        'u' => {
            let digits: String = rest.by_ref().take(4).collect();
            let is_whole = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit());
            return is_whole.then(|| u16::from_str_radix(&digits, 16).ok())?;
        }
        c @ ('"' | '\\' | '/') => c,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        _ => return None,
    };
    u16::try_from(u32::from(c)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_like_in_kotlin() {
        for (text, number) in [
            ("1", 1),
            (" -1", -1),
            ("017", 17),
            ("-0", 0),
            ("-00", 0),
            ("17000001E2", 1_700_000_100),
            ("17e+1", 170),
            ("1700e-2", 17),
            (r#""1700000100""#, 1_700_000_100),
            (r#""1e3""#, 1000),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(Lexer::new(text).long(), Some(number), "{text}");
        }
        for text in [
            "",
            "-",
            "+1",
            "1.0",
            "1.",
            ".5",
            "e1",
            "1-",
            "--1",
            "1x",
            "null",
            "true",
            "1e-1",
            "1e30",
            "0e999",
            "9223372036854775808",
            "99999999999999999999",
            r#"" 1""#,
            r#""1 ""#,
            r#""1"#,
            r#""""#,
            "NaN",
            "0x1",
        ] {
            let mut lexer = Lexer::new(text);
            assert_eq!(lexer.long(), None, "{text}");
        }
    }

    #[test]
    fn text_may_have_control_characters_and_halves_of_characters() {
        for (text, value) in [
            ("\"a\u{1}\n\tb\"", "a\u{1}\n\tb"),
            (r#""\ud83d\ude00""#, "\u{1f600}"),
            (r#""\ud83dx""#, "\u{fffd}x"),
            (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
        ] {
            assert_eq!(Lexer::new(text).string().as_deref(), Ok(value), "{text}");
        }
        for text in [
            "a",
            "\"",
            r#""\"#,
            r#""\x""#,
            r#""\u12"#,
            r#""\u12g4""#,
            "null",
            "",
        ] {
            assert!(Lexer::new(text).string().is_err(), "{text}");
        }
    }

    /// Reads the value of `a` and skips everything else.
    fn value_of_a(text: &str) -> Result<Option<i64>, Syntax> {
        let mut lexer = Lexer::new(text);
        let mut found = None;
        lexer.object(|lexer, key| {
            if key == "a" {
                found = lexer.long();
            }
            Ok::<_, Syntax>(key == "a")
        })?;
        lexer.end()?;
        Ok(found)
    }

    #[test]
    fn skipped_values_only_need_matching_brackets() {
        for text in [
            r#"{"a":1}"#,
            r#"{"b":NaN,"a":1}"#,
            r#"{"b":bare,"a":1}"#,
            r#"{"b":[1,],"a":1}"#,
            r#"{"b":[,;x:{y z}],"a":1}"#,
            r#"{"b":{"]":"}"},"a":1}"#,
            r#"{"b":"" "a":1}"#,
            r#"{"a":0 "a":1}"#,
            "\t{ \"a\" : 1 } \r\n",
        ] {
            assert_eq!(value_of_a(text), Ok(Some(1)), "{text}");
        }
        for text in [
            "",
            "{",
            r#"{"a":1"#,
            r#"{"a":1,}"#,
            r#"{,"a":1}"#,
            r#"{"a":1,,"b":2}"#,
            r#"{"b":,"a":1}"#,
            r#"{"b":[1},"a":1}"#,
            r#"{"b":["a":1}"#,
            r#"{b:1,"a":1}"#,
            r#"{"a":1}x"#,
            r#"{"b":\,"a":1}"#,
            "[]",
        ] {
            assert!(value_of_a(text).is_err(), "{text}");
        }
        let deep = format!(
            r#"{{"b":{}{},"a":1}}"#,
            "[".repeat(1_000_000),
            "]".repeat(1_000_000)
        );
        assert_eq!(value_of_a(&deep), Ok(Some(1)));
    }

    #[test]
    fn elements_of_an_array_need_commas() {
        let numbers = |text: &str| {
            let mut numbers = Vec::new();
            let mut lexer = Lexer::new(text);
            lexer.array(|lexer, _| {
                numbers.extend(lexer.long());
                Ok::<_, Syntax>(())
            })?;
            Ok::<_, Syntax>(numbers)
        };
        assert_eq!(numbers("[ 1 ,2,\n3]"), Ok(vec![1, 2, 3]));
        assert_eq!(numbers("[]"), Ok(Vec::new()));
        for text in ["[1,]", "[,1]", "[1 2]", "[1,,2]", "[1", "[", "1"] {
            assert!(numbers(text).is_err(), "{text}");
        }
    }
}
