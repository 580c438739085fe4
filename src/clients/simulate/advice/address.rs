//! Advice on the address that a phone requests.

use super::super::prose::shown;
use super::super::recommended::Recommended;
use super::super::{Check, Outcome, UriSource};
use super::{Advice, Case};
use crate::clients::updaters::{Address, UrlFault};
use crate::model::rom_settings::{self, RomSide};

/// The addresses of the official servers, which are built into the updaters.
const OFFICIAL: [&str; 2] = [
    "https://download.lineageos.org/",
    "https://download.cyanogenmod.org/",
];

impl Case<'_> {
    /// Returns whether the phone's properties are known and lack the address.
    pub(super) fn lacks_property(&self) -> bool {
        self.simulation.source == UriSource::Recommended
            && self.subject.props.is_some()
            && self.subject.unknown_family().is_none()
            && matches!(self.address(), Address::Property(_))
    }

    /// Describes the server that the updater asks if the ROM has no address of its own.
    fn official_server(&self) -> &'static str {
        match self.generation().is_post() {
            true => "CyanogenMod's own server (download.cyanogenmod.org)",
            false => "LineageOS's own server (download.lineageos.org)",
        }
    }

    /// Returns the lines for the ROM. If the phone refuses plain http, they have the site's https
    /// address, even if the simulation used a test server without https.
    fn secure_lines(&self) -> Vec<String> {
        let is_refused = matches!(
            self.simulation.check.outcome,
            Outcome::NoRequest(UrlFault::Cleartext { .. } | UrlFault::NotHttps { .. })
        );
        match (self.site.base.strip_prefix("http://"), &self.rom) {
            (Some(rest), Recommended::Lineage(rom)) if is_refused => {
                let base = format!("https://{rest}");
                let rom = RomSide {
                    base: &base,
                    ..*rom
                };
                rom.makefile_lines()
            }
            _ => self.rom.lines(),
        }
    }

    /// Advises on the value of the address property.
    pub(super) fn on_value(&self) -> Vec<Advice> {
        let value = &self.simulation.check.value;
        let mut advice = Vec::new();
        let lines = self.secure_lines();
        let is_property = matches!(self.address(), Address::Property(_));
        if let Some(fault) = rom_settings::length_fault(value).filter(|_| is_property) {
            advice.push(
                Advice::new(
                    "long-property",
                    format!(
                        "the address {} {fault}, so the property stays unset and the phone asks {}: shorten \
                         the base address, or put the address into an overlay of the updater's resources",
                        shown(value),
                        self.official_server()
                    ),
                ),
            );
        }
        if self.lacks_property() {
            advice.push(
                Advice::new(
                    "no-property",
                    format!(
                        "the properties have no {}: unless an overlay has the address, this phone asks {} \
                         and never this site. Add this to the ROM",
                        self.property(),
                        self.official_server()
                    ),
                )
                .with(lines),
            );
        }
        advice
    }

    /// Advises on an address that names a device and a release type, of which one is unknown.
    pub(super) fn on_unknown_address(&self) -> Advice {
        let phone = &self.simulation.phone;
        let unknown = [(&phone.device, "--device"), (&phone.release_type, "--type")];
        let flags = unknown.into_iter().filter(|(value, _)| value.is_empty());
        let flags: Vec<&str> = flags.map(|(_, flag)| flag).collect();
        Advice::new(
            "empty-part",
            format!(
                "this updater replaces no placeholders, so each ROM has the complete address for its device and \
                 release type: give {}, or the address with --uri",
                flags.join(" and ")
            ),
        )
    }

    pub(super) fn on_no_request(&self, fault: &UrlFault) -> Advice {
        let lines = self.secure_lines();
        let advice = match fault {
            UrlFault::Cleartext { .. } | UrlFault::NotHttps { .. } => {
                let text = "serve the site over https with a public certificate, and begin the address with \
                            https:// in lower case: LineageOS refuses plain http for list and package";
                // The advice on the missing property has the lines already.
                if self.lacks_property() {
                    return Advice::new("cleartext", text);
                }
                let when = match self.site.base.starts_with("http://") {
                    true => ", once https answers",
                    false => "",
                };
                Advice::new("cleartext", format!("{text}. Add this to the ROM{when}"))
            }
            UrlFault::NotUri { .. } => self.on_braces(),
            _ => Advice::new(
                "no-address",
                "the address must be complete, with https:// and the host",
            ),
        };
        advice.with(lines)
    }

    /// Advises on braces in the address, for an updater without placeholders.
    fn on_braces(&self) -> Advice {
        Advice::new(
            "braces",
            match self.generation().is_post() {
                true => {
                    "this updater replaces no placeholders and appends no path: each ROM needs the complete \
                     address for its device and release type"
                }
                false => {
                    "this updater replaces no placeholders, it appends /v1/<device>/<type>/<incremental>: use \
                     the address of the folder"
                }
            },
        )
    }

    pub(super) fn on_elsewhere(&self, check: &Check) -> Advice {
        let url = check.request.as_ref().map_or("", |request| &request.url);
        let lines = self.rom.lines();
        if OFFICIAL.iter().any(|official| url.starts_with(official)) {
            return Advice::new(
                "official-server",
                "the phone asks the official server, which does not have your builds: its property is empty or \
                 names that server. Add this to the ROM",
            )
            .with(lines);
        }
        let site = self.site.base;
        let other_scheme = site.strip_prefix("https").is_some_and(|rest| {
            url.strip_prefix("http")
                .is_some_and(|url| url.starts_with(rest))
        });
        match other_scheme {
            true => Advice::new(
                "cleartext",
                "the address begins with http://, and updaters follow no redirect to https://. Add this to the ROM",
            ),
            false => Advice::new(
                "elsewhere",
                format!(
                    "the phone asks {}, and this site is {site}: if that is an old address of yours, keep \
                     publishing there too, because phones with earlier builds know only that address; if \
                     base_url is wrong, correct it. The next build needs",
                    shown(url)
                ),
            ),
        }
        .with(lines)
    }
}
