//! P3: each claim gets a higher epoch, and once it is applied an older one changes nothing any more. Watches every
//! outcome of every shard, across crashes.

use std::collections::BTreeMap;

use quorate_shard::{Command, Epoch, Outcome, SessionId, ShardId};

use super::Violation;

/// The newest epoch of every session.
#[derive(Debug, Default)]
pub(crate) struct Epochs {
    newest: BTreeMap<(ShardId, SessionId), Epoch>,
    last: BTreeMap<ShardId, Epoch>,
}

impl Epochs {
    /// Looks at what a batch came to.
    pub(crate) fn observe(
        &mut self,
        shard: ShardId,
        commands: &[Command],
        outcomes: &[Outcome],
    ) -> Result<(), Violation> {
        for (command, outcome) in commands.iter().zip(outcomes) {
            if let Outcome::Claimed(claimed) = outcome {
                self.claimed(shard, claimed.session, claimed.epoch)?;
            }
            let Some((session, epoch)) = acts_for(command) else {
                continue;
            };
            let newest = self.newest.get(&(shard, session)).copied().unwrap_or(0);
            if epoch < newest && *outcome != Outcome::Stale {
                let what = format!(
                    "shard {shard}, session {session}: epoch {epoch} acted after {newest}: {command:?}"
                );
                return Err(Violation::new("P3", what));
            }
        }
        Ok(())
    }

    fn claimed(
        &mut self,
        shard: ShardId,
        session: SessionId,
        epoch: Epoch,
    ) -> Result<(), Violation> {
        let last = self.last.insert(shard, epoch).unwrap_or(0);
        self.newest.insert((shard, session), epoch);
        if epoch > last {
            return Ok(());
        }
        let what = format!("shard {shard} gave epoch {epoch} after {last}");
        Err(Violation::new("P3", what))
    }
}

/// The claim in whose name a command acts.
fn acts_for(command: &Command) -> Option<(SessionId, Epoch)> {
    match command {
        Command::Release(one) => Some((one.session, one.epoch)),
        Command::Subscribe(one) => Some((one.session, one.epoch)),
        Command::Unsubscribe(one) => Some((one.session, one.epoch)),
        Command::Enqueue(one) => Some((one.session, one.epoch)),
        Command::Acknowledge(one) => Some((one.session, one.epoch)),
        Command::Received(one) => Some((one.session, one.epoch)),
        Command::InboundStart(one) => Some((one.session, one.epoch)),
        Command::InboundRelease(one) => Some((one.session, one.epoch)),
        Command::Claim(_)
        | Command::ReleaseNode(_)
        | Command::Publish(_)
        | Command::Forget(_)
        | Command::Retain(_)
        | Command::WillDone(_)
        | Command::Reclaim(_) => None,
    }
}
