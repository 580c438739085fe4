//! Which property each ROM family keeps a fact in.
//!
//! In: the properties of a build. Out: device, version, romtype. The *version*
//! is the string that family's own update client compares, which is seldom the
//! long one shown to people. Source: the `version.mk` files of each family and
//! property files of real builds; one row of [`FAMILIES`] per family.

use std::borrow::Cow;
use std::sync::LazyLock;

use ota_view::props::PropertyMap;

/// The name of a property, or the beginning of one.
type Key = Cow<'static, str>;

/// One way to get a fact out of the properties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The whole value of a property.
    Whole(Key),
    /// One field of a value cut at `-`, counted from 0, as in
    /// `12.1-20150827-UNOFFICIAL-golden`.
    Field(Key, usize),
    /// One field of a value cut at `-`, if it is a version number, without a leading `v`, as in
    /// `v11.3-20250405` or `PixelOS_fuxi-17.0-20261003-1348`.
    Number(Key, usize),
    /// The release type in a value like `10.1-20130715-UNOFFICIAL-spark`: a known type wherever it stands, else
    /// the word between a date and the device.
    TypeIn(Key),
}

impl Rule {
    /// The property this rule reads.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Rule::Whole(key) | Rule::Field(key, _) | Rule::Number(key, _) | Rule::TypeIn(key) => {
                key
            }
        }
    }

    /// Parses a rule of the settings: `ro.my.version`, or `ro.my.version[2]` for
    /// the third of its fields between `-`.
    ///
    /// `None` if it is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Rule> {
        let is_key = |key: &str| {
            !key.is_empty() && !key.contains(|c: char| c.is_whitespace() || "=#[]".contains(c))
        };
        match text.strip_suffix(']').and_then(|text| text.split_once('[')) {
            Some((key, index)) => {
                is_key(key).then_some(Rule::Field(key.to_owned().into(), index.parse().ok()?))
            }
            None => is_key(text).then(|| Rule::Whole(text.to_owned().into())),
        }
    }

    fn apply(&self, props: &PropertyMap) -> Option<String> {
        let value = props.get(self.key())?;
        let value = match self {
            Rule::Whole(_) => value,
            Rule::Field(_, index) => value.split('-').nth(*index)?,
            Rule::Number(_, index) => version_number(value.split('-').nth(*index)?)?,
            Rule::TypeIn(_) => romtype_in(value)?,
        };
        (!value.is_empty()).then(|| value.to_owned())
    }
}

/// Release types that ROM families put into names and version strings, best known first. What a
/// string has of these is its type, wherever it stands.
pub const ROMTYPES: [&str; 11] = [
    "UNOFFICIAL",
    "OFFICIAL",
    "NIGHTLY",
    "SNAPSHOT",
    "EXPERIMENTAL",
    "RELEASE",
    "STABLE",
    "COMMUNITY",
    "WEEKLY",
    "MILESTONE",
    "KANG",
];

/// Whether `word` is one of [`ROMTYPES`], in any case.
#[must_use]
pub fn is_romtype(word: &str) -> bool {
    romtype_rank(word).is_some()
}

/// The best known of some words that is one of [`ROMTYPES`]: `OFFICIAL` of `NIGHTLY` and `OFFICIAL`.
#[must_use]
pub fn best_romtype<'a>(words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let ranked = words
        .into_iter()
        .filter_map(|word| Some((romtype_rank(word)?, word)));
    ranked.min_by_key(|(rank, _)| *rank).map(|(_, word)| word)
}

fn romtype_rank(word: &str) -> Option<usize> {
    ROMTYPES
        .iter()
        .position(|known| known.eq_ignore_ascii_case(word))
}

/// The number of a version like `11`, `21.0`, `v9.5`, without the `v`; a date is not one.
#[must_use]
pub fn version_number(text: &str) -> Option<&str> {
    let number = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let is_date = number.len() == 8 && is_number(number);
    (number.len() <= 12 && !is_date && number.split('.').all(is_number)).then_some(number)
}

/// The release type in a value like `10.1-20130715-UNOFFICIAL-spark`.
///
/// A known type counts wherever it stands, since some builds leave out the date, as in
/// `10.1-NIGHTLY-marvel`, or put a model first, as in `9.0.0-RC0-DROID_BIONIC-KANG`. Any other word
/// counts only between a date and the device.
fn romtype_in(value: &str) -> Option<&str> {
    let fields: Vec<&str> = value.split('-').collect();
    let is_date =
        |field: &str| field.len() >= 8 && field.bytes().take(8).all(|b| b.is_ascii_digit());
    best_romtype(fields.iter().copied()).or_else(|| match fields[..] {
        [_, date, romtype, _, ..] if is_date(date) => Some(romtype),
        _ => None,
    })
}

/// A ROM family: how it is recognised and where it keeps its facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Family {
    /// Name for messages.
    pub name: Key,
    /// A property whose name begins like this marks the family.
    pub markers: Vec<Key>,
    /// Where the codename is, best first.
    pub device: Vec<Rule>,
    /// Where the version is, best first.
    pub version: Vec<Rule>,
    /// Where the romtype is, best first.
    pub romtype: Vec<Rule>,
    /// Where the build date is, in seconds since the epoch, best first.
    pub datetime: Vec<Rule>,
    /// The family's updater lists only builds of the phone's own romtype.
    pub compares_romtype: bool,
}

fn whole(key: &'static str) -> Rule {
    Rule::Whole(key.into())
}

fn field(key: &'static str, index: usize) -> Rule {
    Rule::Field(key.into(), index)
}

fn number(key: &'static str, index: usize) -> Rule {
    Rule::Number(key.into(), index)
}

fn type_in(key: &'static str) -> Rule {
    Rule::TypeIn(key.into())
}

/// Where every other updater of the table finds the build date.
fn date() -> Vec<Rule> {
    vec![whole("ro.build.date.utc")]
}

/// All families. Forks keep the keys of what they were forked from, so the more
/// particular family comes first.
pub static FAMILIES: LazyLock<Vec<Family>> = LazyLock::new(|| {
    vec![
        Family {
            name: "Evolution X".into(),
            markers: vec!["org.evolution.".into(), "ro.evolution.".into()],
            device: vec![whole("ro.evolution.device"), whole("org.evolution.device")],
            version: vec![whole("ro.modversion"), whole("org.evolution.build_version")],
            romtype: vec![whole("org.evolution.build_type")],
            datetime: date(),
            compares_romtype: false,
        },
        // Since 16 its updater knows only the first; before, that was the name of the package.
        Family {
            name: "crDroid".into(),
            markers: vec!["ro.crdroid.".into()],
            device: vec![whole("ro.crdroid.device")],
            version: vec![
                number("ro.crdroid.build.version", 0),
                whole("ro.modversion"),
                number("ro.crdroid.display.version", 0),
            ],
            romtype: vec![whole("ro.crdroid.buildtype")],
            datetime: date(),
            compares_romtype: false,
        },
        // Some revisions of its updater read `ro.lineage.*`.
        Family {
            name: "RisingOS".into(),
            markers: vec!["ro.rising.".into()],
            device: vec![whole("ro.rising.device")],
            version: vec![
                whole("ro.rising.version"),
                whole("ro.lineage.build.version"),
            ],
            romtype: vec![
                whole("ro.rising.releasetype"),
                whole("ro.lineage.releasetype"),
            ],
            datetime: date(),
            compares_romtype: true,
        },
        Family {
            name: "DerpFest".into(),
            markers: vec!["ro.derpfest.".into(), "ro.derp.".into()],
            device: vec![whole("ro.derpfest.device"), whole("ro.derp.device")],
            version: vec![whole("ro.derpfest.version"), whole("ro.derp.build.version")],
            romtype: vec![whole("ro.derpfest.releasetype"), whole("ro.derp.buildtype")],
            datetime: date(),
            compares_romtype: false,
        },
        Family {
            name: "AxionOS".into(),
            markers: vec!["ro.axion.".into()],
            device: vec![whole("ro.axion.device")],
            version: vec![whole("ro.axion.build.version")],
            romtype: vec![whole("ro.axion.releasetype")],
            datetime: date(),
            compares_romtype: true,
        },
        Family {
            name: "Matrixx".into(),
            markers: vec!["ro.matrixx.".into()],
            device: vec![whole("ro.matrixx.device")],
            version: vec![
                whole("ro.modversion"),
                number("ro.matrixx.build.version", 0),
            ],
            romtype: vec![whole("ro.matrixx.release.type")],
            datetime: date(),
            compares_romtype: false,
        },
        Family {
            name: "Infinity-X".into(),
            markers: vec!["ro.infinity.".into()],
            device: vec![whole("ro.infinity.device")],
            version: vec![whole("ro.infinity.version"), whole("ro.modversion")],
            romtype: vec![whole("ro.infinity.buildtype")],
            datetime: date(),
            compares_romtype: false,
        },
        Family {
            name: "LMODroid".into(),
            markers: vec!["ro.lmodroid.".into()],
            device: vec![whole("ro.lmodroid.device")],
            version: vec![
                whole("ro.lmodroid.build.version"),
                whole("ro.lmodroid.version"),
            ],
            romtype: vec![
                whole("ro.lmodroid.releasetype"),
                whole("ro.lmodroid.build_type"),
            ],
            datetime: date(),
            compares_romtype: true,
        },
        // What its updater compares is not known.
        Family {
            name: "Lunaris".into(),
            markers: vec!["ro.lunaris.".into()],
            device: vec![whole("ro.lunaris.device")],
            version: vec![whole("ro.modversion")],
            romtype: vec![field("ro.lunaris.build.type", 1)],
            datetime: date(),
            compares_romtype: false,
        },
        // `ro.build.date.utc` is the date of the maker's firmware it is made from.
        Family {
            name: "UN1CA".into(),
            markers: vec!["ro.unica.".into()],
            device: vec![whole("ro.unica.device")],
            version: vec![whole("ro.unica.version")],
            romtype: vec![],
            datetime: vec![whole("ro.unica.timestamp"), whole("ro.build.date.utc")],
            compares_romtype: false,
        },
        Family {
            name: "VoltageOS".into(),
            markers: vec!["ro.voltage.".into(), "org.voltage.".into()],
            device: vec![whole("ro.voltage.device")],
            version: vec![whole("org.voltage.version"), whole("ro.modversion")],
            romtype: vec![whole("ro.voltage.buildtype")],
            datetime: date(),
            compares_romtype: false,
        },
        Family {
            name: "Awaken OS".into(),
            markers: vec!["ro.awaken.".into()],
            device: vec![whole("ro.awaken.device")],
            version: vec![whole("ro.awaken.base.version")],
            romtype: vec![whole("ro.awaken.buildtype")],
            datetime: date(),
            compares_romtype: true,
        },
        Family {
            name: "XPerience".into(),
            markers: vec!["ro.xpe.".into()],
            device: vec![whole("ro.xpe.device")],
            version: vec![field("ro.xpe.version", 0)],
            romtype: vec![whole("ro.xpe.releasetype")],
            datetime: date(),
            compares_romtype: true,
        },
        Family {
            name: "xdroid".into(),
            markers: vec!["ro.xdroid.".into()],
            device: vec![whole("ro.xdroid.device")],
            version: vec![whole("ro.xdroid.revision"), whole("ro.xdroid.build.number")],
            romtype: vec![],
            datetime: date(),
            compares_romtype: false,
        },
        Family {
            name: "Project 404".into(),
            markers: vec!["ro.p404.".into()],
            device: vec![whole("ro.p404.device")],
            version: vec![],
            romtype: vec![],
            datetime: date(),
            compares_romtype: false,
        },
        Family {
            name: "PixelBuilds".into(),
            markers: vec!["ro.pb.".into()],
            device: vec![],
            version: vec![whole("ro.pb.build.version")],
            romtype: vec![],
            datetime: date(),
            compares_romtype: false,
        },
        Family {
            name: "PixelExperience".into(),
            markers: vec!["org.pixelexperience.".into()],
            device: vec![whole("org.pixelexperience.device")],
            version: vec![whole("org.pixelexperience.version")],
            romtype: vec![whole("org.pixelexperience.build_type")],
            datetime: date(),
            compares_romtype: false,
        },
        Family {
            name: "Paranoid Android".into(),
            markers: vec!["ro.aospa.".into()],
            device: vec![whole("ro.aospa.device")],
            version: vec![whole("ro.aospa.version")],
            romtype: vec![whole("ro.aospa.releasetype")],
            datetime: date(),
            compares_romtype: false,
        },
        Family {
            name: "ro.rom".into(),
            markers: vec!["ro.rom.".into()],
            device: vec![whole("ro.rom.device")],
            version: vec![whole("ro.rom.build.version")],
            romtype: vec![whole("ro.rom.releasetype")],
            datetime: date(),
            compares_romtype: true,
        },
        Family {
            name: "LineageOS".into(),
            markers: vec!["ro.lineage.".into()],
            device: vec![whole("ro.lineage.device")],
            version: vec![
                whole("ro.lineage.build.version"),
                field("ro.lineage.version", 0),
            ],
            romtype: vec![
                whole("ro.lineage.releasetype"),
                type_in("ro.lineage.version"),
            ],
            datetime: date(),
            compares_romtype: true,
        },
        Family {
            name: "CyanogenMod".into(),
            markers: vec!["ro.cm.".into()],
            device: vec![whole("ro.cm.device")],
            version: vec![whole("ro.cm.build.version"), field("ro.cm.version", 0)],
            romtype: vec![whole("ro.cm.releasetype"), type_in("ro.cm.version")],
            datetime: date(),
            compares_romtype: true,
        },
        Family {
            name: "CarbonROM".into(),
            markers: vec!["ro.carbon.".into()],
            device: vec![whole("ro.carbon.device")],
            version: vec![field("ro.carbon.version", 0)],
            romtype: vec![type_in("ro.carbon.version")],
            datetime: date(),
            compares_romtype: true,
        },
        Family {
            name: "PixelOS".into(),
            markers: vec!["net.pixelos.".into(), "ro.custom.".into()],
            device: vec![whole("ro.custom.device")],
            version: vec![
                number("ro.custom.version", 1),
                whole("ro.build.version.release"),
            ],
            romtype: vec![whole("net.pixelos.build_type")],
            datetime: date(),
            compares_romtype: false,
        },
    ]
});

/// Where the updater of a family has the address of its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdaterAddress {
    /// LineageOS's property, `lineage.updater.uri` or before it `cm.updater.uri`.
    LineageOs,
    /// A property of this name, filled in as LineageOS's is.
    Property(&'static str),
    /// It is built into the updater, which reads this form of feed: a value of `device_feed`.
    BuiltIn(&'static str),
    /// Not known.
    Unknown,
}

/// Where the updaters of the families have their addresses; of the rows of a family, the one with
/// the highest API level that a build reaches holds. Source: their repositories of 2026.
const UPDATERS: [(&str, u32, UpdaterAddress); 27] = [
    ("LineageOS", 0, UpdaterAddress::LineageOs),
    ("CyanogenMod", 0, UpdaterAddress::LineageOs),
    (
        "LMODroid",
        0,
        UpdaterAddress::Property("lmodroid.updater.uri"),
    ),
    (
        "Lunaris",
        0,
        UpdaterAddress::Property("lunaris.updater.uri"),
    ),
    ("crDroid", 0, UpdaterAddress::BuiltIn("crdroid")),
    ("crDroid", 36, UpdaterAddress::BuiltIn("crdroid-16")),
    // Before Android 14 it read one object for each device, in a form of its own.
    ("Evolution X", 0, UpdaterAddress::Unknown),
    ("Evolution X", 34, UpdaterAddress::BuiltIn("evolution-x")),
    ("Matrixx", 0, UpdaterAddress::BuiltIn("crdroid")),
    ("Infinity-X", 0, UpdaterAddress::BuiltIn("crdroid")),
    ("VoltageOS", 0, UpdaterAddress::BuiltIn("crdroid")),
    ("DerpFest", 0, UpdaterAddress::BuiltIn("v1")),
    ("AxionOS", 0, UpdaterAddress::BuiltIn("v1")),
    ("PixelOS", 0, UpdaterAddress::BuiltIn("pixelos")),
    ("PixelOS", 36, UpdaterAddress::BuiltIn("pixelos-17")),
    ("RisingOS", 0, UpdaterAddress::Unknown),
    ("UN1CA", 0, UpdaterAddress::Unknown),
    ("Awaken OS", 0, UpdaterAddress::Unknown),
    ("XPerience", 0, UpdaterAddress::Unknown),
    ("xdroid", 0, UpdaterAddress::Unknown),
    ("Project 404", 0, UpdaterAddress::Unknown),
    ("PixelBuilds", 0, UpdaterAddress::Unknown),
    ("PixelExperience", 0, UpdaterAddress::Unknown),
    ("Paranoid Android", 0, UpdaterAddress::Unknown),
    ("ro.rom", 0, UpdaterAddress::Unknown),
    ("CarbonROM", 0, UpdaterAddress::Unknown),
    // Builds without a mark of any family.
    ("unknown family", 0, UpdaterAddress::LineageOs),
];

/// Returns where the updater of the family of this name has its address, each with the API level
/// from which on that applies; if the level of a build is given, only what applies to it.
#[must_use]
pub fn updater_addresses(family: &str, sdk: Option<u32>) -> Vec<(u32, UpdaterAddress)> {
    let of_family = UPDATERS.iter().filter(|(name, ..)| *name == family);
    let rows = of_family.map(|(_, since, address)| (*since, *address));
    match sdk {
        None => rows.collect(),
        Some(sdk) => {
            let reached = rows.filter(|(since, _)| *since <= sdk);
            reached
                .max_by_key(|(since, _)| *since)
                .into_iter()
                .collect()
        }
    }
}

/// Whether the family of this name has an updater that is not LineageOS's, as far as is known.
#[must_use]
pub fn has_own_updater(family: &str) -> bool {
    let addresses = updater_addresses(family, None);
    !addresses.contains(&(0, UpdaterAddress::LineageOs))
}

/// How the packages of some families begin, in lower case.
const PACKAGES: [(&str, &str); 3] = [
    ("crdroidandroid-", "crDroid"),
    ("evolutionx-", "Evolution X"),
    ("pixelos_", "PixelOS"),
];

/// The family that the name of a package says, where no other one names its packages like it.
#[must_use]
pub fn from_filename(filename: &str) -> Option<&'static str> {
    let filename = filename.to_ascii_lowercase();
    let mut packages = PACKAGES.iter();
    packages
        .find(|(start, _)| filename.starts_with(start))
        .map(|(_, family)| *family)
}

/// The family of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.name == name)
}

/// The rules for a build without a mark of any family.
static UNKNOWN: LazyLock<Family> = LazyLock::new(|| Family {
    name: "unknown family".into(),
    markers: Vec::new(),
    device: Vec::new(),
    version: vec![whole("ro.modversion")],
    romtype: Vec::new(),
    datetime: date(),
    compares_romtype: false,
});

/// Where any build may keep its codename, after the family's own property.
/// `ro.product.<partition>.device` follows the order in which Android 10 and
/// later derive `ro.product.device`.
static DEVICE_FALLBACKS: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    vec![
        whole("ro.lineage.device"),
        whole("ro.cm.device"),
        whole("ro.build.product"),
        whole("ro.product.device"),
        whole("ro.product.product.device"),
        whole("ro.product.odm.device"),
        whole("ro.product.vendor.device"),
        whole("ro.product.system_ext.device"),
        whole("ro.product.system.device"),
    ]
});

/// Names generic system images give instead of a codename.
fn is_placeholder_device(name: &str) -> bool {
    name.starts_with("generic") || name == "mainline"
}

/// Whether a property holds the device's codename or model.
fn names_device(key: &str) -> bool {
    let of_partition = || key.starts_with("ro.product.") && key.ends_with(".model");
    key == "ro.product.model"
        || of_partition()
        || DEVICE_FALLBACKS.iter().any(|rule| rule.key() == key)
}

/// Finds the family of a build by its properties: one marks the family, and one
/// of the family's rules gives a fact. A mark alone may be a vendor's leftover.
/// The families of the settings go first.
#[must_use]
pub fn detect<'a>(props: &PropertyMap, own: &'a [Family]) -> &'a Family {
    let mut families = own.iter().chain(FAMILIES.iter());
    families
        .find(|family| family.marks(props))
        .unwrap_or(&UNKNOWN)
}

/// The facts that decide where a build is published and who takes it, as one family reads them.
#[derive(Clone, Debug)]
pub struct Reading<'a> {
    /// The family, without the rules that this reading skips.
    pub family: Cow<'a, Family>,
    /// Codename.
    pub device: Option<String>,
    /// Version.
    pub version: Option<String>,
    /// Romtype.
    pub romtype: Option<String>,
}

impl<'a> Reading<'a> {
    fn new(family: Cow<'a, Family>, props: &PropertyMap) -> Reading<'a> {
        let value = |found: Option<Found>| found.map(|(value, _)| value);
        Reading {
            device: value(family.find_device(props)),
            version: value(family.find_version(props)),
            romtype: value(family.find_romtype(props)),
            family,
        }
    }

    fn facts(&self) -> [&Option<String>; 3] {
        [&self.device, &self.version, &self.romtype]
    }
}

/// What each family whose mark is on a build reads from its properties; the first is that of
/// [`detect`]. A fork that keeps the properties of LineageOS has both marks. Then follows what they
/// read by other keys of theirs, as they did before they had a better one.
#[must_use]
pub fn readings<'a>(props: &PropertyMap, own: &'a [Family]) -> Vec<Reading<'a>> {
    let families = own.iter().chain(FAMILIES.iter());
    let marked: Vec<&Family> = families.filter(|family| family.marks(props)).collect();
    let main = marked.iter().copied().map(Cow::Borrowed);
    let mut readings: Vec<Reading<'_>> = main.map(|family| Reading::new(family, props)).collect();
    for other in marked.into_iter().flat_map(Family::without_best_rules) {
        let other = Reading::new(Cow::Owned(other), props);
        let mut known = readings.iter();
        if !known
            .any(|known| known.family.name == other.family.name && known.facts() == other.facts())
        {
            readings.push(other);
        }
    }
    readings
}

/// The name phones will ask for after this build, if it is a new one.
pub const NEXT_DEVICE: &str = "ro.updater.next_device";

/// Whether a property may decide a fact for any family, or mark one: those worth
/// remembering of a build.
#[must_use]
pub fn is_of_interest(key: &str, own: &[Family]) -> bool {
    own.iter()
        .chain(FAMILIES.iter())
        .chain([&*UNKNOWN])
        .any(|family| {
            let rules = [
                &family.device,
                &family.version,
                &family.romtype,
                &family.datetime,
            ];
            family.markers.iter().any(|mark| key.starts_with(&**mark))
                || rules.into_iter().flatten().any(|rule| rule.key() == key)
        })
        || names_device(key)
        || key.starts_with("ro.build.")
        || key == NEXT_DEVICE
}

/// A fact and the property it was read from.
pub type Found = (String, String);

impl Family {
    /// The family as it is without the best of its rules: the best one, two and so on of each fact.
    /// Where no romtype is compared, a build may have been published without one.
    fn without_best_rules(&self) -> Vec<Family> {
        let starts = |rules: &[Rule]| 0..rules.len().max(1);
        let romtypes = self.romtype.len() + usize::from(!self.compares_romtype);
        let mut families = Vec::new();
        for device in starts(&self.device) {
            for version in starts(&self.version) {
                for romtype in 0..romtypes.max(1) {
                    families.push(Family {
                        device: self.device[device..].to_vec(),
                        version: self.version[version..].to_vec(),
                        romtype: self.romtype[romtype..].to_vec(),
                        ..self.clone()
                    });
                }
            }
        }
        families
    }

    /// Whether a property marks a build as one of the family, and one of the family's rules gives a
    /// fact.
    fn marks(&self, props: &PropertyMap) -> bool {
        let is_mark = |key: &str| self.markers.iter().any(|mark| key.starts_with(&**mark));
        let rules = [&self.device, &self.version, &self.romtype];
        props.iter().any(|(key, _)| is_mark(key))
            && rules
                .into_iter()
                .flatten()
                .any(|rule| is_mark(rule.key()) && rule.apply(props).is_some())
    }

    /// The codename, from the family's property or where any build keeps it.
    #[must_use]
    pub fn find_device(&self, props: &PropertyMap) -> Option<Found> {
        let rules = self.device.iter().chain(DEVICE_FALLBACKS.iter());
        first(rules, props, |name| !is_placeholder_device(name))
    }

    /// The version the family's updater compares.
    #[must_use]
    pub fn find_version(&self, props: &PropertyMap) -> Option<Found> {
        first(&self.version, props, |_| true)
    }

    /// The romtype, verbatim. A value that is the device's name or model is not one.
    #[must_use]
    pub fn find_romtype(&self, props: &PropertyMap) -> Option<Found> {
        let device = self.find_device(props);
        let is_device = |romtype: &str| {
            let is_same = |value: &str| value.eq_ignore_ascii_case(romtype);
            device.as_ref().is_some_and(|(device, _)| is_same(device))
                || props
                    .iter()
                    .any(|(key, value)| names_device(key) && is_same(value))
        };
        first(&self.romtype, props, |romtype| !is_device(romtype))
    }

    /// The build date the family's updater compares, in seconds since the epoch;
    /// CyanogenMod 6 and 7 wrote 0.
    #[must_use]
    pub fn find_datetime(&self, props: &PropertyMap) -> Option<Found> {
        first(&self.datetime, props, |time| time != "0")
    }
}

/// One line about properties of LineageOS that say something else than those of the fork that the
/// build is; the fork's updater does not read them.
#[must_use]
pub fn overruled(family: &Family, props: &PropertyMap) -> Option<String> {
    let lineage = FAMILIES.iter().find(|family| family.name == "LineageOS")?;
    let is_lineage = |key: &str| lineage.markers.iter().any(|mark| key.starts_with(&**mark));
    let differences: Vec<String> = [
        (
            "device",
            Family::find_device as fn(&Family, &PropertyMap) -> Option<Found>,
        ),
        ("version", Family::find_version),
        ("romtype", Family::find_romtype),
    ]
    .into_iter()
    .filter_map(|(fact, find)| {
        let (value, key) = find(family, props)?;
        let (other, other_key) = find(lineage, props)?;
        let differs =
            !is_lineage(&key) && is_lineage(&other_key) && !value.eq_ignore_ascii_case(&other);
        differs.then(|| {
            let (value, other) = (value.escape_debug(), other.escape_debug());
            format!("{fact} is `{value}` by {key}, not `{other}` by {other_key}")
        })
    })
    .collect();
    (!differences.is_empty()).then(|| {
        format!(
            "{} has properties of its own: {}",
            family.name,
            differences.join("; ")
        )
    })
}

fn first<'a>(
    rules: impl IntoIterator<Item = &'a Rule>,
    props: &PropertyMap,
    accept: impl Fn(&str) -> bool,
) -> Option<Found> {
    rules.into_iter().find_map(|rule| {
        let value = rule.apply(props).filter(|value| accept(value))?;
        Some((value, rule.key().to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Family, device, version and romtype read from a property text.
    fn facts(text: &str) -> [String; 4] {
        let props = PropertyMap::parse(text.as_bytes());
        let family = detect(&props, &[]);
        let value = |found: Option<Found>| found.map_or_else(String::new, |(value, _)| value);
        [
            family.name.to_string(),
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
                "ro.crdroid.device=caiman\nro.crdroid.build.version=crDroidAndroid-15.0-20250214-caiman-v11.2\nro.modversion=11.2",
                ["crDroid", "caiman", "11.2", ""],
            ),
            (
                "ro.crdroid.device=fuxi\nro.crdroid.build.version=12.9",
                ["crDroid", "fuxi", "12.9", ""],
            ),
            (
                "ro.lineage.device=fuxi\nro.lineage.build.version=23.0\nro.derpfest.device=fuxi\nro.derpfest.version=16.2\nro.derpfest.releasetype=Community",
                ["DerpFest", "fuxi", "16.2", "Community"],
            ),
            (
                "ro.derp.device=lavender\nro.derp.build.version=12\nro.derp.buildtype=Official",
                ["DerpFest", "lavender", "12", "Official"],
            ),
            (
                "ro.lineage.device=fuxi\nro.lineage.build.version=23.0\nro.lineage.releasetype=NIGHTLY\nro.axion.device=fuxi\nro.axion.build.version=2.3\nro.axion.releasetype=OFFICIAL",
                ["AxionOS", "fuxi", "2.3", "OFFICIAL"],
            ),
            (
                "ro.lineage.device=fuxi\nro.matrixx.build.version=Matrixx-v12.1-Official-fuxi-Gapps-20260801\nro.matrixx.release.type=Official\nro.modversion=12.1",
                ["Matrixx", "fuxi", "12.1", "Official"],
            ),
            (
                "ro.infinity.device=fuxi\nro.infinity.version=3.10\nro.infinity.buildtype=OFFICIAL\nro.modversion=16-3.10",
                ["Infinity-X", "fuxi", "3.10", "OFFICIAL"],
            ),
            (
                "ro.lmodroid.device=sake\nro.lmodroid.version=4.2\nro.lmodroid.build_type=RELEASE",
                ["LMODroid", "sake", "4.2", "RELEASE"],
            ),
            (
                "ro.lineage.device=fuxi\nro.lunaris.build.type=3.1-Community\nro.modversion=3.1",
                ["Lunaris", "fuxi", "3.1", "Community"],
            ),
            (
                "ro.unica.device=a52q\nro.unica.version=3.0.1-0f1e2d3c\nro.product.system.device=qssi",
                ["UN1CA", "a52q", "3.0.1-0f1e2d3c", ""],
            ),
            (
                "ro.custom.device=fuxi\nro.custom.version=PixelOS_fuxi-17.0-20261003-1348\nnet.pixelos.build_type=ci\nnet.pixelos.version=seventeen",
                ["PixelOS", "fuxi", "17.0", "ci"],
            ),
            (
                "ro.custom.device=fuxi\nro.custom.version=Ayaka\nro.build.version.release=16",
                ["PixelOS", "fuxi", "16", ""],
            ),
            // Leftovers of a device tree do not make a build one of that family.
            (
                "ro.infinity.soc=SM8550\nro.lunaris.maintainer=me\nro.lineage.device=fuxi\nro.lineage.build.version=23.0\nro.lineage.releasetype=NIGHTLY",
                ["LineageOS", "fuxi", "23.0", "NIGHTLY"],
            ),
            (
                "ro.product.system.device=generic\nro.product.vendor.device=dream\nro.modversion=X",
                ["unknown family", "dream", "X", ""],
            ),
        ] {
            assert_eq!(facts(text), expected.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn romtype_is_never_the_device_or_its_model() {
        for (text, romtype) in [
            (
                "ro.cm.device=marvel\nro.cm.version=10.1-NIGHTLY-marvel",
                "NIGHTLY",
            ),
            (
                "ro.cm.device=maserati\nro.cm.version=9.0.0-RC0-DROID_BIONIC-KANG",
                "KANG",
            ),
            (
                "ro.cm.device=marvel\nro.cm.version=9-20140721-marvellous",
                "",
            ),
            ("ro.cm.device=d2spr\nro.cm.version=10.0.0-d2spr", ""),
            (
                "ro.cm.device=spark\nro.cm.version=10.1-20130715-homemade-spark",
                "homemade",
            ),
            (
                "ro.cm.device=spark\nro.cm.version=10.1-20130715-spark-me",
                "",
            ),
            (
                "ro.lineage.device=akari\nro.lineage.releasetype=Akari\nro.lineage.version=18.1-20210626-microG-akari",
                "microG",
            ),
            (
                "ro.lineage.device=akari\nro.product.model=H8266\nro.lineage.releasetype=H8266",
                "",
            ),
        ] {
            assert_eq!(facts(text)[3], romtype, "{text}");
        }
    }

    #[test]
    fn a_fork_overrules_properties_of_lineageos() {
        let note = |text: &str| {
            let props = PropertyMap::parse(text.as_bytes());
            overruled(detect(&props, &[]), &props)
        };
        let lineage = "ro.lineage.device=fuxi\nro.lineage.build.version=23.0\nro.lineage.releasetype=NIGHTLY\n";
        assert_eq!(note(lineage), None);
        let fork = "ro.axion.device=fuxi\nro.axion.build.version=2.3\nro.axion.releasetype=nightly";
        assert_eq!(
            note(&format!("{lineage}{fork}")).unwrap(),
            "AxionOS has properties of its own: version is `2.3` by ro.axion.build.version, not \
             `23.0` by ro.lineage.build.version"
        );
        assert_eq!(note(fork), None);
    }

    #[test]
    fn the_build_date_is_what_the_updater_compares() {
        let date = |text: &str| {
            let props = PropertyMap::parse(text.as_bytes());
            detect(&props, &[]).find_datetime(&props).unwrap().0
        };
        let pixelos = "ro.custom.device=fuxi\nro.system.build.date.utc=2\nro.build.date.utc=1";
        assert_eq!(date(pixelos), "1");
        let unica = "ro.unica.version=3\nro.unica.timestamp=5\nro.build.date.utc=1";
        assert_eq!(date(unica), "5");
    }

    #[test]
    fn families_of_the_settings_go_first() {
        let own = Family {
            name: "Mine".into(),
            markers: vec!["ro.mine.".into()],
            device: vec![],
            version: vec![Rule::parse("ro.mine.version[1]").unwrap()],
            romtype: vec![Rule::parse("ro.mine.type").unwrap()],
            datetime: vec![Rule::parse("ro.mine.date").unwrap()],
            compares_romtype: true,
        };
        let own = [own];
        let text = "ro.lineage.build.version=21.0\nro.mine.version=x-7-y\nro.mine.date=5";
        let props = PropertyMap::parse(text.as_bytes());
        let family = detect(&props, &own);
        assert_eq!(family.name, "Mine");
        let version = ("7".to_owned(), "ro.mine.version".to_owned());
        assert_eq!(family.find_version(&props), Some(version));
        assert_eq!(family.find_datetime(&props).unwrap().0, "5");
        assert_eq!(detect(&props, &[]).name, "LineageOS");
        assert!(is_of_interest("ro.mine.date", &own));
        assert!(!is_of_interest("ro.mine.date", &[]));
        assert!(is_of_interest("ro.build.version.sdk", &[]));
        assert!(!is_of_interest("dalvik.vm.heapsize", &own));
    }

    #[test]
    fn a_rule_is_a_property_or_a_field_of_one() {
        assert_eq!(Rule::parse("ro.x"), Some(Rule::Whole("ro.x".into())));
        assert_eq!(Rule::parse("ro.x[0]"), Some(Rule::Field("ro.x".into(), 0)));
        for text in ["", "[1]", "ro.x[a]", "ro.x[1", "ro x", "ro.x]", "a=b"] {
            assert_eq!(Rule::parse(text), None, "{text}");
        }
    }

    #[test]
    fn each_family_has_its_updater_named_or_said_to_be_unknown() {
        for family in FAMILIES.iter() {
            let mut rows = UPDATERS.iter().filter(|(name, ..)| *name == family.name);
            assert!(rows.any(|(_, since, _)| *since == 0), "{}", family.name);
        }
        for (name, ..) in UPDATERS {
            assert!(find(name).is_some() || name == UNKNOWN.name, "{name}");
        }
        assert!(UPDATERS.is_sorted_by(|(a, since, _), (b, later, _)| a != b || since < later));
    }

    #[test]
    fn a_feed_is_named_by_the_api_level() {
        use UpdaterAddress::{BuiltIn, LineageOs, Unknown};
        for (family, sdk, expected) in [
            ("crDroid", Some(35), vec![(0, BuiltIn("crdroid"))]),
            ("crDroid", Some(36), vec![(36, BuiltIn("crdroid-16"))]),
            (
                "crDroid",
                None,
                vec![(0, BuiltIn("crdroid")), (36, BuiltIn("crdroid-16"))],
            ),
            ("PixelOS", Some(35), vec![(0, BuiltIn("pixelos"))]),
            ("PixelOS", Some(37), vec![(36, BuiltIn("pixelos-17"))]),
            ("Evolution X", Some(33), vec![(0, Unknown)]),
            ("Evolution X", Some(34), vec![(34, BuiltIn("evolution-x"))]),
            ("LineageOS", Some(36), vec![(0, LineageOs)]),
            ("Mine", Some(36), vec![]),
        ] {
            assert_eq!(updater_addresses(family, sdk), expected, "{family} {sdk:?}");
        }
        assert!(
            ["Mine", "UN1CA", "crDroid"]
                .into_iter()
                .all(has_own_updater)
        );
        assert!(
            !["LineageOS", "CyanogenMod", &UNKNOWN.name]
                .into_iter()
                .any(has_own_updater)
        );
    }

    #[test]
    fn a_package_is_named_as_its_family_alone_names_it() {
        for (filename, expected) in [
            (
                "crDroidAndroid-15.0-20250214-caiman-v11.2.zip",
                Some("crDroid"),
            ),
            (
                "EvolutionX-15.0-20250214-fuxi-10.5-Official.zip",
                Some("Evolution X"),
            ),
            ("PixelOS_fuxi-17.0-20261003-1348.zip", Some("PixelOS")),
            ("lineage-22.1-20250214-nightly-fuxi-signed.zip", None),
            ("PixelOSish.zip", None),
        ] {
            assert_eq!(from_filename(filename), expected, "{filename}");
        }
    }
}
