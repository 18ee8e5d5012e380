//! What is mounted into a node, and where.

use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, KeyToPath, SecretVolumeSource, Volume, VolumeMount,
};

use super::config_map;
use crate::names::DATA;
use crate::tls::Which;
use crate::validate::{Certificate, ValidListener, ValidatedCluster};

/// Where the volume of a node is.
pub(super) const DATA_MOUNT: &str = "/data";
/// The node's directory in it: the root of a file system may hold what is not ours.
pub(super) const DATA_DIRECTORY: &str = "/data/quorate";
/// Certificates of peers and admin.
pub(super) const NODE_TLS: &str = "/etc/quorate/node-tls";
/// Users.
pub(super) const USERS: &str = "/etc/quorate/users";

const CONFIG: &str = "/etc/quorate/config";
const CLIENT_TLS: &str = "/etc/quorate/client-tls";
const LISTENERS: &str = "/etc/quorate/listeners";

/// The configuration file.
pub(super) fn config_file() -> String {
    format!("{CONFIG}/{}", config_map::FILE)
}

/// Where the certificate of a listener is.
pub(super) fn listener_files(listener: &ValidListener) -> String {
    match &listener.certificate {
        Certificate::Secret(_) => format!("{LISTENERS}/{}", listener.name),
        Certificate::Ours(_) | Certificate::None => CLIENT_TLS.to_owned(),
    }
}

/// All volumes but the one of the node's data, which the StatefulSet gives.
pub(super) fn volumes(cluster: &ValidatedCluster) -> Vec<Volume> {
    let name = &cluster.names.cluster;
    let mut volumes = vec![
        Volume {
            name: "config".to_owned(),
            config_map: Some(ConfigMapVolumeSource {
                name: cluster.names.config(),
                ..ConfigMapVolumeSource::default()
            }),
            ..Volume::default()
        },
        secret("node-tls", Which::Nodes.name(name), None),
    ];
    if has_our_certificate(cluster) {
        let files = ["tls.crt", "tls.key"];
        volumes.push(secret(
            "client-tls",
            Which::Clients.name(name),
            Some(&files),
        ));
    }
    if let Some(users) = &cluster.users {
        volumes.push(secret("users", users.name.clone(), Some(&[&users.key])));
    }
    for (listener, name) in foreign(cluster) {
        let files = ["tls.crt", "tls.key"];
        volumes.push(secret(&volume_of(listener), name.clone(), Some(&files)));
    }
    volumes
}

/// Where they are.
pub(super) fn mounts(cluster: &ValidatedCluster) -> Vec<VolumeMount> {
    let mut mounts = vec![
        VolumeMount {
            name: DATA.to_owned(),
            mount_path: DATA_MOUNT.to_owned(),
            ..VolumeMount::default()
        },
        mount("config", CONFIG),
        mount("node-tls", NODE_TLS),
    ];
    if has_our_certificate(cluster) {
        mounts.push(mount("client-tls", CLIENT_TLS));
    }
    if cluster.users.is_some() {
        mounts.push(mount("users", USERS));
    }
    for (listener, _) in foreign(cluster) {
        mounts.push(mount(&volume_of(listener), &listener_files(listener)));
    }
    mounts
}

fn has_our_certificate(cluster: &ValidatedCluster) -> bool {
    let mut listeners = cluster.listeners.iter();
    listeners.any(|listener| matches!(listener.certificate, Certificate::Ours(_)))
}

/// Listeners whose certificate is in a Secret of somebody else.
fn foreign(cluster: &ValidatedCluster) -> impl Iterator<Item = (&ValidListener, &String)> {
    cluster
        .listeners
        .iter()
        .filter_map(|listener| match &listener.certificate {
            Certificate::Secret(name) => Some((listener, name)),
            Certificate::None | Certificate::Ours(_) => None,
        })
}

fn volume_of(listener: &ValidListener) -> String {
    format!("listener-{}", listener.name)
}

/// A Secret, readable for the node's user and nobody else.
fn secret(volume: &str, name: String, files: Option<&[&str]>) -> Volume {
    const OWNER_AND_GROUP_READ: i32 = 0o440;
    let path = |file: &&str| KeyToPath {
        key: (*file).to_owned(),
        path: (*file).to_owned(),
        ..KeyToPath::default()
    };
    Volume {
        name: volume.to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(name),
            default_mode: Some(OWNER_AND_GROUP_READ),
            items: files.map(|files| files.iter().map(path).collect()),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    }
}

fn mount(volume: &str, path: &str) -> VolumeMount {
    VolumeMount {
        name: volume.to_owned(),
        mount_path: path.to_owned(),
        read_only: Some(true),
        ..VolumeMount::default()
    }
}
