//! `$SYS`: what a node tells its clients about itself, in mosquitto's names, and about its cluster. It is
//! local: each node's clients see their own node, and nothing of it is written to a log.

mod averages;
mod board;
mod reading;
mod topics;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::metrics::{FrontDoorCounters, WorkerCounters};
use crate::raft::Groups;
use crate::shutdown::Shutdown;
use crate::worker::{CrossBatch, Mailbox, ToWorker};
use averages::Averages;
pub(crate) use board::Board;
use reading::Reading;

/// What `$SYS` is made of, and who hears it.
#[derive(Clone)]
pub(crate) struct Sys {
    board: Arc<Board>,
    workers: Arc<[Arc<WorkerCounters>]>,
    /// Counts strangers; the front door's.
    pub(crate) front_door: Arc<FrontDoorCounters>,
    groups: Groups,
    mailboxes: Arc<[Arc<Mailbox>]>,
}

impl Sys {
    /// Nothing is told before [`Self::run`].
    pub(crate) fn new(
        board: Arc<Board>,
        groups: Groups,
        workers: &Arc<[Arc<WorkerCounters>]>,
        mailboxes: &Arc<[Arc<Mailbox>]>,
    ) -> Self {
        Self {
            board,
            workers: Arc::clone(workers),
            front_door: Arc::default(),
            groups,
            mailboxes: Arc::clone(mailboxes),
        }
    }

    /// Tells everything anew at each interval, until the end comes.
    pub(crate) async fn run(self, every: Duration, mut ended: Shutdown) {
        let started = Instant::now();
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut averages = Averages::default();
        let mut connected_most = 0;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = ended.wait() => return,
            }
            let reading = Reading::take(&self.workers, &self.front_door, &self.groups);
            connected_most = reading.connected.max(connected_most);
            averages.update(Instant::now(), &reading);
            let uptime = started.elapsed();
            let told = topics::list(&reading, &averages, uptime, connected_most);
            self.tell(told);
        }
    }

    /// Puts what is new up, and sends it to those who listen already.
    fn tell(&self, told: Vec<(String, String)>) {
        let changed = self.board.replace(told);
        if changed.is_empty() {
            return;
        }
        for mailbox in self.mailboxes.iter() {
            let messages = changed.iter().map(|m| (&*m.topic, &m.payload[..]));
            mailbox.send(ToWorker::Publishes(CrossBatch::of_own(messages)));
        }
    }
}
