//! Logging in and subscribing, one packet at a time, before the loop takes over.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a client waits for one kind of packet; any other is an error"
)]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use anyhow::{Context as _, Result, bail, ensure};
use quorate_codec::{
    Connect, DecodeLimits, Decoded, Packet, PacketId, QoS, ReasonCode, RetainHandling, Subscribe,
    SubscribeProperties, Subscription, SubscriptionFilter, SubscriptionOptions, Subscriptions,
    decode, encode,
};

use super::template::VERSION;
use crate::endpoint::Endpoint;
use crate::wait::PATIENCE;

/// A socket to the broker on which nothing was sent yet.
pub(super) fn dial(endpoint: impl Into<Endpoint>) -> Result<TcpStream> {
    let socket = endpoint.into().dial(PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// Sends CONNECT.
pub(super) fn send_connect(
    socket: &mut TcpStream,
    client_id: &str,
    persistent: bool,
) -> Result<()> {
    let connect = Connect {
        clean_start: !persistent,
        ..Connect::new(VERSION, client_id)
    };
    send(socket, &Packet::Connect(connect))
}

/// Takes the CONNACK, which must be good.
pub(super) fn take_connack(socket: &mut TcpStream) -> Result<()> {
    take(socket, |packet| match packet {
        Packet::ConnAck(connack) => {
            ensure!(
                connack.reason == ReasonCode::Success,
                "refused: {:?}",
                connack.reason
            );
            Ok(())
        }
        other => bail!("wanted CONNACK, got {other:?}"),
    })
}

/// Subscribes to one filter and waits for the SUBACK.
pub(super) fn subscribe(socket: &mut TcpStream, filter: &str, qos: QoS) -> Result<()> {
    let options = SubscriptionOptions {
        qos,
        no_local: false,
        retain_as_published: false,
        retain_handling: RetainHandling::Send,
    };
    let filter = SubscriptionFilter::parse(filter)?;
    let subscription = [Subscription { filter, options }];
    let subscribe = Subscribe {
        packet_id: PacketId::MIN,
        subscriptions: Subscriptions::new(&subscription),
        properties: SubscribeProperties::default(),
    };
    send(socket, &Packet::Subscribe(subscribe))?;
    take(socket, |packet| match packet {
        Packet::SubAck(_) => Ok(()),
        other => bail!("wanted SUBACK, got {other:?}"),
    })
}

fn send(socket: &mut TcpStream, packet: &Packet<'_>) -> Result<()> {
    let mut bytes = Vec::new();
    encode(packet, VERSION, &mut bytes)?;
    Ok(socket.write_all(&bytes)?)
}

/// Reads byte by byte up to the end of one packet, so that nothing behind it is taken.
fn take(socket: &mut TcpStream, judge: impl FnOnce(Packet<'_>) -> Result<()>) -> Result<()> {
    let mut bytes = Vec::new();
    loop {
        let mut byte = [0];
        socket.read_exact(&mut byte).context("the answer")?;
        bytes.push(byte[0]);
        if let Decoded::Packet { packet, .. } = decode(&bytes, VERSION, &DecodeLimits::default())? {
            return judge(packet);
        }
    }
}
