//! Templates: one engine for feeds of any form and for pages.
//!
//! In: the texts of templates, and values. Out: the bytes of a page, or an error with template and
//! line. Used by `publish::feed::template` and `publish::site`.

pub(crate) mod engine;
pub(crate) mod fields;
pub(crate) mod json;
pub(crate) mod xml;

use serde::{Deserialize, Serialize};

/// The format of a page: how values are escaped, and how the page is checked.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Values are printed as JSON; the page must be valid JSON.
    #[default]
    Json,
    /// Values are escaped for elements and attributes; the page must be well-formed.
    Xml,
    /// Values are printed as they are.
    Text,
    /// Values are escaped as in XML; the page is not checked.
    Html,
}
