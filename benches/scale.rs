//! Growth of time, files and bytes with the number of builds: a first run, one that writes nothing,
//! and one that adds one new package, over catalogs of 1,000 to 100,000 builds.
//!
//! ```sh
//! cargo bench --bench scale            # all catalogs; needs 1 GB of temporary space
//! cargo bench --bench scale -- 10000   # only catalogs of these sizes
//! ```
//!
//! Each run is a separate process, as for a maintainer. The site is in the folder for temporary
//! files, so `TMPDIR` chooses the file system. Times are wall-clock and, after the slash, processor
//! time. Disk is the space that the site's files take in blocks; git and hosts count bytes. Memory
//! is the maximum of all runs; memory and processor time are measured on Linux only.
//!
//! On ext4, wait a minute between two calls: for some time after many files were removed, the
//! kernel checks each of them again before it creates another, and `cold` takes up to four times as
//! long (Linux, `recently_deleted` in `ialloc.c`).

#![expect(clippy::print_stdout, reason = "a table is what it is for")]

mod common;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use common::{Silent, builds, codename, config, timestamp, write_catalog};
use romfeed::generate::generate;
use testkit::package::Package;
use testkit::props::Props;

/// Devices, and builds of each.
const CATALOGS: [(usize, usize); 3] = [(30, 33), (100, 100), (300, 333)];
/// Number of rounds of a run that can be repeated; the best counts, because other programs use the
/// machine too.
const NUM_REPEATS: usize = 5;
/// A time at which all builds are old enough, in nanoseconds since the epoch.
const NOW_NS: i64 = 1_700_000_000 * 1_000_000_000;
/// The argument that makes this program do one run in the folder that follows.
const ONE_RUN: &str = "--one-run";

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = args.iter().position(|arg| arg == ONE_RUN) {
        return one_run(Path::new(&args[at + 1]));
    }
    let sizes: Vec<usize> = args.iter().filter_map(|arg| arg.parse().ok()).collect();
    // `cargo test --benches` only checks that it runs.
    let is_bench = args.iter().any(|arg| arg == "--bench");
    let is_wanted = |(devices, days): &(usize, usize)| match is_bench {
        // The catalogs are slightly smaller than their names say.
        true => {
            let is_it = |size: &usize| size.abs_diff(devices * days) < size / 50;
            sizes.is_empty() || sizes.iter().any(is_it)
        }
        false => devices * days < 1_000,
    };
    println!(
        "{:>7}  {:>13}  {:>13}  {:>13}  {:>7} {:>5}  {:>11} {:>6} {:>6}  {:>7}",
        "builds",
        "cold s",
        "unchanged s",
        "one new s",
        "files",
        "new",
        "bytes",
        "/build",
        "disk",
        "peak"
    );
    for (devices, days) in CATALOGS.into_iter().filter(is_wanted) {
        measure(devices, days);
    }
}

/// Prints one line of the table.
fn measure(num_devices: usize, num_days: usize) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let out = config(dir.path()).out;
    write_catalog(&config(dir.path()), builds(num_devices, num_days));
    let cold = Run::start(dir.path());
    assert!(cold.num_changed == 0, "the folder was empty");
    let size = size_of(&out);

    let repeats = (0..NUM_REPEATS).map(|_| Run::start(dir.path()));
    let unchanged = repeats
        .min_by(|a, b| a.seconds.total_cmp(&b.seconds))
        .expect("several runs");
    assert_eq!(unchanged.num_created + unchanged.num_changed, 0);

    add_package(dir.path(), num_days);
    let new = Run::start(dir.path());
    assert_eq!(
        new.num_created, 2,
        "the page of the build, and the list of its incremental"
    );

    let num_builds = num_devices * num_days;
    let peak = [&cold, &unchanged, &new]
        .map(|run| run.peak_kib)
        .into_iter()
        .max();
    println!(
        "{num_builds:>7}  {cold}  {unchanged}  {new}  {:>7} {:>5}  {:>11} {:>6} {:>5}M  {:>6}M",
        cold.num_created,
        new.num_created + new.num_changed,
        size.bytes,
        size.bytes / num_builds as u64,
        size.on_disk >> 20,
        peak.unwrap_or_default() >> 10,
    );
}

/// The measurements of one run.
struct Run {
    seconds: f64,
    cpu_seconds: f64,
    peak_kib: u64,
    num_created: usize,
    num_changed: usize,
}

impl Run {
    /// Runs in a separate process.
    fn start(root: &Path) -> Run {
        let program = std::env::current_exe().expect("the program itself");
        let start = Instant::now();
        let output = Command::new(program)
            .arg(ONE_RUN)
            .arg(root)
            .stderr(Stdio::inherit())
            .output()
            .expect("the program itself");
        let seconds = start.elapsed().as_secs_f64();
        assert!(output.status.success(), "the run failed");
        let values = String::from_utf8(output.stdout).expect("numbers");
        let values: Vec<f64> = values
            .split_whitespace()
            .map(|number| number.parse().expect("a number"))
            .collect();
        let count = |index: usize| values[index] as usize;
        Run {
            seconds,
            cpu_seconds: values[0],
            peak_kib: values[1] as u64,
            num_created: count(2),
            num_changed: count(3),
        }
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:>6.2}/{:>6.2}", self.seconds, self.cpu_seconds)
    }
}

/// Runs once and prints the measurements for the parent process.
fn one_run(root: &Path) {
    let mut config = config(root);
    // The builds of the catalog are signed; the new one is not.
    config.accept_new_signer.push(new_package(root));
    let report = generate(&config, None, &Silent, NOW_NS).expect("a sound run");
    let plan = &report.plan;
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    assert!(plan.removed.is_empty() && plan.foreign.is_empty());
    println!(
        "{} {} {} {}",
        cpu_seconds().unwrap_or(f64::NAN),
        peak_kib().unwrap_or_default(),
        plan.created.len(),
        plan.changed.len()
    );
}

/// Returns the name of the package that `add_package` has written, if any.
fn new_package(root: &Path) -> String {
    let folder = config(root).builds.join(codename(0));
    let found = std::fs::read_dir(folder)
        .ok()
        .and_then(|mut all| all.next());
    let name = found.and_then(Result::ok).map(|entry| entry.file_name());
    name.unwrap_or_default().to_string_lossy().into_owned()
}

/// Adds the next package of the first device to the folder.
fn add_package(root: &Path, day: usize) {
    let device = codename(0);
    let timestamp = timestamp(0, day);
    let date = chrono::DateTime::from_timestamp(timestamp, 0).expect("a date of this century");
    let date = date.format("%Y%m%d");
    let props = Props::lineage(
        "22.1",
        "nightly",
        &device,
        timestamp,
        "f00dcafe00",
        35,
        "2024-08-05",
    );
    let folder = config(root).builds.join(&device);
    let filename = format!("lineage-22.1-{date}-nightly-{device}-signed.zip");
    std::fs::create_dir_all(&folder).expect("a writable folder");
    std::fs::write(folder.join(filename), Package::payload(props).build()).expect("a new file");
}

#[derive(Default)]
struct Size {
    bytes: u64,
    on_disk: u64,
}

fn size_of(folder: &Path) -> Size {
    let mut size = Size::default();
    for entry in walkdir::WalkDir::new(folder) {
        let metadata = entry
            .and_then(|entry| entry.metadata())
            .expect("a readable file");
        if metadata.is_file() {
            size.bytes += metadata.len();
        }
        #[cfg(unix)]
        {
            size.on_disk += std::os::unix::fs::MetadataExt::blocks(&metadata) * 512;
        }
    }
    size
}

/// Returns the time of all threads in user and kernel mode. The kernel counts it in hundredths.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the program's name, in parentheses and with any characters.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / 100.0)
}

fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
