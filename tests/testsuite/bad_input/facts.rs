//! Facts that are missing, impossible or contradicted.

use testkit::metadata::Metadata;

use super::*;

#[test]
fn missing_facts_are_named() {
    let empty = with_props(&[
        ("ro.lineage.device", ""),
        ("ro.product.system.device", ""),
        ("ro.build.product", ""),
        ("ro.lineage.releasetype", ""),
        ("ro.lineage.version", ""),
    ]);
    is_left_out(
        "update.zip",
        &empty,
        "missing_facts",
        "no source has its device, romtype",
        "<zip>.prop",
    );
    let bare = Package::payload(bacon_props(2)).without_metadata().build();
    is_left_out(
        "update.zip",
        &bare,
        "missing_facts",
        "no source has its device, version, romtype, datetime",
        "[[override]]",
    );
}

#[test]
fn a_datetime_in_milliseconds_is_refused() {
    let zip = with_props(&[("ro.build.date.utc", "1700000000000")]);
    is_left_out(
        "update.zip",
        &zip,
        "corrupt",
        "datetime `1700000000000` is beyond the year 2100; milliseconds",
        HINT_OVERRIDE,
    );
}

#[test]
fn a_digest_file_that_disagrees_keeps_the_package_out() {
    for (algorithm, len) in [("sha256", 64), ("md5", 32)] {
        let name = bacon_name(2);
        let wrong = "0".repeat(len);
        let (dir, run) = next_to_good(|dir| {
            dir.put(&format!("builds/{name}"), bacon(2));
            let line = format!("{wrong}  {name}\n");
            dir.put(&format!("builds/{name}.{algorithm}sum"), line);
        });
        let run = run.expect(1);
        one_error(
            &run,
            &format!("{name}: its {algorithm} is "),
            "copy the package again, or create its digest file again",
        );
        let run = run.says(&format!(", but {name}.{algorithm}sum says {wrong}\n"));
        assert_eq!(run.json()["errors"][0]["class"], "hash_mismatch");
        offers_both_good_builds(&dir);
    }
}

#[test]
fn a_digest_file_of_garbage_is_warned_about() {
    for garbage in [&b"\x1b[31m\0\xff"[..], b"", b"sha256 of what?"] {
        let (dir, run) = next_to_good(|dir| dir.put(&format!("{}.sha256sum", good(1)), garbage));
        let run = run
            .expect(0)
            .says(".zip.sha256sum has no sha256 of the package; not checked");
        is_escaped(&run);
        offers_both_good_builds(&dir);
    }
}

#[test]
fn a_date_from_the_file_name_alone_is_a_warning() {
    let zip = Package::payload(bacon_props(1)).without_metadata().build();
    let (dir, run) = next_to_good(|dir| dir.put(&good(1), zip));
    run.expect(0)
        .says("warning: bacon/lineage-21.0-20231115-nightly-bacon.zip: datetime ")
        .says("is only the date in the file name");
    offers_both_good_builds(&dir);
}

#[test]
fn contradicting_sources_without_build_prop_keep_the_package_out() {
    let package = |metadata| {
        Package::payload(bacon_props(2))
            .metadata(metadata)
            .metadata_text_only()
            .build()
    };
    let metadata = || Metadata::new().ota_type("AB").timestamp(1_700_172_800);
    let set = HINT_OVERRIDE;
    is_left_out(
        &bacon_name(2),
        &package(metadata().device("mako")),
        "conflict",
        "device is `mako` by META-INF/com/android/metadata and `bacon` by file name, and no build.prop decides",
        set,
    );
    is_left_out(
        "lineage-21.0-20230101-nightly-bacon.zip",
        &package(metadata().device("bacon")),
        "conflict",
        "datetime is `1700172800` by META-INF/com/android/metadata and `1672531200` by file name",
        set,
    );
}

#[test]
fn sources_that_contradict_build_prop_are_warned_about() {
    let zip = Package::files(bacon_props(1))
        .metadata(
            Metadata::new()
                .device("mako")
                .timestamp(1_600_000_000)
                .incremental("other"),
        )
        .metadata_text_only()
        .build();
    let (dir, run) = next_to_good(|dir| dir.put(&good(1), zip));
    run.expect(0)
        .says("device is `bacon` by system/build.prop, though META-INF/com/android/metadata says `mako`")
        .says("datetime is `1700086400` by system/build.prop, though META-INF/com/android/metadata says `1600000000`")
        .says("incremental is `inc1` by system/build.prop, though META-INF/com/android/metadata says `other`");
    offers_both_good_builds(&dir);
}
