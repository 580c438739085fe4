//! Zip archives, written field by field so that any of them can be made wrong.
//!
//! In: entries. Out: the bytes of an archive. Format: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.
//! Every entry is dated 2009-01-01 00:00, as the Android signing tool does. Multi-disk archives and
//! real encryption are left out.

use flate2::{Compression, write::DeflateEncoder};
use std::io::Write;

const LOCAL_HEADER: u32 = 0x0403_4b50;
const DATA_DESCRIPTOR: u32 = 0x0807_4b50;
const CENTRAL_HEADER: u32 = 0x0201_4b50;
const ZIP64_END: u32 = 0x0606_4b50;
const ZIP64_LOCATOR: u32 = 0x0706_4b50;
const END: u32 = 0x0605_4b50;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;

const FLAG_ENCRYPTED: u16 = 1 << 0;
const FLAG_DATA_DESCRIPTOR: u16 = 1 << 3;
const FLAG_UTF8: u16 = 1 << 11;

const TIME: u16 = 0;
/// 2009-01-01: years since 1980, month, day.
const DATE: u16 = (29 << 9) | (1 << 5) | 1;

/// An archive under construction; entries are written in the order they were added.
#[derive(Clone, Debug, Default)]
pub struct Zip {
    entries: Vec<Entry>,
    comment: Vec<u8>,
    zip64_end: bool,
}

impl Zip {
    /// Starts an empty archive.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry without compression.
    pub fn stored(self, name: &str, data: impl Into<Vec<u8>>) -> Self {
        self.entry(Entry::stored(name, data))
    }

    /// Adds an entry compressed with DEFLATE.
    pub fn deflated(self, name: &str, data: impl Into<Vec<u8>>) -> Self {
        self.entry(Entry::deflated(name, data))
    }

    /// Adds an entry built by hand.
    pub fn entry(mut self, entry: Entry) -> Self {
        self.entries.push(entry);
        self
    }

    /// Sets the archive comment, at most 65535 bytes.
    pub fn comment(mut self, comment: impl Into<Vec<u8>>) -> Self {
        self.comment = comment.into();
        self
    }

    /// Writes the zip64 end record and locator, and fills the plain end record with the
    /// "see zip64" values.
    pub fn zip64_end(mut self) -> Self {
        self.zip64_end = true;
        self
    }

    /// Returns the archive.
    pub fn build(self) -> Vec<u8> {
        self.build_with_offsets().0
    }

    /// Returns the archive and, for each entry in order, its name, the offset of its data and the
    /// number of bytes stored there.
    pub fn build_with_offsets(self) -> (Vec<u8>, Vec<(String, u64, u64)>) {
        let mut out = Vec::new();
        let mut central = Vec::new();
        let mut places = Vec::new();
        for entry in &self.entries {
            let header_offset = out.len() as u64;
            entry.write_local_header(&mut out);
            places.push((entry.name(), out.len() as u64, entry.data.len() as u64));
            out.extend_from_slice(&entry.data);
            entry.write_data_descriptor(&mut out);
            entry.write_central_header(&mut central, entry.header_offset.unwrap_or(header_offset));
        }
        let central_offset = out.len() as u64;
        out.extend_from_slice(&central);
        self.write_end(&mut out, central_offset, central.len() as u64);
        (out, places)
    }

    fn write_end(&self, out: &mut Vec<u8>, central_offset: u64, central_size: u64) {
        let count = self.entries.len() as u64;
        if self.zip64_end {
            let zip64_offset = out.len() as u64;
            put_u32(out, ZIP64_END);
            put_u64(out, 44); // size of the rest of this record
            put_u16(out, 45); // version made by
            put_u16(out, 45); // version needed
            put_u32(out, 0); // this disk
            put_u32(out, 0); // disk of the central directory
            put_u64(out, count);
            put_u64(out, count);
            put_u64(out, central_size);
            put_u64(out, central_offset);
            put_u32(out, ZIP64_LOCATOR);
            put_u32(out, 0); // disk of the zip64 end record
            put_u64(out, zip64_offset);
            put_u32(out, 1); // number of disks
        }
        put_u32(out, END);
        put_u16(out, 0); // this disk
        put_u16(out, 0); // disk of the central directory
        if self.zip64_end {
            put_u16(out, u16::MAX);
            put_u16(out, u16::MAX);
            put_u32(out, u32::MAX);
            put_u32(out, u32::MAX);
        } else {
            let count = u16::try_from(count).expect("more than 65535 entries need zip64_end()");
            put_u16(out, count);
            put_u16(out, count);
            put_u32(out, small(central_size));
            put_u32(out, small(central_offset));
        }
        put_u16(
            out,
            u16::try_from(self.comment.len()).expect("a zip comment has at most 65535 bytes"),
        );
        out.extend_from_slice(&self.comment);
    }
}

/// One entry of an archive, valid until a setter makes it invalid.
#[derive(Clone, Debug)]
pub struct Entry {
    name: Vec<u8>,
    local_name: Option<Vec<u8>>,
    method: u16,
    flags: u16,
    crc: u32,
    uncompressed_size: u64,
    compressed_size: Option<u64>,
    header_offset: Option<u64>,
    /// The bytes between the headers, already compressed.
    data: Vec<u8>,
    local_extra: Vec<u8>,
    central_extra: Vec<u8>,
    zip64: bool,
}

impl Entry {
    /// Creates an entry without compression.
    pub fn stored(name: &str, data: impl Into<Vec<u8>>) -> Self {
        let data = data.into();
        Self {
            name: name.as_bytes().to_vec(),
            local_name: None,
            method: STORED,
            flags: if name.is_ascii() { 0 } else { FLAG_UTF8 },
            crc: crc32fast::hash(&data),
            uncompressed_size: data.len() as u64,
            compressed_size: None,
            header_offset: None,
            data,
            local_extra: Vec::new(),
            central_extra: Vec::new(),
            zip64: false,
        }
    }

    /// Creates an entry compressed with DEFLATE.
    pub fn deflated(name: &str, data: impl Into<Vec<u8>>) -> Self {
        let mut entry = Self::stored(name, data);
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(9));
        encoder
            .write_all(&entry.data)
            .and_then(|()| encoder.try_finish())
            .expect("writing to memory does not fail");
        entry.data = encoder
            .finish()
            .expect("the stream was finished just above");
        entry.method = DEFLATED;
        entry
    }

    /// Returns the name in the central directory.
    pub fn name(&self) -> String {
        String::from_utf8_lossy(&self.name).into_owned()
    }

    /// Replaces the name in both headers with any bytes, UTF-8 or not.
    pub fn raw_name(mut self, name: impl Into<Vec<u8>>) -> Self {
        self.name = name.into();
        self
    }

    /// Gives the local header a name other than that of the central directory.
    pub fn local_name(mut self, name: &str) -> Self {
        self.local_name = Some(name.as_bytes().to_vec());
        self
    }

    /// Marks the entry as encrypted in both headers; the data stays the same.
    pub fn encrypted(mut self) -> Self {
        self.flags |= FLAG_ENCRYPTED;
        self
    }

    /// Moves CRC and sizes after the data, as streaming writers do.
    pub fn data_descriptor(mut self) -> Self {
        self.flags |= FLAG_DATA_DESCRIPTOR;
        self
    }

    /// Sets the extra fields of the local and the central header.
    pub fn extra(mut self, local: Vec<u8>, central: Vec<u8>) -> Self {
        self.local_extra = local;
        self.central_extra = central;
        self
    }

    /// Writes sizes and offset in zip64 extra fields, although they would fit without.
    pub fn zip64(mut self) -> Self {
        self.zip64 = true;
        self
    }

    /// States an uncompressed size other than the true one.
    pub fn declared_size(mut self, uncompressed: u64) -> Self {
        self.uncompressed_size = uncompressed;
        self
    }

    /// States a compressed size other than the true one.
    pub fn declared_compressed_size(mut self, compressed: u64) -> Self {
        self.compressed_size = Some(compressed);
        self
    }

    /// States a local header offset other than the true one in the central directory.
    pub fn declared_offset(mut self, offset: u64) -> Self {
        self.header_offset = Some(offset);
        self
    }

    /// States a CRC-32 other than the true one.
    pub fn crc(mut self, crc: u32) -> Self {
        self.crc = crc;
        self
    }

    /// States another compression method; the data stays the same.
    pub fn method(mut self, method: u16) -> Self {
        self.method = method;
        self
    }

    fn has_descriptor(&self) -> bool {
        self.flags & FLAG_DATA_DESCRIPTOR != 0
    }

    fn version_needed(&self) -> u16 {
        match (self.zip64, self.method) {
            (true, _) => 45,
            (false, STORED) => 10,
            (false, _) => 20,
        }
    }

    /// Returns CRC, compressed and uncompressed size as the headers state them.
    fn stated(&self) -> (u32, u64, u64) {
        (
            self.crc,
            self.compressed_size.unwrap_or(self.data.len() as u64),
            self.uncompressed_size,
        )
    }

    fn write_local_header(&self, out: &mut Vec<u8>) {
        let (crc, compressed, uncompressed) = if self.has_descriptor() {
            (0, 0, 0)
        } else {
            self.stated()
        };
        let name = self.local_name.as_ref().unwrap_or(&self.name);
        let mut extra = self.local_extra.clone();
        put_u32(out, LOCAL_HEADER);
        put_u16(out, self.version_needed());
        put_u16(out, self.flags);
        put_u16(out, self.method);
        put_u16(out, TIME);
        put_u16(out, DATE);
        put_u32(out, crc);
        if self.zip64 {
            put_u32(out, u32::MAX);
            put_u32(out, u32::MAX);
            put_u16(&mut extra, 1);
            put_u16(&mut extra, 16);
            put_u64(&mut extra, uncompressed);
            put_u64(&mut extra, compressed);
        } else {
            put_u32(out, small(compressed));
            put_u32(out, small(uncompressed));
        }
        put_len(out, name);
        put_len(out, &extra);
        out.extend_from_slice(name);
        out.extend_from_slice(&extra);
    }

    fn write_data_descriptor(&self, out: &mut Vec<u8>) {
        if !self.has_descriptor() {
            return;
        }
        let (crc, compressed, uncompressed) = self.stated();
        put_u32(out, DATA_DESCRIPTOR);
        put_u32(out, crc);
        if self.zip64 {
            put_u64(out, compressed);
            put_u64(out, uncompressed);
        } else {
            put_u32(out, small(compressed));
            put_u32(out, small(uncompressed));
        }
    }

    fn write_central_header(&self, out: &mut Vec<u8>, header_offset: u64) {
        let (crc, compressed, uncompressed) = self.stated();
        let mut extra = self.central_extra.clone();
        put_u32(out, CENTRAL_HEADER);
        put_u16(out, self.version_needed()); // made by, on FAT
        put_u16(out, self.version_needed());
        put_u16(out, self.flags);
        put_u16(out, self.method);
        put_u16(out, TIME);
        put_u16(out, DATE);
        put_u32(out, crc);
        if self.zip64 {
            put_u32(out, u32::MAX);
            put_u32(out, u32::MAX);
            put_u16(&mut extra, 1);
            put_u16(&mut extra, 24);
            put_u64(&mut extra, uncompressed);
            put_u64(&mut extra, compressed);
            put_u64(&mut extra, header_offset);
        } else {
            put_u32(out, small(compressed));
            put_u32(out, small(uncompressed));
        }
        put_len(out, &self.name);
        put_len(out, &extra);
        put_u16(out, 0); // comment
        put_u16(out, 0); // disk
        put_u16(out, 0); // internal attributes
        put_u32(out, 0); // external attributes
        put_u32(
            out,
            if self.zip64 {
                u32::MAX
            } else {
                small(header_offset)
            },
        );
        out.extend_from_slice(&self.name);
        out.extend_from_slice(&extra);
    }
}

fn small(value: u64) -> u32 {
    u32::try_from(value).expect("sizes and offsets above 4 GiB need zip64()")
}

fn put_len(out: &mut Vec<u8>, field: &[u8]) {
    put_u16(
        out,
        u16::try_from(field.len()).expect("names and extra fields have at most 65535 bytes"),
    );
}

fn put_u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn u16_at(bytes: &[u8], at: usize) -> u16 {
        u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
    }

    fn u32_at(bytes: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
    }

    fn u64_at(bytes: &[u8], at: usize) -> u64 {
        u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
    }

    #[test]
    fn headers_describe_a_stored_entry() {
        let (zip, places) = Zip::new().stored("a.txt", *b"hello").build_with_offsets();
        assert_eq!(places, [("a.txt".to_owned(), 35, 5)]);
        assert_eq!(u32_at(&zip, 0), LOCAL_HEADER);
        assert_eq!(u16_at(&zip, 8), STORED);
        assert_eq!((u16_at(&zip, 10), u16_at(&zip, 12)), (0, 0x3a21));
        assert_eq!(u32_at(&zip, 14), 0x3610_a686); // the well-known CRC of "hello"
        assert_eq!((u32_at(&zip, 18), u32_at(&zip, 22)), (5, 5));
        assert_eq!(&zip[30..40], b"a.txthello");
        assert_eq!(u32_at(&zip, 40), CENTRAL_HEADER);
        assert_eq!(u32_at(&zip, 40 + 42), 0); // local header offset
        let end = zip.len() - 22;
        assert_eq!(u32_at(&zip, end), END);
        assert_eq!(u16_at(&zip, end + 10), 1);
        assert_eq!(u32_at(&zip, end + 12), 46 + 5);
        assert_eq!(u32_at(&zip, end + 16), 40);
    }

    #[test]
    fn deflated_data_inflates_to_the_input() {
        let input = b"android ".repeat(500);
        let (zip, places) = Zip::new().deflated("f", input.clone()).build_with_offsets();
        let (start, len) = (places[0].1 as usize, places[0].2 as usize);
        assert!(len < input.len());
        let mut output = Vec::new();
        flate2::read::DeflateDecoder::new(&zip[start..start + len])
            .read_to_end(&mut output)
            .unwrap();
        assert_eq!(output, input);
        assert_eq!(u32_at(&zip, 14), crc32fast::hash(&input));
        assert_eq!(u32_at(&zip, 22), input.len() as u32);
    }

    #[test]
    fn a_data_descriptor_follows_the_data() {
        let (zip, places) = Zip::new()
            .entry(Entry::stored("f", *b"hello").data_descriptor())
            .build_with_offsets();
        assert_eq!(u16_at(&zip, 6), FLAG_DATA_DESCRIPTOR);
        assert_eq!((u32_at(&zip, 14), u32_at(&zip, 18)), (0, 0));
        let end = (places[0].1 + places[0].2) as usize;
        assert_eq!(u32_at(&zip, end), DATA_DESCRIPTOR);
        assert_eq!(u32_at(&zip, end + 4), 0x3610_a686);
        assert_eq!((u32_at(&zip, end + 8), u32_at(&zip, end + 12)), (5, 5));
        assert_eq!(u32_at(&zip, end + 16), CENTRAL_HEADER);
    }

    #[test]
    fn zip64_values_are_in_the_extra_fields() {
        let (zip, places) = Zip::new()
            .entry(Entry::stored("f", *b"hello").zip64())
            .zip64_end()
            .build_with_offsets();
        assert_eq!(u32_at(&zip, 18), u32::MAX);
        assert_eq!((u16_at(&zip, 31), u16_at(&zip, 33)), (1, 16));
        assert_eq!((u64_at(&zip, 35), u64_at(&zip, 43)), (5, 5));
        assert_eq!(places[0].1, 51);
        let end = zip.len() - 22;
        assert_eq!(u32_at(&zip, end + 16), u32::MAX);
        assert_eq!(u32_at(&zip, end - 20), ZIP64_LOCATOR);
        let zip64_end = u64_at(&zip, end - 12) as usize;
        assert_eq!(u32_at(&zip, zip64_end), ZIP64_END);
        assert_eq!(u64_at(&zip, zip64_end + 48), 56); // central directory offset
        assert_eq!(u32_at(&zip, 56), CENTRAL_HEADER);
    }

    #[test]
    fn wrong_values_are_in_both_headers_and_names_can_differ() {
        let zip = Zip::new()
            .entry(
                Entry::stored("f", *b"hello")
                    .declared_size(9)
                    .crc(7)
                    .encrypted()
                    .local_name("g"),
            )
            .build();
        assert_eq!((u16_at(&zip, 6), u32_at(&zip, 14)), (FLAG_ENCRYPTED, 7));
        assert_eq!((u32_at(&zip, 22), zip[30]), (9, b'g'));
        let central = 36;
        assert_eq!(u32_at(&zip, central), CENTRAL_HEADER);
        assert_eq!(u32_at(&zip, central + 16), 7);
        assert_eq!(u32_at(&zip, central + 24), 9);
        assert_eq!(zip[central + 46], b'f');
    }

    #[test]
    fn the_comment_ends_the_archive() {
        let zip = Zip::new().comment(*b"hi").build();
        assert_eq!(u16_at(&zip, 20), 2);
        assert_eq!(&zip[22..], b"hi");
    }
}
