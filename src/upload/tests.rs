use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use super::files::Local;
use super::*;
use crate::markup::template::Format;
use crate::publish::page::{Maker, Page};
use crate::publish::text_list::TextList;

type Files = BTreeMap<String, Vec<u8>>;

/// A host in memory, which fails once it has done a number of operations, as if the publication was killed.
#[derive(Default)]
struct Memory {
    files: Files,
    operations_left: Option<usize>,
    num_operations: usize,
}

impl Memory {
    /// Counts an operation; one is a file or a question.
    fn operate(&mut self) -> Result<(), Error> {
        self.num_operations += 1;
        match &mut self.operations_left {
            Some(0) => Err(Error::Failed {
                program: "memory",
                what: "go on".to_owned(),
                status: "stopped".to_owned(),
            }),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Fails if a feed names a package that is not there, or a list of feeds names a feed that is not there.
    fn require_whole(&self) {
        for (path, bytes) in self
            .files
            .iter()
            .filter(|(path, _)| path.starts_with("api/"))
        {
            let text = String::from_utf8_lossy(bytes);
            for named in text.split_whitespace() {
                assert!(
                    self.files.contains_key(named),
                    "{path} names {named}, which is not there"
                );
            }
        }
    }
}

/// A folder of the host.
struct Folder {
    memory: Rc<RefCell<Memory>>,
    prefix: &'static str,
}

impl Store for Folder {
    fn compare(&mut self, batch: &Batch<'_>) -> Result<Compared, Error> {
        let mut memory = self.memory.borrow_mut();
        memory.operate()?;
        let mut compared = Compared::default();
        for file in batch.files {
            let path = format!("{}{}", self.prefix, file.path);
            let bytes = std::fs::read(batch.from.join(&file.path)).unwrap();
            match memory.files.get(&path) {
                None => compared.new.insert(file.path.clone()),
                Some(there) if *there != bytes => compared.changed.insert(file.path.clone()),
                Some(_) => false,
            };
            let folders = path.match_indices('/').map(|(at, _)| &path[..at]);
            let blocked = folders.filter(|folder| memory.files.contains_key(*folder));
            compared.blocked.extend(blocked.map(str::to_owned));
        }
        Ok(compared)
    }

    fn copy(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        assert!(!batch.files.is_empty());
        let mut memory = self.memory.borrow_mut();
        // In an order of its own: a program may copy several files at once.
        for file in batch.files.iter().rev() {
            memory.operate()?;
            let bytes = std::fs::read(batch.from.join(&file.path)).unwrap();
            memory
                .files
                .insert(format!("{}{}", self.prefix, file.path), bytes);
            memory.require_whole();
        }
        Ok(())
    }
}

impl SiteStore for Folder {
    fn manifest(&mut self) -> Result<Vec<u8>, Error> {
        let mut memory = self.memory.borrow_mut();
        memory.operate()?;
        Ok(memory
            .files
            .get(".romfeed/manifest.json")
            .cloned()
            .unwrap_or_default())
    }

    fn remove(&mut self, paths: &[&str]) -> Result<(), Error> {
        assert!(!paths.is_empty());
        let mut memory = self.memory.borrow_mut();
        for path in paths {
            memory.operate()?;
            memory.files.remove(*path);
            memory.require_whole();
        }
        Ok(())
    }
}

struct Silent;

impl Observer for Silent {}

/// A folder of packages and a site on this machine.
struct Machine {
    dir: tempfile::TempDir,
    zips: Vec<&'static str>,
}

impl Machine {
    /// Makes a site from its packages and its files; files below `api/` name others.
    fn new(zips: &[&'static str], files: &[(&str, &str)]) -> Machine {
        let dir = tempfile::tempdir().unwrap();
        for zip in zips {
            let file = dir.path().join("builds").join(zip);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, format!("the bytes of {zip}")).unwrap();
        }
        let page = |(path, text): &(&str, &str)| Page {
            path: (*path).to_owned(),
            bytes: text.as_bytes().into(),
            maker: match path.ends_with(".html") {
                true => Maker::Page,
                false => Maker::Own {
                    name: "x".to_owned(),
                    format: Format::Json,
                },
            },
            origin: None,
        };
        let pages: Vec<Page> = files.iter().map(page).collect();
        let out = dir.path().join("out");
        let lock = writer::open(&out, false).unwrap();
        let pages = writer::Comparer::in_memory(&out).compare(pages).unwrap();
        let plan = writer::plan(
            &out,
            &pages,
            writer::read_manifest(&out).unwrap(),
            TextList::default(),
            false,
        )
        .unwrap();
        writer::execute(&out, &pages, &plan, &lock).unwrap();
        let zips = zips.to_vec();
        Machine { dir, zips }
    }

    /// Publishes to the host, and returns what each step did; or the step that failed, with what is live.
    fn publish(
        &self,
        memory: &Rc<RefCell<Memory>>,
        adopt: bool,
        dry_run: bool,
    ) -> Result<Vec<Done>, (Step, Live, Error)> {
        let folder = |prefix| {
            let memory = Rc::clone(memory);
            Folder { memory, prefix }
        };
        let work = tempfile::tempdir().unwrap();
        let runner = Runner::new(work.path().to_owned(), None, Arc::new(Silent));
        let site = SiteHost::Store(Box::new(folder("")));
        let zips = Box::new(folder("builds/"));
        let mut publication = Publication::new(runner, Some(zips), site, adopt, dry_run);
        let [builds, out] = ["builds", "out"].map(|name| self.dir.path().join(name));
        let zip = |path: &&str| Local {
            path: (*path).to_owned(),
            url: None,
            sha256: None,
        };
        let local = LocalSite {
            builds: &builds,
            zips: self.zips.iter().map(zip).collect(),
            out: &out,
            from: &out,
            written: writer::own_files(&out).unwrap(),
        };
        let site = SiteDestination::parse("./x").unwrap();
        let mut all = Vec::new();
        for step in steps(&site, &ZipsDestination::WithSite) {
            match publication.run(step, &local) {
                Ok(done) => all.push(done),
                Err(error) => return Err((step, publication.live(), error)),
            }
        }
        Ok(all)
    }
}

const LISTS: [&str; 2] = ["api/v1/bacon/nightly.json", "api/v1/onyx/nightly.json"];

fn before() -> Machine {
    let files = [
        ("index.html", "old"),
        ("old.html", "gone"),
        (LISTS[0], "builds/bacon/a.zip"),
        ("api/v1/lost/nightly.json", "builds/bacon/a.zip"),
        (
            "api/v1/devices.json",
            "api/v1/bacon/nightly.json api/v1/lost/nightly.json",
        ),
    ];
    Machine::new(&["bacon/a.zip", "bacon/a.zip.md5sum"], &files)
}

fn after() -> Machine {
    let files = [
        ("index.html", "new"),
        ("onyx.html", "new"),
        (LISTS[0], "builds/bacon/a.zip builds/bacon/b.zip"),
        (LISTS[1], "builds/onyx/c.zip"),
        (
            "api/v1/devices.json",
            "api/v1/bacon/nightly.json api/v1/onyx/nightly.json",
        ),
    ];
    Machine::new(&["bacon/a.zip", "bacon/b.zip", "onyx/c.zip"], &files)
}

/// A host with files that are not from romfeed.
fn host() -> Rc<RefCell<Memory>> {
    let foreign = [
        "own.html",
        "api.txt",
        "builds/private.key",
        "builds/bacon/excluded.zip",
    ];
    let file = |path: &str| (path.to_owned(), b"of the maintainer".to_vec());
    let files = foreign.into_iter().map(file).collect();
    Rc::new(RefCell::new(Memory {
        files,
        ..Memory::default()
    }))
}

fn copy_of(memory: &Rc<RefCell<Memory>>, operations_left: Option<usize>) -> Rc<RefCell<Memory>> {
    let files = memory.borrow().files.clone();
    Rc::new(RefCell::new(Memory {
        files,
        operations_left,
        num_operations: 0,
    }))
}

/// The files that phones and people see, without packages and the manifest.
fn seen(files: &Files) -> Files {
    let is_seen = |path: &str| !path.starts_with("builds/") && !path.starts_with(".romfeed/");
    let files = files.iter().filter(|(path, _)| is_seen(path));
    files
        .map(|(path, bytes)| (path.clone(), bytes.clone()))
        .collect()
}

#[test]
fn a_publication_that_stops_anywhere_twice_names_no_missing_zip_and_ends_the_same() {
    let [before, after] = [before(), after()];
    let published = host();
    before.publish(&published, false, false).unwrap();
    for start in [host(), published] {
        let whole = copy_of(&start, None);
        after.publish(&whole, false, false).unwrap();
        let num_operations = whole.borrow().num_operations;
        assert!(num_operations >= 12, "{num_operations}");
        for first in 0..num_operations {
            let once = copy_of(&start, Some(first));
            let (_, live, _) = after.publish(&once, false, false).unwrap_err();
            let is_same = seen(&once.borrow().files) == seen(&start.borrow().files);
            // Nothing live is said exactly if nothing changed, apart from a file that may be on its way.
            assert!(is_same || live > Live::Nothing, "after {first} operations");
            for second in 0..num_operations {
                let twice = copy_of(&once, Some(second));
                if after.publish(&twice, false, false).is_ok() {
                    break;
                }
                twice.borrow_mut().operations_left = None;
                after.publish(&twice, false, false).unwrap();
                assert_eq!(
                    twice.borrow().files,
                    whole.borrow().files,
                    "{first}, {second}"
                );
            }
        }
        // All of it is up to date then.
        let done = after.publish(&whole, false, false).unwrap();
        assert!(
            done.iter()
                .all(|done| done.num_bytes == 0 && done.removed.is_empty())
        );
    }
}

#[test]
fn what_is_live_grows_from_step_to_step() {
    let [before, after] = [before(), after()];
    let start = host();
    before.publish(&start, false, false).unwrap();
    let mut all = Vec::new();
    for operations in 0.. {
        match after.publish(&copy_of(&start, Some(operations)), false, false) {
            Ok(_) => break,
            Err((step, live, _)) => all.push((step, live)),
        }
    }
    all.dedup();
    let expected = [
        (Step::Zips, Live::Nothing),
        (Step::Pages, Live::Nothing),
        (Step::Pages, Live::Pages),
        (Step::Feeds, Live::Feeds),
        (Step::Indexes, Live::Feeds),
        (Step::Gone, Live::All),
    ];
    assert_eq!(all, expected);
}

#[test]
fn foreign_files_are_never_overwritten_or_removed() {
    let [before, after] = [before(), after()];
    let start = host();
    before.publish(&start, false, false).unwrap();
    after.publish(&start, false, false).unwrap();
    for (path, bytes) in &host().borrow().files {
        assert_eq!(start.borrow().files.get(path), Some(bytes), "{path}");
    }
    assert!(!start.borrow().files.contains_key("old.html"));

    let in_the_way = host();
    in_the_way
        .borrow_mut()
        .files
        .insert("onyx.html".to_owned(), b"theirs".to_vec());
    let (step, live, error) = after.publish(&in_the_way, false, false).unwrap_err();
    assert_eq!((step, live), (Step::Pages, Live::Nothing));
    assert_eq!(
        error.to_string(),
        "1 file is at the destination and not from romfeed: onyx.html"
    );
    after.publish(&in_the_way, true, false).unwrap();
    assert_eq!(in_the_way.borrow().files["onyx.html"], b"new");
    // From then on it is romfeed's.
    after.publish(&in_the_way, false, false).unwrap();

    let in_place_of_a_folder = host();
    in_place_of_a_folder
        .borrow_mut()
        .files
        .insert("api".to_owned(), b"theirs".to_vec());
    let (step, _, error) = after
        .publish(&in_place_of_a_folder, false, false)
        .unwrap_err();
    assert_eq!(step, Step::Pages);
    assert!(error.to_string().ends_with(": api"), "{error}");
}

#[test]
fn packages_are_never_replaced_by_other_bytes() {
    let after = after();
    for adopt in [false, true] {
        let start = host();
        start
            .borrow_mut()
            .files
            .insert("builds/bacon/b.zip".to_owned(), b"other".to_vec());
        let files = start.borrow().files.clone();
        let (step, live, error) = after.publish(&start, adopt, false).unwrap_err();
        assert_eq!((step, live), (Step::Zips, Live::Nothing));
        assert_eq!(
            error.to_string(),
            "1 file is at the destination with other bytes: bacon/b.zip"
        );
        assert_eq!(start.borrow().files, files);
    }
    // What belongs to packages may change.
    let before = before();
    let start = host();
    start
        .borrow_mut()
        .files
        .insert("builds/bacon/a.zip.md5sum".to_owned(), b"other".to_vec());
    before.publish(&start, false, false).unwrap();
}

#[test]
fn a_trial_run_changes_nothing_and_says_what_a_run_would_do() {
    let [before, after] = [before(), after()];
    let start = host();
    before.publish(&start, false, false).unwrap();
    let files = start.borrow().files.clone();
    let trial = after.publish(&start, false, true).unwrap();
    assert_eq!(start.borrow().files, files);
    let done = after.publish(&start, false, false).unwrap();
    assert_eq!(trial, done);
    let removed: BTreeSet<&str> = done
        .iter()
        .flat_map(|done| &done.removed)
        .map(String::as_str)
        .collect();
    assert_eq!(
        removed,
        BTreeSet::from(["api/v1/lost/nightly.json", "old.html"])
    );
}

#[test]
fn destinations_are_told_apart_by_their_names() {
    let place = |text: &str| match SiteDestination::parse(text) {
        Ok(SiteDestination::Files(Place::Rsync(place))) => Some(place),
        _ => None,
    };
    for (text, expected) in [
        ("/srv/ota", "/srv/ota"),
        ("./www/", "./www"),
        ("www/ota//", "www/ota"),
        ("/", "/."),
        ("you@host:/srv/ota/", "you@host:/srv/ota"),
        ("host:", "host:."),
        ("host:/", "host:/."),
        ("host::module/x", "host::module/x"),
        ("rsync://host/module/", "rsync://host/module"),
        ("./a:b", "./a:b"),
    ] {
        assert_eq!(place(text).as_deref(), Some(expected), "{text}");
    }
    for text in [
        "",
        "www",
        "netlfy",
        "-e:x",
        "--rsh=x:y",
        "ftp://host/x",
        "a\nb:c",
    ] {
        assert_eq!(place(text), None, "{text}");
    }
    assert!(Path::new(&place("/").unwrap()).is_absolute());
}
