//! `quorate serve`: flags of one node.

use std::path::PathBuf;

use clap::Args;

use super::Task;
use crate::config::{self, Config, ConfigError, Flags, Raw, key};

/// Run a node in the foreground.
///
/// Flags win over the environment, the environment over the file, the file over the defaults. The
/// variable of a key is its name in capitals behind QUORATE_: auth.password_file in the file is
/// QUORATE_AUTH_PASSWORD_FILE in the environment. --print-config shows every key with its meaning, its
/// bounds and where its value came from.
///
/// A node alone opens no port for other nodes. Any of --bootstrap, --join, --advertise and --peers-… opens
/// one (127.0.0.1:7883), and one for quorate admin (127.0.0.1:7983). Both stay on loopback until they have
/// certificates, which quorate certs makes. What a node with data belongs to is in its data: --bootstrap
/// and --join are for empty directories.
///
/// SIGTERM or Ctrl-C ends the node cleanly; SIGHUP makes it look at certificates and passwords at once.
#[derive(Debug, Default, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Serve {
    /// Directory for everything that must survive a restart; created if it is missing
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Configuration in TOML; quorate serve --print-config writes one to start from
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where clients connect, such as mqtt://0.0.0.0:1883, ws://0.0.0.0:8083,
    /// mqtts://0.0.0.0:8883?cert=FILE&key=FILE or unix:/run/quorate.sock; may be given several times
    /// [default: mqtt://127.0.0.1:1883]
    #[arg(long, value_name = "URL")]
    listen: Vec<String>,
    /// Let clients in that give no user name
    #[arg(long)]
    allow_anonymous: bool,
    /// Users and password hashes, made by mosquitto_passwd; read again when it changes
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Address of /livez, /readyz and /metrics, such as 127.0.0.1:9883, or off [default: off]
    #[arg(long, value_name = "ADDR")]
    http: Option<String>,
    /// Worker threads [default: one for two cores, then one more for every three]
    #[arg(long, value_name = "N")]
    workers: Option<String>,
    #[command(flatten)]
    cluster: Cluster,
    /// Print the effective configuration and exit
    #[arg(long)]
    print_config: bool,
    /// End with standard input: how dev's nodes notice that it is gone
    #[arg(long, hide = true)]
    end_with_input: bool,
}

/// Flags of a node that has others.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Cluster")]
struct Cluster {
    /// single makes a new cluster of one, wait makes none until quorate admin says so
    /// [default: single, and no port for other nodes]
    #[arg(long, value_name = "HOW")]
    bootstrap: Option<String>,
    /// Join the cluster that these peer addresses belong to
    #[arg(long, value_name = "HOST:PORT,…", conflicts_with = "bootstrap")]
    join: Option<String>,
    /// Name or IP address under which other nodes reach this one [default: that of --peers-listen]
    #[arg(long, value_name = "HOST")]
    advertise: Option<String>,
    /// Where other nodes connect, or off
    #[arg(long, value_name = "ADDR")]
    peers_listen: Option<String>,
    /// Certificate chain that this node shows to other nodes
    #[arg(long, value_name = "FILE")]
    peers_cert: Option<PathBuf>,
    /// Its private key
    #[arg(long, value_name = "FILE")]
    peers_key: Option<PathBuf>,
    /// CA that certificates of other nodes must be signed by
    #[arg(long, value_name = "FILE")]
    peers_ca: Option<PathBuf>,
    /// Where quorate admin connects, or off
    #[arg(long, value_name = "ADDR")]
    admin_listen: Option<String>,
    /// Certificate chain that this node shows to quorate admin
    #[arg(long, value_name = "FILE")]
    admin_cert: Option<PathBuf>,
    /// Its private key
    #[arg(long, value_name = "FILE")]
    admin_key: Option<PathBuf>,
    /// CA that certificates of quorate admin must be signed by
    #[arg(long, value_name = "FILE")]
    admin_ca: Option<PathBuf>,
}

impl Serve {
    /// A node for everybody on this machine.
    pub(super) fn local(data: PathBuf, port: u16, http_port: u16) -> Self {
        Self {
            data: Some(data),
            listen: vec![format!("mqtt://127.0.0.1:{port}")],
            allow_anonymous: true,
            http: Some(format!("127.0.0.1:{http_port}")),
            ..Self::default()
        }
    }

    pub(super) fn into_task(self) -> Result<Task, ConfigError> {
        let print_config = self.print_config;
        let ends_with_input = self.end_with_input;
        let file = self.config.clone();
        let flags = self.into_flags();
        if print_config {
            let text = Config::print(file.as_deref(), &config::environment, flags)?;
            return Ok(Task::Print(text));
        }
        let config = Config::load(file.as_deref(), flags)?;
        Ok(Task::Run {
            config: Box::new(config),
            hints: String::new(),
            ends_with_input,
        })
    }

    pub(super) fn into_flags(self) -> Flags {
        let path = |path: PathBuf| Raw::Text(path.to_string_lossy().into_owned());
        let urls = (!self.listen.is_empty()).then(|| Raw::Toml(self.listen.into()));
        let yes = self.allow_anonymous.then(|| Raw::Toml(true.into()));
        let cluster = self.cluster;
        let values = [
            ("data", "--data", self.data.map(path)),
            ("listen", "--listen", urls),
            ("auth.allow_anonymous", "--allow-anonymous", yes),
            (
                "auth.password_file",
                "--password-file",
                self.password_file.map(path),
            ),
            ("http", "--http", self.http.map(Raw::Text)),
            ("workers", "--workers", self.workers.map(Raw::Text)),
            (
                "cluster.bootstrap",
                "--bootstrap",
                cluster.bootstrap.map(Raw::Text),
            ),
            ("cluster.join", "--join", cluster.join.map(Raw::Text)),
            (
                "cluster.advertise",
                "--advertise",
                cluster.advertise.map(Raw::Text),
            ),
            (
                "peers.listen",
                "--peers-listen",
                cluster.peers_listen.map(Raw::Text),
            ),
            ("peers.cert", "--peers-cert", cluster.peers_cert.map(path)),
            ("peers.key", "--peers-key", cluster.peers_key.map(path)),
            ("peers.ca", "--peers-ca", cluster.peers_ca.map(path)),
            (
                "admin.listen",
                "--admin-listen",
                cluster.admin_listen.map(Raw::Text),
            ),
            ("admin.cert", "--admin-cert", cluster.admin_cert.map(path)),
            ("admin.key", "--admin-key", cluster.admin_key.map(path)),
            ("admin.ca", "--admin-ca", cluster.admin_ca.map(path)),
        ];
        let to_flag = |(name, flag, value): (&str, &'static str, Option<Raw>)| {
            let key = key::find(name).expect("flags name keys that exist");
            value.map(|value| (key, flag, value))
        };
        values.into_iter().filter_map(to_flag).collect()
    }
}
