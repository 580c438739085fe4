//! The lines for the ROM: what its updater needs to find the site.

use std::collections::BTreeSet;

use romfeed::catalog::Catalogs;
use romfeed::generate::{self, DeviceFamily};
use romfeed::model::config::Config;
use romfeed::model::family::{self, UpdaterAddress};
use romfeed::model::rom_settings::{self, RomSide, Updater};

use super::terminal::Terminal;
use crate::cli::escape::escape;

/// The page of a device's changes, in the form of the updater's resource: `%1$s` is the device.
const CHANGES: &str = "%1$s/changes.html";

/// Returns what the ROM of each variant must contain for this updater.
pub(super) fn roms<'a>(
    base: &'a str,
    variants: &'a BTreeSet<Option<String>>,
    updater: Updater,
) -> impl Iterator<Item = RomSide<'a>> {
    variants.iter().map(move |variant| RomSide {
        variant: variant.as_deref(),
        ..RomSide::new(base, updater)
    })
}

/// Returns the ROM families of the published builds, as far as they are known.
pub(crate) fn families(config: &Config) -> BTreeSet<DeviceFamily> {
    // Errors of catalogs have been reported before.
    let Ok(catalogs) = Catalogs::load(config) else {
        return BTreeSet::new();
    };
    let Ok(catalog) = catalogs.merged() else {
        return BTreeSet::new();
    };
    generate::families(config, &catalog).into_values().collect()
}

/// Prints the lines for the ROM of each variant: those of the makefile, and with `-v` the overlay,
/// which also has the address of the site's list of changes. Families whose updaters do not read these
/// get lines of their own; if no family is known, LineageOS's lines are printed.
pub(crate) fn print_rom_side(
    terminal: Terminal,
    base: &str,
    variants: &BTreeSet<Option<String>>,
    families: &BTreeSet<DeviceFamily>,
) {
    let families: BTreeSet<FamilyLines> = families
        .iter()
        .flat_map(|family| family_lines(base, family))
        .collect();
    for line in families.iter().filter_map(|lines| lines.own.as_ref()) {
        terminal.line(line);
    }
    if families.is_empty() || families.iter().any(|lines| lines.uses_lineageos) {
        print_lineageos_lines(terminal, base, variants);
    }
}

/// What the ROMs of a family need.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct FamilyLines {
    /// The line for this family alone.
    own: Option<String>,
    /// The lines for LineageOS's updater, too.
    uses_lineageos: bool,
}

/// Returns what the ROMs of a family need, for each place in which its updaters have their address.
fn family_lines(base: &str, DeviceFamily { name, sdk }: &DeviceFamily) -> Vec<FamilyLines> {
    let mut addresses = family::updater_addresses(name, *sdk);
    if addresses.len() > 1 {
        addresses.retain(|(_, address)| *address != UpdaterAddress::Unknown);
    }
    if addresses.is_empty() {
        addresses.push((0, UpdaterAddress::Unknown));
    }
    let has_several = addresses.len() > 1;
    let to_lines = |(since, address)| {
        let which = match has_several && since > 0 {
            true => format!("{name}, API level {since} on"),
            false => name.clone(),
        };
        let which = escape(&which);
        let own = match address {
            UpdaterAddress::LineageOs => None,
            UpdaterAddress::Property(property) => Some(format!(
                "  {which}: {property}={base}/api/v1/{{device}}/{{type}}.json"
            )),
            UpdaterAddress::BuiltIn(feed) => Some(format!(
                "  {which}: its updater has its address built in; build it with \
                 {base}/{{device}}.json, and set device_feed = \"{feed}\""
            )),
            UpdaterAddress::Unknown => Some(format!(
                "  {which}: where its updater has its address is unknown; these lines are for \
                 LineageOS's updater"
            )),
        };
        FamilyLines {
            own,
            uses_lineageos: matches!(address, UpdaterAddress::LineageOs | UpdaterAddress::Unknown),
        }
    };
    addresses.into_iter().map(to_lines).collect()
}

/// Prints the lines for LineageOS's updater.
fn print_lineageos_lines(terminal: Terminal, base: &str, variants: &BTreeSet<Option<String>>) {
    let changelog = format!("{base}/{CHANGES}");
    for updater in [Updater::Template, Updater::Array] {
        for rom in roms(base, variants, updater) {
            let lines = match (terminal.verbosity, updater) {
                (0, Updater::Template) => rom.makefile_lines(),
                (0, _) => vec![format!("({}: {})", updater.roms(), rom.property_line())],
                _ => {
                    terminal.line(&format!("  # {}", updater.roms()));
                    rom_settings::lines(&rom, Some(&changelog))
                }
            };
            for line in lines {
                terminal.line(&format!("  {line}"));
            }
        }
    }
    if terminal.verbosity == 0 {
        terminal.line("  (-v shows the overlay for the updater's changelog, too)");
    }
}
