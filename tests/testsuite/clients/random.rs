//! Reading a body never panics, however broken it is.

use proptest::prelude::*;
use proptest::sample::Index;
use romfeed::clients::updaters::{assess, notifies};

use super::tests::{feed, good_entry, phone};
use super::*;

/// Fragments that get far into a parser.
const PIECES: [&str; 24] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    ";",
    "=",
    "=>",
    "\"",
    "'",
    "\\",
    "\\u",
    "\\ud83d",
    "//",
    "#",
    "/*",
    "*/",
    "null",
    "NaN",
    "1e999",
    "-0.0",
    "\u{feff}",
    "\u{1f600}",
];

fn read_by_all(body: &[u8]) {
    for generation in Generation::ALL {
        if let Ok(listing) = assess(generation, body, &phone()) {
            let places = listing.rows.iter().map(|row| row.entry.index);
            let places = places.chain(listing.dropped.iter().map(|dropped| dropped.index));
            let mut places: Vec<usize> = places.collect();
            places.sort_unstable();
            let count = places.len();
            assert_eq!(places, (0..count).collect::<Vec<_>>(), "each entry once");
        }
        let _ = notifies(generation, Some(body), body, &phone());
    }
}

proptest! {
    #[test]
    fn bytes_are_read_without_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        read_by_all(&body);
    }

    #[test]
    fn fragments_are_read_without_panic(pieces in proptest::collection::vec(0..PIECES.len(), 0..60)) {
        let body: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
        read_by_all(body.as_bytes());
        read_by_all(format!("{{response:[{body}").as_bytes());
    }

    #[test]
    fn broken_feeds_are_read_without_panic(
        generation in proptest::sample::select(Generation::ALL.to_vec()),
        changes in proptest::collection::vec((any::<Index>(), any::<Index>(), 0..PIECES.len()), 1..6),
    ) {
        let entry = good_entry(generation);
        let mut body = feed(generation, &[entry, entry, "null"]).into_bytes();
        for (start, len, piece) in changes {
            let start = start.index(body.len() + 1);
            let end = start + len.index(body.len() - start + 1).min(8);
            body.splice(start..end, PIECES[piece].bytes());
        }
        read_by_all(&body);
    }
}

#[test]
fn long_bodies_take_little_time() {
    let many = |piece: &str| piece.repeat(100_000);
    for body in [
        many("["),
        many("{a:"),
        format!("{{response:[{}", many(",")),
        format!("{{response:[{}]}}", many("{},")),
        format!("{{{}a:1}}", many("a:1,")),
        format!("{{{}}}", many("/**/")),
        format!("[\"{}\"]", many("\\u0041")),
    ] {
        read_by_all(body.as_bytes());
    }
}
