//! Chores of the romfeed repository, run as `cargo xtask <chore>`.

mod ext4;
#[cfg(unix)]
mod fixtures;
mod samples;
mod tools;

use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask <chore>

Chores:
  fixtures  Write the file-system images under tests/fixtures/images/ again, byte for
            byte the same; needs the programs mke2fs, debugfs, e2fsck, mkfs.erofs,
            fsck.erofs and dump.erofs (1.9 or later), mksquashfs, mkfs.f2fs, img2simg,
            simg2img, tar and xz
  samples   Write the sample packages under builds/ again, byte for byte the same;
            needs the programs mke2fs, debugfs, e2fsck, xz, brotli, sha256sum
            and md5sum
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match args[..] {
        #[cfg(unix)]
        ["fixtures"] => fixtures::write_all(),
        ["samples"] => samples::write_all(),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
