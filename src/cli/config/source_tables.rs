//! The tables `[[source]]`, of hosts whose zips are published without being on this machine, and `[s3]`.

use std::path::{Path, PathBuf};

use romfeed::fetch::is_askable;
use romfeed::files::{json_message, read_text};
use romfeed::model::address::check_https;
use romfeed::model::build::{Device, filename_fault};
use romfeed::model::source::{Bucket, HashPolicy, Host, Keys, SourceConfig, Token};
use serde::Deserialize;

use super::span::Span;

/// Longest `github.json` that is read, in bytes.
const MAX_LIST: u64 = 1 << 20;
/// Longest name of a source, in bytes: it is a folder in the paths of its builds.
const MAX_NAME_LEN: usize = 64;

/// A table `[[source]]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileSource {
    name: Option<String>,
    github: Option<String>,
    forgejo: Option<String>,
    gitlab: Option<String>,
    sourceforge: Option<String>,
    listing: Option<String>,
    s3: Option<String>,
    files: Option<PathBuf>,
    api: Option<String>,
    path: Option<String>,
    base: Option<String>,
    endpoint: Option<String>,
    region: Option<String>,
    path_style: Option<bool>,
    #[serde(default)]
    prereleases: bool,
    newest: Option<usize>,
    max_age: Option<Span>,
    #[serde(default)]
    hash: FileHash,
    token: Option<String>,
    url: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FileHash {
    #[default]
    Auto,
    Known,
    Download,
}

impl From<FileHash> for HashPolicy {
    fn from(hash: FileHash) -> HashPolicy {
        match hash {
            FileHash::Auto => HashPolicy::Auto,
            FileHash::Known => HashPolicy::Known,
            FileHash::Download => HashPolicy::Download,
        }
    }
}

/// Returns the value of an environment variable, if it is set and not empty.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// An entry of LineageOTA's `github.json`; its other keys only matter to LineageOTA.
#[derive(Deserialize)]
struct ListedRepo {
    name: String,
}

impl FileSource {
    /// Returns a table for each repository in LineageOTA's `github.json`, if the table names that file; the name of each
    /// is that of the repository, with `-` for `/`.
    pub(super) fn repositories(&self, folder: &Path) -> Result<Vec<FileSource>, String> {
        let file = match self.github.as_deref() {
            Some(list) if list.ends_with(".json") => folder.join(list),
            _ => return Ok(vec![self.clone()]),
        };
        let shown = file.display();
        let text = read_text(&file, MAX_LIST)
            .map_err(|error| format!("github: cannot read {shown}: {error}"))?;
        let repos: Vec<ListedRepo> = serde_json::from_str(&text)
            .map_err(|error| format!("github: {shown}: {}", json_message(&error)))?;
        let table = |repo: ListedRepo| FileSource {
            name: Some(repo.name.replace('/', "-")),
            github: Some(repo.name),
            ..self.clone()
        };
        Ok(repos.into_iter().map(table).collect())
    }

    /// Checks a table, of all devices or of one; that in a file of its own is written by the maintainer of the device.
    pub(super) fn resolve(
        &self,
        folder: &Path,
        device: Option<&Device>,
        is_of_maintainer: bool,
    ) -> Result<SourceConfig, String> {
        let (kind, host) = self.host(folder)?;
        for (key, is_set, kinds) in [
            (
                "api",
                self.api.is_some(),
                &["github", "gitlab", "sourceforge"][..],
            ),
            ("path", self.path.is_some(), &["sourceforge"]),
            ("base", self.base.is_some(), &["files"]),
            ("endpoint", self.endpoint.is_some(), &["s3"]),
            ("region", self.region.is_some(), &["s3"]),
            ("path_style", self.path_style.is_some(), &["s3"]),
            ("prereleases", self.prereleases, &["github", "forgejo"]),
            (
                "token",
                self.token.is_some(),
                &["github", "forgejo", "gitlab"],
            ),
        ] {
            if is_set && !kinds.contains(&kind) {
                return Err(format!("`{key}` does not belong to `{kind}`"));
            }
        }
        let default_name = || match device {
            Some(device) => format!("{device}-{kind}"),
            None => kind.to_owned(),
        };
        let name = self.name.clone().unwrap_or_else(default_name);
        check_name(&name)?;
        let max_age = self.max_age.as_ref().map(Span::seconds).transpose();
        if self.newest == Some(0) {
            return Err("`newest` is 0, so nothing would be read".to_owned());
        }
        Ok(SourceConfig {
            name,
            device: device.cloned(),
            newest: self.newest,
            max_age: max_age.map_err(|error| format!("max_age: {error}"))?,
            hash: self.hash.into(),
            url: self.url(&host)?,
            token: self.token(&host, is_of_maintainer)?.map(Token::new),
            host,
        })
    }

    /// Returns the key that says which kind of host it is, and the host.
    fn host(&self, folder: &Path) -> Result<(&'static str, Host), String> {
        let kinds = [
            ("github", &self.github),
            ("forgejo", &self.forgejo),
            ("gitlab", &self.gitlab),
            ("sourceforge", &self.sourceforge),
            ("listing", &self.listing),
            ("s3", &self.s3),
        ];
        let mut set: Vec<(&'static str, &str)> = Vec::new();
        set.extend(
            kinds
                .iter()
                .filter_map(|(kind, value)| Some((*kind, value.as_deref()?))),
        );
        let file = self.files.as_ref().map(|file| folder.join(file));
        let (kind, value) = match (&set[..], file) {
            ([], Some(file)) => {
                let base = self.base.as_deref();
                let base =
                    base.ok_or("`files` needs `base`, the address of the folder that it lists")?;
                let base = parse_address("base", base)?;
                return Ok(("files", Host::Files { file, base }));
            }
            ([one], None) => *one,
            ([], None) => {
                return Err(
                    "it needs one of github, forgejo, gitlab, sourceforge, listing, s3, files"
                        .to_owned(),
                );
            }
            _ => {
                return Err(
                    "only one of github, forgejo, gitlab, sourceforge, listing, s3, files"
                        .to_owned(),
                );
            }
        };
        let api = |default: &str| match &self.api {
            None => Ok(default.to_owned()),
            Some(api) => parse_address("api", api),
        };
        let host = match kind {
            "github" => Host::GitHub {
                api: api("https://api.github.com")?,
                repo: parse_repo(
                    kind,
                    value.strip_prefix("https://github.com/").unwrap_or(value),
                )?,
                prereleases: self.prereleases,
            },
            "forgejo" => {
                let (site, repo) = split_address(kind, value)?;
                Host::Forgejo {
                    site,
                    repo: parse_repo(kind, &repo)?,
                    prereleases: self.prereleases,
                }
            }
            "gitlab" => {
                let (site, project) = match value.contains("://") {
                    true => split_address(kind, value)?,
                    false => (api("https://gitlab.com")?, value.to_owned()),
                };
                if !project.contains('/') {
                    return Err(format!(
                        "gitlab: `{}` is not group/project",
                        value.escape_debug()
                    ));
                }
                Host::GitLab { site, project }
            }
            "sourceforge" => {
                let path = self.path.as_deref().unwrap_or("/").trim_matches('/');
                let is_project = |c: char| c.is_ascii_alphanumeric() || c == '-';
                if value.is_empty() || !value.chars().all(is_project) {
                    let value = value.escape_debug();
                    return Err(format!(
                        "sourceforge: `{value}` is not the name of a project, which is the last part of \
                         sourceforge.net/projects/NAME"
                    ));
                }
                Host::SourceForge {
                    site: api("https://sourceforge.net")?,
                    project: value.to_owned(),
                    path: format!("/{path}"),
                }
            }
            "s3" => {
                let store = FileStore {
                    endpoint: self.endpoint.clone(),
                    region: self.region.clone(),
                    path_style: self.path_style,
                    ca: None,
                };
                let name = BucketName::parse(value).map_err(|reason| format!("s3: {reason}"))?;
                Host::S3(store.bucket(&name, keys()?)?)
            }
            _ => Host::Listing {
                url: format!("{}/", parse_address(kind, value)?),
            },
        };
        Ok((kind, host))
    }

    /// Checks the address for phones, which a source on this machine needs.
    fn url(&self, host: &Host) -> Result<Option<String>, String> {
        match &self.url {
            None if matches!(host, Host::S3(_)) => Err(
                "`s3` needs `url`, the https address where phones can download, with {path} for the path of a file"
                    .to_owned(),
            ),
            None if !host.address().to_lowercase().starts_with("https://") => {
                let address = host.address().escape_debug();
                Err(format!(
                    "phones cannot download from `{address}`; add `url`, the https address where they can, with \
                     {{path}} for the path of a file"
                ))
            }
            None => Ok(None),
            Some(url) => {
                let is_sound =
                    url.contains("{path}") && check_https(&url.replace("{path}", "x")).is_ok();
                is_sound.then(|| Some(url.clone())).ok_or_else(|| {
                    format!(
                        "url: `{}` must begin with https:// and have {{path}} where the path of a file goes",
                        url.escape_debug()
                    )
                })
            }
        }
    }

    /// Returns the token for the API: of the variable that the settings name, or else of those that the host's own
    /// tools read. The maintainer of a single device may name neither a variable nor a host of their own that gets one.
    fn token(&self, host: &Host, is_of_maintainer: bool) -> Result<Option<String>, String> {
        if is_of_maintainer && self.token.is_some() {
            return Err(
                "`token` is not for files in devices.d, since it could send any secret of the environment to any host; \
                 move this [[source]] to romfeed.toml"
                    .to_owned(),
            );
        }
        if is_of_maintainer && !is_public_forge(host) {
            return Ok(None);
        }
        if let Some(name) = &self.token {
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty() || !name.chars().all(is_name) {
                return Err(
                    "`token` is the name of an environment variable, such as GITHUB_TOKEN, never the token itself"
                        .to_owned(),
                );
            }
            return Ok(variable(name));
        }
        let names: &[&str] = match host {
            Host::GitHub { api, .. } if api == "https://api.github.com" => {
                &["GH_TOKEN", "GITHUB_TOKEN"]
            }
            Host::GitHub { .. } => &["GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"],
            Host::GitLab { .. } => &["GITLAB_TOKEN"],
            Host::Forgejo { .. } => &["FORGEJO_TOKEN"],
            Host::SourceForge { .. } | Host::Listing { .. } | Host::S3(_) | Host::Files { .. } => {
                &[]
            }
        };
        Ok(names.iter().find_map(|name| variable(name)))
    }
}

/// Whether tokens of the environment are meant for this host: the forges that everyone uses, and the one that runs this
/// job.
fn is_public_forge(host: &Host) -> bool {
    let is_own = |name: &str, address: &str| variable(name).is_some_and(|own| own == address);
    match host {
        Host::GitHub { api, .. } => {
            api == "https://api.github.com" || is_own("GITHUB_API_URL", api)
        }
        Host::GitLab { site, .. } => site == "https://gitlab.com" || is_own("CI_SERVER_URL", site),
        Host::Forgejo { site, .. } => site == "https://codeberg.org",
        Host::SourceForge { .. } | Host::Listing { .. } | Host::S3(_) | Host::Files { .. } => false,
    }
}

/// Where a bucket is: the keys of a table `[[source]]` with `s3`, and of the table `[s3]` for catalogs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileStore {
    endpoint: Option<String>,
    region: Option<String>,
    path_style: Option<bool>,
    /// The file with the certificates to trust; sources have a flag for that.
    pub(super) ca: Option<PathBuf>,
}

/// The name of a bucket and of a folder in it.
pub(super) struct BucketName<'v> {
    name: &'v str,
    folder: &'v str,
}

impl BucketName<'_> {
    /// Parses `s3://bucket/folder`.
    pub(super) fn parse(value: &str) -> Result<BucketName<'_>, String> {
        let rest = value.strip_prefix("s3://").unwrap_or_default();
        let (name, folder) = rest.split_once('/').unwrap_or((rest, ""));
        let folder = folder.trim_end_matches('/');
        let is_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let is_sound = name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.chars().all(is_name)
            && (folder.is_empty() || folder.split('/').all(|part| filename_fault(part).is_none()));
        match is_sound {
            true => Ok(BucketName { name, folder }),
            false => Err(format!(
                "`{}` is not s3://bucket or s3://bucket/folder",
                value.escape_debug()
            )),
        }
    }
}

impl FileStore {
    /// Combines the keys of the table with the name of a bucket, and with the keys that sign its requests.
    pub(super) fn bucket(
        &self,
        BucketName { name, folder }: &BucketName<'_>,
        keys: Option<Keys>,
    ) -> Result<Bucket, String> {
        let region = self.region.as_deref().unwrap_or("us-east-1");
        let is_region = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if region.is_empty() || !region.chars().all(is_region) {
            return Err(format!(
                "region: `{}` is not a region, such as eu-central-1",
                region.escape_debug()
            ));
        }
        let endpoint = match &self.endpoint {
            None => format!("https://s3.{region}.amazonaws.com"),
            Some(endpoint) => parse_address("endpoint", endpoint)?,
        };
        // Certificates and host names know no other bucket names.
        let is_label = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let is_path_style = self.endpoint.is_some() || !name.chars().all(is_label);
        let url = match (
            self.path_style.unwrap_or(is_path_style),
            endpoint.split_once("://"),
        ) {
            (false, Some((scheme, host))) => format!("{scheme}://{name}.{host}"),
            _ => format!("{endpoint}/{name}"),
        };
        Ok(Bucket {
            url,
            region: region.to_owned(),
            prefix: match *folder {
                "" => String::new(),
                folder => format!("{folder}/"),
            },
            keys,
        })
    }
}

/// Returns the keys for buckets, from the variables that the tools of Amazon read.
pub(super) fn keys() -> Result<Option<Keys>, String> {
    let names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    match names.map(variable) {
        [Some(id), Some(secret)] => Ok(Some(Keys {
            id,
            secret: Token::new(secret),
            session: variable("AWS_SESSION_TOKEN").map(Token::new),
        })),
        [None, None] => Ok(None),
        [Some(_), None] => {
            Err("AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not".to_owned())
        }
        [None, Some(_)] => {
            Err("AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not".to_owned())
        }
    }
}

/// Checks a name, which becomes a folder in paths.
fn check_name(name: &str) -> Result<(), String> {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let is_sound = !name.is_empty()
        && name.len() <= MAX_NAME_LEN
        && !name.starts_with('.')
        && name.chars().all(is_safe);
    match is_sound {
        true => Ok(()),
        false => Err(format!(
            "name `{}` may have letters, digits and . _ - only, and up to {MAX_NAME_LEN} of them",
            name.escape_debug()
        )),
    }
}

/// Checks an address, and removes slashes at its end.
fn parse_address(key: &str, url: &str) -> Result<String, String> {
    match is_askable(url) && !url.contains(['?', '#', '@']) {
        true => Ok(url.trim_end_matches('/').to_owned()),
        false => Err(format!(
            "{key}: `{}` is not an https address without query; http is only for addresses of this machine",
            url.escape_debug()
        )),
    }
}

/// Splits an address into site and path.
fn split_address(key: &str, url: &str) -> Result<(String, String), String> {
    let url = parse_address(key, url)?;
    let host = url.find("://").map_or(0, |at| at + 3);
    match url[host..].split_once('/') {
        Some((site, path)) => Ok((format!("{}{site}", &url[..host]), path.to_owned())),
        None => Err(format!(
            "{key}: `{}` has no repository, as in https://codeberg.org/owner/name",
            url.escape_debug()
        )),
    }
}

fn parse_repo(key: &str, repo: &str) -> Result<String, String> {
    let is_part = |part: &str| {
        let is_safe = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        !part.is_empty() && !part.starts_with('.') && part.chars().all(is_safe)
    };
    match repo.trim_end_matches('/').split_once('/') {
        Some((owner, name)) if is_part(owner) && is_part(name) => Ok(format!("{owner}/{name}")),
        _ => Err(format!(
            "{key}: `{}` is not owner/name",
            repo.escape_debug()
        )),
    }
}
