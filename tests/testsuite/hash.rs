//! `romfeed hash`, and the limit on what hashing reads.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::support::{RomDir, bacon};

fn hex(bytes: impl AsRef<[u8]>) -> String {
    let digits = bytes.as_ref().iter().map(|byte| format!("{byte:02x}"));
    digits.collect()
}

/// Creates a folder with files of several sizes; returns their names too.
fn folder() -> (RomDir, Vec<String>) {
    let mut dir = RomDir::new();
    let mut names = Vec::new();
    for size in [0_usize, 1, 55, 56, 64, 4_096, 70_001, 200_000] {
        let name = format!("f{size}");
        let bytes: Vec<u8> = (0..size).map(|at| (at / 3 * 7) as u8).collect();
        dir = dir.file(&name, bytes);
        names.push(name);
    }
    (dir, names)
}

#[test]
fn lines_match_the_standard_tools_for_each_algorithm() {
    let (dir, names) = folder();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (mut both, mut sha1) = (String::new(), String::new());
    for name in &names {
        let bytes = dir.read(name);
        let md5 = hex(Md5::digest(&bytes));
        both += &format!("{md5}  {name}\n{}  {name}\n", hex(Sha256::digest(&bytes)));
        sha1 += &format!("{}  {name}\n", hex(Sha1::digest(&bytes)));
    }
    let run = dir.run(&[&["hash"], &names[..]].concat()).expect(0);
    assert_eq!(run.stdout, both);
    assert_eq!(run.stderr, "");
    let run = dir.run(&[&["hash", "--sha1", "--jobs", "1"], &names[..]].concat());
    assert_eq!(run.expect(0).stdout, sha1);
}

#[test]
fn a_file_that_cannot_be_read_is_one_line_and_the_rest_is_hashed() {
    let (dir, _) = folder();
    let dir = dir.file("folder/x", "");
    let run = dir.run(&["hash", "--md5", "gone.zip", "f1", "folder", "f64"]);
    let run = run.expect(1);
    let of = |name: &str| format!("{}  {name}\n", hex(Md5::digest(dir.read(name))));
    assert_eq!(run.stdout, of("f1") + &of("f64"));
    assert_eq!(run.stderr.lines().count(), 2, "{}", run.stderr);
    let run = run.says("error: gone.zip: cannot read the file: ");
    run.says("error: folder: cannot read the file: not a regular file");
    dir.run(&["hash"]).expect(2);
}

#[test]
fn standard_input_is_refused_but_a_file_named_dash_is_not() {
    let dir = RomDir::new().file("-", "abc");
    let run = dir.run(&["hash", "--md5", "-"]).expect(1);
    run.says("error: -: cannot read the file: standard input is not supported");
    let run = dir.run(&["hash", "--md5", "./-"]).expect(0);
    assert_eq!(run.stdout, format!("{}  ./-\n", hex(Md5::digest("abc"))));
}

/// Files in /proc report no size, like files on some remote file systems.
#[cfg(target_os = "linux")]
#[test]
fn a_file_without_a_size_is_not_treated_as_empty() {
    let run = RomDir::new().run(&["hash", "/proc/version"]).expect(1);
    assert_eq!(run.stdout, "");
    run.says("the file continues after the 0 bytes");
}

#[test]
fn a_read_limit_changes_only_the_time() {
    let zip = "builds/lineage-21.0-20231114-nightly-bacon.zip";
    let site = |settings: &str| {
        let dir = RomDir::new().file(zip, bacon(0)).file(
            "romfeed.toml",
            format!("base_url = \"https://h/\"\n{settings}"),
        );
        dir.run(&["generate"]).expect(0);
        dir.tree("out")
    };
    assert_eq!(site("io_limit = \"64M\"\n"), site(""));
}

#[test]
fn an_invalid_rate_limit_is_refused() {
    let (dir, _) = folder();
    for rate in ["0", "", "M", "-1", "1.5M", "50MB", "99999999999G", "5 M"] {
        let run = dir.run(&["hash", &format!("--io-limit={rate}"), "f1"]);
        run.expect(2).says("write bytes a second, for example 50M");
    }
    dir.put("romfeed.toml", "io_limit = \"fast\"\n");
    let run = dir.run(&["generate"]).expect(2);
    run.says("romfeed.toml, line 1, column 12: write bytes a second");
}
