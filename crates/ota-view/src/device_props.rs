//! The properties of a device, merged from all `build.prop` files of its partitions.
//!
//! In: the partitions of a package. Out: the properties as the phone will have them, each with
//! the file that decided it. System and product are read first, the other partitions only if
//! more is needed. If the system has no readable properties, a warning says why.
//! Source: AOSP `init/property_service.cpp` (`PropertyLoadBootDefaults`), Android
//! 4 to 16, and the places where `build/make` has put `build.prop` over the years.

use std::collections::BTreeMap;

use crate::error_kind::{ErrorKind, chain};
use crate::fs::{self, FileSystem};
use crate::io::{Exceeded, ReadError};
use crate::ota::{self, Ota};
use crate::package::layout::BUILD_PROP;
use crate::props::{Era, PropertyFile, PropertyMap};

/// Longest `build.prop` read, in bytes; real ones have 3 to 25 KiB.
pub const MAX_PROPS_SIZE: u64 = 1 << 20;
/// The partition that every phone has.
const SYSTEM: &str = "system";
/// First API level whose packages have no copy of `build.prop` as an entry.
const NO_ENTRY_SDK: u32 = 29;

/// The partitions that have properties, in the order they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum PropsPartition {
    System,
    Product,
    SystemExt,
    Vendor,
    Odm,
}

impl PropsPartition {
    const LATER: [PropsPartition; 3] = [
        PropsPartition::SystemExt,
        PropsPartition::Vendor,
        PropsPartition::Odm,
    ];

    fn as_str(self) -> &'static str {
        match self {
            PropsPartition::System => SYSTEM,
            PropsPartition::Product => "product",
            PropsPartition::SystemExt => "system_ext",
            PropsPartition::Vendor => "vendor",
            PropsPartition::Odm => "odm",
        }
    }

    /// Returns the paths of its property file, newest first.
    fn paths(self) -> &'static [&'static str] {
        match self {
            // The image has the root folder, or only the system's.
            PropsPartition::System => &["/system/build.prop", "/build.prop"],
            PropsPartition::Product | PropsPartition::SystemExt => {
                &["/etc/build.prop", "/build.prop"]
            }
            PropsPartition::Vendor => &["/build.prop"],
            PropsPartition::Odm => &["/etc/build.prop", "/build.prop"],
        }
    }
}

/// The position of a file in the phone's loading order.
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
    fn from_partition(partition: PropsPartition) -> Slot {
        match partition {
            PropsPartition::System => Slot::System,
            PropsPartition::Product => Slot::Product,
            PropsPartition::SystemExt => Slot::SystemExt,
            PropsPartition::Vendor => Slot::Vendor,
            PropsPartition::Odm => Slot::Odm,
        }
    }

    /// Returns the loading order of an Android release.
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
    /// The files that were read, for example `system:/system/build.prop`.
    pub files: Vec<String>,
    /// The file system of each partition that was opened.
    pub file_systems: BTreeMap<String, fs::Kind>,
    /// A line for each partition that could not be used.
    pub warnings: Vec<String>,
}

/// How many of the partitions to read.
#[derive(Clone, Copy)]
pub enum Until<'a> {
    /// All partitions, and the files of default properties.
    Everything,
    /// As many as needed until the test passes.
    Enough(&'a (dyn Fn(&PropertyMap) -> bool + Sync)),
}

impl Ota {
    /// Reads the properties of the device that the package is for.
    ///
    /// An entry [`BUILD_PROP`] of the zip replaces the system's file if the package has no image
    /// of the system, or, before Android 10, none whose format is supported.
    ///
    /// # Errors
    /// [`ota::Error`] if the zip or a partition is damaged; a partition whose format is not
    /// supported becomes a warning.
    pub fn props(&self, until: Until<'_>) -> Result<DeviceProps, ota::Error> {
        let entry = self.package().read(BUILD_PROP, MAX_PROPS_SIZE)?;
        read(self, entry.as_deref(), until)
    }
}

fn read(ota: &Ota, entry: Option<&[u8]>, until: Until<'_>) -> Result<DeviceProps, ota::Error> {
    let mut found = Collected::default();
    let has_system = ota.find(SYSTEM).is_some();
    if let Some(text) = entry.filter(|_| !has_system) {
        found.add(Slot::System, BUILD_PROP.to_owned(), text);
    } else if !has_system && ota.partitions().next().is_some() {
        found.warn(&format!("the package has no partition `{SYSTEM}`"));
    }
    let is_enough = |found: &Collected| match until {
        Until::Everything => false,
        Until::Enough(test) => test(&found.merged()),
    };
    let everything = matches!(until, Until::Everything);
    if !is_enough(&found) {
        let (system, product) = rayon::join(
            || read_or_cancel(ota, PropsPartition::System, everything),
            || read_or_cancel(ota, PropsPartition::Product, everything),
        );
        for part in first_error(system, product)? {
            found.join(part);
        }
    }
    if let Some(text) = entry.filter(|_| !found.has(Slot::System)) {
        found.add_old_entry(text);
    }
    for partition in PropsPartition::LATER {
        if !is_enough(&found) {
            found.join(read_partition(ota, partition, everything)?);
        }
    }
    let mut props = found.merged();
    props.derive_product(Era::from_sdk(found.sdk()));
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

/// Returns both results, or the error that came first: a cancelled read follows from the other
/// partition's error.
fn first_error(
    system: Result<Collected, ota::Error>,
    product: Result<Collected, ota::Error>,
) -> Result<[Collected; 2], ota::Error> {
    match (system, product) {
        (Ok(system), Ok(product)) => Ok([system, product]),
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
        (Err(first), Err(second)) => Err(match is_cancelled(&first) {
            true => second,
            false => first,
        }),
    }
}

/// Whether the error only follows from that of another partition.
fn is_cancelled(error: &ota::Error) -> bool {
    matches!(ReadError::exceeded(error), Some(Exceeded::Cancelled))
}

/// Reads a partition; an error cancels the reading of the other.
fn read_or_cancel(
    ota: &Ota,
    partition: PropsPartition,
    everything: bool,
) -> Result<Collected, ota::Error> {
    read_partition(ota, partition, everything).inspect_err(|_| ota.budget().cancel())
}

/// What has been read so far.
#[derive(Debug, Default)]
struct Collected {
    files: Vec<(Slot, PropertyFile)>,
    file_systems: BTreeMap<String, fs::Kind>,
    warnings: Vec<String>,
}

impl Collected {
    fn add(&mut self, slot: Slot, place: String, text: &[u8]) {
        let mut file = PropertyFile::parse(place, text);
        file.is_vendor = matches!(slot, Slot::VendorDefaults | Slot::Vendor | Slot::Odm);
        self.files.push((slot, file));
    }

    fn has(&self, slot: Slot) -> bool {
        self.files.iter().any(|(known, _)| *known == slot)
    }

    /// Uses the entry of the zip in place of an image, if the build is old enough to have one.
    fn add_old_entry(&mut self, text: &[u8]) {
        let sdk = PropertyFile::parse(BUILD_PROP, text).sdk();
        match sdk {
            Some(sdk) if sdk < NO_ENTRY_SDK => {
                self.add(Slot::System, BUILD_PROP.to_owned(), text);
            }
            _ => self.warnings.push(format!(
                "`{BUILD_PROP}` in the zip is not used: since Android 10, only the images show what will be installed"
            )),
        }
    }

    /// Warns that properties are missing.
    fn warn(&mut self, why: &str) {
        self.warnings
            .push(format!("{why}; its properties are not known"));
    }

    fn join(&mut self, other: Collected) {
        self.files.extend(other.files);
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
        PropertyMap::merge(in_order, Era::from_sdk(sdk))
    }
}

/// Reads the property files of one partition.
fn read_partition(
    ota: &Ota,
    partition: PropsPartition,
    everything: bool,
) -> Result<Collected, ota::Error> {
    let mut found = Collected::default();
    let Some(name) = ota.find(partition.as_str()) else {
        return Ok(found);
    };
    let file_system = match ota.file_system(name) {
        Ok(file_system) => file_system,
        Err(error) if error.kind() == ErrorKind::Unsupported => {
            found.warn(&chain(&error));
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
    files.read(partition, everything, &|name| ota.find(name).is_some())?;
    Ok(found)
}

struct Files<'a> {
    name: &'a str,
    file_system: &'a dyn FileSystem,
    found: &'a mut Collected,
}

impl Files<'_> {
    /// Reads the files of a partition, and of partitions that older devices have as folders in it.
    /// `has` returns whether a partition of a name exists.
    fn read(
        &mut self,
        partition: PropsPartition,
        everything: bool,
        has: &dyn Fn(&str) -> bool,
    ) -> Result<(), ota::Error> {
        let search = self.read_first(Slot::from_partition(partition), partition.paths())?;
        match &search {
            Search::Absent(Some(why)) => self.warn(why),
            Search::Absent(None) if partition == PropsPartition::System => {
                let paths = partition.paths().iter().map(|path| format!("`{path}`"));
                let paths = paths.collect::<Vec<_>>().join(" and no ");
                self.warn(&format!("no {paths}"));
            }
            _ => {}
        }
        let path = match search {
            Search::Read(path) => Some(path),
            _ => None,
        };
        if partition == PropsPartition::System {
            let base = path.map_or("/system", |path| path.trim_end_matches("/build.prop"));
            for (inner, folder) in [
                (PropsPartition::Product, "product"),
                (PropsPartition::SystemExt, "system_ext"),
                (PropsPartition::Vendor, "vendor"),
                (PropsPartition::Odm, "vendor/odm"),
            ] {
                let is_wanted = everything || inner == PropsPartition::Product;
                if is_wanted && !has(inner.as_str()) {
                    let paths = [
                        format!("{base}/{folder}/etc/build.prop"),
                        format!("{base}/{folder}/build.prop"),
                    ];
                    self.read_first(
                        Slot::from_partition(inner),
                        &paths.each_ref().map(String::as_str),
                    )?;
                }
            }
            if everything {
                let path = format!("{base}/etc/prop.default");
                self.read_first(Slot::Defaults, &[&path, "/default.prop"])?;
            }
        }
        if partition == PropsPartition::Vendor {
            if !has("odm") {
                self.read_first(Slot::Odm, &["/odm/etc/build.prop", "/odm/build.prop"])?;
            }
            if everything {
                self.read_first(Slot::VendorDefaults, &["/default.prop"])?;
            }
        }
        Ok(())
    }

    /// Warns that properties of the partition are missing.
    fn warn(&mut self, why: &str) {
        let name = self.name.escape_debug();
        self.found.warn(&format!("partition `{name}`: {why}"));
    }

    /// Reads the first file that exists.
    fn read_first<'p>(&mut self, slot: Slot, paths: &[&'p str]) -> Result<Search<'p>, ota::Error> {
        let mut search = Search::Absent(None);
        for path in paths {
            let text = match self.file_system.read(path, MAX_PROPS_SIZE) {
                Ok(text) => text,
                Err(fs::Error::NotFound { .. }) => continue,
                Err(error) if error.is_absence() => {
                    if matches!(search, Search::Absent(None)) {
                        search = Search::Absent(Some(chain(&error)));
                    }
                    continue;
                }
                Err(error) if is_passed_over(&error) => {
                    self.warn(&chain(&error));
                    search = Search::PassedOver;
                    continue;
                }
                Err(source) => {
                    return Err(ota::Error::FileSystem {
                        partition: self.name.to_owned(),
                        source,
                    });
                }
            };
            // Other partitions may have no properties.
            if slot == Slot::System && !PropertyFile::parse(*path, &text).has_read_only() {
                self.warn(&format!(
                    "`{path}` has no line `ro.…=…`; it has to be a text in UTF-8"
                ));
                search = Search::PassedOver;
                continue;
            }
            self.found.add(slot, format!("{}:{path}", self.name), &text);
            return Ok(Search::Read(path));
        }
        Ok(search)
    }
}

/// The result of a search for a file.
enum Search<'p> {
    /// The path of the file that was read.
    Read(&'p str),
    /// There is none; with the reason, if it is more than a missing name.
    Absent(Option<String>),
    /// There is one that cannot be used; a warning was added.
    PassedOver,
}

/// Whether the image is valid but the file's format or length is not supported.
fn is_passed_over(error: &fs::Error) -> bool {
    error.kind() == ErrorKind::Unsupported || matches!(error, fs::Error::TooLarge { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::{DirEntry, Error, Kind};
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

        fn list(&self, _path: &str) -> Result<Vec<DirEntry>, Error> {
            Ok(Vec::new())
        }
    }

    fn read_all(
        partitions: &[(PropsPartition, Fake)],
        everything: bool,
    ) -> (PropertyMap, Vec<String>) {
        let has = |name: &str| partitions.iter().any(|(p, _)| p.as_str() == name);
        let mut found = Collected::default();
        for (partition, file_system) in partitions {
            let mut part = Collected::default();
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
    fn product_inside_the_system_is_read_if_there_is_no_product_partition() {
        const SYSTEM: Fake = Fake(&[
            (
                "/system/build.prop",
                "ro.build.version.sdk=30\nro.x=system\n",
            ),
            ("/system/product/build.prop", "ro.x=inside\n"),
            ("/system/vendor/build.prop", "ro.y=vendor\n"),
        ]);
        let (props, files) = read_all(&[(PropsPartition::System, SYSTEM)], false);
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
        let both = [
            (PropsPartition::System, SYSTEM),
            (PropsPartition::Product, product),
        ];
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
    fn image_without_the_root_folder_is_read() {
        let system = Fake(&[
            (
                "/build.prop",
                "ro.build.version.sdk=25\nro.x=system\nro.z=system\n",
            ),
            ("/vendor/build.prop", "ro.x=vendor\nro.y=vendor\n"),
            ("/etc/prop.default", "ro.z=default\n"),
        ]);
        let (props, files) = read_all(&[(PropsPartition::System, system)], true);
        // Up to Android 9 the first definition of an `ro.` property holds.
        assert_eq!(props.get("ro.x"), Some("system"));
        assert_eq!(props.get("ro.y"), Some("vendor"));
        assert_eq!(props.get("ro.z"), Some("default"));
        assert_eq!(files.len(), 3, "{files:?}");
    }

    #[test]
    fn loading_order_depends_on_the_release() {
        let winner = |sdk: &str| {
            let mut found = Collected::default();
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
        let mut found = Collected::default();
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
    fn zip_entry_is_used_only_before_android_10() {
        let files = |text: &[u8]| {
            let mut found = Collected::default();
            found.add_old_entry(text);
            (found.files.len(), found.warnings.len())
        };
        assert_eq!(files(b"ro.build.version.sdk=28"), (1, 0));
        assert_eq!(files(b"ro.build.version.sdk=29"), (0, 1));
        assert_eq!(files(b"ro.x=1"), (0, 1));
    }

    #[test]
    fn file_without_properties_is_skipped() {
        let utf16: Vec<u8> = "ro.x=1\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let system = Fake(&[("/system/build.prop", "a=b\n"), ("/build.prop", "ro.x=1\n")]);
        let (_, files) = read_all(&[(PropsPartition::System, system)], false);
        assert_eq!(files, ["system:/build.prop"]);
        assert!(!PropertyFile::parse("", &utf16).has_read_only());
    }
}
