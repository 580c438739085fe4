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
    let Ok(catalogs) = Catalogs::load(&config.catalogs) else {
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
    let mut has_lines = families.is_empty();
    let mut texts = BTreeSet::new();
    for DeviceFamily { name, sdk } in families {
        let mut addresses = family::updater_addresses(name, *sdk);
        if addresses.len() > 1 {
            addresses.retain(|(_, address)| *address != UpdaterAddress::Unknown);
        }
        if addresses.is_empty() {
            addresses.push((0, UpdaterAddress::Unknown));
        }
        let has_several = addresses.len() > 1;
        for (since, address) in addresses {
            let which = match has_several && since > 0 {
                true => format!("{name}, API level {since} on"),
                false => name.clone(),
            };
            let which = escape(&which);
            texts.insert(match address {
                UpdaterAddress::LineageOs => {
                    has_lines = true;
                    continue;
                }
                UpdaterAddress::Property(property) => {
                    format!("  {which}: {property}={base}/api/v1/{{device}}/{{type}}.json")
                }
                UpdaterAddress::BuiltIn(feed) => format!(
                    "  {which}: its updater has its address built in; build it with \
                     {base}/{{device}}.json, and set device_feed = \"{feed}\""
                ),
                UpdaterAddress::Unknown => {
                    has_lines = true;
                    format!(
                        "  {which}: where its updater has its address is unknown; these lines are for \
                         LineageOS's updater"
                    )
                }
            });
        }
    }
    for text in &texts {
        terminal.line(text);
    }
    if !has_lines {
        return;
    }
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
