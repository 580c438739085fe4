//! `cargo xtask dist`: the archive that people download for a release.
//!
//! In: the checkout, and a compiler for the target. Out: `romfeed-VERSION-TARGET.tar.gz` (`.zip`
//! for Windows) with the program, licences, completions and manual, and a `sha256sum` line next to
//! it. The same commit, compiler and target give the same bytes, wherever the checkout, the target
//! folder and cargo's home are.

pub(crate) mod archive;
mod metadata;
mod notices;

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::tools::{Result, Scratch, run};
use archive::File;
use metadata::Metadata;

/// The features of the program that are not on by default.
const FEATURES: &str = "s3";
/// The files of the checkout that are included unchanged.
const TEXTS: [&str; 4] = ["CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", "README.md"];
/// The shells with completions, and the file name that each expects for romfeed.
const SHELLS: [(&str, &str); 5] = [
    ("bash", "romfeed.bash"),
    ("elvish", "romfeed.elv"),
    ("fish", "romfeed.fish"),
    ("powershell", "_romfeed.ps1"),
    ("zsh", "_romfeed"),
];

/// Builds and packs according to these arguments: `[--target TRIPLE] [--out FOLDER]`.
pub(crate) fn write(arguments: &[&str]) -> Result<()> {
    let (mut target, mut out) = (None, None);
    let mut arguments = arguments.iter();
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or(format!("{name} needs a value"))?;
        match *name {
            "--target" => target = Some((*value).to_owned()),
            "--out" => out = Some(PathBuf::from(value)),
            other => return Err(format!("unknown argument `{other}`; usage: cargo xtask dist [--target TRIPLE] [--out FOLDER]").into()),
        }
    }
    let target = target.map_or_else(find_host, Ok)?;
    let metadata = metadata::read(&target)?;
    let program = build(&metadata, &target)?;
    let files = gather(&metadata, &target, &program)?;
    let out = out.unwrap_or_else(|| metadata.target_directory.join("dist"));
    write_archive(&metadata.version()?, &target, &files, &out)
}

/// Returns the compiler's default target.
fn find_host() -> Result<String> {
    let text = String::from_utf8(run(Command::new("rustc").arg("-vV"))?)?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("rustc does not tell its host")?.to_owned())
}

/// Builds the program for the target, without any path of this machine in it.
fn build(metadata: &Metadata, target: &str) -> Result<PathBuf> {
    let mut flags: Vec<String> = env::var("RUSTFLAGS")
        .map(|flags| flags.split_whitespace().map(str::to_owned).collect())
        .unwrap_or_default();
    if target.ends_with("-msvc") {
        // The program needs no installed library, and contains no build time.
        flags.extend(["-Ctarget-feature=+crt-static", "-Clink-arg=/Brepro"].map(str::to_owned));
    }
    // The last match counts, and the target folder is usually inside the checkout.
    let places = [
        (metadata.workspace_root.as_path(), "/romfeed"),
        (metadata.target_directory.as_path(), "/target"),
    ];
    let crates = metadata.crate_folders();
    let crates = crates.iter().map(|folder| (*folder, "/crates"));
    for (place, name) in places.into_iter().chain(crates) {
        flags.push(format!("--remap-path-prefix={}={name}", place.display()));
    }
    cargo(
        Command::new("cargo")
            .args([
                "build",
                "--profile",
                "dist",
                "--locked",
                "--package",
                "romfeed",
            ])
            .args(["--features", FEATURES, "--target", target])
            .env_remove("RUSTFLAGS")
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f")),
    )?;
    let folder = metadata.target_directory.join(target).join("dist");
    Ok(folder.join(program_name(target)))
}

fn program_name(target: &str) -> &'static str {
    match is_windows(target) {
        true => "romfeed.exe",
        false => "romfeed",
    }
}

fn is_windows(target: &str) -> bool {
    target.contains("-windows-")
}

/// Runs cargo with its output shown.
fn cargo(command: &mut Command) -> Result<()> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("cargo failed: {status}").into()),
        Err(error) => Err(format!("cannot run cargo: {error}").into()),
    }
}

/// Returns all files of the archive, by their path in it.
fn gather(metadata: &Metadata, target: &str, program: &Path) -> Result<BTreeMap<String, File>> {
    let mut files = BTreeMap::new();
    files.insert(
        program_name(target).to_owned(),
        File::program(fs::read(program)?),
    );
    for name in TEXTS {
        let text = fs::read(metadata.workspace_root.join(name))?;
        files.insert(name.to_owned(), File::text(text));
    }
    files.insert(
        "THIRD-PARTY.md".to_owned(),
        File::text(notices::render(metadata)?.into_bytes()),
    );
    match notices::read_library() {
        Ok(html) => {
            files.insert("RUST-LIBRARY.html".to_owned(), File::text(html));
        }
        // Compilers of Linux distributions have it in another place.
        Err(error) => eprintln!("without the notices of Rust's own library: {error}"),
    }
    add_helps(metadata, &mut files)?;
    Ok(files)
}

/// Adds completions and manual from this machine's build: the program for another target cannot run
/// here, and both print the same.
fn add_helps(metadata: &Metadata, files: &mut BTreeMap<String, File>) -> Result<()> {
    cargo(
        Command::new("cargo")
            .args(["build", "--locked", "--package", "romfeed"])
            .args(["--features", FEATURES]),
    )?;
    let folder = metadata.target_directory.join("debug");
    let program = folder.join(format!("romfeed{}", env::consts::EXE_SUFFIX));
    for (shell, name) in SHELLS {
        let script = run(Command::new(&program).args(["completions", shell]))?;
        files.insert(format!("completions/{name}"), File::text(script));
    }
    let scratch = Scratch::new()?;
    run(Command::new(&program)
        .args(["man", "--to"])
        .arg(scratch.path()))?;
    for page in fs::read_dir(scratch.path())? {
        let page = page?;
        let name = page
            .file_name()
            .into_string()
            .map_err(|_| "a page's name")?;
        files.insert(
            format!("man/man1/{name}"),
            File::text(fs::read(page.path())?),
        );
    }
    Ok(())
}

fn write_archive(
    version: &str,
    target: &str,
    files: &BTreeMap<String, File>,
    out: &Path,
) -> Result<()> {
    let folder = format!("romfeed-{version}-{target}");
    let (name, bytes) = match is_windows(target) {
        true => (format!("{folder}.zip"), archive::zip(&folder, files)?),
        false => (
            format!("{folder}.tar.gz"),
            archive::tar_gz(&folder, files, find_time()?)?,
        ),
    };
    fs::create_dir_all(out)?;
    let path = out.join(&name);
    fs::write(&path, &bytes)?;
    let line = format!("{}  {name}\n", archive::sha256(&bytes));
    fs::write(out.join(format!("{name}.sha256")), &line)?;
    eprint!("{}: {} bytes\n{line}", path.display(), bytes.len());
    Ok(())
}

/// Returns the time of files in the archive, in seconds since 1970: `SOURCE_DATE_EPOCH`, or that of
/// the commit.
fn find_time() -> Result<u64> {
    let text = match env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text,
        Err(_) => String::from_utf8(run(Command::new("git").args([
            "log",
            "-1",
            "--format=%ct",
        ]))?)?,
    };
    let seconds = text.trim().parse();
    Ok(
        seconds
            .map_err(|_| format!("`{}` is not a time in seconds", text.trim().escape_debug()))?,
    )
}
