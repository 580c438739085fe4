//! Time to read a package's facts out of its images.
//!
//! Small packages around `tests/fixtures/images` show the cost that does not depend on size.
//! Packages of real size are taken from the folder in ROMFEED_BENCH_PACKAGES; `cargo xtask
//! bench-inputs FOLDER` writes some. All are in the page cache after the first round.

use std::hint::black_box;
use std::io::Read;
use std::path::{Path, PathBuf};

use criterion::{Criterion, criterion_group, criterion_main};
use lzma_rust2::XzReader;
use ota_view::{FileSource, Ota, Until};
use testkit::package::Package;
use testkit::payload::{Partition, op};
use testkit::props::Props;

/// The environment variable with the folder of large packages.
const FOLDER: &str = "ROMFEED_BENCH_PACKAGES";

fn read(c: &mut Criterion, name: &str, zip: &Path) {
    let read = || {
        let ota = Ota::open(FileSource::open(zip).expect("a file")).expect("a sound package");
        // Like a program that needs the properties of the system and the product.
        let device = ota.props(Until::Enough(&|props| {
            props.get("ro.product.model").is_some()
        }));
        (device.expect("sound images"), ota.budget().counters())
    };
    let (device, counters) = read();
    assert!(device.files.len() >= 2, "{name}: no images");
    eprintln!("{name}: {counters:?}");
    c.bench_function(name, |b| b.iter(|| black_box(read())));
}

/// A fixture: its stored form and the image in it.
fn fixture(name: &str) -> (Vec<u8>, Vec<u8>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/images");
    let stored = std::fs::read(folder.join(format!("{name}.img.xz"))).expect("a fixture");
    let mut image = Vec::new();
    XzReader::new(stored.as_slice(), true)
        .read_to_end(&mut image)
        .expect("a sound fixture");
    (stored, image)
}

fn small(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let package = || {
        Package::payload(Props::lineage(
            "22.2",
            "UNOFFICIAL",
            "enchilada",
            1_749_896_318,
            "eng.builder.20250614.101838",
            35,
            "2025-06-05",
        ))
    };
    let stored = |name, file| Partition::new(name).replace(fixture(file).1);
    let packed = |name, file| {
        let (data, image) = fixture(file);
        Partition::new(name).encoded(op::REPLACE_XZ, data, &image)
    };
    for (name, system, product) in [
        (
            "small, EROFS as it is",
            stored("system", "erofs-lz4hc"),
            stored("product", "erofs-product"),
        ),
        (
            "small, ext4 in xz",
            packed("system", "ext4-android"),
            packed("product", "ext4-product"),
        ),
    ] {
        let zip = dir.path().join("package.zip");
        let package = package().partition(product).partition(system);
        std::fs::write(&zip, package.build()).expect("a writable folder");
        read(c, name, &zip);
    }
}

fn large(c: &mut Criterion) {
    let Some(folder) = std::env::var_os(FOLDER) else {
        eprintln!("no large packages: {FOLDER} is not set to a folder");
        return;
    };
    let entries = std::fs::read_dir(&folder).expect("a readable folder");
    let mut zips: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "zip"))
        .collect();
    zips.sort();
    for zip in zips {
        let name = zip.file_stem().unwrap_or_default().to_string_lossy();
        read(c, &name, &zip);
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = small, large
}
criterion_main!(benches);
