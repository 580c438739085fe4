//! Templates: one engine for feeds of any form and for the pages people read.
//!
//! In: the texts of templates, and values. Out: a page's bytes, or which template has
//! what wrong in which line. What is done with them: `feed::template`, `site`.

pub(crate) mod engine;
pub(crate) mod json;
pub(crate) mod xml;

use serde::{Deserialize, Serialize};

/// How values are escaped, and what a page is checked as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Values are printed as JSON.
    #[default]
    Json,
    /// Values are escaped for elements and attributes.
    Xml,
    /// Values are printed as they are.
    Text,
    /// Values are escaped as in XML; the page may have what HTML allows.
    Html,
}
