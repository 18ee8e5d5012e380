//! Durable clients of a run, each on its thread, while a test does something to the broker.

use std::thread::{self, JoinHandle};

use anyhow::{Context as _, Result};

use crate::checker::Checker;
use crate::durable::{Habits, Publisher, Run, Subscriber};
use crate::endpoint::Endpoint;
use crate::packet::Version;

/// Number, QoS and version of a client.
pub type Who = (u32, u8, Version);

/// Clients that run.
#[derive(Debug)]
pub struct Load {
    run: Run,
    publishers: Vec<JoinHandle<()>>,
    subscribers: Vec<JoinHandle<Result<()>>>,
}

impl Load {
    /// Starts them: each subscriber has its subscription before the first publisher publishes.
    ///
    /// # Errors
    /// When a subscriber cannot subscribe.
    pub fn start(
        nodes: &[Endpoint],
        habits: Habits,
        publishers: &[Who],
        subscribers: &[Who],
    ) -> Result<Self> {
        let checker = Checker::new(subscribers.iter().map(|(number, ..)| *number));
        let mut load = Self {
            run: Run::over(nodes, habits, checker),
            publishers: Vec::new(),
            subscribers: Vec::new(),
        };
        for (number, qos, version) in subscribers {
            let subscriber = Subscriber::new(&load.run, *number, *qos, *version)?;
            load.subscribers
                .push(thread::spawn(move || subscriber.run()));
        }
        for (number, qos, version) in publishers {
            let publisher = Publisher::new(&load.run, *number, *qos, *version);
            load.publishers.push(thread::spawn(move || publisher.run()));
        }
        Ok(load)
    }

    /// Twenty publishers at QoS 1 and 2, six subscribers that move between the nodes: enough sessions
    /// that every shard has some.
    ///
    /// # Errors
    /// When a subscriber cannot subscribe.
    pub fn over(nodes: &[Endpoint]) -> Result<Self> {
        let version = |number: u32| {
            if number.is_multiple_of(3) {
                Version::V311
            } else {
                Version::V5
            }
        };
        let publishers: Vec<Who> = (1..=20)
            .map(|number| (number, 1 + (number % 2) as u8, version(number)))
            .collect();
        let subscribers: Vec<Who> = (1..=6)
            .map(|number| (number, if number == 6 { 1 } else { 2 }, version(number)))
            .collect();
        Self::start(nodes, Habits::THREE_NODES, &publishers, &subscribers)
    }

    /// What the clients share.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// How many publishers there are.
    pub fn publisher_count(&self) -> usize {
        self.publishers.len()
    }

    /// Publishes no more, waits until all is acknowledged and has arrived, and judges.
    ///
    /// # Errors
    /// When a promise was broken.
    pub fn finish(mut self) -> Result<()> {
        self.run.publish_no_more();
        let settled = self.acknowledged_and_arrived();
        self.run.end();
        for subscriber in self.subscribers.drain(..) {
            subscriber.join().ok().context("a subscriber panicked")??;
        }
        settled?;
        self.run.judge()
    }

    fn acknowledged_and_arrived(&mut self) -> Result<()> {
        let end = crate::wait::until("all acknowledgements", crate::wait::PATIENCE * 2, || {
            self.publishers
                .iter()
                .all(JoinHandle::is_finished)
                .then_some(())
        });
        if end.is_err() {
            self.run.end();
        }
        for publisher in self.publishers.drain(..) {
            publisher.join().ok().context("a publisher panicked")?;
        }
        end.with_context(|| self.run.whereabouts())?;
        self.run.settle()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.run.end();
    }
}
