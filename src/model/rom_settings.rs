//! What a ROM has to contain to get updates from a site: lines for its makefile and its overlay.
//!
//! In: a [`RomSide`], where the site is and which updater the ROM has. Out: the value of the
//! updater's property, the lines that set it, and those of a resource overlay. This is the one
//! place that knows them.
//!
//! Sources: `Constants.PROP_UPDATER_URI` and `res/values/strings.xml` of
//! LineageOS/android_packages_apps_Updater, which moved to `app/src/main/` with 755560bb of July
//! 2023 (lineage-20.0); `PROPERTY_VALUE_MAX` of AOSP's `cutils/properties.h`; AOSP's
//! `build/make/core/product.mk` for the names of the variables.

/// Longest value of a property, in bytes. Android refuses longer ones that do not begin with
/// `ro.`; it cuts none.
pub const MAX_VALUE_LEN: usize = 91;

/// First API level whose makefiles know `PRODUCT_SYSTEM_PROPERTIES`: Android 11.
const SYSTEM_PROPERTIES_SDK: u32 = 30;

/// What stands for the address of a site that has none yet.
pub const PLACEHOLDER_BASE: &str = "https://your.site";

/// An updater, as far as it decides what goes into the ROM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Updater {
    /// CyanogenMod 10.1 to 12.1, and 13.0 and 14.1 before 2017: one address, nothing filled in.
    Post,
    /// CyanogenMod 13.0 and 14.1 of 2017: appends a path.
    CmBase,
    /// The first one of LineageOS, 15.0: appends a path.
    Base,
    /// LineageOS 14.1 since April 2018: fills in a template.
    CmTemplate,
    /// LineageOS 15.1 to 22.x, and 23 before 23.2: fills in a template.
    Template,
    /// LineageOS 23.2 on: fills in a template, and reads another format.
    Array,
}

impl Updater {
    /// All, oldest first.
    pub const ALL: [Updater; 6] = [
        Updater::Post,
        Updater::CmBase,
        Updater::Base,
        Updater::CmTemplate,
        Updater::Template,
        Updater::Array,
    ];

    /// The updater most builds of this API level have.
    #[must_use]
    pub fn from_sdk(sdk: u32) -> Updater {
        match sdk {
            ..=22 => Updater::Post,
            23 => Updater::CmBase,
            24 | 25 => Updater::CmTemplate,
            26 => Updater::Base,
            27..=35 => Updater::Template,
            36.. => Updater::Array,
        }
    }

    /// The releases that have it.
    #[must_use]
    pub fn roms(self) -> &'static str {
        match self {
            Updater::Post => "CyanogenMod 10.1 to 12.1; 13.0 and 14.1 before 2017",
            Updater::CmBase => "CyanogenMod 13.0 and 14.1 of 2017",
            Updater::Base => "LineageOS 15.0, and 15.1 before April 2018",
            Updater::CmTemplate => "LineageOS 14.1 since April 2018",
            Updater::Template => "LineageOS 15.1 to 22.x, and 23 before 23.2",
            Updater::Array => "LineageOS 23.2 on",
        }
    }

    /// The property it reads.
    #[must_use]
    pub fn property(self) -> &'static str {
        match self {
            Updater::Post | Updater::CmBase | Updater::CmTemplate => "cm.updater.uri",
            Updater::Base | Updater::Template | Updater::Array => "lineage.updater.uri",
        }
    }

    /// The resource that holds the address where the property is not set.
    fn resource(self) -> &'static str {
        match self {
            Updater::Post | Updater::CmBase | Updater::Base => "conf_update_server_url_def",
            _ => "updater_server_url",
        }
    }
}

/// A site and a ROM, as far as they decide the lines in the ROM.
#[derive(Clone, Copy, Debug)]
pub struct RomSide<'a> {
    /// Where the site is published, without a closing slash.
    pub base: &'a str,
    /// The variant of the ROM.
    pub variant: Option<&'a str>,
    /// The updater of the ROM.
    pub updater: Updater,
    /// The API level of the ROM, if known; else that of the updater's newest releases.
    pub sdk: Option<u32>,
    /// The channel, as device and romtype, for [`Updater::Post`]; without them, placeholders are used.
    pub channel: Option<(&'a str, &'a str)>,
}

impl<'a> RomSide<'a> {
    /// A ROM without a variant that has this updater.
    #[must_use]
    pub fn new(base: &'a str, updater: Updater) -> RomSide<'a> {
        RomSide {
            base,
            variant: None,
            updater,
            sdk: None,
            channel: None,
        }
    }

    /// The address of the variant's tree of feeds.
    #[must_use]
    pub fn tree(&self) -> String {
        match self.variant {
            Some(variant) => format!("{}/{variant}", self.base),
            None => self.base.to_owned(),
        }
    }

    /// The value of the property.
    #[must_use]
    pub fn value(&self) -> String {
        let tree = self.tree();
        match self.updater {
            Updater::Post => {
                let (device, romtype) = self.channel.unwrap_or(("<device>", "<romtype>"));
                format!("{tree}/legacy/{device}/{}", romtype.to_ascii_lowercase())
            }
            Updater::CmBase | Updater::Base => format!("{tree}/api"),
            Updater::CmTemplate | Updater::Template => {
                format!("{tree}/api/v1/{{device}}/{{type}}.json")
            }
            Updater::Array => format!("{tree}/api/v2/devices/{{device}}/builds.json"),
        }
    }

    /// Its line: property, `=` and value.
    #[must_use]
    pub fn property_line(&self) -> String {
        format!("{}={}", self.updater.property(), self.value())
    }

    /// The lines of the product makefile that set the property.
    #[must_use]
    pub fn makefile_lines(&self) -> Vec<String> {
        let is_new = match self.sdk {
            Some(sdk) => sdk >= SYSTEM_PROPERTIES_SDK,
            None => self.updater >= Updater::Template,
        };
        let variable = match is_new {
            true => "PRODUCT_SYSTEM_PROPERTIES",
            false => "PRODUCT_PROPERTY_OVERRIDES",
        };
        vec![
            format!("{variable} += \\"),
            // A dollar begins a variable of make.
            format!("    {}", self.property_line().replace('$', "$$")),
        ]
    }

    /// The overlays of the updater's resources: its address, for ROMs that cannot set the property,
    /// and where the changelog is, in which `%1$s` is the device. Nothing for CMUpdater's changelog, as
    /// its feed names it.
    #[must_use]
    pub fn overlays(&self, changelog: Option<&str>) -> Vec<Overlay> {
        let changelog = changelog.filter(|_| self.updater >= Updater::CmTemplate);
        let app = match self.updater {
            Updater::Post | Updater::CmBase => "CMUpdater",
            _ => "Updater",
        };
        let folders: &[(&str, &str)] = match self.updater {
            Updater::Template => &[("app/src/main/res", "20 on"), ("res", "to 19.1")],
            Updater::Array => &[("app/src/main/res", "")],
            _ => &[("res", "")],
        };
        let mut lines = vec![
            r#"<?xml version="1.0" encoding="utf-8"?>"#.to_owned(),
            "<resources>".to_owned(),
            resource(self.updater.resource(), &escape_xml(&self.value())),
        ];
        if let Some(url) = changelog {
            lines.push(resource("menu_changelog_url", &escape_format(url)));
        }
        lines.push("</resources>".to_owned());
        let overlay = |(folder, releases): &(&str, &'static str)| Overlay {
            path: format!("overlay/packages/apps/{app}/{folder}/values/strings.xml"),
            releases,
            lines: lines.clone(),
        };
        folders.iter().map(overlay).collect()
    }

    /// Why Android refuses the value, if it does: a fragment of a sentence on the value.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        length_fault(&self.value())
    }
}

/// A file that replaces resources of the updater when the ROM is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlay {
    /// Its path below a folder of `PRODUCT_PACKAGE_OVERLAYS`.
    pub path: String,
    /// Which releases have the resources there, where it moved; else empty.
    pub releases: &'static str,
    /// What it holds.
    pub lines: Vec<String>,
}

/// All of it for people: the makefile's lines, and the first overlay with its path.
#[must_use]
pub fn lines(rom: &RomSide<'_>, changelog: Option<&str>) -> Vec<String> {
    let mut lines = rom.makefile_lines();
    lines.extend(rom.fault().map(|fault| format!("# {fault}")));
    let overlays = rom.overlays(changelog);
    for overlay in &overlays {
        let releases = match overlay.releases {
            "" => String::new(),
            releases => format!("   (LineageOS {releases})"),
        };
        lines.push(format!("{}{releases}", overlay.path));
    }
    let first = overlays.into_iter().next();
    lines.extend(first.into_iter().flat_map(|overlay| overlay.lines));
    lines
}

/// Why Android refuses a value, if it does: a fragment of a sentence on the value.
#[must_use]
pub fn length_fault(value: &str) -> Option<String> {
    let len = value.len();
    (len > MAX_VALUE_LEN).then(|| {
        format!("has {len} bytes; Android takes no more than {MAX_VALUE_LEN} in a property")
    })
}

fn resource(name: &str, value: &str) -> String {
    format!(r#"    <string name="{name}" translatable="false">{value}</string>"#)
}

/// Text of a resource: XML, in which Android gives quotes and backslashes a meaning.
fn escape_xml(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\'' | '"' | '\\' => escaped.extend(['\\', c]),
            c => escaped.push(c),
        }
    }
    escaped
}

/// The same for a text that is filled in: `%` is doubled, but for `%1$s`.
fn escape_format(text: &str) -> String {
    let parts: Vec<String> = text
        .split("%1$s")
        .map(|part| part.replace('%', "%%"))
        .collect();
    escape_xml(&parts.join("%1$s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_updater_has_its_property_and_value() {
        let lines: Vec<String> = Updater::ALL
            .into_iter()
            .map(|updater| RomSide::new("https://h/ota", updater).property_line())
            .collect();
        assert_eq!(
            lines,
            [
                "cm.updater.uri=https://h/ota/legacy/<device>/<romtype>",
                "cm.updater.uri=https://h/ota/api",
                "lineage.updater.uri=https://h/ota/api",
                "cm.updater.uri=https://h/ota/api/v1/{device}/{type}.json",
                "lineage.updater.uri=https://h/ota/api/v1/{device}/{type}.json",
                "lineage.updater.uri=https://h/ota/api/v2/devices/{device}/builds.json",
            ]
        );
        let rom = RomSide {
            variant: Some("gapps"),
            channel: Some(("i9100", "NIGHTLY")),
            ..RomSide::new("https://h", Updater::Post)
        };
        assert_eq!(rom.value(), "https://h/gapps/legacy/i9100/nightly");
    }

    #[test]
    fn each_android_has_its_updater() {
        for (sdk, updater) in [
            (0, Updater::Post),
            (19, Updater::Post),
            (23, Updater::CmBase),
            (25, Updater::CmTemplate),
            (26, Updater::Base),
            (27, Updater::Template),
            (35, Updater::Template),
            (36, Updater::Array),
            (99, Updater::Array),
        ] {
            assert_eq!(Updater::from_sdk(sdk), updater, "{sdk}");
        }
    }

    #[test]
    fn what_goes_into_the_rom_is_ready_to_be_copied() {
        let rom = RomSide::new("https://h/a'b", Updater::Template);
        let lines = lines(&rom, Some("https://h/%20/%1$s?a&b"));
        assert_eq!(
            lines,
            [
                "PRODUCT_SYSTEM_PROPERTIES += \\",
                "    lineage.updater.uri=https://h/a'b/api/v1/{device}/{type}.json",
                "overlay/packages/apps/Updater/app/src/main/res/values/strings.xml   (LineageOS 20 on)",
                "overlay/packages/apps/Updater/res/values/strings.xml   (LineageOS to 19.1)",
                "<?xml version=\"1.0\" encoding=\"utf-8\"?>",
                "<resources>",
                "    <string name=\"updater_server_url\" translatable=\"false\">https://h/a\\'b/api/v1/{device}/{type}.json</string>",
                "    <string name=\"menu_changelog_url\" translatable=\"false\">https://h/%%20/%1$s?a&amp;b</string>",
                "</resources>",
            ]
        );
        let old = RomSide::new("https://h/$x", Updater::CmBase);
        assert_eq!(
            old.makefile_lines(),
            [
                "PRODUCT_PROPERTY_OVERRIDES += \\",
                "    cm.updater.uri=https://h/$$x/api"
            ]
        );
        let ten = RomSide {
            sdk: Some(29),
            ..rom
        };
        assert_eq!(ten.makefile_lines()[0], "PRODUCT_PROPERTY_OVERRIDES += \\");
        let overlay = &old.overlays(Some("https://h/c"))[0];
        assert_eq!(
            overlay.path,
            "overlay/packages/apps/CMUpdater/res/values/strings.xml"
        );
        assert_eq!(overlay.lines.len(), 4, "{overlay:?}");
    }

    #[test]
    fn a_value_of_91_bytes_is_the_longest() {
        let base = format!("https://{}", "h".repeat(91 - 8 - 28));
        let mut rom = RomSide::new(&base, Updater::Template);
        assert_eq!((rom.value().len(), rom.fault()), (91, None));
        let longer = format!("{base}h");
        rom.base = &longer;
        assert_eq!(
            rom.fault().as_deref(),
            Some("has 92 bytes; Android takes no more than 91 in a property")
        );
    }
}
