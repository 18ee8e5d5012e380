//! A client that means well, beside others that do not: how long its messages take.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::client::Client;
use crate::packet::Connect;
use crate::wait;

/// A client that publishes to itself and takes the time, all along.
#[derive(Debug)]
pub struct Bystander {
    times: Arc<Mutex<Vec<Duration>>>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<()>>,
}

impl Bystander {
    /// Starts with a subscription of its own.
    ///
    /// # Errors
    /// When the broker does not take it.
    pub fn start(port: u16) -> Result<Self> {
        let mut client = Client::connect(port, &Connect::new("bystander"))?;
        client.subscribe("bystander", 0)?;
        let (times, stop) = (
            Arc::new(Mutex::new(Vec::new())),
            Arc::new(AtomicBool::new(false)),
        );
        let (noted, stopped) = (Arc::clone(&times), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let sent = Instant::now();
                client.publish("bystander", "x", 0)?;
                client.receive()?;
                noted
                    .lock()
                    .expect("nobody panics with it")
                    .push(sent.elapsed());
                wait::pass(Duration::from_micros(500));
            }
            Ok(())
        });
        Ok(Self {
            times,
            stop,
            thread,
        })
    }

    /// The times since the last call.
    pub fn take(&self) -> Vec<Duration> {
        std::mem::take(&mut *self.times.lock().expect("nobody panics with it"))
    }

    /// Stops.
    ///
    /// # Errors
    /// When a message was lost, or its connection.
    pub fn end(self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().ok().context("the bystander panicked")?
    }
}

/// What one in a hundred is longer than.
pub fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times
        .get(times.len() * 99 / 100)
        .copied()
        .unwrap_or_default()
}
