//! A maintainer who follows the README: the site passes `check`, and so `publish`, and the advice
//! fits the ROM.

use serde_json::json;

use crate::support::{BASE_URL, RomDir};

/// An imported feed of crDroid has no API level, and phones with LineageOS 23.2 do not ask for it.
#[test]
fn an_imported_crdroid_feed_passes_check() {
    let entry = json!({
        "maintainer": "Some One", "oem": "Google", "device": "Pixel 8a",
        "filename": "crDroidAndroid-15.0-20250422-akita-v11.4.zip",
        "download": "https://dl.example.org/crDroidAndroid-15.0-20250422-akita-v11.4.zip",
        "timestamp": 1_745_323_616, "md5": "0".repeat(32), "sha256": "0".repeat(64),
        "size": 1234, "version": "11.4", "buildtype": "Monthly",
    });
    let settings = format!("base_url = \"{BASE_URL}\"\ndevice_feed = \"crdroid\"\n");
    let dir = RomDir::new()
        .file("akita.json", json!({ "response": [entry] }).to_string())
        .file("romfeed.toml", settings);
    let import = dir.run(&["catalog", "import", "akita.json"]).expect(0);
    assert!(
        import
            .stderr
            .contains("1 build is without an API level, so LineageOS 23.2 on hides it"),
        "{}",
        import.stderr
    );
    dir.run(&["generate"]).expect(0);
    let check = dir.run(&["check"]).expect(0);
    assert!(
        check.stderr.contains("warning entry-sdk"),
        "{}",
        check.stderr
    );
}
