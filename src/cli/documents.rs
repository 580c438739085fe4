//! The calls of romfeed in README.md and the book, parsed as the command line parses them.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue};
use clap::{Command, CommandFactory, Parser};
use pulldown_cmark::{CodeBlockKind, Event, Options, Tag, TagEnd};

use super::args::Cli;
use super::backend;

/// Returns README.md and the pages of the book.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("README.md")];
    let mut folders = vec![root.join("docs/src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|it| it == "md") => files.push(path),
                false => {}
            }
        }
    }
    files.sort();
    files
}

/// Returns the lines of code blocks, except for output (`text`). A line that ends in a backslash continues
/// in the next one.
fn code_lines(text: &str) -> Vec<String> {
    let mut is_code = false;
    let mut code = String::new();
    for event in pulldown_cmark::Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                is_code = !matches!(kind, CodeBlockKind::Fenced(info) if &*info == "text");
            }
            Event::End(TagEnd::CodeBlock) => {
                is_code = false;
                code.push('\n');
            }
            Event::Text(text) if is_code => code.push_str(&text),
            _ => {}
        }
    }
    code.replace("\\\n", " ")
        .lines()
        .map(str::to_owned)
        .collect()
}

/// Returns the words of each command in a line of a shell. Quotes keep words together; comments and
/// redirections are left out.
fn commands(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars().chain([' ']) {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                word.get_or_insert_default();
                quote = Some(c);
            }
            (None, '#') if word.is_none() => break,
            (None, ' ' | '|' | '&' | ';' | '(' | ')') => {
                let words = commands.last_mut().unwrap();
                words.extend(word.take());
                if c != ' ' {
                    commands.push(Vec::new());
                }
            }
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    for words in &mut commands {
        if let Some(at) = words.iter().position(|word| word.starts_with(['<', '>'])) {
            words.truncate(at);
        }
    }
    commands
}

/// Returns the calls of romfeed in a line, each from its name on.
fn calls(line: &str) -> Vec<Vec<String>> {
    let line = line.trim_start().trim_start_matches("$ ");
    let call = |mut words: Vec<String>| {
        let begins = |start: &[&str]| {
            words
                .iter()
                .map(String::as_str)
                .take(start.len())
                .eq(start.iter().copied())
        };
        if begins(&["cargo", "run", "--release", "--"]) {
            words.splice(..4, ["romfeed".to_owned()]);
        }
        (words.first()? == "romfeed").then_some(words)
    };
    commands(line).into_iter().filter_map(call).collect()
}

/// Returns why the command line refuses a call, if it does. Help is not a refusal, and neither is a
/// placeholder for a value: capital letters, or a variable of a shell.
fn refusal(words: &[String]) -> Option<String> {
    let args: Vec<OsString> = words.iter().map(OsString::from).collect();
    let result = backend::try_parse(&args).unwrap_or_else(|| Cli::try_parse_from(&args).map(drop));
    let error = result.err().filter(clap::Error::use_stderr)?;
    let is_placeholder = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) => {
            value.starts_with('$')
                || (!value.is_empty() && value.chars().all(|c| c.is_ascii_uppercase()))
        }
        _ => false,
    };
    (!is_placeholder).then(|| error.to_string())
}

#[test]
fn every_call_in_the_documents_parses() {
    let mut num_calls = 0;
    let mut refusals = Vec::new();
    for file in documents() {
        let text = fs::read_to_string(&file).unwrap();
        for call in code_lines(&text).iter().flat_map(|line| calls(line)) {
            num_calls += 1;
            if let Some(refusal) = refusal(&call) {
                refusals.push(format!("{}: {}\n{refusal}", file.display(), call.join(" ")));
            }
        }
    }
    assert!(refusals.is_empty(), "{}", refusals.join("\n"));
    assert!(num_calls > 50, "{num_calls} calls");
}

/// Collects all commands, each with the words that call it.
fn all_commands(command: &Command, words: Vec<String>, all: &mut Vec<(Vec<String>, Command)>) {
    for subcommand in command.get_subcommands() {
        if subcommand.get_name() != "help" {
            let words = [&words[..], &[subcommand.get_name().to_owned()]].concat();
            all_commands(subcommand, words, all);
        }
    }
    all.push((words, command.clone()));
}

#[test]
fn every_command_has_two_examples_that_parse() {
    let mut all = Vec::new();
    let mut command = Cli::command();
    command.build();
    all_commands(&command, vec!["romfeed".to_owned()], &mut all);
    assert!(all.len() > 18, "{}", all.len());
    for (words, command) in all {
        let help = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        assert!(
            help.starts_with("Examples:\n  "),
            "{words:?} declares no examples"
        );
        let examples: Vec<Vec<String>> = help.lines().skip(1).flat_map(calls).collect();
        assert!(
            examples.len() >= 2,
            "{words:?} has {} examples",
            examples.len()
        );
        for call in examples {
            assert!(
                call.starts_with(&words),
                "{words:?} has an example of {call:?}"
            );
            assert_eq!(refusal(&call), None, "{call:?}");
        }
    }
}

#[test]
fn calls_are_found_in_lines_of_a_shell() {
    let text = "```sh\nadb shell getprop | romfeed simulate --props - > x  # phone\n\
        cargo run --release -- catalog yank \\\n  B --reason 'no sound' && romfeed check\n```\n\
        ```text\nromfeed is not called here\n```\n";
    let found: Vec<String> = code_lines(text)
        .iter()
        .flat_map(|line| calls(line))
        .map(|words| words.join(" "))
        .collect();
    assert_eq!(
        found,
        [
            "romfeed simulate --props -",
            "romfeed catalog yank B --reason no sound",
            "romfeed check"
        ]
    );
    let refused = |line: &str| calls(line).iter().any(|call| refusal(call).is_some());
    assert!(!refused("romfeed inspect --help"));
    assert!(!refused("romfeed delrom -f X.zip"));
    assert!(!refused("romfeed init --host HOST"));
    assert!(!refused("romfeed files $step"));
    for line in [
        "romfeed delrom",
        "romfeed generate --no-such-flag",
        "romfeed inspect",
        "romfeed init --host host",
        "romfeed yank X",
    ] {
        assert!(refused(line), "{line}");
    }
}
