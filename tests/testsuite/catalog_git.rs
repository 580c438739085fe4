//! Two clones of a repository that meet: conflicts of real merges, and romfeed as git's merge driver.
//!
//! Without git on this machine, the tests end at once: there is nothing to meet.

use std::path::{Path, PathBuf};
use std::process::Command;

use romfeed::hosting::MERGE_DRIVER;

use super::support::{BASE_URL, RomDir, Run};

const SETTINGS: &str = "url = \"https://example.org/zips/{filename}\"\n";
/// The build in both clones.
const FIRST: &str = "lineage-21.0-20240801-nightly-bacon.zip";

fn has_git() -> bool {
    Command::new("git").arg("--version").output().is_ok()
}

/// A repository and two clones, `a` and `b`, which have one build each.
struct Clones {
    root: RomDir,
}

impl Clones {
    fn new() -> Clones {
        let root = RomDir::new().file(
            "gitconfig",
            "[user]\nname = Test\nemail = test@example.org\n[init]\ndefaultBranch = main\n\
             [core]\neditor = true\n[commit]\ngpgsign = false\n",
        );
        let clones = Clones { root };
        clones.git("", "init --quiet --bare origin");
        clones.git("", "clone --quiet origin a");
        clones.git("a", "checkout --quiet -B main");
        let settings = format!("base_url = \"{BASE_URL}\"\n{SETTINGS}");
        clones.root.put("a/romfeed.toml", settings);
        clones.root.put("a/.gitignore", ".romfeed/\nout/\n");
        clones
            .root
            .put("a/.gitattributes", "catalog.json merge=romfeed\n");
        clones.add("a", FIRST, "bacon", 1);
        clones.commit("a");
        clones.git("a", "push --quiet origin main");
        clones.git("", "clone --quiet --branch main origin b");
        clones
    }

    fn folder(&self, clone: &str) -> PathBuf {
        self.root.path().join(clone)
    }

    /// Returns the variables under which git reads no settings of this machine, and finds romfeed.
    fn vars(&self) -> Vec<(&'static str, String)> {
        let program = Path::new(env!("CARGO_BIN_EXE_romfeed")).parent().unwrap();
        let path = std::env::var_os("PATH").unwrap();
        let folders = [program.to_owned()].into_iter();
        let path = std::env::join_paths(folders.chain(std::env::split_paths(&path))).unwrap();
        vec![
            (
                "GIT_CONFIG_GLOBAL",
                self.folder("gitconfig").to_str().unwrap().to_owned(),
            ),
            ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
            ("PATH", path.into_string().unwrap()),
        ]
    }

    /// Runs git in a clone, and returns whether it succeeded.
    fn git(&self, clone: &str, args: &str) -> bool {
        let mut command = Command::new("git");
        command
            .current_dir(self.folder(clone))
            .args(args.split(' '));
        command.envs(self.vars()).output().unwrap().status.success()
    }

    /// Sets romfeed as the merge driver, with the command that `init` prints.
    fn set_driver(&self, clone: &str) {
        let (start, driver) = MERGE_DRIVER.split_once('\'').unwrap();
        let mut command = Command::new("git");
        command.args(start.trim_start_matches("git ").split_whitespace());
        command.arg(driver.trim_end_matches('\''));
        let status = command.current_dir(self.folder(clone)).status();
        assert!(status.unwrap().success());
    }

    fn run(&self, clone: &str, args: &[&str]) -> Run {
        let vars = self.vars();
        let vars: Vec<(&str, &str)> = vars.iter().map(|(key, value)| (*key, &**value)).collect();
        self.root.run_in(clone, args, &vars)
    }

    /// Adds a build whose package is elsewhere.
    fn add(&self, clone: &str, filename: &str, device: &str, number: u8) {
        let sha256 = format!("{number:064x}");
        let time = (1_722_470_400 + 86_400 * i64::from(number)).to_string();
        let args = [
            "catalog",
            "add",
            "--filename",
            filename,
            "--device",
            device,
            "--version",
            "21.0",
            "--romtype",
            "nightly",
            "--datetime",
            &time,
            "--size",
            "5",
            "--sha256",
            &sha256,
        ];
        self.run(clone, &args).expect(0);
    }

    fn commit(&self, clone: &str) {
        assert!(self.git(clone, "add --all") && self.git(clone, "commit --quiet --message x"));
    }

    /// Publishes what clone `a` has, and commits what clone `b` has.
    fn meet(&self) {
        self.commit("a");
        self.commit("b");
        assert!(self.git("a", "push --quiet origin main") && self.git("b", "fetch --quiet"));
    }

    fn catalog(&self) -> String {
        String::from_utf8(self.root.read("b/catalog.json")).unwrap()
    }

    /// Returns the file names in the catalog of clone `b`.
    fn listed(&self) -> Vec<String> {
        let listed = self
            .run("b", &["catalog", "list", "--json"])
            .expect(0)
            .stdout;
        let lines = listed
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        let names = lines.map(|line: serde_json::Value| line["filename"].as_str().unwrap().into());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

#[test]
fn builds_of_both_clones_stay_whatever_git_does() {
    if !has_git() {
        return;
    }
    for (verb, go_on) in [
        ("merge --no-edit", "git commit --no-edit"),
        ("rebase", "git rebase --continue"),
        ("cherry-pick", "git cherry-pick --continue"),
    ] {
        for device in ["bacon", "cheeseburger"] {
            let clones = Clones::new();
            clones.add("a", "a.zip", "bacon", 2);
            clones.add("b", "b.zip", device, 3);
            clones.meet();
            assert!(!clones.git("b", &format!("{verb} origin/main")), "{verb}");
            for command in [&["generate"][..], &["catalog", "list"], &["files", "zips"]] {
                let run = clones.run("b", command).expect(2);
                run.says("romfeed catalog merge").lacks("restore");
            }
            let run = clones.run("b", &["catalog", "merge"]).expect(0);
            run.says("merged catalog.json: 3 builds, 0 removed\n")
                .says(&format!("next: git add catalog.json && {go_on}\n"));
            let again = clones.run("b", &["catalog", "merge"]).expect(0);
            again.says("catalog.json is merged already\n");
            assert!(clones.git("b", "add catalog.json"));
            assert!(clones.git("b", go_on.trim_start_matches("git ")), "{go_on}");
            assert_eq!(clones.listed(), ["a.zip", "b.zip", FIRST]);
            let nothing = clones.run("b", &["catalog", "merge"]).expect(0);
            nothing.says("no catalog is in conflict\n");
        }
    }
}

#[test]
fn the_merge_driver_leaves_no_conflict() {
    if !has_git() {
        return;
    }
    for verb in ["merge --no-edit", "rebase", "cherry-pick"] {
        let clones = Clones::new();
        clones.set_driver("b");
        clones.add("a", "a.zip", "bacon", 2);
        clones.add("b", "b.zip", "bacon", 3);
        clones.meet();
        assert!(clones.git("b", &format!("{verb} origin/main")), "{verb}");
        assert_eq!(clones.listed(), ["a.zip", "b.zip", FIRST]);
    }
}

#[test]
fn a_merge_driver_that_fails_leaves_the_markers_of_git() {
    if !has_git() {
        return;
    }
    let contradiction = |clones: &Clones| {
        for (clone, reason) in [("a", "no sound"), ("b", "no boot")] {
            clones
                .run(clone, &["catalog", "yank", FIRST, "--reason", reason])
                .expect(0);
        }
    };
    let without_program = |clones: &Clones| {
        clones.add("a", "a.zip", "bacon", 2);
        clones.add("b", "b.zip", "bacon", 3);
        let driver = MERGE_DRIVER.split('\'').nth(1).unwrap();
        let driver = driver.replace("romfeed ", "no-such-program ");
        let mut command = Command::new("git");
        command.args(["config", "merge.romfeed.driver", &driver]);
        assert!(
            command
                .current_dir(clones.folder("b"))
                .status()
                .unwrap()
                .success()
        );
    };
    for (change, merges) in [
        (&contradiction as &dyn Fn(&Clones), false),
        (&without_program, true),
    ] {
        let clones = Clones::new();
        clones.set_driver("b");
        change(&clones);
        clones.meet();
        assert!(!clones.git("b", "merge --no-edit origin/main"));
        let text = clones.catalog();
        let num_markers = text
            .lines()
            .filter(|line| line.starts_with("<<<<<<<"))
            .count();
        assert_eq!(num_markers, 1, "{text}");
        assert_eq!(text.matches("\"schema\"").count(), 1, "{text}");
        let run = clones.run("b", &["generate"]).expect(2);
        run.says("hint: merge them, so that no build of either is lost: romfeed catalog merge");
        let run = clones
            .run("b", &["catalog", "merge"])
            .expect(i32::from(!merges));
        match merges {
            true => assert_eq!(clones.listed(), ["a.zip", "b.zip", FIRST]),
            false => {
                run.says("both sides changed `yanked`: `no boot` in ours, `no sound` in theirs")
                    .says("--prefer ours (this branch), or --prefer theirs (the other branch)");
                assert_eq!(clones.catalog(), text);
            }
        }
    }
}

#[test]
fn catalogs_of_other_folders_are_merged_too_and_other_files_are_named() {
    if !has_git() {
        return;
    }
    let clones = Clones::new();
    clones.root.put("a/other/romfeed.toml", SETTINGS);
    clones.add("a/other", "first.zip", "bacon", 9);
    clones.commit("a");
    assert!(clones.git("a", "push --quiet origin main") && clones.git("b", "pull --quiet"));
    for (clone, name, number) in [("a", "a.zip", 2), ("b", "b.zip", 3)] {
        clones.add(&format!("{clone}/other"), name, "bacon", number);
        clones.root.put(
            &format!("{clone}/notes.json"),
            format!("{{\"of\": \"{clone}\"}}"),
        );
    }
    clones.meet();
    assert!(!clones.git("b", "merge --no-edit origin/main"));
    clones
        .run("b", &["catalog", "merge"])
        .expect(0)
        .says("merged other/catalog.json: 3 builds, 0 removed\n")
        .says("next: git add other/catalog.json\n")
        .says("still in conflict, and not catalogs: notes.json\n");
    // From below, the paths are the same files.
    let run = clones.run("b/other", &["catalog", "merge"]).expect(0);
    run.says("catalog.json is merged already\n")
        .says("../notes.json");
}

#[test]
fn a_catalog_that_one_side_deleted_stays() {
    if !has_git() {
        return;
    }
    let clones = Clones::new();
    clones.root.remove("a/catalog.json");
    clones.add("b", "b.zip", "bacon", 3);
    clones.meet();
    assert!(!clones.git("b", "merge --no-edit origin/main"));
    let run = clones.run("b", &["catalog", "merge"]).expect(0);
    run.says("catalog.json was deleted by one side; it stays, with the builds of the other\n")
        .says("next: git add catalog.json && git commit --no-edit\n");
    assert_eq!(clones.listed(), ["b.zip", FIRST]);
}

#[test]
fn a_catalog_that_was_merged_by_hand_must_have_all_builds() {
    if !has_git() {
        return;
    }
    let clones = Clones::new();
    let base = clones.catalog();
    clones.add("a", "a.zip", "bacon", 2);
    clones.add("b", "b.zip", "cheeseburger", 3);
    clones.meet();
    assert!(!clones.git("b", "merge --no-edit origin/main"));
    // Somebody takes the last version that both sides had.
    clones.root.put("b/catalog.json", base);
    clones
        .run("b", &["catalog", "merge"])
        .expect(1)
        .says("catalog.json was merged by hand, and lacks builds of the two sides: a.zip, b.zip\n")
        .says("git checkout --merge -- catalog.json && romfeed catalog merge");
    // A slip in what was written by hand is no reason to give up either side.
    clones
        .root
        .put("b/catalog.json", clones.catalog().replacen(',', "", 1));
    let run = clones.run("b", &["generate"]).expect(2).lacks("restore");
    run.says("in a merge of git, `romfeed catalog merge` unites both sides");
    let run = clones.run("b", &["catalog", "merge"]).expect(0);
    run.says("merged catalog.json: 3 builds");
}

#[test]
fn git_merges_both_forms_with_what_init_writes() {
    if !has_git() {
        return;
    }
    for (setting, file) in [
        ("catalog.json", "catalog.json"),
        ("catalog/", "catalog/bacon.json"),
    ] {
        let clones = Clones::new();
        if setting == "catalog/" {
            clones.run("a", &["catalog", "split"]).expect(0);
        }
        let settings = format!("base_url = \"{BASE_URL}\"\ncatalog = \"{setting}\"\n{SETTINGS}");
        clones.root.put("a/romfeed.toml", settings);
        clones.root.remove("a/.gitattributes");
        clones.run("a", &["init", "--host", "nginx"]).expect(0);
        clones.commit("a");
        assert!(clones.git("a", "push --quiet origin main") && clones.git("b", "pull --quiet"));
        clones.set_driver("b");
        clones.add("a", "a.zip", "bacon", 2);
        clones.add("b", "b.zip", "bacon", 3);
        assert!(clones.root.path().join("b").join(file).exists());
        clones.meet();
        assert!(clones.git("b", "merge --no-edit origin/main"), "{setting}");
        assert_eq!(clones.listed(), ["a.zip", "b.zip", FIRST]);
    }
}

/// Returns the commands of a step of the workflow that `init` writes, between two lines.
#[cfg(unix)]
fn commands(workflow: &str, from: &str, to: &str) -> String {
    let lines = workflow.lines().map(str::trim_start);
    let lines = lines.skip_while(|line| *line != from).skip(1);
    let lines: Vec<&str> = lines.take_while(|line| *line != to).collect();
    lines.join("\n")
}

/// Makes clones with a workflow of several jobs, and returns them with the workflow.
#[cfg(unix)]
fn workflow(setting: &str) -> (Clones, String) {
    let clones = Clones::new();
    if setting == "catalog/" {
        clones.run("a", &["catalog", "split"]).expect(0);
    }
    let source = "[[source]]\ngithub = \"you/roms\"\n";
    let settings = format!("base_url = \"{BASE_URL}\"\ncatalog = \"{setting}\"\n{SETTINGS}");
    clones.root.put("a/romfeed.toml", settings + source);
    clones.root.remove("a/.gitattributes");
    let init = ["init", "--host", "github", "--matrix", "4"];
    clones.run("a", &init).expect(0);
    clones.commit("a");
    assert!(clones.git("a", "push --quiet origin main"));
    let workflow = clones.root.read("a/.github/workflows/pages.yml");
    (clones, String::from_utf8(workflow).unwrap())
}

/// Returns the commands of a workflow by which its jobs push.
#[cfg(unix)]
fn push_of(workflow: &str) -> String {
    commands(workflow, "gh auth setup-git", "env:")
}

/// Starts commands of a job in its clone.
#[cfg(unix)]
fn start(clones: &Clones, job: &str, commands: &str) -> std::process::Child {
    let mut shell = Command::new("sh");
    shell.args(["-e", "-c", commands]);
    shell.current_dir(clones.folder(job)).envs(clones.vars());
    let (null, piped) = (std::process::Stdio::null, std::process::Stdio::piped);
    shell.stdout(null()).stderr(piped()).spawn().unwrap()
}

#[cfg(unix)]
#[test]
fn jobs_that_push_at_once_lose_no_build() {
    if !has_git() {
        return;
    }
    for setting in ["catalog.json", "catalog/"] {
        let (clones, workflow) = workflow(setting);
        let push = push_of(&workflow);
        // Two jobs of each of two devices.
        let jobs = ["c", "d", "e", "f"];
        for (index, job) in jobs.into_iter().enumerate() {
            assert!(clones.git("", &format!("clone --quiet origin {job}")));
            let device = ["bacon", "onyx"][index % 2];
            let number = u8::try_from(index).unwrap() + 10;
            clones.add(job, &format!("{job}.zip"), device, number);
        }
        let started = jobs.map(|job| start(&clones, job, &push));
        for job in started {
            let output = job.wait_with_output().unwrap();
            assert!(output.status.success(), "{setting}");
        }
        clones.git("b", "pull --quiet");
        assert_eq!(clones.listed(), ["c.zip", "d.zip", "e.zip", "f.zip", FIRST]);
    }
}

#[cfg(unix)]
#[test]
fn a_job_whose_build_has_the_name_of_another_one_is_not_pushed() {
    if !has_git() {
        return;
    }
    for setting in ["catalog.json", "catalog/"] {
        let (clones, workflow) = workflow(setting);
        let push = push_of(&workflow);
        let jobs = [("c", "onyx", 2), ("d", "natrium", 3)];
        for (job, device, number) in jobs {
            assert!(clones.git("", &format!("clone --quiet origin {job}")));
            clones.add(job, "ota.zip", device, number);
        }
        let ends = jobs.map(|(job, ..)| {
            let output = start(&clones, job, &push).wait_with_output().unwrap();
            let errors = String::from_utf8(output.stderr).unwrap();
            (output.status.success(), errors)
        });
        assert_eq!([ends[0].0, ends[1].0], [true, false], "{setting}");
        assert!(ends[1].1.contains("ota.zip"), "{}", ends[1].1);
        // The next run starts from what is pushed.
        clones.git("b", "pull --quiet");
        assert_eq!(clones.listed(), [FIRST, "ota.zip"]);
    }
}

#[cfg(unix)]
#[test]
fn the_first_job_commits_what_settings_change_without_a_source() {
    if !has_git() {
        return;
    }
    let (clones, workflow) = workflow("catalog/");
    let read = commands(
        &workflow,
        "# There may be fewer sources than jobs.",
        "set -- --catalog-only",
    );
    let settings = clones.root.read("a/romfeed.toml");
    let settings = String::from_utf8(settings).unwrap() + "[device.bacon]\naliases = [\"A0001\"]\n";
    clones.root.put("a/romfeed.toml", settings);
    clones.commit("a");
    assert!(clones.git("a", "push --quiet origin main"));
    for (job, has_alias) in [("1", false), ("0", true)] {
        assert!(clones.git("", &format!("clone --quiet origin job{job}")));
        let commands = format!("JOB={job}\nSOURCES=s\n{read}\n{}", push_of(&workflow));
        let output = start(&clones, &format!("job{job}"), &commands);
        assert!(output.wait_with_output().unwrap().status.success());
        assert!(clones.git("a", "pull --quiet"));
        let catalog = String::from_utf8(clones.root.read("a/catalog/bacon.json")).unwrap();
        assert_eq!(catalog.contains("A0001"), has_alias, "{catalog}");
    }
}
