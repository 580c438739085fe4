//! `romfeed init`: writes the files that a maintainer's folder needs, but never over files that were
//! edited.

mod devices;
mod difference;
mod git;
mod missing;
mod next;
mod write;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

use romfeed::catalog::store;
use romfeed::hosting::written::{self, Written};
use romfeed::hosting::{
    self, BadValue, Base, Forge, Host, Listed, PUBLISH, PlainPath, Remote, SETTINGS, SetupFile,
    Site, Zips,
};
use romfeed::model::address::UrlTemplate;
use romfeed::model::config::{Config, DeviceFeed};

use self::devices::Devices;
use super::args::InitArgs;
use super::config::Flags;
use super::outcome::Outcome;
use super::report::{Terminal, chain, print_run_error};
use super::settings;

/// The file of the list of devices.
const DEVICES: &str = "devices.json";
/// The catalog of a new project: a file for each device, so that people and jobs that publish different devices never
/// change the same file.
const CATALOG: &str = "catalog/";
/// Longest part of a file of git, or of a file that init writes, that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// The folder that is set up, and what is known about it.
struct Folder<'a> {
    site: Site,
    config: &'a Config,
    /// The devices of the packages.
    found: Devices,
    remote: Option<Remote>,
    /// The host of the `publish` script that was there before.
    previous: Option<Host>,
}

/// Runs the command in the current folder; `file` is the value of `--config`.
pub(crate) fn run(args: &InitArgs, file: Option<&Path>, terminal: Terminal) -> io::Result<Outcome> {
    if file.is_some() {
        terminal.error(
            "init sets up the current folder",
            Some("leave out --config"),
        );
        return Ok(Outcome::Usage);
    }
    settings::with_config(None, Flags::new(&args.places), terminal, |config| {
        set_up(args, &config, terminal)
    })
}

fn set_up(args: &InitArgs, config: &Config, terminal: Terminal) -> io::Result<Outcome> {
    // Scripts for a catalog that has been moved would look for it in vain.
    if !is_new(args, config)
        && let Err(error) = store::refuse_other_form(&config.catalogs[0])
    {
        print_run_error(terminal, &error.into());
        return Ok(Outcome::Usage);
    }
    let remote = git::find_remote(terminal);
    let listed = match &args.zips {
        None => Listed::from_sources(&config.sources, remote.as_ref()),
        Some(place) => match Listed::parse(place, remote.as_ref()) {
            Ok(listed) => Some(listed),
            Err(error) => {
                terminal.error(&chain(&error), Some(&hosting::place_hint(place)));
                return Ok(Outcome::Usage);
            }
        },
    };
    let previous = read_text(Path::new(PUBLISH)).ok().flatten();
    let previous = previous.and_then(|script| Host::from_publish_script(&script));
    let found = devices::find(config, terminal);
    let site = match find_site(args, config, remote.as_ref(), listed, previous) {
        Ok(site) if args.matrix.is_some_and(|jobs| jobs > 1) && !can_be_matrix(&site) => {
            terminal.error(
                "several jobs read zips only in a workflow on GitHub or GitLab that has a [[source]]",
                Some("name both, for example: romfeed init --host github --zips github --matrix 20"),
            );
            return Ok(Outcome::Usage);
        }
        Ok(site) => Site {
            device_feed: find_device_feed(&found, config),
            ..site
        },
        Err(Unusable { error, hint }) => {
            terminal.error(&chain(&error), Some(&hint));
            return Ok(Outcome::Usage);
        }
    };
    let mut files = match hosting::render(&site) {
        Ok(files) => files,
        Err(error) => {
            terminal.error(&chain(&error), Some("choose another --base-url or --host"));
            return Ok(Outcome::Usage);
        }
    };
    let folder = Folder {
        site,
        config,
        found,
        remote,
        previous,
    };
    if !folder.found.list.is_empty() {
        files.push(SetupFile {
            path: DEVICES,
            text: hosting::render_devices(&folder.found.list).map_err(io::Error::other)?,
            is_executable: false,
        });
    }
    if let Some(path) = &args.print {
        return print(path, &files, &folder.site, terminal);
    }
    if let (Some(host), None) = (args.host, &folder.site.base) {
        terminal.error(
            &format!(
                "the files for {} need the address of the site",
                host.title()
            ),
            Some(&format!(
                "add it with --base-url, for example: {}",
                example_call(&folder.site, "")
            )),
        );
        return Ok(Outcome::Usage);
    }
    let outcome = write::write_all(&files, &folder, args.dry_run, terminal);
    if !args.dry_run && matches!(outcome, Outcome::Done) {
        next::print(&folder, terminal);
    }
    Ok(outcome)
}

/// Returns whether the site has a workflow in which several jobs can read sources.
fn can_be_matrix(site: &Site) -> bool {
    site.host.is_some_and(|host| host.workflow().is_some()) && site.zips.listed().is_some()
}

/// Returns the number of jobs that read sources: that of the flag, or else of the workflow that is there.
fn find_matrix(args: &InitArgs, host: Option<Host>) -> u8 {
    let of_workflow = || {
        let text = read_text(Path::new(host?.workflow()?)).ok()??;
        hosting::matrix_of(&text)
    };
    args.matrix.or_else(of_workflow).unwrap_or(1)
}

/// A value that scripts cannot use, with a hint.
struct Unusable {
    error: BadValue,
    hint: String,
}

impl From<BadValue> for Unusable {
    fn from(error: BadValue) -> Unusable {
        Unusable {
            error,
            hint: "scripts use paths and addresses without quotes; choose simpler ones".to_owned(),
        }
    }
}

/// Describes the site: from flags and settings first, then from the folder.
fn find_site(
    args: &InitArgs,
    config: &Config,
    remote: Option<&Remote>,
    listed: Option<Listed>,
    previous: Option<Host>,
) -> Result<Site, Unusable> {
    if let Some(address) = config.place.address() {
        return Err(Unusable {
            error: BadValue {
                what: "the catalog",
                value: address,
                reason: "is in a bucket, for which init writes no scripts",
            },
            hint: "let each job run `romfeed generate --catalog-only`, and one more `romfeed generate` and `romfeed publish`"
                .to_owned(),
        });
    }
    let of_remote = remote.map(|remote| match remote.forge {
        Forge::GitHub => Host::GitHub,
        Forge::GitLab => Host::GitLab,
    });
    let host = args.host.or(previous).or(of_remote);
    let pages = remote.filter(|_| host.is_some() && host == of_remote);
    let base_url = config.base_url.clone().or_else(|| git::guess_base(pages?));
    let zips = Zips::for_host(host, remote);
    // With another address in settings that the user wrote, the zips are on another host.
    let is_other = |url: &UrlTemplate| match zips.url().as_deref().map(UrlTemplate::parse) {
        Some(Ok(default)) => default != *url && !has_own_settings(),
        _ => !has_own_settings(),
    };
    let builds = plain_anywhere(&config.builds).map_err(|error| Unusable {
        error,
        hint: link_hint(&config.builds),
    })?;
    let out = plain(&config.out)?;
    if Path::new(builds.as_str()).starts_with(out.as_str()) {
        return Err(Unusable {
            error: BadValue {
                what: "the folder of the site",
                value: out.as_str().to_owned(),
                reason: "has the packages in it",
            },
            hint: "name another folder for the site: --out site".to_owned(),
        });
    }
    Ok(Site {
        host,
        base: base_url.as_deref().map(Base::parse).transpose()?,
        matrix: find_matrix(args, host),
        device_feed: None,
        zips: match listed {
            Some(listed) => Zips::Listed(listed),
            None if config.url.as_ref().is_some_and(is_other) => Zips::Elsewhere,
            None => zips,
        },
        builds,
        out,
        catalog: plain_catalog(&find_catalog(args, config))?,
        changelogs: plain(&config.changelogs)?,
    })
}

/// Returns the catalog that flags, settings or files name; for a new project, one with a file for each device.
fn find_catalog(args: &InitArgs, config: &Config) -> PathBuf {
    let (file, folder) = (&config.catalogs[0], Path::new(CATALOG));
    let is_place = [&config.builds, &config.out, &config.changelogs].contains(&&folder.to_owned());
    // Anything else may have this name already.
    let is_free = || store::files(folder).is_ok_and(|files| files.is_empty());
    let is_catalog = || store::other_form(file).is_some();
    match is_new(args, config) && !is_place && (is_free() || is_catalog()) {
        true => folder.to_owned(),
        false => file.clone(),
    }
}

/// Returns whether neither flags, settings nor files name a catalog.
fn is_new(args: &InitArgs, config: &Config) -> bool {
    args.places.catalog.is_empty()
        && fs::symlink_metadata(SETTINGS).is_err()
        && !store::is_there(&config.catalogs[0])
}

/// Returns the `device_feed` of settings that init wrote, since phones in the field read it, or else the one that the
/// packages need.
fn find_device_feed(found: &Devices, config: &Config) -> Option<String> {
    match &config.device_feed {
        DeviceFeed::Template(name) if has_own_settings() => Some(name.clone()),
        DeviceFeed::V2 if has_own_settings() => Some("v2".to_owned()),
        _ => found.device_feed().map(str::to_owned),
    }
}

/// Returns whether the settings are as init wrote them.
fn has_own_settings() -> bool {
    let text = read_text(Path::new(SETTINGS)).ok().flatten();
    text.is_some_and(|text| written::compare(SETTINGS, &text) == Written::Unchanged)
}

fn plain(path: &Path) -> Result<PlainPath, BadValue> {
    PlainPath::parse(&with_slashes(path))
}

/// As [`plain`], for a catalog, whose slash at the end says that it is a folder.
fn plain_catalog(path: &Path) -> Result<PlainPath, BadValue> {
    let slash = match store::is_folder(path) {
        true => "/",
        false => "",
    };
    PlainPath::parse_catalog(&(with_slashes(path) + slash))
}

/// As [`plain`], for a folder that may be outside of this one.
fn plain_anywhere(path: &Path) -> Result<PlainPath, BadValue> {
    let here = std::env::current_dir().ok();
    let below = here.and_then(|here| path.strip_prefix(here).ok());
    PlainPath::parse_anywhere(&with_slashes(below.unwrap_or(path)))
}

/// Returns how to give a folder of packages a path that scripts can use.
fn link_hint(builds: &Path) -> String {
    let is_free = |name: &&&str| fs::symlink_metadata(name).is_err();
    let name = ["builds", "zips", "roms"]
        .iter()
        .find(is_free)
        .unwrap_or(&"packages");
    let path = builds.to_string_lossy();
    let command = match cfg!(windows) {
        true => format!("mklink /J {name} \"{path}\""),
        false => format!("ln -s '{}' {name}", path.replace('\'', r"'\''")),
    };
    format!(
        "scripts use paths without quotes; make a link, and use that: {command} && romfeed init --builds {name}"
    )
}

/// Writes a path with `/`, without `.` and without a slash at its end.
fn with_slashes(path: &Path) -> String {
    let parts = path.components().filter(|part| *part != Component::CurDir);
    let parts: Vec<_> = parts
        .map(|part| match part {
            Component::RootDir => "".into(),
            part => part.as_os_str().to_string_lossy(),
        })
        .collect();
    parts.join("/")
}

/// Reads a short text; none if the file does not exist.
fn read_text(path: &Path) -> io::Result<Option<String>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Prints one file, as init would write it, to standard output.
fn print(path: &str, files: &[SetupFile], site: &Site, terminal: Terminal) -> io::Result<Outcome> {
    if let Some(file) = files.iter().find(|file| file.path == path) {
        io::stdout().write_all(file.text.as_bytes())?;
        if Host::has_file(path) {
            for setting in missing::find(site) {
                terminal.warning(&format!("for {path}, {}", setting.step()));
            }
        }
        return Ok(Outcome::Done);
    }
    if Host::has_file(path) && (site.host.is_none() || site.base.is_none()) {
        let message = format!("{path} depends on the host and the address of the site");
        let call = example_call(site, &format!("--print {path} "));
        terminal.error(&message, Some(&format!("name them, for example: {call}")));
        return Ok(Outcome::Usage);
    }
    let names: Vec<&str> = files.iter().map(|file| file.path).collect();
    let message = format!("`{}` is not among the files of init", path.escape_debug());
    terminal.error(&message, Some(&format!("they are {}", names.join(", "))));
    Ok(Outcome::Usage)
}

/// Returns a call of init with host and address: those that are known, otherwise examples.
fn example_call(site: &Site, flags: &str) -> String {
    let host = site.host.map_or(Host::Nginx.as_str(), Host::as_str);
    let base = site.base.as_ref();
    let base = base.map_or("https://ota.example.org", Base::as_str);
    format!("romfeed init {flags}--host {host} --base-url {base}")
}
