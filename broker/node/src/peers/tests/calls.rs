//! Calls, one-way frames, ends and new beginnings.

use std::time::Duration;

use bytes::Bytes;

use super::support::{Node, cluster, identity};
use crate::peers::{CallError, Kind, Lane, PeerAddress, SendError};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_answers_every_other() {
    let nodes = cluster(3, None).await;
    for from in &nodes {
        for to in 1..=3 {
            let answer = from.ask(to, "hello").await;
            if to == from.at.node {
                assert_eq!(answer, Err(CallError::Down));
            } else {
                assert_eq!(answer, Ok(Bytes::from_static(b"hello")));
            }
        }
    }
    let came = nodes[0].echo.came.lock().unwrap();
    let mut from: Vec<_> = came.iter().map(|(sender, _)| *sender).collect();
    from.sort_by_key(|sender| sender.node);
    assert_eq!(from.iter().map(|it| it.node).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(from[1].incarnation, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_of_a_lane_arrive_in_order() {
    let nodes = cluster(2, None).await;
    for number in 0..5_000_u32 {
        let body = Bytes::copy_from_slice(&number.to_le_bytes());
        nodes[0]
            .peers
            .send(2, Lane::Append, Kind::Status, body)
            .unwrap();
    }
    nodes[0].ask(2, "last").await.unwrap();
    let came = nodes[1].echo.came.lock().unwrap();
    assert_eq!(came.len(), 5_001);
    let in_order = came.iter().zip(0..5_000_u32);
    assert!(
        in_order
            .into_iter()
            .all(|((_, body), number)| body[..] == number.to_le_bytes())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_without_answer_ends() {
    let nodes = cluster(2, None).await;
    let call = |kind, deadline| {
        let body = Bytes::from_static(b"x");
        nodes[0].peers.call(2, Lane::Append, kind, body, deadline)
    };
    let short = Duration::from_millis(50);
    assert_eq!(call(Kind::Operate, short).await, Err(CallError::Deadline));
    // Nobody takes this kind there.
    let long = Duration::from_secs(30);
    assert_eq!(call(Kind::Forward, long).await, Err(CallError::Refused));
    // The answer is given up.
    let (given_up, ()) = tokio::join!(call(Kind::Operate, long), async {
        nodes[1]
            .until(|_| nodes[1].echo.kept.lock().unwrap().len() == 2)
            .await;
        nodes[1].echo.kept.lock().unwrap().clear();
    });
    assert_eq!(given_up, Err(CallError::Refused));
    // The peer goes.
    let (cut, ()) = tokio::join!(call(Kind::Operate, long), async {
        nodes[1]
            .until(|_| nodes[1].echo.kept.lock().unwrap().len() == 1)
            .await;
        nodes[1].peers.shutdown().await;
    });
    assert_eq!(cut, Err(CallError::Down));
    nodes[0].disconnected(2).await;
    assert_eq!(nodes[0].ask(2, "x").await, Err(CallError::Down));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_comes_back_is_found_again_at_its_new_life() {
    let nodes = cluster(2, None).await;
    let address = nodes[1].at.address.clone();
    nodes[1].peers.shutdown().await;
    nodes[0].disconnected(2).await;
    let again = Node::start(identity(2, 9), None, &address).await;
    again
        .peers
        .set_members(vec![nodes[0].at.clone(), again.at.clone()]);
    nodes[0].connected(2).await;
    again.connected(1).await;
    assert_eq!(
        nodes[0].ask(2, "again").await,
        Ok(Bytes::from_static(b"again"))
    );
    assert_eq!(nodes[0].peers.incarnation_of(2), Some(9));
    // A life that gets its number late tells it without any traffic.
    again.peers.set_identity(identity(2, 12));
    nodes[0]
        .until(|peers| peers.state().borrow().peers[&2].incarnation == Some(12))
        .await;
    let ended = nodes[0].echo.ended.lock().unwrap();
    assert!(ended.contains(&(2, Lane::Append)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_never_answers_stalls_nobody_else() {
    let nodes = cluster(3, None).await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut members: Vec<_> = nodes.iter().map(|node| node.at.clone()).collect();
    members.push(PeerAddress {
        node: 4,
        address: silent.local_addr().unwrap().to_string(),
    });
    nodes[0].peers.set_members(members);
    let body = Bytes::from_static(b"x");
    let sent = nodes[0].peers.send(4, Lane::Control, Kind::Status, body);
    assert_eq!(sent, Err(SendError::Down));
    assert_eq!(nodes[0].ask(2, "on").await, Ok(Bytes::from_static(b"on")));
    assert_eq!(nodes[0].ask(3, "on").await, Ok(Bytes::from_static(b"on")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_is_removed_is_cut_off_and_told() {
    let nodes = cluster(3, None).await;
    let left: Vec<_> = nodes[..2].iter().map(|node| node.at.clone()).collect();
    nodes[0].peers.set_members(left);
    assert_eq!(nodes[0].ask(3, "x").await, Err(CallError::Down));
    nodes[2]
        .until(|peers| {
            let state = peers.state();
            let refused = state.borrow().peers[&1].refused;
            refused == Some(crate::peers::Refusal::Member)
        })
        .await;
    assert!(nodes[2].ask(2, "x").await.is_ok());
}
