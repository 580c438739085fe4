//! A user's own templates, and own paths.

use super::*;

/// The same with a user's template, enabled.
fn with_template(text: &str) -> RomDir {
    bacons("[[feed]]\ntemplate = \"mine\"\n").file("templates/feeds/mine.j2", text)
}

#[test]
fn lineageos_lists_can_have_a_custom_path() {
    let settings = "[[feed]]\ntemplate = \"v1\"\npath = \"{version}/{device}.json\"\n\
         [[feed]]\ntemplate = \"v2\"\n";
    let dir = enchilada(settings);
    dir.generate().expect(0);
    let v1 = dir.read("out/enchilada.json");
    assert_eq!(dir.read("out/22.2/enchilada.json"), v1);
    let v2 = dir.read("out/api/v2/devices/enchilada/builds.json");
    assert_eq!(dir.read("out/v2/enchilada.json"), v2);
    // The address stays for phones whose version is no longer offered.
    for build in ENCHILADA {
        let name = enchilada_name(build.0);
        dir.run(&["catalog", "remove", &name["builds/".len()..]])
            .expect(0);
    }
    dir.generate().expect(0);
    assert_eq!(
        json(&dir, "22.2/enchilada.json"),
        serde_json::json!({"response": []})
    );
}

#[test]
fn paths_spell_variants_like_the_rom() {
    let variant = "[[variant]]\nname = \"gapps\"\npackage = \"gapps/**\"\n";
    let feed = "[[feed]]\ntemplate = \"v1\"\npath = \"OTA/{variant}/{device}.json\"\n";
    let dir = bacons("").file(&format!("builds/gapps/{}", bacon_name(3)), bacon(3));
    dir.put(
        "romfeed.toml",
        format!("{feed}variants = {{ gapps = \"GMS\", \"\" = \"VANILLA\" }}\n{variant}"),
    );
    dir.generate().expect(0);
    assert_eq!(
        dir.read("out/OTA/VANILLA/bacon.json"),
        dir.read("out/bacon.json")
    );
    assert_eq!(
        dir.read("out/OTA/GMS/bacon.json"),
        dir.read("out/gapps/bacon.json")
    );
    assert!(!dir.path().join("out/gapps/OTA").exists());

    for (settings, message) in [
        (
            format!("{feed}{variant}"),
            "builds without a variant have no {variant}; give them one",
        ),
        (
            format!("{feed}variants = {{ gapps = \"a/b\" }}\n{variant}"),
            "variants: `a/b` cannot be part of a path",
        ),
        (
            "[[feed]]\ntemplate = \"v1\"\nvariants = { gapps = \"GMS\" }\n".to_owned(),
            "it has no {variant}, so `variants` means nothing",
        ),
    ] {
        dir.put("romfeed.toml", settings);
        dir.generate().expect(2).says(message);
    }
}

#[test]
fn a_user_template_can_replace_a_built_in_list() {
    let list = "{#\nscope = \"romtype\"\npath = \"x/{device}/{romtype}\"\nlist = \"v1\"\n#}\n";
    let dir = with_template(list);
    dir.generate().expect(0);
    assert_eq!(
        dir.read("out/x/bacon/nightly"),
        dir.read("out/api/v1/bacon/nightly.json")
    );
    refuses(
        &format!("{list}[]"),
        &["mine.j2, line 4: a template with a `list` has no text of its own"],
    );
}

#[test]
fn user_templates_can_use_every_scope_and_escape_values() {
    let scopes = [
        (
            "site",
            "x/all",
            "{{ site.devices | map(attribute='model') | join(' ') }} {{ builds | length }}",
        ),
        (
            "device",
            "x/{device}",
            "{{ device.model }} {{ device.romtypes | join }} {{ build.version }}",
        ),
        (
            "romtype",
            "x/{device}_{romtype}",
            "{{ romtype }} {{ build.datetime | date('%Y-%m') }}",
        ),
        (
            "incremental",
            "x/{device}.{romtype}.{incremental}",
            "{{ incremental }} {{ installed.datetime | rfc3339 }} {{ builds | length }} {{ deltas | length }}",
        ),
        (
            "build",
            "y/{device}/{romtype}/{version}/{datetime}-{incremental}",
            "{{ build.filename }} {{ page.path }}",
        ),
    ];
    let names: Vec<&str> = scopes.iter().map(|(scope, ..)| *scope).collect();
    let dir = bacons(&enable(&names));
    for (scope, path, body) in scopes {
        dir.put(
            &format!("templates/feeds/{scope}.j2"),
            format!(
                "{{#\nscope = \"{scope}\"\npath = \"{path}\"\nformat = \"text\"\n#}}\n{body}\n"
            ),
        );
    }
    dir.generate().expect(0);
    for (path, expected) in [
        ("x/all", "bacon 2\n".to_owned()),
        ("x/bacon", "bacon nightly 21.0\n".to_owned()),
        ("x/bacon_nightly", "nightly 2023-11\n".to_owned()),
        (
            "x/bacon.nightly.inc0",
            "inc0 2023-11-14T22:13:20Z 1 0\n".to_owned(),
        ),
        (
            "x/bacon.nightly.inc7",
            "inc7 2023-11-21T22:13:20Z 0 0\n".to_owned(),
        ),
        (
            "y/bacon/nightly/21.0/1700000000-inc0",
            format!("{} y/bacon/nightly/21.0/1700000000-inc0\n", bacon_name(0)),
        ),
    ] {
        assert_eq!(text(&dir, path), expected, "{path}");
    }
    // Removing a template removes its pages.
    dir.put("romfeed.toml", "");
    dir.generate().expect(0);
    assert!(!dir.path().join("out/x").exists());
}

#[test]
fn values_cannot_break_out_of_json() {
    let template = "{#\nscope = \"device\"\npath = \"x.json\"\n#}\n\
        {% macro m(v) %}[{{ v }}]{% endmacro %}\
        {% set s %}{{ device.info.odd }}{% endset %}\
        {\"a\": {{ device.info.odd }}, \"b\": {{ m(device.info.odd) }}, \"c\": {{ s }}, \
        \"d\": {{ \"\u{e4} \" ~ device.info.odd }}, \"e\": {{ device.info }}, \"\u{f6}\": {{ build.deltas }}, \
        \"g\": {{ true }}, \"h\": {{ 1.5 }}, \"i\": {{ device.info.odd | tojson }}}\n";
    let dir = with_template(template);
    dir.put(
        "romfeed.toml",
        "[[feed]]\ntemplate = \"mine\"\n[device.bacon.info]\nodd = \"\\\", \\\"x\\\": \\\\ \u{1F600}\\n\"\n",
    );
    dir.generate().expect(0);
    let odd = "\", \"x\": \\ \u{1F600}\n";
    let expected = serde_json::json!({
        "a": odd, "b": [odd], "c": odd, "d": format!("\u{e4} {odd}"), "e": {"odd": odd},
        "\u{f6}": [], "g": true, "h": 1.5, "i": odd,
    });
    assert_eq!(json(&dir, "x.json"), expected);
}

#[test]
fn a_user_template_replaces_a_shipped_one() {
    let own = "{#\nscope = \"device\"\npath = \"own/{device}\"\nformat = \"text\"\n#}\nown\n";
    let dir = bacons(&enable(&["crdroid"])).file("templates/feeds/crdroid.j2", own);
    dir.generate().expect(0);
    assert_eq!(text(&dir, "own/bacon"), "own\n");
    assert!(!dir.path().join("out/crdroid").exists());

    let dir = bacons("[[feed]]\ntemplate = \"crdroid\"\npath = \"14/{device}.json\"\n");
    dir.generate().expect(0);
    assert!(json(&dir, "14/bacon.json")["response"].is_array());
    assert!(!dir.path().join("out/crdroid").exists());
}

#[test]
fn a_device_file_can_come_from_a_template() {
    let dir = bacons("device_feed = \"crdroid\"\n");
    dir.generate().expect(0);
    assert_eq!(
        json(&dir, "bacon.json")["response"][0]["filename"],
        bacon_name(7)
    );
    assert!(!dir.path().join("out/crdroid").exists());

    // Next to the built-in pages, and in their exact place.
    for (path, extra) in [
        ("crdroid/bacon.json", ""),
        ("bacon.json", "path = \"{device}.json\"\n"),
    ] {
        let dir = bacons(&format!(
            "[[feed]]\ntemplate = \"crdroid\"\n{extra}[device.bacon]\ndevice_feed = \"crdroid\"\n"
        ));
        dir.generate().expect(0);
        assert_eq!(dir.read("out/bacon.json"), dir.read(&format!("out/{path}")));
    }
    let run = bacons("device_feed = \"grapheneos\"\n")
        .generate()
        .expect(2);
    run.says("device_feed = \"grapheneos\" needs a template with scope = \"device\"; grapheneos.j2 (of romfeed) has scope = \"romtype\"");
    // One that is taken by no device is checked as well.
    let run = bacons("[device.other]\ndevice_feed = \"atom-site\"\n")
        .generate()
        .expect(2);
    run.says("has scope = \"site\"");
}

#[test]
fn pages_without_builds_are_written_unless_the_template_opts_out() {
    let dir = bacons(&enable(&["crdroid", "pixelos", "lineageota", "grapheneos"]));
    dir.generate().expect(0);
    for days in [0, 7] {
        dir.run(&["catalog", "yank", &bacon_name(days), "--reason", "bad"])
            .expect(0);
    }
    dir.generate().expect(0);
    for path in ["crdroid/bacon.json", "api/v1/bacon_nightly"] {
        assert_eq!(
            json(&dir, path),
            serde_json::json!({"response": []}),
            "{path}"
        );
    }
    for path in ["pixelos/bacon.json", "bacon-nightly"] {
        assert!(!dir.path().join("out").join(path).exists(), "{path}");
    }
}

#[test]
fn optional_facts_can_be_tested_and_defaulted() {
    let dir = with_template(
        "{#\nscope = \"device\"\npath = \"x\"\n#}\n\
         [{{ build.signer | default(\"none\") }}, {{ build.signer is defined }}, \
         {{ device.info.a | default(5) }}]\n",
    );
    dir.generate().expect(0);
    assert_eq!(text(&dir, "x"), "[\"none\", false, 5]\n");
}

#[test]
fn the_template_in_the_book_works_unchanged() {
    let page =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/src/reference/templates.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, sample) = page.split_once("\n{#\n").unwrap();
    let (sample, _) = sample.split_once("```\n").unwrap();
    let dir = RomDir::new()
        .file("templates/feeds/mine.j2", format!("{{#\n{sample}"))
        .file("romfeed.toml", "[[feed]]\ntemplate = \"mine\"\n");
    for days in [0, 7] {
        dir.put(&format!("builds/{}", bacon_name(days)), bacon(days));
    }
    dir.generate().expect(0);
    let page: serde_json::Value = serde_json::from_slice(&dir.read("out/mine/bacon.json")).unwrap();
    assert_eq!(page["builds"].as_array().unwrap().len(), 2, "{page}");
    assert_eq!(page["builds"][0]["file"], bacon_name(7));
}
