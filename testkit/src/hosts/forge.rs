//! The APIs of GitHub, Forgejo and GitLab.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::server::{Answer, Request};
use super::{File, Forge, Release, State, send};

/// The number of the project on GitLab.
const PROJECT: u64 = 42;
/// The name of the package on GitLab.
const PACKAGE: &str = "rom";
/// When all files were uploaded.
const UPLOADED: &str = "2025-06-14T10:20:00Z";

/// Answers a request to the host itself.
pub(super) fn answer(state: &mut State, request: &Request) -> Answer {
    if let Some(bytes) = find_file(state, &request.path) {
        return match state.forge {
            Forge::Forgejo if request.method != "GET" => Answer::new(405),
            Forge::Forgejo => send(request, &bytes),
            Forge::GitHub | Forge::GitLab => state.redirect(bytes),
        };
    }
    if let Some(status) = state.refusal {
        return Answer::new(status)
            .with("content-type", "text/html")
            .text("<!DOCTYPE html><title>Unicorn!</title>");
    }
    if state.num_left == Some(0) {
        return limited(state, Answer::new(403)).text(r#"{"message": "API rate limit exceeded"}"#);
    }
    state.num_left = state.num_left.map(|num_left| num_left - 1);
    limited(state, answer_api(state, request))
}

/// Adds the number of requests that are left.
fn limited(state: &State, answer: Answer) -> Answer {
    let Some(num_left) = state.num_left else {
        return answer;
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let reset = now.unwrap_or_default().as_secs() + 3600;
    let prefix = if state.forge == Forge::GitLab {
        ""
    } else {
        "x-"
    };
    answer
        .with(
            &format!("{prefix}ratelimit-remaining"),
            &num_left.to_string(),
        )
        .with(&format!("{prefix}ratelimit-reset"), &reset.to_string())
}

fn answer_api(state: &State, request: &Request) -> Answer {
    let (forge, repo) = (state.forge, &state.repo);
    let path = &*request.path;
    if forge != Forge::GitLab {
        let api = if forge == Forge::Forgejo {
            "/api/v1"
        } else {
            ""
        };
        let releases = state.releases.iter().map(|one| release(state, one));
        return match path == format!("{api}/repos/{repo}/releases") {
            true => page(state, request, releases.collect()),
            false => missing(),
        };
    }
    if path == format!("/api/v4/projects/{}", encode(repo)) {
        return json_answer(&json!({ "id": PROJECT, "path_with_namespace": repo }));
    }
    let published = || state.releases.iter().filter(|release| !release.draft);
    let items = match path.strip_prefix(&*format!("/api/v4/projects/{PROJECT}/")) {
        Some("releases") => published().map(|one| gitlab_release(state, one)).collect(),
        Some("packages") => (1..)
            .zip(published())
            .map(|(id, one)| package(id, one))
            .collect(),
        Some(path) => {
            let id = path.strip_prefix("packages/");
            let id = id.and_then(|path| path.strip_suffix("/package_files"));
            let Some(id) = id.and_then(|id| id.parse::<usize>().ok()) else {
                return missing();
            };
            let release = published().nth(id.wrapping_sub(1));
            let files = release.iter().flat_map(|release| {
                let file = |file| package_file(&release.tag, file);
                release.files.iter().map(file)
            });
            files.collect()
        }
        None => return missing(),
    };
    page(state, request, items)
}

fn missing() -> Answer {
    Answer::new(404).text(r#"{"message": "Not Found"}"#)
}

fn json_answer(value: &Value) -> Answer {
    Answer::new(200)
        .with("content-type", "application/json; charset=utf-8")
        .text(&value.to_string())
}

/// Returns one page of a list, with the headers that lead to the next.
fn page(state: &State, request: &Request, items: Vec<Value>) -> Answer {
    let (parameter, most) = match state.forge {
        Forge::Forgejo => ("limit", 50),
        Forge::GitHub | Forge::GitLab => ("per_page", 100),
    };
    let number = |name, default| {
        let value = request.parameter(name).and_then(|value| value.parse().ok());
        value.filter(|value| *value > 0).unwrap_or(default)
    };
    let (len, page) = (number(parameter, 20).min(most), number("page", 1));
    let (num_items, end) = (items.len(), len * page);
    let items: Vec<Value> = items.into_iter().take(end).skip(end - len).collect();
    let mut answer = json_answer(&json!(items));
    let has_next = end < num_items;
    if has_next {
        let url = format!(
            "{}{}?{parameter}={len}&page={}",
            state.front,
            request.path,
            page + 1
        );
        answer = answer.with("link", &format!("<{url}>; rel=\"next\""));
    }
    match state.forge {
        Forge::GitHub => answer,
        Forge::Forgejo => answer.with("x-total-count", &num_items.to_string()),
        Forge::GitLab if has_next => answer.with("x-next-page", &(page + 1).to_string()),
        Forge::GitLab => answer.with("x-next-page", ""),
    }
}

/// Returns a release as GitHub and Forgejo list it.
fn release(state: &State, release: &Release) -> Value {
    let assets = release.files.iter().map(|file| {
        let id = file.id(&release.tag);
        let mut asset = json!({
            "id": id,
            "name": file.name,
            "size": file.bytes.len(),
            "created_at": UPLOADED,
            "browser_download_url": format!("{}{}", state.front, download_path(state, release, file)),
        });
        if state.forge == Forge::Forgejo {
            asset["uuid"] = json!(format!("00000000-0000-4000-8000-{id:012x}"));
            asset["type"] = json!("attachment");
        } else {
            asset["state"] = json!("uploaded");
            asset["updated_at"] = json!(UPLOADED);
            let digest = file.has_digest.then(|| format!("sha256:{}", file.sha256()));
            asset["digest"] = json!(digest);
        }
        asset
    });
    json!({
        "tag_name": release.tag,
        "name": release.tag,
        "body": release.notes,
        "draft": release.draft,
        "prerelease": release.prerelease,
        "created_at": release.date,
        "published_at": (!release.draft).then_some(&release.date),
        "assets": assets.collect::<Vec<_>>(),
    })
}

/// Returns a release as GitLab lists it, with links to the files of its package.
fn gitlab_release(state: &State, release: &Release) -> Value {
    let links = release.files.iter().map(|file| {
        let url = format!("{}{}", state.front, download_path(state, release, file));
        json!({
            "id": file.id(&release.tag),
            "name": file.name,
            "url": url,
            "direct_asset_url": url,
            "link_type": "package",
        })
    });
    json!({
        "tag_name": release.tag,
        "name": release.tag,
        "description": release.notes,
        "created_at": release.date,
        "released_at": release.date,
        "upcoming_release": false,
        "assets": { "links": links.collect::<Vec<_>>() },
    })
}

fn package(id: usize, release: &Release) -> Value {
    json!({
        "id": id,
        "name": PACKAGE,
        "version": version(release),
        "package_type": "generic",
        "status": "default",
        "created_at": UPLOADED,
    })
}

fn package_file(tag: &str, file: &File) -> Value {
    json!({
        "id": file.id(tag),
        "file_name": file.name,
        "size": file.bytes.len(),
        "created_at": UPLOADED,
        "file_md5": null,
        "file_sha256": file.has_digest.then(|| file.sha256()),
    })
}

/// Returns the version of a release's package.
fn version(release: &Release) -> String {
    release.tag.replace('/', "-")
}

/// Returns the path that a file is downloaded from.
fn download_path(state: &State, release: &Release, file: &File) -> String {
    let name = encode(&file.name);
    match state.forge {
        Forge::GitHub | Forge::Forgejo => {
            let tag = encode(&release.tag).replace("%2F", "/");
            format!("/{}/releases/download/{tag}/{name}", state.repo)
        }
        Forge::GitLab => {
            let version = encode(&version(release));
            format!("/api/v4/projects/{PROJECT}/packages/generic/{PACKAGE}/{version}/{name}")
        }
    }
}

/// Returns the file that is downloaded from a path; drafts have none.
fn find_file(state: &State, path: &str) -> Option<Arc<[u8]>> {
    let published = state.releases.iter().filter(|release| !release.draft);
    let mut files = published.flat_map(|release| {
        let with_path = |file| (download_path(state, release, file), file);
        release.files.iter().map(with_path)
    });
    let (_, file) = files.find(|(at, _)| at == path)?;
    Some(Arc::clone(&file.bytes))
}

/// Percent-encodes everything but the unreserved characters of RFC 3986.
fn encode(text: &str) -> String {
    let encode = |byte: u8| match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}
