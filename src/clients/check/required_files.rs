//! Files that a site must have.
//!
//! In: paths below the site's address, and where to fetch them. Out: a finding for each file that is
//! missing or unreadable. In a folder, the file system is checked directly, because the hints for a
//! host would not fit; a live host gets a request.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::ErrorKind::{NotADirectory, NotFound};
use std::path::Path;

use rayon::prelude::*;

use super::{Task, fixes, rules, transport};
use crate::clients::updaters::MAX_REDIRECTS;
use crate::fetch::{Request, follow};
use ota_view::finding::{Finding, Rule};

/// The fix if something else has the file's name; romfeed removes only files that it made.
const FIX_OTHER_KIND: &str = "remove what is there, and run romfeed generate";

/// Judges the required files that are not judged as lists.
pub(super) fn judge(task: &Task<'_>) -> Vec<Finding> {
    let judged: BTreeSet<&str> = task.feeds.iter().map(|feed| feed.path.as_str()).collect();
    let required = task.required.par_iter();
    let required = required.filter(|path| is_inside(path) && !task.expected.contains_key(*path));
    let found = required.filter_map(|path| {
        let url = format!("{}/{}", task.base, crate::model::address::encode_path(path));
        match task.site.file(&url) {
            Some(file) => judge_file(&file, path, &rules::SITE_FILE_MISSING),
            None if judged.contains(path.as_str()) => None,
            None => judge_response(task, &url, path),
        }
    });
    found.collect()
}

/// Returns whether a path stays inside the site; the manifest may have been edited by hand.
fn is_inside(path: &str) -> bool {
    let is_name = |part: &str| !["", ".", ".."].contains(&part);
    path.split('/').all(is_name) && !path.contains(['\\', '\0'])
}

/// Judges a file in a folder; breaks the rule `missing` if it does not exist.
pub(super) fn judge_file(file: &Path, place: &str, missing: &'static Rule) -> Option<Finding> {
    let is_broken_link = || {
        file.symlink_metadata()
            .is_ok_and(|found| found.is_symlink())
    };
    // Windows cannot open folders.
    let is_file = || match file.metadata()?.is_file() {
        true => File::open(file).map(|_| true),
        false => Ok(false),
    };
    let message = match is_file() {
        Ok(true) => return None,
        Ok(false) => {
            let message = format!("it is {}, not a file", kind_of(file));
            return Some(Finding::new(missing, place, message).with_fix(FIX_OTHER_KIND));
        }
        Err(error) if [NotFound, NotADirectory].contains(&error.kind()) => match is_broken_link() {
            true => "it is a link to a file that does not exist",
            false => "there is no such file",
        },
        Err(error) => {
            let message = format!("the file cannot be read: {error}");
            return Some(Finding::new(&rules::FILE_UNREADABLE, place, message));
        }
    };
    Some(Finding::new(missing, place, message))
}

/// Names the kind of something that has the file's name.
fn kind_of(path: &Path) -> String {
    let link = match path.is_symlink() {
        true => "a link to ",
        false => "",
    };
    let kind = path.metadata().map_or("something else", |metadata| {
        #[cfg(unix)]
        {
            use std::os::unix::fs::FileTypeExt;
            let kind = metadata.file_type();
            if kind.is_fifo() {
                return "a named pipe";
            } else if kind.is_socket() {
                return "a socket";
            } else if kind.is_block_device() || kind.is_char_device() {
                return "a device";
            }
        }
        match metadata.is_dir() {
            true => "a folder",
            false => "something else",
        }
    });
    format!("{link}{kind}")
}

fn judge_response(task: &Task<'_>, url: &str, path: &str) -> Option<Finding> {
    match follow(&*task.site, &Request::get(url, 1), MAX_REDIRECTS + 1) {
        Ok(responses) if transport::is_accepted(&responses) => None,
        Ok(responses) => {
            let status = responses.last().map_or(0, |last| last.status);
            let message = format!("its status is {status}, not 2xx");
            Some(Finding::new(&rules::FEED_STATUS, path, message))
        }
        Err(fault) => Some(fixes::unreachable(&rules::FEED_UNREACHABLE, path, &fault)),
    }
}
