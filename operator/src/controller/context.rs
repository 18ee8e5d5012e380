//! What all reconciles share.

use kube::Client;
use kube::runtime::events::{Recorder, Reporter};

use super::retry::Retries;
use crate::apply::Settled;
use crate::metrics::Metrics;
use crate::names::FIELD_MANAGER;

/// See the module.
pub struct Context {
    /// The API server.
    pub client: Client,
    /// The image of resources that name none.
    pub default_image: String,
    /// Counters.
    pub metrics: Metrics,
    /// Events.
    pub(super) recorder: Recorder,
    /// Applies that did not help.
    pub(super) settled: Settled,
    /// Failures in a row.
    pub(super) retries: Retries,
}

impl Context {
    /// Of this process, which events call by its identity.
    pub fn new(client: Client, default_image: String, metrics: Metrics, identity: String) -> Self {
        let reporter = Reporter {
            controller: FIELD_MANAGER.to_owned(),
            instance: Some(identity),
        };
        Self {
            recorder: Recorder::new(client.clone(), reporter),
            client,
            default_image,
            metrics,
            settled: Settled::default(),
            retries: Retries::default(),
        }
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}
