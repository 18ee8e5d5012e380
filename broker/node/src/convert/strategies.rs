//! Values of every kind for the round trips; tests only.

use std::sync::Arc;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use quorate_codec::{PacketId, QoS, RetainHandling, SubscriptionOptions};
use quorate_shard::*;

fn text() -> impl Strategy<Value = Arc<str>> {
    "[a-z/+#äß]{0,12}".prop_map(Arc::from)
}

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..64).prop_map(Bytes::from)
}

fn qos() -> impl Strategy<Value = QoS> {
    prop_oneof![
        Just(QoS::AtMostOnce),
        Just(QoS::AtLeastOnce),
        Just(QoS::ExactlyOnce)
    ]
}

fn packet_id() -> impl Strategy<Value = PacketId> {
    (1..=u16::MAX).prop_map(|id| PacketId::new(id).expect("above zero"))
}

fn message() -> impl Strategy<Value = Message> {
    let parts = (
        text(),
        bytes(),
        bytes(),
        qos(),
        any::<bool>(),
        option::of(any::<u32>()),
    );
    parts.prop_map(
        |(topic, properties, payload, qos, retain, expiry_seconds)| Message {
            topic,
            properties,
            payload,
            qos,
            retain,
            expiry_seconds,
        },
    )
}

fn will() -> impl Strategy<Value = Will> {
    (message(), any::<u32>()).prop_map(|(message, delay_seconds)| Will {
        message,
        delay_seconds,
    })
}

fn retain_handling() -> impl Strategy<Value = RetainHandling> {
    prop_oneof![
        Just(RetainHandling::Send),
        Just(RetainHandling::SendIfNew),
        Just(RetainHandling::Never)
    ]
}

fn subscription() -> impl Strategy<Value = Subscription> {
    let flags = (any::<bool>(), any::<bool>());
    let parts = (
        text(),
        qos(),
        flags,
        retain_handling(),
        option::of(any::<u32>()),
    );
    parts.prop_map(
        |(filter, qos, (no_local, retain_as_published), retain_handling, identifier)| {
            let options = SubscriptionOptions {
                qos,
                no_local,
                retain_as_published,
                retain_handling,
            };
            Subscription {
                filter,
                options,
                identifier,
            }
        },
    )
}

fn origin() -> impl Strategy<Value = Origin> {
    (any::<u16>(), any::<u64>(), any::<u64>(), any::<bool>()).prop_map(
        |(shard, session, number, will)| {
            if will {
                Origin::Will {
                    shard,
                    session,
                    epoch: number,
                }
            } else {
                Origin::Inbound {
                    shard,
                    session,
                    sequence: number,
                }
            }
        },
    )
}

fn claim() -> impl Strategy<Value = Claim> {
    let parts = (
        text(),
        any::<u64>(),
        any::<bool>(),
        any::<u32>(),
        any::<u16>(),
        option::of(will()),
    );
    parts.prop_map(
        |(client_id, node, clean_start, expiry_seconds, window, will)| Claim {
            client_id,
            node,
            clean_start,
            expiry_seconds,
            window,
            will,
        },
    )
}

fn session_command() -> impl Strategy<Value = Command> {
    let ids = (any::<u64>(), any::<u64>());
    let content = (
        vec(subscription(), 0..4),
        vec(text(), 0..4),
        vec(message(), 0..3),
        vec(any::<u64>(), 0..5),
        packet_id(),
        option::of(any::<u32>()),
    );
    (0..8_u8, ids, content, any::<bool>()).prop_map(|(kind, (session, epoch), content, flag)| {
        let (subscriptions, filters, messages, sequences, packet_id, number) = content;
        match kind {
            0 => Command::Release(Release {
                session,
                epoch,
                fire_will: flag,
                expiry_seconds: number,
            }),
            1 => Command::Subscribe(Subscribe {
                session,
                epoch,
                subscriptions,
            }),
            2 => Command::Unsubscribe(Unsubscribe {
                session,
                epoch,
                filters,
            }),
            3 => Command::Enqueue(Enqueue {
                session,
                epoch,
                messages,
                identifier: number,
            }),
            4 => Command::Acknowledge(Acknowledge {
                session,
                epoch,
                sequences,
            }),
            5 => Command::Received(Received {
                session,
                epoch,
                sequences,
            }),
            6 => Command::InboundStart(InboundStart {
                session,
                epoch,
                packet_id,
            }),
            _ => Command::InboundRelease(InboundRelease {
                session,
                epoch,
                packet_id,
            }),
        }
    })
}

fn share_turn() -> impl Strategy<Value = ShareTurn> {
    (text(), any::<u32>()).prop_map(|(group, turn)| ShareTurn { group, turn })
}

fn command() -> impl Strategy<Value = Command> {
    let ids = (any::<u64>(), any::<u64>());
    prop_oneof![
        6 => session_command(),
        1 => claim().prop_map(Command::Claim),
        1 => ids.prop_map(|(node, before)| Command::ReleaseNode(ReleaseNode { node, before })),
        2 => (message(), option::of(text()), option::of(origin()), (any::<bool>(), vec(share_turn(), 0..3))).prop_map(
            |(message, publisher, origin, (plain, groups))| Command::Publish(Publish {
                message,
                publisher,
                origin,
                plain,
                groups
            })
        ),
        1 => origin().prop_map(|origin| Command::Forget(Forget { origin })),
        1 => message().prop_map(|message| Command::Retain(Retain { message })),
        1 => (any::<u64>(), any::<u64>()).prop_map(|(session, epoch)| {
            Command::WillDone(WillDone { session, epoch })
        }),
        1 => text().prop_map(|group| Command::Reclaim(Reclaim { group })),
    ]
}

/// Batches with every command.
pub(super) fn batch() -> impl Strategy<Value = Batch> {
    let ids = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>());
    (ids, vec(command(), 0..8)).prop_map(|((node, incarnation, sequence, time), commands)| Batch {
        node,
        incarnation,
        sequence,
        time,
        commands,
    })
}

fn owner() -> impl Strategy<Value = Owner> {
    (any::<u64>(), any::<u64>()).prop_map(|(node, epoch)| Owner { node, epoch })
}

fn claimed() -> impl Strategy<Value = Claimed> {
    let inbound = vec((packet_id(), any::<u64>()), 0..3);
    let flags = (any::<bool>(), any::<bool>());
    let parts = (
        owner(),
        flags,
        option::of(owner()),
        vec(subscription(), 0..3),
        inbound,
    );
    parts.prop_map(
        |(id, (present, durable), previous, subscriptions, inbound)| Claimed {
            session: id.node,
            epoch: id.epoch,
            present,
            durable,
            previous,
            subscriptions,
            inbound,
        },
    )
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Done),
        Just(Outcome::Stale),
        Just(Outcome::QuotaExceeded),
        claimed().prop_map(|claimed| Outcome::Claimed(Box::new(claimed))),
        vec(any::<bool>(), 0..4).prop_map(Outcome::Subscribed),
        vec(any::<bool>(), 0..4).prop_map(Outcome::Unsubscribed),
        any::<u32>().prop_map(Outcome::Published),
        (any::<u64>(), any::<bool>())
            .prop_map(|(sequence, fresh)| Outcome::InboundStarted { sequence, fresh }),
        option::of(any::<u64>()).prop_map(Outcome::InboundReleased),
    ]
}

fn proposer() -> impl Strategy<Value = ProposerRecord> {
    let outcomes = vec(vec(outcome(), 0..3).prop_map(Arc::from), 0..3);
    let ids = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>());
    (ids, outcomes).prop_map(
        |((node, incarnation, applied, sequence), outcomes)| ProposerRecord {
            node,
            incarnation,
            applied,
            sequence,
            outcomes,
        },
    )
}

fn durable() -> impl Strategy<Value = DurableRecord> {
    let delayed = (any::<u64>(), any::<u64>(), message());
    let delayed = option::of(delayed.prop_map(|(epoch, due, message)| DelayedWill {
        epoch,
        due,
        message,
    }));
    let numbers = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>());
    (option::of(any::<u64>()), delayed, any::<u16>(), numbers).prop_map(
        |(ends_at, delayed_will, window, numbers)| DurableRecord {
            ends_at,
            delayed_will,
            inbound_last: numbers.0,
            window,
            sequence_last: numbers.1,
            started: numbers.2,
            started_before: numbers.3,
        },
    )
}

fn session() -> impl Strategy<Value = SessionRecord> {
    let claimant = (owner(), any::<u64>());
    let claimant = claimant.prop_map(|(owner, incarnation)| Claimant { owner, incarnation });
    let parts = (
        any::<u64>(),
        text(),
        option::of(claimant),
        any::<u32>(),
        option::of(will()),
        option::of(durable()),
    );
    parts.prop_map(
        |(session, client_id, claimant, expiry_seconds, will, durable)| SessionRecord {
            session,
            client_id,
            claimant,
            expiry_seconds,
            will,
            durable,
        },
    )
}

fn entry() -> impl Strategy<Value = EntryRecord> {
    let flags = (any::<bool>(), any::<bool>());
    let identifiers = vec(any::<u32>(), 0..4).prop_map(Vec::into_boxed_slice);
    let parts = (
        any::<u64>(),
        any::<u64>(),
        qos(),
        flags,
        identifiers,
        (option::of(any::<u64>()), option::of(text())),
    );
    parts.prop_map(
        |(sequence, message, qos, (retain, received), identifiers, (expires_at, group))| {
            EntryRecord {
                sequence,
                message,
                qos,
                retain,
                received,
                identifiers,
                expires_at,
                group,
            }
        },
    )
}

fn header() -> impl Strategy<Value = HeaderRecord> {
    let numbers = (
        any::<u64>(),
        any::<u64>(),
        any::<u64>(),
        any::<u64>(),
        any::<u64>(),
    );
    (any::<u16>(), numbers).prop_map(|(shard, numbers)| HeaderRecord {
        shard,
        applied: numbers.0,
        time: numbers.1,
        session_last: numbers.2,
        epoch_last: numbers.3,
        message_last: numbers.4,
    })
}

/// Every record of a shard's snapshot.
pub(super) fn record() -> impl Strategy<Value = Record> {
    let will = (owner(), text(), message(), option::of(text()));
    let queued = (any::<u64>(), message());
    prop_oneof![
        header().prop_map(Record::Header),
        proposer().prop_map(Record::Proposer),
        queued.prop_map(|(id, message)| Record::Message(MessageRecord {
            id,
            message: Arc::new(message)
        })),
        session().prop_map(|session| Record::Session(session.into())),
        subscription().prop_map(Record::Subscription),
        (packet_id(), any::<u64>()).prop_map(|(packet_id, sequence)| Record::Inbound {
            packet_id,
            sequence
        }),
        entry().prop_map(Record::Entry),
        will.prop_map(
            |(id, client_id, message, group)| Record::PendingWill(PendingWill {
                session: id.node,
                epoch: id.epoch,
                client_id,
                message,
                group
            })
        ),
        origin().prop_map(Record::Mark),
        origin().prop_map(Record::Forgettable),
        (message(), option::of(any::<u64>())).prop_map(|(message, expires_at)| {
            Record::Retained(Retained {
                message: Arc::new(message),
                expires_at,
            })
        }),
        any::<u64>().prop_map(|records| Record::End { records }),
    ]
}

fn addresses() -> impl Strategy<Value = quorate_control::Addresses> {
    (".{0,9}", ".{0,9}", ".{0,9}").prop_map(|(peer, client, admin)| quorate_control::Addresses {
        peer,
        client,
        admin,
    })
}

/// Every command of the control group.
pub(super) fn control() -> impl Strategy<Value = quorate_control::Command> {
    use quorate_control::{
        Bootstrap, Command, Join, Left, Life, SetDraining, SetRole, StartNode, WantedRole,
    };
    let bootstrap = (any::<u128>(), any::<u16>(), any::<u32>());
    let start = (any::<u64>(), ".{0,9}", addresses());
    let join = (any::<u128>(), ".{0,9}", addresses(), any::<bool>());
    let role = prop_oneof![
        Just(WantedRole::Voter),
        Just(WantedRole::Learner),
        Just(WantedRole::Gone)
    ];
    let life =
        || (any::<u64>(), any::<u64>()).prop_map(|(node, incarnation)| Life { node, incarnation });
    prop_oneof![
        bootstrap.prop_map(
            |(cluster_id, shards, format)| Command::Bootstrap(Bootstrap {
                cluster_id,
                shards,
                format
            })
        ),
        join.prop_map(|(token, name, addresses, promote)| Command::Join(Join {
            token,
            name,
            addresses,
            promote
        })),
        start.prop_map(|(node, name, addresses)| Command::StartNode(StartNode {
            node,
            name,
            addresses
        })),
        (any::<u64>(), role, any::<u64>()).prop_map(|(node, role, expected)| {
            Command::SetRole(SetRole {
                node,
                role,
                expected,
            })
        }),
        (any::<u64>(), any::<u64>())
            .prop_map(|(node, expected)| Command::Left(Left { node, expected })),
        life().prop_map(Command::EndLease),
        life().prop_map(Command::Suspend),
        any::<u64>().prop_map(Command::Resume),
        (any::<u64>(), any::<bool>())
            .prop_map(|(node, draining)| Command::SetDraining(SetDraining { node, draining })),
    ]
}

fn control_member() -> impl Strategy<Value = quorate_control::Member> {
    use quorate_control::{Member, Role};
    let role = prop_oneof![
        Just(Role::Voter),
        Just(Role::Learner),
        Just(Role::Leaving),
        Just(Role::Removed)
    ];
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let life = (any::<u64>(), ".{0,9}", addresses(), any::<u128>());
    (life, role, flags).prop_map(|(life, role, flags)| {
        let (incarnation, name, addresses, token) = life;
        let (lease_ended, suspended, draining, promote) = flags;
        Member {
            incarnation,
            name,
            addresses,
            role,
            lease_ended,
            suspended,
            draining,
            promote,
            token,
        }
    })
}

/// Every record of the control group's snapshot.
pub(super) fn control_record() -> impl Strategy<Value = quorate_control::Record> {
    use quorate_control::Record;
    let ids = (any::<u64>(), any::<u128>(), any::<u32>(), any::<u16>());
    prop_oneof![
        (ids, vec(any::<u16>(), 0..9), any::<u64>()).prop_map(
            |((applied, cluster_id, format, shards), slots, revision)| {
                Record::Header {
                    applied,
                    cluster_id,
                    format,
                    shards,
                    slots,
                    revision,
                }
            }
        ),
        (any::<u64>(), control_member()).prop_map(|(node, member)| Record::Member { node, member }),
        any::<u64>().prop_map(|records| Record::End { records }),
    ]
}
