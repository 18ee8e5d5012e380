//! The types openraft is run with. They never leave `raft/`.

use std::fmt;

use bytes::Bytes;
use openraft::impls::{BoxedErrorSource, EmptyNode, EntryPayload, InlineBatch, TokioRuntime};
use openraft::raft::responder::Responder;
use openraft::{OptionalSend, RaftTypeConfig};

use super::machine::Reply;

/// See [`RaftTypeConfig`]; written by hand because the macro takes no generic responder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Types;

/// A term and the node that leads in it.
pub(super) type LeaderId = openraft::impls::leader_id_adv::LeaderId<u64, u64>;
/// Position of an entry.
pub(super) type LogId = openraft::LogId<LeaderId>;
/// A vote.
pub(super) type Vote = openraft::Vote<LeaderId>;
/// What an entry does.
pub(super) type Payload = EntryPayload<Command, u64, EmptyNode>;
/// A log entry.
pub(super) type Entry = openraft::Entry<LeaderId, Payload>;
/// Members of a group.
pub(super) type Membership = openraft::Membership<u64, EmptyNode>;
/// Members with the entry that set them.
pub(super) type StoredMembership = openraft::StoredMembership<LeaderId, u64, EmptyNode>;
/// What openraft keeps about a snapshot.
pub(super) type SnapshotMeta = openraft::storage::SnapshotMeta<LeaderId, u64, EmptyNode>;
/// A snapshot as openraft passes it around: our handle is the file's path.
pub(super) type Snapshot =
    openraft::storage::Snapshot<LeaderId, u64, EmptyNode, super::snapshot::SnapshotFile>;

impl RaftTypeConfig for Types {
    type D = Command;
    type R = Reply;
    type NodeId = u64;
    type Node = EmptyNode;
    type Term = u64;
    type LeaderId = LeaderId;
    type Vote = Vote;
    type Payload = Payload;
    type Entry = Entry;
    type AsyncRuntime = TokioRuntime;
    type Responder<T>
        = Callback<T>
    where
        T: OptionalSend + 'static;
    type Batch<T>
        = InlineBatch<T>
    where
        T: OptionalSend + 'static;
    type ErrorSource = BoxedErrorSource;
}

/// The encoded command an entry carries.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Command(pub(super) Bytes);

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// Completes a proposal by a call, so that none needs a task or a channel.
pub(super) struct Callback<T>(pub(super) Box<dyn FnOnce(T) + Send>);

impl<T: OptionalSend + 'static> Responder<Types, T> for Callback<T> {
    fn on_complete(self, result: T) {
        (self.0)(result);
    }
}
