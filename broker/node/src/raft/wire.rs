//! openraft's requests and answers <-> `proto/peer.proto`. Bytes from a peer are never trusted to fit.

use bytes::Bytes;
use openraft::errors::RPCError;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, StreamAppendError, StreamAppendResult,
    TransferLeaderError, TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use quorate_proto::peer as proto;
use quorate_proto::peer::raft_appended::{Matching, Result as Appended};

use super::encoding;
use super::type_config::{Entry, LeaderId, LogId, Types, Vote};
use crate::convert::Malformed;

pub(super) fn encode_vote(vote: &Vote) -> proto::RaftVote {
    proto::RaftVote {
        term: vote.leader_id.term,
        node: vote.leader_id.node_id,
        committed: vote.committed,
    }
}

pub(super) fn decode_vote(vote: Option<proto::RaftVote>) -> Result<Vote, Malformed> {
    let vote = vote.ok_or(Malformed::Missing("vote"))?;
    Ok(Vote {
        leader_id: leader(vote.term, vote.node),
        committed: vote.committed,
    })
}

pub(super) fn encode_point(log_id: &LogId) -> proto::RaftPoint {
    proto::RaftPoint {
        term: log_id.leader_id.term,
        node: log_id.leader_id.node_id,
        index: log_id.index,
    }
}

pub(super) fn decode_point(point: proto::RaftPoint) -> LogId {
    LogId::new(leader(point.term, point.node), point.index)
}

pub(super) fn encode_append(
    group: u32,
    stream: u64,
    request: AppendEntriesRequest<Types>,
) -> proto::RaftAppend {
    proto::RaftAppend {
        group,
        stream,
        vote: Some(encode_vote(&request.vote)),
        previous: request.prev_log_id.as_ref().map(encode_point),
        entries: request.entries.into_iter().map(encode_entry).collect(),
        committed: request.leader_commit.as_ref().map(encode_point),
    }
}

pub(super) fn decode_append(
    append: proto::RaftAppend,
) -> Result<AppendEntriesRequest<Types>, Malformed> {
    let entries = append.entries.into_iter().map(decode_entry);
    Ok(AppendEntriesRequest {
        vote: decode_vote(append.vote)?,
        prev_log_id: append.previous.map(decode_point),
        entries: entries.collect::<Result<_, _>>()?,
        leader_commit: append.committed.map(decode_point),
    })
}

fn encode_entry(entry: Entry) -> proto::RaftEntry {
    let entry = encoding::encode_entry(entry);
    proto::RaftEntry {
        index: entry.index,
        header: Bytes::copy_from_slice(&entry.header),
        payload: entry.payload,
    }
}

fn decode_entry(entry: proto::RaftEntry) -> Result<Entry, Malformed> {
    let header = entry.header.as_ref().try_into();
    encoding::decode_entry(quorate_wal::Entry {
        index: entry.index,
        header: header.map_err(|_| Malformed::Missing("entry.header"))?,
        // A copy: what the state machine keeps of it must not keep the frames of other groups.
        payload: Bytes::copy_from_slice(&entry.payload),
    })
}

/// The answer within a stream of appends.
pub(super) fn encode_streamed(result: StreamAppendResult<Types>) -> proto::RaftAppended {
    let result = match result {
        Ok(last) => Appended::Matching(matching(last)),
        Err(StreamAppendError::Conflict(at)) => Appended::Conflict(matching(Some(at))),
        Err(StreamAppendError::HigherVote(vote)) => Appended::HigherVote(encode_vote(&vote)),
    };
    proto::RaftAppended {
        result: Some(result),
    }
}

pub(super) fn decode_streamed(
    answer: proto::RaftAppended,
) -> Result<StreamAppendResult<Types>, Malformed> {
    Ok(match answer.result {
        Some(Appended::Matching(matching)) => Ok(matching.last.map(decode_point)),
        Some(Appended::Conflict(matching)) => {
            let at = matching.last.ok_or(Malformed::Missing("conflict.last"))?;
            Err(StreamAppendError::Conflict(decode_point(at)))
        }
        Some(Appended::HigherVote(vote)) => {
            Err(StreamAppendError::HigherVote(decode_vote(Some(vote))?))
        }
        Some(Appended::Success(_)) | None => return Err(Malformed::Missing("appended.result")),
    })
}

/// The answer to a single append.
pub(super) fn encode_appended(answer: AppendEntriesResponse<Types>) -> proto::RaftAppended {
    let result = match answer {
        AppendEntriesResponse::Success => Appended::Success(true),
        AppendEntriesResponse::PartialSuccess(last) => Appended::Matching(matching(last)),
        AppendEntriesResponse::Conflict => Appended::Conflict(matching(None)),
        AppendEntriesResponse::HigherVote(vote) => Appended::HigherVote(encode_vote(&vote)),
    };
    proto::RaftAppended {
        result: Some(result),
    }
}

pub(super) fn decode_appended(
    answer: proto::RaftAppended,
) -> Result<AppendEntriesResponse<Types>, Malformed> {
    let result = answer.result.ok_or(Malformed::Missing("appended.result"))?;
    Ok(match result {
        Appended::Success(_) => AppendEntriesResponse::Success,
        Appended::Matching(matching) => {
            AppendEntriesResponse::PartialSuccess(matching.last.map(decode_point))
        }
        Appended::Conflict(_) => AppendEntriesResponse::Conflict,
        Appended::HigherVote(vote) => AppendEntriesResponse::HigherVote(decode_vote(Some(vote))?),
    })
}

pub(super) fn encode_vote_request(
    group: u32,
    request: &VoteRequest<Types>,
) -> proto::RaftVoteRequest {
    proto::RaftVoteRequest {
        group,
        vote: Some(encode_vote(&request.vote)),
        last: request.last_log_id.as_ref().map(encode_point),
        transfer: request.leadership_transfer,
    }
}

pub(super) fn decode_vote_request(
    request: proto::RaftVoteRequest,
) -> Result<VoteRequest<Types>, Malformed> {
    let last = request.last.map(decode_point);
    let mut decoded = VoteRequest::new(decode_vote(request.vote)?, last);
    decoded.leadership_transfer = request.transfer;
    Ok(decoded)
}

pub(super) fn encode_vote_answer(answer: &VoteResponse<Types>) -> proto::RaftVoteAnswer {
    proto::RaftVoteAnswer {
        vote: Some(encode_vote(&answer.vote)),
        granted: answer.vote_granted,
        last: answer.last_log_id.as_ref().map(encode_point),
    }
}

pub(super) fn decode_vote_answer(
    answer: proto::RaftVoteAnswer,
) -> Result<VoteResponse<Types>, Malformed> {
    let vote = decode_vote(answer.vote)?;
    let last = answer.last.map(decode_point);
    Ok(VoteResponse::new(vote, last, answer.granted))
}

pub(super) fn encode_transfer(
    group: u32,
    request: &TransferLeaderRequest<Types>,
) -> proto::RaftTransferRequest {
    proto::RaftTransferRequest {
        group,
        from: Some(encode_vote(request.from_leader())),
        to: *request.to_node_id(),
        last: request.last_log_id().map(encode_point),
    }
}

pub(super) fn decode_transfer(
    request: proto::RaftTransferRequest,
) -> Result<TransferLeaderRequest<Types>, Malformed> {
    let from = decode_vote(request.from)?;
    let last = request.last.map(decode_point);
    Ok(TransferLeaderRequest::new(from, request.to, last))
}

pub(super) fn encode_transfer_answer(
    answer: TransferLeaderResponse<Types>,
) -> proto::RaftTransferAnswer {
    let mut encoded = proto::RaftTransferAnswer::default();
    match answer {
        Ok(()) => {}
        Err(TransferLeaderError::VoteChanged { actual, .. }) => {
            encoded.vote = Some(encode_vote(&actual));
        }
        Err(TransferLeaderError::LogNotFlushed { actual, .. }) => {
            encoded.last = Some(matching(actual));
        }
    }
    encoded
}

/// `asked` is what the answer is to.
pub(super) fn decode_transfer_answer(
    answer: proto::RaftTransferAnswer,
    asked: &TransferLeaderRequest<Types>,
) -> Result<TransferLeaderResponse<Types>, Malformed> {
    if let Some(vote) = answer.vote {
        return Ok(Err(TransferLeaderError::VoteChanged {
            expected: *asked.from_leader(),
            actual: decode_vote(Some(vote))?,
        }));
    }
    Ok(answer.last.map_or(Ok(()), |actual| {
        Err(TransferLeaderError::LogNotFlushed {
            expected: asked.last_log_id().copied(),
            actual: actual.last.map(decode_point),
        })
    }))
}

/// An answer that is not understood is one that did not come.
pub(super) fn malformed(error: &Malformed) -> RPCError<Types> {
    RPCError::Unreachable(openraft::errors::Unreachable::from_string(error))
}

fn matching(last: Option<LogId>) -> Matching {
    Matching {
        last: last.as_ref().map(encode_point),
    }
}

fn leader(term: u64, node_id: u64) -> LeaderId {
    LeaderId { term, node_id }
}
