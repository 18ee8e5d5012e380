//! What members say to each other about control commands: `Outcome` <-> `peer.proto`'s `ControlAnswer`.

use bytes::Bytes;
use prost::Message as _;
use quorate_control::{Life, Outcome, Refusal};
use quorate_proto::peer::{self, control_answer as answer};

use super::malformed::{Malformed, present};
use crate::raft::ProposeError;

/// The bytes of an answer.
pub(crate) fn encode_control_answer(result: Result<Outcome, ProposeError>) -> Bytes {
    use answer::{Kind, Plain};
    let kind = match result {
        Ok(Outcome::Done) => Kind::Plain(Plain::Done.into()),
        Ok(Outcome::Started(incarnation)) => Kind::Started(incarnation),
        Ok(Outcome::Joined(life)) => Kind::Joined(answer::Joined {
            node: life.node,
            incarnation: life.incarnation,
        }),
        Ok(Outcome::Changed(revision)) => Kind::Changed(revision),
        Ok(Outcome::Refused(refusal)) => encode_refusal(refusal),
        Err(ProposeError::Refused) => Kind::Plain(Plain::NotLeading.into()),
        Err(ProposeError::Unknown | ProposeError::Stopped) => Kind::Plain(Plain::Unknown.into()),
    };
    let message = peer::ControlAnswer { kind: Some(kind) };
    message.encode_to_vec().into()
}

fn encode_refusal(refusal: Refusal) -> answer::Kind {
    use answer::Plain;
    let plain = match refusal {
        Refusal::Stale { current } => return answer::Kind::Stale(current),
        Refusal::AlreadyBootstrapped => Plain::AlreadyBootstrapped,
        Refusal::NotBootstrapped => Plain::NotBootstrapped,
        Refusal::ShardCount => Plain::ShardCount,
        Refusal::Member => Plain::Member,
        Refusal::Unknown => Plain::UnknownMember,
        Refusal::OldIncarnation => Plain::OldIncarnation,
        Refusal::AddressTaken => Plain::AddressTaken,
        Refusal::Role => Plain::Role,
    };
    answer::Kind::Plain(plain.into())
}

/// Reads an answer back.
pub(crate) fn decode_control_answer(
    bytes: Bytes,
) -> Result<Result<Outcome, ProposeError>, Malformed> {
    let message = peer::ControlAnswer::decode(bytes)?;
    let outcome = match present("control_answer.kind", message.kind)? {
        answer::Kind::Started(incarnation) => Outcome::Started(incarnation),
        answer::Kind::Joined(joined) => Outcome::Joined(Life {
            node: joined.node,
            incarnation: joined.incarnation,
        }),
        answer::Kind::Changed(revision) => Outcome::Changed(revision),
        answer::Kind::Stale(current) => Outcome::Refused(Refusal::Stale { current }),
        answer::Kind::Plain(plain) => return decode_plain(plain),
    };
    Ok(Ok(outcome))
}

fn decode_plain(plain: i32) -> Result<Result<Outcome, ProposeError>, Malformed> {
    use answer::Plain;
    let known = Plain::try_from(plain);
    let known = known.map_err(|_| super::control::out_of_range("control_answer.plain", plain))?;
    let refusal = match known {
        Plain::NotLeading => return Ok(Err(ProposeError::Refused)),
        Plain::Unknown => return Ok(Err(ProposeError::Unknown)),
        Plain::Done => return Ok(Ok(Outcome::Done)),
        Plain::AlreadyBootstrapped => Refusal::AlreadyBootstrapped,
        Plain::NotBootstrapped => Refusal::NotBootstrapped,
        Plain::ShardCount => Refusal::ShardCount,
        Plain::Member => Refusal::Member,
        Plain::UnknownMember => Refusal::Unknown,
        Plain::OldIncarnation => Refusal::OldIncarnation,
        Plain::AddressTaken => Refusal::AddressTaken,
        Plain::Role => Refusal::Role,
    };
    Ok(Ok(Outcome::Refused(refusal)))
}
