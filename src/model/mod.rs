//! What romfeed knows of builds, devices and ROM families, and the settings.

pub mod address;
pub mod build;
pub mod config;
mod differences;
pub mod entry_rules;
pub mod era;
pub mod facts;
pub mod family;
pub mod fault_kind;
pub mod names;
pub mod rom_settings;
pub mod scope;
pub mod source;
pub mod theme;
pub mod variant_words;
