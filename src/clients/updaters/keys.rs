//! The keys of an entry that each updater in Java reads.

/// The keys of one format; all of them are required.
pub(super) struct Keys {
    pub(super) datetime: &'static str,
    pub(super) filename: &'static str,
    pub(super) id: &'static str,
    pub(super) romtype: Option<&'static str>,
    pub(super) size: Option<&'static str>,
    pub(super) url: &'static str,
    pub(super) version: &'static str,
    /// Keys of text that is shown to the user, or not used.
    pub(super) others: &'static [&'static str],
}

/// LineageOS's keys, while the list was below `response`.
pub(super) const V1: Keys = Keys {
    datetime: "datetime",
    filename: "filename",
    id: "id",
    romtype: Some("romtype"),
    size: Some("size"),
    url: "url",
    version: "version",
    others: &[],
};

/// The first Updater takes the size from the host.
pub(super) const V1_WITHOUT_SIZE: Keys = Keys { size: None, ..V1 };

/// CMUpdater of 2017 identifies builds by their file names.
pub(super) const V1_WITHOUT_ID: Keys = Keys {
    id: "filename",
    ..V1_WITHOUT_SIZE
};

/// The common keys of crDroid and its relatives.
pub(super) const VOLTAGE: Keys = Keys {
    datetime: "timestamp",
    filename: "filename",
    id: "md5",
    romtype: None,
    size: Some("size"),
    url: "download",
    version: "version",
    others: &[],
};

pub(super) const CRDROID: Keys = Keys {
    others: &[
        "maintainer",
        "buildtype",
        "forum",
        "telegram",
        "gapps",
        "firmware",
        "modem",
        "bootloader",
        "recovery",
        "paypal",
    ],
    ..VOLTAGE
};

pub(super) const EVOLUTION_X_14: Keys = Keys {
    others: &["maintainer", "buildtype", "forum", "firmware", "paypal"],
    ..VOLTAGE
};

pub(super) const EVOLUTION_X_15: Keys = Keys {
    others: &["maintainer", "forum", "firmware", "paypal"],
    ..VOLTAGE
};

pub(super) const PIXELOS: Keys = Keys {
    romtype: None,
    others: &["filehash"],
    ..V1
};
