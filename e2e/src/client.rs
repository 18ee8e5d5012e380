//! A small blocking MQTT client: every wait has a deadline, and a test can send any bytes.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a client waits for one kind of packet and keeps any other for later"
)]

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::endpoint::Endpoint;
use crate::packet::{self, Ack, Connect, Packet, Publish, Version};
use crate::tls::TlsStream;
use crate::wait::PATIENCE;

/// Bytes read in one go.
const READ_BYTES: usize = 64 * 1024;

/// What a client talks through.
#[derive(Debug)]
pub enum Stream {
    /// TCP
    Plain(TcpStream),
    /// TLS on TCP
    Tls(Box<TlsStream>),
}

impl Stream {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => &tls.sock,
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(buffer),
            Self::Tls(tls) => tls.read(buffer),
        }
    }

    /// Sends bytes before a client is made of it.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn write_all(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.write_all(bytes),
            Self::Tls(tls) => tls.write_all(bytes).and_then(|()| tls.flush()),
        }
    }
}

/// One connection of a client.
#[derive(Debug)]
pub struct Client {
    stream: Stream,
    version: Version,
    session_present: bool,
    /// Read but not yet parsed.
    buffer: Vec<u8>,
    /// Parsed while something else was waited for.
    inbox: VecDeque<Packet>,
    last_id: u16,
}

impl Client {
    /// Connects and logs in.
    ///
    /// # Errors
    /// When there is no connection, or the broker refuses.
    pub fn connect(endpoint: impl Into<Endpoint>, options: &Connect) -> Result<Self> {
        Self::connect_within(endpoint, options, PATIENCE)
    }

    /// As [`Self::connect`], with a patience of its own for each step.
    ///
    /// # Errors
    /// When there is no connection in time, or the broker refuses.
    pub fn connect_within(
        endpoint: impl Into<Endpoint>,
        options: &Connect,
        limit: Duration,
    ) -> Result<Self> {
        let tcp = endpoint.into().dial(limit)?;
        tcp.set_write_timeout(Some(PATIENCE))?;
        let (client, code) = Self::open_within(Stream::Plain(tcp), options, limit)?;
        ensure!(code == 0, "{} refused with {code:#04x}", options.client_id);
        Ok(client)
    }

    /// A plain connection on which nothing was sent yet.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn dial(endpoint: impl Into<Endpoint>) -> Result<Stream> {
        let tcp = endpoint.into().dial(PATIENCE)?;
        tcp.set_write_timeout(Some(PATIENCE))?;
        Ok(Stream::Plain(tcp))
    }

    /// Sends CONNECT and takes CONNACK; gives its code too.
    ///
    /// # Errors
    /// When the connection ends or something else comes.
    pub fn open(stream: Stream, options: &Connect) -> Result<(Self, u8)> {
        Self::open_within(stream, options, PATIENCE)
    }

    fn open_within(stream: Stream, options: &Connect, limit: Duration) -> Result<(Self, u8)> {
        let mut client = Self::raw(stream, options.version);
        client.send(&packet::connect(options))?;
        match client.next(limit)? {
            Packet::ConnAck {
                session_present,
                code,
            } => {
                client.session_present = session_present;
                Ok((client, code))
            }
            other => bail!("wanted CONNACK, got {other:?}"),
        }
    }

    /// A client that has not sent anything: for tests of the protocol itself.
    pub fn raw(stream: Stream, version: Version) -> Self {
        Self {
            stream,
            version,
            session_present: false,
            buffer: Vec::new(),
            inbox: VecDeque::new(),
            last_id: 0,
        }
    }

    /// Whether CONNACK said that the session was there.
    pub fn session_present(&self) -> bool {
        self.session_present
    }

    /// The protocol version of the connection.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).context("send")
    }

    /// A handle on the socket, to cut it from another thread.
    ///
    /// # Errors
    /// When descriptors have run out.
    pub fn socket(&self) -> Result<TcpStream> {
        Ok(self.stream.socket().try_clone()?)
    }

    /// Subscribes to one filter; gives the code of the SUBACK.
    ///
    /// # Errors
    /// When no SUBACK comes.
    pub fn subscribe(&mut self, filter: &str, qos: u8) -> Result<u8> {
        let id = self.fresh_id();
        self.send(&packet::subscribe(self.version, id, &[(filter, qos)]))?;
        self.codes(id)
    }

    /// Unsubscribes from one filter.
    ///
    /// # Errors
    /// When no UNSUBACK comes.
    pub fn unsubscribe(&mut self, filter: &str) -> Result<()> {
        let id = self.fresh_id();
        self.send(&packet::unsubscribe(self.version, id, filter))?;
        self.wanted(|packet| match packet {
            Packet::SubAck(found, _) if *found == id => Some(()),
            _ => None,
        })
    }

    fn codes(&mut self, id: u16) -> Result<u8> {
        self.wanted(|packet| match packet {
            Packet::SubAck(found, codes) if *found == id => codes.first().copied(),
            _ => None,
        })
    }

    /// Publishes and waits for the whole handshake; gives the reason code.
    ///
    /// # Errors
    /// When the acknowledgement does not come.
    pub fn publish(&mut self, topic: &str, payload: impl Into<Vec<u8>>, qos: u8) -> Result<u8> {
        self.publish_message(Publish::new(topic, payload, qos))
    }

    /// As [`Self::publish`], retained.
    ///
    /// # Errors
    /// When the acknowledgement does not come.
    pub fn retain(&mut self, topic: &str, payload: impl Into<Vec<u8>>, qos: u8) -> Result<u8> {
        let message = Publish {
            retain: true,
            ..Publish::new(topic, payload, qos)
        };
        self.publish_message(message)
    }

    /// As [`Self::publish`], with all fields but the packet id as given.
    ///
    /// # Errors
    /// When the acknowledgement does not come.
    pub fn publish_message(&mut self, message: Publish) -> Result<u8> {
        let id = if message.qos > 0 { self.fresh_id() } else { 0 };
        let qos = message.qos;
        self.send(&packet::publish(self.version, &Publish { id, ..message }))?;
        match qos {
            0 => Ok(0),
            1 => self.acknowledged(Ack::PubAck, id),
            _ => {
                let code = self.acknowledged(Ack::PubRec, id)?;
                if code >= 0x80 {
                    return Ok(code);
                }
                self.send(&packet::ack(Ack::PubRel, id))?;
                self.acknowledged(Ack::PubComp, id)
            }
        }
    }

    fn acknowledged(&mut self, kind: Ack, id: u16) -> Result<u8> {
        let acknowledged = self.wanted(|packet| match packet {
            Packet::Ack(found, of, code) if *found == kind && *of == id => Some(*code),
            _ => None,
        });
        acknowledged.with_context(|| format!("{kind:?} of {id}"))
    }

    /// The next message, acknowledged as its QoS asks (up to PUBREC; the release is answered when
    /// it is met).
    ///
    /// # Errors
    /// When none comes in time.
    pub fn receive(&mut self) -> Result<Publish> {
        let publish = self.wanted(|packet| match packet {
            Packet::Publish(publish) => Some(publish.clone()),
            _ => None,
        });
        let publish = publish.context("a message")?;
        self.acknowledge(&publish)?;
        Ok(publish)
    }

    /// Acknowledges a message as its QoS asks, to the end.
    ///
    /// # Errors
    /// When the broker does not play its part.
    pub fn acknowledge(&mut self, publish: &Publish) -> Result<()> {
        match publish.qos {
            0 => {}
            1 => self.send(&packet::ack(Ack::PubAck, publish.id))?,
            _ => {
                self.send(&packet::ack(Ack::PubRec, publish.id))?;
                self.acknowledged(Ack::PubRel, publish.id)?;
                self.send(&packet::ack(Ack::PubComp, publish.id))?;
            }
        }
        Ok(())
    }

    /// That many messages, as text.
    ///
    /// # Errors
    /// When they do not come in time.
    pub fn receive_texts(&mut self, count: usize) -> Result<Vec<String>> {
        (0..count).map(|_| Ok(self.receive()?.text())).collect()
    }

    /// Sends PINGREQ and waits for the answer: all that came before it is in the inbox.
    ///
    /// # Errors
    /// When no answer comes.
    pub fn ping(&mut self) -> Result<()> {
        self.send(&packet::PING)?;
        self.wanted(|packet| (*packet == Packet::PingResp).then_some(()))
    }

    /// Says good-bye: no will.
    ///
    /// # Errors
    /// When the connection is gone already.
    pub fn disconnect(mut self) -> Result<()> {
        self.send(&packet::DISCONNECT)?;
        self.closed(PATIENCE).map(drop)
    }

    /// Waits until the broker ends the connection; gives the reason of its DISCONNECT if it sent one.
    ///
    /// # Errors
    /// When it stays open.
    pub fn closed(&mut self, limit: Duration) -> Result<Option<u8>> {
        let end = Instant::now() + limit;
        let mut reason = None;
        loop {
            match self.take(end) {
                Ok(Packet::Disconnect(code)) => reason = Some(code),
                Ok(_) => {}
                Err(Ended::Closed) => return Ok(reason),
                Err(Ended::Late) => bail!("the connection is still open after {limit:?}"),
                Err(Ended::Broken(error)) => return Err(error),
            }
        }
    }

    /// The next packet of any kind.
    ///
    /// # Errors
    /// When none comes in time or the connection ends.
    pub fn next(&mut self, limit: Duration) -> Result<Packet> {
        self.take(Instant::now() + limit).map_err(Ended::into)
    }

    /// The next packet; nothing when the time is over first.
    ///
    /// # Errors
    /// When the connection ends.
    pub fn next_until(&mut self, end: Instant) -> Result<Option<Packet>> {
        match self.take(end) {
            Ok(packet) => Ok(Some(packet)),
            Err(Ended::Late) => Ok(None),
            Err(ended) => Err(ended.into()),
        }
    }

    /// Takes the first packet that fits out of the inbox or from the wire; others stay for later.
    fn wanted<T>(&mut self, fits: impl Fn(&Packet) -> Option<T>) -> Result<T> {
        for index in 0..self.inbox.len() {
            if let Some(value) = fits(&self.inbox[index]) {
                self.inbox.remove(index);
                return Ok(value);
            }
        }
        let end = Instant::now() + PATIENCE;
        loop {
            let packet = self.read_packet(end)?;
            if let Some(value) = fits(&packet) {
                return Ok(value);
            }
            self.inbox.push_back(packet);
        }
    }

    fn take(&mut self, end: Instant) -> Result<Packet, Ended> {
        match self.inbox.pop_front() {
            Some(packet) => Ok(packet),
            None => self.read_packet(end),
        }
    }

    fn read_packet(&mut self, end: Instant) -> Result<Packet, Ended> {
        loop {
            let parsed = packet::parse(self.version, &self.buffer).map_err(Ended::Broken)?;
            if let Some((packet, length)) = parsed {
                self.buffer.drain(..length);
                return Ok(packet);
            }
            self.read(end)?;
        }
    }

    fn read(&mut self, end: Instant) -> Result<(), Ended> {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Ended::Late);
        }
        let socket = self.stream.socket();
        socket
            .set_read_timeout(Some(left))
            .map_err(|error| Ended::Broken(error.into()))?;
        let old = self.buffer.len();
        self.buffer.resize(old + READ_BYTES, 0);
        let read = self.stream.read(&mut self.buffer[old..]);
        self.buffer.truncate(old + *read.as_ref().unwrap_or(&0));
        match read {
            Ok(0) => Err(Ended::Closed),
            Ok(_) => Ok(()),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => Err(Ended::Late),
                ErrorKind::Interrupted => Ok(()),
                ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe => {
                    Err(Ended::Closed)
                }
                _ => Err(Ended::Broken(error.into())),
            },
        }
    }

    fn fresh_id(&mut self) -> u16 {
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        self.last_id
    }
}

/// Why there is no packet.
enum Ended {
    Late,
    Closed,
    Broken(anyhow::Error),
}

impl From<Ended> for anyhow::Error {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Late => Self::msg("nothing came in time"),
            Ended::Closed => Self::msg("the broker closed the connection"),
            Ended::Broken(error) => error,
        }
    }
}
