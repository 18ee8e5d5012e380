//! The command line: what can be said, and how it becomes a [`Config`]. Starts nothing.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::config::{self, Config, ConfigError, Flags, Raw, key};

/// Quorate: an MQTT broker that acknowledges a message once it is safe on disk.
///
/// Without a command, runs `dev`: a broker on 127.0.0.1:1883 for everybody on this machine, with its data
/// in ./quorate-data.
#[derive(Debug, Parser)]
#[command(name = "quorate", version, verbatim_doc_comment)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Serve),
    Dev(Dev),
}

/// Run a node in the foreground.
///
/// Flags win over the environment, the environment over the file, the file over the defaults. The
/// variable of a key is its name in capitals behind QUORATE_: auth.password_file in the file is
/// QUORATE_AUTH_PASSWORD_FILE in the environment. --print-config shows every key with its meaning, its
/// bounds and where its value came from.
///
/// SIGTERM or Ctrl-C ends the node cleanly; SIGHUP makes it look at certificates and passwords at once.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
struct Serve {
    /// Directory for everything that must survive a restart; created if it is missing
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Configuration in TOML; quorate serve --print-config writes one to start from
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where clients connect, such as mqtt://0.0.0.0:1883 or
    /// mqtts://0.0.0.0:8883?cert=FILE&key=FILE; may be given several times [default: mqtt://127.0.0.1:1883]
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
    /// Print the effective configuration and exit
    #[arg(long)]
    print_config: bool,
}

/// Run a broker for everybody on this machine, to try things out.
///
/// The same as serve with anonymous access on loopback: MQTT on the base port, HTTP 8000 above it.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
struct Dev {
    /// Directory for everything that must survive a restart
    #[arg(long, value_name = "DIR", default_value = "./quorate-data")]
    data: PathBuf,
    /// Port for MQTT
    #[arg(long, value_name = "PORT", default_value_t = DEV_PORT, value_parser = clap::value_parser!(u16).range(1..=DEV_PORT_MAX))]
    base_port: u16,
}

const DEV_PORT: u16 = 1883;
/// HTTP is on a port this far above MQTT's.
const DEV_HTTP_OFFSET: u16 = 8000;
const DEV_PORT_MAX: i64 = (u16::MAX - DEV_HTTP_OFFSET) as i64;

/// What the command line asks for.
#[derive(Debug)]
pub enum Task {
    /// Run a node.
    Run {
        /// How.
        config: Box<Config>,
        /// What to try, for people who have just started; printed once the node is ready.
        hints: String,
    },
    /// Print this and end.
    Print(String),
}

impl Cli {
    /// The task, with a configuration that is valid.
    ///
    /// # Errors
    /// The configuration is not.
    pub fn into_task(self) -> Result<Task, ConfigError> {
        match self.command {
            Some(Command::Serve(serve)) => serve.into_task(),
            Some(Command::Dev(dev)) => dev.into_task(),
            None => Dev {
                data: "./quorate-data".into(),
                base_port: DEV_PORT,
            }
            .into_task(),
        }
    }
}

impl Serve {
    fn into_task(self) -> Result<Task, ConfigError> {
        let print_config = self.print_config;
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
        })
    }

    fn into_flags(self) -> Flags {
        let mut flags = Flags::new();
        let mut add = |name, flag, value: Option<Raw>| {
            let key = key::find(name).expect("flags name keys that exist");
            flags.extend(value.map(|value| (key, flag, value)));
        };
        let path = |path: PathBuf| Raw::Text(path.to_string_lossy().into_owned());
        add("data", "--data", self.data.map(path));
        let urls = (!self.listen.is_empty()).then(|| Raw::Toml(self.listen.into()));
        add("listen", "--listen", urls);
        let yes = self.allow_anonymous.then(|| Raw::Toml(true.into()));
        add("auth.allow_anonymous", "--allow-anonymous", yes);
        add(
            "auth.password_file",
            "--password-file",
            self.password_file.map(path),
        );
        add("http", "--http", self.http.map(Raw::Text));
        add("workers", "--workers", self.workers.map(Raw::Text));
        flags
    }
}

impl Dev {
    fn into_task(self) -> Result<Task, ConfigError> {
        let port = self.base_port;
        let serve = Serve {
            data: Some(self.data),
            config: None,
            listen: vec![format!("mqtt://127.0.0.1:{port}")],
            allow_anonymous: true,
            password_file: None,
            http: Some(format!("127.0.0.1:{}", port + DEV_HTTP_OFFSET)),
            workers: None,
            print_config: false,
        };
        let config = Config::load(None, serve.into_flags())?;
        let port_flag = if port == DEV_PORT {
            String::new()
        } else {
            format!(" -p {port}")
        };
        let hints = format!(
            "\nTry it, in a second and a third terminal:\n\
             \x20   mosquitto_sub -h localhost{port_flag} -v -t temp\n\
             \x20   mosquitto_pub -h localhost{port_flag} -t temp -m 22.5\n\
             Everybody on this machine may connect; quorate serve --help tells how to let only some in.\n\
             Ctrl-C ends it.\n"
        );
        Ok(Task::Run {
            config: Box::new(config),
            hints,
        })
    }
}
