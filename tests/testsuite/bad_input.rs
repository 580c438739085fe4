//! Bad input of every kind: one clear line and a hint, and the rest is published.

mod duplicates;
mod facts;
mod names;
mod output;
mod settings;
mod special_files;
mod state;
mod zips;

use serde_json::Value;
use testkit::package::Package;
use testkit::zip::{Entry, Zip};

use crate::support::{BASE_URL, RomDir, Run, bacon, bacon_name, bacon_props};

const GENERATE: [&str; 4] = ["generate", "--base-url", BASE_URL, "--json"];

const HINT_BUILD_AGAIN: &str = "build or copy the package again";
const HINT_OVERRIDE: &str = "set the right value under [[override]] in romfeed.toml";

/// The path of a good package under `builds/`.
fn good(days: i64) -> String {
    format!("builds/bacon/{}", bacon_name(days))
}

/// Creates one published build, one new build, and something bad next to them.
fn next_to_good(bad: impl FnOnce(&RomDir)) -> (RomDir, Run) {
    let dir = RomDir::new().file(&good(0), bacon(0));
    dir.generate().expect(0);
    dir.put(&good(1), bacon(1));
    bad(&dir);
    let run = dir.run(&GENERATE);
    (dir, run)
}

/// Fails unless both good builds are offered, and nothing else.
#[track_caller]
fn offers_both_good_builds(dir: &RomDir) {
    let feed: Value = serde_json::from_slice(&dir.read("out/api/v1/bacon/nightly.json")).unwrap();
    let mut names: Vec<&str> = feed["response"]
        .as_array()
        .unwrap()
        .iter()
        .map(|build| build["filename"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, [bacon_name(0), bacon_name(1)]);
    let catalog: Value = serde_json::from_slice(&dir.read("catalog.json")).unwrap();
    assert_eq!(catalog["builds"].as_array().unwrap().len(), 2, "{catalog}");
}

/// Fails unless standard error has exactly one error, this one, with this hint.
#[track_caller]
fn one_error(run: &Run, message: &str, hint: &str) {
    let lines: Vec<&str> = run.stderr.lines().collect();
    let errors: Vec<usize> = (0..lines.len())
        .filter(|&at| lines[at].starts_with("error: "))
        .collect();
    let [at] = errors[..] else {
        panic!("{} errors in:\n{}", errors.len(), run.stderr);
    };
    assert!(lines[at].contains(message), "{message}\n{}", run.stderr);
    let next = lines.get(at + 1).copied().unwrap_or_default();
    assert!(next.starts_with("  hint: "), "no hint:\n{}", run.stderr);
    assert!(next.contains(hint), "{hint}\n{}", run.stderr);
    is_escaped(run);
}

/// Fails if anything reaches the terminal unescaped.
#[track_caller]
fn is_escaped(run: &Run) {
    for text in [&run.stderr, &run.stdout] {
        let wild = text.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(wild, None, "{text:?}");
    }
}

/// Fails unless a package is left out with this kind, line and hint, while the good packages are
/// published.
#[track_caller]
fn is_left_out(name: &str, bytes: &[u8], kind: &str, message: &str, hint: &str) {
    let path = format!("builds/{name}");
    let (dir, run) = next_to_good(|dir| dir.put(&path, bytes));
    let run = run.expect(1);
    one_error(&run, &format!("{}: {message}", name.escape_debug()), hint);
    let errors = &run.json()["errors"];
    assert_eq!(errors.as_array().unwrap().len(), 1, "{errors}");
    assert_eq!(
        (errors[0]["file"].as_str(), errors[0]["class"].as_str()),
        (Some(name), Some(kind))
    );
    offers_both_good_builds(&dir);
}

/// A package whose facts are only in these properties.
fn with_props(change: &[(&str, &str)]) -> Vec<u8> {
    let props = change
        .iter()
        .fold(bacon_props(2), |props, (key, value)| props.set(key, value));
    Package::files(props).without_metadata().build()
}
