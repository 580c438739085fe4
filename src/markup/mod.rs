//! Texts of people: changelogs, and the template engine that pages and feeds are rendered by.

pub mod changelog;
pub mod template;
