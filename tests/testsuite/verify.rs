//! `romfeed check ZIP…` and `[require]`: every rule, broken by a package.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use digest_lanes::Stamp;
use ota_view::io::Limits;
use ota_view::verify;
use testkit::package::Package;
use testkit::payload::{Operation, Partition, Payload, op, properties};
use testkit::props::Props;
use testkit::signing::{self, Cms, Key};
use testkit::zip::{Entry, Zip};
use testkit::{BLOCK_SIZE, noise};

use crate::support::{RomDir, Run, bacon, bacon_name, bacon_props};

const UPDATE_BINARY: &str = "META-INF/com/google/android/update-binary";
const METADATA: &str = "META-INF/com/android/metadata";

/// Checks a package; returns the output, and the ids of its findings.
fn check_with(zip: &[u8], args: &[&str]) -> (Run, Vec<String>) {
    let dir = RomDir::new().file("rom.zip", zip);
    let all: Vec<&str> = ["check", "rom.zip", "--json"]
        .iter()
        .chain(args)
        .copied()
        .collect();
    let run = dir.run(&all);
    let id = |line: &str| {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        for key in ["id", "severity", "place", "message", "source", "fix"] {
            assert!(object[key].is_string(), "{line}");
        }
        assert_eq!(object["place"], "rom.zip");
        object["id"].as_str().unwrap().to_owned()
    };
    let ids = run.stdout.lines().map(id).collect();
    (run, ids)
}

#[track_caller]
fn check(zip: Vec<u8>) -> Vec<String> {
    let (run, ids) = check_with(&zip, &[]);
    assert_eq!(
        run.code == Some(0),
        run.stdout.find("\"error\"").is_none(),
        "{run:?}"
    );
    ids
}

/// Returns the messages of all findings with this id; at least one.
#[track_caller]
fn message(zip: &[u8], id: &str) -> String {
    let (run, _) = check_with(zip, &[]);
    let lines = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let found: Vec<String> = lines
        .filter(|line: &serde_json::Value| line["id"] == id)
        .map(|line| line["message"].as_str().unwrap().to_owned())
        .collect();
    assert!(!found.is_empty(), "no {id} in {}", run.stdout);
    found.join("\n")
}

fn props(sdk: u32) -> Props {
    Props::lineage(
        "22.2",
        "NIGHTLY",
        "enchilada",
        1_748_736_000,
        "eng.me",
        sdk,
        "2025-05-05",
    )
}

fn ab() -> Package {
    Package::payload(props(35)).signed(Key::Alice)
}

fn block() -> Package {
    Package::block(props(30)).signed(Key::Alice)
}

fn signed(zip: Zip) -> Vec<u8> {
    signing::sign(zip.build(), Key::Alice)
}

/// An A/B package of these entries, without metadata.
fn bare(payload: &[u8], entries: impl FnOnce(Zip, &[u8], &str) -> Zip) -> Vec<u8> {
    signed(entries(Zip::new(), payload, &properties(payload)))
}

fn payload() -> Payload {
    let partition = Partition::new("system").replace(noise(1, 4 * BLOCK_SIZE));
    let boot = Partition::new("boot").replace(noise(2, BLOCK_SIZE));
    Payload::new().partition(partition).partition(boot)
}

const NO_LISTS: &str = "package-no-property-files";

#[test]
fn sound_packages_of_all_layouts_have_no_findings() {
    for package in [
        ab(),
        block(),
        Package::files(props(19)),
        Package::images(props(30)),
    ] {
        assert_eq!(check(package.signed(Key::Bob).build()), [""; 0]);
    }
    let delta = ab().delta("old", "a/b/c").build();
    assert_eq!(check(delta), [""; 0]);
    assert_eq!(check(block().delta("old", "a/b/c").build()), [""; 0]);
}

#[test]
fn a_valid_package_is_reported_with_its_signer() {
    let dir = RomDir::new()
        .file("a.zip", ab().build())
        .file("b.zip", block().build());
    let run = dir.run(&["check", "a.zip", "b.zip"]).expect(0);
    let fingerprint = Key::Alice.fingerprint();
    assert_eq!(run.stdout, "");
    assert_eq!(
        run.stderr,
        format!(
            "a.zip: installable (A/B, signed by Alice's test key, sha256 {fingerprint})\n\
             b.zip: installable (for the recovery, signed by Alice's test key, sha256 {fingerprint})\n"
        )
    );
}

#[test]
fn findings_are_reported_with_a_fix() {
    let dir = RomDir::new().file("a.zip", Package::payload(props(35)).build());
    let run = dir.run(&["check", "-v", "a.zip"]).expect(1);
    assert_eq!(
        run.stderr,
        "error signature-missing a.zip: is not signed\n  \
         fix: sign it: `java -jar signapk.jar -w KEY.x509.pem KEY.pk8 IN.zip OUT.zip`\n  \
         source: Android RecoverySystem.verifyPackage, which every updater calls\n\
         a.zip: will not install (1 error)\n\
         more: romfeed check --explain signature-missing\n"
    );
    let quiet = dir.run(&["check", "-q", "a.zip"]).expect(1);
    assert!(
        quiet.stderr.starts_with("error signature-missing"),
        "{}",
        quiet.stderr
    );
    assert!(
        !quiet.stderr.contains("will not install"),
        "{}",
        quiet.stderr
    );
}

#[test]
fn an_unreadable_package_is_a_finding_with_a_fix() {
    let dir = RomDir::new().file("builds/x", "");
    dir.run(&["check", "none.zip"])
        .expect(1)
        .says("package-unreadable none.zip: cannot open the file")
        .says("fix: check the name");
    dir.run(&["check", "builds"])
        .expect(1)
        .says("builds: cannot open the file")
        .says("fix: check that it is a file, and its permissions");
    let line = dir.run(&["check", "--json", "none.zip"]).expect(1).json();
    assert_eq!(line["id"], "package-unreadable");
    assert_eq!(line["place"], "none.zip");
    dir.run(&["check"]).expect(2);
    dir.run(&["check", "none.zip", "--certificate", "none.pem"])
        .expect(2)
        .says("none.pem");
}

#[test]
fn names_in_a_package_are_escaped_for_the_terminal() {
    let zip = signed(Zip::new().entry(Entry::stored("a\x1b[31m", "x").crc(1)));
    let run = RomDir::new()
        .file("a.zip", zip)
        .run(&["check", "a.zip"])
        .expect(1);
    assert!(!run.stderr.contains('\x1b'), "{}", run.stderr);
    run.says("\\u{1b}[31m");
}

#[test]
fn broken_and_ambiguous_zips_are_reported() {
    assert_eq!(check(b"PK\x03\x04 and no end".to_vec()), ["package-zip"]);
    let twice = Zip::new().stored("a", "1").stored("a", "2");
    assert!(check(signed(twice)).contains(&"package-zip".to_owned()));
    let cut = Entry::deflated("b", noise(1, 100)).declared_size(50);
    assert!(message(&signed(Zip::new().entry(cut)), "package-zip").contains("entry `b`"));
}

#[test]
fn hostile_zips_are_reported_briefly() {
    // Entries that point nowhere, in front of a payload and as the data of a list.
    let nowhere = || Entry::stored("a", "x").declared_offset(1 << 30);
    let payload = payload().build();
    let zip = bare(&payload, |zip, payload, text| {
        zip.entry(nowhere())
            .stored("payload.bin", payload)
            .stored("payload_properties.txt", text)
    });
    assert!(check(zip).contains(&"package-zip".to_owned()));
    let data = Entry::stored("product.new.dat", "x").declared_offset(1 << 30);
    let block = block()
        .add(data)
        .add(Entry::stored("product.patch.dat", ""))
        .add(Entry::stored("product.transfer.list", "1\n1\nnew 2,0,1\n"));
    assert_eq!(check(block.build()), ["package-zip"]);
    let encrypted = (0..100).map(|n| Entry::stored(&n.to_string(), "x").encrypted());
    let many = check(signed(encrypted.fold(Zip::new(), Zip::entry)));
    assert_eq!(many.iter().filter(|id| *id == "package-zip").count(), 20);
}

#[test]
fn zips_that_are_not_roms_are_reported() {
    let zip = signed(
        Zip::new()
            .stored("module.prop", "x")
            .stored(UPDATE_BINARY, "x"),
    );
    assert_eq!(check(zip), ["package-not-a-rom"]);
    let zip = signed(Zip::new().stored("system.img", "x"));
    assert_eq!(check(zip), ["package-not-a-rom", "package-update-binary"]);
}

#[test]
fn a_zip_that_is_not_a_rom_needs_no_signature() {
    let gapps = Zip::new()
        .stored("common/nikgapps.sh", "x")
        .stored(UPDATE_BINARY, "x");
    let dir = RomDir::new().file("NikGapps.zip", gapps.build());
    let run = dir.run(&["check", "NikGapps.zip"]).expect(1);
    let message = "NikGapps.zip: not an installable ROM package: a NikGapps package\n";
    assert!(run.stderr.contains(message), "{}", run.stderr);
    assert!(
        run.stderr.contains("\nNikGapps.zip: not a ROM\n"),
        "{}",
        run.stderr
    );
    for word in ["sign", "will not install"] {
        assert!(!run.stderr.contains(word), "{word}: {}", run.stderr);
    }
}

#[test]
fn packages_that_recoveries_refuse_are_reported() {
    let level = |sdk| {
        Package::block(props(sdk))
            .signed(Key::Alice)
            .without_metadata()
    };
    assert_eq!(check(level(28).build()), ["package-no-metadata"]);
    // Only the images show that it is newer.
    assert_eq!(check(level(30).build()), ["package-no-metadata"]);
    let logical = level(30).add(Entry::stored("dynamic_partitions_op_list", ""));
    assert_eq!(check(logical.build()), ["package-metadata"]);
    let prepended = [&b"#!/bin/sh\n"[..], &block().build()].concat();
    assert!(message(&prepended, "package-zip").starts_with("10 bytes lie before the archive"));
}

#[test]
fn large_packages_get_enough_time_for_all_checks() {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::{Duration, Instant};
    static NOW: AtomicU64 = AtomicU64::new(0);
    static BEGAN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    // Each reading of the clock takes a quarter of a second, and each read of the file checks the
    // clock.
    let now = || *BEGAN + Duration::from_millis(250 * NOW.fetch_add(1, Ordering::Relaxed));
    let limits = ota_view::io::Limits {
        time: Duration::from_secs(10),
        ..ota_view::io::Limits::new(std::env::temp_dir(), now)
    };
    let package = block().add(Entry::stored("big", vec![0; 64 << 20])).build();
    let verdict = ota_view::verify::check_source(package, "big.zip", &limits).unwrap();
    assert_eq!(verdict.findings, []);
    assert!(
        NOW.load(Ordering::Relaxed) > 40,
        "it took no longer than the limit"
    );
}

#[test]
fn wrong_checksums_of_stored_and_compressed_entries_are_reported() {
    for entry in [Entry::stored("odd", "abc"), Entry::deflated("odd", "abc")] {
        let zip = block().add(entry.crc(7)).build();
        assert_eq!(check(zip.clone()), ["package-crc"]);
        assert!(message(&zip, "package-crc").contains("entry `odd`"));
    }
    let entries = (0..30).map(|n| Entry::stored(&n.to_string(), "abc").crc(7));
    let zip = entries.fold(block(), Package::add).build();
    assert!(message(&zip, "package-crc").ends_with("20 more entries are damaged"));
    // The contents of new.dat are checked where its length is.
    let zip = block().new_dat(noise(9, BLOCK_SIZE)).build();
    assert_eq!(check(zip), ["blocks-data"]);
}

#[test]
fn wrong_property_files_are_reported() {
    for (package, expected) in [(ab(), &["package-property-files"][..]), (block(), &[])] {
        let lists = "payload.bin:1:2,metadata:69";
        let metadata = package.derived_metadata().property_files(lists);
        assert_eq!(check(package.metadata(metadata).build()), expected);
    }
    let metadata = ab()
        .derived_metadata()
        .property_files("care_map.pb:1:2,nothing:0:0");
    let text = message(&ab().metadata(metadata).build(), "package-property-files");
    assert!(
        text.contains("care_map.pb should be at 1 with 2 bytes"),
        "{text}"
    );
    assert!(text.ends_with("; and 1 more"), "{text}");
    let streaming = ab().derived_metadata().property_files("payload.bin:0:0");
    let text = message(&ab().metadata(streaming).build(), "package-property-files");
    assert!(text.contains("payload.bin should be at 0"), "{text}");
    assert_eq!(check(ab().without_metadata().build()), [NO_LISTS]);
}

#[test]
fn the_metadata_of_the_payload_is_listed_with_its_signature() {
    let payload = payload().build();
    let list = |extra: usize| {
        let zip = |text: &str| {
            Zip::new()
                .stored(METADATA, text)
                .stored("payload.bin", payload.clone())
                .stored("payload_properties.txt", properties(&payload))
        };
        let room = " ".repeat(60);
        let (_, places) = zip(&format!("ota-property-files={room}")).build_with_offsets();
        let len = testkit::payload::metadata_len(&payload) + extra;
        let list = format!("payload_metadata.bin:{}:{len}", places[1].1);
        signed(zip(&format!("ota-property-files={list:60}")))
    };
    assert_eq!(check(list(0)), [""; 0]);
    assert_eq!(check(list(1)), ["package-property-files"]);
}

#[test]
fn a_payload_that_is_compressed_or_lacks_its_properties_is_reported() {
    let payload = payload().build();
    let zip = bare(&payload, |zip, payload, text| {
        zip.deflated("payload.bin", payload)
            .stored("payload_properties.txt", text)
    });
    assert_eq!(check(zip), ["payload-compressed", NO_LISTS]);
    let zip = bare(&payload, |zip, payload, _| {
        zip.stored("payload.bin", payload)
    });
    assert_eq!(check(zip), ["payload-no-properties", NO_LISTS]);
}

#[test]
fn the_offset_that_the_updater_computes_has_to_match_the_payload() {
    let payload = payload().build();
    let zip = |before: &dyn Fn(Zip) -> Zip| {
        bare(&payload, |zip, payload, text| {
            before(zip)
                .stored("payload.bin", payload)
                .stored("payload_properties.txt", text)
        })
    };
    let extra = || vec![0x35, 0xd9, 2, 0, 4, 0];
    // These do no harm.
    for before in [
        (|zip| zip) as fn(Zip) -> Zip,
        |zip| {
            zip.stored("a", "x")
                .deflated("folder/", "")
                .deflated("b", vec![7; 999])
        },
        |zip| zip.entry(Entry::stored("a", "x").extra(vec![0; 9], vec![0; 9])),
    ] {
        assert_eq!(check(zip(&before)), [NO_LISTS]);
    }
    type Fault<'a> = (&'a dyn Fn(Zip) -> Zip, &'a str);
    let faults: [Fault<'_>; 5] = [
        (
            &|zip| zip.entry(Entry::stored("a", "x").data_descriptor()),
            "a data descriptor follows `a`",
        ),
        (
            &|zip| zip.entry(Entry::stored("a", "x").extra(extra(), Vec::new())),
            "the local extra field of `a` has 6 bytes (padding, as of zipalign), the central one 0",
        ),
        (
            &|zip| zip.entry(Entry::stored("a", "x").zip64()),
            "bytes (zip64), the central one",
        ),
        (
            &|zip| zip.stored("\u{e9}", "x"),
            "the name `\u{e9}` has 1 characters in 2 bytes",
        ),
        (
            &|zip| zip.entry(Entry::stored("a", "x").extra(Vec::new(), extra())),
            "the local extra field of `a` has 0 bytes, the central one 6",
        ),
    ];
    for (before, reason) in faults {
        let zip = zip(before);
        assert_eq!(check(zip.clone()), ["payload-offset", NO_LISTS]);
        let text = message(&zip, "payload-offset");
        assert!(text.contains(reason), "{text}");
    }
    let prepended = [
        &[b'#'; 50][..],
        &Zip::new().stored("payload.bin", payload.clone()).build(),
    ]
    .concat();
    let text = message(&prepended, "payload-offset");
    assert!(
        text.ends_with(
            "begins at byte 91, and the Updater looks for it at 41: 50 bytes lie before the archive"
        ),
        "{text}"
    );
}

#[test]
fn a_central_directory_in_another_order_is_reported() {
    let payload = payload().build();
    let (first, second) = (
        Entry::stored("a", "abc"),
        Entry::stored("payload.bin", payload),
    );
    // Written as a, payload.bin; listed as payload.bin, a.
    let (zip, places) = Zip::new()
        .entry(first.clone())
        .entry(second.clone())
        .build_with_offsets();
    let swapped = Zip::new()
        .entry(second.declared_offset(places[1].1 - 41))
        .entry(first.declared_offset(0))
        .build();
    let start = |zip: &[u8]| {
        let at = zip.len() - 6;
        u32::from_le_bytes(zip[at..at + 4].try_into().unwrap()) as usize
    };
    let zip = [&zip[..start(&zip)], &swapped[start(&swapped)..]].concat();
    let text = message(&zip, "payload-offset");
    assert!(
        text.contains("begins at byte 75, and the Updater looks for it at 41"),
        "{text}"
    );
    assert!(
        text.contains("are not an entry, or an entry listed later"),
        "{text}"
    );
}

#[test]
fn wrong_payload_properties_are_reported() {
    let payload = payload().build();
    let text = properties(&payload);
    let other = properties(&Payload::new().build());
    let line = |text: &str, key: &str| {
        let mut lines = text.lines();
        lines.find(|line| line.starts_with(key)).unwrap().to_owned()
    };
    let replaced = |key: &str, with: &str| text.replace(&line(&text, key), with);
    let zip = |text: &str| {
        bare(&payload, |zip, payload, _| {
            zip.stored("payload.bin", payload)
                .stored("payload_properties.txt", text)
        })
    };
    for (text, id) in [
        ("".to_owned(), "payload-properties"),
        ("no pairs".to_owned(), "payload-properties"),
        (
            replaced("FILE_SIZE", "FILE_SIZE=many"),
            "payload-properties",
        ),
        (
            replaced("FILE_HASH", "FILE_HASH=short"),
            "payload-properties",
        ),
        (replaced("METADATA_SIZE", ""), "payload-properties"),
        // The format of update_engine, to which the Updater passes each line.
        (text.replacen('\n', "\n\n", 1), "payload-properties"),
        (format!("{text}\n"), "payload-properties"),
        (format!("{text}FILE_SIZE=1\n"), "payload-properties"),
        (replaced("FILE_SIZE", "FILE_SIZE=1"), "payload-file-hash"),
        (
            replaced("FILE_HASH", &line(&other, "FILE_HASH")),
            "payload-file-hash",
        ),
        (
            replaced("METADATA_SIZE", "METADATA_SIZE=1"),
            "payload-metadata-hash",
        ),
        (
            replaced("METADATA_HASH", &line(&other, "METADATA_HASH")),
            "payload-metadata-hash",
        ),
    ] {
        let mut found = check(zip(&text));
        found.retain(|found| found != NO_LISTS);
        assert_eq!(found, [id], "{text}");
    }
    // Some servers add their own lines.
    assert_eq!(
        check(zip(&format!("{text}SWITCH_SLOT_ON_REBOOT=0\n"))),
        [NO_LISTS]
    );
}

#[test]
fn damaged_manifests_and_data_of_payloads_are_reported() {
    let with = |payload: Payload| ab().payload_bin(payload.build()).build();
    let operation =
        |operation: Operation| payload().partition(Partition::new("odd").operation(operation));
    let data = || {
        Operation::new(op::REPLACE)
            .data(noise(3, BLOCK_SIZE))
            .dst(&[(0, 1)])
    };
    assert_eq!(check(with(operation(data()))), [""; 0]);
    assert_eq!(
        check(with(operation(data().data_hash([7; 32])))),
        ["payload-operation-hash"]
    );
    for odd in [
        data().declared_data(1, BLOCK_SIZE as u64),
        data().declared_data(1 << 40, BLOCK_SIZE as u64),
        Operation::new(op::REPLACE)
            .data(noise(3, 2 * BLOCK_SIZE))
            .dst(&[(0, 1)]),
    ] {
        assert_eq!(check(with(operation(odd))), ["payload-length"]);
    }
    let longer = [payload().build(), vec![0; 3]].concat();
    assert_eq!(check(ab().payload_bin(longer).build()), ["payload-length"]);
    let unsigned = payload().unsigned();
    assert_eq!(check(with(unsigned)), [""; 0]);
    let broken = [
        &b"CrAU\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x04\0\0\0\0"[..],
        &[0xff; 9],
    ]
    .concat();
    assert_eq!(
        check(ab().payload_bin(broken).build()),
        ["payload-manifest"]
    );
}

#[test]
fn a_flipped_bit_is_found_anywhere() {
    let zip = ab().build();
    let at = zip.windows(4).position(|bytes| bytes == b"CrAU").unwrap() + 3000;
    let mut damaged = zip;
    damaged[at] ^= 1;
    let expected = [
        "package-crc",
        "signature-invalid",
        "payload-file-hash",
        "payload-operation-hash",
    ];
    assert_eq!(check(damaged), expected);
}

#[test]
fn damaged_transfer_lists_and_data_are_reported() {
    assert_eq!(check(block().transfer_list("9\n").build()), ["blocks-list"]);
    assert_eq!(
        check(block().transfer_list("4\n0\n0\n0\nnew 2,5\n").build()),
        ["blocks-list"]
    );
    // A delta's list is checked as far as its data goes.
    let delta = "4\n1\n0\n0\nmove abc 2,0,1 1 2,1,2\nnew 2,2,9\n";
    assert_eq!(check(block().transfer_list(delta).build()), ["blocks-data"]);
    let enough = block()
        .transfer_list(delta)
        .new_dat(noise(1, 7 * BLOCK_SIZE));
    assert_eq!(check(enough.build()), [""; 0]);
    let brotli = block().new_dat_br(b"no brotli at all".to_vec()).build();
    assert!(message(&brotli, "blocks-data").contains("cannot be decoded"));
    let lonely = Zip::new()
        .stored(UPDATE_BINARY, "x")
        .stored(METADATA, "post-timestamp=1\n")
        .stored("system.transfer.list", "1\n1\nnew 2,0,1\n");
    assert_eq!(
        check(signed(lonely.clone())),
        ["blocks-files", "blocks-files"]
    );
    let part = lonely
        .stored("system.patch.dat", "")
        .stored("system.new.dat.2", noise(1, 4096));
    assert_eq!(check(signed(part)), ["blocks-files"]);
}

#[test]
fn signatures_by_another_program_are_valid() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/signatures");
    let recovery = "signature-recovery";
    for (name, expected) in [
        ("rsa2048-sha256", None),
        // Their certificates are signed with SHA-256.
        ("rsa2048-sha1", Some(recovery)),
        ("rsa2048-exponent3", None),
        ("p256-sha256", None),
        ("p256-sha1", Some(recovery)),
        ("rsa2048-sha384", Some(recovery)),
        ("rsa4096-sha512", Some(recovery)),
        ("rsa3072-sha256", Some(recovery)),
        ("rsa1025-sha1", Some(recovery)),
        ("rsa2048-attributes", Some(recovery)),
        ("p256-attributes", Some(recovery)),
        ("p384-sha256", Some("signature-unsupported")),
        ("rsa2048-pss", Some("signature-unsupported")),
        ("rsa2048-keyid", Some("signature-unsupported")),
        // AOSP's own key in a certificate that is not AOSP's.
        ("aosp-testkey", Some("signature-test-key")),
    ] {
        let zip = std::fs::read(folder.join(format!("{name}.zip"))).unwrap();
        let found = |zip: Vec<u8>| -> Vec<String> {
            let ids = check(zip).into_iter();
            ids.filter(|id| id.starts_with("signature")).collect()
        };
        let expected: Vec<&str> = expected.into_iter().collect();
        assert_eq!(found(zip.clone()), expected, "{name}");
        // The first byte of the entry's contents, and the last of the signature.
        for at in [31, zip.len() - 7] {
            let mut damaged = zip.clone();
            damaged[at] ^= 1;
            let is_refused = expected == ["signature-unsupported"]
                || found(damaged).last().unwrap() == "signature-invalid";
            assert!(is_refused, "{name}, byte {at}");
        }
    }
}

#[test]
fn absent_malformed_and_foreign_signatures_are_reported() {
    assert_eq!(
        check(Package::block(props(30)).build()),
        ["signature-missing"]
    );
    let malformed = Package::block(props(30)).signed_comment(b"no CMS");
    assert_eq!(check(malformed.build()), ["signature-malformed"]);
    let other = Package::block(props(30)).signed_comment(Cms::of(Key::Alice).build(b"other"));
    assert_eq!(check(other.build()), ["signature-invalid"]);
    // A signature by Bob that claims to be Alice's.
    let mut zip = Package::block(props(30)).build();
    zip.truncate(zip.len() - 2);
    let alice = Cms::of(Key::Alice).build(&zip);
    let theirs = [Key::Alice, Key::Bob].map(|key| key.sign(&zip));
    let at = alice
        .windows(256)
        .position(|bytes| *bytes == theirs[0])
        .unwrap();
    let forged = [&alice[..at], &theirs[1], &alice[at + 256..]].concat();
    let forged = Package::block(props(30)).signed_comment(forged);
    assert_eq!(check(forged.build()), ["signature-invalid"]);
}

#[test]
fn signed_attributes_are_accepted_by_the_updater_but_not_by_recoveries() {
    let cms = || Cms::of(Key::Alice);
    let ab = |cms: &Cms| signing::sign_as(Package::payload(props(35)).build(), cms);
    let block = |cms: &Cms| signing::sign_as(Package::block(props(30)).build(), cms);
    assert_eq!(check(ab(&cms().with_attributes())), ["signature-sideload"]);
    assert_eq!(
        check(block(&cms().with_attributes())),
        ["signature-recovery"]
    );
    assert_eq!(
        check(ab(&cms().with_false_attributes())),
        ["signature-sideload", "signature-invalid"]
    );
    assert_eq!(
        check(ab(&cms().with_attributes_without_digest())),
        ["signature-malformed"]
    );
    let order = Cms::new()
        .certificate(Key::Bob.certificate())
        .certificate(Key::Alice.certificate())
        .signer(Key::Alice);
    assert_eq!(check(ab(&order)), ["signature-certificate-order"]);
}

#[test]
fn recoveries_use_the_digest_of_the_certificates_signature() {
    let change = |mut bytes: Vec<u8>, last: u8| {
        let algorithm = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b";
        let mut places = bytes.windows(algorithm.len());
        // The first is in the signed part, the other before the signature.
        let at = places.rposition(|bytes| bytes == algorithm).unwrap();
        bytes[at + algorithm.len() - 1] = last;
        bytes
    };
    let with = |last: u8| {
        let certificate = change(Key::Alice.certificate().to_vec(), last);
        let cms = Cms::new().certificate(certificate).signer(Key::Alice);
        signing::sign_as(Package::block(props(30)).build(), &cms)
    };
    let sha1 = include_bytes!("../fixtures/signatures/rsa2048-sha1.zip").to_vec();
    for last in [0x04, 0x05] {
        let ids = check(change(sha1.clone(), last));
        assert!(!ids.iter().any(|id| id.starts_with("signature")), "{ids:?}");
    }
    assert_eq!(check(with(0x0b)), [""; 0]);
    for last in [0x04, 0x05, 0x0d] {
        assert_eq!(check(with(last)), ["signature-recovery"], "{last}");
    }
    let text = message(&with(0x05), "signature-recovery");
    assert!(
        text.ends_with("signed with SHA-1, and the package with SHA-256"),
        "{text}"
    );
}

fn pem(key: Key) -> String {
    signing::pem(key.certificate())
}

#[test]
fn a_key_other_than_the_maintainers_is_an_error() {
    let dir = RomDir::new()
        .file("rom.zip", block().build())
        .file("alice.pem", pem(Key::Alice))
        .file("bob.der", Key::Bob.certificate());
    dir.run(&["check", "rom.zip", "--certificate", "alice.pem"])
        .expect(0);
    dir.run(&[
        "check",
        "rom.zip",
        "--certificate",
        "bob.der",
        "--certificate",
        "alice.pem",
    ])
    .expect(0);
    dir.run(&["check", "rom.zip", "--certificate", "bob.der"])
        .expect(1)
        .says("error signature-other-certificate rom.zip: signed by Alice's test key with key")
        .says("expected that of Bob's test key");
    dir.put("romfeed.toml", "certificate = \"bob.der\"\n");
    dir.run(&["check", "rom.zip"])
        .expect(1)
        .says("signature-other-certificate");
    dir.put(
        "romfeed.toml",
        "certificate = [\"bob.der\", \"alice.pem\"]\n",
    );
    dir.run(&["check", "rom.zip"]).expect(0);
    dir.put("romfeed.toml", "certificate = \"rom.zip\"\n");
    dir.run(&["check", "rom.zip"])
        .expect(2)
        .says("romfeed.toml: certificate: rom.zip: it is not a certificate");
}

/// A `romfeed.toml` with requirements.
fn settings(lines: &str) -> String {
    format!("base_url = \"https://example.org/ota\"\n{lines}")
}

#[test]
fn generate_leaves_out_packages_that_fail_a_requirement() {
    let path = |day| format!("builds/{}", bacon_name(day));
    let signed = |day| Package::files(bacon_props(day)).signed(Key::Alice).build();
    let dir = RomDir::new()
        .file("romfeed.toml", settings("[require]\nsignature = true\n"))
        .file(&path(1), signed(1))
        .file(&path(2), bacon(2));
    let run = dir.run(&["generate"]).expect(1);
    run.says("is not signed (signature-missing)")
        .says("hint: sign it")
        .says("1 build for 1 device");
    let json = dir.run(&["generate", "--json"]).expect(1).json();
    assert_eq!(json["errors"][0]["class"], "bad_signature");

    // The requirement of a signature includes the maintainer's key.
    dir.remove(&path(2));
    dir.put("alice.pem", pem(Key::Alice));
    dir.put("bob.pem", pem(Key::Bob));
    dir.put(&path(3), signed(3));
    dir.put(
        "romfeed.toml",
        settings("certificate = \"bob.pem\"\n[require]\nsignature = true\n"),
    );
    dir.run(&["generate"])
        .expect(1)
        .says("signature-other-certificate")
        .says("1 build for");
    dir.put(
        "romfeed.toml",
        settings("certificate = \"alice.pem\"\n[require]\nsignature = true\n"),
    );
    dir.run(&["generate"]).expect(0).says("2 builds for");

    // A published build is not withdrawn.
    dir.put(
        "romfeed.toml",
        settings("certificate = \"bob.pem\"\n[require]\nsignature = true\n"),
    );
    dir.run(&["generate"]).expect(0).says("2 builds for");
}

#[test]
fn each_requirement_checks_its_rules() {
    let padded = ab().payload_bin([payload().build(), vec![0; 3]].concat());
    let metadata = ab().derived_metadata().property_files("payload.bin:1:2");
    for (line, zip, class, id) in [
        ("payload", padded.build(), "corrupt", "payload-length"),
        (
            "property_files",
            ab().metadata(metadata).build(),
            "corrupt",
            "package-property-files",
        ),
        (
            "blocks",
            block().add(Entry::stored("odd", "x").crc(7)).build(),
            "corrupt",
            "package-crc",
        ),
        (
            "signature",
            Package::payload(props(35)).build(),
            "bad_signature",
            "signature-missing",
        ),
    ] {
        let name = "builds/lineage-22.2-20250601-NIGHTLY-enchilada.zip";
        let others: Vec<String> = [
            "payload",
            "property_files",
            "blocks",
            "signature",
            "release_key",
        ]
        .into_iter()
        .filter(|other| *other != line)
        .filter(|other| id != "package-crc" || *other != "payload")
        .map(|other| format!("{other} = true"))
        .collect();
        let dir = RomDir::new().file(name, &zip);
        dir.put(
            "romfeed.toml",
            settings(&format!("[require]\n{line} = true\n")),
        );
        let json = dir.run(&["generate", "--json"]).expect(1).json();
        assert_eq!(json["errors"][0]["class"], class, "{line}");
        let text = json["errors"][0]["message"].as_str().unwrap();
        assert!(text.ends_with(&format!("({id})")), "{text}");
        dir.put(
            "romfeed.toml",
            settings(&format!("[require]\n{}\n", others.join("\n"))),
        );
        dir.run(&["generate"]).expect(0);
    }
    let dir = RomDir::new().file("romfeed.toml", "[require]\nsignatures = true\n");
    dir.run(&["generate"])
        .expect(2)
        .says("unknown key `signatures`");
}

#[test]
fn requirements_change_no_published_digest() {
    let zip = Package::files(bacon_props(1)).signed(Key::Alice).build();
    let site = |requirements: &str| {
        let dir = RomDir::new()
            .file(&format!("builds/{}", bacon_name(1)), &zip)
            .file("romfeed.toml", settings(requirements));
        dir.run(&["generate"]).expect(0);
        let mut files = dir.tree("out");
        files.insert("catalog.json".to_owned(), dir.read("catalog.json"));
        files
    };
    let hashed = site("");
    assert!(hashed.len() > 3);
    assert_eq!(hashed, site("[require]\nsignature = true\n"));
}

#[test]
fn package_is_digested_while_it_is_verified() {
    let dir = RomDir::new()
        .file("rom.zip", ab().build())
        .file("other.zip", "not a zip");
    let read = |name: &str| {
        let num_read = AtomicU64::new(0);
        let count = |num_bytes| {
            num_read.fetch_add(num_bytes, Relaxed);
        };
        let file = dir.path().join(name);
        let read = verify::check_and_digest(&file, name, &Limits::default(), &count);
        let (verdict, digests) = read.unwrap();
        let alone = verify::check(&file, name, &Limits::default()).unwrap();
        assert_eq!(verdict, alone);
        (digests, num_read.into_inner())
    };
    let (digests, num_read) = read("rom.zip");
    let digests = digests.unwrap();
    let bytes = dir.read("rom.zip");
    assert_eq!(num_read, bytes.len() as u64);
    let file = dir.path().join("rom.zip");
    let stamp = Stamp::of(&std::fs::metadata(&file).unwrap());
    let options = digest_lanes::Options {
        threads: 1,
        bytes_per_second: None,
    };
    let hashed = romfeed::ingest::digests::digest_file(&file, stamp, &options).unwrap();
    assert_eq!((hashed.md5, hashed.sha256), (digests.md5, digests.sha256));
    assert_eq!(read("other.zip"), (None, 0));
}

#[test]
fn verification_results_are_cached() {
    let path = format!("builds/{}", bacon_name(1));
    let dir = RomDir::new()
        .file(&path, bacon(1))
        .file("romfeed.toml", settings("[require]\nsignature = true\n"));
    dir.settle(&path);
    dir.run(&["generate"]).expect(1).says("signature-missing");
    let cache = String::from_utf8(dir.read(".romfeed/cache.json")).unwrap();
    assert!(cache.contains("signature-missing"), "{cache}");
    // If it were read again, it would be judged by its contents.
    let changed = cache.replace("is not signed", "was read from the cache");
    dir.put_cache(&changed);
    dir.run(&["generate"])
        .expect(1)
        .says("was read from the cache (signature-missing)");
    // The result is from another version of the checks.
    let old = cache
        .replace("\"checks\":", "\"checks\":1000")
        .replace("is not signed", "old");
    dir.put_cache(&old);
    dir.run(&["generate"])
        .expect(1)
        .says("is not signed (signature-missing)");
    dir.put_cache(&cache.replace("is not signed", "old"));
    dir.run(&["generate", "--rehash"])
        .expect(1)
        .says("is not signed (signature-missing)");
}

#[test]
fn every_rule_has_a_test() {
    let text = include_str!("verify.rs");
    // AOSP's certificate is not in this repository; a unit test of `verify` does without it.
    let of_unit_test = "signature-test-key";
    for rule in ota_view::verify::rules::ALL {
        let is_named = text.contains(&format!("\"{}\"", rule.id));
        assert!(is_named || rule.id == of_unit_test, "{}", rule.id);
    }
}
