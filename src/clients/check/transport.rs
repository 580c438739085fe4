//! Redirects, status, content type and length of a list: which updaters accept the response.
//!
//! In: the responses, redirects first, and the generations of updaters that read the list. Out: the
//! generations that read the body, and a fault for the others.

use std::collections::BTreeMap;

use super::rules;
use crate::clients::updaters::{Generation, TransportFault, UpdaterResponse, accept};
use crate::fetch::Response;
use ota_view::finding::Rule;

/// Returns whether most phones, which follow redirects, read the body that these responses end with.
pub(super) fn is_accepted(responses: &[Response]) -> bool {
    let (accepting, _) = judge(&[Generation::Java22], responses);
    !accepting.is_empty()
}

/// Returns the generations that read the body, and each fault that stops others, once.
pub(super) fn judge(
    readers: &[Generation],
    responses: &[Response],
) -> (Vec<Generation>, Vec<(&'static Rule, String)>) {
    let urls: Vec<&str> = responses.iter().map(|one| one.url.as_str()).collect();
    let Some(last) = responses.last() else {
        return (Vec::new(), Vec::new());
    };
    let mut accepting = Vec::new();
    let response = UpdaterResponse {
        urls: &urls,
        status: last.status,
        content_type: last.header("content-type"),
        body_len: last.body.len(),
    };
    let mut faults: BTreeMap<String, (&'static Rule, Vec<Generation>)> = BTreeMap::new();
    for generation in readers {
        let Err(fault) = accept(*generation, &response) else {
            accepting.push(*generation);
            continue;
        };
        let rule = match fault {
            TransportFault::Redirect { .. } | TransportFault::TooManyRedirects { .. } => {
                &rules::FEED_REDIRECT
            }
            TransportFault::OtherScheme { .. } => &rules::FEED_SCHEME,
            TransportFault::Status { .. } => &rules::FEED_STATUS,
            TransportFault::ContentType { .. } => &rules::FEED_CONTENT_TYPE,
            TransportFault::TooLong { .. } => &rules::FEED_TOO_LONG,
        };
        let (_, generations) = faults
            .entry(general_message(fault, urls[0]))
            .or_insert((rule, Vec::new()));
        generations.push(*generation);
    }
    let faults = faults.into_iter();
    let faults = faults.map(|(fault, (rule, of))| (rule, with_generations(fault, &of, readers)));
    (accepting, faults.collect())
}

/// Appends the names of the generations that a fault affects, unless it affects all readers.
pub(super) fn with_generations(
    fault: String,
    generations: &[Generation],
    readers: &[Generation],
) -> String {
    if generations.len() == readers.len() {
        return fault;
    }
    let names: Vec<&str> = generations.iter().map(|one| one.name()).collect();
    format!("{fault} ({})", names.join(", "))
}

/// Describes a fault without the part that is specific to one list, so that the same fault of many
/// lists is one finding.
fn general_message(fault: TransportFault, requested: &str) -> String {
    match fault {
        TransportFault::Redirect { to } => {
            let [_, to] = without_common_end(requested, &to);
            TransportFault::Redirect { to }.to_string()
        }
        TransportFault::OtherScheme { from, to } => {
            let [from, to] = without_common_end(&from, &to);
            TransportFault::OtherScheme { from, to }.to_string()
        }
        fault => fault.to_string(),
    }
}

/// Replaces the path segments at the end that two addresses have in common by `…`.
fn without_common_end(a: &str, b: &str) -> [String; 2] {
    let paths = [a, b].map(|url| url.splitn(4, '/').nth(3).unwrap_or_default());
    let [of_a, of_b] = paths.map(|path| path.rsplit('/'));
    let common = of_a.zip(of_b).take_while(|(one, other)| one == other);
    let common_len: usize = common.map(|(part, _)| part.len() + 1).sum();
    [a, b].map(|url| match url.len().checked_sub(common_len) {
        Some(len) if common_len > 0 => format!("{}/…", &url[..len]),
        _ => url.to_owned(),
    })
}
