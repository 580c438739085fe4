//! Feeds of other servers: read into builds, and builds written for another
//! server.
//!
//! In: the bytes of a feed, and what the feed does not tell. Out: [`Feed`], one
//! [`Entry`] for each build in it with the build or one line on why it cannot be
//! one; [`merge`] brings them into the catalog. [`export`] writes the way back. No
//! I/O here, and no clock: the time comes in.
//!
//! One file for each format, each with its own wire structs: [`Format`] lists them.
//! A value that a feed in the field writes as text though it is a number, or the
//! other way round, is read as what it means; what is left of the rules is
//! [`super::file::check`] and what a phone needs beyond that.

pub mod export;
pub mod merge;

mod crdroid;
mod facts;
mod lineageota;
mod official;
mod v1;
mod v2;
mod wire;

use serde_json::Value;

use crate::build::{Build, Device, Romtype, Variant};
use crate::entry_rules;
use facts::Facts;

/// Longest feed read, in bytes. A phone's is a few KiB, and the official server's
/// list of all builds of all devices has some 2 MiB; as values it takes up to 25
/// times its length in memory.
pub const MAX_SIZE: u64 = 8 << 20;
/// Most entries read: ten times those of the official server. A feed within
/// [`MAX_SIZE`] could otherwise hold millions, each with an error to print.
pub const MAX_ENTRIES: usize = 20_000;

/// A kind of feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `{"response":[…]}` of LineageOS 15.1 to 22.x.
    V1,
    /// The top-level array of LineageOS 23.2 on.
    V2,
    /// The answer of LineageOTA's `/api`, or of `LineageOTAstatic`.
    LineageOta,
    /// `builds.json` of the official backend.
    Official,
    /// `{"response":[…]}` with `download` and `timestamp`, of crDroid, Evolution X
    /// and their kin.
    CrDroid,
}

impl Format {
    /// All of them.
    pub const ALL: [Format; 5] = [
        Format::V1,
        Format::V2,
        Format::LineageOta,
        Format::Official,
        Format::CrDroid,
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
        }
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
    #[error("it is a web page and no feed")]
    WebPage,
    /// Not JSON.
    #[error("it is no JSON")]
    Json(#[source] serde_json::Error),
    /// JSON, but no feed of a known format.
    #[error("it is none of the feeds that are read: v1, v2, lineageota, official, crdroid")]
    Unknown,
    /// JSON, but not of the format that was asked for.
    #[error("it is no {format} feed: {expected}")]
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
    #[error("the ids of a {0} feed are no SHA-256 of files; leave out --ids-are-sha256")]
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
    /// The device of all entries; of an official feed, the one whose builds are
    /// read.
    pub device: Option<&'a Device>,
    /// The name of the feed's file without `.json`: a codename by custom.
    pub feed_name: Option<&'a str>,
    /// Codenames already known: they decide where a file name is cut.
    pub known_devices: &'a [String],
    /// The romtype of entries without one, and of those of crDroid's kin, whose
    /// updaters compare none.
    pub romtype: Option<&'a Romtype>,
    /// The variant of entries that the settings sort nowhere.
    pub variant: Option<&'a Variant>,
    /// What stands before `filepath`, without a closing slash.
    pub url_base: Option<&'a str>,
    /// Ids in a v1 feed are digests of the files.
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
struct Item<'a> {
    /// The codename it stands under, in a feed of several devices.
    device: Option<&'a str>,
    /// From 1.
    number: usize,
    value: &'a Value,
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
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.trim_ascii_start().starts_with(b"<") {
        return Err(Error::WebPage);
    }
    let root: Value = serde_json::from_slice(bytes).map_err(Error::Json)?;
    let format = match options.format {
        Some(format) => format,
        None => detect(&root).ok_or(Error::Unknown)?,
    };
    if options.ids_are_sha256 && matches!(format, Format::LineageOta | Format::CrDroid) {
        return Err(Error::NoDigests(format));
    }
    let mut items = items(&root, format)?;
    if items.len() > MAX_ENTRIES {
        return Err(Error::TooMany);
    }
    let num_all = items.len();
    if let (Format::Official, Some(wanted)) = (format, options.device) {
        items.retain(|item| item.device == Some(wanted.as_str()));
    }
    let lacks_address = |item: &Item<'_>| official::url(item.value).is_none();
    if format == Format::Official && options.url_base.is_none() && items.iter().any(lacks_address) {
        return Err(Error::NoUrlBase);
    }
    let num_other_devices = num_all - items.len();
    // Clients pass over a null; a trailing comma makes one.
    let items = items.iter().filter(|item| !item.value.is_null());
    Ok(Feed {
        format,
        entries: items
            .flat_map(|item| to_entries(item, format, options))
            .collect(),
        num_other_devices,
    })
}

/// Tells a format from the shape of the whole and of the first entry.
fn detect(root: &Value) -> Option<Format> {
    let map = match root {
        Value::Array(_) => return Some(Format::V2),
        Value::Object(map) => map,
        _ => return None,
    };
    let Some(list) = response(root) else {
        return map
            .values()
            .all(Value::is_array)
            .then_some(Format::Official);
    };
    let first = list.iter().find(|entry| entry.is_object());
    let has = |key: &str| first.is_some_and(|entry| entry.get(key).is_some());
    Some(match () {
        () if has("download") => Format::CrDroid,
        // Only LineageOTA and what copies it has these, and `id` beside the list.
        () if has("md5sum") && has("channel") => Format::LineageOta,
        () => Format::V1,
    })
}

/// The list under `response`, or under `result` as CyanogenMod's clients want it.
fn response(root: &Value) -> Option<&Vec<Value>> {
    let list = |key| root.get(key).and_then(Value::as_array);
    list("response").or_else(|| list("result"))
}

fn items(root: &Value, format: Format) -> Result<Vec<Item<'_>>, Error> {
    let number = |device| {
        move |(index, value)| Item {
            device,
            number: index + 1,
            value,
        }
    };
    let not_that = |expected| Error::NotThat { format, expected };
    match format {
        Format::V1 | Format::LineageOta | Format::CrDroid => {
            let list = response(root).ok_or(not_that("it has no list under `response`"))?;
            Ok(list.iter().enumerate().map(number(None)).collect())
        }
        Format::V2 => {
            let list = root.as_array().ok_or(not_that("it is no list"))?;
            Ok(list.iter().enumerate().map(number(None)).collect())
        }
        Format::Official => {
            let not_that = not_that("it has no list of builds under each codename");
            let Some(map) = root.as_object() else {
                return Err(not_that);
            };
            let mut items = Vec::new();
            for (device, list) in map {
                let Some(list) = list.as_array() else {
                    return Err(not_that);
                };
                items.extend(list.iter().enumerate().map(number(Some(device.as_str()))));
            }
            Ok(items)
        }
    }
}

/// The build of an item, and the deltas that come with it.
fn to_entries(item: &Item<'_>, format: Format, options: Options<'_>) -> Vec<Entry> {
    let place = match item.device {
        Some(device) => format!("{device}, entry {}", item.number),
        None => format!("entry {}", item.number),
    };
    let numbers = entry_rules::number_problems(item.value).into_iter();
    let mut notes: Vec<String> = numbers.map(|problem| problem.to_string()).collect();
    let read = match (format, item.value.is_object()) {
        (_, false) => Err("it is no JSON object".to_owned()),
        (Format::V1, _) => v1::read(item.value, options.ids_are_sha256).map(|full| (full, vec![])),
        (Format::V2, _) => v2::read(item.value, &mut notes),
        (Format::LineageOta, _) => lineageota::read(item.value).map(|full| (full, vec![])),
        (Format::Official, _) => {
            official::read(item.value, item.device, options.url_base).map(|full| (full, vec![]))
        }
        (Format::CrDroid, _) => crdroid::read(item.value).map(|full| (full, vec![])),
    };
    let (full, deltas) = match read {
        Ok(read) => read,
        Err(reason) => {
            return vec![Entry {
                place,
                filename: wire::find_filename(item.value),
                build: Err(reason),
                notes,
            }];
        }
    };
    let to_entry = |place: String, facts: Facts, mut notes: Vec<String>| Entry {
        place,
        filename: facts.filename.clone(),
        build: facts.into_build(options, &mut notes),
        notes,
    };
    let delta_place = format!("{place}, its delta");
    let mut entries = vec![to_entry(place, full, notes)];
    entries.extend(
        deltas
            .into_iter()
            .map(|delta| to_entry(delta_place.clone(), delta, Vec::new())),
    );
    entries
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
            known_devices: &[],
            romtype: None,
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
            (
                json!({"response": [null, {"download": ""}]}),
                Format::CrDroid,
            ),
            (
                json!({"id": null, "result": [{"md5sum": "", "channel": ""}]}),
                Format::LineageOta,
            ),
            (json!([]), Format::V2),
            (json!({}), Format::Official),
            (json!({"bacon": [], "mako": []}), Format::Official),
        ] {
            assert_eq!(detect(&feed), Some(format), "{feed}");
        }
        for feed in [
            json!("x"),
            json!({"response": {}}),
            json!({"error": false, "url": "x"}),
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
        let dashed = "lineage-21.0-20240801-nightly-x-y.zip";
        assert_eq!(device(dashed, named("x-y")).unwrap(), "x-y");
        assert_eq!(
            device("lineage-21.0-20240801-nightly-foo-bar.zip", named("api")).unwrap(),
            "foo-bar"
        );
        assert_eq!(device("update.zip", named("mako")).unwrap(), "mako");
        assert!(
            device("update.zip", named("other"))
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
