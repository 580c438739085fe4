use super::*;

fn site(host: Host, base: &str, remote: Option<&str>) -> Site {
    let remote = remote.map(|url| Remote::parse(url).unwrap());
    let path = |path| PlainPath::parse(path).unwrap();
    Site {
        host: Some(host),
        base: Some(Base::parse(base).unwrap()),
        zips: Zips::for_host(Some(host), remote.as_ref()),
        matrix: 1,
        device_feed: None,
        builds: path("builds"),
        out: path("out"),
        catalog: path("catalog.json"),
        changelogs: path("changelogs"),
    }
}

fn text(site: &Site, path: &str) -> String {
    let files = render(site).unwrap();
    let file = files.into_iter().find(|file| file.path == path);
    file.unwrap_or_else(|| panic!("no {path}")).text
}

const BASE: &str = "https://ota.example.org";

#[test]
fn every_script_names_its_host_and_its_destinations() {
    let base = "https://ota.example.org/roms";
    for host in Host::ALL {
        let (base, destination, zips) = match host {
            Host::GitHub | Host::GitLab => (base, "git", "github:you/ota"),
            Host::Netlify => (BASE, "netlify", "github:you/ota"),
            Host::Cloudflare => (
                BASE,
                "cloudflare:${PROJECT:?name the project: PROJECT=name ./publish}",
                "github:you/ota",
            ),
            Host::Nginx | Host::Apache | Host::Caddy => (
                base,
                "${DESTINATION:-ota.example.org:/srv/ota/roms}",
                "site",
            ),
            Host::S3 => (
                base,
                "s3://${BUCKET:?name the bucket: BUCKET=name ./publish}/roms",
                "site",
            ),
        };
        let script = text(&site(host, base, Some("github.com:you/ota")), PUBLISH);
        assert!(script.starts_with("#!/bin/sh\n"), "{host:?}");
        assert_eq!(Host::from_publish_script(&script), Some(host));
        for line in [
            "set -eu",
            &format!("destination={destination}"),
            &format!("zips={zips}"),
            "exec romfeed publish --to \"$destination\" --zips-to \"${zips:-none}\" \"$@\"",
        ] {
            assert!(script.contains(&format!("\n{line}\n")), "{line}: {script}");
        }
    }
}

#[test]
fn zips_that_romfeed_cannot_upload_are_none_of_the_script() {
    let elsewhere = text(&site(Host::Netlify, BASE, None), PUBLISH);
    assert!(elsewhere.contains("\nzips=none\n"), "{elsewhere}");
    assert!(elsewhere.contains("romfeed files zips\n"), "{elsewhere}");
    let gitlab = text(&site(Host::GitLab, BASE, Some("gitlab.com:a/b")), PUBLISH);
    assert!(gitlab.contains("\nzips=gitlab:a/b\n"), "{gitlab}");
}

#[test]
fn no_delimiter_of_templates_is_left() {
    for host in Host::ALL {
        for remote in [None, Some("github.com:you/ota"), Some("gitlab.com:you/ota")] {
            for file in render(&site(host, BASE, remote)).unwrap() {
                for delimiter in ["<%", "%>", "<{", "}>", "<#", "#>"] {
                    assert!(!file.text.contains(delimiter), "{}: {delimiter}", file.path);
                }
                assert!(
                    file.text.ends_with('\n') && !file.text.contains("\n\n\n"),
                    "{}",
                    file.path
                );
                assert_eq!(file.is_executable, file.path == PUBLISH);
            }
        }
    }
}

#[test]
fn without_host_and_address_only_the_common_files_are_rendered() {
    let whole = site(Host::Nginx, BASE, None);
    for part in [
        Site {
            host: None,
            ..whole.clone()
        },
        Site {
            base: None,
            ..whole
        },
    ] {
        let paths: Vec<_> = render(&part)
            .unwrap()
            .iter()
            .map(|file| file.path)
            .collect();
        assert_eq!(paths, ["romfeed.toml", GITIGNORE, GITATTRIBUTES]);
    }
}

#[test]
fn zips_go_to_the_forge_if_the_host_cannot_hold_them() {
    let url = |host, remote| site(host, BASE, remote).zips.url();
    let github = Some("github.com:you/ota");
    assert_eq!(
        url(Host::Netlify, github).as_deref(),
        Some("https://github.com/you/ota/releases/download/{device}-{datetime}/{filename}")
    );
    assert_eq!(
        url(Host::GitLab, Some("gitlab.com:a/b/ota")).as_deref(),
        Some(
            "https://gitlab.com/api/v4/projects/a%2Fb%2Fota/packages/generic/{device}/{datetime}/{filename}"
        )
    );
    assert_eq!(url(Host::Caddy, github), None);
    assert_eq!(Zips::for_host(Some(Host::GitHub), None), Zips::Elsewhere);
    for remote in ["github.com:you/ota", "gitlab.com:a/b/ota"] {
        let url = Remote::parse(remote).unwrap().zip_url();
        crate::model::address::UrlTemplate::parse(&url).unwrap();
    }
}

#[test]
fn the_path_of_the_address_is_in_every_rule() {
    let nginx = text(
        &site(Host::Nginx, "https://h.example/a.b", None),
        "host/nginx.conf",
    );
    assert!(
        nginx.contains(r#"location ~ "^/a\.b(?:/[^/]+)?/api/""#),
        "{nginx}"
    );
    assert!(
        nginx.contains("error_page 403 404 =404 /a.b/404.html;"),
        "{nginx}"
    );
    let rules = text(
        &site(Host::GitLab, "https://you.gitlab.io/ota", None),
        "host/_redirects",
    );
    let rules: Vec<_> = rules
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert_eq!(rules.len(), 12);
    assert!(
        rules.iter().all(|rule| rule.starts_with("/ota/")),
        "{rules:?}"
    );
    assert!(rules.contains(
        &"/ota/:variant/api/v1/:device/:type/:incremental /ota/:variant/api/v1/:device/:type.json 200"
    ));
}

#[test]
fn hosts_without_paths_refuse_an_address_with_one() {
    for host in [Host::Netlify, Host::Cloudflare] {
        let error = render(&site(host, "https://h.example/ota", None)).unwrap_err();
        assert!(matches!(error, Error::NotRoot { .. }), "{error}");
        assert_eq!(error.kind(), FaultKind::Unsupported);
    }
}

#[test]
fn the_address_names_the_project_of_cloudflare() {
    let script = |base| text(&site(Host::Cloudflare, base, None), PUBLISH);
    assert!(script("https://ota.pages.dev").contains("${PROJECT:-ota}"));
    assert!(script(BASE).contains("${PROJECT:?"));
}

#[test]
fn the_workflow_keeps_the_expressions_of_github() {
    let workflow = text(
        &site(Host::GitHub, BASE, None),
        ".github/workflows/pages.yml",
    );
    assert!(
        workflow.contains("key: romfeed-${{ runner.os }}-${{ vars.ROMFEED_COMMIT || "),
        "{workflow}"
    );
    assert!(workflow.contains("permissions: {}\n"), "{workflow}");
}

#[test]
fn the_workflow_names_actions_by_commit_and_romfeed_by_version() {
    let workflow = text(
        &site(Host::GitHub, BASE, None),
        ".github/workflows/pages.yml",
    );
    let actions: Vec<&str> = workflow
        .lines()
        .filter_map(|line| line.split_once("uses: ").map(|(_, action)| action))
        .collect();
    assert_eq!(actions.len(), 8, "{workflow}");
    let (own, others): (Vec<&str>, Vec<&str>) = actions.iter().partition(|a| a.starts_with('.'));
    assert_eq!(own, ["./.romfeed/action"]);
    for action in others {
        let commit = action.split(['@', ' ']).nth(1).unwrap();
        assert!(
            commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()),
            "{action}"
        );
    }
    let version = env!("CARGO_PKG_VERSION");
    let release = format!("ref: ${{{{ vars.ROMFEED_COMMIT || 'v{version}' }}}}\n");
    assert!(workflow.contains(&release), "{workflow}");
    assert!(!workflow.contains("cargo"), "{workflow}");
    let pipeline = text(&site(Host::GitLab, BASE, None), ".gitlab-ci.yml");
    let tag = format!("refs/tags/v{version}");
    assert!(
        pipeline.contains(&tag) && !pipeline.contains(" HEAD"),
        "{pipeline}"
    );
}

#[test]
fn settings_git_and_workflows_have_the_names_of_the_folders() {
    let site = Site {
        builds: PlainPath::parse("roms").unwrap(),
        catalog: PlainPath::parse("data/all.json").unwrap(),
        ..site(Host::GitHub, BASE, Some("github.com:you/ota"))
    };
    let settings = text(&site, "romfeed.toml");
    assert!(
        settings.contains("\ncatalog = \"data/all.json\"\n\nbuilds = \"roms\"\n"),
        "{settings}"
    );
    assert!(!settings.contains("\nout ="), "{settings}");
    assert!(
        written::body(GITIGNORE, &text(&site, GITIGNORE))
            .ends_with("/out/\n/roms/**/*.zip\n/roms/**/*.img\n/data/.romfeed/\n")
    );
    let workflow = text(&site, WORKFLOW);
    assert!(
        workflow.contains("[ ! -e data/all.json ] || "),
        "{workflow}"
    );
}

#[test]
fn every_file_names_a_catalog_that_is_a_folder() {
    let remotes = [None, Some("github.com:you/ota"), Some("gitlab.com:you/ota")];
    let mut num_named = 0;
    for (host, remote) in Host::ALL
        .iter()
        .flat_map(|host| remotes.map(|remote| (*host, remote)))
    {
        let found = remote.map(|url| Remote::parse(url).unwrap());
        let listed = Listed::parse("github:you/zips", found.as_ref()).unwrap();
        for zips in [
            Zips::for_host(Some(host), found.as_ref()),
            Zips::Listed(listed),
        ] {
            let site = |catalog| Site {
                zips: zips.clone(),
                catalog: PlainPath::parse_catalog(catalog).unwrap(),
                ..site(host, BASE, remote)
            };
            let [file, folder] =
                ["data/all.json", "data/all/"].map(|catalog| render(&site(catalog)).unwrap());
            for (file, folder) in file.iter().zip(&folder) {
                let body = written::body(folder.path, &folder.text);
                // These two know files alone.
                let is_pattern = |line: &str| {
                    folder.path == GITATTRIBUTES || line.trim_start().starts_with("exists:")
                };
                for line in body.lines().filter(|line| line.contains("data/all")) {
                    num_named += 1;
                    assert_eq!(line.contains("data/all/*.json"), is_pattern(line), "{line}");
                }
                let as_file = body
                    .replace("data/all/*.json", "data/all.json")
                    .replace("data/all/", "data/all.json");
                assert_eq!(as_file, written::body(file.path, &file.text));
            }
        }
    }
    assert!(num_named > 100, "{num_named}");
    let site = |host, remote| Site {
        catalog: PlainPath::parse_catalog("catalog/").unwrap(),
        ..site(host, BASE, Some(remote))
    };
    let github = site(Host::GitHub, "github.com:you/ota");
    assert!(text(&github, SETTINGS).contains("\ncatalog = \"catalog/\"\n"));
    assert!(text(&github, GITATTRIBUTES).contains("\n/catalog/*.json merge=romfeed\n"));
    assert!(text(&github, GITIGNORE).contains("\n/.romfeed/\n"));
    assert!(text(&github, WORKFLOW).contains(" [ ! -e catalog/ ] || "));
    let gitlab = site(Host::GitLab, "gitlab.com:you/ota");
    assert!(text(&gitlab, PIPELINE).contains(" exists: [catalog/*.json]\n"));
}

#[test]
fn web_servers_listen_on_the_port_of_the_address() {
    let base = "https://ota.example.org:8443/x";
    let nginx = text(&site(Host::Nginx, base, None), "host/nginx.conf");
    assert!(nginx.contains("    listen 8443 ssl;\n    listen [::]:8443 ssl;\n"));
    let apache = text(&site(Host::Apache, base, None), "host/apache.conf");
    assert!(apache.contains("\nListen 8443\n<VirtualHost *:8443>\n"));
    let caddy = text(&site(Host::Caddy, base, None), "host/Caddyfile");
    assert!(caddy.contains("\nota.example.org:8443 {\n"));
    // Port 443 is part of Apache's own configuration.
    let apache = text(&site(Host::Apache, BASE, None), "host/apache.conf");
    assert!(apache.contains("\n<VirtualHost *:443>\n") && !apache.contains("Listen"));
}
