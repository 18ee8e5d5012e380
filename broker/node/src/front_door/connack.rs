//! Both answers to CONNECT as bytes: the acceptance that a worker sends first, and the refusal.

use std::num::NonZeroU32;

use quorate_codec::{
    ConnAck, ConnAckProperties, Connect, EncodeError, Packet, ReasonCode, Version, encode,
};

use super::established::ConnectOptions;
use crate::config::Limits;

/// Why a CONNECT is refused, for the client and for whoever reads its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Reason code; 3.1.1 gets the nearest return code.
    pub(super) reason: ReasonCode,
    /// MQTT 5's reason string.
    pub(super) words: &'static str,
}

impl Refusal {
    /// The CONNACK, without words where they would not fit the client's maximum packet size.
    pub(super) fn encode(
        self,
        version: Version,
        packet_bytes_max: u32,
    ) -> Result<Vec<u8>, EncodeError> {
        let mut connack = ConnAck::refusal(self.reason_in(version));
        connack.properties.reason_string = Some(self.words);
        let mut bytes = Vec::new();
        encode(&Packet::ConnAck(connack), version, &mut bytes)?;
        if bytes.len() > packet_bytes_max as usize {
            connack.properties.reason_string = None;
            bytes.clear();
            encode(&Packet::ConnAck(connack), version, &mut bytes)?;
        }
        Ok(bytes)
    }
}

impl Refusal {
    /// 3.1.1 has return code 4 for a user name or password that is *malformed*; one that is merely wrong
    /// is *not authorized*, 5 (3.1.1, table 3.1), as other brokers say too.
    fn reason_in(self, version: Version) -> ReasonCode {
        if !version.is_v5() && self.reason == ReasonCode::BadUserNameOrPassword {
            return ReasonCode::NotAuthorized;
        }
        self.reason
    }
}

/// The CONNACK that accepts, with everything about us that the client cannot assume.
pub(super) fn accept(
    connect: &Connect<'_>,
    options: &ConnectOptions,
    session_present: bool,
    limits: &Limits,
) -> Result<Vec<u8>, EncodeError> {
    let expiry = options.session_expiry_seconds;
    let keep_alive = options.keep_alive_seconds;
    // MQTT-3.1.2-28: only for who asks.
    let asked = connect.properties.request_response_information;
    let information = limits.response_information.as_ref().filter(|_| asked);
    let information = information.map(|text| text.replace("%c", &options.client_id));
    let properties = ConnAckProperties {
        response_information: information.as_deref(),
        session_expiry_seconds: (expiry != connect.session_expiry_seconds()).then_some(expiry),
        receive_maximum: Some(limits.receive_maximum),
        maximum_packet_bytes: NonZeroU32::new(limits.packet_bytes_max),
        assigned_client_id: connect.client_id.is_empty().then_some(&*options.client_id),
        server_keep_alive_seconds: (keep_alive != connect.keep_alive_seconds).then_some(keep_alive),
        maximum_qos: limits.capabilities.maximum_qos,
        retain_available: limits.capabilities.retain,
        wildcard_available: limits.capabilities.wildcards,
        subscription_ids_available: limits.capabilities.subscription_ids,
        shared_available: limits.capabilities.shared,
        topic_alias_maximum: limits.topic_alias_maximum,
        ..ConnAckProperties::NONE
    };
    let connack = ConnAck {
        session_present,
        reason: ReasonCode::Success,
        properties,
    };
    let mut bytes = Vec::new();
    encode(&Packet::ConnAck(connack), options.version, &mut bytes)?;
    Ok(bytes)
}
