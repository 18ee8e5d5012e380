//! A shard leader's way to connections on other nodes. Deliveries are answered for; what is not is handed
//! to the dispatcher again, so nothing that a lane loses or refuses is lost. Keeps no deliveries.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use quorate_shard::{
    Delivery, DeliveryPacket, Epoch, Millis, NodeId, Sequence, SessionId, ShardId,
};
use tokio::sync::Notify;

use super::limits::{DELIVER_DEADLINE, DELIVER_RETRY, FRAME_BYTES_MAX};
use crate::convert::{self, CloseRequest, Held, NotTaken, Piece};
use crate::peers::{CallError, Kind, Lane, Peers, PeersState};
use crate::raft::ShardMachine;

/// What a packet costs in a frame beside its message.
const PACKET_BYTES: usize = 32;

/// What did not reach its connection.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    /// To be handed over again, from behind this sequence on.
    pub(crate) again: BTreeMap<(NodeId, SessionId), (Epoch, Sequence)>,
    /// Connections that are gone.
    pub(crate) gone: Vec<Held>,
}

/// See the module; one per shard.
pub(crate) struct Remote {
    node: NodeId,
    peers: Peers,
    failures: Mutex<Failures>,
    wake: Notify,
}

impl Remote {
    /// The way from this node.
    pub(crate) fn new(node: NodeId, peers: Peers) -> Arc<Self> {
        Arc::new(Self {
            node,
            peers,
            failures: Mutex::default(),
            wake: Notify::new(),
        })
    }

    /// This node.
    pub(super) fn node(&self) -> NodeId {
        self.node
    }

    /// Sends pieces of queues to the node that holds their sessions' connections. Never blocks.
    pub(super) fn deliver(
        self: &Arc<Self>,
        to: NodeId,
        shard: ShardId,
        now: Millis,
        pieces: Vec<Piece>,
    ) {
        for frame in frames(pieces) {
            let body = convert::encode_deliver(shard, now, &frame);
            let sent = frame.iter().map(|piece| (piece.held, piece.after));
            let sent: Vec<_> = sent.collect();
            let remote = Arc::downgrade(self);
            let done = move |result| {
                if let Some(remote) = remote.upgrade() {
                    remote.answered(to, sent, result);
                }
            };
            self.peers.call_then(
                to,
                Lane::Append,
                Kind::Deliver,
                body,
                DELIVER_DEADLINE,
                Box::new(done),
            );
        }
    }

    /// The session was ended by somebody else. A frame that is lost is made up for by the claimant, who
    /// waits until the older connection is gone.
    pub(super) fn close(&self, to: NodeId, shard: ShardId, held: Held) {
        let body = convert::encode_close(&CloseRequest::Session(shard, held));
        if let Err(error) = self.peers.send(to, Lane::Append, Kind::Close, body) {
            tracing::debug!(to, shard, %error, "a close was not sent");
        }
    }

    /// What a node said to deliveries.
    fn answered(
        &self,
        node: NodeId,
        sent: Vec<(Held, Sequence)>,
        result: Result<Bytes, CallError>,
    ) {
        let Ok(Ok(NotTaken { again, gone })) = result.map(convert::decode_not_taken) else {
            return self.fail(node, sent, Vec::new());
        };
        if !again.is_empty() || !gone.is_empty() {
            let again = again.into_iter().map(|held| (held, 0));
            self.fail(node, again, gone);
        }
    }

    fn fail(
        &self,
        node: NodeId,
        again: impl IntoIterator<Item = (Held, Sequence)>,
        gone: Vec<Held>,
    ) {
        let mut failures = self.lock();
        failures.gone.extend(gone);
        for ((session, epoch), after) in again {
            let entry = failures.again.entry((node, session));
            let (known, from) = entry.or_insert((epoch, after));
            if *known < epoch {
                (*known, *from) = (epoch, after);
            } else if *known == epoch {
                *from = after.min(*from);
            }
        }
        drop(failures);
        self.wake.notify_one();
    }

    /// Hands what failed to the dispatcher again, a while later: a lane that is full stays so for a moment,
    /// and a node that is away may come back until its sessions are released. Works until the shard is gone.
    pub(crate) async fn make_up(self: Arc<Self>, machine: Weak<ShardMachine>) {
        let mut state = self.peers.state();
        loop {
            self.wake.notified().await;
            tokio::time::sleep(DELIVER_RETRY).await;
            let failures = self.take_possible(&state.borrow_and_update());
            let Some(machine) = machine.upgrade() else {
                return;
            };
            {
                let mut state = machine.state();
                let state = &mut *state;
                state.dispatcher.failed(&state.shard, failures);
            }
            if !self.lock().again.is_empty() {
                // Only a peer that comes back changes that; a new failure may wait for it, too.
                tokio::select! {
                    Ok(()) = state.changed() => {}
                    () = self.wake.notified() => {}
                }
                self.wake.notify_one();
            }
        }
    }

    /// Takes out what is for nodes that are connected.
    fn take_possible(&self, peers: &PeersState) -> Failures {
        let mut failures = self.lock();
        let all = std::mem::take(&mut *failures);
        let (possible, later) = all
            .again
            .into_iter()
            .partition(|((node, _), _)| peers.is_connected(*node));
        failures.again = later;
        Failures {
            again: possible,
            gone: all.gone,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Splits pieces so that no frame is much larger than the bound; a queue's order is kept.
fn frames(pieces: Vec<Piece>) -> Vec<Vec<Piece>> {
    let mut full = Vec::new();
    let mut frame = Vec::new();
    let mut bytes = 0;
    for piece in pieces {
        let (held, mut after) = (piece.held, piece.after);
        let mut deliveries = Vec::new();
        for delivery in piece.deliveries {
            let size = size(&delivery);
            if bytes > 0 && bytes + size > FRAME_BYTES_MAX {
                let last = deliveries.last().map(|last: &Delivery| last.sequence);
                if let Some(up_to) = last {
                    let deliveries = std::mem::take(&mut deliveries);
                    frame.push(Piece {
                        held,
                        after,
                        up_to,
                        deliveries,
                    });
                    after = up_to;
                }
                full.push(std::mem::take(&mut frame));
                bytes = 0;
            }
            bytes += size;
            deliveries.push(delivery);
        }
        frame.push(Piece {
            held,
            after,
            up_to: piece.up_to,
            deliveries,
        });
    }
    full.push(frame);
    full
}

fn size(delivery: &Delivery) -> usize {
    match &delivery.packet {
        DeliveryPacket::Publish(publish) => {
            let message = &publish.message;
            PACKET_BYTES + message.topic.len() + message.properties.len() + message.payload.len()
        }
        DeliveryPacket::PubRel => PACKET_BYTES,
    }
}

#[cfg(test)]
mod tests {
    use quorate_codec::QoS;
    use quorate_shard::{DeliveryPublish, Message};

    use super::*;

    fn delivery(sequence: Sequence, bytes: usize) -> Delivery {
        let message = Message {
            topic: "t".into(),
            properties: Bytes::new(),
            payload: vec![0; bytes].into(),
            qos: QoS::AtLeastOnce,
            retain: false,
            expiry_seconds: None,
        };
        let packet = DeliveryPacket::Publish(DeliveryPublish {
            message: Arc::new(message),
            qos: QoS::AtLeastOnce,
            retain: false,
            dup: false,
            identifiers: Box::default(),
            expires_at: None,
        });
        Delivery { sequence, packet }
    }

    #[test]
    fn frames_are_bounded_and_their_pieces_follow_each_other() {
        let pieces: Vec<Piece> = (1..=3)
            .map(|session| Piece {
                held: (session, 9),
                after: 2,
                up_to: 12,
                deliveries: (3..=11).map(|n| delivery(n, 30_000)).collect(),
            })
            .collect();
        let frames = frames(pieces);
        assert!(frames.len() > 5);
        let mut up_to = [2; 4];
        let mut count = 0;
        for frame in &frames {
            let bytes: usize = frame.iter().flat_map(|p| &p.deliveries).map(size).sum();
            assert!(bytes <= FRAME_BYTES_MAX, "{bytes}");
            for piece in frame {
                let last = &mut up_to[usize::try_from(piece.held.0).unwrap()];
                assert_eq!(piece.after, *last);
                assert!(piece.deliveries.iter().all(|d| d.sequence > *last));
                *last = piece.up_to;
                assert!(piece.deliveries.iter().all(|d| d.sequence <= *last));
                count += piece.deliveries.len();
            }
        }
        assert_eq!(up_to[1..], [12, 12, 12]);
        assert_eq!(count, 27);
        let huge = super::frames(vec![Piece {
            held: (1, 1),
            after: 0,
            up_to: 1,
            deliveries: vec![delivery(1, 10 * FRAME_BYTES_MAX)],
        }]);
        assert_eq!(huge.len(), 1, "one delivery always fits");
    }
}
