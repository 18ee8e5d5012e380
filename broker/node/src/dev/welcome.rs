//! What people see when the nodes are ready: who is where, and what to try.

use super::child::Child;
use super::news::Nodes;
use super::{Plan, Ports};
use crate::admin::{View, group_name, role_name, table as columns};
use crate::config::ADMIN_PORT;

/// One line per node.
pub(super) fn table(plan: &Plan, children: &[Child], view: Option<&View>) -> String {
    let nodes = view.map(|view| plan.names(view)).unwrap_or_default();
    let head = ["NODE", "ID", "MQTT", "METRICS", "PID", "ROLE"];
    let rows = children.iter().map(|child| {
        let Ports { mqtt, http, .. } = child.ports;
        let id = nodes.id(child.node);
        [
            child.node.to_string(),
            id.map_or_else(|| "-".to_owned(), |id| id.to_string()),
            format!("localhost:{mqtt}"),
            format!("http://localhost:{http}/metrics"),
            child
                .id()
                .map_or_else(|| "-".to_owned(), |id| id.to_string()),
            view.map_or_else(|| "-".to_owned(), |view| role(view, &nodes, child.node)),
        ]
    });
    let logs = plan.data.join("node-N.log");
    format!("\n{}Logs are in {}.\n", columns(head, rows), logs.display())
}

fn role(view: &View, nodes: &Nodes, number: u16) -> String {
    let member = nodes.id(number).and_then(|id| view.member(id));
    let Some(member) = member else {
        return "not a member yet".to_owned();
    };
    let led = view.groups().into_iter();
    let led = led.filter(|group| group.leader == Some(member.node));
    let led: Vec<String> = led.map(|group| group_name(group.group)).collect();
    let role = role_name(member.role());
    if led.is_empty() {
        return role.to_owned();
    }
    format!("{role}, leads {}", led.join(", "))
}

/// For a second and a third terminal.
pub(super) fn hints(plan: &Plan) -> String {
    let first = plan.ports(1);
    let last = plan.ports(plan.nodes);
    let to = if first.admin == ADMIN_PORT {
        String::new()
    } else {
        format!(" --to 127.0.0.1:{}", first.admin)
    };
    format!(
        "\nTry it, in a second and a third terminal:\n\
         \x20   mosquitto_sub -h localhost -p {} -v -t temp         # node 1\n\
         \x20   mosquitto_pub -h localhost -p {} -t temp -m 22.5    # node {}\n\
         \x20   {} admin{to} status\n\
         Then kill -9 one of the nodes (PID above) and publish again on another.\n\
         Everybody on this machine may connect. What happens to the nodes is told here; Ctrl-C ends all.\n\n",
        first.mqtt,
        last.mqtt,
        plan.nodes,
        program(),
    )
}

/// This program as it was called.
pub(super) fn program() -> String {
    std::env::args()
        .next()
        .unwrap_or_else(|| "quorate".to_owned())
}
