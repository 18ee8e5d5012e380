//! Which of the operator's replicas acts: a `coordination.k8s.io` Lease. Clocks of machines are never compared:
//! another's lease is over when it has not been seen to change for its length on our own monotonic clock, and
//! ours is over when we have not renewed it for less than that, whether or not we can say so to anybody.

mod election;
mod record;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::Client;
use kube::api::{Api, PostParams};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use election::{Election, Step};
use record::Record;

/// A leader that cannot renew for so long is replaced. Long enough for an API server that is restarted.
pub(crate) const LEASE: Duration = Duration::from_secs(15);
/// A leader that has not renewed for so long stops acting: well before anybody may follow.
pub(crate) const ACTS_AFTER_RENEWAL_MAX: Duration = Duration::from_secs(10);
/// How often the leader renews: it survives two lost renewals.
const RENEW_INTERVAL: Duration = Duration::from_secs(3);
/// How often the others look.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// One try at the API server.
const CALL_WAIT: Duration = Duration::from_secs(4);

/// Takes part in the election.
#[derive(Debug)]
pub struct Elector {
    api: Api<Lease>,
    namespace: String,
    name: String,
    election: Election,
    told: Arc<watch::Sender<Option<Instant>>>,
}

/// Whether this process acts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Leadership(watch::Receiver<Option<Instant>>);

/// Why a try at the Lease came to nothing.
#[derive(Debug, thiserror::Error)]
enum TryError {
    #[error(transparent)]
    Api(#[from] kube::Error),
    #[error("the API server does not answer within {} s", CALL_WAIT.as_secs())]
    Silent,
}

/// Gets ready to take part. `identity` must be that of no other process that runs; one that is restarted under
/// the same identity takes its lease up again at once.
pub fn elector(
    client: Client,
    namespace: &str,
    name: &str,
    identity: &str,
) -> (Elector, Leadership) {
    let (told, leadership) = watch::channel(None);
    let elector = Elector {
        api: Api::namespaced(client, namespace),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        election: Election::new(identity, LEASE, ACTS_AFTER_RENEWAL_MAX),
        told: Arc::new(told),
    };
    (elector, Leadership(leadership))
}

impl Leadership {
    /// Whether this process may act now. Reads the clock.
    pub fn is_held(&self) -> bool {
        self.0.borrow().is_some_and(|until| Instant::now() < until)
    }

    /// Runs something again and again while this process leads; it is dropped, wherever it is, when the
    /// leadership is lost. Ends when the elector does, or when what is run ends by itself.
    pub async fn run<T, F: Future<Output = T>>(
        &mut self,
        mut start: impl FnMut() -> F,
    ) -> Option<T> {
        loop {
            self.0.wait_for(Option::is_some).await.ok()?;
            tracing::info!("this replica leads");
            let mut lost = self.0.clone();
            tokio::select! {
                ended = start() => return Some(ended),
                _ = lost.wait_for(Option::is_none) => {
                    tracing::warn!("this replica leads no longer");
                }
            }
        }
    }
}

impl Elector {
    /// Takes part until `end` comes, then gives the lease back.
    pub async fn run(mut self, end: impl Future<Output = ()>) {
        tokio::pin!(end);
        loop {
            let ended = tokio::select! {
                () = self.turn() => false,
                () = &mut end => true,
            };
            if ended {
                break;
            }
        }
        self.told.send_replace(None);
        if self.election.is_leader(Instant::now()) {
            // An error costs the next leader the length of the lease, nothing more.
            let _ = timeout(CALL_WAIT, self.release()).await;
        }
    }

    /// One look at the Lease and what follows from it, then the pause.
    async fn turn(&mut self) {
        let begun = Instant::now();
        let expires = self.election.acts_until();
        let tried = {
            let trying = self.attempt();
            let expiry = async {
                match expires {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                tried = trying => Some(tried),
                () = expiry => None,
            }
        };
        if let Some(Err(error)) = tried {
            tracing::warn!(lease = %self.name, %error, "the lease cannot be kept or looked at");
        }
        self.tell();
        let pause = if self.election.is_leader(Instant::now()) {
            RENEW_INTERVAL
        } else {
            LOOK_INTERVAL
        };
        let wake = begun + pause;
        let wake = self
            .election
            .acts_until()
            .map_or(wake, |until| wake.min(until));
        sleep_until(wake).await;
        self.tell();
    }

    async fn attempt(&mut self) -> Result<(), TryError> {
        let found = within(self.api.get_opt(&self.name)).await?;
        let found = found.map(Record::from);
        let asked = Instant::now();
        let wanted = match self.election.step(found.as_ref(), asked) {
            Step::Wait => return Ok(()),
            Step::Write(wanted) => wanted,
        };
        let lease = wanted.to_lease(&self.namespace, &self.name, jiff::Timestamp::now());
        let post = PostParams::default();
        let written = match found {
            None => within(self.api.create(&post, &lease)).await,
            Some(_) => within(self.api.replace(&self.name, &post, &lease)).await,
        };
        match written {
            Ok(_) => self.election.written(asked),
            Err(TryError::Api(kube::Error::Api(status))) if status.code == 409 => {
                tracing::debug!(lease = %self.name, "another replica was faster");
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn release(&mut self) -> Result<(), TryError> {
        let Some(found) = within(self.api.get_opt(&self.name)).await? else {
            return Ok(());
        };
        let found = Record::from(found);
        if let Some(free) = self.election.release(&found) {
            let lease = free.to_lease(&self.namespace, &self.name, jiff::Timestamp::now());
            within(self.api.replace(&self.name, &PostParams::default(), &lease)).await?;
        }
        Ok(())
    }

    /// Tells the others of this process how long it may act.
    fn tell(&self) {
        let now = Instant::now();
        let until = self.election.acts_until().filter(|until| now < *until);
        self.told.send_if_modified(|told| {
            let is_news = told.is_some() != until.is_some();
            *told = until;
            is_news
        });
    }
}

async fn within<T>(call: impl Future<Output = kube::Result<T>>) -> Result<T, TryError> {
    match timeout(CALL_WAIT, call).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(TryError::Silent),
    }
}
