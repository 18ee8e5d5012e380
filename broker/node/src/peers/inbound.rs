//! Streams that other nodes dialled: one per node and lane, a newer one replaces an older. Reads frames and
//! hands them on; decides nothing about them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quorate_control::NodeId;
use quorate_proto::peer::Chunk;
use tokio::task::JoinHandle;
use tonic::Streaming;

use super::counters::LaneCounters;
use super::error::{Refusal, SendError};
use super::frame::{self, ANSWER, Frame, NO_ANSWER, ONE_WAY};
use super::handlers::{Replier, Sender};
use super::kind::{Kind, Lane};
use super::queue::{End, Queue};
use super::shared::Shared;

/// The streams that are read now.
#[derive(Default)]
pub(super) struct Inbound(Mutex<Streams>);

#[derive(Default)]
struct Streams {
    last: u64,
    reading: HashMap<(NodeId, Lane), Reading>,
    closed: bool,
}

struct Reading {
    id: u64,
    queue: Arc<Queue>,
    task: JoinHandle<()>,
}

/// A stream whose greeting was taken.
pub(super) struct Greeted {
    pub(super) sender: Sender,
    pub(super) lane: Lane,
    pub(super) incoming: Streaming<Chunk>,
    pub(super) queue: Arc<Queue>,
    pub(super) counters: Arc<LaneCounters>,
}

impl Inbound {
    /// Begins to read a stream, once the one before it is read no more: frames of two streams of one lane
    /// must not mix.
    pub(super) async fn admit(
        &self,
        shared: &Arc<Shared>,
        mut greeted: Greeted,
    ) -> Result<(), Refusal> {
        let place = (greeted.sender.node, greeted.lane);
        loop {
            let before = {
                let mut streams = self.streams();
                if streams.closed {
                    return Err(Refusal::NotReady);
                }
                match streams.reading.remove(&place) {
                    Some(before) => before,
                    None => {
                        streams.begin(shared, greeted);
                        return Ok(());
                    }
                }
            };
            greeted = stop(before, End::Plain, greeted).await;
        }
    }

    /// Ends the streams of nodes that are members no more, and tells them so.
    pub(super) fn keep_only(&self, is_member: impl Fn(NodeId) -> bool) {
        let mut streams = self.streams();
        let gone = streams.reading.extract_if(|(node, _), _| !is_member(*node));
        for (_, reading) in gone {
            reading.queue.end(End::Refused(Refusal::Member));
            reading.task.abort();
        }
    }

    pub(super) fn greet(&self) {
        for reading in self.streams().reading.values() {
            reading.queue.greet();
        }
    }

    /// Ends all streams and takes no more.
    pub(super) fn close(&self) {
        let mut streams = self.streams();
        streams.closed = true;
        for (_, reading) in streams.reading.drain() {
            reading.queue.end(End::Plain);
            reading.task.abort();
        }
    }

    fn streams(&self) -> MutexGuard<'_, Streams> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Streams {
    fn begin(&mut self, shared: &Arc<Shared>, greeted: Greeted) {
        self.last += 1;
        let id = self.last;
        let place = (greeted.sender.node, greeted.lane);
        let queue = Arc::clone(&greeted.queue);
        let task = tokio::spawn(read(Arc::clone(shared), id, greeted));
        self.reading.insert(place, Reading { id, queue, task });
    }
}

/// Completes when the stream is read no more. Takes `rest` along for the caller's loop.
async fn stop<T>(reading: Reading, end: End, rest: T) -> T {
    reading.queue.end(end);
    reading.task.abort();
    // Cancelled, which is what was wanted, or ended already.
    let _ = reading.task.await;
    rest
}

/// However the reading ends, handlers hear of it.
struct Ending {
    shared: Arc<Shared>,
    id: u64,
    node: NodeId,
    lane: Lane,
    queue: Arc<Queue>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.queue.end(End::Plain);
        let place = (self.node, self.lane);
        let mut streams = self.shared.inbound.streams();
        if streams
            .reading
            .get(&place)
            .is_some_and(|reading| reading.id == self.id)
        {
            streams.reading.remove(&place);
        }
        drop(streams);
        self.shared.handlers.ended(self.node, self.lane);
    }
}

async fn read(shared: Arc<Shared>, id: u64, mut greeted: Greeted) {
    let ending = Ending {
        shared,
        id,
        node: greeted.sender.node,
        lane: greeted.lane,
        queue: Arc::clone(&greeted.queue),
    };
    if let Err(refusal) = read_frames(&ending.shared, &mut greeted).await {
        let Sender { node, incarnation } = greeted.sender;
        tracing::warn!(node, incarnation, lane = %greeted.lane, "a peer's stream is refused: {refusal}");
        ending.shared.stats.count_refused(refusal);
        ending.queue.end(End::Refused(refusal));
    }
}

async fn read_frames(shared: &Shared, greeted: &mut Greeted) -> Result<(), Refusal> {
    while let Ok(Some(mut chunk)) = greeted.incoming.message().await {
        let sender = shared.judge(&chunk)?;
        if sender.node != greeted.sender.node {
            return Err(Refusal::Malformed);
        }
        greeted.counters.received_chunks.add_shared(1);
        let bytes = chunk.frames.len() as u64;
        greeted.counters.received_bytes.add_shared(bytes);
        loop {
            match frame::take(&mut chunk.frames) {
                Ok(Some(frame)) => hand_on(shared, greeted, sender, frame),
                Ok(None) => break,
                Err(frame::Torn) => return Err(Refusal::Malformed),
            }
        }
    }
    Ok(())
}

/// A kind that is not known, or that nobody takes here, is answered by *no answer*: the sender may be newer.
fn hand_on(shared: &Shared, greeted: &Greeted, sender: Sender, frame: Frame) {
    let reply = replier(greeted, frame.correlation);
    let Some(kind) = Kind::from_number(frame.kind) else {
        shared.stats.count_refused(Refusal::Malformed);
        return;
    };
    if let Some(handler) = shared.handlers.get(kind.block()) {
        handler.handle(sender, kind, frame.body, reply);
    }
}

fn replier(greeted: &Greeted, correlation: u64) -> Replier {
    if correlation == ONE_WAY {
        return Replier::one_way();
    }
    let queue = Arc::clone(&greeted.queue);
    let counters = Arc::clone(&greeted.counters);
    Replier::new(move |body| {
        let pushed = match body {
            Some(body) => queue.push(ANSWER, correlation, &body),
            None => queue.push(NO_ANSWER, correlation, &[]),
        };
        if pushed == Err(SendError::Full) {
            // A peer that asks and does not read: with the stream's end its calls fail at once.
            counters.dropped.add_shared(1);
            queue.end(End::Plain);
        }
    })
}
