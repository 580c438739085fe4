//! Listings in HTML.
//!
//! A page is a listing if its title or heading says so, as the servers write it (`Index of /…`,
//! `Directory listing for /…`), or if it has a link that sorts a listing (`?C=N;O=D`,
//! `?sort=name&order=desc`), as Caddy and rclone have it instead of such a title. Pages that hosts
//! send for a login, a missing file or an unused domain have neither, and a listing without files has
//! one of the two. A page without `</html>` at its end is cut.

use std::collections::BTreeSet;

use html5gum::{DefaultEmitter, HtmlString, Token, Tokenizer};
use percent_encoding::percent_decode_str;

use super::Listed;
use crate::fetch::{is_absolute, resolve};
use crate::source::MAX_FILES;
use crate::source::builder::Builder;

/// What the title or heading of a listing begins with.
const TITLES: [&str; 2] = ["Index of /", "Directory listing for /"];
/// Longest part of a title that is read, in bytes.
const MAX_TITLE: usize = 1_000;

/// What is read from a page.
#[derive(Debug, Default)]
struct Page {
    is_listing: bool,
    is_whole: bool,
    /// The addresses of its links.
    links: BTreeSet<String>,
}

/// Where a link leads.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    /// To a file (`false`) or a folder (`true`) in the folder itself.
    Inside(String, bool),
    /// The same, but by http, although the folder is read by https.
    Insecure(String),
    /// To anything else.
    Elsewhere,
}

/// Parses a listing; the error is the reason why the page is not one.
pub(super) fn parse(
    body: &[u8],
    address: &str,
    builder: &mut Builder,
) -> Result<Vec<Listed>, String> {
    let page = read(&String::from_utf8_lossy(body))?;
    if !page.is_listing {
        return Err(
            "the page is not a listing that nginx, Apache, Caddy, rclone or Python writes; \
                    let the server list folders"
                .to_owned(),
        );
    }
    if !page.is_whole {
        return Err("the page ends early".to_owned());
    }
    let targets: BTreeSet<Target> = page
        .links
        .iter()
        .map(|link| target(address, link))
        .collect();
    let listed = targets.into_iter().filter_map(|target| match target {
        Target::Inside(name, is_folder) => Some(Listed {
            name,
            is_folder,
            size: None,
            time: String::new(),
            date: None,
        }),
        Target::Insecure(url) => {
            builder.leave_out(&url, "it is http, and the listing is https");
            None
        }
        Target::Elsewhere => None,
    });
    Ok(listed.collect())
}

fn read(html: &str) -> Result<Page, String> {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let mut page = Page::default();
    // The title or heading that is open.
    let mut title: Option<String> = None;
    for Ok(token) in Tokenizer::new_with_emitter(html, emitter) {
        match token {
            Token::StartTag(tag) => match tag.name.as_slice() {
                b"title" | b"h1" => title = Some(String::new()),
                b"a" => {
                    let Some(link) = tag.attributes.get(b"href".as_slice()) else {
                        continue;
                    };
                    let link = text(link);
                    page.is_listing |= is_sorting(&link);
                    page.links.insert(link);
                    if page.links.len() > MAX_FILES {
                        return Err(format!("it lists more than {MAX_FILES} files"));
                    }
                }
                _ => {}
            },
            Token::EndTag(tag) => match tag.name.as_slice() {
                b"title" | b"h1" => {
                    let title = title.take().unwrap_or_default();
                    let is_title = |begin: &&str| title.trim_start().starts_with(*begin);
                    page.is_listing |= TITLES.iter().any(is_title);
                }
                b"html" => page.is_whole = true,
                _ => {}
            },
            Token::String(part) => {
                if let Some(title) = title.as_mut().filter(|title| title.len() < MAX_TITLE) {
                    title.push_str(&text(&part));
                }
            }
            Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
    }
    Ok(page)
}

fn text(bytes: &HtmlString) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Returns whether a link sorts a listing: of Apache, or of Caddy and rclone.
fn is_sorting(link: &str) -> bool {
    let Some(query) = link.strip_prefix('?') else {
        return false;
    };
    let mut pairs = query.split(['&', ';']).map(|pair| pair.split_once('='));
    match (pairs.next().flatten(), pairs.next().flatten(), pairs.next()) {
        (Some(("C", column)), Some(("O", order)), None) => {
            ["N", "M", "S", "D"].contains(&column) && ["A", "D"].contains(&order)
        }
        (Some(("sort", column)), Some(("order", order)), None) => {
            ["name", "namedirfirst", "size", "time"].contains(&column)
                && ["asc", "desc"].contains(&order)
        }
        _ => false,
    }
}

/// Returns where a link on the page of a folder leads.
fn target(folder: &str, link: &str) -> Target {
    let link = link.trim_ascii().split('#').next().unwrap_or_default();
    let has_scheme = link
        .split('/')
        .next()
        .is_some_and(|part| part.contains(':'));
    if link.is_empty() || link.contains('?') || (has_scheme && !is_absolute(link)) {
        return Target::Elsewhere;
    }
    let Some(url) = resolve(folder, link) else {
        return Target::Elsewhere;
    };
    let (Some(of_folder), Some(of_link)) = (parts(folder), parts(&url)) else {
        return Target::Elsewhere;
    };
    let (Some((name, is_folder)), true) = (
        name_in(of_folder.path, of_link.path),
        of_link.host.eq_ignore_ascii_case(of_folder.host),
    ) else {
        return Target::Elsewhere;
    };
    if of_link.scheme.eq_ignore_ascii_case(of_folder.scheme) {
        Target::Inside(name, is_folder)
    } else if of_link.scheme.eq_ignore_ascii_case("http") {
        Target::Insecure(url)
    } else {
        Target::Elsewhere
    }
}

/// The parts of an address.
struct Parts<'a> {
    scheme: &'a str,
    host: &'a str,
    path: &'a str,
}

fn parts(url: &str) -> Option<Parts<'_>> {
    let (scheme, rest) = url.split_once("://")?;
    let (host, path) = rest.split_at(rest.find('/')?);
    Some(Parts { scheme, host, path })
}

/// Returns the name of what is directly in a folder, and whether it is a folder. Both paths may be
/// encoded in different ways.
fn name_in(folder: &str, path: &str) -> Option<(String, bool)> {
    let decode = |part| percent_decode_str(part).decode_utf8_lossy();
    let (folder, _) = folder.rsplit_once('/')?;
    let mut parts = path.split('/');
    let is_below = folder.split('/').all(|name| {
        parts
            .next()
            .is_some_and(|part| decode(part) == decode(name))
    });
    let name = parts.next().filter(|name| is_below && !name.is_empty())?;
    let is_folder = match (parts.next(), parts.next()) {
        (None, _) => false,
        (Some(""), None) => true,
        _ => return None,
    };
    Some((decode(name).into_owned(), is_folder))
}
