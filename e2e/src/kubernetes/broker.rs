//! One `MqttCluster` resource and what the operator makes of it. The only place of the tests that knows its fields and names.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::{Kubernetes, PATIENCE, condition, holds, image, name_of, number, text};
use crate::endpoint::Endpoint;

/// What is applied.
#[derive(Debug, Clone)]
pub struct Manifest(Value);

impl Manifest {
    /// A cluster of that many voters that lets everybody in, with a node port for clients.
    pub fn new(name: &str, voters: u32) -> Self {
        Self(json!({
            "apiVersion": "quorate.dev/v1alpha1",
            "kind": "MqttCluster",
            "metadata": {"name": name},
            "spec": {
                "image": image(),
                "voters": voters,
                "storage": {"size": "1Gi"},
                "auth": {"anonymous": true},
                "listeners": [
                    {"name": "mqtt", "port": 1883, "service": {"type": "NodePort"}},
                ],
            },
        }))
    }

    /// With another value below `spec`, by its JSON pointer; null removes it.
    #[must_use]
    pub fn with(mut self, pointer: &str, value: Value) -> Self {
        let mut at = &mut self.0["spec"];
        for part in pointer.trim_start_matches('/').split('/') {
            at = &mut at[part];
        }
        *at = value;
        self
    }

    /// The resource's name.
    pub fn name(&self) -> String {
        name_of(&self.0)
    }

    /// As text for `kubectl apply`.
    pub fn text(&self) -> String {
        self.0.to_string()
    }
}

/// A cluster of brokers in a namespace.
#[derive(Debug)]
pub struct Broker<'a> {
    kubernetes: &'a Kubernetes,
    namespace: String,
    name: String,
}

/// One pod of it.
#[derive(Debug, Clone)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Changes with every new pod of that name.
    pub uid: String,
    /// The node it runs on.
    pub node: String,
    /// Its address, if it has one.
    pub address: Option<IpAddr>,
    /// Whether Kubernetes sends it clients.
    pub is_ready: bool,
    /// How often its container was started again.
    pub restarts: i64,
}

impl Pod {
    fn of(object: &Value) -> Self {
        Self {
            name: name_of(object),
            uid: text(object, "/metadata/uid"),
            node: text(object, "/spec/nodeName"),
            address: text(object, "/status/podIP").parse().ok(),
            is_ready: holds(object, "Ready"),
            restarts: number(object, "/status/containerStatuses/0/restartCount").unwrap_or(0),
        }
    }

    /// Where it takes clients, seen from inside of the cluster (and from the host of our own).
    ///
    /// # Errors
    /// When it has no address.
    pub fn mqtt(&self) -> Result<Endpoint> {
        let address = self
            .address
            .with_context(|| format!("{} has no address", self.name))?;
        Ok(SocketAddr::from((address, 1883)).into())
    }
}

impl<'a> Broker<'a> {
    /// The resource of that name, applied or not.
    pub fn of(kubernetes: &'a Kubernetes, namespace: &str, name: &str) -> Self {
        Self {
            kubernetes,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    /// Applies a manifest.
    ///
    /// # Errors
    /// When the API server refuses; with the sentence.
    pub fn apply(&self, manifest: &Manifest) -> Result<String> {
        self.kubernetes
            .api()
            .apply(&self.namespace, &manifest.text())
    }

    /// The resource as it is now.
    ///
    /// # Errors
    /// When it is not there.
    pub fn resource(&self) -> Result<Value> {
        self.kubernetes.api().get(&self.path())
    }

    fn path(&self) -> String {
        let (namespace, name) = (&self.namespace, &self.name);
        format!("/apis/quorate.dev/v1alpha1/namespaces/{namespace}/mqttclusters/{name}")
    }

    /// Waits until the operator says of what was applied last that it is ready, and every pod is; gives the time it took.
    ///
    /// # Errors
    /// When that does not happen in time; with the conditions.
    pub fn whole(&self) -> Result<Duration> {
        self.whole_within(PATIENCE)
    }

    /// As [`Self::whole`], with a patience of its own.
    ///
    /// # Errors
    /// As [`Self::whole`].
    pub fn whole_within(&self, limit: Duration) -> Result<Duration> {
        let began = Instant::now();
        let mut hindrance = String::new();
        let what = format!("{} to be whole", self.name);
        let waited = self.kubernetes.until(&what, limit, || {
            hindrance = self.hindrance()?.unwrap_or_default();
            Ok(hindrance.is_empty().then_some(()))
        });
        waited.with_context(|| hindrance.clone())?;
        Ok(began.elapsed())
    }

    /// Whether it is whole at this moment.
    pub fn is_whole(&self) -> bool {
        self.hindrance().is_ok_and(|hindrance| hindrance.is_none())
    }

    /// What it lacks, if anything.
    fn hindrance(&self) -> Result<Option<String>> {
        let resource = self.resource()?;
        let voters = number(&resource, "/spec/voters").context("no voters")?;
        if number(&resource, "/status/observedGeneration")
            != number(&resource, "/metadata/generation")
        {
            return Ok(Some("the operator has not looked at it yet".to_owned()));
        }
        for kind in ["Ready", "QuorumHealthy", "MembershipStable"] {
            if !holds(&resource, kind) {
                let found = condition(&resource, kind);
                return Ok(Some(format!("{kind}: {found:?}")));
            }
        }
        let members = self.members(&resource);
        let voting = members.iter().filter(|member| member["role"] == "Voter");
        if voting.count() as i64 != voters {
            return Ok(Some(format!("members: {members:?}")));
        }
        let pods = self.pods()?;
        let ready = pods.iter().filter(|pod| pod.is_ready).count();
        Ok((ready as i64 != voters).then(|| format!("pods: {pods:?}")))
    }

    /// The members of the status.
    pub fn members(&self, resource: &Value) -> Vec<Value> {
        let members = resource
            .pointer("/status/members")
            .and_then(Value::as_array);
        members.cloned().unwrap_or_default()
    }

    /// Waits until a condition has that status and reason; gives its sentence.
    ///
    /// # Errors
    /// When it does not in time; with what it is.
    pub fn says(&self, kind: &str, status: &str, reason: &str) -> Result<String> {
        let mut found = Value::Null;
        let what = format!("{kind}={status} because of {reason}");
        let waited = self.kubernetes.until(&what, PATIENCE, || {
            let resource = self.resource()?;
            found = condition(&resource, kind).cloned().unwrap_or(Value::Null);
            let fits = found["status"] == status && found["reason"] == reason;
            Ok(fits.then(|| text(&found, "/message")))
        });
        waited.with_context(|| format!("it says {found}"))
    }

    /// Waits for a condition that is not true and whose sentence holds a word; gives the sentence.
    ///
    /// # Errors
    /// When none does in time; with what the conditions say.
    pub fn explains(&self, word: &str) -> Result<String> {
        let mut all = Value::Null;
        let what = format!("a condition that speaks of {word}");
        let waited = self.kubernetes.until(&what, PATIENCE, || {
            let resource = self.resource()?;
            all = resource
                .pointer("/status/conditions")
                .cloned()
                .unwrap_or_default();
            let mut conditions = all.as_array().into_iter().flatten();
            let fitting = conditions.find(|condition| {
                condition["status"] != "True" && text(condition, "/message").contains(word)
            });
            Ok(fitting.map(|condition| text(condition, "/message")))
        });
        waited.with_context(|| format!("they say {all}"))
    }

    /// What was made for it of one kind, such as `secrets` of the group `api/v1`.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub fn objects(&self, group: &str, kind: &str) -> Result<Vec<Value>> {
        let (namespace, name) = (&self.namespace, &self.name);
        let selector =
            format!("app.kubernetes.io%2Fname%3Dquorate%2Capp.kubernetes.io%2Finstance%3D{name}");
        let path = format!("/{group}/namespaces/{namespace}/{kind}?labelSelector={selector}");
        self.kubernetes.api().list(&path)
    }

    /// Its pods, in the order of their names.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub fn pods(&self) -> Result<Vec<Pod>> {
        let pods = self.objects("api/v1", "pods")?;
        let mut pods: Vec<Pod> = pods.iter().map(Pod::of).collect();
        pods.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(pods)
    }

    /// The pod of that ordinal.
    ///
    /// # Errors
    /// When it is not there.
    pub fn pod(&self, ordinal: u32) -> Result<Pod> {
        let name = self.pod_name(ordinal);
        let pods = self.pods()?;
        let pod = pods.into_iter().find(|pod| pod.name == name);
        pod.with_context(|| format!("no pod {name}"))
    }

    /// The name of the pod of that ordinal.
    pub fn pod_name(&self, ordinal: u32) -> String {
        format!("{}-{ordinal}", self.name)
    }

    /// Deletes a pod and waits until another of its name is ready.
    ///
    /// # Errors
    /// When none comes in time.
    pub fn replace_pod(&self, pod: &Pod) -> Result<Duration> {
        let began = Instant::now();
        self.kubernetes.api().kubectl(&[
            "delete",
            "pod",
            "-n",
            &self.namespace,
            &pod.name,
            "--wait=false",
        ])?;
        let what = format!("another {}", pod.name);
        self.kubernetes.until(&what, PATIENCE, || {
            let pods = self.pods()?;
            let found = pods.iter().find(|found| found.name == pod.name);
            Ok(found
                .filter(|found| found.uid != pod.uid && found.is_ready)
                .map(|_| ()))
        })?;
        Ok(began.elapsed())
    }

    /// Kills what runs in a pod, as a crash would.
    ///
    /// # Errors
    /// When the API server refuses.
    pub fn kill_pod(&self, pod: &Pod) -> Result<()> {
        let now = ["--grace-period=0", "--force", "--wait=false"];
        let delete = ["delete", "pod", "-n", &self.namespace, &pod.name];
        self.kubernetes
            .api()
            .kubectl(&[&delete[..], &now].concat())
            .map(drop)
    }

    /// Asks for the eviction of a pod, once.
    ///
    /// # Errors
    /// When a budget or the API server refuses; with the sentence.
    pub fn evict(&self, pod: &Pod) -> Result<()> {
        let (namespace, name) = (&self.namespace, &pod.name);
        let path = format!("/api/v1/namespaces/{namespace}/pods/{name}/eviction");
        let eviction = json!({
            "apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": namespace},
        });
        let create = ["create", "--raw", &path, "-f", "-"];
        self.kubernetes
            .api()
            .kubectl_with(&create, &eviction.to_string())
            .map(drop)
    }

    /// The client Service of a listener.
    ///
    /// # Errors
    /// When it is not there.
    pub fn service(&self, listener: &str) -> Result<Value> {
        let (namespace, name) = (&self.namespace, self.service_name(listener));
        self.kubernetes
            .api()
            .get(&format!("/api/v1/namespaces/{namespace}/services/{name}"))
    }

    /// The name of the client Service of a listener.
    pub fn service_name(&self, listener: &str) -> String {
        format!("{}-{listener}", self.name)
    }

    /// The name of the Service that gives each pod a name.
    pub fn nodes_service(&self) -> String {
        format!("{}-nodes", self.name)
    }

    /// The name of the ConfigMap with the authority that clients are to trust.
    pub fn client_trust(&self) -> String {
        format!("{}-client-trust", self.name)
    }

    /// Where a listener's node port is reached, one endpoint for each node.
    ///
    /// # Errors
    /// When it has none.
    pub fn node_ports(&self, listener: &str) -> Result<Vec<Endpoint>> {
        let port = number(&self.service(listener)?, "/spec/ports/0/nodePort");
        let port = u16::try_from(port.context("no node port")?)?;
        let nodes = self.kubernetes.api().list("/api/v1/nodes")?;
        let addresses: Vec<IpAddr> = nodes.iter().filter_map(internal_address).collect();
        ensure!(!addresses.is_empty(), "no node has an internal address");
        let endpoint = |address| SocketAddr::from((address, port)).into();
        Ok(addresses.into_iter().map(endpoint).collect())
    }

    /// Deletes the resource and waits until it is gone.
    ///
    /// # Errors
    /// When it does not go in time.
    pub fn delete(&self) -> Result<()> {
        let resource = ["delete", "mqttcluster", "-n", &self.namespace, &self.name];
        self.kubernetes
            .api()
            .kubectl(&[&resource[..], &["--wait=false", "--ignore-not-found"]].concat())?;
        let what = format!("{} to be gone", self.name);
        self.kubernetes.until(&what, PATIENCE, || {
            let is_gone = self.kubernetes.api().find(&self.path())?.is_none();
            Ok((is_gone && self.pods()?.is_empty()).then_some(()))
        })
    }
}

fn internal_address(node: &Value) -> Option<IpAddr> {
    let addresses = node.pointer("/status/addresses")?.as_array()?;
    let internal = addresses
        .iter()
        .find(|address| address["type"] == "InternalIP")?;
    internal["address"].as_str()?.parse().ok()
}
