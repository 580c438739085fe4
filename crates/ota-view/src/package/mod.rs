//! The zip: its entries, layout, metadata and signature.

pub mod layout;
pub mod metadata;
pub mod signature;
pub mod zip;

pub use layout::Layout;
pub use zip::Package;
