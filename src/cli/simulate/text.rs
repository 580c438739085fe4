//! The output of `romfeed simulate` for people: the phone, a verdict for each updater with its reasons,
//! and what to change.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use romfeed::clients::simulate::prose::{self, moment, shown};
use romfeed::clients::simulate::{
    Check, DeltaResponse, Grounds, Instead, Outcome, Simulation, UriSource,
};
use romfeed::clients::updaters::{
    Address, Entry, Listing, Method, Phone, Row, Verdict, Warning, can_stream,
};
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
    advice_lines(&mut text, results, terminal);
    io::stdout().write_all(text.as_bytes())
}

fn advice_lines(text: &mut String, results: &Results, terminal: Terminal) {
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
        wrap(text, &format!("{of}{}{end}", advice.text));
        for line in &advice.lines {
            let _ = writeln!(text, "      {}", terminal.paint_stdout("36", line));
        }
    }
}

/// Describes the phone as its first updater sees it, the site, and the choice of the updaters.
fn head(results: &Results) -> String {
    let Some(first) = results.simulations.first() else {
        return String::new();
    };
    let facts = phone_facts(&first.phone, results.variant.as_deref());
    let mut text = format!("phone    {}\n", facts.join(", "));
    if let [others @ .., last] = &results.inferred[..] {
        let others = match others {
            [] => String::new(),
            others => format!("{} and ", others.join(", ")),
        };
        let _ = writeln!(
            text,
            "         ({others}{last} not given: taken from the published builds)"
        );
    }
    let _ = writeln!(text, "site     {}", describe_site(results));
    if let Some(grounds) = results.grounds {
        let simulations = results.simulations.iter();
        let ids: Vec<&str> = simulations.map(|one| one.generation.id()).collect();
        let why = match grounds {
            Grounds::Family => "of the ROM's family; --client chooses others",
            Grounds::Era => "by the phone's API level, date and version; --client chooses others",
            Grounds::Nothing => "all, since neither version nor API level is known",
        };
        let _ = writeln!(text, "updater  {} ({why})", ids.join(", "));
    }
    text
}

/// Describes a phone; `?` is an unknown fact.
fn phone_facts(phone: &Phone, variant: Option<&str>) -> Vec<String> {
    let or_unknown = |text: &str| match text {
        "" => "?".to_owned(),
        text => shown(text),
    };
    let datetime = Some(phone.datetime).filter(|datetime| *datetime != 0);
    let sdk = Some(phone.sdk).filter(|sdk| *sdk != 0);
    let [device, version, romtype, incremental] = [
        &phone.device,
        &phone.version,
        &phone.release_type,
        &phone.incremental,
    ]
    .map(|text| or_unknown(text));
    let mut facts = vec![
        device,
        format!("{version} {romtype}"),
        format!("incremental {incremental}"),
        format!(
            "built {}",
            or_unknown(&datetime.map_or_else(String::new, moment))
        ),
        format!(
            "API level {}",
            or_unknown(&sdk.map_or_else(String::new, |sdk| sdk.to_string()))
        ),
    ];
    facts.extend(variant.map(|variant| format!("variant {}", shown(variant))));
    let next = phone.next_device.as_ref();
    facts.extend(next.map(|next| format!("asks as {}", shown(next))));
    for (is_set, what) in [
        (phone.is_ab, "A/B"),
        (phone.allow_downgrading, "may go back"),
        (phone.allow_major_upgrades, "may change version"),
    ] {
        facts.extend(is_set.then(|| what.to_owned()));
    }
    facts
}

fn describe_site(results: &Results) -> String {
    let base = shown(&results.base);
    let folder = shown(&results.folder.display().to_string());
    match (results.is_live, results.has_base) {
        (true, _) => format!("{base}, live"),
        (false, true) => format!("{folder} as {base}"),
        (false, false) => format!("{folder} as {base} (no base_url is set)"),
    }
}

fn details(text: &mut String, results: &Results, simulation: &Simulation, terminal: Terminal) {
    if terminal.verbosity > 0 {
        address_line(text, results, simulation);
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

/// Adds the address of the updater, with its source and length.
fn address_line(text: &mut String, results: &Results, simulation: &Simulation) {
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
    let value = &simulation.check.value;
    let len = match is_property {
        true => format!("; {} of {} bytes", value.len(), rom_settings::MAX_VALUE_LEN),
        false => String::new(),
    };
    let address = setting(simulation, value);
    let _ = writeln!(text, "  address  {address} ({source}{len})");
}

/// Describes the address and the property that holds it.
fn setting(simulation: &Simulation, value: &str) -> String {
    match simulation.property {
        "" => shown(value),
        property => format!("{property}={}", shown(value)),
    }
}

fn check_lines(text: &mut String, simulation: &Simulation, check: &Check, terminal: Terminal) {
    request_lines(text, check, terminal);
    if let Some(fault) = prose::fault(check) {
        let fails = terminal.paint_stdout("1;31", "fails");
        let _ = writeln!(text, "  {fails}    {fault}");
    }
    let Outcome::Listed { listing, notifies } = &check.outcome else {
        return;
    };
    listing_lines(text, simulation, check, listing, terminal);
    if let Some(delta) = &check.delta {
        delta_line(text, delta);
    }
    match notifies {
        None => {}
        Some(Ok(true)) => {
            text.push_str("  notifies yes: there is something the last check did not show\n");
        }
        Some(Ok(false)) => {
            text.push_str("  notifies no: nothing that the last check did not show\n");
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

/// Adds the request and the responses.
fn request_lines(text: &mut String, check: &Check, terminal: Terminal) {
    if let Some(request) = &check.request {
        let method = match request.method {
            Method::Get => "GET",
            Method::Post => "POST",
        };
        let _ = writeln!(text, "  asks     {method} {}", shown(&request.url));
        if let Some(body) = request.body.as_ref().filter(|_| terminal.verbosity > 0) {
            let _ = writeln!(text, "           {}", shown(body));
        }
    }
    for response in &check.responses {
        let content_type = response
            .content_type
            .as_deref()
            .unwrap_or("no content type");
        let to = response.location.as_deref();
        let to = to.map_or_else(String::new, |to| format!(", to {}", shown(to)));
        let _ = writeln!(
            text,
            "  response {}, {}, {} bytes{to}",
            response.status,
            shown(content_type),
            response.body_len
        );
    }
}

/// Adds the entries of a list; without `-v`, only the first.
fn listing_lines(
    text: &mut String,
    simulation: &Simulation,
    check: &Check,
    listing: &Listing,
    terminal: Terminal,
) {
    let max = match terminal.verbosity {
        0 => MAX_ROWS,
        _ => usize::MAX,
    };
    for row in listing.rows.iter().take(max) {
        row_lines(text, simulation, check, row, terminal);
        for problem in check.problems.get(&row.entry.index).into_iter().flatten() {
            warning_line(text, &problem.to_string());
        }
    }
    if let Some(more) = listing.rows.len().checked_sub(max).filter(|n| *n > 0) {
        let _ = writeln!(text, "           … and {more} more; -v shows them");
    }
    for dropped in listing.dropped.iter().take(max) {
        let _ = writeln!(text, "  dropped  {}", shown(&dropped.to_string()));
    }
}

fn delta_line(text: &mut String, delta: &DeltaResponse) {
    let status = match &delta.status {
        Ok(status) => status.to_string(),
        Err(fault) => shown(&fault.to_string()),
    };
    let starts = match delta.starts {
        true => "the download starts",
        false => "no download starts",
    };
    let url = shown(&delta.url);
    let _ = writeln!(text, "  delta    POST {url}: {status}, {starts}");
}

fn warning_line(text: &mut String, warning: &str) {
    let _ = writeln!(text, "           warning: {}", shown(warning));
}

/// Adds an entry with its verdict; with `-v`, with its facts.
fn row_lines(
    text: &mut String,
    simulation: &Simulation,
    check: &Check,
    row: &Row,
    terminal: Terminal,
) {
    let entry = &row.entry;
    let color = match row.verdict {
        Verdict::Offered => "32",
        Verdict::Blocked(_) => "33",
        Verdict::Hidden(_) => "2",
    };
    let word = format!("{:8}", prose::verdict_word(&row.verdict));
    let word = terminal.paint_stdout(color, &word);
    let filename = shown(&entry.filename);
    let delta = match check.deltas.contains(&entry.index) {
        true => "delta, ",
        false => "",
    };
    let about =
        prose::verdict_reason(&row.verdict).unwrap_or_else(|| about_offered(simulation, entry));
    let _ = writeln!(text, "  {word} {filename}: {delta}{about}");
    if terminal.verbosity > 0 {
        let size = entry.size;
        let size = size.map_or_else(String::new, |size| format!(", {size} bytes"));
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
        warning_line(text, &Warning::to_string(warning));
    }
}

/// Describes an offered entry.
fn about_offered(simulation: &Simulation, entry: &Entry) -> String {
    let streams = match can_stream(simulation.generation, entry, &simulation.phone) {
        true => ", installs while streaming",
        false => "",
    };
    match simulation.generation.reads_date() {
        true => format!("datetime {}{streams}", moment(entry.datetime)),
        false => shown(&entry.url),
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
