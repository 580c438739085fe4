//! Zips in buckets: `[[source]]` with `s3`.

use super::support::{RomDir, bacon_name};

/// A bucket on a host of this machine, which needs not be there.
const BUCKET: &str =
    "base_url = \"https://ota.example.org\"\n[[source]]\ns3 = \"s3://roms/nightly\"\n";

fn project(more: &str) -> RomDir {
    RomDir::new().file("romfeed.toml", format!("{BUCKET}{more}"))
}

#[test]
fn mistakes_in_the_settings_of_a_bucket_are_reported() {
    for (more, text) in [
        (
            "",
            "`s3` needs `url`, the https address where phones can download",
        ),
        (
            "endpoint = \"http://minio.lan\"",
            "endpoint: `http://minio.lan` is not an https address",
        ),
        (
            "region = \"\"",
            "region: `` is not a region, such as eu-central-1",
        ),
        ("base = \"https://h\"", "`base` does not belong to `s3`"),
    ] {
        project(more).run(&["sources"]).expect(2).says(text);
    }
    for address in [
        "roms",
        "s3://",
        "s3:///x",
        "s3://.roms",
        "s3://roms/a/../b",
        "s3://ro ms",
    ] {
        let settings = BUCKET.replace("s3://roms/nightly", address);
        let run = RomDir::new()
            .file("romfeed.toml", settings)
            .run(&["sources"]);
        run.expect(2).says(&format!(
            "s3: `{address}` is not s3://bucket or s3://bucket/folder"
        ));
    }
    let listing =
        "base_url = \"https://h\"\n[[source]]\nlisting = \"https://h/\"\nregion = \"x\"\n";
    let run = RomDir::new()
        .file("romfeed.toml", listing)
        .run(&["sources"]);
    run.expect(2).says("`region` does not belong to `listing`");
}

#[cfg(not(feature = "s3"))]
#[test]
fn program_without_s3_says_so_and_publishes_nothing() {
    let dir = project("url = \"https://dl.example.org/{path}\"\n");
    dir.put(
        &format!("builds/{}", bacon_name(0)),
        super::support::bacon(0),
    );
    for command in ["sources", "generate"] {
        dir.run(&[command])
            .expect(2)
            .says("this romfeed was built without S3; use a release of romfeed");
    }
    assert!(!dir.path().join("catalog.json").exists());
    dir.run(&["generate", "--offline"]).expect(0);
}

#[cfg(feature = "s3")]
mod with_store {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD as BASE64;
    use sha2::{Digest, Sha256};

    use super::super::remote::host::{Answer, Asked, Host};
    use super::super::support::bacon;
    use super::*;

    /// The keys of the store.
    const KEYS: [(&str, &str); 2] = [
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "the/secret"),
    ];

    /// Starts a store with a package in its bucket, whose SHA-256 it has.
    fn start(package: Vec<u8>) -> Host {
        let key = format!("nightly/bacon/{}", bacon_name(0));
        Host::new(move |asked, _| answer(asked, &key, &package))
    }

    fn answer(asked: &Asked, key: &str, package: &[u8]) -> Answer {
        let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
        if !query.contains("X-Amz-Credential=AKIDEXAMPLE%2F") {
            return Answer::new(403).body(b"<Error><Code>AccessDenied</Code></Error>");
        }
        let etag = "\"0123-2\"";
        if path == "/roms/" && query.contains("&prefix=nightly%2F&X-Amz-Signature=") {
            let size = package.len();
            let list = format!(
                "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>{key}</Key>\
                 <ETag>{etag}</ETag><Size>{size}</Size></Contents></ListBucketResult>"
            );
            return Answer::new(200).body(list.as_bytes());
        }
        if path != format!("/roms/{key}") {
            return Answer::new(404);
        }
        if asked.header("x-amz-checksum-mode").is_some() {
            let digest = BASE64.encode(Sha256::digest(package));
            return Answer::new(200)
                .with("etag", etag)
                .with("x-amz-checksum-type", "FULL_OBJECT")
                .with("x-amz-checksum-sha256", &digest);
        }
        Answer::of_range(asked, package).with("etag", etag)
    }

    #[test]
    fn zips_in_a_bucket_are_published_and_signatures_are_not() {
        let package = bacon(0);
        let store = start(package.clone());
        let dir = project(&format!(
            "endpoint = \"{}\"\nurl = \"https://dl.example.org/{{path}}\"\nhash = \"known\"\n",
            store.url("")
        ));
        dir.run_with(&["generate"], &KEYS).expect(0);
        let catalog = dir.read("catalog.json");
        let catalog = String::from_utf8(catalog).unwrap();
        let url = format!("https://dl.example.org/bacon/{}", bacon_name(0));
        assert!(catalog.contains(&url), "{catalog}");
        assert!(
            !catalog.contains("X-Amz") && !catalog.contains("127.0.0.1"),
            "{catalog}"
        );
        let num_asked = store.num_asked();
        // The next run on another machine asks for the list alone.
        std::fs::remove_dir_all(dir.path().join(".romfeed")).unwrap();
        dir.run_with(&["generate"], &KEYS).expect(0);
        assert_eq!(store.num_asked(), num_asked + 1);
    }

    #[test]
    fn bucket_that_wants_keys_is_reported_with_their_names() {
        let store = start(Vec::new());
        let dir = project(&format!(
            "endpoint = \"{}\"\nurl = \"https://dl.example.org/{{path}}\"\n",
            store.url("")
        ));
        let run = dir.run_with(&["generate"], &KEYS.map(|(name, _)| (name, "")));
        run.expect(1)
            .says("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
        let run = dir.run_with(&["sources"], &[KEYS[0], (KEYS[1].0, "")]);
        run.expect(2)
            .says("AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not");
    }
}
