//! Hostile and damaged images: each is reported in one line with the right kind and place.
//!
//! The lines are pinned whole; `INSTA_UPDATE=always cargo test` accepts new ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use ota_view::error_kind::{ErrorKind, chain};
use ota_view::fs;
use ota_view::io::{ReadAt, ReadError};
use romfeed::model::fault_kind::FaultKind;
use serde_json::Value;
use testkit::package::Package;
use testkit::payload::{Operation, Partition, Payload, op};
use testkit::props::Props;
use testkit::sparse::{Sparse, chunk};
use testkit::super_image::Super;
use testkit::zip::{Entry, Zip};

use super::support::{BASE_URL, RomDir, Run, bacon, bacon_name, fixture, fixture_bytes};

const NAME: &str = "update.zip";
const UPDATE_BINARY: &str = "META-INF/com/google/android/update-binary";
/// Path of the properties in the fixtures.
const BUILD_PROP: &str = "/system/build.prop";
/// The length of that file in bytes.
const BUILD_PROP_LEN: u64 = 6311;

/// For the builders; no metadata is written here, because the facts are in the images.
fn nothing() -> Props {
    Props::lineage("0", "none", "none", 1, "none", 35, "2000-01-01")
}

fn payload(partition: Partition) -> Vec<u8> {
    Package::payload(nothing())
        .without_metadata()
        .partition(partition)
        .build()
}

/// A package around a given `payload.bin`.
fn payload_bin(payload: Vec<u8>) -> Vec<u8> {
    Zip::new()
        .stored("payload.bin", payload)
        .stored("payload_properties.txt", "")
        .build()
}

fn images() -> Package {
    Package::images(nothing()).without_metadata()
}

/// A block-based package with the given list and data.
fn block(list: &str, entries: impl IntoIterator<Item = Entry>) -> Vec<u8> {
    let zip = Zip::new()
        .stored(UPDATE_BINARY, "#!")
        .stored("system.transfer.list", list)
        .stored("system.patch.dat", "");
    entries.into_iter().fold(zip, Zip::entry).build()
}

/// Fails if a control character reaches the terminal, or a run leaves a file behind.
#[track_caller]
fn run(zip: &[u8], args: &[&str]) -> Run {
    let dir = RomDir::new().file(NAME, zip);
    let run = dir.run(&[args, &[NAME]].concat());
    for text in [&run.stderr, &run.stdout] {
        let control = text.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(control, None, "{text:?}");
    }
    assert_eq!(dir.tree(".").len(), 1);
    run
}

/// The output of `inspect` for the packages of a test, one line for each message, for a snapshot.
#[derive(Default)]
struct Answers(String);

impl Answers {
    /// Fails unless the package is refused with this kind.
    #[track_caller]
    fn refused(&mut self, what: &str, zip: &[u8], kind: FaultKind) {
        let run = run(zip, &["inspect", "--json"]);
        assert_eq!(run.code, Some(1), "{what}: {}{}", run.stdout, run.stderr);
        let error = &run.json()["error"];
        assert_eq!(error["class"], kind.as_str(), "{what}: {error}");
        let message = error["message"].as_str().unwrap();
        self.line(what, &format!("{}: {message}", kind.as_str()));
    }

    /// Fails unless the package is read, but nothing from its `system`.
    #[track_caller]
    fn passed_over(&mut self, what: &str, zip: &[u8]) {
        let object = run(zip, &["inspect", "--json"]).expect(0).json();
        assert_eq!(object["device"], Value::Null, "{what}: {object}");
        let warnings = object["warnings"].as_array().unwrap();
        assert!(!warnings.is_empty(), "{what}: {object}");
        for warning in warnings {
            self.line(what, &format!("warning: {}", warning.as_str().unwrap()));
        }
    }

    /// Fails unless the device is found in the images.
    #[track_caller]
    fn read(&mut self, what: &str, zip: &[u8]) {
        let object = run(zip, &["inspect", "--json"]).expect(0).json();
        assert_eq!(object["device"], "enchilada", "{what}: {object}");
        self.line(what, "read");
    }

    fn line(&mut self, what: &str, answer: &str) {
        self.0.push_str(&format!("{what} => {answer}\n"));
    }
}

fn blocks(image: &[u8]) -> u64 {
    image.len() as u64 / 4096
}

#[test]
fn an_impossible_manifest_is_refused_before_it_is_read() {
    let mut answers = Answers::default();
    let good = Payload::new()
        .partition(Partition::new("system").replace(vec![7; 4096]))
        .build();
    for (size, kind) in [
        (u64::MAX, FaultKind::Limit),
        (u64::MAX - 23, FaultKind::Limit),
        (1 << 63, FaultKind::Limit),
        ((16 << 20) + 1, FaultKind::Limit),
        (16 << 20, FaultKind::Truncated),
        (0, FaultKind::Corrupt),
    ] {
        let mut bad = good.clone();
        bad[12..20].copy_from_slice(&size.to_be_bytes());
        if size == 0 {
            // A manifest without partitions has no system.
            let run = run(&payload_bin(bad), &["inspect", "--json"]).expect(0);
            assert_eq!(run.json()["device"], Value::Null);
            continue;
        }
        answers.refused(&format!("{size}"), &payload_bin(bad), kind);
    }
    let mut signed = good.clone();
    signed[20..24].fill(0xff);
    answers.refused(
        "signature of 4 GiB",
        &payload_bin(signed),
        FaultKind::Truncated,
    );
    for size in [1, 256, 1 << 17, u32::MAX] {
        let payload = Payload::new().block_size(size).build();
        let what = format!("block size {size}");
        answers.refused(&what, &payload_bin(payload), FaultKind::Corrupt);
    }
    let names: Vec<String> = (0..1001).map(|number| format!("p{number}")).collect();
    let crowd = names.iter().fold(Payload::new(), |payload, name| {
        payload.partition(Partition::new(name))
    });
    answers.refused("crowd", &payload_bin(crowd.build()), FaultKind::Limit);
    let twins = Payload::new()
        .partition(Partition::new("a\x1bb"))
        .partition(Partition::new("a\x1bb"));
    answers.refused("twins", &payload_bin(twins.build()), FaultKind::Corrupt);
    insta::assert_snapshot!(answers.0);
}

#[test]
fn operations_that_contradict_each_other_are_refused_with_their_number() {
    let mut answers = Answers::default();
    let system = fixture("ext4-android");
    let all = blocks(&system);
    let with = |operation: Operation| payload(Partition::new("system").operation(operation));
    for (what, zip, kind) in [
        (
            "data beyond the file",
            with(
                Operation::new(op::REPLACE)
                    .data([1; 4096])
                    .dst(&[(0, 1)])
                    .declared_data(1 << 62, 4096),
            ),
            FaultKind::Truncated,
        ),
        (
            "data beyond every file",
            with(
                Operation::new(op::REPLACE)
                    .dst(&[(0, 1)])
                    .declared_data(u64::MAX, 4096),
            ),
            FaultKind::Corrupt,
        ),
        (
            "an extent of 2^63 blocks",
            with(Operation::new(op::ZERO).dst(&[(0, 1 << 63)])),
            FaultKind::Corrupt,
        ),
        (
            "extents that overflow together",
            with(Operation::new(op::ZERO).dst(&[(0, 1 << 51), (1 << 51, (1 << 51) + 1)])),
            FaultKind::Corrupt,
        ),
        (
            "two writers of one block",
            payload(
                Partition::new("system")
                    .replace(&system)
                    .operation(Operation::new(op::ZERO).dst(&[(all - 1, 1)])),
            ),
            FaultKind::Corrupt,
        ),
        (
            "longer than what it writes",
            with(
                Operation::new(op::REPLACE)
                    .data(vec![1; 4097])
                    .dst(&[(0, 1)]),
            ),
            FaultKind::Corrupt,
        ),
        (
            "a type from the future",
            with(Operation::new(15).data([1; 4096]).dst(&[(0, 1)])),
            FaultKind::Unsupported,
        ),
        (
            "no operation writes the beginning",
            with(Operation::new(op::REPLACE).data([1; 4096]).dst(&[(100, 1)])),
            FaultKind::Corrupt,
        ),
        (
            "a crowd of extents",
            with({
                let extents: Vec<(u64, u64)> = (0..=1 << 18).map(|block| (block, 1)).collect();
                Operation::new(op::ZERO).dst(&extents)
            }),
            FaultKind::Limit,
        ),
    ] {
        match kind {
            FaultKind::Unsupported => answers.passed_over(what, &zip),
            _ => answers.refused(what, &zip, kind),
        }
    }
    insta::assert_snapshot!(answers.0);
}

#[test]
fn operations_in_any_order_and_wrong_sizes_are_handled() {
    let mut answers = Answers::default();
    let system = fixture("ext4-android");
    let shuffled = system
        .chunks(5 * 4096)
        .enumerate()
        .map(|(index, chunk)| {
            Operation::new(op::REPLACE)
                .data(chunk)
                .dst(&[(index as u64 * 5, blocks(chunk))])
        })
        .rev()
        .fold(Partition::new("system"), Partition::operation);
    answers.read("shuffled", &payload(shuffled));
    let sized = |size| payload(Partition::new("system").replace(&system).new_info(size, []));
    for size in [system.len() as u64, 1 << 63, u64::MAX] {
        answers.read(&format!("{size}"), &sized(size));
    }
    answers.refused("too small", &sized(8192), FaultKind::Truncated);
    answers.passed_over("empty", &sized(0));
    let crowd = (0..200_000).fold(Partition::new("system"), |partition, _| {
        partition.operation(Operation::new(op::ZERO))
    });
    answers.passed_over("a crowd of operations", &payload(crowd));
    insta::assert_snapshot!(answers.0);
}

#[test]
fn streams_of_operations_are_checked_and_bounded() {
    let mut answers = Answers::default();
    let product = fixture("ext4-product");
    let all = blocks(&product);
    for (kind, extension, codec) in [
        (op::REPLACE_XZ, "xz", "xz"),
        (op::REPLACE_BZ, "bz2", "bzip2"),
        (op::REPLACE_ZSTD, "zst", "zstd"),
    ] {
        let stream = fixture_bytes(&format!("ext4-product.img.{extension}"));
        let with = |stream: &[u8], blocks| {
            payload(
                Partition::new("system")
                    .operation(Operation::new(kind).data(stream).dst(&[(0, blocks)])),
            )
        };
        answers.refused(
            &format!("{codec} longer than its blocks"),
            &with(&stream, 1),
            FaultKind::Corrupt,
        );
        if kind != op::REPLACE_ZSTD {
            answers.refused(
                &format!("{codec} cut short"),
                &with(&stream[..stream.len() / 2], all),
                FaultKind::Truncated,
            );
        }
        answers.refused(
            &format!("{codec} of nothing"),
            &with(&testkit::noise(1, 3000), all),
            FaultKind::Corrupt,
        );
        let wrong_hash = Operation::new(kind)
            .data(stream)
            .data_hash([7; 32])
            .dst(&[(0, all)]);
        answers.refused(
            &format!("{codec} with a wrong hash"),
            &payload(Partition::new("system").operation(wrong_hash)),
            FaultKind::Corrupt,
        );
    }
    insta::assert_snapshot!(answers.0);
}

#[test]
fn dictionaries_beyond_the_limit_are_refused() {
    let mut answers = Answers::default();
    // Properties, a dictionary of 2 GiB, an unknown length; then nothing.
    let lzma = [&[0x5d, 0, 0, 0, 0x80][..], &[0xff; 8], &[0; 100]].concat();
    // A window of 1 GiB and one empty block.
    let zstd = [0x28, 0xb5, 0x2f, 0xfd, 0, 20 << 3, 1, 0, 0];
    for (extension, stream, kind) in [
        ("lzma", lzma, FaultKind::Limit),
        ("zst", zstd.to_vec(), FaultKind::Corrupt),
    ] {
        let zip = images()
            .stored_image(&format!("system.img.{extension}"), stream)
            .build();
        answers.refused(extension, &zip, kind);
    }
    insta::assert_snapshot!(answers.0);
}

#[test]
fn lists_that_cannot_be_carried_out_are_refused_with_their_line() {
    let mut answers = Answers::default();
    let system = fixture("ext4-android");
    let all = blocks(&system);
    let data = || [Entry::deflated("system.new.dat", system.clone())];
    let good = format!("4\n{all}\n0\n0\nnew 2,0,{all}\n");
    answers.read("good", &block(&good, data()));
    // The total is only for a progress bar.
    let total = good.replacen(&all.to_string(), "18446744073709551615", 1);
    answers.read("wrong total", &block(&total, data()));
    for (what, list, kind) in [
        (
            "a later version",
            good.replacen('4', "5", 1),
            FaultKind::Unsupported,
        ),
        (
            "blocks beyond every partition",
            format!("{good}zero 2,0,2147483648\n"),
            FaultKind::Corrupt,
        ),
        (
            "a number without an end",
            format!("{good}zero 2,0,{}\n", "9".repeat(1000)),
            FaultKind::Corrupt,
        ),
        (
            "a count above the numbers that follow",
            format!("{good}zero 18446744073709551615,0,1\n"),
            FaultKind::Corrupt,
        ),
        (
            "more data than there is",
            format!("{good}new 2,{all},{}\n", all + 1),
            FaultKind::Corrupt,
        ),
        ("no list", String::new(), FaultKind::Unsupported),
    ] {
        let zip = block(&list, data());
        match kind {
            FaultKind::Unsupported => answers.passed_over(what, &zip),
            _ => answers.refused(what, &zip, kind),
        }
    }
    answers.refused("no data", &block(&good, []), FaultKind::Corrupt);
    let far = "4\n1\n0\n0\nzero 2,2147483646,2147483647\n".to_owned() + "new 2,0,768\n";
    answers.read("8 TiB of nothing", &block(&far, data()));
    insta::assert_snapshot!(answers.0);
}

#[test]
fn truncated_data_and_damaged_data_have_different_errors() {
    let mut answers = Answers::default();
    let system = fixture("ext4-android");
    let list = format!("4\n{0}\n0\n0\nnew 2,0,{0}\n", blocks(&system));
    let stream = fixture_bytes("ext4-android.img.xz");
    let with = |stream: &[u8]| block(&list, [Entry::stored("system.new.dat.xz", stream)]);
    answers.read("whole", &with(&stream));
    for (what, stream, kind) in [
        ("cut", stream[..100].to_vec(), FaultKind::Truncated),
        (
            "noise",
            [&[0xff; 100][..], &stream].concat(),
            FaultKind::Corrupt,
        ),
    ] {
        answers.refused(what, &with(&stream), kind);
    }
    insta::assert_snapshot!(answers.0);
}

#[test]
fn sparse_images_that_contradict_themselves_are_refused() {
    let mut answers = Answers::default();
    let system = fixture("ext4-android");
    let all = u32::try_from(blocks(&system)).unwrap();
    let zip = |sparse: &Sparse| images().named_image("system.img", sparse.build()).build();
    let first = || Sparse::new(4096).raw(&system[..8192]);
    for (what, sparse) in [
        ("too few blocks", first().declared_total_blocks(all)),
        (
            "a chunk beyond the image",
            first().dont_care(u32::MAX).declared_total_blocks(all),
        ),
        (
            "a chunk of a wrong length",
            first()
                .chunk(chunk::RAW, all - 2, 12, [])
                .declared_total_blocks(all),
        ),
    ] {
        answers.refused(what, &zip(&sparse), FaultKind::Corrupt);
    }
    let later = Sparse::from_image(&system, 4096).major(2);
    answers.passed_over("version 2", &zip(&later));
    let filled = Sparse::new(4096).fill(0x4141_4141, u32::MAX);
    answers.passed_over("16 TiB of one letter", &zip(&filled));
    let whole = Sparse::from_image(&system, 4096).build();
    let cut = images().named_image("system.img", &whole[..whole.len() / 3]);
    answers.refused("cut", &cut.build(), FaultKind::Truncated);
    insta::assert_snapshot!(answers.0);
}

#[test]
fn super_images_are_refused_or_passed_over() {
    let mut answers = Answers::default();
    let system = fixture("ext4-android");
    let zip = |image: Vec<u8>| images().named_image("super.img", image).build();
    let good = || Super::new().partition("system_a", &system[..]);
    answers.read("good", &zip(good().build()));
    for (what, made) in [
        (
            "beyond its end",
            good().raw_extent("product_a", 8, 0, 1 << 40, 0),
        ),
        ("another disk", good().raw_extent("product_a", 8, 0, 0, 1)),
        (
            "no checksum is right",
            good().corrupt_primary_metadata().corrupt_backup_metadata(),
        ),
        ("no slots", good().declared_slots(0)),
    ] {
        answers.refused(what, &zip(made.build()), FaultKind::Corrupt);
    }
    // The inner one is a partition like any other, and is not searched.
    let nested = Super::new().partition("super", good().build()).build();
    let run = run(&zip(nested), &["inspect", "--json"]).expect(0);
    assert_eq!(run.json()["device"], Value::Null);
    insta::assert_snapshot!(answers.0);
}

#[test]
fn images_of_one_partition_in_two_places_are_refused_with_both_names() {
    let mut answers = Answers::default();
    let system = fixture("ext4-android");
    let noise = || testkit::noise(1, 8192);
    let logical = Super::new().partition("system", noise()).build();
    let list = "4\n768\n0\n0\nnew 2,0,768\n";
    let data = || Entry::stored("system.new.dat", &system[..]);
    for (what, zip) in [
        (
            "folders",
            images()
                .stored_image("a/system.img", noise())
                .stored_image("system.img", &system[..])
                .build(),
        ),
        (
            "compressed and not",
            images()
                .stored_image("system.img", &system[..])
                .stored_image("system.img.xz", noise())
                .build(),
        ),
        (
            "whole and in parts",
            images()
                .stored_image("system.img", &system[..])
                .stored_image("system.img.0", noise())
                .build(),
        ),
        (
            "super",
            images()
                .stored_image("super.img", logical)
                .stored_image("system.img", &system[..])
                .build(),
        ),
        (
            "list and image",
            block(list, [data(), Entry::stored("system.img", noise())]),
        ),
        (
            "data in two forms",
            block(list, [data(), Entry::stored("system.new.dat.br", noise())]),
        ),
        (
            "data in two parts of one number",
            block(list, [data(), Entry::stored("system.new.dat.0", noise())]),
        ),
    ] {
        answers.refused(what, &zip, FaultKind::Corrupt);
    }
    // Partitions that are not read do not matter; nor do slots, and a payload is enough to install.
    let zip = images()
        .stored_image("a/boot.img", noise())
        .stored_image("b/boot.img", noise())
        .stored_image("system_a.img", noise())
        .stored_image("system.img", &system[..]);
    answers.read("boot and slots", &zip.build());
    let payload = Payload::new().partition(Partition::new("system").replace(&system));
    let zip = Zip::new()
        .stored("payload.bin", payload.build())
        .stored("payload_properties.txt", "")
        .stored("system.transfer.list", "9\n")
        .stored("system.img", noise());
    answers.read("payload", &zip.build());
    insta::assert_snapshot!(answers.0);
}

#[test]
fn inner_zips_are_opened_one_level_deep_and_bounded() {
    let mut answers = Answers::default();
    let zip = |inner: Entry| Zip::new().stored(UPDATE_BINARY, "#!").entry(inner).build();
    let innermost = Zip::new().deflated("system.img", fixture("ext4-android"));
    let inner = Zip::new().stored("images.zip", innermost.clone().build());
    answers.read(
        "one",
        &zip(Entry::deflated("images.zip", innermost.build())),
    );
    let run = run(
        &zip(Entry::stored("images.zip", inner.build())),
        &["inspect", "--json"],
    );
    assert_eq!(run.expect(0).json()["device"], Value::Null);
    for size in [1 << 20, 1 << 40, u64::MAX - 1] {
        let bomb = Entry::deflated("images.zip", vec![0; 64 << 10])
            .declared_size(size)
            .zip64();
        answers.refused(&format!("{size}"), &zip(bomb), FaultKind::Truncated);
    }
    answers.refused(
        "noise",
        &zip(Entry::stored("images.zip", "noise")),
        FaultKind::NotAZip,
    );
    insta::assert_snapshot!(answers.0);
}

/// Replaces all occurrences of some bytes with others of the same length.
fn replaced(mut image: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut found = false;
    for at in 0..image.len() - from.len() {
        if image[at..].starts_with(from) {
            image[at..at + to.len()].copy_from_slice(to);
            found = true;
        }
    }
    assert!(found);
    image
}

#[test]
fn text_from_an_image_is_escaped_for_the_terminal() {
    // A folder with that name, and a device.
    let image = replaced(fixture("ext4-android"), b"\x03\x02bin", b"\x03\x02\x1b[m");
    let image = replaced(
        image,
        b"ro.lineage.device=enchilada",
        b"ro.lineage.device=\x1b[31mabcd",
    );
    let zip = images().named_image("system.img", image).build();
    let list = run(&zip, &["inspect", "--ls", "system:/system"]).expect(0);
    assert!(list.stdout.contains("\\u{1b}[m/"), "{}", list.stdout);
    let props = run(&zip, &["inspect", "--props"]).expect(0);
    assert!(
        props.stdout.contains("ro.lineage.device=\u{fffd}[31mabcd"),
        "{}",
        props.stdout
    );
    let facts = run(&zip, &["inspect"]).expect(0);
    assert!(facts.stdout.contains("\\u{1b}[31mabcd"), "{}", facts.stdout);
}

/// Returns an image with some bytes changed.
struct Patched {
    image: Arc<Vec<u8>>,
    at: u64,
    bytes: Vec<u8>,
}

impl ReadAt for Patched {
    fn size(&self) -> u64 {
        self.image.size()
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        self.image.read_exact_at(offset, buf)?;
        for (index, byte) in self.bytes.iter().enumerate() {
            let at = self.at + index as u64;
            let within = at.checked_sub(offset).map(usize::try_from);
            if let Some(place) = within.and_then(|within| buf.get_mut(within.ok()?)) {
                *place = *byte;
            }
        }
        Ok(())
    }
}

fn u32_at(image: &[u8], at: usize) -> usize {
    let bytes = image[at..].first_chunk().unwrap();
    usize::try_from(u32::from_le_bytes(*bytes)).unwrap()
}

/// Returns the offset of an inode in `ext4-android`, in bytes.
fn ext4_inode(image: &[u8], number: usize) -> usize {
    const SUPERBLOCK: usize = 1024;
    const DESCRIPTORS: usize = 4096;
    const INODE_LEN: usize = 256;
    let per_group = u32_at(image, SUPERBLOCK + 40);
    let (group, index) = ((number - 1) / per_group, (number - 1) % per_group);
    u32_at(image, DESCRIPTORS + group * 32 + 8) * 4096 + index * INODE_LEN
}

/// Returns the offset of a name's entry in a folder.
fn ext4_entry(image: &[u8], name: &[u8], file_type: u8) -> usize {
    let pattern = [&[u8::try_from(name.len()).unwrap(), file_type], name].concat();
    let found = image.windows(pattern.len()).position(|at| at == pattern);
    found.unwrap() - 6
}

/// Counts of the answers to an image with some bytes changed.
#[derive(Default)]
struct Tally(BTreeMap<String, usize>);

impl Tally {
    /// Reads the properties of an image with some bytes changed.
    fn read(&mut self, what: &str, image: &Arc<Vec<u8>>, at: usize, bytes: &[u8]) {
        let source = Arc::new(Patched {
            image: Arc::clone(image),
            at: at as u64,
            bytes: bytes.to_vec(),
        });
        let read = fs::open(source).and_then(|files| files.read(BUILD_PROP, 1 << 20));
        let answer = match read {
            Ok(file) if file.len() as u64 == BUILD_PROP_LEN => "read".to_owned(),
            Ok(_) => "read with another length".to_owned(),
            Err(error) => {
                let kind = error.kind();
                assert_ne!(kind, ErrorKind::Io, "{what}: {at} {bytes:?}: {error}");
                format!("{kind:?}: {}", without_numbers(&chain(&error)))
            }
        };
        *self.0.entry(format!("{what} => {answer}")).or_default() += 1;
    }

    fn text(&self) -> String {
        let lines = self
            .0
            .iter()
            .map(|(answer, num)| format!("{num:>5} {answer}\n"));
        lines.collect()
    }
}

/// Returns a message with `#` in place of each number.
fn without_numbers(text: &str) -> String {
    let mut masked = String::new();
    for word in text.split_inclusive([' ', '(', ')', ',', '.', ':', '=', '`']) {
        let (name, end) = word.split_at(
            word.trim_end_matches([' ', '(', ')', ',', '.', ':', '=', '`'])
                .len(),
        );
        let is_number = name.starts_with(|c: char| c.is_ascii_digit());
        masked.push_str(if is_number { "#" } else { name });
        masked.push_str(end);
    }
    masked
}

#[test]
fn any_changed_byte_of_ext4_metadata_is_handled() {
    let mut answers = Tally::default();
    let image = Arc::new(fixture("ext4-android"));
    let system = ext4_entry(&image, b"system", 2);
    let build_prop = ext4_entry(&image, b"build.prop", 1);
    let inode = |at| ext4_inode(&image, u32_at(&image, at));
    for (what, start, len) in [
        ("superblock", 1024, 400),
        ("descriptors", 4096, 64),
        ("root", ext4_inode(&image, 2), 160),
        ("folder", inode(system), 160),
        ("file", inode(build_prop), 160),
        ("entry of the folder", system, 16),
        ("entry of the file", build_prop, 20),
    ] {
        for at in start..start + len {
            for value in [0, 1, 0xff] {
                answers.read(what, &image, at, &[value]);
            }
        }
        for at in (start..start + len - 4).step_by(4) {
            answers.read(what, &image, at, &[0xff; 4]);
            answers.read(what, &image, at, &[0; 4]);
        }
    }
    insta::assert_snapshot!(answers.text());
}

#[test]
fn any_changed_byte_of_erofs_metadata_is_handled() {
    let mut answers = Tally::default();
    for name in ["plain", "lz4hc", "lzma-frag"] {
        let mut image = fixture(&format!("erofs-{name}"));
        // Without a checksum that would stop it.
        image[1024 + 8] &= !1;
        let image = Arc::new(image);
        for at in (1024..1024 + 128).chain((1152..10_000).step_by(29)) {
            for value in [0, 0xff] {
                answers.read(name, &image, at, &[value]);
            }
        }
        for at in (1024..5000).step_by(48) {
            answers.read(name, &image, at, &[0xff; 8]);
        }
    }
    insta::assert_snapshot!(answers.text());
}

#[test]
fn a_superblock_with_a_wrong_checksum_is_refused() {
    let mut answers = Answers::default();
    let mut image = fixture("erofs-plain");
    image[1024 + 16] ^= 1;
    let zip = images().named_image("system.img", image).build();
    answers.refused("erofs", &zip, FaultKind::Corrupt);
    insta::assert_snapshot!(answers.0);
}

#[test]
fn a_file_of_an_absurd_length_is_not_read() {
    let mut answers = Answers::default();
    // Inodes of 64 bytes: format, attributes, mode, blocks, then the length.
    let mut image = fixture("erofs-extended");
    for at in (0..image.len() - 64).step_by(32) {
        let file = &mut image[at..];
        if file[4..6] == 0o100_644u16.to_le_bytes() && file[8..16] == BUILD_PROP_LEN.to_le_bytes() {
            file[15] = 0x10;
        }
    }
    // Without a checksum that would stop it.
    image[1024 + 8] &= !1;
    let zip = images().named_image("system.img", image).build();
    answers.passed_over("erofs", &zip);
    let run = run(&zip, &["inspect", "--extract", "system:/system/build.prop"]);
    run.expect(1).says("at most 17179869184 are read");

    let mut image = fixture("ext4-android");
    let entry = ext4_entry(&image, b"build.prop", 1);
    let inode = ext4_inode(&image, u32_at(&image, entry));
    image[inode + 108] = 2;
    let zip = images().named_image("system.img", image).build();
    answers.passed_over("ext4", &zip);
    insta::assert_snapshot!(answers.0);
}

#[test]
fn thirty_hostile_packages_do_not_stop_two_good_ones() {
    let dir = RomDir::new()
        .file(&format!("builds/bacon/{}", bacon_name(0)), bacon(0))
        .file(&format!("builds/bacon/{}", bacon_name(1)), bacon(1));
    let system = fixture("ext4-android");
    let list = "4\n768\n0\n0\nnew 2,0,768\n";
    for number in 0..6u32 {
        let seed = u64::from(number);
        let cut = &system[..10_000 + 4096 * number as usize];
        let brotli = &fixture_bytes("ext4-android.img.br")[..50 + number as usize];
        let mut wild = system.clone();
        wild[1024 + 20 + number as usize..1024 + 50].fill(0xff);
        let sparse = Sparse::new(4096)
            .raw(&system[..8192])
            .declared_total_blocks(100 + number);
        let bomb = Operation::new(op::REPLACE_XZ)
            .data(fixture_bytes("ext4-android.img.xz"))
            .dst(&[(0, 1 + seed)]);
        for (kind, zip) in [
            ("cut", images().named_image("system.img", cut).build()),
            ("wild", images().named_image("system.img", wild).build()),
            (
                "sparse",
                images().named_image("system.img", sparse.build()).build(),
            ),
            (
                "block",
                block(list, [Entry::stored("system.new.dat.br", brotli)]),
            ),
            ("payload", payload(Partition::new("system").operation(bomb))),
        ] {
            dir.put(&format!("builds/bad/{kind}-{number}.zip"), zip);
        }
    }
    let run = dir
        .run(&["generate", "--base-url", BASE_URL])
        .says("30 left out");
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    let errors: Vec<&str> = run
        .stderr
        .lines()
        .filter(|line| line.starts_with("error: "))
        .collect();
    assert_eq!(errors.len(), 30, "{}", run.stderr);
    insta::assert_snapshot!(errors.join("\n"));
    let feed: Value = serde_json::from_slice(&dir.read("out/api/v1/bacon/nightly.json")).unwrap();
    assert_eq!(feed["response"].as_array().unwrap().len(), 2);
}

#[test]
fn an_ext4_image_that_ignores_letter_case_is_named_as_such() {
    let mut image = fixture("ext4-android");
    // `s_feature_incompat`, of which the third byte has the bit.
    image[1024 + 0x62] |= 2;
    let error = fs::open(Arc::new(image)).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(
        error.to_string(),
        "ext4 with folders that ignore letter case (casefold) is not supported"
    );
}
