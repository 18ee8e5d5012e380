//! SUBSCRIBE from the client: which filters are wanted, which are refused at once. Puts none in force.

use quorate_codec::{
    PacketId, ReasonCode, Subscribe, Subscription, SubscriptionFilter, SubscriptionOptions,
    Subscriptions, TopicFilter,
};

use crate::output::Step;
use crate::session::Session;

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
}

/// One filter of a SUBSCRIBE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestedFilter<'p> {
    /// To be put in force; SUBACK says what was granted, or why not.
    Wanted {
        /// The filter.
        filter: TopicFilter<'p>,
        /// Its options.
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
        self.subscriptions
            .iter()
            .map(move |subscription| match subscription.filter {
                SubscriptionFilter::Shared(_) => {
                    RequestedFilter::Refused(ReasonCode::SharedSubscriptionsNotSupported)
                }
                SubscriptionFilter::Plain(_) if room == 0 => {
                    RequestedFilter::Refused(ReasonCode::QuotaExceeded)
                }
                SubscriptionFilter::Plain(filter) => {
                    room -= 1;
                    let options = subscription.options;
                    RequestedFilter::Wanted { filter, options }
                }
            })
    }
}

impl Session {
    /// A SUBSCRIBE came.
    pub fn handle_subscribe<'p>(&mut self, subscribe: &Subscribe<'p>) -> Step<'p> {
        let wanted = subscribe.subscriptions.iter().filter(is_plain);
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
        })
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

/// The place for shared subscriptions: a group's filter is not told from a plain one any more then.
fn is_plain(subscription: &Subscription<'_>) -> bool {
    match subscription.filter {
        SubscriptionFilter::Plain(_) => true,
        SubscriptionFilter::Shared(_) => false,
    }
}
