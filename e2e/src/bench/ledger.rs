//! The accounts of a run: what each publisher sent, what came back, and whether any of it was wrong.

use std::collections::VecDeque;

use quorate_codec::QoS;

use super::cell::{Load, Pace, Shape};
use super::histogram::Histogram;
use super::template::Stamp;

/// One publisher's account.
#[derive(Debug, Clone, Default)]
pub(super) struct Account {
    pub(super) sent: u64,
    acknowledged: u64,
    delivered: u64,
    /// When each message was sent whose acknowledgement has not come; they come in order.
    unacknowledged: VecDeque<u64>,
    /// Whether it stands in the list of those with credit.
    listed: bool,
}

/// All accounts of a run.
#[derive(Debug)]
pub(super) struct Ledger {
    accounts: Vec<Account>,
    /// By subscriber, by publisher it listens to: the last sequence.
    last: Vec<Vec<u64>>,
    /// Publishers whose account changed.
    listed: Vec<usize>,
    /// Deliveries of one message.
    fan: u64,
    needs_ack: bool,
    /// Whether a publisher waits for the delivery too before it sends more.
    awaits_delivery: bool,
    shape: Shape,
    pub(super) delivered: u64,
    /// From publish to delivery.
    pub(super) latency: Histogram,
    /// From publish to acknowledgement.
    pub(super) ack_latency: Histogram,
    /// Messages lost, doubled or out of order, or packets nobody expected.
    pub(super) faults: u64,
}

impl Ledger {
    pub(super) fn new(load: &Load) -> Self {
        let (publishers, subscribers) = load.shape.clients();
        let heard = match load.shape {
            Shape::Pairs(_) | Shape::FromOne(_) => 1,
            Shape::ToOne(_) => publishers,
        };
        Self {
            accounts: vec![Account::default(); publishers],
            last: vec![vec![0; heard]; subscribers],
            listed: Vec::new(),
            fan: load.shape.fan(),
            needs_ack: load.qos != QoS::AtMostOnce,
            awaits_delivery: !matches!(load.pace, Pace::Acknowledged(_)),
            shape: load.shape,
            delivered: 0,
            latency: Histogram::new(),
            ack_latency: Histogram::new(),
            faults: 0,
        }
    }

    pub(super) fn acknowledged(&mut self, publisher: usize, now: u64) {
        let account = &mut self.accounts[publisher];
        account.acknowledged += 1;
        match account.unacknowledged.pop_front() {
            Some(sent_at) => self.ack_latency.note(now.saturating_sub(sent_at)),
            None => self.faults += 1,
        }
        self.list(publisher);
    }

    pub(super) fn delivered(&mut self, subscriber: usize, payload: &[u8], now: u64) {
        let Some(stamp) = Stamp::read(payload) else {
            self.faults += 1;
            return;
        };
        let publisher = stamp.publisher as usize;
        let slot = match self.shape {
            Shape::Pairs(_) | Shape::FromOne(_) => 0,
            Shape::ToOne(_) => publisher,
        };
        let last = &mut self.last[subscriber][slot];
        if stamp.sequence != *last + 1 {
            self.faults += 1;
        }
        *last = stamp.sequence;
        self.delivered += 1;
        self.latency.note(now.saturating_sub(stamp.sent_at));
        self.accounts[publisher].delivered += 1;
        self.list(publisher);
    }

    fn list(&mut self, publisher: usize) {
        let account = &mut self.accounts[publisher];
        if !account.listed {
            account.listed = true;
            self.listed.push(publisher);
        }
    }

    /// Makes every publisher look for credit once.
    pub(super) fn list_all(&mut self) {
        (0..self.accounts.len()).for_each(|publisher| self.list(publisher));
    }

    /// Takes the next publisher whose account changed.
    pub(super) fn next_listed(&mut self) -> Option<usize> {
        let publisher = self.listed.pop()?;
        self.accounts[publisher].listed = false;
        Some(publisher)
    }

    /// Messages of a publisher that are not delivered everywhere, or not acknowledged.
    pub(super) fn outstanding(&self, publisher: usize) -> u64 {
        let account = &self.accounts[publisher];
        let delivered = if self.awaits_delivery {
            account.delivered / self.fan
        } else {
            account.sent
        };
        let acknowledged = if self.needs_ack {
            account.acknowledged
        } else {
            account.sent
        };
        account.sent - delivered.min(acknowledged)
    }

    /// Measured times count from now.
    pub(super) fn clear_latencies(&mut self) {
        self.latency.clear();
        self.ack_latency.clear();
    }

    /// Takes the next sequence of a publisher.
    pub(super) fn send(&mut self, publisher: usize, now: u64) -> u64 {
        let account = &mut self.accounts[publisher];
        account.sent += 1;
        if self.needs_ack {
            account.unacknowledged.push_back(now);
        }
        account.sent
    }

    /// Whether everything sent is delivered everywhere and acknowledged.
    pub(super) fn is_settled(&self) -> bool {
        let whole = |account: &Account| {
            let acknowledged = !self.needs_ack || account.acknowledged == account.sent;
            acknowledged && account.delivered == account.sent * self.fan
        };
        self.accounts.iter().all(whole)
    }

    /// Deliveries and acknowledgements that are owed.
    pub(super) fn owed(&self) -> (u64, u64) {
        let sent: u64 = self.accounts.iter().map(|account| account.sent).sum();
        let acknowledged: u64 = self
            .accounts
            .iter()
            .map(|account| account.acknowledged)
            .sum();
        let acks = if self.needs_ack {
            sent - acknowledged
        } else {
            0
        };
        ((sent * self.fan).saturating_sub(self.delivered), acks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::template::Template;

    fn ledger(shape: Shape) -> Ledger {
        let pace = Pace::Window(4);
        Ledger::new(&Load {
            shape,
            qos: QoS::AtMostOnce,
            persistent: false,
            pace,
        })
    }

    fn payload(publisher: u32, sequence: u64) -> Vec<u8> {
        let template = Template::new("t", QoS::AtMostOnce).expect("it encodes");
        let mut packet = Vec::new();
        template.append(
            Stamp {
                publisher,
                sequence,
                sent_at: 0,
            },
            &mut packet,
        );
        packet.split_off(packet.len() - 128)
    }

    #[test]
    fn loss_duplicates_and_disorder_are_faults() {
        for (sequences, faults) in [
            (&[1, 2, 3][..], 0),
            (&[1, 3], 1),
            (&[1, 1], 1),
            (&[2, 1], 2),
        ] {
            let mut ledger = ledger(Shape::Pairs(1));
            for sequence in sequences {
                ledger.delivered(0, &payload(0, *sequence), 1);
            }
            assert_eq!(ledger.faults, faults, "{sequences:?}");
        }
    }

    #[test]
    fn a_message_is_outstanding_until_all_have_it() {
        let mut ledger = ledger(Shape::FromOne(2));
        let sequence = ledger.send(0, 0);
        ledger.delivered(0, &payload(0, sequence), 1);
        assert_eq!((ledger.outstanding(0), ledger.is_settled()), (1, false));
        ledger.delivered(1, &payload(0, sequence), 1);
        assert_eq!((ledger.outstanding(0), ledger.is_settled()), (0, true));
    }

    #[test]
    fn publishers_to_one_subscriber_have_accounts_of_their_own() {
        let mut ledger = ledger(Shape::ToOne(2));
        for publisher in [1, 0] {
            let sequence = ledger.send(publisher as usize, 0);
            ledger.delivered(0, &payload(publisher, sequence), 1);
        }
        assert_eq!(ledger.faults, 0);
        assert!(ledger.is_settled());
    }
}
