//! Manual pages and completions, as packagers of romfeed install them.

use super::support::RomDir;

#[test]
fn a_folder_gets_the_page_of_each_command() {
    let dir = RomDir::new();
    let run = dir.run(&["man", "--to", "man/man1"]).expect(0);
    assert_eq!(run.stdout + &run.stderr, "");
    let pages = dir.tree("man");
    for name in [
        "romfeed",
        "romfeed-generate",
        "romfeed-catalog-add",
        "romfeed-addrom",
        "romfeed-delrom",
    ] {
        let page = &pages[&format!("man/man1/{name}.1")];
        let verb = name.trim_start_matches("romfeed").replace('-', " ");
        assert_eq!(
            String::from_utf8_lossy(page),
            dir.run(&["man", verb.trim()]).expect(0).stdout
        );
    }
    assert!(pages.keys().all(|name| !name.contains("help")), "{pages:?}");
}

#[test]
fn an_impossible_folder_is_reported() {
    let dir = RomDir::new().file("file", "");
    let run = dir.run(&["man", "--to", "file/man1"]).expect(1);
    run.says("error: cannot write pages to file/man1: ");
    dir.run(&["man", "generate", "--to", "man1"]).expect(2);
}

#[test]
fn completions_for_each_shell_have_the_commands() {
    let dir = RomDir::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = dir.run(&["completions", shell]).expect(0).stdout;
        assert!(script.contains("simulate"), "{shell}: {script}");
    }
}

#[test]
fn the_commands_of_the_old_backend_have_their_variables() {
    let dir = RomDir::new();
    for command in ["addrom", "delrom"] {
        let page = dir.run(&["man", command]).expect(0).stdout;
        for (variable, flag) in [
            ("ROMFEED_CONFIG", "config"),
            ("ROMFEED_CATALOG", "catalog"),
            ("ROMFEED_BUILDS", "builds"),
            ("ROMFEED_BASE_URL", "base\\-url"),
        ] {
            let text = format!("{variable}\nSets \\-\\-{flag} of other commands.\n");
            assert!(page.contains(&text), "{text}: {page}");
        }
        assert!(!page.contains("ROMFEED_URL"), "{page}");
    }
}
