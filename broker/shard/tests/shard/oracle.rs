//! What queues must hold, told in the most naive way: lists that are searched from the front. Shares nothing with
//! the shard but its commands; has no bounds.

use std::collections::BTreeMap;

use quorate_codec::QoS;
use quorate_shard::*;

/// Sessions by client id, as a reader of the standard would keep them.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    pub(crate) sessions: BTreeMap<String, Model>,
    marks: Vec<Origin>,
}

#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) session: SessionId,
    pub(crate) owner: Option<(NodeId, Incarnation, Epoch)>,
    durable: bool,
    expiry: u32,
    ends_at: Option<Millis>,
    window: usize,
    subscriptions: Vec<(String, QoS, bool)>,
    pub(crate) queue: Vec<Item>,
    last: Sequence,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) sequence: Sequence,
    pub(crate) text: Vec<u8>,
    pub(crate) qos: QoS,
    pub(crate) started: bool,
    pub(crate) received: bool,
    pub(crate) dup: bool,
    expires_at: Option<Millis>,
}

impl Oracle {
    /// What time does before a batch.
    pub(crate) fn pass(&mut self, time: Millis) {
        self.sessions
            .retain(|_, model| model.ends_at.is_none_or(|at| at > time));
        for model in self.sessions.values_mut() {
            model
                .queue
                .retain(|item| item.started || item.expires_at.is_none_or(|at| at > time));
        }
    }

    /// A command with the outcome that the shard gave it; only the ids of a claim are taken from that.
    pub(crate) fn run(
        &mut self,
        command: &Command,
        outcome: &Outcome,
        life: Incarnation,
        time: Millis,
    ) {
        match command {
            Command::Claim(claim) => self.claim(claim, outcome, life),
            Command::Release(release) => {
                if let Some(model) = self.owned(release.session, release.epoch) {
                    model.expiry = release.expiry_seconds.unwrap_or(model.expiry);
                    model.let_go(time);
                }
            }
            Command::ReleaseNode(release) => {
                for model in self.sessions.values_mut() {
                    if model.owner.is_some_and(|(node, life, _)| {
                        node == release.node && life < release.before
                    }) {
                        model.let_go(time);
                    }
                }
            }
            Command::Subscribe(command) => {
                if let Some(model) = self.durable(command.session, command.epoch) {
                    model.subscribe(&command.subscriptions);
                }
            }
            Command::Unsubscribe(command) => {
                if let Some(model) = self.durable(command.session, command.epoch) {
                    model.subscriptions.retain(|(old, _, _)| {
                        !command.filters.iter().any(|filter| **filter == **old)
                    });
                }
            }
            Command::Publish(publish) => self.publish(publish, outcome, time),
            Command::Enqueue(command) => {
                if let Some(model) = self.durable(command.session, command.epoch) {
                    command
                        .messages
                        .iter()
                        .for_each(|message| model.queue(message, message.qos, time));
                }
            }
            Command::Acknowledge(command) => {
                if let Some(model) = self.durable(command.session, command.epoch) {
                    model.queue.retain(|item| {
                        !(item.started && command.sequences.contains(&item.sequence))
                    });
                }
            }
            Command::Received(command) => {
                if let Some(model) = self.durable(command.session, command.epoch) {
                    for item in &mut model.queue {
                        let named = item.started && command.sequences.contains(&item.sequence);
                        item.received |= named && item.qos == QoS::ExactlyOnce;
                    }
                }
            }
            Command::Forget(forget) => self.marks.retain(|mark| *mark != forget.origin),
            Command::InboundStart(_)
            | Command::InboundRelease(_)
            | Command::Retain(_)
            | Command::WillDone(_)
            | Command::Reclaim(_) => {}
        }
        self.sessions.retain(|_, model| model.session != 0);
    }

    /// What happens after a batch: windows are filled.
    pub(crate) fn start(&mut self, time: Millis) {
        for model in self
            .sessions
            .values_mut()
            .filter(|model| model.owner.is_some())
        {
            while model.queue.iter().filter(|item| item.started).count() < model.window {
                let Some(next) = model.queue.iter().position(|item| !item.started) else {
                    break;
                };
                if model.queue[next].expires_at.is_some_and(|at| at <= time) {
                    model.queue.remove(next);
                } else {
                    model.queue[next].started = true;
                }
            }
        }
    }

    fn claim(&mut self, claim: &Claim, outcome: &Outcome, life: Incarnation) {
        let Outcome::Claimed(claimed) = outcome else {
            panic!("a claim came to {outcome:?}")
        };
        let id = claim.client_id.to_string();
        let kept = self.sessions.remove(&id).filter(|old| {
            let over = old.owner.is_some() && (!old.durable || old.expiry == 0);
            !claim.clean_start && !over
        });
        assert_eq!(claimed.present, kept.is_some());
        let fresh = Model {
            session: claimed.session,
            owner: None,
            durable: claim.expiry_seconds > 0,
            expiry: 0,
            ends_at: None,
            window: 0,
            subscriptions: Vec::new(),
            queue: Vec::new(),
            last: 0,
        };
        let mut model = kept.unwrap_or(fresh);
        assert_eq!(
            (model.session, model.durable),
            (claimed.session, claimed.durable)
        );
        model.owner = Some((claim.node, life, claimed.epoch));
        model.expiry = claim.expiry_seconds;
        model.ends_at = None;
        model.window = usize::from(claim.window);
        model
            .queue
            .iter_mut()
            .for_each(|item| item.dup = item.started);
        self.sessions.insert(id, model);
    }

    fn publish(&mut self, publish: &Publish, outcome: &Outcome, time: Millis) {
        let Publish {
            message,
            publisher,
            origin,
            plain: _,
            groups: _,
        } = publish;
        let mut count = 0;
        let seen = origin.is_some_and(|origin| self.marks.contains(&origin));
        for (client_id, model) in &mut self.sessions {
            let local = publisher.as_deref() == Some(client_id);
            let matching = model
                .subscriptions
                .iter()
                .filter(|(filter, qos, no_local)| {
                    *qos > QoS::AtMostOnce
                        && !(local && *no_local)
                        && matches(filter, &message.topic)
                });
            let best = matching
                .map(|(_, qos, _)| *qos)
                .max()
                .unwrap_or(QoS::AtMostOnce)
                .min(message.qos);
            if !seen && best > QoS::AtMostOnce {
                model.queue(message, best, time);
                count += 1;
            }
        }
        assert_eq!(*outcome, Outcome::Published(count));
        if count > 0 {
            self.marks.extend(origin);
        }
    }

    fn owned(&mut self, session: SessionId, epoch: Epoch) -> Option<&mut Model> {
        let mut models = self.sessions.values_mut();
        models.find(|model| {
            model.session == session && model.owner.is_some_and(|(_, _, owner)| owner == epoch)
        })
    }

    fn durable(&mut self, session: SessionId, epoch: Epoch) -> Option<&mut Model> {
        self.owned(session, epoch).filter(|model| model.durable)
    }
}

impl Model {
    fn subscribe(&mut self, subscriptions: &[Subscription]) {
        for Subscription {
            filter, options, ..
        } in subscriptions
        {
            self.subscriptions.retain(|(old, _, _)| **old != **filter);
            self.subscriptions
                .push((filter.to_string(), options.qos, options.no_local));
        }
    }

    fn queue(&mut self, message: &Message, qos: QoS, time: Millis) {
        self.last += 1;
        self.queue.push(Item {
            sequence: self.last,
            text: message.payload.to_vec(),
            qos,
            started: false,
            received: false,
            dup: false,
            expires_at: message
                .expiry_seconds
                .map(|seconds| time + u64::from(seconds) * 1_000),
        });
    }

    /// The session waits, or is marked for removal by the id 0.
    fn let_go(&mut self, time: Millis) {
        self.owner = None;
        self.ends_at = (self.expiry != EXPIRY_NEVER).then(|| time + u64::from(self.expiry) * 1_000);
        if !self.durable || self.expiry == 0 {
            self.session = 0;
        }
    }
}

/// MQTT 4.7, level by level.
pub(crate) fn matches(filter: &str, topic: &str) -> bool {
    fn levels(filter: &[&str], topic: &[&str]) -> bool {
        match (filter, topic) {
            (["#"], _) | ([], []) => true,
            (["+", filter @ ..], [_, topic @ ..]) => levels(filter, topic),
            ([level, filter @ ..], [name, topic @ ..]) => level == name && levels(filter, topic),
            ([], [_, ..]) | ([_, ..], []) => false,
        }
    }
    let hidden = topic.starts_with('$') && filter.starts_with(['#', '+']);
    !hidden
        && levels(
            &filter.split('/').collect::<Vec<_>>(),
            &topic.split('/').collect::<Vec<_>>(),
        )
}
