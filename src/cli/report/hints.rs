//! Errors of packages, each with a hint on what to do.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::io;

use ota_view::error_kind::chain;
use ota_view::io::{Exceeded, ReadError};
use romfeed::fetch::{self, RemoteError};
use romfeed::generate::{self, Fault, SuggestedRule};
use romfeed::ingest;
use romfeed::ingest::scan::Problem;
use romfeed::model::fault_kind::FaultKind;
use romfeed::source;

use super::MAX_ALIKE;
use super::terminal::Terminal;
use crate::cli::escape::{escape, shown};

/// Returns what to do about the error of a package.
fn hint(fault: &Fault) -> &'static str {
    type_hint(fault)
        .or_else(|| cause_hint(&*fault.error))
        .unwrap_or_else(|| kind_hint(fault))
}

/// Returns the hint for an error that names what to change.
fn type_hint(fault: &Fault) -> Option<&'static str> {
    Some(match fault.error.downcast_ref() {
        Some(ingest::Error::NotAPath(_) | ingest::Error::BadFact { .. }) => {
            "set the right value under [[override]] in romfeed.toml"
        }
        Some(ingest::Error::Future(_)) => {
            "build it again with the right clock: phones that installed this one would see no newer build"
        }
        Some(ingest::Error::BadName { .. }) => "rename it",
        Some(
            ingest::Error::StrayBuildProp { .. }
            | ingest::Error::Remembered {
                kind: FaultKind::Conflict,
                ..
            },
        ) => "remove `system/build.prop` from the zip, sign it again, then run again",
        Some(ingest::Error::Open(error)) if error.kind() == io::ErrorKind::NotFound => {
            "check the name; a link may lead to a file that is gone"
        }
        Some(ingest::Error::Open(_)) => "check that it is a file, and its permissions",
        Some(ingest::Error::OtherSize { .. }) => {
            "run again when it is uploaded; if the list stays wrong, make it again"
        }
        Some(ingest::Error::Disagreement { .. }) => {
            "find out which is right with `romfeed hash --sha256 ZIP`, and correct the other"
        }
        Some(ingest::Error::WrongChecksumFile { .. }) => {
            "make the checksum file again from the zip; upload another zip under another name"
        }
        Some(ingest::Error::UnclearChange { .. }) => {
            "`romfeed generate --rehash` reads all of the zip again, and goes by what it finds"
        }
        Some(_) => return None,
        None if fault.error.is::<generate::Overwritten>() => {
            return overwritten_hint(&*fault.error);
        }
        None if fault.error.is::<generate::InTheWay>() => {
            "move them out of the folder of the site, or give them other names, and run again"
        }
        None if fault.error.is::<generate::WithoutRanges>() => host_hint(&RemoteError::NoRanges),
        None if fault.error.is::<generate::Objection>() => objection_hint(fault),
        None if fault.error.is::<generate::UnreadableCatalog>() => match fault.kind {
            FaultKind::Conflict => {
                "remove the wrong one of the two records from its file; the catalogs of other devices go on"
            }
            _ => {
                "correct that place: `git log -p` shows how it was; the catalogs of other devices go on"
            }
        },
        None if fault.error.is::<generate::Loss>() => {
            "look at the host first: builds that are retired are no longer offered"
        }
        None if let Some(error) = fault.error.downcast_ref() => list_hint(error),
        None if let Some(problem) = fault.error.downcast_ref() => problem_hint(problem),
        None => fault.error.downcast_ref::<generate::Refused>()?.0.fix(),
    })
}

/// Returns the hint for a package that has overwritten a published one, unless its host is out of order.
fn overwritten_hint(error: &(dyn Error + 'static)) -> Option<&'static str> {
    RemoteError::inside(error).is_none().then_some(
        "run again when its upload is complete; if it is, upload the published zip again, or take its build out of the \
         lists with `romfeed catalog yank`, and give a new zip another name",
    )
}

/// Returns the hint for an error that another one caused: too little space or time.
fn cause_hint(error: &(dyn Error + 'static)) -> Option<&'static str> {
    if let Some(error) = RemoteError::inside(error) {
        return Some(host_hint(error));
    }
    let causes = std::iter::successors(Some(error), |&error| error.source());
    let mut hints = causes.filter_map(|error| match error.downcast_ref()? {
        ReadError::Store { .. } | ReadError::Exceeded(Exceeded::Space { .. }) => {
            Some("name another folder: TMPDIR=/path/to/folder")
        }
        ReadError::Exceeded(Exceeded::RunTime { .. }) => Some(
            "run again: finished packages are remembered; move out packages that take long each time",
        ),
        _ => None,
    });
    hints.next()
}

/// Returns the hint for a host that does not send a file.
fn host_hint(error: &RemoteError) -> &'static str {
    match error {
        RemoteError::Fault(fault) => connection_hint(fault),
        RemoteError::NoRanges | RemoteError::Encoded(_) => {
            "let the host send zips as they are and in parts (Range requests), or put them into the builds folder"
        }
        RemoteError::Page | RemoteError::Status(400..500) => {
            "open its address in a browser: the host may want a login, or have moved it"
        }
        RemoteError::Changed => "run again when its upload is complete",
        RemoteError::Downgrade => "let the host redirect to https addresses only",
        _ => LATER,
    }
}

/// The hint for a host that may be in order again.
const LATER: &str = "run again later";

/// Returns the hint for a host that does not answer.
fn connection_hint(fault: &fetch::Fault) -> &'static str {
    use fetch::Fault as Cause;
    match fault {
        Cause::Name { .. } => "check the address, and the network of this machine",
        Cause::Address { .. } | Cause::NotPublic { .. } | Cause::RedirectedInside { .. } => {
            "correct the address at the host; a public host may only lead to public hosts"
        }
        Cause::Tls(_) => {
            "correct the certificate of the host; --ca names one to trust on this machine"
        }
        Cause::Redirects { .. } => "correct the redirect at the host",
        _ => LATER,
    }
}

/// Returns the hint for a source that cannot be listed.
fn list_hint(error: &source::Error) -> &'static str {
    match error {
        source::Error::Fetch { fault, .. } => connection_hint(fault),
        source::Error::Status { status: 500.., .. } => LATER,
        source::Error::Status { .. } | source::Error::Format { .. } => {
            "check the source in romfeed.toml, and open that address in a browser"
        }
        source::Error::RateLimited { .. } => "run again after that time",
        source::Error::TooMany { .. } => "name a smaller folder or project in romfeed.toml",
        source::Error::File { .. } => "check `files` in romfeed.toml, and write the list again",
        _ => LATER,
    }
}

/// Returns the hint for any error of a kind.
fn kind_hint(fault: &Fault) -> &'static str {
    match fault.kind {
        FaultKind::NotAZip => "remove it, or copy the package again",
        FaultKind::Truncated => "wait until the copy is complete, then run again",
        FaultKind::NotARom => {
            "move it out of the builds folder, or list it under `exclude` in romfeed.toml"
        }
        FaultKind::Corrupt => "build or copy the package again; `unzip -t` shows more",
        FaultKind::Limit | FaultKind::Unsupported => {
            "publish it with `romfeed catalog add` and its facts"
        }
        FaultKind::MissingFacts => {
            "put the build's build.prop next to it as <zip>.prop, or set the facts under [[override]] in romfeed.toml"
        }
        FaultKind::Conflict if fault.error.is::<ingest::Error>() => {
            "set the right value under [[override]] in romfeed.toml"
        }
        FaultKind::Conflict if fault.error.is::<generate::OtherDevice>() => {
            "take it out of that source, or add the source to the settings of its device"
        }
        FaultKind::Conflict if fault.error.is::<generate::NameTaken>() => {
            "give this zip another name; if the published build is wrong, run `romfeed catalog remove FILENAME` first"
        }
        FaultKind::Conflict => "rename or remove one of the two",
        FaultKind::HashMismatch => "copy the package again, or create its digest file again",
        FaultKind::BadSignature => "sign the package again",
        FaultKind::Io => {
            "check the file and its permissions; if it is still being written, run again later"
        }
    }
}

fn problem_hint(problem: &Problem) -> &'static str {
    match problem {
        Problem::Loop => "remove the link",
        Problem::Unreadable(_) => {
            "check the file and its permissions; remove a link to a missing file"
        }
        Problem::NotFollowed(_) => {
            "they stay published; set follow_links = true in romfeed.toml, or move the folder itself here"
        }
        Problem::TooDeep => "move the builds to a folder with a shorter path",
        Problem::NotUtf8 => "rename it",
    }
}

fn objection_hint(fault: &Fault) -> &'static str {
    match fault.error.downcast_ref() {
        Some(generate::Objection::Device { .. }) => {
            "build it without that property; or, if phones of both devices can install it, set same_lane = true under [device.<that name>] in romfeed.toml, or in devices.d/<that name>.toml if it has this file"
        }
        Some(generate::Objection::Variant { .. }) => {
            "set up [[variant]] in romfeed.toml, or same_lane = true under its device if phones can install either"
        }
        Some(generate::Objection::Signer { found: None, .. }) => {
            "sign it; or name the file under accept_new_signer in romfeed.toml if phones take it as it is"
        }
        _ => {
            "sign it with the old key; or, if phones were given the new one, add its fingerprint to accept_new_signer in romfeed.toml"
        }
    }
}

/// Returns the rule that would let a package in as another variant.
fn suggested_rule(fault: &Fault) -> Option<&SuggestedRule> {
    match fault.error.downcast_ref()? {
        generate::Objection::Variant { rule, .. } => rule.as_ref(),
        _ => None,
    }
}

/// Returns the settings that let packages in as other variants.
fn variant_hint(rules: &BTreeSet<&SuggestedRule>) -> String {
    let mut hint = "if phones cannot install either, put this into romfeed.toml; if they can, same_lane = true under \
                    [device.NAME]"
        .to_owned();
    for SuggestedRule { name, package } in rules {
        let _ = write!(
            hint,
            "\n        [[variant]]\n        name = \"{name}\"\n        package = \"{package}\""
        );
    }
    hint
}

/// Returns where to move a thing in the way of pages.
fn in_the_way_hint(thing: &generate::InTheWay) -> String {
    let file = shown(&thing.file);
    let name = thing.file.file_name().unwrap_or_default();
    let name = escape(&name.to_string_lossy());
    format!(
        "move it out of the site, or give it another name there, and run again: `mv {file} {name}.old`"
    )
}

/// Prints the error of a package.
pub(crate) fn print_fault(terminal: Terminal, fault: &Fault) {
    let rules: BTreeSet<&SuggestedRule> = suggested_rule(fault).into_iter().collect();
    if !rules.is_empty() {
        return print_error(terminal, fault, Some(&variant_hint(&rules)));
    }
    match fault.error.downcast_ref() {
        Some(thing) => print_error(terminal, fault, Some(&in_the_way_hint(thing))),
        None => print_error(terminal, fault, Some(hint(fault))),
    }
}

fn print_error(terminal: Terminal, fault: &Fault, hint: Option<&str>) {
    let path = escape(&fault.path);
    terminal.error(&format!("{path}: {}", chain(&*fault.error)), hint);
    if terminal.verbosity > 1 && fault.error.source().is_some() {
        let mut cause: Option<&(dyn Error + 'static)> = Some(&*fault.error);
        while let Some(error) = cause {
            terminal.line(&format!("    {error}"));
            cause = error.source();
        }
    }
}

/// Prints the errors of packages. Of many with the same hint, only the first are named unless `-v` is
/// given.
pub(super) fn print_faults(terminal: Terminal, faults: &[Fault]) {
    let mut num_alike: BTreeMap<&str, usize> = BTreeMap::new();
    let (variants, others): (Vec<&Fault>, Vec<&Fault>) = faults
        .iter()
        .partition(|fault| suggested_rule(fault).is_some());
    print_variants(terminal, &variants);
    for fault in others {
        let num = num_alike.entry(hint(fault)).or_default();
        *num += 1;
        if *num <= MAX_ALIKE || terminal.verbosity > 0 {
            print_fault(terminal, fault);
        }
    }
    for (hint, num) in num_alike {
        let num_more = num.saturating_sub(MAX_ALIKE);
        if num_more > 0 && terminal.verbosity == 0 {
            terminal.error(
                &format!("{num_more} more like these; -v lists them"),
                Some(hint),
            );
        }
    }
}

/// Prints the packages that seem to be of other variants, and then the settings for all of them together.
fn print_variants(terminal: Terminal, faults: &[&Fault]) {
    let rules: BTreeSet<&SuggestedRule> = faults
        .iter()
        .filter_map(|fault| suggested_rule(fault))
        .collect();
    let hint = variant_hint(&rules);
    let num_shown = match terminal.verbosity {
        0 => faults.len().min(MAX_ALIKE),
        _ => faults.len(),
    };
    for (index, fault) in faults[..num_shown].iter().enumerate() {
        let is_last = index + 1 == faults.len();
        print_error(terminal, fault, is_last.then_some(hint.as_str()));
    }
    let num_more = faults.len() - num_shown;
    if num_more > 0 {
        let text = format!("{num_more} more like these; -v lists them");
        terminal.error(&text, Some(&hint));
    }
}
