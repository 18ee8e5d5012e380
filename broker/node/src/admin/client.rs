//! `quorate admin`: asks a node, prints the answer, and says with the exit code how it went.

mod connection;
mod error;
mod json;
mod table;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;
use quorate_proto::admin as proto;
use tokio::time::{Instant, sleep, timeout};

use super::call::{Call, Question};
use super::limits::{ANSWER_WAIT, DRAIN_INTERVAL, DRAIN_WAIT, OTHERS_WAIT};
use super::view::{View, group_name};
use crate::peers::PeerTls;
use connection::Connection;

pub(crate) use error::AskError;
pub(crate) use table::{role_name, table};

pub(super) use connection::load;

/// Asks, prints the answer, and says how it went: an exit code of `AskError::exit_code`, or 0.
pub fn ask(call: &Call) -> u8 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let answered = match runtime {
        Ok(runtime) => runtime.block_on(answer(call)),
        Err(error) => Err(AskError::Refused(error.to_string())),
    };
    match answered {
        Ok(text) => {
            print!("{text}");
            0
        }
        Err(error) => {
            eprintln!("quorate: {error}");
            error.exit_code()
        }
    }
}

/// Asks a node for its status, and the others for what only they know.
///
/// # Errors
/// The node does not answer.
pub(crate) async fn look(to: &str, tls: Option<&Arc<PeerTls>>) -> Result<View, AskError> {
    let asked = Connection::open(to, tls).await?.status().await?;
    let others = asked.members.iter().filter(|member| {
        member.node != asked.node && member.live && !member.admin_address.is_empty()
    });
    let asking = others.map(|member| async {
        let answer = async {
            let mut connection = Connection::open(&member.admin_address, tls).await?;
            connection.status().await
        };
        let answer = timeout(OTHERS_WAIT, answer).await.ok()?.ok()?;
        // Another node, or another cluster, may have moved into the address.
        let is_it = answer.node == member.node && answer.cluster_id == asked.cluster_id;
        is_it.then_some((member.node, answer))
    });
    let others: BTreeMap<_, _> = join_all(asking).await.into_iter().flatten().collect();
    Ok(View { asked, others })
}

pub(super) async fn answer(call: &Call) -> Result<String, AskError> {
    let tls = call.tls.as_ref().map(load).transpose()?;
    let client = Client {
        to: &call.to,
        tls: tls.as_ref(),
    };
    let answer = client.answer(&call.question);
    timeout(ANSWER_WAIT, answer)
        .await
        .unwrap_or_else(|_| Err(AskError::silent(&call.to)))
}

/// Whom to ask, and how.
struct Client<'a> {
    to: &'a str,
    tls: Option<&'a Arc<PeerTls>>,
}

/// A change of one member.
#[derive(Clone, Copy)]
enum Wish {
    Promote,
    Demote,
    Remove,
}

impl Client<'_> {
    async fn answer(&self, question: &Question) -> Result<String, AskError> {
        match question {
            Question::Status { json } => {
                let view = look(self.to, self.tls).await?;
                Ok(if *json {
                    json::print(&view)
                } else {
                    table::print(&view, self.to)
                })
            }
            Question::Initialise => self.initialise().await,
            Question::Add { address } => self.add(address).await,
            Question::Promote { node, expected } => {
                self.change(Wish::Promote, *node, *expected).await
            }
            Question::Demote { node, expected } => {
                self.change(Wish::Demote, *node, *expected).await
            }
            Question::Remove { node, expected } => {
                self.change(Wish::Remove, *node, *expected).await
            }
            Question::Transfer { group, node } => self.transfer(*group, *node).await,
            Question::Drain { node, undo } => self.drain(*node, *undo).await,
        }
    }

    async fn connect(&self) -> Result<Connection, AskError> {
        Connection::open(self.to, self.tls).await
    }

    async fn initialise(&self) -> Result<String, AskError> {
        let reply = self.connect().await?.initialise().await?;
        Ok(format!(
            "A new cluster has begun: it is node {}, revision {}.\n",
            reply.node, reply.revision
        ))
    }

    async fn add(&self, address: &str) -> Result<String, AskError> {
        let status = self.connect().await?.status().await?;
        let members = status.members.into_iter();
        let members: Vec<String> = members
            .filter(|member| member.live && !member.peer_address.is_empty())
            .map(|member| member.peer_address)
            .collect();
        if members.is_empty() {
            return Err(AskError::Refused(format!(
                "{} knows no member that others could join; is its peers.listen on?",
                self.to
            )));
        }
        let mut waiting = Connection::open(address, self.tls).await?;
        let reply = waiting.add_member(members).await?;
        let node = reply.node;
        Ok(format!(
            "Node {node} is a learner now, revision {}. quorate admin promote {node} gives it a vote.\n",
            reply.revision
        ))
    }

    async fn change(
        &self,
        wish: Wish,
        node: u64,
        expected: Option<u64>,
    ) -> Result<String, AskError> {
        let mut connection = self.connect().await?;
        let expected_revision = match expected {
            Some(revision) => revision,
            None => connection.status().await?.revision,
        };
        let request = proto::MemberRequest {
            expected_revision,
            node,
        };
        let (reply, becomes) = match wish {
            Wish::Promote => (connection.promote(request).await?, "becomes a voter"),
            Wish::Demote => (connection.demote(request).await?, "becomes a learner"),
            Wish::Remove => (connection.remove(request).await?, "is taken out"),
        };
        Ok(format!(
            "Node {node} {becomes}, revision {}. The groups follow; quorate admin status shows how far they are.\n",
            reply.revision
        ))
    }

    async fn transfer(&self, group: u32, node: u64) -> Result<String, AskError> {
        let view = look(self.to, self.tls).await?;
        let name = group_name(group);
        let leader = view.leader(group).ok_or_else(|| {
            AskError::Refused(format!("{name} has no leader, or there is no such group"))
        })?;
        if leader == node {
            return Ok(format!("Node {node} leads {name} already.\n"));
        }
        let mut connection = if leader == view.asked.node {
            self.connect().await?
        } else {
            let member = view.member(leader);
            let address = member.map_or("", |member| &member.admin_address);
            if address.is_empty() {
                return Err(AskError::Refused(format!(
                    "{name} is led by node {leader}, which has no admin service to be asked"
                )));
            }
            Connection::open(address, self.tls).await?
        };
        connection.transfer(group, node).await?;
        Ok(format!("Node {node} leads {name}.\n"))
    }

    async fn drain(&self, node: u64, undo: bool) -> Result<String, AskError> {
        self.connect().await?.drain(node, undo).await?;
        if undo {
            return Ok(format!("Node {node} may lead groups again.\n"));
        }
        let end = Instant::now() + DRAIN_WAIT;
        loop {
            let view = look(self.to, self.tls).await?;
            let groups = view.groups();
            let led = groups.iter().filter(|group| group.leader == Some(node));
            let led: Vec<String> = led.map(|group| group_name(group.group)).collect();
            if led.is_empty() {
                return Ok(format!(
                    "Node {node} leads no group. quorate admin drain --undo {node} ends the drain.\n"
                ));
            }
            if Instant::now() >= end {
                let seconds = DRAIN_WAIT.as_secs();
                return Err(AskError::Refused(format!(
                    "node {node} still leads {} after {seconds} s; the drain goes on. Are other voters live and caught up?",
                    led.join(", ")
                )));
            }
            sleep(DRAIN_INTERVAL).await;
        }
    }
}
