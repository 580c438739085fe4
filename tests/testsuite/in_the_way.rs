//! Files, folders and links in `out/` that romfeed did not write, in the place of pages and of their folders.

use std::fs;

use super::support::{RomDir, bacon, bacon_name};

fn published() -> RomDir {
    let dir = RomDir::new().file(&format!("builds/{}", bacon_name(0)), bacon(0));
    dir.generate().expect(0);
    dir
}

/// Returns the lines with an error.
fn errors(stderr: &str) -> Vec<&str> {
    let lines = stderr.lines();
    lines.filter(|line| line.starts_with("error: ")).collect()
}

#[test]
fn what_is_in_the_way_of_a_folder_is_one_error() {
    let dir = published();
    let folder = dir.path().join("out/api/v1/bacon");
    let pages = dir.tree("out/api/v1/bacon").len();
    assert!(pages > 1);
    fs::rename(&folder, dir.path().join("elsewhere")).unwrap();
    dir.put("out/api/v1/bacon", "mine");
    for _ in 0..2 {
        let run = dir.generate().expect(1);
        let text = format!(
            "error: api/v1/bacon: a file or link that romfeed did not write is in the way of {pages} pages"
        );
        assert_eq!(errors(&run.stderr), [text]);
        run.says("; 1 left out").lacks("is up to date");
        assert_eq!(dir.read("out/api/v1/bacon"), b"mine");
    }
    dir.generate()
        .expect(1)
        .says("out is unchanged, but not up to date: 1 build");
    dir.remove("out/api/v1/bacon");
    dir.generate().expect(0);
    dir.generate().expect(0).says("out is up to date");
    assert_eq!(dir.tree("out/api/v1/bacon").len(), pages);
}

#[cfg(unix)]
#[test]
fn a_link_to_a_folder_is_one_error_and_each_page_in_a_place_of_its_own_another() {
    let dir = published();
    let pages = dir.tree("out/api").len();
    fs::rename(dir.path().join("out/api"), dir.path().join("outside")).unwrap();
    std::os::unix::fs::symlink("../outside", dir.path().join("out/api")).unwrap();
    for page in ["out/index.html", "out/bacon.json"] {
        dir.remove(page);
        fs::create_dir(dir.path().join(page)).unwrap();
    }
    let run = dir.generate().expect(1);
    let way = "a file or link that romfeed did not write is in the way of";
    assert_eq!(
        errors(&run.stderr),
        [
            format!("error: api: {way} {pages} pages"),
            format!("error: bacon.json: {way} this page"),
            format!("error: index.html: {way} this page"),
        ]
    );
}
