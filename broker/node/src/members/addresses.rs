//! Where peers are reached: from the control state to the streams and to the data directory, so that a node
//! that starts finds the others before it has heard of anybody.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use quorate_control::{Control, NodeId, Role};
use tokio::sync::watch;
use tokio::time::Instant;

use super::limits::FAREWELL;
use crate::data_dir;
use crate::peers::{PeerAddress, Peers};

/// Members with an address; removed ones are not among them.
pub(crate) fn known_addresses(control: &Control) -> Vec<PeerAddress> {
    let members = control.members();
    members
        .filter(|(_, member)| member.role != Role::Removed && !member.addresses.peer.is_empty())
        .map(|(node, member)| PeerAddress {
            node,
            address: member.addresses.peer.clone(),
        })
        .collect()
}

/// Keeps the streams and the data directory up to date. Removed members are heard a little longer, so that
/// they can be told.
pub(super) async fn follow(
    data: PathBuf,
    peers: Peers,
    mut control: watch::Receiver<Arc<Control>>,
) {
    let mut told: Option<Vec<PeerAddress>> = None;
    let mut leaving: BTreeMap<NodeId, (Instant, PeerAddress)> = BTreeMap::new();
    loop {
        let known = known_addresses(&control.borrow_and_update());
        if known.is_empty() {
            // Nothing is known yet, or this node is alone and has no port: what the directory says stays.
        } else if told.as_ref() != Some(&known) {
            let until = Instant::now() + FAREWELL;
            for gone in told.iter().flatten() {
                if known.iter().all(|peer| peer.node != gone.node) {
                    leaving.insert(gone.node, (until, gone.clone()));
                }
            }
            save(&data, &known).await;
            told = Some(known.clone());
        }
        leaving.retain(|_, (until, _)| *until > Instant::now());
        let mut reached = known;
        reached.extend(leaving.values().map(|(_, peer)| peer.clone()));
        if !reached.is_empty() {
            peers.set_members(reached);
        }
        let farewell = leaving.values().map(|(until, _)| *until).min();
        let ended = async {
            match farewell {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = control.changed() => if changed.is_err() { return },
            () = ended => {}
        }
    }
}

async fn save(data: &std::path::Path, known: &[PeerAddress]) {
    let (data, members) = (data.to_owned(), known.to_vec());
    let saving = tokio::task::spawn_blocking(move || {
        let notes = data_dir::read_notes(&data);
        data_dir::save_notes(&data, &data_dir::Notes { members, ..notes })
    });
    match saving.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the members' addresses could not be saved"),
        Err(error) => tracing::error!(%error, "saving the members' addresses was aborted"),
    }
}
