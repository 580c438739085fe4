//! Publishing: which files go to the host, in which order.
//!
//! - `files`: the files of each step.

pub mod files;
