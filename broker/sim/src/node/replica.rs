//! A second shard that applies the same entries and now and then comes back from a snapshot: what a follower will
//! be. It must always equal the first.

use quorate_node::convert::{decode_shard_record, encode_shard_record};
use quorate_shard::{Batch, Limits, Shard, ShardId};

use super::journal::Snapshot;
use crate::invariants::Violation;
use crate::scenario::Scenario;

/// An empty shard, or the one that a snapshot describes.
pub(super) fn open(
    id: ShardId,
    scenario: &Scenario,
    snapshot: Option<&Snapshot>,
) -> Result<Shard, Violation> {
    let limits = Limits::default();
    let shard = match snapshot {
        None => Shard::new(id, limits),
        Some(snapshot) => {
            let records = snapshot.records.iter().cloned().map(decode_shard_record);
            let records = records.collect::<Result<Vec<_>, _>>();
            let records = records.map_err(|error| broken(id, &error.to_string()))?;
            Shard::restore(id, limits, records).map_err(|error| broken(id, &error.to_string()))?
        }
    };
    Ok(shard.with_faults(scenario.mistake.of_shard()))
}

/// The shard's state as a snapshot of encoded records.
pub(super) fn snapshot(shard: &Shard) -> Snapshot {
    let records = shard.snapshot_records();
    let records = records
        .map(|record| encode_shard_record(record).into())
        .collect();
    Snapshot { records }
}

/// Applies without effects.
pub(super) fn follow(replica: &mut Shard, index: u64, batch: Batch) {
    // A follower drops effects.
    let _ = replica.apply(index, batch);
}

fn broken(id: ShardId, what: &str) -> Violation {
    Violation::new(
        "replicas",
        format!("the snapshot of shard {id} cannot be read: {what}"),
    )
}
