//! Markup: changelogs made safe for pages, and the template engine of pages and feeds.

pub mod changelog;
pub mod template;
