//! Reads a list of files in the format of `rclone lsjson`.
//!
//! In: the file that `rclone lsjson -R --hash` writes (rclone 1.75), or one written by hand: a JSON
//! list of objects, of which only `Path` is required. Out: the files, at the given address and their
//! paths. `Size` is -1 if the store does not know it. Other digests than MD5 and SHA-256 are not used.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::builder::{Builder, Offer, parse_date};
use super::folders::{Bounded, is_usable};
use super::{Error, Listing};
use crate::files::{after_byte_order_mark, json_message, read_regular};
use crate::model::address::encode_path;

/// Maximum size of the list, in bytes; a file with all digests of rclone has 1 KiB.
const MAX_LIST: u64 = 128 << 20;
/// The size of a file whose size is unknown.
const UNKNOWN: i64 = -1;

/// A file or a folder.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    path: String,
    #[serde(default)]
    size: Option<serde_json::Number>,
    #[serde(default)]
    mod_time: String,
    #[serde(default)]
    is_dir: bool,
    /// By the name of the algorithm; rclone writes `sha1`, and `SHA-1` in its manual.
    #[serde(default)]
    hashes: BTreeMap<String, String>,
}

/// Reads the list in a file; `base` is the address of the folder that it describes.
pub(super) fn list(file: &Path, base: &str) -> Result<Listing, Error> {
    let unreadable = |reason: String| Error::File {
        file: file.to_owned(),
        reason,
    };
    let bytes = read_regular(file, MAX_LIST).map_err(|error| unreadable(error.to_string()))?;
    let listed: Bounded<Entry> = serde_json::from_slice(after_byte_order_mark(&bytes))
        .map_err(|error| unreadable(json_message(&error)))?;
    let base = base.trim_end_matches('/');
    let mut builder = Builder::new(base);
    for entry in listed.0 {
        let path = &entry.path;
        let names: Vec<&str> = path.split('/').collect();
        if !entry.is_dir && names.iter().all(|name| is_usable(name, path, &mut builder)) {
            builder.add(entry.offer(&names, &format!("{base}/{}", encode_path(path))))?;
        }
    }
    Ok(builder.finish())
}

impl Entry {
    fn offer<'a>(&'a self, names: &[&'a str], url: &'a str) -> Offer<'a> {
        let digest = |algorithm: &str| {
            let is_it = |name: &str| name.replace('-', "").eq_ignore_ascii_case(algorithm);
            let (_, text) = self.hashes.iter().find(|(name, _)| is_it(name))?;
            Some(text.as_str()).filter(|text| !text.is_empty())
        };
        let (name, folders) = names.split_last().unwrap_or((&"", &[]));
        let (sha256, md5) = (digest("sha256"), digest("md5"));
        let tag = sha256.or(md5).map(str::to_ascii_lowercase);
        Offer {
            folders: folders.to_vec(),
            name,
            id: self.path.clone(),
            size: self
                .size
                .as_ref()
                .filter(|size| size.as_i64() != Some(UNKNOWN)),
            tag: tag.unwrap_or_else(|| self.mod_time.clone()),
            date: parse_date(&self.mod_time),
            sha256,
            md5,
            url,
            notes: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{MAX_FILES, RemoteFile};
    use super::*;

    /// Reads a list from a file with this text.
    fn read(text: &str) -> Result<Listing, Error> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("list.json");
        std::fs::write(&file, text).unwrap();
        list(&file, "https://h/roms")
    }

    #[test]
    fn list_of_rclone_is_read_with_sizes_times_and_digests() {
        // rclone 1.75.2: `rclone lsjson -R --hash --hash-type md5 --hash-type sha256`.
        let listing = read(
            r#"[
{"Path":".hidden","Name":".hidden","Size":4096,"MimeType":"inode/directory","ModTime":"2026-11-29T08:07:00.631433966Z","IsDir":true},
{"Path":"a b#c?d%41\u0026e\"f\u003cg\u003e.zip","Name":"a b#c?d%41\u0026e\"f\u003cg\u003e.zip","Size":10,"MimeType":"application/zip","ModTime":"2024-08-01T12:34:56.000000000Z","IsDir":false,"Hashes":{"md5":"a63c90cc3684ad8b0a2176a6a8fe9005","sha256":"01d448afd928065458cf670b60f5a594d735af0172c8d67f22a81680132681ca"}},
{"Path":"beryllium","Name":"beryllium","Size":4096,"MimeType":"inode/directory","ModTime":"2024-08-01T12:34:56.000000000Z","IsDir":true},
{"Path":"beryllium/x.zip","Name":"x.zip","Size":3000,"MimeType":"application/zip","ModTime":"2024-08-01T12:34:56.000000000Z","IsDir":false,"Hashes":{"md5":"A63C90CC3684AD8B0A2176A6A8FE9005"}},
{"Path":"ü+ö.zip","Name":"ü+ö.zip","Size":-1,"MimeType":"application/zip","ModTime":"2024-08-01T12:34:56.000000000Z","IsDir":false,"ID":"abc"}
]"#,
        )
        .unwrap();
        assert_eq!(listing.warnings, [""; 0]);
        let [a, x, u] = &listing.files[..] else {
            panic!("{listing:?}")
        };
        assert_eq!(a.path, r#"a b#c?d%41&e"f<g>.zip"#);
        assert_eq!(
            a.url,
            "https://h/roms/a%20b%23c%3Fd%2541%26e%22f%3Cg%3E.zip"
        );
        assert_eq!(a.size, Some(10));
        assert_eq!(a.date, Some(1_722_515_696));
        assert_eq!(a.sha256.as_deref(), Some(a.tag.as_str()));
        assert!(a.tag.starts_with("01d448af"), "{}", a.tag);
        assert_eq!(x.url, "https://h/roms/beryllium/x.zip");
        assert_eq!(x.id, x.path);
        assert_eq!(x.md5.as_deref(), Some("a63c90cc3684ad8b0a2176a6a8fe9005"));
        assert_eq!((x.sha256.as_ref(), x.md5.as_ref()), (None, Some(&x.tag)));
        assert_eq!(u.url, "https://h/roms/%C3%BC%2B%C3%B6.zip");
        assert_eq!(u.size, None);
        assert_eq!(u.tag, "2024-08-01T12:34:56.000000000Z");
    }

    #[test]
    fn list_written_by_hand_needs_only_paths() {
        let listing = read(
            "\u{feff}[{\"Path\":\"a/b.zip\"},{\"Path\":\"c.zip\",\"Hashes\":{\"SHA-256\":\"\"}}]",
        );
        let listing = listing.unwrap();
        let expected = |path: &str| RemoteFile {
            path: path.to_owned(),
            id: path.to_owned(),
            url: format!("https://h/roms/{path}"),
            ..RemoteFile::default()
        };
        assert_eq!(listing.files, [expected("a/b.zip"), expected("c.zip")]);
        assert_eq!(listing.warnings, [""; 0]);
        assert_eq!(read("[]").unwrap(), Listing::default());
    }

    #[test]
    fn unusable_entries_are_left_out_with_a_warning() {
        let bad = r#"[{"Path":"../x.zip"},{"Path":"a/../../x.zip"},{"Path":"/etc/x.zip"},{"Path":"a\\x.zip"},
            {"Path":"a\u0000.zip"},{"Path":"a//x.zip"},{"Path":""},{"Path":"l\ufffd.zip"},
            {"Path":"ok.zip","Size":99999999999999999999,"Hashes":{"md5":"no hex","sha256":"ab"}},
            {"Path":"ok.zip","Size":3}]"#;
        let listing = read(bad).unwrap();
        let [file] = &listing.files[..] else {
            panic!("{listing:?}")
        };
        assert_eq!(
            (file.path.as_str(), file.size, &file.md5, &file.sha256),
            ("ok.zip", None, &None, &None)
        );
        assert_eq!(
            listing.warnings,
            [
                "`/etc/x.zip` is left out: `` is empty or longer than 255 bytes",
                "`a\\\\x.zip` is left out: `a\\\\x.zip` holds a path separator",
                "`a\\0.zip` is left out: `a\\0.zip` holds control characters",
                "`a//x.zip` is left out: `` is empty or longer than 255 bytes",
                "`` is left out: `` is empty or longer than 255 bytes",
                "`l\u{fffd}.zip` is left out: `l\u{fffd}.zip` is not UTF-8",
                "the size `1e+20` of `ok.zip` is ignored: it cannot be true",
                "`ab` of `ok.zip` is ignored: it is not a SHA-256 in hex",
                "`no hex` of `ok.zip` is ignored: it is not a MD5 in hex",
            ]
        );
    }

    #[test]
    fn file_that_is_no_such_list_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "the text ends in the middle of a value"),
            ("[{\"Path\":\"a\"}", "the text ends in the middle of a list"),
            ("{}", "an object, expected a list"),
            ("[1]", "the number `1`, expected an object"),
            ("[{\"Name\":\"a\"}]", "missing field `Path`"),
            ("[{\"Path\":5}]", "the number `5`, expected a string"),
            ("<html>", "expected value"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        let many = vec!["{\"Path\":\"a\"}"; MAX_FILES + 1].join(",");
        let error = read(&format!("[{many}]")).unwrap_err().to_string();
        assert!(error.contains("it lists more than 100000 files"), "{error}");
        let none = list(Path::new("/nowhere/list.json"), "https://h").unwrap_err();
        assert!(
            none.to_string()
                .starts_with("/nowhere/list.json cannot be read: ")
        );
    }
}
