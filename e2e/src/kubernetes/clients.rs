//! Other people's clients inside of the cluster: a pod for each test, from which mosquitto's clients are started.

use anyhow::Result;
use serde_json::json;

use super::{Kubernetes, PATIENCE, clients_image, holds};
use crate::tool::Tool;

const POD: &str = "clients";

/// A pod with mosquitto_pub, mosquitto_sub, curl and openssl.
#[derive(Debug)]
pub struct Clients<'a> {
    kubernetes: &'a Kubernetes,
    namespace: String,
}

impl<'a> Clients<'a> {
    /// Starts the pod, which sees the ConfigMap at /ca if one is named, and waits until it runs.
    ///
    /// # Errors
    /// When it does not run in time.
    pub fn start(kubernetes: &'a Kubernetes, namespace: &str, ca: Option<&str>) -> Result<Self> {
        let volumes = ca.map_or_else(
            || json!([]),
            |config_map| json!([{"name": "ca", "configMap": {"name": config_map}}]),
        );
        let mounts = ca.map_or_else(
            || json!([]),
            |_| json!([{"name": "ca", "mountPath": "/ca", "readOnly": true}]),
        );
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": POD},
            "spec": {
                // It ends by signal; nobody waits for it.
                "terminationGracePeriodSeconds": 0,
                "containers": [{
                    "name": "clients", "image": clients_image(), "imagePullPolicy": "IfNotPresent",
                    "volumeMounts": mounts,
                }],
                "volumes": volumes,
            },
        });
        let api = kubernetes.api();
        api.kubectl(&["delete", "pod", POD, "-n", namespace, "--ignore-not-found"])?;
        api.apply(namespace, &pod.to_string())?;
        let path = format!("/api/v1/namespaces/{namespace}/pods/{POD}");
        kubernetes.until("the pod with the clients to run", PATIENCE, || {
            Ok(holds(&api.get(&path)?, "Ready").then_some(()))
        })?;
        Ok(Self {
            kubernetes,
            namespace: namespace.to_owned(),
        })
    }

    /// Runs a program in the pod to its end; gives what it printed.
    ///
    /// # Errors
    /// When it fails; with what it said.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        let exec = ["exec", "-n", &self.namespace, POD, "--"];
        self.kubernetes
            .api()
            .kubectl(&[&exec[..], arguments].concat())
    }

    /// Starts a program in the pod, such as `mosquitto_sub`; it ends with this value.
    ///
    /// # Errors
    /// When there is no kubectl.
    pub fn spawn(&self, arguments: &[&str]) -> Result<Tool> {
        let exec = ["exec", "-n", &self.namespace, POD, "--"];
        Tool::spawn("kubectl", &[&exec[..], arguments].concat())
    }
}
