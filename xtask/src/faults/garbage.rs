//! A folder of ten thousand broken zips: the run stays within time and memory limits, and publishes
//! the good packages among them.

use std::time::Instant;

use testkit::faults::{BASE_URL, end, garbage};

use super::{is_installed, new_site, println_skipped, table::Table};
use crate::tools::{Result, Scratch};

/// Memory limit of a run, in KiB.
const MAX_RESIDENT: u64 = 256 << 10;
/// Time limit of a run, in seconds, on a machine that is also busy with other work.
const MAX_SECONDS: u64 = 120;
/// Most lines that a run may print.
const MAX_LINES: usize = 1000;

/// Writes the folder and runs the program over it twice.
pub(super) fn run_all(table: &mut Table, scratch: &Scratch, num: usize) -> Result<()> {
    let site = new_site(scratch, "garbage")?;
    let devices = garbage::write(&site, num, 11)?;
    let has_time = is_installed("/usr/bin/time", "--version");
    if !has_time {
        println_skipped("memory over garbage", "GNU time is not installed");
    }
    let mut row = Table::row(&format!("a folder of {num} garbage zips"));
    for number in 0..2 {
        let mut command = match has_time {
            true => {
                let mut command = site.command_by("/usr/bin/time", &["-f", "resident %M"]);
                command.arg(site.program());
                command
            }
            false => site.command(&[]),
        };
        command.args(["generate", "--base-url", BASE_URL]);
        let begun = Instant::now();
        let ended = end(command)?;
        let took = begun.elapsed();
        let resident = ended
            .stderr
            .rsplit_once("resident ")
            .map(|(_, kib)| kib.trim());
        let resident: u64 = resident.unwrap_or("0").parse()?;
        let num_lines = ended.stderr.lines().count();
        eprintln!(
            "garbage: {took:.1?}, {} MiB resident, {num_lines} lines",
            resident >> 10
        );
        let mut losses = Vec::new();
        if took.as_secs() > MAX_SECONDS || resident > MAX_RESIDENT || num_lines > MAX_LINES {
            losses.push("too long, too large or too many lines".to_owned());
        }
        if !ended.exited_with(&[1]) || ended.has_panicked() {
            losses.push(format!("it ended by {}", ended.status));
        }
        let is_missing = |device: &&String| {
            !site
                .path(&format!("out/api/v1/{device}/nightly.json"))
                .exists()
        };
        let missing = devices.iter().filter(is_missing);
        losses.extend(missing.map(|device| format!("{device} is not published")));
        row.count(true, losses, &format!("{number}"));
    }
    table.add(row);
    Ok(())
}
