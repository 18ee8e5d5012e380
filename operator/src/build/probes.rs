//! When a pod has started, lives and is ready, and how it ends.

use k8s_openapi::api::core::v1::{
    ContainerPort, HTTPGetAction, Lifecycle, LifecycleHandler, Probe, SleepAction,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::names::{ADMIN_PORT, HTTP_PORT, PEERS_PORT};
use crate::validate::ValidatedCluster;

/// Enough for leaders to be handed over, clients to be told and the log to be closed.
pub(super) const GRACE_SECONDS: i64 = 60;
/// Before it is told to end, a pod serves on for so long: Services forget it, and the operator sees that it ends
/// and has its leaders moved.
const LEAVE_SECONDS: i64 = 5;

/// `/livez` answers from the first moment, also while the log is read: so these may be strict without ending a
/// node for a long recovery.
pub(super) fn startup() -> Probe {
    probe("/livez", 1, 60)
}

pub(super) fn liveness() -> Probe {
    Probe {
        timeout_seconds: Some(5),
        ..probe("/livez", 10, 6)
    }
}

pub(super) fn readiness() -> Probe {
    Probe {
        timeout_seconds: Some(2),
        ..probe("/readyz", 1, 3)
    }
}

fn probe(path: &str, period_seconds: i32, failures_max: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String("http".to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period_seconds),
        failure_threshold: Some(failures_max),
        ..Probe::default()
    }
}

pub(super) fn lifecycle() -> Lifecycle {
    Lifecycle {
        pre_stop: Some(LifecycleHandler {
            sleep: Some(SleepAction {
                seconds: LEAVE_SECONDS,
            }),
            ..LifecycleHandler::default()
        }),
        ..Lifecycle::default()
    }
}

pub(super) fn ports(cluster: &ValidatedCluster) -> Vec<ContainerPort> {
    let own = [
        ("peers", PEERS_PORT),
        ("admin", ADMIN_PORT),
        ("http", HTTP_PORT),
    ];
    let listeners = cluster.listeners.iter();
    let listeners = listeners.map(|listener| (&*listener.name, listener.port));
    let ports = listeners.chain(own);
    ports
        .map(|(name, number)| ContainerPort {
            name: Some(name.to_owned()),
            container_port: i32::from(number),
            protocol: Some("TCP".to_owned()),
            ..ContainerPort::default()
        })
        .collect()
}
