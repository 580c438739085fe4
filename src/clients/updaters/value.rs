//! The values of Android 10's `org.json`, and the conversions of its getters.
//!
//! In: values that [`orgjson`](super::orgjson) read. Out: numbers and text, by the rules of
//! `JSON.toLong`, `toInteger` and `toString` and of `JSONStringer`.

use super::java;

/// A value as `org.json` holds it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// `null`, or nothing between two commas.
    Null,
    Bool(bool),
    Integer(i64),
    Double(f64),
    Text(String),
    Array(Vec<Value>),
    Object(Object),
}

/// An object, with its keys in the order of their first occurrence.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Object(pub(super) Vec<(String, Value)>);

impl Object {
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        let field = self.0.iter().find(|(name, _)| name == key);
        field.map(|(_, value)| value)
    }
}

impl Value {
    /// `getLong`: truncates numbers and converts text by way of `double` (E2).
    pub(super) fn to_long(&self) -> Option<i64> {
        match self {
            Value::Integer(integer) => Some(*integer),
            Value::Double(number) => Some(java::double_to_long(*number)),
            Value::Text(text) => java::parse_double(text).map(java::double_to_long),
            _ => None,
        }
    }

    /// `getInt`: keeps the lowest 32 bits of an integer, and limits other values to the range of `int`.
    pub(super) fn to_int(&self) -> Option<i32> {
        let limit = |long: i64| {
            let int = long.clamp(i64::from(i32::MIN), i64::from(i32::MAX));
            i32::try_from(int).unwrap_or_default()
        };
        match self {
            Value::Integer(integer) => {
                let [a, b, c, d, ..] = integer.to_le_bytes();
                Some(i32::from_le_bytes([a, b, c, d]))
            }
            _ => self.to_long().map(limit),
        }
    }

    /// `getString`: converts any value to text, including `null` (E2).
    pub(super) fn to_text(&self) -> String {
        match self {
            Value::Text(text) => text.clone(),
            Value::Double(number) => java::double_to_string(*number),
            other => other.to_json(),
        }
    }

    /// Returns the kind of value, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Integer(_) | Value::Double(_) => "a number",
            Value::Text(_) => "text",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        }
    }

    /// `toString` of a value inside a document.
    pub(super) fn to_json(&self) -> String {
        match self {
            Value::Null => "null".to_owned(),
            Value::Bool(is_true) => is_true.to_string(),
            Value::Integer(integer) => integer.to_string(),
            Value::Double(number) => match whole(*number) {
                Some(integer) => integer.to_string(),
                None => java::double_to_string(*number),
            },
            Value::Text(text) => quote(text),
            Value::Array(values) => {
                let values: Vec<String> = values.iter().map(Value::to_json).collect();
                format!("[{}]", values.join(","))
            }
            Value::Object(object) => {
                let field = |(name, value): &(String, Value)| quote(name) + ":" + &value.to_json();
                let fields: Vec<String> = object.0.iter().map(field).collect();
                format!("{{{}}}", fields.join(","))
            }
        }
    }

    /// Converts the value by `toString` and parses it again, as it reaches CMUpdater.
    ///
    /// `None` if `toString` fails and the updater crashes, which NaN in an array causes.
    pub(super) fn reparsed(self) -> Option<Value> {
        Some(match self {
            Value::Double(number) if !number.is_finite() => return None,
            // `21.0` becomes `21` (E2).
            Value::Double(number) => whole(number).map_or(Value::Double(number), Value::Integer),
            Value::Array(values) => {
                let values = values.into_iter().map(Value::reparsed);
                Value::Array(values.collect::<Option<_>>()?)
            }
            Value::Object(Object(fields)) => {
                let fields = fields.into_iter();
                let fields = fields.map(|(name, value)| Some((name, value.reparsed()?)));
                Value::Object(Object(fields.collect::<Option<_>>()?))
            }
            other => other,
        })
    }
}

/// Returns a number without a fraction, as `numberToString` writes it.
fn whole(number: f64) -> Option<i64> {
    let long = java::double_to_long(number);
    // `numberToString` loses the same precision.
    (long as f64 == number).then_some(long)
}

/// `JSONStringer.string`: quotes and escapes text.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' | '/' => quoted.extend(['\\', c]),
            '\t' => quoted.push_str("\\t"),
            '\u{8}' => quoted.push_str("\\b"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\u{c}' => quoted.push_str("\\f"),
            '\0'..='\u{1f}' => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::super::orgjson::parse;
    use super::*;

    #[test]
    fn getters_convert_values_like_in_java() {
        let value = |text: &str| parse(text).unwrap();
        for (text, long) in [
            ("1700000100", Some(1_700_000_100)),
            ("'1700000100'", Some(1_700_000_100)),
            ("1700000100.9", Some(1_700_000_100)),
            ("99999999999999999999", Some(i64::MAX)),
            ("9007199254740993", Some(9_007_199_254_740_993)),
            // Through `double`, which loses the last bit.
            ("'9007199254740993'", Some(9_007_199_254_740_992)),
            ("'2023-11-14T22:15:00Z'", None),
            ("true", None),
            ("null", None),
            ("[]", None),
        ] {
            assert_eq!(value(text).to_long(), long, "{text}");
        }
        for (text, string) in [
            ("123", "123"),
            ("21.0", "21.0"),
            ("null", "null"),
            ("true", "true"),
            ("[1.0,'a/b',null]", r#"[1,"a\/b",null]"#),
            ("1e20", "1.0E20"),
        ] {
            assert_eq!(value(text).to_text(), string);
        }
        assert_eq!(value("4294967301").to_int(), Some(5));
        assert_eq!(value("'4294967301'").to_int(), Some(i32::MAX));
        assert_eq!(value("'22'").to_int(), Some(22));
        assert_eq!(value("''").to_int(), None);
    }

    #[test]
    fn parsing_twice_turns_whole_doubles_into_integers() {
        let twice = |text: &str| parse(text).unwrap().reparsed();
        assert_eq!(twice("{a:21.0}").unwrap().to_json(), r#"{"a":21}"#);
        assert_eq!(
            twice("[21.0]"),
            Some(Value::Array(vec![Value::Integer(21)]))
        );
        assert_eq!(
            twice("[21.5]"),
            Some(Value::Array(vec![Value::Double(21.5)]))
        );
        assert_eq!(twice("{a:[NaN]}"), None);
    }
}
