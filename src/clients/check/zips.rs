//! One download address, judged as phones use it, against all that lists say of it.
//!
//! A GET of a single byte decides, never HEAD: signed addresses of release assets refuse that.
//! What a package says of itself is then read in parts, a few hundred KiB at most.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::feed::{Listed, MAX_REDIRECTS};
use super::{Known, fixes, hosts, required_files, rules};
use crate::fetch::{Fault, Fetch, Remote, Request, Response, follow, is_absolute, resolve};
use ota_view::finding::{Finding, Rule};
use ota_view::package::metadata::{self, OtaMetadata};
use ota_view::package::zip::{self, Package};

/// Enough of a body to tell a page from a zip.
const PEEK_LEN: usize = 16;

/// What lists say of one address, each saying once.
pub(super) type Sayings = BTreeMap<(String, Option<i64>, Option<i64>, Option<String>), Listed>;

/// Sorts what lists offer by address.
pub(super) fn collect(known: &mut BTreeMap<String, Sayings>, listed: Vec<Listed>) {
    for zip in listed {
        let saying = (
            zip.filename.clone(),
            zip.size,
            zip.datetime,
            zip.device.clone(),
        );
        let of_url = known.entry(zip.url.clone()).or_default();
        of_url.entry(saying).or_insert(zip);
    }
}

/// What became of one address.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Judged.
    Judged(Vec<Finding>),
    /// Not published where could be looked.
    Elsewhere(Vec<Finding>),
}

/// Asks for the first byte of a package, and for what it says of itself; `listed` is what lists
/// say of this one address, and `known` what the catalog has of packages by file name.
pub(super) fn judge(
    listed: &[Listed],
    fetch: &Arc<dyn Fetch>,
    known: &BTreeMap<String, Known>,
) -> Outcome {
    let mut findings: Vec<Finding> = listed.iter().flat_map(hosts::of_zip).collect();
    let Some(url) = listed.first().map(|zip| zip.url.as_str()) else {
        return Outcome::Judged(findings);
    };
    let file = fetch.file(url);
    if let Some(file) = &file {
        let place = file.display().to_string();
        if let Some(missing) = required_files::fault_of_file(file, &place, &rules::ZIP_FILE_MISSING)
        {
            findings.push(missing);
            return Outcome::Judged(findings);
        }
    }
    let ask = Request {
        range: Some((0, 0)),
        accept_gzip: true,
        ..Request::get(url, PEEK_LEN)
    };
    match follow(&**fetch, &ask, MAX_REDIRECTS) {
        Err(Fault::Elsewhere { .. }) => return Outcome::Elsewhere(findings),
        // What names no host is said of the feed.
        Err(Fault::Address { .. }) if !is_absolute(url) => {}
        Err(fault) => {
            findings.push(fixes::find(&rules::ZIP_UNREACHABLE, url, &fault));
            // Where it leads may be the reason.
            let ways = redirects(&Vec::from_iter(fetch.fetch(&ask).ok()));
            let found = ways.into_iter();
            findings.extend(found.map(|(rule, message)| Finding::new(rule, url, message)));
        }
        Ok(answers) => {
            // What it answers decides, not how its address ends.
            findings.retain(|found| *found.rule != rules::HOST_SOURCEFORGE);
            let mut find = |rule, message: String| {
                findings.push(Finding::new(rule, url, message));
            };
            let ways = redirects(&answers);
            // No phone gets to the zip, so what it says does not matter.
            let is_reached = ways.is_empty();
            for (rule, message) in ways {
                find(rule, message);
            }
            if let Some(answer) = answers.last()
                && let Some(size) = judge_answer(listed, answer, &mut find)
                && is_reached
            {
                let package = Remote::new(Arc::clone(fetch), url, size);
                judge_facts(listed, package, known, &mut find);
            }
        }
    }
    Outcome::Judged(findings)
}

/// T5: the first redirect is followed by hand, and none may leave the scheme.
fn redirects(answers: &[Response]) -> Vec<(&'static Rule, String)> {
    let mut found = Vec::new();
    for (index, answer) in answers.iter().enumerate() {
        let Some(location) = answer.location() else {
            continue;
        };
        if index == 0 && !is_absolute(location) {
            let message = "its first redirect is relative".to_owned();
            found.push((&rules::ZIP_REDIRECT, message));
        }
        let scheme = |url: &str| url.split(':').next().map(str::to_ascii_lowercase);
        if let Some(to) = resolve(&answer.url, location)
            && scheme(&to) != scheme(&answer.url)
        {
            let message = "it is redirected to another scheme".to_owned();
            found.push((&rules::ZIP_REDIRECT, message));
        }
    }
    if answers.len() > MAX_REDIRECTS {
        let message = format!("there are more than {MAX_REDIRECTS} redirects");
        found.push((&rules::ZIP_REDIRECT, message));
    }
    found
}

/// Judges the last answer; gives the size of a package that can be read in parts.
fn judge_answer(
    listed: &[Listed],
    answer: &Response,
    find: &mut dyn FnMut(&'static Rule, String),
) -> Option<u64> {
    let status = answer.status;
    if ![200, 206, 416].contains(&status) {
        // A redirect that leads nowhere has been told of.
        if !(300..400).contains(&status) || answer.location().is_none() {
            find(&rules::ZIP_STATUS, format!("its status is {status}"));
        }
        return None;
    }
    let encoding = answer.header("content-encoding").unwrap_or("identity");
    if encoding != "identity" {
        find(&rules::ZIP_GZIP, format!("it is sent as {encoding}"));
        return None;
    }
    let is_page = answer
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("text/html"));
    if status != 416 && (is_page || !answer.body.starts_with(b"P")) {
        let kind = answer.header("content-type").unwrap_or("no content type");
        find(
            &rules::ZIP_IS_PAGE,
            format!("it has {kind} and does not begin as a zip"),
        );
        return None;
    }
    let size = match status {
        206 => {
            let range = answer.header("content-range").unwrap_or("missing");
            let total = range.strip_prefix("bytes 0-0/");
            let total = total.and_then(|total| total.parse().ok());
            // No file is longer than clients can count.
            let total = total.filter(|total: &u64| i64::try_from(*total).is_ok());
            if total.is_none() || answer.body.len() != 1 || answer.is_cut {
                let len = answer.body.len();
                let message = format!("for one byte it sends {len}, with Content-Range {range}");
                find(&rules::ZIP_CONTENT_RANGE, message);
            }
            total
        }
        200 => {
            find(
                &rules::ZIP_NO_RANGE,
                "it answers a Range with all of it".to_owned(),
            );
            let length = answer.header("content-length");
            length.and_then(|length| length.parse().ok())
        }
        _ => Some(0),
    };
    for zip in listed {
        if let (Some(size), Some(said)) = (size, zip.size)
            && i64::try_from(size) != Ok(said)
        {
            let message = format!("it has {size} bytes, and {} says {said}", zip.path);
            find(&rules::ZIP_LENGTH, message);
        }
    }
    size.filter(|_| status == 206)
}

/// Reads what the package says of itself, and compares.
fn judge_facts(
    listed: &[Listed],
    package: Remote,
    known: &BTreeMap<String, Known>,
    find: &mut dyn FnMut(&'static Rule, String),
) {
    let facts = match read_facts(package) {
        Ok(facts) => facts,
        Err(error) => {
            let mut message = error.to_string();
            if let Some(cause) = std::error::Error::source(&error) {
                message = format!("{message}: {cause}");
            }
            return find(&rules::ZIP_BROKEN, message);
        }
    };
    for zip in listed {
        let Some(datetime) = zip.datetime else {
            continue;
        };
        let is_known = known
            .get(&zip.filename)
            .is_some_and(|known| known.timestamp == datetime);
        if let Some(own) = facts.timestamp
            && own != datetime
            && !is_known
        {
            let message = format!("{} says {datetime}, and the zip {own}", zip.path);
            find(&rules::ZIP_DATETIME, message);
        }
    }
    if let Some(message) = fault_of_device(listed, &facts.devices, known) {
        find(&rules::ZIP_DEVICE, message);
    }
}

/// Lists of other names of a device have its packages too: one that fits is enough.
fn fault_of_device(
    listed: &[Listed],
    devices: &[String],
    known: &BTreeMap<String, Known>,
) -> Option<String> {
    let fits = |zip: &Listed, device: &String| {
        let names = known.get(&zip.filename).map(|known| &known.devices);
        let names = names.filter(|names| names.contains(device));
        let is_other_name = |device| names.is_some_and(|names| names.contains(device));
        devices
            .iter()
            .any(|own| own == device || is_other_name(own))
    };
    // A list of a template does not tell whose it is.
    let of_devices = listed
        .iter()
        .filter_map(|zip| Some((zip, zip.device.as_ref()?)));
    let of_devices: Vec<(&Listed, &String)> = of_devices.collect();
    let (first, device) = of_devices.first()?;
    let is_fit = devices.is_empty() || of_devices.iter().any(|(zip, device)| fits(zip, device));
    (!is_fit).then(|| {
        let devices = devices.join(", ");
        format!("it is for {devices}, and {} is for {device}", first.path)
    })
}

fn read_facts(remote: Remote) -> Result<OtaMetadata, zip::Error> {
    metadata::read(&Package::open(Arc::new(remote))?)
}
