//! A will has been published; nobody needs to recognise it any more.

use super::{Turn, end_session};
use crate::command::WillDone;
use crate::outcome::Outcome;
use crate::shard::Shard;
use crate::types::Origin;

pub(super) fn apply(shard: &mut Shard, turn: &mut Turn, done: &WillDone) -> Outcome {
    let WillDone { session, epoch } = *done;
    if shard.wills.remove(session, epoch) {
        let origin = Origin::Will {
            shard: shard.id,
            session,
            epoch,
        };
        end_session::forget(shard, turn, vec![origin]);
    }
    Outcome::Done
}
