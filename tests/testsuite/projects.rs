//! Changed projects between builds: read from packages and from files next to them, stored, and
//! shown on pages.

use std::time::Instant;

use ota_view::io::Limits;
use romfeed::ingest::scan;
use romfeed::ingest::{self, Context};
use romfeed::model::config::Config;
use testkit::package::Package;
use testkit::payload::Partition;
use testkit::props::Props;
use testkit::zip::Entry;

use crate::support::{RomDir, bacon, bacon_name, bacon_props, fixture};

/// Returns a manifest with projects by path.
fn manifest(projects: &[(&str, &str)]) -> String {
    let project = |(path, revision): &(&str, &str)| {
        format!("<project name=\"x/{path}\" path=\"{path}\" revision=\"{revision}\"/>\n")
    };
    let projects: String = projects.iter().map(project).collect();
    format!("<?xml version=\"1.0\"?>\n<manifest>\n{projects}</manifest>\n")
}

fn stem(days: i64) -> String {
    bacon_name(days).replace(".zip", "")
}

fn zip_path(days: i64) -> String {
    format!("builds/bacon/{}", bacon_name(days))
}

/// A build with a manifest inside.
fn with_manifest(days: i64, projects: &[(&str, &str)]) -> Vec<u8> {
    let entry = Entry::deflated("system/etc/build-manifest.xml", manifest(projects));
    Package::files(bacon_props(days)).add(entry).build()
}

fn page(dir: &RomDir, path: &str) -> String {
    String::from_utf8(dir.read(&format!("out/{path}"))).unwrap()
}

fn page_of(dir: &RomDir, days: i64) -> String {
    page(dir, &format!("bacon/builds/{}.html", stem(days)))
}

fn stored(dir: &RomDir, days: i64) -> String {
    let name = format!("changelogs/{}.projects", stem(days));
    String::from_utf8(dir.read(&name)).unwrap()
}

const OLD: &str = "0123456789abcdef0123456789abcdef01234567";
const NEW: &str = "fedcba9876543210fedcba9876543210fedcba98";

/// Two builds a day apart, the second with changes.
fn two_builds() -> RomDir {
    let old = [("art", OLD), ("gone", "v1"), ("same", OLD)];
    let new = [("art", NEW), ("new", "refs/tags/v2"), ("same", OLD)];
    RomDir::new()
        .file(&zip_path(0), with_manifest(0, &old))
        .file(&zip_path(1), with_manifest(1, &new))
}

#[test]
fn changed_projects_are_shown_on_the_page_of_their_build() {
    let dir = two_builds();
    let run = dir.run(&["generate", "--base-url", "https://h", "--json"]);
    let run = run
        .expect(0)
        .says("2 lists of projects stored in changelogs");
    assert_eq!(run.json()["projects_kept"], 2);
    let changes = page(&dir, "bacon/changes.html");
    for shown in [page_of(&dir, 1), changes] {
        for text in [
            "Projects changed since <time datetime=\"2023-11-14",
            "<span>art</span> <span class=\"facts\"><code>0123456789ab</code> → <code>fedcba987654</code>",
            "<span>gone</span> <span class=\"facts\">removed: <code>v1</code>",
            "<span>new</span> <span class=\"facts\">new: <code>refs/tags/v2</code>",
        ] {
            assert!(shown.contains(text), "{text}\n{shown}");
        }
        assert!(
            !shown.contains("<span>same") && !shown.contains(OLD),
            "{shown}"
        );
        assert_eq!(shown.matches("<ul class=\"projects\">").count(), 1);
    }
    // What came before the first build is unknown; no other page mentions projects.
    assert!(!page_of(&dir, 0).contains("Projects"));
    assert!(!page(&dir, "bacon.html").contains("Projects"));
    assert_eq!(stored(&dir, 0), format!("art {OLD}\ngone v1\nsame {OLD}\n"));
    dir.generate().expect(0);
    dir.run(&[
        "generate",
        "--base-url",
        "https://example.org/ota",
        "--exit-code",
    ])
    .expect(0)
    .says("up to date");
}

#[test]
fn stored_projects_give_the_same_site_without_the_zips() {
    let dir = two_builds();
    dir.generate().expect(0);
    let site = dir.tree("out");
    dir.remove(&zip_path(0));
    std::fs::remove_dir_all(dir.path().join("builds")).unwrap();
    std::fs::remove_dir_all(dir.path().join(".romfeed")).unwrap();
    dir.generate().expect(0).says("up to date");
    assert_eq!(dir.tree("out"), site);
    // They follow that folder alone, which people may write to.
    dir.put(&format!("changelogs/{}.projects", stem(1)), "same 2\nart 1");
    dir.generate().expect(0);
    assert!(page_of(&dir, 1).contains(&format!("<code>{}</code> → <code>2</code>", &OLD[..12])));
    dir.remove(&format!("changelogs/{}.projects", stem(0)));
    dir.generate().expect(0);
    assert!(!page_of(&dir, 1).contains("Projects"));
}

#[test]
fn an_unchanged_run_keeps_stored_projects() {
    let dir = two_builds();
    dir.settle(&zip_path(0));
    dir.settle(&zip_path(1));
    let run = dir.run(&[
        "generate",
        "--base-url",
        "https://h",
        "--dry-run",
        "--exit-code",
    ]);
    run.expect(1)
        .says("2 lists of projects to store in changelogs");
    assert!(!dir.path().join("changelogs").exists());
    dir.generate().expect(0).says("2 lists of projects stored");
    // Lost, they are read again, though the packages are known.
    std::fs::remove_dir_all(dir.path().join("changelogs")).unwrap();
    dir.generate().expect(0).says("2 lists of projects stored");
    assert_eq!(stored(&dir, 0).lines().count(), 3);
}

#[test]
fn a_manifest_inside_an_image_is_read() {
    let timestamp = 1_749_896_318;
    let incremental = "eng.builder.20250614.101838";
    let props = Props::lineage(
        "22.2",
        "UNOFFICIAL",
        "enchilada",
        timestamp,
        incremental,
        35,
        "2025-06-05",
    );
    let zip = Package::payload(props)
        .partition(Partition::new("system").replace(fixture("ext4-android")))
        .partition(Partition::new("product").replace(fixture("ext4-manifest")))
        .build();
    let name = "lineage-22.2-20250614-UNOFFICIAL-enchilada";
    let dir = RomDir::new().file(&format!("builds/{name}.zip"), zip);
    dir.generate().expect(0);
    let stored_text = String::from_utf8(dir.read(&format!("changelogs/{name}.projects"))).unwrap();
    assert_eq!(stored_text.lines().count(), 300);
    assert_eq!(
        stored_text.lines().nth(17),
        Some("p017 0000000000000000000000000000000000000011")
    );
}

#[test]
fn a_manifest_sidecar_takes_precedence_over_the_one_inside() {
    let dir = two_builds();
    dir.generate().expect(0);
    let sidecar = format!("builds/bacon/{}.manifest.xml", stem(1));
    dir.put(&sidecar, manifest(&[("art", "sidecar")]));
    dir.generate().expect(0).says("1 list of projects stored");
    assert_eq!(stored(&dir, 1), "art sidecar\n");
    // Without the sidecar, the stored projects of the build are used, with or without the cache of
    // the zip.
    dir.remove(&sidecar);
    for _ in 0..2 {
        dir.generate().expect(0).says("up to date");
        assert_eq!(stored(&dir, 1), "art sidecar\n");
        let _ = std::fs::remove_dir_all(dir.path().join(".romfeed"));
    }
    // Another build with that name has its own projects.
    dir.put(&zip_path(1), with_manifest(1, &[("art", "other")]));
    dir.generate().expect(0).says("1 list of projects stored");
    assert_eq!(stored(&dir, 1), "art other\n");
}

#[test]
fn a_manifest_for_a_folder_belongs_to_its_only_build() {
    let dir = RomDir::new()
        .file(&zip_path(0), bacon(0))
        .file("builds/bacon/build-manifest.xml", manifest(&[("art", "1")]));
    dir.generate().expect(0);
    assert_eq!(stored(&dir, 0), "art 1\n");
    dir.put(&zip_path(1), bacon(1));
    dir.put("builds/bacon/build-manifest.xml", manifest(&[("art", "2")]));
    dir.generate().expect(0);
    assert_eq!(dir.tree("changelogs").len(), 1);
    assert_eq!(stored(&dir, 0), "art 1\n");
}

#[test]
fn builds_are_compared_only_with_their_own_kind() {
    let nightly = |days| with_manifest(days, &[("art", "1")]);
    let props = bacon_props(1).set("ro.lineage.releasetype", "UNOFFICIAL");
    let other = Package::files(props)
        .add(Entry::deflated(
            "system/etc/build-manifest.xml",
            manifest(&[("art", "3")]),
        ))
        .build();
    let name = bacon_name(1).replace("nightly", "UNOFFICIAL");
    let dir = RomDir::new()
        .file(&zip_path(0), nightly(0))
        .file(&format!("builds/bacon/{name}"), other)
        // This one is unknown, so it is skipped.
        .file(&zip_path(2), bacon(2))
        .file(&zip_path(3), nightly(3));
    dir.generate().expect(0);
    let name = name.replace(".zip", ".html");
    assert!(!page(&dir, &format!("bacon/builds/{name}")).contains("Projects"));
    assert!(!page_of(&dir, 2).contains("Projects"));
    let shown = page_of(&dir, 3);
    assert!(
        shown.contains("Projects changed since <time datetime=\"2023-11-14")
            && shown.contains("<p class=\"empty\">None.</p>"),
        "{shown}"
    );
}

#[test]
fn long_lists_of_changes_are_counted_and_pages_stay_short() {
    let revisions = |build: i64| {
        let project = |n: i64| (format!("p{n:03}"), format!("r{build}"));
        (0..130).map(project).collect::<Vec<_>>()
    };
    let mut dir = RomDir::new();
    for build in 0..7 {
        let projects = revisions(build);
        let projects: Vec<(&str, &str)> = projects.iter().map(|(a, b)| (&**a, &**b)).collect();
        dir = dir.file(&zip_path(build), with_manifest(build, &projects));
    }
    dir.generate().expect(0);
    let shown = page_of(&dir, 6);
    assert!(shown.contains("… and 30 more") && !shown.contains("p100"));
    let changes = page(&dir, "bacon/changes.html");
    assert_eq!(changes.matches("(130)</summary>").count(), 2);
    let link = format!("builds/{}.html#projects", stem(1));
    assert!(changes.contains(&link), "{changes}");
    assert!(changes.len() < 40_000, "{}", changes.len());
}

#[test]
fn hostile_paths_and_revisions_are_shown_as_text() {
    let attribute = "&lt;script>alert(1)&lt;/script>&quot; onclick=&quot;x";
    let old = [("art", "1")];
    let new = [("art", "&lt;img/src=x>"), (attribute, "javascript:x&amp;y")];
    let dir = RomDir::new()
        .file(&zip_path(0), with_manifest(0, &old))
        .file(&zip_path(1), with_manifest(1, &new));
    dir.generate().expect(0);
    for shown in [page_of(&dir, 1), page(&dir, "bacon/changes.html")] {
        assert!(!shown.contains("<script>a") && !shown.contains("<img/src"));
        assert!(!shown.contains("onclick=\"x"), "{shown}");
        assert!(shown.contains("&lt;script&gt;alert(1)&lt;"), "{shown}");
    }
}

#[test]
fn an_unusable_manifest_is_a_warning_and_its_build_is_published() {
    let bomb = "<!DOCTYPE m [<!ENTITY a \"\x1b[31m\">]><manifest/>";
    let inside = |days, text: &str| {
        let entry = Entry::deflated("system/etc/build-manifest.xml", text);
        Package::files(bacon_props(days)).add(entry).build()
    };
    let dir = RomDir::new()
        .file(&zip_path(0), inside(0, bomb))
        .file(&zip_path(1), inside(1, "<manifest></\x1b[31m>"))
        .file(&zip_path(2), inside(2, &" ".repeat((4 << 20) + 1)))
        .file(&zip_path(3), bacon(3));
    dir.put(
        &format!("builds/bacon/{}.manifest.xml", stem(3)),
        "<manifest><project name='a\u{1b}[31m'/></manifest>",
    );
    let run = dir.generate().expect(0);
    assert!(!run.stderr.contains('\u{1b}'), "{}", run.stderr);
    run.says("its projects are not known: system/etc/build-manifest.xml: it has a document type")
        .says("it is not well-formed XML at byte 10")
        .says("manifest.xml cannot be read, so it is left out: ")
        .says("4 builds for 1 device");
    assert!(!dir.path().join("changelogs").exists());
}

#[test]
fn a_package_without_a_manifest_costs_little_more() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("builds");
    let config = Config::for_folder(&folder, Limits::new(std::env::temp_dir(), Instant::now));
    let mut num_packages = 0;
    for found in scan::scan(&folder, false, &config.exclude).packages {
        let read = |knows_projects| {
            let context = Context {
                knows_projects,
                ..Context::new(&config)
            };
            ingest::examine(&found.file, &found.path, context).unwrap()
        };
        let (without, with) = (read(None), read(Some(&|_| false)));
        assert!(with.projects.is_none(), "{}", found.path);
        let [before, after] = [without, with].map(|examined| examined.counters);
        // Only a few folders more are read, and no stream that the properties did not need.
        assert!(after.bytes_read - before.bytes_read < 64 << 10);
        assert!(after.bytes_decoded - before.bytes_decoded < 64 << 10);
        num_packages += 1;
    }
    assert!(num_packages > 5);
}
