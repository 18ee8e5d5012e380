//! `quorate dev`: one node in this process, or several as children of it.

use std::path::PathBuf;

use clap::Args;

use super::Task;
use super::serve::Serve;
use crate::config::{Config, ConfigError};
use crate::dev::{NODES_MAX, Plan, Ports};

/// Run a broker for everybody on this machine, to try things out.
///
/// One node is the same as serve with anonymous access on loopback: MQTT on the base port, HTTP 8000 above
/// it. Several nodes are child processes of this one that form a cluster: node 2 has MQTT on the next port,
/// and so on; each has its port for other nodes 6000 above that for MQTT, the one for quorate admin
/// 6100 above. (With a base port above 57529 all of them are below instead.) Their data and logs are node-1,
/// node-1.log, node-2, … in the data directory.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Dev {
    /// Directory for everything that must survive a restart
    #[arg(long, value_name = "DIR", default_value = DATA)]
    data: PathBuf,
    /// Nodes
    #[arg(long, value_name = "N", default_value_t = NODES, value_parser = clap::value_parser!(u16).range(1..=i64::from(NODES_MAX)))]
    nodes: u16,
    /// Port for MQTT; of node 1 if there are several
    #[arg(long, value_name = "PORT", default_value_t = PORT, value_parser = clap::value_parser!(u16).range(1..=i64::from(Ports::BASE_MAX)))]
    base_port: u16,
}

const DATA: &str = "./quorate-data";
const NODES: u16 = 3;
const PORT: u16 = 1883;

impl Default for Dev {
    fn default() -> Self {
        Self {
            data: DATA.into(),
            nodes: NODES,
            base_port: PORT,
        }
    }
}

impl Dev {
    pub(super) fn into_task(self) -> Result<Task, ConfigError> {
        if self.nodes > 1 {
            return Ok(Task::Cluster(Plan {
                nodes: self.nodes,
                data: self.data,
                base_port: self.base_port,
            }));
        }
        let port = self.base_port;
        let serve = Serve::local(self.data, port, Ports::of(port, 1).http);
        let config = Config::load(None, serve.into_flags())?;
        let port_flag = if port == PORT {
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
            ends_with_input: false,
        })
    }
}
