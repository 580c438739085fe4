//! The list that a phone shows: every entry with its verdict, in the order of the screen.
//!
//! In: a body and the [`Phone`]. Out: a [`Listing`]. Sources: `UpdatesSettings.updateLayout`
//! of CMUpdater, `UpdatesActivity.loadUpdatesList`, `UpdaterController.addUpdate` and
//! `UpdatesCheckReceiver` of Updater, `UpdatesRepository.fetchUpdates` in Kotlin.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Dropped, Entry, Generation, ListFault, Phone, Reason, Verdict, Warning, java, judge, read,
    warnings,
};

/// The list that a phone shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// The entries that the updater reads, in the order of its screen, including hidden ones.
    pub rows: Vec<Row>,
    /// The entries it drops, in the order of the body.
    pub dropped: Vec<Dropped>,
}

/// An entry with its verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The entry as it is shown; for a repeated id, with the address that is used (E9).
    pub entry: Entry,
    /// The updater's verdict on it.
    pub verdict: Verdict,
    /// Faults that show later.
    pub warnings: Vec<Warning>,
}

/// Reads a body as this generation does, and judges its entries for this phone.
///
/// Entries with equal times, whose order on a phone is arbitrary (F7), stay in the order of the body.
///
/// # Errors
/// [`ListFault`], if the updater reads nothing from the body.
pub fn assess(generation: Generation, body: &[u8], phone: &Phone) -> Result<Listing, ListFault> {
    let list = read(generation, body)?;
    let mut rows: Vec<Row> = list
        .entries
        .into_iter()
        .map(|entry| Row {
            verdict: judge(generation, &entry, phone),
            warnings: warnings(generation, &entry),
            entry,
        })
        .collect();
    if !generation.is_cmupdater() && !generation.is_no_list() {
        merge_repeated(generation, &mut rows);
    }
    sort(generation, &mut rows, phone);
    Ok(Listing {
        rows,
        dropped: list.dropped,
    })
}

/// Returns whether a background check that gets this body notifies the user of new builds (F6).
///
/// `old` is the body of the last successful check, `None` if there was none. CMUpdater, and updaters
/// whose body names one build, ignore it: they notify of any newer build, at every check.
///
/// # Errors
/// [`ListFault`], if the updater reads nothing from the new body. For the Updater in Java, also if it
/// reads nothing from the old one: its checks then fail until its data is cleared (P7).
pub fn notifies(
    generation: Generation,
    old: Option<&[u8]>,
    new: &[u8],
    phone: &Phone,
) -> Result<bool, ListFault> {
    let shown = |body: &[u8]| -> Result<BTreeSet<String>, ListFault> {
        let entries = read(generation, body)?.entries.into_iter();
        let shown = entries.filter(|entry| judge(generation, entry, phone).is_shown());
        Ok(shown.map(|entry| entry.id).collect())
    };
    let ids = match (generation, old) {
        _ if generation.is_cmupdater() || generation.is_no_list() => {
            return Ok(!shown(new)?.is_empty());
        }
        // The database stores what was shown; a failed check does not change it.
        _ if generation.is_kotlin() => old.and_then(|old| shown(old).ok()).unwrap_or_default(),
        // The first body is stored without being read.
        (_, None) => return Ok(false),
        (_, Some(old)) => shown(old)?,
    };
    let is_known = !generation.is_kotlin() || !ids.is_empty();
    let new = shown(new)?;
    Ok(is_known && !new.is_subset(&ids))
}

/// Merges shown rows with the same id into one (E9).
fn merge_repeated(generation: Generation, rows: &mut [Row]) {
    let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, row) in rows.iter().enumerate() {
        if row.verdict.is_shown() {
            places.entry(row.entry.id.clone()).or_default().push(place);
        }
    }
    for (id, places) in places {
        let (Some(first), Some(last)) = (places.first(), places.last()) else {
            continue;
        };
        // The controller in Java keeps the first row and updates its address; the database of the
        // revisions in Kotlin keeps the last row.
        let remaining = if generation.is_kotlin() {
            *last
        } else {
            *first
        };
        let url = rows[*last].entry.url.clone();
        let index = rows[remaining].entry.index;
        let others = places.iter().copied();
        let others: Vec<usize> = others.filter(|place| *place != remaining).collect();
        if others.is_empty() {
            continue;
        }
        for place in &others {
            let id = id.clone();
            rows[*place].verdict = Verdict::Hidden(Reason::SameId { id, index });
        }
        let others = others.iter().map(|place| rows[*place].entry.index);
        let others = others.collect();
        let row = &mut rows[remaining];
        row.entry.url = url;
        row.warnings = warnings(generation, &row.entry);
        row.warnings.push(Warning::RepeatedId { id, others });
    }
}

/// Sorts rows, newest first; CMUpdater sorts by the name that it shows (F7).
fn sort(generation: Generation, rows: &mut [Row], phone: &Phone) {
    match generation.is_cmupdater() {
        true => rows.sort_by(|a, b| {
            let [a, b] = [a, b].map(|row| shown_name(&row.entry.filename, &phone.device));
            java::compare(&b, &a)
        }),
        false => rows.sort_by_key(|row| std::cmp::Reverse(row.entry.datetime)),
    }
}

/// `UpdateInfo.extractUiName`: the file name without the device and the extension.
fn shown_name(filename: &str, device: &str) -> String {
    let name = filename.strip_suffix(".zip").unwrap_or(filename);
    let device = format!("-{device}");
    let name = name.replace(&format!("{device}-"), "");
    name.replace(&device, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone() -> Phone {
        Phone {
            device: "dev".to_owned(),
            release_type: "nightly".to_owned(),
            version: "21.0".to_owned(),
            datetime: 1_700_000_000,
            sdk: 34,
            ..Phone::default()
        }
    }

    /// An entry of a list below `response`, some seconds after the phone's build.
    fn entry(id: &str, filename: &str, seconds: i64) -> String {
        let datetime = 1_700_000_000 + seconds;
        format!(
            r#"{{"datetime":{datetime},"filename":"{filename}","id":"{id}","romtype":"nightly","size":9,"url":"https://h/{filename}","version":"21.0"}}"#
        )
    }

    fn body(entries: &[String]) -> Vec<u8> {
        format!(r#"{{"response":[{}]}}"#, entries.join(",")).into_bytes()
    }

    fn names(generation: Generation, entries: &[String]) -> Vec<String> {
        let listing = assess(generation, &body(entries), &phone()).unwrap();
        let shown = listing
            .rows
            .into_iter()
            .filter(|row| row.verdict.is_shown());
        shown.map(|row| row.entry.filename).collect()
    }

    #[test]
    fn rows_are_sorted_by_time_or_by_name() {
        let entries = [
            entry("a", "x-1-dev.zip", 2),
            entry("b", "x-3-dev.zip", 1),
            entry("c", "x-2-dev.zip", 3),
            entry("d", "x-4-dev.zip", -1),
        ];
        let by_time = ["x-2-dev.zip", "x-1-dev.zip", "x-3-dev.zip"];
        let by_name = ["x-3-dev.zip", "x-2-dev.zip", "x-1-dev.zip"];
        assert_eq!(names(Generation::Java22, &entries), by_time);
        assert_eq!(names(Generation::KotlinV1, &entries), by_time);
        assert_eq!(names(Generation::Cm14, &entries), by_name);
        assert_eq!(shown_name("cm-14.1-dev-x.zip", "dev"), "cm-14.1x");
    }

    #[test]
    fn repeated_ids_make_one_row() {
        let entries = [
            entry("a", "1", 1),
            entry("a", "2", 2),
            entry("b", "3", 3),
            // Hidden, so it is not merged.
            entry("a", "4", -4),
        ];
        let row = |generation: Generation| {
            let listing = assess(generation, &body(&entries), &phone()).unwrap();
            let mut rows = listing.rows.into_iter();
            rows.find(|row| row.entry.id == "a" && row.verdict.is_shown())
        };
        let java = row(Generation::Java22).unwrap();
        assert_eq!(
            (&*java.entry.filename, &*java.entry.url),
            ("1", "https://h/2")
        );
        assert_eq!(
            java.warnings.last().unwrap().to_string(),
            "its id `a` is also that of entry 1, so the updater shows only one of them"
        );
        let kotlin = row(Generation::KotlinV1).unwrap();
        assert_eq!(
            (&*kotlin.entry.filename, &*kotlin.entry.url),
            ("2", "https://h/2")
        );
        assert_eq!(names(Generation::Java22, &entries), ["3", "1"]);
        assert_eq!(names(Generation::KotlinV1, &entries), ["3", "2"]);
        assert_eq!(names(Generation::Cm14, &entries), ["3", "2", "1"]);
        let listing = assess(Generation::Java22, &body(&entries), &phone()).unwrap();
        let Verdict::Hidden(reason) = &listing.rows[1].verdict else {
            panic!("{listing:?}");
        };
        assert_eq!(
            reason.to_string(),
            "entry 0 has the same id `a` and replaces it"
        );
    }

    #[test]
    fn user_is_notified_of_ids_not_seen_before() {
        let [a, b, old] = [entry("a", "1", 1), entry("b", "2", 2), entry("c", "3", -3)];
        let none = body(&[]);
        let one = body(std::slice::from_ref(&a));
        let two = body(&[a, b]);
        let hidden = body(&[old]);
        let notify = |generation: Generation, old: Option<&[u8]>, new: &[u8]| {
            notifies(generation, old, new, &phone()).unwrap()
        };
        // Old list, new list, and whether CMUpdater, Java and Kotlin notify the user.
        for (old, new, expected) in [
            (None, &one, [true, false, false]),
            (Some(&none), &one, [true, true, false]),
            (Some(&hidden), &one, [true, true, false]),
            (Some(&one), &one, [true, false, false]),
            (Some(&one), &two, [true, true, true]),
            (Some(&two), &one, [true, false, false]),
            (Some(&one), &hidden, [false, false, false]),
        ] {
            let old = old.map(Vec::as_slice);
            let generations = [Generation::Cm14, Generation::Java22, Generation::KotlinV1];
            let notified = generations.map(|generation| notify(generation, old, new));
            assert_eq!(notified, expected, "{old:?} {new:?}");
        }
    }

    #[test]
    fn unreadable_old_body_breaks_every_check_of_the_updater_in_java() {
        let new = body(&[entry("a", "1", 1)]);
        let page: &[u8] = b"<!doctype html>";
        let notify = |generation, old, new| notifies(generation, old, new, &phone());
        assert_eq!(notify(Generation::Java22, None, page), Ok(false));
        assert!(notify(Generation::Java22, Some(page), &new).is_err());
        assert_eq!(notify(Generation::KotlinV1, Some(page), &new), Ok(false));
        assert_eq!(notify(Generation::Cm14, Some(page), &new), Ok(true));
        assert!(notify(Generation::Cm14, None, page).is_err());
    }
}
