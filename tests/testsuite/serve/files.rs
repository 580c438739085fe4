//! Files, served like a good static host does.

use super::*;
use crate::support::{bacon, bacon_name};

/// The name of the package without its ending.
fn stem() -> String {
    bacon_name(0).replace(".zip", "")
}

fn site() -> (RomDir, SocketAddr) {
    let dir = RomDir::new()
        .file(&format!("builds/{}", bacon_name(0)), bacon(0))
        .file(&format!("builds/dev/{}", bacon_name(1)), bacon(1));
    dir.generate().expect(0);
    for (path, text) in [
        ("out/CNAME", "example.org"),
        ("out/about/index.html", "<p>about"),
        ("out/.well-known/x.txt", "known"),
        ("out/.hidden", "hidden"),
        ("builds/notes.md", "private"),
        ("builds/.part.zip", "part"),
        ("builds/secret.txt", "secret"),
        ("builds/other.zip", "no package"),
        ("builds/boot.img", "boot"),
        ("builds/empty/boot.img", "boot"),
        ("secret", "secret"),
    ] {
        dir.put(path, text);
    }
    dir.put(&format!("builds/{}.txt", stem()), "changes");
    dir.put(&format!("builds/{}.md5sum", bacon_name(0)), "digest");
    dir.put(&format!("builds/{}.prop", bacon_name(0)), "private");
    let addr = serve(&dir);
    (dir, addr)
}

#[test]
fn a_package_is_served_whole_and_in_parts() {
    let (dir, addr) = site();
    // Longer than one read.
    let zip: Vec<u8> = (0..900_001_u32).map(|n| (n % 251) as u8).collect();
    dir.put(&format!("builds/dev/{}", bacon_name(1)), &zip);
    let path = &format!("/builds/dev/{}", bacon_name(1));
    let whole = get(addr, path);
    assert_eq!((whole.status, whole.body.len()), (200, zip.len()));
    assert!(whole.body == zip);
    assert_eq!(whole.header("content-length"), "900001");
    assert_eq!(whole.header("content-type"), "application/zip");
    assert_eq!(whole.header("accept-ranges"), "bytes");
    assert_eq!(whole.header("content-encoding"), "");
    let etag = format!("If-Range: {}", whole.header("etag"));
    let date = format!("If-Range: {}", whole.header("last-modified"));
    for (range, status, expected) in [
        (&["Range: bytes=0-0"][..], 206, 0..1),
        (&["Range: bytes=300000-899999"], 206, 300_000..900_000),
        (&["Range: bytes=-2"], 206, 899_999..900_001),
        (&["Range: bytes=5-", &etag], 206, 5..900_001),
        (&["Range: bytes=5-", &date], 206, 5..900_001),
        (&["Range: bytes=5-", "If-Range: \"x\""], 200, 0..900_001),
    ] {
        let part = ask(addr, "GET", path, range, "");
        assert_eq!(part.status, status, "{range:?}");
        assert!(part.body == zip[expected.clone()], "{range:?}");
        if status == 206 {
            let content_range = format!("bytes {}-{}/900001", expected.start, expected.end - 1);
            assert_eq!(part.header("content-range"), content_range);
        }
    }
    let beyond = ask(addr, "GET", path, &["Range: bytes=900001-"], "");
    assert_eq!((beyond.status, beyond.body.len()), (416, 0));
    assert_eq!(beyond.header("content-range"), "bytes */900001");
    let head = ask(addr, "HEAD", path, &[], "");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), "900001");
    // Ranges apply to GET only.
    let head = ask(addr, "HEAD", path, &["Range: bytes=0-0"], "");
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, "900001")
    );
    let known = format!("If-Modified-Since: {}", whole.header("last-modified"));
    let unchanged = ask(addr, "GET", path, &[&known], "");
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
}

#[test]
fn a_page_is_served_from_memory() {
    let (dir, addr) = site();
    let page = get(addr, "/api/v1/bacon/nightly.json");
    assert_eq!(page.body, dir.read("out/api/v1/bacon/nightly.json"));
    assert_eq!(page.header("access-control-allow-origin"), "*");
    let tag = format!("If-None-Match: {}", page.header("etag"));
    let unchanged = ask(addr, "GET", "/api/v1/bacon/nightly.json", &[&tag], "");
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
    let part = ask(addr, "GET", "/bacon.json", &["Range: bytes=2-4"], "");
    assert_eq!((part.status, part.text()), (206, "res"));
    // A page that is no longer made is gone, even if an older run left it on disk.
    dir.run(&["catalog", "remove", &bacon_name(0), &bacon_name(1)])
        .expect(0);
    wait_for(|| get(addr, "/api/v2/devices/bacon.json").status == 404);
}

#[test]
fn missing_files_get_404_and_wrong_methods_405() {
    let (dir, addr) = site();
    let missing = get(addr, "/nothing");
    assert_eq!(missing.status, 404);
    assert_eq!(missing.body, dir.read("out/404.html"));
    for (method, path, allow) in [
        ("PUT", "/bacon.json", "GET, HEAD"),
        ("POST", "/bacon.json", "GET, HEAD"),
        ("DELETE", "/bacon.json", "GET, HEAD"),
        ("GET", "/api/v1/build/get_delta", "POST"),
        ("PUT", "/api", "GET, HEAD, POST"),
        ("PATCH", "/api/v1/x.zip", "GET, HEAD, DELETE"),
    ] {
        let answer = ask(addr, method, path, &[], "");
        assert_eq!(answer.status, 405, "{method} {path}");
        assert_eq!(answer.header("allow"), allow, "{method} {path}");
    }
    assert_eq!(ask(addr, "OPTIONS", "/api", &[], "").status, 204);
}

#[test]
fn only_public_files_are_served() {
    let (dir, addr) = site();
    for (path, text) in [
        ("/CNAME", "example.org"),
        ("/about/", "<p>about"),
        ("/.well-known/x.txt", "known"),
        ("/builds/boot.img", "boot"),
        (&format!("/builds/{}.txt", stem()), "changes"),
        (&format!("/builds/{}.md5sum", bacon_name(0)), "digest"),
    ] {
        assert_eq!(get(addr, path).text(), text, "{path}");
    }
    let props = format!("/builds/{}.prop", bacon_name(0));
    for path in ["/about", "//about", "/ota/about"] {
        let answer = get(addr, path);
        assert_eq!(answer.status, 301);
        assert_eq!(answer.header("location"), "/ota/about/");
    }
    assert_eq!(get(addr, "/about/index.html").text(), "<p>about");
    let private = |path: &str| {
        let answer = get(addr, path);
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.body, dir.read("out/404.html"), "{path}");
    };
    for path in [
        "/.hidden",
        "/.romfeed/manifest.json",
        "/.nojekyll",
        "/builds/notes.md",
        "/builds/.part.zip",
        "/builds/secret.txt",
        "/builds/other.zip",
        "/builds/empty/boot.img",
        &props,
        "/builds",
        "/catalog.json",
        "/../secret",
        "/about/../../secret",
        "/%2e%2e/secret",
        "/%2e%2e%2fsecret",
        "/builds/..%2f..%2fsecret",
        "/..%5csecret",
        "/%5c..%5csecret",
        "/CNAME%00",
        "//etc/passwd",
        "/%2fetc/passwd",
    ] {
        private(path);
    }
}

#[cfg(unix)]
#[test]
fn only_links_to_packages_are_followed() {
    use std::os::unix::fs::symlink;
    let elsewhere = tempfile::tempdir().unwrap();
    let path = |dir: &RomDir, name: &str| dir.path().join(name);
    let zip = |folder: &str, days| format!("{folder}/{}", bacon_name(days));
    std::fs::write(elsewhere.path().join(bacon_name(1)), bacon(1)).unwrap();
    std::fs::write(elsewhere.path().join("x.zip"), "elsewhere").unwrap();
    let dir = RomDir::new().file(&zip("builds", 0), bacon(0));
    std::fs::write(elsewhere.path().join("far.zip"), bacon(2)).unwrap();
    symlink(
        elsewhere.path().join("far.zip"),
        path(&dir, &zip("builds", 2)),
    )
    .unwrap();
    symlink(elsewhere.path(), path(&dir, "builds/folder")).unwrap();
    dir.put("romfeed.toml", "follow_links = true\n");
    dir.run(&["generate", "--base-url", BASE_URL]);
    dir.put("secret", "secret");
    dir.put("out/CNAME", "example.org");
    let path = |name: &str| path(&dir, name);
    symlink(
        elsewhere.path().join("x.zip"),
        path("builds/lineage-21.0-x.zip"),
    )
    .unwrap();
    let text = format!("builds/{}.txt", stem());
    symlink(path("secret"), path(&text)).unwrap();
    symlink(path("secret"), path("out/secret.txt")).unwrap();
    symlink(elsewhere.path(), path("out/folder")).unwrap();
    symlink(path("out/CNAME"), path("out/name.txt")).unwrap();
    let addr = serve(&dir);
    for (name, days) in [(zip("/builds", 2), 2), (zip("/builds/folder", 1), 1)] {
        assert!(get(addr, &name).body == bacon(days), "{name}");
    }
    assert_eq!(get(addr, "/name.txt").text(), "example.org");
    for name in [
        "/builds/lineage-21.0-x.zip",
        "/builds/folder/x.zip",
        &format!("/{text}"),
        "/secret.txt",
        "/folder/x.zip",
    ] {
        assert_eq!(get(addr, name).status, 404, "{name}");
    }
    // A pipe would block the server. On Apple's systems there is no safe call to make one.
    #[cfg(not(target_vendor = "apple"))]
    {
        let pipe = path(&zip("builds", 0));
        std::fs::remove_file(&pipe).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        assert_eq!(get(addr, &zip("/builds", 0)).status, 404);
    }
}

#[test]
fn files_next_to_packages_run_no_script_and_pages_have_a_content_policy() {
    let (dir, addr) = site();
    dir.put(
        &format!("builds/{}.html", stem()),
        "<script>alert(1)</script>",
    );
    let strange = get(addr, &format!("/builds/{}.html", stem()));
    assert_eq!(strange.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(
        strange.header("content-security-policy"),
        "default-src 'none'; sandbox"
    );
    for path in ["/", "/bacon.html", "/nothing", "/assets/icon.svg"] {
        let policy = get(addr, path).header("content-security-policy").to_owned();
        assert!(
            policy.starts_with("default-src 'none'; "),
            "{path}: {policy}"
        );
        assert!(policy.contains("script-src 'self'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
    }
    for path in ["/", "/bacon.json", "/nothing", "/about/", "/api/v1/x/y/z"] {
        let answer = get(addr, path);
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        let referrer = answer.header("referrer-policy");
        assert_eq!(referrer, "strict-origin-when-cross-origin", "{path}");
    }
    // The user's own page has no such restrictions.
    assert_eq!(get(addr, "/about/").header("content-security-policy"), "");
}
