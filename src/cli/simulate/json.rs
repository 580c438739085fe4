//! `romfeed simulate --json`: one object, whose schema is documented in the book.

use std::io;

use romfeed::clients::simulate::prose::{date, fault, verdict, verdict_reason, verdict_word};
use romfeed::clients::simulate::{Check, Outcome, Simulation};
use romfeed::clients::updaters::{Method, Phone, Row, Warning, can_stream};
use serde::Serialize;

use super::Results;
use crate::cli::json::print_json;

/// The version of the schema.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    ok: bool,
    site: SiteObject<'a>,
    clients: Vec<Client<'a>>,
    advice: Vec<AdviceObject<'a>>,
}

#[derive(Serialize)]
struct SiteObject<'a> {
    base: &'a str,
    live: bool,
}

#[derive(Serialize)]
struct Client<'a> {
    client: &'static str,
    name: &'static str,
    verdict: String,
    phone: PhoneObject<'a>,
    property: &'static str,
    from: &'static str,
    #[serde(flatten)]
    check: CheckObject<'a>,
    instead: Option<InsteadObject<'a>>,
}

#[derive(Serialize)]
struct PhoneObject<'a> {
    device: &'a str,
    next_device: Option<&'a str>,
    romtype: &'a str,
    version: &'a str,
    incremental: &'a str,
    datetime: i64,
    sdk_level: u32,
    ab: bool,
    allow_downgrading: bool,
    allow_major_upgrades: bool,
}

#[derive(Serialize)]
struct InsteadObject<'a> {
    what: &'static str,
    #[serde(flatten)]
    check: CheckObject<'a>,
}

#[derive(Serialize)]
struct CheckObject<'a> {
    value: &'a str,
    request: Option<RequestObject<'a>>,
    #[serde(rename = "answers")]
    responses: Vec<ResponseObject<'a>>,
    outcome: &'static str,
    fault: Option<String>,
    entries: Vec<EntryObject<'a>>,
    dropped: Vec<DroppedObject>,
    notifies: Option<bool>,
    delta: Option<DeltaObject<'a>>,
}

#[derive(Serialize)]
struct RequestObject<'a> {
    method: &'static str,
    url: &'a str,
    body: Option<&'a str>,
}

#[derive(Serialize)]
struct ResponseObject<'a> {
    url: &'a str,
    status: u16,
    content_type: Option<&'a str>,
    size: usize,
    location: Option<&'a str>,
}

#[derive(Serialize)]
struct EntryObject<'a> {
    index: usize,
    verdict: &'static str,
    reason: Option<String>,
    id: &'a str,
    filename: &'a str,
    version: &'a str,
    romtype: &'a str,
    datetime: i64,
    date: Option<String>,
    size: Option<i64>,
    sdk_level: Option<i32>,
    url: &'a str,
    streams: bool,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct DroppedObject {
    index: usize,
    reason: String,
}

#[derive(Serialize)]
struct DeltaObject<'a> {
    url: &'a str,
    status: Option<u16>,
    starts: bool,
}

#[derive(Serialize)]
struct AdviceObject<'a> {
    cause: &'static str,
    text: &'a str,
    lines: &'a [String],
    clients: Vec<&'static str>,
}

pub(super) fn print(results: &Results) -> io::Result<()> {
    let simulations = &results.simulations;
    print_json(&Document {
        schema: SCHEMA,
        ok: simulations.iter().all(|one| one.check.succeeds()),
        site: SiteObject {
            base: &results.base,
            live: results.is_live,
        },
        clients: simulations.iter().map(client).collect(),
        advice: results
            .advice
            .iter()
            .map(|(advice, generations)| AdviceObject {
                cause: advice.cause,
                text: &advice.text,
                lines: &advice.lines,
                clients: generations.iter().map(|one| one.id()).collect(),
            })
            .collect(),
    })
}

fn client(simulation: &Simulation) -> Client<'_> {
    Client {
        client: simulation.generation.id(),
        name: simulation.generation.name(),
        verdict: verdict(simulation),
        phone: phone(&simulation.phone),
        property: simulation.property,
        from: simulation.source.as_str(),
        check: check(simulation, &simulation.check),
        instead: simulation.instead.as_ref().map(|(what, of)| InsteadObject {
            what: what.as_str(),
            check: check(simulation, of),
        }),
    }
}

fn phone(phone: &Phone) -> PhoneObject<'_> {
    PhoneObject {
        device: &phone.device,
        next_device: phone.next_device.as_deref(),
        romtype: &phone.release_type,
        version: &phone.version,
        incremental: &phone.incremental,
        datetime: phone.datetime,
        sdk_level: phone.sdk,
        ab: phone.is_ab,
        allow_downgrading: phone.allow_downgrading,
        allow_major_upgrades: phone.allow_major_upgrades,
    }
}

fn check<'a>(simulation: &'a Simulation, check: &'a Check) -> CheckObject<'a> {
    let listing = check.listing();
    let rows = listing.into_iter().flat_map(|listing| &listing.rows);
    let dropped = listing.into_iter().flat_map(|listing| &listing.dropped);
    CheckObject {
        value: &check.value,
        request: check.request.as_ref().map(|request| RequestObject {
            method: match request.method {
                Method::Get => "GET",
                Method::Post => "POST",
            },
            url: &request.url,
            body: request.body.as_deref(),
        }),
        responses: check
            .responses
            .iter()
            .map(|response| ResponseObject {
                url: &response.url,
                status: response.status,
                content_type: response.content_type.as_deref(),
                size: response.body_len,
                location: response.location.as_deref(),
            })
            .collect(),
        outcome: check.outcome.as_str(),
        fault: fault(check),
        entries: rows.map(|row| entry(simulation, check, row)).collect(),
        dropped: dropped
            .map(|dropped| DroppedObject {
                index: dropped.index,
                reason: dropped.fault.to_string(),
            })
            .collect(),
        notifies: match &check.outcome {
            Outcome::Listed {
                notifies: Some(notifies),
                ..
            } => Some(*notifies.as_ref().unwrap_or(&false)),
            _ => None,
        },
        delta: check.delta.as_ref().map(|delta| DeltaObject {
            url: &delta.url,
            status: delta.status.as_ref().ok().copied(),
            starts: delta.starts,
        }),
    }
}

fn entry<'a>(simulation: &Simulation, check: &Check, row: &'a Row) -> EntryObject<'a> {
    let entry = &row.entry;
    EntryObject {
        index: entry.index,
        verdict: verdict_word(&row.verdict),
        reason: verdict_reason(&row.verdict),
        id: &entry.id,
        filename: &entry.filename,
        version: &entry.version,
        romtype: &entry.romtype,
        datetime: entry.datetime,
        date: date(entry.datetime),
        size: entry.size,
        sdk_level: entry.sdk_level,
        url: &entry.url,
        streams: can_stream(simulation.generation, entry, &simulation.phone),
        warnings: {
            let problems = check.problems.get(&entry.index);
            let problems = problems.into_iter().flatten().map(ToString::to_string);
            let warnings = row.warnings.iter().map(Warning::to_string);
            warnings.chain(problems).collect()
        },
    }
}
