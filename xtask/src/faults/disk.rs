//! Full disks (no bytes or no inodes left) and file size limits.
//!
//! Each folder under test is a small tmpfs, filled almost completely, with a little more space in
//! each try.

use std::path::Path;
use std::process::Command;

use testkit::faults::{Ended, Stage, end};

use super::{new_site, play, table::Table};
use crate::tools::{Result, Scratch, run};

/// The stage that writes new files of all kinds next to existing ones.
const STAGE: &str = "builds are added";
/// Folders that can be full: the whole site folder with the catalog, the output, romfeed's own
/// folder, the stored changelogs.
const PLACES: [&str; 4] = ["", "out", STATE, "changelogs"];
/// romfeed's own folder.
const STATE: &str = ".romfeed";
/// Space left, from none to enough, in KiB.
const KIB_LEFT: [u32; 14] = [0, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512];
/// Number of files that can still be created.
const FILES_LEFT: [u32; 10] = [0, 1, 2, 3, 4, 6, 8, 12, 20, 40];

/// Fills every folder.
pub(super) fn run_all(table: &mut Table, scratch: &Scratch) -> Result<()> {
    let site = new_site(scratch, "disk")?;
    mount_new(site.folder(), "size=200m")?;
    play(&site, &[STAGE], |stage| {
        for place in PLACES {
            fill(table, stage, place)?;
        }
        limit_files(table, stage)
    })?;
    run(Command::new("umount").arg(site.folder()))?;
    Ok(())
}

fn mount_new(folder: &Path, options: &str) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut mount = Command::new("mount");
    run(mount
        .args(["-t", "tmpfs", "-o", options, "none"])
        .arg(folder))?;
    Ok(())
}

fn remount(folder: &Path, options: &str) -> Result<()> {
    let options = format!("remount,{options}");
    run(Command::new("mount").args(["-o", &options]).arg(folder))?;
    Ok(())
}

fn fill(table: &mut Table, stage: &Stage, place: &str) -> Result<()> {
    let folder = stage.site.path(place);
    let name = if place.is_empty() {
        "the folder with the catalog"
    } else {
        place
    };
    stage.rewind()?;
    if !place.is_empty() {
        // Mounted over the old folder; `rewind` restores its files.
        mount_new(&folder, "size=100m")?;
    }
    // The cache can be computed again.
    let row = |fault: &str| match place {
        STATE => Table::row(fault).harmless(),
        _ => Table::row(fault),
    };
    let mut row_of_bytes = row(&format!("disk full: {name}"));
    for left in KIB_LEFT {
        stage.rewind()?;
        let size = format!(
            "size={}k",
            used(&folder, "--output=used")? + u64::from(left)
        );
        let act = || with_mount(stage, &folder, &size);
        row_of_bytes.try_fault(stage, &format!("{left} KiB left"), act, || {
            remount(&folder, "size=100m")
        })?;
    }
    table.add(row_of_bytes);
    let mut row_of_files = row(&format!("no more files: {name}"));
    for left in FILES_LEFT {
        stage.rewind()?;
        let files = format!(
            "nr_inodes={}",
            used(&folder, "--output=iused")? + u64::from(left)
        );
        let act = || with_mount(stage, &folder, &files);
        row_of_files.try_fault(stage, &format!("{left} files left"), act, || {
            remount(&folder, "nr_inodes=99999")
        })?;
    }
    table.add(row_of_files);
    if !place.is_empty() {
        run(Command::new("umount").arg(&folder))?;
    }
    Ok(())
}

fn with_mount(stage: &Stage, folder: &Path, options: &str) -> Result<Option<Ended>> {
    remount(folder, options)?;
    Ok(Some(stage.site.run(stage.call)?))
}

/// Returns the used part of a file system: KiB or files.
fn used(folder: &Path, what: &str) -> Result<u64> {
    let text = run(Command::new("df").args(["-k", what]).arg(folder))?;
    let text = String::from_utf8(text)?;
    Ok(text.lines().nth(1).unwrap_or_default().trim().parse()?)
}

/// `ulimit -f`: the system kills a process that writes a longer file, or only refuses the write.
fn limit_files(table: &mut Table, stage: &Stage) -> Result<()> {
    for (name, ignore) in [("kills", ""), ("refuses", "trap '' XFSZ; ")] {
        let mut row = Table::row(&format!("files may not grow: the system {name}"));
        for blocks in [0, 1, 2, 4, 8, 16, 32, 64] {
            let script = format!("{ignore}ulimit -f {blocks}; exec \"$0\" \"$@\"");
            let act = || {
                let mut command = stage.site.command_by("bash", &["-c", &script]);
                command.arg(stage.site.program()).args(stage.call);
                let ended = end(command)?;
                Ok(Some(ended).filter(|ended| ended.status.code().is_some()))
            };
            row.try_fault(stage, &format!("{blocks} KiB"), act, || Ok(()))?;
        }
        table.add(row);
    }
    Ok(())
}
