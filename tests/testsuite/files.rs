//! `romfeed files`: exactly what each step of publishing copies or removes.

use sha2::{Digest, Sha256};

use super::support::{BASE_URL, RomDir, bacon, bacon_name};

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A folder with two builds, one of them with an image, digests and a signature, and a site.
fn published() -> RomDir {
    let zip = format!("builds/bacon/{}", bacon_name(7));
    let dir = RomDir::new()
        .file("romfeed.toml", "exclude = [\"*-target_files-*\"]\n")
        .file(&format!("builds/bacon/{}", bacon_name(0)), bacon(0))
        .file(&zip, bacon(7))
        .file(
            &format!("{zip}.csig"),
            "\x30\x01{\"version\":2,\"files\":[]}\x00",
        )
        .file(&zip.replace(".zip", "-recovery.img"), "image");
    dir.generate().expect(0);
    dir
}

fn lines(dir: &RomDir, args: &[&str]) -> Vec<String> {
    let run = dir.run(&[&["files", "--base-url", BASE_URL], args].concat());
    let run = run.expect(0);
    run.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn only_packages_of_the_catalog_and_their_sidecars_are_listed() {
    let dir = published();
    for path in [
        "builds/releasekey.pk8",
        "builds/.private/releasekey.pk8",
        "builds/bacon/notes.md",
        "builds/bacon/x-target_files-1.zip",
        "builds/bacon/unknown.zip",
        "builds/bacon/vbmeta.img",
    ] {
        dir.put(path, "secret");
    }
    let zip = format!("bacon/{}", bacon_name(7));
    dir.put(&format!("builds/{zip}.sha256"), "digest");
    dir.put(
        &format!("builds/{}", zip.replace(".zip", ".txt")),
        "changes",
    );
    dir.put(
        &format!("builds/{}", zip.replace(".zip", ".html")),
        "<script>",
    );
    let zips = [
        format!("bacon/{}", bacon_name(0)),
        zip.replace(".zip", ".txt"),
        zip.clone(),
        format!("{zip}.csig"),
        format!("{zip}.sha256"),
    ];
    let mut zips = zips.to_vec();
    zips.sort_unstable();
    assert_eq!(lines(&dir, &["zips"]), zips);
    let image = zip.replace(".zip", "-recovery.img");
    assert_eq!(lines(&dir, &["images"]), [image.as_str()]);

    dir.run(&["catalog", "yank", &bacon_name(0), "--reason", "bad"])
        .expect(0);
    assert!(!lines(&dir, &["zips"]).contains(&zips[0]));
    // Two steps in one list.
    let both = lines(&dir, &["zips", "images"]);
    assert!(both.contains(&zip) && both.contains(&image));
}

#[cfg(unix)]
#[test]
fn links_are_listed_only_if_they_are_packages() {
    use std::os::unix::fs::symlink;
    let dir = published();
    dir.put("secret", "of another user");
    let folder = dir.path().join("builds/bacon");
    let zip = bacon_name(7);
    symlink("../../secret", folder.join(format!("{zip}.sha256sum"))).unwrap();
    let image = zip.replace(".zip", "-recovery.img");
    std::fs::remove_file(folder.join(&image)).unwrap();
    dir.put("store/image", "image");
    symlink("../../store/image", folder.join(&image)).unwrap();
    std::fs::rename(folder.join(&zip), dir.path().join("store/zip")).unwrap();
    symlink("../../store/zip", folder.join(&zip)).unwrap();
    let listed = lines(&dir, &["zips", "images"]);
    assert!(listed.contains(&format!("bacon/{zip}")), "{listed:?}");
    let is_link = |path: &&String| path.ends_with(".sha256sum") || path.ends_with(".img");
    assert_eq!(listed.iter().find(is_link), None);
}

#[test]
fn a_package_that_changed_after_generate_is_left_out_with_a_warning() {
    let dir = published();
    dir.put(&format!("builds/bacon/{}", bacon_name(0)), "half of it");
    let run = dir.run(&["files", "zips"]).expect(0);
    assert!(!run.stdout.contains(&bacon_name(0)), "{}", run.stdout);
    run.says(&format!(
        "bacon/{} differs from the catalog, so it is not published",
        bacon_name(0)
    ));
}

#[test]
fn addresses_use_the_published_names() {
    let dir = published();
    dir.put(
        "romfeed.toml",
        "url = \"https://h.example/{device}-{datetime}/{filename}?raw=1\"\n",
    );
    let zip = bacon_name(7);
    let listed = lines(&dir, &["zips", "images", "--url"]);
    let image = zip.replace(".zip", "-recovery.img");
    for (name, digest) in [
        (zip.clone(), sha256(&bacon(7))),
        // The catalog does not have its digest.
        (format!("{zip}.csig"), String::new()),
        (image, sha256(b"image")),
    ] {
        let url = format!("https://h.example/bacon-1700604800/{name}?raw=1");
        let line = format!("bacon/{name}\t{url}\t{digest}");
        assert!(listed.contains(&line), "no {line} in {listed:?}");
    }
}

/// A folder with two devices that each have a `recovery.img` with a checksum.
fn two_recoveries() -> RomDir {
    let dir = RomDir::new()
        .file(&format!("builds/a/{}", bacon_name(3)), bacon(3))
        .file(&format!("builds/b/{}", bacon_name(4)), bacon(4));
    for folder in ["a", "b"] {
        dir.put(&format!("builds/{folder}/recovery.img"), folder);
        let line = format!("{}  recovery.img\n", sha256(folder.as_bytes()));
        dir.put(&format!("builds/{folder}/recovery.img.sha256sum"), line);
    }
    dir
}

#[test]
fn images_of_several_builds_have_different_names_in_one_folder_of_a_host() {
    let dir = two_recoveries();
    for url in [
        "https://h.example/all/{filename}",
        "https://h.example/{size}/{filename}?raw=1",
    ] {
        dir.put("romfeed.toml", format!("url = \"{url}\"\n"));
        dir.generate().expect(0);
        let listed = lines(&dir, &["images", "--url"]);
        let expected = [("a", 3), ("b", 4)].map(|(folder, nth)| {
            let name = bacon_name(nth).replace(".zip", "-recovery.img");
            let url = url.replace("{size}", "1").replace("{filename}", &name);
            let digest = sha256(folder.as_bytes());
            format!("{folder}/recovery.img\t{url}\t{digest}")
        });
        // Without the checksum files, which name `recovery.img`.
        assert_eq!(listed, expected);
        for (line, nth) in listed.iter().zip([3, 4]) {
            let url = line.split('\t').nth(1).unwrap();
            let page = bacon_name(nth).replace(".zip", ".html");
            let page = String::from_utf8(dir.read(&format!("out/bacon/builds/{page}"))).unwrap();
            assert!(page.contains(&format!("href=\"{url}\"")), "{url}: {page}");
        }
    }
}

#[test]
fn images_have_their_own_name_where_their_folder_is_in_the_address() {
    let dir = two_recoveries();
    for (settings, before) in [
        (
            "url = \"https://h.example/{device}/{path}\"\n",
            "https://h.example/bacon",
        ),
        ("", "https://example.org/ota/builds"),
    ] {
        dir.put("romfeed.toml", settings);
        dir.generate().expect(0);
        let listed = lines(&dir, &["images", "--url"]);
        assert_eq!(listed.len(), 4, "{listed:?}");
        for name in ["recovery.img", "recovery.img.sha256sum"] {
            let line = format!("b/{name}\t{before}/b/{name}\t");
            assert!(listed.iter().any(|l| l.starts_with(&line)), "{listed:?}");
        }
    }
}

#[test]
fn an_image_has_no_address_if_it_would_be_that_of_the_zip() {
    let dir = two_recoveries();
    dir.put(
        "romfeed.toml",
        "url = \"https://h.example/{datetime}.zip\"\n",
    );
    dir.generate().expect(0);
    let listed = lines(&dir, &["images", "--url"]);
    assert_eq!(listed[0], format!("a/recovery.img\t\t{}", sha256(b"a")));
    let page = String::from_utf8(dir.read("out/bacon.html")).unwrap();
    assert_eq!(page.matches(&sha256(b"a")).count(), 0, "{page}");
}

#[test]
fn each_file_of_the_site_belongs_to_one_step() {
    let dir = published();
    let manifest: serde_json::Value =
        serde_json::from_slice(&dir.read("out/.romfeed/manifest.json")).unwrap();
    let mut all: Vec<String> = serde_json::from_value(manifest["files"].clone()).unwrap();
    all.sort_unstable();
    let steps = ["pages", "feeds", "indexes"].map(|step| lines(&dir, &[step]));
    let mut listed = steps.concat();
    listed.sort_unstable();
    assert_eq!(listed, all);
    let [pages, feeds, indexes] = steps;
    let has = |list: &[String], path: &str| assert!(list.iter().any(|p| p == path), "{path}");
    has(&pages, "index.html");
    has(&pages, "assets/style.css");
    has(&pages, ".nojekyll");
    has(&feeds, "api/v1/bacon/nightly.json");
    has(&feeds, "api/v2/devices/bacon/builds");
    has(&feeds, "builds.atom");
    has(&indexes, "api/v1/devices.json");
    has(&indexes, "api/v2/devices/bacon.json");
    // The user's own files do not belong to romfeed.
    dir.put("out/own.html", "own");
    assert_eq!(lines(&dir, &["pages"]), pages);
}

#[test]
fn the_manifest_to_publish_first_lists_old_and_new_files() {
    let dir = published();
    let own: serde_json::Value =
        serde_json::from_slice(&dir.read("out/.romfeed/manifest.json")).unwrap();
    let joint = |published: &str| {
        dir.put("published", published);
        let run = dir.run(&["files", "--manifest", "--published", "published"]);
        run.expect(0).stdout
    };
    // For a site that was not published, and for one that is already up to date.
    let text = String::from_utf8(dir.read("out/.romfeed/manifest.json")).unwrap();
    assert_eq!(joint(""), text);
    assert_eq!(joint(&text), text);

    let both: serde_json::Value = serde_json::from_str(&joint(
        r#"{"schema":1,"files":["old.html","index.html","../x"],"builds":["old"]}"#,
    ))
    .unwrap();
    let list = |manifest: &serde_json::Value, key: &str| -> Vec<String> {
        let values = manifest[key].as_array().unwrap().iter();
        values
            .map(|value| value.as_str().unwrap().to_owned())
            .collect()
    };
    for (key, old) in [("files", "old.html"), ("builds", "old")] {
        let mut expected = list(&own, key);
        expected.push(old.to_owned());
        expected.sort_unstable();
        assert_eq!(list(&both, key), expected);
    }
    assert_eq!(both["made_by"], own["made_by"]);

    // If the publication had ended now, the next one would know all of it.
    dir.put("published", both.to_string());
    let steps = [
        "pages",
        "feeds",
        "indexes",
        "--new",
        "--published",
        "published",
    ];
    assert_eq!(lines(&dir, &steps), [""; 0]);
    assert_eq!(
        lines(&dir, &["gone", "--published", "published"]),
        ["old.html"]
    );
    dir.put("published", "{");
    let run = dir.run(&["files", "--manifest", "--published", "published"]);
    run.expect(1).says("published cannot be read");
}

#[test]
fn files_no_longer_published_are_listed_as_gone() {
    let dir = published();
    let manifest = r#"{"schema":1,"files":["index.html","old/page.html","api/v1/old/nightly.json",
        "../../etc/passwd","/etc/passwd",".romfeed/lock","builds/zip.zip","a\nb","own.html"]}"#;
    dir.put("published", manifest);
    // A page that the user has replaced with a file.
    dir.put("out/own.html", "own");
    let gone = lines(&dir, &["gone", "--published", "published"]);
    assert_eq!(gone, ["api/v1/old/nightly.json", "old/page.html"]);

    let new = lines(&dir, &["pages", "--new", "--published", "published"]);
    assert!(!new.contains(&"index.html".to_owned()));
    assert!(new.contains(&"bacon.html".to_owned()));

    dir.put("published", "");
    assert_eq!(lines(&dir, &["gone", "--published", "published"]), [""; 0]);
    let all = lines(&dir, &["pages"]);
    assert_eq!(
        lines(&dir, &["pages", "--new", "--published", "published"]),
        all
    );
}

#[test]
fn no_file_is_listed_as_gone_in_doubt() {
    let dir = published();
    for (published, message) in [
        ("{", "published cannot be read"),
        (r#"{"schema":9,"files":[]}"#, "has schema 9"),
    ] {
        dir.put("published", published);
        let run = dir.run(&["files", "gone", "--published", "published"]);
        let run = run.expect(1).says(message);
        assert_eq!(run.stdout, "");
    }
    let run = dir.run(&["files", "gone", "--published", "nowhere"]);
    run.expect(1).says("cannot read nowhere");
    dir.run(&["files", "gone"]).expect(2).says("--published");
    // With a missing site folder, every file would count as gone.
    dir.put("published", r#"{"schema":1,"files":["index.html"]}"#);
    let run = dir.run(&[
        "files",
        "gone",
        "--published",
        "published",
        "--out",
        "other",
    ]);
    let run = run.expect(2).says("there is no site in other");
    assert_eq!(run.stdout, "");
}
