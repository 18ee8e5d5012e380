//! From the command line to an exit code: the task is done, errors are said once and as sentences. Knows
//! nothing of what the tasks do.

use std::process::ExitCode;

use crate::cli::{Cli, Task};
use crate::config::Config;
use crate::{admin, certs, dev, node, shutdown, telemetry};

/// The command line or the configuration is wrong: starting again changes nothing.
const EXIT_USAGE: u8 = 2;
/// Anything else.
const EXIT_FAILED: u8 = 1;

/// Does what the command line asks for.
pub fn launch(cli: Cli) -> ExitCode {
    let done = match cli.into_task() {
        Ok(Task::Run {
            config,
            hints,
            ends_with_input,
        }) => return run(&config, &hints, ends_with_input),
        Ok(Task::Ask(call)) => return admin::ask(&call).into(),
        Ok(Task::Cluster(plan)) => dev::run(&plan),
        Ok(Task::Certify(order)) => certs::make(&order)
            .map(|told| print!("{told}"))
            .map_err(Into::into),
        Ok(Task::Print(text)) => {
            print!("{text}");
            Ok(())
        }
        Err(error) => return fail(&error, EXIT_USAGE),
    };
    finish(done)
}

fn run(config: &Config, hints: &str, ends_with_input: bool) -> ExitCode {
    if let Err(error) = telemetry::start(config) {
        return fail(&error, EXIT_USAGE);
    }
    if ends_with_input && let Err(error) = shutdown::end_with_input() {
        return fail(&error, EXIT_FAILED);
    }
    finish(node::run(config, hints))
}

fn finish(done: anyhow::Result<()>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&sentence(&error), EXIT_FAILED),
    }
}

/// An error with its causes, each said once: some errors say their cause themselves.
fn sentence(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn fail(error: &dyn std::fmt::Display, code: u8) -> ExitCode {
    eprintln!("quorate: {error}");
    ExitCode::from(code)
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn causes_are_said_once() {
        let cause = std::io::Error::other("no room");
        let error = Err::<(), _>(cause)
            .context("writing")
            .context("starting: writing");
        let error = error.unwrap_err();
        assert_eq!(sentence(&error), "starting: writing: no room");
    }
}
