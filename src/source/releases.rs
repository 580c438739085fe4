//! Lists releases in GitHub's form, which Forgejo and Gitea share.
//!
//! Sources: "REST API endpoints for releases" of GitHub (API version 2022-11-28), and `structs.Release`
//! and `structs.Attachment` of Gitea 1.24 and Forgejo 11. They differ in what identifies a file (`id`,
//! `uuid`), and only GitHub has `state`, `digest` and `updated_at`.

use serde::Deserialize;
use serde_json::Number;

use super::builder::{Builder, Offer, notes, parse_date, tag};
use super::pages::{Pages, explain_missing};
use super::{Client, Error, Listing};
use crate::model::address::encode_path;

/// The media type of GitHub's API; others ignore it.
const ACCEPT: &str = "application/vnd.github+json, application/json";

/// A release.
#[derive(Debug, Deserialize)]
struct Release {
    tag_name: String,
    #[serde(default)]
    draft: bool,
    #[serde(default)]
    prerelease: bool,
    published_at: Option<String>,
    body: Option<String>,
    assets: Option<Vec<Asset>>,
}

/// A file of a release.
#[derive(Debug, Deserialize)]
struct Asset {
    id: Number,
    uuid: Option<String>,
    name: String,
    state: Option<String>,
    size: Option<Number>,
    digest: Option<String>,
    created_at: Option<String>,
    updated_at: Option<String>,
    browser_download_url: String,
    /// `external` for a link to another host, whose `size` is 0 whatever the file has.
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// Lists the files of all releases of `repo` at an API; `per_page` is the query for that many releases.
pub(super) fn list(
    client: &Client<'_>,
    api: &str,
    repo: &str,
    prereleases: bool,
    (query, per_page): (&str, usize),
) -> Result<Listing, Error> {
    let url = format!(
        "{api}/repos/{}/releases?{query}={per_page}",
        encode_path(repo)
    );
    let mut builder = Builder::new(api);
    let mut pages = Pages::new(client, ACCEPT);
    let listed =
        pages.for_each(
            &url,
            per_page,
            "a list of releases",
            |release: Release| match release.draft || release.prerelease && !prereleases {
                true => Ok(()),
                false => add(&mut builder, release),
            },
        );
    listed.map_err(|error| explain_missing(error, repo, client))?;
    Ok(builder.finish())
}

fn add(builder: &mut Builder, release: Release) -> Result<(), Error> {
    let folder = folder(&release.tag_name);
    let date = release.published_at.as_deref().and_then(parse_date);
    let notes = notes(release.body);
    for asset in release.assets.unwrap_or_default() {
        if let Some(state) = asset.state.as_deref().filter(|state| *state != "uploaded") {
            let path = format!("{folder}/{}", asset.name);
            builder.leave_out(
                &path,
                &format!(
                    "its upload is not complete (state `{}`)",
                    state.escape_debug()
                ),
            );
            continue;
        }
        let size = asset
            .size
            .as_ref()
            .filter(|_| asset.kind.as_deref() != Some("external"));
        let uploaded = asset.updated_at.as_deref().or(asset.created_at.as_deref());
        let digest = asset.digest.as_deref();
        builder.add(Offer {
            folders: vec![&folder],
            name: &asset.name,
            id: asset.uuid.unwrap_or_else(|| asset.id.to_string()),
            size,
            tag: tag(uploaded, size),
            date,
            sha256: digest.map(|digest| digest.strip_prefix("sha256:").unwrap_or(digest)),
            md5: None,
            url: &asset.browser_download_url,
            notes: notes.clone(),
        })?;
    }
    Ok(())
}

/// Returns the name of a release's folder: its tag with `~`, which Git forbids in tags, for `/`.
pub(super) fn folder(tag: &str) -> String {
    tag.replace('/', "~")
}
