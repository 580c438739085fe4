//! romfeed turns a folder of Android ROM zips into a static over-the-air update
//! site.
//!
//! The library takes values and returns values; environment, terminal, current
//! folder and clock belong to the command line. Its interface is not versioned:
//! what romfeed promises is its command line, its configuration, its feeds and
//! its `--json` output.
//!
//! Data flows one way, in this order of modules; blank lines keep the formatter
//! from sorting them.

pub mod class;

pub mod changelog;

pub mod finding;

pub mod romside;

pub mod contain;

pub mod io;

pub mod codec;

pub mod protobuf;

pub mod props;

pub mod era;

pub mod family;

pub mod names;

pub mod package;

pub mod image;

pub mod fs;

pub mod rom;

pub mod verify;

pub mod device_props;

pub mod projects;

pub mod build;

pub mod facts;

pub mod entry_rules;

pub mod address;

pub mod theme;

pub mod config;

pub mod kit;

pub mod scan;

pub mod digest;

pub mod cache;

pub mod fetch;

pub mod ingest;

pub mod catalog;

pub mod template;

pub mod feed;

pub mod site;

pub mod client;

pub mod generate;

pub mod upload;

pub mod check;

pub mod simulate;

#[cfg(feature = "serve")]
pub mod serve;
