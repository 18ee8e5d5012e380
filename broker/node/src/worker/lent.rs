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

/// Lent messages of one connection at which those that were acknowledged out of order are looked for. Twice what is left
/// then is the next time, so that a large window costs no more for each message than a small one.
const LENT_LOOK_COUNT: usize = 2_048;

/// See the module. In the order they were sent; at most twice the client's window, or [`LENT_LOOK_COUNT`].
#[derive(Debug, Default)]
pub(super) struct Lent {
    loans: VecDeque<(PacketId, Loan)>,
    /// Loans that were left when they were last looked through.
    left: usize,
}

/// One message and its group.
#[derive(Debug, Clone)]
pub(super) struct Loan {
    pub(super) group: Arc<str>,
    pub(super) kept: Rc<Kept>,
}

impl Lent {
    /// Notes a message that was sent at QoS 1.
    pub(super) fn push(&mut self, packet_id: PacketId, loan: Loan, session: &Session) {
        while let Some((first, _)) = self.loans.front()
            && !session.awaits_puback(*first)
        {
            self.loans.pop_front();
        }
        if self.loans.len() >= LENT_LOOK_COUNT.max(2 * self.left) {
            self.loans.retain(|(id, _)| session.awaits_puback(*id));
            self.left = self.loans.len();
        }
        self.loans.push_back((packet_id, loan));
    }
}

impl Core {
    /// What a connection that ends has of share groups and did not acknowledge, or was not sent, in order.
    pub(super) fn take_loans(connection: &mut Connection) -> Vec<(QoS, Loan)> {
        let session = &connection.session;
        let sent = connection
            .lent
            .take()
            .into_iter()
            .flat_map(|lent| lent.loans);
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
