//! Damaged files, zips that change, wrong clocks, several runs at once, closed pipes.

use std::process::{Child, Stdio};
use std::time::{Duration, SystemTime};

use testkit::faults::damage::Damage;
use testkit::faults::zip_changes::{self, ZipChange};
use testkit::faults::{BASE_URL, Random, Stage, Tree, end, outcome};

use super::{is_installed, new_site, play, println_skipped, table::Table};
use crate::tools::{Result, Scratch};

/// Stages that start with files of all kinds.
const STAGES: [&str; 2] = ["builds are added", "all pages change"];
/// Tries of each kind of damage on each file.
const NUM_DAMAGES: usize = 10;
/// Tries of each kind of change to a zip.
const NUM_ZIP_CHANGES: usize = 40;

/// Applies all of these faults.
pub(super) fn run_all(table: &mut Table, scratch: &Scratch) -> Result<()> {
    let site = new_site(scratch, "others")?;
    play(&site, &STAGES, |stage| {
        put_damages(table, stage)?;
        put_clashes(table, stage)?;
        put_clocks(table, stage)?;
        put_pipes(table, stage)
    })?;
    change_zips(table, scratch)
}

fn put_damages(table: &mut Table, stage: &Stage) -> Result<()> {
    let mut random = Random::new(8);
    for file in [
        ".romfeed/cache.json",
        ".romfeed/pages.json",
        "catalog.json",
        "out/.romfeed/manifest.json",
    ] {
        let mut row = Table::row(&format!("{file} went bad"));
        let is_cache = file.starts_with(".romfeed/");
        for damage in Damage::ALL
            .into_iter()
            .cycle()
            .take(Damage::ALL.len() * NUM_DAMAGES)
        {
            stage.rewind()?;
            damage.inflict(&stage.site.path(file), &mut random)?;
            let bad = stage.site.outputs()?;
            let ended = stage.site.run(stage.call)?;
            let now = stage.site.outputs()?;
            let is_told = ended.exited_with(&[1, 2, 3])
                && ended.says(file.rsplit('/').next().unwrap_or(file));
            let mut losses = match is_cache {
                true => outcome::differences(&now, &stage.after),
                false if damage.may_pass() && !is_told => {
                    let [num, num_before] =
                        [&now, &stage.before].map(|t| outcome::records(t).len());
                    let is_less = num < num_before;
                    Vec::from_iter(is_less.then(|| format!("{num} of {num_before} records")))
                }
                false => outcome::differences(&now, &bad),
            };
            losses.retain(|line| !line.contains(file));
            if !is_cache && !is_told && !damage.may_pass() || ended.has_panicked() {
                losses.push(format!("it did not say so: {}", ended.stderr));
            }
            row.count(
                is_told || is_cache,
                losses,
                &format!("{}, {damage:?}", stage.name),
            );
        }
        table.add(row);
    }
    Ok(())
}

/// Runs the same command several times at once, and together with a change of the catalog.
fn put_clashes(table: &mut Table, stage: &Stage) -> Result<()> {
    for num in [2, 5] {
        let mut row = Table::row(&format!("{num} runs at once"));
        for number in 0..20 {
            stage.rewind()?;
            let spawn = |_| {
                let mut command = stage.site.command(stage.call);
                command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()
            };
            let children: Vec<Child> = (0..num).map(spawn).collect::<std::io::Result<_>>()?;
            let mut losses = Vec::new();
            let mut num_refused = 0;
            for child in children {
                let output = child.wait_with_output()?;
                let stderr = String::from_utf8_lossy(&output.stderr);
                let is_refused = stderr.contains("another romfeed is running here");
                num_refused += usize::from(is_refused);
                if !output.status.success() && !is_refused {
                    losses.push(format!("one failed: {stderr}"));
                }
            }
            losses.extend(outcome::differences(&stage.site.outputs()?, &stage.after));
            losses.extend(stage.recover()?);
            row.count(
                num_refused > 0,
                losses,
                &format!("{}, {number}", stage.name),
            );
        }
        table.add(row);
    }
    Ok(())
}

/// Sets the clock before all builds, and dates files in the future.
fn put_clocks(table: &mut Table, stage: &Stage) -> Result<()> {
    let mut row = Table::row("zips dated far in the future or the past").harmless();
    let now = SystemTime::now();
    let day = Duration::from_secs(86_400);
    for time in [
        now + day,
        now + day * 36_500,
        SystemTime::UNIX_EPOCH + day,
        now,
    ] {
        let touch = || -> Result<()> {
            for folder in std::fs::read_dir(stage.site.path("builds"))? {
                for file in std::fs::read_dir(folder?.path())? {
                    let file = std::fs::File::options().write(true).open(file?.path())?;
                    file.set_modified(time)?;
                }
            }
            Ok(())
        };
        let act = || {
            touch()?;
            Ok(Some(stage.site.run(stage.call)?))
        };
        row.try_fault(stage, &format!("{time:?}"), act, || Ok(()))?;
    }
    table.add(row);
    if !is_installed("faketime", "--version") {
        println_skipped("a clock set back", "faketime is not installed");
        return Ok(());
    }
    let mut row = Table::row("the clock is set back or forward").harmless();
    for date in [
        "1970-01-02",
        "2001-01-01",
        "2023-11-15 12:00:00",
        "2037-01-01",
    ] {
        let act = || {
            let mut command = stage.site.command_by("faketime", &["-f", &at(date)]);
            command.arg(stage.site.program()).args(stage.call);
            Ok(Some(end(command)?))
        };
        row.try_fault(stage, date, act, || Ok(()))?;
    }
    table.add(row);
    Ok(())
}

/// A fixed time, in faketime's notation.
fn at(date: &str) -> String {
    match date.contains(' ') {
        true => date.to_owned(),
        false => format!("{date} 00:00:00"),
    }
}

/// The reader of the output goes away.
fn put_pipes(table: &mut Table, stage: &Stage) -> Result<()> {
    let mut row = Table::row("standard output and error are closed pipes").harmless();
    for number in 0..10 {
        let act = || {
            let mut command = stage.site.command(stage.call);
            let [stdout, stderr] = [std::io::pipe()?.1, std::io::pipe()?.1];
            let status = command
                .arg("--json")
                .stdout(stdout)
                .stderr(stderr)
                .status()?;
            match status.success() {
                true => Ok(None),
                false => Err(format!("closed pipe: {status}").into()),
            }
        };
        row.try_fault(stage, &format!("{number}"), act, || Ok(()))?;
    }
    table.add(row);
    Ok(())
}

/// Zips that change at a random moment of a run that hashes them.
fn change_zips(table: &mut Table, scratch: &Scratch) -> Result<()> {
    let site = new_site(scratch, "zip-changes")?;
    let call = ["generate", "--base-url", BASE_URL];
    let mut random = Random::new(10);
    for change in ZipChange::ALL {
        let mut row = Table::row(&format!("{change:?} a zip while it is read").to_lowercase());
        for number in 0..NUM_ZIP_CHANGES {
            site.rewind(&Tree::new())?;
            zip_changes::write(&site)?;
            let before = std::fs::read(site.path(zip_changes::ZIP))?;
            let mut child = site.start(&call)?;
            std::thread::sleep(Duration::from_micros(random.below(60_000)));
            let is_running = child.try_wait()?.is_none();
            change.apply(&site)?;
            child.wait()?;
            let mut losses = zip_changes::mixtures(&site, &before)?;
            let ended = site.run(&call)?;
            let healed = site.outputs()?;
            losses.extend(zip_changes::wrong_offers(&site)?);
            if ended.has_panicked() || !ended.exited_with(&[0, 1]) {
                losses.push(ended.stderr);
            }
            site.run(&call)?;
            losses.extend(outcome::differences(&site.outputs()?, &healed));
            row.count(is_running, losses, &format!("{number}"));
        }
        table.add(row);
    }
    Ok(())
}
