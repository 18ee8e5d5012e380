//! This node as a member of its cluster: how it gets in, its lease, what the control leader and the leaders
//! of groups do so that every group has the wanted members and no dead node is waited for.

mod addresses;
mod balance;
mod client;
mod clock;
mod converge;
mod entry;
mod fence;
mod lease;
mod lease_table;
mod limits;
mod links;
mod overseer;
mod release;
mod service;
mod standing;

pub(crate) use client::ControlClient;
pub use entry::{EntryError, Joined, Newcomer};
pub use fence::{Fence, Standing};
pub use standing::Over;

pub(crate) use lease::is_stranger;
pub(crate) use service::Service;
pub(crate) use standing::Membership;

use std::path::PathBuf;
use std::sync::Arc;

use quorate_shard::ShardId;
use tokio::task::JoinHandle;

use crate::raft::WeakGroups;

/// Starts everything that goes on by itself.
pub(crate) fn spawn(
    membership: &Arc<Membership>,
    groups: &WeakGroups,
    data: PathBuf,
) -> Vec<JoinHandle<()>> {
    let mut tasks = vec![
        tokio::spawn(lease::keep(Arc::clone(membership))),
        tokio::spawn(overseer::oversee(Arc::clone(membership))),
        tokio::spawn(addresses::follow(
            data,
            membership.peers.clone(),
            membership.control.clone(),
        )),
    ];
    for (place, group) in membership.groups.iter().enumerate() {
        tasks.push(tokio::spawn(converge::converge(
            Arc::clone(membership),
            place,
        )));
        let shard = place.checked_sub(1).map(ShardId::try_from);
        if let Some(Ok(shard)) = shard {
            tasks.push(tokio::spawn(release::release(
                groups.clone(),
                shard,
                membership.control.clone(),
                group.leadership(),
            )));
        }
    }
    tasks
}

/// Hands over all groups that this node leads, to be done before it stops. Ends when it leads none, or nobody
/// else can.
pub(crate) async fn hand_over_all(membership: &Arc<Membership>) {
    membership.drain();
    let handing = (0..membership.groups.len()).map(|place| balance::leave(membership, place));
    futures::future::join_all(handing).await;
}
