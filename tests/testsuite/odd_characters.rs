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

/// Right to left override and isolate, raw and as references in HTML; they would make `gpj.exe` of
/// `exe.jpg`.
#[test]
fn characters_that_reorder_text_are_on_no_page() {
    let name = |days: i64, ending: &str| format!("builds/{}{ending}", bacon_name(days));
    let dir = RomDir::new()
        .file(&name(0, ""), bacon(0))
        .file(&name(1, ""), bacon(1))
        .file(&name(2, ""), bacon(2))
        .file(&name(0, ".txt"), "fixed \u{202e}exe.jpg, \u{5e2}\u{200f}")
        .file(&name(1, ".md"), "fixed **\u{2067}exe.jpg** &#8238;now")
        .file(&name(2, ".html"), "<p>fixed &#8238;exe.jpg &#x2067;now");
    dir.put("romfeed.toml", format!("base_url = \"{BASE_URL}\"\n"));
    dir.put(
        "devices_local.json",
        "[{\"model\": \"bacon\", \"name\": \"One\u{202e}owT\", \"oem\": \"Plus\"}]",
    );
    dir.run(&["generate"]).expect(0);
    let mut num_named = 0;
    for (path, bytes) in dir.tree("out") {
        let text = String::from_utf8_lossy(&bytes);
        if path.ends_with(".html") || path.ends_with(".atom") || path.ends_with(".txt") {
            assert!(!text.contains(['\u{202e}', '\u{2067}']), "{path}: {text}");
            assert!(!text.contains("&#8238"), "{path}: {text}");
            num_named += usize::from(text.contains("One\u{fffd}owT"));
        }
    }
    assert!(num_named > 1);
    let name = bacon_name(0).replace(".zip", ".html");
    let page = String::from_utf8(dir.read(&format!("out/bacon/builds/{name}"))).unwrap();
    assert!(page.contains("fixed exe.jpg, \u{5e2}\u{200f}"), "{page}");
}
