//! Files next to a zip: changelogs and images.

use std::time::{Duration, SystemTime};

use testkit::package::Package;
use testkit::props::Props;

use crate::support::{RomDir, bacon, bacon_name};

/// A template that prints the facts of each build, and its changelog and images.
const TEMPLATE: &str = r#"{#
scope = "site"
path = "notes.json"
format = "json"
#}
[{% for build in builds %}{"file": {{ build.filename }}, "text": {{ build.changelog | default("-") }},
"html": {{ build.changelog_html | default("-") }}, "images": [{% for image in build.images %}
{"name": {{ image.name }}, "file": {{ image.filename }}, "size": {{ image.size }},
"sha256": {{ image.sha256 }}, "url": {{ image.url | default("-") }}}{% if not loop.last %},{% endif %}{% endfor %}]}
{% if not loop.last %},{% endif %}{% endfor %}]
"#;

/// SHA-256 of `abc`, FIPS 180-2, appendix B.1.
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// A folder whose site prints them.
fn rom_dir() -> RomDir {
    let settings = "base_url = \"https://example.org/ota\"\n[[feed]]\ntemplate = \"notes\"\n";
    RomDir::new()
        .file("romfeed.toml", settings)
        .file("templates/feeds/notes.j2", TEMPLATE)
}

/// The path under `builds/`, without its ending.
fn stem(days: i64) -> String {
    let name = bacon_name(days);
    format!("builds/bacon/{}", name.strip_suffix(".zip").unwrap())
}

fn with_build(dir: RomDir, days: i64) -> RomDir {
    let zip = format!("{}.zip", stem(days));
    dir.file(&zip, bacon(days))
}

/// Returns the output of the template, newest build first.
fn notes(dir: &RomDir) -> Vec<serde_json::Value> {
    serde_json::from_slice(&dir.read("out/notes.json")).unwrap()
}

#[test]
fn changelogs_of_each_format_are_published_and_stored() {
    let dir = with_build(with_build(with_build(rom_dir(), 0), 1), 2);
    dir.put(
        &format!("{}.md", stem(0)),
        "# New\n\n- **a** <script>x</script>\n",
    );
    dir.put(
        &format!("{}.zip.html", stem(1)),
        "<h1>Neu</h1><p onclick=x>b<br>c",
    );
    let name = bacon_name(2);
    dir.put(
        &format!("builds/bacon/Changelog-{name}.txt"),
        b"A\xf1o <1>\r\nhttps://h/x\r\n",
    );
    let run = dir.run(&["generate", "--json"]).expect(0);
    let run = run.says("3 changelogs stored in changelogs");
    assert_eq!(run.json()["changelogs_kept"], 3);
    let found = notes(&dir);
    assert_eq!(found[0]["text"], "Año <1>\nhttps://h/x\n");
    let html = found[0]["html"].as_str().unwrap();
    assert!(
        html.starts_with("<pre>\nAño &lt;1&gt;\n<a href=\"https://h/x\""),
        "{html}"
    );
    assert_eq!(found[1]["text"], "Neu\n\nb\nc\n");
    assert_eq!(found[1]["html"], "<h3>Neu</h3>\n<p>b<br>c</p>\n");
    assert_eq!(found[2]["text"], "# New\n\n- **a** <script>x</script>\n");
    let html = found[2]["html"].as_str().unwrap();
    assert!(
        html.contains("<strong>a</strong>") && !html.contains("script"),
        "{html}"
    );
    let stored = dir.tree("changelogs");
    let stem = name.strip_suffix(".zip").unwrap();
    assert_eq!(stored.len(), 3);
    assert_eq!(
        stored[&format!("changelogs/{stem}.txt")],
        "Año <1>\nhttps://h/x\n".as_bytes()
    );
    // The second time, nothing is new; and the site is the same without the files next to the zips.
    let site = dir.tree("out");
    dir.run(&["generate", "--exit-code"])
        .expect(0)
        .says("up to date");
    dir.remove(&format!("builds/bacon/Changelog-{name}.txt"));
    dir.run(&["generate", "--exit-code"]).expect(0);
    assert_eq!((dir.tree("out"), dir.tree("changelogs")), (site, stored));
}

#[test]
fn a_site_from_the_catalog_alone_has_the_stored_changelogs() {
    let dir = with_build(rom_dir(), 0);
    dir.put(&format!("{}.txt", stem(0)), "old");
    let url = ["--url", "https://elsewhere.example/{filename}"];
    let generate = || dir.run(&["generate", url[0], url[1]]).expect(0);
    generate();
    std::fs::remove_dir_all(dir.path().join("builds")).unwrap();
    generate().says("up to date");
    assert_eq!(notes(&dir)[0]["text"], "old");
    // A maintainer may write files there.
    let name = bacon_name(0).replace(".zip", ".txt");
    dir.put(&format!("changelogs/{name}"), "by hand");
    generate();
    assert_eq!(notes(&dir)[0]["text"], "by hand");
}

#[test]
fn stored_changelogs_stay_when_they_cannot_be_listed() {
    let dir = with_build(rom_dir(), 0);
    dir.put(&format!("{}.txt", stem(0)), "old");
    dir.generate().expect(0);
    dir.remove(&format!("{}.txt", stem(0)));
    let site = dir.tree("out");
    let (folder, aside) = (dir.path().join("changelogs"), dir.path().join("aside"));
    std::fs::rename(&folder, &aside).unwrap();
    std::fs::write(&folder, "no folder").unwrap();
    let run = dir.generate().expect(3);
    run.says("cannot read the folder of changelogs changelogs")
        .says("nothing was published");
    assert_eq!(dir.tree("out"), site);
    std::fs::remove_file(&folder).unwrap();
    std::fs::rename(&aside, &folder).unwrap();
    dir.generate().expect(0).says("up to date");
    assert_eq!(notes(&dir)[0]["text"], "old");
}

#[test]
fn a_changelog_next_to_the_zip_replaces_the_stored_one() {
    let dir = with_build(rom_dir(), 0);
    dir.put(&format!("{}.md", stem(0)), "one");
    dir.generate().expect(0);
    dir.remove(&format!("{}.md", stem(0)));
    dir.put(&format!("{}.txt", stem(0)), "two");
    let run = dir.run(&["generate", "--dry-run", "--exit-code"]);
    run.expect(1).says("1 changelog to store in changelogs");
    let name = bacon_name(0).replace(".zip", "");
    assert_eq!(dir.read(&format!("changelogs/{name}.md")), b"one");
    dir.generate().expect(0);
    let stored = dir.tree("changelogs");
    assert_eq!(
        stored.into_iter().collect::<Vec<_>>(),
        [(format!("changelogs/{name}.txt"), b"two".to_vec())]
    );
    assert_eq!(notes(&dir)[0]["text"], "two");
}

#[test]
fn files_that_are_not_changelogs_are_ignored_or_reported() {
    let dir = with_build(with_build(rom_dir(), 0), 1);
    dir.put(
        &format!("{}.txt", stem(0)),
        format!("{ABC}  {}\n", bacon_name(0)),
    );
    dir.put(&format!("{}-changelog.txt", stem(0)), "the real one");
    std::fs::create_dir(dir.path().join(format!("{}.md", stem(1)))).unwrap();
    let run = dir.generate().expect(0);
    run.says("cannot be read, so it is left out")
        .says("2 builds for 1 device");
    assert_eq!(notes(&dir)[0]["text"], "-");
    assert_eq!(notes(&dir)[1]["text"], "the real one");
}

#[test]
fn a_changelog_of_a_hundred_megabytes_is_cut() {
    let dir = with_build(rom_dir(), 0);
    let path = format!("{}.txt", stem(0));
    dir.put(&path, "line\n".repeat(100_000));
    let file = std::fs::File::options()
        .write(true)
        .open(dir.path().join(&path))
        .unwrap();
    file.set_len(100 << 20).unwrap();
    dir.generate().expect(0);
    let text = notes(&dir)[0]["text"].as_str().unwrap().to_owned();
    assert!(
        text.len() <= 256 << 10 && text.ends_with("longer than 256 KiB]\n"),
        "{}",
        text.len()
    );
    dir.generate().expect(0).says("up to date");
}

#[test]
fn changelogs_are_not_stored_in_the_site() {
    let dir = with_build(rom_dir(), 0);
    let run = dir.run(&["generate", "--changelogs", "out/changelogs"]);
    run.expect(2)
        .says("lies inside the output folder")
        .says("hint: keep it next to");
    assert!(!dir.path().join("out").exists());
}

#[test]
fn the_updater_of_cyanogenmod_gets_the_changelog_of_each_build() {
    let props = |days: i64| {
        let timestamp = 1_440_000_000 + days * 86_400;
        Props::lineage(
            "12.1",
            "nightly",
            "mako",
            timestamp,
            &format!("i{days}"),
            22,
            "2015-08-01",
        )
    };
    let zip = |days| Package::files(props(days)).build();
    let dir = rom_dir()
        .file("builds/cm-12.1-20150820-NIGHTLY-mako.zip", zip(1))
        .file("builds/cm-12.1-20150819-NIGHTLY-mako.zip", zip(0))
        .file("builds/cm-12.1-20150820-NIGHTLY-mako.html", "<p>new</p>");
    dir.generate().expect(0);
    let folder = "out/legacy/mako/nightly";
    let list = dir.read(&format!("{folder}/index.json"));
    let list: serde_json::Value = serde_json::from_slice(&list).unwrap();
    let changes = |index: usize| list["result"][index]["changes"].as_str().unwrap();
    let base = "https://example.org/ota/legacy/mako/nightly";
    assert_eq!(
        changes(0),
        format!("{base}/changes/cm-12.1-20150820-NIGHTLY-mako.zip.txt")
    );
    assert_eq!(changes(1), format!("{base}/changes.txt"));
    let text = dir.read(&format!(
        "{folder}/changes/cm-12.1-20150820-NIGHTLY-mako.zip.txt"
    ));
    assert_eq!(text, b"new\n");
}

#[test]
fn images_next_to_a_zip_are_in_catalog_and_templates() {
    let dir = with_build(with_build(rom_dir(), 0), 1)
        .file("builds/solo/recovery.img", "abc")
        .file("builds/solo/logo.img", "abc");
    let solo = Props::lineage(
        "21.0",
        "nightly",
        "solo",
        1_700_000_000,
        "s",
        34,
        "2023-11-05",
    );
    dir.put(
        "builds/solo/lineage-21.0-20231114-nightly-solo.zip",
        Package::files(solo).build(),
    );
    dir.put(&format!("{}-vbmeta.img", stem(1)), "abc");
    dir.put(&format!("{}-recovery.img", stem(1)), "abc");
    // With two zips, its owner is ambiguous.
    dir.put("builds/bacon/boot.img", "abc");
    dir.generate().expect(0);
    let found = notes(&dir);
    let name = bacon_name(1).replace(".zip", "-recovery.img");
    let recovery = serde_json::json!({"name": "recovery", "file": name, "size": 3, "sha256": ABC,
        "url": format!("https://example.org/ota/builds/bacon/{name}")});
    assert_eq!(found[0]["images"][0], recovery);
    assert_eq!(found[0]["images"][1]["name"], "vbmeta");
    let of =
        |file: &str| found.iter().find(|build| build["file"] == file).unwrap()["images"].clone();
    assert_eq!(of(&bacon_name(0)), serde_json::json!([]));
    assert_eq!(
        of("lineage-21.0-20231114-nightly-solo.zip")[0]["url"],
        "https://example.org/ota/builds/solo/recovery.img"
    );
    // The addresses follow the settings, and the images are known from the catalog alone.
    std::fs::remove_dir_all(dir.path().join("builds")).unwrap();
    let url = "https://dl.example/{device}/{datetime}/{filename}?s={sha256}";
    dir.run(&["generate", "--url", url]).expect(0);
    let expected = format!("https://dl.example/bacon/1700086400/{name}?s={ABC}");
    assert_eq!(notes(&dir)[0]["images"][0]["url"], expected);
}

#[test]
fn an_image_is_hashed_once_and_again_when_it_changes() {
    let dir = with_build(rom_dir(), 0);
    let image = format!("{}-boot.img", stem(0));
    let put = |bytes: &str, age: u64| {
        dir.put(&image, bytes);
        let file = std::fs::File::options()
            .write(true)
            .open(dir.path().join(&image))
            .unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + age))
            .unwrap();
    };
    let sha256 = || {
        notes(&dir)[0]["images"][0]["sha256"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    put("abc", 0);
    dir.generate().expect(0);
    assert_eq!(sha256(), ABC);
    // The cache is trusted, so nothing is read.
    let cache = String::from_utf8(dir.read(".romfeed/cache.json")).unwrap();
    let other = "0".repeat(64);
    dir.put_cache(&cache.replace(ABC, &other));
    dir.generate().expect(0);
    assert_eq!(sha256(), other);
    put("abd", 1);
    dir.generate().expect(0);
    assert!(![ABC, &other].contains(&&*sha256()));
    dir.remove(&image);
    dir.generate().expect(0);
    assert_eq!(notes(&dir)[0]["images"], serde_json::json!([]));
}

#[test]
fn an_image_with_a_wrong_digest_is_left_out_but_its_build_is_published() {
    let dir = with_build(rom_dir(), 0);
    dir.put(&format!("{}-boot.img", stem(0)), "abd");
    dir.put(
        &format!("{}-boot.img.sha256sum", stem(0)),
        format!("{ABC}  x-boot.img\n"),
    );
    dir.put(&format!("{}-dtbo.img", stem(0)), "");
    let run = dir.generate().expect(0);
    run.says("is left out: its sha256 is")
        .says("is empty")
        .says("1 build for 1 device");
    assert_eq!(notes(&dir)[0]["images"], serde_json::json!([]));
}

#[test]
fn a_catalog_with_an_impossible_image_is_refused() {
    let dir = with_build(rom_dir(), 0);
    dir.put(&format!("{}-boot.img", stem(0)), "abc");
    dir.generate().expect(0);
    let catalog = String::from_utf8(dir.read("catalog.json")).unwrap();
    for (old, new, reason) in [
        (ABC, "x", "is not 64 lower-case hex digits"),
        ("\"boot\"", "\"logo\"", "has a name that is not known"),
        ("-boot.img", "/../boot.img", "is not a file name"),
    ] {
        dir.put("catalog.json", catalog.replace(old, new));
        dir.generate().expect(2).says(reason);
    }
}

#[test]
fn machines_with_and_without_the_images_agree() {
    let dir = with_build(rom_dir(), 0);
    dir.generate().expect(0);
    dir.put("other.json", dir.read("catalog.json"));
    dir.put(&format!("{}-boot.img", stem(0)), "abc");
    let both = ["--catalog", "catalog.json", "--catalog", "other.json"];
    dir.run(&["generate", both[0], both[1], both[2], both[3]])
        .expect(0)
        .says("changed");
    assert_eq!(notes(&dir)[0]["images"][0]["sha256"], ABC);
}

#[test]
fn an_image_of_a_zip_with_its_own_address_is_linked_next_to_it() {
    let dir = with_build(rom_dir(), 0);
    dir.put(&format!("{}-boot.img", stem(0)), "abc");
    dir.generate().expect(0);
    let name = bacon_name(0);
    let with_url = |url: &str| {
        let catalog = String::from_utf8(dir.read("catalog.json")).unwrap();
        let mut catalog: serde_json::Value = serde_json::from_str(&catalog).unwrap();
        catalog["builds"][0]["url"] = url.into();
        dir.put("catalog.json", catalog.to_string());
        dir.generate().expect(0);
        notes(&dir)[0]["images"][0]["url"].clone()
    };
    let image = name.replace(".zip", "-boot.img");
    let own = format!("https://h/a/{name}?x=1");
    assert_eq!(with_url(&own), format!("https://h/a/{image}?x=1"));
    // Its address is unknown.
    assert_eq!(with_url(&format!("https://h/{name}/download")), "-");
}
