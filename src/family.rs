//! Which property each ROM family keeps a fact in.
//!
//! In: the properties of a build. Out: device, version, romtype. The *version*
//! is the string that family's own update client compares, which is seldom the
//! long one shown to people. Source: the `version.mk` files of each family and
//! property files of real builds; one row of [`FAMILIES`] per family.

use crate::props::PropertyMap;

/// One way to get a fact out of the properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The whole value of a property.
    Whole(&'static str),
    /// One field of a value cut at `-`, counted from 0, as in
    /// `12.1-20150827-UNOFFICIAL-golden`.
    Field(&'static str, usize),
    /// The first field of a value, without its leading `v`, as in
    /// `v11.3-20250405`.
    AfterV(&'static str),
}

impl Rule {
    /// The property this rule reads.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Rule::Whole(key) | Rule::Field(key, _) | Rule::AfterV(key) => key,
        }
    }

    fn apply(self, props: &PropertyMap) -> Option<String> {
        let value = props.get(self.key())?;
        let value = match self {
            Rule::Whole(_) => value,
            Rule::Field(_, index) => value.split('-').nth(index)?,
            Rule::AfterV(_) => value.split('-').next()?.strip_prefix('v')?,
        };
        (!value.is_empty()).then(|| value.to_owned())
    }
}

/// A ROM family: how it is recognised and where it keeps its facts.
#[derive(Debug)]
pub struct Family {
    /// Name for messages.
    pub name: &'static str,
    /// A property whose name begins like this marks the family.
    pub markers: &'static [&'static str],
    /// Where the codename is, best first.
    pub device: &'static [Rule],
    /// Where the version is, best first.
    pub version: &'static [Rule],
    /// Where the romtype is, best first.
    pub romtype: &'static [Rule],
    /// The family's updater lists only builds of the phone's own romtype.
    pub compares_romtype: bool,
}

use Rule::{AfterV, Field, Whole};

/// All families. Forks keep the keys of what they were forked from, so the more
/// particular family comes first.
pub static FAMILIES: &[Family] = &[
    Family {
        name: "Evolution X",
        markers: &["org.evolution.", "ro.evolution."],
        device: &[Whole("ro.evolution.device"), Whole("org.evolution.device")],
        version: &[Whole("ro.modversion"), Whole("org.evolution.build_version")],
        romtype: &[Whole("org.evolution.build_type")],
        compares_romtype: false,
    },
    Family {
        name: "crDroid",
        markers: &["ro.crdroid."],
        device: &[Whole("ro.crdroid.device")],
        version: &[Whole("ro.modversion"), AfterV("ro.crdroid.display.version")],
        romtype: &[Whole("ro.crdroid.buildtype")],
        compares_romtype: false,
    },
    Family {
        name: "RisingOS",
        markers: &["ro.rising."],
        device: &[Whole("ro.rising.device")],
        version: &[Whole("ro.rising.version")],
        romtype: &[Whole("ro.rising.releasetype")],
        compares_romtype: true,
    },
    Family {
        name: "DerpFest",
        markers: &["ro.derp."],
        device: &[Whole("ro.derp.device")],
        version: &[Whole("ro.derp.build.version")],
        romtype: &[Whole("ro.derp.buildtype")],
        compares_romtype: true,
    },
    Family {
        name: "VoltageOS",
        markers: &["ro.voltage.", "org.voltage."],
        device: &[Whole("ro.voltage.device")],
        version: &[Whole("org.voltage.version"), Whole("ro.modversion")],
        romtype: &[Whole("ro.voltage.buildtype")],
        compares_romtype: true,
    },
    Family {
        name: "Awaken OS",
        markers: &["ro.awaken."],
        device: &[Whole("ro.awaken.device")],
        version: &[Whole("ro.awaken.base.version")],
        romtype: &[Whole("ro.awaken.buildtype")],
        compares_romtype: true,
    },
    Family {
        name: "XPerience",
        markers: &["ro.xpe."],
        device: &[Whole("ro.xpe.device")],
        version: &[Field("ro.xpe.version", 0)],
        romtype: &[Whole("ro.xpe.releasetype")],
        compares_romtype: true,
    },
    Family {
        name: "xdroid",
        markers: &["ro.xdroid."],
        device: &[Whole("ro.xdroid.device")],
        version: &[Whole("ro.xdroid.revision"), Whole("ro.xdroid.build.number")],
        romtype: &[],
        compares_romtype: false,
    },
    Family {
        name: "Project 404",
        markers: &["ro.p404."],
        device: &[Whole("ro.p404.device")],
        version: &[],
        romtype: &[],
        compares_romtype: false,
    },
    Family {
        name: "PixelBuilds",
        markers: &["ro.pb."],
        device: &[],
        version: &[Whole("ro.pb.build.version")],
        romtype: &[],
        compares_romtype: false,
    },
    Family {
        name: "PixelExperience",
        markers: &["org.pixelexperience."],
        device: &[Whole("org.pixelexperience.device")],
        version: &[Whole("org.pixelexperience.version")],
        romtype: &[Whole("org.pixelexperience.build_type")],
        compares_romtype: false,
    },
    Family {
        name: "Paranoid Android",
        markers: &["ro.aospa."],
        device: &[Whole("ro.aospa.device")],
        version: &[Whole("ro.aospa.version")],
        romtype: &[Whole("ro.aospa.releasetype")],
        compares_romtype: false,
    },
    Family {
        name: "ro.rom",
        markers: &["ro.rom."],
        device: &[Whole("ro.rom.device")],
        version: &[Whole("ro.rom.build.version")],
        romtype: &[Whole("ro.rom.releasetype")],
        compares_romtype: true,
    },
    Family {
        name: "LineageOS",
        markers: &["ro.lineage."],
        device: &[Whole("ro.lineage.device")],
        version: &[
            Whole("ro.lineage.build.version"),
            Field("ro.lineage.version", 0),
        ],
        romtype: &[
            Whole("ro.lineage.releasetype"),
            Field("ro.lineage.version", 2),
        ],
        compares_romtype: true,
    },
    Family {
        name: "CyanogenMod",
        markers: &["ro.cm."],
        device: &[Whole("ro.cm.device")],
        version: &[Whole("ro.cm.build.version"), Field("ro.cm.version", 0)],
        romtype: &[Whole("ro.cm.releasetype"), Field("ro.cm.version", 2)],
        compares_romtype: true,
    },
    Family {
        name: "CarbonROM",
        markers: &["ro.carbon."],
        device: &[Whole("ro.carbon.device")],
        version: &[Field("ro.carbon.version", 0)],
        romtype: &[Field("ro.carbon.version", 2)],
        compares_romtype: true,
    },
];

/// What holds for a build that bears no family's mark.
static UNKNOWN: Family = Family {
    name: "unknown family",
    markers: &[],
    device: &[],
    version: &[Whole("ro.modversion")],
    romtype: &[],
    compares_romtype: false,
};

/// Where any build may keep its codename, after the family's own property.
/// `ro.product.<partition>.device` follows the order in which Android 10 and
/// later derive `ro.product.device`.
const DEVICE_FALLBACKS: &[Rule] = &[
    Whole("ro.lineage.device"),
    Whole("ro.cm.device"),
    Whole("ro.build.product"),
    Whole("ro.product.device"),
    Whole("ro.product.product.device"),
    Whole("ro.product.odm.device"),
    Whole("ro.product.vendor.device"),
    Whole("ro.product.system_ext.device"),
    Whole("ro.product.system.device"),
];

/// Names generic system images give instead of a codename.
fn is_placeholder_device(name: &str) -> bool {
    name.starts_with("generic") || name == "mainline"
}

/// Finds the family of a build by its properties: one marks the family, and one
/// of the family's rules gives a fact. A mark alone may be a vendor's leftover.
#[must_use]
pub fn detect(props: &PropertyMap) -> &'static Family {
    FAMILIES
        .iter()
        .find(|family| {
            let is_mark = |key: &str| family.markers.iter().any(|mark| key.starts_with(mark));
            let rules = [family.device, family.version, family.romtype];
            props.iter().any(|(key, _)| is_mark(key))
                && rules
                    .into_iter()
                    .flatten()
                    .any(|rule| is_mark(rule.key()) && rule.apply(props).is_some())
        })
        .unwrap_or(&UNKNOWN)
}

/// A fact and the property it was read from.
pub type Found = (String, &'static str);

impl Family {
    /// The codename, from the family's property or where any build keeps it.
    #[must_use]
    pub fn find_device(&self, props: &PropertyMap) -> Option<Found> {
        first(self.device.iter().chain(DEVICE_FALLBACKS), props, |name| {
            !is_placeholder_device(name)
        })
    }

    /// The version the family's updater compares.
    #[must_use]
    pub fn find_version(&self, props: &PropertyMap) -> Option<Found> {
        first(self.version, props, |_| true)
    }

    /// The romtype, verbatim.
    #[must_use]
    pub fn find_romtype(&self, props: &PropertyMap) -> Option<Found> {
        first(self.romtype, props, |_| true)
    }
}

fn first<'a>(
    rules: impl IntoIterator<Item = &'a Rule>,
    props: &PropertyMap,
    accept: impl Fn(&str) -> bool,
) -> Option<Found> {
    rules.into_iter().find_map(|rule| {
        let value = rule.apply(props).filter(|value| accept(value))?;
        Some((value, rule.key()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Family, device, version and romtype read from a property text.
    fn facts(text: &str) -> [String; 4] {
        let props = PropertyMap::parse(text.as_bytes());
        let family = detect(&props);
        let value = |found: Option<Found>| found.map_or_else(String::new, |(value, _)| value);
        [
            family.name.to_owned(),
            value(family.find_device(&props)),
            value(family.find_version(&props)),
            value(family.find_romtype(&props)),
        ]
    }

    #[test]
    fn each_family_keeps_its_facts_where_its_updater_looks() {
        for (text, expected) in [
            (
                "ro.lineage.device=natrium\nro.lineage.build.version=16.0\nro.lineage.releasetype=NIGHTLY\nro.modversion=16.0-20191210-NIGHTLY-natrium\nro.cm.device=other",
                ["LineageOS", "natrium", "16.0", "NIGHTLY"],
            ),
            (
                "ro.cm.device=kylepro\nro.cm.version=11-20160603-UNOFFICIAL-kylepro\nro.cm.releasetype=UNOFFICIAL",
                ["CyanogenMod", "kylepro", "11", "UNOFFICIAL"],
            ),
            (
                "ro.cm.device=galaxysl\nro.cm.version=9-20120709-UNOFFICIAL-galaxysl\nro.modversion=2.0",
                ["CyanogenMod", "galaxysl", "9", "UNOFFICIAL"],
            ),
            (
                "ro.cm.device=X00I\nro.cm.build.version=14.1\nro.cm.version=14.1-20181003-UNOFFICIAL-X00I\nro.cm.releasetype=UNOFFICIAL",
                ["CyanogenMod", "X00I", "14.1", "UNOFFICIAL"],
            ),
            (
                "ro.lineage.device=komodo\nro.crdroid.device=komodo\nro.crdroid.version=15.0\nro.modversion=11.2",
                ["crDroid", "komodo", "11.2", ""],
            ),
            (
                "ro.crdroid.device=caiman\nro.crdroid.build.version=11.3\nro.crdroid.display.version=v11.3-20250405",
                ["crDroid", "caiman", "11.3", ""],
            ),
            (
                "ro.carbon.device=kumquat\nro.carbon.version=10.2-20131106-UNOFFICIAL-kumquat",
                ["CarbonROM", "kumquat", "10.2", "UNOFFICIAL"],
            ),
            (
                "org.pixelexperience.device=r5x\norg.pixelexperience.version=twelve\norg.pixelexperience.build_type=",
                ["PixelExperience", "r5x", "twelve", ""],
            ),
            (
                "ro.rom.zone=2\nro.lineage.device=dipper\nro.lineage.build.version=21.0\nro.lineage.releasetype=NIGHTLY",
                ["LineageOS", "dipper", "21.0", "NIGHTLY"],
            ),
            (
                "ro.product.system.device=generic\nro.product.vendor.device=dream\nro.modversion=X",
                ["unknown family", "dream", "X", ""],
            ),
        ] {
            assert_eq!(facts(text), expected.map(str::to_owned), "{text}");
        }
    }
}
