//! The command line: what can be said, and how it becomes a [`Task`]. Starts nothing.

mod admin;
mod certs;
mod dev;
mod serve;

use clap::{Parser, Subcommand};

use crate::admin::Call;
use crate::certs::Order;
use crate::config::{Config, ConfigError};
use crate::dev::Plan;
use dev::Dev;

/// Quorate: an MQTT broker that acknowledges a message once it is safe on disk.
///
/// Without a command, runs `dev`: a broker on 127.0.0.1:1883 for everybody on this machine, with its data
/// in ./quorate-data.
#[derive(Debug, Parser)]
#[command(name = "quorate", version, verbatim_doc_comment)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Box<serve::Serve>),
    Dev(Dev),
    Admin(admin::Admin),
    Certs(certs::Certs),
}

/// What the command line asks for.
#[derive(Debug)]
pub enum Task {
    /// Run a node.
    Run {
        /// How.
        config: Box<Config>,
        /// What to try, for people who have just started; printed once the node is ready.
        hints: String,
        /// Whether the end of standard input is the end of the node, see [`crate::shutdown`].
        ends_with_input: bool,
    },
    /// Run several nodes as child processes.
    Cluster(Plan),
    /// Ask a node's admin service.
    Ask(Call),
    /// Make certificates.
    Certify(Order),
    /// Print this and end.
    Print(String),
}

impl Cli {
    /// The task, with a configuration that is valid.
    ///
    /// # Errors
    /// The configuration is not.
    pub fn into_task(self) -> Result<Task, ConfigError> {
        match self.command {
            Some(Command::Serve(serve)) => serve.into_task(),
            Some(Command::Dev(dev)) => dev.into_task(),
            Some(Command::Admin(admin)) => Ok(Task::Ask(admin.into_call())),
            Some(Command::Certs(certs)) => Ok(Task::Certify(certs.into_order())),
            None => Dev::default().into_task(),
        }
    }
}
