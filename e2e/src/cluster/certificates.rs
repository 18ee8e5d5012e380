//! Certificates of a cluster's nodes, as `quorate certs` makes them.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::binary;
use crate::tool;

/// A folder of certificates.
#[derive(Debug, Clone)]
pub struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Makes those of one more node.
    ///
    /// # Errors
    /// When the command fails.
    pub fn make(folder: &Path, node: usize, address: IpAddr) -> Result<Self> {
        let binary = binary()?;
        let out = folder.display().to_string();
        let node = format!("{}={address}", name(node));
        tool::run_well(
            &binary.display().to_string(),
            &["certs", "--out", &out, "--node", &node],
        )?;
        let folder = folder.to_path_buf();
        Ok(Self { folder })
    }

    /// Flags of `serve` and their files.
    pub fn of_node(&self, node: usize) -> Vec<(&'static str, PathBuf)> {
        let own = self.folder.join(name(node));
        vec![
            ("--peers-ca", self.folder.join("peers-ca.crt")),
            ("--peers-cert", own.join("peers.crt")),
            ("--peers-key", own.join("peers.key")),
            ("--admin-ca", self.folder.join("admin-ca.crt")),
            ("--admin-cert", own.join("admin.crt")),
            ("--admin-key", own.join("admin.key")),
        ]
    }

    /// Flags of `admin` and their files.
    pub fn of_admin(&self) -> Vec<(&'static str, PathBuf)> {
        let own = self.folder.join("admin-client");
        vec![
            ("--ca", self.folder.join("admin-ca.crt")),
            ("--cert", own.join("admin.crt")),
            ("--key", own.join("admin.key")),
        ]
    }
}

fn name(node: usize) -> String {
    format!("node-{node}")
}
