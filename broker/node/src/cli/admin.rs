//! `quorate admin`: what is asked of a node's admin service.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::admin::{Call, Question};
use crate::config::{ADMIN_PORT, MutualTlsFiles, is_host_and_port};

/// Look at a cluster and change it, through the admin service of any of its nodes.
///
/// Changes of the membership name the revision they are made against, so that two people cannot undo
/// each other's work unknowingly: without --expect it is the one that status shows at that moment.
///
/// Exit codes: 0 done · 1 refused or failed · 2 the command line is wrong · 3 nobody answered ·
/// 4 the membership has changed meanwhile.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Admin {
    /// Admin address of a node [default: 127.0.0.1:7983]
    #[arg(long, value_name = "HOST:PORT", global = true, value_parser = host_and_port)]
    to: Option<String>,
    /// Certificate to show to the node; made by quorate certs
    #[arg(
        long,
        value_name = "FILE",
        global = true,
        requires = "key",
        requires = "ca"
    )]
    cert: Option<PathBuf>,
    /// Its private key
    #[arg(long, value_name = "FILE", global = true, requires = "cert")]
    key: Option<PathBuf>,
    /// CA that the node's certificate must be signed by
    #[arg(long, value_name = "FILE", global = true, requires = "cert")]
    ca: Option<PathBuf>,
    #[command(subcommand)]
    question: Ask,
}

#[derive(Debug, Subcommand)]
enum Ask {
    /// Members, leaders and how far each is behind
    Status {
        /// For programs
        #[arg(long)]
        json: bool,
    },
    /// Make a new cluster of one out of a node that waits (--bootstrap wait)
    Init,
    /// Take in a node that waits, as a learner; then promote it
    Add {
        /// Its admin address
        #[arg(value_name = "HOST:PORT", value_parser = host_and_port)]
        address: String,
    },
    /// Make a learner a voter
    Promote(Change),
    /// Make a voter a learner
    Demote(Change),
    /// Take a member out for good
    Remove(Change),
    /// Make a node the leader of a group
    Transfer {
        /// 0 is control, shard n is n + 1
        group: u32,
        /// Node id
        node: u64,
    },
    /// Move leaders away from a node, before it is stopped or removed
    Drain {
        /// Node id
        node: u64,
        /// End the drain instead
        #[arg(long)]
        undo: bool,
    },
}

#[derive(Debug, Args)]
struct Change {
    /// Node id
    node: u64,
    /// Only if the membership still has this revision
    #[arg(long, value_name = "REVISION")]
    expect: Option<u64>,
}

fn host_and_port(text: &str) -> Result<String, String> {
    if is_host_and_port(text) {
        return Ok(text.to_owned());
    }
    Err("it is no HOST:PORT, such as node-1.example:7983 or 127.0.0.1:7983".to_owned())
}

impl Admin {
    pub(super) fn into_call(self) -> Call {
        let tls = match (self.cert, self.key, self.ca) {
            (Some(cert), Some(key), Some(ca)) => Some(MutualTlsFiles { cert, key, ca }),
            _ => None,
        };
        Call {
            to: self.to.unwrap_or_else(|| format!("127.0.0.1:{ADMIN_PORT}")),
            tls,
            question: self.question.into_question(),
        }
    }
}

impl Ask {
    fn into_question(self) -> Question {
        match self {
            Self::Status { json } => Question::Status { json },
            Self::Init => Question::Initialise,
            Self::Add { address } => Question::Add { address },
            Self::Promote(change) => Question::Promote {
                node: change.node,
                expected: change.expect,
            },
            Self::Demote(change) => Question::Demote {
                node: change.node,
                expected: change.expect,
            },
            Self::Remove(change) => Question::Remove {
                node: change.node,
                expected: change.expect,
            },
            Self::Transfer { group, node } => Question::Transfer { group, node },
            Self::Drain { node, undo } => Question::Drain { node, undo },
        }
    }
}
