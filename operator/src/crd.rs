//! `MqttCluster` as Kubernetes stores it: types, their documentation, and the rules that the API server checks.
//! Nothing here decides; a resource that got past these rules may still be wrong, see `validate`.

// The derive repeats each type within a function, where nobody can reach it.
#![allow(unreachable_pub)]

mod auth;
mod broker_config;
mod cluster;
mod listener;
mod scheduling;
mod status;
mod storage;
#[cfg(test)]
mod tests;
mod yaml;

pub use auth::{Auth, UsersSecret};
pub use broker_config::{AuthTuning, BrokerConfig, Limits, LogFormat, StorageTuning};
pub use cluster::{DeletionPolicy, ImagePullPolicy, MqttCluster, MqttClusterSpec};
pub use listener::{Listener, ListenerTls, Protocol, ServiceSettings, ServiceType};
pub use scheduling::{Scheduling, Spread};
pub use status::{ListenerStatus, MemberStatus, MqttClusterStatus};
pub use storage::Storage;
pub use yaml::definition;
