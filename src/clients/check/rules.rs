//! The rules of [`check`](super::check), each with the source that demands it.
//!
//! An id never changes its meaning, because scripts and ignore lists use it.

use ota_view::finding::{Rule, Severity};

/// Declares each rule as a constant, and the list [`ALL`].
macro_rules! rules {
    ($($name:ident, $severity:ident, $id:literal, $title:literal, $source:literal, $fix:literal;)+) => {
        $(
            #[doc = concat!("`", $id, "`: ", $title, ".")]
            pub static $name: Rule = Rule {
                id: $id,
                severity: Severity::$severity,
                title: $title,
                source: $source,
                fix: $fix,
            };
        )+
        /// All rules, in the order of the documentation.
        pub static ALL: &[&Rule] = &[$(&$name),+];
    };
}

rules! {
    SITE_NOT_HTTPS, Error, "site-not-https",
        "the site is published at an https address",
        "Updater manifest, usesCleartextTraffic=false from LineageOS 17.1 on; the updater of 23 throws on anything but https://",
        "publish at an https address and set it as base_url";
    SITE_EMPTY, Error, "site-empty",
        "the site has feeds to check",
        "romfeed",
        "run romfeed generate, or name a device with --device and --type";
    SITE_UNREACHABLE, Error, "site-unreachable",
        "the host of the site answers, with a certificate that phones trust",
        "HttpURLConnectionClient and UpdatesNetworkDataSource of Updater",
        "check the name, the certificate and the web host";
    BUILDS_LOST, Error, "builds-lost",
        "the catalog has every build that the live site has published, even if it was removed",
        "romfeed; phones that wait for a lost build see nothing in its place",
        "restore its records (`git log -p` shows them), or give the right catalog with --catalog";
    SITE_NOT_COMPARED, Warning, "site-not-compared",
        "the live site lists the builds that it was published with",
        "romfeed",
        "check the name, the certificate and the web host; before the first publication, ignore it";
    SITE_FILE_MISSING, Error, "site-file-missing",
        "the folder has every file that romfeed wrote, and every list that the catalog needs",
        "romfeed",
        "run romfeed generate";
    NAME_CASE, Warning, "name-case",
        "no two files of the site differ only in the case of letters",
        "Windows, macOS and web hosts on them treat such names as one file",
        "remove one of the builds, or publish only from and to systems that distinguish letter case";
    NAME_RESERVED, Warning, "name-reserved",
        "every file of the site has a name that Windows allows",
        "Naming Files, Paths, and Namespaces of Microsoft",
        "set another value under [[override]] in romfeed.toml";
    FILE_UNREADABLE, Error, "file-unreadable",
        "the files of the site and its packages can be read",
        "romfeed; web hosts answer with status 403 or 404 for what they cannot read",
        "make the file readable; web hosts have to read it too";
    SITE_UNKNOWN_ANSWERED, Error, "site-unknown-answered",
        "an unknown address answers with status 404",
        "UpdatesCheckReceiver.onSuccess stores the first answer without reading it; if that is a page, every later check fails until the updater's data is cleared",
        "switch off the fallback to index.html (single page app mode) of the host";
    PROPERTY_TOO_LONG, Error, "property-too-long",
        "the address property of the ROM has at most 91 bytes",
        "bionic system_properties.h, PROP_VALUE_MAX 92",
        "publish at a shorter address, or give the device a shorter path by a feed template";
    FEED_UNREACHABLE, Error, "feed-unreachable",
        "the host of a feed answers, with a certificate that phones trust",
        "HttpURLConnectionClient and UpdatesNetworkDataSource of Updater",
        "check the name, the certificate and the web host; phones wait 10 s";
    FEED_STATUS, Error, "feed-status",
        "a feed answers with status 2xx; for phones, 404 is an error, not an empty list",
        "HttpURLConnectionClient.isSuccessCode of Updater",
        "upload the file; if it is there, check the spelling and the letter case of its name";
    FEED_CASE, Error, "feed-case",
        "the address of a feed has the letter case that phones ask for: the release type in lower case, the rest as in the ROM",
        "Utils.getServerURL of Updater, toLowerCase(Locale.ROOT)",
        "rename the file; device and incremental keep the case they have in the ROM";
    FEED_REDIRECT, Error, "feed-redirect",
        "the feed for LineageOS 23 answers without a redirect",
        "UpdatesNetworkDataSource, followRedirects(false)",
        "put the final address into the ROM: https, the host's main name, no github.com/…/raw";
    FEED_SCHEME, Error, "feed-scheme",
        "a feed is not redirected from https to http or back",
        "HttpURLConnection of Android follows redirects within one scheme only",
        "put the final https address into the ROM, or fix the Location header of the proxy";
    FEED_CONTENT_TYPE, Warning, "feed-content-type",
        "the feed for LineageOS 23 is served as application/json",
        "UpdatesNetworkDataSource of early revisions of 23",
        "use a name that ends in .json, on a host that knows this type; raw.githubusercontent.com serves text/plain";
    FEED_TOO_LONG, Warning, "feed-too-long",
        "a feed is short: for LineageOS 23 at most 32 KiB",
        "UpdatesNetworkDataSource of early revisions of 23",
        "list fewer builds: set keep";
    FEED_UNREADABLE, Error, "feed-unreadable",
        "updaters can read the list",
        "Utils.parseJson of Updater, kotlinx.serialization of 23, parseJSON of CMUpdater",
        "run romfeed generate and upload the file again; make sure that the host does not change it";
    FEED_ENTRY_DROPPED, Error, "feed-entry-dropped",
        "updaters can read every entry of a list",
        "Utils.parseJsonUpdate of Updater, parseUpdateJSONObject of CMUpdater",
        "complete the entry";
    FEED_POST, Warning, "feed-post",
        "the host answers the POST of CyanogenMod's updater",
        "UpdateCheckService of CMUpdater up to cm-12.1; plain hosts refuse POST",
        "set up a host that answers POST with romfeed init, or use romfeed serve";
    FEED_NOT_STRICT, Warning, "feed-not-strict",
        "a feed is strict JSON without repeated keys; for updaters before LineageOS 23, it is ASCII",
        "RFC 8259; updaters differ in which errors they accept, and CMUpdater reads bytes as Latin-1",
        "write it with a JSON library, characters beyond ASCII as \\u escapes";
    FEED_STALE, Warning, "feed-stale",
        "the live feed is the same as the one in the folder",
        "romfeed",
        "upload the folder; wait for caches, or shorten their lifetime for feeds";
    FEED_INCREMENTAL_MISSING, Error, "feed-incremental-missing",
        "every incremental that phones run has its list",
        "HttpURLConnectionClient.isSuccessCode: without it the phone shows a failed check",
        "run romfeed generate; list builds from before romfeed under known_incrementals";
    FEED_OFFERS_INSTALLED, Error, "feed-offers-installed",
        "a phone is not offered the build it runs",
        "Utils.isCompatible compares datetime with ro.build.date.utc",
        "publish the build's own ro.build.date.utc as datetime, not the date of the file";
    ENTRY_ROMTYPE, Error, "entry-romtype",
        "a list for one release type has no entries of another",
        "Utils.isCompatible compares romtype, ignoring case, and hides the rest",
        "set the release type the phones have, ro.lineage.releasetype";
    ENTRY_SDK, Warning, "entry-sdk",
        "entries for LineageOS 23 have os_sdk_level",
        "UpdatesRepository of 23.2 hides entries below the phone's level; an entry without one counts as 0",
        "put the zip into builds and run romfeed generate, which reads it; a list from another tool needs the key in each file";
    ENTRY_DUPLICATE_ID, Error, "entry-duplicate-id",
        "no two entries have the same id",
        "UpdaterController.addUpdate and the updates database: entries with the same id become one row",
        "give each build its own id; romfeed takes the SHA-256";
    ENTRY_URL, Error, "entry-url",
        "the download address is absolute, https and percent-encoded",
        "java.net.URL of UpdaterController; usesCleartextTraffic=false from LineageOS 17.1 on",
        "set url or base_url to an https address";
    ENTRY_FIELD, Error, "entry-field",
        "filename, datetime, size and id are valid, so that a download can work",
        "UpdaterController.startDownload, Utils.isCompatible, Update.LOCAL_ID",
        "publish a bare file name, text in quotes without spaces around it, a datetime in seconds, the size in bytes and a unique id";
    ENTRY_URL_NAME, Warning, "entry-url-name",
        "the download address ends in the file name of its entry",
        "the most common mistake in lists written by hand: the address of an earlier build remains",
        "set the address of this build; if the host gives its files other names, --zips compares the zip itself";
    ENTRY_DIGEST, Warning, "entry-digest",
        "the sha256 of an entry is 64 hexadecimal digits in lower case",
        "forks of the updater of 23 compare it as text",
        "publish the SHA-256 of the zip in lower case";
    ZIP_FILE_MISSING, Error, "zip-file-missing",
        "a zip that the site itself serves is in the folder of builds",
        "UpdaterController.startDownload of Updater",
        "put it back, or remove the build with romfeed catalog remove and run romfeed generate";
    ZIP_UNREACHABLE, Error, "zip-unreachable",
        "the host of a zip answers",
        "UpdaterController.startDownload of Updater",
        "check the zip's address and its host";
    ZIP_STATUS, Error, "zip-status",
        "a zip answers with status 2xx",
        "HttpURLConnectionClient.isSuccessCode of Updater",
        "upload the zip before the feed; check its address";
    ZIP_REDIRECT, Error, "zip-redirect",
        "the first redirect of a zip is absolute, and all redirects stay on https",
        "HttpURLConnectionClient.handleDuplicateLinks: new URL(Location), and no other scheme",
        "use an address that redirects to an absolute https address, or does not redirect";
    ZIP_LENGTH, Error, "zip-length",
        "the zip has the length that the feed gives",
        "UpdaterController.onResponse: if the length is too large, the download never ends",
        "run romfeed generate with the zip that is online, or upload the zip that was scanned";
    ZIP_NO_RANGE, Warning, "zip-no-range",
        "a zip is served in parts, so that downloads resume",
        "HttpURLConnectionClient.isPartialContentCode: resuming needs exactly status 206",
        "use a host that supports the Range header";
    ZIP_CONTENT_RANGE, Error, "zip-content-range",
        "the Content-Range of a part names exactly that part of the zip",
        "SingleRangeHttpFetcher of 23 when it streams; Content-Range of RFC 9110, 14.4",
        "fix the host, or the proxy in front of it";
    ZIP_GZIP, Error, "zip-gzip",
        "the host does not compress zips in transit",
        "Android's HTTP client sends Accept-Encoding: gzip even for parts, and stores what it unpacks",
        "switch off compression for application/zip and application/octet-stream";
    ZIP_IS_PAGE, Error, "zip-is-page",
        "the download address leads to the zip, not to a page about it",
        "HttpURLConnectionClient of Updater stores what it gets",
        "use the direct address of the file";
    ZIP_BROKEN, Error, "zip-broken",
        "the zip can be opened at its address",
        "every installer reads the end of the file first",
        "upload it again";
    ZIP_DATETIME, Error, "zip-datetime",
        "the datetime in the feed is that of the zip or of the site's catalog",
        "Utils.isCompatible; post-timestamp in META-INF/com/android/metadata",
        "run romfeed generate with the zip; never use the date of the file";
    ZIP_DEVICE, Warning, "zip-device",
        "the zip is for the device whose feed lists it",
        "pre-device in META-INF/com/android/metadata; the recovery refuses others",
        "check that the zip is for this device";
    ZIP_OF_SOURCE, Warning, "zip-of-source",
        "phones can download what a source lists",
        "romfeed; the host listed it, so it is there, and must not keep other builds from phones",
        "look at the host; the check of the live site, with --url, fails until it is in order";
    IMAGE_MISSING, Error, "image-missing",
        "an image that pages link to is at its address",
        "romfeed; people flash a recovery before they can install the zip",
        "upload it to this address: romfeed files images --url lists file and address";
    IMAGE_LENGTH, Error, "image-length",
        "the image at its address has the length in the catalog",
        "romfeed; another image may not fit the zip",
        "upload it again, or run romfeed generate with the image that is online";
    HOST_GITHUB_SIZE, Error, "host-github-size",
        "a GitHub release asset is smaller than 2 GiB",
        "GitHub documentation, About releases, storage quotas",
        "put this zip on another host with url under [device.…]";
    HOST_GITHUB_NAME, Error, "host-github-name",
        "a GitHub release asset keeps its name",
        "GitHub replaces characters other than letters, digits, - _ and . when it stores an asset",
        "rename the zip before romfeed scans it";
    HOST_GITHUB_RAW, Error, "host-github-raw",
        "no address goes through github.com/…/raw or /blob",
        "they redirect or show a page; the updater of 23 follows no redirect of a feed",
        "use GitHub Pages or raw.githubusercontent.com for feeds, and release assets for zips";
    HOST_RAW_TYPE, Warning, "host-raw-type",
        "the feed for LineageOS 23 is not on raw.githubusercontent.com",
        "it serves text/plain, which early revisions of 23 refuse, and caches for minutes",
        "use GitHub Pages";
    HOST_SOURCEFORGE, Warning, "host-sourceforge",
        "a SourceForge address leads to a file",
        "addresses that end in /download lead programs to the file, and browsers to a page",
        "check it with --zips, or use https://downloads.sourceforge.net/project/NAME/PATH";
    HOST_PAGE, Error, "host-page",
        "the host of a zip has direct addresses",
        "Google Drive, MEGA, MediaFire and AndroidFileHost show a page first",
        "use a host that serves the file itself";
}
