//! `romfeed serve`: the site as a server, and the keys of clients that may change it.
//!
//! In: flags and settings. Out: a running server, a log, and messages about errors; or a list of keys.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use romfeed::fetch::Reach;
use romfeed::generate::{self, DeviceFamily, Report};
use romfeed::model::address;
use romfeed::model::build::Device;
use romfeed::model::config::Config;
use romfeed::serve::{self, Access, End, Hooks, Limits, Settings, Tls, Watched, keys};

use super::args::ServeArgs;
use super::config;
use super::config::{Flags, Resolved};
use super::escape::{escape, shown};
use super::generate::print_devices_errors;
use super::http;
use super::outcome::Outcome;
use super::progress::Progress;
use super::report::{self, Terminal, chain, print_run_error};
use super::settings;
use super::theme;
use super::time::{format_time, now, now_ns};

/// Most lines of the log that wait for a slow terminal; further ones are dropped.
const MAX_WAITING: usize = 4096;
/// Most open sockets and files that are requested from the system: several for each connection. macOS
/// refuses more than 10,240, and also "unlimited".
#[cfg(unix)]
const MAX_FILES: u64 = 8192;

/// Runs the command.
pub(crate) fn run(
    args: &ServeArgs,
    file: Option<&Path>,
    terminal: Terminal,
) -> io::Result<Outcome> {
    settings::with_config(file, flags(args), terminal, |config| {
        run_with(args, file, config, terminal)
    })
}

fn flags(args: &ServeArgs) -> Flags {
    Flags {
        url: args.url.clone(),
        ..Flags::new(&args.places)
    }
}

fn run_with(
    args: &ServeArgs,
    settings: Option<&Path>,
    config: Config,
    terminal: Terminal,
) -> io::Result<Outcome> {
    if args.list_keys || args.new_key.is_some() || args.remove_key.is_some() {
        return change_keys(args, &config, terminal);
    }
    Ok(match start(args, settings, config, terminal) {
        Ok(End::Stopped) => Outcome::Done,
        Ok(End::Interrupted) => Outcome::Interrupted,
        Err(refused) => {
            refused.print(terminal);
            refused.outcome()
        }
    })
}

/// Why the server did not start.
enum Refused {
    Usage(String, &'static str),
    Serve(serve::Error),
}

impl Refused {
    fn print(&self, terminal: Terminal) {
        match self {
            Refused::Usage(message, hint) => terminal.error(message, Some(hint)),
            Refused::Serve(serve::Error::Generate(error)) => print_run_error(terminal, error),
            Refused::Serve(error @ serve::Error::Tls { fix, .. }) => {
                terminal.error(&chain(error), Some(fix));
            }
            Refused::Serve(error) => terminal.error(&chain(error), None),
        }
    }

    fn outcome(&self) -> Outcome {
        match self {
            Refused::Usage(..) | Refused::Serve(serve::Error::Tls { .. }) => Outcome::Usage,
            Refused::Serve(serve::Error::Generate(error)) => Outcome::from_error(error),
            Refused::Serve(_) => Outcome::Failed,
        }
    }
}

fn start(
    args: &ServeArgs,
    settings: Option<&Path>,
    config: Config,
    terminal: Terminal,
) -> Result<End, Refused> {
    let listener = TcpListener::bind(args.listen).map_err(|error| {
        let message = format!("cannot listen on {}: {error}", args.listen);
        Refused::Usage(message, "choose another --listen ADDRESS:PORT")
    })?;
    let listening = listener.local_addr().map_err(serve::Error::from);
    let listening = listening.map_err(Refused::Serve)?;
    let base_url = base_url(args, &config, listening)?;
    raise_file_limit();
    let reporter = Reporter {
        terminal,
        log: (!terminal.quiet).then(|| start_log(terminal)),
        listening,
        base_url: base_url.clone(),
        args: args.clone(),
        settings: settings.map(PathBuf::from),
        failures: Failures::default(),
        searched: searched(args, &config),
        families: report::families(&config),
    };
    let watched = match args.watch {
        true => generate_first(settings, &config, &reporter),
        false => Watched::default(),
    };
    let settings = Settings {
        watched,
        config: Config {
            base_url: Some(base_url),
            ..config
        },
        tls: args.tls_cert.clone().zip(args.tls_key.clone()).map(tls),
        // Clients with a key choose the addresses, so local networks are out of reach.
        fetch: http::settings(None, http::SERVER_TIMEOUT, Reach::Public).ok(),
        limits: Limits::default(),
        clock: now,
    };
    serve::run(listener, settings, Arc::new(reporter), serve::stop_signal).map_err(Refused::Serve)
}

/// Generates the site before the server starts; returns what is watched for changes.
fn generate_first(settings: Option<&Path>, config: &Config, reporter: &Reporter) -> Watched {
    let terminal = reporter.terminal;
    let mut watched = Watched::new(sources(settings, config), config.follow_links);
    if config.base_url.is_none() && reporter.args.public_url.is_none() {
        terminal.warning(&format!(
            "the files in {} get this server's own address; set base_url before you upload them",
            config.out.display()
        ));
    }
    // The files that `generate` writes may be uploaded, so they keep the address of the site.
    let base_url = config.base_url.clone();
    let config = Config {
        base_url: base_url.or_else(|| Some(reporter.base_url.clone())),
        ..config.clone()
    };
    if let Err(error) = regenerate(&config, terminal) {
        reporter.failures.is_new(chain(&error));
        print_run_error(terminal, &error);
        watched.forget();
    }
    watched
}

/// Names the catalogs, or with `--watch` the folder of packages, where builds were searched.
fn searched(args: &ServeArgs, config: &Config) -> String {
    match args.watch {
        true => shown(&config.builds),
        false => {
            let catalogs: Vec<String> = config.catalogs.iter().map(|file| shown(file)).collect();
            catalogs.join(", ")
        }
    }
}

fn tls((cert, key): (PathBuf, PathBuf)) -> Tls {
    Tls { cert, key }
}

/// Returns the address for feeds.
fn base_url(args: &ServeArgs, config: &Config, listening: SocketAddr) -> Result<String, Refused> {
    if let Some(url) = &args.public_url {
        return address::parse_server(url).map_err(|error| {
            let hint = "write the address by which phones reach this server, for example https://host/path";
            Refused::Usage(format!("--public-url: {error}"), hint)
        });
    }
    if let Some(url) = &config.base_url {
        return Ok(url.clone());
    }
    if listening.ip().is_unspecified() {
        let message = format!("{listening} means all addresses of this machine");
        let hint = "name the address by which phones reach it: --public-url https://host";
        return Err(Refused::Usage(message, hint));
    }
    Ok(format!("{}://{listening}", scheme(args)))
}

fn scheme(args: &ServeArgs) -> &'static str {
    match args.tls_cert {
        Some(_) => "https",
        None => "http",
    }
}

/// Runs `generate`, and prints its report.
fn regenerate(config: &Config, terminal: Terminal) -> Result<(), generate::Error> {
    let report = generate::generate(config, None, &Progress::new(terminal), now_ns())?;
    // The server prints the lines for the ROM itself.
    report::print_report(terminal, config, &report, &report::Next::Silent);
    Ok(())
}

/// Raises the limit on open files: a server has a socket for each client, and the default of most
/// systems is low.
fn raise_file_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        let most = limit.maximum.unwrap_or(MAX_FILES).min(MAX_FILES);
        if limit.current.is_some_and(|current| current < most) {
            limit.current = Some(most);
            // With a low limit, the server waits until sockets are free.
            let _ = setrlimit(Resource::Nofile, limit);
        }
    }
}

/// Prints the log on a thread of its own, so that no response waits for the terminal.
fn start_log(terminal: Terminal) -> SyncSender<Access> {
    let (sender, lines) = sync_channel::<Access>(MAX_WAITING);
    std::thread::spawn(move || {
        lines
            .iter()
            .for_each(|access| terminal.line(&line(&access)))
    });
    sender
}

/// Formats a line of the common log format; texts from clients are escaped.
fn line(access: &Access) -> String {
    let time = chrono::DateTime::from_timestamp(access.time, 0).unwrap_or_default();
    format!(
        "{} - {} [{}] \"{} {}\" {} {}",
        access.peer.ip(),
        access.user.as_deref().unwrap_or("-"),
        time.format("%d/%b/%Y:%H:%M:%S +0000"),
        access.method.escape_debug(),
        access.target.escape_debug(),
        access.status,
        access.len
    )
}

/// Prints the events of the server.
struct Reporter {
    terminal: Terminal,
    log: Option<SyncSender<Access>>,
    listening: SocketAddr,
    base_url: String,
    args: ServeArgs,
    settings: Option<PathBuf>,
    failures: Failures,
    /// The places where builds were searched, escaped.
    searched: String,
    /// The ROM families of the builds that are published at the start.
    families: BTreeSet<DeviceFamily>,
}

/// The last failure, while it lasts, so that each is reported once.
#[derive(Default)]
struct Failures(Mutex<Option<String>>);

impl Failures {
    /// Stores a failure and returns whether it differs from the last.
    fn is_new(&self, failure: String) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.replace(failure.clone()) != Some(failure)
    }

    /// Forgets the last failure, after a success; returns whether there was one.
    fn clear(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.take().is_some()
    }
}

impl Reporter {
    /// Warns of named folders that do not exist, and of a site without builds.
    fn warn_of_what_is_missing(&self, report: &Report) {
        let terminal = self.terminal;
        let places = &self.args.places;
        let named = [("--builds", &places.builds), ("--out", &places.out)];
        for (flag, folder) in named {
            if let Some(folder) = folder.as_ref().filter(|folder| !folder.is_dir()) {
                terminal.warning(&format!(
                    "{flag}: there is no folder {}, so none of its files are served",
                    shown(folder)
                ));
            }
        }
        if report.num_offered > 0 {
            return;
        }
        let todo = match self.args.watch {
            true => "put zips there",
            false => "run romfeed generate there, or name another with --catalog",
        };
        terminal.warning(&format!(
            "no build is offered: there is none in {}; {todo}",
            self.searched
        ));
    }
}

impl Hooks for Reporter {
    fn ready(&self, report: &Report) {
        let terminal = self.terminal;
        let here = format!("{}://{}", scheme(&self.args), self.listening);
        terminal.line(&format!(
            "serving {} at {here}; Ctrl-C stops",
            report::what_is_offered(report)
        ));
        if self.base_url != here {
            let why = match self.args.public_url {
                Some(_) => "",
                None => " (base_url; --public-url sets another address)",
            };
            terminal.line(&format!("feeds contain the address {}{why}", self.base_url));
        }
        for fault in &report.faults {
            report::print_fault(terminal, fault);
        }
        if self.listening.ip().is_loopback() && self.args.public_url.is_none() {
            terminal.warning(
                "only this machine can reach it; for phones, listen on another address (--listen) or use a \
                 tunnel or proxy (--public-url)",
            );
        }
        if !self.base_url.starts_with("https://") {
            terminal.warning(
                "phones with LineageOS 16 or later refuse plain http; use --tls-cert and \
                 --tls-key, or a tunnel with https (--public-url)",
            );
        }
        self.warn_of_what_is_missing(report);
        if report.variants.is_empty() {
            return;
        }
        terminal.line("for the ROM:");
        report::print_rom_side(terminal, &self.base_url, &report.variants, &self.families);
    }

    fn answered(&self, access: &dyn Fn() -> Access) {
        if let Some(log) = &self.log {
            // A full log must not delay a response.
            let _ = log.try_send(access());
        }
    }

    fn refreshed(&self) {
        self.terminal.line(match self.failures.clear() {
            true => "the error is corrected; serving the site as it is now",
            false => "the catalog changed; serving it as it is now",
        });
    }

    fn failed(&self, error: &generate::Error) {
        if self.failures.is_new(chain(error)) {
            print_run_error(self.terminal, error);
            self.terminal.warning("serving the site as it was before");
        }
    }

    fn stopping(&self, num_downloads: usize) {
        if num_downloads > 0 {
            self.terminal.line(&format!(
                "waiting for {}; press Ctrl-C again to end at once",
                report::count(num_downloads, "download", "downloads")
            ));
        }
    }

    fn changed(&self) -> Option<Config> {
        let flags = flags(&self.args);
        let Resolved {
            mut config,
            devices_errors,
            ..
        } = match settings::resolve(self.settings.as_deref(), flags) {
            Ok(resolved) => resolved,
            Err(error) => {
                let message = chain(&error);
                if self.failures.is_new(message.clone()) {
                    self.terminal.error(&message, error.hint.as_deref());
                }
                return None;
            }
        };
        config.base_url.get_or_insert_with(|| self.base_url.clone());
        match regenerate(&config, self.terminal) {
            Ok(()) => {
                print_devices_errors(&devices_errors, self.terminal);
                Some(config)
            }
            Err(error) => {
                self.failed(&error);
                None
            }
        }
    }
}

/// Makes, lists or removes keys.
fn change_keys(args: &ServeArgs, config: &Config, terminal: Terminal) -> io::Result<Outcome> {
    let _lock = match generate::lock_state(&config.state) {
        Ok(lock) => lock,
        Err(error) => {
            print_run_error(terminal, &error);
            return Ok(Outcome::from_error(&error));
        }
    };
    let changed = match (&args.new_key, &args.remove_key) {
        (Some(name), _) => new_key(name, &args.device, config, terminal),
        (None, Some(name)) => match keys::remove(&config.state, name) {
            Ok(false) => {
                terminal.error(&format!("there is no key `{}`", name.escape_debug()), None);
                return Ok(Outcome::Failed);
            }
            removed => removed.map(|_| terminal.line(&format!("removed the key {name}"))),
        },
        (None, None) => {
            let known = keys::load(&config.state);
            match known {
                Ok(known) => return list_keys(&known, terminal),
                Err(error) => Err(error),
            }
        }
    };
    if let Err(error) = changed {
        terminal.error(&chain(&error), key_hint(&error));
        return Ok(Outcome::Failed);
    }
    Ok(Outcome::Done)
}

fn key_hint(error: &keys::Error) -> Option<&'static str> {
    match error {
        keys::Error::Json { .. } => {
            Some("remove the file and make new keys; the keys in it are no longer valid then")
        }
        keys::Error::Schema { .. } => Some("update romfeed: a newer version wrote this file"),
        keys::Error::Io { verb: "write", .. } => {
            Some("free some space, or correct the permissions of the folder; no key was changed")
        }
        _ => None,
    }
}

fn new_key(
    name: &str,
    devices: &[Device],
    config: &Config,
    terminal: Terminal,
) -> Result<(), keys::Error> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).expect("every supported system has randomness");
    let show = |key: &str| {
        let mut out = io::stdout();
        writeln!(out, "{key}")?;
        out.flush()
    };
    keys::add(&config.state, name, devices, &random, now(), show)?;
    terminal.line("save it now: only its digest is stored, so it cannot be shown again");
    terminal.line(
        "clients send it as the header  Apikey: <key>  to …/api/v1/auth, add_build, del_build",
    );
    Ok(())
}

fn list_keys(keys: &[keys::Key], terminal: Terminal) -> io::Result<Outcome> {
    for key in keys {
        let name = key.name.escape_debug().to_string();
        let devices: Vec<String> = key.devices.iter().map(|name| escape(name)).collect();
        let line = format!(
            "{name:<24} {} {}",
            format_time(key.created),
            devices.join(",")
        );
        writeln!(io::stdout(), "{}", line.trim_end())?;
    }
    if keys.is_empty() {
        terminal.line("there are no keys; make one with romfeed serve --new-key NAME");
    }
    Ok(Outcome::Done)
}

/// Returns the files and folders that a site is made from, except for the catalogs.
fn sources(settings: Option<&Path>, config: &Config) -> Vec<PathBuf> {
    let folder = settings.and_then(Path::parent).unwrap_or(Path::new(""));
    let mut sources = vec![
        config.builds.clone(),
        settings.map_or_else(|| folder.join(config::FILE_NAME), Path::to_owned),
    ];
    let names = [theme::FOLDER, "devices.json", "devices_local.json"];
    sources.extend(names.map(|name| folder.join(name)));
    sources.extend(config.install_files().map(Path::to_owned));
    sources
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_that_lasts_is_reported_once() {
        let failures = Failures::default();
        let is_new = |text: &str| failures.is_new(text.to_owned());
        assert!(is_new("a"));
        assert!(!is_new("a"));
        assert!(is_new("b"));
        assert!(failures.clear());
        assert!(is_new("b"));
    }
}
