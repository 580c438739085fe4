//! The arguments of `init`, `generate`, `publish`, `files` and `serve`.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use romfeed::hosting::{Host, MAX_MATRIX};
use romfeed::model::build::Device;

use super::judges::LiveArgs;
use super::{MAX_JOBS, Places};
use crate::cli::rate::Rate;

const INIT_EXAMPLES: &str = "\
Examples:
  romfeed init
  romfeed init --host nginx --base-url https://ota.example.org
  romfeed init --print publish | diff publish -";

#[derive(Debug, Args)]
#[command(
    after_help = INIT_EXAMPLES,
    mut_arg("builds", |arg| arg.help("Use this folder of ROM zips in the files, and find the devices in it [default: builds]")),
    mut_arg("out", |arg| arg.help("Use this folder of the site in the files [default: out]")),
    mut_arg("catalog", |arg| arg.help("Use this list of builds in the files [default: catalog.json if it is there, else catalog/ with a file for each device]")),
    mut_arg("changelogs", |arg| arg.help("Use this folder of changelogs in the files [default: changelogs, next to the catalog]")),
    mut_arg("base_url", |arg| arg.help("Use this address of the site in the files [default: that of the forge's pages]")),
)]
pub(crate) struct InitArgs {
    #[command(flatten)]
    pub(crate) places: Places,
    /// Write the files that this web host needs [default: from the remote in .git/config]
    #[arg(long, value_parser = parse_hosts())]
    pub(crate) host: Option<Host>,
    /// List the zips where they are already: github, github:OWNER/REPO, gitlab, gitlab:GROUP/PROJECT, sourceforge:PROJECT/FOLDER, or the https address of a web folder
    #[arg(long, value_name = "PLACE")]
    pub(crate) zips: Option<String>,
    /// Let up to this many jobs of the workflow for GitHub or GitLab read the [[source]]s side by side, and one make the site; 1 for a single job [default: as in the workflow that is there]
    #[arg(long, value_name = "JOBS", value_parser = clap::value_parser!(u8).range(1..=i64::from(MAX_MATRIX)))]
    pub(crate) matrix: Option<u8>,
    /// Show what would be written, but write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print this file as init would write it, but write nothing
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    pub(crate) print: Option<String>,
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

/// How the site is generated; shared by the commands that do it.
#[derive(Clone, Debug, Args)]
pub(crate) struct SiteArgs {
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
    /// Publish nothing if a package or a source has a fault, and exit with 3
    #[arg(long)]
    pub(crate) strict: bool,
    /// Read every file again, without the cache; of zips on other hosts, the newest that `max_download` allows
    #[arg(long)]
    pub(crate) rehash: bool,
    /// Read every catalog file and make every page again, even of devices that did not change
    #[arg(long)]
    pub(crate) full: bool,
    /// Publish even if the catalog lacks builds that were published before
    #[arg(long)]
    pub(crate) new_catalog: bool,
    /// Do not ask the hosts of [[source]]; their builds stay as they are
    #[arg(long)]
    pub(crate) offline: bool,
    /// Retire the builds that this source no longer lists, even if they are most of them; repeatable
    #[arg(long, value_name = "SOURCE", conflicts_with = "offline")]
    pub(crate) accept_loss: Vec<String>,
}

const GENERATE_EXAMPLES: &str = "\
Examples:
  romfeed generate --base-url https://ota.example.org
  romfeed generate --dry-run
  romfeed generate --catalog-only --device bacon
  romfeed generate --strict --json > result.json";

#[derive(Debug, Args)]
#[command(after_help = GENERATE_EXAMPLES)]
pub(crate) struct GenerateArgs {
    #[command(flatten)]
    pub(crate) site: SiteArgs,
    /// Show what would change, but write nothing except the cache
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Write only catalogs and what belongs to them, not the site; several such runs may work side by side
    #[arg(long, conflicts_with_all = ["dry_run", "exit_code", "adopt", "full"])]
    pub(crate) catalog_only: bool,
    /// With --catalog-only: ask only this source, and leave the folder of zips alone; repeatable
    #[arg(
        long,
        value_name = "NAME",
        requires = "catalog_only",
        conflicts_with = "offline"
    )]
    pub(crate) source: Vec<String>,
    /// With --catalog-only: take only packages of this device; repeatable
    #[arg(long, value_name = "CODENAME", requires = "catalog_only", value_parser = Device::parse)]
    pub(crate) device: Vec<Device>,
    /// Exit with 1 if the site is or was not up to date
    #[arg(long)]
    pub(crate) exit_code: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Print what was left out to standard output, for scripts that publish the rest: one line for each
    #[arg(long, conflicts_with = "json")]
    pub(crate) faults: bool,
    /// Take over an output folder that romfeed did not make
    #[arg(long)]
    pub(crate) adopt: bool,
    /// Do not print the next step, for scripts that take it
    #[arg(long)]
    pub(crate) no_next: bool,
    /// Trust the certificates in this PEM file instead of those that browsers trust
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}

const PUBLISH_EXAMPLES: &str = "\
Examples:
  romfeed publish --to you@server.example.org:/srv/ota
  romfeed publish --to git --zips-to github:you/ota --dry-run";

#[derive(Debug, Args)]
#[command(after_help = PUBLISH_EXAMPLES)]
pub(crate) struct PublishArgs {
    /// Publish the site here: a folder such as /srv/ota or ./www, or HOST:/FOLDER (both by rsync), s3://BUCKET/FOLDER (by aws),
    /// rclone:REMOTE:PATH, `git` (commit and push the catalog, from which a workflow makes the site), `netlify`, or
    /// cloudflare:PROJECT
    #[arg(long, value_name = "DESTINATION")]
    pub(crate) to: String,
    /// Upload the zips here: `site` (to builds/ below the site), `none` (they are elsewhere already), github:OWNER/REPO,
    /// gitlab:GROUP/PROJECT, sourceforge:PROJECT/FOLDER, or a folder, bucket or remote as for --to [default: site, or none if the site cannot
    /// take zips]
    #[arg(long, value_name = "DESTINATION")]
    pub(crate) zips_to: Option<String>,
    /// Show what each step would do, but change nothing here (except the cache) or at the destination
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Replace files at the destination that are not from romfeed where it has files of the same names; zips are never
    /// replaced by others
    #[arg(long)]
    pub(crate) adopt: bool,
    #[command(flatten)]
    pub(crate) site: SiteArgs,
    #[command(flatten)]
    pub(crate) live: LiveArgs,
}

const SOURCES_EXAMPLES: &str = "\
Examples:
  romfeed sources
  romfeed sources --json";

#[derive(Debug, Args)]
#[command(after_help = SOURCES_EXAMPLES)]
pub(crate) struct SourcesArgs {
    #[command(flatten)]
    pub(crate) places: Places,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Divide the sources among up to this many jobs, print the names of each on a line, and ask no host
    #[arg(long, value_name = "JOBS", conflicts_with = "json", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) groups: Option<u16>,
    /// Trust the certificates in this PEM file instead of those that browsers trust
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}

const FILES_EXAMPLES: &str = "\
Examples:
  romfeed files zips images | rsync --times --copy-links --files-from=- builds/ host:/srv/ota/builds/
  romfeed files pages feeds | rclone copy --checksum --files-from-raw - out/ remote:ota
  romfeed files gone --published https://ota.example.org/.romfeed/manifest.json";

#[derive(Debug, Args)]
#[command(
    after_help = FILES_EXAMPLES,
    mut_arg("builds", |arg| arg.help("Find the zips in this folder [default: builds]")),
    mut_arg("out", |arg| arg.help("Find the site in this folder [default: out]")),
    mut_arg("catalog", |arg| arg.help("Read the list of builds from this file; repeat to add others [default: catalog.json]")),
    mut_arg("changelogs", |arg| arg.hide(true)),
    mut_arg("base_url", |arg| arg.help("Print addresses of zips below this address of the site")),
)]
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

/// The flags of the server.
#[cfg(feature = "serve")]
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "\
Examples:
  romfeed serve --watch
  romfeed serve --listen 0.0.0.0:8080 --public-url https://ota.example.org
  romfeed serve --new-key builder",
    mut_arg("builds", |arg| arg.help("Serve the ROM zips in this folder [default: builds]")),
    mut_arg("out", |arg| arg.help("Serve the files in this folder along with the feeds [default: out]")),
    mut_arg("catalog", |arg| arg.help("Serve the builds in this list, and store new ones in it; repeat to also read other lists [default: catalog.json]")),
    mut_arg("base_url", |arg| arg.help("Write this address into feeds [default: the address to listen on]")),
)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) places: Places,
    /// Point phones to the zips at this address, for example https://host/{device}/{filename}
    #[arg(long, value_name = "TEMPLATE", env = "ROMFEED_URL")]
    pub(crate) url: Option<String>,
    /// Listen on this address; a port alone listens for this machine only, and port 0 means any free port
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080", value_parser = crate::cli::listen::parse_listen)]
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
    /// Let the new key change only the builds of this device; repeat for several
    #[arg(long, value_name = "DEVICE", requires = "new_key", value_parser = Device::parse)]
    pub(crate) device: Vec<Device>,
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
