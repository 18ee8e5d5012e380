//! Commands that wait for a batch, bounded in bytes. Commands that make state smaller always fit: they
//! are what ends an overload.

use std::collections::VecDeque;

use quorate_shard::Command;

use super::limits::{BATCH_BYTES_MAX, BATCH_COMMANDS_MAX, QUEUE_BYTES_MAX};
use super::request::{ReplyTo, Request};
use crate::convert;

/// See the module.
#[derive(Default)]
pub struct Queue {
    requests: VecDeque<(usize, Request)>,
    bytes: usize,
}

impl Queue {
    /// Takes a request in, or gives back who is to be told that it does not fit.
    pub fn push(&mut self, request: Request, room: bool) -> Option<ReplyTo> {
        let weight = convert::weight(&request.command);
        let fits = room && self.bytes + weight <= QUEUE_BYTES_MAX;
        if !fits && grows(&request.command) {
            return Some(request.reply);
        }
        self.bytes += weight;
        self.requests.push_back((weight, request));
        None
    }

    /// The next batch's commands and who waits for each; empty when there is nothing.
    pub fn take(&mut self) -> (Vec<Command>, Vec<ReplyTo>) {
        let mut bytes = 0;
        let mut count = 0;
        for (weight, _) in self.requests.iter().take(BATCH_COMMANDS_MAX) {
            if count > 0 && bytes + weight > BATCH_BYTES_MAX {
                break;
            }
            bytes += weight;
            count += 1;
        }
        self.bytes -= bytes;
        let taken = self.requests.drain(..count);
        taken
            .map(|(_, request)| (request.command, request.reply))
            .unzip()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Whether a command makes the state larger, so that it may be refused for want of room.
fn grows(command: &Command) -> bool {
    match command {
        // Clearing a retained value frees room.
        Command::Retain(retain) => !retain.message.payload.is_empty(),
        Command::Claim(_)
        | Command::Subscribe(_)
        | Command::Publish(_)
        | Command::Enqueue(_)
        | Command::InboundStart(_) => true,
        Command::Release(_)
        | Command::ReleaseNode(_)
        | Command::Unsubscribe(_)
        | Command::Acknowledge(_)
        | Command::Received(_)
        | Command::InboundRelease(_)
        | Command::Forget(_)
        | Command::WillDone(_)
        | Command::Reclaim(_) => false,
    }
}
