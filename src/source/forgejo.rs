//! Lists the releases of a repository on Forgejo or Gitea.

use super::{Client, Error, Listing, releases};

/// Lists the files of all releases of `repo`, an `owner/name`; `site` is the address of the site.
pub(super) fn list(
    client: &Client<'_>,
    site: &str,
    repo: &str,
    prereleases: bool,
) -> Result<Listing, Error> {
    let api = format!("{site}/api/v1");
    releases::list(client, &api, repo, prereleases, ("limit", 50))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fake::{Host, answer, paths};
    use super::*;

    const SITE: &str = "https://codeberg.org";

    fn page(number: usize) -> String {
        format!("{SITE}/api/v1/repos/maker/lineage/releases?limit=50&page={number}")
    }

    /// Returns a release as Forgejo lists it.
    fn release(tag: &str, assets: &[Value]) -> Value {
        json!({
            "id": 9001,
            "tag_name": tag,
            "target_commitish": "main",
            "name": tag,
            "body": "June",
            "url": format!("{SITE}/api/v1/repos/maker/lineage/releases/9001"),
            "draft": false,
            "prerelease": false,
            "hide_archive_links": false,
            "created_at": "2025-06-14T12:30:00+02:00",
            "published_at": "2025-06-14T12:30:00+02:00",
            "assets": assets,
            "archive_download_count": { "zip": 0, "tar_gz": 0 }
        })
    }

    fn asset(id: u64, tag: &str, name: &str) -> Value {
        json!({
            "id": id,
            "name": name,
            "size": 786_976,
            "download_count": 35,
            "created_at": "2025-06-14T12:40:00+02:00",
            "uuid": format!("5ed06c98-14b2-4b7e-b8d0-{id:012}"),
            "browser_download_url": format!("{SITE}/maker/lineage/releases/download/{tag}/{name}"),
            "type": "attachment"
        })
    }

    #[test]
    fn files_are_known_by_their_uuid_and_have_no_digest() {
        let mut external = asset(2, "v1", "b.zip");
        external["type"] = json!("external");
        external["size"] = json!(0);
        external["browser_download_url"] = json!("https://elsewhere.org/b.zip");
        let body = json!([release("v1", &[asset(1, "v1", "a.zip"), external])]).to_string();
        let host = Host::default().json(&page(1), &body);
        let Listing { files, warnings } =
            list(&host.client(None), SITE, "maker/lineage", false).unwrap();
        assert_eq!(warnings, Vec::<String>::new());
        assert_eq!(paths(&files), ["v1/a.zip", "v1/b.zip"]);
        let [attached, external] = &files[..] else {
            panic!()
        };
        assert_eq!(attached.id, "5ed06c98-14b2-4b7e-b8d0-000000000001");
        assert_eq!(
            (attached.size, &*attached.tag),
            (Some(786_976), "1749897600/786976")
        );
        assert_eq!(
            (attached.date, &attached.sha256),
            (Some(1_749_897_000), &None)
        );
        assert_eq!(attached.notes.as_deref(), Some("June"));
        // The host knows nothing about a file on another one.
        assert_eq!((external.size, &*external.tag), (None, "1749897600"));
        assert_eq!(external.url, "https://elsewhere.org/b.zip");
    }

    #[test]
    fn a_site_with_short_pages_is_read_to_the_end() {
        // It gives 1 release a page, whatever the limit, and links to the address in its settings.
        let next = [(
            "link",
            r#"<http://localhost:3000/api/v1/x?page=2>; rel="next""#,
        )];
        let body =
            |id: u64, tag: &str| json!([release(tag, &[asset(id, tag, "a.zip")])]).to_string();
        let host = Host::default()
            .with(&page(1), answer(200, &next, &body(1, "v2")))
            .with(
                &page(2),
                answer(200, &[("x-total-count", "2")], &body(2, "v1")),
            );
        let listing = list(&host.client(None), SITE, "maker/lineage", false).unwrap();
        assert_eq!(paths(&listing.files), ["v1/a.zip", "v2/a.zip"]);
        assert_eq!(host.requests(), [page(1), page(2)]);
    }
}
