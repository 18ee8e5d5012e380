//! Batches that are proposed and not answered, in the order of their numbers. A batch that was not taken
//! is proposed again with its number, after all others have been answered, so that order holds.

use std::collections::VecDeque;

use bytes::Bytes;

use super::limits::BATCHES_IN_FLIGHT_MAX;
use super::request::ReplyTo;

/// See the module.
#[derive(Default)]
pub struct Flight {
    batches: VecDeque<Sent>,
    last: u64,
}

/// A batch on its way.
struct Sent {
    sequence: u64,
    bytes: Bytes,
    replies: Vec<ReplyTo>,
    flying: bool,
}

/// What the proposer does next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// A slot is free.
    Fill,
    /// Nothing can be done until an answer comes.
    Wait,
    /// Everything has been answered and something was not taken.
    Again,
}

impl Flight {
    /// What to do now.
    pub fn step(&self) -> Step {
        let failed = self.batches.iter().any(|sent| !sent.flying);
        let flying = self.batches.iter().any(|sent| sent.flying);
        match (failed, flying) {
            (true, false) => Step::Again,
            (true, true) => Step::Wait,
            (false, _) if self.batches.len() < BATCHES_IN_FLIGHT_MAX => Step::Fill,
            (false, _) => Step::Wait,
        }
    }

    /// The number of the next batch.
    pub fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Notes a batch that is about to be proposed.
    pub fn add(&mut self, sequence: u64, bytes: Bytes, replies: Vec<ReplyTo>) {
        self.batches.push_back(Sent {
            sequence,
            bytes,
            replies,
            flying: true,
        });
    }

    /// A batch was applied: who waits for it.
    pub fn applied(&mut self, sequence: u64) -> Vec<ReplyTo> {
        let place = self
            .batches
            .iter()
            .position(|sent| sent.sequence == sequence);
        let sent = place.and_then(|place| self.batches.remove(place));
        sent.map_or_else(Vec::new, |sent| sent.replies)
    }

    /// A batch was not taken, as far as is known.
    pub fn failed(&mut self, sequence: u64) {
        for sent in &mut self.batches {
            if sent.sequence == sequence {
                sent.flying = false;
            }
        }
    }

    /// All batches, to be proposed again in this order.
    pub fn again(&mut self) -> Vec<(u64, Bytes)> {
        let batches = self.batches.iter_mut();
        batches
            .map(|sent| {
                sent.flying = true;
                (sent.sequence, sent.bytes.clone())
            })
            .collect()
    }

    /// Whether nothing is on its way.
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Forgets everything; who waits is told by the drop of its reply.
    pub fn clear(&mut self) {
        self.batches.clear();
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{Flight, Step};

    fn fill(flight: &mut Flight) -> u64 {
        let sequence = flight.number();
        flight.add(sequence, Bytes::new(), Vec::new());
        sequence
    }

    #[test]
    fn two_at_once_and_again_in_order() {
        let mut flight = Flight::default();
        let first = fill(&mut flight);
        assert_eq!(flight.step(), Step::Fill);
        let second = fill(&mut flight);
        assert_eq!(flight.step(), Step::Wait);
        flight.failed(first);
        assert_eq!(flight.step(), Step::Wait, "the second is not answered yet");
        flight.failed(second);
        assert_eq!(flight.step(), Step::Again);
        let again: Vec<u64> = flight
            .again()
            .into_iter()
            .map(|(number, _)| number)
            .collect();
        assert_eq!(again, [first, second]);
        assert_eq!(flight.step(), Step::Wait);
        flight.applied(first);
        assert_eq!(flight.step(), Step::Fill);
        flight.applied(second);
        assert!(flight.is_empty());
    }
}
