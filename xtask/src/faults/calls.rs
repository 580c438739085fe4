//! Stops the program, or fails its system calls, at each call in turn, with strace.
//!
//! An undisturbed run is traced first. strace counts the calls of a name separately for each
//! thread, so the N-th `write` is one where some thread's N-th `write` concerned the site. Killing
//! the process before each modifying call covers every state that a kill can leave.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use testkit::faults::{Ended, Site, Stage, end};

use super::{
    is_installed, new_site, play, println_skipped,
    table::{Side, Table},
};
use crate::tools::{Result, Scratch};

/// System calls that change something on disk.
const CHANGING: &str = "openat,write,fsync,rename,unlink,mkdir,rmdir,flock";
/// System calls that only read.
const READING: &str = "read,pread64,statx,getdents64";
/// The stages that write every kind of file.
const STAGES: [&str; 4] = [
    "first run",
    "a build is replaced",
    "a build is withdrawn",
    "after that, and without pages",
];

/// The fault that is injected at a call.
struct Injection {
    name: &'static str,
    calls: &'static str,
    /// The fault in strace's notation.
    what: &'static str,
}

const INJECTIONS: [Injection; 5] = [
    Injection {
        name: "kill -9 before each call that changes something",
        calls: CHANGING,
        what: "signal=KILL",
    },
    Injection {
        name: "each such call: no space left (ENOSPC)",
        calls: CHANGING,
        what: "error=ENOSPC",
    },
    Injection {
        name: "each such call: the disk fails (EIO)",
        calls: CHANGING,
        what: "error=EIO",
    },
    Injection {
        name: "each such call: not permitted (EACCES)",
        calls: CHANGING,
        what: "error=EACCES",
    },
    Injection {
        name: "calls that read: the disk fails (EIO)",
        calls: READING,
        what: "error=EIO",
    },
];

/// Applies every injection to some stages.
pub(super) fn run_all(table: &mut Table, scratch: &Scratch) -> Result<()> {
    if !is_installed("strace", "-V") {
        println_skipped("faults of single calls", "strace is not installed");
        return Ok(());
    }
    let site = new_site(scratch, "calls")?;
    let log = scratch.path().join("strace.log");
    let mut rows = INJECTIONS.map(|injection| Table::row(injection.name));
    play(&site, &STAGES, |stage| {
        for (row, injection) in rows.iter_mut().zip(&INJECTIONS) {
            stage.rewind()?;
            for (call, number) in places(stage, injection, &log)? {
                let inject = format!("inject={call}:{}:when={number}", injection.what);
                let act = || {
                    let ended = traced(&stage.site, &["-e", &inject], stage.call, &log)?;
                    Ok(Some(ended).filter(|_| injection.what != "signal=KILL"))
                };
                // With several threads, one thread may open for reading what another may not write.
                let may_read = injection.calls == READING
                    || call == "openat" && injection.what != "signal=KILL";
                let side = if may_read { Side::Input } else { Side::Output };
                row.try_on(side, stage, &format!("{call} {number}"), act)?;
            }
        }
        Ok(())
    })?;
    rows.into_iter().for_each(|row| table.add(row));
    Ok(())
}

/// Runs the program under strace.
fn traced(site: &Site, options: &[&str], call: &[&str], log: &Path) -> Result<Ended> {
    let mut command = site.command_by("strace", &["-f", "-y", "-qq", "-o"]);
    command
        .arg(log)
        .args(options)
        .arg(site.program())
        .args(call);
    Ok(end(command)?)
}

/// Returns the calls of a run that concern the site: name and number.
fn places(stage: &Stage, injection: &Injection, log: &Path) -> Result<Vec<(String, usize)>> {
    let trace = format!("trace={}", injection.calls);
    let ended = traced(&stage.site, &["-e", &trace], stage.call, log)?;
    if !ended.exited_with(&[0]) {
        return Err(format!("strace cannot trace the program: {}", ended.stderr).into());
    }
    let text = String::from_utf8_lossy(&std::fs::read(log)?).into_owned();
    let folder = stage.site.folder().to_string_lossy().into_owned();
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let (mut places, mut of_loader) = (BTreeSet::new(), BTreeSet::new());
    for line in text.lines() {
        let Some((thread, rest)) = line.split_once(' ') else {
            continue;
        };
        let Some((call, args)) = rest.trim_start().split_once('(') else {
            continue;
        };
        if !call.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            continue;
        }
        let number = counts.entry((thread, call)).or_default();
        *number += 1;
        if is_about(args, &folder) && !(injection.calls == CHANGING && is_reading(call, args)) {
            places.insert((call.to_owned(), *number));
        } else if args.contains(".so") {
            of_loader.insert((call.to_owned(), *number));
        }
    }
    // What the system reads itself before the program starts is outside the program's control.
    Ok(places.difference(&of_loader).cloned().collect())
}

/// Whether the paths among the arguments are in the folder, or relative to the program's working
/// directory.
fn is_about(args: &str, folder: &str) -> bool {
    match args.split('"').nth(1) {
        // An open file's path comes before the written text.
        _ if !args.starts_with("AT_FDCWD") && args.contains('<') => args
            .split('>')
            .next()
            .is_some_and(|file| file.contains(folder)),
        Some(path) => !path.starts_with('/') || path.starts_with(folder),
        None => false,
    }
}

fn is_reading(call: &str, args: &str) -> bool {
    call == "openat" && !args.contains("O_CREAT") && !args.contains("O_WRONLY")
}
