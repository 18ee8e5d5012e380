//! One share group as a worker sees it (MQTT 5, 4.8.2): its own members, how many others have, and whose turn it is.
//! It must not deliver anything.

use std::sync::Arc;

use quorate_codec::QoS;

use crate::interest::{ConnectionId, Interest, Scope, ShareCount, Subscriber, Target};

/// How the member that gets a message is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ShareStrategy {
    /// One after another.
    #[default]
    RoundRobin,
    /// Anyone.
    Random,
    /// Always the same one, until it leaves.
    Sticky,
    /// By the publisher: all its messages go to one member while the members stay.
    ByClient,
    /// By the topic: all messages of a topic go to one member while the members stay.
    ByTopic,
    /// One after another of the nearest: this worker's, else this node's, else all.
    LocalFirst,
}

/// What a choice depends on beside the group.
#[derive(Debug, Clone, Copy)]
pub struct Draw<'a> {
    /// QoS of the message: durable members take what is above 0 from their shard.
    pub qos: QoS,
    /// Client id of the publisher.
    pub client: &'a str,
    /// Topic of the message.
    pub topic: &'a str,
    /// Decides alone if it is there: a repeat of a message goes where the first went, while the members stay.
    pub fixed: Option<u64>,
}

/// Who gets a message of a share group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chosen {
    /// An own connection, with its subscription.
    Member(ConnectionId, Subscriber),
    /// Somebody else, who finds the member by the number.
    Target(Target, u32),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) text: Arc<str>,
    /// Own connections that take every message, then those that take only QoS 0 this way; each by connection.
    members: [Vec<(ConnectionId, Subscriber)>; 2],
    targets: Vec<(Target, ShareCount)>,
    /// Grow with each choice, at QoS 0 and above: those are not the same members where some are durable.
    turns: [u64; 2],
    /// Whom all messages go to, if the strategy is sticky.
    held: Option<Chosen>,
}

impl Group {
    pub(crate) fn new(text: Arc<str>) -> Self {
        Self {
            text,
            members: [Vec::new(), Vec::new()],
            targets: Vec::new(),
            turns: [0; 2],
            held: None,
        }
    }

    /// Adds or replaces a member; whether it was there.
    pub(crate) fn join(&mut self, connection: ConnectionId, subscriber: Subscriber) -> bool {
        let existed = self.leave(connection);
        let list = match subscriber.scope() {
            Scope::QosZero => &mut self.members[1],
            Scope::Every | Scope::Share(_) => &mut self.members[0],
        };
        let at = list.partition_point(|(member, _)| *member < connection);
        list.insert(at, (connection, subscriber));
        existed
    }

    /// Takes a member out; whether it was there.
    pub(crate) fn leave(&mut self, connection: ConnectionId) -> bool {
        self.members.iter_mut().any(|list| {
            let at = list.binary_search_by_key(&connection, |(member, _)| *member);
            at.map(|at| list.remove(at)).is_ok()
        })
    }

    /// A target has this many members; none takes it out. Whether that was news.
    pub(crate) fn set_target(&mut self, target: Target, count: Option<ShareCount>) -> bool {
        let found = self
            .targets
            .binary_search_by_key(&target, |(known, _)| *known);
        match (found, count) {
            (Ok(at), Some(count)) => std::mem::replace(&mut self.targets[at].1, count) != count,
            (Err(at), Some(count)) => {
                self.targets.insert(at, (target, count));
                true
            }
            (Ok(at), None) => {
                self.targets.remove(at);
                true
            }
            (Err(_), None) => false,
        }
    }

    /// The members that a target has.
    pub(crate) fn count(&self, target: Target) -> Option<ShareCount> {
        let found = self
            .targets
            .binary_search_by_key(&target, |(known, _)| *known);
        Some(self.targets[found.ok()?].1)
    }

    /// Shards with members that are not connected, if own connections are members.
    pub(crate) fn shards_with_absent(&self) -> Vec<u16> {
        if self.members.iter().all(Vec::is_empty) {
            return Vec::new();
        }
        let absent = self.targets.iter().filter(|(_, count)| count.other > 0);
        absent
            .filter_map(|(target, _)| match target {
                Target::Shard(shard) => Some(*shard),
                Target::Worker(_) | Target::Node(_) => None,
            })
            .collect()
    }

    /// What own connections want of it.
    pub(crate) fn interest(&self) -> Interest {
        let [ready, other] = [0, 1].map(|list: usize| saturated(self.members[list].len()));
        (ready + other > 0).then_some(Scope::Share(ShareCount { ready, other }))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.iter().all(Vec::is_empty) && self.targets.is_empty()
    }

    /// One member of all. Where nobody can take the message now, a shard whose members are absent keeps it.
    /// `number` is what the strategy decides by if that is not the turn.
    pub(crate) fn choose(
        &mut self,
        strategy: ShareStrategy,
        qos: QoS,
        number: Option<u64>,
    ) -> Option<Chosen> {
        if strategy == ShareStrategy::Sticky && self.held.is_some_and(|held| self.holds(held, qos))
        {
            return self.held;
        }
        let mut among = Among::of(strategy, self, qos);
        let mut total = self.total(among, qos);
        if total == 0 {
            among = Among::Asleep;
            total = self.total(among, qos);
        }
        let turn = number.unwrap_or_else(|| {
            let turn = &mut self.turns[usize::from(qos != QoS::AtMostOnce)];
            *turn = turn.wrapping_add(1);
            *turn
        });
        let chosen = self.at(turn.checked_rem(total)?, among, qos);
        self.held = chosen;
        chosen
    }

    /// One of the members that this node's workers have, for a message that another node has chosen this one for.
    pub(crate) fn choose_here(&self, qos: QoS, number: u32) -> Option<Chosen> {
        let total = self.total(Among::Node, qos);
        self.at(u64::from(number).checked_rem(total)?, Among::Node, qos)
    }

    /// One of the own members, for a message that another worker has chosen this one for.
    pub(crate) fn choose_own(&self, qos: QoS, number: u32) -> Option<Chosen> {
        let total = self.total(Among::Own, qos);
        self.at(u64::from(number).checked_rem(total)?, Among::Own, qos)
    }

    fn lists(&self, among: Among, qos: QoS) -> &[Vec<(ConnectionId, Subscriber)>] {
        match (among, qos) {
            (Among::Asleep, _) => &[],
            (Among::Own | Among::Node | Among::All, QoS::AtMostOnce) => &self.members,
            (Among::Own | Among::Node | Among::All, QoS::AtLeastOnce | QoS::ExactlyOnce) => {
                &self.members[..1]
            }
        }
    }

    fn total(&self, among: Among, qos: QoS) -> u64 {
        let own = self.lists(among, qos).iter();
        let others = self.targets.iter();
        own.map(|list| list.len() as u64).sum::<u64>()
            + others
                .map(|(target, count)| among.weight(*target, *count, qos))
                .sum::<u64>()
    }

    /// The member in this place, of which there are [`Self::total`].
    fn at(&self, mut place: u64, among: Among, qos: QoS) -> Option<Chosen> {
        for list in self.lists(among, qos) {
            if let Some((connection, subscriber)) = list.get(place as usize) {
                return Some(Chosen::Member(*connection, *subscriber));
            }
            place -= list.len() as u64;
        }
        for (target, count) in &self.targets {
            let weight = among.weight(*target, *count, qos);
            if place < weight {
                return Some(Chosen::Target(*target, place as u32));
            }
            place -= weight;
        }
        None
    }

    fn holds(&self, held: Chosen, qos: QoS) -> bool {
        match held {
            Chosen::Member(connection, subscriber) => self
                .lists(Among::Own, qos)
                .iter()
                .any(|list| list.contains(&(connection, subscriber))),
            Chosen::Target(target, _) => self.targets.iter().any(|(known, count)| {
                *known == target && Among::All.weight(target, *count, qos) > 0
            }),
        }
    }
}

/// Among whom the choice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Among {
    /// Own connections.
    Own,
    /// Connections of this node.
    Node,
    /// Whoever can take the message now.
    All,
    /// Shards, for their absent members.
    Asleep,
}

impl Among {
    fn of(strategy: ShareStrategy, group: &Group, qos: QoS) -> Self {
        if strategy != ShareStrategy::LocalFirst {
            return Self::All;
        }
        let nearest = [Self::Own, Self::Node];
        let near = nearest
            .into_iter()
            .find(|among| group.total(*among, qos) > 0);
        near.unwrap_or(Self::All)
    }

    fn weight(self, target: Target, count: ShareCount, qos: QoS) -> u64 {
        let ShareCount { ready, other } = count;
        let direct = qos == QoS::AtMostOnce;
        u64::from(match (self, target) {
            (Self::Own, _) => 0,
            (Self::Node | Self::All, Target::Worker(_)) | (Self::All, Target::Node(_)) => {
                // Durable members take what is above QoS 0 from their shard.
                if direct {
                    return u64::from(ready) + u64::from(other);
                }
                ready
            }
            (Self::All, Target::Shard(_)) if !direct => ready,
            (Self::Asleep, Target::Shard(_)) if !direct => other,
            (Self::Node | Self::All | Self::Asleep, _) => 0,
        })
    }
}

fn saturated(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
