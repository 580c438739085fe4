//! Seeds of the fuzzers: inputs of every form, made from `testkit` and the images of the suite.
//!
//! `cargo test` runs each target over them, and `cargo xtask corpus` writes them to files, so they
//! are not tracked. The same call gives the same bytes. Forms that only other programs write are
//! tracked instead, under `tests/fixtures/corpus/`.

mod packages;
mod signed;
mod site;

use std::error::Error;
use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use ota_view::codec::Codec;
use testkit::props::Props;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// An input of one fuzz target.
pub(crate) struct Seed {
    /// The name of the target.
    pub(crate) target: &'static str,
    /// A file name.
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// Returns the seeds of all targets; `root` is the folder of the repository.
///
/// # Errors
/// If a fixture cannot be read.
pub(crate) fn all(root: &Path) -> Result<Vec<Seed>> {
    let mut seeds = Seeds {
        root: root.to_owned(),
        all: Vec::new(),
    };
    packages::write(&mut seeds)?;
    signed::write(&mut seeds)?;
    site::write(&mut seeds)?;
    Ok(seeds.all)
}

/// The seeds so far, and the folder of the fixtures.
struct Seeds {
    root: PathBuf,
    all: Vec<Seed>,
}

impl Seeds {
    fn add(&mut self, target: &'static str, name: &str, bytes: &[u8]) {
        self.all.push(Seed {
            target,
            name: format!("seed-{name}"),
            bytes: bytes.to_vec(),
        });
    }

    /// Reads a file of `tests/fixtures/`.
    fn fixture(&self, path: &str) -> Result<Vec<u8>> {
        let path = self.root.join("tests/fixtures").join(path);
        fs::read(&path).map_err(|error| format!("{}: {error}", path.display()).into())
    }

    /// Decompresses an image of `tests/fixtures/images/`.
    fn image(&self, name: &str) -> Result<Vec<u8>> {
        let compressed = self.fixture(&format!("images/{name}.img.xz"))?;
        let mut image = Vec::new();
        Codec::Xz
            .decode(Cursor::new(compressed))
            .read_to_end(&mut image)?;
        Ok(image)
    }
}

fn props() -> Props {
    lineage("21.0", 34)
}

fn lineage(version: &str, sdk: u32) -> Props {
    Props::lineage(
        version,
        "nightly",
        "bacon",
        1_700_000_000,
        "eng.1",
        sdk,
        "2023-11-05",
    )
}
