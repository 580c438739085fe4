//! `payload.bin`, the images of an A/B package.
//!
//! In: partitions as lists of operations. Out: header, manifest, signatures and data, with true
//! offsets, lengths and hashes unless set otherwise. Format: AOSP
//! `system/update_engine/update_metadata.proto`, major version 2 (Android 15). The signatures have
//! the right size but are made of noise: there is no key here. Compressed data comes from the
//! caller.

use crate::{BLOCK_SIZE, noise, proto::Message};
use sha2::{Digest, Sha256};

/// Blocks that one operation of a full package covers (2 MiB).
const BLOCKS_PER_OPERATION: usize = 512;

/// The types an operation can have, by the names of the specification.
pub mod op {
    #![expect(missing_docs, reason = "the names are those of the specification")]

    pub const REPLACE: u32 = 0;
    pub const REPLACE_BZ: u32 = 1;
    pub const MOVE: u32 = 2;
    pub const BSDIFF: u32 = 3;
    pub const SOURCE_COPY: u32 = 4;
    pub const SOURCE_BSDIFF: u32 = 5;
    pub const ZERO: u32 = 6;
    pub const DISCARD: u32 = 7;
    pub const REPLACE_XZ: u32 = 8;
    pub const PUFFDIFF: u32 = 9;
    pub const BROTLI_BSDIFF: u32 = 10;
    pub const ZUCCHINI: u32 = 11;
    pub const LZ4DIFF_BSDIFF: u32 = 12;
    pub const LZ4DIFF_PUFFDIFF: u32 = 13;
    pub const REPLACE_ZSTD: u32 = 14;
}

/// A run of blocks, `(first, number)`.
pub type Extent = (u64, u64);

/// A payload under construction; full and signed by default.
#[derive(Clone, Debug)]
pub struct Payload {
    minor_version: u32,
    max_timestamp: Option<i64>,
    security_patch_level: Option<String>,
    block_size: u32,
    partial_update: bool,
    signed: bool,
    groups: Vec<(String, u64, Vec<String>)>,
    partitions: Vec<Partition>,
}

impl Default for Payload {
    fn default() -> Self {
        Self {
            minor_version: 0,
            max_timestamp: None,
            security_patch_level: None,
            block_size: BLOCK_SIZE as u32,
            partial_update: false,
            signed: true,
            groups: Vec::new(),
            partitions: Vec::new(),
        }
    }
}

impl Payload {
    /// Starts a full payload without partitions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the minor version: 0 for a full payload, 2 to 9 for a delta.
    pub fn minor_version(mut self, version: u32) -> Self {
        self.minor_version = version;
        self
    }

    /// Sets the newest build a phone may run to accept this one, in seconds since the epoch.
    pub fn max_timestamp(mut self, timestamp: i64) -> Self {
        self.max_timestamp = Some(timestamp);
        self
    }

    /// Sets the security patch level, such as `2025-05-05`.
    pub fn security_patch_level(mut self, level: &str) -> Self {
        self.security_patch_level = Some(level.to_owned());
        self
    }

    /// States another block size; the operations still count in 4096-byte blocks.
    pub fn block_size(mut self, size: u32) -> Self {
        self.block_size = size;
        self
    }

    /// Marks the payload as a partial update.
    pub fn partial_update(mut self) -> Self {
        self.partial_update = true;
        self
    }

    /// Leaves out both signatures.
    pub fn unsigned(mut self) -> Self {
        self.signed = false;
        self
    }

    /// Adds a group of dynamic partitions with its size limit in bytes.
    pub fn dynamic_group(mut self, name: &str, size: u64, partitions: &[&str]) -> Self {
        let partitions = partitions.iter().map(|&name| name.to_owned()).collect();
        self.groups.push((name.to_owned(), size, partitions));
        self
    }

    /// Adds a partition.
    pub fn partition(mut self, partition: Partition) -> Self {
        self.partitions.push(partition);
        self
    }

    /// Returns the payload.
    pub fn build(self) -> Vec<u8> {
        let mut data = Vec::new();
        let partitions: Vec<Message> = self
            .partitions
            .iter()
            .map(|partition| partition.message(&mut data))
            .collect();
        let signature = if self.signed {
            dummy_signature()
        } else {
            Vec::new()
        };
        let manifest = self.manifest(&partitions, data.len() as u64, signature.len() as u64);

        let mut out = b"CrAU".to_vec();
        out.extend_from_slice(&2u64.to_be_bytes());
        out.extend_from_slice(&(manifest.len() as u64).to_be_bytes());
        out.extend_from_slice(&(signature.len() as u32).to_be_bytes());
        out.extend_from_slice(&manifest);
        out.extend_from_slice(&signature);
        out.extend_from_slice(&data);
        out.extend_from_slice(&signature); // of the whole payload
        out
    }

    fn manifest(&self, partitions: &[Message], data_len: u64, signature_len: u64) -> Vec<u8> {
        let mut manifest = Message::new().uint(3, u64::from(self.block_size));
        if self.signed {
            manifest = manifest.uint(4, data_len).uint(5, signature_len);
        }
        manifest = manifest.uint(12, u64::from(self.minor_version));
        for partition in partitions {
            manifest = manifest.message(13, partition);
        }
        if let Some(timestamp) = self.max_timestamp {
            manifest = manifest.int64(14, timestamp);
        }
        if !self.groups.is_empty() {
            manifest = manifest.message(15, &self.dynamic_partitions());
        }
        if self.partial_update {
            manifest = manifest.uint(16, 1);
        }
        if let Some(level) = &self.security_patch_level {
            manifest = manifest.bytes(18, level);
        }
        manifest.build()
    }

    fn dynamic_partitions(&self) -> Message {
        let mut message = Message::new();
        for (name, size, partitions) in &self.groups {
            let mut group = Message::new().bytes(1, name).uint(2, *size);
            for partition in partitions {
                group = group.bytes(3, partition);
            }
            message = message.message(1, &group);
        }
        message.uint(2, 0) // no snapshots
    }
}

/// One partition of a payload.
#[derive(Clone, Debug)]
pub struct Partition {
    name: String,
    operations: Vec<Operation>,
    image: Vec<u8>,
    old_info: Option<(u64, Vec<u8>)>,
    new_info: Option<(u64, Vec<u8>)>,
    version: Option<String>,
    next_block: u64,
}

impl Partition {
    /// Starts an empty partition.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            operations: Vec::new(),
            image: Vec::new(),
            old_info: None,
            new_info: None,
            version: None,
            next_block: 0,
        }
    }

    /// Appends uncompressed blocks, 2 MiB per operation.
    pub fn replace(mut self, blocks: impl AsRef<[u8]>) -> Self {
        for part in blocks.as_ref().chunks(BLOCKS_PER_OPERATION * BLOCK_SIZE) {
            self = self.encoded(op::REPLACE, part, part);
        }
        self
    }

    /// Appends blocks in compressed form: the stored bytes, and what they decode to.
    pub fn encoded(self, kind: u32, stored: impl Into<Vec<u8>>, decoded: &[u8]) -> Self {
        let extent = (self.next_block, decoded.len().div_ceil(BLOCK_SIZE) as u64);
        self.operation(
            Operation::new(kind)
                .data(stored)
                .dst(&[extent])
                .decoded(decoded),
        )
    }

    /// Appends zeros without data.
    pub fn zero(self, num_blocks: u64) -> Self {
        let extent = (self.next_block, num_blocks);
        self.operation(Operation::new(op::ZERO).dst(&[extent]))
    }

    /// Appends blocks of the older image: where they are there, and what they hold.
    pub fn source_copy(self, src: &[Extent], blocks: &[u8]) -> Self {
        let extent = (self.next_block, blocks.len().div_ceil(BLOCK_SIZE) as u64);
        self.operation(
            Operation::new(op::SOURCE_COPY)
                .src(src)
                .dst(&[extent])
                .decoded(blocks)
                .src_hash(blocks),
        )
    }

    /// Adds an operation of any type with data, at any place. Its decoded content counts as zeros
    /// in the hash of the partition.
    pub fn op(self, kind: u32, data: impl Into<Vec<u8>>, dst_extents: &[Extent]) -> Self {
        self.operation(Operation::new(kind).data(data).dst(dst_extents))
    }

    /// Adds an operation built by hand.
    pub fn operation(mut self, operation: Operation) -> Self {
        let mut decoded = operation.decoded.as_slice();
        for &(first, number) in &operation.dst {
            let end = first.saturating_add(number);
            self.next_block = self.next_block.max(end);
            // Extents beyond 4 GiB are hostile, and have no image.
            let (Ok(start), Ok(len)) = (
                u32::try_from(first.saturating_mul(BLOCK_SIZE as u64)),
                u32::try_from(number.saturating_mul(BLOCK_SIZE as u64)),
            ) else {
                continue;
            };
            let (start, len) = (start as usize, len as usize);
            if self.image.len() < start + len {
                self.image.resize(start + len, 0);
            }
            let (part, rest) = decoded.split_at(len.min(decoded.len()));
            self.image[start..start + part.len()].copy_from_slice(part);
            decoded = rest;
        }
        self.operations.push(operation);
        self
    }

    /// States size in bytes and SHA-256 of the image a delta starts from.
    pub fn old_info(mut self, size: u64, hash: impl Into<Vec<u8>>) -> Self {
        self.old_info = Some((size, hash.into()));
        self
    }

    /// States a size and SHA-256 of the result other than the true ones.
    pub fn new_info(mut self, size: u64, hash: impl Into<Vec<u8>>) -> Self {
        self.new_info = Some((size, hash.into()));
        self
    }

    /// States the version, which is the partition's own build date in seconds.
    pub fn version(mut self, version: &str) -> Self {
        self.version = Some(version.to_owned());
        self
    }

    /// Returns the image the operations produce.
    pub fn image(&self) -> &[u8] {
        &self.image
    }

    fn message(&self, data: &mut Vec<u8>) -> Message {
        let info = |size: u64, hash: &[u8]| Message::new().uint(1, size).bytes(2, hash);
        let mut message = Message::new().bytes(1, &self.name);
        if let Some((size, hash)) = &self.old_info {
            message = message.message(6, &info(*size, hash));
        }
        message = match &self.new_info {
            Some((size, hash)) => message.message(7, &info(*size, hash)),
            None => message.message(7, &info(self.image.len() as u64, &sha256(&self.image))),
        };
        for operation in &self.operations {
            message = message.message(8, &operation.message(data));
        }
        match &self.version {
            Some(version) => message.bytes(17, version),
            None => message,
        }
    }
}

/// One operation of a partition.
#[derive(Clone, Debug)]
pub struct Operation {
    kind: u32,
    data: Option<Vec<u8>>,
    decoded: Vec<u8>,
    src: Vec<Extent>,
    dst: Vec<Extent>,
    src_hash: Option<Vec<u8>>,
    data_hash: Option<Vec<u8>>,
    declared: Option<(u64, u64)>,
}

impl Operation {
    /// Starts an operation of this type, see [`op`].
    pub fn new(kind: u32) -> Self {
        Self {
            kind,
            data: None,
            decoded: Vec::new(),
            src: Vec::new(),
            dst: Vec::new(),
            src_hash: None,
            data_hash: None,
            declared: None,
        }
    }

    /// Sets the data as it is stored.
    pub fn data(mut self, data: impl Into<Vec<u8>>) -> Self {
        self.data = Some(data.into());
        self
    }

    /// Sets the blocks that the operation writes; used for the hash of the partition only.
    pub fn decoded(mut self, decoded: &[u8]) -> Self {
        self.decoded = decoded.to_vec();
        self
    }

    /// Sets the blocks of the older image it reads.
    pub fn src(mut self, extents: &[Extent]) -> Self {
        self.src = extents.to_vec();
        self
    }

    /// Sets the blocks it writes.
    pub fn dst(mut self, extents: &[Extent]) -> Self {
        self.dst = extents.to_vec();
        self
    }

    /// States the hash of the blocks it reads, given those blocks.
    pub fn src_hash(mut self, blocks: &[u8]) -> Self {
        self.src_hash = Some(sha256(blocks));
        self
    }

    /// States a SHA-256 of the data other than the true one.
    pub fn data_hash(mut self, hash: impl Into<Vec<u8>>) -> Self {
        self.data_hash = Some(hash.into());
        self
    }

    /// States an offset and length of the data other than the true ones.
    pub fn declared_data(mut self, offset: u64, length: u64) -> Self {
        self.declared = Some((offset, length));
        self
    }

    fn message(&self, data: &mut Vec<u8>) -> Message {
        let extent = |&(first, number): &Extent| Message::new().uint(1, first).uint(2, number);
        let mut message = Message::new().uint(1, u64::from(self.kind));
        if let Some(bytes) = &self.data {
            let true_place = (data.len() as u64, bytes.len() as u64);
            let (offset, length) = self.declared.unwrap_or(true_place);
            data.extend_from_slice(bytes);
            message = message.uint(2, offset).uint(3, length);
        } else if let Some((offset, length)) = self.declared {
            message = message.uint(2, offset).uint(3, length);
        }
        for src in &self.src {
            message = message.message(4, &extent(src));
        }
        for dst in &self.dst {
            message = message.message(6, &extent(dst));
        }
        if let Some(hash) = &self.data_hash {
            message = message.bytes(8, hash);
        } else if let Some(bytes) = &self.data {
            message = message.bytes(8, sha256(bytes));
        }
        match &self.src_hash {
            Some(hash) => message.bytes(9, hash),
            None => message,
        }
    }
}

/// Returns the text of `payload_properties.txt` for a payload.
///
/// # Panics
/// When the bytes do not start with a payload header and manifest.
pub fn properties(payload: &[u8]) -> String {
    let metadata = &payload[..24 + manifest_len(payload)];
    format!(
        "FILE_HASH={}\nFILE_SIZE={}\nMETADATA_HASH={}\nMETADATA_SIZE={}\n",
        base64(&sha256(payload)),
        payload.len(),
        base64(&sha256(metadata)),
        metadata.len(),
    )
}

/// Returns the number of bytes before the data of the operations: header, manifest and manifest
/// signature.
///
/// # Panics
/// When the bytes are shorter than a payload header.
pub fn metadata_len(payload: &[u8]) -> usize {
    let signature = u32::from_be_bytes(payload[20..24].try_into().expect("four bytes"));
    24 + manifest_len(payload) + signature as usize
}

/// Returns the SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

fn manifest_len(payload: &[u8]) -> usize {
    u64::from_be_bytes(payload[12..20].try_into().expect("eight bytes")) as usize
}

/// Returns a `Signatures` message with one 2048-bit signature, 267 bytes as in real payloads.
fn dummy_signature() -> Vec<u8> {
    let signature = Message::new().bytes(2, noise(2048, 256)).fixed32(3, 256);
    Message::new().message(1, &signature).build()
}

/// Encodes base64 with padding, RFC 4648 section 4.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let mut bits = 0u32;
        for index in 0..3 {
            bits = (bits << 8) | u32::from(group.get(index).copied().unwrap_or(0));
        }
        for index in 0..4 {
            if index <= group.len() {
                let sextet = (bits >> (18 - 6 * index)) & 63;
                text.push(char::from(ALPHABET[sextet as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_matches_the_rfc() {
        let cases = ["", "f", "fo", "foo", "foob", "fooba", "foobar"];
        let expected = [
            "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy",
        ];
        assert_eq!(cases.map(|case| base64(case.as_bytes())), expected);
    }

    #[test]
    fn header_sizes_lead_to_the_data() {
        let block = noise(1, BLOCK_SIZE);
        let payload = Payload::new()
            .partition(Partition::new("system").replace(&block))
            .build();
        assert_eq!(&payload[..4], b"CrAU");
        assert_eq!(payload[4..12], 2u64.to_be_bytes());
        assert_eq!(payload[20..24], 267u32.to_be_bytes());
        let start = metadata_len(&payload);
        assert_eq!(payload[start..start + BLOCK_SIZE], block);
        assert_eq!(payload.len(), start + BLOCK_SIZE + 267);
    }

    #[test]
    fn manifest_holds_the_published_field_numbers() {
        let payload = Payload::new()
            .unsigned()
            .max_timestamp(1)
            .partition(Partition::new("a").zero(1))
            .build();
        let hash = sha256(&[0; BLOCK_SIZE]);
        let mut expected =
            b"\x18\x80\x20\x60\x00\x6a\x34\x0a\x01a\x3a\x25\x08\x80\x20\x12\x20".to_vec();
        expected.extend_from_slice(&hash);
        expected.extend_from_slice(b"\x42\x08\x08\x06\x32\x04\x08\x00\x10\x01");
        expected.extend_from_slice(b"\x70\x01");
        assert_eq!(payload[24..], expected);
    }

    #[test]
    fn partitions_know_the_image_they_produce() {
        let a = noise(1, BLOCK_SIZE);
        let b = noise(2, BLOCK_SIZE);
        let partition = Partition::new("p")
            .replace(&a)
            .zero(1)
            .encoded(op::REPLACE_XZ, *b"..", &b);
        assert_eq!(partition.image(), [a, vec![0; BLOCK_SIZE], b].concat());
    }

    #[test]
    fn properties_describe_file_and_manifest() {
        let payload = Payload::new().unsigned().build();
        let text = properties(&payload);
        assert!(
            text.contains(&format!("FILE_SIZE={0}\n", payload.len())),
            "{text}"
        );
        assert!(
            text.ends_with(&format!("METADATA_SIZE={}\n", payload.len())),
            "{text}"
        );
        assert!(
            text.starts_with(&format!("FILE_HASH={}\n", base64(&sha256(&payload)))),
            "{text}"
        );
    }
}
