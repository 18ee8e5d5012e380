//! Batches that are proposed and not answered, in the order of their numbers. A batch that was not taken
//! is proposed again with its number, after all others have been answered, so that order holds. Answers are
//! handed out in that order as well: who waits sends the next step of a message when it hears of the last one, and
//! two messages of one publisher must not change places there (P5).

use std::collections::VecDeque;

use bytes::Bytes;

use super::limits::BATCHES_IN_FLIGHT_MAX;
use super::request::ReplyTo;
use crate::raft::ShardReply;

/// See the module. `R` is what an answer is.
pub struct Flight<R = ShardReply> {
    batches: VecDeque<Sent<R>>,
    last: u64,
}

/// A batch on its way.
struct Sent<R> {
    sequence: u64,
    bytes: Bytes,
    replies: Vec<ReplyTo>,
    state: State<R>,
    /// Whether its present way is to another node, which may never answer.
    away: bool,
}

/// Where a batch stands.
enum State<R> {
    /// Proposed, not answered.
    Flying,
    /// Not taken, as far as is known.
    Failed,
    /// Answered before an earlier one; `None` if nobody may be told anything.
    Answered(Option<R>),
}

/// Who waits for a batch, and its answer; `None` when it was refused for good and nobody may be told anything.
pub type Answered<R = ShardReply> = (Vec<ReplyTo>, Option<R>);

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

impl<R> Default for Flight<R> {
    fn default() -> Self {
        Self {
            batches: VecDeque::new(),
            last: 0,
        }
    }
}

impl<R> Flight<R> {
    /// What to do now.
    pub fn step(&self) -> Step {
        let mut states = self.batches.iter().map(|sent| &sent.state);
        let failed = states.clone().any(|state| matches!(state, State::Failed));
        let flying = states.any(|state| matches!(state, State::Flying));
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
            state: State::Flying,
            away: false,
        });
    }

    /// A batch was applied. What can be handed out now: it and those after it that were answered before, or
    /// nothing while an earlier one is missing.
    pub fn applied(&mut self, sequence: u64, reply: R) -> Vec<Answered<R>> {
        self.set(sequence, State::Answered(Some(reply)));
        self.take_answered()
    }

    /// A batch will never be answered: nobody is told, and those behind it wait no longer for it.
    pub fn refused(&mut self, sequence: u64) -> Vec<Answered<R>> {
        self.set(sequence, State::Answered(None));
        self.take_answered()
    }

    /// A batch is on its way to another node.
    pub fn goes_away(&mut self, sequence: u64) {
        for sent in &mut self.batches {
            sent.away |= sent.sequence == sequence;
        }
    }

    /// What is on its way to another node counts as not taken: that node leads no longer.
    pub fn give_up(&mut self) {
        for sent in &mut self.batches {
            if sent.away && matches!(sent.state, State::Flying) {
                sent.state = State::Failed;
            }
        }
    }

    /// A batch was not taken, as far as is known.
    pub fn failed(&mut self, sequence: u64) {
        self.set(sequence, State::Failed);
    }

    fn set(&mut self, sequence: u64, state: State<R>) {
        let sent = self.batches.iter_mut();
        let found = sent.filter(|sent| sent.sequence == sequence).last();
        // An answer that comes twice changes nothing.
        if let Some(sent) = found.filter(|sent| !matches!(sent.state, State::Answered(_))) {
            sent.state = state;
        }
    }

    fn take_answered(&mut self) -> Vec<Answered<R>> {
        let mut answered = Vec::new();
        let is_answered = |sent: &mut Sent<R>| matches!(sent.state, State::Answered(_));
        while let Some(sent) = self.batches.pop_front_if(is_answered) {
            if let State::Answered(reply) = sent.state {
                answered.push((sent.replies, reply));
            }
        }
        answered
    }

    /// All batches that are not answered, to be proposed again in this order.
    pub fn again(&mut self) -> Vec<(u64, Bytes)> {
        let mut again = Vec::new();
        for sent in &mut self.batches {
            if !matches!(sent.state, State::Answered(_)) {
                sent.state = State::Flying;
                sent.away = false;
                again.push((sent.sequence, sent.bytes.clone()));
            }
        }
        again
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
    use std::sync::Arc;

    use bytes::Bytes;
    use quorate_shard::{Admission, Outcome};

    use super::{Flight, Step};
    use crate::raft::ShardReply;

    fn fill(flight: &mut Flight) -> u64 {
        let sequence = flight.number();
        flight.add(sequence, Bytes::new(), Vec::new());
        sequence
    }

    /// A reply that says how many sessions took a message.
    fn reply(published: u32) -> ShardReply {
        ShardReply {
            admission: Admission::Fresh,
            outcomes: Arc::new([Outcome::Published(published)]),
            index: 0,
            interest: 0,
        }
    }

    fn published(answered: &[super::Answered]) -> Vec<Outcome> {
        let replies = answered.iter().filter_map(|(_, reply)| reply.as_ref());
        replies.map(|reply| reply.outcomes[0].clone()).collect()
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
        flight.applied(first, reply(1));
        assert_eq!(flight.step(), Step::Fill);
        flight.applied(second, reply(2));
        assert!(flight.is_empty());
    }

    #[test]
    fn an_answer_waits_for_the_one_before_it() {
        let mut flight = Flight::default();
        let first = fill(&mut flight);
        let second = fill(&mut flight);
        flight.failed(first);
        assert_eq!(published(&flight.applied(second, reply(2))), []);
        assert_eq!(flight.step(), Step::Again);
        assert_eq!(
            flight.again().len(),
            1,
            "an answered batch does not go again"
        );
        let answered = flight.applied(first, reply(1));
        let expected = [Outcome::Published(1), Outcome::Published(2)];
        assert_eq!(published(&answered), expected);
        assert!(flight.is_empty());
    }

    #[test]
    fn a_batch_refused_for_good_holds_nobody_up() {
        let mut flight = Flight::default();
        let first = fill(&mut flight);
        let second = fill(&mut flight);
        assert_eq!(published(&flight.applied(second, reply(2))), []);
        let answered = flight.refused(first);
        assert_eq!(published(&answered), [Outcome::Published(2)]);
    }

    #[test]
    fn what_went_away_is_given_up_and_may_be_answered_late() {
        let mut flight = Flight::default();
        let here = fill(&mut flight);
        let away = fill(&mut flight);
        flight.goes_away(away);
        flight.give_up();
        assert_eq!(flight.step(), Step::Wait, "one is proposed here");
        flight.failed(here);
        assert_eq!(flight.again().len(), 2);
        flight.give_up();
        assert_eq!(flight.step(), Step::Wait, "nothing is away now");
        assert!(flight.applied(away, reply(2)).is_empty(), "in order");
        assert_eq!(flight.applied(here, reply(1)).len(), 2);
        assert!(flight.applied(away, reply(2)).is_empty(), "once");
        assert!(flight.is_empty());
    }
}
