//! Lists the releases of a repository on GitHub or GitHub Enterprise Server.

use super::{Client, Error, Listing, releases};

/// Lists the files of all releases of `repo`, an `owner/name`; `api` is the address of the API.
pub(super) fn list(
    client: &Client<'_>,
    api: &str,
    repo: &str,
    prereleases: bool,
) -> Result<Listing, Error> {
    releases::list(client, api, repo, prereleases, ("per_page", 100))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::MAX_FILES;
    use super::super::fake::{Host, NOW, answer, paths};
    use super::*;
    use crate::model::source::Token;

    const API: &str = "https://api.github.com";
    const REPO: &str = "maker/lineage";
    const SHA256: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    /// Returns the address of a page.
    fn page(number: usize) -> String {
        format!("{API}/repos/{REPO}/releases?per_page=100&page={number}")
    }

    /// Returns a file as GitHub lists it.
    fn asset(id: u64, tag: &str, name: &str) -> Value {
        let base = format!("https://github.com/{REPO}/releases/download");
        json!({
            "url": format!("{API}/repos/{REPO}/releases/assets/{id}"),
            "browser_download_url": format!("{base}/{tag}/{name}"),
            "id": id,
            "node_id": "RA_kwDOA",
            "name": name,
            "label": null,
            "state": "uploaded",
            "content_type": "application/zip",
            "size": 1_287_651_328_u64,
            "digest": format!("sha256:{SHA256}"),
            "download_count": 3,
            "created_at": "2025-06-14T10:14:30Z",
            "updated_at": "2025-06-14T10:20:00Z",
            "uploader": { "login": "maker", "id": 1 }
        })
    }

    /// Returns a release as GitHub lists it.
    fn release(tag: &str, assets: &[Value]) -> Value {
        json!({
            "url": format!("{API}/repos/{REPO}/releases/1"),
            "html_url": format!("https://github.com/{REPO}/releases/tag/{tag}"),
            "id": 1,
            "tag_name": tag,
            "target_commitish": "main",
            "name": "LineageOS 22.2",
            "draft": false,
            "immutable": false,
            "prerelease": false,
            "created_at": "2025-06-14T10:00:00Z",
            "published_at": "2025-06-14T10:30:00Z",
            "assets": assets,
            "tarball_url": format!("{API}/repos/{REPO}/tarball/{tag}"),
            "body": "- June patches\r\n- Fixes"
        })
    }

    fn with(mut value: Value, key: &str, field: Value) -> Value {
        value[key] = field;
        value
    }

    fn host(releases: &[Value]) -> Host {
        Host::default().json(&page(1), &json!(releases).to_string())
    }

    fn listed(host: &Host) -> Listing {
        list(&host.client(None), API, REPO, false).unwrap()
    }

    fn error(host: &Host) -> String {
        let error = list(&host.client(None), API, REPO, false).unwrap_err();
        error.to_string()
    }

    #[test]
    fn a_file_has_the_facts_of_its_asset_and_its_release() {
        let zip = "lineage-22.2-20250614-UNOFFICIAL-enchilada.zip";
        let sum = format!("{zip}.sha256sum");
        let assets = [
            asset(7, "v22.2", zip),
            with(asset(8, "v22.2", &sum), "size", json!(65)),
        ];
        let Listing { files, warnings } = listed(&host(&[release("v22.2", &assets)]));
        assert_eq!(warnings, Vec::<String>::new());
        assert_eq!(
            paths(&files),
            [format!("v22.2/{zip}"), format!("v22.2/{sum}")]
        );
        let file = &files[0];
        assert_eq!(file.id, "7");
        assert_eq!(file.size, Some(1_287_651_328));
        assert_eq!(file.tag, "1749896400/1287651328");
        assert_eq!(file.date, Some(1_749_897_000));
        assert_eq!(file.sha256.as_deref(), Some(SHA256));
        assert_eq!(file.md5, None);
        assert_eq!(
            file.url,
            format!("https://github.com/{REPO}/releases/download/v22.2/{zip}")
        );
        assert_eq!(file.notes.as_deref(), Some("- June patches\r\n- Fixes"));
        let notes = files[1].notes.as_ref().unwrap();
        assert_eq!(std::sync::Arc::strong_count(notes), 2);
    }

    #[test]
    fn files_without_digest_size_notes_or_dates_are_listed() {
        let bare = json!({
            "id": 1, "name": "a.zip", "browser_download_url": "https://h/a.zip", "digest": null
        });
        let empty = with(asset(2, "v1", "empty.prop"), "size", json!(0));
        let releases = [
            json!({ "tag_name": "v0", "assets": [bare], "body": null, "published_at": null }),
            with(release("v1", &[empty]), "body", json!(" \r\n")),
            release("no-files", &[]),
        ];
        let Listing { files, warnings } = listed(&host(&releases));
        assert_eq!(warnings, Vec::<String>::new());
        assert_eq!(paths(&files), ["v0/a.zip", "v1/empty.prop"]);
        let [bare, empty] = &files[..] else { panic!() };
        assert_eq!((bare.size, bare.date, &*bare.tag), (None, None, ""));
        assert_eq!((&bare.sha256, &bare.notes), (&None, &None));
        assert_eq!((empty.size, &empty.notes), (Some(0), &None));
        assert_eq!(listed(&host(&[])), Listing::default());
    }

    #[test]
    fn drafts_are_never_listed_and_prereleases_on_request() {
        let one = |name: &str, id| release(name, &[asset(id, name, "a.zip")]);
        let releases = [
            with(one("draft", 1), "draft", json!(true)),
            with(one("beta", 2), "prerelease", json!(true)),
            with(
                with(one("both", 3), "draft", json!(true)),
                "prerelease",
                json!(true),
            ),
            one("stable", 4),
        ];
        let host = host(&releases);
        assert_eq!(paths(&listed(&host).files), ["stable/a.zip"]);
        let all = list(&host.client(None), API, REPO, true).unwrap();
        assert_eq!(paths(&all.files), ["beta/a.zip", "stable/a.zip"]);
    }

    #[test]
    fn files_of_one_name_in_two_releases_are_two_files() {
        let releases = ["v1", "lineage/v1"].map(|tag| release(tag, &[asset(1, tag, "ota.zip")]));
        let Listing { files, warnings } = listed(&host(&releases));
        assert_eq!(warnings, Vec::<String>::new());
        assert_eq!(paths(&files), ["lineage~v1/ota.zip", "v1/ota.zip"]);
        assert!(files[0].url.ends_with("/download/lineage/v1/ota.zip"));
    }

    #[test]
    fn unicode_names_are_kept_and_escaped_in_addresses() {
        let listing = listed(&host(&[release("β", &[asset(1, "β", "a b é#1.zip")])]));
        assert_eq!(listing.warnings, Vec::<String>::new());
        assert_eq!(paths(&listing.files), ["β/a b é#1.zip"]);
        let end = "/download/%CE%B2/a%20b%20%C3%A9%231.zip";
        assert!(
            listing.files[0].url.ends_with(end),
            "{}",
            listing.files[0].url
        );
    }

    #[test]
    fn unusable_files_are_left_out_with_a_warning() {
        let sound = asset(1, "v1", "a.zip");
        let named = |id, name: &str| with(asset(id, "v1", "x"), "name", json!(name));
        let at = |id, url: &str| with(asset(id, "v1", "b.zip"), "browser_download_url", json!(url));
        for (asset, expected) in [
            (
                named(2, ""),
                "`v1/` is left out: `` is empty or longer than 255 bytes",
            ),
            (
                named(2, ".."),
                "`v1/..` is left out: `..` begins with a dot",
            ),
            (
                named(2, "/etc/passwd"),
                "`v1//etc/passwd` is left out: `/etc/passwd` holds a path",
            ),
            (
                named(2, "../b.zip"),
                "`v1/../b.zip` is left out: `../b.zip` begins with a dot",
            ),
            (
                named(2, "c\\b.zip"),
                "`v1/c\\\\b.zip` is left out: `c\\\\b.zip` holds a path",
            ),
            (
                named(2, "a\u{1b}[2J.zip"),
                "`v1/a\\u{1b}[2J.zip` is left out: `a\\u{1b}[2J.zip` holds control",
            ),
            (
                named(2, &"a".repeat(256)),
                &format!(
                    "`v1/{}…` is left out: `{}…` is empty or",
                    "a".repeat(197),
                    "a".repeat(200)
                ),
            ),
            (
                named(2, "a.zip"),
                "`v1/a.zip` is left out: another file has the same path",
            ),
            (
                at(2, "http://h/b.zip"),
                "`v1/b.zip` is left out: its address `http://h/b.zip` is unusable: it must begin with https",
            ),
            (
                at(2, "/b.zip"),
                "`v1/b.zip` is left out: its address `/b.zip` is unusable: it must begin with https",
            ),
            (
                at(2, "https://me:pw@h/b.zip"),
                "`v1/b.zip` is left out: its address `https://h/b.zip` is unusable: it carries a user",
            ),
            (
                at(2, "https://h/\r\nb.zip"),
                "`v1/b.zip` is left out: its address `https://h/\\r\\nb.zip` is unusable: it holds",
            ),
            (
                with(asset(2, "v1", "b.zip"), "state", json!("starter")),
                "`v1/b.zip` is left out: its upload is not complete (state `starter`)",
            ),
        ] {
            let listing = listed(&host(&[release("v1", &[sound.clone(), asset])]));
            assert_eq!(paths(&listing.files), ["v1/a.zip"]);
            let [warning] = &listing.warnings[..] else {
                panic!("{expected}: {:?}", listing.warnings);
            };
            assert!(warning.starts_with(expected), "{warning}");
        }
        for tag in ["", "..", "a\nb", "\\"] {
            let listing = listed(&host(&[release(tag, &[asset(1, "x", "a.zip")])]));
            assert_eq!(
                (listing.files.len(), listing.warnings.len()),
                (0, 1),
                "{tag:?}"
            );
        }
    }

    #[test]
    fn untrue_sizes_and_digests_are_ignored_with_a_warning() {
        for (key, value, expected) in [
            ("size", json!(-1), "the size `-1` of `v1/a.zip` is ignored"),
            (
                "size",
                json!(1e300),
                "the size `1e+300` of `v1/a.zip` is ignored",
            ),
            (
                "size",
                json!(u64::MAX),
                "the size `18446744073709551615` of `v1/a.zip` is ignored",
            ),
            (
                "digest",
                json!("sha256:xyz"),
                "`xyz` of `v1/a.zip` is ignored: it is not a SHA-256",
            ),
            (
                "digest",
                json!("sha512:00"),
                "`sha512:00` of `v1/a.zip` is ignored: it is not",
            ),
            ("digest", json!(format!("sha256:{}", "é".repeat(32))), "`éé"),
        ] {
            let asset = with(asset(1, "v1", "a.zip"), key, value);
            let listing = listed(&host(&[release("v1", &[asset])]));
            let file = &listing.files[0];
            assert_eq!(file.size.is_none(), key == "size");
            assert_eq!(file.sha256.is_none(), key == "digest");
            assert_eq!(listing.warnings.len(), 1);
            assert!(
                listing.warnings[0].starts_with(expected),
                "{}",
                listing.warnings[0]
            );
        }
        let upper = with(
            asset(1, "v1", "a.zip"),
            "digest",
            json!(format!("sha256:{}", SHA256.to_uppercase())),
        );
        let listing = listed(&host(&[release("v1", &[upper])]));
        assert_eq!(listing.files[0].sha256.as_deref(), Some(SHA256));
    }

    #[test]
    fn warnings_are_counted_when_there_are_many() {
        let assets: Vec<Value> = (0..120).map(|id| asset(id, "v1", "..")).collect();
        let warnings = listed(&host(&[release("v1", &assets)])).warnings;
        assert_eq!(warnings.len(), 51);
        assert_eq!(warnings[50], "70 more warnings are not shown");
    }

    #[test]
    fn pages_are_read_while_the_host_says_that_there_are_more() {
        let one = |id: u64| {
            let tag = format!("v{id}");
            json!([release(&tag, &[asset(id, &tag, "a.zip")])]).to_string()
        };
        // Wherever the address leads, the next page is requested from the same API.
        let next =
            r#"<https://elsewhere/x?per_page=100&page=9>; rel="next", <https://h/y>; rel="last""#;
        let prev = r#"<https://h/y>; rel="prev", <https://h/y>; rel="first""#;
        let host = Host::default()
            .with(&page(1), answer(200, &[("link", next)], &one(1)))
            .with(&page(2), answer(200, &[("link", next)], &one(2)))
            .with(&page(3), answer(200, &[("link", prev)], &one(3)));
        assert_eq!(
            paths(&listed(&host).files),
            ["v1/a.zip", "v2/a.zip", "v3/a.zip"]
        );
        assert_eq!(host.requests(), [page(1), page(2), page(3)]);
    }

    #[test]
    fn a_full_page_without_links_is_followed_by_another() {
        let releases: Vec<Value> = (0..100).map(|at| release(&format!("v{at}"), &[])).collect();
        let last = json!([release("old", &[asset(1, "old", "a.zip")])]).to_string();
        let host = host(&releases).json(&page(2), &last);
        assert_eq!(paths(&listed(&host).files), ["old/a.zip"]);
        assert_eq!(host.requests(), [page(1), page(2)]);
    }

    #[test]
    fn a_release_that_moves_to_the_next_page_is_listed_once() {
        let both = [release("v1", &[asset(1, "v1", "a.zip")])];
        let next = [("link", r#"<https://h>; rel="next""#)];
        let host = Host::default()
            .with(&page(1), answer(200, &next, &json!(both).to_string()))
            .json(&page(2), &json!(both).to_string());
        let listing = listed(&host);
        assert_eq!(paths(&listing.files), ["v1/a.zip"]);
        assert_eq!(listing.warnings, Vec::<String>::new());
    }

    #[test]
    fn endless_lists_end() {
        let next = [("link", r#"<https://h>; rel="next""#)];
        let asset =
            |id| json!({ "id": id, "name": "a.zip", "browser_download_url": "https://h/a" });
        let assets: Vec<Value> = (0..1000).map(asset).collect();
        let many = json!([release("v1", &assets)]).to_string();
        let few = json!([release("v1", &[])]).to_string();
        for (body, expected) in [
            (many, format!("{MAX_FILES} files")),
            (few, "1000 pages".to_owned()),
        ] {
            let mut host = Host::default();
            for number in 1..=1001 {
                host = host.with(&page(number), answer(200, &next, &body));
            }
            let error = error(&host);
            assert!(
                error.ends_with(&format!("lists more than {expected}")),
                "{error}"
            );
        }
        // An empty page is the last one.
        let host = Host::default().with(&page(1), answer(200, &next, "[]"));
        assert_eq!(listed(&host), Listing::default());
        assert_eq!(host.requests().len(), 1);
    }

    #[test]
    fn a_renamed_repository_is_followed_and_the_token_stays_on_the_host() {
        let token = Token::new("secret".to_owned());
        let moved = format!("{API}/repositories/5/releases?per_page=100&page=1");
        let body = json!([release("v1", &[asset(1, "v1", "a.zip")])]).to_string();
        let host = Host::default()
            .with(&page(1), answer(301, &[("location", &moved)], "{}"))
            .json(&moved, &body);
        let listing = list(&host.client(Some(&token)), API, REPO, false).unwrap();
        assert_eq!(paths(&listing.files), ["v1/a.zip"]);
        assert_eq!(host.with_token(), [page(1), moved]);
        let elsewhere = "https://api.elsewhere.com/releases";
        let host = Host::default()
            .with(&page(1), answer(301, &[("location", elsewhere)], "{}"))
            .json(elsewhere, &body);
        assert!(list(&host.client(Some(&token)), API, REPO, false).is_ok());
        assert_eq!(host.with_token(), [page(1)]);
        let plain = "http://api.github.com/releases";
        let host = Host::default()
            .with(&page(1), answer(301, &[("location", plain)], "{}"))
            .json(plain, &body);
        let message = error(&host);
        assert!(
            message.ends_with("it redirects from https to another scheme"),
            "{message}"
        );
    }

    #[test]
    fn a_missing_repository_is_explained() {
        let host = Host::default();
        assert_eq!(
            error(&host),
            format!(
                "{} answers with status 404: `maker/lineage` is private, empty or misspelt; check \
                 its name, or set a token that may read it",
                page(1)
            )
        );
        let token = Token::new("secret".to_owned());
        let error = list(&host.client(Some(&token)), API, REPO, false).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("check its name, and what the token may read")
        );
    }

    #[test]
    fn a_page_that_is_not_a_list_of_releases_is_an_error() {
        for (body, expected) in [
            (
                "<!DOCTYPE html><title>Unicorn!</title>",
                "it answers with a web page",
            ),
            (
                "{\"message\": \"hm\"}",
                "invalid type: an object, expected a list",
            ),
            ("[{\"assets\": []}]", "missing field `tag_name`"),
            ("[", "the text ends in the middle of a list"),
            ("", "the text ends in the middle of a value"),
        ] {
            let message = error(&Host::default().json(&page(1), body));
            let start = format!(
                "{} does not answer with a list of releases: {expected}",
                page(1)
            );
            assert!(message.starts_with(&start), "{message}");
        }
        // A list that breaks on its second page is not a shorter list.
        let next = [("link", r#"<https://h>; rel="next""#)];
        let first = json!([release("v1", &[])]).to_string();
        let host = Host::default()
            .with(&page(1), answer(200, &next, &first))
            .with(&page(2), answer(502, &[], "bad gateway"));
        assert_eq!(error(&host), format!("{} answers with status 502", page(2)));
    }

    #[test]
    fn a_limit_is_respected_before_the_next_page() {
        let first = json!([release("v1", &[])]).to_string();
        let reset = |seconds: i64| (NOW + seconds).to_string();
        let headers = |reset: &str| {
            let link = ("link", r#"<https://h>; rel="next""#.to_owned());
            let left = ("x-ratelimit-remaining", "0".to_owned());
            [link, left, ("x-ratelimit-reset", reset.to_owned())]
        };
        let late = headers(&reset(1800));
        let late: Vec<_> = late.iter().map(|(name, value)| (*name, &**value)).collect();
        let host = Host::default().with(&page(1), answer(200, &late, &first));
        assert_eq!(
            error(&host),
            "https://api.github.com accepts no more requests for 1800 s; a token in the \
             environment raises its limit"
        );
        assert_eq!(host.requests(), [page(1)]);
        let soon = headers(&reset(1));
        let soon: Vec<_> = soon.iter().map(|(name, value)| (*name, &**value)).collect();
        let last = json!([release("v0", &[asset(1, "v0", "a.zip")])]).to_string();
        let host = Host::default()
            .with(&page(1), answer(200, &soon, &first))
            .json(&page(2), &last);
        assert_eq!(paths(&listed(&host).files), ["v0/a.zip"]);
        // The last page needs no other request.
        let host = Host::default().with(&page(1), answer(200, &late[1..], &first));
        assert_eq!(listed(&host), Listing::default());
    }

    #[test]
    fn a_secondary_limit_is_waited_for_once() {
        let body = r#"{"message": "You have exceeded a secondary rate limit."}"#;
        let refused = |seconds: &str| answer(403, &[("retry-after", seconds)], body);
        let list = json!([release("v1", &[asset(1, "v1", "a.zip")])]).to_string();
        let host = Host::default()
            .with(&page(1), refused("1"))
            .json(&page(1), &list);
        assert_eq!(paths(&listed(&host).files), ["v1/a.zip"]);
        let message = error(&Host::default().with(&page(1), refused("120")));
        assert!(
            message.contains("accepts no more requests for 120 s"),
            "{message}"
        );
        // Without a limit, 403 is a refusal.
        let message = error(&Host::default().with(&page(1), answer(403, &[], body)));
        assert!(message.ends_with("status 403: You have exceeded a secondary rate limit."));
    }

    #[test]
    fn enterprise_servers_are_asked_at_their_api() {
        let url = "https://git.example.org/api/v3/repos/a%20b/c/releases?per_page=100&page=1";
        let host = Host::default().json(url, "[]");
        let api = "https://git.example.org/api/v3";
        let listing = list(&host.client(None), api, "a b/c", false).unwrap();
        assert_eq!(listing, Listing::default());
        // A source at http, as on this machine, may list addresses at http.
        let at_http = with(
            asset(1, "v1", "a.zip"),
            "browser_download_url",
            json!("http://127.0.0.1:8/a.zip"),
        );
        let url = "http://127.0.0.1:8/repos/maker/lineage/releases?per_page=100&page=1";
        let host = Host::default().json(url, &json!([release("v1", &[at_http])]).to_string());
        let listing = list(&host.client(None), "http://127.0.0.1:8", REPO, false).unwrap();
        assert_eq!(listing.files[0].url, "http://127.0.0.1:8/a.zip");
    }
}
