//! Advice on what to change, by the outcome of a check.
//!
//! In: a [`Simulation`]. Out: [`Advice`], one for each cause, the most likely first. Causes are part of
//! the documented `--json`.

mod address;
mod list;
mod missing;
mod reasons;
mod response;

use std::collections::BTreeSet;

use crate::clients::updaters::{Address, Generation, TransportFault};

use super::recommended::Recommended;
use super::{Check, Instead, Missing, Outcome, Simulation, Site, Subject};
use response::{on_no_response, on_post};

/// One change that helps.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Advice {
    /// The cause: a stable id, in lower case with `-` between words.
    pub cause: &'static str,
    /// What to do, without a closing full stop; escaped for a terminal.
    pub text: String,
    /// Lines to copy into the ROM's sources or the settings.
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

/// The simulation that is advised on, with its phone and site.
struct Case<'a> {
    simulation: &'a Simulation,
    subject: &'a Subject,
    site: &'a Site<'a>,
    rom: Recommended<'a>,
}

/// Returns what to change so that the phone sees the right updates.
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

    /// Returns whether the device is unknown, so that no address can be judged.
    fn lacks_device(&self) -> bool {
        let phone = &self.simulation.phone;
        self.subject.props.is_none() && phone.device.is_empty() && phone.next_device.is_none()
    }

    /// Returns where the address is set.
    fn address(&self) -> Address {
        self.generation().address()
    }

    /// Advises on unknown facts, and on ROMs with an unknown updater.
    fn on_phone(&self) -> Vec<Advice> {
        if let Some(family) = self.subject.unknown_family() {
            return vec![Advice::new(
                "other-updater",
                format!(
                    "this is {family}, whose own updater romfeed cannot simulate: it asks a built-in address, \
                     usually …/<device>.json, and most forks compare only the date. Publish that file: set \
                     device_feed in romfeed.toml to a template in its format. The result is what LineageOS's \
                     updater would see; give missing facts by flags"
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
                        "the properties lack {keys}: take them from the running phone (`adb shell getprop`), \
                         because one build.prop has only some of them. If they are missing there too, the ROM \
                         was built without them, and the updater sends and compares empty values"
                    ),
                ),
                None => Advice::new(
                    "missing-property",
                    format!(
                        "unknown facts about the phone: {keys}; give {} with {}, or use --props",
                        if missing.len() == 1 { "it" } else { "them" },
                        flags(&missing)
                    ),
                ),
            });
        }
        advice
    }

    fn on_outcome(&self, check: &Check) -> Vec<Advice> {
        match &check.outcome {
            Outcome::Listed { listing, .. } => self.on_list(check, listing),
            Outcome::NoRequest(fault) => vec![self.on_no_request(fault)],
            Outcome::Elsewhere => vec![self.on_elsewhere(check)],
            Outcome::UnknownAddress => vec![self.on_unknown_address()],
            Outcome::NoResponse(fault) => vec![on_no_response(fault)],
            Outcome::Refused(TransportFault::Status { found: 404 | 410 }) => {
                vec![self.on_not_found(check)]
            }
            Outcome::Refused(fault) => vec![self.on_refused(fault)],
            Outcome::TooLong => vec![Advice::new(
                "too-long",
                "this is not a feed, or it lists too many builds: set `keep`",
            )],
            Outcome::Unreadable(fault) => vec![self.on_unreadable(fault)],
        }
    }
}

/// Lists the flags that give the missing facts.
fn flags(missing: &[Missing]) -> String {
    let flags: Vec<&str> = missing.iter().map(|one| one.flag).collect();
    flags.join(", ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Instant;

    use super::*;
    use crate::clients::simulate::{PhoneOverrides, simulate};
    use crate::fetch::{Fault, Fetch, Request, Response};
    use crate::model::config::Config;
    use ota_view::io::Limits;

    /// A host that gives the same response to everything.
    struct Host(u16, &'static str);

    impl Fetch for Host {
        fn fetch(&self, request: &Request<'_>) -> Result<Response, Fault> {
            Ok(Response {
                url: request.url.to_owned(),
                status: self.0,
                body: self.1.as_bytes().to_vec(),
                headers: vec![("location".to_owned(), "https://h/else".to_owned())],
                ..Response::default()
            })
        }
    }

    fn causes(generation: Generation, uri: &str, host: &Host) -> Vec<&'static str> {
        let subject = Subject {
            overrides: PhoneOverrides {
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
        let config = Config::for_folder(Path::new(""), limits);
        let site = Site {
            base: "https://h",
            variant: None,
            fetch: host,
            is_live: false,
            paths: None,
            now: 1_800_000_000,
            config: &config,
            incrementals: &BTreeSet::new(),
            deltas: &BTreeSet::new(),
            families: &std::collections::BTreeMap::new(),
        };
        let simulation = simulate(generation, &subject, &site, None);
        let advice = advise(&simulation, &subject, &site);
        advice.iter().map(|advice| advice.cause).collect()
    }

    #[test]
    fn every_failure_has_its_advice() {
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
