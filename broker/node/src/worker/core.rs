//! A worker without its sockets: what comes in by events and messages goes out as bytes in the
//! connections' outputs and as values in the [`Outbox`]. A test drives a whole worker through it.
//!
//! The parts of the path are files beside this one: `inbound` (bytes → session), `publish` (routing),
//! `deliver` (to clients), `subscribe`, `completions` (what shards answered), `end`.

use std::sync::Arc;

use quorate_codec::{DecodeLimits, Packet, ReasonCode};
use quorate_control::SlotMap;
use quorate_router::{ConnectionId, ShareStrategy, Table};
use quorate_session::{ClientLimits, Close, Mode, Session, SessionStart};
use quorate_shard::{Command, Release};

use super::budget::{Account, Budget};
use super::connection::{Connection, Opening};
use super::limits::WorkerLimits;
use super::operation::Operation;
use super::outbox::{Errand, Outbox};
use super::output::{BufferPool, Output};
use super::read_buffer::CARRY_BYTES_MAX;
use super::shard_deliveries::DurableMap;
use super::share::Elsewhere;
use super::slab::{Key, Slab};
use super::timers::Timers;
use crate::metrics::WorkerCounters;
use crate::registry::Registry;

/// Milliseconds between two looks at all connections for gauges: 15 000 of them take a tenth of one.
const GAUGES_MILLIS: u64 = 1_000;

/// See the module.
pub struct Core {
    pub(super) settings: CoreSettings,
    /// Milliseconds since the worker started, as of this turn's poll.
    pub(super) now: u64,
    /// The same in microseconds.
    pub(super) now_micros: u64,
    /// When gauges are next brought up to date, in milliseconds.
    gauges_due: u64,
    /// Subscriptions of own connections.
    pub(super) subscriptions: u64,
    pub(super) connections: Slab<Connection>,
    pub(super) table: Table,
    /// Connections of durable sessions, by session.
    pub(super) durable: DurableMap,
    pub(super) operations: Slab<Operation>,
    pub(super) outbox: Outbox,
    pub(super) pool: BufferPool,
    pub(super) timers: Timers,
    pub(super) counters: Arc<WorkerCounters>,
    pub(super) registry: Arc<Registry>,
    pub(super) dirty: Vec<ConnectionId>,
    pub(super) settled: Vec<ConnectionId>,
    pub(super) settling: Vec<ConnectionId>,
    pub(super) ended: Vec<ConnectionId>,
    pub(super) paused: Vec<ConnectionId>,
    pub(super) fired: Vec<ConnectionId>,
    /// Properties of the publish at hand, if they had to be copied.
    pub(super) properties: Vec<u8>,
    /// Who else got the publish at hand, as a member of a share group, and has to answer for it.
    pub(super) elsewhere: Elsewhere,
    pub(super) shutting_down: bool,
    pub(super) account: Account,
}

/// What a worker is told at start.
#[derive(Debug, Clone)]
pub struct CoreSettings {
    /// The worker's number.
    pub id: u16,
    /// Workers of the node.
    pub workers: u16,
    /// Which shard holds which key.
    pub slots: SlotMap,
    /// Spreads hashes of what strangers choose.
    pub seed: u64,
    /// How members of share groups are chosen.
    pub share_strategy: ShareStrategy,
    /// Bounds.
    pub limits: WorkerLimits,
    /// Bounds all of them together.
    pub budget: Arc<Budget>,
    /// Bounds of sessions.
    pub session: Arc<quorate_session::Limits>,
    /// Bounds of packets.
    pub decode: DecodeLimits,
}

impl Core {
    /// A worker without connections.
    pub fn new(
        settings: CoreSettings,
        registry: Arc<Registry>,
        counters: Arc<WorkerCounters>,
    ) -> Self {
        let outbox = Outbox::new(
            usize::from(settings.slots.shard_count()),
            usize::from(settings.workers),
        );
        let mut table = Table::new(settings.seed);
        table.set_share_strategy(settings.share_strategy);
        let account = Account::new(settings.budget.clone(), settings.limits);
        Self {
            settings,
            now: 0,
            now_micros: 0,
            gauges_due: 0,
            subscriptions: 0,
            connections: Slab::new(),
            table,
            durable: DurableMap::default(),
            operations: Slab::new(),
            outbox,
            pool: BufferPool::default(),
            timers: Timers::new(0),
            counters,
            registry,
            dirty: Vec::new(),
            settled: Vec::new(),
            settling: Vec::new(),
            ended: Vec::new(),
            paused: Vec::new(),
            fired: Vec::new(),
            properties: Vec::new(),
            elsewhere: Elsewhere::default(),
            shutting_down: false,
            account,
        }
    }

    // --- a turn, in the order the event loop goes through it

    /// A turn begins at `micros` since the worker started.
    pub fn start_turn(&mut self, micros: u64) {
        self.now_micros = micros;
        self.now = micros / 1000;
    }

    /// Takes a connection over. `None` when a newer claim for its client id has come meanwhile.
    pub fn adopt(&mut self, opening: Opening) -> Option<ConnectionId> {
        if self.shutting_down {
            self.give_back(&opening);
            return None;
        }
        let session = self.open_session(&opening);
        let Opening {
            connack,
            connect,
            claimed,
            shard,
            slot,
        } = opening;
        let subscriptions = claimed.subscriptions.clone();
        let connection = Connection::new(connect.client_id, shard, &claimed, session, slot);
        let key = self.connections.insert(connection);
        let id = connection_id(key);
        let connection = self.connections.get_mut(key).expect("inserted above");
        if !self.registry.open(
            &connection.client_id,
            connection.epoch,
            self.settings.id,
            id,
        ) {
            self.connections.remove(key);
            return None;
        }
        if let Some(deadline) = connection.session.keep_alive_deadline() {
            self.timers.arm(id, deadline);
        }
        self.counters.connections_opened.add(1);
        connection
            .output
            .buffer(&mut self.pool)
            .extend_from_slice(&connack);
        self.counters.replies_sent.add(1);
        self.mark_dirty(id);
        self.restore_subscriptions(id, &subscriptions);
        for subscription in subscriptions.iter().filter(|s| s.is_shared()) {
            self.reclaim(&subscription.filter);
        }
        self.attach(id);
        Some(id)
    }

    /// A connection that comes too late: its session is released as lost.
    fn give_back(&mut self, opening: &Opening) {
        let release = Release {
            session: opening.claimed.session,
            epoch: opening.claimed.epoch,
            fire_will: true,
            expiry_seconds: None,
        };
        self.request_unanswered(opening.shard, Command::Release(release));
    }

    /// Has a durable session's deliveries sent here.
    fn attach(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get(key(id)).filter(|c| c.durable) else {
            return;
        };
        let (shard, session, epoch) = (connection.shard, connection.claim, connection.epoch);
        self.durable.insert((shard, session), id);
        self.outbox.errands.push(Errand::Attach {
            shard,
            session,
            epoch,
        });
    }

    fn open_session(&self, opening: &Opening) -> Session {
        let connect = &opening.connect;
        let claimed = &opening.claimed;
        let mode = if claimed.durable {
            Mode::Durable {
                inbound: claimed.inbound.clone(),
                subscriptions: claimed.subscriptions.len() as u32,
            }
        } else {
            Mode::Clean
        };
        let start = SessionStart {
            version: connect.version,
            now: self.now,
            client: ClientLimits {
                receive_maximum: connect.receive_maximum,
                maximum_packet_size: connect.packet_bytes_max,
                topic_alias_maximum: connect.topic_alias_maximum,
                problem_information: connect.request_problem_information,
            },
            keep_alive_seconds: connect.keep_alive_seconds,
            expiry_seconds: connect.session_expiry_seconds,
            mode,
        };
        Session::new(start, self.settings.session.clone())
    }

    /// The beginning of a packet that the next read has to be put behind; `None` for a connection that
    /// is not read from any more. A large one stays here and gets only the fresh bytes.
    pub fn carried(&self, id: ConnectionId) -> Option<&[u8]> {
        let connection = self.connections.get(key(id))?;
        if !connection.is_open() {
            return None;
        }
        let carried = connection.carried.as_slice();
        Some(if carried.len() > CARRY_BYTES_MAX {
            &[]
        } else {
            carried
        })
    }

    /// Whether the connection may be read from now; if not it is remembered and comes back in
    /// [`Self::take_resumed`].
    pub fn may_read(&mut self, id: ConnectionId) -> bool {
        let full = self.outbox.is_full();
        let Some(connection) = self.connections.get_mut(key(id)) else {
            return false;
        };
        if !full && reads(connection, &self.settings.limits) {
            return true;
        }
        if !connection.paused {
            connection.paused = true;
            self.paused.push(id);
        }
        false
    }

    /// Connections that may be read from again, for the event loop's list.
    pub fn take_resumed(&mut self, again: &mut Vec<ConnectionId>) {
        let full = self.outbox.is_full();
        if self.paused.is_empty() || full {
            return;
        }
        let (connections, limits) = (&mut self.connections, &self.settings.limits);
        self.paused
            .retain(|id| match connections.get_mut(key(*id)) {
                Some(connection) if !reads(connection, limits) => true,
                Some(connection) => {
                    connection.paused = false;
                    again.push(*id);
                    false
                }
                None => false,
            });
    }

    /// Looks at what the timer wheel has for this turn.
    pub fn poll_timers(&mut self) {
        if self.now >= self.gauges_due {
            self.gauges_due = self.now + GAUGES_MILLIS;
            self.set_gauges();
        }
        let mut fired = std::mem::take(&mut self.fired);
        self.timers.poll(self.now, &mut fired);
        for id in fired.drain(..) {
            let Some(connection) = self.connections.get_mut(key(id)) else {
                continue;
            };
            let step = connection.session.handle_timeout(self.now);
            if let Some(deadline) = connection.session.keep_alive_deadline() {
                self.timers.arm(id, deadline.max(self.now + 1));
            }
            self.take_step(id, step, None);
        }
        self.fired = fired;
    }

    /// Everything of this turn has been read: sessions tell their shards what they have to, and what
    /// waits is sent as far as there is room.
    pub fn end_gather(&mut self) {
        std::mem::swap(&mut self.settled, &mut self.settling);
        while let Some(id) = self.settling.pop() {
            self.settle(id);
        }
    }

    /// The turn is over at `micros`.
    pub fn end_turn(&mut self, micros: u64) {
        self.settle_account();
        self.counters
            .turn_micros
            .record(micros.saturating_sub(self.now_micros));
    }

    /// Connections to write, each once.
    pub fn take_dirty(&mut self, dirty: &mut Vec<ConnectionId>) {
        std::mem::swap(&mut self.dirty, dirty);
        for id in dirty.iter() {
            if let Some(connection) = self.connections.get_mut(key(*id)) {
                connection.dirty = false;
                if connection.blocked {
                    self.recharge(*id);
                }
            }
        }
    }

    /// What to write for a connection; `None` if there is nothing or its socket is full.
    pub fn output(&mut self, id: ConnectionId) -> Option<(&mut Output, &mut BufferPool)> {
        let connection = self.connections.get_mut(key(id))?;
        if connection.blocked {
            return None;
        }
        Some((&mut connection.output, &mut self.pool))
    }

    /// Everything of the connection's output, so many bytes, is with the kernel.
    pub fn handle_written(&mut self, id: ConnectionId, bytes: usize) {
        self.counters.wire_sent_bytes.add(bytes as u64);
        self.recharge(id);
        if let Some(connection) = self.connections.get(key(id))
            && connection.waiting.is_some()
        {
            self.mark_settled(id);
        }
    }

    /// The connection's socket took so many bytes and no more.
    pub fn handle_blocked(&mut self, id: ConnectionId, bytes: usize) {
        self.counters.wire_sent_bytes.add(bytes as u64);
        self.recharge(id);
        if let Some(connection) = self.connections.get_mut(key(id)) {
            connection.blocked = true;
        }
    }

    /// The connection's socket can take more.
    pub fn handle_writable(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(key(id))
            && connection.blocked
        {
            connection.blocked = false;
            self.mark_dirty(id);
        }
    }

    /// Connections whose sockets are to be closed, once their output has had its write.
    pub fn take_ended(&mut self, ended: &mut Vec<ConnectionId>) {
        std::mem::swap(&mut self.ended, ended);
    }

    /// The connection's socket is closed.
    pub fn free(&mut self, id: ConnectionId) {
        if let Some(mut connection) = self.connections.remove(key(id)) {
            self.discharge(&connection);
            let left = connection.output.len();
            connection.output.advance(left, &mut self.pool);
            self.counters.connections_closed.add(1);
        }
    }

    // --- what the event loop asks

    /// The worker's number.
    pub fn id(&self) -> u16 {
        self.settings.id
    }

    /// What others get of this turn.
    pub fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    /// Buffers for the event loop's own use.
    pub fn pool(&mut self) -> &mut BufferPool {
        &mut self.pool
    }

    /// Whether the next turn has something to do without any event.
    pub fn has_output(&self) -> bool {
        !self.dirty.is_empty() || !self.settled.is_empty() || !self.ended.is_empty()
    }

    /// Milliseconds until something is due.
    pub fn wait_millis(&self, now: u64) -> Option<u64> {
        let held_back = self.outbox.holds_publishes();
        // Another worker has no room: look again soon; it does not tell.
        let retry = held_back.then_some(1);
        self.timers.wait_millis(now).into_iter().chain(retry).min()
    }

    /// Whether the worker has closed everything after a shutdown.
    pub fn is_done(&self) -> bool {
        self.shutting_down && self.connections.len() == 0
    }

    // --- shared by the parts

    /// Notes that the connection has something to be written at the end of the turn.
    pub fn mark_dirty(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(key(id))
            && !connection.dirty
        {
            connection.dirty = true;
            self.dirty.push(id);
        }
    }

    pub(super) fn mark_settled(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(key(id))
            && !connection.settled
        {
            connection.settled = true;
            self.settled.push(id);
        }
    }

    /// Appends a packet to a connection's output.
    pub(super) fn send(&mut self, id: ConnectionId, packet: &Packet<'_>) {
        let Some(connection) = self.connections.get_mut(key(id)) else {
            return;
        };
        let version = connection.session.version();
        let buffer = connection.output.buffer(&mut self.pool);
        let before = buffer.len();
        if let Err(error) = quorate_codec::encode(packet, version, buffer) {
            tracing::error!(%error, "a packet of our own cannot be encoded");
            return;
        }
        let bytes = buffer.len() - before;
        if !connection.session.fits(bytes) {
            // An answer that the client cannot take (MQTT-3.1.2-24), and cannot do without.
            buffer.truncate(before);
            let close = Close {
                reason: ReasonCode::PacketTooLarge,
                detail: "",
                release: connection.session.lost(),
            };
            self.close(id, close);
            return;
        }
        self.counters.replies_sent.add(1);
        self.mark_dirty(id);
    }
}

/// Whether a connection takes its share of reading: its own answers fit its output, and not too many of
/// its packets wait for a result.
fn reads(connection: &Connection, limits: &WorkerLimits) -> bool {
    connection.output.len() < limits.output_bytes_max && connection.session.accepts_input()
}

pub(super) fn key(id: ConnectionId) -> Key {
    Key {
        index: id.index,
        generation: id.generation,
    }
}

pub(super) fn connection_id(key: Key) -> ConnectionId {
    ConnectionId {
        index: key.index,
        generation: key.generation,
    }
}
