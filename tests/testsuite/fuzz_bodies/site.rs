//! Everything that reads or is made from a catalog: its file, imported builds of other servers,
//! pages.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Instant;

use ota_view::io::Limits;
use romfeed::catalog::exchange::{self, Format, Options, export, merge};
use romfeed::catalog::merge::{Side, merge as unite};
use romfeed::catalog::{Catalog, Catalogs, channels, conflict, file};
use romfeed::clients::check::target;
use romfeed::clients::updaters;
use romfeed::ingest::projects::History;
use romfeed::markup::changelog::Rendered;
use romfeed::model::build::{Device, Romtype, Variant};
use romfeed::model::config::{Config, FeedConfig};
use romfeed::model::theme::Template;
use romfeed::publish::feed;
use romfeed::publish::page::Page;
use romfeed::publish::site::{self, Known};

/// The address of the sites of these bodies.
pub(super) const BASE_URL: &str = "https://example.org/ota";
/// A time after all builds of [`SITE`].
pub(super) const NOW: i64 = 1_780_000_000;
/// A catalog with builds of every kind.
pub(super) const SITE_TEXT: &str = include_str!("site.json");
/// The same catalog, parsed.
pub(super) static SITE: LazyLock<Catalog> = LazyLock::new(|| {
    file::parse(SITE_TEXT.as_bytes(), "site.json").expect("the tracked catalog is valid")
});

/// The settings of a folder that does not exist.
pub(super) fn settings() -> Config {
    let limits = Limits::new(std::env::temp_dir(), Instant::now);
    Config {
        base_url: Some(BASE_URL.to_owned()),
        ..Config::for_folder("no-such-folder".as_ref(), limits)
    }
}

/// A catalog; its written form is read as the same catalog.
pub(super) fn catalog(data: &[u8]) {
    let Ok(catalog) = file::parse(data, "catalog.json") else {
        return;
    };
    assert_kept(&catalog);
    let pages = publish(&catalog, &settings()).expect("romfeed's own templates are right");
    assert_readable(&pages);
}

/// A file with conflict markers: its versions have no markers, can be split again when joined, and
/// are merged to the same catalog from either side.
pub(super) fn conflict(data: &[u8]) {
    let Ok(versions) = conflict::split(data) else {
        assert!(conflict::first_marker(data).is_some());
        return;
    };
    let base = versions.base.unwrap_or_default();
    let texts = [&base, &versions.ours, &versions.theirs];
    let rejoined = conflict::split(&conflict::join(&base, &versions.ours, &versions.theirs));
    let rejoined = rejoined.expect("the markers are in their order");
    let lines = |text: &[u8]| text.strip_suffix(b"\n").unwrap_or(text).to_owned();
    assert_eq!(lines(&rejoined.ours), lines(&versions.ours));
    assert_eq!(lines(&rejoined.theirs), lines(&versions.theirs));
    let catalogs = texts.map(|text| file::parse(text, "catalog.json").unwrap_or_default());
    let [base, ours, theirs] = &catalogs;
    let united = unite(base, ours, theirs, Some(Side::Ours));
    assert_eq!(
        united.as_ref().ok(),
        unite(base, theirs, ours, Some(Side::Theirs)).as_ref().ok()
    );
    if let Ok(united) = united {
        assert_kept(&united);
    }
}

/// A feed of another server. The first byte sets the options of the importer.
pub(super) fn exchange(data: &[u8]) {
    let Some((&selector, feed)) = data.split_first() else {
        return;
    };
    let is_set = |bit: u8| selector & (1 << bit) != 0;
    let device = Device::parse("bacon").expect("a name");
    let romtype = Romtype::parse("nightly").expect("a name");
    let variant = Variant::parse("gapps").expect("a name");
    let (v1, official, other) = (Format::V1, Format::Official, Format::Other);
    let formats = [None, Some(v1), Some(official), Some(other)];
    let options = Options {
        variant_of: &|name| name.contains("gapps").then(|| variant.clone()),
        format: formats[usize::from(selector >> 6) % formats.len()],
        device: is_set(0).then_some(&device),
        feed_name: is_set(1).then_some("bacon"),
        feed_folders: &["gapps", "mako"],
        known_devices: &["bacon".to_owned()],
        romtype: is_set(2).then_some(&romtype),
        version: is_set(2).then_some("21.0"),
        variant: is_set(3).then_some(&variant),
        url_base: is_set(4).then_some(BASE_URL),
        ids_are_sha256: is_set(5),
        now: NOW,
    };
    let Ok(feed) = exchange::read(feed, options) else {
        return;
    };
    for entry in &feed.entries {
        assert!(!entry.label().contains(char::is_control));
        if let Ok(build) = &entry.build {
            assert_eq!(file::validate_build(build), Ok(()));
        }
    }
    let mut catalogs = Catalogs::load(&settings()).expect("a catalog that is not there is empty");
    catalogs.own = SITE.clone();
    let num_before = catalogs.own.builds.len();
    let guard = merge::Guard {
        object: &|build| build.filename.contains("objection").then(String::new),
        may_mix: &|device| device.as_str() == "mako",
        compares_romtype: is_set(0),
    };
    let answers = merge::add(feed.entries, &mut catalogs, guard);
    let num_added = answers
        .iter()
        .filter(|answer| answer.outcome == Ok(merge::EntryOutcome::Added))
        .count();
    assert_eq!(catalogs.own.builds.len(), num_before + num_added);
    assert_kept(&catalogs.own);
    assert_exported(&catalogs.own);
}

/// A feed template, or, without a header, one of the home page.
pub(super) fn template(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut config = settings();
    let (file, text) = ("fuzz.j2".to_owned(), text.to_owned());
    if text.starts_with("{#") {
        config.theme.has_pages = false;
        config.feeds.push(FeedConfig {
            name: "fuzz".to_owned(),
            file,
            text,
            path: None,
            variants: std::collections::BTreeMap::new(),
            is_enabled: true,
        });
    } else {
        let own = Template { file, text };
        config.theme.templates.insert("home.html".to_owned(), own);
    }
    // A template's output may be as long as the limit allows; but not six times that, as when each
    // character is escaped.
    let max_len = 6 * feed::template::MAX_PAGE_SIZE + 1;
    if let Ok(pages) = publish(&SITE, &config) {
        assert!(pages.iter().all(|page| page.bytes.len() <= max_len));
    }
}

/// Renders all pages of a site.
///
/// # Errors
/// What is wrong with a template.
pub(super) fn publish(catalog: &Catalog, config: &Config) -> Result<Vec<Page>, String> {
    let urls = addresses(catalog, config);
    let channels = channels::Channels::new(catalog, config, &urls, NOW);
    let changelogs = Rendered::default();
    let channels = channels.channels.iter().collect();
    let feeds = feed::Renderer::new(config).map_err(|e| e.to_string())?;
    let feeds = feeds
        .all(&channels, &changelogs)
        .map_err(|e| e.to_string())?;
    let history = History::default();
    let build_pages = feed::build_pages::paths(&channels);
    let known = Known {
        changelogs: &changelogs,
        history: &history,
        pages: &build_pages,
    };
    let pages = site::Renderer::new(config, true);
    let pages = pages.map_err(|e| e.to_string())?;
    let paths = feeds.pages.iter().map(|page| page.path.as_str());
    let of_site = pages.of_site(&channels, paths, known);
    let of_site = of_site.map_err(|e| e.to_string())?;
    let of_devices = pages.of_devices(&channels, &feeds.pages, known);
    let of_devices = of_devices.map_err(|e| e.to_string())?;
    let pages = feeds.pages.into_iter().chain(of_site).chain(of_devices);
    let pages: Vec<Page> = pages.collect();
    for page in &pages {
        assert_inside(&page.path);
    }
    Ok(pages)
}

/// The address from which the offered builds are downloaded.
pub(super) fn addresses<'c>(catalog: &'c Catalog, config: &Config) -> BTreeMap<&'c str, String> {
    let offered = catalog.builds.values().filter(|r| r.is_offered());
    let urls = offered.filter_map(|r| Some((r.build.identity(), config.address(&r.build)?.0)));
    urls.collect()
}

/// Fails unless the path of a page leads into the site, and to no other place on any host.
fn assert_inside(path: &str) {
    let is_plain = |part: &str| {
        let is_odd = |c: char| c.is_control() || c == '\\';
        !part.is_empty() && part != "." && part != ".." && !part.contains(is_odd)
    };
    assert!(path.split('/').all(is_plain), "{path:?}");
    assert!(!path.starts_with("builds/"), "{path:?}");
}

/// Fails unless every client reads all of every list that is for it.
fn assert_readable(pages: &[Page]) {
    let paths: Vec<String> = pages.iter().map(|page| page.path.clone()).collect();
    for feed in target::feeds(BASE_URL, &paths, None) {
        let page = pages.iter().find(|page| page.path == feed.path);
        let body = &page.expect("it is one of the paths").bytes;
        for generation in feed.readers(body) {
            match updaters::read(*generation, body) {
                Ok(list) => assert!(list.dropped.is_empty(), "{}: {list:?}", feed.path),
                Err(fault) => panic!("{}, {generation}: {fault}", feed.path),
            }
        }
    }
}

/// Fails unless the written catalog is read as the same, and written as the same.
fn assert_kept(catalog: &Catalog) {
    let text = file::render(catalog);
    let again = match file::parse(&text, "catalog.json") {
        Ok(again) => again,
        Err(error) => panic!("{error}, {:?}", std::error::Error::source(&error)),
    };
    assert_eq!(again, *catalog);
    assert!(file::render(&again) == text, "it is written in two ways");
}

/// Fails unless the file for another server is read as this many builds.
fn assert_exported(catalog: &Catalog) {
    let config = settings();
    let exported = export::render(
        catalog,
        export::Options {
            address: &|build| Some(config.address(build)?.0),
            variant: None,
            url_base: None,
            sha1: None,
        },
    );
    let options = Options {
        variant_of: &|_| None,
        format: Some(Format::Official),
        device: None,
        feed_name: None,
        feed_folders: &[],
        known_devices: &[],
        romtype: None,
        version: None,
        variant: None,
        url_base: Some(BASE_URL),
        ids_are_sha256: false,
        now: NOW,
    };
    let read = exchange::read(&exported.json, options).expect("it is of the format");
    assert_eq!(read.entries.len(), exported.num_builds);
    for entry in read.entries {
        assert!(entry.build.is_ok(), "{entry:?}");
    }
}
