//! The groups of one node on a real directory: what is acknowledged is there after a restart, snapshots
//! replace the log, and many commands at once keep their order.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use quorate_codec::{QoS, RetainHandling, SubscriptionOptions};
use quorate_node::delivery::{Deliveries, InterestDelta, SessionDeliveries};
use quorate_node::peers::Peers;
use quorate_node::raft::{Groups, Hooks, Options};
use quorate_node::shard_client::{Completions, ReplyTo, Request};
use quorate_router::Scope;
use quorate_shard::{
    Acknowledge, Claim, Claimed, Command, DeliveryPacket, EXPIRY_NEVER, Epoch, Message, Outcome,
    Owner, PendingWill, Publish, Release, Retain, SessionId, ShardId, Subscribe, Subscription,
    Will,
};
use tempfile::TempDir;
use tokio::sync::Notify;

const DEADLINE: Duration = Duration::from_secs(20);

type Confirmed = Box<dyn FnOnce() + Send>;

/// Takes everything that comes out of the groups.
#[derive(Default)]
struct Sink {
    outcomes: Mutex<BTreeMap<u64, Outcome>>,
    deliveries: Mutex<Vec<SessionDeliveries>>,
    interest: Mutex<BTreeMap<ShardId, Vec<Arc<str>>>>,
    wills: Mutex<Vec<(ShardId, PendingWill)>>,
    /// Confirmations are kept back while this is set.
    held: Mutex<Option<Vec<Confirmed>>>,
    changed: Notify,
}

impl Sink {
    fn confirm(&self, confirmed: Confirmed) {
        match &mut *self.held.lock().expect("not poisoned") {
            Some(held) => held.push(confirmed),
            None => confirmed(),
        }
    }

    /// Waits until `look` finds something.
    async fn until<T>(&self, look: impl Fn(&Self) -> Option<T>) -> T {
        let looking = async {
            loop {
                let changed = self.changed.notified();
                if let Some(found) = look(self) {
                    return found;
                }
                changed.await;
            }
        };
        tokio::time::timeout(DEADLINE, looking)
            .await
            .expect("it comes in time")
    }
}

impl Completions for Sink {
    fn complete(&self, _worker: u16, outcomes: Vec<(u64, Outcome)>) {
        self.outcomes.lock().expect("not poisoned").extend(outcomes);
        self.changed.notify_waiters();
    }
}

impl Deliveries for Sink {
    fn deliver(&self, _worker: u16, sessions: Vec<SessionDeliveries>) {
        self.deliveries
            .lock()
            .expect("not poisoned")
            .extend(sessions);
        self.changed.notify_waiters();
    }

    fn interest(&self, shard: ShardId, deltas: Vec<InterestDelta>, confirmed: Confirmed) {
        let mut interest = self.interest.lock().expect("not poisoned");
        let filters = interest.entry(shard).or_default();
        for (filter, interest) in deltas {
            filters.retain(|known| *known != filter);
            if interest.is_some() {
                filters.push(filter);
            }
        }
        drop(interest);
        self.confirm(confirmed);
        self.changed.notify_waiters();
    }

    fn interest_set(
        &self,
        shard: ShardId,
        _: u64,
        filters: Vec<(Arc<str>, Scope)>,
        confirmed: Confirmed,
    ) {
        let filters = filters.into_iter().map(|(filter, _)| filter).collect();
        self.interest
            .lock()
            .expect("not poisoned")
            .insert(shard, filters);
        self.confirm(confirmed);
    }

    fn follow(&self, _: ShardId) {}

    fn publish_will(&self, shard: ShardId, will: PendingWill) {
        self.wills.lock().expect("not poisoned").push((shard, will));
        self.changed.notify_waiters();
    }

    fn close(&self, _shard: ShardId, _session: SessionId, _owner: Owner) {}

    fn close_client(&self, _client_id: Arc<str>, _epoch: Epoch, closed: Box<dyn FnOnce() + Send>) {
        closed();
    }
}

fn options(directory: &Path) -> Options {
    let mut options = Options::new(directory.to_owned(), 0xfeed);
    options.wal.segment_bytes = 4 << 20;
    options
}

async fn start(options: Options) -> (Groups, Arc<Sink>) {
    let sink = Arc::new(Sink::default());
    let hooks = Hooks {
        completions: Arc::clone(&sink) as _,
        deliveries: Arc::clone(&sink) as _,
    };
    let groups = Groups::start(options, hooks)
        .await
        .expect("the groups start");
    (groups, sink)
}

fn message(topic: &str, payload: &[u8]) -> Message {
    Message {
        topic: topic.into(),
        properties: Bytes::new(),
        payload: Bytes::copy_from_slice(payload),
        qos: QoS::AtLeastOnce,
        retain: false,
        expiry_seconds: None,
    }
}

fn publish(topic: &str, payload: &[u8]) -> Command {
    Command::Publish(Publish {
        message: message(topic, payload),
        publisher: None,
        origin: None,
        plain: true,
        groups: Vec::new(),
    })
}

fn subscription(filter: &str) -> Subscription {
    Subscription {
        filter: filter.into(),
        options: SubscriptionOptions {
            qos: QoS::AtLeastOnce,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::Send,
        },
        identifier: None,
    }
}

async fn claim(groups: &Groups, client: &str, will: Option<Will>) -> (ShardId, Claimed) {
    let shard = groups.slots().shard_of(client.as_bytes());
    let command = Command::Claim(Claim {
        client_id: client.into(),
        node: groups.node(),
        clean_start: false,
        expiry_seconds: EXPIRY_NEVER,
        window: 100,
        will,
    });
    match groups.call(shard, command, DEADLINE).await {
        Ok(Outcome::Claimed(claimed)) => (shard, *claimed),
        other => panic!("not claimed: {other:?}"),
    }
}

async fn subscribe(groups: &Groups, shard: ShardId, claimed: &Claimed, filter: &str) -> Outcome {
    let command = Command::Subscribe(Subscribe {
        session: claimed.session,
        epoch: claimed.epoch,
        subscriptions: vec![subscription(filter)],
    });
    groups
        .call(shard, command, DEADLINE)
        .await
        .expect("answered")
}

fn payloads(deliveries: &[SessionDeliveries]) -> Vec<Bytes> {
    let packets = deliveries.iter().flat_map(|session| &session.deliveries);
    packets
        .filter_map(|delivery| match &delivery.packet {
            DeliveryPacket::Publish(publish) => Some(publish.message.payload.clone()),
            DeliveryPacket::PubRel => None,
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let directory = TempDir::new().expect("a directory");
    let (groups, _) = start(options(directory.path())).await;
    let first_life = groups.incarnation();
    let (shard, claimed) = claim(&groups, "device", None).await;
    let outcome = subscribe(&groups, shard, &claimed, "a/+").await;
    assert_eq!(outcome, Outcome::Subscribed(vec![false]));
    for number in 0..10_u8 {
        let outcome = groups
            .call(shard, publish("a/b", &[number]), DEADLINE)
            .await;
        assert_eq!(outcome, Ok(Outcome::Published(1)));
    }
    groups.shutdown().await;
    drop(groups);

    let begun = Instant::now();
    let (groups, sink) = start(options(directory.path())).await;
    println!("restart to serving: {:?}", begun.elapsed());
    assert!(groups.incarnation() > first_life);
    assert_eq!(groups.cluster_id(), 0xfeed);
    let interest = sink.interest.lock().expect("not poisoned")[&shard].clone();
    assert_eq!(interest, [Arc::from("a/+")]);
    let (_, again) = claim(&groups, "device", None).await;
    assert!(again.present);
    groups.attach(shard, again.session, again.epoch, 3);
    let deliveries = sink.deliveries.lock().expect("not poisoned").clone();
    let expected: Vec<_> = (0..10_u8).map(|n| Bytes::copy_from_slice(&[n])).collect();
    assert_eq!(payloads(&deliveries), expected);
    groups.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_replaces_the_log_and_is_restored() {
    let directory = TempDir::new().expect("a directory");
    let mut small = options(directory.path());
    small.snapshot_log_bytes = 256 << 10;
    let (groups, _) = start(small.clone()).await;
    let (shard, claimed) = claim(&groups, "device", None).await;
    subscribe(&groups, shard, &claimed, "a/+").await;
    let payload = [7; 1_000];
    let mut purged = false;
    for _ in 0..2_000 {
        let outcome = groups.call(shard, publish("a/b", &payload), DEADLINE).await;
        assert_eq!(outcome, Ok(Outcome::Published(1)));
        purged |= groups.shard_status(shard).log_bytes < 100 << 10 && snapshots(directory.path());
    }
    assert!(purged, "a snapshot was made on the way");
    groups.shutdown().await;
    drop(groups);

    small.peers = Peers::new(None);
    let (groups, sink) = start(small).await;
    assert_eq!(groups.statistics(shard).queued_messages, 2_000);
    let (_, again) = claim(&groups, "device", None).await;
    groups.attach(shard, again.session, again.epoch, 0);
    let count = payloads(&sink.deliveries.lock().expect("not poisoned")).len();
    assert_eq!(count, 100, "as many as the window allows");
    groups.shutdown().await;
}

fn snapshots(directory: &Path) -> bool {
    let files = std::fs::read_dir(directory.join("snapshots")).expect("it is there");
    files.count() > 0
}

/// Where snapshots cannot be written the group goes on, and the log is freed once they can be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_stays_small_and_a_snapshot_that_fails_stops_nothing() {
    let directory = TempDir::new().expect("a directory");
    let mut small = options(directory.path());
    small.wal.segment_bytes = 1 << 20;
    small.snapshot_log_bytes = 2 << 20;
    small.shards = 1;
    let (groups, _) = start(small).await;
    let payload = [7; 4_000];
    let fill = async |megabytes: usize| {
        for _ in 0..megabytes * 250 {
            let outcome = groups.call(0, publish("t", &payload), DEADLINE).await;
            assert_eq!(outcome, Ok(Outcome::Published(0)));
        }
    };
    let place = directory.path().join("snapshots");
    let away = directory.path().join("away");
    std::fs::rename(&place, &away).expect("it is there");
    fill(12).await;
    let kept = log_size(directory.path());
    assert!(
        kept >= 12_000_000,
        "without a snapshot nothing may be freed: {kept}"
    );
    std::fs::rename(&away, &place).expect("it is back");
    let begun = Instant::now();
    while log_size(directory.path()) > 9_000_000 {
        assert!(begun.elapsed() < DEADLINE, "the log is freed");
        fill(1).await;
    }
    fill(12).await;
    assert!(log_size(directory.path()) < 12_000_000);
    groups.shutdown().await;
}

fn log_size(directory: &Path) -> u64 {
    let files = std::fs::read_dir(directory.join("wal")).expect("it is there");
    let sizes = files.filter_map(|file| file.ok()?.metadata().ok());
    sizes.map(|metadata| metadata.len()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_calls_at_once_are_all_answered_in_order() {
    let directory = TempDir::new().expect("a directory");
    let (groups, sink) = start(options(directory.path())).await;
    let (shard, claimed) = claim(&groups, "device", None).await;
    subscribe(&groups, shard, &claimed, "#").await;
    groups.attach(shard, claimed.session, claimed.epoch, 0);
    let requests = (0..1_000_u64).map(|ticket| Request {
        command: publish("t", &ticket.to_be_bytes()),
        reply: ReplyTo::Worker { worker: 0, ticket },
    });
    for request in requests {
        groups.submit(shard, vec![request]);
    }
    let all = |sink: &Sink| {
        let outcomes = sink.outcomes.lock().expect("not poisoned");
        (outcomes.len() == 1_000).then(|| outcomes.clone())
    };
    let outcomes = sink.until(all).await;
    assert!(
        outcomes
            .values()
            .all(|outcome| *outcome == Outcome::Published(1))
    );

    // The window is 100: acknowledging lets the rest follow, each once and in order.
    let mut seen = Vec::new();
    while seen.len() < 1_000 {
        let deliveries = sink
            .until(|sink| {
                let mut deliveries = sink.deliveries.lock().expect("not poisoned");
                (!deliveries.is_empty()).then(|| std::mem::take(&mut *deliveries))
            })
            .await;
        seen.extend(payloads(&deliveries));
        let sequences = deliveries.iter().flat_map(|session| &session.deliveries);
        let command = Command::Acknowledge(Acknowledge {
            session: claimed.session,
            epoch: claimed.epoch,
            sequences: sequences.map(|delivery| delivery.sequence).collect(),
        });
        let outcome = groups.call(shard, command, DEADLINE).await;
        assert_eq!(outcome, Ok(Outcome::Done));
    }
    let expected: Vec<_> = (0..1_000_u64)
        .map(|n| Bytes::copy_from_slice(&n.to_be_bytes()))
        .collect();
    assert_eq!(seen, expected);
    groups.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscribe_is_answered_only_after_interest_is_confirmed() {
    let directory = TempDir::new().expect("a directory");
    let (groups, sink) = start(options(directory.path())).await;
    let (shard, claimed) = claim(&groups, "device", None).await;
    *sink.held.lock().expect("not poisoned") = Some(Vec::new());
    let waiting = tokio::spawn({
        let groups = groups.clone();
        let claimed = claimed.clone();
        async move { subscribe(&groups, shard, &claimed, "a").await }
    });
    sink.until(|sink| {
        let held = sink.held.lock().expect("not poisoned");
        held.as_ref()
            .is_some_and(|held| !held.is_empty())
            .then_some(())
    })
    .await;
    // The commit is done: other commands of the shard are answered, the subscribe is not.
    groups
        .call(shard, publish("a", b"x"), DEADLINE)
        .await
        .expect("answered");
    assert!(!waiting.is_finished());
    let held = sink.held.lock().expect("not poisoned").take();
    for confirmed in held.expect("it was set") {
        confirmed();
    }
    assert_eq!(
        waiting.await.expect("it ends"),
        Outcome::Subscribed(vec![false])
    );
    groups.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_of_an_earlier_life_is_released_and_its_will_is_due_until_it_is_done() {
    let directory = TempDir::new().expect("a directory");
    let (groups, _) = start(options(directory.path())).await;
    let will = Will {
        message: message("gone", b"bye"),
        delay_seconds: 0,
    };
    let (shard, _) = claim(&groups, "device", Some(will)).await;
    groups.shutdown().await;
    drop(groups);

    // Nobody reports the will as published in this life, so it comes again in the next.
    let (groups, sink) = start(options(directory.path())).await;
    let first = sink
        .until(|sink| sink.wills.lock().expect("not poisoned").first().cloned())
        .await;
    assert_eq!(&*first.1.message.topic, "gone");
    groups.shutdown().await;
    drop(groups);

    let (groups, sink) = start(options(directory.path())).await;
    let again = sink
        .until(|sink| sink.wills.lock().expect("not poisoned").first().cloned())
        .await;
    assert_eq!(again, first);
    groups.will_done(shard, again.1.session, again.1.epoch);
    let release = Command::Release(Release {
        session: again.1.session,
        epoch: again.1.epoch,
        fire_will: false,
        expiry_seconds: None,
    });
    groups
        .call(shard, release, DEADLINE)
        .await
        .expect("answered");
    assert_eq!(groups.statistics(shard).pending_wills, 0);
    groups.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retained_values_are_read_where_they_are() {
    let directory = TempDir::new().expect("a directory");
    let (groups, _) = start(options(directory.path())).await;
    for topic in ["a/1", "a/2", "b/1"] {
        let shard = groups.slots().shard_of(topic.as_bytes());
        let mut message = message(topic, topic.as_bytes());
        message.retain = true;
        message.expiry_seconds = Some(1_000);
        let retain = Command::Retain(Retain { message });
        groups
            .call(shard, retain, DEADLINE)
            .await
            .expect("answered");
    }
    let found = groups.retained("a/+", DEADLINE).await.expect("answered");
    let mut topics: Vec<_> = found.iter().map(|found| &*found.message.topic).collect();
    topics.sort_unstable();
    assert_eq!(topics, ["a/1", "a/2"]);
    let one = groups.retained("b/1", DEADLINE).await.expect("answered");
    assert_eq!(one.len(), 1);
    assert!(
        one[0]
            .expiry_seconds
            .is_some_and(|left| (900..=1_000).contains(&left))
    );
    groups.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_goes_on_without_commands() {
    let directory = TempDir::new().expect("a directory");
    let (groups, sink) = start(options(directory.path())).await;
    let will = Will {
        message: message("gone", b"bye"),
        delay_seconds: 1,
    };
    let (shard, claimed) = claim(&groups, "device", Some(will)).await;
    let release = Command::Release(Release {
        session: claimed.session,
        epoch: claimed.epoch,
        fire_will: true,
        expiry_seconds: None,
    });
    groups
        .call(shard, release, DEADLINE)
        .await
        .expect("answered");
    assert!(sink.wills.lock().expect("not poisoned").is_empty());
    sink.until(|sink| sink.wills.lock().expect("not poisoned").first().cloned())
        .await;
    assert!(groups.proposer_statistics(shard).ticks >= 1);
    groups.shutdown().await;
}

/// Not a check of speed: prints it, with everything kept in flight that one closed loop keeps.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_loop_of_a_thousand_commands_goes_on() {
    let total: u64 =
        std::env::var("QUORATE_COMMANDS").map_or(20_000, |n| n.parse().expect("a number"));
    let directory = TempDir::new_in(".").expect("a directory on the disk that counts");
    let (groups, sink) = start(Options::new(directory.path().to_owned(), 1)).await;
    let shards = groups.shard_count();
    let begun = Instant::now();
    let mut sent = 0;
    let payload = [0x5a; 200];
    loop {
        let done = sink.outcomes.lock().expect("not poisoned").len() as u64;
        if done >= total {
            break;
        }
        let changed = sink.changed.notified();
        while sent < total && sent < done + 1_000 {
            let request = Request {
                command: publish("bench/topic", &payload),
                reply: ReplyTo::Worker {
                    worker: 0,
                    ticket: sent,
                },
            };
            groups.submit((sent % u64::from(shards)) as ShardId, vec![request]);
            sent += 1;
        }
        if sent > done {
            // A completion between the look and the wait has notified `changed` already, or will again.
            let _ = tokio::time::timeout(Duration::from_millis(5), changed).await;
        }
    }
    let rate = total as f64 / begun.elapsed().as_secs_f64();
    let batches: u64 = (0..shards)
        .map(|s| groups.proposer_statistics(s).batches)
        .sum();
    println!(
        "{rate:.0} commands/s, {:.1} commands per batch",
        total as f64 / batches as f64
    );
    groups.shutdown().await;
}
