//! Interest updates on the wire.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use quorate_proto::peer::{
    InterestChange, InterestReply, InterestScope, InterestUpdate, ShareMembers,
};
use quorate_router::{Interest, Scope, ShareCount};

use super::feed::{Change, Source, Update};

/// A peer's message is not what we write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an interest message")]
pub(super) struct Malformed;

pub(super) fn encode_update(source: Source, update: Update) -> Bytes {
    let shard = match source {
        Source::Node => None,
        Source::Shard(shard) => Some(u32::from(shard)),
    };
    let changes = update
        .changes
        .into_iter()
        .map(|(filter, interest)| InterestChange {
            filter: filter.to_string(),
            scope: scope_to_wire(interest).into(),
            members: members_to_wire(interest),
        });
    let message = InterestUpdate {
        shard,
        term: update.term,
        from: update.from,
        to: update.to,
        changes: changes.collect(),
    };
    message.encode_to_vec().into()
}

pub(super) fn decode_update(bytes: Bytes) -> Result<(Source, Update), Malformed> {
    let message = InterestUpdate::decode(bytes).map_err(|_| Malformed)?;
    let source = match message.shard {
        None => Source::Node,
        Some(shard) => Source::Shard(shard.try_into().map_err(|_| Malformed)?),
    };
    let change = |change: InterestChange| -> Result<Change, Malformed> {
        let scope = InterestScope::try_from(change.scope).map_err(|_| Malformed)?;
        let interest = scope_from_wire(scope, change.members)?;
        Ok((Arc::from(change.filter), interest))
    };
    let changes = message
        .changes
        .into_iter()
        .map(change)
        .collect::<Result<_, _>>()?;
    let update = Update {
        term: message.term,
        from: message.from,
        to: message.to,
        changes,
    };
    Ok((source, update))
}

pub(super) fn encode_reply(routed: bool) -> Bytes {
    InterestReply { routed }.encode_to_vec().into()
}

pub(super) fn decode_reply(bytes: Bytes) -> Result<bool, Malformed> {
    InterestReply::decode(bytes)
        .map(|reply| reply.routed)
        .map_err(|_| Malformed)
}

fn scope_to_wire(interest: Interest) -> InterestScope {
    match interest {
        None => InterestScope::None,
        Some(Scope::QosZero) => InterestScope::QosZero,
        Some(Scope::Every) => InterestScope::Every,
        Some(Scope::Share(_)) => InterestScope::Share,
    }
}

fn members_to_wire(interest: Interest) -> Option<ShareMembers> {
    match interest {
        Some(Scope::Share(ShareCount { ready, other })) => Some(ShareMembers { ready, other }),
        Some(Scope::QosZero | Scope::Every) | None => None,
    }
}

fn scope_from_wire(
    scope: InterestScope,
    members: Option<ShareMembers>,
) -> Result<Interest, Malformed> {
    Ok(match scope {
        InterestScope::None => None,
        InterestScope::QosZero => Some(Scope::QosZero),
        InterestScope::Every => Some(Scope::Every),
        InterestScope::Share => {
            let ShareMembers { ready, other } = members.ok_or(Malformed)?;
            Some(Scope::Share(ShareCount { ready, other }))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_comes_back_as_it_was() {
        for (source, from) in [(Source::Node, None), (Source::Shard(3), Some(4))] {
            let members = ShareCount { ready: 2, other: 9 };
            let changes = vec![
                ("a/+".into(), Some(Scope::QosZero)),
                ("b".into(), None),
                ("$share/g/c".into(), Some(Scope::Share(members))),
            ];
            let bytes = encode_update(
                source,
                Update {
                    term: 2,
                    from,
                    to: 6,
                    changes: changes.clone(),
                },
            );
            let (decoded, update) = decode_update(bytes).unwrap();
            assert_eq!(
                (decoded, update),
                (
                    source,
                    Update {
                        term: 2,
                        from,
                        to: 6,
                        changes
                    }
                )
            );
        }
        assert_eq!(
            decode_update(Bytes::from_static(b"\xff\xff")),
            Err(Malformed)
        );
        assert_eq!(decode_reply(encode_reply(true)), Ok(true));
    }
}
