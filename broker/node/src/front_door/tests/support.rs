//! A front door with fakes behind it, and clients that send bytes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use quorate_codec::{Connect, Packet, Password, Version, encode};
use quorate_shard::{Claimed, Owner};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use crate::auth::Authenticator;
use crate::config::{Config, Limits, Listener, Raw, key};
use crate::front_door::*;
use crate::shutdown::{self, ShutdownTrigger};

/// Longest a test waits for what must come.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// What [`FakeSessions`] answers and has seen.
#[derive(Default)]
pub(super) struct FakeSessions {
    pub(super) error: Mutex<Option<ClaimError>>,
    pub(super) previous: Mutex<Option<Owner>>,
    pub(super) present: Mutex<bool>,
    /// The earlier connection is closed when this is notified.
    pub(super) closed: Notify,
    pub(super) claims: Mutex<Vec<ClaimRequest>>,
    pub(super) closing: Mutex<Vec<Owner>>,
    pub(super) given_back: Mutex<Vec<Arc<str>>>,
    pub(super) gave_back: Notify,
}

impl Sessions for FakeSessions {
    fn claim(&self, request: ClaimRequest) -> BoxFuture<'_, Result<Claimed, ClaimError>> {
        Box::pin(async move {
            let durable = request.expiry_seconds > 0;
            self.claims.lock().unwrap().push(request);
            if let Some(error) = *self.error.lock().unwrap() {
                return Err(error);
            }
            Ok(Claimed {
                session: 1,
                epoch: 2,
                present: *self.present.lock().unwrap(),
                durable,
                previous: *self.previous.lock().unwrap(),
                subscriptions: Vec::new(),
                inbound: Vec::new(),
            })
        })
    }

    fn close_previous<'a>(&'a self, _: &'a Arc<str>, previous: Owner) -> BoxFuture<'a, ()> {
        self.closing.lock().unwrap().push(previous);
        Box::pin(self.closed.notified())
    }

    fn give_back(&self, client_id: &Arc<str>, _: &Claimed) {
        self.given_back.lock().unwrap().push(Arc::clone(client_id));
        self.gave_back.notify_one();
    }
}

struct FakeWorker(mpsc::UnboundedSender<Established>);

impl Handover for FakeWorker {
    fn hand_over(&self, established: Established) {
        let _ = self.0.send(established);
    }
}

/// A running front door.
pub(super) struct Door {
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) sessions: Arc<FakeSessions>,
    pub(super) counters: Arc<FrontDoorCounters>,
    established: mpsc::UnboundedReceiver<Established>,
    trigger: ShutdownTrigger,
    run: JoinHandle<()>,
}

/// Default limits, as the configuration has them.
pub(super) fn config(settings: &[(&str, &str)]) -> Config {
    let mut flags = vec![(key::find("data").unwrap(), "", Raw::Text("d".to_owned()))];
    flags.extend(
        settings
            .iter()
            .map(|(name, value)| (key::find(name).unwrap(), "", Raw::Text((*value).to_owned()))),
    );
    Config::load_with(None, &|_| None, flags).unwrap()
}

pub(super) fn limits() -> Limits {
    config(&[("auth.allow_anonymous", "true")]).limits
}

pub(super) fn plain() -> Vec<Listener> {
    vec![Listener::plain("127.0.0.1:0".parse().unwrap())]
}

impl Door {
    /// A front door that lets everybody in.
    pub(super) fn open(listeners: &[Listener], limits: Limits) -> Self {
        Self::with_config(
            listeners,
            limits,
            &config(&[("auth.allow_anonymous", "true")]),
        )
    }

    /// A front door for users of a password file.
    pub(super) fn with_passwords(file: PathBuf) -> Self {
        let config = config(&[("auth.password_file", &file.to_string_lossy())]);
        Self::with_config(&plain(), limits(), &config)
    }

    pub(super) fn with_config(listeners: &[Listener], limits: Limits, config: &Config) -> Self {
        let sessions = Arc::new(FakeSessions::default());
        let counters = Arc::new(FrontDoorCounters::default());
        let (sender, established) = mpsc::unbounded_channel();
        let parts = FrontDoorParts {
            limits,
            proxies: config.proxies.clone(),
            auth: Arc::new(Authenticator::new(&config.auth, &[9; 32]).unwrap()),
            sessions: sessions.clone(),
            handover: Arc::new(FakeWorker(sender)),
            counters: Arc::clone(&counters),
            provider: Arc::new(rustls::crypto::ring::default_provider()),
        };
        let door = FrontDoor::open(listeners, parts).unwrap();
        let addresses = door.addresses().unwrap();
        let (trigger, shutdown) = shutdown::channel();
        let run = tokio::spawn(door.run(shutdown));
        Self {
            addresses,
            sessions,
            counters,
            established,
            trigger,
            run,
        }
    }

    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addresses[0]).await.unwrap()
    }

    /// The next connection that is handed over.
    pub(super) async fn established(&mut self) -> Established {
        tokio::time::timeout(PATIENCE, self.established.recv())
            .await
            .unwrap()
            .unwrap()
    }

    /// Whether nothing has been handed over.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.established.try_recv().is_err()
    }

    /// Ends it and waits until it has ended.
    pub(super) async fn end(self) {
        self.trigger.trigger();
        tokio::time::timeout(PATIENCE, self.run)
            .await
            .unwrap()
            .unwrap();
    }
}

pub(super) fn bytes(connect: &Connect<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(&Packet::Connect(*connect), connect.version, &mut bytes).unwrap();
    bytes
}

pub(super) fn login_as<'a>(version: Version, user: &'a str, password: &'a [u8]) -> Connect<'a> {
    Connect {
        user_name: Some(user),
        password: Some(Password(password)),
        ..Connect::new(version, "client")
    }
}

/// Sends bytes and reads whatever comes until the connection ends, by close or by reset.
pub(super) async fn converse(mut stream: TcpStream, bytes: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    let talk = async {
        let _ = stream.write_all(bytes).await;
        let _ = stream.read_to_end(&mut answer).await;
    };
    tokio::time::timeout(PATIENCE, talk)
        .await
        .expect("the connection ends");
    answer
}
