//! `cargo xtask action`: tests the script of the GitHub Action on made-up releases.
//!
//! In: `action.sh`. Out: a line for each case that a runner can meet, and an error if the script
//! behaves differently than expected. curl reads the releases from a folder.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::{
    dist::archive::{self, File},
    tools::{Result, Scratch},
};

/// A release, and the machine that it is for.
const VERSION: &str = "9.8.7";
const TARGET: &str = "x86_64-unknown-linux-musl";
/// A program that prints its arguments, and fails on request.
const PROGRAM: &[u8] = b"#!/bin/sh\nIFS=,\necho \"called with $*\"\n\
    case $* in *broken.toml*) exit 2 ;; *--new*) exit 1 ;; esac\n[ \"$1\" != fail ]\n";

/// Tests all cases.
pub(crate) fn run_all() -> Result<()> {
    let scratch = Scratch::new()?;
    let runner = Runner(scratch.path());
    let archive = runner.write_release()?;
    let good = fs::read(&archive)?;
    let tag = format!("v{VERSION}");
    let install = |system, version| runner.call("install", system, version, "");

    let run = install("Linux-X64", "9.9.9")?;
    expect(
        "a release that is not there",
        &run,
        1,
        "is there a release `9.9.9`?",
    )?;
    let run = install("FreeBSD-X64", VERSION)?;
    expect(
        "a system without a release",
        &run,
        1,
        "no release for `FreeBSD` on `X64`",
    )?;
    let run = install("Linux-X64", "../etc")?;
    expect(
        "a version that is a path",
        &run,
        1,
        "not a version: `../etc`",
    )?;

    fs::write(&archive, [&good[..], b"x"].concat())?;
    let run = install("Linux-X64", VERSION)?;
    expect(
        "an archive that was changed",
        &run,
        1,
        "differs from the released file",
    )?;
    if runner
        .0
        .join("cache/romfeed")
        .join(VERSION)
        .join(TARGET)
        .exists()
    {
        return Err("an archive that was changed was unpacked".into());
    }

    fs::write(&archive, &good)?;
    runner.write_gh(false)?;
    let run = install("Linux-X64", VERSION)?;
    let text = "has no attestation of `you/romfeed`";
    expect("an archive without an attestation", &run, 1, text)?;
    runner.write_gh(true)?;
    let run = install("Linux-X64", &tag)?;
    expect("a good archive", &run, 0, "called with --version")?;
    fs::remove_file(&archive)?;
    let run = install("Linux-X64", VERSION)?;
    expect("a release in the cache", &run, 0, "called with --version")?;

    runner.write_cargo(false)?;
    let run = install("FreeBSD-X64", "source")?;
    expect(
        "a commit that does not compile",
        &run,
        1,
        "cannot compile `.`",
    )?;
    runner.write_cargo(true)?;
    let run = install("FreeBSD-X64", "source")?;
    expect("a commit to compile", &run, 0, "called with --version")?;
    runner.write_cargo(false)?;
    let run = install("FreeBSD-X64", "source")?;
    let text = "called with --version";
    expect("a commit that was compiled before", &run, 0, text)?;

    let run = runner.call("run", "Linux-X64", "", "generate -q\n\n check --zips")?;
    expect("two commands", &run, 0, "called with check,--zips")?;
    let run = runner.call("run", "Linux-X64", "", "fail\ngenerate")?;
    expect("a command that fails", &run, 1, "called with fail")?;
    if String::from_utf8_lossy(&run.stdout).contains("generate") {
        return Err("a command was run after one that failed".into());
    }
    let run = runner.call("run", "Linux-X64", "", "generate --new\ncheck --zips")?;
    expect(
        "a zip that is left out",
        &run,
        0,
        "called with check,--zips",
    )?;
    let outputs = fs::read_to_string(runner.0.join("github-output"))?;
    if outputs != "left-out=true\n" {
        return Err(format!("the outputs are {outputs}").into());
    }
    for lines in [
        "generate --new --exit-code\ncheck",
        "check --new\ncheck",
        "generate --config broken.toml\ncheck",
    ] {
        let run = runner.call("run", "Linux-X64", "", lines)?;
        let code = if lines.contains("broken") { 2 } else { 1 };
        expect("a command that stops the others", &run, code, "called with")?;
        if String::from_utf8_lossy(&run.stdout).contains("called with check\n") {
            return Err(format!("after a command that failed: {lines}").into());
        }
    }
    let run = runner.call("run", "Linux-X64", "", "generate $(id) * ; id")?;
    expect("shell syntax", &run, 0, "called with generate,$(id),*,;,id")?;
    let lines = "# not yet\n catalog yank --reason \"does not boot\" 'a b.zip' \"\" c\\ d";
    let run = runner.call("run", "Linux-X64", "", lines)?;
    let words = "called with catalog,yank,--reason,does not boot,a b.zip,,c d\n";
    expect("a comment, and words with spaces", &run, 0, words)?;
    let run = runner.call("run", "Linux-X64", "", "generate \"out")?;
    expect(
        "an unclosed quotation mark",
        &run,
        1,
        "a quotation mark is not closed: `generate \"out`",
    )?;
    let run = runner.call("run", "Linux-X64", "", "generate \\\n-q")?;
    expect(
        "a command on two lines",
        &run,
        1,
        "a command must be on one line",
    )
}

/// A runner whose folders are all inside a temporary one.
struct Runner<'a>(&'a Path);

impl Runner<'_> {
    /// Writes the release and returns the path of its archive.
    fn write_release(&self) -> Result<PathBuf> {
        let name = format!("romfeed-{VERSION}-{TARGET}");
        let program = File::program(PROGRAM.to_vec());
        let files = BTreeMap::from([("romfeed".to_owned(), program)]);
        let bytes = archive::tar_gz(&name, &files, 0)?;
        let folder = self.0.join(format!("releases/v{VERSION}"));
        fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{name}.tar.gz"));
        let other = format!("{}  other-{name}.tar.gz\n", archive::sha256(b"other"));
        let line = format!("{}  {name}.tar.gz\n", archive::sha256(&bytes));
        fs::write(folder.join("SHA256SUMS"), other + &line)?;
        fs::write(&path, bytes)?;
        Ok(path)
    }

    /// Writes a stand-in for gh that does or does not find an attestation.
    fn write_gh(&self, is_attested: bool) -> Result<()> {
        let folder = self.0.join("bin");
        fs::create_dir_all(&folder)?;
        let code = u8::from(!is_attested);
        let text = format!(
            "#!/bin/sh\n[ \"$1 $2\" = 'attestation verify' ] || exit 9\n\
             [ \"$3\" = --help ] || [ \"$4 $5\" = '--repo you/romfeed' ] || exit 9\n\
             [ \"$3\" = --help ] || exit {code}\n"
        );
        let file = folder.join("gh");
        fs::write(&file, text)?;
        crate::tools::run(Command::new("chmod").arg("+x").arg(&file))?;
        Ok(())
    }

    /// Writes a stand-in for cargo that installs the program, or fails.
    fn write_cargo(&self, compiles: bool) -> Result<()> {
        let program = self.0.join("program");
        fs::write(&program, PROGRAM)?;
        let code = u8::from(!compiles);
        let text = format!(
            "#!/bin/sh\n[ \"$1 $2\" = 'install --locked' ] || exit 9\n[ {code} = 0 ] || exit {code}\n\
             for root; do :; done\nmkdir \"$root/bin\"\ninstall '{}' \"$root/bin/romfeed\"\n",
            program.display()
        );
        let file = self.0.join("bin/cargo");
        fs::write(&file, text)?;
        crate::tools::run(Command::new("chmod").arg("+x").arg(&file))?;
        Ok(())
    }

    fn call(&self, step: &str, system: &str, version: &str, lines: &str) -> Result<Output> {
        let (os, machine) = system.split_once('-').ok_or("no system")?;
        let github_path = self.0.join("github-path");
        // As the runner does between steps.
        let folder = fs::read_to_string(&github_path).unwrap_or_default();
        let folder = folder.lines().next().unwrap_or("/nonexistent");
        let path = std::env::var("PATH")?;
        let mut command = Command::new("bash");
        command
            .args(["action.sh", step])
            .env("PATH", format!("{folder}:{}/bin:{path}", self.0.display()))
            .env("REPOSITORY", "you/romfeed")
            .env("RELEASES", format!("file://{}/releases", self.0.display()))
            .env("INPUT_VERSION", version)
            .env("INPUT_RUN", lines)
            .env("RUNNER_OS", os)
            .env("RUNNER_ARCH", machine)
            .env("RUNNER_TOOL_CACHE", self.0.join("cache"))
            .env("GITHUB_OUTPUT", self.0.join("github-output"))
            .env("GITHUB_PATH", github_path);
        Ok(command.output()?)
    }
}

fn expect(what: &str, run: &Output, code: i32, text: &str) -> Result<()> {
    let stdout = String::from_utf8_lossy(&run.stdout);
    if run.status.code() != Some(code) || !stdout.contains(text) {
        let stderr = String::from_utf8_lossy(&run.stderr);
        return Err(format!("{what}: {}\n{stdout}{stderr}", run.status).into());
    }
    eprintln!("ok  {what}");
    Ok(())
}
