//! Lists of files on other hosts, in every form that is read.

use super::Seeds;

/// Listings of web servers: the selector of the media type, a name and the text.
const LISTINGS: [(u8, &str, &str); 6] = [
    (
        0,
        "nginx",
        "<html><head><title>Index of /ota/</title></head><body><h1>Index of /ota/</h1><hr><pre>\
         <a href=\"../\">../</a>\n<a href=\"a%3Ab%20%26%20c%2B%C3%BC%23%2541.zip\">a:b</a> 10\n\
         <a href=\"x.zip\">x..&gt;</a></pre><hr></body></html>",
    ),
    (
        0,
        "apache",
        "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\"><html><head><title>Index of /ota</title></head>\
         <body><pre><a href=\"?C=N;O=D\">Name</a> <a href=\"/\">Parent Directory</a>\n\
         <a href=\"./a:b%20&amp;%20c+%c3%bc.zip\">a:b</a> 1.2M\n<a href=\"sub/\">sub/</a></pre></body></html>",
    ),
    (
        0,
        "caddy",
        "<html><title>ota</title><h1><a href=\"../\">/</a><a href=\"\">ota</a>/</h1>\
         <a href=\"?sort=name&order=asc\">Name</a><a href=\"..\">Up</a><a href=\"./a%20b.zip\">a b.zip</a>\
         <a href=\"https://caddyserver.com\">Caddy</a></html>",
    ),
    (
        0,
        "python",
        "<title>Directory listing for /ota/</title><li><a href=\"https://h/ota/a.zip\">a</a></li>\
         <li><a href=\"http://h/ota/b.zip\">b</a></li><li><a href=\"%2e%2e%2f%00\">c</a></li></html>",
    ),
    (
        1,
        "nginx-json",
        r#"[{"name":"a b.zip","type":"file","mtime":"Thu, 01 Aug 2024 12:34:56 GMT","size":10},
            {"name":"..","type":"directory"},{"name":"x","type":"other"}]"#,
    ),
    (
        1,
        "caddy-json",
        r#"[{"name":"sub/","size":4096,"url":"./sub/","mod_time":"2024-08-01T12:34:56Z","is_dir":true},
            {"name":"a.zip","size":-1,"mod_time":"2024-08-01T12:34:56Z","is_dir":false}]"#,
    ),
];
/// An item of a feed.
const ITEM: &str = "<item><title><![CDATA[/bacon/a&b.zip]]></title><link>https://h/a</link>\
     <pubDate>Thu, 01 Aug 2024 12:34:56 UT</pubDate><media:content url=\"https://h/a\" filesize=\"37500847\">\
     <media:hash algo=\"md5\">d949b66fd32ce1b5811cccc61a28307b</media:hash></media:content></item>";
/// The page of a folder.
const PAGE: &str = r#"<script>net.sf.files = {"bacon":{"type":"d","md5":"","downloadable":false},
    "a.zip":{"type":"f","md5":"d949b66fd32ce1b5811cccc61a28307b","downloadable":true,"mtime":1770110419}};
    net.sf.staging_days = 3;</script>"#;
/// What rclone writes.
const LIST: &str = r#"[{"Path":"a/b c.zip","Name":"b c.zip","Size":10,"MimeType":"application/zip",
    "ModTime":"2024-08-01T12:34:56.000000000Z","IsDir":false,"Hashes":{"md5":"a63c90cc3684ad8b0a2176a6a8fe9005",
    "sha256":"01d448afd928065458cf670b60f5a594d735af0172c8d67f22a81680132681ca"},"ID":"x"},
    {"Path":"a","Size":-1,"IsDir":true},{"Path":"../x"},{"Path":"b.zip","Size":-1}]"#;

/// A page of the objects of a bucket.
const OBJECTS: &str = "<?xml version=\"1.0\"?><ListBucketResult><Name>roms</Name><EncodingType>url</EncodingType>\
    <IsTruncated>false</IsTruncated><Contents><Key>roms/a+b%2Bc/d.zip</Key><ETag>&quot;9b2cf535&quot;</ETag>\
    <LastModified>2024-08-01T12:34:56.789Z</LastModified><Size>1048576000</Size></Contents>\
    <Contents><Key>roms/</Key></Contents></ListBucketResult>";

/// Writes the seeds.
pub(super) fn write(seeds: &mut Seeds) {
    for (selector, name, text) in LISTINGS {
        seeds.add("listing", name, &[&[selector], text.as_bytes()].concat());
    }
    for (name, num_items) in [("feed", 2), ("full", 100)] {
        let items = ITEM.repeat(num_items);
        let feed = format!("<rss version=\"2.0\"><channel>{items}</channel></rss>\0{PAGE}");
        seeds.add("sourceforge", name, feed.as_bytes());
    }
    seeds.add("file_list", "rclone", LIST.as_bytes());
    let truncated = OBJECTS.replace(
        "<IsTruncated>false",
        "<NextContinuationToken>a/b=</NextContinuationToken><IsTruncated>true",
    );
    for (name, page) in [("last", OBJECTS), ("truncated", &truncated)] {
        seeds.add("s3", name, page.as_bytes());
    }
}
