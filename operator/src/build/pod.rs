//! The pod of a node: one container, no privileges, nothing writable but its volume.

use k8s_openapi::api::core::v1::{
    Capabilities, Container, EnvVar, EnvVarSource, ObjectFieldSelector, PodReadinessGate,
    PodSecurityContext, PodSpec, PodTemplateSpec, ResourceRequirements, SeccompProfile,
    SecurityContext,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::object::hash;
use super::{probes, scheduling, volumes};
use crate::crd::ImagePullPolicy;
use crate::names::{CONFIG_HASH, HTTP_PORT, MEMBER_GATE};
use crate::validate::ValidatedCluster;

/// The image's user; it owns nothing on any machine.
const USER: i64 = 10001;

pub(super) fn template(cluster: &ValidatedCluster, config: &str) -> PodTemplateSpec {
    let scheduling = &cluster.scheduling;
    let selector = scheduling.node_selector.clone();
    let gate = PodReadinessGate {
        condition_type: MEMBER_GATE.to_owned(),
    };
    let constraints = scheduling::constraints(cluster);
    let spec = PodSpec {
        service_account_name: Some(cluster.names.main()),
        automount_service_account_token: Some(false),
        // A variable for every Service of the namespace is of no use to a node.
        enable_service_links: Some(false),
        security_context: Some(pod_security()),
        termination_grace_period_seconds: Some(probes::GRACE_SECONDS),
        readiness_gates: Some(vec![gate]),
        image_pull_secrets: some(cluster.image_pull_secrets.clone()),
        node_selector: (!selector.is_empty()).then_some(selector),
        affinity: scheduling.affinity.clone(),
        tolerations: some(scheduling.tolerations.clone()),
        topology_spread_constraints: some(constraints),
        priority_class_name: scheduling.priority_class_name.clone(),
        containers: vec![container(cluster)],
        volumes: Some(volumes::volumes(cluster)),
        ..PodSpec::default()
    };
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(cluster.names.labels()),
            annotations: Some(annotations(config)),
            ..ObjectMeta::default()
        }),
        spec: Some(spec),
    }
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

/// What Prometheus's usual discovery looks for; and the configuration's hash, so that pods with another one are
/// of another revision.
fn annotations(config: &str) -> std::collections::BTreeMap<String, String> {
    let port = HTTP_PORT.to_string();
    let pairs = [("scrape", "true"), ("port", &port), ("path", "/metrics")];
    let owned = |(key, value): (&str, &str)| (format!("prometheus.io/{key}"), value.to_owned());
    let mut annotations: std::collections::BTreeMap<_, _> = pairs.map(owned).into();
    annotations.insert(CONFIG_HASH.to_owned(), hash(&config.into()));
    annotations
}

fn container(cluster: &ValidatedCluster) -> Container {
    let file = volumes::config_file();
    let command = ["quorate", "serve", "--config", &file, "--bootstrap", "wait"];
    let policy = cluster.image_pull_policy.map(ImagePullPolicy::name);
    Container {
        name: "quorate".to_owned(),
        image: Some(cluster.image.clone()),
        image_pull_policy: policy.map(str::to_owned),
        command: Some(command.map(str::to_owned).into()),
        env: Some(environment(cluster)),
        ports: Some(probes::ports(cluster)),
        resources: Some(cluster.resources.clone().unwrap_or_else(resources)),
        startup_probe: Some(probes::startup()),
        liveness_probe: Some(probes::liveness()),
        readiness_probe: Some(probes::readiness()),
        lifecycle: Some(probes::lifecycle()),
        security_context: Some(container_security()),
        volume_mounts: Some(volumes::mounts(cluster)),
        ..Container::default()
    }
}

/// The one thing in which nodes differ: the name under which each is reached.
fn environment(cluster: &ValidatedCluster) -> Vec<EnvVar> {
    let pod = EnvVar {
        name: "POD_NAME".to_owned(),
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                field_path: "metadata.name".to_owned(),
                ..ObjectFieldSelector::default()
            }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    };
    let advertise = EnvVar {
        name: "QUORATE_CLUSTER_ADVERTISE".to_owned(),
        value: Some(cluster.names.host("$(POD_NAME)")),
        ..EnvVar::default()
    };
    vec![pod, advertise]
}

fn resources() -> ResourceRequirements {
    let quantity = |(name, text): (&str, &str)| (name.to_owned(), Quantity(text.to_owned()));
    ResourceRequirements {
        requests: Some([("cpu", "100m"), ("memory", "256Mi")].map(quantity).into()),
        ..ResourceRequirements::default()
    }
}

fn pod_security() -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(USER),
        run_as_group: Some(USER),
        fs_group: Some(USER),
        // A volume with many files is not walked at each start.
        fs_group_change_policy: Some("OnRootMismatch".to_owned()),
        seccomp_profile: Some(SeccompProfile {
            type_: "RuntimeDefault".to_owned(),
            ..SeccompProfile::default()
        }),
        ..PodSecurityContext::default()
    }
}

fn container_security() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities {
            drop: Some(vec!["ALL".to_owned()]),
            ..Capabilities::default()
        }),
        ..SecurityContext::default()
    }
}
