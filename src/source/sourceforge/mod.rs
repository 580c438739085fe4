//! Lists the files of a project on SourceForge.
//!
//! In: a project and a folder. Out: its files with MD5, at addresses that lead to a file and not to a
//! page.
//!
//! The list is the RSS feed `/projects/{project}/rss?path={path}`: all files below the folder, the
//! newest first, with exact size and MD5, but at most 100. There is no next page, and the parameter
//! `limit` is not sent, because the site answers 400 to `limit=200` since September 2026
//! (release-monitoring.org, anitya#2082 and #2083). A feed with fewer files is complete. Otherwise
//! the page of the folder (`/projects/{project}/files{path}/`) is read too: its script has a JSON
//! object `net.sf.files` of everything directly in it, with MD5 and without sizes; and each folder in
//! it has a feed of its own. SourceForge allows one request for each feed in 30 minutes, one after
//! the other.
//!
//! Phones get `https://downloads.sourceforge.net/project/{project}{path}`, which redirects to a mirror.
//! It is chosen over an address that ends in `/download` and over the address of one mirror, because
//! mirrors are closed (salt-winrepo-ng#1485, dictionaries#73), also `master.dl.sourceforge.net` at
//! times. Clients whose `User-Agent` begins with `Mozilla` get a page instead; that of Android's own
//! HTTP client begins with `Dalvik`.

mod feed;
mod page;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::Number;

use super::builder::{Builder, Offer};
use super::folders::{check_number, is_usable};
use super::{Client, Error, Listing};
use crate::model::address::encode_path;
use page::Listed;

/// The number of files in a feed that may have left out older ones.
const FULL_FEED: usize = 100;
/// Maximum number of folders, each of which is one or two requests; a large project has 300 devices.
const MAX_FOLDERS: usize = 1_000;
/// Deepest folder, counted from the given one.
const MAX_DEPTH: usize = 16;
/// The feed, in messages.
const WANTED_FEED: &str = "a list of files (RSS)";
/// The page, in messages.
const WANTED_PAGE: &str = "the page of a folder";

/// Lists all files of a project below a folder, which begins with a slash.
pub(super) fn list(
    client: &Client<'_>,
    site: &str,
    project: &str,
    path: &str,
) -> Result<Listing, Error> {
    let list = List {
        client,
        site,
        project,
        top: path.trim_end_matches('/'),
    };
    let mut builder = Builder::new(site);
    // Paths of folders that are still to be read, without a closing slash.
    let mut open = vec![list.top.to_owned()];
    let mut num_folders = 1;
    while let Some(folder) = open.pop() {
        let items = list.feed(&folder)?;
        let page = match items.len() < FULL_FEED {
            true => BTreeMap::new(),
            false => list.page(&folder, &items)?,
        };
        for item in items {
            list.add(&mut builder, &item)?;
        }
        for (name, listed) in page {
            let path = format!("{folder}/{name}");
            match listed.is_folder {
                false => list.add(&mut builder, &listed.item(path))?,
                true if list.accepts(&mut builder, &path) => {
                    num_folders += 1;
                    check_number(site, "folders", num_folders, MAX_FOLDERS)?;
                    let depth = path[list.top.len()..].matches('/').count();
                    check_number(site, "folders inside each other", depth, MAX_DEPTH)?;
                    open.push(path);
                }
                true => {}
            }
        }
    }
    Ok(builder.finish())
}

/// The list that is asked for.
struct List<'a> {
    client: &'a Client<'a>,
    site: &'a str,
    project: &'a str,
    /// The folder, without a closing slash.
    top: &'a str,
}

impl List<'_> {
    /// Reads the newest files below a folder.
    fn feed(&self, folder: &str) -> Result<Vec<Item>, Error> {
        let path = match folder {
            "" => "/".to_owned(),
            folder => encode_path(folder),
        };
        let url = format!("{}/projects/{}/rss?path={path}", self.site, self.project);
        let response = self.client.get(&url, None)?;
        feed::parse(&response.body).map_err(|reason| Error::Format {
            url,
            wanted: WANTED_FEED,
            reason,
        })
    }

    /// Reads what is directly in a folder, by name; `items` are known to be below it.
    fn page(&self, folder: &str, items: &[Item]) -> Result<BTreeMap<String, Listed>, Error> {
        let path = encode_path(folder);
        let url = format!("{}/projects/{}/files{path}/", self.site, self.project);
        let response = self.client.get(&url, None)?;
        let page = page::parse(&response.body).and_then(|page| {
            let is_there = |item: &Item| {
                let below = item.path.strip_prefix(folder)?.strip_prefix('/')?;
                page.get(below.split('/').next()?)
            };
            match items.iter().find_map(is_there) {
                Some(_) => Ok(page),
                None => Err("it has none of the files that the RSS lists".to_owned()),
            }
        });
        page.map_err(|reason| Error::Format {
            url,
            wanted: WANTED_PAGE,
            reason,
        })
    }

    /// Returns the part of a path of the project that is below the folder of the list.
    fn below<'p>(&self, path: &'p str) -> Option<&'p str> {
        path.strip_prefix(self.top)?.strip_prefix('/')
    }

    /// Returns whether all names of a path below the folder of the list can be used.
    fn accepts(&self, builder: &mut Builder, path: &str) -> bool {
        let below = self.below(path);
        below.is_some_and(|below| below.split('/').all(|name| is_usable(name, below, builder)))
    }

    /// Adds a file; the first one with its path counts.
    fn add(&self, builder: &mut Builder, item: &Item) -> Result<(), Error> {
        let Some(path) = self.below(&item.path) else {
            return Ok(());
        };
        if !self.accepts(builder, &item.path) {
            return Ok(());
        }
        let (folder, name) = path.rsplit_once('/').unzip();
        let path_of_url = encode_path(&item.path);
        let md5 = item.md5.as_deref().filter(|md5| !md5.is_empty());
        builder.add(Offer {
            folders: folder
                .map(|folder| folder.split('/').collect())
                .unwrap_or_default(),
            name: name.unwrap_or(path),
            id: item.path.clone(),
            size: item.size.as_ref(),
            tag: md5.unwrap_or(&item.time).to_owned(),
            date: item.date,
            md5,
            url: &format!(
                "{}/project/{}{path_of_url}",
                downloads(self.site),
                self.project
            ),
            ..Offer::default()
        })
    }
}

/// Returns the host that sends files; another site than SourceForge sends them itself.
fn downloads(site: &str) -> &str {
    match site {
        "https://sourceforge.net" => "https://downloads.sourceforge.net",
        site => site,
    }
}

/// A file of a project.
#[derive(Debug, Default, PartialEq, Eq)]
struct Item {
    /// Its path in the project, beginning with a slash.
    path: String,
    size: Option<Number>,
    md5: Option<String>,
    /// When it was uploaded, as the site writes it.
    time: String,
    date: Option<i64>,
}
