//! What the node does when its standing in the cluster changes: who is waited for, clients sent away, and how
//! a life ends.

use std::sync::Arc;

use quorate_control::{Control, Life};
use tokio::sync::watch;

use crate::interest::Live;
use crate::members::{Over, Standing};
use crate::raft::Groups;
use crate::shutdown::Signals;
use crate::worker::{Mailbox, ToWorker};

/// How a life of the node ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Somebody wants the process to end.
    Signal(&'static str),
    /// The node's cluster ends this life, or its membership.
    Cluster(Over),
}

/// Waits for the end.
pub(super) async fn ending(groups: &Groups, signals: &mut Signals) -> Ending {
    let mut over = groups.over();
    tokio::select! {
        signal = signals.next() => Ending::Signal(signal),
        over = over.wait_for(Option::is_some) => {
            let over = over.ok().and_then(|over| *over);
            Ending::Cluster(over.unwrap_or(Over::Life))
        }
    }
}

/// Keeps told which other members are live: what is not may be routed around.
pub(super) fn follow_live(groups: &Groups, told: watch::Sender<Live>) {
    let own = groups.node();
    let mut control = groups.control();
    tokio::spawn(async move {
        loop {
            let live = live(&control.borrow_and_update(), own);
            told.send_if_modified(|known| {
                let changed = *known != live;
                if changed {
                    *known = live;
                }
                changed
            });
            if control.changed().await.is_err() {
                return;
            }
        }
    });
}

fn live(control: &Control, own: quorate_control::NodeId) -> Live {
    let members = control.members();
    let live = members.filter(|(node, member)| *node != own && member.is_live());
    let life = |(node, member): (_, &quorate_control::Member)| Life {
        node,
        incarnation: member.incarnation,
    };
    live.map(life).collect()
}

/// Has clients sent away when the lease is lost.
pub(super) fn send_away_without_lease(groups: &Groups, mailboxes: Arc<[Arc<Mailbox>]>) {
    let mut standing = groups.fence().watch();
    tokio::spawn(async move {
        while standing.changed().await.is_ok() {
            if *standing.borrow_and_update() == Standing::Lost {
                for mailbox in mailboxes.iter() {
                    mailbox.send(ToWorker::SendAway);
                }
            }
        }
    });
}
