//! The next steps after init.

use std::collections::BTreeSet;
use std::path::Path;
use std::slice;

use romfeed::hosting::written::{self, Written};
use romfeed::hosting::{Base, Host, Listed, MERGE_DRIVER, PUBLISH, Site, Zips, is_model_number};

use super::{Folder, example_call, missing, read_text};
use crate::cli::escape::escape;
use crate::cli::report::{self, Terminal};

/// Most devices that are named in one step.
const MAX_NAMES: usize = 5;

/// Prints the next steps, in their order.
pub(super) fn print(folder: &Folder<'_>, terminal: Terminal) {
    let Folder { site, config, .. } = folder;
    terminal.line("next:");
    let Some((host, base)) = site.host.zip(site.base.as_ref()) else {
        let hosts = Host::ALL.map(Host::as_str).join(", ");
        let missing = match (site.host, &site.base) {
            (Some(_), _) => "your address",
            (None, Some(_)) => "your host",
            (None, None) => "your host and your address",
        };
        terminal.line(&format!(
            "  name {missing}, for example: {}",
            example_call(site, "")
        ));
        if site.host.is_some() {
            return;
        }
        return terminal.line(&format!(
            "  hosts: {hosts}; any other host of files works too, set up by hand"
        ));
    };
    match site.zips.listed() {
        Some(listed) => {
            print_listed(host, listed, terminal);
            if let Some(others) = other_places(folder, listed) {
                terminal.line(&format!(
                    "  the zips of your other sources are listed, too: {others}"
                ));
            }
        }
        None if folder.found.list.is_empty() => {
            terminal.line(&format!("  put zips into {}/", site.builds.as_str()));
        }
        None => {}
    }
    if let Some(step) = unknown_names(folder) {
        terminal.line(&format!("  {step}"));
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
    let script = read_text(Path::new(PUBLISH)).ok().flatten();
    let script = script.unwrap_or_default();
    match Host::from_publish_script(&script) {
        Some(of_script) if of_script == host => {
            let is_edited = written::compare(PUBLISH, &script) == Written::Edited;
            print_publish(site, host, base, is_edited, terminal);
        }
        other => {
            let what = match other {
                Some(other) => format!("still publishes to {}", other.title()),
                None => "is not from init".to_owned(),
            };
            terminal.line(&format!(
                "  publish was kept, and {what}: change it to what `{}` prints, or remove it and run: {}",
                example_call(site, &format!("--print {PUBLISH} ")),
                example_call(site, "")
            ));
        }
    }
    terminal.line("and build this line into the ROM:");
    let variants = config.variants.iter();
    let variants = variants.map(|rule| Some(rule.variant.to_string()));
    let variants: BTreeSet<Option<String>> = variants.chain([None]).collect();
    report::print_rom_side(terminal, base.as_str(), &variants, &folder.found.families);
}

/// Names the places that other sources of the settings list, if there are any.
fn other_places(folder: &Folder<'_>, listed: &Listed) -> Option<String> {
    let sources = folder.config.sources.iter();
    let places = sources
        .filter_map(|source| Listed::from_sources(slice::from_ref(source), folder.remote.as_ref()));
    let mut others: BTreeSet<String> = places.map(|place| escape(&place.title())).collect();
    others.remove(&escape(&listed.title()));
    (!others.is_empty()).then(|| and_more(others.into_iter().collect()))
}

/// Lists the first of these names, and counts the others.
fn and_more(mut names: Vec<String>) -> String {
    let num_more = names.len().saturating_sub(MAX_NAMES);
    names.truncate(MAX_NAMES);
    let more = match num_more {
        0 => String::new(),
        num_more => format!(" and {num_more} more"),
    };
    names.join(", ") + &more
}

/// Prints how and when to call `publish`. What an edited one does is up to the user.
fn print_publish(site: &Site, host: Host, base: &Base, is_edited: bool, terminal: Terminal) {
    let publish = publish_call(host, base, site.zips.listed());
    terminal.line(&match (site.zips.listed(), host) {
        (Some(listed), Host::GitHub) if listed.is_own => {
            format!("  {publish} once, or make a release")
        }
        (Some(listed), _) if listed.sourceforge_folder().is_some() => {
            format!("  {publish}, now and after each build")
        }
        (Some(_), Host::GitHub | Host::GitLab) => {
            format!("  {publish} once, or wait for the next hour")
        }
        (Some(_), _) => format!("  {publish}, now and once an hour, for example by cron"),
        (None, _) => format!("  {publish}, now and after each build"),
    });
    if matches!(host, Host::Nginx | Host::Apache | Host::Caddy) && !is_edited {
        terminal.line(&format!(
            "    to {}:/srv/ota{} by rsync and SSH; to another place: DESTINATION=YOU@SERVER:FOLDER ./publish",
            base.domain(),
            base.prefix()
        ));
    }
}

/// Returns the step for devices that pages would call by a model number or a codename, if there are any.
fn unknown_names(folder: &Folder<'_>) -> Option<String> {
    let devices = folder.found.list.iter().map(|device| {
        let listed = folder.config.known_devices.get(&device.model);
        let name = listed.map_or(&device.name, |listed| &listed.name);
        (&device.model, name)
    });
    let unknown = devices.filter(|(model, name)| name == model || is_model_number(name));
    let unknown: Vec<String> = unknown
        .map(|(model, name)| match name == model {
            true => escape(model),
            false => format!("{} ({})", escape(name), escape(model)),
        })
        .collect();
    (!unknown.is_empty()).then(|| {
        format!(
            "under \"name\" in devices.json, write what people call these devices: {}",
            and_more(unknown)
        )
    })
}

/// Returns the call of `publish`, with the variables that it needs.
fn publish_call(host: Host, base: &Base, listed: Option<&Listed>) -> String {
    let is_sourceforge = listed.is_some_and(|listed| listed.sourceforge_folder().is_some());
    let project = match host {
        Host::S3 => "BUCKET=NAME ",
        Host::Cloudflare if !base.domain().ends_with(".pages.dev") => "PROJECT=NAME ",
        _ => "",
    };
    let user = match is_sourceforge {
        true => "SOURCEFORGE_USER=YOU ",
        false => "",
    };
    format!("{user}{project}./publish")
}

/// Prints where zips are uploaded, and how long it takes until phones see them.
fn print_listed(host: Host, listed: &Listed, terminal: Terminal) {
    match listed.sourceforge_folder() {
        Some(folder) => print_sourceforge(&folder, listed, terminal),
        None => terminal.line(&format!("  upload zips to {}", listed.title())),
    }
    match host {
        Host::GitHub => {
            terminal.line(match listed.is_own {
                true => {
                    "    phones see a new release within minutes, and zips that are added to one later within an hour"
                }
                false => "    phones see them within an hour: the workflow runs hourly",
            });
            terminal.line("    GitHub Pages may be cached for 10 minutes more");
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

/// Prints what the folder of a project on SourceForge needs before `publish` can upload to it.
fn print_sourceforge(folder: &str, listed: &Listed, terminal: Terminal) {
    let project = folder.split('/').next().unwrap_or(folder);
    terminal.line(&format!(
        "  once: give SourceForge your public SSH key, at https://sourceforge.net/auth/shell_services{}",
        match folder == project {
            true => String::new(),
            false => format!("; make {folder} at https://sourceforge.net/projects/{project}/files/"),
        }
    ));
    terminal.line(&format!(
        "  ./publish uploads zips to {}, and needs your name there in SOURCEFORGE_USER",
        listed.title()
    ));
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
