//! The body that Custota reads: the full package, then the deltas of single builds.
//!
//! In: text. Out: a [`List`]. Source: `UpdateInfo` in `UpdaterThread.kt` of Custota 6.4.

use super::super::entry::{Entry, List, ListFault};
use super::super::kotlinx::{Lexer, Next};
use super::fields::UPDATE_INFO;
use super::record::{
    FieldValue, NO_VALUE, ReadFault, Record, kind, number, read_record, text, wrong_value,
};
use super::syntax_fault;

/// The only version of the format that Custota reads.
const CUSTOTA_VERSION: i64 = 2;

/// Reads the full package first, then the deltas, each for one build.
pub(crate) fn read(text: &str) -> Result<List, ListFault> {
    let mut lexer = Lexer::new(text);
    let document = match lexer.next() {
        Next::Object => read_record(&mut lexer, UPDATE_INFO, false),
        found => Err(match kind(&found) {
            Some(found) => ReadFault::List(ListFault::Frame {
                found,
                expected: "an object",
            }),
            None => lexer.fault(NO_VALUE).into(),
        }),
    };
    let document = document.and_then(|document| {
        lexer.end()?;
        Ok(document)
    });
    let mut document = document.map_err(|fault| match fault {
        ReadFault::Syntax(syntax) => syntax_fault(text, syntax),
        ReadFault::Entry(fault) => ListFault::Body { fault },
        ReadFault::List(fault) => fault,
    })?;
    if number(&document, "version") != Some(CUSTOTA_VERSION) {
        let fault = wrong_value(&document, "version", "2");
        return Err(ListFault::Body { fault });
    }
    let mut list = List::default();
    if let Some(FieldValue::Object(full)) = document.remove("full") {
        list.entries.push(build(full, None));
    }
    if let Some(FieldValue::Map(deltas)) = document.remove("incremental") {
        let deltas = deltas.into_iter();
        let deltas = deltas.map(|(source, delta)| build(delta, Some(source)));
        list.entries.extend(deltas);
    }
    for (index, entry) in list.entries.iter_mut().enumerate() {
        entry.index = index;
    }
    Ok(list)
}

fn build(mut location: Record, source_digest: Option<String>) -> Entry {
    let url = text(&mut location, "location_ota");
    let path = url.split(['?', '#']).next().unwrap_or_default();
    Entry {
        filename: path.rsplit('/').next().unwrap_or_default().to_owned(),
        id: url.clone(),
        csig_url: Some(text(&mut location, "location_csig")),
        source_digest,
        url,
        ..Entry::default()
    }
}
