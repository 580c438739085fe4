//! romfeed compared with the usual alternatives, on files of real size.
//!
//! In: packages and files that are made here, in a folder that can be reused. Out: a page of
//! tables, `BENCHMARKS.md`. The commands of a table take turns, so that other load on the machine
//! affects all of them; everything is in the page cache, as after a build. The figures are the
//! minimum and the median of several rounds; ratios use the minimum.

use crate::{
    bench_inputs,
    tools::{Result, run},
};
use std::{
    fmt::Write as _,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};
use testkit::{
    noise,
    package::Package,
    payload::Partition,
    props::{Props, day},
};

/// Number of rounds of each command.
const NUM_ROUNDS: usize = 3;
/// Number of packages of the night that is hashed.
const NUM_ZIPS: usize = 8;
/// Approximate size of each, in bytes.
const ZIP_SIZE: usize = 512 << 20;
/// Time of the first of them: 2025-06-14 10:18:38.
const TIMESTAMP: i64 = 1_749_896_318;
/// The title of the section that `cargo xtask scale` writes.
pub(crate) const SCALE: &str = "## From 1,000 to 1,000,000 builds";
/// The title of the section that `cargo xtask sources` writes.
pub(crate) const SOURCES: &str = "## Zips on other hosts";
const GIB: u64 = 1 << 30;
pub(crate) const MIB: u64 = 1 << 20;

/// Numbers and sizes of files for measuring time per byte.
const SHAPES: [(usize, u64); 9] = [
    (8, 64 * MIB),
    (16, 64 * MIB),
    (32, 64 * MIB),
    (64, 64 * MIB),
    (64, MIB),
    (64, 8 * MIB),
    (8, 512 * MIB),
    (1, 64 * MIB),
    (1, 8 * GIB),
];

/// A typical hand-written script that hashes and reads packages.
const SCRIPT: &str = r#"import hashlib, json, sys, zipfile
feed = []
for name in sys.argv[1:]:
    md5, sha256, size = hashlib.md5(), hashlib.sha256(), 0
    with open(name, "rb") as file:
        while chunk := file.read(1 << 20):
            md5.update(chunk)
            sha256.update(chunk)
            size += len(chunk)
    with zipfile.ZipFile(name) as zip:
        text = zip.read("META-INF/com/android/metadata").decode()
    facts = dict(line.split("=", 1) for line in text.splitlines())
    feed.append({"filename": name, "id": sha256.hexdigest(), "md5": md5.hexdigest(), "size": size,
                 "datetime": int(facts["post-timestamp"]), "device": facts["pre-device"]})
json.dump({"response": feed}, sys.stdout)
"#;

/// One of the programs that are compared: a shell command.
struct Contender {
    title: &'static str,
    shell: String,
    /// A program that it needs.
    needs: Option<&'static str>,
}

impl Contender {
    fn new(title: &'static str, shell: impl Into<String>) -> Contender {
        Contender {
            title,
            shell: shell.into(),
            needs: None,
        }
    }

    fn needing(mut self, program: &'static str) -> Contender {
        self.needs = Some(program);
        self
    }
}

/// The measurements of a command.
struct Measured {
    /// Seconds, the shortest first.
    seconds: Vec<f64>,
    /// Highest memory use, in bytes.
    peak: Option<u64>,
}

impl Measured {
    fn least(&self) -> f64 {
        self.seconds[0]
    }

    fn median(&self) -> f64 {
        self.seconds[self.seconds.len() / 2]
    }
}

/// Measures everything and writes the page.
pub(crate) fn run_all(folder: Option<&Path>) -> Result<()> {
    run(Command::new("cargo").args([
        "build",
        "--profile",
        "dist",
        "--locked",
        "--bin",
        "romfeed",
    ]))?;
    let given = folder.map(Path::to_owned);
    let folder = given.unwrap_or_else(|| std::env::temp_dir().join("romfeed-bench"));
    fs::create_dir_all(&folder)?;
    let program = crate::tools::built_program("dist");
    let bench = Bench { folder, program };
    let before = Ticks::now()?;
    let mut tables = String::new();
    bench.hashing(&mut tables)?;
    bench.one_file(&mut tables)?;
    bench.publishing(&mut tables)?;
    bench.properties(&mut tables)?;
    bench.shapes(&mut tables)?;
    let mut page = introduction(Ticks::now()?.percent_of_others_since(&before))? + &tables;
    let old = fs::read_to_string(page_path())?;
    for section in [SCALE, SOURCES]
        .iter()
        .filter_map(|title| find_section(&old, title))
    {
        write!(page, "\n{}\n", section.trim_end())?;
    }
    fs::write(page_path(), page)?;
    eprintln!(
        "wrote BENCHMARKS.md; the inputs are in {}",
        bench.folder.display()
    );
    Ok(())
}

/// Replaces the section of the page that has this title, or appends it.
pub(crate) fn write_section(title: &str, section: &str) -> Result<()> {
    let old = fs::read_to_string(page_path())?;
    let section = section.trim_end();
    let page = match find_section(&old, title) {
        Some(former) => old.replacen(former.trim_end(), section, 1),
        None => format!("{}\n\n{section}\n", old.trim_end()),
    };
    Ok(fs::write(page_path(), page)?)
}

/// Returns a section of the page, from its title to the next one.
fn find_section<'a>(page: &'a str, title: &str) -> Option<&'a str> {
    let (_, from) = page.split_at(page.find(title)?);
    let end = from.find("\n## ").unwrap_or(from.len());
    Some(&from[..end])
}

fn page_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../BENCHMARKS.md")
}

/// Returns the first line that a shell command prints.
pub(crate) fn version(command: &str) -> String {
    let output = Command::new("sh").args(["-c", command]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    text.lines().next().unwrap_or("absent").trim().to_owned()
}

/// Returns the processor features that matter here.
fn processor_flags() -> Vec<&'static str> {
    let flags = version("sed -n 's/^flags[^:]*: //p' /proc/cpuinfo");
    let has = |flag: &&str| flags.split(' ').any(|found| found == *flag);
    let useful = ["avx2", "avx512vl", "avx512bw", "sha_ni"];
    useful.into_iter().filter(has).collect()
}

/// Processor time since the system started, in clock ticks.
pub(crate) struct Ticks {
    /// What all processors together had to give.
    available: f64,
    /// What all programs used.
    used: f64,
    /// What this program and its finished children used.
    own: f64,
}

impl Ticks {
    pub(crate) fn now() -> Result<Ticks> {
        let system = fs::read_to_string("/proc/stat")?;
        let first = system.lines().next().unwrap_or_default();
        // user, nice, system, idle, iowait, irq, softirq, steal
        let times = numbers(first.split_whitespace().skip(1).take(8));
        let process = fs::read_to_string("/proc/self/stat")?;
        // After the name, which is in parentheses: utime, stime, cutime and cstime are 11 fields on.
        let (_, fields) = process.rsplit_once(')').unwrap_or_default();
        let own = numbers(fields.split_whitespace().skip(11).take(4));
        let available = times.iter().sum();
        let idle: f64 = times.iter().skip(3).take(2).sum();
        Ok(Ticks {
            available,
            used: available - idle,
            own: own.iter().sum(),
        })
    }

    /// Returns how much of the processors other programs used since then, in percent.
    pub(crate) fn percent_of_others_since(&self, before: &Ticks) -> f64 {
        let others = (self.used - before.used) - (self.own - before.own);
        100.0 * others.max(0.0) / (self.available - before.available)
    }
}

fn numbers<'a>(fields: impl Iterator<Item = &'a str>) -> Vec<f64> {
    fields.filter_map(|field| field.parse().ok()).collect()
}

/// Returns the page's beginning: how and on what everything was measured, and how much of the
/// processors other programs used meanwhile, in percent.
fn introduction(others: f64) -> Result<String> {
    let cpu = version("sed -n 's/^model name[^:]*: //p' /proc/cpuinfo");
    let flags = processor_flags();
    let mut page = String::new();
    write!(
        page,
        "# Benchmarks\n\n\
         `cargo xtask bench` writes this page anew, in a quarter of an hour; it needs Linux, 25 GB of disk and as\n\
         much memory as the files of a table have, so that none is read from the disk. Commands of a table take\n\
         turns, {NUM_ROUNDS} rounds; times are the least and the median in seconds, ratios are of the least ones: how\n\
         often romfeed is done by then.\n\n\
         | `cargo bench` measures the parts | |\n|---|---|\n\
         | `cargo bench -p digest-lanes` | each kernel next to the crates `md-5` and `sha2` |\n\
         | `cargo bench -p ota-view` | reading a package's properties; large ones are made by `cargo xtask bench-inputs` |\n\
         | `cargo bench --bench examine` | the facts of one package, with each layout |\n\n\
         | this page | |\n|---|---|\n\
         | measured on | {} |\n\
         | other programs | used {others:.0} % of the processors meanwhile |\n\
         | processor | {cpu}, {} cores, {} |\n\
         | memory | {} |\n\
         | system | {} |\n\
         | programs | {}; {}; {}; {} |\n",
        version("date -u +%F"),
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        flags.join(" "),
        version("sed -n 's/^MemTotal: *//p' /proc/meminfo"),
        version("uname -sr"),
        version("rustc --version"),
        version("md5sum --version"),
        version("openssl version"),
        version("python3 --version"),
    )?;
    Ok(page)
}

struct Bench {
    folder: PathBuf,
    program: PathBuf,
}

impl Bench {
    /// The packages of a night, with each alternative.
    fn hashing(&self, page: &mut String) -> Result<()> {
        self.make_zips()?;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let each = |program: &str| format!("ls zips/*.zip | xargs -n 1 -P {cores} {program}");
        let openssl = format!(
            "{}; {}",
            each("openssl dgst -md5"),
            each("openssl dgst -sha256")
        );
        let mut contenders = vec![
            Contender::new("romfeed", "romfeed hash zips/*.zip"),
            Contender::new("romfeed, one core", "romfeed hash --jobs 1 zips/*.zip"),
            Contender::new("coreutils", "md5sum zips/*.zip; sha256sum zips/*.zip"),
            Contender::new(
                "coreutils, all cores",
                format!("{}; {}", each("md5sum"), each("sha256sum")),
            ),
            Contender::new(
                "OpenSSL",
                "openssl dgst -md5 zips/*.zip; openssl dgst -sha256 zips/*.zip",
            )
            .needing("openssl"),
            Contender::new("OpenSSL, all cores", openssl.as_str()).needing("openssl"),
        ];
        let has_sha = processor_flags().contains(&"sha_ni");
        if has_sha {
            let title = "OpenSSL, all cores, no SHA instructions";
            let shell = format!("export OPENSSL_ia32cap=:~0x20000000; {openssl}");
            contenders.push(Contender::new(title, shell).needing("openssl"));
        }
        let title = format!(
            "MD5 and SHA-256 of {NUM_ZIPS} packages of {} MiB",
            ZIP_SIZE as u64 / MIB
        );
        self.table(
            page,
            &title,
            &contenders,
            Some((NUM_ZIPS * ZIP_SIZE) as u64),
        )?;
        if has_sha {
            writeln!(
                page,
                "\nSHA instructions make OpenSSL's SHA-256 several times as fast; Intel's processors for servers have\n\
                 them since 2021, AMD's since 2017. The last line is what one without them would do. romfeed takes\n\
                 eight files in vector registers, and makes no use of them here."
            )?;
        }
        Ok(())
    }

    fn one_file(&self, page: &mut String) -> Result<()> {
        let contenders = [
            Contender::new("romfeed", "romfeed hash zips/*-device0.zip"),
            Contender::new(
                "coreutils",
                "md5sum zips/*-device0.zip; sha256sum zips/*-device0.zip",
            ),
            Contender::new(
                "OpenSSL",
                "openssl dgst -md5 zips/*-device0.zip; openssl dgst -sha256 zips/*-device0.zip",
            )
            .needing("openssl"),
            Contender::new("OpenSSL, MD5 alone", "openssl dgst -md5 zips/*-device0.zip")
                .needing("openssl"),
            Contender::new(
                "OpenSSL, SHA-256 alone",
                "openssl dgst -sha256 zips/*-device0.zip",
            )
            .needing("openssl"),
        ];
        let title = format!("Both of one package of {} MiB", ZIP_SIZE as u64 / MIB);
        self.table(page, &title, &contenders, Some(ZIP_SIZE as u64))
    }

    /// The whole job, compared with a typical script.
    fn publishing(&self, page: &mut String) -> Result<()> {
        fs::write(self.folder.join("feed.py"), SCRIPT)?;
        let contenders = [
            Contender::new(
                "romfeed",
                "romfeed generate -q --rehash --builds zips --base-url https://example.org",
            ),
            Contender::new(
                "romfeed, nothing new",
                "romfeed generate -q --builds zips --base-url https://example.org",
            ),
            Contender::new("Python", "python3 feed.py zips/*.zip").needing("python3"),
        ];
        let title = format!("From {NUM_ZIPS} packages to feeds");
        self.table(page, &title, &contenders, None)?;
        writeln!(
            page,
            "\nThe script (hashlib and zipfile, one pass) writes one list of facts from `META-INF`; romfeed looks\n\
             for `build.prop` in the images and writes all feeds and pages."
        )?;
        Ok(())
    }

    /// The properties in a payload, compared with unpacking it.
    fn properties(&self, page: &mut String) -> Result<()> {
        let zip = bench_inputs::write_erofs(&self.folder)?;
        let name = zip
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let contenders = [
            Contender::new("romfeed", format!("romfeed inspect {name}")),
            Contender::new(
                "unzip, payload_dumper, dump.erofs",
                format!(
                    "rm -rf unpacked; mkdir unpacked; unzip -qo {name} payload.bin -d unpacked; \
                     payload_dumper --partitions system --out unpacked unpacked/payload.bin; \
                     dump.erofs --cat --path=/system/build.prop unpacked/system.img"
                ),
            )
            .needing("payload_dumper"),
        ];
        let gigabytes = fs::metadata(&zip)?.len() as f64 / 1e9;
        let title = format!("`build.prop` out of a package of {gigabytes:.1} GB (payload, EROFS)");
        self.table(page, &title, &contenders, None)
    }

    /// Time per byte for different sizes and numbers of files.
    fn shapes(&self, page: &mut String) -> Result<()> {
        write!(
            page,
            "\n## Sizes and numbers of files\n\n`romfeed hash`, MD5 and SHA-256.\n\n\
             | files | each | least, s | median, s | GB/s | peak memory |\n|---:|---:|---:|---:|---:|---:|\n"
        )?;
        for (number, size) in SHAPES {
            let names = self.make_files(number, size)?;
            let contender = Contender::new("romfeed", format!("romfeed hash {names}"));
            run(self.shell(&format!("cat {names}")).stdout(Stdio::null()))?;
            let measured = self.measure(std::slice::from_ref(&contender))?;
            let measured = measured[0].as_ref().ok_or("romfeed did not run")?;
            writeln!(
                page,
                "| {number} | {} MiB | {:.3} | {:.3} | {:.2} | {} |",
                size / MIB,
                measured.least(),
                measured.median(),
                number as f64 * size as f64 / measured.least() / 1e9,
                mebibytes(measured.peak),
            )?;
        }
        Ok(())
    }

    fn table(
        &self,
        page: &mut String,
        title: &str,
        contenders: &[Contender],
        size: Option<u64>,
    ) -> Result<()> {
        eprintln!("{title}");
        let measured = self.measure(contenders)?;
        let own = measured[0].as_ref().ok_or("romfeed did not run")?.least();
        write!(
            page,
            "\n## {title}\n\n| | least, s | median, s |{} ratio | peak memory |\n|---|---:|---:|{}---:|---:|\n",
            if size.is_some() { " GB/s |" } else { "" },
            if size.is_some() { "---:|" } else { "" },
        )?;
        for (contender, measured) in contenders.iter().zip(&measured) {
            let Some(measured) = measured else {
                let needs = contender.needs.unwrap_or("it");
                writeln!(
                    page,
                    "| {} | {needs} is absent, or failed |",
                    contender.title
                )?;
                continue;
            };
            let rate = size.map_or(String::new(), |size| {
                format!(" {:.2} |", size as f64 / measured.least() / 1e9)
            });
            writeln!(
                page,
                "| {} | {:.3} | {:.3} |{rate} {:.1} | {} |",
                contender.title,
                measured.least(),
                measured.median(),
                measured.least() / own,
                mebibytes(measured.peak),
            )?;
        }
        page.push_str("\n```sh\n");
        for contender in contenders {
            writeln!(page, "{}", contender.shell)?;
        }
        page.push_str("```\n");
        Ok(())
    }

    /// Runs the commands in turn; `None` for one whose program is missing or fails.
    fn measure(&self, contenders: &[Contender]) -> Result<Vec<Option<Measured>>> {
        let mut all: Vec<Option<Measured>> = Vec::new();
        for contender in contenders {
            let is_there = contender.needs.is_none_or(|program| {
                let mut find = self.shell(&format!("command -v {program}"));
                find.output().is_ok_and(|output| output.status.success())
            });
            all.push(is_there.then(|| Measured {
                seconds: Vec::new(),
                peak: None,
            }));
        }
        for _ in 0..NUM_ROUNDS {
            for (contender, slot) in contenders.iter().zip(&mut all) {
                let Some(measured) = slot else { continue };
                let (seconds, peak) = match self.time(&contender.shell) {
                    Ok(timed) => timed,
                    // An older version of a program may lack the option.
                    Err(error) if contender.needs.is_some() => {
                        eprintln!("  {:<36} left out: {error}", contender.title);
                        *slot = None;
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                eprintln!("  {:<36} {seconds:8.3} s", contender.title);
                measured.seconds.push(seconds);
                measured.peak = measured.peak.max(peak);
            }
        }
        for measured in all.iter_mut().flatten() {
            measured.seconds.sort_by(f64::total_cmp);
        }
        Ok(all)
    }

    /// Returns the seconds, and the highest memory use of one of its programs.
    fn time(&self, command: &str) -> Result<(f64, Option<u64>)> {
        let log = self.folder.join("time.log");
        let _ = fs::remove_file(&log);
        let has_time = Path::new("/usr/bin/time").exists();
        let mut shell = match has_time {
            true => {
                let mut time = self.in_folder("/usr/bin/time");
                time.args(["-f", "%M", "-o"])
                    .arg(&log)
                    .args(["sh", "-c", command]);
                time
            }
            false => self.shell(command),
        };
        let begin = Instant::now();
        run(&mut shell)?;
        let seconds = begin.elapsed().as_secs_f64();
        let peak = fs::read_to_string(&log).ok();
        let peak = peak.and_then(|text| text.trim().parse::<u64>().ok());
        Ok((seconds, peak.map(|kibibytes| kibibytes * 1024)))
    }

    fn shell(&self, command: &str) -> Command {
        let mut shell = self.in_folder("sh");
        shell.args(["-c", command]);
        shell
    }

    /// Returns a shell in the folder of the inputs, with romfeed first on the PATH.
    fn in_folder(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let own = self.program.parent().unwrap_or(Path::new(".")).display();
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .current_dir(&self.folder)
            .env("PATH", format!("{own}:{path}"));
        command
    }

    fn make_zips(&self) -> Result<()> {
        let folder = self.folder.join("zips");
        fs::create_dir_all(&folder)?;
        let modem = Partition::new("modem").replace(noise(7, ZIP_SIZE));
        for index in 0..NUM_ZIPS {
            let timestamp = TIMESTAMP + index as i64 * 86_400;
            let day = day(timestamp);
            let name = format!("lineage-22.2-{day}-UNOFFICIAL-device{index}.zip");
            let path = folder.join(name);
            if path.exists() {
                continue;
            }
            let incremental = format!("eng.builder.{day}");
            let props = Props::lineage(
                "22.2",
                "UNOFFICIAL",
                &format!("device{index}"),
                timestamp,
                &incremental,
                35,
                "2025-06-05",
            );
            let package = Package::payload(props).partition(modem.clone());
            write_whole(&path, |file| file.write_all(&package.build()))?;
        }
        Ok(())
    }

    /// Writes different files of noise unless they exist, and returns their names.
    fn make_files(&self, number: usize, size: u64) -> Result<String> {
        let name = |index: usize| format!("files/{size}-{index}");
        fs::create_dir_all(self.folder.join("files"))?;
        for index in 0..number {
            let path = self.folder.join(name(index));
            if path.exists() {
                continue;
            }
            let mut block = noise(index as u64, MIB as usize);
            write_whole(&path, |file| {
                for nth in 0..size / MIB {
                    block[..8].copy_from_slice(&nth.to_le_bytes());
                    file.write_all(&block)?;
                }
                Ok(())
            })?;
        }
        let names: Vec<String> = (0..number).map(name).collect();
        Ok(names.join(" "))
    }
}

/// Writes a file that gets its final name only when it is complete.
fn write_whole(path: &Path, write: impl FnOnce(&mut File) -> std::io::Result<()>) -> Result<()> {
    let part = path.with_extension("part");
    write(&mut File::create(&part)?)?;
    fs::rename(&part, path)?;
    Ok(())
}

pub(crate) fn mebibytes(bytes: Option<u64>) -> String {
    bytes.map_or("?".to_owned(), |bytes| {
        format!("{} MiB", bytes.div_ceil(MIB))
    })
}
