//! Keys to slots, slots to shards. The hash is a durable format: it never changes.

use crate::command::ShardId;

/// Slots of a cluster; fixed for ever.
pub const SLOTS: u16 = 1_024;

/// The slot of a key: a client id for sessions, a topic for retained messages, group and filter for shared
/// groups.
///
/// FNV-1a with 64 bits over the key, then the finisher of MurmurHash3, because FNV alone spreads short keys badly
/// over its top bits; the slot is the top ten bits of that.
pub fn slot_of(key: &[u8]) -> u16 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in key {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^= hash >> 33;
    u16::try_from(hash >> 54).expect("ten bits fit sixteen")
}

/// Which shard holds which slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotMap {
    shards: Vec<ShardId>,
    count: ShardId,
}

impl SlotMap {
    /// Neighbouring runs of slots of equal length, one for each shard. `None` unless 1 ≤ shards ≤ 1 024.
    pub fn even(shards: ShardId) -> Option<Self> {
        if shards == 0 || shards > SLOTS {
            return None;
        }
        let shard_of_slot = |slot: u16| {
            let shard = u32::from(slot) * u32::from(shards) / u32::from(SLOTS);
            ShardId::try_from(shard).expect("below the number of shards")
        };
        Some(Self {
            shards: (0..SLOTS).map(shard_of_slot).collect(),
            count: shards,
        })
    }

    /// The map that a snapshot lists. `None` unless it names a shard below `shards` for each slot.
    pub fn from_slots(slots: Vec<ShardId>, shards: ShardId) -> Option<Self> {
        let complete =
            slots.len() == usize::from(SLOTS) && slots.iter().all(|shard| *shard < shards);
        complete.then_some(Self {
            shards: slots,
            count: shards,
        })
    }

    /// The shard that holds the key.
    pub fn shard_of(&self, key: &[u8]) -> ShardId {
        self.shards[usize::from(slot_of(key))]
    }

    /// Number of shards.
    pub fn shard_count(&self) -> ShardId {
        self.count
    }

    /// The shard of every slot, in the order of slots.
    pub fn slots(&self) -> &[ShardId] {
        &self.shards
    }
}
