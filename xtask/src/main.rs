//! Chores of the romfeed repository, run as `cargo xtask <chore>`.

mod ext4;
mod samples;
mod tools;

use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask <chore>

Chores:
  samples   Write the sample packages under builds/ again, byte for byte the same;
            needs the programs mke2fs, debugfs, e2fsck, xz, brotli, sha256sum
            and md5sum
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["samples"] => match samples::write_all() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        },
        _ => {
            eprint!("{USAGE}");
            ExitCode::from(2)
        }
    }
}
