//! The site that `romfeed check` checks: a folder, a live site, or a live site and its folder.
//!
//! In: the arguments and the settings. Out: the [`Site`], and the report on it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use ota_view::finding::Finding;
use romfeed::catalog::Catalogs;
use romfeed::catalog::channels;
use romfeed::clients::check::target::Feed;
use romfeed::clients::check::{self, CatalogFacts, Installed, LinkedImage, Report, Task};
use romfeed::fetch::{Fetch, Folder, Reach};
use romfeed::model::config::Config;
use romfeed::model::rom_settings::PLACEHOLDER_BASE;
use romfeed::publish::makers::Makers;
use romfeed::publish::writer;

use crate::cli::args::CheckArgs;
use crate::cli::escape::{escape, shown};
use crate::cli::http;
use crate::cli::report::{catalog_hint, chain, manifest_hint};
use crate::cli::time::now;

/// Why a site was not checked.
pub(super) enum Failure {
    /// The arguments or the settings are wrong.
    Usage {
        message: String,
        hint: Option<Cow<'static, str>>,
    },
    /// The site does not respond; its name in messages is escaped.
    Unreachable { finding: Finding, place: String },
}

impl Failure {
    pub(super) fn usage(message: impl Into<String>) -> Failure {
        Failure::Usage {
            message: message.into(),
            hint: None,
        }
    }

    /// Adds a hint to wrong arguments or settings.
    pub(super) fn with_hint(self, hint: impl Into<Cow<'static, str>>) -> Failure {
        match self {
            Failure::Usage { message, .. } => Failure::Usage {
                message,
                hint: Some(hint.into()),
            },
            unreachable => unreachable,
        }
    }
}

/// A site to check.
pub(super) struct Site {
    /// Its address without a closing slash, or the value of a ROM's property with placeholders.
    pub(super) base: String,
    /// The address in the settings.
    pub(super) own_base: Option<String>,
    /// Its name in messages, escaped.
    pub(super) place: String,
    /// It is fetched over the network.
    pub(super) is_live: bool,
    /// All of it is checked, and the folder holds it too.
    pub(super) is_complete: bool,
    /// The paths of the files in the folder; empty if the folder holds another site.
    pub(super) paths: Vec<String>,
    /// What is known from the catalog and the manifest.
    pub(super) facts: SiteFacts,
    pub(super) http: Arc<dyn Fetch>,
    folder: Folder,
}

impl Site {
    /// Finds out which site the arguments name, and what is known about it.
    pub(super) fn open(args: &CheckArgs, config: &Config) -> Result<Site, Failure> {
        let http = http::connect(args.live.ca.as_deref(), args.live.timeout, Reach::Any);
        let http: Arc<dyn Fetch> = Arc::new(http.map_err(Failure::usage)?);
        let own_base = config.base_url.as_deref();
        let asked = args.url.as_deref().map(|url| url.trim_end_matches('/'));
        if asked.is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
            return Err(Failure::usage("--url must begin with https:// or http://"));
        }
        let base = asked.or(own_base).unwrap_or(PLACEHOLDER_BASE);
        let paths = match is_own(asked, own_base) {
            true => check::files_in_folder(&config.out),
            false => Vec::new(),
        };
        let is_live = asked.is_some();
        let facts = match paths.is_empty() {
            true => SiteFacts::default(),
            false => load_site_facts(config, is_live)?,
        };
        Ok(Site {
            place: match is_live {
                true => escape(base),
                false => shown(&config.out),
            },
            is_complete: !paths.is_empty() && args.device.is_none() && !base.contains('{'),
            folder: Folder {
                base: base.to_owned(),
                root: config.out.clone(),
                builds: config.builds.clone(),
            },
            base: base.to_owned(),
            own_base: own_base.map(str::to_owned),
            is_live,
            paths,
            facts,
            http,
        })
    }

    /// Judges the site by these feeds.
    pub(super) fn judge(&mut self, args: &CheckArgs, feeds: Vec<Feed>) -> io::Result<Report> {
        let (expected, required, images) = match self.is_complete {
            true => (
                std::mem::take(&mut self.facts.expected),
                std::mem::take(&mut self.facts.required),
                std::mem::take(&mut self.facts.images),
            ),
            false => Default::default(),
        };
        let base = &*self.base;
        let local: Arc<dyn Fetch> = Arc::new(self.folder.clone());
        let host = |is_remote| Arc::clone(if is_remote { &self.http } else { &local });
        let task = Task {
            base: base.split('{').next().unwrap_or(base).trim_end_matches('/'),
            value: base.contains('{').then_some(base),
            feeds,
            site: host(self.is_live),
            zips: Some(host(self.is_live || args.zip_addresses)),
            local: (self.is_live && self.is_complete).then_some(&self.folder),
            paths: &self.paths,
            expected,
            required,
            catalog_facts: std::mem::take(&mut self.facts.catalog_facts),
            listed_by: std::mem::take(&mut self.facts.listed_by),
            images,
            is_live: self.is_live,
            now: now(),
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(args.live.connections.into());
        let pool = pool.build().map_err(io::Error::other)?;
        let mut report = pool.install(|| check::check(&task));
        let is_published = self.is_live || args.zip_addresses;
        if self.is_complete && is_published && base != PLACEHOLDER_BASE {
            let lost = check::compare(base, &*self.http, &self.facts.identities);
            // These findings stop a publication, so they come first.
            report.findings.splice(0..0, lost);
        }
        Ok(report)
    }
}

/// Returns whether the folder holds the requested site, and not another one.
fn is_own(asked: Option<&str>, own: Option<&str>) -> bool {
    match (asked, own) {
        (Some(base), Some(own)) if base.contains('{') => base.starts_with(&format!("{own}/")),
        (Some(base), Some(own)) => base == own,
        _ => true,
    }
}

/// The facts about the site in `out`, from the catalog and the manifest.
#[derive(Default)]
pub(super) struct SiteFacts {
    /// The makers of its feeds, from the manifest, or otherwise from the settings.
    pub(super) makers: Makers,
    /// Whether the manifest has the makers. Otherwise there may be feeds of former settings.
    pub(super) is_recorded: bool,
    /// The lists that phones request.
    pub(super) expected: BTreeMap<String, Option<Installed>>,
    /// The other files that must exist.
    pub(super) required: Vec<String>,
    /// What the catalog says about packages, by file name.
    pub(super) catalog_facts: BTreeMap<String, CatalogFacts>,
    /// The addresses of zips that a source lists, with its name.
    pub(super) listed_by: BTreeMap<String, String>,
    /// The images that pages link to.
    pub(super) images: Vec<LinkedImage>,
    /// The identities of builds and tombstones.
    pub(super) identities: BTreeSet<String>,
    /// The variants with lists.
    pub(super) variants: BTreeSet<Option<String>>,
}

/// Loads the facts about the site in `out`. A live site must have the lists, but may have other
/// pages.
fn load_site_facts(config: &Config, is_live: bool) -> Result<SiteFacts, Failure> {
    let fault = |error: &(dyn std::error::Error + 'static)| Failure::usage(chain(error));
    let catalogs =
        Catalogs::load(config).map_err(|error| fault(&error).with_hint(catalog_hint(&error)))?;
    let merged = catalogs.merged().map_err(|error| fault(&error))?;
    let addresses = check::addresses(&merged, config);
    let channels = channels::Channels::new(&merged, config, &addresses, now());
    let lists = check::lists(&channels, config).map_err(|error| fault(&error))?;
    let manifest = writer::read_manifest(&config.out).map_err(|error| match &error {
        writer::Error::Manifest { file, .. } => fault(&error).with_hint(manifest_hint(file)),
        _ => fault(&error),
    })?;
    let manifest = manifest.unwrap_or_default();
    let mut required: Vec<String> = lists.iter().map(|(path, _)| path.to_owned()).collect();
    if !is_live {
        required.extend(manifest.files.iter().map(str::to_owned));
    }
    required.sort_unstable();
    required.dedup();
    let variants = channels.channels.keys().map(|key| key.variant.as_ref());
    Ok(SiteFacts {
        is_recorded: manifest.makers.is_some(),
        makers: manifest.makers.unwrap_or(lists),
        expected: check::expected(&channels),
        required,
        catalog_facts: check::catalog_facts(&merged, config),
        listed_by: check::listed_by_sources(&merged, config),
        images: check::linked_images(&channels, config),
        identities: merged.identities().map(str::to_owned).collect(),
        variants: variants.map(|v| v.map(ToString::to_string)).collect(),
    })
}
