//! Fourth step: writes the objects that differ from what is wanted, and nothing else. Decides nothing about what
//! is wanted.

mod pods;
mod settled;
mod volumes;

use futures::future::try_join_all;
use k8s_openapi::api::core::v1::Service;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, Preconditions};
use kube::{Api, Client, ResourceExt as _};

use crate::api_error::{Refusal, explain};
use crate::build::Object;
use crate::compare::{Need, need};
use crate::dereference::Found;
use crate::names::{FIELD_MANAGER, Names};

pub use pods::{open_gates, replace_broken};
pub use settled::Settled;
pub use volumes::mark_volumes;

/// Something that was written, for an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// One word: Created, Changed, PutRight, Deleted, Replaced.
    pub action: &'static str,
    /// The kind of the object; `None` if the API server was not written to for it.
    pub kind: Option<String>,
    /// A sentence.
    pub note: String,
}

/// Why an object could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The API server refused, or did not answer.
    #[error("{doing}: {source}")]
    Api {
        /// What was tried.
        doing: String,
        /// Why not.
        source: Box<kube::Error>,
    },
    /// An object of that name belongs to somebody else.
    #[error("{object} {whose}")]
    Foreign {
        /// What it is.
        object: String,
        /// Whose it is; the end of a sentence.
        whose: String,
    },
}

impl ApplyError {
    fn api(doing: String, source: kube::Error) -> Self {
        let source = Box::new(source);
        Self::Api { doing, source }
    }

    /// For a condition.
    pub fn explain(&self) -> Refusal {
        match self {
            Self::Api { doing, source } => explain(doing, source),
            Self::Foreign { object, whose } => Refusal {
                reason: "NameTaken",
                message: format!(
                    "{object} {whose}, so it is left alone. Delete it if it is of no use (one of an earlier resource of this name goes by itself), or apply this resource under another name."
                ),
            },
        }
    }
}

/// Applies every object that needs it. Events tell what was done; also when an error ends it.
///
/// # Errors
/// An object could not be read or written; those before it are.
pub async fn apply(
    client: &Client,
    settled: &Settled,
    names: &Names,
    uid: &str,
    objects: &[Object],
    written: &mut Vec<Written>,
) -> Result<(), ApplyError> {
    let api = |object: &Object| {
        Api::<DynamicObject>::namespaced_with(client.clone(), &names.namespace, &object.kind)
    };
    let reading = objects.iter().map(|object| {
        let api = api(object);
        async move {
            let there = api.get_opt(&object.name).await;
            there.map_err(|source| ApplyError::api(format!("reading {}", object.called()), source))
        }
    });
    let there = try_join_all(reading).await?;
    for (object, there) in objects.iter().zip(there) {
        let version = there.as_ref().and_then(kube::ResourceExt::resource_version);
        let value = there.and_then(|there| serde_json::to_value(there).ok());
        let (action, verb) = match need(value.as_ref(), object, uid) {
            Need::Nothing => continue,
            Need::Foreign(whose) => {
                let object = object.called();
                return Err(ApplyError::Foreign { object, whose });
            }
            Need::PutRight if settled.holds(object, names, version.as_ref()) => continue,
            Need::Create => ("Created", "created"),
            Need::Change => ("Changed", "changed"),
            Need::PutRight => ("PutRight", "put right: somebody had changed it"),
        };
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let patched = api(object)
            .patch(&object.name, &parameters, &Patch::Apply(&object.value))
            .await;
        let doing = || format!("applying {}", object.called());
        let patched = patched.map_err(|source| ApplyError::api(doing(), source))?;
        let is_new = patched.resource_version() != version;
        settled.note(object, names, patched.resource_version());
        if is_new {
            written.push(Written {
                action,
                kind: Some(object.kind.kind.clone()),
                note: format!("{} was {verb}.", object.called()),
            });
        }
    }
    Ok(())
}

/// Deletes the Services of listeners that there are no more.
///
/// # Errors
/// One could not be deleted.
pub async fn delete_services(
    client: &Client,
    names: &Names,
    uid: &str,
    found: &Found,
    objects: &[Object],
    written: &mut Vec<Written>,
) -> Result<(), ApplyError> {
    let wanted = |name: &str| {
        let mut services = objects
            .iter()
            .filter(|object| object.kind.kind == "Service");
        services.any(|object| object.name == name)
    };
    let ours = |service: &Service| {
        let mut owners = service.owner_references().iter();
        owners.any(|owner| owner.uid == uid && owner.controller == Some(true))
    };
    for (name, service) in &found.services {
        if wanted(name) || !ours(service) {
            continue;
        }
        let api = Api::<Service>::namespaced(client.clone(), &names.namespace);
        let only_this = DeleteParams::default().preconditions(Preconditions {
            uid: service.uid(),
            resource_version: None,
        });
        match api.delete(name, &only_this).await {
            Ok(_) => written.push(Written {
                action: "Deleted",
                kind: Some("Service".to_owned()),
                note: format!("Service {name} was deleted: there is no such listener any more."),
            }),
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(source) => return Err(ApplyError::api(format!("deleting Service {name}"), source)),
        }
    }
    Ok(())
}
