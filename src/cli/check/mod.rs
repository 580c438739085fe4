//! `romfeed check`: checks a site as phones see it.
//!
//! In: the folder of a site, or its address. Out: findings, a summary, and the lines for the ROM.
//! `site` finds out what to check. With packages in place of a site, `check_zip` does the work; with
//! `--rules` or `--explain`, `findings` prints the rules.

mod feeds;
mod site;

use std::io;
use std::path::Path;

use ota_view::finding::{self, Finding, Rule};
use romfeed::clients::check::{self, Report, rules};
use romfeed::model::config::Config;
use romfeed::model::rom_settings::PLACEHOLDER_BASE;

use super::args::CheckArgs;
use super::config::Flags;
use super::outcome::Outcome;
use super::report::{Terminal, count, families, print_rom_side};
use super::settings;
use super::{check_zip, findings};
use site::{Failure, Site};

/// Runs the command.
pub(crate) fn run(
    args: &CheckArgs,
    file: Option<&Path>,
    terminal: Terminal,
) -> io::Result<Outcome> {
    if !args.explain.is_empty() {
        findings::explain(&args.explain, terminal)?;
        return Ok(Outcome::Done);
    }
    if args.rules {
        findings::print_rules(ota_view::verify::rules::ALL, args.json)?;
        findings::print_rules(check::rules::ALL, args.json)?;
        return Ok(Outcome::Done);
    }
    settings::with_config(
        file,
        Flags::new(&args.places),
        terminal,
        |config| match args.packages.is_empty() {
            true => Ok(check_site(args, &config, &|_| None, terminal)?.outcome),
            false => {
                let ca = args.live.ca.as_deref();
                let (zips, certificates) = (&args.packages, &args.certificate);
                check_zip::run(zips, certificates, ca, args.json, &config, terminal)
            }
        },
    )
}

/// The result of the check of a site.
pub(crate) struct Checked {
    pub(crate) outcome: Outcome,
    /// A feed differs from the one in the folder.
    pub(crate) is_stale: bool,
    /// A file of the folder is not there.
    pub(crate) is_incomplete: bool,
    /// The places of all findings with advice from the caller.
    pub(crate) advised: Vec<String>,
}

/// Checks a site, and prints the findings. The fix of a finding is the one that `advise` returns, if it does.
pub(crate) fn check_site(
    args: &CheckArgs,
    config: &Config,
    advise: &dyn Fn(&Finding) -> Option<&'static str>,
    terminal: Terminal,
) -> io::Result<Checked> {
    let failed = |outcome| Checked {
        outcome,
        is_stale: false,
        is_incomplete: false,
        advised: Vec::new(),
    };
    let found = Site::open(args, config).and_then(|site| Ok((site.find_feeds(args)?, site)));
    let (feeds, mut site) = match found {
        Ok(found) => found,
        Err(Failure::Usage { message, hint }) => {
            terminal.error(&message, hint.as_deref());
            return Ok(failed(Outcome::Usage));
        }
        Err(Failure::Unreachable { finding, place }) => {
            let mut report = Report::default();
            report.findings.push(finding);
            return finish(&report, &place, args.json, terminal).map(failed);
        }
    };
    let mut report = site.judge(args, feeds)?;
    let mut advised = Vec::new();
    for finding in &mut report.findings {
        if let Some(fix) = advise(finding) {
            advised.push(finding.place.clone());
            *finding = finding.clone().with_fix(fix);
        }
    }
    let outcome = finish(&report, &site.place, args.json, terminal)?;
    // `--zips` runs in the middle of a publication, which prints the lines for the ROM at its end.
    let is_midway = args.zip_addresses && !site.is_live;
    if site.is_complete && site.base != PLACEHOLDER_BASE && !is_midway {
        terminal.line("for the ROM:");
        print_rom_side(
            terminal,
            &site.base,
            &site.facts.variants,
            &families(config),
        );
    }
    let has = |rule: &Rule| report.findings.iter().any(|found| found.rule == rule);
    Ok(Checked {
        outcome,
        is_stale: has(&rules::FEED_STALE),
        is_incomplete: has(&rules::FEED_STATUS),
        advised,
    })
}

/// Prints the report on a place, whose name is escaped already.
fn finish(report: &Report, place: &str, json: bool, terminal: Terminal) -> io::Result<Outcome> {
    findings::print(terminal, &report.findings, json)?;
    print_summary(report, place, terminal);
    if !json {
        findings::print_more(terminal, &report.findings);
    }
    let has_errors = finding::has_errors(&report.findings);
    Ok(Outcome::from_success(!has_errors))
}

fn print_summary(report: &Report, place: &str, terminal: Terminal) {
    let elsewhere = match report.num_elsewhere {
        0 => String::new(),
        n => format!(
            "; {} elsewhere not asked for (--zips does)",
            count(n, "zip", "zips")
        ),
    };
    let feeds = count(report.num_feeds, "feed", "feeds");
    let zips = count(report.num_zips, "zip", "zips");
    let judged = match report.num_images {
        0 => format!("{feeds} and {zips}"),
        num => format!("{feeds}, {zips} and {}", count(num, "image", "images")),
    };
    let found = findings::count(&report.findings).unwrap_or_else(|| "nothing wrong".to_owned());
    terminal.line(&format!("{place}: {found} in {judged}{elsewhere}"));
}
