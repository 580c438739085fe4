//! `romfeed serve`: the site as a server, and the keys of those who may change it.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use romfeed::fetch::Reach;
use romfeed::generate::{self, DeviceFamily, Report};
use romfeed::model::address;
use romfeed::model::config::Config;
use romfeed::serve::{self, Access, End, Hooks, Limits, Settings, Tls, Watched, keys};

use super::args::ServeArgs;
use super::config::Flags;
use super::escape::shown;
use super::inspect::format_time;
use super::progress::Progress;
use super::report::{self, Terminal, chain, print_run_error};
use super::{Outcome, config, http, theme};

/// Lines of the log that may wait for a slow terminal; further ones are lost.
const MAX_WAITING: usize = 4096;
/// Most sockets and files that are asked for: several for each connection, and fewer than the
/// 10,240 above which macOS refuses, as it does "all there may be".
#[cfg(unix)]
const MAX_FILES: u64 = 8192;

/// Runs the verb.
pub(crate) fn run(
    args: &ServeArgs,
    settings: Option<&std::path::Path>,
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

/// Reads `--listen`: an address and a port, or a port of this machine alone.
///
/// # Errors
/// One line with examples.
pub(crate) fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    let port = match text.rsplit_once(':') {
        None => Some(text),
        Some(("" | "localhost", port)) => Some(port),
        Some(_) => None,
    };
    let port = port.and_then(|port| port.parse::<u16>().ok());
    let local = port.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    local.or_else(|| text.parse().ok()).ok_or_else(|| {
        "write it as 127.0.0.1:8080 or 8080 (this machine alone), 0.0.0.0:8080 or [::]:8080 (all networks)"
            .to_owned()
    })
}

/// Why there is no server.
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
            Refused::Serve(serve::Error::Generate(error)) => Outcome::of_error(error),
            Refused::Serve(_) => Outcome::Failed,
        }
    }
}

fn start(
    args: &ServeArgs,
    settings: Option<&std::path::Path>,
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
    raise_limit();
    // What `generate` writes may be uploaded, so the site's own address stays in it.
    let config_of_site = Config {
        base_url: config.base_url.clone().or(Some(base_url.clone())),
        ..config.clone()
    };
    let log = (!terminal.quiet).then(|| start_log(terminal));
    let reporter = Reporter {
        terminal,
        log,
        listening,
        base_url: base_url.clone(),
        args: args.clone(),
        settings: settings.map(PathBuf::from),
        failures: Failures::default(),
        looked_into: looked_into(args, &config),
        families: report::families(&config),
    };
    let mut watched = match args.watch {
        true => Watched::new(sources(settings, &config), config.follow_links),
        false => Watched::default(),
    };
    if args.watch {
        if config.base_url.is_none() && args.public_url.is_none() {
            terminal.warning(&format!(
                "the files in {} get this server's own address; set base_url before you upload them",
                config.out.display()
            ));
        }
        if let Err(error) = regenerate(&config_of_site, terminal) {
            reporter.failures.is_new(chain(&error));
            print_run_error(terminal, &error);
            watched.forget();
        }
    }
    let settings = Settings {
        watched,
        config: Config {
            base_url: Some(base_url),
            ..config
        },
        tls: args.tls_cert.clone().zip(args.tls_key.clone()).map(tls),
        // Clients with a key name the addresses.
        fetch: http::settings(None, http::SERVER_TIMEOUT, Reach::Public).ok(),
        limits: Limits::default(),
        clock: super::now,
    };
    serve::run(listener, settings, Arc::new(reporter), serve::stop_signal).map_err(Refused::Serve)
}

/// The catalogs, or with `--watch` the folder of packages that they are made from.
fn looked_into(args: &ServeArgs, config: &Config) -> String {
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

/// The address that goes into feeds.
fn base_url(args: &ServeArgs, config: &Config, listening: SocketAddr) -> Result<String, Refused> {
    if let Some(url) = &args.public_url {
        return address::parse_server(url).map_err(|error| {
            let hint = "give the address that phones reach this server by, as https://host/path";
            Refused::Usage(format!("--public-url: {error}"), hint)
        });
    }
    if let Some(url) = &config.base_url {
        return Ok(url.clone());
    }
    if listening.ip().is_unspecified() {
        let message = format!("{listening} is all addresses of this machine");
        let hint = "say which one phones reach it by: --public-url https://host";
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

/// Runs `generate`, and prints what it did.
fn regenerate(config: &Config, terminal: Terminal) -> Result<(), generate::Error> {
    let report = generate::generate(config, &Progress::new(terminal), super::now_ns())?;
    // The server says itself what goes into the ROM.
    report::print_report(terminal, config, &report, &report::Next::Unsaid);
    Ok(())
}

/// A server has a socket for each client, and systems give a program few at first.
fn raise_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        let most = limit.maximum.unwrap_or(MAX_FILES).min(MAX_FILES);
        if limit.current.is_some_and(|current| current < most) {
            limit.current = Some(most);
            // The server waits where there are none left.
            let _ = setrlimit(Resource::Nofile, limit);
        }
    }
}

/// Prints lines on a thread of its own, so that no answer waits for a terminal.
fn start_log(terminal: Terminal) -> SyncSender<Access> {
    let (sender, lines) = sync_channel::<Access>(MAX_WAITING);
    std::thread::spawn(move || {
        lines
            .iter()
            .for_each(|access| terminal.line(&line(&access)))
    });
    sender
}

/// The common log format; what clients sent is escaped.
fn line(access: &Access) -> String {
    let time = chrono::DateTime::from_timestamp(access.time, 0).unwrap_or_default();
    format!(
        "{} - - [{}] \"{} {}\" {} {}",
        access.peer.ip(),
        time.format("%d/%b/%Y:%H:%M:%S +0000"),
        access.method.escape_debug(),
        access.target.escape_debug(),
        access.status,
        access.len
    )
}

/// Tells people what the server does.
struct Reporter {
    terminal: Terminal,
    log: Option<SyncSender<Access>>,
    listening: SocketAddr,
    base_url: String,
    args: ServeArgs,
    settings: Option<PathBuf>,
    failures: Failures,
    /// Where builds were looked for, escaped.
    looked_into: String,
    /// The ROM families of what is published at the start.
    families: BTreeSet<DeviceFamily>,
}

/// The failure that was reported last and still lasts, so that each is reported once.
#[derive(Default)]
struct Failures(Mutex<Option<String>>);

impl Failures {
    /// Remembers a failure and returns whether it differs from the last.
    fn is_new(&self, failure: String) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.replace(failure.clone()) != Some(failure)
    }

    /// Forgets the last failure: a success came after it.
    fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Reporter {
    /// Warns of folders that were named and are not there, and of a site without builds.
    fn warn_of_what_is_missing(&self, report: &Report) {
        let terminal = self.terminal;
        let places = &self.args.places;
        let named = [("--builds", &places.builds), ("--out", &places.out)];
        for (flag, folder) in named {
            if let Some(folder) = folder.as_ref().filter(|folder| !folder.is_dir()) {
                terminal.warning(&format!(
                    "{flag}: there is no folder {}, so no file of it is served",
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
            "no build is offered: looked into {}; {todo}",
            self.looked_into
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
                None => " (base_url; --public-url names another address)",
            };
            terminal.line(&format!("feeds say that it is at {}{why}", self.base_url));
        }
        for fault in &report.faults {
            report::print_fault(terminal, fault);
        }
        if self.listening.ip().is_loopback() && self.args.public_url.is_none() {
            terminal.warning(
                "only this machine reaches it; for phones, listen elsewhere (--listen) or put a \
                 tunnel or proxy before it (--public-url)",
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
        terminal.line("build this line into the ROM:");
        report::print_rom_side(terminal, &self.base_url, &report.variants, &self.families);
    }

    fn answered(&self, access: &dyn Fn() -> Access) {
        if let Some(log) = &self.log {
            // A full log must not hold up an answer.
            let _ = log.try_send(access());
        }
    }

    fn refreshed(&self) {
        self.failures.clear();
        self.terminal
            .line("the catalog changed; serving it as it is now");
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
                "waiting for {}; Ctrl-C again ends it",
                report::count(num_downloads, "download", "downloads")
            ));
        }
    }

    fn changed(&self) -> Option<Config> {
        let flags = Flags {
            url: self.args.url.as_deref(),
            ..Flags::new(&self.args.places)
        };
        let mut config = match config::resolve(self.settings.as_deref(), flags) {
            Ok(resolved) => resolved.config,
            Err(error) => {
                let message = chain(&error);
                if self.failures.is_new(message.clone()) {
                    self.terminal.error(&message, None);
                }
                return None;
            }
        };
        config.base_url.get_or_insert_with(|| self.base_url.clone());
        match regenerate(&config, self.terminal) {
            Ok(()) => Some(config),
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
            return Ok(Outcome::of_error(&error));
        }
    };
    let changed = match (&args.new_key, &args.remove_key) {
        (Some(name), _) => new_key(name, config, terminal),
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
            Some("remove the file and make new keys; those in it count no more then")
        }
        keys::Error::Schema { .. } => Some("use a newer romfeed: one wrote this file"),
        keys::Error::Io { verb: "write", .. } => Some(
            "free some space, or mend the permissions of the folder; a key that was printed does not count",
        ),
        _ => None,
    }
}

fn new_key(name: &str, config: &Config, terminal: Terminal) -> Result<(), keys::Error> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).expect("every system romfeed runs on has randomness");
    let show = |key: &str| {
        let mut out = io::stdout();
        writeln!(out, "{key}")?;
        out.flush()
    };
    keys::add(&config.state, name, &random, super::now(), show)?;
    terminal.line("keep it: only its digest is stored, so it cannot be shown again");
    terminal.line(
        "clients send it as the header  Apikey: <key>  to …/api/v1/auth, add_build, del_build",
    );
    Ok(())
}

fn list_keys(keys: &[keys::Key], terminal: Terminal) -> io::Result<Outcome> {
    for key in keys {
        let name = key.name.escape_debug().to_string();
        writeln!(io::stdout(), "{name:<24} {}", format_time(key.created))?;
    }
    if keys.is_empty() {
        terminal.line("there are no keys; make one with romfeed serve --new-key NAME");
    }
    Ok(Outcome::Done)
}

/// What a site is made from, beside the catalogs.
fn sources(settings: Option<&Path>, config: &Config) -> Vec<PathBuf> {
    let folder = settings.and_then(Path::parent).unwrap_or(Path::new(""));
    let mut sources = vec![
        config.builds.clone(),
        settings.map_or_else(|| folder.join(config::FILE_NAME), Path::to_owned),
    ];
    let beside = [theme::FOLDER, "devices.json", "devices_local.json"];
    sources.extend(beside.map(|name| folder.join(name)));
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
        failures.clear();
        assert!(is_new("b"));
    }

    #[test]
    fn a_port_alone_is_that_of_this_machine() {
        for text in ["8080", ":8080", "localhost:8080", "127.0.0.1:8080"] {
            let expected = SocketAddr::from(([127, 0, 0, 1], 8080));
            assert_eq!(parse_listen(text), Ok(expected), "{text}");
        }
        assert!(parse_listen("[::]:80").unwrap().ip().is_unspecified());
        for text in ["", ":", "host:80", "localhost:", "[::]", "65536"] {
            assert!(parse_listen(text).is_err(), "{text}");
        }
    }
}
