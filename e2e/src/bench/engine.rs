//! The loop that plays all clients on one thread: wait, read what is ready, account for it, append what
//! may be sent, one write per socket.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use quorate_codec::{AckKind, DecodeLimits, Decoded, Packet, QoS, decode, encode_ack};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use super::cell::{Load, Pace};
use super::connection::{Connection, Role};
use super::ledger::Ledger;
use super::system::System;
use super::template::{Stamp, Template, VERSION};
use super::wire;

/// Bytes read from a socket in one go.
const READ_BYTES: usize = 256 * 1024;
/// Ready sockets taken in one turn.
const EVENTS_MAX: usize = 1024;
/// A turn comes back after this even if nothing happens.
const WAIT_MAX: Duration = Duration::from_millis(50);

/// All clients of a load, connected and subscribed. Publishers come first among the connections.
pub(super) struct Engine {
    epoll: OwnedFd,
    connections: Vec<Connection>,
    templates: Vec<Template>,
    pub(super) ledger: Ledger,
    load: Load,
    started: Instant,
    /// Indexes of connections with something to write.
    dirty: Vec<usize>,
    events: Vec<epoll::Event>,
    scratch: Vec<u8>,
    /// Messages sent, and the moment from which a rate counts.
    sent: u64,
    rate_from: Option<Instant>,
    publishing: bool,
}

impl Engine {
    /// Connects everybody.
    ///
    /// # Errors
    /// When somebody is refused.
    pub(super) fn connect(system: &System, load: Load) -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let (publishers, subscribers) = load.shape.clients();
        let roles = (0..publishers)
            .map(Role::Publisher)
            .chain((0..subscribers).map(Role::Subscriber));
        let mut connections = Vec::new();
        for role in roles {
            let connection = log_in(system, &load, role)?;
            let data = epoll::EventData::new_u64(connections.len() as u64);
            epoll::add(&epoll, &connection.socket, data, epoll::EventFlags::IN)?;
            connections.push(connection);
        }
        let template = |index| Template::new(&load.shape.topic(index), load.qos);
        Ok(Self {
            epoll,
            connections,
            templates: (0..publishers).map(template).collect::<Result<_>>()?,
            ledger: Ledger::new(&load),
            load,
            started: Instant::now(),
            dirty: Vec::new(),
            events: Vec::with_capacity(EVENTS_MAX),
            scratch: vec![0; READ_BYTES],
            sent: 0,
            rate_from: None,
            publishing: false,
        })
    }

    /// Runs the load for a time.
    ///
    /// # Errors
    /// When a connection ends.
    pub(super) fn run(&mut self, time: Duration) -> Result<()> {
        if !self.publishing {
            self.publishing = true;
            self.rate_from = Some(Instant::now());
            self.ledger.list_all();
        }
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.turn()?;
        }
        Ok(())
    }

    /// Publishes no more and waits for what is on its way.
    ///
    /// # Errors
    /// When not everything arrives.
    pub(super) fn settle(&mut self, limit: Duration) -> Result<()> {
        self.publishing = false;
        let end = Instant::now() + limit;
        while !self.ledger.is_settled() {
            if Instant::now() > end {
                let (deliveries, acks) = self.ledger.owed();
                bail!(
                    "LOST: {deliveries} deliveries and {acks} acknowledgements of {} messages did not come",
                    self.sent
                );
            }
            self.turn()?;
        }
        Ok(())
    }

    fn turn(&mut self) -> Result<()> {
        if self.publishing {
            match self.load.pace {
                Pace::Window(window) | Pace::Acknowledged(window) => self.fill_windows(window),
                Pace::Rate(rate) => self.keep_up(rate),
            }
        }
        self.flush()?;
        self.wait()?;
        let mut events = std::mem::take(&mut self.events);
        for event in events.drain(..) {
            let flags = event.flags;
            let index = event.data.u64() as usize;
            if flags.contains(epoll::EventFlags::OUT) {
                self.mark(index);
            }
            if !flags.difference(epoll::EventFlags::OUT).is_empty() {
                self.read(index)?;
            }
        }
        self.events = events;
        Ok(())
    }

    fn wait(&mut self) -> Result<()> {
        let mut time = WAIT_MAX;
        if let (Pace::Rate(rate), Some(from), true) =
            (self.load.pace, self.rate_from, self.publishing)
        {
            let due = Duration::from_nanos((self.sent + 1) * 1_000_000_000 / rate);
            time = time.min(due.saturating_sub(from.elapsed()));
        }
        let time = Timespec {
            tv_sec: 0,
            tv_nsec: i64::from(time.subsec_nanos()),
        };
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&time)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn fill_windows(&mut self, window: u64) {
        while let Some(publisher) = self.ledger.next_listed() {
            let outstanding = self.ledger.outstanding(publisher);
            for _ in outstanding..window {
                self.publish(publisher);
            }
        }
    }

    fn keep_up(&mut self, rate: u64) {
        let Some(from) = self.rate_from else {
            return;
        };
        let due = from.elapsed().as_nanos() as u64 * rate / 1_000_000_000;
        while self.sent < due {
            self.publish(self.sent as usize % self.templates.len());
        }
    }

    fn publish(&mut self, publisher: usize) {
        let sent_at = self.started.elapsed().as_nanos() as u64;
        let sequence = self.ledger.send(publisher, sent_at);
        let stamp = Stamp {
            publisher: publisher as u32,
            sequence,
            sent_at,
        };
        // Publishers come first among the connections.
        self.templates[publisher].append(stamp, &mut self.connections[publisher].out);
        self.sent += 1;
        self.mark(publisher);
    }

    fn mark(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        if !connection.dirty {
            connection.dirty = true;
            self.dirty.push(index);
        }
    }

    fn flush(&mut self) -> Result<()> {
        while let Some(index) = self.dirty.pop() {
            let connection = &mut self.connections[index];
            let blocked = connection.flush()?;
            if blocked != connection.blocked {
                connection.blocked = blocked;
                let mut flags = epoll::EventFlags::IN;
                flags.set(epoll::EventFlags::OUT, blocked);
                let data = epoll::EventData::new_u64(index as u64);
                epoll::modify(&self.epoll, &connection.socket, data, flags)?;
            }
        }
        Ok(())
    }

    fn read(&mut self, index: usize) -> Result<()> {
        let connection = &mut self.connections[index];
        let length = connection.read(&mut self.scratch)?;
        let now = self.started.elapsed().as_nanos() as u64;
        let ledger = &mut self.ledger;
        if connection.partial.is_empty() {
            let bytes = &self.scratch[..length];
            let used = take_packets(connection.role, bytes, &mut connection.out, ledger, now)?;
            connection.partial.extend_from_slice(&bytes[used..]);
        } else {
            connection
                .partial
                .extend_from_slice(&self.scratch[..length]);
            let bytes = &connection.partial;
            let used = take_packets(connection.role, bytes, &mut connection.out, ledger, now)?;
            connection.partial.drain(..used);
        }
        if !connection.out.is_empty() && !connection.blocked {
            self.mark(index);
        }
        Ok(())
    }
}

/// Connects one client and makes its subscription.
fn log_in(system: &System, load: &Load, role: Role) -> Result<Connection> {
    let mut socket = wire::dial(system.node_of(role))?;
    let (name, persistent) = match role {
        Role::Publisher(index) => (format!("publisher-{index}"), false),
        Role::Subscriber(index) => (format!("subscriber-{index}"), load.persistent),
    };
    wire::send_connect(&mut socket, &name, persistent)?;
    wire::take_connack(&mut socket).with_context(|| name.clone())?;
    if let Role::Subscriber(index) = role {
        wire::subscribe(&mut socket, &load.shape.filter(index), load.qos).context(name)?;
    }
    Connection::new(socket, role)
}

/// Accounts for all whole packets in the bytes; says how many bytes they took.
fn take_packets(
    role: Role,
    bytes: &[u8],
    out: &mut Vec<u8>,
    ledger: &mut Ledger,
    now: u64,
) -> Result<usize> {
    let limits = DecodeLimits::default();
    let mut used = 0;
    loop {
        let Decoded::Packet { packet, consumed } = decode(&bytes[used..], VERSION, &limits)? else {
            return Ok(used);
        };
        used += consumed;
        match (role, packet) {
            (Role::Subscriber(subscriber), Packet::Publish(publish)) => {
                ledger.delivered(subscriber, publish.payload, now);
                if publish.qos == QoS::AtLeastOnce
                    && let Some(id) = publish.packet_id
                {
                    encode_ack(AckKind::PubAck, id, out);
                }
            }
            (Role::Publisher(publisher), Packet::PubAck(_)) => ledger.acknowledged(publisher, now),
            (role, packet) => bail!("{role:?} got {packet:?}"),
        }
    }
}
