//! The arguments of `catalog`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use romfeed::catalog::merge::Side;
use romfeed::generate::edit::parse_time;

use super::{PLACES, Places};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  romfeed catalog list
  romfeed catalog yank lineage-21.0-20240801-nightly-bacon.zip --reason \"no sound\"")]
pub(crate) struct CatalogArgs {
    #[command(subcommand)]
    pub(crate) command: CatalogCommand,
}

/// The files and folders of the commands that show or change the list of builds.
#[derive(Debug, Args)]
#[command(
    mut_arg("builds", |arg| arg.help("Find the ROM zips in this folder [default: builds]")),
    mut_arg("out", |arg| arg.help("Find the published site in this folder: its builds must not get lost [default: out]")),
    mut_arg("catalog", |arg| arg.help("Show or change the list of builds in this file, or in this folder with a file for each device; repeat to also read other lists [default: catalog.json]")),
    mut_arg("changelogs", |arg| arg.hide(true)),
    mut_arg("base_url", |arg| arg.help("Use this address of the site; zips are expected in builds/ below it")),
)]
pub(crate) struct CatalogPlaces {
    #[command(flatten)]
    pub(crate) all: Places,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CatalogCommand {
    /// Add a build, from its zip or from its facts
    #[command(after_help = "\
Examples:
  romfeed catalog add --zip rom.zip
  romfeed catalog add --url https://example.org/lineage-21.0-20240801-nightly-bacon.zip")]
    Add(Box<AddArgs>),
    /// Remove builds; their zips are not added again
    #[command(after_help = "\
Examples:
  romfeed catalog remove lineage-21.0-20240801-nightly-bacon.zip
  romfeed catalog remove 055c77cb693a 39370f482ce4")]
    Remove {
        #[command(flatten)]
        places: CatalogPlaces,
        /// Name builds by file name or by the start of their sha256
        #[arg(required = true, value_name = "BUILD")]
        names: Vec<String>,
    },
    /// Withdraw builds for a time; phones that run them still get a response
    #[command(after_help = "\
Examples:
  romfeed catalog yank lineage-21.0-20240801-nightly-bacon.zip --reason \"no sound\"
  romfeed catalog yank 055c77cb693a 39370f482ce4 --reason \"does not boot\"")]
    Yank {
        #[command(flatten)]
        places: CatalogPlaces,
        /// Name builds by file name or by the start of their sha256
        #[arg(required = true, value_name = "BUILD")]
        names: Vec<String>,
        /// Give the reason, for readers of the catalog
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Offer withdrawn builds again
    #[command(after_help = "\
Examples:
  romfeed catalog unyank lineage-21.0-20240801-nightly-bacon.zip
  romfeed catalog unyank 055c77cb693a 39370f482ce4")]
    Unyank {
        #[command(flatten)]
        places: CatalogPlaces,
        /// Name builds by file name or by the start of their sha256
        #[arg(required = true, value_name = "BUILD")]
        names: Vec<String>,
    },
    /// List all builds
    #[command(after_help = "\
Examples:
  romfeed catalog list
  romfeed catalog list --json")]
    List {
        #[command(flatten)]
        places: CatalogPlaces,
        /// Point phones to the zips at this address, for example https://host/{device}/{filename}
        #[arg(long, value_name = "TEMPLATE", env = "ROMFEED_URL")]
        url: Option<String>,
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Merge the catalogs that git could not merge, or three files as git's merge driver
    #[command(after_help = "\
Examples:
  romfeed catalog merge
  romfeed catalog merge --prefer theirs
  romfeed catalog merge --name catalog.json base ours theirs")]
    Merge {
        #[command(flatten)]
        places: CatalogPlaces,
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
    /// Give each device a file of its own, in a folder
    #[command(after_help = "\
Examples:
  romfeed catalog split
  romfeed catalog split my-catalog")]
    Split {
        #[command(flatten)]
        places: CatalogPlaces,
        /// Write the files to this folder [default: the name of the list, without .json]
        #[arg(value_name = "FOLDER")]
        folder: Option<PathBuf>,
    },
    /// Make one file of the files of all devices
    #[command(after_help = "\
Examples:
  romfeed catalog join
  romfeed catalog join builds.json")]
    Join {
        #[command(flatten)]
        places: CatalogPlaces,
        /// Write this file [default: the name of the folder, with .json]
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Import the builds of another server's feed, with the ids that phones know
    #[command(after_help = "\
Examples:
  romfeed catalog import bacon.json
  curl -s https://old.example.org/api/v1/bacon/nightly/x | romfeed catalog import --device bacon -")]
    Import(Box<ImportArgs>),
    /// Write all full builds as builds.json of the official backend
    #[command(after_help = "\
Examples:
  romfeed catalog export > builds.json
  romfeed catalog export --url-base https://mirror.example.org --output builds.json")]
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
    pub(crate) places: CatalogPlaces,
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
    /// Set the variant of builds that no [[variant]] of the settings matches; from a feed that names variants, for example gapps and vanilla, import only those of this one
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
    #[arg(long, value_name = "FOLDER", env = "ROMFEED_BUILDS", help_heading = PLACES)]
    pub(crate) builds: Option<PathBuf>,
    /// Read the list of builds from this file; repeat to add others [default: catalog.json]
    #[arg(long, value_name = "FILE", env = "ROMFEED_CATALOG", help_heading = PLACES)]
    pub(crate) catalog: Vec<PathBuf>,
    /// Treat this as the address of the site, with the zips in builds/ below it
    #[arg(long, value_name = "URL", env = "ROMFEED_BASE_URL", help_heading = PLACES)]
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
    pub(crate) places: CatalogPlaces,
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
