//! How a node finds others and who may speak to it: `cluster.*`, `peers.*` and `admin.*` as one value.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::error::ConfigError;
use super::key::{self, Key};
use super::layers::Settings;

/// Port for other nodes, unless `peers.listen` says another.
pub const PEERS_PORT: u16 = 7883;
/// Port for operators, unless `admin.listen` says another.
pub const ADMIN_PORT: u16 = 7983;

/// `cluster.*`, `peers.*` and `admin.*`.
#[derive(Debug, Clone)]
pub struct ClusterConfig {
    /// What a node with an empty data directory does.
    pub start: Start,
    /// `cluster.advertise`
    pub advertise: Option<String>,
    /// `peers.*`; `None` opens no port and lets nobody join.
    pub peers: Option<Service>,
    /// `admin.*`; `None` opens no port.
    pub admin: Option<Service>,
}

/// `cluster.bootstrap` and `cluster.join`: what a node does that belongs to no cluster yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// Makes a new cluster of one.
    Single,
    /// Waits for the admin service.
    Wait,
    /// Asks the cluster behind these peer addresses (`HOST:PORT`, at least one) to take it in.
    Join(Vec<String>),
}

/// A gRPC service with a port of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Where it listens; loopback when there is no TLS.
    pub listen: SocketAddr,
    /// `None` speaks in the clear.
    pub tls: Option<MutualTlsFiles>,
}

/// The files of TLS with certificates on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MutualTlsFiles {
    /// Own certificate chain, PEM.
    pub cert: PathBuf,
    /// Own private key, PEM.
    pub key: PathBuf,
    /// CA certificates that the other side's certificate must be signed by, PEM.
    pub ca: PathBuf,
}

impl ClusterConfig {
    /// What other nodes shall dial for a port of this one: `HOST:PORT`. `bound` is the address that
    /// was listened on, with its real port.
    pub fn advertised(&self, bound: SocketAddr) -> String {
        match &self.advertise {
            None => bound.to_string(),
            Some(host) if host.parse::<std::net::Ipv6Addr>().is_ok() => {
                format!("[{host}]:{}", bound.port())
            }
            Some(host) => format!("{host}:{}", bound.port()),
        }
    }
}

/// The keys of one service.
struct Keys {
    listen: &'static Key,
    cert: &'static Key,
    key: &'static Key,
    ca: &'static Key,
    /// What to say when `cert`, `key` and `ca` are not all there.
    all_or_none: &'static str,
    /// What to say about an address that is not loopback.
    loopback: &'static str,
}

const PEERS: Keys = Keys {
    listen: &key::PEERS_LISTEN,
    cert: &key::PEERS_CERT,
    key: &key::PEERS_KEY,
    ca: &key::PEERS_CA,
    all_or_none: "peers.cert, peers.key and peers.ca belong together: give all three (--peers-cert, --peers-key, --peers-ca; quorate certs makes them) or none",
    loopback: "a loopback address such as 127.0.0.1:7883 while there are no certificates: make them with quorate certs and give --peers-cert, --peers-key and --peers-ca",
};

const ADMIN: Keys = Keys {
    listen: &key::ADMIN_LISTEN,
    cert: &key::ADMIN_CERT,
    key: &key::ADMIN_KEY,
    ca: &key::ADMIN_CA,
    all_or_none: "admin.cert, admin.key and admin.ca belong together: give all three (--admin-cert, --admin-key, --admin-ca; quorate certs makes them) or none",
    loopback: "a loopback address such as 127.0.0.1:7983 while there are no certificates: make them with quorate certs and give --admin-cert, --admin-key and --admin-ca",
};

/// Any of these says that the node shall not stay alone.
const CLUSTERING: [&Key; 7] = [
    &key::BOOTSTRAP,
    &key::JOIN,
    &key::ADVERTISE,
    &key::PEERS_LISTEN,
    &key::PEERS_CERT,
    &key::PEERS_KEY,
    &key::PEERS_CA,
];

/// The part of the configuration that makes a cluster.
pub(super) fn parse(settings: &Settings) -> Result<ClusterConfig, ConfigError> {
    let start = parse_start(settings)?;
    let is_clustering = CLUSTERING.iter().any(|key| settings.entry(key).is_some());
    let peers = PEERS.parse(settings, is_clustering.then_some(PEERS_PORT))?;
    if peers.is_none() && start != Start::Single {
        return Err(not_allowed(
            settings,
            &key::PEERS_LISTEN,
            "an address: without a port for other nodes this one cannot be part of their cluster",
        ));
    }
    let admin_port = peers.is_some().then_some(ADMIN_PORT);
    let admin = ADMIN.parse(settings, admin_port)?;
    if admin.is_none() && start == Start::Wait {
        return Err(not_allowed(
            settings,
            &key::ADMIN_LISTEN,
            "an address: a node that waits is told by quorate admin what to do",
        ));
    }
    let advertise = Some(settings.text(&key::ADVERTISE)).filter(|host| !host.is_empty());
    if advertise.is_none()
        && peers
            .as_ref()
            .is_some_and(|peers| peers.listen.ip().is_unspecified())
    {
        return Err(ConfigError::Missing {
            name: key::ADVERTISE.name,
            hint: "peers.listen is every address of this machine, and other nodes must know one: give --advertise HOST",
        });
    }
    Ok(ClusterConfig {
        start,
        advertise,
        peers,
        admin,
    })
}

fn parse_start(settings: &Settings) -> Result<Start, ConfigError> {
    let join = settings.list(&key::JOIN);
    let bootstrap = settings.entry(&key::BOOTSTRAP);
    if !join.is_empty() {
        if bootstrap.is_some() {
            return Err(not_allowed(
                settings,
                &key::BOOTSTRAP,
                "nothing while cluster.join is set: a node either joins a cluster or begins one",
            ));
        }
        return Ok(Start::Join(join.to_vec()));
    }
    Ok(match settings.text(&key::BOOTSTRAP).as_str() {
        "wait" => Start::Wait,
        _ => Start::Single,
    })
}

impl Keys {
    /// The service; `port` is the one on loopback when its address is not set, if it has one then.
    fn parse(
        &self,
        settings: &Settings,
        port: Option<u16>,
    ) -> Result<Option<Service>, ConfigError> {
        let files = [self.cert, self.key, self.ca].map(|key| settings.path(key));
        let tls = match files {
            [None, None, None] => None,
            [Some(cert), Some(key), Some(ca)] => Some(MutualTlsFiles { cert, key, ca }),
            [cert, key, _] => {
                let missing = match (cert, key) {
                    (None, _) => self.cert,
                    (_, None) => self.key,
                    _ => self.ca,
                };
                return Err(ConfigError::Missing {
                    name: missing.name,
                    hint: self.all_or_none,
                });
            }
        };
        let listen = match settings.entry(self.listen) {
            Some(_) => settings.address(self.listen),
            None => port.map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)),
        };
        let Some(listen) = listen else {
            return Ok(None);
        };
        if tls.is_none() && !listen.ip().is_loopback() {
            return Err(not_allowed(settings, self.listen, self.loopback));
        }
        Ok(Some(Service { listen, tls }))
    }
}

fn not_allowed(settings: &Settings, key: &Key, allowed: &str) -> ConfigError {
    let value = settings
        .entry(key)
        .map_or_else(|| "\"off\"".to_owned(), |(value, _)| value.to_string());
    ConfigError::NotAllowed {
        name: key.name.to_owned(),
        value,
        from: settings.source(key),
        allowed: allowed.to_owned(),
    }
}
