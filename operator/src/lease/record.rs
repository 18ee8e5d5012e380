//! A Lease as the election sees it, and back.

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};

/// What a Lease says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// Who holds it; empty is nobody.
    pub(super) holder: String,
    /// Its length in seconds, as its holder says.
    pub(super) seconds: u64,
    /// How often it has changed hands.
    pub(super) transitions: i32,
    /// When its holder says it took it.
    pub(super) acquired: Option<jiff::Timestamp>,
    /// When its holder says it renewed it: compared for change only.
    pub(super) renewed: Option<jiff::Timestamp>,
    /// The object's version, which a write names.
    pub(super) version: Option<String>,
}

impl From<Lease> for Record {
    fn from(lease: Lease) -> Self {
        let spec = lease.spec.unwrap_or_default();
        let seconds = spec.lease_duration_seconds.unwrap_or(0);
        Self {
            holder: spec.holder_identity.unwrap_or_default(),
            seconds: u64::try_from(seconds).unwrap_or(0),
            transitions: spec.lease_transitions.unwrap_or(0),
            acquired: spec.acquire_time.map(|time| time.0),
            renewed: spec.renew_time.map(|time| time.0),
            version: lease.metadata.resource_version,
        }
    }
}

impl Record {
    /// The object to be written, renewed now.
    pub(super) fn to_lease(&self, namespace: &str, name: &str, now: jiff::Timestamp) -> Lease {
        Lease {
            metadata: ObjectMeta {
                namespace: Some(namespace.to_owned()),
                name: Some(name.to_owned()),
                resource_version: self.version.clone(),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.holder.clone()),
                lease_duration_seconds: i32::try_from(self.seconds).ok(),
                lease_transitions: Some(self.transitions),
                acquire_time: Some(MicroTime(self.acquired.unwrap_or(now))),
                renew_time: Some(MicroTime(now)),
                ..LeaseSpec::default()
            }),
        }
    }
}
