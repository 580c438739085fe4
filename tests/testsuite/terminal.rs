//! Untrusted names and texts, as a terminal shows them.

use super::support::{BASE_URL, RomDir, bacon};

/// Characters that reverse the writing direction: a name with one can look like another.
const OVERRIDE: char = '\u{202e}';

#[cfg(unix)]
#[test]
fn characters_that_change_writing_direction_are_escaped_everywhere() {
    let zip = format!("b{OVERRIDE}/x{OVERRIDE}lineage-21.0-20231121-nightly-bacon.zip");
    let broken = format!("b{OVERRIDE}/broken{OVERRIDE}.zip");
    let out = format!("o{OVERRIDE}");
    let dir = RomDir::new().file(&zip, bacon(7)).file(&broken, "no zip");
    let builds = format!("b{OVERRIDE}");
    let places = ["--builds", &builds, "--out", &out, "--base-url", BASE_URL];
    let missing = format!("nowhere{OVERRIDE}");
    let calls: [&[&str]; 9] = [
        &["generate", "-vv", "--json"],
        &["check"],
        &["check", "--json", "--zips"],
        &["files", "gone", "--published", &missing],
        &["init", "--dry-run"],
        &["catalog", "yank", &missing, "--reason", "x"],
        &["generate", &missing],
        &["generate", "--config", &missing],
        &["addrom", "-f", &missing, &missing],
    ];
    for call in calls {
        let takes_places = !["catalog", "addrom"].contains(&call[0]);
        let places = if takes_places { &places[..] } else { &[] };
        let run = dir.run(&[call, places].concat());
        assert!(!run.stdout.contains(OVERRIDE), "{call:?}: {}", run.stdout);
        assert!(!run.stderr.contains(OVERRIDE), "{call:?}: {}", run.stderr);
    }
    for call in [
        &["inspect", "--json"][..],
        &["inspect"],
        &["check", "--json"],
    ] {
        let run = dir.run(&[call, &[&zip, &broken]].concat());
        let shown = run.stdout + &run.stderr;
        assert!(!shown.contains(OVERRIDE), "{call:?}: {shown}");
        assert!(shown.contains("202e"), "{call:?}: {shown}");
    }
    // JSON still has the name.
    let run = dir.run(&["inspect", "--json", &zip]).expect(0);
    assert_eq!(run.json()["file"], zip);
}
