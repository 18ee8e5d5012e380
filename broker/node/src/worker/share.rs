//! Shared subscriptions: for each message one member of each group (design 2.5). The publisher's worker chooses;
//! another worker or node that is chosen finds the member by the number that comes with the message.

use std::sync::Arc;

use quorate_codec::{PublishHead, QoS};
use quorate_router::{Chosen, ConnectionId, Draw, Route, Subscriber, Target};
use quorate_shard::NodeId;

use super::core::{Core, key};
use super::cross::CrossPublish;
use super::deliver::Outgoing;

/// Who got a message of a group and has to say so before its publisher gets an acknowledgement.
#[derive(Debug)]
pub(super) enum Elsewhere {
    /// Another node.
    Node {
        node: NodeId,
        group: Arc<str>,
        turn: u32,
    },
}

impl Core {
    /// Gives the message to one member of each group of the route. Who has to answer for it is left in
    /// `elsewhere`.
    pub(super) fn share(
        &mut self,
        from: Option<ConnectionId>,
        route: &Route,
        outgoing: Outgoing<'_>,
        fixed: Option<u64>,
    ) {
        for group in &route.groups {
            let publisher = from.and_then(|from| self.connections.get(key(from)));
            let draw = Draw {
                qos: outgoing.qos,
                client: publisher.map_or("", |publisher| &publisher.client_id),
                topic: outgoing.topic,
                fixed,
            };
            let Some(chosen) = self.table.choose(*group, &draw) else {
                continue;
            };
            match chosen {
                Chosen::Member(id, subscriber) => self.deliver_to_member(id, subscriber, outgoing),
                Chosen::Target(target, turn) => {
                    let text = self.table.share_text(*group).cloned();
                    let text = text.expect("a member was chosen from the group");
                    self.share_with(target, text, turn, outgoing);
                }
            }
        }
    }

    fn share_with(&mut self, target: Target, group: Arc<str>, turn: u32, outgoing: Outgoing<'_>) {
        match target {
            Target::Worker(worker) => self.share_with_worker(worker, &group, turn, outgoing),
            Target::Node(node) if outgoing.qos == QoS::AtMostOnce => {
                self.share_with_node(node, &group, turn, outgoing);
            }
            Target::Node(node) => self.elsewhere.push(Elsewhere::Node { node, group, turn }),
            Target::Shard(_) => unreachable!("no shard tells of share groups"),
        }
    }

    fn share_with_worker(&mut self, worker: u16, group: &str, turn: u32, outgoing: Outgoing<'_>) {
        self.outbox.cross[usize::from(worker)]
            .batch
            .push(CrossPublish {
                share: Some((group, turn)),
                ..CrossPublish::from(outgoing)
            });
    }

    pub(super) fn share_with_node(
        &mut self,
        node: NodeId,
        group: &str,
        turn: u32,
        outgoing: Outgoing<'_>,
    ) {
        let out = &mut self.outbox.nodes.entry(node).or_default().out;
        out.batch.push(CrossPublish {
            share: Some((group, turn)),
            ..CrossPublish::from(outgoing)
        });
    }

    /// A message that another node has left to this one.
    pub(super) fn deliver_node_turn(&mut self, group: &str, turn: u32, outgoing: Outgoing<'_>) {
        match self.table.choose_here(group, outgoing.qos, turn) {
            Some(Chosen::Member(id, subscriber)) => {
                self.deliver_to_member(id, subscriber, outgoing)
            }
            Some(Chosen::Target(Target::Worker(worker), turn)) => {
                self.share_with_worker(worker, group, turn, outgoing);
            }
            Some(Chosen::Target(Target::Shard(_) | Target::Node(_), _)) => {
                unreachable!("only this node's workers are chosen among");
            }
            // The last member has left while the message was on its way.
            None => {}
        }
    }

    /// A message that another worker has left to this one. If its last member has left meanwhile, another worker
    /// gets it: that one has heard of this by then, so it does not come back.
    pub(super) fn deliver_turn(&mut self, group: &str, turn: u32, outgoing: Outgoing<'_>) {
        match self.table.choose_own(group, outgoing.qos, turn) {
            Some(Chosen::Member(id, subscriber)) => {
                self.deliver_to_member(id, subscriber, outgoing)
            }
            Some(Chosen::Target(..)) | None => self.deliver_node_turn(group, turn, outgoing),
        }
    }

    fn deliver_to_member(
        &mut self,
        id: ConnectionId,
        subscriber: Subscriber,
        outgoing: Outgoing<'_>,
    ) {
        let identifier = subscriber.identifier.map(|identifier| [identifier.get()]);
        let head = PublishHead {
            retain: outgoing.retain && subscriber.retain_as_published,
            expiry_seconds: outgoing.expiry_seconds,
            subscription_ids: identifier.as_ref().map_or(&[], |id| id.as_slice()),
            ..PublishHead::new(subscriber.qos.min(outgoing.qos), None)
        };
        self.deliver_to(id, head, outgoing, &mut None);
    }
}
