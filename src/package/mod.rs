//! The zip on disk: its entries, its layout, and what its META-INF says.

pub mod layout;
pub mod metadata;
pub mod zip;

pub use layout::Layout;
pub use zip::Package;
