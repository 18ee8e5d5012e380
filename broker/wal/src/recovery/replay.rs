//! Applies records in stream order and checks that what remains makes sense. The oldest records may be gone: removals
//! of what is not there mean nothing.

use std::collections::BTreeMap;

use super::{Bytes, Content, Group, Kind, LogPoint, OpenError, Place, Slot};

/// All groups while records are applied.
#[derive(Debug, Default)]
pub(super) struct Replay {
    groups: BTreeMap<u32, ReplayedGroup>,
}

#[derive(Debug, Default)]
struct ReplayedGroup {
    entries: BTreeMap<u64, Slot>,
    purged: Option<(LogPoint, Place)>,
    values: BTreeMap<u8, (Bytes, Place)>,
}

impl Replay {
    pub(super) fn apply(&mut self, place: Place, content: &Content<'_>) {
        if content.kind == Kind::Retire {
            return;
        }
        let group = self.groups.entry(content.group).or_default();
        let (index, header) = (content.index, content.header);
        match content.kind {
            Kind::Append | Kind::Moved => {
                group.entries.insert(index, Slot { place, header });
            }
            Kind::Truncate => {
                group.entries.split_off(&index);
            }
            Kind::Purge => {
                let later = index.checked_add(1);
                group.entries = later
                    .map(|next| group.entries.split_off(&next))
                    .unwrap_or_default();
                group.purged = Some((LogPoint { index, header }, place));
            }
            Kind::Save => {
                let value = Bytes::copy_from_slice(content.payload);
                group.values.insert(content.key, (value, place));
            }
            Kind::Retire => {}
        }
    }

    pub(super) fn groups(self) -> Result<BTreeMap<u32, Group>, OpenError> {
        for (number, group) in &self.groups {
            group.check(*number)?;
        }
        let groups = self.groups.into_iter();
        Ok(groups
            .map(|(number, g)| (number, Group::recovered(g.entries, g.purged, g.values)))
            .collect())
    }
}

impl ReplayedGroup {
    fn check(&self, group: u32) -> Result<(), OpenError> {
        let mut expected = self.purged.map(|(point, _)| point.index.saturating_add(1));
        for index in self.entries.keys() {
            if let Some(missing) = expected.filter(|expected| expected != index) {
                return Err(OpenError::Hole {
                    group,
                    index: missing,
                });
            }
            expected = index.checked_add(1);
        }
        Ok(())
    }
}
