//! Texts that announce a build: what they say, and that the texts in them cannot add markup.

use super::*;
use crate::support::BASE_URL;

/// A folder whose newest build has this changelog, and both announcements.
fn announced(changelog: &str) -> RomDir {
    let stem = bacon_name(7).replace(".zip", "");
    let settings = format!(
        "{}[device.bacon.info]\nmaintainer = \"[B]R&D[/B] <b>'\"\n",
        enable(&["telegram", "forum"])
    );
    bacons(&settings)
        .file(
            "devices.json",
            r#"[{"model": "bacon", "oem": "OnePlus", "name": "One"}]"#,
        )
        .file(&format!("builds/bacon/{stem}.txt"), changelog)
        .file(&format!("builds/bacon/{stem}-recovery.img"), b"an image")
}

#[test]
fn an_announcement_names_the_build_its_changes_and_its_links() {
    let dir = announced("- Less lag\n- More colours\n");
    dir.generate().expect(0);
    let name = bacon_name(7);
    let stem = name.replace(".zip", "");
    let (zip, page) = (
        format!("{BASE_URL}/builds/bacon/{name}"),
        format!("{BASE_URL}/bacon/builds/{stem}.html"),
    );
    let digest = json(&dir, "bacon.json")["response"][0]["id"].clone();
    let digest = digest.as_str().unwrap();
    let telegram = text(&dir, &format!("telegram/{name}.txt"));
    let forum = text(&dir, &format!("forum/{name}.txt"));
    for text in [&telegram, &forum] {
        for part in [
            "LineageOS 21.0 · Android 14",
            "OnePlus One (bacon)",
            "Date: 21 November 2023",
            "Type: nightly",
            "Security patch: 2023-11-05",
            "\n- Less lag\n- More colours\n",
            digest,
        ] {
            assert!(text.contains(part), "no {part} in {text}");
        }
    }
    assert!(
        telegram.contains(&format!("<a href=\"{zip}\">Download</a>")),
        "{telegram}"
    );
    assert!(
        telegram.contains(&format!("<a href=\"{page}\">")),
        "{telegram}"
    );
    assert!(
        telegram.contains("-recovery.img\">recovery</a> (8 bytes)"),
        "{telegram}"
    );
    assert!(
        forum.contains(&format!("[URL={zip}]{name}[/URL]")),
        "{forum}"
    );
    assert!(forum.contains(&format!("[URL={page}]")), "{forum}");
    assert!(
        forum.contains(&format!("{stem}-recovery.img[/URL] (8 bytes)")),
        "{forum}"
    );
    // Each build has its own; one without changes has no heading for them.
    let older = text(&dir, &format!("telegram/{}.txt", bacon_name(0)));
    assert!(
        older.contains("14 November 2023") && !older.contains("Changes"),
        "{older}"
    );
}

#[test]
fn changelogs_cannot_add_markup_to_an_announcement() {
    let dir = announced(
        "</code><a href=\"https://evil.example\">win</a> & it's [URL=https://evil.example]win[/URL]\n",
    );
    dir.generate().expect(0);
    let name = bacon_name(7);
    let telegram = text(&dir, &format!("telegram/{name}.txt"));
    assert!(!telegram.contains("evil.example\">"), "{telegram}");
    assert!(
        telegram.contains(
            "&lt;/code&gt;&lt;a href=&quot;https://evil.example&quot;&gt;win&lt;/a&gt; &amp; it's"
        ),
        "{telegram}"
    );
    assert!(telegram.contains("R&amp;D[/B] &lt;b&gt;'"), "{telegram}");
    let forum = text(&dir, &format!("forum/{name}.txt"));
    assert!(
        !forum.contains("[URL=https://evil") && !forum.contains("[B]R&D"),
        "{forum}"
    );
    assert!(
        forum.contains("[\u{2060}URL=https://evil.example]win[\u{2060}/URL]"),
        "{forum}"
    );
}

#[test]
fn a_long_changelog_fits_into_a_message() {
    // A symbol outside of the basic plane counts as two.
    let dir = announced(&"\u{1f680} ".repeat(4000));
    dir.generate().expect(0);
    let telegram = text(&dir, &format!("telegram/{}.txt", bacon_name(7)));
    let len = telegram.encode_utf16().count();
    assert!((1500..4096).contains(&len), "{len}");
    assert!(telegram.contains(" …\n"), "{telegram}");
}

#[test]
fn announcements_of_builds_that_are_gone_are_no_lost_feeds() {
    let dir = announced("- Less lag\n");
    dir.generate().expect(0);
    dir.remove(&format!("builds/bacon/{}", bacon_name(0)));
    dir.run(&["catalog", "remove", &bacon_name(0)]).expect(0);
    dir.generate().expect(0).lacks("telegram/");
    assert!(
        !dir.path()
            .join(format!("out/telegram/{}.txt", bacon_name(0)))
            .exists()
    );
}
