//! Damaged zips, and zips that are not updates.

use super::*;

const UPDATE_BINARY: &str = "META-INF/com/google/android/update-binary";

const HINT_BY_HAND: &str = "publish it with `romfeed catalog add`";

#[test]
fn a_property_file_that_inflates_beyond_its_limit_is_refused() {
    let bomb = Package::files(bacon_props(2))
        .with_build_prop(false)
        .add(Entry::deflated("system/build.prop", vec![b'#'; 8 << 20]))
        .build();
    assert!(bomb.len() < 1 << 20);
    is_left_out(
        "bomb.zip",
        &bomb,
        "limit",
        "entry `system/build.prop` is longer than 1048576 bytes",
        HINT_BY_HAND,
    );
    // The same, with headers that promise a small file.
    let liar = Package::files(bacon_props(2))
        .with_build_prop(false)
        .add(Entry::deflated("system/build.prop", vec![b'#'; 8 << 20]).declared_size(900))
        .build();
    let (dir, run) = next_to_good(|dir| dir.put("builds/bomb.zip", liar));
    one_error(&run.expect(1), "bomb.zip: ", "");
    offers_both_good_builds(&dir);
}

#[test]
fn many_entries_that_inflate_are_refused_together() {
    let list = Entry::deflated("p.transfer.list", vec![b'x'; 15 << 20]);
    let package = (0..6).fold(Package::block(bacon_props(2)), |package, index| {
        package.add(list.clone().raw_name(format!("p{index}.transfer.list")))
    });
    let package = package.with_build_prop(true);
    is_left_out("bomb.zip", &package.build(), "limit", "", HINT_BY_HAND);
}

#[test]
fn duplicate_entries_of_a_used_file_are_refused() {
    for name in ["system/build.prop", "META-INF/com/android/metadata"] {
        let zip = Package::files(bacon_props(2))
            .add(Entry::stored(name, "ro.lineage.device=other\n"))
            .build();
        is_left_out(
            "twice.zip",
            &zip,
            "corrupt",
            &format!("entry `{name}` occurs more than once"),
            HINT_BUILD_AGAIN,
        );
    }
}

#[test]
fn duplicate_entries_of_an_unused_file_are_ignored() {
    let zip = Package::files(bacon_props(1))
        .add(Entry::stored("system/etc/hosts", "again"))
        .build();
    let (dir, run) = next_to_good(|dir| dir.put(&good(1), zip));
    run.expect(0);
    offers_both_good_builds(&dir);
}

#[test]
fn an_encrypted_entry_is_reported() {
    let text = bacon_props(2).text();
    let zip = Package::files(bacon_props(2))
        .with_build_prop(false)
        .add(Entry::stored("system/build.prop", text).encrypted())
        .build();
    is_left_out(
        "secret.zip",
        &zip,
        "unsupported",
        "entry `system/build.prop` is encrypted",
        HINT_BY_HAND,
    );
}

#[test]
fn a_local_header_with_another_name_is_refused() {
    let text = bacon_props(2).text();
    let zip = Package::files(bacon_props(2))
        .with_build_prop(false)
        .add(Entry::stored("system/build.prop", text).local_name("system/build.crop"))
        .build();
    is_left_out(
        "liar.zip",
        &zip,
        "corrupt",
        "entry `system/build.prop`: ",
        HINT_BUILD_AGAIN,
    );
}

#[test]
fn a_used_file_with_a_wrong_checksum_is_refused() {
    let text = bacon_props(2).text();
    let zip = Package::files(bacon_props(2))
        .with_build_prop(false)
        .add(Entry::stored("system/build.prop", text).crc(7))
        .build();
    is_left_out(
        "liar.zip",
        &zip,
        "corrupt",
        "entry `system/build.prop`: ",
        HINT_BUILD_AGAIN,
    );
}

#[test]
fn zips_that_no_phone_installs_are_reported() {
    for (names, message) in [
        (
            &["META/misc_info.txt", "SYSTEM/build.prop"][..],
            "a target-files archive",
        ),
        (
            &[UPDATE_BINARY, "module.prop"],
            "a Magisk or KernelSU module",
        ),
        (&[UPDATE_BINARY, "g.prop"], "an Open GApps package"),
        (
            &[UPDATE_BINARY, "system/addon.d/30-gapps.sh"],
            "a MindTheGapps package",
        ),
        (&["komodo-ap4a/flash-all.sh"], "a factory image"),
        (&["android-info.txt", "boot.img"], "a fastboot image zip"),
        (&["readme.txt"], "neither payload.bin nor update-binary"),
    ] {
        let zip = names
            .iter()
            .fold(Zip::new(), |zip, name| zip.stored(name, "x"))
            .build();
        let (dir, run) = next_to_good(|dir| dir.put("builds/other.zip", zip));
        let run = run.expect(0);
        assert_eq!(run.json()["passed_over"], serde_json::json!(["other.zip"]));
        let run = run.says(&format!(
            "passed over other.zip: not an installable ROM package: {message}"
        ));
        run.says("hint: `exclude` in romfeed.toml passes over zips without a note: exclude = [\"other.zip\"]");
        offers_both_good_builds(&dir);
    }
}

#[test]
fn excluded_zips_are_not_mentioned() {
    let zip = Zip::new().stored("module.prop", "x").build();
    let (_, run) = next_to_good(|dir| {
        dir.put("builds/other.zip", &zip);
        dir.put("romfeed.toml", "exclude = [\"other.zip\"]\n");
    });
    let run = run.expect(0);
    assert!(!run.stderr.contains("other.zip"), "{}", run.stderr);
}

#[test]
fn a_rom_without_a_part_is_an_error() {
    let zip = Zip::new().stored("payload.bin", "x").build();
    let message = "not an installable ROM package: payload.bin without payload_properties.txt";
    is_left_out("half.zip", &zip, "corrupt", message, HINT_BUILD_AGAIN);
}

#[test]
fn files_that_are_not_zips_are_reported() {
    let again = "remove it, or copy the package again";
    is_left_out("a.zip", b"", "not_a_zip", "the file is empty", again);
    is_left_out(
        "a.zip",
        b"<html>404 Not Found</html>",
        "not_a_zip",
        "no zip archive: no end-of-central-directory record",
        again,
    );
}

#[test]
fn a_truncated_zip_is_reported() {
    let wait = "wait until the copy is complete, then run again";
    let whole = bacon(2);
    for len in [whole.len() - 1, whole.len() / 2, 4] {
        is_left_out("half.zip", &whole[..len], "truncated", "cut short", wait);
    }
    // The end arrived, a part of the middle did not.
    let holed = [&whole[..100], &whole[300..]].concat();
    is_left_out("half.zip", &holed, "truncated", "cut short", wait);
}

#[test]
fn a_file_that_is_not_a_payload_is_reported() {
    for (payload, kind, message) in [
        (b"nothing like it".repeat(9), "corrupt", "payload magic"),
        (b"CrAU".to_vec(), "truncated", "payload header"),
        (
            [&b"CrAU\0\0\0\0\0\0\0\x03"[..], &[0; 12]].concat(),
            "unsupported",
            "payload version 3",
        ),
        (
            [&b"CrAU\0\0\0\0\0\0\0\x02"[..], &[0xff; 12]].concat(),
            "limit",
            "payload manifest of 18446744073709551615 bytes",
        ),
    ] {
        let zip = Package::payload(bacon_props(2))
            .payload_bin(payload)
            .build();
        let message = format!("payload.bin: {message}");
        is_left_out(&bacon_name(2), &zip, kind, &message, "");
    }
}
