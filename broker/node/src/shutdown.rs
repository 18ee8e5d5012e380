//! The end of the process as a value: signals turn it on, everything that runs waits for it.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Waits for the end; cheap to clone.
#[derive(Debug, Clone)]
pub struct Shutdown {
    ended: watch::Receiver<bool>,
}

/// Brings the end about.
#[derive(Debug)]
pub struct ShutdownTrigger {
    end: watch::Sender<bool>,
}

/// A trigger and what waits for it.
pub fn channel() -> (ShutdownTrigger, Shutdown) {
    let (end, ended) = watch::channel(false);
    (ShutdownTrigger { end }, Shutdown { ended })
}

impl ShutdownTrigger {
    /// The end has come. A dropped trigger says the same.
    pub fn trigger(&self) {
        self.end.send_replace(true);
    }
}

impl Shutdown {
    /// Resolves when the end has come, also if it came before.
    pub async fn wait(&mut self) {
        // An error means that the trigger is gone: the end as well.
        let _ = self.ended.wait_for(|&ended| ended).await;
    }

    /// Whether the end has come.
    pub fn has_come(&self) -> bool {
        *self.ended.borrow()
    }
}

/// Makes the end of standard input a SIGTERM: a child whose parent holds the other end of the pipe ends
/// with the parent, however that ends.
///
/// # Errors
/// No thread can be started.
pub fn end_with_input() -> std::io::Result<()> {
    let wait = || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let process = rustix::process::getpid();
        if let Err(error) = rustix::process::kill_process(process, rustix::process::Signal::TERM) {
            tracing::error!("cannot end with the parent process: {error}");
        }
    };
    let builder = std::thread::Builder::new().name("input".to_owned());
    builder.spawn(wait).map(drop)
}

/// SIGTERM and SIGINT, which kill no longer as soon as this exists.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Watches from now on; must run on the runtime.
    ///
    /// # Errors
    /// The operating system lets us watch no signals.
    pub fn watch() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for one and tells which one came.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
