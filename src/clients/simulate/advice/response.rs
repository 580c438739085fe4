//! Advice on a response that is missing, that the updater refuses, or that it cannot read.

use super::super::prose::shown;
use super::super::update_check::refuses_post;
use super::{Advice, Case};
use crate::clients::check::fixes;
use crate::clients::check::target::templates_for;
use crate::clients::updaters::{Generation, ListFault, TransportFault};
use crate::fetch::Fault;

impl Case<'_> {
    pub(super) fn on_refused(&self, fault: &TransportFault) -> Advice {
        match fault {
            TransportFault::Redirect { to } => Advice::new(
                "redirect",
                format!(
                    "LineageOS 23.2 follows no redirect: put the final address into the ROM ({}), or let the \
                     host answer without one",
                    shown(to)
                ),
            ),
            TransportFault::TooManyRedirects { .. } => Advice::new(
                "redirect",
                "the host redirects in a circle: look at its rules for https and for closing slashes",
            ),
            TransportFault::OtherScheme { .. } => Advice::new(
                "redirect",
                "no updater follows a redirect between http and https: make the host redirect to https \
                 addresses; behind a proxy, this often needs a setting",
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
                "this revision needs application/json: use an address that ends with .json, or have the host \
                 send that type",
            ),
            _ => Advice::new(
                "too-long",
                "the list is longer than this revision reads: set `keep`, or publish it with romfeed, which \
                 keeps it short enough",
            ),
        }
    }

    /// Returns the setting that publishes the file for a fork's updater.
    pub(super) fn fork_setting(&self) -> Option<String> {
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

    /// Advises on a body that is for another updater, a page, or broken.
    pub(super) fn on_unreadable(&self, fault: &ListFault) -> Advice {
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
                    "this file is for another updater: {} reads the file that {setting} in romfeed.toml makes",
                    self.generation().name()
                ),
            ));
        }
        match fault {
            // The lenient parsers read a page as text.
            ListFault::Json { .. } | ListFault::Frame { found: "text", .. } => Advice::new(
                "not-json",
                "the host answered 200 with something that is not a list, such as a page for unknown addresses. \
                 An updater that got this once may fail until its data is cleared (Settings, Apps, Updater). \
                 Switch off such fallbacks, so that unknown addresses give 404, and check the address in the ROM",
            ),
            ListFault::Frame {
                found: "an array", ..
            } => Advice::new(
                "v2-list",
                format!(
                    "this list is in the format of LineageOS 23.2, which this updater cannot read: let the phone \
                     ask {wanted}, or if it asks {{device}}.json, set device_feed = \"v1\""
                ),
            ),
            ListFault::Frame {
                found: "an object", ..
            } => Advice::new(
                "v1-list",
                format!(
                    "this list is in the format of LineageOS up to 22.x, and 23.2 needs another: let the phone \
                     ask {wanted}, or if it asks {{device}}.json, set device_feed = \"v2\""
                ),
            ),
            ListFault::NoList { .. } | ListFault::NotList { .. } | ListFault::Frame { .. } => {
                Advice::new(
                    "other-list",
                    format!("this list is for another updater: let the phone ask {wanted}"),
                )
            }
            _ => Advice::new(
                "bad-list",
                "fix the list, or let `romfeed generate` make it, which avoids such faults",
            ),
        }
    }
}

pub(super) fn on_post() -> Advice {
    Advice::new(
        "post-refused",
        "this updater sends a POST request, which static hosts refuse: use a host that answers it with the file, \
         for example with the settings from `romfeed init --host nginx`",
    )
}

pub(super) fn on_no_response(fault: &Fault) -> Advice {
    let id = match fault {
        Fault::Name { .. } => "no-host",
        Fault::Tls(_) => "certificate",
        Fault::Timeout { .. } => "timeout",
        Fault::File { .. } => "file-unreadable",
        _ => "no-answer",
    };
    Advice::new(id, fixes::fix(fault))
}
