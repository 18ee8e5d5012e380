//! The control state as a group's machine.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use quorate_control::Control;

use super::machine::{Machine, MachineError, Reply};
use crate::convert;

/// See the module.
#[derive(Default)]
pub(crate) struct ControlMachine(Mutex<Control>);

impl ControlMachine {
    /// The state; hold it shortly.
    pub(crate) fn state(&self) -> MutexGuard<'_, Control> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Machine for ControlMachine {
    fn apply(&self, index: u64, command: Bytes) -> Result<Reply, MachineError> {
        let command = convert::decode_control(command)?;
        Ok(Reply::Control(self.state().apply(index, command)))
    }

    fn view(&self) -> Box<dyn Iterator<Item = Vec<u8>> + Send> {
        let records: Vec<_> = self.state().snapshot_records().collect();
        Box::new(records.into_iter().map(convert::encode_control_record))
    }

    fn restore(&self, records: Vec<Bytes>) -> Result<(), MachineError> {
        let records = records.into_iter().map(convert::decode_control_record);
        let records = records.collect::<Result<Vec<_>, _>>()?;
        *self.state() = Control::restore(records)?;
        Ok(())
    }

    /// Members' leases will be looked after from here.
    fn lead(&self, _term: u64) {}

    fn follow(&self) {}
}
