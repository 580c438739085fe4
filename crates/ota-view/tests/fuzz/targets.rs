//! The fuzz targets: zips, images, file systems, properties, signatures.
//!
//! In: any bytes. Out: nothing, and no panic; where the same bytes can be read in two ways, the
//! results are compared. Each target stays within a few seconds and some hundred MiB, whatever its
//! input. `fuzz/` of this crate runs them under a fuzzer.

use std::io::{Cursor, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ota_view::codec::Codec;
use ota_view::device_props::Until;
use ota_view::fs::{self, EntryType, FileSystem};
use ota_view::image::payload::Payload;
use ota_view::image::sparse::{self, Sparse};
use ota_view::image::super_image::{self, Super};
use ota_view::image::transfer_list::{self, TransferList};
use ota_view::io::{Budget, Counted, Limits, ReadAt, ReadError};
use ota_view::ota::Ota;
use ota_view::package::{Package, layout, metadata, signature};
use ota_view::props::{Era, PropertyFile, PropertyMap};
use ota_view::verify::{self, Certificate};
use testkit::fuzz::Target;

/// All targets.
pub(crate) const TARGETS: [Target; 13] = [
    ("package", package),
    ("zip", zip),
    ("payload", payload),
    ("transfer_list", transfer_list),
    ("sparse", sparse),
    ("super_image", super_image),
    ("ext4", file_system),
    ("erofs", file_system),
    ("props", props),
    ("metadata", metadata),
    ("codec", codec),
    ("signature", signature),
    ("verify", verify),
];

/// Most bytes read from one stream.
const MAX_STREAM_LEN: u64 = 4 << 20;
/// Longest file read from a file system.
const MAX_FILE_SIZE: u64 = 1 << 20;
/// Most files and folders visited in a file system.
const MAX_FILES: usize = 50;
/// Most partitions visited in a container.
const MAX_PARTITIONS: usize = 8;
/// Most entries visited in a zip.
const MAX_ENTRIES: usize = 30;
/// Paths of `build.prop` and related files.
const PATHS: [&str; 5] = [
    "/system/build.prop",
    "/build.prop",
    "/etc/build.prop",
    "/etc/../default.prop",
    "/system/etc/link",
];

fn budget() -> Arc<Budget> {
    Arc::new(Budget::new(Limits {
        decoded: 64 << 20,
        time: Duration::from_secs(5),
        ..Limits::new(std::env::temp_dir(), Instant::now)
    }))
}

fn source(data: &[u8], budget: &Arc<Budget>) -> Arc<dyn ReadAt> {
    Arc::new(Counted::new(data.to_vec(), Arc::clone(budget)))
}

/// The whole path from a zip to the properties of a device.
fn package(data: &[u8]) {
    let budget = budget();
    let Ok(package) = Package::open(source(data, &budget)) else {
        return;
    };
    let _ = layout::detect(&package);
    let _ = signature::read_signer(&package);
    if let Ok(Some(text)) = package.read(metadata::TEXT, metadata::MAX_SIZE) {
        let _ = metadata::parse_text(&text);
    }
    if let Ok(Some(message)) = package.read(metadata::PROTOBUF, metadata::MAX_SIZE) {
        let _ = metadata::parse_pb(&message);
    }
    let Ok(rom) = Ota::from_package(&package, budget) else {
        return;
    };
    let _ = rom.props(Until::Everything);
    for name in rom.partitions().take(MAX_PARTITIONS) {
        if let Ok(image) = rom.image(name) {
            read_here_and_there(&*image, data);
        }
        if let Ok(file_system) = rom.file_system(name) {
            walk(&*file_system);
        }
    }
}

fn zip(data: &[u8]) {
    let budget = budget();
    let Ok(package) = Package::open(source(data, &budget)) else {
        return;
    };
    let _ = layout::detect(&package);
    let names: Vec<String> = package.names().map(str::to_owned).collect();
    for name in names.iter().take(MAX_ENTRIES) {
        let info = package.entry(name).expect("it is one of the names");
        let read = package.read(name, MAX_FILE_SIZE);
        let Ok(Some(entry)) = package.open_entry(name) else {
            continue;
        };
        assert_eq!(entry.is_stored(), info.method == 0);
        let mut streamed = Vec::new();
        let stream = entry.stream().take(MAX_STREAM_LEN);
        let result = { stream }.read_to_end(&mut streamed);
        if let (Ok(Some(read)), Ok(_)) = (&read, result) {
            assert!(*read == streamed, "two readers of `{name}` disagree");
        }
        read_here_and_there(&*entry.source(&budget), data);
    }
}

fn payload(data: &[u8]) {
    let budget = budget();
    let Ok(payload) = Payload::open(source(data, &budget)) else {
        return;
    };
    let _ = payload.needs_source();
    for name in payload.partitions().take(MAX_PARTITIONS) {
        if let Ok(image) = payload.partition(name, Arc::clone(&budget)) {
            read_here_and_there(&image.expect("it is one of the names"), data);
        }
    }
}

fn transfer_list(data: &[u8]) {
    let _ = transfer_list::needs_source(data);
    let _ = transfer_list::parse_op_list(data);
    let Ok(list) = TransferList::parse(data) else {
        return;
    };
    let new_data = Arc::new(Numbers(list.data_len));
    let image = list
        .image(new_data, 1 << 20)
        .expect("the data is as long as the list says");
    read_here_and_there(&*image, data);
}

/// A sparse image, or several in a row: the parts of a split one.
fn sparse(data: &[u8]) {
    const MAGIC: [u8; 4] = 0xed26_ff3a_u32.to_le_bytes();
    let mut starts: Vec<usize> = (1..data.len())
        .filter(|&at| data[at..].starts_with(&MAGIC))
        .take(3)
        .collect();
    starts.insert(0, 0);
    starts.push(data.len());
    let budget = budget();
    let part = |ends: &[usize]| source(&data[ends[0]..ends[1]], &budget);
    let parts: Vec<_> = starts.windows(2).map(part).collect();
    // The bytes after the first may also be its data.
    for sources in [parts, vec![source(data, &budget)]] {
        let is_sparse = sparse::detect(&*sources[0]);
        if let Ok(image) = Sparse::open(sources) {
            assert!(is_sparse.is_ok_and(|is_sparse| is_sparse));
            read_here_and_there(&image, data);
        }
    }
}

fn super_image(data: &[u8]) {
    let source = source(data, &budget());
    let _ = super_image::detect(&*source);
    let Ok(image) = Super::open(source) else {
        return;
    };
    for name in image.partitions().take(MAX_PARTITIONS) {
        if let Ok(partition) = image.partition(name) {
            let partition = partition.expect("it is one of the names");
            read_here_and_there(&*partition, data);
        }
    }
}

/// A file system, raw or as a sparse image, which is shorter.
fn file_system(data: &[u8]) {
    let mut source = source(data, &budget());
    if sparse::detect(&*source).is_ok_and(|is_sparse| is_sparse) {
        match Sparse::open(vec![source]) {
            Ok(image) => source = Arc::new(image),
            Err(_) => return,
        }
    }
    if let Ok(file_system) = fs::open(source) {
        walk(&*file_system);
    }
}

/// Property files, separated by zero bytes.
fn props(data: &[u8]) {
    let _ = PropertyMap::parse(data);
    for era in [Era::FirstWins, Era::LastWins] {
        let files = data.split(|&byte| byte == 0).enumerate();
        let mut props = PropertyMap::merge(
            files.map(|(index, text)| {
                let mut file = PropertyFile::parse(index.to_string(), text);
                file.is_vendor = index % 2 == 1;
                file
            }),
            era,
        );
        for (key, value) in props.iter() {
            assert!(props.place(key).is_some(), "`{key}` comes from no file");
            assert_eq!(props.get(key).unwrap_or_default(), value);
        }
        props.derive_product(era);
    }
}

fn metadata(data: &[u8]) {
    let _ = metadata::parse_text(data);
    let _ = metadata::parse_pb(data);
}

/// The first byte selects the decoder.
fn codec(data: &[u8]) {
    const CODECS: [Codec; 7] = [
        Codec::Deflate,
        Codec::Gzip,
        Codec::Brotli,
        Codec::Xz,
        Codec::Lzma,
        Codec::Zstd,
        Codec::Bzip2,
    ];
    let Some((&selector, data)) = data.split_first() else {
        return;
    };
    let codec = CODECS[usize::from(selector) % CODECS.len()];
    let mut decoder = codec.decode(Cursor::new(data.to_vec()));
    let mut buffer = [0; 8192];
    let mut left = MAX_STREAM_LEN / 8192;
    while left > 0 && decoder.read(&mut buffer).is_ok_and(|read| read > 0) {
        left -= 1;
    }
    // After its end, or its error.
    let _ = decoder.read(&mut buffer);
}

/// The comment of a signed zip, as far as it can be read without the zip; or a certificate.
fn signature(data: &[u8]) {
    let claimed = signature::parse_comment(data);
    if let Ok(Some(signature)) = signature::parse_signature(data) {
        let signer = claimed.expect("less was read of it");
        assert_eq!(signer, Some(signature.signer));
    }
    let _ = Certificate::parse(data);
    // With the signature replaced by one over empty data.
    let size = u16::try_from(data.len()).unwrap_or(u16::MAX);
    let end = [&b"PK\x05\x06"[..], &[0; 16], &size.to_le_bytes(), data].concat();
    verify(&end);
}

/// All checks of a package.
fn verify(data: &[u8]) {
    let limits = Limits {
        decoded: 64 << 20,
        time: Duration::from_secs(5),
        ..Limits::new(std::env::temp_dir(), Instant::now)
    };
    let Ok(verdict) = verify::check_source(data.to_vec(), "rom.zip", &limits) else {
        return;
    };
    assert_eq!(verdict.signer.is_some(), verdict.key.is_some());
    for finding in &verdict.findings {
        assert!(verify::rules::find(finding.rule.id).is_some());
        assert!(finding.message.len() < 1 << 20);
    }
}

/// Reads at both ends, where superblocks are, and at the offset that the last bytes of the input
/// give; in one piece and in two.
fn read_here_and_there(image: &dyn ReadAt, data: &[u8]) {
    let size = image.size();
    let wish = data
        .last_chunk()
        .map_or(7, |last| u64::from_le_bytes(*last));
    let offsets = [
        0,
        1024,
        size.saturating_sub(5000),
        wish.checked_rem(size).unwrap_or(0),
        size,
    ];
    for offset in offsets {
        let left = size.saturating_sub(offset).min(5000);
        let mut whole = vec![0xaa; usize::try_from(left).expect("at most 5000")];
        let mut pieces = vec![0x55; whole.len()];
        let whole_result = image.read_exact_at(offset, &mut whole);
        let cut = usize::try_from(wish % 5000).expect("less than 5000");
        let (first, second) = pieces.split_at_mut(cut.min(whole.len()));
        let pieces_result = image
            .read_exact_at(offset, first)
            .and_then(|()| image.read_exact_at(offset + first.len() as u64, second));
        if whole_result.is_ok() && pieces_result.is_ok() {
            assert!(whole == pieces, "two reads at {offset} disagree");
        }
    }
    let mut one = [0];
    assert!(image.read_exact_at(size, &mut one).is_err());
}

/// Lists folders and reads files, breadth first.
fn walk(file_system: &dyn FileSystem) {
    for path in PATHS {
        let _ = file_system.read(path, MAX_FILE_SIZE);
    }
    let mut paths = vec![("/".to_owned(), EntryType::Folder)];
    let mut next = 0;
    while let Some((path, entry_type)) = paths.get(next).cloned() {
        next += 1;
        match entry_type {
            EntryType::Folder => {
                for entry in file_system.list(&path).unwrap_or_default() {
                    if paths.len() < MAX_FILES {
                        let path = format!("{}/{}", path.trim_end_matches('/'), entry.name);
                        paths.push((path, entry.entry_type));
                    }
                }
            }
            EntryType::File | EntryType::Link => {
                let bytes = file_system.read(&path, MAX_FILE_SIZE);
                let bytes = bytes.unwrap_or_default();
                assert!(bytes.len() as u64 <= MAX_FILE_SIZE, "`{path}` is too long");
            }
            EntryType::Special => {}
        }
    }
}

/// Returns this many bytes, each derived from its offset.
struct Numbers(u64);

impl ReadAt for Numbers {
    fn size(&self) -> u64 {
        self.0
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        let end = offset.saturating_add(buf.len() as u64);
        assert!(end <= self.0, "read up to {end} of {}", self.0);
        for (byte, offset) in buf.iter_mut().zip(offset..) {
            *byte = (offset % 251) as u8;
        }
        Ok(())
    }
}
