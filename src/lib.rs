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

pub mod files;

pub mod markup;

pub mod model;

pub mod fetch;

pub mod source;

pub mod ingest;

pub mod catalog;

pub mod publish;

pub mod hosting;

pub mod upload;

pub mod generate;

pub mod clients;

#[cfg(feature = "serve")]
pub mod serve;
