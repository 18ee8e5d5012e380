//! Plain numbers about peers, read when scraped.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use quorate_control::NodeId;

use super::error::Refusal;
use super::kind::Lane;
use super::limits::STRANGERS_MAX;
use crate::metrics::{Counter, Histogram};

/// What one lane to and from one peer has carried.
#[derive(Debug, Default)]
pub struct LaneCounters {
    /// Streams that came up, dialled by this node.
    pub connects: Counter,
    /// Chunks written.
    pub sent_chunks: Counter,
    /// Bytes of frames written.
    pub sent_bytes: Counter,
    /// Chunks read.
    pub received_chunks: Counter,
    /// Bytes of frames read.
    pub received_bytes: Counter,
    /// Frames that found the queue full.
    pub dropped: Counter,
    /// Microseconds from a call to its answer.
    pub round_trip_micros: Histogram,
}

/// All lanes of one peer.
#[derive(Debug, Default)]
pub struct PeerCounters([Arc<LaneCounters>; 3]);

impl PeerCounters {
    /// Of one lane.
    pub fn lane(&self, lane: Lane) -> &Arc<LaneCounters> {
        &self.0[lane as usize]
    }
}

/// All that is counted about peers.
#[derive(Debug, Default)]
pub struct PeersStats {
    peers: Mutex<BTreeMap<NodeId, Arc<PeerCounters>>>,
    refused: [Counter; Refusal::ALL.len()],
}

impl PeersStats {
    /// Streams and connections refused for this reason.
    pub fn refused(&self, refusal: Refusal) -> u64 {
        self.refused[refusal as usize].value()
    }

    /// The counters of every peer that there was.
    pub fn peers(&self) -> Vec<(NodeId, Arc<PeerCounters>)> {
        let peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        let each = peers.iter();
        each.map(|(node, peer)| (*node, Arc::clone(peer))).collect()
    }

    pub(super) fn count_refused(&self, refusal: Refusal) {
        self.refused[refusal as usize].add_shared(1);
    }

    /// The counters of this peer. Those of too many strangers are kept nowhere.
    pub(super) fn peer(&self, node: NodeId) -> Arc<PeerCounters> {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(peer) = peers.get(&node) {
            return Arc::clone(peer);
        }
        let peer = Arc::<PeerCounters>::default();
        if peers.len() < STRANGERS_MAX {
            peers.insert(node, Arc::clone(&peer));
        }
        peer
    }

    /// Forgets peers that are members no more.
    pub(super) fn keep_only(&self, is_member: impl Fn(NodeId) -> bool) {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        peers.retain(|node, _| is_member(*node));
    }
}
