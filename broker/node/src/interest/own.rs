//! What this node's workers want together: per filter the widest of their interests, or the members of a share
//! group that they have in all. Sends nothing.

use std::collections::HashMap;
use std::sync::Arc;

use quorate_router::{Interest, Scope};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Own {
    filters: HashMap<Arc<str>, Vec<(u16, Scope)>, foldhash::fast::RandomState>,
}

impl Own {
    /// A worker's interest in a filter changed; the node's, if that changed with it.
    pub(super) fn change(
        &mut self,
        worker: u16,
        filter: &Arc<str>,
        interest: Interest,
    ) -> Option<Interest> {
        let holders = self.filters.entry(filter.clone()).or_default();
        let before = widest(holders);
        holders.retain(|(other, _)| *other != worker);
        holders.extend(interest.map(|scope| (worker, scope)));
        let after = widest(holders);
        if holders.is_empty() {
            self.filters.remove(filter);
        }
        (after != before).then_some(after)
    }
}

fn widest(holders: &[(u16, Scope)]) -> Interest {
    holders.iter().map(|(_, scope)| *scope).reduce(Scope::join)
}

#[cfg(test)]
mod tests {
    use quorate_router::ShareCount;

    use super::*;

    #[test]
    fn the_node_wants_what_its_widest_worker_wants() {
        let mut own = Own::default();
        let filter: Arc<str> = "a/#".into();
        assert_eq!(
            own.change(0, &filter, Some(Scope::QosZero)),
            Some(Some(Scope::QosZero))
        );
        assert_eq!(
            own.change(1, &filter, Some(Scope::Every)),
            Some(Some(Scope::Every))
        );
        assert_eq!(own.change(0, &filter, None), None);
        assert_eq!(own.change(1, &filter, None), Some(None));
        assert!(own.filters.is_empty());
    }

    #[test]
    fn the_node_has_the_members_of_all_its_workers() {
        let mut own = Own::default();
        let filter: Arc<str> = "$share/g/a".into();
        let members = |ready, other| Some(Scope::Share(ShareCount { ready, other }));
        assert_eq!(own.change(0, &filter, members(2, 0)), Some(members(2, 0)));
        assert_eq!(own.change(1, &filter, members(1, 3)), Some(members(3, 3)));
        assert_eq!(own.change(0, &filter, None), Some(members(1, 3)));
    }
}
