//! The properties of a device, from all `build.prop` files of its partitions.
//!
//! In: the partitions of a package. Out: the properties as the phone will have
//! them, each with the file that decided it. System and product are read first;
//! the other partitions only while something is missing.
//! Source: AOSP `init/property_service.cpp` (`PropertyLoadBootDefaults`), Android
//! 4 to 16, and where `build/make` has put `build.prop` over the years.

use std::collections::BTreeMap;

use crate::class::Class;
use crate::fs::{self, FileSystem};
use crate::props::{Era, PropertyFile, PropertyMap};
use crate::rom::{self, Rom};

/// Longest `build.prop` read, in bytes; real ones take 3 to 25 KiB.
pub const MAX_PROPS_SIZE: u64 = 1 << 20;
/// The place of the file that some packages hold as an entry of the zip.
pub const ENTRY_PLACE: &str = "system/build.prop";

/// The partitions that hold properties, in the order they are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Partition {
    System,
    Product,
    SystemExt,
    Vendor,
    Odm,
}

impl Partition {
    const LATER: [Partition; 3] = [Partition::SystemExt, Partition::Vendor, Partition::Odm];

    fn as_str(self) -> &'static str {
        match self {
            Partition::System => "system",
            Partition::Product => "product",
            Partition::SystemExt => "system_ext",
            Partition::Vendor => "vendor",
            Partition::Odm => "odm",
        }
    }

    /// Where it keeps its properties, newest place first.
    fn paths(self) -> &'static [&'static str] {
        match self {
            // With the root folder in the image, or without.
            Partition::System => &["/system/build.prop", "/build.prop"],
            Partition::Product | Partition::SystemExt => &["/etc/build.prop", "/build.prop"],
            Partition::Vendor => &["/build.prop"],
            Partition::Odm => &["/etc/build.prop", "/build.prop"],
        }
    }
}

/// Where a file stands in the phone's order of loading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Defaults,
    System,
    SystemExt,
    VendorDefaults,
    Vendor,
    Odm,
    Product,
}

impl Slot {
    fn of(partition: Partition) -> Slot {
        match partition {
            Partition::System => Slot::System,
            Partition::Product => Slot::Product,
            Partition::SystemExt => Slot::SystemExt,
            Partition::Vendor => Slot::Vendor,
            Partition::Odm => Slot::Odm,
        }
    }

    /// The order of loading of an Android release.
    fn order(sdk: Option<u32>) -> [Slot; 7] {
        use Slot::{Defaults, Odm, Product, System, SystemExt, Vendor, VendorDefaults};
        match sdk.unwrap_or(0) {
            0..=27 => [
                Defaults,
                VendorDefaults,
                System,
                Odm,
                Vendor,
                Product,
                SystemExt,
            ],
            28 => [
                Defaults,
                Product,
                VendorDefaults,
                System,
                Odm,
                Vendor,
                SystemExt,
            ],
            _ => [
                Defaults,
                System,
                SystemExt,
                VendorDefaults,
                Vendor,
                Odm,
                Product,
            ],
        }
    }
}

/// The properties of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceProps {
    /// The properties, each with the file that decided it.
    pub props: PropertyMap,
    /// The files that were read, as `system:/system/build.prop`.
    pub files: Vec<String>,
    /// The file system of each partition that was opened.
    pub file_systems: BTreeMap<String, fs::Kind>,
    /// One line for each partition that could not be used.
    pub warnings: Vec<String>,
}

/// How many of the partitions are to be read.
#[derive(Clone, Copy)]
pub enum Until<'a> {
    /// All, and the files of default properties too.
    Everything,
    /// Until the properties are enough.
    Enough(&'a (dyn Fn(&PropertyMap) -> bool + Sync)),
}

/// Reads the properties of a package's device.
///
/// `entry` is the text of [`ENTRY_PLACE`] if the zip holds it as an entry; if it
/// is enough, no partition is opened.
///
/// # Errors
/// [`rom::Error`] if a partition is damaged; one whose form is not read is a
/// warning.
pub fn read(rom: &Rom, entry: Option<&[u8]>, until: Until<'_>) -> Result<DeviceProps, rom::Error> {
    let mut found = Found::default();
    if let Some(text) = entry {
        found.add(Slot::System, ENTRY_PLACE.to_owned(), text);
    }
    let is_enough = |found: &Found| match until {
        Until::Everything => false,
        Until::Enough(test) => test(&found.merged()),
    };
    let everything = matches!(until, Until::Everything);
    if !is_enough(&found) {
        let (system, product) = rayon::join(
            || read_or_cancel(rom, Partition::System, everything),
            || read_or_cancel(rom, Partition::Product, everything),
        );
        for part in first_fault(system, product)? {
            found.join(part);
        }
    }
    for partition in Partition::LATER {
        if !is_enough(&found) {
            found.join(read_partition(rom, partition, everything)?);
        }
    }
    let mut props = found.merged();
    if everything && Era::of_sdk(found.sdk()) == Era::LastWins {
        props.derive_product();
    }
    Ok(DeviceProps {
        props,
        files: found
            .files
            .iter()
            .map(|(_, file)| file.place.clone())
            .collect(),
        file_systems: found.file_systems,
        warnings: found.warnings,
    })
}

/// The partition's own fault goes before that of giving up because of it.
fn first_fault(
    system: Result<Found, rom::Error>,
    product: Result<Found, rom::Error>,
) -> Result<[Found; 2], rom::Error> {
    match (system, product) {
        (Ok(system), Ok(product)) => Ok([system, product]),
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
        (Err(first), Err(second)) => Err(match first.class() {
            Class::Limit => second,
            _ => first,
        }),
    }
}

/// Reads a partition; its fault ends the reading of the other.
fn read_or_cancel(rom: &Rom, partition: Partition, everything: bool) -> Result<Found, rom::Error> {
    read_partition(rom, partition, everything).inspect_err(|_| rom.budget().cancel())
}

/// What has been read so far.
#[derive(Debug, Default)]
struct Found {
    files: Vec<(Slot, PropertyFile)>,
    file_systems: BTreeMap<String, fs::Kind>,
    warnings: Vec<String>,
}

impl Found {
    fn add(&mut self, slot: Slot, place: String, text: &[u8]) {
        let mut file = PropertyFile::parse(place, text);
        file.is_vendor = matches!(slot, Slot::VendorDefaults | Slot::Vendor | Slot::Odm);
        self.files.push((slot, file));
    }

    fn join(&mut self, other: Found) {
        for (slot, file) in other.files {
            // What the zip holds as an entry is a copy of what the image holds.
            let known = self.files.iter().any(|(known, _)| *known == slot);
            if !known || !matches!(slot, Slot::System) {
                self.files.push((slot, file));
            }
        }
        self.file_systems.extend(other.file_systems);
        self.warnings.extend(other.warnings);
    }

    fn sdk(&self) -> Option<u32> {
        let system = self.files.iter().filter(|(slot, _)| *slot == Slot::System);
        system.chain(&self.files).find_map(|(_, file)| file.sdk())
    }

    fn merged(&self) -> PropertyMap {
        let sdk = self.sdk();
        let in_order = Slot::order(sdk).into_iter().flat_map(|slot| {
            self.files
                .iter()
                .filter(move |(found, _)| *found == slot)
                .map(|(_, file)| file.clone())
        });
        PropertyMap::merge(in_order, Era::of_sdk(sdk))
    }
}

/// Reads the property files of one partition, and of those that older devices
/// keep as folders inside it.
fn read_partition(rom: &Rom, partition: Partition, everything: bool) -> Result<Found, rom::Error> {
    let mut found = Found::default();
    let Some(name) = rom.find(partition.as_str()) else {
        return Ok(found);
    };
    let file_system = match rom.file_system(name) {
        Ok(file_system) => file_system,
        Err(error) if error.class() == Class::Unsupported => {
            found.warnings.push(unread(&error));
            return Ok(found);
        }
        Err(error) => return Err(error),
    };
    found
        .file_systems
        .insert(name.to_owned(), file_system.kind());
    let mut files = Files {
        name,
        file_system: &*file_system,
        found: &mut found,
    };
    let path = files.first(Slot::of(partition), partition.paths())?;
    if partition == Partition::System {
        let base = path.map_or("/system", |path| path.trim_end_matches("/build.prop"));
        for inner in [
            Partition::Product,
            Partition::SystemExt,
            Partition::Vendor,
            Partition::Odm,
        ] {
            // Read only for want of a partition of its own.
            let folder = match inner {
                Partition::Odm => "vendor/odm",
                inner => inner.as_str(),
            };
            if rom.find(inner.as_str()).is_none() && (everything || inner == Partition::Product) {
                let paths = [
                    format!("{base}/{folder}/etc/build.prop"),
                    format!("{base}/{folder}/build.prop"),
                ];
                files.first(Slot::of(inner), &paths.each_ref().map(String::as_str))?;
            }
        }
        if everything {
            let path = format!("{base}/etc/prop.default");
            files.first(Slot::Defaults, &[&path, "/default.prop"])?;
        }
    }
    if partition == Partition::Vendor {
        if rom.find("odm").is_none() {
            files.first(Slot::Odm, &["/odm/etc/build.prop", "/odm/build.prop"])?;
        }
        if everything {
            files.first(Slot::VendorDefaults, &["/default.prop"])?;
        }
    }
    Ok(found)
}

struct Files<'a> {
    name: &'a str,
    file_system: &'a dyn FileSystem,
    found: &'a mut Found,
}

impl Files<'_> {
    /// Reads the first of some files that exists; answers which it was.
    fn first<'p>(&mut self, slot: Slot, paths: &[&'p str]) -> Result<Option<&'p str>, rom::Error> {
        for path in paths {
            match self.file_system.read(path, MAX_PROPS_SIZE) {
                Ok(text) => {
                    self.found.add(slot, format!("{}:{path}", self.name), &text);
                    return Ok(Some(path));
                }
                Err(error) if error.is_absence() => {}
                Err(source) => {
                    let error = rom::Error::FileSystem {
                        partition: self.name.to_owned(),
                        source,
                    };
                    if error.class() != Class::Unsupported {
                        return Err(error);
                    }
                    self.found.warnings.push(unread(&error));
                    return Ok(None);
                }
            }
        }
        Ok(None)
    }
}

/// One line about a partition that is not read.
fn unread(error: &rom::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    format!("{text}; its properties are not known")
}
