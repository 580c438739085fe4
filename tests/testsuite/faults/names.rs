//! File systems that ignore case or reserve names, on machines where none can be mounted.
//!
//! The writer is given the rules of such a file system and writes to an ordinary folder; then the
//! files there must be ones that the other file system could hold.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use romfeed::model::build::portable_fault;
use romfeed::publish::page::{Maker, Page};
use romfeed::publish::text_list::TextList;
use romfeed::publish::writer::{self, Comparer, Error, NameRules, Plan};

const ORDINARY: NameRules = NameRules {
    ignores_case: false,
    reserves_names: false,
};
const OTHERS: [NameRules; 3] = [
    NameRules {
        ignores_case: true,
        ..ORDINARY
    },
    NameRules {
        reserves_names: true,
        ..ORDINARY
    },
    NameRules {
        ignores_case: true,
        reserves_names: true,
    },
];
/// Sites that are published one after the other in one folder.
const STORIES: [&[&[&str]]; 9] = [
    &[&["index.html", "bacon.json"], &["index.html", "mako.json"]],
    &[&["index.html"], &["index.html", "Index.html"]],
    &[&["api/v1/Bacon/nightly/x", "api/v1/bacon/nightly/x"]],
    &[&["bacon.json"], &["bacon.json", "api/A/b", "api/a/c"]],
    &[&["con.json", "bacon.json"], &["bacon.json"]],
    &[&["bacon.json"], &["api/v1/nul/nightly/x", "bacon.json"]],
    &[&["api/v1/bacon/nightly/eng.1.", "bacon.json"]],
    // Renamed in case only.
    &[&["a/Foo", "b"], &["A/foo", "b"]],
    &[&["AUX/x", "b"], &["aux/x", "B"]],
];

fn pages(paths: &[&str]) -> Vec<Page> {
    let page = |path: &&str| Page {
        path: (*path).to_owned(),
        bytes: path.as_bytes().into(),
        maker: Maker::LineageOs,
        origin: None,
    };
    paths.iter().map(page).collect()
}

fn publish(out: &Path, pages: &[Page], rules: NameRules) -> Result<Plan, Error> {
    let lock = writer::open(out, false)?;
    let pages = Comparer::in_memory(out).compare(pages.to_vec())?;
    let plan = writer::plan_by_rules(
        out,
        &pages,
        writer::read_manifest(out)?,
        TextList::default(),
        false,
        rules,
    )?;
    writer::execute(out, &pages, &plan, &lock)?;
    Ok(plan)
}

/// Returns all files except romfeed's own, by their paths with `/`.
fn files(out: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(out.join(&folder)).into_iter().flatten() {
            let entry = entry.unwrap();
            let path = format!("{folder}{}", entry.file_name().to_str().unwrap());
            match entry.file_type().unwrap().is_dir() {
                true if path == ".romfeed" => {}
                true => folders.push(format!("{path}/")),
                false => {
                    let text = std::fs::read_to_string(entry.path()).unwrap();
                    found.insert(path, text);
                }
            }
        }
    }
    found
}

/// Whether a file system of these rules could hold the files.
fn can_hold(rules: NameRules, files: &BTreeMap<String, String>) -> bool {
    let parts = || files.keys().flat_map(|path| path.split('/'));
    let folders = files.keys().flat_map(|path| {
        let ends = path.match_indices('/').map(|(at, _)| at);
        ends.chain([path.len()]).map(|end| &path[..end])
    });
    let spelled: BTreeSet<&str> = folders.collect();
    let folded: BTreeSet<String> = spelled.iter().map(|path| path.to_lowercase()).collect();
    (!rules.ignores_case || spelled.len() == folded.len())
        && (!rules.reserves_names || parts().all(|name| portable_fault(name).is_none()))
}

#[test]
fn site_is_the_same_on_every_file_system_or_refused_before_anything_is_written() {
    let (mut num_same, mut num_refused, mut num_partial) = (0, 0, 0);
    for (story, rules) in STORIES
        .iter()
        .flat_map(|story| OTHERS.map(|rules| (story, rules)))
    {
        let dir = tempfile::tempdir().unwrap();
        let [ordinary, other] = ["ordinary", "other"].map(|name| dir.path().join(name));
        for paths in *story {
            let pages = pages(paths);
            let place = format!("{paths:?} on {rules:?}");
            publish(&ordinary, &pages, ORDINARY).unwrap();
            let mut expected = files(&ordinary);
            assert_eq!(expected.len(), paths.len(), "{place}");
            let before = other.exists().then(|| files(&other));
            match publish(&other, &pages, rules) {
                Ok(plan) => {
                    // Only the pages that are reported as left out are missing.
                    expected.retain(|path, _| !plan.reserved.contains(path));
                    match plan.reserved.is_empty() {
                        true => num_same += 1,
                        false => num_partial += 1,
                    }
                    assert_eq!(files(&other), expected, "{place}");
                }
                Err(Error::Case { .. }) => {
                    num_refused += 1;
                    assert_eq!(files(&other), before.unwrap_or_default(), "{place}");
                    assert!(!can_hold(rules, &expected), "{place}");
                }
                Err(error) => panic!("{place}: {error}"),
            }
            assert!(can_hold(rules, &files(&other)), "{place}");
        }
    }
    // Each outcome has occurred.
    assert_eq!((num_same, num_refused, num_partial), (32, 6, 10));
}
