//! What to do about a host that does not answer, by the reason it gives.

use crate::fetch::{Fault, TlsFault};
use ota_view::finding::{Finding, Rule};

/// What to do about it, as a sentence without a full stop.
#[must_use]
pub fn fix(fault: &Fault) -> &'static str {
    match fault {
        Fault::Tls(fault) => fix_of_tls(fault),
        Fault::Name { .. } => "check the address and the DNS, and that this machine is online",
        Fault::NotPublic { .. } => "use a public https address; phones need one too",
        Fault::RedirectedInside { .. } => {
            "check where the host redirects to; hosts inside a network are asked only by their own address"
        }
        Fault::Timeout { .. } => {
            "look at the host: LineageOS 23.2 gives up after 10 s, CMUpdater after 5 s"
        }
        Fault::Address { .. } | Fault::Elsewhere { .. } => {
            "write the whole address, with https:// and its host, percent-encoded"
        }
        Fault::File { .. } => "set its permissions; web hosts have to read it too",
        Fault::Host { .. } => "look at the web server and its log",
        Fault::Redirects { .. } => "fix the redirects of the host; one leads back to another",
        Fault::Protocol { .. } => "check the port, and whether it speaks https or http",
        Fault::Connection { .. } => {
            "look at the host, its port and its firewall: is the web server running?"
        }
    }
}

fn fix_of_tls(fault: &TlsFault) -> &'static str {
    match fault {
        TlsFault::Authority => {
            "make one with -addext basicConstraints=CA:FALSE, or sign it with an authority of your own \
             and give that with --ca"
        }
        TlsFault::UnknownIssuer => {
            "phones trust no such certificate: use one of a public authority, with its chain; for a \
             private one that your ROM trusts, give it with --ca"
        }
        TlsFault::Expired { .. } => "renew the certificate, and let the web server load it",
        TlsFault::NotYetValid { .. } => "set the clock of the machine that made it, or of this one",
        TlsFault::Name { .. } => {
            "use an address with a name of the certificate, or a certificate with this name"
        }
        TlsFault::NoTls => "check the port, and switch on TLS there: phones refuse plain http",
        TlsFault::Other { .. } => "look at the TLS settings of the host",
    }
}

/// A rule broken by a host that does not answer.
pub(super) fn find(rule: &'static Rule, place: &str, fault: &Fault) -> Finding {
    Finding::new(rule, place, fault.to_string()).with_fix(fix(fault))
}
