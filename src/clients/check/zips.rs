//! One download address, judged as phones use it and compared with all lists that offer it.
//!
//! In: what lists say about one address. Out: findings. The request is a GET of one byte and never a
//! HEAD, which signed addresses of release assets refuse. Then the package's metadata is read in parts,
//! a few hundred KiB at most.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::listed::Listed;
use super::{CatalogFacts, fixes, hosts, required_files, rules};
use crate::clients::updaters::MAX_REDIRECTS;
use crate::fetch::{Fault, Fetch, Remote, Request, Response, follow, is_absolute, resolve};
use ota_view::finding::{Finding, Rule, Severity};
use ota_view::package::metadata::{self, OtaMetadata};
use ota_view::package::zip::{self, Package};

/// Number of bytes that show whether a body is a page or a zip.
const PEEK_LEN: usize = 16;

/// The different claims of lists about one address: file name, size, datetime and device.
pub(super) type Claims = BTreeMap<(String, Option<i64>, Option<i64>, Option<String>), Listed>;

/// Groups listed packages by address.
pub(super) fn collect(by_url: &mut BTreeMap<String, Claims>, listed: Vec<Listed>) {
    for zip in listed {
        let claim = (
            zip.filename.clone(),
            zip.size,
            zip.datetime,
            zip.device.clone(),
        );
        let claims = by_url.entry(zip.url.clone()).or_default();
        claims.entry(claim).or_insert(zip);
    }
}

/// The result for one address.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The address was judged.
    Judged(Vec<Finding>),
    /// The address is on another host, and no network request was allowed.
    Elsewhere(Vec<Finding>),
}

impl Outcome {
    /// Turns the errors about a package that a source lists into warnings: it must not keep others from being
    /// published.
    pub(super) fn weakened(self, source: &str) -> Outcome {
        let weaken = |found: Finding| match found.rule.severity {
            Severity::Error => {
                let message = format!(
                    "{} ({}); the rest can be published, since source {source} lists it",
                    found.message, found.rule.id
                );
                Finding::new(&rules::ZIP_OF_SOURCE, &*found.place, message).with_fix(found.fix())
            }
            _ => found,
        };
        let weaken_all = |findings: Vec<Finding>| findings.into_iter().map(weaken).collect();
        match self {
            Outcome::Judged(findings) => Outcome::Judged(weaken_all(findings)),
            Outcome::Elsewhere(findings) => Outcome::Elsewhere(weaken_all(findings)),
        }
    }
}

/// Reads the first byte and the metadata of a package and compares them with the lists.
///
/// `listed` holds what lists say about this one address; `catalog` has the catalog's facts about
/// packages, by file name.
pub(super) fn judge(
    listed: &[Listed],
    fetch: &Arc<dyn Fetch>,
    catalog: &BTreeMap<String, CatalogFacts>,
) -> Outcome {
    let mut findings: Vec<Finding> = listed.iter().flat_map(hosts::judge_zip).collect();
    let Some(url) = listed.first().map(|zip| zip.url.as_str()) else {
        return Outcome::Judged(findings);
    };
    let file = fetch.file(url);
    if let Some(file) = &file {
        let place = file.display().to_string();
        if let Some(missing) = required_files::judge_file(file, &place, &rules::ZIP_FILE_MISSING) {
            findings.push(missing);
            return Outcome::Judged(findings);
        }
    }
    let request = Request {
        range: Some((0, 0)),
        accept_gzip: true,
        ..Request::get(url, PEEK_LEN)
    };
    match follow(&**fetch, &request, MAX_REDIRECTS) {
        Err(Fault::Elsewhere { .. }) => return Outcome::Elsewhere(findings),
        // A relative address is reported with the feed.
        Err(Fault::Address { .. }) if !is_absolute(url) => {}
        Err(fault) => {
            findings.push(fixes::unreachable(&rules::ZIP_UNREACHABLE, url, &fault));
            // A bad redirect may be the reason.
            let faults = judge_redirects(&Vec::from_iter(fetch.fetch(&request).ok()));
            let faults = faults.into_iter();
            findings.extend(faults.map(|(rule, message)| Finding::new(rule, url, message)));
        }
        Ok(responses) => {
            // The response decides, not the end of the address.
            findings.retain(|found| *found.rule != rules::HOST_SOURCEFORGE);
            let mut find = |rule, message: String| {
                findings.push(Finding::new(rule, url, message));
            };
            let faults = judge_redirects(&responses);
            // If no phone reaches the zip, its metadata does not matter.
            let is_reached = faults.is_empty();
            for (rule, message) in faults {
                find(rule, message);
            }
            if let Some(response) = responses.last()
                && let Some(size) = judge_response(listed, response, &mut find)
                && is_reached
            {
                let package = Remote::new(Arc::clone(fetch), url, size);
                judge_facts(listed, package, catalog, &mut find);
            }
        }
    }
    Outcome::Judged(findings)
}

/// Judges redirects (T5): the updater itself follows the first one, and none may change the scheme.
fn judge_redirects(responses: &[Response]) -> Vec<(&'static Rule, String)> {
    let mut found = Vec::new();
    for (index, response) in responses.iter().enumerate() {
        let Some(location) = response.location() else {
            continue;
        };
        if index == 0 && !is_absolute(location) {
            let message = "its first redirect is a relative address".to_owned();
            found.push((&rules::ZIP_REDIRECT, message));
        }
        let scheme = |url: &str| url.split(':').next().map(str::to_ascii_lowercase);
        if let Some(to) = resolve(&response.url, location)
            && scheme(&to) != scheme(&response.url)
        {
            let message = "it redirects to another scheme".to_owned();
            found.push((&rules::ZIP_REDIRECT, message));
        }
    }
    if responses.len() > MAX_REDIRECTS {
        let message = format!("there are more than {MAX_REDIRECTS} redirects");
        found.push((&rules::ZIP_REDIRECT, message));
    }
    found
}

/// Judges the last response; returns the size of a package that can be read in parts, in bytes.
fn judge_response(
    listed: &[Listed],
    response: &Response,
    find: &mut dyn FnMut(&'static Rule, String),
) -> Option<u64> {
    let status = response.status;
    if ![200, 206, 416].contains(&status) {
        // Endless redirects were reported already.
        if !(300..400).contains(&status) || response.location().is_none() {
            find(&rules::ZIP_STATUS, format!("its status is {status}"));
        }
        return None;
    }
    let encoding = response.header("content-encoding").unwrap_or("identity");
    if encoding != "identity" {
        find(&rules::ZIP_GZIP, format!("it is sent as {encoding}"));
        return None;
    }
    let is_page = response
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("text/html"));
    if status != 416 && (is_page || !response.body.starts_with(b"P")) {
        let kind = response.header("content-type").unwrap_or("no content type");
        find(
            &rules::ZIP_IS_PAGE,
            format!("it has {kind} and does not begin as a zip"),
        );
        return None;
    }
    let size = size_of_package(response, find);
    for zip in listed {
        if let (Some(size), Some(listed_size)) = (size, zip.size)
            && i64::try_from(size) != Ok(listed_size)
        {
            let message = format!("it has {size} bytes, and {} says {listed_size}", zip.path);
            find(&rules::ZIP_LENGTH, message);
        }
    }
    size.filter(|_| status == 206)
}

/// Returns the size of a package by the response to a request for its first byte, and judges that
/// response.
fn size_of_package(
    response: &Response,
    find: &mut dyn FnMut(&'static Rule, String),
) -> Option<u64> {
    match response.status {
        206 => {
            let range = response.header("content-range").unwrap_or("missing");
            let total = range.strip_prefix("bytes 0-0/");
            let total = total.and_then(|total| total.parse().ok());
            // Updaters count bytes in signed 64-bit numbers.
            let total = total.filter(|total: &u64| i64::try_from(*total).is_ok());
            if total.is_none() || response.body.len() != 1 || response.is_cut {
                let len = response.body.len();
                let message =
                    format!("for a request of one byte it sends {len}, with Content-Range {range}");
                find(&rules::ZIP_CONTENT_RANGE, message);
            }
            total
        }
        200 => {
            let message = "it answers a Range request with the whole file".to_owned();
            find(&rules::ZIP_NO_RANGE, message);
            let length = response.header("content-length");
            length.and_then(|length| length.parse().ok())
        }
        // An empty file has no first byte.
        _ => Some(0),
    }
}

/// Reads the metadata of the package and compares it with the lists.
fn judge_facts(
    listed: &[Listed],
    package: Remote,
    catalog: &BTreeMap<String, CatalogFacts>,
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
        let is_from_catalog = catalog
            .get(&zip.filename)
            .is_some_and(|facts| facts.timestamp == datetime);
        if let Some(timestamp) = facts.timestamp
            && timestamp != datetime
            && !is_from_catalog
        {
            let message = format!("{} says {datetime}, and the zip {timestamp}", zip.path);
            find(&rules::ZIP_DATETIME, message);
        }
    }
    if let Some(message) = device_fault(listed, &facts.devices, catalog) {
        find(&rules::ZIP_DEVICE, message);
    }
}

/// Returns what is wrong if no list that offers the package is for one of its devices.
///
/// One list that fits is enough, because the lists for a device's other names have its packages too.
fn device_fault(
    listed: &[Listed],
    devices: &[String],
    catalog: &BTreeMap<String, CatalogFacts>,
) -> Option<String> {
    let fits = |zip: &Listed, device: &String| {
        let names = catalog.get(&zip.filename).map(|facts| &facts.devices);
        let names = names.filter(|names| names.contains(device));
        let is_other_name = |device| names.is_some_and(|names| names.contains(device));
        devices
            .iter()
            .any(|own| own == device || is_other_name(own))
    };
    // The address of a template's list does not name a device.
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
