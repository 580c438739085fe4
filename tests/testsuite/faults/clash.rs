//! Several runs at once, and zips that change while they are read.

use std::process::Stdio;

use testkit::faults::Site;
use testkit::faults::scenario::BACON_1;

use super::{at_step, is_safe};

/// Runs commands at once; returns how each ended, and its output.
fn at_once(site: &Site, calls: &[&[&str]]) -> Vec<(Option<i32>, String)> {
    let start = |call: &&[&str]| {
        let mut command = site.command(call);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let children: Vec<_> = calls.iter().map(start).collect();
    let end = |child: std::process::Child| {
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), stderr)
    };
    children.into_iter().map(end).collect()
}

#[test]
fn one_of_several_concurrent_runs_works_and_the_others_report_it() {
    at_step(1, |stage| {
        for num in [2, 5] {
            stage.rewind().unwrap();
            let ended = at_once(&stage.site, &vec![stage.call; num]);
            assert!(ended.iter().any(|(code, _)| *code == Some(0)), "{ended:?}");
            for (code, stderr) in ended {
                let is_told = stderr.contains("another romfeed is running here");
                assert!(code == Some(0) || code == Some(1) && is_told, "{stderr}");
            }
            is_safe(stage, &format!("{num} at once"));
        }
    });
}

#[test]
fn a_catalog_change_during_a_run_is_applied_or_refused() {
    at_step(1, |stage| {
        stage.rewind().unwrap();
        let remove = ["catalog", "remove", BACON_1];
        let ended = at_once(&stage.site, &[stage.call, &remove]);
        let catalog = std::fs::read(stage.site.path("catalog.json")).unwrap();
        let catalog: serde_json::Value = serde_json::from_slice(&catalog).unwrap();
        let is_removed = !catalog["tombstones"].as_array().unwrap().is_empty();
        assert_eq!(ended[1].0 == Some(0), is_removed, "{ended:?} {catalog}");
        assert!(ended.iter().any(|(code, _)| *code == Some(0)), "{ended:?}");
    });
}

// Windows does not allow replacing an open file.
#[cfg(unix)]
#[test]
fn a_zip_that_changes_while_read_is_published_whole_or_not_at_all() {
    use testkit::faults::zip_changes::{self, ZipChange};
    use testkit::faults::{BASE_URL, Random};

    let folder = super::Folder::new();
    let site = &folder.site;
    let call = ["generate", "--base-url", BASE_URL];
    let mut random = Random::new(5);
    for change in ZipChange::ALL.into_iter().cycle().take(10) {
        site.rewind(&testkit::faults::Tree::new()).unwrap();
        zip_changes::write(site).unwrap();
        let before = std::fs::read(site.path(zip_changes::ZIP)).unwrap();
        let mut child = site.start(&call).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(random.below(200)));
        change.apply(site).unwrap();
        child.wait().unwrap();
        let mixtures = zip_changes::mixtures(site, &before).unwrap();
        assert!(mixtures.is_empty(), "{change:?}: {mixtures:?}");
        let ended = site.run(&call).unwrap();
        assert!(ended.exited_with(&[0, 1]), "{change:?}: {}", ended.stderr);
        let untrue = zip_changes::wrong_offers(site).unwrap();
        assert!(untrue.is_empty(), "{change:?}: {untrue:?}");
    }
}
