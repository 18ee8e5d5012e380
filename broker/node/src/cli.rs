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
/// Without a command, runs `dev`: a cluster of three nodes on this machine for everybody on it, MQTT on ports
/// 1883 to 1885, with its data in ./quorate-data.
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::admin::Question;

    fn task(line: &str) -> Result<Task, String> {
        let cli = Cli::try_parse_from(line.split(' ')).map_err(|error| error.to_string())?;
        cli.into_task().map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn admin_flags_may_stand_on_either_side() {
        let files = "--cert c --key k --ca a";
        for line in [
            format!("quorate admin --to one:7983 {files} remove 9"),
            format!("quorate admin remove 9 --to one:7983 {files}"),
        ] {
            let Task::Ask(call) = task(&line).unwrap() else {
                panic!("{line}")
            };
            assert_eq!(call.to, "one:7983");
            assert_eq!(call.tls.unwrap().ca.to_string_lossy(), "a");
            let remove = Question::Remove {
                node: 9,
                expected: None,
            };
            assert_eq!(call.question, remove);
        }
        let half = task("quorate admin --cert c status").unwrap_err();
        assert!(half.contains("--key"), "{half}");
        let address = task("quorate admin --to one status").unwrap_err();
        assert!(address.contains("no HOST:PORT"), "{address}");
    }

    #[test]
    fn dev_runs_one_node_here_or_several_as_children() {
        assert!(matches!(
            task("quorate dev --nodes 1").unwrap(),
            Task::Run { .. }
        ));
        let Task::Cluster(plan) = task("quorate dev --nodes 3 --base-port 2000").unwrap() else {
            panic!("three nodes are a cluster")
        };
        assert_eq!((plan.nodes, plan.base_port), (3, 2000));
        assert!(task("quorate dev --nodes 8").is_err());
    }

    #[test]
    fn certificates_are_for_nodes_with_hosts() {
        let Task::Certify(order) =
            task("quorate certs --out d --node one=a,b --node two=::1").unwrap()
        else {
            panic!("certs make certificates")
        };
        assert_eq!(order.nodes[0].hosts, ["a", "b"]);
        assert!(task("quorate certs --out d --node one").is_err());
    }
}
