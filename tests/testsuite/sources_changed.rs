//! What changes next to a package on another host after it was published, and digests that become known later.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use sha2::{Digest, Sha256};
use testkit::package::Package;
use testkit::payload::Partition;

use super::folder_host::{Files, Form, answer, sourceforge, web_server};
use super::remote::host::Host;
use super::support::{RomDir, bacon, bacon_name, bacon_props, fixture, fixture_bytes};

const FOR_PHONES: &str = "https://dl.example.org/roms/";

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn build(dir: &RomDir) -> Value {
    let catalog: Value = serde_json::from_slice(&dir.read("catalog.json")).unwrap();
    catalog["builds"][0].clone()
}

#[test]
fn files_that_are_uploaded_after_their_zip_are_read_without_reading_the_zip_again() {
    let files: Arc<Mutex<Files>> = Arc::default();
    let served = Arc::clone(&files);
    let host = Host::new(move |asked, _| answer(&served.lock().unwrap(), Form::Json, asked));
    let put = |path: &str, bytes: &[u8]| {
        let mut files = files.lock().unwrap();
        files.insert(path.to_owned(), bytes.to_vec());
    };
    let name = bacon_name(0);
    let stem = name.strip_suffix(".zip").unwrap();
    put(&name, &bacon(0));
    let settings = format!(
        "base_url = \"https://ota.example.org\"\n[[source]]\nlisting = \"{}\"\nhash = \"download\"\n\
         url = \"{FOR_PHONES}{{path}}\"\n",
        host.url("/")
    );
    let dir = RomDir::new().file("romfeed.toml", settings);
    // Another machine knows nothing but what is published.
    let generate = || {
        let _ = std::fs::remove_dir_all(dir.path().join(".romfeed"));
        dir.run(&["generate", "-v"])
    };
    let num_of_zip = || {
        let asked = host.asked();
        let zip = format!("/{name}");
        asked.iter().filter(|asked| asked.path == zip).count()
    };
    generate().expect(0);
    let num = num_of_zip();

    put("recovery.img", b"the recovery");
    // Its digest is uploaded last.
    generate().expect(0).says("recovery.img is left out");
    put(
        "recovery.img.sha256sum",
        format!("{}  recovery.img\n", sha256(b"the recovery")).as_bytes(),
    );
    put(&format!("{stem}.txt"), b"What changed\n");
    generate().expect(0).lacks("left out");
    assert_eq!(build(&dir)["images"][0]["sha256"], sha256(b"the recovery"));
    let stored = format!("changelogs/{stem}.txt");
    assert_eq!(dir.read(&stored), b"What changed\n");

    // Nothing is asked for but the list.
    let before = host.num_asked();
    generate().expect(0);
    assert_eq!(host.num_asked(), before + 1);

    put(&format!("{stem}.txt"), b"What really changed\n");
    generate().expect(0);
    assert_eq!(dir.read(&stored), b"What really changed\n");

    let published = build(&dir);
    put(
        &format!("{name}.sha256sum"),
        format!("{}  {name}\n", sha256(b"x")).as_bytes(),
    );
    for _ in 0..2 {
        generate()
            .expect(1)
            .says(&format!("{name}.sha256sum says {}", sha256(b"x")))
            .says("hint: ");
        assert_eq!(build(&dir)["sha256"], published["sha256"]);
        assert_eq!(build(&dir).get("retired"), None);
    }
    put(
        &format!("{name}.sha256sum"),
        format!("{}  {name}\n", sha256(&bacon(0))).as_bytes(),
    );
    generate().expect(0);
    assert_eq!(num_of_zip(), num);
    dir.run(&["check"]).expect(0);
}

fn path_of(day: i64) -> String {
    format!("sourceforge/{}", bacon_name(day))
}

#[test]
fn digests_beyond_the_limit_of_a_run_are_found_out_by_later_runs() {
    let mut files = Files::new();
    for day in 0..2 {
        files.insert(bacon_name(day), bacon(day));
    }
    let (site, mirror) = sourceforge("rom", files);
    let settings = |limit: usize| {
        format!(
            "base_url = \"https://ota.example.org\"\nmax_download = \"{limit}\"\n[[source]]\nsourceforge = \"rom\"\n\
             api = \"{}\"\nurl = \"{FOR_PHONES}{{path}}\"\n",
            site.url("")
        )
    };
    let len = bacon(0).len().max(bacon(1).len());
    let dir = RomDir::new().file("romfeed.toml", settings(len));
    let builds = || {
        let catalog: Value = serde_json::from_slice(&dir.read("catalog.json")).unwrap();
        let builds = catalog["builds"].as_array().unwrap().clone();
        let path = |build: &Value| build["path"].as_str().unwrap().to_owned();
        builds
            .into_iter()
            .map(|b| (path(&b), b))
            .collect::<BTreeMap<String, Value>>()
    };
    dir.run(&["generate"]).says("max_download").expect(0);
    assert_eq!(builds().len(), 2);
    assert_eq!(builds()[&path_of(1)]["sha256"], sha256(&bacon(1)));
    assert_eq!(builds()[&path_of(0)].get("sha256"), None);
    let id = builds()[&path_of(0)]["id"].clone();
    let num_asked = mirror.num_asked();
    std::fs::remove_dir_all(dir.path().join(".romfeed")).unwrap();
    dir.run(&["generate"]).expect(0).lacks("max_download");
    assert_eq!(builds()[&path_of(0)]["sha256"], sha256(&bacon(0)));
    assert_eq!(builds()[&path_of(0)]["id"], id);
    assert!(mirror.num_asked() > num_asked);
    let num_asked = mirror.num_asked();
    dir.run(&["generate"]).expect(0);
    assert_eq!(mirror.num_asked(), num_asked);
    dir.run(&["check"]).expect(0);
}

#[test]
fn a_zip_that_is_larger_than_the_limit_is_named() {
    let files = Files::from([(bacon_name(0), bacon(0))]);
    let host = web_server(files, Form::Json);
    let settings = format!(
        "base_url = \"https://ota.example.org\"\nmax_download = \"9\"\n[[source]]\nlisting = \"{}\"\n\
         url = \"{FOR_PHONES}{{path}}\"\n",
        host.url("/")
    );
    let dir = RomDir::new().file("romfeed.toml", settings);
    dir.run(&["generate"])
        .says("`max_download` is 9; make that larger")
        .lacks("the next run goes on");
}

/// Good packages of every layout, file system and compression.
fn packages() -> Vec<(String, Vec<u8>)> {
    let mut packages = Vec::new();
    let mut add = |package: Package| packages.push(package.build());
    for name in ["ext4-shared", "erofs-lzma-frag", "erofs-16k-lz4hc"] {
        let system = Partition::new("system").replace(fixture(name));
        add(Package::payload(bacon_props(0))
            .without_metadata()
            .partition(system));
    }
    let system = fixture("ext4-android");
    let props = || bacon_props(0);
    add(Package::files(props()));
    add(Package::block(props()).image(&system[..]));
    add(Package::block(props()).new_dat_br(fixture_bytes("ext4-android.img.br")));
    add(Package::payload(props()).image(&system[..]));
    add(Package::payload(props()).delta("eng.1", "a/b/c"));
    add(Package::images(props()).image(&system[..]));
    add(Package::images(props()).named_image("system.img", fixture("sparse")));
    add(Package::images(props())
        .stored_image("system.img.xz", fixture_bytes("ext4-android.img.xz")));
    let named = packages.into_iter().enumerate();
    named
        .map(|(nth, zip)| (format!("rom-{nth}.zip"), zip))
        .collect()
}

#[test]
fn every_package_has_the_same_record_from_a_host_as_from_disk() {
    // What the catalog says apart from where the package is.
    let records = |dir: &RomDir| {
        let catalog = std::fs::read(dir.path().join("catalog.json"));
        let catalog: Value = serde_json::from_slice(&catalog.unwrap_or(b"{}".to_vec())).unwrap();
        let mut builds = catalog["builds"].as_array().cloned().unwrap_or_default();
        for build in &mut builds {
            for key in ["path", "url", "origin"] {
                build.as_object_mut().unwrap().remove(key);
            }
        }
        builds
    };
    let mut num_records = 0;
    for (name, zip) in packages() {
        let base = "base_url = \"https://ota.example.org\"\n";
        let here = RomDir::new()
            .file("romfeed.toml", base)
            .file(&format!("builds/{name}"), &zip);
        let host = web_server(Files::from([(name.clone(), zip)]), Form::Json);
        let source = format!(
            "{base}[[source]]\nlisting = \"{}\"\nhash = \"download\"\nurl = \"{FOR_PHONES}{{path}}\"\n",
            host.url("/")
        );
        let there = RomDir::new().file("romfeed.toml", source);
        let runs = [&here, &there].map(|dir| dir.run(&["generate"]));
        assert_eq!(runs[0].code, runs[1].code, "{name}: {runs:?}");
        assert_eq!(records(&here), records(&there), "{name}: {runs:?}");
        num_records += records(&here).len();
    }
    assert!(num_records >= 8, "{num_records}");
}
