//! One client of a story: its socket, and what it has got but nobody has looked at yet.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a client that answers by itself answers few kinds of packets"
)]

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use quorate_codec::{
    AckKind, DecodeLimits, Decoded, Packet, PacketId, QoS, Version, decode, encode_ack,
};

use super::words::Words;
use super::{send, show};
use crate::wait::PATIENCE;

/// What is shown when the broker has closed the connection.
const CLOSED: &str = "closed";

/// See the module.
pub(super) struct Player {
    stream: TcpStream,
    version: Version,
    /// Answers QoS handshakes by itself, and does not show them.
    auto: bool,
    /// Shows the broker's limits in CONNACK.
    limits: bool,
    buffer: Vec<u8>,
    shown: VecDeque<String>,
    closed: bool,
}

impl Player {
    pub(super) fn open(port: u16, version: Version) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            version,
            auto: false,
            limits: false,
            buffer: Vec::new(),
            shown: VecDeque::new(),
            closed: false,
        })
    }

    /// One step. `name` is its client id if the words name none.
    pub(super) fn act(&mut self, name: &str, words: &Words<'_>) -> Result<()> {
        self.auto |= words.has("auto");
        self.limits |= words.has("limits");
        if words.verb() == "cut" {
            self.stream.shutdown(Shutdown::Both)?;
            self.closed = true;
            return Ok(());
        }
        let bytes = send::bytes(name, words, self.version)?;
        for _ in 0..words.number("times").unwrap_or(1) {
            self.write(&bytes)?;
        }
        Ok(())
    }

    /// The next thing that comes, or `closed`.
    pub(super) fn next(&mut self) -> Result<String> {
        self.next_within(PATIENCE)?.context("nothing came in time")
    }

    pub(super) fn next_within(&mut self, limit: Duration) -> Result<Option<String>> {
        let end = Instant::now() + limit;
        loop {
            if let Some(shown) = self.shown.pop_front() {
                return Ok(Some(shown));
            }
            if self.closed || !self.read(end)? {
                return Ok(None);
            }
        }
    }

    /// What comes before the answer to a PINGREQ; nothing for a connection that is closed.
    pub(super) fn rest(&mut self) -> Result<Option<String>> {
        if self.closed {
            return Ok(self.shown.pop_front());
        }
        self.write(&[0xc0, 0])?;
        let first = self.next()?;
        Ok((first != "pingresp").then_some(first))
    }

    /// A broker that has closed takes nothing more, which is no error of the story.
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match self.stream.write_all(bytes) {
            Err(error) if !is_end(error.kind()) => Err(error.into()),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Reads once; whether something came before the time was over.
    fn read(&mut self, end: Instant) -> Result<bool> {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        self.stream.set_read_timeout(Some(left))?;
        let mut bytes = [0; 4096];
        match self.stream.read(&mut bytes) {
            Ok(0) => self.end(),
            Ok(count) => {
                self.buffer.extend_from_slice(&bytes[..count]);
                self.parse()?;
            }
            Err(error) if is_end(error.kind()) => self.end(),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => return Ok(false),
                ErrorKind::Interrupted => {}
                _ => return Err(error.into()),
            },
        }
        Ok(true)
    }

    fn end(&mut self) {
        self.closed = true;
        self.shown.push_back(CLOSED.to_owned());
    }

    fn parse(&mut self) -> Result<()> {
        let buffer = std::mem::take(&mut self.buffer);
        let mut rest = buffer.as_slice();
        loop {
            match decode(rest, self.version, &DecodeLimits::default()) {
                Ok(Decoded::Packet { packet, consumed }) => {
                    self.take(&packet)?;
                    rest = &rest[consumed..];
                }
                Ok(Decoded::Incomplete { .. }) => break,
                Err(error) => bail!("the broker sent what it must not: {error}: {rest:02x?}"),
            }
        }
        self.buffer = rest.to_vec();
        Ok(())
    }

    fn take(&mut self, packet: &Packet<'_>) -> Result<()> {
        if self.auto && self.answer(packet)? {
            return Ok(());
        }
        self.shown.push_back(show::packet(packet, self.limits));
        Ok(())
    }

    /// Goes on with a handshake; whether the packet is a mere part of one.
    fn answer(&mut self, packet: &Packet<'_>) -> Result<bool> {
        match packet {
            Packet::Publish(publish) => {
                let kind = match publish.qos {
                    QoS::AtMostOnce => return Ok(false),
                    QoS::AtLeastOnce => AckKind::PubAck,
                    QoS::ExactlyOnce => AckKind::PubRec,
                };
                if let Some(id) = publish.packet_id {
                    self.acknowledge(kind, id)?;
                }
                Ok(false)
            }
            Packet::PubRec(pubrec) if !pubrec.reason.is_error() => {
                self.acknowledge(AckKind::PubRel, pubrec.packet_id)?;
                Ok(true)
            }
            Packet::PubRel(pubrel) => {
                self.acknowledge(AckKind::PubComp, pubrel.packet_id)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn acknowledge(&mut self, kind: AckKind, id: PacketId) -> Result<()> {
        let mut out = Vec::new();
        encode_ack(kind, id, &mut out);
        self.write(&out)
    }
}

fn is_end(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof
    )
}
