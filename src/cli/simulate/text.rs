//! The output of `romfeed simulate` for people: the phone, a verdict for each updater with its reasons,
//! and what to change.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use romfeed::clients::simulate::prose::{self, moment, shown};
use romfeed::clients::simulate::{Check, Grounds, Instead, Outcome, Simulation, UriSource};
use romfeed::clients::updaters::{Address, Method, Row, Verdict, Warning, can_stream};
use romfeed::model::rom_settings;

use super::Results;
use crate::cli::report::Terminal;

/// Most entries of a list that are shown without `-v`.
const MAX_ROWS: usize = 4;
/// Widest line of advice, in characters.
const WIDTH: usize = 100;

/// Prints everything; with `-q`, the verdicts only.
pub(super) fn print(results: &Results, terminal: Terminal) -> io::Result<()> {
    if terminal.quiet {
        for simulation in &results.simulations {
            writeln!(io::stdout(), "{}", prose::verdict(simulation))?;
        }
        return Ok(());
    }
    let mut text = head(results);
    for simulation in &results.simulations {
        let listing = simulation.check.listing();
        let rows = listing.map_or(&[][..], |listing| &listing.rows[..]);
        let color = match rows.iter().any(|row| row.verdict.is_shown()) {
            true => "1;32",
            false => "1;33",
        };
        let verdict = prose::verdict(simulation);
        let _ = writeln!(text, "\n{}", terminal.paint_stdout(color, &verdict));
        details(&mut text, results, simulation, terminal);
    }
    if !results.advice.is_empty() {
        let _ = writeln!(text, "\n{}", terminal.paint_stdout("1", "what to change:"));
    }
    let all = results.simulations.len();
    for (advice, generations) in &results.advice {
        let ids: Vec<&str> = generations.iter().map(|one| one.id()).collect();
        let of = match ids.len() == all {
            true => String::new(),
            false => format!("{}: ", ids.join(", ")),
        };
        let end = if advice.lines.is_empty() { "." } else { ":" };
        wrap(&mut text, &format!("{of}{}{end}", advice.text));
        for line in &advice.lines {
            let _ = writeln!(text, "      {}", terminal.paint_stdout("36", line));
        }
    }
    io::stdout().write_all(text.as_bytes())
}

/// Describes the phone as its first updater sees it, and the site.
fn head(results: &Results) -> String {
    let mut text = String::new();
    let Some(first) = results.simulations.first() else {
        return text;
    };
    let phone = &first.phone;
    let or_none = |text: &str| match text {
        "" => "?".to_owned(),
        text => shown(text),
    };
    let mut facts = vec![
        or_none(&phone.device),
        format!(
            "{} {}",
            or_none(&phone.version),
            or_none(&phone.release_type)
        ),
        format!("incremental {}", or_none(&phone.incremental)),
        format!(
            "built {}",
            if phone.datetime == 0 {
                "?".to_owned()
            } else {
                moment(phone.datetime)
            }
        ),
        format!(
            "API level {}",
            if phone.sdk == 0 {
                "?".to_owned()
            } else {
                phone.sdk.to_string()
            }
        ),
    ];
    facts.extend(
        phone
            .next_device
            .as_ref()
            .map(|next| format!("asks as {}", shown(next))),
    );
    for (is_set, what) in [
        (phone.is_ab, "A/B"),
        (phone.allow_downgrading, "may go back"),
        (phone.allow_major_upgrades, "may change version"),
    ] {
        facts.extend(is_set.then(|| what.to_owned()));
    }
    let _ = writeln!(text, "phone    {}", facts.join(", "));
    if let [before @ .., last] = &results.inferred[..] {
        let before = match before {
            [] => String::new(),
            before => format!("{} and ", before.join(", ")),
        };
        let _ = writeln!(
            text,
            "         ({before}{last} not given: taken from the published builds)"
        );
    }
    let folder = results.folder.display().to_string();
    let site = match (results.is_live, results.has_base) {
        (true, _) => format!("{}, live", shown(&results.base)),
        (false, true) => format!("{} as {}", shown(&folder), results.base),
        (false, false) => format!(
            "{} as {} (no base_url is set)",
            shown(&folder),
            results.base
        ),
    };
    let _ = writeln!(text, "site     {site}");
    if let Some(grounds) = results.grounds {
        let ids: Vec<&str> = results
            .simulations
            .iter()
            .map(|one| one.generation.id())
            .collect();
        let why = match grounds {
            Grounds::Family => "of the ROM's family; --client chooses others",
            Grounds::Era => "by the phone's API level, date and version; --client chooses others",
            Grounds::Nothing => "all, since neither version nor API level is known",
        };
        let _ = writeln!(text, "updater  {} ({why})", ids.join(", "));
    }
    text
}

fn details(text: &mut String, results: &Results, simulation: &Simulation, terminal: Terminal) {
    let is_property = matches!(simulation.generation.address(), Address::Property(_));
    let source = match simulation.source {
        UriSource::Phone => "set on the phone",
        UriSource::Given => "as given",
        UriSource::Recommended if !is_property => "recommended; it is not stored in a property",
        UriSource::Recommended if results.subject.props.is_some() => {
            "recommended; the properties have none"
        }
        UriSource::Recommended => "recommended",
    };
    if terminal.verbosity > 0 {
        let value = &simulation.check.value;
        let len = match is_property {
            true => format!("; {} of {} bytes", value.len(), rom_settings::MAX_VALUE_LEN),
            false => String::new(),
        };
        let address = setting(simulation, value);
        let _ = writeln!(text, "  address  {address} ({source}{len})");
    }
    check_lines(text, simulation, &simulation.check, terminal);
    if let Some((instead, check)) = &simulation.instead {
        let mut what = Vec::new();
        if check.value != simulation.check.value {
            what.push(format!("with {}", setting(simulation, &check.value)));
        }
        if *instead == Instead::PostAnswered {
            what.push("if the host answered the POST with its files".to_owned());
        }
        let _ = writeln!(text, "  {}:", what.join(", "));
        check_lines(text, simulation, check, terminal);
    }
}

/// Describes the address and the property that holds it.
fn setting(simulation: &Simulation, value: &str) -> String {
    match simulation.property {
        "" => shown(value),
        property => format!("{property}={}", shown(value)),
    }
}

fn check_lines(text: &mut String, simulation: &Simulation, check: &Check, terminal: Terminal) {
    let verbose = terminal.verbosity > 0;
    if let Some(request) = &check.request {
        let method = match request.method {
            Method::Get => "GET",
            Method::Post => "POST",
        };
        let _ = writeln!(text, "  asks     {method} {}", shown(&request.url));
        if let Some(body) = request.body.as_ref().filter(|_| verbose) {
            let _ = writeln!(text, "           {}", shown(body));
        }
    }
    for answer in &check.responses {
        let content_type = answer.content_type.as_deref().unwrap_or("no content type");
        let to = answer.location.as_deref();
        let to = to.map_or_else(String::new, |to| format!(", to {}", shown(to)));
        let len = answer.body_len;
        let _ = writeln!(
            text,
            "  answer   {}, {}, {len} bytes{to}",
            answer.status,
            shown(content_type)
        );
    }
    if let Some(fault) = prose::fault(check) {
        let _ = writeln!(
            text,
            "  {}    {fault}",
            terminal.paint_stdout("1;31", "fails")
        );
    }
    let Outcome::Listed { listing, notifies } = &check.outcome else {
        return;
    };
    let max = if verbose { usize::MAX } else { MAX_ROWS };
    for row in listing.rows.iter().take(max) {
        row_lines(text, simulation, row, terminal);
        for problem in check.problems.get(&row.entry.index).into_iter().flatten() {
            let _ = writeln!(text, "           warning: {}", shown(&problem.to_string()));
        }
    }
    if let Some(more) = listing.rows.len().checked_sub(max).filter(|n| *n > 0) {
        let _ = writeln!(text, "           … and {more} more; -v shows them");
    }
    for dropped in listing.dropped.iter().take(max) {
        let _ = writeln!(text, "  dropped  {}", shown(&dropped.to_string()));
    }
    if let Some(delta) = &check.delta {
        let status = match &delta.status {
            Ok(status) => status.to_string(),
            Err(fault) => shown(&fault.to_string()),
        };
        let starts = if delta.starts {
            "the download starts"
        } else {
            "no download starts"
        };
        let _ = writeln!(
            text,
            "  delta    POST {}: {status}, {starts}",
            shown(&delta.url)
        );
    }
    match notifies {
        None => {}
        Some(Ok(true)) => {
            text.push_str("  notifies yes: there is something the last check did not show\n")
        }
        Some(Ok(false)) => {
            text.push_str("  notifies no: nothing that the last check did not show\n")
        }
        Some(Err(fault)) => {
            let _ = writeln!(
                text,
                "  notifies no: with the last body every check fails until the updater's data is cleared: {}",
                shown(&fault.to_string())
            );
        }
    }
}

fn row_lines(text: &mut String, simulation: &Simulation, row: &Row, terminal: Terminal) {
    let verbose = terminal.verbosity > 0;
    let entry = &row.entry;
    let color = match row.verdict {
        Verdict::Offered => "32",
        Verdict::Blocked(_) => "33",
        Verdict::Hidden(_) => "2",
    };
    let word = format!("{:8}", prose::verdict_word(&row.verdict));
    let word = terminal.paint_stdout(color, &word);
    let filename = shown(&entry.filename);
    let about = match prose::verdict_reason(&row.verdict) {
        Some(reason) => reason,
        None => {
            let streams = can_stream(simulation.generation, entry, &simulation.phone);
            let streams = if streams {
                ", installs while streaming"
            } else {
                ""
            };
            match simulation.generation.reads_date() {
                true => format!("datetime {}{streams}", moment(entry.datetime)),
                false => shown(&entry.url),
            }
        }
    };
    let _ = writeln!(text, "  {word} {filename}: {about}");
    if verbose {
        let size = entry
            .size
            .map_or_else(String::new, |size| format!(", {size} bytes"));
        let facts = format!(
            "version {}, romtype {}, datetime {}{size}, id {}",
            entry.version,
            entry.romtype,
            moment(entry.datetime),
            entry.id
        );
        let _ = writeln!(text, "           {}", shown(&facts));
        let _ = writeln!(text, "           {}", shown(&entry.url));
    }
    for warning in &row.warnings {
        let _ = writeln!(
            text,
            "           warning: {}",
            shown(&Warning::to_string(warning))
        );
    }
}

/// Adds an item of a list, with line breaks between words.
fn wrap(text: &mut String, item: &str) {
    let mut line = String::from("  -");
    for word in item.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > WIDTH && line.len() > 4 {
            text.push_str(&line);
            text.push('\n');
            line = "   ".to_owned();
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}
