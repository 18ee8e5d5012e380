//! DISCONNECT from the client: whether the will fires and how long the session stays.

use quorate_codec::Disconnect;

use crate::output::{Release, Step};
use crate::session::{Session, protocol_error};
use crate::will;

impl Session {
    /// A DISCONNECT came.
    pub fn handle_disconnect(&mut self, disconnect: &Disconnect<'_>) -> Step<'static> {
        let expiry_seconds = disconnect.properties.session_expiry_seconds;
        if self.expiry_seconds == 0 && expiry_seconds.is_some_and(|seconds| seconds > 0) {
            // MQTT 5, 3.14.2.2.2: a session that ends with its connection cannot be kept after all.
            return protocol_error("session expiry set by DISCONNECT where CONNECT had none");
        }
        Step::Release(Release {
            fire_will: will::fires_after_disconnect(self.version, disconnect.reason),
            expiry_seconds,
        })
    }
}
