//! The broker's own configuration, as far as a cluster may set it: addresses, files and the data directory are
//! the operator's.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The broker's own configuration. Names, bounds and defaults are those of `quorate serve --print-config`.
/// Changes need a restart of the nodes; until rolling restarts are built they are held back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BrokerConfig {
    /// What to log: error, warn, info, debug, trace, or a filter. Default: info.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub log: Option<String>,

    /// How a log line looks. Default: json.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_format: Option<LogFormat>,

    /// Worker threads. Default: one for two cores, then one more for every three.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 256))]
    pub workers: Option<u32>,

    /// What clients can make a node hold.
    #[serde(default)]
    pub limits: Limits,

    /// How logins are checked.
    #[serde(default)]
    pub auth: AuthTuning,

    /// How data is kept.
    #[serde(default)]
    pub storage: StorageTuning,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Human,
    /// For collectors.
    Json,
}

/// What clients can make a node hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Connections to a node at the same time, strangers included. Default: 100000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub connections_max: Option<u64>,

    /// New connections that a node takes per second. Default: 2000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub accepts_per_second_max: Option<u64>,

    /// Connections to a node that have not logged in yet. Default: 5000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub handshakes_pending_max: Option<u64>,

    /// Seconds that a TLS handshake may take. Default: 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 300))]
    pub handshake_seconds_max: Option<u64>,

    /// Seconds from the end of the handshake to a complete CONNECT. Default: 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 300))]
    pub connect_seconds_max: Option<u64>,

    /// Bytes of a CONNECT packet. Default: 65536.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 256, max = 1_048_576))]
    pub connect_bytes_max: Option<u64>,

    /// Bytes of any other packet from a client. Default: 1048576.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1024, max = 268_435_455))]
    pub packet_bytes_max: Option<u64>,

    /// QoS 1 and 2 messages taken from a client unacknowledged. Default: 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65_535))]
    pub receive_maximum: Option<u64>,

    /// QoS 1 and 2 messages sent to a client unacknowledged. Default: 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65_535))]
    pub window_max: Option<u64>,

    /// Longest keep alive in seconds. Default: 65535, which leaves clients their wish.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65_535))]
    pub keep_alive_seconds_max: Option<u64>,

    /// Longest session expiry interval in seconds. Default: 4294967295, for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 4_294_967_295_i64))]
    pub session_expiry_seconds_max: Option<u64>,

    /// Bytes waiting for one client that does not read. Default: 1048576.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 65_536, max = 1_073_741_824_i64))]
    pub output_bytes_max: Option<u64>,

    /// Messages queued for one persistent session. Default: 100000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub session_queue_messages_max: Option<u64>,

    /// Bytes queued for one persistent session. Default: 67108864.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 65_536, max = 1_099_511_627_776_i64))]
    pub session_queue_bytes_max: Option<u64>,

    /// Bytes of retained messages on a node. Default: 1073741824.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 65_536, max = 1_099_511_627_776_i64))]
    pub retained_bytes_max: Option<u64>,
}

/// How logins are checked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthTuning {
    /// Passwords verified at the same time on a node. Default: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 64))]
    pub verify_threads_max: Option<u64>,

    /// Logins on a node that may wait for a verification. Default: 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub verify_pending_max: Option<u64>,

    /// Seconds that a verified login is remembered; 0 is never. Default: 60.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 3600))]
    pub cache_seconds: Option<u64>,
}

/// How data is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.shards) == has(oldSelf.shards) && (!has(self.shards) || self.shards == oldSelf.shards)").message(
        "config.storage.shards cannot be changed: the groups exist already"
    )
)]
pub struct StorageTuning {
    /// Raft groups that share the sessions. It cannot be changed once the cluster exists. Default: 4.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 64))]
    pub shards: Option<u64>,

    /// Bytes of one file of the write-ahead log. Default: 67108864.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1_048_576, max = 4_294_967_296_i64))]
    pub segment_bytes: Option<u64>,

    /// Bytes of one group's log after which a snapshot is taken. Default: 268435456.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1_048_576, max = 1_099_511_627_776_i64))]
    pub log_bytes_max: Option<u64>,
}
