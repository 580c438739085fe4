//! romfeed turns a folder of Android ROM zips into a static over-the-air update
//! site.
//!
//! The library takes values and returns values; environment, terminal, current
//! folder and clock belong to the command line. Its interface is not versioned:
//! what romfeed promises is its command line, its configuration, its feeds and
//! its `--json` output.
//!
//! Data flows one way, in this order of modules.

pub mod address;
pub mod build;
pub mod catalog;
pub mod class;
pub mod config;
pub mod digest;
pub mod facts;
pub mod family;
pub mod feed;
pub mod generate;
pub mod image;
pub mod ingest;
pub mod io;
pub mod names;
pub mod package;
pub mod props;
pub mod scan;
pub mod site;
