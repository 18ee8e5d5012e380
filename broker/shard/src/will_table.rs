//! Wills that are due, until they are reported as published (P6).

use std::collections::BTreeMap;

use crate::message_store::charge;
use crate::record::PendingWill;
use crate::types::{Epoch, SessionId};

/// Wills by session and the epoch that brought them.
#[derive(Debug, Default)]
pub(crate) struct WillTable {
    wills: BTreeMap<(SessionId, Epoch), PendingWill>,
    bytes: u64,
}

impl WillTable {
    /// Keeps a will. False if one of the same claim is here, which only a broken snapshot brings.
    pub(crate) fn add(&mut self, will: PendingWill) -> bool {
        let bytes = charge(&will.message);
        let fresh = self
            .wills
            .insert((will.session, will.epoch), will)
            .is_none();
        self.bytes += if fresh { bytes } else { 0 };
        fresh
    }

    /// The will is published; whether it was here.
    pub(crate) fn remove(&mut self, session: SessionId, epoch: Epoch) -> bool {
        let Some(will) = self.wills.remove(&(session, epoch)) else {
            return false;
        };
        self.bytes -= charge(&will.message);
        true
    }

    /// What the wills are charged.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Number of wills.
    pub(crate) fn len(&self) -> usize {
        self.wills.len()
    }

    /// All wills, by session and epoch.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &PendingWill> + '_ {
        self.wills.values()
    }
}
