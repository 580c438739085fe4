//! A folder of garbage.

use testkit::faults::garbage;

use super::Folder;

/// Longest line that may be printed, in bytes.
const MAX_LINE_LEN: usize = 500;

#[test]
fn good_packages_in_a_folder_of_garbage_are_published() {
    let folder = Folder::new();
    let devices = garbage::write(&folder.site, 200, 4).unwrap();
    let call = ["generate", "--base-url", testkit::faults::BASE_URL];
    let ended = folder.site.run(&call).unwrap();
    assert!(ended.exited_with(&[1]), "{}", ended.stderr);
    assert!(!ended.has_panicked(), "{}", ended.stderr);
    for line in ended.stderr.lines() {
        assert!(line.len() <= MAX_LINE_LEN, "{line}");
    }
    for device in devices {
        let feed = format!("out/api/v1/{device}/nightly.json");
        let text = std::fs::read_to_string(folder.site.path(&feed)).unwrap();
        assert!(text.contains("builds/lineage-21.0-"), "{text}");
    }
}

#[test]
fn the_first_errors_of_a_kind_are_printed_and_the_others_counted() {
    let folder = Folder::new();
    for index in 0..25 {
        folder
            .site
            .put(&format!("builds/bad{index}.zip"), "rot")
            .unwrap();
    }
    let more = "error: 5 more like these; -v lists them\n  hint: remove it, or copy";
    for (call, num_named) in [(&["generate"][..], 20), (&["generate", "-v"], 25)] {
        let ended = folder.site.run(call).unwrap();
        assert!(ended.exited_with(&[1]), "{}", ended.stderr);
        assert_eq!(ended.stderr.matches("error: bad").count(), num_named);
        assert_eq!(
            ended.stderr.contains(more),
            num_named == 20,
            "{}",
            ended.stderr
        );
    }
}
