//! Certificates of a cluster: from the Secrets that are there, the names that are wanted and the time to the
//! Secrets that should be there. Pure but for the random numbers of new keys; reads and writes no Secret.
//!
//! Three authorities: peers (nodes among themselves), admin (the operator and people to nodes) and clients
//! (devices to listeners). Whoever trusts one trusts a bundle: a file that may hold several, so that a new one
//! can be trusted before it signs anything. A leaf is made anew at two thirds of its life. A CA whose Secret
//! is gone while its leaves are in use is never replaced by itself: that would cut running nodes apart.

mod bundle;
mod ca;
mod certificate;
mod inspect;
mod leaf;
mod names;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::SystemTime;

use crate::finding::{Finding, list};
use ca::{Ca, CaState};
use leaf::{LEAVES, Leaf};

pub use inspect::{InspectError, Inspected, inspect};
pub use names::{client_names, node_names};

/// The content of a Secret.
pub type Data = BTreeMap<String, Vec<u8>>;

/// A Secret that the operator keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    /// The CA of nodes among themselves, with its key.
    PeerCa,
    /// The CA of the admin service, with its key.
    AdminCa,
    /// The CA of client listeners, with its key.
    ClientCa,
    /// Certificates of nodes, mounted by their pods.
    Nodes,
    /// The operator's certificate for the admin service; mounted by nobody.
    Operator,
    /// The certificate of client listeners, mounted by pods.
    Clients,
}

impl Which {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::PeerCa,
        Self::AdminCa,
        Self::ClientCa,
        Self::Nodes,
        Self::Operator,
        Self::Clients,
    ];

    /// The Secret's name.
    pub fn name(self, cluster: &str) -> String {
        let suffix = match self {
            Self::PeerCa => "peer-ca",
            Self::AdminCa => "admin-ca",
            Self::ClientCa => "client-ca",
            Self::Nodes => "node-tls",
            Self::Operator => "operator-tls",
            Self::Clients => "client-tls",
        };
        format!("{cluster}-{suffix}")
    }

    /// The Secret's type. Only what has a certificate and its key under the usual names has the usual type.
    pub fn secret_type(self) -> &'static str {
        match self {
            Self::Nodes => "Opaque",
            Self::PeerCa | Self::AdminCa | Self::ClientCa | Self::Operator | Self::Clients => {
                "kubernetes.io/tls"
            }
        }
    }
}

/// What there shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The cluster's name; certificates carry it for people.
    pub cluster: String,
    /// Every name and address that a node is called by.
    pub nodes: Vec<String>,
    /// Names and addresses of client listeners that use the cluster's own CA; `None` if none does.
    pub clients: Option<Vec<String>>,
}

/// What there should be, and what is said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Whole content of every Secret that should exist. One that cannot be made is missing here, and must not
    /// be touched.
    pub secrets: BTreeMap<Which, Data>,
    /// What is new in them.
    pub changed: Vec<Changed>,
    /// Condition `CertificatesReady`.
    pub finding: Finding,
    /// When the next leaf is to be renewed.
    pub renew_at: Option<SystemTime>,
    /// When each leaf ends; the sooner one of [`Which::Nodes`].
    pub ends: BTreeMap<Which, SystemTime>,
}

/// Something new in a Secret, for an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Where.
    pub which: Which,
    /// What and why, as a sentence.
    pub why: String,
}

/// A certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A name cannot stand in a certificate, or the operating system gives no random numbers.
    #[error("the certificate of {what} cannot be made: {source}")]
    Make {
        /// Whose.
        what: String,
        /// Why.
        source: rcgen::Error,
    },
}

/// Plans.
///
/// # Errors
/// A certificate cannot be made; nothing of the plan is of use then.
pub fn plan(
    wanted: &Wanted,
    existing: &BTreeMap<Which, Data>,
    now: SystemTime,
) -> Result<Plan, TlsError> {
    let mut planner = Planner {
        wanted,
        existing,
        now,
        problems: Vec::new(),
        plan: Plan {
            secrets: BTreeMap::new(),
            changed: Vec::new(),
            finding: Finding::good("Ready", ""),
            renew_at: None,
            ends: BTreeMap::new(),
        },
    };
    for which in [Which::PeerCa, Which::AdminCa, Which::ClientCa] {
        let leaves: Vec<&Leaf> = LEAVES.iter().filter(|leaf| leaf.ca == which).collect();
        if which != Which::ClientCa || wanted.clients.is_some() {
            planner.family(which, &leaves)?;
        }
    }
    Ok(planner.finish())
}

struct Planner<'a> {
    wanted: &'a Wanted,
    existing: &'a BTreeMap<Which, Data>,
    now: SystemTime,
    problems: Vec<(&'static str, String)>,
    plan: Plan,
}

impl Planner<'_> {
    /// A CA and what it signs.
    fn family(&mut self, which: Which, leaves: &[&Leaf]) -> Result<(), TlsError> {
        let name = which.name(&self.wanted.cluster);
        match ca::read(self.existing.get(&which), self.now) {
            CaState::Present(ca) => self.keep(which, &ca, leaves),
            CaState::Absent if !self.in_use(leaves) => {
                let ca = Ca::create(which, &self.wanted.cluster, self.now)?;
                let why = format!("A new CA for {} was made.", ca::purpose(which));
                self.plan.changed.push(Changed { which, why });
                self.keep(which, &ca, leaves)
            }
            CaState::Absent => {
                let until = self.keep_leaves(leaves);
                self.problems.push(("CaMissing", format!(
                    "the Secret {name} with the CA for {} is gone; what it has signed stays in use{until}, nothing can be renewed: put it back from a backup, or delete {} too to begin with a new CA, which cuts running nodes off until all have it",
                    ca::purpose(which),
                    self.names(leaves),
                )));
                Ok(())
            }
            CaState::Broken(why) => {
                let until = self.keep_leaves(leaves);
                self.problems.push(("CaUnusable", format!(
                    "the CA in the Secret {name} cannot be used ({why}); what it has signed stays in use{until}: put the right one back"
                )));
                Ok(())
            }
        }
    }

    fn keep(&mut self, which: Which, ca: &Ca, leaves: &[&Leaf]) -> Result<(), TlsError> {
        self.plan.secrets.insert(which, ca.data());
        for leaf in leaves {
            let old = self.existing.get(&leaf.secret);
            let (data, facts, why) = leaf.renew(self.wanted, ca, old, self.now)?;
            if let Some(why) = why {
                let which = leaf.secret;
                self.plan.changed.push(Changed { which, why });
            }
            self.plan
                .secrets
                .entry(leaf.secret)
                .or_default()
                .extend(data);
            self.note(leaf, facts.ends);
            let renew = facts.renew_at();
            let sooner = self.plan.renew_at.is_none_or(|known| renew < known);
            self.plan.renew_at = if sooner {
                Some(renew)
            } else {
                self.plan.renew_at
            };
        }
        Ok(())
    }

    /// The leaves as they are, since there is nothing that could sign new ones. Answers with their end.
    fn keep_leaves(&mut self, leaves: &[&Leaf]) -> String {
        let mut soonest: Option<SystemTime> = None;
        for leaf in leaves {
            let Some((data, facts)) = leaf.read(self.existing.get(&leaf.secret)) else {
                continue;
            };
            self.plan
                .secrets
                .entry(leaf.secret)
                .or_default()
                .extend(data);
            self.note(leaf, facts.ends);
            soonest = Some(soonest.map_or(facts.ends, |known| known.min(facts.ends)));
        }
        soonest.map_or_else(String::new, |ends| {
            format!(" until {}", certificate::day(ends))
        })
    }

    fn note(&mut self, leaf: &Leaf, ends: SystemTime) {
        let known = self.plan.ends.entry(leaf.secret).or_insert(ends);
        *known = (*known).min(ends);
    }

    fn in_use(&self, leaves: &[&Leaf]) -> bool {
        let mut leaves = leaves.iter();
        leaves.any(|leaf| leaf.read(self.existing.get(&leaf.secret)).is_some())
    }

    fn names(&self, leaves: &[&Leaf]) -> String {
        let names = leaves
            .iter()
            .map(|leaf| leaf.secret.name(&self.wanted.cluster));
        list(&names.collect::<Vec<_>>())
    }

    fn finish(mut self) -> Plan {
        // Half a Secret would replace a whole one.
        for leaf in &LEAVES {
            let data = self.plan.secrets.get(&leaf.secret);
            if data.is_some_and(|data| !data.contains_key(leaf.cert)) {
                self.plan.secrets.remove(&leaf.secret);
            }
        }
        self.plan.finding = match &self.problems[..] {
            [] => {
                let ends = self.plan.renew_at.map(certificate::day);
                let ends =
                    ends.map_or_else(String::new, |day| format!("; the next renewal is on {day}"));
                Finding::good("Ready", format!("All certificates are in place{ends}."))
            }
            [(reason, _), ..] => {
                let all: Vec<&str> = self.problems.iter().map(|(_, text)| &**text).collect();
                let mut text = all.join("; ");
                text.push('.');
                Finding::bad(reason, sentence(&text))
            }
        };
        self.plan
    }
}

/// With a capital letter at its beginning.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}
