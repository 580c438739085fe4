//! Publish scripts written by `romfeed init`, run with stand-ins for the hosts' programs.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use super::support::{RomDir, bacon, bacon_name};

/// Keeps the assets of a release in a file named by its tag, as GitHub lists them, and records
/// uploads.
const GH: &str = r#"#!/bin/sh
cd "$(dirname "$0")/../releases"
case "$1 $2" in
'api repos/you/ota/releases/tags/'*) cat "${2##*/}" ;;
'release create') : >"$3" ;;
'release upload')
    cd - >/dev/null
    name=${4##*/}
    digest=$(romfeed hash --sha256 -- "$4" | cut -c 1-64)
    cd "$(dirname "$0")/../releases"
    grep -v "^$name " "$3" >rest
    mv rest "$3"
    echo "$name $(($(wc -c <"$4"))) sha256:$digest" >>"$3"
    echo "$name" >>uploads
    ;;
*) exit 2 ;;
esac
"#;

/// A stand-in for curl that gets no answer.
const ROMFEED: &str = "#!/bin/sh\n[ \"$1\" = check ] || exec \"$ROMFEED\" \"$@\"\n";

fn put_program(dir: &RomDir, name: &str, text: &str) {
    let path = format!("bin/{name}");
    dir.put(&path, text);
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(dir.path().join(path), mode).unwrap();
}

/// Publishes, and returns the names of the files that were uploaded to releases, sorted.
fn publish(dir: &RomDir) -> Vec<String> {
    let uploads = dir.path().join("releases/uploads");
    let _ = std::fs::remove_file(&uploads);
    let output = run_script(dir, &[]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let mut names: Vec<String> = lines(&uploads);
    names.sort_unstable();
    names
}

fn run_script(dir: &RomDir, args: &[&str]) -> Output {
    let path = std::env::var("PATH").unwrap();
    Command::new("./publish")
        .args(args)
        .current_dir(dir.path())
        .env(
            "PATH",
            format!("{}:{path}", dir.path().join("bin").display()),
        )
        .env("ROMFEED", env!("CARGO_BIN_EXE_romfeed"))
        .output()
        .unwrap()
}

fn lines(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn assets_of_the_same_length_are_replaced_when_their_content_differs() {
    let zip = bacon_name(0);
    let digest = format!("{zip}.sha256sum");
    let dir = RomDir::new()
        .file(&format!("builds/{zip}"), bacon(0))
        .file(
            ".git/config",
            "[remote \"origin\"]\n\turl = https://github.com/you/ota\n",
        )
        .file("releases/keep", "");
    let init = [
        "init",
        "--host",
        "netlify",
        "--base-url",
        "https://h.example",
    ];
    dir.run(&init).expect(0);
    put_program(&dir, "gh", GH);
    put_program(&dir, "romfeed", ROMFEED);
    put_program(&dir, "netlify", "#!/bin/sh\n");
    let line = dir
        .run(&["hash", "--sha256", &format!("builds/{zip}")])
        .expect(0)
        .stdout;
    dir.put(&format!("builds/{digest}"), line.replace("builds/", ""));
    assert_eq!(publish(&dir), [zip.clone(), digest.clone()]);
    assert_eq!(publish(&dir), [""; 0]);

    // The same digest in capitals: the file has the same length.
    dir.put(
        &format!("builds/{digest}"),
        format!("{}  {zip}\n", line[..64].to_ascii_uppercase()),
    );
    assert_eq!(publish(&dir), [digest.as_str()]);
    assert_eq!(publish(&dir), [""; 0]);

    // A zip with the same length, for example one that was signed again.
    let release = dir.path().join("releases/bacon-1700000000");
    let edit = |name: &str, digest: &str| {
        let assets = lines(&release).into_iter().map(|line| {
            let (head, _) = line.rsplit_once(' ').unwrap();
            match head.starts_with(&format!("{name} ")) {
                true => format!("{head} {digest}\n"),
                false => line + "\n",
            }
        });
        std::fs::write(&release, assets.collect::<String>()).unwrap();
    };
    edit(&zip, &format!("sha256:{}", "0".repeat(64)));
    assert_eq!(publish(&dir), [zip.as_str()]);

    // Assets from before GitHub stored digests: a zip stays, a text is uploaded once more.
    edit(&zip, "null");
    edit(&digest, "null");
    assert_eq!(publish(&dir), [digest]);
    assert_eq!(publish(&dir), [""; 0]);
}

#[test]
fn an_image_gets_the_name_of_its_zip_in_a_release() {
    let zip = bacon_name(0);
    let dir = RomDir::new()
        .file(&format!("builds/bacon/{zip}"), bacon(0))
        .file("builds/bacon/recovery.img", "the recovery")
        .file(
            ".git/config",
            "[remote \"origin\"]\n\turl = https://github.com/you/ota\n",
        )
        .file("releases/keep", "");
    let init = [
        "init",
        "--host",
        "netlify",
        "--base-url",
        "https://h.example",
    ];
    dir.run(&init).expect(0);
    put_program(&dir, "gh", GH);
    put_program(&dir, "romfeed", ROMFEED);
    put_program(&dir, "netlify", "#!/bin/sh\n");
    let image = zip.replace(".zip", "-recovery.img");
    assert_eq!(publish(&dir), [image.clone(), zip]);
    let page = String::from_utf8(dir.read("out/bacon.html")).unwrap();
    let url = format!("https://github.com/you/ota/releases/download/bacon-1700000000/{image}");
    assert!(page.contains(&format!("href=\"{url}\"")), "{page}");
    assert_eq!(publish(&dir), [""; 0]);
}

/// Sets up a folder whose script records in `deployed` that it went on to the host.
fn site_on_netlify() -> RomDir {
    let dir = RomDir::new().file(&format!("builds/{}", bacon_name(0)), bacon(0));
    let init = [
        "init",
        "--host",
        "netlify",
        "--base-url",
        "https://h.example",
        "--zips",
        "https://dl.example.org/roms",
    ];
    dir.run(&init).expect(0);
    put_program(&dir, "romfeed", ROMFEED);
    put_program(&dir, "netlify", "#!/bin/sh\n: >deployed\n");
    dir
}

/// Runs the script, and returns its exit code, whether it went on to the host, and its messages.
fn try_to_publish(dir: &RomDir, args: &[&str]) -> (i32, bool, String) {
    let mark = dir.path().join("deployed");
    let _ = std::fs::remove_file(&mark);
    let output = run_script(dir, args);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap(), mark.exists(), stderr)
}

const LEFT_OUT: &str = "error: the rest is published, but this was left out:\n";

#[test]
fn a_faulty_zip_is_named_at_the_end_and_the_rest_is_published() {
    let dir = site_on_netlify();
    let (code, is_deployed, stderr) = try_to_publish(&dir, &["--offline"]);
    assert_eq!((code, is_deployed), (0, true), "{stderr}");
    assert!(!stderr.contains(LEFT_OUT), "{stderr}");
    dir.put("builds/broken-bacon.zip", "not a zip");
    dir.put("builds/other-bacon.zip", "not a zip either");
    let (code, is_deployed, stderr) = try_to_publish(&dir, &["--offline"]);
    assert_eq!((code, is_deployed), (1, true), "{stderr}");
    let (_, end) = stderr.split_once(LEFT_OUT).unwrap();
    let lines: Vec<&str> = end.lines().collect();
    assert_eq!(lines.len(), 2, "{stderr}");
    assert!(lines[0].starts_with("- broken-bacon.zip: "), "{stderr}");
    assert!(lines[1].starts_with("- other-bacon.zip: "), "{stderr}");
}

#[test]
fn a_strict_run_publishes_all_or_nothing() {
    let dir = site_on_netlify();
    let strict = ["--offline", "--strict"];
    assert_eq!(try_to_publish(&dir, &strict).0, 0);
    dir.put("builds/broken-bacon.zip", "not a zip");
    dir.put(&format!("builds/{}", bacon_name(1)), bacon(1));
    let before = dir.tree("out");
    let catalog = dir.read("catalog.json");
    let (code, is_deployed, stderr) = try_to_publish(&dir, &strict);
    assert_eq!((code, is_deployed), (3, false), "{stderr}");
    assert!(
        stderr.contains("nothing was published, because of --strict"),
        "{stderr}"
    );
    assert_eq!(dir.tree("out"), before);
    assert_eq!(dir.read("catalog.json"), catalog);
    // Entries of devices.json that cannot be used are faults, too.
    dir.remove("builds/broken-bacon.zip");
    dir.put("devices.json", "[1]");
    let (code, is_deployed, stderr) = try_to_publish(&dir, &strict);
    assert_eq!((code, is_deployed), (3, false), "{stderr}");
    assert_eq!(dir.read("catalog.json"), catalog);
}

#[test]
fn wrong_settings_and_damaged_catalogs_stop_the_script() {
    let dir = site_on_netlify();
    assert_eq!(try_to_publish(&dir, &["--offline"]).0, 0);
    let settings = dir.read("romfeed.toml");
    for (file, text) in [
        ("romfeed.toml", "keeep = 3\n".to_owned()),
        ("catalog.json", "{".to_owned()),
        (
            "catalog.json",
            String::from_utf8(dir.read("catalog.json"))
                .unwrap()
                .replace("\"sha256\"", "\"md5\""),
        ),
    ] {
        let sound = dir.read(file);
        dir.put(file, &text);
        let (code, is_deployed, stderr) = try_to_publish(&dir, &["--offline"]);
        assert_eq!((code, is_deployed), (2, false), "{file}: {stderr}");
        dir.put(file, sound);
    }
    assert_eq!(dir.read("romfeed.toml"), settings);
}

#[test]
fn a_site_that_cannot_be_written_stops_the_script() {
    let dir = site_on_netlify();
    dir.put(".romfeed", "a file where the folder of the cache belongs");
    let (code, is_deployed, stderr) = try_to_publish(&dir, &["--offline"]);
    assert_eq!((code, is_deployed), (3, false), "{stderr}");
}

#[test]
fn a_source_that_cannot_be_listed_does_not_stop_the_rest() {
    let dir = site_on_netlify();
    // Nothing listens there.
    dir.put(
        "romfeed.toml",
        "base_url = \"https://h.example\"\n[[source]]\nlisting = \"http://127.0.0.1:9/\"\n\
         url = \"https://dl.example.org/{path}\"\n",
    );
    let (code, is_deployed, stderr) = try_to_publish(&dir, &[]);
    assert_eq!((code, is_deployed), (1, true), "{stderr}");
    let (_, end) = stderr.split_once(LEFT_OUT).unwrap();
    assert!(end.starts_with("- listing: "), "{stderr}");
    assert!(dir.path().join("out/api/v1/bacon/nightly.json").exists());
}
