//! The layout of a package, from its entry names.
//!
//! In: a [`Package`]. Out: the [`Layout`] of an installable ROM, or what the zip is instead.
//! Phones install a package only through `payload.bin` with `payload_properties.txt` (A/B) or
//! through `META-INF/com/google/android/update-binary` (recovery).

use std::fmt;

use super::zip::Package;
use crate::codec::Codec;

/// How a package contains the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layout {
    /// Plain files under `system/` (up to CyanogenMod 11, and ports).
    Files,
    /// `*.transfer.list` with `*.new.dat` (CyanogenMod 12 on, not A/B).
    Block,
    /// An A/B `payload.bin`.
    Payload,
    /// Partition images.
    Images,
    /// One `super` image with logical partitions.
    Super,
    /// Installable, but only META-INF can be read, as in old file-based deltas.
    Metadata,
}

impl Layout {
    /// Returns the name, for messages and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Layout::Files => "files",
            Layout::Block => "block",
            Layout::Payload => "payload",
            Layout::Images => "images",
            Layout::Super => "super",
            Layout::Metadata => "metadata",
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A zip that is not an installable ROM, and what it looks like.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an installable ROM package: {what}")]
pub struct NotAnOta {
    /// What the zip seems to be.
    pub what: &'static str,
    /// Whether it is a ROM that lacks a part.
    pub is_incomplete: bool,
}

/// The installer program of every recovery package.
pub const UPDATE_BINARY: &str = "META-INF/com/google/android/update-binary";
/// The A/B payload.
pub const PAYLOAD: &str = "payload.bin";
/// The A/B payload's hashes; the updater reads them from the zip.
pub const PAYLOAD_PROPERTIES: &str = "payload_properties.txt";
/// How a block-based system is written.
const SYSTEM_LIST: &str = "system.transfer.list";
/// The build properties of a file-based or an older block-based package.
pub const BUILD_PROP: &str = "system/build.prop";

/// Other zips that are stored next to ROMs, recognised by an entry that only they have. The first that fits
/// names the zip: packages of Google apps may be modules, too.
const OTHERS: &[(&str, &str)] = &[
    ("META/misc_info.txt", "a target-files archive"),
    ("META/ab_partitions.txt", "a target-files archive"),
    ("g.prop", "an Open GApps package"),
    ("gapps-remove.txt", "an Open GApps package"),
    ("app_densities.txt", "an Open GApps package"),
    ("system/addon.d/30-gapps.sh", "a MindTheGapps package"),
    ("system/addon.d/70-gapps.sh", "a package of Google apps"),
    ("common/nikgapps.sh", "a NikGapps package"),
    ("common/nikgapps_functions.sh", "a NikGapps package"),
    ("afzc/nikgapps_functions.sh", "a NikGapps package"),
    ("bin/litegapps-functions", "a LiteGapps package"),
    ("module.prop", "a Magisk or KernelSU module"),
    ("assets/util_functions.sh", "the Magisk app"),
    ("common/magisk.apk", "Magisk"),
    ("anykernel.sh", "a kernel for AnyKernel"),
    ("android-info.txt", "a fastboot image zip"),
    ("flash-all.sh", "a factory image"),
    ("flash_all.sh", "a factory image"),
];

/// Detects the layout of an installable ROM.
///
/// # Errors
/// [`NotAnOta`] if phones cannot install the zip as a system.
pub fn detect(package: &Package) -> Result<Layout, NotAnOta> {
    detect_whole(package).map_err(|error| match missing_part(package) {
        Some(what) => NotAnOta {
            what,
            is_incomplete: true,
        },
        None => error,
    })
}

/// Returns what a ROM lacks, if a part of it shows that the zip was one.
fn missing_part(package: &Package) -> Option<&'static str> {
    let any = |test: fn(&str) -> bool| package.names().any(test);
    if package.contains(PAYLOAD) && !package.contains(PAYLOAD_PROPERTIES) {
        Some("payload.bin without payload_properties.txt, which the updater needs")
    } else if package.contains(PAYLOAD_PROPERTIES) && !package.contains(PAYLOAD) {
        Some("payload_properties.txt without payload.bin, which has the system")
    } else if any(|name| name.contains(".new.dat")) && !any(|name| name.ends_with(".transfer.list"))
    {
        Some("a .new.dat without its .transfer.list, which the recovery needs")
    } else if package.contains(SYSTEM_LIST) && !package.contains(UPDATE_BINARY) {
        Some("system.transfer.list without update-binary, which the recovery runs")
    } else {
        None
    }
}

fn detect_whole(package: &Package) -> Result<Layout, NotAnOta> {
    let not = |what| {
        Err(NotAnOta {
            what,
            is_incomplete: false,
        })
    };
    if package.contains(PAYLOAD) && package.contains(PAYLOAD_PROPERTIES) {
        return Ok(Layout::Payload);
    }
    // A ROM may contain such entries too.
    let has_system = package.contains(BUILD_PROP) || package.contains(SYSTEM_LIST);
    for (entry, what) in OTHERS {
        if !has_system && package.contains(entry) {
            return not(what);
        }
    }
    let any = |test: fn(&str) -> bool| package.names().any(test);
    if any(|name| name.ends_with("/flash-all.sh") || name.ends_with("/flash_all.sh")) {
        return not("a factory image");
    }
    if !package.contains(UPDATE_BINARY) {
        if any(|name| name.ends_with(".img")) {
            return not("a fastboot image zip, without update-binary");
        }
        return not("neither payload.bin nor update-binary inside");
    }
    if package.contains(SYSTEM_LIST) {
        Ok(Layout::Block)
    } else if package.contains(BUILD_PROP) {
        Ok(Layout::Files)
    } else if any(|name| is_image(name, "super")) {
        Ok(Layout::Super)
    } else if any(|name| is_image(name, "system")) || any(is_images_zip) {
        Ok(Layout::Images)
    } else if any(|name| name.ends_with(".transfer.list")) {
        Ok(Layout::Block)
    } else if package.contains(super::metadata::TEXT) && any(touches_system) {
        Ok(Layout::Metadata)
    } else {
        not("update-binary without a system in any known form (GApps, firmware, an add-on?)")
    }
}

/// The parsed name of an entry with a partition image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageName<'a> {
    /// The partition.
    pub partition: &'a str,
    /// The number of the part if the image is split: `super_1.img`, `super.img.1`,
    /// `system.img_sparsechunk.0`.
    pub part: Option<u32>,
    /// Its compression: `system.img.gz`.
    pub codec: Option<Codec>,
}

/// Parses the name of an image; `None` if it is not one.
#[must_use]
pub fn parse_image_name(entry: &str) -> Option<ImageName<'_>> {
    let file = entry.rsplit('/').next().unwrap_or(entry);
    let (stem, rest) = file.split_once(".img")?;
    let (codec, part) = match rest {
        "" => (None, None),
        rest => match rest.strip_prefix("_sparsechunk.") {
            Some(number) => (None, Some(number.parse().ok()?)),
            None => {
                let extension = rest.strip_prefix('.')?;
                // As simg2simg names them.
                match extension.parse() {
                    Ok(number) => (None, Some(number)),
                    Err(_) => (Some(Codec::from_extension(extension)?), None),
                }
            }
        },
    };
    let (partition, part) = match stem.strip_prefix("super_").map(str::parse) {
        Some(Ok(number)) => ("super", Some(number)),
        _ => (stem, part),
    };
    (!partition.is_empty()).then_some(ImageName {
        partition,
        part,
        codec,
    })
}

/// Whether a name is that of an image of `partition`: `system.img`, `images/system_a.img.gz`.
fn is_image(name: &str, partition: &str) -> bool {
    parse_image_name(name).is_some_and(|image| {
        let slot = image.partition.strip_prefix(partition);
        slot.is_some_and(|slot| matches!(slot, "" | "_a" | "_b"))
    })
}

/// Whether a name is that of a zip of partition images: `image-bacon-ab12.zip`, `images.zip`.
#[must_use]
pub fn is_images_zip(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    file.starts_with("image") && file.ends_with(".zip")
}

fn touches_system(name: &str) -> bool {
    name.starts_with("system/") || name.starts_with("patch/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use testkit::zip::Zip;

    fn detect_names(names: &[&str]) -> Result<Layout, NotAnOta> {
        let zip = names
            .iter()
            .fold(Zip::new(), |zip, name| zip.stored(name, "x"));
        detect(&Package::open(Arc::new(zip.build())).expect("a sound zip"))
    }

    #[test]
    fn installable_layouts_are_detected() {
        for (names, layout) in [
            (
                &["payload.bin", "payload_properties.txt"][..],
                Layout::Payload,
            ),
            (
                &[
                    UPDATE_BINARY,
                    "system.transfer.list",
                    "system.new.dat.br",
                    BUILD_PROP,
                ],
                Layout::Block,
            ),
            (&[UPDATE_BINARY, BUILD_PROP], Layout::Files),
            (&[UPDATE_BINARY, "images/system.img.gz"], Layout::Images),
            (&[UPDATE_BINARY, "super.img"], Layout::Super),
            (&[UPDATE_BINARY, "images.zip"], Layout::Images),
            (
                &[
                    UPDATE_BINARY,
                    "META-INF/com/android/metadata",
                    "patch/system/build.prop.p",
                ],
                Layout::Metadata,
            ),
        ] {
            assert_eq!(detect_names(names), Ok(layout), "{names:?}");
        }
    }

    #[test]
    fn image_names_are_parsed() {
        let image = |partition, part, codec| {
            Some(ImageName {
                partition,
                part,
                codec,
            })
        };
        for (name, expected) in [
            ("system.img", image("system", None, None)),
            (
                "a/b/system_a.img.xz",
                image("system_a", None, Some(Codec::Xz)),
            ),
            ("super_12.img", image("super", Some(12), None)),
            ("super_empty.img", image("super_empty", None, None)),
            ("super.img.0", image("super", Some(0), None)),
            ("super.img.12", image("super", Some(12), None)),
            ("super.img.-1", None),
            ("vendor.img_sparsechunk.3", image("vendor", Some(3), None)),
            ("system.img.md5", None),
            ("system.imgx", None),
            (".img", None),
            ("img", None),
        ] {
            assert_eq!(parse_image_name(name), expected, "{name}");
        }
    }

    #[test]
    fn other_zips_are_named() {
        for (names, word) in [
            (
                &["META/misc_info.txt", "SYSTEM/build.prop"][..],
                "target-files",
            ),
            (&["module.prop", UPDATE_BINARY], "module"),
            (&[UPDATE_BINARY, "anykernel.sh", "Image.gz"], "kernel"),
            (
                &[UPDATE_BINARY, "system/addon.d/30-gapps.sh"],
                "MindTheGapps",
            ),
            (
                &[UPDATE_BINARY, "module.prop", "common/nikgapps_functions.sh"],
                "NikGapps",
            ),
            (
                &[UPDATE_BINARY, "module.prop", "bin/litegapps-functions"],
                "LiteGapps",
            ),
            (
                &[
                    UPDATE_BINARY,
                    "AndroidManifest.xml",
                    "assets/util_functions.sh",
                ],
                "Magisk app",
            ),
            (&["images/boot.img", "rom/flash_all.sh"], "factory"),
            (&["android-info.txt", "boot.img"], "fastboot"),
            (&["komodo-ap4a/flash-all.sh"], "factory"),
            (&["boot.img"], "fastboot"),
            (
                &[
                    UPDATE_BINARY,
                    "firmware-update/modem.img",
                    "META-INF/com/android/metadata",
                ],
                "without a system",
            ),
            (&["readme.txt"], "neither"),
        ] {
            let error = detect_names(names).unwrap_err();
            assert!(error.what.contains(word), "{names:?}: {}", error.what);
            assert!(!error.is_incomplete, "{names:?}");
        }
    }

    #[test]
    fn a_rom_that_lacks_a_part_is_incomplete() {
        for (names, word) in [
            (&["payload.bin"][..], "without payload_properties.txt"),
            (&["payload.bin", "module.prop"], "payload_properties"),
            (
                &["payload_properties.txt", "META-INF/com/android/metadata"],
                "without payload.bin",
            ),
            (&[UPDATE_BINARY, "system.new.dat.br"], "transfer.list"),
            (
                &["system.transfer.list", "system.new.dat"],
                "without update-binary",
            ),
        ] {
            let error = detect_names(names).unwrap_err();
            assert!(error.what.contains(word), "{names:?}: {}", error.what);
            assert!(error.is_incomplete, "{names:?}");
        }
    }
}
