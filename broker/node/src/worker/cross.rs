//! Publishes on their way to another worker: one copy per worker and message, many messages per batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use quorate_codec::QoS;

/// Bytes of publishes that may wait in one worker's mailbox for it, from each other worker. Over it the
/// sender stops reading its sockets until the other has caught up.
pub(super) const CROSS_BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Publishes for one worker, back to back in one buffer.
#[derive(Debug, Default)]
pub struct CrossBatch {
    bytes: Vec<u8>,
    items: Vec<Item>,
    /// What the batch is counted in until the receiver is done with it.
    account: Option<Arc<Account>>,
}

/// Bytes on their way between one pair of workers.
#[derive(Debug, Default)]
pub(super) struct Account(AtomicUsize);

/// One message's place in a batch's bytes, and what is not bytes of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    /// The share group the message is for; 0 for those with plain subscriptions.
    pub(super) share: u32,
    /// Which member of the group.
    pub(super) turn: u32,
    pub(super) topic: u32,
    pub(super) properties: u32,
    pub(super) payload: u32,
    pub(super) qos: QoS,
    pub(super) retain: bool,
    pub(super) expiry_seconds: Option<u32>,
}

/// One publish of a batch, borrowed.
#[derive(Debug, Clone, Copy)]
pub(super) struct CrossPublish<'a> {
    /// The share group and the number of the member that it is for, instead of all plain subscriptions.
    pub(super) share: Option<(&'a str, u32)>,
    pub(super) topic: &'a str,
    pub(super) properties: &'a [u8],
    pub(super) payload: &'a [u8],
    pub(super) qos: QoS,
    pub(super) retain: bool,
    pub(super) expiry_seconds: Option<u32>,
}

impl CrossBatch {
    /// A batch of the broker's own messages, topic and payload, at QoS 0.
    pub(crate) fn of_own<'a>(messages: impl Iterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut batch = Self::default();
        for (topic, payload) in messages {
            batch.push(CrossPublish {
                share: None,
                topic,
                properties: &[],
                payload,
                qos: QoS::AtMostOnce,
                retain: false,
                expiry_seconds: None,
            });
        }
        batch
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub(super) fn push(&mut self, publish: CrossPublish<'_>) {
        let (share, turn) = publish.share.unwrap_or_default();
        self.bytes.extend_from_slice(share.as_bytes());
        self.bytes.extend_from_slice(publish.topic.as_bytes());
        self.bytes.extend_from_slice(publish.properties);
        self.bytes.extend_from_slice(publish.payload);
        self.items.push(Item {
            share: share.len() as u32,
            turn,
            topic: publish.topic.len() as u32,
            properties: publish.properties.len() as u32,
            payload: publish.payload.len() as u32,
            qos: publish.qos,
            retain: publish.retain,
            expiry_seconds: publish.expiry_seconds,
        });
    }

    /// Gives every publish to `each`, in the order they were pushed.
    pub(super) fn visit(&self, each: impl FnMut(CrossPublish<'_>)) {
        visit(&self.bytes, &self.items, each);
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn items(&self) -> &[Item] {
        &self.items
    }
}

/// Gives the publishes that `items` describe in `bytes` to `each`, in order.
pub(super) fn visit(bytes: &[u8], items: &[Item], mut each: impl FnMut(CrossPublish<'_>)) {
    let mut rest = bytes;
    let mut take = |count: u32| {
        let (head, tail) = rest.split_at(count as usize);
        rest = tail;
        head
    };
    for item in items {
        let [share, topic] = [take(item.share), take(item.topic)].map(|bytes| {
            std::str::from_utf8(bytes).expect("topics and filters are pushed as str, or checked")
        });
        let (properties, payload) = (take(item.properties), take(item.payload));
        each(CrossPublish {
            share: (!share.is_empty()).then_some((share, item.turn)),
            topic,
            properties,
            payload,
            qos: item.qos,
            retain: item.retain,
            expiry_seconds: item.expiry_seconds,
        });
    }
}

impl Drop for CrossBatch {
    fn drop(&mut self) {
        if let Some(account) = &self.account {
            account.0.fetch_sub(self.bytes.len(), Ordering::AcqRel);
        }
    }
}

/// Batches being filled for one other worker.
#[derive(Debug, Default)]
pub struct CrossOut {
    pub(super) batch: CrossBatch,
    account: Arc<Account>,
}

impl CrossOut {
    /// The batch to send now, if there is one and the other worker has room for it.
    pub fn take(&mut self) -> Option<CrossBatch> {
        if self.batch.is_empty() || self.account.0.load(Ordering::Acquire) >= CROSS_BATCH_BYTES_MAX
        {
            return None;
        }
        let mut batch = std::mem::take(&mut self.batch);
        self.account
            .0
            .fetch_add(batch.bytes.len(), Ordering::AcqRel);
        batch.account = Some(self.account.clone());
        Some(batch)
    }

    /// Whether so much waits here that no more should be read.
    pub(super) fn is_full(&self) -> bool {
        self.batch.bytes.len() >= CROSS_BATCH_BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(payload: &[u8]) -> CrossPublish<'_> {
        CrossPublish {
            share: Some(("$share/g/a/#", 3)),
            topic: "a/b",
            properties: &[1, 2],
            payload,
            qos: QoS::AtLeastOnce,
            retain: true,
            expiry_seconds: Some(7),
        }
    }

    #[test]
    fn a_batch_gives_back_what_was_pushed_in_order() {
        let mut batch = CrossBatch::default();
        batch.push(publish(b"one"));
        batch.push(publish(b""));
        let mut seen = Vec::new();
        batch.visit(|p| {
            assert_eq!(p.share, Some(("$share/g/a/#", 3)));
            seen.push((
                p.topic.to_owned(),
                p.properties.to_vec(),
                p.payload.to_vec(),
            ))
        });
        assert_eq!(seen[0], ("a/b".to_owned(), vec![1, 2], b"one".to_vec()));
        assert_eq!(seen[1].2, b"");
    }

    #[test]
    fn a_slow_receiver_holds_batches_back_until_it_has_dropped_them() {
        let mut out = CrossOut::default();
        out.batch.push(publish(&vec![0; CROSS_BATCH_BYTES_MAX]));
        assert!(out.is_full());
        let first = out.take().unwrap();
        out.batch.push(publish(b"x"));
        assert!(out.take().is_none());
        drop(first);
        assert!(out.take().is_some());
    }
}
