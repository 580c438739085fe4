//! `build.prop`, the text that describes a build.
//!
//! In: keys and values, or the facts of a build. Out: the file. The presets follow what CyanogenMod
//! 9 to 13 and LineageOS 14.1 to 22 write, shortened to the lines that identify a build.

/// A properties file under construction; lines keep their order.
#[derive(Clone, Debug, Default)]
pub struct Props {
    lines: Vec<Line>,
}

#[derive(Clone, Debug)]
enum Line {
    Pair(String, String),
    Raw(String),
}

impl Props {
    /// Starts an empty file.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key: in place if it is there already, else at the end.
    pub fn set(mut self, key: &str, value: &str) -> Self {
        for line in &mut self.lines {
            if let Line::Pair(known, old) = line
                && known == key
            {
                value.clone_into(old);
                return self;
            }
        }
        self.repeat(key, value)
    }

    /// Adds a line at the end, even if the key is there already.
    pub fn repeat(mut self, key: &str, value: &str) -> Self {
        self.lines
            .push(Line::Pair(key.to_owned(), value.to_owned()));
        self
    }

    /// Removes all lines of a key.
    pub fn remove(mut self, key: &str) -> Self {
        self.lines
            .retain(|line| !matches!(line, Line::Pair(known, _) if known == key));
        self
    }

    /// Adds a comment line.
    pub fn comment(self, text: &str) -> Self {
        self.line(&format!("# {text}"))
    }

    /// Adds a line unchanged.
    pub fn line(mut self, text: &str) -> Self {
        self.lines.push(Line::Raw(text.to_owned()));
        self
    }

    /// Returns the first value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| match line {
            Line::Pair(known, value) if known == key => Some(value.as_str()),
            _ => None,
        })
    }

    /// Returns the file as text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            match line {
                Line::Pair(key, value) => text += &format!("{key}={value}\n"),
                Line::Raw(line) => text += &format!("{line}\n"),
            }
        }
        text
    }

    /// Creates the `system/build.prop` of LineageOS 15.1 to 22: `ro.lineage.*` names the build.
    ///
    /// From SDK 29 on the device is in `ro.product.system.*` instead of `ro.product.*`.
    pub fn lineage(
        version: &str,
        romtype: &str,
        device: &str,
        timestamp: i64,
        incremental: &str,
        sdk: u32,
        spl: &str,
    ) -> Self {
        let facts = Facts {
            version,
            romtype,
            device,
            timestamp,
            incremental,
            sdk,
            spl,
        };
        let full = facts.full_version();
        let mut props = Self::new();
        if sdk >= 29 {
            props = facts.partition(props, "system", "generate-common-build-props");
        }
        props = facts.buildinfo(props, "lineage");
        props = props
            .set("ro.lineage.device", device)
            .line("# end build properties");
        let section = match sdk {
            ..=30 => "ADDITIONAL_BUILD_PROPERTIES",
            31..=34 => "from variable ADDITIONAL_SYSTEM_PROPERTIES",
            35.. => "from variable PRODUCT_SYSTEM_PROPERTIES",
        };
        props
            .line("#")
            .comment(section)
            .line("#")
            .set(
                "ro.treble.enabled",
                if sdk >= 29 { "true" } else { "false" },
            )
            .set("net.bt.name", "Android")
            .set("ro.lineage.version", &full)
            .set("ro.lineage.releasetype", romtype)
            .set("ro.lineage.build.version", version)
            .set("ro.modversion", &full)
            .set("ro.lineagelegal.url", "https://lineageos.org/legal")
            .set("ro.lineage.display.version", &full)
            .set("ro.lineage.build.version.plat.sdk", facts.platform().0)
            .set("ro.lineage.build.version.plat.rev", "0")
    }

    /// Creates the `system/build.prop` of CyanogenMod 9 to 13 and LineageOS 14.1: `ro.cm.*` names
    /// the build. An empty `spl` leaves the line out, as builds before 2015-11 do.
    pub fn cm(
        version: &str,
        romtype: &str,
        device: &str,
        timestamp: i64,
        incremental: &str,
        sdk: u32,
        spl: &str,
    ) -> Self {
        let facts = Facts {
            version,
            romtype,
            device,
            timestamp,
            incremental,
            sdk,
            spl,
        };
        let full = facts.full_version();
        let family = if sdk >= 25 { "lineage" } else { "cm" };
        let mut props = facts
            .buildinfo(Self::new(), family)
            .set("ro.cm.device", device)
            .line("# end build properties")
            .line("#")
            .comment("ADDITIONAL_BUILD_PROPERTIES")
            .line("#")
            .set("ro.com.google.clientidbase", "android-google")
            .set("ro.cm.version", &full)
            .set("ro.cm.releasetype", romtype);
        if sdk >= 25 {
            props = props.set("ro.cm.build.version", version);
        }
        props
            .set("ro.modversion", &full)
            .set("ro.cmlegal.url", "http://www.cyanogenmod.org/docs/privacy")
            .set("ro.cm.display.version", &full)
            .set("net.bt.name", "Android")
    }

    /// Creates the `build.prop` of another partition (`product`, `system_ext`, `vendor`, `odm`) of
    /// a build of Android 10 or later: it repeats device and date under its own name.
    pub fn partition(&self, partition: &str) -> Self {
        let get = |key| self.get(key).unwrap_or_default();
        let facts = Facts {
            version: get("ro.lineage.build.version"),
            romtype: get("ro.lineage.releasetype"),
            device: get("ro.lineage.device"),
            timestamp: get("ro.build.date.utc").parse().unwrap_or(0),
            incremental: get("ro.build.version.incremental"),
            sdk: get("ro.build.version.sdk").parse().unwrap_or(0),
            spl: get("ro.build.version.security_patch"),
        };
        facts.partition(Self::new(), partition, "generate-common-build-props")
    }
}

/// Returns the day of a timestamp in UTC as file names have it, for example `20250601`.
pub fn day(timestamp: i64) -> String {
    let (year, month, day) = civil(timestamp.div_euclid(86400));
    format!("{year:04}{month:02}{day:02}")
}

struct Facts<'a> {
    version: &'a str,
    romtype: &'a str,
    device: &'a str,
    timestamp: i64,
    incremental: &'a str,
    sdk: u32,
    spl: &'a str,
}

impl Facts<'_> {
    fn full_version(&self) -> String {
        format!(
            "{}-{}-{}-{}",
            self.version,
            day(self.timestamp),
            self.romtype,
            self.device
        )
    }

    /// Returns Android version and build id of the SDK level.
    fn platform(&self) -> (&'static str, &'static str) {
        match self.sdk {
            ..=15 => ("4.0.4", "IMM76L"),
            16 => ("4.1.2", "JZO54K"),
            17 => ("4.2.2", "JDQ39E"),
            18 => ("4.3.1", "JLS36I"),
            19 | 20 => ("4.4.4", "KTU84Q"),
            21 => ("5.0.2", "LRX22G"),
            22 => ("5.1.1", "LMY48G"),
            23 => ("6.0.1", "MOB31K"),
            24 => ("7.0", "NRD90U"),
            25 => ("7.1.2", "NJH47F"),
            26 => ("8.0.0", "OPR6.170623.013"),
            27 => ("8.1.0", "OPM7.181205.001"),
            28 => ("9", "PQ3A.190801.002"),
            29 => ("10", "QQ3A.200805.001"),
            30 => ("11", "RQ3A.211001.001"),
            31 | 32 => ("12", "SQ3A.220705.004"),
            33 => ("13", "TQ3A.230901.001"),
            34 => ("14", "AP2A.240905.003"),
            35 => ("15", "BP1A.250505.005"),
            36.. => ("16", "BP2A.250605.031.A2"),
        }
    }

    /// Returns brand and model of the devices the samples use.
    fn product(&self) -> (&'static str, &str) {
        match self.device {
            "enchilada" => ("OnePlus", "ONEPLUS A6003"),
            "golden" => ("samsung", "GT-I8190"),
            "i9100" => ("samsung", "GT-I9100"),
            "natrium" => ("Xiaomi", "MI 5s Plus"),
            device => ("Example", device),
        }
    }

    fn fingerprint(&self, family: &str) -> String {
        let (release, id) = self.platform();
        let (brand, _) = self.product();
        format!(
            "{brand}/{family}_{0}/{0}:{release}/{id}/{1}:userdebug/release-keys",
            self.device, self.incremental
        )
    }

    fn date(&self) -> String {
        const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
        const MONTHS: [&str; 12] = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ];
        let days = self.timestamp.div_euclid(86400);
        let seconds = self.timestamp.rem_euclid(86400);
        let (year, month, day) = civil(days);
        format!(
            "{} {} {day:2} {:02}:{:02}:{:02} UTC {year}",
            DAYS[days.rem_euclid(7) as usize],
            MONTHS[month as usize - 1],
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        )
    }

    /// Returns the lines that name one partition's image.
    fn partition(&self, props: Props, partition: &str, source: &str) -> Props {
        let (release, id) = self.platform();
        let (brand, model) = self.product();
        let rule = "####################################";
        let product = |key: &str| format!("ro.product.{partition}.{key}");
        let build = |key: &str| format!("ro.{partition}.build.{key}");
        props
            .line(rule)
            .comment(&format!("from {source}"))
            .comment("These properties identify this partition image.")
            .line(rule)
            .set(&product("brand"), brand)
            .set(&product("device"), self.device)
            .set(&product("manufacturer"), brand)
            .set(&product("model"), model)
            .set(&product("name"), &format!("lineage_{}", self.device))
            .set(&build("date"), &self.date())
            .set(&build("date.utc"), &self.timestamp.to_string())
            .set(&build("fingerprint"), &self.fingerprint("lineage"))
            .set(&build("id"), id)
            .set(&build("tags"), "release-keys")
            .set(&build("type"), "userdebug")
            .set(&build("version.incremental"), self.incremental)
            .set(&build("version.release"), release)
            .set(&build("version.sdk"), &self.sdk.to_string())
    }

    /// Returns the lines of `buildinfo.sh`, up to the one that names the device.
    fn buildinfo(&self, props: Props, family: &str) -> Props {
        let (release, id) = self.platform();
        let (brand, model) = self.product();
        let name = format!("{family}_{}", self.device);
        let display = format!(
            "{name}-userdebug {release} {id} {} release-keys",
            self.incremental
        );
        let mut props = props
            .line("# begin build properties")
            .comment("autogenerated by buildinfo.sh")
            .set("ro.build.id", id)
            .set("ro.build.display.id", &display)
            .set("ro.build.version.incremental", self.incremental)
            .set("ro.build.version.sdk", &self.sdk.to_string())
            .set("ro.build.version.codename", "REL")
            .set("ro.build.version.all_codenames", "REL")
            .set("ro.build.version.release", release);
        if !self.spl.is_empty() {
            props = props
                .set("ro.build.version.security_patch", self.spl)
                .set("ro.build.version.base_os", "");
        }
        props = props
            .set("ro.build.date", &self.date())
            .set("ro.build.date.utc", &self.timestamp.to_string())
            .set("ro.build.type", "userdebug")
            .set("ro.build.user", "builder")
            .set("ro.build.host", "build.example.org")
            .set("ro.build.tags", "release-keys")
            .set("ro.build.flavor", &format!("{name}-userdebug"));
        if self.sdk < 29 {
            props = props
                .set("ro.product.model", model)
                .set("ro.product.brand", brand)
                .set("ro.product.name", &name)
                .set("ro.product.device", self.device)
                .set("ro.product.manufacturer", brand);
        }
        let abi = if self.sdk < 26 {
            "armeabi-v7a"
        } else {
            "arm64-v8a"
        };
        props = props
            .comment("ro.product.cpu.abi and ro.product.cpu.abi2 are obsolete,")
            .comment("use ro.product.cpu.abilist instead.")
            .set("ro.product.cpu.abi", abi)
            .set("ro.product.locale", "en-US")
            .set("ro.wifi.channels", "")
            .comment("ro.build.product is obsolete; use ro.product.device")
            .set("ro.build.product", self.device)
            .comment("Do not try to parse description, fingerprint, or thumbprint")
            .set("ro.build.description", &display);
        if self.sdk < 29 {
            props = props.set("ro.build.fingerprint", &self.fingerprint(family));
        }
        props.set("ro.build.characteristics", "default")
    }
}

/// Converts a count of days since the epoch to year, month and day (Gregorian, any sign).
fn civil(days: i64) -> (i64, i64, i64) {
    // Years start in March here, so that the leap day is the last of its year.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(day(0), "19700101");
        assert_eq!(day(1_575_978_075), "20191210");
        assert_eq!(day(951_782_400), "20000229");
        let props = Props::lineage(
            "16.0",
            "NIGHTLY",
            "natrium",
            1_575_978_075,
            "cd6bf65336",
            28,
            "2019-11-05",
        );
        assert_eq!(
            props.get("ro.build.date"),
            Some("Tue Dec 10 11:41:15 UTC 2019")
        );
    }

    #[test]
    fn set_replaces_and_repeat_adds() {
        let props = Props::new()
            .set("a", "1")
            .comment("c")
            .set("a", "2")
            .repeat("a", "3");
        assert_eq!(props.text(), "a=2\n# c\na=3\n");
        assert_eq!(props.remove("a").text(), "# c\n");
    }

    #[test]
    fn lineage_names_version_type_and_device() {
        let props = Props::lineage(
            "22.2",
            "UNOFFICIAL",
            "enchilada",
            1_748_736_000,
            "eng.me",
            35,
            "2025-05-05",
        );
        assert_eq!(
            props.get("ro.lineage.version"),
            Some("22.2-20250601-UNOFFICIAL-enchilada")
        );
        assert_eq!(props.get("ro.lineage.releasetype"), Some("UNOFFICIAL"));
        assert_eq!(props.get("ro.product.device"), None);
        assert_eq!(props.get("ro.product.system.device"), Some("enchilada"));
        let product = props.partition("product");
        assert_eq!(product.get("ro.product.build.date.utc"), Some("1748736000"));
    }

    #[test]
    fn old_builds_have_no_patch_level() {
        let props = Props::cm(
            "11",
            "NIGHTLY",
            "i9100",
            1_404_800_000,
            "0123456789",
            19,
            "",
        );
        assert_eq!(props.get("ro.build.version.security_patch"), None);
        assert_eq!(
            props.get("ro.cm.version"),
            Some("11-20140708-NIGHTLY-i9100")
        );
        assert_eq!(props.get("ro.cm.build.version"), None);
    }
}
