//! Who may log in.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Who may log in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Auth {
    /// Whether clients get in that give no user name; one that gives a name is always checked. Default: false.
    #[serde(default)]
    pub anonymous: bool,

    /// Secret of this namespace with users and their password hashes, as mosquitto_passwd makes them. Its
    /// changes reach the nodes within about a minute, without a restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users_secret: Option<UsersSecret>,
}

/// A file of users in a Secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsersSecret {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,

    /// Key in the Secret that holds the file. Default: users.
    #[serde(default = "key")]
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

fn key() -> String {
    "users".to_owned()
}
