//! `romfeed generate` over catalogs of 1,000 to 1,000,000 builds: a first run, one that changes
//! nothing, and one with a new build.
//!
//! In: catalogs of made-up builds without zips, as on a machine of a CI, and one small package. Out: a
//! section of `BENCHMARKS.md`. Each run is a process of its own, as for a maintainer; GNU `time` states
//! its processor time and the most memory that it used.

mod builds;

use crate::{
    bench::{self, MIB, Ticks, version},
    tools::{Result, built_program, run},
};
use std::{
    fmt::{self, Write as _},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Devices, and builds of each.
const CATALOGS: [(usize, usize); 5] = [(20, 50), (100, 100), (300, 333), (600, 500), (1000, 1000)];
/// Number of builds up to which one file is measured, too.
const MOST_IN_ONE_FILE: usize = 100_000;
/// Number of rounds of the run that changes nothing; the best counts, because other programs use the
/// machine too.
const NUM_ROUNDS: usize = 3;
/// What the tables are made of: the form of the catalog, and whether there are pages.
const TABLES: [(Form, bool); 4] = [
    (Form::Folder, true),
    (Form::Folder, false),
    (Form::File, true),
    (Form::File, false),
];

/// The form of a catalog.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// A file for each device.
    Folder,
    /// One file for all devices.
    File,
}

/// Measures everything, prints it, and writes it to `BENCHMARKS.md`; `args` may have the folder for the
/// sites and the highest number of builds.
pub(crate) fn run_all(args: &[&str]) -> Result<()> {
    let (folder, most) = match args {
        [] => (std::env::temp_dir(), usize::MAX),
        [folder] => (folder.into(), usize::MAX),
        [folder, number] => (folder.into(), number.parse()?),
        _ => return Err("scale takes a folder and a number of builds".into()),
    };
    run(Command::new("cargo").args(["build", "--release", "--locked", "--bin", "romfeed"]))?;
    let project = folder.join(format!("romfeed-scale-{}", std::process::id()));
    let scale = Scale {
        project,
        program: built_program("release"),
    };
    let before = Ticks::now()?;
    let mut tables = String::new();
    for (form, has_pages) in TABLES {
        scale.table(&mut tables, form, has_pages, most)?;
    }
    let others = Ticks::now()?.percent_of_others_since(&before);
    let section = introduction(others) + &tables;
    eprintln!("{section}");
    bench::write_section(bench::SCALE, &section)
}

/// Returns the beginning of the section; `others` is the share of the processors that other programs
/// used meanwhile, in percent.
fn introduction(others: f64) -> String {
    format!(
        "{}\n\n`cargo xtask scale [FOLDER [NUMBER]]` writes this section anew. The builds are made up, their zips are\n\
         elsewhere, and each run of `romfeed generate` is a process of its own: a first run, which writes the whole\n\
         site; one that changes nothing; and one that finds a new zip. Times are seconds, and in parentheses those\n\
         of all processors together, in user and kernel mode. MiB is the most memory that a run used. Files and\n\
         bytes are those of the site after the first run, without zips.\n\
         Measured on {}, {} cores; other programs used {others:.0} % of the processors meanwhile.\n",
        bench::SCALE,
        version("date -u +%F"),
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
    )
}

struct Scale {
    /// The folder of the project that is measured; removed after each line of a table.
    project: PathBuf,
    program: PathBuf,
}

impl Scale {
    /// Writes a table with a line for each number of builds up to `most`.
    fn table(&self, page: &mut String, form: Form, has_pages: bool, most: usize) -> Result<()> {
        let (title, limit) = match form {
            Form::Folder => ("A catalog for each device", most),
            Form::File => ("One catalog", most.min(MOST_IN_ONE_FILE)),
        };
        let pages = if has_pages {
            "feeds and pages"
        } else {
            "feeds alone"
        };
        write!(
            page,
            "\n### {title}, {pages}\n\n\
             | builds | devices | catalog, MB | first, s | MiB | unchanged, s | MiB | one new, s | MiB | files | site, MB |\n\
             |---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n"
        )?;
        for (num_devices, num_days) in CATALOGS {
            if num_devices * num_days > limit {
                continue;
            }
            eprintln!("{title}, {pages}: {num_devices} devices, {num_days} builds of each");
            let line = self.line(num_devices, num_days, form, has_pages);
            // A folder that stays behind does no harm.
            let _ = fs::remove_dir_all(&self.project);
            page.push_str(&line?);
        }
        Ok(())
    }

    /// Measures the three runs of one site, and returns the line of the table.
    fn line(
        &self,
        num_devices: usize,
        num_days: usize,
        form: Form,
        has_pages: bool,
    ) -> Result<String> {
        self.write_project(num_devices, num_days, form, has_pages)?;
        let catalog = size_of(&self.project)?;
        let out = self.project.join("out");
        let first = self.generate()?;
        let site = size_of(&out)?;
        let rounds = (0..NUM_ROUNDS).map(|_| self.generate());
        let rounds: Vec<Measured> = rounds.collect::<Result<_>>()?;
        let by_time = |a: &&Measured, b: &&Measured| a.processor.total_cmp(&b.processor);
        let unchanged = rounds.iter().min_by(by_time).ok_or("no rounds")?;
        builds::write_package(&self.project.join("builds"), num_days)?;
        let new = self.generate()?;
        if size_of(&out)?.num_files <= site.num_files {
            return Err("the new build is not on the site".into());
        }
        Ok(format!(
            "| {} | {num_devices} | {:.1} | {first} | {unchanged} | {new} | {} | {:.1} |\n",
            num_devices * num_days,
            catalog.bytes as f64 / 1e6,
            site.num_files,
            site.bytes as f64 / 1e6,
        ))
    }

    fn write_project(
        &self,
        num_devices: usize,
        num_days: usize,
        form: Form,
        has_pages: bool,
    ) -> Result<()> {
        let catalog = self.project.join("catalog");
        fs::create_dir_all(&catalog)?;
        for device in 0..num_devices {
            builds::write_catalog(&catalog, device, num_days)?;
        }
        if form == Form::File {
            run(self
                .romfeed()
                .args(["catalog", "join", "--catalog", "catalog/"]))?;
        }
        let catalog = match form {
            Form::Folder => "catalog/",
            Form::File => "catalog.json",
        };
        let settings = format!(
            "base_url = \"https://ota.example.org\"\n\
             url = \"https://mirror.example.org/full/{{device}}/{{datetime}}/{{filename}}\"\n\
             catalog = \"{catalog}\"\n\
             accept_new_signer = [\"{}\"]\n\
             [site]\npages = {has_pages}\n",
            builds::package_name(num_days),
        );
        Ok(fs::write(self.project.join("romfeed.toml"), settings)?)
    }

    fn romfeed(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(&self.project);
        command
    }

    /// Runs `romfeed generate` and measures it.
    fn generate(&self) -> Result<Measured> {
        let log = self.project.join("time.log");
        let mut time = Command::new("/usr/bin/time");
        time.args(["--format", "%e %U %S %M", "--output"]).arg(&log);
        time.arg(&self.program).args(["generate", "--quiet"]);
        run(time.current_dir(&self.project))?;
        let text = fs::read_to_string(&log)?;
        let numbers = text.split_whitespace().map(str::parse::<f64>);
        let numbers: Vec<f64> = numbers.collect::<std::result::Result<_, _>>()?;
        let [seconds, user, kernel, kibibytes] = numbers[..] else {
            return Err(format!("time printed {text}").into());
        };
        let measured = Measured {
            seconds,
            processor: user + kernel,
            mebibytes: kibibytes * 1024.0 / MIB as f64,
        };
        eprintln!("  {measured}");
        Ok(measured)
    }
}

/// The measurements of one run.
struct Measured {
    seconds: f64,
    /// Seconds of all processors together.
    processor: f64,
    mebibytes: f64,
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Measured {
            seconds,
            processor,
            mebibytes,
        } = self;
        write!(f, "{seconds:.2} ({processor:.2}) | {mebibytes:.0}")
    }
}

/// The files in a folder and their bytes.
#[derive(Default)]
struct Size {
    num_files: u64,
    bytes: u64,
}

fn size_of(folder: &Path) -> Result<Size> {
    let mut size = Size::default();
    for entry in walkdir::WalkDir::new(folder) {
        let metadata = entry?.metadata()?;
        if metadata.is_file() {
            size.num_files += 1;
            size.bytes += metadata.len();
        }
    }
    Ok(size)
}
