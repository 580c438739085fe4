//! A build: one published ROM record. Knows no parser and no feed.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use base16ct::lower::encode_string as hex;

/// The longest stem in names of files about a package, in bytes. File systems allow 255 bytes, and
/// digits, an extension and the dot of a temporary file are added.
const MAX_STEM_LEN: usize = 200;

/// Longest device, romtype or variant. Android caps a property at 91 bytes, and
/// these values come from properties.
const MAX_NAME_LEN: usize = 91;

/// Directory names below `api/v1/` that are not devices.
const RESERVED_DEVICES: [&str; 8] = [
    "types", "devices", "changes", "oems", "builds", "assets", "index", "404",
];

/// Directory names at the site's root that are not variants.
const RESERVED_VARIANTS: [&str; 4] = ["api", "legacy", "builds", "assets"];

/// A value that cannot be a segment of a feed's path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} `{}` cannot be part of a feed's address: {reason}", .value.escape_debug())]
pub struct NotAPath {
    /// `device`, `romtype` or `variant`.
    pub what: &'static str,
    /// The value.
    pub value: String,
    /// Which rule it breaks.
    pub reason: &'static str,
}

/// Returns why `value` cannot be a path segment that every updater sends unescaped, or `None` if it
/// can.
///
/// Updaters put device, romtype and incremental into the URL unescaped, so only characters that need
/// no escaping are safe.
#[must_use]
pub fn path_fault(value: &str) -> Option<&'static str> {
    let safe = |c: char| c.is_ascii_alphanumeric() || "._~+@-".contains(c);
    if value.is_empty() {
        Some("it is empty")
    } else if value.len() > MAX_NAME_LEN {
        Some("it is longer than 91 bytes")
    } else if value.starts_with('.') {
        Some("it begins with a dot")
    } else if !value.chars().all(safe) {
        Some("only letters, digits and . _ ~ + @ - are allowed")
    } else {
        None
    }
}

macro_rules! path_name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $extra:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Checks that the value can be one segment of a feed's path.
            ///
            /// # Errors
            /// [`NotAPath`] with the rule it breaks.
            pub fn parse(value: &str) -> Result<$name, NotAPath> {
                let extra: fn(&str) -> Option<&'static str> = $extra;
                match path_fault(value).or_else(|| extra(value)) {
                    None => Ok($name(value.to_owned())),
                    Some(reason) => Err(NotAPath {
                        what: $what,
                        value: value.to_owned(),
                        reason,
                    }),
                }
            }

            /// Returns the value as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                let value = String::deserialize(deserializer)?;
                $name::parse(&value).map_err(de::Error::custom)
            }
        }
    };
}

path_name!(
    /// A device's codename; case matters.
    Device,
    "device",
    |value| taken(value, &RESERVED_DEVICES).or_else(|| file_like(value))
);
path_name!(
    /// A release type, verbatim; clients compare it ignoring case.
    Romtype,
    "romtype",
    file_like
);
path_name!(
    /// A variant of a ROM, with feeds of its own, for example vanilla or gapps.
    Variant,
    "variant",
    |value| taken(value, &RESERVED_VARIANTS).or_else(|| file_like(value))
);

fn taken(value: &str, reserved: &[&str]) -> Option<&'static str> {
    reserved
        .contains(&value)
        .then_some("the name is taken by the feed tree")
}

/// Returns an error text for names that end like a file: next to the folder of each name are files
/// of that name, a feed and a page.
fn file_like(value: &str) -> Option<&'static str> {
    let end = value.as_bytes().last_chunk::<5>();
    let is_like = |name: &[u8; 5]| end.is_some_and(|end| end.eq_ignore_ascii_case(name));
    let is_file = [b".json", b".html", b".atom"].into_iter().any(is_like);
    is_file.then_some("it ends like a file of the site")
}

impl Romtype {
    /// Returns the release type in lower case, as updaters write it into URLs.
    #[must_use]
    pub fn to_path(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

/// Whether a package installs over any build, or only over one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Installs over any build.
    Full,
    /// Installs only over the build it was made from.
    Delta {
        /// The incremental of that build, if the package names it.
        source_incremental: Option<String>,
        /// Whether it patches blocks or files in the recovery, and is not a payload for
        /// `update_engine`: a phone whose partitions were changed in one byte
        /// stops in the recovery.
        is_block_based: bool,
    },
}

impl Kind {
    /// `full` or `delta`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Kind::Full => "full",
            Kind::Delta { .. } => "delta",
        }
    }

    /// The incremental a delta starts from.
    #[must_use]
    pub fn source_incremental(&self) -> Option<&str> {
        match self {
            Kind::Full => None,
            Kind::Delta {
                source_incremental, ..
            } => source_incremental.as_deref(),
        }
    }
}

/// One ROM that phones may be offered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Build {
    /// Codename of the phone.
    pub device: Device,
    /// Variant, if its device has several.
    pub variant: Option<Variant>,
    /// Release type, verbatim.
    pub romtype: Romtype,
    /// The string the family's updater compares.
    pub version: String,
    /// `ro.build.date.utc`: seconds since the epoch.
    pub timestamp: i64,
    /// `ro.build.version.incremental`.
    pub incremental: Option<String>,
    /// Full or delta.
    pub kind: Kind,
    /// API level.
    pub sdk_level: Option<u32>,
    /// Security patch level, `YYYY-MM-DD`.
    pub security_patch: Option<String>,
    /// Bare name of the package.
    pub filename: String,
    /// The path under `builds/`, with `/` between folders.
    pub path: String,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256, 64 lower-case hex digits. Unknown for some imported builds, and for a package that
    /// is not hashed yet.
    pub sha256: Option<String>,
    /// The `id` that phones know, if it is not the SHA-256: that of the feed the build was imported
    /// from.
    pub id: Option<String>,
    /// MD5, 32 lower-case hex digits.
    pub md5: Option<String>,
    /// Download address given for this build alone.
    pub url: Option<String>,
    /// Download address from `ro.build.ota.url`.
    pub ota_url: Option<String>,
    /// `ota-property-files`: where a streaming updater finds what in the zip.
    pub property_files: Option<String>,
    /// SHA-256 of the certificate that signed the package.
    pub signer: Option<String>,
    /// The name its phones ask for, if it is not `device`:
    /// `ro.updater.next_device`.
    pub next_device: Option<Device>,
    /// The contents of `<zip>.csig` next to the package, if there is one.
    pub csig: Option<Csig>,
    /// Images next to the package for the first installation, in the order of
    /// [`IMAGES`].
    pub images: Vec<ImageFile>,
    /// The ROM family, if it is known and its updater is not LineageOS's.
    pub family: Option<String>,
    /// Where its package was read, if that is a source.
    pub origin: Option<Origin>,
}

/// Where a source has a package, and what the source knew it by when it was read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Name of the source.
    pub source: String,
    /// Path in the source, with `/` between folders.
    pub path: String,
    /// What the host knows it by, such as the number of an asset.
    pub id: String,
    /// Differs for other contents under the same `id`; may be empty.
    pub tag: String,
    /// Differs for other files next to the package; empty if there are none, or if those that are there
    /// are to be read again.
    pub beside: String,
    /// Whether its SHA-256 was computed from all of it, and not only stated by its host or a checksum file.
    pub is_hashed: bool,
}

/// Names of the images that people flash before they can install a package: the partitions
/// that the install guides of LineageOS and its forks name, and `super_empty`, which a device
/// with logical partitions may need wiped.
pub const IMAGES: [&str; 10] = [
    "recovery",
    "boot",
    "init_boot",
    "vendor_boot",
    "vendor_kernel_boot",
    "dtbo",
    "vbmeta",
    "vbmeta_system",
    "vbmeta_vendor",
    "super_empty",
];

/// An image of a partition, next to a package.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ImageFile {
    /// The partition: one of [`IMAGES`].
    pub name: String,
    /// Bare name of the file, in the folder of the package. Hosts may have it under another name:
    /// [`Build::image_filename`].
    pub filename: String,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256, 64 lower-case hex digits.
    pub sha256: String,
}

/// Custota's signature file of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Csig {
    /// The digest of the build's `vbmeta` images, 64 lower-case hex digits: by it
    /// Custota recognises the build that a phone runs.
    pub vbmeta_digest: Option<String>,
}

impl Build {
    /// Creates a full build from the facts that every feed needs; `path` is its path under `builds/`,
    /// `timestamp` in seconds since the epoch, `size` in bytes.
    #[must_use]
    pub fn new(
        device: Device,
        romtype: Romtype,
        version: String,
        timestamp: i64,
        path: String,
        size: u64,
    ) -> Build {
        Build {
            device,
            variant: None,
            romtype,
            version,
            timestamp,
            incremental: None,
            kind: Kind::Full,
            sdk_level: None,
            security_patch: None,
            filename: path.rsplit('/').next().unwrap_or_default().to_owned(),
            path,
            size,
            sha256: None,
            id: None,
            md5: None,
            url: None,
            ota_url: None,
            property_files: None,
            signer: None,
            next_device: None,
            csig: None,
            images: Vec::new(),
            family: None,
            origin: None,
        }
    }

    /// Returns the identity of the build in the catalog: its SHA-256, or else its `id`.
    #[must_use]
    pub fn identity(&self) -> &str {
        let known = self.sha256.as_deref().or(self.id.as_deref());
        known.unwrap_or_default()
    }

    /// Returns the first fact that would become a file or folder with a name that Windows reserves:
    /// the name of the fact, its value, and the reason.
    #[must_use]
    pub fn unportable(&self) -> Option<(&'static str, &str, &'static str)> {
        let names = [
            ("device", Some(self.device.as_str())),
            ("next device", self.next_device.as_ref().map(Device::as_str)),
            ("variant", self.variant.as_ref().map(Variant::as_str)),
            ("romtype", Some(self.romtype.as_str())),
            ("incremental", self.incremental.as_deref()),
            ("source incremental", self.kind.source_incremental()),
            ("file name", Some(&*self.filename)),
        ];
        names.into_iter().find_map(|(what, value)| {
            let value = value?;
            Some((what, value, portable_fault(value)?))
        })
    }

    /// Returns the path of an image under `builds/`: it is in the folder of the package.
    #[must_use]
    pub fn image_path(&self, image: &ImageFile) -> String {
        match self.path.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{}", image.filename),
            None => image.filename.clone(),
        }
    }

    /// Returns the name of an image on hosts where the images of several builds are in one folder: that of the
    /// package and of the partition, for example `lineage-22.2-20250614-nightly-bacon-recovery.img`.
    #[must_use]
    pub fn image_filename(&self, image: &ImageFile) -> String {
        format!("{}-{}.img", stem(&self.filename), image.name)
    }

    /// Returns the `id` that phones know: that of its first feed, or else its SHA-256.
    #[must_use]
    pub fn phone_id(&self) -> &str {
        self.id.as_deref().unwrap_or_else(|| self.identity())
    }
}

/// The earliest and latest build date in seconds: the first Android phone, and a bound that
/// milliseconds mistaken for seconds always exceed.
const TIMESTAMPS: std::ops::Range<i64> = 1_222_819_200..4_102_444_800;

/// Returns why `timestamp` is not a build date in seconds, or `None` if it is one.
#[must_use]
pub fn timestamp_fault(timestamp: i64) -> Option<&'static str> {
    if TIMESTAMPS.contains(&timestamp) {
        None
    } else if timestamp >= TIMESTAMPS.end {
        Some("is beyond the year 2100; milliseconds instead of seconds?")
    } else {
        Some("is before the first Android phone")
    }
}

/// Returns why `size` cannot be the length of a package in bytes, or `None` if it can.
///
/// Updaters store it as a signed 64-bit number; those of LineageOS 23 refuse the whole list if it
/// does not fit.
#[must_use]
pub fn size_fault(size: u64) -> Option<&'static str> {
    if size == 0 {
        Some("cannot be the size of a package")
    } else if i64::try_from(size).is_err() {
        Some("is more than phones can read")
    } else {
        None
    }
}

/// Returns whether updaters can read an API level: they store it as a signed 32-bit number, and
/// those of LineageOS 23 refuse the whole list if it does not fit.
#[must_use]
pub fn is_sdk_level(level: u32) -> bool {
    i32::try_from(level).is_ok()
}

/// Returns why updaters cannot compare `version`, or `None` if they can.
#[must_use]
pub fn version_fault(version: &str) -> Option<&'static str> {
    if version.is_empty() || version.trim() != version {
        Some("is empty or padded with blanks")
    } else if version.len() > MAX_NAME_LEN {
        Some("is longer than 91 bytes")
    } else if version.chars().any(char::is_control) {
        Some("holds control characters")
    } else {
        None
    }
}

/// Returns why no phone can have `version`, or `None` if one may: all updaters compare its leading
/// number. Families with other version names have rules of their own.
#[must_use]
pub fn version_number_fault(version: &str) -> Option<&'static str> {
    let has_number = version.starts_with(|c: char| c.is_ascii_digit());
    (!has_number)
        .then_some("does not begin with a number such as 21.0, so no phone will accept the build")
}

/// Returns why `id` cannot identify a build on phones, or `None` if it can.
///
/// The updater uses `local` for a file that was picked on the phone.
#[must_use]
pub fn id_fault(id: &str) -> Option<&'static str> {
    if id.is_empty() || id.len() > 255 {
        Some("is empty or longer than 255 bytes")
    } else if id == "local" || id == "null" {
        Some("means something else to phones")
    } else if id.chars().any(char::is_control) {
        Some("holds control characters")
    } else {
        None
    }
}

/// Returns why `filename` is not a bare file name that phones can save, or `None` if it is one.
#[must_use]
pub fn filename_fault(filename: &str) -> Option<&'static str> {
    if filename.is_empty() || filename.len() > 255 {
        Some("is empty or longer than 255 bytes")
    } else if filename.starts_with('.') {
        Some("begins with a dot")
    } else if filename.contains(['/', '\\']) {
        Some("holds a path separator")
    } else if filename.chars().any(char::is_control) {
        Some("holds control characters")
    } else {
        None
    }
}

/// Names that Windows reserves for its devices, with any extension and in any case.
const RESERVED_NAMES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Returns why a file or folder cannot have this name on Windows and its file systems, or `None` if
/// it can.
///
/// Source: "Naming Files, Paths, and Namespaces" of Microsoft.
#[must_use]
pub fn portable_fault(name: &str) -> Option<&'static str> {
    let stem = name.split('.').next().unwrap_or(name).trim_end();
    let is_one_of = |text: &str, names: &[&str]| names.iter().any(|n| text.eq_ignore_ascii_case(n));
    let is_number = |text: &str| {
        let mut chars = text.chars();
        let is_digit = |c: char| c.is_ascii_digit() || "¹²³".contains(c);
        chars.next().is_some_and(is_digit) && chars.next().is_none()
    };
    let port = stem.split_at_checked(3);
    let is_port =
        port.is_some_and(|(kind, number)| is_one_of(kind, &["com", "lpt"]) && is_number(number));
    if is_port || is_one_of(stem, &RESERVED_NAMES) {
        Some("is a name that Windows reserves, with any ending")
    } else if name.ends_with(['.', ' ']) {
        Some("ends in a dot or a space, which Windows removes")
    } else {
        None
    }
}

/// Returns the name of a package without its extension.
#[must_use]
pub fn stem(filename: &str) -> &str {
    let at = filename.len().saturating_sub(4);
    match filename.get(at..) {
        Some(end) if end.eq_ignore_ascii_case(".zip") => &filename[..at],
        _ => filename,
    }
}

/// Returns the stem for names of files about a package: its own name without the extension, or, if
/// that is too long, its beginning and a short hash.
#[must_use]
pub fn bounded_stem(filename: &str) -> String {
    let stem = stem(filename);
    if stem.len() <= MAX_STEM_LEN {
        return stem.to_owned();
    }
    let begin: String = stem.chars().take(MAX_STEM_LEN / 8).collect();
    format!("{begin}-{}", short_hash(filename))
}

/// Returns a short hash of a text in hex digits, for use in names.
#[must_use]
pub fn short_hash(text: &str) -> String {
    let mut digits = hex(&Sha256::digest(text));
    digits.truncate(16);
    digits
}

/// Returns whether `value` is an `ota-property-files` list that every updater can parse:
/// `name:offset:size` parts inside a package of `size` bytes.
#[must_use]
pub fn are_property_files(value: &str, size: u64) -> bool {
    value.split(',').all(|part| {
        let fields: Vec<&str> = part.split(':').collect();
        let [name, offset, len] = fields[..] else {
            return false;
        };
        let end = offset
            .parse::<u64>()
            .ok()
            .zip(len.parse::<u64>().ok())
            .and_then(|(offset, len)| offset.checked_add(len));
        !name.is_empty() && name.is_ascii() && end.is_some_and(|end| end <= size)
    })
}

/// Returns whether `text` is a date such as `2024-08-05`.
#[must_use]
pub fn is_date(text: &str) -> bool {
    text.len() == 10 && chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_windows_reserves_are_known() {
        for name in [
            "con",
            "CON",
            "Aux.json",
            "nul.tar.gz",
            "com1",
            "LPT9.zip",
            "com\u{b9}",
            "prn .x",
            "eng.root.",
            "x ",
        ] {
            assert!(portable_fault(name).is_some(), "{name}");
        }
        for name in [
            "cons",
            "bacon",
            "com",
            "com10",
            "lpta",
            "xcon.aux",
            ".con",
            "auxx.json",
        ] {
            assert_eq!(portable_fault(name), None, "{name}");
        }
    }

    #[test]
    fn names_that_cannot_be_a_path_are_refused() {
        for bad in [
            "",
            "../x",
            ".",
            "..",
            "a b",
            "a/b",
            "a\nb",
            "a%2f",
            "käse",
            "types",
            "x\\y",
            &"x".repeat(92),
        ] {
            assert!(Device::parse(bad).is_err(), "{bad:?}");
        }
        for good in ["bacon", "X00TD", "poplar_dsds", "a+b@c~d.e-f"] {
            assert_eq!(Device::parse(good).unwrap().as_str(), good);
        }
        assert!(Romtype::parse("nightly.JSON").is_err());
        assert_eq!(Romtype::parse("Micro-G").unwrap().to_path(), "micro-g");
        let error = Device::parse("a\u{1b}[31m").unwrap_err();
        assert!(!error.to_string().contains('\u{1b}'));
    }

    #[test]
    fn a_stem_leaves_room_for_an_ending() {
        for (filename, expected) in [
            ("a.b.zip", "a.b"),
            ("A.ZIP", "A"),
            ("ab", "ab"),
            ("ä.zi", "ä.zi"),
            ("zip", "zip"),
        ] {
            assert_eq!(stem(filename), expected);
            assert_eq!(bounded_stem(filename), expected);
        }
        let [a, b] = ["a", "b"].map(|end| bounded_stem(&format!("{}{end}.zip", "ü".repeat(125))));
        assert!(a.len() < MAX_STEM_LEN && a != b, "{a} {b}");
    }

    #[test]
    fn numbers_that_no_phone_can_read_are_faults() {
        assert_eq!(size_fault(1 << 62), None);
        assert!(size_fault(1 << 63).is_some());
        assert!(size_fault(0).is_some());
        assert!(is_sdk_level(36));
        assert!(!is_sdk_level(3_000_000_000));
    }

    #[test]
    fn milliseconds_are_not_seconds() {
        assert_eq!(timestamp_fault(1_700_000_000), None);
        assert!(
            timestamp_fault(1_700_000_000_000)
                .unwrap()
                .contains("milliseconds")
        );
        assert!(timestamp_fault(0).is_some());
        assert!(timestamp_fault(-5).is_some());
    }
}
