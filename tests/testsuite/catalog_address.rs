//! Addresses in place of the path of a catalog.

use super::support::{BASE_URL, RomDir, bacon, bacon_name};

const OTHERS: [(&str, &str); 5] = [
    (
        "https://ota.example.org/catalog.json",
        "download it first, and name the file: curl -fO https://ota.example.org/catalog.json",
    ),
    (
        "HTTP://ota.example.org/catalog/",
        "download it first, and name the file: curl -fO HTTP://ota.example.org/catalog/",
    ),
    (
        "S3://bucket/catalog/",
        "write `s3` in lower case: s3://bucket/catalog/",
    ),
    (
        "file:///srv/catalog.json",
        "name its path alone, without `file://`",
    ),
    (
        "gs://bucket/catalog/",
        "name a file, a folder such as catalog/, or a bucket: s3://BUCKET/FOLDER/",
    ),
];

#[test]
fn an_address_is_not_taken_for_a_path() {
    let dir = RomDir::new().file(&format!("builds/{}", bacon_name(0)), bacon(0));
    for (address, hint) in OTHERS {
        let error = format!("`{address}` is not a file, a folder, or a bucket\n  hint: {hint}\n");
        for args in [
            &["generate", "--base-url", BASE_URL][..],
            &["catalog", "list"],
            &["catalog", "export"],
            &["init"],
        ] {
            let flag = ["--catalog", address];
            let refused = dir.run(&[args, &flag].concat()).expect(2);
            refused.says(&format!("error: --catalog or ROMFEED_CATALOG: {error}"));
        }
        dir.put(
            "romfeed.toml",
            format!("catalog = [\"own.json\", \"{address}\"]\n"),
        );
        dir.run(&["generate", "--base-url", BASE_URL])
            .expect(2)
            .says(&format!("error: romfeed.toml: catalog: {error}"));
        dir.remove("romfeed.toml");
    }
    assert_eq!(dir.tree("").len(), 1, "{:?}", dir.tree("").keys());
}

#[cfg(unix)]
#[test]
fn a_path_with_a_colon_is_a_path() {
    let dir = RomDir::new().file(&format!("builds/{}", bacon_name(0)), bacon(0));
    dir.run(&[
        "generate",
        "--base-url",
        BASE_URL,
        "--catalog",
        "a:b/catalog.json",
    ])
    .expect(0);
    assert!(dir.path().join("a:b/catalog.json").exists());
}
