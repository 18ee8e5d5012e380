//! `Origin`.

use quorate_proto::log::{self, origin::Number};
use quorate_shard::Origin;

use super::malformed::{Malformed, narrow, present};

pub(super) fn encode(origin: Origin) -> log::Origin {
    let (shard, session, number) = match origin {
        Origin::Inbound {
            shard,
            session,
            sequence,
        } => (shard, session, Number::Inbound(sequence)),
        Origin::Will {
            shard,
            session,
            epoch,
        } => (shard, session, Number::Will(epoch)),
    };
    log::Origin {
        shard: shard.into(),
        session,
        number: Some(number),
    }
}

pub(super) fn decode(origin: log::Origin) -> Result<Origin, Malformed> {
    let shard = narrow("origin.shard", origin.shard)?;
    let session = origin.session;
    Ok(match present("origin.number", origin.number)? {
        Number::Inbound(sequence) => Origin::Inbound {
            shard,
            session,
            sequence,
        },
        Number::Will(epoch) => Origin::Will {
            shard,
            session,
            epoch,
        },
    })
}
