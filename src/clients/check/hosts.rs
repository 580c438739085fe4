//! Known limits of popular hosts.
//!
//! In: the address of a list or a package. Out: findings. No request is sent.

use super::listed::Listed;
use super::rules;
use super::target::{Feed, Kind};
use ota_view::finding::Finding;

/// Size that a release asset on GitHub must stay below, in bytes.
const MAX_GITHUB_ASSET: i64 = 2 << 30;
/// Hosts that show a page instead of the file.
const PAGE_HOSTS: [&str; 4] = [
    "drive.google.com",
    "mega.nz",
    "mediafire.com",
    "androidfilehost.com",
];

/// Splits an address into its host in lower case and its path.
fn split(url: &str) -> Option<(String, &str)> {
    let (_, rest) = url.split_once("://")?;
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = host.split(':').next().unwrap_or_default();
    Some((host.to_ascii_lowercase(), path))
}

fn is_on(host: &str, domain: &str) -> bool {
    host == domain
        || host
            .strip_suffix(domain)
            .is_some_and(|sub| sub.ends_with('.'))
}

/// Returns whether an address on github.com shows a file of a repository on a page, or redirects to it.
fn is_github_raw(host: &str, path: &str) -> bool {
    let kind = path.split('/').nth(3).unwrap_or_default();
    is_on(host, "github.com") && ["raw", "blob"].contains(&kind)
}

/// Judges the address of a list.
pub(super) fn judge_feed(feed: &Feed) -> Option<Finding> {
    let (host, path) = split(&feed.url)?;
    let is_new = matches!(feed.kind, Kind::V2);
    let (rule, message) = match host.as_str() {
        host if is_github_raw(host, path) => (&rules::HOST_GITHUB_RAW, "it is on github.com"),
        "raw.githubusercontent.com" if is_new => (&rules::HOST_RAW_TYPE, "it is on that host"),
        _ => return None,
    };
    Some(Finding::new(rule, feed.path.clone(), message))
}

/// Judges the address of a package.
pub(super) fn judge_zip(zip: &Listed) -> Vec<Finding> {
    let Some((host, path)) = split(&zip.url) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    let mut find = |rule, message: String| {
        findings.push(Finding::new(rule, zip.url.clone(), message));
    };
    let is_asset = is_on(&host, "github.com") && path.contains("/releases/download/");
    if is_asset && let Some(size) = zip.size.filter(|size| *size >= MAX_GITHUB_ASSET) {
        find(&rules::HOST_GITHUB_SIZE, format!("it has {size} bytes"));
    }
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_unchanged = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if is_asset && !name.bytes().all(is_unchanged) {
        let message = format!("`{name}` will be renamed there");
        find(&rules::HOST_GITHUB_NAME, message);
    }
    if is_github_raw(&host, path) {
        find(&rules::HOST_GITHUB_RAW, "it is on github.com".to_owned());
    }
    if is_on(&host, "sourceforge.net") && path.trim_end_matches('/').ends_with("/download") {
        let message = "it ends in /download; check with --zips whether it leads to the zip";
        find(&rules::HOST_SOURCEFORGE, message.to_owned());
    }
    if PAGE_HOSTS.iter().any(|page| is_on(&host, page)) {
        find(&rules::HOST_PAGE, format!("{host} shows a page first"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(url: &str, size: i64) -> Vec<&'static str> {
        let zip = Listed {
            url: url.to_owned(),
            filename: "x.zip".to_owned(),
            size: Some(size),
            datetime: None,
            device: None,
            path: "dev.json".to_owned(),
        };
        judge_zip(&zip).iter().map(|found| found.rule.id).collect()
    }

    #[test]
    fn popular_hosts_are_recognised_by_address() {
        let asset = "https://github.com/o/r/releases/download/t/a-1_2.zip";
        assert_eq!(ids(asset, MAX_GITHUB_ASSET - 1), [""; 0]);
        assert_eq!(ids(asset, MAX_GITHUB_ASSET), ["host-github-size"]);
        let renamed = "https://github.com/o/r/releases/download/t/a%20b.zip";
        assert_eq!(ids(renamed, 1), ["host-github-name"]);
        assert_eq!(
            ids("https://github.com/o/r/raw/main/a.zip", 1),
            ["host-github-raw"]
        );
        assert_eq!(ids("https://github.com/o/raw/x/main/a.zip", 1), [""; 0]);
        let forge = "https://sourceforge.net/projects/p/files/a.zip/download";
        assert_eq!(ids(forge, 1), ["host-sourceforge"]);
        assert_eq!(ids("https://www.MediaFire.com/file/x", 1), ["host-page"]);
        assert_eq!(ids("https://notmega.nz/x", 1), [""; 0]);
    }

    #[test]
    fn feeds_on_raw_github_hosts_are_reported() {
        let id = |url: &str, kind| {
            let feed = Feed::from_url(url, kind, "dev", None);
            judge_feed(&feed).map(|found| found.rule.id)
        };
        let raw = "https://raw.githubusercontent.com/o/r/main/dev.json";
        assert_eq!(id(raw, Kind::V2), Some("host-raw-type"));
        assert_eq!(id(raw, Kind::V1), None);
        let page = "https://github.com/o/r/raw/main/dev.json";
        assert_eq!(id(page, Kind::V1), Some("host-github-raw"));
    }
}
