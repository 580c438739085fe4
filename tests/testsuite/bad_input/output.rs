//! What is printed: many errors, quiet runs, and a closed pipe.

use super::*;

#[test]
fn a_closed_pipe_is_success() {
    let (dir, _) = next_to_good(|_| ());
    for args in [
        &["catalog", "list"][..],
        &["catalog", "list", "--json"],
        &["inspect", &good(0)],
        &["inspect", "--json", &good(0)],
        &["generate", "--base-url", BASE_URL, "--json"],
        &["completions", "bash"],
        &["man"],
        &["--help"],
        &["--version"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_romfeed"));
        command.current_dir(dir.path()).args(args).stdout(writer);
        let output = command.output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{args:?}: {stderr}");
    }
}

#[test]
fn a_closed_pipe_does_not_hide_a_failure() {
    let (dir, run) = next_to_good(|dir| dir.put("builds/bad.zip", ""));
    run.expect(1);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_romfeed"));
    command
        .current_dir(dir.path())
        .args(GENERATE)
        .stderr(writer);
    assert_eq!(command.output().unwrap().status.code(), Some(1));
}

#[test]
fn many_bad_packages_are_all_reported_and_counted() {
    let (dir, run) = next_to_good(|dir| {
        for index in 0..20 {
            dir.put(&format!("builds/bad{index}.zip"), "rot");
        }
    });
    let run = run.expect(1).says("; 20 left out");
    assert_eq!(run.stderr.matches("error: bad").count(), 20);
    assert_eq!(run.stderr.matches("  hint: ").count(), 20);
    offers_both_good_builds(&dir);
}

#[test]
fn quiet_prints_errors_only() {
    let (dir, run) = next_to_good(|dir| dir.put("builds/bad.zip", "rot"));
    run.expect(1);
    let run = dir
        .run(&["generate", "--base-url", BASE_URL, "-q"])
        .expect(1);
    assert_eq!(run.stderr.lines().count(), 2, "{}", run.stderr);
    one_error(&run, "bad.zip: ", "");
}
