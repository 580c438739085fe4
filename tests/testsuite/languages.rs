//! The texts of pages: every language has all of them, and pages show the language that the settings
//! name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use romfeed::markup::strings::SHIPPED;
use toml::{Table, Value};

use crate::support::{RomDir, bacon, bacon_name, native};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the texts of a file by section and key, each with its forms.
fn texts(file: &str) -> BTreeMap<String, Vec<String>> {
    let sections: Table = file.parse().unwrap();
    let mut texts = BTreeMap::new();
    for (section, keys) in sections {
        for (key, value) in keys.as_table().unwrap() {
            let forms = match value {
                Value::String(text) => vec![text.clone()],
                Value::Table(forms) => {
                    let forms = forms.values().map(|form| form.as_str().unwrap().to_owned());
                    forms.collect()
                }
                // The names of months
                _ => continue,
            };
            texts.insert(format!("{section}.{key}"), forms);
        }
    }
    texts
}

/// Returns the names in braces.
fn names(forms: &[String]) -> BTreeSet<&str> {
    let names = forms.iter().flat_map(|form| form.split('{').skip(1));
    names.map(|rest| rest.split_once('}').unwrap().0).collect()
}

fn shipped(lang: &str) -> BTreeMap<String, Vec<String>> {
    let file = SHIPPED.iter().find(|(known, _)| *known == lang);
    texts(file.unwrap().1)
}

/// Returns the files of the templates with their texts.
fn templates() -> Vec<(PathBuf, String)> {
    let folder = root().join("templates");
    let folders = [folder.clone(), folder.join("feeds")];
    let files = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let paths = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.is_file());
    paths
        .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()))
        .collect()
}

#[test]
fn every_file_of_texts_is_a_language_of_romfeed() {
    let files: BTreeSet<String> = std::fs::read_dir(root().join("templates/strings"))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let known = SHIPPED.iter().map(|(lang, _)| format!("{lang}.toml"));
    assert_eq!(
        files,
        known.collect(),
        "a new file needs its name in `SHIPPED` of src/markup/strings.rs"
    );
}

#[test]
fn every_language_has_all_texts_with_the_same_values() {
    let english = shipped("en");
    for (lang, file) in SHIPPED {
        let texts = texts(file);
        let lacking: Vec<&String> = english
            .keys()
            .filter(|key| !texts.contains_key(*key))
            .collect();
        assert!(lacking.is_empty(), "{lang}.toml lacks {lacking:?}");
        for (key, forms) in &texts {
            let expected = english.get(key);
            let expected = expected.unwrap_or_else(|| panic!("{lang}.toml: `{key}` is unknown"));
            assert_eq!(
                names(forms),
                names(expected),
                "{lang}.toml: the values of `{key}`"
            );
            assert!(
                forms.iter().all(|form| !form.trim().is_empty()),
                "{lang}.toml: `{key}` is empty"
            );
        }
        // romfeed itself reads it: plural forms, months.
        romfeed::markup::strings::Strings::new(lang, None).unwrap();
    }
}

#[test]
fn every_text_is_used_and_every_used_text_is_there() {
    let english = shipped("en");
    let mut used = BTreeSet::new();
    for (file, text) in templates() {
        for (at, call) in text.match_indices("t(\"") {
            // Not the end of another name, such as `default`
            if text[..at].ends_with(char::is_alphanumeric) {
                continue;
            }
            let key = text[at + call.len()..].split('"').next().unwrap();
            assert!(english.contains_key(key), "{}: `{key}`", file.display());
            used.insert(key.to_owned());
        }
    }
    // Those that the program reads
    for path in [
        "src/publish/site/mod.rs",
        "src/publish/site/values.rs",
        "src/markup/template/engine.rs",
    ] {
        let text = std::fs::read_to_string(root().join(path)).unwrap();
        let quoted = text.split('"').skip(1).step_by(2);
        for word in quoted {
            used.extend(["", "contacts.", "guides."].map(|section| format!("{section}{word}")));
        }
    }
    used.insert("format.plural".to_owned());
    let unused: Vec<&String> = english.keys().filter(|key| !used.contains(*key)).collect();
    assert!(unused.is_empty(), "no template uses {unused:?}");
}

#[test]
fn page_templates_have_no_words_of_their_own() {
    // Names and signs that are the same in every language
    let same = ["", "MD5", "SHA-256", "Android", "UTC", "kB"];
    for (file, text) in templates() {
        if file.extension().is_none_or(|ending| ending != "html") {
            continue;
        }
        let mut words = String::new();
        let mut rest = text.as_str();
        // Without code, comments and tags
        while let Some(at) = rest.find(['{', '<']) {
            words.push_str(&rest[..at]);
            words.push(' ');
            let end = match &rest[at..] {
                code if code.starts_with("{{") => "}}",
                code if code.starts_with("{%") => "%}",
                code if code.starts_with("{#") => "#}",
                _ => ">",
            };
            rest = rest[at..].split_once(end).unwrap().1;
        }
        words.push_str(rest);
        let is_word = |word: &&str| word.chars().any(char::is_alphabetic);
        let own: Vec<&str> = words
            .split_whitespace()
            .filter(is_word)
            .filter(|word| !word.contains(['"', '=', '>']) && !same.contains(word))
            .collect();
        assert!(own.is_empty(), "{}: {own:?}", file.display());
    }
}

#[test]
fn the_script_has_all_texts_that_it_says() {
    let script = std::fs::read_to_string(root().join("templates/script.js")).unwrap();
    let dir = site("");
    dir.generate().expect(0);
    let published = page(&dir, "assets/script.js");
    assert!(!published.contains("ROMFEED_TEXTS"), "{published}");
    let has = |text: &str, key: &str, after: &str| text.contains(&format!("\"{key}\"{after}"));
    for key in shipped("en").keys() {
        // The reasons of workers are names of texts, too.
        let name = key.strip_prefix("check.").unwrap_or(key);
        let is_said = has(&script, name, "");
        assert_eq!(has(&published, key, ":\""), is_said, "{key}");
    }
}

fn page(dir: &RomDir, path: &str) -> String {
    String::from_utf8(dir.read(&format!("out/{path}"))).unwrap()
}

fn site(settings: &str) -> RomDir {
    RomDir::new()
        .file(&format!("builds/{}", bacon_name(0)), bacon(0))
        .file(&format!("builds/{}", bacon_name(1)), bacon(1))
        .file("romfeed.toml", settings)
}

#[test]
fn pages_feeds_and_announcements_are_in_the_language_of_the_site() {
    let dir = site(
        "[site]\nlang = \"de\"\n[[feed]]\ntemplate = \"telegram\"\n[device.bacon.info]\nmaintainer = \"Ann\"\n",
    );
    dir.generate().expect(0);
    let build = page(
        &dir,
        &format!("bacon/builds/{}", bacon_name(1).replace(".zip", ".html")),
    );
    for text in [
        "<html lang=\"de\">",
        ">15. November 2023<",
        ">Herunterladen <",
    ] {
        assert!(build.contains(text), "{text}\n{build}");
    }
    let script = page(&dir, "assets/script.js");
    assert!(
        script.contains("\"check.unknown\":\"{name} ist"),
        "{script}"
    );
    let device = page(&dir, "bacon.html");
    for text in [
        "Neuester Build",
        "2 Builds",
        "<dt>Betreuung</dt>",
        "4,7",
        "vom <time",
    ] {
        assert!(device.contains(text), "{text}\n{device}");
    }
    assert!(page(&dir, "bacon.atom").contains("LineageOS 21.0, nightly, vom 15. November 2023"));
    assert!(page(&dir, "404.html").contains("<html lang=\"de\">"));
    let announcement = page(&dir, &format!("telegram/{}.txt", bacon_name(0)));
    assert!(
        announcement.contains("Datum: 14. November 2023"),
        "{announcement}"
    );
    // What updaters read stays the same.
    let list = dir.read("out/bacon.json");
    dir.put("romfeed.toml", "");
    dir.generate().expect(0);
    assert_eq!(dir.read("out/bacon.json"), list);
    assert!(page(&dir, "bacon.html").contains("<html lang=\"en\">"));
}

#[test]
fn a_file_of_texts_replaces_single_ones() {
    let dir = site("[site]\nlang = \"de\"\n")
        .file(
            "templates/strings/de.toml",
            "[device]\nlatest = \"<b>Frisch & neu</b>\"\n[mine]\nhello = \"Hallo, {name}!\"\n",
        )
        .file(
            "templates/home.html",
            "{{ t(\"mine.hello\", name=\"<Ann>\") }} {{ 1700000000 | date(\"%-d. %B\") }}",
        );
    dir.generate().expect(0);
    let device = page(&dir, "bacon.html");
    assert!(
        device.contains("&lt;b&gt;Frisch &amp; neu&lt;/b&gt;"),
        "{device}"
    );
    assert!(device.contains("Alle Builds"), "{device}");
    assert_eq!(
        page(&dir, "index.html"),
        "Hallo, &lt;Ann&gt;! 14. November\n"
    );
}

#[test]
fn another_language_is_one_file() {
    let dir = site("[site]\nlang = \"pt-BR\"\n");
    dir.generate().expect(2).says(&format!(
        "[site]: lang: romfeed has no texts in `pt-BR`, only in de, en; write them into {}",
        native("templates/strings/pt-BR.toml")
    ));
    dir.put(
        "templates/strings/pt-BR.toml",
        "[format]\nday = \"%-d de %B de %Y\"\nmonths = [\"janeiro\", \"fevereiro\", \"março\", \"abril\", \"maio\", \"junho\", \"julho\", \"agosto\", \"setembro\", \"outubro\", \"novembro\", \"dezembro\"]\n",
    );
    dir.generate().expect(0).says(
        "warning: feeds: templates/strings/pt-BR.toml lacks texts, which are in English: build.about, ",
    );
    let device = page(&dir, "bacon.html");
    assert!(device.contains(">15 de novembro de 2023<"), "{device}");
    assert!(device.contains("All builds"), "{device}");
}

#[test]
fn wrong_texts_are_reported() {
    let dir = site("[site]\nlang = \"de_DE\"\n");
    dir.generate()
        .expect(2)
        .says("[site]: lang: `de_DE` is not a language such as de or pt-BR");
    dir.put("romfeed.toml", "");
    dir.put("templates/strings/en.toml", "[device]\nlatest = \"{x}\"\n");
    dir.generate()
        .expect(2)
        .says("en.toml: `device.latest`: {x} is unknown; this text has no values");
    dir.remove("templates/strings/en.toml");
    dir.put("templates/home.html", "\n{{ t(\"home.nothing\") }}");
    dir.generate()
        .expect(2)
        .says("home.html, line 2: ")
        .says("there is no text `home.nothing`");
    dir.put("templates/home.html", "\n{{ t(\"device.builds\") }}");
    dir.generate()
        .expect(2)
        .says("the text `device.builds` needs a number: n = …");
}
