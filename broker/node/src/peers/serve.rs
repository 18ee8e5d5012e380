//! The port for peers: who may connect, and the service they find. Frames are none of its business.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quorate_proto::peer::peer_server::{Peer, PeerServer};
use quorate_proto::peer::{Chunk, JoinAnswer, JoinRequest};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

use super::error::{ListenError, Refusal};
use super::handlers::Sender;
use super::inbound::Greeted;
use super::kind::Lane;
use super::lane_stream::{Outgoing, ToClient, status};
use super::limits::{
    ACCEPTED_MAX, CHUNK_BYTES_MAX, CONNECTIONS_MAX, HELLO_WAIT, JOIN_WAIT, KEEP_ALIVE_INTERVAL,
    KEEP_ALIVE_WAIT, SHUTDOWN_WAIT, STREAMS_PER_CONNECTION_MAX, WINDOW_BYTES, queue_bytes_max,
};
use super::queue::Queue;
use super::shared::Shared;
use super::socket::{Accepted, Socket};
use super::tls::PeerTls;

/// How every HTTP/2 connection begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Pause after `accept` has failed for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The tasks of an open port.
pub(super) struct Serving {
    accepting: JoinHandle<()>,
    serving: JoinHandle<()>,
}

impl Serving {
    /// Waits for connections to end after `stop` was told; their streams have ended already. One whose
    /// peer does not answer is not waited for.
    pub(super) async fn stop(self) {
        self.accepting.abort();
        let serving = self.serving.abort_handle();
        if timeout(SHUTDOWN_WAIT, self.serving).await.is_err() {
            serving.abort();
        }
    }
}

/// Opens the port and serves until `stop` is told.
pub(super) async fn listen(
    shared: &Arc<Shared>,
    address: SocketAddr,
    mut stop: watch::Receiver<bool>,
) -> Result<(SocketAddr, Serving), ListenError> {
    if shared.tls.is_none() && !address.ip().is_loopback() {
        return Err(ListenError::Unprotected(address));
    }
    let failed = |source| ListenError::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let (accepted, incoming) = mpsc::channel(ACCEPTED_MAX);
    let accepting = tokio::spawn(accept_all(Arc::clone(shared), listener, accepted));
    let service = PeerServer::new(Service(Arc::clone(shared)));
    let serving = Server::builder()
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .http2_keepalive_interval(Some(KEEP_ALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEP_ALIVE_WAIT))
        .add_service(service.max_decoding_message_size(CHUNK_BYTES_MAX))
        .serve_with_incoming_shutdown(
            ReceiverStream::new(incoming).map(Ok::<_, std::io::Error>),
            async move {
                // An error means that all peers are gone, which is a stop too.
                let _ = stop.wait_for(|stop| *stop).await;
            },
        );
    let serving = tokio::spawn(async move {
        if let Err(error) = serving.await {
            tracing::error!(%error, "the port for peers failed");
        }
    });
    Ok((bound, Serving { accepting, serving }))
}

async fn accept_all(shared: Arc<Shared>, listener: TcpListener, accepted: mpsc::Sender<Accepted>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a peer");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            shared.stats.count_refused(Refusal::Many);
            continue;
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(shake_hands(shared, stream, place, accepted.clone()));
    }
}

async fn shake_hands(
    shared: Arc<Shared>,
    stream: TcpStream,
    place: OwnedSemaphorePermit,
    accepted: mpsc::Sender<Accepted>,
) {
    let from = stream
        .peer_addr()
        .unwrap_or_else(|_| (Ipv4Addr::UNSPECIFIED, 0).into());
    let greeted = timeout(HELLO_WAIT, greet(shared.tls.as_ref(), stream)).await;
    match greeted.unwrap_or(Err(Refusal::Silent)) {
        // An error means that the server stops.
        Ok(socket) => {
            let _ = accepted.send(Accepted::new(socket, place)).await;
        }
        Err(refusal) => {
            tracing::info!(%from, "a connection to the peers' port is refused: {refusal}");
            shared.stats.count_refused(refusal);
        }
    }
}

/// What comes before HTTP/2: the TLS handshake, or a look whether it is HTTP/2 at all. The caller sets the
/// time it may take.
pub(crate) async fn greet(
    tls: Option<&Arc<PeerTls>>,
    stream: TcpStream,
) -> Result<Socket, Refusal> {
    stream.set_nodelay(true).map_err(|_| Refusal::Silent)?;
    let Some(tls) = tls else {
        let mut start = [0; PREFACE.len()];
        let count = stream.peek(&mut start).await.map_err(|_| Refusal::Silent)?;
        return match count {
            0 => Err(Refusal::Silent),
            _ if PREFACE.starts_with(&start[..count]) => Ok(Socket::Plain(stream)),
            _ => Err(Refusal::Malformed),
        };
    };
    tls.accept(stream).await.map_err(|error| {
        tracing::debug!(%error, "a TLS handshake failed");
        Refusal::Tls
    })
}

struct Service(Arc<Shared>);

#[tonic::async_trait]
impl Peer for Service {
    type LaneStream = ToClient;

    async fn lane(&self, request: Request<Streaming<Chunk>>) -> Result<Response<ToClient>, Status> {
        let from = request.remote_addr();
        match self.open(request.into_inner()).await {
            Ok(stream) => Ok(Response::new(stream)),
            Err(refusal) => {
                tracing::info!(?from, "a peer's stream is refused: {refusal}");
                self.0.stats.count_refused(refusal);
                Err(status(refusal))
            }
        }
    }

    async fn join(&self, request: Request<JoinRequest>) -> Result<Response<JoinAnswer>, Status> {
        let handler = self.0.handlers.join.get();
        let handler = handler.ok_or_else(|| Status::unavailable("not ready to take nodes in"))?;
        let answer = timeout(JOIN_WAIT, handler.join(request.into_inner())).await;
        let answer = answer.map_err(|_| Status::unavailable("the cluster does not answer"))?;
        answer
            .map(Response::new)
            .map_err(Status::failed_precondition)
    }
}

impl Service {
    /// Judges the greeting and begins to read.
    async fn open(&self, mut incoming: Streaming<Chunk>) -> Result<ToClient, Refusal> {
        let shared = &self.0;
        let local = shared.ready()?;
        let greeting = timeout(HELLO_WAIT, incoming.message()).await;
        let greeting = greeting.map_err(|_| Refusal::Silent)?;
        let greeting = greeting.map_err(|_| Refusal::Malformed)?;
        let greeting = greeting.ok_or(Refusal::Silent)?;
        let sender: Sender = shared.judge(&greeting)?;
        let lane = Lane::from_number(greeting.lane).ok_or(Refusal::Malformed)?;
        let queue = Arc::new(Queue::new(queue_bytes_max(lane)));
        let counters = Arc::clone(shared.stats.peer(sender.node).lane(lane));
        let outgoing = Outgoing::new(
            local,
            sender.node,
            lane,
            Arc::clone(&queue),
            Arc::clone(&counters),
        );
        let greeted = Greeted {
            sender,
            lane,
            incoming,
            queue,
            counters,
        };
        shared.inbound.admit(shared, greeted).await?;
        shared.heard(sender.node, lane);
        Ok(ToClient::new(outgoing))
    }
}
