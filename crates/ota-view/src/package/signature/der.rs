//! A reader of DER elements.
//!
//! In: bytes. Out: tags and contents, without copies and without recursion. Source: X.690.
//! Lengths may be written with more bytes than they need; the indefinite lengths of BER are
//! refused.

use super::Error;

// Tags (X.690, 8.1.2; X.680, 8.6).
pub(crate) const INTEGER: u8 = 0x02;
#[cfg(feature = "verify")]
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const UTF8_STRING: u8 = 0x0c;
pub(crate) const PRINTABLE_STRING: u8 = 0x13;
pub(crate) const T61_STRING: u8 = 0x14;
pub(crate) const IA5_STRING: u8 = 0x16;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;
/// `[0]`, around other elements or in place of their tag.
pub(crate) const CONTEXT_0: u8 = 0xa0;
pub(crate) const CONTEXT_1: u8 = 0xa1;
/// `[0]` in place of the tag of a string.
pub(crate) const CONTEXT_0_PRIMITIVE: u8 = 0x80;
/// The bits of a tag that are all set if it continues in the next byte.
const LONG_TAG: u8 = 0x1f;

/// One element of DER.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    /// The tag.
    pub(crate) tag: u8,
    /// With its tag and length.
    pub(crate) whole: &'a [u8],
    /// What is between its header and its end.
    pub(crate) contents: Elements<'a>,
}

/// The remaining DER elements of a sequence.
#[derive(Clone, Copy, Default)]
pub(crate) struct Elements<'a> {
    /// Their bytes.
    pub(crate) rest: &'a [u8],
    /// Their offset in the CMS.
    pub(crate) offset: usize,
}

impl<'a> Elements<'a> {
    pub(crate) fn new(cms: &'a [u8]) -> Elements<'a> {
        Elements {
            rest: cms,
            offset: 0,
        }
    }

    /// Reads a required element and returns its contents.
    pub(crate) fn take(&mut self, tag: u8, expected: &'static str) -> Result<Elements<'a>, Error> {
        let offset = self.offset;
        self.take_if(tag)?
            .ok_or(Error::Malformed { expected, offset })
    }

    /// Reads the next element if it has this tag, and returns its contents.
    pub(crate) fn take_if(&mut self, tag: u8) -> Result<Option<Elements<'a>>, Error> {
        if self.rest.first() != Some(&tag) {
            return Ok(None);
        }
        Ok(self.next()?.map(|element| element.contents))
    }

    /// Reads the next element, if there is one.
    pub(crate) fn next(&mut self) -> Result<Option<Element<'a>>, Error> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let offset = self.offset;
        if let [_, 0x80, ..] = self.rest {
            return Err(Error::IndefiniteLength { offset });
        }
        let (tag, header_len, len) = parse_header(self.rest).ok_or(Error::Malformed {
            expected: "DER element",
            offset,
        })?;
        let too_long = Error::Malformed {
            expected: "DER element that fits",
            offset,
        };
        let (whole, rest) = header_len
            .checked_add(len)
            .and_then(|len| self.rest.split_at_checked(len))
            .ok_or(too_long)?;
        let contents = Elements {
            rest: &whole[header_len..],
            offset: offset + header_len,
        };
        *self = Elements {
            rest,
            offset: offset + whole.len(),
        };
        Ok(Some(Element {
            tag,
            whole,
            contents,
        }))
    }
}

/// Parses the tag, the length of the header and the length of the contents (X.690, 8.1.2 and 8.1.3).
fn parse_header(bytes: &[u8]) -> Option<(u8, usize, usize)> {
    let (&[tag, first], more) = bytes.split_first_chunk()?;
    if tag & LONG_TAG == LONG_TAG {
        return None;
    }
    let num_bytes = match first {
        0..=0x7f => return Some((tag, 2, first.into())),
        _ => usize::from(first & 0x7f),
    };
    // Four bytes are enough for any comment, and fit in a `usize` on all platforms.
    let bytes = more.get(..num_bytes).filter(|bytes| bytes.len() <= 4)?;
    let len = bytes
        .iter()
        .fold(0u32, |len, byte| len << 8 | u32::from(*byte));
    Some((tag, 2 + num_bytes, usize::try_from(len).ok()?))
}
