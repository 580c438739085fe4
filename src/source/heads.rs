//! Asks for the size and the version of files that a list names without them.
//!
//! In: the list of a web folder as a page, which has no exact sizes. Out: the same list, with what the headers of each
//! file say. A host that refuses leaves the list as it is.

use rayon::prelude::*;

use super::{Client, Listing, RemoteFile};
use crate::fetch::{Request, follow, origin};
use crate::model::source::{Host, SourceConfig};

/// Maximum number of files that are asked for in a run; web folders with more are archives, of which each run would
/// ask for every file again.
const MAX_HEADS: usize = 2_000;
/// Maximum number of redirects of a file.
const MAX_REDIRECTS: usize = 5;

/// Adds the size and the version of files whose list has neither. Several are asked for at once, by the threads of the
/// current pool.
pub fn complete(client: &Client<'_>, source: &SourceConfig, listing: &mut Listing) {
    let Host::Listing { url } = &source.host else {
        return;
    };
    let is_lacking = |file: &&mut RemoteFile| file.size.is_none() && file.tag.is_empty();
    let mut lacking: Vec<&mut RemoteFile> = listing.files.iter_mut().filter(is_lacking).collect();
    let Some((first, others)) = lacking.split_first_mut() else {
        return;
    };
    // A host that refuses HEAD is not asked again and again.
    if others.len() < MAX_HEADS && ask(client, url, first).is_some() {
        others.par_iter_mut().for_each(|file| {
            // A file without an answer stays as it is listed.
            let _ = ask(client, url, file);
        });
    }
}

/// Asks for the headers of a file; `None` if they do not show its size.
fn ask(client: &Client<'_>, listed_at: &str, file: &mut RemoteFile) -> Option<()> {
    let request = Request {
        head: true,
        redirected_from: Some(listed_at),
        ..Request::get(&file.url, 0)
    };
    let mut responses = follow(client.fetch, &request, MAX_REDIRECTS).ok()?;
    let response = responses.pop()?;
    let header = |name| response.header(name);
    let is_page = header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
    let is_encoded = header("content-encoding").is_some_and(|coding| coding != "identity");
    if response.status != 200 || is_page || is_encoded {
        return None;
    }
    let size: i64 = header("content-length")?.trim().parse().ok()?;
    file.size = Some(u64::try_from(size).ok()?);
    // Mirrors give one version of a file tags of their own.
    if origin(&response.url) == origin(&file.url) {
        let tag = header("last-modified").or(header("etag"));
        file.tag = tag.unwrap_or_default().to_owned();
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Host as Fake, answer};
    use super::*;
    use crate::model::source::HashPolicy;

    const FOLDER: &str = "https://h/roms/";

    fn completed(host: &Fake, paths: &[&str]) -> Vec<(Option<u64>, String)> {
        let file = |path: &&str| RemoteFile {
            path: (*path).to_owned(),
            url: format!("{FOLDER}{path}"),
            ..RemoteFile::default()
        };
        let mut listing = Listing {
            files: paths.iter().map(file).collect(),
            warnings: Vec::new(),
        };
        let source = SourceConfig {
            device: None,
            name: "listing".to_owned(),
            host: Host::Listing {
                url: FOLDER.to_owned(),
            },
            newest: None,
            max_age: None,
            hash: HashPolicy::Auto,
            url: None,
            token: None,
        };
        complete(&host.client(None), &source, &mut listing);
        let files = listing.files.into_iter();
        files.map(|file| (file.size, file.tag)).collect()
    }

    #[test]
    fn files_get_size_and_version_from_their_headers() {
        let at = |path: &str| format!("{FOLDER}{path}");
        let date = "Thu, 01 Aug 2024 12:34:56 GMT";
        let headers = [("content-length", "7"), ("etag", "\"x\"")];
        let dated = [headers[0], headers[1], ("last-modified", date)];
        let away = [("location", "https://mirror/b.zip")];
        let host = Fake::default()
            .with(&at("a.zip"), answer(200, &dated, ""))
            .with(&at("b.zip"), answer(302, &away, ""))
            .with("https://mirror/b.zip", answer(200, &dated, ""))
            .with(&at("recovery.img"), answer(200, &headers, ""));
        let paths = ["a.zip", "b.zip", "recovery.img", "z.zip"];
        let tag = |tag: &str| (Some(7), tag.to_owned());
        assert_eq!(
            completed(&host, &paths),
            [tag(date), tag(""), tag("\"x\""), (None, String::new())]
        );
    }

    #[test]
    fn host_that_refuses_head_is_asked_once() {
        for refusal in [
            answer(405, &[], ""),
            answer(
                200,
                &[("content-type", "text/html"), ("content-length", "7")],
                "",
            ),
            answer(
                200,
                &[("content-encoding", "gzip"), ("content-length", "7")],
                "",
            ),
            answer(200, &[("content-length", "-7")], ""),
            answer(200, &[], ""),
        ] {
            let paths = ["a.zip", "b.zip", "c.zip"];
            let first = format!("{FOLDER}a.zip");
            let host = Fake::default().with(&first, refusal);
            let none = || (None, String::new());
            assert_eq!(completed(&host, &paths), [none(), none(), none()]);
            assert_eq!(host.requests(), [first]);
        }
    }
}
