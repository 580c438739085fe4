//! Errors that end a run, each with a hint on what to do.

use std::borrow::Cow;
use std::io;
use std::path::Path;

use romfeed::catalog::file;
use romfeed::generate;
use romfeed::model::config::{COPIES_DIR, STATE_DIR};
use romfeed::publish::writer;
use romfeed::{fetch, source};

use super::chain;
use super::terminal::Terminal;
use crate::cli::escape::{escape, shown};
use crate::cli::nearest::did_you_mean;

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
                "bring it back, for example from git, or correct the name in `catalog = …` of romfeed.toml or after \
                 --catalog, or begin that catalog: `romfeed catalog add --new-catalog --catalog {} …`; only the first \
                 of several may be missing; nothing was written",
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

/// Returns what to do about a manifest that cannot be read. No other file lists the builds that were published.
pub(crate) fn manifest_hint(file: &Path) -> String {
    let file = shown(file);
    format!(
        "take the one of the live site: `curl -fo {file} https://ADDRESS-OF-THE-SITE/.romfeed/manifest.json`; or, if that has \
         none, the last one from a backup or git; if there is none anywhere, remove {file} and run romfeed generate --adopt"
    )
}
