//! `addrom` and `delrom`, the commands of the LineageOS backend of 2017.

use super::support::{BASE_URL, RomDir, Run, bacon, bacon_name};

const MD5: &str = "0f80ec88915e8d02f13cfe83d05f4a05";

fn dir() -> RomDir {
    RomDir::new().file("romfeed.toml", format!("base_url = \"{BASE_URL}\"\n"))
}

fn md5(bytes: &[u8]) -> String {
    use md5::{Digest, Md5};
    Md5::digest(bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

/// `addrom` as the documentation of that server shows it, with some values replaced.
fn addrom(dir: &RomDir, changes: &[(&str, &str)]) -> Run {
    let mut flags = vec![
        ("-f", "lineage-21.0-20231114-nightly-bacon.zip"),
        ("-d", "bacon"),
        ("-v", "21.0"),
        ("-t", "2023-11-14 22:13:20"),
        ("-r", "nightly"),
        ("-m", MD5),
        // The address is this machine, so no request is made.
        ("-u", "https://127.0.0.1:9/a.zip"),
    ];
    for (flag, value) in changes {
        flags.retain(|(known, _)| known != flag);
        flags.push((flag, value));
    }
    let args: Vec<&str> = flags
        .iter()
        .flat_map(|(flag, value)| [*flag, *value])
        .collect();
    dir.run(&[&["addrom"], &args[..]].concat())
}

#[test]
fn addrom_takes_size_date_and_digests_from_the_zip_in_builds() {
    let zip = bacon(0);
    // In any folder below it.
    let dir = dir().file(&format!("builds/nightly/{}", bacon_name(0)), &zip);
    let sum = md5(&zip);
    // As in that server's examples: the hour before the upload.
    addrom(
        &dir,
        &[("-m", &sum), ("-t", "2023-11-14 21:00:00"), ("-u", "")],
    )
    .expect(0)
    .says("datetime `1699995600` was given, but the package has `1700000000`")
    .says("added lineage-21.0");
    dir.run(&["generate"]).expect(0);
    let list = dir.run(&["catalog", "list", "--json"]).expect(0).json();
    assert_eq!(list["datetime"], 1_700_000_000);
    assert_eq!(list["size"], zip.len());
    assert_eq!(list["md5"], sum.as_str());
    assert_eq!(list["id"], list["sha256"]);
    assert_eq!(list["incremental"], "inc0");
    let url = format!("{BASE_URL}/builds/nightly/{}", bacon_name(0));
    assert_eq!(list["url"], url.as_str());
    let v2 = dir.read("out/api/v2/devices/bacon/builds.json");
    assert!(String::from_utf8(v2).unwrap().contains(&bacon_name(0)));
}

#[test]
fn an_invalid_date_is_refused() {
    for text in [
        "soon",
        "2023-11-14",
        "2023-13-14 13:59:25",
        "2023-11-14 13:59",
    ] {
        addrom(&dir(), &[("-t", text)])
            .expect(2)
            .says("2017-01-14 13:59:25");
    }
}

#[test]
fn facts_that_contradict_the_zip_are_refused() {
    let zip = bacon(0);
    for (flag, value, says) in [
        (
            "-m",
            MD5,
            "md5 `0f80ec88915e8d02f13cfe83d05f4a05` is not that of the package",
        ),
        (
            "-d",
            "mako",
            "device `mako` is not that of the package: it has `bacon`",
        ),
        (
            "-r",
            "UNOFFICIAL",
            "romtype `UNOFFICIAL` is not that of the package: it has `nightly`",
        ),
    ] {
        let dir = dir().file(&format!("builds/{}", bacon_name(0)), &zip);
        addrom(&dir, &[("-m", &md5(&zip)), (flag, value)])
            .expect(1)
            .says(says);
        assert!(!dir.path().join("catalog.json").exists());
    }
    // Phones ignore the case of a release type.
    let dir = dir().file(&format!("builds/{}", bacon_name(0)), &zip);
    addrom(&dir, &[("-m", &md5(&zip)), ("-r", "NIGHTLY")]).expect(0);
}

#[test]
fn missing_facts_are_named() {
    for url in [
        "https://127.0.0.1:9/a.zip",
        "https://localhost:9/a.zip",
        "https://[::1]:9/a.zip",
    ] {
        addrom(&dir(), &[("-u", url)])
            .expect(1)
            .says("`size` is missing")
            .says("only public https addresses are read")
            .says("romfeed catalog add --size");
    }
    addrom(&dir(), &[("-u", "http://h.example/a.zip")])
        .expect(1)
        .says("only public https addresses are read");
    let run = dir().run(&["addrom", "-f", "a.zip"]).expect(2);
    assert!(run.stderr.contains("romfeed addrom"), "{}", run.stderr);
}

#[test]
fn delrom_removes_exactly_one_build() {
    let zip = bacon(0);
    let dir = dir().file(&format!("builds/{}", bacon_name(0)), &zip);
    addrom(&dir, &[("-m", &md5(&zip))]).expect(0);
    dir.run(&["delrom", "-f", "other.zip"])
        .expect(0)
        .says("no build has the file name other.zip");
    dir.run(&["delrom", "-f", &bacon_name(0)])
        .expect(0)
        .says("removed");
    assert_eq!(dir.run(&["catalog", "list"]).expect(0).stdout, "");
    dir.run(&["delrom", "--filename", &bacon_name(0)]).expect(0);
    // A script may add the same build again.
    addrom(&dir, &[("-m", &md5(&zip))])
        .expect(0)
        .says("it was removed before");
}

#[test]
fn compatibility_commands_are_hidden_from_help() {
    let help = dir().run(&["--help"]).expect(0).stdout;
    assert!(!help.contains("addrom"), "{help}");
    let help = dir().run(&["addrom", "--help"]).expect(0).stdout;
    for flag in [
        "-f, --filename",
        "-d, --device",
        "-v, --version",
        "-t, --datetime",
        "-r, --romtype",
        "-m, --md5sum",
        "-u, --url",
    ] {
        assert!(help.contains(flag), "{help}");
    }
}
