//! Kills and signals at random moments while a run writes.

use std::process::Command;
use std::time::Duration;

use testkit::faults::scenario::steps;
use testkit::faults::{Random, Stage};

use super::{new_site, play, table::Table};
use crate::tools::{Result, Scratch};

/// The signals, and how often each is sent.
const SIGNALS: [(&str, &[&str]); 6] = [
    ("kill -9", &["-KILL"]),
    ("SIGTERM", &["-TERM"]),
    ("SIGINT", &["-INT"]),
    ("SIGINT twice", &["-INT", "-INT"]),
    ("SIGTERM, then SIGINT", &["-TERM", "-INT"]),
    ("SIGHUP", &["-HUP"]),
];

/// Half of the kills are SIGKILL; the other signals share the rest. A try counts only if the signal
/// arrives while the run writes, so the moments are chosen from that time.
pub(super) fn run_all(table: &mut Table, scratch: &Scratch, num: usize) -> Result<()> {
    let num_stages = steps().len();
    let mut random = Random::new(7);
    let mut rows = SIGNALS.map(|(name, _)| Table::row(&format!("{name} while it writes")));
    let site = new_site(scratch, "kills")?;
    play(&site, &[], |stage| {
        let writing = stage.time_of_writing()?;
        for (row, (_, signals)) in rows.iter_mut().zip(SIGNALS) {
            let share = if signals == ["-KILL"] {
                num / 2
            } else {
                num / 10
            };
            for _ in 0..share.div_ceil(num_stages) {
                let moment = writing.mul_f64(random.below(1000) as f64 / 1000.0);
                stage.rewind()?;
                signal(stage, moment, signals)?;
                let is_between = stage.is_between()?;
                let (mut losses, _) = stage.losses()?;
                losses.extend(stage.recover()?);
                row.count(
                    is_between,
                    losses,
                    &format!("{}, after {moment:?}", stage.name),
                );
            }
        }
        Ok(())
    })?;
    rows.into_iter().for_each(|row| table.add(row));
    Ok(())
}

fn signal(stage: &Stage, moment: Duration, signals: &[&str]) -> Result<()> {
    let mut child = stage.start_writing()?;
    std::thread::sleep(moment);
    for signal in signals {
        // A process that has ended is not signalled: its number may belong to another process.
        if child.try_wait()?.is_none() {
            let mut kill = Command::new("kill");
            kill.args([signal, child.id().to_string().as_str()])
                .output()?;
        }
    }
    child.wait()?;
    Ok(())
}
