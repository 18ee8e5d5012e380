//! First step: reads from the API server and the nodes everything that the others decide by. Writes nothing,
//! decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{try_join, try_join_all};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Event, PersistentVolumeClaim, Pod, Secret, Service};
use kube::api::ListParams;
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

use crate::crd::MqttCluster;
use crate::limits::EVENTS_MAX;
use crate::names::{CLUSTER_ID, Names};
use crate::tls::{Data, Which};

/// What there is.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The StatefulSet.
    pub set: Option<StatefulSet>,
    /// The ConfigMap.
    pub config: Option<ConfigMap>,
    /// Pods by ordinal.
    pub pods: BTreeMap<usize, Pod>,
    /// Claims of volumes by ordinal.
    pub claims: BTreeMap<usize, PersistentVolumeClaim>,
    /// Services of the cluster by name.
    pub services: BTreeMap<String, Service>,
    /// Why the StatefulSet's controller could not make pods, as it said last; `None` if all pods are there.
    pub refused_pods: Option<String>,
    /// What was said last about volumes that are not there, by ordinal.
    pub refused_volumes: BTreeMap<usize, String>,
    /// Secrets that the operator keeps.
    pub tls: BTreeMap<Which, Data>,
    /// Secrets that the resource refers to, by name; those that do not exist are missing.
    pub referenced: BTreeMap<String, Data>,
}

/// Something could not be read.
#[derive(Debug, thiserror::Error)]
#[error("reading {what}: {source}")]
pub struct DereferenceError {
    /// What.
    pub what: String,
    /// Why not.
    pub source: Box<kube::Error>,
}

/// Reads.
///
/// # Errors
/// The API server did not answer one of the questions, or may not.
pub async fn dereference(
    client: &Client,
    names: &Names,
    cluster: &MqttCluster,
) -> Result<Found, DereferenceError> {
    let reader = Reader { client, names };
    let (set, config) = try_join(reader.find(names.main()), reader.find(names.config())).await?;
    let (pods, claims) = try_join(reader.list::<Pod>(), reader.list()).await?;
    let services: Vec<Service> = reader.list().await?;
    let ours = Which::ALL.map(|which| which.name(&names.cluster));
    let ours = reader.secrets(ours.iter()).await?;
    let referenced = references(cluster);
    let refused_pods = reader.refused_pods(set.as_ref(), &pods).await?;
    let by_ordinal = |pod: Pod| Some((ordinal(names, &pod.name_any())?, pod));
    let by_claim =
        |claim: PersistentVolumeClaim| Some((names.ordinal_of_claim(&claim.name_any())?, claim));
    let claims = claims.into_iter().filter_map(by_claim).collect();
    Ok(Found {
        set,
        config,
        pods: pods.into_iter().filter_map(by_ordinal).collect(),
        refused_pods,
        refused_volumes: reader.refused_volumes(&claims).await?,
        claims,
        services: services
            .into_iter()
            .map(|service| (service.name_any(), service))
            .collect(),
        tls: Which::ALL
            .iter()
            .filter_map(|which| Some((*which, ours.get(&which.name(&names.cluster))?.clone())))
            .collect(),
        referenced: reader.secrets(referenced.iter()).await?,
    })
}

impl Found {
    /// Wanted pods of the StatefulSet.
    pub fn replicas(&self) -> Option<usize> {
        let spec = self.set.as_ref()?.spec.as_ref()?;
        usize::try_from(spec.replicas?).ok()
    }

    /// The cluster that the volumes say they belong to, if those that say something agree.
    pub fn cluster_of_volumes(&self) -> Option<String> {
        let marks = self
            .claims
            .values()
            .filter_map(|claim| claim.annotations().get(CLUSTER_ID));
        let marks: BTreeSet<&String> = marks.collect();
        match marks.len() {
            1 => marks.first().map(|mark| (*mark).clone()),
            _ => None,
        }
    }
}

/// The ordinal that a pod's name ends in, if it is one of the cluster's.
fn ordinal(names: &Names, pod: &str) -> Option<usize> {
    let ordinal = pod.rsplit_once('-')?.1.parse().ok()?;
    (names.pod(ordinal) == pod).then_some(ordinal)
}

/// Names of the Secrets that a resource refers to.
fn references(cluster: &MqttCluster) -> BTreeSet<String> {
    let users = cluster
        .spec
        .auth
        .users_secret
        .iter()
        .map(|users| users.name.clone());
    let listeners = cluster.spec.listeners.iter();
    let certificates = listeners.filter_map(|listener| listener.tls.as_ref()?.secret_name.clone());
    users.chain(certificates).collect()
}

struct Reader<'a> {
    client: &'a Client,
    names: &'a Names,
}

impl Reader<'_> {
    fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.names.namespace)
    }

    async fn find<K>(&self, name: String) -> Result<Option<K>, DereferenceError>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + DeserializeOwned,
    {
        let found = self.api::<K>().get_opt(&name).await;
        found.map_err(|source| error(format!("{} {name}", K::kind(&())), source))
    }

    async fn list<K>(&self) -> Result<Vec<K>, DereferenceError>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + DeserializeOwned,
    {
        let selected = ListParams::default().labels(&self.names.selector_text());
        let found = self.api::<K>().list(&selected).await;
        let found = found.map_err(|source| error(K::plural(&()).into_owned(), source))?;
        Ok(found.items)
    }

    /// What the StatefulSet's controller said last about pods that it could not make: a quota, a policy.
    async fn refused_pods(
        &self,
        set: Option<&StatefulSet>,
        pods: &[Pod],
    ) -> Result<Option<String>, DereferenceError> {
        let Some(set) = set else { return Ok(None) };
        let wanted = set
            .spec
            .as_ref()
            .and_then(|spec| spec.replicas)
            .unwrap_or(0);
        if usize::try_from(wanted).is_ok_and(|wanted| pods.len() >= wanted) {
            return Ok(None);
        }
        self.said(set, "StatefulSet,reason=FailedCreate").await
    }

    /// What was said last about volumes that are not there yet, by the claim's ordinal.
    async fn refused_volumes(
        &self,
        claims: &BTreeMap<usize, PersistentVolumeClaim>,
    ) -> Result<BTreeMap<usize, String>, DereferenceError> {
        let is_pending = |claim: &PersistentVolumeClaim| {
            let phase = claim
                .status
                .as_ref()
                .and_then(|status| status.phase.as_deref());
            phase != Some("Bound")
        };
        let pending = claims.iter().filter(|(_, claim)| is_pending(claim));
        let asking = pending.map(async |(ordinal, claim)| {
            let said = self
                .said(claim, "PersistentVolumeClaim,type=Warning")
                .await?;
            Ok(said.map(|said| (*ordinal, said)))
        });
        let said = try_join_all(asking).await?;
        Ok(said.into_iter().flatten().collect())
    }

    /// The newest event about an object; `kind` may be followed by more fields to select by.
    async fn said<K>(&self, about: &K, kind: &str) -> Result<Option<String>, DereferenceError>
    where
        K: Resource<DynamicType = ()>,
    {
        let name = about.name_any();
        let fields = format!("involvedObject.name={name},involvedObject.kind={kind}");
        let selected = ListParams::default().fields(&fields).limit(EVENTS_MAX);
        let found = self.api::<Event>().list(&selected).await;
        let found = found.map_err(|source| error("events".to_owned(), source))?;
        let uid = about.uid();
        let ours = found
            .items
            .into_iter()
            .filter(|event| event.involved_object.uid == uid);
        Ok(ours.max_by_key(last_seen).and_then(|event| event.message))
    }

    async fn secrets(
        &self,
        names: impl Iterator<Item = &String>,
    ) -> Result<BTreeMap<String, Data>, DereferenceError> {
        let finding = names.map(|name| async move {
            let secret = self.find::<Secret>(name.clone()).await?;
            Ok(secret.map(|secret| (name.clone(), data(secret))))
        });
        let found = try_join_all(finding).await?;
        Ok(found.into_iter().flatten().collect())
    }
}

fn last_seen(event: &Event) -> Option<jiff::Timestamp> {
    let last = event.last_timestamp.as_ref().map(|time| time.0);
    last.or_else(|| event.event_time.as_ref().map(|time| time.0))
}

fn data(secret: Secret) -> Data {
    let data = secret.data.unwrap_or_default().into_iter();
    data.map(|(key, value)| (key, value.0)).collect()
}

fn error(what: String, source: kube::Error) -> DereferenceError {
    DereferenceError {
        what,
        source: Box::new(source),
    }
}
