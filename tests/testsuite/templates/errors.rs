//! Templates that are wrong: one line with the place.

use super::*;
use crate::support::native;

#[test]
fn a_page_stays_inside_the_site() {
    let mine = |scope: &str, path: &str| {
        format!("{{#\nscope = \"{scope}\"\npath = '{path}'\nformat = \"text\"\n#}}\nx\n")
    };
    for (path, message) in [
        ("../x", "part . or .."),
        ("a/../../x", "part . or .."),
        ("/etc/x", "begins with a slash"),
        (".romfeed/manifest.json", "hidden"),
        ("a\\x", "holds"),
        ("a//x", "empty part"),
    ] {
        refuses(&mine("site", path), &["mine.j2, line 3: path: ", message]);
    }
    // The same in the settings.
    let settings = "[[feed]]\ntemplate = \"mine\"\npath = \"../x\"\n";
    refuses_with(
        &mine("site", "x"),
        settings,
        &["[[feed]] mine: path `../x`: "],
    );
    let settings = "[[feed]]\ntemplate = \"mine\"\npath = \"CON/x.json\"\n";
    refuses_with(
        &mine("site", "x"),
        settings,
        &["[[feed]] mine: path `CON/x.json`: `CON` is a name that Windows reserves"],
    );
    refuses(
        &mine("site", "{device}.x"),
        &["line 3: path: a template of scope site has no {device}; there are {variant}"],
    );
    refuses(
        &mine("device", "{romtyp}"),
        &["a template of scope device has no {romtyp}; there are {device}, {version}, {variant}"],
    );
    // By a value: the version of a build is free text.
    let template = mine("build", "v/{version}");
    let settings =
        "[[feed]]\ntemplate = \"mine\"\n[[override]]\npackage = \"*\"\nversion = \"../../x\"\n";
    refuses_with(
        &template,
        settings,
        &[
            "line 3: path: {version} is `../../x`, which cannot be part of a path",
            "(for device bacon, romtype nightly, lineage-21.0-",
        ],
    );
}

#[test]
fn two_pages_at_one_path_are_refused() {
    let mine = |scope: &str, path: &str| {
        format!("{{#\nscope = \"{scope}\"\npath = \"{path}\"\nformat = \"text\"\n#}}\nx\n")
    };
    for path in [
        "api/v1/devices.json",
        "404.html",
        "bacon.json",
        "api/v1/bacon/nightly/inc0",
    ] {
        let message = format!(
            "`{path}` would have to be two pages at once: one is made by romfeed itself, the other by "
        );
        refuses(&mine("site", path), &[&message, "mine.j2 for the site"]);
    }
    refuses(
        &mine("build", "x"),
        &[
            "`x` would have to be two pages at once: one is made by ",
            "mine.j2 for device bacon",
        ],
    );
    refuses(
        &mine("site", "api"),
        &[
            "`api` would have to be both a file and the folder of `api/v1/",
            "mine.j2 for the site",
        ],
    );
    refuses(
        &mine("site", "404.html/x"),
        &["`404.html` would have to be both a file and the folder of `404.html/x`"],
    );
    // Two devices.
    let dir = bacons("[[feed]]\ntemplate = \"mine\"\n[device.bacon]\naliases = [\"ham\"]\n")
        .file("templates/feeds/mine.j2", mine("device", "x"));
    dir.generate()
        .expect(2)
        .says("mine.j2 for device bacon, the other by ")
        .says("for device ham");
    assert!(!dir.path().join("out").exists());
    // Another template.
    let dir = bacons(&enable(&["mine", "crdroid"])).file(
        "templates/feeds/mine.j2",
        mine("device", "crdroid/{device}.json/x"),
    );
    dir.generate()
        .expect(2)
        .says("crdroid.j2 (of romfeed) for device bacon")
        .says("mine.j2 for device bacon");
    assert!(!dir.path().join("out").exists());
}

#[test]
fn a_device_without_an_entry_is_named_with_what_to_write() {
    let lacks = |missing: &str, field: &str, instead: &str| {
        format!(
            "`{missing}` is undefined: devices.json has no `{field}` for bacon; add it there, or write \
             {{{{ {missing} | default({instead}) }}}} (for "
        )
    };
    for (scope, path, body, message) in [
        (
            "device",
            "x/{device}",
            "{{ device.name }}",
            lacks("device.name", "name", "device.model"),
        ),
        (
            "romtype",
            "x/{device}/{romtype}",
            "{{ device.oem }}",
            lacks("device.oem", "oem", "\"\""),
        ),
        (
            "build",
            "x/{filename}",
            "{{ device.info_url }}",
            lacks("device.info_url", "info_url", "\"\""),
        ),
        (
            "site",
            "x",
            "[{% for d in site.devices %}{{ d.name }}{% endfor %}]",
            lacks("d.name", "name", "d.model"),
        ),
        (
            "site",
            "x",
            "[{% for d in site.devices %}{{ d.info.forum }}{% endfor %}]",
            "`d.info.forum` is undefined; set it under [device.bacon.info] in the settings (for the site)"
                .to_owned(),
        ),
        // Only devices lack names.
        (
            "device",
            "x/{device}",
            "[{% for b in builds %}{{ b.name }}{% endfor %}]",
            "`b.name` is undefined (for device bacon)".to_owned(),
        ),
    ] {
        let head = format!("{{#\nscope = \"{scope}\"\npath = \"{path}\"\n#}}\n");
        refuses(&(head + body), &[&message]);
    }
    let template = "{#\nscope = \"device\"\npath = \"x/{device}\"\n#}\n{{ device.name | default(device.model) }}";
    let dir = bacons(&enable(&["mine"])).file("templates/feeds/mine.j2", template);
    dir.generate().expect(0);
    assert_eq!(text(&dir, "x/bacon"), "\"bacon\"\n");
}

#[test]
fn template_errors_name_their_line() {
    let mine = |body: &str| {
        format!(
            "{{#\nscope = \"device\"\npath = \"x/{{device}}\"\nformat = \"json\"\n#}}\n{body}\n"
        )
    };
    let file = format!("error: {}", native("templates/feeds/mine.j2"));
    let at = |line: usize| format!("{file}, line {line}: ");
    for (body, line, message) in [
        (
            "{\n{{ build.speed }}\n}",
            7,
            "`build.speed` is undefined (for device bacon)",
        ),
        (
            "{\n{{ build.signer }}\n}",
            7,
            "`build.signer` is undefined: signer of lineage-21.0-20231123-nightly-bacon.zip is unknown",
        ),
        (
            "{{ device.info.maintainer }}",
            6,
            "set it under [device.bacon.info] in the settings",
        ),
        ("{{ nothing }}", 6, "`nothing` is undefined"),
        ("{{ {\"a\": build.signer} }}", 6, "`a` is undefined"),
        ("{{ [build.signer] }}", 6, "is undefined"),
        (
            "{{ build.datetime | date('%Q') }}",
            6,
            "`%Q` is not a date format",
        ),
        (
            "{{ build.nothing.deeper }}",
            6,
            "`build.nothing` is undefined",
        ),
        ("{\n{% if %}\n}", 7, "syntax error"),
        ("{{ x | nofilter }}", 6, "nofilter"),
        ("{% for i in builds %}", 6, "syntax error"),
        ("{% include 'other.j2' %}", 6, "other.j2"),
        ("{{ range(1000000) }}", 6, "range has too many elements"),
        (
            "\n{{ 'x' * 9000000 }}",
            7,
            "the page is longer than 4194304 bytes",
        ),
        (
            "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
            6,
            "recursion limit",
        ),
        (
            "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
            6,
            "more than 10000000 steps; is there a loop that does not end?",
        ),
    ] {
        refuses(&mine(body), &[&at(line), message]);
    }
    for (body, message) in [
        (
            "{% for a in range(1000) %}{% for b in range(1000) %}xxxxx{% endfor %}{% endfor %}",
            "mine.j2: the page is longer than 4194304 bytes (for device bacon)",
        ),
        (
            "{\"a\": 1,\n \"b\" 2}",
            "mine.j2: the page is not valid JSON: expected `:` at line 2, column 6 of the page: \\\"b\\\" 2} (for device bacon)",
        ),
        (
            "{\"a\": \"{{ build.version }}\"}",
            "the page is not valid JSON: expected `,` or `}` at line 1",
        ),
        ("", "the page is not valid JSON"),
        ("[1] 2", "trailing characters"),
    ] {
        refuses(&mine(body), &[message]);
    }
    let xml = mine("<a>{{ build.version }}\n</b>").replace("json", "xml");
    refuses(
        &xml,
        &["the page is not valid XML: </b> instead of </a> at line 2, column 1 of the page: </b>"],
    );
    let list = mine("{{ builds }}").replace("json", "text");
    refuses(
        &list,
        &["line 6: invalid operation: a sequence cannot be printed"],
    );
    for (head, message) in [
        ("", "mine.j2, line 1: a feed template begins with {#"),
        (
            "{#\nscope = \"device\"\npath = \"x\"\npaht = \"x\"\n#}",
            "mine.j2, line 4: unknown field `paht`",
        ),
        (
            "{#\nscope = \"phone\"\npath = \"x\"\n#}",
            "mine.j2, line 2: unknown variant `phone`",
        ),
        ("{#\nscope = \"site\"\n#}", "missing field `path`"),
        ("{#\nscope = \"site\"\npath = \n#}", "mine.j2, line 3: "),
    ] {
        refuses(head, &[message]);
    }
}

#[test]
fn reading_an_endless_template_stops_at_a_limit() {
    let long = " ".repeat((1 << 20) + 1);
    refuses(&long, &["mine.j2: it has more than 1024 KiB"]);
}
