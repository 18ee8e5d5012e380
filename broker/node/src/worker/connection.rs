//! One established connection as its worker sees it: session, output, what waits.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use quorate_codec::QoS;
use quorate_router::RouteHandle;
use quorate_session::Session;
use quorate_shard::{Claimed, Delivery, Epoch, SessionId, ShardId};

use super::lent::Lent;
use super::operation::{Subscribing, Unsubscribing};
use super::output::Output;
use super::shard_deliveries::ShardClock;
use crate::front_door::ConnectionSlot;

/// See the module. Small: an idle connection costs this and little else.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) session: Session,
    pub(super) client_id: Arc<str>,
    /// Where the client id is claimed.
    pub(super) shard: ShardId,
    pub(super) claim: SessionId,
    pub(super) epoch: Epoch,
    /// Whether the session's queue lives in the shard.
    pub(super) durable: bool,
    pub(super) state: State,
    /// In the list of connections to be written at the end of the turn.
    pub(super) dirty: bool,
    /// In the list of connections whose session has something for its shard or room for what waits.
    pub(super) settled: bool,
    /// The socket took no more; wait until it is writable.
    pub(super) blocked: bool,
    /// Not read from until there is room again.
    pub(super) paused: bool,
    pub(super) output: Output,
    /// Bytes that wait for it, as its worker's budget knows them.
    pub(super) charged: usize,
    /// The beginning of a packet whose rest has not come.
    pub(super) carried: Vec<u8>,
    /// Bytes the carried packet needs in all, as far as is known.
    pub(super) needed: usize,
    /// Filters this connection has in the worker's table.
    pub(super) filters: Vec<Arc<str>>,
    pub(super) waiting: Option<Box<Waiting>>,
    /// What share groups have lent to a clean session.
    pub(super) lent: Option<Box<Lent>>,
    /// SUBSCRIBEs and UNSUBSCRIBEs of a durable session.
    pub(super) ordering: Option<Box<Ordering>>,
    /// Where its last publish went.
    pub(super) route: RouteHandle,
    pub(super) shard_clock: ShardClock,
    _slot: ConnectionSlot,
}

/// Where a connection stands in its life on the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// In service.
    Open,
    /// Given back; what is in the output may still be written, then the socket is closed.
    Ended,
}

/// Messages that wait until the client acknowledges earlier ones or reads its socket.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Of a clean session; bounded by the worker's limits.
    pub(super) messages: VecDeque<(Rc<Kept>, Head)>,
    /// Payload bytes in `messages`.
    pub(super) bytes: usize,
    /// Of a durable session; bounded by the window its shard keeps.
    pub(super) deliveries: VecDeque<Delivery>,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.deliveries.is_empty()
    }
}

/// A message copied out of the read buffer once, for all who keep it.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) topic: Box<str>,
    pub(super) properties: Box<[u8]>,
    pub(super) payload: Box<[u8]>,
    /// Worker time in milliseconds at which it expires.
    pub(super) expires_at: Option<u64>,
}

impl Kept {
    pub(super) fn bytes(&self) -> usize {
        self.topic.len() + self.properties.len() + self.payload.len() + KEPT_OVERHEAD_BYTES
    }
}

/// What a kept message is charged beside its bytes.
const KEPT_OVERHEAD_BYTES: usize = 64;

/// What differs between the receivers of one message.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) qos: QoS,
    pub(super) retain: bool,
    pub(super) identifiers: Box<[u32]>,
    /// The share group that lends it.
    pub(super) group: Option<Arc<str>>,
}

/// SUBSCRIBEs and UNSUBSCRIBEs on their way to a shard. Answers to the first take longer than to the second, so neither
/// sort is begun while the other one is on its way: what came last is what holds.
#[derive(Debug, Default)]
pub(super) struct Ordering {
    pub(super) subscribing: u16,
    pub(super) unsubscribing: u16,
    /// Those that have not begun, in order; bounded by the session's limit of operations.
    pub(super) held: VecDeque<Held>,
}

/// See [`Ordering::held`].
#[derive(Debug)]
pub(super) enum Held {
    Subscribe(Box<Subscribing>),
    Unsubscribe(Box<Unsubscribing>),
}

impl Ordering {
    /// The next that may begin.
    pub(super) fn begin(&mut self) -> Option<Held> {
        let (count, others) = match self.held.front()? {
            Held::Subscribe(_) => (&mut self.subscribing, self.unsubscribing),
            Held::Unsubscribe(_) => (&mut self.unsubscribing, self.subscribing),
        };
        if others > 0 {
            return None;
        }
        *count += 1;
        self.held.pop_front()
    }
}

/// What opens a connection on a worker.
#[derive(Debug)]
pub struct Opening {
    /// CONNACK, encoded.
    pub connack: Vec<u8>,
    /// What CONNECT asked for.
    pub connect: crate::front_door::ConnectOptions,
    /// The claim.
    pub claimed: Claimed,
    /// Shard of the claim.
    pub shard: ShardId,
    /// Counts against the connection limit.
    pub slot: ConnectionSlot,
}

impl Connection {
    pub(super) fn new(
        client_id: Arc<str>,
        shard: ShardId,
        claimed: &Claimed,
        session: Session,
        slot: ConnectionSlot,
    ) -> Self {
        Self {
            session,
            client_id,
            shard,
            claim: claimed.session,
            epoch: claimed.epoch,
            durable: claimed.durable,
            state: State::Open,
            dirty: false,
            settled: false,
            blocked: false,
            paused: false,
            output: Output::default(),
            charged: 0,
            carried: Vec::new(),
            needed: 0,
            filters: Vec::new(),
            waiting: None,
            lent: None,
            ordering: None,
            route: RouteHandle::default(),
            shard_clock: ShardClock::default(),
            _slot: slot,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.state == State::Open
    }
}
