//! The files that a maintainer's folder needs next to the packages: settings, the files that git
//! ignores, and for a host its configuration and a script that publishes.
//!
//! In: a [`Site`], with its host and address. Out: the files, as text. Nothing is read or written
//! here. Every value that goes into a script or a configuration has a type without special
//! characters.
//!
//! The updaters determine what hosts must do: an unknown address is 404, lists without an ending are
//! JSON, and zips are sent unchanged. The file of a host says if the host cannot do a part of this.

mod devices;
mod remote;
mod templates;
mod values;
pub mod written;
mod zips;

use std::collections::BTreeMap;

use minijinja::value::Serde;
use serde::Serialize;

use crate::model::fault_kind::FaultKind;

pub use devices::{KnownDevice, is_model_number, maker, render_devices};
pub use remote::{Forge, Remote, parse_cname, parse_config};
pub use values::{BadValue, Base, PlainPath};
pub use zips::{Listed, Zips, place_hint};

/// The Content Security Policy (level 3) of the site's pages: they may load styles, scripts and pictures
/// of the site, but nothing inline and nothing from other hosts.
pub const PAGE_POLICY: &str = "default-src 'none'; base-uri 'none'; connect-src 'self'; \
    form-action 'self'; frame-ancestors 'none'; img-src 'self'; script-src 'self'; style-src 'self'";
/// The policy of files next to packages, which may come from untrusted people: nothing is allowed.
pub const PACKAGE_POLICY: &str = "default-src 'none'; sandbox";
/// The referrer policy: what other sites learn about the page with the link.
pub const REFERRER_POLICY: &str = "strict-origin-when-cross-origin";

/// The file of settings.
pub const SETTINGS: &str = "romfeed.toml";
/// The workflow of GitHub.
pub const WORKFLOW: &str = ".github/workflows/pages.yml";
/// The pipeline of GitLab.
pub const PIPELINE: &str = ".gitlab-ci.yml";
/// The script that publishes.
pub const PUBLISH: &str = "publish";
/// The file of paths that git ignores.
pub const GITIGNORE: &str = ".gitignore";
/// The file of git's attributes: how the catalog is merged.
pub const GITATTRIBUTES: &str = ".gitattributes";
/// Makes git merge catalogs with romfeed. Git does not read this setting from a file in the repository, so each
/// clone needs the command.
///
/// With exit code 1, romfeed has left conflict markers. If it cannot be run at all, git's own markers must show
/// that the other side has builds too: otherwise git leaves the file as it was, which looks merged.
pub const MERGE_DRIVER: &str = "git config merge.romfeed.driver 'romfeed catalog merge --name %P %O %A %B || \
     { [ $? = 1 ] || git merge-file %A %O %B; false; }'";
/// The beginning of addresses of repositories on GitHub.
const GITHUB: &str = "https://github.com/";
/// How the third comment line of the script begins, before the name of the host.
const WRITTEN_BY: &str = "# Written by: romfeed init --host ";
/// How the comment of a workflow begins in which several jobs read sources, before their number.
const WRITTEN_AS_MATRIX: &str = "# Written by: romfeed init --matrix ";
/// The most jobs of a matrix: GitLab starts no more at once.
pub const MAX_MATRIX: u8 = 200;

/// A host for a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// GitHub Pages, by a workflow.
    GitHub,
    /// GitLab Pages, by a pipeline.
    GitLab,
    /// Netlify, by its command line.
    Netlify,
    /// Cloudflare Pages, by its command line.
    Cloudflare,
    /// nginx, and rsync.
    Nginx,
    /// Apache httpd 2.4, and rsync.
    Apache,
    /// Caddy 2, and rsync.
    Caddy,
    /// A bucket of S3 behind CloudFront.
    S3,
}

impl Host {
    /// All hosts.
    pub const ALL: [Host; 8] = [
        Host::GitHub,
        Host::GitLab,
        Host::Netlify,
        Host::Cloudflare,
        Host::Nginx,
        Host::Apache,
        Host::Caddy,
        Host::S3,
    ];

    /// Returns the name on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Host::GitHub => "github",
            Host::GitLab => "gitlab",
            Host::Netlify => "netlify",
            Host::Cloudflare => "cloudflare",
            Host::Nginx => "nginx",
            Host::Apache => "apache",
            Host::Caddy => "caddy",
            Host::S3 => "s3",
        }
    }

    /// Returns the name for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Host::GitHub => "GitHub Pages",
            Host::GitLab => "GitLab Pages",
            Host::Netlify => "Netlify",
            Host::Cloudflare => "Cloudflare Pages",
            Host::Nginx => "nginx",
            Host::Apache => "Apache",
            Host::Caddy => "Caddy",
            Host::S3 => "S3 and CloudFront",
        }
    }

    /// Returns the host of an existing script.
    #[must_use]
    pub fn from_publish_script(script: &str) -> Option<Host> {
        let line = |line: &'_ str| line.strip_prefix(WRITTEN_BY).map(str::to_owned);
        let name = script.lines().take(6).find_map(line)?;
        Host::ALL.into_iter().find(|host| host.as_str() == name)
    }

    /// Returns whether a file is written for some host, once host and address are known.
    #[must_use]
    pub fn has_file(path: &str) -> bool {
        let mut all = Host::ALL.iter().flat_map(|host| host.files());
        all.any(|(file, _)| *file == path)
    }

    /// Returns the paths of the files that only other hosts need, each with these hosts.
    #[must_use]
    pub fn files_of_others(self) -> BTreeMap<&'static str, Vec<Host>> {
        let mut paths: BTreeMap<_, Vec<Host>> = BTreeMap::new();
        for host in Host::ALL {
            for (path, _) in host.files() {
                paths.entry(*path).or_default().push(host);
            }
        }
        paths.retain(|_, hosts| !hosts.contains(&self));
        paths
    }

    /// Returns the paths and templates of its files.
    fn files(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Host::GitHub => &[(WORKFLOW, "github-pages.yml"), (PUBLISH, "publish.sh")],
            Host::GitLab => &[
                (PIPELINE, "gitlab-ci.yml"),
                ("host/_redirects", "_redirects"),
                (PUBLISH, "publish.sh"),
            ],
            Host::Netlify => &[
                ("host/_headers", "_headers"),
                ("host/_redirects", "_redirects"),
                (PUBLISH, "publish.sh"),
            ],
            Host::Cloudflare => &[
                ("functions/_middleware.js", "_middleware.js"),
                ("host/_headers", "_headers"),
                (PUBLISH, "publish.sh"),
            ],
            Host::Nginx => &[("host/nginx.conf", "nginx.conf"), (PUBLISH, "publish.sh")],
            Host::Apache => &[("host/apache.conf", "apache.conf"), (PUBLISH, "publish.sh")],
            Host::Caddy => &[("host/Caddyfile", "Caddyfile"), (PUBLISH, "publish.sh")],
            Host::S3 => &[
                ("host/cloudfront.js", "cloudfront.js"),
                (PUBLISH, "publish.sh"),
            ],
        }
    }

    /// Returns the workflow that reads sources; none if such a site is published from another machine.
    #[must_use]
    pub fn workflow(self) -> Option<&'static str> {
        match self {
            Host::GitHub => Some(WORKFLOW),
            Host::GitLab => Some(PIPELINE),
            _ => None,
        }
    }

    /// Returns whether it can host the zips along with the site.
    fn hosts_zips(self) -> bool {
        matches!(self, Host::Nginx | Host::Apache | Host::Caddy | Host::S3)
    }

    /// Returns whether a site is always at the root of its domain.
    fn is_root(self) -> bool {
        matches!(self, Host::Netlify | Host::Cloudflare)
    }
}

/// The facts about a site that its files depend on.
#[derive(Clone, Debug)]
pub struct Site {
    /// The host; without it, only the files that every host needs are rendered.
    pub host: Option<Host>,
    /// The address; without it, only the files that every host needs are rendered.
    pub base: Option<Base>,
    /// The place of its zips.
    pub zips: Zips,
    /// The number of jobs of a workflow that read sources side by side; 1 if the job that makes the site does it.
    pub matrix: u8,
    /// The `device_feed` that the updaters of its builds read; none for the default.
    pub device_feed: Option<String>,
    /// The folder of packages.
    pub builds: PlainPath,
    /// The folder the site is written to.
    pub out: PlainPath,
    /// The catalog; ends in `/` if it has one file for each device.
    pub catalog: PlainPath,
    /// The folder where changelogs are stored.
    pub changelogs: PlainPath,
}

/// A file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetupFile {
    /// The path below the maintainer's folder, with `/`.
    pub path: &'static str,
    /// The contents.
    pub text: String,
    /// Whether the file can be run.
    pub is_executable: bool,
}

/// Why the files could not be rendered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The site's address has a path, but the host does not support paths.
    #[error("{} publishes at the root of a domain, and the address ends in {prefix}", .host.title())]
    NotRoot {
        /// The host.
        host: Host,
        /// The path of the address.
        prefix: String,
    },
    /// A template of romfeed has an error.
    #[error("template {path}")]
    Template {
        /// The file it is for.
        path: &'static str,
        /// What is wrong.
        source: minijinja::Error,
    },
}

impl Error {
    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> FaultKind {
        match self {
            Error::NotRoot { .. } => FaultKind::Unsupported,
            Error::Template { .. } => FaultKind::Corrupt,
        }
    }
}

/// Returns the number of jobs of a workflow that `init` wrote for a matrix; none for any other.
#[must_use]
pub fn matrix_of(workflow: &str) -> Option<u8> {
    let mut lines = workflow.lines();
    let number = lines.find_map(|line| line.strip_prefix(WRITTEN_AS_MATRIX))?;
    let number = number.parse().ok()?;
    (1..=MAX_MATRIX).contains(&number).then_some(number)
}

/// The values that templates can use.
#[derive(Serialize)]
struct Values<'a> {
    host: &'a str,
    title: &'a str,
    zips: &'a str,
    url: Option<String>,
    source: String,
    is_own: bool,
    is_of_device: bool,
    matrix: u8,
    upload: String,
    repository: &'a str,
    device_feed: Option<&'a str>,
    builds: &'a str,
    is_builds_outside: bool,
    out: &'a str,
    catalog: &'a str,
    catalog_files: String,
    changelogs: &'a str,
    default_changelogs: String,
    state: String,
    base_url: Option<&'a str>,
    domain: &'a str,
    host_port: &'a str,
    port: &'a str,
    prefix: &'a str,
    prefix_regex: String,
    project: Option<&'a str>,
    version: &'a str,
    romfeed: Option<&'a str>,
    merge_driver: &'a str,
    page_policy: &'a str,
    package_policy: &'a str,
    referrer_policy: &'a str,
}

impl<'a> Values<'a> {
    fn new(site: &'a Site) -> Values<'a> {
        let base = site.base.as_ref();
        let remote = match &site.zips {
            Zips::Forge(remote) => Some(remote),
            Zips::Site | Zips::Listed(_) | Zips::Elsewhere => None,
        };
        let listed = site.zips.listed();
        let upload = listed.and_then(Listed::sourceforge_folder);
        Values {
            host: site.host.map_or("", Host::as_str),
            title: site.host.map_or("", Host::title),
            zips: match (&site.zips, remote.map(|remote| remote.forge)) {
                (Zips::Site, _) => "site",
                (Zips::Listed(_), _) if upload.is_some() => "sourceforge",
                (Zips::Listed(_), _) => "listed",
                (_, Some(Forge::GitHub)) => "github",
                (_, Some(Forge::GitLab)) => "gitlab",
                (_, None) => "elsewhere",
            },
            url: site.zips.url(),
            source: listed
                .map(|listed| listed.lines().join("\n"))
                .unwrap_or_default(),
            is_own: listed.is_some_and(|listed| listed.is_own),
            is_of_device: listed.is_some_and(|listed| listed.is_of_device),
            matrix: listed.map_or(1, |_| site.matrix),
            upload: upload.unwrap_or_default(),
            repository: remote.map_or("", Remote::path),
            device_feed: site.device_feed.as_deref(),
            builds: site.builds.as_str(),
            is_builds_outside: site.builds.is_outside(),
            out: site.out.as_str(),
            catalog: site.catalog.as_str(),
            catalog_files: site.catalog.catalog_files(),
            changelogs: site.changelogs.as_str(),
            default_changelogs: site.catalog.sibling(crate::model::config::CHANGELOGS_DIR),
            state: site.catalog.sibling(crate::model::config::STATE_DIR),
            base_url: base.map(Base::as_str),
            domain: base.map_or("", Base::domain),
            host_port: base.map_or("", Base::host),
            port: base.map_or("", Base::port),
            prefix: base.map_or("", Base::prefix),
            prefix_regex: base.map_or("", Base::prefix).replace('.', "\\."),
            project: base.and_then(|base| base.domain().strip_suffix(".pages.dev")),
            version: env!("CARGO_PKG_VERSION"),
            romfeed: env!("CARGO_PKG_REPOSITORY").strip_prefix(GITHUB),
            merge_driver: MERGE_DRIVER,
            page_policy: PAGE_POLICY,
            package_policy: PACKAGE_POLICY,
            referrer_policy: REFERRER_POLICY,
        }
    }
}

/// Renders all files except for the list of devices, for which there is [`render_devices`].
///
/// # Errors
/// [`Error::NotRoot`]. [`Error::Template`] does not occur, since the templates are part of romfeed.
pub fn render(site: &Site) -> Result<Vec<SetupFile>, Error> {
    let mut files = vec![
        (SETTINGS, "romfeed.toml"),
        (GITIGNORE, "gitignore"),
        (GITATTRIBUTES, "gitattributes"),
    ];
    if let (Some(host), Some(base)) = (site.host, &site.base) {
        if host.is_root() && !base.prefix().is_empty() {
            let prefix = base.prefix().to_owned();
            return Err(Error::NotRoot { host, prefix });
        }
        files.extend(host.files());
    }
    let values = minijinja::Value::from(Serde(Values::new(site)));
    let engine = templates::engine().map_err(|source| Error::Template {
        path: SETTINGS,
        source,
    })?;
    let render = |(path, template)| {
        let template = engine.get_template(template);
        let text = template.and_then(|template| template.render(&values));
        let text = text.map_err(|source| Error::Template { path, source })?;
        Ok(SetupFile {
            path,
            text: written::sign(path, &text),
            is_executable: path == PUBLISH,
        })
    };
    files.into_iter().map(render).collect()
}

#[cfg(test)]
mod tests;
