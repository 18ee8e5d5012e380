//! Wills that are due, until they are reported as published (P6).

use std::collections::BTreeMap;

use crate::message_store::charge;
use crate::record::PendingWill;
use crate::types::{Epoch, SessionId};

/// Wills by session and the epoch that brought them.
#[derive(Debug, Default)]
pub(crate) struct WillTable {
    wills: BTreeMap<(SessionId, Epoch), PendingWill>,
    /// Of wills.
    bytes: u64,
    /// Of messages that share groups lend again: they come from queues, and are charged with those.
    lent_bytes: u64,
}

impl WillTable {
    /// Keeps a will. False if one of the same claim is here, which only a broken snapshot brings.
    pub(crate) fn add(&mut self, will: PendingWill) -> bool {
        let key = (will.session, will.epoch);
        if self.wills.contains_key(&key) {
            return false;
        }
        *self.account(&will) += charge(&will.message);
        self.wills.insert(key, will);
        true
    }

    /// The will is published; whether it was here.
    pub(crate) fn remove(&mut self, session: SessionId, epoch: Epoch) -> bool {
        let Some(will) = self.wills.remove(&(session, epoch)) else {
            return false;
        };
        *self.account(&will) -= charge(&will.message);
        true
    }

    /// What wills are charged.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What messages that are lent again are charged.
    pub(crate) fn lent_bytes(&self) -> u64 {
        self.lent_bytes
    }

    fn account(&mut self, will: &PendingWill) -> &mut u64 {
        if will.group.is_some() {
            &mut self.lent_bytes
        } else {
            &mut self.bytes
        }
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
