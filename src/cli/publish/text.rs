//! What `publish` prints about its steps and errors.

use indicatif::DecimalBytes;
use romfeed::upload::{Done, Error, Live, SiteDestination, Step};

use crate::cli::escape::escape;
use crate::cli::report::{Terminal, chain, count};

/// What a trial run says about a step that asks for what is not online yet.
pub(super) const LATER: &str = "  left out of a trial run";
/// What to do if an uploaded zip is not at its address.
pub(super) const UNSEEN: &str = "let the address show what was uploaded: see below";
/// What is said if the steps begin again.
pub(super) const AGAIN: &str = "another machine has pushed its builds in the meantime: both catalogs are united, and the steps begin again";
/// Most files that a trial run names, without `-v`.
const MAX_NAMED: usize = 40;

/// Returns what a step does.
pub(super) fn title(step: Step, site: &SiteDestination) -> &'static str {
    match step {
        Step::Generate => "generate the site",
        Step::Zips => "upload zips",
        Step::CheckZips => "check that the zips are online",
        Step::Pages => "upload pages",
        Step::Feeds => "upload feeds",
        Step::Indexes => "upload lists of feeds",
        Step::Gone => "remove old files",
        Step::Deploy if *site == SiteDestination::Git => "commit and push the catalog",
        Step::Deploy => "publish the site",
        Step::CheckSite => "check the live site",
    }
}

/// Returns what phones and people see after a stop.
pub(super) fn live(live: Live) -> &'static str {
    match live {
        Live::Nothing => "nothing of this run is live yet; the site is as before",
        Live::Pages => "some new pages are live, and no new feed",
        Live::Feeds => "new pages and some new feeds are live; all zips that they name are online",
        Live::All => "the new site is live, and some old files are still there",
    }
}

/// Returns what phones and people may see while a step is carried out; `live` is what they saw before.
#[cfg(feature = "serve")]
pub(super) fn live_during(step: Step, before: Live) -> &'static str {
    match step {
        Step::Pages => live(before.max(Live::Pages)),
        Step::Feeds | Step::Indexes => live(before.max(Live::Feeds)),
        Step::Deploy => "the new site may be live: look at its address",
        _ => live(before),
    }
}

/// Returns a destination as people call it.
pub(super) fn name(site: &SiteDestination, to: &str) -> String {
    match site {
        SiteDestination::Git => "the repository".to_owned(),
        SiteDestination::Netlify => "Netlify".to_owned(),
        SiteDestination::Files(_) | SiteDestination::Cloudflare(_) => escape(to),
    }
}

/// Asks whether a destination is what an address shows; both are escaped.
pub(super) fn ask_if_served(site: &SiteDestination, name: &str, base: &str) -> String {
    match site {
        SiteDestination::Files(_) => format!("is {name} the folder that {base} serves?"),
        _ => format!("is {base} the address of the site on {name}?"),
    }
}

/// Returns what to do after a stop.
pub(super) fn stop_hint(step: Step) -> Option<&'static str> {
    match step {
        Step::Generate => None,
        _ => Some("correct what is named above, and publish again: it goes on from there"),
    }
}

/// Prints what a step did or, in a trial run, would do.
pub(super) fn print_done(step: Step, done: &Done, dry_run: bool, terminal: Terminal) {
    for line in &done.plan {
        terminal.line(&format!("  {}", escape(line)));
    }
    if step == Step::Deploy {
        return;
    }
    let lists = [
        ("+", &done.created),
        ("~", &done.changed),
        ("~", &done.dated),
        ("-", &done.removed),
    ];
    let num_changes: usize = lists.iter().map(|(_, paths)| paths.len()).sum();
    if dry_run || terminal.verbosity > 0 {
        let max = match terminal.verbosity {
            0 => MAX_NAMED,
            _ => usize::MAX,
        };
        let all = lists
            .iter()
            .flat_map(|(mark, paths)| paths.iter().map(move |path| (mark, path)));
        for (mark, path) in all.take(max) {
            terminal.line(&format!("  {mark} {}", escape(path)));
        }
        if num_changes > max {
            terminal.line(&format!(
                "  … and {} more; -v lists them",
                num_changes - max
            ));
        }
    }
    terminal.line(&format!("  {}", summary(step, done, dry_run)));
}

fn summary(step: Step, done: &Done, dry_run: bool) -> String {
    let [upload, remove] = match dry_run {
        true => ["to upload", "to remove"],
        false => ["uploaded", "removed"],
    };
    if step == Step::Gone {
        return match done.removed.len() {
            0 => "nothing to remove".to_owned(),
            num => format!("{} {remove}", count(num, "file", "files")),
        };
    }
    let num = done.created.len() + done.changed.len() + done.dated.len();
    match num {
        0 if done.num_unchanged == 0 => "no files".to_owned(),
        0 => format!("{} unchanged", count(done.num_unchanged, "file", "files")),
        _ => format!(
            "{} {upload} ({}), {} unchanged",
            count(num, "file", "files"),
            DecimalBytes(done.num_bytes),
            done.num_unchanged
        ),
    }
}

/// Prints why a step stopped, and what to do about it.
pub(super) fn print_error(error: &Error, terminal: Terminal) {
    let hint = match error {
        Error::NotInstalled { hint, .. } => Some(*hint),
        Error::Foreign(_) | Error::Blocked(_) => {
            Some("move them away, or replace them with --adopt")
        }
        Error::OtherBytes(_) => Some(
            "phones may be downloading them: give the new zips other names, or copy the published ones back",
        ),
        Error::Manifest(_) => Some(
            "look at .romfeed/manifest.json at the destination, and put out/.romfeed/manifest.json in its place if it is damaged",
        ),
        Error::Raced => Some("publish again"),
        Error::NoRepository(_) => Some(
            "publish in a clone of the repository whose workflow makes the site, or name another destination",
        ),
        Error::Unmerged(_) => {
            Some("merge them by hand, then: git add FILES && git commit && ./publish")
        }
        _ => None,
    };
    terminal.error(&escape(&chain(error)), hint);
}
