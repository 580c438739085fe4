//! The updaters of phones: their rules, and what judges a published site by them.

pub mod check;
pub mod simulate;
pub mod updaters;
