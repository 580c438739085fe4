//! `romfeed simulate`: simulates a phone's check for updates, and explains the result.
//!
//! In: the properties of a phone, or flags that describe it, and a site. Out: for each updater, the
//! builds that the phone sees, why it does not see others, and advice.

mod json;
mod text;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use romfeed::catalog::{Catalog, Catalogs};
use romfeed::model::build::Variant;

use ota_view::device_props::Until;
use ota_view::ota::Ota;
use ota_view::props::{Era, PropertyFile, PropertyMap};
use romfeed::clients::check::MAX_FEED;
use romfeed::clients::simulate::{
    Advice, Check, Grounds, MAX_PROPS, PhoneOverrides, Simulation, Site, Subject, advise,
    candidates, complete, list_paths, parse_props, simulate,
};
use romfeed::clients::updaters::Generation;
use romfeed::fetch::{Fetch, Folder, Reach};
use romfeed::generate::families;
use romfeed::ingest;
use romfeed::model::config::Config;
use romfeed::model::rom_settings::PLACEHOLDER_BASE;

use super::args::{Places, SimulateArgs};
use super::config::Flags;
use super::escape::shown;
use super::http;
use super::outcome::Outcome;
use super::report::{Terminal, chain};
use super::settings;
use super::time::now;

/// All generations of LineageOS, for `--client`.
const ALL: &str = "all";

/// Why nothing was simulated.
struct Failure {
    text: String,
    hint: Option<&'static str>,
}

impl Failure {
    fn new(text: impl Into<String>) -> Failure {
        Failure {
            text: text.into(),
            hint: None,
        }
    }

    fn hint(self, hint: &'static str) -> Failure {
        Failure {
            hint: Some(hint),
            ..self
        }
    }

    fn for_file(file: &Path, error: &dyn std::fmt::Display) -> Failure {
        Failure::new(format!("{}: {error}", shown(file)))
    }
}

/// The results of a call.
struct Results {
    subject: Subject,
    /// The flags whose values were taken from the site, since they were not given.
    inferred: Vec<&'static str>,
    /// How the generations were chosen, if the caller did not choose.
    grounds: Option<Grounds>,
    base: String,
    is_live: bool,
    has_base: bool,
    folder: PathBuf,
    simulations: Vec<Simulation>,
    /// The advice, each with the generations that it is for.
    advice: Vec<(Advice, Vec<Generation>)>,
}

/// Returns the flags that take precedence over settings.
fn places(args: &SimulateArgs) -> Places {
    Places {
        builds: args.builds.clone(),
        out: args.out.clone(),
        base_url: args.base_url.clone(),
        ..Places::default()
    }
}

/// Runs the command. Fails if an updater got no list.
pub(crate) fn run(
    args: &SimulateArgs,
    file: Option<&Path>,
    terminal: Terminal,
) -> io::Result<Outcome> {
    settings::with_config(file, Flags::new(&places(args)), terminal, |config| {
        print_checks(args, &config, terminal)
    })
}

fn print_checks(args: &SimulateArgs, config: &Config, terminal: Terminal) -> io::Result<Outcome> {
    let results = match simulate_all(args, config, terminal) {
        Ok(results) => results,
        Err(Failure { text, hint }) => {
            terminal.error(&text, hint);
            return Ok(Outcome::Usage);
        }
    };
    match args.json {
        true => json::print(&results)?,
        false => text::print(&results, terminal)?,
    }
    let mut checks = results.simulations.iter().map(|one| &one.check);
    Ok(Outcome::from_success(checks.all(Check::succeeds)))
}

fn simulate_all(
    args: &SimulateArgs,
    config: &Config,
    terminal: Terminal,
) -> Result<Results, Failure> {
    let files = args.props.iter().chain(&args.previous);
    if files.filter(|file| is_stdin(file)).count() > 1 {
        let text = "standard input (-) can be read only once";
        return Err(Failure::new(text).hint("save one of the two to a file, and name that"));
    }
    let mut subject = subject(args, config, terminal)?;
    let chosen = chosen(&args.client)?;
    if let Some(name) = &args.variant {
        Variant::parse(name).map_err(|error| Failure::new(format!("--variant: {error}")))?;
    }
    let previous = args.previous.as_deref();
    let should = "it should be the answer to the phone's last check, as curl saves it";
    let previous = previous.map(|file| read_file(file, MAX_FEED, should));
    let previous = previous.transpose()?;
    let (base, fetch) = host(args, config)?;
    let paths = args.url.is_none().then(|| list_paths(&config.out));
    let catalogs = Catalogs::load(&config.catalogs).ok();
    let catalog = catalogs
        .as_ref()
        .and_then(|catalogs| catalogs.merged().ok());
    let catalog = catalog.unwrap_or_default();
    let incrementals = incrementals(&catalog);
    let families = families(config, &catalog);
    let site = Site {
        base: &base,
        variant: args.variant.as_deref(),
        fetch: &*fetch,
        is_live: args.url.is_some(),
        paths: paths.as_ref(),
        now: now(),
        config,
        incrementals: &incrementals,
        families: &families,
    };
    let inferred = complete(&mut subject, &site, !chosen.is_empty());
    let inferred = inferred.map_err(|unclear| Failure::new(unclear.to_string()))?;
    let (generations, grounds) = match chosen.is_empty() {
        true => {
            let (generations, grounds) = candidates(&subject);
            (generations, Some(grounds))
        }
        false => (chosen, None),
    };
    let simulations: Vec<Simulation> = generations
        .iter()
        .map(|generation| simulate(*generation, &subject, &site, previous.as_deref()))
        .collect();
    let mut advice: Vec<(Advice, Vec<Generation>)> = Vec::new();
    for simulation in &simulations {
        for one in advise(simulation, &subject, &site) {
            match advice.iter_mut().find(|(known, _)| *known == one) {
                Some((_, generations)) => generations.push(simulation.generation),
                None => advice.push((one, vec![simulation.generation])),
            }
        }
    }
    Ok(Results {
        grounds,
        is_live: site.is_live,
        has_base: site.is_live || config.base_url.is_some(),
        folder: config.out.clone(),
        subject,
        inferred,
        simulations,
        advice,
        base,
    })
}

/// Returns the address of the site, and what answers for it: the network or the folder.
fn host(args: &SimulateArgs, config: &Config) -> Result<(String, Box<dyn Fetch>), Failure> {
    let Some(url) = &args.url else {
        if !config.out.is_dir() {
            let out = config.out.display().to_string();
            return Err(
                Failure::new(format!("there is no site in {}", out.escape_debug()))
                    .hint("make it with `romfeed generate`, or name a live one with --url"),
            );
        }
        let base = config.base_url.as_deref().unwrap_or(PLACEHOLDER_BASE);
        let folder = Folder {
            base: base.to_owned(),
            root: config.out.clone(),
            builds: config.builds.clone(),
        };
        return Ok((base.to_owned(), Box::new(folder)));
    };
    let is_web = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    if is_web.is_none_or(|rest| rest.is_empty() || rest.contains(['?', '#'])) {
        return Err(Failure::new(format!(
            "--url: `{}` is not the address of a site",
            url.escape_debug()
        ))
        .hint("write it as https://ota.example.org"));
    }
    let http = http::connect(args.ca.as_deref(), args.timeout, Reach::Any).map_err(Failure::new)?;
    Ok((url.trim_end_matches('/').to_owned(), Box::new(http)))
}

/// Returns every incremental in a catalog.
fn incrementals(catalog: &Catalog) -> BTreeSet<String> {
    let builds = catalog.builds.values();
    let builds = builds.filter_map(|record| record.build.incremental.clone());
    let stones = catalog.tombstones.values();
    let stones = stones.filter_map(|stone| stone.incremental.clone());
    builds.chain(stones).collect()
}

/// Parses the generations that `--client` names.
fn chosen(ids: &[String]) -> Result<Vec<Generation>, Failure> {
    if ids.iter().any(|id| id == ALL) {
        return Ok(Generation::LINEAGE.to_vec());
    }
    let parse = |id: &String| {
        Generation::from_id(id).ok_or_else(|| {
            let known: Vec<&str> = Generation::ALL.into_iter().map(Generation::id).collect();
            Failure::new(format!(
                "--client: there is no `{}`; there are {} and {ALL}",
                id.escape_debug(),
                known.join(", ")
            ))
        })
    };
    let mut chosen: Vec<Generation> = ids.iter().map(parse).collect::<Result<_, _>>()?;
    chosen.sort_unstable();
    chosen.dedup();
    Ok(chosen)
}

fn subject(args: &SimulateArgs, config: &Config, terminal: Terminal) -> Result<Subject, Failure> {
    let overrides = PhoneOverrides {
        family: None,
        device: args.device.clone(),
        next_device: args.next_device.clone(),
        romtype: args.r#type.clone(),
        version: args.version.clone(),
        incremental: args.incr.clone(),
        datetime: args.date,
        sdk: args.sdk,
        uri: args.uri.clone(),
        is_ab: args.ab,
        allow_downgrading: args.allow_downgrading,
        allow_major_upgrades: args.allow_major_upgrades,
    };
    let props = match &args.zip {
        Some(zip) => Some(props_of_zip(zip, config, terminal)?),
        None if args.props.is_empty() => None,
        None => Some(props_of_files(&args.props)?),
    };
    let name = args.zip.as_ref().and_then(|zip| zip.file_name());
    let subject = Subject {
        props,
        overrides,
        filename: name.map(|name| name.to_string_lossy().into_owned()),
    };
    if subject.is_described() {
        return Ok(subject);
    }
    Err(match &subject.props {
        None => Failure::new("which phone? give --props, --zip or --device").hint(
            "`adb shell getprop | romfeed simulate --props -` takes the phone that is plugged in",
        ),
        Some(_) => Failure::new("the properties name neither device nor version nor incremental")
            .hint("take them from the phone with `adb shell getprop`, or add system's build.prop by another --props"),
    })
}

fn props_of_files(files: &[PathBuf]) -> Result<PropertyMap, Failure> {
    let mut parsed: Vec<PropertyFile> = Vec::new();
    for file in files {
        let should = "it should be the output of `adb shell getprop`, or a build.prop";
        let bytes = read_file(file, MAX_PROPS, should)?;
        let props = parse_props(&file.display().to_string(), &bytes);
        parsed.push(props.map_err(|error| Failure::for_file(file, &error).hint(should))?);
    }
    let era = Era::from_sdk(parsed.iter().find_map(PropertyFile::sdk));
    let mut props = PropertyMap::merge(parsed, era);
    props.derive_product(era);
    Ok(props)
}

fn props_of_zip(zip: &Path, config: &Config, terminal: Terminal) -> Result<PropertyMap, Failure> {
    let fail = |error: ingest::Error| Failure::for_file(zip, &chain(&error));
    let (package, budget, _) = ingest::open(zip, &config.limits).map_err(fail)?;
    let rom = Ota::from_package(&package, budget).map_err(|error| fail(error.into()))?;
    if rom.needs_source() {
        return Err(
            Failure::for_file(zip, &"a delta, which holds no properties")
                .hint("give the full package of the same build"),
        );
    }
    let found = rom.props(Until::Everything);
    let found = found.map_err(|error| fail(error.into()))?;
    for warning in &found.warnings {
        terminal.warning(warning);
    }
    if found.files.is_empty() {
        return Err(Failure::for_file(zip, &"no build.prop was found in it")
            .hint("describe the phone by --device, --type, --version, --incr, --date and --sdk"));
    }
    Ok(found.props)
}

fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

/// Reads a whole file of at most `max` bytes; `-` is standard input. `should` is the hint for a longer
/// file, which must be something else.
fn read_file(file: &Path, max: usize, should: &'static str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    let read = match is_stdin(file) {
        true => io::stdin().lock().take(limit).read_to_end(&mut bytes),
        false => File::open(file).and_then(|file| file.take(limit).read_to_end(&mut bytes)),
    };
    read.map_err(|error| Failure::for_file(file, &error))?;
    match bytes.len() > max {
        true => Err(Failure::for_file(file, &format!("more than {max} bytes")).hint(should)),
        false => Ok(bytes),
    }
}
