//! Planning reads: what is in memory, and where the rest lies. Does no I/O itself.

use std::ops::Range;

use super::Log;
use crate::index::Group;
use crate::reading::{Part, ReadPlan};

impl Log {
    /// Plans to read the entries of `range` that are there; see [`Log::read`].
    pub(crate) fn plan_read(&self, group: u32, range: Range<u64>, bytes_max: usize) -> ReadPlan {
        let mut plan = ReadPlan {
            group,
            seed: self.tail.seed(),
            parts: Vec::new(),
        };
        let Some(state) = self.groups.get(&group) else {
            return plan;
        };
        let (Some(first), Some(last)) = (state.first(), state.last()) else {
            return plan;
        };
        let mut bytes = 0;
        for index in range.start.max(first)..range.end.min(last.index.saturating_add(1)) {
            let Some(part) = self.part(state, index) else {
                break;
            };
            bytes += match &part {
                Part::Memory(entry) => entry.payload.len(),
                Part::Disk { slot, .. } => slot.place.bytes as usize,
            };
            if bytes > bytes_max && !plan.parts.is_empty() {
                break;
            }
            plan.parts.push(part);
        }
        plan
    }

    fn part(&self, state: &Group, index: u64) -> Option<Part> {
        if let Some(entry) = state.ring.read(index) {
            return Some(Part::Memory(entry.clone()));
        }
        let slot = *state.slot(index)?;
        if let Some((_, entry)) = self.moving.get(&slot.place) {
            return Some(Part::Memory(entry.clone()));
        }
        let at = self.segments.of(slot.place.generation)?.at.clone();
        Some(Part::Disk { index, slot, at })
    }
}
