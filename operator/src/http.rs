//! HTTP for probes and scrapers: `/livez`, `/readyz`, `/metrics`. Changes nothing, asks for no password, and is
//! bounded in connections and time, since anybody in the cluster may reach it.

mod listener;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use crate::metrics::Metrics;
use listener::BoundedListener;

/// Nothing here takes a body.
const BODY_BYTES_MAX: usize = 1_024;

/// Whether this process is ready: it has talked to the API server. A replica that does not lead is ready too.
#[derive(Debug, Clone, Default)]
pub struct Ready(Arc<AtomicBool>);

impl Ready {
    /// It is, from now on.
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// An open listener.
#[derive(Debug)]
pub struct Http {
    listener: TcpListener,
    router: Router,
}

impl Http {
    /// Opens the socket. Nothing is answered before [`Self::run`].
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn open(
        address: SocketAddr,
        ready: Ready,
        metrics: Metrics,
    ) -> std::io::Result<Self> {
        let router = Router::new()
            .route("/readyz", get(readyz).with_state(ready))
            .route("/metrics", get(scrape).with_state(metrics))
            .route("/livez", get(async || "ok\n"))
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX));
        let listener = TcpListener::bind(address).await?;
        Ok(Self { listener, router })
    }

    /// The address it listens on, with the real port where 0 was asked for.
    ///
    /// # Errors
    /// The operating system does not tell.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until the end comes.
    ///
    /// # Errors
    /// The listener fails for good.
    pub async fn run(self, end: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
        axum::serve(BoundedListener::new(self.listener), self.router)
            .with_graceful_shutdown(end)
            .await
    }
}

async fn readyz(State(ready): State<Ready>) -> (StatusCode, &'static str) {
    if ready.0.load(Ordering::Acquire) {
        (StatusCode::OK, "ready\n")
    } else {
        let missing = "not ready: the API server has not answered yet\n";
        (StatusCode::SERVICE_UNAVAILABLE, missing)
    }
}

/// On a blocking thread: it reads `/proc`.
async fn scrape(State(metrics): State<Metrics>) -> Response {
    match tokio::task::spawn_blocking(move || metrics.encode()).await {
        Ok(Ok(text)) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Ok(Err(error)) => failed(&error),
        Err(error) => failed(&error),
    }
}

fn failed(error: &dyn std::fmt::Display) -> Response {
    tracing::error!("metrics: {error}");
    let text = "metrics cannot be written down; see the log\n";
    (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
}
