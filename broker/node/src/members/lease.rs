//! This node's own lease: asked for from the control leader, counted from when it was asked.

use std::sync::Arc;

use prost::Message as _;
use quorate_control::{Life, NodeId, Role};
use quorate_proto::peer::{LeaseAnswer, LeaseRequest, LedGroup, lease_answer::Verdict};
use tokio::time::{Instant, MissedTickBehavior};

use super::clock::now_ms;
use super::limits::{
    CATCH_UP_LAG_MAX, LEASE_MS, RENEWAL_DEADLINE, RENEWAL_INTERVAL, STRANGER_AFTER,
};
use super::standing::{Membership, Over};
use crate::peers::{Kind, Lane, Peers, Refusal};
use crate::raft::Leadership;

/// Asks again and again, and lets the fence fall when no answer comes.
pub(super) async fn keep(membership: Arc<Membership>) {
    let mut ticks = tokio::time::interval(RENEWAL_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stranger_since = None;
    loop {
        let ending = membership.fence.left_ms().filter(|left| *left > 0);
        let ended = async {
            match ending {
                Some(left) => tokio::time::sleep(std::time::Duration::from_millis(left)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = ticks.tick() => ask(&membership),
            () = ended => {}
        }
        membership.fence.tell();
        if is_stranger(&membership.peers) {
            let since = *stranger_since.get_or_insert_with(Instant::now);
            if since.elapsed() > STRANGER_AFTER {
                membership.end(Over::Removed);
            }
        } else {
            stranger_since = None;
        }
    }
}

fn ask(membership: &Arc<Membership>) {
    if is_alone(membership) {
        membership.fence.hold_forever();
        return;
    }
    let asked = now_ms();
    if membership.fence.left_ms().is_none() {
        // Others have joined: from now on there is somebody to ask.
        membership.fence.hold_until(asked + LEASE_MS);
    }
    let leader = *membership.client.group.leader().borrow();
    let Some(leader) = leader else {
        return;
    };
    let request = request(membership);
    if leader == membership.node {
        let membership = Arc::clone(membership);
        tokio::spawn(async move {
            let life = Life {
                node: membership.node,
                incarnation: membership.incarnation,
            };
            let answer = membership.service.renew(life, request).await;
            answered(&membership, asked, answer);
        });
    } else {
        let body = request.encode_to_vec().into();
        let then = Arc::clone(membership);
        let done = move |answer: Result<bytes::Bytes, _>| {
            if let Some(answer) = answer.ok().and_then(|body| LeaseAnswer::decode(body).ok()) {
                answered(&then, asked, answer);
            }
        };
        let (lane, kind) = (Lane::Control, Kind::Lease);
        let peers = &membership.peers;
        peers.call_then(leader, lane, kind, body, RENEWAL_DEADLINE, Box::new(done));
    }
}

fn answered(membership: &Membership, asked: u64, answer: LeaseAnswer) {
    membership.hear(answer.revision);
    match Verdict::try_from(answer.verdict) {
        Ok(Verdict::Granted) => match membership.suspended() {
            None => membership.fence.hold_until(asked + LEASE_MS),
            // Subscribers were confirmed without it: a new life learns of them before it serves anybody.
            Some(suspended) if suspended < asked => membership.end(Over::Life),
            // Answers may overtake each other.
            Some(_) => {}
        },
        Ok(Verdict::Suspended) => membership.suspend(asked),
        Ok(Verdict::Over) => membership.end(Over::Life),
        Ok(Verdict::Removed) => membership.end(Over::Removed),
        Ok(Verdict::NotLeading) | Err(_) => {}
    }
}

/// Whether there is nobody else who could take this node for dead.
fn is_alone(membership: &Membership) -> bool {
    let control = membership.state();
    let mut others = control.members();
    let known = control.member(membership.node);
    let leads = *membership.client.group.leadership().borrow() == Leadership::Leading;
    let group = membership.client.group.members();
    let only = |nodes: &std::collections::BTreeSet<NodeId>| {
        nodes.iter().all(|node| *node == membership.node)
    };
    leads
        && known.is_some_and(|member| member.role == Role::Voter)
        && others.all(|(node, member)| node == membership.node || member.role == Role::Removed)
        && only(&group.voters)
        && only(&group.learners)
}

fn request(membership: &Membership) -> LeaseRequest {
    let peers = membership.peers.state();
    let peers = peers.borrow();
    let unreachable = peers.peers.iter().filter(|(_, peer)| !peer.connected);
    let groups = membership.groups.iter();
    let caught_up = groups
        .clone()
        .all(|group| group.is_caught_up(CATCH_UP_LAG_MAX));
    let led = (0u32..).zip(0..membership.groups.len());
    LeaseRequest {
        unreachable: unreachable.map(|(node, _)| *node).collect(),
        caught_up,
        led: led
            .map(|(group, place)| LedGroup {
                group,
                revision: membership.reached(place),
            })
            .filter(|led| led.revision > 0)
            .collect(),
    }
}

/// Whether no other member takes this node's streams, and one says that it is no member.
pub(crate) fn is_stranger(peers: &Peers) -> bool {
    let peers = peers.state();
    let peers = peers.borrow();
    let stranger = |peer: &crate::peers::PeerState| peer.refused == Some(Refusal::Member);
    let connected = peers.peers.values().any(|peer| peer.connected);
    !connected && peers.peers.values().any(stranger)
}
