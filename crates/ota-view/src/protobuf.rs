//! Protocol buffers, read field by field without allocating.
//!
//! In: the bytes of one message. Out: its [`Fields`] in order. A hostile manifest may contain
//! millions of empty messages, so nothing is allocated for them.
//! Source: the protocol buffers encoding guide. Groups are refused: Android's messages do not
//! use them.

/// Bytes that are not a protobuf message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed protobuf field at byte {offset:#x} of its message")]
pub struct Malformed {
    /// Offset in the message.
    pub offset: usize,
}

/// The value of one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// A number of variable length.
    Varint(u64),
    /// Eight bytes, little-endian.
    Fixed64(u64),
    /// A string, bytes or a message.
    Bytes(&'a [u8]),
    /// Four bytes, little-endian.
    Fixed32(u32),
}

impl<'a> Value<'a> {
    /// Returns the number; 0 for bytes.
    #[must_use]
    pub(crate) fn number(self) -> u64 {
        match self {
            Value::Varint(number) | Value::Fixed64(number) => number,
            Value::Fixed32(number) => u64::from(number),
            Value::Bytes(_) => 0,
        }
    }

    /// Returns the bytes; none for a number.
    #[must_use]
    pub(crate) fn bytes(self) -> &'a [u8] {
        match self {
            Value::Bytes(bytes) => bytes,
            _ => &[],
        }
    }

    /// Returns the bytes as trimmed text; `None` if it is empty.
    #[must_use]
    pub(crate) fn text(self) -> Option<String> {
        let text = String::from_utf8_lossy(self.bytes());
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }
}

/// Iterates over the fields of a message: number and value, in their order.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    /// Starts at the first field of `message`.
    #[must_use]
    pub(crate) fn new(message: &'a [u8]) -> Fields<'a> {
        Fields { message, at: 0 }
    }

    fn take(&mut self, len: u64) -> Option<&'a [u8]> {
        let rest = self.message.get(self.at..)?;
        let bytes = rest.get(..usize::try_from(len).ok()?)?;
        self.at = self.at.checked_add(bytes.len())?;
        Some(bytes)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let [byte] = *self.take(1)? else { return None };
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit only.
            if shift == 63 && bits > 1 {
                return None;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn field(&mut self) -> Option<(u32, Value<'a>)> {
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| *number > 0)?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            2 => {
                let len = self.varint()?;
                Value::Bytes(self.take(len)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.take(4)?.try_into().ok()?)),
            _ => return None,
        };
        Some((number, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.at;
        if offset >= self.message.len() {
            return None;
        }
        Some(self.field().ok_or_else(|| {
            self.at = self.message.len();
            Malformed { offset }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use testkit::proto::Message;

    #[test]
    fn fields_are_read_in_order_with_their_values() {
        let message = Message::new()
            .uint(1, 300)
            .bytes(2, "text")
            .fixed32(5, 7)
            .int64(1, -1)
            .build();
        let fields: Result<Vec<_>, _> = Fields::new(&message).collect();
        assert_eq!(
            fields.unwrap(),
            [
                (1, Value::Varint(300)),
                (2, Value::Bytes(b"text")),
                (5, Value::Fixed32(7)),
                (1, Value::Varint(u64::MAX)),
            ]
        );
    }

    #[test]
    fn truncated_and_unknown_fields_are_malformed_at_their_offset() {
        for (bytes, offset) in [
            (&b"\x08\x01\x12\x05ab"[..], 2),
            (b"\x08", 0),
            (b"\x00\x01", 0),
            (b"\x0b", 0),
            (b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 0),
        ] {
            let fault = Fields::new(bytes).find_map(Result::err);
            assert_eq!(fault, Some(Malformed { offset }), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn reading_ends_for_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Fields::new(&bytes).count() <= bytes.len());
        }
    }
}
