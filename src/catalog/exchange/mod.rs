//! Feeds of other servers: imported as builds, and builds exported for another server.
//!
//! In: the bytes of a feed, and [`Options`] for what the feed leaves out. Out: [`Feed`] with one
//! [`FeedEntry`] for each build, either the build or one line on why the entry is not one. [`merge`]
//! adds them to the catalog; [`export`] writes a list. No I/O and no clock: the time is a
//! parameter.
//!
//! A format is recognised by its entries, whether they are one object, a list, a list under a key
//! or lists by codename. `keys` has the keys of all families. `flat` reads entries with all facts in one object, `v2` and `official`
//! those with `files`. A number that a feed writes as text, or the other way round, is accepted.
//! Then [`crate::model::entry_rules`] and [`super::file::validate_build`] judge the entry. `device`
//! finds the device of a build, `info` the texts for people.

pub mod export;
pub mod info;
pub mod merge;

mod device;
mod facts;
mod flat;
mod format;
mod items;
mod keys;
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
use format::{detect, is_grapheneos_line};
use info::DeviceText;
use items::{Item, items};

pub use format::Format;

/// Longest feed that is read, in bytes.
///
/// A feed for a phone has a few KiB, the official server's list of all builds of all devices about
/// 2 MiB. Parsed, a feed takes up to 25 times its length in memory.
pub const MAX_SIZE: u64 = 8 << 20;
/// Most entries that are read: ten times those of the official server. A feed within [`MAX_SIZE`]
/// could otherwise have millions, each with an error to print.
pub const MAX_ENTRIES: usize = 20_000;

/// Why a feed cannot be read at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It is longer than any feed.
    #[error("it is longer than {MAX_SIZE} bytes")]
    TooLarge,
    /// It has more entries than any feed.
    #[error("it has more than {MAX_ENTRIES} entries")]
    TooMany,
    /// It is a web page, as servers send for unknown addresses.
    #[error("it is a web page, not a feed")]
    WebPage,
    /// It is a list of news for people.
    #[error("it is XML for newsreaders, which lacks the facts that phones need")]
    Xml,
    /// It is not JSON.
    #[error("it is not JSON")]
    Json(#[source] JsonError),
    /// It is a feed of another kind, which lacks facts that are needed.
    #[error(
        "it is a feed of {0}, which has neither the size nor the version of a build; put the \
         zips into the builds folder and run romfeed generate"
    )]
    TooLittle(&'static str),
    /// It is JSON, but not a feed of a known format.
    #[error("it is not a feed that can be read: no entry names a file and its address or size")]
    Unknown,
    /// It is JSON, but not of the format that was asked for.
    #[error("it is not a feed of the format {format}: {expected}")]
    NotThat {
        /// The format.
        format: Format,
        /// What such a feed is.
        expected: &'static str,
    },
    /// It has no addresses, since the official format leaves them to the server.
    #[error(
        "an official builds.json has no addresses: add --url-base URL, the DOWNLOAD_BASE_URL of its server"
    )]
    NoUrlBase,
    /// Its ids cannot be digests of files, although the call says so.
    #[error("the ids of a {0} feed are not SHA-256 of files; leave out --ids-are-sha256")]
    NoDigests(Format),
}

impl Error {
    /// Whether the call is wrong, not the feed.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, Error::NoUrlBase | Error::NoDigests(_))
    }
}

/// What a feed leaves out.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Returns the variant that the settings give a file name.
    pub variant_of: &'a dyn Fn(&str) -> Option<Variant>,
    /// The feed's format; `None` to detect it.
    pub format: Option<Format>,
    /// The device of all entries; in a feed of several devices, the one whose builds are read.
    pub device: Option<&'a Device>,
    /// The name of the feed's file without `.json`, by custom a codename.
    pub feed_name: Option<&'a str>,
    /// The names of the folders around it, the nearest first.
    pub feed_folders: &'a [&'a str],
    /// Codenames that are known already; they help to split file names.
    pub known_devices: &'a [String],
    /// The romtype of entries without one, and of entries whose updaters compare none, such as
    /// crDroid's.
    pub romtype: Option<&'a Romtype>,
    /// The version of entries without one.
    pub version: Option<&'a str>,
    /// The variant of entries to which the settings give none. Entries of another variant
    /// are left out.
    pub variant: Option<&'a Variant>,
    /// The address before `filepath`, or before the file name of an entry without an address;
    /// without a slash at its end.
    pub url_base: Option<&'a str>,
    /// Whether ids are digests of the files.
    pub ids_are_sha256: bool,
    /// The current time, in seconds since the epoch.
    pub now: i64,
}

/// A parsed feed.
#[derive(Clone, Debug)]
pub struct Feed {
    /// Its format.
    pub format: Format,
    /// Its builds, in its order.
    pub entries: Vec<FeedEntry>,
    /// Number of entries for other devices than the one asked for.
    pub num_other_devices: usize,
    /// Number of entries of other variants than the one asked for.
    pub num_other_variants: usize,
    /// One line on each entry that is left out.
    pub left_out: Vec<String>,
    /// The texts for people in the object around the list.
    pub text: DeviceText,
}

/// One build of a feed.
#[derive(Clone, Debug)]
pub struct FeedEntry {
    /// Its place in the feed, for example `entry 3`, counted from 1.
    pub place: String,
    /// Its file name, if it has one.
    pub filename: Option<String>,
    /// The build, or one line on why it is not one.
    pub build: Result<Build, String>,
    /// Further remarks for people.
    pub notes: Vec<String>,
    /// Its variant, by a key of its own, its file name or its address.
    pub stated_variant: Option<&'static str>,
    /// Its texts for people.
    pub text: DeviceText,
}

impl FeedEntry {
    /// Returns place and file name, for a message.
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

/// Reads a feed.
///
/// Safe on untrusted input: no panic, and memory bounded by [`MAX_SIZE`].
///
/// # Errors
/// [`Error`] if nothing can be read. An entry that is not a valid build has an `Err` in its
/// [`FeedEntry`].
pub fn read(bytes: &[u8], options: Options<'_>) -> Result<Feed, Error> {
    if bytes.len() as u64 > MAX_SIZE {
        return Err(Error::TooLarge);
    }
    let root = parse_root(bytes)?;
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
    // Clients skip null; a trailing comma makes one.
    items.retain(|item| !item.value.is_null());
    let num_other_devices = retain_device(&mut items, format, options.device);
    let num_other_variants = retain_variant(&mut items, options.variant);
    let lacks_address = |item: &Item<'_>| official::url(item.value).is_none();
    if format == Format::Official && options.url_base.is_none() && items.iter().any(lacks_address) {
        return Err(Error::NoUrlBase);
    }
    let mut feed = Feed {
        format,
        entries: Vec::new(),
        num_other_devices,
        num_other_variants,
        left_out: Vec::new(),
        text: match keys::is_entry(&root) {
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

/// Parses the JSON of a feed.
///
/// # Errors
/// [`Error`] if it is not JSON, or is a feed that lacks facts which are needed.
fn parse_root(bytes: &[u8]) -> Result<Value, Error> {
    // Clients skip a byte order mark, so some feeds have one.
    let bytes = after_byte_order_mark(bytes);
    let text = bytes.trim_ascii_start();
    if text.starts_with(b"<?xml") || text.starts_with(b"<feed") || text.starts_with(b"<rss") {
        return Err(Error::Xml);
    }
    if text.starts_with(b"<") {
        return Err(Error::WebPage);
    }
    let root: Value =
        serde_json::from_slice(bytes).map_err(|error| match is_grapheneos_line(bytes) {
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
    Ok(root)
}

/// Removes items of other devices than the wanted one, if the feed has several; returns their
/// number.
fn retain_device(items: &mut Vec<Item<'_>>, format: Format, wanted: Option<&Device>) -> usize {
    let codenames = items.iter().filter_map(|item| item.codename(format));
    let has_several_devices = codenames.collect::<BTreeSet<_>>().len() > 1;
    let num_all = items.len();
    if let Some(wanted) = wanted
        && (has_several_devices || format == Format::Official)
    {
        items.retain(|item| item.codename(format) == Some(wanted.as_str()));
    }
    num_all - items.len()
}

/// Removes items of other variants than the wanted one; returns their number.
fn retain_variant(items: &mut Vec<Item<'_>>, wanted: Option<&Variant>) -> usize {
    let wanted = wanted.and_then(|variant| names::stated_variant(variant.as_str()));
    let is_wanted = |item: &Item<'_>| match (wanted, stated_variant(item.value)) {
        (Some(wanted), Some(stated)) => wanted == stated,
        _ => true,
    };
    let num_all = items.len();
    items.retain(is_wanted);
    num_all - items.len()
}

/// Reads the build of an item, and the deltas in it.
fn read_item(item: &Item<'_>, feed: &mut Feed, options: Options<'_>) {
    let place = item.place();
    let numbers = entry_rules::number_problems(item.value).into_iter();
    let mut notes: Vec<String> = numbers.map(|problem| problem.to_string()).collect();
    let (mut full, deltas) = match read_facts(item, feed.format, options, &mut notes) {
        Ok(read) => read,
        Err(reason) => {
            feed.entries.push(FeedEntry {
                place,
                filename: keys::find_filename(item.value),
                build: Err(reason),
                notes,
                stated_variant: None,
                text: DeviceText::default(),
            });
            return;
        }
    };
    if full.codename.is_none() {
        full.codename = item.codename(feed.format).map(str::to_owned);
    }
    let codename = full.codename.clone();
    let delta_place = format!("{place}, its delta");
    feed.add(item, place, full, notes, options);
    for delta in deltas {
        let delta = Facts {
            codename: codename.clone(),
            ..delta
        };
        feed.add(item, delta_place.clone(), delta, Vec::new(), options);
    }
}

/// Reads the facts of an item, and those of the deltas in it.
///
/// # Errors
/// One line on the first value that does not fit its key.
fn read_facts(
    item: &Item<'_>,
    format: Format,
    options: Options<'_>,
    notes: &mut Vec<String>,
) -> Result<(Facts, Vec<Facts>), String> {
    let entry = item.value;
    if !entry.is_object() {
        return Err("it is not a JSON object".to_owned());
    }
    let full = match format {
        Format::V2 => return v2::read(entry, notes),
        Format::Official => official::read(entry, item.key, options.url_base, notes)?,
        _ => flat::read(entry, format, options, notes)?,
    };
    Ok((full, Vec::new()))
}

impl Feed {
    /// Adds the build that facts make, or a line on why it is left out.
    fn add(
        &mut self,
        item: &Item<'_>,
        place: String,
        facts: Facts,
        mut notes: Vec<String>,
        options: Options<'_>,
    ) {
        let filename = facts.filename.clone();
        let is_delta_name = filename.as_deref().is_some_and(is_delta_name);
        if is_delta_name && !facts.is_delta && self.format != Format::Official {
            self.left_out.push(format!(
                "{}: by its name it is a delta, and the feed does not name the build it starts from",
                label(&place, filename.as_deref())
            ));
            return;
        }
        let build = facts.into_build(options, &mut notes);
        let of_build = || device::variant(build.as_ref().ok()?);
        self.entries.push(FeedEntry {
            stated_variant: keys::variant(item.value).or_else(of_build),
            place,
            filename,
            build,
            notes,
            text: info::read(item.value),
        });
    }
}

/// Returns the variant of an entry by a key, the name of its package or its address.
fn stated_variant(entry: &Value) -> Option<&'static str> {
    let of_name = || names::stated_variant(keys::filename(entry)?.as_str()?);
    let of_url = || names::variant_in_path(keys::url(entry)?);
    keys::variant(entry).or_else(of_name).or_else(of_url)
}

/// Whether a file name is that of a delta: `…-incremental.zip`, `…-bacon-from-abc.zip`, `…-delta.zip`.
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
    fn formats_are_recognised_by_their_entries() {
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
    fn ids_are_digests_only_if_the_caller_says_so() {
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
    fn sources_of_the_device_are_tried_in_order() {
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
        // A feed's name that is not a codename is ignored; one that is may contradict.
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
    fn feeds_beyond_the_limits_are_refused() {
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
