//! Between openraft and a group's machine: applies entries in order, answers proposers, keeps the applied
//! position beside the state, and makes snapshots without holding up applies or failing the group.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::{Stream, TryStreamExt};
use openraft::OptionalSend;
use openraft::impls::EntryPayload;
use openraft::storage::{EntryResponder, RaftSnapshotBuilder, RaftStateMachine};
use tokio::sync::Notify;

use super::machine::{Machine, Reply};
use super::snapshot::{SnapshotFile, SnapshotStore};
use super::type_config::{Entry, LogId, Snapshot, SnapshotMeta, StoredMembership, Types};

/// What openraft owns of a group's state.
pub(super) struct StateMachine(pub(super) Arc<Shared>);

/// What applies, snapshots and readers share.
pub(super) struct Shared {
    machine: Arc<dyn Machine>,
    store: SnapshotStore,
    progress: Mutex<Progress>,
    snapshots: Mutex<Snapshots>,
    log_bytes: AtomicU64,
    log_bytes_max: u64,
    snapshot_wanted: Notify,
}

/// How far the machine has come. Locked during each apply, so that a view of the state has its position.
#[derive(Default)]
struct Progress {
    applied: Option<LogId>,
    membership: StoredMembership,
}

#[derive(Default)]
struct Snapshots {
    /// The one openraft knows.
    current: Option<SnapshotFile>,
    /// Complete on disk, to be shown to openraft.
    prepared: Option<SnapshotFile>,
}

impl StateMachine {
    /// Restores the machine from the group's newest snapshot. `log_bytes_max` bytes of log after it make
    /// the next one wanted.
    pub(super) fn open(
        machine: Arc<dyn Machine>,
        store: SnapshotStore,
        log_bytes_max: u64,
    ) -> io::Result<Self> {
        let mut progress = Progress::default();
        let mut snapshots = Snapshots::default();
        if let Some((file, records)) = store.load().map_err(io::Error::other)? {
            machine.restore(records).map_err(io::Error::other)?;
            store.keep_only(&file)?;
            progress.applied = file.meta.last_log_id;
            progress.membership = file.meta.last_membership.clone();
            snapshots.current = Some(file);
        }
        Ok(Self(Arc::new(Shared {
            machine,
            store,
            progress: Mutex::new(progress),
            snapshots: Mutex::new(snapshots),
            log_bytes: AtomicU64::new(0),
            log_bytes_max,
            snapshot_wanted: Notify::new(),
        })))
    }
}

impl Shared {
    /// Bytes of commands applied since the last snapshot.
    pub(super) fn log_bytes(&self) -> u64 {
        self.log_bytes.load(Relaxed)
    }

    /// Bytes of commands after which a snapshot is wanted.
    pub(super) fn log_bytes_max(&self) -> u64 {
        self.log_bytes_max
    }

    /// Makes a snapshot wanted, if there is anything new.
    pub(super) fn want_snapshot(&self) {
        if self.log_bytes() > 0 {
            self.snapshot_wanted.notify_one();
        }
    }

    /// Completes when so much log has gathered that a snapshot is worth it.
    pub(super) async fn snapshot_wanted(&self) {
        self.snapshot_wanted.notified().await;
    }

    /// Writes a snapshot of the present state; blocks on the disk, not on applies. When it fails, the last
    /// one stays what it was. The caller then triggers openraft, whose builder finds the file.
    pub(super) fn prepare_snapshot(&self) -> io::Result<()> {
        let (meta, records, counted) = {
            let progress = self.progress();
            let meta = SnapshotMeta {
                last_log_id: progress.applied,
                last_membership: progress.membership.clone(),
            };
            let counted = self.log_bytes.swap(0, Relaxed);
            (meta, self.machine.view(), counted)
        };
        match self.store.write(meta, records) {
            Ok(file) => {
                self.snapshots().prepared = Some(file);
                Ok(())
            }
            Err(error) => {
                self.log_bytes.fetch_add(counted, Relaxed);
                Err(error)
            }
        }
    }

    fn apply(&self, entry: Entry) -> io::Result<Reply> {
        let mut progress = self.progress();
        let reply = match entry.payload {
            EntryPayload::Blank => Reply::None,
            EntryPayload::Membership(membership) => {
                progress.membership = StoredMembership::new(Some(entry.log_id), membership);
                Reply::None
            }
            EntryPayload::Normal(command) => {
                self.count(command.0.len() as u64);
                let applied = self.machine.apply(entry.log_id.index, command.0);
                applied.map_err(io::Error::other)?
            }
        };
        progress.applied = Some(entry.log_id);
        Ok(reply)
    }

    fn count(&self, bytes: u64) {
        let before = self.log_bytes.fetch_add(bytes, Relaxed);
        if before < self.log_bytes_max && before + bytes >= self.log_bytes_max {
            self.snapshot_wanted.notify_one();
        }
    }

    /// Makes a file the one that counts and removes older ones.
    fn adopt(&self, file: &SnapshotFile) {
        self.snapshots().current = Some(file.clone());
        if let Err(error) = self.store.keep_only(file) {
            tracing::warn!(%error, "an old snapshot could not be removed");
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn snapshots(&self) -> MutexGuard<'_, Snapshots> {
        self.snapshots
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl RaftStateMachine<Types> for StateMachine {
    type SnapshotData = SnapshotFile;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        let progress = self.0.progress();
        Ok((progress.applied, progress.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<Types>>> + Unpin + OptionalSend,
    {
        while let Some((entry, responder)) = entries.try_next().await? {
            let reply = self.0.apply(entry)?;
            if let Some(responder) = responder {
                responder.send(reply);
            }
        }
        Ok(())
    }

    /// Refuses unless a file is prepared: a builder that fails would stop the group, and the disk may be full.
    async fn try_create_snapshot_builder(&mut self, force: bool) -> Option<Builder> {
        let prepared = self.0.snapshots().prepared.is_some();
        (prepared || force).then(|| Builder(Arc::clone(&self.0)))
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        Builder(Arc::clone(&self.0))
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        file: SnapshotFile,
    ) -> io::Result<()> {
        let shared = Arc::clone(&self.0);
        let meta = meta.clone();
        blocking(move || shared.install(meta, &file)).await
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        let current = self.0.snapshots().current.clone();
        Ok(current.map(snapshot))
    }
}

impl Shared {
    /// Takes over a snapshot that came as a file, from this group or another replica's.
    fn install(&self, meta: SnapshotMeta, file: &SnapshotFile) -> io::Result<()> {
        let (_, records) = self.store.read(&file.path).map_err(io::Error::other)?;
        // Copied under our own name first: what is restored must be on disk before it counts.
        let copies = records.iter().map(|record| record.to_vec());
        let own = self.store.write(meta, copies)?;
        let mut progress = self.progress();
        self.machine.restore(records).map_err(io::Error::other)?;
        progress.applied = own.meta.last_log_id;
        progress.membership = own.meta.last_membership.clone();
        drop(progress);
        self.adopt(&own);
        Ok(())
    }
}

/// Hands the prepared snapshot to openraft.
pub(super) struct Builder(Arc<Shared>);

impl RaftSnapshotBuilder<Types> for Builder {
    type SnapshotData = SnapshotFile;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        if self.0.snapshots().prepared.is_none() {
            let shared = Arc::clone(&self.0);
            blocking(move || shared.prepare_snapshot()).await?;
        }
        let prepared = self.0.snapshots().prepared.take();
        let file = prepared.ok_or_else(|| io::Error::other("no snapshot is prepared"))?;
        let shared = Arc::clone(&self.0);
        blocking(move || {
            shared.adopt(&file);
            Ok(snapshot(file))
        })
        .await
    }
}

fn snapshot(file: SnapshotFile) -> Snapshot {
    Snapshot {
        meta: file.meta.clone(),
        snapshot: file,
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(io::Error::other(error)),
    }
}
