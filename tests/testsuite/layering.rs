//! Data flows one way: a module uses only what lies before it.

use std::path::Path;

/// The modules in the order of `lib.rs`.
fn modules() -> Vec<String> {
    let lib = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs"));
    let names = |text: String| {
        text.lines()
            .filter_map(|line| Some(line.strip_prefix("pub mod ")?.strip_suffix(';')?.to_owned()))
            .collect::<Vec<_>>()
    };
    names(lib.unwrap())
}

/// All Rust files of a module, as text.
fn sources(module: &str) -> Vec<(String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![src.join(format!("{module}.rs"))];
    let mut folders = vec![src.join(module)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push(path),
            }
        }
    }
    files
        .into_iter()
        .filter(|file| file.exists())
        .map(|file| {
            (
                file.display().to_string(),
                std::fs::read_to_string(&file).unwrap(),
            )
        })
        .collect()
}

/// What judges published bytes as phones do.
const JUDGES: [&str; 2] = ["check", "simulate"];

#[test]
fn clients_know_nothing_of_the_rest_and_are_known_to_judges_alone() {
    for module in modules() {
        for (file, text) in sources(&module) {
            let uses = |name: &str| text.contains(&format!("crate::{name}"));
            match module.as_str() {
                "client" => {
                    let others = modules().into_iter().filter(|name| *name != module);
                    let known: Vec<String> = others.filter(|name| uses(name)).collect();
                    assert!(known.is_empty(), "{file} uses {known:?}");
                }
                judge if JUDGES.contains(&judge) => {}
                _ => assert!(!uses("client"), "{file} uses the clients' rules"),
            }
        }
    }
}

#[test]
fn modules_use_only_what_lies_before_them() {
    let modules = modules();
    assert!(modules.len() > 10, "{modules:?}");
    for (index, module) in modules.iter().enumerate() {
        let files = sources(module);
        assert!(!files.is_empty(), "{module}");
        for (file, text) in files {
            for used in text.split("crate::").skip(1) {
                let used: String = used
                    .chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                    .collect();
                let Some(at) = modules.iter().position(|name| *name == used) else {
                    continue;
                };
                assert!(at <= index, "{file} uses {used}, which comes later");
            }
        }
    }
}

#[test]
fn the_library_neither_prints_nor_reads_environment_and_clock() {
    for module in modules() {
        for (file, text) in sources(&module) {
            let code = text.split("#[cfg(test)]").next().unwrap();
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
}
