//! What the update clients on phones make of a feed: a test copy of their rules.
//!
//! In: the bytes of a published feed and a [`Phone`]. Out: the URL a client asks for,
//! and its [`Verdict`] on each entry. No code of romfeed is used here, so that one
//! misreading of the format cannot hide on both sides.
//!
//! Sources, with the revision each generation stands for, of the repositories
//! LineageOS/android_packages_apps_CMUpdater and LineageOS/android_packages_apps_Updater:
//!
//! - [`Generation::Cm14`]: CMUpdater, branch cm-14.1 from 6e2947a5 on;
//! - [`Generation::First15`]: Updater, branch lineage-15.0;
//! - [`Generation::Template14`]: Updater, branch cm-14.1 from 6b44a77 on;
//! - [`Generation::Java22`]: Updater, branches lineage-16.0 to lineage-22.0;
//! - [`Generation::Kotlin23`]: Updater, LineageOS 23.2, the revision that compares
//!   `os_sdk_level`.
//!
//! The letters and numbers in the comments group the rules: U for URLs, T for transport,
//! P for the list, E for entries, F for filters, V2 for the Kotlin client.
//!
//! Stricter than the clients on purpose. They accept byte order marks, numbers in quotes,
//! missing keys and more, each its own selection; a published feed relies on none of it, so
//! here every such thing fails the whole list.
//!
//! Left out: the POST client before CMUpdater's cm-14.1, `allow_downgrading` and
//! `allow_major_upgrades` (both off, as on phones), the 4 KiB limit of early 23.x clients.

mod tests;

use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The properties of a phone that its client looks at.
#[derive(Clone, Debug)]
pub(crate) struct Phone {
    /// `ro.updater.next_device`, else `ro.lineage.device` (U7).
    pub device: String,
    /// `ro.lineage.releasetype`, in the case it has there.
    pub release_type: String,
    /// `ro.lineage.build.version`.
    pub version: String,
    /// `ro.build.version.incremental`.
    pub incremental: String,
    /// `ro.build.date.utc`, in seconds.
    pub datetime: i64,
    /// `ro.build.version.sdk`.
    pub sdk: u32,
}

/// A generation of update clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generation {
    Cm14,
    First15,
    Template14,
    Java22,
    Kotlin23,
}

/// What a client does with an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Shown, with a download button.
    Offered,
    /// Shown, without one.
    Blocked(&'static str),
    /// Not shown.
    Hidden(&'static str),
}

/// An entry of a feed as a client understands it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// What the client tells builds apart by; `Cm14` takes the filename.
    pub id: String,
    pub filename: String,
    pub url: String,
    pub version: String,
    pub datetime: i64,
    /// In bytes; 0 where the client does not ask for it and the feed does not say.
    pub size: u64,
    pub verdict: Verdict,
}

const OLDER: &str = "not newer than the installed build";
const OTHER_TYPE: &str = "another romtype";
const LOWER_VERSION: &str = "a version that sorts before the installed one";
const OTHER_VERSION: &str = "another version";
const LOWER_SDK: &str = "an SDK below the phone's, or none";
const HIGHER_SDK: &str = "an SDK above the phone's";

/// Longest body, in bytes, that the Kotlin client reads (V2-2).
const MAX_BODY_LEN: usize = 32 << 10;
/// No time in seconds reaches this before the year 2286; times in milliseconds do (E3).
const DATETIME_END: i64 = 10_000_000_000;

impl Generation {
    pub(crate) const ALL: [Generation; 5] = [
        Generation::Cm14,
        Generation::First15,
        Generation::Template14,
        Generation::Java22,
        Generation::Kotlin23,
    ];

    /// The URL the client asks for when this is the value of its URI property.
    ///
    /// # Errors
    /// Where the client throws, or refuses to connect.
    pub(crate) fn url(self, property: &str, phone: &Phone) -> Result<String, String> {
        // U1: blanks alone count as no value; otherwise only the newest client trims.
        let property = match (self, property.trim()) {
            (Generation::Cm14 | Generation::First15, "") => "https://download.lineageos.org/api",
            (Generation::Kotlin23, "") => {
                "https://download.lineageos.org/api/v2/devices/{device}/builds"
            }
            (_, "") => "https://download.lineageos.org/api/v1/{device}/{type}/{incr}",
            (Generation::Kotlin23, trimmed) => trimmed,
            _ => property,
        };
        let romtype = match (self, phone.release_type.to_lowercase()) {
            // U6
            (Generation::Cm14, romtype) if romtype.is_empty() => "unofficial".to_owned(),
            (_, romtype) => romtype,
        };
        let url = match self {
            // U3: the value is a base, and braces in it mean nothing.
            Generation::Cm14 | Generation::First15 => {
                let Phone {
                    device,
                    incremental,
                    ..
                } = phone;
                format!("{property}/v1/{device}/{romtype}/{incremental}")
            }
            // U2: one after the other, each wherever it occurs, in this case alone.
            Generation::Template14 | Generation::Java22 | Generation::Kotlin23 => property
                .replace("{device}", &phone.device)
                .replace("{type}", &romtype)
                .replace("{incr}", &phone.incremental),
        };
        match self {
            // U3, U5. `URI.create` lets some characters beyond ASCII pass; no feed needs them.
            Generation::Cm14 if !is_uri(&url) => {
                Err(format!("`{url}`: IllegalArgumentException in URI.create"))
            }
            // T1: cleartext traffic is off.
            Generation::Java22 if !url.to_ascii_lowercase().starts_with("https://") => {
                Err(format!("`{url}`: cleartext traffic is not permitted"))
            }
            // V2-1
            Generation::Kotlin23 if !url.starts_with("https://") => {
                Err(format!("`{url}`: does not begin with https://"))
            }
            _ => Ok(url),
        }
    }

    fn judge(self, entry: &Entry, phone: &Phone) -> Verdict {
        let is_newer = match self {
            // F1: a build is offered to itself.
            Generation::First15 => entry.datetime >= phone.datetime,
            _ => entry.datetime > phone.datetime,
        };
        // F2, V2-5; in CMUpdater the URL alone keeps romtypes apart.
        let is_type =
            self == Generation::Cm14 || entry.romtype.eq_ignore_ascii_case(&phone.release_type);
        if !is_newer {
            return Verdict::Hidden(OLDER);
        }
        if !is_type {
            return Verdict::Hidden(OTHER_TYPE);
        }
        match self {
            Generation::Cm14 => {
                // F4. CMUpdater cuts `ro.cm.version`, such as `14.1-20170203-NIGHTLY-dev`.
                let installed = phone.version.to_lowercase();
                let installed = installed.split('-').next().unwrap_or_default();
                block_unless(entry.version == installed, OTHER_VERSION)
            }
            // F3: `String.compareTo`, which goes by UTF-16 units.
            Generation::Java22
                if entry
                    .version
                    .encode_utf16()
                    .lt(phone.version.encode_utf16()) =>
            {
                Verdict::Hidden(LOWER_VERSION)
            }
            // F4
            Generation::First15 | Generation::Template14 | Generation::Java22 => block_unless(
                entry.version.eq_ignore_ascii_case(&phone.version),
                OTHER_VERSION,
            ),
            // V2-5: no level counts as 0. The version is not compared.
            Generation::Kotlin23 if entry.sdk.unwrap_or(0) < phone.sdk => {
                Verdict::Hidden(LOWER_SDK)
            }
            // V2-6
            Generation::Kotlin23 => block_unless(entry.sdk == Some(phone.sdk), HIGHER_SDK),
        }
    }
}

fn block_unless(can_install: bool, reason: &'static str) -> Verdict {
    if can_install {
        Verdict::Offered
    } else {
        Verdict::Blocked(reason)
    }
}

/// The characters `java.net.URI` takes, for ASCII: RFC 2396 with escapes of two digits.
fn is_uri(url: &str) -> bool {
    let is_escape = |rest: &str| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    url.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.!~*'(),;:$&+=?/@#%".contains(&byte))
        && url.split('%').skip(1).all(is_escape)
        && url.matches('#').count() <= 1
}

/// Reads the body of a feed as the client does, and judges each entry; in feed order.
///
/// # Errors
/// Where the client, or the stricter reading described above, fails the whole list.
pub(crate) fn read(generation: Generation, body: &[u8], phone: &Phone) -> Result<Vec<Row>, String> {
    if generation == Generation::Kotlin23 && body.len() > MAX_BODY_LEN {
        return Err(format!("{} bytes, at most {MAX_BODY_LEN}", body.len()));
    }
    let document = parse_strictly(body)?;
    let list = match generation {
        Generation::Kotlin23 => document.as_array().ok_or("not an array")?,
        // P1
        _ => document
            .get("response")
            .and_then(Value::as_array)
            .ok_or("not an object with an array `response`")?,
    };
    let mut ids = BTreeSet::new();
    let mut rows = Vec::new();
    for (index, value) in list.iter().enumerate() {
        let fault = |fault: String| format!("entry {index}: {fault}");
        let entry = match generation {
            Generation::Kotlin23 => parse_v2(value),
            _ => parse_v1(value, generation),
        }
        .map_err(fault)?;
        // E6, E9
        if let Some(id) = &entry.id
            && !ids.insert(id.clone())
        {
            return Err(fault(format!("id `{id}` occurs twice")));
        }
        let verdict = generation.judge(&entry, phone);
        let id = match (generation, entry.id) {
            (Generation::Cm14, _) | (_, None) => entry.filename.clone(),
            (_, Some(id)) => id,
        };
        rows.push(Row {
            id,
            filename: entry.filename,
            url: entry.url,
            version: entry.version,
            datetime: entry.datetime,
            size: entry.size.unwrap_or(0),
            verdict,
        });
    }
    Ok(rows)
}

/// The ids of the entries that can be downloaded, newest first (F7).
///
/// Equal times stay in feed order; on a phone their order is arbitrary.
pub(crate) fn offered(
    generation: Generation,
    body: &[u8],
    phone: &Phone,
) -> Result<Vec<String>, String> {
    let mut rows = read(generation, body, phone)?;
    rows.retain(|row| row.verdict == Verdict::Offered);
    rows.sort_by_key(|row| std::cmp::Reverse(row.datetime));
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// An entry of either format, its values checked.
struct Entry {
    id: Option<String>,
    filename: String,
    url: String,
    version: String,
    romtype: String,
    datetime: i64,
    size: Option<u64>,
    sdk: Option<u32>,
}

/// E1, E2: the seven keys, each with its type; a key not asked for has it all the same.
fn parse_v1(value: &Value, generation: Generation) -> Result<Entry, String> {
    let object = value.as_object().ok_or("not an object")?;
    let (id, size) = (parse_id(object, "id"), parse_size(object));
    let is_first = matches!(generation, Generation::Cm14 | Generation::First15);
    Ok(Entry {
        id: match generation {
            Generation::Cm14 if !object.contains_key("id") => None,
            _ => Some(id?),
        },
        filename: parse_filename(object)?,
        url: parse_url(object)?,
        version: text(object, "version")?,
        romtype: text(object, "romtype")?,
        datetime: parse_datetime(object)?,
        size: match is_first && !object.contains_key("size") {
            true => None,
            false => Some(size?),
        },
        sdk: None,
    })
}

/// V2-3: one build with its files, of which the first counts.
fn parse_v2(value: &Value) -> Result<Entry, String> {
    let object = value.as_object().ok_or("not an object")?;
    let files = get(object, "files")?
        .as_array()
        .ok_or("`files` is not an array")?;
    let (version, romtype) = (text(object, "version")?, text(object, "type")?);
    let datetime = parse_datetime(object)?;
    let mut entries = Vec::new();
    for file in files {
        let file = file.as_object().ok_or("a file is not an object")?;
        let id = parse_id(file, "sha256")?;
        // A fork compares it with the digest it computes, and lower-case digits with that.
        if id.len() != 64 || !id.bytes().all(|byte| b"0123456789abcdef".contains(&byte)) {
            return Err(format!("`{id}` is not a SHA-256 digest"));
        }
        let size = parse_size(file)?;
        if let Some(files) = optional(file, "ota_property_files", text)? {
            check_property_files(&files, size)?;
        }
        optional(file, "os_patch_level", text)?;
        entries.push(Entry {
            id: Some(id),
            filename: parse_filename(file)?,
            url: parse_url(file)?,
            version: version.clone(),
            romtype: romtype.clone(),
            datetime,
            size: Some(size),
            sdk: optional(file, "os_sdk_level", parse_sdk)?,
        });
    }
    entries.into_iter().next().ok_or("`files` is empty".into())
}

/// V2-4: `name:offset:size` with commas between, blanks after the last one only.
fn check_property_files(files: &str, package_size: u64) -> Result<(), String> {
    let number = |digits: &str| {
        // `parse` alone would take a plus sign.
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| digits.parse::<u64>().ok()).flatten()
    };
    for token in files.trim_end_matches(' ').split(',') {
        let parts: Vec<&str> = token.split(':').collect();
        let range = match parts[..] {
            [name, offset, size] if !name.is_empty() && !name.contains(' ') => {
                number(offset).zip(number(size))
            }
            _ => None,
        };
        let (offset, size) = range.ok_or(format!("malformed token `{token}` in `{files}`"))?;
        if offset
            .checked_add(size)
            .is_none_or(|end| end > package_size)
        {
            return Err(format!("`{token}` ends beyond {package_size} bytes"));
        }
    }
    Ok(())
}

/// E6: non-empty, and not the word that marks imported packages.
fn parse_id(object: &Map<String, Value>, key: &str) -> Result<String, String> {
    let id = text(object, key)?;
    match id.as_str() {
        "" | "local" => Err(format!("id `{id}`")),
        _ => Ok(id),
    }
}

/// E5: a bare name, since the client joins it to its download folder.
fn parse_filename(object: &Map<String, Value>) -> Result<String, String> {
    let filename = text(object, "filename")?;
    if ["", ".", ".."].contains(&filename.as_str()) || filename.contains(['/', '\0']) {
        return Err(format!("filename `{filename}`"));
    }
    Ok(filename)
}

/// E7, T1: absolute, https, percent-encoded.
fn parse_url(object: &Map<String, Value>) -> Result<String, String> {
    let url = text(object, "url")?;
    let host = url.strip_prefix("https://").unwrap_or_default();
    if host.is_empty() || host.starts_with('/') || !url.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(format!("url `{url}`"));
    }
    Ok(url)
}

/// E3: in seconds.
fn parse_datetime(object: &Map<String, Value>) -> Result<i64, String> {
    let value = get(object, "datetime")?;
    value
        .as_i64()
        .filter(|datetime| (0..DATETIME_END).contains(datetime))
        .ok_or(format!("`datetime` is {value}"))
}

/// E4: at least one byte, and within a `long`.
fn parse_size(object: &Map<String, Value>) -> Result<u64, String> {
    let value = get(object, "size")?;
    value
        .as_u64()
        .filter(|size| (1..=i64::MAX.unsigned_abs()).contains(size))
        .ok_or(format!("`size` is {value}"))
}

/// V2-3: an `Int`.
fn parse_sdk(object: &Map<String, Value>, key: &str) -> Result<u32, String> {
    let value = get(object, key)?;
    value
        .as_u64()
        .and_then(|level| i32::try_from(level).ok())
        .map(i32::unsigned_abs)
        .ok_or(format!("`{key}` is {value}"))
}

fn text(object: &Map<String, Value>, key: &str) -> Result<String, String> {
    let value = get(object, key)?;
    let text = value.as_str().ok_or(format!("`{key}` is {value}"))?;
    Ok(text.to_owned())
}

fn get<'a>(object: &'a Map<String, Value>, key: &str) -> Result<&'a Value, String> {
    object.get(key).ok_or(format!("no `{key}`"))
}

/// The value of a key that may be absent; present, it is right.
fn optional<T>(
    object: &Map<String, Value>,
    key: &str,
    parse: fn(&Map<String, Value>, &str) -> Result<T, String>,
) -> Result<Option<T>, String> {
    let is_present = object.contains_key(key);
    is_present.then(|| parse(object, key)).transpose()
}

/// P2 to P6: strict JSON in ASCII, without a byte order mark, no key twice in an object.
fn parse_strictly(body: &[u8]) -> Result<Value, String> {
    if let Some(offset) = body.iter().position(|byte| !byte.is_ascii()) {
        return Err(format!("byte {offset} is not ASCII"));
    }
    let document = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    check_keys(body)?;
    Ok(document)
}

/// Looks for a key that occurs twice in one object of this well-formed JSON.
///
/// `serde_json` keeps the last one and says nothing.
fn check_keys(json: &[u8]) -> Result<(), String> {
    let mut open: Vec<BTreeSet<String>> = Vec::new();
    let mut rest = json;
    while let [byte, after @ ..] = rest {
        match byte {
            b'{' | b'[' => open.push(BTreeSet::new()),
            b'}' | b']' => drop(open.pop()),
            b'"' => {
                // Reads one string, unescaped: `\u0069d` and `id` are the same key.
                let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<String>();
                let key = values.next().and_then(Result::ok).unwrap_or_default();
                rest = &rest[values.byte_offset()..];
                if rest.trim_ascii_start().starts_with(b":")
                    && open
                        .last_mut()
                        .is_some_and(|keys| !keys.insert(key.clone()))
                {
                    return Err(format!("key `{key}` occurs twice in one object"));
                }
                continue;
            }
            _ => {}
        }
        rest = after;
    }
    Ok(())
}
