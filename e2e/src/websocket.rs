//! A WebSocket as the tests write it: any frames, good or bad. Written apart from the broker's framing.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use anyhow::{Context as _, Result, bail, ensure};

use crate::endpoint::Endpoint;
use crate::wait::PATIENCE;

/// Opcode of a data frame.
pub const BINARY: u8 = 0x2;
/// Opcode of the end.
pub const CLOSE: u8 = 0x8;
/// Opcode of a question.
pub const PING: u8 = 0x9;
/// Opcode of its answer.
pub const PONG: u8 = 0xa;

/// A connection that has been upgraded.
#[derive(Debug)]
pub struct WebSocket(TcpStream);

impl WebSocket {
    /// Connects and upgrades.
    ///
    /// # Errors
    /// When the other side does not want that.
    pub fn connect(to: impl Into<Endpoint>) -> Result<Self> {
        let mut stream = to.into().dial(PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let lines = [
            "GET / HTTP/1.1",
            "Host: localhost",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
            "Sec-WebSocket-Protocol: mqtt",
            "",
            "",
        ];
        stream.write_all(lines.join("\r\n").as_bytes())?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            answer.push(byte[0]);
        }
        let answer = String::from_utf8(answer)?;
        ensure!(answer.starts_with("HTTP/1.1 101"), "{answer}");
        Ok(Self(stream))
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write_all(bytes).context("send")
    }

    /// The next frame: opcode and payload.
    ///
    /// # Errors
    /// When none comes.
    pub fn receive(&mut self) -> Result<(u8, Vec<u8>)> {
        let [first, short] = self.read()?;
        let length = match short {
            126 => u64::from(u16::from_be_bytes(self.read()?)),
            127 => u64::from_be_bytes(self.read()?),
            0..126 => u64::from(short),
            _ => bail!("a server does not mask"),
        };
        let mut payload = vec![0; usize::try_from(length)?];
        self.0.read_exact(&mut payload)?;
        Ok((first & 0x0f, payload))
    }

    /// Reads until the other side says why it closes; gives the code.
    ///
    /// # Errors
    /// When it ends without.
    pub fn closed(&mut self) -> Result<u16> {
        loop {
            let (opcode, payload) = self.receive()?;
            if let (CLOSE, [high, low, ..]) = (opcode, &payload[..]) {
                return Ok(u16::from_be_bytes([*high, *low]));
            }
        }
    }

    fn read<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

/// A whole message as a client masks it.
pub fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    fragment(true, opcode, payload)
}

/// A piece of a message.
pub fn fragment(last: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [0x5a, 0, 0xff, 0x33];
    let mut bytes = vec![opcode | if last { 0x80 } else { 0 }];
    match payload.len() {
        length @ 0..126 => bytes.push(0x80 | length as u8),
        length @ 126..65_536 => {
            bytes.push(0x80 | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(KEY);
    let masked = payload.iter().zip(KEY.iter().cycle());
    bytes.extend(masked.map(|(byte, key)| byte ^ key));
    bytes
}
