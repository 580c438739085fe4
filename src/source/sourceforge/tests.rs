//! Feeds and pages as SourceForge sends them, and others.

use super::super::RemoteFile;
use super::super::fake::{Host, answer, paths};
use super::*;
use crate::fetch::Response;

const SITE: &str = "https://sourceforge.net";
const FEED: &str = "https://sourceforge.net/projects/myrom/rss?path=";
const PAGE: &str = "https://sourceforge.net/projects/myrom/files";

/// Makes a page with status 200.
fn sent(text: &str) -> Response {
    answer(200, &[], text)
}

fn list_from(web: &Host, path: &str) -> Result<Listing, Error> {
    list(&web.client(None), SITE, "myrom", path)
}

/// Returns an item as the site writes it.
fn item(path: &str) -> String {
    let address = format!("{SITE}/projects/myrom/files{path}/download");
    format!(
        r#"
      <item>
        <title><![CDATA[{path}]]></title>
        <link>{address}</link>
        <guid>{address}</guid>
        <pubDate>Thu, 01 Aug 2024 12:34:56 UT</pubDate>
        <description><![CDATA[{path}]]></description>
        <files:sf-file-id xmlns:files="https://sourceforge.net/api/files.rdf#">28362746</files:sf-file-id>
        <files:extra-info xmlns:files="https://sourceforge.net/api/files.rdf#">Zip archive data</files:extra-info>
        <media:content xmlns:media="http://video.search.yahoo.com/mrss/" type="application/zip; charset=binary" url="{address}" filesize="37500847"><media:hash algo="md5">d949b66fd32ce1b5811cccc61a28307b</media:hash></media:content>
      </item>"#
    )
}

/// Returns a feed with these items.
fn feed(items: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?>
<rss xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:files="https://sourceforge.net/api/files.rdf#" xmlns:media="http://video.search.yahoo.com/mrss/" xmlns:atom="http://www.w3.org/2005/Atom" version="2.0">
  <channel>
    <title>My ROM</title>
    <link>https://sourceforge.net</link>
    <description><![CDATA[Files from My ROM]]></description>
    <pubDate>Thu, 01 Aug 2024 12:40:00 UT</pubDate>{items}
  </channel>
</rss>"#
    )
}

#[test]
fn feed_has_paths_sizes_md5_and_leads_to_direct_addresses() {
    let text = feed(&item("/bacon/My ROM-1.0+x.zip"));
    let web = Host::default().with(&format!("{FEED}/"), sent(&text));
    let listing = list_from(&web, "/").unwrap();
    let md5 = "d949b66fd32ce1b5811cccc61a28307b".to_owned();
    let expected = RemoteFile {
        path: "bacon/My ROM-1.0+x.zip".to_owned(),
        id: "/bacon/My ROM-1.0+x.zip".to_owned(),
        size: Some(37_500_847),
        tag: md5.clone(),
        date: Some(1_722_515_696),
        md5: Some(md5),
        url: "https://downloads.sourceforge.net/project/myrom/bacon/My%20ROM-1.0%2Bx.zip"
            .to_owned(),
        ..RemoteFile::default()
    };
    assert_eq!(listing.files, [expected]);
    assert_eq!(listing.warnings, [""; 0]);
    // Below a folder, paths begin there.
    let web = Host::default().with(&format!("{FEED}/bacon"), sent(&text));
    let listing = list_from(&web, "/bacon").unwrap();
    assert_eq!(paths(&listing.files), ["My ROM-1.0+x.zip"]);
    assert_eq!(listing.files[0].id, "/bacon/My ROM-1.0+x.zip");
    // An empty folder.
    let web = Host::default().with(&format!("{FEED}/a%20b"), sent(&feed("")));
    assert_eq!(list_from(&web, "/a b").unwrap(), Listing::default());
}

#[test]
fn full_feed_is_completed_with_the_page_of_the_folder_and_its_folders() {
    let newest: String = (0..100).map(|n| item(&format!("/bacon/{n}.zip"))).collect();
    // The script of a page of 2026, with fewer keys.
    let page = |entries: &str| {
        format!(
            "<html><script>\n    net.sf.files = {{{entries}}};\n    net.sf.staging_days = 3;\n</script></html>"
        )
    };
    let top = page(
        r#"
        "bacon":{"name":"bacon","path":"","download_url":"https://sourceforge.net/projects/myrom/files/bacon/download","full_path":"bacon","type":"d","sha1":"","md5":"","downloadable":false,"staged":false},
        "old":{"name":"old","type":"d","md5":"","downloadable":false},
        "list.txt":{"name":"list.txt","type":"f","sha1":"","md5":"","downloadable":true,"mtime":1770110419},
        "staged.zip":{"name":"staged.zip","type":"f","sha1":"","md5":"","downloadable":false},
        "..":{"name":"..","type":"d","md5":""},
        "a\\b":{"name":"a\\b","type":"d","md5":""}"#,
    );
    let of_bacon: String = (0..150)
        .map(|n| {
            format!(r#""{n}.zip":{{"type":"f","md5":"{n:032x}","downloadable":true,"mtime":5}},"#)
        })
        .collect();
    let web = Host::default()
        .with(&format!("{FEED}/"), sent(&feed(&newest)))
        .with(&format!("{PAGE}/"), sent(&top))
        .with(&format!("{FEED}/old"), sent(&feed(&item("/old/x/y.zip"))))
        .with(&format!("{FEED}/bacon"), sent(&feed(&newest)))
        .with(
            &format!("{PAGE}/bacon/"),
            sent(&page(of_bacon.trim_end_matches(','))),
        );
    let listing = list_from(&web, "/").unwrap();
    assert_eq!(listing.files.len(), 100 + 50 + 2);
    let file = |path: &str| {
        let found = listing.files.iter().find(|file| file.path == path);
        found.unwrap_or_else(|| panic!("{path}: {:?}", paths(&listing.files)))
    };
    assert_eq!(file("bacon/99.zip").size, Some(37_500_847));
    let old = file("bacon/149.zip");
    assert_eq!((old.size, old.date), (None, Some(5)));
    assert_eq!(old.md5.as_deref(), Some("00000000000000000000000000000095"));
    assert_eq!(Some(&old.tag), old.md5.as_ref());
    assert_eq!(file("list.txt").tag, "1770110419");
    assert_eq!(file("list.txt").md5, None);
    assert!(
        file("old/x/y.zip")
            .url
            .ends_with("/project/myrom/old/x/y.zip")
    );
    assert_eq!(
        listing.warnings,
        ["`a\\\\b` is left out: `a\\\\b` holds a path separator"]
    );
    let mut asked = web.requests();
    asked.sort();
    assert_eq!(asked.len(), 5, "{asked:?}");
}

#[test]
fn full_feed_without_the_page_of_its_folder_is_an_error() {
    let newest: String = (0..100).map(|n| item(&format!("/{n}.zip"))).collect();
    let web = || Host::default().with(&format!("{FEED}/"), sent(&feed(&newest)));
    let error = list_from(&web(), "/").unwrap_err().to_string();
    assert_eq!(error, format!("{PAGE}/ answers with status 404: Not Found"));
    for (text, reason) in [
        ("<title>Just a moment</title>", "it has no `net.sf.files`"),
        ("net.sf.files = ", "is empty"),
        ("net.sf.files = {};", "none of the files"),
        (
            r#"net.sf.files = {"other.zip":{"type":"f"}};"#,
            "none of the files",
        ),
        (r#"net.sf.files = {"1.zip":{"type":"f""#, "the text ends"),
        ("net.sf.files = [];", "expected an object"),
        (
            "net.sf.files.x; net.sf.files = {'a':1}",
            "key must be a string",
        ),
    ] {
        let web = web().with(&format!("{PAGE}/"), sent(text));
        let error = list_from(&web, "/").unwrap_err();
        assert!(matches!(error, Error::Format { .. }), "{text}: {error}");
        assert!(error.to_string().contains(reason), "{text}: {error}");
    }
}

#[test]
fn text_that_is_no_feed_is_an_error() {
    let one = feed(&item("/a.zip"));
    for (text, reason) in [
        ("", "no `channel`"),
        (
            "SourceForge is currently in Disaster Recovery mode",
            "no `channel`",
        ),
        ("<html><body>Log in</body></html>", "no `channel`"),
        ("<!DOCTYPE html><html></html>", "document type"),
        ("<rss></rss>", "no `channel`"),
        ("<rss><channel>", "ends early"),
        ("<rss></channel>", "at byte 5"),
        (
            "\u{feff}<rss><channel>&x;</channel></rss>",
            "unknown entity",
        ),
        (
            "<rss><channel><item></item></channel></rss>",
            "the title of an item is not a path",
        ),
        (
            "<rss><channel><item><title>News</title></item></channel></rss>",
            "the title of an item is not a path",
        ),
        (&one[..one.len() - 30], "ends early"),
        (&one.replace("a.zip", &"a".repeat(5_000)), "4000 bytes"),
        (&"<a>".repeat(50), "32 elements"),
    ] {
        let web = Host::default().with(&format!("{FEED}/"), sent(text));
        let error = list_from(&web, "/").unwrap_err();
        assert!(matches!(error, Error::Format { .. }), "{text}: {error}");
        assert!(error.to_string().contains(reason), "{text}: {error}");
    }
    let web = Host::default().with(
        &format!("{FEED}/"),
        Response {
            body: b"\xff".to_vec(),
            ..sent("")
        },
    );
    let error = list_from(&web, "/").unwrap_err().to_string();
    assert!(error.contains("it is not UTF-8"), "{error}");
}

#[test]
fn entries_that_cannot_be_used_are_left_out() {
    let text = feed(
        &[
            item("/../x.zip"),
            item("/a/../../x.zip"),
            item("//x.zip"),
            item("/.hidden/x.zip"),
            item("/a\\x.zip"),
            item("/ok/a.zip").replace("d949b66f", "no hex"),
            item("/ok/b.zip").replace("37500847", "99999999999999999999"),
            item("/ok/c.zip").replace("37500847", "-1"),
            item("/ok/d.zip").replace("algo=\"md5\"", "algo=\"sha-1\""),
            "<item><title>/ok/a&amp;&#98;.zip</title><media:content filesize='1'/></item>"
                .to_owned(),
        ]
        .concat(),
    );
    let web = Host::default().with(&format!("{FEED}/"), sent(&text));
    let listing = list_from(&web, "/").unwrap();
    let [ab, a, b, c, d] = &listing.files[..] else {
        panic!("{listing:?}")
    };
    assert_eq!((ab.path.as_str(), ab.size), ("ok/a&b.zip", Some(1)));
    assert_eq!(d.tag, "Thu, 01 Aug 2024 12:34:56 UT");
    assert_eq!((&a.md5, b.size, c.size, &d.md5), (&None, None, None, &None));
    assert_eq!(
        listing.warnings,
        [
            "`/x.zip` is left out: `` is empty or longer than 255 bytes",
            "`a\\\\x.zip` is left out: `a\\\\x.zip` holds a path separator",
            "`no hexd32ce1b5811cccc61a28307b` of `ok/a.zip` is ignored: it is not a MD5 in hex",
            "the size `1e+20` of `ok/b.zip` is ignored: it cannot be true",
            "the size `-1` of `ok/c.zip` is ignored: it cannot be true",
        ]
    );
    // Another folder than the one that was asked for.
    let web = Host::default().with(&format!("{FEED}/ok/a"), sent(&text));
    assert_eq!(list_from(&web, "/ok/a").unwrap(), Listing::default());
}

/// A site where every folder is full and holds itself.
struct Endless;

impl crate::fetch::Fetch for Endless {
    fn fetch(
        &self,
        request: &crate::fetch::Request<'_>,
    ) -> Result<crate::fetch::Response, crate::fetch::Fault> {
        let url = request.url;
        let body = match url.split_once("rss?path=") {
            Some((_, folder)) => {
                let folder = folder.trim_end_matches('/');
                let items = (0..100).map(|n| item(&format!("{folder}/{n}.zip")));
                feed(&items.collect::<String>())
            }
            None => r#"net.sf.files = {"x":{"type":"d"},"1.zip":{"type":"f"}};"#.to_owned(),
        };
        Host::default().with(url, sent(&body)).fetch(request)
    }
}

#[test]
fn endless_folders_end_with_an_error() {
    let client = Client {
        fetch: &Endless,
        token: None,
        now: 0,
    };
    let error = list(&client, SITE, "myrom", "/a").unwrap_err();
    assert_eq!(
        error.to_string(),
        "https://sourceforge.net lists more than 16 folders inside each other"
    );
}
