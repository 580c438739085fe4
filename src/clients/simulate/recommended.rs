//! The address that the site recommends for the ROM of a phone.

use super::Site;
use crate::clients::updaters::{Address, Generation, Phone};
use crate::model::rom_settings::{RomSide, Updater};

/// The recommended address, and how to build it into the ROM.
#[derive(Clone, Debug)]
pub(super) enum Recommended<'a> {
    /// The settings for LineageOS's updaters.
    Lineage(RomSide<'a>),
    /// The address for the updater of a fork.
    Fork {
        /// Where the address is set.
        address: Address,
        /// The address.
        value: String,
    },
}

impl<'a> Recommended<'a> {
    pub(super) fn new(
        generation: Generation,
        phone: &'a Phone,
        site: &Site<'a>,
    ) -> Recommended<'a> {
        let is_cm = phone.version.starts_with("14.");
        let updater = match generation {
            Generation::Cm10 | Generation::Cm11 | Generation::Cm12 => Updater::Post,
            Generation::Cm14 => Updater::CmBase,
            Generation::First15 if is_cm => Updater::CmBase,
            Generation::First15 => Updater::Base,
            Generation::Template14 if is_cm => Updater::CmTemplate,
            Generation::Template14
            | Generation::Java22
            | Generation::Java23
            | Generation::KotlinV1 => Updater::Template,
            Generation::KotlinVersion | Generation::Kotlin23 => Updater::Array,
            fork => {
                return Recommended::Fork {
                    address: fork.address(),
                    value: site.fork_address(fork, phone),
                };
            }
        };
        let is_known = !phone.device.is_empty() && !phone.release_type.is_empty();
        Recommended::Lineage(RomSide {
            variant: site.variant,
            sdk: Some(phone.sdk).filter(|sdk| *sdk > 0),
            channel: is_known.then_some((&*phone.device, &*phone.release_type)),
            ..RomSide::new(site.base, updater)
        })
    }

    /// Returns whether the address names no unknown device or release type.
    pub(super) fn is_complete(&self) -> bool {
        match self {
            Recommended::Lineage(rom) => rom.updater != Updater::Post || rom.channel.is_some(),
            Recommended::Fork { .. } => true,
        }
    }

    /// Returns the address.
    pub(super) fn value(&self) -> String {
        match self {
            Recommended::Lineage(rom) => rom.value(),
            Recommended::Fork { value, .. } => value.clone(),
        }
    }

    /// Returns the line that sets the address.
    pub(super) fn property_line(&self) -> String {
        match self {
            Recommended::Lineage(rom) => rom.property_line(),
            Recommended::Fork { value, .. } => value.clone(),
        }
    }

    /// Returns the lines to put into the ROM's sources.
    pub(super) fn lines(&self) -> Vec<String> {
        match self {
            Recommended::Lineage(rom) => rom.makefile_lines(),
            Recommended::Fork { address, value } => vec![match address {
                Address::Property(key) => format!("{key}={value}"),
                Address::BuiltIn => {
                    format!(r#"<string name="{RESOURCE}" translatable="false">{value}</string>"#)
                }
                Address::Setting => value.clone(),
            }],
        }
    }
}

/// The resource in the sources of forks' updaters that holds the address.
const RESOURCE: &str = "updater_server_url";

/// Returns the name of the property or resource that holds the address; empty if the user enters it.
pub(super) fn property(generation: Generation) -> &'static str {
    match generation.address() {
        Address::Property(key) => key,
        Address::BuiltIn => RESOURCE,
        Address::Setting => "",
    }
}
