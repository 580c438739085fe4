//! The known words that are most like a mistyped one.

/// Maximum number of words in a suggestion.
const MAX_NEAR: usize = 3;
/// Minimum length of a word that is looked for inside of others.
const MIN_PART: usize = 3;

/// Returns the known word that is most like a mistyped one. At most a third of its letters may differ, and
/// no other word may be as near.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let known = known.into_iter();
    let distances = known.map(|other| (distance(&word, &other.to_lowercase()), other));
    let mut distances: Vec<(usize, &str)> = distances.collect();
    distances.sort_unstable();
    distances.dedup();
    let (distance, near) = *distances.first()?;
    let is_only = distances.get(1).is_none_or(|(next, _)| *next > distance);
    (is_only && is_near(distance, near)).then_some(near)
}

/// Returns `did you mean` with the few known words that are most like a mistyped one, or that contain it;
/// `None` if there are none.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let word = word.to_lowercase();
    let mut near: Vec<(usize, &str)> = known
        .into_iter()
        .map(|other| (distance(&word, &other.to_lowercase()), other))
        .filter(|(distance, other)| {
            is_near(*distance, other) || (word.len() >= MIN_PART && other.contains(&word))
        })
        .collect();
    near.sort_unstable();
    near.dedup();
    let near: Vec<String> = near
        .iter()
        .take(MAX_NEAR)
        .map(|(_, other)| format!("`{other}`"))
        .collect();
    let (last, others) = near.split_last()?;
    Some(match others {
        [] => format!("did you mean {last}?"),
        others => format!("did you mean {} or {last}?", others.join(", ")),
    })
}

fn is_near(distance: usize, word: &str) -> bool {
    distance <= word.chars().count().div_ceil(3)
}

/// Returns how many letters must be added, removed, replaced or swapped with the next one to turn one word into the
/// other.
fn distance(word: &str, other: &str) -> usize {
    let (word, other): (Vec<char>, Vec<char>) = (word.chars().collect(), other.chars().collect());
    let first: Vec<usize> = (0..=other.len()).collect();
    let (mut before, mut row) = (first.clone(), first);
    for (nth, letter) in word.iter().enumerate() {
        let mut next = vec![nth + 1];
        for (at, same) in other.iter().enumerate() {
            let replaced = row[at] + usize::from(letter != same);
            let mut least = replaced.min(row[at + 1] + 1).min(next[at] + 1);
            if nth > 0 && at > 0 && *letter == other[at - 1] && word[nth - 1] == *same {
                least = least.min(before[at - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_words_are_suggested_and_far_ones_are_not() {
        let known = ["zip-gzip", "zip-status", "feed-status", "signature-missing"];
        assert_eq!(nearest("zip-gzp", known), Some("zip-gzip"));
        assert_eq!(nearest("colour", known), None);
        let mean = |word: &str| did_you_mean(word, known);
        assert_eq!(mean("zip-gzp").as_deref(), Some("did you mean `zip-gzip`?"));
        assert_eq!(
            mean("status").as_deref(),
            Some("did you mean `zip-status` or `feed-status`?")
        );
        assert_eq!(mean("colour"), None);
        assert_eq!(mean(""), None);
        let updaters = ["15.0", "22", "22.1", "23", "custota"];
        assert_eq!(
            did_you_mean("24", updaters).as_deref(),
            Some("did you mean `22` or `23`?")
        );
    }

    #[test]
    fn the_nearest_word_differs_in_few_letters() {
        let known = ["enchilada", "bacon", "v1", "bacon"];
        assert_eq!(nearest("enchilda", known), Some("enchilada"));
        assert_eq!(nearest("Bacon", known), Some("bacon"));
        assert_eq!(nearest("v2", known), Some("v1"));
        assert_eq!(nearest("fajita", known), None);
        assert_eq!(nearest("v3", ["v1", "v2"]), None);
        assert_eq!(nearest("ulr", ["url", "api", "base"]), Some("url"));
        assert_eq!(nearest("bacon", []), None);
    }
}
