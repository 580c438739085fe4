//! The published site: feeds for updaters, pages for people, and the writer of both.
//!
//! In: the channels that phones are offered, changelogs, and the settings. Out: [`page::Page`]s,
//! which [`writer`] puts on disk. [`makers`] records what made each of them.

pub mod text_list;

pub mod page;

pub mod makers;

pub mod feed;

pub mod site;

pub mod writer;
