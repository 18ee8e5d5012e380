//! All share groups of a worker's table, by their text and by the topics they want. It must not deliver anything.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;
use quorate_codec::{QoS, ShareFilter};

use crate::filter_index::FilterIndex;
use crate::fixed_map::{FixedMap, fixed_map};
use crate::interest::{ConnectionId, Interest, ShareCount, Subscriber, Target};
use crate::share_group::{Chosen, Draw, Group, ShareStrategy};

/// A share group's number in the table that gave it, true as long as a route that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShareGroup(u32);

/// See the module.
#[derive(Debug)]
pub(crate) struct ShareTable {
    filters: FilterIndex<ShareGroup, ()>,
    by_text: FixedMap<Arc<str>, ShareGroup>,
    groups: Vec<Option<Group>>,
    free: Vec<ShareGroup>,
    strategy: ShareStrategy,
    hasher: FixedState,
    /// State of a generator; it need not be hard to guess.
    random: u64,
    /// Own members of all groups.
    len: usize,
}

/// Whether a filter is shared; a plain one never begins like this.
pub(crate) fn is_shared(filter: &str) -> bool {
    filter.starts_with(ShareFilter::PREFIX)
}

/// What a shared filter wants.
pub(crate) fn wanted(text: &str) -> Option<&str> {
    Some(ShareFilter::parse(text).ok()?.filter().as_str())
}

impl ShareTable {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            filters: FilterIndex::new(seed),
            by_text: fixed_map(seed),
            groups: Vec::new(),
            free: Vec::new(),
            strategy: ShareStrategy::default(),
            hasher: FixedState::with_seed(seed),
            random: seed | 1,
            len: 0,
        }
    }

    pub(crate) fn set_strategy(&mut self, strategy: ShareStrategy) {
        self.strategy = strategy;
    }

    /// Adds or replaces a member; whether it was there. The text must be a valid shared filter.
    pub(crate) fn join(
        &mut self,
        text: &str,
        connection: ConnectionId,
        subscriber: Subscriber,
    ) -> bool {
        let Some(group) = self.ensure(text) else {
            return false;
        };
        let existed = group.join(connection, subscriber);
        self.len += usize::from(!existed);
        existed
    }

    /// Takes a member out; whether it was there.
    pub(crate) fn leave(&mut self, text: &str, connection: ConnectionId) -> bool {
        let Some(group) = self.find(text).and_then(|group| self.group_mut(group)) else {
            return false;
        };
        let existed = group.leave(connection);
        self.len -= usize::from(existed);
        self.tidy(text);
        existed
    }

    /// A target has this many members; none takes it out. Whether that was news.
    pub(crate) fn set_target(
        &mut self,
        text: &str,
        target: Target,
        count: Option<ShareCount>,
    ) -> bool {
        let group = if count.is_some() {
            self.ensure(text)
        } else {
            self.find(text).and_then(|group| self.group_mut(group))
        };
        let changed = group.is_some_and(|group| group.set_target(target, count));
        self.tidy(text);
        changed
    }

    /// Texts of all groups in which the target has members.
    pub(crate) fn texts_of(&self, target: Target) -> Vec<Arc<str>> {
        let groups = self.groups.iter().flatten();
        groups
            .filter(|group| group.count(target).is_some())
            .map(|group| group.text.clone())
            .collect()
    }

    /// Whether anybody is in the group.
    pub(crate) fn exists(&self, text: &str) -> bool {
        self.by_text.contains_key(text)
    }

    /// What own connections want of a group.
    pub(crate) fn interest(&self, text: &str) -> Interest {
        self.find(text)
            .and_then(|group| self.group(group))?
            .interest()
    }

    /// Calls `visit` for each group that own connections want, by text.
    pub(crate) fn interests(&self, mut visit: impl FnMut(&str, crate::interest::Scope)) {
        let groups = self.groups.iter().flatten();
        let mut wanted: Vec<_> = groups
            .filter_map(|group| Some((&group.text, group.interest()?)))
            .collect();
        wanted.sort_unstable_by_key(|(text, _)| *text);
        for (text, scope) in wanted {
            visit(text, scope);
        }
    }

    /// Calls `visit` for each group that wants the topic, by text.
    pub(crate) fn matches(&self, topic: &str, visit: impl FnMut(ShareGroup)) {
        if self.filters.is_empty() {
            return;
        }
        let mut found = Vec::new();
        self.filters.matches(topic, |group, ()| found.push(*group));
        found.sort_by_key(|group| self.text(*group));
        found.into_iter().for_each(visit);
    }

    pub(crate) fn text(&self, group: ShareGroup) -> Option<&Arc<str>> {
        self.group(group).map(|group| &group.text)
    }

    /// The member that gets a message.
    pub(crate) fn choose(&mut self, group: ShareGroup, draw: &Draw<'_>) -> Option<Chosen> {
        let number = match (draw.fixed, self.strategy) {
            (Some(fixed), _) => Some(self.hasher.hash_one(fixed)),
            (None, ShareStrategy::Random) => Some(self.random()),
            (None, ShareStrategy::ByClient) => Some(self.hasher.hash_one(draw.client)),
            (None, ShareStrategy::ByTopic) => Some(self.hasher.hash_one(draw.topic)),
            (
                None,
                ShareStrategy::RoundRobin | ShareStrategy::Sticky | ShareStrategy::LocalFirst,
            ) => None,
        };
        let strategy = self.strategy;
        self.group_mut(group)?.choose(strategy, draw.qos, number)
    }

    /// See [`Group::choose_here`].
    pub(crate) fn choose_here(&self, group: ShareGroup, qos: QoS, number: u32) -> Option<Chosen> {
        self.group(group)?.choose_here(qos, number)
    }

    /// See [`Group::choose_own`].
    pub(crate) fn choose_own(&self, group: ShareGroup, qos: QoS, number: u32) -> Option<Chosen> {
        self.group(group)?.choose_own(qos, number)
    }

    pub(crate) fn count(&self, target: Target, text: &str) -> Option<ShareCount> {
        self.group(self.find(text)?)?.count(target)
    }

    pub(crate) fn shards_with_absent(&self, text: &str) -> Vec<u16> {
        let group = self.find(text).and_then(|group| self.group(group));
        group.map_or_else(Vec::new, Group::shards_with_absent)
    }

    /// Own members of all groups.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_text.is_empty()
    }

    pub(crate) fn find(&self, text: &str) -> Option<ShareGroup> {
        self.by_text.get(text).copied()
    }

    fn group(&self, group: ShareGroup) -> Option<&Group> {
        self.groups.get(group.0 as usize)?.as_ref()
    }

    fn group_mut(&mut self, group: ShareGroup) -> Option<&mut Group> {
        self.groups.get_mut(group.0 as usize)?.as_mut()
    }

    /// The group of that text, new if it must be; `None` for a text that is no shared filter.
    fn ensure(&mut self, text: &str) -> Option<&mut Group> {
        if let Some(group) = self.find(text) {
            return self.group_mut(group);
        }
        let filter = wanted(text)?;
        let number = self.free.pop().unwrap_or_else(|| {
            self.groups.push(None);
            let last = u32::try_from(self.groups.len() - 1);
            ShareGroup(last.expect("4 G share groups do not fit the memory of a node"))
        });
        let text: Arc<str> = text.into();
        self.by_text.insert(text.clone(), number);
        self.filters.insert(filter, number, ());
        Some(self.groups[number.0 as usize].insert(Group::new(text)))
    }

    /// Forgets the group if nobody is in it.
    fn tidy(&mut self, text: &str) {
        let Some(number) = self.find(text) else {
            return;
        };
        if !self.group(number).is_some_and(Group::is_empty) {
            return;
        }
        if let Some(filter) = wanted(text) {
            self.filters.remove(filter, number);
        }
        self.by_text.remove(text);
        self.groups[number.0 as usize] = None;
        self.free.push(number);
    }

    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}
