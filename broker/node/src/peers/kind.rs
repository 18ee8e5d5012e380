//! What a frame between nodes is about. A closed list with one block per module; must not know bodies.

use std::fmt;

/// One of the three connections from a node to a peer. Frames of one lane arrive in order; lanes overtake
/// each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Heartbeats, votes, leases: little and urgent, never behind anything large.
    Control,
    /// Appends, forwarded batches, deliveries, interest, direct messages.
    Append,
    /// Snapshots and other bulk.
    Bulk,
}

impl Lane {
    /// Every lane.
    pub const ALL: [Self; 3] = [Self::Control, Self::Append, Self::Bulk];

    /// The name in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Append => "append",
            Self::Bulk => "bulk",
        }
    }

    pub(super) fn number(self) -> u32 {
        self as u32
    }

    pub(super) fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|lane| lane.number() == number)
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// Declares [`Block`] and [`Kind`] from one table, so that a kind cannot lack its number or its block.
macro_rules! kinds {
    ($($(#[$block_doc:meta])* $block:ident { $($(#[$doc:meta])* $kind:ident = $number:literal,)+ })+) => {
        /// The kinds that one module's handler takes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Block {
            $($(#[$block_doc])* $block,)+
        }

        impl Block {
            /// Number of blocks.
            pub(super) const COUNT: usize = [$(Self::$block),+].len();
        }

        /// What a frame is about. The numbers are on the wire and never reused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Kind {
            $($($(#[$doc])* $kind = $number,)+)+
        }

        impl Kind {
            /// Whose handler takes it.
            pub fn block(self) -> Block {
                match self {
                    $($(Self::$kind)|+ => Block::$block,)+
                }
            }

            pub(super) fn number(self) -> u8 {
                self as u8
            }

            pub(super) fn from_number(number: u8) -> Option<Self> {
                match number {
                    $($($number => Some(Self::$kind),)+)+
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    /// Consensus of all groups; `raft/server.rs`.
    Raft {
        /// Entries of one group, within a stream of appends.
        RaftAppend = 1,
        /// A stream of appends ends.
        RaftAppendEnd = 2,
        /// One append outside a stream: a heartbeat.
        RaftHeartbeat = 3,
        /// A vote is asked for.
        RaftVote = 4,
        /// Whether a vote would be given.
        RaftPreVote = 5,
        /// The leader asks the receiver to take over.
        RaftTransfer = 6,
        /// A snapshot is offered; the answer says from which byte on it is wanted.
        RaftSnapshotOffer = 7,
        /// A piece of the offered snapshot.
        RaftSnapshotPiece = 8,
        /// All pieces are there: install it.
        RaftSnapshotInstall = 9,
    }
    /// Batches for a shard whose leader is elsewhere; `shard_client/`.
    Forward {
        /// An encoded batch for a shard; answered when applied.
        Forward = 16,
    }
    /// Durable sessions of one node at a shard leader on another, and takeover; `delivery/`.
    Session {
        /// A session's connection wants its deliveries.
        Attach = 24,
        /// It wants no more.
        Detach = 25,
        /// Deliveries for sessions of the receiver.
        Deliver = 26,
        /// A connection's client id is taken over: close it, answer when closed.
        Close = 28,
    }
    /// Reads of retained messages at a shard leader on another node.
    Retained {
        /// Retained messages that match a filter.
        Retained = 40,
    }
    /// Interest with versions; `interest/`.
    Interest {
        /// An owner's full set, which replaces what is known.
        InterestFull = 48,
        /// A change of an owner's set.
        InterestDelta = 49,
        /// The receiver's workers route by it.
        InterestConfirm = 50,
    }
    /// Direct messages from node to node.
    Publish {
        /// Messages for clients of the receiver.
        Publish = 64,
    }
    /// Membership, leases, start; `members/`.
    Members {
        /// A node renews its lease with the control leader.
        Lease = 80,
        /// A command for the control group, to its leader.
        Control = 81,
    }
    /// The admin service asks another node; `admin/`.
    Admin {
        /// What the receiver knows of itself.
        Status = 96,
        /// An operation that the receiver has to do.
        Operate = 97,
    }
}

impl Block {
    pub(super) fn index(self) -> usize {
        self as usize
    }
}
