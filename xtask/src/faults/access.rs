//! Folders that are read-only or belong to another user.

use std::path::Path;
use std::process::Command;

use testkit::faults::{Ended, Stage, end};

use super::{new_site, play, println_skipped, table::Table};
use crate::tools::{Result, Scratch, run};

const STAGE: &str = "builds are added";
/// Every folder that a run writes to, and the packages, which it only reads.
const PLACES: [&str; 6] = ["", "out", "out/api", ".romfeed", "changelogs", "builds"];
/// A user who owns no file.
const NOBODY: &str = "65534";

/// Makes every folder read-only, by mount and by permissions.
pub(super) fn run_all(table: &mut Table, scratch: &Scratch) -> Result<()> {
    let site = new_site(scratch, "access")?;
    play(&site, &[STAGE], |stage| {
        let mut row = Table::row("mounted read-only");
        for place in PLACES {
            let folder = stage.site.path(place);
            stage.rewind()?;
            bind(&folder)?;
            let act = || Ok(Some(stage.site.run(stage.call)?));
            row.try_fault(stage, &format!("`{place}`"), act, || unbind(&folder))?;
        }
        table.add(row);
        // A namespace with a single user has no second one.
        let probe = as_nobody(stage, Path::new("true"), &[]);
        match probe.is_ok_and(|ended| ended.exited_with(&[0])) {
            true => put_nobody(table, stage),
            false => {
                let why = "setpriv is not installed, or not permitted";
                println_skipped("files of another user", why);
                Ok(())
            }
        }
    })
}

fn bind(folder: &Path) -> Result<()> {
    run(Command::new("mount").arg("--bind").arg(folder).arg(folder))?;
    run(Command::new("mount")
        .args(["-o", "remount,bind,ro"])
        .arg(folder))?;
    Ok(())
}

fn unbind(folder: &Path) -> Result<()> {
    // The run that used it has ended, so the folder is not busy.
    run(Command::new("umount").arg("--lazy").arg(folder))?;
    Ok(())
}

/// Gives everything to another user, except one folder.
fn put_nobody(table: &mut Table, stage: &Stage) -> Result<()> {
    let mut row = Table::row("files of another user");
    for open in ["none", "out", ".romfeed", "changelogs", "catalog.json"] {
        let act = || {
            let place = stage.site.path(open);
            if place.exists() {
                run(Command::new("chown").args(["-R", NOBODY]).arg(place))?;
            }
            let ended = as_nobody(stage, stage.site.program(), stage.call)?;
            Ok(Some(ended))
        };
        let after = || {
            run(Command::new("chown")
                .args(["-R", "0"])
                .arg(stage.site.folder()))?;
            Ok(())
        };
        row.try_fault(stage, &format!("own: {open}"), act, after)?;
    }
    table.add(row);
    Ok(())
}

fn as_nobody(stage: &Stage, program: &Path, args: &[&str]) -> Result<Ended> {
    let options = ["--reuid", NOBODY, "--clear-groups"];
    let mut command = stage.site.command_by("setpriv", &options);
    command.arg(program).args(args);
    Ok(end(command)?)
}
