//! What happened, as far as clients can see it: the input of every invariant. It judges nothing.

use quorate_codec::QoS;

/// A client's place in the scenario.
pub(crate) type ClientNumber = usize;
/// A connection's place among all of the world.
pub(crate) type LinkNumber = usize;
/// A message's place in [`History::messages`]; higher is later for one publisher.
pub(crate) type MessageNumber = usize;

/// One thing that happened to a client or to the node.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields say what they are")]
pub enum Event {
    /// CONNECT was sent.
    Connecting {
        client: ClientNumber,
        link: LinkNumber,
        will: Option<MessageNumber>,
    },
    /// CONNACK came.
    Connected {
        client: ClientNumber,
        link: LinkNumber,
        present: bool,
    },
    /// DISCONNECT was sent.
    Disconnecting {
        client: ClientNumber,
        link: LinkNumber,
    },
    /// The client knows that its connection is over.
    Closed {
        client: ClientNumber,
        link: LinkNumber,
    },
    /// PUBLISH was sent.
    Sent {
        client: ClientNumber,
        message: MessageNumber,
        packet_id: Option<u16>,
        dup: bool,
    },
    /// PUBACK or PUBREC came.
    Acknowledged {
        client: ClientNumber,
        message: MessageNumber,
    },
    /// The broker refused the message.
    Refused {
        client: ClientNumber,
        message: MessageNumber,
    },
    /// PUBLISH came. `passed` says whether the application was given it.
    Received {
        client: ClientNumber,
        link: LinkNumber,
        message: MessageNumber,
        arrival: Arrival,
    },
    /// PUBREL came.
    Released {
        client: ClientNumber,
        packet_id: u16,
    },
    /// SUBACK came.
    Subscribed {
        client: ClientNumber,
        filter: &'static str,
        qos: QoS,
    },
    /// UNSUBSCRIBE was sent.
    Unsubscribing {
        client: ClientNumber,
        filter: &'static str,
    },
    /// The node's process or machine died.
    Crashed,
    /// It runs again.
    Started { incarnation: u64 },
    /// A shard's log was cut behind a snapshot.
    Snapshot { shard: u16, applied: u64 },
    /// A batch was applied and its answer lost.
    AnswerLost { shard: u16, sequence: u64 },
    /// Nothing fails from here on.
    Healed,
}

/// How a PUBLISH came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields say what they are")]
pub struct Arrival {
    pub packet_id: Option<u16>,
    pub qos: QoS,
    pub dup: bool,
    pub retain: bool,
    pub passed: bool,
}

/// A message that somebody wanted published.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) publisher: ClientNumber,
    pub(crate) topic: String,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    /// The connection whose will it is.
    pub(crate) will_of: Option<LinkNumber>,
    pub(crate) will_delay_seconds: u32,
}

/// See the module.
#[derive(Debug, Default)]
pub struct History {
    /// In order.
    pub events: Vec<Event>,
    pub(crate) messages: Vec<Published>,
}

impl History {
    pub(crate) fn note(&mut self, event: Event) {
        self.events.push(event);
    }

    pub(crate) fn add_message(&mut self, message: Published) -> MessageNumber {
        self.messages.push(message);
        self.messages.len() - 1
    }

    /// Events with their places.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (usize, &Event)> {
        self.events.iter().enumerate()
    }
}
