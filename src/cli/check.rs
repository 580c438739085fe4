//! `romfeed check`: checks a site as phones see it.
//!
//! In: the folder of a site, or its address. Out: findings, a summary, and the lines for the ROM.
//! With packages in place of a site, `check_zip` does the work; with `--rules` or `--explain`,
//! `findings` prints the rules.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

use ota_view::finding::{self, Finding};
use romfeed::catalog::Catalogs;
use romfeed::catalog::channels;
use romfeed::clients::check::target::{Feed, Kind, feeds};
use romfeed::clients::check::{self, CatalogFacts, Installed, Report, Task};
use romfeed::clients::updaters::{self, Generation, Phone};
use romfeed::fetch::{Fetch, Folder, Reach};
use romfeed::model::config::Config;
use romfeed::model::rom_settings::PLACEHOLDER_BASE;
use romfeed::publish::makers::Makers;
use romfeed::publish::page::Maker;
use romfeed::publish::writer;

use super::args::CheckArgs;
use super::config::Flags;
use super::escape::{escape, shown};
use super::outcome::Outcome;
use super::report::{MANIFEST_HINT, Terminal, chain, count, families, print_rom_side};
use super::settings;
use super::time::now;
use super::{check_zip, findings, http};

/// Runs the command.
pub(crate) fn run(
    args: &CheckArgs,
    file: Option<&Path>,
    terminal: Terminal,
) -> io::Result<Outcome> {
    if !args.explain.is_empty() {
        findings::explain(&args.explain)?;
        return Ok(Outcome::Done);
    }
    if args.rules {
        findings::print_rules(ota_view::verify::rules::ALL, args.json)?;
        findings::print_rules(check::rules::ALL, args.json)?;
        return Ok(Outcome::Done);
    }
    settings::with_config(
        file,
        Flags::new(&args.places),
        terminal,
        |config| match args.packages.is_empty() {
            true => check_site(args, &config, terminal),
            false => {
                let ca = args.live.ca.as_deref();
                let (zips, certificates) = (&args.packages, &args.certificate);
                check_zip::run(zips, certificates, ca, args.json, &config, terminal)
            }
        },
    )
}

/// Checks a site, and prints the findings.
fn check_site(args: &CheckArgs, config: &Config, terminal: Terminal) -> io::Result<Outcome> {
    let usage = |message: &str, hint| {
        terminal.error(message, hint);
        Ok(Outcome::Usage)
    };
    let live: Arc<dyn Fetch> =
        match http::connect(args.live.ca.as_deref(), args.live.timeout, Reach::Any) {
            Ok(http) => Arc::new(http),
            Err(error) => return usage(&error, None),
        };
    let own_base = config.base_url.as_deref();
    let base = args.url.as_deref().map(|url| url.trim_end_matches('/'));
    if base.is_some_and(|base| !base.starts_with("http://") && !base.starts_with("https://")) {
        return usage("--url must begin with https:// or http://", None);
    }
    let http = Arc::clone(&live);
    let is_own = is_own(base, own_base);
    let base = base.or(own_base).unwrap_or(PLACEHOLDER_BASE);
    let folder = Folder {
        base: base.to_owned(),
        root: config.out.clone(),
        builds: config.builds.clone(),
    };
    let paths = match is_own {
        true => check::files_in_folder(&config.out),
        false => Vec::new(),
    };
    let is_live = args.url.is_some();
    let place = match is_live {
        true => escape(base),
        false => shown(&config.out),
    };
    let own = match paths.is_empty() {
        true => SiteFacts::default(),
        false => match load_site_facts(config, is_live) {
            Ok(own) => own,
            Err((message, hint)) => return usage(&message, hint),
        },
    };
    let found = match find_feeds(args, base, own_base, &paths, &own, &*http) {
        Ok(found) => found,
        Err(Unknown::Usage(message)) => {
            return usage(&message, Some("name a feed: --device bacon --type nightly"));
        }
        Err(Unknown::Unreachable(finding)) => {
            let mut report = Report::default();
            report.findings.push(finding);
            return finish(&report, &place, args.json, terminal);
        }
    };
    let has_site = is_own && !paths.is_empty() && args.device.is_none() && !base.contains('{');
    // A folder whose feeds are missing is still a site.
    if found.is_empty() && own.required.is_empty() && !is_live {
        let message = format!("there is no site in {}", config.out.display());
        return usage(
            &message,
            Some("run romfeed generate, or name a live site with --url"),
        );
    }
    let (expected, required) = match has_site {
        true => (own.expected, own.required),
        false => Default::default(),
    };
    let local: Arc<dyn Fetch> = Arc::new(folder.clone());
    let task = Task {
        base: base.split('{').next().unwrap_or(base).trim_end_matches('/'),
        value: base.contains('{').then_some(base),
        feeds: found,
        site: Arc::clone(if is_live { &http } else { &local }),
        zips: Some(if is_live || args.zip_addresses {
            http
        } else {
            local
        }),
        local: (is_live && has_site).then_some(&folder),
        paths: &paths,
        expected,
        required,
        catalog_facts: own.known,
        is_live,
        now: now(),
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.live.connections.into());
    let pool = pool.build().map_err(io::Error::other)?;
    let mut report = pool.install(|| check::check(&task));
    if has_site && (is_live || args.zip_addresses) && base != PLACEHOLDER_BASE {
        let lost = check::compare(base, &*live, &own.identities);
        // These findings stop a publication, so they come first.
        report.findings.splice(0..0, lost);
    }
    let outcome = finish(&report, &place, args.json, terminal)?;
    // `--zips` runs in the middle of a publication, which prints the lines for the ROM at its end.
    let is_midway = args.zip_addresses && !is_live;
    if has_site && base != PLACEHOLDER_BASE && !is_midway {
        terminal.line("for the ROM:");
        print_rom_side(terminal, base, &own.variants, &families(config));
    }
    Ok(outcome)
}

/// Returns whether the folder holds the requested site, and not another one.
fn is_own(asked: Option<&str>, own: Option<&str>) -> bool {
    match (asked, own) {
        (Some(base), Some(own)) if base.contains('{') => base.starts_with(&format!("{own}/")),
        (Some(base), Some(own)) => base == own,
        _ => true,
    }
}

/// Prints the report on a place, whose name is escaped already.
fn finish(report: &Report, place: &str, json: bool, terminal: Terminal) -> io::Result<Outcome> {
    findings::print(terminal, &report.findings, json)?;
    print_summary(report, place, terminal);
    if !json {
        findings::print_more(terminal, &report.findings);
    }
    let has_errors = finding::has_errors(&report.findings);
    Ok(Outcome::from_success(!has_errors))
}

/// The facts about the site in `out`, from the catalog and the manifest.
#[derive(Default)]
struct SiteFacts {
    /// The makers of its feeds, from the manifest, or otherwise from the settings.
    makers: Makers,
    /// Whether the manifest has the makers. Otherwise there may be feeds of former settings.
    is_recorded: bool,
    /// The lists that phones request.
    expected: BTreeMap<String, Option<Installed>>,
    /// The other files that must exist.
    required: Vec<String>,
    known: BTreeMap<String, CatalogFacts>,
    /// The identities of builds and tombstones.
    identities: BTreeSet<String>,
    variants: BTreeSet<Option<String>>,
}

/// Loads the facts about the site in `out`. A live site must have the lists, but may have other
/// pages.
fn load_site_facts(
    config: &Config,
    is_live: bool,
) -> Result<SiteFacts, (String, Option<&'static str>)> {
    let fault = |error: &(dyn std::error::Error + 'static)| (chain(error), None);
    let catalogs = Catalogs::load(&config.catalogs).map_err(|error| fault(&error))?;
    let merged = catalogs.merged().map_err(|error| fault(&error))?;
    let addresses = check::addresses(&merged, config);
    let channels = channels::Channels::new(&merged, config, &addresses, now());
    let lists = check::lists(&channels, config).map_err(|error| fault(&error))?;
    let manifest = writer::read_manifest(&config.out).map_err(|error| match error {
        writer::Error::Manifest { .. } => (chain(&error), Some(MANIFEST_HINT)),
        error => fault(&error),
    })?;
    let manifest = manifest.unwrap_or_default();
    let mut required: Vec<String> = lists.keys().cloned().collect();
    if !is_live {
        required.extend(manifest.files);
    }
    required.sort_unstable();
    required.dedup();
    let variants = channels.channels.keys().map(|key| key.variant.as_ref());
    Ok(SiteFacts {
        is_recorded: manifest.makers.is_some(),
        makers: manifest.makers.unwrap_or(lists),
        expected: check::expected(&channels),
        required,
        known: check::catalog_facts(&merged, config),
        identities: merged.identities().map(str::to_owned).collect(),
        variants: variants.map(|v| v.map(ToString::to_string)).collect(),
    })
}

fn print_summary(report: &Report, place: &str, terminal: Terminal) {
    let elsewhere = match report.num_elsewhere {
        0 => String::new(),
        n => format!(
            "; {} elsewhere not asked for (--zips does)",
            count(n, "zip", "zips")
        ),
    };
    terminal.line(&format!(
        "{place}: {} in {} and {}{elsewhere}",
        findings::count(&report.findings).unwrap_or_else(|| "nothing wrong".to_owned()),
        count(report.num_feeds, "feed", "feeds"),
        count(report.num_zips, "zip", "zips"),
    ));
}

/// Why the feeds of a site are unknown.
enum Unknown {
    /// The call must name a feed.
    Usage(String),
    /// The site does not respond.
    Unreachable(Finding),
}

/// Finds the feeds to check: those of one phone, those in the folder, or those that the site lists.
fn find_feeds(
    args: &CheckArgs,
    base: &str,
    own_base: Option<&str>,
    paths: &[String],
    own: &SiteFacts,
    fetch: &dyn Fetch,
) -> Result<Vec<Feed>, Unknown> {
    if let Some(device) = &args.device {
        let mut feeds = feeds_of_phone(args, base, device);
        for feed in &mut feeds {
            let path = own_base.and_then(|base| feed.url.strip_prefix(base)?.strip_prefix('/'));
            let made = own_base.zip(path).and_then(|(base, path)| {
                let maker = own
                    .makers
                    .get(path)
                    .filter(|maker| **maker != Maker::LineageOs)?;
                Feed::from_maker(maker, base, path)
            });
            if let Some(made) = made {
                feed.kind = made.kind;
            }
        }
        return Ok(feeds);
    }
    if base.contains('{') {
        let message = "an address with placeholders needs a phone to fill them in";
        return Err(Unknown::Usage(message.to_owned()));
    }
    match (paths.is_empty(), args.url.is_some()) {
        (true, true) => {
            let listed = check::files_of_site(base, fetch).map_err(Unknown::Unreachable)?;
            let found = feeds(base, &listed.files, listed.makers.as_ref());
            let base = escape(base);
            let message = format!("nothing at {base} lists its feeds");
            match found.is_empty() {
                true => Err(Unknown::Usage(message)),
                false => Ok(found),
            }
        }
        _ if own.is_recorded => Ok(feeds(base, paths, Some(&own.makers))),
        _ => {
            let (made, other): (Vec<String>, Vec<String>) = paths
                .iter()
                .cloned()
                .partition(|path| own.makers.contains_key(path));
            let mut found = feeds(base, &made, Some(&own.makers));
            found.extend(feeds(base, &other, None));
            Ok(found)
        }
    }
}

/// Returns the feeds that one kind of phone requests: at the address in its ROM, or at the addresses
/// that romfeed recommends.
fn feeds_of_phone(args: &CheckArgs, base: &str, device: &str) -> Vec<Feed> {
    let romtype = args.romtype.as_deref().unwrap_or_default().to_lowercase();
    let phone = Phone {
        device: device.to_owned(),
        release_type: romtype.clone(),
        incremental: args.incr.clone().unwrap_or_default(),
        ..Phone::default()
    };
    if base.contains('{') {
        let request = updaters::request(Generation::Template14, base, &phone);
        let url = request.map_or_else(|_| base.to_owned(), |request| request.url);
        let romtype = Some(romtype.as_str()).filter(|romtype| !romtype.is_empty());
        return vec![Feed::from_url(&url, Kind::Device, device, romtype)];
    }
    let mut paths = vec![format!("api/v2/devices/{device}/builds.json")];
    if !romtype.is_empty() {
        paths.push(format!("api/v1/{device}/{romtype}.json"));
    }
    if let Some(incr) = args.incr.as_ref().filter(|_| !romtype.is_empty()) {
        paths.push(format!("api/v1/{device}/{romtype}/{incr}"));
    }
    feeds(base, &paths, None)
}
