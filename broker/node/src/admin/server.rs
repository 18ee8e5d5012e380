//! The port of the admin service: who may connect, and for how long. What they ask is the service's.

use std::net::SocketAddr;
use std::sync::Arc;

use quorate_proto::admin::admin_server::AdminServer as Generated;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;

use super::client;
use super::desk::Desk;
use super::limits::{
    ACCEPTED_MAX, CALLS_PER_CONNECTION_MAX, CONNECTIONS_MAX, HANDSHAKE_WAIT, KEEP_ALIVE_INTERVAL,
    KEEP_ALIVE_WAIT, REQUEST_BYTES_MAX, SHUTDOWN_WAIT,
};
use super::service::Service;
use crate::config;
use crate::front_door::{BindError, bind_listener};
use crate::peers::{Accepted, PeerTls, greet, reload};
use crate::shutdown::Shutdown;
use crate::tls_files::TlsFilesError;

/// The admin service cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The certificate files.
    #[error("admin service: {0}")]
    Files(#[from] TlsFilesError),
}

/// An open port.
#[derive(Debug)]
pub struct AdminServer {
    listener: TcpListener,
    tls: Option<Arc<PeerTls>>,
    service: Service,
}

impl AdminServer {
    /// Opens the port; must run on the runtime. Nothing is answered before [`Self::run`].
    ///
    /// # Errors
    /// The address cannot be listened on, or the files cannot be used.
    pub fn open(service: &config::Service, desk: Desk) -> Result<Self, OpenError> {
        let tls = service.tls.as_ref().map(client::load).transpose()?;
        Ok(Self {
            listener: bind_listener("admin", service.listen)?,
            tls,
            service: Service::new(desk),
        })
    }

    /// The address it listens on, with the real port where 0 was asked for.
    ///
    /// # Errors
    /// The operating system does not tell.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until the end comes.
    pub async fn run(self, mut shutdown: Shutdown) {
        let (accepted, incoming) = mpsc::channel(ACCEPTED_MAX);
        if let Some(tls) = &self.tls {
            tokio::spawn(reload(Arc::downgrade(tls)));
        }
        let accepting = tokio::spawn(accept_all(self.listener, self.tls, accepted));
        let service = Generated::new(self.service).max_decoding_message_size(REQUEST_BYTES_MAX);
        let mut ended = shutdown.clone();
        let serving = Server::builder()
            .max_concurrent_streams(CALLS_PER_CONNECTION_MAX)
            .http2_keepalive_interval(Some(KEEP_ALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(KEEP_ALIVE_WAIT))
            .add_service(service)
            .serve_with_incoming_shutdown(
                ReceiverStream::new(incoming).map(Ok::<_, std::io::Error>),
                async move { ended.wait().await },
            );
        let late = async {
            shutdown.wait().await;
            tokio::time::sleep(SHUTDOWN_WAIT).await;
        };
        tokio::select! {
            served = serving => if let Err(error) = served {
                tracing::error!(%error, "the admin service failed");
            },
            // Whoever is still connected has had its time.
            () = late => {}
        }
        accepting.abort();
        // Only then is the port free again.
        let _ = accepting.await;
    }
}

async fn accept_all(
    mut listener: TcpListener,
    tls: Option<Arc<PeerTls>>,
    accepted: mpsc::Sender<Accepted>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        // Waits and tries again when descriptors are short.
        let (stream, from) = axum::serve::Listener::accept(&mut listener).await;
        let tls = tls.clone();
        let accepted = accepted.clone();
        tokio::spawn(async move {
            match shake_hands(stream, tls, place).await {
                // An error means that the server stops.
                Some(socket) => drop(accepted.send(socket).await),
                None => tracing::info!(%from, "a connection to the admin port is refused"),
            }
        });
    }
}

async fn shake_hands(
    stream: TcpStream,
    tls: Option<Arc<PeerTls>>,
    place: OwnedSemaphorePermit,
) -> Option<Accepted> {
    let greeted = timeout(HANDSHAKE_WAIT, greet(tls.as_ref(), stream)).await;
    let socket = greeted.ok()?.ok()?;
    Some(Accepted::new(socket, place))
}
