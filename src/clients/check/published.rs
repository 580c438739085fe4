//! Checks that the catalog still has all builds that the live site was published with.
//!
//! In: the identities of the catalog's builds, and the manifest of the live site. Out: a finding if a
//! build is missing. A lost or half-merged catalog would withdraw builds from phones. The local folder
//! cannot show this: if it is new, as in a pipeline, it has no manifest.

use std::collections::BTreeSet;

use super::discover::manifest_url;
use super::{fixes, rules};
use crate::fetch::{Fetch, fetch_found};
use crate::publish::writer::{MAX_PUBLISHED_MANIFEST, Manifest};
use ota_view::finding::Finding;

/// Compares the manifest of the site at `base` with the catalog.
///
/// A site without a manifest, where nothing was published yet, passes.
#[must_use]
pub fn compare(base: &str, site: &dyn Fetch, known: &BTreeSet<String>) -> Option<Finding> {
    let url = manifest_url(base);
    let response = match fetch_found(site, &url, MAX_PUBLISHED_MANIFEST) {
        Ok(response) => response?,
        Err(fault) => return Some(fixes::unreachable(&rules::SITE_NOT_COMPARED, &url, &fault)),
    };
    let Ok(Manifest { builds, .. }) = serde_json::from_slice(&response.body) else {
        let message = "the file there is not a manifest of romfeed";
        return Some(Finding::new(&rules::SITE_NOT_COMPARED, url, message));
    };
    let mut lost = builds.iter().filter(|build| !known.contains(*build));
    let example = lost.next()?;
    let message = match lost.count() {
        0 => format!("the catalog lacks a build published there (sha256 or id `{example}`)"),
        more => format!(
            "the catalog lacks {} builds published there (sha256 or id `{example}`)",
            more + 1
        ),
    };
    Some(Finding::new(&rules::BUILDS_LOST, url, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::{Fault, Request, Response};

    /// A site that gives the same answer to every request.
    struct Site(Result<(u16, &'static str), Fault>);

    impl Fetch for Site {
        fn fetch(&self, request: &Request<'_>) -> Result<Response, Fault> {
            let (status, body) = self.0.clone()?;
            Ok(Response {
                url: request.url.to_owned(),
                status,
                body: body.as_bytes().to_vec(),
                ..Response::default()
            })
        }
    }

    #[test]
    fn builds_of_the_live_site_must_be_in_the_catalog() {
        let known = ["a", "b"].map(str::to_owned).into();
        let compare = |response| {
            let found = compare("https://h", &Site(response), &known);
            found.map(|found| found.rule.id)
        };
        let of_known = r#"{"schema":1,"files":[],"builds":["a"]}"#;
        assert_eq!(compare(Ok((200, of_known))), None);
        let of_more = r#"{"schema":1,"files":[],"builds":["a","c"]}"#;
        assert_eq!(compare(Ok((200, of_more))), Some("builds-lost"));
        // Manifests of earlier versions have no builds; a new site has no manifest.
        assert_eq!(compare(Ok((200, r#"{"schema":1,"files":["x"]}"#))), None);
        assert_eq!(compare(Ok((404, "not here"))), None);
        assert_eq!(compare(Ok((503, ""))), Some("site-not-compared"));
        for damaged in ["<!doctype html>", r#"{"schema":1,"files":["#, "{}", ""] {
            assert_eq!(compare(Ok((200, damaged))), Some("site-not-compared"));
        }
        let fault = Fault::Timeout { seconds: 10 };
        assert_eq!(compare(Err(fault)), Some("site-not-compared"));
    }
}
