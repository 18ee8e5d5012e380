//! Names and texts of `$SYS`: mosquitto's, so that what reads them there reads them here.

use std::time::Duration;

use super::averages::{Averages, LOADS, MINUTES};
use super::reading::Reading;

/// Everything that is told, by topic.
pub(super) fn list(
    reading: &Reading,
    averages: &Averages,
    uptime: Duration,
    connected_most: u64,
) -> Vec<(String, String)> {
    let mut told = Vec::new();
    let mut tell = |name: &str, value: String| told.push((format!("$SYS/{name}"), value));
    tell(
        "broker/version",
        format!("quorate version {}", env!("CARGO_PKG_VERSION")),
    );
    tell("broker/uptime", format!("{} seconds", uptime.as_secs()));
    for (name, value) in numbers(reading, connected_most) {
        tell(&format!("broker/{name}"), value.to_string());
    }
    for (load, (name, _)) in LOADS.iter().enumerate() {
        for (value, minutes) in averages.of(load).into_iter().zip(MINUTES) {
            tell(
                &format!("broker/load/{name}/{minutes}min"),
                format!("{value:.2}"),
            );
        }
    }
    let members: Vec<_> = reading.members.iter().map(ToString::to_string).collect();
    let leader = reading
        .leader
        .map_or_else(|| "none".to_owned(), |id| id.to_string());
    tell("cluster/node", reading.node.to_string());
    tell("cluster/leader", leader);
    tell("cluster/members", members.join(","));
    tell("cluster/members/count", members.len().to_string());
    told
}

/// Plain numbers. Clients that are elsewhere in the cluster count as not connected here.
fn numbers(reading: &Reading, connected_most: u64) -> [(&'static str, u64); 20] {
    let away = reading.sessions.saturating_sub(reading.connected);
    [
        ("clients/total", reading.sessions.max(reading.connected)),
        ("clients/connected", reading.connected),
        ("clients/active", reading.connected),
        ("clients/disconnected", away),
        ("clients/inactive", away),
        ("clients/maximum", connected_most),
        ("messages/received", reading.packets_received),
        ("messages/sent", reading.packets_sent),
        ("messages/stored", reading.stored),
        ("store/messages/count", reading.stored),
        ("store/messages/bytes", reading.stored_bytes),
        ("publish/messages/received", reading.publish_received),
        ("publish/messages/sent", reading.publish_sent),
        ("publish/messages/dropped", reading.publish_dropped),
        ("publish/bytes/received", reading.publish_received_bytes),
        ("publish/bytes/sent", reading.publish_sent_bytes),
        ("bytes/received", reading.bytes_received),
        ("bytes/sent", reading.bytes_sent),
        ("subscriptions/count", reading.subscriptions),
        ("retained messages/count", reading.retained),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_topics_and_differ() {
        let told = list(&Reading::default(), &Averages::default(), Duration::ZERO, 0);
        let mut names: Vec<_> = told.iter().map(|(name, _)| name.clone()).collect();
        for name in &names {
            assert!(
                name.starts_with("$SYS/") && !name.contains(['+', '#']),
                "{name}"
            );
        }
        names.sort();
        names.dedup();
        assert_eq!(names.len(), told.len());
    }
}
