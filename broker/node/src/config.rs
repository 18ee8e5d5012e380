//! The configuration of a node: a [`Config`] exists only if it is valid.
//!
//! Layers, the later wins: defaults, file (`--config`), environment (`QUORATE_…`), flags. Every key with
//! its unit, default and reason is in [`key::ALL`]; `quorate serve --print-config` prints all of them.
//! Reads files and nothing else: no socket is bound and no directory is created here.

mod cluster;
mod error;
pub mod key;
mod layers;
mod listener;
mod network;
mod print;
#[cfg(test)]
mod tests;
mod value;

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::time::Duration;

use quorate_codec::{QoS, TopicLimits};
use quorate_router::ShareStrategy;
use quorate_session::Capabilities;
use quorate_shard::QueueFull;

pub use cluster::{ADMIN_PORT, ClusterConfig, MutualTlsFiles, PEERS_PORT, Service, Start};
pub use error::{ConfigError, Source};
pub use layers::Flags;
pub use listener::{Listener, Place, TlsFiles};
pub use network::{Network, NoNetwork};
pub use value::{Kind, Raw, Value};
pub(crate) use value::{is_host, is_host_and_port};

use layers::Settings;
use listener::TlsDefaults;

/// A valid configuration. The keys and their reasons are in [`key::ALL`].
#[derive(Debug)]
pub struct Config {
    /// `data`
    pub data: PathBuf,
    /// `listen`; at least one.
    pub listeners: Vec<Listener>,
    /// `proxy.trusted_networks`
    pub proxies: Vec<Network>,
    /// `http`; `None` is off.
    pub http: Option<SocketAddr>,
    /// `sys_interval_seconds`; `None` is off.
    pub sys_interval: Option<Duration>,
    /// `workers`, or what the number of cores suggests; at least 1.
    pub workers: usize,
    /// `log`
    pub log: String,
    /// `log_format`
    pub log_format: LogFormat,
    /// `cluster.*`, `peers.*` and `admin.*`
    pub cluster: ClusterConfig,
    /// `auth.*`
    pub auth: AuthConfig,
    /// `limits.*`
    pub limits: Limits,
    /// `storage.*`
    pub storage: StorageConfig,
}

/// `log_format`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Human,
    /// For collectors.
    Json,
}

/// `auth.*`: who may log in. At least one way is open.
#[derive(Debug, Clone)]
pub struct AuthConfig {
    /// `auth.allow_anonymous`
    pub allow_anonymous: bool,
    /// `auth.password_file`
    pub password_file: Option<PathBuf>,
    /// `auth.verify_threads_max`
    pub verify_threads_max: usize,
    /// `auth.verify_pending_max`
    pub verify_pending_max: usize,
    /// `auth.cache_seconds`
    pub cache: Duration,
}

/// `limits.*`: bounds on what clients can make the node hold.
#[derive(Debug, Clone)]
pub struct Limits {
    /// `limits.connections_max`
    pub connections_max: usize,
    /// `limits.accepts_per_second_max`
    pub accepts_per_second_max: u32,
    /// `limits.handshakes_pending_max`
    pub handshakes_pending_max: usize,
    /// `limits.handshake_seconds_max`
    pub handshake_max: Duration,
    /// `limits.connect_seconds_max`
    pub connect_max: Duration,
    /// `limits.connect_bytes_max`
    pub connect_bytes_max: u32,
    /// `limits.packet_bytes_max`
    pub packet_bytes_max: u32,
    /// `limits.receive_maximum`
    pub receive_maximum: NonZeroU16,
    /// `limits.window_max`
    pub window_max: u16,
    /// `limits.keep_alive_seconds_max`
    pub keep_alive_seconds_max: u16,
    /// `limits.session_expiry_seconds_max`
    pub session_expiry_seconds_max: u32,
    /// `limits.subscriptions_max`
    pub subscriptions_max: u32,
    /// `limits.topic_bytes_max` and `limits.topic_levels_max`
    pub topics: TopicLimits,
    /// `limits.output_bytes_max`
    pub output_bytes_max: usize,
    /// `limits.outputs_bytes_max`
    pub outputs_bytes_max: usize,
    /// `limits.user_properties_max`
    pub user_properties_max: u16,
    /// `limits.session_queue_messages_max`
    pub session_queue_messages_max: u64,
    /// `limits.session_queue_bytes_max`
    pub session_queue_bytes_max: u64,
    /// `limits.session_queue_full`
    pub session_queue_full: QueueFull,
    /// `limits.retained_bytes_max`
    pub retained_bytes_max: u64,
    /// `limits.queues_bytes_max`
    pub queues_bytes_max: u64,
    /// `limits.sessions_bytes_max`
    pub sessions_bytes_max: u64,
    /// `mqtt.topic_alias_maximum`
    pub topic_alias_maximum: u16,
    /// `mqtt.response_information`
    pub response_information: Option<String>,
    /// `mqtt.shared_strategy`
    pub share_strategy: ShareStrategy,
    /// The other keys of `mqtt.*`: what clients may ask for.
    pub capabilities: Capabilities,
}

impl Limits {
    /// What a session on a worker is bound by; also what a will is checked against before there is one.
    pub fn session(&self) -> quorate_session::Limits {
        quorate_session::Limits {
            inbound_messages_max: self.receive_maximum.get(),
            outbound_messages_max: self.window_max,
            subscriptions_max: self.subscriptions_max,
            topics: self.topics,
            user_properties_max: self.user_properties_max,
            topic_aliases_max: self.topic_alias_maximum,
            capabilities: self.capabilities,
            ..quorate_session::Limits::default()
        }
    }

    /// What each of so many shards is bound by.
    pub fn shard(&self, shards: u16) -> quorate_shard::Limits {
        let part = |bytes: u64| bytes.div_ceil(u64::from(shards.max(1)));
        quorate_shard::Limits {
            queue_messages_max: self.session_queue_messages_max,
            queue_bytes_max: self.session_queue_bytes_max,
            queue_full: self.session_queue_full,
            message_bytes_max: part(self.queues_bytes_max),
            session_bytes_max: part(self.sessions_bytes_max),
            retained_bytes_max: part(self.retained_bytes_max),
            session_subscriptions_max: self.subscriptions_max as usize,
            ..quorate_shard::Limits::default()
        }
    }
}

/// `storage.*`
#[derive(Debug, Clone)]
pub struct StorageConfig {
    /// `storage.shards`
    pub shards: u16,
    /// `storage.segment_bytes`
    pub segment_bytes: u64,
    /// `storage.log_bytes_max`
    pub log_bytes_max: u64,
}

impl Config {
    /// Reads the file and the process's environment and puts the flags over them.
    ///
    /// # Errors
    /// The first key that is unknown, not allowed or missing.
    pub fn load(file: Option<&Path>, flags: Flags) -> Result<Self, ConfigError> {
        Self::load_with(file, &environment, flags)
    }

    /// As [`Self::load`], with the environment given.
    ///
    /// # Errors
    /// The first key that is unknown, not allowed or missing.
    pub fn load_with(
        file: Option<&Path>,
        environment: &dyn Fn(&str) -> Option<String>,
        flags: Flags,
    ) -> Result<Self, ConfigError> {
        Self::from_settings(Settings::load(file, environment, flags)?)
    }

    fn from_settings(settings: Settings) -> Result<Self, ConfigError> {
        Ok(Self {
            data: settings.path(&key::DATA).ok_or(ConfigError::Missing {
                name: key::DATA.name,
                hint: "give --data DIR, QUORATE_DATA or data = \"DIR\" in the configuration file",
            })?,
            listeners: listeners(&settings)?,
            proxies: networks(&settings),
            http: settings.address(&key::HTTP),
            sys_interval: settings
                .number(&key::SYS_INTERVAL_SECONDS)
                .filter(|seconds| *seconds > 0)
                .map(Duration::from_secs),
            workers: settings
                .number(&key::WORKERS)
                .map_or_else(default_workers, |n| n as usize),
            log: settings.text(&key::LOG),
            log_format: match settings.text(&key::LOG_FORMAT).as_str() {
                "json" => LogFormat::Json,
                _ => LogFormat::Human,
            },
            cluster: cluster::parse(&settings)?,
            auth: auth(&settings)?,
            limits: limits(&settings),
            storage: StorageConfig {
                shards: settings.size(&key::SHARDS),
                segment_bytes: settings.size(&key::SEGMENT_BYTES),
                log_bytes_max: settings.size(&key::LOG_BYTES_MAX),
            },
        })
    }

    /// The effective configuration as a file that would give it, each key with its documentation and
    /// where its value came from; what is still missing is said at its end. Holds no secrets: passwords
    /// and keys are named by file only.
    ///
    /// # Errors
    /// A key that is unknown or not allowed.
    pub fn print(
        file: Option<&Path>,
        environment: &dyn Fn(&str) -> Option<String>,
        flags: Flags,
    ) -> Result<String, ConfigError> {
        let settings = Settings::load(file, environment, flags)?;
        let mut text = print::print(&settings, default_workers());
        match Self::from_settings(settings) {
            Ok(_) => {}
            Err(missing @ ConfigError::Missing { .. }) => {
                text.push_str(&format!("\n# Not complete: {missing}.\n"));
            }
            Err(error) => return Err(error),
        }
        Ok(text)
    }
}

/// The process's environment, as the loaders take it.
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// One for two cores, then one more for every three (building-blocks §12): one worker moves millions of
/// messages a second, and wake-ups across cores cost more than they bring at low load.
fn default_workers() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    1 + cores.saturating_sub(2).div_ceil(3)
}

fn listeners(settings: &Settings) -> Result<Vec<Listener>, ConfigError> {
    let defaults = TlsDefaults {
        cert: settings.path(&key::TLS_CERT),
        key: settings.path(&key::TLS_KEY),
        client_ca: settings.path(&key::TLS_CLIENT_CA),
    };
    let parse = |url: &String| {
        Listener::parse(url, &defaults).map_err(|allowed| ConfigError::NotAllowed {
            name: key::LISTEN.name.to_owned(),
            value: toml::Value::from(url.as_str()).to_string(),
            from: settings.source(&key::LISTEN),
            allowed,
        })
    };
    let listeners: Vec<_> = settings
        .list(&key::LISTEN)
        .iter()
        .map(parse)
        .collect::<Result<_, _>>()?;
    let believes = |listener: &Listener| listener.proxied && listener.address().is_some();
    if listeners.iter().any(believes) && networks(settings).is_empty() {
        return Err(ConfigError::Missing {
            name: key::TRUSTED_NETWORKS.name,
            hint: "a listener with proxy=on must know whom to believe: give the networks of the load balancers, such as [\"10.0.0.0/8\"]",
        });
    }
    Ok(listeners)
}

fn networks(settings: &Settings) -> Vec<Network> {
    let networks = settings.list(&key::TRUSTED_NETWORKS).iter();
    networks
        .map(|text| text.parse().expect("the key allows networks only"))
        .collect()
}

fn auth(settings: &Settings) -> Result<AuthConfig, ConfigError> {
    let auth = AuthConfig {
        allow_anonymous: settings.bool(&key::ALLOW_ANONYMOUS),
        password_file: settings.path(&key::PASSWORD_FILE),
        verify_threads_max: settings.size(&key::VERIFY_THREADS_MAX),
        verify_pending_max: settings.size(&key::VERIFY_PENDING_MAX),
        cache: Duration::from_secs(settings.size(&key::CACHE_SECONDS)),
    };
    if !auth.allow_anonymous && auth.password_file.is_none() {
        return Err(ConfigError::Missing {
            name: key::PASSWORD_FILE.name,
            hint: "nobody could log in: give --password-file FILE (made by mosquitto_passwd), or --allow-anonymous to let everybody in",
        });
    }
    Ok(auth)
}

fn limits(settings: &Settings) -> Limits {
    let seconds = |key| Duration::from_secs(settings.size(key));
    Limits {
        connections_max: settings.size(&key::CONNECTIONS_MAX),
        accepts_per_second_max: settings.size(&key::ACCEPTS_PER_SECOND_MAX),
        handshakes_pending_max: settings.size(&key::HANDSHAKES_PENDING_MAX),
        handshake_max: seconds(&key::HANDSHAKE_SECONDS_MAX),
        connect_max: seconds(&key::CONNECT_SECONDS_MAX),
        connect_bytes_max: settings.size(&key::CONNECT_BYTES_MAX),
        packet_bytes_max: settings.size(&key::PACKET_BYTES_MAX),
        receive_maximum: NonZeroU16::new(settings.size(&key::RECEIVE_MAXIMUM))
            .unwrap_or(NonZeroU16::MAX),
        window_max: settings.size(&key::WINDOW_MAX),
        keep_alive_seconds_max: settings.size(&key::KEEP_ALIVE_SECONDS_MAX),
        session_expiry_seconds_max: settings.size(&key::SESSION_EXPIRY_SECONDS_MAX),
        subscriptions_max: settings.size(&key::SUBSCRIPTIONS_MAX),
        topics: TopicLimits {
            bytes_max: settings.size(&key::TOPIC_BYTES_MAX),
            levels_max: settings.size(&key::TOPIC_LEVELS_MAX),
        },
        output_bytes_max: settings.size(&key::OUTPUT_BYTES_MAX),
        outputs_bytes_max: settings.size(&key::OUTPUTS_BYTES_MAX),
        user_properties_max: settings.size(&key::USER_PROPERTIES_MAX),
        session_queue_messages_max: settings.size(&key::SESSION_QUEUE_MESSAGES_MAX),
        session_queue_bytes_max: settings.size(&key::SESSION_QUEUE_BYTES_MAX),
        session_queue_full: queue_full(settings),
        retained_bytes_max: settings.size(&key::RETAINED_BYTES_MAX),
        queues_bytes_max: settings.size(&key::QUEUES_BYTES_MAX),
        sessions_bytes_max: settings.size(&key::SESSIONS_BYTES_MAX),
        topic_alias_maximum: settings.size(&key::TOPIC_ALIAS_MAXIMUM),
        response_information: Some(settings.text(&key::RESPONSE_INFORMATION))
            .filter(|text| !text.is_empty()),
        share_strategy: share_strategy(settings),
        capabilities: capabilities(settings),
    }
}

fn queue_full(settings: &Settings) -> QueueFull {
    match settings.text(&key::SESSION_QUEUE_FULL).as_str() {
        "drop_oldest" => QueueFull::DropOldest,
        "drop_newest" => QueueFull::DropNewest,
        // The key allows no other word.
        _ => QueueFull::Reject,
    }
}

fn share_strategy(settings: &Settings) -> ShareStrategy {
    match settings.text(&key::SHARED_STRATEGY).as_str() {
        "random" => ShareStrategy::Random,
        "sticky" => ShareStrategy::Sticky,
        "by_client" => ShareStrategy::ByClient,
        "by_topic" => ShareStrategy::ByTopic,
        "local_first" => ShareStrategy::LocalFirst,
        // The key allows no other word.
        _ => ShareStrategy::RoundRobin,
    }
}

fn capabilities(settings: &Settings) -> Capabilities {
    Capabilities {
        maximum_qos: QoS::from_bits(settings.size(&key::MAXIMUM_QOS)).unwrap_or(QoS::ExactlyOnce),
        retain: settings.bool(&key::RETAIN_AVAILABLE),
        wildcards: settings.bool(&key::WILDCARD_AVAILABLE),
        subscription_ids: settings.bool(&key::SUBSCRIPTION_ID_AVAILABLE),
        shared: settings.bool(&key::SHARED_AVAILABLE),
    }
}
