//! Lists a folder of a web server, and the folders in it.
//!
//! In: the address of the folder. Out: its files. The server is asked for JSON, which nginx
//! (`autoindex_format json`) and Caddy send with exact sizes; otherwise the page for people is read,
//! of which only the addresses count: names in its text are cut and sizes rounded.
//!
//! Only links to the folder itself are followed: none to a folder above it, to another host or with
//! a query. A folder that cannot be read fails the whole list, and so does one that has a page of its
//! own (`index.html`) instead of a listing. Formats: nginx 1.22, Apache 2.4 (`mod_autoindex`), Caddy
//! 2.11, rclone 1.75 (`serve http`) and Python 3.11 (`http.server`).

mod html;
mod json;
#[cfg(test)]
mod tests;

use serde_json::Number;

use super::builder::{Builder, Offer};
use super::folders::{check_number, is_usable};
use super::{Client, Error, Listing};
use crate::fetch::{Response, without_secrets};
use crate::model::address::encode_path;

/// Maximum number of folders, each of which is a request; a project with 300 devices in two flavours
/// has 900.
const MAX_FOLDERS: usize = 1_000;
/// Deepest folder, counted from the given one; a folder that links to itself is deeper.
const MAX_DEPTH: usize = 16;
/// What is asked for, in messages.
const WANTED: &str = "a folder listing";
/// JSON if the server has it, otherwise the page for people.
const ACCEPT: &str = "application/json, text/html;q=0.9, */*;q=0.1";

/// A file or folder in a listing.
#[derive(Debug, PartialEq, Eq)]
struct Listed {
    name: String,
    is_folder: bool,
    size: Option<Number>,
    /// The time of its last change as the server writes it; empty if it is not given.
    time: String,
    date: Option<i64>,
}

/// Lists all files below an address, which ends in a slash.
pub(super) fn list(client: &Client<'_>, url: &str) -> Result<Listing, Error> {
    let mut builder = Builder::new(url);
    // Paths of folders that are still to be read, each with a closing slash or empty.
    let mut open = vec![String::new()];
    let mut num_folders = 1;
    while let Some(folder) = open.pop() {
        let address = format!("{url}{}", encode_path(&folder));
        for listed in read(client, &address, &mut builder)? {
            let path = format!("{folder}{}", listed.name);
            if !is_usable(&listed.name, &path, &mut builder) {
                continue;
            }
            if listed.is_folder {
                num_folders += 1;
                check_number(url, "folders", num_folders, MAX_FOLDERS)?;
                let depth = path.split('/').count();
                check_number(url, "folders inside each other", depth, MAX_DEPTH)?;
                open.push(path + "/");
            } else {
                builder.add(listed.offer(&path, &format!("{url}{}", encode_path(&path))))?;
            }
        }
    }
    Ok(builder.finish())
}

impl Listed {
    fn offer<'a>(&'a self, path: &'a str, url: &'a str) -> Offer<'a> {
        let (folder, name) = path.rsplit_once('/').unzip();
        Offer {
            folders: folder
                .map(|folder| folder.split('/').collect())
                .unwrap_or_default(),
            name: name.unwrap_or(path),
            id: path.to_owned(),
            size: self.size.as_ref(),
            tag: self.time.clone(),
            date: self.date,
            url,
            ..Offer::default()
        }
    }
}

/// Reads the listing of one folder.
fn read(client: &Client<'_>, address: &str, builder: &mut Builder) -> Result<Vec<Listed>, Error> {
    let response = client.get(address, Some(ACCEPT))?;
    parse(&response, address, builder).map_err(|reason| Error::Format {
        url: address.to_owned(),
        wanted: WANTED,
        reason,
    })
}

/// Parses the listing of a folder; the error is the reason why the response is not one.
fn parse(response: &Response, address: &str, builder: &mut Builder) -> Result<Vec<Listed>, String> {
    if response.url != address {
        return Err(format!(
            "it redirects to {}; use that address",
            without_secrets(&response.url)
        ));
    }
    if let Some(coding) = response.header("content-encoding")
        && !coding.eq_ignore_ascii_case("identity")
    {
        return Err(format!("the response is compressed with `{coding}`"));
    }
    let media_type = response.header("content-type").unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    match media_type.to_ascii_lowercase().as_str() {
        "application/json" => json::parse(&response.body),
        "text/html" | "application/xhtml+xml" => html::parse(&response.body, address, builder),
        other => Err(format!("the media type is `{other}`, not JSON or HTML")),
    }
}
