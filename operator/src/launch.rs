//! From the command line to a running operator: logging, HTTP, the election, the controller.

use std::sync::Arc;

use anyhow::Context as _;
use kube::Client;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::cli::Cli;
use crate::controller::{self, Context};
use crate::http::{Http, Ready};
use crate::metrics::Metrics;
use crate::{lease, telemetry};

/// Runs until a signal ends it.
///
/// # Errors
/// Whatever keeps it from starting.
pub fn launch(cli: &Cli) -> anyhow::Result<()> {
    telemetry::start(cli.log_format, &cli.log)?;
    // One provider for the whole process; a second call would be a mistake of ours.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(cli))
}

async fn serve(cli: &Cli) -> anyhow::Result<()> {
    let (end, ended) = watch::channel(false);
    tokio::spawn(async move {
        signalled().await;
        end.send_replace(true);
    });
    let wait = |mut ended: watch::Receiver<bool>| async move {
        // An error means that the sender is gone: the end as well.
        let _ = ended.wait_for(|ended| *ended).await;
    };

    let metrics = Metrics::new()?;
    let ready = Ready::default();
    let http = Http::open(cli.http, ready.clone(), metrics.clone()).await;
    let http = http.with_context(|| format!("--http {}", cli.http))?;
    let http = tokio::spawn(http.run(wait(ended.clone())));

    let client = Client::try_default().await;
    let client = client.context("no API server: run inside Kubernetes, or set KUBECONFIG")?;
    let version = client
        .apiserver_version()
        .await
        .context("asking the API server for its version")?;
    tracing::info!(server = %version.git_version, "talks to Kubernetes");
    ready.set();

    let identity = cli.identity.clone().unwrap_or_else(machine);
    let (elector, mut leadership) =
        lease::elector(client.clone(), &cli.namespace, &cli.lease, &identity);
    let elector = tokio::spawn(elector.run(wait(ended.clone())));
    let context = Context::new(client, cli.broker_image.clone(), metrics.clone(), identity);
    let context = Arc::new(context);
    let leading = leadership.run(|| async {
        metrics.leads(true);
        controller::run(context.clone()).await;
    });
    tokio::select! {
        _ = leading => {}
        () = wait(ended) => {}
    }
    metrics.leads(false);
    elector.await?;
    http.await??;
    tracing::info!("ended");
    Ok(())
}

async fn signalled() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// The machine's name, which in a pod is the pod's.
fn machine() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "quorate-operator".to_owned(),
        name => name.to_owned(),
    }
}
