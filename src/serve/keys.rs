//! The keys of clients that may change the catalog through the server, stored as SHA-256.
//!
//! In: a key as a client sends it, 64 hex digits of 256 random bits. Out: whether it is one of the
//! keys in `keys.json` of the state folder, which only its owner may read. Since all bits of a key are
//! random, it cannot be guessed from a plain digest.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::files::{JsonError, read_file};
use crate::model::build::{self, Device};
use base16ct::lower::encode_string as hex;

/// The file in the state folder.
const FILE: &str = "keys.json";
/// The schema that this version reads and writes.
const SCHEMA: u32 = 1;
/// Longest such file read, in bytes.
const MAX_SIZE: u64 = 1 << 20;

/// Why keys could not be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system reported an error.
    #[error("cannot {verb} {}", .file.display())]
    Io {
        /// What was tried: "read", "write", …
        verb: &'static str,
        /// The file.
        file: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// The file is not JSON, or does not have this schema.
    #[error("{} cannot be understood", .file.display())]
    Json {
        /// The file.
        file: PathBuf,
        /// The reason.
        #[source]
        source: JsonError,
    },
    /// A newer romfeed wrote the file.
    #[error("{} has schema {found}, this romfeed reads schema {SCHEMA}", .file.display())]
    Schema {
        /// The file.
        file: PathBuf,
        /// The schema found.
        found: u32,
    },
    /// The name is not valid.
    #[error("the key name `{}` is not valid: {reason}", .name.escape_debug())]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The key could not be shown, so it was not stored.
    #[error("the key was not stored, because it could not be shown")]
    Show(#[source] io::Error),
    /// A key has this name already.
    #[error("there is already a key `{name}`")]
    Taken {
        /// The name.
        name: String,
    },
}

/// A key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// What its owner calls it.
    pub name: String,
    /// The SHA-256 of its hex digits, as lower-case hex digits.
    pub sha256: String,
    /// When it was made, in seconds since the epoch.
    pub created: i64,
    /// The only devices whose builds it may change; all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<String>,
}

impl Key {
    /// Whether the key may change the builds of a device.
    #[must_use]
    pub fn is_for(&self, device: &Device) -> bool {
        self.devices.is_empty() || self.devices.iter().any(|own| own == device.as_str())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeysFile {
    schema: u32,
    keys: Vec<Key>,
}

/// Reads all keys; there are none if the file does not exist.
///
/// # Errors
/// [`Error::Io`], [`Error::Json`] or [`Error::Schema`].
pub fn load(state: &Path) -> Result<Vec<Key>, Error> {
    let file = state.join(FILE);
    let bytes = match read_file(&file, MAX_SIZE) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(io_error("read", &file))?,
    };
    let stored: KeysFile = serde_json::from_slice(&bytes).map_err(|source| Error::Json {
        file: file.clone(),
        source: source.into(),
    })?;
    match stored.schema {
        SCHEMA => Ok(stored.keys),
        found => Err(Error::Schema { file, found }),
    }
}

/// Stores a key of 256 random bits, and then calls `show` with the text that clients send. A key that could not be shown
/// is of no use, and removed again.
///
/// # Errors
/// [`Error`], also if a key has this name already.
pub fn add(
    state: &Path,
    name: &str,
    devices: &[Device],
    random: &[u8; 32],
    created: i64,
    show: impl FnOnce(&str) -> io::Result<()>,
) -> Result<(), Error> {
    if let Some(reason) = build::path_fault(name) {
        let name = name.to_owned();
        return Err(Error::Name { name, reason });
    }
    let mut keys = load(state)?;
    if keys.iter().any(|key| key.name == name) {
        let name = name.to_owned();
        return Err(Error::Taken { name });
    }
    let secret = hex(random);
    let former = keys.clone();
    keys.push(Key {
        name: name.to_owned(),
        sha256: hex(&Sha256::digest(&secret)),
        created,
        devices: devices.iter().map(Device::to_string).collect(),
    });
    save(state, keys)?;
    if let Err(error) = show(&secret) {
        save(state, former)?;
        return Err(Error::Show(error));
    }
    Ok(())
}

/// Removes a key; returns false if no key has this name.
///
/// # Errors
/// [`Error::Io`], [`Error::Json`] or [`Error::Schema`].
pub fn remove(state: &Path, name: &str) -> Result<bool, Error> {
    let mut keys = load(state)?;
    let num_before = keys.len();
    keys.retain(|key| key.name != name);
    let is_removed = keys.len() < num_before;
    if is_removed {
        save(state, keys)?;
    }
    Ok(is_removed)
}

/// Returns the key that a client sent. All keys are compared, each in full, so that the
/// time reveals nothing about them.
#[must_use]
pub fn find<'k>(keys: &'k [Key], sent: &[u8]) -> Option<&'k Key> {
    let digest = hex(&Sha256::digest(sent));
    let is_it = |key: &Key| -> Choice { key.sha256.as_bytes().ct_eq(digest.as_bytes()) };
    let fitting: Vec<(&Key, Choice)> = keys.iter().map(|key| (key, is_it(key))).collect();
    let found = fitting.iter().find(|(_, fits)| bool::from(*fits))?;
    Some(found.0)
}

fn save(state: &Path, keys: Vec<Key>) -> Result<(), Error> {
    let file = state.join(FILE);
    let temporary = state.join("keys.tmp");
    let stored = KeysFile {
        schema: SCHEMA,
        keys,
    };
    let mut text = serde_json::to_string_pretty(&stored).map_err(|source| Error::Json {
        file: file.clone(),
        source: source.into(),
    })?;
    text.push('\n');
    let write = || -> io::Result<()> {
        std::fs::create_dir_all(state)?;
        // A file that an interrupted run left behind may be readable by others.
        let _ = std::fs::remove_file(&temporary);
        let mut options = std::fs::File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut opened = options.open(&temporary)?;
        io::Write::write_all(&mut opened, text.as_bytes())?;
        opened.sync_all()?;
        std::fs::rename(&temporary, &file)
    };
    let written = write();
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written.map_err(io_error("write", &file))
}

fn io_error<'a>(verb: &'static str, file: &'a Path) -> impl FnOnce(io::Error) -> Error + 'a {
    move |source| Error::Io {
        verb,
        file: file.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_until_it_is_removed_and_never_written() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join(".romfeed");
        assert_eq!(load(&state).unwrap(), []);
        let mut secret = String::new();
        let show = |text: &str| {
            secret.push_str(text);
            Ok(())
        };
        add(&state, "ci", &[], &[7; 32], 5, show).unwrap();
        assert_eq!(secret, "07".repeat(32));
        let add = |name| add(&state, name, &[], &[8; 32], 5, |_| Ok(()));
        assert!(matches!(add("ci"), Err(Error::Taken { .. })));
        assert!(matches!(add("a b"), Err(Error::Name { .. })));
        let text = std::fs::read_to_string(state.join(FILE)).unwrap();
        assert!(!text.contains(&secret), "{text}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = state.join(FILE).metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let keys = load(&state).unwrap();
        let found = find(&keys, secret.as_bytes());
        assert_eq!(found.map(|key| &*key.name), Some("ci"));
        for wrong in ["", "ci", &secret[1..], &"08".repeat(32)] {
            assert_eq!(find(&keys, wrong.as_bytes()), None);
        }
        assert!(!remove(&state, "other").unwrap());
        assert!(remove(&state, "ci").unwrap());
        assert_eq!(find(&load(&state).unwrap(), secret.as_bytes()), None);
    }

    #[test]
    fn a_key_that_was_not_shown_is_not_stored_and_a_failure_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let refuse = |_: &str| Err(io::ErrorKind::StorageFull.into());
        let refused = add(dir.path(), "ci", &[], &[7; 32], 5, refuse);
        assert!(matches!(refused, Err(Error::Show(_))));
        assert_eq!(load(dir.path()).unwrap(), []);
        assert!(!dir.path().join("keys.tmp").exists());
        // A folder in place of the new file cannot be written.
        std::fs::create_dir_all(dir.path().join("keys.tmp/x")).unwrap();
        let mut is_shown = false;
        let show = |_: &str| {
            is_shown = true;
            Ok(())
        };
        let refused = add(dir.path(), "ci", &[], &[7; 32], 5, show);
        assert!(matches!(refused, Err(Error::Io { .. })));
        assert!(!is_shown);
    }
}
