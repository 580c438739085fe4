//! Images for the first installation, to which pages link.
//!
//! In: the address of an image, and its size in the catalog. Out: findings. The request is a GET of one byte.
//! Browsers download images, so redirects need not be as updaters want them.

use super::required_files::judge_file;
use super::zips::Outcome;
use super::{fixes, rules};
use crate::clients::updaters::MAX_REDIRECTS;
use crate::fetch::{Fault, Fetch, Request, Response, follow};
use ota_view::finding::Finding;

/// Number of bytes of a body that are read.
const PEEK_LEN: usize = 16;

/// An image that pages link to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkedImage {
    /// Its address.
    pub url: String,
    /// Length in bytes.
    pub size: u64,
}

/// Judges an image.
pub(super) fn judge(image: &LinkedImage, fetch: &dyn Fetch) -> Outcome {
    let url = image.url.as_str();
    if let Some(file) = fetch.file(url) {
        let place = file.display().to_string();
        if let Some(missing) = judge_file(&file, &place, &rules::IMAGE_MISSING) {
            let fix = "put it back, or run romfeed generate";
            return Outcome::Judged(vec![missing.with_fix(fix)]);
        }
    }
    let request = Request {
        range: Some((0, 0)),
        ..Request::get(url, PEEK_LEN)
    };
    let found = match follow(fetch, &request, MAX_REDIRECTS) {
        Err(Fault::Elsewhere { .. }) => return Outcome::Elsewhere(Vec::new()),
        Err(fault) => Some(fixes::unreachable(&rules::IMAGE_MISSING, url, &fault)),
        Ok(responses) => responses
            .last()
            .and_then(|response| judge_response(image, response)),
    };
    Outcome::Judged(found.into_iter().collect())
}

fn judge_response(image: &LinkedImage, response: &Response) -> Option<Finding> {
    let finding = |rule, message| Some(Finding::new(rule, image.url.as_str(), message));
    let is_page = response
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("text/html"));
    match response.status {
        200 | 206 if is_page => {
            let message = "a page is there, not the image".to_owned();
            finding(&rules::IMAGE_MISSING, message)
        }
        200 | 206 => {
            let size = size_of(response).filter(|size| *size != image.size)?;
            let message = format!("it has {size} bytes, and the catalog says {}", image.size);
            finding(&rules::IMAGE_LENGTH, message)
        }
        status => finding(&rules::IMAGE_MISSING, format!("its status is {status}")),
    }
}

/// Returns the size of a file by the response to a request for its first byte, if the host says it.
fn size_of(response: &Response) -> Option<u64> {
    let size = match response.status {
        206 => response.header("content-range")?.rsplit_once('/')?.1,
        _ => response.header("content-length")?,
    };
    size.parse().ok()
}
