//! One worker: the real core, with links in the place of sockets. A turn does what the event loop does, in its
//! order; what must not block is given to the node when the turn is over.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use quorate_codec::DecodeLimits;
use quorate_control::SlotMap;
use quorate_node::metrics::WorkerCounters;
use quorate_node::registry::Registry;
use quorate_node::shard_client::Request;
use quorate_node::worker::{Core, CoreSettings, Errand, OnDrop, Opening, ToWorker, WorkerLimits};
use quorate_router::{ConnectionId, Target};

use crate::history::LinkNumber;
use crate::invariants::Violation;
use crate::link::Link;
use crate::scenario::Scenario;

/// See the module.
pub(super) struct SimWorker {
    core: Core,
    workers: u16,
    pub(super) mail: VecDeque<Mail>,
    links: BTreeMap<ConnectionId, LinkNumber>,
}

/// What lies in a worker's mailbox.
pub(super) enum Mail {
    /// A connection, and the bytes that were read too far.
    Connection(Box<Opening>, LinkNumber, Vec<u8>),
    /// Everything else.
    Told(ToWorker),
}

/// What a turn has for others.
#[derive(Default)]
pub(super) struct HandedOut {
    pub(super) requests: Vec<Vec<Request>>,
    pub(super) errands: Vec<Errand>,
    pub(super) mail: Vec<(u16, ToWorker)>,
    /// To be dropped once all the rest is handed out.
    pub(super) confirmed: Vec<Arc<OnDrop>>,
}

impl SimWorker {
    pub(super) fn new(
        id: u16,
        scenario: &Scenario,
        slots: &SlotMap,
        registry: &Arc<Registry>,
    ) -> Self {
        let settings = CoreSettings {
            id,
            workers: scenario.workers,
            slots: slots.clone(),
            seed: 1,
            share_strategy: quorate_router::ShareStrategy::default(),
            limits: WorkerLimits::default(),
            budget: Arc::default(),
            session: Arc::new(quorate_session::Limits::default()),
            decode: DecodeLimits::default(),
        };
        Self {
            core: Core::new(
                settings,
                Arc::clone(registry),
                Arc::<WorkerCounters>::default(),
            ),
            workers: scenario.workers,
            mail: VecDeque::new(),
            links: BTreeMap::new(),
        }
    }

    /// One turn: read, take messages, write, hand out, close.
    pub(super) fn turn(
        &mut self,
        now: u64,
        links: &mut BTreeMap<LinkNumber, Link>,
    ) -> Result<HandedOut, Violation> {
        self.core.start_turn(now);
        self.core.take_resumed(&mut Vec::new());
        self.read_all(links);
        while let Some(mail) = self.mail.pop_front() {
            match mail {
                Mail::Connection(opening, link, leftover) => {
                    self.adopt(*opening, link, &leftover, links)
                }
                Mail::Told(message) => self.core.handle_message(message),
            }
        }
        self.core.poll_timers();
        self.core.end_gather();
        self.flush(links);
        let handed_out = self.hand_out();
        self.reap(links);
        Ok(handed_out)
    }

    fn read_all(&mut self, links: &mut BTreeMap<LinkNumber, Link>) {
        let open: Vec<_> = self.links.iter().map(|(id, link)| (*id, *link)).collect();
        for (id, number) in open {
            let Some(link) = links.get_mut(&number) else {
                continue;
            };
            if link.room() > 0 {
                self.core.handle_writable(id);
            }
            if !link.at_node.is_empty() && self.core.may_read(id) {
                let fresh = std::mem::take(&mut link.at_node);
                self.read(id, &fresh);
            }
            if link.ended_for_node() {
                self.core.handle_end(id);
            }
        }
    }

    fn read(&mut self, id: ConnectionId, fresh: &[u8]) {
        let Some(carried) = self.core.carried(id) else {
            return;
        };
        let bytes = [carried, fresh].concat();
        self.core.handle_bytes(id, &bytes, fresh.len());
    }

    fn adopt(
        &mut self,
        opening: Opening,
        number: LinkNumber,
        leftover: &[u8],
        links: &mut BTreeMap<LinkNumber, Link>,
    ) {
        let Some(id) = self.core.adopt(opening) else {
            if let Some(link) = links.get_mut(&number) {
                link.node_closed = true;
            }
            return;
        };
        self.links.insert(id, number);
        if !leftover.is_empty() {
            self.core.handle_bytes(id, leftover, leftover.len());
        }
    }

    fn flush(&mut self, links: &mut BTreeMap<LinkNumber, Link>) {
        let mut dirty = Vec::new();
        self.core.take_dirty(&mut dirty);
        for id in dirty {
            let number = self.links.get(&id);
            let Some(link) = number.and_then(|number| links.get_mut(number)) else {
                continue;
            };
            let Some((output, pool)) = self.core.output(id) else {
                continue;
            };
            let count = output.len().min(link.room());
            link.write(&output.pending()[..count]);
            output.advance(count, pool);
            if output.pending().is_empty() {
                self.core.handle_written(id, count);
            } else {
                self.core.handle_blocked(id, count);
            }
        }
    }

    fn hand_out(&mut self) -> HandedOut {
        let own = self.core.id();
        let others = || (0..self.workers).filter(move |to| *to != own);
        let mut handed_out = HandedOut::default();
        let outbox = self.core.outbox();
        for requests in &mut outbox.requests {
            handed_out.requests.push(std::mem::take(requests));
        }
        let changes = std::mem::take(&mut outbox.interest);
        if !changes.is_empty() {
            for to in others() {
                let message = ToWorker::Interest {
                    target: Target::Worker(own),
                    changes: changes.clone(),
                    replace: false,
                    confirm: OnDrop::new(Box::new(|| {})),
                };
                handed_out.mail.push((to, message));
            }
        }
        handed_out.errands = std::mem::take(&mut outbox.errands);
        handed_out.confirmed = std::mem::take(&mut outbox.confirmed);
        for to in others() {
            let batch = outbox.cross[usize::from(to)].take();
            handed_out
                .mail
                .extend(batch.map(|batch| (to, ToWorker::Publishes(batch))));
        }
        handed_out
    }

    fn reap(&mut self, links: &mut BTreeMap<LinkNumber, Link>) {
        let mut ended = Vec::new();
        self.core.take_ended(&mut ended);
        for id in ended {
            if let Some(number) = self.links.remove(&id)
                && let Some(link) = links.get_mut(&number)
            {
                link.node_closed = true;
            }
            self.core.free(id);
        }
    }
}
