//! One connection's bytes on their way, both directions. It knows no packet.

use crate::history::{ClientNumber, LinkNumber};
use crate::random::Random;

/// See the module.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) number: LinkNumber,
    pub(crate) client: ClientNumber,
    /// Sent by the client, not arrived.
    pub(crate) to_node: Vec<u8>,
    /// Arrived, not read.
    pub(crate) at_node: Vec<u8>,
    /// Written by the node, not read by the client.
    pub(crate) to_client: Vec<u8>,
    /// Bytes that may be in `to_client`.
    pub(crate) socket_bytes: usize,
    pub(crate) client_closed: bool,
    pub(crate) node_closed: bool,
    /// The epoch its session was claimed under.
    pub(crate) epoch: u64,
}

impl Link {
    pub(crate) fn new(number: LinkNumber, client: ClientNumber, socket_bytes: usize) -> Self {
        Self {
            number,
            client,
            to_node: Vec::new(),
            at_node: Vec::new(),
            to_client: Vec::new(),
            socket_bytes,
            client_closed: false,
            node_closed: false,
            epoch: 0,
        }
    }

    /// The client goes; of what it sent, some beginning arrives.
    pub(crate) fn cut_by_client(&mut self, random: &mut Random) {
        self.client_closed = true;
        self.to_client.clear();
        let kept = random.below(self.to_node.len() + 1);
        self.to_node.truncate(kept);
    }

    /// The client closes in good order: all that it sent arrives.
    pub(crate) fn close_by_client(&mut self) {
        self.client_closed = true;
        self.to_client.clear();
    }

    /// The node dies; of what it wrote, some beginning arrives.
    pub(crate) fn cut_by_node(&mut self, random: &mut Random) {
        self.node_closed = true;
        self.at_node.clear();
        self.to_node.clear();
        let kept = random.below(self.to_client.len() + 1);
        self.to_client.truncate(kept);
    }

    /// Some bytes of the client arrive.
    pub(crate) fn carry(&mut self, count: usize) {
        let count = count.min(self.to_node.len());
        if self.node_closed {
            self.to_node.clear();
        } else {
            self.at_node.extend(self.to_node.drain(..count));
        }
    }

    /// Some bytes for the client to read.
    pub(crate) fn read_by_client(&mut self, count: usize) -> Vec<u8> {
        let count = count.min(self.to_client.len());
        self.to_client.drain(..count).collect()
    }

    pub(crate) fn ended_for_client(&self) -> bool {
        self.node_closed && self.to_client.is_empty()
    }

    pub(crate) fn ended_for_node(&self) -> bool {
        self.client_closed && self.to_node.is_empty() && self.at_node.is_empty()
    }

    /// Whether nobody will look at it again.
    pub(crate) fn is_over(&self) -> bool {
        self.client_closed && self.node_closed
    }

    pub(crate) fn room(&self) -> usize {
        if self.client_closed {
            // The kernel takes bytes for a peer that is gone until it notices.
            return usize::MAX;
        }
        self.socket_bytes.saturating_sub(self.to_client.len())
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        if !self.client_closed {
            self.to_client.extend_from_slice(bytes);
        }
    }
}
