//! Listings in JSON, as nginx and Caddy send them.

use serde::Deserialize;
use serde_json::Number;

use super::Listed;
use crate::files::json_message;
use crate::source::builder::parse_date;
use crate::source::folders::{Bounded, parse_mail_date};

/// A file or folder, as nginx or as Caddy writes it.
#[derive(Debug, Deserialize)]
struct Entry {
    /// Caddy closes the names of folders with a slash.
    name: String,
    size: Option<Number>,
    /// Of nginx: `file`, `directory` or `other`.
    r#type: Option<String>,
    /// Of nginx, as in e-mails.
    mtime: Option<String>,
    /// Of Caddy.
    is_dir: Option<bool>,
    /// Of Caddy, as in RFC 3339.
    mod_time: Option<String>,
}

/// Parses a listing; the error is the reason why the text is not one.
pub(super) fn parse(body: &[u8]) -> Result<Vec<Listed>, String> {
    let entries: Bounded<Entry> =
        serde_json::from_slice(body).map_err(|error| json_message(&error))?;
    let listed = entries.0.into_iter().filter_map(|entry| entry.listed());
    listed.collect()
}

impl Entry {
    /// Returns what it is; `None` for a pipe and the like.
    fn listed(self) -> Option<Result<Listed, String>> {
        let is_folder = match (self.r#type.as_deref(), self.is_dir) {
            (Some("file"), None) => false,
            (Some("directory"), None) => true,
            (Some("other"), None) => return None,
            (None, Some(is_dir)) => is_dir,
            _ => return Some(Err("an entry is neither a file nor a folder".to_owned())),
        };
        let name = match self.name.strip_suffix('/') {
            Some(name) if is_folder => name.to_owned(),
            _ => self.name,
        };
        let of_nginx = self.mtime.as_deref().and_then(parse_mail_date);
        let date = of_nginx.or(self.mod_time.as_deref().and_then(parse_date));
        let time = self.mtime.or(self.mod_time).unwrap_or_default();
        Some(Ok(Listed {
            name,
            is_folder,
            size: self.size,
            date,
            time,
        }))
    }
}
