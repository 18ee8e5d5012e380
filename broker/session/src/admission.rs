//! What the server takes less of in a message than the protocol allows: user properties, and topics that are
//! its own. Decides before anything of a packet is kept.

use quorate_codec::{Publish, QoS, ReasonCode, UserProperties};

use crate::limits::Limits;
use crate::output::Step;
use crate::session::{Session, close};

/// First level of topics that only the broker publishes to.
const OWN_ROOT: &str = "$SYS";

impl Limits {
    /// Why a message to this topic is not taken from a client; `None` takes it.
    pub fn refuse_topic(&self, topic: &str) -> Option<ReasonCode> {
        if !self.topics.admit(topic) {
            return Some(ReasonCode::TopicNameInvalid);
        }
        let rest = topic.strip_prefix(OWN_ROOT)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(ReasonCode::NotAuthorized)
    }

    /// Whether there are more user properties than a message may carry.
    pub fn has_too_many(&self, properties: &UserProperties<'_>) -> bool {
        let max = usize::from(self.user_properties_max);
        properties.iter().nth(max).is_some()
    }
}

impl Session {
    /// Refuses a PUBLISH that is beyond our bounds. Comes before its alias is noted, so that no alias ever
    /// stands for a topic that is not taken.
    pub(crate) fn refuse_publish(&mut self, publish: &Publish<'_>) -> Option<Step<'static>> {
        if self
            .limits
            .has_too_many(&publish.properties.message().user_properties())
        {
            return Some(close(ReasonCode::QuotaExceeded, "too many user properties"));
        }
        let reason = self.limits.refuse_topic(publish.topic)?;
        if reason != ReasonCode::NotAuthorized {
            return Some(close(reason, "topic name too long or with too many levels"));
        }
        let Some(packet_id) = publish.packet_id else {
            // At QoS 0 nothing can be said: it goes nowhere.
            return Some(Step::Continue);
        };
        if publish.qos == QoS::ExactlyOnce && self.inbound.held(packet_id).is_some() {
            // A repeat goes nowhere, whatever it says.
            return None;
        }
        if !self.version.is_v5() {
            return Some(close(reason, "topic of the broker's own"));
        }
        let full = self.check_open();
        Some(full.unwrap_or_else(|| self.settle(packet_id, publish.qos, reason)))
    }
}
