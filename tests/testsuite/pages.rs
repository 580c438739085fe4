//! Pages for people: their contents, their links, and untrusted text in them.

use std::collections::BTreeMap;

use crate::support::{RomDir, bacon, native};

pub(crate) fn good(days: i64) -> String {
    format!("builds/lineage-21.0-2023111{days}-nightly-bacon-signed.zip")
}

/// A folder with this many builds of bacon, and a name for it.
pub(crate) fn site(num_builds: i64) -> RomDir {
    let mut dir = RomDir::new().file(
        "devices.json",
        r#"[{"model": "bacon", "oem": "OnePlus", "name": "One", "info_url": "https://wiki.example.org/bacon"}]"#,
    );
    for days in 0..num_builds {
        dir = dir.file(&good(days), bacon(days));
    }
    dir
}

pub(crate) fn page(dir: &RomDir, path: &str) -> String {
    String::from_utf8(dir.read(&format!("out/{path}"))).unwrap()
}

pub(crate) fn pages(dir: &RomDir) -> BTreeMap<String, String> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let files = dir.tree("out").into_iter();
    files
        .filter(|(path, _)| path.ends_with(".html"))
        .map(|(path, bytes)| (path.strip_prefix("out/").unwrap().to_owned(), text(bytes)))
        .collect()
}

/// Returns the values of an attribute, unescaped.
fn values(page: &str, name: &str) -> Vec<String> {
    let start = format!(" {name}=\"");
    page.split(&start)
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().replace("&amp;", "&"))
        .collect()
}

/// Returns the addresses that a page links to or loads, except its own.
pub(crate) fn links(page: &str) -> Vec<String> {
    let is_own = |line: &&str| line.starts_with("<link rel=\"canonical\"");
    let page: String = page.lines().filter(|line| !is_own(line)).collect();
    [values(&page, "href"), values(&page, "src")].concat()
}

/// Returns the target in the site of a link on a page.
fn resolve(from: &str, link: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('#').next().unwrap().split('/') {
        match part {
            ".." => drop(parts.pop().expect("a link leads above the site")),
            part => parts.push(part),
        }
    }
    parts.join("/").replace("%20", " ").replace("%25", "%")
}

#[test]
fn all_links_lead_to_files_of_the_site_or_to_pages_named_by_the_maintainer() {
    let dir = site(3).file(
        "builds/lineage-21.0-20231120 a%b-nightly-bacon.zip",
        bacon(7),
    );
    dir.run(&["generate", "--base-url", "https://example.org/ota"]);
    let files = dir.tree("out");
    let pages = pages(&dir);
    assert!(pages.len() >= 6, "{:?}", pages.keys());
    for (path, page) in &pages {
        if path == "404.html" {
            continue;
        }
        for link in &links(page) {
            if link.starts_with('#') || link == "https://wiki.example.org/bacon" {
                continue;
            }
            assert!(!link.contains("://"), "{path}: {link}");
            let target = resolve(path, link);
            let is_package = target
                .strip_prefix("builds/")
                .is_some_and(|name| dir.path().join("builds").join(name).is_file());
            let is_there = files.contains_key(&format!("out/{target}"));
            assert!(is_package || is_there, "{path}: {link} leads to {target}");
        }
    }
}

#[test]
fn device_pages_show_the_facts_that_people_need() {
    let dir = site(2);
    dir.generate().expect(0);
    let home = page(&dir, "index.html");
    for text in [
        "<strong><span class=\"oem\">OnePlus </span>One</strong>",
        "bacon",
        "15 November 2023",
        "under Settings › About phone",
    ] {
        assert!(home.contains(text), "{text}\n{home}");
    }
    let device = page(&dir, "bacon.html");
    let newest = device.find("15 November 2023").unwrap();
    let oldest = device.find("14 November 2023").unwrap();
    assert!(newest < oldest, "{device}");
    let name = good(1).replace("builds/", "");
    let build = page(
        &dir,
        &format!("bacon/builds/{}", name.replace(".zip", ".html")),
    );
    let list: serde_json::Value = serde_json::from_slice(&dir.read("out/bacon.json")).unwrap();
    let id = list["response"][0]["id"].as_str().unwrap();
    for text in [id, &name, "21.0", "nightly"] {
        assert!(build.contains(text), "{text}\n{build}");
    }
    assert!(page(&dir, "bacon/changes.html").contains("15 November 2023"));
    // Newsreaders find the feed.
    assert!(device.contains("href=\"bacon.atom\""), "{device}");
    assert!(home.contains("href=\"builds.atom\""), "{home}");
}

#[test]
fn untrusted_text_never_becomes_markup() {
    let hostile = "<script>alert(1)</script>\\\"'><img src=x onerror=alert(2)>";
    let dir = site(1)
        .file(
            "devices.json",
            format!(r#"[{{"model": "bacon", "oem": "{hostile}", "name": "{hostile}", "info_url": "javascript:alert(3)", "wiki": "https://x/\"onclick=\"alert(4)"}}]"#),
        )
        .file(
            "romfeed.toml",
            format!("[site]\nname = '''{hostile}'''\ntagline = '''{hostile}'''\nfooter = '''{hostile}'''\n"),
        );
    dir.generate().expect(0);
    for (path, page) in pages(&dir) {
        for bad in ["<script>", "<img src=x", "javascript:", "\"onclick"] {
            assert!(!page.contains(bad), "{path} has {bad}\n{page}");
        }
    }
    assert!(page(&dir, "index.html").contains("&lt;script&gt;alert(1)"));
}

#[test]
fn pages_have_no_inline_code_and_no_requests_to_other_hosts() {
    let dir = site(2);
    dir.generate().expect(0);
    for (path, page) in pages(&dir) {
        assert!(
            !page.contains(" style=\"") && !page.contains(" onclick="),
            "{path}"
        );
        assert!(
            !page.contains("<style") && !page.contains("\"data:"),
            "{path}"
        );
        let scripts = page.matches("<script").count();
        assert_eq!(scripts, page.matches("<script src=\"").count(), "{path}");
        assert!(
            values(&page, "src").iter().all(|src| !src.contains("//")),
            "{path}"
        );
    }
    let css = page(&dir, "assets/style.css");
    assert!(!css.contains("url(") && !css.contains("@import"));
}

#[test]
fn many_builds_are_split_into_linked_pages() {
    let dir = RomDir::new();
    for days in 0..105 {
        let name = format!(
            "builds/lineage-21.0-{}-nightly-bacon.zip",
            20_230_000 + days
        );
        dir.put(&name, bacon(days));
    }
    dir.generate();
    let first = page(&dir, "bacon.html");
    let second = page(&dir, "bacon/page-2.html");
    let third = page(&dir, "bacon/page-3.html");
    assert!(
        first.contains("rel=\"next\" href=\"bacon/page-2.html\""),
        "{first}"
    );
    assert!(
        second.contains("rel=\"prev\" href=\"../bacon.html\""),
        "{second}"
    );
    assert_eq!(first.matches("class=\"get\"").count(), 40);
    assert_eq!(second.matches("class=\"get\"").count(), 40);
    assert_eq!(third.matches("class=\"get\"").count(), 25);
    // The oldest have no page and no link to one.
    assert_eq!(third.matches("<a class=\"name\"").count(), 20);
    let own = pages(&dir)
        .into_keys()
        .filter(|path| path.starts_with("bacon/builds/"));
    assert_eq!(own.count(), 100);
}

#[test]
fn a_custom_template_replaces_the_built_in_one() {
    let dir = site(1)
        .file("templates/home.html", "{% extends \"layout.html\" %}{% block main %}{% include \"mine.html\" %}{% endblock %}")
        .file("templates/mine.html", "<p>{{ site.name }}: {{ makers[0].devices[0].device.entry.oem }}</p>")
        .file("templates/style.css", "body { color: {{ site.colors.light }} }")
        .file("templates/script.js", "// {% no template");
    dir.generate().expect(0);
    assert!(page(&dir, "index.html").contains("<p>Downloads: OnePlus</p>"));
    assert_eq!(page(&dir, "assets/style.css"), "body { color: #0b7a75 }\n");
    assert_eq!(page(&dir, "assets/script.js"), "// {% no template");
    assert!(page(&dir, "bacon.html").contains("Latest build"));
}

#[test]
fn a_broken_template_is_named_with_its_line_and_the_old_site_stays() {
    let dir = site(1);
    dir.generate().expect(0);
    let before = dir.tree("out");
    for (name, text, message) in [
        (
            "device.html",
            "a\n{{ device.nmae }}",
            "device.html, line 2: `device.nmae` is undefined",
        ),
        ("home.html", "{% if %}", "home.html, line 1: "),
        (
            "home.html",
            "\n\n{% include \"none.html\" %}",
            "home.html, line 3: ",
        ),
        (
            "layout.html",
            "x\n{{ nope }}",
            "layout.html, line 2: `nope` is undefined",
        ),
    ] {
        let file = format!("templates/{name}");
        dir.put(&file, text);
        let message = format!("error: {}{message}", native("templates/"));
        dir.generate().expect(2).says(&message);
        assert_eq!(dir.tree("out"), before, "{name}");
        dir.remove(&file);
    }
    dir.put("templates/home.html", [0xff, 0xfe]);
    dir.generate()
        .expect(2)
        .says(&native("templates/home.html: not a text in UTF-8"));
}

#[test]
fn impossible_site_settings_are_reported() {
    let dir = site(1).file("note.txt", "hello");
    for (text, message) in [
        (
            "color = \"red\"",
            "[site]: color: `red` is not a colour\n  hint: use hex, for example color = \"#0b7a75\"\n",
        ),
        (
            "logo = \"note.txt\"",
            "[site]: logo: `note.txt`: it is no PNG, JPEG, GIF, WebP or SVG picture\n  hint: name a PNG, ",
        ),
        ("logo = \"none.png\"", "[site]: logo: `none.png`: "),
        (
            "links = [{ name = \"x\", url = \"javascript:alert(1)\" }]",
            "[site]: links: `javascript:alert(1)` needs",
        ),
        ("nmae = \"x\"", "unknown key `nmae`"),
    ] {
        dir.put("romfeed.toml", format!("[site]\n{text}\n"));
        dir.generate().expect(2).says(message);
    }
}

#[test]
fn a_logo_and_a_colour_are_on_every_page() {
    let dir = site(1)
        .file("mark.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>")
        .file(
            "romfeed.toml",
            "[site]\nlogo = \"mark.svg\"\ncolor = \"#ffee00\"\n",
        );
    dir.generate().expect(0);
    assert!(page(&dir, "bacon/changes.html").contains("src=\"../assets/logo.svg\""));
    assert_eq!(
        page(&dir, "assets/logo.svg"),
        "<svg xmlns=\"http://www.w3.org/2000/svg\"/>"
    );
    let css = page(&dir, "assets/style.css");
    assert!(
        css.contains("--accent: #ffee00") && css.contains("--on-accent: #000000"),
        "{css}"
    );
    assert!(
        !css.contains("--link: #ffee00;\n  --bg: #f6"),
        "yellow on white cannot be read"
    );
}

#[test]
fn pages_can_be_turned_off() {
    let dir = site(1);
    dir.generate().expect(0);
    dir.put("romfeed.toml", "[site]\npages = false\n");
    dir.generate().expect(0);
    assert_eq!(pages(&dir).into_keys().collect::<Vec<_>>(), ["404.html"]);
    assert!(!page(&dir, "404.html").contains("href="));
    assert!(!dir.path().join("out/bacon.atom").exists());
}

#[test]
fn device_names_come_from_both_files_and_only_bad_entries_are_left_out() {
    let dir = site(1)
        .file(
            "devices.json",
            "[\n  {\"model\": \"bacon\", \"name\": \"One\"},\n  {\"model\": \"bacon\", \"name\": \"Two\"},\n  {\"model\":\n    5}\n]",
        )
        .file("devices_local.json", "[{\"model\": \"local\", \"name\": \"Mine\"}]");
    dir.generate()
        .expect(1)
        .says("error: devices.json: `bacon` is listed twice, at line 2 and at line 3 column 3")
        .says(
            "error: devices.json: invalid type: the number `5`, expected a string at line 5 column 5",
        );
    assert!(page(&dir, "bacon.html").contains(">One<"));
    let dir = site(1).file("devices.json", "[]").file(
        "devices_local.json",
        "[{\"model\": \"bacon\", \"name\": \"Mine\"}]",
    );
    dir.generate().expect(0);
    assert!(page(&dir, "bacon.html").contains(">Mine<"));
}

#[test]
fn the_longest_package_name_has_a_page() {
    let start = "lineage-21.0-20231114-nightly-bacon";
    let name = format!("{start}-{}.zip", "x".repeat(255 - 5 - start.len()));
    let dir = RomDir::new()
        .file(&format!("builds/{name}"), bacon(0))
        .file(
            &format!("builds/{}.md", name.trim_end_matches(".zip")),
            "* Longest",
        )
        .file(
            "builds/build-manifest.xml",
            "<manifest><project name=\"a\" revision=\"b\"/></manifest>",
        );
    let run = dir.run(&["generate", "--base-url", "https://example.org/ota"]);
    assert!(!run.stderr.contains("error: "), "{}", run.stderr);
    assert!(page(&dir, "bacon/changes.html").contains("Longest"));
    assert_eq!(dir.tree("changelogs").len(), 2);
    let own = pages(&dir)
        .into_keys()
        .filter(|path| path.starts_with("bacon/builds/"));
    assert_eq!(own.count(), 1);
    dir.run(&["check"]).expect(0);
}

#[test]
fn packages_whose_names_differ_only_at_the_end_have_separate_pages() {
    let record = |name: &str, id: &str| {
        serde_json::json!({
            "device": "bacon", "romtype": "nightly", "version": "21.0", "datetime": 1_700_000_000,
            "kind": "full", "path": name, "size": 5, "id": id,
            "url": format!("https://h.example/{name}"),
        })
    };
    // The id by which phones know a build may be any text.
    let records = [
        record("x.zip", "/../../../../../out-of-it"),
        record("x.ZIP", "/../.."),
    ];
    let catalog = serde_json::json!({ "schema": 1, "builds": records });
    let dir = RomDir::new().file("catalog.json", catalog.to_string());
    let run = dir.generate();
    let own: Vec<String> = pages(&dir)
        .into_keys()
        .filter(|path| path.starts_with("bacon/builds/"))
        .collect();
    assert_eq!(own.len(), 2, "{own:?}\n{}", run.stderr);
    assert!(
        own.iter().all(|path| path.matches('/').count() == 2),
        "{own:?}"
    );
}

/// A folder with two nightlies of the plain ROM, and newer ones with Google's apps.
fn site_with_gapps() -> RomDir {
    let mut dir = RomDir::new().file(
        "romfeed.toml",
        "[[variant]]\nname = \"gapps\"\npackage = \"gapps/**\"\n",
    );
    for days in 0..2 {
        dir = dir.file(&good(days), bacon(days)).file(
            &format!("builds/gapps/{}", name_of(days + 2)),
            bacon(days + 2),
        );
    }
    dir
}

#[test]
fn each_variant_has_its_own_latest_build_and_chain() {
    let dir = site_with_gapps();
    dir.generate().expect(0);
    let device = page(&dir, "bacon.html");
    let (plain, gapps) = (name_of(1), name_of(3));
    let button = |name: &str| device.find(&format!("class=\"button\" href=\"builds/{name}"));
    assert!(button(&plain).unwrap() < button(&format!("gapps/{gapps}")).unwrap());
    assert_eq!(device.matches("class=\"button\"").count(), 2, "{device}");
    assert!(device.contains(">Latest nightly</h2>"), "{device}");
    assert!(device.contains(">Latest nightly · gapps</h2>"), "{device}");
    // The page of all devices shows the plain build, though the other is newer.
    assert!(page(&dir, "index.html").contains("15 November 2023"));
    let own = |days: i64| {
        let name = name_of(days).replace(".zip", ".html");
        page(&dir, &format!("bacon/builds/{name}"))
    };
    for (older, newer) in [(0, 1), (2, 3)] {
        assert!(own(newer).contains("<b>newest</b>"));
        assert!(!own(newer).contains("rel=\"prev\""));
        let link = name_of(older).replace(".zip", ".html");
        assert!(own(newer).contains(&format!("rel=\"next\" href=\"../../bacon/builds/{link}\"")));
        assert!(!own(older).contains("<b>newest</b>"));
        let newest = name_of(newer).replace(".zip", ".html");
        let notice = format!("There is a newer build: <a href=\"../../bacon/builds/{newest}\">");
        assert!(own(older).contains(&notice) && !own(newer).contains("There is a newer build"));
        assert!(!own(older).contains("rel=\"next\""));
    }
}

#[test]
fn the_vanilla_build_comes_before_newer_ones_with_google_apps() {
    let dir = RomDir::new()
        .file(
            "romfeed.toml",
            "[site]\ninstall = \"site.md\"\n[[variant]]\nname = \"gms\"\npackage = \"gms/**\"\n\
             [[variant]]\nname = \"microg\"\npackage = \"microg/**\"\n\
             [[variant]]\nname = \"vanilla\"\npackage = \"vanilla/**\"\n",
        )
        .file("site.md", "adb sideload {filename}");
    for (days, variant) in [(0, "vanilla"), (1, "microg"), (2, "gms")] {
        dir.put(&format!("builds/{variant}/{}", name_of(days)), bacon(days));
    }
    dir.generate().expect(0);
    let device = page(&dir, "bacon.html");
    let buttons: Vec<&str> = device.split("aria-label=\"Download ").skip(1).collect();
    for (button, days) in buttons.iter().zip(0..3) {
        assert!(
            button.split('"').next().unwrap().ends_with(&name_of(days)),
            "{device}"
        );
    }
    assert!(
        device.contains(&format!("sideload {}", name_of(0))),
        "{device}"
    );
    assert!(page(&dir, "index.html").contains("14 November 2023"));
    // Where a page is shared or listed without its tags, its title names the variant.
    for atom in ["gms/builds.atom", "gms/bacon.atom"] {
        let title = "<title>bacon: LineageOS 21.0 gms, 16 November 2023</title>";
        assert!(page(&dir, atom).contains(title), "{}", page(&dir, atom));
    }
    let own = page(
        &dir,
        &format!("bacon/builds/{}", name_of(2).replace(".zip", ".html")),
    );
    let title = "<title>bacon: LineageOS 21.0 gms, 16 November 2023 · Downloads</title>";
    assert!(own.contains(title), "{own}");
    assert!(device.contains(">News feed · gms</a>"), "{device}");
}

#[test]
fn each_release_type_has_its_own_latest_build() {
    let dir = RomDir::new();
    for (days, romtype) in [(0, "release"), (1, "nightly"), (2, "nightly")] {
        let props = crate::support::bacon_props(days).set("ro.lineage.releasetype", romtype);
        dir.put(
            &good(days).replace("nightly", romtype),
            testkit::package::Package::files(props).build(),
        );
    }
    dir.generate().expect(0);
    let device = page(&dir, "bacon.html");
    let nightly = device.find(">Latest nightly</h2>").unwrap();
    assert!(nightly < device.find(">Latest release</h2>").unwrap());
    assert_eq!(device.matches("class=\"button\"").count(), 2, "{device}");
}

#[test]
fn a_build_is_named_by_its_rom_android_version_and_month_of_patches() {
    let dir = site(1);
    dir.generate().expect(0);
    let own = format!("bacon/builds/{}", name_of(0).replace(".zip", ".html"));
    for path in ["bacon.html", "bacon/changes.html", &own] {
        let page = page(&dir, path);
        for text in [
            "LineageOS 21.0",
            "Android 14",
            "Security patch: <time datetime=\"2023-11\">November 2023</time>",
        ] {
            assert!(page.contains(text), "{path}: {text}\n{page}");
        }
    }
}

#[test]
fn builds_of_older_lists_have_the_android_version_of_their_rom() {
    let record = |name: &str, version: &str, family: Option<&str>| {
        let mut record = serde_json::json!({
            "device": "bacon", "romtype": "nightly", "version": version, "datetime": 1_700_000_000,
            "kind": "full", "path": name, "size": 5, "id": name,
            "security_patch": "2023-11-05", "url": format!("https://h.example/{name}"),
        });
        if let Some(family) = family {
            record["family"] = family.into();
        }
        record
    };
    let records = [
        record("lineage-20.0-bacon.zip", "20.0", None),
        record("Mine-bacon.zip", "20.0", Some("Evolution X")),
    ];
    let catalog = serde_json::json!({ "schema": 1, "builds": records });
    let dir = RomDir::new().file("catalog.json", catalog.to_string());
    dir.generate().expect(0);
    let own = page(&dir, "bacon/builds/lineage-20.0-bacon.html");
    for text in [
        "<span>LineageOS 20.0</span> <span>Android 13</span>",
        "<dt>Android</dt><dd class=\"dots\"><span>13</span> </dd>",
        "<dt>Security patch</dt><dd><time datetime=\"2023-11-05\">5 November 2023</time></dd>",
    ] {
        assert!(own.contains(text), "{text}\n{own}");
    }
    let other = page(&dir, "bacon/builds/Mine-bacon.html");
    assert!(
        other.contains("Evolution X 20.0") && !other.contains("Android 13"),
        "{other}"
    );
}

#[test]
fn many_devices_can_be_searched_and_sorted_where_javascript_runs() {
    let record = |number: usize| {
        let name = format!("lineage-20.0-d{number}.zip");
        serde_json::json!({
            "device": format!("d{number}"), "romtype": "nightly", "version": "20.0",
            "datetime": 1_700_000_000, "kind": "full", "path": name, "size": 5, "id": name,
            "url": format!("https://h.example/{name}"),
        })
    };
    for (num_devices, has_controls) in [(8, false), (9, true)] {
        let records: Vec<_> = (0..num_devices).map(record).collect();
        let catalog = serde_json::json!({ "schema": 1, "builds": records });
        let dir = RomDir::new().file("catalog.json", catalog.to_string());
        dir.generate().expect(0);
        let home = page(&dir, "index.html");
        assert_eq!(home.contains("<form class=\"search js\""), has_controls);
        assert_eq!(home.contains("<select id=\"sort\""), has_controls);
        assert!(home.contains("<p class=\"where\" id=\"where\">"), "{home}");
    }
}

fn name_of(days: i64) -> String {
    good(days).replace("builds/", "")
}
