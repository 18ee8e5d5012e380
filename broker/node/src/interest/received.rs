//! What peers have told: whether an update follows what is known of its source. Routes nothing.

use std::collections::BTreeMap;

use quorate_control::{Life, NodeId};
use quorate_router::Target;
use quorate_shard::ShardId;

use super::feed::{Source, Update};

/// What to do with an update.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Route by it; with `replace`, instead of all that was known.
    Route { target: Target, replace: bool },
    /// It is routed by already.
    Known,
    /// Something before it is missing: ask for the full set.
    Gap,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Received {
    known: BTreeMap<Target, (u64, u64)>,
}

impl Received {
    /// Judges an update of a peer and notes it as known if it is to be routed by.
    pub(super) fn judge(&mut self, from: NodeId, source: Source, update: &Update) -> Verdict {
        let target = match source {
            Source::Node => Target::Node(from),
            Source::Shard(shard) => Target::Shard(shard),
        };
        let known = self.known.get(&target).copied();
        let newer = known.is_none_or(|known| (update.term, update.to) > known);
        if !newer {
            // An owner of an older term is told that it is known, so that it stops; it leads no more.
            return Verdict::Known;
        }
        let replace = update.from.is_none();
        let follows = update
            .from
            .is_some_and(|from| known == Some((update.term, from)));
        if !replace && !follows {
            return Verdict::Gap;
        }
        self.known.insert(target, (update.term, update.to));
        Verdict::Route { target, replace }
    }

    /// A life has ended: what it wanted itself is void. Tells whether anything of it is routed by.
    pub(super) fn forget(&mut self, life: Life) -> bool {
        let target = Target::Node(life.node);
        let is_of_it = |(term, _): &(u64, u64)| *term <= life.incarnation;
        let ended = self.known.get(&target).is_some_and(is_of_it);
        if ended {
            self.known.remove(&target);
        }
        ended
    }

    /// Whether all is known that anybody was told: what these peers want themselves, and every shard.
    pub(super) fn is_loaded(&self, live: &[Life], shards: ShardId) -> bool {
        let told = |life: &Life| {
            let known = self.known.get(&Target::Node(life.node));
            known.is_some_and(|(term, _)| *term == life.incarnation)
        };
        let mut shards = 0..shards;
        live.iter().all(told) && shards.all(|shard| self.known.contains_key(&Target::Shard(shard)))
    }

    /// This node leads the shard itself now, in `term`.
    pub(super) fn lead(&mut self, source: Source, term: u64) {
        if let Source::Shard(shard) = source {
            self.known.insert(Target::Shard(shard), (term, u64::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(term: u64, from: Option<u64>, to: u64) -> Update {
        Update {
            term,
            from,
            to,
            changes: Vec::new(),
        }
    }

    #[test]
    fn deltas_must_follow_and_a_newer_term_begins_with_a_full_set() {
        let mut received = Received::default();
        let mut judge = |update| received.judge(2, Source::Shard(1), &update);
        let target = Target::Shard(1);
        assert_eq!(judge(update(1, Some(0), 1)), Verdict::Gap);
        assert_eq!(
            judge(update(1, None, 3)),
            Verdict::Route {
                target,
                replace: true
            }
        );
        assert_eq!(
            judge(update(1, Some(3), 4)),
            Verdict::Route {
                target,
                replace: false
            }
        );
        assert_eq!(judge(update(1, Some(3), 4)), Verdict::Known);
        assert_eq!(judge(update(1, Some(5), 6)), Verdict::Gap);
        assert_eq!(judge(update(2, Some(4), 5)), Verdict::Gap);
        assert_eq!(
            judge(update(2, None, 1)),
            Verdict::Route {
                target,
                replace: true
            }
        );
        assert_eq!(judge(update(1, None, 9)), Verdict::Known);
    }

    #[test]
    fn nothing_is_missing_when_every_life_and_every_shard_has_told() {
        let life = |incarnation| Life {
            node: 2,
            incarnation,
        };
        let mut received = Received::default();
        assert!(received.is_loaded(&[], 0), "a node alone");
        received.judge(2, Source::Node, &update(20, None, 1));
        assert!(received.is_loaded(&[life(20)], 0));
        assert!(!received.is_loaded(&[life(21)], 0), "it begins anew");
        assert!(!received.is_loaded(&[life(20)], 1));
        received.lead(Source::Shard(0), 3);
        assert!(received.is_loaded(&[life(20)], 1));
        received.judge(2, Source::Node, &update(21, None, 1));
        assert!(!received.forget(life(20)), "the next life has told already");
        assert!(received.forget(life(21)));
    }
}
