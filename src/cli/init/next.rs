//! The next steps after init.

use std::collections::BTreeSet;
use std::path::Path;

use romfeed::hosting::{Host, Listed, MERGE_DRIVER, Zips};

use super::{Folder, example_call, missing};
use crate::cli::report::{self, Terminal};

/// Prints the next steps, in their order.
pub(super) fn print(folder: &Folder<'_>, terminal: Terminal) {
    let Folder { site, config, .. } = folder;
    terminal.line("next:");
    let Some((host, base)) = site.host.zip(site.base.as_ref()) else {
        let hosts = Host::ALL.map(Host::as_str).join(", ");
        terminal.line(&format!(
            "  name your host and your address, for example: {}",
            example_call(site, "")
        ));
        return terminal.line(&format!(
            "  hosts: {hosts}; any other host of files works too, set up by hand"
        ));
    };
    match site.zips.listed() {
        Some(listed) => print_listed(host, listed, terminal),
        None if folder.found.list.is_empty() => {
            terminal.line(&format!("  put zips into {}/", site.builds.as_str()));
        }
        None => {}
    }
    // A file that was just written has all of them.
    for setting in missing::find(site) {
        terminal.line(&format!("  {}", setting.step()));
    }
    for step in steps(host) {
        terminal.line(&format!("  {step}"));
    }
    if Path::new(".git").exists() {
        terminal.line(&format!(
            "  in each clone, so that git merges the builds of several machines: {MERGE_DRIVER}"
        ));
    }
    if site.zips == Zips::Elsewhere && config.url.is_none() {
        terminal.line(
            "  set url in romfeed.toml to the address of your zips, and upload them in publish",
        );
    }
    terminal.line(match (site.zips.listed(), host) {
        (Some(_), Host::GitHub | Host::GitLab) => "  ./publish once, or wait for the next hour",
        (Some(_), _) => "  ./publish, now and once an hour, for example by cron",
        (None, _) => "  ./publish, now and after each build",
    });
    terminal.line("and build this line into the ROM:");
    let variants = config.variants.iter();
    let variants = variants.map(|rule| Some(rule.variant.to_string()));
    let variants: BTreeSet<Option<String>> = variants.chain([None]).collect();
    report::print_rom_side(terminal, base.as_str(), &variants, &folder.found.families);
}

/// Prints where zips are uploaded, and how long it takes until phones see them.
fn print_listed(host: Host, listed: &Listed, terminal: Terminal) {
    terminal.line(&format!("  upload zips to {}", listed.title()));
    match host {
        Host::GitHub => {
            terminal.line(
                "    phones see them within an hour and 10 minutes: the workflow runs hourly, and GitHub Pages is cached that long",
            );
            terminal.line(
                "    GitHub pauses hourly runs of a repository that had no activity for 60 days; start them again under Actions",
            );
        }
        Host::GitLab => terminal.line(
            "    phones see them within an hour, once a pipeline schedule runs hourly; see .gitlab-ci.yml",
        ),
        _ => terminal.line("    phones see them after the next ./publish"),
    }
}

/// Returns the steps that a host needs once.
fn steps(host: Host) -> &'static [&'static str] {
    match host {
        Host::GitHub => &[
            "on GitHub, Settings > Pages: Source: GitHub Actions",
            "on GitHub, Settings > Secrets and variables > Actions > Variables: ROMFEED_REPOSITORY, and ROMFEED_COMMIT while romfeed has no release; the first lines of .github/workflows/pages.yml say more",
            "commit and push these files; if publish uploads zips, sign in first: gh auth login",
        ],
        Host::GitLab => &[
            "on GitLab, under Settings: a variable, see .gitlab-ci.yml; and check the address under Deploy, Pages",
            "commit and push these files; a token for the zips goes into GITLAB_TOKEN",
        ],
        Host::Netlify => &["once: netlify login, netlify link"],
        Host::Cloudflare => &["once: wrangler login, wrangler pages project create"],
        Host::Nginx => &["copy host/nginx.conf to the server; its first lines say where"],
        Host::Apache => &["copy host/apache.conf to the server; its first lines say where"],
        Host::Caddy => &["copy host/Caddyfile to the server; its first lines say where"],
        Host::S3 => &["set up bucket and distribution as host/cloudfront.js says"],
    }
}
