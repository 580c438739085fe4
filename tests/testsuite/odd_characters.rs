//! Names and versions with characters that XML does not allow: every page is still made.

use testkit::package::Package;
use testkit::props::Props;

use super::support::{BASE_URL, RomDir, bacon, bacon_name};

#[test]
fn characters_that_xml_forbids_are_replaced() {
    let version = "21.0\u{fffe}";
    let props = Props::lineage(
        version,
        "nightly",
        "mako",
        1_700_000_000,
        "inc",
        34,
        "2023-11-05",
    );
    let dir = RomDir::new()
        .file(&format!("builds/{}", bacon_name(0)), bacon(0))
        .file("builds/mako.zip", Package::files(props).build());
    dir.put("romfeed.toml", format!("base_url = \"{BASE_URL}\"\n"));
    dir.put(
        "devices_local.json",
        r#"[{"model": "bacon", "name": "One\u0001\u001b[31m", "oem": "Plus\u0000\uffff"}]"#,
    );
    dir.run(&["generate"]).expect(0);
    let text = |path| String::from_utf8(dir.read(path)).unwrap();
    assert!(text("out/mako.atom").contains("21.0\u{fffd}"));
    for path in ["out/bacon.atom", "out/bacon.html", "out/index.html"] {
        let page = text(path);
        assert!(page.contains("One\u{fffd}\u{fffd}[31m"), "{path}");
        assert!(
            !page.contains(['\0', '\u{1}', '\u{1b}', '\u{ffff}']),
            "{path}"
        );
    }
}
