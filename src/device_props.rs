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
use crate::io::{Exceeded, ReadError};
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
    props.derive_product(Era::of_sdk(found.sdk()));
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
        (Err(first), Err(second)) => Err(match is_given_up(&first) {
            true => second,
            false => first,
        }),
    }
}

/// The fault is only that of another partition.
fn is_given_up(error: &rom::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(ReadError::Exceeded(Exceeded::Cancelled)) = error.downcast_ref() {
            return true;
        }
        cause = error.source();
    }
    false
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

/// Reads the property files of one partition.
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
    files.read(partition, everything, &|name| rom.find(name).is_some())?;
    Ok(found)
}

struct Files<'a> {
    name: &'a str,
    file_system: &'a dyn FileSystem,
    found: &'a mut Found,
}

impl Files<'_> {
    /// Reads the files of a partition, and of those that older devices keep as
    /// folders inside it. `has` tells whether a partition of a name exists.
    fn read(
        &mut self,
        partition: Partition,
        everything: bool,
        has: &dyn Fn(&str) -> bool,
    ) -> Result<(), rom::Error> {
        let path = self.first(Slot::of(partition), partition.paths())?;
        if partition == Partition::System {
            let base = path.map_or("/system", |path| path.trim_end_matches("/build.prop"));
            for (inner, folder) in [
                (Partition::Product, "product"),
                (Partition::SystemExt, "system_ext"),
                (Partition::Vendor, "vendor"),
                (Partition::Odm, "vendor/odm"),
            ] {
                let is_wanted = everything || inner == Partition::Product;
                if is_wanted && !has(inner.as_str()) {
                    let paths = [
                        format!("{base}/{folder}/etc/build.prop"),
                        format!("{base}/{folder}/build.prop"),
                    ];
                    self.first(Slot::of(inner), &paths.each_ref().map(String::as_str))?;
                }
            }
            if everything {
                let path = format!("{base}/etc/prop.default");
                self.first(Slot::Defaults, &[&path, "/default.prop"])?;
            }
        }
        if partition == Partition::Vendor {
            if !has("odm") {
                self.first(Slot::Odm, &["/odm/etc/build.prop", "/odm/build.prop"])?;
            }
            if everything {
                self.first(Slot::VendorDefaults, &["/default.prop"])?;
            }
        }
        Ok(())
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::{Entry, Error, Kind};
    use std::io::Write;

    /// Files by path.
    struct Fake(&'static [(&'static str, &'static str)]);

    impl FileSystem for Fake {
        fn kind(&self) -> Kind {
            Kind::Ext4
        }

        fn copy(&self, path: &str, _limit: u64, out: &mut dyn Write) -> Result<(), Error> {
            let found = self.0.iter().find(|(known, _)| *known == path);
            let (_, text) = found.ok_or_else(|| Error::NotFound {
                path: path.to_owned(),
            })?;
            out.write_all(text.as_bytes()).map_err(Error::Write)
        }

        fn list(&self, _path: &str) -> Result<Vec<Entry>, Error> {
            Ok(Vec::new())
        }
    }

    fn read_all(partitions: &[(Partition, Fake)], everything: bool) -> (PropertyMap, Vec<String>) {
        let has = |name: &str| partitions.iter().any(|(p, _)| p.as_str() == name);
        let mut found = Found::default();
        for (partition, file_system) in partitions {
            let mut part = Found::default();
            let mut files = Files {
                name: partition.as_str(),
                file_system,
                found: &mut part,
            };
            files.read(*partition, everything, &has).unwrap();
            found.join(part);
        }
        let places = found.files.iter().map(|(_, file)| file.place.clone());
        (found.merged(), places.collect())
    }

    #[test]
    fn the_product_is_looked_for_inside_the_system_for_want_of_a_partition() {
        const SYSTEM: Fake = Fake(&[
            (
                "/system/build.prop",
                "ro.build.version.sdk=30\nro.x=system\n",
            ),
            ("/system/product/build.prop", "ro.x=inside\n"),
            ("/system/vendor/build.prop", "ro.y=vendor\n"),
        ]);
        let (props, files) = read_all(&[(Partition::System, SYSTEM)], false);
        assert_eq!(props.get("ro.x"), Some("inside"));
        assert_eq!(
            files,
            [
                "system:/system/build.prop",
                "system:/system/product/build.prop"
            ]
        );
        let product = Fake(&[
            ("/etc/build.prop", "ro.x=own\n"),
            ("/build.prop", "ro.x=old\n"),
        ]);
        let both = [(Partition::System, SYSTEM), (Partition::Product, product)];
        let (props, files) = read_all(&both, false);
        assert_eq!(props.get("ro.x"), Some("own"));
        assert_eq!(
            files,
            ["system:/system/build.prop", "product:/etc/build.prop"]
        );
        assert_eq!(props.get("ro.y"), None);
        assert_eq!(read_all(&both, true).0.get("ro.y"), Some("vendor"));
    }

    #[test]
    fn an_image_without_the_root_folder_is_read_from_its_own() {
        let system = Fake(&[
            (
                "/build.prop",
                "ro.build.version.sdk=25\nro.x=system\nro.z=system\n",
            ),
            ("/vendor/build.prop", "ro.x=vendor\nro.y=vendor\n"),
            ("/etc/prop.default", "ro.z=default\n"),
        ]);
        let (props, files) = read_all(&[(Partition::System, system)], true);
        // Up to Android 9 the first definition of an `ro.` property holds.
        assert_eq!(props.get("ro.x"), Some("system"));
        assert_eq!(props.get("ro.y"), Some("vendor"));
        assert_eq!(props.get("ro.z"), Some("default"));
        assert_eq!(files.len(), 3, "{files:?}");
    }

    #[test]
    fn each_release_loads_its_files_in_its_own_order() {
        let winner = |sdk: &str| {
            let mut found = Found::default();
            for (slot, place) in [
                (Slot::Odm, "odm"),
                (Slot::Product, "product"),
                (Slot::System, "system"),
                (Slot::Vendor, "vendor"),
            ] {
                let text = format!("ro.build.version.sdk={sdk}\nro.x={place}\nro.build.x={place}");
                found.add(slot, place.to_owned(), text.as_bytes());
            }
            let props = found.merged();
            [props.get("ro.x"), props.get("ro.build.x")].map(|value| value.unwrap().to_owned())
        };
        assert_eq!(winner("27"), ["system", "system"]);
        assert_eq!(winner("28"), ["product", "product"]);
        assert_eq!(winner("29"), ["product", "product"]);
        assert_eq!(winner("35"), ["product", "product"]);
        // Without a product, the maker's partitions may not set the build's own.
        let mut found = Found::default();
        found.add(
            Slot::System,
            "system".into(),
            b"ro.build.version.sdk=35\nro.build.x=s\nro.x=s",
        );
        found.add(Slot::Odm, "odm".into(), b"ro.build.x=o\nro.x=o");
        assert_eq!(found.merged().get("ro.build.x"), Some("s"));
        assert_eq!(found.merged().get("ro.x"), Some("o"));
    }

    #[test]
    fn the_entry_of_the_zip_stands_for_the_file_in_the_image() {
        let mut found = Found::default();
        found.add(Slot::System, ENTRY_PLACE.to_owned(), b"ro.x=entry");
        let mut image = Found::default();
        image.add(Slot::System, "system:/build.prop".to_owned(), b"ro.x=image");
        image.add(Slot::Vendor, "vendor:/build.prop".to_owned(), b"ro.y=1");
        found.join(image);
        let places: Vec<&str> = found.files.iter().map(|(_, f)| f.place.as_str()).collect();
        assert_eq!(places, [ENTRY_PLACE, "vendor:/build.prop"]);
    }
}
