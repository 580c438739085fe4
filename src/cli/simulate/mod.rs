//! `romfeed simulate`: simulates a phone's check for updates, and explains the result.
//!
//! In: the properties of a phone, or flags that describe it (`phone`), and a site (`site`). Out: for each
//! updater (`updater`), the builds that the phone sees, why it does not see others, and advice, as `text`
//! or `json`.

mod json;
mod phone;
mod site;
mod text;
mod updater;

use std::io;
use std::path::{Path, PathBuf};

use romfeed::clients::check::MAX_FEED;
use romfeed::clients::simulate::{
    Advice, Check, Grounds, Simulation, Site, Subject, advise, complete, list_paths, simulate,
};
use romfeed::clients::updaters::Generation;
use romfeed::model::config::Config;

use super::args::{Places, SimulateArgs};
use super::config::Flags;
use super::escape::shown;
use super::outcome::Outcome;
use super::report::Terminal;
use super::settings;
use super::time::now;
use site::CatalogFacts;

/// Why nothing was simulated.
struct Failure {
    text: String,
    hint: Option<String>,
}

impl Failure {
    fn new(text: impl Into<String>) -> Failure {
        Failure {
            text: text.into(),
            hint: None,
        }
    }

    fn hint(self, hint: impl Into<String>) -> Failure {
        Failure {
            hint: Some(hint.into()),
            ..self
        }
    }

    fn for_file(file: &Path, error: &dyn std::fmt::Display) -> Failure {
        Failure::new(format!("{}: {error}", shown(file)))
    }
}

/// The results of a call.
struct Results {
    subject: Subject,
    /// The variant of the phone's ROM.
    variant: Option<String>,
    /// The flags whose values were taken from the site, since they were not given.
    inferred: Vec<&'static str>,
    /// How the generations were chosen, if the caller did not choose.
    grounds: Option<Grounds>,
    base: String,
    is_live: bool,
    has_base: bool,
    folder: PathBuf,
    simulations: Vec<Simulation>,
    /// The advice, each with the generations that it is for.
    advice: Vec<(Advice, Vec<Generation>)>,
}

/// Returns the flags that take precedence over settings.
fn places(args: &SimulateArgs) -> Places {
    Places {
        builds: args.builds.clone(),
        out: args.out.clone(),
        base_url: args.base_url.clone(),
        ..Places::default()
    }
}

/// Runs the command. Fails if an updater got no list.
pub(crate) fn run(
    args: &SimulateArgs,
    file: Option<&Path>,
    terminal: Terminal,
) -> io::Result<Outcome> {
    settings::with_config(file, Flags::new(&places(args)), terminal, |config| {
        print_checks(args, &config, terminal)
    })
}

fn print_checks(args: &SimulateArgs, config: &Config, terminal: Terminal) -> io::Result<Outcome> {
    let results = match simulate_all(args, config, terminal) {
        Ok(results) => results,
        Err(Failure { text, hint }) => {
            terminal.error(&text, hint.as_deref());
            return Ok(Outcome::Usage);
        }
    };
    match args.json {
        true => json::print(&results)?,
        false => text::print(&results, terminal)?,
    }
    let mut checks = results.simulations.iter().map(|one| &one.check);
    Ok(Outcome::from_success(checks.all(Check::succeeds)))
}

fn simulate_all(
    args: &SimulateArgs,
    config: &Config,
    terminal: Terminal,
) -> Result<Results, Failure> {
    phone::refuse_two_readers_of_stdin(args)?;
    let mut subject = phone::subject(args, config, terminal)?;
    let requested = updater::parse(&args.client)?;
    let previous = args.previous.as_deref();
    let should = "it should be the response to the phone's last check, as curl saves it";
    let previous = previous.map(|file| phone::read_file(file, MAX_FEED, should));
    let previous = previous.transpose()?;
    let (base, fetch) = site::host(args, config)?;
    let is_live = args.url.is_some();
    let paths = (!is_live).then(|| list_paths(&config.out));
    let catalog = CatalogFacts::load(config, terminal);
    let variant = catalog.variant(args, &subject, config)?;
    let site = Site {
        base: &base,
        variant: variant.as_deref(),
        fetch: &*fetch,
        is_live,
        paths: paths.as_ref(),
        now: now(),
        config,
        incrementals: &catalog.incrementals,
        deltas: &catalog.deltas,
        families: &catalog.families,
    };
    let inferred = complete(&mut subject, &site, !requested.is_empty());
    let inferred = inferred.map_err(|unclear| Failure::new(unclear.to_string()))?;
    let (generations, grounds) = match requested.is_empty() {
        true => updater::find(&subject, &site).map(|(found, grounds)| (found, Some(grounds)))?,
        false => (requested, None),
    };
    let simulations: Vec<Simulation> = generations
        .iter()
        .map(|generation| simulate(*generation, &subject, &site, previous.as_deref()))
        .collect();
    Ok(Results {
        grounds,
        is_live,
        has_base: is_live || config.base_url.is_some(),
        folder: config.out.clone(),
        advice: advise_all(&simulations, &subject, &site),
        subject,
        inferred,
        simulations,
        variant,
        base,
    })
}

/// Returns the advice on all simulations, each piece once with the generations that it is for.
fn advise_all(
    simulations: &[Simulation],
    subject: &Subject,
    site: &Site<'_>,
) -> Vec<(Advice, Vec<Generation>)> {
    let mut advice: Vec<(Advice, Vec<Generation>)> = Vec::new();
    for simulation in simulations {
        for one in advise(simulation, subject, site) {
            match advice.iter_mut().find(|(known, _)| *known == one) {
                Some((_, generations)) => generations.push(simulation.generation),
                None => advice.push((one, vec![simulation.generation])),
            }
        }
    }
    advice
}
