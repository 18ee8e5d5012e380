//! The names that nodes and client listeners are called by.

/// Ordinals that are named from the beginning, so that another voter needs no other certificate.
const VOTERS_MAX: usize = 7;
/// Names by which a process reaches the node on its own machine.
const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// What most clusters are called inside; others are reached by the shorter names.
const DOMAIN: &str = "cluster.local";

/// Every name of the pods of a StatefulSet under its headless Service.
pub fn node_names(set: &str, headless: &str, namespace: &str) -> Vec<String> {
    let pods = (0..VOTERS_MAX).map(|ordinal| format!("{set}-{ordinal}.{headless}"));
    let mut names: Vec<String> = pods.flat_map(|pod| forms(&pod, namespace)).collect();
    names.extend(LOCAL.map(str::to_owned));
    names
}

/// Every name of the Services that clients use, the pods behind them, and what else is wanted.
pub fn client_names(services: &[String], namespace: &str, more: &[String]) -> Vec<String> {
    let services = services.iter();
    let mut names: Vec<String> = services
        .flat_map(|service| {
            let mut names = forms(service, namespace);
            names.push(service.clone());
            names
        })
        .collect();
    names.extend(LOCAL.map(str::to_owned));
    for name in more {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// A name with its namespace, as those call it who are elsewhere.
fn forms(name: &str, namespace: &str) -> Vec<String> {
    vec![
        format!("{name}.{namespace}"),
        format!("{name}.{namespace}.svc"),
        format!("{name}.{namespace}.svc.{DOMAIN}"),
    ]
}
