//! Made-up builds: a catalog of any size, and the next package of a device.

use crate::tools::Result;
use romfeed::{
    catalog::{Catalog, Record, file},
    model::build::{Build, Device, Romtype},
};
use std::{fs, path::Path};
use testkit::{
    package::Package,
    props::{self, Props},
};

/// Returns a device's codename.
fn codename(device: usize) -> String {
    format!("device{device:03}")
}

/// Returns the time at which a build of that day is made; each device has its own hour.
fn timestamp(device: usize, day: usize) -> i64 {
    let [device, day] = [device, day].map(|n| i64::try_from(n).expect("small"));
    1_600_000_000 + day * 86_400 + device * 60
}

/// Returns one build of a device per day: every tenth is experimental, and the newer half (from
/// `num_days / 2`) has the next version.
fn build(device: usize, day: usize, num_days: usize) -> Build {
    let (version, sdk_level) = match day < num_days / 2 {
        true => ("21.0", 34),
        false => ("22.1", 35),
    };
    let romtype = match day % 10 {
        9 => "experimental",
        _ => "nightly",
    };
    let codename = codename(device);
    let timestamp = timestamp(device, day);
    let date = props::day(timestamp);
    let filename = format!("lineage-{version}-{date}-{romtype}-{codename}-signed.zip");
    let digits = Digits::of(device, day);
    Build {
        incremental: Some(digits.take(0, 10)),
        sdk_level: Some(sdk_level),
        security_patch: Some(format!("{}-{}-05", &date[..4], &date[4..6])),
        sha256: Some(digits.take(1, 64)),
        md5: Some(digits.take(2, 32)),
        property_files: Some(
            "payload_metadata.bin:3512:187429,payload.bin:3512:1234430721,\
             payload_properties.txt:1234434291:208,apex_info.pb:1866:1023,care_map.pb:2936:529,\
             metadata:69:1108,metadata.pb:1247:552,\
             com/android/otacert:1234434560:1675,META-INF/scripts:1234436300:5121"
                .to_owned(),
        ),
        signer: Some("5c".repeat(32)),
        ..Build::new(
            Device::parse(&codename).expect("a plain name"),
            Romtype::parse(romtype).expect("a plain name"),
            version.to_owned(),
            timestamp,
            format!("{codename}/{filename}"),
            1_234_567_890,
        )
    }
}

/// Returns hex digits without a pattern, like real digests: a catalog is sorted by them, so the
/// order of its builds follows neither devices nor dates.
struct Digits(u64);

impl Digits {
    fn of(device: usize, day: usize) -> Digits {
        Digits(u64::try_from(device << 32 | day << 8).expect("usize has at most 64 bits"))
    }

    fn take(&self, nth: u64, len: usize) -> String {
        let mut state = self.0 + nth;
        let mut text = String::with_capacity(len + 16);
        while text.len() < len {
            // SplitMix64.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            text.push_str(&format!("{:016x}", z ^ (z >> 31)));
        }
        text.truncate(len);
        text
    }
}

/// Writes the catalog of one device.
pub(super) fn write_catalog(folder: &Path, device: usize, num_days: usize) -> Result<()> {
    let mut catalog = Catalog::default();
    for build in (0..num_days).map(|day| build(device, day, num_days)) {
        let identity = build.identity().to_owned();
        catalog.builds.insert(identity, Record::new(build));
    }
    let path = folder.join(format!("{}.json", codename(device)));
    Ok(fs::write(path, file::render(&catalog))?)
}

/// Returns the file name of the package that `write_package` writes.
pub(super) fn package_name(day: usize) -> String {
    let (date, device) = (props::day(timestamp(0, day)), codename(0));
    format!("lineage-22.1-{date}-nightly-{device}-signed.zip")
}

/// Writes the next package of the first device, which is not signed.
pub(super) fn write_package(folder: &Path, day: usize) -> Result<()> {
    let props = Props::lineage(
        "22.1",
        "nightly",
        &codename(0),
        timestamp(0, day),
        "f00dcafe00",
        35,
        "2024-08-05",
    );
    fs::create_dir_all(folder)?;
    let package = Package::payload(props).build();
    Ok(fs::write(folder.join(package_name(day)), package)?)
}
