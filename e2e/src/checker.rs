//! Judges a history by the promises P1, P4 and P5: nothing acknowledged is lost, QoS 2 is exactly once,
//! first occurrences are in order, retransmissions carry DUP and the first packet id.
//! Fed event by event, so that it can be asked after every crash.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::history::{Event, Message, Received};

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// Handed to the application more than once although delivered at QoS 2.
    Twice(Received),
    /// Came first after a later message of the same publisher.
    Disordered(Received, u64),
    /// Came again, as if new, although its publisher sent it once.
    NotMarked(Received),
    /// Came again with another packet id than before.
    OtherId(Received, u16),
    /// Was never sent.
    Invented(Received),
    /// A durable session was gone.
    SessionLost(String),
    /// A publish was refused although nothing was wrong.
    Refused(Message, u8),
}

/// What one subscriber saw of one message.
#[derive(Debug)]
struct Seen {
    ids: Vec<u16>,
    handed_over: u32,
}

#[derive(Debug, Default)]
struct Subscriber {
    seen: BTreeMap<Message, Seen>,
    /// The last first occurrence by publisher.
    last: BTreeMap<u32, u64>,
    /// Acknowledged to the publisher, not received here.
    missing: BTreeSet<Message>,
}

/// The state of a judgement. All subscribers want all messages.
#[derive(Debug)]
pub struct Checker {
    sent: BTreeMap<Message, u32>,
    acknowledged: u64,
    subscribers: BTreeMap<u32, Subscriber>,
    violations: Vec<Violation>,
    events: Vec<Event>,
}

impl Checker {
    /// A judge of what those subscribers see.
    pub fn new(subscribers: impl IntoIterator<Item = u32>) -> Self {
        let subscribers = subscribers
            .into_iter()
            .map(|id| (id, Subscriber::default()))
            .collect();
        Self {
            sent: BTreeMap::new(),
            acknowledged: 0,
            subscribers,
            violations: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Takes the next event.
    pub fn note(&mut self, event: Event) {
        match &event {
            Event::Sent(message) => *self.sent.entry(*message).or_default() += 1,
            Event::Acknowledged(message) => self.acknowledged(*message),
            Event::Refused(message, code) => {
                self.violations.push(Violation::Refused(*message, *code));
            }
            Event::Received(received) => self.received(*received),
            Event::SessionLost(client) => {
                self.violations.push(Violation::SessionLost(client.clone()));
            }
            Event::Killed(_) => {}
        }
        self.events.push(event);
    }

    fn acknowledged(&mut self, message: Message) {
        self.acknowledged += 1;
        for subscriber in self.subscribers.values_mut() {
            if !subscriber.seen.contains_key(&message) {
                subscriber.missing.insert(message);
            }
        }
    }

    fn received(&mut self, received: Received) {
        let message = received.message;
        let Some(&sent) = self.sent.get(&message) else {
            self.violations.push(Violation::Invented(received));
            return;
        };
        let subscriber = self.subscribers.entry(received.subscriber).or_default();
        subscriber.missing.remove(&message);
        let violation = match subscriber.seen.get_mut(&message) {
            None => subscriber.first(received),
            // At QoS 1 a publisher's retransmission may have become a message of its own.
            Some(seen) => seen.again(received, sent > 1 && message.qos == 1),
        };
        self.violations.extend(violation);
    }

    /// What was acknowledged and has not arrived, with whom it is missing.
    pub fn missing(&self) -> BTreeSet<(u32, Message)> {
        let each = self.subscribers.iter();
        each.flat_map(|(id, subscriber)| subscriber.missing.iter().map(|message| (*id, *message)))
            .collect()
    }

    /// Whether that message is still missing there.
    pub fn is_missing(&self, subscriber: u32, message: &Message) -> bool {
        let subscriber = self.subscribers.get(&subscriber);
        subscriber.is_some_and(|subscriber| subscriber.missing.contains(message))
    }

    /// The promises broken so far.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// How many messages were acknowledged.
    pub fn acknowledged_count(&self) -> u64 {
        self.acknowledged
    }

    /// The story of one message: every event about it, and the crashes between them.
    pub fn story(&self, message: Message) -> String {
        let mut story = Vec::new();
        for event in &self.events {
            let about = match event {
                Event::Sent(of) | Event::Acknowledged(of) | Event::Refused(of, _) => Some(*of),
                Event::Received(received) => Some(received.message),
                Event::SessionLost(_) | Event::Killed(_) => None,
            };
            let crash_within = about.is_none() && !story.is_empty();
            if about == Some(message) || crash_within {
                story.push(format!("{event:?}"));
            }
        }
        story.join("\n")
    }
}

impl Subscriber {
    fn first(&mut self, received: Received) -> Option<Violation> {
        let message = received.message;
        let seen = Seen {
            ids: vec![received.id],
            handed_over: u32::from(received.handed_over),
        };
        self.seen.insert(message, seen);
        let last = self.last.entry(message.publisher).or_default();
        if message.sequence < *last {
            return Some(Violation::Disordered(received, *last));
        }
        *last = message.sequence;
        None
    }
}

impl Seen {
    fn again(&mut self, received: Received, copies_allowed: bool) -> Option<Violation> {
        self.handed_over += u32::from(received.handed_over);
        let known_id = self.ids.contains(&received.id);
        let first_id = self.ids.first().copied().unwrap_or_default();
        self.ids.push(received.id);
        if received.qos == 2 && self.handed_over > 1 {
            Some(Violation::Twice(received))
        } else if !received.dup && !copies_allowed {
            Some(Violation::NotMarked(received))
        } else if !known_id && !copies_allowed {
            Some(Violation::OtherId(received, first_id))
        } else {
            None
        }
    }
}

impl Violation {
    /// The message it is about, if it is about one.
    pub fn message(&self) -> Option<Message> {
        match self {
            Self::Twice(r)
            | Self::Disordered(r, _)
            | Self::NotMarked(r)
            | Self::OtherId(r, _)
            | Self::Invented(r) => Some(r.message),
            Self::Refused(message, _) => Some(*message),
            Self::SessionLost(_) => None,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Twice(r) => write!(f, "QoS 2 message delivered twice: {r:?}"),
            Self::Disordered(r, last) => write!(f, "came after {last} of its publisher: {r:?}"),
            Self::NotMarked(r) => write!(f, "came again without DUP: {r:?}"),
            Self::OtherId(r, first) => write!(f, "came again, first with packet id {first}: {r:?}"),
            Self::Invented(r) => write!(f, "was never sent: {r:?}"),
            Self::SessionLost(client) => write!(f, "the session of {client} was gone"),
            Self::Refused(message, code) => write!(f, "{message:?} was refused with {code:#04x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(sequence: u64, qos: u8) -> Message {
        Message {
            publisher: 1,
            sequence,
            qos,
        }
    }

    fn received(sequence: u64, qos: u8) -> Received {
        let message = message(sequence, qos);
        let (id, dup, handed_over) = (sequence as u16, false, true);
        Received {
            subscriber: 7,
            message,
            qos,
            id,
            dup,
            handed_over,
        }
    }

    /// A checker that has seen messages 1 to 3 sent and acknowledged.
    fn after_three(qos: u8) -> Checker {
        let mut checker = Checker::new([7]);
        for sequence in 1..=3 {
            checker.note(Event::Sent(message(sequence, qos)));
            checker.note(Event::Acknowledged(message(sequence, qos)));
        }
        checker
    }

    fn take(checker: &mut Checker, all: &[Received]) {
        for received in all {
            checker.note(Event::Received(*received));
        }
    }

    #[test]
    fn a_faultless_history_has_no_violations() {
        for qos in [1, 2] {
            let mut checker = after_three(qos);
            take(
                &mut checker,
                &[received(1, qos), received(2, qos), received(3, qos)],
            );
            assert_eq!(checker.violations(), []);
            assert!(checker.missing().is_empty());
        }
    }

    #[test]
    fn finds_a_planted_loss() {
        let mut checker = after_three(1);
        take(&mut checker, &[received(1, 1), received(3, 1)]);
        assert_eq!(checker.missing(), BTreeSet::from([(7, message(2, 1))]));
        assert!(checker.is_missing(7, &message(2, 1)));
    }

    #[test]
    fn a_message_received_before_its_acknowledgement_is_not_missing() {
        let mut checker = Checker::new([7]);
        checker.note(Event::Sent(message(1, 1)));
        take(&mut checker, &[received(1, 1)]);
        checker.note(Event::Acknowledged(message(1, 1)));
        assert!(checker.missing().is_empty());
    }

    #[test]
    fn finds_a_planted_duplicate_at_qos_2() {
        let mut checker = after_three(2);
        let again = Received {
            dup: true,
            ..received(1, 2)
        };
        take(&mut checker, &[received(1, 2), again]);
        assert_eq!(checker.violations(), [Violation::Twice(again)]);
    }

    #[test]
    fn a_retransmission_that_the_receiver_drops_is_no_duplicate() {
        let mut checker = after_three(2);
        let again = Received {
            dup: true,
            handed_over: false,
            ..received(1, 2)
        };
        take(&mut checker, &[received(1, 2), again]);
        assert_eq!(checker.violations(), []);
    }

    #[test]
    fn finds_a_planted_reorder() {
        let mut checker = after_three(1);
        take(&mut checker, &[received(2, 1), received(1, 1)]);
        assert_eq!(
            checker.violations(),
            [Violation::Disordered(received(1, 1), 2)]
        );
    }

    #[test]
    fn finds_a_retransmission_without_dup_or_with_another_id() {
        let mut checker = after_three(1);
        let other_id = Received {
            dup: true,
            id: 9,
            ..received(1, 1)
        };
        take(&mut checker, &[received(1, 1), received(1, 1), other_id]);
        let expected = [
            Violation::NotMarked(received(1, 1)),
            Violation::OtherId(other_id, 1),
        ];
        assert_eq!(checker.violations(), expected);
    }

    #[test]
    fn a_message_that_its_publisher_sent_twice_at_qos_1_may_come_twice() {
        let mut checker = after_three(1);
        checker.note(Event::Sent(message(3, 1)));
        let copy = Received {
            id: 9,
            ..received(3, 1)
        };
        take(&mut checker, &[received(3, 1), copy]);
        assert_eq!(checker.violations(), []);
    }

    #[test]
    fn finds_what_nobody_sent_and_lost_sessions_and_refusals() {
        let mut checker = after_three(1);
        take(&mut checker, &[received(4, 1)]);
        checker.note(Event::SessionLost("s".into()));
        checker.note(Event::Refused(message(3, 1), 0x97));
        assert_eq!(checker.violations().len(), 3);
    }
}
