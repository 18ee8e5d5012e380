//! HTTP for people and machines that look after the node: `/livez`, `/readyz`, `/metrics`.
//!
//! Asks for no password, so it is off until it is given an address. Must not change anything: the admin
//! API and the dashboard get files of their own beside these.

mod health;
mod limits;
mod listener;
mod metrics;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;

pub use health::Health;

use crate::front_door::{BindError, bind_listener};
use crate::metrics::Metrics;
use crate::shutdown::Shutdown;
use listener::BoundedListener;

/// An open HTTP listener.
#[allow(missing_debug_implementations, reason = "trait objects")]
pub struct HttpServer {
    listener: tokio::net::TcpListener,
    router: Router,
}

impl HttpServer {
    /// Opens the socket; must run on the runtime. Nothing is answered before [`Self::run`].
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub fn open(
        address: SocketAddr,
        health: Arc<dyn Health>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, BindError> {
        let listener = bind_listener("http", address)?;
        let router = Router::new()
            .route("/readyz", get(health::readyz).with_state(health))
            .route("/metrics", get(metrics::metrics).with_state(metrics))
            .route("/livez", get(health::livez))
            .layer(DefaultBodyLimit::max(limits::BODY_BYTES_MAX));
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
    pub async fn run(self, mut shutdown: Shutdown) -> std::io::Result<()> {
        let listener = BoundedListener::new(self.listener);
        axum::serve(listener, self.router)
            .with_graceful_shutdown(async move { shutdown.wait().await })
            .await
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::metrics::WorkerCounters;
    use crate::shutdown;

    struct NotYet;

    impl Health for NotYet {
        fn missing(&self) -> Option<String> {
            Some("shard 2 has no leader".to_owned())
        }
    }

    async fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn probes_and_scrapers_get_their_answers() {
        let metrics = Arc::new(Metrics::new().unwrap());
        let worker = Arc::new(WorkerCounters::default());
        metrics
            .add_workers(Arc::from([Arc::clone(&worker)]))
            .unwrap();
        metrics.add_front_door(&Arc::default()).unwrap();
        worker.connections_opened.add(3);
        worker.connections_closed.add(1);
        worker.received.add(quorate_codec::QoS::AtLeastOnce, 5, 500);
        worker.turn_micros.record(100);
        let address = "127.0.0.1:0".parse().unwrap();
        let server = HttpServer::open(address, Arc::new(NotYet), metrics).unwrap();
        let address = server.address().unwrap();
        let (trigger, shutdown) = shutdown::channel();
        let run = tokio::spawn(server.run(shutdown));

        assert!(get(address, "/livez").await.starts_with("HTTP/1.1 200"));
        let ready = get(address, "/readyz").await;
        assert!(
            ready.starts_with("HTTP/1.1 503") && ready.contains("shard 2 has no leader"),
            "{ready}"
        );
        assert!(get(address, "/nothing").await.starts_with("HTTP/1.1 404"));
        let metrics = get(address, "/metrics").await;
        for line in [
            "quorate_connections 2\n",
            "quorate_messages_total{direction=\"in\",qos=\"1\"} 5\n",
            "quorate_message_bytes_total{direction=\"in\",qos=\"1\"} 500\n",
            "quorate_worker_turn_seconds_bucket{le=\"0.000064\"} 0\n",
            "quorate_worker_turn_seconds_bucket{le=\"0.000128\"} 1\n",
            "quorate_worker_turn_seconds_count 1\n",
            "# HELP quorate_messages_dropped_total ",
            "# TYPE quorate_login_seconds histogram\n",
            "process_open_fds ",
        ] {
            assert!(metrics.contains(line), "{line} is missing in\n{metrics}");
        }
        trigger.trigger();
        run.await.unwrap().unwrap();
    }
    #[tokio::test]
    async fn a_silent_client_is_closed_and_does_not_hold_its_place() {
        let metrics = Arc::new(Metrics::new().unwrap());
        let address = "127.0.0.1:0".parse().unwrap();
        let server = HttpServer::open(address, Arc::new(NotYet), metrics).unwrap();
        let address = server.address().unwrap();
        let (_trigger, shutdown) = shutdown::channel();
        tokio::spawn(server.run(shutdown));
        let mut silent = Vec::new();
        for sent in [&b""[..], b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n"] {
            let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
            stream.write_all(sent).await.unwrap();
            silent.push(stream);
        }
        for mut stream in silent {
            // Closed with or without a complaint.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    }
}
