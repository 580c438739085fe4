//! Runs of romfeed, and what they leave in the catalog.

use crate::tools::Result;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Time between two looks at a running program.
const TICK: Duration = Duration::from_millis(2);
/// What a build in the catalog has that depends on where its package is. Packages on other hosts have
/// an MD5, and images next to them, only if the host or a checksum file states the digests.
const PLACE: [&str; 5] = ["images", "md5", "origin", "path", "url"];

/// A finished run.
pub(super) struct Measured {
    pub(super) seconds: f64,
    /// Highest memory use, in bytes.
    pub(super) peak: Option<u64>,
    /// What it printed on standard error.
    pub(super) text: String,
    is_success: bool,
}

impl Measured {
    pub(super) fn require_success(&self) -> Result<()> {
        match self.is_success {
            true => Ok(()),
            false => Err(format!("romfeed failed:\n{}", self.text).into()),
        }
    }
}

/// Runs a program to its end; what it prints on standard error goes to `log`.
pub(super) fn measure(command: &mut Command, log: &Path) -> Result<Measured> {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let begin = Instant::now();
    let mut child = command.stderr(File::create(log)?).spawn()?;
    let mut peak = None;
    let status = loop {
        peak = peak.max(peak_of(&child));
        match child.try_wait()? {
            Some(status) => break status,
            None => thread::sleep(TICK),
        }
    };
    Ok(Measured {
        seconds: begin.elapsed().as_secs_f64(),
        peak,
        text: fs::read_to_string(log)?,
        is_success: status.success(),
    })
}

/// Returns the highest memory use of a running program so far, in bytes.
fn peak_of(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Writes settings with this source, if it is not empty; returns the folder.
pub(super) fn write_project(folder: &Path, source: &str) -> Result<PathBuf> {
    fs::create_dir_all(folder)?;
    let source = match source {
        "" => String::new(),
        source => format!("[[source]]\n{source}"),
    };
    let settings = format!("base_url = \"https://ota.example.org\"\n{source}");
    fs::write(folder.join("romfeed.toml"), settings)?;
    Ok(folder.to_owned())
}

/// Returns the facts of all builds in a project's catalog by path, without `prefix`.
pub(super) fn builds(project: &Path, prefix: &str) -> Result<BTreeMap<String, Value>> {
    let catalog: Value = serde_json::from_slice(&fs::read(project.join("catalog.json"))?)?;
    let mut builds = BTreeMap::new();
    for build in catalog["builds"].as_array().into_iter().flatten() {
        let path = build["path"].as_str().unwrap_or_default();
        let path = path.strip_prefix(prefix).unwrap_or(path).to_owned();
        let mut facts = build.clone();
        if let Some(facts) = facts.as_object_mut() {
            facts.retain(|name, _| !PLACE.contains(&name.as_str()));
        }
        builds.insert(path, facts);
    }
    Ok(builds)
}
