//! `romfeed check`: a site judged as phones would.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use romfeed::catalog::Catalogs;
use romfeed::catalog::lanes;
use romfeed::check::target::{Feed, Kind, feeds};
use romfeed::check::{self, Installed, Known, Report, Task};
use romfeed::client::{self, Generation, Phone};
use romfeed::config::Config;
use romfeed::fetch::{Fetch, Folder};
use romfeed::finding;
use romfeed::romside::PLACEHOLDER_BASE;

use super::args::CheckArgs;
use super::report::{Talk, chain, count, print_rom_side};
use super::{Outcome, findings, live, now};

/// Judges a site, and prints what is wrong with it.
pub(crate) fn run(args: &CheckArgs, config: &Config, talk: Talk) -> io::Result<Outcome> {
    let usage = |message: &str, hint| {
        talk.error(message, hint);
        Ok(Outcome::Usage)
    };
    let http: Arc<dyn Fetch> = match live::connect(args.live.ca.as_deref(), args.live.timeout) {
        Ok(http) => Arc::new(http),
        Err(error) => return usage(&error, None),
    };
    let own_base = config.base_url.as_deref();
    let base = args.url.as_deref().map(|url| url.trim_end_matches('/'));
    if base.is_some_and(|base| !base.starts_with("http://") && !base.starts_with("https://")) {
        return usage("--url must begin with https:// or http://", None);
    }
    // Of somebody else's site, the folder here tells nothing.
    let is_own = match (base, own_base) {
        (Some(base), Some(own)) if base.contains('{') => base.starts_with(&format!("{own}/")),
        (Some(base), Some(own)) => base == own,
        _ => true,
    };
    let base = base.or(own_base).unwrap_or(PLACEHOLDER_BASE);
    let folder = Folder {
        base: base.to_owned(),
        root: config.out.clone(),
        builds: config.builds.clone(),
    };
    let paths = match is_own {
        true => check::of_folder(&config.out),
        false => Vec::new(),
    };
    let found = match find_feeds(args, base, &paths, &*http) {
        Ok(found) => found,
        Err(message) => return usage(&message, Some("name a feed: --device bacon --type nightly")),
    };
    if found.is_empty() && args.url.is_none() {
        let message = format!("there is no site in {}", config.out.display());
        return usage(
            &message,
            Some("run romfeed generate, or name a live site with --url"),
        );
    }
    let has_site = is_own && !paths.is_empty() && args.device.is_none() && !base.contains('{');
    let own = match paths.is_empty() {
        true => Own::default(),
        false => match load_own(config) {
            Ok(own) => own,
            Err(error) => return usage(&error, None),
        },
    };
    let local: Arc<dyn Fetch> = Arc::new(folder.clone());
    let is_live = args.url.is_some();
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
        expected: match has_site {
            true => own.expected,
            false => BTreeMap::new(),
        },
        known: own.known,
        is_live,
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.live.connections.into());
    let pool = pool.build().map_err(io::Error::other)?;
    let report = pool.install(|| check::check(&task));
    findings::print(talk, &report.findings, args.json)?;
    let place = match is_live {
        true => base.to_owned(),
        false => config.out.display().to_string(),
    };
    print_summary(&report, &place, talk);
    if has_site && base != PLACEHOLDER_BASE {
        talk.line("for the ROM:");
        print_rom_side(talk, base, &own.variants);
    }
    Ok(match finding::has_errors(&report.findings) {
        true => Outcome::Failed,
        false => Outcome::Done,
    })
}

/// What the catalog knows of one's own site.
#[derive(Default)]
struct Own {
    /// The lists that phones in the field ask for.
    expected: BTreeMap<String, Option<Installed>>,
    known: BTreeMap<String, Known>,
    variants: BTreeSet<Option<String>>,
}

fn load_own(config: &Config) -> Result<Own, String> {
    let catalogs = Catalogs::load(&config.catalogs).map_err(|error| chain(&error))?;
    let merged = catalogs.merged().map_err(|error| chain(&error))?;
    // Where builds are downloaded from makes no difference to what runs in the field.
    let mirrors = BTreeMap::new();
    let lanes = lanes::lanes(&merged, config, &mirrors, now());
    let variants = lanes.lanes.keys().map(|key| key.variant.as_ref());
    Ok(Own {
        expected: check::expected(&lanes),
        known: check::known(&merged, config),
        variants: variants.map(|v| v.map(ToString::to_string)).collect(),
    })
}

fn print_summary(report: &Report, place: &str, talk: Talk) {
    let elsewhere = match report.num_elsewhere {
        0 => String::new(),
        n => format!(
            "; {} elsewhere not asked for (--zips does)",
            count(n, "zip", "zips")
        ),
    };
    talk.line(&format!(
        "{place}: {} in {} and {}{elsewhere}",
        findings::count(&report.findings).unwrap_or_else(|| "nothing wrong".to_owned()),
        count(report.num_feeds, "feed", "feeds"),
        count(report.num_zips, "zip", "zips"),
    ));
}

/// The feeds to judge: those of one phone, of the folder, or those the site tells of.
fn find_feeds(
    args: &CheckArgs,
    base: &str,
    paths: &[String],
    fetch: &dyn Fetch,
) -> Result<Vec<Feed>, String> {
    if let Some(device) = &args.device {
        return Ok(feeds_of_phone(args, base, device));
    }
    if base.contains('{') {
        return Err("an address with placeholders needs a phone to fill them in".to_owned());
    }
    match (paths.is_empty(), args.url.is_some()) {
        (true, true) => {
            let found = feeds(base, &check::of_site(base, fetch));
            match found.is_empty() {
                true => Err(format!("nothing at {base} tells which feeds are there")),
                false => Ok(found),
            }
        }
        _ => Ok(feeds(base, paths)),
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
        let request = client::request(Generation::Template14, base, &phone);
        let url = request.map_or_else(|_| base.to_owned(), |request| request.url);
        let romtype = base.contains("{type}").then_some(romtype.as_str());
        return vec![Feed::of_url(&url, Kind::Device, device, romtype)];
    }
    let mut paths = vec![format!("api/v2/devices/{device}/builds.json")];
    if !romtype.is_empty() {
        paths.push(format!("api/v1/{device}/{romtype}.json"));
    }
    if let Some(incr) = args.incr.as_ref().filter(|_| !romtype.is_empty()) {
        paths.push(format!("api/v1/{device}/{romtype}/{incr}"));
    }
    feeds(base, &paths)
}
