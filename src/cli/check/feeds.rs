//! The feeds that `romfeed check` checks: those of one phone, those in the folder, or those that the
//! site lists.

use romfeed::clients::check;
use romfeed::clients::check::target::{Feed, Kind, feeds};
use romfeed::clients::updaters::{self, Generation, Phone};
use romfeed::publish::page::Maker;

use super::site::{Failure, Site};
use crate::cli::args::CheckArgs;
use crate::cli::escape::escape;

/// The hint for a site whose feeds are unknown.
const NAME_A_FEED: &str = "name a feed: --device bacon --type nightly";

impl Site {
    /// Finds the feeds to check.
    pub(super) fn find_feeds(&self, args: &CheckArgs) -> Result<Vec<Feed>, Failure> {
        if let Some(device) = &args.device {
            return Ok(self.feeds_of_phone(args, device));
        }
        if self.base.contains('{') {
            let message = "an address with placeholders needs a phone to fill them in";
            return Err(Failure::usage(message).with_hint(NAME_A_FEED));
        }
        if self.paths.is_empty() && self.is_live {
            return self.feeds_listed_by_site();
        }
        let feeds = self.feeds_in_folder();
        // A folder whose feeds are missing is still a site.
        if feeds.is_empty() && self.facts.required.is_empty() && !self.is_live {
            return Err(
                Failure::usage(format!("there is no site in {}", self.place))
                    .with_hint("run romfeed generate, or name a live site with --url"),
            );
        }
        Ok(feeds)
    }

    fn feeds_listed_by_site(&self) -> Result<Vec<Feed>, Failure> {
        let listed = check::files_of_site(&self.base, &*self.http);
        let listed = listed.map_err(|finding| Failure::Unreachable {
            finding,
            place: self.place.clone(),
        })?;
        let files: Vec<String> = listed.files.iter().map(str::to_owned).collect();
        let found = feeds(&self.base, &files, listed.makers.as_ref());
        if found.is_empty() {
            let message = format!("nothing at {} lists its feeds", escape(&self.base));
            return Err(Failure::usage(message).with_hint(NAME_A_FEED));
        }
        Ok(found)
    }

    /// Returns the feeds among the files of the folder. If the manifest does not have their makers, there
    /// may be feeds of former settings.
    fn feeds_in_folder(&self) -> Vec<Feed> {
        let makers = &self.facts.makers;
        if self.facts.is_recorded {
            return feeds(&self.base, &self.paths, Some(makers));
        }
        let paths = self.paths.iter().cloned();
        let (made, others): (Vec<_>, Vec<_>) = paths.partition(|path| makers.get(path).is_some());
        let mut found = feeds(&self.base, &made, Some(makers));
        found.extend(feeds(&self.base, &others, None));
        found
    }

    /// Returns the feeds that one kind of phone requests, each of the kind that its maker made.
    fn feeds_of_phone(&self, args: &CheckArgs, device: &str) -> Vec<Feed> {
        let mut feeds = requested_feeds(args, &self.base, device);
        for feed in &mut feeds {
            if let Some(kind) = self.recorded_kind(feed) {
                feed.kind = kind;
            }
        }
        feeds
    }

    /// Returns the kind of a feed by its recorded maker, if the path does not decide it.
    fn recorded_kind(&self, feed: &Feed) -> Option<Kind> {
        let base = self.own_base.as_deref()?;
        let path = feed.url.strip_prefix(base)?.strip_prefix('/')?;
        let maker = self.facts.makers.get(path)?;
        let made = Feed::from_maker(maker, base, path)?;
        (*maker != Maker::LineageOs).then_some(made.kind)
    }
}

/// Returns the feeds that one kind of phone requests: at the address in its ROM, or at the addresses
/// that romfeed recommends.
fn requested_feeds(args: &CheckArgs, base: &str, device: &str) -> Vec<Feed> {
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
