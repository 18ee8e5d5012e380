//! One worker's thread: turns sockets' readiness into calls of the core, and the core's output into writes.
//!
//! A turn: poll → read each ready socket once → take the mailbox → when something is to be written, look
//! once more without waiting → one write per dirty socket → hand out what others get. Decides nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Poll, Token};
use quorate_router::{ConnectionId, Interest, Target};
use quorate_shard::ShardId;

use super::Outside;
use super::connection::Opening;
use super::core::Core;
use super::inbox::{Confirm, OnDrop, ToWorker};
use super::mailbox::Mailbox;
use super::outbox::{Errand, NodeOut};
use super::read_buffer::{READ_BYTES_MAX, ReadBuffer};
use super::socket::{ReadResult, Socket, WriteResult};
use crate::front_door::Established;
use crate::members::Fence;
use crate::transport::Transport;

/// Readiness events taken per poll; more only make a turn longer.
const EVENTS_MAX: usize = 1024;
const WAKE: Token = Token(usize::MAX);

/// See the module.
pub(super) struct EventLoop {
    poll: Poll,
    mailbox: Arc<Mailbox>,
    core: Core,
    mailboxes: Arc<[Arc<Mailbox>]>,
    outside: Box<dyn Outside>,
    fence: Fence,
    sockets: Vec<Option<Socket>>,
    started: Instant,
    buffer: ReadBuffer,
    scratch: Box<[u8]>,
    messages: Vec<ToWorker>,
    /// Connections whose socket had more than one read's bytes: first in the next turn.
    again: Vec<ConnectionId>,
    again_now: Vec<ConnectionId>,
    dirty: Vec<ConnectionId>,
    ended: Vec<ConnectionId>,
}

impl EventLoop {
    /// A loop around `core`; its mailbox wakes `poll` by [`Self::waker`].
    pub(super) fn new(
        poll: Poll,
        mailbox: Arc<Mailbox>,
        core: Core,
        mailboxes: Arc<[Arc<Mailbox>]>,
        outside: Box<dyn Outside>,
        fence: Fence,
    ) -> Self {
        Self {
            poll,
            mailbox,
            core,
            mailboxes,
            outside,
            fence,
            sockets: Vec::new(),
            started: Instant::now(),
            buffer: ReadBuffer::new(),
            scratch: vec![0; READ_BYTES_MAX].into_boxed_slice(),
            messages: Vec::new(),
            again: Vec::new(),
            again_now: Vec::new(),
            dirty: Vec::new(),
            ended: Vec::new(),
        }
    }

    /// The waker a worker's mailbox needs.
    pub(super) fn waker(poll: &Poll) -> std::io::Result<mio::Waker> {
        mio::Waker::new(poll.registry(), WAKE)
    }

    /// Runs until the core says that it is done (after [`ToWorker::Shutdown`]).
    pub(super) fn run(mut self) -> std::io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        while !self.core.is_done() {
            self.gather(&mut events)?;
            if !self.fence.is_held() {
                // Right before anything is told: the process may have been stopped for long.
                self.core.send_away();
            }
            self.flush();
            self.hand_out();
            self.reap();
            self.core.end_turn(self.micros());
        }
        Ok(())
    }

    /// Reads and takes messages until there is something to write (or nothing at all to do).
    fn gather(&mut self, events: &mut Events) -> std::io::Result<()> {
        for round in 0..2 {
            self.core.take_resumed(&mut self.again);
            let wait = if round > 0 || !self.again.is_empty() {
                Some(Duration::ZERO)
            } else {
                self.sleep()
            };
            match self.poll.poll(events, wait) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            self.mailbox.awake();
            self.core.start_turn(self.micros());
            let found = !events.is_empty() || !self.again.is_empty();
            self.read_again();
            for event in events.iter() {
                self.handle_event(event);
            }
            self.take_messages();
            self.core.poll_timers();
            self.core.end_gather();
            if !found || !self.core.has_output() {
                break;
            }
        }
        Ok(())
    }

    /// How long to wait; says so to the mailbox first, so that nobody's message is slept over.
    fn sleep(&self) -> Option<Duration> {
        if self.mailbox.prepare_to_sleep() && !self.core.has_output() {
            self.core
                .wait_millis(self.micros() / 1000)
                .map(Duration::from_millis)
        } else {
            Some(Duration::ZERO)
        }
    }

    fn micros(&self) -> u64 {
        self.started.elapsed().as_micros() as u64
    }

    fn read_again(&mut self) {
        std::mem::swap(&mut self.again, &mut self.again_now);
        while let Some(connection) = self.again_now.pop() {
            self.read(connection);
        }
    }

    fn handle_event(&mut self, event: &Event) {
        if event.token() == WAKE {
            return;
        }
        let connection = connection_of(event.token());
        if event.is_writable() {
            self.core.handle_writable(connection);
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.read(connection);
        }
    }

    fn read(&mut self, connection: ConnectionId) {
        if !self.core.may_read(connection) {
            return;
        }
        let Some(carried) = self.core.carried(connection) else {
            return;
        };
        let Some(Some(socket)) = self.sockets.get_mut(connection.index as usize) else {
            return;
        };
        self.buffer.restart(carried);
        match socket.read(&mut self.buffer, &mut self.scratch) {
            ReadResult::Bytes { count, more } => {
                if socket.has_wire() {
                    self.core.mark_dirty(connection);
                }
                self.core
                    .handle_bytes(connection, self.buffer.filled(), count);
                if more {
                    self.again.push(connection);
                }
            }
            ReadResult::Empty => {}
            ReadResult::Ended => self.core.handle_end(connection),
        }
    }

    fn take_messages(&mut self) {
        let mut messages = std::mem::take(&mut self.messages);
        self.mailbox.take(&mut messages);
        for message in messages.drain(..) {
            if let ToWorker::Connection(established, shard) = message {
                self.adopt(*established, shard);
            } else {
                self.core.handle_message(message);
            }
        }
        self.messages = messages;
    }

    /// Takes a connection over from the front door.
    fn adopt(&mut self, established: Established, shard: ShardId) {
        let Established {
            stream,
            tls,
            websocket,
            leftover,
            connack,
            connect,
            claimed,
            slot,
            ..
        } = established;
        let mut socket = Socket::new(stream, Transport::new(tls, websocket));
        let Some(connection) = self.core.adopt(Opening {
            connack,
            connect,
            claimed,
            shard,
            slot,
        }) else {
            return;
        };
        let interest = mio::Interest::READABLE | mio::Interest::WRITABLE;
        let (registry, token) = (self.poll.registry(), token_of(connection));
        if let Err(error) = registry.register(&mut SourceFd(&socket.descriptor()), token, interest)
        {
            tracing::warn!(%error, "cannot watch a connection");
            self.core.handle_end(connection);
            return;
        }
        let index = connection.index as usize;
        if self.sockets.len() <= index {
            self.sockets.resize_with(index + 1, || None);
        }
        if socket.is_over() {
            // Nothing more may come that would tell of it.
            self.again.push(connection);
        }
        self.sockets[index] = Some(socket);
        if !leftover.is_empty() {
            self.core
                .handle_bytes(connection, &leftover, leftover.len());
        }
    }

    /// One write per connection that has something to send.
    fn flush(&mut self) {
        self.core.take_dirty(&mut self.dirty);
        for connection in self.dirty.drain(..) {
            let Some(Some(socket)) = self.sockets.get_mut(connection.index as usize) else {
                continue;
            };
            let Some((output, pool)) = self.core.output(connection) else {
                continue;
            };
            let before = output.len();
            let result = socket.write(output, pool);
            let written = before - output.len();
            match result {
                WriteResult::Done => self.core.handle_written(connection, written),
                WriteResult::Blocked => self.core.handle_blocked(connection, written),
                WriteResult::Ended => self.core.handle_end(connection),
            }
        }
    }

    /// Gives others what this turn has for them.
    fn hand_out(&mut self) {
        let worker = self.core.id();
        let outbox = self.core.outbox();
        for (shard, requests) in outbox.requests.iter_mut().enumerate() {
            if !requests.is_empty() {
                self.outside
                    .submit(shard as ShardId, std::mem::take(requests));
            }
        }
        self.send_interest(worker);
        let outbox = self.core.outbox();
        for errand in outbox.errands.drain(..) {
            match errand {
                Errand::Attach {
                    shard,
                    session,
                    epoch,
                } => {
                    self.outside.attach(shard, session, epoch, worker);
                }
                Errand::Detach {
                    shard,
                    session,
                    epoch,
                } => self.outside.detach(shard, session, epoch),
                Errand::Release { shard, release } => self.outside.release(shard, release),
                Errand::ReadRetained { ticket, filters } => {
                    self.outside.read_retained(worker, ticket, filters);
                }
                Errand::Barrier { ticket } => {
                    let own = self.mailbox.clone();
                    let passed = move || own.send(ToWorker::BarrierPassed(ticket));
                    let passed = OnDrop::new(Box::new(passed));
                    tell_others(&self.mailboxes, worker, Vec::new(), &passed);
                    self.outside.interest(worker, &[], passed);
                }
            }
        }
        for (node, NodeOut { out, tickets }) in &mut outbox.nodes {
            if let Some(batch) = out.take() {
                let tickets = std::mem::take(tickets);
                self.outside.publish(worker, *node, batch, tickets);
            }
        }
        for (to, out) in outbox.cross.iter_mut().enumerate() {
            if let Some(batch) = out.take() {
                self.mailboxes[to].send(ToWorker::Publishes(batch));
            }
        }
        outbox.confirmed.clear();
    }

    /// Tells the other workers what this one's connections want now; what was told before a barrier is
    /// routed by when the barrier is confirmed, since mailboxes keep order.
    fn send_interest(&mut self, worker: u16) {
        let changes = std::mem::take(&mut self.core.outbox().interest);
        if !changes.is_empty() {
            let nobody = OnDrop::new(Box::new(|| {}));
            self.outside.interest(worker, &changes, nobody.clone());
            tell_others(&self.mailboxes, worker, changes, &nobody);
        }
    }

    /// Closes the sockets of connections that ended in this turn.
    fn reap(&mut self) {
        self.core.take_ended(&mut self.ended);
        for connection in self.ended.drain(..) {
            if let Some(Some(mut socket)) = self
                .sockets
                .get_mut(connection.index as usize)
                .map(Option::take)
            {
                socket.close(self.core.pool());
                // Dropping the socket below takes it out of the poll as well.
                let descriptor = socket.descriptor();
                let _ = self.poll.registry().deregister(&mut SourceFd(&descriptor));
            }
            self.core.free(connection);
        }
    }
}

/// Has every other worker route by the changes; `confirm` runs out when all of them do.
fn tell_others(
    mailboxes: &[Arc<Mailbox>],
    worker: u16,
    changes: Vec<(Arc<str>, Interest)>,
    confirm: &Confirm,
) {
    for (to, mailbox) in mailboxes.iter().enumerate() {
        if to != usize::from(worker) {
            mailbox.send(ToWorker::Interest {
                target: Target::Worker(worker),
                changes: changes.clone(),
                replace: false,
                confirm: confirm.clone(),
            });
        }
    }
}

fn token_of(connection: ConnectionId) -> Token {
    Token(connection.index as usize | (connection.generation as usize) << 32)
}

fn connection_of(token: Token) -> ConnectionId {
    ConnectionId {
        index: token.0 as u32,
        generation: (token.0 >> 32) as u32,
    }
}
