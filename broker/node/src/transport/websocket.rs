//! WebSocket frames to plain bytes and back (RFC 6455, server side), for a connection whose handshake is
//! over. MQTT packets may be split over frames and joined in them (MQTT 5, 6.0), so a frame's payload is
//! passed on as it comes: nothing of it is kept, and how long a frame is costs no memory.

mod head;
mod mask;
#[cfg(test)]
mod tests;

use head::{Frame, HEAD_BYTES_MAX, Opcode};

/// Why a peer's stream of frames is over, as close codes say it (RFC 6455, 7.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CloseCode(u16);

impl CloseCode {
    /// All is done.
    pub(crate) const NORMAL: Self = Self(1000);
    /// The peer broke the rules of framing.
    pub(crate) const PROTOCOL: Self = Self(1002);
    /// MQTT is binary (MQTT-6.0.0-1).
    pub(crate) const NOT_BINARY: Self = Self(1003);
    /// A reason that is no UTF-8.
    pub(crate) const NOT_UTF8: Self = Self(1007);
    /// A frame longer than any MQTT packet.
    pub(crate) const TOO_LONG: Self = Self(1009);

    /// Whether an endpoint may put it into a frame.
    fn may_be_sent(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

/// State of one connection's framing; no buffer of it is held while nothing is under way.
#[derive(Debug, Default)]
pub struct WebSocket {
    /// The beginning of a frame's head whose rest has not come.
    head: [u8; HEAD_BYTES_MAX],
    head_length: u8,
    /// The frame whose payload comes next.
    frame: Option<Frame>,
    /// Whether the last data frame left its message open.
    fragmented: bool,
    /// Payload of the control frame at hand.
    control: Vec<u8>,
    /// The last ping that is not answered; earlier ones need no answer of their own (5.5.3).
    ping: Option<Vec<u8>>,
    /// Set once nothing of the peer counts any more: how to answer.
    over: Option<CloseCode>,
    closed: bool,
}

impl WebSocket {
    /// Turns bytes of the wire into plain bytes, in place: as many as returned are now at the front.
    /// After an error or a close frame, [`Self::is_over`] says so and the rest is ignored.
    pub(crate) fn read(&mut self, bytes: &mut [u8]) -> usize {
        let (mut at, mut kept) = (0, 0);
        while at < bytes.len() && self.over.is_none() {
            let Some(frame) = &mut self.frame else {
                at += self.read_head(&bytes[at..]);
                continue;
            };
            let left = usize::try_from(frame.left).unwrap_or(usize::MAX);
            let end = at + left.min(bytes.len() - at);
            frame.unmask(&mut bytes[at..end]);
            if frame.opcode.is_control() {
                self.control.extend_from_slice(&bytes[at..end]);
            } else {
                bytes.copy_within(at..end, kept);
                kept += end - at;
            }
            at = end;
            self.end_frame_if_complete();
        }
        kept
    }

    /// Whether nothing will come of this peer any more.
    pub(crate) fn is_over(&self) -> bool {
        self.over.is_some()
    }

    /// Whether [`Self::take_pong`] has something.
    pub(crate) fn has_pong(&self) -> bool {
        self.ping.is_some()
    }

    /// Appends the answer to the last ping, if one waits. The caller does so only where there is room, so
    /// that a peer that pings and does not read makes us keep one.
    pub(crate) fn take_pong(&mut self, wire: &mut Vec<u8>) {
        if let Some(payload) = self.ping.take() {
            let (head, length) = head::encode(Opcode::Pong, payload.len());
            wire.extend_from_slice(&head[..length]);
            wire.extend_from_slice(&payload);
        }
    }

    /// The head of a frame around so many plain bytes, and its length.
    pub(crate) fn frame(plain_bytes: usize) -> ([u8; HEAD_BYTES_MAX], usize) {
        head::encode(Opcode::Binary, plain_bytes)
    }

    /// Appends a close frame, once.
    pub(crate) fn close(&mut self, wire: &mut Vec<u8>) {
        if std::mem::replace(&mut self.closed, true) {
            return;
        }
        let CloseCode(code) = self.over.unwrap_or(CloseCode::NORMAL);
        let (head, length) = head::encode(Opcode::Close, 2);
        wire.extend_from_slice(&head[..length]);
        wire.extend_from_slice(&code.to_be_bytes());
    }

    /// Takes bytes of a head; returns how many.
    fn read_head(&mut self, bytes: &[u8]) -> usize {
        let had = usize::from(self.head_length);
        let length = HEAD_BYTES_MAX.min(had + bytes.len());
        self.head[had..length].copy_from_slice(&bytes[..length - had]);
        match head::parse(&self.head[..length]) {
            Ok(Some((frame, head_length))) => {
                self.head_length = 0;
                self.begin(frame);
                head_length - had
            }
            Ok(None) => {
                // A head that is not complete has fewer bytes than the longest one.
                self.head_length = length as u8;
                bytes.len()
            }
            Err(code) => {
                self.over = Some(code);
                bytes.len()
            }
        }
    }

    fn begin(&mut self, frame: Frame) {
        let in_order = match frame.opcode {
            Opcode::Continuation => self.fragmented,
            Opcode::Binary => !self.fragmented,
            Opcode::Close | Opcode::Ping | Opcode::Pong => true,
        };
        if in_order {
            self.frame = Some(frame);
            self.end_frame_if_complete();
        } else {
            self.over = Some(CloseCode::PROTOCOL);
        }
    }

    fn end_frame_if_complete(&mut self) {
        let Some(frame) = self.frame.take_if(|frame| frame.left == 0) else {
            return;
        };
        match frame.opcode {
            Opcode::Continuation | Opcode::Binary => self.fragmented = !frame.last,
            Opcode::Ping => self.ping = Some(std::mem::take(&mut self.control)),
            Opcode::Pong => self.control = Vec::new(),
            Opcode::Close => {
                self.over = Some(answer(&self.control));
                self.control = Vec::new();
            }
        }
    }
}

/// How to answer a close frame with this payload: with its own code if it is a good one (5.5.1).
fn answer(payload: &[u8]) -> CloseCode {
    match payload {
        [] => CloseCode::NORMAL,
        [high, low, reason @ ..] => {
            let code = CloseCode(u16::from_be_bytes([*high, *low]));
            if !code.may_be_sent() {
                CloseCode::PROTOCOL
            } else if std::str::from_utf8(reason).is_err() {
                CloseCode::NOT_UTF8
            } else {
                code
            }
        }
        [_] => CloseCode::PROTOCOL,
    }
}
