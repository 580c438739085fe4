//! The arguments of `inspect` and `hash`.

use std::path::PathBuf;

use clap::Args;

use super::MAX_JOBS;
use crate::cli::rate::Rate;

const INSPECT_EXAMPLES: &str = "\
Examples:
  romfeed inspect builds/bacon/lineage-21.0-20240801-nightly-bacon.zip
  romfeed inspect --ls system:/system/app https://example.org/rom.zip
  romfeed inspect --extract boot: --output boot.img rom.zip";

#[derive(Debug, Args)]
#[command(after_help = INSPECT_EXAMPLES)]
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
