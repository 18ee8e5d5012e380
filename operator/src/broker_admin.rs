//! The nodes' admin service, as the operator asks it: mutual TLS, a deadline on everything, answers as plain
//! values and errors as sentences. Decides nothing.

mod answer;
mod connect;
mod error;
mod limits;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use quorate_proto::admin as proto;
use quorate_proto::admin::admin_client::AdminClient;
use rustls::ClientConfig;
use tokio::time::timeout;
use tonic::Response;
use tonic::transport::Channel;

use crate::membership::{Next, Target, Told};
use limits::{ASK_WAIT, BEGIN_WAIT, CHANGE_WAIT};

pub use error::{AdminError, IdentityError};

/// The operator's certificate for the admin service of one cluster; see `tls`.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// Certificate chain, PEM.
    pub cert: Vec<u8>,
    /// Private key, PEM.
    pub key: Vec<u8>,
    /// The CAs that nodes' certificates are signed by, PEM.
    pub bundle: Vec<u8>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A key has no business in a log.
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

/// Where a node's admin service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The name that its certificate must have: what the node advertises.
    pub host: String,
    /// The pod's address. Names are not looked up: a name server may still know the pod before this one.
    pub ip: Option<IpAddr>,
    /// The admin port.
    pub port: u16,
    /// What the node advertises to its peers, `HOST:PORT`.
    pub peer_address: String,
}

/// The nodes of one cluster.
#[derive(Clone)]
pub struct Nodes {
    tls: Arc<ClientConfig>,
}

impl std::fmt::Debug for Nodes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Nodes").finish_non_exhaustive()
    }
}

impl Nodes {
    /// Gets ready to ask.
    ///
    /// # Errors
    /// Certificate, key and CAs cannot be used together.
    pub fn new(identity: &Identity) -> Result<Self, IdentityError> {
        let tls = Arc::new(connect::config(identity)?);
        Ok(Self { tls })
    }

    /// What each node says, in the order of their addresses; all are asked at once.
    pub async fn ask_all(&self, addresses: &[Address]) -> Vec<Told> {
        join_all(addresses.iter().map(|address| self.ask(address))).await
    }

    /// What a node says. One that cannot be asked is silent, and why is told.
    pub async fn ask(&self, address: &Address) -> Told {
        let asking = async {
            let mut client = self.client(address).await?;
            let reply = client.status(proto::StatusRequest {}).await;
            reply.map_err(|status| AdminError::from_status(&status))
        };
        match timeout(ASK_WAIT, asking).await {
            Ok(Ok(reply)) => answer::told(reply.into_inner(), address),
            Ok(Err(error)) => Told::Silent(error.problem()),
            Err(_) => Told::Silent(format!("no answer within {} s", ASK_WAIT.as_secs())),
        }
    }

    /// Carries a step out; answers with a sentence for an event. `addresses` are those of the pods that the
    /// step was planned with, in their order. Steps that no node is asked for are done at once.
    ///
    /// # Errors
    /// It was not done, or nobody knows whether it was; looking again tells.
    pub async fn carry_out(
        &self,
        next: &Next,
        addresses: &[Address],
    ) -> Result<String, AdminError> {
        let at = |pod: usize| addresses.get(pod).ok_or(AdminError::NoSuchPod);
        match next {
            Next::Nothing | Next::Wait | Next::Stuck | Next::Record { .. } => Ok(String::new()),
            Next::Initialise { pod, ticket } => self.initialise(at(*pod)?, ticket).await,
            Next::Add {
                pod,
                ticket,
                members,
            } => self.add(at(*pod)?, ticket, members).await,
            Next::Promote(target) => {
                let mut client = self.client(at(target.via)?).await?;
                let call = client.promote_member(request(target));
                within(CHANGE_WAIT, call).await?;
                Ok(format!("{} got its vote.", said(target)))
            }
            Next::Remove(target) => {
                let mut client = self.client(at(target.via)?).await?;
                within(CHANGE_WAIT, client.remove_member(request(target))).await?;
                Ok(format!("{} was taken out.", said(target)))
            }
            Next::Drain(target) => self.drain(at(target.via)?, target, false).await,
            Next::Undrain(target) => self.drain(at(target.via)?, target, true).await,
        }
    }

    async fn initialise(&self, address: &Address, ticket: &str) -> Result<String, AdminError> {
        let mut client = self.client(address).await?;
        let call = client.initialise(proto::InitialiseRequest {
            ticket: ticket.to_owned(),
        });
        let reply = within(BEGIN_WAIT, call).await?;
        Ok(format!("A new cluster has begun with node {}.", reply.node))
    }

    async fn add(
        &self,
        address: &Address,
        ticket: &str,
        members: &[String],
    ) -> Result<String, AdminError> {
        let mut client = self.client(address).await?;
        let members = members.to_vec();
        let call = client.add_member(proto::AddMemberRequest {
            members,
            ticket: ticket.to_owned(),
        });
        let reply = within(BEGIN_WAIT, call).await?;
        Ok(format!(
            "{} has joined as node {}, a learner.",
            address.host, reply.node
        ))
    }

    async fn drain(
        &self,
        address: &Address,
        target: &Target,
        undo: bool,
    ) -> Result<String, AdminError> {
        let mut client = self.client(address).await?;
        let node = target.node;
        let call = client.drain(proto::DrainRequest { node, undo });
        within(CHANGE_WAIT, call).await?;
        Ok(if undo {
            format!("{} may lead again.", said(target))
        } else {
            format!("{} hands over what it leads.", said(target))
        })
    }

    async fn client(&self, address: &Address) -> Result<AdminClient<Channel>, AdminError> {
        let ip = address.ip.ok_or(AdminError::NoAddress)?;
        let at = SocketAddr::new(ip, address.port);
        let channel = connect::connect(&self.tls, &address.host, at).await?;
        Ok(AdminClient::new(channel).max_decoding_message_size(limits::REPLY_BYTES_MAX))
    }
}

fn request(target: &Target) -> proto::MemberRequest {
    proto::MemberRequest {
        expected_revision: target.expected,
        node: target.node,
    }
}

fn said(target: &Target) -> String {
    format!("{} (node {})", target.name, target.node)
}

async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<Response<T>, tonic::Status>>,
) -> Result<T, AdminError> {
    match timeout(limit, call).await {
        Ok(Ok(reply)) => Ok(reply.into_inner()),
        Ok(Err(status)) => Err(AdminError::from_status(&status)),
        Err(_) => Err(AdminError::Unknown),
    }
}
