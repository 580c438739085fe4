//! The catalog as JSON for update clients, one module per client format.
//!
//! In: [`Lane`]s. Out: [`Page`]s, paths and bytes. No I/O, no clock: the same
//! catalog always gives the same bytes.

pub mod v1;
pub mod v2;

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;

use crate::build::{self, Romtype};
use crate::catalog::{Lane, LaneKey, Offer, sort_newest_first};
use crate::config::DeviceFeed;

/// One file of the site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Path below the site's root, with `/` between folders.
    pub path: String,
    /// Its contents.
    pub bytes: Vec<u8>,
    /// Update clients read it, so it is written after all that it refers to.
    pub is_feed: bool,
}

impl Page {
    fn feed(path: String, bytes: Vec<u8>) -> Page {
        Page {
            path,
            bytes,
            is_feed: true,
        }
    }
}

/// The feeds of a site, and what could not be given one.
#[derive(Clone, Debug, Default)]
pub struct Feeds {
    /// All feed files, sorted by path.
    pub pages: Vec<Page>,
    /// One line per incremental that cannot be a path, and per file that outgrew
    /// what clients read.
    pub warnings: Vec<String>,
}

impl Feeds {
    /// Adds a feed; one that outgrew what every client reads is warned about.
    fn push(&mut self, path: String, bytes: Vec<u8>, max_size: usize) {
        if bytes.len() > max_size {
            self.warnings.push(format!(
                "{path} has {} bytes, and some updaters read no more than {max_size}; \
                 remove old versions from the catalog",
                bytes.len(),
            ));
        }
        self.pages.push(Page::feed(path, bytes));
    }
}

/// Renders the feeds of all client generations.
#[must_use]
pub fn render(lanes: &BTreeMap<LaneKey, Lane>, device_feed: &dyn Fn(&str) -> DeviceFeed) -> Feeds {
    let mut feeds = Feeds::default();
    let mut devices: BTreeMap<(String, &str), Vec<Offer>> = BTreeMap::new();
    for (key, lane) in lanes {
        let prefix = key
            .variant
            .as_ref()
            .map_or_else(String::new, |variant| format!("{variant}/"));
        let folder = format!("{prefix}api/v1/{}/{}", key.device, key.romtype);
        feeds.push(
            format!("{folder}.json"),
            v1::render(&lane.offers),
            v1::MAX_SIZE,
        );
        for (incremental, oldest) in &lane.incrementals {
            if let Some(reason) = build::path_fault(incremental) {
                feeds.warnings.push(format!(
                    "{} {}: incremental `{}` has no feed of its own: {reason}",
                    key.device,
                    key.romtype,
                    incremental.escape_debug()
                ));
                continue;
            }
            let num_newer = lane
                .offers
                .partition_point(|offer| offer.build.timestamp > *oldest);
            let page = v1::render(&lane.offers[..num_newer]);
            // It holds a part of the list above, which was warned about if too long.
            let path = format!("{folder}/{incremental}");
            feeds.pages.push(Page::feed(path, page));
        }
        devices
            .entry((prefix, key.device.as_str()))
            .or_default()
            .extend(lane.offers.iter().cloned());
    }
    for ((prefix, device), mut offers) in devices {
        sort_newest_first(&mut offers);
        let v2 = v2::render(&offers);
        let (root, max_size) = match device_feed(device) {
            DeviceFeed::V1 => (v1::render(&offers), v1::MAX_SIZE),
            DeviceFeed::V2 => (v2.clone(), v2::MAX_SIZE),
        };
        feeds.push(format!("{prefix}{device}.json"), root, max_size);
        let path = format!("{prefix}api/v2/devices/{device}/builds.json");
        feeds.push(path, v2, v2::MAX_SIZE);
    }
    feeds.pages.sort_by(|a, b| a.path.cmp(&b.path));
    feeds
}

/// A list of builds as text, at most `max_size` bytes of it, newest first.
///
/// The two newest builds of each romtype and version always stay: the newest
/// client deletes a half-downloaded build that leaves its feed. The rest stay as
/// long as they fit.
fn render_list(
    offers: &[Offer],
    max_size: usize,
    [open, close]: [&str; 2],
    render_entry: &dyn Fn(&Offer) -> String,
) -> Vec<u8> {
    let mut num_kept: Vec<(&Romtype, &str, usize)> = Vec::new();
    let mut entries: Vec<Option<String>> = Vec::with_capacity(offers.len());
    for offer in offers {
        let (romtype, version) = (&offer.build.romtype, offer.build.version.as_str());
        let same = |(known, kept, _): &(&Romtype, &str, usize)| {
            *kept == version && known.as_str().eq_ignore_ascii_case(romtype.as_str())
        };
        let index = num_kept.iter().position(same).unwrap_or_else(|| {
            num_kept.push((romtype, version, 0));
            num_kept.len() - 1
        });
        num_kept[index].2 += 1;
        entries.push((num_kept[index].2 <= 2).then(|| render_entry(offer)));
    }
    // Each entry brings a comma and a line break, the frame at most two breaks.
    let taken: usize = entries.iter().flatten().map(|entry| entry.len() + 2).sum();
    let mut left = max_size.saturating_sub(open.len() + close.len() + 2 + taken);
    for (offer, entry) in offers.iter().zip(&mut entries) {
        if entry.is_none() {
            let text = render_entry(offer);
            let Some(rest) = left.checked_sub(text.len() + 2) else {
                break;
            };
            left = rest;
            *entry = Some(text);
        }
    }
    let entries: Vec<String> = entries.into_iter().flatten().collect();
    join(open, &entries, close)
}

/// Compact JSON in ASCII: what is beyond it becomes `\u` escapes, since an early
/// client decodes every body as Latin-1.
fn to_ascii_json<T: Serialize>(value: &T) -> String {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, AsciiFormatter);
    value
        .serialize(&mut serializer)
        .expect("strings and numbers always become JSON in memory");
    String::from_utf8(bytes).expect("the formatter writes ASCII")
}

struct AsciiFormatter;

impl serde_json::ser::Formatter for AsciiFormatter {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for c in fragment.chars() {
            if c.is_ascii() && c != '\x7f' {
                writer.write_all(&[c as u8])?;
            } else {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

/// Entries one a line between an opening and a closing, so that a change of one
/// build is a change of one line.
fn join(open: &str, entries: &[String], close: &str) -> Vec<u8> {
    let mut text = open.to_owned();
    for (index, entry) in entries.iter().enumerate() {
        text.push_str(if index == 0 { "\n" } else { ",\n" });
        text.push_str(entry);
    }
    if !entries.is_empty() {
        text.push('\n');
    }
    text.push_str(close);
    text.push('\n');
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_ascii_whatever_it_says() {
        let json = to_ascii_json(&"a\"ü\u{1F600}\n\x7f");
        assert_eq!(json, "\"a\\\"\\u00fc\\ud83d\\ude00\\n\\u007f\"");
        assert_eq!(
            serde_json::from_str::<String>(&json).unwrap(),
            "a\"ü\u{1F600}\n\x7f"
        );
    }

    #[test]
    fn lists_are_one_entry_a_line() {
        assert_eq!(join("[", &[], "]"), b"[]\n");
        assert_eq!(join("[", &["1".into(), "2".into()], "]"), b"[\n1,\n2\n]\n");
    }
}
