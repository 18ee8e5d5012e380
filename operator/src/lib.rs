//! The operator: one `MqttCluster` resource becomes a cluster of brokers and stays one.
//!
//! The path of a reconcile: `controller` → `dereference` → `validate` → `build` → `apply` →
//! `update_status`. The middle is pure: `validate`, `build` and `membership` are functions of plain values.
//! Only the first and the last two hold a client. See ARCHITECTURE.md.

pub mod broker_admin;
pub mod crd;
pub mod finding;
pub mod http;
pub mod lease;
pub mod limits;
pub mod membership;
pub mod metrics;
pub mod telemetry;
pub mod tls;
