//! What clients did and saw, as events in the order in which they were noted.
//!
//! A message is noted as sent before its bytes leave, as acknowledged after its acknowledgement came,
//! and as received before the receiver acknowledges it; so what the history says was promised.

use std::fmt;

use anyhow::{Context as _, Result};

/// One message of one publisher: the payload says which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Message {
    /// Who published it; a publisher uses one topic and one QoS.
    pub publisher: u32,
    /// Its place among the publisher's messages, from 1.
    pub sequence: u64,
    /// The QoS at which it was published, 1 or 2.
    pub qos: u8,
}

impl Message {
    /// The payload that names it.
    pub fn payload(&self) -> Vec<u8> {
        self.to_string().into_bytes()
    }

    /// The message that a payload names.
    ///
    /// # Errors
    /// When it names none.
    pub fn parse(payload: &[u8]) -> Result<Self> {
        let text = str::from_utf8(payload)?;
        let mut parts = text.split(' ').map(str::parse::<u64>);
        let mut number = || parts.next().context("too short")?.context("no number");
        let (publisher, sequence, qos) = (number()?, number()?, number()?);
        Ok(Self {
            publisher: publisher as u32,
            sequence,
            qos: qos as u8,
        })
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.publisher, self.sequence, self.qos)
    }
}

/// One thing that a client did or saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A PUBLISH is about to leave; more than once when it is retransmitted.
    Sent(Message),
    /// PUBACK or PUBREC came.
    Acknowledged(Message),
    /// An acknowledgement with a reason code that refuses.
    Refused(Message, u8),
    /// A PUBLISH came.
    Received(Received),
    /// A client came back and its session was gone, although it must not have been.
    SessionLost(String),
    /// The broker was killed; for people who read the history.
    Killed(u32),
}

/// A PUBLISH as a subscriber saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Which subscriber.
    pub subscriber: u32,
    /// What.
    pub message: Message,
    /// At which QoS it was delivered.
    pub qos: u8,
    /// Packet id.
    pub id: u16,
    /// DUP flag.
    pub dup: bool,
    /// Whether the receiver's side of the protocol hands it to the application: always at QoS 1, at
    /// QoS 2 unless its packet id is still waiting for a release.
    pub handed_over: bool,
}
