//! Durable clients that publish and subscribe all the while something is done to the cluster, through the node ports of its
//! client Service, as devices outside of it would.

use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::durable::Habits;
use crate::endpoint::Endpoint;
use crate::load::{Load, Who};
use crate::packet::Version;

/// A few clients: two cores carry three kubelets, an API server and the brokers too.
const PUBLISHERS: u32 = 6;
const SUBSCRIBERS: u32 = 3;

/// A lost node is silent, not closed; a pod takes seconds to be replaced.
const HABITS: Habits = Habits {
    window: 4,
    pace: Duration::from_millis(50),
    stay: Duration::from_secs(4),
    silence: Duration::from_secs(3),
};

/// Clients that run.
#[derive(Debug)]
pub struct Traffic {
    load: Load,
}

impl Traffic {
    /// Starts them; comes back when every subscriber has its subscription and every publisher an acknowledgement.
    ///
    /// # Errors
    /// When they do not get in.
    pub fn start(endpoints: &[Endpoint]) -> Result<Self> {
        let version = |number: u32| match number % 3 {
            0 => Version::V311,
            _ => Version::V5,
        };
        let publishers: Vec<Who> = (1..=PUBLISHERS)
            .map(|number| (number, 1 + (number % 2) as u8, version(number)))
            .collect();
        let subscribers: Vec<Who> = (1..=SUBSCRIBERS)
            .map(|number| (number, 2, version(number)))
            .collect();
        let load = Load::start(endpoints, HABITS, &publishers, &subscribers)?;
        let traffic = Self { load };
        traffic.goes_on()?;
        Ok(traffic)
    }

    /// Every publisher gets something acknowledged that it sends from now on, everything acknowledged so far arrives, and no
    /// promise was broken.
    ///
    /// # Errors
    /// When that is not so, with the story.
    pub fn goes_on(&self) -> Result<()> {
        let run = self.load.run();
        run.mark();
        let timing = run.acknowledges_again(self.load.publisher_count())?;
        run.settle()?;
        run.judge()
            .with_context(|| format!("acknowledged again after {:?}", timing.latest()))
    }

    /// Publishes no more, waits until all is acknowledged and has arrived, and judges; gives the count of what was acknowledged.
    ///
    /// # Errors
    /// When a promise was broken.
    pub fn finish(self) -> Result<u64> {
        let run = self.load.run().clone();
        self.load.finish()?;
        Ok(run.checker().acknowledged_count())
    }
}
