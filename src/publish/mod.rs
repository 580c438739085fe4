//! The published site: feeds for updaters, pages for people, and the writer of both.

pub mod feed;
pub mod site;
