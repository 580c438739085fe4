//! Runs that are killed at any moment.

use testkit::faults::scenario::steps;
use testkit::faults::{Random, Stage};

use super::{Folder, is_safe};

/// Number of kills for each run of the scenario.
const NUM_KILLS: usize = 2;

#[test]
fn a_killed_run_leaves_old_or_new_files_and_the_next_run_finishes() {
    let folder = Folder::new();
    let mut random = Random::new(1);
    let mut num_between = 0;
    for step in steps() {
        let stage = Stage::set(&folder.site, &step).unwrap();
        let writing = stage.time_of_writing().unwrap();
        for _ in 0..NUM_KILLS {
            stage.rewind().unwrap();
            let moment = writing.mul_f64(random.below(900) as f64 / 1000.0);
            let mut child = stage.start_writing().unwrap();
            std::thread::sleep(moment);
            child.kill().unwrap();
            child.wait().unwrap();
            num_between += usize::from(stage.is_between().unwrap());
            is_safe(&stage, &format!("killed after {moment:?} of writing"));
        }
        stage.finish().unwrap();
    }
    assert!(num_between > 0, "no kill came in the middle");
}

/// Most tries to send a signal before the run ends.
#[cfg(unix)]
const NUM_SIGNALS: usize = 50;

#[cfg(unix)]
#[test]
fn a_run_that_is_terminated_loses_nothing() {
    use rustix::process::{Pid, Signal, kill_process};
    use std::os::unix::process::ExitStatusExt;

    super::at_step(1, |stage| {
        for (signal, number) in [(Signal::INT, 2), (Signal::TERM, 15), (Signal::HUP, 1)] {
            if is_ignored(number) {
                continue;
            }
            let is_in_time = (0..NUM_SIGNALS).any(|_| {
                stage.rewind().unwrap();
                let mut child = stage.start_writing().unwrap();
                if child.try_wait().unwrap().is_some() {
                    return false;
                }
                // A process that was not waited for can be signalled again, even after its end.
                for _ in 0..2 {
                    kill_process(Pid::from_child(&child), signal).unwrap();
                }
                let status = child.wait().unwrap();
                is_safe(stage, &format!("signal {number}"));
                // Ctrl-C and the like first say what was written.
                let is_stopped = status.code() == Some(130) || status.signal() == Some(number);
                assert!(status.success() || is_stopped, "{status}");
                !status.success()
            });
            assert!(is_in_time, "signal {number} always came after the end");
        }
    });
}

/// Whether this signal is ignored by the process that started the tests, as with `nohup`: then all
/// its children ignore it too.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
