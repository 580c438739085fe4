//! The forge of a repository, from git's settings, and the address of its pages.
//!
//! In: the text of `.git/config`, of `CNAME`. Out: a [`Remote`], a domain. Source: git-config(1),
//! "Syntax"; `include` and `insteadOf` are left out, since they are rare in a repository's own file.

use super::values::is_domain;

/// Longest name of a user, a group or a repository.
const MAX_NAME_LEN: usize = 255;
/// Most groups above a repository of GitLab.
const MAX_GROUPS: usize = 21;

/// A host of repositories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forge {
    /// github.com.
    GitHub,
    /// gitlab.com.
    GitLab,
}

/// A repository of a forge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// The forge.
    pub forge: Forge,
    path: String,
}

impl Remote {
    /// Parses the address of a remote, in the forms of `git remote add`. A user name and a password in it
    /// are ignored. None for other forges, and for names that no forge allows.
    #[must_use]
    pub fn parse(url: &str) -> Option<Remote> {
        let (authority, path) = match url.split_once("://") {
            Some((scheme, rest)) => {
                let is_known = ["https", "http", "ssh", "git", "git+ssh"].contains(&scheme);
                rest.split_once('/').filter(|_| is_known)?
            }
            // The form of scp: user@host:path.
            None => url.split_once(':')?,
        };
        let host = authority.rsplit_once('@').map_or(authority, |(_, h)| h);
        let host = host.split(':').next().unwrap_or_default();
        let forge = match host.to_ascii_lowercase().as_str() {
            "github.com" | "www.github.com" | "ssh.github.com" => Forge::GitHub,
            "gitlab.com" | "www.gitlab.com" | "altssh.gitlab.com" => Forge::GitLab,
            _ => return None,
        };
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        let num_names = path.split('/').count();
        let has_room = match forge {
            Forge::GitHub => num_names == 2,
            Forge::GitLab => (2..=MAX_GROUPS).contains(&num_names),
        };
        (has_room && path.split('/').all(is_name)).then(|| Remote {
            forge,
            path: path.to_owned(),
        })
    }

    /// Returns owner or groups, and name, separated by `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the address of its pages if no domain is set. GitLab also gives new repositories another
    /// address, which is not known here.
    #[must_use]
    pub fn pages_url(&self) -> String {
        let (owner, name) = self.path.split_once('/').unwrap_or((&self.path, ""));
        let domain = match self.forge {
            Forge::GitHub => format!("{}.github.io", owner.to_ascii_lowercase()),
            Forge::GitLab => format!("{}.gitlab.io", owner.to_ascii_lowercase()),
        };
        match name.eq_ignore_ascii_case(&domain) {
            true => format!("https://{domain}"),
            false => format!("https://{domain}/{name}"),
        }
    }

    /// Returns GitLab's address for its generic packages.
    #[must_use]
    pub(super) fn packages(&self) -> String {
        let project = self.path.replace('/', "%2F");
        format!("https://gitlab.com/api/v4/projects/{project}/packages/generic")
    }

    /// Returns the `url` in the settings for zips on this forge.
    pub(super) fn zip_url(&self) -> String {
        match self.forge {
            Forge::GitHub => format!(
                "https://github.com/{}/releases/download/{{device}}-{{datetime}}/{{filename}}",
                self.path
            ),
            Forge::GitLab => format!("{}/{{device}}/{{datetime}}/{{filename}}", self.packages()),
        }
    }
}

/// Returns whether a forge allows this name. It goes into scripts without quotes.
fn is_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    name.len() <= MAX_NAME_LEN
        && name.chars().all(is_plain)
        && !name.starts_with(['-', '.'])
        && !name.is_empty()
}

/// Returns the address of the remote `origin` in `.git/config`, otherwise of the first remote.
#[must_use]
pub fn parse_config(text: &str) -> Option<String> {
    let mut remote = None;
    let mut first = None;
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            remote = parse_section(section);
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let Some(name) = remote.filter(|_| key.trim().eq_ignore_ascii_case("url")) else {
            continue;
        };
        let url = unquote(value.trim());
        if name == "origin" {
            return Some(url);
        }
        first.get_or_insert(url);
    }
    first
}

/// Returns the name in `remote "name"]`.
fn parse_section(section: &str) -> Option<&str> {
    let (kind, name) = section.split_once('"')?;
    let is_remote = kind.trim().eq_ignore_ascii_case("remote");
    name.rsplit_once('"')
        .map(|(name, _)| name)
        .filter(|_| is_remote)
}

/// Returns a value without its quotes and its comment. Addresses have no escapes; a value with one is
/// later refused as a name.
fn unquote(value: &str) -> String {
    if let Some(quoted) = value.strip_prefix('"') {
        return quoted.split('"').next().unwrap_or_default().to_owned();
    }
    let end = value.find([' ', '\t', '#', ';']).unwrap_or(value.len());
    value.get(..end).unwrap_or_default().to_owned()
}

/// Returns the domain in a `CNAME` file of GitHub Pages.
#[must_use]
pub fn parse_cname(text: &str) -> Option<&str> {
    let domain = text.trim();
    is_domain(domain).then_some(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(url: &str) -> Option<(Forge, String)> {
        Remote::parse(url).map(|remote| (remote.forge, remote.path))
    }

    #[test]
    fn every_form_of_a_remote_is_parsed() {
        let github = Some((Forge::GitHub, "You/ota.files".to_owned()));
        for url in [
            "https://github.com/You/ota.files",
            "https://github.com/You/ota.files.git",
            "https://www.github.com/You/ota.files/",
            "https://you:secret@github.com/You/ota.files.git",
            "git@github.com:You/ota.files.git",
            "github.com:You/ota.files",
            "ssh://git@github.com/You/ota.files.git",
            "ssh://git@ssh.github.com:443/You/ota.files.git",
            "git://GitHub.com/You/ota.files.git",
        ] {
            assert_eq!(remote(url), github, "{url}");
        }
        let groups = "https://gitlab.com/group/sub/ota.git";
        assert_eq!(
            remote(groups),
            Some((Forge::GitLab, "group/sub/ota".to_owned()))
        );
    }

    #[test]
    fn other_forges_and_hostile_names_are_refused() {
        for url in [
            "https://example.org/you/ota.git",
            "https://github.com.example.org/you/ota",
            "https://github.com/you",
            "https://github.com/you/ota/more",
            "https://github.com/you/$(id)",
            "https://github.com/you/o'ta",
            "https://github.com/you/o\"ta",
            "https://github.com/you/o ta",
            "https://github.com/you/ota\nid",
            "https://github.com/-you/ota",
            "https://github.com/you/..",
            "file:///github.com/you/ota",
            "/srv/git/ota.git",
            "",
        ] {
            assert_eq!(remote(url), None, "{url}");
        }
    }

    #[test]
    fn pages_have_the_address_of_the_forge() {
        let url = |remote: &str| Remote::parse(remote).unwrap().pages_url();
        assert_eq!(url("github.com:You/ota"), "https://you.github.io/ota");
        assert_eq!(url("github.com:You/you.github.io"), "https://you.github.io");
        assert_eq!(url("gitlab.com:g/s/ota"), "https://g.gitlab.io/s/ota");
    }

    #[test]
    fn origin_takes_precedence_over_other_remotes() {
        let other = "[core]\n\turl = no\n[remote \"up\"]\n\turl = u ; comment\n";
        assert_eq!(parse_config(other).as_deref(), Some("u"));
        let both =
            format!("{other}[branch \"x\"]\nurl = no\n[Remote \"origin\"] # c\nURL = \"o\"\n");
        assert_eq!(parse_config(&both).as_deref(), Some("o"));
        assert_eq!(parse_config("[core]\n\tbare = false\n"), None);
    }

    #[test]
    fn a_cname_is_one_domain() {
        assert_eq!(parse_cname("ota.example.org\n"), Some("ota.example.org"));
        for text in ["", "a\nb.example.org", "x", "a.b/c", "$(id).org"] {
            assert_eq!(parse_cname(text), None, "{text}");
        }
    }
}
