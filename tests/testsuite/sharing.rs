//! Previews of links in chats and searches, feeds for newsreaders, and the maintainer's texts on
//! the pages.

use romfeed::markup::changelog;

use crate::support::{BASE_URL, RomDir, bacon, bacon_name};

/// Settings of a site with an address, and more keys of `[site]`.
fn settings(site: &str) -> String {
    format!("base_url = \"{BASE_URL}\"\n[site]\n{site}\n")
}

fn devices(makers: &[(&str, &str, &str)]) -> String {
    let entry = |(model, oem, name): &(&str, &str, &str)| serde_json::json!({ "model": model, "oem": oem, "name": name });
    serde_json::Value::from_iter(makers.iter().map(entry)).to_string()
}

fn site(settings: &str) -> RomDir {
    RomDir::new()
        .file("romfeed.toml", settings)
        .file("devices.json", devices(&[("bacon", "OnePlus", "One")]))
        .file(&format!("builds/{}", bacon_name(0)), bacon(0))
}

fn text(dir: &RomDir, path: &str) -> String {
    String::from_utf8(dir.read(&format!("out/{path}"))).unwrap()
}

fn build_page(name: &str) -> String {
    format!("bacon/builds/{}", name.replace(".zip", ".html"))
}

#[test]
fn pages_have_title_description_and_address() {
    let dir = site(&settings("name = 'Aurora'\ntagline = 'ROMs & more'"));
    dir.run(&["generate"]).expect(0);
    let own = build_page(&bacon_name(0));
    for (path, title, description, address) in [
        ("index.html", "Aurora", "ROMs &amp; more", ""),
        (
            "bacon.html",
            "OnePlus One",
            "LineageOS 21.0 of 14 November 2023, with the security patches of November 2023: downloads for OnePlus One.",
            "bacon.html",
        ),
        (
            "bacon/changes.html",
            "Changes for OnePlus One",
            "What changed in the builds for OnePlus One.",
            "bacon/changes.html",
        ),
        (
            &own,
            "OnePlus One: LineageOS 21.0, 14 November 2023",
            &format!("{}, ", bacon_name(0)),
            &own,
        ),
    ] {
        let page = text(&dir, path);
        for line in [
            format!("<meta property=\"og:title\" content=\"{title}\">"),
            format!("<meta name=\"description\" content=\"{description}"),
            format!("<meta property=\"og:description\" content=\"{description}"),
            format!("<meta property=\"og:url\" content=\"{BASE_URL}/{address}\">"),
            format!("<link rel=\"canonical\" href=\"{BASE_URL}/{address}\">"),
        ] {
            assert!(page.contains(&line), "{path}: {line}\n{page}");
        }
        let is_home = path == "index.html";
        let end = if is_home { "" } else { " · Aurora" };
        assert!(
            page.contains(&format!("<title>{title}{end}</title>")),
            "{page}"
        );
    }
}

#[test]
fn pages_of_a_site_without_an_address_have_none() {
    let dir = site("url = \"https://example.net/{filename}\"\n");
    dir.run(&["generate"]).expect(0);
    let page = text(&dir, "bacon.html");
    assert!(
        !page.contains("canonical") && !page.contains("og:url"),
        "{page}"
    );
    // Newsreaders get the zip.
    let feed = text(&dir, "bacon.atom");
    let zip = format!("https://example.net/{}", bacon_name(0));
    let link = format!("<link rel=\"alternate\" type=\"application/zip\" href=\"{zip}\"/>");
    assert!(feed.contains(&link), "{feed}");
}

#[test]
fn a_pixel_logo_is_used_for_shared_links_and_home_screens() {
    let dir = site(&settings("logo = 'logo.png'")).file("logo.png", b"\x89PNG\r\n\x1a\n...");
    dir.run(&["generate"]).expect(0);
    let page = text(&dir, "bacon/changes.html");
    let picture = format!("<meta property=\"og:image\" content=\"{BASE_URL}/assets/logo.png\">");
    assert!(page.contains(&picture), "{page}");
    assert!(
        page.contains("<link rel=\"apple-touch-icon\" href=\"../assets/logo.png\">"),
        "{page}"
    );
}

#[test]
fn news_entries_link_to_the_build_page_and_enclose_the_zip() {
    let dir = site(&settings("name = 'Aurora'"));
    dir.run(&["generate"]).expect(0);
    let size = bacon(0).len();
    let name = bacon_name(0);
    for (path, title) in [
        ("bacon.atom", "Aurora: OnePlus One"),
        ("builds.atom", "Aurora"),
    ] {
        let feed = text(&dir, path);
        for part in [
            format!("<title>{title}</title>"),
            "<author><name>Aurora</name></author>".to_owned(),
            "<title>OnePlus One: LineageOS 21.0, 14 November 2023</title>".to_owned(),
            format!(
                "<link rel=\"alternate\" type=\"text/html\" href=\"{BASE_URL}/{}\"/>",
                build_page(&name)
            ),
            format!(
                "<link rel=\"enclosure\" type=\"application/zip\" length=\"{size}\" href=\"{BASE_URL}/builds/{name}\"/>"
            ),
        ] {
            assert!(feed.contains(&part), "{path}: {part}\n{feed}");
        }
    }
    // Without pages there is no other target.
    dir.put(
        "romfeed.toml",
        format!("{}[[feed]]\ntemplate = 'atom'\n", settings("pages = false")),
    );
    dir.run(&["generate"]).expect(0);
    assert!(!text(&dir, "bacon.atom").contains("text/html"));
}

#[test]
fn news_entries_link_to_existing_pages_for_similar_names() {
    let dir = RomDir::new().file(
        "romfeed.toml",
        format!("same_lane = true\n{}", settings("")),
    );
    for days in 0..2 {
        let name = format!("{}{days}.zip", "x".repeat(240));
        dir.put(&format!("builds/bacon{days}/{name}"), bacon(days));
    }
    dir.run(&["generate"]).expect(0);
    let feed = text(&dir, "bacon.atom");
    let start = format!("type=\"text/html\" href=\"{BASE_URL}/");
    let links: Vec<&str> = feed
        .split(&start)
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert_eq!(links.len(), 2);
    for link in links {
        assert!(dir.path().join("out").join(link).is_file(), "{link}");
    }
}

/// A site of this many devices by this many makers, each with one build, the last device the
/// newest.
fn devices_by(num_devices: usize, num_makers: usize) -> RomDir {
    let models: Vec<String> = (0..num_devices).map(|n| format!("phone{n:02}")).collect();
    let builds = models.iter().enumerate().map(|(n, model)| {
        serde_json::json!({
            "device": model, "romtype": "nightly", "version": "21.0", "kind": "full",
            "datetime": 1_700_000_000 + n, "incremental": format!("inc{n}"), "sdk_level": 34,
            "path": format!("lineage-21.0-20231114-nightly-{model}.zip"), "size": 1,
            "sha256": format!("{n:064x}"),
        })
    });
    let catalog =
        serde_json::json!({ "schema": 1, "builds": serde_json::Value::from_iter(builds) });
    let makers: Vec<String> = (0..num_devices)
        .map(|n| format!("Maker{}", n % num_makers))
        .collect();
    let entries: Vec<(&str, &str, &str)> = models
        .iter()
        .zip(&makers)
        .map(|(model, maker)| (&**model, &**maker, &model[5..]))
        .collect();
    let dir = RomDir::new()
        .file("catalog.json", catalog.to_string())
        .file("devices.json", devices(&entries));
    dir.generate().expect(0);
    dir
}

#[test]
fn makers_with_one_device_share_a_grid() {
    let home = text(&devices_by(4, 3), "index.html");
    assert!(!home.contains("<h2>"), "{home}");
    assert!(
        home.contains("<strong><span class=\"oem\">Maker0 </span>00</strong>"),
        "{home}"
    );
    let home = text(&devices_by(6, 3), "index.html");
    assert!(home.contains("<h2>Maker0</h2>"), "{home}");
}

#[test]
fn a_site_with_many_devices_starts_with_the_newest_builds() {
    let small = text(&devices_by(12, 3), "index.html");
    assert!(!small.contains("Recently updated"), "{small}");
    let home = text(&devices_by(13, 3), "index.html");
    let (_, recent) = home.split_once("<h2>Recently updated</h2>").unwrap();
    let (recent, rest) = recent.split_once("</section>").unwrap();
    let places = ["phone12", "phone11", "phone10"]
        .map(|name| recent.find(&format!("<code>{name}</code>")).unwrap());
    assert!(places.is_sorted(), "{recent}");
    assert_eq!(recent.matches("<li").count(), 3);
    assert_eq!(rest.matches("<strong>").count(), 13);
}

#[test]
fn install_notes_can_name_the_latest_build() {
    let name = bacon_name(7);
    let dir = site(&settings("install = 'install.md'"))
        .file(&format!("builds/{name}"), bacon(7))
        .file(
            &format!("builds/{}", name.replace(".zip", "-recovery.img")),
            "an image",
        )
        .file(
            "install.md",
            "Boot `{recovery}`, sideload `{filename}`: {version} for {device}. {other} {",
        );
    dir.run(&["generate"]).expect(0);
    let recovery = name.replace(".zip", "-recovery.img");
    let text = text(&dir, "bacon.html");
    let expected = format!(
        "Boot <code>{recovery}</code>, sideload <code>{name}</code>: 21.0 for bacon. {{other}} {{"
    );
    assert!(text.contains(&expected), "{text}");
}

#[test]
fn a_delta_shows_how_much_download_it_saves() {
    let build = |incremental: &str, kind: &str, size: u32| {
        serde_json::json!({
            "device": "bacon", "romtype": "nightly", "version": "21.0", "kind": kind, "size": size,
            "datetime": 1_700_000_000 + 86_400 * i64::from(incremental != "a"),
            "incremental": incremental, "sdk_level": 34,
            "path": format!("lineage-21.0-{kind}-{incremental}-{size}.zip"),
            "sha256": format!("{size:064x}"),
        })
    };
    let mut deltas = [build("b", "delta", 333), build("b", "delta", 1001)];
    for (delta, source) in deltas.iter_mut().zip(["a", "c"]) {
        delta["source_incremental"] = source.into();
    }
    let [small, large] = deltas;
    let builds = [
        build("a", "full", 999),
        build("b", "full", 1000),
        small,
        large,
    ];
    let catalog = serde_json::json!({ "schema": 1, "builds": builds });
    let dir = RomDir::new()
        .file("romfeed.toml", "block_deltas = true\n")
        .file("catalog.json", catalog.to_string());
    dir.generate().expect(0);
    let page = text(&dir, "bacon/builds/lineage-21.0-full-b-1000.html");
    assert!(page.contains("lineage-21.0-delta-b-1001.zip"), "{page}");
    let savings = page.match_indices(" less to download").count();
    assert_eq!(savings, 1, "{page}");
    assert!(
        page.contains("67 % less to download than the full package"),
        "{page}"
    );
}

#[test]
fn values_in_texts_are_escaped_and_not_expanded_again() {
    let values = [("a", "<b> \" ' & {b}"), ("b", "B")];
    for (text, expected) in [
        ("", ""),
        ("{a}{b}", "&lt;b&gt; &quot; &#39; &amp; {b}B"),
        ("{{b}} {b {c} {", "{B} {b {c} {"),
        ("ä{b}ö", "äBö"),
    ] {
        assert_eq!(changelog::fill(text, &values), expected, "{text}");
    }
}

#[cfg(unix)]
#[test]
fn hostile_names_are_shown_as_text_in_pages_and_news() {
    let hostile = "\"'><script>alert(1)<img src=x onerror=alert(2)>{filename}";
    let zip = format!("lineage-21.0-20231120-nightly-{hostile}.zip");
    let dir = RomDir::new()
        .file(
            "romfeed.toml",
            settings(&format!(
                "name = \"\"\"{}\"\"\"\ntagline = \"\"\"{0}\"\"\"\ninstall = 'install.html'",
                hostile.replace('"', "\\\"")
            )),
        )
        .file("devices.json", devices(&[("bacon", hostile, hostile)]))
        .file(
            "install.html",
            "<p>{filename} {recovery} <a href=\"https://x.example/{filename}\">{version}</a> <a href=\"{filename}\">no</a></p>",
        )
        .file(&format!("builds/{zip}"), bacon(0))
        .file(&format!("builds/{}", zip.replace(".zip", "-recovery.img")), "x");
    dir.run(&["generate"]).expect(0);
    let mut num_seen = 0;
    for (path, bytes) in dir.tree("out") {
        if ![".html", ".atom"].iter().any(|end| path.ends_with(end)) {
            continue;
        }
        let page = String::from_utf8(bytes).unwrap();
        for bad in ["<script>", "<img src=x", "\"'>", "'><"] {
            assert!(!page.contains(bad), "{path} has {bad}\n{page}");
        }
        num_seen += usize::from(page.contains("alert(1)"));
    }
    // Home, device, changes, build, 404 and both feeds.
    assert_eq!(num_seen, 7);
}
