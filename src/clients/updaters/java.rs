//! Java's comparisons and conversions of text and numbers, where Rust differs.
//!
//! Sources: the documentation of `java.lang.String`, `java.lang.Double` and
//! `java.lang.Character` of Java 8, which Android 10 follows.
//!
//! Left out: hexadecimal floating-point text such as `0x1p3`, and digits beyond ASCII.

use std::cmp::Ordering;

/// `String.trim`: removes characters up to U+0020 at both ends.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}

/// `String.compareTo`: compares by UTF-16 units.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    a.encode_utf16().cmp(b.encode_utf16())
}

/// `String.equalsIgnoreCase`: compares unit by unit, so only if a letter stays a single unit.
pub(super) fn equals_ignore_case(a: &str, b: &str) -> bool {
    a.chars().map(fold).eq(b.chars().map(fold))
}

fn fold(c: char) -> char {
    if c > '\u{ffff}' {
        return c;
    }
    let upper = single(c.to_uppercase()).unwrap_or(c);
    single(upper.to_lowercase()).unwrap_or(upper)
}

fn single(mut chars: impl Iterator<Item = char>) -> Option<char> {
    let first = chars.next()?;
    chars.next().is_none().then_some(first)
}

/// `Double.parseDouble`; `None` if it throws.
pub(super) fn parse_double(text: &str) -> Option<f64> {
    let text = trim(text);
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    match unsigned {
        "NaN" => return Some(f64::NAN),
        "Infinity" => return Some(sign * f64::INFINITY),
        _ => {}
    }
    // `1f` and `1d` are numbers in Java.
    let digits = text.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(text);
    // Rust also accepts words such as `inf`.
    let is_plain = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    match digits.bytes().all(is_plain) {
        true => digits.parse().ok(),
        false => None,
    }
}

/// `(long)` of a double: truncated, limited to the range of `long`, 0 for NaN.
pub(super) fn double_to_long(number: f64) -> i64 {
    // A cast in Rust saturates as one in Java does.
    number as i64
}

/// `Double.toString`: with at least one digit on either side of the point, or an exponent.
pub(super) fn double_to_string(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        let sign = if number < 0.0 { "-" } else { "" };
        return format!("{sign}Infinity");
    }
    let size = number.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{number:?}");
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if digits.contains('.') => format!("{digits}E{exponent}"),
        Some((digits, exponent)) => format!("{digits}.0E{exponent}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_parsed_like_in_java() {
        for (text, number) in [
            ("1", 1.0),
            (" 1.5\n", 1.5),
            ("+.5", 0.5),
            ("1.", 1.0),
            ("1e3", 1000.0),
            ("1f", 1.0),
            ("2D", 2.0),
            ("-Infinity", f64::NEG_INFINITY),
            ("1700000100", 1_700_000_100.0),
        ] {
            assert_eq!(parse_double(text), Some(number), "{text}");
        }
        for text in [
            "",
            " ",
            "inf",
            "nan",
            "1x",
            "e5",
            ".",
            "d",
            "1 2",
            "2023-11-14",
        ] {
            assert_eq!(parse_double(text), None, "{text}");
        }
        assert!(parse_double("NaN").is_some_and(f64::is_nan));
    }

    #[test]
    fn doubles_are_formatted_like_in_java() {
        for (number, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (21.0, "21.0"),
            (0.001, "0.001"),
            (0.0001, "1.0E-4"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (1.5e20, "1.5E20"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(double_to_string(number), text);
        }
    }

    #[test]
    fn large_doubles_become_the_largest_long() {
        assert_eq!(double_to_long(1e30), i64::MAX);
        assert_eq!(double_to_long(f64::NAN), 0);
        assert_eq!(double_to_long(-1.9), -1);
    }

    #[test]
    fn letter_case_is_ignored_letter_by_letter() {
        assert!(equals_ignore_case("NIGHTLY", "nightly"));
        assert!(equals_ignore_case("Ü", "ü"));
        assert!(!equals_ignore_case("ß", "SS"));
        assert!(!equals_ignore_case("nightly ", "nightly"));
    }

    #[test]
    fn text_is_compared_by_utf16_units() {
        assert_eq!(compare("9.0", "21.0"), Ordering::Greater);
        assert_eq!(compare("21", "21.0"), Ordering::Less);
        // A pair of surrogates sorts before U+FFFD.
        assert_eq!(compare("\u{1f600}", "\u{fffd}"), Ordering::Less);
    }
}
