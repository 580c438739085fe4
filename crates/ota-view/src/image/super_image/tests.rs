use super::metadata::{GEOMETRY_STRUCT_LEN, HEADER_LEN};
use super::*;
use crate::error_kind::ErrorKind;
use crate::image::MAX_PARTITIONS;
use sha2::{Digest, Sha256};
use testkit::noise;
use testkit::super_image::{self as made, Table, target};

/// Bytes of the metadata: room for each copy, and where the first begins.
const ROOM: u64 = 4096;
const METADATA: usize = 12_288;
/// Bytes of the tables of [`good`]: three partitions, four extents, two groups
/// and a device.
const TABLES_LEN: usize = 3 * 52 + 4 * 24 + 2 * 48 + 64;

fn good() -> made::Super {
    made::Super::new()
        .metadata_max_size(4096)
        .partition("system_a", noise(1, 3 * 512))
        .partition_in_extents("vendor_a", noise(2, 4 * 512), &[1, 2])
        .empty("system_b")
}

fn open(image: Vec<u8>) -> Result<Super, Error> {
    Super::open(Arc::new(image))
}

/// The error of opening the image or one of its partitions.
#[track_caller]
fn fault(made: &made::Super) -> Error {
    fault_in(made.build())
}

#[track_caller]
fn fault_in(image: Vec<u8>) -> Error {
    let logical = match open(image) {
        Ok(logical) => logical,
        Err(error) => return error,
    };
    let mut names = logical.partitions();
    names
        .find_map(|name| logical.partition(name).err())
        .unwrap()
}

fn read(logical: &Super, name: &str) -> Vec<u8> {
    let partition = logical.partition(name).unwrap().unwrap();
    let mut bytes = vec![0xaa; usize::try_from(partition.size()).unwrap()];
    partition.read_exact_at(0, &mut bytes).unwrap();
    bytes
}

#[track_caller]
fn is_good(image: Vec<u8>) {
    let logical = open(image).unwrap();
    let names: Vec<&str> = logical.partitions().collect();
    assert_eq!(names, ["system_a", "vendor_a"]);
    assert!(read(&logical, "system_a") == noise(1, 3 * 512));
    assert!(read(&logical, "vendor_a") == noise(2, 4 * 512));
    assert!(logical.partition("system_b").unwrap().is_none());
}

#[test]
fn partitions_are_read_in_all_versions() {
    is_good(good().build());
    is_good(good().minor(2).flags(1).build());
    is_good(good().slots(3).build());
    is_good(good().entry_size(Table::Partitions, 60).build());
    is_good(
        good()
            .partition("odm_a", [7; 512])
            .disabled("odm_a")
            .build(),
    );
}

#[test]
fn zero_extents_need_no_space() {
    let image = made::Super::new()
        .raw_extent("a", 2, target::ZERO, 0, 0)
        .raw_extent("a", 1 << 40, target::ZERO, u64::MAX, 9)
        .build();
    let logical = open(image).unwrap();
    let partition = logical.partition("a").unwrap().unwrap();
    assert_eq!(partition.size(), (2 + (1 << 40)) * 512);
    let mut bytes = [1; 1024];
    partition
        .read_exact_at(partition.size() - 1024, &mut bytes)
        .unwrap();
    assert_eq!(bytes, [0; 1024]);
}

#[test]
fn super_image_is_detected_by_its_magic() {
    let good = good().build();
    assert!(detect(&good).unwrap());
    for (at, is_super) in [(4096, true), (8192, true)] {
        let mut one_copy = good.clone();
        one_copy[at] = 0;
        assert_eq!(detect(&one_copy).unwrap(), is_super);
    }
    let mut none = good.clone();
    none[4096] = 0;
    none[8192] = 0;
    assert!(!detect(&none).unwrap());
    assert!(!detect(&good[..8191].to_vec()).unwrap());
    assert!(!detect(&Vec::new()).unwrap());
}

#[test]
fn valid_copy_replaces_a_damaged_one() {
    is_good(good().corrupt_geometry().build());
    is_good(good().corrupt_primary_metadata().build());
    is_good(good().corrupt_backup_metadata().build());
    is_good(good().corrupt_geometry().corrupt_primary_metadata().build());
    // The first slot alone.
    let mut image = good().build();
    image[METADATA + 200] ^= 1;
    is_good(image);
}

#[test]
fn error_of_the_first_copy_is_reported_if_all_are_damaged() {
    let error = fault(&good().corrupt_geometry().corrupt_backup_geometry());
    assert!(
        matches!(
            error,
            Error::Bad {
                structure: "geometry",
                offset: 4096,
                fault: "its checksum is wrong"
            }
        ),
        "{error}"
    );
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let error = fault(&good().corrupt_primary_metadata().corrupt_backup_metadata());
    assert!(
        matches!(
            error,
            Error::Bad {
                structure: "metadata",
                offset: 12_288,
                fault: "the checksum of its tables is wrong"
            }
        ),
        "{error}"
    );
    assert_eq!(error.kind(), ErrorKind::Corrupt);
}

#[test]
fn impossible_geometry_is_refused() {
    for (made, found) in [
        (
            good().declared_slots(0),
            "its number of slots is not possible",
        ),
        (
            good().declared_slots(17),
            "its number of slots is not possible",
        ),
        (
            good().declared_slots(u32::MAX),
            "its number of slots is not possible",
        ),
        (
            good().declared_metadata_max_size(0),
            "its metadata_max_size is not possible",
        ),
        (
            good().declared_metadata_max_size(4095),
            "its metadata_max_size is not possible",
        ),
        (
            good().declared_metadata_max_size((4 << 20) + 512),
            "its metadata_max_size is not possible",
        ),
        (
            good().declared_metadata_max_size(u32::MAX),
            "its metadata_max_size is not possible",
        ),
    ] {
        let error = fault(&made);
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert_eq!(
            error.to_string(),
            format!("super geometry at byte 0x1000: {found}")
        );
    }
    let mut long = good().build();
    long[4096 + 4] = 56;
    long[8192 + 4] = 56;
    let error = open(long).err().unwrap();
    assert!(error.to_string().ends_with("its length is not 52"));
}

#[test]
fn impossible_metadata_is_refused_with_its_offset() {
    for (made, found) in [
        (
            good().declared_header_size(127),
            "its header_size is not possible",
        ),
        (
            good().declared_header_size(257),
            "its header_size is not possible",
        ),
        (
            good().declared_header_size(u32::MAX),
            "its header_size is not possible",
        ),
        (
            good().declared_tables_size(u32::MAX),
            "its tables are longer than their place",
        ),
        (
            good().declared_tables_size(4096 - 127),
            "its tables are longer than their place",
        ),
        (
            good().declared_table(Table::Partitions, 0, 3, 0),
            "its table of partitions is not possible",
        ),
        (
            good().declared_table(Table::Partitions, 0, u32::MAX, u32::MAX),
            "its table of partitions is not possible",
        ),
        (
            good().declared_table(Table::Partitions, u32::MAX, 1, 52),
            "its table of partitions is not possible",
        ),
        (
            good().declared_table(Table::Extents, 0, 1, 23),
            "its table of extents is not possible",
        ),
        (
            good().declared_table(Table::Extents, 0, 1000, 24),
            "its table of extents is not possible",
        ),
    ] {
        let error = fault(&made);
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert_eq!(
            error.to_string(),
            format!("super metadata at byte 0x3000: {found}")
        );
    }
    let error = fault(&good().major(11));
    assert!(matches!(error, Error::BadVersion { found: 11 }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn impossible_extent_is_reported_with_its_partition() {
    let with =
        |sectors, kind, data, source| fault(&good().raw_extent("odm", sectors, kind, data, source));
    for (error, found) in [
        (
            with(u64::MAX, target::LINEAR, 0, 0),
            "is longer than every disk",
        ),
        (
            with(1 << 55, target::ZERO, 0, 0),
            "is longer than every disk",
        ),
        (
            with(1, target::LINEAR, u64::MAX, 0),
            "begins beyond every disk",
        ),
        (
            with(1, target::LINEAR, 1 << 54, 0),
            "reaches beyond the end of super",
        ),
        (
            with(1 << 54, target::LINEAR, 1 << 54, 0),
            "reaches beyond the end of super",
        ),
        (
            with(1, target::LINEAR, 0, 1),
            "is on a disk that has no name",
        ),
        (with(1, 2, 0, 0), "is of an unknown type"),
    ] {
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        // Behind one of `system_a` and three of `vendor_a`.
        assert_eq!(
            error.to_string(),
            format!("super partition `odm`, extent 4: {found}")
        );
    }
    let half = (u64::MAX / 512) / 2 + 1;
    let error = fault(
        &made::Super::new()
            .raw_extent("a", half, target::ZERO, 0, 0)
            .raw_extent("a", half, target::ZERO, 0, 0),
    );
    assert!(
        matches!(error, Error::BadExtent { index: 1, .. }),
        "{error}"
    );
    let error = fault(&good().declared_table(Table::Extents, 0, 0, 24));
    assert!(
        matches!(
            error,
            Error::BadExtent {
                index: 0,
                fault: "is not in the table",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn partitions_on_several_devices_are_joined() {
    let [system, vendor] = made::Super::new()
        .devices(&["system", "vendor"])
        .partition_on(1, "system", noise(3, 5 * 512))
        .partition("vendor", noise(4, 512))
        .partition_on(1, "vendor", noise(5, 512))
        .build_all()
        .try_into()
        .unwrap();
    let logical = open(system).unwrap();
    assert_eq!(logical.other_devices().collect::<Vec<_>>(), ["vendor"]);
    let error = logical.partition("system").err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(
        error.to_string(),
        "super partition `system` is partly on `vendor`, which is not in the package"
    );
    let other: Arc<dyn ReadAt> = Arc::new(vendor);
    let logical = logical.with_devices([Some(other)]);
    assert!(read(&logical, "system") == noise(3, 5 * 512));
    assert!(read(&logical, "vendor") == [noise(4, 512), noise(5, 512)].concat());
}

#[test]
fn overlapping_partitions_are_named() {
    let shared = 12_288 / 512 + 4 * ROOM / 512;
    for made in [
        // The second sector of `system_a`; and the same row of the table.
        good().raw_extent("odm", 1, target::LINEAR, shared + 1, 0),
        good()
            .raw_extent("odm", 1, target::LINEAR, shared + 1, 0)
            .shared_extents("odm", 0, 1),
    ] {
        let error = fault(&made);
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert_eq!(
            error.to_string(),
            "ambiguous: super partitions `system_a` and `odm` overlap"
        );
    }
    // One that is disabled claims nothing.
    let odm = good().raw_extent("odm", 1, target::LINEAR, shared + 1, 0);
    is_good(odm.disabled("odm").build());
}

#[test]
fn two_partitions_of_one_name_are_ambiguous() {
    let mut image = good().build();
    let at = image.windows(8).position(|name| name == b"vendor_a");
    let at = at.unwrap();
    image[at..at + 8].copy_from_slice(b"system_a");
    fix_checksums(&mut image);
    let error = fault_in(image);
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert_eq!(
        error.to_string(),
        "ambiguous: super has two partitions `system_a`"
    );
}

#[test]
fn a_thousand_partitions_are_the_most() {
    let with = |count: usize| {
        let made = good().metadata_max_size(128 << 10);
        (3..count).fold(made, |made, index| made.empty(&format!("p{index}")))
    };
    is_good(with(MAX_PARTITIONS).build());
    let error = fault(&with(MAX_PARTITIONS + 1));
    assert_eq!(
        error.to_string(),
        "super metadata at byte 0x3000: its table of partitions is not possible"
    );
}

#[test]
fn image_that_ends_early_is_truncated() {
    let good = good().build();
    for (len, structure) in [
        (4096 + 51, "geometry"),
        (METADATA + 127, "metadata"),
        (METADATA + 130, "metadata tables"),
    ] {
        let error = open(good[..len].to_vec()).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Truncated, "{len}: {error}");
        assert!(
            matches!(error, Error::Read { structure: found, .. } if found == structure),
            "{len}: {error}"
        );
    }
    // Sound metadata, but the partitions are gone.
    let len = usize::try_from(12_288 + 4 * ROOM).unwrap();
    let error = fault_in(good[..len].to_vec());
    assert!(matches!(error, Error::BadExtent { .. }), "{error}");
}

#[test]
fn changed_bytes_never_panic() {
    let good = good().build();
    let end = METADATA + HEADER_LEN + TABLES_LEN;
    for at in (4096..4096 + GEOMETRY_STRUCT_LEN).chain(METADATA..end) {
        for value in [0, 1, 0x7f, 0xff] {
            let mut bytes = good.clone();
            bytes[at] = value;
            // With right checksums, where that is what was to be changed.
            for is_fixed in [false, true] {
                if is_fixed {
                    fix_checksums(&mut bytes);
                }
                if let Ok(logical) = open(bytes.clone()) {
                    for name in logical.partitions() {
                        if let Ok(Some(partition)) = logical.partition(name) {
                            let _ = partition.read_exact_at(0, &mut [0; 512]);
                        }
                    }
                }
            }
        }
    }
}

/// Corrects the checksums of the first geometry and metadata.
fn fix_checksums(image: &mut [u8]) {
    let mut fix = |at: usize, covered: std::ops::Range<usize>| {
        image[at..at + 32].fill(0);
        let checksum = Sha256::digest(&image[covered]);
        image[at..at + 32].copy_from_slice(&checksum);
    };
    let header_end = METADATA + HEADER_LEN;
    fix(4096 + 8, 4096..4096 + GEOMETRY_STRUCT_LEN);
    fix(METADATA + 48, header_end..header_end + TABLES_LEN);
    fix(METADATA + 12, METADATA..header_end);
}
