//! The names of destinations on the command line.

use std::path::{Path, PathBuf};

use super::Error;
use super::git::{GIT, Git, Repository};
use super::github::{self, GH, GitHub};
use super::gitlab::{self, CURL, GitLab};
use super::program::{Program, Runner};
use super::publication::Step;
use super::rclone::{RCLONE, Rclone};
use super::releases::Releases;
use super::rsync::{RSYNC, Rsync};
use super::s3::{AWS, S3};
use super::store::{SiteHost, SiteStore, Store};
use super::web_hosts::{NETLIFY, OwnProgram, Target, WRANGLER};

/// The folder of packages below a site.
const BUILDS: &str = "builds";

/// A place for files that are copied one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A folder of this machine or of another one, for rsync: `/srv/ota`, `./www` or `user@host:path`.
    Rsync(String),
    /// A folder of a remote of rclone: `remote:path`.
    Rclone(String),
    /// A folder of a bucket.
    S3 {
        /// The bucket.
        bucket: String,
        /// The folder, without slashes at its ends; it may be empty.
        folder: String,
    },
}

/// Where a site is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SiteDestination {
    /// In a folder or bucket, file by file.
    Files(Place),
    /// By a repository whose workflow makes the site from the catalog.
    Git,
    /// On Netlify, as the site that the folder is linked to.
    Netlify,
    /// On Cloudflare Pages, as this project.
    Cloudflare(String),
}

/// Where packages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ZipsDestination {
    /// In `builds` below the site.
    WithSite,
    /// They are elsewhere already.
    Nowhere,
    /// In a folder or bucket of their own.
    Files(Place),
    /// In the releases of a repository of GitHub.
    GitHub(github::Repository),
    /// In the packages of a project of GitLab.
    GitLab {
        /// The host.
        host: String,
        /// `GROUP/PROJECT`.
        project: String,
        /// For uploads.
        token: Token,
    },
    /// In a folder of a project on SourceForge, for rsync.
    SourceForge(String),
}

/// A secret of the environment, which is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

/// What a host that takes all of a site at once needs besides the site.
pub struct Extras {
    /// The folder of the settings.
    pub folder: PathBuf,
    /// The repository of the catalog.
    pub repository: Repository,
}

/// The addresses of packages on a host that decides about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// What they are, for example `the releases of you/ota`.
    pub of: String,
    /// What all of them begin with.
    pub begin: String,
    /// A template for them, for the setting `url`.
    pub template: String,
}

/// A text that is not a destination.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` {reason}", .text.escape_debug())]
pub struct BadDestination {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Place {
    /// Parses a place; none if the text names something else.
    ///
    /// # Errors
    /// [`BadDestination`].
    fn parse(text: &str) -> Result<Option<Place>, BadDestination> {
        let bad = |reason| {
            Err(BadDestination {
                text: text.to_owned(),
                reason,
            })
        };
        if text.starts_with('-') || text.contains(char::is_control) {
            return bad("cannot be the name of a destination");
        }
        if let Some(place) = text.strip_prefix("rclone:") {
            return match place.contains(':') && !place.starts_with('-') {
                true => Ok(Some(Place::Rclone(place.to_owned()))),
                false => bad("lacks the remote and its colon: rclone:REMOTE:PATH"),
            };
        }
        if text.starts_with("s3:") && !text.starts_with("s3://") {
            return bad("lacks a slash; did you mean s3://BUCKET/FOLDER?");
        }
        if is_of_windows(text) {
            return bad(
                "is a folder of Windows; in WSL it begins with /mnt/, for example /mnt/c/www",
            );
        }
        if let Some(place) = text.strip_prefix("s3://") {
            let (bucket, folder) = place.split_once('/').unwrap_or((place, ""));
            let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
            if bucket.is_empty() || bucket.starts_with('-') || !bucket.chars().all(is_plain) {
                return bad("lacks the name of the bucket: s3://BUCKET/FOLDER");
            }
            return Ok(Some(Place::S3 {
                bucket: bucket.to_owned(),
                folder: folder.trim_matches('/').to_owned(),
            }));
        }
        let (before, _) = text.split_once(':').unwrap_or((text, ""));
        let is_folder = before.contains('/') || [".", ".."].contains(&text);
        let is_machine = text.contains(':') && !before.is_empty();
        let is_other_url = text.contains("://") && !text.starts_with("rsync://");
        let is_place = is_folder || (is_machine && !is_other_url);
        Ok(is_place.then(|| Place::Rsync(trimmed(text))))
    }

    /// Returns the folder, if it is one of this machine.
    #[must_use]
    pub fn local(&self) -> Option<&Path> {
        match self {
            Place::Rsync(place) => {
                let (before, _) = place.split_once(':').unwrap_or((place, ""));
                let is_local = before.contains('/') || !place.contains(':');
                is_local.then(|| Path::new(place))
            }
            Place::Rclone(_) | Place::S3 { .. } => None,
        }
    }

    fn program(&self) -> Program {
        match self {
            Place::Rsync(_) => RSYNC,
            Place::Rclone(_) => RCLONE,
            Place::S3 { .. } => AWS,
        }
    }

    /// Returns the place of a folder below this one.
    fn below(&self, below: &str) -> Place {
        match self {
            Place::Rsync(place) => Place::Rsync(format!("{place}/{below}")),
            Place::Rclone(place) if place.ends_with([':', '/']) => {
                Place::Rclone(format!("{place}{below}"))
            }
            Place::Rclone(place) => Place::Rclone(format!("{place}/{below}")),
            Place::S3 { bucket, folder } => Place::S3 {
                bucket: bucket.clone(),
                folder: format!("{folder}/{below}").trim_matches('/').to_owned(),
            },
        }
    }

    /// Returns the store that copies to this place.
    fn open(&self, runner: &Runner) -> Box<dyn SiteStore> {
        let runner = runner.clone();
        match self {
            Place::Rsync(place) => Box::new(Rsync::new(place.clone(), runner)),
            Place::Rclone(place) => Box::new(Rclone::new(place.clone(), runner)),
            Place::S3 { bucket, folder } => Box::new(S3::new(bucket.clone(), folder, runner)),
        }
    }
}

/// Removes slashes at the end of a folder for rsync, to which others are added: `host:` alone is the home folder, not
/// the root.
fn trimmed(folder: &str) -> String {
    // rsync takes what is after `/./` for a path below the folder.
    let mut plain = folder.to_owned();
    while plain.contains("/./") {
        plain = plain.replace("/./", "/");
    }
    let folder = plain.as_str();
    let trimmed = folder.trim_end_matches('/');
    match trimmed {
        "" => "/.".to_owned(),
        _ if trimmed.ends_with(':') && trimmed.len() == folder.len() => format!("{trimmed}."),
        _ if trimmed.ends_with(':') => format!("{trimmed}/."),
        _ => trimmed.to_owned(),
    }
}

impl SiteDestination {
    /// What is accepted, for messages.
    pub const KINDS: &str = "a folder that begins with / or ./, HOST:/FOLDER, s3://BUCKET/FOLDER, rclone:REMOTE:PATH, \
        git, netlify, or cloudflare:PROJECT";

    /// Parses the name of a destination.
    ///
    /// # Errors
    /// [`BadDestination`].
    pub fn parse(text: &str) -> Result<SiteDestination, BadDestination> {
        match text.split_once(':') {
            None if text == "git" => return Ok(SiteDestination::Git),
            None if text == "netlify" => return Ok(SiteDestination::Netlify),
            Some(("cloudflare", project)) => {
                return match is_name(project) {
                    true => Ok(SiteDestination::Cloudflare(project.to_owned())),
                    false => bad(text, "lacks the project: cloudflare:PROJECT"),
                };
            }
            Some(("github" | "gitlab" | "sourceforge", _)) => {
                return bad(text, "is a place for zips: --zips-to");
            }
            _ => {}
        }
        match Place::parse(text)? {
            Some(place) => Ok(SiteDestination::Files(place)),
            None => Err(BadDestination {
                text: text.to_owned(),
                reason: "is not a destination",
            }),
        }
    }

    /// Returns the folder or bucket, if files are copied there one by one.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        match self {
            SiteDestination::Files(place) => Some(place),
            _ => None,
        }
    }

    fn program(&self) -> Program {
        match self {
            SiteDestination::Files(place) => place.program(),
            SiteDestination::Git => GIT,
            SiteDestination::Netlify => NETLIFY,
            SiteDestination::Cloudflare(_) => WRANGLER,
        }
    }

    /// Returns whether packages can be in `builds` below the site.
    #[must_use]
    pub fn hosts_zips(&self) -> bool {
        match self {
            SiteDestination::Files(_) => true,
            SiteDestination::Git | SiteDestination::Netlify | SiteDestination::Cloudflare(_) => {
                false
            }
        }
    }

    /// Returns the host that takes the site.
    #[must_use]
    pub fn open(&self, runner: &Runner, extras: Extras) -> SiteHost {
        let Extras { folder, repository } = extras;
        let runner = runner.clone();
        SiteHost::Deploy(match self {
            SiteDestination::Files(place) => return SiteHost::Store(place.open(&runner)),
            SiteDestination::Git => Box::new(Git::new(repository, runner)),
            SiteDestination::Netlify => Box::new(OwnProgram::new(Target::Netlify, folder, runner)),
            SiteDestination::Cloudflare(project) => {
                let target = Target::Cloudflare(project.clone());
                Box::new(OwnProgram::new(target, folder, runner))
            }
        })
    }
}

impl ZipsDestination {
    /// What is accepted, for messages.
    pub const KINDS: &str = "site, none, github:OWNER/REPO, github:https://HOST/OWNER/REPO, gitlab:GROUP/PROJECT, sourceforge:PROJECT/FOLDER, a folder that \
        begins with / or ./, HOST:/FOLDER, s3://BUCKET/FOLDER, or rclone:REMOTE:PATH";

    /// Parses the name of a destination. `variable` returns the value of a variable of the environment.
    ///
    /// # Errors
    /// [`BadDestination`], also if a variable is not set.
    pub fn parse(
        text: &str,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<ZipsDestination, BadDestination> {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let (kind, name) = text.split_once(':').unwrap_or((text, ""));
        match kind {
            "site" if text == kind => return Ok(ZipsDestination::WithSite),
            "none" if text == kind => return Ok(ZipsDestination::Nowhere),
            "github" => return github(text, name),
            "gitlab" => return gitlab(text, name, set("GITLAB_TOKEN")),
            "sourceforge" => return sourceforge(text, name, set("SOURCEFORGE_USER")),
            _ => {}
        }
        match Place::parse(text)? {
            Some(place) => Ok(ZipsDestination::Files(place)),
            None => Err(BadDestination {
                text: text.to_owned(),
                reason: "is not a destination for zips",
            }),
        }
    }

    /// Returns the folder or bucket, if it is another one than that of the site.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        match self {
            ZipsDestination::Files(place) => Some(place),
            _ => None,
        }
    }

    /// Returns the addresses that packages need to have so that they are uploaded; none if they may have any.
    #[must_use]
    pub fn addresses(&self) -> Option<Addresses> {
        match self {
            ZipsDestination::GitHub(repository) => Some(Addresses {
                of: format!("the releases of {}", repository.path),
                begin: repository.releases(),
                template: format!(
                    "{}{{device}}-{{datetime}}/{{filename}}",
                    repository.releases()
                ),
            }),
            ZipsDestination::GitLab { host, project, .. } => {
                let begin = gitlab::packages(host, project);
                Some(Addresses {
                    of: format!("the packages of {project}"),
                    template: format!("{begin}{{device}}/{{datetime}}/{{filename}}"),
                    begin,
                })
            }
            _ => None,
        }
    }

    /// Returns the program that uploads; none if nothing is uploaded, or with the site.
    fn program(&self) -> Option<Program> {
        match self {
            ZipsDestination::WithSite | ZipsDestination::Nowhere => None,
            ZipsDestination::Files(place) => Some(place.program()),
            ZipsDestination::GitHub(_) => Some(GH),
            ZipsDestination::GitLab { .. } => Some(CURL),
            ZipsDestination::SourceForge(_) => Some(RSYNC),
        }
    }

    /// Returns the store that takes the packages of a site; none if they are elsewhere already.
    #[must_use]
    pub fn open(
        &self,
        site: &SiteDestination,
        runner: &Runner,
        releases: Releases,
    ) -> Option<Box<dyn Store>> {
        let runner = runner.clone();
        Some(match (self, site) {
            (ZipsDestination::WithSite, SiteDestination::Files(place)) => {
                place.below(BUILDS).open(&runner)
            }
            (ZipsDestination::Files(place), _) => place.open(&runner),
            (ZipsDestination::GitHub(repository), _) => {
                Box::new(GitHub::new(repository.clone(), releases, runner))
            }
            (
                ZipsDestination::GitLab {
                    host,
                    project,
                    token,
                },
                _,
            ) => Box::new(GitLab::new(host, project, token.0.clone(), runner)),
            (ZipsDestination::SourceForge(place), _) => {
                Box::new(Rsync::new(place.clone(), runner).without_permissions())
            }
            (ZipsDestination::Nowhere | ZipsDestination::WithSite, _) => return None,
        })
    }
}

fn bad<T>(text: &str, reason: &'static str) -> Result<T, BadDestination> {
    Err(BadDestination {
        text: text.to_owned(),
        reason,
    })
}

/// Returns whether this is a path such as `C:\www`. Names of machines are longer, or in lower case.
fn is_of_windows(text: &str) -> bool {
    match text.as_bytes() {
        [drive, b':', b'\\', ..] => drive.is_ascii_alphabetic(),
        [drive, b':', b'/', ..] => drive.is_ascii_uppercase(),
        [b'\\', b'\\', ..] => true,
        _ => false,
    }
}

/// Returns whether this can be a part of a path or an argument of a program.
fn is_name(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(is_plain)
}

/// Returns whether a token has no character with a meaning in curl's settings.
fn is_token(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_graphic() && !"\"\\".contains(c))
}

fn github(text: &str, name: &str) -> Result<ZipsDestination, BadDestination> {
    match repository(name, "github.com") {
        Some((host, path)) if path.split('/').count() == 2 => {
            Ok(ZipsDestination::GitHub(github::Repository { host, path }))
        }
        _ => bad(text, "lacks the repository: github:OWNER/REPO"),
    }
}

fn gitlab(
    text: &str,
    name: &str,
    token: Option<String>,
) -> Result<ZipsDestination, BadDestination> {
    let Some((host, project)) = repository(name, "gitlab.com") else {
        return bad(text, "lacks the project: gitlab:GROUP/PROJECT");
    };
    match token.filter(|token| is_token(token)) {
        Some(token) => Ok(ZipsDestination::GitLab {
            host,
            project,
            token: Token(token),
        }),
        None => bad(
            text,
            "needs the variable GITLAB_TOKEN: a token with the scope api",
        ),
    }
}

fn sourceforge(
    text: &str,
    name: &str,
    user: Option<String>,
) -> Result<ZipsDestination, BadDestination> {
    let is_path = name.split('/').all(is_name);
    match user.filter(|user| is_name(user)) {
        _ if !is_path => bad(text, "lacks the project: sourceforge:PROJECT/FOLDER"),
        Some(user) => Ok(ZipsDestination::SourceForge(format!(
            "{user}@frs.sourceforge.net:/home/frs/project/{name}"
        ))),
        None => bad(
            text,
            "needs the variable SOURCEFORGE_USER: your name on SourceForge",
        ),
    }
}

/// Returns host and path of a repository: `OWNER/REPO` on the usual host, or its whole https address.
fn repository(name: &str, usual: &str) -> Option<(String, String)> {
    let (host, path) = match name.strip_prefix("https://") {
        Some(rest) => rest.split_once('/')?,
        None => (usual, name),
    };
    let is_host = is_name(&host.replacen(':', "", 1));
    let is_path = path.contains('/') && path.split('/').all(is_name);
    (is_host && is_path).then(|| (host.to_owned(), path.to_owned()))
}

/// Looks for the programs that upload.
///
/// # Errors
/// [`Error::NotInstalled`] for the first that is missing.
pub fn require_programs(site: &SiteDestination, zips: &ZipsDestination) -> Result<(), Error> {
    let programs = std::iter::once(site.program()).chain(zips.program());
    programs.into_iter().try_for_each(Program::require)
}

/// Returns the steps of a publication, in their order.
#[must_use]
pub fn steps(site: &SiteDestination, zips: &ZipsDestination) -> Vec<Step> {
    let mut steps = vec![Step::Generate];
    if *zips != ZipsDestination::Nowhere {
        steps.push(Step::Zips);
    }
    steps.push(Step::CheckZips);
    match site {
        SiteDestination::Files(_) => {
            steps.extend([Step::Pages, Step::Feeds, Step::Indexes, Step::Gone]);
            steps.push(Step::CheckSite);
        }
        // The workflow makes the site some minutes later.
        SiteDestination::Git => steps.push(Step::Deploy),
        SiteDestination::Netlify | SiteDestination::Cloudflare(_) => {
            steps.extend([Step::Deploy, Step::CheckSite]);
        }
    }
    steps
}
