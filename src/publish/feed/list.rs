//! Lists of builds as text, within the length that clients read.

use crate::catalog::channels::{Offer, protected};

/// Renders a list of builds, given newest first, as text of at most `max_size` bytes.
///
/// Deltas and the two newest full builds of each romtype and version always stay in it, whatever
/// their length: the newest client deletes a half-downloaded build that disappears from its feed.
/// Other builds are added while they fit.
pub(super) fn render_list(
    offers: &[Offer<'_>],
    max_size: usize,
    [open, close]: [&str; 2],
    render_entry: &dyn Fn(&Offer<'_>) -> String,
) -> Vec<u8> {
    let mut entries: Vec<Option<String>> = offers
        .iter()
        .zip(protected(offers))
        .map(|(offer, is_protected)| is_protected.then(|| render_entry(offer)))
        .collect();
    // Each entry adds a comma and a line break, the frame at most two line breaks.
    let taken: usize = entries.iter().flatten().map(|entry| entry.len() + 2).sum();
    let mut left = max_size.saturating_sub(open.len() + close.len() + 2 + taken);
    for (offer, entry) in offers.iter().zip(&mut entries) {
        if entry.is_none() {
            let text = render_entry(offer);
            let Some(rest) = left.checked_sub(text.len() + 2) else {
                break;
            };
            left = rest;
            *entry = Some(text);
        }
    }
    let entries: Vec<String> = entries.into_iter().flatten().collect();
    join(open, &entries, close)
}

/// Joins entries, one per line, between an opening and a closing; so a change of one build changes
/// one line.
pub(super) fn join(open: &str, entries: &[String], close: &str) -> Vec<u8> {
    let mut text = open.to_owned();
    for (index, entry) in entries.iter().enumerate() {
        text.push_str(if index == 0 { "\n" } else { ",\n" });
        text.push_str(entry);
    }
    if !entries.is_empty() {
        text.push('\n');
    }
    text.push_str(close);
    text.push('\n');
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_one_entry_per_line() {
        assert_eq!(join("[", &[], "]"), b"[]\n");
        assert_eq!(join("[", &["1".into(), "2".into()], "]"), b"[\n1,\n2\n]\n");
    }
}
