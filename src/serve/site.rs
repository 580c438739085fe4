//! The site that is served: its pages in memory, and the data for other responses.
//!
//! In: the settings and the clock. Out: a [`Current`]. A request holds the one it started with, while
//! the next one is made.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, Weak};

use hyper::body::Bytes;
use hyper::header::HeaderValue;
use sha2::{Digest, Sha256};

use super::error::Error;
use super::list_bounds::ListBounds;
use super::reload;
use crate::fetch::{self, Http, content_type};
use crate::generate::{self, Snapshot};
use crate::model::address;
use crate::model::config::Config;
use crate::publish::page::Page;
use crate::publish::writer;

/// The number of digits of the SHA-256 in an entity tag: enough that no two pages share one.
const TAG_LEN: usize = 32;

/// The site as it is served now.
#[derive(Debug)]
pub(super) struct Current {
    /// The settings that it was made with.
    pub(super) config: Arc<Config>,
    /// Pages by path.
    pub(super) pages: HashMap<String, Stored>,
    /// The files in the folder of the site that romfeed wrote. They are served from memory or not at
    /// all.
    pub(super) own_files: HashSet<String>,
    /// The variants, each of which has its own tree of feeds.
    pub(super) variants: BTreeSet<String>,
    /// The folder of the site without links in its path, if it exists.
    pub(super) out: Option<PathBuf>,
    /// The folder of packages without links in its path, if it exists.
    pub(super) builds: Option<PathBuf>,
    /// The offered builds; the pages of the snapshot are in `pages`.
    pub(super) snapshot: Snapshot,
    /// The lists of all builds, by variant; each is made at its first request.
    pub(super) full: BTreeMap<Option<String>, OnceLock<Bytes>>,
    /// Held by each running download, to count them.
    pub(super) downloads: Weak<()>,
}

/// A page in memory.
#[derive(Debug)]
pub(super) struct Stored {
    /// The contents.
    pub(super) bytes: Bytes,
    /// The type to serve it as.
    pub(super) content_type: &'static str,
    /// The entity tag, in quotes.
    pub(super) etag: HeaderValue,
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
    /// How many of these requests the current site includes.
    making: Mutex<u64>,
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
        let current = make(config, &[], clock(), &downloads, reload_at.as_deref())?;
        Ok(Site {
            downloads,
            lists: ListBounds::default(),
            base_path,
            clock,
            http: fetch.map(|settings| Arc::new(Http::new(settings))),
            reload_at,
            current: RwLock::new(Arc::new(current)),
            num_requested: AtomicU64::new(0),
            making: Mutex::new(0),
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
        let mut included = self.lock();
        if *included >= requested {
            return Ok(());
        }
        let num_requested = self.num_requested.load(Ordering::SeqCst);
        self.replace(Arc::clone(&self.current().config))?;
        *included = num_requested;
        Ok(())
    }

    /// Makes the site with other settings, except for the address of the server.
    pub(super) fn reconfigure(&self, config: Config) -> Result<(), generate::Error> {
        let _making = self.lock();
        let base_url = self.current().config.base_url.clone();
        self.replace(Arc::new(Config { base_url, ..config }))
    }

    /// Locks the making of sites: with one at a time, an older one never replaces a newer one.
    fn lock(&self) -> MutexGuard<'_, u64> {
        self.making.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn replace(&self, config: Arc<Config>) -> Result<(), generate::Error> {
        let reload_at = self.reload_at.as_deref();
        let served = &self.current().snapshot.known;
        let made = make(config, served, (self.clock)(), &self.downloads, reload_at)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(made);
        Ok(())
    }
}

fn make(
    config: Arc<Config>,
    served: &[String],
    now: i64,
    downloads: &Arc<()>,
    reload_at: Option<&str>,
) -> Result<Current, generate::Error> {
    let mut snapshot = generate::snapshot(&config, served, now)?;
    let mut tags = HashMap::new();
    let mut pages = std::mem::take(&mut snapshot.pages);
    if let Some(base_path) = reload_at {
        reload::add_to(&mut pages, base_path);
    }
    let pages = pages.into_iter().map(|page| store(page, &mut tags));
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

/// Stores a page. Pages that share their contents are hashed once.
fn store(page: Page, tags: &mut HashMap<*const u8, HeaderValue>) -> (String, Stored) {
    let hash = || {
        let mut tag = base16ct::lower::encode_string(&Sha256::digest(&page.bytes));
        tag.truncate(TAG_LEN);
        HeaderValue::from_str(&format!("\"{tag}\"")).expect("hex digits are ASCII")
    };
    let etag = tags.entry(page.bytes.as_ptr()).or_insert_with(hash);
    let stored = Stored {
        etag: etag.clone(),
        content_type: type_of(&page),
        bytes: Bytes::from_owner(page.bytes),
    };
    (page.path, stored)
}

/// Returns the type of a page. The lists of single incrementals may have any ending.
fn type_of(page: &Page) -> &'static str {
    let mut folders = page.path.split('/').take(2);
    let is_list = page.maker.is_feed() && folders.any(|name| name == "api" || name == "legacy");
    let mut parts = page.path.rsplit('/');
    let is_changes = parts.next() == Some("changes.txt")
        || (parts.next() == Some("changes") && page.path.contains("legacy/"));
    match is_list && !is_changes {
        true => "application/json",
        false => content_type(&page.path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::page::Maker;

    #[test]
    fn a_list_is_json_under_any_name() {
        for (path, expected) in [
            ("api/v1/d/nightly/eng.txt", "application/json"),
            ("v/legacy/d/nightly/v1/build/get_delta", "application/json"),
            ("legacy/d/nightly/changes.txt", "text/plain; charset=utf-8"),
            (
                "v/legacy/d/nightly/changes/a.zip.txt",
                "text/plain; charset=utf-8",
            ),
            ("d-stable", "application/octet-stream"),
            ("feed.atom", "application/atom+xml"),
        ] {
            let page = Page {
                path: path.to_owned(),
                bytes: Arc::from(&b""[..]),
                maker: Maker::LineageOs,
                origin: None,
            };
            assert_eq!(type_of(&page), expected, "{path}");
        }
    }
}
