//! Facts from packages of every layout, read from their images alone.

use serde_json::{Value, json};
use testkit::package::Package;
use testkit::payload::{Operation, Partition, Payload, op, properties};
use testkit::props::Props;
use testkit::sparse::{self, Sparse};
use testkit::super_image::Super;
use testkit::transfer_list::TransferList;
use testkit::zip::{Entry, Zip};

use super::remote::host::Host;
use super::support::{RomDir, fixture, fixture_bytes};

const NAME: &str = "update.zip";
const SYSTEM: &str = "system:/system/build.prop";
const PRODUCT: &str = "product:/etc/build.prop";

/// For the builders; no metadata is written here, because the facts are in the images.
fn nothing() -> Props {
    Props::lineage("0", "none", "none", 1, "none", 35, "2000-01-01")
}

fn payload() -> Package {
    Package::payload(nothing()).without_metadata()
}

fn images() -> Package {
    Package::images(nothing()).without_metadata()
}

/// A block-based package with the given list and data.
fn block(list: &str, entries: impl IntoIterator<Item = Entry>) -> Vec<u8> {
    let zip = Zip::new()
        .stored("META-INF/com/google/android/update-binary", "#!")
        .stored("system.transfer.list", list)
        .stored("system.patch.dat", "");
    entries.into_iter().fold(zip, Zip::entry).build()
}

/// One operation that writes a whole image from another tool's stream.
fn operation(kind: u32, stream: Vec<u8>, image: &[u8]) -> Operation {
    let num_blocks = image.len() as u64 / 4096;
    Operation::new(kind).data(stream).dst(&[(0, num_blocks)])
}

#[track_caller]
fn inspect(zip: &[u8]) -> Value {
    let dir = RomDir::new().file(NAME, zip);
    let object = dir.run(&["inspect", "--json", NAME]).expect(0).json();
    // The facts are the same over http, though fewer bytes are read.
    let url = Host::of_file(zip.to_vec()).url(&format!("/{NAME}"));
    let mut remote = dir.run(&["inspect", "--json", &url]).expect(0).json();
    for key in ["file", "read"] {
        remote[key] = object[key].clone();
    }
    assert_eq!(remote, object);
    object
}

/// Returns the facts in the fixtures' system tree, from the image alone.
#[track_caller]
fn has_enchilada(what: &str, zip: &[u8], layout: &str, file_system: &str) -> Value {
    let object = inspect(zip);
    for (key, expected) in [
        ("kind", json!("full")),
        ("layout", json!(layout)),
        ("device", json!("enchilada")),
        ("version", json!("22.2")),
        ("romtype", json!("UNOFFICIAL")),
        ("datetime", json!(1_749_896_318)),
        ("incremental", json!("eng.builder.20250614.101838")),
        ("sdk_level", json!(35)),
        ("security_patch", json!("2025-06-05")),
        ("warnings", json!([])),
    ] {
        assert_eq!(object[key], expected, "{what}: {key} of {object}");
    }
    assert_eq!(object["sources"]["device"], SYSTEM, "{what}");
    let systems = object["file_systems"].as_object().unwrap();
    assert!(
        systems.values().all(|kind| kind == file_system),
        "{what}: {systems:?}"
    );
    object
}

#[test]
fn payload_operations_of_every_kind_are_decoded() {
    let system = fixture("ext4-android");
    let xz = fixture_bytes("ext4-android.img.xz");
    for (what, partition) in [
        ("replace", Partition::new("system").replace(&system)),
        (
            "xz",
            Partition::new("system").operation(operation(op::REPLACE_XZ, xz, &system)),
        ),
    ] {
        let zip = payload().partition(partition).build();
        let object = has_enchilada(what, &zip, "payload", "ext4");
        assert_eq!(object["files"], json!([SYSTEM]));
    }
    // The product partition from other tools, next to a complete system.
    let product = fixture("ext4-product");
    for (kind, extension) in [
        (op::REPLACE_XZ, "xz"),
        (op::REPLACE_BZ, "bz2"),
        (op::REPLACE_ZSTD, "zst"),
    ] {
        let stream = fixture_bytes(&format!("ext4-product.img.{extension}"));
        let zip = payload()
            .partition(Partition::new("system").replace(&system))
            .partition(Partition::new("product").operation(operation(kind, stream, &product)))
            .build();
        let object = has_enchilada(extension, &zip, "payload", "ext4");
        assert_eq!(object["files"], json!([SYSTEM, PRODUCT]));
        // The definition in the product partition is loaded last.
        assert_eq!(object["sources"]["romtype"], PRODUCT, "{extension}");
        assert_eq!(object["read"]["operations"], 1, "{extension}");
    }
}

#[test]
fn every_file_system_is_read_through_a_payload() {
    for name in [
        "erofs-lz4hc",
        "erofs-bigpcluster",
        "erofs-plain",
        "erofs-lzma-frag",
        "erofs-16k-lz4hc",
        "ext4-shared",
    ] {
        let zip = payload()
            .partition(Partition::new("system").replace(fixture(name)))
            .partition(Partition::new("product").replace(fixture("erofs-product")))
            .build();
        let object = inspect(&zip);
        assert_eq!(object["device"], "enchilada", "{name}: {object}");
        assert_eq!(object["files"], json!([SYSTEM, PRODUCT]), "{name}");
        // Each needed operation is read once for its hash and once for its data.
        let read = object["read"]["bytes"].as_u64().unwrap();
        assert!(read < zip.len() as u64 * 3, "{name}: {read}");
    }
}

#[test]
fn a_deflated_payload_is_read_too() {
    let bytes = Payload::new()
        .partition(Partition::new("system").replace(fixture("erofs-lz4hc")))
        .build();
    let zip = Zip::new()
        .deflated("payload.bin", bytes.clone())
        .stored("payload_properties.txt", properties(&bytes))
        .build();
    has_enchilada("deflated", &zip, "payload", "erofs");
}

#[test]
fn block_based_packages_are_read_from_every_kind_of_data() {
    let image = fixture("ext4-android");
    let num_blocks = image.len() as u64 / 4096;
    let whole = TransferList::new(4).write(&[(0, num_blocks)]).text();
    let (text, data) = TransferList::from_image_shuffled(&image, 3);
    let br = fixture_bytes("ext4-android.img.br");
    let xz = fixture_bytes("ext4-android.img.xz");
    let part = |n: usize| br[n * 10_000..br.len().min((n + 1) * 10_000)].to_vec();
    assert!(part(2).len() < 10_000);
    for (what, list, entries) in [
        (
            "stored",
            &whole,
            vec![Entry::stored("system.new.dat", &image[..])],
        ),
        (
            "deflated",
            &whole,
            vec![Entry::deflated("system.new.dat", &image[..])],
        ),
        (
            "out of order",
            &text,
            vec![Entry::deflated("system.new.dat", data)],
        ),
        (
            "brotli",
            &whole,
            vec![Entry::stored("system.new.dat.br", &br[..])],
        ),
        (
            "brotli, deflated",
            &whole,
            vec![Entry::deflated("system.new.dat.br", &br[..])],
        ),
        ("xz", &whole, vec![Entry::stored("system.new.dat.xz", xz)]),
        (
            "split brotli",
            &whole,
            vec![
                Entry::stored("system.new.dat.br.2", part(2)),
                Entry::stored("system.new.dat.br.0", part(0)),
                Entry::stored("system.new.dat.br.1", part(1)),
            ],
        ),
        (
            "split",
            &whole,
            vec![
                Entry::deflated("system.new.dat.1", &image[1_000_000..]),
                Entry::stored("system.new.dat.0", &image[..1_000_000]),
            ],
        ),
    ] {
        has_enchilada(what, &block(list, entries), "block", "ext4");
    }
}

#[test]
fn a_brotli_stream_is_decoded_only_as_far_as_needed() {
    let num_blocks = fixture("ext4-android").len() as u64 / 4096;
    let list = TransferList::new(4).write(&[(0, num_blocks)]).text();
    let br = fixture_bytes("ext4-android.img.br");
    let zip = block(&list, [Entry::stored("system.new.dat.br", br)]);
    let object = inspect(&zip);
    let decoded = object["read"]["bytes_decoded"].as_u64().unwrap();
    assert!(decoded < num_blocks * 4096 / 2, "{decoded}");
}

#[test]
fn other_partitions_of_a_block_based_package_are_read_as_well() {
    let system = fixture("ext4-android");
    let zip = Package::block(nothing())
        .without_metadata()
        .with_build_prop(false)
        .image(&system[..])
        .block_partition("product", fixture("ext4-product"))
        .with_dynamic_op_list("resize system 9999999360\nresize product 1000000\n")
        .build();
    let object = has_enchilada("dynamic", &zip, "block", "ext4");
    assert_eq!(object["files"], json!([SYSTEM, PRODUCT]));
}

#[test]
fn images_are_read_raw_sparse_split_and_compressed() {
    let system = fixture("ext4-android");
    let parts = sparse::split(&system, 4096, 3);
    for (what, package) in [
        ("raw", images().named_image("system.img", &system[..])),
        (
            "stored",
            images().stored_image("images/system.img", &system[..]),
        ),
        (
            "sparse",
            images().named_image("system.img", fixture("sparse")),
        ),
        (
            "sparse of 1 KiB",
            images().stored_image("system.img", fixture("sparse-1k")),
        ),
        (
            "split",
            images()
                .named_image("system.img_sparsechunk.0", &parts[0][..])
                .named_image("system.img_sparsechunk.1", &parts[1][..])
                .named_image("system.img_sparsechunk.2", &parts[2][..]),
        ),
        (
            "xz",
            images().stored_image("system.img.xz", fixture_bytes("ext4-android.img.xz")),
        ),
        (
            "sparse in xz",
            images().stored_image("system_a.img.xz", fixture_bytes("sparse.img.xz")),
        ),
    ] {
        let object = inspect(&package.build());
        assert_eq!(object["device"], "enchilada", "{what}: {object}");
        assert_eq!(object["layout"], "images", "{what}");
        assert_eq!(object["warnings"], json!([]), "{what}");
    }
    for extension in ["gz", "br", "lzma", "zst", "bz2", "xz"] {
        let stream = fixture_bytes(&format!("ext4-product.img.{extension}"));
        let package = images()
            .named_image("system.img", &system[..])
            .stored_image(&format!("product.img.{extension}"), stream);
        let object = has_enchilada(extension, &package.build(), "images", "ext4");
        assert_eq!(object["files"], json!([SYSTEM, PRODUCT]), "{extension}");
    }
}

#[test]
fn super_images_are_read_whatever_their_form() {
    let system = fixture("erofs-lz4hc");
    let product = fixture("erofs-product");
    let plain = Super::new()
        .partition("system", &system[..])
        .partition("product", &product[..]);
    let slots = Super::new()
        .minor(2)
        .slots(3)
        .partition("system_a", &system[..])
        .empty("system_b")
        .partition("product_a", &product[..])
        .empty("product_b");
    let sizes = [64, 8, 40];
    let scattered = Super::new()
        .metadata_max_size(4096)
        .partition_in_extents("system", &system[..], &sizes)
        .partition_in_extents("product", &product[..], &[8]);
    let damaged = Super::new()
        .partition("system", &system[..])
        .partition("product", &product[..])
        .corrupt_geometry()
        .corrupt_primary_metadata();
    for (what, logical) in [
        ("plain", plain),
        ("slots", slots),
        ("scattered", scattered),
        ("damaged copies", damaged),
    ] {
        let image = logical.build();
        for (form, package) in [
            ("raw", images().stored_image("super.img", &image[..])),
            (
                "sparse",
                images().named_image("super.img", Sparse::from_image(&image, 4096).build()),
            ),
        ] {
            let object = inspect(&package.build());
            assert_eq!(object["layout"], "super", "{what}, {form}");
            assert_eq!(object["device"], "enchilada", "{what}, {form}: {object}");
            assert_eq!(
                object["files"].as_array().unwrap().len(),
                2,
                "{what}, {form}"
            );
        }
        let mut package = images();
        for (index, part) in sparse::split(&image, 4096, 3).into_iter().enumerate() {
            package = package.stored_image(&format!("super_{}.img", index + 1), part);
        }
        assert_eq!(
            inspect(&package.build())["device"],
            "enchilada",
            "{what}, split"
        );
    }
}

#[test]
fn a_zip_of_images_inside_the_package_is_read() {
    let inner = Zip::new()
        .deflated("system.img", fixture("erofs-lz4hc"))
        .stored("product.img", fixture("erofs-product"))
        .build();
    for (what, entry) in [
        (
            "stored",
            Entry::stored("image-enchilada-1.zip", inner.clone()),
        ),
        (
            "deflated",
            Entry::deflated("files/images.zip", inner.clone()),
        ),
    ] {
        let zip = Zip::new()
            .stored("META-INF/com/google/android/update-binary", "#!")
            .entry(entry)
            .build();
        let object = has_enchilada(what, &zip, "images", "erofs");
        assert_eq!(object["files"], json!([SYSTEM, PRODUCT]), "{what}");
    }
}

#[test]
fn an_old_system_without_the_root_folder_is_read() {
    for name in ["ext2-flat", "ext3-flat"] {
        let zip = Package::block(nothing())
            .without_metadata()
            .with_build_prop(false)
            .image(fixture(name))
            .build();
        let object = inspect(&zip);
        for (key, expected) in [
            ("device", json!("golden")),
            ("version", json!("12.1")),
            ("romtype", json!("NIGHTLY")),
            ("datetime", json!(1_440_659_702)),
            ("files", json!(["system:/build.prop"])),
            ("warnings", json!([])),
        ] {
            assert_eq!(object[key], expected, "{name}: {key}");
        }
    }
}

#[test]
fn an_unreadable_source_is_reported_and_the_next_is_used() {
    for (image, words) in [
        ("f2fs", "f2fs is not supported"),
        ("squashfs", "squashfs is not supported"),
        ("ext4-inline", "ext4 with"),
    ] {
        let props = Props::lineage(
            "21.0",
            "nightly",
            "bacon",
            1_700_000_000,
            "x",
            34,
            "2023-11-05",
        );
        let mut bytes = fixture(image);
        bytes.resize(bytes.len().next_multiple_of(4096), 0);
        let zip = Package::payload(props)
            .partition(Partition::new("system").replace(bytes))
            .build();
        let name = "lineage-21.0-20231114-nightly-bacon.zip";
        let dir = RomDir::new().file(name, zip);
        let object = dir.run(&["inspect", "--json", name]).expect(0).json();
        assert_eq!(object["device"], "bacon", "{image}");
        assert_eq!(object["files"], json!([]), "{image}");
        let warning = object["warnings"][0].as_str().unwrap();
        assert!(warning.contains(words), "{image}: {warning}");
        assert!(warning.contains("partition `system`"), "{image}: {warning}");
    }
}

#[test]
fn a_damaged_image_is_an_error_of_its_build_with_the_offset() {
    let image = fixture("ext4-android");
    let mut xz = fixture_bytes("ext4-android.img.xz");
    xz[3000] ^= 0x40;
    let zip = payload()
        .partition(Partition::new("system").operation(operation(op::REPLACE_XZ, xz, &image)))
        .build();
    let dir = RomDir::new().file(NAME, zip);
    let run = dir.run(&["inspect", "--json", NAME]).expect(1);
    let object = run.json();
    assert_eq!(object["error"]["class"], "corrupt");
    let message = object["error"]["message"].as_str().unwrap();
    for part in [
        "partition `system`",
        "operation 0",
        "of the payload",
        "xz stream",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

#[test]
fn families_of_the_settings_are_read() {
    let props = Props::new()
        .set("ro.mine.device", "bacon")
        .set("ro.mine.release", "x-7.5-y")
        .set("ro.mine.type", "WEEKLY")
        .set("ro.build.date.utc", "1700000000")
        .set("ro.build.version.sdk", "19")
        .set("ro.build.version.incremental", "abc");
    let dir = RomDir::new()
        .file(NAME, Package::files(props).without_metadata().build())
        .file(
            "romfeed.toml",
            "[[family]]\nname = \"Mine\"\nmarkers = [\"ro.mine.\"]\ndevice = [\"ro.mine.device\"]\nversion = [\"ro.mine.release[1]\"]\nromtype = [\"ro.mine.type\"]\n",
        );
    let object = dir.run(&["inspect", "--json", NAME]).expect(0).json();
    assert_eq!(object["version"], "7.5", "{object}");
    assert_eq!(object["romtype"], "WEEKLY");
    dir.put(
        "romfeed.toml",
        "[[family]]\nname = \"Mine\"\nmarkers = []\n",
    );
    dir.run(&["inspect", NAME]).expect(2).says("markers");
    dir.put(
        "romfeed.toml",
        "[[family]]\nname = \"Mine\"\nmarkers = [\"x\"]\nversion = [\"x b\"]\n",
    );
    dir.run(&["inspect", NAME])
        .expect(2)
        .says("neither a property");
}
