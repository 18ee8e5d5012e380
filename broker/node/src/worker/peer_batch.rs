//! Publishes on their way to clients of another node: a batch of [`super::cross`] in wire form, and back.

use bytes::Bytes;
use prost::Message as _;
use quorate_codec::QoS;
use quorate_proto::peer::PublishBatch;

use super::cross::{CrossBatch, CrossPublish, Item, visit};

/// Numbers that describe one message.
const HEAD_NUMBERS: usize = 7;
/// Bit of the flags that says *retained*; below it stands the QoS.
const RETAINED: u64 = 4;

/// Publishes of another node's clients, as they came.
#[derive(Debug, Clone)]
pub struct PeerBatch {
    data: Bytes,
    items: Vec<Item>,
}

/// A peer's batch is not what we write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a batch of publishes")]
pub struct MalformedBatch;

impl CrossBatch {
    /// The batch in wire form.
    pub fn encode(&self) -> Bytes {
        let heads = self.items().iter().flat_map(|item| {
            let retained = if item.retain { RETAINED } else { 0 };
            [
                u64::from(item.topic),
                u64::from(item.properties),
                u64::from(item.payload),
                item.qos as u64 | retained,
                item.expiry_seconds
                    .map_or(0, |seconds| u64::from(seconds) + 1),
                u64::from(item.share),
                u64::from(item.turn),
            ]
        });
        let heads = heads.collect();
        let data = Bytes::copy_from_slice(self.bytes());
        PublishBatch { data, heads }.encode_to_vec().into()
    }
}

impl PeerBatch {
    /// Reads a batch of a peer.
    ///
    /// # Errors
    /// It is not what [`CrossBatch::encode`] writes.
    pub fn decode(body: Bytes) -> Result<Self, MalformedBatch> {
        let PublishBatch { data, heads } =
            PublishBatch::decode(body).map_err(|_| MalformedBatch)?;
        let heads = heads.chunks(HEAD_NUMBERS);
        let items = heads.map(item).collect::<Result<Vec<_>, _>>()?;
        check(&data, &items)?;
        Ok(Self { data, items })
    }

    pub(super) fn visit(&self, each: impl FnMut(CrossPublish<'_>)) {
        visit(&self.data, &self.items, each);
    }
}

fn item(head: &[u64]) -> Result<Item, MalformedBatch> {
    let &[topic, properties, payload, flags, expiry, share, turn] = head else {
        return Err(MalformedBatch);
    };
    let length = |number: u64| u32::try_from(number).map_err(|_| MalformedBatch);
    let qos = u8::try_from(flags & (RETAINED - 1))
        .ok()
        .and_then(QoS::from_bits);
    Ok(Item {
        share: length(share)?,
        turn: length(turn)?,
        topic: length(topic)?,
        properties: length(properties)?,
        payload: length(payload)?,
        qos: qos.ok_or(MalformedBatch)?,
        retain: flags & RETAINED != 0,
        expiry_seconds: expiry.checked_sub(1).map(length).transpose()?,
    })
}

/// Every message lies within the data, and every topic is text.
fn check(data: &[u8], items: &[Item]) -> Result<(), MalformedBatch> {
    let mut rest = data;
    for item in items {
        let [share, topic, properties, payload] =
            [item.share, item.topic, item.properties, item.payload].map(|n| n as usize);
        let whole = share
            .checked_add(topic)
            .and_then(|sum| sum.checked_add(properties))
            .and_then(|sum| sum.checked_add(payload));
        let (message, tail) = whole
            .and_then(|n| rest.split_at_checked(n))
            .ok_or(MalformedBatch)?;
        let (share, message) = message.split_at(share);
        for text in [share, &message[..topic]] {
            std::str::from_utf8(text).map_err(|_| MalformedBatch)?;
        }
        rest = tail;
    }
    if rest.is_empty() {
        Ok(())
    } else {
        Err(MalformedBatch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish<'a>(topic: &'a str, payload: &'a [u8]) -> CrossPublish<'a> {
        CrossPublish {
            share: (topic == "c").then_some(("$share/g/c", 7)),
            topic,
            properties: &[9],
            payload,
            qos: QoS::ExactlyOnce,
            retain: true,
            expiry_seconds: Some(0),
        }
    }

    #[test]
    fn a_batch_survives_the_wire() {
        let mut batch = CrossBatch::default();
        batch.push(publish("a/b", b"one"));
        batch.push(publish("c", b""));
        let received = PeerBatch::decode(batch.encode()).unwrap();
        let mut seen = Vec::new();
        received.visit(|p| {
            assert_eq!(
                (p.qos, p.retain, p.expiry_seconds),
                (QoS::ExactlyOnce, true, Some(0))
            );
            let share = p.share.map(|(text, turn)| (text.to_owned(), turn));
            seen.push((p.topic.to_owned(), p.payload.to_vec(), share));
        });
        let share = Some(("$share/g/c".to_owned(), 7));
        assert_eq!(
            seen,
            [
                ("a/b".to_owned(), b"one".to_vec(), None),
                ("c".to_owned(), Vec::new(), share)
            ]
        );
    }

    #[test]
    fn nothing_a_peer_sends_is_believed_or_panics() {
        let bad = |data: &'static [u8], heads: Vec<u64>| {
            let body = PublishBatch {
                data: data.into(),
                heads,
            }
            .encode_to_vec();
            PeerBatch::decode(body.into()).is_err()
        };
        assert!(bad(b"ab", vec![1, 0, 0, 0, 0, 0, 0]), "bytes are left");
        assert!(
            bad(b"a", vec![1, 0, 9, 0, 0, 0, 0]),
            "a message ends behind the data"
        );
        assert!(bad(b"a", vec![1, 0, 0, 3, 0, 0, 0]), "QoS 3");
        assert!(
            bad(b"\xff", vec![1, 0, 0, 0, 0, 0, 0]),
            "a topic is no text"
        );
        assert!(bad(b"a", vec![1, 0, 0]), "half a head");
        assert!(
            bad(b"\xffa", vec![1, 0, 0, 0, 0, 1, 0]),
            "a share group is no text"
        );
        assert!(
            bad(b"a", vec![u64::MAX, u64::MAX, 0, 0, 0, 0, 0]),
            "lengths overflow"
        );
        assert!(PeerBatch::decode(Bytes::from_static(b"\x01\x02\xff")).is_err());
    }
}
