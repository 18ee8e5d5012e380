//! The binary `quorate`: command line in, exit code out. Everything else is the library's.

use std::process::ExitCode;

use clap::Parser;
use quorate_node::cli::{Cli, Task};
use quorate_node::config::Config;
use quorate_node::{admin, certs, dev, node, shutdown, telemetry};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The command line or the configuration is wrong: starting again changes nothing.
const EXIT_USAGE: u8 = 2;

fn main() -> ExitCode {
    let done = match Cli::parse().into_task() {
        Ok(Task::Run {
            config,
            hints,
            ends_with_input,
        }) => return run(&config, &hints, ends_with_input),
        Ok(Task::Ask(call)) => return admin::ask(&call).into(),
        Ok(Task::Cluster(plan)) => dev::run(&plan),
        Ok(Task::Certify(order)) => certs::make(&order)
            .map(|made| print!("{made}"))
            .map_err(Into::into),
        Ok(Task::Print(text)) => {
            print!("{text}");
            Ok(())
        }
        Err(error) => return fail(&error, EXIT_USAGE),
    };
    done.map_or_else(|error| fail(&error, 1), |()| ExitCode::SUCCESS)
}

fn run(config: &Config, hints: &str, ends_with_input: bool) -> ExitCode {
    if let Err(error) = telemetry::start(config) {
        return fail(&error, EXIT_USAGE);
    }
    let watched = if ends_with_input {
        shutdown::end_with_input()
    } else {
        Ok(())
    };
    match watched
        .map_err(Into::into)
        .and_then(|()| node::run(config, hints))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, 1),
    }
}

fn fail(error: &dyn std::fmt::Display, code: u8) -> ExitCode {
    eprintln!("quorate: {error}");
    ExitCode::from(code)
}
