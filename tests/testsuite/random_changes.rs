//! Whatever happened to a site before, `generate` leaves it as `generate --full` would, which remembers nothing.
//!
//! A story begins with a site of six devices and changes it at random: zips, texts, catalog files, settings, what the last
//! run remembered, and the site itself. After each change, a copy of the project is made again as a whole.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use testkit::package::Package;
use testkit::props::{Props, day};

use super::support::{BASE_URL, RomDir, Run};

/// The devices of the site; two differ only in the case of letters, and share a catalog file.
const DEVICES: [&str; 6] = ["bacon", "FP5", "fp5", "oneplus3", "enchilada", "zippo"];
/// The number of builds of a device.
const NUM_BUILDS: usize = 9;
/// The first of the days on which builds are made, in seconds since the epoch.
const FIRST_DAY: i64 = 1_720_000_000;

#[test]
fn a_story_ends_as_if_nothing_was_remembered() {
    tell(1, 30);
}

#[test]
fn another_story_ends_as_if_nothing_was_remembered() {
    tell(2, 30);
}

/// Numbers that look random, and are the same in each run.
struct Random(u64);

impl Random {
    /// Returns a number below `limit`.
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed >> 33) % limit as u64).unwrap()
    }

    fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// Whether something happens that happens once in `times`.
    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

/// A build of the story.
struct Rom {
    device: &'static str,
    number: i64,
    is_gapps: bool,
}

impl Rom {
    fn any(random: &mut Random) -> Rom {
        Rom {
            device: DEVICES[random.below(DEVICES.len())],
            number: i64::try_from(random.below(NUM_BUILDS)).unwrap(),
            is_gapps: random.once_in(4),
        }
    }

    fn version(&self) -> &'static str {
        match self.number {
            ..3 => "20.0",
            3..6 => "21.0",
            _ => "22.2",
        }
    }

    fn timestamp(&self) -> i64 {
        FIRST_DAY + self.number * 86_400
    }

    fn incremental(&self) -> String {
        format!("eng.{}{}", self.number, self.variant())
    }

    fn variant(&self) -> &'static str {
        if self.is_gapps { "-gapps" } else { "" }
    }

    fn stem(&self) -> String {
        let (version, day) = (self.version(), day(self.timestamp()));
        // Each device has a name of its own, also where letter case does not count.
        let device = match self.device {
            "fp5" => "fp5x",
            device => device,
        };
        format!("lineage-{version}-{day}-nightly-{device}{}", self.variant())
    }

    fn package(&self, is_delta: bool, is_next: bool) -> Vec<u8> {
        let mut props = Props::lineage(
            self.version(),
            "nightly",
            self.device,
            self.timestamp(),
            &self.incremental(),
            34,
            "2024-07-05",
        );
        if is_next {
            props = props.set("ro.updater.next_device", "nextgen");
        }
        let package = Package::payload(props);
        match is_delta {
            true => package
                .delta(&format!("eng.{}", self.number - 1), "a/b/c")
                .build(),
            false => package.build(),
        }
    }

    /// Adds the build by the command line, as one whose zip is elsewhere.
    fn add(&self, dir: &RomDir, random: &mut Random) {
        let name = format!("{}.zip", self.stem());
        let sha256 = sha256_of(&name, random);
        let datetime = self.timestamp().to_string();
        let own = format!("https://dl.example.org/{name}");
        let url = match random.below(6) {
            0 => "https://dl.example.org/shared.zip",
            _ => &own,
        };
        let mut facts = vec!["--device", self.device, "--filename", &name];
        facts.extend(["--version", self.version(), "--datetime", &datetime]);
        let incremental = self.incremental();
        facts.extend(["--sha256", &sha256, "--incremental", &incremental]);
        if !random.once_in(8) {
            facts.extend(["--url", url]);
        }
        dir.add_build(&facts);
    }
}

/// A made-up SHA-256; mostly the same for one name.
fn sha256_of(name: &str, random: &mut Random) -> String {
    let number = name.bytes().fold(random.below(6) / 5, |number, byte| {
        number.wrapping_mul(31).wrapping_add(byte.into())
    });
    format!("{number:064x}")
}

/// Settings that are switched on and off.
const SWITCHES: [&str; 13] = [
    "keep = 2\n",
    "min_age = \"1d\"\n",
    "url = \"https://mirror.example.org/{filename}\"\n",
    "block_deltas = true\n",
    "[site]\npages = false\n",
    "[site]\nname = \"ROMs\"\n",
    "[romtype.nightly]\nkeep = 1\n",
    "[device.oneplus3]\naliases = [\"oneplus3t\", \"zippo\"]\n",
    "[device.bacon]\naliases = [\"A0001\"]\nkeep = 3\n",
    "[device.ghost.known_incrementals]\nnightly = [\"c0ffee\"]\n",
    "[[variant]]\nname = \"gapps\"\npackage = \"*-gapps*.zip\"\n",
    "[[feed]]\ntemplate = \"newest\"\n[[feed]]\ntemplate = \"neighbours\"\n",
    "[[feed]]\ntemplate = \"everything\"\n",
];

/// A template that shows all that there is about all devices.
const EVERYTHING: &str = r#"{#
scope = "site"
path = "everything.json"
#}
{"devices": {{ site.devices }}, "builds": {{ builds }}}
"#;
/// A template of the newest builds.
const NEWEST: &str = r#"{#
scope = "site"
path = "newest.json"
limit = 3
#}
{"builds": {{ builds }}}
"#;
/// A template of one device that shows the others.
const NEIGHBOURS: &str = r#"{#
scope = "device"
path = "neighbours/{device}.json"
#}
{"all": {{ site.devices | length }}, "updated": {{ site.updated | default(0) }}, "builds": {{ builds | length }}}
"#;

/// A kind of change, and how it is made.
type Change = (&'static str, fn(&mut Story));

/// A site, and what may happen to it.
struct Story {
    dir: RomDir,
    random: Random,
    /// Which settings are on.
    switches: [bool; SWITCHES.len()],
    /// What happened, to be told where a comparison fails.
    log: Vec<String>,
}

/// Tells a story of `length` changes.
fn tell(seed: u64, length: usize) {
    let mut story = Story::begin(seed);
    for _ in 0..length {
        story.change();
        story.compare();
    }
}

impl Story {
    fn begin(seed: u64) -> Story {
        let dir = RomDir::new()
            .file("templates/feeds/everything.j2", EVERYTHING)
            .file("templates/feeds/newest.j2", NEWEST)
            .file("templates/feeds/neighbours.j2", NEIGHBOURS);
        fs::create_dir_all(dir.path().join("builds")).unwrap();
        let mut story = Story {
            dir,
            random: Random(seed),
            switches: [false; SWITCHES.len()],
            log: vec![format!("seed {seed}")],
        };
        // With a template that shows all builds, nothing of other devices is remembered.
        story.switches[7..12].fill(true);
        story.write_settings();
        for _ in 0..12 {
            Rom::any(&mut story.random).add(&story.dir, &mut story.random);
        }
        if story.random.once_in(2) {
            story.put_zip();
        }
        story.compare();
        story
    }

    /// Changes one thing, or a few at once.
    fn change(&mut self) {
        let changes: [Change; 14] = [
            ("a zip", Story::put_zip),
            ("a zip", Story::put_zip),
            ("a zip is gone", Story::remove_zip),
            ("a zip has another name", Story::rename_zip),
            ("a text", Story::put_text),
            ("a text", Story::put_text),
            ("a text is gone", Story::remove_text),
            ("a build", Story::add_build),
            ("a command", Story::run_command),
            ("a command", Story::run_command),
            ("an edited catalog", Story::edit_catalog),
            ("settings", Story::change_settings),
            ("damaged memory", Story::damage_memory),
            ("a damaged site", Story::damage_site),
        ];
        for _ in 0..=self.random.below(3) / 2 {
            let (name, change) = self.random.pick(&changes);
            self.log.push((*name).to_owned());
            change(self);
        }
    }

    fn note(&mut self, what: impl Into<String>) {
        self.log.push(format!("  {}", what.into()));
    }

    fn write_settings(&self) {
        let on = SWITCHES
            .iter()
            .zip(self.switches)
            .filter(|(_, is_on)| *is_on);
        let mut on: Vec<&str> = on.map(|(text, _)| *text).collect();
        // A table cannot be there twice.
        if self.switches[4] {
            on.retain(|text| !text.contains("ROMs"));
        }
        let head = format!("base_url = \"{BASE_URL}\"\ncatalog = \"catalog/\"\n");
        self.dir.put("romfeed.toml", head + &on.concat());
    }

    fn change_settings(&mut self) {
        let switch = self.random.below(SWITCHES.len());
        self.switches[switch] = !self.switches[switch];
        self.note(SWITCHES[switch]);
        self.write_settings();
    }

    fn files(&self, folder: &str) -> Vec<String> {
        self.dir.tree(folder).into_keys().collect()
    }

    fn any_file(&mut self, folder: &str, is_wanted: fn(&str) -> bool) -> Option<String> {
        let mut files = self.files(folder);
        files.retain(|file| is_wanted(file));
        let file = (!files.is_empty()).then(|| self.random.pick(&files).clone());
        self.note(file.as_deref().unwrap_or("none"));
        file
    }

    fn put_zip(&mut self) {
        let rom = Rom::any(&mut self.random);
        let is_delta = self.random.once_in(4) && rom.number > 0;
        let package = rom.package(is_delta, self.random.once_in(10));
        let mut name = match self.random.below(6) {
            0 => format!("update-{}{}", rom.number, rom.variant()),
            1 => format!("sub/{}", rom.stem()),
            _ => rom.stem(),
        };
        if is_delta {
            name += "-delta";
        }
        self.note(name.clone());
        self.dir.put(&format!("builds/{name}.zip"), package);
    }

    fn remove_zip(&mut self) {
        if let Some(file) = self.any_file("builds", |file| file.ends_with(".zip")) {
            self.dir.remove(&file);
        }
    }

    fn rename_zip(&mut self) {
        if let Some(file) = self.any_file("builds", |file| file.ends_with(".zip")) {
            let name = format!("builds/other-{}.zip", self.random.below(3));
            let path = |name: &str| self.dir.path().join(name);
            fs::rename(path(&file), path(&name)).unwrap();
        }
    }

    fn put_text(&mut self) {
        let stem = Rom::any(&mut self.random).stem();
        let texts = [
            "It boots.",
            "It works.",
            "",
            "It has a\n\n* list\n* of things",
        ];
        let text = *self.random.pick(&texts);
        let projects =
            "<manifest><project name=\"x/art\" path=\"art\" revision=\"v1\"/></manifest>";
        let (path, text) = match self.random.below(9) {
            0 => (format!("changelogs/{stem}.md"), text),
            1 => (format!("changelogs/{stem}.html"), text),
            2 => (format!("changelogs/{stem}.txt"), text),
            3 => (
                format!("changelogs/{stem}.projects"),
                *self.random.pick(&["art v1\n", "art v2\nbionic v1\n"]),
            ),
            4 => (format!("builds/{stem}.manifest.xml"), projects),
            5 => (format!("builds/{stem}.zip.sha256"), text),
            6 => (format!("builds/{stem}.md/a-folder"), text),
            7 => (format!("builds/{stem}.md"), text),
            _ => (format!("builds/{stem}.txt"), text),
        };
        self.note(path.clone());
        let file = self.dir.path().join(&path);
        let is_in_the_way = |path: &Path| match path.parent().unwrap().file_name().unwrap().to_str()
        {
            Some("builds" | "changelogs") => path.is_dir(),
            _ => path.parent().unwrap().is_file(),
        };
        if !is_in_the_way(&file) {
            self.dir.put(&path, text);
        }
    }

    fn remove_text(&mut self) {
        let folder = *self.random.pick(&["builds", "changelogs"]);
        if let Some(file) = self.any_file(folder, |file| !file.ends_with(".zip")) {
            self.dir.remove(&file);
        }
    }

    fn add_build(&mut self) {
        let rom = Rom::any(&mut self.random);
        self.note(rom.stem());
        rom.add(&self.dir, &mut self.random);
    }

    fn run_command(&mut self) {
        let list = self.dir.run(&["catalog", "list", "--json"]).stdout;
        let names = list
            .split('"')
            .filter(|text| text.ends_with(".zip") && !text.contains('/'));
        let names: Vec<&str> = names.collect();
        if names.is_empty() {
            return;
        }
        let name = *self.random.pick(&names);
        let args = match self.random.below(4) {
            0 => vec!["catalog", "remove", name],
            1 => vec!["catalog", "unyank", name],
            _ => vec!["catalog", "yank", name, "--reason", "It does not boot."],
        };
        let run = self.dir.run(&args);
        self.note(format!("{args:?} {:?}", run.code));
    }

    /// Changes a catalog file as a person or git would.
    fn edit_catalog(&mut self) {
        let Some(file) = self.any_file("catalog", |file| file.ends_with(".json")) else {
            return;
        };
        let path = self.dir.path().join(&file);
        let text = fs::read_to_string(&path).unwrap();
        let edit = self.random.below(9);
        self.note(format!("edit {edit}"));
        match edit {
            0 => fs::write(&path, text.replacen("\"nightly\"", "\"weekly\"", 1)).unwrap(),
            1 => fs::write(
                &path,
                text.replacen("\"datetime\": 1720", "\"datetime\": 1721", 1),
            )
            .unwrap(),
            2 => fs::write(
                &path,
                text.replacen("dl.example.org", "other.example.org", 1),
            )
            .unwrap(),
            3 => fs::write(&path, text.replace("\"aliases\"", "\"no_aliases\"")).unwrap(),
            4 => fs::write(&path, text.replacen("\"size\": 5", "\"size\": 7", 1)).unwrap(),
            5 => self.dir.put(
                "catalog/nothing.json",
                "{\"schema\": 1, \"builds\": [], \"tombstones\": []}",
            ),
            // Without the change, it has the same bytes and other stamps.
            6 => fs::write(&path, text).unwrap(),
            7 => self.for_a_run(&path, "{\"schema\": 1,"),
            _ => {
                fs::remove_file(&path).unwrap();
                self.compare();
                fs::write(&path, text).unwrap();
            }
        }
    }

    /// Replaces a file for a run.
    fn for_a_run(&mut self, path: &Path, text: &str) {
        let before = fs::read(path).unwrap();
        fs::write(path, text).unwrap();
        self.compare();
        fs::write(path, before).unwrap();
    }

    fn damage_memory(&mut self) {
        let file = self.dir.path().join(".romfeed/pages.json");
        let Ok(text) = fs::read_to_string(&file) else {
            return;
        };
        let damage = self.random.below(4);
        self.note(format!("damage {damage}"));
        match damage {
            0 => fs::remove_file(&file).unwrap(),
            1 => fs::write(&file, &text[..text.len() / 2]).unwrap(),
            2 => fs::write(&file, "{}").unwrap(),
            _ => fs::write(&file, text.replacen("\"offers\":[0", "\"offers\":[77", 1)).unwrap(),
        }
    }

    fn damage_site(&mut self) {
        let Some(file) = self.any_file("out", |file| !file.starts_with("out/.romfeed/")) else {
            return;
        };
        let path = self.dir.path().join(&file);
        let text = fs::read(&path).unwrap();
        let damage = self.random.below(4);
        self.note(format!("damage {damage}"));
        match damage {
            0 => fs::remove_file(&path).unwrap(),
            1 => fs::write(&path, text).unwrap(),
            2 => fs::write(&path, [&text[..], b"!"].concat()).unwrap(),
            _ => fs::write(&path, text.to_ascii_uppercase()).unwrap(),
        }
    }

    /// Generates the site, and requires what `--full` gives in a copy of the project.
    fn compare(&mut self) {
        let [copy, whole] = [(); 2].map(|()| {
            let copy = RomDir::new();
            copy_folder(self.dir.path(), copy.path());
            copy
        });
        let found = self.dir.run(&["generate"]);
        let expected = copy.run(&["generate", "--full"]);
        // It names all builds, so it has all catalogs in memory at once.
        let with_all = whole.run(&["generate", "--full", "-v"]);
        self.note(format!("{:?}", found.code));
        let story = || self.log.join("\n");
        assert_eq!(told(&found), told(&expected), "{}", story());
        assert_eq!(found.code, with_all.code, "{}", story());
        for (copy, folder) in [&copy, &whole]
            .into_iter()
            .flat_map(|copy| ["out", "catalog", "changelogs", "builds"].map(|name| (copy, name)))
        {
            let (found, expected) = (tree(&self.dir, folder), tree(copy, folder));
            let paths = found.keys().chain(expected.keys());
            let differs = |path: &&String| found.get(*path) != expected.get(*path);
            let different: Vec<&String> = paths.filter(differs).collect();
            assert!(different.is_empty(), "{different:?} after\n{}", story());
        }
        // A trial run has all catalogs in memory at once.
        let trial = told(&copy.run(&["generate", "--dry-run"])).1;
        let is_same = ["is up to date", "nothing to publish"].map(|text| trial.contains(text));
        assert!(
            expected.code != Some(0) || is_same.contains(&true),
            "{trial}\n{}",
            story()
        );
    }
}

/// The files of a folder, without what romfeed notes for itself.
fn tree(dir: &RomDir, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let mut tree = dir.tree(folder);
    let is_note = |path: &str| path.contains("/.romfeed/") && !path.ends_with("/manifest.json");
    tree.retain(|path, _| !is_note(path));
    tree
}

/// What a run says. It need not name all builds that are elsewhere, nor write as many files.
fn told(run: &Run) -> (Option<i32>, String) {
    let lines = run.stderr.lines().chain(run.stdout.lines());
    let without_details = |line: &str| {
        let has_details =
            ["files written", "offered from elsewhere"].map(|what| line.contains(what));
        let end = line.find(" (").filter(|_| has_details.contains(&true));
        line[..end.unwrap_or(line.len())].to_owned()
    };
    let lines: Vec<String> = lines.map(without_details).collect();
    (
        run.code,
        lines.join(
            "
",
        ),
    )
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        let copy = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &copy);
        } else {
            fs::copy(&path, &copy).unwrap();
        }
    }
}
