//! Faults while romfeed works, and what they may leave behind.
//!
//! In: the path of a built romfeed. A [`Site`] is a maintainer's folder with that program; the
//! [`scenario`] is a series of runs in it that add, replace, withdraw and lose builds. Each becomes a
//! [`Stage`]: the folder before the run, and after an undisturbed one. A fault is then applied to
//! the same run as often as needed, and [`outcome`] returns what was lost: a file that is neither old
//! nor new, a link to nothing, a catalog that lacks builds, and whatever one more run does not
//! repair.
//!
//! [`damage`] damages files between runs, [`zip_changes`] changes zips during one, [`garbage`] writes
//! broken zips, [`random`] chooses moments; the same seed gives the same choices. Nothing here uses
//! romfeed's code, only its command line and the files it writes.

pub mod damage;
pub mod garbage;
pub mod outcome;
pub mod random;
pub mod scenario;
pub mod tree;
pub mod zip_changes;

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant, SystemTime};

pub use random::Random;
pub use tree::Tree;

/// The address of the sites.
pub const BASE_URL: &str = "https://example.org/ota";

/// The maintainer's files in the folder; all others are romfeed's.
const INPUTS: [&str; 2] = ["builds", "romfeed.toml"];

/// A maintainer's folder, and the program that is run in it.
#[derive(Clone, Debug)]
pub struct Site {
    folder: PathBuf,
    program: PathBuf,
}

/// The result of a run.
#[derive(Clone, Debug)]
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard error.
    pub stderr: String,
}

impl Ended {
    /// Whether it ended by itself, with one of these codes.
    pub fn exited_with(&self, codes: &[i32]) -> bool {
        self.status.code().is_some_and(|code| codes.contains(&code))
    }

    /// Whether it reported an error in one line with this text, and did not panic.
    pub fn says(&self, text: &str) -> bool {
        let mut lines = self.stderr.lines();
        lines.any(|line| line.contains("error: ") && line.contains(text)) && !self.has_panicked()
    }

    /// Whether it reported an internal error.
    pub fn has_panicked(&self) -> bool {
        self.stderr.contains("panicked")
    }
}

impl Site {
    /// Creates a site in this existing folder, for this program.
    pub fn new(folder: impl Into<PathBuf>, program: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            program: program.into(),
        }
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Returns the path of a file in the folder.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// Writes a file below the folder, dated an hour back: only files that have settled are cached.
    pub fn put(&self, path: &str, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let file = self.path(path);
        std::fs::create_dir_all(file.parent().unwrap_or(&self.folder))?;
        std::fs::write(&file, bytes)?;
        let hour = Duration::from_secs(3600);
        let file = std::fs::File::options().write(true).open(file)?;
        file.set_modified(std::time::SystemTime::now() - hour)
    }

    /// Removes a file below the folder.
    pub fn remove(&self, path: &str) -> io::Result<()> {
        std::fs::remove_file(self.path(path))
    }

    /// Prepares the program with these arguments, in the folder, without settings from outside.
    pub fn command(&self, call: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        self.prepare(command.args(call));
        command
    }

    /// Prepares another program that will run this one.
    pub fn command_by(&self, program: impl AsRef<Path>, args: &[&str]) -> Command {
        let mut command = Command::new(program.as_ref());
        self.prepare(command.args(args));
        command
    }

    fn prepare(&self, command: &mut Command) {
        command.current_dir(&self.folder).stdin(Stdio::null());
        for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("ROMFEED_")) {
            command.env_remove(key);
        }
    }

    /// Runs the program to its end.
    pub fn run(&self, call: &[&str]) -> io::Result<Ended> {
        end(self.command(call))
    }

    /// Starts the program; its output is discarded.
    pub fn start(&self, call: &[&str]) -> io::Result<Child> {
        let mut command = self.command(call);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    }

    /// Reads all files of romfeed, including temporary ones.
    pub fn outputs(&self) -> io::Result<Tree> {
        tree::read(&self.folder, &INPUTS)
    }

    /// Restores the outputs to an earlier state.
    pub fn rewind(&self, outputs: &Tree) -> io::Result<()> {
        tree::restore(&self.folder, &INPUTS, outputs)
    }
}

/// Runs a program to its end.
pub fn end(mut command: Command) -> io::Result<Ended> {
    let output = command.output()?;
    Ok(Ended {
        status: output.status,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// One run that can be repeated.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The folder that it runs in.
    pub site: Site,
    /// The subject of the run.
    pub name: &'static str,
    /// Its arguments.
    pub call: &'static [&'static str],
    /// romfeed's files before the run.
    pub before: Tree,
    /// The same after an undisturbed run.
    pub after: Tree,
}

impl Stage {
    /// Changes the maintainer's files, and makes the run once without a fault.
    ///
    /// # Errors
    /// If that run or a file operation fails.
    pub fn set(site: &Site, step: &scenario::Step) -> io::Result<Self> {
        (step.change)(site)?;
        let before = site.outputs()?;
        let ended = site.run(step.call)?;
        if !ended.exited_with(&[0]) {
            let reason = format!(
                "{}: the undisturbed run failed: {}",
                step.name, ended.stderr
            );
            return Err(io::Error::other(reason));
        }
        let after = site.outputs()?;
        let faults = outcome::dangling(&after, site.folder());
        if !faults.is_empty() {
            let reason = format!("{}: {}", step.name, faults.join("; "));
            return Err(io::Error::other(reason));
        }
        Ok(Self {
            site: site.clone(),
            name: step.name,
            call: step.call,
            before,
            after,
        })
    }

    /// Starts the run, and waits until it writes a file of the catalog or the site, or has ended.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start_writing(&self) -> io::Result<Child> {
        let before = self.traces();
        let mut child = self.site.start(self.call)?;
        while child.try_wait()?.is_none() && self.traces() == before {
            std::thread::sleep(Duration::from_micros(20));
        }
        Ok(child)
    }

    /// The paths that change as soon as something is written: catalogs, and the folder that every
    /// page goes through.
    fn traces(&self) -> [Option<(u64, SystemTime)>; 3] {
        ["catalog.json", ".catalog.json.romfeed-tmp", "out/.romfeed"].map(|path| {
            let metadata = std::fs::metadata(self.site.path(path)).ok()?;
            Some((metadata.len(), metadata.modified().ok()?))
        })
    }

    /// Measures how long the run takes from there to its end.
    ///
    /// # Errors
    /// As [`Self::start_writing`].
    pub fn time_of_writing(&self) -> io::Result<Duration> {
        self.rewind()?;
        let mut child = self.start_writing()?;
        let begun = Instant::now();
        child.wait()?;
        Ok(begun.elapsed())
    }

    /// Whether the folder is neither as before the run nor as after it.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn is_between(&self) -> io::Result<bool> {
        let now = self.site.outputs()?;
        let is = |tree: &Tree| outcome::differences(&now, tree).is_empty();
        Ok(!is(&self.before) && !is(&self.after))
    }

    /// Restores the folder to before the run.
    pub fn rewind(&self) -> io::Result<()> {
        self.site.rewind(&self.before)
    }

    /// Sets the folder to after the undisturbed run, for the next stage.
    pub fn finish(&self) -> io::Result<()> {
        self.site.rewind(&self.after)
    }

    /// Returns the losses, and whether the fault kept the run from finishing.
    pub fn losses(&self) -> io::Result<(Vec<String>, bool)> {
        let now = self.site.outputs()?;
        let losses = outcome::losses(&now, &self.before, &self.after, self.site.folder());
        let is_done = outcome::differences(&now, &self.after).is_empty();
        Ok((losses, !is_done))
    }

    /// Does the same, where the fault hid some of the packages.
    pub fn losses_of_input(&self) -> io::Result<(Vec<String>, bool)> {
        let now = self.site.outputs()?;
        let folder = self.site.folder();
        let losses = outcome::losses_of_input(&now, &self.before, &self.after, folder);
        let is_done = outcome::differences(&now, &self.after).is_empty();
        Ok((losses, !is_done))
    }

    /// Runs once more without a fault, and returns what is then not as it should be.
    pub fn recover(&self) -> io::Result<Vec<String>> {
        let ended = self.site.run(self.call)?;
        let mut wrong = outcome::differences(&self.site.outputs()?, &self.after);
        // A catalog command refuses a change that is already made.
        if !ended.exited_with(&[0]) && self.call[0] == "generate" {
            wrong.push(format!("the next run failed: {}", ended.stderr.trim()));
        }
        Ok(wrong)
    }
}
