//! `romfeed init`: writes the files that a maintainer's folder needs, but never over files that were
//! edited.

mod devices;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use romfeed::files::write_atomically;
use romfeed::hosting::{
    self, BadValue, Base, Forge, GITATTRIBUTES, GITIGNORE, Host, KnownDevice, Listed, MERGE_DRIVER,
    PLACES, PUBLISH, PlainPath, Remote, SetupFile, Site, Zips,
};
use romfeed::model::address::UrlTemplate;
use romfeed::model::config::Config;

use super::args::{InitArgs, Places};
use super::config::{self, FILE_NAME, Flags};
use super::outcome::Outcome;
use super::report::{self, Terminal, chain};
use super::settings;

/// The file of the list of devices.
const DEVICES: &str = "devices.json";
/// Longest part of a file of git, or of a file that init writes, that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

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
    let remote = find_remote(terminal);
    let listed = match &args.zips {
        None => Ok(Listed::from_sources(&config.sources, remote.as_ref())),
        Some(place) => Listed::parse(place, remote.as_ref()).map(Some),
    };
    let listed = match listed {
        Ok(listed) => listed,
        Err(error) => {
            let hint = format!("name one of {PLACES}");
            terminal.error(&chain(&error), Some(&hint));
            return Ok(Outcome::Usage);
        }
    };
    let site = match find_site(args, config, remote.as_ref(), listed) {
        Ok(site) => site,
        Err(error) => {
            let hint = "scripts use paths and addresses without quotes; choose simpler ones";
            terminal.error(&chain(&error), Some(hint));
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
    let found = devices::find(config, terminal);
    if !found.is_empty() {
        files.push(SetupFile {
            path: DEVICES,
            text: hosting::render_devices(&found).map_err(io::Error::other)?,
            is_executable: false,
        });
    }
    if let Some(path) = &args.print {
        return print(path, &files, &site, terminal);
    }
    let mut earlier = vec![Zips::Site, Zips::Elsewhere, site.zips.clone()];
    if args.zips.is_some() {
        earlier.push(Zips::for_host(site.host, remote.as_ref()));
        let listed = Listed::from_sources(&config.sources, remote.as_ref());
        earlier.extend(listed.map(Zips::Listed));
    }
    let outcome = write_all(
        &files,
        &site,
        &earlier,
        config,
        &found,
        args.dry_run,
        terminal,
    );
    if !args.dry_run && matches!(outcome, Outcome::Done) {
        print_next_steps(&site, config, &found, terminal);
    }
    Ok(outcome)
}

/// Describes the site: from flags and settings first, then from the folder.
fn find_site(
    args: &InitArgs,
    config: &Config,
    remote: Option<&Remote>,
    listed: Option<Listed>,
) -> Result<Site, BadValue> {
    let previous = || Host::from_publish_script(&read_text(Path::new(PUBLISH)).ok()??);
    let of_remote = remote.map(|remote| match remote.forge {
        Forge::GitHub => Host::GitHub,
        Forge::GitLab => Host::GitLab,
    });
    let host = args.host.or_else(previous).or(of_remote);
    let pages = remote.filter(|_| host.is_some() && host == of_remote);
    let base_url = config.base_url.clone().or_else(|| guess_base(pages?));
    let zips = Zips::for_host(host, remote);
    // With another address in the settings, the zips are on another host.
    let is_other = |url: &UrlTemplate| match zips.url().as_deref().map(UrlTemplate::parse) {
        Some(Ok(default)) => default != *url,
        _ => true,
    };
    Ok(Site {
        host,
        base: base_url.as_deref().map(Base::parse).transpose()?,
        zips: match listed {
            Some(listed) => Zips::Listed(listed),
            None if config.url.as_ref().is_some_and(is_other) => Zips::Elsewhere,
            None => zips,
        },
        builds: plain(&config.builds)?,
        out: plain(&config.out)?,
        catalog: plain(&config.catalogs[0])?,
        changelogs: plain(&config.changelogs)?,
    })
}

fn plain(path: &Path) -> Result<PlainPath, BadValue> {
    PlainPath::parse(&path.to_string_lossy().replace('\\', "/"))
}

/// Returns the address of the forge's pages, or the domain in the `CNAME` file.
fn guess_base(remote: &Remote) -> Option<String> {
    let cname = read_text(Path::new("CNAME")).ok().flatten();
    let domain = cname.as_deref().and_then(hosting::parse_cname);
    Some(match domain.filter(|_| remote.forge == Forge::GitHub) {
        Some(domain) => format!("https://{domain}"),
        None => remote.pages_url(),
    })
}

/// Finds the remote of the repository in this folder; none for an unknown forge.
fn find_remote(terminal: Terminal) -> Option<Remote> {
    let text = match git_config().and_then(|path| path.map_or(Ok(None), |path| read_text(&path))) {
        Ok(text) => text?,
        Err(error) => {
            terminal.warning(&format!("cannot read the settings of git: {error}"));
            return None;
        }
    };
    let url = hosting::parse_config(&text)?;
    let remote = Remote::parse(&url);
    if remote.is_none() {
        // The address may hold a password, so it is not shown.
        terminal
            .warning("the remote in .git/config is not a repository of github.com or gitlab.com");
    }
    remote
}

/// Finds the settings of the repository in this folder. In a worktree or a submodule, `.git` is a file
/// with their path (gitrepository-layout(5)).
fn git_config() -> io::Result<Option<PathBuf>> {
    let git = Path::new(".git");
    if git.is_dir() {
        return Ok(Some(git.join("config")));
    }
    let Some(text) = read_text(git)? else {
        return Ok(None);
    };
    let Some(folder) = text.trim().strip_prefix("gitdir:") else {
        return Err(io::Error::other(".git is not a file that git wrote"));
    };
    let folder = PathBuf::from(folder.trim());
    let common = read_text(&folder.join("commondir"))?;
    let folder = common.map_or_else(|| folder.clone(), |common| folder.join(common.trim()));
    Ok(Some(folder.join("config")))
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
            for setting in missing_settings(site) {
                terminal.warning(&format!("{path} needs this line in {FILE_NAME}: {setting}"));
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

/// What becomes of a file.
enum Fate {
    Unchanged,
    /// It was edited; with what it lacks, if that matters.
    Kept(Option<String>),
    Create,
    /// It is as an earlier init wrote it, before host, address or place of the zips were known.
    Complete,
}

/// Decides what becomes of a file.
fn fate(
    file: &SetupFile,
    site: &Site,
    earlier: &[Zips],
    config: &Config,
    found: &[KnownDevice],
) -> Fate {
    // Anything that exists is kept, a link to a missing file too.
    if fs::symlink_metadata(file.path).is_err() {
        return Fate::Create;
    }
    match read_text(Path::new(file.path)) {
        Ok(Some(text)) if text == file.text => Fate::Unchanged,
        Ok(Some(text)) if is_incomplete(file.path, &text, site, earlier) => Fate::Complete,
        Ok(Some(text)) => Fate::Kept(lack(file, &text, site, config, found)),
        Ok(None) => Fate::Kept(Some("it is a link to a missing file".to_owned())),
        Err(error) => Fate::Kept(Some(format!("it cannot be read: {error}"))),
    }
}

/// Returns whether init wrote this text before it knew host and address or, with the flag `--zips`, for zips at
/// another of the `earlier` places; and it was not edited since.
fn is_incomplete(path: &str, text: &str, site: &Site, earlier: &[Zips]) -> bool {
    let is_written = |incomplete: &Site| {
        let files = hosting::render(incomplete).unwrap_or_default();
        files
            .iter()
            .any(|file| file.path == path && file.text == text)
    };
    earlier.iter().any(|zips| {
        let of_place = Site {
            zips: zips.clone(),
            ..site.clone()
        };
        let nameless = Site {
            host: None,
            base: None,
            ..of_place.clone()
        };
        let is_listed = site.zips.listed().is_some();
        is_written(&nameless) || (is_listed && is_written(&of_place))
    })
}

/// Writes the files that do not exist or are incomplete, and prints what was done with each.
fn write_all(
    files: &[SetupFile],
    site: &Site,
    earlier: &[Zips],
    config: &Config,
    found: &[KnownDevice],
    dry_run: bool,
    terminal: Terminal,
) -> Outcome {
    let mut outcome = Outcome::Done;
    let mut num_differing = 0;
    for file in files {
        let [todo, done, color] = match fate(file, site, earlier, config, found) {
            Fate::Unchanged => {
                terminal.line(&format!("unchanged  {}", file.path));
                continue;
            }
            Fate::Kept(lack) => {
                num_differing += usize::from(lack.is_some());
                let lack = lack.map(|lack| format!(": {lack}")).unwrap_or_default();
                let kept = terminal.paint("33", "kept");
                terminal.line(&format!("{kept}       {}{lack}", file.path));
                continue;
            }
            Fate::Create => ["to create", "created", "32"],
            Fate::Complete => ["to change", "changed", "36"],
        };
        if dry_run {
            terminal.line(&format!("{todo}  {}", file.path));
        } else if let Err(error) = write(file) {
            terminal.error(&format!("cannot write {}: {error}", file.path), None);
            outcome = Outcome::Failed;
        } else {
            terminal.line(&format!("{}    {}", terminal.paint(color, done), file.path));
        }
    }
    if num_differing > 0 {
        terminal.line(
            "files that were edited are never changed; `romfeed init --print FILE` prints a file as init would write it",
        );
    }
    outcome
}

fn write(file: &SetupFile) -> io::Result<()> {
    write_atomically(Path::new(file.path), file.text.as_bytes())?;
    #[cfg(unix)]
    if file.is_executable {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(file.path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// Lists what an existing file lacks, if that matters.
fn lack(
    file: &SetupFile,
    text: &str,
    site: &Site,
    config: &Config,
    found: &[KnownDevice],
) -> Option<String> {
    let lacking: Vec<String> = match file.path {
        FILE_NAME => missing_settings(site),
        GITIGNORE => {
            let there: BTreeSet<&str> = text.lines().map(str::trim).collect();
            let lines = file.text.lines().filter(|line| !line.starts_with('#'));
            let is_covered = |line: &str| {
                let folder = line.split("**").next().unwrap_or(line);
                let names = [folder.trim_matches('/'), folder.trim_end_matches('/')];
                names
                    .iter()
                    .any(|name| there.contains(name) || there.contains(format!("{name}/").as_str()))
            };
            let lines = lines.filter(|line| !there.contains(line) && !is_covered(line));
            lines.map(str::to_owned).collect()
        }
        GITATTRIBUTES => {
            let there: BTreeSet<&str> = text.lines().map(str::trim).collect();
            let lines = file.text.lines().filter(|line| !line.starts_with('#'));
            let lines = lines.filter(|line| !there.contains(line));
            lines.map(str::to_owned).collect()
        }
        DEVICES => {
            let models = found.iter().map(|device| device.model.as_str());
            let missing = models.filter(|model| !config.known_devices.contains_key(*model));
            missing
                .map(|model| model.escape_debug().to_string())
                .collect()
        }
        _ => return Some("it is not what init would write".to_owned()),
    };
    (!lacking.is_empty()).then(|| format!("it lacks {}", lacking.join(", ")))
}

/// Returns the lines that `romfeed.toml` lacks, without flags and environment.
fn missing_settings(site: &Site) -> Vec<String> {
    let places = Places::default();
    let Ok(resolved) = config::resolve(None, Flags::new(&places)) else {
        return Vec::new();
    };
    let base = site.base.as_ref().map(Base::as_str);
    let mut missing = Vec::new();
    if let Some(base) = base.filter(|base| resolved.config.base_url.as_deref() != Some(base)) {
        missing.push(format!("base_url = \"{base}\""));
    }
    if let Some(url) = site.zips.url().filter(|_| resolved.config.url.is_none()) {
        missing.push(format!("url = \"{url}\""));
    }
    let config = &resolved.config;
    let places = [
        ("builds", &site.builds, &config.builds),
        ("out", &site.out, &config.out),
        ("catalog", &site.catalog, &config.catalogs[0]),
        ("changelogs", &site.changelogs, &config.changelogs),
    ];
    for (key, wanted, set) in places {
        if plain(set).as_ref() != Ok(wanted) {
            missing.push(format!("{key} = \"{}\"", wanted.as_str()));
        }
    }
    // At the end, where they do not begin a table before other keys.
    let listed = site.zips.listed();
    if let Some(listed) = listed.filter(|listed| !listed.is_in(&config.sources)) {
        missing.push("[[source]]".to_owned());
        missing.extend(listed.lines());
    }
    missing
}

/// Returns a call of init with host and address: those that are known, otherwise examples.
fn example_call(site: &Site, flags: &str) -> String {
    let host = site.host.map_or(Host::Nginx.as_str(), Host::as_str);
    let base = site.base.as_ref();
    let base = base.map_or("https://ota.example.org", Base::as_str);
    format!("romfeed init {flags}--host {host} --base-url {base}")
}

/// Prints the next steps, in their order.
fn print_next_steps(site: &Site, config: &Config, found: &[KnownDevice], terminal: Terminal) {
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
        None if found.is_empty() => {
            terminal.line(&format!("  put zips into {}/", site.builds.as_str()));
        }
        None => {}
    }
    // A file that was just written has all of them.
    for setting in missing_settings(site) {
        terminal.line(&format!("  put this line into {FILE_NAME}: {setting}"));
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
    report::print_rom_side(terminal, base.as_str(), &variants, &BTreeSet::new());
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
            "on GitHub, under Settings: Pages, Source: GitHub Actions; and a variable, see .github/workflows/pages.yml",
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
