//! `romfeed publish`: brings the site up to date and uploads it, step by step.
//!
//! In: the destinations and the settings. Out: a line for each step, and what was done or why it stopped. The order of
//! the steps and what each of them changes is decided in `upload`; the steps that generate and check are those of the
//! commands `generate` and `check`. If another machine publishes at the same moment, the steps begin again. `text` has the
//! words, `refusals` the reasons not to begin, and `live` finds out which site an address shows.

mod live;
mod refusals;
mod text;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ota_view::finding::Finding;
use romfeed::catalog::{Catalog, Catalogs};
use romfeed::clients::check::rules;
use romfeed::files::behind_links;
use romfeed::generate as run;
use romfeed::model::config::Config;
use romfeed::publish::writer;
use romfeed::upload::files::{self, Local};
use romfeed::upload::{
    BadDestination, Error, Extras, Live, LocalSite, Publication, Repository, Runner,
    SiteDestination, Step, ZipsDestination, releases, require_programs, steps,
};

use super::args::{CheckArgs, PublishArgs};
use super::catalog::unite;
use super::check;
use super::config::Resolved;
use super::escape::{escape, shown};
use super::generate;
#[cfg(feature = "serve")]
use super::interrupt;
use super::outcome::Outcome;
use super::progress::Progress;
use super::report::{Next, Terminal, print_run_error};
use super::settings;

/// How often a publication begins, if other machines publish at the same time.
const MAX_ATTEMPTS: usize = 5;

/// Runs the command.
pub(crate) fn run(
    args: &PublishArgs,
    file: Option<&Path>,
    terminal: Terminal,
) -> io::Result<Outcome> {
    let (site, zips) = match destinations(args) {
        Ok(destinations) => destinations,
        Err((error, kinds)) => {
            let hint = format!("name one of: {kinds}");
            terminal.error(&escape(&error.to_string()), Some(&hint));
            return Ok(Outcome::Usage);
        }
    };
    settings::with_resolved(file, generate::flags(&args.site), terminal, |resolved| {
        let steps = steps(&site, &zips);
        let mut command = Command {
            args,
            file,
            terminal,
            site: &site,
            zips: &zips,
            steps: &steps,
            live: Live::Nothing,
            work: PathBuf::new(),
        };
        match command.publish(resolved) {
            Ok(outcome) | Err(Ended::Before(outcome)) => Ok(outcome),
            Err(Ended::At(step, outcome)) => {
                command.print_stop(step);
                Ok(outcome)
            }
            Err(Ended::Raced(step)) => {
                text::print_error(&Error::Raced, terminal);
                command.print_stop(step);
                Ok(Outcome::Stopped)
            }
            Err(Ended::Io(error)) => Err(error),
        }
    })
}

/// Parses the destinations of the site and of its zips. An error comes with what is accepted.
fn destinations(
    args: &PublishArgs,
) -> Result<(SiteDestination, ZipsDestination), (BadDestination, &'static str)> {
    let site = SiteDestination::parse(&args.to).map_err(|error| (error, SiteDestination::KINDS))?;
    let zips = match &args.zips_to {
        Some(text) => ZipsDestination::parse(text, &|name| std::env::var(name).ok()),
        None if site.hosts_zips() => Ok(ZipsDestination::WithSite),
        None => Ok(ZipsDestination::Nowhere),
    };
    let zips = zips.map_err(|error| (error, ZipsDestination::KINDS))?;
    if zips == ZipsDestination::WithSite && !site.hosts_zips() {
        let error = BadDestination {
            text: args.to.clone(),
            reason: "cannot take the zips",
        };
        return Err((error, ZipsDestination::KINDS));
    }
    Ok((site, zips))
}

/// One call of the command.
struct Command<'a> {
    args: &'a PublishArgs,
    file: Option<&'a Path>,
    terminal: Terminal,
    site: &'a SiteDestination,
    zips: &'a ZipsDestination,
    steps: &'a [Step],
    live: Live,
    /// The folder for temporary files.
    work: PathBuf,
}

/// How a publication ended early. The reasons of the first two were printed.
enum Ended {
    /// It did not begin.
    Before(Outcome),
    /// It stopped at this step.
    At(Step, Outcome),
    /// Another machine has published in the meantime, so that another attempt may succeed.
    Raced(Step),
    /// The terminal or a temporary folder cannot be used.
    Io(io::Error),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Ended {
        Ended::Io(error)
    }
}

/// The site at its address, after it was published.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It has no errors, or is not checked.
    Sound,
    /// It is the new site, and has errors.
    Faulty,
    /// It is another site, or an older one.
    Other,
}

/// The site on this machine, after it was generated.
struct Generated {
    catalog: Catalog,
    /// The folder with the files to publish.
    from: PathBuf,
    /// The catalog was changed or, in a trial run, would be.
    changes_catalog: bool,
    /// What was left out of it, one line for each.
    left_out: Vec<String>,
}

impl Command<'_> {
    /// Carries out all steps, again if another machine publishes at the same time.
    fn publish(&mut self, resolved: Resolved) -> Result<Outcome, Ended> {
        let Some(base) = resolved.config.base_url.clone() else {
            self.terminal.error(
                "there is no address for the site",
                Some("set base_url in romfeed.toml: base_url = \"https://ota.example.org\""),
            );
            return Err(Ended::Before(Outcome::Usage));
        };
        let prepared = generate::prepare(&self.args.site, resolved, self.terminal);
        let (config, devices_errors) = prepared.map_err(Ended::Before)?;
        let config = Config {
            dry_run: self.args.dry_run,
            ..config
        };
        self.require(&config)?;
        for _ in 1..MAX_ATTEMPTS {
            match self.attempt(&config, &devices_errors, &base) {
                Err(Ended::Raced(_)) => self.terminal.line(text::AGAIN),
                ended => return ended,
            }
        }
        self.attempt(&config, &devices_errors, &base)
    }

    /// Looks whether the destinations fit the settings and whether the programs are there, before anything is done.
    fn require(&self, config: &Config) -> Result<(), Ended> {
        let refusal = refusals::refuse(self.site, self.zips, config, &self.project());
        if let Some(refusal) = refusal {
            self.terminal.error(&refusal.message, Some(&refusal.hint));
            return Err(Ended::Before(Outcome::Usage));
        }
        let work = tempfile::Builder::new().prefix("romfeed-").tempdir()?;
        let progress = Arc::new(Progress::new(self.terminal));
        let runner = Runner::new(work.path().to_owned(), None, progress);
        let host = self.site.open(&runner, self.extras(config, false));
        let found = require_programs(self.site, self.zips).and_then(|()| host.require());
        found.map_err(|error| {
            text::print_error(&error, self.terminal);
            let outcome = match error {
                Error::NoRepository(_) => Outcome::Usage,
                _ => Outcome::Stopped,
            };
            Ended::Before(outcome)
        })
    }

    /// Carries out all steps once.
    fn attempt(
        &mut self,
        config: &Config,
        devices_errors: &[String],
        base: &str,
    ) -> Result<Outcome, Ended> {
        let work = tempfile::Builder::new().prefix("romfeed-").tempdir()?;
        work.path().clone_into(&mut self.work);
        self.begin(Step::Generate);
        let generated = self.generate(config, devices_errors, work.path())?;
        // From here on, neither `generate` nor another publication may change the site.
        let lock = self.lock(config)?;
        let shared = lock.as_ref().map(writer::SiteLock::share).transpose()?;
        let local = self.list(config, &generated)?;
        let progress = Arc::new(Progress::new(self.terminal));
        let runner = Runner::new(work.path().to_owned(), shared, progress);
        let mut publication = Publication::new(
            runner.clone(),
            self.zips
                .open(self.site, &runner, releases(&generated.catalog, config)),
            self.site
                .open(&runner, self.extras(config, generated.changes_catalog)),
            self.args.adopt,
            self.args.dry_run,
        );
        self.warn_of_another_place(&mut publication, base)?;
        let state = self.carry_out(publication, &local, base, config)?;
        Ok(self.end(base, state, &generated.left_out))
    }

    /// Warns if the destination has no site, although the address shows one.
    fn warn_of_another_place(
        &self,
        publication: &mut Publication,
        base: &str,
    ) -> Result<(), Ended> {
        let is_first = publication.is_first().map_err(|error| {
            text::print_error(&error, self.terminal);
            Ended::At(self.steps[1], Outcome::Stopped)
        })?;
        if is_first && live::manifest(base, &self.args.live).is_some() {
            let name = text::name(self.site, &self.args.to);
            let base = escape(base);
            self.terminal.warning(&format!(
                "{name} has no site yet, and {base} shows one: {}",
                text::ask_if_served(self.site, &name, &base)
            ));
        }
        Ok(())
    }

    /// Carries out the steps after the first; returns the state of the live site.
    fn carry_out(
        &mut self,
        mut publication: Publication,
        local: &LocalSite<'_>,
        base: &str,
        config: &Config,
    ) -> Result<State, Ended> {
        let mut state = State::Sound;
        for step in &self.steps[1..] {
            self.begin(*step);
            match step {
                Step::CheckZips => self.check_zips(local, base, config)?,
                Step::CheckSite => state = self.check_site(base, config)?,
                _ => {
                    let done = publication.run(*step, local);
                    self.live = publication.live();
                    let done = done.map_err(|error| match error {
                        Error::Raced => Ended::Raced(*step),
                        error => {
                            text::print_error(&error, self.terminal);
                            Ended::At(*step, Outcome::Stopped)
                        }
                    })?;
                    text::print_done(*step, &done, self.args.dry_run, self.terminal);
                }
            }
        }
        Ok(state)
    }

    /// Returns what hosts that take all of a site at once need.
    fn extras(&self, config: &Config, is_changed: bool) -> Extras {
        let catalog = behind_links(&config.catalogs[0]);
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let catalog = real(&catalog);
        let of_catalog = catalog.parent().unwrap_or(Path::new("/")).to_owned();
        let changelogs = config.changelogs.is_dir().then(|| real(&config.changelogs));
        let (config, terminal) = (config.clone(), self.terminal);
        Extras {
            folder: self.project(),
            repository: Repository {
                folder: of_catalog,
                paths: std::iter::once(catalog).chain(changelogs).collect(),
                is_changed,
                unite: Box::new(move || unite(&config, terminal)),
            },
        }
    }

    /// Returns the folder of the settings.
    fn project(&self) -> PathBuf {
        let folder = self.file.and_then(Path::parent);
        let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
        folder.unwrap_or(Path::new(".")).to_owned()
    }

    /// Prints that a step begins.
    fn begin(&self, step: Step) {
        #[cfg(feature = "serve")]
        {
            let live = match self.args.dry_run {
                true => text::live(Live::Nothing),
                false => text::live_during(step, self.live),
            };
            let place = self.place(step, live);
            let hint = Some("publish again: it goes on from there");
            let work = self.work.clone();
            interrupt::on_stop(self.terminal, move || {
                // It may have packages of some GB.
                let _ = std::fs::remove_dir_all(&work);
                (place.clone(), hint)
            });
        }
        let line = format!("{}: {}", self.number(step), text::title(step, self.site));
        self.terminal.line(&self.terminal.paint("1", &line));
    }

    /// Describes the place of a step, for example `step 2 of 8`.
    fn number(&self, step: Step) -> String {
        let index = self.steps.iter().position(|other| *other == step);
        format!(
            "step {} of {}",
            index.map_or(1, |index| index + 1),
            self.steps.len()
        )
    }

    /// Brings the site up to date or, in a trial run, makes it in a temporary folder.
    fn generate(
        &self,
        config: &Config,
        devices_errors: &[String],
        work: &Path,
    ) -> Result<Generated, Ended> {
        let stop = |outcome| Ended::At(Step::Generate, outcome);
        let offline = self.args.site.offline;
        let report = generate::update(
            config,
            offline,
            None,
            self.file,
            &Next::Silent,
            self.terminal,
        );
        let report = report.map_err(stop)?;
        generate::print_devices_errors(devices_errors, self.terminal);
        if report.is_refused(config) {
            return Err(stop(generate::refuse(self.terminal)));
        }
        let left_out = generate::left_out(&report, devices_errors);
        let changes_catalog = report.catalog_changed;
        let (catalog, from) = match report.preview {
            Some(preview) => {
                let folder = work.join("preview");
                self.or_stop(preview.write(&folder).map_err(run::Error::from))?;
                (preview.catalog, folder)
            }
            None => {
                let catalogs = Catalogs::load(config).map_err(run::Error::from);
                let merged = catalogs.and_then(|all| Ok(all.merged()?.into_owned()));
                (self.or_stop(merged)?, config.out.clone())
            }
        };
        Ok(Generated {
            catalog,
            from,
            changes_catalog,
            left_out,
        })
    }

    /// Returns the value of a part of the first step, or reports the error.
    fn or_stop<T>(&self, result: Result<T, run::Error>) -> Result<T, Ended> {
        result.map_err(|error| {
            print_run_error(self.terminal, &error);
            Ended::At(Step::Generate, Outcome::Stopped)
        })
    }

    /// Locks the site, unless this is a trial run.
    fn lock(&self, config: &Config) -> Result<Option<writer::SiteLock>, Ended> {
        match self.args.dry_run {
            true => Ok(None),
            false => {
                let lock = writer::open(&config.out, false).map_err(run::Error::from);
                self.or_stop(lock).map(Some)
            }
        }
    }

    /// Lists all that is to be published.
    fn list<'c>(
        &self,
        config: &'c Config,
        generated: &'c Generated,
    ) -> Result<LocalSite<'c>, Ended> {
        let written = writer::own_files(&generated.from).map_err(run::Error::from);
        let written = self.or_stop(written)?;
        if written.is_empty() {
            self.terminal.error(
                &format!("there is no site in {}", shown(&config.out)),
                Some("put a zip into the folder of builds"),
            );
            return Err(Ended::At(Step::Generate, Outcome::Usage));
        }
        let mut zips: Vec<Local> = Vec::new();
        if *self.zips != ZipsDestination::Nowhere {
            for step in [files::Step::Zips, files::Step::Images] {
                let (listed, warnings) = files::packages(step, &generated.catalog, config);
                warnings
                    .iter()
                    .for_each(|warning| self.terminal.warning(warning));
                zips.extend(listed);
            }
        }
        zips.sort_unstable();
        zips.dedup_by(|one, other| one.path == other.path);
        Ok(LocalSite {
            builds: &config.builds,
            zips,
            out: &config.out,
            from: &generated.from,
            written,
        })
    }

    /// Asks for the zips at their addresses.
    fn check_zips(&self, local: &LocalSite<'_>, base: &str, config: &Config) -> Result<(), Ended> {
        if self.args.dry_run {
            self.terminal.line(text::LATER);
            return Ok(());
        }
        let args = CheckArgs::for_site(None, &self.args.live);
        let uploaded = local.zips.iter().filter_map(|zip| zip.url.as_deref());
        let uploaded: BTreeSet<&str> = uploaded.collect();
        let advise = |finding: &Finding| {
            let is_missing = *finding.rule == rules::ZIP_STATUS;
            (is_missing && uploaded.contains(&*finding.place)).then_some(text::UNSEEN)
        };
        let checked = check::check_site(&args, config, &advise, self.terminal)?;
        if let Some(url) = checked.advised.first() {
            self.print_unseen(url, base);
        }
        match checked.outcome {
            Outcome::Done => Ok(()),
            _ => Err(Ended::At(Step::CheckZips, Outcome::Stopped)),
        }
    }

    /// Reports that an uploaded zip is not at its address.
    fn print_unseen(&self, url: &str, base: &str) {
        let zips = self.args.zips_to.as_deref().filter(|text| *text != "site");
        let to = escape(zips.unwrap_or(&self.args.to));
        let (host, setting) = match url.starts_with(&format!("{base}/")) {
            true => (base, "base_url"),
            false => (url, "url"),
        };
        self.terminal.error(
            &format!("uploaded to {to}, but {} does not show it", escape(host)),
            Some(&format!(
                "is {to} what {setting} serves? may everyone read the bucket or folder?"
            )),
        );
    }

    /// Checks the live site.
    fn check_site(&self, base: &str, config: &Config) -> io::Result<State> {
        if self.args.dry_run {
            self.terminal.line(text::LATER);
            return Ok(State::Sound);
        }
        let args = CheckArgs::for_site(Some(base), &self.args.live);
        let checked = check::check_site(&args, config, &|_| None, self.terminal)?;
        let own = std::fs::read(config.out.join(live::MANIFEST))?;
        let is_other = match live::manifest(base, &self.args.live) {
            Some(manifest) => manifest != own,
            None => checked.is_incomplete,
        };
        Ok(match () {
            () if is_other || checked.is_stale => State::Other,
            () if checked.outcome == Outcome::Done => State::Sound,
            () => State::Faulty,
        })
    }

    /// Prints where a publication stopped, and what is live.
    fn print_stop(&self, step: Step) {
        let place = self.place(step, text::live(self.live));
        self.terminal.error(&place, text::stop_hint(step));
    }

    /// Describes at which step a publication stopped, and what is `live`.
    fn place(&self, step: Step, live: &str) -> String {
        format!(
            "publish stopped at {} ({}): {live}",
            self.number(step),
            text::title(step, self.site)
        )
    }

    /// Prints the address of the published site, and names again what was left out.
    fn end(&self, base: &str, state: State, left_out: &[String]) -> Outcome {
        let base = escape(base);
        let name = text::name(self.site, &self.args.to);
        self.terminal.line(&match (self.args.dry_run, self.site) {
            (true, _) => {
                let zips = self.args.zips_to.as_deref();
                let zips = zips.filter(|text| !["site", "none"].contains(text));
                let zips = zips.map(|text| format!(" or {}", escape(text)));
                let zips = zips.unwrap_or_default();
                format!("this was a trial run; nothing was changed at {name}{zips}")
            }
            (false, _) if state == State::Other => format!("uploaded to {name}"),
            (false, SiteDestination::Git) => format!(
                "pushed: the workflow of the repository publishes {base} in some minutes; then check it with: romfeed \
                 check --url {base}"
            ),
            (false, _) => format!("published: {base}"),
        });
        match state {
            State::Sound => {}
            State::Faulty => self.terminal.error(
                "the new site is live, and has the errors above",
                Some("correct them; `romfeed check --url` checks it again"),
            ),
            State::Other => self.terminal.error(
                &format!("the site at {base} is not what was published to {name}"),
                Some(&format!(
                    "{} (caches may need some minutes)",
                    text::ask_if_served(self.site, &name, &base)
                )),
            ),
        }
        if !left_out.is_empty() {
            let rest = match self.args.dry_run {
                true => "this would be left out:",
                false => "the rest is published, but this was left out:",
            };
            self.terminal.error(rest, None);
        }
        for line in left_out {
            self.terminal.always(&format!("- {line}"));
        }
        Outcome::from_success(state == State::Sound && left_out.is_empty())
    }
}
