//! Settings and builds for the benchmarks of whole runs.

use std::path::Path;

use ota_view::io::Limits;
use romfeed::catalog::{Catalog, Record, file};
use romfeed::generate::Observer;
use romfeed::model::address::UrlTemplate;
use romfeed::model::build::{Build, Device, Romtype};
use romfeed::model::config::Config;

/// An observer that ignores all events.
pub(crate) struct Silent;

impl Observer for Silent {}

/// The settings of a maintainer who has set only the download address. The zips are elsewhere, so
/// that no build is retired because its zip is missing.
pub(crate) fn config(root: &Path) -> Config {
    let url = "https://mirror.example.org/full/{device}/{datetime}/{filename}";
    let limits = Limits::new(std::env::temp_dir(), std::time::Instant::now);
    Config {
        base_url: Some("https://example.org/ota".to_owned()),
        url: Some(UrlTemplate::parse(url).expect("an https address")),
        jobs: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        ..Config::for_folder(root, limits)
    }
}

/// Returns a device's codename.
pub(crate) fn codename(device: usize) -> String {
    format!("device{device:03}")
}

/// Returns the time at which a build of that day is made; each device has its own hour.
pub(crate) fn timestamp(device: usize, day: usize) -> i64 {
    let [device, day] = [device, day].map(|n| i64::try_from(n).expect("small"));
    1_600_000_000 + day * 86_400 + device * 60
}

/// Returns one build of a device per day: every tenth is experimental, and the newer half (from
/// `num_days / 2`) has the next version.
pub(crate) fn build(device: usize, day: usize, num_days: usize) -> Build {
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
    let date = chrono::DateTime::from_timestamp(timestamp, 0).expect("a date of this century");
    let filename = format!(
        "lineage-{version}-{}-{romtype}-{codename}-signed.zip",
        date.format("%Y%m%d")
    );
    let digits = Digits::of(device, day);
    Build {
        incremental: Some(digits.take(0, 10)),
        sdk_level: Some(sdk_level),
        security_patch: Some(date.format("%Y-%m-05").to_string()),
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

/// Writes the catalog that the settings name.
pub(crate) fn write_catalog(config: &Config, builds: impl Iterator<Item = Build>) {
    let mut catalog = Catalog::default();
    for build in builds {
        catalog
            .builds
            .insert(build.identity().to_owned(), Record::new(build));
    }
    std::fs::write(&config.catalogs[0], file::render(&catalog)).expect("a writable folder");
}

/// Returns the builds of this many devices and days.
pub(crate) fn builds(num_devices: usize, num_days: usize) -> impl Iterator<Item = Build> {
    (0..num_devices)
        .flat_map(move |device| (0..num_days).map(move |day| build(device, day, num_days)))
}
