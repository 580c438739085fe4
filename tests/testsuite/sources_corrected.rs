//! Zips and checksum files on other hosts that change after they were published.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::folder_host::{Files, Form, answer};
use super::remote::host::{Answer, Host};
use super::support::{RomDir, bacon, bacon_name};

const FOR_PHONES: &str = "https://dl.example.org/roms/";

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A web folder and a site that is made from it.
struct Site {
    host: Host,
    files: Arc<Mutex<Files>>,
    dir: RomDir,
}

impl Site {
    /// Makes a site; `more` are lines of the source.
    fn new(form: Form, more: &str) -> Site {
        Site::without_heads(form, more, false)
    }

    /// Makes a site whose host may refuse HEAD for zips.
    fn without_heads(form: Form, more: &str, refuses_heads: bool) -> Site {
        let files: Arc<Mutex<Files>> = Arc::default();
        let served = Arc::clone(&files);
        let host = Host::new(move |asked, _| {
            match asked.is_head && refuses_heads && asked.path.ends_with(".zip") {
                true => Answer::new(405),
                false => answer(&served.lock().unwrap(), form, asked),
            }
        });
        let dir = RomDir::new();
        let site = Site { host, files, dir };
        site.set(more, "");
        site
    }

    /// Writes the settings; `top` are lines at the top.
    fn set(&self, more: &str, top: &str) {
        let settings = format!(
            "{top}base_url = \"https://ota.example.org\"\n[[source]]\nlisting = \"{}\"\n\
             url = \"{FOR_PHONES}{{path}}\"\n{more}",
            self.host.url("/")
        );
        self.dir.put("romfeed.toml", settings);
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        self.files
            .lock()
            .unwrap()
            .insert(path.to_owned(), bytes.to_vec());
    }

    fn put_sum(&self, name: &str, sha256: &str) {
        let text = format!("{sha256}  {name}\n");
        self.put(&format!("{name}.sha256sum"), text.as_bytes());
    }

    /// Returns the builds of the catalog by path.
    fn builds(&self) -> BTreeMap<String, Value> {
        let catalog: Value = serde_json::from_slice(&self.dir.read("catalog.json")).unwrap();
        let builds = catalog["builds"].as_array().unwrap().iter();
        builds
            .map(|build| (build["path"].as_str().unwrap().to_owned(), build.clone()))
            .collect()
    }

    fn only_build(&self) -> Value {
        let mut builds = self.builds();
        assert_eq!(builds.len(), 1, "{builds:?}");
        builds.pop_first().unwrap().1
    }
}

#[test]
fn corrected_checksum_file_is_taken_over_if_the_zip_is_unchanged_and_was_never_hashed() {
    let site = Site::new(Form::Html, "hash = \"known\"\n");
    let (name, zip) = (bacon_name(0), bacon(0));
    let (wrong, right) = (sha256(b"mistaken"), sha256(&zip));
    site.put(&name, &zip);
    site.put_sum(&name, &wrong);
    site.dir.run(&["generate"]).expect(0);
    assert_eq!(site.only_build()["sha256"], wrong);
    site.put_sum(&name, &right);
    site.dir
        .run(&["generate"])
        .expect(0)
        .says(&format!("changed listing/{name}: files next to it"))
        .says(&format!(
            "its SHA-256 was published as {wrong}, which is corrected to {right}"
        ));
    let build = site.only_build();
    assert_eq!(build["sha256"], right);
    // Phones know it by its first id.
    assert_eq!(build["id"], wrong);
    site.dir.run(&["generate"]).expect(0).lacks("changed");
    site.dir.run(&["check"]).expect(0);
    assert_eq!(site.only_build(), build);
}

#[test]
fn checksum_file_that_contradicts_a_hashed_zip_is_called_wrong() {
    let site = Site::new(Form::Json, "hash = \"download\"\n");
    let (name, zip) = (bacon_name(0), bacon(0));
    site.put(&name, &zip);
    site.dir.run(&["generate"]).expect(0);
    let build = site.only_build();
    assert_eq!(build["origin"]["hashed"], true);
    site.put_sum(&name, &sha256(b"mistaken"));
    site.dir
        .run(&["generate"])
        .expect(1)
        .says(
            "romfeed read all of it, and it is unchanged since then, so the checksum file is wrong",
        )
        .says("make the checksum file again");
    assert_eq!(site.only_build()["sha256"], build["sha256"]);
}

#[test]
fn without_a_version_of_the_zip_only_reading_it_again_tells_what_changed() {
    let site = Site::without_heads(Form::Html, "hash = \"known\"\n", true);
    // The first file decides whether the headers of others are asked for.
    site.put("about.txt", b"Builds");
    let (name, zip) = (bacon_name(0), bacon(0));
    let (wrong, right) = (sha256(b"mistaken"), sha256(&zip));
    site.put(&name, &zip);
    site.put_sum(&name, &wrong);
    site.dir.run(&["generate"]).expect(0);
    site.put_sum(&name, &right);
    for _ in 0..2 {
        site.dir
            .run(&["generate"])
            .expect(1)
            .says("the host does not show whether the zip changed, too")
            .says("`romfeed generate --rehash`");
        assert_eq!(site.only_build()["sha256"], wrong);
    }
    site.dir
        .run(&["generate", "--rehash"])
        .expect(0)
        .says(&format!("which is corrected to {right}"));
    let build = site.only_build();
    assert_eq!(build["sha256"], right);
    assert_eq!(build["id"], wrong);
    assert_eq!(build["origin"]["hashed"], true);
    site.dir.run(&["generate"]).expect(0);
    site.dir.run(&["check"]).expect(0);
}

#[test]
fn replaced_zip_of_a_folder_without_sizes_is_noticed_by_its_headers() {
    let site = Site::new(Form::Html, "hash = \"download\"\n");
    let name = "lineage-21.0-nightly-bacon-signed.zip";
    site.put(name, &bacon(0));
    site.put("recovery.img", b"the recovery");
    site.put_sum("recovery.img", &sha256(b"the recovery"));
    site.dir.run(&["generate"]).expect(0);
    let build = site.only_build();
    // The size of an image is in its headers, too.
    assert_eq!(build["images"][0]["size"], 12);
    let num_asked = site.host.num_asked();
    site.dir.run(&["generate"]).expect(0);
    // The list, and the headers of the three files.
    assert_eq!(site.host.num_asked(), num_asked + 4);

    site.put(name, &bacon(1));
    let run = site.dir.run(&["sources", "--json"]).expect(0);
    let source = &run.json()["sources"][0];
    assert_eq!(source["new"].as_array().unwrap().len(), 0);
    assert_eq!(source["changed"][0]["path"], format!("listing/{name}"));
    let what = source["changed"][0]["what"].as_array().unwrap();
    assert!(what.contains(&"version tag".into()), "{what:?}");
    site.dir
        .run(&["sources"])
        .expect(0)
        .says(&format!("changed  listing/{name}: "));
    site.dir.run(&["generate"]).expect(0);
    assert_eq!(site.only_build()["sha256"], sha256(&bacon(1)));
}

#[test]
fn zip_that_was_overwritten_by_something_else_is_named_with_its_published_build() {
    let site = Site::new(Form::Json, "hash = \"download\"\nnewest = 1\n");
    for day in 0..2 {
        site.put(&bacon_name(day), &bacon(day));
        site.dir.run(&["generate"]).expect(0);
    }
    // Also if it is not among the newest any more.
    let name = bacon_name(0);
    site.put(&name, b"not a zip any more");
    for _ in 0..2 {
        site.dir
            .run(&["generate"])
            .expect(1)
            .says(&format!(
                "it has overwritten the zip of the published build {name} (other size), which stays listed although \
                 phones can no longer install it"
            ))
            .says("hint: run again when its upload is complete; if it is, upload the published zip again")
            .says("romfeed catalog yank");
        let path = format!("listing/{name}");
        assert_eq!(site.builds()[&path].get("retired"), None);
    }
    site.put(&name, &bacon(0));
    site.dir.run(&["generate"]).expect(0).lacks("overwritten");
}

#[test]
fn rehash_reads_known_zips_of_other_hosts_as_far_as_the_limit_of_a_run_allows() {
    let site = Site::new(Form::Json, "hash = \"download\"\n");
    let (name, padded) = (bacon_name(0), |byte: u8| {
        let mut zip = bacon(0);
        // Still a zip of the same length, which the host lists with the same time.
        let len = zip.len();
        zip[len - 2] = 1;
        zip.push(byte);
        zip
    });
    site.put(&name, &padded(b'a'));
    site.dir.run(&["generate"]).expect(0);
    let published = site.only_build();
    site.put(&name, &padded(b'b'));
    site.dir.run(&["generate"]).expect(0);
    assert_eq!(site.only_build(), published);

    let limit = "max_download = \"9\"\n";
    site.set("hash = \"download\"\n", limit);
    site.dir
        .run(&["generate", "--rehash"])
        .says("`max_download` is 9");
    assert_eq!(site.only_build(), published);

    site.set("hash = \"download\"\n", "");
    site.dir
        .run(&["generate", "--rehash"])
        .expect(0)
        .says("changed under its old name");
    assert_eq!(site.only_build()["sha256"], sha256(&padded(b'b')));
}

#[test]
fn manifest_that_is_uploaded_after_its_zip_is_read() {
    let site = Site::new(Form::Json, "hash = \"download\"\n");
    let manifest = |revision: &str| {
        format!(
            "<?xml version=\"1.0\"?>\n<manifest><project name=\"x/art\" path=\"art\" \
             revision=\"{revision}\"/></manifest>\n"
        )
    };
    let stem = |day| bacon_name(day).replace(".zip", "");
    for day in 0..2 {
        let (folder, name) = (format!("r{day}"), bacon_name(day));
        site.put(&format!("{folder}/{name}"), &bacon(day));
    }
    site.dir.run(&["generate"]).expect(0);
    site.put(
        &format!("r0/{}.manifest.xml", stem(0)),
        manifest("1").as_bytes(),
    );
    // One for the only package of a folder.
    site.put("r1/build-manifest.xml", manifest("2").as_bytes());
    site.dir
        .run(&["generate"])
        .expect(0)
        .says("lists of projects");
    for day in 0..2 {
        let stored = site.dir.read(&format!("changelogs/{}.projects", stem(day)));
        assert!(String::from_utf8(stored).unwrap().contains("art"));
    }
    let num_asked = site.host.num_asked();
    site.dir.run(&["generate"]).expect(0);
    // One list for each folder.
    assert_eq!(site.host.num_asked(), num_asked + 3);
}
