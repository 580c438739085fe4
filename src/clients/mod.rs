//! The updaters on phones: their rules, and the commands that judge a published site by them.

pub mod check;
pub mod simulate;
pub mod updaters;
