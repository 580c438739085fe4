//! The arguments of the command line: one field for each flag, and no logic.
//!
//! - `site`: the commands that write or serve the site; `catalog`: the list of builds;
//! - `packages`: the commands that read packages; `judges`: those that check and simulate.

mod catalog;
mod judges;
mod packages;
mod site;

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

pub(crate) use catalog::{
    AddArgs, CatalogArgs, CatalogCommand, ExportArgs, FeedFormat, ImportArgs,
};
pub(crate) use judges::{CheckArgs, LiveArgs, SimulateArgs};
pub(crate) use packages::{HashArgs, InspectArgs};
#[cfg(feature = "serve")]
pub(crate) use site::ServeArgs;
pub(crate) use site::{
    FilesArgs, FilesStep, GenerateArgs, InitArgs, PublishArgs, SiteArgs, SourcesArgs,
};

/// The most threads that can be set.
pub(crate) const MAX_JOBS: u16 = 256;

/// The heading in the help of flags that all commands have.
const GLOBAL: &str = "Global options";
/// The heading in the help of flags that many commands share; the own flags of a command come before them.
const PLACES: &str = "Files, folders and address of the site";

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
        env = "ROMFEED_CONFIG",
        help_heading = GLOBAL
    )]
    pub(crate) config: Option<PathBuf>,
    /// Print no progress, notes and warnings: only results and errors
    #[arg(
        short,
        long,
        global = true,
        conflicts_with = "verbose",
        help_heading = GLOBAL
    )]
    pub(crate) quiet: bool,
    /// Print more about each package or file; give it twice for all causes of errors
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = GLOBAL)]
    pub(crate) verbose: u8,
    /// Choose when to use colours
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        help_heading = GLOBAL
    )]
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
    /// Bring the site up to date and upload it with its zips, in the safe order: no phone hears of a zip that is not online
    Publish(Box<PublishArgs>),
    /// Show the facts about packages and their sources, or look inside packages
    Inspect(InspectArgs),
    /// Check what phones will see: the site in out, a live site, or whether packages install
    Check(CheckArgs),
    /// Show or change the list of all builds ever published
    Catalog(CatalogArgs),
    /// Print the files that a step of publishing copies: only those that romfeed wrote or the catalog names
    Files(FilesArgs),
    /// Ask the hosts of [[source]] what they have: files, new and gone zips, and what a run would download
    Sources(SourcesArgs),
    /// Simulate a phone's check for updates: what it sees, why it does not see more, and what to change
    Simulate(Box<SimulateArgs>),

    /// Serve the site over HTTP, including responses that a static host cannot give
    #[cfg(feature = "serve")]
    Serve(ServeArgs),
    /// Print digests of files, in the format of md5sum and sha256sum
    Hash(HashArgs),
    /// Print the completion script of a shell
    #[command(after_help = "\
Examples:
  romfeed completions bash > ~/.local/share/bash-completion/completions/romfeed
  romfeed completions fish > ~/.config/fish/completions/romfeed.fish")]
    Completions {
        /// Choose the shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page of romfeed, or of one command
    ///
    /// The page is in the language of manual pages (roff). To read it: romfeed man generate | man -l -
    #[command(after_help = "\
Examples:
  romfeed man generate | man -l -
  romfeed man catalog add | man -l -
  romfeed man --to ~/.local/share/man/man1")]
    Man {
        /// Name the command, for example generate or "catalog add"
        #[arg(value_name = "COMMAND")]
        names: Vec<String>,
        /// Write the pages of romfeed and of all commands to this folder instead
        #[arg(long, value_name = "FOLDER", conflicts_with = "names")]
        to: Option<PathBuf>,
    },
}

/// Folders, files and the address of the site; shared by the commands that use the site or the
/// catalog.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Places {
    /// Scan this folder of ROM zips [default: builds]
    #[arg(long, value_name = "FOLDER", env = "ROMFEED_BUILDS", help_heading = PLACES)]
    pub(crate) builds: Option<PathBuf>,
    /// Write the site to this folder [default: out]
    #[arg(short, long, value_name = "FOLDER", env = "ROMFEED_OUT", help_heading = PLACES)]
    pub(crate) out: Option<PathBuf>,
    /// Store the list of builds in this file; repeat to also read other lists [default: catalog.json]
    #[arg(long, value_name = "FILE", env = "ROMFEED_CATALOG", help_heading = PLACES)]
    pub(crate) catalog: Vec<PathBuf>,
    /// Store the changelogs of builds in this folder [default: changelogs, next to the catalog]
    #[arg(long, value_name = "FOLDER", env = "ROMFEED_CHANGELOGS", help_heading = PLACES)]
    pub(crate) changelogs: Option<PathBuf>,
    /// Publish the site at this address; zips are expected in builds/ below it
    #[arg(long, value_name = "URL", env = "ROMFEED_BASE_URL", help_heading = PLACES)]
    pub(crate) base_url: Option<String>,
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
