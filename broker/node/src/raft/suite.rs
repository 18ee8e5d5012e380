//! openraft's own suite for log stores and state machines, on a directory.

use std::sync::Arc;

use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use quorate_wal::{FsDisk, Options, Wal};
use tempfile::TempDir;

use super::control_machine::ControlMachine;
use super::log_store::LogStore;
use super::snapshot::SnapshotStore;
use super::state_machine::StateMachine;
use super::type_config::Types;

struct Builder;

impl StoreBuilder<Types, LogStore, StateMachine, TempDir> for Builder {
    async fn build(&self) -> Result<(TempDir, LogStore, StateMachine), StorageError<Types>> {
        let directory = TempDir::new().expect("a temporary directory");
        let disk = FsDisk::open(directory.path().join("wal")).expect("it is writable");
        let options = Options {
            segment_bytes: 1 << 20,
            ..Options::default()
        };
        let (wal, _) = Wal::open(Arc::new(disk), options).expect("it is empty");
        let store = SnapshotStore::open(&directory.path().join("snapshots"), 0);
        let machine = Arc::new(ControlMachine::default());
        let state = StateMachine::open(machine, store.expect("it is writable"), u64::MAX);
        Ok((
            directory,
            LogStore::new(wal, 0),
            state.expect("it is empty"),
        ))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openraft_accepts_the_log_store_and_the_state_machine() {
    Suite::test_all(Builder).await.expect("every case passes");
}
