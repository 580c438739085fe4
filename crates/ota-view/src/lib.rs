//! Reads any file or property out of any Android OTA package, lazily, from anything that can be
//! read at an offset.

pub mod catch_panic;
pub mod codec;
pub mod device_props;
pub mod error_kind;
pub mod finding;
pub mod fs;
pub mod image;
pub mod io;
pub mod ota;
pub mod package;
pub mod props;
mod protobuf;
#[cfg(feature = "verify")]
pub mod verify;
