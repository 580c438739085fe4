//! The errors of `generate`.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use testkit::metadata::Metadata;
use testkit::package::Package;
use testkit::signing::Key;
use testkit::zip::{Entry, Zip};

use super::{BASE_URL, RomDir, Transcript, bacon, bacon_name, bacon_props, published, zip_path};

const GENERATE: [&str; 3] = ["generate", "--base-url", BASE_URL];

#[test]
fn errors_in_the_settings() {
    let mut transcript = Transcript::default();
    for (title, settings) in [
        ("a value is missing", "# one\nbase_url = \n"),
        ("a text is not closed", "base_url = \"https://h\n"),
        ("a key occurs twice", "jobs = 2\njobs = 3\n"),
        ("an unknown key", "base-url = \"https://h\"\n"),
        (
            "an unknown key of a device",
            "[device.bacon]\nuri = \"x\"\n",
        ),
        (
            "an unknown key of [require]",
            "[require]\nunheard_of = true\n",
        ),
        ("a number for a text", "base_url = 5\n"),
        ("a text for a number", "keep = \"x\"\n"),
        ("a negative number", "keep = -1\n"),
        ("a number for a list", "exclude = 5\n"),
        ("a number for a path", "catalog = 5\n"),
        ("a number for true or false", "follow_links = 1\n"),
        (
            "an override without a package",
            "[[override]]\ndevice = \"x\"\n",
        ),
        (
            "an override that is a table",
            "[override]\ndevice = \"x\"\n",
        ),
        ("a pattern that is not closed", "exclude = [\"[\"]\n"),
        ("a duration without a unit", "min_age = \"2 fortnights\"\n"),
        (
            "an unknown way of upgrading",
            "major_upgrades = \"maybe\"\n",
        ),
        (
            "a device feed that is not shipped",
            "device_feed = \"v3\"\n",
        ),
        (
            "a feed template that is not shipped",
            "[[feed]]\ntemplate = \"none\"\n",
        ),
        ("an unknown placeholder", "url = \"https://h/{file}\"\n"),
        (
            "a placeholder that is not closed",
            "url = \"https://h/{filename\"\n",
        ),
        (
            "one address for all builds",
            "url = \"https://h/{device}\"\n",
        ),
        ("plain http", "base_url = \"http://h\"\n"),
        (
            "plain http for a device",
            "[device.bacon]\nurl = \"http://h/{path}\"\n",
        ),
        ("not a color", "[site]\ncolor = \"purple\"\n"),
        (
            "a logo that does not exist",
            "[site]\nlogo = \"logo.svg\"\n",
        ),
        (
            "a link without an address",
            "[site]\nlinks = [{ name = \"x\" }]\n",
        ),
        (
            "instructions that do not exist",
            "[site]\ninstall = \"install.md\"\n",
        ),
        (
            "a variant without a rule",
            "[[variant]]\nname = \"gapps\"\n",
        ),
        (
            "a variant that cannot be a path",
            "[[variant]]\nname = \"a/b\"\npackage = \"*\"\n",
        ),
        (
            "an alias that is another device's",
            "[device.bacon]\naliases = [\"x\"]\n[device.mako]\naliases = [\"x\"]\n",
        ),
        (
            "a signer that is not a fingerprint or a name",
            "accept_new_signer = [5]\n",
        ),
        ("a family without markers", "[[family]]\nname = \"my\"\n"),
        (
            "a known incremental that cannot be a path",
            "[device.bacon.known_incrementals]\nnightly = [\"a/b\"]\n",
        ),
    ] {
        let dir = RomDir::new()
            .file(&zip_path(0), bacon(0))
            .file("romfeed.toml", settings);
        transcript.run(title, &dir, &["generate"]);
    }
    insta::assert_snapshot!(transcript.0);
}

#[test]
fn errors_on_the_command_line() {
    let mut transcript = Transcript::default();
    let dir = RomDir::new().file(&zip_path(0), bacon(0));
    for (title, args) in [
        ("no address is known", &["generate"][..]),
        ("plain http", &["generate", "--base-url", "http://h"]),
        (
            "an unknown placeholder",
            &["generate", "--url", "https://h/{nothing}"],
        ),
        (
            "settings that do not exist",
            &["generate", "-c", "none.toml"],
        ),
        ("an unknown flag", &["generate", "--base-uri", "https://h"]),
        ("an argument too many", &["generate", "bacon"]),
        ("an unknown command", &["genrate"]),
        ("a number that is none", &["generate", "--jobs", "many"]),
        (
            "a folder of builds that does not exist",
            &["generate", "--builds", "gone", "--base-url", BASE_URL],
        ),
        (
            "builds that are a file",
            &["generate", "--builds", &zip_path(0), "--base-url", BASE_URL],
        ),
        (
            "one folder for builds and site",
            &["generate", "--out", "builds", "--base-url", BASE_URL],
        ),
        (
            "the catalog in the site",
            &[
                "generate",
                "--catalog",
                "out/catalog.json",
                "--base-url",
                BASE_URL,
            ],
        ),
        (
            "the changelogs in the site",
            &[
                "generate",
                "--changelogs",
                "out/changelogs",
                "--base-url",
                BASE_URL,
            ],
        ),
        (
            "a site that is a file",
            &["generate", "--out", &zip_path(0), "--base-url", BASE_URL],
        ),
    ] {
        transcript.run(title, &dir, args);
    }
    insta::assert_snapshot!(transcript.0);
}

#[test]
fn errors_in_the_catalog() {
    let mut transcript = Transcript::default();
    let sound = String::from_utf8(published().read("catalog.json")).unwrap();
    let half = &sound[..sound.len() / 2];
    let marked = format!("<<<<<<< ours\n{sound}=======\n{sound}>>>>>>> theirs\n");
    let renamed = |from: &str, to: &str| sound.replacen(from, to, 1);
    for (title, text) in [
        ("an empty catalog", ""),
        ("a catalog that is cut short", half),
        ("a catalog that git could not merge", &marked),
        ("an unknown field", &renamed("\"datetime\"", "\"date\"")),
        (
            "a release type that leaves the site",
            &renamed("\"nightly\"", "\"../x\""),
        ),
        (
            "a later schema",
            "{\"schema\": 2, \"builds\": {\"some\": \"thing\"}}",
        ),
        (
            "a catalog without the published builds",
            "{\"schema\": 1, \"builds\": []}",
        ),
    ] {
        let dir = published();
        dir.put("catalog.json", text);
        transcript.run(title, &dir, &GENERATE);
    }
    let dir = published();
    dir.remove("catalog.json");
    transcript.run("the catalog is gone", &dir, &GENERATE);
    let dir = published();
    dir.put("other.json", renamed("\"21.0\"", "\"20.0\""));
    dir.put(
        "romfeed.toml",
        "catalog = [\"catalog.json\", \"other.json\"]\n",
    );
    transcript.run("two catalogs contradict each other", &dir, &GENERATE);
    let dir = published();
    let address = ["--catalog", "https://ota.example.org/catalog.json"];
    let args = [&GENERATE[..], &address].concat();
    transcript.run("an address in place of the catalog", &dir, &args);
    let folder = || {
        RomDir::new()
            .file(&zip_path(0), bacon(0))
            .file("catalog/bacon.json", &sound)
            .file("romfeed.toml", "catalog = \"catalog/\"\n")
    };
    let dir = folder();
    dir.put("catalog/notes.json", "{}");
    transcript.run("a file that is not a catalog", &dir, &GENERATE);
    let dir = folder();
    dir.put(
        "catalog/fp5.json",
        renamed("\"device\": \"bacon\"", "\"device\": \"FP5\""),
    );
    let args = [&GENERATE[..], &["--catalog-only"]].concat();
    transcript.run("two files that have the same build", &dir, &args);
    insta::assert_snapshot!(transcript.0);
}

#[test]
fn errors_in_the_folders_of_the_site() {
    let mut transcript = Transcript::default();
    let dir = RomDir::new()
        .file(&zip_path(0), bacon(0))
        .file("out/thesis.txt", "mine");
    transcript.run("files that romfeed did not write", &dir, &GENERATE);
    for (title, manifest) in [
        (
            "a manifest that is cut short",
            "{\"schema\":1,\n\"files\":[",
        ),
        (
            "a manifest of a later schema",
            "{\"schema\":9,\"files\":[]}",
        ),
    ] {
        let dir = published();
        dir.put("out/.romfeed/manifest.json", manifest);
        transcript.run(title, &dir, &GENERATE);
    }
    let dir = published();
    dir.put(&zip_path(1), bacon(1));
    dir.put("out/api/v1/bacon/nightly/inc1", "theirs");
    transcript.run("a file in the place of a page", &dir, &GENERATE);
    let dir = published();
    dir.put(&zip_path(1), bacon(1));
    dir.put("out/api/v1/bacon/nightly/inc1/x", "theirs");
    transcript.run("a folder in the place of a page", &dir, &GENERATE);
    let dir = RomDir::new().file(&zip_path(0), bacon(0));
    dir.put("changelogs", "a file");
    transcript.run("changelogs that are a file", &dir, &GENERATE);
    let dir = RomDir::new().file(&zip_path(0), bacon(0));
    dir.put(".romfeed", "a file");
    transcript.run("a state folder that is a file", &dir, &GENERATE);
    for (title, path, body) in [
        ("two pages at one path", "index.html", "x"),
        ("a page in the place of a folder", "api", "x"),
        ("a path that leaves the site", "../{device}.json", "x"),
        ("a path without the device", "x.json", "{{ device.name }}"),
        ("an unknown placeholder", "{phone}.json", "x"),
        ("a tag that is not closed", "{device}.txt", "{{ device"),
        (
            "a block that is not closed",
            "{device}.txt",
            "{% if device %}",
        ),
        ("an unknown name", "{device}.txt", "{{ nothing.at.all }}"),
        ("an unknown filter", "{device}.txt", "{{ device | shout }}"),
        ("text that is not JSON", "{device}/own.json", "{ not json"),
    ] {
        let dir = RomDir::new().file(&zip_path(0), bacon(0));
        let head = format!("{{#\nscope = \"device\"\npath = \"{path}\"\n#}}\n");
        dir.put("templates/feeds/own.j2", head + body);
        dir.put("romfeed.toml", "[[feed]]\ntemplate = \"own\"\n");
        transcript.run(&format!("a feed template: {title}"), &dir, &GENERATE);
    }
    for (title, template) in [
        ("without its settings", "x"),
        ("with an unknown setting", "{#\nscop = \"device\"\n#}\nx"),
        (
            "with an unknown scope",
            "{#\nscope = \"phone\"\npath = \"x\"\n#}\nx",
        ),
    ] {
        let dir = RomDir::new().file(&zip_path(0), bacon(0));
        dir.put("templates/feeds/own.j2", template);
        dir.put("romfeed.toml", "[[feed]]\ntemplate = \"own\"\n");
        transcript.run(&format!("a feed template {title}"), &dir, &GENERATE);
    }
    for (title, body) in [
        ("a page template that is not closed", "{% if x %}"),
        (
            "a page template with an unknown filter",
            "{{ site | shout }}",
        ),
    ] {
        let dir = RomDir::new().file(&zip_path(0), bacon(0));
        dir.put("templates/home.html", body);
        transcript.run(title, &dir, &GENERATE);
    }
    insta::assert_snapshot!(transcript.0);
}

/// A package whose facts are only in these properties.
fn with_props(change: &[(&str, &str)]) -> Vec<u8> {
    let props = change
        .iter()
        .fold(bacon_props(1), |props, (key, value)| props.set(key, value));
    Package::files(props).without_metadata().build()
}

/// A package with one more file in the updater's folder.
fn beside_updater(name: &str) -> Vec<u8> {
    Zip::new()
        .stored("META-INF/com/google/android/update-binary", "#!")
        .stored(name, "x")
        .build()
}

#[test]
fn errors_of_packages() {
    let mut transcript = Transcript::default();
    let metadata = |metadata: Metadata| {
        Package::payload(bacon_props(1))
            .metadata(metadata.ota_type("AB").timestamp(1_700_086_400))
            .metadata_text_only()
            .build()
    };
    let whole = bacon(1);
    let twice = Package::files(bacon_props(1))
        .add(Entry::stored("system/build.prop", "x"))
        .build();
    let slip = Package::files(bacon_props(1))
        .add(Entry::stored("../evil", "x"))
        .build();
    let bomb = Package::files(bacon_props(1))
        .with_build_prop(false)
        .add(Entry::deflated("system/build.prop", vec![b'#'; 8 << 20]))
        .build();
    let no_properties = Zip::new().stored("payload.bin", "CrAU").build();
    let damaged_payload = Zip::new()
        .stored("payload.bin", "CrAU and no more")
        .stored("payload_properties.txt", "")
        .build();
    for (title, name, zip) in [
        ("an empty file", "a.zip", Vec::new()),
        ("not a zip", "a.zip", b"rot".to_vec()),
        (
            "a zip that is cut short",
            "a.zip",
            whole[..whole.len() / 2].to_vec(),
        ),
        ("a name that leaves the package", "a.zip", slip),
        ("an entry that occurs twice", "a.zip", twice),
        ("an entry that inflates beyond its limit", "a.zip", bomb),
        (
            "a Magisk module",
            "a.zip",
            Zip::new().stored("module.prop", "x").build(),
        ),
        ("GApps", "a.zip", beside_updater("g.prop")),
        ("a payload without its properties", "a.zip", no_properties),
        ("a damaged payload", "a.zip", damaged_payload),
        (
            "a zip of images",
            "a.zip",
            Zip::new().stored("boot.img", "x").build(),
        ),
        (
            "any other zip",
            "a.zip",
            Zip::new().stored("readme.txt", "x").build(),
        ),
        (
            "facts that nothing gives",
            "a.zip",
            Package::payload(bacon_props(1)).without_metadata().build(),
        ),
        (
            "a device that leaves the site",
            "a.zip",
            with_props(&[("ro.lineage.device", "../x")]),
        ),
        (
            "a release type with a blank",
            "a.zip",
            with_props(&[("ro.lineage.releasetype", "my build")]),
        ),
        (
            "an incremental with a slash",
            "a.zip",
            with_props(&[("ro.build.version.incremental", "a/b")]),
        ),
        (
            "a date in milliseconds",
            "a.zip",
            with_props(&[("ro.build.date.utc", "1700000000000")]),
        ),
        (
            "a date in the future",
            "a.zip",
            with_props(&[("ro.build.date.utc", "4000000000")]),
        ),
        (
            "two devices",
            &bacon_name(1),
            metadata(Metadata::new().device("mako")),
        ),
        ("a file name with a line feed", "a\nb.zip", bacon(1)),
    ] {
        let dir = published();
        dir.put(&format!("builds/{name}"), zip);
        transcript.run(title, &dir, &GENERATE);
    }
    insta::assert_snapshot!(transcript.0);
}

#[test]
fn errors_of_packages_with_their_neighbours() {
    let mut transcript = Transcript::default();
    for (title, end, text) in [
        (
            "a digest that differs",
            "sha256sum",
            format!("{}  x\n", "0".repeat(64)),
        ),
        (
            "an MD5 that differs",
            "md5sum",
            format!("{}  x\n", "0".repeat(32)),
        ),
        (
            "a digest file of something else",
            "sha256sum",
            "what?".to_owned(),
        ),
        ("properties of something else", "prop", "what?".to_owned()),
    ] {
        let dir = published();
        dir.put(&zip_path(1), bacon(1));
        dir.put(&format!("{}.{end}", zip_path(1)), text);
        transcript.run(title, &dir, &GENERATE);
    }
    let dir = published();
    dir.put("builds/a/update.zip", bacon(1));
    dir.put("builds/b/update.zip", bacon(2));
    transcript.run("two packages of one name", &dir, &GENERATE);
    let dir = published();
    dir.put("builds/copy.zip", bacon(0));
    transcript.run("one package under two names", &dir, &GENERATE);
    let dir = published();
    let mako = bacon_props(0).set("ro.lineage.device", "mako");
    let mako = Package::files(mako).without_metadata().build();
    dir.put(&zip_path(0), mako);
    transcript.run("a name that a build of another device has", &dir, &GENERATE);
    let dir = published();
    dir.put(&zip_path(0), "rot");
    transcript.run("a published package that was damaged", &dir, &GENERATE);
    let dir = published();
    dir.remove(&zip_path(0));
    transcript.run("a published package that is gone", &dir, &GENERATE);
    let dir = published();
    dir.put(&zip_path(1), bacon(1));
    dir.put(
        "romfeed.toml",
        "[[override]]\npackage = \"**\"\ndevice = \"../x\"\n",
    );
    transcript.run("an override that leaves the site", &dir, &GENERATE);
    let signed = |days, key| Package::files(bacon_props(days)).signed(key).build();
    let dir = RomDir::new().file(&zip_path(0), signed(0, Key::Alice));
    dir.generate().expect(0);
    dir.put(&zip_path(1), signed(1, Key::Bob));
    transcript.run("another signer", &dir, &GENERATE);
    dir.put(&zip_path(1), bacon(1));
    transcript.run("no signer any more", &dir, &GENERATE);
    let dir = published();
    let gapps = bacon_name(1).replace("nightly", "nightly-gapps");
    dir.put(&format!("builds/bacon/{gapps}"), bacon(1));
    transcript.run("another variant", &dir, &GENERATE);
    let dir = RomDir::new().file(&zip_path(0), bacon(0));
    dir.put("romfeed.toml", "[require]\nsignature = true\n");
    transcript.run("a signature that is required", &dir, &GENERATE);
    insta::assert_snapshot!(transcript.0);
}

#[test]
fn errors_of_links_and_names() {
    let mut transcript = Transcript::default();
    type Change = fn(&RomDir);
    let link = |dir: &RomDir, to: &str, from: &str| {
        symlink(to, dir.path().join(from)).unwrap();
    };
    let cases: [(&str, &str, Change); 3] = [
        ("a socket", "socket.zip", |dir| {
            let path = dir.path().join("builds/socket.zip");
            drop(std::os::unix::net::UnixListener::bind(path).unwrap());
        }),
        ("a name that is not UTF-8", "", |dir| {
            let name = std::ffi::OsStr::from_bytes(b"caf\xe9.zip");
            std::fs::write(dir.path().join("builds").join(name), bacon(1)).unwrap();
        }),
        ("folders too deep", "", |dir| {
            dir.put(&format!("builds/{}a.zip", "d/".repeat(20)), bacon(1));
        }),
    ];
    for (title, _, change) in cases {
        let dir = published();
        change(&dir);
        transcript.run(title, &dir, &GENERATE);
    }
    for (title, to, from, settings) in [
        ("a link to a device", "/dev/zero", "builds/endless.zip", ""),
        ("a link to nothing", "nowhere", "builds/gone.zip", ""),
        ("a link to itself", "self.zip", "builds/self.zip", ""),
        ("a folder that is a link", "..", "builds/up", ""),
        (
            "a loop of folders",
            "..",
            "builds/up",
            "follow_links = true\n",
        ),
    ] {
        let dir = published();
        link(&dir, to, from);
        dir.put("romfeed.toml", settings);
        transcript.run(title, &dir, &GENERATE);
    }
    insta::assert_snapshot!(transcript.0);
}
