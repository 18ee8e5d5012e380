//! What waits to be written to one stream: frames gathered in chunks, bounded in bytes. Knows no peers.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};

use super::error::{Refusal, SendError};
use super::frame;
use super::limits::CHUNK_BYTES;

/// Written by any thread, read by the one task that writes the stream.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct State {
    chunks: VecDeque<BytesMut>,
    bytes: usize,
    /// A chunk without frames is wanted, to tell who we are.
    greet: bool,
    reader: Option<Waker>,
    end: Option<End>,
}

/// How the stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// As streams do.
    Plain,
    /// The other side is told why.
    Refused(Refusal),
}

impl Queue {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            state: Mutex::default(),
            bytes_max,
        }
    }

    /// Appends a frame. One that is larger than the bound is taken when nothing else waits.
    pub(super) fn push(&self, kind: u8, correlation: u64, body: &[u8]) -> Result<(), SendError> {
        let mut state = self.state();
        if state.end.is_some() {
            return Err(SendError::Down);
        }
        let size = frame::HEAD_BYTES + body.len();
        if state.bytes > 0 && state.bytes + size > self.bytes_max {
            return Err(SendError::Full);
        }
        state.bytes += size;
        match state.chunks.back_mut() {
            Some(chunk) if chunk.len() + size <= CHUNK_BYTES => {
                frame::put(chunk, kind, correlation, body);
            }
            Some(_) | None => {
                let mut chunk = BytesMut::new();
                frame::put(&mut chunk, kind, correlation, body);
                state.chunks.push_back(chunk);
            }
        }
        wake(state);
        Ok(())
    }

    /// Wants a chunk without frames.
    pub(super) fn greet(&self) {
        let mut state = self.state();
        state.greet = true;
        wake(state);
    }

    /// Ends the stream; what waits is dropped. The first end counts.
    pub(super) fn end(&self, end: End) {
        let mut state = self.state();
        state.chunks.clear();
        state.bytes = 0;
        state.end.get_or_insert(end);
        wake(state);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state().end.is_some()
    }

    /// The next chunk's frames; after the end, how it ended.
    pub(super) fn poll_take(&self, context: &Context<'_>) -> Poll<Result<Bytes, End>> {
        let mut state = self.state();
        if let Some(end) = state.end {
            return Poll::Ready(Err(end));
        }
        if let Some(chunk) = state.chunks.pop_front() {
            state.bytes -= chunk.len();
            return Poll::Ready(Ok(chunk.freeze()));
        }
        if std::mem::take(&mut state.greet) {
            return Poll::Ready(Ok(Bytes::new()));
        }
        match &mut state.reader {
            Some(reader) => reader.clone_from(context.waker()),
            None => state.reader = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes the reader when the lock is free again.
fn wake(mut state: MutexGuard<'_, State>) {
    let reader = state.reader.take();
    drop(state);
    if let Some(reader) = reader {
        reader.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    fn context() -> Context<'static> {
        Context::from_waker(Waker::noop())
    }

    #[test]
    fn a_bound_in_bytes_but_one_frame_always_fits() {
        let queue = Queue::new(100);
        assert_eq!(queue.push(1, 0, &[0; 500]), Ok(()));
        assert_eq!(queue.push(1, 0, b""), Err(SendError::Full));
        assert!(queue.poll_take(&context()).is_ready());
        assert_eq!(queue.push(1, 0, b"x"), Ok(()));
    }

    #[test]
    fn frames_gather_in_one_chunk_and_an_end_drops_them() {
        let queue = Queue::new(1_000);
        queue.push(1, 0, b"a").unwrap();
        queue.push(2, 7, b"b").unwrap();
        let Poll::Ready(Ok(mut frames)) = queue.poll_take(&context()) else {
            panic!("a chunk was queued");
        };
        assert_eq!(frame::take(&mut frames).unwrap().unwrap().kind, 1);
        assert_eq!(frame::take(&mut frames).unwrap().unwrap().correlation, 7);
        assert!(queue.poll_take(&context()).is_pending());
        queue.push(1, 0, b"c").unwrap();
        queue.end(End::Plain);
        queue.end(End::Refused(Refusal::Member));
        assert_eq!(queue.poll_take(&context()), Poll::Ready(Err(End::Plain)));
        assert_eq!(queue.push(1, 0, b"d"), Err(SendError::Down));
    }
}
