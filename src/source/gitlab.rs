//! Lists the releases and generic packages of a project on GitLab.
//!
//! A release has links: to files of the project's packages, or to any other address. Sources: "Releases
//! API", "Packages API" and "GitLab generic packages repository" of GitLab 18.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Number;

use super::builder::{Builder, Offer, notes, parse_date, tag};
use super::pages::{Pages, explain_missing};
use super::releases::folder;
use super::{Client, Error, Listing};
use crate::model::address::encode_path;

/// Number of items in a page, the most that GitLab gives.
const PER_PAGE: usize = 100;
/// Maximum number of packages, each of which takes a request.
const MAX_PACKAGES: usize = 10_000;

/// A version of a package.
#[derive(Debug, Deserialize)]
struct Package {
    id: u64,
    name: String,
    version: Option<String>,
    package_type: Option<String>,
    status: Option<String>,
}

/// A file of a package.
#[derive(Debug, Deserialize)]
struct PackageFile {
    id: u64,
    /// Its path in the package, percent-encoded if it has folders.
    file_name: String,
    size: Option<Number>,
    created_at: Option<String>,
    file_sha256: Option<String>,
    file_md5: Option<String>,
}

/// A release.
#[derive(Debug, Deserialize)]
struct Release {
    /// Missing if the repository is not public.
    tag_name: Option<String>,
    #[serde(default)]
    name: String,
    description: Option<String>,
    released_at: Option<String>,
    /// Its date is in the future.
    #[serde(default)]
    upcoming_release: bool,
    assets: Option<Assets>,
}

/// What a release has to download.
#[derive(Debug, Deserialize)]
struct Assets {
    links: Option<Vec<Link>>,
}

/// A link to a file.
#[derive(Debug, Deserialize)]
struct Link {
    id: u64,
    /// A title; not always the name of the file.
    name: String,
    url: String,
    /// An address on GitLab that redirects to `url`, or `url` itself.
    direct_asset_url: Option<String>,
}

/// A project on a site.
struct Project<'a> {
    site: &'a str,
    /// Its path, such as `group/project`.
    path: &'a str,
    id: u64,
}

/// A file of a package, with the date and the text of the release that links to it.
#[derive(Debug)]
struct Packaged {
    /// Name and version of the package.
    package: String,
    file: PackageFile,
    release: Option<(Option<i64>, Option<Arc<str>>)>,
}

/// The files of all packages.
#[derive(Debug, Default)]
struct Packages {
    files: Vec<Packaged>,
    /// Positions in `files`, by name and version of the package and the path in it.
    by_address: HashMap<String, usize>,
    /// Positions in `files`, by the number of the file.
    by_id: HashMap<u64, usize>,
}

/// Lists the files of all releases and generic packages of a project; `site` is the address of the
/// site, `path` that of the project on it.
pub(super) fn list(client: &Client<'_>, site: &str, path: &str) -> Result<Listing, Error> {
    let mut pages = Pages::new(client, "application/json");
    let project = Project::find(&mut pages, site, path)
        .map_err(|error| explain_missing(error, path, client))?;
    let mut builder = Builder::new(site);
    let list = match project.list_packages(&mut pages) {
        Err(error) if is_off(&error) => {
            builder.warn(format!("the packages of `{path}` are off or not public"));
            None
        }
        list => Some(list?),
    };
    let mut packages = Packages::default();
    for (id, package) in list.iter().flatten() {
        project.list_package_files(&mut pages, *id, |file| packages.add(package, file))?;
    }
    match project.list_releases(&mut pages, &mut builder, &mut packages) {
        Err(error) if is_off(&error) && list.is_some() => {
            builder.warn(format!("the releases of `{path}` are off or not public"));
        }
        listed => listed?,
    }
    for packaged in packages.files {
        project.add_packaged(&mut builder, packaged)?;
    }
    Ok(builder.finish())
}

/// Returns whether GitLab refuses a list because that part of the project is off or not public.
fn is_off(error: &Error) -> bool {
    // Something before GitLab, such as a firewall, does not answer in JSON.
    matches!(error, Error::Status { url, status: 403, message }
        if url.ends_with("&page=1") && !message.is_empty())
}

impl<'a> Project<'a> {
    fn find(pages: &mut Pages<'_>, site: &'a str, path: &'a str) -> Result<Project<'a>, Error> {
        /// The project, as GitLab describes it.
        #[derive(Deserialize)]
        struct Described {
            id: u64,
        }
        let name = encode_path(path).replace('/', "%2F");
        let url = format!("{site}/api/v4/projects/{name}");
        let Described { id } = pages.get(&url, "a project")?;
        Ok(Project { site, path, id })
    }

    /// Returns the address of the project in the API. Its number stays when it is renamed.
    fn api(&self) -> String {
        format!("{}/api/v4/projects/{}", self.site, self.id)
    }

    /// Returns the number of each generic package, with its name and version.
    fn list_packages(&self, pages: &mut Pages<'_>) -> Result<Vec<(u64, String)>, Error> {
        let api = self.api();
        let url = format!("{api}/packages?package_type=generic&per_page={PER_PAGE}");
        let mut list = Vec::new();
        pages.for_each(&url, PER_PAGE, "a list of packages", |package: Package| {
            let status = package.status.as_deref();
            let is_listed = status.is_none_or(|status| ["default", "deprecated"].contains(&status));
            let kind = package.package_type.as_deref();
            let is_generic = kind.is_none_or(|kind| kind == "generic");
            if let Some(version) = package.version.filter(|_| is_listed && is_generic) {
                list.push((package.id, format!("{}/{version}", package.name)));
            }
            match list.len() <= MAX_PACKAGES {
                true => Ok(()),
                false => Err(Error::TooMany {
                    url: url.clone(),
                    limit: MAX_PACKAGES,
                    what: "packages",
                }),
            }
        })?;
        Ok(list)
    }

    /// Lists the files of a package.
    fn list_package_files(
        &self,
        pages: &mut Pages<'_>,
        id: u64,
        mut take: impl FnMut(PackageFile),
    ) -> Result<(), Error> {
        let url = format!(
            "{}/packages/{id}/package_files?per_page={PER_PAGE}",
            self.api()
        );
        pages.for_each(&url, PER_PAGE, "a list of package files", |file| {
            take(file);
            Ok(())
        })
    }

    /// Lists the releases; `packages` receives the texts of those that link to its files.
    fn list_releases(
        &self,
        pages: &mut Pages<'_>,
        builder: &mut Builder,
        packages: &mut Packages,
    ) -> Result<(), Error> {
        let url = format!("{}/releases?per_page={PER_PAGE}", self.api());
        pages.for_each(&url, PER_PAGE, "a list of releases", |release: Release| {
            if release.upcoming_release {
                return Ok(());
            }
            let folder = folder(release.tag_name.as_ref().unwrap_or(&release.name));
            let date = release.released_at.as_deref().and_then(parse_date);
            let notes = notes(release.description);
            let links = release.assets.and_then(|assets| assets.links);
            for link in links.unwrap_or_default() {
                if let Some(packaged) = self.packaged(packages, &link.url) {
                    packaged.release.get_or_insert((date, notes.clone()));
                    continue;
                }
                let url = link.direct_asset_url.as_ref().unwrap_or(&link.url);
                builder.add(Offer {
                    folders: vec![&folder],
                    name: &file_name(url).unwrap_or(link.name),
                    id: format!("link/{}", link.id),
                    tag: without_query(&link.url).to_owned(),
                    date,
                    url,
                    notes: notes.clone(),
                    ..Offer::default()
                })?;
            }
            Ok(())
        })
    }

    /// Returns the package file at an address: by name and version, or by its number.
    fn packaged<'p>(&self, packages: &'p mut Packages, url: &str) -> Option<&'p mut Packaged> {
        let path = without_query(url).strip_prefix(self.site)?;
        let at = match path.strip_prefix("/api/v4/projects/") {
            Some(path) => {
                let (project, address) = path.split_once("/packages/generic/")?;
                let project = decode(project);
                let is_own = project == self.path || project == self.id.to_string();
                packages.by_address.get(&decode(address)).filter(|_| is_own)
            }
            None => {
                let (_, id) = path.rsplit_once("/-/package_files/")?;
                let id = id.strip_suffix("/download")?.parse().ok()?;
                packages.by_id.get(&id)
            }
        };
        packages.files.get_mut(*at?)
    }

    fn add_packaged(&self, builder: &mut Builder, packaged: Packaged) -> Result<(), Error> {
        let Packaged {
            package,
            file,
            release,
        } = packaged;
        let folder = folder(&package);
        let path = decode(&file.file_name);
        let mut folders: Vec<&str> = [&*folder].into_iter().chain(path.split('/')).collect();
        let name = folders.pop().unwrap_or_default();
        let address = encode_path(&format!("{package}/{path}"));
        let uploaded = file.created_at.as_deref();
        let (date, notes) = release.unwrap_or_default();
        builder.add(Offer {
            folders,
            name,
            id: format!("package-file/{}", file.id),
            size: file.size.as_ref(),
            tag: tag(uploaded, file.size.as_ref()),
            date: date.or(uploaded.and_then(parse_date)),
            sha256: file.file_sha256.as_deref(),
            md5: file.file_md5.as_deref(),
            url: &format!("{}/packages/generic/{address}", self.api()),
            notes,
        })
    }
}

impl Packages {
    /// Adds a file of a package. Of several with one address, GitLab sends the last one.
    fn add(&mut self, package: &str, file: PackageFile) {
        let address = format!("{package}/{}", decode(&file.file_name));
        let id = file.id;
        let packaged = Packaged {
            package: package.to_owned(),
            file,
            release: None,
        };
        match self.by_address.entry(address) {
            Entry::Vacant(entry) => {
                self.by_id.insert(id, self.files.len());
                entry.insert(self.files.len());
                self.files.push(packaged);
            }
            Entry::Occupied(entry) => {
                let Some(known) = self.files.get_mut(*entry.get()) else {
                    return;
                };
                if known.file.id < id {
                    self.by_id.remove(&known.file.id);
                    self.by_id.insert(id, *entry.get());
                    *known = packaged;
                }
            }
        }
    }
}

/// Returns the name of the file at an address: the last part of its path that has an extension, since
/// some addresses end in `/download`.
fn file_name(url: &str) -> Option<String> {
    let (_, rest) = without_query(url).split_once("://")?;
    let (_, path) = rest.split_once('/')?;
    let mut parts = path.rsplit('/').take(2);
    parts.find(|part| part.contains('.')).map(decode)
}

fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::fake::{Host, answer, paths};
    use super::*;

    const SITE: &str = "https://gitlab.com";
    const API: &str = "https://gitlab.com/api/v4/projects/42";
    const FILES: &str = "package_files?per_page=100&page=1";
    const SHA256: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    const MD5: &str = "098f6bcd4621d373cade4e832627b4f6";

    /// Returns the address of a page of packages or releases.
    fn page(list: &str, number: usize) -> String {
        let kind = if list == "packages" {
            "package_type=generic&"
        } else {
            ""
        };
        format!("{API}/{list}?{kind}per_page=100&page={number}")
    }

    /// Returns a project with these packages and releases.
    fn host(packages: &[Value], releases: &[Value]) -> Host {
        Host::default()
            .json(
                &format!("{SITE}/api/v4/projects/roms%2Flineage%2Fenchilada"),
                &json!({ "id": 42, "path_with_namespace": "roms/lineage/enchilada" }).to_string(),
            )
            .json(&page("packages", 1), &json!(packages).to_string())
            .json(&page("releases", 1), &json!(releases).to_string())
    }

    fn listed(host: &Host) -> Listing {
        list(&host.client(None), SITE, "roms/lineage/enchilada").unwrap()
    }

    fn package(id: u64, version: &str) -> Value {
        json!({
            "id": id,
            "name": "enchilada",
            "version": version,
            "package_type": "generic",
            "status": "default",
            "created_at": "2025-06-14T10:00:00.123Z",
            "_links": { "web_path": format!("/roms/lineage/enchilada/-/packages/{id}") },
            "tags": []
        })
    }

    fn package_file(id: u64, name: &str) -> Value {
        json!({
            "id": id,
            "package_id": 4,
            "created_at": "2025-06-14T10:20:00.456Z",
            "file_name": name,
            "size": 1_287_651_328_u64,
            "file_md5": MD5,
            "file_sha1": null,
            "file_sha256": SHA256
        })
    }

    fn release(tag: &str, links: &[Value]) -> Value {
        json!({
            "tag_name": tag,
            "name": "LineageOS 22.2",
            "description": "June",
            "created_at": "2025-06-14T10:25:00.000Z",
            "released_at": "2025-06-14T10:30:00.000Z",
            "upcoming_release": false,
            "assets": { "count": 5, "sources": [], "links": links }
        })
    }

    fn link(id: u64, name: &str, url: &str) -> Value {
        json!({ "id": id, "name": name, "url": url, "direct_asset_url": url, "link_type": "other" })
    }

    #[test]
    fn files_of_packages_are_listed_with_their_digests() {
        let files = [package_file(7, "a.zip"), package_file(8, "a.zip.prop")];
        let host = host(&[package(4, "22.2")], &[]).json(
            &format!("{API}/packages/4/{FILES}"),
            &json!(files).to_string(),
        );
        let Listing { files, warnings } = listed(&host);
        assert_eq!(warnings, Vec::<String>::new());
        assert_eq!(
            paths(&files),
            ["enchilada~22.2/a.zip", "enchilada~22.2/a.zip.prop"]
        );
        let file = &files[0];
        assert_eq!(file.id, "package-file/7");
        assert_eq!(file.size, Some(1_287_651_328));
        assert_eq!(file.tag, "1749896400/1287651328");
        assert_eq!(file.date, Some(1_749_896_400));
        assert_eq!(file.sha256.as_deref(), Some(SHA256));
        assert_eq!(file.md5.as_deref(), Some(MD5));
        assert_eq!(
            file.url,
            format!("{API}/packages/generic/enchilada/22.2/a.zip")
        );
        assert_eq!(file.notes, None);
    }

    #[test]
    fn the_last_upload_of_a_package_file_counts() {
        let files = [
            package_file(7, "a.zip"),
            package_file(9, "a.zip"),
            package_file(8, "a.zip"),
        ];
        let old = format!("{SITE}/roms/lineage/enchilada/-/package_files/7/download");
        let host = host(
            &[package(4, "22.2")],
            &[release("v1", &[link(1, "old.zip", &old)])],
        )
        .json(
            &format!("{API}/packages/4/{FILES}"),
            &json!(files).to_string(),
        );
        let listing = listed(&host);
        assert_eq!(listing.warnings, Vec::<String>::new());
        assert_eq!(
            paths(&listing.files),
            ["enchilada~22.2/a.zip", "v1/old.zip"]
        );
        assert_eq!(listing.files[0].id, "package-file/9");
    }

    #[test]
    fn a_package_file_in_folders_has_its_path() {
        let files = json!([package_file(7, "images%2Fvendor%2Fboot.img")]).to_string();
        let host = host(&[package(4, "22.2/beta+1")], &[])
            .json(&format!("{API}/packages/4/{FILES}"), &files);
        let file = &listed(&host).files[0];
        assert_eq!(file.path, "enchilada~22.2~beta+1/images/vendor/boot.img");
        let path = "enchilada/22.2/beta%2B1/images/vendor/boot.img";
        assert_eq!(file.url, format!("{API}/packages/generic/{path}"));
    }

    #[test]
    fn other_kinds_and_unfinished_packages_are_not_listed() {
        let with = |id, key: &str, value: &str| {
            let mut package = package(id, "1");
            package[key] = json!(value);
            package
        };
        let mut no_version = package(6, "1");
        no_version["version"] = json!(null);
        let packages = [
            with(4, "status", "processing"),
            with(5, "package_type", "maven"),
            no_version,
            with(7, "status", "deprecated"),
        ];
        let files = json!([package_file(7, "a.zip")]).to_string();
        let host = host(&packages, &[]).json(&format!("{API}/packages/7/{FILES}"), &files);
        assert_eq!(paths(&listed(&host).files), ["enchilada~1/a.zip"]);
    }

    #[test]
    fn a_release_link_to_a_package_file_is_that_file() {
        let name = format!("{SITE}/api/v4/projects/roms%2Flineage%2Fenchilada/packages/generic");
        for url in [
            format!("{API}/packages/generic/enchilada/22.2/a.zip"),
            format!("{name}/enchilada/22.2/a.zip"),
            format!("{name}/enchilada/22.2/a%2Ezip?select=package_file#x"),
            format!("{SITE}/roms/lineage/enchilada/-/package_files/7/download"),
        ] {
            let mut by_path = link(1, "Download", &url);
            let release_url =
                format!("{SITE}/roms/lineage/enchilada/-/releases/v1/downloads/a.zip");
            by_path["direct_asset_url"] = json!(release_url);
            let releases = [
                release("v2", &[link(2, "a.zip", &url)]),
                release("v1", &[by_path]),
            ];
            let host = host(&[package(4, "22.2")], &releases).json(
                &format!("{API}/packages/4/{FILES}"),
                &json!([package_file(7, "a.zip")]).to_string(),
            );
            let listing = listed(&host);
            assert_eq!(paths(&listing.files), ["enchilada~22.2/a.zip"], "{url}");
            let file = &listing.files[0];
            assert_eq!(file.notes.as_deref(), Some("June"));
            assert_eq!(file.date, Some(1_749_897_000));
            assert_eq!(file.sha256.as_deref(), Some(SHA256));
        }
    }

    #[test]
    fn other_links_are_files_of_the_release() {
        let base = format!("{SITE}/roms/lineage/enchilada/-/releases/v1/downloads");
        let mut redirected = link(1, "Zip", "https://files.example.org/x?id=5");
        redirected["direct_asset_url"] = json!(format!("{base}/ota/b%20c.zip"));
        let sourceforge = "https://sourceforge.net/projects/x/files/d.zip/download";
        let other_project = format!("{SITE}/api/v4/projects/43/packages/generic/enchilada/1/e.zip");
        let links = [
            redirected,
            link(2, "From SourceForge", sourceforge),
            link(3, "e", &other_project),
            link(
                4,
                "f.zip",
                &format!("{SITE}/others/-/package_files/70/download"),
            ),
            link(5, "g.zip", "https://example.org"),
            link(6, "h.zip", "http://example.org/h.zip"),
        ];
        let Listing { files, warnings } = listed(&host(&[], &[release("v/1", &links)]));
        assert_eq!(
            paths(&files),
            [
                "v~1/b c.zip",
                "v~1/d.zip",
                "v~1/e.zip",
                "v~1/f.zip",
                "v~1/g.zip"
            ]
        );
        let file = &files[0];
        assert_eq!(
            (&*file.id, &*file.tag),
            ("link/1", "https://files.example.org/x")
        );
        assert_eq!((file.size, file.date), (None, Some(1_749_897_000)));
        assert_eq!(file.url, format!("{base}/ota/b%20c.zip"));
        assert_eq!(file.notes.as_deref(), Some("June"));
        let [warning] = &warnings[..] else {
            panic!("{warnings:?}")
        };
        assert!(
            warning.starts_with("`v~1/h.zip` is left out: its address"),
            "{warning}"
        );
    }

    #[test]
    fn planned_releases_are_not_listed() {
        let mut planned = release("v2", &[link(1, "a", "https://h/a.zip")]);
        planned["upcoming_release"] = json!(true);
        let mut hidden_tag = release("v1", &[link(2, "a", "https://h/a.zip")]);
        hidden_tag["tag_name"] = json!(null);
        let listing = listed(&host(&[], &[planned, hidden_tag]));
        assert_eq!(paths(&listing.files), ["LineageOS 22.2/a.zip"]);
    }

    #[test]
    fn all_pages_of_all_lists_are_read() {
        let next = |page: &'static str| [("x-next-page", page), ("ratelimit-remaining", "9")];
        let files = |id: u64| json!([package_file(id, &format!("{id}.zip"))]).to_string();
        let one = |list: &str, value: Value, next: &[(&str, &str)]| {
            (
                page(list, 1),
                answer(200, next, &json!([value]).to_string()),
            )
        };
        let (packages, first_package) = one("packages", package(4, "1"), &next("2"));
        let (releases, first_release) = one(
            "releases",
            release("v1", &[link(1, "a", "https://h/a.zip")]),
            &next("2"),
        );
        let file_page =
            |number: usize| format!("{API}/packages/4/package_files?per_page=100&page={number}");
        let host = Host::default()
            .json(
                &format!("{SITE}/api/v4/projects/roms%2Flineage%2Fenchilada"),
                r#"{"id": 42}"#,
            )
            .with(&packages, first_package)
            .with(
                &page("packages", 2),
                answer(200, &next(""), &json!([package(5, "2")]).to_string()),
            )
            .with(&file_page(1), answer(200, &next("2"), &files(7)))
            .with(&file_page(2), answer(200, &next(""), &files(8)))
            .json(&format!("{API}/packages/5/{FILES}"), &files(9))
            .with(&releases, first_release)
            .with(&page("releases", 2), answer(200, &next(""), "[]"));
        assert_eq!(
            paths(&listed(&host).files),
            [
                "enchilada~1/7.zip",
                "enchilada~1/8.zip",
                "enchilada~2/9.zip",
                "v1/a.zip"
            ]
        );
    }

    #[test]
    fn a_part_of_the_project_that_is_off_is_named() {
        let project = format!("{SITE}/api/v4/projects/roms%2Flineage%2Fenchilada");
        let off = || answer(403, &[], r#"{"message": "403 Forbidden"}"#);
        let links = [link(1, "a", "https://h/a.zip")];
        let with = |packages: bool, releases: bool| {
            let releases_answer = match releases {
                true => answer(200, &[], &json!([release("v1", &links)]).to_string()),
                false => off(),
            };
            let packages_answer = match packages {
                true => answer(200, &[], "[]"),
                false => off(),
            };
            Host::default()
                .json(&project, r#"{"id": 42}"#)
                .with(&page("packages", 1), packages_answer)
                .with(&page("releases", 1), releases_answer)
        };
        let listing = listed(&with(false, true));
        assert_eq!(paths(&listing.files), ["v1/a.zip"]);
        assert_eq!(
            listing.warnings,
            ["the packages of `roms/lineage/enchilada` are off or not public"]
        );
        let listing = listed(&with(true, false));
        assert_eq!(
            listing.warnings,
            ["the releases of `roms/lineage/enchilada` are off or not public"]
        );
        let host = with(false, false);
        let error = list(&host.client(None), SITE, "roms/lineage/enchilada").unwrap_err();
        assert!(
            error.to_string().ends_with("status 403: 403 Forbidden"),
            "{error}"
        );
    }

    #[test]
    fn a_missing_project_or_a_broken_list_is_an_error() {
        let host = Host::default();
        let error = list(&host.client(None), SITE, "roms/nothing").unwrap_err();
        assert!(
            error
                .to_string()
                .contains("status 404: `roms/nothing` is private"),
            "{error}"
        );
        let project = format!("{SITE}/api/v4/projects/roms%2Flineage%2Fenchilada");
        let broken = Host::default()
            .json(&project, r#"{"id": 42}"#)
            .json(&page("packages", 1), "[]")
            .json(&page("releases", 1), "<html>");
        let error = list(&broken.client(None), SITE, "roms/lineage/enchilada").unwrap_err();
        assert!(
            error.to_string().ends_with("it answers with a web page"),
            "{error}"
        );
    }

    #[test]
    fn unsafe_names_of_package_files_are_left_out() {
        let names = ["..%2F..%2Fx.zip", "%2Fetc%2Fpasswd", "a%0Ab", "", "ok.zip"];
        let files: Vec<Value> = (1..)
            .zip(names)
            .map(|(id, name)| package_file(id, name))
            .collect();
        let host = host(&[package(4, "1")], &[]).json(
            &format!("{API}/packages/4/{FILES}"),
            &json!(files).to_string(),
        );
        let listing = listed(&host);
        assert_eq!(paths(&listing.files), ["enchilada~1/ok.zip"]);
        assert_eq!(listing.warnings.len(), 4, "{:?}", listing.warnings);
    }
}
