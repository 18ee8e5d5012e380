//! A real Kubernetes for the tests: the one that `e2e/kubernetes/up` made, or the one of `KUBECONFIG`.
//! Installs, applies, breaks and asks; judges nothing. Knows the operator by its chart and its resources only.

mod api;
mod broker;
mod chart;
mod clients;
mod cutter;
mod demo;
mod lone_operator;
mod node;
mod prometheus;
mod report;
mod traffic;
mod volumes;

use std::env;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::wait;

pub use api::Api;
pub use broker::{Broker, Manifest, Pod};
pub use chart::{Chart, OPERATOR_NAMESPACE};
pub use clients::Clients;
pub use cutter::{Cut, Cutter, Fate};
pub use demo::{NAMESPACE, demo};
pub use lone_operator::{Life, LoneOperator};
pub use node::Node;
pub use prometheus::{Prometheus, lint};
pub use traffic::Traffic;
pub use volumes::Volumes;

/// What takes seconds may take a minute when two cores build and test at the same time.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// One look at the API server costs little, but not nothing.
const STEP: Duration = Duration::from_millis(100);

/// The Kubernetes under test. Tests take turns: there is one, and they measure time.
#[derive(Debug)]
pub struct Kubernetes {
    api: Api,
    place: Place,
    _lock: File,
}

/// Whose cluster it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Ours: nodes can be cut off, volumes emptied.
    Own,
    /// Somebody's, named by `KUBECONFIG`: only what any user of it could do.
    Current,
}

/// Runs the body against a Kubernetes with the chart installed; an error comes with conditions, events and logs.
/// Does nothing, and says so, where these tests are not wanted or not possible.
///
/// # Errors
/// The body's, or that the chart cannot be installed.
pub fn with_kubernetes(body: impl FnOnce(&Kubernetes) -> Result<()>) -> Result<()> {
    let place = match place() {
        Ok(place) => place,
        Err(reason) => {
            println!("skipped: {reason}");
            return Ok(());
        }
    };
    let kubernetes = Kubernetes::reach(place)?;
    let result = Chart::ours()
        .install(&kubernetes)
        .and_then(|()| body(&kubernetes));
    result.map_err(|error| anyhow::anyhow!("{error:#}\n\n{}", report::everything(&kubernetes)))
}

/// As [`with_kubernetes`], for what only a Kubernetes of our own allows.
///
/// # Errors
/// As [`with_kubernetes`].
pub fn with_own_kubernetes(body: impl FnOnce(&Kubernetes) -> Result<()>) -> Result<()> {
    if place().is_ok_and(|place| place == Place::Current) {
        println!("skipped: nodes of a cluster that is not ours are left alone");
        return Ok(());
    }
    with_kubernetes(body)
}

/// `QUORATE_KUBERNETES`: "own" or "current".
fn place() -> Result<Place, String> {
    match env::var("QUORATE_KUBERNETES").as_deref() {
        Ok("own") => Ok(Place::Own),
        Ok("current") => Ok(Place::Current),
        _ => Err("e2e/test kubernetes brings up what these tests need".to_owned()),
    }
}

impl Kubernetes {
    fn reach(place: Place) -> Result<Self> {
        let path = env::temp_dir().join("quorate-e2e-kubernetes.lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        let lock = file.with_context(|| path.display().to_string())?;
        lock.lock().context("flock")?;
        Ok(Self {
            api: Api::open()?,
            place,
            _lock: lock,
        })
    }

    /// Whose cluster it is.
    pub fn place(&self) -> Place {
        self.place
    }

    /// The API server.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Names of the nodes that take pods.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub fn node_names(&self) -> Result<Vec<String>> {
        let nodes = self.api.list("/api/v1/nodes")?;
        Ok(nodes.iter().map(name_of).collect())
    }

    /// A namespace of that name with nothing in it: one that is there goes first, with everything in it.
    ///
    /// # Errors
    /// When the old one does not go in time.
    pub fn fresh_namespace(&self, name: &str) -> Result<()> {
        self.clear_namespace(name)?;
        if self.place == Place::Own {
            Volumes::recycle(self)?;
        }
        self.api.kubectl(&["create", "namespace", name]).map(drop)
    }

    /// Removes what is in a namespace and then the namespace. Quicker than all at once: one in which pods still end
    /// is looked at again by Kubernetes only after half a minute.
    ///
    /// # Errors
    /// When it does not go in time.
    pub fn clear_namespace(&self, name: &str) -> Result<()> {
        let path = format!("/api/v1/namespaces/{name}");
        if self.api.find(&path)?.is_none() {
            return Ok(());
        }
        let of = ["-n", name, "--all", "--wait=false"];
        self.api
            .kubectl(&[&["delete", "mqttclusters"], &of[..]].concat())?;
        let now = ["--grace-period=1"];
        self.until("the pods to end", PATIENCE, || {
            self.api
                .kubectl(&[&["delete", "pods"], &of[..], &now].concat())?;
            let pods = self.api.list(&format!("{path}/pods"))?;
            Ok(pods.is_empty().then_some(()))
        })?;
        self.remove_namespace(name)
    }

    /// Removes a namespace and waits until it is gone.
    ///
    /// # Errors
    /// When it does not go in time.
    pub fn remove_namespace(&self, name: &str) -> Result<()> {
        let path = format!("/api/v1/namespaces/{name}");
        if self.api.find(&path)?.is_none() {
            return Ok(());
        }
        self.api
            .kubectl(&["delete", "namespace", name, "--wait=false"])?;
        self.until(&format!("namespace {name} to be gone"), PATIENCE, || {
            Ok(self.api.find(&path)?.is_none().then_some(()))
        })
    }

    /// Waits, looking a few times a second. A failed look is no end: nodes and API servers come back.
    ///
    /// # Errors
    /// When time is up; with the last failed look.
    pub fn until<T>(
        &self,
        what: &str,
        limit: Duration,
        mut look: impl FnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        let mut last = None;
        let waited = wait::until(what, limit, || {
            match look() {
                Ok(Some(value)) => return Some(value),
                Ok(None) => last = None,
                Err(error) => last = Some(error),
            }
            wait::pass(STEP);
            None
        });
        waited.map_err(|error| match last {
            Some(look) => error.context(format!("the last look failed: {look:#}")),
            None => error,
        })
    }
}

/// `metadata.name`.
pub fn name_of(object: &Value) -> String {
    text(object, "/metadata/name")
}

/// The text at a JSON pointer; empty where there is none.
pub fn text(object: &Value, pointer: &str) -> String {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// The number at a JSON pointer, if there is one.
pub fn number(object: &Value, pointer: &str) -> Option<i64> {
    object.pointer(pointer).and_then(Value::as_i64)
}

/// The condition of that type.
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    let all = object.pointer("/status/conditions")?.as_array()?;
    all.iter().find(|condition| condition["type"] == kind)
}

/// Whether the condition of that type is true.
pub fn holds(object: &Value, kind: &str) -> bool {
    condition(object, kind).is_some_and(|condition| condition["status"] == "True")
}

/// The root of the repository.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or_else(|| here.into(), Path::to_path_buf)
}

/// The image under test, for chart and resources.
pub fn image() -> String {
    env::var("QUORATE_IMAGE").unwrap_or_else(|_| "localhost/quorate:e2e".to_owned())
}

/// The same image under another name, as a newer version would have; our own Kubernetes has it.
///
/// # Errors
/// When the image has no tag.
pub fn same_image_by_another_name() -> Result<String> {
    let image = image();
    let (repository, tag) = split_image(&image)?;
    Ok(format!("{repository}:{tag}-again"))
}

/// The image with other people's clients.
pub fn clients_image() -> String {
    env::var("QUORATE_CLIENTS_IMAGE").unwrap_or_else(|_| "localhost/quorate-clients:e2e".to_owned())
}

/// Repository and tag of an image's name.
///
/// # Errors
/// When it has no tag.
pub fn split_image(image: &str) -> Result<(&str, &str)> {
    let (repository, tag) = image.rsplit_once(':').context("an image without a tag")?;
    ensure!(!tag.contains('/'), "{image} has a port and no tag");
    Ok((repository, tag))
}
