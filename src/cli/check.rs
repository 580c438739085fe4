//! `romfeed check`: a site judged as phones would.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
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
use super::escape::{escape, shown};
use super::report::{MANIFEST_HINT, Terminal, chain, count, families, print_rom_side};
use super::{Outcome, findings, http, now};

/// Judges a site, and prints what is wrong with it.
pub(crate) fn run(args: &CheckArgs, config: &Config, terminal: Terminal) -> io::Result<Outcome> {
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
        true => Own::default(),
        false => match load_own(config, is_live) {
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
    // A folder that has lost its feeds is still a site.
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
        // What keeps a site from going out is to be read first.
        report.findings.splice(0..0, lost);
    }
    let outcome = finish(&report, &place, args.json, terminal)?;
    // With --zips a publish is under way; its end tells what goes into the ROM.
    let is_midway = args.zip_addresses && !is_live;
    if has_site && base != PLACEHOLDER_BASE && !is_midway {
        terminal.line("for the ROM:");
        print_rom_side(terminal, base, &own.variants, &families(config));
    }
    Ok(outcome)
}

/// Whether the folder here tells of the site asked for, rather than of somebody else's.
fn is_own(asked: Option<&str>, own: Option<&str>) -> bool {
    match (asked, own) {
        (Some(base), Some(own)) if base.contains('{') => base.starts_with(&format!("{own}/")),
        (Some(base), Some(own)) => base == own,
        _ => true,
    }
}

/// Prints what was found of a place, which is fit for a terminal.
fn finish(report: &Report, place: &str, json: bool, terminal: Terminal) -> io::Result<Outcome> {
    findings::print(terminal, &report.findings, json)?;
    print_summary(report, place, terminal);
    if !json {
        findings::print_more(terminal, &report.findings);
    }
    Ok(match finding::has_errors(&report.findings) {
        true => Outcome::Failed,
        false => Outcome::Done,
    })
}

/// What the catalog and the manifest know of the site in `out`.
#[derive(Default)]
struct Own {
    /// What made its feeds: as the manifest has it, or else as the settings make them.
    makers: Makers,
    /// Whether the manifest has it; else there may be feeds of earlier settings.
    is_recorded: bool,
    /// The lists that phones in the field ask for.
    expected: BTreeMap<String, Option<Installed>>,
    /// The other files that have to be there.
    required: Vec<String>,
    known: BTreeMap<String, CatalogFacts>,
    /// What builds and tombstones are known by.
    identities: BTreeSet<String>,
    variants: BTreeSet<Option<String>>,
}

/// A live site needs the lists; of pages for people it may show others.
fn load_own(config: &Config, is_live: bool) -> Result<Own, (String, Option<&'static str>)> {
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
    Ok(Own {
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

/// Why it is not known which feeds there are.
enum Unknown {
    /// The call has to say more.
    Usage(String),
    /// The site does not answer.
    Unreachable(Finding),
}

/// The feeds to judge: those of one phone, of the folder, or those the site tells of.
fn find_feeds(
    args: &CheckArgs,
    base: &str,
    own_base: Option<&str>,
    paths: &[String],
    own: &Own,
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
            let told = check::files_of_site(base, fetch).map_err(Unknown::Unreachable)?;
            let found = feeds(base, &told.files, told.makers.as_ref());
            let base = escape(base);
            let message = format!("nothing at {base} tells which feeds are there");
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

/// What the phones of one kind ask for: at the address as it is in their ROM, or else at those
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
