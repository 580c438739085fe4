//! Install notes by the maintainer.

use crate::support::{RomDir, bacon};

const SECTION: &str = "<h2 id=\"install\">How to install</h2>";

fn site(settings: &str) -> RomDir {
    let settings = format!("base_url = \"https://example.org/ota\"\n{settings}");
    RomDir::new()
        .file("romfeed.toml", settings)
        .file("builds/lineage-21.0-20231114-nightly-bacon.zip", bacon(0))
}

fn page(dir: &RomDir, path: &str) -> String {
    String::from_utf8(dir.read(&format!("out/{path}"))).unwrap()
}

#[test]
fn install_notes_are_shown_safely_on_the_device_page() {
    let dir = site("[site]\ninstall = \"notes/install.md\"\n").file(
        "notes/install.md",
        "# First\n\n1. Unlock <script>x</script>\n2. [Read](https://h/) or [not](javascript:x)\n",
    );
    dir.run(&["generate"]).expect(0);
    let device = page(&dir, "bacon.html");
    let section = device.find(SECTION).expect(&device);
    assert!(device.find("id=\"latest\"").unwrap() < section);
    assert!(section < device.find("id=\"builds\"").unwrap());
    for text in ["<h3>First</h3>", "<li>Unlock", "<a href=\"https://h/\""] {
        assert!(device[section..].contains(text), "{text}\n{device}");
    }
    assert!(!device.contains("javascript:") && !device.contains("<script>x"));
    assert!(!page(&dir, "bacon/changes.html").contains("Unlock"));
    assert!(!page(&dir, "index.html").contains("Unlock"));
}

#[test]
fn notes_of_a_device_take_precedence_over_those_of_the_site() {
    let settings = "[site]\ninstall = \"all.txt\"\n[device.bacon]\ninstall = \"bacon.HTML\"\n";
    let dir = site(settings)
        .file("all.txt", "for all")
        .file("bacon.HTML", "<p onclick=x>for bacon");
    dir.run(&["generate"]).expect(0);
    let device = page(&dir, "bacon.html");
    assert!(device.contains("<p>for bacon</p>") && !device.contains("for all"));
    // An empty text is a setting too: no notes for this device.
    dir.put("bacon.HTML", "\n");
    dir.run(&["generate"]).expect(0);
    assert!(!page(&dir, "bacon.html").contains(SECTION));
    dir.put("romfeed.toml", "[site]\ninstall = \"all.txt\"\n");
    dir.generate().expect(0);
    assert!(page(&dir, "bacon.html").contains("for all"));
}

#[test]
fn install_notes_that_cannot_be_read_stop_the_run() {
    let of_site = "[site]\ninstall = \"x.md\"\n";
    let of_device = "[device.bacon]\ninstall = \"x.md\"\n";
    for (settings, place) in [(of_site, "[site]"), (of_device, "[device.bacon]")] {
        let dir = site(settings);
        let missing = dir.run(&["generate"]).expect(2);
        missing.says(place).says("install: `x.md`: ");
        std::fs::create_dir(dir.path().join("x.md")).unwrap();
        let folder = dir.run(&["generate"]).expect(2);
        folder.says(place).says("install: `x.md`: ");
        std::fs::remove_dir(dir.path().join("x.md")).unwrap();
        dir.put("x.md", "x".repeat(300 << 10));
        dir.run(&["generate"]).expect(2).says("more than 256 KiB");
        assert!(!dir.path().join("out").exists());
    }
    let other = site("[site]\ninstall = \"romfeed.toml\"\n");
    other
        .run(&["generate"])
        .expect(2)
        .says("must end in .md, .html or .txt");
}
