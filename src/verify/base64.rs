//! Base64, as `payload_properties.txt` and PEM have it.
//!
//! In: text. Out: bytes, or nothing where it is no base64. Source: RFC 4648, section 4.

/// Decodes text with padding.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let (groups, rest) = text.as_bytes().as_chunks::<4>();
    if !rest.is_empty() {
        return None;
    }
    let mut bytes = Vec::with_capacity(groups.len().saturating_mul(3));
    for (index, group) in groups.iter().enumerate() {
        let num_pads = group.iter().rev().take_while(|byte| **byte == b'=').count();
        if num_pads > 2 || num_pads > 0 && index.saturating_add(1) != groups.len() {
            return None;
        }
        let (digits, _) = group.split_at(4 - num_pads);
        let mut bits = 0u32;
        for digit in digits {
            bits = bits << 6 | value(*digit)?;
        }
        let bits = bits << (6 * num_pads);
        let [_, decoded @ ..] = bits.to_be_bytes();
        bytes.extend(&decoded[..3 - num_pads]);
    }
    Some(bytes)
}

fn value(digit: u8) -> Option<u32> {
    Some(match digit {
        b'A'..=b'Z' => u32::from(digit - b'A'),
        b'a'..=b'z' => u32::from(digit - b'a') + 26,
        b'0'..=b'9' => u32::from(digit - b'0') + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn the_vectors_of_the_specification_decode() {
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(decode(text).unwrap(), bytes.as_bytes(), "{text}");
        }
        for text in ["Z", "Zg=", "Zg==Zg==", "Z===", "====", "Zm9*", "Z\u{e9}9"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
