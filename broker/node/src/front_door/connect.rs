//! A stranger's first packet: read within bounds, and turned from a borrowed view into what login needs.

use std::sync::Arc;

use bytes::Bytes;
use quorate_codec::{Connect, ConnectError, DecodeError, DecodeLimits, Decoded, decode_connect};
use quorate_shard::{Message, Will};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::established::{ClaimRequest, ConnectOptions};
use super::limits::FIRST_READ_BYTES;
use crate::config::Limits;

/// Why no CONNECT came.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// The connection broke.
    #[error("read: {0}")]
    Io(#[from] std::io::Error),
    /// The stranger left before its CONNECT was complete.
    #[error("closed before CONNECT was complete")]
    Closed,
    /// The bytes are no CONNECT.
    #[error("no CONNECT: {0}")]
    NotConnect(#[from] ConnectError),
}

/// Bytes that begin with a complete CONNECT.
#[derive(Debug)]
pub(super) struct FirstBytes {
    bytes: Vec<u8>,
    consumed: usize,
    limits: DecodeLimits,
}

/// Reads until a CONNECT is complete. Never keeps more than the largest CONNECT and one read.
pub(super) async fn read_first<S: AsyncRead + Unpin>(
    stream: &mut S,
    limits: &Limits,
) -> Result<FirstBytes, ReadError> {
    let limits = DecodeLimits {
        packet_bytes_max: limits.connect_bytes_max as usize,
    };
    let mut bytes = Vec::new();
    loop {
        match decode_connect(&bytes, &limits)? {
            Decoded::Packet { consumed, .. } => {
                return Ok(FirstBytes {
                    bytes,
                    consumed,
                    limits,
                });
            }
            // Only as much as is announced: a length alone must not make us reserve memory for it.
            Decoded::Incomplete { needed } => {
                let missing = needed.saturating_sub(bytes.len());
                bytes.reserve(missing.clamp(FIRST_READ_BYTES / 4, FIRST_READ_BYTES));
            }
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(ReadError::Closed);
        }
    }
}

impl FirstBytes {
    /// The CONNECT, decoded again: views live as long as nobody touches the bytes.
    pub(super) fn connect(&self) -> Result<Connect<'_>, ConnectError> {
        match decode_connect(&self.bytes, &self.limits)? {
            Decoded::Packet { packet, .. } => Ok(packet),
            Decoded::Incomplete { .. } => Err(ConnectError {
                error: DecodeError::Truncated,
                version: None,
            }),
        }
    }

    /// What came behind the CONNECT.
    pub(super) fn into_leftover(mut self) -> Vec<u8> {
        self.bytes.drain(..self.consumed);
        self.bytes
    }
}

/// Owned options of a CONNECT, with defaults filled in and our limits applied.
pub(super) fn options(
    connect: &Connect<'_>,
    client_id: Arc<str>,
    limits: &Limits,
) -> ConnectOptions {
    let properties = &connect.properties;
    ConnectOptions {
        version: connect.version,
        client_id,
        clean_start: connect.clean_start,
        keep_alive_seconds: keep_alive_seconds(connect, limits),
        session_expiry_seconds: connect
            .session_expiry_seconds()
            .min(limits.session_expiry_seconds_max),
        receive_maximum: properties.receive_maximum.map_or(u16::MAX, u16::from),
        packet_bytes_max: properties.maximum_packet_bytes.map_or(u32::MAX, u32::from),
        topic_alias_maximum: properties.topic_alias_maximum,
        request_problem_information: properties.request_problem_information,
    }
}

/// The keep alive in force. Only MQTT 5 has a way to tell the client of another one (3.2.2.3.14).
fn keep_alive_seconds(connect: &Connect<'_>, limits: &Limits) -> u16 {
    let asked = connect.keep_alive_seconds;
    let max = limits.keep_alive_seconds_max;
    if !connect.version.is_v5() || max == u16::MAX {
        return asked;
    }
    if asked == 0 { max } else { asked.min(max) }
}

/// What the CONNECT wants of its session.
pub(super) fn claim_request(
    connect: &Connect<'_>,
    options: &ConnectOptions,
    limits: &Limits,
) -> ClaimRequest {
    ClaimRequest {
        client_id: Arc::clone(&options.client_id),
        clean_start: options.clean_start,
        expiry_seconds: options.session_expiry_seconds,
        window: options.receive_maximum.min(limits.window_max),
        will: connect.will.as_ref().map(own_will),
    }
}

fn own_will(will: &quorate_codec::Will<'_>) -> Will {
    let mut properties = Vec::new();
    will.properties.message().append_to(&mut properties);
    Will {
        message: Message {
            topic: will.topic.as_str().into(),
            properties: properties.into(),
            payload: Bytes::copy_from_slice(will.payload),
            qos: will.qos,
            retain: will.retain,
            expiry_seconds: will.properties.expiry_seconds,
        },
        delay_seconds: will.properties.delay_seconds,
    }
}
