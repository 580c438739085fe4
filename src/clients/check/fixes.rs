//! How to fix a host that does not answer, by the reason.

use crate::fetch::{Fault, TlsFault};
use ota_view::finding::{Finding, Rule};

/// Returns how to fix a fault, as a sentence without a full stop.
#[must_use]
pub fn fix(fault: &Fault) -> &'static str {
    match fault {
        Fault::Tls(fault) => tls_fix(fault),
        Fault::Name { .. } => "check the address and the DNS, and that this machine is online",
        Fault::NotPublic { .. } => "use a public https address, which phones need too",
        Fault::RedirectedInside { .. } => {
            "check where the host redirects to; to read from a host inside a private network, give its address directly"
        }
        Fault::Timeout { .. } => {
            "look at the host: LineageOS 23.2 gives up after 10 s, CMUpdater after 5 s"
        }
        Fault::Address { .. } | Fault::Elsewhere { .. } => {
            "write the whole address, with https:// and the host, percent-encoded"
        }
        Fault::File { .. } => "make the file readable; web hosts have to read it too",
        Fault::Host { .. } => "look at the web server and its log",
        Fault::Redirects { .. } => "fix the redirects of the host: they form a circle",
        Fault::Protocol { .. } => "check the port, and whether the server uses https or http",
        Fault::Connection { .. } => {
            "look at the host, its port and its firewall: is the web server running?"
        }
    }
}

fn tls_fix(fault: &TlsFault) -> &'static str {
    match fault {
        TlsFault::Authority => {
            "make one with -addext basicConstraints=CA:FALSE, or sign it with your own authority \
             and give that with --ca"
        }
        TlsFault::UnknownIssuer => {
            "phones do not trust this certificate: use one from a public authority, with its chain; if your \
             ROM trusts a private authority, give its certificate with --ca"
        }
        TlsFault::Expired { .. } => "renew the certificate, and let the web server load it",
        TlsFault::NotYetValid { .. } => {
            "correct the clock of the machine that made the certificate, or of this machine"
        }
        TlsFault::Name { .. } => {
            "use an address whose name is in the certificate, or a certificate with this name"
        }
        TlsFault::NoTls => "check the port, and switch on TLS there: phones refuse plain http",
        TlsFault::Other { .. } => "look at the TLS settings of the host",
    }
}

/// Makes the finding for a host that does not answer.
pub(super) fn unreachable(rule: &'static Rule, place: &str, fault: &Fault) -> Finding {
    Finding::new(rule, place, fault.to_string()).with_fix(fix(fault))
}
