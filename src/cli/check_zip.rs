//! `romfeed check ZIP…`: whether phones will install packages.
//!
//! In: packages, in files or on hosts. Out: findings, and a verdict for each package.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ota_view::error_kind::ErrorKind;
use ota_view::finding::{self, Finding};
use ota_view::verify::{self, Certificate, Verdict};
use romfeed::fetch::Remote;
use romfeed::model::build::Device;
use romfeed::model::config::Config;
use romfeed::model::facts::Fact;

use super::escape::{escape, shown};
use super::outcome::Outcome;
use super::report::{Terminal, chain};
use super::{config, findings, remote};

/// Checks packages one after another; each is read with all processors and limits.
pub(crate) fn run(
    zips: &[PathBuf],
    certificates: &[PathBuf],
    ca: Option<&Path>,
    json: bool,
    config: &Config,
    terminal: Terminal,
) -> io::Result<Outcome> {
    let certificates = match config::load_certificates(certificates) {
        Ok(certificates) => certificates,
        Err(error) => {
            terminal.error(&format!("--certificate: {}", chain(&error)), None);
            return Ok(Outcome::Usage);
        }
    };
    let mut outcome = Outcome::Done;
    let mut all = Vec::new();
    for zip in zips {
        let place = zip.to_string_lossy();
        let checked = match remote::address(zip) {
            None => verify::check(zip, &place, &config.limits).map(|verdict| (verdict, None)),
            Some(url) => check_remote(url, ca, config, terminal),
        };
        let (mut verdict, remote) = match checked {
            Ok(checked) => checked,
            Err(error) => {
                let unreadable = unreadable(&error, &place);
                findings::print(terminal, std::slice::from_ref(&unreadable), json)?;
                all.push(unreadable);
                outcome = Outcome::Failed;
                continue;
            }
        };
        let expected = match &certificates[..] {
            [] => of_settings(zip, remote.as_ref(), config),
            given => given,
        };
        verdict.expect_signer(expected, &place);
        findings::print(terminal, &verdict.findings, json)?;
        print_summary(terminal, zip, &verdict);
        if finding::has_errors(&verdict.findings) {
            outcome = Outcome::Failed;
        }
        all.extend(verdict.findings);
    }
    if !json {
        findings::print_more(terminal, &all);
    }
    Ok(outcome)
}

/// Returns the certificates in the settings of those who may sign a package: those of its device, or else those of all
/// devices.
fn of_settings<'c>(
    zip: &Path,
    remote: Option<&Arc<Remote>>,
    config: &'c Config,
) -> &'c [Certificate] {
    if config
        .devices
        .values()
        .all(|set| set.certificates.is_empty())
    {
        return &config.certificates;
    }
    let device = || {
        let examined = remote::examine(zip, remote, config).ok()?;
        Device::parse(examined.facts.value(Fact::Device)?).ok()
    };
    device().map_or(&config.certificates, |device| {
        config.requirements(&device).1
    })
}

/// Checks a package on its host. All of it is downloaded, and nothing is stored.
fn check_remote(
    url: &str,
    ca: Option<&Path>,
    config: &Config,
    terminal: Terminal,
) -> Result<(Verdict, Option<Arc<Remote>>), verify::Error> {
    let remote = remote::open_whole(url, ca).map_err(verify::Error::Open)?;
    let verdict = verify::check_source(Arc::clone(&remote), url, &config.limits)?;
    if terminal.verbosity > 0 {
        terminal.line(&format!("asked its host: {}", remote.traffic()));
    }
    Ok((verdict, Some(remote)))
}

/// Turns the error of a package that could not be read into a finding: scripts read only findings.
fn unreadable(error: &verify::Error, place: &str) -> Finding {
    let finding = Finding::new(&verify::rules::PACKAGE_UNREADABLE, place, chain(error));
    match error {
        verify::Error::Open(error) if error.kind() == io::ErrorKind::NotFound => {
            finding.with_fix("check the name; a link may lead to a file that is gone")
        }
        _ if error.kind() == ErrorKind::Io && remote::address(Path::new(place)).is_some() => {
            finding.with_fix(remote::HINT)
        }
        verify::Error::Changed => finding.with_fix("wait until it is written, and check it again"),
        _ => finding,
    }
}

fn print_summary(terminal: Terminal, zip: &Path, verdict: &Verdict) {
    let place = shown(zip);
    let count = findings::count(&verdict.findings);
    let is_no_rom = |found: &Finding| *found.rule == verify::rules::PACKAGE_NOT_A_ROM;
    if verdict.findings.iter().any(is_no_rom) {
        return terminal.line(&format!("{place}: {}", terminal.paint("31", "not a ROM")));
    }
    if finding::has_errors(&verdict.findings) {
        let count = count.unwrap_or_default();
        return terminal.line(&format!(
            "{place}: {} ({count})",
            terminal.paint("31", "will not install")
        ));
    }
    let kind = match verdict.is_ab {
        true => "A/B",
        false => "for the recovery",
    };
    let signer = verdict.signer.as_ref().map_or_else(String::new, |signer| {
        let subject = signer.subject.as_deref().unwrap_or("an unnamed signer");
        let subject = escape(subject);
        format!(", signed by {subject}, sha256 {}", signer.fingerprint)
    });
    let count = count.map_or_else(String::new, |count| format!("; {count}"));
    let installable = terminal.paint("32", "installable");
    terminal.line(&format!("{place}: {installable} ({kind}{signer}){count}"));
}
