//! What maintainers say of devices and builds: contacts, model numbers, mirrors.

use crate::pages::{good, links, page, site};
use crate::support::{RomDir, bacon};

#[test]
fn contacts_of_the_maintainer_are_on_the_page_of_their_device() {
    let dir = site(1)
        .file(
            "devices_local.json",
            r#"[{"model": "bacon", "info": {"maintainer": "Ann", "telegram": "@bacon_chat", "firmware": "https://f.example.org/a?b=1&c=2"}}]"#,
        )
        .file(
            "romfeed.toml",
            "[device.bacon.info]\nmaintainer = [\"Bob\", \"Cat\"]\ndonate = \"mailto:bob@example.org\"\n\
             kernel = \"https://git.example.org/kernel/\"\ngapps = \"tg://resolve?domain=gapps\"\ncolour = \"cerise\"\n",
        )
        .file("templates/changes.html", "{{ device.info.colour }}");
    dir.generate().expect(0);
    let device = page(&dir, "bacon.html");
    for text in [
        "<dt>Maintainer</dt>\n      <dd>Bob</dd>\n      <dd>Cat</dd>\n    </div>",
        "<dt>Support chat</dt>\n      <dd><a href=\"https://t.me/bacon_chat\">@bacon_chat</a></dd>",
        "<a href=\"https://f.example.org/a?b=1&amp;c=2\">",
        "<a href=\"mailto:bob@example.org\">bob@example.org</a>",
        "<a href=\"https://git.example.org/kernel/\">git.example.org/kernel</a>",
        "<a href=\"tg://resolve?domain=gapps\">",
    ] {
        assert!(device.contains(text), "{text}\n{device}");
    }
    assert!(
        !device.contains("Ann") && !device.contains("cerise"),
        "{device}"
    );
    assert_eq!(page(&dir, "bacon/changes.html"), "cerise\n");
}

#[test]
fn contact_links_cannot_run_scripts() {
    let hostile = [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "https://a.example.org/ onclick=alert(1)",
        "@a/../b",
        "<img src=x onerror=alert(2)>",
    ];
    let longer = "x".repeat(301);
    let info = serde_json::json!({
        "telegram": hostile, "donate": "https://x.example.org/\"onclick=\"alert(4)",
        "forum": longer, "gapps": {"a": "b"}, "kernel": 5,
    });
    let devices = serde_json::json!([{ "model": "bacon", "info": info }]);
    let dir = RomDir::new()
        .file("devices.json", devices.to_string())
        .file(&good(0), bacon(0));
    dir.generate().expect(0);
    let device = page(&dir, "bacon.html");
    for link in links(&device) {
        let is_safe = link.starts_with("https://x.example.org/");
        assert!(is_safe || !link.contains(':'), "{link}");
    }
    for bad in ["<script>", "<img src=x", "/\"onclick", &longer] {
        assert!(!device.contains(bad), "{bad}\n{device}");
    }
    // Text that is not an address is shown as text.
    assert!(device.contains("<dd>javascript:alert(1)</dd>"), "{device}");
}

#[test]
fn model_numbers_are_shown_and_found_by_search() {
    let dir = site(1).file(
        "devices_local.json",
        r#"[{"model": "bacon", "name": "OPO", "models": ["A0001", 5, "a\"b<c", "OPO"], "info": {"models": ["A0001", "A0002"]}}]"#,
    )
    .file("romfeed.toml", "[device.bacon]\naliases = [\"bacon2\"]\n");
    dir.generate().expect(0);
    let home = page(&dir, "index.html");
    assert!(home.contains("<li data-also=\"A0001 a&"), "{home}");
    assert!(home.contains(" A0002 bacon2\">"), "{home}");
    assert!(!home.contains("a\"b") && !home.contains("b<c"), "{home}");
    let device = page(&dir, "bacon.html");
    assert!(device.contains("<span>Models A0001, a&"), "{device}");
    assert!(device.contains(", A0002</span>"), "{device}");
}

/// The page of the build of a site with one build.
fn build_page(dir: &RomDir) -> String {
    let name = good(0).replace("builds/", "").replace(".zip", ".html");
    page(dir, &format!("bacon/builds/{name}"))
}

#[test]
fn contacts_are_on_pages_of_builds_too() {
    let dir = site(1)
        .file("install.md", "Unlock it.")
        .file(
            "romfeed.toml",
            "[site]\ninstall = \"install.md\"\n[device.bacon.info]\nmaintainer = \"Bob\"\nforum = \"http://f.example.org/\"\n",
        );
    dir.generate().expect(0);
    let build = build_page(&dir);
    for text in [
        "<dd>Bob</dd>",
        "<a href=\"http://f.example.org/\">f.example.org</a>",
        "<a href=\"../../bacon.html#install\">How to install</a>",
    ] {
        assert!(build.contains(text), "{text}\n{build}");
    }
}

#[test]
fn mirrors_are_listed_on_pages_of_builds() {
    let dir = site(1).file(
        "romfeed.toml",
        "base_url = \"https://example.org/ota\"\n\
         mirrors = [\"https://m.example.net/roms/{path}\", \"https://v.example.net/{variant}/{filename}\", \
         \"https://example.org/ota/builds/{path}\", \"https://s.example.com:8443/get?a=1&file={filename}\"]\n",
    );
    dir.generate().expect(0);
    let name = good(0).replace("builds/", "");
    let build = build_page(&dir);
    for link in [
        format!("<a href=\"https://m.example.net/roms/{name}\">m.example.net</a>,"),
        format!(
            "<a href=\"https://s.example.com:8443/get?a=1&amp;file={name}\">s.example.com:8443</a>"
        ),
    ] {
        assert!(build.contains(&link), "{link}\n{build}");
    }
    // The build has no variant, and one of the mirrors is the site itself.
    assert_eq!(build.matches("example.net</a>").count(), 1, "{build}");
    assert_eq!(
        links(&build)
            .iter()
            .filter(|link| link.contains("://"))
            .count(),
        2,
        "{build}"
    );
    // A list of the device takes precedence, and phones do not learn of mirrors.
    assert!(!page(&dir, "bacon.json").contains("m.example.net"));
    let settings = String::from_utf8(dir.read("romfeed.toml")).unwrap();
    dir.put(
        "romfeed.toml",
        format!("{settings}[device.bacon]\nmirrors = []\n"),
    );
    dir.generate().expect(0);
    assert!(!build_page(&dir).contains("Mirrors:"));
}

#[test]
fn mirrors_that_are_no_addresses_are_refused() {
    let dir = site(1);
    for (mirror, reason) in [
        ("javascript:alert(1)//{path}", "it must begin with https://"),
        ("http://m.example.net/{path}", "it must begin with https://"),
        (
            "https://m.example.net/",
            "it gives every build the same address",
        ),
        ("https://m.example.net/{nope}/{path}", "`{nope}` is unknown"),
        (
            "https://m.example.net/\\\"onclick=x/{path}",
            "must be percent-encoded",
        ),
        (
            "https://user@m.example.net/{path}",
            "it carries a user name",
        ),
        ("https://<b>/{path}", "must be percent-encoded"),
    ] {
        for (table, place) in [
            ("", "mirrors: "),
            ("[device.bacon]\n", "[device.bacon] mirrors: "),
        ] {
            dir.put("romfeed.toml", format!("{table}mirrors = [\"{mirror}\"]\n"));
            dir.generate().expect(2).says(place).says(reason);
        }
    }
}

#[test]
fn facts_of_a_build_never_become_markup_in_mirrors_and_contacts() {
    let hostile = "x\"'><img src=y onerror=alert(1)>&.zip";
    let catalog = serde_json::json!({ "schema": 1, "builds": [{
        "device": "bacon", "romtype": "nightly", "version": "21.0", "datetime": 1_700_000_000,
        "kind": "full", "path": hostile, "size": 5, "id": hostile, "incremental": "a&b", "family": "<img src=y>",
        "url": "https://h.example/x.zip",
    }]});
    let dir = RomDir::new()
        .file("catalog.json", catalog.to_string())
        .file("install.md", "Run `adb sideload {filename}`")
        .file(
            "romfeed.toml",
            "mirrors = [\"https://m.example.net/{incremental}/{filename}\"]\n[site]\ninstall = \"install.md\"\n",
        );
    dir.generate();
    for (path, text) in crate::pages::pages(&dir) {
        for bad in ["<img src=y", "\"'>"] {
            assert!(!text.contains(bad), "{path} has {bad}\n{text}");
        }
        for link in links(&text) {
            let is_known = [
                "https://m.example.net/a%26b/x%22%27%3E%3Cimg",
                "https://h.example/",
            ]
            .iter()
            .any(|start| link.starts_with(start));
            assert!(is_known || !link.contains("://"), "{path}: {link}");
        }
    }
}
