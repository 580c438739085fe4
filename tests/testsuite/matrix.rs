//! Workflows in which several jobs read sources: what `init --matrix` writes, and how sources are divided.

use super::support::{RomDir, Run};

const WORKFLOW: &str = ".github/workflows/pages.yml";

/// A project with a source for all devices, and two devices with sources of their own.
fn project(host: &str) -> RomDir {
    let source = |name| format!("[[source]]\nname = \"{name}\"\ngithub = \"me/{name}\"\n");
    let (bacon, spare, onyx) = (source("bacon"), source("spare"), source("onyx"));
    RomDir::new()
        .file(
            ".git/config",
            format!("[remote \"origin\"]\n\turl = git@{host}.com:you/ota.git\n"),
        )
        .file(
            "romfeed.toml",
            format!("catalog = \"catalog/\"\n{}", source("all")),
        )
        .file("devices.d/bacon.toml", format!("{bacon}{spare}"))
        .file("devices.d/onyx.toml", onyx)
}

fn text(dir: &RomDir, path: &str) -> String {
    String::from_utf8(dir.read(path)).unwrap()
}

/// Returns the jobs of a workflow or pipeline, each with its lines.
fn jobs(text: &str, indent: &str) -> Vec<(String, String)> {
    let mut jobs: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        let name = line
            .strip_prefix(indent)
            .and_then(|line| line.strip_suffix(':'));
        match name.filter(|name| !name.starts_with([' ', '#'])) {
            Some(name) => jobs.push((name.to_owned(), String::new())),
            None => {
                if let Some((_, lines)) = jobs.last_mut() {
                    lines.push_str(line);
                    lines.push('\n');
                }
            }
        }
    }
    jobs
}

#[track_caller]
fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn sources_are_divided_among_jobs_and_those_of_a_device_stay_together() {
    let dir = project("github");
    let groups = |max: &str| dir.run(&["sources", "--groups", max]).expect(0).stdout;
    assert_eq!(groups("1"), "all bacon spare onyx\n");
    assert_eq!(groups("2"), "all onyx\nbacon spare\n");
    assert_eq!(groups("20"), "all\nbacon spare\nonyx\n");
    dir.run(&["sources", "--groups", "0"]).expect(2);
    RomDir::new()
        .run(&["sources", "--groups", "2"])
        .expect(2)
        .says("romfeed.toml has no [[source]]");
}

#[test]
fn only_the_jobs_that_read_sources_may_write_on_github() {
    let dir = project("github");
    dir.run(&["init", "--matrix", "20"]).expect(0);
    let workflow = text(&dir, WORKFLOW);
    let jobs = jobs(workflow.split_once("\njobs:\n").unwrap().1, "  ");
    let names: Vec<&str> = jobs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["sources", "catalogs", "site", "deploy", "faults"]);
    has(
        &jobs[0].1,
        &["romfeed sources --groups 20)\n", "contents: read\n"],
    );
    has(
        &jobs[1].1,
        &[
            "needs: sources\n",
            "fail-fast: false\n",
            "sources: ${{ fromJSON(needs.sources.outputs.groups) }}\n",
            "JOB: ${{ strategy.job-index }}\n",
            "set -- --catalog-only\n",
            "set -- \"$@\" --source=\"$source\"\n",
            "until git push; do\n",
            "contents: write\n",
        ],
    );
    has(
        &jobs[2].1,
        &[
            "needs: [sources, catalogs]\n",
            "set -- --offline\n",
            "romfeed check --zips\n",
            "contents: read\n",
        ],
    );
    for (name, lines) in &jobs {
        assert_eq!(
            lines.contains("contents: write"),
            name == "catalogs",
            "{name}"
        );
        assert_eq!(lines.contains("git push"), name == "catalogs", "{name}");
    }
    // GitHub skips whatever follows a failed job, unless it says otherwise.
    for (name, lines) in &jobs[2..] {
        assert!(
            lines.contains("\n    if: \"!cancelled() && "),
            "{name}: {lines}"
        );
    }
    has(&workflow, &["concurrency:\n", "permissions: {}\n"]);
}

#[test]
fn the_last_job_on_gitlab_runs_alone_and_asks_no_host() {
    let dir = project("gitlab");
    dir.run(&["init", "--matrix", "8"]).expect(0);
    let pipeline = text(&dir, ".gitlab-ci.yml");
    let jobs = jobs(&pipeline, "");
    let names: Vec<&str> = jobs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["sources", "catalogs", "pages", "faults"]);
    has(&jobs[0].1, &["romfeed sources --groups 8 >"]);
    has(
        &jobs[1].1,
        &[
            "parallel: 8\n",
            "\"${CI_NODE_INDEX}p\"",
            "JOB=$((CI_NODE_INDEX - 1))\n",
            "until git push; do\n",
            "GITLAB_TOKEN",
        ],
    );
    has(
        &jobs[2].1,
        &["resource_group: pages\n", "when: always\n", "--offline\n"],
    );
    assert!(!jobs[2].1.contains("GITLAB_TOKEN"), "{}", jobs[2].1);
    assert_eq!(pipeline.matches("cargo install").count(), 1);
}

#[test]
fn the_number_of_jobs_stays_until_another_one_is_asked_for() {
    for (host, path) in [("github", WORKFLOW), ("gitlab", ".gitlab-ci.yml")] {
        let dir = project(host);
        dir.run(&["init"]).expect(0);
        let single = text(&dir, path);
        let init = |args: &[&str]| -> Run { dir.run(&[&["init"], args].concat()).expect(0) };
        init(&["--matrix", "20"]).says(&format!("changed    {path}\n"));
        let matrix = text(&dir, path);
        init(&[]).says(&format!("unchanged  {path}\n"));
        assert_eq!(text(&dir, path), matrix);
        init(&["--matrix", "5"]);
        has(&text(&dir, path), &["sources --groups 5"]);
        init(&["--matrix", "1"]);
        assert_eq!(text(&dir, path), single);
    }
}

#[test]
fn a_matrix_needs_a_forge_and_a_source() {
    let dir = project("github");
    for args in [
        &["init", "--host", "nginx", "--matrix", "4"][..],
        &["init", "--host", "github", "--matrix", "4"],
    ] {
        if args.contains(&"github") {
            dir.put("romfeed.toml", "");
            dir.remove("devices.d/bacon.toml");
            dir.remove("devices.d/onyx.toml");
        }
        let run = dir.run(&[args, &["--base-url", "https://h.example"]].concat());
        run.expect(2)
            .says("several jobs read zips only in a workflow on GitHub or GitLab")
            .says("hint: name both, for example: romfeed init --host github --zips github --matrix 20\n");
        assert!(!dir.path().join("publish").exists());
    }
}

#[test]
fn a_source_of_a_device_is_not_written_into_the_settings_of_all() {
    let dir = project("github");
    dir.remove("romfeed.toml");
    for _ in 0..2 {
        dir.run(&["init"]).expect(0).lacks("[[source]]");
        assert!(!text(&dir, "romfeed.toml").contains("\n[[source]]"));
        has(&text(&dir, WORKFLOW), &["cron: "]);
    }
}
