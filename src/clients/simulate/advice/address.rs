//! Advice on the address that a phone asks.

use super::super::prose::shown;
use super::super::recommended::Recommended;
use super::super::{Check, Outcome, UriSource};
use super::{Advice, Case};
use crate::clients::updaters::{Address, UrlFault};
use crate::model::rom_settings::{self, RomSide};

/// Addresses the updaters have of their own.
const OFFICIAL: [&str; 2] = [
    "https://download.lineageos.org/",
    "https://download.cyanogenmod.org/",
];

impl Case<'_> {
    /// The phone's properties are known, and the address is not among them.
    pub(super) fn lacks_property(&self) -> bool {
        self.simulation.source == UriSource::Recommended
            && self.subject.props.is_some()
            && self.subject.unknown_family().is_none()
            && matches!(self.address(), Address::Property(_))
    }

    /// What goes into the ROM of a phone that refuses plain http: the site's address over https,
    /// also where a test server has been asked without.
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

    /// The address property.
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
                        "the address {} {fault}, so the property stays unset and the phone asks LineageOS's own \
                         server: shorten the base address, or put the address into an overlay of the updater's \
                         resources",
                        shown(value)
                    ),
                ),
            );
        }
        if self.lacks_property() {
            advice.push(
                Advice::new(
                    "no-property",
                    format!(
                        "the properties have no {}: unless an overlay names the address, this phone asks \
                         LineageOS's own server and never this site. Build this in",
                        self.property()
                    ),
                )
                .with(lines),
            );
        }
        advice
    }

    pub(super) fn on_no_request(&self, fault: &UrlFault) -> Advice {
        let lines = self.secure_lines();
        let advice = match fault {
            UrlFault::Cleartext { .. } | UrlFault::NotHttps { .. } => {
                let text = "serve the site over https with a public certificate, and begin the address with \
                            https:// in lower case: LineageOS refuses plain http for list and package";
                // The lines were told already where the property is missing.
                if self.lacks_property() {
                    return Advice::new("cleartext", text);
                }
                let when = match self.site.base.starts_with("http://") {
                    true => ", once https answers",
                    false => "",
                };
                Advice::new("cleartext", format!("{text}. What goes into the ROM{when}"))
            }
            UrlFault::NotUri { .. } => self.on_braces(),
            _ => Advice::new("no-address", "the address must be a whole one"),
        };
        advice.with(lines)
    }

    /// Braces in the address of an updater that fills in nothing.
    fn on_braces(&self) -> Advice {
        Advice::new(
            "braces",
            match self.generation().is_post() {
                true => {
                    "this updater fills in nothing and appends nothing: each ROM needs the whole address of its \
                     device and release type"
                }
                false => {
                    "this updater fills in nothing, it appends /v1/<device>/<type>/<incremental> itself: the \
                     address must be that of the folder"
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
                "the phone asks the ROM's own upstream server, where your builds are not: its property is empty \
                 or names that server. Build this in",
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
                "the address begins with http://, and no redirect to https:// is followed. Build this in",
            ),
            false => Advice::new(
                "elsewhere",
                format!(
                    "the phone asks {}, and this site is {site}: if that is an old address of yours, keep \
                     publishing there as well, since phones in the field know no other; if the site has moved \
                     or base_url is wrong, name the right one. The next build needs",
                    shown(url)
                ),
            ),
        }
        .with(lines)
    }
}
