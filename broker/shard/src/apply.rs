//! Applying a batch: timers that its stamp makes due, then its commands in order, then the queues that
//! these touched. One file per command below.

mod acknowledge;
mod claim;
mod end_session;
mod enqueue;
mod forget;
mod inbound;
mod publish;
mod received;
mod reclaim;
mod release;
mod retain;
mod room;
mod subscribe;
mod timers;
mod unsubscribe;
mod will_done;

use std::sync::Arc;

use crate::applied::{Admission, Applied, Refusal};
use crate::command::{Batch, Command};
use crate::effect::Effect;
use crate::outcome::Outcome;
use crate::proposers::Verdict;
use crate::queue::Around;
use crate::shard::Shard;
use crate::types::*;

/// One batch on its way through the commands.
#[derive(Debug)]
struct Turn {
    /// Shard time of the batch.
    time: Millis,
    /// Index of its log entry.
    index: u64,
    /// Life of the node that proposed it.
    incarnation: Incarnation,
    /// What the leader has to do.
    effects: Vec<Effect>,
    /// Sessions whose queue may have something to start; with repeats.
    touched: Vec<SessionId>,
}

/// See [`Shard::apply`].
pub(crate) fn apply(shard: &mut Shard, index: u64, batch: Batch) -> Applied {
    assert!(
        index > shard.applied,
        "log entries are applied once and in order"
    );
    shard.applied = index;
    shard.time = shard.time.max(batch.time);
    let mut turn = Turn {
        time: shard.time,
        index,
        incarnation: batch.incarnation,
        effects: Vec::new(),
        touched: Vec::new(),
    };
    timers::run(shard, &mut turn);
    let (admission, outcomes) = match judge(shard, &batch) {
        Verdict::Fresh => (Admission::Fresh, run_batch(shard, &mut turn, batch)),
        Verdict::Duplicate(outcomes) => (Admission::Duplicate, outcomes),
        Verdict::Refused(refusal) => (Admission::Refused(refusal), Arc::default()),
    };
    start_deliveries(shard, &mut turn);
    Applied {
        admission,
        outcomes,
        effects: turn.effects,
    }
}

fn judge(shard: &Shard, batch: &Batch) -> Verdict {
    if batch.sequence == 0 {
        return Verdict::Fresh;
    }
    let verdict = shard
        .proposers
        .judge(batch.node, batch.incarnation, batch.sequence);
    let repeat = match &verdict {
        Verdict::Duplicate(_) | Verdict::Refused(Refusal::Forgotten { .. }) => true,
        Verdict::Fresh
        | Verdict::Refused(Refusal::Gap { .. } | Refusal::OlderIncarnation { .. }) => false,
    };
    if repeat && shard.faults.forget_batch_dedup {
        Verdict::Fresh
    } else {
        verdict
    }
}

fn run_batch(shard: &mut Shard, turn: &mut Turn, batch: Batch) -> Arc<[Outcome]> {
    let Batch {
        node,
        incarnation,
        sequence,
        time: _,
        commands,
    } = batch;
    let outcomes: Arc<[Outcome]> = commands
        .into_iter()
        .map(|command| run(shard, turn, command))
        .collect();
    if sequence != 0 {
        shard
            .proposers
            .record((node, incarnation, sequence), turn.index, outcomes.clone());
    }
    outcomes
}

fn run(shard: &mut Shard, turn: &mut Turn, command: Command) -> Outcome {
    match command {
        Command::Claim(claim) => claim::apply(shard, turn, claim),
        Command::Release(release) => release::apply(shard, turn, &release),
        Command::ReleaseNode(release) => release::apply_node(shard, turn, &release),
        Command::Subscribe(subscribe) => subscribe::apply(shard, turn, subscribe),
        Command::Unsubscribe(unsubscribe) => unsubscribe::apply(shard, turn, &unsubscribe),
        Command::Publish(publish) => publish::apply(shard, turn, publish),
        Command::Enqueue(enqueue) => enqueue::apply(shard, turn, enqueue),
        Command::Acknowledge(acknowledge) => acknowledge::apply(shard, turn, &acknowledge),
        Command::Received(received) => received::apply(shard, &received),
        Command::InboundStart(start) => inbound::apply_start(shard, &start),
        Command::InboundRelease(release) => inbound::apply_release(shard, &release),
        Command::Forget(forget) => forget::apply(shard, &forget),
        Command::Retain(retain) => retain::apply(shard, turn, retain),
        Command::WillDone(done) => will_done::apply(shard, turn, &done),
        Command::Reclaim(reclaim) => reclaim::apply(shard, turn, &reclaim),
    }
}

/// Starts what the touched queues have room for, once per batch. This is the *sent up to* mark of
/// design 2.2: it moves where the window's credit does, so no command of its own is needed.
fn start_deliveries(shard: &mut Shard, turn: &mut Turn) {
    let mut touched = std::mem::take(&mut turn.touched);
    touched.sort_unstable();
    touched.dedup();
    for session in touched {
        let Some(entry) = shard.sessions.session_mut(session) else {
            continue;
        };
        let (Some(claimant), Some(durable)) = (entry.claimant, entry.durable.as_deref_mut()) else {
            continue;
        };
        let mut around = Around {
            session,
            store: &mut shard.store,
            timers: &mut shard.timers,
        };
        if durable
            .queue
            .start(turn.time, shard.limits.window_bytes_max, &mut around)
        {
            let started = durable.queue.started();
            turn.effects.push(Effect::Deliver {
                session,
                owner: claimant.owner,
                started,
            });
        }
    }
}
