//! The site of `romfeed simulate`, and what the catalog says about its builds.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use romfeed::catalog::{Catalog, Catalogs};
use romfeed::clients::simulate::Subject;
use romfeed::clients::updaters::Generation;
use romfeed::fetch::{Fetch, Folder, Reach};
use romfeed::generate::{DeviceFamily, families};
use romfeed::model::build::{Build, Kind, Variant};
use romfeed::model::config::Config;
use romfeed::model::rom_settings::PLACEHOLDER_BASE;

use super::Failure;
use crate::cli::args::SimulateArgs;
use crate::cli::http;
use crate::cli::nearest::did_you_mean;
use crate::cli::report::{Terminal, catalog_hint, chain};

/// Returns the address of the site, and the network or the folder from which it is fetched.
pub(super) fn host(
    args: &SimulateArgs,
    config: &Config,
) -> Result<(String, Box<dyn Fetch>), Failure> {
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

/// What the catalog says about builds; empty if there is no catalog, or a faulty one.
pub(super) struct CatalogFacts {
    /// Every incremental.
    pub(super) incrementals: BTreeSet<String>,
    /// The file names of all deltas.
    pub(super) deltas: BTreeSet<String>,
    /// The ROM families, by device and variant.
    pub(super) families: BTreeMap<(String, Option<String>), DeviceFamily>,
    catalog: Catalog,
}

impl CatalogFacts {
    /// Loads the catalogs, and warns if that fails.
    pub(super) fn load(config: &Config, terminal: Terminal) -> CatalogFacts {
        let catalog = match Catalogs::load(config) {
            Ok(catalogs) => catalogs
                .merged()
                .map(Cow::into_owned)
                .map_err(|e| chain(&e)),
            Err(error) => Err(format!("{}; {}", chain(&error), catalog_hint(&error))),
        };
        let catalog = catalog.unwrap_or_else(|error| {
            terminal.warning(&format!(
                "builds that the site no longer lists are unknown: {error}"
            ));
            Catalog::default()
        });
        CatalogFacts {
            incrementals: incrementals(&catalog),
            deltas: builds(&catalog)
                .filter(|build| build.kind != Kind::Full)
                .map(|build| build.filename.clone())
                .collect(),
            families: families(config, &catalog),
            catalog,
        }
    }

    /// Returns the variant of the phone's ROM: the given one, that of the build in the catalog, or the one
    /// that the settings give its package or its properties.
    pub(super) fn variant(
        &self,
        args: &SimulateArgs,
        subject: &Subject,
        config: &Config,
    ) -> Result<Option<String>, Failure> {
        if let Some(name) = &args.variant {
            self.check_variant(name, args, config)?;
            return Ok(Some(name.clone()));
        }
        if let Some(variant) = self.published_variant(subject) {
            return Ok(variant);
        }
        let path = args.zip.as_deref().map(|zip| path_in_builds(zip, config));
        let props = subject.props.as_ref();
        let property = |key: &str| Some(props?.get(key)?.to_owned());
        let variant = config.variant(&path.unwrap_or_default(), &property);
        Ok(variant.map(ToString::to_string))
    }

    /// Returns the variant of the build that the phone runs, if exactly one in the catalog has its file
    /// name, or else its incremental.
    fn published_variant(&self, subject: &Subject) -> Option<Option<String>> {
        let phone = subject.phone(Generation::Java22);
        let is_installed = |build: &&Build| match &subject.filename {
            Some(filename) => build.filename == *filename,
            None => {
                build.device.as_str() == phone.device
                    && build.incremental.as_ref() == Some(&phone.incremental)
            }
        };
        let variants = builds(&self.catalog)
            .filter(is_installed)
            .map(|build| build.variant.as_ref());
        let variants: BTreeSet<Option<&Variant>> = variants.collect();
        let variant = variants.first().filter(|_| variants.len() == 1)?;
        Some(variant.map(ToString::to_string))
    }

    /// Refuses a variant that cannot exist. The settings do not describe the site of another address.
    fn check_variant(
        &self,
        name: &str,
        args: &SimulateArgs,
        config: &Config,
    ) -> Result<(), Failure> {
        Variant::parse(name).map_err(|error| Failure::new(format!("--variant: {error}")))?;
        let url = args.url.as_deref().map(|url| url.trim_end_matches('/'));
        if url.is_some() && url != config.base_url.as_deref() {
            return Ok(());
        }
        let in_settings = config.variants.iter().map(|rule| &rule.variant);
        let in_catalog = builds(&self.catalog).filter_map(|build| build.variant.as_ref());
        let known: BTreeSet<&str> = in_settings.chain(in_catalog).map(Variant::as_str).collect();
        let is_published = config.out.join(name).join("api").is_dir();
        if is_published || known.contains(name) {
            return Ok(());
        }
        let failure = Failure::new(format!("--variant: there is no variant `{name}`"));
        Err(match did_you_mean(name, known.iter().copied()) {
            Some(near) => failure.hint(near),
            None if known.is_empty() => {
                failure.hint("leave out --variant, or set up [[variant]] in romfeed.toml")
            }
            None => failure.hint(format!("known are {}", Vec::from_iter(known).join(", "))),
        })
    }
}

fn builds(catalog: &Catalog) -> impl Iterator<Item = &Build> {
    catalog.builds.values().map(|record| &record.build)
}

/// Returns every incremental in a catalog.
fn incrementals(catalog: &Catalog) -> BTreeSet<String> {
    let stones = catalog.tombstones.values();
    let stones = stones.filter_map(|stone| stone.incremental.clone());
    let incrementals = builds(catalog).filter_map(|build| build.incremental.clone());
    incrementals.chain(stones).collect()
}

/// Returns the path of a package below `builds/`, or its name if it lies elsewhere.
fn path_in_builds(zip: &Path, config: &Config) -> String {
    let below = || {
        let (zip, builds) = (zip.canonicalize().ok()?, config.builds.canonicalize().ok()?);
        let path = zip.strip_prefix(builds).ok()?.to_str()?;
        Some(path.replace('\\', "/"))
    };
    let name = || zip.file_name().unwrap_or_default().to_string_lossy();
    below().unwrap_or_else(|| name().into_owned())
}
