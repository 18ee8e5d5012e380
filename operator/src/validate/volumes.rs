//! Volumes: what exists already cannot be changed by a manifest.

use super::{Problem, Surroundings};
use crate::crd::MqttClusterSpec;
use crate::names::Names;
use crate::quantity::bytes;

/// The log allocates its files ahead, and a snapshot needs room beside them.
const BYTES_MIN: u128 = 1 << 30;

pub(super) fn check(
    names: &Names,
    spec: &MqttClusterSpec,
    around: &Surroundings,
    problems: &mut Vec<Problem>,
) {
    let size = &spec.storage.size.0;
    match bytes(size) {
        None => problems.push(Problem::new(
            "StorageSize",
            format!("storage.size is {size:?}, which is no size; write it as 10Gi."),
        )),
        Some(wanted) if wanted < BYTES_MIN => problems.push(Problem::new(
            "StorageSize",
            format!("storage.size is {size}; it must be at least 1Gi, since the log allocates its files ahead."),
        )),
        Some(wanted) => check_change(size, wanted, around, problems),
    }
    check_class(spec, around, problems);
    check_retained(names, usize::from(spec.voters), around, problems);
}

fn check_change(size: &str, wanted: u128, around: &Surroundings, problems: &mut Vec<Problem>) {
    let Some(there) = &around.volume_size else {
        return;
    };
    let Some(has) = bytes(there) else { return };
    if wanted < has {
        problems.push(Problem::new(
            "StorageShrunk",
            format!("storage.size is {size}, but the volumes have {there}; Kubernetes cannot make a volume smaller. Set it back to {there}."),
        ));
    } else if wanted > has {
        problems.push(Problem::new(
            "StorageGrown",
            format!("storage.size is {size}, but the volumes have {there}; making them larger is not built yet. Set it back to {there}."),
        ));
    }
}

fn check_class(spec: &MqttClusterSpec, around: &Surroundings, problems: &mut Vec<Problem>) {
    let wanted = &spec.storage.class_name;
    if around.volume_size.is_some() && *wanted != around.volume_class {
        let name =
            |class: &Option<String>| class.clone().unwrap_or_else(|| "the default".to_owned());
        problems.push(Problem::new(
            "StorageClassChanged",
            format!(
                "storage.className is {}, but the volumes were made with {}; it cannot be changed. Set it back.",
                name(wanted),
                name(&around.volume_class)
            ),
        ));
    }
}

/// Volumes of an earlier resource of this name, whose cluster must come back as a whole.
fn check_retained(
    names: &Names,
    voters: usize,
    around: &Surroundings,
    problems: &mut Vec<Problem>,
) {
    if around.replicas.is_some() {
        return;
    }
    let Some(last) = around.volumes.iter().max() else {
        return;
    };
    if *last >= voters {
        let nodes = (last + 1) | 1;
        problems.push(Problem::new(
            "VolumesOfMoreNodes",
            format!(
                "voters is {voters}, but there is a volume {} of an earlier cluster of this name. Set voters to {nodes} to take that cluster over, or delete the volumes that are not needed.",
                names.claim(*last)
            ),
        ));
    }
}
