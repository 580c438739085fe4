//! Output for people.
//!
//! - `terminal`: how lines are printed;
//! - `hints`: errors of packages, each with what to do about it;
//! - `runs`: errors that end a run, likewise;
//! - `events`: what a run did, a line for each event;
//! - `summary`: the report of a run and the next step;
//! - `rom`: the lines for the ROM.

mod events;
mod hints;
mod rom;
mod runs;
mod summary;
mod terminal;

pub(crate) use ota_view::error_kind::chain;
use ota_view::io::Counters;

pub(crate) use hints::print_fault;
pub(crate) use rom::{families, print_rom_side};
pub(crate) use runs::{catalog_hint, manifest_hint, print_run_error};
pub(crate) use summary::{Next, print_report, what_is_offered};
pub(crate) use terminal::Terminal;

/// Most errors or notes of one kind that are named without `-v`.
const MAX_ALIKE: usize = 20;

/// Counts things, for example `1 file` or `2 files`.
pub(crate) fn count(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// Describes the cost of reading a package of `size` bytes.
pub(crate) fn counters_line(counters: Counters, size: u64) -> String {
    let mut text = format!("{} bytes", counters.bytes_read);
    if counters.bytes_read < size {
        text.push_str(&format!(" of {size}"));
    }
    if counters.bytes_decoded > 0 {
        text.push_str(&format!(", decoded to {}", counters.bytes_decoded));
    }
    match counters.operations {
        0 => {}
        1 => text.push_str(", 1 operation"),
        n => text.push_str(&format!(", {n} operations")),
    }
    text
}
