//! README.md, the book in `docs/` and the other documents: links lead somewhere, the book has every
//! page, and the tutorial shows what the program prints.
//!
//! The commands in them are parsed by a test of the command line, in the program itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use super::support::RomDir;

/// The pages of the book.
const BOOK: &str = "docs/src";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the Markdown files at the top of the repository, in `docs/` and in `crates/`, by their
/// path from the top.
fn documents() -> BTreeMap<PathBuf, String> {
    let mut files = Vec::new();
    let is_markdown = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "md");
    let list = |folder: &Path| {
        let entries = fs::read_dir(root().join(folder)).unwrap();
        let paths = entries.map(|entry| folder.join(entry.unwrap().file_name()));
        paths.collect::<Vec<_>>()
    };
    files.extend(list(Path::new("")).into_iter().filter(is_markdown));
    let mut folders = vec![PathBuf::from("docs"), PathBuf::from("crates")];
    while let Some(folder) = folders.pop() {
        for path in list(&folder) {
            match root().join(&path).is_dir() {
                true => folders.push(path),
                false if is_markdown(&path) => files.push(path),
                false => {}
            }
        }
    }
    let read = |path: PathBuf| {
        let text = fs::read_to_string(root().join(&path)).unwrap();
        (path, text)
    };
    files.into_iter().map(read).collect()
}

fn events(text: &str) -> impl Iterator<Item = Event<'_>> {
    Parser::new_ext(text, Options::ENABLE_TABLES)
}

/// Returns the targets of links and pictures, including those in HTML.
fn links(text: &str) -> Vec<String> {
    let mut links = Vec::new();
    for event in events(text) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                links.push(dest_url.into_string());
            }
            Event::Html(html) | Event::InlineHtml(html) => {
                for attribute in [" src=\"", " href=\""] {
                    let values = html.split(attribute).skip(1);
                    links.extend(
                        values.filter_map(|value| Some(value.split_once('"')?.0.to_owned())),
                    );
                }
            }
            _ => {}
        }
    }
    links
}

/// Returns the anchors of headings, as GitHub and mdBook make them: in lower case, spaces as
/// hyphens, without punctuation; a repeated one ends in `-1`.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut counts = BTreeMap::new();
    let mut heading = None;
    for event in events(text) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(text) | Event::Code(text) => {
                heading
                    .iter_mut()
                    .for_each(|heading| heading.push_str(&text));
            }
            Event::End(TagEnd::Heading(_)) => {
                let anchor = slug(&heading.take().unwrap());
                let count = counts.entry(anchor.clone()).or_insert(0);
                anchors.insert(match count {
                    0 => anchor,
                    _ => format!("{anchor}-{count}"),
                });
                *count += 1;
            }
            _ => {}
        }
    }
    anchors
}

fn slug(heading: &str) -> String {
    let is_kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let lower = heading.trim().to_lowercase();
    lower
        .chars()
        .filter(is_kept)
        .collect::<String>()
        .replace(' ', "-")
}

/// Returns the path without `.` and `..`; `None` if it leads out of the repository.
fn normalize(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => normal.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                normal.pop().then_some(())?;
            }
            Component::Prefix(_) | Component::RootDir => return None,
        }
    }
    Some(normal)
}

/// Returns why a link in a document leads nowhere, if it does.
fn fault(documents: &BTreeMap<PathBuf, String>, from: &Path, link: &str) -> Option<&'static str> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = match file {
        "" => from.to_owned(),
        file => match normalize(&from.parent().unwrap().join(file)) {
            Some(target) => target,
            None => return Some("leads out of the repository"),
        },
    };
    if !documents.contains_key(&target) && !root().join(&target).exists() {
        return Some("names no file");
    }
    let has_anchor = |text: &String| anchors(text).contains(anchor);
    match anchor.is_empty() || documents.get(&target).is_some_and(has_anchor) {
        true => None,
        false => Some("names no heading"),
    }
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let documents = documents();
    assert!(documents.len() > 40, "{:?}", documents.keys());
    let mut faults = Vec::new();
    for (file, text) in &documents {
        for link in links(text) {
            if let Some(fault) = fault(&documents, file, &link) {
                faults.push(format!("{}: {link} {fault}", file.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let text = "# Once\n\n## `a-b` & c\n\n## Once\n\n![x](no.png) [y](#once-1) [z](#a-b--c) <img src=\"i.png\">\n";
    let page = PathBuf::from("docs/page.md");
    let documents = BTreeMap::from([(page.clone(), text.to_owned())]);
    let fault = |link: &str| fault(&documents, &page, link);
    assert_eq!(links(text), ["no.png", "#once-1", "#a-b--c", "i.png"]);
    assert_eq!(fault("#once-1"), None);
    assert_eq!(fault("#a-b--c"), None);
    assert_eq!(fault("#once-2"), Some("names no heading"));
    assert_eq!(fault("no.png"), Some("names no file"));
    assert_eq!(fault("../Cargo.toml"), None);
    assert_eq!(fault("../../x"), Some("leads out of the repository"));
    assert_eq!(fault("https://example.org/#x"), None);
}

#[test]
fn every_page_is_in_the_table_of_contents_once() {
    let documents = documents();
    let in_book = |path: &&PathBuf| path.starts_with(BOOK) && !path.ends_with("SUMMARY.md");
    let pages: Vec<&PathBuf> = documents.keys().filter(in_book).collect();
    let summary = Path::new(BOOK).join("SUMMARY.md");
    let listed = links(&documents[&summary]);
    let mut listed: Vec<PathBuf> = listed
        .iter()
        .map(|link| Path::new(BOOK).join(link))
        .collect();
    listed.sort();
    assert_eq!(listed.iter().collect::<Vec<_>>(), pages);
}

/// Returns code blocks, each with its language.
fn code_blocks(text: &str) -> Vec<(String, String)> {
    let mut blocks: Vec<(String, String)> = Vec::new();
    let mut is_code = false;
    for event in events(text) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                is_code = true;
                blocks.push((language.into_string(), String::new()));
            }
            Event::End(TagEnd::CodeBlock) => is_code = false,
            Event::Text(text) if is_code => blocks.last_mut().unwrap().1.push_str(&text),
            _ => {}
        }
    }
    blocks
}

/// A folder for files of the sample builds.
struct Tutorial {
    dir: RomDir,
    lines: BTreeSet<String>,
}

impl Tutorial {
    const FOLDER: &str = "builds/enchilada";

    fn put(&self, name: &str) {
        let path = format!("{}/{name}", Self::FOLDER);
        let bytes = fs::read(root().join(&path)).unwrap();
        self.dir.put(&path, bytes);
    }

    /// Runs a command, and records what it prints.
    fn run(&mut self, args: &[&str]) {
        let run = self.dir.run(args).expect(0);
        let lines = run.stdout.lines().chain(run.stderr.lines());
        self.lines.extend(lines.map(str::to_owned));
    }
}

#[test]
fn the_tutorial_shows_what_the_program_prints() {
    let (may, june) = (
        "lineage-22.2-20250517-UNOFFICIAL-enchilada.zip",
        "lineage-22.2-20250614-UNOFFICIAL-enchilada",
    );
    let zip = format!("{}/{may}", Tutorial::FOLDER);
    let mut tutorial = Tutorial {
        dir: RomDir::new(),
        lines: BTreeSet::new(),
    };
    tutorial.put(may);
    tutorial.run(&["inspect", &zip]);
    tutorial.run(&[
        "init",
        "--host",
        "nginx",
        "--base-url",
        "https://ota.example.org",
    ]);
    tutorial.run(&["generate"]);
    tutorial.run(&["check"]);
    tutorial.run(&["simulate", "--zip", &zip]);
    tutorial.put(&format!("{june}.zip"));
    tutorial.put(&format!("{june}.md"));
    tutorial.run(&["generate"]);
    tutorial.run(&["simulate", "--zip", &zip]);
    let june = format!("{june}.zip");
    tutorial.run(&["catalog", "yank", &june, "--reason", "no sound"]);
    let mut num_lines = 0;
    for page in ["first-site.md", "first-phone.md", "second-build.md"] {
        let text = fs::read_to_string(root().join(BOOK).join("tutorial").join(page)).unwrap();
        for pair in code_blocks(&text).windows(2) {
            // Output follows a command.
            let [(before, _), (language, block)] = pair else {
                continue;
            };
            if before != "sh" || language != "text" {
                continue;
            }
            for line in block.lines().filter(|line| *line != "…") {
                assert!(
                    tutorial.lines.contains(line),
                    "{page} shows, and nothing prints: {line}"
                );
                num_lines += 1;
            }
        }
    }
    assert!(num_lines > 30, "{num_lines} lines");
}
