//! Changes of the catalog over HTTP, for clients with a key.
//!
//! In: a request with the header `Apikey`. Out: `pass`, `ok` or an error. Source:
//! LineageOS/lineageos_updater, 2017: `auth`, `requestfile`, `add_build`, `purgecache`, `DELETE`
//! by file name; and `del_build`, which was in its README but not in its code. As on that server, a
//! request without a body gets status 400, and one with a missing key or a wrong type gets 406, each
//! with the expected keys.
//!
//! `add_build` needs the six keys of that server. `datetime`, `size` and `sha256` may be sent too;
//! otherwise they come from the package, and never from the clock: phones compare them with the
//! build.

use std::sync::Arc;

use hyper::StatusCode;
use hyper::header;
use serde_json::{Map, Value, json};

use super::keys::{self, Key};
use super::response::{self, Response};
use super::site::{Current, Site};
use crate::catalog::{Catalog, Catalogs, Reason};
use crate::fetch::Fetch;
use crate::files::json_message;
use crate::generate::edit::{self, EditError, StatedFacts};
use crate::generate::{self, Error};
use crate::model::build::{Build, Device};
use crate::model::config::Config;
use crate::model::names;
use crate::publish::writer;

/// A request to the catalog.
#[derive(Clone, Debug)]
pub(super) enum Order {
    /// Report whether the key is valid.
    Auth,
    /// Add a build.
    Add,
    /// Remove the build that the body names by its id.
    DeleteById,
    /// Remove the build of this file name.
    Delete(String),
    /// Read the catalog again.
    Purge,
}

/// A key of `add_build`: its name, its type, and whether it is required.
type Field = (&'static str, FieldType, bool);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FieldType {
    Text,
    Number,
    /// Unix seconds, or a date as text.
    Time,
}

const FIELDS: [Field; 12] = [
    ("device", FieldType::Text, true),
    ("filename", FieldType::Text, true),
    ("md5sum", FieldType::Text, true),
    ("romtype", FieldType::Text, true),
    ("url", FieldType::Text, true),
    ("version", FieldType::Text, true),
    ("datetime", FieldType::Time, false),
    ("size", FieldType::Number, false),
    ("sha256", FieldType::Text, false),
    ("incremental", FieldType::Text, false),
    ("sdk_level", FieldType::Number, false),
    ("security_patch", FieldType::Text, false),
];

/// Carries out an order. Blocks on the disk.
pub(super) fn carry_out(site: &Site, order: &Order, key: Option<&[u8]>, body: &[u8]) -> Response {
    let current = site.current();
    let keys = match keys::load(&current.config.state) {
        Ok(keys) => keys,
        Err(_) => return response::error(StatusCode::INTERNAL_SERVER_ERROR, "keys cannot be read"),
    };
    let Some(key) = key.and_then(|sent| keys::find(&keys, sent)) else {
        let message = "the header Apikey does not hold a key of this server";
        return response::error(StatusCode::FORBIDDEN, message);
    };
    let mut response = carry_out_with(site, &current, order, key, body);
    let user = User(key.name.clone());
    response.extensions_mut().insert(user);
    response
}

/// The name of the key that a request had, for the log.
#[derive(Clone, Debug)]
pub(super) struct User(pub(super) String);

fn carry_out_with(
    site: &Site,
    current: &Current,
    order: &Order,
    key: &Key,
    body: &[u8],
) -> Response {
    let done = match order {
        Order::Auth => return response::text("pass"),
        Order::Purge => {
            site.forget();
            Ok(())
        }
        Order::Add => add(site, current, key, body),
        Order::DeleteById => delete_by_id(current, key, body),
        Order::Delete(filename) => delete(current, key, filename),
    };
    // A change is served at once.
    let done = done.and_then(|()| site.refresh().map_err(|error| refuse(error.into())));
    match (done, order) {
        (Err(refused), _) => *refused,
        (Ok(()), Order::Delete(_)) => response::text(""),
        (Ok(()), _) => response::text("ok"),
    }
}

/// Answers with the address of the build with this id. As on that server, it needs no key.
pub(super) fn request_file(current: &Current, id: &str) -> Response {
    let channels = current.snapshot.channels.values();
    let mut offers = channels.flat_map(|channel| channel.offers.iter().chain(&channel.deltas));
    match offers.find(|offer| offer.build().phone_id() == id) {
        Some(offer) => {
            let file = json!({ "url": &*offer.url, "md5sum": offer.build().md5 });
            response::json(format!("{file}\n"))
        }
        None => response::error(StatusCode::NOT_FOUND, "there is no build of this id"),
    }
}

type EditResult = Result<(), Box<Response>>;

fn refuse(error: EditError) -> Box<Response> {
    let message = error.to_string();
    Box::new(match error {
        EditError::Missing { .. } => return explain_fields(StatusCode::NOT_ACCEPTABLE, &message),
        EditError::Refused(_) => response::error(StatusCode::NOT_ACCEPTABLE, &message),
        EditError::NoAddress(_) => {
            // Clients must not learn where the folder is.
            let message = "the site has no such zip in its builds, so `url` must be its address";
            response::error(StatusCode::NOT_ACCEPTABLE, message)
        }
        EditError::Run(Error::Writer(writer::Error::Locked { .. })) => {
            let message = "the catalog is being changed by another program; try again";
            let mut response = response::error(StatusCode::SERVICE_UNAVAILABLE, message);
            response::set(&mut response, header::RETRY_AFTER, "5");
            response
        }
        EditError::Run(Error::CatalogGone { .. } | Error::BuildsLost { .. }) => {
            let message = "the catalog of this server is missing or lacks builds; try again later";
            let mut response = response::error(StatusCode::SERVICE_UNAVAILABLE, message);
            response::set(&mut response, header::RETRY_AFTER, "60");
            response
        }
        // The other messages name files of the server.
        EditError::Run(_) => response::error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the catalog cannot be read or written",
        ),
    })
}

/// Refuses a change of a build whose device the key is not for.
fn forbid(key: &Key) -> Box<Response> {
    let message = format!("this key is only for {}", key.devices.join(", "));
    Box::new(response::error(StatusCode::FORBIDDEN, &message))
}

/// Refuses a body, and lists the expected keys.
fn explain_fields(status: StatusCode, message: &str) -> Box<Response> {
    let of_type = |kind: FieldType| match kind {
        FieldType::Text => "string",
        FieldType::Number => "integer",
        FieldType::Time => "integer (Unix seconds) or string (2017-01-14 13:59:25, UTC)",
    };
    let schema = FIELDS.map(|(name, kind, is_required)| {
        let rule = json!({ "type": of_type(kind), "required": is_required });
        (name.to_owned(), rule)
    });
    let schema: Map<String, Value> = schema.into_iter().collect();
    let body = json!({ "error": message, "schema": schema });
    let body = format!("{body}\n");
    Box::new(response::from_bytes(status, "application/json", body))
}

fn parse(body: &[u8]) -> Result<Map<String, Value>, Box<Response>> {
    if body.trim_ascii().is_empty() {
        return Err(explain_fields(StatusCode::BAD_REQUEST, "there is no body"));
    }
    serde_json::from_slice(body).map_err(|error| {
        let message = format!("the body is not a JSON object: {}", json_message(&error));
        explain_fields(StatusCode::BAD_REQUEST, &message)
    })
}

/// Checks that all required keys are present, all types are right and all keys are known.
fn check(facts: &Map<String, Value>) -> Result<(), Box<Response>> {
    let refuse = |message: String| Err(explain_fields(StatusCode::NOT_ACCEPTABLE, &message));
    for (name, kind, is_required) in FIELDS {
        let value = facts.get(name).filter(|value| !value.is_null());
        match (value, kind) {
            (None, _) if is_required => return refuse(format!("`{name}` is missing")),
            (None, _) | (Some(Value::String(_)), FieldType::Text | FieldType::Time) => {}
            (Some(value), FieldType::Number) if value.as_u64().is_some() => {}
            (Some(value), FieldType::Time) if value.as_i64().is_some() => {}
            (Some(_), FieldType::Text) => return refuse(format!("`{name}` is not a string")),
            (Some(_), FieldType::Number) => {
                return refuse(format!("`{name}` is not a whole number"));
            }
            (Some(_), FieldType::Time) => return refuse(format!("`{name}` is not a date")),
        }
    }
    let is_known = |key: &&String| FIELDS.iter().any(|(name, ..)| name == key);
    match facts.keys().find(|key| !is_known(key)) {
        None => Ok(()),
        Some(key) => refuse(format!("`{}` is unknown", key.escape_debug())),
    }
}

fn add(site: &Site, current: &Current, key: &Key, body: &[u8]) -> EditResult {
    let facts = parse(body)?;
    check(&facts)?;
    let config = &current.config;
    let now = (site.clock)();
    let stated = to_stated_facts(&facts)
        .map_err(|message| explain_fields(StatusCode::NOT_ACCEPTABLE, &message))?;
    let http = site.http.clone().map(|http| http as Arc<dyn Fetch>);
    let candidate = edit::prepare(stated, config, http.as_ref(), now).map_err(refuse)?;
    let build = &candidate.build;
    let mut names = std::iter::once(&build.device).chain(&build.next_device);
    if names.any(|device| !key.is_for(device)) {
        return Err(forbid(key));
    }
    let mut is_forbidden = false;
    let added = edit::change(config, |catalogs| {
        generate::require_known(config, catalogs, &current.snapshot.known)?;
        // A build that is known already keeps its device, or a key for another could take it over.
        let identity = candidate.build.identity();
        let build = catalogs.own.builds.get(identity);
        let stone = catalogs.own.tombstones.get(identity);
        let of_build = build.map(|record| &record.build.device).into_iter();
        let mut owners = of_build.chain(stone.map(|stone| &stone.device));
        is_forbidden = owners.any(|device| !key.is_for(device));
        if is_forbidden {
            return Err(EditError::Refused(String::new()));
        }
        if let Some(other) = device_in_filename(&candidate.build, config, catalogs)
            && !key.is_for(&other)
        {
            let filename = candidate.build.filename.escape_debug();
            let own = key.devices.join(", ");
            return Err(EditError::Refused(format!(
                "`{filename}` is a file name of builds for {other}, and this key is only for {own}"
            )));
        }
        edit::add(candidate.clone(), config, catalogs, now)
    });
    match added {
        Err(EditError::Refused(_)) if is_forbidden => Err(forbid(key)),
        added => added.map(|_| ()).map_err(refuse),
    }
}

/// Returns the known device whose builds have file names like that of a build, if its own codename is not in it: it would
/// keep a later build of that device out. Only file names of a form that is known count, since the codename of one device
/// may be an ordinary word in those of others.
fn device_in_filename(build: &Build, config: &Config, catalogs: &Catalogs) -> Option<Device> {
    let owner = config
        .owner(build.device.as_str())
        .map(|(device, _)| device);
    let own = config.names(&build.device, build.next_device.as_ref());
    let own: Vec<String> = own
        .into_iter()
        .map(Device::as_str)
        .chain(owner)
        .map(str::to_owned)
        .collect();
    let of_catalogs = catalogs.all().flat_map(Catalog::devices);
    let of_catalogs = of_catalogs.map(Device::to_string);
    let known: Vec<String> = of_catalogs.chain(config.devices.keys().cloned()).collect();
    let named = |known: &[String]| {
        let device = names::parse(&build.filename, known)?.device;
        device.filter(|device| known.contains(device))
    };
    match named(&own) {
        Some(_) => None,
        None => Device::parse(&named(&known)?).ok(),
    }
}

fn to_stated_facts(facts: &Map<String, Value>) -> Result<StatedFacts, String> {
    let text = |name: &str| facts.get(name).and_then(Value::as_str).map(str::to_owned);
    let number = |name: &str| facts.get(name).and_then(Value::as_u64);
    let timestamp = match text("datetime") {
        Some(text) => Some(edit::parse_time(&text).map_err(|error| format!("datetime {error}"))?),
        None => facts.get("datetime").and_then(Value::as_i64),
    };
    let sdk_level = number("sdk_level").map(u32::try_from).transpose();
    Ok(StatedFacts {
        zip: None,
        filename: text("filename"),
        device: text("device"),
        variant: None,
        romtype: text("romtype"),
        version: text("version"),
        timestamp,
        size: number("size"),
        sha256: text("sha256"),
        md5: text("md5sum"),
        incremental: text("incremental"),
        sdk_level: sdk_level.map_err(|_| "sdk_level is not an API level".to_owned())?,
        security_patch: text("security_patch"),
        url: text("url"),
    })
}

fn delete_by_id(current: &Current, key: &Key, body: &[u8]) -> EditResult {
    let refuse = |status, message| Err(Box::new(response::error(status, message)));
    if body.trim_ascii().is_empty() {
        let message = "there is no body; send {\"id\": …}";
        return refuse(StatusCode::BAD_REQUEST, message);
    }
    let Ok(order) = serde_json::from_slice::<Value>(body) else {
        return refuse(StatusCode::BAD_REQUEST, "the body is not JSON");
    };
    match order["id"].as_str() {
        Some(id) => delete(current, key, id),
        None => refuse(
            StatusCode::NOT_ACCEPTABLE,
            "`id` is missing, or not a string",
        ),
    }
}

fn delete(current: &Current, key: &Key, name: &str) -> EditResult {
    let config = &current.config;
    let mut is_known = true;
    let mut is_forbidden = false;
    let removed = edit::change(config, |catalogs| {
        generate::require_known(config, catalogs, &current.snapshot.known)?;
        let found = edit::find(name, config, &catalogs.own);
        is_known = found.is_ok();
        let found = found?;
        let record = catalogs.own.builds.get(&found);
        is_forbidden = record.is_some_and(|record| !key.is_for(&record.build.device));
        if is_forbidden {
            return Err(EditError::Refused(String::new()));
        }
        catalogs.own.bury(&found, Reason::Removed);
        Ok(())
    });
    match removed {
        Err(EditError::Refused(_)) if is_forbidden => Err(forbid(key)),
        Err(EditError::Refused(_)) if !is_known => {
            let message = "there is no build of this name or id, or more than one";
            Err(Box::new(response::error(StatusCode::NOT_FOUND, message)))
        }
        removed => removed.map_err(refuse),
    }
}
