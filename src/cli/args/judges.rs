//! The arguments of `check` and `simulate`.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Args, Command};
use ota_view::verify;
use romfeed::clients::check;

use super::{PLACES, Places};
use crate::cli::nearest::did_you_mean;

/// Parses the id of a rule of `check`; the error for an unknown one names the nearest.
#[derive(Clone)]
struct RuleIdParser;

impl RuleIdParser {
    fn ids() -> impl Iterator<Item = &'static str> {
        let rules = verify::rules::ALL.iter().chain(check::rules::ALL);
        rules.map(|rule| rule.id)
    }
}

impl TypedValueParser for RuleIdParser {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        _arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        let id = value.to_string_lossy();
        if RuleIdParser::ids().any(|known| known == id) {
            return Ok(id.into_owned());
        }
        let near = did_you_mean(&id, RuleIdParser::ids());
        let near = near.map_or_else(String::new, |near| format!("{near} "));
        let message = format!(
            "there is no rule `{}`\n  hint: {near}`romfeed check --rules` lists all\n",
            id.escape_debug()
        );
        Err(clap::Error::raw(ErrorKind::ValueValidation, message).with_cmd(command))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(RuleIdParser::ids().map(PossibleValue::new)))
    }
}

/// How to connect; shared by the commands that read a live site.
#[derive(Clone, Debug, Args)]
pub(crate) struct LiveArgs {
    /// Trust the certificates in this PEM file instead of those that browsers trust
    #[arg(long, value_name = "FILE", env = "ROMFEED_CA")]
    pub(crate) ca: Option<PathBuf>,
    /// Wait this long for a response; phones wait 10 seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=600))]
    pub(crate) timeout: u16,
    /// Send this many requests at once
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) connections: u16,
}

#[derive(Debug, Args)]
#[command(
    after_help = "\
Examples:
  romfeed check
  romfeed check --url https://ota.example.org
  romfeed check builds/bacon/lineage-21.0-20240801-nightly-bacon.zip
  romfeed check --explain entry-sdk",
    mut_arg("builds", |arg| arg.help("Use this folder as builds/ of the site [default: builds]")),
    mut_arg("out", |arg| arg.help("Check the site in this folder [default: out]")),
    mut_arg("catalog", |arg| arg.help("Read the builds that phones may run from this file; repeat to read others [default: catalog.json]")),
    mut_arg("changelogs", |arg| arg.hide(true)),
    mut_arg("base_url", |arg| arg.help("Treat the folder as the site at this address")),
)]
pub(crate) struct CheckArgs {
    /// Check these packages instead of the site: files or https addresses, read to their end
    #[arg(value_name = "ZIP|URL", conflicts_with_all = ["url", "zip_addresses", "device"])]
    pub(crate) packages: Vec<PathBuf>,
    /// Expect the key of this certificate in packages; repeat to allow several [default: certificate in romfeed.toml]
    #[arg(long, value_name = "FILE", requires = "packages")]
    pub(crate) certificate: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) places: Places,
    /// Check the live site at this address, or the feed at this value of the ROM's property
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Also request the zips and images from their hosts, before the site is published
    #[arg(long = "zips", conflicts_with = "url")]
    pub(crate) zip_addresses: bool,
    /// Check the feeds of this device only, of the site at --url
    #[arg(long, requires = "url")]
    pub(crate) device: Option<String>,
    /// Check the feed of this release type, with --device
    #[arg(long = "type", value_name = "ROMTYPE", requires = "device")]
    pub(crate) romtype: Option<String>,
    /// Check the feed of phones with this ro.build.version.incremental, with --type
    #[arg(long, value_name = "INCREMENTAL", requires = "romtype")]
    pub(crate) incr: Option<String>,
    /// Print one JSON object a finding, or with --rules a rule
    #[arg(long)]
    pub(crate) json: bool,
    /// List all rules with their sources instead
    #[arg(long)]
    pub(crate) rules: bool,
    /// Explain these rules instead: the purpose of each, and what to do
    #[arg(long, value_name = "RULE", num_args = 1.., value_parser = RuleIdParser, hide_possible_values = true, conflicts_with_all = ["packages", "url", "rules", "json"])]
    pub(crate) explain: Vec<String>,
    #[command(flatten)]
    pub(crate) live: LiveArgs,
}

impl CheckArgs {
    /// Returns the arguments that check a whole site: at an address or, if there is none, in its folder with the zips at
    /// their hosts.
    pub(crate) fn for_site(url: Option<&str>, live: &LiveArgs) -> CheckArgs {
        CheckArgs {
            packages: Vec::new(),
            certificate: Vec::new(),
            places: Places::default(),
            url: url.map(str::to_owned),
            zip_addresses: url.is_none(),
            device: None,
            romtype: None,
            incr: None,
            json: false,
            rules: false,
            explain: Vec::new(),
            live: live.clone(),
        }
    }
}

const SIMULATE_EXAMPLES: &str = "\
Examples:
  adb shell getprop | romfeed simulate --props -
  romfeed simulate --zip builds/bacon/lineage-21.0-20240801-nightly-bacon.zip
  romfeed simulate --device bacon --type nightly --version 21.0 --incr eng.1 --date 1722470400
  romfeed simulate --props phone.txt --url https://ota.example.org";

#[derive(Debug, Args)]
#[command(after_help = SIMULATE_EXAMPLES)]
pub(crate) struct SimulateArgs {
    /// Read the phone's properties from this file: the output of `adb shell getprop`, or a build.prop; - is standard input; repeat to add others
    #[arg(long, value_name = "FILE", conflicts_with = "zip")]
    pub(crate) props: Vec<PathBuf>,
    /// Read the phone's properties from this package, the build it runs
    #[arg(long, value_name = "ZIP")]
    pub(crate) zip: Option<PathBuf>,
    /// Set the phone's codename (ro.lineage.device)
    #[arg(long)]
    pub(crate) device: Option<String>,
    /// Set the codename for which it requests updates instead (ro.updater.next_device)
    #[arg(long, value_name = "DEVICE")]
    pub(crate) next_device: Option<String>,
    /// Set its release type (ro.lineage.releasetype) [default, without properties: the only published one]
    #[arg(long, value_name = "ROMTYPE")]
    pub(crate) r#type: Option<String>,
    /// Set its version (ro.lineage.build.version), for example 21.0 [default, without properties: the only published one]
    #[arg(long)]
    pub(crate) version: Option<String>,
    /// Set its incremental (ro.build.version.incremental)
    #[arg(long, value_name = "INCREMENTAL")]
    pub(crate) incr: Option<String>,
    /// Set its build date (ro.build.date.utc), in seconds
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub(crate) date: Option<i64>,
    /// Set its API level (ro.build.version.sdk)
    #[arg(long, value_name = "N")]
    pub(crate) sdk: Option<u32>,
    /// Give it A/B partitions (ro.build.ab_update)
    #[arg(long)]
    pub(crate) ab: bool,
    /// Let it install older builds (lineage.updater.allow_downgrading)
    #[arg(long)]
    pub(crate) allow_downgrading: bool,
    /// Let it install builds of newer Android versions (lineage.updater.allow_major_upgrades)
    #[arg(long)]
    pub(crate) allow_major_upgrades: bool,
    /// Set the address in the ROM (lineage.updater.uri), instead of that in the properties
    #[arg(long, value_name = "VALUE")]
    pub(crate) uri: Option<String>,
    /// Assume and recommend the address of this variant
    #[arg(long)]
    pub(crate) variant: Option<String>,
    /// Simulate this updater: of LineageOS (cm10, cm11, cm12, cm14, 15.0, 15.1, 22, 22.1, 23-v1, 23-version, 23, or all), or another one (crdroid-14, crdroid-16, evolution-x-14, evolution-x-15, voltage-14, pixelos-14, pixelos-17, derpfest-16, axion, lmodroid-14, custota, grapheneos); repeat for more [default: that of the phone's ROM]
    #[arg(long, value_name = "ID")]
    pub(crate) client: Vec<String>,
    /// Also say whether the phone notifies, if this was the response to its last check; - is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) previous: Option<PathBuf>,
    /// Use the live site at this address instead of the folder
    #[arg(long, value_name = "URL", conflicts_with_all = ["out", "builds", "base_url"])]
    pub(crate) url: Option<String>,
    /// Trust the certificates in this PEM file instead of those that browsers trust
    #[arg(long, value_name = "FILE", requires = "url")]
    pub(crate) ca: Option<PathBuf>,
    /// Wait this long for a response of a live site
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=600), requires = "url")]
    pub(crate) timeout: u16,
    /// Use the site in this folder [default: out]
    #[arg(short, long, value_name = "FOLDER", help_heading = PLACES)]
    pub(crate) out: Option<PathBuf>,
    /// Use this folder as builds/ of the site [default: builds]
    #[arg(long, value_name = "FOLDER", help_heading = PLACES)]
    pub(crate) builds: Option<PathBuf>,
    /// Treat the folder as the site at this address
    #[arg(long, value_name = "URL", help_heading = PLACES)]
    pub(crate) base_url: Option<String>,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
