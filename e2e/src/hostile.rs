//! Connections that mean no good: what they send, and that they are ended.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::endpoint::Endpoint;
use crate::packet::{self, Connect, Publish, Version};
use crate::random::Random;
use crate::wait::PATIENCE;

/// Something to send to a port that does not expect it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attack {
    /// Up to some KiB of noise.
    Noise,
    /// A good CONNECT, then noise.
    NoiseAfterConnect,
    /// A CONNECT that stops in the middle.
    HalfConnect,
    /// A good CONNECT with a short keep-alive, then half a PUBLISH.
    HalfPublish,
    /// A CONNECT that announces 256 MiB.
    HugeConnect,
    /// A good CONNECT, then a PUBLISH that announces 256 MiB.
    HugePublish,
    /// A length of more than four bytes.
    EndlessLength,
    /// The head of a TLS handshake.
    TlsHello,
    /// An HTTP request that does not end.
    EndlessHttp,
    /// Nothing at all.
    Silence,
}

impl Attack {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Noise,
        Self::NoiseAfterConnect,
        Self::HalfConnect,
        Self::HalfPublish,
        Self::HugeConnect,
        Self::HugePublish,
        Self::EndlessLength,
        Self::TlsHello,
        Self::EndlessHttp,
        Self::Silence,
    ];

    /// What is sent.
    pub fn bytes(self, random: &mut Random) -> Vec<u8> {
        let length = 1 + random.below(4096) as usize;
        let name = format!("hostile-{}", random.bits());
        let connect = packet::connect(&Connect {
            keep_alive: 1,
            ..Connect::new(&name)
        });
        let then = |bytes: &[u8]| [&connect[..], bytes].concat();
        match self {
            Self::Noise => random.bytes(length),
            Self::NoiseAfterConnect => then(&random.bytes(length)),
            Self::HalfConnect => connect[..connect.len() / 2].to_vec(),
            Self::HalfPublish => {
                let publish = packet::publish(Version::V5, &Publish::new("t", vec![0; 999], 0));
                then(&publish[..500])
            }
            Self::HugeConnect => [&[0x10, 0xff, 0xff, 0xff, 0x7f][..], &connect[2..]].concat(),
            Self::HugePublish => then(&[0x30, 0xff, 0xff, 0xff, 0x7f, 0, 1, b't']),
            Self::EndlessLength => vec![0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 4],
            Self::TlsHello => {
                let hello = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
                [&hello[..], &random.bytes(500)].concat()
            }
            Self::EndlessHttp => [b"GET / HTTP/1.1\r\nHost: ", &vec![b'a'; length][..]].concat(),
            Self::Silence => Vec::new(),
        }
    }
}

/// A hostile connection that has sent its bytes.
#[derive(Debug)]
pub struct Intruder {
    stream: TcpStream,
    attack: Attack,
}

impl Intruder {
    /// Connects and sends.
    ///
    /// # Errors
    /// When nobody listens; that the other side closes early is no error.
    pub fn send(to: impl Into<Endpoint>, attack: Attack, random: &mut Random) -> Result<Self> {
        Self::send_bytes(to, attack, &attack.bytes(random))
    }

    /// Connects and sends those bytes.
    ///
    /// # Errors
    /// When nobody listens; that the other side closes early is no error.
    pub fn send_bytes(to: impl Into<Endpoint>, attack: Attack, bytes: &[u8]) -> Result<Self> {
        let mut stream = to.into().dial(PATIENCE)?;
        // A refusal may come before all is sent.
        let _ = stream.write_all(bytes);
        Ok(Self { stream, attack })
    }

    /// Whether it has sent what no protocol begins with, so that nobody need wait for more.
    pub fn is_noisy(&self) -> bool {
        matches!(self.attack, Attack::Noise | Attack::EndlessLength)
    }

    /// Waits until the other side has closed.
    ///
    /// # Errors
    /// When it does not.
    pub fn ended(mut self, limit: Duration) -> Result<()> {
        let end = Instant::now() + limit;
        let mut buffer = [0; 4096];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!("{:?} is still connected after {limit:?}", self.attack);
            }
            self.stream.set_read_timeout(Some(left))?;
            match self.stream.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return Ok(()),
            }
        }
    }
}
