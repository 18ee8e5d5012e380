//! The binary `quorate`: command line in, exit code out. Everything else is the library's.

use std::process::ExitCode;

use clap::Parser;
use quorate_node::cli::Cli;
use quorate_node::launch;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    launch(Cli::parse())
}
