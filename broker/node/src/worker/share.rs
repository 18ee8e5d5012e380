//! Shared subscriptions: for each message one member of each group (design 2.5). The publisher's worker chooses;
//! another worker or node that is chosen finds the member by the number that comes with the message.

use std::sync::Arc;

use quorate_codec::{Publish, PublishHead, QoS};
use quorate_router::{
    Chosen, ConnectionId, Draw, Route, ShareCount, ShareGroup, Subscriber, Target,
};
use quorate_shard::{Command, NodeId, Origin, Reclaim, ShardId, ShareTurn};

use super::core::{Core, key};
use super::cross::CrossPublish;
use super::deliver::Outgoing;

/// Who got a message as members of share groups and has to say so before its publisher gets an acknowledgement.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    /// Other nodes: group, and number of the member.
    pub(super) nodes: Vec<(NodeId, Arc<str>, u32)>,
    /// Shards, for a durable member of a group.
    pub(super) lends: Vec<(ShardId, ShareTurn)>,
}

impl Elsewhere {
    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.lends.is_empty()
    }

    /// Groups that the shard has a member of.
    pub(super) fn groups_of(&self, shard: ShardId) -> Vec<ShareTurn> {
        let lends = self.lends.iter().filter(|(to, _)| *to == shard);
        lends.map(|(_, share)| share.clone()).collect()
    }

    /// The shards that are not among these, each once.
    pub(super) fn lends_beside(&self, shards: &[ShardId]) -> impl Iterator<Item = ShardId> {
        let lends = self.lends.iter().enumerate();
        lends
            .filter(|(at, (shard, _))| !self.lends[..*at].iter().any(|(before, _)| before == shard))
            .map(|(_, (shard, _))| *shard)
            .filter(|shard| !shards.contains(shard))
    }

    pub(super) fn clear(&mut self) {
        self.nodes.clear();
        self.lends.clear();
    }
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
        self.elsewhere.clear();
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
                Chosen::Member(id, subscriber) => {
                    self.deliver_to_member(id, subscriber, *group, outgoing);
                }
                Chosen::Target(target, turn) => {
                    let text = self.table.share_text(*group).cloned();
                    let text = text.expect("a member was chosen from the group");
                    self.share_with(target, text, turn, outgoing);
                }
            }
        }
    }

    /// A repeat of a message whose direct part was done: only shards, which know whether they have it.
    pub(super) fn share_with_shards(
        &mut self,
        from: ConnectionId,
        route: &Route,
        publish: &Publish<'_>,
        sequence: u64,
    ) {
        self.elsewhere.clear();
        for group in &route.groups {
            let publisher = self.connections.get(key(from));
            let draw = Draw {
                qos: publish.qos,
                client: publisher.map_or("", |publisher| &publisher.client_id),
                topic: publish.topic,
                fixed: Some(sequence),
            };
            let chosen = self.table.choose(*group, &draw);
            if let Some(Chosen::Target(Target::Shard(shard), turn)) = chosen {
                let text = self.table.share_text(*group).cloned();
                let share = text.map(|group| (shard, ShareTurn { group, turn }));
                self.elsewhere.lends.extend(share);
            }
        }
    }

    /// Gives a message to one member of this group alone: another one did not get it.
    pub(super) fn share_once(
        &mut self,
        text: &Arc<str>,
        outgoing: Outgoing<'_>,
        origin: Option<Origin>,
    ) {
        self.elsewhere.clear();
        let Some(group) = self.table.share_group(text) else {
            return;
        };
        let draw = Draw {
            qos: outgoing.qos,
            client: "",
            topic: outgoing.topic,
            // If this leader dies the next one does it again, and the shard that has it already must be asked.
            fixed: origin.map(number),
        };
        match self.table.choose(group, &draw) {
            Some(Chosen::Member(id, subscriber)) => {
                self.deliver_to_member(id, subscriber, group, outgoing);
            }
            Some(Chosen::Target(target, turn)) => {
                self.share_with(target, text.clone(), turn, outgoing);
            }
            None => {}
        }
    }

    /// An own connection is a member of the group: what absent members have not got is for it and the others that
    /// are there (design 2.5).
    pub(super) fn reclaim(&mut self, group: &Arc<str>) {
        for shard in self.table.shards_with_absent(group) {
            let group = group.clone();
            self.request_unanswered(shard, Command::Reclaim(Reclaim { group }));
        }
    }

    /// Somebody else's members of a group have changed. One more is absent: what it has not got may be for own members. The
    /// first has come: what was left to absent ones because nobody was there may be for it.
    pub(super) fn members_changed(
        &mut self,
        target: Target,
        group: &Arc<str>,
        before: Option<ShareCount>,
        now: ShareCount,
    ) {
        let Target::Shard(shard) = target else {
            return;
        };
        let before = before.unwrap_or_default();
        if before.ready == 0 && now.ready > 0 {
            self.reclaim(group);
        } else if now.other > before.other && self.table.shards_with_absent(group).contains(&shard)
        {
            let group = group.clone();
            self.request_unanswered(shard, Command::Reclaim(Reclaim { group }));
        }
    }

    fn share_with(&mut self, target: Target, group: Arc<str>, turn: u32, outgoing: Outgoing<'_>) {
        match target {
            Target::Worker(worker) => self.share_with_worker(worker, &group, turn, outgoing),
            Target::Node(node) if outgoing.qos == QoS::AtMostOnce => {
                self.share_with_node(node, &group, turn, outgoing);
            }
            Target::Node(node) => self.elsewhere.nodes.push((node, group, turn)),
            Target::Shard(shard) => {
                let share = ShareTurn { group, turn };
                self.elsewhere.lends.push((shard, share));
            }
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
    pub(super) fn deliver_node_turn(&mut self, text: &str, turn: u32, outgoing: Outgoing<'_>) {
        // Without a group the last member has left while the message was on its way.
        let Some(group) = self.table.share_group(text) else {
            return;
        };
        match self.table.choose_here(group, outgoing.qos, turn) {
            Some(Chosen::Member(id, subscriber)) => {
                self.deliver_to_member(id, subscriber, group, outgoing);
            }
            Some(Chosen::Target(Target::Worker(worker), turn)) => {
                self.share_with_worker(worker, text, turn, outgoing);
            }
            Some(Chosen::Target(Target::Shard(_) | Target::Node(_), _)) => {
                unreachable!("only this node's workers are chosen among");
            }
            None => {}
        }
    }

    /// A message that another worker has left to this one. If its last member has left meanwhile, another worker
    /// gets it: that one has heard of this by then, so it does not come back.
    pub(super) fn deliver_turn(&mut self, text: &str, turn: u32, outgoing: Outgoing<'_>) {
        let Some(group) = self.table.share_group(text) else {
            return;
        };
        match self.table.choose_own(group, outgoing.qos, turn) {
            Some(Chosen::Member(id, subscriber)) => {
                self.deliver_to_member(id, subscriber, group, outgoing);
            }
            Some(Chosen::Target(..)) | None => self.deliver_node_turn(text, turn, outgoing),
        }
    }

    fn deliver_to_member(
        &mut self,
        id: ConnectionId,
        subscriber: Subscriber,
        group: ShareGroup,
        outgoing: Outgoing<'_>,
    ) {
        let identifier = subscriber.identifier.map(|identifier| [identifier.get()]);
        let qos = subscriber.qos.min(outgoing.qos);
        let head = PublishHead {
            retain: outgoing.retain && subscriber.retain_as_published,
            expiry_seconds: outgoing.expiry_seconds,
            subscription_ids: identifier.as_ref().map_or(&[], |id| id.as_slice()),
            ..PublishHead::new(qos, None)
        };
        let text = self
            .table
            .share_text(group)
            .filter(|_| qos != QoS::AtMostOnce);
        match text.cloned() {
            Some(text) => self.deliver_lent(id, &text, head, outgoing),
            None => self.deliver_to(id, head, outgoing, &mut None),
        }
    }
}

/// A number that is the same for every repeat.
fn number(origin: Origin) -> u64 {
    match origin {
        Origin::Inbound { sequence, .. } => sequence,
        Origin::Will { session, epoch, .. } => session.rotate_left(32) ^ epoch,
    }
}
