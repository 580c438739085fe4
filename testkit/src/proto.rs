//! Protocol-buffer messages, written field by field.
//!
//! In: field numbers and values. Out: the wire form. Format: the protobuf encoding guide. Fields
//! are written in call order, and can be repeated or missing; groups and packed fields are left
//! out, because no package uses them.

const VARINT: u64 = 0;
const LENGTH_DELIMITED: u64 = 2;
const FIXED32: u64 = 5;

/// A message under construction.
#[derive(Clone, Debug, Default)]
pub struct Message(Vec<u8>);

impl Message {
    /// Starts an empty message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an unsigned, enum or bool field.
    pub fn uint(mut self, field: u32, value: u64) -> Self {
        self.tag(field, VARINT);
        self.varint(value);
        self
    }

    /// Adds an `int64` field; negative values take ten bytes.
    pub fn int64(self, field: u32, value: i64) -> Self {
        self.uint(field, value.cast_unsigned())
    }

    /// Adds a `fixed32` field.
    pub fn fixed32(mut self, field: u32, value: u32) -> Self {
        self.tag(field, FIXED32);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    /// Adds a `bytes` or `string` field.
    pub fn bytes(mut self, field: u32, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        self.tag(field, LENGTH_DELIMITED);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    /// Adds a message field.
    pub fn message(self, field: u32, value: &Message) -> Self {
        self.bytes(field, &value.0)
    }

    /// Returns the wire form.
    pub fn build(self) -> Vec<u8> {
        self.0
    }

    fn tag(&mut self, field: u32, wire_type: u64) {
        self.varint((u64::from(field) << 3) | wire_type);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_the_encoding_of_the_guide() {
        assert_eq!(Message::new().uint(1, 150).build(), [0x08, 0x96, 0x01]);
        assert_eq!(
            Message::new().bytes(2, "testing").build(),
            b"\x12\x07testing"
        );
        let inner = Message::new().uint(1, 150);
        assert_eq!(
            Message::new().message(3, &inner).build(),
            [0x1a, 3, 8, 0x96, 1]
        );
        assert_eq!(Message::new().fixed32(3, 256).build(), [0x1d, 0, 1, 0, 0]);
    }

    #[test]
    fn negative_numbers_take_ten_bytes() {
        let bytes = Message::new().int64(14, -1).build();
        assert_eq!(bytes[0], 14 << 3);
        assert_eq!(
            &bytes[1..],
            [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]
        );
    }
}
