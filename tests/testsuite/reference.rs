//! The book's reference pages, compared with the program's own output.
//!
//! `UPDATE_BOOK=1 cargo test --test testsuite reference::` writes the generated parts again.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

use romfeed::model::family::FAMILIES;
use romfeed::publish::feed::template::SHIPPED;
use romfeed::publish::feed::template::context::BuildValues;

use super::support::{RomDir, bacon, bacon_name};

/// Width at which help is wrapped on the page, in characters.
#[cfg(feature = "serve")]
const WIDTH: (&str, &str) = ("COLUMNS", "100");

fn page_path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("docs/src")
        .join(name)
}

fn read_page(name: &str) -> String {
    let path = page_path(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Fails unless the page is `expected`; or writes it, if the environment asks for that.
#[track_caller]
fn expect_page(name: &str, expected: &str) {
    if std::env::var_os("UPDATE_BOOK").is_some() {
        std::fs::write(page_path(name), expected).unwrap();
        return;
    }
    let page = read_page(name);
    let lines = page.lines().zip(expected.lines());
    let first = lines.enumerate().find(|(_, (is, should))| is != should);
    assert!(
        page == expected,
        "docs/src/{name} is out of date at line {}; set UPDATE_BOOK=1 and run this test again:\n{:?}",
        first.map_or(page.lines().count(), |(line, _)| line) + 1,
        first.map(|(_, lines)| lines),
    );
}

/// Returns the rules that `check` looks for.
fn rules() -> Vec<Value> {
    let run = RomDir::new().run(&["check", "--rules", "--json"]).expect(0);
    let lines = run.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A section of the rules page: its heading, and the paragraphs under it.
fn sections(page: &str) -> Vec<(&str, Vec<&str>)> {
    let sections = page.split("\n### ").skip(1);
    let sections = sections.map(|section| {
        let section = section.split("\n## ").next().unwrap_or_default();
        let mut paragraphs = section.trim_end().split("\n\n");
        let heading = paragraphs.next().unwrap_or_default();
        (heading, paragraphs.collect())
    });
    sections.collect()
}

#[test]
fn every_rule_has_a_section_with_its_fix_and_its_source() {
    const PAGE: &str = "troubleshooting/rules.md";
    let page = read_page(PAGE);
    let rules = rules();
    let ids: Vec<&str> = rules
        .iter()
        .map(|rule| rule["id"].as_str().unwrap())
        .collect();
    let headings: Vec<&str> = sections(&page)
        .iter()
        .map(|(heading, _)| *heading)
        .collect();
    assert_eq!(headings, ids, "the headings of docs/src/{PAGE}");
    let mut expected = page.clone();
    for ((id, paragraphs), rule) in sections(&page).into_iter().zip(&rules) {
        let [first, explanation @ .., last] = &paragraphs[..] else {
            panic!("{id} has less than two paragraphs");
        };
        assert!(!explanation.is_empty(), "{id} has no explanation");
        let text = |key: &str| rule[key].as_str().unwrap();
        let capital = |text: &str| text[..1].to_uppercase() + &text[1..];
        let (severity, title) = (capital(text("severity")), text("title"));
        let ending = format!("- Fix: {}.\n- Source: {}.", text("fix"), text("source"));
        let was = format!(
            "### {id}\n\n{first}\n\n{}\n\n{last}",
            explanation.join("\n\n")
        );
        let is = format!(
            "### {id}\n\n*{severity}*: {title}.\n\n{}\n\n{ending}",
            explanation.join("\n\n")
        );
        assert!(expected.contains(&was), "{id}");
        expected = expected.replace(&was, &is);
    }
    expect_page(PAGE, &expected);
}

/// Removes the marks of emphasis and links from a paragraph of the page of rules.
fn without_marks(paragraph: &str) -> String {
    let mut text = paragraph.to_owned();
    for severity in ["Error", "Warning"] {
        text = text.replacen(&format!("*{severity}*: "), &format!("{severity}: "), 1);
    }
    while let Some((start, end)) = text.split_once("](#") {
        let (before, label) = start.rsplit_once('[').unwrap();
        let (_, after) = end.split_once(')').unwrap();
        text = format!("{before}{label}{after}");
    }
    text
}

#[test]
fn check_explains_rules_with_the_text_of_the_book() {
    let dir = RomDir::new();
    let page = read_page("troubleshooting/rules.md");
    for (id, paragraphs) in sections(&page) {
        let run = dir.run(&["check", "--explain", id]).expect(0);
        let text = without_marks(&paragraphs.join("\n\n"));
        // Lines of the page are broken inside of code, too, which is shown in one line.
        let in_one_line = |text: &str| text.replace('\n', " ");
        let expected = in_one_line(&format!("{id}\n\n{text}\n"));
        assert_eq!(in_one_line(&run.stdout), expected);
    }
    let run = dir
        .run(&["check", "--explain", "zip-gzip", "feed-case"])
        .expect(0);
    assert!(run.stdout.contains("\n\nfeed-case\n\n"), "{}", run.stdout);
    let colored = ["check", "--explain", "zip-gzip", "--color", "always"];
    let run = dir.run(&colored).expect(0);
    let start = "\u{1b}[1mzip-gzip\u{1b}[0m\n\n\u{1b}[1mError\u{1b}[0m: the host does not";
    assert!(run.stdout.starts_with(start), "{}", run.stdout);
    dir.run(&["check", "--explain", "zip-gzip", "--json"])
        .expect(2);
}

#[test]
fn an_unknown_rule_gets_the_nearest() {
    let dir = RomDir::new();
    let explain = |id: &str| dir.run(&["check", "--explain", id]).expect(2).stderr;
    for (id, hint) in [
        ("zip-gzp", "did you mean `zip-gzip`? "),
        (
            "signature",
            "did you mean `signature-invalid`, `signature-missing` or `signature-recovery`? ",
        ),
        ("colour", ""),
    ] {
        let start = format!(
            "error: there is no rule `{id}`\n  hint: {hint}`romfeed check --rules` lists all\n"
        );
        let found = explain(id);
        assert!(found.starts_with(&start), "{found}");
        assert!(found.len() < 400, "{found}");
    }
}

#[test]
fn titles_of_rules_begin_in_lower_case() {
    for rule in rules() {
        let title = rule["title"].as_str().unwrap();
        assert!(
            title.starts_with(|c: char| c.is_lowercase())
                || title.starts_with("FILE_SIZE")
                || title.starts_with("METADATA_SIZE"),
            "{title}"
        );
    }
}

#[test]
fn findings_show_the_command_that_explains_them() {
    let dir = RomDir::new()
        .file("a.zip", "not a zip")
        .file("b.zip", "not a zip");
    let run = dir.run(&["check", "a.zip", "b.zip", "gone.zip"]).expect(1);
    let last = run.stderr.lines().last();
    let more = "more: romfeed check --explain package-unreadable package-zip";
    assert_eq!(last, Some(more), "{}", run.stderr);
    let run = dir.run(&["check", "--json", "a.zip"]).expect(1);
    assert!(!run.stderr.contains("more:"), "{}", run.stderr);
}

/// Returns what `--help` prints for a command, the same on every system.
#[cfg(feature = "serve")]
fn help(dir: &RomDir, command: &str) -> String {
    let mut args: Vec<&str> = command.split(' ').skip(1).collect();
    args.push("--help");
    let help = dir.run_with(&args, &[WIDTH]).expect(0).stdout;
    help.replace("romfeed.exe", "romfeed")
}

/// Adds a command and those below it, each with its help.
#[cfg(feature = "serve")]
fn collect_commands(dir: &RomDir, command: &str, found: &mut Vec<(String, String)>) {
    let help = help(dir, command);
    found.push((command.to_owned(), help.clone()));
    let Some((_, below)) = help.split_once("\nCommands:\n") else {
        return;
    };
    let lines = below.lines().take_while(|line| !line.is_empty());
    let is_name = |line: &&str| line.starts_with("  ") && !line.starts_with("   ");
    for line in lines.filter(is_name) {
        let name = line.split_whitespace().next().unwrap();
        if name != "help" {
            collect_commands(dir, &format!("{command} {name}"), found);
        }
    }
}

#[cfg(feature = "serve")]
#[test]
fn the_page_of_commands_matches_help() {
    const PAGE: &str = "reference/commands.md";
    let page = read_page(PAGE);
    let dir = RomDir::new();
    let mut commands = Vec::new();
    collect_commands(&dir, "romfeed", &mut commands);
    for command in ["romfeed addrom", "romfeed delrom"] {
        commands.push((command.to_owned(), help(&dir, command)));
    }
    let (start, _) = page.split_once("\n## romfeed\n").unwrap_or((&page, ""));
    let mut expected = start.to_owned();
    for (command, help) in commands {
        let lines: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
        expected += &format!("\n## {command}\n\n```text\n{}\n```\n", lines.join("\n"));
    }
    expect_page(PAGE, &expected);
}

/// Returns the keys that a table of the settings may have, as the message on an unknown key lists
/// them.
fn known_keys(table: &str) -> BTreeSet<String> {
    let dir = RomDir::new().file(
        "romfeed.toml",
        format!("{table}\nzzzzzzzzzzzzzzzzzzzzzzzz = 1\n"),
    );
    let run = dir.run(&["generate"]).expect(2);
    let keys = run.stderr.split_once("; known are ").map(|(_, keys)| keys);
    let keys = keys.unwrap_or_else(|| panic!("{table}: {}", run.stderr));
    let keys = keys.lines().next().unwrap_or_default().split(", ");
    keys.map(str::to_owned).collect()
}

/// Returns the keys in the first column of the tables under a heading.
fn keys_under<'p>(page: &'p str, heading: &str) -> BTreeSet<String> {
    let is_heading = |section: &&'p str| section.lines().next() == Some(heading);
    let section = page.split("\n## ").find(is_heading);
    let section = section.unwrap_or_else(|| panic!("no heading `{heading}`"));
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.filter_map(|row| row.split('|').nth(1));
    let keys = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    keys.map(str::to_owned).collect()
}

#[test]
fn the_page_of_settings_has_exactly_the_known_keys() {
    let page = read_page("reference/settings.md");
    for (heading, table) in [
        ("Top level", ""),
        ("`[site]`", "[site]"),
        ("`[require]`", "[require]"),
        ("`[romtype.NAME]`", "[romtype.nightly]"),
        ("`[device.NAME]`", "[device.bacon]"),
        (
            "`[device.NAME.romtype.NAME]`",
            "[device.bacon.romtype.nightly]",
        ),
        ("`[[variant]]`", "[[variant]]"),
        ("`[[feed]]`", "[[feed]]"),
        ("`[[override]]`", "[[override]]"),
        ("`[[family]]`", "[[family]]"),
    ] {
        assert_eq!(keys_under(&page, heading), known_keys(table), "{heading}");
    }
}

/// Fails unless the page has each of these words in backticks.
#[track_caller]
fn expect_words<'w>(page: &str, words: impl IntoIterator<Item = &'w str>) {
    let text = read_page(page);
    let missing = words
        .into_iter()
        .filter(|word| !text.contains(&format!("`{word}`")));
    let missing: Vec<&str> = missing.collect();
    assert!(missing.is_empty(), "docs/src/{page} lacks {missing:?}");
}

/// Keys of objects whose own keys are data: facts, partitions, properties.
const KEYED_BY_DATA: [&str; 3] = ["sources", "file_systems", "properties"];

fn collect_keys(value: &Value, keys: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_keys(item, keys)),
        Value::Object(object) => {
            for (key, value) in object {
                keys.insert(key.clone());
                if !KEYED_BY_DATA.contains(&key.as_str()) {
                    collect_keys(value, keys);
                }
            }
        }
        _ => {}
    }
}

#[test]
fn the_page_of_json_has_every_printed_key() {
    let zip = bacon_name(0);
    let dir = RomDir::new()
        .file(&format!("builds/{zip}"), bacon(0))
        .file("builds/bad.zip", "not a zip")
        .file("romfeed.toml", "base_url = \"https://example.org/ota\"\n");
    let path = format!("builds/{zip}");
    let mut keys = BTreeSet::new();
    for (args, code) in [
        (&["generate", "--json"][..], 1),
        (&["inspect", "--json", "--hash", &path, "builds/bad.zip"], 1),
        (&["inspect", "--json", "--props", &path], 0),
        (&["check", "--json", &path], 1),
        (&["check", "--json", "--rules"], 0),
        (&["catalog", "list", "--json"], 0),
        (
            &["simulate", "--json", "--zip", &path, "--client", "all"],
            1,
        ),
    ] {
        let run = dir.run(args).expect(code);
        assert!(!run.stdout.is_empty(), "{args:?}");
        for line in run.stdout.lines() {
            collect_keys(&serde_json::from_str(line).unwrap(), &mut keys);
        }
    }
    expect_words("reference/json.md", keys.iter().map(String::as_str));
}

#[test]
fn the_page_of_the_catalog_has_every_key() {
    for catalog in [
        r#"{"schema": 1, "zzz": 1}"#,
        r#"{"schema": 1, "builds": [{"zzz": 1}]}"#,
        r#"{"schema": 1, "builds": [], "tombstones": [{"zzz": 1}]}"#,
    ] {
        let dir = RomDir::new().file("catalog.json", catalog);
        let run = dir.run(&["catalog", "list"]).expect(2);
        let keys = run
            .stderr
            .split_once("expected one of ")
            .map(|(_, keys)| keys);
        let keys = keys.unwrap_or_else(|| panic!("{}", run.stderr));
        let keys = keys.lines().next().unwrap_or_default();
        expect_words("reference/catalog.md", keys.split('`').skip(1).step_by(2));
    }
}

#[test]
fn the_page_of_facts_has_every_property_of_every_family() {
    for family in FAMILIES.iter() {
        let rules = [
            &family.device,
            &family.version,
            &family.romtype,
            &family.datetime,
        ];
        let keys = rules.into_iter().flatten().map(|rule| rule.key());
        let markers = family.markers.iter().map(|marker| &**marker);
        expect_words("reference/facts.md", keys.chain(markers));
        let row = format!("| {} |", family.name);
        assert!(read_page("reference/facts.md").contains(&row), "{row}");
    }
}

#[test]
fn the_page_of_templates_has_every_shipped_template_and_fact() {
    let names = SHIPPED.iter().map(|(name, _)| *name);
    expect_words("reference/templates.md", names.chain(BuildValues::OPTIONAL));
}
