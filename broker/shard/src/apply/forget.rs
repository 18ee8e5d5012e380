//! An origin need not be recognised any more. In the shard that the origin belongs to, it also says that all
//! others were told.

use crate::command::Forget;
use crate::outcome::Outcome;
use crate::shard::Shard;

pub(super) fn apply(shard: &mut Shard, forget: &Forget) -> Outcome {
    shard.origins.forget(&forget.origin);
    Outcome::Done
}
