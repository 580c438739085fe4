//! Seeds of romfeed's own fuzz targets: catalogs, settings, feeds, templates, changelogs, requests.
//!
//! `cargo test` runs each target over them, and `cargo xtask corpus` writes them to files, so they
//! are not tracked.

mod folders;
mod releases;

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Instant;

use ota_view::io::Limits;
use romfeed::catalog::exchange::export;
use romfeed::catalog::{Catalog, channels, conflict, file};
use romfeed::markup::changelog::Rendered;
use romfeed::model::build::Build;
use romfeed::model::config::Config;
use romfeed::publish::feed::{self, template};
use romfeed::publish::page::Page;
use testkit::fuzz::Seeds;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The address of the fuzzers' sites.
const BASE_URL: &str = "https://example.org/ota";
/// The builds of those sites.
const SITE: &str = include_str!("../fuzz_bodies/site.json");
/// A time after all of them.
const NOW: i64 = 1_780_000_000;
/// The key of the server for these requests, which the fuzzer does not guess.
const KEY: &str = "0707070707070707070707070707070707070707070707070707070707070707";

/// One name of each grammar.
const NAMES: [&str; 12] = [
    "lineage-21.0-20240801-nightly-bacon-signed.zip",
    "lineage-22.2-20250214_123456-UNOFFICIAL-X00TD.zip",
    "bacon,akari\nlineage-18.1-20210626-microg-tduboys-akari.zip",
    "a-b\nlineage-18.1-20210626-UNOFFICIAL-a-b-from-20210501.zip",
    "cm-11-20140609-SNAPSHOT-M7-bacon.zip",
    "cm-10.2.1-mako.zip",
    "crDroidAndroid-15.0-20250214-komodo-v11.2.zip",
    "EvolutionX-14.0-20241013-akita-v9.5-Official.zip",
    "lineage_bacon-ota-eng.me.20240801.zip",
    "lineage_bacon-ota-14.1-UNOFFICIAL-abcdef.zip",
    "PixelOS_r5x-12.1-20220505-1108.zip",
    "PixelExperience_Plus_daisy-10.0-20200505-1108-OFFICIAL.zip",
];

const CHANGELOGS: [(u8, &str, &str); 4] = [
    (
        0,
        "markdown",
        "# New\n\n- *a* **b** ~~c~~ `d`\n- [e](https://h/x) <https://h> ![f](g)\n\n\
         |a|b|\n|-|:-|\n|c|\n\n> q\n\n1. x\n   - y\n\n```\n<b>\n```\n<p onclick=x>&amp;\n\n[r]\n\n[r]: http://h\n",
    ),
    (
        1,
        "html",
        "<!doctype html><title>t</title><style>x</style><h2>a</h2><ul><li>b<li><p>c</ul>\
         <a href='https://h/?a&amp;b' onclick=x>d</a><img alt=e src=x><br><hr>\
         <table><tr><td>f<th>g</table><dl><dt>h<dd>i</dl><pre>j\n</pre>&#65;&copy;<details><summary>k",
    ),
    (
        2,
        "text",
        "a <b>\nsee https://h/a?b=c&d. (http://h/e_(f))\r\n\tend\r",
    ),
    (2, "latin", "\u{feff}Añadido – 5 €\n"),
];

const REQUESTS: [(&str, &str); 16] = [
    (
        "list",
        "GET /api/v1/bacon/nightly.json HTTP/1.1\r\nHost: h\r\n\r\n",
    ),
    (
        "part",
        "GET /ota/builds/a/rom-gapps.zip HTTP/1.1\r\nHost: h\r\nRange: bytes=2-5\r\nIf-Range: \"x\"\r\n\r\n",
    ),
    (
        "known",
        "GET /a/../bacon.json HTTP/1.1\r\nHost: h\r\nIf-None-Match: W/\"a\", *\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n",
    ),
    (
        "two",
        "HEAD / HTTP/1.1\r\nHost: h\r\n\r\nGET /more HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    ),
    (
        "after",
        "GET /api/v1/bacon/nightly/eng.1?after=2023-11-15&version=21%2E0 HTTP/1.1\r\nHost: h\r\n\r\n",
    ),
    (
        "cm",
        "GET /gapps/api/v1/bacon/nightly/eng.3 HTTP/1.0\r\nUser-Agent: com.cyanogenmod.updater/1\r\n\r\n",
    ),
    (
        "post",
        "POST /api HTTP/1.1\r\nHost: h\r\nContent-Length: 79\r\n\r\n{\"method\":\"get_all_builds\",\"params\":{\"device\":\"bacon\",\"channels\":[\"nightly\"]}}\n",
    ),
    (
        "delta",
        "POST /api/v1/build/get_delta HTTP/1.1\r\nHost: h\r\nContent-Length: 59\r\n\r\n{\"source_incremental\":\"eng.1\",\"target_incremental\":\"eng.2\"}",
    ),
    (
        "channel",
        "POST /legacy/bacon/nightly HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ),
    (
        "options",
        "OPTIONS /api HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n",
    ),
    (
        "escaped",
        "GET /more%2findex.html;%00%c3%a9?%zz#x HTTP/1.1\r\nHost: h\r\n\r\n",
    ),
    (
        "file",
        "GET /api/v1/requestfile/old-id HTTP/1.1\r\nHost: h\r\n\r\nGET /api/v2/devices/mako/builds HTTP/1.1\r\nHost: h\r\n\r\n",
    ),
    (
        "types",
        "GET /api/v1/types/bacon HTTP/1.1\r\nHost: h\r\n\r\nGET /api/v2/oems HTTP/1.1\r\nHost: h\r\n\r\nGET /api/v1/changes/x HTTP/1.1\r\nHost: h\r\n\r\n",
    ),
    (
        "auth",
        "GET /api/v1/auth HTTP/1.1\r\nHost: h\r\nApikey: {key}\r\n\r\n",
    ),
    (
        "del",
        "POST /api/v1/del_build HTTP/1.1\r\nHost: h\r\nApikey: {key}\r\nContent-Length: 15\r\n\r\n{\"id\":\"old-id\"}DELETE /api/v1/rom-gapps.zip HTTP/1.1\r\nHost: h\r\nApikey: {key}\r\n\r\n",
    ),
    (
        "purge",
        "POST /api/v1/purgecache HTTP/1.1\r\nHost: h\r\nApikey: {key}\r\nContent-Length: 0\r\n\r\n",
    ),
];

/// A build made by `add_build`.
const ADDED: &str = r#"{"device":"bacon","filename":"new.zip","md5sum":"11111111111111111111111111111111","romtype":"nightly","url":"https://h/new.zip","version":"21.0","datetime":1700000009,"size":9,"sha256":"9999999999999999999999999999999999999999999999999999999999999999","incremental":"eng.9","sdk_level":34,"security_patch":"2023-11-05"}"#;

const CRDROID: &str = r#"{"response":[{"maintainer":"m","oem":"o","device":"bacon","filename":"crDroidAndroid-14.0-20240101-bacon-v10.1.zip","download":"https://h/x.zip","timestamp":1704067200,"md5":"eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee","sha256":"eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee","size":1001,"version":"10.1","buildtype":"Monthly"}]}"#;

const LINEAGEOTA: &str = r#"{"id":null,"result":[{"incremental":"eng.5","api_level":"34","url":"https://h/b.zip","timestamp":1704067200,"md5sum":"ffffffffffffffffffffffffffffffff","changes":"","channel":"nightly","filename":"lineage-21.0-20240101-nightly-bacon.zip","romtype":"nightly","datetime":1704067200,"version":"21.0","id":"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff","size":1002}],"error":null}"#;

/// Feeds of other families, one of each form.
const FORMS: [(&str, &str); 6] = [
    (
        "paranoid",
        r#"{"updates":[{"date":"2024-07-03","datetime":" 1720000000","filename":"rom-beta-bacon-20240703.zip","url":"https://h/rom-beta-bacon-20240703.zip","id":"beta-7","size":"1234","build_type":"Beta","version":"Uvite","android_spl":"2024-06-05"}]}"#,
    ),
    (
        "dotos",
        r#"{"codename":"bacon","deviceName":"One","links":{"telegram":"https://t.me/x"},"releases":[{"type":"gapps","generatedAt":1720000000,"fileName":"rom-v5-bacon-20240703.zip","url":"https://h/rom-v5-bacon-20240703.zip","hash":"eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee","size":1234,"version":"v5","images":null}]}"#,
    ),
    (
        "flamingo",
        r#"{"version":"2.2","date":"1720000000000","download_sources":{"Mirror":"https://h/rom-x-bacon-20240703.zip"},"file_name":"rom-x-bacon-20240703.zip","file_size":"1234","sha_512":"eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee","pre_build_incremental":"eng.me.1"}"#,
    ),
    (
        "xperience",
        r#"{"files":[{"file":"rom-y-bacon-20240703.zip","filemd5":"eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee","filesize":"1234","filelink":"https://h/rom-y-bacon-20240703.zip","fileTimestamp":"1720000000","version":"17.0","romtype":"OFFICIAL"}]}"#,
    ),
    (
        "experience-9",
        r#"{"pie":[{"md5":"eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee","file_size":1234,"file_name":"rom-9-bacon-20240703.zip"}]}"#,
    ),
    (
        "one-object",
        r#"{"datetime":1720000000,"filename":"rom-z-bacon-20240703.zip","id":"eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee","size":1234,"url":"https://h/rom-z-bacon-20240703.zip","version":"10.0"}"#,
    ),
];

/// Settings with every key, and the files that they name.
const SETTINGS: [&str; 6] = [
    r##"base_url = "https://ota.example.org/x"
url = "https://dl.example.org/{device}/{filename}"
catalog = ["catalog.json", "other.json"]
device_feed = "v2"
jobs = 2
keep = 3
min_age = "2h"
major_upgrades = "list"
block_deltas = true
same_lane = true
accept_new_signer = ["aa:bb:cc:dd", "rom.zip"]
exclude = ["old/**", "*.{bak,tmp}.zip"]
[require]
signature = true
release_key = true
[site]
name = "n"
tagline = "t"
color = "#0b7a75"
footer = "f"
install = "install.md"
links = [{ name = "x", url = "mailto:a@b" }]
[romtype.nightly]
keep = 5
min_age = 60
[device.bacon]
url = "https://h/{path}"
device_feed = "own"
install = "install.md"
aliases = ["A0001"]
keep = 2
[device.bacon.romtype.UNOFFICIAL]
keep = 1
[device.bacon.known_incrementals]
nightly = ["eng.7", { incremental = "eng.8", version = "20.0", datetime = 1690000000 }]
[device.bacon.info]
maintainer = "m"
when = 2024-01-01
list = [1, 2.5, true, { a = "b" }]
[[variant]]
name = "gapps"
package = "**/*gapps*.zip"
[[variant]]
name = "micro"
property = "ro.x = y"
[[feed]]
template = "own"
path = "x/{device}.json"
[[feed]]
template = "crdroid"
[[override]]
package = "a/*.zip"
device = "d"
datetime = 1700000001
sdk_level = 34
[[family]]
name = "my"
markers = ["ro.my."]
version = ["ro.my.version[0]"]
compares_romtype = false
"##,
    r#"[{"model":"bacon","oem":"OnePlus","name":"One","info_url":"https://h","x":[1]},
{"model":"mako","name":"Nexus 4","wiki":"https://w"}]"#,
    r#"[{"model":"golden"}]"#,
    r#"{"bacon":["a/b","c"]}"#,
    "# Install\n\n1. `adb sideload`\n",
    "{#\nscope = \"device\"\npath = \"own/{device}.json\"\n#}\n{{ device.model }}",
];

/// Phones by their properties, each with the address it asks.
const PHONES: [(&str, &str, &str); 3] = [
    (
        "template",
        "https://example.org/ota/api/v1/{device}/{type}.json",
        "ro.lineage.device=bacon\nro.lineage.releasetype=nightly\nro.lineage.build.version=21.0\n\
         ro.build.version.incremental=eng.1\nro.build.date.utc=1700000000\nro.build.version.sdk=34\n",
    ),
    (
        "getprop",
        "https://example.org/ota/api/v2/devices/{device}/builds.json",
        "[ro.lineage.device]: [mako]\n[ro.updater.next_device]: [occam]\n[ro.build.version.sdk]: [36]\n\
         [ro.lineage.build.version]: [23.2]\n[ro.build.date.utc]: [1700000000]\n",
    ),
    (
        "cm",
        "https://example.org/ota/legacy/golden/nightly",
        "ro.cm.device=golden\nro.cm.version=12.1-20150801-NIGHTLY-golden\nro.build.version.sdk=22\n",
    ),
];

/// Returns the seeds of all targets; `root` is the folder of the repository.
///
/// # Errors
/// If a file of the repository cannot be read.
pub(crate) fn all(root: &Path) -> Result<Seeds> {
    let mut seeds = Seeds::default();
    folders::write(&mut seeds);
    releases::write(&mut seeds);
    let catalog = file::parse(SITE.as_bytes(), "site.json")?;
    seeds.add("catalog", "site", &file::render(&catalog));
    let (both, empty) = (file::render(&catalog), file::render(&Catalog::default()));
    seeds.add("conflict", "site", &conflict::join(&empty, &both, &empty));
    let samples = fs::read(root.join("catalog.json"))?;
    seeds.add("catalog", "samples", &samples);
    for (index, name) in NAMES.iter().enumerate() {
        seeds.add("names", &index.to_string(), name.as_bytes());
    }
    for (format, name, text) in CHANGELOGS {
        seeds.add("changelog", name, &[&[format], text.as_bytes()].concat());
    }
    seeds.add("config", "all", SETTINGS.join("\0").as_bytes());
    let [settings, devices] =
        ["romfeed.toml", "devices.json"].map(|name| fs::read(root.join(name)));
    seeds.add("config", "samples", &[settings?, devices?].join(&0));
    seeds.add(
        "manifest",
        "pinned",
        b"<manifest><remote name='a' revision='r'/><default remote='a' revision='d'/>\
          <project name='x/art' path='art' revision='1'><project name='y&amp;'/></project></manifest>",
    );
    write_requests(&mut seeds);
    let pages = publish(&catalog)?;
    write_feeds(&mut seeds, &catalog, &pages)?;
    for (name, text) in template::SHIPPED {
        seeds.add("template", name, text.as_bytes());
    }
    for (name, text) in romfeed::publish::site::TEMPLATES {
        seeds.add("template", name, text.as_bytes());
    }
    Ok(seeds)
}

fn write_requests(seeds: &mut Seeds) {
    for (name, request) in REQUESTS {
        let request = request.replace("{key}", KEY);
        seeds.add("http", name, request.as_bytes());
    }
    let len = ADDED.len();
    let add = format!(
        "POST /api/v1/add_build HTTP/1.1\r\nHost: h\r\nApikey: {KEY}\r\nContent-Length: {len}\r\n\r\n{ADDED}"
    );
    seeds.add("http", "add", add.as_bytes());
}

/// The lists for phones, as input for the importer and for the checks.
fn write_feeds(seeds: &mut Seeds, catalog: &Catalog, pages: &[Page]) -> Result<()> {
    let options = export::Options {
        address: &address,
        variant: None,
        url_base: None,
        sha1: None,
    };
    let official = export::render(catalog, options).json;
    // The first byte selects the importer's options: all but ids that are digests.
    let mut import = |name: &str, feed: &[u8]| {
        let input = [&[0b0001_1110], feed].concat();
        seeds.add("exchange", name, &input);
    };
    import("official", &official);
    import("crdroid", CRDROID.as_bytes());
    import("lineageota", LINEAGEOTA.as_bytes());
    for (name, feed) in FORMS {
        import(name, feed.as_bytes());
    }
    let wanted = [
        "api/v1/bacon/nightly.json",
        "api/v1/bacon/nightly/eng.1",
        "api/v2/devices/mako/builds.json",
        "legacy/bacon/nightly/index.json",
        "bacon.json",
    ];
    let found = pages.iter().filter(|page| wanted.contains(&&*page.path));
    let mut site = Vec::new();
    for (index, page) in found.enumerate() {
        import(&format!("page-{index}"), &page.bytes);
        site.push([page.path.as_bytes(), &page.bytes].join(&0));
    }
    site.push(b"builds/a/x.zip\0!302\nlocation: /ota/y\ncontent-type: text/html\n\n".to_vec());
    for (name, value, props) in PHONES {
        let phone = [value.as_bytes(), props.as_bytes()].join(&0);
        let input = [phone, site.join(&0)].join(&0);
        seeds.add("feeds", name, &input);
    }
    Ok(())
}

fn settings() -> Config {
    let limits = Limits::new(std::env::temp_dir(), Instant::now);
    Config {
        base_url: Some(BASE_URL.to_owned()),
        ..Config::for_folder(Path::new("."), limits)
    }
}

fn address(build: &Build) -> Option<String> {
    Some(settings().address(build)?.0)
}

/// The feeds of a catalog.
fn publish(catalog: &Catalog) -> Result<Vec<Page>> {
    let config = settings();
    let offered = catalog.builds.values().filter(|r| r.is_offered());
    let urls: BTreeMap<&str, String> = offered
        .filter_map(|r| Some((r.build.identity(), address(&r.build)?)))
        .collect();
    let channels = channels::Channels::new(catalog, &config, &urls, NOW);
    let channels = channels.channels.iter().collect();
    let feeds = feed::Renderer::new(&config)?;
    Ok(feeds.all(&channels, &Rendered::default())?.pages)
}
