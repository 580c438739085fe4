//! Compact JSON in ASCII.

use std::io;

use serde::Serialize;

/// Renders compact JSON in ASCII: other characters become `\u` escapes, since an early client decodes
/// every body as Latin-1.
pub(crate) fn to_ascii<T: Serialize>(value: &T) -> String {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, AsciiFormatter);
    value
        .serialize(&mut serializer)
        .expect("strings and numbers always become JSON in memory");
    String::from_utf8(bytes).expect("the formatter writes ASCII")
}

struct AsciiFormatter;

impl serde_json::ser::Formatter for AsciiFormatter {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // Most texts have nothing to escape.
        if fragment.bytes().all(|byte| byte < b'\x7f') {
            return writer.write_all(fragment.as_bytes());
        }
        for c in fragment.chars() {
            if c.is_ascii() && c != '\x7f' {
                writer.write_all(&[c as u8])?;
            } else {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_ascii() {
        let json = to_ascii(&"a\"ü\u{1F600}\n\x7f");
        assert_eq!(json, "\"a\\\"\\u00fc\\ud83d\\ude00\\n\\u007f\"");
        assert_eq!(
            serde_json::from_str::<String>(&json).unwrap(),
            "a\"ü\u{1F600}\n\x7f"
        );
    }
}
