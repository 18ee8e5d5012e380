//! Certificates of a cluster that is set up by hand. Knows files and X.509; what is done with the
//! certificates is decided by `peers` and `admin`.

use std::path::PathBuf;

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
        let hosts: Vec<String> = hosts
            .split(',')
            .map(|host| host.trim().to_owned())
            .collect();
        let is_named = !name.is_empty() && name.chars().all(is_word);
        let are_hosts = hosts.iter().all(|host| crate::config::is_host(host));
        (is_named && are_hosts).then(|| Self {
            name: name.to_owned(),
            hosts,
        })
    }
}

/// Makes what is missing; answers with what was made, for people.
///
/// # Errors
/// A file cannot be read or written.
pub fn make(order: &Order) -> anyhow::Result<String> {
    anyhow::bail!("{} is not written yet", order.out.display())
}
