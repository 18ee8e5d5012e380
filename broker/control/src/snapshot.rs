//! The control state as records in one canonical order, and back. Encoding them is the node's business.

use crate::command::{NodeId, Revision, ShardId};
use crate::member::Member;

/// One piece of a snapshot. The order is that of the variants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// First record; the cluster's own fields are zero before the bootstrap.
    Header {
        /// Index of the last command that is in it.
        applied: u64,
        /// The cluster; 0 before the bootstrap.
        cluster_id: u128,
        /// Version of the durable formats.
        format: u32,
        /// Number of shard groups; 0 before the bootstrap.
        shards: ShardId,
        /// The shard of every slot; empty before the bootstrap.
        slots: Vec<ShardId>,
        /// Version of the wanted membership.
        revision: Revision,
    },
    /// One member.
    Member {
        /// Its id.
        node: NodeId,
        /// What is known of it.
        member: Member,
    },
    /// Last record.
    End {
        /// Number of records before it.
        records: u64,
    },
}

/// Why a snapshot was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// Its end is missing, or its number of records is wrong.
    #[error("the snapshot ends after {records} records")]
    Incomplete {
        /// Records read.
        records: u64,
    },
    /// A record does not fit those before it.
    #[error("record {record} of the snapshot does not fit: {reason}")]
    Misplaced {
        /// Its number, from 0.
        record: u64,
        /// What is wrong.
        reason: &'static str,
    },
}
