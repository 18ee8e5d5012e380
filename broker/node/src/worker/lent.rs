//! Messages of share groups that clean sessions have and did not acknowledge: when the connection is lost, another
//! member gets them (MQTT 5, 4.8.2). QoS 2 messages that were sent are not among them (MQTT-4.8.2-5).

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use quorate_codec::{PacketId, QoS};
use quorate_session::Session;
use quorate_shard::Message;

use super::connection::{Connection, Kept};
use super::core::Core;
use super::deliver::rest_of_expiry;
use super::inbox::{Done, Injected};

/// Lent messages kept for one connection beyond its window: acknowledgements may come in any order, and what is
/// acknowledged is looked for when it is at the front, or when there are this many.
const LENT_LOOK_COUNT: usize = 2_048;

/// See the module. In the order they were sent.
#[derive(Debug, Default)]
pub(super) struct Lent(VecDeque<(PacketId, Loan)>);

/// One message and its group.
#[derive(Debug, Clone)]
pub(super) struct Loan {
    pub(super) group: Arc<str>,
    pub(super) kept: Rc<Kept>,
}

impl Lent {
    /// Notes a message that was sent at QoS 1.
    pub(super) fn push(&mut self, packet_id: PacketId, loan: Loan, session: &Session) {
        while let Some((first, _)) = self.0.front()
            && !session.awaits_puback(*first)
        {
            self.0.pop_front();
        }
        if self.0.len() >= LENT_LOOK_COUNT {
            self.0.retain(|(id, _)| session.awaits_puback(*id));
        }
        self.0.push_back((packet_id, loan));
    }
}

impl Core {
    /// What a connection that ends has of share groups and did not acknowledge, or was not sent, in order.
    pub(super) fn take_loans(connection: &mut Connection) -> Vec<(QoS, Loan)> {
        let session = &connection.session;
        let sent = connection.lent.take().into_iter().flat_map(|lent| lent.0);
        let sent = sent.filter(|(id, _)| session.awaits_puback(*id));
        let mut loans: Vec<_> = sent.map(|(_, loan)| (QoS::AtLeastOnce, loan)).collect();
        let waiting = connection.waiting.take().into_iter();
        for (kept, head) in waiting.flat_map(|waiting| waiting.messages) {
            if let Some(group) = head.group {
                loans.push((head.qos, Loan { group, kept }));
            }
        }
        loans
    }

    /// Gives them to other members, if there are any.
    pub(super) fn lend_again(&mut self, loans: Vec<(QoS, Loan)>) {
        for (qos, Loan { group, kept }) in loans {
            let Ok(expiry_seconds) = rest_of_expiry(kept.expires_at, self.now) else {
                continue;
            };
            let message = Message {
                topic: Arc::from(&*kept.topic),
                properties: Bytes::copy_from_slice(&kept.properties),
                payload: Bytes::copy_from_slice(&kept.payload),
                qos,
                retain: false,
                expiry_seconds,
            };
            self.publish_injected(Injected {
                message,
                publisher: None,
                group: Some(group),
                origin: None,
                // Its publisher had its acknowledgement long ago.
                done: Done::new(|_| {}),
            });
        }
    }
}
