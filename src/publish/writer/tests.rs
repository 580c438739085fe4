use std::fs;

use super::execute::has_folder;
use super::manifest::{MANIFEST, write_manifest};
use super::*;
use crate::files::{list_folder, stamp};
use crate::publish::makers::makers_of;
use crate::publish::page::{Maker, Page};
use crate::publish::text_list::TextList;

fn page(path: &str, text: &str) -> Page {
    Page {
        path: path.to_owned(),
        bytes: text.as_bytes().into(),
        maker: match path.ends_with(".html") {
            true => Maker::Page,
            false => Maker::LineageOs,
        },
        origin: None,
    }
}

fn write(out: &Path, pages: &[Page], adopt: bool) -> Result<Plan, Error> {
    let lock = open(out, adopt)?;
    let comparer = Comparer::staged(out, &lock);
    let pages = comparer.compare(pages.to_vec())?;
    let plan = plan(out, &pages, read_manifest(out)?, TextList::default(), adopt)?;
    execute(out, &pages, &plan, &lock)?;
    Ok(plan)
}

/// Returns a manifest of files.
fn manifest_of(files: &[&str]) -> Vec<u8> {
    let files: Vec<_> = files.iter().map(|path| (*path, &Maker::Page)).collect();
    let mut bytes = Vec::new();
    write_manifest(&mut bytes, &files, &TextList::default(), None).unwrap();
    bytes
}

/// Checks the paths of pages.
fn check(pages: &[Page]) -> Result<(), Error> {
    check_paths(pages.iter().map(|page| (&*page.path, &page.origin)))
}

#[test]
fn unchanged_files_are_left_and_stale_ones_removed() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    write(&out, &[page("a/b", "1"), page("a/c/d", "2")], false).unwrap();
    fs::write(out.join("a/mine"), "foreign").unwrap();
    let before = fs::metadata(out.join("a/b")).unwrap().modified().unwrap();
    let plan = write(&out, &[page("a/b", "1"), page("e", "3")], false).unwrap();
    assert_eq!(
        (plan.created, plan.removed),
        (vec!["e".to_owned()], vec!["a/c/d".to_owned()])
    );
    assert_eq!(
        fs::metadata(out.join("a/b")).unwrap().modified().unwrap(),
        before
    );
    assert!(!out.join("a/c").exists());
    assert_eq!(fs::read(out.join("a/mine")).unwrap(), b"foreign");
    let again = write(&out, &[page("a/b", "1"), page("e", "3")], false).unwrap();
    assert!(again.is_empty() && !again.manifest_changed);
}

#[test]
fn files_edited_or_removed_by_hand_are_repaired() {
    let dir = tempfile::tempdir().unwrap();
    let pages = ["a", "b/c", "d", "e"].map(|path| page(path, "12"));
    write(dir.path(), &pages, false).unwrap();
    fs::write(dir.path().join("a"), "13").unwrap();
    fs::write(dir.path().join("d"), "123").unwrap();
    fs::write(dir.path().join("e"), "").unwrap();
    fs::remove_dir_all(dir.path().join("b")).unwrap();
    let plan = write(dir.path(), &pages, false).unwrap();
    assert_eq!(plan.changed, ["a", "d", "e"]);
    assert_eq!(plan.created, ["b/c"]);
    for page in &pages {
        assert_eq!(fs::read(dir.path().join(&page.path)).unwrap(), b"12");
    }
}

#[test]
fn paths_that_differ_only_in_case_are_found() {
    let alike = |paths: &[&'static str]| alike(paths.iter().copied());
    assert_eq!(
        alike(&["Index.html", "a/B/c", "a/b/c", "a/b/d", "index.html", "x"]),
        [("Index.html", "index.html"), ("a/B", "a/b")]
    );
    assert_eq!(alike(&["É/a", "é/a"]), [("É", "é")]);
    assert_eq!(alike(&["a/É", "a/é"]), [("a/É", "a/é")]);
    // Folders that come back after others.
    assert_eq!(
        alike(&["a/x", "B/y", "a/z", "b/y", "a/X"]),
        [("B", "b"), ("a/x", "a/X")]
    );
    assert_eq!(alike(&["a/b", "a.b", "ab"]), []);
}

/// Makes a folder look like one on a file system that ignores case.
#[cfg(unix)]
fn ignore_case(out: &Path) {
    use std::os::unix::fs::symlink;
    write(out, &[], false).unwrap();
    symlink(STATE_DIR, out.join(STATE_DIR.to_ascii_uppercase())).unwrap();
    symlink(LOCK, out.join(STATE_DIR).join(LOCK.to_ascii_uppercase())).unwrap();
}

#[cfg(unix)]
#[test]
fn pages_that_would_be_one_file_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    ignore_case(dir.path());
    let pages = [page("Index.html", "1"), page("index.html", "2")];
    let error = write(dir.path(), &pages, false).unwrap_err();
    assert!(matches!(error, Error::Case { .. }), "{error}");
    assert!(!dir.path().join("index.html").exists());
}

#[cfg(unix)]
#[test]
fn pages_replace_files_whose_names_differ_only_in_case() {
    let dir = tempfile::tempdir().unwrap();
    ignore_case(dir.path());
    write(dir.path(), &[page("a/Foo", "1"), page("b", "2")], false).unwrap();
    let plan = write(dir.path(), &[page("A/foo", "1"), page("b", "2")], false).unwrap();
    assert_eq!(
        (plan.created, plan.removed),
        (vec!["A/foo".into()], vec!["a/Foo".into()])
    );
    assert!(dir.path().join("A/foo").exists() && !dir.path().join("a").exists());
}

#[test]
fn folders_are_found_among_paths_sorted_by_bytes() {
    let sorted = ["a-b", "a.c", "a/b", "ab"];
    assert!(has_folder(&sorted, "a"));
    assert!(!has_folder(&sorted, "ab") && !has_folder(&sorted, "a/b"));
    assert!(!has_folder(&[], "a"));
}

#[test]
fn foreign_folders_are_refused_unless_adopted() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join(".git")).unwrap();
    let compared = || {
        let pages = vec![page("a", "1")];
        Comparer::in_memory(dir.path()).compare(pages).unwrap()
    };
    assert!(plan(dir.path(), &compared(), None, TextList::default(), false).is_ok());
    fs::write(dir.path().join("a"), "theirs").unwrap();
    assert!(matches!(
        plan(dir.path(), &compared(), None, TextList::default(), false),
        Err(Error::NotOurs { .. })
    ));
    let plan = write(dir.path(), &[page("a", "1")], true).unwrap();
    assert_eq!(plan.changed, ["a"]);
}

#[test]
fn foreign_files_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[page("a", "1")], false).unwrap();
    fs::write(dir.path().join("404.html"), "theirs").unwrap();
    let plan = write(
        dir.path(),
        &[page("a", "1"), page("404.html", "ours")],
        false,
    )
    .unwrap();
    assert_eq!(plan.foreign, ["404.html"]);
    assert_eq!(fs::read(dir.path().join("404.html")).unwrap(), b"theirs");
    let plan = write(dir.path(), &[page("a", "1")], false).unwrap();
    assert!(plan.removed.is_empty());
}

#[test]
fn pages_with_the_name_of_a_folder_are_refused() {
    let pages = [page("a/b", ""), page("a/b-c", ""), page("a/b/c", "")];
    assert!(matches!(check(&pages), Err(Error::Prefix { .. })));
    assert!(check(&[page("a.json", ""), page("a/b", "")]).is_ok());
}

#[test]
fn pages_with_the_same_path_are_refused() {
    let made = Page {
        origin: Some("x.j2 for the site".into()),
        ..page("a/b", "")
    };
    let error = check(&[made.clone(), page("a/c", ""), page("a/b", "")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`a/b` would have to be two pages at once: one is made by romfeed itself, the \
         other by x.j2 for the site"
    );
    let error = check(&[page("a/b/c", ""), made]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`a/b` would have to be both a file and the folder of `a/b/c`: one is made by \
         x.j2 for the site, the other by romfeed itself"
    );
}

#[test]
fn files_are_replaced_by_folders() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[page("a", "1")], false).unwrap();
    write(dir.path(), &[page("a/b", "1")], false).unwrap();
    assert_eq!(fs::read(dir.path().join("a/b")).unwrap(), b"1");
}

#[test]
fn manifests_record_what_made_each_feed() {
    let dir = tempfile::tempdir().unwrap();
    let crdroid = || Maker::Shipped("crdroid".to_owned());
    let made = |maker: Maker| Page {
        maker,
        ..page("a.json", "1")
    };
    let makers = || read_manifest(dir.path()).unwrap().unwrap().makers;
    let expected = |maker: Maker| Some(makers_of([("a.json", &maker)]));
    write(dir.path(), &[made(crdroid()), page("b.html", "")], false).unwrap();
    assert_eq!(makers(), expected(crdroid()));
    // The same bytes by another maker change only the manifest.
    let pages = [made(Maker::LineageOs), page("b.html", "")];
    let plan = write(dir.path(), &pages, false).unwrap();
    assert!(plan.is_empty() && plan.manifest_changed);
    assert_eq!(makers(), expected(Maker::LineageOs));
    // A foreign file in its place is not made by romfeed.
    fs::write(dir.path().join("c.json"), "theirs").unwrap();
    let pages = [made(Maker::LineageOs), page("c.json", "ours")];
    write(dir.path(), &pages, false).unwrap();
    assert_eq!(makers(), expected(Maker::LineageOs));
}

#[test]
fn manifests_of_earlier_versions_are_read_and_completed() {
    let dir = tempfile::tempdir().unwrap();
    let pages = [page("a.json", "1")];
    write(dir.path(), &pages, false).unwrap();
    let old = r#"{"schema":1,"files":["b","a.json","b"]}"#;
    fs::write(dir.path().join(STATE_DIR).join(MANIFEST), old).unwrap();
    let read = read_manifest(dir.path()).unwrap().unwrap();
    assert_eq!((read.files.len(), read.makers), (2, None));
    let plan = write(dir.path(), &pages, false).unwrap();
    assert!(plan.is_empty());
    let read = read_manifest(dir.path()).unwrap().unwrap();
    assert!(read.files.iter().eq(["a.json"]));
    assert!(read.makers.is_some_and(|makers| makers.len() == 1));
    assert!(!write(dir.path(), &pages, false).unwrap().manifest_changed);
}

#[test]
fn second_lock_is_refused_until_the_first_is_released() {
    let dir = tempfile::tempdir().unwrap();
    let first = lock(dir.path()).unwrap();
    assert!(matches!(lock(dir.path()), Err(Error::Locked { .. })));
    drop(first);
    lock(dir.path()).unwrap();
}

#[test]
fn files_outside_the_site_are_never_removed() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    fs::write(dir.path().join("victim"), "x").unwrap();
    fs::create_dir_all(out.join(STATE_DIR)).unwrap();
    let bytes = manifest_of(&["../victim", "/etc/hosts"]);
    fs::write(out.join(STATE_DIR).join(MANIFEST), bytes).unwrap();
    let plan = write(&out, &[page("a", "1")], false).unwrap();
    assert!(plan.removed.is_empty());
    assert!(dir.path().join("victim").exists());
}

#[test]
fn pages_outside_the_site_are_refused() {
    for path in [
        "../a",
        "a/../../b",
        "/etc/a",
        "/b",
        "a//b",
        "",
        "a/.",
        ".romfeed/manifest.json",
    ] {
        let error = check(&[page("a", ""), page(path, "")]).unwrap_err();
        assert!(matches!(error, Error::Outside { .. }), "{path}: {error}");
    }
    assert!(check(&[page("a..b/.c", ""), page("romfeed/x", "")]).is_ok());
}

#[test]
fn folders_in_the_place_of_a_page_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let pages = [page("a/b", "1"), page("c", "1")];
    write(dir.path(), &pages, false).unwrap();
    fs::remove_file(dir.path().join("a/b")).unwrap();
    fs::create_dir_all(dir.path().join("a/b/theirs")).unwrap();
    for _ in 0..2 {
        let plan = write(dir.path(), &pages, false).unwrap();
        assert_eq!(
            (plan.foreign, plan.removed),
            (vec!["a/b".to_owned()], vec![])
        );
    }
    fs::remove_dir_all(dir.path().join("a/b")).unwrap();
    assert_eq!(write(dir.path(), &pages, false).unwrap().created, ["a/b"]);
}

#[cfg(unix)]
#[test]
fn links_and_sockets_in_the_place_of_a_page_are_left_alone_and_reported() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let elsewhere = dir.path().join("elsewhere");
    fs::write(&elsewhere, "1").unwrap();
    let paths = ["a", "b", "c", "d/e"];
    let pages = paths.map(|path| page(path, "1"));
    write(&out, &pages, false).unwrap();
    for path in paths {
        fs::remove_file(out.join(path)).unwrap();
    }
    // Links to the right bytes, to a folder and to nothing, and a socket.
    symlink(&elsewhere, out.join("a")).unwrap();
    symlink(dir.path(), out.join("b")).unwrap();
    symlink("nothing", out.join("c")).unwrap();
    let socket = out.join("d/e");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let is_left = || {
        let is_link = |path: &str| out.join(path).is_symlink();
        ["a", "b", "c"].into_iter().all(is_link) && socket.exists() && !socket.is_file()
    };
    for _ in 0..2 {
        let plan = write(&out, &pages, false).unwrap();
        assert_eq!(
            (plan.foreign, plan.removed),
            (paths.map(str::to_owned).to_vec(), vec![])
        );
        assert!(is_left());
    }
    // They also stay when the site no longer has their pages.
    let known = manifest_of(&paths);
    fs::write(out.join(STATE_DIR).join(MANIFEST), known).unwrap();
    assert!(
        write(&out, &[page("d/e/f", "1")], false)
            .unwrap()
            .removed
            .is_empty()
    );
    assert!(is_left());
    // With `adopt`, links are replaced, but not their targets.
    write(&out, &pages, true).unwrap();
    assert!(!out.join("a").is_symlink() && !out.join("b").is_symlink());
    assert_eq!(fs::read(&elsewhere).unwrap(), b"1");
}

#[test]
fn foreign_files_in_the_place_of_a_folder_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let pages = [page("a/b/c", "1"), page("d", "1")];
    write(dir.path(), &pages, false).unwrap();
    fs::remove_dir_all(dir.path().join("a")).unwrap();
    fs::write(dir.path().join("a"), "theirs").unwrap();
    let pages = [page("a/b/c", "2"), page("d", "2")];
    for changed in [vec!["d".to_owned()], vec![]] {
        let plan = write(dir.path(), &pages, false).unwrap();
        assert_eq!(
            (plan.foreign, plan.changed),
            (vec!["a/b/c".to_owned()], changed)
        );
    }
    assert_eq!(fs::read(dir.path().join("a")).unwrap(), b"theirs");
    fs::remove_file(dir.path().join("a")).unwrap();
    assert_eq!(write(dir.path(), &pages, false).unwrap().created, ["a/b/c"]);
}

#[test]
fn half_written_files_of_a_killed_run_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[page("a", "1")], false).unwrap();
    let left = dir.path().join(STATE_DIR).join(TEMPORARY);
    fs::write(&left, "half").unwrap();
    write(dir.path(), &[page("a", "1")], false).unwrap();
    assert!(!left.exists());
}

/// Returns what is in the folder of contents that are not in their place yet.
fn staged(out: &Path) -> Vec<PathBuf> {
    list_folder(&out.join(STATE_DIR).join(STAGE)).unwrap()
}

#[test]
fn new_folders_come_to_their_place_and_their_feeds_later() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let lock = open(&out, false).unwrap();
    let paths = ["a/b/1.html", "a/b/2.html", "a/b/feed", "c/3.html", "top"];
    let comparer = Comparer::staged(&out, &lock);
    let pages = paths.map(|path| page(path, path)).to_vec();
    let pages = comparer.compare(pages).unwrap();
    // Two folders for pages, one for the feed, and the file of the page that is in no new folder.
    let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) =
        staged(&out).into_iter().partition(|path| path.is_dir());
    assert_eq!((folders.len(), files.len()), (3, 1));
    assert!(!out.join("a").exists());
    let plan = plan(&out, &pages, None, TextList::default(), false).unwrap();
    execute(&out, &pages, &plan, &lock).unwrap();
    for page in &pages {
        let file = out.join(&page.path);
        assert_eq!(fs::read(&file).unwrap(), page.path.as_bytes());
        assert_eq!(page.stamp.get().copied(), stamp(&file));
    }
    // The folder with the feed is left, as its place was taken.
    let left = staged(&out);
    assert!(left.len() == 1 && left[0].read_dir().unwrap().next().is_none());
    drop(comparer);
    assert_eq!(staged(&out), [""; 0].map(PathBuf::from));
}

#[cfg(target_os = "linux")]
#[test]
fn new_folders_get_the_group_of_a_folder_that_passes_it_on() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[page("a/1", "1")], false).unwrap();
    let folder = dir.path().join("a");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o2775)).unwrap();
    write(dir.path(), &[page("a/1", "1"), page("a/b/2", "2")], false).unwrap();
    let mode = folder.join("b").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o2000, 0o2000, "{mode:o}");
}

#[test]
fn a_page_takes_the_place_of_a_folder_with_own_files_alone() {
    for (more, is_replaced) in [(None, true), (Some("q/a/mine"), false)] {
        let dir = tempfile::tempdir().unwrap();
        let pages = ["q/a/x", "q/a/b/y", "q/z"].map(|path| page(path, path));
        write(dir.path(), &pages, false).unwrap();
        if let Some(file) = more {
            fs::write(dir.path().join(file), "mine").unwrap();
        }
        let pages = ["q/a", "q/z"].map(|path| page(path, path));
        let plan = write(dir.path(), &pages, false).unwrap();
        assert_eq!(plan.foreign.is_empty(), is_replaced);
        assert_eq!(plan.removed.len(), 2);
        let place = dir.path().join("q/a");
        assert_eq!(place.is_file(), is_replaced);
        assert!(more.is_none_or(|file| dir.path().join(file).is_file()));
    }
}

#[test]
fn things_in_the_place_of_waiting_contents_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[page("1", "1")], false).unwrap();
    let state = dir.path().join(STATE_DIR);
    fs::write(state.join(STAGE), "a file").unwrap();
    fs::create_dir_all(state.join(TEMPORARY).join("a folder")).unwrap();
    write(dir.path(), &[page("2", "2")], false).unwrap();
    assert_eq!(fs::read(dir.path().join("2")).unwrap(), b"2");
}

#[test]
fn files_that_come_to_a_new_folder_meanwhile_stay() {
    let dir = tempfile::tempdir().unwrap();
    let lock = open(dir.path(), false).unwrap();
    let comparer = Comparer::staged(dir.path(), &lock);
    let pages = vec![page("a/1", "1"), page("a/2", "2")];
    let pages = comparer.compare(pages).unwrap();
    let plan = plan(dir.path(), &pages, None, TextList::default(), false).unwrap();
    fs::create_dir(dir.path().join("a")).unwrap();
    fs::write(dir.path().join("a/mine"), "mine").unwrap();
    execute(dir.path(), &pages, &plan, &lock).unwrap();
    let read = |name: &str| fs::read_to_string(dir.path().join("a").join(name)).unwrap();
    assert_eq!(["1", "2", "mine"].map(read), ["1", "2", "mine"]);
}

#[test]
fn pages_that_cannot_have_their_names_yet_are_compared_without_harm() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let lock = open(&out, false).unwrap();
    let paths = [
        "a/b",
        "a/b",
        "a/..",
        "a/.",
        "a/",
        "../b/c",
        "/b",
        "",
        "d/..\\..\\e",
    ];
    let pages = paths.map(|path| page(path, "1")).to_vec();
    let comparer = Comparer::staged(&out, &lock);
    let compared = comparer.compare(pages).unwrap();
    for page in &compared {
        assert_eq!(page.read().unwrap().unwrap(), b"1");
    }
    assert_eq!(list_folder(dir.path()).unwrap(), [out.as_path()]);
    assert_eq!(list_folder(&out).unwrap(), [""; 0].map(PathBuf::from));
}

#[test]
fn feeds_are_removed_before_the_pages_they_lead_to() {
    let dir = tempfile::tempdir().unwrap();
    let old = ["a.html", "b.atom", "c/d.html", "e.json", "f"].map(|path| page(path, ""));
    write(dir.path(), &old, false).unwrap();
    let plan = write(dir.path(), &[page("f", "")], false).unwrap();
    assert_eq!(plan.removed, ["b.atom", "e.json", "a.html", "c/d.html"]);
}
