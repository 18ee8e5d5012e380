//! Which ending of a connection lets the will fire. The will itself is kept by the session's shard,
//! which also knows its delay.

use quorate_codec::{ReasonCode, Version};

use crate::output::Release;

/// The connection ended without DISCONNECT, or by our own decision: the will fires (MQTT-3.1.2-8).
pub(crate) const LOST: Release = Release {
    fire_will: true,
    expiry_seconds: None,
};

/// Whether the will fires after the client's own DISCONNECT (MQTT-3.1.2-10, MQTT-3.14.4-3): any reason
/// but *Normal disconnection* leaves it in force. A DISCONNECT without reason code is always normal.
pub(crate) fn fires_after_disconnect(version: Version, reason: ReasonCode) -> bool {
    version.is_v5() && reason != ReasonCode::NORMAL_DISCONNECTION
}
