//! Chores of the romfeed repository, run as `cargo xtask <chore>`.

#[cfg(unix)]
mod action;
#[cfg(unix)]
mod bench;
#[cfg(unix)]
mod bench_inputs;
#[cfg(unix)]
mod compare;
mod corpus;
mod dist;
mod ext4;
#[cfg(unix)]
mod faults;
#[cfg(unix)]
mod fixtures;
#[cfg(unix)]
mod kits;
#[cfg(unix)]
mod load;
mod samples;
#[cfg(unix)]
mod screenshots;
mod tools;

use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask <chore>

Chores:
  action    Try the steps of action.yml on releases made up for it; needs bash, curl, tar and
            sha256sum or shasum
  corpus    Write the inputs that the fuzzers begin with under fuzz/corpus/: those that the
            test suite makes, and those under tests/fixtures/corpus/; needs no other program
  bench [FOLDER]
            Measure romfeed beside what people would run instead and write BENCHMARKS.md;
            takes a quarter of an hour, 25 GB in FOLDER (or the folder for temporary files), and
            Linux; better with openssl, python3, time, unzip, payload_dumper (PyPI), mkfs.erofs
            and dump.erofs (1.9 or later)
  bench-inputs FOLDER
            Write packages of a gigabyte each, for the benchmark `read`, of what the
            running system has; takes 7 GB and minutes, and needs the programs
            mke2fs, mkfs.erofs (1.9 or later), xz and brotli
  compare [FOLDER]
            Make images of some hundred MB of files, from FOLDER or the running
            system, in every form, and compare what romfeed reads of them with what
            debugfs and fsck.erofs take out; needs mke2fs, debugfs, mkfs.erofs and
            fsck.erofs (1.9 or later) and img2simg; better with `cargo run --release
            --package xtask -- compare`
  dist [--target TRIPLE] [--out FOLDER]
            Build the program of a release and pack it with licences, completions and
            manual into FOLDER (target/dist), and write its SHA-256 beside it; byte for
            byte the same anywhere
  faults [PART | --kills NUMBER | garbage NUMBER]
            Kill `romfeed generate` at hundreds of moments and put every other fault to
            it: full and read-only disks, bad files, zips that change, wrong clocks,
            runs at once, ten thousand garbage zips; a table tells what was lost. Takes
            some ten minutes and is for Linux; better as root, with strace, util-linux
            and faketime, and what is not to be had is skipped. PART is one of kills,
            calls, disk, access, others, garbage
  fixtures  Write the file-system images under tests/fixtures/images/ again, byte for
            byte the same; needs the programs mke2fs, debugfs, e2fsck, mkfs.erofs,
            fsck.erofs and dump.erofs (1.9 or later), mksquashfs, mkfs.f2fs, img2simg,
            simg2img, tar and xz
  kits      Try what `romfeed init` writes for nginx, Apache and Caddy on those servers, on
            loopback; needs curl and rsync, and skips servers that are not installed
            (Debian: nginx-light, apache2, caddy)
  load      Measure `romfeed serve` beside nginx, on loopback: feeds a second and zip
            throughput of the same files; takes three minutes and a gigabyte, and needs
            nginx and wrk (Debian: nginx-light, wrk) and Linux
  samples   Write the sample packages under builds/ again, byte for byte the same;
            needs the programs mke2fs, debugfs, e2fsck, xz, brotli, sha256sum
            and md5sum
  screenshots
            Take the pictures of the README and the book again, docs/src/images/, of the sample
            site and of `romfeed simulate`; needs Chromium; better with pngquant and the font
            Roboto (Debian: fonts-roboto)
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match args[..] {
        #[cfg(unix)]
        ["action"] => action::run_all(),
        #[cfg(unix)]
        ["bench"] => bench::run_all(None),
        #[cfg(unix)]
        ["bench", folder] => bench::run_all(Some(folder.as_ref())),
        #[cfg(unix)]
        ["bench-inputs", folder] => bench_inputs::write_all(folder.as_ref()),
        #[cfg(unix)]
        ["compare"] => compare::run_all(None),
        #[cfg(unix)]
        ["compare", folder] => compare::run_all(Some(folder.as_ref())),
        ["corpus"] => corpus::write_all(),
        ["dist", ref arguments @ ..] => dist::write(arguments),
        #[cfg(unix)]
        ["faults", ref args @ ..] => faults::run_all(args),
        #[cfg(unix)]
        ["fixtures"] => fixtures::write_all(),
        #[cfg(unix)]
        ["kits"] => kits::run_all(),
        #[cfg(unix)]
        ["load"] => load::run_all(),
        ["samples"] => samples::write_all(),
        #[cfg(unix)]
        ["screenshots"] => screenshots::take_all(),
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
