//! Share groups among the shard's durable sessions (MQTT 5, 4.8.2): who is in them, and who is connected. Follows from
//! the sessions, so it is in no snapshot. Knows nothing of queues.

use std::collections::BTreeMap;
use std::sync::Arc;

use quorate_router::{Scope, ShareCount};

use crate::limits::SHARE_CANDIDATES_MAX;
use crate::session_table::Held;
use crate::types::SessionId;

/// Groups by their shared filter.
#[derive(Debug, Default)]
pub(crate) struct ShareGroups {
    groups: BTreeMap<Arc<str>, Group>,
}

/// Members at QoS 1 or 2; those at QoS 0 need no shard.
#[derive(Debug, Default)]
struct Group {
    members: BTreeMap<SessionId, Held>,
    /// Members by whether they are connected: absent ones, then connected ones, each ascending.
    by_presence: [Vec<SessionId>; 2],
}

impl ShareGroups {
    /// Adds or replaces a member.
    pub(crate) fn join(
        &mut self,
        group: &Arc<str>,
        session: SessionId,
        held: Held,
        connected: bool,
    ) {
        let group = self.groups.entry(group.clone()).or_default();
        group.members.insert(session, held);
        group.place(session, Some(connected));
    }

    /// Takes a member out.
    pub(crate) fn leave(&mut self, text: &str, session: SessionId) {
        let Some(group) = self.groups.get_mut(text) else {
            return;
        };
        group.members.remove(&session);
        group.place(session, None);
        if group.members.is_empty() {
            self.groups.remove(text);
        }
    }

    /// A member is connected now, or is not; whether it is one.
    pub(crate) fn set_connected(
        &mut self,
        text: &str,
        session: SessionId,
        connected: bool,
    ) -> bool {
        let Some(group) = self.groups.get_mut(text) else {
            return false;
        };
        let is_member = group.members.contains_key(&session);
        if is_member {
            group.place(session, Some(connected));
        }
        is_member
    }

    /// What the shard wants of a group.
    pub(crate) fn count(&self, text: &str) -> Option<ShareCount> {
        self.groups.get(text).map(Group::count)
    }

    /// Whom a message may be lent to, best first: connected members from place `turn` on, a bounded number of
    /// them; absent ones if nobody is connected.
    pub(crate) fn candidates(&self, text: &str, turn: u32) -> Vec<(SessionId, Held)> {
        let Some(group) = self.groups.get(text) else {
            return Vec::new();
        };
        let [absent, connected] = &group.by_presence;
        let list = if connected.is_empty() {
            absent
        } else {
            connected
        };
        let Some(start) = u64::from(turn).checked_rem(list.len() as u64) else {
            return Vec::new();
        };
        let (before, from) = list.split_at(start as usize);
        let sessions = from.iter().chain(before).take(SHARE_CANDIDATES_MAX);
        sessions
            .map(|session| (*session, group.members[session]))
            .collect()
    }

    /// Members that are not connected.
    pub(crate) fn absent(&self, text: &str) -> &[SessionId] {
        self.groups
            .get(text)
            .map_or(&[], |group| &group.by_presence[0])
    }

    /// Every group, with what the shard wants of it.
    pub(crate) fn interest(&self) -> impl Iterator<Item = (Arc<str>, Scope)> + '_ {
        let groups = self.groups.iter();
        groups.map(|(text, group)| (text.clone(), Scope::Share(group.count())))
    }
}

impl Group {
    fn count(&self) -> ShareCount {
        let count = |list: &Vec<SessionId>| u32::try_from(list.len()).unwrap_or(u32::MAX);
        let [absent, connected] = &self.by_presence;
        ShareCount {
            ready: count(connected),
            other: count(absent),
        }
    }

    fn place(&mut self, session: SessionId, connected: Option<bool>) {
        for (list, is_place) in self.by_presence.iter_mut().zip([false, true]) {
            match (list.binary_search(&session), connected == Some(is_place)) {
                (Ok(at), false) => {
                    list.remove(at);
                }
                (Err(at), true) => list.insert(at, session),
                (Ok(_), true) | (Err(_), false) => {}
            }
        }
    }
}
