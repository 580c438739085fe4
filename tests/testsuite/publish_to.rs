//! `romfeed publish`, with stand-ins for the programs that copy: small scripts that copy to a folder of this machine.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::secure_host;
use super::support::{RomDir, bacon, bacon_name};

/// Copies, compares and removes the listed files, as rsync does with the options that are used. Call number `STOP_AT`
/// fails after it has copied or removed one file.
const RSYNC: &str = r#"#!/bin/sh
count=$(($(cat "$ROOT/calls" 2>/dev/null) + 1))
echo "$count" >"$ROOT/calls"
for arg; do
    echo "$arg" >>"$ROOT/arguments"
    case $arg in
    --files-from=*) list=${arg#*=} ;;
    --dry-run) trial=1 ;;
    --existing) existing=1 ;;
    --delete-missing-args) delete=1 ;;
    esac
    from=${to:-} to=$arg
done
if [ -z "${list:-}" ]; then
    [ ! -e "$from" ] || { mkdir -p "$to/.romfeed" && cp "$from" "$to/.romfeed/"; }
    exit
fi
mkdir -p "$to"
tr '\0' '\n' <"$list" >"$ROOT/list"
while IFS= read -r path; do
    name=${path#./}
    if [ ! -e "$from/$path" ]; then
        [ -n "${delete:-}" ] || exit 23
        [ -e "$to/$path" ] || continue
        [ -n "${trial:-}" ] && echo "*deleting   $name" || rm "$to/$path"
    elif [ -n "${trial:-}" ]; then
        if [ ! -e "$to/$path" ]; then
            [ -n "${existing:-}" ] || echo ">f+++++++++ $name"
        else
            cmp -s "$from/$path" "$to/$path" || echo ">fcst...... $name"
        fi
    else
        mkdir -p "$(dirname "$to/$path")"
        cp "$from/$path" "$to/$path.part"
        mv "$to/$path.part" "$to/$path"
    fi
    [ "$count" != "${STOP_AT:-}" ] || { echo "the connection is lost" >&2; exit 12; }
done <"$ROOT/list"
"#;

/// Does what rclone does, in the folder `ROOT/remote`.
const RCLONE: &str = r#"#!/bin/sh
printf '%s\n' "$@" >>"$ROOT/arguments"
remote=$ROOT/remote
place() { printf '%s' "$remote/${1#*:}"; }
for last; do
    [ "${previous:-}" != --files-from-raw ] || list=$last
    before=${previous:-} previous=$last
done
case $1 in
backend) echo '{"Root": "ota", "Precision": 3153600000000000000, "Hashes": ["md5"], "Features": {"IsLocal": false}}' ;;
cat) cat "$(place "$2")" 2>/dev/null || exit 3 ;;
lsjson)
    cd "$(place "$last")" 2>/dev/null || exit 3
    printf '['
    while IFS= read -r path; do
        [ ! -e "$path" ] || { printf '%s{"Path":"%s","Size":%s,"ModTime":"2100-01-01T00:00:00Z"}' \
            "${comma:-}" "$path" $(($(wc -c <"$path"))); comma=,; }
    done <"$list"
    echo ']'
    ;;
check)
    while IFS= read -r path; do
        there=$(place "$last")/$path
        if [ ! -e "$there" ]; then echo "+ $path"
        elif cmp -s "$before/$path" "$there"; then echo "= $path"
        else echo "* $path"
        fi
    done <"$list"
    echo "ERROR : differences" >&2
    exit 1
    ;;
copy)
    while IFS= read -r path; do
        there=$(place "$last")/$path
        mkdir -p "$(dirname "$there")"
        cp "$before/$path" "$there"
    done <"$list"
    ;;
delete) while IFS= read -r path; do rm -f "$(place "$last")/$path"; done <"$list" ;;
*) exit 2 ;;
esac
"#;

/// Does what aws does, with the bucket as a folder in `ROOT/remote`.
const AWS: &str = r#"#!/bin/sh
printf '%s\n' "$@" >>"$ROOT/arguments"
for last; do
    case ${previous:-} in
    --bucket) bucket=$last ;;
    --prefix) prefix=$last ;;
    --delete) deleted=${last#file://} ;;
    esac
    before=${previous:-} previous=$last
done
cd "$ROOT/remote"
case "$1 $2" in
's3api list-objects-v2')
    cd "$bucket" || exit 254
    printf '['
    find . -type f | sed 's|^\./||' | while IFS= read -r key; do
        case $key in "${prefix:-}"*) ;; *) continue ;; esac
        md5=$("$ROMFEED" hash --md5 -- "$key" | cut -c 1-32)
        printf '%s["%s","\\"%s\\"",%s,"2100-01-01T00:00:00Z"]' "${comma:-}" "$key" "$md5" $(($(wc -c <"$key")))
        comma=,
    done
    echo ']'
    ;;
's3api delete-objects')
    tr ',' '\n' <"$deleted" | sed -n 's/.*"Key":"\([^"]*\)".*/\1/p' |
        while IFS= read -r key; do rm "$bucket/$key"; done
    echo null
    ;;
's3 cp')
    case $last in
    s3://*) mkdir -p "${last#s3://}" && cp -RL "$before/." "${last#s3://}/" && echo "upload: x to ${last}x" ;;
    *) cp "${before#s3://}" "$last" ;;
    esac
    ;;
*) exit 2 ;;
esac
"#;

/// A folder with two builds, and a host that serves the folder `www` in it.
struct Machine {
    dir: RomDir,
    /// The folder that the host serves.
    www: &'static str,
}

impl Machine {
    fn new(www: &'static str) -> Machine {
        let dir = RomDir::new();
        let base = secure_host::serve(dir.path().join(www));
        std::fs::create_dir_all(dir.path().join("remote/bucket")).unwrap();
        dir.put(
            "romfeed.toml",
            format!("base_url = \"{base}\"\nexclude = [\"private*\"]\n"),
        );
        for (name, text) in [("rsync", RSYNC), ("rclone", RCLONE), ("aws", AWS)] {
            dir.put(&format!("bin/{name}"), text);
            let mode = std::fs::Permissions::from_mode(0o755);
            let file = dir.path().join("bin").join(name);
            std::fs::set_permissions(file, mode).unwrap();
        }
        dir.put(&format!("builds/{}", bacon_name(0)), bacon(0));
        dir.put("builds/private.zip", bacon(9));
        dir.put("builds/key.pk8", "secret");
        Machine { dir, www }
    }

    /// Runs a program in the folder with the stand-ins; returns its exit code and its messages.
    fn run(&self, program: &str, args: &[&str], vars: &[(&str, &str)]) -> (i32, String) {
        let path = std::env::var("PATH").unwrap();
        let bin = self.dir.path().join("bin");
        let mut command = Command::new(program);
        for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("ROMFEED_")) {
            command.env_remove(key);
        }
        let output = command
            .args(args)
            .current_dir(self.dir.path())
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("ROOT", self.dir.path())
            .env("ROMFEED", env!("CARGO_BIN_EXE_romfeed"))
            .env("ROMFEED_CA", secure_host::authority())
            .envs(vars.iter().copied())
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap(), stderr)
    }

    fn publish(&self, args: &[&str], vars: &[(&str, &str)]) -> (i32, String) {
        let args = [&["publish"], args].concat();
        self.run(env!("CARGO_BIN_EXE_romfeed"), &args, vars)
    }

    /// Returns the published files.
    fn published(&self) -> BTreeMap<String, Vec<u8>> {
        self.dir.tree(self.www)
    }

    /// Removes all that is published.
    fn clear(&self) {
        std::fs::remove_dir_all(self.dir.path().join(self.www)).unwrap();
    }

    /// Puts files there that are not from romfeed.
    fn put_foreign(&self) {
        for path in ["own.html", "builds/private.zip", "builds/other/own.zip"] {
            self.dir
                .put(&format!("{}/{path}", self.www), "of the maintainer");
        }
    }

    #[track_caller]
    fn require_foreign(&self) {
        let published = self.published();
        for path in ["own.html", "builds/private.zip", "builds/other/own.zip"] {
            let bytes = published.get(&format!("{}/{path}", self.www));
            assert_eq!(
                bytes.map(Vec::as_slice),
                Some(&b"of the maintainer"[..]),
                "{path}"
            );
        }
    }

    /// Fails if a published list names a zip that is not published.
    #[track_caller]
    fn require_whole(&self) {
        let published = self.published();
        for (path, bytes) in published.iter().filter(|(path, _)| path.contains("/api/")) {
            let text = String::from_utf8_lossy(bytes);
            for name in text.split(['"', '/']).filter(|name| name.ends_with(".zip")) {
                let zip = format!("{}/builds/{name}", self.www);
                assert!(published.contains_key(&zip), "{path} names {name}");
            }
        }
    }

    /// Fails unless the site is published as it is here, with the zips.
    #[track_caller]
    fn require_same(&self) {
        let published = self.published();
        for (path, bytes) in self.dir.tree("out") {
            let path = path.replacen("out/", &format!("{}/", self.www), 1);
            if !path.ends_with("/lock") {
                assert_eq!(published.get(&path), Some(&bytes), "{path}");
            }
        }
        let private = ["private.zip", "broken.zip", "key.pk8"];
        for path in self
            .dir
            .tree("builds")
            .into_keys()
            .filter(|path| path.ends_with(".zip"))
        {
            let is_private = private.iter().any(|name| path.ends_with(name));
            let zip = published.get(&format!("{}/{path}", self.www));
            assert!(is_private || zip.is_some(), "{path}");
        }
        assert!(!published.keys().any(|path| path.ends_with("key.pk8")));
    }
}

#[test]
fn each_kind_of_destination_gets_the_site_and_updates_and_keeps_other_files() {
    for (to, www) in [
        ("./www/ota", "www/ota"),
        ("rclone:b2:bucket/ota", "remote/bucket/ota"),
        ("s3://bucket/ota", "remote/bucket/ota"),
        ("s3://bucket", "remote/bucket"),
    ] {
        let machine = Machine::new(www);
        machine.put_foreign();
        let (code, text) = machine.publish(&["--to", to], &[]);
        assert_eq!(code, 0, "{to}: {text}");
        machine.require_same();
        machine.require_foreign();
        assert_eq!(text.matches("for the ROM:").count(), 1, "{text}");
        assert!(
            text.contains("\nstep 8 of 8: check the live site\n"),
            "{text}"
        );
        assert!(text.contains("\npublished: https://127.0.0.1:"), "{text}");

        let name = format!("{}/own.html", machine.www);
        machine
            .dir
            .put(&format!("builds/{}", bacon_name(1)), bacon(1));
        let yank = ["catalog", "remove", &bacon_name(0)];
        machine.dir.remove(&format!("builds/{}", bacon_name(0)));
        machine.dir.run(&yank).expect(0);
        let (code, text) = machine.publish(&["--to", to], &[]);
        assert_eq!(code, 0, "{to}: {text}");
        machine.require_same();
        machine.require_foreign();
        assert!(
            text.contains("file removed\n") || text.contains("files removed\n"),
            "{text}"
        );
        // Zips stay: phones may be downloading them.
        let old = format!("{}/builds/{}", machine.www, bacon_name(0));
        assert!(machine.published().contains_key(&old));
        assert!(machine.published().contains_key(&name));

        // Nothing is copied again.
        let (code, text) = machine.publish(&["--to", to], &[]);
        assert_eq!(code, 0, "{to}: {text}");
        assert!(!text.contains("uploaded"), "{text}");
        machine.require_same();
    }
}

#[test]
fn a_script_of_an_earlier_romfeed_still_publishes_the_same() {
    const SCRIPT: &str = include_str!("../fixtures/hosts/publish-rsync-0.1.sh");
    let machine = Machine::new("www");
    let settings = String::from_utf8(machine.dir.read("romfeed.toml")).unwrap();
    let base = settings.split('"').nth(1).unwrap().to_owned();
    machine
        .dir
        .put("publish", SCRIPT.replace("https://ota.example.org", &base));
    machine
        .dir
        .put("bin/romfeed", "#!/bin/sh\nexec \"$ROMFEED\" \"$@\"\n");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(machine.dir.path().join("bin/romfeed"), mode).unwrap();
    machine.put_foreign();
    let www = machine.dir.path().join("www").display().to_string();
    let old_script = || {
        let (code, text) = machine.run("sh", &["publish"], &[("DESTINATION", &www)]);
        assert_eq!(code, 0, "{text}");
        machine.published()
    };
    old_script();
    machine
        .dir
        .put(&format!("builds/{}", bacon_name(1)), bacon(1));
    let of_script = old_script();
    machine.require_same();
    machine.require_foreign();
    // The command continues where the script ended, and has nothing to do.
    let (code, text) = machine.publish(&["--to", "./www"], &[]);
    assert_eq!(code, 0, "{text}");
    assert!(!text.contains("uploaded"), "{text}");
    assert_eq!(machine.published(), of_script);
}

#[test]
fn a_publication_that_breaks_off_at_any_call_is_continued_by_the_next() {
    let machine = Machine::new("www");
    machine.put_foreign();
    let publish = |vars: &[(&str, &str)]| {
        let _ = std::fs::remove_file(machine.dir.path().join("calls"));
        machine.publish(&["--to", "./www"], vars)
    };
    assert_eq!(publish(&[]).0, 0);
    machine
        .dir
        .put(&format!("builds/{}", bacon_name(1)), bacon(1));
    machine
        .dir
        .run(&["catalog", "yank", &bacon_name(0), "--reason", "bad"])
        .expect(0);
    let start = machine.published();
    let mut whole = BTreeMap::new();
    let mut num_stops = 0;
    for stop_at in (0..=20).rev() {
        machine.clear();
        for (path, bytes) in &start {
            machine.dir.put(path, bytes);
        }
        let (code, text) = publish(&[("STOP_AT", &stop_at.to_string())]);
        machine.require_whole();
        machine.require_foreign();
        if code != 0 {
            num_stops += 1;
            assert_eq!(code, 3, "{text}");
            assert!(text.contains("the connection is lost\n"), "{text}");
            let (_, stopped) = text.split_once("error: publish stopped at step ").unwrap();
            assert!(stopped.contains(" of 8 ("), "{text}");
            assert!(
                !text.contains("\nnext: ") && !text.contains("\npublished: "),
                "{text}"
            );
            let (code, text) = publish(&[]);
            assert_eq!(code, 0, "{text}");
        }
        if whole.is_empty() {
            whole = machine.published();
        }
        assert_eq!(machine.published(), whole, "{stop_at}");
        machine.require_same();
    }
    assert!(num_stops > 8, "{num_stops}");
}

#[test]
fn a_stop_says_at_which_step_and_what_is_live() {
    let machine = Machine::new("www");
    // The zips are not uploaded.
    let (code, text) = machine.publish(&["--to", "./www", "--zips-to", "none"], &[]);
    assert_eq!(code, 3, "{text}");
    let stop = "error: publish stopped at step 2 of 7 (check that the zips are online): nothing of this run is live yet; the site is as before\n";
    assert!(text.contains(stop), "{text}");
    assert!(!machine.dir.path().join("www").exists());
    assert!(
        !text.contains("for the ROM") && !text.contains("next:"),
        "{text}"
    );

    // The program is not installed.
    let (code, text) = machine.publish(&["--to", "./www"], &[("PATH", "/nowhere")]);
    assert_eq!(code, 3, "{text}");
    assert!(
        text.contains("error: `rsync` is not installed\n  hint: install rsync 3.1"),
        "{text}"
    );
    assert!(
        !text.contains("step 1") && !machine.dir.path().join("www").exists(),
        "{text}"
    );

    // Wrong settings.
    let settings = machine.dir.read("romfeed.toml");
    machine.dir.put("romfeed.toml", "keeep = 3\n");
    assert_eq!(machine.publish(&["--to", "./www"], &[]).0, 2);
    machine.dir.put("romfeed.toml", settings);
    machine.dir.put("catalog.json", "{");
    let (code, text) = machine.publish(&["--to", "./www"], &[]);
    assert_eq!(code, 2, "{text}");
    let stop = "error: publish stopped at step 1 of 8 (generate the site): nothing of this run is live yet; the site is as before\n";
    assert!(text.contains(stop), "{text}");
    assert_eq!(machine.published(), BTreeMap::new());
}

#[test]
fn what_has_a_fault_is_named_at_the_end_unless_the_run_is_strict() {
    let machine = Machine::new("www");
    machine.dir.put("builds/broken.zip", "not a zip");
    let (code, text) = machine.publish(&["--to", "./www", "--strict"], &[]);
    assert_eq!(code, 3, "{text}");
    assert!(
        text.contains("nothing was published, because of --strict"),
        "{text}"
    );
    assert!(!machine.dir.path().join("www").exists());
    let (code, text) = machine.publish(&["--to", "./www"], &[]);
    assert_eq!(code, 1, "{text}");
    let end = "error: the rest is published, but this was left out:\n- broken.zip: ";
    assert!(text.contains(end), "{text}");
    machine.require_same();
}

#[test]
fn a_trial_run_changes_nothing() {
    let machine = Machine::new("www");
    let before = machine.dir.tree("");
    let changed = |machine: &Machine| -> Vec<String> {
        let after = machine.dir.tree("");
        let is_new = |(path, bytes): &(&String, &Vec<u8>)| before.get(*path) != Some(bytes);
        let paths = after.iter().filter(is_new).map(|(path, _)| path.clone());
        let of_stand_ins = ["arguments", "calls", "list"];
        paths
            .filter(|path| !of_stand_ins.contains(&path.as_str()))
            .collect()
    };
    let (code, text) = machine.publish(&["--to", "./www", "--dry-run"], &[]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("\n  + api/v1/bacon/nightly.json\n"), "{text}");
    assert!(text.contains(" to upload ("), "{text}");
    assert_eq!(changed(&machine), [""; 0]);
}

#[test]
fn files_that_are_not_from_romfeed_stop_a_publication_unless_they_are_adopted() {
    let machine = Machine::new("www");
    machine.dir.put("www/index.html", "of the maintainer");
    let (code, text) = machine.publish(&["--to", "./www"], &[]);
    assert_eq!(code, 3, "{text}");
    let error = "error: 1 file is at the destination and not from romfeed: index.html\n  hint: move them away, or \
        replace them with --adopt\n";
    assert!(text.contains(error), "{text}");
    assert!(
        text.contains(
            "at step 4 of 8 (upload pages): nothing of this run is live yet; the site is as before"
        ),
        "{text}"
    );
    assert_eq!(machine.dir.read("www/index.html"), b"of the maintainer");
    let (code, text) = machine.publish(&["--to", "./www", "--adopt"], &[]);
    assert_eq!(code, 0, "{text}");
    machine.require_same();

    // Zips are never replaced by others, and what stands next to them is.
    let zip = format!("www/builds/{}", bacon_name(0));
    machine.dir.put(&zip, "other bytes");
    for args in [&["--to", "./www"][..], &["--to", "./www", "--adopt"]] {
        let (code, text) = machine.publish(args, &[]);
        assert_eq!(code, 3, "{text}");
        assert!(
            text.contains("at the destination with other bytes: lineage-"),
            "{text}"
        );
        assert_eq!(machine.dir.read(&zip), b"other bytes");
    }
}

#[test]
fn only_one_publication_of_a_folder_runs_at_a_time() {
    let machine = Machine::new("www");
    assert_eq!(machine.publish(&["--to", "./www"], &[]).0, 0);
    let lock = std::fs::File::open(machine.dir.path().join("out/.romfeed/lock")).unwrap();
    lock.lock().unwrap();
    let (code, text) = machine.publish(&["--to", "./www"], &[]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("another romfeed is running here"), "{text}");
    drop(lock);
    assert_eq!(machine.publish(&["--to", "./www"], &[]).0, 0);
}

#[test]
fn programs_get_no_names_of_files_as_arguments_and_no_shell_reads_them() {
    let odd = [
        "a; touch pwned; $(touch pwned).zip",
        "-e touch pwned.zip",
        "#comment 'x' \"y\".zip",
    ];
    for (to, www) in [("./www", "www"), ("rclone:b2:bucket", "remote/bucket")] {
        let machine = Machine::new(www);
        let settings = String::from_utf8(machine.dir.read("romfeed.toml")).unwrap();
        machine
            .dir
            .put("romfeed.toml", format!("{settings}same_lane = true\n"));
        for (days, name) in odd.iter().enumerate() {
            let days = i64::try_from(days).unwrap() + 1;
            machine.dir.put(&format!("builds/{name}"), bacon(days));
        }
        let (code, text) = machine.publish(&["--to", to], &[]);
        let published = machine.published();
        for name in odd {
            let zip = format!("{www}/builds/{name}");
            assert!(published.contains_key(&zip), "{code} {zip}: {text}");
        }
        assert!(!machine.dir.path().join("pwned").exists());
        let arguments = String::from_utf8(machine.dir.read("arguments")).unwrap();
        assert!(
            !arguments.contains("pwned") && !arguments.contains(".zip"),
            "{arguments}"
        );
    }
}

#[test]
fn a_text_that_is_not_a_destination_is_refused_before_anything_is_done() {
    let machine = Machine::new("www");
    for (args, error) in [
        (
            &["--to", "netlfy"][..],
            "error: `netlfy` is not a destination\n  hint: name one of: ",
        ),
        (
            &["--to", "rclone:b2"],
            "error: `rclone:b2` lacks the remote and its colon",
        ),
        (
            &["--to", "./www", "--zips-to", "ftp://h/x"],
            "`ftp://h/x` is not a destination for zips",
        ),
        (
            &["--to", "github:you/ota"],
            "error: `github:you/ota` is a place for zips: --zips-to\n",
        ),
        (
            &["--to", "gitlab:you/ota"],
            "error: `gitlab:you/ota` is a place for zips: --zips-to\n",
        ),
        (
            &["--to", "sourceforge:you/ota"],
            "error: `sourceforge:you/ota` is a place for zips: --zips-to\n",
        ),
        (
            &["--to", "s3:/bucket"],
            "error: `s3:/bucket` lacks a slash; did you mean s3://BUCKET/FOLDER?\n",
        ),
        (
            &["--to", "./www", "--zips-to", "s3:bucket"],
            "did you mean s3://BUCKET/FOLDER?\n",
        ),
        (&["--to", r"C:\www"], " is a folder of Windows; "),
        (&["--to", "C:/www"], " is a folder of Windows; "),
    ] {
        let (code, text) = machine.publish(args, &[]);
        assert_eq!(code, 2, "{text}");
        assert!(text.contains(error), "{text}");
        assert!(!machine.dir.path().join("out").exists());
    }
}

#[test]
fn a_folder_that_the_address_does_not_show_is_an_error_at_the_end_and_a_warning_at_the_beginning() {
    let machine = Machine::new("www");
    let build = |nth| {
        machine
            .dir
            .put(&format!("builds/{}", bacon_name(nth)), bacon(nth));
    };
    let (code, text) = machine.publish(&["--to", "./www"], &[]);
    assert_eq!(code, 0, "{text}");
    assert!(!text.contains("has no site yet"), "{text}");
    build(1);
    // The zips are online already, so only the last step can notice.
    machine
        .dir
        .put(&format!("www/builds/{}", bacon_name(1)), bacon(1));
    for args in [&["--to", "./typo", "--dry-run"][..], &["--to", "./typo"]] {
        let (code, text) = machine.publish(args, &[]);
        let warning = "warning: ./typo has no site yet, and https://127.0.0.1:";
        let (before, _) = text.split_once("step 2 of 8").unwrap();
        assert!(before.contains(warning), "{text}");
        if args.len() == 3 {
            assert_eq!(code, 0, "{text}");
            let end = "this was a trial run; nothing was changed at ./typo\n";
            assert!(text.ends_with(end), "{text}");
            continue;
        }
        assert_eq!(code, 1, "{text}");
        assert!(text.contains("\nuploaded to ./typo\n"), "{text}");
        assert!(!text.contains("published: "), "{text}");
        assert!(
            text.contains(
                " is not what was published to ./typo\n  hint: is ./typo the folder that https://"
            ),
            "{text}"
        );
        assert!(
            text.contains(" serves? (caches may need some minutes)\n"),
            "{text}"
        );
    }
    // The next time, the wrong folder has a site, and the end says the same.
    let (code, text) = machine.publish(&["--to", "./typo"], &[]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains(" is not what was published to ./typo\n"),
        "{text}"
    );
    assert!(!text.contains("has no site yet"), "{text}");
    let (code, text) = machine.publish(&["--to", "./www"], &[]);
    assert_eq!(code, 0, "{text}");
}

#[test]
fn a_host_that_hides_the_manifest_is_judged_by_its_feeds() {
    let machine = Machine::new("www");
    let manifest = machine.dir.path().join("www/.romfeed");
    assert_eq!(machine.publish(&["--to", "./www"], &[]).0, 0);
    let copy = format!("www/builds/{}", bacon_name(1));
    machine.dir.put(&copy, bacon(1));
    std::fs::remove_dir_all(&manifest).unwrap();
    let (code, text) = machine.publish(&["--to", "./typo"], &[]);
    assert_eq!(code, 0, "{text}");
    machine
        .dir
        .put(&format!("builds/{}", bacon_name(1)), bacon(1));
    let (code, text) = machine.publish(&["--to", "./typo"], &[]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains(" is not what was published to ./typo\n"),
        "{text}"
    );
}

#[test]
fn uploaded_zips_that_the_address_does_not_show_get_their_own_advice() {
    let machine = Machine::new("www");
    let (code, text) = machine.publish(&["--to", "./typo"], &[]);
    assert_eq!(code, 3, "{text}");
    assert!(
        text.contains("error: uploaded to ./typo, but https://127.0.0.1:"),
        "{text}"
    );
    assert!(
        text.contains(
            " does not show it\n  hint: is ./typo what base_url serves? may everyone read the bucket or folder?\n"
        ),
        "{text}"
    );
    assert!(!text.contains("upload the zip before the feed"), "{text}");
    // Without an upload, the old advice is right.
    let (code, text) = machine.publish(&["--to", "./typo", "--zips-to", "none"], &[]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("upload the zip before the feed"), "{text}");
    assert!(!text.contains("uploaded to ./typo"), "{text}");
}

#[test]
fn folders_of_the_project_are_no_destinations() {
    let machine = Machine::new("www");
    std::os::unix::fs::symlink("builds", machine.dir.path().join("link")).unwrap();
    let before = machine.dir.tree("");
    let above = format!("{}/..", machine.dir.path().display());
    for (to, error) in [
        (".", "it is the project, "),
        ("./", "it is the project, "),
        (above.as_str(), "it contains the project, "),
        ("./out", "it is the folder of the generated site, "),
        (
            "./new/../out/x",
            "it is in the folder of the generated site, ",
        ),
        ("./builds", "it is the folder of zips, "),
        ("./link/x", "it is in the folder of zips, "),
        ("./changelogs", "it is the folder of changelogs, "),
        ("./catalog.json", "it is the catalog, "),
    ] {
        for args in [&["--to", to][..], &["--to", "./www", "--zips-to", to]] {
            let (code, text) = machine.publish(args, &[]);
            assert_eq!(code, 2, "{to}: {text}");
            assert!(text.contains(" cannot be a destination: "), "{to}: {text}");
            assert!(text.contains(error), "{to}: {text}");
            assert_eq!(machine.dir.tree(""), before);
        }
    }
}

#[test]
fn a_publication_without_a_destination_lists_the_kinds() {
    let machine = Machine::new("www");
    let (code, text) = machine.publish(&[], &[]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("  --to <DESTINATION>\n"), "{text}");
    assert!(
        text.contains("tip: name one of: a folder that begins with / or ./, HOST:/FOLDER, s3://"),
        "{text}"
    );
}
