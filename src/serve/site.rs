//! The site that is served: its pages in memory, and the data for other responses.
//!
//! In: the settings and the clock. Out: a [`Current`]. A request holds the one it started with, while
//! the next one is made.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, Weak};

use hyper::body::Bytes;

use super::error::Error;
use super::list_bounds::ListBounds;
use super::reload;
use super::stored::{self, Storage, Stored, StoredPage};
use crate::catalog::Parsed;
use crate::fetch::{self, Http};
use crate::generate::{self, Snapshot};
use crate::model::address;
use crate::model::config::Config;
use crate::publish::writer;

/// The site as it is served now.
#[derive(Debug)]
pub(super) struct Current {
    /// The settings that it was made with.
    pub(super) config: Arc<Config>,
    /// Pages by path.
    pub(super) pages: HashMap<Arc<str>, Arc<Stored>>,
    /// The files in the folder of the site that romfeed wrote. They are served from memory or not at
    /// all.
    pub(super) own_files: HashSet<String>,
    /// The variants, each of which has its own tree of feeds.
    pub(super) variants: BTreeSet<String>,
    /// The folder of the site without links in its path, if it exists.
    pub(super) out: Option<PathBuf>,
    /// The folder of packages without links in its path, if it exists.
    pub(super) builds: Option<PathBuf>,
    /// The offered builds, and the pages of each device, which the next site shares.
    pub(super) snapshot: Snapshot<StoredPage>,
    /// The lists of all builds, by variant; each is made at its first request.
    pub(super) full: BTreeMap<Option<String>, OnceLock<Bytes>>,
    /// Held by each running download, to count them.
    pub(super) downloads: Weak<()>,
}

/// What is needed to make the next site.
#[derive(Debug, Default)]
struct Making {
    /// How many of the requests for a refresh the current site includes.
    num_included: u64,
    /// The catalogs as they were parsed for the last site.
    parsed: Parsed,
}

/// A site that follows its catalog.
#[derive(Debug)]
pub(super) struct Site {
    /// The path of the server's address, for example `/ota`, or empty.
    pub(super) base_path: String,
    pub(super) clock: fn() -> i64,
    /// The client for other hosts, if those may be asked.
    pub(super) http: Option<Arc<Http>>,
    /// The path of the server's address, if pages reload themselves.
    pub(super) reload_at: Option<String>,
    current: RwLock<Arc<Current>>,
    /// How often a refresh was requested.
    num_requested: AtomicU64,
    making: Mutex<Making>,
    downloads: Arc<()>,
    /// Limits on the lists that are made for single requests.
    pub(super) lists: ListBounds,
}

impl Site {
    pub(super) fn new(
        config: Config,
        clock: fn() -> i64,
        is_watched: bool,
        fetch: Option<&fetch::Settings>,
    ) -> Result<Site, Error> {
        let base_path = address::path_of(config.base_url.as_deref().unwrap_or_default());
        let reload_at = is_watched.then(|| base_path.clone());
        let downloads = Arc::default();
        let config = Arc::new(config);
        let mut making = Making::default();
        let storage = Storage {
            former: None,
            reload_at: reload_at.as_deref(),
        };
        let current = make(config, &mut making.parsed, &storage, clock(), &downloads)?;
        Ok(Site {
            downloads,
            lists: ListBounds::default(),
            base_path,
            clock,
            http: fetch.map(|settings| Arc::new(Http::new(settings))),
            reload_at,
            current: RwLock::new(Arc::new(current)),
            num_requested: AtomicU64::new(0),
            making: Mutex::new(making),
        })
    }

    /// Returns the current site.
    pub(super) fn current(&self) -> Arc<Current> {
        let current = self.current.read();
        Arc::clone(&current.unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the number of running downloads.
    pub(super) fn num_downloads(&self) -> usize {
        Arc::strong_count(&self.downloads).saturating_sub(1)
    }

    /// Brings the site up to date with the catalog. When several threads wait here, the first makes
    /// the site for all of them: a site that is started after a change includes it.
    pub(super) fn refresh(&self) -> Result<(), generate::Error> {
        let requested = self.num_requested.fetch_add(1, Ordering::SeqCst) + 1;
        let mut making = self.lock();
        if making.num_included >= requested {
            return Ok(());
        }
        let num_requested = self.num_requested.load(Ordering::SeqCst);
        self.replace(Arc::clone(&self.current().config), &mut making)?;
        making.num_included = num_requested;
        Ok(())
    }

    /// Lets the next refresh read all catalogs, also those that look unchanged.
    pub(super) fn forget(&self) {
        self.lock().parsed = Parsed::default();
    }

    /// Makes the site with other settings, except for the address of the server.
    pub(super) fn reconfigure(&self, config: Config) -> Result<(), generate::Error> {
        let mut making = self.lock();
        let base_url = self.current().config.base_url.clone();
        self.replace(Arc::new(Config { base_url, ..config }), &mut making)
    }

    /// Locks the making of sites: with one at a time, an older one never replaces a newer one.
    fn lock(&self) -> MutexGuard<'_, Making> {
        self.making.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn replace(&self, config: Arc<Config>, making: &mut Making) -> Result<(), generate::Error> {
        let former = self.current();
        let storage = Storage {
            former: Some(&former.snapshot),
            reload_at: self.reload_at.as_deref(),
        };
        let (parsed, now) = (&mut making.parsed, (self.clock)());
        let made = make(config, parsed, &storage, now, &self.downloads)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(made);
        Ok(())
    }
}

fn make(
    config: Arc<Config>,
    parsed: &mut Parsed,
    storage: &Storage<'_>,
    now: i64,
    downloads: &Arc<()>,
) -> Result<Current, generate::Error> {
    let mut snapshot = generate::snapshot(&config, parsed, storage.former, storage, now)?;
    let of_parts = snapshot.parts.values().flat_map(|part| &part.files);
    let mut pages: Vec<StoredPage> = of_parts.cloned().collect();
    pages.append(&mut snapshot.of_site);
    if storage.reload_at.is_some() {
        let tags = pages
            .iter()
            .map(|page| (&*page.path, page.page.etag.as_bytes()));
        let files = reload::files(tags);
        pages.extend(stored::store(files.into()));
    }
    let pages = pages.into_iter().map(|page| (page.path, page.page));
    let variants = snapshot
        .channels
        .keys()
        .filter_map(|key| key.variant.as_ref());
    let trees = snapshot.channels.keys().map(|key| key.variant.as_ref());
    let trees = trees.map(|variant| variant.map(ToString::to_string));
    Ok(Current {
        full: trees
            .chain([None])
            .map(|tree| (tree, OnceLock::new()))
            .collect(),
        pages: pages.collect(),
        own_files: writer::own_files(&config.out)?.into_iter().collect(),
        variants: variants.map(ToString::to_string).collect(),
        out: config.out.canonicalize().ok(),
        builds: config.builds.canonicalize().ok(),
        config,
        snapshot,
        downloads: Arc::downgrade(downloads),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use serde_json::json;

    use super::*;

    #[test]
    fn only_pages_of_changed_devices_are_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let put = |device: &str, numbers: &[u32]| {
            let build = |number: &u32| {
                json!({
                    "device": device,
                    "romtype": "nightly",
                    "version": "21.0",
                    "datetime": 1_500_000_000 + number,
                    "kind": "full",
                    "url": format!("https://dl.example.org/{device}{number}.zip"),
                    "path": format!("{device}{number}.zip"),
                    "size": 5,
                    "sha256": format!("{number:064}"),
                })
            };
            let builds: Vec<_> = numbers.iter().map(build).collect();
            let text = json!({ "schema": 1, "builds": builds, "tombstones": [] }).to_string();
            std::fs::write(dir.path().join(format!("catalog/{device}.json")), text).unwrap();
        };
        std::fs::create_dir(dir.path().join("catalog")).unwrap();
        put("mako", &[1]);
        put("onyx", &[2]);
        let limits = ota_view::io::Limits::new(std::env::temp_dir(), Instant::now);
        let config = Config {
            base_url: Some("https://ota.example.org".to_owned()),
            catalogs: vec![dir.path().join("catalog/")],
            ..Config::for_folder(dir.path(), limits)
        };
        let site = Site::new(config, || 1_780_000_000, false, None).unwrap();
        let before = site.current();
        put("mako", &[1, 3]);
        site.refresh().unwrap();
        let after = site.current();
        let is_same = |path: &str| Arc::ptr_eq(&before.pages[path], &after.pages[path]);
        for path in ["onyx.html", "onyx.json", "api/v1/onyx/nightly.json"] {
            assert!(is_same(path), "{path}");
        }
        for path in ["mako.html", "mako.json", "index.html"] {
            assert!(!is_same(path), "{path}");
        }
    }
}
