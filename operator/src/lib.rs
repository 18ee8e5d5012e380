//! The operator: one `MqttCluster` resource becomes a cluster of brokers and stays one.
//!
//! The path of a reconcile: `controller` → `dereference` → `validate` → `build` → `apply` →
//! `update_status`. The middle is pure: `validate`, `build` and `membership` are functions of plain values.
//! Only the first and the last two hold a client. See ARCHITECTURE.md.

pub mod api_error;
pub mod apply;
pub mod broker_admin;
pub mod build;
mod cli;
pub mod compare;
pub mod conditions;
pub mod controller;
pub mod crd;
pub mod dereference;
pub mod events;
pub mod finding;
pub mod http;
mod launch;
pub mod lease;
pub mod limits;
pub mod listeners;
pub mod membership;
pub mod metrics;
pub mod names;
pub mod pods;
pub mod quantity;
pub mod rollout;
pub mod telemetry;
pub mod tls;
pub mod update_status;
pub mod validate;

pub use cli::Cli;
pub use launch::launch;
