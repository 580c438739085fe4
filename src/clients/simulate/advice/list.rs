//! Advice on a list that was read but does not offer the right build.

use std::collections::BTreeSet;

use crate::clients::updaters::{
    Dropped, Generation, ListFault, Listing, Reason, Row, Verdict, Warning,
};
use crate::model::entry_rules::Problem;

use super::super::Check;
use super::super::prose::{day, moment, shown};
use super::{Advice, Case};

/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;
/// Maximum difference between a build's own time and a wrong one in seconds: a wrong time is usually
/// that of copying or uploading the zip, on the day in its name or the next.
const MAX_COPY: i64 = 2 * DAY;

impl Case<'_> {
    pub(super) fn on_list(&self, check: &Check, listing: &Listing) -> Vec<Advice> {
        let rows = &listing.rows;
        let mut advice = Vec::new();
        advice.extend(check.stored_body_fault().map(on_stored_body));
        if rows.is_empty() && listing.dropped.is_empty() {
            advice.push(self.on_empty(check));
        }
        let mut offered = rows.iter().filter(is_offered);
        advice.extend(offered.find_map(|row| self.is_installed(row, rows)));
        advice.extend(self.mixed(rows));
        let warnings = rows.iter().flat_map(|row| &row.warnings);
        advice.extend(warnings.filter_map(on_warning));
        advice.extend(on_problems(check, rows));
        advice.extend(listing.dropped.first().map(|first| self.on_dropped(first)));
        advice.extend(self.on_reasons(rows));
        if is_stuck(check) {
            advice.push(Advice::new(
                "delta-refused",
                "before a download, this updater requests a delta by POST, and without a response no download \
                 starts: the host must answer that too, for example with the settings from `romfeed init --host \
                 nginx`",
            ));
        }
        advice
    }

    fn on_dropped(&self, dropped: &Dropped) -> Advice {
        let dropped = shown(&dropped.to_string());
        Advice::new(
            "dropped-entry",
            match self.fork_setting() {
                Some(setting) => format!(
                    "{dropped}: the updater leaves it out silently. {} reads the file that {setting} in \
                     romfeed.toml makes",
                    self.generation().name()
                ),
                None => format!(
                    "{dropped}: the updater leaves it out silently. `romfeed generate` writes no such entries"
                ),
            },
        )
    }

    /// Advises on the reasons for which entries are not offered, newest first and one of each kind.
    fn on_reasons(&self, rows: &[Row]) -> Vec<Advice> {
        let has_offered = rows.iter().any(|row| is_offered(&row));
        let mut advice = Vec::new();
        let mut causes = BTreeSet::new();
        let mut has_old = false;
        let mut by_date: Vec<&Row> = rows.iter().collect();
        by_date.sort_by_key(|row| std::cmp::Reverse(row.entry.datetime));
        for row in by_date {
            let (Verdict::Hidden(reason) | Verdict::Blocked(reason)) = &row.verdict else {
                continue;
            };
            // Of older entries only the newest matters, and only if nothing newer is offered.
            let is_old = matches!(reason, Reason::NotLater { .. } | Reason::Earlier { .. });
            if is_old && (has_offered || std::mem::replace(&mut has_old, true)) {
                continue;
            }
            let on_reason = self.on_reason(row, reason, rows);
            advice.extend(causes.insert(on_reason.cause).then_some(on_reason));
        }
        advice
    }

    fn on_empty(&self, check: &Check) -> Advice {
        let incremental = &self.simulation.phone.incremental;
        let url = check.request.as_ref().map_or("", |request| &request.url);
        let is_own = !incremental.is_empty() && url.ends_with(&format!("/{incremental}"));
        Advice::new(
            "empty-list",
            match is_own {
                true => {
                    "the list for this build is empty: nothing newer of its version is published. If there \
                     should be something, look at `romfeed catalog list` (held, yanked, or of another version), \
                     and at major_upgrades = \"list\" for other versions"
                }
                false => {
                    "no build is listed: look at `romfeed catalog list`, then generate and upload again"
                }
            },
        )
    }

    /// Recognises the installed build that is offered again, the most frequent complaint.
    fn is_installed(&self, row: &Row, rows: &[Row]) -> Option<Advice> {
        let (phone, entry) = (&self.simulation.phone, &row.entry);
        let later = entry.datetime.checked_sub(phone.datetime)?;
        if phone.datetime == 0 || phone.allow_downgrading {
            return None;
        }
        let is_named = self.subject.filename.as_ref() == Some(&entry.filename)
            || (entry.incremental.is_some()
                && entry.incremental.as_ref() == Some(&phone.incremental));
        let built_on = day(phone.datetime).replace('-', "");
        // An entry with the phone's own time is the installed build.
        let is_listed = rows.iter().any(|row| row.entry.datetime == phone.datetime);
        let is_likely =
            !is_listed && (1..MAX_COPY).contains(&later) && entry.filename.contains(&built_on);
        let filename = shown(&entry.filename);
        if later == 0 && self.generation() == Generation::First15 {
            return Some(Advice::new(
                "offers-itself",
                format!(
                    "{filename} is the build the phone runs: the first updater of LineageOS 15 also lists \
                     builds of the same time. Lists of single builds (`/api`) leave it out"
                ),
            ));
        }
        // CyanogenMod 11 lists nightly builds of any date, including the installed one.
        (later > 0 && (is_named || is_likely)).then(|| {
            let certainly = if is_named { "is" } else { "seems to be" };
            Advice::new(
                "installed-offered",
                format!(
                    "{filename} {certainly} the build the phone runs, yet listed with datetime {}, {} later than \
                     the phone's {}: it is offered for ever. The feed must give the build's own \
                     ro.build.date.utc, not the time of its file or upload; romfeed takes it from the zip, \
                     unless [[override]] or an imported feed says otherwise",
                    moment(entry.datetime),
                    span(later),
                    moment(phone.datetime)
                ),
            )
        })
    }

    /// Recognises builds of one day and version whose names differ in more than numbers.
    fn mixed(&self, rows: &[Row]) -> Option<Advice> {
        let letters = |row: &Row| -> String {
            let name = row.entry.filename.chars();
            name.filter(|c| !c.is_ascii_digit()).collect()
        };
        let is_mixed = |a: &Row, b: &Row| {
            // A delta has the same time as its full build.
            a.entry.version == b.entry.version
                && (1..DAY.unsigned_abs()).contains(&a.entry.datetime.abs_diff(b.entry.datetime))
                && letters(a) != letters(b)
        };
        let pairs = rows.windows(2).filter_map(|pair| match pair {
            [a, b] if is_mixed(a, b) && (a.verdict.is_shown() || b.verdict.is_shown()) => {
                Some((a, b))
            }
            _ => None,
        });
        let (a, b) = pairs.into_iter().next()?;
        Some(Advice::new(
            "mixed-variants",
            format!(
                "{} and {} are of one day, in one list, and named differently: if they are variants (with and \
                 without GApps), each phone is offered the other's. Set up [[variant]] in romfeed.toml, which \
                 gives each variant its own address",
                shown(&a.entry.filename),
                shown(&b.entry.filename)
            ),
        ))
    }
}

fn is_offered(row: &&Row) -> bool {
    row.verdict == Verdict::Offered
}

fn on_stored_body(fault: &ListFault) -> Advice {
    Advice::new(
        "unreadable-previous",
        format!(
            "the updater compares with the stored body of its last check, which is not a list ({}): clear its \
             data on the phone (Settings, Apps, Updater), and make sure that the host never answers 200 with \
             anything but a list",
            shown(&fault.to_string())
        ),
    )
}

/// Advises on the problems that entries have for every phone, one of each kind.
fn on_problems(check: &Check, rows: &[Row]) -> Vec<Advice> {
    let problems = check.problems.iter().flat_map(|(index, problems)| {
        let row = rows.iter().find(|row| row.entry.index == *index);
        problems
            .iter()
            .filter_map(move |problem| Some((row?, problem)))
    });
    let mut causes = BTreeSet::new();
    problems
        .map(|(row, problem)| on_problem(row, problem))
        .filter(|advised| causes.insert(advised.cause))
        .collect()
}

/// Returns whether no download starts because the request for a delta fails.
fn is_stuck(check: &Check) -> bool {
    check.delta.as_ref().is_some_and(|delta| !delta.starts)
}

/// Advises on an entry with a problem for every phone.
fn on_problem(row: &Row, problem: &Problem) -> Advice {
    let cause = match problem {
        Problem::Milliseconds { .. } => "milliseconds",
        Problem::Padded { .. } | Problem::NumberForText { .. } => "bad-text",
        Problem::NoSize { .. } => "no-size",
        Problem::OtherName { .. } => "other-name",
        _ => "bad-date",
    };
    Advice::new(
        cause,
        format!(
            "{}: {}",
            shown(&row.entry.filename),
            shown(&problem.to_string())
        ),
    )
}

/// Advises on a warning, if there is more to say than the warning itself.
fn on_warning(warning: &Warning) -> Option<Advice> {
    Some(match warning {
        Warning::CleartextUrl { .. } | Warning::RelativeUrl { .. } => Advice::new(
            "download-address",
            "the address of a package must begin with https://: set `url` or `base_url`",
        ),
        Warning::RepeatedId { .. } => Advice::new(
            "same-id",
            "entries share an id: each build needs its own, or one takes the address of the other",
        ),
        _ => return None,
    })
}

/// Formats a duration as `3 h 20 min`.
fn span(seconds: i64) -> String {
    let (hours, minutes) = (seconds / 3_600, seconds % 3_600 / 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}
