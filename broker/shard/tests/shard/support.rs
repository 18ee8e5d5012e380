//! A shard with somebody who numbers batches for it, and short ways to write commands.

use std::sync::Arc;

use bytes::Bytes;
use quorate_codec::{PacketId, QoS, RetainHandling, SubscriptionOptions};
use quorate_shard::*;

/// A shard and the proposing node 1 in its life 1.
pub(crate) struct Bench {
    pub(crate) shard: Shard,
    pub(crate) index: u64,
    pub(crate) time: Millis,
    pub(crate) sequence: u64,
    /// Effects of all batches since they were last taken.
    pub(crate) effects: Vec<Effect>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        Self {
            shard: Shard::new(0, limits),
            index: 0,
            time: 0,
            sequence: 0,
            effects: Vec::new(),
        }
    }

    /// Applies the commands as one batch of node 1.
    pub(crate) fn batch(&mut self, commands: Vec<Command>) -> Vec<Outcome> {
        self.sequence += 1;
        let applied = self.raw(1, 1, self.sequence, commands);
        assert_eq!(applied.admission, Admission::Fresh);
        applied.outcomes.to_vec()
    }

    pub(crate) fn run(&mut self, command: impl Into<Command>) -> Outcome {
        self.batch(vec![command.into()]).pop().unwrap()
    }

    /// Applies a batch with all its numbers given.
    pub(crate) fn raw(
        &mut self,
        node: NodeId,
        life: Incarnation,
        sequence: u64,
        commands: Vec<Command>,
    ) -> Applied {
        self.index += 1;
        let batch = Batch {
            node,
            incarnation: life,
            sequence,
            time: self.time,
            commands,
        };
        let applied = self.shard.apply(self.index, batch);
        self.effects.extend(applied.effects.iter().cloned());
        let restored = Shard::restore(0, Limits::default(), self.shard.snapshot_records());
        assert_eq!(restored.unwrap(), self.shard, "a snapshot holds everything");
        applied
    }

    /// Moves time and applies an empty batch of the leader's own.
    pub(crate) fn wait(&mut self, seconds: u64) {
        self.time += seconds * 1_000;
        self.raw(9, 9, 0, Vec::new());
    }

    pub(crate) fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    pub(crate) fn claim(&mut self, claim: Claim) -> Claimed {
        let outcome = self.run(Command::Claim(claim));
        let Outcome::Claimed(claimed) = outcome else {
            panic!("not claimed: {outcome:?}")
        };
        *claimed
    }

    /// A durable session that subscribes to `filter` at QoS 2.
    pub(crate) fn subscriber(&mut self, client_id: &str, filter: &str) -> Claimed {
        let claimed = self.claim(durable(client_id));
        let outcome = self.run(subscribe(
            &claimed,
            &[subscription(filter, QoS::ExactlyOnce)],
        ));
        assert_eq!(outcome, Outcome::Subscribed(vec![false]));
        claimed
    }

    pub(crate) fn release(&mut self, claimed: &Claimed, fire_will: bool) {
        assert_eq!(self.run(release(claimed, fire_will)), Outcome::Done);
    }

    /// What a session is to be sent on attach.
    pub(crate) fn deliveries(&self, session: SessionId) -> Vec<Delivery> {
        self.shard.deliveries(session, 0, Sequence::MAX).collect()
    }

    /// Sequences and payloads of what a session is to be sent; PUBRELs as an empty text.
    pub(crate) fn texts(&self, session: SessionId) -> Vec<(Sequence, String)> {
        let text = |delivery: Delivery| (delivery.sequence, text(&delivery));
        self.deliveries(session).into_iter().map(text).collect()
    }
}

pub(crate) fn text(delivery: &Delivery) -> String {
    match &delivery.packet {
        DeliveryPacket::Publish(publish) => {
            String::from_utf8(publish.message.payload.to_vec()).unwrap()
        }
        DeliveryPacket::PubRel => String::new(),
    }
}

pub(crate) fn published(delivery: &Delivery) -> &DeliveryPublish {
    match &delivery.packet {
        DeliveryPacket::Publish(publish) => publish,
        DeliveryPacket::PubRel => panic!("a PUBREL"),
    }
}

pub(crate) fn durable(client_id: &str) -> Claim {
    Claim {
        client_id: client_id.into(),
        node: 1,
        clean_start: false,
        expiry_seconds: 3_600,
        window: 100,
        will: None,
    }
}

pub(crate) fn clean(client_id: &str) -> Claim {
    Claim {
        clean_start: true,
        expiry_seconds: 0,
        ..durable(client_id)
    }
}

pub(crate) fn will(delay_seconds: u32) -> Option<Will> {
    Some(Will {
        message: message("will", "gone", QoS::AtLeastOnce),
        delay_seconds,
    })
}

pub(crate) fn message(topic: &str, payload: &str, qos: QoS) -> Message {
    Message {
        topic: topic.into(),
        properties: Bytes::new(),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
        qos,
        retain: false,
        expiry_seconds: None,
    }
}

pub(crate) fn publish(topic: &str, payload: &str) -> Command {
    publish_message(message(topic, payload, QoS::ExactlyOnce))
}

pub(crate) fn publish_message(message: Message) -> Command {
    Command::Publish(Publish {
        message,
        publisher: None,
        origin: None,
        plain: true,
        groups: Vec::new(),
    })
}

pub(crate) fn options(qos: QoS) -> SubscriptionOptions {
    SubscriptionOptions {
        qos,
        no_local: false,
        retain_as_published: false,
        retain_handling: RetainHandling::Send,
    }
}

pub(crate) fn subscription(filter: &str, qos: QoS) -> Subscription {
    Subscription {
        filter: filter.into(),
        options: options(qos),
        identifier: None,
    }
}

pub(crate) fn subscribe(claimed: &Claimed, subscriptions: &[Subscription]) -> Command {
    let subscriptions = subscriptions.to_vec();
    Command::Subscribe(Subscribe {
        session: claimed.session,
        epoch: claimed.epoch,
        subscriptions,
    })
}

pub(crate) fn unsubscribe(claimed: &Claimed, filters: &[&str]) -> Command {
    let filters = filters.iter().map(|filter| Arc::from(*filter)).collect();
    Command::Unsubscribe(Unsubscribe {
        session: claimed.session,
        epoch: claimed.epoch,
        filters,
    })
}

pub(crate) fn release(claimed: &Claimed, fire_will: bool) -> Command {
    let Claimed { session, epoch, .. } = *claimed;
    Command::Release(Release {
        session,
        epoch,
        fire_will,
        expiry_seconds: None,
    })
}

pub(crate) fn acknowledge(claimed: &Claimed, sequences: &[Sequence]) -> Command {
    let sequences = sequences.to_vec();
    Command::Acknowledge(Acknowledge {
        session: claimed.session,
        epoch: claimed.epoch,
        sequences,
    })
}

pub(crate) fn received(claimed: &Claimed, sequences: &[Sequence]) -> Command {
    let sequences = sequences.to_vec();
    Command::Received(Received {
        session: claimed.session,
        epoch: claimed.epoch,
        sequences,
    })
}

pub(crate) fn packet(id: u16) -> PacketId {
    PacketId::new(id).unwrap()
}
