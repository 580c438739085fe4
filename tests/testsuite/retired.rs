//! Builds whose zip can no longer be served: why they are retired, and which ones are not.

use super::support::{BASE_URL, RomDir, bacon, bacon_name};

/// A published site of two packages, which the site itself serves.
fn published() -> RomDir {
    let dir = RomDir::new()
        .file(&zip(0), bacon(0))
        .file(&zip(1), bacon(1));
    dir.put("romfeed.toml", format!("base_url = \"{BASE_URL}\"\n"));
    dir.run(&["generate"]).expect(0).says("2 builds for");
    dir
}

fn zip(days: i64) -> String {
    format!("builds/{}", bacon_name(days))
}

fn sidecar(days: i64) -> String {
    format!("{}.sha256sum", zip(days))
}

fn retired(why: &str) -> String {
    format!(
        "retired {}: {why}, so it is no longer offered",
        bacon_name(0)
    )
}

#[test]
fn cause_of_a_retirement_is_named() {
    let dir = published();
    std::fs::rename(dir.path().join(zip(0)), dir.path().join("away.zip")).unwrap();
    dir.run(&["generate"])
        .expect(0)
        .says(&retired("its zip is gone"));

    let dir = published();
    let exclude = format!(
        "base_url = \"{BASE_URL}\"\nexclude = [\"{}\"]\n",
        bacon_name(0)
    );
    dir.put("romfeed.toml", exclude);
    dir.run(&["generate"])
        .expect(0)
        .says(&retired("`exclude` in romfeed.toml names its zip"));

    let dir = published();
    dir.put(&zip(0), "not a zip");
    dir.run(&["generate"]).expect(1).says(&retired(
        "its zip cannot be published (the error below says why)",
    ));
}

#[test]
fn wrong_checksum_file_is_named_with_both_digests() {
    let dir = published();
    let wrong = "0".repeat(64);
    dir.put(&sidecar(0), format!("{wrong}  {}\n", bacon_name(0)));
    let catalog: serde_json::Value = serde_json::from_slice(&dir.read("catalog.json")).unwrap();
    let right = catalog["builds"][0]["sha256"].as_str().unwrap();
    dir.run(&["generate"])
        .expect(1)
        .says(&retired(
            "its zip and the checksum file next to it differ (the error below has both digests)",
        ))
        .says(&format!(
            "its sha256 is {right}, but {}.sha256sum says {wrong}",
            bacon_name(0)
        ));
    dir.remove(&sidecar(0));
    dir.run(&["generate"]).expect(0).says("is offered again");
}

#[test]
fn unreadable_checksum_file_names_its_build() {
    let dir = published();
    dir.put(&sidecar(0), "see the website\n");
    let hidden = format!(
        "1 warning about builds that are not new ({}); -v shows it",
        bacon_name(0)
    );
    dir.run(&["generate"]).expect(0).says(&hidden);
    dir.run(&["generate", "-v"]).expect(0).says(&format!(
        "{}.sha256sum has no sha256 of the package; not checked",
        bacon_name(0)
    ));
}

/// An empty folder may be a disk that is not mounted.
#[test]
fn last_zip_retires_nothing_and_says_what_does() {
    let dir = published();
    dir.remove(&zip(0));
    dir.run(&["generate"]).expect(0);
    dir.remove(&zip(1));
    let hint = format!(
        "hint: 1 build stays offered from this site; if its zip is gone for good: romfeed catalog yank --reason \"zip is gone\" {}",
        bacon_name(1)
    );
    dir.run(&["generate"])
        .expect(0)
        .says("1 build for")
        .says(&hint);
    dir.run(&["catalog", "yank", "--reason", "zip is gone", &bacon_name(1)])
        .expect(0);
    dir.run(&["generate"])
        .expect(0)
        .says("0 builds for")
        .lacks("hint:");
}

#[test]
fn builds_on_other_hosts_need_no_zip_and_no_hint() {
    let dir = RomDir::new().file(&zip(0), bacon(0));
    let url = "https://dl.example.org/{filename}";
    dir.run(&["generate", "--url", url]).expect(0);
    dir.remove(&zip(0));
    dir.run(&["generate", "--url", url])
        .expect(0)
        .says("from the catalog alone")
        .lacks("yank");
}

/// Another machine may have the zip; a copy of the own catalog is not another machine.
#[test]
fn second_catalog_that_offers_a_retired_build_is_named() {
    let dir = published();
    dir.put("copy.json", dir.read("catalog.json"));
    dir.remove(&zip(0));
    let catalogs = [
        "generate",
        "--catalog",
        "catalog.json",
        "--catalog",
        "copy.json",
    ];
    dir.run(&catalogs).expect(0).says(&format!(
        "retired {}: its zip is gone, but copy.json still offers it; if that file is a copy, take it \
         out of `catalog` in romfeed.toml",
        bacon_name(0)
    ));
    let list = || String::from_utf8(dir.read("out/api/v1/bacon/nightly.json")).unwrap();
    assert!(list().contains(&bacon_name(0)));
    dir.run(&["generate"]).expect(0).says("1 build for");
    assert!(!list().contains(&bacon_name(0)));
}
