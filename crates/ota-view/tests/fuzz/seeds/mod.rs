//! Seeds of the fuzz targets, made from `testkit` and the images of the repository.
//!
//! `cargo test` runs each target over them, and `cargo xtask corpus` writes them to files, so they
//! are not tracked. The same call gives the same bytes. Forms that only other programs write are
//! tracked instead, under `tests/corpus/`.

mod packages;
mod signed;

use std::error::Error;
use std::fs;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use ota_view::codec::Codec;
use testkit::fuzz::Seeds;
use testkit::props::Props;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Returns the seeds of all targets; `root` is the folder of the repository.
///
/// # Errors
/// If a fixture cannot be read.
pub(crate) fn all(root: &Path) -> Result<Seeds> {
    let fixtures = Fixtures(root.join("tests/fixtures"));
    let mut seeds = Seeds::default();
    packages::write(&mut seeds, &fixtures)?;
    signed::write(&mut seeds, &fixtures)?;
    Ok(seeds)
}

/// The folder of the fixtures.
struct Fixtures(PathBuf);

impl Fixtures {
    fn read(&self, path: &str) -> Result<Vec<u8>> {
        let path = self.0.join(path);
        fs::read(&path).map_err(|error| format!("{}: {error}", path.display()).into())
    }

    /// Decompresses an image.
    fn image(&self, name: &str) -> Result<Vec<u8>> {
        let compressed = self.read(&format!("images/{name}.img.xz"))?;
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
