//! The control state as a group's machine.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use quorate_control::Control;
use tokio::sync::watch;

use super::machine::{Machine, MachineError, Reply};
use crate::convert;

/// See the module.
pub(crate) struct ControlMachine {
    state: Mutex<Control>,
    /// A copy after each change, for those who watch; changes are rare.
    told: watch::Sender<Arc<Control>>,
}

impl Default for ControlMachine {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            told: watch::Sender::new(Arc::default()),
        }
    }
}

impl ControlMachine {
    /// The state as of the last change; changes wake.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<Control>> {
        self.told.subscribe()
    }

    fn state(&self) -> MutexGuard<'_, Control> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Machine for ControlMachine {
    fn apply(&self, index: u64, command: Bytes) -> Result<Reply, MachineError> {
        let command = convert::decode_control(command)?;
        let mut state = self.state();
        let outcome = state.apply(index, command);
        self.told.send_replace(Arc::new(state.clone()));
        Ok(Reply::Control(outcome))
    }

    fn view(&self) -> Box<dyn Iterator<Item = Vec<u8>> + Send> {
        let records: Vec<_> = self.state().snapshot_records().collect();
        Box::new(records.into_iter().map(convert::encode_control_record))
    }

    fn restore(&self, records: Vec<Bytes>) -> Result<(), MachineError> {
        let records = records.into_iter().map(convert::decode_control_record);
        let records = records.collect::<Result<Vec<_>, _>>()?;
        let mut state = self.state();
        *state = Control::restore(records)?;
        self.told.send_replace(Arc::new(state.clone()));
        Ok(())
    }

    /// Who leads looks after leases; that is `members`, which watches the group.
    fn lead(&self, _term: u64) {}

    fn follow(&self) {}
}
