//! Whatever a committed batch contains, applying it yields outcomes: no panic, and a state that a snapshot holds.

use proptest::prelude::*;
use quorate_codec::QoS;
use quorate_shard::*;

use crate::support::*;

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..4u64, 1 => Just(65_536), 1 => Just(u64::MAX)]
}

/// Names and filters that no codec would let through.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ab/]{0,5}",
        "[a/+#$]{0,6}",
        "[\0é/+]{0,4}",
        "[\0/]{0,4}",
        Just("a".repeat(70_000)),
        "\\$share/[gh]/[ab+#/]{0,2}",
    ]
}

fn seconds() -> impl Strategy<Value = u32> {
    prop_oneof![0..3u32, Just(u32::MAX), Just(u32::MAX - 1)]
}

fn any_message() -> impl Strategy<Value = Message> {
    let qos = prop_oneof![
        Just(QoS::AtMostOnce),
        Just(QoS::AtLeastOnce),
        Just(QoS::ExactlyOnce)
    ];
    (
        name(),
        "[xy]{0,3}",
        qos,
        any::<bool>(),
        prop::option::of(seconds()),
    )
        .prop_map(|(topic, payload, qos, retain, expiry_seconds)| {
            let message = message(&topic, &payload, qos);
            Message {
                retain,
                expiry_seconds,
                ..message
            }
        })
}

fn origin() -> impl Strategy<Value = Origin> {
    (number(), number(), any::<bool>()).prop_map(|(session, number, will)| {
        if will {
            Origin::Will {
                shard: 0,
                session,
                epoch: number,
            }
        } else {
            Origin::Inbound {
                shard: 0,
                session,
                sequence: number,
            }
        }
    })
}

fn claim_command() -> impl Strategy<Value = Command> {
    let will = (any_message(), seconds());
    (
        name(),
        number(),
        any::<bool>(),
        seconds(),
        0..3u16,
        prop::option::of(will),
    )
        .prop_map(
            |(client_id, node, clean_start, expiry_seconds, window, will)| {
                let will = will.map(|(message, delay_seconds)| Will {
                    message,
                    delay_seconds,
                });
                let client_id = client_id.into();
                Command::Claim(Claim {
                    client_id,
                    node,
                    clean_start,
                    expiry_seconds,
                    window,
                    will,
                })
            },
        )
}

fn session_command() -> impl Strategy<Value = Command> {
    let lists = (
        prop::collection::vec((name(), 0..3usize, prop::option::of(0..3u32)), 0..3),
        prop::collection::vec(number(), 0..4),
        prop::collection::vec(any_message(), 0..3),
    );
    let flags = (any::<bool>(), prop::option::of(seconds()), 1..3u16);
    (0..9u8, number(), number(), lists, flags).prop_map(|(kind, session, epoch, lists, flags)| {
        let (named, sequences, messages) = lists;
        let (fire_will, expiry_seconds, id) = flags;
        let filters = named
            .iter()
            .map(|(filter, _, _)| filter.as_str().into())
            .collect();
        let qos = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
        let subscriptions = named.iter().map(|(filter, at, identifier)| Subscription {
            identifier: *identifier,
            ..subscription(filter, qos[*at])
        });
        let packet_id = packet(id);
        match kind {
            0 => Command::Release(Release {
                session,
                epoch,
                fire_will,
                expiry_seconds,
            }),
            1 => Command::Subscribe(Subscribe {
                session,
                epoch,
                subscriptions: subscriptions.collect(),
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
                identifier: None,
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
            7 => Command::InboundRelease(InboundRelease {
                session,
                epoch,
                packet_id,
            }),
            _ => Command::WillDone(WillDone { session, epoch }),
        }
    })
}

fn any_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        3 => claim_command(),
        9 => session_command(),
        4 => (any_message(), prop::option::of(name()), prop::option::of(origin()), any::<bool>(), prop::collection::vec((name(), any::<u32>()), 0..3)).prop_map(
            |(message, publisher, origin, plain, groups)| {
                let publisher = publisher.map(Into::into);
                let turn = |(group, turn): (String, u32)| ShareTurn { group: group.into(), turn };
                let groups = groups.into_iter().map(turn).collect();
                Command::Publish(Publish { message, publisher, origin, plain, groups })
            }
        ),
        2 => name().prop_map(|group| Command::Reclaim(Reclaim { group: group.into() })),
        1 => (number(), number()).prop_map(|(node, before)| Command::ReleaseNode(ReleaseNode { node, before })),
        1 => origin().prop_map(|origin| Command::Forget(Forget { origin })),
        2 => any_message().prop_map(|message| Command::Retain(Retain { message })),
    ]
}

proptest! {
    #[test]
    fn no_batch_panics(
        batches in prop::collection::vec((number(), number(), 0..6u64, number(), prop::collection::vec(any_command(), 0..8)), 0..20)
    ) {
        let mut shard = Shard::new(0, Limits::default());
        for (index, (node, incarnation, sequence, time, commands)) in (1..).zip(batches) {
            // A stamp at the end of time would end every session at once.
            let time = time.min(1 << 40);
            let count = commands.len();
            let applied = shard.apply(index, Batch { node, incarnation, sequence, time, commands });
            if applied.admission == Admission::Fresh {
                prop_assert_eq!(applied.outcomes.len(), count);
            }
            shard.retained_matching("+/#", time, &mut |_| {});
            let interest = shard.interest().count();
            prop_assert!(interest as u64 <= shard.statistics().subscriptions);
        }
        let restored = Shard::restore(0, Limits::default(), shard.snapshot_records()).unwrap();
        prop_assert_eq!(restored.statistics(), shard.statistics());
        prop_assert_eq!(restored.next_deadline(), shard.next_deadline());
        prop_assert!(restored == shard);
    }
}
