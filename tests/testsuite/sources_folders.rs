//! Folders on other hosts: listed and then read by range, at the addresses that phones get.

use std::sync::Arc;

use ota_view::io::ReadAt;
use romfeed::fetch::{Http, Reach, Remote, Settings};
use romfeed::model::source::{HashPolicy, Host, SourceConfig};
use romfeed::source::{Client, Listing, list};

use super::folder_host::{Files, Form, sourceforge, web_server};

fn http(user_agent: &str) -> Arc<Http> {
    Arc::new(Http::new(&Settings {
        timeout: std::time::Duration::from_secs(20),
        user_agent: user_agent.to_owned(),
        roots: Vec::new(),
        reach: Reach::Any,
    }))
}

/// Lists a host as a source.
fn list_host(host: Host) -> Listing {
    let source = SourceConfig {
        device: None,
        name: "roms".to_owned(),
        host,
        newest: None,
        max_age: None,
        hash: HashPolicy::Auto,
        url: None,
        token: None,
    };
    let client = Client {
        fetch: &*http("romfeed"),
        token: None,
        now: 0,
    };
    list(&client, &source).unwrap()
}

/// Returns files with these paths and contents of their own.
fn files(paths: &[&str]) -> Files {
    let files = paths.iter().enumerate();
    let file =
        |(index, path): (usize, &&str)| ((*path).to_owned(), vec![index as u8; 1000 + index]);
    files.map(file).collect()
}

fn read(url: &str) -> Vec<u8> {
    let remote = Remote::open(http("Dalvik/2.1.0 (Linux; U; Android 14)"), url).unwrap();
    let mut bytes = vec![0; usize::try_from(remote.size()).unwrap()];
    remote.read_exact_at(0, &mut bytes).unwrap();
    bytes
}

#[test]
fn folders_of_a_web_server_are_listed_and_their_files_read() {
    let files = files(&[
        "ota/a.zip",
        "ota/a.zip.md5sum",
        "ota/bacon/a-name-that-is-longer-than-the-page-shows.zip",
        "ota/bacon/ü & b#c?d%41.zip",
        "other/x.zip",
    ]);
    for form in [Form::Html, Form::Json] {
        let host = web_server(files.clone(), form);
        let url = host.url("/ota/");
        let listing = list_host(Host::Listing { url: url.clone() });
        assert_eq!(host.num_asked(), 2);
        assert_eq!(listing.warnings, [""; 0]);
        assert_eq!(listing.files.len(), 4);
        for file in listing.files {
            let expected = &files[&format!("ota/{}", file.path)];
            assert_eq!(read(&file.url), *expected, "{}", file.path);
            let size = matches!(form, Form::Json).then_some(expected.len() as u64);
            assert_eq!(file.size, size);
        }
    }
}

#[test]
fn all_files_of_a_project_on_sourceforge_are_listed_and_read_from_a_mirror() {
    let paths: Vec<String> = (0..130)
        .map(|index| format!("bacon/{index:03} +.zip"))
        .chain(["mako/x/y.zip", "notes.txt"].map(str::to_owned))
        .collect();
    let files = files(&paths.iter().map(String::as_str).collect::<Vec<_>>());
    let (site, mirror) = sourceforge("myrom", files.clone());
    let project = |path: &str| Host::SourceForge {
        site: site.url(""),
        project: "myrom".to_owned(),
        path: path.to_owned(),
    };
    let listing = list_host(project("/"));
    let listed: Vec<&str> = listing.files.iter().map(|file| &*file.path).collect();
    assert_eq!(listed, paths);
    // Feeds of three folders, pages of the two whose feed is full.
    assert_eq!(site.num_asked(), 5);
    assert_eq!(listing.files[129].size, Some(1129));
    assert_eq!(listing.files[0].size, None);
    assert!(listing.files.iter().all(|file| file.md5.is_some()));
    for index in [0, 129, 130] {
        let file = &listing.files[index];
        assert_eq!(read(&file.url), files[&file.path]);
    }
    assert_eq!(mirror.num_asked(), 3);
    assert!(mirror.asked()[0].path.ends_with("?viasf=1"));
    let browser = Remote::open(http("Mozilla/5.0 (Linux)"), &listing.files[0].url);
    assert!(browser.is_err());
    // A folder of the project, with paths that begin there.
    let listing = list_host(project("/mako"));
    assert_eq!(listing.files[0].path, "x/y.zip");
}
