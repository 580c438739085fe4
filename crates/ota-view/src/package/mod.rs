//! The zip on disk: its entries, its layout, what its META-INF says, and who signed it.

pub mod layout;
pub mod metadata;
pub mod signature;
pub mod zip;

pub use layout::Layout;
pub use zip::Package;
