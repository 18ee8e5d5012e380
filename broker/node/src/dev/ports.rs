//! Which port of which node is which. All of them follow from the base port, and no two are the same.

use super::NODES_MAX;

/// Ports of one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// MQTT clients.
    pub mqtt: u16,
    /// Other nodes.
    pub peers: u16,
    /// `quorate admin`.
    pub admin: u16,
    /// Health and metrics.
    pub http: u16,
}

/// Distances from MQTT's port. With the base port 1883 they give the defaults of `serve` (7883, 7983)
/// and stay away from 8883, which is MQTT's for TLS.
const PEERS_OFFSET: u16 = 6000;
const ADMIN_OFFSET: u16 = 6100;
const HTTP_OFFSET: u16 = 8000;

impl Ports {
    /// The largest base port.
    pub const BASE_MAX: u16 = u16::MAX - (NODES_MAX - 1);
    /// From here on the other ports are below MQTT's: there is no room above.
    const BELOW_FROM: u16 = Self::BASE_MAX - HTTP_OFFSET + 1;

    /// Ports of a node, the first one being 1.
    ///
    /// # Panics
    /// The base port is above [`Self::BASE_MAX`], or there is no such node.
    pub fn of(base: u16, node: u16) -> Self {
        assert!(base <= Self::BASE_MAX && (1..=NODES_MAX).contains(&node));
        let mqtt = base + (node - 1);
        let at = |offset: u16| {
            if base < Self::BELOW_FROM {
                mqtt + offset
            } else {
                mqtt - offset
            }
        };
        Self {
            mqtt,
            peers: at(PEERS_OFFSET),
            admin: at(ADMIN_OFFSET),
            http: at(HTTP_OFFSET),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_ports_of_a_cluster_are_the_same() {
        for base in [
            1,
            1883,
            Ports::BELOW_FROM - 1,
            Ports::BELOW_FROM,
            Ports::BASE_MAX,
        ] {
            let nodes = (1..=NODES_MAX).map(|node| Ports::of(base, node));
            let ports: BTreeSet<u16> = nodes
                .flat_map(|ports| [ports.mqtt, ports.peers, ports.admin, ports.http])
                .collect();
            assert_eq!(ports.len(), 4 * usize::from(NODES_MAX), "base port {base}");
        }
    }

    #[test]
    fn the_first_node_has_the_ports_that_serve_has() {
        let ports = Ports::of(1883, 1);
        assert_eq!(ports.peers, crate::config::PEERS_PORT);
        assert_eq!(ports.admin, crate::config::ADMIN_PORT);
        assert_eq!((ports.mqtt, ports.http), (1883, 9883));
    }
}
