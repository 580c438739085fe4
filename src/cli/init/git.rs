//! What git knows about the folder: its remote, and from it the address of the pages.

use std::io;
use std::path::{Path, PathBuf};

use romfeed::hosting::{self, Forge, Remote};

use super::read_text;
use crate::cli::report::Terminal;

/// Returns the address of the forge's pages, or the domain in the `CNAME` file.
pub(super) fn guess_base(remote: &Remote) -> Option<String> {
    let cname = read_text(Path::new("CNAME")).ok().flatten();
    let domain = cname.as_deref().and_then(hosting::parse_cname);
    Some(match domain.filter(|_| remote.forge == Forge::GitHub) {
        Some(domain) => format!("https://{domain}"),
        None => remote.pages_url(),
    })
}

/// Finds the remote of the repository in this folder; none for an unknown forge.
pub(super) fn find_remote(terminal: Terminal) -> Option<Remote> {
    let text = match git_config().and_then(|path| path.map_or(Ok(None), |path| read_text(&path))) {
        Ok(text) => text?,
        Err(error) => {
            terminal.warning(&format!("cannot read the settings of git: {error}"));
            return None;
        }
    };
    let url = hosting::parse_config(&text)?;
    let remote = Remote::parse(&url);
    if remote.is_none() {
        // The address may hold a password, so it is not shown.
        terminal
            .warning("the remote in .git/config is not a repository of github.com or gitlab.com");
    }
    remote
}

/// Finds the settings of the repository in this folder. In a worktree or a submodule, `.git` is a file
/// with their path (gitrepository-layout(5)).
fn git_config() -> io::Result<Option<PathBuf>> {
    let git = Path::new(".git");
    if git.is_dir() {
        return Ok(Some(git.join("config")));
    }
    let Some(text) = read_text(git)? else {
        return Ok(None);
    };
    let Some(folder) = text.trim().strip_prefix("gitdir:") else {
        return Err(io::Error::other(".git is not a file that git wrote"));
    };
    let folder = PathBuf::from(folder.trim());
    let common = read_text(&folder.join("commondir"))?;
    let folder = common.map_or_else(|| folder.clone(), |common| folder.join(common.trim()));
    Ok(Some(folder.join("config")))
}
