//! `inspect --props`, `--ls` and `--extract`: a look inside a package.

use serde_json::json;
use testkit::package::Package;
use testkit::payload::Partition;
use testkit::props::Props;
use testkit::zip::Zip;

use super::support::{RomDir, fixture, fixture_bytes};

const NAME: &str = "update.zip";

fn package() -> Package {
    let props = Props::lineage(
        "22.2",
        "UNOFFICIAL",
        "enchilada",
        1_749_896_318,
        "x",
        35,
        "2025-06-05",
    );
    Package::payload(props)
        .partition(Partition::new("boot").replace(testkit::noise(9, 3 * 4096)))
        .partition(Partition::new("system").replace(fixture("erofs-lz4hc")))
        .partition(Partition::new("product").replace(fixture("ext4-product")))
        .partition(Partition::new("odm").replace(fixture("f2fs")))
}

fn dir() -> RomDir {
    RomDir::new().file(NAME, package().build())
}

#[test]
fn properties_of_all_partitions_are_merged_like_on_the_phone() {
    let run = dir().run(&["inspect", "--props", NAME]).expect(0);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(lines.iter().map(|line| line.split('=').next()).is_sorted());
    for line in [
        "ro.lineage.device=enchilada",
        "ro.config.ringtone=Orion.ogg",
        "ro.product.product.device=enchilada",
        // Derived by init; it is not in any file.
        "ro.product.device=enchilada",
        "ro.product.model=ONEPLUS A6003",
    ] {
        assert!(lines.contains(&line), "{line}");
    }
    assert_eq!(
        run.stderr,
        "warning: partition `odm`: f2fs is not supported; its properties are not known\n"
    );
    let run = dir().run(&["inspect", "--props", "--json", NAME]).expect(0);
    let object = run.json();
    assert_eq!(
        object["files"],
        json!([
            "system:/system/build.prop",
            "system:/default.prop",
            "product:/etc/build.prop"
        ])
    );
    assert_eq!(
        object["properties"]["ro.lineage.device"],
        json!({"value": "enchilada", "source": "system:/system/build.prop"})
    );
    assert_eq!(
        object["properties"]["ro.lineage.releasetype"]["source"],
        "product:/etc/build.prop"
    );
}

#[test]
fn a_folder_is_listed_with_lengths_and_targets() {
    let run = dir()
        .run(&["inspect", "--ls", "system:/system", NAME])
        .expect(0);
    for line in [
        "           -  bin/",
        "        6311  build.prop",
        "           -  product -> /product",
        "           0  empty",
    ] {
        assert!(
            run.stdout.lines().any(|found| found == line),
            "{line}\n{}",
            run.stdout
        );
    }
    let root = dir()
        .run(&["inspect", "--ls", "system:", NAME])
        .expect(0)
        .stdout;
    assert_eq!(
        dir()
            .run(&["inspect", "--ls", "system", NAME])
            .expect(0)
            .stdout,
        root
    );
    assert!(root.contains("  system/\n"));
    let run = dir().run(&["inspect", "--json", "--ls", "system:/system/media", NAME]);
    let line = run.expect(0).json();
    assert_eq!(line["name"], "ünï.txt");
    assert_eq!(line["type"], "file");
}

#[test]
fn an_extracted_file_equals_the_original() {
    let dir = dir();
    let run = dir.run(&["inspect", "--extract", "product:/etc/build.prop", NAME]);
    assert!(
        run.expect(0)
            .stdout
            .contains("ro.config.ringtone=Orion.ogg\n")
    );
    dir.run(&[
        "inspect",
        "-v",
        "--extract",
        "system:/system/big.txt",
        "-o",
        "big.txt",
        NAME,
    ])
    .expect(0)
    .says("bytes");
    let expected = ota_view::fs::open(std::sync::Arc::new(fixture("ext4-android")))
        .unwrap()
        .read("/system/big.txt", 1 << 20)
        .unwrap();
    assert!(dir.read("big.txt") == expected);
    // A whole partition.
    dir.run(&["inspect", "--extract", "boot:", "-o", "boot.img", NAME])
        .expect(0);
    assert!(dir.read("boot.img") == testkit::noise(9, 3 * 4096));
    dir.run(&["inspect", "--extract", "system", "-o", "system.img", NAME])
        .expect(0);
    assert!(dir.read("system.img") == fixture("erofs-lz4hc"));
    // No other file is left behind.
    assert_eq!(dir.tree(".").len(), 4);
}

#[test]
fn a_compressed_image_of_unknown_length_is_extracted_whole() {
    let zip = Zip::new()
        .stored("system.img.xz", fixture_bytes("ext4-android.img.xz"))
        .build();
    let dir = RomDir::new().file(NAME, zip);
    dir.run(&["inspect", "--extract", "system:", "-o", "system.img", NAME])
        .expect(0);
    assert!(dir.read("system.img") == fixture("ext4-android"));
}

#[test]
fn a_zip_that_no_updater_installs_can_be_explored() {
    let inner = Zip::new()
        .deflated("system.img", fixture("erofs-lz4hc"))
        .build();
    let zip = Zip::new()
        .stored("enchilada/flash-all.sh", "#!/bin/sh")
        .stored("enchilada/bootloader-enchilada.img", "x")
        .stored("enchilada/image-enchilada.zip", inner)
        .build();
    let dir = RomDir::new().file(NAME, zip);
    dir.run(&["inspect", NAME]).expect(1).says("factory image");
    let run = dir.run(&["inspect", "--props", NAME]).expect(0);
    assert!(run.stdout.contains("ro.lineage.device=enchilada\n"));
}

#[test]
fn a_missing_file_is_reported_with_similar_names() {
    let dir = dir();
    dir.run(&["inspect", "--ls", "vendor:/", NAME])
        .expect(1)
        .says("no partition `vendor`; it has boot, odm, product, system");
    dir.run(&["inspect", "--extract", "system:/none", NAME])
        .expect(1)
        .says("partition `system`: no `/none`")
        .says("--ls");
    dir.run(&["inspect", "--extract", "system:/system", NAME])
        .expect(1)
        .says("`/system` is not a file");
    dir.run(&["inspect", "--ls", "system:/system/build.prop", NAME])
        .expect(1)
        .says("is not a folder");
    dir.run(&["inspect", "--ls", "boot:", NAME])
        .expect(1)
        .says("its file system is unknown");
    dir.run(&["inspect", "--ls", "odm:", NAME])
        .expect(1)
        .says("f2fs is not supported");
    let props = Props::lineage("22.2", "UNOFFICIAL", "x", 1, "x", 35, "2025-06-05");
    let delta = Package::payload(props).delta("w", "a/b/c:15").build();
    RomDir::new()
        .file("delta.zip", delta)
        .run(&["inspect", "--props", "delta.zip"])
        .expect(1)
        .says("a delta, whose images need the build before it");
    let plain = RomDir::new().file("x.zip", Zip::new().stored("a", "b").build());
    plain
        .run(&["inspect", "--props", "x.zip"])
        .expect(1)
        .says("no build.prop was found");
    plain
        .run(&["inspect", "--ls", "system:", "x.zip"])
        .expect(1)
        .says("the package has no partition");
}

#[test]
fn errors_are_json_objects_with_json_output() {
    for args in [
        &["--ls", "nope:"][..],
        &["--ls", "system:/none"],
        &["--ls", "odm:"],
    ] {
        let args = [&["inspect", "--json"], args, &[NAME]].concat();
        let object = dir().run(&args).expect(1).json();
        assert_eq!(object["file"], NAME);
        assert!(object["error"]["class"].is_string(), "{object}");
    }
}

#[test]
fn the_partitions_are_listed_with_their_lengths() {
    let run = dir().run(&["inspect", "--ls", ":", NAME]).expect(0);
    let names: Vec<&str> = run
        .stdout
        .lines()
        .filter_map(|l| l.split("  ").last())
        .collect();
    assert_eq!(names, ["boot:", "odm:", "product:", "system:"]);
    assert!(
        run.stdout.starts_with("       12288  boot:\n"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_partition_with_a_wrong_digest_is_refused() {
    let image = testkit::noise(9, 3 * 4096);
    let props = Props::lineage("22.2", "UNOFFICIAL", "x", 1, "x", 35, "2025-06-05");
    let wrong = Partition::new("boot")
        .replace(&image)
        .new_info(3 * 4096, [7; 32]);
    let dir = RomDir::new().file(NAME, Package::payload(props).partition(wrong).build());
    dir.run(&["inspect", "--extract", "boot:", "-o", "boot.img", NAME])
        .expect(1)
        .says("does not have the sha256");
    assert_eq!(dir.tree(".").len(), 1);
}

#[cfg(unix)]
#[test]
fn a_link_target_is_replaced_only_by_the_whole_file() {
    let dir = dir().file("target", "old");
    std::os::unix::fs::symlink("target", dir.path().join("link")).unwrap();
    dir.run(&["inspect", "--extract", "system:/none", "-o", "link", NAME])
        .expect(1);
    assert_eq!(dir.read("target"), b"old");
    dir.run(&["inspect", "--extract", "boot:", "-o", "link", NAME])
        .expect(0);
    assert_eq!(dir.read("target").len(), 3 * 4096);
    assert!(
        dir.path()
            .join("link")
            .symlink_metadata()
            .unwrap()
            .is_symlink()
    );
}

#[test]
fn conflicting_flags_are_a_usage_error() {
    let dir = dir();
    for args in [
        &["inspect", "--props", "--ls", "system:", NAME][..],
        &["inspect", "--ls", "system:", "--extract", "system:/x", NAME],
        &["inspect", "-o", "file", NAME],
        &["inspect", "--extract", "system:/x", NAME, NAME],
        &["inspect", "--extract", "system:/x", "--json", NAME],
        &["inspect", "--props", "--hash", NAME],
    ] {
        dir.run(args).expect(2);
    }
}

#[test]
fn a_failed_write_is_an_error_and_leaves_no_file() {
    let dir = dir();
    dir.run(&[
        "inspect",
        "--extract",
        "system:/system/big.txt",
        "-o",
        "none/x",
        NAME,
    ])
    .expect(1)
    .says("cannot write none/x");
    dir.run(&["inspect", "--extract", "system:/none", "-o", "x", NAME])
        .expect(1);
    assert_eq!(dir.tree(".").len(), 1);
}

#[test]
fn the_cost_is_printed_on_request() {
    let dir = dir();
    let quiet = dir.run(&["inspect", NAME]).expect(0).stdout;
    assert!(!quiet.contains("  read  "), "{quiet}");
    assert!(quiet.contains("system erofs"), "{quiet}");
    assert!(
        quiet.contains("system:/system/build.prop, product:/etc/build.prop"),
        "{quiet}"
    );
    let stdout = dir.run(&["inspect", "-v", NAME]).expect(0).stdout;
    let line = stdout.lines().find(|line| line.starts_with("  read  "));
    assert!(line.is_some_and(|line| line.contains(" bytes")), "{stdout}");
}
