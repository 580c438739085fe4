use super::partition::{MAX_BUFFERED_LEN, TOO_SHORT};
use super::*;
use crate::error_kind::ErrorKind;
use crate::io::{Budget, Limits};
use std::sync::Mutex;
use std::time::Instant;
use testkit::payload::{self, Operation, op};

fn full() -> payload::Payload {
    payload::Payload::new()
        .partition(payload::Partition::new("system").replace(testkit::noise(1, 3 * 4096)))
}

fn budget() -> Arc<Budget> {
    Arc::new(Budget::new(Limits::new(std::env::temp_dir(), Instant::now)))
}

fn open(bytes: Vec<u8>) -> Result<Payload, Error> {
    Payload::open(Arc::new(bytes))
}

fn needs_source(payload: payload::Payload) -> bool {
    open(payload.build()).unwrap().needs_source().unwrap()
}

fn read(payload: payload::Payload) -> Result<Vec<u8>, ReadError> {
    let payload = open(payload.build()).unwrap();
    let partition = payload.partition("system", budget()).unwrap().unwrap();
    let mut image = vec![0; usize::try_from(partition.size()).unwrap()];
    partition.read_exact_at(0, &mut image).map(|()| image)
}

#[test]
fn full_payload_needs_no_earlier_build() {
    assert!(!needs_source(full()));
}

#[test]
fn payload_with_any_trace_of_a_source_is_a_delta() {
    assert!(needs_source(full().minor_version(8)));
    let old = payload::Partition::new("vendor")
        .replace(vec![7; 4096])
        .old_info(4096, [1; 32]);
    assert!(needs_source(full().partition(old)));
    let copy = payload::Partition::new("vendor").op(4, Vec::new(), &[(0, 1)]);
    assert!(needs_source(full().partition(copy)));
}

#[test]
fn hostile_headers_have_their_error_kinds() {
    let good = full().build();
    let with = |at: usize, bytes: &[u8]| {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        open(bad).err().unwrap().kind()
    };
    assert_eq!(with(0, b"PK"), ErrorKind::Corrupt);
    assert_eq!(with(4, &1u64.to_be_bytes()), ErrorKind::Unsupported);
    assert_eq!(with(12, &u64::MAX.to_be_bytes()), ErrorKind::Limit);
    assert_eq!(with(12, &(1u64 << 20).to_be_bytes()), ErrorKind::Truncated);
    assert_eq!(with(24, &[0xff; 16]), ErrorKind::Corrupt);
    assert_eq!(open(vec![0; 3]).err().unwrap().kind(), ErrorKind::Truncated);
}

#[test]
fn stored_zero_and_padded_blocks_are_read_in_any_order() {
    let blocks = testkit::noise(3, 2 * 4096);
    let image = read(
        payload::Payload::new().partition(
            payload::Partition::new("system")
                .operation(
                    Operation::new(op::REPLACE)
                        .data(&blocks[..])
                        .dst(&[(3, 1), (0, 1)]),
                )
                .operation(Operation::new(op::ZERO).dst(&[(1, 1)]))
                .operation(Operation::new(op::REPLACE).data(b"short").dst(&[(2, 1)])),
        ),
    )
    .unwrap();
    assert_eq!(image[3 * 4096..], blocks[..4096]);
    assert_eq!(image[..4096], blocks[4096..]);
    assert_eq!(image[4096..8192], [0; 4096]);
    assert_eq!(&image[8192..8198], b"short\0");
}

#[test]
fn overlapping_and_impossible_operations_are_refused() {
    let system = || payload::Partition::new("system").replace(vec![7; 8192]);
    let kind = |partition: payload::Partition| {
        let payload = open(payload::Payload::new().partition(partition).build()).unwrap();
        payload
            .partition("system", budget())
            .err()
            .map(|e| e.kind())
    };
    assert_eq!(kind(system()), None);
    let overlap = system().operation(Operation::new(op::ZERO).dst(&[(1, 2)]));
    assert_eq!(kind(overlap), Some(ErrorKind::Corrupt));
    for extent in [(u64::MAX, 1), (1, u64::MAX), (1 << 51, 1 << 51), (5, 0)] {
        let wild = system().operation(Operation::new(op::ZERO).dst(&[extent]));
        assert_eq!(kind(wild), Some(ErrorKind::Corrupt), "{extent:?}");
    }
}

/// A zstd frame with a window of 8 MiB, and blocks that are stored.
fn zstd_of_raw_blocks(bytes: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 13 << 3];
    let blocks = bytes.chunks(128 << 10);
    let last = blocks.len() - 1;
    for (index, block) in blocks.enumerate() {
        let header = (block.len() as u32) << 3 | u32::from(index == last);
        frame.extend(&header.to_le_bytes()[..3]);
        frame.extend(block);
    }
    frame
}

#[test]
fn hash_is_checked_for_data_of_every_length() {
    let noise = testkit::noise(9, 5 << 20);
    let num_blocks = noise.len() as u64 / 4096;
    let frame = zstd_of_raw_blocks(&noise);
    assert!(frame.len() as u64 > MAX_BUFFERED_LEN);
    let with = |hash: Option<[u8; 32]>, num_blocks| {
        let operation = Operation::new(op::REPLACE_ZSTD).data(&frame[..]);
        let operation = match hash {
            Some(hash) => operation.data_hash(hash),
            None => operation,
        };
        let partition = payload::Partition::new("system");
        let partition = partition.operation(operation.dst(&[(0, num_blocks)]));
        read(payload::Payload::new().partition(partition))
    };
    assert!(with(None, num_blocks).unwrap() == noise);
    let error = with(Some([7; 32]), num_blocks).unwrap_err();
    assert!(error.to_string().contains("sha256"), "{error}");
    let error = with(None, num_blocks + 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let cause = std::error::Error::source(&error).unwrap();
    let cause = crate::error_kind::chain(cause);
    assert!(cause.contains(TOO_SHORT), "{cause}");
}

#[test]
fn hash_of_uncompressed_data_is_skipped_only_if_the_limits_say_so() {
    let data = testkit::noise(4, 4096);
    let image = |kind, skips_hashes| {
        let operation = Operation::new(kind).data(&data[..]).data_hash([7; 32]);
        let partition = payload::Partition::new("system");
        let partition = partition.operation(operation.dst(&[(0, 1)]));
        let payload = open(payload::Payload::new().partition(partition).build()).unwrap();
        let budget = Arc::new(Budget::new(Limits {
            skips_hashes,
            ..Limits::new(std::env::temp_dir(), Instant::now)
        }));
        let partition = payload.partition("system", budget).unwrap().unwrap();
        let mut image = vec![0; 4096];
        partition.read_exact_at(0, &mut image).map(|()| image)
    };
    assert!(image(op::REPLACE, false).is_err());
    assert_eq!(image(op::REPLACE, true).unwrap(), data);
    // What is decoded is read whole anyway.
    assert!(image(op::REPLACE_XZ, true).is_err());
}

/// Bytes that record which parts are read.
struct Recorded {
    bytes: Vec<u8>,
    reads: Mutex<Vec<(u64, usize)>>,
}

impl ReadAt for Recorded {
    fn size(&self) -> u64 {
        self.bytes.size()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        self.reads.lock().unwrap().push((offset, buf.len()));
        self.bytes.read_exact_at(offset, buf)
    }
}

#[test]
fn first_two_operations_are_read_at_once_only_where_reading_again_is_expensive() {
    let (first, second) = (vec![1; 4096], testkit::noise(4, 4096));
    let frames = [&first, &second].map(|image| zstd_of_raw_blocks(image));
    let lens = frames.each_ref().map(Vec::len);
    for (skips_hashes, expected) in [
        (false, vec![lens[0], lens[1]]),
        (true, vec![lens[0] + lens[1], lens[1]]),
    ] {
        let mut partition = payload::Partition::new("system");
        for (nth, frame) in frames.iter().enumerate() {
            let operation = Operation::new(op::REPLACE_ZSTD).data(&frame[..]);
            partition = partition.operation(operation.dst(&[(nth as u64, 1)]));
        }
        let source = Arc::new(Recorded {
            bytes: payload::Payload::new().partition(partition).build(),
            reads: Mutex::default(),
        });
        let payload = Payload::open(Arc::clone(&source) as Arc<dyn ReadAt>).unwrap();
        let budget = Arc::new(Budget::new(Limits {
            skips_hashes,
            ..Limits::new(std::env::temp_dir(), Instant::now)
        }));
        let partition = payload.partition("system", budget).unwrap().unwrap();
        source.reads.lock().unwrap().clear();
        let mut image = vec![0; 8192];
        partition.read_exact_at(0, &mut image).unwrap();
        assert!(image == [&first[..], &second].concat());
        let reads = source.reads.lock().unwrap();
        let read: Vec<usize> = reads.iter().map(|(_, len)| *len).collect();
        assert_eq!(read, expected);
    }
}

#[test]
fn truncated_payload_is_detected_without_reading_data() {
    let first = payload::Partition::new("boot").replace(vec![7; 4096]);
    let beyond = Operation::new(op::REPLACE)
        .data(vec![1; 4096])
        .dst(&[(0, 1)])
        .declared_data(5000, 4096);
    let second = payload::Partition::new("system").operation(beyond);
    let payload = open(
        payload::Payload::new()
            .partition(first)
            .partition(second)
            .build(),
    );
    let payload = payload.unwrap();
    let (name, error) = payload.find_truncated().unwrap();
    assert_eq!((name, error.kind()), ("system", ErrorKind::Truncated));
    assert!(open(full().build()).unwrap().find_truncated().is_none());
}

#[test]
fn errors_in_data_keep_their_kind_and_name_the_operation() {
    let with = |operation: Operation| {
        let partition = payload::Partition::new("system").operation(operation);
        let error = read(payload::Payload::new().partition(partition)).unwrap_err();
        (error.kind(), error.to_string())
    };
    let beyond = Operation::new(op::REPLACE)
        .data(vec![1; 4096])
        .dst(&[(0, 1)])
        .declared_data(1 << 40, 4096);
    let (kind, text) = with(beyond);
    assert_eq!(kind, ErrorKind::Truncated);
    assert!(text.starts_with("operation 0, 4096 bytes at"), "{text}");
    let huge = Operation::new(op::REPLACE_XZ)
        .data(vec![1; 4096])
        .dst(&[(0, 1)])
        .declared_data(u64::MAX - 100, 4096);
    let partition = payload::Partition::new("system").operation(huge);
    let payload = open(payload::Payload::new().partition(partition).build()).unwrap();
    let error = payload.partition("system", budget()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let wrong_hash = Operation::new(op::REPLACE_XZ)
        .data(b"x".to_vec())
        .data_hash([0; 32])
        .dst(&[(0, 1)]);
    assert_eq!(with(wrong_hash).0, ErrorKind::Corrupt);
    for kind in [op::REPLACE_XZ, op::REPLACE_BZ, op::REPLACE_ZSTD] {
        let noise = Operation::new(kind)
            .data(testkit::noise(2, 500))
            .dst(&[(0, 1)]);
        assert_eq!(with(noise).0, ErrorKind::Corrupt, "{kind}");
    }
    let unknown = Operation::new(99).data(vec![1; 10]).dst(&[(0, 1)]);
    assert_eq!(with(unknown).0, ErrorKind::Unsupported);
    let wrong_hash = Operation::new(op::REPLACE)
        .data(vec![1; 4096])
        .data_hash([0; 32])
        .dst(&[(0, 1)]);
    assert_eq!(with(wrong_hash).0, ErrorKind::Corrupt);
    let short = Operation::new(op::REPLACE)
        .data(vec![1; 4096])
        .dst(&[(0, 2)]);
    let (kind, text) = with(short);
    assert_eq!(kind, ErrorKind::Corrupt);
    assert_eq!(text, "operation 0: its data ends before what it writes");
    let long = Operation::new(op::REPLACE)
        .data(vec![1; 5000])
        .dst(&[(0, 1)]);
    assert_eq!(with(long).0, ErrorKind::Corrupt);
    let late = Operation::new(op::ZERO).dst(&[(1, 1)]);
    let (kind, text) = with(late);
    assert_eq!(
        (kind, text.as_str()),
        (
            ErrorKind::Corrupt,
            "byte 0x0 of the partition is written by no operation"
        )
    );
}
