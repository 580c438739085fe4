//! The arguments of the command line: one field for each flag, and no logic.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use ota_view::verify;
use romfeed::catalog::merge::Side;
use romfeed::clients::check;
use romfeed::generate::edit::parse_time;
use romfeed::hosting::Host;

use super::rate::Rate;

/// The most threads that can be set.
pub(crate) const MAX_JOBS: u16 = 256;

const EXAMPLES: &str = "\
Examples:
  romfeed generate --base-url https://example.org/ota
  romfeed inspect builds/bacon/lineage-21.0-20240801-nightly-bacon.zip";

/// Turn a folder of Android ROM zips into a static over-the-air update site
#[derive(Debug, Parser)]
#[command(name = "romfeed", version, after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Read settings from this file instead of ./romfeed.toml
    #[arg(
        short,
        long,
        global = true,
        value_name = "FILE",
        env = "ROMFEED_CONFIG"
    )]
    pub(crate) config: Option<PathBuf>,
    /// Print errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Print more: each package or what was read of it; give it twice for all causes of errors
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Choose when to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: When,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal, unless NO_COLOR is set or TERM is dumb
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Set up this folder: settings, devices, and the files that the web host needs, with a script that publishes
    Init(InitArgs),
    /// Scan the builds and bring the site up to date
    Generate(GenerateArgs),
    /// Show the facts about packages and their sources, or look inside packages
    Inspect(InspectArgs),
    /// Check what phones will see: the site in out, a live site, or whether packages install
    Check(CheckArgs),
    /// Show or change the list of all builds ever published
    Catalog(CatalogArgs),
    /// Print the files that a step of publishing copies: only those that romfeed wrote or the catalog names
    Files(FilesArgs),
    /// Simulate a phone's check for updates: what it sees, why it does not see more, and what to change
    Simulate(Box<SimulateArgs>),

    /// Serve the site over HTTP, including responses that a static host cannot give
    #[cfg(feature = "serve")]
    Serve(ServeArgs),
    /// Print digests of files, in the format of md5sum and sha256sum
    Hash(HashArgs),
    /// Print the completion script of a shell
    Completions {
        /// Choose the shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page of romfeed, or of one command
    Man {
        /// Name the command, for example generate or "catalog add"
        #[arg(value_name = "COMMAND")]
        verb: Vec<String>,
        /// Write the pages of romfeed and of all commands to this folder instead
        #[arg(long, value_name = "FOLDER", conflicts_with = "verb")]
        to: Option<PathBuf>,
    },
}

/// Folders, files and the address of the site; shared by the commands that use the site or the
/// catalog.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Places {
    /// Scan this folder of ROM zips [default: builds]
    #[arg(long, value_name = "FOLDER", env = "ROMFEED_BUILDS")]
    pub(crate) builds: Option<PathBuf>,
    /// Write the site to this folder [default: out]
    #[arg(short, long, value_name = "FOLDER", env = "ROMFEED_OUT")]
    pub(crate) out: Option<PathBuf>,
    /// Store the list of builds in this file; repeat to also read other lists [default: catalog.json]
    #[arg(long, value_name = "FILE", env = "ROMFEED_CATALOG")]
    pub(crate) catalog: Vec<PathBuf>,
    /// Store the changelogs of builds in this folder [default: changelogs, next to the catalog]
    #[arg(long, value_name = "FOLDER", env = "ROMFEED_CHANGELOGS")]
    pub(crate) changelogs: Option<PathBuf>,
    /// Publish the site at this address; zips are expected in builds/ below it
    #[arg(long, value_name = "URL", env = "ROMFEED_BASE_URL")]
    pub(crate) base_url: Option<String>,
}

const INIT_EXAMPLES: &str = "\
Examples:
  romfeed init
  romfeed init --host nginx --base-url https://ota.example.org
  romfeed init --print publish | diff publish -";

#[derive(Debug, Args)]
#[command(after_help = INIT_EXAMPLES)]
pub(crate) struct InitArgs {
    #[command(flatten)]
    pub(crate) places: Places,
    /// Write the files that this web host needs [default: from the remote in .git/config]
    #[arg(long, value_parser = parse_hosts())]
    pub(crate) host: Option<Host>,
    /// Show what would be written, but write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print this file as init would write it, but write nothing
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    pub(crate) print: Option<String>,
}

/// Parses the id of a rule of `check`.
fn parse_rule_ids() -> PossibleValuesParser {
    let rules = verify::rules::ALL.iter().chain(check::rules::ALL);
    PossibleValuesParser::new(rules.map(|rule| rule.id))
}

/// Parses the name of a host; the help shows its title.
fn parse_hosts() -> impl TypedValueParser<Value = Host> {
    let names = Host::ALL.map(|host| PossibleValue::new(host.as_str()).help(host.title()));
    PossibleValuesParser::new(names).try_map(|name| {
        let mut hosts = Host::ALL.into_iter();
        hosts
            .find(|host| host.as_str() == name)
            .ok_or("unknown host")
    })
}

const HASH_EXAMPLES: &str = "\
Examples:
  romfeed hash builds/*.zip
  romfeed hash --sha256 *.zip > SHA256SUMS && sha256sum -c SHA256SUMS";

#[derive(Debug, Args)]
#[command(after_help = HASH_EXAMPLES)]
pub(crate) struct HashArgs {
    /// Read these files, each once
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Print MD5 [default: MD5 and SHA-256]
    #[arg(long)]
    pub(crate) md5: bool,
    /// Print SHA-1
    #[arg(long)]
    pub(crate) sha1: bool,
    /// Print SHA-256
    #[arg(long)]
    pub(crate) sha256: bool,
    /// Use this many threads [default: one per processor]
    #[arg(long, value_name = "N", env = "ROMFEED_JOBS", value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_JOBS)))]
    pub(crate) jobs: Option<u16>,
    /// Limit reading to this many bytes a second, for example 50M
    #[arg(long, value_name = "RATE", env = "ROMFEED_IO_LIMIT")]
    pub(crate) io_limit: Option<Rate>,
}

const FILES_EXAMPLES: &str = "\
Examples:
  romfeed files zips images | rsync --times --copy-links --files-from=- builds/ host:/srv/ota/builds/
  romfeed files pages feeds | rclone copy --checksum --files-from-raw - out/ remote:ota
  romfeed files gone --published https://ota.example.org/.romfeed/manifest.json";

#[derive(Debug, Args)]
#[command(after_help = FILES_EXAMPLES)]
pub(crate) struct FilesArgs {
    #[command(flatten)]
    pub(crate) places: Places,
    /// Print the files of these steps, one path a line: zips and images relative to builds, others relative to out
    #[arg(required_unless_present = "manifest", value_name = "STEP")]
    pub(crate) steps: Vec<FilesStep>,
    /// Read which files are published from this manifest, .romfeed/manifest.json of the published site; an empty
    /// file means that nothing is published
    #[arg(long, value_name = "FILE|URL", required_if_eq("steps", "gone"))]
    pub(crate) published: Option<String>,
    /// Print only files that the manifest does not list
    #[arg(long, requires = "published")]
    pub(crate) new: bool,
    /// After the path of each zip and image, print its address and its SHA-256 in the catalog, separated by tabs
    #[arg(long)]
    pub(crate) url: bool,
    /// Print the manifest to publish before the site, instead of a list: it names old and new files, so that an
    /// interrupted publication can be continued
    #[arg(long, requires = "published", conflicts_with_all = ["steps", "new", "url"])]
    pub(crate) manifest: bool,
}

/// A step of publishing, in the safe order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FilesStep {
    /// Packages that the catalog offers, with digests, signatures and changelogs
    Zips,
    /// Their images for the first installation
    Images,
    /// HTML pages, styles and pictures
    Pages,
    /// The lists that updaters read
    Feeds,
    /// The lists of devices and release types
    Indexes,
    /// Published files that the site no longer has
    Gone,
}

#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    #[command(flatten)]
    pub(crate) places: Places,
    /// Point phones to the zips at this address, for example https://host/{device}/{filename}
    #[arg(long, value_name = "TEMPLATE", env = "ROMFEED_URL")]
    pub(crate) url: Option<String>,
    /// Use this many threads [default: one per processor]
    #[arg(long, value_name = "N", env = "ROMFEED_JOBS", value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_JOBS)))]
    pub(crate) jobs: Option<u16>,
    /// Limit reading for digests to this many bytes a second, for example 50M
    #[arg(long, value_name = "RATE", env = "ROMFEED_IO_LIMIT")]
    pub(crate) io_limit: Option<Rate>,
    /// Show what would change, but write nothing except the cache
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Exit with 1 if the site is or was not up to date
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Read every file again, without the cache
    #[arg(long)]
    pub(crate) rehash: bool,
    /// Take over an output folder that romfeed did not make
    #[arg(long)]
    pub(crate) adopt: bool,
    /// Publish even if the catalog lacks builds that were published before
    #[arg(long)]
    pub(crate) new_catalog: bool,
    /// Do not print the next step, for scripts that take it
    #[arg(long)]
    pub(crate) no_next: bool,
}

/// The flags of the server.
#[cfg(feature = "serve")]
#[derive(Clone, Debug, Args)]
#[command(
    mut_arg("builds", |arg| arg.help("Serve the ROM zips in this folder [default: builds]")),
    mut_arg("out", |arg| arg.help("Serve the files in this folder along with the feeds [default: out]")),
    mut_arg("base_url", |arg| arg.help("Write this address into feeds [default: the address to listen on]")),
)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) places: Places,
    /// Point phones to the zips at this address, for example https://host/{device}/{filename}
    #[arg(long, value_name = "TEMPLATE", env = "ROMFEED_URL")]
    pub(crate) url: Option<String>,
    /// Listen on this address; a port alone listens for this machine only, and port 0 means any free port
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080", value_parser = super::listen::parse_listen)]
    pub(crate) listen: std::net::SocketAddr,
    /// Write this address into feeds instead of --base-url: that of a proxy or tunnel in front of the server
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// Generate the site now, and again when packages or templates change
    #[arg(long)]
    pub(crate) watch: bool,
    /// Serve https with this certificate and its chain, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Serve https with this private key, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Make a key for changes over HTTP, print it once, and exit
    #[arg(
        long,
        value_name = "NAME",
        group = "keys",
        conflicts_with_all = ["watch", "public_url", "tls_cert"]
    )]
    pub(crate) new_key: Option<String>,
    /// List the keys, and exit
    #[arg(long, group = "keys", conflicts_with_all = ["watch", "public_url", "tls_cert"])]
    pub(crate) list_keys: bool,
    /// Remove a key, and exit
    #[arg(
        long,
        value_name = "NAME",
        group = "keys",
        conflicts_with_all = ["watch", "public_url", "tls_cert"]
    )]
    pub(crate) remove_key: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// Read these packages: files, or https addresses, of which only parts are read
    #[arg(required = true, value_name = "ZIP|URL")]
    pub(crate) zips: Vec<PathBuf>,
    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
    /// Also compute md5 and sha256
    #[arg(long)]
    pub(crate) hash: bool,
    /// Print the properties of all partitions instead, merged as phones merge them
    #[arg(long, group = "look", conflicts_with = "hash")]
    pub(crate) props: bool,
    /// List a folder of a partition instead, for example system:/system/app; : lists the partitions
    #[arg(
        long,
        value_name = "PARTITION:PATH",
        group = "look",
        conflicts_with = "hash"
    )]
    pub(crate) ls: Option<String>,
    /// Print a file of a partition instead, for example system:/system/build.prop; boot: is the whole partition
    #[arg(
        long,
        value_name = "PARTITION:PATH",
        group = "look",
        conflicts_with_all = ["hash", "json"]
    )]
    pub(crate) extract: Option<String>,
    /// Write the extracted file here instead of printing it
    #[arg(short, long, value_name = "FILE", requires = "extract")]
    pub(crate) output: Option<PathBuf>,
}

/// How to connect; shared by the commands that read a live site.
#[derive(Debug, Args)]
pub(crate) struct LiveArgs {
    /// Trust the certificates in this PEM file instead of those that browsers trust
    #[arg(long, value_name = "FILE")]
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
    mut_arg("builds", |arg| arg.help("Use this folder as builds/ of the site [default: builds]")),
    mut_arg("out", |arg| arg.help("Check the site in this folder [default: out]")),
    mut_arg("catalog", |arg| arg.help("Read the builds that phones may run from this file; repeat to read others [default: catalog.json]")),
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
    /// Also request the zips from their hosts, before the site is published
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
    #[arg(long, value_name = "RULE", num_args = 1.., value_parser = parse_rule_ids(), hide_possible_values = true, conflicts_with_all = ["packages", "url", "rules", "json"])]
    pub(crate) explain: Vec<String>,
    #[command(flatten)]
    pub(crate) live: LiveArgs,
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
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
    /// Use this folder as builds/ of the site [default: builds]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) builds: Option<PathBuf>,
    /// Treat the folder as the site at this address
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CatalogArgs {
    #[command(subcommand)]
    pub(crate) command: CatalogCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CatalogCommand {
    /// Add a build, from its zip or from its facts
    Add(Box<AddArgs>),
    /// Remove builds; their zips are not added again
    Remove {
        #[command(flatten)]
        places: Places,
        /// Name builds by file name or by the start of their sha256
        #[arg(required = true, value_name = "BUILD")]
        names: Vec<String>,
    },
    /// Withdraw builds for a time; phones that run them still get a response
    Yank {
        #[command(flatten)]
        places: Places,
        /// Name builds by file name or by the start of their sha256
        #[arg(required = true, value_name = "BUILD")]
        names: Vec<String>,
        /// Give the reason, for readers of the catalog
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Offer withdrawn builds again
    Unyank {
        #[command(flatten)]
        places: Places,
        /// Name builds by file name or by the start of their sha256
        #[arg(required = true, value_name = "BUILD")]
        names: Vec<String>,
    },
    /// List all builds
    List {
        #[command(flatten)]
        places: Places,
        /// Point phones to the zips at this address, for example https://host/{device}/{filename}
        #[arg(long, value_name = "TEMPLATE", env = "ROMFEED_URL")]
        url: Option<String>,
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Merge the catalogs that git could not merge, or three files as git's merge driver
    Merge {
        #[command(flatten)]
        places: Places,
        /// Merge these three files into the second, as git requires from merge drivers
        #[arg(num_args = 3, value_names = ["BASE", "OURS", "THEIRS"])]
        versions: Vec<PathBuf>,
        /// Use this name for the catalog in messages: git's %P
        #[arg(long, value_name = "PATH", requires = "versions")]
        name: Option<String>,
        /// Use the value of this side if both changed the same fact
        #[arg(long, value_name = "SIDE")]
        prefer: Option<MergeSide>,
    },
    /// Import the builds of another server's feed, with the ids that phones know
    Import(Box<ImportArgs>),
    /// Write all full builds as builds.json of the official backend
    Export(Box<ExportArgs>),
}

/// The sides of `catalog merge`, as git names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MergeSide {
    /// The branch that is checked out; in a rebase, the branch to rebase onto
    Ours,
    /// The other branch
    Theirs,
}

impl From<MergeSide> for Side {
    fn from(side: MergeSide) -> Side {
        match side {
            MergeSide::Ours => Side::Ours,
            MergeSide::Theirs => Side::Theirs,
        }
    }
}

/// The formats that `catalog import` reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FeedFormat {
    /// {"response":[…]}, for LineageOS 15.1 to 22.x
    V1,
    /// A list, for LineageOS 23.2 on
    V2,
    /// The response of LineageOTA to /api
    #[value(name = "lineageota")]
    LineageOta,
    /// builds.json of the official backend
    Official,
    /// {"response":[…]} of crDroid, Evolution X and similar ROMs
    #[value(name = "crdroid")]
    CrDroid,
    /// One object instead of a list, or the keys of another family: PixelOS, Havoc, dotOS, …
    Other,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    pub(crate) places: Places,
    /// Continue even if the catalog lacks builds that were published before
    #[arg(long)]
    pub(crate) new_catalog: bool,
    /// Read this feed; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Read it as this format [default: detected from its content]
    #[arg(long)]
    pub(crate) format: Option<FeedFormat>,
    /// Set the codename, which most feeds lack; from a feed of several devices, import only its builds
    #[arg(long)]
    pub(crate) device: Option<String>,
    /// Set the release type of entries without one, and of those of crDroid and similar ROMs
    #[arg(long)]
    pub(crate) romtype: Option<String>,
    /// Set the version of entries without one
    #[arg(long)]
    pub(crate) version: Option<String>,
    /// Set the variant of builds that no [[variant]] of the settings matches; from a feed that names flavours, for example gapps and vanilla, import only those of this one
    #[arg(long)]
    pub(crate) variant: Option<String>,
    /// Put this address before the paths of an official feed (its server's DOWNLOAD_BASE_URL) or before file names without an address
    #[arg(long, value_name = "URL")]
    pub(crate) url_base: Option<String>,
    /// Treat the ids of a feed as the SHA-256 of the packages, as the official backend writes them
    #[arg(long)]
    pub(crate) ids_are_sha256: bool,
    /// Import the good entries of a feed that has bad ones
    #[arg(long)]
    pub(crate) skip_bad: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Read the ROM zips in this folder [default: builds]
    #[arg(long, value_name = "FOLDER", env = "ROMFEED_BUILDS")]
    pub(crate) builds: Option<PathBuf>,
    /// Read the list of builds from this file; repeat to add others [default: catalog.json]
    #[arg(long, value_name = "FILE", env = "ROMFEED_CATALOG")]
    pub(crate) catalog: Vec<PathBuf>,
    /// Treat this as the address of the site, with the zips in builds/ below it
    #[arg(long, value_name = "URL", env = "ROMFEED_BASE_URL")]
    pub(crate) base_url: Option<String>,
    /// Point to the zips at this address, for example https://host/{device}/{filename}
    #[arg(long, value_name = "TEMPLATE", env = "ROMFEED_URL")]
    pub(crate) url: Option<String>,
    /// Write to this file instead of printing
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Read all zips and also write their SHA-1
    #[arg(long)]
    pub(crate) sha1: bool,
    /// Write the builds of this variant instead of those without one
    #[arg(long)]
    pub(crate) variant: Option<String>,
    /// Write paths relative to this address (the server's DOWNLOAD_BASE_URL) instead of the builds folder
    #[arg(long, value_name = "URL")]
    pub(crate) url_base: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    #[command(flatten)]
    pub(crate) places: Places,
    /// Continue even if the catalog lacks builds that were published before
    #[arg(long)]
    pub(crate) new_catalog: bool,
    /// Read all facts from this package; other flags add facts that it lacks
    #[arg(long, value_name = "FILE", conflicts_with = "filename")]
    pub(crate) zip: Option<PathBuf>,
    /// Set the file name
    #[arg(long, value_name = "NAME", required_unless_present_any = ["zip", "url"])]
    pub(crate) filename: Option<String>,
    /// Set the codename
    #[arg(long, required_unless_present_any = ["zip", "url"])]
    pub(crate) device: Option<String>,
    /// Set the variant, if no [[variant]] of the settings matches
    #[arg(long)]
    pub(crate) variant: Option<String>,
    /// Set the version that the updater compares, for example 21.0
    #[arg(long, required_unless_present_any = ["zip", "url"])]
    pub(crate) version: Option<String>,
    /// Set the release type
    #[arg(long, required_unless_present_any = ["zip", "url"])]
    pub(crate) romtype: Option<String>,
    /// Set ro.build.date.utc, in seconds, or in UTC as "2024-08-01 00:00:00"
    #[arg(long, value_name = "DATE", value_parser = parse_time, required_unless_present_any = ["zip", "url"])]
    pub(crate) datetime: Option<i64>,
    /// Set the length in bytes
    #[arg(long, value_name = "BYTES", required_unless_present_any = ["zip", "url"])]
    pub(crate) size: Option<u64>,
    /// Set the SHA-256
    #[arg(long, value_name = "HEX", required_unless_present_any = ["zip", "url", "md5"])]
    pub(crate) sha256: Option<String>,
    /// Set the MD5
    #[arg(long, value_name = "HEX")]
    pub(crate) md5: Option<String>,
    /// Set ro.build.version.incremental
    #[arg(long)]
    pub(crate) incremental: Option<String>,
    /// Set the API level
    #[arg(long, value_name = "N")]
    pub(crate) sdk_level: Option<u32>,
    /// Set the security patch level
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) security_patch: Option<String>,
    /// Set the download address of this build; facts that are not given are read from the zip there
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
}

impl Places {
    /// Returns the values of the environment, without flags.
    pub(crate) fn from_environment() -> Places {
        #[derive(Debug, Parser)]
        struct Environment {
            #[command(flatten)]
            places: Places,
        }
        Environment::parse_from(["romfeed"]).places
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn every_command_is_well_formed() {
        Cli::command().debug_assert();
    }
}
