//! Packages whose images lack facts, or contradict other sources.

use serde_json::{Value, json};
use testkit::package::Package;
use testkit::payload::{Partition, Payload};
use testkit::props::Props;
use testkit::sparse::Sparse;
use testkit::super_image::Super;
use testkit::zip::{Entry, Zip};

use super::support::{BASE_URL, RomDir, fixture};

const NAME: &str = "lineage-21.0-20231114-nightly-bacon.zip";

fn bacon(sdk: u32) -> Props {
    Props::lineage(
        "21.0",
        "nightly",
        "bacon",
        1_700_000_000,
        "x",
        sdk,
        "2023-11-05",
    )
}

fn inspect(zip: Vec<u8>) -> Value {
    let dir = RomDir::new().file(NAME, zip);
    dir.run(&["inspect", "--json", NAME]).json()
}

fn payload(partitions: &[(&str, &[u8])]) -> Vec<u8> {
    let payload = partitions
        .iter()
        .fold(Payload::new(), |payload, (name, image)| {
            payload.partition(Partition::new(name).replace(*image))
        });
    Zip::new()
        .stored("payload.bin", payload.build())
        .stored("payload_properties.txt", "")
        .build()
}

/// An ext4 image in which `build.prop` has another name.
fn without_build_prop() -> Vec<u8> {
    let mut image = fixture("ext4-android");
    let name = b"build.prop";
    while let Some(at) = image.windows(name.len()).position(|bytes| bytes == name) {
        image[at..at + name.len()].copy_from_slice(b"build.txt_");
    }
    image
}

#[test]
fn facts_from_other_sources_come_with_a_reason() {
    let image = without_build_prop();
    let images = |name: &str| {
        Package::images(bacon(34))
            .stored_image(name, &image[..])
            .build()
    };
    for (what, zip, reason) in [
        (
            "no build.prop",
            payload(&[("system", &image)]),
            "partition `system`: no `/system/build.prop` and no `/build.prop`",
        ),
        (
            "no system",
            payload(&[("product", &fixture("ext4-product"))]),
            "the package has no partition `system`",
        ),
        (
            "an image in a slot",
            images("system_a.img"),
            "partition `system_a`: no `/system/build.prop`",
        ),
    ] {
        let object = inspect(zip);
        let warnings = object["warnings"].as_array().unwrap();
        let is_reason = |warning: &&Value| warning.as_str().unwrap().starts_with(reason);
        assert_eq!(
            warnings.iter().filter(is_reason).count(),
            1,
            "{what}: {warnings:?}"
        );
    }
}

#[test]
fn a_build_without_facts_reports_why_its_images_have_none() {
    let dir = RomDir::new().file(
        "builds/rom.zip",
        payload(&[("system", &without_build_prop())]),
    );
    let run = dir.run(&["generate", "--base-url", BASE_URL]);
    run.says("no source has its device")
        .says("partition `system`: no `/system/build.prop`");
}

#[test]
fn super_image_in_pieces_on_the_old_partitions_is_read() {
    let system = fixture("ext4-android");
    let (head, tail) = system.split_at(system.len() / 3 / 512 * 512);
    let pieces = |made: Super| {
        made.partition("system", head)
            .partition_on(1, "system", tail)
            .partition_on(1, "product", fixture("ext4-product"))
            .build_all()
    };
    for names in [["system", "vendor"], ["system_a", "vendor_a"]] {
        let made = pieces(Super::new().devices(&names));
        let object = inspect(payload(&[("system", &made[0]), ("vendor", &made[1])]));
        assert_eq!(object["device"], "enchilada", "{object}");
        assert_eq!(
            object["file_systems"],
            json!({"product": "ext4", "system": "ext4"})
        );
        let warnings = object["warnings"].to_string();
        assert!(!warnings.contains("not known"), "{warnings}");
    }
    // Without one of the pieces, the next source is used.
    let made = pieces(Super::new().devices(&["system", "vendor"]));
    let object = inspect(payload(&[("system", &made[0])]));
    assert_eq!(object["device"], "bacon");
    let warning = object["warnings"].to_string();
    assert!(
        warning.contains("is partly on `vendor`, which is not in the package"),
        "{warning}"
    );
}

#[test]
fn numbered_parts_of_a_super_image_are_one_image() {
    let image = Super::new()
        .partition("system_a", fixture("ext4-android"))
        .build();
    let blocks = u32::try_from(image.len() / 4096).unwrap();
    let (head, tail) = image.split_at(image.len() / 2 / 4096 * 4096);
    let num_head = u32::try_from(head.len() / 4096).unwrap();
    let parts = [
        Sparse::new(4096).raw(head).dont_care(blocks - num_head),
        Sparse::new(4096).dont_care(num_head).raw(tail),
    ];
    for first in [0, 1] {
        let package = Package::images(bacon(34)).without_metadata();
        let package = parts
            .iter()
            .zip(first..)
            .fold(package, |package, (part, number)| {
                package.stored_image(&format!("super.img.{number}"), part.build())
            });
        let object = inspect(package.build());
        assert_eq!(object["device"], "enchilada", "{object}");
        assert_eq!(object["layout"], "super");
    }
}

#[test]
fn sparse_image_that_ends_before_its_chunks_do_is_refused() {
    let system = fixture("ext4-android");
    let whole = Sparse::from_image(&system, 4096).build();
    let images = |image: &[u8]| {
        Package::images(bacon(34))
            .stored_image("system.img", image)
            .build()
    };
    assert_eq!(inspect(images(&whole))["device"], "enchilada");
    let object = inspect(images(&whole[..whole.len() - 100]));
    assert_eq!(object["error"]["class"], "truncated", "{object}");
}

#[test]
fn ext4_image_that_ends_within_a_file_is_refused() {
    let system = fixture("ext4-android");
    let text = b"ro.build.version.incremental";
    let at = system
        .windows(text.len())
        .position(|bytes| bytes == text)
        .unwrap();
    let images = |image: &[u8]| {
        Package::images(bacon(34))
            .stored_image("system.img", image)
            .build()
    };
    // The preceding blocks are read together with the missing ones.
    let object = inspect(images(&system[..at / 4096 * 4096]));
    assert_eq!(object["error"]["class"], "truncated", "{object}");
}

#[test]
fn erofs_image_that_ends_early_is_refused() {
    let system = fixture("erofs-plain");
    let images = |image: &[u8]| {
        Package::images(bacon(34))
            .stored_image("system.img", image)
            .build()
    };
    assert_eq!(inspect(images(&system))["device"], "enchilada");
    let object = inspect(images(&system[..system.len() - 4096]));
    assert_eq!(object["error"]["class"], "truncated", "{object}");
}

#[test]
fn build_prop_in_the_zip_counts_only_without_an_image() {
    let image = fixture("ext4-android");
    let props = |sdk, device: &str| {
        format!("ro.build.version.sdk={sdk}\nro.lineage.device={device}\nro.build.date.utc=7\n")
    };
    let with = |entry: &str, system: &[u8]| {
        Zip::new()
            .stored("META-INF/com/google/android/update-binary", "#!")
            .stored("system.img", system)
            .stored("system/build.prop", entry)
            .build()
    };
    // Contradicted.
    for sdk in [28, 35] {
        let object = inspect(with(&props(sdk, "other"), &image));
        let error = &object["error"];
        assert_eq!(error["class"], "conflict", "{object}");
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains("`system/build.prop` in the zip has `ro."),
            "{message}"
        );
        assert!(
            message.contains("system:/system/build.prop has `"),
            "{message}"
        );
    }
    // A copy of the file in the image.
    let object = inspect(with("ro.lineage.device=enchilada\n", &image));
    assert_eq!(object["device"], "enchilada", "{object}");
    assert_eq!(object["files"][0], "system:/system/build.prop");
    // Because no image is read.
    let f2fs = fixture("f2fs");
    let object = inspect(with(&props(28, "other"), &f2fs));
    assert_eq!(object["device"], "other", "{object}");
    let object = inspect(with(&props(29, "other"), &f2fs));
    assert_eq!(object["device"], "bacon", "{object}");
    let warnings = object["warnings"].to_string();
    assert!(
        warnings.contains("`system/build.prop` in the zip is not used"),
        "{warnings}"
    );
    // Next to a payload as well.
    let payload = Payload::new().partition(Partition::new("system").replace(&image));
    let zip = Zip::new()
        .stored("payload.bin", payload.build())
        .stored("payload_properties.txt", "")
        .entry(Entry::stored("system/build.prop", props(35, "other")));
    assert_eq!(inspect(zip.build())["error"]["class"], "conflict");
}

#[test]
fn package_that_no_phone_installs_is_left_out() {
    let good = Package::files(bacon(34)).build();
    let with_comment = |comment: &[u8]| {
        Zip::new()
            .stored("META-INF/com/google/android/update-binary", "#!")
            .stored("system/build.prop", "ro.lineage.device=bacon\n")
            .comment(comment)
            .build()
    };
    for (zip, reason) in [
        (
            [&b"#!/bin/sh\n"[..], &good].concat(),
            "there are bytes before the archive",
        ),
        (
            with_comment(b"a PK\x05\x06 b"),
            "its comment holds an end-of-central-directory record",
        ),
    ] {
        let dir = RomDir::new().file(&format!("builds/{NAME}"), zip);
        let inspected = dir.run(&["inspect", &format!("builds/{NAME}")]).expect(0);
        assert!(inspected.stdout.contains(reason), "{}", inspected.stdout);
        dir.generate().expect(1).says(reason);
    }
}
