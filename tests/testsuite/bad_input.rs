//! Bad input of every kind: one clear line and a hint, and the rest is published.

use serde_json::Value;
use testkit::metadata::Metadata;
use testkit::package::Package;
use testkit::zip::{Entry, Zip};

use super::support::{BASE_URL, RomDir, Run, bacon, bacon_name, bacon_props, native};

const UPDATE_BINARY: &str = "META-INF/com/google/android/update-binary";
const GENERATE: [&str; 4] = ["generate", "--base-url", BASE_URL, "--json"];

const HINT_BUILD_AGAIN: &str = "build or copy the package again";
const HINT_OVERRIDE: &str = "set the right value under [[override]] in romfeed.toml";
const HINT_BY_HAND: &str = "publish it with `romfeed catalog add`";

/// The path of a good package under `builds/`.
fn good(days: i64) -> String {
    format!("builds/bacon/{}", bacon_name(days))
}

/// Creates one published build, one new build, and something bad next to them.
fn beside_good(bad: impl FnOnce(&RomDir)) -> (RomDir, Run) {
    let dir = RomDir::new().file(&good(0), bacon(0));
    dir.generate().expect(0);
    dir.put(&good(1), bacon(1));
    bad(&dir);
    let run = dir.run(&GENERATE);
    (dir, run)
}

/// Fails unless both good builds are offered, and nothing else.
#[track_caller]
fn offers_the_good(dir: &RomDir) {
    let feed: Value = serde_json::from_slice(&dir.read("out/api/v1/bacon/nightly.json")).unwrap();
    let mut names: Vec<&str> = feed["response"]
        .as_array()
        .unwrap()
        .iter()
        .map(|build| build["filename"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, [bacon_name(0), bacon_name(1)]);
    let catalog: Value = serde_json::from_slice(&dir.read("catalog.json")).unwrap();
    assert_eq!(catalog["builds"].as_array().unwrap().len(), 2, "{catalog}");
}

/// Fails unless standard error has exactly one error, this one, with this hint.
#[track_caller]
fn one_error(run: &Run, message: &str, hint: &str) {
    let lines: Vec<&str> = run.stderr.lines().collect();
    let errors: Vec<usize> = (0..lines.len())
        .filter(|&at| lines[at].starts_with("error: "))
        .collect();
    let [at] = errors[..] else {
        panic!("{} errors in:\n{}", errors.len(), run.stderr);
    };
    assert!(lines[at].contains(message), "{message}\n{}", run.stderr);
    let next = lines.get(at + 1).copied().unwrap_or_default();
    assert!(next.starts_with("  hint: "), "no hint:\n{}", run.stderr);
    assert!(next.contains(hint), "{hint}\n{}", run.stderr);
    is_tame(run);
}

/// Fails if anything reaches the terminal unescaped.
#[track_caller]
fn is_tame(run: &Run) {
    for text in [&run.stderr, &run.stdout] {
        let wild = text.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(wild, None, "{text:?}");
    }
}

/// Fails unless a package is left out with this kind, line and hint, while the good packages are
/// published.
#[track_caller]
fn is_left_out(name: &str, bytes: &[u8], kind: &str, message: &str, hint: &str) {
    let path = format!("builds/{name}");
    let (dir, run) = beside_good(|dir| dir.put(&path, bytes));
    let run = run.expect(1);
    one_error(&run, &format!("{}: {message}", name.escape_debug()), hint);
    let errors = &run.json()["errors"];
    assert_eq!(errors.as_array().unwrap().len(), 1, "{errors}");
    assert_eq!(
        (errors[0]["file"].as_str(), errors[0]["class"].as_str()),
        (Some(name), Some(kind))
    );
    offers_the_good(&dir);
}

/// A package whose facts are only in these properties.
fn with_props(change: &[(&str, &str)]) -> Vec<u8> {
    let props = change
        .iter()
        .fold(bacon_props(2), |props, (key, value)| props.set(key, value));
    Package::files(props).without_metadata().build()
}

#[test]
fn names_that_leave_the_package_are_refused() {
    for name in ["../evil", "a/../../evil", "/evil", "..\\evil", "C:evil"] {
        let zip = Package::files(bacon_props(2))
            .add(Entry::stored(name, "x"))
            .build();
        let message = "points outside the package";
        is_left_out(
            "slip.zip",
            &zip,
            "corrupt",
            "entry name `",
            HINT_BUILD_AGAIN,
        );
        let (_, run) = beside_good(|dir| dir.put("builds/slip.zip", &zip));
        run.expect(1).says(message);
    }
}

#[test]
fn entry_names_are_escaped_for_the_terminal() {
    for name in ["../\u{1b}[31mred\u{7}", "../two\nlines\r"] {
        let zip = Package::files(bacon_props(2))
            .add(Entry::stored(name, "x"))
            .build();
        is_left_out(
            "slip.zip",
            &zip,
            "corrupt",
            "entry name `",
            HINT_BUILD_AGAIN,
        );
    }
}

#[test]
fn a_device_that_cannot_be_a_path_is_left_out() {
    for device in [
        "../x",
        "a b",
        "a/b",
        ".hidden",
        "a\u{1b}[31mb",
        "a\u{9b}31mb",
        "caf\u{e9}",
        "types",
        "devices",
    ] {
        let zip = with_props(&[("ro.lineage.device", device)]);
        let message = format!(
            "device `{}` cannot be part of a feed's address: ",
            device.escape_debug()
        );
        is_left_out("update.zip", &zip, "corrupt", &message, HINT_OVERRIDE);
    }
}

#[test]
fn a_romtype_that_cannot_be_a_path_is_left_out() {
    for romtype in ["../x", "my build", "a\tb", "\u{202e}live", "weekly.json"] {
        let zip = with_props(&[("ro.lineage.releasetype", romtype)]);
        let message = format!(
            "romtype `{}` cannot be part of a feed's address: ",
            romtype.escape_debug()
        );
        is_left_out("update.zip", &zip, "corrupt", &message, HINT_OVERRIDE);
    }
}

#[test]
fn an_override_that_cannot_be_a_path_is_left_out_too() {
    let (dir, run) = beside_good(|dir| {
        dir.put("builds/update.zip", bacon(2));
        dir.put(
            "romfeed.toml",
            "[[override]]\npackage = \"update.zip\"\ndevice = \"../x\"\n",
        );
    });
    one_error(
        &run.expect(1),
        "device `../x` cannot be part",
        HINT_OVERRIDE,
    );
    offers_the_good(&dir);
}

#[test]
fn missing_facts_are_named() {
    let empty = with_props(&[
        ("ro.lineage.device", ""),
        ("ro.product.system.device", ""),
        ("ro.build.product", ""),
        ("ro.lineage.releasetype", ""),
        ("ro.lineage.version", ""),
    ]);
    is_left_out(
        "update.zip",
        &empty,
        "missing_facts",
        "no source has its device, romtype",
        "<zip>.prop",
    );
    let bare = Package::payload(bacon_props(2)).without_metadata().build();
    is_left_out(
        "update.zip",
        &bare,
        "missing_facts",
        "no source has its device, version, romtype, datetime",
        "[[override]]",
    );
}

#[test]
fn a_datetime_in_milliseconds_is_refused() {
    let zip = with_props(&[("ro.build.date.utc", "1700000000000")]);
    is_left_out(
        "update.zip",
        &zip,
        "corrupt",
        "datetime `1700000000000` is beyond the year 2100; milliseconds",
        HINT_OVERRIDE,
    );
}

#[test]
fn a_file_name_with_control_characters_is_escaped_and_left_out() {
    let (dir, run) = beside_good(|dir| {
        if cfg!(unix) {
            dir.put("builds/\u{1b}[31m\nred.zip", bacon(2));
        } else {
            dir.put("builds/update.zip", "");
        }
    });
    let run = run.expect(1);
    if cfg!(unix) {
        one_error(&run, "\\u{1b}[31m\\nred.zip: file name `", "");
    }
    offers_the_good(&dir);
}

#[cfg(unix)]
#[test]
fn a_folder_name_phones_cannot_use_does_not_damage_the_catalog() {
    for folder in ["two\nlines", "back\\slash"] {
        let path = format!("builds/{folder}/update.zip");
        let (dir, run) = beside_good(|dir| dir.put(&path, bacon(2)));
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        is_tame(&run);
        offers_the_good(&dir);
        // The next run must be able to read what a run wrote.
        dir.run(&["catalog", "list"]).expect(0);
        dir.generate().expect(1);
    }
}

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
    let (dir, run) = beside_good(|dir| dir.put("builds/bomb.zip", liar));
    one_error(&run.expect(1), "bomb.zip: ", "");
    offers_the_good(&dir);
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
    let (dir, run) = beside_good(|dir| dir.put(&good(1), zip));
    run.expect(0);
    offers_the_good(&dir);
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
        let (dir, run) = beside_good(|dir| dir.put("builds/other.zip", zip));
        let run = run.expect(0);
        assert_eq!(run.json()["passed_over"], serde_json::json!(["other.zip"]));
        let run = run.says(&format!(
            "passed over other.zip: not an installable ROM package: {message}"
        ));
        run.says("hint: `exclude` in romfeed.toml passes over zips without a note: exclude = [\"other.zip\"]");
        offers_the_good(&dir);
    }
}

#[test]
fn excluded_zips_are_not_mentioned() {
    let zip = Zip::new().stored("module.prop", "x").build();
    let (_, run) = beside_good(|dir| {
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
fn a_different_zip_in_place_of_a_published_build_is_an_error() {
    let dir = RomDir::new();
    dir.put(&good(0), bacon(0));
    dir.put(&good(1), bacon(1));
    dir.generate().expect(0);
    dir.put(&good(0), Zip::new().stored("module.prop", "x").build());
    let run = dir.generate().expect(1);
    run.says(": not an installable ROM package: a Magisk or KernelSU module");
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

#[test]
fn a_folder_named_like_a_zip_is_a_folder() {
    let (dir, run) = beside_good(|dir| {
        dir.remove(&good(1));
        dir.put(&format!("builds/folder.zip/{}", bacon_name(1)), bacon(1));
    });
    run.expect(0);
    offers_the_good(&dir);
}

#[cfg(unix)]
#[test]
fn a_socket_or_device_does_not_hang_the_run() {
    let (dir, run) = beside_good(|dir| {
        let socket = dir.path().join("builds/socket.zip");
        drop(std::os::unix::net::UnixListener::bind(socket).unwrap());
    });
    let check = "check that it is a file, and its permissions";
    one_error(
        &run.expect(1),
        "socket.zip: cannot open the file: not a regular file",
        check,
    );
    offers_the_good(&dir);
    dir.remove("builds/socket.zip");
    std::os::unix::fs::symlink("/dev/zero", dir.path().join("builds/endless.zip")).unwrap();
    let run = dir.run(&GENERATE).expect(1);
    one_error(&run, "endless.zip: cannot open the file: ", check);
    offers_the_good(&dir);
}

#[cfg(unix)]
#[test]
fn sidecars_that_are_devices_do_not_hang_the_run() {
    let (dir, run) = beside_good(|dir| {
        for suffix in ["prop", "sha256sum", "md5sum"] {
            let link = dir.path().join(format!("{}.{suffix}", good(1)));
            std::os::unix::fs::symlink("/dev/zero", link).unwrap();
        }
    });
    run.expect(0)
        .says("warning: ")
        .says(".sha256sum cannot be read: a symbolic link");
    offers_the_good(&dir);
}

#[cfg(unix)]
#[test]
fn a_broken_link_is_reported() {
    let (dir, run) = beside_good(|dir| {
        std::os::unix::fs::symlink("nowhere", dir.path().join("builds/gone.zip")).unwrap();
    });
    one_error(
        &run.expect(1),
        "gone.zip: cannot be read: ",
        "check the file",
    );
    offers_the_good(&dir);
}

#[cfg(unix)]
#[test]
fn a_disk_that_is_not_mounted_retires_nothing() {
    let dir = RomDir::new()
        .file(&good(0), bacon(0))
        .file(&format!("disk/{}", bacon_name(1)), bacon(1));
    let link = dir.path().join("builds/linked");
    std::os::unix::fs::symlink(dir.path().join("disk"), &link).unwrap();
    dir.put("romfeed.toml", "follow_links = true\n");
    dir.generate().expect(0);
    offers_the_good(&dir);
    let (catalog, site) = (dir.read("catalog.json"), dir.tree("out"));
    std::fs::rename(dir.path().join("disk"), dir.path().join("elsewhere")).unwrap();
    let run = dir.run(&GENERATE).expect(1);
    one_error(&run, "linked: cannot be read: ", "");
    assert_eq!(dir.read("catalog.json"), catalog);
    assert_eq!(dir.tree("out"), site);
}

#[cfg(unix)]
#[test]
fn a_loop_of_links_is_reported_once() {
    let (dir, run) = beside_good(|dir| {
        std::os::unix::fs::symlink("..", dir.path().join("builds/bacon/up")).unwrap();
        dir.put("romfeed.toml", "follow_links = true\n");
    });
    one_error(
        &run.expect(1),
        "bacon/up: a symbolic link leads back to a folder above it",
        "remove the link",
    );
    offers_the_good(&dir);
    dir.remove("builds/bacon/up");
    std::os::unix::fs::symlink("self.zip", dir.path().join("builds/self.zip")).unwrap();
    let run = dir.run(&GENERATE).expect(1);
    one_error(&run, "self.zip: cannot be read: ", "remove a link");
    offers_the_good(&dir);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_name_that_is_not_utf8_is_left_out() {
    use std::os::unix::ffi::OsStrExt;
    let (dir, run) = beside_good(|dir| {
        let name = std::ffi::OsStr::from_bytes(b"caf\xe9.zip");
        std::fs::write(dir.path().join("builds").join(name), bacon(2)).unwrap();
    });
    one_error(
        &run.expect(1),
        ".zip: its name is not valid UTF-8, so feeds cannot contain it",
        "rename it",
    );
    offers_the_good(&dir);
}

#[cfg(unix)]
#[test]
fn an_unreadable_package_is_reported() {
    use std::os::unix::fs::PermissionsExt;
    let (dir, run) = beside_good(|dir| {
        dir.put("builds/update.zip", bacon(2));
        let file = dir.path().join("builds/update.zip");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o000)).unwrap();
    });
    if std::fs::read(dir.path().join("builds/update.zip")).is_ok() {
        return; // Root may read everything.
    }
    one_error(
        &run.expect(1),
        "update.zip: cannot open the file: ",
        "check the file and its permissions",
    );
    offers_the_good(&dir);
}

/// Fails unless the settings are refused with exit code 2 and no file is written.
#[track_caller]
fn settings_are_refused(toml: &str, message: &str) {
    let dir = RomDir::new()
        .file(&good(0), bacon(0))
        .file("romfeed.toml", toml);
    let run = dir.run(&["generate"]).expect(2);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    let run = run.says(&format!("error: romfeed.toml{message}"));
    is_tame(&run);
    assert!(!dir.path().join("out").exists());
    assert!(!dir.path().join("catalog.json").exists());
}

#[test]
fn broken_settings_show_line_and_column() {
    settings_are_refused("# one\nbase_url = \n", ", line 2, column ");
    settings_are_refused("base_url = \"https://h\n", ", line 1, column ");
    settings_are_refused("jobs = 2\njobs = 3\n", ", line 2, column 1: duplicate key");
    settings_are_refused("base_url = 5\n", ", line 1, column 12: invalid type");
    settings_are_refused("[[override]]\ndevice = \"x\"\n", ", line 1, column ");
    settings_are_refused(
        "device_feed = \"v3\"\n",
        &format!(
            ": device_feed: cannot read {}: ",
            native("templates/feeds/v3.j2")
        ),
    );
}

#[test]
fn an_unknown_setting_is_refused_with_its_place() {
    settings_are_refused(
        "jobs = 2\nbase-url = \"https://h\"\n",
        ", line 2, column 1: unknown key `base-url`; did you mean `base_url`?",
    );
    settings_are_refused(
        "[device.bacon]\nuri = \"x\"\n",
        ", line 2, column 1: unknown key `uri`",
    );
}

#[test]
fn addresses_that_phones_reject_are_refused() {
    for (toml, message) in [
        (
            "url = \"https://h/{file}\"",
            ": url: `https://h/{file}` is not a usable address: `{file}` is unknown; there are {device}",
        ),
        (
            "url = \"https://h/{filename\"",
            ": url: `https://h/{filename` is not a usable address: a `{` is never closed",
        ),
        (
            "url = \"https://h/{device}\"",
            ": url: `https://h/{device}` is not a usable address: it gives every build the same",
        ),
        (
            "base_url = \"http://h\"",
            ": base_url: `http://h` is not a usable address: it must begin with https://",
        ),
        (
            "[device.bacon]\nurl = \"http://h/{path}\"",
            ": [device.bacon] url: `http://h/",
        ),
    ] {
        settings_are_refused(toml, message);
    }
    let dir = RomDir::new().file(&good(0), bacon(0));
    for args in [
        ["generate", "--base-url", "http://h"],
        ["generate", "--url", "https://h/{nothing}"],
    ] {
        dir.run(&args)
            .expect(2)
            .says(&format!("error: {} or ROMFEED_", args[1]));
    }
    assert!(!dir.path().join("out").exists());
}

#[test]
fn a_missing_settings_file_given_by_flag_is_an_error() {
    let dir = RomDir::new().file(&good(0), bacon(0));
    dir.run(&["generate", "-c", "none.toml"])
        .expect(2)
        .says("error: cannot read none.toml: ");
}

#[test]
fn broken_device_names_show_line_and_column_and_the_rest_is_published() {
    for text in [
        "[\n  {\"model\": }\n]",
        "[\n  {\"name\": \"One\"}\n]",
        "[\n  5",
    ] {
        let (dir, run) = beside_good(|dir| dir.put("devices.json", text));
        let run = run.expect(1);
        one_error(&run, "devices.json: ", "correct it");
        let run = run.says(" at line 2 column ");
        assert!(run.json()["errors"].as_array().unwrap().len() <= 1);
        offers_the_good(&dir);
    }
}

#[test]
fn different_packages_of_one_name_are_both_left_out_until_one_is_published() {
    let (a, b) = ("a/update.zip", "b/update.zip");
    let (dir, run) = beside_good(|dir| {
        dir.put(&format!("builds/{a}"), bacon(2));
        dir.put(&format!("builds/{b}"), bacon(3));
    });
    let run = run
        .expect(1)
        .says(&format!(
            "error: {a}: a different package has the same file name: {b}\n  hint: rename or remove one"
        ))
        .says(&format!(
            "error: {b}: a different package has the same file name: {a}\n  hint: rename or remove one"
        ));
    is_tame(&run);
    offers_the_good(&dir);
    // The published one stays, wherever it is.
    let (dir, run) = beside_good(|dir| {
        dir.put(&format!("builds/a/{}", bacon_name(0)), bacon(2));
    });
    one_error(
        &run.expect(1),
        "a different package has the same file name: bacon/",
        "rename or remove one",
    );
    offers_the_good(&dir);
}

#[test]
fn the_same_bytes_under_two_paths_are_one_build() {
    let (dir, run) = beside_good(|dir| {
        dir.put(&format!("builds/mirror/{}", bacon_name(1)), bacon(1));
        dir.put("builds/a copy.zip", bacon(0));
    });
    run.expect(0)
        .says(&format!(
            "passed over mirror/{0}: the same bytes as bacon/{0}",
            bacon_name(1)
        ))
        .says("passed over a copy.zip: the same bytes as bacon/");
    offers_the_good(&dir);
}

#[test]
fn a_copy_with_an_uninformative_name_hides_no_build() {
    let dir = RomDir::new()
        .file(&good(0), bacon(0))
        .file(&good(1), bacon(1))
        .file("builds/a-latest.zip", bacon(1));
    dir.generate().expect(0).says(&format!(
        "passed over a-latest.zip: the same bytes as bacon/{}",
        bacon_name(1)
    ));
    offers_the_good(&dir);
    // Unless it was the only one, and phones have been offered it.
    let dir = RomDir::new().file("builds/latest.zip", bacon(1));
    dir.generate().expect(0);
    dir.put(&good(1), bacon(1));
    dir.generate()
        .expect(0)
        .says("the same bytes as latest.zip");
}

#[test]
fn a_package_renamed_next_to_its_rebuild_stays_published() {
    for old in ["old-rom.zip", "rom_old.zip"] {
        let dir = RomDir::new().file("builds/rom.zip", bacon(0));
        dir.generate().expect(0);
        dir.remove("builds/rom.zip");
        dir.put(&format!("builds/{old}"), bacon(0));
        dir.put("builds/rom.zip", bacon(1));
        dir.generate().expect(0);
        let feed = dir.read("out/api/v1/bacon/nightly.json");
        let feed: Value = serde_json::from_slice(&feed).unwrap();
        assert_eq!(feed["response"].as_array().unwrap().len(), 2, "{old}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_to_the_latest_package_hides_no_older_one() {
    for alias in ["a-latest.zip", "latest.zip"] {
        let dir = RomDir::new().file(&good(0), bacon(0));
        let link = dir.path().join("builds").join(alias);
        let point = |days| {
            let _ = std::fs::remove_file(&link);
            std::os::unix::fs::symlink(dir.path().join(good(days)), &link).unwrap();
        };
        point(0);
        dir.generate().expect(0);
        dir.put(&good(1), bacon(1));
        point(1);
        dir.generate().expect(0);
        offers_the_good(&dir);
    }
}

#[test]
fn a_package_that_takes_the_name_of_one_that_is_gone_is_published() {
    for url in ["https://h/{filename}", "https://h/{sha256}"] {
        let dir = RomDir::new()
            .file("builds/lineage-1-bacon.zip", bacon(0))
            .file("builds/lineage-2-bacon.zip", bacon(1));
        let generate = || dir.run(&["generate", "--url", url]);
        generate().expect(0);
        dir.remove("builds/lineage-1-bacon.zip");
        dir.put("builds/lineage-1-bacon.zip", bacon(1));
        dir.remove("builds/lineage-2-bacon.zip");
        generate().expect(0);
        generate().expect(0);
        let feed = dir.read("out/api/v1/bacon/nightly.json");
        let feed: Value = serde_json::from_slice(&feed).unwrap();
        assert_eq!(
            feed["response"][0]["filename"], "lineage-1-bacon.zip",
            "{feed}"
        );
        assert_eq!(feed["response"][0]["datetime"], 1_700_086_400, "{feed}");
    }
}

#[test]
fn one_address_in_two_packages_stops_neither_the_run_nor_the_rest() {
    let own = ("ro.build.ota.url", "https://host.example/latest.zip");
    let zip = |days| {
        let props = bacon_props(days).set(own.0, own.1);
        Package::files(props.set("ro.lineage.device", "mako"))
            .without_metadata()
            .build()
    };
    let (dir, run) = beside_good(|dir| {
        dir.put("builds/mako-2.zip", zip(2));
        dir.put("builds/mako-3.zip", zip(3));
    });
    run.expect(1).says("https://host.example/latest.zip");
    let feed = dir.read("out/api/v1/bacon/nightly.json");
    let feed: Value = serde_json::from_slice(&feed).unwrap();
    assert_eq!(feed["response"].as_array().unwrap().len(), 2);
}

#[test]
fn a_digest_file_that_disagrees_keeps_the_package_out() {
    for (algorithm, len) in [("sha256", 64), ("md5", 32)] {
        let name = bacon_name(2);
        let wrong = "0".repeat(len);
        let (dir, run) = beside_good(|dir| {
            dir.put(&format!("builds/{name}"), bacon(2));
            let line = format!("{wrong}  {name}\n");
            dir.put(&format!("builds/{name}.{algorithm}sum"), line);
        });
        let run = run.expect(1);
        one_error(
            &run,
            &format!("{name}: its {algorithm} is "),
            "copy the package again, or create its digest file again",
        );
        let run = run.says(&format!(", but {name}.{algorithm}sum says {wrong}\n"));
        assert_eq!(run.json()["errors"][0]["class"], "hash_mismatch");
        offers_the_good(&dir);
    }
}

#[test]
fn a_digest_file_of_garbage_is_warned_about() {
    for garbage in [&b"\x1b[31m\0\xff"[..], b"", b"sha256 of what?"] {
        let (dir, run) = beside_good(|dir| dir.put(&format!("{}.sha256sum", good(1)), garbage));
        let run = run
            .expect(0)
            .says(".zip.sha256sum has no sha256 of the package; not checked");
        is_tame(&run);
        offers_the_good(&dir);
    }
}

#[test]
fn a_date_from_the_file_name_alone_is_a_warning() {
    let zip = Package::payload(bacon_props(1)).without_metadata().build();
    let (dir, run) = beside_good(|dir| dir.put(&good(1), zip));
    run.expect(0)
        .says("warning: bacon/lineage-21.0-20231115-nightly-bacon.zip: datetime ")
        .says("is only the date in the file name");
    offers_the_good(&dir);
}

#[test]
fn contradicting_sources_without_build_prop_keep_the_package_out() {
    let package = |metadata| {
        Package::payload(bacon_props(2))
            .metadata(metadata)
            .metadata_text_only()
            .build()
    };
    let metadata = || Metadata::new().ota_type("AB").timestamp(1_700_172_800);
    let set = HINT_OVERRIDE;
    is_left_out(
        &bacon_name(2),
        &package(metadata().device("mako")),
        "conflict",
        "device is `mako` by META-INF/com/android/metadata and `bacon` by file name, and no build.prop decides",
        set,
    );
    is_left_out(
        "lineage-21.0-20230101-nightly-bacon.zip",
        &package(metadata().device("bacon")),
        "conflict",
        "datetime is `1700172800` by META-INF/com/android/metadata and `1672531200` by file name",
        set,
    );
}

#[test]
fn sources_that_contradict_build_prop_are_warned_about() {
    let zip = Package::files(bacon_props(1))
        .metadata(
            Metadata::new()
                .device("mako")
                .timestamp(1_600_000_000)
                .incremental("other"),
        )
        .metadata_text_only()
        .build();
    let (dir, run) = beside_good(|dir| dir.put(&good(1), zip));
    run.expect(0)
        .says("device is `bacon` by system/build.prop, though META-INF/com/android/metadata says `mako`")
        .says("datetime is `1700086400` by system/build.prop, though META-INF/com/android/metadata says `1600000000`")
        .says("incremental is `inc1` by system/build.prop, though META-INF/com/android/metadata says `other`");
    offers_the_good(&dir);
}

#[test]
fn an_incremental_that_cannot_be_a_path_keeps_its_build_out() {
    for incremental in ["a/../../../b", "two words", "\u{1b}[31m"] {
        let props = bacon_props(2).set("ro.build.version.incremental", incremental);
        let zip = Package::files(props).build();
        let (dir, run) = beside_good(|dir| dir.put(&good(2), zip));
        let run = run.expect(1).says(&format!(
            "incremental `{}` cannot be part of a feed's address",
            incremental.escape_debug()
        ));
        is_tame(&run);
        offers_the_good(&dir);
    }
}

#[test]
fn a_published_package_that_is_damaged_is_not_offered_until_repaired() {
    let dir = RomDir::new()
        .file(&good(0), bacon(0))
        .file(&good(1), bacon(1));
    dir.generate().expect(0);
    let (catalog, site) = (dir.read("catalog.json"), dir.tree("out"));
    for rotten in [&b""[..], b"PK\x03\x04 cut", b"rot"] {
        dir.put(&good(0), rotten);
        let run = dir.run(&GENERATE).expect(1);
        one_error(&run, &format!("bacon/{}: ", bacon_name(0)), "");
        // Its bytes differ from what the feed promises; its phones still get an answer.
        let feed = dir.read("out/api/v1/bacon/nightly.json");
        let feed: Value = serde_json::from_slice(&feed).unwrap();
        assert_eq!(feed["response"].as_array().unwrap().len(), 1);
        assert!(dir.path().join("out/api/v1/bacon/nightly/inc0").exists());
        dir.put(&good(0), bacon(0));
        dir.generate().expect(0).says("offered again");
        assert_eq!(dir.read("catalog.json"), catalog);
        assert_eq!(dir.tree("out"), site);
    }
}

#[test]
fn without_any_address_the_flag_and_the_line_to_set_are_shown() {
    let dir = RomDir::new()
        .file(&good(0), bacon(0))
        .file(&good(1), bacon(1));
    let run = dir.run(&["generate"]).expect(2);
    one_error(
        &run,
        &format!(
            "no setting says where phones will download bacon/{} and 1 other build",
            bacon_name(0)
        ),
        "--base-url https://",
    );
    run.says("base_url = \"https://")
        .says("--url 'https://")
        .says("url = \"https://");
    for path in ["out", "catalog.json", ".romfeed/cache.json"] {
        assert!(!dir.path().join(path).exists(), "{path}");
    }
}

#[test]
fn a_foreign_output_folder_is_refused_unless_adopted() {
    let dir = RomDir::new()
        .file(&good(0), bacon(0))
        .file("out/thesis.txt", "mine")
        .file("out/bacon.json", "old")
        .file("out/.git/HEAD", "ref");
    let run = dir.generate().expect(2);
    one_error(
        &run,
        "out is not empty and was not made by romfeed (it has bacon.json, for example)",
        "choose another --out, or take over the folder with --adopt",
    );
    assert_eq!(dir.tree("out").len(), 3);
    assert!(!dir.path().join("catalog.json").exists());
    dir.run(&["generate", "--base-url", BASE_URL, "--adopt"])
        .expect(0);
    assert_eq!(dir.read("out/thesis.txt"), b"mine");
    assert_eq!(dir.read("out/.git/HEAD"), b"ref");
    assert!(dir.read("out/bacon.json").starts_with(b"{\"response\""));
    dir.generate().expect(0);
}

#[test]
fn a_damaged_catalog_stops_the_run_and_nothing_is_written() {
    let (dir, _) = beside_good(|_| ());
    let site = dir.tree("out");
    let sound = String::from_utf8(dir.read("catalog.json")).unwrap();
    let cut = &sound[..sound.len() / 2];
    for (text, message) in [
        (cut.to_owned(), "catalog.json: EOF while parsing"),
        (
            sound.replacen("\"datetime\"", "\"date\"", 1),
            "catalog.json: unknown field `date`",
        ),
        (String::new(), "catalog.json: EOF while parsing"),
    ] {
        dir.put("catalog.json", &text);
        dir.put(&good(2), bacon(2));
        let run = dir.run(&GENERATE).expect(2);
        one_error(
            &run,
            message,
            "correct that place, or restore the last valid version from git; nothing was written",
        );
        run.says(" at line ").says(" column ");
        assert_eq!(dir.read("catalog.json"), text.as_bytes());
        assert_eq!(dir.tree("out"), site);
    }
    dir.put(
        "catalog.json",
        sound.replacen("\"romtype\": \"nightly\"", "\"romtype\": \"../x\"", 1),
    );
    let run = dir.run(&GENERATE).expect(2);
    one_error(
        &run,
        "catalog.json: the record of bacon/",
        "correct that place",
    );
    assert_eq!(dir.tree("out"), site);
}

#[test]
fn a_catalog_of_a_newer_schema_is_refused() {
    let dir = RomDir::new().file(&good(0), bacon(0)).file(
        "catalog.json",
        "{\"schema\": 2, \"builds\": {\"some\": \"thing\"}}",
    );
    let run = dir.generate().expect(2);
    one_error(
        &run,
        "catalog.json has schema 2, this romfeed reads schema 1",
        "",
    );
    assert!(
        run.stderr.contains("update romfeed"),
        "the hint names the remedy:\n{}",
        run.stderr
    );
    assert!(!dir.path().join("out").exists());
}

#[test]
fn a_catalog_inside_the_output_folder_is_refused() {
    for catalog in [
        "out/catalog.json",
        "./out/deep/catalog.json",
        "builds/../out/c.json",
    ] {
        let dir = RomDir::new().file(&good(0), bacon(0));
        let run = dir
            .run(&["generate", "--base-url", BASE_URL, "--catalog", catalog])
            .expect(2);
        one_error(
            &run,
            "lies inside the output folder out",
            "keep the catalog next to romfeed.toml",
        );
        assert!(!dir.path().join("out").exists(), "{catalog}");
    }
}

#[test]
fn a_damaged_manifest_is_refused() {
    let (dir, _) = beside_good(|_| ());
    dir.put("out/.romfeed/manifest.json", "{\"schema\":1,\n\"files\":[");
    dir.put(&good(2), bacon(2));
    let site = dir.tree("out");
    let run = dir.run(&GENERATE).expect(2);
    one_error(
        &run,
        "manifest.json cannot be read: EOF while parsing a list at line 2",
        "restore the last valid one from git or from the live site",
    );
    assert_eq!(dir.tree("out"), site);
    // The suggested fix works.
    dir.remove("out/.romfeed/manifest.json");
    let unknown = "does not know which builds were published";
    dir.run(&["generate", "--base-url", BASE_URL, "--adopt"])
        .expect(0)
        .says(unknown);
    dir.run(&["generate", "--base-url", BASE_URL, "--adopt"])
        .expect(0)
        .lacks(unknown)
        .says("up to date");
}

#[test]
fn a_manifest_that_names_files_outside_removes_nothing_there() {
    let (dir, _) = beside_good(|_| ());
    dir.put("mine.txt", "mine");
    let victim = dir.path().join("mine.txt");
    let manifest = serde_json::json!({
        "schema": 1,
        "files": ["../mine.txt", victim.to_str().unwrap(), "api/../../mine.txt"],
    });
    dir.put("out/.romfeed/manifest.json", manifest.to_string());
    dir.run(&["generate", "--base-url", BASE_URL, "--adopt"])
        .expect(0);
    assert_eq!(dir.read("mine.txt"), b"mine");
}

#[test]
fn a_foreign_file_at_a_pages_path_is_left_and_reported() {
    let dir = RomDir::new().file(&good(0), bacon(0));
    dir.generate().expect(0);
    dir.put(&good(1), bacon(1));
    dir.put("out/api/v1/bacon/nightly/inc1", "theirs");
    let run = dir.run(&GENERATE).expect(1);
    one_error(
        &run,
        "api/v1/bacon/nightly/inc1: a file or link that romfeed did not write is in the way",
        "",
    );
    assert_eq!(dir.read("out/api/v1/bacon/nightly/inc1"), b"theirs");
    offers_the_good(&dir);
}

#[test]
fn a_second_concurrent_run_is_refused() {
    let (dir, _) = beside_good(|_| ());
    let lock = std::fs::File::options()
        .write(true)
        .open(dir.path().join(".romfeed/lock"))
        .unwrap();
    lock.lock().unwrap();
    let before = dir.tree("out");
    dir.put(&good(2), bacon(2));
    for args in [&GENERATE[..], &["catalog", "remove", "inc0"]] {
        let run = dir.run(args).expect(1);
        one_error(
            &run,
            "another romfeed is running here",
            "wait until it ends",
        );
    }
    assert_eq!(dir.tree("out"), before);
    drop(lock);
    dir.generate().expect(0);
}

#[test]
fn a_closed_pipe_is_success() {
    let (dir, _) = beside_good(|_| ());
    for args in [
        &["catalog", "list"][..],
        &["catalog", "list", "--json"],
        &["inspect", &good(0)],
        &["inspect", "--json", &good(0)],
        &["generate", "--base-url", BASE_URL, "--json"],
        &["completions", "bash"],
        &["man"],
        &["--help"],
        &["--version"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_romfeed"));
        command.current_dir(dir.path()).args(args).stdout(writer);
        let output = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{args:?}: {stderr}");
    }
}

#[test]
fn a_closed_pipe_does_not_hide_a_failure() {
    let (dir, run) = beside_good(|dir| dir.put("builds/bad.zip", ""));
    run.expect(1);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_romfeed"));
    command
        .current_dir(dir.path())
        .args(GENERATE)
        .stderr(writer);
    assert_eq!(command.output().unwrap().status.code(), Some(1));
}

#[test]
fn many_bad_packages_are_all_reported_and_counted() {
    let (dir, run) = beside_good(|dir| {
        for index in 0..20 {
            dir.put(&format!("builds/bad{index}.zip"), "rot");
        }
    });
    let run = run.expect(1).says("; 20 left out");
    assert_eq!(run.stderr.matches("error: bad").count(), 20);
    assert_eq!(run.stderr.matches("  hint: ").count(), 20);
    offers_the_good(&dir);
}

#[test]
fn quiet_prints_errors_only() {
    let (dir, run) = beside_good(|dir| dir.put("builds/bad.zip", "rot"));
    run.expect(1);
    let run = dir
        .run(&["generate", "--base-url", BASE_URL, "-q"])
        .expect(1);
    assert_eq!(run.stderr.lines().count(), 2, "{}", run.stderr);
    one_error(&run, "bad.zip: ", "");
}

#[test]
fn settings_errors_do_not_mention_rust_types() {
    for (settings, message) in [
        (
            "bulds = \"x\"\n",
            "unknown key `bulds`; did you mean `builds`?",
        ),
        (
            "[device.bacon]\ninstal = \"x\"\n",
            "unknown key `instal`; did you mean `install`?",
        ),
        (
            "[require]\nunheard_of = true\n",
            "unknown key `unheard_of`; known are signature, ",
        ),
        ("keep = \"x\"\n", "the text \"x\", expected a whole number"),
        ("exclude = 5\n", "the number `5`, expected a list"),
        ("catalog = 5\n", "expected a path or a list of paths"),
        (
            "follow_links = 1\n",
            "the number `1`, expected true or false",
        ),
    ] {
        let dir = RomDir::new().file("romfeed.toml", settings);
        dir.run(&["generate"]).expect(2).says(message);
    }
}
