//! Messages about errors in JSON, in the words of people who write it.

/// An error in a JSON text. Its message names the place, and no Rust types.
///
/// The parser's own error is not its source: chained, it would repeat the message with Rust types.
#[derive(Debug, thiserror::Error)]
#[error("{}", json_message(.0))]
pub struct JsonError(serde_json::Error);

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> JsonError {
        JsonError(error)
    }
}

/// Returns what is wrong with a JSON text, and where, without Rust types.
#[must_use]
pub fn json_message(error: &serde_json::Error) -> String {
    let text = error
        .to_string()
        .replace("EOF while parsing", "the text ends in the middle of");
    let place = format!(" at line {} column {}", error.line(), error.column());
    match text.strip_suffix(&place) {
        Some(text) => plain_types(text, "an object") + &place,
        None => plain_types(&text, "an object"),
    }
}

/// Rewords a parser's message about a value of the wrong type without Rust types; `object` is the
/// format's word for keys with values.
#[must_use]
pub fn plain_types(message: &str, object: &str) -> String {
    let Some((found, expected)) = message.rsplit_once("expected ") else {
        return message.to_owned();
    };
    let is_outside = found.starts_with("invalid value");
    let expected = match expected {
        "u16" if is_outside => "a whole number from 0 to 65535",
        "u32" if is_outside => "a whole number from 0 to 4294967295",
        "usize" | "u64" if is_outside => "a whole number, 0 or more",
        "usize" | "u16" | "u32" | "u64" | "i64" => "a whole number",
        "a sequence" => "a list",
        "a boolean" => "true or false",
        "a map" => object,
        other if other.starts_with("struct ") => object,
        other => other,
    };
    let found = found
        .replace("integer `", "the number `")
        .replace("floating point `", "the number `")
        .replace("boolean `", "the value `")
        .replace("string \"", "the text \"")
        .replace("sequence,", "a list,")
        .replace("map,", &format!("{object},"));
    format!("{found}expected {expected}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_types_in_json_are_reported_without_names_of_rust() {
        #[derive(Debug, serde::Deserialize)]
        struct Wire {
            #[expect(dead_code)]
            schema: u32,
        }
        for (json, expected) in [
            (
                "[]",
                "invalid length 0, expected an object at line 1 column 2",
            ),
            (
                "5",
                "invalid type: the number `5`, expected an object at line 1 column 1",
            ),
            (
                "{\"schema\":{}}",
                "invalid type: an object, expected a whole number at line 1 column 10",
            ),
            (
                "{\"schema\":-1}",
                "invalid value: the number `-1`, expected a whole number from 0 to 4294967295 at line 1 column 12",
            ),
            (
                "{",
                "the text ends in the middle of an object at line 1 column 1",
            ),
        ] {
            let error = serde_json::from_str::<Wire>(json).unwrap_err();
            assert_eq!(JsonError::from(error).to_string(), expected);
        }
    }
}
