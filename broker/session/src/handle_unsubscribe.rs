//! UNSUBSCRIBE from the client. Removes nothing itself.

use quorate_codec::{Filters, PacketId, SubscriptionFilter, Unsubscribe};

use crate::output::Step;
use crate::session::Session;

/// An UNSUBSCRIBE as the worker has to carry it out.
#[derive(Debug)]
#[must_use]
pub struct UnsubscribeRequest<'p> {
    /// For UNSUBACK.
    pub packet_id: PacketId,
    filters: Filters<'p>,
}

impl<'p> UnsubscribeRequest<'p> {
    /// The filters in the packet's order, which is also UNSUBACK's (MQTT-3.11.3-1).
    pub fn filters(&self) -> impl Iterator<Item = SubscriptionFilter<'p>> + use<'p> {
        self.filters.iter()
    }
}

impl Session {
    /// An UNSUBSCRIBE came.
    pub fn handle_unsubscribe<'p>(&mut self, unsubscribe: &Unsubscribe<'p>) -> Step<'p> {
        self.operations = self.operations.saturating_add(1);
        Step::Unsubscribe(UnsubscribeRequest {
            packet_id: unsubscribe.packet_id,
            filters: unsubscribe.filters,
        })
    }

    /// The request is carried out and `removed` subscriptions are gone. UNSUBACK may be sent.
    pub fn unsubscribe_done(&mut self, removed: u32) {
        self.operations = self.operations.saturating_sub(1);
        self.subscriptions = self.subscriptions.saturating_sub(removed);
    }
}
