use super::directory::EOCD_LEN;
use super::*;
use crate::error_kind::ErrorKind;
use std::io;
use testkit::zip::{Entry, Zip};

fn open(bytes: Vec<u8>) -> Result<Package, Error> {
    Package::open(Arc::new(bytes))
}

fn kind(bytes: Vec<u8>) -> ErrorKind {
    open(bytes).err().expect("must fail").kind()
}

#[test]
fn end_record_that_counts_other_entries_is_refused() {
    let zip = Zip::new().stored("a", "x").stored("b", "y");
    let good = zip.build();
    assert!(open(good.clone()).is_ok());
    for counted in [1u8, 3] {
        let mut zip = good.clone();
        let count = zip.len() - EOCD_LEN + 8;
        (zip[count], zip[count + 2]) = (counted, counted);
        let error = open(zip).err().unwrap();
        assert!(
            matches!(error, Error::Miscounted { found: 2, .. }),
            "{error}"
        );
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
}

/// A source of which one read fails.
struct FailingOnce {
    bytes: Vec<u8>,
    fails_at: usize,
    num_reads: std::sync::atomic::AtomicUsize,
}

impl ReadAt for FailingOnce {
    fn size(&self) -> u64 {
        self.bytes.size()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let ordinal = std::sync::atomic::Ordering::Relaxed;
        if self.num_reads.fetch_add(1, ordinal) == self.fails_at {
            return Err(ReadError::Io {
                offset,
                source: Arc::new(io::Error::from_raw_os_error(5)),
            });
        }
        self.bytes.read_exact_at(offset, buf)
    }
}

#[test]
fn failing_disk_is_not_reported_as_a_damaged_zip() {
    // A zip inside, so that there is another directory to be found.
    let inner = testkit::zip::Zip::new().stored("a", "text").build();
    let zip = testkit::zip::Zip::new().stored("images.zip", inner).build();
    let mut fails_at = 0;
    loop {
        let source = Arc::new(FailingOnce {
            bytes: zip.clone(),
            fails_at,
            num_reads: Default::default(),
        });
        match Package::open(Arc::clone(&source) as Arc<dyn ReadAt>) {
            Ok(_) => break,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Io, "read {fails_at}: {error}"),
        }
        fails_at += 1;
    }
    assert!(fails_at > 3, "{fails_at}");
}

#[test]
fn entries_are_read_in_every_format() {
    let zip = Zip::new()
        .stored("a", "plain")
        .deflated("b", "x".repeat(10_000))
        .entry(Entry::deflated("c", "streamed").data_descriptor())
        .entry(Entry::stored("d", "wide").zip64())
        .comment("signed by nobody")
        .build();
    let package = open(zip).unwrap();
    assert_eq!(package.comment(), b"signed by nobody");
    assert_eq!(package.read("a", 5).unwrap().unwrap(), b"plain");
    assert_eq!(package.read("b", 10_000).unwrap().unwrap().len(), 10_000);
    assert_eq!(package.read("c", 100).unwrap().unwrap(), b"streamed");
    assert_eq!(package.read("d", 100).unwrap().unwrap(), b"wide");
    assert_eq!(package.entry("d").unwrap().size, 4);
    assert!(package.read("e", 100).unwrap().is_none());
}

#[test]
fn stored_entry_is_read_in_place() {
    let package = open(Zip::new().stored("x", "skip").stored("a", "plain").build()).unwrap();
    let entry = package.open_entry("a").unwrap().unwrap();
    let mut bytes = [0; 3];
    let source = entry.source(&budget());
    source.read_exact_at(2, &mut bytes).unwrap();
    assert_eq!(&bytes, b"ain");
    assert!(entry.is_stored());
}

fn budget() -> Arc<Budget> {
    let limits = crate::io::Limits::new(std::env::temp_dir(), std::time::Instant::now);
    Arc::new(Budget::new(limits))
}

#[test]
fn deflated_entry_is_decoded_as_far_as_it_is_read() {
    let contents = testkit::noise(1, 1 << 20);
    let zip = Zip::new().deflated("a", contents.clone()).build();
    let budget = budget();
    let source = open(zip)
        .unwrap()
        .open_entry("a")
        .unwrap()
        .unwrap()
        .source(&budget);
    let mut bytes = [0; 100];
    source.read_exact_at(5000, &mut bytes).unwrap();
    assert_eq!(bytes[..], contents[5000..5100]);
    assert!(budget.counters().bytes_decoded < 300_000);
}

#[test]
fn overlapping_entries_are_refused_when_they_are_read() {
    let zip = Zip::new()
        .stored("a", "contents that are long enough to hold a header")
        .entry(Entry::stored("inside", "").declared_offset(10))
        .stored("c", "apart")
        .build();
    let package = open(zip).unwrap();
    for name in ["a", "inside"] {
        let error = package.read(name, 100).unwrap_err();
        assert!(
            matches!(error, super::Error::Overlap { .. }),
            "{name}: {error}"
        );
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(package.open_entry(name).is_err());
    }
    assert_eq!(package.read("c", 9).unwrap().unwrap(), b"apart");
}

#[test]
fn entry_longer_than_its_limit_is_refused_even_if_it_declares_less() {
    let zip = Zip::new()
        .entry(Entry::deflated("bomb", vec![0; 1 << 20]).declared_size(10))
        .build();
    let error = open(zip).unwrap().read("bomb", 1000).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Limit | ErrorKind::Corrupt),
        "{error:?}"
    );
    let zip = Zip::new().deflated("bomb", vec![0; 1 << 20]).build();
    let error = open(zip).unwrap().read("bomb", 1000).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
}

#[test]
fn duplicate_name_fails_only_if_it_is_read() {
    let zip = Zip::new()
        .stored("twice", "1")
        .stored("twice", "2")
        .stored("once", "3")
        .build();
    let package = open(zip).unwrap();
    assert!(matches!(
        package.read("twice", 9),
        Err(Error::Duplicate { .. })
    ));
    assert_eq!(package.read("once", 9).unwrap().unwrap(), b"3");
}

#[test]
fn hostile_entries_are_refused_by_name() {
    for name in ["../x", "/etc/passwd", "a/../../b", "a\\b", "C:evil"] {
        let error = open(Zip::new().stored(name, "").build()).err();
        assert!(matches!(error, Some(Error::UnsafeName { .. })), "{name}");
    }
    let zip = Zip::new()
        .entry(Entry::stored("s", "x").encrypted())
        .build();
    assert!(matches!(
        open(zip).unwrap().read("s", 9),
        Err(Error::Encrypted { .. })
    ));
    let zip = Zip::new().entry(Entry::stored("s", "x").crc(1)).build();
    assert_eq!(
        open(zip).unwrap().read("s", 9).unwrap_err().kind(),
        ErrorKind::Corrupt
    );
    let zip = Zip::new()
        .entry(Entry::stored("s", "x").local_name("t"))
        .build();
    assert_eq!(
        open(zip).unwrap().read("s", 9).unwrap_err().kind(),
        ErrorKind::Corrupt
    );
}

#[test]
fn damaged_files_have_their_error_kinds() {
    assert_eq!(kind(Vec::new()), ErrorKind::NotAZip);
    assert_eq!(kind(b"hello".to_vec()), ErrorKind::NotAZip);
    assert_eq!(kind(vec![0; 100_000]), ErrorKind::NotAZip);
    let whole = Zip::new().stored("a", "plain").build();
    for len in 4..whole.len() {
        assert_eq!(kind(whole[..len].to_vec()), ErrorKind::Truncated, "{len}");
    }
}

#[test]
fn changed_bytes_never_panic() {
    let whole = Zip::new()
        .deflated("a", "plain plain plain")
        .entry(Entry::stored("d", "wide").zip64())
        .build();
    for at in 0..whole.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            if let Ok(package) = open(bytes) {
                let _ = package.read("a", 100);
                let _ = package
                    .open_entry("d")
                    .map(|entry| entry.map(|entry| entry.source(&budget())));
            }
        }
    }
}
