//! `quorate certs`: which certificates are wanted.

use std::path::PathBuf;

use clap::Args;

use crate::certs::{NodeNames, Order};

/// Make the CAs and certificates of a cluster that is set up by hand.
///
/// Writes two CAs (one for nodes among each other, one for quorate admin), and for each node
/// NAME/peers.crt, NAME/peers.key, NAME/admin.crt and NAME/admin.key, and admin-client/admin.crt and .key
/// for people. Run it again with --node to add a node: what is there already stays as it is.
/// Keep peers-ca.key and admin-ca.key off the nodes; the .crt files are no secrets.
///
/// quorate certs --out certs --node one=10.0.0.1,one.example --node two=10.0.0.2
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Certs {
    /// Directory to write to; created if it is missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// A node: a name for its directory, and every host name or IP address it is reached by
    #[arg(long, value_name = "NAME=HOST,…", value_parser = node)]
    node: Vec<NodeNames>,
}

fn node(text: &str) -> Result<NodeNames, String> {
    NodeNames::parse(text).ok_or_else(|| {
        "it is no NAME=HOST[,HOST…], such as one=10.0.0.1,one.example; a NAME is letters, digits, - and _".to_owned()
    })
}

impl Certs {
    pub(super) fn into_order(self) -> Order {
        Order {
            out: self.out,
            nodes: self.node,
        }
    }
}
