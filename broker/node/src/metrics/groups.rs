//! Names, help texts and labels of what Raft groups, shards and the log tell. Reads their own numbers
//! when scraped; must not wait for a commit.

use quorate_shard::{ShardId, Statistics};

use super::collector::{FamilyKind, Samples};
use super::{Metrics, MetricsError};
use crate::raft::{GroupStatus, Groups};
use crate::shard_client::ProposerStatistics;

use FamilyKind::{Counter, Gauge};

type Row<T> = (FamilyKind, &'static str, &'static str, fn(&T) -> u64);

/// Summed over the shards: what clients have left in this node's state.
const SUMS: [Row<Statistics>; 10] = [
    (
        Gauge,
        "quorate_sessions",
        "Sessions, connected or not, clean ones included.",
        |s| s.sessions,
    ),
    (
        Gauge,
        "quorate_durable_sessions",
        "Sessions that outlive their connection.",
        |s| s.durable_sessions,
    ),
    (
        Gauge,
        "quorate_durable_subscriptions",
        "Subscriptions of durable sessions.",
        |s| s.subscriptions,
    ),
    (
        Gauge,
        "quorate_session_state_bytes",
        "Bytes that sessions, wills and subscriptions are charged.",
        |s| s.session_bytes,
    ),
    (
        Gauge,
        "quorate_queued_messages",
        "Messages in the queues of durable sessions.",
        |s| s.queued_messages,
    ),
    (
        Gauge,
        "quorate_queued_bytes",
        "Bytes of messages in the queues of durable sessions; one in many queues counts once.",
        |s| s.queued_bytes,
    ),
    (
        Counter,
        "quorate_queue_dropped_messages_total",
        "Messages that full queues of persistent sessions lost.",
        |s| s.dropped_messages,
    ),
    (
        Gauge,
        "quorate_retained_messages",
        "Retained messages.",
        |s| s.retained_messages,
    ),
    (
        Gauge,
        "quorate_retained_bytes",
        "Bytes of retained messages.",
        |s| s.retained_bytes,
    ),
    (
        Gauge,
        "quorate_pending_wills",
        "Wills that are due and not yet published.",
        |s| s.pending_wills,
    ),
];

/// By group: the control group and each shard's.
const GROUPS: [Row<GroupStatus>; 5] = [
    (
        Gauge,
        "quorate_raft_term",
        "Present term of the Raft group.",
        |g| g.term,
    ),
    (
        Gauge,
        "quorate_raft_leader",
        "1 where this node leads the Raft group, else 0.",
        |g| u64::from(g.leading),
    ),
    (
        Gauge,
        "quorate_raft_commit_index",
        "Index of the last committed entry of the Raft group.",
        |g| g.committed,
    ),
    (
        Gauge,
        "quorate_raft_applied_index",
        "Index of the last applied entry of the Raft group.",
        |g| g.applied,
    ),
    (
        Gauge,
        "quorate_raft_log_bytes",
        "Bytes of commands applied since the Raft group's last snapshot.",
        |g| g.log_bytes,
    ),
];

/// By shard: what this node proposes to it.
const PROPOSERS: [Row<ProposerStatistics>; 6] = [
    (
        Counter,
        "quorate_proposed_batches_total",
        "Batches of commands applied for this node.",
        |p| p.batches,
    ),
    (
        Counter,
        "quorate_proposed_commands_total",
        "Commands in the batches applied for this node; by batches, their mean size.",
        |p| p.commands,
    ),
    (
        Counter,
        "quorate_proposed_bytes_total",
        "Encoded bytes of the batches applied for this node.",
        |p| p.bytes,
    ),
    (
        Counter,
        "quorate_proposed_again_total",
        "Batches that had to be proposed another time.",
        |p| p.again,
    ),
    (
        Counter,
        "quorate_proposals_refused_total",
        "Commands refused for want of room.",
        |p| p.refused,
    ),
    (
        Gauge,
        "quorate_proposals_queued_bytes",
        "Bytes of commands that wait to be proposed.",
        |p| p.queued_bytes,
    ),
];

pub(super) fn add_groups(metrics: &Metrics, groups: &Groups) -> Result<(), MetricsError> {
    for (kind, name, help, read) in SUMS {
        let groups = groups.clone();
        metrics.add(kind, name, help, &[], move |samples| {
            let sum = shards(&groups)
                .map(|shard| read(&groups.statistics(shard)))
                .sum();
            samples.value(&[], sum);
        })?;
    }
    for (kind, name, help, read) in GROUPS {
        let groups = groups.clone();
        metrics.add(kind, name, help, &["group"], move |samples| {
            samples.value(&[("group", "control")], read(&groups.control_status()));
            for shard in shards(&groups) {
                let group = format!("shard-{shard}");
                samples.value(&[("group", &group)], read(&groups.shard_status(shard)));
            }
        })?;
    }
    for (kind, name, help, read) in PROPOSERS {
        let groups = groups.clone();
        metrics.add(kind, name, help, &["group"], move |samples| {
            for shard in shards(&groups) {
                let group = format!("shard-{shard}");
                samples.value(
                    &[("group", &group)],
                    read(&groups.proposer_statistics(shard)),
                );
            }
        })?;
    }
    add_log(metrics, groups)
}

fn add_log(metrics: &Metrics, groups: &Groups) -> Result<(), MetricsError> {
    use std::sync::atomic::Ordering::Relaxed;

    let totals: [Row<quorate_wal::Stats>; 5] = [
        (
            Counter,
            "quorate_log_syncs_total",
            "Times the write-ahead log was synced to disk.",
            |s| s.syncs.load(Relaxed),
        ),
        (
            Counter,
            "quorate_log_records_total",
            "Records made durable in the write-ahead log.",
            |s| s.records.load(Relaxed),
        ),
        (
            Counter,
            "quorate_log_bytes_total",
            "Bytes made durable in the write-ahead log.",
            |s| s.bytes.load(Relaxed),
        ),
        (
            Counter,
            "quorate_log_rewritten_bytes_total",
            "Bytes of the write-ahead log written again to free a segment.",
            |s| s.rewritten_bytes.load(Relaxed),
        ),
        (
            Counter,
            "quorate_log_allocations_failed_total",
            "Segments of the write-ahead log that could not be allocated.",
            |s| s.allocations_failed.load(Relaxed),
        ),
    ];
    for (kind, name, help, read) in totals {
        let groups = groups.clone();
        metrics.add(kind, name, help, &[], move |samples| {
            samples.value(&[], read(groups.wal_stats()))
        })?;
    }
    let room = groups.clone();
    let help = "1 while the disk has room for commands that grow state, else 0.";
    metrics.add(Gauge, "quorate_log_has_room", help, &[], move |samples| {
        samples.value(&[], u64::from(room.has_room()));
    })?;
    let syncs = groups.clone();
    let help = "Time of one commit of the write-ahead log: write and fsync.";
    metrics.add(
        super::MICROS,
        "quorate_log_sync_seconds",
        help,
        &[],
        move |samples| {
            wal_histogram(samples, &syncs.wal_stats().commit_micros);
        },
    )?;
    let batches = groups.clone();
    let help = "Records in one commit of the write-ahead log.";
    metrics.add(
        super::NUMBERS,
        "quorate_log_batch_records",
        help,
        &[],
        move |samples| {
            wal_histogram(samples, &batches.wal_stats().batch_records);
        },
    )
}

fn shards(groups: &Groups) -> std::ops::Range<ShardId> {
    0..groups.shard_count()
}

fn wal_histogram(samples: &mut Samples, histogram: &quorate_wal::Histogram) {
    samples.buckets(
        &[],
        histogram.bounds(),
        &histogram.counts(),
        histogram.sum(),
    );
}
