//! Licence texts of the crates in the program, which have to accompany copies of it.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path, process::Command};

use walkdir::{DirEntry, WalkDir};

use super::metadata::Metadata;
use crate::tools::{Result, run};

/// Prefixes of the names of licence files, in lower case.
const NAMES: [&str; 6] = [
    "license",
    "licence",
    "copying",
    "copyright",
    "notice",
    "unlicense",
];

/// Prefixes of folders whose contents are not part of the program.
const UNUSED: [&str; 3] = ["tests", "benches", "examples"];

/// musl is linked into the Linux programs, and its licence requires the notice.
const MUSL: &str = "\
Programs for Linux contain [musl](https://musl.libc.org), under the MIT licence: Copyright ©
2005-2020 Rich Felker, et al. All contain the standard library of [Rust](https://www.rust-lang.org),
under MIT or Apache-2.0; its own notices are in RUST-LIBRARY.html. The text of the MIT licence is
the one in LICENSE-MIT.
";

/// Renders the notices: each text once, under the crates that have it.
pub(super) fn render(metadata: &Metadata) -> Result<String> {
    let mut text = "# What romfeed is made of\n\n".to_owned();
    text.push_str("The program contains these crates, from https://crates.io:\n\n");
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in metadata.linked()? {
        let name = format!("{} {}", package.name, package.version);
        let terms = package.license.as_deref().unwrap_or("see below");
        writeln!(text, "- {name}: {terms}")?;
        for terms in read_terms(package.folder()?)? {
            texts.entry(terms).or_default().push(name.clone());
        }
    }
    write!(text, "\n{MUSL}")?;
    let mut texts: Vec<_> = texts.into_iter().map(|(text, of)| (of, text)).collect();
    texts.sort();
    for (crates, terms) in texts {
        write!(text, "\n## {}\n\n", crates.join(", "))?;
        for line in terms.lines() {
            writeln!(text, "{}", format!("    {line}").trim_end())?;
        }
    }
    Ok(text)
}

/// Returns a crate's licence texts, including those of code that it has copied, with `
/// ` line ends.
fn read_terms(folder: &Path) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    let walk = WalkDir::new(folder).sort_by_file_name().into_iter();
    for entry in walk.filter_entry(|entry| !is_name(entry, &UNUSED)) {
        let entry = entry?;
        if entry.file_type().is_file() && is_name(&entry, &NAMES) && !is_source(entry.path()) {
            let text = String::from_utf8_lossy(&fs::read(entry.path())?).replace("\r\n", "\n");
            texts.push(text.trim_end().to_owned());
        }
    }
    Ok(texts)
}

/// Whether the name begins with one of the prefixes, ignoring case.
fn is_name(entry: &DirEntry, starts: &[&str]) -> bool {
    let name = entry.file_name().to_string_lossy().to_lowercase();
    entry.depth() > 0 && starts.iter().any(|start| name.starts_with(start))
}

fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

/// Returns the notices of Rust's standard library, as rustup installs them with the compiler.
pub(super) fn read_library() -> Result<Vec<u8>> {
    let sysroot = String::from_utf8(run(Command::new("rustc").args(["--print", "sysroot"]))?)?;
    let path = Path::new(sysroot.trim()).join("share/doc/rust/COPYRIGHT-library.html");
    fs::read(&path).map_err(|error| format!("{}: {error}", path.display()).into())
}
