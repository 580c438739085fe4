//! `romfeed generate` with `[[source]]` against real servers, over a connection of ordinary speed.
//!
//! In: the sample builds of this repository, and large packages if there are any. Out: tables of
//! requests, bytes, seconds and memory, printed and written to a section of `BENCHMARKS.md`; an error
//! if the facts of a package differ from those that are read from the disk, or if a run that finds
//! nothing new reads packages. Everything happens on loopback, behind a proxy that lets each request
//! wait and limits the rate. Peaks of memory are read from /proc, so this runs on Linux only.

mod measure;
mod proxy;
mod servers;

use crate::{
    bench::{self, MIB, Ticks, version},
    tools::{Result, Scratch, built_program, run},
};
use measure::{Measured, builds, measure, write_project};
use proxy::{Count, Line, Proxy};
use serde_json::{Value, json};
use servers::{HOSTS, NGINX};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use testkit::{
    hosts::{FakeHost, Forge, Release},
    noise,
    package::Package,
    payload::Partition,
    props::{Props, day},
};

/// The connection of all tables.
const LINE: Line = Line {
    round_trip: Duration::from_millis(100),
    rate: 100e6 / 8.0,
};
/// The name of the source, and the address that phones would download from.
const SOURCE: &str = "name = \"zips\"\nurl = \"https://dl.example.org/{path}\"\n";
/// Number of releases on the fake of GitHub.
const NUM_RELEASES: usize = 200;
/// Number of large packages that are read in one run.
const NUM_AT_ONCE: usize = 12;
/// The name of the large packages on the server, which says what a compressed stream hides.
const NAME: &str = "lineage-22.2-20250614-UNOFFICIAL-enchilada.zip";
/// A package whose properties are in a compressed stream.
const STREAM: &str = "block-br.zip";
/// The time of the first release: 2025-06-14 10:18:38.
const TIMESTAMP: i64 = 1_749_896_318;

/// Measures everything, prints it, and writes it to `BENCHMARKS.md`; `large` is a folder of
/// `cargo xtask bench-inputs`.
pub(crate) fn run_all(large: Option<&Path>) -> Result<()> {
    run(std::process::Command::new("cargo").args([
        "build",
        "--release",
        "--locked",
        "--bin",
        "romfeed",
    ]))?;
    let scratch = Scratch::new()?;
    let sources = Sources {
        folder: scratch.path().to_owned(),
        program: built_program("release"),
    };
    let before = Ticks::now()?;
    let mut tables = String::new();
    sources.hosts(&mut tables)?;
    if let Some(large) = large {
        sources.large(&large.canonicalize()?, &mut tables)?;
    }
    sources.releases(&mut tables)?;
    let others = Ticks::now()?.percent_of_others_since(&before);
    let section = introduction(others) + &tables;
    eprintln!("{section}");
    bench::write_section(bench::SOURCES, &section)
}

/// Returns the beginning of the section; `others` is the share of the processors that other programs
/// used meanwhile, in percent.
fn introduction(others: f64) -> String {
    format!(
        "{}\n\n`cargo xtask sources [FOLDER]` writes this section anew; the large packages are those that\n\
         `cargo xtask bench-inputs FOLDER` has made. The servers are on this machine, behind a proxy: each new\n\
         connection and each request waits {} ms, and all responses share {:.0} Mbit/s. 8 packages are read at once.\n\
         Requests and bytes are those that pass the proxy, with lists, small files next to packages, and heads; the\n\
         list of SeaweedFS is a file, as from `rclone lsjson`.\n\
         Measured on {}; other programs used {others:.0} % of the processors meanwhile.\n",
        bench::SOURCES,
        LINE.round_trip.as_millis(),
        LINE.rate * 8.0 / 1e6,
        version("date -u +%F"),
    )
}

struct Sources {
    folder: PathBuf,
    program: PathBuf,
}

impl Sources {
    /// The sample builds on each server.
    fn hosts(&self, page: &mut String) -> Result<()> {
        let root = self.folder.join("www");
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../builds");
        run(std::process::Command::new("cp")
            .arg("-r")
            .args([&samples, &root]))?;
        let local = write_project(&self.folder.join("local"), "")?;
        let from_disk = self.generate(&local, &["--builds", &root.display().to_string()])?;
        from_disk.require_success()?;
        let expected = builds(&local, "")?;
        page.push_str(
            "\n| sample builds on | packages | requests | bytes | s | nothing new: requests | s |\n\
             |---|---:|---:|---:|---:|---:|---:|\n",
        );
        let mut wrong = Vec::new();
        for (index, host) in HOSTS.iter().enumerate() {
            eprintln!("{}", host.name);
            if !host.is_installed() {
                eprintln!("  skipped: not installed ({})", host.install);
                writeln!(page, "| {} | not installed | | | | | |", host.name)?;
                continue;
            }
            let work = self.folder.join(format!("host{index}"));
            let served = host.serve(&root, &work.join("server"));
            let (_server, addr) = served.map_err(|error| format!("{}: {error}", host.name))?;
            let proxy = Proxy::start(addr, LINE)?;
            let project = work.join("project");
            match host.is_store {
                true => write_listed(&project, &proxy, &list_folder(&root)?)?,
                false => {
                    let source = format!("listing = \"{}\"\n{SOURCE}", proxy.url());
                    write_project(&project, &source)?;
                }
            }
            let first = self.generate(&project, &[])?;
            let count = proxy.count();
            if let Err(error) = first.require_success() {
                wrong.push(format!("{}: {error}", host.name));
                writeln!(page, "| {} | failed | | | | | |", host.name)?;
                continue;
            }
            let found = builds(&project, "zips/")?;
            wrong.extend(differences(host.name, &expected, &found));
            let again = self.generate(&project, &[])?;
            again.require_success()?;
            let lists = proxy.count().num_requests - count.num_requests;
            writeln!(
                page,
                "| {} | {} | {} | {} | {:.2} | {lists} | {:.2} |",
                host.name,
                found.len(),
                count.num_requests,
                count.num_bytes,
                first.seconds,
                again.seconds,
            )?;
        }
        match wrong.is_empty() {
            true => Ok(()),
            false => Err(wrong.join("\n").into()),
        }
    }

    /// Packages of a gigabyte: each alone, and several at once.
    fn large(&self, large: &Path, page: &mut String) -> Result<()> {
        if !NGINX.is_installed() {
            eprintln!(
                "large packages: skipped, nginx is not installed ({})",
                NGINX.install
            );
            return Ok(());
        }
        let mut zips: Vec<PathBuf> = fs::read_dir(large)?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        zips.retain(|zip| zip.extension().is_some_and(|extension| extension == "zip"));
        zips.sort();
        let work = self.folder.join("large");
        let root = work.join("www");
        fs::create_dir_all(&root)?;
        let (_server, addr) = NGINX.serve(&root, &work.join("server"))?;
        page.push_str(
            "\n| large packages | MiB | requests | MiB read | s | peak memory |\n\
             |---|---:|---:|---:|---:|---:|\n",
        );
        for zip in &zips {
            let name = name(zip);
            let measured = self.read_large(&root, &name, &[zip], addr)?;
            write_large(page, &format!("`{name}`"), &[zip], &measured)?;
        }
        let payloads: Vec<&PathBuf> = zips.iter().filter(|zip| name(zip) != STREAM).collect();
        let dozen: Vec<&PathBuf> = payloads.iter().copied().cycle().take(NUM_AT_ONCE).collect();
        if !dozen.is_empty() {
            let measured = self.read_large(&root, "dozen", &dozen, addr)?;
            let title = format!("{NUM_AT_ONCE} payloads in one run");
            write_large(page, &title, &dozen, &measured)?;
        }
        if zips.iter().any(|zip| name(zip) == STREAM) {
            writeln!(
                page,
                "\nThe properties in `{STREAM}` are far into a compressed stream: romfeed stops at 16 MiB, takes what the\n\
                 name and `META-INF` say, and warns."
            )?;
        }
        Ok(())
    }

    /// Reads packages in one run. A list gives them made-up digests, so that none is downloaded.
    fn read_large(
        &self,
        root: &Path,
        folder: &str,
        zips: &[&PathBuf],
        server: std::net::SocketAddr,
    ) -> Result<(Measured, Count)> {
        eprintln!("{folder}");
        let mut list = Vec::new();
        for (index, zip) in zips.iter().enumerate() {
            let path = format!("{folder}/{index}/{NAME}");
            let link = root.join(&path);
            fs::create_dir_all(link.parent().unwrap_or(root))?;
            std::os::unix::fs::symlink(zip, link)?;
            list.push(json!({
                "Path": path,
                "Size": fs::metadata(zip)?.len(),
                "Hashes": { "sha256": hex(&Sha256::digest(&path)) },
            }));
        }
        let proxy = Proxy::start(server, LINE)?;
        let project = self.folder.join("large").join(format!("project-{folder}"));
        write_listed(&project, &proxy, &list)?;
        let measured = self.generate(&project, &[])?;
        measured.require_success()?;
        let num_builds = builds(&project, "zips/")?.len();
        if num_builds != zips.len() {
            let all = zips.len();
            return Err(format!("{num_builds} of {all} are built: {}", measured.text).into());
        }
        Ok((measured, proxy.count()))
    }

    /// A fake of GitHub with a release for each of many zips.
    fn releases(&self, page: &mut String) -> Result<()> {
        eprintln!("GitHub");
        let releases = (0..NUM_RELEASES).map(release).collect();
        let host = FakeHost::start(Forge::GitHub, "me/roms", releases);
        host.set_delay(LINE.round_trip);
        let source = format!("github = \"me/roms\"\napi = \"{}\"\n{SOURCE}", host.address);
        let project = write_project(&self.folder.join("github"), &source)?;
        let num_lists = || {
            let requests = host.requests();
            let is_list = |path: &str| path.contains("/repos/");
            requests
                .iter()
                .filter(|request| is_list(&request.path))
                .count()
        };
        let num_all = || host.requests().len() + host.storage_requests().len();
        writeln!(
            page,
            "\n| {NUM_RELEASES} releases on a fake of GitHub | requests for lists | for zips | s | peak memory |\n\
             |---|---:|---:|---:|---:|"
        )?;
        let (mut lists_before, mut all_before) = (0, 0);
        for title in [
            "first run",
            "nothing new",
            "nothing new, on another machine",
        ] {
            if title.ends_with("machine") {
                // Only what is in the repository.
                fs::remove_dir_all(project.join(".romfeed"))?;
            }
            let measured = self.generate(&project, &[])?;
            measured.require_success()?;
            let (lists, all) = (num_lists(), num_all());
            let (new_lists, new_zips) = (
                lists - lists_before,
                all - all_before - (lists - lists_before),
            );
            writeln!(
                page,
                "| {title} | {new_lists} | {new_zips} | {:.2} | {} |",
                measured.seconds,
                bench::mebibytes(measured.peak),
            )?;
            if all_before > 0 && new_zips > 0 {
                return Err(format!("{title}: {new_zips} requests for zips").into());
            }
            (lists_before, all_before) = (lists, all);
        }
        let num_builds = builds(&project, "zips/")?.len();
        match num_builds == NUM_RELEASES {
            true => Ok(()),
            false => Err(format!("{num_builds} of {NUM_RELEASES} releases became builds").into()),
        }
    }

    fn generate(&self, project: &Path, args: &[&str]) -> Result<Measured> {
        let mut command = std::process::Command::new(&self.program);
        command.current_dir(project).arg("generate").args(args);
        measure(&mut command, &project.join("romfeed.log"))
    }
}

/// Writes settings with a list of files behind a proxy, as `rclone lsjson` writes it.
fn write_listed(project: &Path, proxy: &Proxy, list: &[Value]) -> Result<()> {
    let base = proxy.url();
    let source = format!("files = \"list.json\"\nbase = \"{base}\"\n{SOURCE}");
    write_project(project, &source)?;
    Ok(fs::write(
        project.join("list.json"),
        serde_json::to_vec(list)?,
    )?)
}

/// Lists the files of a folder.
fn list_folder(root: &Path) -> Result<Vec<Value>> {
    let mut list = Vec::new();
    for entry in walkdir::WalkDir::new(root) {
        let entry = entry?;
        if entry.file_type().is_file() {
            let path = entry.path().strip_prefix(root)?;
            list.push(json!({ "Path": path, "Size": entry.metadata()?.len() }));
        }
    }
    Ok(list)
}

fn write_large(
    page: &mut String,
    title: &str,
    zips: &[&PathBuf],
    (measured, count): &(Measured, Count),
) -> Result<()> {
    let sizes = zips.iter().map(|zip| Ok(fs::metadata(zip)?.len()));
    let size: u64 = sizes.sum::<Result<u64>>()?;
    writeln!(
        page,
        "| {title} | {} | {} | {:.2} | {:.2} | {} |",
        size / MIB,
        count.num_requests,
        count.num_bytes as f64 / MIB as f64,
        measured.seconds,
        bench::mebibytes(measured.peak),
    )?;
    Ok(())
}

/// Describes how the facts of packages on a server differ from those from the disk.
fn differences(
    host: &str,
    expected: &BTreeMap<String, Value>,
    found: &BTreeMap<String, Value>,
) -> Vec<String> {
    let mut paths: Vec<&String> = expected.keys().chain(found.keys()).collect();
    paths.sort();
    paths.dedup();
    let differing = paths
        .into_iter()
        .filter(|path| expected.get(*path) != found.get(*path));
    differing
        .map(|path| {
            format!(
                "{host}: {path}: {:?} instead of {:?}",
                found.get(path),
                expected.get(path)
            )
        })
        .collect()
}

/// Returns the release of a day; a device has one every twentieth day.
fn release(nth: usize) -> Release {
    let timestamp = TIMESTAMP + nth as i64 * 86_400;
    let (day, device) = (day(timestamp), format!("device{}", nth % 20));
    let props = Props::lineage(
        "22.2",
        "UNOFFICIAL",
        &device,
        timestamp,
        &format!("eng.builder.{day}"),
        35,
        "2025-06-05",
    );
    // Long enough that its start and its end are not read by one request.
    let modem = Partition::new("modem").replace(noise(nth as u64, 256 << 10));
    let package = Package::payload(props).partition(modem);
    let name = format!("lineage-22.2-{day}-UNOFFICIAL-{device}.zip");
    Release::new(&format!("{device}-{day}")).with_file(&name, &package.build())
}

fn name(zip: &Path) -> String {
    let name = zip.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
