//! Round trips of everything that is stored, and no panic on any bytes.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use quorate_shard::{
    Admission, Batch, Delivery, DeliveryPacket, DeliveryPublish, Outcome, Refusal,
};

use super::strategies;
use super::*;

proptest! {
    #[test]
    fn a_batch_comes_back(batch in strategies::batch()) {
        let bytes = encode_batch(batch.clone());
        prop_assert_eq!(decode_batch(bytes).expect("we wrote it"), batch);
    }

    #[test]
    fn a_shard_record_comes_back(record in strategies::record()) {
        let bytes = encode_shard_record(record.clone());
        prop_assert_eq!(decode_shard_record(bytes.into()).expect("we wrote it"), record);
    }

    #[test]
    fn a_control_command_comes_back(command in strategies::control()) {
        let bytes = encode_control(command.clone());
        prop_assert_eq!(decode_control(bytes).expect("we wrote it"), command);
    }

    #[test]
    fn a_control_record_comes_back(record in strategies::control_record()) {
        let bytes = encode_control_record(record.clone());
        prop_assert_eq!(decode_control_record(bytes.into()).expect("we wrote it"), record);
    }

    #[test]
    fn a_stamp_replaces_a_batchs_own(batch in strategies::batch(), time in any::<u64>()) {
        let stamped = stamp_batch(&encode_batch(batch.clone()), time);
        let again = stamp_batch(&stamped, time);
        let expected = Batch { time, ..batch };
        // A default value is not on the wire, so it cannot replace another.
        prop_assume!(time != 0);
        prop_assert_eq!(&decode_batch(stamped).expect("we wrote it"), &expected);
        prop_assert_eq!(decode_batch(again).expect("we wrote it"), expected);
    }

    #[test]
    fn what_nodes_say_about_shards_is_an_error_at_most(bytes in vec(any::<u8>(), 0..200)) {
        let bytes = Bytes::from(bytes);
        let _ = decode_forward(bytes.clone());
        let _ = decode_forward_reply(bytes.clone());
        let _ = decode_sessions(bytes.clone());
        let _ = decode_deliver(bytes.clone());
        let _ = decode_not_taken(bytes.clone());
        let _ = decode_close(bytes.clone());
        let _ = decode_retained(bytes.clone());
        let _ = decode_retained_piece(bytes);
    }

    #[test]
    fn any_bytes_are_an_error_at_most(bytes in vec(any::<u8>(), 0..200)) {
        let bytes = Bytes::from(bytes);
        let _ = decode_batch(bytes.clone());
        let _ = decode_control(bytes.clone());
        let _ = decode_shard_record(bytes.clone());
        let _ = decode_control_record(bytes);
    }

    #[test]
    fn changed_bytes_are_an_error_at_most(
        batch in strategies::batch(), place in any::<prop::sample::Index>(), value in any::<u8>(),
    ) {
        let mut bytes = encode_batch(batch).to_vec();
        if !bytes.is_empty() {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        let _ = decode_batch(bytes.into());
    }
}

#[test]
fn what_nodes_say_about_shards_comes_back() {
    let batch = ForwardRequest::Batch(Bytes::from_static(b"batch"));
    for request in [batch, ForwardRequest::Barrier(7)] {
        let bytes = encode_forward(3, request.clone());
        assert_eq!(decode_forward(bytes).expect("we wrote it"), (3, request));
    }
    let admissions = [
        Admission::Fresh,
        Admission::Duplicate,
        Admission::Refused(Refusal::Gap { expected: 8 }),
        Admission::Refused(Refusal::OlderIncarnation { current: 9 }),
        Admission::Refused(Refusal::Forgotten { oldest: 10 }),
    ];
    for admission in admissions {
        let reply = ForwardReply {
            admission,
            outcomes: [Outcome::Done, Outcome::Published(3)].into(),
            index: 11,
            confirmed: true,
        };
        let bytes = encode_forward_reply(&reply);
        assert_eq!(decode_forward_reply(bytes).expect("we wrote it"), reply);
    }
    let held = [(1, 2), (3, 4)];
    let bytes = encode_sessions(5, &held);
    assert_eq!(
        decode_sessions(bytes).expect("we wrote it"),
        (5, held.to_vec())
    );
    let not_taken = NotTaken {
        again: held.to_vec(),
        gone: vec![(5, 6)],
    };
    let bytes = encode_not_taken(&not_taken);
    assert_eq!(decode_not_taken(bytes).expect("we wrote it"), not_taken);
    let client = CloseRequest::Client("c".into(), 4);
    for request in [client, CloseRequest::Session(2, (3, 4))] {
        let bytes = encode_close(&request);
        assert_eq!(decode_close(bytes).expect("we wrote it"), request);
    }
}

#[test]
fn deliveries_come_back_and_carry_a_shared_message_once() {
    let message = std::sync::Arc::new(quorate_shard::Message {
        topic: "t".into(),
        properties: Bytes::new(),
        payload: vec![1; 10_000].into(),
        qos: quorate_codec::QoS::ExactlyOnce,
        retain: true,
        expiry_seconds: Some(3),
    });
    let publish = |sequence| Delivery {
        sequence,
        packet: DeliveryPacket::Publish(DeliveryPublish {
            message: message.clone(),
            qos: quorate_codec::QoS::AtLeastOnce,
            retain: false,
            dup: true,
            identifiers: [1, 2].into(),
            expires_at: Some(99),
        }),
    };
    let released = Delivery {
        sequence: 4,
        packet: DeliveryPacket::PubRel,
    };
    let pieces: Vec<_> = (1..=3)
        .map(|session| Piece {
            held: (session, 7),
            after: 3,
            up_to: 6,
            deliveries: vec![released.clone(), publish(5)],
        })
        .collect();
    let bytes = encode_deliver(2, 88, &pieces);
    assert!(bytes.len() < 11_000, "{}", bytes.len());
    assert_eq!(decode_deliver(bytes).expect("we wrote it"), (2, 88, pieces));
}
