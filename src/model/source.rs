//! The settings of a source: a host whose packages are published without being on this machine.

use std::path::PathBuf;

use super::address::encode_path;
use super::build::Device;

/// A source, as `[[source]]` in the settings gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceConfig {
    /// Its name in messages, in the catalog, and as the first folder of its packages' paths; unique.
    pub name: String,
    /// Where it is.
    pub host: Host,
    /// The number of the newest releases, or of the newest packages of a folder, that are read.
    pub newest: Option<usize>,
    /// The greatest age of a release or a package that is read, in seconds.
    pub max_age: Option<i64>,
    /// How the SHA-256 of its packages becomes known.
    pub hash: HashPolicy,
    /// The address that phones download from, with `{path}` for the path in the source, if it is not the one
    /// that the host lists.
    pub url: Option<String>,
    /// The only device whose packages it has, if it is the source of one device.
    pub device: Option<Device>,
    /// The token for its API, from the environment.
    pub token: Option<Token>,
}

impl SourceConfig {
    /// Returns the address that phones download a file from; `listed` is the one that the host lists.
    #[must_use]
    pub fn phone_url(&self, path: &str, listed: &str) -> String {
        match &self.url {
            None => listed.to_owned(),
            Some(url) => url.replace("{path}", &encode_path(path)),
        }
    }
}

/// Where a source is, and what to read there. Addresses have no closing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// The releases of a repository on GitHub or GitHub Enterprise Server.
    GitHub {
        /// Address of the API: `https://api.github.com`, or `https://<host>/api/v3`.
        api: String,
        /// `owner/name`.
        repo: String,
        /// Whether prereleases are read.
        prereleases: bool,
    },
    /// The releases of a repository on Forgejo or Gitea, such as Codeberg.
    Forgejo {
        /// Address of the site.
        site: String,
        /// `owner/name`.
        repo: String,
        /// Whether prereleases are read.
        prereleases: bool,
    },
    /// The releases and generic packages of a project on GitLab.
    GitLab {
        /// Address of the site.
        site: String,
        /// `group/project`, or deeper.
        project: String,
    },
    /// The files of a project on SourceForge.
    SourceForge {
        /// Address of the site that lists: `https://sourceforge.net`.
        site: String,
        /// Name of the project.
        project: String,
        /// The folder to read, beginning with `/`.
        path: String,
    },
    /// The folder listing of a web server: nginx, Apache or Caddy.
    Listing {
        /// Address of the folder; ends in a slash.
        url: String,
    },
    /// A bucket of a store with the API of Amazon S3.
    S3(Bucket),
    /// A list of files in the format of `rclone lsjson`, and the address they are at.
    Files {
        /// The list.
        file: PathBuf,
        /// Address of the folder that the list describes.
        base: String,
    },
}

impl Host {
    /// Returns the address whose host is asked for the list; of a list on this machine, that of its files.
    #[must_use]
    pub fn address(&self) -> &str {
        match self {
            Host::GitHub { api, .. } => api,
            Host::Forgejo { site, .. }
            | Host::GitLab { site, .. }
            | Host::SourceForge { site, .. } => site,
            Host::Listing { url } => url,
            Host::S3(bucket) => &bucket.url,
            Host::Files { base, .. } => base,
        }
    }

    /// Returns whether the folders of its files are releases.
    #[must_use]
    pub fn has_releases(&self) -> bool {
        matches!(
            self,
            Host::GitHub { .. } | Host::Forgejo { .. } | Host::GitLab { .. }
        )
    }
}

/// A bucket of a store with the API of Amazon S3, or a folder in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Its address.
    pub url: String,
    /// The region that signatures name.
    pub region: String,
    /// What the keys of its objects begin with: empty, or a folder and a closing slash.
    pub prefix: String,
    /// What signs requests, from the environment; without, they are not signed.
    pub keys: Option<Keys>,
}

/// What signs requests to a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// The name of the key, which requests contain.
    pub id: String,
    /// The key.
    pub secret: Token,
    /// The token of a session, if the key is temporary.
    pub session: Option<Token>,
}

/// How the SHA-256 of a source's packages becomes known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HashPolicy {
    /// By the host or a checksum file; else the two newest builds of a channel are downloaded.
    #[default]
    Auto,
    /// By the host or a checksum file alone.
    Known,
    /// Every package is downloaded once.
    Download,
}

/// A secret, which is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Wraps a secret.
    #[must_use]
    pub fn new(secret: String) -> Token {
        Token(secret)
    }

    /// Returns the secret itself, for a request.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}
