//! The cluster that tests share which do not harm it: made by the first, found whole by the others.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::{Broker, Kubernetes, Manifest};

/// Where it lives.
pub const NAMESPACE: &str = "quorate-e2e";

/// Its user ann with the password "secret", as mosquitto_passwd writes it.
const USERS: &str = "ann:$7$101$2aiTejRAtbhBxUzY$b7OrawyIf5ivAGMocYqoB/5neXtGr1JHK8b7nzQWXZL441ffIK6XGtojYHaRKMxZLF1bWypIxRh71COaE6VGfg==";

/// A test that broke it has failed; the next one does not wait long for what will not come.
const WHOLE_AGAIN_MAX: Duration = Duration::from_secs(45);

/// Three voters; lets in who gives no name and who gives the right one; plain and with TLS, each with a node port.
///
/// # Errors
/// When it does not become whole.
pub fn demo(kubernetes: &Kubernetes) -> Result<Broker<'_>> {
    let broker = Broker::of(kubernetes, NAMESPACE, "demo");
    let manifest = manifest();
    if broker.resource().is_ok() {
        broker.apply(&manifest)?;
        if broker.whole_within(WHOLE_AGAIN_MAX).is_ok() {
            return Ok(broker);
        }
        println!("the cluster of the earlier tests is not whole: a new one is made");
    }
    kubernetes.fresh_namespace(NAMESPACE)?;
    let users = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "users"}, "stringData": {"users": USERS},
    });
    kubernetes.api().apply(NAMESPACE, &users.to_string())?;
    broker.apply(&manifest)?;
    broker.whole()?;
    Ok(broker)
}

fn manifest() -> Manifest {
    let listeners = json!([
        {"name": "mqtt", "port": 1883, "service": {"type": "NodePort"}},
        {"name": "mqtts", "protocol": "mqtts", "port": 8883, "service": {"type": "NodePort"}},
    ]);
    Manifest::new("demo", 3)
        .with("/listeners", listeners)
        .with("/auth/usersSecret", json!({"name": "users"}))
}
