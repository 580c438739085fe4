//! Feeds of other servers: read into builds, and builds written for another
//! server.
//!
//! In: the bytes of a feed, and what the feed does not tell. Out: [`Feed`], one
//! [`Entry`] for each build in it with the build or one line on why it cannot be
//! one; [`merge`] brings them into the catalog. [`export`] writes the way back. No
//! I/O here, and no clock: the time comes in.
//!
//! A format is recognised by what its entries are, whatever they lie in: one object, a
//! list, a list under a key, lists by codename. `flat` reads entries whose facts are keys of
//! one object, `v2` and `official` those that have `files`. A value that a feed in the
//! field writes as text though it is a number, or the other way round, is read as what it
//! means; what is left of the rules is [`crate::model::entry_rules`], [`super::file::check`] and
//! what a phone needs beyond that. `device` says whose a build is, `info` what people read.

pub mod export;
pub mod info;
pub mod merge;

mod device;
mod facts;
mod flat;
mod official;
mod v2;
mod wire;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::files::{JsonError, after_byte_order_mark};
use crate::model::build::{Build, Device, Romtype, Variant};
use crate::model::entry_rules;
use crate::model::names;
use facts::Facts;
use info::DeviceText;

/// Longest feed read, in bytes. A phone's is a few KiB, and the official server's
/// list of all builds of all devices has some 2 MiB; as values it takes up to 25
/// times its length in memory.
pub const MAX_SIZE: u64 = 8 << 20;
/// Most entries read: ten times those of the official server. A feed within
/// [`MAX_SIZE`] could otherwise hold millions, each with an error to print.
pub const MAX_ENTRIES: usize = 20_000;

/// Keys under which feeds hold their list. CyanogenMod's clients want `result`, Paranoid
/// Android has `updates`, dotOS `releases`, XPerience `files`.
const LISTS: [&str; 5] = ["response", "result", "updates", "releases", "files"];

/// A kind of feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `{"response":[…]}` of LineageOS 15.1 to 22.x.
    V1,
    /// The top-level array of LineageOS 23.2 on.
    V2,
    /// The answer of LineageOTA's `/api`, or of `LineageOTAstatic`.
    LineageOta,
    /// `builds.json` of the official backend, and ArrowOS's lists.
    Official,
    /// Entries with `download`, of crDroid, Evolution X and their kin.
    CrDroid,
    /// Entries with the keys of any other family, and one object instead of a list.
    Other,
}

impl Format {
    /// All of them.
    pub const ALL: [Format; 6] = [
        Format::V1,
        Format::V2,
        Format::LineageOta,
        Format::Official,
        Format::CrDroid,
        Format::Other,
    ];

    /// Its name on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Format::V1 => "v1",
            Format::V2 => "v2",
            Format::LineageOta => "lineageota",
            Format::Official => "official",
            Format::CrDroid => "crdroid",
            Format::Other => "other",
        }
    }

    /// Whether its updaters show the builds of the phone's own release type alone.
    #[must_use]
    pub fn compares_romtype(self) -> bool {
        !matches!(self, Format::CrDroid | Format::Other)
    }

    /// Whether its ids may be digests of the packages.
    fn has_ids(self) -> bool {
        !matches!(self, Format::LineageOta | Format::CrDroid)
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why nothing of a feed can be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Longer than any feed.
    #[error("it is longer than {MAX_SIZE} bytes")]
    TooLarge,
    /// More entries than any feed.
    #[error("it has more than {MAX_ENTRIES} entries")]
    TooMany,
    /// What a server answers for a page that it does not have.
    #[error("it is a web page, not a feed")]
    WebPage,
    /// A list of news for people.
    #[error("it is XML for newsreaders, which does not tell what phones need of a build")]
    Xml,
    /// Not JSON.
    #[error("it is not JSON")]
    Json(#[source] JsonError),
    /// A feed of another kind, which tells too little of a build.
    #[error(
        "it is a feed of {0}, which has neither the size nor the version of a build; put the \
         zips into the builds folder and run romfeed generate"
    )]
    TooLittle(&'static str),
    /// JSON, but no feed of a known format.
    #[error("it is not a feed that can be read: no entry names a file and its address or size")]
    Unknown,
    /// JSON, but not of the format that was asked for.
    #[error("it is not a feed of the format {format}: {expected}")]
    NotThat {
        /// The format.
        format: Format,
        /// What such a feed is.
        expected: &'static str,
    },
    /// The official format leaves addresses to the server.
    #[error(
        "an official builds.json has no addresses: add --url-base URL, the DOWNLOAD_BASE_URL of its server"
    )]
    NoUrlBase,
    /// Ids that are no digests of files, whoever says so.
    #[error("the ids of a {0} feed are not SHA-256 of files; leave out --ids-are-sha256")]
    NoDigests(Format),
}

impl Error {
    /// The call is at fault, and not the feed.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, Error::NoUrlBase | Error::NoDigests(_))
    }
}

/// What a feed does not tell.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The variant that the settings sort a file name into.
    pub variant_of: &'a dyn Fn(&str) -> Option<Variant>,
    /// The feed's format, if it is not to be told from its shape.
    pub format: Option<Format>,
    /// The device of all entries; of a feed of several devices, the one whose builds are
    /// read.
    pub device: Option<&'a Device>,
    /// The name of the feed's file without `.json`: a codename by custom.
    pub feed_name: Option<&'a str>,
    /// The names of the folders it lies in, the nearest first.
    pub feed_folders: &'a [&'a str],
    /// Codenames already known: they decide where a file name is cut.
    pub known_devices: &'a [String],
    /// The romtype of entries without one, and of those of crDroid's kin, whose
    /// updaters compare none.
    pub romtype: Option<&'a Romtype>,
    /// The version of entries without one.
    pub version: Option<&'a str>,
    /// The variant of entries that the settings sort nowhere. Entries that name another
    /// flavour than it does are left out.
    pub variant: Option<&'a Variant>,
    /// What stands before `filepath`, or before the file name of an entry without an
    /// address; without a closing slash.
    pub url_base: Option<&'a str>,
    /// Ids are digests of the files.
    pub ids_are_sha256: bool,
    /// Seconds since the epoch.
    pub now: i64,
}

/// A feed that was read.
#[derive(Clone, Debug)]
pub struct Feed {
    /// Its format.
    pub format: Format,
    /// Its builds, in its order.
    pub entries: Vec<Entry>,
    /// Entries of other devices than the one asked for.
    pub num_other_devices: usize,
    /// Entries that name another flavour than the variant asked for.
    pub num_other_flavours: usize,
    /// One line on each entry that is passed over.
    pub passed_over: Vec<String>,
    /// What the object around the list says for people.
    pub text: DeviceText,
}

/// One build of a feed.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it stands, as `entry 3`, counted from 1.
    pub place: String,
    /// Its file name, if it tells one.
    pub filename: Option<String>,
    /// The build, or one line on why it is none.
    pub build: Result<Build, String>,
    /// What else there is to say about it.
    pub notes: Vec<String>,
    /// The flavour it is of, by a key of its own, its file name or its address.
    pub flavour: Option<&'static str>,
    /// What it says for people.
    pub text: DeviceText,
}

impl Entry {
    /// Place and file name, for a message.
    #[must_use]
    pub fn label(&self) -> String {
        label(&self.place, self.filename.as_deref())
    }
}

fn label(place: &str, filename: Option<&str>) -> String {
    let place = place.escape_debug();
    match filename {
        Some(name) => format!("{place} ({})", name.escape_debug()),
        None => place.to_string(),
    }
}

/// One element of a feed's list, before it is a build.
#[derive(Clone, Copy)]
struct Item<'a> {
    /// The key its list stands under: a codename in an official feed.
    key: Option<&'a str>,
    /// From 1.
    number: usize,
    value: &'a Value,
    /// The object its list stands in.
    around: Option<&'a Value>,
}

impl<'a> Item<'a> {
    /// The codename it is for, if it says so.
    fn codename(&self, format: Format) -> Option<&'a str> {
        match format {
            Format::Official => self.key,
            _ => flat::codename(self.value).or_else(|| flat::codename(self.around?)),
        }
    }

    fn place(&self) -> String {
        match self.key {
            Some(key) => format!("{key}, entry {}", self.number),
            None => format!("entry {}", self.number),
        }
    }
}

/// Reads a feed.
///
/// Safe on untrusted input: no panic, and memory bounded by [`MAX_SIZE`].
///
/// # Errors
/// [`Error`] if nothing of it can be read. An entry that cannot be a build is an
/// `Err` in its [`Entry`].
pub fn read(bytes: &[u8], options: Options<'_>) -> Result<Feed, Error> {
    if bytes.len() as u64 > MAX_SIZE {
        return Err(Error::TooLarge);
    }
    // Clients read past a byte order mark, so feeds have lived with one.
    let bytes = after_byte_order_mark(bytes);
    let text = bytes.trim_ascii_start();
    if text.starts_with(b"<?xml") || text.starts_with(b"<feed") || text.starts_with(b"<rss") {
        return Err(Error::Xml);
    }
    if text.starts_with(b"<") {
        return Err(Error::WebPage);
    }
    let root: Value = serde_json::from_slice(bytes).map_err(|error| match is_channel(bytes) {
        true => Error::TooLittle("GrapheneOS"),
        false => Error::Json(error.into()),
    })?;
    if root
        .get("full")
        .and_then(|full| full.get("location_ota"))
        .is_some()
    {
        return Err(Error::TooLittle("Custota"));
    }
    let format = match options.format {
        Some(format) => format,
        None => detect(&root).ok_or(Error::Unknown)?,
    };
    if options.ids_are_sha256 && !format.has_ids() {
        return Err(Error::NoDigests(format));
    }
    let mut items = items(&root, format)?;
    if items.len() > MAX_ENTRIES {
        return Err(Error::TooMany);
    }
    // Clients pass over a null; a trailing comma makes one.
    items.retain(|item| !item.value.is_null());
    let codenames = items.iter().filter_map(|item| item.codename(format));
    let is_of_several = codenames.collect::<BTreeSet<_>>().len() > 1;
    let num_all = items.len();
    if let Some(wanted) = options.device
        && (is_of_several || format == Format::Official)
    {
        items.retain(|item| item.codename(format) == Some(wanted.as_str()));
    }
    let num_other_devices = num_all - items.len();
    let num_all = items.len();
    let wanted = options.variant.and_then(|v| names::flavour(v.as_str()));
    let is_wanted = |item: &Item<'_>| match (wanted, told_flavour(item.value)) {
        (Some(wanted), Some(flavour)) => wanted == flavour,
        _ => true,
    };
    items.retain(is_wanted);
    let num_other_flavours = num_all - items.len();
    let lacks_address = |item: &Item<'_>| official::url(item.value).is_none();
    if format == Format::Official && options.url_base.is_none() && items.iter().any(lacks_address) {
        return Err(Error::NoUrlBase);
    }
    let mut feed = Feed {
        format,
        entries: Vec::new(),
        num_other_devices,
        num_other_flavours,
        passed_over: Vec::new(),
        text: match flat::is_entry(&root) {
            true => DeviceText::default(),
            false if format == Format::Official => DeviceText::default(),
            false => info::read(&root),
        },
    };
    for item in &items {
        read_item(item, &mut feed, options);
    }
    Ok(feed)
}

/// Whether this is the line of a GrapheneOS channel: incremental, date, device or build
/// id, and the channel in newer ones.
fn is_channel(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    text.trim().lines().count() == 1
        && (3..=4).contains(&fields.len())
        && fields[1]
            .parse()
            .is_ok_and(|date: i64| crate::model::build::timestamp_fault(date).is_none())
}

/// Tells a format from what the entries are.
fn detect(root: &Value) -> Option<Format> {
    let has_files = |entry: &Value| entry.get("files").is_some_and(Value::is_array);
    let of_list = |list: &[Value]| {
        let first = list.iter().find(|entry| entry.is_object())?;
        match () {
            () if has_files(first) => Some(Format::V2),
            () if flat::is_entry(first) => Some(flat::format(first)),
            () => None,
        }
    };
    // The keys of LineageOS are its format in its frame alone.
    let other = |format| match format {
        Format::V1 => Format::Other,
        format => format,
    };
    let map = match root {
        Value::Array(list) if list.is_empty() => return Some(Format::V2),
        Value::Array(list) => return of_list(list).map(other),
        Value::Object(map) => map,
        _ => return None,
    };
    if let Some((key, list)) = find_list(root) {
        let is_lineage = matches!(key, "response" | "result");
        return match of_list(list) {
            Some(format) if is_lineage => Some(format),
            // `files` of an element of LineageOS 23.2.
            Some(_) if key == "files" && root.get("datetime").is_some() => Some(Format::V2),
            Some(format) => Some(other(format)),
            None => is_lineage.then_some(Format::V1),
        };
    }
    if flat::is_entry(root) {
        return Some(other(flat::format(root)));
    }
    let lists: Option<Vec<&Vec<Value>>> = map.values().map(Value::as_array).collect();
    let mut entries = lists?.into_iter().flatten();
    let first = entries.find(|entry| entry.is_object())?;
    match () {
        () if has_files(first) || first.get("filepath").is_some() => Some(Format::Official),
        () if !flat::is_entry(first) => None,
        () if first.get("url").is_some() => Some(Format::Official),
        // PixelExperience's, by version.
        () => Some(Format::Other),
    }
}

/// The list of builds in an object, and its key.
fn find_list(root: &Value) -> Option<(&'static str, &Vec<Value>)> {
    let mut lists = LISTS
        .iter()
        .filter_map(|key| Some((*key, root.get(*key)?.as_array()?)));
    lists.next()
}

/// The items of a list.
fn list_items<'a>(
    key: Option<&'a str>,
    list: &'a [Value],
    around: Option<&'a Value>,
) -> Vec<Item<'a>> {
    let number = |(index, value)| Item {
        key,
        number: index + 1,
        value,
        around,
    };
    list.iter().enumerate().map(number).collect()
}

/// The items of a feed that is read as a format.
fn items(root: &Value, format: Format) -> Result<Vec<Item<'_>>, Error> {
    let not_that = |expected| Error::NotThat { format, expected };
    let one = || {
        vec![Item {
            key: None,
            number: 1,
            value: root,
            around: None,
        }]
    };
    let by_key = || {
        let lists = root.as_object()?.iter();
        let lists =
            lists.map(|(key, list)| Some(list_items(Some(key.as_str()), list.as_array()?, None)));
        Some(lists.collect::<Option<Vec<_>>>()?.concat())
    };
    let list = match root {
        Value::Array(list) => Some(list_items(None, list, None)),
        _ => find_list(root).map(|(_, list)| list_items(None, list, Some(root))),
    };
    match format {
        Format::Official => {
            by_key().ok_or(not_that("it has no list of builds under each codename"))
        }
        Format::V2 if root.get("files").is_some() => Ok(one()),
        Format::V2 => list.ok_or(not_that("it is not a list")),
        _ if flat::is_entry(root) => Ok(one()),
        _ => list
            .or_else(by_key)
            .ok_or(not_that("it is neither a list of builds nor one build")),
    }
}

/// Reads the build of an item, and the deltas that come with it.
fn read_item(item: &Item<'_>, feed: &mut Feed, options: Options<'_>) {
    let format = feed.format;
    let place = item.place();
    let numbers = entry_rules::number_problems(item.value).into_iter();
    let mut notes: Vec<String> = numbers.map(|problem| problem.to_string()).collect();
    let read = match (format, item.value.is_object()) {
        (_, false) => Err("it is not a JSON object".to_owned()),
        (Format::V2, _) => v2::read(item.value, &mut notes),
        (Format::Official, _) => official::read(item.value, item.key, options.url_base, &mut notes)
            .map(|full| (full, vec![])),
        (_, _) => flat::read(item.value, format, options, &mut notes).map(|full| (full, vec![])),
    };
    let (mut full, deltas) = match read {
        Ok(read) => read,
        Err(reason) => {
            feed.entries.push(Entry {
                place,
                filename: wire::find_filename(item.value),
                build: Err(reason),
                notes,
                flavour: None,
                text: DeviceText::default(),
            });
            return;
        }
    };
    if full.codename.is_none() {
        full.codename = item.codename(format).map(str::to_owned);
    }
    let codename = full.codename.clone();
    let of_key = flat::flavour(item.value);
    let mut add = |place: String, facts: Facts, mut notes: Vec<String>| {
        let filename = facts.filename.clone();
        let is_delta_name = filename.as_deref().is_some_and(is_delta_name);
        if is_delta_name && !facts.is_delta && format != Format::Official {
            feed.passed_over.push(format!(
                "{}: by its name it is a delta, and the feed does not name the build it starts from",
                label(&place, filename.as_deref())
            ));
            return;
        }
        let build = facts.into_build(options, &mut notes);
        let of_build = || device::flavour(build.as_ref().ok()?);
        feed.entries.push(Entry {
            flavour: of_key.or_else(of_build),
            place,
            filename,
            build,
            notes,
            text: info::read(item.value),
        });
    };
    let delta_place = format!("{place}, its delta");
    add(place, full, notes);
    for delta in deltas {
        let delta = Facts {
            codename: codename.clone(),
            ..delta
        };
        add(delta_place.clone(), delta, Vec::new());
    }
}

/// The flavour an entry tells by a key, the name of its package or its address.
fn told_flavour(entry: &Value) -> Option<&'static str> {
    let of_name = || names::flavour(flat::filename(entry)?.as_str()?);
    let of_url = || names::flavour_of_path(flat::url(entry)?);
    flat::flavour(entry).or_else(of_name).or_else(of_url)
}

/// Whether a package is named as deltas are: `…-incremental.zip`, `…-bacon-from-abc.zip`, `…-delta.zip`.
fn is_delta_name(filename: &str) -> bool {
    names::words(filename, &[]).contains("incremental")
        || filename.contains("-from-")
        || crate::model::build::stem(filename).ends_with("-delta")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const SHA: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    fn options() -> Options<'static> {
        Options {
            variant_of: &|_| None,
            format: None,
            device: None,
            feed_name: None,
            feed_folders: &[],
            known_devices: &[],
            romtype: None,
            version: None,
            variant: None,
            url_base: None,
            ids_are_sha256: false,
            now: 1_800_000_000,
        }
    }

    fn read_json(feed: &Value, options: Options<'_>) -> Result<Feed, Error> {
        read(feed.to_string().as_bytes(), options)
    }

    fn v1_entry() -> Value {
        json!({
            "datetime": 1_722_470_400, "filename": "lineage-21.0-20240801-nightly-bacon.zip",
            "id": "abc", "romtype": "nightly", "size": 5, "url": "https://h/x.zip", "version": "21.0",
        })
    }

    /// The only entry of a v1 feed with one value changed.
    fn v1_with(key: &str, value: Value, options: Options<'_>) -> Result<Build, String> {
        let mut entry = v1_entry();
        entry[key] = value;
        let feed = read_json(&json!({ "response": [entry] }), options).unwrap();
        feed.entries.into_iter().next().unwrap().build
    }

    #[test]
    fn formats_are_told_by_their_shape() {
        for (feed, format) in [
            (json!({"response": []}), Format::V1),
            (json!({"response": [{"id": "x"}]}), Format::V1),
            (json!({"response": [v1_entry()]}), Format::V1),
            (
                json!({"response": [null, {"filename": "", "download": ""}]}),
                Format::CrDroid,
            ),
            (
                json!({"id": null, "result": [{"filename": "", "url": "", "md5sum": "", "channel": ""}]}),
                Format::LineageOta,
            ),
            (json!([]), Format::V2),
            (json!([{"files": []}]), Format::V2),
            (
                json!({"datetime": 1, "files": [{"filename": "", "url": ""}]}),
                Format::V2,
            ),
            (
                json!({"files": [{"file": "", "filelink": ""}]}),
                Format::Other,
            ),
            (json!([v1_entry()]), Format::Other),
            (v1_entry(), Format::Other),
            (json!({"updates": [v1_entry()]}), Format::Other),
            (
                json!({"codename": "x", "releases": [{"fileName": "", "url": ""}]}),
                Format::Other,
            ),
            (
                json!({"pie": [{"file_name": "", "file_size": 1}]}),
                Format::Other,
            ),
            (
                json!({"bacon": [], "mako": [{"files": []}]}),
                Format::Official,
            ),
            (
                json!({"bacon": [{"filename": "", "filepath": ""}]}),
                Format::Official,
            ),
        ] {
            assert_eq!(detect(&feed), Some(format), "{feed}");
        }
        for feed in [
            json!("x"),
            json!({"response": {}}),
            json!({"error": false, "url": "x"}),
            // Lists of anything else: changelogs, maintainers, devices.
            json!({}),
            json!({"bacon": []}),
            json!({"updates": []}),
            json!({"2024": [{"text": "x", "version": "1"}]}),
            json!([{"name": "x", "devices": []}]),
            json!({"codename": "bacon", "releases": null}),
        ] {
            assert_eq!(detect(&feed), None, "{feed}");
        }
    }

    #[test]
    fn an_id_is_a_digest_only_by_word() {
        let build = v1_with("id", json!(SHA), options()).unwrap();
        assert_eq!(
            (build.sha256.as_deref(), build.id.as_deref()),
            (None, Some(SHA))
        );
        let trusting = Options {
            ids_are_sha256: true,
            ..options()
        };
        let build = v1_with("id", json!(SHA), trusting).unwrap();
        assert_eq!(
            (build.sha256.as_deref(), build.id.as_deref()),
            (Some(SHA), None)
        );
        // Phones have the id with its capitals.
        let upper = SHA.to_ascii_uppercase();
        let build = v1_with("id", json!(upper), trusting).unwrap();
        assert_eq!(build.sha256.as_deref(), Some(SHA));
        assert_eq!(build.id, Some(upper));
        let build = v1_with("sha256", json!(SHA), options()).unwrap();
        assert_eq!(
            (build.sha256.as_deref(), build.id.as_deref()),
            (Some(SHA), Some("abc"))
        );
    }

    #[test]
    fn a_device_is_looked_for_in_order() {
        let device = |name: &str, options: Options<'_>| {
            v1_with("filename", json!(name), options).map(|build| build.device.to_string())
        };
        let known = ["mako".to_owned(), "foo-bar".to_owned()];
        let named = |feed_name| Options {
            feed_name: Some(feed_name),
            known_devices: &known,
            ..options()
        };
        let bacon = "lineage-21.0-20240801-nightly-bacon.zip";
        assert_eq!(device(bacon, options()).unwrap(), "bacon");
        // A feed's name that is no codename says nothing; one that is may contradict.
        assert_eq!(device(bacon, named("nightly")).unwrap(), "bacon");
        assert!(
            device(bacon, named("mako"))
                .unwrap_err()
                .ends_with("add --device")
        );
        let dashed = "lineage-21.0-20240801-nightly-hero-qlt.zip";
        assert_eq!(device(dashed, named("hero-qlt")).unwrap(), "hero-qlt");
        assert_eq!(
            device("lineage-21.0-20240801-nightly-foo-bar.zip", named("api")).unwrap(),
            "foo-bar"
        );
        assert_eq!(device("update.zip", named("mako")).unwrap(), "mako");
        assert_eq!(device("update.zip", named("onyx")).unwrap(), "onyx");
        assert!(
            device("update.zip", named("feed"))
                .unwrap_err()
                .ends_with("add --device")
        );
        let mako = Device::parse("mako").unwrap();
        let asked = Options {
            device: Some(&mako),
            ..options()
        };
        assert_eq!(device(bacon, asked).unwrap(), "mako");
    }

    #[test]
    fn more_entries_than_any_feed_are_refused() {
        let feed = json!({ "response": vec![Value::Null; MAX_ENTRIES + 1] });
        assert!(matches!(read_json(&feed, options()), Err(Error::TooMany)));
        let long = vec![b' '; usize::try_from(MAX_SIZE).unwrap() + 1];
        assert!(matches!(read(&long, options()), Err(Error::TooLarge)));
        let deep = format!("{{\"response\":{}", "[".repeat(100_000));
        assert!(matches!(
            read(deep.as_bytes(), options()),
            Err(Error::Json(_))
        ));
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "\\PC{0,80}", at in 0..Format::ALL.len()) {
            let format = Some(Format::ALL[at]);
            let _ = read(text.as_bytes(), Options { format, ..options() });
        }

        #[test]
        fn no_value_panics(key in "datetime|filename|id|size|files|download|incremental|filepath",
                           number in any::<f64>(), text in "\\PC{0,20}", at in 0..Format::ALL.len()) {
            for value in [json!(number), json!(text), json!([text]), json!({"filename": text}), json!([{"filename": text}])] {
                let mut entry = v1_entry();
                entry[&key] = value;
                for feed in [json!({ "response": [entry] }), json!([entry]), json!({ "bacon": [entry] })] {
                    let format = Some(Format::ALL[at]);
                    let options = Options { format, url_base: Some("https://h"), ..options() };
                    let _ = read_json(&feed, options);
                }
            }
        }
    }
}
