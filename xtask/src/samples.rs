//! The sample packages under `builds/`: real formats with invented contents.
//!
//! They show every package layout and feed situation in a few kilobytes each: a device that stopped
//! at CyanogenMod, one with an update a week later, and one with a delta, a recovery image and the
//! checksum files that docker-lineage-cicd writes next to a package. Their changelogs are written
//! by hand. The images hold real file systems, made by `mke2fs` and compressed by `xz` and
//! `brotli`.

use crate::{
    ext4,
    tools::{Result, filter, run},
};
use std::{
    path::{Path, PathBuf},
    process::Command,
};
use testkit::{
    BLOCK_SIZE, noise,
    package::Package,
    payload::{Partition, Payload, op, sha256},
    props::{Props, day},
    transfer_list::TransferList,
};

/// Blocks that one operation covers, as in real payloads.
const BLOCKS_PER_OPERATION: usize = 512;

/// Writes all samples.
pub(crate) fn write_all() -> Result<()> {
    let builds = builds_dir()?;
    write_i9100(&builds)?;
    write_golden(&builds)?;
    write_natrium(&builds)?;
    write_enchilada(&builds)
}

/// CyanogenMod 11 for the Galaxy S II, plain files.
fn write_i9100(builds: &Path) -> Result<()> {
    let timestamp = 1_404_804_127; // 2014-07-08 07:22:07
    let props = Props::cm("11", "NIGHTLY", "i9100", timestamp, "3f6ac1dd25", 19, "");
    let name = format!("cm-11-{}-NIGHTLY-i9100.zip", day(timestamp));
    write(builds, "i9100", &name, &Package::files(props).build())
}

/// CyanogenMod 12.1 for the Galaxy S III mini, block based with a DEFLATEd image.
fn write_golden(builds: &Path) -> Result<()> {
    let timestamp = 1_440_659_702; // 2015-08-27 07:15:02
    let props = Props::cm("12.1", "NIGHTLY", "golden", timestamp, "8faea5e644", 22, "");
    let image = flat_system(&props, timestamp)?;
    let name = format!("cm-12.1-{}-NIGHTLY-golden.zip", day(timestamp));
    write(
        builds,
        "golden",
        &name,
        &Package::block(props).image(image).build(),
    )
}

/// Two weekly LineageOS 16.0 builds for the Mi 5s Plus, block based with brotli.
fn write_natrium(builds: &Path) -> Result<()> {
    for (timestamp, incremental) in [
        (1_575_373_411, "a41f0c93be"), // 2019-12-03 11:43:31
        (1_575_978_075, "cd6bf65336"), // 2019-12-10 11:41:15
    ] {
        let props = Props::lineage(
            "16.0",
            "NIGHTLY",
            "natrium",
            timestamp,
            incremental,
            28,
            "2019-11-05",
        );
        let image = flat_system(&props, timestamp)?;
        let (_, data) = TransferList::from_image(&image);
        let stream = filter(
            Command::new("brotli").args(["-q", "6", "-w", "24", "-c"]),
            &data,
        )?;
        let package = Package::block(props)
            .image(image)
            .new_dat_br(stream)
            .build();
        let name = format!("lineage-16.0-{}-NIGHTLY-natrium-signed.zip", day(timestamp));
        write(builds, "natrium", &name, &package)?;
    }
    Ok(())
}

/// Two LineageOS 22.2 builds for the OnePlus 6 and the delta between them, as payloads.
fn write_enchilada(builds: &Path) -> Result<()> {
    let older = Enchilada::new(1_747_476_863, "eng.builder.20250517.101423", "2025-05-05")?;
    let newer = Enchilada::new(1_749_896_318, "eng.builder.20250614.101838", "2025-06-05")?;
    for build in [&older, &newer] {
        let mut package = Package::payload(build.props.clone());
        for (name, image) in &build.images {
            package = package.partition(full_partition(name, image, build)?);
        }
        let name = build.file_name("");
        write(builds, "enchilada", &name, &package.build())?;
        write_sums(&builds.join("enchilada"), &name)?;
    }
    // For the first installation; found by the name of the package.
    let recovery = newer.file_name("-recovery").replace(".zip", ".img");
    let mut image = b"ANDROID!".to_vec();
    image.extend(noise(newer.timestamp.unsigned_abs() + 2, 1800));
    image.resize(4 * BLOCK_SIZE, 0);
    write(builds, "enchilada", &recovery, &image)?;

    // The delta's payload is made here, so that the older build can apply it.
    let mut payload = Payload::new()
        .minor_version(8)
        .max_timestamp(newer.timestamp)
        .security_patch_level(
            newer
                .props
                .get("ro.build.version.security_patch")
                .unwrap_or(""),
        );
    for ((name, old), (_, new)) in older.images.iter().zip(&newer.images) {
        payload = payload.partition(delta_partition(name, old, new, &newer)?);
    }
    let source = older
        .props
        .get("ro.build.version.incremental")
        .unwrap_or("");
    let fingerprint = older.props.get("ro.system.build.fingerprint").unwrap_or("");
    let package = Package::payload(newer.props.clone())
        .delta(source, fingerprint)
        .payload_bin(payload.build())
        .build();
    let name = newer.file_name(&format!("-from-{}", day(older.timestamp)));
    write(builds, "enchilada", &name, &package)
}

struct Enchilada {
    timestamp: i64,
    props: Props,
    images: Vec<(&'static str, Vec<u8>)>,
}

impl Enchilada {
    fn new(timestamp: i64, incremental: &str, spl: &str) -> Result<Self> {
        let props = Props::lineage(
            "22.2",
            "UNOFFICIAL",
            "enchilada",
            timestamp,
            incremental,
            35,
            spl,
        )
        .set("ro.build.ab_update", "true");
        let product_props = props
            .partition("product")
            .set("ro.product.ab_ota_partitions", "boot,product,system,vbmeta")
            .set("ro.config.ringtone", "Orion.ogg");
        let system = ext4::build(&ext4::Image {
            label: "system",
            num_blocks: 768,
            num_inodes: 128,
            timestamp,
            files: vec![
                ("system/app/Jelly/Jelly.apk", noise(21, 3000)),
                ("system/bin/toybox", noise(22, 2500)),
                ("system/build.prop", props.text().into_bytes()),
                (
                    "system/etc/hosts",
                    b"127.0.0.1       localhost\n::1             ip6-localhost\n".to_vec(),
                ),
                ("system/etc/prop.default", b"ro.adb.secure=1\n".to_vec()),
                (
                    "system/priv-app/Updater/Updater.apk",
                    noise(timestamp.unsigned_abs(), 3000),
                ),
            ],
        })?;
        let product = ext4::build(&ext4::Image {
            label: "product",
            num_blocks: 256,
            num_inodes: 64,
            timestamp,
            files: vec![
                ("app/webview/webview.apk", noise(23, 2500)),
                ("etc/build.prop", product_props.text().into_bytes()),
            ],
        })?;
        let mut boot = b"ANDROID!".to_vec();
        boot.extend(noise(timestamp.unsigned_abs() + 1, 1800));
        boot.resize(4 * BLOCK_SIZE, 0);
        let mut vbmeta = b"AVB0".to_vec();
        vbmeta.extend(noise(24, 300));
        vbmeta.resize(BLOCK_SIZE, 0);
        Ok(Self {
            timestamp,
            props,
            images: vec![
                ("boot", boot),
                ("product", product),
                ("system", system),
                ("vbmeta", vbmeta),
            ],
        })
    }

    fn file_name(&self, suffix: &str) -> String {
        format!(
            "lineage-22.2-{}-UNOFFICIAL-enchilada{suffix}.zip",
            day(self.timestamp)
        )
    }

    fn partition(&self, name: &str) -> Partition {
        Partition::new(name).version(&self.timestamp.to_string())
    }
}

fn full_partition(name: &str, image: &[u8], build: &Enchilada) -> Result<Partition> {
    let mut partition = build.partition(name);
    for part in image.chunks(BLOCKS_PER_OPERATION * BLOCK_SIZE) {
        partition = replace(partition, part)?;
    }
    Ok(partition)
}

/// Copies unchanged blocks and replaces the others.
fn delta_partition(name: &str, old: &[u8], new: &[u8], build: &Enchilada) -> Result<Partition> {
    let mut partition = build
        .partition(name)
        .old_info(old.len() as u64, sha256(old));
    let is_kept =
        |start: usize| new.get(start..start + BLOCK_SIZE) == old.get(start..start + BLOCK_SIZE);
    let mut start = 0;
    while start < new.len() {
        let mut end = start;
        while end < new.len() && is_kept(end) == is_kept(start) {
            end += BLOCK_SIZE;
        }
        let part = &new[start..end];
        partition = if is_kept(start) {
            let extent = (
                (start / BLOCK_SIZE) as u64,
                (part.len() / BLOCK_SIZE) as u64,
            );
            partition.source_copy(&[extent], part)
        } else {
            replace(partition, part)?
        };
        start = end;
    }
    Ok(partition)
}

/// Appends blocks in the shorter form: uncompressed or xz.
fn replace(partition: Partition, blocks: &[u8]) -> Result<Partition> {
    let mut xz = Command::new("xz");
    xz.args([
        "--stdout",
        "--threads=1",
        "--check=crc32",
        "--lzma2=preset=6,dict=2MiB",
    ]);
    let packed = filter(&mut xz, blocks)?;
    Ok(if packed.len() < blocks.len() {
        partition.encoded(op::REPLACE_XZ, packed, blocks)
    } else {
        partition.replace(blocks)
    })
}

/// A system image whose root is the system folder, as before Android 10.
fn flat_system(props: &Props, timestamp: i64) -> Result<Vec<u8>> {
    ext4::build(&ext4::Image {
        label: "system",
        num_blocks: 512,
        num_inodes: 64,
        timestamp,
        files: vec![
            ("app/Browser/Browser.apk", noise(31, 3000)),
            ("bin/toybox", noise(32, 2500)),
            ("build.prop", props.text().into_bytes()),
            ("etc/hosts", b"127.0.0.1       localhost\n".to_vec()),
            (
                "priv-app/Updater/Updater.apk",
                noise(timestamp.unsigned_abs(), 3000),
            ),
        ],
    })
}

/// Writes the checksum files that docker-lineage-cicd leaves next to a package.
fn write_sums(dir: &Path, name: &str) -> Result<()> {
    for program in ["sha256sum", "md5sum"] {
        let line = run(Command::new(program).arg(name).current_dir(dir))?;
        std::fs::write(dir.join(format!("{name}.{program}")), line)?;
    }
    Ok(())
}

fn write(builds: &Path, device: &str, name: &str, content: &[u8]) -> Result<()> {
    let dir = builds.join(device);
    std::fs::create_dir_all(&dir)?;
    std::fs::write(dir.join(name), content)?;
    eprintln!("{:>7}  {device}/{name}", content.len());
    Ok(())
}

fn builds_dir() -> Result<PathBuf> {
    let xtask = std::env::var_os("CARGO_MANIFEST_DIR").ok_or("run me as `cargo xtask samples`")?;
    let root = Path::new(&xtask)
        .parent()
        .ok_or("the crate lies in no workspace")?;
    Ok(root.join("builds"))
}
