//! Where the zips of a site are, and the `[[source]]` for those that romfeed lists there.
//!
//! In: what the user names, such as `github` or `sourceforge:project/folder`, and the remote of the repository.
//! Out: [`Zips`], and the lines of the settings.

use super::Host;
use super::remote::{Forge, Remote};
use super::values::{BadValue, Base, PlainPath, bad, is_segment};
use crate::model::source::{self, SourceConfig};

/// What is accepted as the place of zips, for messages.
const PLACES: &str = "github, github:OWNER/REPO, gitlab, gitlab:GROUP/PROJECT, sourceforge:PROJECT, \
    sourceforge:PROJECT/FOLDER, or the https address of a web folder";
/// What the values of the command line are for, in messages.
const WHAT: &str = "--zips";
/// Addresses of the hosts that are named by a word.
const GITHUB_API: &str = "https://api.github.com";
const GITLAB: &str = "https://gitlab.com";
const SOURCEFORGE: &str = "https://sourceforge.net";
const SOURCEFORGE_DOWNLOADS: &str = "https://downloads.sourceforge.net/project";

/// Domains of hosts without a list that romfeed can read, and the reason. Source: the hosts' pages, and rclone's list of
/// storage systems.
const UNLISTED: [(&str, &str); 11] = [
    ("drive.google.com", SHOWS_A_PAGE),
    ("drive.usercontent.google.com", SHOWS_A_PAGE),
    ("mega.nz", SHOWS_A_PAGE),
    ("mega.io", SHOWS_A_PAGE),
    ("mediafire.com", SHOWS_A_PAGE),
    ("androidfilehost.com", SHOWS_A_PAGE),
    ("gofile.io", SHOWS_A_PAGE),
    ("dropbox.com", HAS_SEPARATE_ADDRESSES),
    ("1drv.ms", HAS_SEPARATE_ADDRESSES),
    ("onedrive.live.com", HAS_SEPARATE_ADDRESSES),
    (PIXELDRAIN, "has no list that romfeed can read"),
];
const PIXELDRAIN: &str = "pixeldrain.com";
const SHOWS_A_PAGE: &str = "shows a page before a file, so phones cannot download from there";
const HAS_SEPARATE_ADDRESSES: &str =
    "gives each file an address of its own, so it is no folder for phones";

/// The place of the zips of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Zips {
    /// Below the site, in `builds/`.
    Site,
    /// On a forge: release assets of GitHub, generic packages of GitLab.
    Forge(Remote),
    /// Where a `[[source]]` of the settings lists them.
    Listed(Listed),
    /// At an address that the maintainer sets.
    Elsewhere,
}

impl Zips {
    /// Returns the default place of the zips for a host. Without a host, a forge is not used either.
    #[must_use]
    pub fn for_host(host: Option<Host>, remote: Option<&Remote>) -> Zips {
        match (host, remote) {
            (Some(host), _) if host.hosts_zips() => Zips::Site,
            (Some(_), Some(remote)) => Zips::Forge(remote.clone()),
            (Some(_), None) => Zips::Elsewhere,
            (None, _) => Zips::Site,
        }
    }

    /// Returns the `url` in the settings for this place; none for zips below the site, and for those that are
    /// not uploaded by `publish`.
    #[must_use]
    pub fn url(&self) -> Option<String> {
        match self {
            Zips::Forge(remote) => Some(remote.zip_url()),
            Zips::Listed(listed) => {
                let folder = listed.sourceforge_folder()?;
                Some(format!("{SOURCEFORGE_DOWNLOADS}/{folder}/{{path}}"))
            }
            Zips::Site | Zips::Elsewhere => None,
        }
    }

    /// Returns what a `[[source]]` lists.
    #[must_use]
    pub fn listed(&self) -> Option<&Listed> {
        match self {
            Zips::Listed(listed) => Some(listed),
            Zips::Site | Zips::Forge(_) | Zips::Elsewhere => None,
        }
    }
}

/// Zips that a `[[source]]` lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    host: source::Host,
    /// Whether they are in the repository that the files of `init` are in.
    pub is_own: bool,
    /// Whether only the settings of a device name them.
    pub is_of_device: bool,
}

impl Listed {
    /// Parses a place as the user names it: see `PLACES`.
    ///
    /// # Errors
    /// [`BadValue`] with the reason.
    pub fn parse(place: &str, remote: Option<&Remote>) -> Result<Listed, BadValue> {
        let (kind, name) = match place.split_once(':') {
            Some((kind, name)) if !name.starts_with("//") => (kind, Some(name)),
            _ => (place, None),
        };
        let host = match (kind, name) {
            ("github", _) => github(repository(Forge::GitHub, place, name, remote)?),
            ("gitlab", _) => gitlab(repository(Forge::GitLab, place, name, remote)?),
            ("sourceforge", Some(name)) => {
                let (project, path) = name.split_once('/').unwrap_or((name, ""));
                sourceforge(place, project, path)?
            }
            ("sourceforge", None) => {
                return bad(WHAT, place, "lacks the project: sourceforge:PROJECT");
            }
            _ if place.starts_with("https://") => address(place)?,
            _ => return bad(WHAT, place, "is not a place that romfeed can list"),
        };
        Ok(Listed::new(host, remote))
    }

    /// Returns what the first source of the settings lists, one of all devices if there is any; none if its values cannot
    /// go into scripts.
    #[must_use]
    pub fn from_sources(sources: &[SourceConfig], remote: Option<&Remote>) -> Option<Listed> {
        let mut of_all = sources.iter().filter(|source| source.device.is_none());
        let source = of_all.next().or(sources.first())?;
        let host = source.host.clone();
        let is_plain = match &host {
            source::Host::SourceForge { project, path, .. } => {
                sourceforge("", project, path).is_ok()
            }
            _ => true,
        };
        is_plain.then(|| Listed {
            is_of_device: source.device.is_some(),
            ..Listed::new(host, remote)
        })
    }

    fn new(host: source::Host, remote: Option<&Remote>) -> Listed {
        let is_own = remote.is_some_and(|remote| match (&host, remote.forge) {
            (source::Host::GitHub { api, repo, .. }, Forge::GitHub) => {
                api == GITHUB_API && repo.eq_ignore_ascii_case(remote.path())
            }
            (source::Host::GitLab { site, project }, Forge::GitLab) => {
                site == GITLAB && project.eq_ignore_ascii_case(remote.path())
            }
            _ => false,
        });
        Listed {
            host,
            is_own,
            is_of_device: false,
        }
    }

    /// Returns whether a source of the settings lists the same.
    #[must_use]
    pub fn is_in(&self, sources: &[SourceConfig]) -> bool {
        let listed = |source: &SourceConfig| Listed {
            host: source.host.clone(),
            ..self.clone()
        };
        sources
            .iter()
            .any(|source| listed(source).lines() == self.lines())
    }

    /// Returns the lines of its `[[source]]`, without the heading.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        match &self.host {
            source::Host::GitHub { repo, .. } => vec![format!("github = \"{repo}\"")],
            source::Host::Forgejo { site, repo, .. } => {
                vec![format!("forgejo = \"{site}/{repo}\"")]
            }
            source::Host::GitLab { project, .. } => vec![format!("gitlab = \"{project}\"")],
            source::Host::SourceForge { project, path, .. } => {
                let mut lines = vec![format!("sourceforge = \"{project}\"")];
                if path != "/" {
                    lines.push(format!("path = \"{path}\""));
                }
                lines
            }
            source::Host::Listing { url } => vec![format!("listing = \"{url}\"")],
            // Only settings that the user wrote have one of these, and they are never written.
            source::Host::Files { base, .. } => vec![format!("base = \"{base}\"")],
            source::Host::S3(bucket) => vec![format!("s3 = \"{}/{}\"", bucket.url, bucket.prefix)],
        }
    }

    /// Describes the place, for people.
    #[must_use]
    pub fn title(&self) -> String {
        match &self.host {
            source::Host::GitHub { repo, .. } => format!("the releases of {repo}"),
            source::Host::Forgejo { site, repo, .. } => format!("the releases of {site}/{repo}"),
            source::Host::GitLab { project, .. } => format!("the releases of {project}"),
            source::Host::SourceForge { project, path, .. } if path == "/" => {
                format!("the project {project} on SourceForge")
            }
            source::Host::SourceForge { project, path, .. } => {
                format!("the folder {path} of the project {project} on SourceForge")
            }
            source::Host::Listing { url: base } | source::Host::Files { base, .. } => base.clone(),
            source::Host::S3(bucket) => format!("the bucket {}", bucket.url),
        }
    }

    /// Returns the project and folder on SourceForge to which `publish` uploads.
    #[must_use]
    pub fn sourceforge_folder(&self) -> Option<String> {
        match &self.host {
            source::Host::SourceForge { project, path, .. } => {
                Some(format!("{project}{path}").trim_end_matches('/').to_owned())
            }
            _ => None,
        }
    }
}

/// Returns the path of a repository: the named one, or that of the remote.
fn repository(
    forge: Forge,
    place: &str,
    name: Option<&str>,
    remote: Option<&Remote>,
) -> Result<String, BadValue> {
    let (host, form) = match forge {
        Forge::GitHub => ("github.com", "is not github:OWNER/REPO"),
        Forge::GitLab => ("gitlab.com", "is not gitlab:GROUP/PROJECT"),
    };
    let named = name.map(|name| Remote::parse(&format!("https://{host}/{name}")));
    match (named, remote.filter(|remote| remote.forge == forge)) {
        (Some(Some(remote)), _) => Ok(remote.path().to_owned()),
        (Some(None), _) => bad(WHAT, place, form),
        (None, Some(remote)) => Ok(remote.path().to_owned()),
        (None, None) => bad(
            WHAT,
            place,
            "needs a repository: the remote in .git/config is not there",
        ),
    }
}

/// Returns the entry of [`UNLISTED`] for the host of an address. Links to such hosts often have a query.
fn unlisted(place: &str) -> Option<(&'static str, &'static str)> {
    let url = place.split(['?', '#']).next().unwrap_or(place);
    let base = Base::parse(url.trim_end_matches('/')).ok()?;
    let domain = base.domain().to_ascii_lowercase();
    let is_of = |(name, _): &(&str, &str)| {
        let below = domain.strip_suffix(name);
        below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
    };
    UNLISTED.into_iter().find(is_of)
}

/// Returns what works in place of a place that [`Listed::parse`] refused.
#[must_use]
pub fn place_hint(place: &str) -> String {
    match (place, unlisted(place)) {
        ("github", _) => "name the repository: --zips github:OWNER/REPO; or make this folder a clone of it: \
            git init && git remote add origin https://github.com/OWNER/REPO.git"
            .to_owned(),
        ("gitlab", _) => "name the project: --zips gitlab:GROUP/PROJECT; or make this folder a clone of it: \
            git init && git remote add origin https://gitlab.com/GROUP/PROJECT.git"
            .to_owned(),
        (_, Some((PIXELDRAIN, _))) => "rclone can list it: rclone lsjson -R --hash REMOTE: >files.json, and in romfeed.toml \
            [[source]] with files = \"files.json\" and base = \"https://pixeldrain.com/api/filesystem/ID\""
            .to_owned(),
        (_, Some(_)) => "copy the zips to where phones can download, for example with rclone: --zips github:OWNER/REPO, \
            --zips sourceforge:PROJECT/FOLDER, or a bucket or web folder"
            .to_owned(),
        _ => format!("name one of {PLACES}"),
    }
}

fn github(repo: String) -> source::Host {
    source::Host::GitHub {
        api: GITHUB_API.to_owned(),
        repo,
        prereleases: false,
    }
}

fn gitlab(project: String) -> source::Host {
    source::Host::GitLab {
        site: GITLAB.to_owned(),
        project,
    }
}

fn sourceforge(place: &str, project: &str, path: &str) -> Result<source::Host, BadValue> {
    let is_project = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if !is_segment(project) || !project.chars().all(is_project) {
        return bad(WHAT, place, "does not name a project: sourceforge:PROJECT");
    }
    let path = path.trim_matches('/');
    if !path.is_empty() {
        PlainPath::parse(path)?;
    }
    Ok(source::Host::SourceForge {
        site: SOURCEFORGE.to_owned(),
        project: project.to_owned(),
        path: format!("/{path}"),
    })
}

/// Returns the host at an address: a repository of GitHub, GitLab or Codeberg, or else a web folder.
fn address(place: &str) -> Result<source::Host, BadValue> {
    let url = place.trim_end_matches('/');
    if let Some((_, reason)) = unlisted(place) {
        return bad(WHAT, place, reason);
    }
    let base = Base::parse(url)?;
    if let Some(remote) = Remote::parse(url) {
        let path = remote.path().to_owned();
        return Ok(match remote.forge {
            Forge::GitHub => github(path),
            Forge::GitLab => gitlab(path),
        });
    }
    let path = base.prefix().trim_start_matches('/');
    if base.domain() == "sourceforge.net" {
        let rest = path.strip_prefix("projects/").unwrap_or_default();
        let (project, path) = rest.split_once('/').unwrap_or((rest, ""));
        return sourceforge(
            place,
            project,
            path.strip_prefix("files").unwrap_or_default(),
        );
    }
    if base.domain() == "codeberg.org" {
        return Ok(source::Host::Forgejo {
            site: "https://codeberg.org".to_owned(),
            repo: path.to_owned(),
            prereleases: false,
        });
    }
    Ok(source::Host::Listing {
        url: format!("{url}/"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(place: &str, remote: Option<&str>) -> Result<Vec<String>, String> {
        let remote = remote.and_then(Remote::parse);
        let listed = Listed::parse(place, remote.as_ref());
        listed
            .map(|listed| listed.lines())
            .map_err(|e| e.to_string())
    }

    #[test]
    fn each_place_has_its_lines_in_the_settings() {
        let github = Some("git@github.com:you/ota.git");
        for (place, remote, expected) in [
            ("github", github, &["github = \"you/ota\""][..]),
            ("github:me/roms", github, &["github = \"me/roms\""]),
            (
                "https://github.com/me/roms/",
                None,
                &["github = \"me/roms\""],
            ),
            (
                "gitlab",
                Some("git@gitlab.com:a/b/c"),
                &["gitlab = \"a/b/c\""],
            ),
            ("gitlab:a/b", None, &["gitlab = \"a/b\""]),
            ("sourceforge:my-rom", None, &["sourceforge = \"my-rom\""]),
            (
                "sourceforge:my-rom/a/b/",
                None,
                &["sourceforge = \"my-rom\"", "path = \"/a/b\""],
            ),
            (
                "https://sourceforge.net/projects/my-rom/files/a",
                None,
                &["sourceforge = \"my-rom\"", "path = \"/a\""],
            ),
            (
                "https://codeberg.org/me/roms",
                None,
                &["forgejo = \"https://codeberg.org/me/roms\""],
            ),
            (
                "https://dl.example.org/roms",
                None,
                &["listing = \"https://dl.example.org/roms/\""],
            ),
        ] {
            assert_eq!(lines(place, remote).unwrap(), expected, "{place}");
        }
    }

    #[test]
    fn places_that_cannot_be_listed_or_are_not_safe_in_scripts_are_refused() {
        for place in [
            "",
            "github",
            "gitlab",
            "github:you",
            "github:you/$(id)",
            "github:you/a\"b",
            "gitlab:group",
            "sourceforge",
            "sourceforge:",
            "sourceforge:my rom",
            "sourceforge:my-rom/$(id)",
            "sourceforge:my-rom/../x",
            "dropbox",
            "http://dl.example.org/roms",
            "https://dl.example.org/a b",
            "https://dl.example.org/\"",
            "ftp:dl.example.org",
        ] {
            assert!(lines(place, None).is_err(), "{place}");
        }
        // The remote of another forge is not meant.
        assert!(lines("gitlab", Some("git@github.com:you/ota")).is_err());
    }

    #[test]
    fn hosts_without_a_list_are_refused_with_what_works() {
        for (place, reason, hint) in [
            (
                "https://drive.google.com/drive/folders/1AbC?usp=sharing",
                "shows a page",
                "rclone",
            ),
            (
                "https://mega.nz/folder/x#key",
                "shows a page",
                "--zips github:",
            ),
            (
                "https://www.mediafire.com/folder/x/roms",
                "shows a page",
                "--zips github:",
            ),
            (
                "https://androidfilehost.com/?w=files",
                "shows a page",
                "--zips github:",
            ),
            (
                "https://WWW.Dropbox.com/sh/x",
                "an address of its own",
                "--zips github:",
            ),
            ("https://pixeldrain.com/l/x", "has no list", "rclone lsjson"),
        ] {
            let error = lines(place, None).unwrap_err();
            assert!(error.contains(reason), "{error}");
            assert!(place_hint(place).contains(hint), "{place}");
        }
        assert!(lines("https://notmega.nz/roms", None).is_ok());
        assert!(place_hint("github").contains("github:OWNER/REPO"));
    }

    #[test]
    fn only_the_repository_itself_is_its_own() {
        let remote = Remote::parse("git@github.com:You/ota");
        for (place, is_own) in [
            ("github", true),
            ("github:you/OTA", true),
            ("github:me/ota", false),
            ("gitlab:you/ota", false),
        ] {
            let listed = Listed::parse(place, remote.as_ref()).unwrap();
            assert_eq!(listed.is_own, is_own, "{place}");
        }
    }
}
