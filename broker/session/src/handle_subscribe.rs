//! SUBSCRIBE from the client: which filters are wanted, which are refused at once. Puts none in force.

use quorate_codec::{
    PacketId, ReasonCode, Subscribe, Subscription, SubscriptionFilter, SubscriptionOptions,
    Subscriptions, TopicLimits,
};

use crate::limits::Capabilities;
use crate::output::Step;
use crate::session::{Session, close};

/// A SUBSCRIBE as the worker has to carry it out.
#[derive(Debug)]
#[must_use]
pub struct SubscribeRequest<'p> {
    /// For SUBACK.
    pub packet_id: PacketId,
    /// Subscription identifier that goes with every filter (MQTT 5, 3.8.2.1.2).
    pub identifier: Option<u32>,
    /// Filters that are wanted and within the client's limit; to be given back with
    /// [`Session::subscribe_done`].
    pub reserved: u32,
    subscriptions: Subscriptions<'p>,
    capabilities: Capabilities,
    topics: TopicLimits,
}

/// One filter of a SUBSCRIBE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestedFilter<'p> {
    /// To be put in force; SUBACK says what was granted, or why not.
    Wanted {
        /// The filter.
        filter: SubscriptionFilter<'p>,
        /// Its options; the QoS is what may be granted.
        options: SubscriptionOptions,
    },
    /// Not to be put in force; SUBACK says this.
    Refused(ReasonCode),
}

impl<'p> SubscribeRequest<'p> {
    /// The filters in the packet's order, which is also SUBACK's (MQTT-3.9.3-1). May be run through
    /// more than once.
    pub fn filters(&self) -> impl Iterator<Item = RequestedFilter<'p>> + use<'p> {
        let mut room = self.reserved;
        let Self {
            capabilities,
            topics,
            ..
        } = *self;
        self.subscriptions.iter().map(move |subscription| {
            let Subscription {
                filter,
                mut options,
            } = subscription;
            if let Some(reason) = missing(&capabilities, filter) {
                return RequestedFilter::Refused(reason);
            }
            if !topics.admit(filter.filter().as_str()) {
                return RequestedFilter::Refused(ReasonCode::TopicFilterInvalid);
            }
            if room == 0 {
                return RequestedFilter::Refused(ReasonCode::QuotaExceeded);
            }
            room -= 1;
            // A server without QoS 2 still takes subscriptions that ask for it (MQTT-3.2.2-10).
            options.qos = options.qos.min(capabilities.maximum_qos);
            RequestedFilter::Wanted { filter, options }
        })
    }
}

impl Session {
    /// A SUBSCRIBE came.
    pub fn handle_subscribe<'p>(&mut self, subscribe: &Subscribe<'p>) -> Step<'p> {
        if let Some(reason) = self.unsupported(subscribe) {
            return close(reason, "SUBSCRIBE asks for what CONNACK said is off");
        }
        let (capabilities, topics) = (self.limits.capabilities, self.limits.topics);
        let wanted = subscribe.subscriptions.iter().filter(|subscription| {
            let filter = subscription.filter;
            missing(&capabilities, filter).is_none() && topics.admit(filter.filter().as_str())
        });
        let room = self
            .limits
            .subscriptions_max
            .saturating_sub(self.subscriptions);
        let reserved = room.min(u32::try_from(wanted.count()).unwrap_or(u32::MAX));
        self.subscriptions += reserved;
        self.operations = self.operations.saturating_add(1);
        Step::Subscribe(SubscribeRequest {
            packet_id: subscribe.packet_id,
            identifier: subscribe.properties.subscription_id,
            reserved,
            subscriptions: subscribe.subscriptions,
            capabilities,
            topics,
        })
    }

    /// MQTT 5 clients were told what is off, so asking for it is a protocol error (3.2.2.3.11 to 3.2.2.3.13).
    fn unsupported(&self, subscribe: &Subscribe<'_>) -> Option<ReasonCode> {
        if !self.version.is_v5() {
            return None;
        }
        let capabilities = &self.limits.capabilities;
        if subscribe.properties.subscription_id.is_some() && !capabilities.subscription_ids {
            return Some(ReasonCode::SubscriptionIdentifiersNotSupported);
        }
        let mut filters = subscribe.subscriptions.iter();
        filters.find_map(|subscription| missing(capabilities, subscription.filter))
    }

    /// The request is carried out: `added` of its reserved filters are new subscriptions, the rest
    /// replaced one or were refused. SUBACK may be sent.
    pub fn subscribe_done(&mut self, reserved: u32, added: u32) {
        self.operations = self.operations.saturating_sub(1);
        self.subscriptions = self
            .subscriptions
            .saturating_sub(reserved.saturating_sub(added));
    }

    /// Subscriptions of the client, with those that are being put in force.
    pub fn subscriptions(&self) -> u32 {
        self.subscriptions
    }
}

/// What the server does not offer and the filter needs.
fn missing(capabilities: &Capabilities, filter: SubscriptionFilter<'_>) -> Option<ReasonCode> {
    if filter.group().is_some() && !capabilities.shared {
        return Some(ReasonCode::SharedSubscriptionsNotSupported);
    }
    if filter.filter().has_wildcard() && !capabilities.wildcards {
        return Some(ReasonCode::WildcardSubscriptionsNotSupported);
    }
    None
}
