//! Containers of partition images, as far as a package's kind needs them.
//!
//! Both modules answer one question so far: does the package need the build
//! before it (a delta), or does it stand alone?

pub mod payload;
pub mod transfer_list;
