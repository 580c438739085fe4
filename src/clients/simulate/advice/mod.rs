//! What to change, from how a check ended.
//!
//! In: a [`Simulation`]. Out: [`Advice`], one for each cause, the likeliest first. Causes are
//! part of the documented `--json`.

mod list;
mod missing;

use std::collections::BTreeSet;

use crate::clients::check::fixes;
use crate::clients::check::target::templates_for;
use crate::clients::updaters::{Address, Generation, ListFault, TransportFault, UrlFault};
use crate::fetch::Fault;
use crate::model::rom_settings::{self, RomSide};

use super::prose::shown;
use super::{
    Check, Instead, Missing, Outcome, Recommended, Simulation, Site, Subject, UriSource,
    refuses_post,
};

/// Addresses the updaters have of their own.
const OFFICIAL: [&str; 2] = [
    "https://download.lineageos.org/",
    "https://download.cyanogenmod.org/",
];

/// Something to change, as sentences without a closing full stop.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Advice {
    /// Why: stable, in lower case with `-` between words.
    pub cause: &'static str,
    /// What to do; fit for a terminal.
    pub text: String,
    /// Lines to copy.
    pub lines: Vec<String>,
}

impl Advice {
    fn new(cause: &'static str, text: impl Into<String>) -> Advice {
        Advice {
            cause,
            text: text.into(),
            lines: Vec::new(),
        }
    }

    fn with(self, lines: Vec<String>) -> Advice {
        Advice { lines, ..self }
    }
}

/// What the advice is on.
struct Case<'a> {
    simulation: &'a Simulation,
    subject: &'a Subject,
    site: &'a Site<'a>,
    rom: Recommended<'a>,
}

/// What to change so that the phone sees what it should.
#[must_use]
pub fn advise(simulation: &Simulation, subject: &Subject, site: &Site<'_>) -> Vec<Advice> {
    let case = Case {
        simulation,
        subject,
        site,
        rom: Recommended::new(simulation.generation, &simulation.phone, site),
    };
    let mut advice = case.on_phone();
    if case.lacks_device() {
        return advice;
    }
    advice.extend(case.on_value());
    advice.extend(case.on_outcome(&simulation.check));
    if let Some((what, check)) = &simulation.instead {
        advice.extend((*what == Instead::PostAnswered).then(on_post));
        advice.extend(case.on_outcome(check));
    }
    let mut seen = BTreeSet::new();
    advice.retain(|one| seen.insert(one.clone()));
    advice
}

impl Case<'_> {
    fn generation(&self) -> Generation {
        self.simulation.generation
    }

    fn property(&self) -> &'static str {
        self.simulation.property
    }

    /// The caller does not say which device it is, so that no address tells anything.
    fn lacks_device(&self) -> bool {
        let phone = &self.simulation.phone;
        self.subject.props.is_none() && phone.device.is_empty() && phone.next_device.is_none()
    }

    /// Where the address is set.
    fn address(&self) -> Address {
        self.generation().address()
    }

    /// Facts that are not known, and ROMs with updaters of their own.
    fn on_phone(&self) -> Vec<Advice> {
        if let Some(family) = self.subject.unknown_family() {
            return vec![Advice::new(
                "other-updater",
                format!(
                    "this is {family}, whose own updater is not among those played here: it asks an address that \
                     is fixed in its source, mostly …/<device>.json, and most forks compare the date alone. Publish \
                     that file: set device_feed in romfeed.toml to a template of its format. What is shown is what \
                     LineageOS's updater would see; tell what the properties lack by flags"
                ),
            )];
        }
        let mut advice = Vec::new();
        let mut missing = self.subject.missing(self.generation());
        if self.lacks_device() {
            missing.retain(|one| one.flag == "--device");
        }
        if !missing.is_empty() {
            let keys: Vec<&str> = missing.iter().map(|one| &*one.key).collect();
            let keys = keys.join(", ");
            advice.push(match &self.subject.props {
                Some(_) => Advice::new(
                    "missing-property",
                    format!(
                        "the properties lack {keys}: take them from the running phone (`adb shell getprop`), since \
                         one build.prop has only a part of them. If they are missing there too, the ROM was built \
                         without them, and the updater asks and compares with nothing"
                    ),
                ),
                None => Advice::new(
                    "missing-property",
                    format!(
                        "not known of the phone: {keys}; tell {} by {}, or give --props",
                        if missing.len() == 1 { "it" } else { "them" },
                        flags(&missing)
                    ),
                ),
            });
        }
        advice
    }

    /// The phone's properties are known, and the address is not among them.
    fn lacks_property(&self) -> bool {
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
    fn on_value(&self) -> Vec<Advice> {
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

    fn on_outcome(&self, check: &Check) -> Vec<Advice> {
        match &check.outcome {
            Outcome::Listed { listing, .. } => self.on_list(check, listing),
            Outcome::NoRequest(fault) => vec![self.on_no_request(fault)],
            Outcome::Elsewhere => vec![self.on_elsewhere(check)],
            Outcome::NoAnswer(fault) => vec![on_no_answer(fault)],
            Outcome::Refused(TransportFault::Status { found: 404 | 410 }) => {
                vec![self.on_not_found(check)]
            }
            Outcome::Refused(fault) => vec![self.on_refused(fault)],
            Outcome::TooLong => vec![Advice::new(
                "too-long",
                "this is no feed, or one of everything there ever was: set `keep`",
            )],
            Outcome::Unreadable(fault) => vec![self.on_unreadable(fault)],
        }
    }

    fn on_no_request(&self, fault: &UrlFault) -> Advice {
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

    fn on_elsewhere(&self, check: &Check) -> Advice {
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

    fn on_refused(&self, fault: &TransportFault) -> Advice {
        match fault {
            TransportFault::Redirect { to } => Advice::new(
                "redirect",
                format!(
                    "LineageOS 23.2 follows no redirect: put the final address into the ROM ({}), or let the host \
                     answer without one",
                    shown(to)
                ),
            ),
            TransportFault::TooManyRedirects { .. } => Advice::new(
                "redirect",
                "the host redirects in a circle: look at its rules for https and for closing slashes",
            ),
            TransportFault::OtherScheme { .. } => Advice::new(
                "redirect",
                "no updater follows a redirect between http and https: let the host name https addresses, which \
                 one behind a proxy often has to be told",
            ),
            fault if refuses_post(self.generation(), fault) => on_post(),
            TransportFault::Status { found } => Advice::new(
                "status",
                format!(
                    "the host answers with status {found}, which every updater shows as a failed check: look at \
                     the host's settings and log"
                ),
            ),
            TransportFault::ContentType { .. } => Advice::new(
                "content-type",
                "this revision wants application/json: use an address that ends with .json, or have the host \
                 send that type",
            ),
            _ => Advice::new(
                "too-long",
                "the list is longer than this revision reads: set `keep`, or publish it with romfeed, which \
                 keeps it short enough",
            ),
        }
    }

    /// What makes the file that a fork's updater reads, to be set.
    fn fork_setting(&self) -> Option<String> {
        let is_fork = !Generation::LINEAGE.contains(&self.generation());
        let template = templates_for(self.generation())
            .next()
            .filter(|_| is_fork)?;
        Some(match self.generation() {
            Generation::Custota | Generation::GrapheneOs => {
                format!("[[feed]] template = \"{template}\"")
            }
            _ => format!("device_feed = \"{template}\""),
        })
    }

    /// A body that is another updater's, a page, or broken.
    fn on_unreadable(&self, fault: &ListFault) -> Advice {
        let wanted = self.rom.property_line();
        let is_page = matches!(
            fault,
            ListFault::Json { .. } | ListFault::Frame { found: "text", .. }
        );
        if let Some(setting) = self.fork_setting().filter(|_| !is_page) {
            let advice = self.unpublished();
            return advice.unwrap_or_else(|| Advice::new(
                "other-list",
                format!(
                    "this file is another updater's: {} reads what {setting} in romfeed.toml makes",
                    self.generation().name()
                ),
            ));
        }
        match fault {
            // To the lenient parsers, a page is a text.
            ListFault::Json { .. } | ListFault::Frame { found: "text", .. } => Advice::new(
                "not-json",
                "the host answered 200 with something that is no list, such as a page for unknown addresses. An \
                 updater that got this once may fail until its data is cleared (Settings, Apps, Updater). Switch off \
                 such fallbacks, so that unknown addresses give 404, and check the address in the ROM",
            ),
            ListFault::Frame {
                found: "an array", ..
            } => Advice::new(
                "v2-list",
                format!(
                    "this list is that of LineageOS 23.2, which this updater cannot read: let the phone ask {wanted}, \
                     or if it asks {{device}}.json, set device_feed = \"v1\""
                ),
            ),
            ListFault::Frame {
                found: "an object", ..
            } => Advice::new(
                "v1-list",
                format!(
                    "this list is that of LineageOS up to 22.x, and 23.2 wants another: let the phone ask {wanted}, \
                     or if it asks {{device}}.json, set device_feed = \"v2\""
                ),
            ),
            ListFault::NoList { .. } | ListFault::NotList { .. } | ListFault::Frame { .. } => {
                Advice::new(
                    "other-list",
                    format!("this list is another updater's: let the phone ask {wanted}"),
                )
            }
            _ => Advice::new(
                "bad-list",
                "fix the list, or better have it made: `romfeed generate` writes none like it",
            ),
        }
    }
}

/// The flags that tell what is missing.
fn flags(missing: &[Missing]) -> String {
    let flags: Vec<&str> = missing.iter().map(|one| one.flag).collect();
    flags.join(", ")
}

fn on_post() -> Advice {
    Advice::new(
        "post-refused",
        "this updater asks by POST, which plain hosts refuse: use a host that answers it with the file, as the \
         settings that `romfeed init --host nginx` writes do",
    )
}

fn on_no_answer(fault: &Fault) -> Advice {
    let id = match fault {
        Fault::Name { .. } => "no-host",
        Fault::Tls(_) => "certificate",
        Fault::Timeout { .. } => "timeout",
        Fault::File { .. } => "file-unreadable",
        _ => "no-answer",
    };
    Advice::new(id, fixes::fix(fault))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Instant;

    use super::*;
    use crate::clients::simulate::{PhoneOverrides, simulate};
    use crate::fetch::{Fetch, Request, Response};
    use crate::model::config::Config;
    use ota_view::io::Limits;

    /// A host that gives the same answer to everything.
    struct Host(u16, &'static str);

    impl Fetch for Host {
        fn fetch(&self, ask: &Request<'_>) -> Result<Response, Fault> {
            Ok(Response {
                url: ask.url.to_owned(),
                status: self.0,
                body: self.1.as_bytes().to_vec(),
                headers: vec![("location".to_owned(), "https://h/else".to_owned())],
                ..Response::default()
            })
        }
    }

    fn causes(generation: Generation, uri: &str, host: &Host) -> Vec<&'static str> {
        let subject = Subject {
            said: PhoneOverrides {
                device: Some("bacon".to_owned()),
                romtype: Some("nightly".to_owned()),
                version: Some("21.0".to_owned()),
                incremental: Some("inc".to_owned()),
                datetime: Some(1_700_000_000),
                sdk: Some(34),
                uri: Some(uri.to_owned()),
                ..PhoneOverrides::default()
            },
            ..Subject::default()
        };
        let limits = Limits::new(std::env::temp_dir(), Instant::now);
        let config = Config::of_folder(Path::new(""), limits);
        let site = Site {
            base: "https://h",
            variant: None,
            fetch: host,
            is_live: false,
            paths: None,
            now: 1_800_000_000,
            config: &config,
            incrementals: &BTreeSet::new(),
            families: &std::collections::BTreeMap::new(),
        };
        let simulation = simulate(generation, &subject, &site, None);
        let advice = advise(&simulation, &subject, &site);
        advice.iter().map(|advice| advice.cause).collect()
    }

    #[test]
    fn each_way_to_fail_has_its_advice() {
        let v1 = "{\"response\":[]}";
        for (generation, uri, host, expected) in [
            (Generation::Java22, "http://h/x", Host(200, v1), "cleartext"),
            (
                Generation::Template14,
                "http://h/x",
                Host(200, v1),
                "cleartext",
            ),
            (
                Generation::Kotlin23,
                "HTTPS://h/x",
                Host(200, "[]"),
                "cleartext",
            ),
            (
                Generation::Cm14,
                "https://h/{device}",
                Host(200, v1),
                "braces",
            ),
            (Generation::Java22, "h/x", Host(200, v1), "no-address"),
            (Generation::Java22, " ", Host(200, v1), "official-server"),
            (Generation::Cm12, "", Host(200, v1), "official-server"),
            (
                Generation::Java22,
                "https://other/x",
                Host(200, v1),
                "elsewhere",
            ),
            (
                Generation::Java22,
                "https://hh/x",
                Host(200, v1),
                "elsewhere",
            ),
            (
                Generation::Kotlin23,
                "https://h/x",
                Host(301, ""),
                "redirect",
            ),
            (Generation::Java22, "https://h/x", Host(302, ""), "redirect"),
            (
                Generation::Cm12,
                "https://h/x",
                Host(405, ""),
                "post-refused",
            ),
            (
                Generation::Cm12,
                "https://h/x",
                Host(501, ""),
                "post-refused",
            ),
            (Generation::Java22, "https://h/x", Host(500, ""), "status"),
            (
                Generation::KotlinV1,
                "https://h/x",
                Host(200, v1),
                "content-type",
            ),
            (
                Generation::Java22,
                "https://h/x",
                Host(200, "<!doctype html>"),
                "not-json",
            ),
            (
                Generation::Java22,
                "https://h/x",
                Host(200, "[]"),
                "v2-list",
            ),
            (
                Generation::Kotlin23,
                "https://h/x",
                Host(200, v1),
                "v1-list",
            ),
            (Generation::Cm12, "https://h/x", Host(200, v1), "other-list"),
            (
                Generation::Kotlin23,
                "https://h/x",
                Host(200, "[{}]"),
                "bad-list",
            ),
        ] {
            let found = causes(generation, uri, &host);
            assert_eq!(
                found.first(),
                Some(&expected),
                "{generation} {uri} {found:?}"
            );
        }
        let long = format!("https://h/{}", "x".repeat(90));
        let found = causes(Generation::Java22, &long, &Host(200, v1));
        assert_eq!(found, ["long-property", "empty-list"]);
    }
}
