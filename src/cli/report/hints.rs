//! Errors of packages and runs, each with a hint on what to do.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::io;
use std::path::Path;

use ota_view::error_kind::chain;
use ota_view::io::{Exceeded, ReadError};
use romfeed::catalog::file;
use romfeed::fetch::{self, RemoteError};
use romfeed::generate::{self, Fault, SuggestedRule};
use romfeed::ingest;
use romfeed::ingest::scan::Problem;
use romfeed::model::config::{COPIES_DIR, STATE_DIR};
use romfeed::model::fault_kind::FaultKind;
use romfeed::publish::writer;
use romfeed::source;

use super::MAX_ALIKE;
use super::terminal::Terminal;
use crate::cli::escape::{escape, shown};
use crate::cli::nearest::did_you_mean;

/// Returns what to do about a manifest that cannot be read. No other file lists the builds that were published.
pub(crate) fn manifest_hint(file: &Path) -> String {
    let file = shown(file);
    format!(
        "take the one of the live site: `curl -fo {file} https://ADDRESS-OF-THE-SITE/.romfeed/manifest.json`; if that has \
         none, the last one from a backup or git; without any, remove {file} and run romfeed generate --adopt"
    )
}

/// Returns what to do about the error of a package.
fn hint(fault: &Fault) -> &'static str {
    type_hint(fault)
        .or_else(|| cause_hint(&*fault.error))
        .unwrap_or_else(|| kind_hint(fault))
}

/// Returns the hint for an error that names what to change.
fn type_hint(fault: &Fault) -> Option<&'static str> {
    Some(match fault.error.downcast_ref() {
        Some(
            ingest::Error::NotAPath(_) | ingest::Error::BadFact { .. } | ingest::Error::Future(_),
        ) => "set the right value under [[override]] in romfeed.toml",
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

/// Prints why a run ended early, and what to do about it.
pub(crate) fn print_run_error(terminal: Terminal, error: &generate::Error) {
    terminal.error(&chain(error), run_hint(error).as_deref());
}

/// Returns what to do about the error of a run.
fn run_hint(error: &generate::Error) -> Option<String> {
    if let generate::Error::CatalogGone { catalog, .. }
    | generate::Error::BuildsLost { catalog, .. } = error
        && let Some(bucket) = bucket_of_copy(&catalog.to_string_lossy())
    {
        return Some(format!(
            "put its objects back into {bucket}, from their earlier versions or a backup; --new-catalog publishes \
             without them"
        ));
    }
    let hint = match error {
        generate::Error::NoAddress { device, .. } => return Some(address_hint(device)),
        generate::Error::CatalogGone { catalog, .. } => {
            let catalog = shown(catalog);
            return Some(format!(
                "restore it, for example with `git checkout -- {catalog}`; --new-catalog publishes \
                 without the builds it had"
            ));
        }
        generate::Error::BuildsLost { catalog, .. } => {
            let catalog = shown(catalog);
            return Some(format!(
                "restore its records (`git log -p -- {catalog}` shows them), or name the other \
                 catalog with --catalog; --new-catalog publishes without them"
            ));
        }
        generate::Error::Writer(error) => return writer_hint(error),
        generate::Error::List { source, .. } => match source.kind() {
            io::ErrorKind::PermissionDenied => {
                "run as a user who may read it, or make the folder readable"
            }
            _ => return io_hint(source, "nothing was published: "),
        },
        generate::Error::Write { source, .. } => return io_hint(source, ""),
        generate::Error::CatalogInOut { .. } => {
            "keep the catalog next to romfeed.toml, with --catalog or `catalog = …`"
        }
        generate::Error::ChangelogsInOut { .. } => {
            "keep it next to the catalog, with --changelogs or `changelogs = …`"
        }
        generate::Error::Catalog(error) => return Some(catalog_hint(error).into_owned()),
        generate::Error::Contradiction(_) => {
            "remove the wrong one: romfeed catalog remove --catalog FILE BUILD"
        }
        generate::Error::UnknownDevice { device, known } => {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let near = did_you_mean(device, known.iter().copied());
            return Some(near.unwrap_or_else(|| match known.is_empty() {
                true => "put a package of it into the builds folder first".to_owned(),
                false => format!("the known devices are: {}", known.join(", ")),
            }));
        }
        generate::Error::OutIsBuilds { .. } => {
            "choose another --out; the publish script uploads zips from the builds folder"
        }
        generate::Error::BuildsNotAFolder { .. } => {
            "name the folder of the zips; for a single zip, use `romfeed catalog add --zip`"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// Returns what to do about a catalog that cannot be read. An earlier version of the whole file would lack
/// builds, so that is never advised.
pub(crate) fn catalog_hint(error: &file::Error) -> Cow<'static, str> {
    if let Some(hint) = object_hint(error) {
        return Cow::Owned(hint);
    }
    let hint = match error {
        file::Error::Schema { .. } => {
            "update romfeed: a newer version wrote this file; nothing was changed"
        }
        file::Error::Conflict { .. } => {
            "merge them, so that no build of either is lost: romfeed catalog merge"
        }
        file::Error::OtherDevice { .. } => {
            "move these records to that file, or rename this one; nothing was written"
        }
        file::Error::Foreign { .. } => {
            "move it to another folder, or give it another ending: in a folder of catalogs, whatever ends in .json is one; nothing was written"
        }
        file::Error::Empty { .. } => {
            "bring back what it had: `git log -p` shows it; nothing was written"
        }
        file::Error::Io { .. } => {
            "make it a file that can be read; in a folder of catalogs, whatever ends in .json is one; nothing was written"
        }
        file::Error::Twice { .. } => {
            "remove the wrong one of the two records from its file; nothing was written"
        }
        file::Error::Missing { file } => {
            return Cow::Owned(format!(
                "romfeed begins the first catalog alone, and only reads the others: correct the name in `catalog = …` \
                 of romfeed.toml or after --catalog, or begin it with its first build: \
                 `romfeed catalog add --catalog {} …`; nothing was written",
                escape(file)
            ));
        }
        file::Error::TwoForms { .. } => {
            "`romfeed catalog split` keeps the folder and `join` the file, if they are equal; otherwise \
             they say what differs"
        }
        file::Error::FormsDiffer { file, folder, .. } => {
            let [file, folder] = [file, folder].map(|path| escape(path));
            return Cow::Owned(format!(
                "remove the older one: `rm {file}`, or `rm {folder}*.json`; `git log -- {file} {folder}` \
                 shows when they changed"
            ));
        }
        file::Error::Moved { to, .. } => {
            let to = escape(to);
            return Cow::Owned(format!(
                "set `catalog = \"{to}\"` in romfeed.toml, or name it with --catalog"
            ));
        }
        file::Error::Shared(error) if is_untrusted(error) => {
            "if its certificate is from an authority of your own, name that: `ca = \"FILE.pem\"` under [s3] in romfeed.toml; \
             nothing was written"
        }
        file::Error::Shared(_) => {
            "nothing was written, and nothing in the bucket is lost; try again when that is in order"
        }
        _ => {
            "correct that place: `git log -p` shows how it was; in a merge of git, `romfeed catalog \
             merge` unites both sides; nothing was written"
        }
    };
    Cow::Borrowed(hint)
}

/// Whether a bucket cannot be read because of the certificate of its host.
fn is_untrusted(error: &io::Error) -> bool {
    let source = error.get_ref().and_then(|error| error.downcast_ref());
    let is_tls = |fault: &fetch::Fault| matches!(fault, fetch::Fault::Tls(_));
    matches!(source, Some(source::Error::Fetch { fault, .. }) if is_tls(fault))
}

/// Returns what to do about an object of a catalog in a bucket; none for other catalogs.
fn object_hint(error: &file::Error) -> Option<String> {
    Some(match error {
        file::Error::Json { file, .. }
        | file::Error::Record { file, .. }
        | file::Error::OtherDevice { file, .. }
        | file::Error::Conflict { file, .. } => {
            let object = bucket_of_copy(file)?;
            format!(
                "this is the copy of {object}: correct that object, or put its earlier version back; nothing was written"
            )
        }
        file::Error::Empty { file } => {
            let object = bucket_of_copy(file)?;
            format!(
                "this is the copy of {object}: put the earlier version of that object back; nothing was written"
            )
        }
        file::Error::Schema { file, .. } => {
            let object = bucket_of_copy(file)?;
            format!("update romfeed: a newer version wrote {object}; nothing was changed")
        }
        file::Error::Twice { first, second, .. } => {
            let [first, second] = [bucket_of_copy(first)?, bucket_of_copy(second)?];
            format!(
                "these are the copies of {first} and {second}: remove the wrong one of the two records from its \
                 object, or put the earlier version of that object back; nothing was written"
            )
        }
        _ => return None,
    })
}

/// Returns the address of the bucket or the object of which this path is the copy; none for other paths.
fn bucket_of_copy(path: &str) -> Option<String> {
    let path = path.replace('\\', "/");
    let (_, name) = path.split_once(&format!("{STATE_DIR}/{COPIES_DIR}/"))?;
    Some(format!("s3://{}", escape(name)))
}

/// Returns the settings for the address of the site or of its zips.
fn address_hint(device: &str) -> String {
    format!(
        "name the address of the site:   --base-url https://example.org/ota\n        \
         or in romfeed.toml:             base_url = \"https://example.org/ota\"\n        \
         zips on another host:           --url 'https://example.org/{{device}}/{{filename}}'  (as in …/{device}/…)\n        \
         or in romfeed.toml:             url = \"https://example.org/{{device}}/{{filename}}\""
    )
}

/// Returns what to do about the folder of the site.
fn writer_hint(error: &writer::Error) -> Option<String> {
    let hint = match error {
        writer::Error::NotOurs { .. } => {
            "choose another --out, or take over the folder with romfeed generate --adopt"
        }
        writer::Error::Manifest { file, .. } => return Some(manifest_hint(file)),
        writer::Error::ManifestSchema { .. } => "update romfeed: a newer version wrote this folder",
        writer::Error::Case { .. } => {
            "write the site to another file system with --out, or remove one of the builds: \
             `exclude` in romfeed.toml, or romfeed catalog remove"
        }
        writer::Error::Locked { .. } => "wait until it ends; the lock ends with the process",
        writer::Error::Io { verb, source, .. } => {
            let before = match *verb {
                "create" | "write" | "remove" => {
                    "the site may be half written, so do not upload it: "
                }
                _ => "nothing was published: ",
            };
            return io_hint(source, before);
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

/// Returns what to do about a folder that cannot be written to; `before` is the beginning of the hint.
fn io_hint(error: &io::Error, before: &str) -> Option<String> {
    Some(match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("{before}free some space and run again")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            format!("{before}run as a user who may write there, or make the folder writable")
        }
        io::ErrorKind::FileTooLarge => {
            format!("{before}raise the limit on the size of files (`ulimit -f`) and run again")
        }
        io::ErrorKind::ResourceBusy => {
            format!("{before}if the file itself is mounted here, mount its folder instead")
        }
        io::ErrorKind::IsADirectory
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::AlreadyExists => {
            format!("{before}another file or folder has this name: move it away, and run again")
        }
        _ => return None,
    })
}
