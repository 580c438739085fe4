//! SIGHUP, which a terminal sends when it is closed.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::support::{BASE_URL, RomDir, bacon, bacon_name};

/// Starts a run that is still reading when the signal comes, with a command of the shell before it.
fn start(dir: &RomDir, before: &str) -> Child {
    let run = "exec \"$0\" generate --io-limit 1 --base-url \"$1\"";
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{before}; {run}")]);
    command.args([env!("CARGO_BIN_EXE_romfeed"), BASE_URL]);
    command.current_dir(dir.path()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // The signal is handled before the lock is taken.
    while !dir.path().join(".romfeed/lock").exists() {
        assert!(
            child.try_wait().unwrap().is_none(),
            "it ended before the signal"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

fn site() -> RomDir {
    RomDir::new().file(&format!("builds/{}", bacon_name(0)), bacon(0))
}

#[test]
fn a_run_whose_terminal_is_closed_says_what_was_written() {
    let dir = site();
    let child = start(&dir, "true");
    if skips_under_nohup() {
        return stop(child);
    }
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.starts_with("error: stopped: nothing was written"),
        "{text}"
    );
}

#[test]
fn a_run_under_nohup_goes_on() {
    let dir = site();
    let mut child = start(&dir, "trap '' HUP");
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none());
    stop(child);
}

fn stop(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Whether a test cannot send the signal: under `nohup`, all programs that tests start ignore it.
fn skips_under_nohup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = u64::from_str_radix(mask.unwrap().trim(), 16).unwrap();
    mask & 1 == 1
}
