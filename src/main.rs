//! The `romfeed` command.

mod cli;

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Pages are made of many short texts, which the allocators of systems are slow at, musl's most of all.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
