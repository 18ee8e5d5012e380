//! Certificates of a cluster that is set up by hand. Knows files and X.509; who is believed because of
//! them is decided by `peers` and `admin`. Never replaces a file that is there.

mod ca;
mod error;
mod files;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

pub use error::CertsError;

use ca::{Ca, Purpose};
use files::Folder;

/// What to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Where to.
    pub out: PathBuf,
    /// For which nodes; may be empty.
    pub nodes: Vec<NodeNames>,
}

/// A node as its certificates name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeNames {
    /// Name of its directory.
    pub name: String,
    /// Host names and IP addresses that it is reached by; at least one.
    pub hosts: Vec<String>,
}

impl NodeNames {
    /// Parses `NAME=HOST[,HOST…]`.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, hosts) = text.split_once('=')?;
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let is_named = !name.is_empty() && name != CLIENT && name.chars().all(is_word);
        let hosts: Vec<String> = hosts
            .split(',')
            .map(|host| host.trim().to_owned())
            .collect();
        let are_hosts = hosts.iter().all(|host| crate::config::is_host(host));
        (is_named && are_hosts).then(|| Self {
            name: name.to_owned(),
            hosts,
        })
    }
}

/// Directory of the certificate for people.
const CLIENT: &str = "admin-client";
/// Names by which `quorate admin` reaches a node from its own machine.
const LOCAL: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Makes what is missing; answers with what is there now and how it is used, for people.
///
/// # Errors
/// A file cannot be read or written, a CA is not whole, or a name cannot stand in a certificate.
pub fn make(order: &Order) -> Result<String, CertsError> {
    let root = Folder::open(&order.out)?;
    let peers = Ca::open(&root, "peers-ca", "Quorate peers CA")?;
    let admin = Ca::open(&root, "admin-ca", "Quorate admin CA")?;
    let mut told = String::new();

    let client = root.inside(CLIENT)?;
    admin.issue(&client, "admin", "quorate admin", &[], Purpose::Client)?;
    client.write_once("admin-ca.crt", admin.pem())?;
    for node in &order.nodes {
        let folder = root.inside(&node.name)?;
        peers.issue(&folder, "peers", &node.name, &node.hosts, Purpose::Both)?;
        folder.write_once("peers-ca.crt", peers.pem())?;
        let local = LOCAL.map(str::to_owned);
        let hosts = [&node.hosts[..], &local].concat();
        admin.issue(&folder, "admin", &node.name, &hosts, Purpose::Server)?;
        folder.write_once("admin-ca.crt", admin.pem())?;
        told.push_str(&usage_of_node(node, &folder));
    }
    told.push_str(&usage_of_client(&client));
    Ok(told)
}

fn usage_of_node(node: &NodeNames, folder: &Folder) -> String {
    let path = folder.path().display();
    format!(
        "{} ({}): give these to quorate serve\n\
         \x20   --peers-cert {path}/peers.crt --peers-key {path}/peers.key --peers-ca {path}/peers-ca.crt \\\n\
         \x20   --admin-cert {path}/admin.crt --admin-key {path}/admin.key --admin-ca {path}/admin-ca.crt\n",
        node.name,
        node.hosts.join(", "),
    )
}

fn usage_of_client(folder: &Folder) -> String {
    let path = folder.path().display();
    format!(
        "you: quorate admin --to HOST:7983 --cert {path}/admin.crt --key {path}/admin.key --ca {path}/admin-ca.crt status\n\
         Keep peers-ca.key and admin-ca.key away from the nodes. What was there already stays as it was.\n"
    )
}
