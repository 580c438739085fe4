//! Listings as real servers send them for one folder, and pages that are no listings.

use super::super::RemoteFile;
use super::super::fake::{Host, answer, paths};
use super::*;

/// nginx 1.22 with `autoindex_format json`.
const NGINX_JSON: (&str, &str) = (
    "application/json",
    r##"[
{ "name":"sub ü", "type":"directory", "mtime":"Thu, 01 Aug 2024 12:34:56 GMT" },
{ "name":"a:b & c+ü#%41.zip", "type":"file", "mtime":"Thu, 01 Aug 2024 12:34:56 GMT", "size":10 },
{ "name":"lineage-21.0-20240801-UNOFFICIAL-bacon-of-a-long-name-that-is-cut.zip", "type":"file", "mtime":"Thu, 01 Aug 2024 12:34:56 GMT", "size":1234567 }
]"##,
);
/// Caddy 2.11, asked for JSON.
const CADDY_JSON: (&str, &str) = (
    "application/json; charset=utf-8",
    r##"[{"name":"sub ü/","size":4096,"url":"./sub%20%C3%BC/","mod_time":"2024-08-01T12:34:56Z","mode":2147484141,"is_dir":true,"is_symlink":false},{"name":"a:b \u0026 c+ü#%41.zip","size":10,"url":"./a:b%20\u0026%20c+%C3%BC%23%2541.zip","mod_time":"2024-08-01T12:34:56Z","mode":420,"is_dir":false,"is_symlink":false},{"name":"lineage-21.0-20240801-UNOFFICIAL-bacon-of-a-long-name-that-is-cut.zip","size":1234567,"url":"./lineage-21.0-20240801-UNOFFICIAL-bacon-of-a-long-name-that-is-cut.zip","mod_time":"2024-08-01T12:34:56Z","mode":420,"is_dir":false,"is_symlink":false}]
"##,
);
/// nginx 1.22.
const NGINX: (&str, &str) = (
    "text/html; charset=utf-8",
    r##"<html>
<head><title>Index of /ota/</title></head>
<body>
<h1>Index of /ota/</h1><hr><pre><a href="../">../</a>
<a href="sub%20%C3%BC/">sub ü/</a>                                             01-Aug-2024 12:34                   -
<a href="a%3Ab%20%26%20c%2B%C3%BC%23%2541.zip">a:b &amp; c+ü#%41.zip</a>                                  01-Aug-2024 12:34                  10
<a href="lineage-21.0-20240801-UNOFFICIAL-bacon-of-a-long-name-that-is-cut.zip">lineage-21.0-20240801-UNOFFICIAL-bacon-of-a-lon..&gt;</a> 01-Aug-2024 12:34             1234567
</pre><hr></body>
</html>
"##,
);
/// Apache 2.4 with `FancyIndexing`.
const APACHE_FANCY: (&str, &str) = (
    "text/html;charset=ISO-8859-1",
    r##"<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">
<html>
 <head>
  <title>Index of /ota</title>
 </head>
 <body>
<h1>Index of /ota</h1>
<pre>      <a href="?C=N;O=D">Name</a>                    <a href="?C=M;O=A">Last modified</a>      <a href="?C=S;O=A">Size</a>  <a href="?C=D;O=A">Description</a><hr>      <a href="/">Parent Directory</a>                             -   
      <a href="./a:b%20&amp;%20c+%c3%bc%23%2541.zip">a:b &amp; c+ü#%41.zip</a>      2024-08-01 12:34   10   
      <a href="lineage-21.0-20240801-UNOFFICIAL-bacon-of-a-long-name-that-is-cut.zip">lineage-21.0-2024080..&gt;</a> 2024-08-01 12:34  1.2M  
      <a href="sub%20%c3%bc/">sub ü/</a>                 2024-08-01 12:34    -   
<hr></pre>
</body></html>
"##,
);
/// Apache 2.4 with `FancyIndexing HTMLTable XHTML`.
const APACHE_TABLE: (&str, &str) = (
    "text/html;charset=UTF-8",
    r##"<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"
"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml">
 <head>
  <title>Index of /ota</title>
 </head>
 <body>
<h1>Index of /ota</h1>
  <table>
   <tr><th valign="top">&nbsp;</th><th><a href="?C=N;O=D">Name</a></th><th><a href="?C=M;O=A">Last modified</a></th><th><a href="?C=S;O=A">Size</a></th><th><a href="?C=D;O=A">Description</a></th></tr>
   <tr><th colspan="5"><hr /></th></tr>
<tr><td valign="top">&nbsp;</td><td><a href="/">Parent Directory</a>       </td><td>&nbsp;</td><td align="right">  - </td><td>&nbsp;</td></tr>
<tr><td valign="top">&nbsp;</td><td><a href="./a:b%20&amp;%20c+%c3%bc%23%2541.zip">a:b &amp; c+ü#%41.zip</a>     </td><td align="right">2024-08-01 12:34  </td><td align="right"> 10 </td><td>&nbsp;</td></tr>
<tr><td valign="top">&nbsp;</td><td><a href="lineage-21.0-20240801-UNOFFICIAL-bacon-of-a-long-name-that-is-cut.zip">lineage-21.0-2024080..&gt;</a></td><td align="right">2024-08-01 12:34  </td><td align="right">1.2M</td><td>&nbsp;</td></tr>
<tr><td valign="top">&nbsp;</td><td><a href="sub%20%c3%bc/">sub ü/</a>                </td><td align="right">2024-08-01 12:34  </td><td align="right">  - </td><td>&nbsp;</td></tr>
   <tr><th colspan="5"><hr /></th></tr>
</table>
</body></html>
"##,
);
/// Apache 2.4 without options.
const APACHE_PLAIN: (&str, &str) = (
    "text/html;charset=ISO-8859-1",
    r##"<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">
<html>
 <head>
  <title>Index of /ota</title>
 </head>
 <body>
<h1>Index of /ota</h1>
<ul><li><a href="/"> Parent Directory</a></li>
<li><a href="./a:b%20&amp;%20c+%c3%bc%23%2541.zip"> a:b &amp; c+ü#%41.zip</a></li>
<li><a href="lineage-21.0-20240801-UNOFFICIAL-bacon-of-a-long-name-that-is-cut.zip"> lineage-21.0-20240801-UNOFFICIAL-bacon-of-a-long-name-that-is-cut.zip</a></li>
<li><a href="sub%20%c3%bc/"> sub ü/</a></li>
</ul>
</body></html>
"##,
);
/// Caddy 2.11, without styles and pictures.
const CADDY: (&str, &str) = (
    "text/html; charset=utf-8",
    r##"<!DOCTYPE html>
<html>
<head>
<title>ota</title>
<link rel="canonical" href="/ota/"  />
</head>
<body>
<header>
<div class="wrapper">
<div class="breadcrumbs">Folder Path</div>
<h1>
<a href="../">/</a><a href="">ota</a>/
</h1>
</div>
</header>
<div class="wrapper">
<main>
<a id="layout-list" class='layoutcurrent'>
List
</a>
<a id="layout-grid" class='layout'>
Grid
</a>
</div>
<div class='listing'>
<table aria-describedby="summary">
<thead>
<tr>
<th></th>
<th>
<a href="?sort=namedirfirst&order=desc" class="icon">
</a>
<a href="?sort=name&order=asc">
Name
</a>
<div class="filter-container">
<input type="search" placeholder="Search" id="filter">
</div>
</th>
<th>
<a href="?sort=size&order=asc">
Size
</a>
</th>
<th class="hideable">
<a href="?sort=time&order=asc">
Modified
</a>
</th>
<th class="hideable"></th>
</tr>
</thead>
<tbody>
<tr>
<td></td>
<td>
<a href="..">
<span class="go-up">Up</span>
</a>
</td>
<td></td>
</tr>
<tr class="file">
<td></td>
<td>
<a href="./sub%20%C3%BC/">
<span class="name">sub ü/</span>
</a>
</td>
<td>&mdash;</td>
</tr>
<tr class="file">
<td></td>
<td>
<a href="./a:b%20&amp;%20c+%C3%BC%23%2541.zip">
<span class="name">a:b &amp; c+ü#%41.zip</span>
</a>
</td>
</tr>
<tr class="file">
<td></td>
<td>
<a href="./lineage-21.0-20240801-UNOFFICIAL-bacon-of-a-long-name-that-is-cut.zip">
<span class="name">lineage-21.0-20240801-UNOFFICIAL-bacon-of-a-long-name-that-is-cut.zip</span>
</a>
</td>
</tr>
</tbody>
</table>
</div>
</main>
</div>
<footer>
Served with
<a rel="noopener noreferrer" href="https://caddyserver.com">
</a>
</footer>
</body>
</html>
"##,
);
/// rclone 1.75, without styles and pictures.
const RCLONE: (&str, &str) = (
    "text/html; charset=utf-8",
    r##"<!DOCTYPE html>
<html>
<head>
<title>/ota</title>
</head>
<body onload='filter();toggle("order");changeSize()'>
<header>
<h1>
<a href="../">/</a><a href="">ota</a>/
<a class="zip-root" href="?download=zip" title="Download root as .zip">
</a>
</h1>
</header>
<main>
<div class="meta">
<div id="summary">
<span class="meta-item"><input type="text" placeholder="filter" id="filter" onkeyup='filter()'></span>
</div>
</div>
<div class="listing">
<table aria-describedby="summary">
<thead>
<tr>
<th></th>
<th>
<a href="?sort=namedirfirst&order=asc" class="icon sort order"></a>
<a href="?sort=name&order=asc" class="order">Name</a>
</th>
<th>
<a href="?sort=size&order=asc" class="order">Size</a>
</th>
<th class="hideable">
<a href="?sort=time&order=asc" class="order">Modified</a>
</th>
<th class="hideable"></th>
</tr>
</thead>
<tbody>
<tr>
<td></td>
<td>
<a href="..">
<span class="goup">Go up</span>
</a>
</td>
<td>&mdash;</td>
</tr>
<tr class="file">
<td>
</td>
<td>
<span class="name"><a href="sub%20%C3%BC/">sub ü/</a></span>
<a class="zip" href="sub%20%C3%BC/?download=zip" title="Download folder as .zip">
</a>
</td>
</tr>
<tr class="file">
<td>
</td>
<td>
<span class="name"><a href="./a:b%20&amp;%20c+%C3%BC%23%2541.zip">a:b &amp; c+ü#%41.zip</a></span>
</td>
</tr>
<tr class="file">
<td>
</td>
<td>
<span class="name"><a href="lineage-21.0-20240801-UNOFFICIAL-bacon-of-a-long-name-that-is-cut.zip">lineage-21.0-20240801-UNOFFICIAL-bacon-of-a-long-name-that-is-cut.zip</a></span>
</td>
</tr>
</tbody>
</table>
</div>
</main>
</body>
</html>
"##,
);
/// Python 3.11.
const PYTHON: (&str, &str) = (
    "text/html; charset=utf-8",
    r##"<!DOCTYPE HTML>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Directory listing for /ota/</title>
</head>
<body>
<h1>Directory listing for /ota/</h1>
<hr>
<ul>
<li><a href="a%3Ab%20%26%20c%2B%C3%BC%23%2541.zip">a:b &amp; c+ü#%41.zip</a></li>
<li><a href="lineage-21.0-20240801-UNOFFICIAL-bacon-of-a-long-name-that-is-cut.zip">lineage-21.0-20240801-UNOFFICIAL-bacon-of-a-long-name-that-is-cut.zip</a></li>
<li><a href="sub%20%C3%BC/">sub ü/</a></li>
</ul>
<hr>
</body>
</html>
"##,
);

const URL: &str = "https://h/ota/";
/// The folder in the folder of the constants.
const SUBFOLDER: &str = "https://h/ota/sub%20%C3%BC/";

/// Makes a page with status 200.
fn typed(content_type: &str, body: &str) -> Response {
    answer(200, &[("content-type", content_type)], body)
}

fn list_from(web: &Host) -> Result<Listing, Error> {
    list(&web.client(None), URL)
}

/// Lists a folder with this page.
fn list_page(content_type: &str, body: &str) -> Result<Listing, Error> {
    list_from(&Host::default().with(URL, typed(content_type, body)))
}

/// Returns an HTML listing with these links.
fn page(links: &[&str]) -> String {
    let links = links.iter().map(|link| format!("<a href=\"{link}\">x</a>"));
    format!(
        "<title>Index of /ota/</title>{}</html>",
        links.collect::<String>()
    )
}

#[test]
fn listings_of_real_servers_are_read_with_the_folders_in_them() {
    for (content_type, text) in [
        NGINX_JSON,
        CADDY_JSON,
        NGINX,
        APACHE_FANCY,
        APACHE_TABLE,
        APACHE_PLAIN,
        CADDY,
        RCLONE,
        PYTHON,
    ] {
        let inner = r#"[{ "name":"x.zip", "type":"file", "mtime":"Thu, 01 Aug 2024 12:34:56 GMT", "size":5 }]"#;
        let web = Host::default()
            .with(URL, typed(content_type, text))
            .with(SUBFOLDER, typed("application/json", inner));
        let listing = list_from(&web).unwrap();
        let is_json = content_type.starts_with("application/json");
        let expected = |path: &str, url: &str, size| RemoteFile {
            path: path.to_owned(),
            id: path.to_owned(),
            size: (is_json || size == 5).then_some(size),
            date: (is_json || size == 5).then_some(1_722_515_696),
            url: format!("{URL}{url}"),
            ..RemoteFile::default()
        };
        let long = "lineage-21.0-20240801-UNOFFICIAL-bacon-of-a-long-name-that-is-cut.zip";
        let odd = "a%3Ab%20%26%20c%2B%C3%BC%23%2541.zip";
        let mut found = listing.files.clone();
        for file in &mut found {
            let time = std::mem::take(&mut file.tag);
            assert_eq!(time.is_empty(), file.size.is_none(), "{time}");
        }
        assert_eq!(
            found,
            [
                expected("a:b & c+ü#%41.zip", odd, 10),
                expected(long, long, 1_234_567),
                expected("sub ü/x.zip", "sub%20%C3%BC/x.zip", 5),
            ],
            "{text}"
        );
        assert_eq!(listing.warnings, [""; 0]);
        assert_eq!(web.requests(), [URL, SUBFOLDER]);
    }
}

#[test]
fn listing_without_files_is_told_from_a_page_that_is_no_listing() {
    let empty = [
        ("application/json", "[\r\n]"),
        (
            "text/html",
            "<title>Index of /ota/</title><h1>Index of /ota/</h1><pre><a href=\"../\">../</a></pre></html>",
        ),
        (
            "text/html; charset=utf-8",
            "<title>x</title><h1>Directory listing for /ota/</h1><ul></ul></html>",
        ),
        (
            "text/html",
            "<title>ota</title><a href='..'><a href='?sort=name&order=asc'>Name</a></html>",
        ),
        ("text/html", "<a href='?C=N;O=D'>Name</a></html>"),
        ("text/html", "<a href='?C=N&amp;O=D'>Name</a></html>"),
    ];
    for (content_type, text) in empty {
        let listing = list_page(content_type, text);
        assert_eq!(listing.unwrap(), Listing::default(), "{text}");
    }
    for (content_type, text, reason) in [
        (
            "text/html",
            "<title>Log in</title><form action=/login></form><a href=reset>Forgotten?</a></html>",
            "not a listing",
        ),
        (
            "text/html",
            "<title>h is for sale</title><h1>Index of our prices</h1><a href='?sort=price&order=asc'></a></html>",
            "not a listing",
        ),
        (
            "text/html",
            "<title>404</title><script>'<title>Index of /</title>'</script></html>",
            "not a listing",
        ),
        ("text/html", "", "not a listing"),
        (
            "text/html",
            "<title>Index of /ota/</title><a href=\"a.zip\">a.z",
            "ends early",
        ),
        ("application/json", "{\"error\":1}", "expected a list"),
        (
            "application/json",
            "[{\"name\":\"a\"}]",
            "neither a file nor a folder",
        ),
        (
            "application/json",
            r#"[{"name":"a","type":"file","is_dir":true}]"#,
            "neither a file nor a folder",
        ),
        (
            "application/json",
            r#"[{"name":"a","type":"file"}"#,
            "the text ends",
        ),
        ("text/xml; charset=utf-8", "<list></list>", "`text/xml`"),
        ("application/zip", "PK", "`application/zip`"),
    ] {
        let error = list_page(content_type, text).unwrap_err();
        assert!(matches!(error, Error::Format { .. }), "{text}: {error}");
        assert!(error.to_string().contains(reason), "{text}: {error}");
    }
}

#[test]
fn links_lead_only_to_the_folder_itself() {
    let links = [
        "../",
        "..",
        "/",
        "/other/x.zip",
        "/ota",
        "/ota/",
        "./",
        "",
        "#top",
        "?C=S;O=A",
        "x.zip?download=zip",
        "mailto:a@h",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://elsewhere/ota/x.zip",
        "//elsewhere/ota/x.zip",
        "https://h.elsewhere/ota/x.zip",
        "https://h@elsewhere/ota/x.zip",
        "ftp://h/ota/x.zip",
        "folder/below/x.zip",
        "../ota/../x.zip",
        "/ota/../x.zip",
        "%2e%2e/",
        "%2e%2e%2fx.zip",
        ".htaccess",
        // These are inside.
        "a.zip",
        "./b.zip#part",
        " c.zip\n",
        "/ota/d.zip",
        "/%6fta/e.zip",
        "https://H/ota/f.zip",
        "//h/ota/g.zip",
        "../ota/h.zip",
        "a.zip",
    ];
    let listing = list_page("text/html", &page(&links)).unwrap();
    let inside = [
        "a.zip", "b.zip", "c.zip", "d.zip", "e.zip", "f.zip", "g.zip", "h.zip",
    ];
    assert_eq!(paths(&listing.files), inside);
    assert_eq!(listing.warnings, [""; 0]);
    assert!(
        listing
            .files
            .iter()
            .all(|file| file.url == format!("{URL}{}", file.path))
    );
}

#[test]
fn what_cannot_be_used_is_left_out_with_a_warning() {
    let links = [
        "http://h/ota/x.zip",
        "http://elsewhere/ota/x.zip",
        "a%2f..%2f..%2fx.zip",
        "a%00.zip",
        "a%1b.zip",
        "l%e9.zip",
        "a\\x.zip",
        "ok.zip",
    ];
    let listing = list_page("text/html", &page(&links)).unwrap();
    assert_eq!(paths(&listing.files), ["ok.zip"]);
    let mut warnings = listing.warnings;
    warnings.sort();
    assert_eq!(
        warnings,
        [
            "`a/../../x.zip` is left out: `a/../../x.zip` holds a path separator",
            "`a\\0.zip` is left out: `a\\0.zip` holds control characters",
            "`a\\\\x.zip` is left out: `a\\\\x.zip` holds a path separator",
            "`a\\u{1b}.zip` is left out: `a\\u{1b}.zip` holds control characters",
            "`http://h/ota/x.zip` is left out: it is http, and the listing is https",
            "`l\u{fffd}.zip` is left out: `l\u{fffd}.zip` is not UTF-8",
        ]
    );
    let json = r#"[{"name":"../x","type":"directory"},{"name":"a/b","type":"file"},{"name":"pipe","type":"other"},
        {"name":"","type":"file"},{"name":"ok.zip","type":"file","size":99999999999999999999}]"#;
    let listing = list_page("application/json", json).unwrap();
    assert_eq!(paths(&listing.files), ["ok.zip"]);
    assert_eq!(listing.files[0].size, None);
    assert_eq!(listing.warnings.len(), 3, "{:?}", listing.warnings);
}

#[test]
fn folder_that_cannot_be_read_fails_the_whole_list() {
    let top = || Host::default().with(URL, typed("text/html", &page(&["a.zip", "b/"])));
    let error = list_from(&top()).unwrap_err().to_string();
    assert_eq!(error, "https://h/ota/b/ answers with status 404: Not Found");
    let index = top().with(
        "https://h/ota/b/",
        typed("text/html", "<title>My ROMs</title></html>"),
    );
    let error = list_from(&index).unwrap_err().to_string();
    assert!(error.starts_with("https://h/ota/b/ does not answer with a folder listing: "));
}

#[test]
fn response_from_another_address_or_compressed_is_refused() {
    let redirect = answer(302, &[("location", "https://login/x/")], "");
    let web = Host::default()
        .with(URL, redirect)
        .with("https://login/x/", typed("application/json", "[]"));
    let error = list_from(&web).unwrap_err().to_string();
    assert!(
        error.contains("it redirects to https://login/x/"),
        "{error}"
    );
    let headers = [
        ("content-type", "application/json"),
        ("content-encoding", "gzip"),
    ];
    let web = Host::default().with(URL, answer(200, &headers, "[]"));
    let error = list_from(&web).unwrap_err().to_string();
    assert!(error.contains("compressed with `gzip`"), "{error}");
}

/// A host whose every folder has the same page.
struct Endless(String);

impl crate::fetch::Fetch for Endless {
    fn fetch(&self, request: &crate::fetch::Request<'_>) -> Result<Response, crate::fetch::Fault> {
        let web = Host::default().with(request.url, typed("text/html", &self.0));
        web.fetch(request)
    }
}

#[test]
fn endless_folders_and_long_lists_end_with_an_error() {
    let list = |page: String| {
        let client = Client {
            fetch: &Endless(page),
            token: None,
            now: 0,
        };
        super::list(&client, URL).unwrap_err()
    };
    let error = list(page(&["itself/", "other/", "a.zip"]));
    assert_eq!(
        error.to_string(),
        "https://h/ota/ lists more than 16 folders inside each other"
    );
    let folders: String = (0..200).map(|n| format!("<a href={n}/>")).collect();
    let error = list(format!("<title>Index of /</title>{folders}</html>"));
    assert_eq!(
        error.to_string(),
        "https://h/ota/ lists more than 1000 folders"
    );
    let files: String = (0..100_001).map(|n| format!("<a href={n}>")).collect();
    let error = list(format!("<title>Index of /</title>{files}</html>"));
    let error = error.to_string();
    assert!(error.contains("it lists more than 100000 files"), "{error}");
}
