//! The node's wiring, in data-path order: disk and groups, workers, front door, HTTP. The only place that
//! makes the parts known to each other.

mod administration;
mod directory;
mod dispatch;
mod entrance;
mod errands;
mod health;
mod placement;
mod publishes;
mod standing;

use std::pin::pin;
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::Context;
use rustls::crypto::CryptoProvider;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::auth::Authenticator;
use crate::config::Config;
use crate::data_dir::{DataDir, Identity};
use crate::front_door::{FrontDoor, FrontDoorParts};
use crate::http::HttpServer;
use crate::interest::{Interests, Live};
use crate::members::Over;
use crate::metrics::{FrontDoorCounters, Metrics, WorkerCounters};
use crate::peers::Block;
use crate::raft::{Groups, Hooks, Options};
use crate::registry::Registry;
use crate::shutdown::{self, Shutdown, Signals};
use crate::sys::{Board, Sys};
use crate::worker::{Budget, CoreSettings, Mailbox, ToWorker, Worker, WorkerLimits};
use administration::Administration;
use directory::Directory;
use dispatch::Dispatch;
use entrance::{Entered, Entrance};
use errands::Errands;
use health::NodeHealth;
use placement::Placement;
use publishes::Publishes;
use standing::Ending;

/// Workers that run, and what reaches them.
struct Workers {
    mailboxes: Arc<[Arc<Mailbox>]>,
    counters: Arc<[Arc<WorkerCounters>]>,
    threads: Vec<JoinHandle<std::io::Result<()>>>,
}

/// Runs a node until a signal ends it.
///
/// # Errors
/// Whatever keeps it from starting, as a sentence that says what to do.
pub fn run(config: &Config, hints: &str) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let mut data = DataDir::open(&config.data)?;
    let mut signals = runtime.block_on(async { Signals::watch() })?;
    loop {
        match runtime.block_on(live(config, &mut data, hints, &mut signals))? {
            Ending::Signal(_) => return Ok(()),
            Ending::Cluster(Over::Life) => {
                println!("the cluster has given this node up meanwhile: it begins a new life");
            }
            Ending::Cluster(Over::Removed) => {
                println!(
                    "this node was removed from its cluster and ends; its data is of no use any more"
                );
                return Ok(());
            }
        }
    }
}

/// One life of the node, from its ports to its end. Health and metrics are told from the beginning: a node that waits
/// for its cluster, or reads a long log, is alive and not ready.
async fn live(
    config: &Config,
    data: &mut DataDir,
    hints: &str,
    signals: &mut Signals,
) -> anyhow::Result<Ending> {
    let metrics = Arc::new(Metrics::new()?);
    let health = Arc::<NodeHealth>::default();
    let (trigger, ended) = shutdown::channel();
    let mut services = JoinSet::new();
    if let Some(address) = config.http {
        let http = HttpServer::open(address, health.clone(), metrics.clone())?;
        println!("HTTP on http://{}/metrics", http.address()?);
        services.spawn(http.run(ended.clone()));
    }
    let node = tokio::select! {
        // Nobody has been served yet, and what is on the disk is whole at any moment.
        signal = signals.next() => return Ok(Ending::Signal(signal)),
        node = Node::start(config, data, metrics, &health, ended.clone()) => node?,
    };
    if let Some(every) = config.sys_interval {
        let (sys, ended) = (node.sys.clone(), ended.clone());
        services.spawn(async move {
            sys.run(every, ended).await;
            Ok(())
        });
    }
    let groups = node.groups.clone();
    let mut ending = pin!(standing::ending(&groups, signals));
    let (ending, door) = tokio::select! {
        ending = &mut ending => (ending, None),
        door = node.open_door(config) => {
            health.interest_is_loaded();
            let door = door?;
            for url in door.urls() {
                println!("listening on {url}");
            }
            let door = tokio::spawn(door.run(ended));
            print!("{hints}");
            println!("ready");
            (ending.await, Some(door))
        }
    };
    tracing::info!("{ending:?}: ending");
    trigger.trigger();
    if let Some(door) = door {
        door.await?;
    }
    node.end(ending).await?;
    // Their ports must be free for the next life.
    services.shutdown().await;
    Ok(ending)
}

/// A node whose groups and workers run.
struct Node {
    groups: Groups,
    entrance: Entrance,
    workers: Workers,
    registry: Arc<Registry>,
    interests: Interests,
    sys: Sys,
    provider: Arc<CryptoProvider>,
}

impl Node {
    /// Finds its cluster, brings its groups up from the log and starts its workers.
    async fn start(
        config: &Config,
        data: &mut DataDir,
        metrics: Arc<Metrics>,
        health: &NodeHealth,
        ended: Shutdown,
    ) -> anyhow::Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let idle = (0..config.workers)
            .map(|_| Worker::new())
            .collect::<std::io::Result<Vec<_>>>()?;
        let mailboxes: Arc<[_]> = idle.iter().map(|worker| worker.mailbox().clone()).collect();

        let entrance = Entrance::open(config, ended).await?;
        let peers = entrance.peers.clone();
        let (told_live, live) = watch::channel(Live::from([]));
        let interests = Interests::new(peers.clone(), mailboxes.clone(), live);
        peers.register(Block::Publish, Arc::new(Publishes::new(mailboxes.clone())));
        let registry = Arc::<Registry>::default();
        let dispatch = Arc::new(Dispatch::new(
            mailboxes.clone(),
            registry.clone(),
            interests.clone(),
        ));
        let groups = start_groups(config, data, &provider, &entrance, &dispatch).await?;
        health.has_groups(groups.clone());
        entrance.is_member(Arc::new(Administration::new(groups.clone())));
        dispatch.serve(groups.clone());
        standing::follow_live(&groups, told_live);
        standing::send_away_without_lease(&groups, mailboxes.clone());
        tell_interest(&interests, &groups);
        metrics.add_groups(&groups)?;
        metrics.add_peers(&peers)?;

        let board = Arc::<Board>::default();
        let colleagues = (peers, interests.clone(), mailboxes.clone());
        let errands = Errands::new(groups.clone(), colleagues, board.clone());
        let workers = start_workers(config, idle, mailboxes, &errands, &registry, &provider)?;
        metrics.add_workers(workers.counters.clone())?;
        let sys = Sys::new(board, groups.clone(), &workers.counters, &workers.mailboxes);
        metrics.add_front_door(&sys.front_door)?;
        Ok(Self {
            groups,
            entrance,
            workers,
            registry,
            interests,
            sys,
            provider,
        })
    }

    /// Lets clients in as soon as publishes are routed by all that is subscribed.
    async fn open_door(&self, config: &Config) -> anyhow::Result<FrontDoor> {
        self.groups.interest_loaded().await;
        self.interests.loaded(self.groups.shard_count()).await;
        let (workers, provider) = (&self.workers, self.provider.clone());
        open_door(
            config,
            &self.groups,
            &self.registry,
            workers,
            self.sys.front_door.clone(),
            provider,
        )
    }

    /// Leaves its groups to others if it can, and stops.
    async fn end(self, ending: Ending) -> anyhow::Result<()> {
        if let Ending::Signal(_) = ending {
            self.groups.hand_over_all().await;
        }
        end_workers(self.workers).await?;
        self.groups.shutdown().await;
        self.entrance.peers.shutdown().await;
        self.entrance.close().await;
        Ok(())
    }
}

/// Tells peers what this node wants, under this life's number.
fn tell_interest(interests: &Interests, groups: &Groups) {
    let leaders: Vec<_> = (0..groups.shard_count())
        .map(|shard| groups.leader(shard))
        .collect();
    interests.serve(groups.incarnation(), move |shard| {
        *leaders[usize::from(shard)].borrow()
    });
}

async fn start_groups(
    config: &Config,
    data: &mut DataDir,
    provider: &CryptoProvider,
    entrance: &Entrance,
    dispatch: &Arc<Dispatch>,
) -> anyhow::Result<Groups> {
    let Entered {
        start,
        identity,
        known,
        begun,
        addresses,
    } = entrance.enter(config, data, provider).await?;
    let mut options = Options::new(config.data.clone(), u128::from_le_bytes(random(provider)?));
    options.peers = entrance.peers.clone();
    options.start = start;
    options.identity = identity;
    options.known = known;
    options.begun = begun;
    options.addresses = addresses;
    options.shards = config.storage.shards;
    options.snapshot_log_bytes = config.storage.log_bytes_max;
    options.wal.segment_bytes = config.storage.segment_bytes;
    options.limits = quorate_shard::Limits {
        hash_seed: u64::from_le_bytes(random(provider)?),
        ..config.limits.shard(config.storage.shards)
    };
    let hooks = Hooks {
        completions: dispatch.clone(),
        deliveries: dispatch.clone(),
    };
    let groups = Groups::start(options, hooks)
        .await
        .context("starting the node's log and groups")?;
    data.save_identity(Identity {
        cluster_id: groups.cluster_id(),
        node_id: groups.node(),
    })?;
    Ok(groups)
}

fn start_workers(
    config: &Config,
    idle: Vec<Worker>,
    mailboxes: Arc<[Arc<Mailbox>]>,
    errands: &Errands,
    registry: &Arc<Registry>,
    provider: &CryptoProvider,
) -> anyhow::Result<Workers> {
    let counters: Arc<[_]> = idle
        .iter()
        .map(|_| Arc::<WorkerCounters>::default())
        .collect();
    let session = Arc::new(config.limits.session());
    let decode = quorate_codec::DecodeLimits {
        packet_bytes_max: config.limits.packet_bytes_max as usize,
    };
    let limits = WorkerLimits {
        output_bytes_max: config.limits.output_bytes_max,
        ..WorkerLimits::default()
    };
    let budget = Arc::new(Budget::new(config.limits.outputs_bytes_max));
    let count = u16::try_from(idle.len()).context("workers")?;
    let mut threads = Vec::with_capacity(idle.len());
    for (id, worker) in (0..count).zip(idle) {
        let settings = CoreSettings {
            id,
            workers: count,
            slots: errands.slots().clone(),
            seed: u64::from_le_bytes(random(provider)?),
            share_strategy: config.limits.share_strategy,
            limits,
            budget: budget.clone(),
            session: session.clone(),
            decode,
        };
        let outside = Box::new(errands.clone());
        let counters = counters[usize::from(id)].clone();
        threads.push(worker.start(
            settings,
            registry.clone(),
            counters,
            mailboxes.clone(),
            outside,
            errands.fence().clone(),
        )?);
    }
    Ok(Workers {
        mailboxes,
        counters,
        threads,
    })
}

fn open_door(
    config: &Config,
    groups: &Groups,
    registry: &Arc<Registry>,
    workers: &Workers,
    counters: Arc<FrontDoorCounters>,
    provider: Arc<CryptoProvider>,
) -> anyhow::Result<FrontDoor> {
    let auth = Arc::new(Authenticator::new(&config.auth, &random(&provider)?)?);
    let parts = FrontDoorParts {
        limits: config.limits.clone(),
        proxies: config.proxies.clone(),
        auth,
        sessions: Arc::new(Directory::new(
            groups.clone(),
            registry.clone(),
            workers.mailboxes.clone(),
        )),
        handover: Arc::new(Placement::new(
            workers.mailboxes.clone(),
            workers.counters.clone(),
            groups.slots().clone(),
        )),
        counters,
        provider,
    };
    Ok(FrontDoor::open(&config.listeners, parts)?)
}

/// Has every client told and every session given back.
async fn end_workers(workers: Workers) -> anyhow::Result<()> {
    for mailbox in workers.mailboxes.iter() {
        mailbox.send(ToWorker::Shutdown);
    }
    tokio::task::spawn_blocking(move || {
        for thread in workers.threads {
            let ended = thread
                .join()
                .map_err(|_| anyhow::anyhow!("a worker panicked"))?;
            ended.context("a worker's poll failed")?;
        }
        Ok(())
    })
    .await?
}

fn random<const N: usize>(provider: &CryptoProvider) -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    provider
        .secure_random
        .fill(&mut bytes)
        .map_err(|_| anyhow::anyhow!("the operating system gives no random bytes"))?;
    Ok(bytes)
}
