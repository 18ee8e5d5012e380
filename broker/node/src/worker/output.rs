//! What a connection has to send: bytes appended during a turn, written once at its end.

/// A connection's output. Owns no memory while it is empty.
#[derive(Debug, Default)]
pub struct Output {
    bytes: Vec<u8>,
    written: usize,
}

impl Output {
    /// Whether nothing has to be written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that still have to be written.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    /// Drops what is not written. Whether what was written ends with a whole packet, as far as can be told.
    pub(super) fn discard(&mut self) -> bool {
        let whole = self.written == 0;
        self.bytes.clear();
        self.written = 0;
        whole
    }

    /// Where packets are appended. Takes a buffer from the pool first if it has none.
    pub(super) fn buffer(&mut self, pool: &mut BufferPool) -> &mut Vec<u8> {
        if self.bytes.capacity() == 0 {
            self.bytes = pool.take();
        }
        &mut self.bytes
    }

    /// Where bytes are appended without a pool at hand (rare: a transport's own records).
    pub(super) fn unpooled(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// What is to be written next.
    pub fn pending(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    /// Notes that `count` more bytes are written; gives the buffer back once all are.
    pub fn advance(&mut self, count: usize, pool: &mut BufferPool) {
        self.written += count;
        debug_assert!(self.written <= self.bytes.len());
        if self.written == self.bytes.len() {
            self.written = 0;
            pool.put(std::mem::take(&mut self.bytes));
        }
    }
}

/// Capacity kept for reuse, in bytes per worker: what a busy turn's connections need at once.
const POOL_BYTES_MAX: usize = 16 * 1024 * 1024;
/// A buffer that grew beyond this many bytes is freed instead of kept.
const POOL_BUFFER_BYTES_MAX: usize = 256 * 1024;

/// Empty buffers with capacity, so that a turn allocates nothing.
#[derive(Debug, Default)]
pub struct BufferPool {
    free: Vec<Vec<u8>>,
    bytes: usize,
}

impl BufferPool {
    pub(super) fn take(&mut self) -> Vec<u8> {
        let buffer = self.free.pop().unwrap_or_default();
        self.bytes -= buffer.capacity();
        buffer
    }

    pub(super) fn put(&mut self, mut buffer: Vec<u8>) {
        let capacity = buffer.capacity();
        if capacity > 0
            && capacity <= POOL_BUFFER_BYTES_MAX
            && self.bytes + capacity <= POOL_BYTES_MAX
        {
            buffer.clear();
            self.bytes += capacity;
            self.free.push(buffer);
        }
    }
}
