//! `devices.d/CODENAME.toml`: each maintainer's settings in a file of its own.

use testkit::package::Package;
use testkit::props::Props;
use testkit::signing::{self, Key, pem};

use super::support::{BASE_URL, RomDir, bacon, bacon_name};

fn dir() -> RomDir {
    RomDir::new()
        .file(&format!("builds/{}", bacon_name(0)), bacon(0))
        .file("romfeed.toml", format!("base_url = \"{BASE_URL}\"\n"))
}

/// A package of a device, signed with this key, and its path.
fn signed(device: &str, key: Key) -> (String, Vec<u8>) {
    let props = Props::lineage(
        "21.0",
        "nightly",
        device,
        1_700_000_000,
        device,
        34,
        "2023-11-05",
    );
    let name = format!("builds/lineage-21.0-20231114-nightly-{device}.zip");
    (name, signing::sign(Package::files(props).build(), key))
}

#[test]
fn a_file_of_a_device_holds_what_its_table_holds() {
    let settings =
        "url = \"https://dl.example.org/{filename}\"\nkeep = 3\n[info]\nmaintainer = \"Ann\"\n";
    let split = dir().file("devices.d/bacon.toml", settings);
    let table = settings.replace("[info]", "[device.bacon.info]");
    let whole = dir();
    let start = format!("base_url = \"{BASE_URL}\"\n[device.bacon]\n{table}");
    whole.put("romfeed.toml", start);
    for dir in [&split, &whole] {
        dir.run(&["generate"]).expect(0);
        dir.run(&["check"]).expect(0);
    }
    assert_eq!(split.tree("out"), whole.tree("out"));
    let page = String::from_utf8(split.read("out/bacon.html")).unwrap();
    assert!(page.contains("Ann"), "{page}");
}

#[test]
fn faults_of_a_device_file_name_it() {
    for (file, text, problem) in [
        (
            "bacon.toml",
            "keeep = 3\n",
            "devices.d/bacon.toml, line 1, column 1: unknown key `keeep`; did you mean `keep`?",
        ),
        (
            "bacon.toml",
            "base_url = \"https://x.example\"\n",
            "devices.d/bacon.toml, line 1, column 1: unknown key `base_url` here; it is a setting for all devices, and \
             belongs into romfeed.toml",
        ),
        (
            "bacon.toml",
            "[site]\nname = \"X\"\n",
            "unknown key `site` here; it is a setting for all devices, and belongs into romfeed.toml",
        ),
        (
            "bacon.toml",
            "[[source]]\ngithub = \"ann/builds\"\nkeep = 3\n",
            "unknown key `keep` here; did you mean the one at the top of the file, above the first `[`?",
        ),
        (
            "bacon.toml",
            "[device.bacon]\nkeep = 3\n",
            "devices.d/bacon.toml, line 1, column 2: this file is for one device alone; write its settings without \
             `[device.…]`",
        ),
        (
            "bacon.toml",
            "url = \"ftp://x\"\n",
            "devices.d/bacon.toml: [device.bacon] url",
        ),
        (
            "two words.toml",
            "",
            "devices.d/two words.toml is not named after a device",
        ),
        (
            "bacon.toml",
            "certificate = \"none.pem\"\n",
            "devices.d/bacon.toml: [device.bacon] certificate",
        ),
    ] {
        let dir = dir().file(&format!("devices.d/{file}"), text);
        dir.run(&["generate"]).expect(2).says(problem);
        assert!(!dir.path().join("catalog.json").exists());
    }
    // Files that are no settings may lie there.
    dir()
        .file("devices.d/README.md", "x")
        .run(&["generate"])
        .expect(0);
}

#[test]
fn settings_without_effect_are_reported_with_the_file_of_their_device() {
    let dir = dir()
        .file(
            "devices.d/fajita.toml",
            "keep = 1\n[romtype.nihgtly]\nkeep = 3\n",
        )
        .file("devices.d/bacon.tml", "")
        .file("devices.d/bacon.toml.txt", "")
        .file("devices.d/notes.txt", "")
        .file("devices.d/.bacon.tml", "");
    let run = dir.run(&["generate"]).expect(0);
    let warnings: Vec<&str> = run
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix("warning: "))
        .collect();
    let not_read = "this file is not read, as its name does not end in .toml; rename it";
    assert_eq!(
        warnings,
        [
            format!("devices.d/bacon.tml: {not_read}"),
            format!("devices.d/bacon.toml.txt: {not_read}"),
            "devices.d/fajita.toml: keep = 1: the two newest builds of each version stay listed in any case".to_owned(),
            "devices.d/fajita.toml: no build is for this device".to_owned(),
            "devices.d/fajita.toml: [romtype.nihgtly]: no build is of this release type; did you mean `nightly`?"
                .to_owned(),
        ]
    );
    let json = dir.run(&["generate", "--json"]).expect(0).json();
    let first = &json["warnings"][0];
    assert_eq!(first["file"], "devices.d/bacon.tml");
    assert_eq!(first["message"], not_read);
}

#[test]
fn a_device_has_its_settings_in_one_place() {
    let table = format!("base_url = \"{BASE_URL}\"\n[device.Bacon]\nkeep = 3\n");
    let both = dir().file("devices.d/bacon.toml", "keep = 2\n");
    both.put("romfeed.toml", table);
    both.run(&["generate"])
        .expect(2)
        .says("devices.d/bacon.toml and [device.Bacon] in romfeed.toml are for the same device");
    let cased = dir()
        .file("devices.d/bacon.toml", "")
        .file("devices.d/BACON.toml", "");
    if std::fs::read_dir(cased.path().join("devices.d"))
        .unwrap()
        .count()
        == 2
    {
        cased
            .run(&["generate"])
            .expect(2)
            .says("devices.d/bacon.toml and devices.d/BACON.toml are for the same device");
    }
}

#[test]
fn a_zip_signed_with_the_key_of_another_device_is_refused() {
    let dir = RomDir::new().file("romfeed.toml", format!("base_url = \"{BASE_URL}\"\n"));
    for (device, key) in [("onyx", Key::Alice), ("lark", Key::Bob)] {
        dir.put(&format!("{device}.x509.pem"), pem(key.certificate()));
        let settings = format!("certificate = \"{device}.x509.pem\"\n");
        dir.put(&format!("devices.d/{device}.toml"), settings);
    }
    let (name, zip) = signed("onyx", Key::Alice);
    dir.put(&name, zip);
    let (name, zip) = signed("lark", Key::Alice);
    dir.put(&name, zip);
    // A device without a certificate needs no signature.
    dir.put(&format!("builds/{}", bacon_name(0)), bacon(0));
    dir.run(&["generate"])
        .expect(1)
        .says("lineage-21.0-20231114-nightly-lark.zip: ");
    let devices = ["bacon", "lark", "onyx"]
        .map(|device| dir.path().join(format!("out/{device}.json")).exists());
    assert_eq!(devices, [true, false, true]);
    let (name, zip) = signed("lark", Key::Bob);
    dir.put(&name, zip);
    dir.run(&["generate"]).expect(0);
    assert!(dir.path().join("out/lark.json").exists());
}

#[test]
fn an_alias_of_a_device_needs_its_certificate_too() {
    let dir = RomDir::new().file("romfeed.toml", format!("base_url = \"{BASE_URL}\"\n"));
    dir.put("lark.x509.pem", pem(Key::Bob.certificate()));
    dir.put(
        "devices.d/lark.toml",
        "aliases = [\"lark2\"]\ncertificate = \"lark.x509.pem\"\n",
    );
    let (name, zip) = signed("lark2", Key::Alice);
    dir.put(&name, zip);
    dir.run(&["generate"]).expect(1).says("nightly-lark2.zip: ");
    assert!(!dir.path().join("out/lark2.json").exists());
}

#[test]
fn a_build_added_by_its_address_must_be_verified() {
    let dir = RomDir::new().file("romfeed.toml", format!("base_url = \"{BASE_URL}\"\n"));
    dir.put("lark.x509.pem", pem(Key::Bob.certificate()));
    dir.put("devices.d/lark.toml", "certificate = \"lark.x509.pem\"\n");
    let facts = [
        "catalog",
        "add",
        "--device",
        "lark",
        "--romtype",
        "nightly",
        "--version",
        "21.0",
        "--datetime",
        "2024-06-01T00:00:00Z",
        "--filename",
        "lark.zip",
        "--size",
        "9",
        "--sha256",
        &"a".repeat(64),
        "--incremental",
        "1",
        "--url",
        "https://localhost:9/lark.zip",
    ];
    dir.run(&facts)
        .expect(1)
        .says("lark.zip: it cannot be verified");
    assert!(!dir.path().join("catalog.json").exists());
}

#[test]
fn an_alias_in_the_files_of_two_devices_names_both() {
    let dir = dir()
        .file("devices.d/bacon.toml", "aliases = [\"x1\"]\n")
        .file("devices.d/onyx.toml", "aliases = [\"x1\"]\n");
    dir.run(&["generate"])
        .expect(2)
        .says("the alias `x1` is in both devices.d/bacon.toml and devices.d/onyx.toml")
        .says("hint: take it out of one of them");
    dir.put("devices.d/onyx.toml", "aliases = [\"onyx\"]\n");
    dir.run(&["generate"])
        .expect(2)
        .says("devices.d/onyx.toml: aliases: `onyx` is the device itself");
}

#[test]
fn sources_of_two_devices_need_no_names() {
    let dir = dir().file("list.json", "[]");
    let source = "[[source]]\nfiles = \"list.json\"\nbase = \"https://dl.example.org\"\n";
    for device in ["bacon", "onyx"] {
        dir.put(&format!("devices.d/{device}.toml"), source);
    }
    dir.run(&["generate", "--offline"]).expect(0);
    let named = format!("{source}name = \"zips\"\n");
    for device in ["bacon", "onyx"] {
        dir.put(&format!("devices.d/{device}.toml"), &named);
    }
    dir.run(&["generate", "--offline"])
        .expect(2)
        .says(
            "devices.d/onyx.toml: [[source]]: the name `zips` is that of another source, in devices.d/bacon.toml: \
             [[source]]",
        )
        .says("hint: give one of them another `name`");
}

#[test]
fn faults_of_sources_name_the_file_of_the_device() {
    let dir = dir().file("devices.d/onyx.toml", "[[source]]\nsourceforge = \"a b\"\n");
    dir.run(&["generate"])
        .expect(2)
        .says("devices.d/onyx.toml: [[source]]: sourceforge: `a b` is not the name of a project");
}

#[test]
fn the_certificate_in_a_file_with_other_letter_case_holds() {
    let dir = RomDir::new().file("romfeed.toml", format!("base_url = \"{BASE_URL}\"\n"));
    dir.put("lark.x509.pem", pem(Key::Bob.certificate()));
    dir.put("devices.d/LARK.toml", "certificate = \"lark.x509.pem\"\n");
    let (name, zip) = signed("lark", Key::Alice);
    dir.put(&name, zip);
    dir.run(&["generate"]).expect(1).says("nightly-lark.zip: ");
    assert!(!dir.path().join("out/lark.json").exists());
    let (name, zip) = signed("lark", Key::Bob);
    dir.put(&name, zip);
    dir.run(&["generate"])
        .expect(0)
        .says("devices.d/LARK.toml: no build is for this device; did you mean `lark`?");
}

#[test]
fn a_zip_is_checked_with_the_certificate_of_its_device() {
    let dir = RomDir::new().file("romfeed.toml", format!("base_url = \"{BASE_URL}\"\n"));
    dir.put("lark.x509.pem", pem(Key::Bob.certificate()));
    dir.put("devices.d/lark.toml", "certificate = \"lark.x509.pem\"\n");
    for (device, key, is_expected) in [
        ("lark", Key::Alice, false),
        ("lark", Key::Bob, true),
        ("onyx", Key::Alice, true),
    ] {
        let (name, zip) = signed(device, key);
        dir.put(&name, zip);
        let run = dir.run(&["check", &name]);
        assert_eq!(
            run.stderr.contains("expected that of") || run.stdout.contains("expected that of"),
            !is_expected,
            "{device}: {}",
            run.stderr
        );
    }
    // A certificate that is given takes precedence.
    dir.put("alice.x509.pem", pem(Key::Alice.certificate()));
    let (name, zip) = signed("lark", Key::Alice);
    dir.put(&name, zip);
    let run = dir.run(&["check", "--certificate", "alice.x509.pem", &name]);
    run.lacks("expected that of");
}

#[test]
fn the_file_of_a_device_reaches_neither_secrets_nor_files_nor_other_devices() {
    let dir = dir();
    let token =
        "[[source]]\nforgejo = \"http://127.0.0.1:9/x/y\"\nurl = \"https://e.org/{path}\"\n";
    dir.put("devices.d/bacon.toml", format!("{token}token = \"HOME\"\n"));
    dir.run(&["generate", "--offline"])
        .expect(2)
        .says("`token` is not for files in devices.d");
    for install in ["/etc/motd.txt", "../secret.md"] {
        dir.put("devices.d/bacon.toml", format!("install = \"{install}\"\n"));
        dir.run(&["generate", "--offline"])
            .expect(2)
            .says("is not below the folder of the settings");
    }
}

#[test]
fn a_device_cannot_let_itself_into_the_list_of_another_one() {
    let dir = dir();
    for (device, digit) in [("bacon", '1'), ("mako", '2')] {
        let name = format!("lineage-21.0-20240801-nightly-{device}.zip");
        let sha256 = digit.to_string().repeat(64);
        let url = format!("https://dl.example.org/{name}");
        let facts = ["--device", device, "--filename", &name, "--sha256", &sha256];
        dir.add_build(&[&facts[..], &["--url", &url]].concat())
            .expect(0);
    }
    let list = |own: &str| {
        dir.put(
            "devices.d/mako.toml",
            format!("aliases = [\"bacon\"]\n{own}"),
        );
        dir.run(&["generate"]).expect(0);
        String::from_utf8(dir.read("out/api/v1/bacon/nightly.json")).unwrap()
    };
    assert!(!list("same_lane = true\n").contains("mako.zip"));
    dir.put("devices.d/bacon.toml", "same_lane = true\n");
    assert!(list("").contains("mako.zip"));
}
