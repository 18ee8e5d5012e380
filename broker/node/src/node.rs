//! The node's wiring, in data-path order. A placeholder that opens the doors and refuses everybody: the
//! coordinator of the parts replaces it.

use std::sync::Arc;

use futures::future::BoxFuture;
use quorate_shard::{Claimed, Owner};

use crate::auth::Authenticator;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::front_door::{
    ClaimError, ClaimRequest, Established, FrontDoor, FrontDoorParts, Handover, Sessions,
};
use crate::http::{Health, HttpServer};
use crate::metrics::{FrontDoorCounters, Metrics};
use crate::shutdown;

/// Runs a node until a signal ends it.
///
/// # Errors
/// Whatever keeps it from starting, as a sentence that says what to do.
pub fn run(config: &Config, hints: &str) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let _data = DataDir::open(&config.data)?;
    runtime.block_on(serve(config, hints))
}

async fn serve(config: &Config, hints: &str) -> anyhow::Result<()> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut cache_key = [0; 32];
    provider
        .secure_random
        .fill(&mut cache_key)
        .map_err(|_| anyhow::anyhow!("the operating system gives no random bytes"))?;
    let auth = Arc::new(Authenticator::new(&config.auth, &cache_key)?);
    let counters = Arc::<FrontDoorCounters>::default();
    let metrics = Arc::new(Metrics::new()?);
    metrics.add_front_door(&counters)?;
    let parts = FrontDoorParts {
        limits: config.limits.clone(),
        auth,
        sessions: Arc::new(Nobody),
        handover: Arc::new(Nobody),
        counters,
        provider,
    };
    let door = FrontDoor::open(&config.listeners, parts)?;
    let (trigger, shutdown) = shutdown::channel();
    for (scheme, address) in door.addresses() {
        println!("listening on {scheme}://{address}");
    }
    let door = tokio::spawn(door.run(shutdown.clone()));
    if let Some(address) = config.http {
        let http = HttpServer::open(address, Arc::new(Nobody), metrics)?;
        println!("HTTP on http://{}/metrics", http.address()?);
        tokio::spawn(http.run(shutdown));
    }
    print!("{hints}");
    let signal = shutdown::signalled().await?;
    tracing::info!("{signal}: ending");
    trigger.trigger();
    door.await?;
    Ok(())
}

struct Nobody;

impl Sessions for Nobody {
    fn claim(&self, _: ClaimRequest) -> BoxFuture<'_, Result<Claimed, ClaimError>> {
        Box::pin(std::future::ready(Err(ClaimError::Unavailable)))
    }

    fn close_previous<'a>(&'a self, _: &'a Arc<str>, _: Owner) -> BoxFuture<'a, ()> {
        Box::pin(std::future::ready(()))
    }

    fn give_back(&self, _: &Arc<str>, _: &Claimed) {}
}

impl Handover for Nobody {
    fn hand_over(&self, _: Established) {}
}

impl Health for Nobody {
    fn missing(&self) -> Option<String> {
        Some("nothing is wired yet".to_owned())
    }
}
