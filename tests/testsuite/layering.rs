//! Dependencies go one way: a part of the program uses only the parts before it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The parts of the library, in the order of `lib.rs`.
fn parts() -> Vec<String> {
    let lib = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs"));
    let parts: Vec<String> = lib
        .unwrap()
        .lines()
        .filter_map(|line| Some(line.strip_prefix("pub mod ")?.strip_suffix(';')?.to_owned()))
        .collect();
    assert!(parts.len() >= 10, "{parts:?}");
    parts
}

/// Returns all Rust files below a folder of the repository, with their texts; at least one.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|extension| extension == "rs") => {
                    let text = std::fs::read_to_string(&path).unwrap();
                    files.push((path.display().to_string(), text));
                }
                false => {}
            }
        }
    }
    assert!(!files.is_empty(), "{folder}");
    files
}

/// Returns the first names of all paths in a text that begin with `root`.
fn names_below<'t>(text: &'t str, root: &'t str) -> impl Iterator<Item = &'t str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let end = move |rest: &str| rest.find(|c| !is_name(c)).unwrap_or(rest.len());
    text.split(root).skip(1).map(move |rest| &rest[..end(rest)])
}

#[test]
fn updater_rules_are_independent_and_used_only_for_judging() {
    for (file, text) in sources("src/clients/updaters") {
        let others: Vec<&str> = names_below(&text, "crate::")
            .filter(|name| parts().iter().any(|part| part == name))
            .filter(|name| *name != "clients")
            .collect();
        assert!(others.is_empty(), "{file} uses {others:?}");
        let siblings: Vec<&str> = names_below(&text, "crate::clients::")
            .filter(|name| *name != "updaters")
            .collect();
        assert!(siblings.is_empty(), "{file} uses {siblings:?}");
    }
    for part in parts().iter().filter(|part| *part != "clients") {
        for (file, text) in sources(&format!("src/{part}")) {
            assert!(
                !text.contains("clients::updaters"),
                "{file} uses the rules of updaters"
            );
        }
    }
}

#[test]
fn parts_use_only_the_parts_before_them() {
    let parts = parts();
    for (index, part) in parts.iter().enumerate() {
        for (file, text) in sources(&format!("src/{part}")) {
            for used in names_below(&text, "crate::") {
                let at = parts.iter().position(|name| name == used);
                assert!(
                    at.is_none_or(|at| at <= index),
                    "{file} uses {used}, which comes later"
                );
            }
        }
    }
}

#[test]
fn crates_do_not_depend_on_the_program() {
    for folder in ["crates/digest-lanes", "crates/ota-view"] {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(folder)
            .join("Cargo.toml");
        let manifest = std::fs::read_to_string(manifest).unwrap();
        assert!(!manifest.contains("romfeed"), "{folder} depends on romfeed");
        for (file, text) in sources(&format!("{folder}/src")) {
            assert!(!text.contains("romfeed::"), "{file} uses romfeed");
        }
    }
}

#[test]
fn the_library_neither_prints_nor_reads_environment_and_clock() {
    let parts = parts();
    let folders = parts.iter().map(|part| format!("src/{part}"));
    let crates = ["crates/digest-lanes/src", "crates/ota-view/src"].map(String::from);
    let all = folders.chain(crates).flat_map(|folder| sources(&folder));
    for (file, text) in all.filter(|(file, _)| !file.ends_with("tests.rs")) {
        let code = text.split("#[cfg(test)]").next().unwrap();
        // The default limits of the package reader, which romfeed does not use.
        let code = code.replace("Limits::new(std::env::temp_dir(), Instant::now)", "");
        // Other programs are looked for where the system looks for them.
        let code = match file.replace('\\', "/").ends_with("src/upload/program.rs") {
            true => code.replace("std::env::", ""),
            false => code,
        };
        for word in [
            "println!",
            "env::",
            "SystemTime::now",
            "IsTerminal",
            "current_dir",
        ] {
            assert!(!code.contains(word), "{file} has {word}");
        }
    }
}

/// The first names of all imports in a text that begin with `root`, also of those in braces.
fn imports_below<'t>(text: &'t str, root: &'t str) -> Vec<&'t str> {
    let mut names = Vec::new();
    for (at, _) in text.match_indices(root) {
        let rest = &text[at + root.len()..];
        if text[..at].ends_with("super::") || rest.starts_with("super::") {
            continue;
        }
        let items = match rest.strip_prefix('{') {
            Some(items) => items.split('}').next().unwrap_or_default().split(','),
            None => rest.split(';').next().unwrap_or_default().split(','),
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let first = |item: &'t str| item.trim().split(|c| !is_name(c)).next();
        match rest.starts_with('{') {
            true => names.extend(items.filter_map(first)),
            false => names.extend(items.take(1).filter_map(first)),
        }
    }
    names
}

/// The modules of a folder, each with those it imports.
fn imports_within(folder: &str) -> BTreeMap<String, BTreeSet<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut imports: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, text) in sources(folder) {
        let path = Path::new(&file).strip_prefix(&root).unwrap();
        let parts: Vec<&str> = path.iter().map(|part| part.to_str().unwrap()).collect();
        let module = parts[0].trim_end_matches(".rs").to_owned();
        let depth = parts.len() - usize::from(parts.ends_with(&["mod.rs"]));
        let above = "super::".repeat(depth.max(1));
        let absolute = format!("{}::", folder.replace("src/", "crate::"));
        let code = text.split("#[cfg(test)]").next().unwrap();
        let mut used = imports_below(code, &above);
        used.extend(imports_below(code, &absolute));
        if module != "mod" && module != "documents" {
            let used = used.into_iter().map(str::to_owned);
            imports.entry(module).or_default().extend(used);
        }
    }
    imports
}

#[test]
fn modules_of_some_folders_import_each_other_in_one_direction() {
    for folder in [
        "src/catalog",
        "src/cli",
        "src/cli/config",
        "src/serve",
        "src/clients/updaters/kotlin",
        "src/publish/writer",
        "src/generate",
        "src/generate/site",
        "src/generate/sources",
    ] {
        let mut left = imports_within(folder);
        assert!(left.len() > 4 && left.values().any(|used| !used.is_empty()));
        let modules: BTreeSet<String> = left.keys().cloned().collect();
        for (module, used) in &mut left {
            used.retain(|name| modules.contains(name) && name != module);
        }
        // Modules that import none of the others cannot be in a circle.
        while let Some(free) = left.iter().find(|(_, used)| used.is_empty()) {
            let free = free.0.clone();
            left.remove(&free);
            for used in left.values_mut() {
                used.remove(&free);
            }
        }
        assert!(
            left.is_empty(),
            "{folder} has a circle of imports among {left:?}"
        );
    }
}
