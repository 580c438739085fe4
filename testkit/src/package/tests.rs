use super::contents::blocks;
use super::*;
use crate::payload::{self, properties};

fn lineage(version: &str, device: &str, sdk: u32) -> Props {
    Props::lineage(
        version,
        "NIGHTLY",
        device,
        1_575_978_075,
        "cd6bf65336",
        sdk,
        "2019-11-05",
    )
}

fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle.as_bytes())
}

/// Every `name:offset:length` of the list must point at what the name says.
#[test]
fn property_files_are_where_the_list_says() {
    let zip = Package::payload(lineage("22.2", "enchilada", 35)).build();
    let text = String::from_utf8_lossy(&zip);
    let (_, list) = text.split_once("\nota-property-files=").unwrap_or_else(|| {
        text.split_once("ota-property-files=")
            .expect("the list is there")
    });
    let list = list.lines().next().unwrap();
    assert!(list.ends_with(' '));
    let mut names = Vec::new();
    for item in list.trim_end().split(',') {
        let mut parts = item.split(':');
        let name = parts.next().unwrap();
        let start: usize = parts.next().unwrap().parse().unwrap();
        let len: usize = parts.next().unwrap().parse().unwrap();
        let bytes = &zip[start..start + len];
        match name {
            "payload.bin" => assert_eq!(properties(bytes).lines().count(), 4),
            "payload_metadata.bin" => {
                assert!(bytes.starts_with(b"CrAU"));
                assert_eq!(payload::metadata_len(bytes), len);
            }
            "payload_properties.txt" => assert!(bytes.starts_with(b"FILE_HASH=")),
            "metadata" => {
                assert_eq!(start, 69);
                assert!(bytes.ends_with(b"pre-device=enchilada\n"));
            }
            "metadata.pb" => assert!(bytes.starts_with(b"\x08\x01\x22")),
            _ => assert_eq!(bytes[0], 0x0a, "{name}"),
        }
        names.push(name);
    }
    assert_eq!(
        names,
        [
            "payload_metadata.bin",
            "payload.bin",
            "payload_properties.txt",
            "apex_info.pb",
            "care_map.pb",
            "metadata",
            "metadata.pb"
        ]
    );
}

#[test]
fn old_metadata_has_three_lines() {
    let props = Props::cm(
        "12.1",
        "NIGHTLY",
        "golden",
        1_440_683_551,
        "8faea5e644",
        22,
        "",
    );
    let text = Package::block(props).derived_metadata().text();
    assert_eq!(
        text,
        "post-build=samsung/cm_golden/golden:5.1.1/LMY48G/8faea5e644:userdebug/release-keys\n\
         post-timestamp=1440683551\npre-device=golden\n"
    );
}

#[test]
fn block_packages_have_build_prop_up_to_android_9() {
    let with = Package::block(lineage("16.0", "natrium", 28));
    assert!(contains(&with.clone().build(), "system/build.prop"));
    assert!(!contains(
        &with.with_build_prop(false).build(),
        "system/build.prop"
    ));
    let without = Package::block(lineage("17.1", "natrium", 29));
    assert!(!contains(&without.build(), "system/build.prop"));
}

#[test]
fn block_packages_have_other_partitions_than_system() {
    let plain = Package::block(lineage("18.1", "sweet", 30));
    assert!(!contains(
        &plain.clone().build(),
        "dynamic_partitions_op_list"
    ));
    let package = plain
        .block_partition("product", blocks(b"product".to_vec()))
        .with_dynamic_op_list("resize product 4096\n");
    assert_eq!(
        package.block_script(),
        "assert(update_dynamic_partitions(package_extract_file(\"dynamic_partitions_op_list\")));\n\
         block_image_update(map_partition(\"product\"), package_extract_file(\"product.transfer.list\"), \"product.new.dat\", \"product.patch.dat\");\n\
         block_image_update(map_partition(\"system\"), package_extract_file(\"system.transfer.list\"), \"system.new.dat\", \"system.patch.dat\");"
    );
    let names: Vec<String> = package.block_body().iter().map(Entry::name).collect();
    assert_eq!(
        names[2..],
        [
            "boot.img",
            "dynamic_partitions_op_list",
            "product.new.dat",
            "product.patch.dat",
            "product.transfer.list",
            "system.new.dat",
            "system.patch.dat",
            "system.transfer.list",
            OTACERT
        ]
    );
    let zip = package.build();
    assert!(contains(&zip, "product.transfer.listPK"));
}

#[test]
fn images_are_in_the_package_under_their_names() {
    let package = Package::images(lineage("18.1", "sweet", 30));
    let names = |package: &Package| -> Vec<String> {
        package.images_body().iter().map(Entry::name).collect()
    };
    assert_eq!(
        names(&package),
        [
            UPDATE_BINARY,
            UPDATER_SCRIPT,
            "boot.img",
            "system.img",
            OTACERT
        ]
    );
    let package = package
        .named_image("product.img", *b"image")
        .stored_image("super_1.img", *b"kept as it is");
    assert_eq!(names(&package)[3..5], ["product.img", "super_1.img"]);
    let zip = package.build();
    assert!(contains(&zip, "super_1.imgkept as it is"));
    assert!(contains(&zip, "ota-type=BLOCK\n"));
    assert!(!contains(&zip, "ota-property-files="));
}

#[test]
fn deltas_name_their_source() {
    for package in [
        Package::payload(lineage("22.2", "enchilada", 35)),
        Package::block(lineage("16.0", "natrium", 28)),
        Package::files(lineage("16.0", "natrium", 28)),
    ] {
        let zip = package.delta("aaaa", "a/b/c").build();
        assert!(contains(&zip, "pre-build-incremental=aaaa\n"));
        assert!(!contains(&zip, "system/build.propPK"));
    }
}

#[test]
fn the_signature_footer_measures_the_comment() {
    let zip = Package::files(lineage("16.0", "natrium", 28))
        .signed_comment([1; 100])
        .build();
    let footer = &zip[zip.len() - 6..];
    assert_eq!(footer, [106, 0, 0xff, 0xff, 124, 0]);
    assert_eq!(&zip[zip.len() - 124..][..17], b"signed by SignApk");
}

#[test]
fn signing_changes_only_certificate_and_comment() {
    for package in [
        Package::files(lineage("16.0", "natrium", 28)),
        Package::block(lineage("16.0", "natrium", 28)),
        Package::payload(lineage("22.2", "enchilada", 35)),
        Package::images(lineage("18.1", "sweet", 30)),
    ] {
        let signed = package.clone().signed(Key::Bob);
        assert_ne!(signed.certificate(), package.certificate());
        let zip = signed.clone().build();
        assert_eq!(zip, signed.build());
        assert!(contains(&zip, "signed by SignApk\0"));
        let unsigned = package.clone().signed(Key::Alice).signed_comment([]);
        assert_eq!(unsigned.build(), package.signed_comment([]).build());
    }
}

#[test]
fn broken_payloads_can_be_packed() {
    let broken = [b"CrAU".to_vec(), vec![0xff; 40], Vec::new()];
    for payload in broken {
        let zip = Package::payload(lineage("22.2", "enchilada", 35)).payload_bin(payload);
        assert!(!contains(&zip.build(), "payload_metadata.bin"));
    }
}

#[test]
fn the_same_calls_give_the_same_bytes() {
    let make = || Package::payload(lineage("22.2", "enchilada", 35)).build();
    assert_eq!(make(), make());
}
