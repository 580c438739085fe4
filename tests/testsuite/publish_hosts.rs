//! `romfeed publish` to GitHub, GitLab, SourceForge, Netlify, Cloudflare and by git, with stand-ins for the programs.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::secure_host;
use super::support::{RomDir, bacon, bacon_name};

/// Begins each stand-in: records the call, and fails instead of doing it if it is call number `STOP_AT`.
const BEGIN: &str = r#"#!/bin/sh
count=$(($(cat "$ROOT/calls" 2>/dev/null) + 1))
echo "$count" >"$ROOT/calls"
echo "${0##*/} $*" >>"$ROOT/log"
[ "$count" != "${STOP_AT:-}" ] || { echo "the connection is lost" >&2; exit 1; }
"#;

/// Keeps releases as folders of the web host, as GitHub does.
const GH: &str = r#"
releases=$ROOT/www/you/ota/releases/download
case "$1 $2" in
'api --hostname')
    tag=${4##*/}
    cd "$releases/$tag" 2>/dev/null || { echo "gh: Not Found (HTTP 404)" >&2; exit 1; }
    printf '{"assets":['
    for name in *; do
        [ -e "$name" ] || continue
        digest=$("$ROMFEED" hash --sha256 -- "$name" | cut -c 1-64)
        state=uploaded
        [ ! -e "$ROOT/half/$name" ] || state=starter
        printf '%s{"name":"%s","size":%s,"digest":"sha256:%s","state":"%s"}' \
            "${comma:-}" "$name" $(($(wc -c <"$name"))) "$digest" "$state"
        comma=,
    done
    echo ']}'
    ;;
'release create')
    mkdir -p "$releases/$3" "$ROOT/notes"
    for arg; do
        case ${before:-} in --notes-file) cp "$arg" "$ROOT/notes/$3" ;; esac
        before=$arg
    done
    ;;
'release upload') cp "$4" "$releases/$3/" && rm -f "$ROOT/half/${4##*/}" ;;
*) exit 2 ;;
esac
"#;

/// Answers and takes files as GitLab does, in the folder of the web host.
const CURL: &str = r#"
for arg; do
    case ${before:-} in
    --upload-file) upload=$arg ;;
    --dump-header) headers=1 ;;
    --config) cat >"$ROOT/secret" ;;
    esac
    before=$arg
done
file=$ROOT/www/${arg#https://*/}
if [ -n "${upload:-}" ]; then
    mkdir -p "$(dirname "$file")" && cp "$upload" "$file"
elif [ -z "${headers:-}" ]; then
    cat "$file"
elif [ -e "$file" ]; then
    printf 'HTTP/2 206\r\ncontent-range: bytes 0-0/%s\r\n\r\n' $(($(wc -c <"$file")))
else
    printf 'HTTP/2 404\r\n\r\n'
fi
"#;

/// A repository whose history is two files: `pushed` is what others have, `theirs` what another machine pushes next.
const GIT: &str = r#"
[ "$1" != -C ] || { cd "$2"; shift 2; }
case "$1 $2 ${3:-}" in
'rev-parse --quiet '*) [ -e "$ROOT/merging" ] ;;
'rev-parse --show-toplevel '*) [ ! -e "$ROOT/outside" ] || { echo "fatal: not a git repository" >&2; exit 128; } ;;
'rev-parse --abbrev-ref '*) [ ! -e "$ROOT/alone" ] && echo origin/main ;;
'symbolic-ref --quiet '*) echo main ;;
'status --porcelain '*) printf ' M changelogs/a b.md\0R  changelogs/new.md\0changelogs/old.md\0' ;;
'rev-parse HEAD '*) cat "$ROOT/head" ;;
'diff --cached '*)
    for path; do :; done
    [ "${path##*/}" != catalog.json ] || cmp -s catalog.json "$ROOT/committed"
    ;;
'diff --name-only '*) [ ! -e "$ROOT/unmerged" ] || printf 'catalog.json\0' ;;
'add '*) rm -f "$ROOT/unmerged" ;;
'commit '*)
    cp catalog.json "$ROOT/committed"
    rm -f "$ROOT/merging"
    echo "$count" >"$ROOT/head"
    ;;
'push '*)
    if [ -s "$ROOT/races" ]; then
        echo "rejected: fetch first" >&2
        exit 1
    fi
    cp "$ROOT/committed" "$ROOT/pushed"
    ;;
'pull '*)
    [ -s "$ROOT/races" ] || exit 0
    sed -i 1d "$ROOT/races"
    : >"$ROOT/merging"
    : >"$ROOT/unmerged"
    { echo '<<<<<<< HEAD'; cat catalog.json; echo '======='; cat "$ROOT/theirs"; echo '>>>>>>> x'; } >"$ROOT/both"
    cp "$ROOT/both" catalog.json
    exit 1
    ;;
*) exit 2 ;;
esac
"#;

/// A folder with a build and an image, and a host that serves the folder `www` in it.
struct Machine {
    dir: RomDir,
    /// The address of the host, without a scheme.
    host: String,
}

impl Machine {
    /// Makes a folder whose zips are at this address below the host.
    fn new(url: &str) -> Machine {
        let dir = RomDir::new();
        std::fs::create_dir_all(dir.path().join("www")).unwrap();
        let base = secure_host::serve(dir.path().join("www"));
        dir.put(
            "romfeed.toml",
            format!("base_url = \"{base}\"\nurl = \"{base}/{url}\"\n"),
        );
        let own = "\ncp -R out/. \"$ROOT/www/\"\n";
        for (name, text) in [
            ("gh", GH),
            ("curl", CURL),
            ("git", GIT),
            ("netlify", own),
            ("wrangler", own),
        ] {
            dir.put(&format!("bin/{name}"), format!("{BEGIN}{text}"));
            let mode = std::fs::Permissions::from_mode(0o755);
            let file = dir.path().join("bin").join(name);
            std::fs::set_permissions(file, mode).unwrap();
        }
        dir.put(&format!("builds/{}", bacon_name(0)), bacon(0));
        dir.put("builds/recovery.img", "the recovery");
        dir.put("host/_headers", "/*\n");
        let host = base.strip_prefix("https://").unwrap().to_owned();
        Machine { dir, host }
    }

    /// Publishes with the stand-ins; returns the exit code and the messages.
    fn publish(&self, args: &[&str], vars: &[(&str, &str)]) -> (i32, String) {
        let path = std::env::var("PATH").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_romfeed"));
        for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("ROMFEED_")) {
            command.env_remove(key);
        }
        let bin = self.dir.path().join("bin");
        let output = command
            .arg("publish")
            .args(args)
            .current_dir(self.dir.path())
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("ROOT", self.dir.path())
            .env("ROMFEED", env!("CARGO_BIN_EXE_romfeed"))
            .env("ROMFEED_CA", secure_host::authority())
            .env("GITLAB_TOKEN", "glpat-secret")
            .env_remove("SOURCEFORGE_USER")
            .envs(vars.iter().copied())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap(), stderr)
    }

    /// Returns the calls since the last time.
    fn calls(&self) -> Vec<String> {
        let log = self.dir.path().join("log");
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        let _ = std::fs::remove_file(&log);
        let _ = std::fs::remove_file(self.dir.path().join("calls"));
        text.lines().map(str::to_owned).collect()
    }

    fn text(&self, path: &str) -> String {
        String::from_utf8(self.dir.read(path)).unwrap()
    }

    /// Fails if a published list names a zip that is not online.
    #[track_caller]
    fn require_whole(&self) {
        let published = self.dir.tree("www");
        for (path, bytes) in published.iter().filter(|(path, _)| path.contains("/api/")) {
            let text = String::from_utf8_lossy(bytes);
            for name in text.split(['"', '/']).filter(|name| name.ends_with(".zip")) {
                let is_zip = |path: &&String| path.ends_with(&format!("/{name}"));
                assert!(published.keys().any(|p| is_zip(&p)), "{path} names {name}");
            }
        }
    }
}

const RELEASES: &str = "you/ota/releases/download/{device}-{datetime}/{filename}";

fn github(machine: &Machine) -> String {
    format!("github:https://{}/you/ota", machine.host)
}

#[test]
fn zips_and_images_become_assets_of_a_release_with_a_title_and_the_changelog() {
    let machine = Machine::new(RELEASES);
    machine.dir.put(
        "devices.json",
        r#"[{"model":"bacon","oem":"OnePlus","name":"OnePlus One"}]"#,
    );
    machine.dir.put(
        &format!("builds/{}", bacon_name(0).replace(".zip", ".md")),
        "- More *bass*\n",
    );
    let zips = github(&machine);
    let publish = || machine.publish(&["--to", "netlify", "--zips-to", &zips], &[]);
    let (code, text) = publish();
    assert_eq!(code, 0, "{text}");
    let title = "--title=LineageOS 21.0 for OnePlus One, 14 November 2023";
    let calls = machine.calls();
    assert!(calls.iter().any(|call| call.contains(title)), "{calls:#?}");
    assert_eq!(machine.text("notes/bacon-1700000000"), "- More *bass*\n");
    let image = bacon_name(0).replace(".zip", "-recovery.img");
    let folder = "www/you/ota/releases/download/bacon-1700000000";
    assert_eq!(machine.text(&format!("{folder}/{image}")), "the recovery");
    assert_eq!(
        machine.dir.read(&format!("{folder}/{}", bacon_name(0))),
        bacon(0)
    );
    assert_eq!(machine.text("www/_headers"), "/*\n");
    assert!(text.contains("\npublished: https://127.0.0.1:"), "{text}");
    machine.require_whole();

    // Nothing is uploaded again, except for what broke off.
    let uploads = || {
        let calls = machine.calls();
        let uploads = calls.into_iter().filter(|call| call.contains("upload"));
        uploads.collect::<Vec<String>>()
    };
    assert_eq!(publish().0, 0);
    assert_eq!(uploads(), [""; 0]);
    machine.dir.put(&format!("half/{image}"), "");
    assert_eq!(publish().0, 0);
    assert_eq!(uploads().len(), 1);

    // A zip that phones may be downloading is not replaced.
    machine
        .dir
        .put(&format!("{folder}/{}", bacon_name(0)), bacon(1));
    let (code, text) = publish();
    assert_eq!(code, 3, "{text}");
    assert!(
        text.contains("1 file is at the destination with other bytes"),
        "{text}"
    );
    assert!(text.contains("publish stopped at step 2 of 5 (upload zips): nothing of this run is live yet; the site is as before"));
}

#[test]
fn a_publication_that_fails_at_any_call_can_be_continued() {
    for at in 1.. {
        let machine = Machine::new(RELEASES);
        let zips = github(&machine);
        let args = ["--to", "cloudflare:my-roms", "--zips-to", &zips];
        let stop_at = at.to_string();
        let (code, text) = machine.publish(&args, &[("STOP_AT", &stop_at)]);
        machine.require_whole();
        if code == 0 {
            // 1 list, 1 release, 2 uploads, 1 deployment.
            assert_eq!(at, 6, "{text}");
            break;
        }
        assert_eq!(code, 3, "call {at}: {text}");
        assert!(text.contains("the connection is lost"), "{text}");
        assert!(
            text.contains("nothing of this run is live yet; the site is as before"),
            "{text}"
        );
        assert!(!machine.dir.path().join("www/index.html").exists());
        machine.calls();
        let (code, text) = machine.publish(&args, &[]);
        assert_eq!(code, 0, "after call {at}: {text}");
        machine.require_whole();
        let deployed = "wrangler pages deploy ./out --project-name my-roms --branch main";
        assert!(machine.calls().contains(&deployed.to_owned()));
    }
}

#[test]
fn packages_of_gitlab_are_compared_and_the_token_is_not_among_the_arguments() {
    let url = "api/v4/projects/you%2Fota/packages/generic/{device}/{datetime}/{filename}";
    let machine = Machine::new(url);
    let zips = format!("gitlab:https://{}/you/ota", machine.host);
    let publish = || machine.publish(&["--to", "netlify", "--zips-to", &zips], &[]);
    // The host decodes the address; the stand-in does not.
    machine.dir.put("www/api/v4/projects/keep", "");
    std::os::unix::fs::symlink(
        "you/ota",
        machine.dir.path().join("www/api/v4/projects/you%2Fota"),
    )
    .unwrap();
    machine.dir.put("www/api/v4/projects/you/ota/keep", "");
    let (code, text) = publish();
    assert_eq!(code, 0, "{text}");
    assert_eq!(
        machine.text("secret"),
        "header = \"PRIVATE-TOKEN: glpat-secret\"\n"
    );
    let calls = machine.calls();
    assert!(
        !calls.iter().any(|call| call.contains("glpat")),
        "{calls:#?}"
    );
    let num_uploads =
        |calls: &[String]| calls.iter().filter(|c| c.contains("--upload-file")).count();
    assert_eq!(num_uploads(&calls), 2);
    machine.require_whole();
    assert_eq!(publish().0, 0);
    assert_eq!(num_uploads(&machine.calls()), 0);
}

/// Returns a catalog with another build, from another machine.
fn of_another_machine(url: &str, nth: i64) -> String {
    let dir = RomDir::new().file(&format!("builds/{}", bacon_name(nth)), bacon(nth));
    dir.run(&["generate", "--base-url", "https://h.example", "--url", url])
        .expect(0);
    String::from_utf8(dir.read("catalog.json")).unwrap()
}

/// A folder whose zips are online, in a repository.
fn in_git() -> Machine {
    let machine = Machine::new("zips/{filename}");
    for nth in 0..3 {
        machine
            .dir
            .put(&format!("www/zips/{}", bacon_name(nth)), bacon(nth));
    }
    machine.dir.remove("builds/recovery.img");
    machine.dir.put("head", "0");
    std::fs::create_dir(machine.dir.path().join("changelogs")).unwrap();
    machine
}

#[test]
fn the_catalog_is_pushed_and_united_with_that_of_another_machine() {
    for (num_races, expected) in [(0, 0), (1, 0), (4, 0), (5, 3)] {
        let machine = in_git();
        let url = format!("https://{}/zips/{{filename}}", machine.host);
        machine.dir.put("theirs", of_another_machine(&url, 1));
        machine.dir.put("races", "race\n".repeat(num_races));
        let (code, text) = machine.publish(&["--to", "git"], &[]);
        assert_eq!(code, expected, "{num_races}: {text}");
        let again = text
            .matches("both catalogs are united, and the steps begin again")
            .count();
        assert_eq!(again, num_races.min(4), "{text}");
        if expected == 3 {
            assert!(
                text.contains("nothing of this run is live yet; the site is as before"),
                "{text}"
            );
            continue;
        }
        let pushed = machine.text("pushed");
        assert!(pushed.contains(&bacon_name(0)));
        assert_eq!(pushed.contains(&bacon_name(1)), num_races > 0, "{pushed}");
        assert!(text.contains("\npushed: the workflow"), "{text}");
        let calls = machine.calls();
        assert_eq!(machine.publish(&["--to", "git"], &[]).0, 0);
        let again = machine.calls();
        assert!(
            !again.iter().any(|call| call.contains("commit")),
            "{calls:#?}\n{again:#?}"
        );
    }
}

#[test]
fn a_push_that_fails_at_any_call_can_be_repeated() {
    for at in 1.. {
        let machine = in_git();
        let url = format!("https://{}/zips/{{filename}}", machine.host);
        machine.dir.put("theirs", of_another_machine(&url, 1));
        machine.dir.put("races", "race\n");
        let stop_at = at.to_string();
        let (code, text) = machine.publish(&["--to", "git"], &[("STOP_AT", &stop_at)]);
        if code == 0 && !text.contains("the connection is lost") && at > 15 {
            break;
        }
        machine.calls();
        let (mut code, mut text) = machine.publish(&["--to", "git"], &[]);
        if code != 0 {
            // Stopped between a merge and its commit.
            assert!(text.contains("romfeed catalog merge"), "call {at}: {text}");
            machine.dir.run(&["catalog", "merge"]).expect(0);
            (code, text) = machine.publish(&["--to", "git"], &[]);
        }
        assert_eq!(code, 0, "after call {at}: {text}");
        let pushed = machine.text("pushed");
        for nth in [0, 1] {
            assert!(pushed.contains(&bacon_name(nth)), "call {at}: {pushed}");
        }
    }
}

#[test]
fn a_destination_that_lacks_something_is_refused_before_anything_is_done() {
    let machine = Machine::new(RELEASES);
    for (args, vars, message) in [
        (
            &["--to", "git", "--zips-to", "github:you"][..],
            &[][..],
            "`github:you` lacks the repository: github:OWNER/REPO",
        ),
        (
            &["--to", "git", "--zips-to", "gitlab:a/b"],
            &[("GITLAB_TOKEN", "")],
            "needs the variable GITLAB_TOKEN: a token with the scope api",
        ),
        (
            &["--to", "git", "--zips-to", "gitlab:a/b"],
            &[("GITLAB_TOKEN", "x\"\nurl = \"https://h.example")],
            "needs the variable GITLAB_TOKEN",
        ),
        (
            &["--to", "netlify", "--zips-to", "sourceforge:rom/bacon"],
            &[],
            "needs the variable SOURCEFORGE_USER: your name on SourceForge",
        ),
        (
            &["--to", "netlify", "--zips-to", "site"],
            &[],
            "`netlify` cannot take the zips",
        ),
        (
            &["--to", "cloudflare:"],
            &[],
            "`cloudflare:` lacks the project: cloudflare:PROJECT",
        ),
    ] {
        let (code, text) = machine.publish(args, vars);
        assert_eq!(code, 2, "{args:?}: {text}");
        assert!(text.contains(message), "{args:?}: {text}");
        assert!(!machine.dir.path().join("catalog.json").exists());
    }
}

#[test]
fn zips_whose_address_is_elsewhere_are_not_uploaded_to_releases_and_packages() {
    let machine = Machine::new("zips/{filename}");
    let releases = github(&machine);
    let host = &machine.host;
    let packages = format!("gitlab:https://{host}/group/sub/ota");
    for (zips, name, url) in [
        (
            releases.as_str(),
            "the releases of you/ota",
            format!(
                "https://{host}/you/ota/releases/download/{{device}}-{{datetime}}/{{filename}}"
            ),
        ),
        (
            packages.as_str(),
            "the packages of group/sub/ota",
            format!(
                "https://{host}/api/v4/projects/group%2Fsub%2Fota/packages/generic/{{device}}/{{datetime}}/{{filename}}"
            ),
        ),
    ] {
        let args = ["--to", "netlify", "--zips-to", zips];
        let (code, text) = machine.publish(&args, &[]);
        assert_eq!(code, 2, "{text}");
        let error = format!(
            "error: `url` does not lead to {name}\n  hint: set in romfeed.toml: url = \"{url}\"\n"
        );
        assert_eq!(text, error);
        assert_eq!(machine.calls(), [""; 0]);
        assert!(!machine.dir.path().join("catalog.json").exists());
        // The advice is right, and an address of a device is enough.
        let settings = machine.text("romfeed.toml");
        machine.dir.put(
            "romfeed.toml",
            format!("{settings}[device.bacon]\nurl = \"{url}\"\n"),
        );
        let (_, text) = machine.publish(&[&args[..], &["--dry-run"]].concat(), &[]);
        assert!(!text.contains("does not lead"), "{text}");
        assert!(text.contains("step 2 of 5: upload zips\n"), "{text}");
        machine.dir.put("romfeed.toml", settings);
        machine.calls();
    }
}

#[test]
fn programs_that_are_missing_are_named_before_anything_is_done() {
    let machine = Machine::new(RELEASES);
    let zips = github(&machine);
    let nothing = [("PATH", "/nowhere")];
    for (args, program) in [
        (&["--to", "git"][..], "git"),
        (&["--to", "netlify"], "netlify"),
        (&["--to", "cloudflare:roms"], "wrangler"),
        (&["--to", "s3://bucket"], "aws"),
        (&["--to", "rclone:b2:bucket"], "rclone"),
        (&["--to", "host:/srv"], "rsync"),
    ] {
        for trial in [&[][..], &["--dry-run"]] {
            let (code, text) = machine.publish(&[args, trial].concat(), &nothing);
            assert_eq!(code, 3, "{text}");
            let error = format!("error: `{program}` is not installed\n  hint: install ");
            assert!(text.starts_with(&error), "{text}");
            assert!(!text.contains("step "), "{text}");
        }
    }
    // That of the zips, too; a file that cannot be executed is none.
    let gh = machine.dir.path().join("bin/gh");
    std::fs::set_permissions(&gh, std::fs::Permissions::from_mode(0o644)).unwrap();
    let bin = machine.dir.path().join("bin").display().to_string();
    let args = ["--to", "netlify", "--zips-to", &zips];
    let (code, text) = machine.publish(&args, &[("PATH", &bin)]);
    assert_eq!(code, 3, "{text}");
    assert!(text.starts_with("error: `gh` is not installed\n"), "{text}");
}

#[test]
fn git_outside_of_a_repository_is_refused_before_anything_is_done() {
    let machine = in_git();
    machine.dir.put("outside", "");
    for args in [&["--to", "git"][..], &["--to", "git", "--dry-run"]] {
        let (code, text) = machine.publish(args, &[]);
        assert_eq!(code, 2, "{text}");
        assert!(
            text.contains(" is not in a repository of git\n  hint: "),
            "{text}"
        );
        assert!(!text.contains("step "), "{text}");
        assert!(!machine.dir.path().join("catalog.json").exists());
    }
}

#[test]
fn a_trial_run_says_what_would_be_committed_and_pushed() {
    let machine = in_git();
    let args = ["--to", "git", "--dry-run"];
    let (code, text) = machine.publish(&args, &[]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains(
            "\n  to commit: catalog.json, changelogs/a b.md, changelogs/new.md\n  to push: the branch main, to origin/main\n"
        ),
        "{text}"
    );
    let end = "this was a trial run; nothing was changed at the repository\n";
    assert!(text.ends_with(end), "{text}");
    let calls = machine.calls();
    assert!(
        !calls
            .iter()
            .any(|call| call.contains("commit") || call.contains(" push")),
        "{calls:#?}"
    );
    machine.dir.put("alone", "");
    let (_, text) = machine.publish(&args, &[]);
    assert!(
        text.contains("git push --set-upstream origin main\n"),
        "{text}"
    );
}
