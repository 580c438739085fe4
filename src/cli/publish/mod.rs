//! `romfeed publish`: brings the site up to date and uploads it, step by step.
//!
//! In: the destinations and the settings. Out: a line for each step, and what was done or why it stopped. The order of
//! the steps and what each of them changes is decided in `upload`; the steps that generate and check are those of the
//! commands `generate` and `check`. If another machine publishes at the same moment, the steps begin again. `text` has the
//! words.

mod text;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use romfeed::catalog::{Catalog, Catalogs};
use romfeed::files::behind_links;
use romfeed::generate::{self as run, Preview};
use romfeed::model::config::Config;
use romfeed::publish::writer;
use romfeed::upload::files::{self, Local};
use romfeed::upload::{
    BadDestination, Error, Extras, Live, LocalSite, Publication, Repository, Runner,
    SiteDestination, Step, ZipsDestination, releases, steps,
};

use super::args::{CheckArgs, PublishArgs};
use super::catalog::unite;
use super::check;
use super::config::Resolved;
use super::escape::{escape, shown};
use super::generate;
use super::outcome::Outcome;
use super::progress::Progress;
use super::report::{Next, Terminal, print_run_error};
use super::settings;

/// How often a publication begins, if other machines publish at the same time.
const MAX_ATTEMPTS: usize = 5;
/// The folder with the files that set up a host.
const SETUP_DIR: &str = "host";

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
        };
        let ended = command.publish(resolved)?;
        Ok(ended.unwrap_or_else(|stop| command.print_stop(stop)))
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
}

/// Where a publication stopped. The reason was printed.
struct Stop {
    step: Step,
    outcome: Outcome,
    /// Another machine has published in the meantime, so that another attempt may succeed.
    is_raced: bool,
}

impl Stop {
    fn new(step: Step) -> Stop {
        Stop::with(step, Outcome::Stopped)
    }

    fn with(step: Step, outcome: Outcome) -> Stop {
        Stop {
            step,
            outcome,
            is_raced: false,
        }
    }
}

/// The site on this machine, after it was generated.
struct Generated {
    catalog: Catalog,
    /// The folder with the files to publish.
    from: PathBuf,
    /// What was left out of it, one line for each.
    left_out: Vec<String>,
}

impl Command<'_> {
    /// Carries out all steps.
    fn publish(&mut self, resolved: Resolved) -> io::Result<Result<Outcome, Stop>> {
        let Some(base) = resolved.config.base_url.clone() else {
            self.terminal.error(
                "there is no address for the site",
                Some("set base_url in romfeed.toml: base_url = \"https://ota.example.org\""),
            );
            return Ok(Ok(Outcome::Usage));
        };
        let (config, devices_errors) =
            match generate::prepare(&self.args.site, resolved, self.terminal) {
                Ok(prepared) => prepared,
                Err(outcome) => return Ok(Ok(outcome)),
            };
        let config = Config {
            dry_run: self.args.dry_run,
            ..config
        };
        for _ in 1..MAX_ATTEMPTS {
            match self.attempt(&config, &devices_errors, &base)? {
                Err(stop) if stop.is_raced => self.terminal.line(text::AGAIN),
                ended => return Ok(ended),
            }
        }
        let ended = self.attempt(&config, &devices_errors, &base)?;
        if ended.as_ref().is_err_and(|stop| stop.is_raced) {
            text::print_error(&Error::Raced, self.terminal);
        }
        Ok(ended)
    }

    /// Carries out all steps once.
    fn attempt(
        &mut self,
        config: &Config,
        devices_errors: &[String],
        base: &str,
    ) -> io::Result<Result<Outcome, Stop>> {
        let work = tempfile::Builder::new().prefix("romfeed-").tempdir()?;
        self.begin(Step::Generate);
        let generated = match self.generate(config, devices_errors, work.path()) {
            Ok(generated) => generated,
            Err(stop) => return Ok(Err(stop)),
        };
        // From here on, neither `generate` nor another publication may change the site.
        let lock = match self.lock(config) {
            Ok(lock) => lock,
            Err(stop) => return Ok(Err(stop)),
        };
        let local = match self.list(config, &generated) {
            Ok(local) => local,
            Err(stop) => return Ok(Err(stop)),
        };
        let shared = lock.as_ref().map(writer::Lock::share).transpose()?;
        let progress = Arc::new(Progress::new(self.terminal));
        let runner = Runner::new(work.path().to_owned(), shared, progress);
        let mut publication = Publication::new(
            runner.clone(),
            self.zips
                .open(self.site, &runner, releases(&generated.catalog, config)),
            self.site.open(&runner, self.extras(config)),
            self.args.adopt,
            self.args.dry_run,
        );
        for step in &self.steps[1..] {
            self.begin(*step);
            let done = match step {
                Step::CheckZips => self.check(*step, None, config)?,
                Step::CheckSite => self.check(*step, Some(base), config)?,
                _ => {
                    let done = publication.run(*step, &local);
                    self.live = publication.live();
                    done.map(|done| {
                        text::print_done(*step, &done, self.args.dry_run, self.terminal)
                    })
                    .map_err(|error| {
                        let is_raced = matches!(error, Error::Raced);
                        if !is_raced {
                            text::print_error(&error, self.terminal);
                        }
                        Stop {
                            is_raced,
                            ..Stop::new(*step)
                        }
                    })
                }
            };
            if let Err(stop) = done {
                return Ok(Err(stop));
            }
        }
        Ok(Ok(self.end(base, &generated.left_out)))
    }

    /// Returns what hosts that take all of a site at once need.
    fn extras(&self, config: &Config) -> Extras {
        let folder = self.file.and_then(Path::parent).unwrap_or(Path::new(""));
        let catalog = behind_links(&config.catalogs[0]);
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let catalog = real(&catalog);
        let of_catalog = catalog.parent().unwrap_or(Path::new("/")).to_owned();
        let changelogs = config.changelogs.is_dir().then(|| real(&config.changelogs));
        let (config, terminal) = (config.clone(), self.terminal);
        Extras {
            setup: folder.join(SETUP_DIR),
            repository: Repository {
                folder: of_catalog,
                paths: std::iter::once(catalog).chain(changelogs).collect(),
                unite: Box::new(move || unite(&config, terminal)),
            },
        }
    }

    fn begin(&self, step: Step) {
        let index = self.steps.iter().position(|other| *other == step);
        self.terminal.line(&self.terminal.paint(
            "1",
            &format!(
                "step {} of {}: {}",
                index.unwrap_or_default() + 1,
                self.steps.len(),
                text::title(step, self.site)
            ),
        ));
    }

    /// Brings the site up to date or, in a trial run, makes it in a temporary folder.
    fn generate(
        &self,
        config: &Config,
        devices_errors: &[String],
        work: &Path,
    ) -> Result<Generated, Stop> {
        let stop = |outcome| Stop::with(Step::Generate, outcome);
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
        let (catalog, from) = match report.preview {
            Some(preview) => {
                let from = self.write_preview(&preview, work).map_err(stop)?;
                (preview.catalog, from)
            }
            None => {
                let catalog = Catalogs::load(&config.catalogs).map_err(run::Error::from);
                let merged = catalog.and_then(|all| Ok(all.merged()?.into_owned()));
                let merged = merged.map_err(|error| {
                    print_run_error(self.terminal, &error);
                    stop(Outcome::from_error(&error))
                })?;
                (merged, config.out.clone())
            }
        };
        Ok(Generated {
            catalog,
            from,
            left_out,
        })
    }

    /// Writes the site of a trial run to a temporary folder.
    fn write_preview(&self, preview: &Preview, work: &Path) -> Result<PathBuf, Outcome> {
        let folder = work.join("preview");
        preview.write(&folder).map_err(|error| {
            print_run_error(self.terminal, &run::Error::from(error));
            Outcome::Stopped
        })?;
        Ok(folder)
    }

    /// Locks the site, unless this is a trial run.
    fn lock(&self, config: &Config) -> Result<Option<writer::Lock>, Stop> {
        if self.args.dry_run {
            return Ok(None);
        }
        writer::open(&config.out, false).map(Some).map_err(|error| {
            print_run_error(self.terminal, &run::Error::from(error));
            Stop::new(Step::Generate)
        })
    }

    /// Lists all that is to be published.
    fn list<'c>(
        &self,
        config: &'c Config,
        generated: &'c Generated,
    ) -> Result<LocalSite<'c>, Stop> {
        let written = writer::own_files(&generated.from).map_err(|error| {
            print_run_error(self.terminal, &run::Error::from(error));
            Stop::new(Step::Generate)
        })?;
        if written.is_empty() {
            self.terminal.error(
                &format!("there is no site in {}", shown(&config.out)),
                Some("put a zip into the folder of builds"),
            );
            return Err(Stop::with(Step::Generate, Outcome::Usage));
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

    /// Checks the zips at their addresses, or the site at its address.
    fn check(
        &self,
        step: Step,
        url: Option<&str>,
        config: &Config,
    ) -> io::Result<Result<(), Stop>> {
        if self.args.dry_run {
            self.terminal.line(text::LATER);
            return Ok(Ok(()));
        }
        let args = CheckArgs::for_site(url, &self.args.live);
        Ok(match check::check_site(&args, config, self.terminal)? {
            Outcome::Done => Ok(()),
            // What was published is complete.
            Outcome::Failed if step == Step::CheckSite => Err(Stop::with(step, Outcome::Failed)),
            _ => Err(Stop::new(step)),
        })
    }

    /// Prints where a publication stopped, and what is live.
    fn print_stop(&self, stop: Stop) -> Outcome {
        let index = self.steps.iter().position(|step| *step == stop.step);
        let place = format!(
            "publish stopped at step {} of {} ({}): {}",
            index.unwrap_or_default() + 1,
            self.steps.len(),
            text::title(stop.step, self.site),
            text::live(stop.step, self.live)
        );
        self.terminal.error(&place, text::stop_hint(stop.step));
        stop.outcome
    }

    /// Prints the address of the published site, and names again what was left out.
    fn end(&self, base: &str, left_out: &[String]) -> Outcome {
        let base = escape(base);
        self.terminal.line(&match (self.args.dry_run, self.site) {
            (true, _) => format!("this was a trial run; nothing was changed at {base}"),
            (false, SiteDestination::Git) => format!(
                "pushed: the workflow of the repository publishes {base} in some minutes; then check it with: romfeed \
                 check --url {base}"
            ),
            (false, _) => format!("published: {base}"),
        });
        if left_out.is_empty() {
            return Outcome::Done;
        }
        self.terminal
            .error("the rest is published, but this was left out:", None);
        for line in left_out {
            self.terminal.always(&format!("- {line}"));
        }
        Outcome::Failed
    }
}
