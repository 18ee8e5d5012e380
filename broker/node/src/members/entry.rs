//! How a node with an empty data directory gets into a cluster: it asks the members it was told of, one
//! after the other, until one of them takes it.

use std::sync::Arc;

use quorate_control::{Addresses, Life};
use quorate_proto::peer::{JoinAnswer, JoinRequest};

use super::limits::JOIN_RETRY;
use crate::peers::{self, PeerAddress, PeerTls};

/// A node that wants to be taken.
#[derive(Debug, Clone)]
pub struct Newcomer {
    /// Members to ask: `HOST:PORT` of their peer ports.
    pub ask: Vec<String>,
    /// Random; the same for all tries.
    pub token: u128,
    /// What people call the node.
    pub name: String,
    /// Where it will be reached.
    pub addresses: Addresses,
    /// Whether it becomes a voter by itself.
    pub promote: bool,
}

/// It was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The cluster.
    pub cluster: u128,
    /// The node's id and first life.
    pub life: Life,
    /// Members to reach.
    pub members: Vec<PeerAddress>,
}

/// An answer that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a member answers what cannot be understood: {0}")]
pub struct EntryError(&'static str);

impl Newcomer {
    /// Asks until somebody takes this node. Says once a round what keeps it from being taken.
    ///
    /// # Errors
    ///
    /// A member answered nonsense.
    pub async fn join(&self, tls: Option<&Arc<PeerTls>>) -> Result<Joined, EntryError> {
        let mut said = String::new();
        loop {
            for address in &self.ask {
                match peers::join(address, self.request(), tls).await {
                    Ok(answer) => return read(answer),
                    Err(error) => {
                        let problem = error.to_string();
                        if problem != said {
                            tracing::warn!("not taken into the cluster yet: {problem}");
                            said = problem;
                        }
                    }
                }
                tokio::time::sleep(JOIN_RETRY).await;
            }
        }
    }

    fn request(&self) -> JoinRequest {
        JoinRequest {
            token: self.token.to_be_bytes().to_vec().into(),
            name: self.name.clone(),
            peer_address: self.addresses.peer.clone(),
            client_address: self.addresses.client.clone(),
            admin_address: self.addresses.admin.clone(),
            promote: self.promote,
        }
    }
}

fn read(answer: JoinAnswer) -> Result<Joined, EntryError> {
    let cluster =
        <[u8; 16]>::try_from(&*answer.cluster).map_err(|_| EntryError("the cluster's id"))?;
    if answer.node == 0 || answer.incarnation == 0 {
        return Err(EntryError("the node's id"));
    }
    let members = answer.members.into_iter();
    Ok(Joined {
        cluster: u128::from_be_bytes(cluster),
        life: Life {
            node: answer.node,
            incarnation: answer.incarnation,
        },
        members: members
            .map(|member| PeerAddress {
                node: member.node,
                address: member.address,
            })
            .collect(),
    })
}
