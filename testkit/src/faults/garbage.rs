//! A folder of broken zips, with some good packages among them.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

use super::{Random, Site};
use crate::zip::{Entry, Zip};
use crate::{noise, package::Package, props::Props};

/// One package in this many is sound.
const GOOD_EVERY: usize = 100;
/// Length of a file that is almost only a hole, in bytes; Windows would write the zeros.
const SPARSE_SIZE: u64 = if cfg!(windows) { 5 << 20 } else { 5 << 30 };

/// Writes this many files under `builds/`. The good ones each have their own device, whose names
/// are returned; others may be valid in all parts that are read.
pub fn write(site: &Site, num: usize, seed: u64) -> io::Result<Vec<String>> {
    let mut random = Random::new(seed);
    let mut devices = Vec::new();
    let good = sample("spoiled");
    for index in 0..num {
        let path = format!("builds/{:02}/rom-{index:05}.zip", index % 37);
        if index % GOOD_EVERY == 0 {
            let device = format!("device{index}");
            let name = format!("builds/lineage-21.0-20231114-nightly-{device}.zip");
            site.put(&name, sample(&device))?;
            devices.push(device);
            continue;
        }
        match KINDS[index % KINDS.len()] {
            Kind::Bytes(make) => site.put(&path, make(&good, &mut random))?,
            Kind::Sparse => write_sparse(site, &path)?,
        }
    }
    Ok(devices)
}

/// The way in which a file is broken.
#[derive(Clone, Copy)]
enum Kind {
    /// Made from a good package, or from nothing.
    Bytes(fn(&[u8], &mut Random) -> Vec<u8>),
    /// Gigabytes of holes.
    Sparse,
}

const KINDS: [Kind; 13] = [
    Kind::Bytes(|_, random| bytes(random)),
    Kind::Bytes(|_, random| [b"PK\x03\x04", &bytes(random)[..]].concat()),
    Kind::Bytes(|_, random| [&bytes(random)[..], &end(1, 46, 0)].concat()),
    Kind::Bytes(|good, random| good[..random.index(good.len())].to_vec()),
    Kind::Bytes(flipped),
    Kind::Bytes(|_, _| Vec::new()),
    Kind::Bytes(|good, _| {
        Zip::new()
            .stored("a.zip", good)
            .stored("b.zip", good)
            .build()
    }),
    Kind::Bytes(|good, _| [good, &end(u16::MAX, u32::MAX - 1, 4)].concat()),
    Kind::Bytes(|good, random| [good, &zip64_end(random.number(), random.number())].concat()),
    Kind::Bytes(|_, _| deep_names()),
    Kind::Bytes(|_, _| lying_size()),
    Kind::Bytes(|good, random| good[random.index(good.len())..].to_vec()),
    Kind::Sparse,
];

/// A good package.
fn sample(device: &str) -> Vec<u8> {
    let props = Props::lineage(
        "21.0",
        "nightly",
        device,
        1_700_000_000,
        "eng.1",
        34,
        "2023-11-05",
    );
    Package::files(props).build()
}

fn bytes(random: &mut Random) -> Vec<u8> {
    noise(random.number(), random.index(20_000))
}

fn flipped(good: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for _ in 0..1 + random.below(20) {
        let at = random.index(bytes.len());
        bytes[at] ^= 1 << random.below(8);
    }
    bytes
}

/// Returns the end of a central directory that states any values (APPNOTE 4.3.16).
fn end(num_entries: u16, size: u32, offset: u32) -> Vec<u8> {
    let mut end = b"PK\x05\x06\0\0\0\0".to_vec();
    end.extend([num_entries.to_le_bytes(), num_entries.to_le_bytes()].concat());
    end.extend([size.to_le_bytes(), offset.to_le_bytes()].concat());
    end.extend([0, 0]);
    end
}

/// Returns the zip64 end, its locator and the end that leads there (APPNOTE 4.3.14 and 4.3.15).
fn zip64_end(num_entries: u64, offset: u64) -> Vec<u8> {
    let mut bytes = b"PK\x06\x06".to_vec();
    bytes.extend(44_u64.to_le_bytes());
    bytes.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    for value in [num_entries, num_entries, offset, offset] {
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(b"PK\x06\x07\0\0\0\0");
    bytes.extend(offset.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(end(u16::MAX, u32::MAX, u32::MAX));
    bytes
}

/// Entries below tens of thousands of folders, and ones that lead out of the package.
fn deep_names() -> Vec<u8> {
    let deep = "a/".repeat(30_000);
    let names = [
        format!("{deep}x"),
        "../".repeat(20_000),
        "/etc/passwd".to_owned(),
    ];
    names
        .iter()
        .fold(Zip::new(), |zip, name| zip.stored(name, "x"))
        .build()
}

/// Metadata that states a length of gigabytes, and is a few zeros.
fn lying_size() -> Vec<u8> {
    let zeros = vec![0; 200_000];
    let entry = |name: &str| Entry::deflated(name, zeros.clone()).declared_size(3 << 30);
    Zip::new()
        .entry(entry("META-INF/com/android/metadata"))
        .entry(entry("META-INF/com/google/android/update-binary"))
        .entry(entry("system/build.prop"))
        .build()
}

fn write_sparse(site: &Site, path: &str) -> io::Result<()> {
    site.put(path, b"PK\x03\x04")?;
    let mut file = File::options().write(true).open(site.path(path))?;
    file.seek(SeekFrom::Start(SPARSE_SIZE))?;
    file.write_all(&end(60_000, 1 << 30, 1 << 20))
}
