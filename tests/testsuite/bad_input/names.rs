//! Names and facts that cannot be a path, and texts that could control a terminal.

use super::*;

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
        let (_, run) = next_to_good(|dir| dir.put("builds/slip.zip", &zip));
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
    let (dir, run) = next_to_good(|dir| {
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
    offers_both_good_builds(&dir);
}

#[test]
fn a_file_name_with_control_characters_is_escaped_and_left_out() {
    let (dir, run) = next_to_good(|dir| {
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
    offers_both_good_builds(&dir);
}

#[cfg(unix)]
#[test]
fn a_folder_name_phones_cannot_use_does_not_damage_the_catalog() {
    for folder in ["two\nlines", "back\\slash"] {
        let path = format!("builds/{folder}/update.zip");
        let (dir, run) = next_to_good(|dir| dir.put(&path, bacon(2)));
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        is_escaped(&run);
        offers_both_good_builds(&dir);
        // The next run must be able to read what a run wrote.
        dir.run(&["catalog", "list"]).expect(0);
        dir.generate().expect(1);
    }
}

#[test]
fn an_incremental_that_cannot_be_a_path_keeps_its_build_out() {
    for incremental in ["a/../../../b", "two words", "\u{1b}[31m"] {
        let props = bacon_props(2).set("ro.build.version.incremental", incremental);
        let zip = Package::files(props).build();
        let (dir, run) = next_to_good(|dir| dir.put(&good(2), zip));
        let run = run.expect(1).says(&format!(
            "incremental `{}` cannot be part of a feed's address",
            incremental.escape_debug()
        ));
        is_escaped(&run);
        offers_both_good_builds(&dir);
    }
}
