//! Netlify and Cloudflare Pages, by their own programs.
//!
//! They take all of a site at once, with the files that set up the host. Functions, and the site that a folder is linked
//! to, are those of the current folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::program::{Program, Runner, plain_folder};
use super::store::Deploy;
use super::{Error, io_error};

pub(super) const NETLIFY: Program = Program {
    name: "netlify",
    hint: "install it and sign in: npm install -g netlify-cli; netlify login; netlify link",
};
pub(super) const WRANGLER: Program = Program {
    name: "wrangler",
    hint: "install it and sign in: npm install -g wrangler; wrangler login",
};
/// The folder with the files that set up a host, next to the settings.
const SETUP_DIR: &str = "host";
/// These files; romfeed does not touch them in the site.
const SETUP: [&str; 2] = ["_headers", "_redirects"];

/// A host that a program of its own uploads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The site that the folder is linked to.
    Netlify,
    /// The project with this name.
    Cloudflare(String),
}

/// Uploads a site with the program of its host.
pub(super) struct OwnProgram {
    target: Target,
    /// The folder of the settings.
    folder: PathBuf,
    runner: Runner,
}

impl OwnProgram {
    /// Makes the host for a target.
    pub(super) fn new(target: Target, folder: PathBuf, runner: Runner) -> OwnProgram {
        OwnProgram {
            target,
            folder,
            runner,
        }
    }

    /// Copies the files that set up the host into the site.
    fn set_up(&self, out: &Path) -> Result<(), Error> {
        for name in SETUP {
            let file = self.folder.join(SETUP_DIR).join(name);
            if file.is_file() {
                std::fs::copy(&file, out.join(name)).map_err(io_error(&file))?;
            }
        }
        Ok(())
    }
}

impl Deploy for OwnProgram {
    fn plan(&self) -> Result<Vec<String>, Error> {
        Ok(vec!["to publish: the whole site".to_owned()])
    }

    fn deploy(&mut self, out: &Path) -> Result<(), Error> {
        self.set_up(out)?;
        let out = plain_folder(out);
        let (program, args): (Program, Vec<&str>) = match &self.target {
            Target::Netlify => (NETLIFY, vec!["deploy", "--prod", "--no-build", "--dir"]),
            Target::Cloudflare(_) => (WRANGLER, vec!["pages", "deploy"]),
        };
        // npm installs scripts.
        let mut command = match cfg!(windows) {
            true => Command::new(format!("{}.cmd", program.name)),
            false => Command::new(program.name),
        };
        command.args(args).arg(out);
        if let Target::Cloudflare(project) = &self.target {
            command.args(["--project-name", project, "--branch", "main"]);
        }
        let observer = self.runner.observer.clone();
        let mut on_line = |line: &[u8]| observer.said(&String::from_utf8_lossy(line));
        let mut on_message = |line: &str| observer.said(line);
        let status = self
            .runner
            .run(program, &mut command, &mut on_line, &mut on_message)?;
        match status.success() {
            true => Ok(()),
            false => Err(program.failed("publish the site", status)),
        }
    }
}
