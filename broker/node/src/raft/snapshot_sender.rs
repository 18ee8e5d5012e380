//! A snapshot to a follower: offered, sent in pieces from where the follower has it, installed. Throttled;
//! the caller cancels by dropping.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use openraft::errors::{NetworkError, StreamingError};
use openraft::raft::SnapshotResponse;
use quorate_proto::peer as proto;
use tokio::time::{Instant, sleep_until};

use super::limits::{
    SNAPSHOT_BYTES_PER_SECOND_MAX, SNAPSHOT_INSTALL_DEADLINE, SNAPSHOT_PIECE_BYTES,
    SNAPSHOT_PIECE_DEADLINE,
};
use super::network::Link;
use super::snapshot::SnapshotFile;
use super::type_config::{Types, Vote};
use super::wire;
use crate::peers::{Kind, Lane};

/// Sends the file and waits until it is installed.
pub(super) async fn send(
    link: &Link,
    vote: Vote,
    file: SnapshotFile,
) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
    // A newer snapshot may have removed the file just now: the next try sends that one.
    let unreadable = |error: io::Error| StreamingError::Network(NetworkError::new(&error));
    // Opened once: what is open stays readable when it is removed.
    let opened = File::open(&file.path).map(Arc::new).map_err(unreadable)?;
    let snapshot = proto::RaftSnapshot {
        group: link.group,
        last: file.meta.last_log_id.as_ref().map(wire::encode_point),
        bytes: opened.metadata().map_err(unreadable)?.len(),
    };
    let mut kept = ask(link, &snapshot, 0, Bytes::new()).await?;
    tracing::info!(
        group = link.group,
        to = link.target,
        bytes = snapshot.bytes,
        from = kept,
        "sending a snapshot"
    );
    let mut next = Instant::now();
    while kept < snapshot.bytes {
        sleep_until(next).await;
        let from = kept;
        let data = read(&opened, from).await.map_err(unreadable)?;
        next = next.max(Instant::now()) + pace(data.len());
        kept = ask(link, &snapshot, from, data).await?;
        if kept <= from {
            // Somebody else's pieces, or a disk that is full: the next try begins with an offer.
            let error = NetworkError::from_string("the receiver keeps no more of the snapshot");
            return Err(StreamingError::Network(error));
        }
    }
    let install = proto::RaftSnapshotInstall {
        snapshot: Some(snapshot),
        vote: Some(wire::encode_vote(&vote)),
    };
    let answer: proto::RaftSnapshotInstalled = link
        .call(
            Lane::Bulk,
            Kind::RaftSnapshotInstall,
            &install,
            SNAPSHOT_INSTALL_DEADLINE,
        )
        .await?;
    let vote = wire::decode_vote(answer.vote).map_err(|error| wire::malformed(&error))?;
    Ok(SnapshotResponse::new(vote))
}

/// Offers a snapshot, or sends a piece of it. From where on the receiver wants more.
async fn ask(
    link: &Link,
    snapshot: &proto::RaftSnapshot,
    offset: u64,
    data: Bytes,
) -> Result<u64, StreamingError<Types>> {
    let kind = if data.is_empty() {
        Kind::RaftSnapshotOffer
    } else {
        Kind::RaftSnapshotPiece
    };
    let piece = proto::RaftSnapshotPiece {
        snapshot: Some(*snapshot),
        offset,
        data,
    };
    let asked = link.call(Lane::Bulk, kind, &piece, SNAPSHOT_PIECE_DEADLINE);
    let kept: proto::RaftSnapshotKept = asked.await?;
    Ok(kept.offset)
}

async fn read(file: &Arc<File>, offset: u64) -> io::Result<Bytes> {
    let file = Arc::clone(file);
    let reading = tokio::task::spawn_blocking(move || {
        let mut piece = vec![0; SNAPSHOT_PIECE_BYTES];
        let count = file.read_at(&mut piece, offset)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        piece.truncate(count);
        Ok(piece.into())
    });
    reading.await.map_err(io::Error::other)?
}

/// The time that so many bytes have to take at least.
fn pace(bytes: usize) -> Duration {
    let micros = bytes as u64 * 1_000_000 / SNAPSHOT_BYTES_PER_SECOND_MAX;
    Duration::from_micros(micros)
}
