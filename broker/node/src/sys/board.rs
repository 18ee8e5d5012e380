//! What `$SYS` says now, for those who subscribe later: it behaves as if it were retained.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use quorate_codec::{QoS, TopicFilter};
use quorate_shard::Message;

use crate::raft::RetainedFound;

/// First level of all its topics.
const ROOT: &str = "$SYS";

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Board(ArcSwap<Vec<Arc<Message>>>);

impl Board {
    /// Replaces everything; gives what says something else than before, or is new.
    pub(super) fn replace(&self, told: Vec<(String, String)>) -> Vec<Arc<Message>> {
        let before = self.0.load();
        let mut changed = Vec::new();
        let keep = |(topic, value): (String, String)| {
            let same = before.iter().find(|m| *m.topic == *topic);
            if let Some(same) = same.filter(|m| m.payload == value.as_bytes()) {
                return Arc::clone(same);
            }
            let message = Arc::new(Message {
                topic: topic.into(),
                properties: Bytes::new(),
                payload: value.into(),
                qos: QoS::AtMostOnce,
                retain: true,
                expiry_seconds: None,
            });
            changed.push(Arc::clone(&message));
            message
        };
        let now = told.into_iter().map(keep).collect();
        self.0.store(Arc::new(now));
        changed
    }

    /// Appends what the filter matches. Nothing of `$SYS` matches a filter that begins with a wildcard
    /// (MQTT-4.7.2-1).
    pub(crate) fn find(&self, filter: &str, found: &mut Vec<RetainedFound>) {
        if filter.split('/').next() != Some(ROOT) {
            return;
        }
        let Ok(filter) = TopicFilter::parse(filter) else {
            return;
        };
        let messages = self.0.load();
        let matching = messages.iter().filter(|m| filter.matches(&m.topic));
        found.extend(matching.map(|message| RetainedFound {
            message: Arc::clone(message),
            expiry_seconds: None,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(values: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = values
            .iter()
            .map(|(t, v)| ((*t).to_owned(), (*v).to_owned()));
        owned.collect()
    }

    fn found(board: &Board, filter: &str) -> Vec<String> {
        let mut found = Vec::new();
        board.find(filter, &mut found);
        found.iter().map(|f| f.message.topic.to_string()).collect()
    }

    #[test]
    fn only_what_has_changed_is_told_again() {
        let board = Board::default();
        let first = told(&[("$SYS/broker/version", "1"), ("$SYS/broker/uptime", "0")]);
        assert_eq!(board.replace(first).len(), 2);
        let second = told(&[("$SYS/broker/version", "1"), ("$SYS/broker/uptime", "9")]);
        let changed = board.replace(second);
        assert_eq!(changed.len(), 1);
        assert_eq!(
            (&*changed[0].topic, &changed[0].payload[..]),
            ("$SYS/broker/uptime", &b"9"[..])
        );
    }

    #[test]
    fn filters_find_what_they_match_and_wildcards_at_the_front_nothing() {
        let board = Board::default();
        board.replace(told(&[
            ("$SYS/broker/version", "1"),
            ("$SYS/cluster/node", "2"),
        ]));
        assert_eq!(found(&board, "$SYS/#").len(), 2);
        assert_eq!(found(&board, "$SYS/+/node"), ["$SYS/cluster/node"]);
        assert_eq!(
            found(&board, "$SYS/broker/version"),
            ["$SYS/broker/version"]
        );
        for nothing in ["#", "+/broker/version", "+/#", "$SYSTEM/#", "$SYS"] {
            assert!(found(&board, nothing).is_empty(), "{nothing}");
        }
    }
}
