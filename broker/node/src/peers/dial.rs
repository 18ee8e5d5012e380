//! Keeps one lane to one peer up: connect, greet, read answers, and again when it ended.

use std::sync::Arc;
use std::time::Duration;

use quorate_control::NodeId;
use quorate_proto::peer::Chunk;
use quorate_proto::peer::peer_client::PeerClient;
use tokio::time::timeout;
use tonic::{Request, Streaming};

use super::connect::{ConnectError, connect};
use super::error::Refusal;
use super::frame;
use super::kind::Lane;
use super::lane_stream::{Outgoing, ToServer, refusal};
use super::limits::{CHUNK_BYTES_MAX, DIAL_PAUSE_MAX, DIAL_PAUSE_MIN, HELLO_WAIT};
use super::peer::{Dialled, Peer};
use super::shared::Shared;

/// Why a lane is not up.
#[derive(Debug, thiserror::Error)]
enum DialError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("it does not greet in time")]
    Silent,
    #[error("it refuses this node: {0}")]
    Refused(Refusal),
    #[error("it is not who it should be: {0}")]
    Impostor(Refusal),
    #[error("the stream ended: {0}")]
    Ended(String),
}

/// Runs until the peer is retired.
pub(super) async fn keep_up(shared: Arc<Shared>, peer: Arc<Peer>, lane: Lane) {
    let mut pause = DIAL_PAUSE_MIN;
    let mut told = false;
    loop {
        let mut was_up = false;
        let error = match run(&shared, &peer, lane, &mut was_up).await {
            Ok(()) => DialError::Ended("closed".to_owned()),
            Err(error) => error,
        };
        if was_up {
            pause = DIAL_PAUSE_MIN;
            told = false;
        }
        note(&shared, &peer, lane, &error, &mut told);
        // Without the pause's end two nodes that dial each other would still meet: one hears of the other.
        let _ = timeout(pause, peer.heard[lane as usize].notified()).await;
        pause = (pause * 2).min(DIAL_PAUSE_MAX);
    }
}

/// Tells operators once per outage, and others why.
fn note(shared: &Shared, peer: &Peer, lane: Lane, error: &DialError, told: &mut bool) {
    if let DialError::Refused(refusal) = error {
        shared.set_refused(peer.at.node, Some(*refusal));
    }
    let node = peer.at.node;
    let address = &peer.at.address;
    if std::mem::replace(told, true) {
        tracing::debug!(node, %lane, %address, %error, "a peer is still not connected");
    } else {
        tracing::info!(node, %lane, %address, %error, "a peer is not connected");
    }
}

/// One stream from its beginning to its end.
async fn run(
    shared: &Arc<Shared>,
    peer: &Arc<Peer>,
    lane: Lane,
    was_up: &mut bool,
) -> Result<(), DialError> {
    let local = shared.ready().map_err(DialError::Impostor)?;
    let channel = connect(&peer.at.address, shared.tls.as_ref()).await?;
    let stream = peer.new_stream(lane);
    let counters = Arc::clone(peer.counters.lane(lane));
    let queue = Arc::clone(&stream.queue);
    let outgoing = Outgoing::new(local, peer.at.node, lane, queue, counters);
    let mut client = PeerClient::new(channel).max_decoding_message_size(CHUNK_BYTES_MAX);
    let opening = client.lane(Request::new(ToServer(outgoing)));
    let opened = within(HELLO_WAIT, opening).await?.map_err(ended)?;
    let mut incoming = opened.into_inner();
    let greeting = within(HELLO_WAIT, incoming.message()).await?;
    let greeting = greeting.map_err(ended)?.ok_or(DialError::Silent)?;
    judge(shared, peer.at.node, &greeting)?;

    let up = Up::new(shared, peer, lane, &stream);
    *was_up = true;
    let read = read_answers(shared, peer, lane, &stream, &mut incoming).await;
    drop(up);
    read
}

async fn read_answers(
    shared: &Shared,
    peer: &Peer,
    lane: Lane,
    stream: &Dialled,
    incoming: &mut Streaming<Chunk>,
) -> Result<(), DialError> {
    let counters = peer.counters.lane(lane);
    while let Some(mut chunk) = incoming.message().await.map_err(ended)? {
        judge(shared, peer.at.node, &chunk)?;
        counters.received_chunks.add_shared(1);
        counters
            .received_bytes
            .add_shared(chunk.frames.len() as u64);
        loop {
            match frame::take(&mut chunk.frames) {
                Ok(Some(frame)) => stream.answer(frame.kind, frame.correlation, frame.body),
                Ok(None) => break,
                Err(frame::Torn) => {
                    shared.stats.count_refused(Refusal::Malformed);
                    return Err(DialError::Impostor(Refusal::Malformed));
                }
            }
        }
        if stream.queue.has_ended() {
            break;
        }
    }
    Ok(())
}

fn judge(shared: &Shared, node: NodeId, chunk: &Chunk) -> Result<(), DialError> {
    let judged = shared.judge(chunk).and_then(|sender| {
        let is_meant = sender.node == node;
        is_meant.then_some(()).ok_or(Refusal::Receiver)
    });
    judged.map_err(|refusal| {
        shared.stats.count_refused(refusal);
        DialError::Impostor(refusal)
    })
}

async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Result<T, DialError> {
    timeout(limit, future).await.map_err(|_| DialError::Silent)
}

fn ended(status: tonic::Status) -> DialError {
    match refusal(&status) {
        Some(refusal) => DialError::Refused(refusal),
        None => DialError::Ended(status.to_string()),
    }
}

/// While it lives the lane is up; however the task ends, the calls under way fail at once.
struct Up<'a> {
    shared: &'a Shared,
    peer: &'a Arc<Peer>,
    lane: Lane,
    stream: &'a Dialled,
}

impl<'a> Up<'a> {
    fn new(shared: &'a Shared, peer: &'a Arc<Peer>, lane: Lane, stream: &'a Arc<Dialled>) -> Self {
        peer.up(lane, stream);
        shared.set_refused(peer.at.node, None);
        shared.publish(peer);
        tracing::debug!(node = peer.at.node, %lane, "a peer's lane is up");
        Self {
            shared,
            peer,
            lane,
            stream,
        }
    }
}

impl Drop for Up<'_> {
    fn drop(&mut self) {
        self.peer.down(self.lane);
        self.stream.end();
        self.shared.publish(self.peer);
    }
}
