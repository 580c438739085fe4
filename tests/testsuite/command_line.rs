//! The command line as people meet it: help, first steps, interruptions, terminals.

use std::process::{Command, Stdio};

use super::support::{BASE_URL, RomDir, bacon, bacon_name};

fn with_bacon() -> RomDir {
    RomDir::new().file(&format!("builds/{}", bacon_name(0)), bacon(0))
}

#[test]
fn without_arguments_the_next_step_is_named() {
    let next = |dir: &RomDir| {
        let run = dir.run(&[]).expect(2).says("Usage: romfeed");
        let last = run.stderr.lines().last().unwrap().to_owned();
        last.contains("next: ").then_some(last)
    };
    assert_eq!(next(&RomDir::new()), None);
    let dir = RomDir::new().file("rom.ZIP", "");
    assert_eq!(
        next(&dir).unwrap(),
        "this folder has 1 zip; next: move ROM zips to a folder builds, then romfeed init"
    );
    dir.put("builds/bacon/rom.zip", "");
    assert_eq!(
        next(&dir).unwrap(),
        "builds has 1 zip; next: romfeed init, then romfeed generate"
    );
    dir.put("romfeed.toml", "");
    assert_eq!(next(&dir).unwrap(), "next: romfeed generate");
    dir.put("publish", "");
    assert_eq!(
        next(&dir).unwrap(),
        "next: ./publish; or romfeed generate, for the site on this machine only"
    );
}

#[test]
fn own_options_come_before_those_that_commands_share() {
    let dir = RomDir::new();
    for command in [
        &["generate"][..],
        &["check"],
        &["catalog", "add"],
        &["simulate"],
    ] {
        let help = dir.run(&[command, &["--help"]].concat()).expect(0).stdout;
        let headings = [
            "\nOptions:\n",
            "\nFiles, folders and address of the site:\n",
            "\nGlobal options:\n",
            "\nExamples:\n",
        ];
        let places = headings.map(|heading| {
            help.find(heading)
                .unwrap_or_else(|| panic!("{heading}: {help}"))
        });
        assert!(places.is_sorted(), "{command:?}: {help}");
    }
}

#[test]
fn facts_are_in_colour_only_where_a_terminal_shows_it() {
    let dir = with_bacon();
    let zip = format!("builds/{}", bacon_name(0));
    let plain = dir.run(&["inspect", &zip]).expect(0).stdout;
    assert!(!plain.contains('\u{1b}'), "{plain}");
    assert!(
        plain.contains("1700000000 (2023-11-14 22:13 UTC)"),
        "{plain}"
    );
    let colored = dir
        .run(&["inspect", &zip, "--color", "always"])
        .expect(0)
        .stdout;
    assert!(
        colored.contains("\u{1b}[36mdevice             \u{1b}[0mbacon "),
        "{colored}"
    );
    let mut stripped = colored;
    for code in ["1", "2", "36"] {
        stripped = stripped.replace(&format!("\u{1b}[{code}m"), "");
    }
    assert_eq!(stripped.replace("\u{1b}[0m", ""), plain);
}

#[test]
fn messages_have_no_words_of_rust() {
    let dir = with_bacon();
    let run = dir.run(&["generate", "--config", "none.toml"]).expect(2);
    run.lacks("os error").says("cannot read none.toml: ");
    let run = dir.run(&["generate", "--jobs", "many"]).expect(2);
    run.lacks("found in string")
        .says("it is not a whole number");
    dir.put("catalog.json", "{");
    let run = dir.run(&["catalog", "list"]).expect(2);
    run.lacks("EOF")
        .says("the text ends in the middle of an object");
}

#[cfg(all(unix, feature = "serve"))]
#[test]
fn an_interrupted_run_says_what_was_written() {
    use rustix::process::{Pid, Signal, kill_process};
    let dir = with_bacon();
    let mut command = Command::new(env!("CARGO_BIN_EXE_romfeed"));
    // A limit of one byte a second: the run is still reading when the signal comes.
    command.args(["generate", "--io-limit", "1", "--base-url", BASE_URL]);
    command.current_dir(dir.path()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    // The signal is handled before the lock is taken.
    while !dir.path().join(".romfeed/lock").exists() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        text,
        "error: stopped: nothing was written, out is as it was\n  \
         hint: run it again: zips that were read to their end are not read again\n"
    );
    assert!(!dir.path().join("out").exists());
}

#[test]
fn a_reader_that_closes_its_pipe_is_no_error() {
    let dir = with_bacon();
    dir.generate().expect(0);
    for args in [
        &["catalog", "list"][..],
        &["check", "--rules"],
        &["man"],
        &["completions", "zsh"],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_romfeed"));
        command.args(args).current_dir(dir.path());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {text}");
        assert!(!text.contains("panicked"), "{args:?}: {text}");
    }
}
