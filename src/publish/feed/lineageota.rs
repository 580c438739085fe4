//! The answers of LineageOTA's own API, for `romfeed serve`; a static host cannot give them.
//!
//! Source: julianxhokaxhiu/LineageOTA of 2024, `src/Helpers/Builds.php` and `Build.php`:
//! `{"id":null,"result":[…],"error":null}` for `/api`, the same with `response` for `/api/v1/…`,
//! and thirteen keys for each build, the API level as text. CMUpdater reads eight of them, later
//! updaters those of the v1 feed.
//!
//! One difference is on purpose: LineageOTA sets `romtype` to the value of `channel`, which it
//! renames for old versions, so that a phone with an unofficial CyanogenMod 13 hides every build.
//! Here `romtype` keeps its value.

use serde::Serialize;

use super::list::join;
use crate::markup::template::json;
use crate::model::build::Build;
use crate::model::era::Facts;

/// The first version whose channels are not renamed.
const FIRST_VERBATIM: (u32, u32) = (14, 1);

/// A build in an answer.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// The build.
    pub build: &'a Build,
    /// Its download address.
    pub url: &'a str,
    /// The address of its changelog; empty if there is none.
    pub changes: &'a str,
}

#[derive(Serialize)]
struct BuildJson<'a> {
    incremental: &'a str,
    api_level: String,
    url: &'a str,
    timestamp: i64,
    md5sum: &'a str,
    changes: &'a str,
    channel: String,
    filename: &'a str,
    romtype: String,
    datetime: i64,
    version: &'a str,
    id: &'a str,
    size: u64,
}

/// Renders the answer to a POST, for CMUpdater.
///
/// One bad value makes its whole list invalid, so a build without incremental, API level or MD5 is
/// left out.
#[must_use]
pub fn render_result(builds: &[Listed<'_>]) -> Vec<u8> {
    let is_whole = |listed: &&Listed<'_>| {
        let build = listed.build;
        build.incremental.is_some() && build.sdk_level.is_some() && build.md5.is_some()
    };
    let whole: Vec<Listed<'_>> = builds.iter().filter(is_whole).copied().collect();
    render(&whole, "result")
}

/// Renders the answer to a GET.
#[must_use]
pub fn render_response(builds: &[Listed<'_>]) -> Vec<u8> {
    render(builds, "response")
}

fn render(builds: &[Listed<'_>], key: &str) -> Vec<u8> {
    let entries: Vec<String> = builds
        .iter()
        .map(|listed| json::to_ascii(&entry(listed)))
        .collect();
    join(
        &format!("{{\"id\":null,\"{key}\":["),
        &entries,
        "],\"error\":null}",
    )
}

fn entry<'a>(listed: &Listed<'a>) -> BuildJson<'a> {
    let build = listed.build;
    BuildJson {
        incremental: build.incremental.as_deref().unwrap_or_default(),
        api_level: build
            .sdk_level
            .map_or_else(String::new, |sdk| sdk.to_string()),
        url: listed.url,
        timestamp: build.timestamp,
        md5sum: build.md5.as_deref().unwrap_or_default(),
        changes: listed.changes,
        channel: channel(build),
        filename: &build.filename,
        romtype: build.romtype.to_path(),
        datetime: build.timestamp,
        version: &build.version,
        id: build.phone_id(),
        size: build.size,
    }
}

/// Returns LineageOTA's name for the release type of a build: CMUpdater does not know unofficial
/// builds.
fn channel(build: &Build) -> String {
    let romtype = build.romtype.to_path();
    let facts = Facts {
        version: Some(&build.version),
        sdk: build.sdk_level,
        date: Some(build.timestamp),
    };
    let is_before_lineage = || {
        let version = facts.lineage_version();
        version.is_some_and(|version| version < FIRST_VERBATIM)
    };
    match &*romtype {
        "experimental" if is_before_lineage() => "snapshot".to_owned(),
        "unofficial" if is_before_lineage() => "nightly".to_owned(),
        _ => romtype,
    }
}

/// Whether a build is in the channel that a client asks for, without regard to case.
#[must_use]
pub fn is_of_channel(build: &Build, wanted: &str) -> bool {
    let wanted = wanted.to_ascii_lowercase();
    wanted == channel(build) || wanted == build.romtype.to_path()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::file;

    fn build(romtype: &str, version: &str) -> Build {
        let record = format!(
            r#"{{"device":"mako","romtype":"{romtype}","version":"{version}","datetime":1480000000,
            "kind":"full","path":"a.zip","size":7,"md5":"{}","sha256":"{}"}}"#,
            "a".repeat(32),
            "b".repeat(64)
        );
        let catalog = format!(r#"{{"schema":1,"builds":[{record}]}}"#);
        let catalog = file::parse(catalog.as_bytes(), "catalog.json").unwrap();
        catalog.builds.values().next().unwrap().build.clone()
    }

    #[test]
    fn channels_of_old_versions_are_renamed() {
        for (romtype, version, expected) in [
            ("UNOFFICIAL", "13.0", "nightly"),
            ("EXPERIMENTAL", "12.1", "snapshot"),
            ("RC", "12.1", "rc"),
            ("UNOFFICIAL", "14.1", "unofficial"),
            ("unofficial", "14", "nightly"),
            ("experimental", "21.0", "experimental"),
            ("unofficial", "x", "unofficial"),
            // A version of another ROM.
            ("unofficial", "9.5", "unofficial"),
        ] {
            let build = build(romtype, version);
            assert_eq!(channel(&build), expected, "{romtype} {version}");
            assert!(is_of_channel(&build, &expected.to_uppercase()));
            assert!(is_of_channel(&build, romtype));
            assert!(!is_of_channel(&build, "stable"));
        }
    }

    #[test]
    fn incomplete_builds_are_left_out_for_old_clients_only() {
        let build = build("nightly", "12.1");
        let listed = Listed {
            build: &build,
            url: "https://h/a.zip",
            changes: "",
        };
        assert_eq!(
            render_result(&[listed]),
            b"{\"id\":null,\"result\":[],\"error\":null}\n"
        );
        let text = String::from_utf8(render_response(&[listed])).unwrap();
        assert!(
            text.contains(r#"{"incremental":"","api_level":"","url""#),
            "{text}"
        );
    }
}
