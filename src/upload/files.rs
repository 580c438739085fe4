//! The files that a host needs, by step of publishing.
//!
//! In: the catalog, the folders of packages and of the site, and the manifest of the published files.
//! Out: paths. Only files that romfeed wrote or that belong to builds are listed, so other files on the
//! host are never changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::catalog::Catalog;
use crate::model::address::name_at;
use crate::model::build::stem;
use crate::model::config::Config;
use crate::publish::page;
use crate::publish::site::ASSETS;
use crate::publish::writer;

/// The endings of digests and signatures next to a package or an image.
const SIDECARS: [&str; 5] = ["md5", "md5sum", "sha256", "sha256sum", "csig"];
/// The ending of a changelog next to a package.
const CHANGELOG: &str = "txt";
/// The folder of packages below the site's address.
const BUILDS: &str = "builds/";
/// Bytes that are hashed at once.
const BUFFER_LEN: usize = 1 << 16;

/// A step of publishing; each file belongs to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Packages that the catalog offers, with digests, signatures and changelogs next to them.
    Zips,
    /// Their images for the first installation, with digests.
    Images,
    /// HTML pages, styles and pictures, to which feeds link.
    Pages,
    /// The lists that updaters read.
    Feeds,
    /// The lists of devices and release types, which name feeds.
    Indexes,
    /// Published files that the site no longer has.
    Gone,
}

/// A file in the folder of packages, or in that of the site.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Local {
    /// The path in that folder, with `/`.
    pub path: String,
    /// The address, if the settings have one; its last part is the file's name there, see [`name_at`].
    pub url: Option<String>,
    /// The SHA-256, if the catalog has it.
    pub sha256: Option<String>,
}

impl Local {
    /// Returns whether it may change under the same name: it is neither a package nor an image.
    #[must_use]
    pub fn is_sidecar(&self) -> bool {
        let end = self.path.rsplit('.').next().unwrap_or_default();
        end == CHANGELOG || SIDECARS.contains(&end)
    }
}

/// Lists the files of one step in the folder of packages, sorted, and warnings about files that cannot be
/// published.
#[must_use]
pub fn packages(step: Step, catalog: &Catalog, config: &Config) -> (Vec<Local>, Vec<String>) {
    let mut found = Collector::new(config);
    for record in catalog.builds.values().filter(|record| record.is_offered()) {
        let build = &record.build;
        let is_excluded = |path: &str| config.exclude.is_match(path);
        if is_excluded(&build.path) || is_excluded(&build.filename) {
            continue;
        }
        match step {
            Step::Zips => {
                let url = config.address(build).map(|(url, _)| url);
                let sha256 = build.sha256.as_ref();
                if found.add(&build.path, url.as_deref(), build.size, sha256) {
                    found.add_sidecars(&build.path, url.as_deref());
                    let changelog = |path: &str| format!("{}.{CHANGELOG}", stem(path));
                    let url = url.as_deref().and_then(|url| edit_path(url, changelog));
                    found.add_sidecar(changelog(&build.path), url);
                }
            }
            Step::Images => {
                for image in &build.images {
                    let path = build.image_path(image);
                    let url = config.image_address(build, image);
                    let is_added = is_file(&config.builds.join(&path))
                        && found.add(&path, url.as_deref(), image.size, Some(&image.sha256));
                    // Checksum files name the file, so they are of no use next to one with another name.
                    let is_renamed = url
                        .as_deref()
                        .is_some_and(|url| name_at(url).is_none_or(|name| name != image.filename));
                    if is_added && !is_renamed {
                        found.add_sidecars(&path, url.as_deref());
                    }
                }
            }
            Step::Pages | Step::Feeds | Step::Indexes | Step::Gone => {}
        }
    }
    (found.files.into_iter().collect(), found.warnings)
}

/// Lists the files of one step in the folder of the site, sorted. `written` are the files that romfeed wrote
/// to `out`, and `published` those in the manifest at the destination.
#[must_use]
pub fn pages<'a>(
    step: Step,
    out: &Path,
    written: &'a [String],
    published: &'a BTreeSet<String>,
) -> Vec<&'a str> {
    let is_page = |path: &str| {
        path.ends_with(".html") || Path::new(path).starts_with(ASSETS) || path.starts_with('.')
    };
    let is_of_step = |path: &&str| match step {
        Step::Pages => is_page(path),
        Step::Feeds => !is_page(path) && page::rank(path) == 0,
        Step::Indexes => !is_page(path) && page::rank(path) > 0,
        Step::Zips | Step::Images | Step::Gone => false,
    };
    let written: BTreeSet<&str> = written.iter().map(String::as_str).collect();
    if step != Step::Gone {
        return written.into_iter().filter(is_of_step).collect();
    }
    let published = published.iter().map(String::as_str);
    // In a trial run, the folder still has what would be removed. A manifest that cannot be read was reported before.
    let own = writer::own_files(out).unwrap_or_default();
    let own: BTreeSet<&str> = own.iter().map(String::as_str).collect();
    // A page that a file of the user replaced is not gone.
    let is_gone = |path: &&str| {
        !written.contains(path)
            && !path.starts_with(BUILDS)
            && (own.contains(path) || out.join(path).symlink_metadata().is_err())
    };
    published.filter(is_gone).collect()
}

struct Collector<'c> {
    config: &'c Config,
    files: BTreeSet<Local>,
    /// The file of each address.
    by_url: BTreeMap<String, String>,
    warnings: Vec<String>,
}

impl<'c> Collector<'c> {
    fn new(config: &'c Config) -> Collector<'c> {
        Collector {
            config,
            files: BTreeSet::new(),
            by_url: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }

    /// Adds a file if it exists and has the size in the catalog.
    fn add(&mut self, path: &str, url: Option<&str>, size: u64, sha256: Option<&String>) -> bool {
        // Packages may be links to files on another disk.
        let Ok(metadata) = self.config.builds.join(path).metadata() else {
            return false;
        };
        let name = path.escape_debug();
        if !metadata.is_file() || metadata.len() != size {
            self.warnings.push(format!(
                "{name} differs from the catalog, so it is not published; run `romfeed generate`"
            ));
            return false;
        }
        if let Some(url) = url
            && let Some(other) = self.by_url.insert(url.to_owned(), path.to_owned())
        {
            self.warnings.push(format!(
                "{name} and {} have the same address {url}; rename one of them, or add {{device}} and \
                 {{datetime}} to `url`",
                other.escape_debug()
            ));
        }
        self.files.insert(Local {
            path: path.to_owned(),
            url: url.map(str::to_owned),
            sha256: sha256.cloned(),
        });
        true
    }

    fn add_sidecars(&mut self, path: &str, url: Option<&str>) {
        for end in SIDECARS {
            let whole = |path: &str| format!("{path}.{end}");
            let short = |path: &str| format!("{}.{end}", stem(path));
            let edit = |edit: &dyn Fn(&str) -> String| url.and_then(|url| edit_path(url, edit));
            self.add_sidecar(whole(path), edit(&whole));
            self.add_sidecar(short(path), edit(&short));
        }
    }

    fn add_sidecar(&mut self, path: String, url: Option<String>) {
        if is_file(&self.config.builds.join(&path)) {
            let sha256 = None;
            self.files.insert(Local { path, url, sha256 });
        }
    }
}

/// Returns the SHA-256 of a file, in lower-case hex digits.
///
/// # Errors
/// Those of the file.
pub(super) fn sha256(file: &Path) -> io::Result<String> {
    let mut file = File::open(file)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; BUFFER_LEN];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(base16ct::lower::encode_string(&digest.finalize())),
            num => digest.update(&buffer[..num]),
        }
    }
}

/// Returns whether this is a file, and not a link to one.
fn is_file(file: &Path) -> bool {
    file.symlink_metadata()
        .is_ok_and(|metadata| metadata.is_file())
}

/// Edits the path of an address; none if its file name has no ending.
fn edit_path(url: &str, edit: impl Fn(&str) -> String) -> Option<String> {
    let (path, query) = url.split_at(url.find('?').unwrap_or(url.len()));
    let name = path.rsplit('/').next()?;
    name.contains('.').then(|| format!("{}{query}", edit(path)))
}
