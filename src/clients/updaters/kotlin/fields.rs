//! The keys that each updater in Kotlin reads, as the properties of its Kotlin classes.
//!
//! Sources: see [`kotlin`](super).

/// A property of a Kotlin class, and the key it is read from.
pub(super) struct Field {
    pub(super) key: &'static str,
    pub(super) kind: Kind,
    pub(super) is_required: bool,
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    Long,
    Int,
    /// A list of packages with these fields.
    Files(&'static [Field]),
    /// One object with these fields.
    Object(&'static [Field]),
    /// A map to objects with these fields.
    Map(&'static [Field]),
}

const fn required(key: &'static str, kind: Kind) -> Field {
    Field {
        key,
        kind,
        is_required: true,
    }
}

/// Makes a field that may be absent or null, but must otherwise be of the right kind.
const fn optional(key: &'static str, kind: Kind) -> Field {
    Field {
        key,
        kind,
        is_required: false,
    }
}

pub(super) const V1: &[Field] = &[
    required("datetime", Kind::Long),
    required("filename", Kind::Text),
    required("id", Kind::Text),
    required("romtype", Kind::Text),
    required("size", Kind::Long),
    required("url", Kind::Text),
    required("version", Kind::Text),
];

pub(super) const V2: &[Field] = &[
    required("datetime", Kind::Long),
    required("files", Kind::Files(FILE)),
    required("type", Kind::Text),
    required("version", Kind::Text),
];

/// A revision in between moved two keys to the files, and still reads them here.
pub(super) const V2_VERSION: &[Field] = &[
    required("datetime", Kind::Long),
    required("files", Kind::Files(FILE)),
    optional("os_patch_level", Kind::Text),
    optional("os_sdk_level", Kind::Int),
    required("type", Kind::Text),
    required("version", Kind::Text),
];

const FILE: &[Field] = &[
    required("filename", Kind::Text),
    optional("os_patch_level", Kind::Text),
    optional("os_sdk_level", Kind::Int),
    optional("ota_property_files", Kind::Text),
    required("sha256", Kind::Text),
    required("size", Kind::Long),
    required("url", Kind::Text),
];

pub(super) const PIXELOS: &[Field] = &[
    required("datetime", Kind::Long),
    required("files", Kind::Files(PIXELOS_FILE)),
    optional("incremental", Kind::Files(PIXELOS_FILE)),
    required("version", Kind::Text),
];

const PIXELOS_FILE: &[Field] = &[
    required("filename", Kind::Text),
    required("os_patch_level", Kind::Text),
    required("os_sdk_level", Kind::Int),
    optional("ota_property_files", Kind::Text),
    required("sha256", Kind::Text),
    required("size", Kind::Long),
    required("url", Kind::Text),
];

pub(super) const DERPFEST: &[Field] = &[
    required("datetime", Kind::Long),
    required("filename", Kind::Text),
    required("id", Kind::Text),
    optional("romtype", Kind::Text),
    required("size", Kind::Long),
    required("url", Kind::Text),
    required("version", Kind::Text),
];

pub(super) const CRDROID: &[Field] = &[
    required("filename", Kind::Text),
    required("download", Kind::Text),
    required("timestamp", Kind::Long),
    required("sha256", Kind::Text),
    required("size", Kind::Long),
    required("version", Kind::Text),
    optional("md5", Kind::Text),
    optional("buildtype", Kind::Text),
    optional("maintainer", Kind::Text),
    optional("oem", Kind::Text),
    optional("device", Kind::Text),
    optional("forum", Kind::Text),
    optional("gapps", Kind::Text),
    optional("firmware", Kind::Text),
    optional("modem", Kind::Text),
    optional("bootloader", Kind::Text),
    optional("recovery", Kind::Text),
    optional("paypal", Kind::Text),
    optional("telegram", Kind::Text),
    optional("os_patch_level", Kind::Text),
    optional("os_sdk_level", Kind::Int),
    optional("ota_property_files", Kind::Text),
];

pub(super) const UPDATE_INFO: &[Field] = &[
    required("version", Kind::Int),
    required("full", Kind::Object(LOCATION)),
    optional("incremental", Kind::Map(LOCATION)),
];

const LOCATION: &[Field] = &[
    required("location_ota", Kind::Text),
    required("location_csig", Kind::Text),
];
