//! Seeds with signatures: packages of each layout, and the comments of signed zips.

use std::fs;

use testkit::fuzz::Seeds;
use testkit::noise;
use testkit::package::Package;
use testkit::payload::Partition;
use testkit::signing::{self, Cms, Key};

use super::{Fixtures, Result, props};

/// Writes the seeds.
pub(super) fn write(seeds: &mut Seeds, fixtures: &Fixtures) -> Result<()> {
    let image = noise(1, testkit::BLOCK_SIZE);
    let packages = [
        ("files", Package::files(props())),
        ("block", Package::block(props())),
        ("images", Package::images(props())),
        (
            "payload",
            Package::payload(props()).partition(Partition::new("system").replace(image)),
        ),
        ("delta", Package::payload(props()).delta("eng.0", "a/b/c")),
    ];
    for (name, package) in packages {
        let zip = package.signed(Key::Alice).build();
        seeds.add("verify", name, &zip);
    }
    let attributes = Cms::of(Key::Bob).with_attributes();
    let zip = Package::files(props()).build();
    let zip = signing::sign_as(zip, &attributes);
    seeds.add("verify", "attributes", &zip);
    for key in [Key::Alice, Key::Bob] {
        let name = format!("{key:?}").to_lowercase();
        let der = key.certificate();
        seeds.add("signature", &format!("{name}-der"), der);
        let pem = signing::pem(der);
        seeds.add("signature", &format!("{name}-pem"), pem.as_bytes());
    }
    for file in fs::read_dir(fixtures.0.join("signatures"))? {
        let file = file?.path();
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        if file.extension().is_some_and(|end| end == "zip") {
            let zip = fs::read(&file)?;
            seeds.add("signature", &name, comment(&zip));
            seeds.add("verify", &name, &zip);
        }
    }
    Ok(())
}

/// Returns what follows the end record of a zip.
fn comment(zip: &[u8]) -> &[u8] {
    let end = zip.windows(4).rposition(|bytes| bytes == b"PK\x05\x06");
    end.and_then(|end| zip.get(end + 22..)).unwrap_or_default()
}
