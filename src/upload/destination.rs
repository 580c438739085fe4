//! The names of destinations on the command line.

use super::program::Runner;
use super::publication::Step;
use super::rclone::Rclone;
use super::rsync::Rsync;
use super::s3::S3;
use super::store::{SiteHost, SiteStore, Store};

/// The folder of packages below a site.
const BUILDS: &str = "builds";

/// A place for files that are copied one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A folder of this machine or of another one, for rsync: `/srv/ota`, `./www` or `user@host:path`.
    Rsync(String),
    /// A folder of a remote of rclone: `remote:path`.
    Rclone(String),
    /// A folder of a bucket.
    S3 {
        /// The bucket.
        bucket: String,
        /// The folder, without slashes at its ends; it may be empty.
        folder: String,
    },
}

/// Where a site is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SiteDestination {
    /// In a folder or bucket, file by file.
    Files(Place),
}

/// Where packages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ZipsDestination {
    /// In `builds` below the site.
    WithSite,
    /// They are elsewhere already.
    Nowhere,
    /// In a folder or bucket of their own.
    Files(Place),
}

/// A text that is not a destination.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` {reason}", .text.escape_debug())]
pub struct BadDestination {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Place {
    /// Parses a place; none if the text names something else.
    ///
    /// # Errors
    /// [`BadDestination`].
    fn parse(text: &str) -> Result<Option<Place>, BadDestination> {
        let bad = |reason| {
            Err(BadDestination {
                text: text.to_owned(),
                reason,
            })
        };
        if text.starts_with('-') || text.contains(char::is_control) {
            return bad("cannot be the name of a destination");
        }
        if let Some(place) = text.strip_prefix("rclone:") {
            return match place.contains(':') && !place.starts_with('-') {
                true => Ok(Some(Place::Rclone(place.to_owned()))),
                false => bad("lacks the remote and its colon: rclone:REMOTE:PATH"),
            };
        }
        if let Some(place) = text.strip_prefix("s3://") {
            let (bucket, folder) = place.split_once('/').unwrap_or((place, ""));
            let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
            if bucket.is_empty() || bucket.starts_with('-') || !bucket.chars().all(is_plain) {
                return bad("lacks the name of the bucket: s3://BUCKET/FOLDER");
            }
            return Ok(Some(Place::S3 {
                bucket: bucket.to_owned(),
                folder: folder.trim_matches('/').to_owned(),
            }));
        }
        let (before, _) = text.split_once(':').unwrap_or((text, ""));
        let is_folder = before.contains('/') || [".", ".."].contains(&text);
        let is_machine = text.contains(':') && !before.is_empty();
        let is_other_url = text.contains("://") && !text.starts_with("rsync://");
        let is_place = is_folder || (is_machine && !is_other_url);
        Ok(is_place.then(|| Place::Rsync(trimmed(text))))
    }

    /// Returns the place of a folder below this one.
    fn below(&self, below: &str) -> Place {
        match self {
            Place::Rsync(place) => Place::Rsync(format!("{place}/{below}")),
            Place::Rclone(place) if place.ends_with([':', '/']) => {
                Place::Rclone(format!("{place}{below}"))
            }
            Place::Rclone(place) => Place::Rclone(format!("{place}/{below}")),
            Place::S3 { bucket, folder } => Place::S3 {
                bucket: bucket.clone(),
                folder: format!("{folder}/{below}").trim_matches('/').to_owned(),
            },
        }
    }

    /// Returns the store that copies to this place.
    fn open(&self, runner: &Runner) -> Box<dyn SiteStore> {
        let runner = runner.clone();
        match self {
            Place::Rsync(place) => Box::new(Rsync::new(place.clone(), runner)),
            Place::Rclone(place) => Box::new(Rclone::new(place.clone(), runner)),
            Place::S3 { bucket, folder } => Box::new(S3::new(bucket.clone(), folder, runner)),
        }
    }
}

/// Removes slashes at the end of a folder for rsync, to which others are added: `host:` alone is the home folder, not
/// the root.
fn trimmed(folder: &str) -> String {
    let trimmed = folder.trim_end_matches('/');
    match trimmed {
        "" => "/.".to_owned(),
        _ if trimmed.ends_with(':') && trimmed.len() == folder.len() => format!("{trimmed}."),
        _ if trimmed.ends_with(':') => format!("{trimmed}/."),
        _ => trimmed.to_owned(),
    }
}

impl SiteDestination {
    /// What is accepted, for messages.
    pub const KINDS: &str = "a folder that begins with / or ./, HOST:/FOLDER, s3://BUCKET/FOLDER, or rclone:REMOTE:PATH";

    /// Parses the name of a destination.
    ///
    /// # Errors
    /// [`BadDestination`].
    pub fn parse(text: &str) -> Result<SiteDestination, BadDestination> {
        match Place::parse(text)? {
            Some(place) => Ok(SiteDestination::Files(place)),
            None => Err(BadDestination {
                text: text.to_owned(),
                reason: "is not a destination",
            }),
        }
    }

    /// Returns whether packages can be in `builds` below the site.
    #[must_use]
    pub fn hosts_zips(&self) -> bool {
        match self {
            SiteDestination::Files(_) => true,
        }
    }

    /// Returns the host that takes the site.
    #[must_use]
    pub fn open(&self, runner: &Runner) -> SiteHost {
        match self {
            SiteDestination::Files(place) => SiteHost::Store(place.open(runner)),
        }
    }
}

impl ZipsDestination {
    /// What is accepted, for messages.
    pub const KINDS: &str = "site, none, a folder that begins with / or ./, HOST:/FOLDER, s3://BUCKET/FOLDER, or rclone:REMOTE:PATH";

    /// Parses the name of a destination.
    ///
    /// # Errors
    /// [`BadDestination`].
    pub fn parse(text: &str) -> Result<ZipsDestination, BadDestination> {
        match text {
            "site" => return Ok(ZipsDestination::WithSite),
            "none" => return Ok(ZipsDestination::Nowhere),
            _ => {}
        }
        match Place::parse(text)? {
            Some(place) => Ok(ZipsDestination::Files(place)),
            None => Err(BadDestination {
                text: text.to_owned(),
                reason: "is not a destination for zips",
            }),
        }
    }

    /// Returns the store that takes the packages of a site; none if they are elsewhere already.
    #[must_use]
    pub fn open(&self, site: &SiteDestination, runner: &Runner) -> Option<Box<dyn Store>> {
        let place = match (self, site) {
            (ZipsDestination::WithSite, SiteDestination::Files(place)) => place.below(BUILDS),
            (ZipsDestination::Files(place), _) => place.clone(),
            (ZipsDestination::Nowhere, _) => return None,
        };
        Some(place.open(runner))
    }
}

/// Returns the steps of a publication, in their order.
#[must_use]
pub fn steps(site: &SiteDestination, zips: &ZipsDestination) -> Vec<Step> {
    let mut steps = vec![Step::Generate];
    if *zips != ZipsDestination::Nowhere {
        steps.push(Step::Zips);
    }
    steps.push(Step::CheckZips);
    match site {
        SiteDestination::Files(_) => {
            steps.extend([Step::Pages, Step::Feeds, Step::Indexes, Step::Gone]);
            steps.push(Step::CheckSite);
        }
    }
    steps
}
