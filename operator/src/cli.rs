//! The operator's command line. Every flag is also a variable, as the chart sets them.

use std::net::SocketAddr;

use clap::Parser;

use crate::telemetry::LogFormat;

/// Turns MqttCluster resources into clusters of brokers and looks after them.
///
/// It talks to the Kubernetes cluster that it runs in, or to the one of KUBECONFIG. Several may run: a Lease
/// decides which one acts.
#[derive(Debug, Clone, Parser)]
#[command(name = "quorate-operator", version)]
pub struct Cli {
    /// Image of the broker for resources that name none
    #[arg(long, env = "QUORATE_BROKER_IMAGE", default_value = concat!("quorate:", env!("CARGO_PKG_VERSION")))]
    pub broker_image: String,
    /// Namespace of the Lease; the operator's own
    #[arg(long, env = "QUORATE_NAMESPACE", default_value = "quorate-system")]
    pub namespace: String,
    /// Name of the Lease
    #[arg(long, env = "QUORATE_LEASE", default_value = "quorate-operator")]
    pub lease: String,
    /// What this replica is called; its pod's name. Default: the machine's name
    #[arg(long, env = "QUORATE_IDENTITY")]
    pub identity: Option<String>,
    /// Address of /livez, /readyz and /metrics
    #[arg(long, env = "QUORATE_HTTP", default_value = "0.0.0.0:8080")]
    pub http: SocketAddr,
    /// What to log: error, warn, info, debug, trace, or a filter
    #[arg(long, env = "QUORATE_LOG", default_value = "info,kube=warn")]
    pub log: String,
    /// How a log line looks
    #[arg(long, env = "QUORATE_LOG_FORMAT", value_enum, default_value = "human")]
    pub log_format: LogFormat,
}
