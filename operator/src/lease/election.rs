//! The rules of the election, without a client: what was seen and the monotonic clock in, one write out.

use std::time::Duration;

use tokio::time::Instant;

use super::record::Record;

/// What one replica knows.
#[derive(Debug)]
pub(super) struct Election {
    me: String,
    lease: Duration,
    acts_after_renewal: Duration,
    /// When our last renewal that was taken was sent.
    renewed: Option<Instant>,
    /// The record seen last, and when it was seen to change.
    seen: Option<(Record, Instant)>,
}

/// What follows from a look.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Somebody else leads.
    Wait,
    /// Write this, naming the version that was seen.
    Write(Record),
}

impl Election {
    pub(super) fn new(me: &str, lease: Duration, acts_after_renewal: Duration) -> Self {
        assert!(
            acts_after_renewal < lease,
            "a leader stops before another may begin"
        );
        Self {
            me: me.to_owned(),
            lease,
            acts_after_renewal,
            renewed: None,
            seen: None,
        }
    }

    /// Decides after a look at the Lease.
    pub(super) fn step(&mut self, found: Option<&Record>, now: Instant) -> Step {
        let fresh = Record {
            holder: self.me.clone(),
            seconds: self.lease.as_secs(),
            ..Record::default()
        };
        let Some(found) = found else {
            self.seen = None;
            return Step::Write(fresh);
        };
        if self.seen.as_ref().is_none_or(|(seen, _)| seen != found) {
            self.seen = Some((found.clone(), now));
        }
        if found.holder == self.me {
            return Step::Write(Record {
                seconds: fresh.seconds,
                ..found.clone()
            });
        }
        // Whatever was ours has been taken.
        self.renewed = None;
        let since = self.seen.as_ref().map_or(now, |(_, since)| *since);
        let length = self.lease.max(Duration::from_secs(found.seconds));
        if found.holder.is_empty() || now.duration_since(since) >= length {
            return Step::Write(Record {
                transitions: found.transitions.saturating_add(1),
                version: found.version.clone(),
                ..fresh
            });
        }
        Step::Wait
    }

    /// What was to be written was taken; it was sent at that time.
    pub(super) fn written(&mut self, sent: Instant) {
        self.renewed = Some(sent);
    }

    /// Until when this replica acts; `None` if it does not lead.
    pub(super) fn acts_until(&self) -> Option<Instant> {
        self.renewed.map(|at| at + self.acts_after_renewal)
    }

    /// Whether this replica acts now.
    pub(super) fn is_leader(&self, now: Instant) -> bool {
        self.acts_until().is_some_and(|until| now < until)
    }

    /// What gives the lease back, if it is ours.
    pub(super) fn release(&mut self, found: &Record) -> Option<Record> {
        self.renewed = None;
        (found.holder == self.me).then(|| Record {
            holder: String::new(),
            ..found.clone()
        })
    }
}
