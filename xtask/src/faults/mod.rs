//! Fault injection for `romfeed generate`: hundreds of kills, and everything else that goes wrong
//! with disks, files, clocks and people.
//!
//! In: the built program. Out: a table with the faults, how often each kept a run from finishing,
//! and what was lost; any loss is a failure. The engine is `testkit::faults`. This module has the
//! faults that need Linux, root or other programs: strace, to stop the program at each system call;
//! mounts, for full and read-only disks; faketime. What the machine lacks is skipped with a note.

mod access;
mod calls;
mod disk;
mod garbage;
mod kills;
mod lost;
mod others;
mod table;

use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::faults::scenario::{Step, steps};
use testkit::faults::{Site, Stage};

use crate::tools::{Result, Scratch, run};
use table::Table;

/// Default number of random kills and signals.
const NUM_KILLS: usize = 300;
/// Number of files in the folder of garbage.
const NUM_GARBAGE: usize = 10_000;
/// The parts of a full run, in this order.
const PARTS: [&str; 7] = [
    "kills", "calls", "disk", "access", "others", "lost", "garbage",
];
const USAGE: &str = "usage: cargo xtask faults [kills|calls|disk|access|others|lost|garbage|--kills NUMBER|garbage NUMBER]";
/// Marks the process as one with its own mount namespace.
const INSIDE: &str = "--with-own-mounts";

/// Applies all faults to the program; `args` follow `faults` on the command line.
pub(crate) fn run_all(args: &[&str]) -> Result<()> {
    let (is_inside, args) = match args {
        [INSIDE, rest @ ..] => (true, rest),
        args => (false, args),
    };
    if !is_inside {
        run(Command::new("cargo").args(["build", "--bin", "romfeed"]))?;
        if let Some(outcome) = again_with_own_mounts(args) {
            return outcome;
        }
        println_skipped("full and read-only disks", "mounts are not permitted");
    }
    let scratch = Scratch::new()?;
    let mut table = Table::default();
    let run_part = |part: &str, table: &mut Table| match part {
        "kills" => kills::run_all(table, &scratch, NUM_KILLS),
        "calls" => calls::run_all(table, &scratch),
        "disk" | "access" if !is_inside => Ok(()),
        "disk" => disk::run_all(table, &scratch),
        "access" => access::run_all(table, &scratch),
        "others" => others::run_all(table, &scratch),
        "lost" => lost::run_all(table, &scratch),
        "garbage" => garbage::run_all(table, &scratch, NUM_GARBAGE),
        _ => Err(USAGE.into()),
    };
    match args {
        [] => PARTS
            .iter()
            .try_for_each(|part| run_part(part, &mut table))?,
        ["--kills", num] => kills::run_all(&mut table, &scratch, num.parse()?)?,
        ["garbage", num] => garbage::run_all(&mut table, &scratch, num.parse()?)?,
        [part] => run_part(part, &mut table)?,
        _ => return Err(USAGE.into()),
    }
    table.finish()
}

/// Runs this program again in its own mount namespace; returns `None` if that is not permitted.
fn again_with_own_mounts(args: &[&str]) -> Option<Result<()>> {
    // As root, or as root of a user namespace.
    for options in [&["--mount"][..], &["--mount", "--user", "--map-root-user"]] {
        let mut probe = Command::new("unshare");
        let probe = probe
            .args(options)
            .args(["mount", "-t", "tmpfs", "none", "/mnt"]);
        if !probe.output().is_ok_and(|output| output.status.success()) {
            continue;
        }
        let program = std::env::current_exe().ok()?;
        let mut command = Command::new("unshare");
        command
            .args(options)
            .arg(program)
            .args(["faults", INSIDE])
            .args(args);
        let ended = command.status().ok()?;
        return Some(match ended.success() {
            true => Ok(()),
            false => Err("faults caused losses, or could not be applied".into()),
        });
    }
    None
}

/// The program under test: a build without optimisation is slower, so there are more moments to
/// disturb it.
fn program() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = target.unwrap_or_else(|| root.join("target"));
    std::path::absolute(target.join("debug/romfeed")).unwrap_or_default()
}

/// An empty folder for a site.
fn new_site(scratch: &Scratch, name: &str) -> Result<Site> {
    let folder = scratch.path().join(name);
    std::fs::create_dir_all(&folder)?;
    Ok(Site::new(folder.canonicalize()?, program()))
}

/// Runs the scenario in the site, and passes the stages with this name to `disturb`; all stages if
/// there is no name.
fn play(site: &Site, names: &[&str], mut disturb: impl FnMut(&Stage) -> Result<()>) -> Result<()> {
    let steps: Vec<Step> = steps();
    for step in &steps {
        let stage = Stage::set(site, step)?;
        if names.is_empty() || names.contains(&stage.name) {
            disturb(&stage)?;
            stage.finish()?;
        }
    }
    Ok(())
}

/// Whether a program can be run.
fn is_installed(program: &str, arg: &str) -> bool {
    let output = Command::new(program).arg(arg).output();
    output.is_ok_and(|output| output.status.success())
}

fn println_skipped(what: &str, why: &str) {
    eprintln!("skipped: {what}: {why}");
}
