//! A maintainer's folder with packages, and the program run in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sha2::{Digest, Sha256};
use testkit::package::Package;
use testkit::props::Props;

/// The address of the sites of these tests.
pub(crate) const BASE_URL: &str = "https://example.org/ota";

/// Writes a path with the system's separators.
pub(crate) fn native(path: &str) -> String {
    path.replace('/', std::path::MAIN_SEPARATOR_STR)
}

/// The output and exit code of one run of the program.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    fn of(output: Output) -> Run {
        let text = |bytes| String::from_utf8(bytes).expect("the program prints UTF-8");
        Run {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Fails unless the exit code is `code`.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Run {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Fails unless standard error contains the text.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Run {
        assert!(
            self.stderr.contains(text),
            "no `{text}` in:\n{}",
            self.stderr
        );
        self
    }

    /// Fails if standard error contains the text.
    #[track_caller]
    pub(crate) fn lacks(self, text: &str) -> Run {
        assert!(!self.stderr.contains(text), "`{text}` in:\n{}", self.stderr);
        self
    }

    /// Parses standard output as a JSON object.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}", self.stdout))
    }
}

/// A maintainer's folder: `builds/`, `romfeed.toml`, and other files of a test.
#[derive(Debug)]
pub(crate) struct RomDir {
    dir: tempfile::TempDir,
}

impl RomDir {
    /// Creates an empty folder.
    pub(crate) fn new() -> RomDir {
        RomDir {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file below the folder, and returns the folder.
    pub(crate) fn file(self, path: &str, bytes: impl AsRef<[u8]>) -> RomDir {
        self.put(path, bytes);
        self
    }

    /// Writes a file below the folder.
    pub(crate) fn put(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let file = self.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }

    /// Dates a file one minute back, because files changed less than two seconds ago are not
    /// cached.
    pub(crate) fn settle(&self, path: &str) {
        let file = std::fs::File::options()
            .write(true)
            .open(self.path().join(path));
        let minute_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
        file.unwrap().set_modified(minute_ago).unwrap();
    }

    /// Removes a file below the folder.
    pub(crate) fn remove(&self, path: &str) {
        std::fs::remove_file(self.path().join(path)).unwrap();
    }

    /// Writes a cache with the checksum that romfeed itself would give it.
    pub(crate) fn put_cache(&self, cache: &str) {
        let (head, files) = cache.split_once("\"files\":").unwrap();
        let sum = Sha256::digest(files.strip_suffix('}').unwrap());
        let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
        let (head, _) = head.split_once("\"sum\":").unwrap();
        let cache = format!("{head}\"sum\":\"{sum}\",\"files\":{files}");
        self.put(".romfeed/cache.json", cache);
    }

    /// Reads a file below the folder.
    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> Vec<u8> {
        std::fs::read(self.path().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    /// Runs the program in the folder, without any setting from outside.
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        self.run_with(args, &[])
    }

    /// Runs the program with environment variables.
    pub(crate) fn run_with(&self, args: &[&str], vars: &[(&str, &str)]) -> Run {
        self.run_in("", args, vars)
    }

    /// Runs the program in a folder below the folder.
    pub(crate) fn run_in(&self, folder: &str, args: &[&str], vars: &[(&str, &str)]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_romfeed"));
        command.current_dir(self.path().join(folder)).args(args);
        for (key, _) in std::env::vars().filter(|(key, _)| key.starts_with("ROMFEED_")) {
            command.env_remove(key);
        }
        command.envs(vars.iter().copied());
        Run::of(command.output().unwrap())
    }

    /// Runs `generate` with the tests' base address.
    pub(crate) fn generate(&self) -> Run {
        self.run(&["generate", "--base-url", BASE_URL])
    }

    /// Runs `catalog add` for a build of `bacon` whose package is elsewhere. `flags` are added, and
    /// replace the facts of the same names.
    pub(crate) fn add_build(&self, flags: &[&str]) -> Run {
        let facts = [
            ["--filename", "lineage-21.0-20240801-nightly-bacon.zip"],
            ["--device", "bacon"],
            ["--version", "21.0"],
            ["--romtype", "nightly"],
            ["--datetime", "1722470400"],
            ["--size", "5"],
        ];
        let mut args = vec!["catalog", "add"];
        args.extend(
            facts
                .iter()
                .filter(|[flag, _]| !flags.contains(flag))
                .flatten(),
        );
        args.extend(flags);
        self.run(&args)
    }

    /// Reads all files below a folder, by path.
    pub(crate) fn tree(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.path().join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten() {
                let path: PathBuf = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let relative = path.strip_prefix(self.path()).unwrap();
                    let bytes = std::fs::read(&path).unwrap();
                    files.insert(relative.to_str().unwrap().replace('\\', "/"), bytes);
                }
            }
        }
        files
    }
}

/// A file-based LineageOS package of `bacon`, this many days after a fixed date.
pub(crate) fn bacon(days: i64) -> Vec<u8> {
    Package::files(bacon_props(days)).build()
}

/// Returns the properties of [`bacon`].
pub(crate) fn bacon_props(days: i64) -> Props {
    let timestamp = 1_700_000_000 + days * 86_400;
    Props::lineage(
        "21.0",
        "nightly",
        "bacon",
        timestamp,
        &format!("inc{days}"),
        34,
        "2023-11-05",
    )
}

/// Returns the file name of [`bacon`], as the build system gives it.
pub(crate) fn bacon_name(days: i64) -> String {
    let day = testkit::props::day(1_700_000_000 + days * 86_400);
    format!("lineage-21.0-{day}-nightly-bacon.zip")
}

/// Reads a file of `tests/fixtures/images`.
pub(crate) fn fixture_bytes(file: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/images");
    std::fs::read(folder.join(file)).unwrap()
}

/// Decompresses an image of `tests/fixtures/images`.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let compressed = std::io::Cursor::new(fixture_bytes(&format!("{name}.img.xz")));
    let mut image = Vec::new();
    let mut decoder = ota_view::codec::Codec::Xz.decode(compressed);
    std::io::Read::read_to_end(&mut decoder, &mut image).unwrap();
    image
}

/// Reads a listing of `tests/fixtures/images`.
pub(crate) fn fixture_text(file: &str) -> String {
    String::from_utf8(fixture_bytes(file)).unwrap()
}
