//! Prints MD5 and SHA-256 of files: `cargo run --release --example sums -- FILE…`.

#![expect(clippy::print_stdout, reason = "an example program")]

use std::error::Error;
use std::path::PathBuf;

use digest_lanes::{Algorithm, Options, Source, Stamp, digest_files};

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let mut files = Vec::new();
    for path in &paths {
        let stamp = Stamp::of(&std::fs::metadata(path)?);
        files.push(Source { path, stamp });
    }
    let options = Options {
        threads: std::thread::available_parallelism()?.get(),
        bytes_per_second: None,
    };
    let algorithms = [Algorithm::Md5, Algorithm::Sha256];
    let results = digest_files(&files, &algorithms, &options, &());
    for (path, result) in paths.iter().zip(results) {
        match result {
            Ok(digests) => println!("{}  {}", digests.join("  "), path.display()),
            Err(error) => eprintln!("{}: {error}", path.display()),
        }
    }
    Ok(())
}
