//! Publish scripts written by `romfeed init`, run with stand-ins for the hosts' programs.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

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
    echo "$name $(($(wc -c <"$OLDPWD/$4"))) sha256:$digest" >>"$3"
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
    let path = std::env::var("PATH").unwrap();
    let output = Command::new("./publish")
        .current_dir(dir.path())
        .env(
            "PATH",
            format!("{}:{path}", dir.path().join("bin").display()),
        )
        .env("ROMFEED", env!("CARGO_BIN_EXE_romfeed"))
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let mut names: Vec<String> = lines(&uploads);
    names.sort_unstable();
    names
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
