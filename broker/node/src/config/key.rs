//! Every configuration key: its name, what it allows, its default, its unit and the reason for it.
//!
//! The table is the documentation: `--print-config` prints it, errors quote it. A key is one constant
//! here, one line in [`ALL`], and one field of [`super::Config`].

use super::value::Kind;

/// One key. Its environment variable is `QUORATE_` and the name in capitals, dots as underscores.
#[derive(Debug)]
pub struct Key {
    /// Name in the file; a dot separates table and key.
    pub name: &'static str,
    /// What a value may be.
    pub kind: Kind,
    /// Default as it would stand in the file; `None` leaves the key unset.
    pub default: Option<&'static str>,
    /// What it is for, with the unit and the reason for the default.
    pub help: &'static str,
}

impl Key {
    /// The environment variable that sets this key.
    pub fn variable(&self) -> String {
        format!("QUORATE_{}", self.name.replace('.', "_").to_uppercase())
    }
}

/// Defines the constants and the list of all of them, so that neither can lack one.
macro_rules! keys {
    ($($ident:ident = $name:literal, $kind:expr, $default:expr, $help:literal;)*) => {
        $(pub(super) const $ident: Key = Key { name: $name, kind: $kind, default: $default, help: $help };)*
        /// All keys in the order of the printed configuration: top-level keys first, then table by table.
        pub const ALL: &[Key] = &[$($ident),*];
    };
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

keys! {
    DATA = "data", Kind::Path, None,
        "Directory of everything that must survive a restart; created if missing, locked while in use.";
    LISTEN = "listen", Kind::Listeners, Some(r#"["mqtt://127.0.0.1:1883"]"#),
        "Where clients connect: mqtt://ADDRESS:PORT, ws://ADDRESS:PORT for WebSocket (any path, sub-protocol mqtt), mqtts:// and wss:// for the same over TLS, which takes its files from [tls] or from ?cert=FILE&key=FILE&client_ca=FILE, or unix:PATH?mode=660 for processes of this machine. With proxy=on, networks of proxy.trusted_networks send a PROXY header first. Loopback by default: a broker is not on the network before somebody says so.";
    HTTP = "http", Kind::Address, Some(r#""off""#),
        "Address of /livez, /readyz and /metrics, or \"off\". They ask for no password, so they are off until given an address (dev: loopback).";
    SYS_INTERVAL_SECONDS = "sys_interval_seconds", Kind::Number { min: 0, max: 86_400 }, Some("10"),
        "Seconds between two accounts of the node under $SYS/broker/ and $SYS/cluster/, in mosquitto's names; 0 is never. Only what has changed is sent again.";
    WORKERS = "workers", Kind::Number { min: 1, max: 256 }, None,
        "Worker threads. Unset: one for two cores, then one more for every three. More cost wake-ups across cores at low load.";
    LOG = "log", Kind::Text, Some(r#""info,openraft=error""#),
        "What to log: a level (error, warn, info, debug, trace) or a filter such as \"info,quorate_node::front_door=debug\".";
    LOG_FORMAT = "log_format", Kind::Choice(&["human", "json"]), Some(r#""human""#),
        "How a log line looks: \"human\" for people, \"json\" for collectors.";

    ALLOW_ANONYMOUS = "auth.allow_anonymous", Kind::Bool, Some("false"),
        "Let clients in that give no user name. Off by default; a client that does give one is always checked.";
    PASSWORD_FILE = "auth.password_file", Kind::Path, None,
        "Users and password hashes in mosquitto's format (made by mosquitto_passwd; $6$, $7$ and argon2id). Read again when it changes.";
    VERIFY_THREADS_MAX = "auth.verify_threads_max", Kind::Number { min: 1, max: 64 }, Some("1"),
        "Passwords verified at the same time, each on a thread of its own. One: a hash is made to cost CPU, and a reconnect storm must leave the cores to those who are connected.";
    VERIFY_PENDING_MAX = "auth.verify_pending_max", Kind::Number { min: 1, max: 100_000 }, Some("1000"),
        "Logins that may wait for a verification; one more is refused with Server busy. Bounds memory and the wait.";
    CACHE_SECONDS = "auth.cache_seconds", Kind::Number { min: 0, max: 3_600 }, Some("60"),
        "Seconds a verified login is remembered (as a keyed hash), so that mass reconnects do not pay for the hash again; 0 is never.";

    TRUSTED_NETWORKS = "proxy.trusted_networks", Kind::Networks, None,
        "Networks of load balancers. On a listener with proxy=on, whoever connects from them must send a PROXY header (version 1 or 2) within limits.handshake_seconds_max, and is believed; others are clients and send none.";

    TLS_CERT = "tls.cert", Kind::Path, None,
        "Certificate chain in PEM for every mqtts:// and wss:// listener that names none. Read again when it changes; connections stay.";
    TLS_KEY = "tls.key", Kind::Path, None,
        "Private key in PEM that belongs to tls.cert.";
    TLS_CLIENT_CA = "tls.client_ca", Kind::Path, None,
        "CA certificates in PEM. When set, clients must show a certificate signed by one of them.";

    BOOTSTRAP = "cluster.bootstrap", Kind::Choice(&["single", "wait"]), None,
        "How a node with an empty data directory begins: \"single\" makes a new cluster of one, \"wait\" makes none until quorate admin init or add says so. Unset: single, and no port for other nodes. A node that belongs to a cluster ignores it.";
    JOIN = "cluster.join", Kind::Hosts, None,
        "Peer addresses of a running cluster that a node with an empty data directory joins: HOST:PORT of some of its nodes. It becomes a learner, catches up and gets its vote by itself. A node that belongs to a cluster ignores it.";
    ADVERTISE = "cluster.advertise", Kind::Host, None,
        "Name or IP address under which other nodes reach this one; the ports are those of peers.listen and listen. Unset: the address of peers.listen. Must be set when that is 0.0.0.0 or [::].";

    PEERS_LISTEN = "peers.listen", Kind::Address, None,
        "Where other nodes connect, or \"off\". Unset: 127.0.0.1:7883 when any key of [cluster] or [peers] is set, else off: a node alone needs no port for others. Without certificates only a loopback address.";
    PEERS_CERT = "peers.cert", Kind::Path, None,
        "Certificate chain in PEM that this node shows to other nodes, as server and as client (made by quorate certs). Read again when it changes.";
    PEERS_KEY = "peers.key", Kind::Path, None,
        "Private key in PEM that belongs to peers.cert.";
    PEERS_CA = "peers.ca", Kind::Path, None,
        "CA certificates in PEM. Only nodes with a certificate signed by one of them are spoken to. Must not sign anything else: whoever has such a certificate is a node.";

    ADMIN_LISTEN = "admin.listen", Kind::Address, None,
        "Where quorate admin and operators connect, or \"off\". Unset: 127.0.0.1:7983 when peers.listen is on, else off. Without certificates only a loopback address.";
    ADMIN_CERT = "admin.cert", Kind::Path, None,
        "Certificate chain in PEM that this node shows to admin clients (made by quorate certs). Read again when it changes.";
    ADMIN_KEY = "admin.key", Kind::Path, None,
        "Private key in PEM that belongs to admin.cert.";
    ADMIN_CA = "admin.ca", Kind::Path, None,
        "CA certificates in PEM. Only clients with a certificate signed by one of them may ask for anything; whoever has one may take the cluster apart.";

    CONNECTIONS_MAX = "limits.connections_max", Kind::Number { min: 1, max: 10_000_000 }, Some("100000"),
        "Connections at the same time, strangers included; one more is closed at once. Bounds memory and file descriptors.";
    ACCEPTS_PER_SECOND_MAX = "limits.accepts_per_second_max", Kind::Number { min: 1, max: 1_000_000 }, Some("2000"),
        "New connections taken per second; more wait in the kernel's backlog. A TLS handshake costs about 1 ms of CPU.";
    HANDSHAKES_PENDING_MAX = "limits.handshakes_pending_max", Kind::Number { min: 1, max: 1_000_000 }, Some("5000"),
        "Connections that have not logged in yet; more wait in the kernel's backlog. Bounds what strangers can hold: some 25 KiB each with TLS.";
    HANDSHAKE_SECONDS_MAX = "limits.handshake_seconds_max", Kind::Number { min: 1, max: 300 }, Some("10"),
        "Seconds for all that comes before MQTT: PROXY header, TLS handshake and WebSocket upgrade together. Slow radio links need a few; a stranger gets no more.";
    CONNECT_SECONDS_MAX = "limits.connect_seconds_max", Kind::Number { min: 1, max: 300 }, Some("10"),
        "Seconds from the end of the handshake to a complete CONNECT (MQTT 5, 4.13: an idle stranger is closed).";
    CONNECT_BYTES_MAX = "limits.connect_bytes_max", Kind::Bytes { min: 256, max: MIB }, Some("131072"),
        "Size of a CONNECT packet. Bounds what somebody who has not logged in can make us keep; the largest payload of a will (64 KiB) must fit beside its topic and the rest.";
    PACKET_BYTES_MAX = "limits.packet_bytes_max", Kind::Bytes { min: KIB, max: 256 * MIB - 1 }, Some("1048576"),
        "Size of any other packet from a client, announced as Maximum Packet Size. Bounds what one connection makes us keep while it arrives.";
    RECEIVE_MAXIMUM = "limits.receive_maximum", Kind::Number { min: 1, max: 65_535 }, Some("1000"),
        "QoS 1 and 2 messages taken from a client unacknowledged, announced as Receive Maximum. Enough to fill a link while a commit is on its way.";
    WINDOW_MAX = "limits.window_max", Kind::Number { min: 1, max: 65_535 }, Some("1000"),
        "QoS 1 and 2 messages sent to a client unacknowledged, whatever receive maximum it gives. Bounds what is sent again after a reconnect.";
    KEEP_ALIVE_SECONDS_MAX = "limits.keep_alive_seconds_max", Kind::Number { min: 1, max: 65_535 }, Some("65535"),
        "Longest keep alive in seconds. A MQTT 5 client that asks for more, or for none, is told this one (Server Keep Alive); 65535 leaves clients their wish.";
    SESSION_EXPIRY_SECONDS_MAX = "limits.session_expiry_seconds_max", Kind::Number { min: 0, max: u32::MAX as u64 }, Some("4294967295"),
        "Longest session expiry interval in seconds; 4294967295 is for ever. Also what a 3.1.1 session without clean session gets.";
    SUBSCRIPTIONS_MAX = "limits.subscriptions_max", Kind::Number { min: 1, max: 1_000_000 }, Some("10000"),
        "Subscriptions of one client; one more is refused with Quota exceeded. Each is kept by every worker that may get a message for it. Must be the same on all nodes.";
    TOPIC_BYTES_MAX = "limits.topic_bytes_max", Kind::Bytes { min: 16, max: 65_535 }, Some("65535"),
        "Length of a topic name or filter. A longer name ends the connection with Topic name invalid, a longer filter is refused.";
    TOPIC_LEVELS_MAX = "limits.topic_levels_max", Kind::Number { min: 1, max: 65_535 }, Some("200"),
        "Levels of a topic name or filter. Matching goes from level to level; devices name themselves in ten.";
    USER_PROPERTIES_MAX = "limits.user_properties_max", Kind::Number { min: 0, max: 65_535 }, Some("256"),
        "User properties of one message, a will included; a publisher that sends more is disconnected with Quota exceeded. They go with the message to every receiver.";
    OUTPUT_BYTES_MAX = "limits.output_bytes_max", Kind::Bytes { min: 64 * KIB, max: GIB }, Some("1048576"),
        "Bytes waiting for one client that does not read. Beyond it QoS 0 is dropped and the rest waits in the session's queue.";
    OUTPUTS_BYTES_MAX = "limits.outputs_bytes_max", Kind::Bytes { min: MIB, max: 1024 * GIB }, Some("268435456"),
        "Bytes waiting for all clients of the node together. While there are more, nobody may hold more than 64 KiB: QoS 0 beyond it is dropped, and so is what waits for clean sessions.";
    SESSION_QUEUE_MESSAGES_MAX = "limits.session_queue_messages_max", Kind::Number { min: 1, max: 1_000_000_000 }, Some("100000"),
        "Messages queued for one persistent session. Bounds a client that never comes back; limits.session_queue_full says what happens then.";
    SESSION_QUEUE_BYTES_MAX = "limits.session_queue_bytes_max", Kind::Bytes { min: 64 * KIB, max: 1024 * GIB }, Some("67108864"),
        "Bytes queued for one persistent session, by the size of the messages.";
    SESSION_QUEUE_FULL = "limits.session_queue_full", Kind::Choice(&["reject", "drop_oldest", "drop_newest"]), Some(r#""reject""#),
        "What becomes of a message for a persistent session whose queue is full: \"reject\" refuses it for all with Quota exceeded (an MQTT 3.1.1 publisher is disconnected), so that nothing acknowledged is lost; \"drop_oldest\" takes the session's oldest unsent messages away, \"drop_newest\" leaves that session out. Must be the same on all nodes.";
    RETAINED_BYTES_MAX = "limits.retained_bytes_max", Kind::Bytes { min: 64 * KIB, max: 1024 * GIB }, Some("1073741824"),
        "Bytes of retained messages on the node, by topic and payload, an equal part for each shard; one more is refused with Quota exceeded.";
    QUEUES_BYTES_MAX = "limits.queues_bytes_max", Kind::Bytes { min: MIB, max: 1024 * GIB }, Some("805306368"),
        "Bytes of all messages queued for persistent sessions on the node, an equal part for each shard; a message in many queues counts once. One more is refused with Quota exceeded. Must be the same on all nodes.";
    SESSIONS_BYTES_MAX = "limits.sessions_bytes_max", Kind::Bytes { min: MIB, max: 1024 * GIB }, Some("536870912"),
        "Bytes of sessions, their subscriptions and wills on the node, an equal part for each shard; one more session is refused with Quota exceeded. Must be the same on all nodes.";

    MAXIMUM_QOS = "mqtt.maximum_qos", Kind::Number { min: 0, max: 2 }, Some("2"),
        "Highest QoS of a PUBLISH (announced as Maximum QoS; one above it ends the connection, a will above it is refused) and granted to a subscription.";
    RETAIN_AVAILABLE = "mqtt.retain_available", Kind::Bool, Some("true"),
        "Whether retained messages are kept. When off, a PUBLISH with the retain flag ends the connection with Retain not supported.";
    WILDCARD_AVAILABLE = "mqtt.wildcard_available", Kind::Bool, Some("true"),
        "Whether filters may have + and #.";
    SUBSCRIPTION_ID_AVAILABLE = "mqtt.subscription_identifier_available", Kind::Bool, Some("true"),
        "Whether MQTT 5 clients may give subscription identifiers.";
    SHARED_AVAILABLE = "mqtt.shared_available", Kind::Bool, Some("true"),
        "Whether clients may share a subscription ($share/GROUP/FILTER).";
    RESPONSE_INFORMATION = "mqtt.response_information", Kind::Text, None,
        "What MQTT 5 clients that ask for response information are told, as the beginning of their response topics: %c in it is the client identifier. Unset: nothing.";
    SHARED_STRATEGY = "mqtt.shared_strategy", Kind::Choice(&["round_robin", "random", "sticky", "by_client", "by_topic", "local_first"]), Some(r#""round_robin""#),
        "Who of a share group gets a message: one after another, anyone, always the same one until it leaves, the same for each publisher or for each topic while the members stay, or one after another of those on the publisher's node.";
    TOPIC_ALIAS_MAXIMUM = "mqtt.topic_alias_maximum", Kind::Number { min: 0, max: 65_535 }, Some("32"),
        "Topic aliases a client may set up, announced as Topic Alias Maximum; 0 is none. Their topics take at most 128 KiB per connection.";

    SHARDS = "storage.shards", Kind::Number { min: 1, max: 64 }, Some("4"),
        "Raft groups that share the sessions. Fixed at the first start with a data directory; later values are ignored.";
    SEGMENT_BYTES = "storage.segment_bytes", Kind::Bytes { min: MIB, max: 4 * GIB }, Some("67108864"),
        "Size of one file of the write-ahead log. Files are allocated whole and ahead, so this is also what a full disk is noticed by.";
    LOG_BYTES_MAX = "storage.log_bytes_max", Kind::Bytes { min: MIB, max: 1024 * GIB }, Some("268435456"),
        "Log of one group after which a snapshot is taken and the log before it dropped. Bounds disk use and the time of a restart.";
}

/// The key of that name.
pub fn find(name: &str) -> Option<&'static Key> {
    ALL.iter().find(|key| key.name == name)
}
