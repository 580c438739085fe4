//! Kills and signals at random moments of every run.

use std::process::Command;
use std::time::Duration;

use testkit::faults::story::story;
use testkit::faults::{Random, Stage};

use super::{new_site, play, table::Table};
use crate::tools::{Result, Scratch};

/// What a process is told, and how often.
const TELLINGS: [(&str, &[&str]); 6] = [
    ("kill -9", &["-KILL"]),
    ("SIGTERM", &["-TERM"]),
    ("SIGINT", &["-INT"]),
    ("SIGINT twice", &["-INT", "-INT"]),
    ("SIGTERM, then SIGINT", &["-TERM", "-INT"]),
    ("SIGHUP", &["-HUP"]),
];

/// Half of the kills are SIGKILL, the others share the rest.
pub(super) fn put(table: &mut Table, scratch: &Scratch, num: usize) -> Result<()> {
    let num_stages = story().len();
    let mut random = Random::new(7);
    let mut rows = TELLINGS.map(|(name, _)| Table::row(&format!("{name} at a random moment")));
    let site = new_site(scratch, "kills")?;
    play(&site, &[], |stage| {
        for (row, (_, signals)) in rows.iter_mut().zip(TELLINGS) {
            let share = if signals == ["-KILL"] {
                num / 2
            } else {
                num / 10
            };
            for _ in 0..share.div_ceil(num_stages) {
                let moment = stage.took.mul_f64(random.below(1100) as f64 / 1000.0);
                let tell = || tell(stage, moment, signals).map(|()| None);
                row.put(stage, &format!("after {moment:?}"), tell, || Ok(()))?;
            }
        }
        Ok(())
    })?;
    rows.into_iter().for_each(|row| table.add(row));
    Ok(())
}

fn tell(stage: &Stage, moment: Duration, signals: &[&str]) -> Result<()> {
    let mut child = stage.site.start(stage.call)?;
    std::thread::sleep(moment);
    for signal in signals {
        // It may have ended by then.
        let mut kill = Command::new("kill");
        kill.args([signal, child.id().to_string().as_str()])
            .output()?;
    }
    child.wait()?;
    Ok(())
}
