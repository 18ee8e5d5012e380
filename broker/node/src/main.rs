//! The binary `quorate`: command line in, exit code out. Everything else is the library's.

use std::process::ExitCode;

use clap::Parser;
use quorate_node::cli::{Cli, Task};
use quorate_node::{node, telemetry};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The command line or the configuration is wrong: starting again changes nothing.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let (config, hints) = match Cli::parse().into_task() {
        Ok(Task::Run { config, hints }) => (config, hints),
        Ok(Task::Print(text)) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(error) => return fail(&error, EXIT_USAGE),
    };
    if let Err(error) = telemetry::start(&config) {
        return fail(&error, EXIT_USAGE);
    }
    match node::run(&config, &hints) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, 1),
    }
}

fn fail(error: &dyn std::fmt::Display, code: u8) -> ExitCode {
    eprintln!("quorate: {error}");
    ExitCode::from(code)
}
