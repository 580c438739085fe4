//! Seeds for lists of releases.

use super::Seeds;

/// A release of GitHub and Forgejo.
const RELEASE: &str = r#"[{"tag_name":"v/1","draft":false,"prerelease":false,
"published_at":"2025-06-14T12:30:00+02:00","body":"June","assets":[{"id":7,"uuid":"ab-cd",
"name":"a.zip","state":"uploaded","size":1024,"type":"attachment",
"digest":"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
"created_at":"2025-06-14T10:20:00Z","updated_at":"2025-06-14T10:20:00Z",
"browser_download_url":"https://example.org/o/r/releases/download/v/1/a.zip"}]}]"#;
/// A package of GitLab, its files and a release that links to one.
const GITLAB: [&str; 5] = [
    r#"[{"id":4,"name":"rom","version":"22.2","package_type":"generic","status":"default"}]"#,
    "[]",
    r#"[{"id":7,"file_name":"b%2Fa.zip","size":1024,"created_at":"2025-06-14T10:20:00.123Z",
"file_md5":"098f6bcd4621d373cade4e832627b4f6","file_sha256":null}]"#,
    "[]",
    r#"[{"tag_name":"v1","name":"One","description":"June","released_at":"2025-06-14T10:30:00Z",
"upcoming_release":false,"assets":{"links":[{"id":1,"name":"a",
"url":"https://example.org/api/v4/projects/o%2Fr/packages/generic/rom/22.2/b/a.zip"},
{"id":2,"name":"b","url":"https://h/x","direct_asset_url":"https://example.org/-/b.zip?c"},
{"id":3,"name":"c.zip","url":"https://example.org/-/package_files/7/download"}]}}]"#,
];

pub(super) fn write(seeds: &mut Seeds) {
    for target in ["github", "forgejo"] {
        seeds.add(target, "release", RELEASE.as_bytes());
        seeds.add(
            target,
            "two-pages",
            [RELEASE, RELEASE].join("\0").as_bytes(),
        );
    }
    seeds.add("gitlab", "project", GITLAB.join("\0").as_bytes());
}
